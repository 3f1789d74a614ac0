//! VQ²'s form: an open question with the answer that holds. What is asked for decides, then what the answer is.

use super::words::SAYING;
use super::{Rule, Words};
use crate::lexicon::{COLOURS, has};
use crate::tag::{Pos, Tagged, tag};

/// "what X": the answer describes.
#[rustfmt::skip]
const DESCRIPTIONS: &[&str] = &[
    "color", "colour", "colors", "colours", "shape", "size", "material", "texture", "pattern", "style", "age",
    "condition", "mood", "weather", "time", "season", "length", "height", "temperature", "expression", "emotion",
    "breed", "gender", "medium", "kind", "type", "sort", "number", "flavor", "shade", "century", "year", "decade",
    "period", "era", "day", "state", "quality", "genre", "atmosphere", "lighting", "nationality", "species", "brand",
];

/// "what X": the answer says what happens.
const ACTIONS: &[&str] = &["action", "activity", "activities", "sport", "pose", "trick", "game"];

/// "what X", "which X": the answer says where.
const PLACES: &[&str] = &["side", "direction", "position", "location", "place", "part", "corner", "end"];

/// "what type of X": names so wide that the answer is the thing itself.
#[rustfmt::skip]
const WIDE_NOUNS: &[&str] = &[
    "animal", "animals", "food", "object", "objects", "thing", "things", "vehicle", "vehicles", "plant", "plants",
    "person", "people", "building", "buildings", "fruit", "fruits", "vegetable", "vegetables", "furniture", "device",
    "structure", "item", "items", "creature", "bird", "instrument", "room", "place", "clothing", "drink", "toy",
    "tool", "appliance", "utensil", "garment", "equipment", "transportation", "footwear", "headwear", "landmark",
];

const WH_WORDS: &[&str] = &["what", "which", "where", "who", "whose", "how", "when", "why", "whom", "what's"];

/// The rule for an open question, or for any text that opens with no auxiliary.
pub fn rule(words: Words<'_, '_>, answer: Option<&str>) -> Rule {
    let Some(at) = words.iter().position(|w| w.is(WH_WORDS)) else {
        return answer.and_then(by_answer).unwrap_or_else(|| statement(words));
    };
    let (wh, rest) = (words[at], &words[at + 1..]);
    let next_is = |list: &[&str]| rest.first().is_some_and(|w| w.is(list));
    match wh.lower.as_str() {
        "where" => return Rule::AsksWhere,
        "when" | "why" => return Rule::AsksWhen,
        "how" if next_is(&["many", "much"]) => return Rule::AsksCount,
        "how" => return Rule::AsksHow,
        _ => {}
    }
    // "what is the color of the sky?" asks as "what color is the sky?" does.
    let is_the = matches!(rest, [is, the, ..] if is.pos == Pos::Be && the.is(&["the"]));
    let asked = if is_the { rest.get(2..3) } else { rest.split(|w| ends_what_is_asked(w)).next() }.unwrap_or_default();
    let asked_is = |list: &[&str]| asked.iter().any(|w| w.is(list));
    if !is_the && asked_is(&["kind", "type", "sort"]) {
        let wide = asked.last().is_some_and(|w| w.is(WIDE_NOUNS));
        return if wide { Rule::AsksWhichThing } else { Rule::AsksKind };
    }
    if asked_is(DESCRIPTIONS) {
        return Rule::AsksDescription;
    }
    if asked_is(ACTIONS) {
        return Rule::AsksAction;
    }
    if asked_is(PLACES) {
        return Rule::AsksWhere;
    }
    if rest.last().is_some_and(|w| w.is(&["doing", "do", "happening", "done"])) || rest.iter().any(|w| w.is(&["doing"]))
    {
        return Rule::AsksAction;
    }
    if rest.iter().any(|w| w.is(&["made of", "made from", "made out of", "look like", "like"])) {
        return Rule::AsksDescription;
    }
    if rest.last().is_some_and(|w| w.is(SAYING)) {
        return Rule::AsksThing;
    }
    answer.and_then(by_answer).unwrap_or(Rule::AsksThing)
}

/// "what color IS the dog", "what WITH a tail".
fn ends_what_is_asked(word: &Tagged<'_>) -> bool {
    matches!(word.pos, Pos::Be | Pos::Do | Pos::Have | Pos::Modal) || word.pos == Pos::Preposition && !word.is(&["of"])
}

/// What kind of phrase the answer is.
fn by_answer(answer: &str) -> Option<Rule> {
    let words = tag(answer);
    let first = words.first()?;
    let has_noun = words.iter().any(|w| matches!(w.pos, Pos::Noun | Pos::ProperNoun) && !has(COLOURS, &w.lower));
    Some(match first.pos {
        Pos::Preposition => Rule::AnswerIsPlace,
        Pos::Gerund => Rule::AnswerIsAction,
        Pos::Number if !has_noun => Rule::AnswerIsCount,
        _ if has_noun => Rule::AnswerIsThing,
        Pos::Verb => Rule::AnswerIsAction,
        Pos::Adjective | Pos::Participle | Pos::Adverb => Rule::AnswerIsDescription,
        _ if has(COLOURS, &first.lower) => Rule::AnswerIsDescription,
        _ => Rule::AnswerIsThing,
    })
}

/// No question at all ("a dog on a table"): a verb or a preposition in it, or else the thing.
fn statement(words: Words<'_, '_>) -> Rule {
    let find = |pos: Pos| words.iter().position(|w| w.pos == pos).is_some_and(|i| i > 0);
    if find(Pos::Gerund) {
        Rule::StatementVerb
    } else if find(Pos::Preposition) {
        Rule::StatementPreposition
    } else {
        Rule::Fallback
    }
}
