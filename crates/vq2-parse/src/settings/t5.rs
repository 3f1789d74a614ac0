//! The block `t5` of the section `vq2-parse`.
//!
//! Every number that changes a question stands here, so none has a default.

use serde::{Deserialize, Serialize};
use tables::Location;

/// Where to compute; only a program with LibTorch knows devices.
#[cfg(feature = "t5")]
pub type Device = torch_device::DeviceSetting;
/// Where to compute; only a program with LibTorch knows devices.
#[cfg(not(feature = "t5"))]
pub type Device = String;

/// VQ²'s own way: candidates from the prompt, a question for each by T5, a question-answering model that must agree.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct T5Settings {
    /// Where to compute. CPU and CUDA differ in the last digits.
    pub device: Device,
    /// Sequences (inputs × beams or samples) that go through a network together; bounds the memory (on a CPU each
    /// core has as many). Rounding depends
    /// on it in the last digits.
    pub batch_size: usize,
    /// Which parts of a prompt become answers, in this order; of equal texts the first stays. VQ²: entities, noun_chunks.
    pub candidates: Vec<CandidateKind>,
    /// The folder with the question generator's `config.json`, `model.safetensors` and `spiece.model`.
    pub question_generation: Location,
    /// Longer inputs are cut at their end. T5 was trained on 512 tokens.
    pub max_input_tokens: usize,
    /// Questions stop here at the latest. VQ²: 127 (`max_length` 128 counts the start token).
    pub max_new_tokens: usize,
    /// How a question is read off the model's probabilities.
    pub decoding: Decoding,
    /// Which questions stay.
    pub filter: Filter,
}

/// A kind of answer candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateKind {
    /// Names, numbers, passages in quotation marks.
    Entities,
    /// Noun phrases with their articles and adjectives, as they stand: "a black apple".
    NounChunks,
    /// Adjectives: "black".
    Adjectives,
    /// Verbs and participles: "resting".
    Verbs,
    /// Prepositions with the noun phrase after them: "on the chair".
    Relations,
}

/// How a question is read off the model's probabilities. As in `transformers`' `generate`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decoding {
    /// The likeliest token each time: one question a candidate.
    Greedy {
        /// No run of this many tokens twice; 0 allows all.
        no_repeat_ngram_size: usize,
    },
    /// Beam search: the `keep` best questions a candidate.
    Beams {
        /// Partial questions that are kept at each token.
        num_beams: usize,
        /// Questions that are returned, at most `num_beams`.
        keep: usize,
        /// A question's score is its log-probability over its length to this power.
        length_penalty: f64,
        /// Stop at `num_beams` whole questions, even if a longer one could still score better.
        early_stopping: bool,
        /// No run of this many tokens twice; 0 allows all.
        no_repeat_ngram_size: usize,
    },
    /// Draws from the likeliest tokens. VQ²'s released code: `top_k` 50, `top_p` 0.95, `temperature` 1, `n` 5.
    Sample {
        /// Only this many of the likeliest tokens; 0 is no limit.
        top_k: usize,
        /// Only the likeliest tokens whose probabilities reach this sum, in (0, 1].
        top_p: f64,
        /// Divides the logits, above 0.
        temperature: f64,
        /// Questions a candidate.
        n: usize,
        /// Start of the random numbers. A prompt's questions depend on it, the prompt and the candidate alone.
        seed: u64,
    },
}

/// Which questions stay: those that a question-answering model answers from the prompt as it should.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Filter {
    /// All. VQ²'s released code.
    None {},
    /// The answer shares words with the candidate: token F1 above the threshold (TIFA: 0.6, VQ2A: 0.54).
    TokenF1 {
        /// In [0, 1); an F1 of exactly this is dropped.
        threshold: f64,
        /// The model that answers.
        question_answering: QuestionAnsweringSettings,
    },
    /// The answer equals the candidate after Q²'s cleaning (case, punctuation, a, an, the, in, our).
    #[serde(rename = "q2_equality")]
    Q2Equality {
        /// The model that answers.
        question_answering: QuestionAnsweringSettings,
    },
}

/// An extractive question-answering model, read as `transformers`' `question-answering` pipeline does.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionAnsweringSettings {
    /// The folder with `config.json`, `model.safetensors`, `vocab.txt` and `tokenizer_config.json`.
    pub folder: Location,
    /// Tokens of question and prompt together; a longer prompt is read in pieces. The pipeline's own: 384.
    pub max_tokens: usize,
    /// Tokens that neighbouring pieces share. The pipeline's own: 128.
    pub stride: usize,
    /// Tokens of the longest answer. The pipeline's own: 15.
    pub max_answer_tokens: usize,
    /// Whether the model may say that there is no answer, which drops the question. For models trained on SQuAD 2.
    pub no_answer: bool,
}

impl Filter {
    /// The model that answers, if one is asked.
    pub fn question_answering(&self) -> Option<&QuestionAnsweringSettings> {
        match self {
            Self::None {} => None,
            Self::TokenF1 { question_answering, .. } | Self::Q2Equality { question_answering } => {
                Some(question_answering)
            }
        }
    }
}

/// A setting out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`vq2-parse.t5.{setting}`: {problem}")]
pub struct BadT5Setting {
    /// The key.
    pub setting: &'static str,
    /// What is wrong with it, and what would do.
    pub problem: String,
}

impl T5Settings {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`BadT5Setting`] names the first key out of its range.
    pub fn validate(&self) -> Result<(), BadT5Setting> {
        let bad = |setting, problem: &str| Err(BadT5Setting { setting, problem: problem.to_owned() });
        if self.candidates.is_empty() {
            return bad("candidates", "is empty, so that no question would be asked; VQ²: [entities, noun_chunks]");
        }
        at_least("batch_size", self.batch_size, 1)?;
        at_least("max_new_tokens", self.max_new_tokens, 1)?;
        at_least("max_input_tokens", self.max_input_tokens, 16)?;
        match self.decoding {
            Decoding::Greedy { .. } => {}
            Decoding::Beams { num_beams, keep, length_penalty, .. } => {
                at_least("decoding.num_beams", num_beams, 1)?;
                if !(1..=num_beams).contains(&keep) {
                    return bad("decoding.keep", "must be from 1 to `num_beams`");
                }
                if !length_penalty.is_finite() {
                    return bad("decoding.length_penalty", "must be a finite number");
                }
            }
            Decoding::Sample { top_p, temperature, n, .. } => {
                at_least("decoding.n", n, 1)?;
                if !(top_p > 0.0 && top_p <= 1.0) {
                    return bad("decoding.top_p", "must be above 0 and at most 1");
                }
                if !(temperature > 0.0 && temperature.is_finite()) {
                    return bad("decoding.temperature", "must be above 0; for the likeliest token take `kind: greedy`");
                }
            }
        }
        if let Filter::TokenF1 { threshold, .. } = self.filter
            && !(0.0..1.0).contains(&threshold)
        {
            return bad("filter.threshold", "must be from 0 to below 1: an F1 above it keeps the question");
        }
        if let Some(answering) = self.filter.question_answering() {
            at_least("filter.question_answering.max_tokens", answering.max_tokens, 8)?;
            at_least("filter.question_answering.max_answer_tokens", answering.max_answer_tokens, 1)?;
        }
        Ok(())
    }
}

fn at_least(setting: &'static str, value: usize, least: usize) -> Result<(), BadT5Setting> {
    if value < least {
        return Err(BadT5Setting { setting, problem: format!("must be at least {least}") });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(decoding: &str, filter: &str) -> Result<T5Settings, String> {
        let text = format!(
            r#"{{"device": "cpu", "batch_size": 16, "candidates": ["entities", "noun_chunks"], "max_input_tokens": 512,
                "question_generation": "weights/qg", "max_new_tokens": 127, "decoding": {decoding}, "filter": {filter}}}"#
        );
        let settings: T5Settings = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        settings.validate().map_err(|error| error.to_string())?;
        Ok(settings)
    }

    const NONE: &str = r#"{"kind": "none"}"#;
    const GREEDY: &str = r#"{"kind": "greedy", "no_repeat_ngram_size": 0}"#;

    #[test]
    fn every_decoding_and_filter_reads_from_the_pipeline_file() {
        for decoding in [
            GREEDY,
            r#"{"kind": "beams", "num_beams": 5, "keep": 5, "length_penalty": 1.0, "early_stopping": true, "no_repeat_ngram_size": 3}"#,
            r#"{"kind": "sample", "top_k": 50, "top_p": 0.95, "temperature": 1.0, "n": 5, "seed": 0}"#,
        ] {
            assert_eq!(read(decoding, NONE).map(|settings| settings.batch_size), Ok(16), "{decoding}");
        }
        let answering =
            r#"{"folder": "qa", "max_tokens": 384, "stride": 128, "max_answer_tokens": 15, "no_answer": true}"#;
        let f1 = format!(r#"{{"kind": "token_f1", "threshold": 0.6, "question_answering": {answering}}}"#);
        assert!(read(GREEDY, &f1).unwrap().filter.question_answering().is_some());
        assert!(read(GREEDY, &format!(r#"{{"kind": "q2_equality", "question_answering": {answering}}}"#)).is_ok());
    }

    #[test]
    fn a_typo_or_a_value_out_of_range_is_an_error_that_names_the_key() {
        let sample = |changed: &str| format!(r#"{{"kind": "sample", "top_k": 50, "n": 5, "seed": 0, {changed}}}"#);
        for (decoding, filter, said) in [
            (r#"{"kind": "greedy"}"#, NONE, "no_repeat_ngram_size"),
            (r#"{"kind": "greedy", "no_repeat_ngram_size": 0, "beams": 4}"#, NONE, "unknown field `beams`"),
            (r#"{"kind": "best"}"#, NONE, "unknown variant `best`"),
            (GREEDY, r#"{"kind": "none", "threshold": 0.5}"#, "unknown field `threshold`"),
            (&sample(r#""top_p": 0.0, "temperature": 1.0"#), NONE, "decoding.top_p"),
            (&sample(r#""top_p": 1.0, "temperature": 0.0"#), NONE, "decoding.temperature"),
            (
                r#"{"kind": "beams", "num_beams": 2, "keep": 3, "length_penalty": 1.0, "early_stopping": true, "no_repeat_ngram_size": 0}"#,
                NONE,
                "decoding.keep",
            ),
        ] {
            let error = read(decoding, filter).unwrap_err();
            assert!(error.contains(said), "{decoding} {filter}: {error}");
        }
    }
}
