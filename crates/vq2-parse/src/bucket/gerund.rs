//! A verb in -ing in the predicate: an action, a garment that is worn, or a place where something rests.

use super::words::{ARRANGEMENTS, PLACE, RESTING};
use super::{Rule, Words};
use crate::lexicon::{COLOURS, COLOURS_AND_THINGS, has};
use crate::tag::{Pos, Tagged};

/// The rule for `verb`, with what follows it.
pub fn rule(verb: &Tagged<'_>, rest: Words<'_, '_>) -> Rule {
    // "wearing a hat feeding a duck", "standing on a stool painting the wall": the last verb is what is asked.
    if (verb.is(&["wearing"]) || verb.is(RESTING))
        && let Some(next) = next_verb(rest)
    {
        return rule(rest[next], &rest[next + 1..]);
    }
    if verb.is(&["wearing"]) { wearing(rest) } else { resting(verb, rest).unwrap_or(Rule::IsDoing) }
}

/// A second verb in -ing after the first one's object or place.
fn next_verb(rest: Words<'_, '_>) -> Option<usize> {
    let at = rest.iter().position(|w| w.pos == Pos::Gerund).filter(|&at| at > 1)?;
    let ends_group = matches!(rest[at - 1].pos, Pos::Noun | Pos::ProperNoun);
    let governs = rest
        .get(at + 1)
        .is_none_or(|w| matches!(w.pos, Pos::Determiner | Pos::Preposition | Pos::Pronoun | Pos::Noun | Pos::Adverb));
    (ends_group && governs).then_some(at)
}

/// What one wears is asked of as a thing that is there; "wearing red" says how.
fn wearing(rest: Words<'_, '_>) -> Rule {
    let garment = rest.last().is_some_and(|w| !matches!(w.pos, Pos::Preposition | Pos::Participle))
        && rest.last().is_some_and(|w| !has(COLOURS, &w.lower) || has(COLOURS_AND_THINGS, &w.lower) && rest.len() > 1);
    let elsewhere = rest.iter().any(|w| w.pos == Pos::Preposition && !w.is(&["with", "of"]));
    if garment && !elsewhere { Rule::Wears } else { Rule::IsDoing }
}

/// "sitting on the bench" says where; "standing in a row" and "lying on their back" say how.
fn resting(verb: &Tagged<'_>, rest: Words<'_, '_>) -> Option<Rule> {
    if !verb.is(RESTING) {
        return None;
    }
    // "sitting down on", "hanging upside down from"
    let skip = rest
        .iter()
        .take_while(|w| {
            w.pos == Pos::Adverb || w.is(&["up", "down", "back", "out", "upside down", "still", "alone", "upright"])
        })
        .count();
    let (preposition, place) = rest.get(skip..)?.split_first()?;
    let places = preposition.lower.contains(' ')
        || preposition.is(PLACE)
        || preposition.is(&["from"]) && verb.is(&["hanging", "dangling"]);
    let opens = place.first()?;
    // "on their back" is a posture, as is "on one leg".
    let posture = opens.is(&["their", "each", "one"]);
    let arranged =
        preposition.is(&["in"]) && (opens.pos == Pos::Noun || place.last().is_some_and(|w| w.is(ARRANGEMENTS)));
    (preposition.pos == Pos::Preposition && places && !posture && !arranged).then_some(Rule::RestsAt)
}
