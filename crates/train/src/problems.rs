//! Runs become problems of the sweep: which labels of which pairs stage 1 of each learns.
//!
//! Runs that need the same network share it: a run and its twin whose stage 2 alone is fitted otherwise are one problem.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tables::Split;

use crate::embedded::Embedded;
use crate::engine::{Examples, Objective, Problem, Targets};
use crate::error::TrainError;
use crate::folds::folds;
use crate::images::Images;
use crate::label::{Degenerate, ExperimentLabels, Labels};
use crate::no_model::NoModel;
use crate::pairs::pairs_of_one_prompt;
use crate::plan::PlannedRun;
use crate::settings::{Bottleneck, ClassWeights, Feedback, Inputs, LabelKind, Loss, Missing, Settings, Stage2On};

/// What one run is fitted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// Its training pairs, less those that `missing: drop_row` drops; rows of [`Images`], ascending.
    pub rows: Vec<usize>,
    /// The attributes whose labels in these rows are all the same.
    pub degenerate: Vec<String>,
    /// For a pairwise run, the comparisons that its scoring network learns from.
    pub n_comparisons: Option<usize>,
    /// Its networks; none for a model that reads scores.
    pub stage1: Result<Option<Stage1>, NoModel>,
}

/// The networks of one run, as places in [`Problems::list`].
#[derive(Debug, Clone, PartialEq)]
pub struct Stage1 {
    /// The one that scores.
    pub problem: usize,
    /// Those that stage 2 is fitted on, if out of fold.
    pub folds: Vec<Fold>,
}

/// A network that did not see some of the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    /// These.
    pub held_out: Vec<usize>,
    /// The network.
    pub problem: usize,
}

/// All problems of a sweep.
pub struct Problems<'a> {
    settings: &'a Settings,
    images: &'a Images,
    /// What the networks read.
    pub embedded: BTreeMap<Inputs, Embedded>,
    /// Each once.
    pub list: Vec<Problem>,
    place_of: HashMap<blake3::Hash, usize>,
}

impl<'a> Problems<'a> {
    /// None yet.
    ///
    /// # Errors
    /// [`TrainError::Setting`] if the embeddings differ in length.
    pub fn new(settings: &'a Settings, images: &'a Images) -> Result<Self, TrainError> {
        let mut embedded = BTreeMap::new();
        for experiment in settings.experiments.values() {
            for arm in experiment.arms.values() {
                let inputs = experiment.inputs_of(arm);
                if inputs != Inputs::Scores && !embedded.contains_key(&inputs) {
                    let problem = "the table `embeddings` has vectors of several lengths; run `embed` again";
                    let of_inputs =
                        Embedded::new(images, inputs).ok_or_else(|| TrainError::setting("inputs", problem))?;
                    embedded.insert(inputs, of_inputs);
                }
            }
        }
        Ok(Self { settings, images, embedded, list: Vec::new(), place_of: HashMap::new() })
    }

    /// Adds what a run needs.
    pub fn prepare(&mut self, run: &PlannedRun, labels: &ExperimentLabels) -> Prepared {
        let heads = heads(run.feedback, labels);
        let is_whole = |row: &usize| heads.iter().all(|(_, head)| head.labels[*row].is_some());
        let drops = self.settings.missing == Missing::DropRow;
        let rows: Vec<usize> = run.training_rows.iter().copied().filter(|row| !drops || is_whole(row)).collect();
        let mut degenerate = Vec::new();
        let stage1 = match self.reason(run, labels, &rows) {
            Some(reason) => Err(reason),
            None => {
                let of_one_class =
                    |labels: &Labels| matches!(labels.degenerate(rows.iter().copied()), Some(Degenerate::OneClass(_)));
                let attributes = run.feedback.attributes().iter();
                degenerate.extend(attributes.filter(|name| of_one_class(&labels.attributes[*name])).cloned());
                self.stage1(run, labels, &rows)
            }
        };
        let n_comparisons = match &stage1 {
            Ok(Some(stage1)) if run.variant.loss == Loss::Pairwise => Some(self.list[stage1.problem].n_labelled()),
            _ => None,
        };
        Prepared { rows, degenerate, n_comparisons, stage1 }
    }

    /// Why no model can be made of these rows, if so.
    fn reason(&self, run: &PlannedRun, labels: &ExperimentLabels, rows: &[usize]) -> Option<NoModel> {
        if rows.is_empty() {
            let n_dropped = run.training_rows.len();
            return Some(if n_dropped > 0 { NoModel::AllDropped { n_dropped } } else { NoModel::NoPairs });
        }
        if let Some(Degenerate::OneClass(good)) = labels.target.degenerate(rows.iter().copied()) {
            return Some(NoModel::OneClass { n_train: rows.len(), good });
        }
        if run.variant.inputs == Inputs::Scores {
            return None;
        }
        let unlabelled = |head: &Labels| rows.iter().all(|&row| head.labels[row].is_none());
        let heads = heads(run.feedback, labels);
        let (name, _) = heads.into_iter().find(|(_, head)| unlabelled(head))?;
        Some(NoModel::NoLabels { attribute: name.to_owned() })
    }

    fn stage1(
        &mut self,
        run: &PlannedRun,
        labels: &ExperimentLabels,
        rows: &[usize],
    ) -> Result<Option<Stage1>, NoModel> {
        if run.variant.inputs == Inputs::Scores {
            return Ok(None);
        }
        let problem = self.problem(run, labels, rows)?;
        let problem = self.add(problem);
        let mut parts = Vec::new();
        if run.variant.stage2_on == Some(Stage2On::OutOfFold) {
            let n_folds = self.settings.folds.unwrap_or(2);
            let held_out = folds(rows, &self.images.prompts, n_folds, run.seed).ok_or(NoModel::OnePrompt)?;
            for held_out in held_out {
                let others: Vec<usize> =
                    rows.iter().copied().filter(|row| held_out.binary_search(row).is_err()).collect();
                let problem = self.problem(run, labels, &others)?;
                parts.push(Fold { held_out, problem: self.add(problem) });
            }
        }
        Ok(Some(Stage1 { problem, folds: parts }))
    }

    /// A problem that is there already is not added again.
    fn add(&mut self, problem: Problem) -> usize {
        let next = self.list.len();
        let place = *self.place_of.entry(problem.digest()).or_insert(next);
        if place == next {
            self.list.push(problem);
        }
        place
    }

    fn problem(&self, run: &PlannedRun, labels: &ExperimentLabels, rows: &[usize]) -> Result<Problem, NoModel> {
        let variant = &run.variant;
        let training = self.examples(run, labels, rows);
        if let (Loss::Pairwise, Some(name)) = (variant.loss, uninformed(&training, &heads(run.feedback, labels))) {
            return Err(NoModel::NoComparisons { label: name.to_owned(), n_pairs: training.n() });
        }
        // A head that the validation split says nothing of leaves early stopping to the others.
        let held_out = self.settings.mlp.early_stopping.map(|_| {
            let rows = validation_rows(labels, self.images, &self.embedded[&variant.inputs]);
            self.examples(run, labels, &rows)
        });
        let objective = match (variant.loss, variant.bottleneck) {
            (Loss::Pairwise, _) => Objective::Pairwise,
            (Loss::Pointwise, Some(Bottleneck::Joint { lambda })) => Objective::Joint { lambda: lambda as f32 },
            (Loss::Pointwise, _) => Objective::Pointwise,
        };
        Ok(Problem {
            inputs: self.embedded[&variant.inputs].matrix.clone(),
            training,
            held_out,
            n_heads: heads(run.feedback, labels).len(),
            objective,
            hidden: variant.hidden.to_vec(),
            seed: run.seed,
        })
    }

    fn examples(&self, run: &PlannedRun, labels: &ExperimentLabels, rows: &[usize]) -> Examples {
        let heads = heads(run.feedback, labels);
        let variant = &run.variant;
        if variant.loss == Loss::Pairwise {
            return self.comparisons(&heads, variant.labels, variant.inputs, rows);
        }
        let weighted = |targets: Targets, n_columns: usize| match variant.class_weights {
            ClassWeights::None => targets,
            ClassWeights::Balanced => targets.balanced(n_columns),
        };
        let cells = rows.iter().flat_map(|&row| heads.iter().map(move |(_, head)| learnt(head, row, variant.labels)));
        let of_heads = weighted(Targets::soft(cells), heads.len());
        let target = matches!(variant.bottleneck, Some(Bottleneck::Joint { .. }))
            .then(|| weighted(Targets::soft(rows.iter().map(|&row| learnt(&labels.target, row, variant.labels))), 1));
        Examples { rows: self.positions(variant.inputs, rows), others: None, labels: of_heads, target }
    }

    fn comparisons(&self, heads: &[(&str, &Labels)], kind: LabelKind, inputs: Inputs, rows: &[usize]) -> Examples {
        let per_image = self.settings.comparisons_per_image.unwrap_or(1);
        let pairs = pairs_of_one_prompt(rows, &self.images.prompts, per_image);
        let cells = pairs.iter().flat_map(|&(a, b)| heads.iter().map(move |(_, head)| compared(head, a, b, kind)));
        let labels = Targets::soft(cells);
        let (first, second): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
        let (rows, others) = (self.positions(inputs, &first), self.positions(inputs, &second));
        Examples { rows, others: Some(others), labels, target: None }
    }

    fn positions(&self, inputs: Inputs, rows: &[usize]) -> Arc<Vec<u32>> {
        Arc::new(self.embedded[&inputs].positions(rows))
    }
}

/// The first head of which no pair of images says anything: where both have equally much, or a label is missing.
fn uninformed<'a>(pairs: &Examples, heads: &[(&'a str, &Labels)]) -> Option<&'a str> {
    let Targets { values, weights } = &pairs.labels;
    let informs = |at: usize| weights[at] > 0.0 && values[at] != 0.5;
    let silent = |head: &usize| !(*head..values.len()).step_by(heads.len()).any(informs);
    (0..heads.len()).find(silent).map(|head| heads[head].0)
}

/// The columns that stage 1 has a head for, by name.
pub fn heads<'a>(feedback: &'a Feedback, labels: &'a ExperimentLabels) -> Vec<(&'a str, &'a Labels)> {
    match feedback {
        Feedback::Coarse => vec![("target", &labels.target)],
        Feedback::Fine(attributes) => attributes.iter().map(|name| (name.as_str(), &labels.attributes[name])).collect(),
    }
}

/// The rows of the validation split that have a target label and what a network reads.
pub fn validation_rows(labels: &ExperimentLabels, images: &Images, embedded: &Embedded) -> Vec<usize> {
    let usable = |&row: &usize| images.splits[row] == Split::Validation && labels.target.labels[row].is_some();
    embedded.rows.iter().copied().filter(usable).collect()
}

/// What stage 1 is to say of one image.
fn learnt(head: &Labels, row: usize, kind: LabelKind) -> Option<f32> {
    match kind {
        LabelKind::Hard => head.labels[row].map(|label| if label { 1.0 } else { 0.0 }),
        LabelKind::Soft => head.soft[row].map(|soft| soft as f32),
    }
}

/// What stage 1 is to say of image `a` against `b`: 1 if it has more, ½ for a tie.
fn compared(head: &Labels, a: usize, b: usize, kind: LabelKind) -> Option<f32> {
    let difference = head.soft[a]? - head.soft[b]?;
    Some(match kind {
        LabelKind::Soft => (0.5 + difference / 2.0) as f32,
        LabelKind::Hard if difference > 0.0 => 1.0,
        LabelKind::Hard if difference < 0.0 => 0.0,
        LabelKind::Hard => 0.5,
    })
}
