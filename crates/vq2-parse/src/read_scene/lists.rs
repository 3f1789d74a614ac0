//! "and", "or" and commas: a noun phrase that plays the part of the one before it.

use super::words::BODY_PARTS;
use super::{LONGEST_LIST, Pending, Reader};
use crate::lexicon::has;
use crate::scene::Fact;
use crate::tag::Pos;

impl Reader<'_, '_> {
    /// A noun phrase after "and" or a comma plays the part of the one before it, unless it starts a clause of its own.
    pub(super) fn joined(&mut self, index: usize) {
        let next = self.word(self.at);
        let phrase = &self.scene.objects[index].phrase;
        let acts = next.is_some_and(|w| {
            matches!(w.pos, Pos::Gerund | Pos::Verb | Pos::Be | Pos::Participle)
                || (w.pos == Pos::Preposition && !w.is(&["of", "with"]))
        });
        let own = phrase.determiner.is_some() || phrase.quantity.is_some() || has(BODY_PARTS, &phrase.head);
        let verb_follows = next.is_some_and(|w| matches!(w.pos, Pos::Be | Pos::Verb | Pos::Have));
        // "a cat and a dog are", but "…, and the wall is": a verb in the singular has one subject.
        let singular =
            next.is_some_and(|w| !w.is(&["are", "were", "have"]) && (w.pos != Pos::Verb || w.lower.ends_with('s')));
        let own_clause =
            verb_follows && (singular || !matches!(self.clause.bound_by, Pending::Nothing | Pending::Placed));
        let fragment = has(BODY_PARTS, &phrase.head)
            && next.is_some_and(|w| {
                matches!(w.pos, Pos::Adjective | Pos::Adverb | Pos::Participle | Pos::Gerund | Pos::Preposition)
            });
        let end = self.read_to();
        let bound_by = self.clause.bound_by.clone();
        if own_clause || fragment {
            self.clause.subjects = vec![index];
            self.clause.main = vec![index];
            self.clause.latest = vec![index];
            if bound_by == Pending::Placed {
                self.bind(&Pending::Placed, index, end);
            } else {
                self.clause.bound_by = Pending::Nothing;
            }
            return;
        }
        if matches!(bound_by, Pending::Absent { .. }) && self.scene.objects[index].visible {
            self.clause.subjects = vec![index];
            self.clause.main = vec![index];
            self.clause.latest = vec![index];
            self.clause.bound_by = Pending::Nothing;
            return;
        }
        if matches!(&bound_by, Pending::Preposition { text, .. } if text == "between") && self.between(index) {
            return;
        }
        let listed = self.clause.existential && matches!(bound_by, Pending::Preposition { .. });
        if listed {
            // "we can see a cup on a table, a lamp and a chair": the list of what is seen goes on.
            self.clause.subjects = vec![index];
            self.clause.main = vec![index];
            self.clause.latest.clear();
            self.clause.bound_by = if self.clause.fronted.is_empty() { Pending::Nothing } else { Pending::Placed };
            self.bind(&Pending::Placed, index, end);
        } else if matches!(bound_by, Pending::Nothing | Pending::Placed) {
            self.push_subject(index);
            if bound_by == Pending::Placed {
                self.bind(&bound_by, index, end);
            }
        } else if acts && own {
            self.clause.subjects = vec![index];
            self.clause.bound_by = Pending::Nothing;
        } else if bound_by == Pending::Of {
            self.clause.latest.truncate(LONGEST_LIST);
        } else {
            if matches!(bound_by, Pending::Has { .. } | Pending::With { .. })
                && self.clause.subjects.len() < LONGEST_LIST
            {
                self.clause.subjects.push(index);
            }
            self.bind(&bound_by, index, end);
        }
        if self.clause.latest.len() < LONGEST_LIST {
            self.clause.latest.push(index);
        } else {
            self.clause.latest = vec![index];
        }
    }

    /// "between the chair and the table": one question for both.
    fn between(&mut self, second: usize) -> bool {
        let Some(&first) = self.clause.latest.last() else { return false };
        let end = self.read_to();
        let recent = self.scene.facts.len().saturating_sub(LONGEST_LIST);
        let mut found = false;
        for fact in &mut self.scene.facts[recent..] {
            if let Fact::Relation { preposition, object, and, span, .. } = fact
                && preposition == "between"
                && *object == Some(first)
                && and.is_none()
            {
                *and = Some(second);
                span.1 = span.1.max(end);
                found = true;
            }
        }
        found
    }

    fn push_subject(&mut self, index: usize) {
        for list in [&mut self.clause.main, &mut self.clause.subjects] {
            if list.len() >= LONGEST_LIST {
                list.clear();
            }
            if !list.contains(&index) {
                list.push(index);
            }
        }
        self.lead = self.lead.or(Some(index));
    }
}
