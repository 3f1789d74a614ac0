//! What can go wrong with the stage as a whole. A single value that has no meaning is no error: see
//! [`Undefined`](crate::undefined::Undefined).

use tables::{StorageError, TableError};

/// Why the evaluation could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A setting has a value that cannot work.
    #[error("`evaluate.{setting}` is {value}; it must be {expected}")]
    Setting {
        /// The key below `evaluate` in the pipeline file.
        setting: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// `sxs` names an experiment or an arm that no reward model has.
    #[error("`evaluate.sxs.{setting}` is `{value}`, which no reward model has; there are: {known}")]
    UnknownName {
        /// The key below `evaluate.sxs`.
        setting: &'static str,
        /// What stands there.
        value: String,
        /// What the table `reward_models` has there, with commas between.
        known: String,
    },
    /// A table could not be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The report could not be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A figure could not be drawn.
    #[error("cannot draw the figure `{figure}`: {reason}")]
    Figure {
        /// Its title.
        figure: String,
        /// What the plotting library says.
        reason: String,
    },
    /// The numbers behind a figure could not be written as CSV.
    #[error("cannot write the numbers of the figure `{figure}`")]
    Numbers {
        /// Its heading.
        figure: String,
        /// Why.
        #[source]
        source: csv::Error,
    },
    /// The report's template could not be filled.
    #[error("cannot fill the report's template")]
    Template(#[from] minijinja::Error),
}
