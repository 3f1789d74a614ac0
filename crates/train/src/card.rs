//! A model's folder: `model.safetensors`, and `card.json` with everything else that scoring an image takes.
//!
//! `scoring` reads what is written here.

use std::collections::BTreeMap;

use serde::Serialize;
use tables::Split;

use crate::error::TrainError;
use crate::label::ExperimentLabels;
use crate::network::{StoredTensor, safetensors};
use crate::plan::PlannedRun;
use crate::reward_model::{Data, Fitted, RewardModel};
use crate::roc::roc_auc;
use crate::settings::{Bottleneck, Feedback, Inputs, Mlp, Target};
use crate::threshold::Policy;
use crate::validate::TARGET;

/// Raised when a card's keys change.
pub(crate) const VERSION: u32 = 3;

/// What the tables that were read say about where their rows come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The metadata of `embeddings`: encoders, digests of their weights, preprocessing.
    pub embeddings: BTreeMap<String, String>,
    /// The question that was asked for each attribute, if `attribute_scores` says so.
    pub questions: BTreeMap<String, String>,
}

/// What a model is, and how to use it.
#[derive(Debug, Serialize)]
pub struct Card<'a> {
    card_version: u32,
    run_id: &'a str,
    /// BLAKE3 of `model.safetensors`: the weights that this card is about.
    model_digest: String,
    experiment: &'a str,
    arm: &'a str,
    feedback: &'static str,
    /// In the order of the network's heads and of the aggregator's weights.
    attributes: &'a [String],
    /// What a VLM was asked about each; none where people were asked.
    questions: BTreeMap<&'a str, Option<&'a str>>,
    inputs: &'static str,
    /// Length of the vector that the network reads.
    input_dim: Option<usize>,
    variant: CardVariant,
    n_train: usize,
    n_used: usize,
    degenerate: &'a [String],
    seed: u32,
    target: &'a Target,
    target_threshold: Option<f64>,
    /// The ratings that became 0 and 1 as soft labels of the target.
    target_soft_range: Option<(f64, f64)>,
    labels: BTreeMap<&'a str, CardLabel>,
    mlp: Option<Mlp>,
    epochs_run: Option<usize>,
    aggregator: Option<CardAggregator<'a>>,
    /// What a missing score counts as: the mean over the training pairs.
    missing_scores: Option<BTreeMap<&'a str, f64>>,
    training_data: TrainingData,
    embeddings: Option<&'a BTreeMap<String, String>>,
    /// On the images of this run, without intervals; `evaluate` gives them.
    metrics: BTreeMap<&'static str, CardMetrics>,
}

#[derive(Debug, Serialize)]
struct CardVariant {
    bottleneck: Option<&'static str>,
    lambda: Option<f64>,
    labels: &'static str,
    loss: &'static str,
    stage2_on: Option<&'static str>,
    class_weights: &'static str,
}

#[derive(Debug, Serialize)]
struct CardLabel {
    #[serde(flatten)]
    policy: Policy,
    threshold: Option<f64>,
    soft_range: Option<(f64, f64)>,
}

#[derive(Debug, Serialize)]
struct CardAggregator<'a> {
    /// None where it was trained with stage 1 in one.
    c: Option<f64>,
    weights: BTreeMap<&'a str, f64>,
    intercept: f64,
}

#[derive(Debug, Serialize)]
struct TrainingData {
    n: usize,
    /// BLAKE3 of each pair's image, target label and attribute labels.
    digest: String,
}

#[derive(Debug, Serialize)]
struct CardMetrics {
    roc_auc: Option<f64>,
    n_good: usize,
    n_bad: usize,
}

impl<'a> Card<'a> {
    /// The card of one model.
    pub fn new(
        run: &'a PlannedRun<'a>,
        fitted: &'a Fitted,
        model: &RewardModel,
        model_digest: String,
        labels: &ExperimentLabels,
        data: Data<'a>,
        sources: &'a Sources,
    ) -> Self {
        let settings = data.settings;
        let attributes: &'a [String] = run.feedback.attributes();
        let names = || attributes.iter().map(String::as_str);
        let label_of = |name: &'a str| {
            let of_name = &labels.attributes[name];
            let (policy, threshold) = (settings.thresholds.of(name), of_name.threshold);
            (name, CardLabel { policy, threshold, soft_range: of_name.soft_range })
        };
        let variant = &run.variant;
        let is_joint = matches!(variant.bottleneck, Some(Bottleneck::Joint { .. }));
        let reads_scores = variant.inputs == Inputs::Scores;
        Self {
            card_version: VERSION,
            run_id: &run.run_id,
            model_digest,
            experiment: run.experiment,
            arm: run.arm,
            feedback: if *run.feedback == Feedback::Coarse { "coarse" } else { "fine" },
            attributes,
            questions: names().map(|name| (name, sources.questions.get(name).map(String::as_str))).collect(),
            inputs: variant.inputs.as_str(),
            input_dim: model.network.as_ref().map(|network| network.n_in()),
            variant: CardVariant {
                bottleneck: variant.bottleneck.map(Bottleneck::as_str),
                lambda: match variant.bottleneck {
                    Some(Bottleneck::Joint { lambda }) => Some(lambda),
                    _ => None,
                },
                labels: variant.labels.as_str(),
                loss: variant.loss.as_str(),
                stage2_on: variant.stage2_on.map(|on| on.as_str()),
                class_weights: variant.class_weights.as_str(),
            },
            n_train: run.training_rows.len(),
            n_used: fitted.n_used,
            degenerate: &fitted.degenerate,
            seed: run.seed,
            target: &settings.experiments[run.experiment].target,
            target_threshold: labels.target.threshold,
            target_soft_range: labels.target.soft_range,
            labels: names().map(label_of).collect(),
            mlp: model.network.as_ref().map(|_| Mlp { hidden: variant.hidden.to_vec(), ..settings.mlp.clone() }),
            epochs_run: model.epochs_run,
            aggregator: model.aggregator.as_ref().map(|aggregator| CardAggregator {
                c: (!is_joint).then_some(settings.aggregator_c),
                weights: names().zip(aggregator.weights.iter().copied()).collect(),
                intercept: aggregator.intercept,
            }),
            missing_scores: reads_scores.then(|| names().zip(model.fills.iter().copied()).collect()),
            training_data: TrainingData {
                n: run.training_rows.len(),
                digest: training_digest(run, labels, &data.images.ids),
            },
            embeddings: (!reads_scores).then_some(&sources.embeddings),
            metrics: [Split::Validation, Split::Test]
                .map(|split| (split.as_str(), metrics(run, model, labels, data, split)))
                .into(),
        }
    }
}

fn metrics(run: &PlannedRun, model: &RewardModel, labels: &ExperimentLabels, data: Data, split: Split) -> CardMetrics {
    let of_split = model.rows.iter().zip(&model.rewards).filter(|(row, _)| data.images.splits[**row] == split);
    let (rewards, good): (Vec<f64>, Vec<bool>) =
        of_split.filter_map(|(&row, &reward)| Some((reward, labels.target.labels[row]?))).unzip();
    let n_good = good.iter().filter(|&&good| good).count();
    let roc_auc = roc_auc(&rewards, &good).filter(|_| !run.variant.is_fitted_on(split));
    CardMetrics { roc_auc, n_good, n_bad: good.len() - n_good }
}

fn training_digest(run: &PlannedRun, labels: &ExperimentLabels, image_ids: &[String]) -> String {
    let heads = run.feedback.attributes().iter().map(|name| (name.as_str(), &labels.attributes[name]));
    let columns: Vec<_> = [(TARGET, &labels.target)].into_iter().chain(heads).collect();
    let mut hasher = blake3::Hasher::new();
    for &row in run.training_rows.iter() {
        for (name, column) in &columns {
            let cell = serde_json::json!([image_ids[row], name, column.labels[row], column.soft[row]]);
            hasher.update(cell.to_string().as_bytes());
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
