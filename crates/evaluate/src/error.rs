//! What can go wrong with the stage as a whole. A single value that has no meaning is no error: see
//! [`Undefined`](crate::undefined::Undefined).

use sources::SourceError;
use tables::{StorageError, TableError};

use crate::side_by_side::votes::VoteError;

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
    /// Advice was asked for an experiment that no reward model has.
    #[error("no reward model has the experiment `{value}`; there are: {known}")]
    UnknownExperiment {
        /// What was asked for.
        value: String,
        /// The experiments that there are, with commas between.
        known: String,
    },
    /// A budget that is no amount.
    #[error("a budget of {budget} is no amount; it must be a number above 0")]
    Budget {
        /// What was given.
        budget: f64,
    },
    /// A score file cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A row of a score file cannot count.
    #[error("`{file}`, row {row}: `{column}` {problem}")]
    Score {
        /// The file.
        file: String,
        /// The row, counted from 1 without a header.
        row: usize,
        /// The column.
        column: &'static str,
        /// What is wrong with the value.
        problem: String,
    },
    /// A score file has no row of a model.
    #[error("`{file}` has no score of `{run_id}`; it has scores of {known}")]
    NotScored {
        /// The file.
        file: String,
        /// The model.
        run_id: String,
        /// The models that it has, with commas between.
        known: String,
    },
    /// Two models' scores name different prompts for one image.
    #[error("`{file}`: the image `{image_id}` has two prompts, {prompts}")]
    TwoPrompts {
        /// The file.
        file: String,
        /// The image.
        image_id: String,
        /// The prompts.
        prompts: String,
    },
    /// A vote file holds something that is no vote.
    #[error(transparent)]
    Vote(#[from] VoteError),
    /// The annotation page cannot be made.
    #[error("cannot make the annotation page: {reason}")]
    Page {
        /// Why.
        reason: String,
    },
    /// A picture for the annotation page cannot be shown.
    #[error("the image `{image_id}` of `sxs_pairs` cannot be shown: {reason}")]
    Picture {
        /// The image.
        image_id: String,
        /// Why.
        reason: String,
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
