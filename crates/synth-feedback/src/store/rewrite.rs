//! Many parts into one: the same answers, each once, in fewer and larger files; or fewer answers, or read anew.
//!
//! The new part is whole and in its place before the first old one is deleted. A kill in between leaves answers that
//! stand in two parts, which readers count once; none is lost at any moment, not even to a run that reads meanwhile.

use std::collections::{HashMap, HashSet};
use std::fs::{File, TryLockError};
use std::hash::BuildHasherDefault;

use tables::{AnswerStatus, NewPart, Part, StorageError, TableError, new_name};

use super::index::DigestHasher;
use super::{AnswerStore, Key, Manner, Manners, StoredAnswer, journal, takes_place};
use crate::error::SynthFeedbackError;

/// What a rewrite did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rewritten {
    /// Parts that there were.
    pub n_parts: usize,
    /// Answers that there are now.
    pub n_answers: usize,
}

/// Merges all parts into one. Rows whose place another has taken go.
///
/// # Errors
/// [`SynthFeedbackError::StoreBusy`] if another program is at the store; [`TableError`]: a full disk.
pub fn compact(store: &AnswerStore) -> Result<Rewritten, SynthFeedbackError> {
    rewrite(store, |_| true, Some)
}

/// A part of this many bytes is no small one.
const SMALL_BYTES: u64 = 32 << 20;
const MANY_PARTS: usize = 64;

/// The same, but only of small parts, and only if there are many: what a run does at its end, so that a store that
/// grows for years is still read quickly. Does nothing if another program is at the store.
///
/// # Errors
/// [`TableError`]: a full disk.
pub fn compact_if_many_parts(store: &AnswerStore) -> Result<(), SynthFeedbackError> {
    let is_small = |part: &Part| part.bytes < SMALL_BYTES;
    if store.parts().list()?.iter().filter(|part| is_small(part)).count() < MANY_PARTS {
        return Ok(());
    }
    match rewrite(store, is_small, Some) {
        Err(SynthFeedbackError::StoreBusy { .. }) => Ok(()),
        Err(error) => Err(error),
        Ok(Rewritten { n_parts, n_answers }) => {
            tracing::info!(n_parts, n_answers, "small parts of the answer store merged");
            Ok(())
        }
    }
}

/// Replaces some parts by one that has what `change` makes of each answer; `None` takes it out of the store.
pub(super) fn rewrite(
    store: &AnswerStore,
    is_meant: impl Fn(&Part) -> bool,
    mut change: impl FnMut(StoredAnswer) -> Option<StoredAnswer>,
) -> Result<Rewritten, SynthFeedbackError> {
    let _lock = lock(store)?;
    journal::recover(store)?;
    let parts = store.parts();
    let meant: Vec<Part> = parts.list()?.into_iter().filter(is_meant).collect();
    let mut new = NewPart::default();
    let (mut chunk, mut n_answers, mut failure) = (Vec::new(), 0, None);
    // A change may give two rows one name; a part has every name once.
    let (mut manners, mut names) = (Manners::default(), HashSet::<Key, BuildHasherDefault<DigestHasher>>::default());
    let whole = for_each_valid(store, &meant, Vec::new(), |_, row| {
        chunk.extend(change(row).filter(|row| names.insert(manners.name(row).1)));
        if chunk.len() >= CHUNK && failure.is_none() {
            n_answers += chunk.len();
            failure = new.append(&parts, &std::mem::take(&mut chunk)).err();
        }
    })?;
    n_answers += chunk.len();
    failure.map_or_else(|| new.append(&parts, &chunk), Err)?;
    new.finish(&parts, &new_name())?;
    whole.iter().try_for_each(|part| parts.delete(part))?;
    Ok(Rewritten { n_parts: whole.len(), n_answers })
}

const CHUNK: usize = 8_192;

/// Calls `take` with the valid row of each name in some parts and in some rows that came after them, newest first.
/// Gives the parts that can be read; one that cannot is left out with a warning.
pub(super) fn for_each_valid(
    store: &AnswerStore,
    parts: &[Part],
    later: Vec<StoredAnswer>,
    mut take: impl FnMut(&Manner, StoredAnswer),
) -> Result<Vec<Part>, TableError> {
    let mut manners = Manners::default();
    let mut valid: HashMap<Key, (AnswerStatus, i64), BuildHasherDefault<DigestHasher>> = HashMap::default();
    let mut note = |(key, new): (Key, (AnswerStatus, i64))| {
        let kept = valid.entry(key).or_insert(new);
        if takes_place(*kept, new) {
            *kept = new;
        }
    };
    let mut whole = Vec::new();
    for part in parts {
        let mut of_part = Vec::new();
        let read = store.parts().read(part, |chunk| {
            of_part.extend(chunk.iter().map(|row| (manners.name(row).1, (row.status, row.answered_at))));
        });
        match read {
            // A row counts only if its whole part does: else it might hide another and then not be there.
            Ok(()) => {
                of_part.into_iter().for_each(&mut note);
                whole.push(part.clone());
            }
            Err(error) => tracing::warn!(part = part.key, %error, "part left as it is"),
        }
    }
    later.iter().for_each(|row| note((manners.name(row).1, (row.status, row.answered_at))));
    // The newest first: of two readings of one answer the later one counts.
    let mut give = |row: StoredAnswer| {
        let (at, key) = manners.name(&row);
        if valid.get(&key) == Some(&(row.status, row.answered_at)) {
            valid.remove(&key);
            take(&manners.0[at].0, row);
        }
    };
    later.into_iter().rev().for_each(&mut give);
    for part in whole.iter().rev() {
        store.parts().read(part, |chunk| chunk.into_iter().for_each(&mut give))?;
    }
    Ok(whole)
}

/// Keeps other programs from rewriting or looking through a store, if it is on this machine; freed however the program
/// ends. Answers may be added all the while.
pub(super) fn lock(store: &AnswerStore) -> Result<Option<File>, SynthFeedbackError> {
    let Some(folder) = store.local_folder().filter(|folder| folder.is_dir()) else { return Ok(None) };
    let path = folder.join("rewrite.lock");
    let file =
        File::create(&path).map_err(|source| StorageError::File { action: "create", path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(SynthFeedbackError::StoreBusy { store: store.name() }),
        Err(TryLockError::Error(source)) => Err(StorageError::File { action: "lock", path, source }.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::KnownAnswers;
    use crate::store::tests::{manner, store, stored};

    fn at(query: &str, status: AnswerStatus, answered_at: i64) -> StoredAnswer {
        StoredAnswer { answered_at, ..stored(query, status) }
    }

    fn sorted(store: &AnswerStore) -> Vec<StoredAnswer> {
        let mut rows = store.parts().rows().unwrap();
        rows.sort_by(|a, b| (&a.query, &a.model).cmp(&(&b.query, &b.model)));
        rows
    }

    #[test]
    fn compaction_keeps_the_valid_row_of_each_name_and_one_part() {
        let (_folder, store) = store();
        assert_eq!(compact(&store).unwrap(), Rewritten::default(), "there is no store yet");
        let (ok, error) = (AnswerStatus::Ok, AnswerStatus::Error);
        let parts = store.parts();
        parts.append(&[at("a", error, 1), at("b", ok, 2)]).unwrap();
        parts.append(&[at("a", ok, 3), at("b", error, 4), at("c", error, 5)]).unwrap();
        parts.append(&[at("a", ok, 6), at("c", error, 7)]).unwrap();
        parts.append(&[StoredAnswer { model: "n".into(), ..at("a", ok, 8) }]).unwrap();
        assert_eq!(compact(&store).unwrap(), Rewritten { n_parts: 4, n_answers: 4 });
        let expected =
            [at("a", ok, 3), StoredAnswer { model: "n".into(), ..at("a", ok, 8) }, at("b", ok, 2), at("c", error, 7)];
        assert_eq!(sorted(&store), expected);
        assert_eq!(parts.list().unwrap().len(), 1);
        assert_eq!(compact(&store).unwrap(), Rewritten { n_parts: 1, n_answers: 4 });
        assert_eq!(sorted(&store), expected);
    }

    #[test]
    fn a_kill_between_the_new_part_and_the_old_ones_doubles_nothing() {
        let (_folder, store) = store();
        let rows: Vec<StoredAnswer> = (0..10).map(|n| at(&n.to_string(), AnswerStatus::Ok, n)).collect();
        rows.chunks(3).for_each(|chunk| store.parts().append(chunk).unwrap());
        // The new part is there, and half of the old ones are gone.
        store.parts().append(&rows).unwrap();
        let old = store.parts().list().unwrap();
        old[..2].iter().for_each(|part| store.parts().delete(part).unwrap());
        let known = KnownAnswers::load(&store, manner(), 0).unwrap();
        assert!(rows.iter().all(|row| known.is_answered(&row.sha256, &row.query)));
        assert_eq!(compact(&store).unwrap(), Rewritten { n_parts: 3, n_answers: 10 });
        assert_eq!(sorted(&store), rows);
    }

    #[test]
    fn an_unreadable_part_stays_and_hides_no_answer() {
        let (folder, store) = store();
        store.parts().append(&[at("a", AnswerStatus::Ok, 2)]).unwrap();
        store.parts().append(&[at("b", AnswerStatus::Ok, 3)]).unwrap();
        std::fs::write(folder.path().join("store/answers/0.parquet"), "PAR1 and no more").unwrap();
        assert_eq!(compact(&store).unwrap(), Rewritten { n_parts: 2, n_answers: 2 });
        assert_eq!((sorted(&store).len(), store.parts().list().unwrap().len()), (2, 2));
    }

    #[test]
    fn one_program_at_a_time_rewrites_while_others_add() {
        let (_folder, store) = store();
        store.parts().append(&[at("a", AnswerStatus::Ok, 1)]).unwrap();
        let held = lock(&store).unwrap();
        assert!(matches!(compact(&store), Err(SynthFeedbackError::StoreBusy { .. })));
        store.parts().append(&[at("b", AnswerStatus::Ok, 2)]).unwrap();
        drop(held);
        assert_eq!(compact(&store).unwrap().n_answers, 2);
    }

    #[test]
    fn many_small_parts_are_merged_by_themselves_and_few_are_left() {
        let (_folder, store) = store();
        for n in 0..MANY_PARTS {
            compact_if_many_parts(&store).unwrap();
            assert_eq!(store.parts().list().unwrap().len(), n);
            store.parts().append(&[at(&n.to_string(), AnswerStatus::Ok, 1)]).unwrap();
        }
        compact_if_many_parts(&store).unwrap();
        assert_eq!((store.parts().list().unwrap().len(), sorted(&store).len()), (1, MANY_PARTS));
    }
}
