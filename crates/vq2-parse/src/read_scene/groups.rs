//! "of": what a group gathers, what a container holds, what a part is cut from.

use super::words::{GROUPS, PORTIONS, QUALITIES};
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
        let arranged = GROUPS.iter().find(|(group, _)| *group == head);
        let gathers = arranged.is_some() || has(QUALITIES, &head) || has(PORTIONS, &head) || has(MEASURES, &head);
        if gathers && self.scene.objects[whole].of.is_none() {
            self.scene.objects[whole].of = Some(index);
            let span = self.span_of(whole, index, self.read_to());
            let quality = has(QUALITIES, &head) && !self.scene.objects[whole].phrase.modifiers.is_empty();
            if (arranged.is_some() || quality) && self.scene.objects[whole].visible {
                let predicate = arranged.map_or_else(
                    || with_modifiers(&self.scene.objects[whole].phrase),
                    |(_, words)| self.arrangement(whole, words),
                );
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

    /// "in a tall stack": the modifiers of the group go along.
    fn arrangement(&self, whole: usize, words: &str) -> String {
        let phrase = &self.scene.objects[whole].phrase;
        let adjectives: Vec<&str> = phrase.modifiers.iter().map(|m| m.text.as_str()).collect();
        match words.rsplit_once(' ') {
            Some((before, noun)) if !adjectives.is_empty() && !before.is_empty() => {
                let what = format!("{} {noun}", adjectives.join(" "));
                let start =
                    before.trim_end_matches(" an").trim_end_matches(" a").trim_end_matches("an").trim_end_matches('a');
                format!("{start} {} {what}", article(&what)).trim_start().to_owned()
            }
            _ => words.to_owned(),
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
