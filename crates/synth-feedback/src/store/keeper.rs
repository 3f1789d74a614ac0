//! Keeps the answers of a running stage: in the journal at once, in parts on a thread of its own.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tables::{TableError, new_name};

use super::journal::{self, Journal};
use super::{AnswerStore, StoredAnswer};

/// When a part is written, and when the journal is told to the disk: so many answers, or so long after the first.
#[derive(Debug, Clone, Copy)]
struct Rhythm {
    n_part: usize,
    part_bytes: usize,
    part: Duration,
    n_sync: usize,
    sync: Duration,
}

/// With a journal, parts may be few and large.
const WITH_JOURNAL: Rhythm = Rhythm {
    n_part: 4_000,
    part_bytes: 32 << 20,
    part: Duration::from_secs(60),
    n_sync: 1_000,
    sync: Duration::from_secs(2),
};
/// Without one, what is in no part is lost with the program.
const WITHOUT_JOURNAL: Rhythm = Rhythm { n_part: 1_000, part: Duration::from_secs(2), ..WITH_JOURNAL };

/// Keeps answers as they come.
pub struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    n_left_out: usize,
}

struct Shared {
    store: AnswerStore,
    rhythm: Rhythm,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    journal: Option<Journal>,
    /// The answers of the journal, in its order.
    unsaved: Vec<StoredAnswer>,
    /// Bytes of what they were read from, which a server decides.
    unsaved_bytes: usize,
    /// When the first of them came.
    since: Option<Instant>,
    n_unsynced: usize,
    unsynced_since: Option<Instant>,
    is_closed: bool,
    n_left_out: usize,
    failure: Option<TableError>,
}

impl Keeper {
    /// Starts to keep answers in a store; first makes parts of what killed programs left there.
    ///
    /// # Errors
    /// [`TableError`]: a full disk, a store that cannot be written.
    pub fn start(store: &AnswerStore) -> Result<Self, TableError> {
        store.sweep();
        let n_left_out = journal::recover(store)?;
        let journal = Journal::start(store)?;
        let rhythm = if journal.is_some() { WITH_JOURNAL } else { WITHOUT_JOURNAL };
        let state = Mutex::new(State { journal, ..State::default() });
        let shared = Arc::new(Shared { store: store.clone(), rhythm, state, wake: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || of_thread.keep());
        Ok(Self { shared, thread: Some(thread), n_left_out })
    }

    /// Takes an answer to keep: when this returns, a kill of this program does not lose it (unless the store is in a
    /// bucket). False if the store has failed, which [`finish`](Self::finish) explains.
    pub fn keep(&self, answer: StoredAnswer) -> bool {
        let mut state = self.shared.locked();
        if state.failure.is_some() {
            return false;
        }
        if let Some(Err(error)) = state.journal.as_mut().map(|journal| journal.append(&answer)) {
            state.failure = Some(error.into());
            return false;
        }
        let now = Instant::now();
        state.since.get_or_insert(now);
        state.unsynced_since.get_or_insert(now);
        state.unsaved_bytes += answer.raw.as_ref().map_or(0, String::len);
        state.unsaved.push(answer);
        state.n_unsynced += 1;
        // The thread sleeps until there is an answer, and then until something is due.
        if state.n_unsynced == 1 || self.shared.is_due(&state, now) {
            self.shared.wake.notify_one();
        }
        true
    }

    /// Returns when every answer is in a part; gives the number of answers that were left out because they break the
    /// contract of stored answers, which was warned of.
    ///
    /// # Errors
    /// [`TableError`]: a full disk.
    pub fn finish(mut self) -> Result<usize, TableError> {
        self.join();
        let mut state = self.shared.locked();
        let n_left_out = self.n_left_out + state.n_left_out;
        state.failure.take().map_or(Ok(n_left_out), Err)
    }

    fn join(&mut self) {
        self.shared.locked().is_closed = true;
        self.shared.wake.notify_one();
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.shared.locked().is_closed = true;
            self.shared.wake.notify_one();
            let _ = self.thread.take().map(JoinHandle::join);
        }
    }
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn part_is_due(&self, state: &State, now: Instant) -> bool {
        let waited = state.since.is_some_and(|since| now >= since + self.rhythm.part);
        waited || state.unsaved.len() >= self.rhythm.n_part || state.unsaved_bytes >= self.rhythm.part_bytes
    }

    fn sync_is_due(&self, state: &State, now: Instant) -> bool {
        let waited = state.unsynced_since.is_some_and(|since| now >= since + self.rhythm.sync);
        state.journal.is_some() && (waited || state.n_unsynced >= self.rhythm.n_sync)
    }

    fn is_due(&self, state: &State, now: Instant) -> bool {
        self.part_is_due(state, now) || self.sync_is_due(state, now)
    }

    /// What the thread does until the keeper is closed or has failed.
    fn keep(&self) {
        loop {
            let mut state = self.locked();
            let is_closed = loop {
                let now = Instant::now();
                if state.is_closed || state.failure.is_some() || self.is_due(&state, now) {
                    break state.is_closed || state.failure.is_some();
                }
                let next = [
                    state.since.map(|since| since + self.rhythm.part),
                    state.unsynced_since.filter(|_| state.journal.is_some()).map(|since| since + self.rhythm.sync),
                ];
                let next = next.into_iter().flatten().min();
                let wait = next.map_or(Duration::from_secs(3600), |next| next.saturating_duration_since(now));
                state = self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
            };
            let done = if is_closed || self.part_is_due(&state, Instant::now()) {
                self.write_part(state, is_closed)
            } else {
                sync(state)
            };
            if let Err(error) = done {
                self.locked().failure.get_or_insert(error);
                return;
            }
            if is_closed {
                return;
            }
        }
    }

    /// Makes a part of what is unsaved. Answers that come meanwhile go to a new journal.
    fn write_part(&self, mut state: MutexGuard<'_, State>, is_last: bool) -> Result<(), TableError> {
        let next = if is_last || state.journal.is_none() { None } else { Journal::start(&self.store)? };
        let journal = std::mem::replace(&mut state.journal, next);
        let rows = std::mem::take(&mut state.unsaved);
        state.unsaved_bytes = 0;
        (state.since, state.unsynced_since, state.n_unsynced) = (None, None, 0);
        drop(state);
        let name = journal.as_ref().map_or_else(new_name, |journal| journal.name().to_owned());
        let n_left_out = journal::keep_as(&self.store, &name, rows)?;
        self.locked().n_left_out += n_left_out;
        // Only now that they are in a part.
        journal.map_or(Ok(()), |journal| Ok(journal.remove()?))
    }
}

/// Tells the disk, while others go on writing.
fn sync(mut state: MutexGuard<'_, State>) -> Result<(), TableError> {
    let file = state.journal.as_ref().map(Journal::to_sync);
    (state.unsynced_since, state.n_unsynced) = (None, 0);
    drop(state);
    if let Some(Err(source)) = file.map(|file| file.sync_data()) {
        let path = "the journal of the answer store".into();
        return Err(tables::StorageError::File { action: "write", path, source }.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tables::AnswerStatus;

    use super::*;
    use crate::store::KnownAnswers;
    use crate::store::tests::{manner, store, stored};

    fn numbered(numbers: std::ops::Range<usize>) -> impl Iterator<Item = StoredAnswer> {
        numbers.map(|at| stored(&at.to_string(), AnswerStatus::Ok))
    }

    fn n_in_parts(store: &AnswerStore) -> usize {
        store.parts().rows().unwrap().len()
    }

    /// Whether all of them can be found, wherever they are.
    fn all_known(store: &AnswerStore, n: usize) -> bool {
        let known = KnownAnswers::load(store, manner(), 0).unwrap();
        (0..n).all(|at| known.is_answered(&"0".repeat(64), &at.to_string()))
    }

    #[test]
    fn every_answer_is_kept_at_once_and_in_parts_at_the_end() {
        let (_folder, store) = store();
        let keeper = Keeper::start(&store).unwrap();
        assert!(numbered(0..12_500).all(|answer| keeper.keep(answer)));
        assert!(all_known(&store, 12_500));
        let deadline = Instant::now() + Duration::from_secs(20);
        while n_in_parts(&store) < WITH_JOURNAL.n_part {
            assert!(Instant::now() < deadline, "a full part does not wait for the end");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(keeper.finish().unwrap(), 0);
        assert_eq!((n_in_parts(&store), journal::count(&store).unwrap()), (12_500, 0));
    }

    #[test]
    fn a_few_large_answers_make_a_part_too() {
        let (_folder, store) = store();
        let keeper = Keeper::start(&store).unwrap();
        let raw = format!("[\"{}\"]", "long ".repeat(WITH_JOURNAL.part_bytes / 5 / 30));
        for answer in numbered(0..40) {
            assert!(keeper.keep(StoredAnswer { raw: Some(raw.clone()), ..answer }));
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while n_in_parts(&store) == 0 {
            assert!(Instant::now() < deadline, "a server decides how large they are");
            std::thread::sleep(Duration::from_millis(10));
        }
        keeper.finish().unwrap();
        assert_eq!(n_in_parts(&store), 40);
    }

    #[test]
    fn what_a_killed_keeper_leaves_is_whole() {
        let (folder, store) = store();
        let keeper = Keeper::start(&store).unwrap();
        assert!(numbered(0..40).all(|answer| keeper.keep(answer)));
        assert!(keeper.keep(stored("failed", AnswerStatus::Error)));
        assert!(keeper.keep(stored("0", AnswerStatus::Error)));
        // A kill at this moment leaves a copy of the folder, here with half a line more.
        let killed = tempfile::tempdir().unwrap();
        let answers = killed.path().join("store/answers");
        std::fs::create_dir_all(&answers).unwrap();
        for file in std::fs::read_dir(folder.path().join("store/answers")).unwrap().map(Result::unwrap) {
            let torn = [&std::fs::read(file.path()).unwrap()[..], b"{\"sha256\":\"00"].concat();
            std::fs::write(answers.join(file.file_name()), torn).unwrap();
        }
        let store = crate::store::tests::store_in(killed.path());
        assert!(all_known(&store, 40) && n_in_parts(&store) == 0);
        Keeper::start(&store).unwrap().finish().unwrap();
        assert!(all_known(&store, 40));
        assert_eq!((n_in_parts(&store), journal::count(&store).unwrap()), (41, 0));
    }

    #[test]
    fn a_store_that_cannot_be_written_says_so() {
        let (folder, store) = store();
        let keeper = Keeper::start(&store).unwrap();
        std::fs::remove_dir_all(folder.path().join("store")).unwrap();
        std::fs::write(folder.path().join("store"), "a file in the folder's place").unwrap();
        assert!(keeper.keep(stored("a", AnswerStatus::Ok)));
        assert!(keeper.finish().is_err());
        assert!(Keeper::start(&store).is_err());
    }

    #[test]
    fn two_programs_keep_answers_in_one_store_at_once() {
        let (_folder, store) = store();
        let (one, other) = (Keeper::start(&store).unwrap(), Keeper::start(&store).unwrap());
        for at in 0..2_000 {
            let keeper = if at % 2 == 0 { &one } else { &other };
            assert!(keeper.keep(stored(&at.to_string(), AnswerStatus::Ok)));
        }
        one.finish().unwrap();
        assert!(all_known(&store, 2_000), "what the other one has not yet written, too");
        other.finish().unwrap();
        assert_eq!(n_in_parts(&store), 2_000);
    }
}
