//! CLIP's text tower: a prompt to a vector in the space that it shares with images.
//!
//! Input `[n, tokens]`; output `[n, projection_dim]` at the end-of-text token, not normalised, as `get_text_features`
//! of `transformers` gives it. Attention is causal, so what follows that token changes nothing. Radford et al. 2021.

use std::path::Path;

use tch::{Device, Kind, TchError, Tensor};

use crate::checkpoint::Checkpoint;
use crate::clip::config::{Config, TextConfig};
use crate::clip::layers::{Layers, Linear, Norm, Shape};
use crate::error::EmbedError;
use crate::network::rows_of;

/// The text tower, ready to run on one device.
pub struct TextTower {
    config: TextConfig,
    tokens: Tensor,
    positions: Tensor,
    layers: Layers,
    after: Norm,
    projection: Linear,
    device: Device,
}

#[allow(unsafe_code, reason = "tch's tensors are not Sync, because their in-place operations take `&self`")]
// SAFETY: nothing writes to the weights after `load`, and LibTorch may read a tensor from several threads.
unsafe impl Sync for TextTower {}

/// A token where nothing is to be read.
const PADDING: i64 = 0;

impl TextTower {
    /// Loads the tower from a folder in the Hugging Face layout (`config.json`, `model.safetensors`).
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`], [`EmbedError::Weights`] that names the tensor.
    pub fn load(folder: &Path, device: Device, kind: Kind) -> Result<Self, EmbedError> {
        let Config { text_config: config, projection_dim, .. } = Config::read(&folder.join("config.json"))?;
        let mut file = Checkpoint::open(&folder.join("model.safetensors"), device, kind)?;
        let (file, width) = (&mut file, config.hidden_size);
        let shape = Shape {
            n_layers: config.num_hidden_layers,
            width,
            inner: config.intermediate_size,
            n_heads: config.num_attention_heads,
            activation: config.hidden_act,
            epsilon: config.layer_norm_eps,
        };
        let embeddings = |part: &str| format!("text_model.embeddings.{part}.weight");
        Ok(Self {
            tokens: file.tensor(&embeddings("token_embedding"), &[config.vocab_size, width])?,
            positions: file.tensor(&embeddings("position_embedding"), &[config.max_position_embeddings, width])?,
            layers: Layers::read(file, "text_model.encoder.layers", &shape, true)?,
            after: Norm::read(file, "text_model.final_layer_norm", width, config.layer_norm_eps)?,
            projection: Linear::read_projection(file, "text_projection", projection_dim, width)?,
            config,
            device,
        })
    }

    /// Longest text in tokens.
    pub fn max_tokens(&self) -> usize {
        self.config.max_position_embeddings as usize
    }

    /// Number of tokens that it knows.
    pub fn n_tokens(&self) -> i64 {
        self.config.vocab_size
    }

    /// The vectors of token rows, none of them empty, longer than [`max_tokens`](Self::max_tokens), or with a token
    /// outside `0..n_tokens`. `shape` pads to that many rows of the greatest length, so that every call has the same
    /// shape.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn vectors(&self, rows: &[Vec<i64>], shape: Option<usize>) -> Result<Vec<Vec<f32>>, TchError> {
        let (n_rows, n_columns) = match shape {
            Some(n_rows) => (n_rows.max(rows.len()), self.max_tokens()),
            None => (rows.len(), rows.iter().map(Vec::len).max().unwrap_or(0)),
        };
        let ids: Vec<i64> = rows
            .iter()
            .flat_map(|row| row.iter().copied().chain(std::iter::repeat(PADDING)).take(n_columns))
            .chain(std::iter::repeat_n(PADDING, (n_rows - rows.len()) * n_columns))
            .collect();
        // The last token stands in where there is no other: padding rows.
        let ends: Vec<i64> = (0..n_rows)
            .map(|at| rows.get(at).map_or(0, |row| at_end(row, self.config.eos_token_id)))
            .enumerate()
            .map(|(row, end)| (row * n_columns + end) as i64)
            .collect();
        let vectors = tch::no_grad(|| -> Result<_, TchError> {
            let ids =
                Tensor::f_from_slice(&ids)?.f_view([n_rows as i64, n_columns as i64])?.f_to_device(self.device)?;
            let ends = Tensor::f_from_slice(&ends)?.f_to_device(self.device)?;
            rows_of(&self.forward(&ids, &ends)?, n_rows)
        })?;
        Ok(vectors.into_iter().take(rows.len()).collect())
    }

    /// `ends`: for each row the place of its end-of-text token among all tokens of the batch.
    fn forward(&self, ids: &Tensor, ends: &Tensor) -> Result<Tensor, TchError> {
        let (_, n_columns) = ids.size2()?;
        let tokens = Tensor::f_embedding(&self.tokens, ids, -1, false, false)?;
        let hidden = self.layers.forward(tokens.f_add(&self.positions.f_narrow(0, 0, n_columns)?)?)?;
        let at_ends = hidden.f_flatten(0, 1)?.f_index_select(0, ends)?;
        self.projection.forward(&self.after.forward(&at_ends)?)
    }
}

/// Where a row's vector is read: at its greatest token in OpenAI's checkpoints, whose `eos_token_id` of 2 is wrong; at
/// the first end-of-text token in later ones. The first token if there is none, as `transformers` has it.
fn at_end(row: &[i64], end_of_text: i64) -> usize {
    let end = match end_of_text {
        2 => row.iter().max().copied().unwrap_or(PADDING),
        token => token,
    };
    row.iter().position(|token| *token == end).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_the_greatest_token_in_old_checkpoints_and_the_first_eos_in_new_ones() {
        assert_eq!(at_end(&[9, 3, 2, 10, 10], 2), 3);
        assert_eq!(at_end(&[9, 3, 7, 10, 7], 7), 2);
        assert_eq!(at_end(&[9, 3], 7), 0);
    }
}
