//! What a word's neighbours do not allow: the tagger's part of speech, put right from left to right.

use super::{Pos, Tagged};
use crate::lexicon::{COLOURS_AND_THINGS, MATERIALS, has};

/// Whether adjectives alone lead back to a determiner.
fn after_determiner(words: &[Tagged<'_>], i: usize) -> bool {
    let before = words[..i].iter().rev().take(6).find(|w| !matches!(w.pos, Pos::Adjective | Pos::Adverb | Pos::Number));
    before.is_some_and(|w| w.pos == Pos::Determiner) && !words.first().is_some_and(|w| w.pos == Pos::Be)
}

/// Whether a capitalised word touches another that is a noun: both are one name.
fn in_name(words: &[Tagged<'_>], i: usize) -> bool {
    let capital = |w: &Tagged<'_>| w.text.starts_with(char::is_uppercase);
    let noun = |w: &Tagged<'_>| matches!(w.pos, Pos::Noun | Pos::ProperNoun) && capital(w);
    let word = &words[i];
    let demonym = ["ese", "ian", "ish", "ean", "can", "ench", "eek", "man"].iter().any(|e| word.lower.ends_with(e));
    let after = words.get(i + 1).is_some_and(noun);
    let before = i > 0 && noun(&words[i - 1]);
    let title = word.text.len() > 1 && word.text.chars().skip(1).any(char::is_lowercase);
    capital(word) && word.start > 0 && title && (after || before) && !(demonym && word.pos == Pos::Adjective)
}

/// What the neighbours do not allow is put right, left to right.
pub fn correct(words: &mut [Tagged<'_>]) {
    for i in 0..words.len() {
        let before = i.checked_sub(1).map(|b| words[b].pos);
        let after = words.get(i + 1).map(|w| w.pos);
        let before_is_modifier =
            matches!(before, Some(Pos::Determiner | Pos::Adjective | Pos::Number | Pos::Possessive));
        let noun_follows = matches!(after, Some(Pos::Noun | Pos::ProperNoun));
        let word = &words[i];
        let pos = match word.pos {
            // "a can": no auxiliary after an article either.
            Pos::Modal if before_is_modifier => Pos::Noun,
            // "the Great Wall", "Times Square": a capital inside a name.
            Pos::Adjective | Pos::Participle | Pos::Verb | Pos::Noun if in_name(words, i) => Pos::ProperNoun,
            // "the traffic light above": a light, not a weight, before a place or a verb.
            Pos::Adjective
                if word.lower == "light"
                    && matches!(before, Some(Pos::Adjective | Pos::Noun | Pos::Determiner))
                    && matches!(after, Some(Pos::Preposition | Pos::Gerund | Pos::Verb)) =>
            {
                Pos::Noun
            }
            // "brain coral"
            Pos::Adjective
                if before == Some(Pos::Noun)
                    && !noun_follows
                    && has(COLOURS_AND_THINGS, &word.lower)
                    && words[..i].iter().all(|w| w.pos != Pos::Be) =>
            {
                Pos::Noun
            }
            // Nothing but a noun can end a phrase that an article opens.
            Pos::Adverb | Pos::Verb | Pos::Conjunction
                if words.get(i.wrapping_sub(1)).is_some_and(|w| w.is(&["a", "an"]))
                    && matches!(after, None | Some(Pos::Preposition | Pos::Mark | Pos::Gerund)) =>
            {
                Pos::Noun
            }
            // "a walk", "the fly", "two plays": no finite verb after a determiner or a number.
            Pos::Verb if before_is_modifier => Pos::Noun,
            // "plastic chair", but "a plastic".
            Pos::Noun if noun_follows && has(MATERIALS, &word.lower) => Pos::Adjective,
            // "an orange", "the red": an adjective without its noun after an article is the noun.
            Pos::Adjective
                if after_determiner(words, i)
                    && (matches!(after, None | Some(Pos::Preposition | Pos::Be | Pos::Verb))
                        || (after == Some(Pos::Gerund)
                            && words.get(i + 2).is_none_or(|w| !matches!(w.pos, Pos::Noun | Pos::ProperNoun)))
                        || words.get(i + 1).is_some_and(|w| w.is(&[".", ";", "?"])))
                    && !word.lower.contains(' ') =>
            {
                Pos::Noun
            }
            // "to catch": the tagger's preposition before a bare verb.
            Pos::Preposition if word.lower == "to" && matches!(after, Some(Pos::Verb | Pos::Be | Pos::Have)) => {
                Pos::Modal
            }
            // "the robot writing the word": a noun in -ing between a noun and its object is the verb.
            Pos::Noun
                if matches!(before, Some(Pos::Noun | Pos::ProperNoun))
                    && after == Some(Pos::Determiner)
                    && word.lower.ends_with("ing") =>
            {
                Pos::Gerund
            }
            // "shopping at", "cooking in": after a noun and before a place it is what somebody does.
            Pos::Noun
                if matches!(word.lower.as_str(), "shopping" | "cooking")
                    && before == Some(Pos::Noun)
                    && after == Some(Pos::Preposition) =>
            {
                Pos::Gerund
            }
            // "the sun setting"
            Pos::Noun if word.lower == "setting" && i > 0 && words[i - 1].is(&["sun"]) => Pos::Gerund,
            // "that" before a verb is the relative pronoun, before a noun the determiner.
            Pos::Pronoun if word.lower == "that" && noun_follows => Pos::Determiner,
            _ => continue,
        };
        words[i].pos = pos;
    }
}
