//! Arms against each other: the mean over seeds with its interval, and paired differences.
//!
//! A point is one experiment, arm and `n_train`; its models differ in their seeds only. Intervals are of the mean over
//! seeds, by the chance of prompts and of seeds ([`over_seeds`](crate::over_seeds)); every fine arm's difference to coarse
//! uses the same draws for both, and the images that both predict.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tables::{ArmMetric, RewardModel, Split};

use crate::bootstrap::Interval;
use crate::common_images::on_common_images;
use crate::metrics::{Evaluation, JUDGED, METRICS, PointMetrics, ROC_AUC, Seeds, SplitMetrics, range};
use crate::undefined::Undefined;

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
        cost_equal(&self.models)
    }

    /// Rater seconds paid for, averaged over seeds; `None` if they are not known.
    pub fn cost_seconds(&self) -> Option<f64> {
        cost_seconds(&self.models)
    }
}

/// One fine arm against the coarse one, each at its largest `n_train`, on the images that both predict.
#[derive(Debug, Clone)]
pub struct Comparison<'a> {
    /// The coarse point; of several coarse arms the best on the validation split.
    pub coarse: ArmPoint<'a>,
    /// The fine point.
    pub fine: ArmPoint<'a>,
    /// Test AUC of fine less that of coarse.
    pub difference: Estimate,
    /// How many test images both predict, if one of them predicts more.
    pub n_common: Option<usize>,
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
pub fn points<'a>(evaluation: &Evaluation<'a>) -> Vec<ArmPoint<'a>> {
    let point = |point: &PointMetrics<'a>| {
        let on = |split| point.on(split).and_then(estimate);
        let of_seeds = point.on(Split::Test).and_then(|metrics| metrics.metric(ROC_AUC));
        ArmPoint {
            experiment: point.experiment,
            arm: point.arm,
            n_train: point.n_train,
            models: point.models.clone(),
            validation: on(Split::Validation),
            test: on(Split::Test),
            test_of_seeds: of_seeds.map(|seeds| seeds.values.clone()).unwrap_or_default(),
        }
    };
    evaluation.points.iter().map(point).collect()
}

/// Table `arm_metrics`, by key.
pub fn arm_metrics(evaluation: &Evaluation) -> Vec<ArmMetric> {
    let points = evaluation.points.iter();
    let of_splits =
        points.flat_map(|point| JUDGED.iter().zip(&point.splits).map(move |(split, of)| (point, *split, of)));
    of_splits
        .flat_map(|(point, split, of)| {
            METRICS.iter().zip(&of.metrics).map(move |(metric, seeds)| (point, split, of, *metric, seeds))
        })
        .map(|(point, split, of, metric, seeds)| arm_metric(point, split, of, metric, seeds))
        .collect()
}

fn arm_metric(point: &PointMetrics, split: Split, of: &SplitMetrics, metric: &str, seeds: &Seeds) -> ArmMetric {
    let value = seeds.mean.as_ref().map(|mean| mean.value);
    let interval = match &seeds.mean {
        Some(mean) => {
            of.interval(mean).map(|interval| interval.within(range(metric))).map_err(|reason| reason.to_string())
        }
        None => Err(seeds.reason.clone().unwrap_or_else(|| Undefined::NoData.to_string())),
    };
    let n = seeds.values.len() as f64;
    let squares = |mean: f64| seeds.values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    ArmMetric {
        experiment: point.experiment.to_owned(),
        arm: point.arm.to_owned(),
        n_train: point.n_train,
        split,
        metric: metric.to_owned(),
        value,
        ci_low: interval.as_ref().ok().map(|interval| interval.low),
        ci_high: interval.as_ref().ok().map(|interval| interval.high),
        std_over_seeds: value.filter(|_| n > 1.0).map(|mean| (squares(mean) / (n - 1.0)).sqrt()),
        n_seeds: seeds.values.len() as i64,
        n_images: of.n_images as i64,
        n_prompts: of.n_prompts as i64,
        n_attributes: point.models.iter().map(|model| model.attributes.len()).max().unwrap_or(0) as i64,
        cost_equal: cost_equal(&point.models),
        cost_seconds: cost_seconds(&point.models),
        reason: interval.err(),
    }
}

/// Labels paid for when each costs 1, averaged over seeds.
pub fn cost_equal(models: &[&RewardModel]) -> f64 {
    models.iter().map(|model| model.cost_equal).sum::<f64>() / models.len() as f64
}

/// Rater seconds paid for, averaged over seeds; `None` if they are not known.
pub fn cost_seconds(models: &[&RewardModel]) -> Option<f64> {
    let sum = models.iter().try_fold(0.0, |sum, model| model.cost_seconds.map(|seconds| sum + seconds));
    sum.map(|sum| sum / models.len() as f64)
}

/// Each fine arm of an experiment against its coarse arm. Empty if either has no test AUC.
pub fn comparisons<'a>(points: &[ArmPoint<'a>], evaluation: &Evaluation<'a>) -> Vec<Comparison<'a>> {
    let mut largest: Vec<ArmPoint> = largest(points).into_iter().cloned().collect();
    let judged: Vec<&PointMetrics> = largest.iter().filter_map(|point| judged(point, evaluation)).collect();
    // Arms are chosen by what they reach on the same images.
    for (point, metrics) in largest.iter_mut().zip(on_common_images(evaluation, &judged, Split::Validation)) {
        point.validation = estimate(&metrics);
    }
    let Some((coarse, _)) = best(largest.iter().filter(|point| point.is_coarse())) else { return Vec::new() };
    let fine = largest.iter().filter(|point| !point.is_coarse());
    fine.filter_map(|fine| compared(fine, coarse, evaluation)).collect()
}

fn compared<'a>(fine: &ArmPoint<'a>, coarse: &ArmPoint<'a>, evaluation: &Evaluation<'a>) -> Option<Comparison<'a>> {
    let points = [judged(fine, evaluation)?, judged(coarse, evaluation)?];
    let on_common = on_common_images(evaluation, &points, Split::Test);
    let [of_fine, of_coarse] = &on_common[..] else { return None };
    let difference = of_fine.auc()?.minus(of_coarse.auc()?);
    let difference = Estimate { value: difference.value, interval: of_fine.interval(&difference).ok() };
    Some(Comparison {
        coarse: ArmPoint { test: estimate(of_coarse), ..coarse.clone() },
        fine: ArmPoint { test: estimate(of_fine), ..fine.clone() },
        difference,
        n_common: matches!(of_fine, Cow::Owned(_)).then_some(of_fine.n_images),
    })
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

/// The comparison to report: that of the best fine arm, and the split it is the best on.
pub fn best_fine<'c, 'a>(comparisons: &'c [Comparison<'a>]) -> Option<(&'c Comparison<'a>, Split)> {
    let (fine, chosen_on) = best(comparisons.iter().map(|one| &one.fine))?;
    comparisons.iter().find(|one| one.fine.arm == fine.arm).map(|one| (one, chosen_on))
}

/// The point that is best on the validation split, since choosing on the test split would flatter it; the first of equals.
/// Falls back to the test split (and says so) if none has a validation AUC.
fn best<'p, 'a: 'p>(points: impl Iterator<Item = &'p ArmPoint<'a>> + Clone) -> Option<(&'p ArmPoint<'a>, Split)> {
    let by = |auc: fn(&ArmPoint) -> Option<f64>| {
        let scored = points.clone().filter_map(|point| auc(point).map(|value| (point, value)));
        scored.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(point, _)| point)
    };
    let on_validation = by(|point| point.validation.as_ref().map(|estimate| estimate.value));
    let on_test = || by(|point| point.test.as_ref().map(|estimate| estimate.value)).map(|point| (point, Split::Test));
    on_validation.map(|point| (point, Split::Validation)).or_else(on_test)
}

fn judged<'e, 'a>(point: &ArmPoint, evaluation: &'e Evaluation<'a>) -> Option<&'e PointMetrics<'a>> {
    let key = (point.experiment, point.arm, point.n_train);
    evaluation.points.iter().find(|point| (point.experiment, point.arm, point.n_train) == key)
}

/// The AUC as the mean over seeds.
fn estimate(metrics: &SplitMetrics) -> Option<Estimate> {
    let mean = metrics.auc()?;
    let interval = metrics.interval(mean).ok().map(|interval| interval.within(range(ROC_AUC)));
    Some(Estimate { value: mean.value, interval })
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
        let evaluation = evaluate(inputs, &settings());
        check(&comparisons(&points(&evaluation), &evaluation));
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
    fn the_best_coarse_arm_is_the_baseline_and_it_is_chosen_on_validation_too() {
        let inputs = world(&[
            ("a coarse arm", &[], 10, [0.4, 0.0]),
            ("coarse", &[], 10, [0.1, 0.2]),
            ("fine", &["verb"], 10, [0.1, 0.2]),
        ]);
        compared(&inputs, |comparisons| {
            assert_eq!(comparisons.iter().map(|one| one.coarse.arm).collect::<Vec<_>>(), ["coarse"]);
        });
    }

    #[test]
    fn arms_that_predict_different_images_are_compared_on_those_that_both_predict() {
        // The fine arm has no embedding of the ten prompts that coarse ranks the wrong way round: on the rest they are equal.
        let full = world(&[("coarse", &[], 10, [0.34; 2]), ("fine", &["noun"], 10, [0.34; 2])]);
        let is_easy = |image_id: &str| image_id[1..].split('-').next().unwrap().parse::<usize>().unwrap() >= 10;
        let mut inputs = full.clone();
        inputs.predictions = full
            .predictions
            .rows()
            .into_iter()
            .filter(|row| row.run_id.contains("coarse") || is_easy(&row.image_id))
            .collect();
        compared(&inputs, |comparisons| {
            let one = &comparisons[0];
            assert_eq!((one.difference.value, one.n_common), (0.0, Some(40)), "{one:?}");
            assert_eq!(one.coarse.test, one.fine.test);
            assert_eq!(one.coarse.validation, one.fine.validation);
            assert_eq!(one.verdict(), Verdict::NoClearDifference);
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
        let evaluation = evaluate(&inputs, &settings());
        assert_eq!(points(&evaluation)[0].cost_seconds(), None);
        inputs.reward_models[1].cost_seconds = Some(300.0);
        let evaluation = evaluate(&inputs, &settings());
        let point = &points(&evaluation)[0];
        assert_eq!((point.cost_seconds(), point.cost_equal()), (Some(200.0), 10.0));
    }
}
