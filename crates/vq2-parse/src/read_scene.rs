//! Prompt to scene: one pass over the tagged words, left to right.
//!
//! Each noun phrase becomes an object; a verb, a preposition or a participle binds the objects around it. Attachment is
//! by simple rules (named where they act), not by a parser. Time is linear in the length of the prompt.

mod binding;
mod frames;
mod owners;
mod phrases;
mod prepositions;
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
use crate::read_scene::frames::frame_end;
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

/// "A Red Car On A Hill", "RED CAR": capitals that mark no names. Lower-casing ASCII letters keeps every byte's place.
fn is_title_case(prompt: &str) -> bool {
    // A capital on a small word inside is never a name's.
    let small = ["A", "An", "And", "At", "By", "From", "In", "Is", "On", "With"];
    let titled = prompt
        .split_whitespace()
        .skip(1)
        .zip(prompt.split_whitespace())
        .any(|(word, before)| small.contains(&word) && !before.ends_with(['.', '!', '?', ':', ';']));
    titled || (prompt.contains(' ') && prompt.contains(char::is_uppercase) && !prompt.contains(char::is_lowercase))
}

/// A prompt that stands in quotation marks as a whole is no text to be shown. Spaces keep every byte's place.
fn without_outer_quotes(prompt: &str) -> Option<String> {
    let inside = prompt.trim();
    let [open, close] = [inside.chars().next()?, inside.chars().next_back()?];
    let quotes = matches!((open, close), ('"', '"') | ('“', '”'));
    let body = inside.get(open.len_utf8()..inside.len().checked_sub(close.len_utf8())?)?;
    let whole = quotes && body.split_whitespace().nth(3).is_some() && !body.contains([open, close]);
    let start = prompt.len() - prompt.trim_start().len();
    let after = prompt.len() - start - inside.len();
    whole.then(|| {
        let blanks = |n: usize| " ".repeat(n);
        format!("{}{body}{}", blanks(start + open.len_utf8()), blanks(close.len_utf8() + after))
    })
}

/// What the words since the last full stop have set up.
#[derive(Debug, Default)]
struct Clause {
    /// What a finite verb speaks of: the subject, whatever "with" has added since.
    main: Vec<usize>,
    /// What participles and prepositions attach to.
    subjects: Vec<usize>,
    /// The latest noun phrase, or the latest ones joined by "and".
    latest: Vec<usize>,
    /// What binds the next noun phrase.
    pending: Pending,
    /// What bound the latest noun phrase, for the one after "and".
    bound_by: Pending,
    /// "In the background,": binds every object that is named after it.
    fronted: Vec<(String, Option<usize>)>,
    /// After "there is", "we can see": what follows is a list of what is there.
    existential: bool,
    /// A conjunction or comma stands between the latest noun phrase and here.
    joining: bool,
    /// Inside "that is …": the subject is the latest noun phrase.
    relative: bool,
    /// The latest word was a form of "be".
    after_be: bool,
    /// "not": what follows is not to be seen.
    negated: bool,
    /// "to" before a bare verb: an intention, which no image shows.
    intention: bool,
}

/// What the words before a noun phrase do with it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum Pending {
    #[default]
    Nothing,
    /// It is the object of these facts' verbs.
    Object {
        facts: Vec<usize>,
    },
    /// It is the other end of a relation.
    Preposition {
        subjects: Vec<usize>,
        text: String,
    },
    /// It completes a verb with its preposition.
    VerbPreposition {
        facts: Vec<usize>,
        text: String,
    },
    /// It goes on with a verb that has its object: "riding a horse through".
    Onward {
        facts: Vec<usize>,
        text: String,
    },
    /// "In the background": a relation of what is named next.
    Fronted {
        text: String,
    },
    /// What a fronted place binds.
    Placed,
    /// "with".
    With {
        subjects: Vec<usize>,
    },
    /// "has": always said of the subject.
    Has {
        subjects: Vec<usize>,
    },
    Of,
    /// It ends a predicate: "made of".
    Description {
        subjects: Vec<usize>,
        text: String,
        start: usize,
    },
    /// It ends what a part of a body does: "raised above the head".
    Posture {
        subjects: Vec<usize>,
        text: String,
        start: usize,
    },
    /// Nothing can be seen of it.
    Unseen,
    /// "without".
    Absent {
        subjects: Vec<usize>,
        text: String,
    },
    /// "is a".
    IsA {
        subjects: Vec<usize>,
    },
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
