//! What the simulated VLM believes: the truth, with calibrated noise.

use crate::claim::{Turn, Verdict, judge};
use crate::factors::sigmoid;
use crate::query::{Query, parse};
use crate::scene::Scene;
use crate::seeded;

// Spread of the log-odds of a quality question about the truth.
const QUALITY_NOISE: f64 = 0.9;
// Nothing is certain; and 12 is what the tokens' log-probabilities still tell apart.
const MOST_CERTAIN: f64 = 12.0;

/// Probability that the simulated VLM answers "yes" to a question about a picture: the number that a client should
/// read from the answer's log-probabilities as `softmax(yes, no)`.
///
/// The noise is a function of the picture's `sha256` (hexadecimal), the question's text and the seed of the world.
pub fn true_p_yes(scene: &Scene, sha256: &str, query: &str, seed: u64) -> f64 {
    let noise = seeded::normal(seed, &[b"answer", sha256.as_bytes(), query.as_bytes()]);
    let logit = match parse(query) {
        Query::Quality(factor) => scene.factors.true_logit(factor) + QUALITY_NOISE * noise,
        query => match judge(scene, &query) {
            Verdict::Told { holds, turn } => {
                // Log-odds that are normal about +m or -m with variance 2m are calibrated: of the answers given with
                // probability p, a share p is right (for as many true claims as false ones).
                let m = strength(turn);
                let mean = if holds { m } else { -m };
                mean + (2.0 * m).sqrt() * noise
            }
            Verdict::Unclear => noise,
        },
    };
    sigmoid(logit.clamp(-MOST_CERTAIN, MOST_CERTAIN))
}

/// The same for a test picture, which shows nothing of the world: it is bright or dark, all else is unclear.
pub fn p_yes_of_test_picture(brightness: f64, query: &str, seed: u64) -> f64 {
    let contrast = 8.0 * (brightness - 0.5);
    let words = query.to_ascii_lowercase();
    let logit = match (words.contains("bright"), words.contains("dark")) {
        (true, _) => contrast,
        (false, true) => -contrast,
        (false, false) => seeded::normal(seed, &[b"test picture", query.as_bytes()]),
    };
    sigmoid(logit)
}

/// Mean log-odds for the truth; the share of wrong answers that follows is in the comment.
fn strength(turn: Turn) -> f64 {
    match turn {
        Turn::Object => 7.07,   // 3 %
        Turn::Colour => 3.95,   // 8 %
        Turn::Action => 2.76,   // 12 %
        Turn::Count => 2.15,    // 15 %
        Turn::Relation => 2.15, // 15 %
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::GENERATORS;
    use crate::prompt::prompts;

    /// (probability of yes, truth) of questions whose claims hold about as often as not.
    fn asked(turn: &str) -> Vec<(f64, bool)> {
        let mut answers = Vec::new();
        for prompt in prompts(300, 2).unwrap() {
            for generator in &GENERATORS {
                let id = format!("{}{}", prompt.prompt_id, generator.name);
                let scene = generator.paint(&prompt, &mut seeded::rng(2, &id));
                let Some(object) = scene.objects.first() else { continue };
                let kind = object.kind;
                let questions = match turn {
                    "object" => vec![format!("is there a {}?", kind.word()), "is there a cup?".to_owned()],
                    _ => vec![
                        format!("is the {} {}?", kind.word(), object.colour.word()),
                        format!("is the {} {}?", kind.word(), prompt.groups[0].kind.natural_colour().word()),
                    ],
                };
                for question in questions {
                    let Verdict::Told { holds, .. } = judge(&scene, &parse(&question)) else { continue };
                    answers.push((true_p_yes(&scene, &id, &question, 2), holds));
                }
            }
        }
        answers
    }

    #[test]
    fn answers_are_wrong_as_often_as_promised() {
        for (turn, expect) in [("object", 0.03), ("colour", 0.08)] {
            let answers = asked(turn);
            let wrong = answers.iter().filter(|(p, holds)| (*p > 0.5) != *holds).count() as f64 / answers.len() as f64;
            assert!((wrong - expect).abs() < 0.015, "{turn}: {wrong}");
        }
    }

    #[test]
    fn the_noise_depends_on_picture_question_and_seed_only() {
        let scene = GENERATORS[0].paint(&prompts(1, 0).unwrap()[0], &mut seeded::rng(0, "a"));
        let p = |sha: &str, query: &str, seed| true_p_yes(&scene, sha, query, seed);
        assert_eq!(p("a", "is the image bright", 1), p("a", "is the image bright", 1));
        assert_ne!(p("a", "is the image bright", 1), p("b", "is the image bright", 1));
        assert_ne!(p("a", "is the image bright", 1), p("a", "is the image bright", 2));
        assert_ne!(p("a", "is the image bright", 1), p("a", "is the image bright?", 1));
    }
}
