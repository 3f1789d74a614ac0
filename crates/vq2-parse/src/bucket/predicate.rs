//! "is SUBJECT …?": the first word of the predicate that can carry it decides.

use super::words::{
    BODY_PARTS, DEEDS_AND_THINGS, DEPICTIONS, GATHERING, PEOPLE, PLACING_ADJECTIVES, SIZES_AND_COLOURS,
};
use super::{Rule, Words, gerund, participle, prepositional};
use crate::lexicon::{ADJECTIVES, COLOURS, PICTURE_WORDS, has};
use crate::tag::{Pos, Tagged};

/// How a yes/no question was read: the rule, and the words that it calls subject and predicate.
#[derive(Debug, Clone, Copy)]
pub struct Clause<'w, 't> {
    pub rule: Rule,
    pub subject: Words<'w, 't>,
    pub predicate: Words<'w, 't>,
}

impl Clause<'_, '_> {
    /// A reading without subject and predicate.
    pub fn of(rule: Rule) -> Self {
        Clause { rule, subject: &[], predicate: &[] }
    }
}

/// The rule for what is said of a subject.
pub fn predicate<'w, 't>(subject: Words<'w, 't>, predicate: Words<'w, 't>) -> Clause<'w, 't> {
    if predicate.is_empty()
        && let Some((verb, doer)) = subject.split_last()
        && verb.is(DEEDS_AND_THINGS)
        && doer.last().is_some_and(|w| is_person(w))
    {
        return Clause { rule: Rule::IsDoing, subject: doer, predicate: &subject[doer.len()..] };
    }
    if matches!((subject, predicate), ([they], [verb]) if they.pos == Pos::Pronoun && verb.is(DEEDS_AND_THINGS)) {
        return Clause { rule: Rule::IsDoing, subject, predicate };
    }
    let rule = if predicate.is_empty() { bare(subject) } else { headed(subject, predicate) };
    Clause { rule, subject, predicate }
}

/// Whether a noun names somebody who can do things: "is the woman drawing?", but "is the picture a drawing?"
fn is_person(noun: &Tagged<'_>) -> bool {
    let ends = |endings: &[&str]| endings.iter().any(|e| noun.lower.len() > e.len() + 1 && noun.lower.ends_with(e));
    noun.is(PEOPLE) || ends(&["man", "men", "woman", "women", "girl", "boy", "ist", "ists"])
}

fn headed(subject: Words<'_, '_>, predicate: Words<'_, '_>) -> Rule {
    if compares(predicate) {
        return Rule::Compares;
    }
    for (i, word) in predicate.iter().enumerate() {
        let rest = &predicate[i + 1..];
        let before = i.checked_sub(1).map(|b| predicate[b]);
        match word.pos {
            // "good looking", "thick flowing script"
            Pos::Gerund if before.is_some_and(|w| w.pos == Pos::Adjective) && !governs(rest) => {}
            // "leading to the barn paved": the verb only says which road is meant.
            Pos::Gerund if i == 0 && describes_subject(rest) => return Rule::IsAdjective,
            Pos::Gerund => return gerund::rule(word, rest),
            Pos::Be if word.is(&["being"]) && rest.first().is_some_and(|w| is_participle(w)) => return Rule::DoneBy,
            Pos::Have if word.is(&["having"]) => return Rule::IsDoing,
            Pos::Participle => return participle::rule(subject, word, rest),
            // After "is" no finite verb can stand: it is a participle that the tagger did not know.
            Pos::Verb if rest.first().is_some_and(|w| w.pos == Pos::Preposition) => {
                return participle::rule(subject, word, rest);
            }
            // "interested in", "decorated with": participles that the tagger takes for adjectives.
            Pos::Adjective if is_participle(word) && rest.first().is_some_and(|w| w.pos == Pos::Preposition) => {
                return participle::rule(subject, word, rest);
            }
            Pos::Adjective
                if rest.first().is_some_and(|w| w.pos == Pos::Preposition)
                    && (plainly_adjective(word) || before.is_some_and(|w| w.is(&["too", "very", "so", "quite"]))) =>
            {
                return with_complement(subject, word, rest);
            }
            Pos::Preposition => return prepositional::rule(subject, word, rest),
            Pos::Determiner if word.is(&["a", "an", "the"]) && !rest.is_empty() => return Rule::IsA,
            _ => {}
        }
    }
    Rule::IsAdjective
}

/// Whether a participle, whatever the tagger takes it for.
fn is_participle(word: &Tagged<'_>) -> bool {
    word.pos == Pos::Participle || word.pos == Pos::Adjective && word.lower.ends_with("ed")
}

/// After a verb in -ing: a place, and behind it one adjective or participle that the question is about.
fn describes_subject(rest: Words<'_, '_>) -> bool {
    let [preposition, article, .., noun, last] = rest else { return false };
    preposition.pos == Pos::Preposition
        && article.pos == Pos::Determiner
        && matches!(noun.pos, Pos::Noun | Pos::ProperNoun)
        && (is_participle(last) || last.pos == Pos::Adjective && plainly_adjective(last))
        && rest.iter().all(|w| w.pos != Pos::Gerund)
}

/// Whether a verb in -ing has something after it that a verb can have.
fn governs(rest: Words<'_, '_>) -> bool {
    rest.first().is_some_and(|w| matches!(w.pos, Pos::Determiner | Pos::Preposition | Pos::Pronoun | Pos::Adverb))
}

/// "taller than the fence", "more colorful than the other", but not "more than three feet apart".
fn compares(predicate: Words<'_, '_>) -> bool {
    predicate.iter().position(|w| w.is(&["than"])).is_some_and(|than| {
        than > 0 && than + 1 < predicate.len() && !predicate[than - 1].is(&["more", "less", "other", "rather"])
    })
}

/// "white" in "white with black spots": sure to be an adjective, not a noun that the tagger mistook.
pub fn plainly_adjective(word: &Tagged<'_>) -> bool {
    let ends = |endings: &[&str]| endings.iter().any(|e| word.lower.ends_with(e));
    has(COLOURS, &word.lower)
        || has(ADJECTIVES, &word.lower)
        || has(PLACING_ADJECTIVES, &word.lower)
        || word.is(&[
            "ready", "able", "afraid", "proud", "aware", "rich", "busy", "pregnant", "thick", "heavy", "bare", "big",
            "tall",
        ])
        || ends(&["y", "ful", "ous", "less", "ish", "able", "ible", "ive", "ent", "ant"])
}

/// An adjective and a preposition: "close to the shore" places, "black with white spots" describes.
fn with_complement(subject: Words<'_, '_>, adjective: &Tagged<'_>, rest: Words<'_, '_>) -> Rule {
    let [preposition, place @ ..] = rest else { return Rule::IsAdjective };
    if place.is_empty() && !adjective.is(PLACING_ADJECTIVES) {
        return Rule::IsAdjective;
    }
    if adjective.is(PLACING_ADJECTIVES) {
        let rule = prepositional::rule(subject, preposition, place);
        return if rule == Rule::IsPlaced { Rule::Compares } else { rule };
    }
    if adjective.is(&["straight", "slightly", "directly", "right", "full"]) {
        return prepositional::rule(subject, preposition, place);
    }
    Rule::AdjectiveWith
}

/// All words went to the subject: "is the skyline of the city?", "is one of the squares blue?", "is the shrub measly?"
fn bare(subject: Words<'_, '_>) -> Rule {
    let of = subject.iter().position(|w| w.is(&["of"])).filter(|&of| of > 0 && of + 1 < subject.len());
    let Some(of) = of else { return Rule::IsBare };
    let (head, owner) = (&subject[..of], &subject[of + 1..]);
    let gathers = head
        .last()
        .is_some_and(|w| [GATHERING, DEPICTIONS, PICTURE_WORDS].iter().any(|list| w.is(list)) || w.pos == Pos::Number);
    if gathers || owner.first().is_some_and(|w| w.pos == Pos::Number) {
        return Rule::IsOfKind;
    }
    let describes = owner.last().is_some_and(|w| w.pos == Pos::Adjective || w.is(SIZES_AND_COLOURS));
    let articles = owner.iter().any(|w| w.is(&["a", "an"])) && owner.len() > 3;
    if describes || articles || runs_into_another_noun(owner) { Rule::IsBare } else { Rule::BelongsTo }
}

/// "of the band Elvis", "of the boxes pine": more nouns than an owner has.
fn runs_into_another_noun(owner: Words<'_, '_>) -> bool {
    let capital = |w: &&Tagged<'_>| w.text.starts_with(char::is_uppercase);
    let nouns: Vec<_> = owner.iter().filter(|w| matches!(w.pos, Pos::Noun | Pos::ProperNoun)).collect();
    matches!(nouns.as_slice(), [.., a, b] if capital(a) != capital(b))
        || nouns.len() > 3 && !nouns.iter().all(|w| capital(w))
}

/// Whether the subject is a part of a body.
pub fn is_body(subject: Words<'_, '_>) -> bool {
    subject.last().is_some_and(|w| w.is(BODY_PARTS))
}
