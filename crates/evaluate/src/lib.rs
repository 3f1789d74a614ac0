//! Evaluate.
mod bootstrap;
mod error;
mod probability_scores;
mod ranks;
mod roc;
mod settings;
mod undefined;
