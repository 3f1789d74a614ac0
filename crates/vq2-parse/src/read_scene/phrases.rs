//! A noun phrase becomes an object, and takes its part in the clause.

use super::frames::{frame_end, names_the_image};
use super::style::Region;
use super::words::*;
use super::{Clause, Pending, Reader};
use crate::lexicon::*;
use crate::noun_phrase::{NounPhrase, noun_phrase};
use crate::scene::{Fact, Object};
use crate::tag::Pos;

impl Reader<'_, '_> {
    pub(super) fn phrase(&mut self, after_be: bool) {
        let Some((phrase, end)) = noun_phrase(self.words, self.at) else {
            self.at += 1;
            return;
        };
        // "stands a few feet in front of"
        if has(LENGTHS, &phrase.head) && self.word(end).is_some_and(|w| w.pos == Pos::Preposition && !w.is(&["of"])) {
            self.at = end;
            return;
        }
        let negated = self.words[self.at].is(&["no"]) || self.clause.negated;
        self.at = end;
        let mut pending = std::mem::take(&mut self.clause.pending);
        let joining = std::mem::take(&mut self.clause.joining);
        if after_be && pending == Pending::Nothing && !self.clause.subjects.is_empty() {
            pending = Pending::IsA { subjects: self.clause.subjects.clone() };
        }
        if negated && let Pending::Has { subjects } | Pending::With { subjects } = pending {
            pending = Pending::Absent { subjects, text: "without".to_owned() };
        }
        let after_preposition =
            matches!(pending, Pending::Preposition { .. } | Pending::VerbPreposition { .. } | Pending::Fronted { .. });
        let is_time = has(TIMES, &phrase.head) && (after_preposition || pending == Pending::Unseen);
        let is_image = names_the_image(phrase.determiner.as_deref(), &phrase.head)
            && (after_preposition || pending == Pending::Of);
        let picture_opens = phrase.is_picture() && pending == Pending::Nothing && self.shows_something(end);
        let by_artist = picture_opens && self.word(end).is_some_and(|w| w.is(&["by"]));
        // "in the background", but "a white background".
        let one_word = phrase.name.split(' ').all(|w| w == phrase.head || has(NAME_PARTS, w));
        let is_frame_place = has(FRAME_PLACES, &phrase.head)
            && one_word
            && phrase.modifiers.iter().all(|m| has(NAME_PARTS, &m.text))
            && !matches!(pending, Pending::Has { .. } | Pending::With { .. })
            && (after_preposition
                || pending == Pending::Of
                || !matches!(phrase.head.as_str(), "background" | "foreground" | "scene"));
        let visible = !negated
            && !picture_opens
            && !is_time
            && !is_image
            && !is_frame_place
            && !matches!(pending, Pending::Description { .. } | Pending::Absent { .. } | Pending::IsA { .. });
        if let (true, Some(text)) = (is_frame_place, self.side_of(&phrase, &pending))
            && let Some(owner) = self.antecedent(&phrase)
            && let Pending::Preposition { subjects, .. } = &pending
        {
            // "on its left"
            let beside = Pending::Preposition { subjects: subjects.clone(), text };
            self.bind(&beside, owner, phrase.end);
            return;
        }
        if is_image && pending == Pending::Of {
            // "in the center of the image": the image adds nothing to the place.
            self.clause.bound_by = Pending::Of;
            return;
        }
        // "without windows or doors", but "with no wheels and a dog"
        let absent_too = joining
            && pending == Pending::Nothing
            && matches!(self.clause.bound_by, Pending::Absent { .. })
            && phrase.determiner.is_none()
            && phrase.quantity.is_none();
        let visible = visible && !absent_too;
        let index = self.owned_phrase(phrase, visible);
        if negated && pending == Pending::Nothing {
            self.scene.facts.push(Fact::Absent { object: index });
            self.clause.subjects.clear();
            self.clause.pending = Pending::Unseen;
            return;
        }
        if picture_opens {
            self.scene.facts.push(Fact::Picture { phrase: index });
            self.clause = Clause::default();
            if by_artist {
                self.region = Region::Style;
            } else {
                self.at += 1;
            }
            return;
        }
        if is_time {
            self.scene.facts.push(Fact::Time { phrase: index });
            return;
        }
        if joining && pending == Pending::Nothing && !self.clause.latest.is_empty() {
            self.joined(index);
            return;
        }
        self.takes_part(index, pending, negated);
    }

    /// "on its left" is "on the left of" what "its" means.
    fn side_of(&self, phrase: &NounPhrase, pending: &Pending) -> Option<String> {
        let owned = matches!(phrase.determiner.as_deref(), Some("its" | "his" | "her" | "their"));
        let side = matches!(phrase.head.as_str(), "left" | "right" | "side");
        match pending {
            Pending::Preposition { text, .. } if owned && side => Some(format!("{text} the {} of", phrase.name)),
            _ => None,
        }
    }

    /// What a phrase does to the clause, and the clause to it.
    fn takes_part(&mut self, index: usize, mut pending: Pending, negated: bool) {
        let next_acts = self.word(self.at).is_some_and(|w| w.pos == Pos::Gerund);
        match &pending {
            Pending::Nothing if !self.clause.fronted.is_empty() => {
                self.clause.subjects = vec![index];
                self.clause.main = vec![index];
                self.lead = self.lead.or(Some(index));
                pending = Pending::Placed;
            }
            Pending::Nothing => {
                self.clause.subjects = vec![index];
                self.clause.main = vec![index];
                self.clause.relative = false;
                self.lead = self.lead.or(Some(index));
            }
            Pending::Of => {
                self.belongs(index);
                return;
            }
            Pending::Fronted { text } => self.clause.fronted.push((text.clone(), Some(index))),
            // "about two cats doing research"
            Pending::Unseen if next_acts => {
                self.clause.subjects = vec![index];
            }
            _ if negated => self.clause.subjects.clear(),
            // "with lava pouring down": what follows "with" acts in what comes next; a part does not, if it can't.
            Pending::With { .. } | Pending::Has { .. } => {
                let part = self.is_part(index);
                let part_acts = self.word(self.at).is_none_or(|w| w.pos != Pos::Gerund || w.is(PART_VERBS));
                if !part || part_acts {
                    self.clause.subjects = vec![index];
                }
            }
            _ => {}
        }
        self.bind(&pending, index, self.read_to());
        self.clause.latest = vec![index];
        self.clause.bound_by = pending;
    }

    /// "a photo of", "a drawing showing", "an oil painting depicting"
    fn shows_something(&self, end: usize) -> bool {
        let showing = self.word(end).is_some_and(|w| w.is(&["of", "showing", "depicting", "featuring", "by"]));
        showing && frame_end(self.words, end + 1).is_none()
    }

    /// Keeps an object; one that the prompt has named before ("the dog") is that one.
    pub(super) fn add(&mut self, phrase: NounPhrase, visible: bool) -> usize {
        let key = phrase.name.to_lowercase();
        let known = self.named.get(&key).copied();
        if let Some((index, 1)) = known
            && (phrase.determiner.as_deref() == Some("the")
                || (phrase.determiner.is_none() && phrase.modifiers.is_empty()))
            && phrase.quantity.is_none()
            && self.scene.objects[index].phrase.plural == phrase.plural
            && !differ(&self.scene.objects[index].phrase, &phrase)
        {
            self.said_again(index, &phrase);
            self.scene.objects[index].visible |= visible;
            return index;
        }
        let index = self.scene.objects.len();
        let n_named = known.map_or(0, |(_, n)| n);
        if let Some((first, _)) = known
            && !same_adjectives(&phrase, &self.scene.objects[first].phrase)
            && visible
            && self.scene.objects[first].visible
        {
            self.scene.objects[first].has_namesake = true;
        }
        let has_namesake = known.is_some_and(|(first, _)| self.scene.objects[first].has_namesake);
        self.named.insert(key, (index, n_named + 1));
        self.scene.objects.push(Object { phrase, visible, has_namesake, ..Object::default() });
        index
    }

    /// "A dog … The brown dog": what the second mention adds.
    fn said_again(&mut self, index: usize, phrase: &NounPhrase) {
        for modifier in phrase.modifiers.iter().filter(|m| !m.is_action && !has(NOT_PREDICATIVE, &m.text)) {
            self.scene.facts.push(Fact::Is {
                subject: Some(index),
                predicate: modifier.text.clone(),
                span: (modifier.start, phrase.end),
            });
        }
    }
}

/// "the red ball", "the blue ball": other adjectives, another thing.
fn differ(first: &NounPhrase, second: &NounPhrase) -> bool {
    let shared = second.modifiers.iter().any(|m| first.modifiers.iter().any(|f| f.text == m.text));
    !first.modifiers.is_empty() && !second.modifiers.is_empty() && !shared
}

fn same_adjectives(a: &NounPhrase, b: &NounPhrase) -> bool {
    let texts = |p: &NounPhrase| p.modifiers.iter().map(|m| m.text.clone()).collect::<Vec<_>>();
    texts(a) == texts(b)
}
