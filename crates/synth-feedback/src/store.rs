//! The answer store: every answer of an endpoint is kept by what was asked, so that none is asked twice.
//!
//! An answer's name is (SHA-256 of the picture, text, model, readout): a new attribute, image or question asks only what
//! is new. Parts are appended every two seconds or 1,000 answers, whichever is first; until then an answer stands in the
//! [`journal`](crate::journal), so that a kill loses none. In a bucket there is no journal, and a kill loses that much.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tables::{AnswerReadout, AnswerStatus, Parts, Storage, TableError, table};

use crate::journal::Journal;
use crate::readout::word_of_key;

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
        /// What was read: JSON `[[token, logprob], …]`, the sampled token first; of sampled answers `[text, …]`.
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
    /// How it was read; `None` if by a version of the program that is not this one.
    pub readout: Option<AnswerReadout>,
    /// Requests that were sent for it.
    pub attempts: i64,
    /// How long the last one took, in seconds.
    pub seconds: f64,
}

impl From<&StoredAnswer> for KnownAnswer {
    fn from(stored: &StoredAnswer) -> Self {
        let StoredAnswer { status, p_yes, logit_yes, logit_no, label_mass, attempts, seconds, .. } = *stored;
        let readout = word_of_key(&stored.readout);
        Self { status, p_yes, logit_yes, logit_no, label_mass, readout, attempts, seconds }
    }
}

/// The answers of one model under one readout, by picture and text.
#[derive(Debug, Default)]
pub struct KnownAnswers(HashMap<[u8; 32], KnownAnswer>);

impl KnownAnswers {
    /// Those that the store of a data root has under a readout's key, in its parts and its journal; with `mixed` those
    /// under other readouts too, where it has none. Writes nothing.
    ///
    /// # Errors
    /// If the parts cannot be listed, or the journal cannot be read.
    pub fn load(storage: &Storage, model: &str, readout: &str, mixed: bool) -> Result<Self, TableError> {
        let mut known = Self::default();
        let mut others = Self::default();
        let mut take = |rows: Vec<StoredAnswer>| {
            for row in rows.iter().filter(|row| row.model == model) {
                if row.readout == readout {
                    known.insert(row);
                } else if mixed && is_final(row.status) && word_of_key(&row.readout).is_some() {
                    others.insert(row);
                }
            }
        };
        // Read first: an answer moves from the journal to a part, never back.
        let journaled = Journal::rows(storage)?;
        Parts::open(storage, STORE)?.for_each_part(&mut take)?;
        take(journaled);
        for (key, other) in others.0 {
            known
                .0
                .entry(key)
                .and_modify(|own| {
                    if !is_final(own.status) {
                        *own = other
                    }
                })
                .or_insert(other);
        }
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

/// Writes what a killed run left in the journal as a part, then empties the journal.
///
/// # Errors
/// [`TableError`]: a full disk.
pub fn recover(storage: &Storage) -> Result<(), TableError> {
    let Some(mut journal) = Journal::open(storage)? else { return Ok(()) };
    let mut rows = BTreeMap::new();
    for row in Journal::rows(storage)? {
        // A part has every key once.
        let key = (row.sha256.clone(), row.query.clone(), row.model.clone(), row.readout.clone());
        if is_final(row.status) || !rows.contains_key(&key) {
            rows.insert(key, row);
        }
    }
    if !rows.is_empty() {
        tracing::info!(n_answers = rows.len(), "answers that a killed run left");
        Parts::open(storage, STORE)?.append(&rows.into_values().collect::<Vec<_>>())?;
    }
    Ok(journal.clear()?)
}

/// Keeps answers as they come: in the journal at once, in a part on a thread of its own, for which nobody waits.
pub struct Keeper {
    sender: Option<Sender<Kept>>,
    thread: Option<JoinHandle<Result<(), TableError>>>,
    journal: SharedJournal,
    journal_failure: Mutex<Option<TableError>>,
}

type SharedJournal = Arc<Mutex<Option<Journal>>>;

/// An answer and where its line in the journal ends.
struct Kept {
    answer: StoredAnswer,
    end: u64,
}

impl Keeper {
    /// Starts to keep answers in the store of a data root.
    ///
    /// # Errors
    /// As [`recover`], which comes first.
    pub fn start(storage: &Storage) -> Result<Self, TableError> {
        recover(storage)?;
        let parts = Parts::open(storage, STORE)?;
        let journal: SharedJournal = Arc::new(Mutex::new(Journal::open(storage)?));
        let (sender, receiver) = channel();
        let of_thread = Arc::clone(&journal);
        let thread = std::thread::spawn(move || keep(parts, &receiver, &of_thread));
        Ok(Self { sender: Some(sender), thread: Some(thread), journal, journal_failure: Mutex::new(None) })
    }

    /// Takes an answer to keep: when this returns, a kill of this program does not lose it (unless the data root is in a
    /// bucket). False if the store has failed, which [`finish`](Self::finish) explains.
    pub fn keep(&self, answer: StoredAnswer) -> bool {
        // Locked until it is sent: the thread gets the answers in the journal's order.
        let mut journal = locked(&self.journal);
        let end = match journal.as_mut().map(|journal| journal.append(&answer)).transpose() {
            Ok(end) => end.unwrap_or(0),
            Err(error) => {
                locked(&self.journal_failure).get_or_insert(error.into());
                0
            }
        };
        let sent = self.sender.as_ref().is_some_and(|sender| sender.send(Kept { answer, end }).is_ok());
        sent && locked(&self.journal_failure).is_none()
    }

    /// Returns when every answer is in a part.
    ///
    /// # Errors
    /// [`TableError`]: a full disk.
    pub fn finish(mut self) -> Result<(), TableError> {
        self.join()?;
        locked(&self.journal_failure).take().map_or(Ok(()), Err)
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep(
    mut parts: Parts<StoredAnswer>,
    receiver: &Receiver<Kept>,
    journal: &Mutex<Option<Journal>>,
) -> Result<(), TableError> {
    let mut unsaved = Vec::new();
    let mut unsaved_end = 0;
    let mut save_at = Instant::now();
    loop {
        // Without an unsaved answer there is nothing to hurry for.
        let wait = if unsaved.is_empty() { Duration::MAX } else { save_at.saturating_duration_since(Instant::now()) };
        let open = match receiver.recv_timeout(wait) {
            Ok(Kept { answer, end }) => {
                if unsaved.is_empty() {
                    save_at = Instant::now() + LONGEST_UNSAVED;
                }
                unsaved.push(answer);
                unsaved_end = end;
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        };
        if !open || unsaved.len() >= MOST_UNSAVED || Instant::now() >= save_at {
            parts.append(&unsaved)?;
            unsaved.clear();
            // Only now that they are in a part.
            if let Some(journal) = locked(journal).as_mut() {
                journal.forget(unsaved_end)?;
            }
        }
        if !open {
            return Ok(());
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::journal::JOURNAL;

    const READOUT: &str = "top_logprobs/1";

    pub(crate) fn stored(query: &str, status: AnswerStatus) -> StoredAnswer {
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

    pub(crate) fn storage() -> (tempfile::TempDir, Storage) {
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
        let known = KnownAnswers::load(&storage, "m", READOUT, false).unwrap();
        let zeros = "0".repeat(64);
        assert!(known.is_answered(&zeros, "a"));
        assert!(!known.is_answered(&zeros, "b") && !known.is_answered(&zeros, "c"));
        assert!(!known.is_answered(&"1".repeat(64), "a"));
    }

    #[test]
    fn answers_that_were_read_in_another_way_are_known_only_if_mixing_is_allowed() {
        let (_folder, storage) = storage();
        let voted = StoredAnswer { readout: "sample:n10:t1:s0:m8/1".into(), ..stored("a", AnswerStatus::Ok) };
        let voted_too = StoredAnswer { query: "b".into(), ..voted.clone() };
        let failed = StoredAnswer { query: "c".into(), status: AnswerStatus::Error, ..voted.clone() };
        let own = StoredAnswer { p_yes: Some(0.25), ..stored("b", AnswerStatus::Ok) };
        parts(&storage).append(&[voted, voted_too, failed, own]).unwrap();
        let zeros = "0".repeat(64);
        let known = KnownAnswers::load(&storage, "m", READOUT, false).unwrap();
        assert!(!known.is_answered(&zeros, "a") && known.is_answered(&zeros, "b"));
        let mixed = KnownAnswers::load(&storage, "m", READOUT, true).unwrap();
        assert_eq!(mixed.get(&zeros, "a").unwrap().readout, Some(AnswerReadout::Sample));
        assert_eq!(mixed.get(&zeros, "b").unwrap().p_yes, Some(0.25), "its own comes first");
        assert!(mixed.get(&zeros, "c").is_none(), "a failure of another readout is nothing");
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
        let keeper = Keeper::start(&storage).unwrap();
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
        let keeper = Keeper::start(&storage).unwrap();
        std::fs::remove_dir_all(folder.path().join("store")).unwrap();
        std::fs::write(folder.path().join("store"), "a file in the folder's place").unwrap();
        assert!(keeper.keep(stored("a", AnswerStatus::Ok)));
        assert!(keeper.finish().is_err());
        assert!(Keeper::start(&storage).is_err());
    }

    #[test]
    fn a_store_that_is_dropped_without_its_last_part_gives_every_answer_back() {
        let (folder, storage) = storage();
        let keeper = Keeper::start(&storage).unwrap();
        for at in 0..40 {
            assert!(keeper.keep(stored(&at.to_string(), AnswerStatus::Ok)));
        }
        assert!(keeper.keep(stored("failed", AnswerStatus::Error)));
        assert!(keeper.keep(stored("0", AnswerStatus::Error)));
        assert_eq!(parts(&storage).rows().unwrap(), [], "no part yet");
        // What a kill at this moment leaves, and half a line more.
        let killed = tempfile::tempdir().unwrap();
        let journal = std::fs::read(folder.path().join(JOURNAL)).unwrap();
        std::fs::create_dir(killed.path().join("store")).unwrap();
        std::fs::write(killed.path().join(JOURNAL), [&journal[..], b"{\"sha256\":\"00"].concat()).unwrap();
        let storage = Storage::open(&killed.path().into()).unwrap();
        let check = |journal_bytes: Option<u64>, n_kept: usize| {
            let known = KnownAnswers::load(&storage, "m", READOUT, false).unwrap();
            let zeros = "0".repeat(64);
            assert!((0..40).all(|at| known.is_answered(&zeros, &at.to_string())));
            assert!(known.get(&zeros, "failed").is_some() && !known.is_answered(&zeros, "failed"));
            assert_eq!(parts(&storage).rows().unwrap().len(), n_kept);
            let bytes = std::fs::metadata(killed.path().join(JOURNAL)).unwrap().len();
            assert!(journal_bytes.is_none_or(|expected| bytes == expected));
        };
        check(None, 0);
        recover(&storage).unwrap();
        check(Some(0), 41);
        recover(&storage).unwrap();
        check(Some(0), 41);
    }

    #[test]
    fn the_journal_is_empty_once_all_is_in_parts_and_holds_what_is_not() {
        let (folder, storage) = storage();
        let keeper = Keeper::start(&storage).unwrap();
        for at in 0..1_500 {
            assert!(keeper.keep(stored(&at.to_string(), AnswerStatus::Ok)));
        }
        let known = KnownAnswers::load(&storage, "m", READOUT, false).unwrap();
        assert!((0..1_500).all(|at| known.is_answered(&"0".repeat(64), &at.to_string())), "wherever they are");
        keeper.finish().unwrap();
        assert_eq!(std::fs::metadata(folder.path().join(JOURNAL)).unwrap().len(), 0);
        assert_eq!(parts(&storage).rows().unwrap().len(), 1_500);
    }
}
