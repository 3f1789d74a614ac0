//! Passages in quotation marks: text in the image, and what bears it.

use super::words::{BEARERS, SAYING};
use super::{Pending, Reader};
use crate::lexicon::has;
use crate::noun_phrase::noun_phrase;
use crate::scene::Fact;
use crate::tag::Pos;

impl Reader<'_, '_> {
    pub(super) fn quoted(&mut self) {
        let word = &self.words[self.at];
        let before = self.at.checked_sub(1).and_then(|i| self.word(i));
        let said = before.is_some_and(|w| w.is(SAYING));
        let pending = std::mem::take(&mut self.clause.pending);
        self.at += 1;
        let latest = self.clause.latest.last().copied();
        let bears = |i: &usize| has(BEARERS, &self.scene.objects[*i].phrase.head);
        let touches = before.is_some_and(|w| matches!(w.pos, Pos::Noun | Pos::ProperNoun | Pos::Mark));
        // "a 'keep out' sign"
        let after = noun_phrase(self.words, self.at).filter(|(p, _)| p.determiner.is_none() && has(BEARERS, &p.head));
        let bearer = if after.is_some() {
            self.clause.pending = pending;
            let place = self.scene.facts.len();
            self.scene.facts.push(Fact::Text { bearer: None, text: String::new(), span: (word.start, word.end) });
            let next_object = self.scene.objects.len();
            self.phrase(false);
            let bearer = (self.scene.objects.len() > next_object).then_some(next_object);
            if let Some(fact) = self.scene.facts.get_mut(place) {
                *fact = Fact::Text { bearer, text: word.text.trim().to_owned(), span: (word.start, word.end) };
            }
            return;
        } else if said {
            // "a dog holding a sign saying …": the sign says it, if there is one.
            latest.filter(bears).or(self.clause.subjects.first().copied()).or(latest)
        } else if let Pending::With { subjects } = &pending {
            subjects.first().copied()
        } else if touches {
            latest.filter(bears)
        } else {
            None
        };
        let bearer = bearer.filter(|&b| self.scene.objects[b].visible);
        self.scene.facts.push(Fact::Text { bearer, text: word.text.trim().to_owned(), span: (word.start, word.end) });
    }
}
