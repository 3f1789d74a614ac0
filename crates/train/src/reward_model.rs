//! One reward model: its trained network, stage 2 on what that says, and the reward of every image.

use std::time::Instant;

use tables::Split;
use tch::Device;

use crate::aggregator::Aggregator;
use crate::concept_predictor::predict_rows;
use crate::embedded::Embedded;
use crate::engine::Trained;
use crate::error::TrainError;
use crate::images::{Images, Score, mean};
use crate::kept::KeptNetworks;
use crate::label::{ExperimentLabels, Labels, attribute_scores, counts_as_aligned, number};
use crate::network::Network;
use crate::no_model::NoModel;
use crate::plan::PlannedRun;
use crate::problems::{Prepared, Problems, Stage1, validation_rows};
use crate::settings::{Bottleneck, Feedback, LabelKind, Settings, Stage2On};

/// All that models are fitted from.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// How.
    pub settings: &'a Settings,
    /// From what.
    pub images: &'a Images,
    /// Where.
    pub device: Device,
    /// Every network of the sweep, trained.
    pub kept: &'a KeptNetworks,
    /// The problems that they solve.
    pub problems: &'a Problems<'a>,
    /// Under which keys they are kept, in the order of the problems.
    pub keys: &'a [String],
}

/// What became of a planned run.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The model, or why there is none.
    pub model: Result<RewardModel, NoModel>,
    /// Pairs that it was fitted on.
    pub n_used: usize,
    /// Images of the validation split whose target labels its stage 2 was fitted on.
    pub n_validation: usize,
    /// For a pairwise run, the comparisons that its stage 1 learnt from.
    pub n_comparisons: Option<usize>,
    /// The attributes whose labels in these pairs are all the same.
    pub degenerate: Vec<String>,
    /// How long the fit took.
    pub seconds: f64,
}

/// A trained model and what it says of the images.
#[derive(Debug, Clone, PartialEq)]
pub struct RewardModel {
    /// Stage 1; none if it reads attribute scores.
    pub network: Option<Network>,
    /// Epochs that stage 1 was trained for.
    pub epochs_run: Option<usize>,
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

type Made = Result<RewardModel, NoModel>;

/// Fits one run, whose networks are trained.
///
/// # Errors
/// [`TrainError`] if LibTorch or the disk fails; data never is an error.
pub fn fit(run: &PlannedRun, prepared: &Prepared, labels: &ExperimentLabels, data: Data) -> Result<Fitted, TrainError> {
    let start = Instant::now();
    let (model, training_seconds) = match &prepared.stage1 {
        Err(reason) => (Err(reason.clone()), 0.0),
        Ok(None) => (fit_to_scores(run, &prepared.rows, labels, data)?, 0.0),
        Ok(Some(stage1)) => fit_to_embeddings(run, stage1, &prepared.rows, labels, data)?,
    };
    let seconds = training_seconds + start.elapsed().as_secs_f64();
    let n_validation = match prepared.stage1 {
        Ok(Some(_)) if run.variant.is_fitted_on(Split::Validation) => {
            validation_rows(labels, data.images, &data.problems.embedded[&run.variant.inputs]).len()
        }
        _ => 0,
    };
    let Prepared { rows, degenerate, n_comparisons, .. } = prepared.clone();
    Ok(Fitted { model, n_used: rows.len(), n_validation, n_comparisons, degenerate, seconds })
}

/// Also gives the seconds that its networks took to train.
fn fit_to_embeddings(
    run: &PlannedRun,
    stage1: &Stage1,
    rows: &[usize],
    labels: &ExperimentLabels,
    data: Data,
) -> Result<(Made, f64), TrainError> {
    let embedded = &data.problems.embedded[&run.variant.inputs];
    let trained = trained(run, stage1.problem, data)?;
    let mut seconds = trained.seconds;
    let p = says_of(&trained.network, embedded, &embedded.rows, run, data)?;
    if !trained.is_finite() || p.iter().any(|p| !p.is_finite()) {
        return Ok((Err(NoModel::NotFinite), seconds));
    }
    let n_attributes = run.feedback.attributes().len();
    let of_rows = |p: &[f64], rows: &[usize]| -> Vec<f64> {
        let positions = embedded.positions(rows).into_iter();
        positions.flat_map(|at| p[at as usize * n_attributes..][..n_attributes].to_vec()).collect()
    };
    let fit_stage2 = |features: &[f64], rows: &[usize]| {
        Aggregator::fit(features, &target_of(labels, rows), data.settings.aggregator_c)
    };
    let aggregator = match (run.feedback, run.variant.bottleneck) {
        (Feedback::Coarse, _) => Ok(None),
        (_, Some(Bottleneck::Joint { .. })) => Ok(trained.aggregator.as_ref().map(|layer| Aggregator {
            weights: layer.weight.iter().map(|&weight| f64::from(weight)).collect(),
            intercept: layer.bias.first().map_or(0.0, |&bias| f64::from(bias)),
        })),
        (_, Some(Bottleneck::Independent)) => Ok(fit_stage2(&true_concepts(run, labels, rows), rows)),
        _ => match run.variant.stage2_on {
            Some(Stage2On::Validation) => {
                let rows = validation_rows(labels, data.images, embedded);
                fit_stage2(&of_rows(&p, &rows), &rows).map(Some).ok_or_else(|| {
                    let n_good = target_of(labels, &rows).into_iter().filter(|&good| good).count();
                    NoModel::Validation { n_good, n_bad: rows.len() - n_good }
                })
            }
            Some(Stage2On::OutOfFold) => {
                let (mut features, mut held_out) = (Vec::new(), Vec::new());
                for fold in &stage1.folds {
                    let of_fold = self::trained(run, fold.problem, data)?;
                    seconds += of_fold.seconds;
                    if !of_fold.is_finite() {
                        return Ok((Err(NoModel::NotFinite), seconds));
                    }
                    features.extend(says_of(&of_fold.network, embedded, &fold.held_out, run, data)?);
                    held_out.extend(&fold.held_out);
                }
                Ok(fit_stage2(&features, &held_out))
            }
            // Stage 2 sees stage 1's outputs on the very pairs that stage 1 was trained on.
            Some(Stage2On::InSample) | None => Ok(fit_stage2(&of_rows(&p, rows), rows)),
        },
    };
    let made = aggregator.map(|aggregator| {
        let rewards = aggregator.as_ref().map_or_else(|| p.clone(), |aggregator| aggregator.predict(&p));
        RewardModel {
            epochs_run: Some(trained.epochs_run),
            network: Some(trained.network),
            concepts: if aggregator.is_some() { p } else { Vec::new() },
            aggregator,
            fills: Vec::new(),
            rows: embedded.rows.clone(),
            rewards,
        }
    });
    Ok((made, seconds))
}

fn trained(run: &PlannedRun, problem: usize, data: Data) -> Result<Trained, TrainError> {
    let key = &data.keys[problem];
    data.kept.get(key)?.ok_or_else(|| TrainError::Vanished { run_id: run.run_id.clone(), key: key.clone() })
}

fn says_of(
    network: &Network,
    embedded: &Embedded,
    rows: &[usize],
    run: &PlannedRun,
    data: Data,
) -> Result<Vec<f64>, TrainError> {
    let positions = embedded.positions(rows);
    predict_rows(network, &embedded.matrix, &positions, data.device)
        .map_err(|source| TrainError::Torch { run_id: run.run_id.clone(), source })
}

/// The target labels of rows that all have one.
fn target_of(labels: &ExperimentLabels, rows: &[usize]) -> Vec<bool> {
    rows.iter().filter_map(|&row| labels.target.labels[row]).collect()
}

/// What stage 1 would say if it were right, for stage 2 and for interventions.
pub fn true_concept(labels: &Labels, row: usize, kind: LabelKind) -> Option<f64> {
    match kind {
        LabelKind::Hard => labels.labels[row].map(number),
        LabelKind::Soft => labels.soft[row],
    }
}

/// The attributes' labels, `[rows, attributes]`; a missing one counts as the mean of its attribute, which moves the
/// reward neither way.
fn true_concepts(run: &PlannedRun, labels: &ExperimentLabels, rows: &[usize]) -> Vec<f64> {
    let columns: Vec<(Vec<Option<f64>>, f64)> = run
        .feedback
        .attributes()
        .iter()
        .map(|name| {
            let of_row = |&row: &usize| true_concept(&labels.attributes[name], row, run.variant.labels);
            let column: Vec<Option<f64>> = rows.iter().map(of_row).collect();
            let fill = mean(&column).unwrap_or(0.5);
            (column, fill)
        })
        .collect();
    (0..rows.len()).flat_map(|at| columns.iter().map(move |(column, fill)| column[at].unwrap_or(*fill))).collect()
}

/// Stage 2 alone, on the scores as they are, or on the labels made of them. A missing one counts as the training pairs'
/// mean of its attribute, which moves the reward neither way; an image without any score gets no reward.
fn fit_to_scores(
    run: &PlannedRun,
    training_rows: &[usize],
    labels: &ExperimentLabels,
    data: Data,
) -> Result<Made, TrainError> {
    let source = data.settings.experiments[run.experiment].source;
    let mut columns = Vec::new();
    let mut fills = Vec::new();
    for attribute in run.feedback.attributes() {
        let aligned = counts_as_aligned(attribute, data.settings.no_question);
        // A yes and a no on the scores' own scale.
        let (no, yes) = labels.attributes[attribute].soft_range.unwrap_or((0.0, 1.0));
        let missing = data.settings.missing.label().map(|label| if label { yes } else { no });
        let value = |score: &Score| match score {
            Score::NoQuestion if aligned => Some(yes),
            score => score.known().or(missing),
        };
        let column: Vec<Option<f64>> = match run.variant.labels {
            LabelKind::Soft => {
                attribute_scores(run.experiment, attribute, source, data.images)?.iter().map(value).collect()
            }
            LabelKind::Hard => labels.attributes[attribute].labels.iter().map(|label| label.map(number)).collect(),
        };
        let training: Vec<Option<f64>> = training_rows.iter().map(|&row| column[row]).collect();
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
    let target = target_of(labels, training_rows);
    let Some(aggregator) = Aggregator::fit(&features(training_rows), &target, data.settings.aggregator_c) else {
        unreachable!("both classes were seen")
    };
    let any_score = |&row: &usize| columns.iter().any(|column| column[row].is_some());
    let rows: Vec<usize> = (0..data.images.len()).filter(any_score).collect();
    let rewards = aggregator.predict(&features(&rows));
    let (network, epochs_run, concepts) = (None, None, Vec::new());
    Ok(Ok(RewardModel { network, epochs_run, aggregator: Some(aggregator), fills, rows, concepts, rewards }))
}
