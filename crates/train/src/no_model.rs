//! Why a run has no model.

/// Why a run has no model. Its text is the `reason` in `reward_models`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoModel {
    /// Nothing to train on.
    #[error("no training pair has a target label and the embeddings that the experiment reads")]
    NoPairs,
    /// Nothing is left to train on.
    #[error("each of the {n_dropped} training pairs lacks a label of an attribute (`missing: drop_row`)")]
    AllDropped {
        /// How many there were.
        n_dropped: usize,
    },
    /// Nothing to tell apart.
    #[error("all {n_train} training pairs are {}", if *.good { "good" } else { "bad" })]
    OneClass {
        /// How many.
        n_train: usize,
        /// Which class.
        good: bool,
    },
    /// A head would learn nothing. The run is not made without it: it would go by a name that it does not deserve.
    #[error("attribute `{attribute}` has no label in the training pairs")]
    NoLabels {
        /// The attribute.
        attribute: String,
    },
    /// The same for a model that reads the scores.
    #[error("attribute `{attribute}` has no score in the training pairs")]
    NoScores {
        /// The attribute.
        attribute: String,
    },
    /// The same for a model that learns from comparisons.
    #[error("`{label}` differs in none of the {n_pairs} pairs of images of one prompt")]
    NoComparisons {
        /// The attribute, or `target`.
        label: String,
        /// How many pairs there are.
        n_pairs: usize,
    },
    /// What was trained cannot be used.
    #[error("stage 1 did not stay finite: embeddings near the largest f32, or a learning rate far too high")]
    NotFinite,
    /// Nothing can be held out.
    #[error(
        "all training pairs are of one prompt, so that none can be held out for stage 2 (`stage2_on: out_of_fold`)"
    )]
    OnePrompt,
    /// Nothing to tell apart for stage 2.
    #[error("the validation split has {n_good} good and {n_bad} bad images with a label, so that stage 2 has no fit")]
    Validation {
        /// Good ones.
        n_good: usize,
        /// Bad ones.
        n_bad: usize,
    },
}
