//! Threshold policies: from the scores of the training split to the number above which a label is true.
//!
//! Source: App. B.6 says only "by class balancing and inspection"; here every policy has a name in the pipeline file.
//! A label is always `score >= threshold`, so the stored threshold alone tells it.

use serde::{Deserialize, Serialize};

/// How a threshold is found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "snake_case", deny_unknown_fields)]
pub enum Policy {
    /// This number, whatever the scores are.
    Fixed {
        /// On the scale of the scores.
        value: f64,
    },
    /// The median. Where scores tie at it, "at least the median" and "above the median" can differ much; the one that
    /// splits the training scores more evenly is taken (the second as the smallest score above the median).
    Median {},
    /// The quantile `q`, linearly interpolated (numpy's and R's default).
    Quantile {
        /// In `[0, 1]`.
        q: f64,
    },
    /// The score that splits the training scores most evenly; of two equally good ones the lower.
    Balance {},
    /// The score at which the share of true labels comes closest to `rate`; of two equally good ones the lower.
    TargetRate {
        /// Share of true labels, in `(0, 1)`.
        rate: f64,
    },
}

impl Policy {
    /// What is wrong with its numbers, if anything.
    pub(crate) fn problem(self) -> Option<String> {
        match self {
            Self::Fixed { value } if !value.is_finite() => Some(format!("`value` is {value}, not a finite number")),
            Self::Quantile { q } if !(0.0..=1.0).contains(&q) => Some(format!("`q` is {q}, outside [0, 1]")),
            Self::TargetRate { rate } if !(rate > 0.0 && rate < 1.0) => {
                Some(format!("`rate` is {rate}, outside (0, 1)"))
            }
            _ => None,
        }
    }

    /// The threshold for these training scores; `None` if it depends on them and there are none.
    ///
    /// Scores that are not finite are left out.
    pub fn threshold(self, training_scores: &[f64]) -> Option<f64> {
        let mut scores: Vec<f64> = training_scores.iter().copied().filter(|score| score.is_finite()).collect();
        scores.sort_by(f64::total_cmp);
        match self {
            Self::Fixed { value } => Some(value),
            Self::Median {} => median(&scores),
            Self::Quantile { q } => quantile(&scores, q),
            Self::Balance {} => closest_rate(&scores, 0.5),
            Self::TargetRate { rate } => closest_rate(&scores, rate),
        }
    }
}

/// Linear interpolation between order statistics of sorted scores.
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = q * last as f64;
    let below = position.floor() as usize;
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    // Bounded, so that rounding never lifts the threshold above a score it equals.
    Some((low + (high - low) * (position - below as f64)).clamp(low, high))
}

fn median(sorted: &[f64]) -> Option<f64> {
    let median = quantile(sorted, 0.5)?;
    let first_above = sorted.partition_point(|&score| score <= median);
    let imbalance = |threshold: f64| n_at_least(sorted, threshold).abs_diff(n_below(sorted, threshold));
    match sorted.get(first_above) {
        Some(&above) if imbalance(above) < imbalance(median) => Some(above),
        _ => Some(median),
    }
}

/// The score at which the share of scores that are at least it comes closest to `rate`. Unless all scores are equal,
/// both classes occur: a label that is always true teaches nothing.
fn closest_rate(sorted: &[f64], rate: f64) -> Option<f64> {
    let (&lowest, rest) = sorted.split_first()?;
    let distance = |threshold: f64| (n_at_least(sorted, threshold) as f64 / sorted.len() as f64 - rate).abs();
    let mut distinct: Vec<f64> = rest.iter().copied().filter(|&score| score > lowest).collect();
    distinct.dedup();
    let better = |best: f64, next: f64| if distance(next) < distance(best) { next } else { best };
    Some(distinct.into_iter().reduce(better).unwrap_or(lowest))
}

fn n_below(sorted: &[f64], threshold: f64) -> usize {
    sorted.partition_point(|&score| score < threshold)
}

fn n_at_least(sorted: &[f64], threshold: f64) -> usize {
    sorted.len() - n_below(sorted, threshold)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::random::stream;

    fn n_true(scores: &[f64], threshold: f64) -> usize {
        scores.iter().filter(|&&score| score >= threshold).count()
    }

    /// Discrete and continuous scores of many lengths.
    fn samples() -> Vec<Vec<f64>> {
        let mut rng = stream(0, "threshold tests");
        (1..60)
            .flat_map(|n| [3, 5, 1_000_000].map(|levels| (n, levels)))
            .map(|(n, levels)| (0..n).map(|_| f64::from(rng.random_range(0..levels)) / 4.0).collect())
            .collect()
    }

    #[test]
    fn target_rate_and_balance_are_the_best_of_all_observed_scores() {
        for scores in samples() {
            for rate in [0.1, 0.25, 0.5, 0.9] {
                let distance = |t: f64| (n_true(&scores, t) as f64 / scores.len() as f64 - rate).abs();
                let mut candidates = scores.clone();
                candidates.sort_by(f64::total_cmp);
                candidates.dedup();
                if candidates.len() > 1 {
                    candidates.remove(0);
                }
                let best = candidates.iter().map(|&t| distance(t)).fold(f64::INFINITY, f64::min);
                let slow = candidates.iter().copied().find(|&t| distance(t) == best);
                assert_eq!(Policy::TargetRate { rate }.threshold(&scores), slow, "{scores:?} {rate}");
                if rate == 0.5 {
                    assert_eq!(Policy::Balance {}.threshold(&scores), slow, "{scores:?}");
                }
            }
        }
    }

    #[test]
    fn median_splits_as_evenly_as_at_least_or_above_the_median_can() {
        for scores in samples() {
            let mut sorted = scores.clone();
            sorted.sort_by(f64::total_cmp);
            let n = sorted.len();
            let middle = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
            let imbalance = |n_true: usize| (2 * n_true).abs_diff(n);
            let at_least = imbalance(n_true(&scores, middle));
            let above = imbalance(scores.iter().filter(|&&score| score > middle).count());
            let threshold = Policy::Median {}.threshold(&scores).unwrap();
            let got = imbalance(n_true(&scores, threshold));
            assert!(got == at_least.min(above), "{scores:?}: {threshold}");
            if at_least <= above {
                assert_eq!(threshold, middle);
            }
        }
    }

    #[test]
    fn median_of_ratings_that_tie_keeps_both_classes() {
        assert_eq!(Policy::Median {}.threshold(&[0.0, 0.0, 0.0, 1.0]), Some(1.0));
        assert_eq!(Policy::Median {}.threshold(&[1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0]), Some(3.0));
        assert_eq!(Policy::Median {}.threshold(&[1.0, 1.0, 2.0, 2.0, 3.0]), Some(2.0));
        assert_eq!(Policy::Median {}.threshold(&[1.0, 2.0]), Some(1.5));
    }

    #[test]
    fn quantiles_are_numpy_s() {
        // np.quantile([1, 2, 4, 8, 16], [0, 0.1, 0.5, 0.9, 1]) -> 1, 1.4, 4, 12.8, 16
        let scores = [16.0, 1.0, 8.0, 2.0, 4.0];
        for (q, expect) in [(0.0, 1.0), (0.1, 1.4), (0.5, 4.0), (0.9, 12.8), (1.0, 16.0)] {
            let got = Policy::Quantile { q }.threshold(&scores).unwrap();
            assert!((got - expect).abs() < 1e-12, "{q}: {got}");
        }
    }

    #[test]
    fn no_scores_one_score_equal_scores_and_nan_are_handled() {
        let policies =
            [Policy::Median {}, Policy::Quantile { q: 0.3 }, Policy::Balance {}, Policy::TargetRate { rate: 0.7 }];
        for policy in policies {
            assert_eq!(policy.threshold(&[]), None);
            assert_eq!(policy.threshold(&[f64::NAN, f64::INFINITY]), None);
            assert_eq!(policy.threshold(&[0.1]), Some(0.1));
            assert_eq!(policy.threshold(&[0.1; 7]), Some(0.1), "rounding must not lift {policy:?} above the score");
            assert_eq!(policy.threshold(&[0.3, f64::NAN, 0.3]), Some(0.3));
        }
        assert_eq!(Policy::Fixed { value: 2.5 }.threshold(&[]), Some(2.5));
    }

    #[test]
    fn a_misspelt_policy_or_number_is_an_error_that_lists_the_known() {
        let error = |json: &str| serde_json::from_str::<Policy>(json).unwrap_err().to_string();
        assert!(error(r#"{"policy": "mediam"}"#).contains("`median`"));
        assert!(error(r#"{"policy": "median", "q": 0.5}"#).contains("unknown field `q`"));
        assert!(error(r#"{"policy": "quantile"}"#).contains("missing field `q`"));
        assert!(Policy::Quantile { q: 1.5 }.problem().is_some());
        assert!(Policy::TargetRate { rate: 1.0 }.problem().is_some());
        assert!(Policy::Fixed { value: f64::NAN }.problem().is_some());
        assert!(Policy::Balance {}.problem().is_none());
    }
}
