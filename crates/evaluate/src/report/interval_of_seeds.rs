//! The 95 % interval of a mean over seeds: Student's t, since seeds are few.

use crate::bootstrap::Interval;

/// The upper 2.5 % point of Student's t for 1 to 30 degrees of freedom.
const UPPER: [f64; 30] = [
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
    2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484,
    2.0452, 2.0423,
];

/// Mean and interval; no interval for fewer than two values.
pub fn mean_with_interval(values: &[f64]) -> Option<(f64, Option<Interval>)> {
    let n = values.len() as f64;
    let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / n)?;
    let interval = values.len().checked_sub(2).map(|at| {
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let half = upper_point(at + 1) * (variance / n).sqrt();
        Interval { low: mean - half, high: mean + half }
    });
    Some((mean, interval))
}

fn upper_point(degrees_of_freedom: usize) -> f64 {
    UPPER.get(degrees_of_freedom - 1).copied().unwrap_or_else(|| {
        // Cornish and Fisher's expansion around the normal's 1.959964, exact to 1e-5 from 31 on.
        let (z, n) = (1.959_964_f64, degrees_of_freedom as f64);
        z + (z.powi(3) + z) / (4.0 * n) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // scipy 1.17.1: stats.t.ppf(.975, [1, 2, 4, 30, 31, 100, 1000]); stats.t.interval(.95, 2, 2, stats.sem([1, 2, 3]))
    #[test]
    fn the_interval_is_scipys() {
        let points = [1, 2, 4, 30, 31, 100, 1000].map(upper_point);
        let expected = [12.706205, 4.302653, 2.776445, 2.042272, 2.039513, 1.983972, 1.962339];
        for (found, expected) in points.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
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
