//! Which gold propositions the questions of one prompt cover, and which questions cover a proposition.

use std::collections::BTreeSet;

use tables::Bucket;
use vq2_parse::TemplateQuestion;

use crate::families::{Family, family};
use crate::gold::{GoldPrompt, Proposition, content, words};

/// What became of a gold proposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recalled {
    /// All content words stand in one question of its bucket.
    pub content: bool,
    /// All words, prepositions and particles too, stand in one question of its bucket.
    pub words: bool,
    /// Whether all its content words are in the prompt.
    pub reachable: bool,
    /// Why it is missed; `None` if it is not.
    pub family: Option<Family>,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Its bucket.
    pub bucket: Bucket,
    /// It covers a proposition of its prompt.
    pub covers: bool,
    /// It covers one of its own bucket, or one that has no bucket (global, count, text).
    pub covers_own: bool,
    /// How many content words it has.
    pub n_words: usize,
}

/// One prompt's propositions and questions, in their orders.
pub struct Measured {
    /// One per proposition.
    pub recalled: Vec<Recalled>,
    /// One per question.
    pub judged: Vec<Judged>,
}

/// A question with the words it has.
pub struct AskedWords {
    /// Its bucket.
    pub bucket: Bucket,
    /// Content words.
    pub content: BTreeSet<String>,
    /// All but grammar.
    pub words: BTreeSet<String>,
}

/// Compares a prompt's questions with its propositions.
pub fn measure(prompt: &GoldPrompt, questions: &[TemplateQuestion]) -> Measured {
    let asked: Vec<AskedWords> = questions
        .iter()
        .map(|q| AskedWords { bucket: q.bucket, content: content(&q.question), words: words(&q.question) })
        .collect();
    let in_prompt = words(&prompt.text);
    let recall = |p: &Proposition| {
        let own = || asked.iter().filter(|a| p.bucket.is_none_or(|b| b == a.bucket));
        let reachable = p.content.is_subset(&in_prompt);
        let content = own().any(|a| p.content.is_subset(&a.words));
        Recalled {
            content,
            words: own().any(|a| p.words.is_subset(&a.words)),
            reachable,
            family: (!content).then(|| family(prompt, p, &asked, reachable)),
        }
    };
    let judge = |a: &AskedWords| {
        let covers = |p: &&Proposition| !p.content.is_empty() && p.content.is_subset(&a.words);
        Judged {
            bucket: a.bucket,
            covers: prompt.propositions.iter().any(|p| covers(&p)),
            covers_own: prompt
                .propositions
                .iter()
                .filter(|p| p.bucket.is_none_or(|b| b == a.bucket))
                .any(|p| covers(&p)),
            n_words: a.content.len(),
        }
    };
    Measured { recalled: prompt.propositions.iter().map(recall).collect(), judged: asked.iter().map(judge).collect() }
}
