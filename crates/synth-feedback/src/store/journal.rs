//! The answers that are in no part of a store yet, one JSON line each: a killed program loses none of them.
//!
//! A journal belongs to one running program, which holds a lock on it for as long as it lives, however it ends. It has
//! the name of the part that its answers will make: where that part is there already, the journal has done its work.
//! A line is one plain write: what the system has taken outlives the program; [`Journal::to_sync`] is for the machine.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tables::{AnswerStatus, StorageError, Table, TableError, new_name};

use super::{AnswerStore, Manner, StoredAnswer, takes_place};

const SUFFIX: &str = ".jsonl";

/// An open journal, locked by this program.
#[derive(Debug)]
pub struct Journal {
    name: String,
    path: PathBuf,
    file: Arc<File>,
    bytes: u64,
    line: Vec<u8>,
}

impl Journal {
    /// Starts an empty journal in a store, if that is on this machine.
    ///
    /// # Errors
    /// [`StorageError::File`].
    pub fn start(store: &AnswerStore) -> Result<Option<Self>, StorageError> {
        let Some(folder) = store.local_folder() else { return Ok(None) };
        std::fs::create_dir_all(&folder).map_err(|source| failed("create", &folder, source))?;
        let name = new_name();
        let path = folder.join(format!("{name}{SUFFIX}"));
        // It gets its name when it is locked: nobody finds it without its owner.
        let unnamed = path.with_extension("new");
        let options = OpenOptions::new().append(true).create_new(true).open(&unnamed);
        let file = options.map_err(|source| failed("create", &unnamed, source))?;
        file.lock().map_err(|source| failed("lock", &unnamed, source))?;
        std::fs::rename(&unnamed, &path).map_err(|source| failed("rename", &unnamed, source))?;
        // Else a power cut could take the name away, and with it what was synced under it.
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(|source| failed("sync", &folder, source))?;
        Ok(Some(Self { name, path, file: Arc::new(file), bytes: 0, line: Vec::new() }))
    }

    /// The name of the part that its answers will make.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes an answer: when this returns, a kill does not lose it.
    ///
    /// # Errors
    /// [`StorageError::File`]: a full disk.
    pub fn append(&mut self, answer: &StoredAnswer) -> Result<(), StorageError> {
        self.line.clear();
        Line::serialize(answer, &mut serde_json::Serializer::new(&mut self.line))
            .map_err(|error| failed("write", &self.path, error.into()))?;
        self.line.push(b'\n');
        if let Err(source) = (&*self.file).write_all(&self.line) {
            // Half a line would spoil the next one; if it cannot be taken back, reading leaves it out.
            let _ = self.file.set_len(self.bytes);
            return Err(failed("write", &self.path, source));
        }
        self.bytes += self.line.len() as u64;
        Ok(())
    }

    /// The file, to be synced while others write.
    pub fn to_sync(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Takes it away: its answers are in a part.
    ///
    /// # Errors
    /// [`StorageError::File`].
    pub fn remove(self) -> Result<(), StorageError> {
        remove(&self.path)
    }
}

/// The rows of all journals of a store, oldest journal first.
///
/// # Errors
/// [`StorageError::File`] if one is there and cannot be read.
pub fn all_rows(store: &AnswerStore) -> Result<Vec<StoredAnswer>, StorageError> {
    let mut rows = Vec::new();
    for path in journals(store)? {
        rows.extend(read(&path)?);
    }
    Ok(rows)
}

/// Makes parts of the journals that killed programs left. Gives the number of rows that could not be kept, because they
/// break the contract of stored answers; each is warned of, and its question is asked again.
///
/// # Errors
/// [`TableError`]: a full disk.
pub fn recover(store: &AnswerStore) -> Result<usize, TableError> {
    let mut n_left_out = 0;
    for path in journals(store)? {
        let Some(_lock) = lock_if_left(&path)? else { continue };
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let rows = read(&path)?;
        if !store.parts().has(&name)? && !rows.is_empty() {
            tracing::info!(n_answers = rows.len(), "answers that a killed run left");
            n_left_out += keep_as(store, &name, rows)?;
        }
        remove(&path)?;
    }
    Ok(n_left_out)
}

/// Makes a part of rows. Gives the number of those that break the contract and are left out with a warning.
///
/// # Errors
/// [`TableError`]: a full disk.
pub(super) fn keep_as(store: &AnswerStore, name: &str, rows: Vec<StoredAnswer>) -> Result<usize, TableError> {
    // Nearly always there is nothing wrong with them.
    match store.parts().append_as(name, &rows) {
        Err(TableError::Broken { .. }) => {}
        other => return other.map(|()| 0),
    }
    let mut n_left_out = 0;
    // A part has every name once.
    let mut distinct: BTreeMap<_, StoredAnswer> = BTreeMap::new();
    for row in rows {
        if let Err(error) = tables::check(StoredAnswer::contract(), &tables::encode(std::slice::from_ref(&row))) {
            tracing::warn!(%error, "a kept answer is left out");
            n_left_out += 1;
            continue;
        }
        let named = (Manner::of(&row), row.sha256.clone(), row.query.clone());
        let stays = |kept: &StoredAnswer| !takes_place((kept.status, kept.answered_at), (row.status, row.answered_at));
        if !distinct.get(&named).is_some_and(stays) {
            distinct.insert(named, row);
        }
    }
    store.parts().append_as(name, &distinct.into_values().collect::<Vec<_>>())?;
    Ok(n_left_out)
}

/// The journals of a store, oldest first.
fn journals(store: &AnswerStore) -> Result<Vec<PathBuf>, StorageError> {
    let Some(folder) = store.local_folder() else { return Ok(Vec::new()) };
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect::<io::Result<Vec<_>>>),
    };
    let entries = entries.map_err(|source| failed("list", &folder, source))?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(SUFFIX));
    paths.sort();
    Ok(paths)
}

/// How many journals a store has, those of running programs among them.
pub(super) fn count(store: &AnswerStore) -> Result<usize, StorageError> {
    Ok(journals(store)?.len())
}

/// A journal's lock, if it is there and its program is not.
fn lock_if_left(path: &Path) -> Result<Option<File>, StorageError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|source| failed("read", path, source))?,
    };
    match file.try_lock() {
        // Another program may have taken it away between the two.
        Ok(()) => Ok(path.exists().then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(failed("lock", path, source)),
    }
}

/// The answers of one journal. The last line may be torn by a kill and does not count; any other that cannot be read is
/// left out with a warning: that question is asked again.
fn read(path: &Path) -> Result<Vec<StoredAnswer>, StorageError> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes.map_err(|source| failed("read", path, source))?,
    };
    let mut rows = Vec::new();
    for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let mut json = serde_json::Deserializer::from_slice(line);
        match Line::deserialize(&mut json).and_then(|row| json.end().map(|()| row)) {
            Ok(row) => rows.push(row),
            Err(_) if !line.ends_with(b"\n") => {}
            Err(error) => tracing::warn!(journal = %path.display(), line = at + 1, %error, "line left out"),
        }
    }
    Ok(rows)
}

fn remove(path: &Path) -> Result<(), StorageError> {
    std::fs::remove_file(path).map_err(|source| failed("delete", path, source))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> StorageError {
    StorageError::File { action, path: path.to_owned(), source }
}

/// How a stored answer stands in a line.
#[derive(Serialize, Deserialize)]
#[serde(remote = "StoredAnswer")]
struct Line {
    sha256: String,
    query: String,
    model: String,
    revision: Option<String>,
    readout: String,
    template: String,
    image_form: String,
    status: AnswerStatus,
    p_yes: Option<f64>,
    logit_yes: Option<f64>,
    logit_no: Option<f64>,
    label_mass: Option<f64>,
    reason: Option<String>,
    raw: Option<String>,
    attempts: i64,
    seconds: f64,
    prompt_tokens: Option<i64>,
    cached_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    answered_at: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{store, stored};

    fn started(store: &AnswerStore) -> Journal {
        Journal::start(store).unwrap().unwrap()
    }

    fn queries(store: &AnswerStore) -> Vec<String> {
        all_rows(store).unwrap().into_iter().map(|row| row.query).collect()
    }

    fn kept(store: &AnswerStore) -> Vec<StoredAnswer> {
        store.parts().rows().unwrap()
    }

    #[test]
    fn an_answer_comes_back_to_the_last_bit() {
        let (_folder, store) = store();
        assert!(all_rows(&store).unwrap().is_empty(), "there is no folder yet");
        let mut state = 1_u64;
        let mut rows = Vec::new();
        for at in 0..500 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let p = (state >> 11) as f64 / (1_u64 << 53) as f64;
            let mut row = stored(&format!("{at}: \"quoted\"\nsecond line, ümlaut"), AnswerStatus::Ok);
            (row.p_yes, row.logit_yes, row.logit_no) = (Some(p), Some(p.ln()), Some(-1e-300 * p));
            (row.label_mass, row.reason, row.raw) = (Some(1.0), None, Some("[[\"Yes\",-0.1]]".into()));
            (row.revision, row.prompt_tokens) = (Some("r".into()), Some(7));
            rows.push(row);
        }
        rows.push(stored("failed", AnswerStatus::Error));
        let mut journal = started(&store);
        for row in &rows {
            journal.append(row).unwrap();
        }
        assert_eq!(all_rows(&store).unwrap(), rows);
    }

    #[test]
    fn a_journal_is_left_alone_while_its_program_lives_and_becomes_a_part_once_when_it_does_not() {
        let (_folder, store) = store();
        let mut journal = started(&store);
        ["a", "b"].iter().for_each(|query| journal.append(&stored(query, AnswerStatus::Ok)).unwrap());
        assert_eq!((recover(&store).unwrap(), kept(&store).len()), (0, 0));
        assert_eq!(queries(&store), ["a", "b"], "but read");
        drop(journal);
        for _ in 0..2 {
            assert_eq!(recover(&store).unwrap(), 0);
            assert_eq!((kept(&store).len(), queries(&store).len()), (2, 0));
        }
    }

    #[test]
    fn a_journal_whose_part_is_there_already_is_not_kept_twice() {
        let (_folder, store) = store();
        let mut journal = started(&store);
        journal.append(&stored("a", AnswerStatus::Ok)).unwrap();
        store.parts().append_as(journal.name(), &[stored("a", AnswerStatus::Ok)]).unwrap();
        drop(journal);
        recover(&store).unwrap();
        assert_eq!((kept(&store).len(), count(&store).unwrap()), (1, 0));
    }

    #[test]
    fn a_row_that_breaks_its_contract_is_left_out_and_counted_and_holds_up_nothing() {
        let (_folder, store) = store();
        let mut journal = started(&store);
        let broken = [
            StoredAnswer { p_yes: Some(1.5), ..stored("too much", AnswerStatus::Ok) },
            StoredAnswer { sha256: "00".into(), ..stored("no digest", AnswerStatus::Ok) },
        ];
        for row in [stored("a", AnswerStatus::Error), stored("a", AnswerStatus::Ok)].iter().chain(&broken) {
            journal.append(row).unwrap();
        }
        journal.append(&stored("a", AnswerStatus::Error)).unwrap();
        drop(journal);
        assert_eq!(recover(&store).unwrap(), 2);
        assert_eq!(kept(&store), [stored("a", AnswerStatus::Ok)]);
    }

    #[test]
    fn a_torn_or_unreadable_line_costs_no_other() {
        let (_folder, store) = store();
        let mut journal = started(&store);
        for query in ["a", "b"] {
            journal.append(&stored(query, AnswerStatus::Ok)).unwrap();
        }
        let file = journal.path.clone();
        let whole = std::fs::read(&file).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for cut in first..whole.len() {
            std::fs::write(&file, &whole[..cut]).unwrap();
            let expected: &[&str] = if cut == whole.len() - 1 { &["a", "b"] } else { &["a"] };
            assert_eq!(queries(&store), expected, "cut at byte {cut}");
        }
        std::fs::write(&file, [b"\xff\xfe{\n\n", &whole[..]].concat()).unwrap();
        assert_eq!(queries(&store), ["a", "b"]);
    }
}
