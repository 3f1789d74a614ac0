//! The OpenAI chat-completions protocol, as far as one yes/no question about one image needs it.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::TokenLogprob;

/// At most so many alternatives of a token (OpenAI, vLLM).
const MOST_TOP_LOGPROBS: i64 = 20;

/// A request that cannot be answered, as an OpenAI-style error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// HTTP status.
    pub status: u16,
    /// For people.
    pub message: String,
    /// The field at fault.
    pub param: Option<&'static str>,
    /// For programs.
    pub code: Option<&'static str>,
}

impl Rejection {
    /// Status 400.
    pub fn bad(message: impl Into<String>, param: Option<&'static str>, code: Option<&'static str>) -> Self {
        Self { status: 400, message: message.into(), param, code }
    }

    /// The body.
    pub fn json(&self) -> Value {
        error_json(&self.message, "invalid_request_error", self.param, self.code)
    }
}

/// An OpenAI-style error body.
pub fn error_json(message: &str, kind: &str, param: Option<&str>, code: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
    logprobs: Option<bool>,
    top_logprobs: Option<i64>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    stream: Option<bool>,
    n: Option<i64>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Content<'a>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(#[serde(borrow)] Vec<Part<'a>>),
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    image_url: Option<ImageUrl<'a>>,
}

#[derive(Deserialize)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
}

/// What a request asks.
#[derive(Debug)]
pub struct Question<'a> {
    /// The image, in base64.
    pub base64: Cow<'a, str>,
    /// The text.
    pub text: String,
    /// How many alternatives to list; `None` if no log-probabilities are wanted.
    pub top_logprobs: Option<usize>,
}

/// Reads and checks the body of a request.
///
/// # Errors
/// A [`Rejection`] that says what is wrong.
pub fn parse<'a>(body: &'a [u8], model: &str) -> Result<Question<'a>, Rejection> {
    let body: Body<'a> = serde_json::from_slice(body)
        .map_err(|e| Rejection::bad(format!("the body is not a chat completion request: {e}"), None, None))?;
    if body.model != model {
        let message = format!("the model `{}` does not exist; there is `{model}`", body.model);
        return Err(Rejection { status: 404, message, param: Some("model"), code: Some("model_not_found") });
    }
    if body.stream == Some(true) {
        return Err(Rejection::bad("streaming is not simulated", Some("stream"), None));
    }
    if body.n.is_some_and(|n| n != 1) {
        return Err(Rejection::bad("only one choice is simulated", Some("n"), None));
    }
    if body.max_tokens.or(body.max_completion_tokens).is_some_and(|n| n < 1) {
        return Err(Rejection::bad("`max_tokens` must be at least 1", Some("max_tokens"), None));
    }
    let wanted = body.top_logprobs.unwrap_or(0);
    if !(0..=MOST_TOP_LOGPROBS).contains(&wanted) {
        let message = format!("`top_logprobs` is {wanted}; it must be from 0 to {MOST_TOP_LOGPROBS}");
        return Err(Rejection::bad(message, Some("top_logprobs"), Some("invalid_value")));
    }
    if wanted > 0 && body.logprobs != Some(true) {
        return Err(Rejection::bad("`top_logprobs` needs `logprobs: true`", Some("top_logprobs"), None));
    }
    let top_logprobs = (body.logprobs == Some(true)).then_some(wanted as usize);
    let message = body.messages.into_iter().rev().find(|message| message.role == "user");
    let message = message.ok_or_else(|| Rejection::bad("there is no user message", Some("messages"), None))?;
    let (base64, text) = read_parts(message.content)?;
    Ok(Question { base64, text, top_logprobs })
}

fn read_parts(content: Content<'_>) -> Result<(Cow<'_, str>, String), Rejection> {
    let bad = |message: &str| Rejection::bad(message, Some("messages"), None);
    let parts = match content {
        Content::Parts(parts) => parts,
        Content::Text(text) => {
            let start: String = text.chars().take(80).collect();
            return Err(bad(&format!("this model answers questions about one image; there is none with `{start}`")));
        }
    };
    let (mut image, mut text) = (None, String::new());
    for part in parts {
        match (&*part.kind, part.text, part.image_url) {
            ("text", Some(more), _) => text += &more,
            ("image_url", _, Some(ImageUrl { url })) if image.is_none() => image = Some(url),
            ("image_url", _, Some(_)) => return Err(bad("there is more than one image")),
            (kind, ..) => return Err(bad(&format!("a content part of type `{kind}` is not understood"))),
        }
    }
    let image = image.ok_or_else(|| bad("there is no image in the user message"))?;
    if text.trim().is_empty() {
        return Err(bad("there is no text in the user message"));
    }
    let base64 = after_prefix(image).ok_or_else(|| {
        Rejection::bad("only data:image/…;base64 URLs are read", Some("messages"), Some("invalid_image_url"))
    })?;
    Ok((base64, text))
}

// Borrowed stays borrowed: this is the bulk of the body.
fn after_prefix(url: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let start = url.starts_with("data:image/").then(|| url.find(";base64,")).flatten()? + ";base64,".len();
    Some(match url {
        Cow::Borrowed(url) => Cow::Borrowed(&url[start..]),
        Cow::Owned(url) => Cow::Owned(url[start..].to_owned()),
    })
}

/// The bytes of an image.
///
/// # Errors
/// A [`Rejection`] if it is not base64.
pub fn decode(base64: &str) -> Result<Vec<u8>, Rejection> {
    STANDARD
        .decode(base64)
        .map_err(|e| Rejection::bad(format!("the image is not base64: {e}"), Some("messages"), Some("invalid_image")))
}

#[derive(Serialize)]
struct Token {
    token: &'static str,
    logprob: f64,
    bytes: &'static [u8],
}

#[derive(Serialize)]
struct SampledToken<'a> {
    #[serde(flatten)]
    token: Token,
    top_logprobs: &'a [Token],
}

fn token(&(token, logprob): &TokenLogprob) -> Token {
    Token { token, logprob, bytes: token.as_bytes() }
}

/// An answer of one token, with the first `top_logprobs` of the given ones; none at all for `None`.
pub fn answer(id: &str, model: &str, tokens: &[TokenLogprob], top_logprobs: Option<usize>) -> Value {
    let Some(first) = tokens.first() else { return refusal(id, model) };
    let logprobs = top_logprobs.map(|n| {
        let top: Vec<Token> = tokens.iter().take(n).map(token).collect();
        json!({"content": [SampledToken { token: token(first), top_logprobs: &top }], "refusal": null})
    });
    let message = json!({"role": "assistant", "content": first.0, "refusal": null});
    completion(id, model, &json!({"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "length"}))
}

/// An answer that declines.
pub fn refusal(id: &str, model: &str) -> Value {
    let message = json!({"role": "assistant", "content": null, "refusal": "I'm sorry, I can't help with that image."});
    completion(id, model, &json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"}))
}

fn completion(id: &str, model: &str, choice: &Value) -> Value {
    json!({
        "id": id, "object": "chat.completion", "created": 0, "model": model, "choices": [choice],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    })
}

/// A body whose fields have other types than promised.
pub fn wrong_type(id: &str, model: &str) -> Value {
    json!({
        "id": id, "object": "chat.completion", "created": "yesterday", "model": model,
        "choices": {"message": ["yes"], "logprobs": {"content": "none"}},
    })
}
