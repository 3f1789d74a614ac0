//! The answers that are in no part of the store yet, one JSON line each: a killed program loses none of them.
//!
//! A line is one plain write: what the system has taken outlives the program, though not the machine. A data root in a
//! bucket has no journal.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tables::{AnswerStatus, Storage, StorageError};

use crate::store::StoredAnswer;

/// The file under the data root: beside the parts' folder, not in it.
pub const JOURNAL: &str = "store/answers.journal.jsonl";

/// The open journal. Its lines are counted in bytes since it was opened, those it has forgotten too.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    written: u64,
    forgotten: u64,
}

impl Journal {
    /// Opens the journal of a data root, if that is on this machine.
    ///
    /// # Errors
    /// [`StorageError::File`].
    pub fn open(storage: &Storage) -> Result<Option<Self>, StorageError> {
        let Some(path) = path(storage) else { return Ok(None) };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| failed("create", folder, source))?;
        }
        let file = open(&path)?;
        let written = file.metadata().map_err(|source| failed("read", &path, source))?.len();
        Ok(Some(Self { path, file, written, forgotten: 0 }))
    }

    /// Writes an answer; returns where its line ends, for [`forget`](Self::forget).
    ///
    /// # Errors
    /// [`StorageError::File`]: a full disk.
    pub fn append(&mut self, answer: &StoredAnswer) -> Result<u64, StorageError> {
        let mut line = Vec::new();
        Line::serialize(answer, &mut serde_json::Serializer::new(&mut line))
            .map_err(|error| failed("write", &self.path, error.into()))?;
        line.push(b'\n');
        if let Err(source) = self.file.write_all(&line) {
            // Half a line would spoil the next one; if it cannot be taken back, reading leaves it out.
            let _ = self.file.set_len(self.written - self.forgotten);
            return Err(failed("write", &self.path, source));
        }
        self.written += line.len() as u64;
        Ok(self.written)
    }

    /// Takes out the lines that end at `end` or before, which are in a part by now.
    ///
    /// # Errors
    /// [`StorageError::File`].
    pub fn forget(&mut self, end: u64) -> Result<(), StorageError> {
        if end <= self.forgotten {
            return Ok(());
        }
        if end >= self.written {
            self.file.set_len(0).map_err(|source| failed("write", &self.path, source))?;
        } else {
            // Answers came while the part was written. A rename, so that a kill leaves the old lines or the new ones.
            let lines = std::fs::read(&self.path).map_err(|source| failed("read", &self.path, source))?;
            let at = usize::try_from(end - self.forgotten).unwrap_or(usize::MAX).min(lines.len());
            let new = self.path.with_extension("new");
            std::fs::write(&new, &lines[at..]).map_err(|source| failed("write", &new, source))?;
            std::fs::rename(&new, &self.path).map_err(|source| failed("rename", &new, source))?;
            self.file = open(&self.path)?;
        }
        self.forgotten = end;
        Ok(())
    }

    /// Takes out all lines.
    ///
    /// # Errors
    /// [`StorageError::File`].
    pub fn clear(&mut self) -> Result<(), StorageError> {
        self.forget(self.written)
    }

    /// The answers in the journal of a data root, oldest first. The last line may be torn by a kill and does not count;
    /// any other that cannot be read is left out with a warning: that question is asked again.
    ///
    /// # Errors
    /// [`StorageError::File`] if the file is there and cannot be read.
    pub fn rows(storage: &Storage) -> Result<Vec<StoredAnswer>, StorageError> {
        let Some(path) = path(storage) else { return Ok(Vec::new()) };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed("read", &path, source)),
        };
        let mut rows = Vec::new();
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let mut json = serde_json::Deserializer::from_slice(line);
            match Line::deserialize(&mut json).and_then(|row| json.end().map(|()| row)) {
                Ok(row) => rows.push(row),
                Err(_) if !line.ends_with(b"\n") => {}
                Err(error) => tracing::warn!(journal = JOURNAL, line = at + 1, %error, "line left out"),
            }
        }
        Ok(rows)
    }
}

fn path(storage: &Storage) -> Option<PathBuf> {
    storage.local_root().map(|root| root.join(JOURNAL))
}

fn open(path: &Path) -> Result<File, StorageError> {
    OpenOptions::new().append(true).create(true).open(path).map_err(|source| failed("create", path, source))
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
    readout: String,
    status: AnswerStatus,
    #[serde(with = "exact")]
    p_yes: Option<f64>,
    #[serde(with = "exact")]
    logit_yes: Option<f64>,
    #[serde(with = "exact")]
    logit_no: Option<f64>,
    #[serde(with = "exact")]
    label_mass: Option<f64>,
    reason: Option<String>,
    top_logprobs: Option<String>,
    attempts: i64,
    seconds: f64,
}

/// Numbers as text: `serde_json` may read the last bit of a JSON number differently.
mod exact {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub fn serialize<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        number.map(|number| number.to_string()).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{storage, stored};

    fn journal(storage: &Storage) -> Journal {
        Journal::open(storage).unwrap().unwrap()
    }

    fn queries(storage: &Storage) -> Vec<String> {
        Journal::rows(storage).unwrap().into_iter().map(|row| row.query).collect()
    }

    #[test]
    fn an_answer_comes_back_to_the_last_bit() {
        let (_folder, storage) = storage();
        assert!(Journal::rows(&storage).unwrap().is_empty(), "there is no file yet");
        let mut state = 1_u64;
        let mut rows = Vec::new();
        for at in 0..500 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let p = (state >> 11) as f64 / (1_u64 << 53) as f64;
            let mut row = stored(&format!("{at}: \"quoted\"\nsecond line, ümlaut"), AnswerStatus::Ok);
            (row.p_yes, row.logit_yes, row.logit_no) = (Some(p), Some(p.ln()), Some(-1e-300 * p));
            (row.label_mass, row.reason, row.top_logprobs) = (Some(1.0), None, Some("[[\"Yes\",-0.1]]".into()));
            rows.push(row);
        }
        rows.push(stored("failed", AnswerStatus::Error));
        let mut journal = journal(&storage);
        for row in &rows {
            journal.append(row).unwrap();
        }
        assert_eq!(Journal::rows(&storage).unwrap(), rows);
    }

    #[test]
    fn only_what_is_in_a_part_is_forgotten() {
        let (_folder, storage) = storage();
        let mut journal = journal(&storage);
        let ends: Vec<u64> =
            ["a", "b", "c"].iter().map(|query| journal.append(&stored(query, AnswerStatus::Ok)).unwrap()).collect();
        journal.forget(ends[1]).unwrap();
        assert_eq!(queries(&storage), ["c"]);
        let end = journal.append(&stored("d", AnswerStatus::Ok)).unwrap();
        journal.forget(ends[0]).unwrap();
        assert_eq!(queries(&storage), ["c", "d"]);
        journal.forget(end).unwrap();
        assert!(queries(&storage).is_empty());
        journal.append(&stored("e", AnswerStatus::Ok)).unwrap();
        assert_eq!(queries(&storage), ["e"]);
    }

    #[test]
    fn a_torn_or_unreadable_line_costs_no_other() {
        let (folder, storage) = storage();
        let mut journal = journal(&storage);
        for query in ["a", "b"] {
            journal.append(&stored(query, AnswerStatus::Ok)).unwrap();
        }
        let file = folder.path().join(JOURNAL);
        let whole = std::fs::read(&file).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for cut in first..whole.len() {
            std::fs::write(&file, &whole[..cut]).unwrap();
            let expected: &[&str] = if cut == whole.len() - 1 { &["a", "b"] } else { &["a"] };
            assert_eq!(queries(&storage), expected, "cut at byte {cut}");
        }
        std::fs::write(&file, [b"\xff\xfe{\n\n", &whole[..]].concat()).unwrap();
        assert_eq!(queries(&storage), ["a", "b"]);
    }
}
