//! Any image encoder that was saved as TorchScript: a user's own backbone, SigLIP, DINOv2.
//!
//! Input `[n, 3, side, side]` of (x / 255 − mean) / standard deviation; output `[n, features]`. A TorchScript file is a
//! program: run only those that you would run as one.

use std::path::Path;

use tch::{CModule, Device, Kind, TchError, Tensor};

use crate::error::{EmbedError, unfit};
use crate::network::{ImageNetwork, Scaling, pixels_of};

/// The module, ready to run on one device.
pub struct TorchScript {
    module: CModule,
    side: i64,
    scaling: Scaling,
    device: Device,
    kind: Kind,
}

#[allow(unsafe_code, reason = "tch's modules are not Sync, because they can be trained")]
// SAFETY: the module is in evaluation mode and nothing writes to it after `load`; LibTorch runs one module from several
// threads, each with an interpreter of its own.
unsafe impl Sync for TorchScript {}

impl TorchScript {
    /// Loads a module and runs it once, so that one that does not fit says so before any file is read. Its parameters
    /// become `kind`; its buffers stay what they are, for among them are indices.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`], [`EmbedError::Weights`].
    pub fn load(file: &Path, side: usize, scaling: Scaling, device: Device, kind: Kind) -> Result<Self, EmbedError> {
        if !file.exists() {
            return Err(EmbedError::NoWeights { file: file.to_owned() });
        }
        let mut module = CModule::load_on_device(file, device).map_err(unfit(file))?;
        module.f_set_eval().map_err(unfit(file))?;
        cast(&module, kind).map_err(unfit(file))?;
        let network = Self { module, side: side as i64, scaling, device, kind };
        network.vectors(&[&vec![0; side * side * 3]]).map_err(unfit(file))?;
        Ok(network)
    }
}

/// tch's `to` would cast indices as well.
fn cast(module: &CModule, kind: Kind) -> Result<(), TchError> {
    for (_, mut parameter) in module.named_parameters()? {
        if parameter.is_floating_point() && parameter.kind() != kind {
            let wanted = parameter.f_to_kind(kind)?.f_detach()?;
            parameter.f_set_data(&wanted)?;
        }
    }
    Ok(())
}

impl ImageNetwork for TorchScript {
    fn start(&self, squares: &[&[u8]]) -> Result<Tensor, TchError> {
        // The optimising executor rewrites a module after its first runs, and the last bits of vectors would move. The
        // switch is each thread's own.
        tch::jit::f_set_graph_executor_optimize(false)?;
        tch::no_grad(|| {
            let pixels = pixels_of(squares, self.side, &self.scaling, self.device)?.f_to_kind(self.kind)?;
            self.module.forward_ts(&[pixels])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cosine, patterned_square};
    use std::path::PathBuf;

    const SIDE: usize = 4;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/torchscript").join(name)
    }

    fn load(kind: Kind) -> TorchScript {
        let scaling = Scaling { mean: [0.5; 3], standard_deviation: [0.25; 3] };
        TorchScript::load(&fixture("encoder.pt"), SIDE, scaling, Device::Cpu, kind).unwrap()
    }

    fn squares() -> Vec<Vec<u8>> {
        (0..3).map(|at| patterned_square(SIDE, 90 * at)).collect()
    }

    #[test]
    fn a_module_that_looks_up_by_a_buffer_of_integers_is_run_in_every_precision() {
        // scripts/torchscript_fixture.py, torch 2.11.0.
        let expected: Vec<Vec<f32>> =
            serde_json::from_slice(&std::fs::read(fixture("expected.json")).unwrap()).unwrap();
        for (kind, least) in [(Kind::Float, 0.999_999), (Kind::BFloat16, 0.999)] {
            let (network, squares) = (load(kind), squares());
            let ours = network.vectors(&squares.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
            for (ours, theirs) in ours.iter().zip(&expected) {
                assert!(cosine(ours, theirs) > least, "{kind:?}: {ours:?}, expected {theirs:?}");
            }
        }
    }

    #[test]
    fn every_run_on_every_thread_gives_the_same_last_bits() {
        let (network, squares) = (load(Kind::Float), squares());
        let first = network.vectors(&[&squares[1]]).unwrap();
        let runs = || (0..5).map(|_| network.vectors(&[&squares[1]]).unwrap()).collect::<Vec<_>>();
        let elsewhere = std::thread::scope(|scope| scope.spawn(runs).join().unwrap());
        assert!(elsewhere.iter().all(|vectors| *vectors == first), "{first:?} became {elsewhere:?}");
    }
}
