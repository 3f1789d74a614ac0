//! ROC-AUC: the probability that a good image scores higher than a bad one, a tie counting one half.
//!
//! It is the Mann-Whitney statistic. Wins are counted in whole halves, so the value is exact up to one division, and
//! the same scores can be weighed again and again without being sorted again: that is the bootstrap's inner loop.

use crate::ranks::ascending;
use crate::undefined::Undefined;

/// Area under the ROC curve, in [0, 1].
///
/// # Errors
/// [`Undefined`] without rows, with one class only, or with a NaN among the scores.
///
/// # Panics
/// If there is not one label a score.
pub fn roc_auc(labels: &[bool], scores: &[f64]) -> Result<f64, Undefined> {
    Presorted::new(labels, scores, &vec![0; labels.len()])?.weighted_auc(&[1]).ok_or_else(|| one_class(labels))
}

/// Why there is no AUC of these labels, which are all alike.
pub fn one_class(labels: &[bool]) -> Undefined {
    labels.first().map_or(Undefined::NoData, |&positive| Undefined::OneClass { positive, n: labels.len() })
}

/// Labels in ascending order of their scores, with where tied scores end and the cluster each belongs to.
pub struct Presorted {
    // One word a row: cluster << 2 | is good << 1 | is the last of its tied scores.
    rows: Vec<u32>,
    largest_cluster: usize,
}

/// The row is good.
pub const GOOD: u32 = 0b10;
/// The row is the last of those with its score.
pub const LAST: u32 = 0b01;

impl Presorted {
    /// Sorts once. `clusters` names the prompt of each row, counted from 0.
    ///
    /// # Errors
    /// [`Undefined::NotANumber`].
    ///
    /// # Panics
    /// If the columns differ in length.
    pub fn new(labels: &[bool], scores: &[f64], clusters: &[u32]) -> Result<Self, Undefined> {
        assert!(labels.len() == scores.len() && labels.len() == clusters.len(), "one label and one cluster a score");
        let order = ascending(scores)?;
        let rows = order.iter().enumerate().map(|(at, &row)| {
            let last = order.get(at + 1).is_none_or(|&next| scores[next] != scores[row]);
            clusters[row] << 2 | if labels[row] { GOOD } else { 0 } | if last { LAST } else { 0 }
        });
        let mut sizes = vec![0usize; clusters.iter().max().map_or(0, |last| *last as usize + 1)];
        clusters.iter().for_each(|cluster| sizes[*cluster as usize] += 1);
        Ok(Self { rows: rows.collect(), largest_cluster: sizes.into_iter().max().unwrap_or(0) })
    }

    /// One word a row in ascending order of scores: cluster << 2 | [`GOOD`] | [`LAST`].
    pub fn words(&self) -> &[u32] {
        &self.rows
    }

    /// The rows of the cluster that has most.
    pub fn largest_cluster(&self) -> usize {
        self.largest_cluster
    }

    /// The AUC when every row counts as often as `weights` says of its cluster; `None` if one class is left.
    ///
    /// # Panics
    /// If a cluster has no weight.
    pub fn weighted_auc(&self, weights: &[u32]) -> Option<f64> {
        let (mut good, mut bad, mut half_wins) = (0u64, 0u64, 0u64);
        let (mut tied_good, mut tied_bad) = (0u64, 0u64);
        for &row in &self.rows {
            let weight = u64::from(weights[(row >> 2) as usize]);
            let is_good = u64::from(row >> 1 & 1);
            tied_good += weight * is_good;
            tied_bad += weight * (1 - is_good);
            if row & LAST != 0 {
                half_wins += tied_good * (2 * bad + tied_bad);
                good += tied_good;
                bad += tied_bad;
                (tied_good, tied_bad) = (0, 0);
            }
        }
        (good > 0 && bad > 0).then(|| half_wins as f64 / (2.0 * good as f64 * bad as f64))
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// The definition: every pair of a good and a bad image.
    fn by_pairs(labels: &[bool], scores: &[f64]) -> f64 {
        let (mut wins, mut pairs) = (0.0, 0.0);
        for (good, high) in labels.iter().zip(scores).filter(|(label, _)| **label) {
            for (bad, low) in labels.iter().zip(scores).filter(|(label, _)| !**label) {
                assert!(good != bad);
                pairs += 1.0;
                wins += if high > low { 1.0 } else { 0.0 } + if high == low { 0.5 } else { 0.0 };
            }
        }
        wins / pairs
    }

    fn random_case(rng: &mut ChaCha8Rng) -> (Vec<bool>, Vec<f64>) {
        let n = rng.random_range(2..60);
        let levels = rng.random_range(1..30);
        let mut labels: Vec<bool> = (0..n).map(|_| rng.random_bool(0.4)).collect();
        labels[0] = true;
        labels[1] = false;
        (labels, (0..n).map(|_| f64::from(rng.random_range(0..levels)) / 7.0).collect())
    }

    #[test]
    fn roc_auc_matches_its_definition_on_scores_with_ties() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..500 {
            let (labels, scores) = random_case(&mut rng);
            let auc = roc_auc(&labels, &scores).unwrap();
            assert!((auc - by_pairs(&labels, &scores)).abs() < 1e-12, "{labels:?} {scores:?}");
        }
    }

    #[test]
    fn roc_auc_equals_scikit_learn() {
        // Python 3.11, scikit-learn 1.9.1, numpy 2.4.6:
        //   i = np.arange(97); y = i * i % 7 < 3; p = (i * 37 % 101) / 101; tied = np.round(p, 1)
        //   roc_auc_score(y, p), roc_auc_score(y, tied)
        let labels: Vec<bool> = (0..97).map(|i| i * i % 7 < 3).collect();
        let p: Vec<f64> = (0..97).map(|i| f64::from(i * 37 % 101) / 101.0).collect();
        let tied: Vec<f64> = p.iter().map(|p| (p * 10.0).round_ties_even() / 10.0).collect();
        for (scores, expect) in [(p, 0.457_039_337_474_120_07), (tied, 0.460_144_927_536_231_9)] {
            let auc = roc_auc(&labels, &scores).unwrap();
            assert!((auc - expect).abs() < 1e-12, "{auc} is not {expect}");
        }
    }

    #[test]
    fn weighing_clusters_equals_writing_their_rows_out_as_often() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..300 {
            let (labels, scores) = random_case(&mut rng);
            let clusters: Vec<u32> = (0..labels.len()).map(|_| rng.random_range(0..8)).collect();
            let weights: Vec<u32> = (0..8).map(|_| rng.random_range(0..4)).collect();
            let resample: Vec<usize> =
                (0..labels.len()).flat_map(|row| vec![row; weights[clusters[row] as usize] as usize]).collect();
            let labels_out: Vec<bool> = resample.iter().map(|&row| labels[row]).collect();
            let scores_out: Vec<f64> = resample.iter().map(|&row| scores[row]).collect();
            let weighted = Presorted::new(&labels, &scores, &clusters).unwrap().weighted_auc(&weights);
            assert_eq!(weighted, roc_auc(&labels_out, &scores_out).ok());
        }
    }

    #[test]
    fn roc_auc_of_constant_zero_scores_is_one_half() {
        assert_eq!(roc_auc(&[false, true], &[0.0, 0.0]), Ok(0.5));
        assert_eq!(roc_auc(&[false, true], &[-0.0, 0.0]), Ok(0.5));
    }

    #[test]
    fn roc_auc_says_what_it_lacks() {
        assert_eq!(roc_auc(&[], &[]), Err(Undefined::NoData));
        assert_eq!(roc_auc(&[true], &[0.5]), Err(Undefined::OneClass { positive: true, n: 1 }));
        assert_eq!(roc_auc(&[false, false], &[0.5, 0.1]), Err(Undefined::OneClass { positive: false, n: 2 }));
        assert_eq!(roc_auc(&[false, true], &[0.5, f64::NAN]), Err(Undefined::NotANumber { row: 2 }));
        assert_eq!(roc_auc(&[false, true], &[f64::NEG_INFINITY, f64::INFINITY]), Ok(1.0));
    }
}
