//! CLIP's image tower: a square of pixels to a vector in the space that it shares with texts.
//!
//! Input `[n, side, side, 3]` of 8-bit RGB; output `[n, projection_dim]`, not normalised, as `get_image_features` of
//! `transformers` gives it. Radford et al. 2021.

use std::path::Path;

use tch::{Device, Kind, TchError, Tensor};

use crate::checkpoint::Checkpoint;
use crate::clip::config::Config;
use crate::clip::layers::{Layers, Linear, Norm, Shape};
use crate::clip::preprocessor::Preprocessor;
use crate::error::EmbedError;
use crate::network::{ImageNetwork, Scaling, pixels_of};

/// The image tower, ready to run on one device.
pub struct ImageTower {
    patches: Tensor,
    class: Tensor,
    positions: Tensor,
    before: Norm,
    layers: Layers,
    after: Norm,
    projection: Linear,
    side: i64,
    scaling: Scaling,
    patch: i64,
    device: Device,
    kind: Kind,
}

#[allow(unsafe_code, reason = "tch's tensors are not Sync, because their in-place operations take `&self`")]
// SAFETY: nothing writes to the weights after `load`, and LibTorch may read a tensor from several threads.
unsafe impl Sync for ImageTower {}

impl ImageTower {
    /// Loads the tower from a folder in the Hugging Face layout (`config.json`, `model.safetensors`, and
    /// `preprocessor_config.json` if there is one).
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`], [`EmbedError::Weights`] that names the tensor.
    pub fn load(folder: &Path, device: Device, kind: Kind) -> Result<Self, EmbedError> {
        let config = Config::read(&folder.join("config.json"))?;
        let mut file = Checkpoint::open(&folder.join("model.safetensors"), device, kind)?;
        let (vision, file) = (&config.vision_config, &mut file);
        let (width, epsilon) = (vision.hidden_size, vision.layer_norm_eps);
        let n_tokens = (vision.image_size / vision.patch_size).pow(2) + 1;
        let shape = Shape {
            n_layers: vision.num_hidden_layers,
            width,
            inner: vision.intermediate_size,
            n_heads: vision.num_attention_heads,
            activation: vision.hidden_act,
            epsilon,
        };
        let embeddings = |part: &str| format!("vision_model.embeddings.{part}");
        Ok(Self {
            patches: file.tensor(
                &embeddings("patch_embedding.weight"),
                &[width, vision.num_channels, vision.patch_size, vision.patch_size],
            )?,
            class: file.tensor(&embeddings("class_embedding"), &[width])?,
            positions: file.tensor(&embeddings("position_embedding.weight"), &[n_tokens, width])?,
            // The name is misspelt in every checkpoint.
            before: Norm::read(file, "vision_model.pre_layrnorm", width, epsilon)?,
            layers: Layers::read(file, "vision_model.encoder.layers", &shape, false)?,
            after: Norm::read(file, "vision_model.post_layernorm", width, epsilon)?,
            projection: Linear::read_projection(file, "visual_projection", config.projection_dim, width)?,
            side: vision.image_size,
            scaling: Preprocessor::read(folder, vision)?.scaling,
            patch: vision.patch_size,
            device,
            kind,
        })
    }

    /// `[n, 3, side, side]` to `[n, projection_dim]`.
    fn forward(&self, pixels: &Tensor) -> Result<Tensor, TchError> {
        let stride = [self.patch, self.patch];
        let patches = pixels.f_conv2d(&self.patches, None::<&Tensor>, stride, [0, 0], [1, 1], 1)?;
        let patches = patches.f_flatten(2, 3)?.f_transpose(1, 2)?;
        let (n, _, width) = patches.size3()?;
        let class = self.class.f_expand([n, 1, width], false)?;
        let tokens = Tensor::f_cat(&[class, patches], 1)?.f_add(&self.positions)?;
        let hidden = self.layers.forward(self.before.forward(&tokens)?)?;
        self.projection.forward(&self.after.forward(&hidden.f_select(1, 0)?)?)
    }
}

impl ImageNetwork for ImageTower {
    fn start(&self, squares: &[&[u8]]) -> Result<Tensor, TchError> {
        tch::no_grad(|| self.forward(&pixels_of(squares, self.side, &self.scaling, self.device)?.f_to_kind(self.kind)?))
    }
}
