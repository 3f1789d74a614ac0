//! Tables as the other stages would write them, made up: to develop and test with, never to report.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tables::{
    AggregatorWeight, Answer, AnswerKind, AnswerStatus, AttributeScore, Image, Label, Prediction, Preference, Prompt,
    Rating, RewardModel, ScoreSource, Split,
};

use crate::inputs::Inputs;
use crate::metrics::TARGET;

/// The attributes of the default run's quality questions.
pub const QUALITY: [&str; 8] =
    ["bright", "captivating", "chaotic", "distorted", "disturbing", "funny", "photorealistic", "visually compelling"];
const BUCKETS: [&str; 4] = ["adjective", "noun", "relation", "verb"];
const CONTEXTS: [&str; 3] = ["phone background", "graphic t-shirt", "slide deck"];

/// What is made up.
pub struct World {
    /// Prompts, of four images each; a half train, a quarter each for the rest.
    pub n_prompts: usize,
    /// Seeds per point.
    pub n_seeds: i64,
    /// Training sizes.
    pub n_train: Vec<i64>,
}

impl World {
    /// As large as the measure: 81 models, 400 test images.
    pub fn full() -> Self {
        Self { n_prompts: 400, n_seeds: 3, n_train: vec![100, 200, 400] }
    }

    /// Small, for tests.
    pub fn small() -> Self {
        Self { n_prompts: 24, n_seeds: 2, n_train: vec![20, 40] }
    }
}

fn arms() -> Vec<(&'static str, &'static str, Vec<&'static str>, &'static str, f64)> {
    let all: Vec<&str> = QUALITY.into_iter().chain(BUCKETS).collect();
    let (tree, rest): (Vec<&str>, Vec<&str>) =
        QUALITY.iter().partition(|name| ["chaotic", "photorealistic", "visually compelling"].contains(name));
    // The last is how much noise its reward has.
    vec![
        ("controlled", "all", QUALITY.to_vec(), "image", 0.75),
        ("controlled", "coarse", vec![], "image", 1.0),
        ("controlled", "not in tree", rest, "image", 2.6),
        ("controlled", "tree", tree, "image", 0.65),
        ("preferences", "alignment", BUCKETS.to_vec(), "image+text", 2.2),
        ("preferences", "all", all.clone(), "image+text", 1.02),
        ("preferences", "checklist", all, "scores", 1.3),
        ("preferences", "coarse", vec![], "image+text", 0.95),
        ("preferences", "quality", QUALITY.to_vec(), "image+text", 1.4),
    ]
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// All input tables of a world.
pub fn inputs(world: &World) -> Inputs {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut inputs = Inputs {
        encoders: vec![("image_encoder".to_owned(), "efficientnet_lite0 (made up)".to_owned())],
        ..Inputs::default()
    };
    let mut truths = Vec::new();
    for prompt in 0..world.n_prompts {
        let split = [Split::Train, Split::Validation, Split::Train, Split::Test][prompt % 4];
        let prompt_id = format!("p{prompt:04}");
        inputs.prompts.push(Prompt {
            prompt_id: prompt_id.clone(),
            prompt: format!("two red apples to the left of dog number {prompt}"),
            category: Some("animals".to_owned()),
            challenge: None,
            split,
        });
        let ease = normal(&mut rng) * 0.5;
        for nth in 0..4 {
            let image_id = format!("{prompt_id}-{nth}");
            let goodness = ease + normal(&mut rng);
            truths.push((image_id.clone(), split, goodness));
            inputs.images.push(Image {
                image_id,
                prompt_id: prompt_id.clone(),
                generator: Some(["blurry", "literal", "careless", "bold"][nth].to_owned()),
                path: None,
                sha256: None,
                width: None,
                height: None,
                bytes: None,
                split,
            });
        }
    }
    for (image_id, _, goodness) in &truths {
        rate(&mut inputs, &mut rng, image_id, *goodness);
        score(&mut inputs, &mut rng, image_id, *goodness);
    }
    label(&mut inputs);
    train(&mut inputs, &mut rng, world, &truths);
    inputs
}

fn rate(inputs: &mut Inputs, rng: &mut ChaCha8Rng, image_id: &str, goodness: f64) {
    for (aspect, tilt, mean_seconds) in [("overall", 1.0, 50.0), ("bright", 0.4, 18.0), ("distorted", -0.8, 40.0)] {
        let mut given = Vec::new();
        for rater in 0..9 {
            let opinion = 2.5 + tilt * goodness + 0.8 * normal(rng);
            let rating = opinion.round().clamp(1.0, 4.0);
            let seconds = (mean_seconds + 8.0 * normal(rng)).max(1.0);
            given.push((rating, seconds));
            inputs.ratings.push(Rating {
                image_id: image_id.to_owned(),
                rater_id: format!("r{rater}"),
                aspect: aspect.to_owned(),
                context: Some(CONTEXTS[rater % 3].to_owned()),
                rating,
                seconds: Some(seconds),
            });
        }
        let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / 9.0;
        inputs.preferences.push(Preference {
            image_id: image_id.to_owned(),
            aspect: aspect.to_owned(),
            mean_rating: mean(&mut given.iter().map(|(rating, _)| *rating)),
            n_ratings: 9,
            std_rating: Some(0.8),
            mean_seconds: Some(mean(&mut given.iter().map(|(_, seconds)| *seconds))),
        });
    }
}

fn score(inputs: &mut Inputs, rng: &mut ChaCha8Rng, image_id: &str, goodness: f64) {
    let strength = |attribute: &str| match attribute {
        "distorted" | "chaotic" | "disturbing" => -0.7,
        "funny" | "relation" => 0.05,
        "bright" | "verb" => 0.3,
        _ => 0.8,
    };
    for attribute in QUALITY {
        let answered = !rng.random_bool(0.02);
        let p = sigmoid(1.5 * (strength(attribute) * goodness + normal(rng)));
        let status = match (answered, rng.random_bool(0.3)) {
            (true, true) => AnswerStatus::Censored,
            (true, false) => AnswerStatus::Ok,
            (false, true) => AnswerStatus::Refused,
            (false, false) => AnswerStatus::NoYesNoToken,
        };
        inputs.answers.push(Answer {
            image_id: image_id.to_owned(),
            question_id: attribute.to_owned(),
            kind: AnswerKind::Quality,
            status,
            p_yes: answered.then_some(p),
            logit_yes: None,
            logit_no: None,
            label_mass: None,
            readout: tables::AnswerReadout::TopLogprobs,
            model: "demo-vlm".to_owned(),
            attempts: 1,
            seconds: Some(0.01),
        });
        inputs.attribute_scores.push(AttributeScore {
            image_id: image_id.to_owned(),
            attribute: attribute.to_owned(),
            source: ScoreSource::Vlm,
            score: answered.then_some(p),
            n_questions: 1,
            n_answered: i64::from(answered),
        });
    }
    for attribute in BUCKETS {
        let n_questions = rng.random_range(0..4);
        let p = sigmoid(1.5 * (strength(attribute) * goodness + normal(rng)));
        for question in 0..n_questions {
            inputs.answers.push(Answer {
                image_id: image_id.to_owned(),
                question_id: format!("{attribute}-{question}"),
                kind: AnswerKind::Alignment,
                status: AnswerStatus::Ok,
                p_yes: Some(p),
                logit_yes: None,
                logit_no: None,
                label_mass: None,
                readout: tables::AnswerReadout::TopLogprobs,
                model: "demo-vlm".to_owned(),
                attempts: 1,
                seconds: None,
            });
        }
        inputs.attribute_scores.push(AttributeScore {
            image_id: image_id.to_owned(),
            attribute: attribute.to_owned(),
            source: ScoreSource::Vlm,
            score: (n_questions > 0).then_some(p),
            n_questions,
            n_answered: n_questions,
        });
    }
    inputs.attribute_scores.push(AttributeScore {
        image_id: image_id.to_owned(),
        attribute: "distorted".to_owned(),
        source: ScoreSource::Human,
        score: inputs.preferences.last().map(|preference| preference.mean_rating),
        n_questions: 1,
        n_answered: 1,
    });
}

fn label(inputs: &mut Inputs) {
    for experiment in ["controlled", "preferences"] {
        for preference in inputs.preferences.iter().filter(|preference| preference.aspect == "overall") {
            inputs.labels.push(Label {
                experiment: experiment.to_owned(),
                image_id: preference.image_id.clone(),
                attribute: TARGET.to_owned(),
                score: Some(preference.mean_rating),
                threshold: (experiment == "preferences").then_some(2.5),
                label: Some(preference.mean_rating > 2.5),
            });
        }
        for score in inputs.attribute_scores.iter().filter(|score| score.source == ScoreSource::Vlm) {
            if experiment == "preferences" || QUALITY.contains(&score.attribute.as_str()) {
                inputs.labels.push(Label {
                    experiment: experiment.to_owned(),
                    image_id: score.image_id.clone(),
                    attribute: score.attribute.clone(),
                    score: score.score,
                    threshold: Some(0.5),
                    label: score.score.map(|score| score > 0.5),
                });
            }
        }
    }
}

fn train(inputs: &mut Inputs, rng: &mut ChaCha8Rng, world: &World, truths: &[(String, Split, f64)]) {
    for (experiment, arm, attributes, reads, noise) in arms() {
        for &n_train in &world.n_train {
            for seed in 0..world.n_seeds {
                let run_id = format!("{experiment}/{arm}/n{n_train}/s{seed}");
                let n_labels = attributes.len().max(1) as f64;
                inputs.reward_models.push(RewardModel {
                    run_id: run_id.clone(),
                    experiment: experiment.to_owned(),
                    arm: arm.to_owned(),
                    attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
                    inputs: reads.to_owned(),
                    bottleneck: None,
                    labels: "hard".to_owned(),
                    loss: "pointwise".to_owned(),
                    hidden: None,
                    stage2_on: None,
                    class_weights: "none".to_owned(),
                    n_used: n_train,
                    n_comparisons: None,
                    degenerate: Vec::new(),
                    epochs_run: None,
                    n_train,
                    seed,
                    cost_equal: n_train as f64 * n_labels,
                    cost_seconds: (!attributes.contains(&"noun"))
                        .then_some(n_train as f64 * if attributes.is_empty() { 52.7 } else { 23.0 * n_labels }),
                    seconds: 1.0,
                    device: "cpu".to_owned(),
                    reason: None,
                });
                let spread = noise * (1.0 + 12.0 / (n_train as f64).sqrt() / 2.0);
                for (image_id, split, goodness) in truths {
                    inputs.predictions.push(Prediction {
                        run_id: run_id.clone(),
                        image_id: image_id.clone(),
                        split: *split,
                        reward: sigmoid(goodness + spread * normal(rng)),
                    });
                }
                for attribute in attributes.iter().copied().chain(["intercept"]).take_while(|_| !attributes.is_empty())
                {
                    let lean = if ["distorted", "chaotic", "disturbing"].contains(&attribute) { -1.2 } else { 1.0 };
                    let weight = lean + 0.4 * normal(rng);
                    inputs.aggregator_weights.push(AggregatorWeight {
                        run_id: run_id.clone(),
                        attribute: attribute.to_owned(),
                        weight,
                    });
                }
            }
        }
    }
}
