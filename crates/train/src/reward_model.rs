//! One reward model: stage 1, stage 2 on its outputs, and the reward of every image.

use std::sync::Arc;
use std::time::Instant;

use tch::Device;

use crate::aggregator::Aggregator;
use crate::concept_predictor::predict;
use crate::engine::{Examples, Matrix, Objective, Problem, Targets, Trained, train_all};
use crate::error::TrainError;
use crate::images::{Images, Score, mean};
use crate::kept::KeptNetworks;
use crate::label::{ExperimentLabels, Labels, attribute_scores, counts_as_aligned};
use crate::network::Network;
use crate::plan::PlannedRun;
use crate::settings::{Feedback, Inputs, Settings};

/// All that models are fitted from.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// How.
    pub settings: &'a Settings,
    /// From what.
    pub images: &'a Images,
    /// Where.
    pub device: Device,
    /// Networks of an earlier, perhaps killed, run.
    pub kept: &'a KeptNetworks,
}

/// What became of a planned run.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The model, or why there is none.
    pub model: Result<RewardModel, NoModel>,
    /// How long the fit took.
    pub seconds: f64,
}

/// A trained model and what it says of the images.
#[derive(Debug, Clone, PartialEq)]
pub struct RewardModel {
    /// Stage 1; none if it reads attribute scores.
    pub network: Option<Network>,
    /// Stage 2; none if its feedback was coarse.
    pub aggregator: Option<Aggregator>,
    /// For a model that reads scores, what a missing score of each attribute counts as.
    pub fills: Vec<f64>,
    /// The images that have what it reads, as rows of [`Images`], ascending.
    pub rows: Vec<usize>,
    /// Stage 1's probabilities, `[rows, attributes]`; empty without stage 1 or with coarse feedback.
    pub concepts: Vec<f64>,
    /// Probability of good, for each of the rows.
    pub rewards: Vec<f64>,
}

/// Why a run has no model. Its text is the `reason` in `reward_models`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoModel {
    /// Nothing to train on.
    #[error("no training pair has a target label and the embeddings that the experiment reads")]
    NoPairs,
    /// Nothing to tell apart.
    #[error("all {n_train} training pairs are {}", if *.good { "good" } else { "bad" })]
    OneClass {
        /// How many.
        n_train: usize,
        /// Which class.
        good: bool,
    },
    /// A head would learn nothing. The run is not made without it: it would go by a name that it does not deserve.
    #[error("attribute `{attribute}` has no label in the training pairs")]
    NoLabels {
        /// The attribute.
        attribute: String,
    },
    /// The same for a model that reads the scores.
    #[error("attribute `{attribute}` has no score in the training pairs")]
    NoScores {
        /// The attribute.
        attribute: String,
    },
}

/// Fits one run.
///
/// # Errors
/// [`TrainError`] if LibTorch or the disk fails; data never is an error.
pub fn fit(run: &PlannedRun, labels: &ExperimentLabels, data: Data) -> Result<Fitted, TrainError> {
    let start = Instant::now();
    let target: Vec<bool> = run.training_rows.iter().filter_map(|&row| labels.target.labels[row]).collect();
    let (model, kept_seconds) = match no_model(&target) {
        Some(reason) => (Err(reason), None),
        None if run.inputs == Inputs::Scores => (fit_to_scores(run, &target, data)?, None),
        None => fit_to_embeddings(run, labels, &target, data)?,
    };
    Ok(Fitted { model, seconds: kept_seconds.unwrap_or_else(|| start.elapsed().as_secs_f64()) })
}

fn no_model(target: &[bool]) -> Option<NoModel> {
    let Some(&good) = target.first() else { return Some(NoModel::NoPairs) };
    target.iter().all(|&label| label == good).then_some(NoModel::OneClass { n_train: target.len(), good })
}

type Made = Result<RewardModel, NoModel>;

/// Also gives the seconds that a kept network took to train.
fn fit_to_embeddings(
    run: &PlannedRun,
    labels: &ExperimentLabels,
    target: &[bool],
    data: Data,
) -> Result<(Made, Option<f64>), TrainError> {
    let heads: Vec<&Labels> = match run.feedback {
        Feedback::Coarse => vec![&labels.target],
        Feedback::Fine(attributes) => attributes.iter().map(|attribute| &labels.attributes[attribute]).collect(),
    };
    let unlabelled = |head: &&Labels| run.training_rows.iter().all(|&row| head.labels[row].is_none());
    if let Some(at) = heads.iter().position(unlabelled) {
        let attribute = run.feedback.attributes()[at].clone();
        return Ok((Err(NoModel::NoLabels { attribute }), None));
    }

    let (inputs, dim) = data.images.embeddings(&run.training_rows, run.inputs);
    let n = run.training_rows.len();
    let Some(inputs) = Matrix::new(inputs, n, dim) else { unreachable!("each training pair has its embedding") };
    let head_labels = run.training_rows.iter().flat_map(|&row| heads.iter().map(move |head| head.labels[row]));
    let labels = Targets::hard(head_labels);
    let problem = Problem {
        inputs: Arc::new(inputs),
        training: Examples { rows: Arc::new((0..n as u32).collect()), others: None, labels, target: None },
        held_out: None,
        n_heads: heads.len(),
        objective: Objective::Pointwise,
        hidden: data.settings.mlp.hidden.clone(),
        seed: run.seed,
    };
    let torch = |source| TrainError::Torch { run_id: run.run_id.clone(), source };
    let keys = train_all(&[problem], &data.settings.mlp, data.device, data.kept, &|_| ())?;
    let Some(Trained { network, seconds, .. }) = data.kept.get(&keys[0])? else {
        return Err(TrainError::setting("mlp", "a trained network has vanished"));
    };
    let kept_seconds = Some(seconds);

    let rows: Vec<usize> = (0..data.images.len()).filter(|&row| data.images.has(row, run.inputs)).collect();
    let (inputs, _) = data.images.embeddings(&rows, run.inputs);
    let p = predict(&network, &inputs, rows.len(), data.device).map_err(torch)?;
    let model = match run.feedback {
        Feedback::Coarse => RewardModel {
            network: Some(network),
            aggregator: None,
            fills: Vec::new(),
            rows,
            concepts: Vec::new(),
            rewards: p,
        },
        Feedback::Fine(attributes) => {
            // Stage 2 sees stage 1's outputs on the very pairs that stage 1 was trained on.
            let in_sample = run.training_rows.iter().filter_map(|row| rows.binary_search(row).ok());
            let features: Vec<f64> =
                in_sample.flat_map(|at| p[at * attributes.len()..][..attributes.len()].iter().copied()).collect();
            let Some(aggregator) = Aggregator::fit(&features, target, data.settings.aggregator_c) else {
                unreachable!("both classes were seen")
            };
            let rewards = aggregator.predict(&p);
            RewardModel {
                network: Some(network),
                aggregator: Some(aggregator),
                fills: Vec::new(),
                rows,
                concepts: p,
                rewards,
            }
        }
    };
    Ok((Ok(model), kept_seconds))
}

/// Stage 2 alone, on the scores as they are. A missing score counts as the training pairs' mean of its attribute,
/// which moves the reward neither way; an image without any score gets no reward.
fn fit_to_scores(run: &PlannedRun, target: &[bool], data: Data) -> Result<Made, TrainError> {
    let attributes = run.feedback.attributes();
    let source = data.settings.experiments[run.experiment].source;
    let mut columns = Vec::new();
    let mut fills = Vec::new();
    for attribute in attributes {
        let aligned = counts_as_aligned(attribute, data.settings.no_question);
        let value = |score: &Score| match score {
            // What the label says of such an image, in yes-probability: it is aligned.
            Score::NoQuestion if aligned => Some(1.0),
            score => score.known(),
        };
        let column: Vec<Option<f64>> =
            attribute_scores(run.experiment, attribute, source, data.images)?.iter().map(value).collect();
        let training: Vec<Option<f64>> = run.training_rows.iter().map(|&row| column[row]).collect();
        let Some(fill) = mean(&training) else {
            return Ok(Err(NoModel::NoScores { attribute: attribute.clone() }));
        };
        fills.push(fill);
        columns.push(column);
    }
    let features = |rows: &[usize]| -> Vec<f64> {
        let of_row = |&row: &usize| columns.iter().zip(&fills).map(move |(column, fill)| column[row].unwrap_or(*fill));
        rows.iter().flat_map(of_row).collect()
    };
    let Some(aggregator) = Aggregator::fit(&features(&run.training_rows), target, data.settings.aggregator_c) else {
        unreachable!("both classes were seen")
    };
    let any_score = |&row: &usize| columns.iter().any(|column| column[row].is_some());
    let rows: Vec<usize> = (0..data.images.len()).filter(any_score).collect();
    let rewards = aggregator.predict(&features(&rows));
    Ok(Ok(RewardModel { network: None, aggregator: Some(aggregator), fills, rows, concepts: Vec::new(), rewards }))
}
