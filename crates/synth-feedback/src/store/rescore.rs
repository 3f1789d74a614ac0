//! Reads kept answers anew from their raw log-probabilities: after the rules of reading changed, nothing is asked again.

use tables::AnswerStatus;

use super::rewrite::{for_each_valid, lock, rewrite};
use super::{AnswerStore, StoredAnswer, journal};
use crate::error::SynthFeedbackError;
use crate::raw;
use crate::readout::{present_key, read_again};

/// What reading the answers anew gave.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rescored {
    /// Answers that were read anew.
    pub n_read: u64,
    /// Those of them that came out otherwise than they are stored.
    pub n_changed: u64,
    /// The largest difference of a yes-probability.
    pub largest_change: f64,
    /// Answers that have nothing to be read from: refusals, failed calls.
    pub n_without_raw: u64,
    /// Answers that the present rules cannot read; they stay as they are.
    pub n_unreadable: u64,
}

/// Reads every answer anew, and stores what comes out if `write` says so: under the present version of its readout.
///
/// # Errors
/// [`SynthFeedbackError::StoreBusy`]; if the store cannot be read or written.
pub fn rescore(store: &AnswerStore, write: bool) -> Result<Rescored, SynthFeedbackError> {
    let mut rescored = Rescored::default();
    if write {
        rewrite(store, |_| true, |row| Some(rescored.read(row)))?;
    } else {
        let _lock = lock(store)?;
        let journaled = journal::all_rows(store)?;
        for_each_valid(store, &store.parts().list()?, journaled, |_, row| {
            rescored.read(row);
        })?;
    }
    Ok(rescored)
}

impl Rescored {
    /// One answer, read anew.
    fn read(&mut self, row: StoredAnswer) -> StoredAnswer {
        let Some(completion) = row.raw.as_deref().and_then(raw::completion) else {
            self.n_without_raw += 1;
            return row;
        };
        let was_read = row.status != AnswerStatus::Error;
        let Ok(reading) = read_again(&row.readout, &completion, was_read) else {
            // It could not be read when it came, and is asked again; or the rules have become stricter.
            self.n_unreadable += u64::from(was_read);
            self.n_without_raw += u64::from(!was_read);
            return row;
        };
        self.n_read += 1;
        let new = StoredAnswer {
            readout: present_key(&row.readout),
            status: reading.status,
            p_yes: reading.p_yes,
            logit_yes: reading.logit_yes,
            logit_no: reading.logit_no,
            label_mass: reading.label_mass,
            reason: None,
            ..row.clone()
        };
        self.n_changed += u64::from(new != row);
        let change = row.p_yes.zip(new.p_yes).map_or(0.0, |(was, is)| (was - is).abs());
        self.largest_change = self.largest_change.max(change);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::completion::{Completion, TokenLogprob};
    use crate::store::tests::{store, stored};

    /// An answer as a run stores it.
    fn answered(query: &str, tokens: &[(&str, Option<f64>)]) -> StoredAnswer {
        let token = |(token, logprob): &(&str, Option<f64>)| TokenLogprob { token: (*token).into(), logprob: *logprob };
        let completion = Completion::FirstToken(tokens.iter().map(token).collect());
        let reading = crate::reading::read(&completion).unwrap();
        StoredAnswer {
            status: reading.status,
            p_yes: reading.p_yes,
            logit_yes: reading.logit_yes,
            logit_no: reading.logit_no,
            label_mass: reading.label_mass,
            raw: raw::json(&completion),
            ..stored(query, AnswerStatus::Ok)
        }
    }

    fn sorted(store: &AnswerStore) -> Vec<StoredAnswer> {
        let mut rows = store.parts().rows().unwrap();
        rows.sort_by(|a, b| a.query.cmp(&b.query));
        rows
    }

    #[test]
    fn an_answer_read_anew_is_equal_to_the_last_bit_and_a_wrong_score_is_put_right() {
        let (_folder, store) = store();
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut rows: Vec<StoredAnswer> = (0..300)
            .map(|at| {
                let (yes, no) = (0.5 * draw(), 0.4 * draw());
                let tokens = [
                    ("Yes", Some(yes.ln())),
                    ("Yes", Some(yes.ln())),
                    ("▁no", Some(no.ln())),
                    ("\"The\n", Some(-9.25)),
                    ("masked", None),
                    ("also", Some(-9999.0)),
                ];
                // Every third lists one word only.
                answered(&format!("{at:03}"), &tokens[..if at % 3 == 0 { 2 } else { 6 }])
            })
            .collect();
        rows.push(stored("refused", AnswerStatus::Refused));
        rows.push(StoredAnswer { reason: Some("status 500".into()), ..stored("failed", AnswerStatus::Error) });
        rows.sort_by(|a, b| a.query.cmp(&b.query));
        store.parts().append(&rows).unwrap();
        let same = Rescored { n_read: 300, n_without_raw: 2, ..Rescored::default() };
        assert_eq!(rescore(&store, false).unwrap(), same);
        assert_eq!(rescore(&store, true).unwrap(), same);
        assert_eq!(sorted(&store), rows);

        let wrong = StoredAnswer { p_yes: Some(0.0), status: AnswerStatus::Censored, ..rows[7].clone() };
        let change = rows[7].p_yes.unwrap();
        let others = rows.iter().filter(|row| row.query != wrong.query).chain([&wrong]);
        std::fs::remove_dir_all(store.local_folder().unwrap()).unwrap();
        store.parts().append(&others.cloned().collect::<Vec<_>>()).unwrap();
        let found = Rescored { n_changed: 1, largest_change: change, ..same };
        assert_eq!((rescore(&store, false).unwrap(), rescore(&store, true).unwrap()), (found, found));
        assert_eq!(sorted(&store), rows);
    }

    #[test]
    fn answers_of_an_older_version_of_a_readout_get_the_present_ones_name() {
        let (_folder, store) = store();
        let present = answered("a", &[("Yes", Some(-0.5)), ("No", Some(-1.0))]);
        store.parts().append(&[StoredAnswer { readout: "top_logprobs/0".into(), ..present.clone() }]).unwrap();
        assert_eq!(rescore(&store, true).unwrap().n_changed, 1);
        assert_eq!(sorted(&store), [present]);
    }

    #[test]
    fn a_failed_question_does_not_become_an_answer_of_another_shape() {
        let (_folder, store) = store();
        let failed = |query: &str, readout: &str, completion: &Completion| StoredAnswer {
            readout: readout.into(),
            raw: raw::json(completion),
            reason: Some("not what was asked for".into()),
            ..stored(query, AnswerStatus::Error)
        };
        let token = |token: &str| TokenLogprob { token: token.into(), logprob: Some(-0.1) };
        let texts = Completion::Texts(vec![Some("Yes".into())]);
        let alone = Completion::FirstToken(vec![token("Yes")]);
        let listed = Completion::FirstToken(vec![token("Yes"), token("Yes")]);
        let rows = [
            failed("a vote for a probability", "top_logprobs/1", &texts),
            failed("a sampled token alone", "top_logprobs/1", &alone),
            failed("tokens, but of which ids?", "token_ids/1", &listed),
            failed("a probability for a vote", "sample:n1:t1:s0:m8/1", &listed),
        ];
        store.parts().append(&rows).unwrap();
        let none = Rescored { n_without_raw: 4, ..Rescored::default() };
        assert_eq!(rescore(&store, true).unwrap(), none);
        let mut expected = rows.to_vec();
        expected.sort_by(|a, b| a.query.cmp(&b.query));
        assert_eq!(sorted(&store), expected);
    }

    #[test]
    fn an_answer_of_an_older_version_that_was_asked_again_stands_in_the_new_part_once() {
        let (_folder, store) = store();
        let now = answered("a", &[("Yes", Some(-0.5)), ("No", Some(-1.0))]);
        let older = StoredAnswer { readout: "top_logprobs/0".into(), answered_at: 1, ..now.clone() };
        store.parts().append(&[older, now]).unwrap();
        rescore(&store, true).unwrap();
        assert_eq!(sorted(&store).len(), 1);
    }

    #[test]
    fn an_answer_that_could_not_be_read_when_it_came_is_read_once_the_rules_can() {
        let (_folder, store) = store();
        let read = answered("a", &[("Yes", Some(-0.5)), ("No", Some(-1.0))]);
        let unread = StoredAnswer {
            raw: read.raw.clone(),
            reason: Some("unknown token".into()),
            ..stored("a", AnswerStatus::Error)
        };
        store.parts().append(&[unread]).unwrap();
        rescore(&store, true).unwrap();
        assert_eq!(sorted(&store), [read]);
    }
}
