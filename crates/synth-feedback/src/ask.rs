//! Asks the endpoints of one model everything that is not known yet, many questions at a time, and keeps every answer at
//! once.
//!
//! One task does it all, so that nothing is locked and no question costs a task or a timer of its own: requests under way
//! in a set, questions that wait for another attempt in a heap (they hold no place among the requests), the rest in
//! [`Lanes`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::future::Either;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tables::{AnswerStatus, Progress};
use tokio::time::{Instant, sleep_until};

use crate::breaker::Breaker;
use crate::call_error::CallError;
use crate::client::{Answered, Client};
use crate::completion::Completion;
use crate::error::SynthFeedbackError;
use crate::interrupt::Interrupt;
use crate::lane::{Lane, Lanes};
use crate::pictures::{Picture, Pictures};
use crate::plan::Plan;
use crate::raw;
use crate::reading::Reading;
use crate::readout::{Readout, join};
use crate::retry::Retry;
use crate::spending::{Billed, Permit, Room, Spending, Usage};
use crate::store::{Keeper, KnownAnswers, Manner, StoredAnswer, now};
use crate::tally::Tally;

/// How the questions are asked.
pub struct Asking<'a> {
    /// The endpoints, one for each of the lanes.
    pub clients: &'a [Client],
    /// How they are asked.
    pub manner: &'a Manner,
    /// How their answers are read.
    pub readout: &'a Readout,
    /// The ends of the requests for one question: what each wants of its answer. More than one where answers are sampled
    /// and an endpoint gives too few at a time.
    pub tails: &'a [String],
    /// How the pictures are read and sent.
    pub pictures: &'a Pictures,
    /// Told of every question that is done.
    pub progress: &'a Progress,
    /// Counts every request, and ends the run at a limit.
    pub spending: &'a Spending,
    /// Keeps every answer.
    pub keeper: &'a Keeper,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
}

/// How long questions under way may take after Ctrl-C, or after a failure that ends the run: they are paid for.
const GRACE: Duration = Duration::from_secs(5);
/// Requests that are dealt with in a row before others are sent in their places.
const MOST_IN_A_ROW: usize = 8;

/// One question about one picture, until it is answered or given up.
pub struct Question {
    picture: Arc<Picture>,
    query: Arc<str>,
    /// The attempts of the request that is due.
    retry: Option<Retry>,
    /// The answers to the requests before it.
    completions: Vec<Completion>,
    usage: Option<Usage>,
    /// Requests that were sent, for all of its answers.
    attempts: u32,
    /// Questions that had been answered when it was sent first.
    answered_before: usize,
}

impl Question {
    fn new(picture: &Arc<Picture>, query: Arc<str>) -> Self {
        Self {
            picture: Arc::clone(picture),
            query,
            retry: None,
            completions: Vec::new(),
            usage: None,
            attempts: 0,
            answered_before: 0,
        }
    }
}

/// A request that is over.
struct Landed<'a> {
    question: Question,
    retry: Retry,
    lane: usize,
    permit: Permit<'a>,
    sent: Instant,
    outcome: Result<Answered, CallError>,
}

/// A question that waits for its next attempt; by the time of that.
struct Waiting {
    until: Instant,
    lane: usize,
    question: Question,
}

/// Why nothing more is asked.
#[derive(Clone, Copy, PartialEq)]
enum Stop {
    Interrupted,
    Limit(crate::spending::LimitReached),
    Failed,
}

impl<'a> Asking<'a> {
    /// Asks all questions, those of one picture together, and adds the answers to `known`. A question that stays
    /// without an answer becomes an `error` there.
    ///
    /// # Errors
    /// What keeps it from asking them all: a picture that is not what it was, an endpoint that is down or denies access,
    /// a limit of what may be spent, Ctrl-C. Answers that came before are kept.
    pub async fn ask_all(
        &self,
        plan: &Plan<'_>,
        lanes: Vec<Lane<Question>>,
        mut breaker: Breaker,
        known: &mut KnownAnswers,
    ) -> Result<(), SynthFeedbackError> {
        let n_questions = plan.size().n_open;
        let mut loading = pin!(self.pictures.load_all(plan.pictures()).fuse());
        let mut interrupted = pin!(self.interrupt.interrupted().fuse());
        let mut lanes = Lanes::new(lanes);
        let mut stock: VecDeque<Vec<Question>> = VecDeque::new();
        let mut waiting: BinaryHeap<Reverse<Waiting>> = BinaryHeap::new();
        let mut under_way = FuturesUnordered::new();
        let mut tally = Tally::new(self.progress);
        let (mut all_loaded, mut stop) = (false, None);
        let (mut failure, mut grace_over, mut is_crowded) = (None, None, false);
        loop {
            let now = Instant::now();
            while waiting.peek().is_some_and(|Reverse(first)| first.until <= now) {
                if let Some(Reverse(Waiting { lane, question, .. })) = waiting.pop() {
                    lanes.again(lane, now, question);
                }
            }
            // However long they wait, those to be asked again are no more than a few rounds.
            let new_ones = waiting.len() + lanes.n_again() < 16 + 2 * lanes.limit();
            while stop.is_none() {
                // What is under way may turn out cheaper than it was expected to be.
                match self.spending.room() {
                    Room::Free => {}
                    Room::Wait => break,
                    Room::Full(limit) => {
                        stop = Some(Stop::Limit(limit));
                        break;
                    }
                }
                let Some((lane, mut question)) = lanes.next(now, new_ones, &mut stock) else { break };
                if question.attempts == 0 {
                    question.answered_before = breaker.n_answered();
                }
                // On its way at once, and not when those that have landed before are dealt with.
                let mut request = Box::pin(self.send(lane, question, self.spending.admit()));
                under_way.push(match futures::poll!(&mut request) {
                    Poll::Ready(landed) => Either::Left(ready(landed)),
                    Poll::Pending => Either::Right(request),
                });
            }
            if std::mem::take(&mut is_crowded) {
                // The connections are tasks of this thread too.
                tokio::task::yield_now().await;
            }
            if stop.is_some() {
                (all_loaded, stock) = (true, VecDeque::new());
                waiting.clear();
                lanes.clear();
            }
            if all_loaded && stock.is_empty() && lanes.is_empty() && waiting.is_empty() && under_way.is_empty() {
                break;
            }
            let retry_at = waiting.peek().map(|Reverse(first)| first.until);
            let wake = lanes.wake(now, !stock.is_empty()).into_iter().chain(retry_at).min();
            tokio::select! {
                biased;
                () = &mut interrupted, if stop != Some(Stop::Interrupted) => {
                    stop = Some(Stop::Interrupted);
                    grace_over.get_or_insert(now + GRACE);
                }
                () = sleep_until(grace_over.unwrap_or(now)), if grace_over.is_some() => break,
                Some(landed) = under_way.next() => {
                    let (mut next, mut n_in_a_row) = (Some(landed), 0);
                    while let Some(landed) = next {
                        n_in_a_row += 1;
                        let ended = self.landed(landed, &mut lanes, &mut waiting, &mut tally);
                        if let Some((question, outcome, seconds)) = ended {
                            match self.keep(question, outcome, seconds, &mut breaker, &mut tally, known) {
                                Ok(true) => {}
                                // The store failed; its thread has the reason.
                                Ok(false) => return Ok(()),
                                Err(error) => drop(failure.get_or_insert(error)),
                            }
                        }
                        if let Some(n_failed) = lanes.all_down() {
                            failure.get_or_insert_with(|| breaker.all_down(n_failed));
                        }
                        // Their places stand empty until others are sent.
                        let more = n_in_a_row < MOST_IN_A_ROW;
                        next = if more { under_way.next().now_or_never().flatten() } else { None };
                    }
                    is_crowded = n_in_a_row == MOST_IN_A_ROW;
                    tally.show(Instant::now(), under_way.len(), || self.spending.shown_cost());
                }
                loaded = loading.next(), if !all_loaded && stock.len() < self.clients.len() => match loaded {
                    None => all_loaded = true,
                    Some(Err(error)) => drop(failure.get_or_insert(error)),
                    Some(Ok((picture, queries))) => {
                        stock.push_back(queries.into_iter().map(|query| Question::new(&picture, query)).collect());
                    }
                },
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => {}
            }
            if failure.is_some() && stop.is_none() {
                stop = Some(Stop::Failed);
                grace_over = Some(Instant::now() + GRACE);
            }
        }
        let n_done = tally.n_done();
        tally.finish();
        if let Some(failure) = failure {
            return Err(failure);
        }
        match stop {
            _ if n_done == n_questions => breaker.finish(),
            Some(Stop::Limit(limit)) => Err(SynthFeedbackError::Limit { limit, n_left: n_questions - n_done }),
            _ => Err(SynthFeedbackError::Interrupted),
        }
    }

    async fn send(&self, lane: usize, mut question: Question, permit: Permit<'a>) -> Landed<'a> {
        let client = &self.clients[lane];
        let retry = question.retry.take().unwrap_or_else(|| Retry::new(client.patience()));
        question.attempts += 1;
        let timeout = retry.time_left().min(client.patience().timeout);
        let tail = self.tails.get(question.completions.len()).map_or("}", String::as_str);
        let body = question.picture.request.body(&question.query, tail);
        let sent = Instant::now();
        let outcome = client.call(body, timeout).await;
        Landed { question, retry, lane, permit, sent, outcome }
    }

    /// Accounts for a request that is over. Gives the question back if that is its end.
    fn landed(
        &self,
        landed: Landed,
        lanes: &mut Lanes<Question>,
        waiting: &mut BinaryHeap<Reverse<Waiting>>,
        tally: &mut Tally,
    ) -> Option<(Question, Result<Completion, CallError>, f64)> {
        let Landed { mut question, mut retry, lane, permit, sent, outcome } = landed;
        let now = Instant::now();
        permit.settle(billed(&outcome));
        let n_tokens = |usage: Usage| usage.prompt_tokens.saturating_add(usage.completion_tokens);
        lanes.landed(lane, sent, now, outcome.as_ref().map(|answered| answered.usage.map(n_tokens)));
        let seconds = now.duration_since(sent).as_secs_f64();
        let error = match outcome {
            Ok(Answered { completion, usage }) => {
                if let Some(usage) = usage {
                    question.usage.get_or_insert_default().add(usage);
                }
                question.completions.push(completion);
                if question.completions.len() >= self.tails.len() {
                    let whole = join(std::mem::take(&mut question.completions));
                    return Some((question, Ok(whole), seconds));
                }
                // One deadline and one number of attempts for all requests of a question.
                question.retry = Some(retry);
                lanes.again(lane, now, question);
                return None;
            }
            Err(error) => error,
        };
        match retry.at(&error).filter(|_| lanes.all_down().is_none()) {
            Some(until) => {
                tracing::debug!(%error, wait = ?until.saturating_duration_since(now), "asking again");
                tally.again();
                question.retry = Some(retry);
                waiting.push(Reverse(Waiting { until, lane, question }));
                None
            }
            None => Some((question, Err(error), seconds)),
        }
    }

    /// Keeps what came of a question. False if the store failed.
    fn keep(
        &self,
        question: Question,
        outcome: Result<Completion, CallError>,
        seconds: f64,
        breaker: &mut Breaker,
        tally: &mut Tally,
        known: &mut KnownAnswers,
    ) -> Result<bool, SynthFeedbackError> {
        let reading = match &outcome {
            Err(error) => Err((error.to_string(), error.clone())),
            Ok(completion) => {
                self.readout.read(completion).map_err(|reason| (reason.clone(), CallError::Unreadable(reason)))
            }
        };
        let row = self.stored(&question, outcome.as_ref().ok(), &reading, seconds);
        known.insert(&row);
        if !self.keeper.keep(row) {
            return Ok(false);
        }
        let picture = &question.picture;
        match reading {
            Ok(_) => {
                tally.answered();
                breaker.answered();
            }
            Err((reason, error)) => {
                tally.failed(&picture.image_id, &question.query, question.attempts, &reason);
                // Failures come late, after all their attempts, and at a run's end nothing but failures is left.
                let was_up = breaker.n_answered() > question.answered_before;
                if was_up && error.is_outage() && !matches!(error, CallError::Unreachable(_)) {
                    breaker.failed_alone(&error);
                } else {
                    breaker.failed(picture.number, &error)?;
                }
            }
        }
        Ok(true)
    }

    fn stored(
        &self,
        question: &Question,
        completion: Option<&Completion>,
        reading: &Result<Reading, (String, CallError)>,
        seconds: f64,
    ) -> StoredAnswer {
        let read = reading.as_ref().ok();
        let Manner { model, revision, readout: key, template, image_form } = self.manner.clone();
        let usage = question.usage.filter(|_| completion.is_some());
        let tokens =
            |count: fn(&Usage) -> u64| usage.as_ref().map(|usage| i64::try_from(count(usage)).unwrap_or(i64::MAX));
        StoredAnswer {
            sha256: question.picture.sha256.clone(),
            query: question.query.as_ref().to_owned(),
            model,
            revision,
            readout: key,
            template,
            image_form,
            status: read.map_or(AnswerStatus::Error, |reading| reading.status),
            p_yes: read.and_then(|reading| reading.p_yes),
            logit_yes: read.and_then(|reading| reading.logit_yes),
            logit_no: read.and_then(|reading| reading.logit_no),
            label_mass: read.and_then(|reading| reading.label_mass),
            reason: reading.as_ref().err().map(|(reason, _)| reason.clone()),
            raw: completion.and_then(raw::json),
            attempts: i64::from(question.attempts),
            seconds,
            prompt_tokens: tokens(|usage| usage.prompt_tokens),
            cached_tokens: tokens(|usage| usage.cached_tokens),
            completion_tokens: tokens(|usage| usage.completion_tokens),
            answered_at: now(),
        }
    }
}

/// What a request is charged for.
fn billed(outcome: &Result<Answered, CallError>) -> Billed {
    match outcome {
        Ok(Answered { usage: Some(usage), .. }) => Billed::Usage(*usage),
        Ok(_) => Billed::Unknown,
        Err(
            CallError::Unreachable(_)
            | CallError::Busy { .. }
            | CallError::Denied { .. }
            | CallError::Rejected { .. }
            | CallError::Redirected(_),
        ) => Billed::NoTokens,
        Err(
            CallError::Timeout(_)
            | CallError::Stalled(_)
            | CallError::Broken(_)
            | CallError::Malformed(_)
            | CallError::Unreadable(_)
            | CallError::TooLarge { .. },
        ) => Billed::Unknown,
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.until.cmp(&other.until)
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.until == other.until
    }
}

impl Eq for Waiting {}
