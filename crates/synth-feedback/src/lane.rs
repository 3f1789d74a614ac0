//! The endpoints of one model, side by side: which one gets the next picture, and when one of them is left alone.
//!
//! A picture's questions go to one endpoint together, so that its prefix cache is hit. Pictures are dealt by weight (smooth
//! weighted round robin) among the endpoints that have room, so a fast one takes more than its share when all are busy.
//! Where there are several, one that only fails is left alone for a while, then tried with one request; its questions go
//! to the others. With one endpoint there is nobody to turn to: whether to go on is the [`breaker`](crate::breaker)'s to say.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::adaptive::{Adaptive, Load};
use crate::budget::Budget;
use crate::call_error::CallError;

/// What bounds the requests to one endpoint, and those that wait for it.
pub struct Lane<Q> {
    weight: f64,
    limit: Adaptive,
    budget: Budget,
    n_under_way: usize,
    /// The budget gives nothing before this.
    no_budget_until: Option<Instant>,
    outage: Outage,
    first_pause: Duration,
    /// Whether it has room and nothing to ask: then what comes back says nothing of its limit.
    is_idle: bool,
    /// Smooth weighted round robin: what it is owed.
    credit: f64,
    /// Questions to be asked again, which go first.
    again: VecDeque<Q>,
    /// Questions of the pictures that it was dealt.
    new: VecDeque<Q>,
}

/// Failures since the last answer.
#[derive(Default)]
struct Outage {
    n_failed: usize,
    n_pauses: u32,
    until: Option<Instant>,
}

/// Failures in a row after which an endpoint is left alone.
const MOST_FAILURES: usize = 5;
/// Pauses after which an endpoint counts as down.
const MOST_PAUSES: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl<Q> Lane<Q> {
    /// An endpoint that is asked nothing yet. `first_pause`: how long it is left alone at first if it only fails; it
    /// doubles.
    pub fn new(weight: f64, limit: Adaptive, budget: Budget, first_pause: Duration) -> Self {
        Self {
            weight,
            limit,
            budget,
            n_under_way: 0,
            no_budget_until: None,
            outage: Outage::default(),
            first_pause,
            is_idle: true,
            credit: 0.0,
            again: VecDeque::new(),
            new: VecDeque::new(),
        }
    }

    fn has_room(&self, now: Instant) -> bool {
        let limit = if self.outage.n_pauses == 0 { self.limit.limit() } else { 1 };
        self.n_under_way < limit
            && self.no_budget_until.is_none_or(|until| until <= now)
            && self.outage.until.is_none_or(|until| until <= now)
    }
}

/// The endpoints of one model.
pub struct Lanes<Q>(Vec<Lane<Q>>);

impl<Q> Lanes<Q> {
    /// These endpoints.
    pub fn new(lanes: Vec<Lane<Q>>) -> Self {
        Self(lanes)
    }

    /// How many requests may be under way at all of them.
    pub fn limit(&self) -> usize {
        self.0.iter().map(|lane| lane.limit.limit()).sum()
    }

    /// The next question and the endpoint to ask, if one has room: those asked again first, then those dealt before, then
    /// a picture from the `stock`. New questions only if `new_ones`. Call [`landed`](Self::landed) when it is over.
    pub fn next(&mut self, now: Instant, new_ones: bool, stock: &mut VecDeque<Vec<Q>>) -> Option<(usize, Q)> {
        loop {
            let at = self
                .0
                .iter()
                .position(|lane| (!lane.again.is_empty() || (new_ones && !lane.new.is_empty())) && lane.has_room(now));
            let at = match at {
                Some(at) => at,
                None if new_ones && !stock.is_empty() => {
                    match (self.deal(now), stock.pop_front()) {
                        (Some(at), Some(picture)) => self.0[at].new.extend(picture),
                        (_, back) => {
                            back.into_iter().for_each(|picture| stock.push_front(picture));
                            self.note_idle();
                            return None;
                        }
                    }
                    continue;
                }
                None => {
                    self.note_idle();
                    return None;
                }
            };
            let lane = &mut self.0[at];
            match lane.budget.take() {
                Ok(()) => lane.no_budget_until = None,
                Err(wait) => {
                    lane.no_budget_until = Some(now + wait);
                    continue;
                }
            }
            let question = lane.again.pop_front().or_else(|| lane.new.pop_front())?;
            lane.n_under_way += 1;
            return Some((at, question));
        }
    }

    /// Whose turn a new picture is, among those that have room for one.
    fn deal(&mut self, now: Instant) -> Option<usize> {
        let free = |lane: &Lane<Q>| lane.has_room(now);
        let total: f64 = self.0.iter().filter(|lane| free(lane)).map(|lane| lane.weight).sum();
        self.0.iter_mut().filter(|lane| free(lane)).for_each(|lane| lane.credit += lane.weight);
        let most = |a: &(usize, &mut Lane<Q>), b: &(usize, &mut Lane<Q>)| a.1.credit.total_cmp(&b.1.credit);
        // The first of equals.
        let (at, lane) = self.0.iter_mut().enumerate().rev().filter(|(_, lane)| free(lane)).max_by(most)?;
        lane.credit -= total;
        Some(at)
    }

    /// Takes note of a request that is over.
    pub fn landed(&mut self, at: usize, sent: Instant, now: Instant, outcome: Result<Option<u64>, &CallError>) {
        let several = self.0.len() > 1;
        let Some(lane) = self.0.get_mut(at) else { return };
        lane.n_under_way -= 1;
        let load = match outcome {
            Ok(_) => Load::Answered,
            Err(error) if error.is_overload() => Load::Overloaded,
            Err(_) => Load::Failed,
        };
        lane.limit.landed(sent, now, load, !lane.is_idle);
        match outcome {
            Ok(n_tokens) => {
                lane.budget.settle(n_tokens);
                lane.outage = Outage::default();
            }
            Err(error) if error.is_outage() && several => {
                lane.outage.n_failed += 1;
                if lane.outage.n_failed >= MOST_FAILURES && lane.outage.until.is_none_or(|until| until <= now) {
                    let pause = lane.first_pause.saturating_mul(1 << lane.outage.n_pauses.min(16)).min(LONGEST_PAUSE);
                    lane.outage.until = Some(now + pause);
                    lane.outage.n_pauses += 1;
                    tracing::warn!(endpoint = at + 1, ?pause, %error, "endpoint left alone; the others go on");
                    self.hand_over(at, now);
                }
            }
            Err(_) => {}
        }
    }

    /// Puts a question back that is to be asked again: elsewhere, if this endpoint is left alone and another is not.
    pub fn again(&mut self, at: usize, now: Instant, question: Q) {
        let at = self.other_than(at, now).unwrap_or(at);
        self.0[at].again.push_back(question);
    }

    /// Failures since the last answer, if every endpoint was left alone and tried again so often that all are down.
    pub fn all_down(&self) -> Option<usize> {
        let is_down = |lane: &Lane<Q>| lane.outage.n_pauses >= MOST_PAUSES;
        self.0.iter().all(is_down).then(|| self.0.iter().map(|lane| lane.outage.n_failed).sum())
    }

    fn note_idle(&mut self) {
        self.0.iter_mut().for_each(|lane| lane.is_idle = lane.n_under_way < lane.limit.limit());
    }

    /// When to look again though nothing came back.
    pub fn wake(&self, now: Instant, has_stock: bool) -> Option<Instant> {
        let waits = |lane: &&Lane<Q>| has_stock || !lane.new.is_empty() || !lane.again.is_empty();
        let later = |lane: &Lane<Q>| lane.no_budget_until.max(lane.outage.until).filter(|until| *until > now);
        // What is past holds nothing up: then something that is under way does.
        self.0.iter().filter(waits).filter_map(later).min()
    }

    /// Whether nothing waits to be asked.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|lane| lane.again.is_empty() && lane.new.is_empty())
    }

    /// How many wait to be asked again.
    pub fn n_again(&self) -> usize {
        self.0.iter().map(|lane| lane.again.len()).sum()
    }

    /// Forgets all that waits.
    pub fn clear(&mut self) {
        for lane in &mut self.0 {
            lane.again.clear();
            lane.new.clear();
        }
    }

    /// Another endpoint that is up, if this one is left alone.
    fn other_than(&self, at: usize, now: Instant) -> Option<usize> {
        let is_up = |lane: &Lane<Q>| lane.outage.until.is_none_or(|until| until <= now);
        if self.0.get(at).is_none_or(is_up) {
            return None;
        }
        let others = self.0.iter().enumerate().filter(|(_, lane)| is_up(lane));
        others.min_by_key(|(_, lane)| lane.again.len() + lane.new.len()).map(|(other, _)| other)
    }

    fn hand_over(&mut self, at: usize, now: Instant) {
        let Some(other) = self.other_than(at, now) else { return };
        let (again, new) = (std::mem::take(&mut self.0[at].again), std::mem::take(&mut self.0[at].new));
        self.0[other].again.extend(again);
        self.0[other].new.extend(new);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    fn lane(weight: f64, at_once: usize) -> Lane<u32> {
        Lane::new(weight, Adaptive::new(at_once, at_once), Budget::new(None, None), PAUSE)
    }

    /// Pictures of `each` questions, numbered through.
    fn stock(n: u32, each: u32) -> VecDeque<Vec<u32>> {
        (0..n).map(|picture| (picture * each..(picture + 1) * each).collect()).collect()
    }

    fn all(lanes: &mut Lanes<u32>, stock: &mut VecDeque<Vec<u32>>, now: Instant) -> Vec<(usize, u32)> {
        std::iter::from_fn(|| lanes.next(now, true, stock)).collect()
    }

    fn refused() -> CallError {
        CallError::Unreachable("refused".into())
    }

    #[test]
    fn the_questions_of_a_picture_go_to_one_endpoint_in_order() {
        let now = Instant::now();
        let mut lanes = Lanes::new(vec![lane(1.0, 6), lane(1.0, 6)]);
        let asked = all(&mut lanes, &mut stock(4, 3), now);
        assert_eq!(asked.len(), 12);
        for picture in 0..4 {
            let of_picture: Vec<_> = asked.iter().filter(|(_, question)| question / 3 == picture).collect();
            assert!(of_picture.iter().all(|(at, _)| *at == of_picture[0].0), "{asked:?}");
            assert!(of_picture.is_sorted_by_key(|(_, question)| question));
        }
        assert_eq!(asked.iter().filter(|(at, _)| *at == 0).count(), 6);
    }

    #[test]
    fn pictures_are_dealt_by_weight_while_all_have_room() {
        let now = Instant::now();
        let mut lanes = Lanes::new(vec![lane(3.0, 1_000), lane(1.0, 1_000)]);
        let asked = all(&mut lanes, &mut stock(400, 1), now);
        assert_eq!(asked.iter().filter(|(at, _)| *at == 0).count(), 300);
        // Evenly: every four in a row have three of the first.
        assert!(asked.chunks(4).all(|four| four.iter().filter(|(at, _)| *at == 0).count() == 3));
    }

    #[test]
    fn no_endpoint_gets_more_at_once_than_its_limit() {
        let now = Instant::now();
        let mut lanes = Lanes::new(vec![lane(1.0, 2), lane(1.0, 5)]);
        let mut stock = stock(100, 1);
        let asked = all(&mut lanes, &mut stock, now);
        assert_eq!((asked.len(), lanes.limit()), (7, 7));
        lanes.landed(1, now, now, Ok(None));
        assert_eq!(lanes.next(now, true, &mut stock).unwrap().0, 1);
        assert!(lanes.next(now, true, &mut stock).is_none());
    }

    #[test]
    fn what_is_asked_again_goes_first_and_needs_no_leave_for_new_ones() {
        let now = Instant::now();
        let mut lanes = Lanes::new(vec![lane(1.0, 1)]);
        let mut stock = stock(2, 2);
        let (at, first) = lanes.next(now, true, &mut stock).unwrap();
        lanes.landed(at, now, now, Err(&refused()));
        lanes.again(at, now, first);
        assert_eq!((lanes.n_again(), lanes.next(now, false, &mut stock)), (1, Some((0, 0))));
        lanes.landed(at, now, now, Ok(None));
        assert_eq!(lanes.next(now, false, &mut stock), None);
        assert_eq!(lanes.next(now, true, &mut stock), Some((0, 1)));
        assert!(lanes.is_empty() && !stock.is_empty());
    }

    #[test]
    fn an_endpoint_that_only_fails_is_left_alone_then_tried_with_one() {
        let mut now = Instant::now();
        let mut lanes = Lanes::new(vec![lane(1.0, 8), lane(1.0, 8)]);
        let mut stock = stock(1_000, 2);
        for (at, question) in all(&mut lanes, &mut stock, now) {
            if at == 0 {
                lanes.landed(0, now, now, Err(&refused()));
                lanes.again(0, now, question);
            } else {
                lanes.landed(1, now, now, Ok(None));
            }
        }
        let asked = all(&mut lanes, &mut stock, now);
        assert!(asked.len() == 8 && asked.iter().all(|(at, _)| *at == 1), "the other takes over: {asked:?}");
        assert_eq!(lanes.wake(now, true), Some(now + PAUSE));
        now += PAUSE;
        assert_eq!(all(&mut lanes, &mut stock, now).len(), 1, "one to see");
        assert_eq!(lanes.wake(now, true), None, "while that one is under way there is nothing to wake for");
        lanes.landed(0, now, now, Err(&refused()));
        assert_eq!(lanes.wake(now, true), Some(now + 2 * PAUSE));
        now += LONGEST_PAUSE;
        assert_eq!(all(&mut lanes, &mut stock, now).len(), 1);
        lanes.landed(0, now, now, Ok(None));
        assert_eq!(all(&mut lanes, &mut stock, now).len(), 8, "it is back");
    }

    #[test]
    fn endpoints_that_all_fail_whenever_they_are_tried_are_down() {
        let mut now = Instant::now();
        let mut lanes = Lanes::new(vec![lane(1.0, 20), lane(1.0, 20)]);
        let mut stock = stock(1_000, 1);
        let mut tried = 0;
        while lanes.all_down().is_none() {
            for (at, question) in all(&mut lanes, &mut stock, now) {
                lanes.landed(at, now, now, Err(&refused()));
                lanes.again(at, now, question);
                tried += 1;
            }
            now += PAUSE;
            assert!(tried < 1_000);
        }
        assert_eq!((lanes.all_down(), tried), (Some(46), 46), "forty at first, then three times each alone");
    }

    #[test]
    fn a_lone_endpoint_is_never_left_alone() {
        let now = Instant::now();
        let mut lanes = Lanes::new(vec![lane(1.0, 8)]);
        let mut stock = stock(1_000, 1);
        for _ in 0..50 {
            let (at, _) = lanes.next(now, true, &mut stock).unwrap();
            lanes.landed(at, now, now, Err(&refused()));
        }
        assert_eq!(all(&mut lanes, &mut stock, now).len(), 8);
    }

    #[test]
    fn a_budget_delays_its_own_endpoint_only() {
        let now = Instant::now();
        let slow = Lane::new(1.0, Adaptive::new(100, 100), Budget::new(NonZeroU32::new(60), None), PAUSE);
        let mut lanes = Lanes::new(vec![slow, lane(1.0, 10)]);
        let mut stock = stock(1_000, 1);
        let asked = all(&mut lanes, &mut stock, now);
        assert_eq!(asked.iter().filter(|(at, _)| *at == 0).count(), 1);
        assert_eq!(asked.iter().filter(|(at, _)| *at == 1).count(), 10);
        let wake = lanes.wake(now, true).unwrap();
        assert!(wake > now && wake <= now + Duration::from_secs(1), "{:?}", wake - now);
    }
}
