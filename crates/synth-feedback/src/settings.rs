//! The `synth-feedback` section of the pipeline file.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::num::NonZeroU32;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sources::Sources;
use tables::{Bucket, Location, ScoreSource, VQ2};

use crate::api_key::ApiKey;
use crate::concurrency::Concurrency;
use crate::error::SynthFeedbackError;
use crate::image_form::{ImageLimits, LEAST_MAX_BYTES, LEAST_MAX_SIDE};
use crate::spending::{Limits, Prices};

/// Which questions are answered, by whom, and how answers become scores.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Questions about the image's quality, the same ones for every image. None: there are no quality attributes.
    pub quality: Option<Quality>,
    /// Whether the questions of `vq2-parse` are answered, and scored per bucket and as `vq2`.
    pub alignment: bool,
    /// A question with the whole prompt in it, as an attribute. None: it is not asked.
    pub vqascore: Option<VqaScore>,
    /// What is said after every question but VQAScore's, such as `Please answer yes or no.` None: nothing. Paper: nothing.
    pub instruction: Option<String>,
    /// The VLM that is asked. None: no VLM is asked, unless `endpoints` names some.
    pub endpoint: Option<Endpoint>,
    /// Several of them instead: those of one model share its questions, every model is asked them all. The scores are
    /// those of the first model.
    pub endpoints: Option<Vec<Endpoint>>,
    /// Answers that someone else collected. None: there are none.
    pub import: Option<Import>,
    /// Aspects of `preferences` that are taken as attributes: their mean human rating becomes the score.
    pub human: Option<Vec<String>>,
    /// What a question without an answer counts as.
    pub missing_answer: MissingAnswer,
    /// The model whose answers make the scores; the first one if it is not said. Answers of others are only listed.
    pub score_model: Option<String>,
    /// Where answers are kept for good; pipelines that name the same place share them. None: `store` in the data root.
    pub store: Option<Location>,
}

/// The quality questions.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// The attributes. Paper: eight (§5.1, Table 1).
    pub attributes: Vec<String>,
    /// What is asked, with `{attribute}` in the attribute's place. Paper: `is the image {attribute}` (App. B.5.1).
    pub question: String,
    /// What is asked instead about some of the attributes, by attribute; `{attribute}` stands for it here too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub questions: BTreeMap<String, String>,
}

/// The question of VQAScore (Lin et al. 2024) about every image: does it show its prompt? Its score is the probability of
/// "yes" among all first tokens, not divided by P(yes) + P(no).
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct VqaScore {
    /// The attribute's name.
    pub attribute: String,
    /// What is asked, with `{prompt}` in the prompt's place. Lin et al.: `Does this figure show "{prompt}"? Please answer
    /// yes or no.`
    pub question: String,
}

impl VqaScore {
    /// The question about one prompt's images.
    pub fn query(&self, prompt: &str) -> String {
        self.question.replace(PROMPT, prompt)
    }
}

impl Quality {
    /// The question about one attribute.
    pub fn query(&self, attribute: &str) -> String {
        self.questions.get(attribute).unwrap_or(&self.question).replace(ATTRIBUTE, attribute)
    }
}

/// An OpenAI-compatible chat-completions server that takes images and gives log-probabilities.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its URL up to `/v1`. `{port}` stands for the free port that `serve` is started on.
    pub base_url: String,
    /// The model's name, as the server knows it.
    pub model: String,
    /// A server to start for as long as the stage asks. `{port}` in an argument is replaced; the program `finegrain` is
    /// this one.
    pub serve: Option<Vec<String>>,
    /// How long the started server may take until it is healthy, in seconds; 60 if it is not said.
    pub serve_timeout_seconds: Option<f64>,
    /// The environment variable that holds the API key, if the server wants one.
    pub api_key_env: Option<String>,
    /// How many requests are under way at once: a number, `auto` (what it can take is found out), or bounds for that.
    #[serde(default)]
    pub concurrency: Concurrency,
    /// How long one request may take, in seconds; 60 if it is not said.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: f64,
    /// How long one question may take with all its attempts and the waits between them, in seconds; ten timeouts if it is
    /// not said.
    pub deadline_seconds: Option<f64>,
    /// How often a question is tried before it is an `error`; 6 if it is not said.
    #[serde(default = "default_max_attempts")]
    pub max_attempts: u32,
    /// How the probability of "yes" is read; `auto` if it is not said: the best way that the endpoint has.
    #[serde(default)]
    pub readout: WantedReadout,
    /// How answers are sampled where the endpoint gives no log-probabilities. None: such an endpoint is an error.
    pub sample: Option<Sampling>,
    /// Whether answers of this model that were read in another way may stand in the same table.
    #[serde(default)]
    pub allow_mixed_readouts: bool,
    /// Requests a minute that it may be sent. None: any number.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens a minute, of questions and answers, as it counts them. None: any number.
    pub tokens_per_minute: Option<NonZeroU32>,
    /// How large a picture may be when it is sent. None: it is sent as it is.
    pub image: Option<ImageLimits>,
    /// Its share of the pictures where several endpoints serve one model; 1 if it is not said.
    pub weight: Option<f64>,
    /// Which of the models of this name it is: part of an answer's name in the store, so that another checkpoint or
    /// quantisation that is served under the same name is asked anew. Any text; none is a text of its own.
    pub model_revision: Option<String>,
    /// What it charges. None: `plan` shows requests and tokens only.
    pub prices: Option<Prices>,
    /// Tokens of one picture, for `plan` while no answer of this model has told; none: not known.
    pub image_tokens: Option<u64>,
    /// Requests that one run may send to this model, retries included, the probe's few not. A run that would send more stops; what it asked is kept.
    pub max_requests: Option<u64>,
    /// What one run may spend on this model, in the currency of `prices`; counted as `max_requests` is.
    pub max_cost: Option<f64>,
}

fn default_timeout_seconds() -> f64 {
    60.0
}

fn default_max_attempts() -> u32 {
    6
}

/// How the probability of "yes" is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WantedReadout {
    /// What a probe of the endpoint finds first of: token_ids, top_logprobs, sample.
    #[default]
    Auto,
    /// From the log-probabilities of the 20 most probable first tokens; there is no probe.
    TopLogprobs,
    /// From the log-probabilities of the tokens that spell yes and no (vLLM).
    TokenIds,
    /// From sampled answers.
    Sample,
}

impl WantedReadout {
    /// The word in the pipeline file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::TopLogprobs => "top_logprobs",
            Self::TokenIds => "token_ids",
            Self::Sample => "sample",
        }
    }
}

/// How several answers to one question are sampled.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// How many.
    pub n: u32,
    /// The sampling temperature; above 0, or all answers are the same.
    pub temperature: f64,
    /// The seed of the first; the next ones count up from it.
    pub seed: u64,
    /// How many tokens an answer may have, a reasoning model's thoughts included.
    pub max_tokens: u32,
}

/// Answers from files.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// The files, by the names that the SQL selects from.
    pub sources: Sources,
    /// Who gave the answers: the `model` of the table.
    pub model: String,
    /// A SELECT that gives `image_id`, `question_id`, and `answer` (yes, no or blank) or `p_yes` (a number in [0, 1]);
    /// `kind` too if there are quality answers.
    pub answers: String,
}

/// What a question whose answer was refused, or neither yes nor no, counts as in a mean. In the file: `null` or `no`.
/// A failed call (`error`) and a question that an import does not ask count in neither case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingAnswer {
    /// It does not count: the mean is over the answered questions, and null if there is none.
    Null,
    /// It counts as a yes-probability of 0, as the paper's tools had it.
    No,
}

const ATTRIBUTE: &str = "{attribute}";
const PROMPT: &str = "{prompt}";
/// Stands for the free port in `base_url` and in the arguments of `serve`.
pub(crate) const PORT: &str = "{port}";

impl Settings {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`SynthFeedbackError::Setting`] naming the key and what to write instead.
    pub fn validate(&self) -> Result<(), SynthFeedbackError> {
        self.validate_endpoints()?;
        let models = self.models();
        let answered = !models.is_empty() || self.import.is_some();
        if self.alignment && !answered {
            return Err(wrong("alignment", "nobody answers the questions: set `endpoint` or `import`, or `false`"));
        }
        if self.quality.is_some() && !answered {
            return Err(wrong("quality", "nobody answers the questions: set `endpoint` or `import`, or leave it out"));
        }
        if self.vqascore.is_some() && models.is_empty() {
            return Err(wrong("vqascore", "nobody answers the question: set `endpoint`, or leave it out"));
        }
        if answered && !self.alignment && self.quality.is_none() && self.vqascore.is_none() {
            return Err(wrong("endpoint", "there is nothing to ask: set `quality` or `alignment: true`"));
        }
        if self.instruction.as_ref().is_some_and(|instruction| instruction.trim().is_empty()) {
            return Err(wrong("instruction", "it is empty; leave it out instead"));
        }
        self.quality.as_ref().map_or(Ok(()), Quality::validate)?;
        if let Some(vqascore) = &self.vqascore {
            let quality = self.quality.as_ref().map_or(&[][..], |quality| &quality.attributes);
            vqascore.validate(quality)?;
        }
        if let Some(import) = &self.import {
            if import.model.trim().is_empty() {
                return Err(wrong("import.model", "it is empty: name who gave the answers"));
            }
            if models.iter().any(|model| model.name == import.model) {
                return Err(wrong("import.model", "it is the endpoint's model too: two answers would have one name"));
            }
        }
        let human = self.human.as_deref().unwrap_or_default();
        if let Some(twice) = first_repeated(human) {
            return Err(wrong("human", format!("`{twice}` is listed twice")));
        }
        Ok(())
    }
}

/// A model and the endpoints that serve it, in the order of the pipeline file.
#[derive(Debug, Clone)]
pub struct Model<'a> {
    /// Its name.
    pub name: &'a str,
    /// At least one.
    pub endpoints: Vec<&'a Endpoint>,
}

impl Model<'_> {
    /// How large its pictures may be, at every endpoint.
    pub fn image(&self) -> ImageLimits {
        self.endpoints[0].image.unwrap_or_default()
    }

    /// What it charges, at every endpoint.
    pub fn prices(&self) -> Prices {
        self.endpoints[0].prices.clone().unwrap_or_default()
    }

    /// What one run may spend on it.
    pub fn limits(&self) -> Limits {
        self.endpoints[0].limits()
    }
}

impl Settings {
    /// The models that are asked, with their endpoints.
    pub fn models(&self) -> Vec<Model<'_>> {
        let mut models: Vec<Model<'_>> = Vec::new();
        for endpoint in self.endpoint.iter().chain(self.endpoints.iter().flatten()) {
            match models.iter_mut().find(|model| model.name == endpoint.model) {
                Some(model) => model.endpoints.push(endpoint),
                None => models.push(Model { name: &endpoint.model, endpoints: vec![endpoint] }),
            }
        }
        models
    }

    /// The attributes that a source gives scores of.
    pub fn scored_attributes(&self, source: ScoreSource) -> BTreeSet<&str> {
        let of_images = || {
            let quality = self.quality.iter().flat_map(|quality| &quality.attributes).map(String::as_str);
            let alignment = Bucket::ALL.iter().map(|bucket| bucket.as_str()).chain([VQ2]).filter(|_| self.alignment);
            quality.chain(alignment)
        };
        match source {
            ScoreSource::Human => self.human.iter().flatten().map(String::as_str).collect(),
            ScoreSource::Import if self.import.is_some() => of_images().collect(),
            ScoreSource::Vlm if !self.models().is_empty() => {
                of_images().chain(self.vqascore.iter().map(|vqascore| vqascore.attribute.as_str())).collect()
            }
            ScoreSource::Import | ScoreSource::Vlm => BTreeSet::new(),
        }
    }

    /// The model whose answers make the scores, if any model is asked.
    pub fn score_model(&self) -> Option<&str> {
        self.score_model.as_deref().or_else(|| self.models().first().map(|model| model.name))
    }

    fn validate_endpoints(&self) -> Result<(), SynthFeedbackError> {
        if self.endpoint.is_some() && self.endpoints.is_some() {
            return Err(wrong("endpoints", "there is `endpoint` too: list that one here as well, and take it out"));
        }
        if self.endpoints.as_ref().is_some_and(Vec::is_empty) {
            return Err(wrong("endpoints", "the list is empty; leave it out instead"));
        }
        let models = self.models();
        if let Some(name) = self.score_model.as_ref().filter(|name| models.iter().all(|model| model.name != *name)) {
            return Err(wrong("score_model", format!("`{name}` is no model of an endpoint")));
        }
        for model in models {
            let first = model.endpoints[0];
            for (at, endpoint) in model.endpoints.iter().enumerate() {
                endpoint.validate()?;
                // One answer must not depend on which of them gave it, and one budget is kept for all.
                let same = endpoint.image.unwrap_or_default() == model.image()
                    && endpoint.model_revision == first.model_revision
                    && (endpoint.readout, endpoint.sample) == (first.readout, first.sample)
                    && endpoint.allow_mixed_readouts == first.allow_mixed_readouts
                    && endpoint.prices == first.prices
                    && endpoint.image_tokens == first.image_tokens
                    && endpoint.limits() == first.limits();
                if !same {
                    let problem = format!(
                        "the endpoints of `{}` differ in `image`, `model_revision`, a readout, `prices`, `image_tokens` or a limit",
                        model.name
                    );
                    return Err(wrong("endpoints", problem));
                }
                let twice = |other: &&Endpoint| other.serve.is_none() && other.base_url == endpoint.base_url;
                if endpoint.serve.is_none() && model.endpoints[..at].iter().any(twice) {
                    return Err(wrong("endpoints", format!("`{}` is listed twice for one model", endpoint.base_url)));
                }
            }
        }
        Ok(())
    }
}

impl Quality {
    fn validate(&self) -> Result<(), SynthFeedbackError> {
        if self.attributes.is_empty() {
            return Err(wrong("quality.attributes", "the list is empty; leave `quality` out instead"));
        }
        if let Some(twice) = first_repeated(&self.attributes) {
            return Err(wrong("quality.attributes", format!("`{twice}` is listed twice")));
        }
        if let Some(name) = self.attributes.iter().find(|name| is_taken(name)) {
            return Err(wrong("quality.attributes", format!("`{name}` is empty or the name of an alignment score")));
        }
        if !self.question.contains(ATTRIBUTE) {
            return Err(wrong("quality.question", "it must contain `{attribute}`"));
        }
        if let Some(name) = self.questions.keys().find(|name| !self.attributes.contains(name)) {
            return Err(wrong("quality.questions", format!("`{name}` is not among `quality.attributes`")));
        }
        if let Some((name, _)) = self.questions.iter().find(|(_, question)| question.trim().is_empty()) {
            return Err(wrong("quality.questions", format!("the question about `{name}` is empty")));
        }
        Ok(())
    }
}

impl VqaScore {
    fn validate(&self, quality: &[String]) -> Result<(), SynthFeedbackError> {
        if is_taken(&self.attribute) || quality.contains(&self.attribute) {
            let problem = format!("`{}` is empty or the name of another score", self.attribute);
            return Err(wrong("vqascore.attribute", problem));
        }
        if !self.question.contains(PROMPT) {
            return Err(wrong("vqascore.question", "it must contain `{prompt}`"));
        }
        Ok(())
    }
}

impl Sampling {
    fn validate(self) -> Result<(), SynthFeedbackError> {
        if !(1..=1_000).contains(&self.n) {
            return Err(wrong("endpoint.sample.n", "it must be from 1 to 1000"));
        }
        if !(self.temperature > 0.0 && self.temperature <= 2.0) {
            return Err(wrong("endpoint.sample.temperature", "it must be above 0 and at most 2"));
        }
        if self.max_tokens == 0 {
            return Err(wrong("endpoint.sample.max_tokens", "it must be at least 1"));
        }
        // JSON numbers are exact up to here on every server; the last draw has the largest seed.
        if self.seed > (1 << 31) {
            return Err(wrong("endpoint.sample.seed", "it must be at most 2147483648"));
        }
        Ok(())
    }
}

/// Whether a name means something else in `attribute_scores`.
fn is_taken(name: &str) -> bool {
    name.trim().is_empty() || name == VQ2 || Bucket::ALL.iter().any(|bucket| bucket.as_str() == name)
}

impl Endpoint {
    /// Its API key, if it wants one.
    ///
    /// # Errors
    /// [`SynthFeedbackError::Setting`] if the environment variable holds none.
    pub fn api_key(&self) -> Result<Option<ApiKey>, SynthFeedbackError> {
        self.api_key_env.as_deref().map(ApiKey::from_environment).transpose()
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`SynthFeedbackError::Setting`] naming the key.
    pub fn validate(&self) -> Result<(), SynthFeedbackError> {
        let with_port = self.base_url.contains(PORT);
        if with_port && self.serve.is_none() {
            return Err(wrong(
                "endpoint.base_url",
                "`{port}` is the port of a server that `serve` starts; there is none",
            ));
        }
        let parsed = url::Url::parse(&self.base_url.replace(PORT, "1"))
            .map_err(|error| wrong("endpoint.base_url", format!("it is no URL: {error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            return Err(wrong("endpoint.base_url", "it must start with http:// or https:// and name a host"));
        }
        // What is in the URL ends in messages.
        if !parsed.username().is_empty() || parsed.password().is_some() || parsed.query().is_some() {
            return Err(wrong("endpoint.base_url", "it carries a user, password or query: put keys in `api_key_env`"));
        }
        if self.model.trim().is_empty() {
            return Err(wrong("endpoint.model", "it is empty"));
        }
        if self.serve.as_ref().is_some_and(|command| command.first().is_none_or(String::is_empty)) {
            return Err(wrong("endpoint.serve", "it names no program"));
        }
        if self.api_key_env.as_deref() == Some("") {
            return Err(wrong("endpoint.api_key_env", "it names no environment variable"));
        }
        self.sample.map_or(Ok(()), Sampling::validate)?;
        if self.readout == WantedReadout::Sample && self.sample.is_none() {
            return Err(wrong(
                "endpoint.sample",
                "`readout: sample` needs `{ n, temperature, seed, max_tokens }` here",
            ));
        }
        let Concurrency { min, max } = self.concurrency;
        if min == 0 || min > max {
            return Err(wrong("endpoint.concurrency", "it must be at least 1, and `max` no less than `min`"));
        }
        // Each is a connection of its own, and a system has so many.
        if max > 4_096 {
            return Err(wrong("endpoint.concurrency", "it must be at most 4096"));
        }
        if self.weight.is_some_and(|weight| !(weight > 0.0 && weight <= 1e6)) {
            return Err(wrong("endpoint.weight", "it must be above 0 and at most 1000000"));
        }
        let image = self.image.unwrap_or_default();
        if image.max_bytes.is_some_and(|bytes| bytes < LEAST_MAX_BYTES) {
            return Err(wrong("endpoint.image.max_bytes", format!("it must be at least {LEAST_MAX_BYTES}")));
        }
        if image.max_side.is_some_and(|side| side < LEAST_MAX_SIDE) {
            return Err(wrong("endpoint.image.max_side", format!("it must be at least {LEAST_MAX_SIDE}")));
        }
        if self.max_attempts == 0 {
            return Err(wrong("endpoint.max_attempts", "it must be at least 1"));
        }
        let timeouts = [
            ("endpoint.timeout_seconds", Some(self.timeout_seconds)),
            ("endpoint.serve_timeout_seconds", self.serve_timeout_seconds),
            ("endpoint.deadline_seconds", self.deadline_seconds),
        ];
        for (key, seconds) in timeouts {
            // A week; more does not fit every clock.
            if seconds.is_some_and(|seconds| !(seconds > 0.0 && seconds <= 604_800.0)) {
                return Err(wrong(key, "it must be above 0 and at most 604800 seconds"));
            }
        }
        self.validate_money()
    }

    fn validate_money(&self) -> Result<(), SynthFeedbackError> {
        if let Some((key, price)) = self.prices.as_ref().and_then(Prices::wrong) {
            return Err(wrong(key, format!("{price} is no price: it must be 0 or more")));
        }
        if self.max_requests == Some(0) {
            return Err(wrong("endpoint.max_requests", "it must be at least 1"));
        }
        if self.max_cost.is_some_and(|max_cost| !(max_cost > 0.0 && max_cost.is_finite())) {
            return Err(wrong("endpoint.max_cost", "it must be above 0"));
        }
        if self.max_cost.is_some() && self.prices.is_none() {
            return Err(wrong("endpoint.max_cost", "nothing has a price: set `prices` too, or `max_requests`"));
        }
        if self.model_revision.as_deref().is_some_and(|revision| revision.trim().is_empty()) {
            return Err(wrong("endpoint.model_revision", "it is empty; leave it out instead"));
        }
        Ok(())
    }

    /// What one run may spend.
    pub fn limits(&self) -> Limits {
        Limits { max_requests: self.max_requests, max_cost: self.max_cost }
    }
}

fn wrong(key: &'static str, problem: impl Into<String>) -> SynthFeedbackError {
    SynthFeedbackError::Setting { key, problem: problem.into() }
}

fn first_repeated(names: &[String]) -> Option<&String> {
    let mut seen = HashSet::new();
    names.iter().find(|name| !seen.insert(*name))
}

impl<'de> Deserialize<'de> for MissingAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = MissingAnswer;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`null` or `no`")
            }
            fn visit_unit<E>(self) -> Result<MissingAnswer, E> {
                Ok(MissingAnswer::Null)
            }
            fn visit_none<E>(self) -> Result<MissingAnswer, E> {
                Ok(MissingAnswer::Null)
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<MissingAnswer, E> {
                match word {
                    "null" => Ok(MissingAnswer::Null),
                    "no" => Ok(MissingAnswer::No),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }
            // YAML 1.1 reads `no` as false.
            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<MissingAnswer, E> {
                if value { Err(E::invalid_value(Unexpected::Bool(value), &self)) } else { Ok(MissingAnswer::No) }
            }
        }
        deserializer.deserialize_any(Word)
    }
}

impl Serialize for MissingAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::No => serializer.serialize_str("no"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "
quality: { attributes: [bright, funny], question: 'is the image {attribute}' }
alignment: true
endpoint:
  base_url: http://127.0.0.1:{port}/v1
  model: demo-vlm
  serve: [finegrain, demo-vlm, --port, '{port}']
  concurrency: 32
  timeout_seconds: 60
  max_attempts: 6
missing_answer: null
";

    fn parsed(yaml: &str) -> Result<Settings, String> {
        let settings: Settings = serde_yaml::from_str(yaml).map_err(|error| error.to_string())?;
        settings.validate().map_err(|error| error.to_string())?;
        Ok(settings)
    }

    fn with(from: &str, to: &str) -> Result<Settings, String> {
        assert!(WHOLE.contains(from), "{from}");
        parsed(&WHOLE.replace(from, to))
    }

    #[test]
    fn the_default_pipeline_file_is_read() {
        let file: serde_yaml::Value = serde_yaml::from_str(include_str!("../../../pipeline.yaml")).unwrap();
        let settings: Settings = serde_yaml::from_value(file["synth-feedback"].clone()).unwrap();
        settings.validate().unwrap();
        assert_eq!(settings.quality.as_ref().unwrap().query("visually compelling"), "is the image visually compelling");
        assert_eq!(settings.endpoint.unwrap().concurrency, Concurrency::default());
        assert_eq!(settings.missing_answer, MissingAnswer::Null);
    }

    #[test]
    fn missing_answer_is_null_or_no_and_must_be_said() {
        assert_eq!(parsed(WHOLE).unwrap().missing_answer, MissingAnswer::Null);
        for no in ["no", "'no'", "\"no\""] {
            let settings = with("missing_answer: null", &format!("missing_answer: {no}")).unwrap();
            assert_eq!(settings.missing_answer, MissingAnswer::No, "{no}");
        }
        assert_eq!(with("missing_answer: null", "missing_answer: ~").unwrap().missing_answer, MissingAnswer::Null);
        assert!(with("missing_answer: null", "missing_answer: yes").unwrap_err().contains("`null` or `no`"));
        assert!(with("missing_answer: null", "missing_answer: 0").unwrap_err().contains("`null` or `no`"));
        assert!(with("missing_answer: null", "").unwrap_err().contains("missing field `missing_answer`"));
        let json = |settings: &Settings| serde_json::to_value(settings.missing_answer).unwrap();
        assert_eq!(json(&parsed(WHOLE).unwrap()), serde_json::Value::Null);
        let from_json: MissingAnswer = serde_json::from_str("null").unwrap();
        assert_eq!(from_json, MissingAnswer::Null);
    }

    #[test]
    fn each_attribute_may_have_a_question_of_its_own_and_vqascore_asks_for_the_whole_prompt() {
        let questions = "{attribute}', questions: { funny: 'would people laugh at this image ({attribute})?' } }";
        let quality = with("{attribute}' }", questions).unwrap().quality.unwrap();
        assert_eq!(quality.query("bright"), "is the image bright");
        assert_eq!(quality.query("funny"), "would people laugh at this image (funny)?");
        let vqascore = VqaScore { attribute: "vqascore".into(), question: "does it show \"{prompt}\"?".into() };
        assert_eq!(vqascore.query("a {prompt}"), "does it show \"a {prompt}\"?");
    }

    #[test]
    fn the_readout_is_auto_unless_it_is_said() {
        assert_eq!(parsed(WHOLE).unwrap().endpoint.unwrap().readout, WantedReadout::Auto);
        for wanted in ["auto", "top_logprobs", "token_ids"] {
            let endpoint = with("max_attempts: 6", &format!("max_attempts: 6\n  readout: {wanted}")).unwrap().endpoint;
            assert_eq!(endpoint.unwrap().readout.as_str(), wanted);
        }
    }

    #[test]
    fn a_misspelt_key_lists_the_known_ones() {
        let error = with("concurrency", "concurency").unwrap_err();
        assert!(error.contains("unknown field `concurency`") && error.contains("`concurrency`"), "{error}");
        assert!(with("alignment", "aligned").unwrap_err().contains("`alignment`"));
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_key() {
        let refused = |from: &str, to: &str, key: &str| {
            let error = with(from, to).unwrap_err();
            assert!(error.contains(key), "{to}: {error}");
        };
        refused("[bright, funny]", "[]", "quality.attributes");
        refused("[bright, funny]", "[bright, bright]", "`bright` is listed twice");
        refused("[bright, funny]", "[noun]", "`noun`");
        refused("[bright, funny]", "[vq2]", "`vq2`");
        refused("image {attribute}", "image bright", "quality.question");
        refused("http://127.0.0.1:{port}/v1", "127.0.0.1/v1", "endpoint.base_url");
        refused("http://127.0.0.1:{port}/v1", "ftp://host/v1", "endpoint.base_url");
        refused("  serve: [finegrain, demo-vlm, --port, '{port}']\n", "", "there is none");
        refused("[finegrain, demo-vlm, --port, '{port}']", "[]", "endpoint.serve");
        refused("concurrency: 32", "concurrency: 0", "endpoint.concurrency");
        refused("max_attempts: 6", "max_attempts: 0", "endpoint.max_attempts");
        refused("timeout_seconds: 60", "timeout_seconds: 0", "endpoint.timeout_seconds");
        refused("timeout_seconds: 60", "timeout_seconds: .nan", "endpoint.timeout_seconds");
        refused("timeout_seconds: 60", "timeout_seconds: 1e300", "endpoint.timeout_seconds");
        refused("model: demo-vlm", "model: ' '", "endpoint.model");
        let money = |lines: &str| format!("max_attempts: 6\n  {lines}");
        refused("max_attempts: 6", &money("max_requests: 0"), "endpoint.max_requests");
        refused("max_attempts: 6", &money("max_cost: 5"), "set `prices`");
        refused("max_attempts: 6", &money("prices: { per_request: 1 }\n  max_cost: 0"), "endpoint.max_cost");
        refused("max_attempts: 6", &money("prices: { per_image: -1 }"), "endpoint.prices.per_image");
        refused("max_attempts: 6", &money("prices: { per_iamge: 1 }"), "`per_iamge`");
        refused("max_attempts: 6", &money("model_revision: ''"), "endpoint.model_revision");
        with("max_attempts: 6", &money("prices: { per_image: 0.01, currency: EUR }\n  max_cost: 2.5")).unwrap();
        refused("missing_answer", "human: [realism, realism]\nmissing_answer", "human");
        refused("missing_answer", "instruction: ' '\nmissing_answer", "instruction");
        refused("missing_answer", "vqascore: { attribute: bright, question: '{prompt}?' }\nmissing_answer", "`bright`");
        refused("missing_answer", "vqascore: { attribute: v, question: 'is it?' }\nmissing_answer", "`{prompt}`");
        refused("{attribute}' }", "{attribute}', questions: { dark: is it dark } }", "`dark`");
        refused("{attribute}' }", "{attribute}', questions: { bright: '' } }", "quality.questions");
        refused("max_attempts: 6", "max_attempts: 6\n  readout: sample", "endpoint.sample");
        refused("max_attempts: 6", "max_attempts: 6\n  readout: logits", "unknown variant `logits`");
        let sample = |what: &str| format!("max_attempts: 6\n  sample: {{ {what} }}");
        refused("max_attempts: 6", &sample("n: 0, temperature: 1, seed: 0, max_tokens: 8"), "endpoint.sample.n");
        refused("max_attempts: 6", &sample("n: 9, temperature: 0, seed: 0, max_tokens: 8"), "sample.temperature");
        refused("max_attempts: 6", &sample("n: 9, temperature: 1, seed: 0, max_tokens: 0"), "sample.max_tokens");
        refused("max_attempts: 6", &sample("n: 9, temperature: 1, max_tokens: 8"), "missing field `seed`");
        refused(
            "missing_answer",
            "import: { sources: { a: a.csv }, model: demo-vlm, answers: SELECT 1 }\nmissing_answer",
            "import.model",
        );
        let nobody = "alignment: true\nmissing_answer: null\n";
        assert!(parsed(nobody).unwrap_err().contains("nobody answers"));
        let people_only = parsed("alignment: false\nhuman: [realism]\nmissing_answer: null\n").unwrap();
        assert_eq!(people_only.human.unwrap(), ["realism"]);
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_repeated() {
        let error = with("http://127.0.0.1:{port}/v1", "http://me:s3cret@host/v1").unwrap_err();
        assert!(error.contains("api_key_env") && !error.contains("s3cret"), "{error}");
    }
}
