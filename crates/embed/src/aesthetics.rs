//! The LAION aesthetics model: an MLP without activations on the L2-normalised CLIP image vector.
//!
//! For ViT-L/14: 768 → 1024 → 128 → 64 → 16 → 1, dropout off. The paper's image embedding is its first layer's output
//! (App. B.3); the last one is the score, about 1 to 10. Its sizes are read from the file:
//! `sac+logos+ava1-l14-linearMSE.pth` as published, or the same tensors as safetensors. Source: Schuhmann's
//! improved-aesthetic-predictor. Computed one vector at a time, so that it depends on nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use tch::{Device, Kind};

use crate::checkpoint::Checkpoint;
use crate::error::{AnyError, EmbedError, absent_or_unfit, unfit};
use crate::torch_zip::{self, Named};

/// The model.
pub struct Aesthetics {
    layers: Vec<Affine>,
}

struct Affine {
    /// `[n_in][n_out]`: the transpose of the file's.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Aesthetics {
    /// Reads the model from a `.pth` or `.safetensors` file, for vectors of `n_in` numbers.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`], [`EmbedError::Weights`].
    pub fn load(file: &Path, n_in: usize) -> Result<Self, EmbedError> {
        let tensors = match file.extension().is_some_and(|extension| extension == "safetensors") {
            true => of_safetensors(file)?,
            false => of_torch(file)?,
        };
        Self::of(tensors, n_in).map_err(unfit(file))
    }

    fn of(tensors: Vec<Named>, n_in: usize) -> Result<Self, AnyError> {
        let mut by_layer: BTreeMap<u32, [Option<Named>; 2]> = BTreeMap::new();
        for tensor in tensors {
            let number = tensor.name.split('.').find_map(|part| part.parse().ok());
            let number = number.ok_or_else(|| format!("`{}` has no layer number", tensor.name))?;
            let place = usize::from(tensor.name.ends_with("bias"));
            by_layer.entry(number).or_default()[place] = Some(tensor);
        }
        let mut n_in = n_in;
        let mut layers = Vec::new();
        for (number, tensors) in by_layer {
            let [Some(weights), Some(bias)] = tensors else {
                return Err(format!("layer {number} has no weight or no bias").into());
            };
            let n_out = bias.values.len();
            if weights.shape != [n_out, n_in] || bias.shape != [n_out] || n_out == 0 {
                let (weights, bias) = (weights.shape, bias.shape);
                let problem = format!("layer {number}: weights of {weights:?}, bias of {bias:?}, vectors of {n_in}");
                return Err(problem.into());
            }
            let (weights, bias) = (weights.values, bias.values);
            if !weights.iter().chain(&bias).all(|value| value.is_finite()) {
                return Err(format!("layer {number} has a number that is not finite").into());
            }
            let transposed = (0..n_in).flat_map(|from| weights.iter().skip(from).step_by(n_in)).copied().collect();
            n_in = n_out;
            layers.push(Affine { weights: transposed, bias });
        }
        if layers.is_empty() || n_in != 1 {
            return Err(format!("{} layers that end in {n_in} numbers, expected one score", layers.len()).into());
        }
        Ok(Self { layers })
    }

    /// Number of layers.
    pub fn n_layers(&self) -> usize {
        self.layers.len()
    }

    /// What the first `n_layers` layers make of a CLIP vector of any length.
    pub fn after(&self, clip: &[f32], n_layers: usize) -> Vec<f32> {
        self.layers.iter().take(n_layers).fold(of_unit_length(clip), |xs, layer| layer.forward(&xs))
    }

    /// The aesthetic score of a CLIP vector.
    pub fn score(&self, clip: &[f32]) -> f64 {
        self.after(clip, self.layers.len()).first().copied().map_or(f64::NAN, f64::from)
    }
}

impl Affine {
    fn forward(&self, xs: &[f32]) -> Vec<f32> {
        let mut sums = self.bias.clone();
        for (x, row) in xs.iter().zip(self.weights.chunks_exact(sums.len())) {
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum += x * weight;
            }
        }
        sums
    }
}

/// A vector scaled to L2 length 1; one of length 0 stays.
pub fn of_unit_length(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if length == 0.0 {
        return vector.to_vec();
    }
    vector.iter().map(|value| (f64::from(*value) / length) as f32).collect()
}

fn of_torch(file: &Path) -> Result<Vec<Named>, EmbedError> {
    let size = std::fs::metadata(file).map_err(absent_or_unfit(file))?.len();
    if size > torch_zip::LARGEST_FILE {
        return Err(unfit(file)(format!("{size} bytes, too large for an aesthetics model")));
    }
    let bytes = std::fs::read(file).map_err(absent_or_unfit(file))?;
    torch_zip::tensors(&bytes).map_err(unfit(file))
}

fn of_safetensors(file: &Path) -> Result<Vec<Named>, EmbedError> {
    let mut checkpoint = Checkpoint::open(file, Device::Cpu, Kind::Float)?;
    let names = checkpoint.names().into_iter().filter(|name| name.ends_with(".weight") || name.ends_with(".bias"));
    names
        .map(|name| {
            let shape = checkpoint.shape(&name).unwrap_or_default();
            let sides: Vec<i64> = shape.iter().map(|side| *side as i64).collect();
            let values = Vec::<f32>::try_from(checkpoint.tensor(&name, &sides)?.view(-1)).map_err(unfit(file))?;
            Ok(Named { name, shape, values })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::path::PathBuf;

    #[derive(Deserialize)]
    struct Expected {
        clip: Vec<Vec<f32>>,
        first: Vec<Vec<f32>>,
        score: Vec<f64>,
    }

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/clip").join(name)
    }

    #[test]
    fn layers_and_score_are_those_of_torch_from_either_form_of_file() {
        // scripts/clip_fixtures.py aesthetics.
        let expected: Expected = serde_json::from_slice(&std::fs::read(fixture("aesthetics.json")).unwrap()).unwrap();
        for name in ["aesthetics.pth", "aesthetics.safetensors"] {
            let model = Aesthetics::load(&fixture(name), 12).unwrap();
            assert_eq!(model.n_layers(), 3);
            for ((clip, first), score) in expected.clip.iter().zip(&expected.first).zip(&expected.score) {
                let ours = model.after(clip, 1);
                assert_eq!(ours.len(), 8);
                assert!(ours.iter().zip(first).all(|(a, b)| (a - b).abs() < 1e-6), "{name}");
                assert!((model.score(clip) - score).abs() < 1e-6, "{name}");
                // Whatever the length of the vector.
                let longer: Vec<f32> = clip.iter().map(|value| value * 31.0).collect();
                assert!((model.score(&longer) - score).abs() < 1e-5, "{name}");
            }
        }
    }

    #[test]
    fn a_model_for_other_vectors_is_refused() {
        let error = Aesthetics::load(&fixture("aesthetics.pth"), 768).err().unwrap();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "layer 0: weights of [8, 12], bias of [8], vectors of 768");
        assert!(matches!(Aesthetics::load(&fixture("none.pth"), 12), Err(EmbedError::NoWeights { .. })));
        let not_one = Aesthetics::load(&fixture("tiny-quick-gelu/model.safetensors"), 12).err().unwrap();
        assert!(matches!(not_one, EmbedError::Weights { .. }));
    }

    #[test]
    fn weights_that_lie_the_other_way_are_refused() {
        let mut bytes = std::fs::read(fixture("aesthetics.pth")).unwrap();
        // (12, 8) with the strides (8, 1): as many numbers as (8, 12).
        for (from, to) in [(b"K\x08K\x0c\x86", b"K\x0cK\x08\x86"), (b"K\x0cK\x01\x86", b"K\x08K\x01\x86")] {
            let at = bytes.windows(5).position(|bytes| bytes == from).unwrap();
            bytes[at..at + 5].copy_from_slice(to);
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("turned.pth");
        std::fs::write(&file, bytes).unwrap();
        let error = Aesthetics::load(&file, 12).err().unwrap();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "layer 0: weights of [12, 8], bias of [8], vectors of 12");
    }

    /// The published model and the ten vectors that came with it; `LAION_AESTHETICS` is their folder.
    #[test]
    #[ignore = "needs LAION_AESTHETICS, the folder of the published model"]
    fn the_published_model_gives_its_ten_scores() {
        let folder = PathBuf::from(std::env::var("LAION_AESTHETICS").unwrap());
        let model = Aesthetics::load(&folder.join("sac+logos+ava1-l14-linearMSE.pth"), 768).unwrap();
        assert_eq!(model.n_layers(), 5);
        let expected = [1.655, 2.359, 3.070, 3.672, 4.238, 4.701, 5.073, 5.365, 5.577, 5.747];
        let mut worst = 0f64;
        for (at, expected) in expected.iter().enumerate() {
            // A .npy of 768 f32 after a header of 128 bytes.
            let bytes = std::fs::read(folder.join(format!("vit_l_14_rating{at}.npy"))).unwrap();
            let numbers = bytes[128..].as_chunks::<4>().0;
            let vector: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
            assert_eq!((vector.len(), model.after(&vector, 1).len()), (768, 1024));
            worst = worst.max((model.score(&vector) - expected).abs());
        }
        eprintln!("worst difference {worst:.6}");
        assert!(worst < 1e-3);
    }
}
