//! What a stage keeps while it works: immutable Parquet parts that a killed run does not lose.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::marker::PhantomData;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::contract::Table;
use crate::parquet_io::{TableError, TableReader, TableWriter};
use crate::storage::{Storage, StorageError};

/// A growing collection of rows in one folder, appended a whole part at a time.
///
/// Parts are checked like tables, except that a key may come back in a later part: which row is the valid one is for the
/// reader to say. A part's name is its own for good, so that any number of programs may add parts at the same time.
pub struct Parts<T: Table> {
    storage: Storage,
    folder: String,
    read_older: Option<ReadOlder<T>>,
    rows: PhantomData<T>,
}

/// How the rows of a part are read that has another version of the contract.
pub type ReadOlder<T> = fn(&Storage, &Part) -> Result<Vec<T>, TableError>;

/// One part as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it stands.
    pub key: String,
    /// Size of its file.
    pub bytes: u64,
}

/// How often a reader looks again for parts that were merged while it read.
const MOST_LOOKS: usize = 100;

impl<T: Table> Parts<T> {
    /// The parts under `<data-root>/store/<name>/`.
    pub fn open(storage: &Storage, name: &str) -> Self {
        Self::open_in(storage, &format!("store/{name}"))
    }

    /// The parts in a folder.
    pub fn open_in(storage: &Storage, folder: &str) -> Self {
        Self { storage: storage.clone(), folder: folder.to_owned(), read_older: None, rows: PhantomData }
    }

    /// The same; parts of another version of the contract are read by this.
    pub fn with_older(self, read_older: ReadOlder<T>) -> Self {
        Self { read_older: Some(read_older), ..self }
    }

    /// Every row of every part, oldest part first. A part that cannot be read is left out with a warning: what it held
    /// is made again.
    ///
    /// # Errors
    /// [`TableError::Storage`] if the folder cannot be listed.
    pub fn rows(&self) -> Result<Vec<T>, TableError> {
        let mut rows = Vec::new();
        self.for_each_chunk(|chunk| rows.extend(chunk))?;
        Ok(rows)
    }

    /// The same, some thousand rows at a time: all of them may be more than fits in memory.
    ///
    /// A part that another program merges into a new one meanwhile is found there; rows may come twice then.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn for_each_chunk(&self, mut take: impl FnMut(Vec<T>)) -> Result<(), TableError> {
        let mut looked_at = HashSet::new();
        for _ in 0..MOST_LOOKS {
            let mut n_vanished = 0;
            for part in self.list()? {
                if looked_at.contains(&part.key) {
                    continue;
                }
                match self.read(&part, &mut take) {
                    Err(TableError::Storage(StorageError::Vanished { .. })) => {
                        n_vanished += 1;
                        continue;
                    }
                    Err(error) => tracing::warn!(part = part.key, %error, "part left out"),
                    Ok(()) => {}
                }
                looked_at.insert(part.key);
            }
            if n_vanished == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The rows of one part, some thousand at a time.
    ///
    /// # Errors
    /// [`StorageError::Vanished`] if it is not there any more; whatever else keeps it from being read to its end.
    pub fn read(&self, part: &Part, mut take: impl FnMut(Vec<T>)) -> Result<(), TableError> {
        let object = self.storage.name(&part.key);
        let content = self.storage.get(&part.key)?.ok_or(StorageError::Vanished { object: object.clone() })?;
        match (TableReader::open(content, object), self.read_older) {
            (Err(TableError::Version { .. }), Some(read_older)) => {
                take(read_older(&self.storage, part)?);
                Ok(())
            }
            (reader, _) => reader?.for_each_chunk(take),
        }
    }

    /// The parts, oldest first.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn list(&self) -> Result<Vec<Part>, StorageError> {
        let listed = self.storage.list_with_sizes(&self.folder)?.into_iter();
        Ok(listed.filter(|(key, _)| key.ends_with(SUFFIX)).map(|(key, bytes)| Part { key, bytes }).collect())
    }

    /// Keeps rows for good: when this returns, neither a kill nor a power cut loses them.
    ///
    /// # Errors
    /// [`TableError`]: rows that break the contract, or a full disk.
    pub fn append(&self, rows: &[T]) -> Result<(), TableError> {
        self.append_as(&new_name(), rows)
    }

    /// The same under a name that the caller has from [`new_name`]. Nothing is written if there are no rows.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_as(&self, name: &str, rows: &[T]) -> Result<(), TableError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut part = NewPart::default();
        part.append(self, rows)?;
        part.finish(self, name)
    }

    /// Whether there is a part of that name.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn has(&self, name: &str) -> Result<bool, StorageError> {
        let key = self.key(name);
        Ok(self.list()?.iter().any(|part| part.key == key))
    }

    /// Takes a part away.
    ///
    /// # Errors
    /// If it cannot be deleted.
    pub fn delete(&self, part: &Part) -> Result<(), StorageError> {
        self.storage.delete(&part.key)
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}{SUFFIX}", self.folder)
    }
}

/// A part that is written as its rows come; nobody sees it before [`finish`](Self::finish).
pub struct NewPart<T: Table> {
    writer: Option<TableWriter<T, tempfile::NamedTempFile>>,
}

impl<T: Table> Default for NewPart<T> {
    fn default() -> Self {
        Self { writer: None }
    }
}

impl<T: Table> NewPart<T> {
    /// Adds rows.
    ///
    /// # Errors
    /// [`TableError`]: rows that break the contract, or a full disk.
    pub fn append(&mut self, parts: &Parts<T>, rows: &[T]) -> Result<(), TableError> {
        match &mut self.writer {
            Some(writer) => writer.append(rows)?,
            None if rows.is_empty() => {}
            None => self.writer = Some(TableWriter::create(parts.storage.scratch_file()?, &[], rows)?),
        }
        Ok(())
    }

    /// Makes it a part, under a name from [`new_name`]; without rows there is none.
    ///
    /// # Errors
    /// [`TableError`]: rows that break the contract, or a full disk.
    pub fn finish(self, parts: &Parts<T>, name: &str) -> Result<(), TableError> {
        let Some(writer) = self.writer else { return Ok(()) };
        let (file, _, _) = writer.finish()?;
        Ok(parts.storage.put_file(&parts.key(name), file)?)
    }
}

const SUFFIX: &str = ".parquet";

/// A name that no other part has or will have, on any machine; later ones sort later.
pub fn new_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    // Each `RandomState` has keys of its own that the system's random numbers started.
    let random = RandomState::new().build_hasher().finish() ^ u64::from(std::process::id());
    format!("{now:013}-{random:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Prompt;
    use crate::vocabulary::Split;

    fn prompts(names: &[String]) -> Vec<Prompt> {
        let prompt = |name: &String| Prompt {
            prompt_id: name.clone(),
            prompt: "a dog".into(),
            category: None,
            challenge: None,
            split: Split::Train,
        };
        names.iter().map(prompt).collect()
    }

    fn parts() -> (tempfile::TempDir, Parts<Prompt>) {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&folder.path().into()).unwrap();
        (folder, Parts::open(&storage, "prompts"))
    }

    #[test]
    fn many_writers_at_once_lose_and_overwrite_nothing() {
        let (folder, parts) = parts();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let folder = folder.path();
                scope.spawn(move || {
                    let parts: Parts<Prompt> = Parts::open(&Storage::open(&folder.into()).unwrap(), "prompts");
                    for at in 0..10 {
                        parts.append(&prompts(&[format!("{writer}-{at}")])).unwrap();
                    }
                });
            }
        });
        let names: HashSet<String> = parts.rows().unwrap().into_iter().map(|row| row.prompt_id).collect();
        assert_eq!((names.len(), parts.list().unwrap().len()), (80, 80));
    }

    #[test]
    fn a_reader_finds_what_was_merged_under_its_eyes_in_the_new_part() {
        let (_folder, parts) = parts();
        for name in ["a", "b", "c"] {
            parts.append(&prompts(&[name.to_owned()])).unwrap();
        }
        let mut seen = Vec::new();
        let read = parts.for_each_chunk(|chunk| {
            if seen.is_empty() {
                // Another program merges all three as soon as the first has been read.
                let (old, all) = (parts.list().unwrap(), ["a", "b", "c"].map(str::to_owned));
                parts.append(&prompts(&all)).unwrap();
                old.iter().for_each(|part| parts.delete(part).unwrap());
            }
            seen.extend(chunk.into_iter().map(|row| row.prompt_id));
        });
        read.unwrap();
        seen.sort();
        assert_eq!(seen.join(""), "aabc");
    }

    #[test]
    fn a_part_that_cannot_be_read_is_left_out_and_an_empty_one_is_not_written() {
        let (folder, parts) = parts();
        parts.append(&[]).unwrap();
        assert_eq!(parts.list().unwrap(), []);
        parts.append(&prompts(&["a".to_owned()])).unwrap();
        std::fs::write(folder.path().join("store/prompts/0.parquet"), "PAR1 and no more").unwrap();
        std::fs::write(folder.path().join("store/prompts/notes.txt"), "not ours").unwrap();
        assert_eq!((parts.list().unwrap().len(), parts.rows().unwrap().len()), (2, 1));
        assert!(parts.has("0").unwrap() && !parts.has("1").unwrap());
    }
}
