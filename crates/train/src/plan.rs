//! Which models are trained, and on which pairs.
//!
//! All arms of one (experiment, seed, size) train on the same pairs, so that they are compared on equal data, and the
//! pairs of a smaller size are among those of a larger one.

use std::collections::BTreeMap;
use std::sync::Arc;

use tables::Split;

use crate::images::Images;
use crate::label::ExperimentLabels;
use crate::settings::{Experiment, Feedback, Inputs, Settings, TrainSize};

/// One model to be.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRun<'a> {
    /// `<experiment>/<arm>/n<n_train>/s<seed>`.
    pub run_id: String,
    /// The experiment's name.
    pub experiment: &'a str,
    /// The arm's name.
    pub arm: &'a str,
    /// What it learns from.
    pub feedback: &'a Feedback,
    /// What it reads.
    pub inputs: Inputs,
    /// Seeds the draw of its pairs, its weights and its shuffles.
    pub seed: u32,
    /// Its training pairs, as rows of [`Images`], ascending.
    pub training_rows: Arc<Vec<usize>>,
}

/// Lays out all runs of all experiments, sorted by run id. A size above the number of pairs means all of them; sizes
/// that come out equal are one run.
pub fn plan<'a>(
    settings: &'a Settings,
    labels: &BTreeMap<&str, ExperimentLabels>,
    images: &Images,
) -> Vec<PlannedRun<'a>> {
    let mut runs = BTreeMap::new();
    for (name, experiment) in &settings.experiments {
        let candidates = labels.get(name.as_str()).map(|labels| candidates(experiment, labels, images));
        for &seed in &settings.seeds {
            let order = drawing_order(candidates.as_deref().unwrap_or_default(), seed, &images.ids);
            for size in &settings.n_train.0 {
                let n_train = match size {
                    TrainSize::Pairs(n) => (*n).min(order.len()),
                    TrainSize::All => order.len(),
                };
                let mut drawn = order[..n_train].to_vec();
                drawn.sort_unstable();
                let training_rows = Arc::new(drawn);
                for (arm_name, arm) in &experiment.arms {
                    let run_id = format!("{name}/{arm_name}/n{n_train}/s{seed}");
                    runs.entry(run_id.clone()).or_insert_with(|| PlannedRun {
                        run_id,
                        experiment: name,
                        arm: arm_name,
                        feedback: &arm.feedback,
                        inputs: experiment.inputs_of(arm),
                        seed,
                        training_rows: training_rows.clone(),
                    });
                }
            }
        }
    }
    runs.into_values().collect()
}

/// The pairs of the training split that every arm of an experiment can use: with a target label, and with the
/// embeddings that one of its arms reads.
fn candidates(experiment: &Experiment, labels: &ExperimentLabels, images: &Images) -> Vec<usize> {
    let usable = |&row: &usize| {
        images.splits[row] == Split::Train
            && labels.target.labels[row].is_some()
            && experiment.arms.values().all(|arm| images.has(row, experiment.inputs_of(arm)))
    };
    (0..images.len()).filter(usable).collect()
}

/// Rows in the order in which a seed draws them: by a hash of the seed and the image, so that a pair more or less in
/// the data moves no other.
fn drawing_order(rows: &[usize], seed: u32, image_ids: &[String]) -> Vec<usize> {
    let mut order = rows.to_vec();
    order.sort_by_cached_key(|&row| {
        (*blake3::hash(format!("{seed}/draw/{}", image_ids[row]).as_bytes()).as_bytes(), row)
    });
    order
}
