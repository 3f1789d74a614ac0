//! p-values of differences, and their correction for being many.

/// Two-sided p of no difference: normal, with the replicates' standard deviation as the standard error.
///
/// A bootstrap's own share of replicates beyond 0 is never below 1/replicates, which no correction for many comparisons
/// survives. Without any spread a difference of 0 has p 1, another one 1/(replicates + 1).
pub fn two_sided_p(difference: f64, replicates: &[f64]) -> f64 {
    let values: Vec<f64> = replicates.iter().copied().filter(|value| !value.is_nan()).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    match (difference, variance.sqrt()) {
        (0.0, _) => 1.0,
        (_, 0.0) => 1.0 / (n + 1.0),
        (difference, error) => libm::erfc(difference.abs() / error / std::f64::consts::SQRT_2).clamp(0.0, 1.0),
    }
}

/// Holm's step-down correction (Holm 1979): the chance of one or more false rejections stays below the level, whatever the
/// dependence between the comparisons.
pub fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let (mut adjusted, mut largest) = (vec![0.0; p_values.len()], 0.0_f64);
    for (rank, &at) in order.iter().enumerate() {
        largest = largest.max(p_values[at] * (p_values.len() - rank) as f64).min(1.0);
        adjusted[at] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_two_standard_errors_has_the_textbooks_p() {
        // Replicates 0, 2, 4 have standard deviation 2. scipy.stats: 2 * norm.sf(2) = 0.04550026389635842
        assert!((two_sided_p(-4.0, &[0.0, f64::NAN, 2.0, 4.0]) - 0.045_500_263_896_358_42).abs() < 1e-12);
        assert_eq!(two_sided_p(0.0, &[0.0, 1.0]), 1.0);
        assert_eq!(two_sided_p(0.5, &[0.5, 0.5, 0.5]), 0.25);
    }

    #[test]
    fn holm_is_monotone_and_never_above_one() {
        // statsmodels: multipletests([.01, .04, .03, .005], method="holm")[1] = [.03, .06, .06, .02]
        let found = adjusted(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in found.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-15, "{found} is not {expected}");
        }
        assert_eq!(adjusted(&[0.9, 0.8]), [1.0, 1.0]);
        assert_eq!(adjusted(&[]), [0.0; 0]);
    }
}
