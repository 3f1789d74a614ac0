//! Answers as the first version of the program kept them: they were paid for, and still count.

use tables::{AnswerStatus, Part, Parts, Storage, TableError, table};

use super::StoredAnswer;
use crate::image_form::ORIGINAL;

table! {
    /// One answer of an endpoint, as version 1 kept it.
    "stored_answers" version 1 by SynthFeedback key [sha256, query, model, readout]
    pub struct StoredAnswer1 {
        /// SHA-256 of the picture that was shown.
        sha256: String where Sha256,
        /// The text that was asked.
        query: String where NotEmpty,
        /// The model that was asked.
        model: String where NotEmpty,
        /// How it was asked and read.
        readout: String where NotEmpty,
        /// How it came out.
        status: AnswerStatus,
        /// Probability of "yes".
        p_yes: Option<f64> where Between(0.0, 1.0),
        /// Log of the summed probability of the first token's "yes" variants.
        logit_yes: Option<f64>,
        /// Log of the summed probability of the first token's "no" variants.
        logit_no: Option<f64>,
        /// Probability that the first token is a yes or a no at all.
        label_mass: Option<f64> where Between(0.0, 1.000001),
        /// Why there is no answer.
        reason: Option<String>,
        /// What was read: JSON `[[token, logprob], …]`, the sampled token first.
        top_logprobs: Option<String>,
        /// Requests that were sent for it.
        attempts: i64 where AtLeast(0.0),
        /// How long the last one took, in seconds.
        seconds: f64 where AtLeast(0.0),
    }
}

/// The form of request that version 1 knew.
const TEMPLATE_1: &str = "image-text/1";

impl From<StoredAnswer1> for StoredAnswer {
    fn from(old: StoredAnswer1) -> Self {
        Self {
            sha256: old.sha256,
            query: old.query,
            model: old.model,
            revision: None,
            readout: old.readout,
            template: TEMPLATE_1.to_owned(),
            image_form: ORIGINAL.to_owned(),
            status: old.status,
            p_yes: old.p_yes,
            logit_yes: old.logit_yes,
            logit_no: old.logit_no,
            label_mass: old.label_mass,
            reason: old.reason,
            raw: old.top_logprobs,
            attempts: old.attempts,
            seconds: old.seconds,
            prompt_tokens: None,
            cached_tokens: None,
            completion_tokens: None,
            // Nobody noted when: before all others.
            answered_at: 0,
        }
    }
}

/// The rows of a part of version 1.
pub(super) fn read(storage: &Storage, part: &Part) -> Result<Vec<StoredAnswer>, TableError> {
    let parts: Parts<StoredAnswer1> = Parts::open_in(storage, "");
    let mut rows = Vec::new();
    parts.read(part, |chunk| rows.extend(chunk.into_iter().map(StoredAnswer::from)))?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{store, stored};
    use crate::store::{KnownAnswers, Manner, compact};

    #[test]
    fn answers_of_version_1_are_known_and_become_version_2_when_parts_are_merged() {
        let (_folder, store) = store();
        let old = StoredAnswer1 {
            sha256: "0".repeat(64),
            query: "a".into(),
            model: "m".into(),
            readout: "top_logprobs/1".into(),
            status: AnswerStatus::Ok,
            p_yes: Some(0.25),
            logit_yes: None,
            logit_no: None,
            label_mass: None,
            reason: None,
            top_logprobs: Some("[[\"No\",-0.1],[\"Yes\",-1.2]]".into()),
            attempts: 2,
            seconds: 0.5,
        };
        Parts::open(&store.storage, "answers").append(std::slice::from_ref(&old)).unwrap();
        store.parts().append(&[StoredAnswer { template: TEMPLATE_1.into(), ..stored("b", AnswerStatus::Ok) }]).unwrap();
        let manner = Manner::of(&old.clone().into());
        let known = KnownAnswers::load(&store, manner, 0).unwrap();
        assert_eq!(known.get(&old.sha256, "a").unwrap().p_yes, Some(0.25));
        assert!(known.is_answered(&old.sha256, "b"));
        assert_eq!(compact(&store).unwrap().n_answers, 2);
        assert!(store.parts().rows().unwrap().contains(&old.into()));
    }
}
