//! What goes to stderr, and how.

use std::io::IsTerminal;

use clap::ValueEnum;
use tables::ProgressStyle;
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Starts logging; `RUST_LOG` narrows or widens it. Gives the style of progress that goes with it.
pub fn start(format: LogFormat, quiet: bool) -> ProgressStyle {
    let default = if quiet { "warn" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    match format {
        LogFormat::Text => subscriber.without_time().init(),
        LogFormat::Json => subscriber.json().init(),
    }
    match format {
        _ if quiet => ProgressStyle::Silent,
        LogFormat::Text => ProgressStyle::for_stderr(),
        LogFormat::Json => ProgressStyle::Lines,
    }
}
