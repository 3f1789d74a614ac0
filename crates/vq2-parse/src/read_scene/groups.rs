//! "of": what a group gathers, what a container holds, what a part is cut from.

use super::words::{ARRANGEMENTS, COLLECTIONS, PORTIONS, QUALITIES};
use super::{LONGEST_LIST, Pending, Reader};
use crate::inflect::article;
use crate::lexicon::{MEASURES, has};
use crate::scene::Fact;
use crate::template::with_modifiers;

impl Reader<'_, '_> {
    /// "a bag of apples", "a row of cars", "a section of the wall".
    pub(super) fn belongs(&mut self, index: usize) {
        let Some(&whole) = self.clause.latest.last() else {
            self.clause.latest = vec![index];
            return;
        };
        let head = self.scene.objects[whole].phrase.head.clone();
        let lists = [ARRANGEMENTS, COLLECTIONS, QUALITIES, PORTIONS, MEASURES];
        let gathers = lists.iter().any(|list| has(list, &head));
        if gathers && self.scene.objects[whole].of.is_none() {
            self.scene.objects[whole].of = Some(index);
            let span = self.span_of(whole, index, self.read_to());
            if let Some(predicate) = self.arrangement(whole).filter(|_| self.scene.objects[whole].visible) {
                self.scene.facts.push(Fact::Is { subject: Some(index), predicate, span });
            }
            self.replace(whole, index);
            self.scene.objects[whole].visible = false;
            return;
        }
        if self.scene.objects[whole].of.is_none() {
            self.scene.objects[whole].of = Some(index);
        }
        self.clause.bound_by = Pending::Of;
    }

    /// What the members are: "in a tall stack", "a set", "different colors".
    fn arrangement(&self, whole: usize) -> Option<String> {
        let phrase = &self.scene.objects[whole].phrase;
        let what = with_modifiers(phrase);
        let with_article = if phrase.plural { what.clone() } else { format!("{} {what}", article(&what)) };
        if has(ARRANGEMENTS, &phrase.head) {
            Some(format!("in {with_article}"))
        } else if has(COLLECTIONS, &phrase.head) {
            Some(with_article)
        } else {
            (has(QUALITIES, &phrase.head) && !phrase.modifiers.is_empty()).then_some(what)
        }
    }

    /// Lets the members of a group stand where the group stood: in the clause and in the facts so far.
    fn replace(&mut self, whole: usize, members: usize) {
        for list in [&mut self.clause.main, &mut self.clause.subjects, &mut self.clause.latest] {
            for index in list.iter_mut().filter(|i| **i == whole) {
                *index = members;
            }
        }
        if self.lead == Some(whole) {
            self.lead = Some(members);
        }
        let recent = self.scene.facts.len().saturating_sub(LONGEST_LIST);
        for fact in &mut self.scene.facts[recent..] {
            match fact {
                Fact::Does { subject, object, .. } | Fact::Relation { subject, object, .. } => {
                    for end in [Some(subject), object.as_mut()].into_iter().flatten().filter(|i| **i == whole) {
                        *end = members;
                    }
                }
                Fact::Has { object, .. } if *object == whole => *object = members,
                _ => {}
            }
        }
        let fronted = self.clause.fronted.iter_mut().filter(|(_, place)| *place == Some(whole));
        fronted.for_each(|(_, place)| *place = Some(members));
    }
}
