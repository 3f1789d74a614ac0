//! What can be wrong with the settings of `vq2-parse`, or with a question file.

use sources::SourceError;

use crate::settings::BadT5Setting;
#[cfg(feature = "t5")]
use crate::t5::T5Error;

/// Why `vq2-parse` cannot give questions. Rows are rows of the SELECT's result and count from 1.
#[derive(Debug, thiserror::Error)]
pub enum Vq2ParseError {
    /// `generator: import` without its files.
    #[error(
        "`vq2-parse.generator` is `import`, but `vq2-parse.import` is missing: name `sources` and a `questions` SELECT there"
    )]
    NoImport,
    /// Files that the chosen generator does not read.
    #[error("`vq2-parse.import` is only read with `vq2-parse.generator: import`: change the generator or remove it")]
    UnusedImport,
    /// `generator: t5` without its models.
    #[error("`vq2-parse.generator` is `t5`, but `vq2-parse.t5` is missing: name the models and their settings there")]
    NoT5,
    /// Models that the chosen generator does not run.
    #[error("`vq2-parse.t5` is only read with `vq2-parse.generator: t5`: change the generator or remove it")]
    UnusedT5,
    /// A setting of `t5` is out of its range.
    #[error(transparent)]
    T5Setting(#[from] BadT5Setting),
    /// `generator: t5` in a program without LibTorch.
    #[error("`vq2-parse.generator: t5` needs LibTorch, and this program was built without it")]
    WithoutLibTorch,
    /// T5 or the question-answering model failed.
    #[cfg(feature = "t5")]
    #[error(transparent)]
    T5(#[from] T5Error),
    /// The question files could not be read.
    #[error("imported questions")]
    Source(#[from] SourceError),
    /// A cell that must hold text is blank.
    #[error("imported questions: `{column}` is empty in {n_rows} rows, first in row {first_row}")]
    Empty {
        /// The column.
        column: &'static str,
        /// How many rows.
        n_rows: usize,
        /// The first of them.
        first_row: usize,
    },
    /// Questions about prompts that are not in `prompts`.
    #[error(
        "imported questions: {n_rows} rows are about prompts that are not in `prompts`, first row {first_row} (prompt_id `{prompt_id}`); select only known ones"
    )]
    UnknownPrompt {
        /// How many rows.
        n_rows: usize,
        /// The first of them.
        first_row: usize,
        /// Its prompt.
        prompt_id: String,
    },
    /// Two questions of one prompt have the same name.
    #[error(
        "imported questions: `question_id` `{question_id}` of prompt `{prompt_id}` is in row {first_row} and again in row {row}"
    )]
    RepeatedQuestion {
        /// The prompt.
        prompt_id: String,
        /// The repeated name.
        question_id: String,
        /// Where it was first.
        first_row: usize,
        /// Where it came again.
        row: usize,
    },
    /// A bucket that is none of the four.
    #[error("imported questions: `bucket` is `{word}` in row {row}, expected one of noun, adjective, verb, relation")]
    UnknownBucket {
        /// What stands there.
        word: String,
        /// The row.
        row: usize,
    },
    /// A question depends on one that is not asked of the same prompt.
    #[error(
        "imported questions: row {row} depends on `{depends_on}`, which is no `question_id` of prompt `{prompt_id}`; select an empty `depends_on` for a question that stands alone"
    )]
    UnknownDependency {
        /// The row.
        row: usize,
        /// Its prompt.
        prompt_id: String,
        /// What it names.
        depends_on: String,
    },
}
