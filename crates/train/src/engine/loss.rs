//! The losses of a batch and how they change with the logits, by hand.

use sweep_kernels::{Activations, Adam, Moments, round_to_bf16};

use crate::engine::{Examples, Objective, Targets};
use crate::network::Linear;

/// Labels with the number of labels of each row.
struct Counted<'a> {
    targets: &'a Targets,
    n_columns: usize,
    n_labels: Vec<u32>,
}

impl<'a> Counted<'a> {
    fn new(targets: &'a Targets, n: usize, n_columns: usize) -> Self {
        let n_labels = (0..n).map(|row| targets.n_labels(row, n_columns) as u32).collect();
        Self { targets, n_columns, n_labels }
    }

    fn n_labels(&self, batch: &[u32]) -> u32 {
        batch.iter().map(|&row| self.n_labels[row as usize]).sum()
    }

    /// Value and weight.
    fn label(&self, row: u32, column: usize) -> (f32, f32) {
        let at = row as usize * self.n_columns + column;
        (self.targets.values[at], self.targets.weights[at])
    }
}

/// Examples, ready to be asked for the loss of any batch of them.
pub struct Losses<'a> {
    labels: Counted<'a>,
    target: Option<Counted<'a>>,
    objective: Objective,
    n_heads: usize,
}

impl<'a> Losses<'a> {
    /// Of these examples.
    pub fn new(examples: &'a Examples, objective: Objective, n_heads: usize) -> Self {
        Self {
            labels: Counted::new(&examples.labels, examples.n(), n_heads),
            target: examples.target.as_ref().map(|target| Counted::new(target, examples.n(), 1)),
            objective,
            n_heads,
        }
    }

    /// Whether a batch has any label; a step on one without would only move weights by what is left of older ones.
    pub fn any_label(&self, batch: &[u32]) -> bool {
        self.labels.n_labels(batch) > 0 || self.target.as_ref().is_some_and(|target| target.n_labels(batch) > 0)
    }

    /// How the batch's loss changes with each logit, into `delta`. Pairwise, the logits of `rows` come first, then
    /// those of `others`. Joint, the aggregator is moved, too.
    pub fn delta(
        &self,
        batch: &[u32],
        logits: &Activations,
        aggregator: Option<&mut Aggregator>,
        adam: &Adam,
        bf16: bool,
        delta: &mut Activations,
    ) {
        let n_labels = self.labels.n_labels(batch).max(1) as f32;
        let keep = |x: f32| if bf16 { round_to_bf16(x) } else { x };
        match (self.objective, aggregator, &self.target) {
            (Objective::Joint { lambda }, Some(aggregator), Some(target)) => {
                let n_targets = target.n_labels(batch).max(1) as f32;
                aggregator.gradient.fill(0.0);
                for (at, &row) in batch.iter().enumerate() {
                    let (y, weight) = target.label(row, 0);
                    let of_target = weight * (sigmoid(aggregator.logit(logits.row(at))) - y) / n_targets;
                    for (head, &z) in logits.row(at).iter().enumerate() {
                        let s = sigmoid(z);
                        let (y, weight) = self.labels.label(row, head);
                        let through = of_target * aggregator.parameters[head] * s * (1.0 - s);
                        aggregator.gradient[head] += of_target * s;
                        delta.row_mut(at)[head] = keep(through + lambda * weight * (s - y) / n_labels);
                    }
                    aggregator.gradient[self.n_heads] += of_target;
                }
                let Aggregator { parameters, moments, gradient } = aggregator;
                moments.step(adam, gradient, parameters);
            }
            (Objective::Pairwise, ..) => {
                for (at, &row) in batch.iter().enumerate() {
                    for head in 0..self.n_heads {
                        let z = logits.row(at)[head] - logits.row(batch.len() + at)[head];
                        let (y, weight) = self.labels.label(row, head);
                        let d = keep(weight * (sigmoid(z) - y) / n_labels);
                        delta.row_mut(at)[head] = d;
                        delta.row_mut(batch.len() + at)[head] = -d;
                    }
                }
            }
            _ => {
                for (at, &row) in batch.iter().enumerate() {
                    for (head, (delta, z)) in delta.row_mut(at).iter_mut().zip(logits.row(at)).enumerate() {
                        let (y, weight) = self.labels.label(row, head);
                        *delta = keep(weight * (sigmoid(*z) - y) / n_labels);
                    }
                }
            }
        }
    }

    /// Adds a batch to the sums of losses.
    pub fn add(&self, batch: &[u32], logits: &Activations, aggregator: Option<&Aggregator>, sums: &mut Sums) {
        for (at, &row) in batch.iter().enumerate() {
            for head in 0..self.n_heads {
                let mut z = logits.row(at)[head];
                if self.objective == Objective::Pairwise {
                    z -= logits.row(batch.len() + at)[head];
                }
                sums.of_heads.add(z, self.labels.label(row, head));
            }
            if let (Some(target), Some(aggregator)) = (&self.target, aggregator) {
                sums.of_target.add(aggregator.logit(logits.row(at)), target.label(row, 0));
            }
        }
    }

    /// The mean loss; none without any label.
    pub fn mean(&self, sums: &Sums) -> Option<f64> {
        let lambda = match self.objective {
            Objective::Joint { lambda } => f64::from(lambda),
            _ => 1.0,
        };
        let of_heads = sums.of_heads.mean().map(|loss| lambda * loss);
        match (of_heads, sums.of_target.mean()) {
            (Some(a), Some(b)) => Some(a + b),
            (one, None) | (None, one) => one,
        }
    }
}

/// Sums of losses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sums {
    of_heads: Sum,
    of_target: Sum,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    loss: f64,
    n: u64,
}

impl Sum {
    fn add(&mut self, logit: f32, (y, weight): (f32, f32)) {
        if weight > 0.0 {
            let z = f64::from(logit);
            // ln(1 + e^z) − y z, without overflow on either side.
            let loss = z.max(0.0) - f64::from(y) * z + (-z.abs()).exp().ln_1p();
            self.loss += f64::from(weight) * loss;
            self.n += 1;
        }
    }

    fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.loss / self.n as f64)
    }
}

/// [`Objective::Joint`]'s second stage while it is trained: the heads' weights, then the bias.
pub struct Aggregator {
    parameters: Vec<f32>,
    moments: Moments,
    gradient: Vec<f32>,
}

impl Aggregator {
    /// With these weights.
    pub fn new(start: &Linear) -> Self {
        let parameters: Vec<f32> = start.weight.iter().chain(&start.bias).copied().collect();
        Self { moments: Moments::zeros(parameters.len()), gradient: vec![0.0; parameters.len()], parameters }
    }

    /// Its weights now.
    pub fn to_linear(&self, like: &Linear) -> Linear {
        let (weight, bias) = self.parameters.split_at(like.n_in);
        Linear { weight: weight.to_vec(), bias: bias.to_vec(), ..like.clone() }
    }

    /// As [`Layer::flush`](sweep_kernels::Layer::flush).
    pub fn flush(&mut self) {
        self.moments.flush();
    }

    fn logit(&self, logits: &[f32]) -> f32 {
        let bias = self.parameters[logits.len()];
        logits.iter().zip(&self.parameters).fold(bias, |sum, (z, weight)| sum + weight * sigmoid(*z))
    }
}

fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}
