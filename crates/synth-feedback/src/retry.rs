//! When a question is asked again: exponential backoff with full jitter, the server's own wish, a bound on all of it.
//!
//! Full jitter (a wait drawn from zero to the backoff) spreads questions that failed together. Source: Brooker 2015,
//! "Exponential Backoff and Jitter".

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

use crate::call_error::CallError;

/// How long a question is worth waiting for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long one request may take.
    pub timeout: Duration,
    /// How long a question may take with all its requests and the waits between them.
    pub total: Duration,
    /// How long an answer may take from its first byte to its last.
    pub whole_answer: Duration,
    /// How often a question is tried.
    pub max_attempts: u32,
    /// The longest wait before the second attempt; it doubles up to [`LONGEST_BACKOFF`].
    pub first_backoff: Duration,
}

/// The longest wait between two attempts that is not the server's own wish.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// The longest wait that a server may ask for; if it asks for more, it counts as down.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(120);

/// The attempts of one question.
#[derive(Debug)]
pub struct Retry {
    backoff: ExponentialBackoff,
    give_up_at: Instant,
    /// Requests that were sent.
    pub attempts: u32,
}

impl Retry {
    /// Before the first attempt.
    pub fn new(patience: &Patience) -> Self {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(patience.first_backoff)
            .with_max_delay(LONGEST_BACKOFF)
            .with_max_times(patience.max_attempts.saturating_sub(1) as usize)
            .build();
        Self { backoff, give_up_at: Instant::now() + patience.total, attempts: 0 }
    }

    /// How long the question may still take.
    pub fn time_left(&self) -> Duration {
        self.give_up_at.saturating_duration_since(Instant::now())
    }

    /// When to ask again after a failure; `None` if that is not worth it, or not allowed any more.
    pub fn at(&mut self, error: &CallError) -> Option<Instant> {
        if !error.is_worth_retrying() {
            return None;
        }
        let backoff = self.backoff.next()?.mul_f64(rand::random());
        let at = Instant::now() + wait_before_retry(error.retry_after(), backoff)?;
        (at < self.give_up_at).then_some(at)
    }
}

/// The wait before the next attempt; none if there is to be none. The server's wish is a lower bound: those that it told
/// the same do not come back together.
fn wait_before_retry(retry_after: Option<Duration>, backoff: Duration) -> Option<Duration> {
    match retry_after {
        Some(asked) if asked > LONGEST_RETRY_AFTER => None,
        asked => Some(asked.unwrap_or_default() + backoff),
    }
}

/// How long a server asks to wait: seconds, or until an HTTP date.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        timeout: Duration::from_secs(1),
        total: Duration::from_secs(1_000),
        whole_answer: Duration::from_secs(1),
        max_attempts: 12,
        first_backoff: Duration::from_secs(1),
    };

    fn busy(retry_after: Option<f64>) -> CallError {
        let retry_after = retry_after.map(Duration::from_secs_f64);
        CallError::Busy { status: 429, message: String::new(), retry_after }
    }

    /// The waits that a question meets if it fails in the same way for ever.
    fn waits(patience: &Patience, error: &CallError) -> Vec<f64> {
        let mut retry = Retry::new(patience);
        let at = || retry.at(error).map(|at| at.saturating_duration_since(Instant::now()).as_secs_f64());
        std::iter::from_fn(at).collect()
    }

    #[test]
    fn waits_are_drawn_from_zero_to_a_bound_that_doubles_up_to_half_a_minute() {
        let all: Vec<Vec<f64>> = (0..400).map(|_| waits(&PATIENCE, &busy(None))).collect();
        assert!(all.iter().all(|waits| waits.len() == 11));
        for at in 0..11 {
            let bound = (1 << at).min(30) as f64;
            let mean = all.iter().map(|waits| waits[at]).sum::<f64>() / all.len() as f64;
            assert!(all.iter().all(|waits| waits[at] <= bound));
            // Uniform: its mean has a standard error of 0.289 / 20 of the bound.
            assert!((mean / bound - 0.5).abs() < 0.08, "attempt {at}: {mean} of {bound}");
        }
    }

    #[test]
    fn the_servers_wish_is_a_lower_bound_within_reason() {
        assert!(waits(&PATIENCE, &busy(Some(7.0))).iter().all(|wait| *wait > 6.9));
        let a_day = waits(&PATIENCE, &busy(Some(86_400.0)));
        assert_eq!(a_day, [0.0; 0], "a server that asks for a day is down");
        let no_attempt_left = Patience { max_attempts: 1, ..PATIENCE };
        assert_eq!(waits(&no_attempt_left, &busy(Some(1.0))), [0.0; 0]);
    }

    #[test]
    fn a_question_that_would_be_late_is_given_up() {
        let hurried = Patience { total: Duration::from_secs(5), ..PATIENCE };
        assert!(waits(&hurried, &busy(None)).len() < 11);
        assert_eq!(waits(&hurried, &busy(Some(6.0))), [0.0; 0]);
    }

    #[test]
    fn what_is_final_is_not_asked_again() {
        let mut retry = Retry::new(&PATIENCE);
        assert!(retry.at(&CallError::Rejected { status: 400, message: String::new() }).is_none());
        assert!(retry.at(&CallError::TooLarge { most_bytes: 1 }).is_none());
        assert!(retry.at(&CallError::Malformed("half".into())).is_some());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT").unwrap();
        let check = |value: &str, expected: Option<f64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs_f64), "{value}");
        };
        check("0", Some(0.0));
        check("7", Some(7.0));
        check(" 1.5 ", Some(1.5));
        check("Wed, 21 Oct 2015 07:28:30 GMT", Some(30.0));
        check("Wednesday, 21-Oct-15 07:28:05 GMT", Some(5.0));
        check("Wed, 21 Oct 2015 07:27:00 GMT", Some(0.0));
        for nonsense in ["-1", "soon", "", "nan", "1e400", "inf"] {
            check(nonsense, None);
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
