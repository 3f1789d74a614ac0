//! A model's folder: `model.safetensors`, and `card.json` with everything else that scoring an image takes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::TrainError;
use crate::label::ExperimentLabels;
use crate::network::{StoredTensor, safetensors};
use crate::plan::PlannedRun;
use crate::reward_model::RewardModel;
use crate::settings::{Feedback, Inputs, Mlp, Settings, Target};
use crate::threshold::Policy;
use crate::validate::TARGET;

/// Raised when a card's keys change.
const VERSION: u32 = 1;

/// What a model is, and how to use it.
#[derive(Debug, Serialize)]
pub struct Card<'a> {
    card_version: u32,
    run_id: String,
    experiment: &'a str,
    arm: &'a str,
    feedback: &'static str,
    /// In the order of the network's heads and of the aggregator's weights.
    attributes: &'a [String],
    inputs: &'static str,
    /// Length of the vector that the network reads.
    input_dim: Option<usize>,
    n_train: usize,
    seed: u32,
    target: &'a Target,
    target_threshold: Option<f64>,
    labels: BTreeMap<&'a str, CardLabel>,
    mlp: Option<&'a Mlp>,
    aggregator: Option<CardAggregator<'a>>,
    /// What a missing score counts as: the mean over the training pairs.
    missing_scores: Option<BTreeMap<&'a str, f64>>,
    training_data: TrainingData,
    /// The metadata of `embeddings`: encoders, digests of their weights, preprocessing.
    embeddings: Option<&'a BTreeMap<String, String>>,
}

#[derive(Debug, Serialize)]
struct CardLabel {
    #[serde(flatten)]
    policy: Policy,
    threshold: Option<f64>,
}

#[derive(Debug, Serialize)]
struct CardAggregator<'a> {
    c: f64,
    weights: BTreeMap<&'a str, f64>,
    intercept: f64,
}

#[derive(Debug, Serialize)]
struct TrainingData {
    n: usize,
    /// BLAKE3 of each pair's image, target label and attribute labels.
    digest: String,
}

impl<'a> Card<'a> {
    /// The card of one model.
    pub fn new(
        run: &PlannedRun<'a>,
        model: &RewardModel,
        settings: &'a Settings,
        labels: &ExperimentLabels,
        image_ids: &[String],
        embeddings: &'a BTreeMap<String, String>,
    ) -> Self {
        let attributes: &'a [String] = run.feedback.attributes();
        let names = || attributes.iter().map(String::as_str);
        let label_of = |name: &'a str| {
            let (policy, threshold) = (settings.thresholds.of(name), labels.attributes[name].threshold);
            (name, CardLabel { policy, threshold })
        };
        let reads_scores = run.inputs == Inputs::Scores;
        Self {
            card_version: VERSION,
            run_id: run.run_id.clone(),
            experiment: run.experiment,
            arm: run.arm,
            feedback: if *run.feedback == Feedback::Coarse { "coarse" } else { "fine" },
            attributes,
            inputs: run.inputs.as_str(),
            input_dim: model.network.as_ref().map(|network| network.n_in()),
            n_train: run.training_rows.len(),
            seed: run.seed,
            target: &settings.experiments[run.experiment].target,
            target_threshold: labels.target.threshold,
            labels: names().map(label_of).collect(),
            mlp: model.network.as_ref().map(|_| &settings.mlp),
            aggregator: model.aggregator.as_ref().map(|aggregator| CardAggregator {
                c: settings.aggregator_c,
                weights: names().zip(aggregator.weights.iter().copied()).collect(),
                intercept: aggregator.intercept,
            }),
            missing_scores: reads_scores.then(|| names().zip(model.fills.iter().copied()).collect()),
            training_data: TrainingData { n: run.training_rows.len(), digest: training_digest(run, labels, image_ids) },
            embeddings: (!reads_scores).then_some(embeddings),
        }
    }
}

fn training_digest(run: &PlannedRun, labels: &ExperimentLabels, image_ids: &[String]) -> String {
    let heads = run.feedback.attributes().iter().map(|name| (name.as_str(), &labels.attributes[name]));
    let columns: Vec<_> = [(TARGET, &labels.target)].into_iter().chain(heads).collect();
    let mut hasher = blake3::Hasher::new();
    for &row in run.training_rows.iter() {
        for (name, column) in &columns {
            hasher.update(serde_json::json!([image_ids[row], name, column.labels[row]]).to_string().as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// The model's own file: the network's tensors, and `aggregator.weight` with `aggregator.intercept` in f64.
///
/// # Errors
/// [`TrainError::Model`] if a tensor does not fit the format.
pub fn model_file(run: &PlannedRun, model: &RewardModel) -> Result<Vec<u8>, TrainError> {
    let mut tensors = model.network.as_ref().map(|network| network.tensors()).unwrap_or_default();
    if let Some(aggregator) = &model.aggregator {
        let shape = vec![aggregator.weights.len()];
        tensors.push(StoredTensor::f64("aggregator.weight".to_owned(), shape, &aggregator.weights));
        tensors.push(StoredTensor::f64("aggregator.intercept".to_owned(), vec![1], &[aggregator.intercept]));
    }
    safetensors(&tensors).map_err(|source| TrainError::Model { run_id: run.run_id.clone(), source })
}
