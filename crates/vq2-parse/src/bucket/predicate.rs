//! "is SUBJECT …?": what is said of the subject decides.

use tables::Bucket;

use super::{BucketDecision, decide};
use crate::lexicon::{COLOURS, MADE_OF, has};
use crate::tag::{Pos, Tagged};

/// Parts of a body: what is said of them is mostly a pose, and so a state.
const BODY_PARTS: &[&str] = &[
    "arm",
    "arms",
    "leg",
    "legs",
    "hand",
    "hands",
    "head",
    "knee",
    "knees",
    "elbow",
    "elbows",
    "foot",
    "feet",
    "torso",
    "body",
    "shoulder",
    "shoulders",
    "weight",
    "forearm",
    "forearms",
    "thigh",
    "thighs",
    "hips",
    "chest",
    "face",
    "ankle",
    "ankles",
    "wrist",
    "wrists",
    "toes",
    "neck",
    "spine",
    "waist",
    "gaze",
];

/// Verbs of rest: with a place they say where something is.
const REST: &[&str] = &[
    "sitting",
    "standing",
    "lying",
    "laying",
    "hanging",
    "resting",
    "kneeling",
    "balancing",
    "perched",
    "situated",
    "leaning",
    "floating-in",
];

/// Participles that bind the subject to another thing.
const BINDING: &[&str] = &[
    "attached",
    "surrounded",
    "covered",
    "connected",
    "placed",
    "located",
    "mounted",
    "seated",
    "hung",
    "tied",
    "filled",
    "set",
    "positioned",
    "situated",
    "separated",
    "seen",
    "reflected",
    "perched",
    "wrapped",
    "stacked",
    "linked",
    "fastened",
    "held",
    "joined",
    "topped",
    "centered",
    "locked",
    "displayed",
    "stuck",
    "parked",
    "planted",
    "scattered",
    "crossed",
    "strapped",
    "suspended",
    "tucked",
    "nestled",
    "buried",
    "trapped",
    "caught",
    "submerged",
    "carried",
    "followed",
    "chased",
    "aligned",
    "printed",
];

/// Prepositions that say direction or posture when nothing follows them.
const BARE: &[&str] =
    &["up", "down", "out", "off", "over", "behind", "around", "outside", "inside", "in", "on", "in front"];

/// "in a row": arrangements and postures, not places.
const ARRANGEMENTS: &[&str] = &[
    "row",
    "rows",
    "line",
    "circle",
    "grid",
    "group",
    "stack",
    "pile",
    "pose",
    "position",
    "formation",
    "pattern",
    "stance",
    "style",
    "font",
    "letters",
    "shape",
    "color",
    "colour",
    "colors",
    "colours",
    "calligraphy",
    "cursive",
    "motion",
    "flight",
    "bloom",
    "focus",
    "half",
    "pieces",
];

/// "of different sizes": what a thing is like, not what it belongs to.
const SIZES_AND_COLOURS: &[&str] =
    &["size", "sizes", "color", "colors", "colour", "colours", "shape", "shapes", "kinds", "types", "styles"];

/// The rule for a predicate, and the bucket it gives.
pub fn predicate(subject: &[&Tagged<'_>], predicate: &[&Tagged<'_>]) -> BucketDecision {
    if predicate.is_empty() {
        return empty_predicate(subject);
    }
    for (i, word) in predicate.iter().enumerate() {
        let rest = &predicate[i + 1..];
        match word.pos {
            Pos::Gerund => return progressive(word, rest),
            Pos::Have if word.is(&["having"]) => return decide(Bucket::Verb, "progressive"),
            Pos::Participle => return participle(subject, word, rest),
            Pos::Preposition => return preposition(subject, word, rest),
            Pos::Determiner if word.is(&["a", "an", "the"]) && !rest.is_empty() => {
                return decide(Bucket::Adjective, "is-a");
            }
            _ => {}
        }
    }
    decide(Bucket::Adjective, "adjective")
}

/// All words went to the subject: "is the skyline of the city?", "is one of the squares blue?", "is the evergreen measly?"
fn empty_predicate(subject: &[&Tagged<'_>]) -> BucketDecision {
    let Some(of) = subject.iter().position(|w| w.is(&["of"])).filter(|&i| i > 0) else {
        return decide(Bucket::Adjective, "bare-predicate");
    };
    let describes = subject.last().is_some_and(|w| w.pos == Pos::Adjective || w.is(SIZES_AND_COLOURS));
    if describes || subject[of + 1..].iter().any(|w| w.is(&["a", "an"])) && subject[of + 1..].len() > 3 {
        return decide(Bucket::Adjective, "bare-predicate");
    }
    decide(Bucket::Relation, "belongs-to")
}

fn progressive(verb: &Tagged<'_>, rest: &[&Tagged<'_>]) -> BucketDecision {
    let first = rest.first();
    // What one wears is asked of as a thing that is there; "wearing red" says how.
    if verb.is(&["wearing"]) && rest.last().is_some_and(|w| w.pos == Pos::Noun && !has(COLOURS, &w.lower)) {
        return if rest.iter().any(|w| w.pos == Pos::Preposition) {
            decide(Bucket::Verb, "progressive")
        } else {
            decide(Bucket::Noun, "wearing")
        };
    }
    let place = first.is_some_and(|w| {
        w.pos == Pos::Preposition
            && (w.is(&["on", "at", "over", "under", "above", "below", "beside", "behind", "between", "near", "inside"])
                || w.lower.contains(' '))
    });
    // "on their back" is a posture.
    let own = rest.get(1).is_none_or(|w| w.is(&["their", "each", "one"]));
    if place && !own && verb.is(REST) && rest.len() > 1 {
        return decide(Bucket::Relation, "rests-at");
    }
    decide(Bucket::Verb, "progressive")
}

fn participle(subject: &[&Tagged<'_>], word: &Tagged<'_>, rest: &[&Tagged<'_>]) -> BucketDecision {
    let [next, what, ..] = rest else { return decide(Bucket::Adjective, "participle") };
    if next.pos != Pos::Preposition {
        return decide(Bucket::Adjective, "participle");
    }
    if word.is(BINDING) {
        return decide(Bucket::Relation, "bound-to");
    }
    // "written on the vehicle" says where; "bent at the knee" is a pose, "painted by someone" an origin.
    if !is_body(subject) && what.is(&["the", "a", "an"]) && !next.is(&["by", "to", "of", "with", "as", "for"]) {
        return decide(Bucket::Relation, "placed-at");
    }
    decide(Bucket::Adjective, "participle")
}

fn preposition(subject: &[&Tagged<'_>], word: &Tagged<'_>, rest: &[&Tagged<'_>]) -> BucketDecision {
    if word.is(MADE_OF) {
        return decide(Bucket::Adjective, "made-of");
    }
    if word.is(&["in the style of", "in style of", "in the shape of", "in the form of"]) {
        return decide(Bucket::Adjective, "style-or-shape");
    }
    if word.is(&["full of", "like", "as", "for", "about"]) {
        return decide(Bucket::Adjective, "comparison");
    }
    let opens_noun_phrase = rest.first().is_some_and(|w| {
        matches!(w.pos, Pos::Determiner | Pos::Noun | Pos::ProperNoun | Pos::Pronoun | Pos::Number | Pos::Adjective)
    });
    let last = rest.last();
    if rest.is_empty() && word.is(&["outside", "inside"]) {
        return decide(Bucket::Relation, "preposition");
    }
    if rest.is_empty()
        || (word.is(BARE) && !opens_noun_phrase)
        || last.is_some_and(|w| w.is(&["side"])) && rest.len() <= 3 && is_body(subject)
    {
        return decide(Bucket::Adjective, "bare-direction");
    }
    if word.is(&["by"]) && !rest[0].is(&["the", "a", "an", "his", "her", "their", "its"]) {
        return decide(Bucket::Adjective, "made-by");
    }
    if word.is(&["in"]) && last.is_some_and(|w| w.is(ARRANGEMENTS)) {
        return decide(Bucket::Adjective, "arrangement");
    }
    if word.is(&["in"])
        && rest.len() == 1
        && matches!(rest[0].pos, Pos::Noun | Pos::Participle | Pos::Number)
        && rest[0].text.starts_with(char::is_lowercase)
    {
        return decide(Bucket::Adjective, "state-phrase");
    }
    decide(Bucket::Relation, "preposition")
}

fn is_body(subject: &[&Tagged<'_>]) -> bool {
    subject.last().is_some_and(|w| w.is(BODY_PARTS))
}
