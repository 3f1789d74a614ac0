//! A past participle in the predicate: a state, a tie to another thing, a place, or whose work it is.

use super::predicate::is_body;
use super::prepositional::is_state;
use super::words::{BECOMING, BINDING, BODY_PARTS, DEEDS, MAKING, PLACE};
use super::{Rule, Words};
use crate::tag::{Pos, Tagged};

/// The rule for `participle`, with what follows it.
pub fn rule(subject: Words<'_, '_>, participle: &Tagged<'_>, rest: Words<'_, '_>) -> Rule {
    // "chewed and eaten by": the last of several carries what follows.
    if let [and, second, more @ ..] = rest
        && and.pos == Pos::Conjunction
        && second.pos == Pos::Participle
    {
        return rule(subject, second, more);
    }
    let body = is_body(subject);
    let rest = if body { rest } else { after_particle(rest) };
    let [next, what @ ..] = rest else { return Rule::IsDone };
    let Some(opens) = what.first() else { return Rule::IsDone };
    if next.pos != Pos::Preposition {
        return Rule::IsDone;
    }
    if next.is(&["by"]) {
        return done_by(participle, what);
    }
    if participle.is(BINDING) && !next.is(&["as", "like"]) {
        return Rule::BoundTo;
    }
    // "bent at the knee" is a pose.
    if body || participle.is(MAKING) && !(next.is(&["on"]) && opens.is(&["the", "a", "an"])) || names_body(what) {
        return Rule::IsDone;
    }
    let names_a_thing = opens.is(&["the", "a", "an", "his", "her", "its", "their", "each other"]);
    match next.lower.as_str() {
        "into" if names_a_thing && !participle.is(BECOMING) => Rule::DonePlaced,
        "with" if participle.is(DEEDS) => Rule::DoneBy,
        "to" if names_a_thing && !points(what) => Rule::BoundTo,
        "with" if matches!(opens.pos, Pos::Noun | Pos::Adjective | Pos::Determiner | Pos::Number) => Rule::BoundTo,
        "in" if names_a_thing && !is_state(next, what) => Rule::DonePlaced,
        "of" | "as" | "for" | "like" | "into" | "to" | "with" | "in" | "from" | "than" => Rule::IsDone,
        _ if next.is(PLACE) && names_a_thing || next.lower.contains(' ') => Rule::DonePlaced,
        "through" | "across" | "toward" | "towards" if names_a_thing => Rule::DonePlaced,
        _ => Rule::IsDone,
    }
}

/// "curled up on the rug": the particle belongs to the participle.
fn after_particle<'w, 't>(rest: Words<'w, 't>) -> Words<'w, 't> {
    match rest {
        [particle, next, ..]
            if next.pos == Pos::Preposition
                && (particle.is(&["up", "down", "out", "off", "over", "together", "back"])
                    || particle.pos == Pos::Adverb) =>
        {
            &rest[1..]
        }
        _ => rest,
    }
}

/// "by X": the maker of a work, the doer of a deed, or what is around.
fn done_by(participle: &Tagged<'_>, what: Words<'_, '_>) -> Rule {
    if participle.is(MAKING) {
        Rule::MadeBy
    } else if participle.is(DEEDS) {
        Rule::DoneBy
    } else if participle.is(BINDING) || what[0].is(&["the"]) {
        Rule::BoundTo
    } else {
        Rule::MadeBy
    }
}

/// "turned to the left" points, it does not bind.
fn points(what: Words<'_, '_>) -> bool {
    what.last().is_some_and(|w| w.is(&["left", "right", "side", "sides", "front", "back", "ground", "sky"]))
}

fn names_body(what: Words<'_, '_>) -> bool {
    what.last().is_some_and(|w| w.is(BODY_PARTS))
}
