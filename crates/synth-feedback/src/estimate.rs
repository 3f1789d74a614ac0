//! What a run would ask of an endpoint, before it asks: calls, tokens, money, in words for `finegrain plan`.

use crate::plan::PlanSize;
use crate::settings::Endpoint;
use crate::spending::{Prices, Usage};
use crate::store::MeasuredUsage;

/// A token for so many bytes of text: the rule of thumb for English.
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens that the form of a chat adds to a question: roles, starts and ends of turns.
const CHAT_TOKENS: u64 = 8;

/// What one request is expected to use, and where that is from.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Of the mean request.
    pub usage: Usage,
    /// In words.
    pub source: String,
    /// Whether the image's tokens are left out, because nobody knows them.
    pub without_image: bool,
}

/// The mean request of a plan: as the server reported of earlier answers of this model; else a token for each 4 bytes of
/// text, 8 for the chat's form, `image_tokens` and 1 for the answer.
pub fn expected(endpoint: &Endpoint, measured: MeasuredUsage, size: PlanSize) -> Expected {
    if let Some(usage) = measured.mean() {
        let n = measured.n_answers;
        return Expected { usage, source: format!("the mean of {n} answers in the store"), without_image: false };
    }
    let text = size.text_bytes.div_ceil(BYTES_PER_TOKEN).div_ceil((size.n_open as u64).max(1));
    let (image, without_image) = (endpoint.image_tokens.unwrap_or(0), endpoint.image_tokens.is_none());
    let usage = Usage { prompt_tokens: text + CHAT_TOKENS + image, cached_tokens: 0, completion_tokens: 1 };
    let source = if without_image {
        "a token for each 4 bytes of text and 8 for the chat's form; what an image takes is not known: set `image_tokens`"
            .to_owned()
    } else {
        format!("a token for each 4 bytes of text, 8 for the chat's form, {image} for the image (`image_tokens`)")
    };
    Expected { usage, source, without_image }
}

/// One line each: calls, tokens, cost, limits. `per_question` is how many requests a question takes if none fails.
pub fn lines(endpoint: &Endpoint, measured: MeasuredUsage, size: PlanSize, per_question: u64) -> Vec<String> {
    let n_stored = size.n_questions - size.n_open;
    let n_calls = size.n_open as u64 * per_question;
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
    let Expected { usage, source, without_image } = expected(endpoint, measured, size);
    let all = |tokens: u64| tokens.saturating_mul(n_calls);
    let at_least = if without_image { "at least" } else { "about" };
    lines.push(format!(
        "{at_least} {} prompt tokens and {} completion tokens without retries; by {source}",
        grouped(all(usage.prompt_tokens)),
        grouped(all(usage.completion_tokens)),
    ));
    let Some(prices) = &endpoint.prices else { return lines };
    let cost = n_calls as f64 * (prices.of_request() + prices.of_tokens(usage));
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
            lines(&endpoint("image_tokens: 258"), none, SIZE, 1)[..2],
            [
                "2,000 VLM calls to `m` about 1,234 pictures; 500 answers are in the store".to_owned(),
                "about 542,000 prompt tokens and 2,000 completion tokens without retries; by a token for each 4 bytes of \
                 text, 8 for the chat's form, 258 for the image (`image_tokens`)"
                    .to_owned(),
            ]
        );
        let unknown = &lines(&endpoint(""), none, SIZE, 1)[1];
        assert!(unknown.starts_with("at least 26,000 prompt tokens") && unknown.ends_with("set `image_tokens`"));
        let usage = Usage { prompt_tokens: 1_500, cached_tokens: 0, completion_tokens: 5 };
        let measured = &lines(&endpoint(""), MeasuredUsage { n_answers: 5, usage }, SIZE, 3)[1];
        assert!(measured.starts_with("about 1,800,000 prompt tokens and 6,000 completion tokens"), "{measured}");
        assert!(measured.ends_with("by the mean of 5 answers in the store"), "{measured}");
    }

    #[test]
    fn the_cost_is_shown_with_its_currency_and_against_the_limit() {
        let prices = "image_tokens: 987\nprices: { input_per_million_tokens: 2, per_request: 0.001, currency: EUR }\n";
        let shown = lines(&endpoint(prices), MeasuredUsage::default(), SIZE, 1);
        // 2,000 times 1,000 tokens at 2 a million, and 0.001 each.
        assert_eq!(shown[2], "about 6.00 EUR without retries, at the prices of the pipeline file");
        assert_eq!(shown.len(), 3);
        let over = |limit: &str| lines(&endpoint(&format!("{prices}{limit}")), MeasuredUsage::default(), SIZE, 1).pop();
        assert_eq!(over("max_cost: 6.5"), Some(shown[2].clone()));
        assert!(over("max_cost: 5").unwrap().ends_with("before it spends 5.00 EUR"));
        assert!(over("max_requests: 1999").unwrap().contains("1,999 requests"));
    }

    #[test]
    fn nothing_to_ask_is_one_line() {
        let size = PlanSize { n_questions: 7, ..PlanSize::default() };
        let shown = lines(&endpoint("prices: { per_request: 1 }"), MeasuredUsage::default(), size, 1);
        assert_eq!(shown, ["0 VLM calls to `m` about 0 pictures; 7 answers are in the store"]);
    }
}
