//! Question to bucket: noun, adjective, verb, relation (App. B.5.2).
//!
//! Ordered rules over the tagged question; the first that fires decides, and its name is kept as the explanation.
//! Two forms come in: yes/no questions ("is the dog green?") and VQ²'s question with an answer ("what color is the
//! dog?", "green").

use tables::Bucket;

use crate::tag::{Pos, Tagged, tag};

#[cfg(test)]
mod cases;
mod open;
mod predicate;

/// A bucket and the rule that chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketDecision {
    /// The bucket.
    pub bucket: Bucket,
    /// Name of the rule that fired.
    pub rule: &'static str,
}

fn decide(bucket: Bucket, rule: &'static str) -> BucketDecision {
    BucketDecision { bucket, rule }
}

/// The bucket of any question; `answer` is what holds for an aligned image (`None` or "yes" for a yes/no question).
///
/// Every text gets a bucket; one that no rule understands falls to the noun rule `fallback`.
pub fn bucket(question: &str, answer: Option<&str>) -> BucketDecision {
    bucket_of_tagged(&tag(question), answer)
}

/// [`bucket`] of a question that is tagged already.
pub fn bucket_of_tagged(words: &[Tagged<'_>], answer: Option<&str>) -> BucketDecision {
    let words: Vec<&Tagged<'_>> = words.iter().filter(|w| !(w.pos == Pos::Mark && w.is(&["?", ".", "!"]))).collect();
    let answer = answer.map(str::trim).filter(|a| !a.is_empty() && !is_yes_or_no(a));
    let Some(first) = words.first() else { return decide(Bucket::Noun, "fallback") };
    match first.pos {
        Pos::Be => be_question(&words[1..]),
        Pos::Do | Pos::Have | Pos::Modal => do_question(&words[1..], first.pos),
        _ => open::open_question(&words, answer),
    }
}

fn is_yes_or_no(answer: &str) -> bool {
    answer.eq_ignore_ascii_case("yes") || answer.eq_ignore_ascii_case("no")
}

fn be_question(words: &[&Tagged<'_>]) -> BucketDecision {
    let Some(first) = words.first() else { return decide(Bucket::Noun, "fallback") };
    if first.is(&["there"]) {
        return existential(&words[1..]);
    }
    if words.last().is_some_and(|w| w.is(&["there", "present", "visible", "here"]))
        && words.iter().all(|w| !matches!(w.pos, Pos::Preposition | Pos::Gerund | Pos::Participle | Pos::Negation))
    {
        return decide(Bucket::Noun, "is-there");
    }
    if let [.., in_, _, last] = words
        && in_.is(&["in"])
        && last.is(&["image", "picture", "photo"])
        && words.iter().filter(|w| matches!(w.pos, Pos::Preposition | Pos::Gerund) && !w.is(&["of"])).count() == 1
    {
        return decide(Bucket::Noun, "in-the-image");
    }
    let (subject, rest) = words.split_at(subject_length(words));
    predicate::predicate(subject, rest)
}

fn existential(words: &[&Tagged<'_>]) -> BucketDecision {
    if words.first().is_some_and(|w| {
        w.is(&["exactly", "only", "several", "many", "few"]) || (w.pos == Pos::Number && !w.is(&["one", "1"]))
    }) {
        return decide(Bucket::Adjective, "existential-count");
    }
    if let [article, couple, of, ..] = words
        && article.is(&["a"])
        && couple.is(&["couple", "pair"])
        && of.is(&["of"])
    {
        return decide(Bucket::Adjective, "existential-count");
    }
    decide(Bucket::Noun, "existential")
}

/// How many words the subject takes after the opening auxiliary.
fn subject_length(words: &[&Tagged<'_>]) -> usize {
    let mut i = 0;
    loop {
        i = noun_group_end(words, i);
        match words.get(i) {
            // "the skyline of the city", "the dog and the cat"
            Some(w) if (w.is(&["of"]) || w.pos == Pos::Conjunction) && i > 0 && i + 1 < words.len() => {
                let next = noun_group_end(words, i + 1);
                if next == i + 1 {
                    return i;
                }
                i = next;
                if i == words.len() && w.is(&["of"]) {
                    return i;
                }
            }
            Some(w) if w.pos == Pos::Possessive => i += 1,
            _ => return i,
        }
    }
}

fn noun_group_end(words: &[&Tagged<'_>], start: usize) -> usize {
    let mut i = start;
    // "it", "he", "each", "one of": a pronoun is a whole group.
    if words.get(i).is_some_and(|w| w.pos == Pos::Pronoun) {
        return i + 1;
    }
    while words.get(i).is_some_and(|w| {
        matches!(w.pos, Pos::Determiner | Pos::Number | Pos::Adjective | Pos::Negation)
            || (matches!(w.pos, Pos::Gerund | Pos::Participle | Pos::Adverb) && i + 1 < words.len())
    }) && !(i > start && words[i].pos == Pos::Determiner && words[i].is(&["a", "an", "the"]))
    {
        i += 1;
    }
    while words.get(i).is_some_and(|w| matches!(w.pos, Pos::Noun | Pos::ProperNoun | Pos::Quoted | Pos::Other)) {
        i += 1;
    }
    i
}

fn do_question(words: &[&Tagged<'_>], auxiliary: Pos) -> BucketDecision {
    if auxiliary == Pos::Have {
        return decide(Bucket::Noun, "has-part");
    }
    // "feature", "look", "show" may be taken for nouns.
    let known = ["have", "contain", "include", "show", "depict", "feature", "look", "seem", "appear", "feel"];
    let tagged_verb = words.iter().position(|w| matches!(w.pos, Pos::Have | Pos::Verb));
    let Some(verb) = tagged_verb.or_else(|| words.iter().position(|w| w.is(&known))) else {
        // "does the wolf howl?": the verb is one that the tagger takes for a noun.
        return if words.len() > 2 { decide(Bucket::Verb, "does") } else { decide(Bucket::Noun, "fallback") };
    };
    match words[verb].lower.as_str() {
        "have" | "contain" | "include" | "show" | "depict" | "feature" => decide(Bucket::Noun, "has-part"),
        "look" | "seem" | "appear" | "feel" => decide(Bucket::Adjective, "looks"),
        _ => decide(Bucket::Verb, "does"),
    }
}
