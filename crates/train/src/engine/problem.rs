//! What one network is to learn: its rows, labels, loss and start.

use std::sync::Arc;

use crate::engine::Matrix;
use crate::error::TrainError;

/// One network to be trained. `Mlp` holds what all networks of a sweep have in common.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The embeddings, which problems share.
    pub inputs: Arc<Matrix>,
    /// What it learns from.
    pub training: Examples,
    /// What early stopping looks at; without examples, or without any label in them, training runs all its epochs.
    /// Not looked at unless the settings ask for early stopping.
    pub held_out: Option<Examples>,
    /// Logits of an image. At least 1.
    pub n_heads: usize,
    /// The loss.
    pub objective: Objective,
    /// Width of each hidden layer; empty is a linear probe.
    pub hidden: Vec<usize>,
    /// Decides the initial weights and the order of the examples in every epoch.
    pub seed: u32,
}

/// Labelled images, or labelled pairs of images.
#[derive(Debug, Clone)]
pub struct Examples {
    /// One row of `inputs` an example.
    pub rows: Arc<Vec<u32>>,
    /// [`Objective::Pairwise`] alone: the row that it is compared with, one an example.
    pub others: Option<Arc<Vec<u32>>>,
    /// Labels of the heads, `[n, n_heads]`. Pairwise: 1 if the image of `rows` is the better one, 0 if that of
    /// `others` is, 0.5 for a tie.
    pub labels: Targets,
    /// [`Objective::Joint`] alone: labels of the target, `[n, 1]`.
    pub target: Option<Targets>,
}

/// Labels and what each counts, both `[n, columns]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Targets {
    /// Hard labels 0 and 1, or soft ones in `[0, 1]`.
    pub values: Vec<f32>,
    /// 0 for a missing label, which takes no part in the loss; else positive: 1, or the weight of its class.
    pub weights: Vec<f32>,
}

/// The loss of one batch. Every mean is Σ weight · loss / (number of labels with a weight above 0), which is
/// PyTorch's `BCEWithLogitsLoss(weight=…)` over the labels that are there. Weights that average 1 keep its scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// Binary cross-entropy of each head's logit.
    Pointwise,
    /// Bradley–Terry: binary cross-entropy of the difference of two images' logits, head by head. The heads' bias
    /// cancels; it stays as it starts.
    Pairwise,
    /// A concept bottleneck trained in one (Koh et al. 2020, "joint"): cross-entropy of the target's logit
    /// `bias + Σ weight · sigmoid(head)`, plus `lambda` times the [`Pointwise`](Self::Pointwise) loss of the heads.
    Joint {
        /// What the concepts count beside the target; at least 0.
        lambda: f32,
    },
}

impl Targets {
    /// Yes-no labels, missing ones without weight.
    pub fn hard(labels: impl IntoIterator<Item = Option<bool>>) -> Self {
        Self::soft(labels.into_iter().map(|label| label.map(|yes| if yes { 1.0 } else { 0.0 })))
    }

    /// Scores in `[0, 1]`, missing ones without weight.
    pub fn soft(labels: impl IntoIterator<Item = Option<f32>>) -> Self {
        let cell = |label: Option<f32>| (label.unwrap_or(0.0), label.map_or(0.0, |_| 1.0));
        let (values, weights) = labels.into_iter().map(cell).unzip();
        Self { values, weights }
    }

    /// Weights each label by its class, so that in every column yes and no count alike: n / (2 · n of the class), as
    /// scikit-learn's `balanced`. A soft label y counts as y of a yes and 1 − y of a no. A column of one class keeps
    /// its weights.
    #[must_use]
    pub fn balanced(mut self, n_columns: usize) -> Self {
        for column in 0..n_columns {
            let cells: Vec<usize> =
                (column..self.values.len()).step_by(n_columns).filter(|&at| self.weights[at] > 0.0).collect();
            let n_yes: f64 = cells.iter().map(|&at| f64::from(self.values[at])).sum();
            let n_no = cells.len() as f64 - n_yes;
            if n_yes <= 0.0 || n_no <= 0.0 {
                continue;
            }
            let half = cells.len() as f64 / 2.0;
            for at in cells {
                let y = f64::from(self.values[at]);
                self.weights[at] = (y * half / n_yes + (1.0 - y) * half / n_no) as f32;
            }
        }
        self
    }

    /// How many labels there are in the rows `[row · n_columns, (row + 1) · n_columns)`.
    pub fn n_labels(&self, row: usize, n_columns: usize) -> usize {
        self.weights[row * n_columns..][..n_columns].iter().filter(|&&weight| weight > 0.0).count()
    }
}

impl Examples {
    /// How many there are.
    pub fn n(&self) -> usize {
        self.rows.len()
    }

    /// The rows that it reads, those of `rows` first.
    pub fn all_rows(&self) -> impl Iterator<Item = u32> {
        self.rows.iter().chain(self.others.iter().flat_map(|others| others.iter())).copied()
    }

    fn problem(&self, of: &Problem) -> Option<String> {
        let n = self.n();
        let is_pairwise = of.objective == Objective::Pairwise;
        let is_joint = matches!(of.objective, Objective::Joint { .. });
        if self.others.is_some() != is_pairwise || self.target.is_some() != is_joint {
            return Some(format!("its examples are not of the form that {:?} takes", of.objective));
        }
        if self.others.as_ref().is_some_and(|others| others.len() != n) {
            return Some("a pair lacks one of its images".to_owned());
        }
        if let Some(row) = self.all_rows().find(|&row| row as usize >= of.inputs.n_rows()) {
            return Some(format!("row {row} is not among the {} embeddings", of.inputs.n_rows()));
        }
        if let Some(row) = self.all_rows().find(|&row| of.inputs.row(row).iter().any(|x| !x.is_finite())) {
            return Some(format!("the embedding in row {row} is not finite; embed that image again or leave it out"));
        }
        for (targets, columns) in [(Some(&self.labels), of.n_heads), (self.target.as_ref(), 1)] {
            let Some(Targets { values, weights }) = targets else { continue };
            if values.len() != n * columns || weights.len() != n * columns {
                return Some(format!("{n} examples of {columns} labels have {} and {}", values.len(), weights.len()));
            }
            let is_label = |(value, weight): (&f32, &f32)| {
                weight.is_finite() && *weight >= 0.0 && (*weight == 0.0 || (0.0..=1.0).contains(value))
            };
            if let Some(at) = values.iter().zip(weights).position(|cell| !is_label(cell)) {
                let (value, weight) = (values[at], weights[at]);
                return Some(format!("label {} of example {} is {value}, weight {weight}", at % columns, at / columns));
            }
        }
        None
    }

    fn digest(&self, inputs: &Matrix, hasher: &mut blake3::Hasher) {
        hasher.update(format!("{} {}\n", self.n(), self.others.is_some()).as_bytes());
        for row in self.all_rows() {
            hasher.update(inputs.row_digest(row));
        }
        for targets in [Some(&self.labels), self.target.as_ref()].into_iter().flatten() {
            // A missing label is the same whatever stands in its place.
            let known = targets.values.iter().zip(&targets.weights);
            let bytes = known.flat_map(|(value, weight)| [if *weight > 0.0 { *value } else { 0.0 }, *weight]);
            hasher.update(&bytes.flat_map(f32::to_le_bytes).collect::<Vec<u8>>());
        }
    }
}

impl Problem {
    /// Says which problem it is, down to the last bit.
    pub fn digest(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        let Self { n_heads, objective, hidden, seed, .. } = self;
        let dim = self.inputs.n_columns();
        hasher.update(format!("{dim} {n_heads} {objective:?} {hidden:?} {seed}\n").as_bytes());
        self.training.digest(&self.inputs, &mut hasher);
        if let Some(held_out) = &self.held_out {
            hasher.update(b"held out\n");
            held_out.digest(&self.inputs, &mut hasher);
        }
        hasher.finalize()
    }

    /// How many of its training examples have a label.
    pub(crate) fn n_labelled(&self) -> usize {
        (0..self.training.n()).filter(|&row| self.training.labels.n_labels(row, self.n_heads) > 0).count()
    }

    /// Multiplications of one epoch's way forward: what it costs beside others.
    pub(crate) fn n_multiplications(&self) -> u64 {
        let widths = [&[self.inputs.n_columns()], &self.hidden[..], &[self.n_heads]].concat();
        let of_a_row: u64 = widths.windows(2).map(|width| width[0] as u64 * width[1] as u64).sum();
        of_a_row * self.training.all_rows().count() as u64
    }

    /// # Errors
    /// [`TrainError::Problem`] for embeddings that are not finite, labels outside `[0, 1]`, weights that are negative
    /// or not finite, shapes that do not fit. `at` is its place in the list.
    pub fn check(&self, at: usize) -> Result<(), TrainError> {
        let sizes = [&[self.inputs.n_columns(), self.n_heads], &self.hidden[..]].concat();
        let problem = match self.objective {
            _ if sizes.contains(&0) => Some(format!("a layer has no width: {sizes:?}")),
            Objective::Joint { lambda } if !(lambda.is_finite() && lambda >= 0.0) => {
                Some(format!("lambda is {lambda}"))
            }
            _ => {
                [Some(&self.training), self.held_out.as_ref()].into_iter().flatten().find_map(|part| part.problem(self))
            }
        };
        problem.map_or(Ok(()), |problem| Err(TrainError::Problem { at, problem }))
    }
}
