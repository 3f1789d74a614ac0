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
