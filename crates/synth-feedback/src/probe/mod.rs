//! What an endpoint is and how its answers can be read: a few real questions about a small drawn picture.
//!
//! The ladder: vLLM's `logprob_token_ids`, if its tokenizer says which tokens spell yes and no and an answer lists exactly
//! those; the 20 most probable first tokens, or 5 where 20 is refused; a vote over sampled answers. What it found is kept
//! by URL and model ([`EndpointRecord`](crate::endpoint_record::EndpointRecord)), so that one endpoint is probed once.

mod found;
mod spellings;
mod wire;

use std::time::Duration;

use serde_json::Value;

use crate::api_key::ApiKey;
use crate::completion::{Completion, one_line};
use crate::error::SynthFeedbackError;
use crate::reading::{Reading, read, spells};
use crate::readout::{MOST_TOP_LOGPROBS, Readout, Source, TokenLimit};
use crate::request::ImageRequest;
use crate::serve::Server;
use crate::settings::{Endpoint, Sampling, WantedReadout};
pub use found::Found;
use wire::{Page, Wire};

/// A red disc on a light ground, 64 × 64 pixels.
pub const TEST_PICTURE: &[u8] = include_bytes!("../test_picture.png");
/// What is asked. One answer without log-probabilities may be an exception, so there is more than one question.
const QUESTIONS: [&str; 3] = ["is the image bright", "is the image red", "is the image dark"];
/// What is asked for where 20 tokens are refused: the bound of some servers in front of OpenAI's protocol.
const FEWER_TOP_LOGPROBS: u32 = 5;

/// Probes the endpoint of the pipeline file, which is started first if it wants to be.
///
/// # Errors
/// As [`probe`], or if it cannot be started.
pub fn probe_endpoint(endpoint: &Endpoint, instruction: Option<&str>) -> Result<Found, SynthFeedbackError> {
    let key = endpoint.api_key()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(SynthFeedbackError::Runtime)?;
    // Kept until the questions are answered.
    let (base_url, _server) = runtime.block_on(Server::start_for(endpoint, key.as_ref()))?;
    // For a person who waits for it: a server that is not there is told of soon.
    let endpoint = Endpoint { max_attempts: endpoint.max_attempts.min(3), ..endpoint.clone() };
    runtime.block_on(probe(&endpoint, &base_url, key, instruction, FIRST_BACKOFF))
}

/// The models that an endpoint lists; none if it has no such list.
///
/// # Errors
/// [`SynthFeedbackError::Setting`] for a key that is not there, [`SynthFeedbackError::NotThere`] if it cannot be reached,
/// [`SynthFeedbackError::Denied`] if it lets nobody in.
pub fn models_of(endpoint: &Endpoint) -> Result<Vec<String>, SynthFeedbackError> {
    let key = endpoint.api_key()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(SynthFeedbackError::Runtime)?;
    let timeout = Duration::from_secs_f64(endpoint.timeout_seconds);
    let wire = Wire::new(&endpoint.base_url, key, timeout, 1, FIRST_BACKOFF)?;
    let page = runtime.block_on(wire.models())?;
    match page.status {
        401..=403 => Err(wire.denied(&page)),
        _ => Ok(found::model_names(Some(&page))),
    }
}

/// With the waits between them some eight seconds: a server that is down should be told of before a run's patience ends.
const MOST_ATTEMPTS: u32 = 6;
const FIRST_BACKOFF: Duration = Duration::from_millis(250);

/// Probes an endpoint at a URL. `instruction` follows the questions, as it will in a run.
///
/// # Errors
/// [`SynthFeedbackError::NotThere`] if nothing answers, [`SynthFeedbackError::Denied`] if it lets nobody in or has no such
/// model, [`SynthFeedbackError::Probe`] if its answers cannot be read in the wanted way.
pub async fn probe(
    endpoint: &Endpoint,
    base_url: &str,
    key: Option<ApiKey>,
    instruction: Option<&str>,
    first_backoff: Duration,
) -> Result<Found, SynthFeedbackError> {
    let timeout = Duration::from_secs_f64(endpoint.timeout_seconds);
    let max_attempts = endpoint.max_attempts.min(MOST_ATTEMPTS);
    let wire = Wire::new(base_url, key, timeout, max_attempts, first_backoff)?;
    // It decides nothing: whoever does not list his models may still answer.
    let models = wire.models().await.ok();
    let request =
        ImageRequest::new(&endpoint.model, TEST_PICTURE).unwrap_or_else(|| unreachable!("the test picture is a PNG"));
    let mut ladder = Ladder {
        wire,
        model: &endpoint.model,
        max_attempts,
        request,
        questions: QUESTIONS.map(|question| crate::question::with_instruction(question, instruction)),
        token_limit: TokenLimit::default(),
        steps: Vec::new(),
    };
    let step = ladder.climb(endpoint.readout, endpoint.sample).await?;
    Ok(Found {
        url: ladder.wire.url(),
        server: found::server_kind(models.as_ref()),
        models: found::model_names(models.as_ref()),
        steps: ladder.steps,
        readout: step.readout,
        question: step.question,
        reading: step.reading,
    })
}

/// A readout that works, and the question that shows it.
struct Step {
    readout: Readout,
    question: String,
    reading: Reading,
}

/// What the server made of one question.
enum Outcome {
    Answer {
        completion: Completion,
        thinks: bool,
    },
    /// It refuses a question of this form.
    Refused(String),
}

struct Ladder<'a> {
    wire: Wire,
    model: &'a str,
    max_attempts: u32,
    request: ImageRequest,
    questions: [String; 3],
    token_limit: TokenLimit,
    /// What was tried, and what came of it.
    steps: Vec<(String, String)>,
}

impl Ladder<'_> {
    async fn climb(&mut self, wanted: WantedReadout, sampling: Option<Sampling>) -> Result<Step, SynthFeedbackError> {
        let tries = |readout| wanted == readout || wanted == WantedReadout::Auto;
        if tries(WantedReadout::TokenIds)
            && let Some(step) = self.token_ids().await?
        {
            return Ok(step);
        }
        if tries(WantedReadout::TopLogprobs) {
            for n in [MOST_TOP_LOGPROBS, FEWER_TOP_LOGPROBS] {
                if let Some(step) = self.top_logprobs(n).await? {
                    return Ok(step);
                }
            }
        }
        if tries(WantedReadout::Sample) {
            match sampling {
                Some(sampling) => {
                    if let Some(step) = self.sample(sampling).await? {
                        return Ok(step);
                    }
                }
                None => self.found("sampled answers", "not tried: set `endpoint.sample` to vote over them".to_owned()),
            }
        }
        let steps = self.steps.iter().map(|(tried, found)| format!("{tried}: {found}"));
        let reason = format!("its answers cannot be read ({})", steps.collect::<Vec<_>>().join("; "));
        Err(SynthFeedbackError::Probe { url: self.wire.url(), reason })
    }

    async fn token_ids(&mut self) -> Result<Option<Step>, SynthFeedbackError> {
        const WHAT: &str = "logprob_token_ids";
        let ids = match spellings::token_ids(&self.wire, self.model).await {
            Ok(ids) => ids,
            Err(reason) => {
                self.found(WHAT, reason);
                return Ok(None);
            }
        };
        let n = ids.len();
        let source = Source::TokenIds { ids };
        self.first_token(WHAT, source, |tokens| {
            // An older vLLM ignores the field without a word.
            let others = tokens.iter().skip(1).filter(|token| !spells(token, "yes") && !spells(token, "no")).count();
            if others <= 1 { Ok(format!("yes, {n} tokens spell yes or no")) } else { Err("it is ignored".to_owned()) }
        })
        .await
    }

    async fn top_logprobs(&mut self, n: u32) -> Result<Option<Step>, SynthFeedbackError> {
        let what = format!("top_logprobs {n}");
        self.first_token(&what, Source::TopLogprobs { n }, |tokens| {
            Ok(format!("yes, {} tokens listed", tokens.len().saturating_sub(1)))
        })
        .await
    }

    /// Tries a readout of the first token on each question, until one answer can be read.
    async fn first_token(
        &mut self,
        what: &str,
        source: Source,
        judge: impl Fn(&[String]) -> Result<String, String>,
    ) -> Result<Option<Step>, SynthFeedbackError> {
        let mut found = "no question was answered".to_owned();
        for question in self.questions.clone() {
            let mut readout = Readout { source: source.clone(), token_limit: self.token_limit };
            let (completion, thinks) = match self.asked(&mut readout, &question).await? {
                Outcome::Answer { completion, thinks } => (completion, thinks),
                Outcome::Refused(message) => {
                    found = format!("no, it refuses that ({message})");
                    break;
                }
            };
            if thinks {
                found = "no use, the model thinks before it answers".to_owned();
                break;
            }
            let Completion::FirstToken(tokens) = &completion else {
                let declined = completion == Completion::Refused;
                found = if declined { "the model declines" } else { "no, the answers have none" }.to_owned();
                continue;
            };
            let tokens: Vec<String> = tokens.iter().map(|token| token.token.clone()).collect();
            match readout.read(&completion).and_then(|reading| judge(&tokens).map(|found| (reading, found))) {
                Ok((reading, yes)) => {
                    self.found(what, yes);
                    return Ok(Some(Step { readout, question, reading }));
                }
                Err(reason) => found = format!("no, {reason}"),
            }
        }
        self.found(what, found);
        Ok(None)
    }

    /// Samples answers, all with one request if the server can.
    async fn sample(&mut self, sampling: Sampling) -> Result<Option<Step>, SynthFeedbackError> {
        let what = format!("{} sampled answers", sampling.n);
        let (mut found, mut refuses_temperature) = (String::new(), false);
        let together = (sampling.n > 1).then_some(sampling.n);
        for per_request in together.into_iter().chain([1]) {
            let source = Source::Sample { sampling, per_request, refuses_temperature };
            let mut readout = Readout { source, token_limit: self.token_limit };
            let question = self.questions[0].clone();
            let outcome = self.asked(&mut readout, &question).await?;
            if let Source::Sample { refuses_temperature: refuses, .. } = readout.source {
                refuses_temperature = refuses;
            }
            let completion = match outcome {
                Outcome::Answer { completion, .. } => completion,
                Outcome::Refused(message) => {
                    found = format!("no, it refuses that ({message})");
                    continue;
                }
            };
            if completion == Completion::Refused {
                found = "the model declines".to_owned();
                break;
            }
            let n_texts = if let Completion::Texts(texts) = &completion { texts.len() } else { 1 };
            let per_request = u32::try_from(n_texts).unwrap_or(1).clamp(1, sampling.n);
            readout.source = Source::Sample { sampling, per_request, refuses_temperature };
            // This is one request of those that a question takes.
            let is_text = matches!(completion, Completion::Texts(_));
            let reading = if is_text { read(&completion) } else { readout.read(&completion) };
            match reading {
                Ok(reading) => {
                    self.found(&what, format!("yes, {per_request} a request"));
                    return Ok(Some(Step { readout, question, reading }));
                }
                Err(reason) => found = format!("no, {reason}"),
            }
        }
        self.found(&what, found);
        Ok(None)
    }

    /// Asks one question. What the server calls the bound on an answer's length, and whether it wants to be told a
    /// temperature, is found out on the way.
    async fn asked(&mut self, readout: &mut Readout, question: &str) -> Result<Outcome, SynthFeedbackError> {
        let mut reason = String::new();
        for _ in 0..self.max_attempts.max(3) {
            let tail = readout.tails().swap_remove(0);
            let page = self.wire.ask(self.request.body(question, &tail).concat()).await?;
            match page.status {
                200 => match Completion::parse(&page.body) {
                    Ok(completion) => {
                        let thinks = thinks(&page, &completion);
                        return Ok(Outcome::Answer { completion, thinks });
                    }
                    Err(malformed) => {
                        let malformed = one_line(&page.redacted(&malformed));
                        reason = format!("the answer is not a chat completion: {malformed}");
                    }
                },
                401..=404 => return Err(self.wire.denied(&page)),
                300..=399 => reason = "it redirects to another server".to_owned(),
                status => {
                    let message = page.message();
                    let newer = TokenLimit::MaxCompletionTokens;
                    if message.contains("max_completion_tokens") && readout.token_limit != newer {
                        (self.token_limit, readout.token_limit) = (newer, newer);
                        continue;
                    }
                    if let Source::Sample { sampling, refuses_temperature, .. } = &mut readout.source
                        && message.contains("temperature")
                        && sampling.temperature == 1.0
                        && !*refuses_temperature
                    {
                        *refuses_temperature = true;
                        continue;
                    }
                    return Ok(Outcome::Refused(format!("status {status}: {message}")));
                }
            }
        }
        Err(SynthFeedbackError::Probe { url: self.wire.url(), reason })
    }

    fn found(&mut self, tried: &str, found: String) {
        self.steps.push((tried.to_owned(), found));
    }
}

/// Whether the first token is the first of a model's thoughts, not of its answer.
fn thinks(page: &Page, completion: &Completion) -> bool {
    let opens =
        |token: &str| ["<think", "<|channel|>", "<reasoning"].iter().any(|start| token.trim().starts_with(start));
    let first = matches!(completion, Completion::FirstToken(tokens) if tokens.first().is_some_and(|t| opens(&t.token)));
    let message = page.json().and_then(|body| body.pointer("/choices/0/message").cloned()).unwrap_or_default();
    let has = |field: &str| message.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    first || has("reasoning") || has("reasoning_content")
}

#[cfg(test)]
mod tests;
