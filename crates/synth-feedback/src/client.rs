//! One question to one endpoint: sent, tried again where that may help, and its answer parsed within bounds.

use std::borrow::Cow;
use std::cell::Cell;
use std::error::Error;
use std::time::{Duration, Instant, SystemTime};

use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};

use crate::api_key::ApiKey;
use crate::completion::{Completion, error_message, one_line};
use crate::error::SynthFeedbackError;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// No connection.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The server is overloaded, starting, or failed.
    #[error("status {status}: {message}")]
    Busy {
        /// 408, 409, 425, 429, or 5xx.
        status: u16,
        /// What the server says.
        message: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The answer is none.
    #[error("the answer is not a chat completion: {0}")]
    Malformed(String),
    /// The server wants us elsewhere.
    #[error("it redirects to {0}, which is another server; set `base_url` to that if it is meant")]
    Redirected(String),
    /// The answer is larger than any answer.
    #[error("the answer has more than {MAX_BODY_BYTES} bytes")]
    TooLarge,
    /// The server does not let us in, or there is none at this URL.
    #[error("status {status}: {message}")]
    Denied {
        /// 401, 402, 403 or 404.
        status: u16,
        /// What the server says.
        message: String,
    },
    /// The server refuses this question.
    #[error("status {status}: {message}")]
    Rejected {
        /// Another status.
        status: u16,
        /// What the server says.
        message: String,
    },
}

impl CallError {
    /// Whether the same question may be answered in a moment.
    pub fn is_worth_retrying(&self) -> bool {
        self.is_outage() || matches!(self, Self::Malformed(_))
    }

    /// Whether it says something of the endpoint rather than of the question.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Timeout(_) | Self::Broken(_) | Self::Busy { .. })
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// How one question went.
#[derive(Debug)]
pub struct Reply {
    /// What the server said at last.
    pub outcome: Result<Completion, CallError>,
    /// Requests that were sent.
    pub attempts: u32,
    /// How long the last one took.
    pub last_call: Duration,
}

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How long one request may take.
    pub timeout: Duration,
    /// How often a question is tried.
    pub max_attempts: u32,
    /// The wait before the second attempt; it doubles, with jitter, up to [`LONGEST_BACKOFF`].
    pub first_backoff: Duration,
}

/// The longest wait between two attempts that is not the server's own wish.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// The longest wait that a server may ask for; if it asks for more, it counts as down.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(120);
/// An answer of one token with 20 log-probabilities has 3 KB.
const MAX_BODY_BYTES: usize = 4 << 20;

/// Asks one endpoint; connections are reused.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: Option<ApiKey>,
    patience: Patience,
}

/// An HTTP client for a URL: TLS where the URL says so, redirects within the same origin only.
///
/// # Errors
/// [`SynthFeedbackError::HttpClient`].
pub(crate) fn http_client(url: &str, timeout: Duration) -> Result<reqwest::Client, SynthFeedbackError> {
    let same_origin = Policy::custom(|attempt| {
        let first = attempt.previous().first().map(url::Url::origin);
        if first == Some(attempt.url().origin()) && attempt.previous().len() <= 3 {
            attempt.follow()
        } else {
            attempt.stop()
        }
    });
    let builder = reqwest::Client::builder().redirect(same_origin).timeout(timeout).tcp_nodelay(true);
    // Without TLS no certificates are needed, and a machine may have none.
    let builder = if url.starts_with("http:") { builder.tls_certs_only([]) } else { builder };
    builder.build().map_err(SynthFeedbackError::HttpClient)
}

impl Client {
    /// A client of the endpoint at `base_url` (up to `/v1`).
    ///
    /// # Errors
    /// [`SynthFeedbackError::HttpClient`].
    pub fn new(base_url: &str, key: Option<ApiKey>, patience: Patience) -> Result<Self, SynthFeedbackError> {
        let url = format!("{}/chat/completions", base_url.trim_end_matches('/'));
        Ok(Self { http: http_client(&url, patience.timeout)?, url, key, patience })
    }

    /// Where it asks.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a question until it is answered, hopeless, or was tried often enough.
    pub async fn ask(&self, body: Bytes) -> Reply {
        let attempts = Cell::new(0);
        let last_call = Cell::new(Duration::ZERO);
        let backoff = ExponentialBuilder::new()
            .with_min_delay(self.patience.first_backoff)
            .with_max_delay(LONGEST_BACKOFF)
            .with_max_times(self.patience.max_attempts.saturating_sub(1) as usize)
            .with_jitter();
        let call = || async {
            attempts.set(attempts.get() + 1);
            let start = Instant::now();
            let outcome = self.call(body.clone()).await;
            last_call.set(start.elapsed());
            outcome
        };
        let outcome = call
            .retry(backoff)
            .when(CallError::is_worth_retrying)
            .adjust(|error, backoff| wait_before_retry(error.retry_after(), backoff))
            .notify(|error, wait| tracing::debug!(%error, ?wait, "asking again"))
            .await;
        Reply { outcome, attempts: attempts.get(), last_call: last_call.get() }
    }

    async fn call(&self, body: Bytes) -> Result<Completion, CallError> {
        let mut request = self.http.post(&self.url).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, key.header().clone());
        }
        let response = request.send().await.map_err(|error| self.broken(error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.bounded_body(response).await?;
        if status == StatusCode::OK {
            // A reason may quote the body, and the body may quote the key.
            let parsed = Completion::parse(&body).or_else(|_| Completion::parse(&self.redacted(&body)));
            return parsed.map_err(|reason| CallError::Malformed(one_line(&reason)));
        }
        self.failure(status, &headers, &body)
    }

    async fn bounded_body(&self, mut response: Response) -> Result<Bytes, CallError> {
        if response.content_length().is_some_and(|length| length > MAX_BODY_BYTES as u64) {
            return Err(CallError::TooLarge);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error))? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(CallError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    fn failure(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Completion, CallError> {
        let (message, filtered) = error_message(&self.redacted(body));
        let status = status.as_u16();
        Err(match status {
            // Azure's way to say that the filter took the question.
            400 if filtered => return Ok(Completion::Refused),
            300..=399 => {
                let target = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("nowhere");
                CallError::Redirected(host_of(&String::from_utf8_lossy(&self.redacted(target.as_bytes()))))
            }
            401..=404 => CallError::Denied { status, message },
            408 | 409 | 425 | 429 | 500..=599 => {
                CallError::Busy { status, message, retry_after: retry_after(headers, SystemTime::now()) }
            }
            _ => CallError::Rejected { status, message },
        })
    }

    fn broken(&self, error: reqwest::Error) -> CallError {
        if error.is_timeout() {
            return CallError::Timeout(self.patience.timeout);
        }
        let is_connect = error.is_connect();
        let reason = one_line(&causes(&error.without_url()));
        if is_connect { CallError::Unreachable(reason) } else { CallError::Broken(reason) }
    }

    /// A server's text without the key.
    fn redacted<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.key {
            None => Cow::Borrowed(body),
            Some(key) => Cow::Owned(key.redact(&String::from_utf8_lossy(body)).into_bytes()),
        }
    }
}

/// The wait before the next attempt; none if there is to be none.
fn wait_before_retry(retry_after: Option<Duration>, backoff: Option<Duration>) -> Option<Duration> {
    match retry_after {
        Some(asked) if asked > LONGEST_RETRY_AFTER => None,
        asked => backoff.map(|backoff| backoff.max(asked.unwrap_or_default())),
    }
}

/// How long a server asks to wait: seconds, or until an HTTP date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

/// Where a redirect leads, without what its path and query carry.
fn host_of(target: &str) -> String {
    url::Url::parse(target)
        .ok()
        .and_then(|url| url.host_str().map(|host| format!("{}://{host}", url.scheme())))
        .unwrap_or_else(|| one_line(target))
}

/// An error with all its causes.
fn causes(error: &dyn Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests;
