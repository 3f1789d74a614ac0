//! The answer store: every answer of an endpoint is kept by what was asked, so that none is asked twice.
//!
//! An answer's name is (SHA-256 of the picture, text, model, readout): a new attribute, image or question asks only what
//! is new. Parts are appended every two seconds or 1,000 answers, whichever is first: a kill loses no more.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tables::{AnswerStatus, Parts, TableError, table};

use crate::readout::READOUT;

/// The folder under `<data-root>/store/`.
pub const STORE: &str = "answers";

table! {
    /// One answer of an endpoint, as it is kept across runs.
    "stored_answers" version 1 by SynthFeedback key [sha256, query, model, readout]
    pub struct StoredAnswer {
        /// SHA-256 of the picture that was shown.
        sha256: String where Sha256,
        /// The text that was asked.
        query: String where NotEmpty,
        /// The model that was asked.
        model: String where NotEmpty,
        /// How it was asked and read.
        readout: String where NotEmpty,
        /// How it came out; `error` is asked again by the next run.
        status: AnswerStatus,
        /// Probability of "yes".
        p_yes: Option<f64> where Between(0.0, 1.0),
        /// Log of the summed probability of the first token's "yes" variants.
        logit_yes: Option<f64>,
        /// Log of the summed probability of the first token's "no" variants.
        logit_no: Option<f64>,
        /// Probability that the first token is a yes or a no at all.
        label_mass: Option<f64> where Between(0.0, 1.000001),
        /// Why there is no answer, for `error`.
        reason: Option<String>,
        /// What was read: JSON `[[token, logprob], …]`, the sampled token first.
        top_logprobs: Option<String>,
        /// Requests that were sent for it.
        attempts: i64 where AtLeast(0.0),
        /// How long the last one took, in seconds.
        seconds: f64 where AtLeast(0.0),
    }
}

/// What the table of answers needs of a stored one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnownAnswer {
    /// How it came out.
    pub status: AnswerStatus,
    /// Probability of "yes".
    pub p_yes: Option<f64>,
    /// Log of the summed probability of the "yes" variants.
    pub logit_yes: Option<f64>,
    /// Log of the summed probability of the "no" variants.
    pub logit_no: Option<f64>,
    /// Probability of a yes or a no at all.
    pub label_mass: Option<f64>,
    /// Requests that were sent for it.
    pub attempts: i64,
    /// How long the last one took, in seconds.
    pub seconds: f64,
}

impl From<&StoredAnswer> for KnownAnswer {
    fn from(stored: &StoredAnswer) -> Self {
        let StoredAnswer { status, p_yes, logit_yes, logit_no, label_mass, attempts, seconds, .. } = *stored;
        Self { status, p_yes, logit_yes, logit_no, label_mass, attempts, seconds }
    }
}

/// The answers of one model under the present readout, by picture and text.
#[derive(Debug, Default)]
pub struct KnownAnswers(HashMap<[u8; 32], KnownAnswer>);

impl KnownAnswers {
    /// Those that the store has.
    ///
    /// # Errors
    /// As [`Parts::for_each_part`].
    pub fn load(parts: &Parts<StoredAnswer>, model: &str) -> Result<Self, TableError> {
        let mut known = Self::default();
        parts.for_each_part(|rows| {
            rows.iter().filter(|row| row.model == model && row.readout == READOUT).for_each(|row| known.insert(row));
        })?;
        Ok(known)
    }

    /// Adds an answer; an `error` takes no one's place.
    pub fn insert(&mut self, stored: &StoredAnswer) {
        let key = Self::key(&stored.sha256, &stored.query);
        if is_final(stored.status) || !self.0.get(&key).is_some_and(|known| is_final(known.status)) {
            self.0.insert(key, stored.into());
        }
    }

    /// The answer to a text about a picture, an `error` too.
    pub fn get(&self, sha256: &str, query: &str) -> Option<&KnownAnswer> {
        self.0.get(&Self::key(sha256, query))
    }

    /// Whether there is no need to ask.
    pub fn is_answered(&self, sha256: &str, query: &str) -> bool {
        self.get(sha256, query).is_some_and(|known| is_final(known.status))
    }

    /// Whether this model has ever answered anything.
    pub fn has_answers(&self) -> bool {
        self.0.values().any(|known| is_final(known.status))
    }

    // 32 bytes instead of two strings: a store may hold millions.
    fn key(sha256: &str, query: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(sha256.as_bytes()).update(b"\0").update(query.as_bytes());
        hasher.finalize().into()
    }
}

/// All but a failed call is an answer.
fn is_final(status: AnswerStatus) -> bool {
    status != AnswerStatus::Error
}

const MOST_UNSAVED: usize = 1_000;
const LONGEST_UNSAVED: Duration = Duration::from_secs(2);

/// Keeps answers as they come, on a thread of its own: the network does not wait for the disk.
pub struct Keeper {
    sender: Option<Sender<StoredAnswer>>,
    thread: Option<JoinHandle<Result<(), TableError>>>,
}

impl Keeper {
    /// Starts to keep answers in the store.
    pub fn start(parts: Parts<StoredAnswer>) -> Self {
        let (sender, receiver) = channel();
        Self { sender: Some(sender), thread: Some(std::thread::spawn(move || keep(parts, &receiver))) }
    }

    /// Takes an answer to keep; false if the store has failed, which [`finish`](Self::finish) explains.
    pub fn keep(&self, answer: StoredAnswer) -> bool {
        self.sender.as_ref().is_some_and(|sender| sender.send(answer).is_ok())
    }

    /// Returns when every answer is kept.
    ///
    /// # Errors
    /// [`TableError`]: a full disk.
    pub fn finish(mut self) -> Result<(), TableError> {
        self.join()
    }

    fn join(&mut self) -> Result<(), TableError> {
        drop(self.sender.take());
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(kept)) => kept,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            drop(self.sender.take());
            let _ = thread.join();
        }
    }
}

fn keep(mut parts: Parts<StoredAnswer>, receiver: &Receiver<StoredAnswer>) -> Result<(), TableError> {
    let mut unsaved = Vec::new();
    let mut save_at = Instant::now();
    loop {
        // Without an unsaved answer there is nothing to hurry for.
        let wait = if unsaved.is_empty() { Duration::MAX } else { save_at.saturating_duration_since(Instant::now()) };
        let open = match receiver.recv_timeout(wait) {
            Ok(answer) => {
                if unsaved.is_empty() {
                    save_at = Instant::now() + LONGEST_UNSAVED;
                }
                unsaved.push(answer);
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        };
        if !open || unsaved.len() >= MOST_UNSAVED || Instant::now() >= save_at {
            parts.append(&unsaved)?;
            unsaved.clear();
        }
        if !open {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use tables::Storage;

    use super::*;

    fn stored(query: &str, status: AnswerStatus) -> StoredAnswer {
        StoredAnswer {
            sha256: "0".repeat(64),
            query: query.into(),
            model: "m".into(),
            readout: READOUT.into(),
            status,
            p_yes: (status == AnswerStatus::Ok).then_some(0.5),
            logit_yes: None,
            logit_no: None,
            label_mass: None,
            reason: None,
            top_logprobs: None,
            attempts: 1,
            seconds: 0.1,
        }
    }

    fn storage() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&folder.path().into()).unwrap();
        (folder, storage)
    }

    fn parts(storage: &Storage) -> Parts<StoredAnswer> {
        Parts::open(storage, STORE).unwrap()
    }

    #[test]
    fn an_answer_is_found_by_picture_text_model_and_readout_only() {
        let (_folder, storage) = storage();
        let other_model = StoredAnswer { model: "n".into(), ..stored("b", AnswerStatus::Ok) };
        let other_readout = StoredAnswer { readout: "sample/1".into(), ..stored("c", AnswerStatus::Ok) };
        parts(&storage).append(&[stored("a", AnswerStatus::Ok), other_model, other_readout]).unwrap();
        let known = KnownAnswers::load(&parts(&storage), "m").unwrap();
        let zeros = "0".repeat(64);
        assert!(known.is_answered(&zeros, "a"));
        assert!(!known.is_answered(&zeros, "b") && !known.is_answered(&zeros, "c"));
        assert!(!known.is_answered(&"1".repeat(64), "a"));
    }

    #[test]
    fn every_status_but_error_is_final_and_an_error_replaces_nothing() {
        let zeros = "0".repeat(64);
        for status in AnswerStatus::ALL {
            let mut known = KnownAnswers::default();
            known.insert(&stored("a", AnswerStatus::Error));
            known.insert(&stored("a", *status));
            known.insert(&stored("a", AnswerStatus::Error));
            assert_eq!(known.get(&zeros, "a").unwrap().status, *status);
            assert_eq!(known.is_answered(&zeros, "a"), *status != AnswerStatus::Error);
            assert_eq!(known.has_answers(), *status != AnswerStatus::Error);
        }
    }

    #[test]
    fn what_is_unsaved_is_bounded_in_time_and_number() {
        let (_folder, storage) = storage();
        let keeper = Keeper::start(parts(&storage));
        for at in 0..2_500 {
            assert!(keeper.keep(stored(&at.to_string(), AnswerStatus::Ok)));
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        let n_kept = || parts(&storage).rows().unwrap().len();
        while n_kept() < 2_000 {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(10));
        }
        let since = Instant::now();
        while n_kept() < 2_500 {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(since.elapsed() < Duration::from_secs(4));
        assert!(keeper.keep(stored("last", AnswerStatus::Ok)));
        keeper.finish().unwrap();
        assert_eq!(n_kept(), 2_501);
    }

    #[test]
    fn a_store_that_cannot_be_written_says_so() {
        let (folder, storage) = storage();
        let keeper = Keeper::start(parts(&storage));
        std::fs::write(folder.path().join("store"), "a file in the folder's place").unwrap();
        assert!(keeper.keep(stored("a", AnswerStatus::Ok)));
        assert!(keeper.finish().is_err());
    }
}
