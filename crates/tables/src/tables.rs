//! The tables of one data root: where each stands, and checked reading.

use crate::contract::Table;
use crate::parquet_io::{TableError, TableReader};
use crate::storage::Storage;

/// The tables under `<data-root>/tables/`.
#[derive(Clone)]
pub struct Tables {
    storage: Storage,
}

impl Tables {
    /// The tables of a data root.
    pub fn new(storage: Storage) -> Self {
        Self { storage }
    }

    /// The data root.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The one file of a table. One file, so that one rename (or one upload) shows the whole table at once.
    pub fn key(table: &str) -> String {
        format!("tables/{table}/{table}.parquet")
    }

    /// Opens a table to read it batch by batch, or `None` if no stage has written it yet.
    ///
    /// # Errors
    /// Whatever keeps the file from being read as this table.
    pub fn open<T: Table>(&self) -> Result<Option<TableReader<T>>, TableError> {
        let key = Self::key(T::NAME);
        let Some(content) = self.storage.get(&key)? else { return Ok(None) };
        TableReader::open(content, self.storage.name(&key)).map(Some)
    }

    /// All rows of a table.
    ///
    /// # Errors
    /// [`TableError::Missing`] if no stage has written it, or whatever is wrong with it.
    pub fn read<T: Table>(&self) -> Result<Vec<T>, TableError> {
        self.reader()?.rows()
    }

    /// Opens a table that must be there.
    ///
    /// # Errors
    /// [`TableError::Missing`] if no stage has written it, or whatever is wrong with it.
    pub fn reader<T: Table>(&self) -> Result<TableReader<T>, TableError> {
        let written_by = T::contract().written_by.command();
        let place = self.storage.name(&Self::key(T::NAME));
        self.open()?.ok_or(TableError::Missing { table: T::NAME, place, written_by })
    }
}
