//! A reward model as a TorchScript module, for programs that run PyTorch.

use std::path::Path;

use tch::{CModule, Device, Kind, TchError, Tensor};

use crate::engine::autograd;
use crate::scoring::{ScoringError, ScoringModel};

impl ScoringModel {
    /// Writes it as a TorchScript module: `forward` makes of embeddings, f32 `[n, input_dim]` for any n, f64
    /// `[n, 1 + attributes]`, the rewards first and then the concepts, as [`score`](Self::score) gives them. Its weights
    /// are constants, so gradients go to the embeddings alone.
    ///
    /// # Errors
    /// [`ScoringError::Torch`] if LibTorch fails, for instance because `path` cannot be written.
    pub fn write_torchscript(&self, path: &Path) -> Result<(), ScoringError> {
        let failed = |source| ScoringError::Torch { run_id: self.run_id.clone(), source };
        self.traced().and_then(|module| module.save(path)).map_err(failed)
    }

    fn traced(&self) -> Result<CModule, TchError> {
        let layers = autograd::on_device(&self.network, Device::Cpu)?;
        let aggregator = match &self.aggregator {
            None => None,
            Some(aggregator) => Some((Tensor::f_from_slice(&aggregator.weights)?, aggregator.intercept)),
        };
        let says = |embeddings: &Tensor| -> Result<Tensor, TchError> {
            let p = autograd::forward(&layers, embeddings, true)?.f_to_kind(Kind::Double)?.f_sigmoid()?;
            let Some((weights, intercept)) = &aggregator else { return Ok(p) };
            let rewards = p.f_mv(weights)?.f_add_scalar(*intercept)?.f_sigmoid()?;
            Tensor::f_cat(&[rewards.f_unsqueeze(1)?, p], 1)
        };
        let example = Tensor::f_zeros([2, self.input_dim() as i64], (Kind::Float, Device::Cpu))?;
        let mut problem = None;
        let mut forward = |inputs: &[Tensor]| {
            vec![says(&inputs[0]).unwrap_or_else(|error| {
                problem = Some(error);
                inputs[0].shallow_clone()
            })]
        };
        let module = tch::no_grad(|| CModule::create_by_tracing("RewardModel", "forward", &[example], &mut forward))?;
        problem.map_or(Ok(module), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregator::Aggregator;
    use crate::network::Network;
    use crate::scoring::Scores;
    use crate::settings::{Init, Inputs};

    #[test]
    fn it_says_what_the_model_says_of_any_number_of_embeddings() {
        for (n_attributes, hidden) in [(0, &[8, 5][..]), (3, &[8, 5]), (1, &[])] {
            let weights: Vec<f64> = (0..n_attributes).map(|at| 1.5 - at as f64).collect();
            let model = ScoringModel {
                run_id: "preferences/all/n400/s0".to_owned(),
                inputs: Inputs::Image,
                attributes: (0..n_attributes).map(|at| format!("a{at}")).collect(),
                embeddings: Default::default(),
                network: Network::new(7, hidden, n_attributes.max(1), Init::KaimingUniform, 3),
                aggregator: (n_attributes > 0).then_some(Aggregator { weights, intercept: -0.4 }),
            };
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("model.pt");
            model.write_torchscript(&path).unwrap();
            let module = CModule::load(&path).unwrap();
            for n in [1, 2, 33] {
                let embeddings: Vec<f32> = (0..n * 7).map(|at| (at * 37 % 101) as f32 / 50.0 - 1.0).collect();
                let inputs = autograd::matrix(&embeddings, n, 7, Device::Cpu).unwrap();
                let said = module.forward_ts(&[inputs]).unwrap();
                assert_eq!(said.size(), [n as i64, 1 + n_attributes as i64]);
                let Scores { rewards, concepts } = model.score(&embeddings, n).unwrap();
                let concepts = concepts.chunks(n_attributes.max(1)).chain(std::iter::repeat(&[][..]));
                let expect: Vec<f64> = rewards.iter().zip(concepts).flat_map(|(r, c)| [&[*r], c].concat()).collect();
                let said: Vec<f64> = Vec::try_from(said.flatten(0, -1)).unwrap();
                assert!(said.iter().zip(&expect).all(|(a, b)| (a - b).abs() < 1e-12), "{said:?} {expect:?}");
            }
        }
    }
}
