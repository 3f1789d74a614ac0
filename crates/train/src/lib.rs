//! Reward models: from frozen embeddings and attribute scores to the probability that people find an image good.
//!
//! Reads `images`, `preferences`, `attribute_scores` and `embeddings` (the last two where an arm needs them); writes
//! `labels`, `reward_models`, `predictions`, `concept_predictions`, `aggregator_weights`, perhaps `interventions`, and one
//! folder for each model. Source: §3 and App. B.3–B.6.
//!
//! - Scores become labels: `threshold`, `tree`, `label`.
//! - Experiments become runs on drawn pairs: `plan`, of a kind: `variant`, with what their labels cost: `cost`.
//! - Runs become networks to train: `embedded`, `pairs`, `folds`, `problems`.
//! - A run becomes a model: `concept_predictor` (stage 1), `aggregator` (stage 2), `reward_model`, `interventions`.
//! - All runs, one on each core: `sweep`; what they leave: `output`, `card`, `kept`.
//! - A model's folder, read back: `scoring`, `torchscript`.

mod aggregator;
mod card;
mod concept_predictor;
mod cost;
mod embedded;
pub mod engine;
mod error;
mod folds;
mod images;
mod interventions;
mod kept;
mod label;
mod network;
mod no_model;
mod output;
mod pairs;
mod plan;
mod problems;
mod random;
mod reward_model;
mod roc;
mod scoring;
mod settings;
mod stage;
#[cfg(test)]
mod stage_tests;
mod sweep;
mod threshold;
mod torchscript;
mod tree;
mod validate;
mod variant;

pub use aggregator::Aggregator;
pub use concept_predictor::predict_rows;
pub use error::TrainError;
pub use scoring::{Scores, ScoringError, ScoringModel};
pub use settings::*;
pub use stage::Train;
pub use threshold::Policy;
pub use tree::{Branch, Tree};
