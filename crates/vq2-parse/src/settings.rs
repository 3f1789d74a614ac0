//! The `vq2-parse` section of the pipeline file.

use serde::{Deserialize, Serialize};
use sources::Sources;

/// What `vq2-parse` does.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the questions come from.
    pub generator: Generator,
    /// The question files; needed with `generator: import`, and not allowed otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<ImportSettings>,
}

/// Where the questions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Generator {
    /// Made from the prompt by part-of-speech rules.
    Template,
    /// Read from question files.
    Import,
}

/// Question files, and how their columns map to ours.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ImportSettings {
    /// Name → raw file (CSV, TSV, JSON lines, Parquet; path or URL); the SQL selects from these names.
    pub sources: Sources,
    /// One SELECT that gives `prompt_id`, `question_id`, `question`, and if it likes `answer` (else "yes"), `query` (else
    /// made from question and answer), `bucket` (else found by the rules) and `depends_on` (`question_id`s of the same
    /// prompt, with commas between them: once one of them is answered "no", so is this question).
    pub questions: String,
}
