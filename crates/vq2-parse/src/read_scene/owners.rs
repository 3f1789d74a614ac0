//! What belongs to whom: "the man's hat", "her left arm", "a man with green eyes".

use super::words::*;
use super::{Pending, Reader};
use crate::lexicon::has;
use crate::noun_phrase::{NounPhrase, noun_phrase_of_owner};
use crate::scene::{Fact, Object};
use crate::tag::Pos;

impl Reader<'_, '_> {
    /// Whether an object is had, rather than stood next to.
    pub(super) fn is_part(&self, index: usize) -> bool {
        let phrase = &self.scene.objects[index].phrase;
        has(BODY_PARTS, &phrase.head) || self.is_clothing(index) || has(PARTS, &phrase.head) || has(PARTS, &phrase.name)
    }

    pub(super) fn is_clothing(&self, index: usize) -> bool {
        let phrase = &self.scene.objects[index].phrase;
        has(CLOTHES, &phrase.head) || has(CLOTHES, &phrase.name)
    }

    /// "in a red dress": worn, if its wearer is no garment or part.
    pub(super) fn wear(&mut self, subject: usize, object: usize, span: (usize, usize)) {
        if self.scene.objects[object].owner.is_none() && object != subject {
            self.scene.objects[object].owner = Some(subject);
        }
        self.scene.facts.push(Fact::Does { subject, verb: "wearing".to_owned(), object: Some(object), span });
    }

    /// Keeps a phrase with what follows its possessive: the object is the last of the chain.
    pub(super) fn owned_phrase(&mut self, phrase: NounPhrase, visible: bool) -> usize {
        let by_pronoun = match phrase.determiner.as_deref() {
            Some("his" | "her" | "its" | "their") if visible => self.antecedent(&phrase),
            Some("whose") if visible => self.clause.latest.last().copied(),
            _ => None,
        };
        let start = phrase.start;
        let mut index = self.add(phrase, visible);
        if let Some(owner) = by_pronoun.filter(|&o| o != index) {
            self.own(owner, index, start);
        }
        while self.word(self.at).is_some_and(|w| w.pos == Pos::Possessive) {
            let Some((mut owned, end)) = noun_phrase_of_owner(self.words, self.at + 1) else { break };
            owned.determiner = Some("the".to_owned());
            self.at = end;
            let owner = index;
            self.scene.objects[owner].visible = visible;
            index = self.scene.objects.len();
            let has_namesake = false;
            self.scene.objects.push(Object { phrase: owned, visible, has_namesake, ..Object::default() });
            self.own(owner, index, start);
        }
        index
    }

    /// What "his", "her", "its", "their" mean: the clause's subject, else the prompt's first one.
    pub(super) fn antecedent(&self, phrase: &NounPhrase) -> Option<usize> {
        let fits = |&&i: &&usize| {
            let object = &self.scene.objects[i];
            object.visible && !self.is_part(i) && object.phrase.name != phrase.name
        };
        let latest = || self.clause.latest.iter().find(fits);
        self.clause.main.iter().find(fits).or_else(|| self.lead.as_ref().filter(|i| fits(i))).or_else(latest).copied()
    }

    pub(super) fn own(&mut self, owner: usize, owned: usize, start: usize) {
        self.scene.objects[owned].owner = Some(owner);
        let end = self.scene.objects[owned].phrase.end;
        let span = (start.min(self.scene.objects[owner].phrase.start), end);
        self.scene.facts.push(Fact::Has { subject: owner, object: owned, span });
    }

    /// When all is read: body parts go to the prompt's only body, and namesakes learn of each other.
    pub(super) fn settle(&mut self) {
        let is_body =
            |o: &Object| o.visible && !o.phrase.plural && has(BODIES, &o.phrase.head) && o.phrase.quantity.is_none();
        let mut bodies = self.scene.objects.iter().enumerate().filter(|(_, o)| is_body(o)).map(|(i, _)| i);
        let (Some(body), None) = (bodies.next(), bodies.next()) else { return };
        let others = self
            .scene
            .objects
            .iter()
            .any(|o| o.visible && o.phrase.plural && has(&["people", "men", "women", "children"], &o.phrase.head));
        if others {
            return;
        }
        for index in 0..self.scene.objects.len() {
            let object = &self.scene.objects[index];
            if index != body
                && object.visible
                && object.owner.is_none()
                && has(BODY_PARTS, &object.phrase.head)
                && !object.phrase.proper
            {
                self.own(body, index, object.phrase.start);
            }
        }
    }

    /// "with": a part is had; anything else is stood with.
    pub(super) fn bind_with(&mut self, subjects: &[usize], object: usize, end: usize) {
        let part = self.is_part(object);
        let body_part = has(BODY_PARTS, &self.scene.objects[object].phrase.head);
        for &subject in subjects.iter().filter(|&&s| s != object) {
            let span = self.span_of(subject, object, end);
            // "the left leg back with the toe pointed": a part is its owner's, not another part's.
            let head = &self.scene.objects[subject].phrase.head;
            if body_part && (has(BODY_PARTS, head) || has(&["position", "pose", "floor", "ground"], head)) {
                if let Some(owner) =
                    self.scene.objects[subject].owner.or(self.lead).filter(|&o| o != object && o != subject)
                    && self.scene.objects[object].owner.is_none()
                    && !has(BODY_PARTS, &self.scene.objects[owner].phrase.head)
                {
                    self.own(owner, object, span.0);
                }
                continue;
            }
            if part {
                if self.scene.objects[object].owner.is_none() && subjects.len() == 1 {
                    self.scene.objects[object].owner = Some(subject);
                }
                self.scene.facts.push(Fact::Has { subject, object, span });
            } else {
                self.relate(subject, "with", object, span);
            }
        }
    }

    pub(super) fn bind_has(&mut self, subjects: &[usize], object: usize, end: usize) {
        let part = self.is_part(object);
        for &subject in subjects.iter().filter(|&&s| s != object) {
            let span = self.span_of(subject, object, end);
            if part && self.scene.objects[object].owner.is_none() && subjects.len() == 1 {
                self.scene.objects[object].owner = Some(subject);
            }
            self.scene.facts.push(Fact::Has { subject, object, span });
        }
    }

    /// From the first of two objects to a byte.
    pub(super) fn span_of(&self, subject: usize, object: usize, end: usize) -> (usize, usize) {
        let start_of = |i: usize| self.scene.objects[i].phrase.start;
        let start = start_of(subject).min(start_of(object));
        (start, end.max(self.scene.objects[object].phrase.end).max(self.scene.objects[subject].phrase.end))
    }

    pub(super) fn relate(&mut self, subject: usize, preposition: &str, object: usize, span: (usize, usize)) {
        self.scene.facts.push(Fact::Relation {
            subject,
            preposition: preposition.to_owned(),
            object: Some(object),
            and: None,
            reciprocal: None,
            span,
        });
    }

    /// What nothing binds yet.
    pub(super) fn nothing_pending(&self) -> bool {
        self.clause.pending == Pending::Nothing
    }
}
