//! Four pretended image generators, each of which fails in its own way.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::factors::{Factors, sigmoid};
use crate::layout::{Composition, Place, places};
use crate::prompt::Prompt;
use crate::scene::{DrawnObject, Scene};
use crate::words::{Action, Colour, Kind, Relation};

/// One pretended generator: how often it goes wrong, and where its pictures lie on each factor (log-odds, before the
/// picture's own luck).
#[derive(Debug)]
pub struct Generator {
    /// Its name in the tables.
    pub name: &'static str,
    wrong_colour: f64,
    dropped_object: f64,
    wrong_count: f64,
    swapped_relation: f64,
    lost_action: f64,
    lost_setting: f64,
    distorted: f64,
    photorealistic: f64,
    bright: f64,
    captivating: f64,
    chaotic: f64,
    visually_compelling: f64,
    blurry: f64,
    disturbing: f64,
    funny: f64,
}

/// The four: one paints in wrong colours, one cannot count or place, one melts and blurs, one is dark and cluttered.
pub const GENERATORS: [Generator; 4] = [
    Generator {
        name: "prism",
        wrong_colour: 0.55,
        dropped_object: 0.05,
        wrong_count: 0.15,
        swapped_relation: 0.15,
        lost_action: 0.1,
        lost_setting: 0.1,
        distorted: -1.2,
        photorealistic: 0.3,
        bright: 0.5,
        captivating: 0.8,
        chaotic: -0.6,
        visually_compelling: 0.5,
        blurry: -1.3,
        disturbing: 0.04,
        funny: 0.08,
    },
    Generator {
        name: "tally",
        wrong_colour: 0.08,
        dropped_object: 0.3,
        wrong_count: 0.65,
        swapped_relation: 0.55,
        lost_action: 0.25,
        lost_setting: 0.15,
        distorted: -1.0,
        photorealistic: 0.9,
        bright: 0.3,
        captivating: 0.1,
        chaotic: -0.4,
        visually_compelling: 0.5,
        blurry: -1.0,
        disturbing: 0.03,
        funny: 0.05,
    },
    Generator {
        name: "melt",
        wrong_colour: 0.12,
        dropped_object: 0.08,
        wrong_count: 0.2,
        swapped_relation: 0.2,
        lost_action: 0.15,
        lost_setting: 0.1,
        distorted: 0.9,
        photorealistic: 0.2,
        bright: 0.0,
        captivating: 0.0,
        chaotic: 0.2,
        visually_compelling: -0.3,
        blurry: 0.5,
        disturbing: 0.1,
        funny: 0.12,
    },
    Generator {
        name: "dusk",
        wrong_colour: 0.1,
        dropped_object: 0.1,
        wrong_count: 0.15,
        swapped_relation: 0.15,
        lost_action: 0.3,
        lost_setting: 0.2,
        distorted: -0.6,
        photorealistic: -0.9,
        bright: -1.1,
        captivating: -0.6,
        chaotic: 0.9,
        visually_compelling: -0.6,
        blurry: -0.8,
        disturbing: 0.16,
        funny: 0.05,
    },
];

impl Generator {
    /// What this generator makes of a prompt.
    pub fn paint(&self, prompt: &Prompt, rng: &mut ChaCha8Rng) -> Scene {
        let factors = self.factors(rng);
        let groups = self.groups(prompt, rng);
        let counts: Vec<usize> = groups.iter().map(|group| group.count).collect();
        let places = places(&counts, self.composition(prompt, groups.len(), rng), rng);
        let setting = prompt.setting.filter(|_| !rng.random_bool(self.lost_setting));
        let scale = 0.84 + 0.16 * factors.visually_compelling;
        Scene { objects: objects(&groups, &places, scale, rng), setting, factors }
    }

    fn groups(&self, prompt: &Prompt, rng: &mut ChaCha8Rng) -> Vec<Painted> {
        let mut groups: Vec<Painted> = prompt
            .groups
            .iter()
            .map(|group| Painted {
                kind: group.kind,
                count: usize::from(group.count),
                colour: group.colour.unwrap_or_else(|| natural(group.kind, rng)),
                action: group.action,
            })
            .collect();
        let mixed_up = groups.len() == 2 && rng.random_bool(self.wrong_colour * 0.4);
        if mixed_up {
            (groups[0].colour, groups[1].colour) = (groups[1].colour, groups[0].colour);
        }
        for group in &mut groups {
            if !mixed_up && rng.random_bool(self.wrong_colour) {
                let others: Vec<Colour> = Colour::ALL.iter().copied().filter(|&c| c != group.colour).collect();
                group.colour = others.choose(rng).copied().unwrap_or(group.colour);
            }
            // One object is rarely doubled; several are often one too many or too few.
            let p = if group.count == 1 { self.wrong_count * 0.2 } else { self.wrong_count };
            if rng.random_bool(p) {
                let less = group.count > 1 && rng.random_bool(0.5);
                group.count = if less { group.count - 1 } else { group.count + 1 };
            }
            if rng.random_bool(self.lost_action) {
                group.action = None;
            }
        }
        if rng.random_bool(self.dropped_object) {
            if groups.len() > 1 {
                groups.remove(rng.random_range(0..2));
            } else {
                // A lone subject is taken for something else.
                let others: Vec<Kind> = Kind::ALL.iter().copied().filter(|&kind| kind != groups[0].kind).collect();
                groups[0].kind = others.choose(rng).copied().unwrap_or(groups[0].kind);
                groups[0].action = groups[0].action.filter(|action| groups[0].kind.own_actions().contains(action));
            }
        }
        if groups.len() < 2 {
            // Nothing is left to be chased or eaten.
            for group in &mut groups {
                group.action = group.action.filter(|action| !action.is_transitive());
            }
        }
        groups
    }

    fn composition(&self, prompt: &Prompt, n_groups: usize, rng: &mut ChaCha8Rng) -> Composition {
        let swapped = rng.random_bool(self.swapped_relation);
        let acts = prompt.groups[0].action.is_some_and(Action::is_transitive);
        match prompt.relation {
            Some(Relation::NextTo) if swapped => Composition::Apart,
            Some(relation) if swapped => Composition::Related(relation.opposite()),
            Some(relation) => Composition::Related(relation),
            None if acts && n_groups == 2 => Composition::Close,
            None => Composition::Free,
        }
    }

    fn factors(&self, rng: &mut ChaCha8Rng) -> Factors {
        // How well the picture turned out on the whole; it pulls most factors along.
        let luck: f64 = rng.sample(StandardNormal);
        let mut level = |centre: f64, pull: f64| {
            let own: f64 = rng.sample(StandardNormal);
            sigmoid(1.5 * (centre + pull * luck + (1.0 - pull * pull).sqrt() * own))
        };
        let distorted = level(self.distorted, -0.35);
        let photorealistic = level(self.photorealistic, 0.35);
        let bright = level(self.bright, 0.1);
        let captivating = level(self.captivating, 0.6);
        let chaotic = level(self.chaotic, -0.25);
        let visually_compelling = level(self.visually_compelling, 0.65);
        let blurry = level(self.blurry + 0.4 * (distorted - 0.5), -0.2);
        let mut rare = |p: f64| {
            let shown = rng.random_bool(p);
            let amount: f64 = rng.random();
            if shown { 0.6 + 0.4 * amount } else { 0.25 * amount * amount }
        };
        let disturbing = rare((self.disturbing * 1.2 * (1.3 - bright)).clamp(0.0, 1.0));
        let funny = rare(self.funny);
        Factors {
            distorted,
            photorealistic,
            bright,
            captivating,
            chaotic,
            visually_compelling,
            disturbing,
            funny,
            blurry,
        }
    }
}

struct Painted {
    kind: Kind,
    count: usize,
    colour: Colour,
    action: Option<Action>,
}

fn natural(kind: Kind, rng: &mut ChaCha8Rng) -> Colour {
    if rng.random_bool(0.8) {
        return kind.natural_colour();
    }
    Colour::ALL.choose(rng).copied().unwrap_or(kind.natural_colour())
}

fn objects(groups: &[Painted], places: &[Vec<Place>], scale: f64, rng: &mut ChaCha8Rng) -> Vec<DrawnObject> {
    let mut objects = Vec::new();
    let second_from = groups.first().map_or(0, |group| group.count);
    for (i, (group, places)) in groups.iter().zip(places).enumerate() {
        let target = (i == 0 && group.action.is_some_and(Action::is_transitive)).then_some(second_from);
        for place in places {
            objects.push(DrawnObject {
                kind: group.kind,
                colour: group.colour,
                action: group.action,
                target,
                x: round(place.x),
                y: round(place.y),
                radius: round(place.radius * scale),
                faces_right: rng.random_bool(0.5),
            });
        }
    }
    // Whoever chases or eats looks at the other; whoever is chased runs away.
    for i in 0..objects.len() {
        if let Some(target) = objects[i].target
            && let Some(x) = objects.get(target).map(|object| object.x)
        {
            let right = x > objects[i].x;
            objects[i].faces_right = right;
            objects[target].faces_right = right;
        }
    }
    objects
}

// A tenth of a pixel is as fine as a truth file needs.
fn round(pixels: f64) -> f64 {
    (pixels * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::prompts;
    use crate::seeded;

    struct Rates {
        colours: f64,
        counts: f64,
        relations: f64,
        distorted: f64,
        bright: f64,
    }

    fn rates(generator: &Generator) -> Rates {
        let (mut colours, mut counts, mut relations) = (vec![], vec![], vec![]);
        let (mut distorted, mut bright) = (vec![], vec![]);
        for prompt in prompts(600, 5).unwrap() {
            let scene =
                generator.paint(&prompt, &mut seeded::rng(5, &format!("{}{}", generator.name, prompt.prompt_id)));
            let (facts, omissions) = scene.compare(&prompt);
            colours.extend(facts.colours);
            counts.extend(facts.counts);
            relations.extend(facts.relations);
            distorted.push(scene.factors.distorted);
            bright.push(scene.factors.bright);
            // Every named object is drawn, or its omission is on record.
            for group in &prompt.groups {
                let drawn = scene.of_kind(group.kind).count();
                let told = omissions.iter().any(|told| *told == format!("no {}", group.kind.word()));
                assert_eq!(drawn == 0, told, "{}: {omissions:?}", prompt.text);
            }
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        Rates {
            colours: mean(&colours),
            counts: mean(&counts),
            relations: mean(&relations),
            distorted: mean(&distorted),
            bright: mean(&bright),
        }
    }

    #[test]
    fn each_generator_fails_in_its_own_way() {
        let [prism, tally, melt, dusk] = GENERATORS.each_ref().map(rates);
        assert!(prism.colours < tally.colours - 0.2 && prism.colours < melt.colours - 0.2);
        assert!(tally.counts < prism.counts - 0.2 && tally.relations < prism.relations - 0.2);
        assert!(melt.distorted > prism.distorted + 0.3 && melt.distorted > dusk.distorted + 0.2);
        assert!(dusk.bright < prism.bright - 0.3 && dusk.bright < melt.bright - 0.15);
    }
}
