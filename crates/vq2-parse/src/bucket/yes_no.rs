//! Yes/no questions: what the opening auxiliary and the words after it ask.

use super::clause::{noun_group_end, subject_and_predicate};
use super::predicate::{Clause, predicate};
use super::words::{GLANCING, RESTS, SAYING, SEEMING, SHOWING};
use super::{Rule, Words};
use crate::lexicon::{PICTURE_WORDS, TIMES};
use crate::tag::Pos;

/// "is …", "are …"; `words` come after the auxiliary.
pub fn be_question<'w, 't>(words: Words<'w, 't>) -> Clause<'w, 't> {
    let Some(first) = words.first() else { return Clause::of(Rule::Fallback) };
    if first.is(&["there"]) {
        return Clause { rule: existential(&words[1..]), subject: &words[1..], predicate: &[] };
    }
    if words.len() > 1
        && words.last().is_some_and(|w| w.is(&["there", "present", "visible", "here"]))
        && words.iter().all(|w| !matches!(w.pos, Pos::Preposition | Pos::Gerund | Pos::Participle | Pos::Negation))
    {
        let (subject, predicate) = words.split_at(words.len() - 1);
        return Clause { rule: Rule::IsPresent, subject, predicate };
    }
    if let [subject @ .., in_, _, last] = words
        && in_.is(&["in"])
        && last.is(&["image", "picture", "photo", "photograph", "scene"])
        && subject.iter().all(|w| !matches!(w.pos, Pos::Preposition | Pos::Gerund) || w.is(&["of"]))
    {
        return Clause { rule: Rule::InTheImage, subject, predicate: &words[subject.len()..] };
    }
    let (subject, rest) = subject_and_predicate(words);
    if is_this_a_thing(subject, rest) {
        return Clause { rule: Rule::IsThisA, subject, predicate: rest };
    }
    predicate(subject, rest)
}

/// "is this a lighthouse?" asks for the thing; "is this a painting?", "is it a sunny day?" for the look of it all.
fn is_this_a_thing(subject: Words<'_, '_>, rest: Words<'_, '_>) -> bool {
    let ([this], [article, noun @ ..]) = (subject, rest) else { return false };
    this.is(&["this", "that", "it"])
        && article.is(&["a", "an"])
        && noun.last().is_some_and(|w| !w.is(PICTURE_WORDS) && !w.is(TIMES))
        && noun.iter().all(|w| matches!(w.pos, Pos::Noun | Pos::ProperNoun | Pos::Verb | Pos::Gerund))
}

fn existential(words: Words<'_, '_>) -> Rule {
    let Some(first) = words.first() else { return Rule::Fallback };
    let many = first.is(&["lots", "dozens", "hundreds", "thousands"]) && words.get(1).is_some_and(|w| w.is(&["of"]));
    let counts = many
        || first.is(&["exactly", "only", "several", "many", "few"]) && words.len() > 1
        || first.pos == Pos::Number && !first.is(&["one", "1"]);
    // "a pair of scissors" is one thing.
    let couple = matches!(words, [article, couple, next, ..]
        if article.is(&["a"]) && (couple.is(&["couple", "lot"]) && next.is(&["of"]) || couple.is(&["dozen"])));
    if counts || couple { Rule::CountOf } else { Rule::IsThereA }
}

/// "does …", "has …", "can …"; `words` come after the auxiliary.
pub fn do_question<'w, 't>(words: Words<'w, 't>, auxiliary: Pos) -> Clause<'w, 't> {
    let tagged_verb = words.iter().position(|w| matches!(w.pos, Pos::Have | Pos::Verb));
    // The tagger takes "look", "show", "stand" for nouns too, but not as the first word of the subject.
    let known = words.iter().skip(1).position(|w| [SHOWING, SEEMING, SAYING, RESTS].iter().any(|list| w.is(list)));
    let verb = tagged_verb.or(known.map(|k| k + 1));
    if auxiliary == Pos::Have {
        // "has the kettle a lid?"
        return Clause { rule: Rule::HasPart, subject: words, predicate: &[] };
    }
    let Some(verb) = verb else {
        // "does the wolf howl?": the verb is one that the tagger takes for a noun.
        let rule = if words.len() > 1 { Rule::Does } else { Rule::Fallback };
        let end = words.len().saturating_sub(1);
        return Clause { rule, subject: &words[..end], predicate: &words[end..] };
    };
    let (subject, predicate) = words.split_at(verb);
    Clause { rule: finite_verb(predicate), subject, predicate }
}

fn finite_verb(predicate: Words<'_, '_>) -> Rule {
    let [verb, rest @ ..] = predicate else { return Rule::Fallback };
    let next_is = |list: &[&str]| rest.first().is_some_and(|w| w.is(list));
    let then_preposition = rest.first().is_some_and(|w| w.pos == Pos::Preposition);
    if verb.is(SAYING) && (rest.is_empty() || rest.iter().any(|w| w.pos == Pos::Quoted)) {
        return Rule::HasText;
    }
    if verb.is(SEEMING) && !next_is(GLANCING) {
        return if verb.is(&["appear", "appears"]) && then_preposition { Rule::IsPlaced } else { Rule::Looks };
    }
    if verb.is(SHOWING) {
        // "have its eyes closed", "have its tongue sticking out"
        let after = rest.get(noun_group_end(rest, 0)..).unwrap_or_default();
        return match after.first().map(|w| w.pos) {
            Some(Pos::Participle | Pos::Adjective) if after.len() <= 2 => Rule::HasState,
            Some(Pos::Gerund) if rest.first().is_some_and(|w| w.is(&["his", "her", "its", "their"])) => Rule::IsDoing,
            _ => Rule::HasPart,
        };
    }
    if verb.is(&["belong", "belongs"]) {
        return Rule::BelongsTo;
    }
    if verb.is(RESTS) && then_preposition && rest.len() > 1 {
        return Rule::RestsAt;
    }
    Rule::Does
}
