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
        inputs.predictions.of_run(&model.run_id).map(|(image_id, _, reward)| (image_id, reward)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{image, model, prediction};

    fn settings() -> SideBySide {
        SideBySide { experiment: "e".into(), coarse: "coarse".into(), fine: "all".into(), pairs: 194 }
    }

    /// Test images with the rewards of the coarse and the fine model.
    fn inputs(rewards: &[(&str, f64, f64)]) -> Inputs {
        let (coarse, fine) = (model("e", "coarse", &[], 40, 0), model("e", "all", &["noun"], 40, 0));
        let mut inputs = Inputs::default();
        for (id, by_coarse, by_fine) in rewards {
            let image = image(id, Split::Test);
            inputs.predictions.extend([prediction(&coarse, &image, *by_coarse), prediction(&fine, &image, *by_fine)]);
            inputs.images.push(image);
        }
        // Smaller, later and untrained ones are not chosen.
        let mut untrained = model("e", "all", &["noun"], 80, 0);
        untrained.reason = Some("one class only".into());
        inputs.reward_models =
            vec![model("e", "coarse", &[], 10, 0), coarse, model("e", "coarse", &[], 40, 1), fine, untrained];
        inputs
    }

    #[test]
    fn prompts_where_both_like_the_same_image_give_no_pair_and_the_most_disputed_come_first() {
        let inputs = inputs(&[
            ("p1-0", 0.9, 0.9),
            ("p1-1", 0.1, 0.1),
            ("p2-0", 0.6, 0.5),
            ("p2-1", 0.5, 0.6),
            ("p3-0", 0.9, 0.1),
            ("p3-1", 0.1, 0.9),
        ]);
        let rows = pairs(&inputs, &settings()).unwrap();
        let ids: Vec<_> = rows.iter().map(|pair| pair.pair_id.as_str()).collect();
        assert_eq!(ids, ["p3-0~p3-1", "p2-0~p2-1"]);
        assert_eq!((rows[0].coarse_run_id.as_str(), rows[0].fine_run_id.as_str()), ("e/coarse/n40/s0", "e/all/n40/s0"));
        assert!((rows[0].disagreement - 1.6).abs() < 1e-12);
        assert_eq!(pairs(&inputs, &SideBySide { pairs: 1, ..settings() }).unwrap().len(), 1);
    }

    #[test]
    fn of_equal_rewards_the_first_image_is_best() {
        assert_eq!(pairs(&inputs(&[("p1-0", 0.5, 0.5), ("p1-1", 0.5, 0.5)]), &settings()).unwrap(), []);
    }

    #[test]
    fn unknown_names_are_refused_with_the_known_ones() {
        let message = |settings: SideBySide| pairs(&inputs(&[]), &settings).unwrap_err().to_string();
        assert_eq!(
            message(SideBySide { fine: "al".into(), ..settings() }),
            "`evaluate.sxs.fine` is `al`, which no reward model has; there are: all, coarse"
        );
        assert!(message(SideBySide { experiment: "f".into(), ..settings() }).ends_with("there are: e"));
    }
}
