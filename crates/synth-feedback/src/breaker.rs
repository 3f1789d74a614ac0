//! When to stop asking: an endpoint that is down, or that answers nothing usefully, is not asked thousands of times.

use std::collections::HashSet;

use crate::call_error::CallError;
use crate::error::SynthFeedbackError;

/// A server may have its reasons to fail on one picture, or on two.
const SEVERAL_PICTURES: usize = 3;

/// Watches how the questions of one run end.
#[derive(Debug)]
pub struct Breaker {
    url: String,
    concurrency: usize,
    /// Whether this model has answered anything, in this run or an earlier one.
    useful_before: bool,
    n_asked: usize,
    n_answered: usize,
    n_outages: usize,
    /// Outages since the last answer, and the pictures they were about.
    streak: usize,
    streak_pictures: HashSet<usize>,
    /// Answers that are none, since the last one that is, and the pictures they were about.
    garbage: usize,
    garbage_pictures: HashSet<usize>,
    /// Pictures that were denied since the last answer.
    denied_pictures: HashSet<usize>,
    last_reason: String,
    last_was_unreachable: bool,
}

impl Breaker {
    /// Nothing has been asked yet in this run.
    pub fn new(url: &str, concurrency: usize, useful_before: bool) -> Self {
        Self {
            url: url.to_owned(),
            concurrency,
            useful_before,
            n_asked: 0,
            n_answered: 0,
            n_outages: 0,
            streak: 0,
            streak_pictures: HashSet::new(),
            garbage: 0,
            garbage_pictures: HashSet::new(),
            denied_pictures: HashSet::new(),
            last_reason: String::new(),
            last_was_unreachable: false,
        }
    }

    /// Takes note of a question about a picture (by its number) that was answered.
    pub fn answered(&mut self) {
        self.n_asked += 1;
        self.n_answered += 1;
        self.end_streak();
        self.garbage = 0;
        self.garbage_pictures.clear();
        self.denied_pictures.clear();
    }

    /// Takes note of a question that failed, all its attempts included.
    ///
    /// # Errors
    /// Why no other should be asked: [`SynthFeedbackError::Denied`], [`SynthFeedbackError::Down`] or
    /// [`SynthFeedbackError::Useless`].
    pub fn failed(&mut self, picture: usize, error: &CallError) -> Result<(), SynthFeedbackError> {
        self.n_asked += 1;
        self.last_reason = error.to_string();
        if let CallError::Denied { status, message } = error {
            self.denied_pictures.insert(picture);
            // A gateway may deny a single picture that it finds improper. A key is wrong, or unpaid, for all of them.
            let answers = self.n_answered > 0 || self.useful_before;
            if matches!(status, 403 | 404) && answers && self.denied_pictures.len() < SEVERAL_PICTURES {
                return Ok(());
            }
            return Err(SynthFeedbackError::Denied {
                url: self.url.clone(),
                status: *status,
                message: if message.is_empty() { "no message".to_owned() } else { message.clone() },
                advice: advice(*status),
            });
        }
        if !error.is_outage() {
            self.end_streak();
            let has_answered = self.n_answered > 0 || self.useful_before;
            if has_answered && matches!(error, CallError::Malformed(_) | CallError::Redirected(_)) {
                self.garbage += 1;
                self.garbage_pictures.insert(picture);
                if self.garbage >= 4 * self.concurrency && self.garbage_pictures.len() >= SEVERAL_PICTURES {
                    return Err(self.down(self.garbage));
                }
            }
            let many = self.n_asked >= (2 * self.concurrency).max(16);
            return if many { self.check_useful() } else { Ok(()) };
        }
        self.n_outages += 1;
        self.streak += 1;
        self.streak_pictures.insert(picture);
        self.last_was_unreachable = matches!(error, CallError::Unreachable(_));
        let is_down = if self.n_answered == 0 {
            // Down from the start: one round is enough.
            self.streak >= self.concurrency
        } else {
            // A server may fail on one picture again and again, and still be up.
            self.streak >= 2 * self.concurrency
                && (self.last_was_unreachable || self.streak_pictures.len() >= SEVERAL_PICTURES)
        };
        if is_down { Err(self.down(self.streak)) } else { Ok(()) }
    }

    /// Questions that were answered so far.
    pub fn n_answered(&self) -> usize {
        self.n_answered
    }

    /// Takes note of a question that failed while others were answered: that is its own failure, not the endpoint's.
    pub fn failed_alone(&mut self, error: &CallError) {
        self.n_asked += 1;
        self.last_reason = error.to_string();
    }

    /// Whether the run may count as done, now that everything has been asked.
    ///
    /// # Errors
    /// [`SynthFeedbackError::Down`] if it ended in an outage, [`SynthFeedbackError::Useless`] if nothing was answered.
    pub fn finish(&self) -> Result<(), SynthFeedbackError> {
        if self.n_asked > 0 && self.n_outages == self.n_asked {
            return Err(self.down(self.n_asked));
        }
        if self.streak > 0 && self.last_was_unreachable {
            return Err(self.down(self.streak));
        }
        self.check_useful()
    }

    fn check_useful(&self) -> Result<(), SynthFeedbackError> {
        if self.n_asked == 0 || self.n_answered > 0 || self.useful_before {
            return Ok(());
        }
        let (url, reason) = (self.url.clone(), self.last_reason.clone());
        Err(SynthFeedbackError::Useless { url, n_asked: self.n_asked, reason })
    }

    /// Why no other should be asked when several endpoints have all failed since their last answers.
    pub fn all_down(&self, n_failed: usize) -> SynthFeedbackError {
        self.down(n_failed)
    }

    fn down(&self, n_failed: usize) -> SynthFeedbackError {
        SynthFeedbackError::Down { url: self.url.clone(), n_failed, reason: self.last_reason.clone() }
    }

    fn end_streak(&mut self) {
        self.streak = 0;
        self.streak_pictures.clear();
    }
}

pub(crate) fn advice(status: u16) -> &'static str {
    match status {
        401 => "set `synth-feedback.endpoint.api_key_env` to the environment variable that holds a valid API key",
        402 => "the account behind the API key has no credit left",
        403 => "the API key may not use this model, or not from here",
        _ => "check `synth-feedback.endpoint.base_url` (it ends in /v1 on most servers) and `model`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(concurrency: usize, useful_before: bool) -> Breaker {
        Breaker::new("http://host/v1/chat/completions", concurrency, useful_before)
    }

    fn refused() -> CallError {
        CallError::Unreachable("refused".into())
    }

    fn busy() -> CallError {
        CallError::Busy { status: 503, message: String::new(), retry_after: None }
    }

    fn rejected() -> CallError {
        CallError::Rejected { status: 400, message: "no logprobs".into() }
    }

    #[test]
    fn an_endpoint_that_is_down_from_the_start_gets_one_round() {
        for error in [refused(), busy()] {
            let mut breaker = breaker(4, true);
            (0..3).for_each(|_| breaker.failed(0, &error).unwrap());
            let error = breaker.failed(0, &error).unwrap_err();
            assert!(error.retry_later() && error.to_string().contains("4 questions in a row"), "{error}");
        }
    }

    #[test]
    fn an_endpoint_that_goes_down_gets_two_rounds() {
        let mut breaker = breaker(4, false);
        breaker.answered();
        (0..7).for_each(|_| breaker.failed(0, &refused()).unwrap());
        assert!(breaker.failed(0, &refused()).unwrap_err().retry_later());
    }

    #[test]
    fn a_picture_that_a_server_cannot_take_does_not_stop_the_others() {
        let mut breaker = breaker(2, false);
        breaker.answered();
        (0..50).for_each(|at| breaker.failed(at % 2, &busy()).unwrap());
        assert!(breaker.failed(2, &busy()).unwrap_err().retry_later());
    }

    #[test]
    fn an_answer_ends_the_streak() {
        let mut breaker = breaker(1, false);
        for picture in 0..100 {
            breaker.answered();
            breaker.failed(picture, &busy()).unwrap();
        }
        breaker.answered();
        breaker.finish().unwrap();
    }

    #[test]
    fn a_wrong_key_stops_at_once_and_says_what_to_do() {
        let mut breaker = breaker(4, true);
        breaker.answered();
        let error = breaker.failed(0, &CallError::Denied { status: 401, message: String::new() }).unwrap_err();
        assert!(!error.retry_later());
        let text = error.to_string();
        assert!(text.contains("401") && text.contains("http://host/v1") && text.contains("api_key_env"), "{text}");
    }

    #[test]
    fn a_picture_that_is_denied_is_an_error_of_its_own_and_a_model_that_is_gone_is_not() {
        let denied = CallError::Denied { status: 403, message: "improper".into() };
        let mut breaker = breaker(4, true);
        for _ in 0..100 {
            breaker.failed(7, &denied).unwrap();
            breaker.failed(8, &denied).unwrap();
        }
        breaker.answered();
        breaker.failed(1, &denied).unwrap();
        breaker.failed(2, &denied).unwrap();
        assert!(matches!(breaker.failed(3, &denied), Err(SynthFeedbackError::Denied { status: 403, .. })));
        let mut new = Breaker::new("http://host", 4, false);
        assert!(new.failed(0, &denied).is_err(), "nothing ever came from here");
    }

    #[test]
    fn a_server_that_begins_to_talk_nonsense_is_down() {
        let nonsense = CallError::Malformed("it is a page of HTML".into());
        let mut breaker = breaker(4, true);
        breaker.answered();
        (0..15).for_each(|picture| breaker.failed(picture, &nonsense).unwrap());
        assert!(breaker.failed(15, &nonsense).unwrap_err().retry_later());
        let mut one_picture = Breaker::new("http://host", 4, true);
        (0..100).for_each(|at| one_picture.failed(at % 2, &nonsense).unwrap());
        // A rerun begins with the questions that failed before, each for a reason of its own.
        let unreadable = CallError::Unreadable("it has no log-probabilities".into());
        let mut rerun = Breaker::new("http://host", 4, true);
        (0..1_000).for_each(|picture| rerun.failed(picture, &unreadable).unwrap());
    }

    #[test]
    fn an_endpoint_that_never_answers_usefully_is_a_failure_not_a_table_of_errors() {
        let mut never = breaker(2, false);
        (0..15).for_each(|_| never.failed(0, &rejected()).unwrap());
        let error = never.failed(0, &rejected()).unwrap_err();
        assert!(!error.retry_later() && error.to_string().contains("no logprobs"), "{error}");
        let mut few = breaker(2, false);
        few.failed(0, &rejected()).unwrap();
        assert!(matches!(few.finish(), Err(SynthFeedbackError::Useless { n_asked: 1, .. })));
        let mut useful_before = breaker(2, true);
        (0..100).for_each(|_| useful_before.failed(0, &rejected()).unwrap());
        useful_before.finish().unwrap();
    }

    #[test]
    fn questions_that_fail_while_others_are_answered_are_no_outage() {
        let mut breaker = breaker(2, false);
        breaker.answered();
        (0..50).for_each(|_| breaker.failed_alone(&busy()));
        assert_eq!(breaker.n_answered(), 1);
        breaker.finish().unwrap();
        (0..3).for_each(|picture| breaker.failed(picture, &busy()).unwrap());
        assert!(breaker.failed(3, &busy()).is_err());
    }

    #[test]
    fn a_run_that_ends_in_an_outage_is_not_done() {
        let mut all_failed = breaker(64, true);
        all_failed.failed(0, &busy()).unwrap();
        assert!(all_failed.finish().unwrap_err().retry_later());
        let mut went_away = breaker(64, true);
        went_away.answered();
        went_away.failed(0, &refused()).unwrap();
        assert!(went_away.finish().unwrap_err().retry_later());
        let mut one_bad = breaker(64, true);
        one_bad.answered();
        one_bad.failed(0, &busy()).unwrap();
        one_bad.finish().unwrap();
        breaker(1, false).finish().unwrap();
    }
}
