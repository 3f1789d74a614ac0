//! How a stage's tables become visible: all staged, then a journal, then renames that a later run can finish.
//!
//! A run that is killed before the journal leaves the old tables; one killed after it leaves a journal, and
//! [`recover`] (called before anything reads) moves the rest into place. So all tables of a stage change together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contract::Table;
use crate::digest::{digest_bytes, digest_file};
use crate::parquet_io::{TableError, TableWriter};
use crate::storage::{Storage, StorageError};
use crate::tables::Tables;
use crate::vocabulary::StageName;

/// What a run record keeps of one written table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WrittenTable {
    /// Digest of its rows without the measured columns.
    pub content: String,
    /// Digest of its file's bytes: while they stay the same, so does `content`.
    pub file: String,
    /// How many rows it has.
    pub n_rows: usize,
}

/// The tables that a running stage has written so far; no reader sees them yet.
pub struct Staging {
    storage: Storage,
    stage: StageName,
    tables: BTreeMap<&'static str, WrittenTable>,
    files: BTreeMap<String, String>,
    other_files: BTreeMap<String, String>,
}

impl Staging {
    /// Starts with nothing staged.
    pub fn new(storage: Storage, stage: StageName) -> Self {
        Self { storage, stage, tables: BTreeMap::new(), files: BTreeMap::new(), other_files: BTreeMap::new() }
    }

    /// Stages a whole table.
    ///
    /// # Errors
    /// [`TableError::Broken`] with every promise the rows break; [`TableError::Storage`] for a full disk.
    pub fn write<T: Table>(&mut self, rows: &[T], metadata: &[(String, String)]) -> Result<(), TableError> {
        let mut chunks = rows.chunks(65_536);
        let mut writer = self.writer(metadata, chunks.next().unwrap_or(&[]))?;
        chunks.try_for_each(|chunk| writer.append(chunk))?;
        self.finish(writer)
    }

    /// Starts a table that is written as its rows come; end it with [`finish`](Self::finish).
    ///
    /// # Errors
    /// As [`TableWriter::create`].
    pub fn writer<T: Table>(
        &self,
        metadata: &[(String, String)],
        first: &[T],
    ) -> Result<TableWriter<T, tempfile::NamedTempFile>, TableError> {
        TableWriter::create(self.storage.scratch_file()?, metadata, first)
    }

    /// Stages a table whose rows are all written.
    ///
    /// # Errors
    /// As [`TableWriter::finish`].
    pub fn finish<T: Table>(&mut self, writer: TableWriter<T, tempfile::NamedTempFile>) -> Result<(), TableError> {
        let (scratch, n_rows, content) = writer.finish()?;
        let staged = self.staged_key(T::NAME);
        let file = file_digest(&scratch)?;
        self.storage.put_file(&staged, scratch)?;
        self.tables.insert(T::NAME, WrittenTable { content, file, n_rows });
        self.files.insert(staged, Tables::key(T::NAME));
        Ok(())
    }

    /// Stages a file that is no table (a model, a report) under a key of the data root.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn write_file(&mut self, key: &str, bytes: impl Into<bytes::Bytes>) -> Result<(), StorageError> {
        let staged = self.staged_key(&key.replace('/', "__"));
        let bytes: bytes::Bytes = bytes.into();
        self.other_files.insert(key.to_owned(), digest_bytes(&bytes));
        self.storage.put(&staged, bytes)?;
        self.files.insert(staged, key.to_owned());
        Ok(())
    }

    /// What has been staged.
    pub fn tables(&self) -> &BTreeMap<&'static str, WrittenTable> {
        &self.tables
    }

    /// Makes everything visible, with the run record that vouches for it.
    ///
    /// # Errors
    /// [`StorageError`]; what is staged then stays for [`recover`], or goes, but is never half there.
    pub fn commit(self, record_key: &str, record: &str) -> Result<(), StorageError> {
        let commit = Commit { files: self.files, record_key: record_key.to_owned(), record: record.to_owned() };
        let journal = format!("staging/{}.commit.json", self.stage.command());
        let text = serde_json::to_string(&commit).unwrap_or_else(|error| unreachable!("strings serialise: {error}"));
        self.storage.put(&journal, text)?;
        commit.finish(&self.storage, &journal, Missing::IsAnError)
    }

    /// The keys of the files that are no tables, with the digests of their bytes.
    pub fn other_files(&self) -> &BTreeMap<String, String> {
        &self.other_files
    }

    fn staged_key(&self, name: &str) -> String {
        format!("staging/{}/{name}", self.stage.command())
    }
}

fn file_digest(scratch: &tempfile::NamedTempFile) -> Result<String, StorageError> {
    digest_file(scratch.path()).map_err(|source| StorageError::File {
        action: "read",
        path: scratch.path().to_owned(),
        source,
    })
}

/// What a staged file that is not there means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// It was staged a moment ago, so something else took it away.
    IsAnError,
    /// The run that was killed had moved it already.
    WasMoved,
}

/// A journal: what is to be moved where, and the record that then holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Commit {
    files: BTreeMap<String, String>,
    record_key: String,
    record: String,
}

impl Commit {
    fn finish(&self, storage: &Storage, journal: &str, missing: Missing) -> Result<(), StorageError> {
        for (staged, key) in &self.files {
            let moved = storage.rename(staged, key)?;
            if !moved && missing == Missing::IsAnError {
                return Err(StorageError::Vanished { object: storage.name(staged) });
            }
        }
        storage.put(&self.record_key, self.record.clone())?;
        storage.delete(journal)
    }
}

/// Finishes commits that were cut short and removes what was staged without one. Call it while holding the root's lock.
///
/// # Errors
/// [`StorageError`].
pub fn recover(storage: &Storage) -> Result<(), StorageError> {
    storage.sweep_scratch();
    for journal in storage.list("staging")?.iter().filter(|key| key.ends_with(".commit.json")) {
        // A journal is written all at once, so one that does not parse is not ours.
        let bytes = storage.get_bytes(journal)?.unwrap_or_default();
        if let Ok(commit) = serde_json::from_slice::<Commit>(&bytes) {
            commit.finish(storage, journal, Missing::WasMoved)?;
        }
    }
    storage.list("staging")?.iter().try_for_each(|left| storage.delete(left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Prompt;
    use crate::vocabulary::Split;

    fn prompts(text: &str) -> Vec<Prompt> {
        vec![Prompt {
            prompt_id: "p1".into(),
            prompt: text.into(),
            category: None,
            challenge: None,
            split: Split::Train,
        }]
    }

    fn storage() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&folder.path().into()).unwrap();
        (folder, storage)
    }

    #[test]
    fn staged_tables_are_seen_only_after_the_commit() {
        let (_folder, storage) = storage();
        let tables = Tables::new(storage.clone());
        let mut staging = Staging::new(storage.clone(), StageName::Ingest);
        staging.write(&prompts("a dog"), &[]).unwrap();
        assert!(matches!(tables.read::<Prompt>(), Err(TableError::Missing { .. })));
        staging.commit("runs/ingest.json", "{}").unwrap();
        assert_eq!(tables.read::<Prompt>().unwrap(), prompts("a dog"));
        assert_eq!(storage.list("").unwrap(), ["runs/ingest.json", "tables/prompts/prompts.parquet"]);
    }

    #[test]
    fn a_commit_cut_short_after_its_journal_is_finished_and_one_cut_short_before_it_is_undone() {
        let (_folder, storage) = storage();
        let tables = Tables::new(storage.clone());
        let mut first = Staging::new(storage.clone(), StageName::Ingest);
        first.write(&prompts("old"), &[]).unwrap();
        first.commit("runs/ingest.json", "old").unwrap();

        let mut killed = Staging::new(storage.clone(), StageName::Ingest);
        killed.write(&prompts("new"), &[]).unwrap();
        let files = killed.files.clone();
        drop(killed);
        recover(&storage).unwrap();
        assert_eq!(tables.read::<Prompt>().unwrap(), prompts("old"));

        let mut killed = Staging::new(storage.clone(), StageName::Ingest);
        killed.write(&prompts("new"), &[]).unwrap();
        let journal = Commit { files, record_key: "runs/ingest.json".into(), record: "new".into() };
        storage.put("staging/ingest.commit.json", serde_json::to_string(&journal).unwrap()).unwrap();
        recover(&storage).unwrap();
        assert_eq!(tables.read::<Prompt>().unwrap(), prompts("new"));
        assert_eq!(storage.get_bytes("runs/ingest.json").unwrap().unwrap(), "new");
        assert_eq!(storage.list("staging").unwrap(), [""; 0]);
    }
}
