//! The one binary, `finegrain`: a list of six stages, and the commands that plan, run and check them.
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`cli`] | the commands and their arguments |
//! | [`config`] | the pipeline file: variables, `--set`, unknown keys |
//! | [`stages`] | the six stages, made from their settings |
//! | [`names`] | names that one section uses and another one gives |
//! | [`freshness`] | why a stage would run again |
//! | [`record`] | what a run leaves beside its tables |
//! | [`run`], [`plan`], [`check`], [`schemas`], [`doctor`], [`answers`], [`sxs`], [`advise`], `score`, `export` | one command each |
//! | `pictures` | what `score` scores |
//! | `out_file` | files that the user names |

pub mod advise;
pub mod answers;
pub mod check;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod exit;
#[cfg(feature = "torch")]
pub mod export;
pub mod freshness;
pub mod logging;
pub mod names;
#[cfg(feature = "torch")]
pub mod out_file;
#[cfg(feature = "torch")]
pub mod pictures;
pub mod plan;
pub mod record;
pub mod root;
pub mod run;
pub mod schemas;
#[cfg(feature = "torch")]
pub mod score;
pub mod stages;
pub mod sxs;

pub use cli::main;
