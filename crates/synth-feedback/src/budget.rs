//! Requests and tokens a minute: how fast one endpoint may be asked, whatever it could take.
//!
//! Both are leaky buckets (GCRA, of `governor`) that let through a second's requests and ten seconds' tokens at once: a
//! provider that counts by the minute is never sent much more than it allows.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// The budget of one endpoint.
#[derive(Debug)]
pub struct Budget<C: Clock = MonotonicClock> {
    clock: C,
    requests: Option<Bucket<C>>,
    tokens: Option<TokenBucket<C>>,
}

type Bucket<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

#[derive(Debug)]
struct TokenBucket<C: Clock> {
    bucket: Bucket<C>,
    burst: NonZeroU32,
    /// What a request uses: a guess, then the running mean of what the server reports.
    expected: f64,
    n_reported: u64,
    /// Tokens that were used beyond what was expected, to be taken with the next request; negative if fewer were.
    owed: f64,
}

/// What a request is expected to use before the first answer tells: a picture of middle size and a short question.
const FIRST_GUESS: f64 = 1_000.0;
/// The mean follows a change within about this many answers.
const MEMORY: u64 = 64;

impl Budget {
    /// A budget of so many requests and tokens a minute; `None` is no bound.
    pub fn new(requests_per_minute: Option<NonZeroU32>, tokens_per_minute: Option<NonZeroU32>) -> Self {
        Self::with_clock(requests_per_minute, tokens_per_minute, MonotonicClock)
    }
}

impl<C: Clock + Clone> Budget<C> {
    fn with_clock(requests: Option<NonZeroU32>, tokens: Option<NonZeroU32>, clock: C) -> Self {
        let bucket = |per_minute: NonZeroU32, burst: NonZeroU32| {
            RateLimiter::direct_with_clock(Quota::per_minute(per_minute).allow_burst(burst), clock.clone())
        };
        let share = |per_minute: NonZeroU32, of: u32| NonZeroU32::new(per_minute.get() / of).unwrap_or(NonZeroU32::MIN);
        let requests = requests.map(|per_minute| bucket(per_minute, share(per_minute, 60)));
        let tokens = tokens.map(|per_minute| {
            let burst = share(per_minute, 6);
            let bucket = bucket(per_minute, burst);
            TokenBucket { bucket, burst, expected: FIRST_GUESS, n_reported: 0, owed: 0.0 }
        });
        Self { clock, requests, tokens }
    }

    /// Takes one request from the budget, or says how long to wait for it.
    ///
    /// # Errors
    /// The wait until it is worth asking again.
    pub fn take(&mut self) -> Result<(), Duration> {
        let now = self.clock.now();
        // Tokens first: the request that then has to wait has paid, and does not pay again.
        if let Some(tokens) = &mut self.tokens {
            tokens.pay_off(now)?;
        }
        if let Some(requests) = &self.requests {
            requests.check().map_err(|not_until| not_until.wait_time_from(now))?;
        }
        if let Some(tokens) = &mut self.tokens {
            tokens.owed += tokens.expected;
        }
        Ok(())
    }

    /// Takes note of what a request did use; `None` if nobody says.
    pub fn settle(&mut self, n_tokens: Option<u64>) {
        let Some(tokens) = &mut self.tokens else { return };
        let Some(used) = n_tokens else { return };
        let used = used.min(u64::from(u32::MAX)) as f64;
        tokens.owed += used - tokens.expected;
        tokens.n_reported = (tokens.n_reported + 1).min(MEMORY);
        tokens.expected += (used - tokens.expected) / tokens.n_reported as f64;
    }
}

impl<C: Clock> TokenBucket<C> {
    /// Takes what is owed from the bucket, in as many pieces as it needs: a request may be larger than a burst.
    fn pay_off(&mut self, now: C::Instant) -> Result<(), Duration> {
        while let Some(piece) = NonZeroU32::new(self.owed.clamp(0.0, f64::from(self.burst.get())) as u32) {
            match self.bucket.check_n(piece) {
                Ok(Ok(())) => self.owed -= f64::from(piece.get()),
                Ok(Err(not_until)) => return Err(not_until.wait_time_from(now)),
                // A piece is never larger than a burst.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    /// Requests that pass in so many seconds, each reported to use `n_tokens`.
    fn n_passed(requests: Option<u32>, tokens: Option<u32>, n_tokens: u64, seconds: u32) -> u32 {
        let clock = FakeRelativeClock::default();
        let limit = |n: Option<u32>| n.and_then(NonZeroU32::new);
        let mut budget = Budget::with_clock(limit(requests), limit(tokens), clock.clone());
        let (mut now, end, mut n) = (Duration::ZERO, Duration::from_secs(u64::from(seconds)), 0);
        while now < end {
            match budget.take() {
                Ok(()) => {
                    n += 1;
                    budget.settle(Some(n_tokens));
                    assert!(n < 1_000_000, "no bound");
                }
                Err(wait) => {
                    assert!(!wait.is_zero());
                    clock.advance(wait);
                    now += wait;
                }
            }
        }
        n
    }

    #[test]
    fn requests_a_minute_hold_from_the_first_minute_on() {
        for per_minute in [1, 7, 60, 600, 90_000] {
            for minutes in [1, 5] {
                let n = n_passed(Some(per_minute), None, 0, 60 * minutes);
                let (least, most) = (per_minute * minutes, per_minute * minutes + per_minute / 60 + 1);
                assert!((least..=most).contains(&n), "{per_minute}: {n} in {minutes} minutes");
            }
        }
    }

    #[test]
    fn tokens_a_minute_hold_for_small_and_large_requests() {
        for (per_minute, each) in [(100_000, 300), (100_000, 3_000), (6_000, 4_000), (60_000_000, 1_000)] {
            let n = f64::from(n_passed(None, Some(per_minute), each, 600));
            let used = n * each as f64;
            let allowed = f64::from(per_minute) * 10.0;
            let slack = f64::from(per_minute) / 6.0 + 3.0 * each as f64 + FIRST_GUESS;
            assert!((used - allowed).abs() <= slack, "{per_minute} a minute, {each} each: {used} of {allowed}");
        }
    }

    #[test]
    fn the_tighter_of_both_holds() {
        let both = n_passed(Some(60), Some(6_000), 1_000, 600);
        assert!((58..=65).contains(&both), "6,000 tokens are 6 requests a minute: {both}");
        let requests = n_passed(Some(60), Some(6_000_000), 1_000, 60);
        assert!((60..=62).contains(&requests), "{requests}");
    }

    #[test]
    fn without_a_budget_nothing_waits_and_silence_about_tokens_is_counted_as_expected() {
        let mut free = Budget::new(None, None);
        assert!((0..10_000).all(|_| free.take().is_ok()));
        let clock = FakeRelativeClock::default();
        let mut silent = Budget::with_clock(None, NonZeroU32::new(60_000), clock);
        let n = (0..100).filter(|_| silent.take().is_ok()).count();
        assert_eq!(n, 11, "ten seconds' tokens at 1,000 each, and the one that is owed");
    }
}
