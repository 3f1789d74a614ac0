//! How the questions of one run go: counted, shown beside the progress bar, and the first failures logged.

use std::time::Duration;

use tables::Progress;
use tokio::time::Instant;

/// Counts what is done.
pub struct Tally<'a> {
    progress: &'a Progress,
    n_done: usize,
    n_shown: usize,
    n_failed: usize,
    n_again: usize,
    shown_at: Instant,
}

/// Failures that are logged one by one.
const MOST_LOGGED: usize = 5;
/// A bar that is drawn more often is not read more often.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

impl<'a> Tally<'a> {
    /// Nothing is done yet.
    pub fn new(progress: &'a Progress) -> Self {
        Self { progress, n_done: 0, n_shown: 0, n_failed: 0, n_again: 0, shown_at: Instant::now() }
    }

    /// Questions that came to an end.
    pub fn n_done(&self) -> usize {
        self.n_done
    }

    /// A question was answered.
    pub fn answered(&mut self) {
        self.n_done += 1;
    }

    /// A question stays without an answer.
    pub fn failed(&mut self, image_id: &str, query: &str, attempts: u32, reason: &str) {
        self.n_done += 1;
        self.n_failed += 1;
        if self.n_failed <= MOST_LOGGED {
            tracing::warn!(image_id, query, attempts, reason, "no answer");
        }
    }

    /// A question is to be asked again.
    pub fn again(&mut self) {
        self.n_again += 1;
    }

    /// Shows how it goes, if it is time.
    pub fn show(&mut self, now: Instant, n_under_way: usize, spent: impl FnOnce() -> Option<String>) {
        if now.duration_since(self.shown_at) >= BETWEEN_LOOKS {
            self.shown_at = now;
            self.progress.remark(self.remark(n_under_way, spent()));
            self.progress.add(std::mem::replace(&mut self.n_shown, self.n_done).abs_diff(self.n_done));
        }
    }

    fn remark(&self, n_under_way: usize, spent: Option<String>) -> String {
        let percent = 100.0 * self.n_failed as f64 / self.n_done.max(1) as f64;
        let failed = if self.n_failed > 0 { format!("{percent:.2} % failed, ") } else { String::new() };
        let again = if self.n_again > 0 { format!("{} asked again, ", self.n_again) } else { String::new() };
        let spent = spent.map_or(String::new(), |spent| format!(", {spent}"));
        format!("{failed}{again}{n_under_way} at once{spent}")
    }

    /// The end: shows and logs what is left to say.
    pub fn finish(self) {
        self.progress.add(self.n_done - self.n_shown);
        if self.n_failed > MOST_LOGGED {
            tracing::warn!(
                n_failed = self.n_failed,
                "questions without an answer; the next run of this stage asks them again"
            );
        }
        if self.n_again > 0 {
            tracing::info!(n_requests = self.n_again, "questions asked again after a failure");
        }
    }
}

#[cfg(test)]
mod tests {
    use tables::ProgressStyle;

    use super::*;

    #[test]
    fn the_remark_says_what_is_not_as_it_should_be() {
        let progress = ProgressStyle::Silent.start(1_000, "questions");
        let mut tally = Tally::new(&progress);
        (0..399).for_each(|_| tally.answered());
        assert_eq!(tally.remark(32, None), "32 at once");
        tally.failed("i", "q", 3, "status 500");
        (0..7).for_each(|_| tally.again());
        let said = tally.remark(16, Some("0.0120 USD".into()));
        assert_eq!(said, "0.25 % failed, 7 asked again, 16 at once, 0.0120 USD");
        assert_eq!(tally.n_done(), 400);
        tally.finish();
    }
}
