//! Table `sxs_pairs`: of each test prompt's images, the one that each of two models likes best (App. B.7-B.9).
//!
//! Prompts on which both like the same image best give no pair. The most disputed pairs are kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tables::{RewardModel, Split, SxsPair};

use crate::error::EvaluateError;
use crate::inputs::Inputs;
use crate::settings::SideBySide;

/// The pairs, most disputed first, then by prompt.
///
/// # Errors
/// [`EvaluateError::UnknownName`] if no reward model has that experiment or arm.
pub fn pairs(inputs: &Inputs, settings: &SideBySide) -> Result<Vec<SxsPair>, EvaluateError> {
    let coarse = chosen_model(&inputs.reward_models, settings, "coarse", &settings.coarse)?;
    let fine = chosen_model(&inputs.reward_models, settings, "fine", &settings.fine)?;
    let (Some(coarse), Some(fine)) = (coarse, fine) else { return Ok(Vec::new()) };

    let rewards_of = |model: &RewardModel| -> HashMap<&str, f64> {
        let of_model = inputs.predictions.iter().filter(|prediction| prediction.run_id == model.run_id);
        of_model.map(|prediction| (prediction.image_id.as_str(), prediction.reward)).collect()
    };
    let (of_coarse, of_fine) = (rewards_of(coarse), rewards_of(fine));
    let mut candidates: BTreeMap<&str, BTreeMap<&str, (f64, f64)>> = BTreeMap::new();
    for image in inputs.images.iter().filter(|image| image.split == Split::Test) {
        let id = image.image_id.as_str();
        if let (Some(&by_coarse), Some(&by_fine)) = (of_coarse.get(id), of_fine.get(id)) {
            candidates.entry(&image.prompt_id).or_default().insert(id, (by_coarse, by_fine));
        }
    }
    let mut pairs: Vec<SxsPair> = candidates
        .iter()
        .filter_map(|(prompt_id, images)| {
            let (coarse_image, at_coarse) = best(images, |(by_coarse, _)| by_coarse)?;
            let (fine_image, at_fine) = best(images, |(_, by_fine)| by_fine)?;
            (coarse_image != fine_image).then(|| SxsPair {
                // The images are part of the name: a vote for other images must not count for these.
                pair_id: format!("{coarse_image}~{fine_image}"),
                prompt_id: (*prompt_id).to_owned(),
                coarse_run_id: coarse.run_id.clone(),
                fine_run_id: fine.run_id.clone(),
                coarse_image_id: coarse_image.to_owned(),
                fine_image_id: fine_image.to_owned(),
                disagreement: (at_coarse.0 - at_fine.0) + (at_fine.1 - at_coarse.1),
            })
        })
        .collect();
    pairs.sort_by(|a, b| b.disagreement.total_cmp(&a.disagreement).then_with(|| a.prompt_id.cmp(&b.prompt_id)));
    pairs.truncate(settings.pairs);
    Ok(pairs)
}

/// The arm's model with the largest `n_train`, then the lowest seed; `None` if none of its models could be trained.
fn chosen_model<'a>(
    models: &'a [RewardModel],
    settings: &SideBySide,
    setting: &'static str,
    arm: &str,
) -> Result<Option<&'a RewardModel>, EvaluateError> {
    let unknown = |setting, value: &str, known: BTreeSet<&str>| EvaluateError::UnknownName {
        setting,
        value: value.to_owned(),
        known: known.into_iter().collect::<Vec<_>>().join(", "),
    };
    let experiments: BTreeSet<&str> = models.iter().map(|model| model.experiment.as_str()).collect();
    if !experiments.contains(settings.experiment.as_str()) {
        return Err(unknown("experiment", &settings.experiment, experiments));
    }
    let of_experiment = || models.iter().filter(|model| model.experiment == settings.experiment);
    let arms: BTreeSet<&str> = of_experiment().map(|model| model.arm.as_str()).collect();
    if !arms.contains(arm) {
        return Err(unknown(setting, arm, arms));
    }
    let trained = of_experiment().filter(|model| model.arm == arm && model.reason.is_none());
    Ok(trained.max_by_key(|model| (model.n_train, std::cmp::Reverse((model.seed, &model.run_id)))))
}

/// The image with the highest reward; the first by id of equals.
fn best<'a>(images: &BTreeMap<&'a str, (f64, f64)>, reward: fn((f64, f64)) -> f64) -> Option<(&'a str, (f64, f64))> {
    let all = images.iter().map(|(id, rewards)| (*id, *rewards));
    all.reduce(|best, next| if reward(next.1) > reward(best.1) { next } else { best })
}
