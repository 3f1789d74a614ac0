//! Arms against each other: the mean over seeds with its interval, and paired differences.
//!
//! A point is one experiment, arm and `n_train`; its models differ in their seeds only. Intervals are of the mean over
//! seeds, redrawing prompts and seeds; every fine arm's difference to coarse uses the same draws for both.

use std::collections::BTreeMap;

use tables::{RewardModel, Split};

use crate::bootstrap::{Draws, Interval};
use crate::metrics::Evaluation;

/// A value with its interval, where there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The mean over seeds.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: Option<Interval>,
}

/// The models of one arm that were given equally many pairs.
#[derive(Debug, Clone)]
pub struct ArmPoint<'a> {
    /// The experiment.
    pub experiment: &'a str,
    /// The arm.
    pub arm: &'a str,
    /// Training pairs.
    pub n_train: i64,
    /// The models, by seed.
    pub models: Vec<&'a RewardModel>,
    /// AUC on the validation split.
    pub validation: Option<Estimate>,
    /// AUC on the test split.
    pub test: Option<Estimate>,
    /// Test AUC of each seed that has one.
    pub test_of_seeds: Vec<f64>,
}

impl ArmPoint<'_> {
    /// Whether it was given the coarse target alone.
    pub fn is_coarse(&self) -> bool {
        self.models.iter().all(|model| model.attributes.is_empty())
    }

    /// Labels paid for when each costs 1, averaged over seeds.
    pub fn cost_equal(&self) -> f64 {
        self.models.iter().map(|model| model.cost_equal).sum::<f64>() / self.models.len() as f64
    }

    /// Rater seconds paid for, averaged over seeds; `None` if they are not known.
    pub fn cost_seconds(&self) -> Option<f64> {
        let sum = self.models.iter().try_fold(0.0, |sum, model| model.cost_seconds.map(|seconds| sum + seconds));
        sum.map(|sum| sum / self.models.len() as f64)
    }
}

/// One fine arm against the coarse one, each at its largest `n_train`.
#[derive(Debug, Clone)]
pub struct Comparison<'a> {
    /// The coarse point.
    pub coarse: ArmPoint<'a>,
    /// The fine point.
    pub fine: ArmPoint<'a>,
    /// Test AUC of fine less that of coarse.
    pub difference: Estimate,
}

/// How a comparison ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The interval of the difference lies above 0.
    FineAhead,
    /// It lies below 0.
    CoarseAhead,
    /// It holds 0.
    NoClearDifference,
    /// There is no interval.
    Unknown,
}

impl Comparison<'_> {
    /// What the interval of the difference says.
    pub fn verdict(&self) -> Verdict {
        match self.difference.interval {
            None => Verdict::Unknown,
            Some(interval) if interval.low > 0.0 => Verdict::FineAhead,
            Some(interval) if interval.high < 0.0 => Verdict::CoarseAhead,
            Some(_) => Verdict::NoClearDifference,
        }
    }
}

/// All points, by experiment, arm and `n_train`.
pub fn points<'a>(models: &'a [RewardModel], evaluation: &Evaluation<'a>) -> Vec<ArmPoint<'a>> {
    let mut groups: BTreeMap<(&str, &str, i64), Vec<&RewardModel>> = BTreeMap::new();
    for model in models {
        groups.entry((&model.experiment, &model.arm, model.n_train)).or_default().push(model);
    }
    let point = |((experiment, arm, n_train), mut models): ((&'a str, &'a str, i64), Vec<&'a RewardModel>)| {
        models.sort_by_key(|model| model.seed);
        let estimate = |split| Seeds::of(&models, split, evaluation).and_then(|seeds| seeds.estimate());
        let of_seeds = Seeds::of(&models, Split::Test, evaluation).map(|seeds| seeds.values).unwrap_or_default();
        let (validation, test) = (estimate(Split::Validation), estimate(Split::Test));
        ArmPoint { experiment, arm, n_train, validation, test, test_of_seeds: of_seeds, models }
    };
    groups.into_iter().map(point).collect()
}

/// Each fine arm of an experiment against its coarse arm. Empty if either has no test AUC.
pub fn comparisons<'a>(points: &[ArmPoint<'a>], evaluation: &Evaluation<'a>) -> Vec<Comparison<'a>> {
    let coarse = largest(points).into_iter().find(|point| point.is_coarse());
    let Some(coarse) = coarse else { return Vec::new() };
    let against = |fine: &ArmPoint<'a>| {
        let difference = difference(&fine.models, &coarse.models, evaluation)?;
        Some(Comparison { coarse: coarse.clone(), fine: fine.clone(), difference })
    };
    largest(points).into_iter().filter(|point| !point.is_coarse()).filter_map(against).collect()
}

/// The point of each arm with the largest `n_train` among those that have a test AUC.
pub fn largest<'p, 'a>(points: &'p [ArmPoint<'a>]) -> Vec<&'p ArmPoint<'a>> {
    let mut of_arm: BTreeMap<&str, &ArmPoint> = BTreeMap::new();
    for point in points.iter().filter(|point| point.test.is_some()) {
        let best = of_arm.entry(point.arm).or_insert(point);
        if point.n_train > best.n_train {
            *best = point;
        }
    }
    of_arm.into_values().collect()
}

/// The comparison to report: the fine arm that is best on the validation split, since choosing on the test split
/// would flatter it. Falls back to the test split (and says so) if no arm has a validation AUC.
pub fn best_fine<'c, 'a>(comparisons: &'c [Comparison<'a>]) -> Option<(&'c Comparison<'a>, Split)> {
    let by = |auc: fn(&ArmPoint) -> Option<f64>| {
        let scored = comparisons.iter().filter_map(|one| auc(&one.fine).map(|value| (one, value)));
        // The first of equals, so that the choice does not depend on chance.
        scored.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(one, _)| one)
    };
    let on_validation = by(|point| point.validation.as_ref().map(|estimate| estimate.value));
    let on_test = || by(|point| point.test.as_ref().map(|estimate| estimate.value)).map(|one| (one, Split::Test));
    on_validation.map(|one| (one, Split::Validation)).or_else(on_test)
}

/// The seeds of one point that have an AUC on one split.
struct Seeds<'e> {
    values: Vec<f64>,
    replicates: Vec<&'e [Option<f64>]>,
    draws: &'e Draws,
}

impl<'e> Seeds<'e> {
    fn of(models: &[&'e RewardModel], split: Split, evaluation: &'e Evaluation) -> Option<Self> {
        let experiment = models.first()?.experiment.as_str();
        let draws = &evaluation.targets.get(&(experiment, split))?.draws;
        let runs = models.iter().filter_map(|model| evaluation.aucs.get(&(model.run_id.as_str(), split)));
        let (values, replicates): (Vec<f64>, Vec<&[Option<f64>]>) =
            runs.filter_map(|auc| auc.value.as_ref().ok().map(|value| (*value, auc.replicates.as_slice()))).unzip();
        (!values.is_empty()).then_some(Self { values, replicates, draws })
    }

    fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    fn estimate(&self) -> Option<Estimate> {
        let interval = self.draws.interval(&self.draws.seed_means(&self.replicates)).ok();
        Some(Estimate { value: self.mean(), interval })
    }
}

fn difference<'e>(
    fine: &[&'e RewardModel],
    coarse: &[&'e RewardModel],
    evaluation: &'e Evaluation,
) -> Option<Estimate> {
    let fine = Seeds::of(fine, Split::Test, evaluation)?;
    let coarse = Seeds::of(coarse, Split::Test, evaluation)?;
    let means = |seeds: &Seeds| seeds.draws.seed_means(&seeds.replicates);
    let paired = means(&fine).into_iter().zip(means(&coarse));
    let replicates: Vec<Option<f64>> = paired.map(|(fine, coarse)| Some(fine? - coarse?)).collect();
    Some(Estimate { value: fine.mean() - coarse.mean(), interval: fine.draws.interval(&replicates).ok() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{image, model, prediction, settings, target};
    use crate::inputs::Inputs;
    use crate::metrics::evaluate;

    /// Thirty prompts on both judged splits. Each arm has one model a seed; `noise` says how wrong its reward is on
    /// validation and on test, from 0 (perfect) to 1 (reversed).
    fn world(arms: &[(&str, &[&str], i64, [f64; 2])]) -> Inputs {
        let mut inputs = Inputs::default();
        for (split, name) in [(Split::Validation, 'v'), (Split::Test, 't')] {
            inputs.images.extend((0..60).map(|at| image(&format!("{name}{}-{}", at / 2, at % 2), split)));
        }
        for (at, image) in inputs.images.iter().enumerate() {
            inputs.labels.push(target("e", &image.image_id, Some(at % 2 == 0)));
        }
        for (arm, attributes, n_train, noise) in arms {
            for seed in 0..2 {
                let model = model("e", arm, attributes, *n_train, seed);
                for (at, image) in inputs.images.iter().enumerate() {
                    let noise = noise[usize::from(image.split == Split::Test)];
                    let is_wrong = ((at / 2) as f64 + 0.5) / 30.0 % 1.0 < noise;
                    let reward = if (at % 2 == 0) ^ is_wrong { 0.9 } else { 0.1 };
                    inputs.predictions.push(prediction(&model, image, reward));
                }
                inputs.reward_models.push(model);
            }
        }
        inputs
    }

    fn compared(inputs: &Inputs, check: impl FnOnce(&[Comparison])) {
        let evaluation = evaluate(inputs, &settings().bootstrap);
        check(&comparisons(&points(&inputs.reward_models, &evaluation), &evaluation));
    }

    #[test]
    fn equal_models_have_no_clear_difference_and_a_paired_interval_of_no_width() {
        compared(&world(&[("coarse", &[], 10, [0.2; 2]), ("fine", &["noun"], 10, [0.2; 2])]), |comparisons| {
            assert_eq!(comparisons[0].difference.value, 0.0);
            assert_eq!(comparisons[0].difference.interval, Some(Interval { low: 0.0, high: 0.0 }));
            assert_eq!(comparisons[0].verdict(), Verdict::NoClearDifference);
        });
    }

    #[test]
    fn a_much_better_arm_is_ahead_on_either_side() {
        compared(&world(&[("coarse", &[], 10, [0.0; 2]), ("fine", &["noun"], 10, [0.5; 2])]), |comparisons| {
            assert_eq!(comparisons[0].verdict(), Verdict::CoarseAhead);
            assert!(comparisons[0].difference.value < -0.2);
        });
        compared(&world(&[("coarse", &[], 10, [0.5; 2]), ("fine", &["noun"], 10, [0.0; 2])]), |comparisons| {
            assert_eq!(comparisons[0].verdict(), Verdict::FineAhead);
        });
    }

    #[test]
    fn the_best_fine_arm_is_chosen_on_validation_not_on_test() {
        let inputs = world(&[
            ("coarse", &[], 10, [0.2; 2]),
            ("lucky on test", &["noun"], 10, [0.4, 0.0]),
            ("steady", &["verb"], 10, [0.1, 0.2]),
        ]);
        compared(&inputs, |comparisons| {
            let (best, chosen_on) = best_fine(comparisons).unwrap();
            assert_eq!((best.fine.arm, chosen_on), ("steady", Split::Validation));
        });
    }

    #[test]
    fn each_arm_enters_with_its_largest_size_that_has_an_auc() {
        let mut inputs =
            world(&[("coarse", &[], 10, [0.2; 2]), ("coarse", &[], 40, [0.1; 2]), ("fine", &["noun"], 20, [0.3; 2])]);
        compared(&inputs, |comparisons| {
            assert_eq!((comparisons[0].coarse.n_train, comparisons[0].fine.n_train), (40, 20));
        });
        inputs
            .reward_models
            .iter_mut()
            .filter(|model| model.n_train == 40)
            .for_each(|model| model.reason = Some("x".into()));
        compared(&inputs, |comparisons| assert_eq!(comparisons[0].coarse.n_train, 10));
    }

    #[test]
    fn without_a_coarse_arm_nothing_is_compared() {
        compared(&world(&[("fine", &["noun"], 10, [0.2; 2])]), |comparisons| assert!(comparisons.is_empty()));
    }

    #[test]
    fn costs_are_means_over_seeds_and_unknown_if_one_is() {
        let mut inputs = world(&[("coarse", &[], 10, [0.2; 2])]);
        inputs.reward_models[0].cost_seconds = Some(100.0);
        let evaluation = evaluate(&inputs, &settings().bootstrap);
        assert_eq!(points(&inputs.reward_models, &evaluation)[0].cost_seconds(), None);
        inputs.reward_models[1].cost_seconds = Some(300.0);
        let evaluation = evaluate(&inputs, &settings().bootstrap);
        let point = &points(&inputs.reward_models, &evaluation)[0];
        assert_eq!((point.cost_seconds(), point.cost_equal()), (Some(200.0), 10.0));
    }
}
