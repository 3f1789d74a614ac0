//! The data root as one process holds it: locked against a second run, with what a killed run left put right.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};

use anyhow::{Context, anyhow};
use tables::{Location, StageName, Storage, Tables, WrittenTable};

use crate::exit::{Failure, failed, usage};
use crate::record::RunRecord;

/// The tables of a data root.
pub struct DataRoot {
    /// The tables.
    pub tables: Tables,
    /// Held while this process may write; the system frees it however the process ends.
    _lock: Option<File>,
}

impl DataRoot {
    /// Opens a data root to write, and puts right what a killed run left. On this machine's disk a second run is
    /// refused; a bucket has no lock.
    ///
    /// # Errors
    /// [`Failure::RetryLater`] if another run is going on, [`Failure::Failed`] if it cannot be opened.
    pub fn open_to_write(location: &Location) -> Result<Self, Failure> {
        let storage = Storage::open(location).map_err(failed)?;
        let lock = match lock(&storage)? {
            Lock::Held(file) => Some(file),
            Lock::NoneNeeded => None,
            Lock::Busy => {
                let busy = anyhow!("another finegrain run is working on `{location}`; wait for it to end");
                return Err(Failure::RetryLater(busy));
            }
        };
        put_right(&storage)?;
        Ok(Self { tables: Tables::new(storage), _lock: lock })
    }

    /// Opens a data root to read. On this machine's disk, if no run is going on, what a killed one left is put right
    /// first; in a bucket only a run does that, since nothing says whether another one is going on.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it cannot be opened.
    pub fn open(location: &Location) -> Result<Self, Failure> {
        let storage = Storage::open(location).map_err(failed)?;
        if let Lock::Held(_file) = lock(&storage)? {
            put_right(&storage)?;
        }
        Ok(Self { tables: Tables::new(storage), _lock: None })
    }

    /// As [`open`](Self::open), for what makes no sense without a run before.
    ///
    /// # Errors
    /// [`Failure::Usage`] if nothing is there: a folder is not made of a slip of the keyboard.
    pub fn open_existing(location: &Location) -> Result<Self, Failure> {
        if location.local_path().is_some_and(|folder| !folder.exists()) {
            return Err(usage(anyhow!("the data root `{location}` is not there; `finegrain run` makes it")));
        }
        Self::open(location)
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

enum Lock {
    /// This process has it until the file is dropped.
    Held(File),
    /// Another process has it.
    Busy,
    /// The root is a bucket.
    NoneNeeded,
}

fn lock(storage: &Storage) -> Result<Lock, Failure> {
    let Some(folder) = storage.local_root() else { return Ok(Lock::NoneNeeded) };
    let file = File::create(folder.join("lock")).context("cannot create the lock file").map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock::Held(file)),
        Err(TryLockError::WouldBlock) => Ok(Lock::Busy),
        Err(TryLockError::Error(error)) => {
            Err(failed(anyhow::Error::new(error).context(format!("cannot lock `{}`", folder.display()))))
        }
    }
}

fn put_right(storage: &Storage) -> Result<(), Failure> {
    tables::recover(storage).context("cannot put right what a killed run left").map_err(failed)
}
