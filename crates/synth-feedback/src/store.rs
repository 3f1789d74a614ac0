//! The answer store: every answer of an endpoint is kept by what was asked, so that none is asked twice.
//!
//! An answer's name is what decides it: the SHA-256 of the picture, the text, and the [`Manner`] of asking. So a new
//! attribute, image or question asks only what is new, in whichever pipeline shares the store. Under a store's folder lie
//!
//! - `*.parquet`: parts, immutable, each with a name of its own, so that programs add to one store without a lock;
//! - `*.jsonl`: one [`journal`] a running program, with the answers that are in no part yet.
//!
//! An answer is in the journal before its question counts as answered: a kill loses none. Every 2 s or 1,000 answers,
//! whichever is first, the journal is told to the disk (fdatasync): a power cut loses no more. In a bucket there is no
//! journal; there a part is written that often.

mod index;
mod inspect;
pub mod journal;
mod keeper;
mod prune;
mod rescore;
mod rewrite;
mod version_1;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use tables::{AnswerStatus, Location, Parts, Storage, StorageError, TableError, table};

pub use index::{KnownAnswer, KnownAnswers, MeasuredUsage};
pub use inspect::{Inspected, inspect};
pub use keeper::Keeper;
pub use prune::{AskedQuestions, Pruning, prune};
pub use rescore::{Rescored, rescore};
pub use rewrite::{Rewritten, compact, compact_if_many_parts};

table! {
    /// One answer of an endpoint, as it is kept across runs.
    "stored_answers" version 2 by SynthFeedback key [sha256, query, model, revision, readout, template, image_form]
    pub struct StoredAnswer {
        /// SHA-256 of the picture's file.
        sha256: String where Sha256,
        /// The text that was asked.
        query: String where NotEmpty,
        /// The model that was asked.
        model: String where NotEmpty,
        /// Which of the models of this name, as the pipeline file says; null if it does not.
        revision: Option<String> where NotEmpty,
        /// How the answer was asked for and read, with the version of that.
        readout: String where NotEmpty,
        /// The form of the request around picture and text, with its version.
        template: String where NotEmpty,
        /// What was sent of the picture: `original`, or how it was made smaller.
        image_form: String where NotEmpty,
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
        /// What it was read from, as JSON: `[[token, logprob], …]` as received, the sampled token first; or the sampled
        /// texts, `[text, …]`. Null for a refusal or a failed call; an answer that could not be read has it too.
        raw: Option<String>,
        /// Requests that were sent for it.
        attempts: i64 where AtLeast(0.0),
        /// How long the last one took, in seconds.
        seconds: f64 where AtLeast(0.0),
        /// Tokens of its prompt, as the server reports them.
        prompt_tokens: Option<i64> where AtLeast(0.0),
        /// Those of them that came from the server's cache.
        cached_tokens: Option<i64> where AtLeast(0.0),
        /// Tokens of the answer, as the server reports them.
        completion_tokens: Option<i64> where AtLeast(0.0),
        /// When it came, in milliseconds since 1970 (UTC).
        answered_at: i64 where AtLeast(0.0),
    }
}

/// How questions are asked: with the picture and the text, all that decides an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Manner {
    /// The model, as the server knows it.
    pub model: String,
    /// Which of the models of this name: `endpoint.model_revision`.
    pub revision: Option<String>,
    /// How the answer is asked for and read.
    pub readout: String,
    /// The form of the request.
    pub template: String,
    /// What is sent of the picture.
    pub image_form: String,
}

/// A name of an answer: 128 bits of BLAKE3, in which two of a billion answers meet with a chance of 1e-21.
pub(crate) type Key = [u8; 16];

impl Manner {
    /// Whether an answer was got in this manner.
    pub fn is_of(&self, answer: &StoredAnswer) -> bool {
        self.model == answer.model
            && self.revision == answer.revision
            && self.readout == answer.readout
            && self.template == answer.template
            && self.image_form == answer.image_form
    }

    /// The manner in which an answer was got.
    pub fn of(answer: &StoredAnswer) -> Self {
        Self {
            model: answer.model.clone(),
            revision: answer.revision.clone(),
            readout: answer.readout.clone(),
            template: answer.template.clone(),
            image_form: answer.image_form.clone(),
        }
    }

    fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let revision = self.revision.as_deref().unwrap_or_default();
        for part in [&*self.model, revision, &*self.readout, &*self.template, &*self.image_form] {
            hasher.update(part.as_bytes()).update(b"\0");
        }
        hasher.finalize().into()
    }
}

/// The name of a text about a picture under the digest of a manner.
fn key_of(manner: &[u8; 32], sha256: &str, query: &str) -> Key {
    let mut hasher = blake3::Hasher::new_keyed(manner);
    hasher.update(sha256.as_bytes()).update(b"\0").update(query.as_bytes());
    let mut key = Key::default();
    hasher.finalize_xof().fill(&mut key);
    key
}

/// The name of a text about a picture, in whichever manner it is asked.
pub(crate) fn question_key(sha256: &str, query: &str) -> Key {
    key_of(&[0; 32], sha256, query)
}

/// All but a failed call is an answer.
fn is_final(status: AnswerStatus) -> bool {
    status != AnswerStatus::Error
}

/// Whether a row takes the place of another of the same name. The first answer stays, so that tables stay as they are
/// whoever else asks; an answer read anew from its raw logprobs ([`rescore`]) came at the same time, in a later part. An
/// error takes no answer's place.
fn takes_place(kept: (AnswerStatus, i64), new: (AnswerStatus, i64)) -> bool {
    match (is_final(kept.0), is_final(new.0)) {
        (true, true) => new.1 <= kept.1,
        (false, false) => new.1 >= kept.1,
        (kept_is_final, _) => !kept_is_final,
    }
}

/// The manners of many rows, each with its digest.
#[derive(Default)]
struct Manners(Vec<(Manner, [u8; 32])>);

impl Manners {
    /// The place of a row's manner in the list, and the row's name among all manners.
    fn name(&mut self, row: &StoredAnswer) -> (usize, Key) {
        let at = self.0.iter().position(|(manner, _)| manner.is_of(row)).unwrap_or_else(|| {
            let manner = Manner::of(row);
            self.0.push((manner.clone(), manner.digest()));
            self.0.len() - 1
        });
        (at, key_of(&self.0[at].1, &row.sha256, &row.query))
    }
}

/// Now, as `answered_at` has it.
pub(crate) fn now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

/// A place where answers are kept.
#[derive(Clone)]
pub struct AnswerStore {
    storage: Storage,
    folder: String,
}

const FOLDER: &str = "answers";

impl AnswerStore {
    /// The store that a pipeline file names; that of the data root (`store/answers`) if it names none.
    ///
    /// # Errors
    /// [`StorageError::Open`].
    pub fn open(data_root: &Storage, named: Option<&Location>) -> Result<Self, StorageError> {
        Ok(match named {
            Some(location) => Self { storage: Storage::open(location)?, folder: FOLDER.to_owned() },
            None => Self { storage: data_root.clone(), folder: format!("store/{FOLDER}") },
        })
    }

    /// Its parts.
    pub fn parts(&self) -> Parts<StoredAnswer> {
        Parts::open_in(&self.storage, &self.folder).with_older(version_1::read)
    }

    /// Removes what programs that were killed long ago left beside it.
    fn sweep(&self) {
        self.storage.sweep_old_scratch();
    }

    /// Where it is, for messages.
    pub fn name(&self) -> String {
        self.storage.name(&self.folder)
    }

    /// Its folder, if it is on this machine.
    fn local_folder(&self) -> Option<PathBuf> {
        self.storage.local_root().map(|root| root.join(&self.folder))
    }

    /// Every row of every part and then of every journal, those of running programs too; rows of one name may come more
    /// than once. Writes nothing.
    fn for_each_row(&self, mut take: impl FnMut(StoredAnswer)) -> Result<(), TableError> {
        // Read first: an answer moves from a journal to a part, never back.
        let journaled = journal::all_rows(self)?;
        self.parts().for_each_chunk(|chunk| chunk.into_iter().for_each(&mut take))?;
        journaled.into_iter().for_each(take);
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
