//! Words that are one: "to the left", "across from", "not more than five".

use super::words::BODY_PARTS;
use crate::lexicon::has;
use crate::tag::{Pos, Tagged};

/// Words that are one direction: joined, unless "of" or a noun comes after.
#[rustfmt::skip]
const DIRECTIONS: &[&[&str]] = &[
    &["to", "the", "left"], &["to", "the", "right"], &["to", "the", "side"], &["to", "the", "sides"],
    &["to", "their", "left"], &["to", "their", "right"], &["to", "his", "left"], &["to", "his", "right"],
    &["to", "her", "left"], &["to", "her", "right"], &["to", "its", "left"], &["to", "its", "right"],
    &["to", "their", "side"], &["to", "their", "sides"], &["to", "one", "side"], &["on", "the", "left"],
    &["on", "the", "right"], &["in", "front"], &["a", "little"], &["a", "bit"], &["a", "lot"], &["to", "left"], &["to", "right"],
    &["at", "the", "bottom"], &["at", "the", "top"], &["all", "around"], &["all", "over"],
];

/// Joins what is one direction, preposition or number.
pub(super) fn join_phrases<'t>(text: &'t str, words: Vec<Tagged<'t>>) -> Vec<Tagged<'t>> {
    let mut joined: Vec<Tagged<'t>> = Vec::with_capacity(words.len());
    let mut i = 0;
    while i < words.len() {
        let fits = |direction: &&&[&str]| {
            let same = direction.iter().enumerate().all(|(n, d)| words.get(i + n).is_some_and(|w| w.lower == *d));
            let after = words.get(i + direction.len());
            same && !after.is_some_and(|w| {
                w.is(&["of", "side", "color", "colour"])
                    || (matches!(w.pos, Pos::Noun | Pos::ProperNoun | Pos::Adjective)
                        && !w.is(&["left", "right"])
                        && !has(BODY_PARTS, &w.lower))
            })
        };
        // "not more than five"
        if let Some(length) = bounded_number(&words[i..]) {
            let (start, end) = (words[i].start, words[i + length - 1].end);
            let lower = words[i..i + length].iter().map(|w| w.lower.as_str()).collect::<Vec<_>>().join(" ");
            joined.push(Tagged { text: text.get(start..end).unwrap_or_default(), lower, pos: Pos::Number, start, end });
            i += length;
            continue;
        }
        // "across from"
        let across = words[i].is(&["across"]) && words.get(i + 1).filter(|w| w.is(&["from"])).is_some();
        if across {
            let (start, end) = (words[i].start, words[i + 1].end);
            let lower = "across from".to_owned();
            joined.push(Tagged {
                text: text.get(start..end).unwrap_or_default(),
                lower,
                pos: Pos::Preposition,
                start,
                end,
            });
            i += 2;
            continue;
        }
        let can_start = words[i].is(&["to", "on", "in", "a", "at", "all"]);
        let length = if can_start { DIRECTIONS.iter().find(fits).map_or(1, |d| d.len()) } else { 1 };
        if length == 1 {
            joined.push(words[i].clone());
        } else {
            let (start, end) = (words[i].start, words[i + length - 1].end);
            let lower = words[i..i + length].iter().map(|w| w.lower.as_str()).collect::<Vec<_>>().join(" ");
            let over = matches!(lower.as_str(), "all over" | "all around");
            let pos = if over { Pos::Preposition } else { Pos::Adverb };
            joined.push(Tagged { text: text.get(start..end).unwrap_or_default(), lower, pos, start, end });
        }
        i += length;
    }
    joined
}

/// Words of "more than five", "no more than two", "at least three".
fn bounded_number(words: &[Tagged<'_>]) -> Option<usize> {
    let is = |i: usize, list: &[&str]| words.get(i).is_some_and(|w| w.is(list));
    let negated = usize::from(is(0, &["not", "no"]));
    let bounded = is(negated, &["more", "less", "fewer"]) && is(negated + 1, &["than"]);
    let at_least = is(0, &["at"]) && is(1, &["least", "most"]);
    let length = if bounded { negated + 3 } else { 3 };
    let number = words.get(length - 1).is_some_and(|w| w.pos == Pos::Number);
    ((bounded || at_least) && number).then_some(length)
}
