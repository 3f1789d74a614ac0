//! Single requests to any page of an endpoint, for the probe: the answers as they are, statuses and all.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, SERVER};
use serde_json::Value;

use crate::api_key::ApiKey;
use crate::breaker::advice;
use crate::client::http_client;
use crate::completion::{error_message, one_line};
use crate::error::SynthFeedbackError;

/// What a page answered.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    /// The `Server` header.
    pub(super) server: Option<String>,
    pub(super) body: Bytes,
    key: Option<ApiKey>,
}

impl Page {
    /// What the server says in the body of a failed request, in one line.
    pub(super) fn message(&self) -> String {
        error_message(&self.body, |text| self.redacted(text)).0
    }

    /// A text of the server's without the key.
    pub(super) fn redacted(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact(text))
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok().filter(|_| self.status == 200)
    }
}

/// One endpoint.
pub(super) struct Wire {
    http: reqwest::Client,
    base_url: String,
    key: Option<ApiKey>,
    timeout: Duration,
    max_attempts: u32,
    first_backoff: Duration,
}

/// The longest wait between two attempts: a probe is short.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A list of models may be long.
const MAX_BODY_BYTES: usize = 4 << 20;

impl Wire {
    pub(super) fn new(
        base_url: &str,
        key: Option<ApiKey>,
        timeout: Duration,
        max_attempts: u32,
        first_backoff: Duration,
    ) -> Result<Self, SynthFeedbackError> {
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Self { http: http_client(&base_url)?, base_url, key, timeout, max_attempts, first_backoff })
    }

    /// Where questions are asked.
    pub(super) fn url(&self) -> String {
        format!("{}/chat/completions", self.base_url)
    }

    /// The list of models; tried once.
    pub(super) async fn models(&self) -> Result<Page, SynthFeedbackError> {
        self.send(self.http.get(format!("{}/models", self.base_url)), 1).await
    }

    /// Asks for a completion.
    pub(super) async fn ask(&self, body: Bytes) -> Result<Page, SynthFeedbackError> {
        self.send(self.http.post(self.url()).header(CONTENT_TYPE, "application/json").body(body), self.max_attempts)
            .await
    }

    /// Asks vLLM's tokenizer, whose page stands beside `/v1`.
    pub(super) async fn tokenize(&self, body: &Value) -> Result<Page, SynthFeedbackError> {
        let root = self.base_url.strip_suffix("/v1").unwrap_or(&self.base_url);
        let request = self.http.post(format!("{root}/tokenize")).header(CONTENT_TYPE, "application/json");
        self.send(request.body(body.to_string()), self.max_attempts).await
    }

    /// The failure of a page that lets nobody in, or is not there.
    pub(super) fn denied(&self, page: &Page) -> SynthFeedbackError {
        let message = Some(page.message()).filter(|message| !message.is_empty());
        SynthFeedbackError::Denied {
            url: self.url(),
            status: page.status,
            message: message.unwrap_or_else(|| "no message".to_owned()),
            advice: advice(page.status),
        }
    }

    /// Sends a request until there is an answer that is not the server's "later".
    async fn send(&self, request: reqwest::RequestBuilder, max_attempts: u32) -> Result<Page, SynthFeedbackError> {
        let request = request.timeout(self.timeout);
        let request = match &self.key {
            Some(key) => request.header(AUTHORIZATION, key.header().clone()),
            None => request,
        };
        let mut wait = self.first_backoff;
        let mut n_failed = 0;
        loop {
            let request = request.try_clone().unwrap_or_else(|| unreachable!("a body of bytes can be sent twice"));
            let (reason, asked) = match self.send_once(request).await {
                Ok((page, asked)) if matches!(page.status, 408 | 409 | 425 | 429 | 500..) => {
                    (format!("status {}: {}", page.status, page.message()), asked)
                }
                Ok((page, _)) => return Ok(page),
                Err(reason) => (reason, None),
            };
            n_failed += 1;
            if n_failed >= max_attempts {
                return Err(SynthFeedbackError::NotThere { url: self.url(), reason });
            }
            tracing::debug!(reason, "the probe asks again");
            tokio::time::sleep(asked.unwrap_or(wait).min(LONGEST_WAIT)).await;
            wait *= 2;
        }
    }

    async fn send_once(&self, request: reqwest::RequestBuilder) -> Result<(Page, Option<Duration>), String> {
        let mut response = request.send().await.map_err(broken)?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(one_line);
        let (status, server) = (response.status().as_u16(), header(SERVER));
        let asked = header(RETRY_AFTER).and_then(|seconds| Duration::try_from_secs_f64(seconds.parse().ok()?).ok());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(format!("the answer has more than {MAX_BODY_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        let mut page = Page { status, server: None, body: body.freeze(), key: self.key.clone() };
        page.server = server.map(|server| page.redacted(&server));
        Ok((page, asked))
    }
}

/// An error of the line with its causes, without the URL, which the message around it names.
fn broken(error: reqwest::Error) -> String {
    let prefix = if error.is_connect() { "no connection: " } else { "" };
    let error = error.without_url();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    one_line(&format!("{prefix}{}", causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")))
}
