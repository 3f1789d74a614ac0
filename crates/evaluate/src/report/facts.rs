//! The data at a glance, and what makes the results weak.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tables::Split;

use super::Findings;
use super::words::{count, counted, listed, percent};
use crate::bootstrap::FEW_PROMPTS;
use crate::inputs::Inputs;

/// Fewer labelled test images than this are called few.
const FEW_IMAGES: usize = 200;

/// One number with its name.
#[derive(Debug, Serialize)]
pub struct Fact {
    /// What is counted.
    pub name: &'static str,
    /// How many.
    pub value: String,
    /// Of which kinds.
    pub detail: String,
}

/// Prompts, images, ratings, answers, models.
pub fn facts(inputs: &Inputs) -> Vec<Fact> {
    let by_split = |splits: &mut dyn Iterator<Item = Split>| {
        let mut counts: BTreeMap<Split, usize> = BTreeMap::new();
        splits.for_each(|split| *counts.entry(split).or_default() += 1);
        let parts: Vec<String> = counts.into_iter().map(|(split, n)| format!("{} {split}", count(n))).collect();
        parts.join(" \u{b7} ")
    };
    let distinct = |names: &mut dyn Iterator<Item = &str>| names.collect::<BTreeSet<_>>().len();
    let answered = inputs.answers.iter().filter(|answer| answer.p_yes.is_some()).count();
    let models: BTreeSet<&str> = inputs.answers.iter().map(|answer| answer.model.as_str()).collect();
    let models: Vec<String> = models.into_iter().map(str::to_owned).collect();
    let untrained = inputs.reward_models.iter().filter(|model| model.reason.is_some()).count();
    let ratings = match inputs.ratings.len() {
        0 => "nobody rated".to_owned(),
        _ => format!(
            "by {} on {}",
            counted(distinct(&mut inputs.ratings.iter().map(|rating| rating.rater_id.as_str())), "rater"),
            counted(distinct(&mut inputs.ratings.iter().map(|rating| rating.aspect.as_str())), "aspect"),
        ),
    };
    let answers = match inputs.answers.len() {
        0 => "no VLM was asked".to_owned(),
        n => format!("{} answered, by {}", percent(answered, n), listed(&models)),
    };
    let trained = match untrained {
        0 => counted(distinct(&mut inputs.reward_models.iter().map(|model| model.experiment.as_str())), "experiment"),
        n => format!("{} could not be trained", count(n)),
    };
    let fact = |name, number: usize, detail| Fact { name, value: count(number), detail };
    vec![
        fact("Prompts", inputs.prompts.len(), by_split(&mut inputs.prompts.iter().map(|prompt| prompt.split))),
        fact("Images", inputs.images.len(), by_split(&mut inputs.images.iter().map(|image| image.split))),
        fact("Ratings", inputs.ratings.len(), ratings),
        fact("VLM questions", inputs.answers.len(), answers),
        fact("Reward models", inputs.reward_models.len(), trained),
    ]
}

/// What a reader must know before believing a number.
pub fn warnings(findings: &Findings) -> Vec<String> {
    let inputs = findings.inputs;
    let mut warnings = Vec::new();
    let experiments: BTreeSet<&str> = inputs.reward_models.iter().map(|model| model.experiment.as_str()).collect();
    if experiments.is_empty() {
        warnings.push("There is no reward model: table `reward_models` is empty.".to_owned());
    }
    // Experiments that share their test images share their warning.
    let mut few: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for experiment in experiments {
        let target = findings.evaluation.targets.get(&(experiment, Split::Test));
        let (n_images, n_prompts) = target.map_or((0, 0), |target| (target.n_images(), target.n_prompts()));
        if n_images < FEW_IMAGES || n_prompts < FEW_PROMPTS {
            few.entry((n_images, n_prompts)).or_default().push(format!("\u{201c}{experiment}\u{201d}"));
        }
    }
    for ((n_images, n_prompts), experiments) in few {
        let names = listed(&experiments);
        warnings.push(match (n_images, n_prompts) {
            (0, _) => format!("{names}: no test image has a target label (table `labels`), so nothing can be judged."),
            (images, prompts) => {
                let size = format!("{} of {}", counted(images, "test image"), counted(prompts, "prompt"));
                let rest = if prompts < FEW_PROMPTS {
                    "intervals that redraw so few prompts are too narrow; read them as a lower bound on the doubt"
                } else {
                    "intervals are wide"
                };
                format!("{names}: only {size}: {rest}.")
            }
        });
    }
    let untrained = inputs.reward_models.iter().filter(|model| model.reason.is_some()).count();
    if untrained > 0 {
        let all = inputs.reward_models.len();
        warnings.push(format!(
            "{} of {} could not be trained; \u{201c}Every model\u{201d} below says why.",
            count(untrained),
            counted(all, "reward model")
        ));
    }
    warnings
}
