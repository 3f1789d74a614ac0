//! What is pending acts on the object that it waited for.

use super::words::BODY_PARTS;
use super::{Pending, Reader};
use crate::lexicon::has;
use crate::noun_phrase::spelled;
use crate::scene::Fact;

impl Reader<'_, '_> {
    pub(super) fn bind(&mut self, pending: &Pending, object: usize, end: usize) {
        match pending {
            Pending::Nothing | Pending::Of | Pending::Unseen | Pending::Fronted { .. } => {}
            Pending::Object { facts } | Pending::VerbPreposition { facts, .. } => {
                for &fact in facts {
                    self.complete(fact, pending, object, end);
                }
            }
            Pending::Onward { facts, text } => {
                for &fact in facts {
                    self.go_on(fact, text, object, end);
                }
            }
            Pending::Preposition { subjects, text } | Pending::Absent { subjects, text } => {
                for &subject in subjects.iter().filter(|&&s| s != object) {
                    let span = self.span_of(subject, object, end);
                    if text == "in" && self.is_clothing(object) && !self.is_part(subject) {
                        self.wear(subject, object, span);
                    } else {
                        self.relate(subject, text, object, span);
                    }
                }
            }
            Pending::Placed => {
                for (text, place) in self.clause.fronted.clone() {
                    match place {
                        Some(place) if place != object => {
                            let span = self.span_of(place, object, end);
                            self.relate(object, &text, place, span);
                        }
                        Some(_) => {}
                        None => {
                            let phrase = &self.scene.objects[object].phrase;
                            let span = (phrase.start, phrase.end);
                            self.scene.facts.push(Fact::Relation {
                                subject: object,
                                preposition: text,
                                object: None,
                                and: None,
                                reciprocal: None,
                                span,
                            });
                        }
                    }
                }
            }
            Pending::With { subjects } => self.bind_with(subjects, object, end),
            Pending::Has { subjects } => self.bind_has(subjects, object, end),
            Pending::Description { subjects, text, start } => {
                let predicate = format!("{text} {}", self.text_of(object));
                self.describe(subjects, &predicate, *start, end);
            }
            Pending::Posture { subjects, text, start } => {
                for &subject in subjects.iter().filter(|&&s| s != object) {
                    let (from, end) = self.span_of(subject, object, end);
                    let (predicate, object) = (text.clone(), Some(object));
                    self.scene.facts.push(Fact::Posture { subject, predicate, object, span: (from.min(*start), end) });
                }
            }
            Pending::IsA { subjects } => {
                let predicate = self.text_of(object);
                if !subjects.is_empty() {
                    let start = self.scene.objects[object].phrase.start;
                    self.describe(subjects, &predicate, start, end);
                }
            }
        }
    }

    /// Says a predicate of the subjects; without one, of the picture.
    fn describe(&mut self, subjects: &[usize], predicate: &str, start: usize, end: usize) {
        if subjects.is_empty() {
            self.scene.facts.push(Fact::Is {
                subject: None,
                predicate: predicate.to_owned(),
                span: (start, end.max(start)),
            });
        }
        for &subject in subjects {
            let phrase = &self.scene.objects[subject].phrase;
            let span = (phrase.start.min(start), end.max(phrase.end));
            self.scene.facts.push(Fact::Is { subject: Some(subject), predicate: predicate.to_owned(), span });
        }
    }

    /// A verb gets its object; a second object ("chasing a cat and a bird") gets a fact of its own.
    fn complete(&mut self, fact: usize, pending: &Pending, object: usize, end: usize) {
        let Some(Fact::Does { subject, verb, object: slot, span }) = self.scene.facts.get(fact).cloned() else {
            return;
        };
        if subject == object {
            return;
        }
        // "raising both arms"
        let own_part = has(BODY_PARTS, &self.scene.objects[object].phrase.head)
            && !matches!(pending, Pending::VerbPreposition { .. });
        if own_part && self.scene.objects[object].owner.is_none() && self.clause.main.len() < 2 {
            self.scene.objects[object].owner = Some(subject);
        }
        if verb == "wearing" && self.scene.objects[object].owner.is_none() {
            self.scene.objects[object].owner = Some(subject);
        }
        let verb = match pending {
            Pending::VerbPreposition { text, .. } if !verb.ends_with(&format!(" {text}")) => format!("{verb} {text}"),
            _ => verb,
        };
        let start = span.0.min(self.scene.objects[object].phrase.start);
        let done = Fact::Does { subject, verb, object: Some(object), span: (start, end.max(span.1)) };
        if slot.is_none() {
            self.scene.facts[fact] = done;
        } else {
            self.scene.facts.push(done);
        }
    }

    /// "riding horses through a field": what the verb does is asked with both.
    fn go_on(&mut self, fact: usize, text: &str, object: usize, end: usize) {
        let Some(Fact::Does { subject, verb, object: Some(first), span }) = self.scene.facts.get(fact).cloned() else {
            return;
        };
        let verb = format!("{verb} {} {text}", self.text_of(first));
        if subject != object {
            let end = end.max(span.1).max(self.scene.objects[object].phrase.end);
            let start = span.0.min(self.scene.objects[object].phrase.start);
            self.scene.facts.push(Fact::Does { subject, verb, object: Some(object), span: (start, end) });
        }
    }

    /// The phrase as the prompt has it, with its article: "an elephant".
    fn text_of(&self, object: usize) -> String {
        let phrase = &self.scene.objects[object].phrase;
        let first = self.words.partition_point(|w| w.start < phrase.start);
        let past = self.words.partition_point(|w| w.end <= phrase.end);
        spelled(self.words.get(first..past).unwrap_or_default())
    }
}
