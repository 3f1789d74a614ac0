//! The answers of one manner of asking, small enough that millions fit: about 90 bytes each.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use tables::{AnswerReadout, AnswerStatus, TableError};

use super::{AnswerStore, Key, Manner, StoredAnswer, is_final, key_of, takes_place};
use crate::readout::word_of_key;
use crate::spending::Usage;

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
    /// How it was read.
    pub readout: AnswerReadout,
    /// Requests that were sent for it.
    pub attempts: u32,
    /// How long the last one took, in seconds.
    pub seconds: f32,
    answered_at: i64,
}

impl From<&StoredAnswer> for KnownAnswer {
    fn from(stored: &StoredAnswer) -> Self {
        let StoredAnswer { status, p_yes, logit_yes, logit_no, label_mass, answered_at, .. } = *stored;
        let attempts = u32::try_from(stored.attempts).unwrap_or(u32::MAX);
        let readout = word_of_key(&stored.readout).unwrap_or(AnswerReadout::TopLogprobs);
        Self {
            status,
            p_yes,
            logit_yes,
            logit_no,
            label_mass,
            readout,
            attempts,
            seconds: stored.seconds as f32,
            answered_at,
        }
    }
}

/// What servers reported of the answers that they gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MeasuredUsage {
    /// Answers that they reported it of.
    pub n_answers: u64,
    /// Their tokens.
    pub usage: Usage,
}

impl MeasuredUsage {
    /// Adds what a server reported of an answer, if it did.
    pub fn add(&mut self, answer: &StoredAnswer) {
        let Some(prompt_tokens) = answer.prompt_tokens else { return };
        let count = |tokens: i64| tokens.unsigned_abs();
        self.n_answers += 1;
        self.usage.add(Usage {
            prompt_tokens: count(prompt_tokens),
            cached_tokens: answer.cached_tokens.map_or(0, count),
            completion_tokens: answer.completion_tokens.map_or(0, count),
        });
    }

    /// Of the mean answer; `None` before there is one.
    pub fn mean(&self) -> Option<Usage> {
        let of_one = |sum: u64| sum.checked_div(self.n_answers);
        Some(Usage {
            prompt_tokens: of_one(self.usage.prompt_tokens.saturating_add(self.n_answers.saturating_sub(1)))?,
            cached_tokens: of_one(self.usage.cached_tokens)?,
            completion_tokens: of_one(self.usage.completion_tokens.saturating_add(self.n_answers.saturating_sub(1)))?,
        })
    }
}

/// The answers of one manner of asking, by picture and text.
#[derive(Debug)]
pub struct KnownAnswers {
    manner: Manner,
    digest: [u8; 32],
    at: HashMap<Key, u32, BuildHasherDefault<DigestHasher>>,
    rows: Rows,
    n_final: usize,
    measured: MeasuredUsage,
}

impl KnownAnswers {
    /// None, with room for so many.
    pub fn new(manner: Manner, capacity: usize) -> Self {
        let at = HashMap::with_capacity_and_hasher(capacity, BuildHasherDefault::default());
        let rows = Rows::with_capacity(capacity);
        Self { digest: manner.digest(), manner, at, rows, n_final: 0, measured: MeasuredUsage::default() }
    }

    /// Those that a store has, in its parts and journals. Writes nothing.
    ///
    /// # Errors
    /// If the parts cannot be listed, or a journal cannot be read.
    pub fn load(store: &AnswerStore, manner: Manner, capacity: usize) -> Result<Self, TableError> {
        let mut known = Self::new(manner, capacity);
        store.for_each_row(|row| {
            if known.manner.is_of(&row) {
                known.insert(&row);
            }
        })?;
        Ok(known)
    }

    /// Adds the answers that a store has of the same model and questions, but read in another way, where there is none.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn add_other_readouts(&mut self, store: &AnswerStore) -> Result<(), TableError> {
        let own = self.manner.clone();
        let mut others = Self::new(own.clone(), 0);
        store.for_each_row(|row| {
            let manner = Manner { readout: row.readout.clone(), ..own.clone() };
            let is_other = row.readout != own.readout && word_of_key(&row.readout).is_some() && manner.is_of(&row);
            if is_other && is_final(row.status) && !self.is_answered(&row.sha256, &row.query) {
                others.insert(&row);
            }
        })?;
        for (key, at) in &others.at {
            let other = others.rows.get(*at);
            match self.at.get(key) {
                Some(&at) => self.rows.set(at, &other),
                None => {
                    let at = u32::try_from(self.rows.status.len()).unwrap_or(u32::MAX);
                    self.at.insert(*key, at);
                    self.rows.push(&other);
                }
            }
            self.n_final += 1;
        }
        Ok(())
    }

    /// How they were asked for.
    pub fn manner(&self) -> &Manner {
        &self.manner
    }

    /// Adds an answer that was got in this manner; it may not take the place of a known one.
    pub fn insert(&mut self, stored: &StoredAnswer) {
        let key = key_of(&self.digest, &stored.sha256, &stored.query);
        let new: KnownAnswer = stored.into();
        let was_final = match self.at.get(&key) {
            Some(&at) => {
                let kept = self.rows.get(at);
                if !takes_place((kept.status, kept.answered_at), (new.status, new.answered_at)) {
                    return;
                }
                self.rows.set(at, &new);
                is_final(kept.status)
            }
            None => {
                // Four billion answers of one model do not fit in memory anyway.
                let at = u32::try_from(self.rows.status.len()).unwrap_or(u32::MAX);
                self.at.insert(key, at);
                self.rows.push(&new);
                false
            }
        };
        if is_final(new.status) && !was_final {
            self.n_final += 1;
            self.measured.add(stored);
        }
    }

    /// The answer to a text about a picture, an `error` too.
    pub fn get(&self, sha256: &str, query: &str) -> Option<KnownAnswer> {
        self.at.get(&key_of(&self.digest, sha256, query)).map(|at| self.rows.get(*at))
    }

    /// Whether there is no need to ask.
    pub fn is_answered(&self, sha256: &str, query: &str) -> bool {
        self.get(sha256, query).is_some_and(|known| is_final(known.status))
    }

    /// Whether this model has ever answered anything.
    pub fn has_answers(&self) -> bool {
        self.n_final > 0
    }

    /// What the servers reported of these answers.
    pub fn measured(&self) -> MeasuredUsage {
        self.measured
    }
}

/// The rows column by column; what is missing is NaN, which no stored number is.
#[derive(Debug, Default)]
struct Rows {
    status: Vec<AnswerStatus>,
    p_yes: Vec<f64>,
    logit_yes: Vec<f64>,
    logit_no: Vec<f64>,
    label_mass: Vec<f64>,
    readout: Vec<AnswerReadout>,
    attempts: Vec<u32>,
    seconds: Vec<f32>,
    answered_at: Vec<i64>,
}

impl Rows {
    fn with_capacity(n: usize) -> Self {
        Self {
            status: Vec::with_capacity(n),
            p_yes: Vec::with_capacity(n),
            logit_yes: Vec::with_capacity(n),
            logit_no: Vec::with_capacity(n),
            label_mass: Vec::with_capacity(n),
            readout: Vec::with_capacity(n),
            attempts: Vec::with_capacity(n),
            seconds: Vec::with_capacity(n),
            answered_at: Vec::with_capacity(n),
        }
    }

    fn push(&mut self, row: &KnownAnswer) {
        self.status.push(row.status);
        self.p_yes.push(row.p_yes.unwrap_or(f64::NAN));
        self.logit_yes.push(row.logit_yes.unwrap_or(f64::NAN));
        self.logit_no.push(row.logit_no.unwrap_or(f64::NAN));
        self.label_mass.push(row.label_mass.unwrap_or(f64::NAN));
        self.readout.push(row.readout);
        self.attempts.push(row.attempts);
        self.seconds.push(row.seconds);
        self.answered_at.push(row.answered_at);
    }

    fn set(&mut self, at: u32, row: &KnownAnswer) {
        let at = at as usize;
        self.status[at] = row.status;
        self.p_yes[at] = row.p_yes.unwrap_or(f64::NAN);
        self.logit_yes[at] = row.logit_yes.unwrap_or(f64::NAN);
        self.logit_no[at] = row.logit_no.unwrap_or(f64::NAN);
        self.label_mass[at] = row.label_mass.unwrap_or(f64::NAN);
        self.readout[at] = row.readout;
        self.attempts[at] = row.attempts;
        self.seconds[at] = row.seconds;
        self.answered_at[at] = row.answered_at;
    }

    fn get(&self, at: u32) -> KnownAnswer {
        let at = at as usize;
        let number = |column: &[f64]| Some(column[at]).filter(|number| !number.is_nan());
        KnownAnswer {
            status: self.status[at],
            p_yes: number(&self.p_yes),
            logit_yes: number(&self.logit_yes),
            logit_no: number(&self.logit_no),
            label_mass: number(&self.label_mass),
            readout: self.readout[at],
            attempts: self.attempts[at],
            seconds: self.seconds[at],
            answered_at: self.answered_at[at],
        }
    }
}

/// A key is a digest already: any of its bytes are as good a hash as another.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    // An array writes its length first, which says nothing.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
