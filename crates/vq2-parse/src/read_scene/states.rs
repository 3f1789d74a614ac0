//! What things are like: participles, adjectives and directions after a noun or after "is".

use super::verbs::is_direction;
use super::words::{BEARERS, BINDING, BODY_PARTS, STATES_OF_PLACE};
use super::{Pending, Reader};
use crate::lexicon::*;
use crate::noun_phrase::{noun_phrase, spelled};
use crate::scene::{Fact, Span};
use crate::tag::Pos;

impl Reader<'_, '_> {
    pub(super) fn participle(&mut self, after_be: bool) {
        let word = &self.words[self.at];
        let next = self.word(self.at + 1);
        // "the dog chased the cat": a past tense, not a participle.
        let takes_object = !after_be
            && noun_phrase(self.words, self.at + 1).is_some()
            && next.is_some_and(|w| matches!(w.pos, Pos::Determiner | Pos::ProperNoun | Pos::Number))
            && !self.body_part_next();
        if takes_object && !self.clause.subjects.is_empty() {
            self.subject_speaks();
            self.verb();
            return;
        }
        // "being used to cover": the verb comes.
        if word.is(&["used", "going", "about", "supposed"]) && next.is_some_and(|w| w.is(&["to"])) {
            self.at += 2;
            return;
        }
        // ""open" written on it" tells where the text is, not what is written.
        let quoted_before = (1..=2)
            .any(|back| self.at.checked_sub(back).and_then(|i| self.word(i)).is_some_and(|w| w.pos == Pos::Quoted));
        let bearer = self
            .clause
            .latest
            .last()
            .is_some_and(|&i| has(BEARERS, &self.scene.objects[i].phrase.head) && !self.is_part(i));
        let on_it =
            next.is_some_and(|w| w.is(&["on"])) && self.word(self.at + 2).is_some_and(|w| w.pos == Pos::Pronoun);
        if quoted_before && (!bearer || after_be || on_it) {
            self.at += 1;
            self.clause.pending = Pending::Unseen;
            return;
        }
        self.at += 1;
        let joining = std::mem::take(&mut self.clause.joining);
        let subjects = if after_be || self.clause.latest.is_empty() || joining {
            self.clause.subjects.clone()
        } else {
            self.described()
        };
        let of_body = subjects.first().is_some_and(|&s| has(BODY_PARTS, &self.scene.objects[s].phrase.head));
        let binds = next.filter(|w| {
            let with = w.is(&["with", "without", "of"]);
            w.pos == Pos::Preposition
                && (word.is(BINDING) || w.is(&["by"]) || (of_body && !with))
                && !w.is(&["without"])
        });
        if let Some(preposition) = binds
            && noun_phrase(self.words, self.at + 1).is_some()
            && !preposition.is(MADE_OF)
        {
            // "the right arm raised above the head": a posture is one state.
            let posture = of_body && !preposition.is(&["by"]);
            if posture {
                self.at += 1;
                let text = format!("{} {}", word.lower, preposition.lower);
                self.clause.subjects.clone_from(&subjects);
                self.clause.pending = Pending::Posture { subjects, text, start: word.start };
                return;
            }
            let place = word.is(STATES_OF_PLACE) && !preposition.is(&["by", "with", "to", "over", "as"]);
            let placed = word.is(&["placed", "arranged", "kept", "located", "positioned", "set", "seated"]);
            let text = if place || placed {
                preposition.lower.clone()
            } else {
                format!("{} {}", word.lower, preposition.lower)
            };
            if place {
                self.state(&subjects, word.lower.clone(), (word.start, word.end));
            }
            self.clause.subjects.clone_from(&subjects);
            self.clause.pending = Pending::Preposition { subjects, text };
            self.at += 1;
            return;
        }
        // "painted yellow"
        let colour = next.filter(|w| w.pos == Pos::Adjective && noun_phrase(self.words, self.at).is_none());
        let (predicate, end) = match colour {
            Some(colour) => (format!("{} {}", word.lower, colour.lower), colour.end),
            None => (word.lower.clone(), word.end),
        };
        self.at += usize::from(colour.is_some());
        let (predicate, end) = self.complement(predicate, end);
        self.clause.subjects.clone_from(&subjects);
        self.clause.pending = Pending::Nothing;
        self.posture_or_state(subjects, predicate, (word.start, end));
    }

    /// "lifted up to chin level": for a part of a body the place goes on with the state.
    fn posture_or_state(&mut self, subjects: Vec<usize>, predicate: String, span: Span) {
        let of_body = subjects.first().is_some_and(|&s| has(BODY_PARTS, &self.scene.objects[s].phrase.head));
        let place =
            self.word(self.at).filter(|w| w.pos == Pos::Preposition && !w.is(&["with", "without", "of", "by", "like"]));
        if let Some(place) = place.filter(|_| of_body && !self.clause.negated)
            && noun_phrase(self.words, self.at + 1).is_some()
        {
            self.at += 1;
            let text = format!("{predicate} {}", place.lower);
            self.clause.pending = Pending::Posture { subjects, text, start: span.0 };
            return;
        }
        self.state(&subjects, predicate, span);
    }

    /// "legs spread apart left arm is raised": without a comma, a body part starts a new piece.
    pub(super) fn body_part_next(&self) -> bool {
        self.word(self.at + 1).is_some_and(|w| w.is(&["left", "right"]))
            && self.word(self.at + 2).is_some_and(|w| has(BODY_PARTS, &w.lower))
    }

    /// What a participle or adjective after a noun describes: that noun, or the whole list before it.
    pub(super) fn described(&self) -> Vec<usize> {
        if self.clause.bound_by == Pending::Nothing && !self.clause.subjects.is_empty() {
            self.clause.subjects.clone()
        } else {
            self.clause.latest.clone()
        }
    }

    pub(super) fn state(&mut self, subjects: &[usize], predicate: String, span: Span) {
        // That a thing can be seen is what its noun question asks.
        if self.clause.negated
            || matches!(predicate.as_str(), "visible" | "seen" | "shown" | "depicted" | "available" | "present")
        {
            return;
        }
        for &subject in subjects {
            let phrase = &self.scene.objects[subject].phrase;
            let span = (phrase.start.min(span.0), span.1.max(phrase.end));
            self.scene.facts.push(Fact::Is { subject: Some(subject), predicate: predicate.clone(), span });
        }
    }

    pub(super) fn adjective(&mut self, after_be: bool) {
        let continues = after_be || (self.nothing_pending() && !self.clause.latest.is_empty());
        let word = &self.words[self.at];
        let compares = self.word(self.at + 1).is_some_and(|w| w.is(&["than"]));
        if !compares
            && let Some((phrase, _)) = noun_phrase(self.words, self.at)
            && !(after_be && phrase.modifiers.is_empty())
        {
            self.phrase(after_be);
            return;
        }
        self.at += 1;
        let subjects = if after_be { self.clause.subjects.clone() } else { self.described() };
        // "taller than the tree", "more beautiful than": both ends can be seen.
        if compares && continues {
            let degree = self.at.checked_sub(2).and_then(|i| self.word(i)).filter(|w| w.is(&["more", "less"]));
            let degree = degree.map_or_else(String::new, |w| format!("{} ", w.lower));
            self.at += 1;
            self.clause.pending = Pending::Preposition { subjects, text: format!("{degree}{} than", word.lower) };
            return;
        }
        if word.pos == Pos::Adverb {
            self.at -= 1;
            if self.fronted_direction() {
                return;
            }
            self.at += 1;
            let directed = after_be || self.latest_is_body_part() || word.lower.contains(' ');
            if continues && directed && is_direction(&word.lower) && !self.next_is_state() {
                let (predicate, end) = self.complement(word.lower.clone(), word.end);
                self.posture_or_state(subjects, predicate, (word.start, end));
                return;
            }
            self.clause.after_be = after_be;
            return;
        }
        if continues && !has(NOT_PREDICATIVE, &word.lower) && !has(NAME_PARTS, &word.lower) {
            let before =
                self.at.checked_sub(2).and_then(|i| self.word(i)).filter(|w| w.pos == Pos::Adverb && w.lower.len() > 3);
            let degree = before
                .filter(|w| !w.is(&["there", "here", "also", "just"]))
                .map_or_else(String::new, |w| format!("{} ", w.lower));
            let predicate = format!("{degree}{}", spelled(std::slice::from_ref(word)));
            let (predicate, end) = self.complement(predicate, word.end);
            self.posture_or_state(subjects, predicate, (word.start, end));
            self.clause.after_be = after_be && self.next_is(&["and", ","]);
            if self.next_is(&["and"])
                && self.word(self.at + 1).is_some_and(|w| matches!(w.pos, Pos::Adjective | Pos::Participle))
            {
                self.at += 1;
            }
        }
    }

    fn next_is_state(&self) -> bool {
        self.word(self.at).is_some_and(|w| matches!(w.pos, Pos::Adjective | Pos::Participle | Pos::Gerund))
    }

    pub(super) fn latest_is_body_part(&self) -> bool {
        self.clause.latest.last().is_some_and(|&i| has(BODY_PARTS, &self.scene.objects[i].phrase.head))
    }

    /// "in blue", "in black and white": a colour without its noun.
    pub(super) fn colour_after_in(&mut self) -> bool {
        let Some(word) = self.word(self.at + 1).filter(|w| w.pos == Pos::Adjective && self.words[self.at].is(&["in"]))
        else {
            return false;
        };
        let colour = has(COLOURS, &word.lower) || word.lower.contains(' ');
        if !colour || noun_phrase(self.words, self.at + 1).is_some() || self.clause.latest.is_empty() {
            return false;
        }
        let subjects = self.described();
        self.state(&subjects, format!("in {}", word.lower), (word.start, word.end));
        self.at += 2;
        true
    }

    /// "made of silver": a colour that is a material here.
    pub(super) fn made_of_adjective(&mut self, after_be: bool) -> bool {
        let word = &self.words[self.at];
        let material = self.word(self.at + 1).filter(|w| w.pos == Pos::Adjective && word.is(MADE_OF));
        let Some(material) = material.filter(|_| noun_phrase(self.words, self.at + 1).is_none()) else { return false };
        let subjects = if after_be { self.clause.subjects.clone() } else { self.described() };
        self.state(&subjects, format!("{} {}", word.lower, material.lower), (word.start, material.end));
        self.at += 2;
        true
    }

    /// "is in brown color": the adjectives say what the subject is like.
    pub(super) fn in_a_colour(&mut self) -> bool {
        let Some((phrase, end)) =
            noun_phrase(self.words, self.at + 1).filter(|_| self.words[self.at].is(&["in", "of"]))
        else {
            return false;
        };
        let colour = matches!(phrase.head.as_str(), "color" | "colour" | "colors" | "colours" | "combination");
        if !colour || self.clause.latest.is_empty() {
            return false;
        }
        let subjects = self.clause.subjects.clone();
        for modifier in &phrase.modifiers {
            self.state(&subjects, modifier.text.clone(), (modifier.start, phrase.end));
        }
        self.at = end;
        true
    }

    /// "the arm is out", "arms up": a preposition without an object is a direction.
    pub(super) fn bare_direction(&mut self, after_be: bool) -> bool {
        let word = &self.words[self.at];
        let attaches = after_be || (self.nothing_pending() && self.latest_is_body_part());
        let bare = noun_phrase(self.words, self.at + 1).is_none() || self.body_part_next();
        if !attaches
            || !bare
            || !is_direction(&word.lower)
            || self.word(self.at + 1).is_some_and(|w| w.pos == Pos::Preposition && !is_direction(&w.lower))
        {
            return false;
        }
        let subjects = if after_be { self.clause.subjects.clone() } else { self.described() };
        self.at += 1;
        let (predicate, end) = self.complement(word.lower.clone(), word.end);
        self.posture_or_state(subjects, predicate, (word.start, end));
        true
    }
}
