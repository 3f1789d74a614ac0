//! Verbs bind their subject, and wait for their object.

use super::words::{PART_VERBS, SAYING};
use super::{Pending, Reader};
use crate::inflect::present_participle;
use crate::lexicon::{PARTICLES, has};
use crate::noun_phrase::noun_phrase;
use crate::scene::Fact;
use crate::tag::Pos;

impl Reader<'_, '_> {
    pub(super) fn verb(&mut self) {
        let word = &self.words[self.at];
        let joining = std::mem::take(&mut self.clause.joining);
        self.at += 1;
        if std::mem::take(&mut self.clause.intention) {
            self.clause.pending = Pending::Unseen;
            return;
        }
        // "a sign that says "STOP"": the text is asked for, not the saying.
        if self.word(self.at).is_some_and(|w| w.pos == Pos::Quoted) && word.is(SAYING) {
            self.clause.pending = Pending::Nothing;
            return;
        }
        // "is being used to cover": the verb comes.
        if word.is(&["used", "supposed", "meant"]) && self.next_is(&["to"]) {
            self.at += 1;
            return;
        }
        // "appears to be stepping" appears nowhere.
        let about = ["appears", "appear", "seems", "seem", "starts", "begins", "starting"];
        if word.is(&["tries", "try", "trying", "attempting", "wanting", "about", "hoping"]) && self.next_is(&["to"]) {
            self.clause.pending = Pending::Unseen;
            return;
        }
        if word.is(&about) && self.next_is(&["to"]) {
            self.at += 1;
            return;
        }
        let (mut verb, mut end) = self.complement(present_participle(&word.lower), word.end);
        // "wearing red", "looking dejected"
        let verb_takes_adjective =
            matches!(verb.as_str(), "wearing" | "looking" | "feeling" | "turning" | "getting" | "standing");
        if verb_takes_adjective
            && let Some(adjective) = self
                .word(self.at)
                .filter(|w| w.pos == Pos::Adjective || (w.pos == Pos::Participle && verb == "looking"))
            && !self.word(self.at + 1).is_some_and(|w| {
                matches!(w.pos, Pos::Noun | Pos::ProperNoun | Pos::Adjective | Pos::Conjunction) || w.is(&[","])
            })
        {
            verb = format!("{verb} {}", adjective.lower);
            end = adjective.end;
            self.at += 1;
        }
        let complete = verb.contains(' ') && self.words[self.at - 1].pos == Pos::Adjective;
        self.clause.pending = Pending::Nothing;
        // After a comma a participle goes back to the subject, unless only a part can do it: "head tilted, looking up".
        if joining && !self.clause.main.is_empty() && !has(PART_VERBS, &word.lower) {
            self.clause.subjects.clone_from(&self.clause.main);
        }
        let subjects = if self.clause.negated { Vec::new() } else { self.clause.subjects.clone() };
        let first_fact = self.scene.facts.len();
        for &subject in &subjects {
            let phrase = &self.scene.objects[subject].phrase;
            let span = (phrase.start.min(word.start), end.max(phrase.end));
            self.scene.facts.push(Fact::Does { subject, verb: verb.clone(), object: None, span });
        }
        let facts: Vec<usize> = (first_fact..self.scene.facts.len()).collect();
        self.clause.pending = match facts.is_empty() {
            true => Pending::Unseen,
            false if complete => Pending::Nothing,
            false => Pending::Object { facts },
        };
    }

    /// A verb, participle or adjective with the directions after it: "leaning forward to the right".
    pub(super) fn complement(&mut self, mut text: String, mut end: usize) -> (String, usize) {
        while let Some(word) = self.word(self.at) {
            let direction = word.is(PARTICLES) || (word.pos == Pos::Adverb && is_direction(&word.lower));
            let measure =
                word.pos == Pos::Number && self.word(self.at + 1).is_some_and(|w| w.is(&["degrees", "degree"]));
            if measure {
                let unit = &self.words[self.at + 1];
                text = format!("{text} {} {}", word.lower, unit.lower);
                end = unit.end;
                self.at += 2;
                continue;
            }
            if !direction || (word.pos == Pos::Preposition && noun_phrase(self.words, self.at + 1).is_some()) {
                break;
            }
            // "back behind", "straight up": all of it says where to.
            text = format!("{text} {}", word.lower);
            end = word.end;
            self.at += 1;
        }
        (text, end)
    }
}

/// Adverbs that an image shows ("leaning forward", "bent slightly"), unlike "confidently".
pub(super) fn is_direction(word: &str) -> bool {
    word.contains(' ')
        || has(PARTICLES, word)
        || word.ends_with("ward")
        || word.ends_with("wards")
        || has(
            &[
                "slightly",
                "straight",
                "left",
                "right",
                "directly",
                "apart",
                "together",
                "in",
                "behind",
                "ahead",
                "outstretched",
                "sideways",
                "far",
                "overhead",
                "inside",
                "outside",
                "above",
                "below",
                "high",
                "low",
                "wide",
                "horizontally",
                "vertically",
                "diagonally",
            ],
            word,
        )
}
