//! What is truly in a picture, whatever its prompt asked for.

use serde::{Deserialize, Serialize};

use crate::factors::Factors;
use crate::prompt::Prompt;
use crate::words::{Action, Colour, Kind, Relation, Setting};

/// Side of the square pictures in pixels.
pub const SIDE: u32 = 192;

/// One object in a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrawnObject {
    /// What it is.
    pub kind: Kind,
    /// Its colour.
    pub colour: Colour,
    /// What its pose shows.
    pub action: Option<Action>,
    /// To which object (by position in the scene) a transitive action is done.
    pub target: Option<usize>,
    /// Centre, in pixels from the left.
    pub x: f64,
    /// Centre, in pixels from the top.
    pub y: f64,
    /// Half its width in pixels.
    pub radius: f64,
    /// Whether it looks to the right.
    pub faces_right: bool,
}

/// One picture: what is in it and how well it is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// Everything in it that has a name.
    pub objects: Vec<DrawnObject>,
    /// Where it plays; `None` is a plain backdrop.
    pub setting: Option<Setting>,
    /// How well it is made.
    pub factors: Factors,
}

/// How far a picture keeps to its prompt; each in `[0, 1]`, `None` where the prompt asks for nothing of the sort.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AlignmentFacts {
    /// Share of the named objects and settings that are there.
    pub objects: Option<f64>,
    /// Share of the named colours that are right.
    pub colours: Option<f64>,
    /// Share of the named numbers (two or more) that are right.
    pub counts: Option<f64>,
    /// Whether the named action is shown, on the right target.
    pub actions: Option<f64>,
    /// Whether the named relation is shown.
    pub relations: Option<f64>,
}

/// One line of `truth/scenes.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrueScene {
    /// The image.
    pub image_id: String,
    /// Its prompt.
    pub prompt_id: String,
    /// Who "generated" it.
    pub generator: String,
    /// SHA-256 of the PNG file.
    pub sha256: String,
    /// What is in it.
    pub scene: Scene,
    /// Relations between the first objects of different kinds, as words.
    pub relations: Vec<String>,
    /// What the prompt names and the picture lacks or has wrong, as words.
    pub omissions: Vec<String>,
    /// How far it keeps to its prompt.
    pub alignment: AlignmentFacts,
    /// True probability of each quality attribute.
    pub p_quality: Factors,
    /// What the average rater feels before noise and cut points, in standard deviations.
    pub goodness: f64,
}

impl Scene {
    /// The objects of one kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (usize, &DrawnObject)> {
        self.objects.iter().enumerate().filter(move |(_, object)| object.kind == kind)
    }

    /// Whether one object stands so to another.
    pub fn related(&self, a: &DrawnObject, relation: Relation, b: &DrawnObject) -> bool {
        // A third of a radius: nearer than that no one would say "left".
        let clear = (a.radius + b.radius) / 6.0;
        match relation {
            Relation::LeftOf => b.x - a.x > clear,
            Relation::RightOf => a.x - b.x > clear,
            Relation::Above => b.y - a.y > clear,
            Relation::Below => a.y - b.y > clear,
            Relation::NextTo => (a.x - b.x).hypot(a.y - b.y) < 1.75 * (a.radius + b.radius),
        }
    }

    /// How far the picture keeps to a prompt, and in words what it lacks.
    pub fn compare(&self, prompt: &Prompt) -> (AlignmentFacts, Vec<String>) {
        let mut omissions = Vec::new();
        let mut tell = |holds: bool, what: String| {
            if !holds {
                omissions.push(what);
            }
            f64::from(u8::from(holds))
        };
        let (mut objects, mut colours, mut counts, mut actions) = (vec![], vec![], vec![], vec![]);
        for (i, group) in prompt.groups.iter().enumerate() {
            let shown: Vec<&DrawnObject> = self.of_kind(group.kind).map(|(_, object)| object).collect();
            let name = group.kind.word();
            objects.push(tell(!shown.is_empty(), format!("no {name}")));
            if let Some(colour) = group.colour {
                let right = !shown.is_empty() && shown.iter().all(|object| object.colour == colour);
                colours.push(tell(right, format!("{name} not {}", colour.word())));
            }
            if group.count > 1 {
                let right = shown.len() == usize::from(group.count);
                counts.push(tell(right, format!("{} {name} for {}", shown.len(), group.count)));
            }
            if let Some(action) = group.action {
                let target = prompt.groups.get(1).filter(|_| action.is_transitive() && i == 0);
                let acts = |object: &&DrawnObject| {
                    object.action == Some(action)
                        && target.is_none_or(|target| {
                            object.target.and_then(|t| self.objects.get(t)).is_some_and(|o| o.kind == target.kind)
                        })
                };
                let right = !shown.is_empty() && shown.iter().all(acts);
                actions.push(tell(right, format!("{name} not {}", action.word())));
            }
        }
        if let Some(setting) = prompt.setting {
            objects.push(tell(self.setting == Some(setting), format!("no {}", setting.word())));
        }
        let relations = prompt.relation.zip(prompt.groups.get(1)).map(|(relation, second)| {
            let first = prompt.groups[0].kind;
            let pairs = |a: &DrawnObject| self.of_kind(second.kind).any(|(_, b)| self.related(a, relation, b));
            let right = self.of_kind(first).next().is_some() && self.of_kind(first).all(|(_, a)| pairs(a));
            tell(right, format!("{} not {} {}", first.word(), relation.word(), second.kind.word()))
        });
        let facts = AlignmentFacts {
            objects: mean(&objects),
            colours: mean(&colours),
            counts: mean(&counts),
            actions: mean(&actions),
            relations,
        };
        (facts, omissions)
    }

    /// Relations between the first objects of different kinds, as words.
    pub fn relations_in_words(&self) -> Vec<String> {
        let mut firsts: Vec<&DrawnObject> = Vec::new();
        for object in &self.objects {
            if firsts.iter().all(|first| first.kind != object.kind) {
                firsts.push(object);
            }
        }
        let mut words = Vec::new();
        for a in &firsts {
            for b in firsts.iter().filter(|b| b.kind != a.kind) {
                for &relation in Relation::ALL.iter().filter(|&&relation| self.related(a, relation, b)) {
                    words.push(format!("{} {} {}", a.kind.word(), relation.word(), b.kind.word()));
                }
            }
        }
        words
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
