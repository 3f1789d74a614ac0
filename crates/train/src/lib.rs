//! Reward models: from frozen embeddings and attribute scores to the probability that people find an image good.
//!
//! Reads `images`, `preferences`, `attribute_scores` and `embeddings` (the last two where an arm needs them); writes
//! `labels`, `reward_models`, `predictions`, `concept_predictions`, `aggregator_weights`, and one folder for each
//! model. Source: §3 and App. B.3–B.6.
//!
//! - Scores become labels: `threshold`, `tree`, `label`.
//! - Experiments become runs on drawn pairs: `plan`, with what their labels cost: `cost`.
//! - A run becomes a model: `concept_predictor` (stage 1), `aggregator` (stage 2), `reward_model`.
//! - All runs, one on each core: `sweep`; what they leave: `output`, `card`, `kept`.

mod aggregator;
mod card;
mod concept_predictor;
mod cost;
pub mod engine;
mod error;
mod images;
mod kept;
mod label;
mod network;
mod output;
mod plan;
mod random;
mod reward_model;
mod settings;
mod stage;
#[cfg(test)]
mod stage_tests;
mod sweep;
mod threshold;
mod tree;
mod validate;

pub use error::TrainError;
pub use settings::*;
pub use stage::Train;
pub use threshold::Policy;
pub use tree::{Branch, Tree};
