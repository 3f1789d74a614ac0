//! Expected calibration error: how far rewards are from the share of good images that they stand for.
//!
//! Source: Naeini et al. 2015, Guo et al. 2017 (ECE with equal-width bins, weighed by their number of images). Bins are
//! scikit-learn's (`calibration_curve`, `strategy="uniform"`): ]0, 1/k], ]1/k, 2/k], …, the first with its lower end.

use crate::undefined::Undefined;

/// Expected calibration error, in [0, 1]; lower is better: over `n_bins` bins of equal width, the mean distance between a
/// bin's mean reward and its share of good images, each bin weighed by its number of images.
///
/// # Errors
/// [`Undefined`] without rows, or with a NaN.
pub fn calibration_error(labels: &[bool], rewards: &[f64], n_bins: usize) -> Result<f64, Undefined> {
    if let Some(row) = rewards.iter().position(|reward| reward.is_nan()) {
        return Err(Undefined::NotANumber { row: row + 1 });
    }
    if labels.is_empty() {
        return Err(Undefined::NoData);
    }
    let mut gaps = vec![0.0; n_bins.max(1)];
    for (&label, &reward) in labels.iter().zip(rewards) {
        gaps[bin_of(reward, n_bins)] += reward - f64::from(u8::from(label));
    }
    Ok(gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / labels.len() as f64)
}

/// The bin of a reward: how many inner edges lie below it.
pub fn bin_of(reward: f64, n_bins: usize) -> usize {
    // numpy.linspace multiplies by the step; dividing would put 0.3 on the other side of its edge.
    let step = 1.0 / n_bins.max(1) as f64;
    let edge = |edge: usize| edge as f64 * step;
    let mut bin = ((reward / step).max(0.0) as usize).min(n_bins.saturating_sub(1));
    while bin > 0 && reward <= edge(bin) {
        bin -= 1;
    }
    while bin + 1 < n_bins && reward > edge(bin + 1) {
        bin += 1;
    }
    bin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_those_of_searchsorted() {
        for n_bins in [1, 2, 3, 7, 10, 15, 49] {
            let inner: Vec<f64> = (1..n_bins).map(|edge| edge as f64 * (1.0 / n_bins as f64)).collect();
            let at_edges = inner.iter().flat_map(|edge| [*edge, edge.next_up(), edge.next_down()]);
            for reward in at_edges.chain([0.0, 0.3, 0.5, 0.999, 1.0]) {
                let expected = inner.iter().filter(|edge| **edge < reward).count();
                assert_eq!(bin_of(reward, n_bins), expected, "{reward} in {n_bins}");
            }
        }
    }

    #[test]
    fn certain_and_right_is_calibrated_and_certain_and_wrong_is_not() {
        assert_eq!(calibration_error(&[true, false], &[1.0, 0.0], 10), Ok(0.0));
        assert_eq!(calibration_error(&[true, false], &[0.0, 1.0], 10), Ok(1.0));
        assert_eq!(calibration_error(&[true, false], &[0.5, 0.5], 10), Ok(0.0));
        assert_eq!(calibration_error(&[], &[], 10), Err(Undefined::NoData));
        assert_eq!(calibration_error(&[true], &[f64::NAN], 10), Err(Undefined::NotANumber { row: 1 }));
    }
}
