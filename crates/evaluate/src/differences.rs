//! Table `arm_differences`: two arms of one experiment at equal `n_train` and at equal cost, paired.
//!
//! Both arms are judged on the images that both predict; their replicates redraw the same prompts, and their seeds are paired.
//! Costs are those of both arms' sizes that lie within the other's range; there the other arm's value is interpolated between its
//! two nearest sizes, linear in the logarithm of the cost, replicate by replicate. Nothing is extrapolated. p-values are corrected by Holm.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rayon::prelude::*;
use tables::{ArmDifference, ComparedAt, Split};

use crate::arms::{cost_equal, cost_seconds};
use crate::common_images::on_common_images;
use crate::holm;
use crate::metrics::{Evaluation, METRICS, PointMetrics, SplitMetrics};
use crate::over_seeds::{OverSeeds, p_sign};

/// The split that arms are compared on.
const SPLIT: Split = Split::Test;

/// Every row, by key, with p-values corrected.
pub fn differences(evaluation: &Evaluation) -> Vec<ArmDifference> {
    let experiments = evaluation.points.chunk_by(|a, b| a.experiment == b.experiment);
    let pairs: Vec<(Vec<&PointMetrics>, Vec<&PointMetrics>)> = experiments.flat_map(pairs).collect();
    let of_pair = |(a, b): &(Vec<&PointMetrics>, Vec<&PointMetrics>)| {
        Pair::new(a, b, evaluation).map_or_else(Vec::new, |pair| pair.rows())
    };
    let mut rows: Vec<ArmDifference> = pairs.par_iter().map(of_pair).collect::<Vec<_>>().concat();
    correct(&mut rows);
    let key = |row: &ArmDifference| {
        (row.experiment.clone(), row.split, row.metric.clone(), row.compared_at, row.arm_a.clone(), row.arm_b.clone())
    };
    rows.sort_by(|a, b| key(a).cmp(&key(b)).then(a.at.unwrap_or(-1.0).total_cmp(&b.at.unwrap_or(-1.0))));
    rows
}

/// Each two arms of one experiment, those with attributes first.
fn pairs<'p, 'a>(points: &'p [PointMetrics<'a>]) -> Vec<(Vec<&'p PointMetrics<'a>>, Vec<&'p PointMetrics<'a>>)> {
    let arms = points.chunk_by(|a, b| a.arm == b.arm).map(|points| points.iter().collect::<Vec<_>>());
    let (coarse, fine): (Vec<_>, Vec<_>) = arms.partition(|points| points[0].is_coarse());
    let arms: Vec<Vec<&PointMetrics>> = fine.into_iter().chain(coarse).collect();
    (0..arms.len())
        .flat_map(|a| (a + 1..arms.len()).map(move |b| (a, b)))
        .map(|(a, b)| (arms[a].clone(), arms[b].clone()))
        .collect()
}

fn correct(rows: &mut [ArmDifference]) {
    let mut families: BTreeMap<(String, Split, String, ComparedAt), Vec<usize>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| row.p_value.is_some()) {
        families.entry((row.experiment.clone(), row.split, row.metric.clone(), row.compared_at)).or_default().push(at);
    }
    for family in families.into_values() {
        let p_values: Vec<f64> = family.iter().filter_map(|&at| rows[at].p_value).collect();
        for (&at, adjusted) in family.iter().zip(holm::adjusted(&p_values)) {
            rows[at].p_adjusted = Some(adjusted);
            rows[at].n_comparisons = family.len() as i64;
        }
    }
}

/// One size of one arm, as a comparison sees it.
struct Size<'p> {
    n_train: f64,
    cost_equal: f64,
    cost_seconds: Option<f64>,
    metrics: Cow<'p, SplitMetrics>,
}

impl Size<'_> {
    fn place(&self, compared_at: ComparedAt) -> Option<f64> {
        match compared_at {
            ComparedAt::NTrain => Some(self.n_train),
            ComparedAt::CostEqual => Some(self.cost_equal),
            ComparedAt::CostSeconds => self.cost_seconds,
        }
    }
}

/// Two arms.
struct Pair<'p> {
    experiment: &'p str,
    names: [&'p str; 2],
    sizes: [Vec<Size<'p>>; 2],
    n_images: usize,
}

/// An arm's value at one place.
struct Value {
    n_train: f64,
    value: OverSeeds,
}

impl<'p> Pair<'p> {
    fn new(a: &[&'p PointMetrics<'p>], b: &[&'p PointMetrics<'p>], evaluation: &'p Evaluation<'p>) -> Option<Self> {
        evaluation.targets.get(&(a[0].experiment, SPLIT))?;
        let points = [a, b].concat();
        let size = |(point, metrics): (&&PointMetrics, Cow<'p, SplitMetrics>)| Size {
            n_train: point.n_train as f64,
            cost_equal: cost_equal(&point.models),
            cost_seconds: cost_seconds(&point.models),
            metrics,
        };
        let mut of_a: Vec<Size> = points.iter().zip(on_common_images(evaluation, &points, SPLIT)).map(size).collect();
        let of_b = of_a.split_off(a.len());
        let sizes = [of_a, of_b];
        let n_images = sizes.iter().flatten().map(|size| size.metrics.n_images).filter(|n| *n > 0).min().unwrap_or(0);
        Some(Self { experiment: a[0].experiment, names: [a[0].arm, b[0].arm], sizes, n_images })
    }

    fn rows(&self) -> Vec<ArmDifference> {
        let kinds = METRICS.iter().flat_map(|metric| ComparedAt::ALL.iter().map(move |at| (*metric, *at)));
        kinds.flat_map(|(metric, compared_at)| self.compared(metric, compared_at)).collect()
    }

    /// One metric, at every place that both arms have.
    fn compared(&self, metric: &'static str, compared_at: ComparedAt) -> Vec<ArmDifference> {
        let row = |at: Option<f64>, reason: Option<String>| ArmDifference {
            experiment: self.experiment.to_owned(),
            split: SPLIT,
            metric: metric.to_owned(),
            compared_at,
            arm_a: self.names[0].to_owned(),
            arm_b: self.names[1].to_owned(),
            at,
            n_train_a: None,
            n_train_b: None,
            value_a: None,
            value_b: None,
            difference: None,
            ci_low: None,
            ci_high: None,
            p_sign: None,
            p_value: None,
            p_adjusted: None,
            n_comparisons: 0,
            n_images: self.n_images as i64,
            reason,
        };
        let places = match self.places(metric, compared_at) {
            Ok(places) => places,
            Err(reason) => return vec![row(None, Some(reason))],
        };
        let filled = |at: f64| {
            let mut row = row(Some(at), None);
            let [a, b] = [0, 1].map(|arm| value_at(&self.sizes[arm], metric, compared_at, at));
            if let (Some(a), Some(b)) = (a, b) {
                self.fill(&mut row, &a, &b);
            }
            row
        };
        places.into_iter().map(filled).collect()
    }

    /// Where both arms have a value; or why there is no such place.
    fn places(&self, metric: &str, compared_at: ComparedAt) -> Result<Vec<f64>, String> {
        let mut of_arms = Vec::new();
        for (sizes, name) in self.sizes.iter().zip(self.names) {
            let with_value = || sizes.iter().filter(|size| has_value(size, metric));
            if with_value().next().is_none() {
                let reason = sizes.iter().find_map(|size| size.metrics.metric(metric)?.reason.clone());
                return Err(format!("`{name}` has no value: {}", reason.unwrap_or_else(|| "no data".to_owned())));
            }
            let mut places: Vec<f64> =
                with_value().filter_map(|size| size.place(compared_at)).filter(|x| *x > 0.0).collect();
            places.sort_by(f64::total_cmp);
            if places.is_empty() {
                return Err(format!("the seconds of some label of `{name}` are not known"));
            }
            of_arms.push(places);
        }
        let [a, b] = &of_arms[..] else { return Err(String::new()) };
        let mut places: Vec<f64> = if compared_at == ComparedAt::NTrain {
            a.iter().copied().filter(|n| b.contains(n)).collect()
        } else {
            let (low, high) = (a[0].max(b[0]), a[a.len() - 1].min(b[b.len() - 1]));
            a.iter().chain(b).copied().filter(|cost| (low..=high).contains(cost)).collect()
        };
        places.sort_by(f64::total_cmp);
        // Sums of seconds in another order may differ in the last digit.
        places.dedup_by(|next, kept| (*next - *kept).abs() <= 1e-9 * kept.abs());
        if places.is_empty() {
            let range = |x: &[f64]| match x {
                [one] => one.to_string(),
                _ => format!("{} to {}", x[0], x[x.len() - 1]),
            };
            let what =
                if compared_at == ComparedAt::NTrain { "no size in common" } else { "costs that do not overlap" };
            return Err(format!("{what}: `{}` has {}, `{}` has {}", self.names[0], range(a), self.names[1], range(b)));
        }
        Ok(places)
    }

    fn fill(&self, row: &mut ArmDifference, a: &Value, b: &Value) {
        let difference = a.value.minus(&b.value);
        (row.n_train_a, row.n_train_b) = (Some(a.n_train), Some(b.n_train));
        (row.value_a, row.value_b, row.difference) = (Some(a.value.value), Some(b.value.value), Some(difference.value));
        match self.sizes[0][0].metrics.interval(&difference) {
            Ok(interval) => {
                (row.ci_low, row.ci_high) = (Some(interval.low), Some(interval.high));
                let p_value = difference.p_value();
                (row.p_sign, row.p_value) = (Some(p_sign(p_value)), Some(p_value));
            }
            Err(reason) => row.reason = Some(reason.to_string()),
        }
    }
}

fn has_value(size: &Size, metric: &str) -> bool {
    size.metrics.metric(metric).is_some_and(|seeds| seeds.mean.is_some())
}

/// An arm's value at a place: that of a size, or between two.
fn value_at(sizes: &[Size], metric: &str, compared_at: ComparedAt, at: f64) -> Option<Value> {
    let mut placed: Vec<(f64, &Size)> = sizes
        .iter()
        .filter(|size| has_value(size, metric))
        .filter_map(|size| Some((size.place(compared_at)?, size)))
        .filter(|(place, _)| *place > 0.0)
        .collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let own = |size: &Size| {
        let value = size.metrics.metric(metric)?.mean.clone()?;
        Some(Value { n_train: size.n_train, value })
    };
    if let Some((_, size)) = placed.iter().find(|(place, _)| (place - at).abs() <= 1e-9 * at.abs()) {
        return own(size);
    }
    let above = placed.iter().position(|(place, _)| *place > at).filter(|above| *above > 0)?;
    let ((x0, low), (x1, high)) = (placed[above - 1], placed[above]);
    let share = (at / x0).ln() / (x1 / x0).ln();
    let (low, high) = (own(low)?, own(high)?);
    Some(Value {
        n_train: ((1.0 - share) * low.n_train.ln() + share * high.n_train.ln()).exp(),
        value: OverSeeds::combined(1.0 - share, &low.value, share, &high.value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{image, model, prediction, settings, target};
    use crate::inputs::Inputs;
    use crate::metrics::{ROC_AUC, evaluate};

    /// Thirty test prompts of two images; `wrong` of 30 prompts are ranked the wrong way round by an arm's models.
    fn world(arms: &[(&str, &[&str], i64, usize)]) -> Inputs {
        let images = (0..60).map(|at| image(&format!("t{:02}-{}", at / 2, at % 2), Split::Test)).collect();
        let mut inputs = Inputs { images, ..Inputs::default() };
        for (at, image) in inputs.images.iter().enumerate() {
            inputs.labels.push(target("e", &image.image_id, Some(at % 2 == 0)));
        }
        for (arm, attributes, n_train, wrong) in arms {
            for seed in 0..2 {
                let model = model("e", arm, attributes, *n_train, seed);
                for (at, image) in inputs.images.iter().enumerate() {
                    let reward = if (at % 2 == 0) == (at / 2 >= *wrong) { 0.9 } else { 0.1 };
                    inputs.predictions.push(prediction(&model, image, reward));
                }
                inputs.reward_models.push(model);
            }
        }
        inputs
    }

    fn rows(inputs: &Inputs, compared_at: ComparedAt) -> Vec<ArmDifference> {
        let rows = differences(&evaluate(inputs, &settings()));
        rows.into_iter().filter(|row| row.metric == ROC_AUC && row.compared_at == compared_at).collect()
    }

    #[test]
    fn coarse_is_always_the_second_and_the_difference_has_its_sign() {
        let inputs =
            world(&[("a coarse arm", &[], 10, 12), ("fine", &["noun"], 10, 2), ("finer", &["noun", "verb"], 10, 2)]);
        let rows = rows(&inputs, ComparedAt::NTrain);
        let arms: Vec<_> = rows.iter().map(|row| (row.arm_a.as_str(), row.arm_b.as_str())).collect();
        assert_eq!(arms, [("fine", "a coarse arm"), ("fine", "finer"), ("finer", "a coarse arm")]);
        assert!(rows[0].difference.unwrap() > 0.2 && rows[0].p_sign.unwrap() > 0.999 && rows[0].ci_low.unwrap() > 0.0);
        assert!(rows[0].p_value.unwrap() < rows[0].p_adjusted.unwrap() && rows[0].n_comparisons == 3);
        assert_eq!((rows[1].difference, rows[1].p_sign, rows[1].p_value), (Some(0.0), Some(0.5), Some(1.0)));
    }

    #[test]
    fn at_equal_cost_the_other_arm_is_interpolated_in_the_logarithm_and_never_beyond_its_sizes() {
        let arms: [(&str, &[&str], i64, usize); 4] = [
            ("coarse", &[], 10, 12),
            ("coarse", &[], 40, 4),
            ("fine", &["noun", "verb"], 10, 6),
            ("fine", &["noun", "verb"], 40, 0),
        ];
        let found = rows(&world(&arms), ComparedAt::CostEqual);
        // Costs: coarse 10 and 40, fine 20 and 80; both have 20 to 40.
        assert_eq!(found.iter().map(|row| row.at.unwrap()).collect::<Vec<_>>(), [20.0, 40.0]);
        let settings = settings();
        let inputs = world(&arms);
        let evaluation = evaluate(&inputs, &settings);
        let auc = |arm: &str, n_train: i64| {
            let point = evaluation.points.iter().find(|point| point.arm == arm && point.n_train == n_train).unwrap();
            point.on(Split::Test).unwrap().auc().unwrap().value
        };
        let middle = f64::midpoint(auc("coarse", 10), auc("coarse", 40));
        assert!(
            (found[0].value_b.unwrap() - middle).abs() < 1e-12 && (found[0].n_train_b.unwrap() - 20.0).abs() < 1e-9
        );
        assert_eq!(found[0].value_a, Some(auc("fine", 10)));
        let middle = f64::midpoint(auc("fine", 10), auc("fine", 40));
        assert!((found[1].value_a.unwrap() - middle).abs() < 1e-12 && found[1].n_train_b == Some(40.0));
        assert!(found.iter().all(|row| row.ci_low <= row.difference && row.difference <= row.ci_high));
    }

    #[test]
    fn arms_without_a_common_size_or_cost_have_a_row_that_says_so() {
        let inputs = world(&[("coarse", &[], 10, 5), ("fine", &["noun", "verb"], 20, 5)]);
        for (compared_at, reason) in [
            (ComparedAt::NTrain, "no size in common: `fine` has 20, `coarse` has 10"),
            (ComparedAt::CostEqual, "costs that do not overlap: `fine` has 40, `coarse` has 10"),
            (ComparedAt::CostSeconds, "the seconds of some label of `fine` are not known"),
        ] {
            let rows = rows(&inputs, compared_at);
            assert_eq!((rows.len(), rows[0].at, rows[0].reason.as_deref()), (1, None, Some(reason)));
        }
    }

    #[test]
    fn arms_that_predict_different_images_are_compared_on_those_that_both_predict() {
        let full = world(&[("coarse", &[], 10, 10), ("fine", &["noun"], 10, 4)]);
        let keep = |run_id: &str, image_id: &str| run_id.contains("coarse") || image_id >= "t08";
        let fewer = Inputs {
            predictions: full.predictions.rows().into_iter().filter(|row| keep(&row.run_id, &row.image_id)).collect(),
            ..full.clone()
        };
        let both = Inputs {
            predictions: full.predictions.rows().into_iter().filter(|row| keep("", &row.image_id)).collect(),
            ..full.clone()
        };
        let (fewer, both) = (rows(&fewer, ComparedAt::NTrain), rows(&both, ComparedAt::NTrain));
        assert_eq!(fewer, both);
        assert_eq!(fewer[0].n_images, 44);
        assert_ne!(fewer[0].value_b, rows(&full, ComparedAt::NTrain)[0].value_b);
    }
}
