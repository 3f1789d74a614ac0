//! What a stage keeps while it works: immutable Parquet parts that a killed run does not lose.

use std::marker::PhantomData;

use crate::contract::Table;
use crate::parquet_io::{TableError, TableReader, TableWriter};
use crate::storage::Storage;

/// A growing collection of rows under `<data-root>/store/<name>/`, appended a whole part at a time.
///
/// Parts are checked like tables, except that a key may come back in a later part: the later row is the valid one,
/// which is for the reader to apply.
pub struct Parts<T: Table> {
    storage: Storage,
    folder: String,
    next: usize,
    rows: PhantomData<T>,
}

impl<T: Table> Parts<T> {
    /// The parts kept under a name.
    ///
    /// # Errors
    /// [`TableError::Storage`] if the folder cannot be listed.
    pub fn open(storage: &Storage, name: &str) -> Result<Self, TableError> {
        let folder = format!("store/{name}");
        let last = storage.list(&folder)?.iter().filter_map(|key| part_number(key)).max();
        Ok(Self { storage: storage.clone(), folder, next: last.map_or(0, |number| number + 1), rows: PhantomData })
    }

    /// Every row of every part, oldest part first. A part that cannot be read is left out with a warning: what it held
    /// is made again.
    ///
    /// # Errors
    /// [`TableError::Storage`] if the folder cannot be listed.
    pub fn rows(&self) -> Result<Vec<T>, TableError> {
        let mut rows = Vec::new();
        self.for_each_part(|part| rows.extend(part))?;
        Ok(rows)
    }

    /// The same, one part at a time: all of them may be more than fits in memory.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn for_each_part(&self, mut take: impl FnMut(Vec<T>)) -> Result<(), TableError> {
        for key in self.storage.list(&self.folder)?.iter().filter(|key| part_number(key).is_some()) {
            let Some(content) = self.storage.get(key)? else { continue };
            match TableReader::open(content, self.storage.name(key)).and_then(TableReader::rows) {
                Ok(part) => take(part),
                Err(error) => tracing::warn!(part = key, %error, "part left out"),
            }
        }
        Ok(())
    }

    /// Keeps rows for good: when this returns, a kill does not lose them.
    ///
    /// # Errors
    /// [`TableError`]: rows that break the contract, or a full disk.
    pub fn append(&mut self, rows: &[T]) -> Result<(), TableError> {
        if rows.is_empty() {
            return Ok(());
        }
        let (file, _, _) = TableWriter::create(self.storage.scratch_file()?, &[], rows)?.finish()?;
        self.storage.put_file(&format!("{}/{:08}.parquet", self.folder, self.next), file)?;
        self.next += 1;
        Ok(())
    }
}

fn part_number(key: &str) -> Option<usize> {
    key.rsplit('/').next()?.strip_suffix(".parquet")?.parse().ok()
}
