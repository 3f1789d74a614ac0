//! What a run spends: requests, tokens and money, counted as they go out, and the limits that end it.
//!
//! A request is admitted before it is sent ([`Spending::admit`]), and settled when its answer is there, at what the server
//! says it used. Under way it counts as the dearest one that was seen, so that `max_cost` holds over everything under way,
//! retries included; before there is one to go by, requests go out one at a time. What no server tells (a picture far
//! larger than all before it) can still cost more than was left, by that one request.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Deserializer, Serialize};

/// Tokens of one request, or of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the prompt, those of its image among them.
    pub prompt_tokens: u64,
    /// Those of them that the server had in its prefix cache.
    pub cached_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
}

impl Usage {
    /// Adds, up to the largest number there is.
    pub fn add(&mut self, other: Usage) {
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(other.completion_tokens);
    }
}

/// The `usage` of a chat completion, for a struct that reads the body: `None` if it is null, or not what OpenAI's
/// protocol says. An answer is not lost because its bill is odd.
///
/// # Errors
/// Only those of the format itself: what is no JSON.
pub fn lenient_usage<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Usage>, D::Error> {
    #[derive(Deserialize)]
    struct Details {
        cached_tokens: Option<u64>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Reported {
        Counts { prompt_tokens: u64, completion_tokens: Option<u64>, prompt_tokens_details: Option<Details> },
        Other(serde::de::IgnoredAny),
    }
    Ok(match Reported::deserialize(deserializer)? {
        Reported::Counts { prompt_tokens, completion_tokens, prompt_tokens_details } => Some(Usage {
            prompt_tokens,
            cached_tokens: prompt_tokens_details.and_then(|details| details.cached_tokens).unwrap_or(0),
            completion_tokens: completion_tokens.unwrap_or(0),
        }),
        Reported::Other(_) => None,
    })
}

/// What an endpoint charges; what is not said costs nothing.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// A million tokens of prompt, the image's among them.
    pub input_per_million_tokens: Option<f64>,
    /// A million tokens of prompt that the server had in its cache; as the others if it is not said.
    pub cached_input_per_million_tokens: Option<f64>,
    /// A million tokens of answer.
    pub output_per_million_tokens: Option<f64>,
    /// A request, whatever comes of it.
    pub per_request: Option<f64>,
    /// A picture, each time it is sent.
    pub per_image: Option<f64>,
    /// What the prices are in, such as `USD`; it is only shown.
    pub currency: Option<String>,
}

impl Prices {
    /// What tokens cost.
    pub fn of_tokens(&self, usage: Usage) -> f64 {
        let input = self.input_per_million_tokens.unwrap_or(0.0);
        let cached = self.cached_input_per_million_tokens.unwrap_or(input);
        let n_cached = usage.cached_tokens.min(usage.prompt_tokens);
        let output = self.output_per_million_tokens.unwrap_or(0.0);
        ((usage.prompt_tokens - n_cached) as f64 * input
            + n_cached as f64 * cached
            + usage.completion_tokens as f64 * output)
            / 1e6
    }

    /// What one request costs besides its tokens: every request of ours carries one picture.
    pub fn of_request(&self) -> f64 {
        self.per_request.unwrap_or(0.0) + self.per_image.unwrap_or(0.0)
    }

    /// An amount with its currency.
    pub fn shown(&self, amount: f64) -> String {
        let digits = if amount.abs() < 1.0 { 4 } else { 2 };
        match &self.currency {
            Some(currency) => format!("{amount:.digits$} {currency}"),
            None => format!("{amount:.digits$}"),
        }
    }

    /// The prices that are no amount of money: (key, value).
    pub(crate) fn wrong(&self) -> Option<(&'static str, f64)> {
        let prices = [
            ("endpoint.prices.input_per_million_tokens", self.input_per_million_tokens),
            ("endpoint.prices.cached_input_per_million_tokens", self.cached_input_per_million_tokens),
            ("endpoint.prices.output_per_million_tokens", self.output_per_million_tokens),
            ("endpoint.prices.per_request", self.per_request),
            ("endpoint.prices.per_image", self.per_image),
        ];
        let is_wrong = |price: &f64| !price.is_finite() || *price < 0.0;
        prices.into_iter().find_map(|(key, price)| price.filter(is_wrong).map(|price| (key, price)))
    }
}

/// What one run may spend at most.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Requests, retries included.
    pub max_requests: Option<u64>,
    /// Money, in the currency of the prices.
    pub max_cost: Option<f64>,
}

/// A limit that the next request would have broken.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum LimitReached {
    /// `max_requests`.
    #[error("`max_requests: {max_requests}`")]
    Requests {
        /// The limit.
        max_requests: u64,
    },
    /// `max_cost`.
    #[error("`max_cost: {max_cost}`")]
    Cost {
        /// The limit.
        max_cost: f64,
    },
}

/// What a request is charged for when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Billed {
    /// The server says what it used.
    Usage(Usage),
    /// It may have been answered, but nobody says what it used (a timeout, half an answer): charged as expected.
    Unknown,
    /// It was turned away (429, 500, no connection): no tokens.
    NoTokens,
}

/// What has been spent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    /// Requests that were sent, retries included.
    pub n_requests: u64,
    /// Tokens, as the servers report them; expected ones where they report none.
    pub usage: Usage,
    /// What it costs at the prices given; 0 without prices.
    pub cost: f64,
}

/// Counts what one run spends; shared by all that send.
#[derive(Debug)]
pub struct Spending {
    prices: Prices,
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    spent: Spent,
    /// What the requests under way are expected to cost.
    under_way: f64,
    /// What a request is expected to use, until the servers have said it of one.
    guess: Usage,
    n_measured: u64,
    measured: Usage,
    /// Requests that are not settled.
    n_under_way: u64,
    /// Whether it is known what a request costs: by the guess, or by those that were answered.
    is_known: bool,
    /// The tokens of the dearest request so far, in money.
    dearest: f64,
}

/// Whether another request may be sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Room {
    /// It may.
    Free,
    /// Perhaps when one of those under way is over.
    Wait,
    /// No more: this limit is reached, and nothing is under way that could turn out cheaper.
    Full(LimitReached),
}

/// What a request is expected to use before this run has seen one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstGuess {
    /// The mean of earlier answers.
    Measured(Usage),
    /// By a rule of thumb; it may be far off.
    Rough(Usage),
}

impl State {
    fn expected(&self) -> Usage {
        match self.n_measured {
            0 => self.guess,
            n => Usage {
                prompt_tokens: self.measured.prompt_tokens.div_ceil(n),
                cached_tokens: self.measured.cached_tokens / n,
                completion_tokens: self.measured.completion_tokens.div_ceil(n),
            },
        }
    }
}

impl Spending {
    /// Nothing is spent yet.
    pub fn new(prices: Prices, limits: Limits, guess: FirstGuess) -> Self {
        let (guess, is_known) = match guess {
            FirstGuess::Measured(usage) => (usage, true),
            FirstGuess::Rough(usage) => (usage, false),
        };
        let (spent, measured) = (Spent::default(), Usage::default());
        let state =
            State { spent, under_way: 0.0, guess, n_measured: 0, measured, n_under_way: 0, is_known, dearest: 0.0 };
        Self { prices, limits, state: Mutex::new(state) }
    }

    /// Whether one more request may be sent, a retry too.
    pub fn room(&self) -> Room {
        let state = self.locked();
        let limit = match (self.limits.max_requests, self.limits.max_cost) {
            (Some(max_requests), _) if state.spent.n_requests >= max_requests => {
                LimitReached::Requests { max_requests }
            }
            (_, Some(max_cost)) if state.spent.cost + state.under_way + self.reserve(&state) > max_cost => {
                LimitReached::Cost { max_cost }
            }
            (_, Some(_)) if !state.is_known && state.n_under_way > 0 => return Room::Wait,
            _ => return Room::Free,
        };
        if state.n_under_way > 0 { Room::Wait } else { Room::Full(limit) }
    }

    /// Counts one request that is sent now, for which there was [`room`](Self::room); [`settle`](Permit::settle) it.
    pub fn admit(&self) -> Permit<'_> {
        let mut state = self.locked();
        let (expected, cost) = (state.expected(), self.reserve(&state));
        state.spent.n_requests += 1;
        state.n_under_way += 1;
        state.under_way += cost;
        Permit { spending: self, expected, cost, is_settled: false }
    }

    /// What a request under way counts as.
    fn reserve(&self, state: &State) -> f64 {
        self.prices.of_request() + self.prices.of_tokens(state.expected()).max(state.dearest)
    }

    /// What has been spent so far; of requests under way only their number.
    pub fn spent(&self) -> Spent {
        self.locked().spent
    }

    /// The money of it in words for a progress line, such as `0.1234 USD`; `None` without prices.
    pub fn shown_cost(&self) -> Option<String> {
        (self.prices != Prices::default()).then(|| self.prices.shown(self.spent().cost))
    }

    fn settle(&self, expected: Usage, reserved: f64, billed: Billed) {
        let mut state = self.locked();
        let usage = match billed {
            Billed::Usage(usage) => {
                state.n_measured += 1;
                state.measured.add(usage);
                state.is_known = true;
                state.dearest = state.dearest.max(self.prices.of_tokens(usage));
                usage
            }
            Billed::Unknown => {
                state.is_known = true;
                expected
            }
            Billed::NoTokens => Usage::default(),
        };
        state.under_way = (state.under_way - reserved).max(0.0);
        state.n_under_way -= 1;
        state.spent.usage.add(usage);
        state.spent.cost += self.prices.of_request() + self.prices.of_tokens(usage);
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to send one request. One that is dropped (its request was cut off) is charged as expected.
#[derive(Debug)]
pub struct Permit<'a> {
    spending: &'a Spending,
    expected: Usage,
    cost: f64,
    is_settled: bool,
}

impl Permit<'_> {
    /// The request is over.
    pub fn settle(mut self, billed: Billed) {
        self.is_settled = true;
        self.spending.settle(self.expected, self.cost, billed);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.spending.settle(self.expected, self.cost, Billed::Unknown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(prompt_tokens: u64, cached_tokens: u64, completion_tokens: u64) -> Usage {
        Usage { prompt_tokens, cached_tokens, completion_tokens }
    }

    fn prices() -> Prices {
        Prices {
            input_per_million_tokens: Some(2.0),
            output_per_million_tokens: Some(10.0),
            per_request: Some(0.001),
            currency: Some("USD".into()),
            ..Prices::default()
        }
    }

    #[test]
    fn a_request_costs_its_tokens_and_itself_and_cached_tokens_have_their_own_price() {
        let prices = prices();
        assert_eq!(prices.of_tokens(usage(1_000_000, 0, 100_000)), 3.0);
        assert_eq!(prices.of_tokens(usage(1_000_000, 600_000, 0)), 2.0);
        let cached = Prices { cached_input_per_million_tokens: Some(0.5), ..prices };
        assert_eq!(cached.of_tokens(usage(1_000_000, 600_000, 0)), 0.4 * 2.0 + 0.6 * 0.5);
        assert_eq!(cached.of_tokens(usage(10, 99, 0)), cached.of_tokens(usage(10, 10, 0)), "no more than there are");
        assert_eq!(cached.of_request(), 0.001);
        assert_eq!((cached.shown(0.12345), cached.shown(12.345)), ("0.1235 USD".into(), "12.35 USD".into()));
    }

    #[test]
    fn requests_are_counted_when_they_are_sent_and_the_limit_holds_for_retries() {
        let limits = Limits { max_requests: Some(2), max_cost: None };
        let spending = Spending::new(Prices::default(), limits, FirstGuess::Rough(Usage::default()));
        spending.admit().settle(Billed::NoTokens);
        assert_eq!(spending.room(), Room::Free);
        let under_way = spending.admit();
        assert_eq!(spending.room(), Room::Wait);
        under_way.settle(Billed::Usage(usage(7, 0, 1)));
        assert_eq!(spending.room(), Room::Full(LimitReached::Requests { max_requests: 2 }));
        assert_eq!(spending.spent(), Spent { n_requests: 2, usage: usage(7, 0, 1), cost: 0.0 });
        assert_eq!(spending.shown_cost(), None);
    }

    #[test]
    fn the_cost_limit_counts_what_is_under_way_as_it_is_expected() {
        let limits = Limits { max_requests: None, max_cost: Some(0.01) };
        // A guess of 500 tokens: 0.002 a request.
        let spending = Spending::new(prices(), limits, FirstGuess::Measured(usage(500, 0, 0)));
        let permits = all_there_is_room_for(&spending);
        assert_eq!((permits.len(), spending.room()), (5, Room::Wait));
        permits.into_iter().for_each(|permit| permit.settle(Billed::Usage(usage(100, 0, 0))));
        assert!((spending.spent().cost - 5.0 * 0.0012).abs() < 1e-12, "what they did cost");
        // From now on a request is expected to cost what they did.
        let permits = all_there_is_room_for(&spending);
        assert_eq!(permits.len(), 3);
        drop(permits);
        assert_eq!(spending.room(), Room::Full(LimitReached::Cost { max_cost: 0.01 }));
        let spent = spending.spent();
        assert!((spent.cost - 8.0 * 0.0012).abs() < 1e-12 && spent.cost <= 0.01, "cut off, but maybe charged");
        assert_eq!(spending.shown_cost().as_deref(), Some("0.0096 USD"));
    }

    fn all_there_is_room_for(spending: &Spending) -> Vec<Permit<'_>> {
        std::iter::from_fn(|| (spending.room() == Room::Free).then(|| spending.admit())).collect()
    }

    #[test]
    fn while_nobody_knows_what_a_request_costs_they_go_out_one_at_a_time() {
        let limits = Limits { max_requests: None, max_cost: Some(1.0) };
        let spending = Spending::new(prices(), limits, FirstGuess::Rough(usage(10, 0, 1)));
        let mut first = all_there_is_room_for(&spending);
        assert_eq!(first.len(), 1);
        // The picture that nobody told of.
        first.remove(0).settle(Billed::Usage(usage(100_000, 0, 1)));
        assert_eq!(all_there_is_room_for(&spending).len(), 3, "0.201 each, and 0.8 are left");
    }

    #[test]
    fn what_is_under_way_counts_as_the_dearest_so_far() {
        let limits = Limits { max_requests: None, max_cost: Some(1.0) };
        let spending = Spending::new(prices(), limits, FirstGuess::Measured(usage(1_000, 0, 0)));
        for tokens in [1_000, 1_000, 1_000, 100_000] {
            spending.admit().settle(Billed::Usage(usage(tokens, 0, 0)));
        }
        let permits = all_there_is_room_for(&spending);
        assert_eq!(permits.len(), 3);
        permits.into_iter().for_each(|permit| permit.settle(Billed::Usage(usage(100_000, 0, 0))));
        assert!(spending.spent().cost <= 1.0);
    }

    #[test]
    fn usage_is_read_where_it_is_usage_and_is_none_otherwise() {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default, deserialize_with = "lenient_usage")]
            usage: Option<Usage>,
        }
        let read = |json: &str| serde_json::from_str::<Body>(json).unwrap().usage;
        let openai = r#"{"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,
            "prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0}}}"#;
        assert_eq!(read(openai), Some(usage(9, 4, 1)));
        assert_eq!(
            read(r#"{"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":null}}"#),
            Some(usage(9, 0, 1))
        );
        for odd in [
            "{}",
            r#"{"usage":null}"#,
            r#"{"usage":7}"#,
            r#"{"usage":{"prompt_tokens":-1}}"#,
            r#"{"usage":{"prompt_tokens":"9"}}"#,
            r#"{"usage":[]}"#,
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_server_that_reports_absurd_numbers_cannot_overflow_the_count() {
        let spending = Spending::new(prices(), Limits::default(), FirstGuess::Rough(Usage::default()));
        for _ in 0..3 {
            spending.admit().settle(Billed::Usage(usage(u64::MAX, 0, u64::MAX)));
        }
        assert_eq!(spending.spent().usage.prompt_tokens, u64::MAX);
        assert!(spending.spent().cost.is_finite());
    }
}
