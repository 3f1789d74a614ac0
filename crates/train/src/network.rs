//! The concept predictor's weights on the host: how they start, and how they are stored.

use std::collections::BTreeMap;

use rand::Rng;
use rand_distr::StandardNormal;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};

use crate::random::stream;
use crate::settings::Init;

/// One layer, `y = weight · x + bias`.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Its name in the model's file: `hidden1`, `hidden2`, …, `heads`.
    pub name: String,
    /// `[n_out, n_in]`, row by row.
    pub weight: Vec<f32>,
    /// `[n_out]`.
    pub bias: Vec<f32>,
    /// Numbers in.
    pub n_in: usize,
    /// Numbers out.
    pub n_out: usize,
}

/// A multi-layer perceptron: ReLU between the layers, one logit for each head out of the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// From the input to the heads.
    pub layers: Vec<Linear>,
}

impl Network {
    /// Fresh weights. Each layer has a stream of its own, so that arms that differ in their heads alone start from
    /// the same hidden layers.
    pub fn new(n_in: usize, hidden: &[usize], n_heads: usize, init: Init, seed: u32) -> Self {
        let widths: Vec<usize> = [&[n_in], hidden, &[n_heads]].concat();
        let layers = widths.windows(2).enumerate().map(|(at, width)| {
            let name = if at < hidden.len() { format!("hidden{}", at + 1) } else { "heads".to_owned() };
            Linear::new(name, width[0], width[1], init, seed)
        });
        Self { layers: layers.collect() }
    }

    /// Numbers in.
    pub fn n_in(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.n_in)
    }

    /// Heads.
    pub fn n_heads(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.n_out)
    }

    /// Its tensors by name: `hidden1.weight`, `hidden1.bias`, …
    pub fn tensors(&self) -> Vec<StoredTensor> {
        self.layers.iter().flat_map(Linear::tensors).collect()
    }

    /// Reads the tensors of [`tensors`](Self::tensors) back; `None` if they do not fit together.
    pub fn from_tensors(file: &SafeTensors) -> Option<Self> {
        let n_hidden = (1..).take_while(|at| file.tensor(&format!("hidden{at}.weight")).is_ok()).count();
        let names = (1..=n_hidden).map(|at| format!("hidden{at}")).chain(["heads".to_owned()]);
        let layers: Vec<Linear> = names.map(|name| Linear::from_tensors(file, name)).collect::<Option<_>>()?;
        let fits = layers.windows(2).all(|pair| pair[0].n_out == pair[1].n_in);
        fits.then_some(Self { layers })
    }
}

impl Linear {
    /// Its weight and bias by name.
    pub fn tensors(&self) -> [StoredTensor; 2] {
        [
            StoredTensor::f32(format!("{}.weight", self.name), vec![self.n_out, self.n_in], &self.weight),
            StoredTensor::f32(format!("{}.bias", self.name), vec![self.n_out], &self.bias),
        ]
    }

    /// Fresh weights from the stream of its name.
    pub fn new(name: String, n_in: usize, n_out: usize, init: Init, seed: u32) -> Self {
        let mut random = stream(seed, &format!("weights/{name}"));
        let scale = 1.0 / (n_in as f32).sqrt();
        let (weight, bias) = match init {
            Init::KaimingUniform => {
                let mut uniform = |n| (0..n).map(|_| (2.0 * random.random::<f32>() - 1.0) * scale).collect();
                (uniform(n_in * n_out), uniform(n_out))
            }
            Init::LecunNormal => {
                // The standard deviation of a standard normal cut off at ±2, which flax divides by.
                let scale = scale / 0.879_625_7;
                let weight = (0..n_in * n_out).map(|_| truncated_normal(&mut random) * scale).collect();
                (weight, vec![0.0; n_out])
            }
        };
        Self { name, weight, bias, n_in, n_out }
    }

    /// Reads the tensors of [`tensors`](Self::tensors) back; `None` if they do not fit together.
    pub fn from_tensors(file: &SafeTensors, name: String) -> Option<Self> {
        let (weight, shape) = read_f32(file, &format!("{name}.weight"))?;
        let (bias, bias_shape) = read_f32(file, &format!("{name}.bias"))?;
        match (shape.as_slice(), bias_shape.as_slice()) {
            (&[n_out, n_in], &[n_bias]) if n_bias == n_out => Some(Self { name, weight, bias, n_in, n_out }),
            _ => None,
        }
    }
}

fn truncated_normal(random: &mut impl Rng) -> f32 {
    loop {
        let x: f32 = random.sample(StandardNormal);
        if x.abs() <= 2.0 {
            return x;
        }
    }
}

fn read_f32(file: &SafeTensors, name: &str) -> Option<(Vec<f32>, Vec<usize>)> {
    let tensor = file.tensor(name).ok().filter(|tensor| tensor.dtype() == Dtype::F32)?;
    let values = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Some((values, tensor.shape().to_vec()))
}

/// One tensor on its way into a file.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl StoredTensor {
    /// A tensor of f32, row by row.
    pub fn f32(name: String, shape: Vec<usize>, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name, dtype: Dtype::F32, shape, bytes }
    }

    /// A tensor of f64, row by row.
    pub fn f64(name: String, shape: Vec<usize>, values: &[f64]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name, dtype: Dtype::F64, shape, bytes }
    }
}

/// A safetensors file; equal tensors give equal bytes.
///
/// # Errors
/// [`SafeTensorError`] if a shape does not fit its values.
pub fn safetensors(tensors: &[StoredTensor]) -> Result<Vec<u8>, SafeTensorError> {
    let mut views = BTreeMap::new();
    for tensor in tensors {
        views.insert(&tensor.name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)?);
    }
    safetensors::serialize(views, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(init: Init, seed: u32) -> Network {
        Network::new(400, &[256, 64], 3, init, seed)
    }

    fn mean_and_sd(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        (mean, (values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n).sqrt())
    }

    #[test]
    fn kaiming_uniform_is_uniform_within_one_over_the_root_of_fan_in() {
        let first = &network(Init::KaimingUniform, 0).layers[0];
        let bound = 0.05;
        let (mean, sd) = mean_and_sd(&first.weight);
        assert!(mean.abs() < 4e-4 && (sd - bound / 3f64.sqrt()).abs() < 2e-4, "{mean} {sd}");
        let largest = first.weight.iter().fold(0f32, |max, x| max.max(x.abs()));
        assert!(f64::from(largest) <= bound && f64::from(largest) > 0.999 * bound);
        assert!(first.bias.iter().all(|x| f64::from(x.abs()) <= bound) && mean_and_sd(&first.bias).1 > 0.02);
    }

    #[test]
    fn lecun_normal_has_variance_one_over_fan_in_and_no_tails() {
        let first = &network(Init::LecunNormal, 0).layers[0];
        let (mean, sd) = mean_and_sd(&first.weight);
        assert!(mean.abs() < 6e-4 && (sd - 0.05).abs() < 2e-4, "{mean} {sd}");
        let largest = first.weight.iter().fold(0f32, |max, x| max.max(x.abs()));
        assert!((0.11..=0.113_69).contains(&largest), "2 · 0.05 / 0.8796, but {largest}");
        assert!(first.bias.iter().all(|&x| x == 0.0));
    }

    #[test]
    fn a_seed_fixes_the_weights_and_arms_share_their_hidden_layers() {
        for init in [Init::KaimingUniform, Init::LecunNormal] {
            assert_eq!(network(init, 1), network(init, 1));
            assert_ne!(network(init, 1).layers[0].weight, network(init, 2).layers[0].weight);
            let more_heads = Network::new(400, &[256, 64], 8, init, 1);
            assert_eq!(network(init, 1).layers[..2], more_heads.layers[..2]);
        }
    }

    #[test]
    fn a_network_comes_back_from_its_file() {
        for hidden in [vec![], vec![5], vec![5, 7]] {
            let network = Network::new(4, &hidden, 2, Init::KaimingUniform, 3);
            let bytes = safetensors(&network.tensors()).unwrap();
            assert_eq!(bytes, safetensors(&network.tensors()).unwrap());
            let file = SafeTensors::deserialize(&bytes).unwrap();
            assert_eq!(Network::from_tensors(&file), Some(network));
        }
        let mut misfit = Network::new(4, &[5], 2, Init::KaimingUniform, 3);
        misfit.layers[1] = Linear::new("heads".into(), 6, 2, Init::KaimingUniform, 3);
        let bytes = safetensors(&misfit.tensors()).unwrap();
        assert_eq!(Network::from_tensors(&SafeTensors::deserialize(&bytes).unwrap()), None);
    }
}
