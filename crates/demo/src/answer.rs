//! What the simulated VLM believes: the truth, with calibrated noise, and the tokens that say so.

use crate::claim::{Turn, Verdict, judge};
use crate::factors::sigmoid;
use crate::query::{Query, parse};
use crate::scene::Scene;
use crate::seeded;

/// Probability that the first token is a yes or a no at all.
pub const LABEL_MASS: f64 = 0.97;

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

/// A token and its natural log-probability.
pub type TokenLogprob = (&'static str, f64);

// How the probability of an answer spreads over its spellings.
const SHARES: [f64; 5] = [0.62, 0.2, 0.1, 0.06, 0.02];
const YES: [&str; 5] = ["Yes", "yes", " Yes", " yes", "YES"];
const NO: [&str; 5] = ["No", "no", " No", " no", "NO"];
const OTHERS: [(&str, f64); 10] = [
    ("The", 0.35),
    ("It", 0.2),
    ("There", 0.15),
    ("I", 0.1),
    ("This", 0.07),
    ("A", 0.05),
    ("In", 0.03),
    ("Not", 0.02),
    ("Maybe", 0.02),
    ("**", 0.01),
];

/// Which answers appear among the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// Yes and no.
    Both,
    /// Only the more probable of the two.
    One,
    /// Neither.
    None,
}

/// The twenty most probable first tokens, the most probable first.
pub fn tokens(p_yes: f64, sides: Sides) -> Vec<TokenLogprob> {
    let mut tokens: Vec<TokenLogprob> = Vec::with_capacity(20);
    let mut side = |words: [&'static str; 5], p: f64| {
        tokens.extend(words.into_iter().zip(SHARES).map(|(word, share)| (word, (LABEL_MASS * p * share).ln())));
    };
    if sides == Sides::Both || (sides == Sides::One && p_yes >= 0.5) {
        side(YES, p_yes);
    }
    if sides == Sides::Both || (sides == Sides::One && p_yes < 0.5) {
        side(NO, 1.0 - p_yes);
    }
    let rest = if sides == Sides::None { 1.0 } else { 1.0 - LABEL_MASS };
    tokens.extend(OTHERS.into_iter().map(|(word, share)| (word, (rest * share).ln())));
    tokens.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::GENERATORS;
    use crate::prompt::prompts;

    #[test]
    fn the_tokens_give_p_yes_back_and_are_sorted() {
        for p_yes in [1e-5, 0.03, 0.5, 0.77, 1.0 - 1e-5] {
            let tokens = tokens(p_yes, Sides::Both);
            assert_eq!(tokens.len(), 20);
            assert!(tokens.windows(2).all(|pair| pair[0].1 >= pair[1].1));
            let sum = |words: [&str; 5]| -> f64 {
                tokens.iter().filter(|(word, _)| words.contains(word)).map(|(_, logprob)| logprob.exp()).sum()
            };
            let (yes, no) = (sum(YES), sum(NO));
            assert!((yes / (yes + no) - p_yes).abs() < 1e-12);
            assert!((yes + no - LABEL_MASS).abs() < 1e-12);
            let all: f64 = tokens.iter().map(|(_, logprob)| logprob.exp()).sum();
            assert!((all - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn one_sided_answers_list_the_more_probable_side_and_no_token_lists_neither() {
        let has = |tokens: &[TokenLogprob], words: [&str; 5]| tokens.iter().any(|(word, _)| words.contains(word));
        let (yes, no, none) = (tokens(0.9, Sides::One), tokens(0.1, Sides::One), tokens(0.9, Sides::None));
        assert!(has(&yes, YES) && !has(&yes, NO) && has(&no, NO) && !has(&no, YES));
        assert!(!has(&none, YES) && !has(&none, NO));
    }

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
