//! What a run would ask of an endpoint, before it asks: calls, tokens, money, in words for `finegrain plan`.

use crate::plan::PlanSize;
use crate::readout::Readout;
use crate::settings::Endpoint;
use crate::spending::{FirstGuess, Prices, Usage};
use crate::store::MeasuredUsage;

/// A token for so many bytes of text: the rule of thumb for English.
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens that the form of a chat adds to a question: roles, starts and ends of turns.
const CHAT_TOKENS: u64 = 8;

/// What one question takes if nothing fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Requests.
    pub n_requests: u64,
    /// Tokens of all its answers, at most.
    pub answer_tokens: u64,
}

impl Effort {
    /// By how an endpoint is read; one token where that is not known yet.
    pub fn of(readout: Option<&Readout>) -> Self {
        let n_requests = readout.map_or(1, |readout| readout.tails().len() as u64);
        Self { n_requests, answer_tokens: readout.map_or(1, Readout::answer_tokens) }
    }
}

/// What one question is expected to use, and where that is from.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Of the mean question, all its requests together.
    pub usage: Usage,
    /// In words.
    pub source: String,
    /// Whether the image's tokens are left out, because nobody knows them.
    pub without_image: bool,
    is_measured: bool,
}

impl Expected {
    /// What one of a question's requests is expected to use.
    pub fn of_request(&self, effort: Effort) -> FirstGuess {
        let share = |tokens: u64| tokens.div_ceil(effort.n_requests.max(1));
        let Usage { prompt_tokens, cached_tokens, completion_tokens } = self.usage;
        let usage = Usage {
            prompt_tokens: share(prompt_tokens),
            cached_tokens: cached_tokens / effort.n_requests.max(1),
            completion_tokens: share(completion_tokens),
        };
        if self.is_measured { FirstGuess::Measured(usage) } else { FirstGuess::Rough(usage) }
    }
}

/// The mean question of a plan: as the server reported of earlier answers of this model; else for each request a token for
/// each 4 bytes of text, 8 for the chat's form and `image_tokens`, and the most that its answers may have.
pub fn expected(endpoint: &Endpoint, measured: MeasuredUsage, size: PlanSize, effort: Effort) -> Expected {
    if let Some(usage) = measured.mean() {
        let source = format!("the mean of {} answers in the store", measured.n_answers);
        return Expected { usage, source, without_image: false, is_measured: true };
    }
    let text = size.text_bytes.div_ceil(BYTES_PER_TOKEN).div_ceil((size.n_open as u64).max(1));
    let (image, without_image) = (endpoint.image_tokens.unwrap_or(0), endpoint.image_tokens.is_none());
    let prompt_tokens = (text + CHAT_TOKENS).saturating_add(image).saturating_mul(effort.n_requests);
    let usage = Usage { prompt_tokens, cached_tokens: 0, completion_tokens: effort.answer_tokens };
    let source = if without_image {
        "a token for each 4 bytes of text and 8 for the chat's form; what an image takes is not known: set `image_tokens`"
            .to_owned()
    } else {
        format!("a token for each 4 bytes of text, 8 for the chat's form, {image} for the image (`image_tokens`)")
    };
    Expected { usage, source, without_image, is_measured: false }
}

/// One line each: calls, tokens, cost, limits.
pub fn lines(endpoint: &Endpoint, measured: MeasuredUsage, size: PlanSize, effort: Effort) -> Vec<String> {
    let n_stored = size.n_questions - size.n_open;
    let n_calls = size.n_open as u64 * effort.n_requests;
    let mut lines = vec![format!(
        "{} VLM calls to `{}` about {} pictures; {} answers are in the store",
        grouped(n_calls),
        endpoint.model,
        grouped(size.n_pictures as u64),
        grouped(n_stored as u64)
    )];
    if n_calls == 0 {
        return lines;
    }
    let Expected { usage, source, without_image, .. } = expected(endpoint, measured, size, effort);
    let all = |tokens: u64| tokens.saturating_mul(size.n_open as u64);
    let at_least = if without_image { "at least" } else { "about" };
    lines.push(format!(
        "{at_least} {} prompt tokens and {} completion tokens without retries; by {source}",
        grouped(all(usage.prompt_tokens)),
        grouped(all(usage.completion_tokens)),
    ));
    let Some(prices) = &endpoint.prices else { return lines };
    let cost = n_calls as f64 * prices.of_request() + size.n_open as f64 * prices.of_tokens(usage);
    lines.push(format!("{at_least} {} without retries, at the prices of the pipeline file", prices.shown(cost)));
    lines.extend(limit_line(endpoint, prices, n_calls, cost));
    lines
}

fn limit_line(endpoint: &Endpoint, prices: &Prices, n_calls: u64, cost: f64) -> Option<String> {
    let requests = endpoint.max_requests.filter(|max| n_calls > *max);
    let money = endpoint.max_cost.filter(|max| cost > *max);
    Some(match (requests, money) {
        (None, None) => return None,
        (Some(max), _) => format!("more than `max_requests` allows: a run stops after {} requests", grouped(max)),
        (None, Some(max)) => format!("more than `max_cost` allows: a run stops before it spends {}", prices.shown(max)),
    })
}

/// A number with a comma every three digits.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let first = digits.len() % 3;
    let starts = (0..=digits.len()).filter(|at| at % 3 == first || *at == 0);
    let ends = starts.clone().skip(1).collect::<Vec<_>>();
    starts
        .zip(ends)
        .map(|(start, end)| &digits[start..end])
        .filter(|group| !group.is_empty())
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(more: &str) -> Endpoint {
        let yaml = "base_url: http://a/v1\nmodel: m\nconcurrency: 4\ntimeout_seconds: 2\nmax_attempts: 3\n";
        serde_yaml::from_str(&format!("{yaml}{more}")).unwrap()
    }

    const ONE: Effort = Effort { n_requests: 1, answer_tokens: 1 };
    const SIZE: PlanSize = PlanSize { n_questions: 2_500, n_open: 2_000, n_pictures: 1_234, text_bytes: 40_000 };

    #[test]
    fn numbers_are_grouped() {
        for (n, shown) in [(0, "0"), (12, "12"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(n), shown);
        }
    }

    #[test]
    fn tokens_are_those_of_earlier_answers_or_else_by_the_rule() {
        let none = MeasuredUsage::default();
        // 40,000 bytes are 10,000 tokens, 5 a question; with 8 and 258 each.
        assert_eq!(
            lines(&endpoint("image_tokens: 258"), none, SIZE, ONE)[..2],
            [
                "2,000 VLM calls to `m` about 1,234 pictures; 500 answers are in the store".to_owned(),
                "about 542,000 prompt tokens and 2,000 completion tokens without retries; by a token for each 4 bytes of \
                 text, 8 for the chat's form, 258 for the image (`image_tokens`)"
                    .to_owned(),
            ]
        );
        let unknown = &lines(&endpoint(""), none, SIZE, ONE)[1];
        assert!(unknown.starts_with("at least 26,000 prompt tokens") && unknown.ends_with("set `image_tokens`"));
        let usage = Usage { prompt_tokens: 1_500, cached_tokens: 0, completion_tokens: 5 };
        // A stored answer has the tokens of all its requests.
        let three = Effort { n_requests: 3, answer_tokens: 24 };
        let of_five = MeasuredUsage { n_answers: 5, usage };
        let measured = &lines(&endpoint(""), of_five, SIZE, three);
        assert!(measured[0].starts_with("6,000 VLM calls"), "{}", measured[0]);
        let measured = &measured[1];
        assert!(measured.starts_with("about 600,000 prompt tokens and 2,000 completion tokens"), "{measured}");
        let of_request = expected(&endpoint(""), of_five, SIZE, three).of_request(three);
        let third = Usage { prompt_tokens: 100, cached_tokens: 0, completion_tokens: 1 };
        assert_eq!(of_request, FirstGuess::Measured(third));
        let by_rule = &lines(&endpoint("image_tokens: 258"), none, SIZE, three)[1];
        assert!(by_rule.starts_with("about 1,626,000 prompt tokens and 48,000 completion tokens"), "{by_rule}");
        assert!(measured.ends_with("by the mean of 5 answers in the store"), "{measured}");
    }

    #[test]
    fn the_cost_is_shown_with_its_currency_and_against_the_limit() {
        let prices = "image_tokens: 987\nprices: { input_per_million_tokens: 2, per_request: 0.001, currency: EUR }\n";
        let shown = lines(&endpoint(prices), MeasuredUsage::default(), SIZE, ONE);
        // 2,000 times 1,000 tokens at 2 a million, and 0.001 each.
        assert_eq!(shown[2], "about 6.00 EUR without retries, at the prices of the pipeline file");
        assert_eq!(shown.len(), 3);
        let over =
            |limit: &str| lines(&endpoint(&format!("{prices}{limit}")), MeasuredUsage::default(), SIZE, ONE).pop();
        assert_eq!(over("max_cost: 6.5"), Some(shown[2].clone()));
        assert!(over("max_cost: 5").unwrap().ends_with("before it spends 5.00 EUR"));
        assert!(over("max_requests: 1999").unwrap().contains("1,999 requests"));
    }

    #[test]
    fn nothing_to_ask_is_one_line() {
        let size = PlanSize { n_questions: 7, ..PlanSize::default() };
        let shown = lines(&endpoint("prices: { per_request: 1 }"), MeasuredUsage::default(), size, ONE);
        assert_eq!(shown, ["0 VLM calls to `m` about 0 pictures; 7 answers are in the store"]);
    }
}
