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
