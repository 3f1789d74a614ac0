//! Prompts to questions, each in one of four buckets.
//!
//! Reads `prompts`; writes `questions`: made from the prompt by part-of-speech rules, or read from a question file.
//! Source: App. B.5.2 of Collins et al. 2024; VQ² itself is Yarom et al. 2023.

mod bucket;
mod inflect;
mod lexicon;
mod noun_phrase;
mod read_scene;
mod scene;
mod tag;
mod template;
mod tokens;

pub use bucket::{BucketDecision, bucket};
pub use template::{TemplateQuestion, template_questions};
