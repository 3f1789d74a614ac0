//! Prompts to questions, each in one of four buckets.
//!
//! Reads `prompts`; writes `questions`: made from the prompt by part-of-speech rules, or read from a question file.
//! Source: App. B.5.2 of Collins et al. 2024; VQ² itself is Yarom et al. 2023.
//!
//! Text becomes tokens with byte spans, tokens get a part of speech (`tag`). Two readers share that: `bucket` sorts
//! any question; `read_scene` reads a prompt's objects and facts, which `template` turns into questions. `t5` is VQ²'s
//! own way, with two language models.

mod bucket;
mod error;
mod explain;
mod import;
mod inflect;
mod lemma;
#[rustfmt::skip] // Word lists read as paragraphs.
mod lexicon;
mod noun_phrase;
mod read_scene;
mod scene;
mod settings;
mod stage;
#[cfg(feature = "t5")]
mod t5;
mod tag;
mod tally;
mod template;
mod tokens;

pub use bucket::{BucketDecision, Reading, Rule, bucket};
pub use error::Vq2ParseError;
pub use explain::{Explanation, explain};
pub use lemma::lemma;
pub use settings::{
    BadT5Setting, CandidateKind, Decoding, Device, Filter, Generator, ImportSettings, QuestionAnsweringSettings,
    Settings, T5Settings,
};
pub use stage::Vq2Parse;
#[cfg(feature = "t5")]
pub use t5::{T5Counts, T5Error, T5Generator};
pub use template::{LONGEST_PROMPT, NoQuestion, TemplateQuestion, template_questions};
