//! One question to one endpoint: sent, its answer read within bounds of time and size, and parsed.

use std::borrow::Cow;
use std::error::Error;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Body, Response, StatusCode};
use tokio::time::{Instant, sleep_until, timeout};
use url::{Host, Url};

use crate::api_key::ApiKey;
use crate::call_error::CallError;
use crate::completion::{Completion, error_message, one_line};
use crate::error::SynthFeedbackError;
use crate::request::QuestionBody;
use crate::retry::{Patience, Retry, retry_after};
use crate::spending::Usage;

/// A server's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// What it says.
    pub completion: Completion,
    /// What it used, if the server tells.
    pub usage: Option<Usage>,
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

/// An answer of one token with 20 log-probabilities has 3 KB; one with the thoughts of a reasoning model some hundred.
const MAX_BODY_BYTES: usize = 1 << 20;
/// The longest wait for a connection: a machine that is there takes it in well under this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that nobody used for so long is not used again: a server or a proxy may have forgotten it.
const LONGEST_IDLE: Duration = Duration::from_secs(30);
const MOST_REDIRECTS: usize = 3;

/// Asks one endpoint; connections are reused.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    url: Url,
    key: Option<ApiKey>,
    patience: Patience,
}

/// An HTTP client for a URL: TLS where the URL says so, with HTTP/2 if the server offers it. It follows no redirect.
///
/// # Errors
/// [`SynthFeedbackError::HttpClient`].
pub(crate) fn http_client(url: &str) -> Result<reqwest::Client, SynthFeedbackError> {
    let builder = reqwest::Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(LONGEST_IDLE)
        .http2_adaptive_window(true)
        .tcp_nodelay(true);
    // Without TLS no certificates are needed, and a machine may have none.
    let builder = if url.starts_with("http:") { builder.tls_certs_only([]) } else { builder };
    builder.build().map_err(SynthFeedbackError::HttpClient)
}

impl Client {
    /// A client of the endpoint at `base_url` (up to `/v1`).
    ///
    /// # Errors
    /// [`SynthFeedbackError::HttpClient`], or [`SynthFeedbackError::Setting`] if it is no URL.
    pub fn new(base_url: &str, key: Option<ApiKey>, patience: Patience) -> Result<Self, SynthFeedbackError> {
        let url = Url::parse(&format!("{}/chat/completions", base_url.trim_end_matches('/'))).map_err(|error| {
            SynthFeedbackError::Setting { key: "endpoint.base_url", problem: format!("it is no URL: {error}") }
        })?;
        Ok(Self { http: http_client(url.as_str())?, url, key, patience })
    }

    /// Where it asks.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Whether anybody on the way can read the key: it is sent without TLS to another machine.
    pub fn shows_its_key(&self) -> bool {
        let is_here = match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        self.key.is_some() && self.url.scheme() == "http" && !is_here
    }

    /// How long a question is worth waiting for.
    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Sends a question until it is answered, hopeless, or was tried often enough.
    pub async fn ask(&self, body: QuestionBody) -> Reply {
        let mut retry = Retry::new(&self.patience);
        loop {
            retry.attempts += 1;
            let sent = Instant::now();
            let timeout = retry.time_left().min(self.patience.timeout);
            let outcome = self.call(body.clone(), timeout).await;
            let last_call = sent.elapsed();
            match outcome.as_ref().err().and_then(|error| retry.at(error)) {
                Some(at) => sleep_until(at).await,
                None => {
                    let outcome = outcome.map(|answered| answered.completion);
                    return Reply { outcome, attempts: retry.attempts, last_call };
                }
            }
        }
    }

    /// Sends a question once, for no longer than `longest`.
    ///
    /// # Errors
    /// [`CallError`]: whatever the server does, this ends in time.
    pub async fn call(&self, body: QuestionBody, longest: Duration) -> Result<Answered, CallError> {
        timeout(longest, self.exchange(body)).await.unwrap_or(Err(CallError::Timeout(longest)))
    }

    async fn exchange(&self, body: QuestionBody) -> Result<Answered, CallError> {
        let mut url = self.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let request = self.http.post(url.clone()).header(CONTENT_TYPE, JSON).body(Body::wrap(body.clone()));
            let request = match &self.key {
                Some(key) => request.header(AUTHORIZATION, key.header().clone()),
                None => request,
            };
            let response = request.send().await.map_err(broken)?;
            match self.redirected_within(&url, &response) {
                Some(to) => url = to,
                None => return self.read(response).await,
            }
        }
        Err(CallError::Redirected(host_of(&self.url)))
    }

    /// Where the same server wants the same question. To another one no question goes, and no key.
    fn redirected_within(&self, from: &Url, response: &Response) -> Option<Url> {
        let repeats = [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT].contains(&response.status());
        let location = response.headers().get(LOCATION).filter(|_| repeats)?.to_str().ok()?;
        from.join(location).ok().filter(|to| to.origin() == self.url.origin())
    }

    async fn read(&self, response: Response) -> Result<Answered, CallError> {
        let status = response.status();
        let headers = (status != StatusCode::OK).then(|| response.headers().clone());
        let content_type = response.headers().get(CONTENT_TYPE).cloned();
        let longest = self.patience.whole_answer;
        let body = timeout(longest, bounded_body(response)).await.unwrap_or(Err(CallError::Stalled(longest)))?;
        if let Some(headers) = headers {
            return self.failure(status, &headers, &body);
        }
        match Completion::parse_with_usage(&body) {
            Ok((completion, usage)) => Ok(Answered { completion: self.without_key(completion), usage }),
            Err(reason) => {
                let reason = format!("{reason}{}", sent_as(content_type.as_ref()));
                Err(CallError::Malformed(one_line(&self.redacted(&reason))))
            }
        }
    }

    fn failure(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Answered, CallError> {
        // What it says, not its bytes: JSON may spell the key with escapes.
        let (message, filtered) = error_message(body, |text| self.redacted(text).into_owned());
        let status = status.as_u16();
        Err(match status {
            // Azure's way to say that the filter took the question.
            400 if filtered => return Ok(Answered { completion: Completion::Refused, usage: None }),
            300..=399 => {
                let target = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("nowhere");
                let host = self.url.join(target).map_or_else(|_| "nowhere".to_owned(), |url| host_of(&url));
                CallError::Redirected(self.redacted(&host).into_owned())
            }
            401..=404 => CallError::Denied { status, message },
            408 | 409 | 425 | 429 | 500..=599 => {
                CallError::Busy { status, message, retry_after: retry_after(headers, SystemTime::now()) }
            }
            _ => CallError::Rejected { status, message },
        })
    }

    /// A server's text without the key.
    fn redacted<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.key {
            None => Cow::Borrowed(text),
            Some(key) => Cow::Owned(key.redact(text)),
        }
    }

    /// An answer without the key: what it says is kept.
    fn without_key(&self, completion: Completion) -> Completion {
        let Some(key) = &self.key else { return completion };
        match completion {
            Completion::FirstToken(mut tokens) => {
                tokens.iter_mut().for_each(|token| key.redact_in(&mut token.token));
                Completion::FirstToken(tokens)
            }
            Completion::Texts(mut texts) => {
                texts.iter_mut().flatten().for_each(|text| key.redact_in(text));
                Completion::Texts(texts)
            }
            Completion::Refused => Completion::Refused,
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

async fn bounded_body(mut response: Response) -> Result<Bytes, CallError> {
    let too_large = CallError::TooLarge { most_bytes: MAX_BODY_BYTES };
    let announced = response.content_length().unwrap_or(0);
    if announced > MAX_BODY_BYTES as u64 {
        return Err(too_large);
    }
    let mut body = BytesMut::with_capacity(announced as usize);
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(too_large);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn broken(error: reqwest::Error) -> CallError {
    let is_connect = error.is_connect();
    let reason = one_line(&causes(&error.without_url()));
    if is_connect { CallError::Unreachable(reason) } else { CallError::Broken(reason) }
}

/// A remark on the type that an unreadable answer claims to have, unless that is JSON.
fn sent_as(content_type: Option<&HeaderValue>) -> String {
    let claimed = content_type.and_then(|value| value.to_str().ok()).unwrap_or("nothing in particular");
    if claimed.contains("json") { String::new() } else { format!(" (sent as {claimed})") }
}

/// Where a redirect leads, without what its path and query carry.
fn host_of(target: &Url) -> String {
    format!("{}://{}", target.scheme(), target.host_str().unwrap_or("nowhere"))
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
