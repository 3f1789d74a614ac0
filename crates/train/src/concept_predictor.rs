//! Stage 1, the concept predictor f_φ: embeddings to one probability for each attribute (§3, App. B.4).
//!
//! Coarse feedback is the same network with the target as its only head. Paper: 100 epochs, batches of 128, learning
//! rate 1e-4. Not stated there: the optimiser (Adam with its usual β = 0.9, 0.999 and ε = 1e-8), the loss (binary
//! cross-entropy on logits, mean over the labels), and any scaling of the embeddings (none here).

use rand::seq::SliceRandom;
use tch::{COptimizer, Device, Kind, Reduction, TchError, Tensor};

use crate::network::{Linear, Network};
use crate::random::stream;
use crate::settings::Mlp;

/// What a concept predictor learns from.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Embeddings, `[n, dim]`.
    pub inputs: Vec<f32>,
    /// Size of an embedding.
    pub dim: usize,
    /// Labels, `[n, n_heads]`; a missing one takes no part in the loss.
    pub labels: Vec<Option<bool>>,
    /// How many labels a pair has.
    pub n_heads: usize,
}

impl Problem {
    /// How many pairs there are.
    pub fn n(&self) -> usize {
        self.labels.len() / self.n_heads
    }

    /// Says which problem it is, down to the last bit.
    pub fn digest(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{} {} {}\n", self.n(), self.dim, self.n_heads).as_bytes());
        hasher.update(&self.labels.iter().map(|label| label.map_or(2, u8::from)).collect::<Vec<u8>>());
        hasher.update(&self.inputs.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>());
        hasher.finalize()
    }
}

/// Trains a fresh network.
///
/// The same problem, settings and seed give the same weights, bit by bit, on one device with one LibTorch thread.
///
/// # Errors
/// [`TchError`] if LibTorch fails, for instance for lack of memory.
pub fn train(problem: &Problem, mlp: &Mlp, seed: u32, device: Device) -> Result<Network, TchError> {
    let start = Network::new(problem.dim, &mlp.hidden, problem.n_heads, mlp.init, seed);
    train_from(&start, problem, mlp, seed, device)
}

/// Trains a network from given weights.
///
/// # Errors
/// As [`train`].
pub fn train_from(
    start: &Network,
    problem: &Problem,
    mlp: &Mlp,
    seed: u32,
    device: Device,
) -> Result<Network, TchError> {
    let inputs = matrix(&problem.inputs, problem.n(), problem.dim, device)?;
    let values: Vec<f32> = problem.labels.iter().map(|label| f32::from(*label == Some(true))).collect();
    let known: Vec<f32> = problem.labels.iter().map(|label| f32::from(label.is_some())).collect();
    let values = matrix(&values, problem.n(), problem.n_heads, device)?;
    let known = matrix(&known, problem.n(), problem.n_heads, device)?;
    let n_labels_of: Vec<usize> =
        problem.labels.chunks(problem.n_heads).map(|labels| labels.iter().flatten().count()).collect();

    let layers = DeviceLayer::all(start, device)?;
    let mut adam = COptimizer::adam(mlp.learning_rate, 0.9, 0.999, 0.0, 1e-8, false)?;
    for layer in &layers {
        for parameter in [&layer.weight, &layer.bias] {
            let _ = parameter.f_set_requires_grad(true)?;
            adam.add_parameters(parameter, 0)?;
        }
    }

    let mut shuffles = stream(seed, "shuffles");
    let mut order: Vec<i64> = (0..problem.n() as i64).collect();
    for _ in 0..mlp.epochs {
        order.shuffle(&mut shuffles);
        for batch in order.chunks(mlp.batch_size) {
            let n_labels: usize = batch.iter().map(|&row| n_labels_of[row as usize]).sum();
            if n_labels == 0 {
                continue;
            }
            let rows = Tensor::f_from_slice(batch)?.f_to_device(device)?;
            let logits = logits(&layers, &inputs.f_index_select(0, &rows)?)?;
            let loss = logits
                .f_binary_cross_entropy_with_logits(
                    &values.f_index_select(0, &rows)?,
                    Some(known.f_index_select(0, &rows)?),
                    None,
                    Reduction::Sum,
                )?
                .f_div_scalar(n_labels as f64)?;
            adam.zero_grad()?;
            loss.f_backward()?;
            adam.step()?;
        }
    }
    DeviceLayer::to_network(&layers, start)
}

/// The probabilities that a network gives: `[n, n_heads]`, in `[0, 1]`.
///
/// # Errors
/// [`TchError`] if LibTorch fails, for instance for lack of memory.
pub fn predict(network: &Network, inputs: &[f32], n: usize, device: Device) -> Result<Vec<f64>, TchError> {
    tch::no_grad(|| {
        let inputs = matrix(inputs, n, network.n_in(), device)?;
        let p = logits(&DeviceLayer::all(network, device)?, &inputs)?.f_sigmoid()?;
        Ok(to_host(&p, n * network.n_heads())?.into_iter().map(f64::from).collect())
    })
}

struct DeviceLayer {
    weight: Tensor,
    bias: Tensor,
}

impl DeviceLayer {
    fn all(network: &Network, device: Device) -> Result<Vec<Self>, TchError> {
        let on_device = |layer: &Linear| {
            Ok(Self {
                weight: matrix(&layer.weight, layer.n_out, layer.n_in, device)?,
                bias: Tensor::f_from_slice(&layer.bias)?.f_to_device(device)?,
            })
        };
        network.layers.iter().map(on_device).collect()
    }

    fn to_network(layers: &[Self], like: &Network) -> Result<Network, TchError> {
        let on_host = |(layer, like): (&Self, &Linear)| {
            Ok(Linear {
                weight: to_host(&layer.weight, like.n_in * like.n_out)?,
                bias: to_host(&layer.bias, like.n_out)?,
                ..like.clone()
            })
        };
        Ok(Network { layers: layers.iter().zip(&like.layers).map(on_host).collect::<Result<_, TchError>>()? })
    }
}

fn logits(layers: &[DeviceLayer], inputs: &Tensor) -> Result<Tensor, TchError> {
    let mut values = inputs.shallow_clone();
    for (at, layer) in layers.iter().enumerate() {
        if at > 0 {
            values = values.f_relu()?;
        }
        values = values.f_linear(&layer.weight, Some(&layer.bias))?;
    }
    Ok(values)
}

fn matrix(values: &[f32], n_rows: usize, n_columns: usize, device: Device) -> Result<Tensor, TchError> {
    Tensor::f_from_slice(values)?.f_view([n_rows as i64, n_columns as i64])?.f_to_device(device)
}

fn to_host(tensor: &Tensor, n: usize) -> Result<Vec<f32>, TchError> {
    let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut values = vec![0.0; n];
    tensor.f_copy_data(&mut values, n)?;
    Ok(values)
}
