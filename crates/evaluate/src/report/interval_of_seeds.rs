//! The 95 % interval of a mean over seeds: Student's t, since seeds are few.

use crate::bootstrap::Interval;
use crate::over_seeds::upper_point;

/// Mean and interval; no interval for fewer than two values.
pub fn mean_with_interval(values: &[f64]) -> Option<(f64, Option<Interval>)> {
    let n = values.len() as f64;
    let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / n)?;
    let interval = values.len().checked_sub(2).map(|at| {
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let half = upper_point(0.05, (at + 1) as f64) * (variance / n).sqrt();
        Interval { low: mean - half, high: mean + half }
    });
    Some((mean, interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    // scipy 1.17.1: stats.t.ppf(.975, [1, 2, 4, 30, 31, 100, 1000]); stats.t.interval(.95, 2, 2, stats.sem([1, 2, 3]))
    #[test]
    fn the_interval_is_scipys() {
        let points = [1.0, 2.0, 4.0, 30.0, 31.0, 100.0, 1000.0].map(|freedom| upper_point(0.05, freedom));
        let expected = [12.706205, 4.302653, 2.776445, 2.042272, 2.039513, 1.983972, 1.962339];
        for (found, expected) in points.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let (mean, interval) = mean_with_interval(&[1.0, 2.0, 3.0]).unwrap();
        let Interval { low, high } = interval.unwrap();
        assert_eq!(mean, 2.0);
        assert!((low + 0.484138).abs() < 1e-4 && (high - 4.484138).abs() < 1e-4, "{low} {high}");
    }

    #[test]
    fn one_seed_has_no_interval_and_equal_seeds_one_of_no_width() {
        assert_eq!(mean_with_interval(&[]), None);
        assert_eq!(mean_with_interval(&[2.0]), Some((2.0, None)));
        assert_eq!(mean_with_interval(&[2.0, 2.0]), Some((2.0, Some(Interval { low: 2.0, high: 2.0 }))));
    }
}
