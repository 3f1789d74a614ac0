//! What the stage counts, for the run's record and the log.

use std::collections::BTreeMap;

use tables::{Bucket, Counts, Question};
use tracing::{info, warn};

use crate::template::NoQuestion;

/// What a run counts, prompt by prompt.
#[derive(Default)]
pub struct Tally {
    n_prompts: u64,
    n_without: u64,
    /// The first few of them.
    without: Vec<String>,
    by_reason: BTreeMap<NoQuestion, u64>,
    by_bucket: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// A prompt and its questions.
    pub fn add(&mut self, prompt_id: &str, questions: &[Question]) {
        self.n_prompts += 1;
        if questions.is_empty() {
            self.n_without += 1;
            if self.without.len() < 5 {
                self.without.push(prompt_id.to_owned());
            }
        }
        for question in questions {
            *self.by_bucket.entry(question.bucket.as_str()).or_default() += 1;
        }
    }

    /// A prompt that cannot have a question.
    pub fn add_without(&mut self, prompt_id: &str, reason: NoQuestion) {
        *self.by_reason.entry(reason).or_default() += 1;
        self.add(prompt_id, &[]);
    }

    /// Names and numbers for the run's record; prompts without a question are warned of.
    pub fn counts(self) -> Counts {
        let n_questions = self.by_bucket.values().sum();
        if self.n_without > 0 {
            let reasons: Vec<String> = self.by_reason.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
            warn!(
                n_prompts = self.n_without,
                first = self.without.join(", "),
                reasons = reasons.join(", "),
                "prompts without a question: their images count as aligned, or are missing"
            );
        }
        info!(n_prompts = self.n_prompts, n_questions, "questions written");
        let mut counts = Counts::from([
            ("prompts", self.n_prompts),
            ("questions", n_questions),
            ("prompts_without_question", self.n_without),
        ]);
        counts.extend(Bucket::ALL.iter().map(|b| (b.as_str(), self.by_bucket.get(b.as_str()).copied().unwrap_or(0))));
        counts.extend(self.by_reason.iter().map(|(reason, n)| (reason.counted_as(), *n)));
        counts
    }
}
