//! What is in a store: how many answers of which model, how they came out, what they used, and when they came.

use std::collections::BTreeMap;
use std::fmt;

use tables::AnswerStatus;

use super::rewrite::{for_each_valid, lock};
use super::{AnswerStore, Manner, MeasuredUsage, StoredAnswer, journal};
use crate::date::date_of_millis;
use crate::error::SynthFeedbackError;

/// The answers of a store, or some of them, counted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inspected {
    /// By how they were asked for.
    pub manners: BTreeMap<Manner, Counted>,
    /// Parts that the store has.
    pub n_parts: usize,
    /// Their size.
    pub bytes: u64,
    /// Journals of running or killed programs.
    pub n_journals: usize,
}

/// The answers of one manner of asking.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counted {
    /// How many came out how.
    pub statuses: BTreeMap<AnswerStatus, u64>,
    /// Requests that were sent for them.
    pub n_requests: u64,
    /// Tokens that the server reported.
    pub measured: MeasuredUsage,
    /// When the first and the last came, in milliseconds since 1970.
    pub answered_at: Option<(i64, i64)>,
}

/// Counts what is in a store; each answer once, wherever it stands.
///
/// # Errors
/// [`SynthFeedbackError::StoreBusy`]; if the store cannot be read.
pub fn inspect(store: &AnswerStore) -> Result<Inspected, SynthFeedbackError> {
    let _lock = lock(store)?;
    let mut inspected = Inspected { n_journals: journal::count(store)?, ..Inspected::default() };
    let journaled = journal::all_rows(store)?;
    let parts = store.parts().list()?;
    for_each_valid(store, &parts, journaled, |manner, row| inspected.add(manner, &row))?;
    inspected.n_parts = parts.len();
    inspected.bytes = parts.iter().map(|part| part.bytes).sum();
    Ok(inspected)
}

impl Inspected {
    /// Counts one answer.
    pub(super) fn add(&mut self, manner: &Manner, row: &StoredAnswer) {
        if !self.manners.contains_key(manner) {
            self.manners.insert(manner.clone(), Counted::default());
        }
        let Some(counted) = self.manners.get_mut(manner) else { return };
        *counted.statuses.entry(row.status).or_default() += 1;
        counted.n_requests += row.attempts.unsigned_abs();
        counted.measured.add(row);
        let (first, last) = counted.answered_at.unwrap_or((row.answered_at, row.answered_at));
        counted.answered_at = Some((first.min(row.answered_at), last.max(row.answered_at)));
    }

    /// How many answers there are, errors among them.
    pub fn n_answers(&self) -> u64 {
        self.manners.values().flat_map(|counted| counted.statuses.values()).sum()
    }
}

impl fmt::Display for Inspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (manner, counted) in &self.manners {
            write!(f, "{manner}")?;
            let (first, last) = counted.answered_at.unwrap_or_default();
            writeln!(f, "    {} answers, {} to {}", counted.n(), date_of_millis(first), date_of_millis(last))?;
            let statuses = counted.statuses.iter().map(|(status, n)| format!("{n} {status}"));
            writeln!(f, "    {}", statuses.collect::<Vec<_>>().join(", "))?;
            let MeasuredUsage { n_answers, usage } = counted.measured;
            write!(f, "    {} requests", counted.n_requests)?;
            match n_answers {
                0 => writeln!(f, "; no tokens reported")?,
                n => writeln!(
                    f,
                    "; of {n} answers {} prompt tokens ({} cached), {} completion tokens",
                    usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens
                )?,
            }
        }
        Ok(())
    }
}

impl Counted {
    fn n(&self) -> u64 {
        self.statuses.values().sum()
    }
}

impl fmt::Display for Manner {
    /// One line that names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, revision, readout, template, image_form } = self;
        let revision = revision.as_ref().map_or(String::new(), |revision| format!(" revision `{revision}`"));
        writeln!(f, "`{model}`{revision}, {readout}, request {template}, image {image_form}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{store, stored};

    #[test]
    fn each_answer_is_counted_once_with_its_model_status_time_and_tokens() {
        let (_folder, store) = store();
        assert_eq!(inspect(&store).unwrap(), Inspected::default());
        let day = 86_400_000;
        let first = StoredAnswer {
            answered_at: 20_000 * day,
            prompt_tokens: Some(100),
            cached_tokens: Some(60),
            completion_tokens: Some(1),
            attempts: 3,
            ..stored("a", AnswerStatus::Ok)
        };
        let second = StoredAnswer { answered_at: 20_002 * day, ..stored("b", AnswerStatus::Refused) };
        let other = StoredAnswer { revision: Some("q4".into()), ..first.clone() };
        store.parts().append(&[first.clone(), second]).unwrap();
        store.parts().append(&[first, other]).unwrap();
        let inspected = inspect(&store).unwrap();
        assert_eq!((inspected.n_parts, inspected.n_answers(), inspected.n_journals), (2, 3, 0));
        let expected = "\
`m`, top_logprobs/1, request t/1, image original
    2 answers, 2024-10-04 to 2024-10-06
    1 ok, 1 refused
    4 requests; of 1 answers 100 prompt tokens (60 cached), 1 completion tokens
`m` revision `q4`, top_logprobs/1, request t/1, image original
    1 answers, 2024-10-04 to 2024-10-04
    1 ok
    3 requests; of 1 answers 100 prompt tokens (60 cached), 1 completion tokens
";
        assert_eq!(inspected.to_string(), expected);
    }
}
