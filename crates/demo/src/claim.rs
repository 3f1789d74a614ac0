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
mod tests {
    use super::*;
    use crate::factors::Factors;
    use crate::query::parse;

    fn object(kind: Kind, colour: Colour, action: Option<Action>, (x, y): (f64, f64)) -> DrawnObject {
        DrawnObject { kind, colour, action, target: None, x, y, radius: 30.0, faces_right: false }
    }

    fn scene(objects: Vec<DrawnObject>, setting: Option<Setting>) -> Scene {
        Scene { objects, setting, factors: Factors::all(0.5) }
    }

    /// A red cat sitting to the left of a blue ball, in a field.
    fn cat_and_ball() -> Scene {
        let cat = object(Kind::Cat, Colour::Red, Some(Action::Sitting), (50.0, 110.0));
        scene(vec![cat, object(Kind::Ball, Colour::Blue, None, (142.0, 112.0))], Some(Setting::Field))
    }

    /// A brown dog chasing a yellow bird that is to its right.
    fn chase() -> Scene {
        let mut dog = object(Kind::Dog, Colour::Brown, Some(Action::Chasing), (55.0, 110.0));
        dog.target = Some(1);
        scene(vec![dog, object(Kind::Bird, Colour::Yellow, None, (135.0, 110.0))], None)
    }

    /// Three apples on a table, two green and one red, and a flying fish far above.
    fn apples() -> Scene {
        let apple = |colour, x| object(Kind::Apple, colour, None, (x, 150.0));
        let mut all = vec![apple(Colour::Green, 40.0), apple(Colour::Green, 96.0), apple(Colour::Red, 150.0)];
        all.push(object(Kind::Fish, Colour::Orange, Some(Action::Jumping), (96.0, 20.0)));
        scene(all, Some(Setting::Table))
    }

    fn check(scene: &Scene, cases: &[(&str, bool)]) {
        for (text, expect) in cases {
            match judge(scene, &parse(text)) {
                Verdict::Told { holds, .. } => assert_eq!(holds, *expect, "{text}"),
                Verdict::Unclear => panic!("not understood: {text}"),
            }
        }
    }

    fn vq2(scene: &Scene, cases: &[(&str, &str, bool)]) {
        for (answer, question, expect) in cases {
            check(scene, &[(&format!("is \"{answer}\" true for \"{question}\" in this image?"), *expect)]);
        }
    }

    #[test]
    fn plain_questions_about_a_cat_and_a_ball() {
        check(
            &cat_and_ball(),
            &[
                ("is there a cat?", true),
                ("is there a dog?", false),
                ("are there cats?", true),
                ("is there any ball", true),
                ("Is there a Cat in the image?", true),
                ("is there a cat and a ball?", true),
                ("is there a cat and a dog?", false),
                ("is there an elephant?", false),
                ("is there a blue cat?", false),
                ("is there a red cat?", true),
                ("is there a red ball?", false),
                ("is the cat red?", true),
                ("is the cat blue?", false),
                ("is the ball blue?", true),
                ("is the red cat sitting?", true),
                ("is the cat sitting?", true),
                ("is the cat sleeping?", false),
                ("is the ball sitting?", false),
                ("is the cat to the left of the ball?", true),
                ("is the cat to the right of the ball?", false),
                ("is the ball to the right of the cat?", true),
                ("is the ball to the left of the cat?", false),
                ("is the cat sitting to the left of the ball?", true),
                ("is the red cat to the left of the blue ball?", true),
                ("is the blue cat to the left of the red ball?", false),
                ("is the cat on the left of the ball?", true),
                ("is the cat on the left side of the ball?", true),
                ("is the cat left of the ball?", true),
                ("is the cat above the ball?", false),
                ("is the cat below the ball?", false),
                ("is the cat next to the ball?", true),
                ("is the cat to the left of the dog?", false),
                ("is the cat on the left?", true),
                ("is the cat on the right?", false),
                ("is the cat in a field?", true),
                ("is the cat in the field?", true),
                ("is the cat on a beach?", false),
                ("is there a field?", true),
                ("is there a table?", false),
                ("is there one cat?", true),
                ("are there two cats?", false),
                ("is there an animal?", true),
                ("is the cat grey?", false),
                ("is there a cat sitting in a field?", true),
                ("a red cat sitting to the left of a blue ball", true),
                ("a blue cat sitting to the left of a red ball", false),
            ],
        );
    }

    #[test]
    fn plain_questions_about_a_chase() {
        check(
            &chase(),
            &[
                ("is the dog chasing the bird?", true),
                ("is the bird chasing the dog?", false),
                ("is the dog chasing a yellow bird?", true),
                ("is the dog chasing a red bird?", false),
                ("is the dog chasing a cat?", false),
                ("is the dog chasing?", true),
                ("is the dog running?", true),
                ("is the dog eating the bird?", false),
                ("is the bird flying?", false),
                ("is the bird being chased by the dog?", true),
                ("is the dog being chased by the bird?", false),
                ("is the bird chased by a cat?", false),
                ("is the bird being chased?", true),
                ("is the bird yellow?", true),
                ("is the dog yellow?", false),
                ("is the brown dog chasing the yellow bird?", true),
                ("is the dog and the bird running?", false),
            ],
        );
    }

    #[test]
    fn plain_questions_about_numbers() {
        check(
            &apples(),
            &[
                ("are there three apples?", true),
                ("are there 3 apples?", true),
                ("are there two apples?", false),
                ("are there four apples on the table?", false),
                ("are there three apples on a table?", true),
                ("are there two green apples?", true),
                ("are there three green apples?", false),
                ("is there one red apple?", true),
                ("are the apples green?", false),
                ("is there a green apple?", true),
                ("is the apple red?", true),
                ("are there apples?", true),
                ("are the apples on a table?", true),
                ("is there one fish?", true),
                ("is the fish jumping?", true),
                ("is the fish swimming?", false),
                ("is the fish above the apples?", true),
                ("are the apples below the fish?", true),
                ("are the apples above the fish?", false),
                ("are the apples next to the fish?", false),
                ("is the fish over an apple", true),
            ],
        );
    }

    #[test]
    fn questions_in_the_form_of_vq2() {
        vq2(
            &cat_and_ball(),
            &[
                ("red", "what color is the cat?", true),
                ("blue", "what color is the cat?", false),
                ("blue", "what colour is the ball to the right of the cat?", true),
                ("red", "what is the color of the ball?", false),
                ("a cat", "what is to the left of the ball?", true),
                ("a dog", "what is to the left of the ball?", false),
                ("a red cat", "what is sitting to the left of a blue ball?", true),
                ("to the left of", "where is the cat relative to the ball?", true),
                ("to the right of the ball", "where is the cat?", false),
                ("sitting", "what is the cat doing?", true),
                ("running", "what is the cat doing?", false),
                ("a ball", "what is the cat to the left of?", true),
                ("a cat", "what animal is red?", true),
                ("cat", "what is the red animal?", true),
                ("yes", "is there a cat?", true),
                ("no", "is there a cat?", false),
                ("no", "is there a dog?", true),
                ("in a field", "where is the cat?", true),
                ("a cat", "what is in the image?", true),
                ("a car", "what is in the image?", false),
                ("a red cat", "what is sitting in the field?", true),
            ],
        );
        vq2(
            &chase(),
            &[
                ("a dog", "who is chasing the bird?", true),
                ("a cat", "what is chasing the bird?", false),
                ("a yellow bird", "what is the dog chasing?", true),
                ("a red bird", "what is the dog chasing?", false),
                ("chasing a bird", "what is the dog doing?", true),
                ("chasing", "what is the dog doing to the bird?", true),
                ("one", "how many dogs are chasing a bird?", true),
            ],
        );
        vq2(
            &apples(),
            &[
                ("three", "how many apples are there?", true),
                ("3", "how many apples are on the table?", true),
                ("two", "how many apples are on the table?", false),
                ("three apples", "what is on the table?", true),
                ("three apples", "what is on a table?", true),
                ("a table", "what are the apples on?", true),
                ("on a table", "where are the apples?", true),
            ],
        );
    }

    #[test]
    fn what_is_outside_the_vocabulary_is_unclear() {
        for text in ["", "is it?", "is \"photo\" true for \"what is this?\" in this image?", "what about wisdom"] {
            assert_eq!(judge(&chase(), &parse(text)), Verdict::Unclear, "{text}");
        }
    }

    #[test]
    fn a_claim_turns_on_the_hardest_thing_that_it_says() {
        let turn = |text: &str| match judge(&chase(), &parse(text)) {
            Verdict::Told { turn, .. } => turn,
            Verdict::Unclear => panic!("{text}"),
        };
        assert_eq!(turn("is there a dog?"), Turn::Object);
        assert_eq!(turn("is the dog brown?"), Turn::Colour);
        assert_eq!(turn("are there two brown dogs?"), Turn::Count);
        assert_eq!(turn("is the dog running?"), Turn::Action);
        assert_eq!(turn("is the brown dog to the left of a bird?"), Turn::Relation);
    }

    #[test]
    fn a_prompt_holds_in_a_faithful_picture_of_itself() {
        for prompt in crate::prompt::prompts(150, 8).unwrap() {
            let scene = crate::generator::GENERATORS[0].paint(&prompt, &mut crate::seeded::rng(8, &prompt.prompt_id));
            let (_, omissions) = scene.compare(&prompt);
            match judge(&scene, &parse(&prompt.text)) {
                Verdict::Told { holds, .. } => {
                    assert_eq!(holds, omissions.is_empty(), "{}: {omissions:?}", prompt.text)
                }
                Verdict::Unclear => panic!("{}", prompt.text),
            }
        }
    }
}
