//! What training leaves, and how it is stored.

use safetensors::SafeTensors;

use crate::network::{Linear, Network, StoredTensor};

/// A trained problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// Embeddings to one logit for each head.
    pub network: Network,
    /// [`Objective::Joint`](crate::engine::Objective::Joint) alone: the heads' sigmoids to the target's logit,
    /// `n_heads` to 1, named `aggregator`.
    pub aggregator: Option<Linear>,
    /// Epochs that were run.
    pub epochs_run: usize,
    /// The epoch whose weights these are, from 1 (0 is the start): with early stopping the best on held-out examples,
    /// else the last.
    pub best_epoch: usize,
    /// Seconds that training took; of networks trained at once an equal share.
    pub seconds: f64,
}

impl Trained {
    /// Whether all its weights are numbers: embeddings near the largest f32 can drive them beyond.
    pub fn is_finite(&self) -> bool {
        let mut layers = self.network.layers.iter().chain(&self.aggregator);
        layers.all(|layer| layer.weight.iter().chain(&layer.bias).all(|x| x.is_finite()))
    }
}

const FIGURES: &str = "figures";

impl Trained {
    /// Its tensors by name.
    pub fn tensors(&self) -> Vec<StoredTensor> {
        let figures = [self.epochs_run as f64, self.best_epoch as f64, self.seconds];
        let mut tensors = self.network.tensors();
        tensors.extend(self.aggregator.iter().flat_map(Linear::tensors));
        tensors.push(StoredTensor::f64(FIGURES.to_owned(), vec![figures.len()], &figures));
        tensors
    }

    /// Reads the tensors of [`tensors`](Self::tensors) back; `None` if they do not fit together.
    pub fn from_tensors(file: &SafeTensors) -> Option<Self> {
        let figures = file.tensor(FIGURES).ok()?;
        let [epochs_run, best_epoch, seconds] = figures.data().as_chunks().0 else { return None };
        let number = |bytes: &[u8; 8]| f64::from_le_bytes(*bytes);
        Some(Self {
            network: Network::from_tensors(file)?,
            aggregator: Linear::from_tensors(file, "aggregator".to_owned()),
            epochs_run: number(epochs_run) as usize,
            best_epoch: number(best_epoch) as usize,
            seconds: number(seconds),
        })
    }
}
