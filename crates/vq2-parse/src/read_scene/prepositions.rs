//! Prepositions bind what stands before them to what comes after.

use super::frames::frame_end;
use super::words::*;
use super::{LONGEST_LIST, Pending, Reader};
use crate::lexicon::*;
use crate::noun_phrase::noun_phrase;
use crate::scene::Fact;
use crate::tag::{Pos, Tagged};

impl Reader<'_, '_> {
    pub(super) fn preposition(&mut self, after_be: bool) {
        if self.fronted_direction()
            || self.colour_after_in()
            || self.in_a_colour()
            || self.made_of_adjective(after_be)
            || self.by_maker()
            || self.bare_direction(after_be)
            || self.as_much_as(after_be)
        {
            return;
        }
        let fronted = self.is_fronted();
        let word = &self.words[self.at];
        let with_part = || {
            noun_phrase(self.words, self.at + 1).is_some_and(|(p, _)| has(BODY_PARTS, &p.head) || has(CLOTHES, &p.head))
        };
        let joining = self.clause.joining;
        let part_follows = word.is(&["with"]) && joining && with_part();
        self.at += 1;
        self.clause.joining = false;
        let before = std::mem::take(&mut self.clause.pending);
        if after_be {
            self.subject_speaks();
        }
        let text = word.lower.clone();
        let subjects = self.clause.subjects.clone();
        self.clause.pending = if word.is(&["of"]) {
            Pending::Of
        } else if fronted && !word.is(&["with", "without"]) && !word.is(UNSEEN) && !word.lower.ends_with("style of") {
            Pending::Fronted { text }
        } else if word.is(MADE_OF) {
            let subjects = if after_be { subjects } else { self.described() };
            Pending::Description { subjects, text, start: word.start }
        } else if word.is(&["in the shape of", "in the form of"]) {
            Pending::Description {
                subjects: if after_be { subjects } else { self.described() },
                text,
                start: word.start,
            }
        } else if word.is(&["in the style of", "in style of"]) {
            Pending::Description { subjects: Vec::new(), text: "in the style of".to_owned(), start: word.start }
        } else if word.is(&["without"]) {
            Pending::Absent { subjects, text }
        } else if word.is(&["with"]) {
            self.with(before, subjects, joining, part_follows)
        } else if let Pending::Object { facts } = before {
            self.after_verb(facts, text)
        } else if self.goes_on_with_verb(word) {
            self.after_object(text, subjects)
        } else if word.is(UNSEEN) || word.is(&["like"]) || before == Pending::Unseen {
            Pending::Unseen
        } else {
            self.after_object(text, subjects)
        };
    }

    /// "with" says what the latest phrase has; after a verb, what its subject has.
    fn with(&self, before: Pending, subjects: Vec<usize>, joining: bool, part_follows: bool) -> Pending {
        let subjects = match before {
            Pending::Object { .. } => subjects,
            _ if part_follows => self.clause.main.clone(),
            _ if joining => Vec::new(),
            _ => self.clause.latest.clone(),
        };
        Pending::With { subjects }
    }

    /// "a portrait of a baker by Ann Other": who made the picture.
    fn by_maker(&mut self) -> bool {
        let named = self.word(self.at + 1).is_some_and(|w| w.text.starts_with(char::is_uppercase));
        let picture =
            self.scene.facts.iter().take(LONGEST_LIST).any(|f| matches!(f, Fact::Picture { .. } | Fact::Style { .. }));
        self.words[self.at].is(&["by"]) && named && picture && self.read_style_note()
    }

    /// "standing on", "looking at", "running through": does the preposition say where, or belong to the verb?
    fn after_verb(&self, facts: Vec<usize>, text: String) -> Pending {
        let verb = facts.first().and_then(|&f| match &self.scene.facts[f] {
            Fact::Does { verb, .. } => verb.split(' ').next(),
            _ => None,
        });
        let place = has(PLACE_PREPOSITIONS, &text) || text.contains(' ');
        let own = verb.is_some_and(|v| has(VERBS_WITH_PREPOSITION, v)) && !has(STAYING, &text);
        let leaves = matches!(text.as_str(), "out of" | "off of" | "away from");
        if place && !own && !leaves {
            let subject_of = |&f: &usize| match &self.scene.facts[f] {
                Fact::Does { subject, .. } => Some(*subject),
                _ => None,
            };
            Pending::Preposition { subjects: facts.iter().filter_map(subject_of).collect(), text }
        } else {
            Pending::VerbPreposition { facts, text }
        }
    }

    /// "giving a flower to a woman"
    fn goes_on_with_verb(&self, word: &Tagged<'_>) -> bool {
        word.is(&["to"])
            && self.clause.pending == Pending::Nothing
            && matches!(self.clause.bound_by, Pending::Object { .. })
    }

    /// After a noun phrase: a place is the subject's; "through", "into", "toward" go on with the verb before.
    fn after_object(&self, text: String, mut subjects: Vec<usize>) -> Pending {
        let verb_of = |facts: &Vec<usize>| {
            facts.first().and_then(|&f| match &self.scene.facts[f] {
                Fact::Does { verb, .. } => verb.split(' ').next(),
                _ => None,
            })
        };
        let at_goal = text == "at"
            && matches!(&self.clause.bound_by, Pending::Object { facts } if verb_of(facts).is_some_and(|v| has(VERBS_WITH_PREPOSITION, v)));
        let place = (has(PLACE_PREPOSITIONS, &text) || text.contains(' ')) && !at_goal;
        if !place && let Pending::Object { facts } | Pending::VerbPreposition { facts, .. } = &self.clause.bound_by {
            return Pending::Onward { facts: facts.clone(), text };
        }
        // "a cup on a table next to a lamp": both are. "Holding a cup in a kitchen": the cup too is in it.
        let also = match self.clause.bound_by {
            Pending::Preposition { .. } => true,
            Pending::Object { .. } => has(CONTAINING, &text),
            _ => false,
        };
        if also {
            let places = self.clause.latest.iter().filter(|i| !subjects.contains(i)).copied().collect::<Vec<_>>();
            subjects.extend(places);
        }
        Pending::Preposition { subjects, text }
    }

    /// "In the background," before its subject; "…, behind the door there is a sign".
    fn is_fronted(&self) -> bool {
        let none_before =
            self.clause.subjects.is_empty() && self.clause.latest.is_empty() && self.clause.pending != Pending::Unseen;
        let Some((_, end)) = noun_phrase(self.words, self.at + 1) else {
            return none_before && self.word(self.at + 1).is_some_and(|w| w.pos == Pos::Pronoun);
        };
        // "of the image", "of the bridge"
        let end = if self.word(end).is_some_and(|w| w.is(&["of"])) {
            noun_phrase(self.words, end + 1).map_or(end, |(_, end)| end)
        } else {
            end
        };
        let comma = usize::from(self.word(end).is_some_and(|w| w.is(&[","])));
        let frame = frame_end(self.words, end + comma).is_some();
        let subject_follows =
            self.word(end).is_some_and(|w| matches!(w.pos, Pos::Determiner | Pos::Number | Pos::Be | Pos::Verb));
        (none_before && (comma == 1 || frame || subject_follows)) || (self.clause.joining && frame)
    }

    /// "On the right, we can see": a place without a noun.
    pub(super) fn fronted_direction(&mut self) -> bool {
        let word = &self.words[self.at];
        let first = self.clause.subjects.is_empty() && self.clause.latest.is_empty();
        let next = self.at + 1;
        let comma = usize::from(self.word(next).is_some_and(|w| w.is(&[","])));
        let place = matches!(
            word.lower.as_str(),
            "behind"
                | "in front"
                | "on the left"
                | "on the right"
                | "at the bottom"
                | "at the top"
                | "to the left"
                | "to the right"
        );
        if !place || !(first || self.clause.joining) || frame_end(self.words, next + comma).is_none() {
            return false;
        }
        let text = word.lower.clone();
        self.clause = super::Clause { fronted: vec![(text, None)], ..super::Clause::default() };
        self.at = next + comma;
        true
    }

    /// "as tall as"
    fn as_much_as(&mut self, after_be: bool) -> bool {
        let adjective = self.word(self.at + 1).filter(|w| w.pos == Pos::Adjective);
        let again = self.word(self.at + 2).is_some_and(|w| w.is(&["as"]));
        let (Some(adjective), true, true) = (adjective, again, self.words[self.at].is(&["as"])) else { return false };
        let subjects = if after_be { self.clause.subjects.clone() } else { self.described() };
        self.clause.pending = Pending::Preposition { subjects, text: format!("as {} as", adjective.lower) };
        self.at += 3;
        true
    }
}
