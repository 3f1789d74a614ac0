//! Corrections of the tags that hold for prompts: descriptions in the present tense, often without verbs.

use super::join::join_phrases;
use super::words::{BINDING, BODY_PARTS};
use crate::inflect::is_plural;
use crate::lexicon::*;
use crate::tag::{Pos, Tagged};

/// Nouns that the tagger takes for verbs or adjectives, before the noun that they name the kind of.
const KINDS: &[(&str, &str)] = &[
    ("stop", "sign"),
    ("stop", "signs"),
    ("hot", "dog"),
    ("hot", "dogs"),
    ("remote", "control"),
    ("remote", "controller"),
    ("stuffed", "animal"),
    ("stuffed", "animals"),
    ("fire", "hydrant"),
    ("parking", "meter"),
    ("cutting", "board"),
    ("swimming", "pool"),
    ("living", "room"),
    ("dining", "room"),
    ("dining", "table"),
    ("cell", "phone"),
    ("ice", "cream"),
    ("running", "shoes"),
    ("hot", "tub"),
    ("high", "chair"),
    ("fighter", "jet"),
    ("fast", "food"),
    ("black", "hole"),
    ("french", "fries"),
    ("roller", "coaster"),
    ("washing", "machine"),
    ("sewing", "machine"),
    ("vending", "machine"),
    ("tea", "pot"),
    ("rocking", "chair"),
    ("fishing", "rod"),
    ("shopping", "cart"),
    ("shopping", "bag"),
    ("mixing", "bowl"),
    ("traffic", "light"),
    ("still", "life"),
    ("stained", "glass"),
    ("serving", "spoon"),
    ("hot", "air"),
    ("milky", "way"),
    ("prime", "minister"),
    ("grand", "piano"),
    ("grand", "canyon"),
    ("police", "officer"),
    ("polar", "bear"),
    ("guinea", "pig"),
    ("sweet", "potato"),
    ("playing", "card"),
    ("playing", "cards"),
    ("sleeping", "bag"),
    ("sleeping", "bags"),
    ("solar", "panel"),
    ("solar", "panels"),
    ("rolling", "pin"),
];

/// Adjectives that stand for a thing when no noun follows.
const NOUNS_TOO: &[&str] = &[
    "human",
    "individual",
    "subject",
    "native",
    "giant",
    "square",
    "round",
    "oval",
    "plastic",
    "leather",
    "metal",
    "animal",
    "female",
    "male",
    "evergreen",
    "submarine",
    "cooler",
    "toaster",
    "uniform",
    "washer",
    "printer",
    "mixer",
    "fryer",
    "radish",
];

/// Puts right what the tagger, trained on sentences, gets wrong in prompts.
pub fn retag<'t>(text: &'t str, words: Vec<Tagged<'t>>) -> Vec<Tagged<'t>> {
    let mut words = join_phrases(text, words);
    for i in 0..words.len() {
        if let Some(pos) = corrected(&words, i) {
            words[i].pos = pos;
        }
    }
    words
}

fn corrected(words: &[Tagged<'_>], i: usize) -> Option<Pos> {
    let word = &words[i];
    let before = i.checked_sub(1).map(|b| &words[b]);
    let after = words.get(i + 1);
    let noun = |w: Option<&Tagged<'_>>| w.is_some_and(|w| matches!(w.pos, Pos::Noun | Pos::ProperNoun));
    if word.is(&["whose"]) {
        return Some(Pos::Determiner);
    }
    if word.is(&["someone", "somebody"]) {
        return Some(Pos::Noun);
    }
    if after.is_some_and(|a| KINDS.contains(&(word.lower.as_str(), a.lower.as_str()))) {
        return Some(Pos::Noun);
    }
    if before.is_some_and(|b| KINDS.contains(&(b.lower.as_str(), word.lower.as_str()))) {
        return Some(Pos::Noun);
    }
    // "leaning left", "the face is right", but "the left", "left arm".
    if word.is(&["left", "right"])
        && !noun(after)
        && !before
            .is_some_and(|b| matches!(b.pos, Pos::Determiner | Pos::Preposition | Pos::Possessive | Pos::Adjective))
    {
        return Some(Pos::Adverb);
    }
    // "He's balancing"
    if word.pos == Pos::Possessive
        && word.lower.len() > 1
        && before.is_some_and(|b| b.is(&["he", "she", "it", "there", "that"]))
    {
        return Some(Pos::Be);
    }
    // "serving spoon set of six", "set of two chairs"
    if word.is(&["set"]) && !before.is_some_and(|b| b.pos == Pos::Be) {
        return Some(Pos::Noun);
    }
    match word.pos {
        // "left to dog": no finite verb after a preposition.
        Pos::Verb if before.is_some_and(|b| b.pos == Pos::Preposition && !b.is(&["than", "as", "like"])) => {
            Some(Pos::Noun)
        }
        // "a boat tied to a post"
        Pos::Verb if has(BINDING, &word.lower) && after.is_some_and(|a| a.pos == Pos::Preposition || a.is(&["to"])) => {
            Some(Pos::Participle)
        }
        // "a broken, rusty bicycle"
        Pos::Noun if after.is_some_and(|a| a.is(&[","])) && crate::inflect::is_past_participle(&word.lower) => {
            Some(Pos::Participle)
        }
        // "a half-eaten sandwich"
        Pos::Noun
            if noun(after)
                && word.lower.rsplit_once('-').is_some_and(|(_, last)| crate::inflect::is_past_participle(last)) =>
        {
            Some(Pos::Adjective)
        }
        // "a computer monitor": a singular noun does not take a verb without -s.
        Pos::Verb
            if before.is_some_and(|b| b.pos == Pos::Noun && !is_plural(&b.lower))
                && !word.lower.ends_with('s')
                && base_form_ends_phrase(words, i) =>
        {
            Some(Pos::Noun)
        }
        // "wearing aviator goggles": the clause has its verb.
        Pos::Verb
            if word.lower.ends_with('s')
                && noun(before)
                && i > 1
                && words[i - 2].pos == Pos::Gerund
                && after.is_none_or(|a| matches!(a.pos, Pos::Conjunction | Pos::Mark | Pos::Gerund)) =>
        {
            Some(Pos::Noun)
        }
        // "the head leans to the left"
        Pos::Noun
            if before.is_some_and(|b| has(BODY_PARTS, &b.lower) && !is_plural(&b.lower))
                && word.lower.ends_with('s')
                && is_plural(&word.lower)
                && !has(BODY_PARTS, &word.lower)
                && after.is_some_and(|a| matches!(a.pos, Pos::Adverb | Pos::Preposition | Pos::Determiner)) =>
        {
            Some(Pos::Verb)
        }
        // "a fox shopping at a mall"
        Pos::Noun
            if word.is(&["shopping", "cooking", "bowling", "writing", "parking", "meeting", "setting"])
                && noun(before)
                && after.is_none_or(|a| matches!(a.pos, Pos::Preposition | Pos::Determiner | Pos::Quoted)) =>
        {
            Some(Pos::Gerund)
        }
        // "a blue whale looms over": after "a" and a singular noun an -s ends a verb.
        Pos::Noun if verb_after_article(words, i) => Some(Pos::Verb),
        // "a pear, orange, and two bananas"; "bed and human"
        Pos::Adjective if stands_alone(words, i) => Some(Pos::Noun),
        // "a water cooler": no comparison without "than".
        Pos::Adjective if noun(before) && has(NOUNS_TOO, &word.lower) && !after.is_some_and(|a| a.is(&["than"])) => {
            Some(Pos::Noun)
        }
        // "the knees bent": a body part does not open a compound with a verb form.
        Pos::Noun if word.lower.ends_with("ed") && before.is_some_and(|b| has(BODY_PARTS, &b.lower)) => {
            Some(Pos::Participle)
        }
        Pos::Verb | Pos::Adjective | Pos::Noun
            if word.is(&[
                "bent",
                "spread",
                "held",
                "folded",
                "crossed",
                "stretched",
                "outstretched",
                "raised",
                "tucked",
            ]) && !noun(after) =>
        {
            Some(Pos::Participle)
        }
        _ => None,
    }
}

/// Whether a bare verb form is the last word of a phrase with an article: "under a computer monitor".
fn base_form_ends_phrase(words: &[Tagged<'_>], i: usize) -> bool {
    let ends = words.get(i + 1).is_none_or(|a| matches!(a.pos, Pos::Mark | Pos::Conjunction | Pos::Preposition));
    let past = crate::inflect::verb_base(&words[i].lower).is_some() || words[i].lower.ends_with("ed");
    let opens = words[..i].iter().rev().take(5).find(|w| !matches!(w.pos, Pos::Noun | Pos::Adjective));
    let listed = words[..i].iter().rev().take(5).any(|w| w.pos == Pos::Conjunction);
    ends && !past && !listed && opens.is_some_and(|w| w.is(&["a", "an"]))
}

fn verb_after_article(words: &[Tagged<'_>], i: usize) -> bool {
    let word = &words[i];
    let Some(before) = i.checked_sub(1).map(|b| &words[b]) else { return false };
    let starts_lower = word.text.starts_with(char::is_lowercase);
    let singular_before = before.pos == Pos::Noun && !is_plural(&before.lower) && !has(MASS_NOUNS, &before.lower);
    if !starts_lower || !singular_before || !is_plural(&word.lower) || !word.lower.ends_with('s') {
        return false;
    }
    // No noun, and nothing that would make the noun a plural, comes after.
    let object_follows = words.get(i + 1).is_none_or(|a| {
        matches!(a.pos, Pos::Determiner | Pos::Preposition | Pos::Adverb | Pos::Number | Pos::Conjunction)
            || a.is(&["."])
    });
    let article = words[..i - 1]
        .iter()
        .rev()
        .take(5)
        .find(|w| !matches!(w.pos, Pos::Adjective | Pos::Noun | Pos::Participle | Pos::Gerund | Pos::Adverb));
    object_follows && article.is_some_and(|w| w.is(&["a", "an", "another", "one"]))
}

/// An adjective that names a thing, between commas or conjunctions, with no noun to describe.
fn stands_alone(words: &[Tagged<'_>], i: usize) -> bool {
    let word = &words[i];
    if !has(NOUNS_TOO, &word.lower) && !has(COLOURS_AND_THINGS, &word.lower) {
        return false;
    }
    let opens = i
        .checked_sub(1)
        .map(|b| &words[b])
        .is_some_and(|b| matches!(b.pos, Pos::Mark | Pos::Conjunction | Pos::Determiner));
    let mut next = i + 1;
    while words.get(next).is_some_and(|w| w.is(&[",", "and"])) {
        next += 1;
    }
    let listed = next > i + 1 && words.get(next).is_some_and(|w| matches!(w.pos, Pos::Determiner | Pos::Number));
    let ends =
        words.get(i + 1).is_none_or(|w| matches!(w.pos, Pos::Be | Pos::Preposition | Pos::Verb) || w.is(&[".", ";"]));
    let human = !has(COLOURS, &word.lower) && ends;
    opens && (listed || human)
}
