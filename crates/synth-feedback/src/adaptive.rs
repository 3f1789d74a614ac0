//! How many requests are under way at once, found by trying: nobody must know what a server can take.
//!
//! What counts is *goodput*, the answers per second: by Little's law, the limit times the share that were answers, over the
//! mean time of a request. The limit doubles as long as goodput rises with it, though each request may get slower: a server
//! that batches gives more that way. Then a half more and a third less are tried in turn. A step is kept if it pays (up) or
//! costs next to nothing (down), and taken back if not, after which the next one waits longer. So where requests queue or
//! are turned away the limit falls, and failures that do not depend on it, which lower the goodput of every limit alike,
//! do not starve a run.
//!
//! It is AIMD by its aim, with multiplicative steps both ways and a memory of what they brought.

use std::time::Duration;

use tokio::time::Instant;

/// How a request that is over bears on the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// It was answered.
    Answered,
    /// It was turned away or timed out: fewer at once may help.
    Overloaded,
    /// It failed in another way.
    Failed,
}

/// A limit of requests at once.
#[derive(Debug)]
pub struct Adaptive {
    least: usize,
    most: usize,
    limit: usize,
    /// Requests that were sent before are about another limit.
    since: Option<Instant>,
    window: Window,
    trial: Trial,
    /// What the limit was worth when it was last kept.
    kept: Option<Measured>,
    /// Whether the next step is a smaller limit.
    next_is_down: bool,
    /// Windows to rest after a step that was taken back.
    rest: u32,
}

/// What came back under the present limit.
#[derive(Debug, Default)]
struct Window {
    n: usize,
    n_full: usize,
    n_answered: usize,
    n_overloaded: usize,
    time: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    limit: usize,
    goodput: f64,
    overloaded: f64,
    seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// Twice the kept limit, as at the start.
    Doubling,
    /// A larger or smaller limit than the kept one.
    Step,
    /// None, for so many windows.
    Rest(u32),
}

/// Where it starts: what a small server takes at once.
const FIRST: usize = 8;
/// Requests that are looked at together: at least so many while doubling, when the question is coarse.
const LEAST_TO_DOUBLE: usize = 16;
/// And at least so many otherwise; their mean time is known to a few percent.
const LEAST_TO_STEP: usize = 64;
/// Goodput must change by this share of what it would on a server with room to spare, or more requests do not pay.
const LEAST_GAIN: f64 = 0.25;
const STEP: f64 = 1.5;
/// More overload than this is not argued with.
const MOSTLY_OVERLOAD: f64 = 0.5;
const LONGEST_REST: u32 = 32;

impl Adaptive {
    /// A limit that stays between two bounds; equal ones fix it.
    pub fn new(least: usize, most: usize) -> Self {
        let most = most.max(least);
        Self {
            least,
            most,
            limit: FIRST.clamp(least, most),
            since: None,
            window: Window::default(),
            trial: Trial::Doubling,
            kept: None,
            next_is_down: false,
            rest: 1,
        }
    }

    /// How many requests may be under way.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Takes note of a request that is over. `was_full`: as many were under way as may be.
    pub fn landed(&mut self, sent: Instant, now: Instant, load: Load, was_full: bool) {
        if self.least == self.most || self.since.is_some_and(|since| sent < since) {
            return;
        }
        let window = &mut self.window;
        window.n += 1;
        window.n_full += usize::from(was_full);
        window.n_answered += usize::from(load == Load::Answered);
        window.n_overloaded += usize::from(load == Load::Overloaded);
        window.time += now.duration_since(sent);
        let whole = match self.trial {
            Trial::Doubling => self.limit.max(LEAST_TO_DOUBLE),
            _ => (2 * self.limit).max(LEAST_TO_STEP),
        };
        let mostly_overload = window.n_overloaded as f64 > MOSTLY_OVERLOAD * whole as f64;
        if window.n < whole && !mostly_overload {
            return;
        }
        let window = std::mem::take(window);
        let n = window.n as f64;
        let measured = Measured {
            limit: self.limit,
            goodput: self.limit as f64 * window.n_answered as f64 / window.time.as_secs_f64().max(1e-9),
            overloaded: window.n_overloaded as f64 / n,
            seconds: window.time.as_secs_f64() / n,
        };
        // Where there is too little to ask, the limit was not tried.
        if window.n_full * 10 >= window.n * 9 {
            self.decide(measured, now);
        }
    }

    fn decide(&mut self, measured: Measured, now: Instant) {
        let is_trial = !matches!(self.trial, Trial::Rest(_));
        match self.kept.filter(|_| is_trial) {
            Some(kept) if measured.overloaded > MOSTLY_OVERLOAD && measured.limit > kept.limit => {
                self.take_back(kept, now);
            }
            _ if measured.overloaded > MOSTLY_OVERLOAD => {
                (self.trial, self.kept) = (Trial::Doubling, None);
                self.set(self.limit / 2, now);
            }
            Some(kept) if pays(measured, kept) => {
                (self.kept, self.rest) = (Some(measured), 1);
                if self.trial == Trial::Doubling {
                    self.set(2 * self.limit, now);
                } else {
                    self.trial = Trial::Rest(1);
                }
            }
            Some(kept) => self.take_back(kept, now),
            None => self.rested(measured, now),
        }
    }

    fn take_back(&mut self, kept: Measured, now: Instant) {
        if self.trial == Trial::Step {
            self.rest = (2 * self.rest).min(LONGEST_REST);
            self.next_is_down = !self.next_is_down;
        }
        self.trial = Trial::Rest(self.rest);
        self.set(kept.limit, now);
    }

    /// A window under the kept limit.
    fn rested(&mut self, measured: Measured, now: Instant) {
        let before = self.kept.replace(measured);
        let slower =
            before.is_some_and(|before| before.limit == measured.limit && measured.seconds > 2.0 * before.seconds);
        match self.trial {
            Trial::Doubling => self.set(2 * self.limit, now),
            // The next window shows only how it is now.
            Trial::Rest(_) if slower => (self.trial, self.rest, self.next_is_down) = (Trial::Rest(1), 1, true),
            Trial::Rest(left) if left > 1 => self.trial = Trial::Rest(left - 1),
            _ => {
                self.trial = Trial::Step;
                let step = if self.next_is_down { 1.0 / STEP } else { STEP };
                self.set((self.limit as f64 * step).round() as usize, now);
            }
        }
    }

    fn set(&mut self, limit: usize, now: Instant) {
        let limit = limit.clamp(self.least, self.most);
        if limit == self.limit {
            // At a bound there is nothing to try on this side.
            if !matches!(self.trial, Trial::Rest(_)) {
                self.rest = (2 * self.rest).min(LONGEST_REST);
                self.trial = Trial::Rest(self.rest);
                self.next_is_down = limit == self.most;
            }
            return;
        }
        tracing::debug!(from = self.limit, to = limit, trial = ?self.trial, "requests at once");
        (self.limit, self.since) = (limit, Some(now));
        self.window = Window::default();
    }
}

/// Whether a trial's limit is better than the kept one: more answers in proportion, or hardly fewer with less at once.
fn pays(trial: Measured, kept: Measured) -> bool {
    let more = trial.limit as f64 / kept.limit as f64 - 1.0;
    trial.goodput >= kept.goodput * (1.0 + LEAST_GAIN * more)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server by what it does with a number of requests at once: how long each takes, and what share is turned away.
    struct Server<F: Fn(f64) -> (f64, f64)> {
        behaves: F,
        state: u64,
    }

    impl<F: Fn(f64) -> (f64, f64)> Server<F> {
        fn unit(&mut self) -> f64 {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.state >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// Sends so many requests; returns the limits that were met over the last half, and all the answers a second.
        fn run(&mut self, limit: &mut Adaptive, n: usize) -> (Vec<usize>, f64) {
            let start = limit.since.unwrap_or_else(Instant::now) + Duration::from_secs(1_000);
            let mut seconds = 0.0;
            let (mut limits, mut n_answered) = (Vec::new(), 0.0);
            for at in 0..n {
                let (time, turned_away) = (self.behaves)(limit.limit() as f64);
                let is_away = self.unit() < turned_away;
                // Times spread by a third up and down; who is turned away knows it at once.
                let time = if is_away { 0.01 * time } else { time * (0.67 + 0.66 * self.unit()) };
                seconds += time / limit.limit() as f64;
                let now = start + Duration::from_secs_f64(seconds);
                let load = if is_away { Load::Overloaded } else { Load::Answered };
                n_answered += if is_away { 0.0 } else { 1.0 };
                limit.landed(now - Duration::from_secs_f64(time), now, load, true);
                if at >= n / 2 {
                    limits.push(limit.limit());
                }
            }
            (limits, n_answered / seconds)
        }
    }

    fn server<F: Fn(f64) -> (f64, f64)>(behaves: F) -> Server<F> {
        Server { behaves, state: 7 }
    }

    fn mean(limits: &[usize]) -> f64 {
        limits.iter().sum::<usize>() as f64 / limits.len() as f64
    }

    #[test]
    fn a_server_with_room_to_spare_is_used_to_the_bound_soon() {
        let mut limit = Adaptive::new(1, 256);
        server(|_| (0.1, 0.0)).run(&mut limit, 1_200);
        assert_eq!(limit.limit(), 256);
    }

    #[test]
    fn a_server_with_so_many_places_is_filled_and_not_flooded() {
        for places in [2.0, 24.0, 100.0] {
            let mut limit = Adaptive::new(1, 1_000);
            let (limits, rate) = server(|at_once| (0.5 * (at_once / places).max(1.0), 0.0)).run(&mut limit, 40_000);
            let mean = mean(&limits);
            assert!(mean > 0.8 * places && mean < (3.0 * places).max(9.0), "{places} places: {mean}");
            assert!(rate > 0.9 * places / 0.5, "{places} places: {rate} a second");
        }
    }

    #[test]
    fn a_server_that_batches_is_loaded_though_it_gets_slower() {
        // A batch of 64 takes twice as long as one of 1.
        let mut limit = Adaptive::new(1, 1_000);
        let (limits, rate) = server(|at_once| (0.2 * (1.0 + at_once / 64.0), 0.0)).run(&mut limit, 40_000);
        assert!(mean(&limits) > 48.0 && mean(&limits) < 500.0, "{}", mean(&limits));
        assert!(rate > 0.5 * 320.0, "{rate} of at most 320 a second");
    }

    #[test]
    fn a_rate_limit_is_met_without_most_requests_being_turned_away() {
        // 100 answers a second, what comes beyond that is a 429.
        let behaves = |at_once: f64| {
            let offered = at_once / 0.2;
            (0.2, (1.0 - 100.0 / offered).max(0.0))
        };
        let mut limit = Adaptive::new(1, 256);
        let (limits, _) = server(behaves).run(&mut limit, 40_000);
        assert!(mean(&limits) > 12.0 && mean(&limits) < 34.0, "{}", mean(&limits));
    }

    #[test]
    fn failures_that_do_not_depend_on_the_limit_do_not_starve_a_run() {
        let mut limit = Adaptive::new(1, 128);
        let (limits, _) = server(|_| (0.1, 0.15)).run(&mut limit, 40_000);
        assert!(mean(&limits) > 40.0, "{}", mean(&limits));
    }

    #[test]
    fn a_server_that_turns_all_away_is_asked_less_and_then_more_again() {
        let mut limit = Adaptive::new(1, 256);
        server(|_| (0.1, 0.0)).run(&mut limit, 2_000);
        server(|_| (0.1, 1.0)).run(&mut limit, 2_000);
        assert_eq!(limit.limit(), 1);
        server(|_| (0.1, 0.0)).run(&mut limit, 20_000);
        assert!(limit.limit() > 100, "{}", limit.limit());
    }

    #[test]
    fn a_server_that_slows_down_is_asked_less() {
        let mut limit = Adaptive::new(1, 256);
        server(|at_once| (0.1 * (at_once / 100.0).max(1.0), 0.0)).run(&mut limit, 20_000);
        let before = limit.limit();
        let (limits, _) = server(|at_once| (0.1 * (at_once / 10.0).max(1.0), 0.0)).run(&mut limit, 20_000);
        assert!(before > 64 && mean(&limits) < 40.0, "{before}, then {}", mean(&limits));
    }

    #[test]
    fn a_fixed_limit_stays_and_an_idle_one_is_not_judged() {
        let mut fixed = Adaptive::new(64, 64);
        server(|_| (0.1, 0.9)).run(&mut fixed, 1_000);
        assert_eq!(fixed.limit(), 64);
        let mut idle = Adaptive::new(1, 256);
        let now = Instant::now();
        (0..1_000).for_each(|_| idle.landed(now, now + Duration::from_millis(1), Load::Answered, false));
        assert_eq!(idle.limit(), FIRST);
    }
}
