//! Trained networks that outlive the run: a killed run does not train them again, nor does one with a seed more.
//!
//! Each is named by a digest of all that decides it, so a wrong one cannot be found. Everything after stage 1 takes
//! milliseconds and is done anew.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use safetensors::SafeTensors;
use tables::{Storage, StorageError};
use tch::Device;

use crate::engine::{Problem, Trained};
use crate::error::TrainError;
use crate::network::safetensors;
use crate::settings::Mlp;

/// The networks under `<data-root>/store/train/`.
pub struct KeptNetworks {
    storage: Storage,
    used: Mutex<BTreeSet<String>>,
}

const FOLDER: &str = "store/train";

/// Raised when training gives other weights than before from the same problem and settings.
const VERSION: u32 = 4;

impl KeptNetworks {
    /// Those of a data root.
    pub fn new(storage: Storage) -> Self {
        Self { storage, used: Mutex::default() }
    }

    /// Where the network of a problem stands.
    pub fn key(problem: &Problem, mlp: &Mlp, device: Device) -> String {
        // The problem says which widths its own network has.
        let mlp = serde_json::json!(Mlp { hidden: Vec::new(), ..mlp.clone() });
        let device = torch_device::name(device);
        let decides = format!("{VERSION}\n{mlp}\n{device}\n{}", problem.digest());
        format!("{FOLDER}/{}.safetensors", blake3::hash(decides.as_bytes()))
    }

    /// A network, if it is there. One that cannot be read is trained again.
    ///
    /// # Errors
    /// [`StorageError`] if the data root cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<Trained>, StorageError> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
        let Some(bytes) = self.storage.get_bytes(key)? else { return Ok(None) };
        let kept = SafeTensors::deserialize(&bytes).ok().and_then(|file| Trained::from_tensors(&file));
        if kept.is_none() {
            tracing::warn!(key, "kept network is broken and is trained again");
        }
        Ok(kept)
    }

    /// Keeps a network.
    ///
    /// # Errors
    /// [`TrainError::Storage`] for a full disk, [`TrainError::Model`] if it does not fit the format.
    pub fn put(&self, key: &str, trained: &Trained) -> Result<(), TrainError> {
        let model = |source| TrainError::Model { run_id: key.to_owned(), source };
        Ok(self.storage.put(key, safetensors(&trained.tensors()).map_err(model)?)?)
    }

    /// Deletes the networks that this run did not ask for.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn sweep(self) -> Result<(), StorageError> {
        let used = self.used.into_inner().unwrap_or_else(PoisonError::into_inner);
        let left_over = self.storage.list(FOLDER)?.into_iter().filter(|key| !used.contains(key));
        left_over.into_iter().try_for_each(|key| self.storage.delete(&key))
    }
}
