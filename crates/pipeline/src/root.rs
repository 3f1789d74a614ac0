//! The data root as one process holds it: locked against a second run, with what a killed run left put right.

use std::collections::BTreeMap;
use std::fs::File;

use anyhow::Context;
use tables::{Location, StageName, Storage, Tables, WrittenTable};

use crate::exit::{Failure, failed};
use crate::record::RunRecord;

/// The tables of a data root.
pub struct DataRoot {
    /// The tables.
    pub tables: Tables,
    /// Held while this process may write; the system frees it however the process ends.
    lock: Option<File>,
}

impl DataRoot {
    /// Opens a data root to write. On this machine's disk a second run is refused; a bucket has no lock.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it cannot be opened, or if another run is going on.
    pub fn open_to_write(location: &Location) -> Result<Self, Failure> {
        let root = Self::open(location)?;
        if root.lock.is_none() && root.tables.storage().local_root().is_some() {
            return Err(failed(anyhow::anyhow!(
                "another finegrain run is working on `{location}`; wait for it to end"
            )));
        }
        Ok(root)
    }

    /// Opens a data root to read: if no run is going on, what a killed one left is put right first.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it cannot be opened.
    pub fn open(location: &Location) -> Result<Self, Failure> {
        let storage = Storage::open(location).map_err(failed)?;
        let lock = match storage.local_root() {
            Some(folder) => {
                let file = File::create(folder.join("lock")).context("cannot create the lock file").map_err(failed)?;
                file.try_lock().is_ok().then_some(file)
            }
            None => None,
        };
        if lock.is_some() || storage.local_root().is_none() {
            tables::recover(&storage).context("cannot put right what a killed run left").map_err(failed)?;
        }
        Ok(Self { tables: Tables::new(storage), lock })
    }

    /// What the records say of every table.
    ///
    /// # Errors
    /// [`Failure::Failed`] if a record cannot be read.
    pub fn written(&self) -> Result<BTreeMap<String, WrittenTable>, Failure> {
        let mut written = BTreeMap::new();
        for &stage in StageName::ALL {
            if let Some(record) = RunRecord::load(self.tables.storage(), stage).map_err(failed)? {
                written.extend(record.outputs);
            }
        }
        Ok(written)
    }
}
