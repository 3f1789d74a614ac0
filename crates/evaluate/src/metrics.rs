//! Table `metrics`: how well each reward model tells good images from bad ones.
//!
//! Reads `predictions` and the labels of the attribute `target`; images without a target label do not count. One row
//! per model, split (validation, test) and metric, each with an interval (see [`bootstrap`](crate::bootstrap)). The models
//! of one arm and size are judged together, and only the replicates of their mean over seeds are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use tables::{Image, MetricValue, RewardModel, Split};

use crate::bootstrap::{Draws, Interval};
use crate::calibration::calibration_error;
use crate::clusters::Clusters;
use crate::inputs::Inputs;
use crate::over_seeds::OverSeeds;
use crate::predictions::{ImageList, Predictions, RunPredictions};
use crate::probability_scores::{average_precision, brier, log_loss};
use crate::resample::{Losses, average_precisions, roc_aucs};
use crate::roc::{Presorted, one_class};
use crate::settings::Settings;
use crate::undefined::Undefined;

/// The attribute of `labels` that models are judged by.
pub const TARGET: &str = "target";

/// The metric that results are told in.
pub const ROC_AUC: &str = "roc_auc";
/// Average precision.
pub const AVERAGE_PRECISION: &str = "average_precision";

/// Every metric, in the order of the table.
pub const METRICS: [&str; 5] = [AVERAGE_PRECISION, "brier", "calibration_error", "log_loss", ROC_AUC];

/// The values that a metric can have.
pub fn range(metric: &str) -> Interval {
    Interval { low: 0.0, high: if metric == "log_loss" { f64::INFINITY } else { 1.0 } }
}

/// The splits that models are judged on: choices on the first, results on the second.
pub const JUDGED: [Split; 2] = [Split::Validation, Split::Test];

/// The metrics of all models, with what comparisons between them need.
pub struct Evaluation<'a> {
    /// Table `metrics`.
    pub rows: Vec<MetricValue>,
    /// Every arm at every size, by experiment, arm and `n_train`.
    pub points: Vec<PointMetrics<'a>>,
    /// The judged images of each experiment on each split.
    pub targets: BTreeMap<(&'a str, Split), Target>,
    /// What was judged.
    pub predictions: &'a Predictions,
    /// Bins of the calibration error.
    pub n_bins: usize,
}

/// The models of one arm that were given equally many pairs, judged.
pub struct PointMetrics<'a> {
    /// The experiment.
    pub experiment: &'a str,
    /// The arm.
    pub arm: &'a str,
    /// Training pairs.
    pub n_train: i64,
    /// The models, by seed.
    pub models: Vec<&'a RewardModel>,
    /// What they reach on each split of [`JUDGED`].
    pub splits: [SplitMetrics; 2],
}

impl PointMetrics<'_> {
    /// Whether it was given the coarse target alone.
    pub fn is_coarse(&self) -> bool {
        self.models.iter().all(|model| model.attributes.is_empty())
    }

    /// What they reach on one split; nothing on the training split.
    pub fn on(&self, split: Split) -> Option<&SplitMetrics> {
        JUDGED.iter().position(|judged| *judged == split).map(|at| &self.splits[at])
    }
}

/// The metrics of one point on one split.
#[derive(Debug, Default, Clone)]
pub struct SplitMetrics {
    /// One of each, in the order of [`METRICS`].
    pub metrics: Vec<Seeds>,
    /// Labelled images that at least one of its models gave a reward.
    pub n_images: usize,
    /// Prompts of those images.
    pub n_prompts: usize,
    /// The image list of each trained model that has predictions.
    pub lists: Vec<Arc<ImageList>>,
}

impl SplitMetrics {
    /// One metric.
    pub fn metric(&self, name: &str) -> Option<&Seeds> {
        METRICS.iter().position(|metric| *metric == name).and_then(|at| self.metrics.get(at))
    }

    /// The mean AUC, if a seed has one.
    pub fn auc(&self) -> Option<&OverSeeds> {
        self.metric(ROC_AUC)?.mean.as_ref()
    }

    /// The 95 % interval of a statistic of these images.
    ///
    /// # Errors
    /// As [`OverSeeds::interval`]; and [`Undefined::OneCluster`] if they are of one prompt.
    pub fn interval(&self, statistic: &OverSeeds) -> Result<Interval, Undefined> {
        if self.n_prompts < 2 { Err(Undefined::OneCluster) } else { statistic.interval() }
    }
}

/// One metric of the seeds of one point.
#[derive(Debug, Default, Clone)]
pub struct Seeds {
    /// The value of each seed that has one.
    pub values: Vec<f64>,
    /// The mean over those seeds.
    pub mean: Option<OverSeeds>,
    /// Why a seed has no value, if one has none.
    pub reason: Option<String>,
}

/// The images of one experiment and split that have a target label.
pub struct Target {
    // By the image's number in the predictions: good, and its prompt.
    known: Vec<Option<(bool, u32)>>,
    n_images: usize,
    /// The draws of their prompts.
    pub draws: Arc<Draws>,
}

impl Target {
    /// How many images have a label.
    pub fn n_images(&self) -> usize {
        self.n_images
    }

    /// How many prompts those images are of.
    pub fn n_prompts(&self) -> usize {
        self.draws.n_clusters()
    }

    fn of(&self, image: u32) -> Option<(bool, u32)> {
        self.known.get(image as usize).copied().flatten()
    }
}

/// Judges every model on both splits.
pub fn evaluate<'a>(inputs: &'a Inputs, settings: &Settings) -> Evaluation<'a> {
    let targets = targets(inputs, settings);
    let mut groups: BTreeMap<(&str, &str, i64), Vec<&RewardModel>> = BTreeMap::new();
    for model in &inputs.reward_models {
        groups.entry((&model.experiment, &model.arm, model.n_train)).or_default().push(model);
    }
    let judge = |((experiment, arm, n_train), mut models): ((&'a str, &'a str, i64), Vec<&'a RewardModel>)| {
        models.sort_by_key(|model| (model.seed, &model.run_id));
        let mut rows = Vec::new();
        let splits = JUDGED.map(|split| {
            let judging =
                Judging { predictions: &inputs.predictions, split, only: None, n_bins: settings.calibration_bins };
            let (metrics, of_models) = judging.point(&models, targets.get(&(experiment, split)));
            rows.extend(of_models);
            metrics
        });
        (PointMetrics { experiment, arm, n_train, models, splits }, rows)
    };
    let judged: Vec<(PointMetrics, Vec<MetricValue>)> =
        groups.into_iter().collect::<Vec<_>>().into_par_iter().map(judge).collect();
    let (points, rows): (Vec<_>, Vec<_>) = judged.into_iter().unzip();
    let mut rows: Vec<MetricValue> = rows.concat();
    rows.sort_by(|a, b| (&a.run_id, a.split, &a.metric).cmp(&(&b.run_id, b.split, &b.metric)));
    Evaluation { rows, points, targets, predictions: &inputs.predictions, n_bins: settings.calibration_bins }
}

fn targets<'a>(inputs: &'a Inputs, settings: &Settings) -> BTreeMap<(&'a str, Split), Target> {
    let images = inputs.images_by_id();
    let mut labelled: BTreeMap<(&str, Split), Vec<(&Image, bool)>> = BTreeMap::new();
    for label in inputs.labels.iter().filter(|label| label.attribute == TARGET) {
        if let (Some(value), Some(image)) = (label.label, images.get(label.image_id.as_str()))
            && JUDGED.contains(&image.split)
        {
            labelled.entry((&label.experiment, image.split)).or_default().push((image, value));
        }
    }
    // Draws depend on the number of prompts alone, so experiments on the same images share them.
    let mut draws: BTreeMap<usize, Arc<Draws>> = BTreeMap::new();
    let mut target = |rows: Vec<(&'a Image, bool)>| {
        let clusters = Clusters::new(rows.iter().map(|(image, _)| *image));
        let drawn = draws.entry(clusters.n_clusters()).or_insert_with(|| {
            Arc::new(Draws::new(clusters.n_clusters(), settings.bootstrap.replicates, settings.bootstrap.seed))
        });
        let mut known = vec![None; inputs.predictions.n_images()];
        for (image, label) in &rows {
            if let (Some(number), Some(cluster)) =
                (inputs.predictions.image_number(&image.image_id), clusters.of(&image.image_id))
            {
                known[number as usize] = Some((*label, cluster));
            }
        }
        Target { known, n_images: rows.len(), draws: drawn.clone() }
    };
    labelled.into_iter().map(|(key, rows)| (key, target(rows))).collect()
}

/// How models are judged on one split.
pub struct Judging<'a> {
    /// All predictions.
    pub predictions: &'a Predictions,
    /// The split.
    pub split: Split,
    /// Which images count, by number; all of them if it does not say.
    pub only: Option<&'a [bool]>,
    /// Bins of the calibration error.
    pub n_bins: usize,
}

/// One metric of one model.
struct Judged {
    value: Result<f64, String>,
    replicates: Vec<f64>,
    row: MetricValue,
}

impl Judging<'_> {
    /// The metrics of one point, and those of each of its models.
    pub fn point(&self, models: &[&RewardModel], target: Option<&Target>) -> (SplitMetrics, Vec<MetricValue>) {
        let judged: Vec<(Vec<Judged>, usize, usize)> = models.iter().map(|model| self.model(model, target)).collect();
        let metric = |at: usize| {
            let of_seeds = judged.iter().map(|(metrics, ..)| &metrics[at]);
            let with_value: Vec<&Judged> = of_seeds.clone().filter(|judged| judged.value.is_ok()).collect();
            let replicates: Vec<&[f64]> = with_value.iter().map(|judged| judged.replicates.as_slice()).collect();
            let values: Vec<f64> = with_value.iter().filter_map(|judged| judged.value.clone().ok()).collect();
            Seeds {
                mean: OverSeeds::mean(&values, &replicates),
                values,
                reason: of_seeds.clone().find_map(|judged| judged.value.clone().err()),
            }
        };
        let trained = models.iter().filter(|model| model.reason.is_none());
        let lists = trained.filter_map(|model| self.predictions.run(&model.run_id)).map(|run| run.list.clone());
        let metrics = SplitMetrics {
            metrics: (0..METRICS.len()).map(metric).collect(),
            n_images: judged.iter().map(|(_, n_images, _)| *n_images).max().unwrap_or(0),
            n_prompts: judged.iter().map(|(.., n_prompts)| *n_prompts).max().unwrap_or(0),
            lists: lists.collect(),
        };
        (metrics, judged.into_iter().flat_map(|(metrics, ..)| metrics).map(|judged| judged.row).collect())
    }

    fn model(&self, model: &RewardModel, target: Option<&Target>) -> (Vec<Judged>, usize, usize) {
        let rows = Rows::of(self.predictions.run(&model.run_id), self.split, target, self.only);
        let n_positive = rows.labels.iter().filter(|label| **label).count();
        let is_one_prompt = rows.clusters.windows(2).all(|two| two[0] == two[1]);
        // A model that was not trained is not judged, whatever stands in the other tables; nor is one on what it was fitted on.
        let is_fitted_here = self.split == Split::Validation && model.stage2_on.as_deref() == Some("validation");
        let no_model = model.reason.as_ref().map(|reason| format!("no model: {reason}"));
        let not_judged = no_model.or_else(|| is_fitted_here.then(|| "stage 2 was fitted on this split".to_owned()));
        let judge = |metric: &str, value: Result<f64, Undefined>, replicates: &dyn Fn(&Draws) -> Vec<f64>| {
            let value = match &not_judged {
                Some(reason) => Err(reason.clone()),
                None => value.map_err(|reason| reason.to_string()),
            };
            let mut row = MetricValue {
                run_id: model.run_id.clone(),
                split: self.split,
                metric: metric.to_owned(),
                value: value.as_ref().ok().copied(),
                ci_low: None,
                ci_high: None,
                n_positive: n_positive as i64,
                n_negative: (rows.labels.len() - n_positive) as i64,
                reason: value.as_ref().err().cloned(),
            };
            let mut of_draws = Vec::new();
            if let (Some(target), Ok(_)) = (target, &value) {
                of_draws = replicates(&target.draws);
                let interval =
                    if is_one_prompt { Err(Undefined::OneCluster) } else { target.draws.interval(&of_draws) };
                match interval {
                    Ok(interval) => (row.ci_low, row.ci_high) = (Some(interval.low), Some(interval.high)),
                    Err(reason) => row.reason = Some(reason.to_string()),
                }
            }
            Judged { value, replicates: of_draws, row }
        };
        let (labels, scores) = (&rows.labels, &rows.scores);
        let sorted = Presorted::new(labels, scores, &rows.clusters);
        let with_sorted = |metric: fn(&Presorted, &Draws) -> Vec<f64>, draws: &Draws| {
            sorted.as_ref().map_or_else(|_| Vec::new(), |sorted| metric(sorted, draws))
        };
        let n_prompts = target.map_or(0, Target::n_prompts);
        let losses = Losses::new(labels, scores, &rows.clusters, n_prompts, self.n_bins);
        let auc = sorted
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|sorted| sorted.weighted_auc(&vec![1; n_prompts]).ok_or_else(|| one_class(labels)));
        let metrics = vec![
            judge(AVERAGE_PRECISION, average_precision(labels, scores), &|draws| {
                with_sorted(average_precisions, draws)
            }),
            judge("brier", brier(labels, scores), &|draws| losses.briers(draws)),
            judge("calibration_error", calibration_error(labels, scores, self.n_bins), &|draws| {
                losses.calibration_errors(draws)
            }),
            judge("log_loss", log_loss(labels, scores), &|draws| losses.log_losses(draws)),
            judge(ROC_AUC, auc, &|draws| with_sorted(roc_aucs, draws)),
        ];
        let mut prompts = rows.clusters;
        prompts.sort_unstable();
        prompts.dedup();
        (metrics, rows.labels.len(), prompts.len())
    }
}

/// The labelled predictions of one model.
#[derive(Default)]
struct Rows {
    labels: Vec<bool>,
    scores: Vec<f64>,
    clusters: Vec<u32>,
}

impl Rows {
    fn of(run: Option<&RunPredictions>, split: Split, target: Option<&Target>, only: Option<&[bool]>) -> Self {
        let mut rows = Self::default();
        let (Some(run), Some(target)) = (run, target) else { return rows };
        for (image, of_split, reward) in run.rows() {
            let counts = of_split == split && only.is_none_or(|only| only[image as usize]);
            if counts && let Some((label, cluster)) = target.of(image) {
                rows.labels.push(label);
                rows.scores.push(reward);
                rows.clusters.push(cluster);
            }
        }
        rows
    }
}

/// The AUC and its replicates; none of the second if there is none of the first.
pub fn auc_with_replicates(
    labels: &[bool],
    scores: &[f64],
    clusters: &[u32],
    draws: &Draws,
) -> (Result<f64, Undefined>, Vec<f64>) {
    let rows = match Presorted::new(labels, scores, clusters) {
        Ok(rows) => rows,
        Err(reason) => return (Err(reason), Vec::new()),
    };
    match rows.weighted_auc(&vec![1; draws.n_clusters()]) {
        Some(value) => (Ok(value), roc_aucs(&rows, draws)),
        None => (Err(one_class(labels)), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use tables::Prediction;

    use super::*;
    use crate::fixtures::{image, model, prediction, settings, target};

    /// One coarse model and test images (id, label, reward).
    fn judged(rows: &[(&str, Option<bool>, Option<f64>)]) -> Vec<MetricValue> {
        let model = model("e", "coarse", &[], 10, 0);
        let images: Vec<Image> = rows.iter().map(|(id, ..)| image(id, Split::Test)).collect();
        let predictions =
            |((_, _, reward), image): (&(&str, Option<bool>, Option<f64>), &Image)| -> Option<Prediction> {
                reward.map(|reward| prediction(&model, image, reward))
            };
        let inputs = Inputs {
            labels: rows.iter().map(|(id, label, _)| target("e", id, *label)).collect(),
            predictions: rows.iter().zip(&images).filter_map(predictions).collect(),
            reward_models: vec![model.clone()],
            images,
            ..Inputs::default()
        };
        evaluate(&inputs, &settings()).rows
    }

    fn auc(rows: &[MetricValue], split: Split) -> &MetricValue {
        rows.iter().find(|row| row.metric == ROC_AUC && row.split == split).unwrap()
    }

    #[test]
    fn every_model_has_every_metric_on_both_splits_in_key_order() {
        let rows = judged(&[("p1-0", Some(true), Some(0.9)), ("p2-0", Some(false), Some(0.1))]);
        let keys: Vec<(Split, &str)> = rows.iter().map(|row| (row.split, row.metric.as_str())).collect();
        assert_eq!(keys, JUDGED.iter().flat_map(|split| METRICS.map(|metric| (*split, metric))).collect::<Vec<_>>());
        assert_eq!(auc(&rows, Split::Validation).value, None);
        assert_eq!(
            auc(&rows, Split::Validation).reason.as_deref(),
            Some("no data: no image has both a score and a label")
        );
        assert_eq!(auc(&rows, Split::Test).value, Some(1.0));
    }

    #[test]
    fn images_without_a_label_or_a_prediction_do_not_count() {
        let rows = judged(&[
            ("p1-0", Some(true), Some(0.6)),
            ("p1-1", None, Some(0.0)),
            ("p2-0", Some(false), Some(0.4)),
            ("p2-1", Some(true), None),
        ]);
        let row = auc(&rows, Split::Test);
        assert_eq!((row.value, row.n_positive, row.n_negative), (Some(1.0), 1, 1));
    }

    #[test]
    fn one_class_one_prompt_and_one_image_leave_a_reason() {
        let reason = |rows: &[(&str, Option<bool>, Option<f64>)]| {
            let rows = judged(rows);
            let row = auc(&rows, Split::Test);
            (row.value, row.ci_low, row.reason.clone().unwrap())
        };
        let one_class = reason(&[("p1-0", Some(true), Some(0.6)), ("p2-0", Some(true), Some(0.4))]);
        assert_eq!(one_class, (None, None, "one class only: all 2 labels are positive".to_owned()));
        let one_prompt = reason(&[("p1-0", Some(true), Some(0.6)), ("p1-1", Some(false), Some(0.4))]);
        assert_eq!(one_prompt, (Some(1.0), None, "no interval: all images are of one prompt".to_owned()));
        let one_image = reason(&[("p1-0", Some(false), Some(0.6))]);
        assert_eq!(one_image, (None, None, "one class only: all 1 labels are negative".to_owned()));
        assert_eq!(reason(&[]).0, None);
    }

    #[test]
    fn constant_rewards_are_guessing_with_an_interval_of_no_width() {
        let ids: Vec<String> = (0..40).map(|at| format!("p{at}-0")).collect();
        let rows: Vec<(&str, Option<bool>, Option<f64>)> =
            ids.iter().enumerate().map(|(at, id)| (id.as_str(), Some(at % 2 == 0), Some(0.0))).collect();
        let rows = judged(&rows);
        let row = auc(&rows, Split::Test);
        assert_eq!((row.value, row.ci_low, row.ci_high), (Some(0.5), Some(0.5), Some(0.5)));
    }

    #[test]
    fn a_model_that_was_not_trained_says_why_in_every_row() {
        let mut untrained = model("e", "coarse", &[], 10, 0);
        untrained.reason = Some("one class only".to_owned());
        let inputs = Inputs { reward_models: vec![untrained], ..Inputs::default() };
        let rows = evaluate(&inputs, &settings()).rows;
        assert_eq!(rows.len(), 10);
        assert!(
            rows.iter().all(|row| row.value.is_none() && row.reason.as_deref() == Some("no model: one class only"))
        );
    }

    #[test]
    fn a_model_is_not_judged_on_the_split_that_its_stage_2_was_fitted_on() {
        let mut fitted = model("e", "fine", &["noun"], 10, 0);
        fitted.stage2_on = Some("validation".to_owned());
        let inputs = Inputs { reward_models: vec![fitted], ..Inputs::default() };
        let rows = evaluate(&inputs, &settings()).rows;
        let reason = |split| auc(&rows, split).reason.clone().unwrap();
        assert_eq!(reason(Split::Validation), "stage 2 was fitted on this split");
        assert!(reason(Split::Test).starts_with("no data"));
    }

    #[test]
    fn an_interval_does_not_depend_on_the_number_of_threads() {
        let inputs = crate::synthetic::inputs(&crate::synthetic::World::small());
        let many = evaluate(&inputs, &settings()).rows;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| evaluate(&inputs, &settings()).rows), many);
        let interval = many.iter().find(|row| row.ci_low.is_some()).unwrap();
        assert!(interval.ci_low <= interval.value && interval.value <= interval.ci_high, "{interval:?}");
    }
}
