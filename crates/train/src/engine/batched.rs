//! Many networks of one shape at once, their weights as batched matrices `[runs, out, in]`: for a GPU, which one network
//! alone leaves idle.
//!
//! Each has its own start, order of examples and labels, and its own mean over its labels, so that its neighbours do not
//! matter. Heads are padded to the widest network's, with labels of no weight.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tch::{COptimizer, Device, Kind, Reduction, TchError, Tensor};

use crate::engine::autograd::{matrix, to_host};
use crate::engine::start::{Shuffles, Start};
use crate::engine::{Matrix, Objective, Problem, Targets, Trained};
use crate::network::{Linear, Network};
use crate::settings::Mlp;

/// Networks that are trained at once at most: with moments and gradients about a gigabyte at the paper's size.
const AT_ONCE: usize = 128;

/// Divides some of the problems into those that [`train`] takes at once, in their order; one alone where nothing joins it.
pub fn groups(places: &[usize], problems: &[Problem], mlp: &Mlp) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut open: HashMap<Shape, usize> = HashMap::new();
    for &at in places {
        let shape = shape(&problems[at], mlp);
        let joined = shape.and_then(|shape| open.get(&shape).copied()).filter(|group| groups[*group].len() < AT_ONCE);
        match joined {
            Some(group) => groups[group].push(at),
            None => {
                open.extend(shape.map(|shape| (shape, groups.len())));
                groups.push(vec![at]);
            }
        }
    }
    groups
}

/// What problems must have in common to be trained at once: embeddings, number of examples, widths.
type Shape<'a> = (*const Matrix, usize, &'a [usize]);

/// A problem's shape; none for one that must be trained alone: its loss is not that of single images, or it may end
/// earlier than others, or some of its steps may have no label and are not made.
fn shape<'a>(problem: &'a Problem, mlp: &Mlp) -> Option<Shape<'a>> {
    let n = problem.training.n();
    let is_labelled = n > 0 && problem.n_labelled() == n;
    let joins = problem.objective == Objective::Pointwise && mlp.early_stopping.is_none() && is_labelled;
    joins.then(|| (Arc::as_ptr(&problem.inputs), n, &problem.hidden[..]))
}

/// Trains problems of one shape; `epoch` hears of each epoch once.
pub fn train(
    problems: &[&Problem],
    mlp: &Mlp,
    device: Device,
    epoch: &dyn Fn(usize),
) -> Result<Vec<Trained>, TchError> {
    let since = Instant::now();
    let Some(first) = problems.first() else { return Ok(Vec::new()) };
    let n = first.training.n();
    let starts: Vec<Start> = problems.iter().map(|problem| Start::of(problem, mlp.init)).collect();
    let n_heads = problems.iter().map(|problem| problem.n_heads).max().unwrap_or(1);
    let layers = Layers::new(&starts, n_heads, device)?;
    let mut adam = COptimizer::adamw(mlp.learning_rate, 0.9, 0.999, mlp.weight_decay.unwrap_or(0.0), 1e-8, false)?;
    for parameter in layers.0.iter().flatten() {
        let _ = parameter.f_set_requires_grad(true)?;
        adam.add_parameters(parameter, 0)?;
    }
    let examples = Examples::new(problems, n_heads, device)?;
    let mut shuffles: Vec<Shuffles> = problems.iter().map(|problem| Shuffles::new(n, problem.seed)).collect();
    for at in 1..=mlp.epochs {
        let orders = stack(shuffles.iter_mut().map(|shuffles| {
            let order: Vec<i64> = shuffles.next_epoch().iter().map(|&row| i64::from(row)).collect();
            Tensor::f_from_slice(&order)
        }))?;
        for rows in orders.f_to_device(device)?.f_split(mlp.batch_size as i64, 1)? {
            let loss = examples.loss(&layers, &rows)?;
            adam.zero_grad()?;
            loss.f_backward()?;
            adam.step()?;
        }
        epoch(at);
    }
    let networks = layers.to_host(&starts, n_heads)?;
    let seconds = since.elapsed().as_secs_f64() / problems.len() as f64;
    let trained =
        |network| Trained { network, aggregator: None, epochs_run: mlp.epochs, best_epoch: mlp.epochs, seconds };
    Ok(networks.into_iter().map(trained).collect())
}

/// What all networks learn from: embeddings once, rows, labels and weights of each, `[runs, n]` and `[runs, n, heads]`.
struct Examples {
    inputs: Tensor,
    rows: Tensor,
    values: Tensor,
    weights: Tensor,
}

impl Examples {
    fn new(problems: &[&Problem], n_heads: usize, device: Device) -> Result<Self, TchError> {
        let inputs = &problems[0].inputs;
        let rows = problems.iter().map(|problem| {
            let rows: Vec<i64> = problem.training.rows.iter().map(|&row| i64::from(row)).collect();
            Tensor::f_from_slice(&rows)
        });
        let labels = |part: fn(&Targets) -> &[f32]| {
            let of = |problem: &&Problem| {
                let given = part(&problem.training.labels).chunks(problem.n_heads);
                let padded: Vec<f32> = given.flat_map(|row| padded(row, n_heads)).collect();
                matrix(&padded, problem.training.n(), n_heads, Device::Cpu)
            };
            stack(problems.iter().map(of))?.f_to_device(device)
        };
        Ok(Self {
            inputs: matrix(inputs.values(), inputs.n_rows(), inputs.n_columns(), device)?,
            rows: stack(rows)?.f_to_device(device)?,
            values: labels(|targets| &targets.values)?,
            weights: labels(|targets| &targets.weights)?,
        })
    }

    /// The sum over networks of each one's mean loss on its own batch, `[runs, batch]`.
    fn loss(&self, layers: &Layers, batch: &Tensor) -> Result<Tensor, TchError> {
        let (n_runs, n) = batch.size2()?;
        let rows = self.rows.f_gather(1, batch, false)?.f_reshape([-1])?;
        let inputs = self.inputs.f_index_select(0, &rows)?.f_view([n_runs, n, -1])?;
        let cells = batch.f_unsqueeze(-1)?.f_expand([n_runs, n, self.values.size()[2]], false)?;
        let (values, weights) = (self.values.f_gather(1, &cells, false)?, self.weights.f_gather(1, &cells, false)?);
        let n_labels = weights.f_gt(0.0)?.f_sum_dim_intlist([1i64, 2].as_slice(), true, Kind::Float)?;
        let weights = weights.f_div(&n_labels)?;
        layers.logits(inputs)?.f_binary_cross_entropy_with_logits(&values, Some(weights), None, Reduction::Sum)
    }
}

/// Weights `[runs, out, in]` and biases `[runs, 1, out]`, layer by layer.
struct Layers(Vec<[Tensor; 2]>);

impl Layers {
    fn new(starts: &[Start], n_heads: usize, device: Device) -> Result<Self, TchError> {
        let n_layers = starts.first().map_or(0, |start| start.network.layers.len());
        let layer = |at: usize| {
            let of = |start: &Start| -> Result<[Tensor; 2], TchError> {
                let Linear { weight, bias, n_in, n_out, .. } = &start.network.layers[at];
                let n_out = if at + 1 == n_layers { n_heads } else { *n_out };
                let weight = matrix(&padded(weight, n_out * n_in), n_out, *n_in, Device::Cpu)?;
                Ok([weight, matrix(&padded(bias, n_out), 1, n_out, Device::Cpu)?])
            };
            let of_runs: Vec<[Tensor; 2]> = starts.iter().map(of).collect::<Result<_, _>>()?;
            let part = |part: usize| stack(of_runs.iter().map(|of| Ok(of[part].shallow_clone())))?.f_to_device(device);
            Ok::<_, TchError>([part(0)?, part(1)?])
        };
        Ok(Self((0..n_layers).map(layer).collect::<Result<_, TchError>>()?))
    }

    fn logits(&self, inputs: Tensor) -> Result<Tensor, TchError> {
        let mut values = inputs;
        for (at, [weight, bias]) in self.0.iter().enumerate() {
            if at > 0 {
                values = values.f_relu()?;
            }
            values = values.f_bmm(&weight.f_transpose(1, 2)?)?.f_add(bias)?;
        }
        Ok(values)
    }

    fn to_host(&self, like: &[Start], n_heads: usize) -> Result<Vec<Network>, TchError> {
        let mut networks: Vec<Network> = like.iter().map(|start| start.network.clone()).collect();
        for (at, [weights, biases]) in self.0.iter().enumerate() {
            for (run, network) in networks.iter_mut().enumerate() {
                let is_last = at + 1 == self.0.len();
                let layer = &mut network.layers[at];
                let n_out = if is_last { n_heads } else { layer.n_out };
                let of_run = |part: &Tensor, n: usize| to_host(&part.f_select(0, run as i64)?, n);
                layer.weight = of_run(weights, n_out * layer.n_in)?;
                layer.bias = of_run(biases, n_out)?;
                layer.weight.truncate(layer.n_out * layer.n_in);
                layer.bias.truncate(layer.n_out);
            }
        }
        Ok(networks)
    }
}

fn padded(values: &[f32], n: usize) -> Vec<f32> {
    let mut padded = values.to_vec();
    padded.resize(n, 0.0);
    padded
}

fn stack(tensors: impl Iterator<Item = Result<Tensor, TchError>>) -> Result<Tensor, TchError> {
    Tensor::f_stack(&tensors.collect::<Result<Vec<_>, _>>()?, 0)
}
