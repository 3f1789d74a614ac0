//! What stands before the noun: determiners, counts, adjectives, participles.

use super::{Modifier, NounPhrase, spelled};
use crate::lexicon::*;
use crate::tag::{Pos, Tagged};

/// Participles that a noun before them completes: "snow covered".
const NOUN_COMPOUND_ENDS: &[&str] =
    &["covered", "filled", "lined", "shaped", "topped", "chipped", "painted", "sized", "coated", "themed", "inspired"];

// "very very very": looking no further keeps the time linear.
const MOST_ADVERBS: usize = 6;

pub(super) fn determiners(words: &[Tagged<'_>], start: usize, phrase: &mut NounPhrase) -> usize {
    let mut i = start;
    while let Some(word) = words.get(i) {
        let next_is_of = words.get(i + 1).is_some_and(|w| w.is(&["of"]));
        match word.pos {
            Pos::Determiner if has(VAGUE_QUANTITIES, &word.lower) || word.is(&["both"]) => {
                let vague = !word.is(&["some", "any", "all"]);
                if vague && phrase.quantity.is_none() {
                    // "a few", not "few".
                    let article = phrase.determiner.take_if(|d| word.is(&["few"]) && d == "a");
                    phrase.quantity =
                        Some(article.map_or_else(|| word.lower.clone(), |a| format!("{a} {}", word.lower)));
                } else if word.is(&["some"]) {
                    phrase.determiner = Some(word.lower.clone());
                }
            }
            // "a dozen"
            Pos::Number if word.is(&["dozen", "hundred", "thousand"]) && phrase.determiner.as_deref() == Some("a") => {
                phrase.determiner = None;
                phrase.quantity = Some(format!("a {}", word.lower));
            }
            Pos::Determiner => phrase.determiner = Some(word.lower.clone()),
            Pos::Number => phrase.quantity = Some(word.lower.clone()),
            // "a couple of", "lots of": the noun comes after.
            Pos::Noun if next_is_of && has(MEASURES, &word.lower) => {
                let article = phrase.determiner.take().map_or_else(String::new, |d| format!("{d} "));
                let counts = !word.is(&["kind", "type", "sort", "variety"]);
                phrase.quantity = counts.then(|| format!("{article}{} of", word.lower));
                i += 1;
            }
            _ => break,
        }
        i += 1;
    }
    i
}

/// Adjectives and prenominal participles, with "very", commas and "and" between them.
pub(super) fn modifiers(words: &[Tagged<'_>], start: usize, phrase: &mut NounPhrase) -> usize {
    let mut i = start;
    loop {
        let listed = !phrase.modifiers.is_empty() || phrase.determiner.is_some();
        let Some(end) = modifier_end(words, i, listed) else { return i };
        let last = &words[end - 1];
        let is_action = last.pos == Pos::Gerund;
        if last.pos == Pos::Number {
            phrase.quantity = Some(last.lower.clone());
        } else {
            phrase.modifiers.push(Modifier { text: spelled(&words[i..end]), is_action, start: words[i].start });
        }
        i = end;
        // "old, rusty car", "black and white cat"
        let mut next = i;
        while words.get(next).is_some_and(|w| w.is(&[",", "and"])) {
            next += 1;
        }
        if next > i && modifier_end(words, next, true).is_some() {
            i = next;
        }
    }
}

/// One past a modifier that starts here and has a noun somewhere after it.
fn modifier_end(words: &[Tagged<'_>], start: usize, listed: bool) -> Option<usize> {
    let mut i = start;
    while words.get(i)?.pos == Pos::Adverb {
        i += 1;
        if i > start + MOST_ADVERBS {
            return None;
        }
    }
    let word = words.get(i)?;
    let is_modifier = match word.pos {
        Pos::Adjective | Pos::Number => true,
        // "snow covered land"
        Pos::Noun if words.get(i + 1).is_some_and(|w| w.is(NOUN_COMPOUND_ENDS)) && reaches_noun(&words[i + 2..]) => {
            return Some(i + 2);
        }
        Pos::Gerund | Pos::Participle => words.get(i + 1).is_some_and(|w| {
            matches!(w.pos, Pos::Noun | Pos::ProperNoun | Pos::Adjective)
                || (w.pos == Pos::Gerund && word.pos == Pos::Participle)
                // "happy, surprised and smiling faces"
                || (listed && w.is(&[",", "and"]))
        }),
        _ => false,
    };
    (is_modifier && reaches_noun(&words[i + 1..])).then_some(i + 1)
}

/// Whether adjectives, commas and "and" alone lead to a noun.
fn reaches_noun(words: &[Tagged<'_>]) -> bool {
    let mut only_separators = false;
    for word in words.iter().take(12) {
        match word.pos {
            Pos::Noun | Pos::ProperNoun => return !only_separators,
            Pos::Adjective | Pos::Participle | Pos::Gerund | Pos::Adverb | Pos::Number => only_separators = false,
            Pos::Mark | Pos::Conjunction if word.is(&[",", "and"]) => only_separators = true,
            _ => return false,
        }
    }
    false
}
