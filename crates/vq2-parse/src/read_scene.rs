//! Prompt to scene: one pass over the tagged words, left to right.
//!
//! Each noun phrase becomes an object; a verb, a preposition or a participle binds the objects around it. Attachment is
//! by simple rules (named where they act), not by a parser. Time is linear in the length of the prompt.

mod binding;
mod clause;
mod frames;
mod groups;
mod join;
mod lists;
mod owners;
mod phrases;
mod prepositions;
mod prompt;
mod pronouns;
mod retag;
mod states;
mod style;
mod text;
mod verbs;
mod words;

pub use words::{ABSTRACT, BODY_PARTS, CONTAINERS};

use std::collections::HashMap;

use crate::noun_phrase::noun_phrase;
use crate::read_scene::clause::{Clause, Pending};
use crate::read_scene::frames::frame_end;
use crate::read_scene::prompt::{is_title_case, without_outer_quotes};
use crate::read_scene::retag::retag;
use crate::read_scene::style::{Region, style_note};
use crate::read_scene::words::MAKING;
use crate::scene::Scene;
use crate::tag::{Pos, Tagged, tag};

/// Reads what a prompt says.
pub fn read_scene(prompt: &str) -> Scene {
    let changed;
    let text = if is_title_case(prompt) {
        changed = prompt.to_ascii_lowercase();
        &changed
    } else if let Some(inside) = without_outer_quotes(prompt) {
        changed = inside;
        &changed
    } else {
        prompt
    };
    let words = retag(text, tag(text));
    let mut reader = Reader {
        words: &words,
        scene: Scene::default(),
        at: 0,
        clause: Clause::default(),
        lead: None,
        region: Region::Description,
        named: HashMap::new(),
    };
    while reader.at < words.len() {
        let before = reader.at;
        reader.step();
        // Every step reads at least one word.
        reader.at = reader.at.max(before + 1);
    }
    reader.settle();
    reader.scene
}

// "A, B, C and …": a list binds at most so many objects at once, which keeps the time linear.
const LONGEST_LIST: usize = 16;

struct Reader<'w, 't> {
    words: &'w [Tagged<'t>],
    scene: Scene,
    at: usize,
    clause: Clause,
    /// The prompt's first subject: what a later "it" means.
    lead: Option<usize>,
    region: Region,
    /// The objects of a name: the latest one, and how many.
    named: HashMap<String, (usize, usize)>,
}

impl<'w, 't> Reader<'w, 't> {
    fn word(&self, i: usize) -> Option<&'w Tagged<'t>> {
        self.words.get(i)
    }

    /// One past the last byte that was read; an object's own span may be its first mention, further back.
    fn read_to(&self) -> usize {
        self.at.checked_sub(1).and_then(|i| self.word(i)).map_or(0, |w| w.end)
    }

    fn next_is(&self, list: &[&str]) -> bool {
        self.word(self.at).is_some_and(|w| w.is(list))
    }

    fn step(&mut self) {
        if (self.at_piece_start() && self.read_style_note()) || self.made_by() {
            return;
        }
        if let Some(end) = frame_end(self.words, self.at) {
            self.frame(end);
            return;
        }
        let word = &self.words[self.at];
        let after_be = std::mem::take(&mut self.clause.after_be);
        match word.pos {
            Pos::Mark => self.mark(),
            Pos::Conjunction => {
                // "a cat is playing and": the verb has no object.
                if matches!(self.clause.pending, Pending::Object { .. }) {
                    self.clause.pending = Pending::Nothing;
                }
                self.clause.joining = true;
                self.at += 1;
            }
            Pos::Quoted => self.quoted(),
            Pos::Be => {
                self.subject_speaks();
                self.clause.after_be = true;
                self.at += 1;
            }
            Pos::Have => {
                self.subject_speaks();
                self.clause.pending = Pending::Has { subjects: self.clause.subjects.clone() };
                self.at += 1;
            }
            Pos::Modal => {
                self.clause.intention = word.is(&["to"]);
                self.at += 1;
            }
            Pos::Preposition => self.preposition(after_be),
            Pos::Pronoun => self.pronoun(),
            Pos::Gerund if self.opens_phrase() => self.phrase(after_be),
            Pos::Gerund => self.verb(),
            Pos::Participle if !after_be && self.opens_phrase() => self.phrase(after_be),
            Pos::Participle => self.participle(after_be),
            Pos::Verb => {
                self.subject_speaks();
                self.verb();
            }
            Pos::Negation => {
                self.clause.negated = true;
                self.clause.after_be = after_be;
                self.at += 1;
            }
            Pos::Adjective | Pos::Adverb => self.adjective(after_be),
            _ => self.phrase(after_be),
        }
    }

    /// Whether the words from here on start a piece between commas or sentences.
    fn at_piece_start(&self) -> bool {
        self.at.checked_sub(1).is_none_or(|before| {
            let word = &self.words[before];
            word.pos == Pos::Mark
        }) || (self.words[self.at].is(&["by", "trending"]) && self.region != Region::Description)
    }

    /// "painted by Jane Doe": the maker of the picture, where a piece starts.
    fn made_by(&mut self) -> bool {
        let named = self.word(self.at + 2).is_some_and(|w| w.text.starts_with(char::is_uppercase));
        let makes = (self.at_piece_start() || named) && self.at > 0 && self.words[self.at].is(MAKING);
        if !makes || !self.word(self.at + 1).is_some_and(|w| w.is(&["by"])) {
            return false;
        }
        self.at += 1;
        let read = self.read_style_note();
        self.at -= usize::from(!read);
        read
    }

    fn read_style_note(&mut self) -> bool {
        // The first piece is what the image is of, unless it is about nothing but style.
        let Some((fact, end, region)) = style_note(self.words, self.at, self.region) else { return false };
        if self.at == 0 && self.word(end).is_none() {
            return false;
        }
        self.scene.facts.push(fact);
        self.region = region;
        self.clause = Clause::default();
        self.at = end;
        true
    }

    /// "there is", "we can see": what comes next is a subject of its own, at the place named before.
    fn frame(&mut self, end: usize) {
        let fronted = std::mem::take(&mut self.clause.fronted);
        self.clause = Clause { fronted, existential: true, ..Clause::default() };
        self.at = end;
    }

    /// A finite verb goes back to its subject: "a sheep with short hair stands".
    fn subject_speaks(&mut self) {
        if !self.clause.relative && !self.clause.main.is_empty() {
            self.clause.subjects.clone_from(&self.clause.main);
        }
    }

    /// Whether a participle starts a noun phrase: nothing before it could act, and a noun follows.
    fn opens_phrase(&self) -> bool {
        let could_act = !self.clause.latest.is_empty() && self.clause.pending == Pending::Nothing;
        !could_act && noun_phrase(self.words, self.at).is_some()
    }

    fn mark(&mut self) {
        let word = &self.words[self.at];
        if word.is(&[".", ";", "!", "?", ":", "|"]) {
            self.clause = Clause::default();
        } else if word.is(&[",", "-", "–", "—", "/", "&"]) {
            if matches!(self.clause.bound_by, Pending::Fronted { .. }) && word.is(&[","]) {
                let fronted = std::mem::take(&mut self.clause.fronted);
                self.clause = Clause { fronted, ..Clause::default() };
                self.at += 1;
                return;
            }
            self.clause.joining = true;
            self.clause.negated = false;
            self.clause.relative = false;
            let waits = matches!(self.clause.pending, Pending::With { .. } | Pending::Preposition { .. });
            if !waits {
                self.clause.pending = Pending::Nothing;
            }
        }
        self.at += 1;
    }
}
