//! Table `metrics`: how well each reward model tells good images from bad ones.
//!
//! Reads `predictions` and the labels of the attribute `target`; images without a target label do not count. One row
//! per model, split (validation, test) and metric. ROC-AUC has an interval (see [`bootstrap`](crate::bootstrap)).

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use tables::{MetricValue, RewardModel, Split};

use crate::bootstrap::Draws;
use crate::clusters::Clusters;
use crate::inputs::Inputs;
use crate::probability_scores::{average_precision, brier, log_loss};
use crate::roc::{Presorted, one_class};
use crate::settings::Bootstrap;
use crate::undefined::Undefined;

/// The attribute of `labels` that models are judged by.
pub const TARGET: &str = "target";

/// The metric that has an interval.
pub const ROC_AUC: &str = "roc_auc";

/// The splits that models are judged on: choices on the first, results on the second.
pub const JUDGED: [Split; 2] = [Split::Validation, Split::Test];

/// The metrics of all models, with what comparisons between them need.
pub struct Evaluation<'a> {
    /// Table `metrics`.
    pub rows: Vec<MetricValue>,
    /// The AUC of each model on each split.
    pub aucs: BTreeMap<(&'a str, Split), RunAuc>,
    /// The judged images of each experiment on each split.
    pub targets: BTreeMap<(&'a str, Split), Target<'a>>,
}

/// One model's AUC on one split, with its replicates under the draws that all models share.
pub struct RunAuc {
    /// The AUC, or why there is none.
    pub value: Result<f64, String>,
    /// Its replicates; empty if there is no AUC.
    pub replicates: Vec<Option<f64>>,
}

/// The images of one experiment and split that have a target label.
pub struct Target<'a> {
    labels: HashMap<&'a str, bool>,
    clusters: Clusters<'a>,
    /// The draws of their prompts.
    pub draws: Draws,
}

impl Target<'_> {
    /// How many images have a label.
    pub fn n_images(&self) -> usize {
        self.labels.len()
    }

    /// How many prompts those images are of.
    pub fn n_prompts(&self) -> usize {
        self.clusters.n_clusters()
    }
}

/// Judges every model on both splits.
pub fn evaluate<'a>(inputs: &'a Inputs, bootstrap: &Bootstrap) -> Evaluation<'a> {
    let targets = targets(inputs, bootstrap);
    let mut rewards: HashMap<(&str, Split), Vec<(&str, f64)>> = HashMap::new();
    for prediction in &inputs.predictions {
        let of_run = rewards.entry((&prediction.run_id, prediction.split)).or_default();
        of_run.push((&prediction.image_id, prediction.reward));
    }
    let mut jobs: Vec<(&RewardModel, Split)> =
        inputs.reward_models.iter().flat_map(|model| JUDGED.map(|split| (model, split))).collect();
    jobs.sort_by_key(|(model, split)| (&model.run_id, *split));
    let judged: Vec<(RunAuc, Vec<MetricValue>)> = jobs
        .par_iter()
        .map(|&(model, split)| {
            let target = targets.get(&(model.experiment.as_str(), split));
            judge(model, split, target, rewards.get(&(model.run_id.as_str(), split)).map_or(&[], Vec::as_slice))
        })
        .collect();
    let (mut rows, mut aucs) = (Vec::new(), BTreeMap::new());
    for ((model, split), (auc, of_run)) in jobs.into_iter().zip(judged) {
        rows.extend(of_run);
        aucs.insert((model.run_id.as_str(), split), auc);
    }
    Evaluation { rows, aucs, targets }
}

fn targets<'a>(inputs: &'a Inputs, bootstrap: &Bootstrap) -> BTreeMap<(&'a str, Split), Target<'a>> {
    let images = inputs.images_by_id();
    let mut labelled: BTreeMap<(&str, Split), Vec<(&tables::Image, bool)>> = BTreeMap::new();
    for label in inputs.labels.iter().filter(|label| label.attribute == TARGET) {
        if let (Some(value), Some(image)) = (label.label, images.get(label.image_id.as_str()))
            && JUDGED.contains(&image.split)
        {
            labelled.entry((&label.experiment, image.split)).or_default().push((image, value));
        }
    }
    let target = |rows: Vec<(&'a tables::Image, bool)>| {
        let clusters = Clusters::new(rows.iter().map(|(image, _)| *image));
        let draws = Draws::new(clusters.n_clusters(), bootstrap.replicates, bootstrap.seed);
        Target {
            labels: rows.iter().map(|(image, label)| (image.image_id.as_str(), *label)).collect(),
            clusters,
            draws,
        }
    };
    labelled.into_iter().map(|(key, rows)| (key, target(rows))).collect()
}

fn judge(
    model: &RewardModel,
    split: Split,
    target: Option<&Target>,
    rewards: &[(&str, f64)],
) -> (RunAuc, Vec<MetricValue>) {
    let (mut labels, mut scores, mut clusters) = (Vec::new(), Vec::new(), Vec::new());
    for (image_id, reward) in rewards {
        if let Some(target) = target
            && let (Some(&label), Some(cluster)) = (target.labels.get(image_id), target.clusters.of(image_id))
        {
            labels.push(label);
            scores.push(*reward);
            clusters.push(cluster);
        }
    }
    let n_positive = labels.iter().filter(|label| **label).count();
    // A model that was not trained is not judged, whatever stands in the other tables.
    let without_model = model.reason.as_ref().map(|reason| format!("no model: {reason}"));
    let known = |value: Result<f64, Undefined>| match &without_model {
        Some(reason) => Err(reason.clone()),
        None => value.map_err(|reason| reason.to_string()),
    };
    let row = |metric: &str, value: &Result<f64, String>| MetricValue {
        run_id: model.run_id.clone(),
        split,
        metric: metric.to_owned(),
        value: value.as_ref().ok().copied(),
        ci_low: None,
        ci_high: None,
        n_positive: n_positive as i64,
        n_negative: (labels.len() - n_positive) as i64,
        reason: value.as_ref().err().cloned(),
    };
    let (auc, replicates) = auc_with_replicates(&labels, &scores, &clusters, target.map(|target| &target.draws));
    let auc = RunAuc { value: known(auc), replicates };
    let mut auc_row = row(ROC_AUC, &auc.value);
    if let (Some(target), Ok(_)) = (target, &auc.value) {
        match target.draws.interval(&auc.replicates) {
            Ok(interval) => (auc_row.ci_low, auc_row.ci_high) = (Some(interval.low), Some(interval.high)),
            Err(reason) => auc_row.reason = Some(reason.to_string()),
        }
    }
    let rows = vec![
        row("average_precision", &known(average_precision(&labels, &scores))),
        row("brier", &known(brier(&labels, &scores))),
        row("log_loss", &known(log_loss(&labels, &scores))),
        auc_row,
    ];
    (auc, rows)
}

/// The AUC and its replicates; none of either without draws.
pub fn auc_with_replicates(
    labels: &[bool],
    scores: &[f64],
    clusters: &[u32],
    draws: Option<&Draws>,
) -> (Result<f64, Undefined>, Vec<Option<f64>>) {
    let Some(draws) = draws else { return (Err(Undefined::NoData), Vec::new()) };
    let rows = match Presorted::new(labels, scores, clusters) {
        Ok(rows) => rows,
        Err(reason) => return (Err(reason), Vec::new()),
    };
    match rows.weighted_auc(&vec![1; draws.n_clusters()]) {
        Some(value) => (Ok(value), draws.aucs(&rows)),
        None => (Err(one_class(labels)), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use tables::{Image, Prediction};

    use super::*;
    use crate::fixtures::{image, model, prediction, settings, target};

    /// One coarse model and test images (id, label, reward).
    fn judged(rows: &[(&str, Option<bool>, Option<f64>)]) -> Vec<MetricValue> {
        let model = model("e", "coarse", &[], 10, 0);
        let images: Vec<Image> = rows.iter().map(|(id, ..)| image(id, Split::Test)).collect();
        let predictions = |((_, _, reward), image): (&(&str, Option<bool>, Option<f64>), &Image)| {
            reward.map(|reward| prediction(&model, image, reward))
        };
        let inputs = Inputs {
            labels: rows.iter().map(|(id, label, _)| target("e", id, *label)).collect(),
            predictions: rows.iter().zip(&images).filter_map(predictions).collect::<Vec<Prediction>>(),
            reward_models: vec![model.clone()],
            images,
            ..Inputs::default()
        };
        evaluate(&inputs, &settings().bootstrap).rows
    }

    fn auc(rows: &[MetricValue], split: Split) -> &MetricValue {
        rows.iter().find(|row| row.metric == ROC_AUC && row.split == split).unwrap()
    }

    #[test]
    fn every_model_has_every_metric_on_both_splits_in_key_order() {
        let rows = judged(&[("p1-0", Some(true), Some(0.9)), ("p2-0", Some(false), Some(0.1))]);
        let keys: Vec<(Split, &str)> = rows.iter().map(|row| (row.split, row.metric.as_str())).collect();
        let metrics = ["average_precision", "brier", "log_loss", "roc_auc"];
        assert_eq!(keys, JUDGED.iter().flat_map(|split| metrics.map(|metric| (*split, metric))).collect::<Vec<_>>());
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
        let rows = evaluate(&inputs, &settings().bootstrap).rows;
        assert_eq!(rows.len(), 8);
        assert!(
            rows.iter().all(|row| row.value.is_none() && row.reason.as_deref() == Some("no model: one class only"))
        );
    }

    #[test]
    fn an_interval_does_not_depend_on_the_number_of_threads() {
        let inputs = crate::synthetic::inputs(&crate::synthetic::World::small());
        let many = evaluate(&inputs, &settings().bootstrap).rows;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| evaluate(&inputs, &settings().bootstrap).rows), many);
        let interval = many.iter().find(|row| row.ci_low.is_some()).unwrap();
        assert!(interval.ci_low <= interval.value && interval.value <= interval.ci_high, "{interval:?}");
    }
}
