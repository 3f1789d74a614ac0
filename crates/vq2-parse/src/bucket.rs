//! Question to bucket: noun, adjective, verb, relation (App. B.5.2).
//!
//! Ordered rules over the tagged question; the first that fires decides, and is kept as the explanation. Two forms
//! come in: yes/no questions ("is the dog green?") and VQ²'s question with an answer ("what color is the dog?",
//! "green"), the answer beside it, behind its question mark, or in "is "green" true for "what color …" in this image?".

use std::ops::Range;

use tables::Bucket;

use crate::tag::{Pos, Tagged, tag};

#[cfg(test)]
mod cases;
mod clause;
mod gerund;
mod open;
mod participle;
mod predicate;
mod prepositional;
mod rule;
#[cfg(test)]
mod slice;
#[rustfmt::skip] // Word lists read as paragraphs.
mod words;
mod yes_no;

pub use rule::Rule;

/// Words of a question, its marks left out.
type Words<'w, 't> = &'w [&'w Tagged<'t>];

/// A bucket and the rule that chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketDecision {
    /// The bucket.
    pub bucket: Bucket,
    /// The rule that fired.
    pub rule: Rule,
}

/// How a question was read: the decision, and which bytes of the text it took for subject and predicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The bucket and its rule.
    pub decision: BucketDecision,
    /// What something is said of; absent in open questions.
    pub subject: Option<Range<usize>>,
    /// What is said of it; absent where the words of a question are one noun phrase.
    pub predicate: Option<Range<usize>>,
}

/// The bucket of any question; `answer` is what holds for an aligned image (`None` or "yes" for a yes/no question).
///
/// Every text gets a bucket; one that no rule understands falls to the noun rule [`Rule::Fallback`].
pub fn bucket(question: &str, answer: Option<&str>) -> BucketDecision {
    read(question, &tag(question), answer).decision
}

/// Reads a question of which `words` are the tagged words.
pub fn read(question: &str, words: &[Tagged<'_>], answer: Option<&str>) -> Reading {
    if let Some((question, answer)) = question_in_question(words) {
        return Reading { subject: None, predicate: None, ..read(question, &tag(question), Some(answer)) };
    }
    let answer = answer.map(str::trim).filter(|a| !a.is_empty() && !is_yes_or_no(a));
    let (words, answer) = match answer_behind_question(words) {
        Some(at) => (&words[..at], answer.or_else(|| question.get(words[at + 1].start..))),
        None => (words, answer),
    };
    let words: Vec<&Tagged<'_>> = words.iter().filter(|w| w.pos != Pos::Mark || w.is(&[","])).collect();
    let clause = match words.split_first() {
        None => predicate::Clause::of(Rule::Fallback),
        Some((first, rest)) => match opening(first) {
            Some(Pos::Be) => yes_no::be_question(rest),
            Some(auxiliary) => yes_no::do_question(rest, auxiliary),
            None => predicate::Clause::of(open::rule(&words, answer)),
        },
    };
    let span = |words: Words<'_, '_>| Some(words.first()?.start..words.last()?.end);
    let rule = clause.rule;
    Reading {
        decision: BucketDecision { bucket: rule.bucket(), rule },
        subject: span(clause.subject),
        predicate: span(clause.predicate),
    }
}

/// The auxiliary that makes a yes/no question.
fn opening(first: &Tagged<'_>) -> Option<Pos> {
    match first.pos {
        Pos::Be | Pos::Do | Pos::Have | Pos::Modal => Some(first.pos),
        Pos::Negation if first.is(&["isn't", "aren't", "wasn't", "isn’t", "aren’t"]) => Some(Pos::Be),
        Pos::Negation if first.is(&["doesn't", "don't", "doesn’t", "don’t"]) => Some(Pos::Do),
        _ => None,
    }
}

fn is_yes_or_no(answer: &str) -> bool {
    answer.eq_ignore_ascii_case("yes") || answer.eq_ignore_ascii_case("no")
}

/// VQ²'s query `is "{answer}" true for "{question}" in this image?`: the question and the answer in it.
fn question_in_question<'t>(words: &[Tagged<'t>]) -> Option<(&'t str, &'t str)> {
    match words {
        [is, answer, true_, for_, question, ..]
            if is.pos == Pos::Be
                && answer.pos == Pos::Quoted
                && true_.is(&["true"])
                && for_.is(&["for"])
                && question.pos == Pos::Quoted =>
        {
            Some((question.text, answer.text))
        }
        _ => None,
    }
}

/// "What is on the plate? food?": where the first question mark stands, if an open question has its answer behind it.
fn answer_behind_question(words: &[Tagged<'_>]) -> Option<usize> {
    let mark = words.iter().position(|w| w.pos == Pos::Mark && w.is(&["?"]))?;
    let behind = words[mark + 1..].iter().any(|w| w.pos != Pos::Mark);
    (behind && opening(words.first()?).is_none()).then_some(mark)
}
