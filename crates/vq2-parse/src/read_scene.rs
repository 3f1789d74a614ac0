//! Prompt to scene: one pass over the tagged words.

use crate::inflect::present_participle;
use crate::lexicon::*;
use crate::noun_phrase::{NounPhrase, noun_phrase, spelled};
use crate::scene::{Fact, Scene};
use crate::tag::{Pos, Tagged, tag};

/// Nouns that only gather what follows "of": the members act.
const GROUPS: &[&str] = &[
    "group",
    "pair",
    "flock",
    "herd",
    "crowd",
    "row",
    "set",
    "stack",
    "pile",
    "team",
    "series",
    "line",
    "pack",
    "swarm",
    "school",
    "collection",
    "bundle",
    "trio",
    "duo",
    "family",
    "cluster",
    "stream",
    "rows",
    "stacks",
    "piles",
    "groups",
];

/// Verbs whose "at", "on" or "in" belongs to them: "looking at the camera".
const VERBS_WITH_PREPOSITION: &[&str] = &[
    "looking",
    "staring",
    "gazing",
    "pointing",
    "barking",
    "laughing",
    "smiling",
    "waving",
    "shouting",
    "peering",
    "glaring",
    "aiming",
    "throwing",
    "shooting",
    "glancing",
    "growling",
    "pouring",
    "walking",
    "running",
    "flying",
    "jumping",
    "driving",
    "climbing",
    "leaping",
    "swimming",
    "moving",
    "crawling",
    "sailing",
    "traveling",
    "coming",
    "going",
    "heading",
];

/// Participles that bind to what follows their preposition: "surrounded by trees".
const BINDING: &[&str] = &[
    "surrounded",
    "covered",
    "attached",
    "connected",
    "filled",
    "topped",
    "followed",
    "chased",
    "held",
    "carried",
    "tied",
    "wrapped",
    "decorated",
    "lit",
    "inhabited",
    "separated",
    "driven",
    "ridden",
    "pulled",
    "crowned",
    "worn",
    "eaten",
    "loaded",
    "seen",
];

/// Prepositions that make no picture: "for", "about".
const UNSEEN: &[&str] = &[
    "for",
    "as",
    "like",
    "about",
    "during",
    "after",
    "before",
    "than",
    "such as",
    "instead of",
    "because of",
    "due to",
    "per",
    "via",
    "until",
    "except",
    "despite",
    "by",
    "part of",
    "to",
];

/// Reads what a prompt says.
pub fn read_scene(prompt: &str) -> Scene {
    let lower;
    let words = tag(if is_title_case(prompt) {
        lower = prompt.to_ascii_lowercase();
        &lower
    } else {
        prompt
    });
    let mut reader = Reader { words: &words, scene: Scene::default(), at: 0, clause: Clause::default(), lead: None };
    while reader.at < words.len() {
        let before = reader.at;
        reader.step();
        // Every step reads at least one word.
        reader.at = reader.at.max(before + 1);
    }
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

/// What the words since the last full stop have set up.
#[derive(Debug, Default)]
struct Clause {
    /// Objects that verbs and prepositions attach to.
    subjects: Vec<usize>,
    /// The latest noun phrase, or the latest ones joined by "and".
    latest: Vec<usize>,
    /// What binds the next noun phrase.
    pending: Pending,
    /// What bound the latest noun phrase, for the one after "and".
    bound_by: Pending,
    /// A conjunction or comma stands between the latest noun phrase and here.
    joining: bool,
    /// The latest word was a form of "be".
    after_be: bool,
    /// "not": what follows is not to be seen.
    negated: bool,
    /// "to" before a bare verb: an intention, which no image shows.
    intention: bool,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum Pending {
    #[default]
    Nothing,
    Object {
        facts: Vec<usize>,
    },
    Preposition {
        subjects: Vec<usize>,
        text: String,
    },
    VerbPreposition {
        facts: Vec<usize>,
        text: String,
    },
    Has {
        subjects: Vec<usize>,
    },
    Of,
    Description {
        subjects: Vec<usize>,
        text: String,
        start: usize,
    },
    Unseen,
    Absent {
        subjects: Vec<usize>,
        text: String,
    },
    IsA {
        subjects: Vec<usize>,
    },
}

struct Reader<'w, 't> {
    words: &'w [Tagged<'t>],
    scene: Scene,
    at: usize,
    clause: Clause,
    /// The prompt's first subject: what a later "it" means.
    lead: Option<usize>,
}

impl Reader<'_, '_> {
    fn step(&mut self) {
        let word = &self.words[self.at];
        let after_be = std::mem::take(&mut self.clause.after_be);
        match word.pos {
            Pos::Mark => self.mark(),
            Pos::Conjunction => {
                self.clause.joining = true;
                self.at += 1;
            }
            Pos::Quoted => {
                self.scene.quotes.push((word.text.trim().to_owned(), (word.start, word.end)));
                self.clause.pending = Pending::Nothing;
                self.at += 1;
            }
            Pos::Be => {
                self.clause.after_be = true;
                self.at += 1;
            }
            Pos::Have => {
                self.clause.pending = Pending::Has { subjects: self.clause.subjects.clone() };
                self.at += 1;
            }
            Pos::Modal => {
                self.clause.intention = word.is(&["to"]);
                self.at += 1;
            }
            Pos::Preposition => self.preposition(),
            Pos::Pronoun => self.pronoun(),
            Pos::Gerund if self.opens_phrase() => self.phrase(after_be),
            Pos::Gerund => self.verb(),
            Pos::Participle if !after_be && self.opens_phrase() => self.phrase(after_be),
            Pos::Participle => self.participle(after_be),
            Pos::Verb => self.verb(),
            Pos::Negation => {
                self.clause.negated = true;
                self.clause.after_be = after_be;
                self.at += 1;
            }
            Pos::Adjective | Pos::Adverb => self.adjective(after_be),
            _ => self.phrase(after_be),
        }
    }

    /// Whether a participle starts a noun phrase: nothing before it could act, and a noun follows.
    fn opens_phrase(&self) -> bool {
        let could_act = !self.clause.latest.is_empty() && self.clause.pending == Pending::Nothing;
        !could_act && noun_phrase(self.words, self.at).is_some()
    }

    fn mark(&mut self) {
        let word = &self.words[self.at];
        if word.is(&[".", ";", "!", "?", ":"]) {
            self.clause = Clause::default();
        } else if word.is(&[","]) {
            self.clause.joining = true;
            self.clause.negated = false;
            if !matches!(self.clause.pending, Pending::Has { .. } | Pending::Preposition { .. }) {
                self.clause.pending = Pending::Nothing;
            }
        }
        self.at += 1;
    }

    fn pronoun(&mut self) {
        let word = &self.words[self.at];
        self.at += 1;
        if word.is(&["that", "which", "who", "whom"]) {
            self.clause.subjects.clone_from(&self.clause.latest);
            self.clause.pending = Pending::Nothing;
            return;
        }
        let pending = std::mem::take(&mut self.clause.pending);
        if word.is(RECIPROCALS) {
            if let Pending::Object { facts } = &pending {
                self.act_on_each_other(facts, word);
            }
            if let Pending::Preposition { subjects, text } = pending {
                for subject in subjects {
                    let span = (self.scene.objects[subject].start, word.end);
                    let reciprocal = Some(word.lower.clone());
                    self.scene.facts.push(Fact::Relation {
                        subject,
                        preposition: text.clone(),
                        object: None,
                        reciprocal,
                        span,
                    });
                }
            }
            return;
        }
        // "it" and "they" mean the prompt's first subject, if the number agrees.
        let plural = word.is(&["they", "them"]);
        let means = self.lead.filter(|&l| {
            word.is(&["it", "they", "them", "he", "she", "him", "her"]) && self.scene.objects[l].plural == plural
        });
        let Some(means) = means else {
            if pending == Pending::Nothing {
                self.clause.subjects.clear();
            }
            return;
        };
        if pending == Pending::Nothing {
            self.clause.subjects = vec![means];
            self.clause.latest = vec![means];
        } else {
            self.bind(&pending, means, word.end);
        }
    }

    /// "facing each other"
    fn act_on_each_other(&mut self, facts: &[usize], word: &Tagged<'_>) {
        for &fact in facts {
            if let Some(Fact::Does { verb, span, .. }) = self.scene.facts.get_mut(fact) {
                *verb = format!("{verb} {}", word.lower);
                span.1 = word.end;
            }
        }
    }

    fn phrase(&mut self, after_be: bool) {
        let Some((phrase, end)) = noun_phrase(self.words, self.at) else {
            self.at += 1;
            return;
        };
        let first_word = &self.words[self.at];
        let negated = first_word.is(&["no"]);
        self.at = end;
        let mut pending = std::mem::take(&mut self.clause.pending);
        let joining = std::mem::take(&mut self.clause.joining);
        if after_be && pending == Pending::Nothing && !self.clause.subjects.is_empty() {
            pending = Pending::IsA { subjects: self.clause.subjects.clone() };
        }
        if negated && let Pending::Has { subjects } = pending {
            pending = Pending::Absent { subjects, text: "without".to_owned() };
        }
        let is_time = has(TIMES, &phrase.head)
            && matches!(pending, Pending::Preposition { .. } | Pending::VerbPreposition { .. } | Pending::Unseen);
        let picture_opens = phrase.is_picture()
            && pending == Pending::Nothing
            && self.words.get(end).is_some_and(|w| w.is(&["of", "showing", "depicting", "featuring"]));
        let index = self.add(
            phrase,
            !negated
                && !picture_opens
                && !is_time
                && !matches!(pending, Pending::Description { .. } | Pending::Absent { .. } | Pending::IsA { .. }),
        );
        if picture_opens {
            self.scene.facts.push(Fact::Picture { phrase: index });
            self.clause = Clause::default();
            self.at += 1;
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
        let group_member = pending == Pending::Of
            && self.clause.latest.last().is_some_and(|&l| has(GROUPS, &self.scene.objects[l].head));
        match &pending {
            Pending::Nothing => {
                self.clause.subjects = vec![index];
                self.lead = self.lead.or(Some(index));
            }
            Pending::Of if group_member => {
                if self.lead.is_some_and(|l| self.clause.subjects.contains(&l)) {
                    self.lead = Some(index);
                }
                self.clause.subjects = vec![index];
            }
            // "about two cats doing research"
            Pending::Unseen if self.words.get(end).is_some_and(|w| w.pos == Pos::Gerund) => {
                self.clause.subjects = vec![index];
            }
            _ if negated => self.clause.subjects.clear(),
            // "with lava pouring down": what follows "with" acts in what comes next.
            Pending::Has { .. } => self.clause.subjects = vec![index],
            _ => {}
        }
        let phrase_end = self.scene.objects[index].end;
        self.bind(&pending, index, phrase_end);
        self.clause.latest = vec![index];
        self.clause.bound_by = pending;
    }

    /// A noun phrase after "and" or a comma plays the part of the one before it, unless it starts a clause of its own.
    fn joined(&mut self, index: usize) {
        let phrase = &self.scene.objects[index];
        let acts = self.words.get(self.at).is_some_and(|w| {
            matches!(w.pos, Pos::Gerund | Pos::Verb | Pos::Be | Pos::Participle)
                || (w.pos == Pos::Preposition && !w.is(&["of", "with"]))
        });
        let own = phrase.determiner.is_some() || phrase.quantity.is_some();
        let bound_by = self.clause.bound_by.clone();
        let own_clause = self.words.get(self.at).is_some_and(|w| matches!(w.pos, Pos::Be | Pos::Verb | Pos::Have));
        if bound_by == Pending::Nothing {
            if !self.clause.subjects.contains(&index) {
                self.clause.subjects.push(index);
            }
        } else if own_clause || acts && own {
            self.clause.subjects = vec![index];
            self.clause.bound_by = Pending::Nothing;
        } else {
            if matches!(bound_by, Pending::Has { .. }) {
                self.clause.subjects.push(index);
            }
            let end = phrase.end;
            self.bind(&bound_by, index, end);
        }
        self.clause.latest.push(index);
    }

    fn add(&mut self, phrase: NounPhrase, visible: bool) -> usize {
        self.scene.objects.push(phrase);
        self.scene.visible.push(visible);
        self.scene.objects.len() - 1
    }

    /// Lets what is pending act on an object.
    fn bind(&mut self, pending: &Pending, object: usize, end: usize) {
        let start_of = |scene: &Scene, i: usize| scene.objects[i].start;
        match pending {
            Pending::Nothing | Pending::Of | Pending::Unseen => {}
            Pending::Object { facts } | Pending::VerbPreposition { facts, .. } => {
                for &fact in facts {
                    self.complete(fact, pending, object, end);
                }
            }
            Pending::Preposition { subjects, text } | Pending::Absent { subjects, text } => {
                for &subject in subjects.iter().filter(|&&s| s != object) {
                    let span = (start_of(&self.scene, subject).min(start_of(&self.scene, object)), end);
                    let preposition = text.clone();
                    self.scene.facts.push(Fact::Relation {
                        subject,
                        preposition,
                        object: Some(object),
                        reciprocal: None,
                        span,
                    });
                }
            }
            Pending::Has { subjects } => {
                for &subject in subjects.iter().filter(|&&s| s != object) {
                    let span = (start_of(&self.scene, subject).min(start_of(&self.scene, object)), end);
                    self.scene.facts.push(Fact::Has { subject, object, span });
                }
            }
            Pending::Description { subjects, text, start } => {
                let what = self.text_of(object);
                let predicate = format!("{text} {what}");
                if subjects.is_empty() {
                    self.scene.facts.push(Fact::Is {
                        subject: None,
                        predicate: predicate.clone(),
                        span: (*start, end),
                    });
                }
                for &subject in subjects {
                    let span = (start_of(&self.scene, subject).min(*start), end);
                    self.scene.facts.push(Fact::Is { subject: Some(subject), predicate: predicate.clone(), span });
                }
            }
            Pending::IsA { subjects } => {
                let what = self.text_of(object);
                for &subject in subjects {
                    let span = (start_of(&self.scene, subject), end);
                    self.scene.facts.push(Fact::Is { subject: Some(subject), predicate: what.clone(), span });
                }
            }
        }
    }

    /// A verb gets its object; a second object ("chasing a cat and a bird") gets a fact of its own.
    fn complete(&mut self, fact: usize, pending: &Pending, object: usize, end: usize) {
        let Some(Fact::Does { subject, verb, object: slot, span }) = self.scene.facts.get(fact).cloned() else {
            return;
        };
        let verb = match pending {
            Pending::VerbPreposition { text, .. } if !verb.ends_with(text.as_str()) => format!("{verb} {text}"),
            _ => verb,
        };
        let done = Fact::Does {
            subject,
            verb,
            object: Some(object),
            span: (span.0.min(self.scene.objects[object].start), end),
        };
        if slot.is_none() {
            self.scene.facts[fact] = done;
        } else {
            self.scene.facts.push(done);
        }
    }

    /// The phrase as the prompt has it, with its article: "an elephant".
    fn text_of(&self, object: usize) -> String {
        let phrase = &self.scene.objects[object];
        let inside = |w: &&Tagged<'_>| w.start >= phrase.start && w.end <= phrase.end;
        let words: Vec<Tagged<'_>> = self.words.iter().filter(inside).cloned().collect();
        spelled(&words)
    }

    fn verb(&mut self) {
        let word = &self.words[self.at];
        self.at += 1;
        self.clause.joining = false;
        if std::mem::take(&mut self.clause.intention) {
            self.clause.pending = Pending::Unseen;
            return;
        }
        let mut verb = present_participle(&word.lower);
        let mut end = word.end;
        while let Some(particle) = self.words.get(self.at).filter(|w| w.is(PARTICLES)) {
            if particle.pos == Pos::Preposition && noun_phrase(self.words, self.at + 1).is_some() {
                break;
            }
            verb = format!("{verb} {}", particle.lower);
            end = particle.end;
            self.at += 1;
        }
        self.clause.pending = Pending::Nothing;
        // "a sign that says "STOP"": the text is asked for, not the saying.
        let says = self.words.get(self.at).is_some_and(|w| w.pos == Pos::Quoted);
        let subjects = if self.clause.negated || says { Vec::new() } else { self.clause.subjects.clone() };
        let first_fact = self.scene.facts.len();
        for &subject in &subjects {
            let span = (self.scene.objects[subject].start.min(word.start), end);
            self.scene.facts.push(Fact::Does { subject, verb: verb.clone(), object: None, span });
        }
        let facts: Vec<usize> = (first_fact..self.scene.facts.len()).collect();
        self.clause.pending = if facts.is_empty() { Pending::Unseen } else { Pending::Object { facts } };
    }

    fn participle(&mut self, after_be: bool) {
        let word = &self.words[self.at];
        let next = self.words.get(self.at + 1);
        // "the dog chased the cat": a past tense, not a participle.
        let takes_object = !after_be
            && noun_phrase(self.words, self.at + 1).is_some()
            && next.is_some_and(|w| {
                matches!(w.pos, Pos::Determiner | Pos::Noun | Pos::ProperNoun | Pos::Adjective | Pos::Number)
            });
        if takes_object && !self.clause.subjects.is_empty() {
            self.verb();
            return;
        }
        self.at += 1;
        let subjects =
            if after_be || self.clause.latest.is_empty() { self.clause.subjects.clone() } else { self.described() };
        if let Some(preposition) = next.filter(|w| w.pos == Pos::Preposition && word.is(BINDING)) {
            let text = format!("{} {}", word.lower, preposition.lower);
            self.clause.pending = Pending::Preposition { subjects, text };
            self.at += 1;
            return;
        }
        // "painted yellow"
        let colour = next.filter(|w| w.pos == Pos::Adjective && noun_phrase(self.words, self.at).is_none());
        let (predicate, end) = match colour {
            Some(colour) => (format!("{} {}", word.lower, colour.lower), colour.end),
            None => (word.lower.clone(), word.end),
        };
        self.at += usize::from(colour.is_some());
        self.state(&subjects, predicate, (word.start, end));
        self.clause.subjects = subjects;
        self.clause.pending = Pending::Nothing;
    }

    /// What a participle or adjective after a noun describes: that noun, or the whole list before it.
    fn described(&self) -> Vec<usize> {
        if self.clause.bound_by == Pending::Nothing { self.clause.subjects.clone() } else { self.clause.latest.clone() }
    }

    fn state(&mut self, subjects: &[usize], predicate: String, span: (usize, usize)) {
        // That a thing can be seen is what its noun question asks.
        if self.clause.negated || matches!(predicate.as_str(), "visible" | "seen" | "shown" | "depicted") {
            return;
        }
        for &subject in subjects {
            let span = (self.scene.objects[subject].start.min(span.0), span.1.max(self.scene.objects[subject].end));
            self.scene.facts.push(Fact::Is { subject: Some(subject), predicate: predicate.clone(), span });
        }
    }

    fn adjective(&mut self, after_be: bool) {
        let continues = after_be || (self.clause.pending == Pending::Nothing && !self.clause.latest.is_empty());
        let word = &self.words[self.at];
        if let Some((phrase, _)) = noun_phrase(self.words, self.at)
            && !(after_be && phrase.modifiers.is_empty())
        {
            self.phrase(after_be);
            return;
        }
        self.at += 1;
        if word.pos == Pos::Adverb {
            self.clause.after_be = after_be;
            return;
        }
        if continues && !has(NOT_PREDICATIVE, &word.lower) && !has(NAME_PARTS, &word.lower) {
            let subjects = if after_be { self.clause.subjects.clone() } else { self.described() };
            self.state(&subjects, spelled(std::slice::from_ref(word)), (word.start, word.end));
        }
    }

    fn preposition(&mut self) {
        let word = &self.words[self.at];
        self.at += 1;
        let joining = std::mem::take(&mut self.clause.joining);
        let before = std::mem::take(&mut self.clause.pending);
        let text = word.lower.clone();
        let subjects = self.clause.subjects.clone();
        self.clause.pending = if word.is(&["of"]) {
            Pending::Of
        } else if word.is(MADE_OF) {
            Pending::Description { subjects: self.clause.latest.clone(), text, start: word.start }
        } else if word.is(&["in the shape of", "in the form of"]) {
            Pending::Description { subjects, text, start: word.start }
        } else if word.is(&["in the style of", "in style of"]) {
            Pending::Description { subjects: Vec::new(), text: "in the style of".to_owned(), start: word.start }
        } else if word.is(&["without"]) {
            Pending::Absent { subjects, text }
        } else if let Pending::Object { facts } = before {
            let place = has(PLACE_PREPOSITIONS, &word.lower) || word.lower.contains(' ');
            let own = facts.first().is_some_and(
                |&f| matches!(&self.scene.facts[f], Fact::Does { verb, .. } if has(VERBS_WITH_PREPOSITION, verb)),
            );
            if place && !own || facts.is_empty() {
                Pending::Preposition { subjects, text }
            } else {
                Pending::VerbPreposition { facts, text }
            }
        } else if word.is(&["with"]) {
            if joining {
                Pending::Has { subjects: Vec::new() }
            } else {
                Pending::Has { subjects: self.clause.latest.clone() }
            }
        } else if word.is(UNSEEN) || before == Pending::Unseen {
            Pending::Unseen
        } else {
            Pending::Preposition { subjects, text }
        };
    }
}
