//! Takes answers out of a store for good.

use std::collections::HashSet;

use tables::AnswerStatus;

use super::rewrite::{for_each_valid, lock, rewrite};
use super::{AnswerStore, Inspected, Key, StoredAnswer, question_key};
use crate::error::SynthFeedbackError;

/// Which answers are to go: those that meet all that is set.
#[derive(Debug, Clone, Default)]
pub struct Pruning {
    /// Of this model.
    pub model: Option<String>,
    /// Read in this way: a whole key (`top_logprobs/1`), or all of a kind (`top_logprobs`).
    pub readout: Option<String>,
    /// That came out so: a VLM's refusals, say, to ask them again.
    pub status: Option<AnswerStatus>,
    /// That came before this, in milliseconds since 1970.
    pub before: Option<i64>,
    /// To none of these questions.
    pub unless_asked: Option<AskedQuestions>,
}

/// Questions about pictures, by whomever they are asked.
#[derive(Debug, Clone, Default)]
pub struct AskedQuestions(HashSet<Key>);

impl AskedQuestions {
    /// Adds a text about a picture.
    pub fn insert(&mut self, sha256: &str, query: &str) {
        self.0.insert(question_key(sha256, query));
    }

    fn has(&self, answer: &StoredAnswer) -> bool {
        self.0.contains(&question_key(&answer.sha256, &answer.query))
    }
}

impl Pruning {
    /// Whether nothing is set, so that everything would go.
    pub fn means_all(&self) -> bool {
        let Self { model, readout, status, before, unless_asked } = self;
        model.is_none() && readout.is_none() && status.is_none() && before.is_none() && unless_asked.is_none()
    }

    fn takes(&self, answer: &StoredAnswer) -> bool {
        let is_readout = |wanted: &String| {
            answer.readout == *wanted || answer.readout.split([':', '/']).next() == Some(wanted.as_str())
        };
        self.model.as_ref().is_none_or(|model| answer.model == *model)
            && self.readout.as_ref().is_none_or(is_readout)
            && self.status.is_none_or(|status| answer.status == status)
            && self.before.is_none_or(|before| answer.answered_at < before)
            && self.unless_asked.as_ref().is_none_or(|asked| !asked.has(answer))
    }
}

/// Counts the answers that are to go, and takes them out if `delete` says so. What a running program has not yet
/// written to a part is left alone.
///
/// # Errors
/// [`SynthFeedbackError::StoreBusy`]; if the store cannot be read or written.
pub fn prune(store: &AnswerStore, pruning: &Pruning, delete: bool) -> Result<Inspected, SynthFeedbackError> {
    let mut gone = Inspected::default();
    let parts = {
        let _lock = lock(store)?;
        let parts = store.parts().list()?;
        for_each_valid(store, &parts, Vec::new(), |manner, row| {
            if pruning.takes(&row) {
                gone.add(manner, &row);
            }
        })?;
        parts.len()
    };
    gone.n_parts = parts;
    if delete && gone.n_answers() > 0 {
        rewrite(store, |_| true, |row| (!pruning.takes(&row)).then_some(row))?;
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{store, stored};

    fn left(store: &AnswerStore) -> String {
        let mut queries: Vec<String> = store.parts().rows().unwrap().into_iter().map(|row| row.query).collect();
        queries.sort();
        queries.concat()
    }

    #[test]
    fn only_what_meets_all_that_is_set_goes_and_only_when_it_is_said() {
        let check = |pruning: Pruning, expect: &str| {
            let (_folder, store) = store();
            let plain = |query: &str, answered_at| StoredAnswer { answered_at, ..stored(query, AnswerStatus::Ok) };
            let other = StoredAnswer { model: "n".into(), status: AnswerStatus::Refused, p_yes: None, ..plain("c", 5) };
            let sampled = StoredAnswer { readout: "sample:n5/1".into(), ..plain("d", 50) };
            store.parts().append(&[plain("a", 10), plain("b", 20), other]).unwrap();
            store.parts().append(&[sampled]).unwrap();
            let would_go = prune(&store, &pruning, false).unwrap();
            assert_eq!(left(&store), "abcd", "a dry run");
            assert_eq!(prune(&store, &pruning, true).unwrap(), would_go);
            assert_eq!(left(&store), expect, "{pruning:?}");
            assert_eq!(would_go.n_answers() as usize, 4 - expect.len());
            assert_eq!(prune(&store, &pruning, true).unwrap().n_answers(), 0);
        };
        let none = Pruning::default;
        check(Pruning { model: Some("n".into()), ..none() }, "abd");
        check(Pruning { readout: Some("sample".into()), ..none() }, "abc");
        check(Pruning { readout: Some("top_logprobs/1".into()), ..none() }, "d");
        check(Pruning { readout: Some("top".into()), ..none() }, "abcd");
        check(Pruning { status: Some(AnswerStatus::Refused), ..none() }, "abd");
        check(Pruning { before: Some(20), ..none() }, "bd");
        check(Pruning { model: Some("m".into()), before: Some(20), ..none() }, "bcd");
        let mut asked = AskedQuestions::default();
        asked.insert(&"0".repeat(64), "b");
        asked.insert(&"1".repeat(64), "a");
        check(Pruning { unless_asked: Some(asked.clone()), ..none() }, "b");
        check(Pruning { unless_asked: Some(asked), model: Some("n".into()), ..none() }, "abd");
        check(none(), "");
        assert!(none().means_all());
    }
}
