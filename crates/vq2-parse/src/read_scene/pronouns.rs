//! What pronouns stand for.

use super::{LONGEST_LIST, Pending, Reader};
use crate::lexicon::{RECIPROCALS, has};
use crate::noun_phrase::NounPhrase;
use crate::scene::Fact;
use crate::tag::{Pos, Tagged};

impl Reader<'_, '_> {
    pub(super) fn pronoun(&mut self) {
        let word = &self.words[self.at];
        self.at += 1;
        if word.is(&["that", "which", "who", "whom"]) {
            self.clause.subjects.clone_from(&self.clause.latest);
            self.clause.relative = true;
            self.clause.joining = false;
            self.clause.pending = Pending::Nothing;
            return;
        }
        let pending = std::mem::take(&mut self.clause.pending);
        if word.is(RECIPROCALS) {
            self.reciprocal(pending, word);
            return;
        }
        if let Some(holder) = self.holder(&pending, word) {
            self.bind(&pending, holder, word.end);
            return;
        }
        // "it" and "they" mean the prompt's first subject, if the number agrees.
        let plural = word.is(&["they", "them"]);
        let means = self.lead.filter(|&l| {
            let one = has(&["it", "he", "she", "him", "her"], &word.lower);
            // "Someone … they": the singular "they".
            let fits = self.scene.objects[l].phrase.plural == plural
                || (plural && !self.scene.objects[l].phrase.plural && self.is_someone(l));
            (one || plural) && fits
        });
        // "He is smiling" without anyone named before: a person.
        let nobody = self.lead.is_none() && pending == Pending::Nothing && word.is(&["he", "she"]);
        let means = means.or_else(|| {
            nobody.then(|| {
                let (start, name_start, end) = (word.start, word.start, word.end);
                let (name, head) = ("person".to_owned(), "person".to_owned());
                let phrase = NounPhrase { name, head, start, name_start, end, ..NounPhrase::default() };
                let index = self.add(phrase, true);
                self.lead = Some(index);
                index
            })
        });
        let Some(means) = means else {
            if pending == Pending::Nothing {
                self.clause.subjects.clear();
                self.clause.main.clear();
            }
            return;
        };
        match pending {
            Pending::Nothing => {
                self.clause.subjects = vec![means];
                self.clause.main = vec![means];
                self.clause.latest = vec![means];
                self.clause.bound_by = Pending::Nothing;
                self.clause.joining = false;
            }
            Pending::Fronted { text } => self.clause.fronted.push((text, Some(means))),
            pending => self.bind(&pending, means, word.end),
        }
    }

    /// "a shirt with a drawing on it": what has the drawing.
    fn holder(&self, pending: &Pending, word: &Tagged<'_>) -> Option<usize> {
        let Pending::Preposition { subjects, .. } = pending else { return None };
        let held = *subjects.first()?;
        if !word.is(&["it", "them"]) {
            return None;
        }
        let plural = word.is(&["them"]);
        let recent = self.scene.facts.len().saturating_sub(LONGEST_LIST);
        let mut found = self.scene.facts[recent..].iter().rev().filter_map(|fact| match fact {
            Fact::Has { subject, object, .. } if *object == held => Some(*subject),
            Fact::Relation { subject, preposition, object, .. } if *object == Some(held) && preposition == "with" => {
                Some(*subject)
            }
            _ => None,
        });
        found.find(|&s| self.scene.objects[s].phrase.plural == plural && !subjects.contains(&s))
    }

    fn is_someone(&self, index: usize) -> bool {
        has(
            &["someone", "somebody", "person", "figure", "subject", "human", "character", "individual"],
            &self.scene.objects[index].phrase.head,
        )
    }

    /// "facing each other", "on top of each other"
    fn reciprocal(&mut self, pending: Pending, word: &Tagged<'_>) {
        match pending {
            Pending::Object { ref facts } | Pending::VerbPreposition { ref facts, .. } => {
                let preposition = match &pending {
                    Pending::VerbPreposition { text, .. } => format!("{text} "),
                    _ => String::new(),
                };
                for &fact in facts {
                    if let Some(Fact::Does { verb, span, .. }) = self.scene.facts.get_mut(fact) {
                        *verb = format!("{verb} {preposition}{}", word.lower);
                        span.1 = word.end;
                    }
                }
            }
            Pending::Preposition { subjects, text } => {
                for subject in subjects {
                    let start = self.scene.objects[subject].phrase.start;
                    self.scene.facts.push(Fact::Relation {
                        subject,
                        preposition: text.clone(),
                        object: None,
                        and: None,
                        reciprocal: Some(word.lower.clone()),
                        span: (start.min(word.start), word.end),
                    });
                }
            }
            _ => {}
        }
        if self.word(self.at).is_some_and(|w| w.pos == Pos::Possessive) {
            self.at += 1;
        }
    }
}
