//! Training on one CPU core, by kernels of our own: no autograd, and a gradient of one small block at a time.
//!
//! A step of the paper's network is 285 MFLOP and moves 11 MB of weights and moments, six times what a core's second
//! cache holds. So one network is trained at a time on a core, not several in lockstep: its weights stay nearer. The
//! first layer reads the embeddings where they lie, and Adam runs on each block of the gradient as soon as it is there.

use std::sync::Arc;
use std::time::Instant;

use sweep_kernels::{Activations, Adam, Layer, RowStore, Rows, Use, round_to_bf16};

use crate::engine::loss::{Aggregator, Losses, Sums};
use crate::engine::start::{Shuffles, Start};
use crate::engine::{Examples, Matrix, Objective, Problem, Trained};
use crate::network::{Linear, Network};
use crate::settings::{Mlp, Precision};

/// Steps between two looks for moments that have become too small.
const FLUSH_EVERY: u64 = 64;

/// Rows that are predicted in one go.
const PREDICTED_AT_ONCE: usize = 128;

/// Trains one problem.
pub fn train(problem: &Problem, mlp: &Mlp, epoch: &dyn Fn(usize)) -> Trained {
    train_from(&Start::of(problem, mlp.init), problem, mlp, false, epoch)
}

/// Trains one problem from given weights; `portable`: without this CPU's vector instructions.
pub fn train_from(start: &Start, problem: &Problem, mlp: &Mlp, portable: bool, epoch: &dyn Fn(usize)) -> Trained {
    let since = Instant::now();
    let store = problem.inputs.store(mlp.precision);
    let mut model = Model::new(start, problem, mlp, portable);
    let losses = Losses::new(&problem.training, problem.objective, problem.n_heads);
    let held_out = mlp.early_stopping.zip(problem.held_out.as_ref());

    let n = problem.training.n();
    let mut shuffles = Shuffles::new(n, problem.seed);
    let (mut epochs_run, mut best, mut best_loss) = (0, None, f64::INFINITY);
    let any_label = (0..n as u32).any(|row| losses.any_label(&[row]));
    for at in 1..=if any_label { mlp.epochs } else { 0 } {
        for batch in shuffles.next_epoch().chunks(mlp.batch_size) {
            if losses.any_label(batch) {
                model.step(batch, &problem.training, store, &losses);
            }
        }
        epochs_run = at;
        epoch(at);
        let Some((stopping, held_out)) = held_out else { continue };
        let Some(loss) = model.loss(held_out, problem, store) else { continue };
        if loss < best_loss {
            (best, best_loss) = (Some((at, model.to_host(start))), loss);
        } else if best.as_ref().is_some_and(|(best, _)| at - best >= stopping.patience) {
            break;
        }
    }
    let (best_epoch, Start { network, aggregator }) = best.unwrap_or_else(|| (epochs_run, model.to_host(start)));
    Trained { network, aggregator, epochs_run, best_epoch, seconds: since.elapsed().as_secs_f64() }
}

/// The logits that a network gives some rows of a matrix, `[rows, n_heads]`, in f32.
pub fn logits(network: &Network, matrix: &Matrix, rows: &[u32]) -> Vec<f32> {
    let store = matrix.store(Precision::F32);
    let layer = |layer: &Linear| Layer::new(&layer.weight, &layer.bias, layer.n_in, layer.n_out, Use::default());
    let layers: Vec<Layer> = network.layers.iter().map(layer).collect();
    let n = PREDICTED_AT_ONCE.min(rows.len());
    let mut outputs: Vec<Activations> = network.layers.iter().map(|layer| Activations::zeros(n, layer.n_out)).collect();
    let mut logits = Vec::with_capacity(rows.len() * network.n_heads());
    for batch in rows.chunks(PREDICTED_AT_ONCE) {
        forward(&layers, &store.rows(batch.iter().copied()), &mut outputs, false);
        if let Some(of_batch) = outputs.last() {
            (0..batch.len()).for_each(|at| logits.extend_from_slice(of_batch.row(at)));
        }
    }
    logits
}

struct Model<'a> {
    layers: Vec<Layer>,
    aggregator: Option<Aggregator>,
    /// What each layer gives for a batch, and how the loss changes with it.
    outputs: Vec<Activations>,
    deltas: Vec<Activations>,
    mlp: &'a Mlp,
    n_steps: u64,
    without_last_bias: bool,
}

impl<'a> Model<'a> {
    fn new(start: &Start, problem: &Problem, mlp: &'a Mlp, portable: bool) -> Self {
        let n_layers = start.network.layers.len();
        let without_last_bias = problem.objective == Objective::Pairwise;
        let layer = |(at, layer): (usize, &Linear)| {
            let how = Use {
                has_layer_before: at > 0,
                without_bias: without_last_bias && at + 1 == n_layers,
                bf16: mlp.precision == Precision::Bf16,
                portable,
            };
            Layer::new(&layer.weight, &layer.bias, layer.n_in, layer.n_out, how)
        };
        let rows_an_example = if without_last_bias { 2 } else { 1 };
        let longest = problem.training.n().max(problem.held_out.as_ref().map_or(0, Examples::n));
        let n = mlp.batch_size.min(longest) * rows_an_example;
        let activations: Vec<Activations> =
            start.network.layers.iter().map(|layer| Activations::zeros(n, layer.n_out)).collect();
        Self {
            layers: start.network.layers.iter().enumerate().map(layer).collect(),
            aggregator: start.aggregator.as_ref().map(Aggregator::new),
            outputs: activations.clone(),
            deltas: activations,
            mlp,
            n_steps: 0,
            without_last_bias,
        }
    }

    /// Gives how many rows the batch has.
    fn forward(&mut self, batch: &[u32], examples: &Examples, store: &RowStore) -> usize {
        let inputs = store.rows(rows_of(batch, examples));
        forward(&self.layers, &inputs, &mut self.outputs, self.mlp.precision == Precision::Bf16);
        inputs.n()
    }

    fn step(&mut self, batch: &[u32], examples: &Examples, store: &RowStore, losses: &Losses) {
        let n = self.forward(batch, examples, store);
        self.n_steps += 1;
        let adam = Adam::at(self.n_steps, self.mlp.learning_rate, self.mlp.weight_decay.unwrap_or(0.0));
        let bf16 = self.mlp.precision == Precision::Bf16;
        let last = self.layers.len() - 1;
        losses.delta(batch, &self.outputs[last], self.aggregator.as_mut(), &adam, bf16, &mut self.deltas[last]);
        for at in (0..=last).rev() {
            let (before, from) = self.deltas.split_at_mut(at);
            let inputs = match before.last_mut() {
                Some(delta) => {
                    let outputs = &self.outputs[at - 1];
                    // Before this layer's weights move.
                    self.layers[at].back(&from[0].rows(n), outputs, delta);
                    if bf16 {
                        round(delta, n);
                    }
                    outputs.rows(n)
                }
                None => store.rows(rows_of(batch, examples)),
            };
            self.layers[at].step(&inputs, &from[0], &adam);
        }
        if self.n_steps.is_multiple_of(FLUSH_EVERY) {
            self.layers.iter_mut().for_each(Layer::flush);
            self.aggregator.iter_mut().for_each(Aggregator::flush);
        }
    }

    fn loss(&mut self, examples: &Examples, problem: &Problem, store: &RowStore) -> Option<f64> {
        let losses = Losses::new(examples, problem.objective, problem.n_heads);
        let mut sums = Sums::default();
        let order: Vec<u32> = (0..examples.n() as u32).collect();
        for batch in order.chunks(self.mlp.batch_size) {
            self.forward(batch, examples, store);
            let logits = self.outputs.last()?;
            losses.add(batch, logits, self.aggregator.as_ref(), &mut sums);
        }
        losses.mean(&sums)
    }

    fn to_host(&self, like: &Start) -> Start {
        let n_layers = self.layers.len();
        let layer = |(at, (layer, like)): (usize, (&Layer, &Linear))| {
            let untouched = self.without_last_bias && at + 1 == n_layers;
            let bias = if untouched { like.bias.clone() } else { layer.bias() };
            Linear { weight: layer.weight(), bias, ..like.clone() }
        };
        let layers = self.layers.iter().zip(&like.network.layers).enumerate().map(layer).collect();
        let aggregator = self.aggregator.as_ref().zip(like.aggregator.as_ref());
        Start {
            network: Network { layers },
            aggregator: aggregator.map(|(aggregator, like)| aggregator.to_linear(like)),
        }
    }
}

/// What each layer gives for some rows, into the first rows of its place.
fn forward(layers: &[Layer], inputs: &Rows, outputs: &mut [Activations], bf16: bool) {
    for (at, layer) in layers.iter().enumerate() {
        let (before, from) = outputs.split_at_mut(at);
        let is_hidden = at + 1 < layers.len();
        match before.last() {
            Some(outputs) => layer.forward(&outputs.rows(inputs.n()), is_hidden, &mut from[0]),
            None => layer.forward(inputs, is_hidden, &mut from[0]),
        }
        if bf16 && is_hidden {
            round(&mut from[0], inputs.n());
        }
    }
}

/// The embeddings of a batch; of pairs, the first images' first.
fn rows_of<'a>(batch: &'a [u32], examples: &'a Examples) -> impl Iterator<Item = u32> + 'a {
    let of = |rows: &'a Arc<Vec<u32>>| batch.iter().map(move |&at| rows[at as usize]);
    of(&examples.rows).chain(examples.others.iter().flat_map(of))
}

fn round(values: &mut Activations, n: usize) {
    (0..n).for_each(|at| values.row_mut(at).iter_mut().for_each(|x| *x = round_to_bf16(*x)));
}
