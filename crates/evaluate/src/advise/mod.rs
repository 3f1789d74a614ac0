//! Budget advice: which feedback, and how many images of it, for a given budget.
//!
//! Each arm's sizes give a learning curve of its test AUC ([`curve`]); its cost per image says how many images the budget
//! buys. Arms are judged on the test images that all of them predict. Every bootstrap replicate of the prompts (the same for all
//! arms) has curves of its own, and so have the sizes' means without one seed (the jackknife), so expectations and differences
//! between arms have intervals. Where the data cannot tell, the advice says so and why.

mod curve;
mod words;

use std::borrow::Cow;
use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::Serialize;
use tables::{AnnotationSeconds, RewardModel, Split, TableReader, Tables};

pub use self::curve::Curve;
use crate::arms::{cost_equal, cost_seconds};
use crate::bootstrap::Interval;
use crate::common_images::on_common_images;
use crate::error::EvaluateError;
use crate::inputs::Inputs;
use crate::metrics::{Evaluation, PointMetrics, ROC_AUC, SplitMetrics, evaluate, range};
use crate::over_seeds::{Deviation, OverSeeds, p_sign};
use crate::report::words::listed;
use crate::settings::{Advice as Limits, Settings};

/// What a budget is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds of raters' time.
    Seconds,
    /// Labels, each costing 1.
    Labels,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// What may be spent; above 0.
    pub budget: f64,
    /// In which unit.
    pub unit: Unit,
    /// One experiment only.
    pub experiment: Option<String>,
    /// There are no more images than this to be labelled.
    pub images: Option<u64>,
}

/// A value with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Expected {
    /// The value.
    pub value: f64,
    /// Lower end.
    pub ci_low: f64,
    /// Upper end.
    pub ci_high: f64,
}

/// What one arm would bring for the budget, or why nobody can say.
#[derive(Debug, Clone, Serialize)]
pub struct ArmAdvice {
    /// The arm.
    pub arm: String,
    /// Cost of one image's labels in the budget's unit.
    pub cost_per_image: Option<f64>,
    /// Images to label: what the budget buys, at most the images there are, and no farther than the curve may be followed.
    pub n_images: Option<u64>,
    /// What bounds that number: `budget`, `images` or `extrapolation`.
    pub bounded_by: Option<&'static str>,
    /// What they cost.
    pub cost: Option<f64>,
    /// Expected test AUC.
    pub expected_auc: Option<Expected>,
    /// What twice as many images would add to it; null beyond what the curve may be followed to.
    pub doubling_adds: Option<Expected>,
    /// The fitted curve.
    pub curve: Option<Curve>,
    /// Why there is nothing to say of this arm.
    pub reason: Option<String>,
    #[serde(skip)]
    expected: Option<OverSeeds>,
}

/// How sure the advice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The best arm's lead over the runner-up has an interval above 0.
    Clear,
    /// It holds 0.
    CannotTell,
    /// Only one arm can be judged, so there is nothing to choose from.
    NoChoice,
    /// No arm can be judged.
    Refused,
}

/// The advice for one experiment.
#[derive(Debug, Clone, Serialize)]
pub struct Advice {
    /// The experiment.
    pub experiment: String,
    /// What may be spent.
    pub budget: f64,
    /// Its unit.
    pub unit: Unit,
    /// Test prompts that it rests on; of fewer than 20 the intervals are too narrow.
    pub n_prompts: usize,
    /// How sure it is.
    pub verdict: Verdict,
    /// Expected AUC of the first arm less that of the second.
    pub lead: Option<Expected>,
    /// The chance that the first arm is ahead of the second, by the lead's p-value.
    pub p_ahead: Option<f64>,
    /// All arms, the best first, those that cannot be judged last.
    pub arms: Vec<ArmAdvice>,
}

/// Advice from the tables of a data root, one an experiment.
///
/// # Errors
/// [`EvaluateError`]: a table that is missing or broken, an experiment that no reward model has, a budget that is no amount.
pub fn advise(tables: &Tables, settings: &Settings, request: &Request) -> Result<Vec<Advice>, EvaluateError> {
    let inputs = Inputs::of_models(tables)?;
    // Only to name what nobody has timed: without an `evaluate` before, there is no such table.
    let rows = tables.open::<AnnotationSeconds>()?.map(TableReader::rows).transpose()?;
    let timed = rows.map(|rows| rows.into_iter().map(|row| row.aspect).collect());
    advice(&inputs, timed, settings, request)
}

/// The same from rows; `timed` are the aspects of the table `annotation_seconds`, if it is known.
///
/// # Errors
/// As [`advise`], without the tables'.
pub fn advice(
    inputs: &Inputs,
    mut timed: Option<BTreeSet<String>>,
    settings: &Settings,
    request: &Request,
) -> Result<Vec<Advice>, EvaluateError> {
    if !(request.budget > 0.0 && request.budget.is_finite()) {
        return Err(EvaluateError::Budget { budget: request.budget });
    }
    // `train` may have been told more since.
    let known = inputs.reward_models.iter().filter(|model| model.cost_seconds.is_some());
    timed.iter_mut().for_each(|timed| timed.extend(known.clone().flat_map(|model| model.attributes.iter().cloned())));
    let timed = timed.as_ref();
    let evaluation = evaluate(inputs, settings);
    let experiments: Vec<&[PointMetrics]> = evaluation.points.chunk_by(|a, b| a.experiment == b.experiment).collect();
    let wanted =
        |points: &&&[PointMetrics]| request.experiment.as_deref().is_none_or(|wanted| points[0].experiment == wanted);
    let found: Vec<Advice> = experiments
        .iter()
        .filter(wanted)
        .map(|points| of_experiment(points, &evaluation, timed, &settings.advice, request))
        .collect();
    if found.is_empty() {
        let known = experiments.iter().map(|points| points[0].experiment).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none".to_owned() } else { known };
        return Err(EvaluateError::UnknownExperiment { value: request.experiment.clone().unwrap_or_default(), known });
    }
    Ok(found)
}

/// One size of one arm: its models, and what they reach on the images that all arms predict.
struct Size<'p> {
    point: &'p PointMetrics<'p>,
    metrics: Cow<'p, SplitMetrics>,
}

impl Size<'_> {
    fn expected(&self, of: &OverSeeds) -> Result<Expected, String> {
        let Interval { low, high } = self.metrics.interval(of).map_err(|reason| reason.to_string())?;
        Ok(Expected { value: of.value, ci_low: low, ci_high: high })
    }
}

fn of_experiment<'p>(
    points: &'p [PointMetrics<'p>],
    evaluation: &'p Evaluation<'p>,
    timed: Option<&BTreeSet<String>>,
    limits: &Limits,
    request: &Request,
) -> Advice {
    let all: Vec<&PointMetrics> = points.iter().collect();
    let metrics = on_common_images(evaluation, &all, Split::Test);
    let sizes: Vec<Size> = points.iter().zip(metrics).map(|(point, metrics)| Size { point, metrics }).collect();
    let mut arms: Vec<ArmAdvice> =
        sizes.chunk_by(|a, b| a.point.arm == b.point.arm).map(|sizes| of_arm(sizes, timed, limits, request)).collect();
    let rank = |arm: &ArmAdvice| arm.expected_auc.map_or(f64::NEG_INFINITY, |auc| auc.value);
    arms.sort_by(|a, b| rank(b).total_cmp(&rank(a)).then_with(|| a.arm.cmp(&b.arm)));
    let judged: Vec<&OverSeeds> = arms.iter().filter_map(|arm| arm.expected.as_ref()).collect();
    let (mut lead, mut p_ahead) = (None, None);
    let verdict = match judged[..] {
        [] => Verdict::Refused,
        [_] => Verdict::NoChoice,
        [first, second, ..] => {
            let difference = first.minus(second);
            lead = sizes[0].expected(&difference).ok();
            p_ahead = Some(p_sign(difference.p_value()));
            if lead.is_some_and(|lead| lead.ci_low > 0.0) { Verdict::Clear } else { Verdict::CannotTell }
        }
    };
    Advice {
        experiment: points[0].experiment.to_owned(),
        budget: request.budget,
        unit: request.unit,
        n_prompts: sizes.iter().map(|size| size.metrics.n_prompts).max().unwrap_or(0),
        verdict,
        lead,
        p_ahead,
        arms,
    }
}

/// One arm: its sizes, by `n_train`.
fn of_arm(sizes: &[Size], timed: Option<&BTreeSet<String>>, limits: &Limits, request: &Request) -> ArmAdvice {
    let mut arm = ArmAdvice {
        arm: sizes[0].point.arm.to_owned(),
        cost_per_image: None,
        n_images: None,
        bounded_by: None,
        cost: None,
        expected_auc: None,
        doubling_adds: None,
        curve: None,
        reason: None,
        expected: None,
    };
    if let Err(reason) = fill(&mut arm, sizes, timed, limits, request) {
        arm.reason = Some(reason);
    }
    arm
}

fn fill(
    arm: &mut ArmAdvice,
    sizes: &[Size],
    timed: Option<&BTreeSet<String>>,
    limits: &Limits,
    request: &Request,
) -> Result<(), String> {
    let known: Vec<Known> =
        sizes.iter().filter(|size| size.point.n_train > 0).filter_map(|size| Known::of(size)).collect();
    let largest =
        sizes.iter().map(|size| size.point).max_by_key(|point| point.n_train).filter(|point| point.n_train > 0);
    let Some(largest) = largest else { return Err("it has no size above 0".to_owned()) };
    let cost = match request.unit {
        Unit::Seconds => cost_seconds(&largest.models).ok_or_else(|| unknown_seconds(&largest.models, timed))?,
        Unit::Labels => cost_equal(&largest.models),
    };
    let per_image = cost / largest.n_train as f64;
    if per_image <= 0.0 {
        return Err("its labels cost nothing".to_owned());
    }
    arm.cost_per_image = Some(per_image);
    if known.len() < limits.min_sizes {
        return Err(format!(
            "too few sizes: {} with a test AUC, a learning curve needs {} (more of `train.n_train`)",
            known.len(),
            limits.min_sizes
        ));
    }
    let (smallest, last) = (known[0].n_train, known[known.len() - 1].n_train);
    let bounds = [
        ((request.budget / per_image * (1.0 + 1e-12)).floor(), "budget"),
        (request.images.map_or(f64::INFINITY, |images| images as f64), "images"),
        ((last * limits.furthest).floor(), "extrapolation"),
    ];
    let (n, bounded_by) =
        bounds.into_iter().reduce(|least, next| if next.0 < least.0 { next } else { least }).unwrap_or(bounds[0]);
    if n < smallest {
        return Err(format!("{n} images would be labelled, fewer than the smallest size that was tried ({smallest})"));
    }
    let n_seeds = known.iter().map(|size| size.mean.n_seeds()).max().unwrap_or(0);
    let curves: Vec<Curves> =
        std::iter::once(None).chain((0..n_seeds).map(Some)).map(|at| Curves::of(&known, at)).collect();
    let expected = over_seeds(&curves, |curve| curve.at(n));
    let auc = sizes[0].expected(&expected)?;
    let Interval { low, high } = Interval { low: auc.ci_low, high: auc.ci_high }.within(range(ROC_AUC));
    arm.expected_auc = Some(Expected { ci_low: low, ci_high: high, ..auc });
    if 2.0 * n <= last * limits.furthest {
        arm.doubling_adds = sizes[0].expected(&over_seeds(&curves, |curve| curve.at(2.0 * n) - curve.at(n))).ok();
    }
    (arm.n_images, arm.bounded_by) = (Some(n as u64), Some(bounded_by));
    (arm.cost, arm.curve, arm.expected) = (Some(n * per_image), Some(curves[0].whole), Some(expected));
    Ok(())
}

/// Whose labels' seconds nobody knows, and what to do.
fn unknown_seconds(models: &[&RewardModel], timed: Option<&BTreeSet<String>>) -> String {
    let is_timed = |attribute: &str| timed.is_none_or(|timed| timed.contains(attribute));
    let attributes = models.first().map_or(&[][..], |model| &model.attributes);
    let untimed: Vec<String> =
        attributes.iter().filter(|name| !is_timed(name)).map(|name| format!("`{name}`")).collect();
    let which =
        if untimed.is_empty() { "some of its labels".to_owned() } else { format!("labels of {}", listed(&untimed)) };
    format!("the seconds of {which} are not known: set `train.seconds_per_label`, and rerun `train`")
}

/// The AUC of one size of an arm.
struct Known<'s> {
    n_train: f64,
    mean: &'s OverSeeds,
    /// How surely it is known: the inverse of its variance.
    weight: f64,
}

impl<'s> Known<'s> {
    fn of(size: &'s Size) -> Option<Self> {
        let mean = size.metrics.auc()?;
        let weight = 1.0 / mean.cautious_variance().max(1e-8);
        Some(Self { n_train: size.point.n_train as f64, mean, weight })
    }
}

/// The learning curve of one arm on all prompts, and on every replicate of them where all sizes have a value.
struct Curves {
    whole: Curve,
    of_replicates: Vec<Option<Curve>>,
}

impl Curves {
    /// With each of the seeds, and without the one that is named.
    fn of(known: &[Known], left_out: Option<usize>) -> Self {
        let fit = |value: &dyn Fn(&OverSeeds) -> f64| {
            let points: Vec<(f64, f64, f64)> =
                known.iter().map(|size| (size.n_train, value(size.mean), size.weight)).collect();
            Curve::fit(&points)
        };
        let of_replicate = |at: usize| {
            let is_known = known.iter().all(|size| !size.mean.replicates[at].is_nan());
            is_known.then(|| fit(&|mean| mean.replicate_without(left_out, at)))
        };
        let n_replicates = known.iter().map(|size| size.mean.replicates.len()).min().unwrap_or(0);
        Self {
            whole: fit(&|mean| mean.without(left_out)),
            of_replicates: (0..n_replicates).into_par_iter().map(of_replicate).collect(),
        }
    }

    fn each(&self, of: &impl Fn(&Curve) -> f64) -> (f64, Vec<f64>) {
        (of(&self.whole), self.of_replicates.iter().map(|curve| curve.as_ref().map_or(f64::NAN, of)).collect())
    }
}

/// What an arm's curve says, with the chance of prompts and of seeds: of the latter by the jackknife, which of a plain mean
/// gives each seed's distance from it. `curves`: with all seeds, then without each.
fn over_seeds(curves: &[Curves], of: impl Fn(&Curve) -> f64) -> OverSeeds {
    let (value, replicates) = curves[0].each(&of);
    let others = curves.len().saturating_sub(2) as f64;
    let deviation = |without: &Curves| {
        let (left, of_replicates) = without.each(&of);
        let replicates = replicates.iter().zip(of_replicates).map(|(all, left)| others * (all - left)).collect();
        Deviation { value: others * (value - left), replicates }
    };
    let seeds = curves[1..].iter().map(deviation).collect();
    OverSeeds::new(value, replicates, seeds)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use statrs::distribution::{ContinuousCDF, Normal};

    use super::*;
    use crate::fixtures::{image, model, prediction, settings, target};

    const SIZES: [i64; 5] = [25, 50, 100, 200, 400];

    fn normal(rng: &mut ChaCha8Rng) -> f64 {
        (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
    }

    /// Test images whose two classes lie so far apart that an arm's AUC follows a known curve; arms are (name, attributes,
    /// truth).
    fn world(n_prompts: usize, arms: &[(&str, &[&str], Curve)]) -> Inputs {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let images = (0..4 * n_prompts).map(|at| image(&format!("t{}-{}", at / 4, at % 4), Split::Test)).collect();
        let mut inputs = Inputs { images, ..Inputs::default() };
        for (at, image) in inputs.images.iter().enumerate() {
            inputs.labels.push(target("e", &image.image_id, Some(at % 2 == 0)));
        }
        for (arm, attributes, truth) in arms {
            for n_train in SIZES {
                for seed in 0..3 {
                    let model = model("e", arm, attributes, n_train, seed);
                    let apart = Normal::standard().inverse_cdf(truth.at(n_train as f64)) * 2.0_f64.sqrt();
                    for (at, image) in inputs.images.iter().enumerate() {
                        let x = normal(&mut rng) + if at % 2 == 0 { apart } else { 0.0 };
                        inputs.predictions.push(prediction(&model, image, 1.0 / (1.0 + (-x).exp())));
                    }
                    inputs.reward_models.push(model);
                }
            }
        }
        inputs
    }

    fn labels(budget: f64) -> Request {
        Request { budget, unit: Unit::Labels, experiment: None, images: None }
    }

    const QUICK: Curve = Curve { ceiling: 0.85, loss: 1.2, exponent: 0.5 };
    const SLOW: Curve = Curve { ceiling: 0.95, loss: 1.6, exponent: 0.35 };

    #[test]
    fn the_better_arm_for_the_budget_is_found_with_its_true_auc_in_the_interval() {
        // 400 labels: 400 coarse images reach .79, 100 of four attributes .63.
        let inputs = world(250, &[("coarse", &[], QUICK), ("fine", &["a", "b", "c", "d"], SLOW)]);
        let advice = advice(&inputs, None, &settings(), &labels(400.0)).unwrap().remove(0);
        assert_eq!((advice.verdict, advice.arms[0].arm.as_str()), (Verdict::Clear, "coarse"), "{advice:?}");
        for (arm, n, truth) in [(&advice.arms[0], 400, QUICK.at(400.0)), (&advice.arms[1], 100, SLOW.at(100.0))] {
            let auc = arm.expected_auc.unwrap();
            assert_eq!((arm.n_images, arm.bounded_by), (Some(n), Some("budget")));
            assert!(auc.ci_low < truth && truth < auc.ci_high && auc.ci_high - auc.ci_low < 0.1, "{auc:?}, {truth}");
        }
        let doubling = advice.arms[0].doubling_adds.unwrap();
        let truth = QUICK.at(800.0) - QUICK.at(400.0);
        assert!(doubling.ci_low < truth && truth < doubling.ci_high, "{doubling:?}, {truth}");
    }

    #[test]
    fn equal_arms_and_few_prompts_cannot_be_told_apart() {
        let inputs = world(12, &[("coarse", &[], QUICK), ("fine", &["a"], QUICK)]);
        let advice = advice(&inputs, None, &settings(), &labels(200.0)).unwrap().remove(0);
        assert_eq!(advice.verdict, Verdict::CannotTell);
        let lead = advice.lead.unwrap();
        assert!(lead.ci_low <= 0.0 && lead.value >= 0.0, "{lead:?}");
    }

    #[test]
    fn one_test_prompt_gives_no_certainty_and_few_prompts_a_warning() {
        let mut inputs = world(12, &[("coarse", &[], SLOW), ("fine", &["a"], QUICK)]);
        let few = advice(&inputs, None, &settings(), &labels(200.0)).unwrap().remove(0);
        assert_eq!(few.n_prompts, 12);
        assert!(few.to_string().contains("only 12 test prompts"), "{few}");
        // Of all labelled prompts the models predict one.
        let of_one = inputs.predictions.rows().into_iter().filter(|row| row.image_id.starts_with("t0-"));
        inputs.predictions = of_one.collect();
        let one = advice(&inputs, None, &settings(), &labels(200.0)).unwrap().remove(0);
        assert_eq!((one.verdict, one.n_prompts), (Verdict::Refused, 1));
        assert!(one.arms[0].reason.as_ref().unwrap().contains("all images are of one prompt"), "{one}");
        // And where only one prompt has labels.
        inputs.images.retain(|image| image.prompt_id == "t0");
        assert_eq!(advice(&inputs, None, &settings(), &labels(200.0)).unwrap().remove(0).verdict, Verdict::Refused);
    }

    #[test]
    fn arms_are_judged_on_the_images_that_all_of_them_predict() {
        let full = world(60, &[("coarse", &[], QUICK), ("fine", &["a"], QUICK)]);
        let keep = |image_id: &str| image_id[1..].split('-').next().unwrap().parse::<usize>().unwrap() >= 30;
        let of = |is_kept: &dyn Fn(&str, &str) -> bool| {
            let rows = full.predictions.rows().into_iter().filter(|row| is_kept(&row.run_id, &row.image_id));
            let inputs = Inputs { predictions: rows.collect(), ..full.clone() };
            advice(&inputs, None, &settings(), &labels(200.0)).unwrap().remove(0).to_string()
        };
        assert_eq!(of(&|run, image| run.contains("coarse") || keep(image)), of(&|_, image| keep(image)));
    }

    #[test]
    fn beyond_what_was_tried_it_refuses_or_stops() {
        let inputs = world(12, &[("coarse", &[], QUICK), ("fine", &["a", "b"], QUICK)]);
        let little = advice(&inputs, None, &settings(), &labels(20.0)).unwrap().remove(0);
        assert_eq!(little.verdict, Verdict::Refused);
        assert!(little.arms[0].reason.as_ref().unwrap().contains("fewer than the smallest size"), "{little:?}");
        let much = advice(&inputs, None, &settings(), &labels(1e6)).unwrap().remove(0);
        let coarse = much.arms.iter().find(|arm| arm.arm == "coarse").unwrap();
        assert_eq!((coarse.n_images, coarse.bounded_by), (Some(1_600), Some("extrapolation")));
        assert_eq!(coarse.doubling_adds, None);
        let few_images = Request { images: Some(150), ..labels(1e6) };
        let few_images = advice(&inputs, None, &settings(), &few_images).unwrap().remove(0);
        assert!(few_images.arms.iter().all(|arm| (arm.n_images, arm.bounded_by) == (Some(150), Some("images"))));
    }

    #[test]
    fn too_few_sizes_and_unknown_seconds_are_reasons_and_bad_requests_errors() {
        let mut inputs = world(12, &[("coarse", &[], QUICK)]);
        let seconds = Request { unit: Unit::Seconds, ..labels(1_000.0) };
        let unknown = advice(&inputs, None, &settings(), &seconds).unwrap().remove(0);
        assert!(unknown.arms[0].reason.as_ref().unwrap().contains("the seconds of some of its labels"), "{unknown:?}");
        inputs.reward_models.retain(|model| model.n_train <= 100);
        let few = advice(&inputs, None, &settings(), &labels(50.0)).unwrap().remove(0);
        assert!(few.arms[0].reason.as_ref().unwrap().starts_with("too few sizes: 3"), "{few:?}");
        let named = Request { experiment: Some("f".to_owned()), ..labels(50.0) };
        assert!(advice(&inputs, None, &settings(), &named).unwrap_err().to_string().contains("there are: e"));
        assert!(advice(&inputs, None, &settings(), &labels(f64::NAN)).is_err());
    }

    #[test]
    fn attributes_that_nobody_timed_are_named() {
        let inputs = world(12, &[("fine", &["bright", "noun", "verb"], QUICK)]);
        let seconds = Request { unit: Unit::Seconds, ..labels(1_000.0) };
        let reason = |timed: Option<BTreeSet<String>>| {
            advice(&inputs, timed, &settings(), &seconds).unwrap().remove(0).arms.remove(0).reason.unwrap()
        };
        assert!(
            reason(Some(["bright".to_owned()].into()))
                .starts_with("the seconds of labels of `noun` and `verb` are not known")
        );
        assert!(reason(None).starts_with("the seconds of some of its labels are not known"));
    }

    #[test]
    fn of_arms_that_cannot_be_told_apart_the_one_that_costs_less_is_named() {
        // 150 images of each: 150 labels, or 300.
        let inputs = world(12, &[("coarse", &[], QUICK), ("fine", &["a", "b"], QUICK)]);
        let advise = |request: &Request| advice(&inputs, None, &settings(), request).unwrap().remove(0).to_string();
        let cheaper = advise(&Request { images: Some(150), ..labels(1e4) });
        assert!(cheaper.contains("budget 10,000 labels"), "{cheaper}");
        assert!(
            cheaper.contains("take \u{201c}coarse\u{201d}, which costs less (150 labels instead of 300)"),
            "{cheaper}"
        );
        let all_of_it = advise(&labels(200.0));
        assert!(all_of_it.contains("both cost about the same"), "{all_of_it}");
    }

    #[test]
    fn the_words_say_what_to_buy_and_how_sure_that_is() {
        let inputs = world(250, &[("coarse", &[], QUICK), ("fine", &["a", "b", "c", "d"], SLOW)]);
        let text = advice(&inputs, None, &settings(), &labels(400.0)).unwrap().remove(0).to_string();
        assert!(text.contains("collect \u{201c}coarse\u{201d} for 400 images"), "{text}");
        assert!(text.contains("ahead of \u{201c}fine\u{201d}"), "{text}");
    }
}
