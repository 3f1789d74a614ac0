//! Stage `evaluate`: predictions to metrics, the validity of the feedback itself, pairs to show, and one report.
//!
//! - [`metrics`]: how well each reward model tells good from bad, with intervals ([`roc`], [`bootstrap`], [`resample`])
//! - [`arms`], [`differences`]: seeds averaged, arms compared; [`ceiling`]: what one rater reaches
//! - [`validity`], [`agreement`]: the attributes against people, and against each other
//! - [`coverage`], [`missing_answer_effects`], [`seconds`]: what was asked, what missing answers do, what labels take
//! - [`side_by_side`]: best-of-n pairs of two models, the page to judge them on, and what the votes say
//! - [`advise`]: which feedback, and how much of it, for a budget
//! - [`report`]: all of it on one page

#![allow(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "counts of rows are far below 2^52")]

mod advise;
mod agreement;
mod arms;
mod auc_intervals;
mod bootstrap;
mod calibration;
mod ceiling;
mod clusters;
mod common_images;
mod coverage;
mod differences;
mod error;
#[cfg(test)]
mod fixtures;
mod holm;
mod inputs;
mod kappa;
mod metrics;
mod missing_answer_effects;
mod model_scores;
mod over_seeds;
mod predictions;
mod probability_scores;
mod ranks;
mod raters;
#[cfg(test)]
mod reference;
mod report;
mod resample;
mod roc;
mod seconds;
mod settings;
pub mod side_by_side;
mod stage;
#[cfg(test)]
mod synthetic;
mod thresholds;
mod undefined;
mod validity;

pub use advise::{Advice as BudgetAdvice, Request as BudgetRequest, Unit as BudgetUnit, advise};
pub use auc_intervals::{AucInterval, auc_intervals};
pub use error::EvaluateError;
pub use ranks::spearman;
pub use report::words::rounded;
pub use roc::roc_auc;
pub use settings::{Advice, Bootstrap, ContactSheets, Disagreement, Report, Settings, SideBySide};
pub use stage::Evaluate;
pub use undefined::Undefined;
