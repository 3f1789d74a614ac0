//! The transformer layers that both towers are made of (pre-norm, as in Radford et al. 2021).

use tch::{TchError, Tensor};

use crate::checkpoint::Checkpoint;
use crate::clip::config::Activation;
use crate::error::EmbedError;

/// The shape of a tower's layers.
pub struct Shape {
    /// Number of layers.
    pub n_layers: i64,
    /// Width of the residual stream.
    pub width: i64,
    /// Width inside the MLPs.
    pub inner: i64,
    /// Heads of each attention.
    pub n_heads: i64,
    /// Activation inside the MLPs.
    pub activation: Activation,
    /// Added to variances.
    pub epsilon: f64,
}

/// A tower's layers.
pub struct Layers {
    layers: Vec<Layer>,
    n_heads: i64,
    activation: Activation,
    is_causal: bool,
}

struct Layer {
    attention_norm: Norm,
    /// Queries, keys and values in one product.
    qkv: Linear,
    out: Linear,
    mlp_norm: Norm,
    up: Linear,
    down: Linear,
}

impl Layers {
    /// Reads the layers under `prefix` (`vision_model.encoder.layers`); `is_causal`: no token sees a later one.
    ///
    /// # Errors
    /// [`EmbedError::Weights`].
    pub fn read(file: &mut Checkpoint, prefix: &str, shape: &Shape, is_causal: bool) -> Result<Self, EmbedError> {
        let layers = (0..shape.n_layers)
            .map(|at| Layer::read(file, &format!("{prefix}.{at}"), shape))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { layers, n_heads: shape.n_heads, activation: shape.activation, is_causal })
    }

    /// `[n, tokens, width]` to the same.
    pub fn forward(&self, xs: Tensor) -> Result<Tensor, TchError> {
        self.layers.iter().try_fold(xs, |xs, layer| {
            let mut xs = xs.f_add(&self.attention(layer, &layer.attention_norm.forward(&xs)?)?)?;
            let inner = self.activate(layer.up.forward(&layer.mlp_norm.forward(&xs)?)?)?;
            let _ = xs.f_add_(&layer.down.forward(&inner)?)?;
            Ok(xs)
        })
    }

    fn attention(&self, layer: &Layer, xs: &Tensor) -> Result<Tensor, TchError> {
        let (n, n_tokens, width) = xs.size3()?;
        let qkv = layer.qkv.forward(xs)?;
        let heads = qkv.f_view([n, n_tokens, 3, self.n_heads, width / self.n_heads])?.f_permute([2, 0, 3, 1, 4])?;
        let [queries, keys, values] = [heads.f_select(0, 0)?, heads.f_select(0, 1)?, heads.f_select(0, 2)?];
        let mixed = Tensor::f_scaled_dot_product_attention(
            &queries,
            &keys,
            &values,
            None::<&Tensor>,
            0.0,
            self.is_causal,
            None,
            false,
        )?;
        layer.out.forward(&mixed.f_transpose(1, 2)?.f_reshape([n, n_tokens, width])?)
    }

    fn activate(&self, mut xs: Tensor) -> Result<Tensor, TchError> {
        match self.activation {
            Activation::Gelu => xs.f_gelu_("none"),
            Activation::QuickGelu => {
                let gate = xs.f_mul_scalar(1.702)?.f_sigmoid_()?;
                xs.f_mul_(&gate)
            }
        }
    }
}

impl Layer {
    fn read(file: &mut Checkpoint, prefix: &str, shape: &Shape) -> Result<Self, EmbedError> {
        let (width, inner) = (shape.width, shape.inner);
        let name = |part: &str| format!("{prefix}.{part}");
        let [mut weights, mut biases] = [Vec::new(), Vec::new()];
        for part in ["q_proj", "k_proj", "v_proj"] {
            let Linear { weight, bias } = Linear::read(file, &name(&format!("self_attn.{part}")), width, width)?;
            weights.push(weight);
            biases.extend(bias);
        }
        let together = |parts: &[Tensor]| Tensor::f_cat(parts, 0).map_err(|error| file.failed(error));
        let qkv = Linear { weight: together(&weights)?, bias: Some(together(&biases)?) };
        Ok(Self {
            attention_norm: Norm::read(file, &name("layer_norm1"), width, shape.epsilon)?,
            qkv,
            out: Linear::read(file, &name("self_attn.out_proj"), width, width)?,
            mlp_norm: Norm::read(file, &name("layer_norm2"), width, shape.epsilon)?,
            up: Linear::read(file, &name("mlp.fc1"), inner, width)?,
            down: Linear::read(file, &name("mlp.fc2"), width, inner)?,
        })
    }
}

/// An affine map of the last dimension.
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Reads `name.weight` (`[n_out, n_in]`) and `name.bias`.
    ///
    /// # Errors
    /// [`EmbedError::Weights`].
    pub fn read(file: &mut Checkpoint, name: &str, n_out: i64, n_in: i64) -> Result<Self, EmbedError> {
        let weight = file.tensor(&format!("{name}.weight"), &[n_out, n_in])?;
        Ok(Self { weight, bias: Some(file.tensor(&format!("{name}.bias"), &[n_out])?) })
    }

    /// Reads `name.weight` of a map without a bias: a projection.
    ///
    /// # Errors
    /// [`EmbedError::Weights`].
    pub fn read_projection(file: &mut Checkpoint, name: &str, n_out: i64, n_in: i64) -> Result<Self, EmbedError> {
        Ok(Self { weight: file.tensor(&format!("{name}.weight"), &[n_out, n_in])?, bias: None })
    }

    /// `[.., n_in]` to `[.., n_out]`.
    pub fn forward(&self, xs: &Tensor) -> Result<Tensor, TchError> {
        xs.f_linear(&self.weight, self.bias.as_ref())
    }
}

/// Layer normalisation of the last dimension.
pub struct Norm {
    weight: Tensor,
    bias: Tensor,
    width: i64,
    epsilon: f64,
}

impl Norm {
    /// Reads `name.weight` and `name.bias`.
    ///
    /// # Errors
    /// [`EmbedError::Weights`].
    pub fn read(file: &mut Checkpoint, name: &str, width: i64, epsilon: f64) -> Result<Self, EmbedError> {
        let weight = file.tensor(&format!("{name}.weight"), &[width])?;
        Ok(Self { weight, bias: file.tensor(&format!("{name}.bias"), &[width])?, width, epsilon })
    }

    /// `[.., width]` to the same.
    pub fn forward(&self, xs: &Tensor) -> Result<Tensor, TchError> {
        xs.f_layer_norm([self.width], Some(&self.weight), Some(&self.bias), self.epsilon, true)
    }
}
