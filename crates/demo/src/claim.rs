//! What a question claims about a picture, and whether it holds there.

use crate::query::{Query, Word};
use crate::scene::{DrawnObject, Scene};
use crate::words::{Action, Colour, Kind, Relation, Setting};

/// What a claim turns on; the harder, the more often the simulated VLM is wrong about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Turn {
    /// That something is there.
    Object,
    /// Its colour.
    Colour,
    /// What it does.
    Action,
    /// How many there are.
    Count,
    /// Where it stands.
    Relation,
}

/// Whether a claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It can be told.
    Told {
        /// Whether it holds.
        holds: bool,
        /// What it turned on.
        turn: Turn,
    },
    /// The question is outside the vocabulary.
    Unclear,
}

/// Things that a question mentions, with what it says of each.
#[derive(Debug, Clone, PartialEq)]
struct Mention {
    kinds: Vec<Kind>,
    plural: bool,
    count: Option<u8>,
    /// Before the noun: which of them are meant.
    restricted_to: Option<Colour>,
    /// After it: what they are said to be.
    said_to_be: Option<Colour>,
    joined_to_previous: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Fact {
    Setting(Setting),
    Acts {
        agents: Vec<usize>,
        action: Action,
        patient: Option<usize>,
    },
    /// The patient is known, who acts is not.
    Suffers {
        patient: usize,
        action: Action,
    },
    Related {
        these: Vec<usize>,
        relation: Relation,
        those: Option<usize>,
    },
}

#[derive(Debug, Default)]
struct Claim {
    mentions: Vec<Mention>,
    facts: Vec<Fact>,
    unknown: bool,
}

/// Whether what a question claims holds in a scene. A quality question is not judged here.
pub fn judge(scene: &Scene, query: &Query) -> Verdict {
    match query {
        Query::Quality(_) => Verdict::Unclear,
        // "is there an elephant?": what is outside the vocabulary is in no picture.
        Query::Plain(words) if words.contains(&Word::There) && !words.iter().any(names_something) => {
            Verdict::Told { holds: false, turn: Turn::Object }
        }
        Query::Plain(words) => evaluate(scene, &Claim::of(words)),
        Query::Answered { answer, question } => answered(scene, answer, question),
    }
}

fn answered(scene: &Scene, answer: &[Word], question: &[Word]) -> Verdict {
    match answer {
        [Word::Yes] => return evaluate(scene, &Claim::of(question)),
        [Word::No] => {
            return match evaluate(scene, &Claim::of(question)) {
                Verdict::Told { holds, turn } => Verdict::Told { holds: !holds, turn },
                Verdict::Unclear => Verdict::Unclear,
            };
        }
        _ => {}
    }
    if question.contains(&Word::WhatColour)
        && let Some(colour) = answer.iter().find_map(|word| if let Word::Colour(c) = word { Some(*c) } else { None })
    {
        return about_first(scene, question, |mention| mention.said_to_be = Some(colour));
    }
    if question.contains(&Word::HowMany)
        && let Some(count) = answer.iter().find_map(|word| if let Word::Count(n) = word { Some(*n) } else { None })
    {
        return about_first(scene, question, |mention| mention.count = Some(count));
    }
    // "what is chasing the bird?": the answer comes first; "what is the dog chasing?": it comes last.
    let done = |word: &Word| matches!(word, Word::Action { .. } | Word::Relation(_) | Word::At | Word::Colour(_));
    let first_thing = question.iter().position(names_something).unwrap_or(usize::MAX);
    let answer_first = question.iter().position(done).is_some_and(|predicate| predicate < first_thing)
        && answer.iter().any(names_something)
        // "in which field is it?" asks where, and so does an answer that is a place.
        && !matches!(answer.first(), Some(Word::At | Word::Relation(_)));
    let joined: Vec<Word> = if answer_first {
        answer.iter().chain(question).cloned().collect()
    } else {
        question.iter().chain(answer).cloned().collect()
    };
    evaluate(scene, &Claim::of(&joined))
}

fn about_first(scene: &Scene, question: &[Word], say: impl FnOnce(&mut Mention)) -> Verdict {
    let mut claim = Claim::of(question);
    match claim.mentions.first_mut() {
        Some(mention) => say(mention),
        None => return Verdict::Unclear,
    }
    evaluate(scene, &claim)
}

/// Facts whose other end has not been read yet.
#[derive(Default)]
struct Waiting {
    colour: Option<Colour>,
    count: Option<u8>,
    /// The position in `facts` of one that still takes an object.
    object_of: Option<usize>,
    joined: bool,
}

impl Claim {
    fn of(words: &[Word]) -> Self {
        let mut claim = Self::default();
        let mut waiting = Waiting::default();
        for (i, word) in words.iter().enumerate() {
            match word {
                Word::Things { kinds, plural } => claim.mention(kinds, *plural, &mut waiting),
                Word::Setting(setting) => {
                    claim.facts.push(Fact::Setting(*setting));
                    waiting.object_of = None;
                }
                Word::Colour(colour) => {
                    if describes_what_follows(&words[i + 1..]) {
                        waiting.colour = Some(*colour);
                    } else if let Some(last) = claim.mentions.last_mut() {
                        last.said_to_be = Some(*colour);
                    } else {
                        waiting.colour = Some(*colour);
                    }
                }
                Word::Count(n) => waiting.count = Some(*n),
                Word::Action { action, passive } => claim.action(*action, *passive, &mut waiting),
                Word::Relation(relation) => claim.relation(*relation, &mut waiting),
                // "a cup on a car": if a thing follows, it is a relation between things.
                Word::At if thing_follows(&words[i + 1..]) => claim.relation(Relation::Above, &mut waiting),
                Word::And => waiting.joined = true,
                Word::Unknown => claim.unknown = true,
                _ => {}
            }
        }
        claim.settle(waiting);
        claim
    }

    fn mention(&mut self, kinds: &[Kind], plural: bool, waiting: &mut Waiting) {
        // "is the cat an animal", "what is the red animal … cat": one thing under two names.
        if kinds.len() > 1 && waiting.object_of.is_none() && !self.mentions.is_empty() && !waiting.joined {
            let last = self.mentions.len() - 1;
            self.mentions[last].kinds.retain(|kind| kinds.contains(kind));
            if let Some(colour) = waiting.colour.take() {
                self.mentions[last].said_to_be = Some(colour);
            }
            return;
        }
        let index = self.mentions.len();
        let count = waiting.count.take();
        self.mentions.push(Mention {
            kinds: kinds.to_vec(),
            plural: plural && count != Some(1),
            count,
            restricted_to: waiting.colour.take(),
            said_to_be: None,
            joined_to_previous: std::mem::take(&mut waiting.joined) && index > 0 && waiting.object_of.is_none(),
        });
        if let Some(at) = waiting.object_of.take() {
            match &mut self.facts[at] {
                Fact::Acts { patient, .. } => *patient = Some(index),
                Fact::Related { those, .. } => *those = Some(index),
                Fact::Suffers { patient, action } => {
                    self.facts[at] = Fact::Acts { agents: vec![index], action: *action, patient: Some(*patient) };
                }
                Fact::Setting(_) => {}
            }
        }
    }

    // The last thing mentioned, with those joined to it by "and".
    fn subjects(&self) -> Vec<usize> {
        let mut subjects = Vec::new();
        for i in (0..self.mentions.len()).rev() {
            subjects.push(i);
            if !self.mentions[i].joined_to_previous {
                break;
            }
        }
        subjects
    }

    fn action(&mut self, action: Action, passive: bool, waiting: &mut Waiting) {
        let subjects = self.subjects();
        let at = self.facts.len();
        match (passive, subjects.first()) {
            (true, Some(&patient)) => self.facts.push(Fact::Suffers { patient, action }),
            _ => self.facts.push(Fact::Acts { agents: subjects, action, patient: None }),
        }
        waiting.joined = false;
        waiting.object_of = (passive || action.is_transitive()).then_some(at);
    }

    fn relation(&mut self, relation: Relation, waiting: &mut Waiting) {
        self.facts.push(Fact::Related { these: self.subjects(), relation, those: None });
        waiting.joined = false;
        waiting.object_of = Some(self.facts.len() - 1);
    }

    // A fact at the very end takes the two last things: "what is the dog doing to the bird … chasing".
    fn settle(&mut self, waiting: Waiting) {
        let n = self.mentions.len();
        if let Some(colour) = waiting.colour
            && let Some(last) = self.mentions.last_mut()
        {
            last.said_to_be = Some(colour);
        }
        if let Some(count) = waiting.count
            && let Some(last) = self.mentions.last_mut()
        {
            last.count = Some(count);
        }
        if let Some(at) = waiting.object_of
            && n >= 2
            && at + 1 == self.facts.len()
        {
            match &mut self.facts[at] {
                Fact::Acts { agents, patient, .. } => (*agents, *patient) = (vec![n - 2], Some(n - 1)),
                Fact::Related { these, those, .. } => (*these, *those) = (vec![n - 2], Some(n - 1)),
                Fact::Suffers { .. } | Fact::Setting(_) => {}
            }
        }
    }

    fn turn(&self) -> Turn {
        let of_mention = |mention: &Mention| {
            if mention.count.is_some() {
                Turn::Count
            } else if mention.said_to_be.is_some() || mention.restricted_to.is_some() {
                Turn::Colour
            } else {
                Turn::Object
            }
        };
        let of_fact = |fact: &Fact| match fact {
            Fact::Setting(_) => Turn::Object,
            Fact::Acts { .. } | Fact::Suffers { .. } => Turn::Action,
            Fact::Related { .. } => Turn::Relation,
        };
        self.mentions.iter().map(of_mention).chain(self.facts.iter().map(of_fact)).max().unwrap_or(Turn::Object)
    }
}

// "red" before a noun ("a red cat") restricts it; with an article or nothing between, it is a statement.
fn describes_what_follows(rest: &[Word]) -> bool {
    rest.iter().find(|word| !matches!(word, Word::Colour(_) | Word::Count(_) | Word::Unknown)).is_some_and(is_thing)
        && !matches!(rest.first(), Some(Word::Unknown))
}

fn thing_follows(rest: &[Word]) -> bool {
    rest.iter()
        .find(|word| !matches!(word, Word::Filler | Word::Colour(_) | Word::Count(_) | Word::Unknown))
        .is_some_and(is_thing)
}

fn names_something(word: &Word) -> bool {
    matches!(word, Word::Things { .. } | Word::Setting(_))
}

fn is_thing(word: &Word) -> bool {
    matches!(word, Word::Things { .. })
}

impl Mention {
    fn shown<'a>(&'a self, scene: &'a Scene) -> Vec<(usize, &'a DrawnObject)> {
        let fits = |object: &DrawnObject| {
            self.kinds.contains(&object.kind) && self.restricted_to.is_none_or(|colour| object.colour == colour)
        };
        scene.objects.iter().enumerate().filter(|(_, object)| fits(object)).collect()
    }

    // Of several, all must; of one, any may.
    fn holds(&self, scene: &Scene, holds: impl Fn(usize, &DrawnObject) -> bool) -> bool {
        let shown = self.shown(scene);
        let several = self.plural || self.count.is_some_and(|n| n > 1);
        if several {
            !shown.is_empty() && shown.iter().all(|(i, object)| holds(*i, object))
        } else {
            shown.iter().any(|(i, object)| holds(*i, object))
        }
    }
}

fn evaluate(scene: &Scene, claim: &Claim) -> Verdict {
    if claim.mentions.is_empty() && !claim.facts.iter().any(|fact| matches!(fact, Fact::Setting(_))) {
        return Verdict::Unclear;
    }
    let mentions = claim.mentions.iter().all(|mention| {
        let shown = mention.shown(scene);
        !shown.is_empty()
            && mention.count.is_none_or(|n| shown.len() == usize::from(n))
            && mention.said_to_be.is_none_or(|colour| mention.holds(scene, |_, object| object.colour == colour))
    });
    let facts = claim.facts.iter().all(|fact| fact.holds(scene, &claim.mentions));
    let holds = mentions && facts && !claim.unknown;
    Verdict::Told { holds, turn: claim.turn() }
}

impl Fact {
    fn holds(&self, scene: &Scene, mentions: &[Mention]) -> bool {
        let shown = |at: usize| mentions.get(at).map(|mention| mention.shown(scene)).unwrap_or_default();
        match self {
            Self::Setting(setting) => scene.setting == Some(*setting),
            Self::Acts { agents, action, patient } => {
                let patients = patient.map(shown);
                let acts = |_: usize, object: &DrawnObject| {
                    does(object, *action)
                        && patients.as_ref().is_none_or(|patients| {
                            object.target.is_some_and(|target| patients.iter().any(|(i, _)| *i == target))
                        })
                };
                !agents.is_empty() && agents.iter().all(|&agent| mentions[agent].holds(scene, acts))
            }
            Self::Suffers { patient, action } => shown(*patient)
                .iter()
                .any(|(i, _)| scene.objects.iter().any(|object| does(object, *action) && object.target == Some(*i))),
            Self::Related { these, relation, those } => {
                let others = those.map(shown);
                let related = |at: usize, object: &DrawnObject| match &others {
                    Some(others) => others.iter().any(|(i, other)| *i != at && scene.related(object, *relation, other)),
                    None => in_that_half(object, *relation),
                };
                !these.is_empty() && these.iter().all(|&this| mentions[this].holds(scene, related))
            }
        }
    }
}

// Whoever chases also runs.
fn does(object: &DrawnObject, action: Action) -> bool {
    object.action == Some(action) || (action == Action::Running && object.action == Some(Action::Chasing))
}

// "is the cat on the left?"
fn in_that_half(object: &DrawnObject, relation: Relation) -> bool {
    let middle = f64::from(crate::scene::SIDE) / 2.0;
    match relation {
        Relation::LeftOf => object.x < middle,
        Relation::RightOf => object.x > middle,
        Relation::Above => object.y < middle,
        Relation::Below => object.y > middle,
        Relation::NextTo => false,
    }
}

#[cfg(test)]
mod tests;
