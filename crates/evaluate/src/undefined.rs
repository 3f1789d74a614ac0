//! Why a number does not exist. It ends in the `reason` columns and under the tables of the report.

/// Why a statistic, or its interval, has no value on these data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undefined {
    /// There is nothing to compute it from.
    #[error("no data: no image has both a score and a label")]
    NoData,
    /// Every label is positive, or every label is negative.
    #[error("one class only: all {n} labels are {}", if *.positive { "positive" } else { "negative" })]
    OneClass {
        /// The class that there is.
        positive: bool,
        /// How many.
        n: usize,
    },
    /// A rank correlation needs two values that differ on either side.
    #[error("all {n} {side} are equal")]
    Constant {
        /// `scores` or `ratings`.
        side: &'static str,
        /// How many.
        n: usize,
    },
    /// A score is NaN: there is no place for it in an order.
    #[error("the score in row {row} is not a number")]
    NotANumber {
        /// The row, counted from 1.
        row: usize,
    },
    /// Two judges who always say the same one thing agree by chance alone.
    #[error("no kappa: both say the same of every image")]
    OneAnswer,
    /// Resampling one prompt gives the same prompt again.
    #[error("no interval: all images are of one prompt")]
    OneCluster,
    /// Most resamples of the prompts hold one class only, and the rest would not be a fair picture.
    #[error("no interval: {dropped} of {replicates} resamples have one class only")]
    TooFewResamples {
        /// Resamples without a value.
        dropped: usize,
        /// All of them.
        replicates: usize,
    },
}
