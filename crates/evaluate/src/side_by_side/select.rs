//! Table `sxs_pairs`: of each prompt's images, the one that each of two models likes best (App. B.7-B.9).
//!
//! Prompts on which both like the same image best give no pair. The most disputed pairs are kept. The paper takes 194 pairs
//! on which the models "substantially differ in their preference judgements" (App. B.9), one image "scored highly" by
//! either model (App. B.10), and does not say how that is measured. Here: what each model gives its own favourite more than
//! the other's, both summed. Rewards are probabilities, but models differ in how far they spread them, and the one with
//! the wider spread would decide alone; so by default margins are counted in ranks among all images that the model scored.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tables::{RewardModel, Split, SxsPair};

use crate::error::EvaluateError;
use crate::inputs::Inputs;
use crate::ranks::mean_ranks;
use crate::settings::{Disagreement, SideBySide};

/// An image with the rewards of both models.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its prompt.
    pub prompt_id: String,
    /// Its id.
    pub image_id: String,
    /// What the coarse model gives it; finite.
    pub by_coarse: f64,
    /// What the fine-grained model gives it; finite.
    pub by_fine: f64,
}

/// The pairs, and out of how many.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// The pairs, most disputed first, then by prompt.
    pub pairs: Vec<SxsPair>,
    /// Images that both models scored.
    pub n_images: usize,
    /// Their prompts.
    pub n_prompts: usize,
    /// Prompts on which the models' favourites differ.
    pub n_disputed: usize,
}

/// The pairs of the test split, from the table `predictions`.
///
/// # Errors
/// [`EvaluateError::UnknownName`] if no reward model has that experiment or arm.
pub fn from_predictions(inputs: &Inputs, settings: &SideBySide) -> Result<Selection, EvaluateError> {
    let Some((coarse, fine)) = models(&inputs.reward_models, settings)? else { return Ok(Selection::default()) };
    let rewards_of = |model: &RewardModel| -> HashMap<&str, f64> {
        inputs.predictions.of_run(&model.run_id).map(|(image_id, _, reward)| (image_id, reward)).collect()
    };
    let (of_coarse, of_fine) = (rewards_of(coarse), rewards_of(fine));
    let test_images = inputs.images.iter().filter(|image| image.split == Split::Test);
    let candidates: Vec<Candidate> = test_images
        .filter_map(|image| {
            let id = image.image_id.as_str();
            let (by_coarse, by_fine) = (*of_coarse.get(id)?, *of_fine.get(id)?);
            Some(Candidate { prompt_id: image.prompt_id.clone(), image_id: id.to_owned(), by_coarse, by_fine })
        })
        .collect();
    Ok(most_disputed(&candidates, (&coarse.run_id, &fine.run_id), settings.pairs, settings.disagreement))
}

/// The coarse and the fine-grained model that the settings mean; `None` if one of the arms has no model that could be trained.
///
/// # Errors
/// [`EvaluateError::UnknownName`].
pub fn models<'a>(
    models: &'a [RewardModel],
    settings: &SideBySide,
) -> Result<Option<(&'a RewardModel, &'a RewardModel)>, EvaluateError> {
    let coarse = chosen_model(models, settings, "coarse", &settings.coarse)?;
    let fine = chosen_model(models, settings, "fine", &settings.fine)?;
    Ok(coarse.zip(fine))
}

/// Best-of-n for each prompt and model, and of the pairs with two images the `n_pairs` most disputed ones.
///
/// Of equal rewards the first image by id is the best; pairs that are equally disputed are in the order of their prompts.
pub fn most_disputed(
    candidates: &[Candidate],
    (coarse_run_id, fine_run_id): (&str, &str),
    n_pairs: usize,
    unit: Disagreement,
) -> Selection {
    let by_coarse = in_unit(candidates.iter().map(|image| image.by_coarse).collect(), unit);
    let by_fine = in_unit(candidates.iter().map(|image| image.by_fine).collect(), unit);
    let mut by_prompt: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        by_prompt.entry(&candidate.prompt_id).or_default().push(at);
    }
    let n_prompts = by_prompt.len();
    let id = |at: usize| candidates[at].image_id.as_str();
    let mut pairs: Vec<SxsPair> = by_prompt
        .into_iter()
        .filter_map(|(prompt_id, mut images)| {
            images.sort_by_key(|&at| id(at));
            let coarse = best(&images, |at| candidates[at].by_coarse)?;
            let fine = best(&images, |at| candidates[at].by_fine)?;
            let (coarse_margin, fine_margin) = (by_coarse[coarse] - by_coarse[fine], by_fine[fine] - by_fine[coarse]);
            // The images are the name, so that no vote for others counts for these; in their own order, since raters may see it.
            let (first, second) = (id(coarse).min(id(fine)), id(coarse).max(id(fine)));
            (coarse != fine).then(|| SxsPair {
                pair_id: format!("{first}~{second}"),
                prompt_id: prompt_id.to_owned(),
                coarse_run_id: coarse_run_id.to_owned(),
                fine_run_id: fine_run_id.to_owned(),
                coarse_image_id: id(coarse).to_owned(),
                fine_image_id: id(fine).to_owned(),
                coarse_margin,
                fine_margin,
                disagreement: coarse_margin + fine_margin,
            })
        })
        .collect();
    let n_disputed = pairs.len();
    pairs.sort_by(|a, b| b.disagreement.total_cmp(&a.disagreement).then_with(|| a.prompt_id.cmp(&b.prompt_id)));
    pairs.truncate(n_pairs);
    Selection { pairs, n_images: candidates.len(), n_prompts, n_disputed }
}

/// Rewards as they are, or as the share of images that the model puts below (ties: half), in (0, 1).
fn in_unit(rewards: Vec<f64>, unit: Disagreement) -> Vec<f64> {
    let n = rewards.len() as f64;
    match (unit, mean_ranks(&rewards)) {
        (Disagreement::Ranks, Ok(ranks)) => ranks.into_iter().map(|rank| (rank - 0.5) / n).collect(),
        _ => rewards,
    }
}

/// The arm's model with the largest `n_train`, then the lowest seed; or the one with that run id. `None` if none of the
/// arm's models could be trained.
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
    if let Some(named) = of_experiment().find(|model| model.run_id == arm) {
        return Ok(Some(named).filter(|model| model.reason.is_none()));
    }
    let arms: BTreeSet<&str> = of_experiment().map(|model| model.arm.as_str()).collect();
    if !arms.contains(arm) {
        return Err(unknown(setting, arm, arms));
    }
    let trained = of_experiment().filter(|model| model.arm == arm && model.reason.is_none());
    Ok(trained.max_by_key(|model| (model.n_train, std::cmp::Reverse((model.seed, &model.run_id)))))
}

/// The image with the highest reward; the first of equals.
fn best(images: &[usize], reward: impl Fn(usize) -> f64) -> Option<usize> {
    images.iter().copied().reduce(|best, next| if reward(next) > reward(best) { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{image, model, prediction};

    fn settings() -> SideBySide {
        SideBySide { pairs: 194, ..crate::fixtures::sxs("e", "coarse", "all") }
    }

    fn pairs(inputs: &Inputs, settings: &SideBySide) -> Result<Vec<SxsPair>, EvaluateError> {
        from_predictions(inputs, settings).map(|selection| selection.pairs)
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

    const WORLD: [(&str, f64, f64); 6] = [
        ("p1-0", 0.9, 0.9),
        ("p1-1", 0.1, 0.1),
        ("p2-0", 0.6, 0.5),
        ("p2-1", 0.5, 0.6),
        ("p3-0", 0.9, 0.1),
        ("p3-1", 0.1, 0.9),
    ];

    #[test]
    fn prompts_where_both_like_the_same_image_give_no_pair_and_the_most_disputed_come_first() {
        let inputs = inputs(&WORLD);
        let rows = pairs(&inputs, &settings()).unwrap();
        let ids: Vec<_> = rows.iter().map(|pair| pair.pair_id.as_str()).collect();
        assert_eq!(ids, ["p3-0~p3-1", "p2-0~p2-1"]);
        assert_eq!((rows[0].coarse_run_id.as_str(), rows[0].fine_run_id.as_str()), ("e/coarse/n40/s0", "e/all/n40/s0"));
        // Ranks of the coarse rewards: .1 .1 .5 .6 .9 .9 -> 1.5 1.5 3 4 5.5 5.5; (5.5 - 1.5) / 6 on either side.
        assert!((rows[0].disagreement - 8.0 / 6.0).abs() < 1e-12 && (rows[1].coarse_margin - 1.0 / 6.0).abs() < 1e-12);
        assert_eq!(pairs(&inputs, &SideBySide { pairs: 1, ..settings() }).unwrap().len(), 1);
        let selection = from_predictions(&inputs, &settings()).unwrap();
        assert_eq!((selection.n_images, selection.n_prompts, selection.n_disputed), (6, 3, 2));
    }

    #[test]
    fn in_rewards_the_margins_are_differences_of_rewards() {
        let rows = pairs(&inputs(&WORLD), &SideBySide { disagreement: Disagreement::Rewards, ..settings() }).unwrap();
        assert!((rows[0].disagreement - 1.6).abs() < 1e-12 && (rows[1].fine_margin - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_model_that_spreads_its_rewards_ten_times_wider_decides_alone_in_rewards_but_not_in_ranks() {
        // The coarse model's margin is large on p1, the fine one's on p2; the coarse rewards are ten times as spread.
        let world =
            [("p1-0", 0.9, 0.50), ("p1-1", 0.1, 0.51), ("p2-0", 0.45, 0.46), ("p2-1", 0.4, 0.55), ("p3-0", 0.95, 0.47)];
        let first = |disagreement| {
            pairs(&inputs(&world), &SideBySide { disagreement, ..settings() }).unwrap()[0].prompt_id.clone()
        };
        assert_eq!((first(Disagreement::Rewards), first(Disagreement::Ranks)), ("p1".to_owned(), "p2".to_owned()));
    }

    #[test]
    fn ranks_do_not_change_with_any_growing_transformation_of_the_rewards() {
        let squashed = WORLD.map(|(id, coarse, fine)| (id, f64::powi(coarse, 3), 0.5 + fine / 100.0));
        assert_eq!(pairs(&inputs(&WORLD), &settings()).unwrap(), pairs(&inputs(&squashed), &settings()).unwrap());
    }

    #[test]
    fn the_name_of_a_pair_does_not_say_which_model_likes_which_image() {
        let liked = |first: (f64, f64), second: (f64, f64)| {
            pairs(&inputs(&[("p1-0", first.0, first.1), ("p1-1", second.0, second.1)]), &settings()).unwrap().remove(0)
        };
        let (one, other) = (liked((0.9, 0.1), (0.1, 0.9)), liked((0.1, 0.9), (0.9, 0.1)));
        assert_eq!((one.pair_id.as_str(), other.pair_id.as_str()), ("p1-0~p1-1", "p1-0~p1-1"));
        assert_ne!(one.coarse_image_id, other.coarse_image_id);
    }

    #[test]
    fn a_run_id_names_one_model() {
        let mut inputs = inputs(&WORLD);
        let other = model("e", "coarse", &[], 10, 0);
        let images = inputs.images.clone();
        inputs.predictions.extend(images.iter().map(|image| prediction(&other, image, 0.5)));
        let rows = pairs(&inputs, &SideBySide { coarse: other.run_id.clone(), ..settings() }).unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|pair| pair.coarse_run_id == other.run_id));
    }

    #[test]
    fn of_equal_rewards_the_first_image_is_best() {
        assert_eq!(pairs(&inputs(&[("p1-1", 0.5, 0.5), ("p1-0", 0.5, 0.5)]), &settings()).unwrap(), []);
        let rows = pairs(&inputs(&[("p1-2", 0.5, 0.1), ("p1-1", 0.5, 0.5), ("p1-0", 0.1, 0.5)]), &settings()).unwrap();
        assert_eq!((rows[0].coarse_image_id.as_str(), rows[0].fine_image_id.as_str()), ("p1-1", "p1-0"));
    }

    #[test]
    fn no_images_and_images_of_one_model_only_give_no_pairs() {
        assert_eq!(from_predictions(&inputs(&[]), &settings()).unwrap(), Selection::default());
        let mut one_sided = inputs(&WORLD);
        let coarse = one_sided.reward_models[1].clone();
        one_sided.predictions = one_sided.images.iter().map(|image| prediction(&coarse, image, 0.5)).collect();
        assert_eq!(pairs(&one_sided, &settings()).unwrap(), []);
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
