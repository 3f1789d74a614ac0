//! The exact binomial test against one half.

/// The chance of a split at least as uneven as `n_successes` of `n`, if both sides are equally likely: two-sided, in (0, 1].
///
/// 1 for no trials at all.
///
/// # Panics
/// If there are more successes than trials.
pub fn p_value_of_half(n_successes: u64, n: u64) -> f64 {
    assert!(n_successes <= n, "a success is a trial");
    let smaller = n_successes.min(n - n_successes);
    if 2 * smaller == n {
        return 1.0;
    }
    // Both tails are equal. The tail is its largest term times a falling sum, so that nothing cancels or underflows early.
    // Of a million votes the logarithms sum to a million times what their sum may be off by: Kahan's summation.
    let (mut ln_largest, mut lost) = (-((n - 2 * smaller) as f64) * std::f64::consts::LN_2, 0.0);
    for i in 1..=smaller {
        let addend = ((n - smaller + i) as f64 / (4 * i) as f64).ln() - lost;
        let sum = ln_largest + addend;
        lost = (sum - ln_largest) - addend;
        ln_largest = sum;
    }
    let (mut term, mut sum) = (1.0, 1.0);
    for i in (1..=smaller).rev() {
        term *= i as f64 / (n - i + 1) as f64;
        sum += term;
        if term < sum * f64::EPSILON / 4.0 {
            break;
        }
    }
    (2.0 * ln_largest.exp() * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_scipys() {
        // scipy 1.17.1: scipy.stats.binomtest(k, n).pvalue
        let of_scipy = [
            (0, 1, 1.0),
            (0, 5, 0.0625),
            (3, 10, 0.34375),
            (5, 10, 1.0),
            (0, 60, 1.734723475976807e-18),
            (33, 100, 0.0008737198369123724),
            (145, 294, 0.8611462372900244),
            (92, 212, 0.06343187528222906),
            (499_000, 1_000_000, 0.0456082998653896),
        ];
        for (k, n, expected) in of_scipy {
            for k in [k, n - k] {
                let p = p_value_of_half(k, n);
                assert!((p / expected - 1.0).abs() < 1e-9, "{k} of {n}: {p:e}, not {expected:e}");
            }
        }
        assert_eq!(p_value_of_half(0, 0), 1.0);
    }

    #[test]
    fn p_values_are_the_sums_that_define_them() {
        for n in 1..=30_u64 {
            let mut row = vec![1.0_f64];
            for _ in 0..n {
                let next: Vec<f64> = (0..=row.len())
                    .map(|at| (if at > 0 { row[at - 1] } else { 0.0 } + row.get(at).copied().unwrap_or(0.0)) / 2.0)
                    .collect();
                row = next;
            }
            for k in 0..=n as usize {
                // All outcomes that are no likelier.
                let slow: f64 = row.iter().filter(|p| **p <= row[k] * (1.0 + 1e-9)).sum();
                assert!((p_value_of_half(k as u64, n) - slow).abs() < 1e-12, "{k} of {n}");
            }
        }
    }
}
