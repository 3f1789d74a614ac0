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
    /// Loads a module and runs it once, so that one that does not fit says so before any file is read.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`], [`EmbedError::Weights`].
    pub fn load(file: &Path, side: usize, scaling: Scaling, device: Device, kind: Kind) -> Result<Self, EmbedError> {
        if !file.exists() {
            return Err(EmbedError::NoWeights { file: file.to_owned() });
        }
        // The profiling executor rewrites a module after its first runs, and the last bits of vectors would move.
        tch::jit::f_set_graph_executor_optimize(false).map_err(unfit(file))?;
        let mut module = CModule::load_on_device(file, device).map_err(unfit(file))?;
        module.f_set_eval().map_err(unfit(file))?;
        module.to(device, kind, false);
        let network = Self { module, side: side as i64, scaling, device, kind };
        network.vectors(&[&vec![0; side * side * 3]]).map_err(unfit(file))?;
        Ok(network)
    }
}

impl ImageNetwork for TorchScript {
    fn start(&self, squares: &[&[u8]]) -> Result<Tensor, TchError> {
        tch::no_grad(|| {
            let pixels = pixels_of(squares, self.side, &self.scaling, self.device)?.f_to_kind(self.kind)?;
            self.module.forward_ts(&[pixels])
        })
    }
}
