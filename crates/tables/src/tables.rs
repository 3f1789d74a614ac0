//! The tables of one data root: where each stands, and checked reading.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::AsArray;

use crate::catalog::all_contracts;
use crate::check::{Violation, Violations};
use crate::contract::{Check, Contract, Table};
use crate::parquet_io::{TableError, TableFile, TableReader};
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

    /// Opens a table of any contract, or `None` if no stage has written it yet.
    ///
    /// # Errors
    /// Whatever keeps the file from being read as this table.
    pub fn open_file(&self, contract: &Arc<Contract>) -> Result<Option<TableFile>, TableError> {
        let key = Self::key(contract.name);
        let Some(content) = self.storage.get(&key)? else { return Ok(None) };
        TableFile::open(contract.clone(), content, self.storage.name(&key)).map(Some)
    }

    /// Values that stand in a column which names rows of another table, but not there.
    ///
    /// A reference into a table that is not there yet is not followed.
    ///
    /// # Errors
    /// Whatever keeps a table from being read; [`TableError::Broken`] with every reference that leads nowhere.
    pub fn check_references(&self) -> Result<(), TableError> {
        let mut known: BTreeMap<(&str, &str), Option<HashSet<String>>> = BTreeMap::new();
        let mut dangling = Vec::new();
        for contract in all_contracts() {
            for column in &contract.columns {
                let Check::References(table, key) = column.check else { continue };
                let there = match known.entry((table, key)) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => unknown.insert(self.values(table, key)?),
                };
                let Some(there) = there else { continue };
                let (mut n_rows, mut first, mut row) = (0, None, 0);
                let Some(file) = self.open_file(&contract)? else { continue };
                file.for_each_batch(|batch| {
                    let Some(array) = batch.column_by_name(column.name) else { return };
                    for value in array.as_string::<i32>() {
                        row += 1;
                        if let Some(value) = value.filter(|value| !there.contains(*value)) {
                            n_rows += 1;
                            first.get_or_insert((row, value.to_owned()));
                        }
                    }
                })?;
                if let Some((first_row, value)) = first {
                    dangling.push(Violation::Values {
                        table: contract.name,
                        column: column.name,
                        rule: format!("is not in `{table}.{key}`"),
                        n_rows,
                        first_row,
                        first_value: format!("`{value}`"),
                    });
                }
            }
        }
        if dangling.is_empty() {
            return Ok(());
        }
        let file = self.storage.name("tables");
        Err(TableError::Broken { file, violations: Violations(dangling) })
    }

    /// The distinct values of a text column, or `None` if its table is not there.
    fn values(&self, table: &str, column: &str) -> Result<Option<HashSet<String>>, TableError> {
        let Some(contract) = crate::catalog::contract_of(table) else { return Ok(None) };
        let Some(file) = self.open_file(&contract)? else { return Ok(None) };
        let mut values = HashSet::new();
        file.for_each_batch(|batch| {
            if let Some(array) = batch.column_by_name(column) {
                values.extend(array.as_string::<i32>().iter().flatten().map(str::to_owned));
            }
        })?;
        Ok(Some(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Image, Prompt};
    use crate::staging::Staging;
    use crate::vocabulary::{Split, StageName};

    #[test]
    fn a_reference_that_leads_nowhere_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&folder.path().into()).unwrap();
        let tables = Tables::new(storage.clone());
        tables.check_references().unwrap();
        let image = |image_id: &str, prompt_id: &str| Image {
            image_id: image_id.into(),
            prompt_id: prompt_id.into(),
            generator: None,
            path: None,
            sha256: None,
            width: None,
            height: None,
            bytes: None,
            split: Split::Test,
        };
        let prompt_id = "p1".to_owned();
        let prompt = Prompt { prompt_id, prompt: "a".into(), category: None, challenge: None, split: Split::Test };
        let mut staging = Staging::new(storage, StageName::Ingest);
        staging.write(&[prompt], &[]).unwrap();
        staging.write(&[image("i1", "p1"), image("i2", "p7"), image("i3", "p8")], &[]).unwrap();
        staging.commit("runs/ingest.json", "{}").unwrap();
        let error = tables.check_references().unwrap_err().to_string();
        assert!(
            error.contains("`images`: `prompt_id` is not in `prompts.prompt_id` in 2 row(s), first at row 2: `p7`"),
            "{error}"
        );
    }
}
