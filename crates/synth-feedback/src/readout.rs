//! How an answer's probability is read from one endpoint: what every request asks for, and which shape its answer has.
//!
//! Three ways, the best that an endpoint has first: the log-probabilities of exactly the tokens that spell yes and no
//! (vLLM's `logprob_token_ids`), those of the most probable first tokens (`top_logprobs`), or a vote over sampled answers.
//! Which one it has is found by [`probe`](crate::probe). Grammars and forced choices are never used: a server that masks
//! the other tokens reports probabilities after the mask, split over prefixes of the words.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tables::AnswerReadout;

use crate::completion::Completion;
use crate::reading::{Reading, read};
use crate::settings::Sampling;

/// How one endpoint is asked and read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readout {
    /// What the probability is read from.
    pub source: Source,
    /// The name of the field that bounds the answer's length.
    pub token_limit: TokenLimit,
}

/// What a probability is read from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// The log-probabilities of the most probable first tokens.
    TopLogprobs {
        /// How many are asked for: 20 unless the server refuses that.
        n: u32,
    },
    /// The log-probabilities of these tokens of the model's vocabulary: the spellings of yes and no.
    TokenIds {
        /// The tokens.
        ids: Vec<u32>,
    },
    /// Sampled answers.
    Sample {
        /// How they are sampled.
        sampling: Sampling,
        /// How many of them one request may ask for.
        per_request: u32,
        /// Whether it refuses to be told a temperature, as OpenAI's reasoning models do. They sample at 1.
        refuses_temperature: bool,
    },
}

/// The field that bounds an answer's length: OpenAI's newer models refuse the older name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenLimit {
    /// `max_tokens`.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

impl TokenLimit {
    fn field(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// Raised when what is asked or how it is read changes, so that answers of both are never mixed.
const VERSION: u32 = 1;
/// As [`VERSION`], of sampled answers. 1 did not send a temperature of 1, and a server's own default may be another.
const SAMPLE_VERSION: u32 = 2;

/// The most first tokens that OpenAI and vLLM list; more is refused with status 400.
pub const MOST_TOP_LOGPROBS: u32 = 20;

impl Readout {
    /// The 20 most probable first tokens, as OpenAI, vLLM and llama-server list them.
    pub fn top_logprobs() -> Self {
        Self { source: Source::TopLogprobs { n: MOST_TOP_LOGPROBS }, token_limit: TokenLimit::default() }
    }

    /// Its name in the store. Answers that were asked or read in another way have another one.
    pub fn key(&self) -> String {
        match &self.source {
            Source::TopLogprobs { n: MOST_TOP_LOGPROBS } => format!("top_logprobs/{VERSION}"),
            Source::TopLogprobs { n } => format!("top_logprobs:{n}/{VERSION}"),
            Source::TokenIds { .. } => format!("token_ids/{VERSION}"),
            Source::Sample { sampling: Sampling { n, temperature, seed, max_tokens }, .. } => {
                format!("sample:n{n}:t{temperature}:s{seed}:m{max_tokens}/{SAMPLE_VERSION}")
            }
        }
    }

    /// Its word in the table of answers.
    pub fn word(&self) -> AnswerReadout {
        match self.source {
            Source::TopLogprobs { .. } => AnswerReadout::TopLogprobs,
            Source::TokenIds { .. } => AnswerReadout::TokenIds,
            Source::Sample { .. } => AnswerReadout::Sample,
        }
    }

    /// The ends of the requests' bodies: what [`requests`](Self::requests) asks for, without the object's opening brace.
    pub(crate) fn tails(&self) -> Vec<String> {
        let json = |fields| Value::Object(fields).to_string();
        self.requests().into_iter().map(|fields| json(fields).split_off(1)).collect()
    }

    /// Tokens that all answers to one question may have together.
    pub fn answer_tokens(&self) -> u64 {
        match self.source {
            Source::TopLogprobs { .. } | Source::TokenIds { .. } => 1,
            Source::Sample { sampling: Sampling { n, max_tokens, .. }, .. } => u64::from(n) * u64::from(max_tokens),
        }
    }

    /// What the requests for one question ask for besides the question: one JSON object each. There is one request,
    /// unless answers are sampled and the server gives fewer in one than are wanted.
    pub fn requests(&self) -> Vec<Map<String, Value>> {
        let limit = self.token_limit.field();
        let fields = match &self.source {
            Source::TopLogprobs { n } => {
                vec![json!({ limit: 1, "temperature": 0, "logprobs": true, "top_logprobs": n })]
            }
            Source::TokenIds { ids } => {
                vec![json!({ limit: 1, "temperature": 0, "logprobs": true, "logprob_token_ids": ids })]
            }
            Source::Sample { sampling, per_request, refuses_temperature } => {
                let Sampling { n, temperature, seed, max_tokens } = *sampling;
                let per_request = (*per_request).max(1);
                let request = |first: u32| {
                    let mut fields = json!({ limit: max_tokens, "seed": seed + u64::from(first) });
                    if !refuses_temperature {
                        fields["temperature"] = temperature.into();
                    }
                    if per_request > 1 {
                        fields["n"] = per_request.min(n - first).into();
                    }
                    fields
                };
                (0..n).step_by(per_request as usize).map(request).collect()
            }
        };
        fields
            .into_iter()
            .filter_map(|fields| if let Value::Object(fields) = fields { Some(fields) } else { None })
            .collect()
    }

    /// Reads the answers to [`requests`](Self::requests), put together by [`join`].
    ///
    /// # Errors
    /// Why nothing can be read; also if the answer has not the shape that this endpoint had when it was probed.
    pub fn read(&self, completion: &Completion) -> Result<Reading, String> {
        match (&self.source, completion) {
            (_, Completion::Refused) => read(completion),
            (Source::Sample { sampling, .. }, Completion::Texts(texts)) => match texts.len() {
                n if n == sampling.n as usize => read(completion),
                n => Err(format!("the server gave {n} answers, though {} were asked for", sampling.n)),
            },
            (Source::Sample { .. }, Completion::FirstToken(_)) => {
                Err("there are log-probabilities though none were asked for: probe this endpoint again".to_owned())
            }
            (_, Completion::Texts(_)) => {
                Err("the answer has no log-probabilities: the server or model does not give them".to_owned())
            }
            (Source::TopLogprobs { n }, Completion::FirstToken(tokens)) => match tokens.len() {
                0 | 1 => Err(format!("the answer lists no tokens beside the sampled one, though {n} were asked for")),
                _ => read(completion),
            },
            // The ids asked for, and the sampled token first if it is none of them; it stands before the list too.
            (Source::TokenIds { ids }, Completion::FirstToken(tokens)) => match tokens.len().saturating_sub(1) {
                listed if listed == ids.len() || listed == ids.len() + 1 => read(completion),
                listed => Err(format!(
                    "the answer lists {listed} tokens, not the {} of `logprob_token_ids`: the endpoint is not what it was \
                     when it was probed",
                    ids.len()
                )),
            },
        }
    }
}

/// Reads a stored completion again under the key of its readout: like [`Readout::read`], as far as the key tells the shape.
/// `was_read` says whether it could be read when it came.
///
/// # Errors
/// Why nothing can be read; also if it has not the shape of its readout.
pub fn read_again(key: &str, completion: &Completion, was_read: bool) -> Result<Reading, String> {
    match (word_of_key(key), completion) {
        (Some(_), Completion::Refused) | (Some(AnswerReadout::Sample), Completion::Texts(_)) => read(completion),
        (Some(AnswerReadout::TopLogprobs), Completion::FirstToken(tokens)) if tokens.len() > 1 => read(completion),
        // How many ids there were is not in the key.
        (Some(AnswerReadout::TokenIds), Completion::FirstToken(_)) if was_read => read(completion),
        _ => Err("it has not the shape of its readout".to_owned()),
    }
}

/// The completions of several requests for one question as one: their texts together.
pub fn join(completions: Vec<Completion>) -> Completion {
    let mut completions = completions;
    if completions.len() == 1
        && let Some(one) = completions.pop()
    {
        return one;
    }
    if completions.iter().all(|completion| *completion == Completion::Refused) {
        return Completion::Refused;
    }
    let mut all = Vec::new();
    for completion in completions {
        match completion {
            Completion::Refused => all.push(None),
            Completion::Texts(texts) => all.extend(texts),
            // Whatever was asked for, it was texts.
            first_token @ Completion::FirstToken(_) => return first_token,
        }
    }
    Completion::Texts(all)
}

/// The name under which an answer is kept that was asked for as another version of a readout asked, and read anew.
pub fn present_key(key: &str) -> String {
    let readout = key.rsplit_once('/').map_or(key, |(readout, _)| readout);
    format!("{readout}/{VERSION}")
}

/// The readout that a key of the store names.
pub fn word_of_key(key: &str) -> Option<AnswerReadout> {
    let word = key.split([':', '/']).next()?;
    word.parse().ok().filter(|readout| *readout != AnswerReadout::Import)
}

#[cfg(test)]
mod tests;
