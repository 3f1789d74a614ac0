//! Progress on stderr: a bar on a terminal, a line now and then otherwise.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressStyle {
    /// A bar that redraws itself.
    Bar,
    /// A log line every few seconds.
    Lines,
    /// Nothing.
    Silent,
}

impl ProgressStyle {
    /// A bar if stderr is a terminal, lines otherwise.
    pub fn for_stderr() -> Self {
        if std::io::stderr().is_terminal() { Self::Bar } else { Self::Lines }
    }

    /// Starts a loop over `total` things.
    pub fn start(self, total: usize, things: &'static str) -> Progress {
        let bar = match self {
            Self::Bar => ProgressBar::new(total as u64),
            Self::Lines | Self::Silent => {
                ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::hidden())
            }
        };
        let template = format!("{{bar:30}} {{pos}}/{{len}} {things} ({{per_sec}}, {{eta}} left) {{msg}}");
        if let Ok(style) = indicatif::ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Progress { bar, style: self, things, last_line: Mutex::new(Instant::now()) }
    }
}

/// The progress of one loop; it may be shared between threads.
pub struct Progress {
    bar: ProgressBar,
    style: ProgressStyle,
    things: &'static str,
    last_line: Mutex<Instant>,
}

const BETWEEN_LINES: Duration = Duration::from_secs(5);

impl Progress {
    /// `n` more are done.
    pub fn add(&self, n: usize) {
        self.bar.inc(n as u64);
        if self.style != ProgressStyle::Lines {
            return;
        }
        let Ok(mut last_line) = self.last_line.lock() else { return };
        if last_line.elapsed() >= BETWEEN_LINES {
            *last_line = Instant::now();
            let (done, of, per_second) = (self.bar.position(), self.bar.length(), self.bar.per_sec().round());
            let (seconds_left, remark) = (self.bar.eta().as_secs(), self.bar.message());
            let remark = Some(remark.as_str()).filter(|remark| !remark.is_empty());
            tracing::info!(done, of, per_second, seconds_left, remark, "{}", self.things);
        }
    }

    /// A short remark beside the bar: an error rate, a loss.
    pub fn remark(&self, text: impl Into<String>) {
        self.bar.set_message(text.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
