//! A preposition in the predicate: mostly a place, but also a material, a style, an arrangement, a direction.

use super::predicate::is_body;
use super::words::{ARRANGEMENTS, BARE, LOOKS, PLACES_WITHOUT_ARTICLE, SIZES_AND_COLOURS, STATES, VIEWPOINTS};
use super::{Rule, Words};
use crate::inflect::is_plural;
use crate::lexicon::{COLOURS, MADE_OF, TIMES, has};
use crate::tag::{Pos, Tagged};

/// The rule for `preposition`, with what follows it.
pub fn rule(subject: Words<'_, '_>, preposition: &Tagged<'_>, rest: Words<'_, '_>) -> Rule {
    if preposition.is(MADE_OF) {
        return Rule::MadeOf;
    }
    if preposition.is(&["in the style of", "in style of", "in the shape of", "in the form of"]) {
        return Rule::InStyleOf;
    }
    let Some((opens, last)) = rest.first().zip(rest.last()) else {
        return if preposition.is(&["outside", "inside"]) { Rule::IsPlaced } else { Rule::Direction };
    };
    if preposition.is(&["full of", "like", "as", "about"]) || preposition.is(&["for"]) && opens.pos != Pos::Determiner {
        return Rule::IsLike;
    }
    let opens_noun_group = matches!(
        opens.pos,
        Pos::Determiner | Pos::Noun | Pos::ProperNoun | Pos::Pronoun | Pos::Number | Pos::Adjective
    );
    let beside_itself = last.is(&["side"]) && rest.len() <= 3 && is_body(subject);
    if preposition.is(BARE) && !opens_noun_group && !is_state(preposition, rest) || beside_itself {
        return Rule::Direction;
    }
    // "by trees" is a place, "by greg rutkowski" a maker.
    let by_things = rest.len() == 1 && opens.pos == Pos::Noun && is_plural(&opens.lower);
    if preposition.is(&["by"]) && !by_things && !opens.is(&["the", "a", "an", "his", "her", "their", "its"]) {
        return Rule::MadeBy;
    }
    if is_state(preposition, rest) { Rule::InState } else { Rule::IsPlaced }
}

/// Whether a preposition and its noun group name a state, a look, a colour, a time, and no place.
pub fn is_state(preposition: &Tagged<'_>, group: Words<'_, '_>) -> bool {
    let Some((opens, last)) = group.first().zip(group.last()) else { return false };
    let alone = group.len() == 1;
    if has(TIMES, &last.lower) && (alone || preposition.is(&["during"])) {
        return true;
    }
    match preposition.lower.as_str() {
        "in" => {
            let colour = has(COLOURS, &last.lower) && group.iter().all(|w| w.pos != Pos::Determiner)
                || last.is(&["black and white", "sepia", "grayscale", "greyscale"]);
            let named = alone
                && matches!(opens.pos, Pos::Noun | Pos::Participle | Pos::Number | Pos::Adjective | Pos::Adverb)
                && !opens.text.starts_with(char::is_uppercase)
                && !opens.is(PLACES_WITHOUT_ARTICLE);
            colour
                || named
                || last.is(ARRANGEMENTS)
                || group.iter().any(|w| w.is(&["style", "pose", "position", "mid"]))
        }
        "on" | "at" | "under" | "to" => alone && opens.is(STATES),
        "of" => last.is(SIZES_AND_COLOURS),
        "with" => last.is(LOOKS),
        "from" => {
            let a_year = |w: &&Tagged<'_>| w.lower.starts_with(|c: char| c.is_ascii_digit());
            last.is(VIEWPOINTS) || opens.is(VIEWPOINTS) || group.iter().any(a_year)
        }
        _ => false,
    }
}
