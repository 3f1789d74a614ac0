//! The OpenAI chat-completions protocol, as far as one yes/no question about one image needs it, in each dialect.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::dialect::{Dialect, N_CTX, Rejection};
use crate::first_token::{Token, TokenLogprob};

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
    temperature: Option<f64>,
    seed: Option<u64>,
    // vLLM's; the others ignore it without a word, as older versions of vLLM do.
    logprob_token_ids: Option<Vec<u32>>,
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
    /// What is wanted of the answer.
    pub wanted: Wanted,
}

/// What is wanted of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// How many alternatives of the first token to list; `None` if no log-probabilities are wanted.
    pub top_logprobs: Option<usize>,
    /// The tokens to list instead of the most probable ones.
    pub token_ids: Option<Vec<u32>>,
    /// How many answers.
    pub n: usize,
    /// At which temperature they are drawn.
    pub temperature: f64,
    /// The seed of the draw.
    pub seed: u64,
}

/// Reads and checks the body of a request.
///
/// # Errors
/// A [`Rejection`] that says what is wrong.
pub fn parse<'a>(body: &'a [u8], model: &str, dialect: Dialect) -> Result<Question<'a>, Rejection> {
    let body: Body<'a> = serde_json::from_slice(body)
        .map_err(|e| Rejection::bad(format!("the body is not a chat completion request: {e}"), None, None))?;
    if body.model != model && dialect.checks_model() {
        let message = format!("the model `{}` does not exist; there is `{model}`", body.model);
        let not_found = Rejection::with_status(404, message);
        return Err(Rejection { param: Some("model"), code: Some("model_not_found"), ..not_found });
    }
    if body.stream == Some(true) {
        return Err(Rejection::bad("streaming is not simulated", Some("stream"), None));
    }
    if body.max_tokens.or(body.max_completion_tokens).is_some_and(|n| n < 1) {
        return Err(Rejection::bad("`max_tokens` must be at least 1", Some("max_tokens"), None));
    }
    let logprobs = body.logprobs == Some(true);
    let alternatives = dialect.alternatives(logprobs, body.top_logprobs)?;
    let token_ids = body.logprob_token_ids.filter(|_| dialect == Dialect::Vllm);
    if token_ids.as_ref().is_some_and(|ids| ids.is_empty() || !logprobs) {
        let message = "`logprob_token_ids` must not be empty and needs `logprobs: true`";
        return Err(Rejection::bad(message, Some("logprob_token_ids"), None));
    }
    let wanted = Wanted {
        top_logprobs: logprobs.then_some(alternatives),
        token_ids,
        n: dialect.choices(body.n)?,
        temperature: body.temperature.unwrap_or(1.0),
        seed: body.seed.unwrap_or(0),
    };
    let message = body.messages.into_iter().rev().find(|message| message.role == "user");
    let message = message.ok_or_else(|| Rejection::bad("there is no user message", Some("messages"), None))?;
    let (base64, text) = read_parts(message.content)?;
    let n_tokens = n_tokens(&text);
    if dialect == Dialect::LlamaServer && n_tokens > N_CTX {
        let message = format!(
            "request ({n_tokens} tokens) exceeds the available context size ({N_CTX} tokens), try increasing it"
        );
        return Err(Rejection { n_prompt_tokens: Some(n_tokens), ..Rejection::bad(message, None, None) });
    }
    Ok(Question { base64, text, wanted })
}

/// Tokens of an image.
const IMAGE_TOKENS: usize = 256;

/// Tokens of a request with this text, roughly.
fn n_tokens(text: &str) -> usize {
    IMAGE_TOKENS + text.len().div_ceil(4)
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
struct Shown {
    // Only llama-server numbers its tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    token: &'static str,
    bytes: &'static [u8],
    logprob: f64,
}

#[derive(Serialize)]
struct Sampled<'a> {
    #[serde(flatten)]
    token: Shown,
    top_logprobs: &'a [Shown],
}

/// vLLM's number for a token that is masked, or has no probability.
const MASKED: f64 = -9_999.0;

fn shown(dialect: Dialect, &(token, logprob): &(&'static Token, f64)) -> Shown {
    let id = (dialect == Dialect::LlamaServer).then_some(token.id);
    Shown { id, token: token.shown, bytes: token.shown.as_bytes(), logprob: logprob.max(MASKED) }
}

/// One answer of an endpoint, and what it is written from.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Its id.
    pub id: &'a str,
    /// The model.
    pub model: &'a str,
    /// The server's kind.
    pub dialect: Dialect,
    /// The text that was asked.
    pub text: &'a str,
    /// Whether this picture was asked about before, so that its part of the prompt is in the server's cache.
    pub cached: bool,
}

impl Answer<'_> {
    /// Answers of one token each: those that were `sampled`, with the alternatives that were wanted.
    pub fn json(&self, tokens: &[TokenLogprob], sampled: &[TokenLogprob], wanted: &Wanted) -> Value {
        let choices = sampled.iter().enumerate().map(|(index, sampled)| {
            let logprobs = wanted.top_logprobs.map(|n| {
                let top: Vec<Shown> = self.listed(tokens, sampled, n, wanted.token_ids.as_deref());
                json!({"content": [Sampled { token: shown(self.dialect, sampled), top_logprobs: &top }], "refusal": null})
            });
            let message = json!({"role": "assistant", "content": sampled.0.shown, "refusal": null});
            json!({"index": index, "message": message, "logprobs": logprobs, "finish_reason": "length"})
        });
        self.completion(choices.collect())
    }

    fn listed(&self, tokens: &[TokenLogprob], sampled: &TokenLogprob, n: usize, ids: Option<&[u32]>) -> Vec<Shown> {
        let shown = |token: &TokenLogprob| shown(self.dialect, token);
        match (ids, self.dialect) {
            // The sampled token, then those asked for in the order of the request, each once.
            (Some(ids), _) => {
                let asked = ids.iter().filter(|id| **id != sampled.0.id);
                let of_id = |id: &u32| tokens.iter().find(|(token, _)| token.id == *id);
                std::iter::once(sampled).chain(asked.filter_map(of_id)).map(shown).collect()
            }
            // The sampled token comes first here too, whatever its rank.
            (None, Dialect::Vllm) => {
                let others = tokens.iter().filter(|(token, _)| token.id != sampled.0.id);
                std::iter::once(sampled).chain(others).take(n).map(shown).collect()
            }
            (None, _) => tokens.iter().take(n).map(shown).collect(),
        }
    }

    /// An answer that declines.
    pub fn refusal(&self) -> Value {
        let refusal = "I'm sorry, I can't help with that image.";
        let message = json!({"role": "assistant", "content": null, "refusal": refusal});
        self.completion(vec![json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"})])
    }

    /// A body whose fields have other types than promised.
    pub fn wrong_type(&self) -> Value {
        json!({
            "id": self.id, "object": "chat.completion", "created": "yesterday", "model": self.model,
            "choices": {"message": ["yes"], "logprobs": {"content": "none"}},
        })
    }

    fn completion(&self, choices: Vec<Value>) -> Value {
        let (n_prompt, n_answers) = (n_tokens(self.text), choices.len());
        let n_cached = if self.cached { IMAGE_TOKENS } else { 0 };
        let mut body = json!({
            "id": self.id, "object": "chat.completion", "created": 0, "model": self.model, "choices": choices,
            "usage": {
                "prompt_tokens": n_prompt, "completion_tokens": n_answers, "total_tokens": n_prompt + n_answers,
                "prompt_tokens_details": {"cached_tokens": n_cached},
            },
        });
        if self.dialect == Dialect::LlamaServer {
            body["timings"] = json!({"cache_n": n_cached, "prompt_n": n_prompt - n_cached, "predicted_n": n_answers});
        }
        body
    }
}
