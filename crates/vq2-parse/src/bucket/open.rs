//! VQ²'s form: an open question with the answer that holds. What is asked for decides, then what the answer is.

use tables::Bucket;

use super::{BucketDecision, decide};
use crate::lexicon::{COLOURS, has};
use crate::tag::{Pos, Tagged, tag};

/// "what X": the answer describes.
const DESCRIPTIONS: &[&str] = &[
    "color",
    "colour",
    "colors",
    "colours",
    "shape",
    "size",
    "material",
    "texture",
    "pattern",
    "style",
    "age",
    "condition",
    "mood",
    "weather",
    "time",
    "season",
    "length",
    "height",
    "temperature",
    "expression",
    "emotion",
    "breed",
    "gender",
    "medium",
    "kind",
    "type",
    "sort",
    "number",
    "flavor",
];

/// "what X": the answer says what happens.
const ACTIONS: &[&str] = &["action", "activity", "sport", "pose", "trick", "game"];

/// "what X", "which X": the answer says where.
const PLACES: &[&str] = &["side", "direction", "position", "location", "place", "part"];

/// "what type of X": names so wide that the answer is the thing itself.
const WIDE_NOUNS: &[&str] = &[
    "animal",
    "animals",
    "food",
    "object",
    "objects",
    "thing",
    "things",
    "vehicle",
    "plant",
    "person",
    "people",
    "building",
    "fruit",
    "vegetable",
    "furniture",
    "device",
    "structure",
    "item",
    "creature",
    "bird",
    "instrument",
    "room",
    "place",
    "clothing",
    "drink",
    "toy",
    "tool",
];

/// The bucket of an open question, or of any text that opens with no auxiliary.
pub fn open_question(words: &[&Tagged<'_>], answer: Option<&str>) -> BucketDecision {
    let has_any = |list: &[&str]| words.iter().any(|w| w.is(list));
    let Some(at) =
        words.iter().position(|w| w.is(&["what", "which", "where", "who", "whose", "how", "when", "why", "whom"]))
    else {
        return by_answer(answer).unwrap_or_else(|| statement(words));
    };
    let wh = words[at];
    let rest = &words[at + 1..];
    let next_is = |list: &[&str]| rest.first().is_some_and(|w| w.is(list));
    match wh.lower.as_str() {
        "where" => return decide(Bucket::Relation, "asks-where"),
        "when" | "why" => return by_answer(answer).unwrap_or(decide(Bucket::Adjective, "asks-when")),
        "how" if next_is(&["many", "much"]) => return decide(Bucket::Adjective, "asks-count"),
        "how" => return decide(Bucket::Adjective, "asks-how"),
        _ => {}
    }
    // What is asked for stands between the wh-word and the verb.
    let asked = rest.split(|w| matches!(w.pos, Pos::Be | Pos::Do | Pos::Have | Pos::Modal)).next().unwrap_or_default();
    let asked_is = |list: &[&str]| asked.iter().any(|w| w.is(list));
    if asked_is(&["kind", "type", "sort"]) {
        let wide = asked.last().is_some_and(|w| w.is(WIDE_NOUNS));
        let bucket = if wide { Bucket::Noun } else { Bucket::Adjective };
        return decide(bucket, if wide { "asks-which-thing" } else { "asks-kind" });
    }
    if asked_is(DESCRIPTIONS)
        || (next_is(&["is"])
            && rest.get(1).is_some_and(|w| w.is(&["the"]))
            && rest.get(2).is_some_and(|w| w.is(DESCRIPTIONS)))
    {
        return decide(Bucket::Adjective, "asks-description");
    }
    if asked_is(ACTIONS) {
        return decide(Bucket::Verb, "asks-action");
    }
    if asked_is(PLACES) {
        return decide(Bucket::Relation, "asks-where");
    }
    if rest.last().is_some_and(|w| w.is(&["doing", "do", "happening"])) {
        return decide(Bucket::Verb, "asks-action");
    }
    if has_any(&["made of", "made from", "made out of", "look like", "like"]) {
        return decide(Bucket::Adjective, "asks-description");
    }
    by_answer(answer).unwrap_or(decide(Bucket::Noun, "asks-thing"))
}

/// What kind of phrase the answer is.
fn by_answer(answer: Option<&str>) -> Option<BucketDecision> {
    let words = tag(answer?);
    let first = words.first()?;
    let has_noun = words.iter().any(|w| matches!(w.pos, Pos::Noun | Pos::ProperNoun) && !has(COLOURS, &w.lower));
    Some(match first.pos {
        Pos::Preposition => decide(Bucket::Relation, "answer-is-place"),
        Pos::Gerund => decide(Bucket::Verb, "answer-is-action"),
        Pos::Number if !has_noun => decide(Bucket::Adjective, "answer-is-count"),
        _ if has_noun => decide(Bucket::Noun, "answer-is-thing"),
        Pos::Verb => decide(Bucket::Verb, "answer-is-action"),
        Pos::Adjective | Pos::Participle | Pos::Adverb => decide(Bucket::Adjective, "answer-is-description"),
        _ if has(COLOURS, &first.lower) => decide(Bucket::Adjective, "answer-is-description"),
        _ => decide(Bucket::Noun, "answer-is-thing"),
    })
}

/// No question at all ("a dog on a table"): a verb or a preposition in it, or else the thing.
fn statement(words: &[&Tagged<'_>]) -> BucketDecision {
    let find = |pos: Pos| words.iter().position(|w| w.pos == pos).is_some_and(|i| i > 0);
    if find(Pos::Gerund) {
        decide(Bucket::Verb, "statement-verb")
    } else if find(Pos::Preposition) {
        decide(Bucket::Relation, "statement-preposition")
    } else {
        decide(Bucket::Noun, "fallback")
    }
}
