//! Stage `evaluate`: predictions to metrics, the validity of the feedback itself, pairs to show, and one report.
//!
//! - [`metrics`]: how well each reward model tells good from bad, with intervals ([`roc`], [`bootstrap`])
//! - [`arms`]: seeds averaged, arms compared
//! - [`validity`], [`agreement`]: the attributes against people, and against each other
//! - [`side_by_side`]: best-of-n pairs of two models
//! - [`report`]: all of it on one page

#![allow(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "counts of rows are far below 2^52")]

mod agreement;
mod arms;
mod bootstrap;
mod clusters;
mod error;
#[cfg(test)]
mod fixtures;
mod inputs;
mod metrics;
mod missing_answers;
mod probability_scores;
mod ranks;
mod report;
mod roc;
mod settings;
mod side_by_side;
mod stage;
#[cfg(test)]
mod synthetic;
mod undefined;
mod validity;

pub use error::EvaluateError;
pub use ranks::spearman;
pub use roc::roc_auc;
pub use settings::{Bootstrap, ContactSheets, Report, Settings, SideBySide};
pub use stage::Evaluate;
pub use undefined::Undefined;
