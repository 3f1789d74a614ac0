//! The bootstrap's inner loops: one metric of one run on every replicate, [`LANES`] replicates at a time.
//!
//! A run's rows are sorted once; a replicate is nothing but a weight for each prompt. Every value equals the metric of the
//! rows written out as often as their prompt was drawn. A replicate without a value (one class only) is NaN.

use crate::bootstrap::{Draws, LANES};
use crate::calibration::bin_of;
use crate::probability_scores::{log_loss_of, squared_error_of};
use crate::roc::{GOOD, LAST, Presorted};

/// ROC-AUC of every replicate, exact up to its one division.
pub fn roc_aucs(rows: &Presorted, draws: &Draws) -> Vec<f64> {
    // Twice the won pairs is a whole number below 2 · good · bad. f32 counts whole numbers up to 2^24, f64 up to 2^53, and
    // no resample has more rows than this.
    let most_rows = rows.largest_cluster() as f64 * draws.n_clusters() as f64;
    if most_rows * most_rows / 2.0 < f64::from(1 << 24) {
        draws.each(|weights| auc_f32(rows.words(), weights))
    } else {
        draws.each(|weights| auc_f64(rows.words(), weights))
    }
}

/// The same loop for both kinds of number.
macro_rules! auc_of_block {
    ($name:ident, $Number:ty) => {
        fn $name(words: &[u32], weights: &[[u8; LANES]]) -> [f64; LANES] {
            type Lanes = [$Number; LANES];
            let (mut good, mut bad, mut half_wins): (Lanes, Lanes, Lanes) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
            let (mut tied_good, mut tied_bad): (Lanes, Lanes) = ([0.0; LANES], [0.0; LANES]);
            let mut alone = true;
            for &word in words {
                let weight = weights[(word >> 2) as usize].map(<$Number>::from);
                let is_last = word & LAST != 0;
                if alone && is_last {
                    // Its score is nobody else's: most rows of a network's rewards.
                    if word & GOOD != 0 {
                        for lane in 0..LANES {
                            half_wins[lane] += weight[lane] * (bad[lane] + bad[lane]);
                            good[lane] += weight[lane];
                        }
                    } else {
                        for lane in 0..LANES {
                            bad[lane] += weight[lane];
                        }
                    }
                    continue;
                }
                let tied = if word & GOOD != 0 { &mut tied_good } else { &mut tied_bad };
                for lane in 0..LANES {
                    tied[lane] += weight[lane];
                }
                alone = is_last;
                if is_last {
                    for lane in 0..LANES {
                        half_wins[lane] += tied_good[lane] * (bad[lane] + bad[lane] + tied_bad[lane]);
                        good[lane] += tied_good[lane];
                        bad[lane] += tied_bad[lane];
                    }
                    (tied_good, tied_bad) = ([0.0; LANES], [0.0; LANES]);
                }
            }
            std::array::from_fn(|lane| {
                // One class only: 0 / 0.
                f64::from(half_wins[lane]) / (2.0 * f64::from(good[lane]) * f64::from(bad[lane]))
            })
        }
    };
}

auc_of_block!(auc_f32, f32);
auc_of_block!(auc_f64, f64);

/// Average precision of every replicate.
pub fn average_precisions(rows: &Presorted, draws: &Draws) -> Vec<f64> {
    draws.each(|weights| {
        let (mut seen, mut seen_good, mut sum) = ([0.0_f64; LANES], [0.0; LANES], [0.0; LANES]);
        let mut tied_good = [0.0; LANES];
        // From the highest score down: a group of tied scores ends where the next row is the last of its own.
        for (at, &word) in rows.words().iter().enumerate().rev() {
            let weight = weights[(word >> 2) as usize].map(f64::from);
            for lane in 0..LANES {
                seen[lane] += weight[lane];
            }
            if word & GOOD != 0 {
                for lane in 0..LANES {
                    tied_good[lane] += weight[lane];
                }
            }
            let ends = at == 0 || rows.words()[at - 1] & LAST != 0;
            if ends && tied_good != [0.0; LANES] {
                for lane in 0..LANES {
                    seen_good[lane] += tied_good[lane];
                    sum[lane] += tied_good[lane] * (seen_good[lane] / seen[lane].max(1.0));
                }
                tied_good = [0.0; LANES];
            }
        }
        std::array::from_fn(|lane| sum[lane] / seen_good[lane])
    })
}

/// Rewards with their labels and prompts, for the metrics that are means over images.
pub struct Losses {
    n_clusters: usize,
    // Per prompt: rows, squared errors, log losses.
    n_rows: Vec<f64>,
    squared: Vec<f64>,
    log: Vec<f64>,
    // Per row: prompt, bin, reward less what came true.
    gaps: Vec<(u32, u32, f64)>,
    n_bins: usize,
}

impl Losses {
    /// Sums each prompt's losses once.
    pub fn new(labels: &[bool], rewards: &[f64], clusters: &[u32], n_clusters: usize, n_bins: usize) -> Self {
        let (mut n_rows, mut squared, mut log) = (vec![0.0; n_clusters], vec![0.0; n_clusters], vec![0.0; n_clusters]);
        let mut gaps = Vec::with_capacity(labels.len());
        for ((&label, &reward), &cluster) in labels.iter().zip(rewards).zip(clusters) {
            let at = cluster as usize;
            n_rows[at] += 1.0;
            squared[at] += squared_error_of(label, reward);
            log[at] += log_loss_of(label, reward);
            gaps.push((cluster, bin_of(reward, n_bins) as u32, reward - f64::from(u8::from(label))));
        }
        gaps.sort_by_key(|&(cluster, bin, _)| (bin, cluster));
        // Rows of one prompt in one bin always come together.
        gaps.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 += next.2;
            }
            same
        });
        Self { n_clusters, n_rows, squared, log, gaps, n_bins }
    }

    /// Brier score of every replicate.
    pub fn briers(&self, draws: &Draws) -> Vec<f64> {
        self.means(&self.squared, draws)
    }

    /// Log loss of every replicate.
    pub fn log_losses(&self, draws: &Draws) -> Vec<f64> {
        self.means(&self.log, draws)
    }

    fn means(&self, sums: &[f64], draws: &Draws) -> Vec<f64> {
        draws.each(|weights| {
            let (mut sum, mut n) = ([0.0; LANES], [0.0; LANES]);
            for cluster in 0..self.n_clusters {
                for lane in 0..LANES {
                    let weight = f64::from(weights[cluster][lane]);
                    sum[lane] += weight * sums[cluster];
                    n[lane] += weight * self.n_rows[cluster];
                }
            }
            std::array::from_fn(|lane| sum[lane] / n[lane])
        })
    }

    /// Calibration error of every replicate.
    pub fn calibration_errors(&self, draws: &Draws) -> Vec<f64> {
        draws.each(|weights| {
            let mut n = [0.0; LANES];
            for (weight, rows) in weights.iter().zip(&self.n_rows) {
                for lane in 0..LANES {
                    n[lane] += f64::from(weight[lane]) * rows;
                }
            }
            let (mut total, mut gap) = ([0.0_f64; LANES], [0.0_f64; LANES]);
            let mut rows = self.gaps.iter().peekable();
            while let Some(&(cluster, bin, difference)) = rows.next() {
                let weight = &weights[cluster as usize];
                for lane in 0..LANES {
                    gap[lane] += f64::from(weight[lane]) * difference;
                }
                if rows.peek().is_none_or(|next| next.1 != bin) {
                    for lane in 0..LANES {
                        total[lane] += gap[lane].abs();
                    }
                    gap = [0.0; LANES];
                }
            }
            debug_assert!(self.gaps.iter().all(|gap| (gap.1 as usize) < self.n_bins));
            std::array::from_fn(|lane| total[lane] / n[lane])
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::calibration::calibration_error;
    use crate::probability_scores::{average_precision, brier, log_loss};
    use crate::roc::roc_auc;

    /// Every metric of every replicate against the metric of rows that are written out.
    fn check(labels: &[bool], rewards: &[f64], clusters: &[u32], n_clusters: usize) {
        let draws = Draws::new(n_clusters, 50, 11);
        let rows = Presorted::new(labels, rewards, clusters).unwrap();
        let losses = Losses::new(labels, rewards, clusters, n_clusters, 10);
        let weights: Vec<Vec<f64>> =
            (0..n_clusters).map(|cluster| draws.each(|block| block[cluster].map(f64::from))).collect();
        let (aucs, exact) = (roc_aucs(&rows, &draws), draws.each(|weights| auc_f64(rows.words(), weights)));
        let others = [
            average_precisions(&rows, &draws),
            losses.briers(&draws),
            losses.log_losses(&draws),
            losses.calibration_errors(&draws),
        ];
        for replicate in 0..50 {
            let written_out: Vec<usize> = (0..labels.len())
                .flat_map(|row| vec![row; weights[clusters[row] as usize][replicate] as usize])
                .collect();
            let labels: Vec<bool> = written_out.iter().map(|&row| labels[row]).collect();
            let rewards: Vec<f64> = written_out.iter().map(|&row| rewards[row]).collect();
            let is = |fast: f64, slow: Result<f64, crate::Undefined>| match slow {
                Ok(slow) => assert!((fast - slow).abs() < 1e-12, "{fast} is not {slow}"),
                Err(_) => assert!(fast.is_nan(), "{fast}"),
            };
            let auc = roc_auc(&labels, &rewards).ok();
            assert_eq!(Some(aucs[replicate]).filter(|auc| !auc.is_nan()), auc);
            assert_eq!(Some(exact[replicate]).filter(|auc| !auc.is_nan()), auc);
            is(others[0][replicate], average_precision(&labels, &rewards));
            is(others[1][replicate], brier(&labels, &rewards));
            is(others[2][replicate], log_loss(&labels, &rewards));
            is(others[3][replicate], calibration_error(&labels, &rewards, 10));
        }
    }

    #[test]
    fn replicates_equal_resamples_that_are_written_out() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for levels in [2, 3, 10, 1_000_000] {
            for n_clusters in [2, 3, 17] {
                let n = rng.random_range(4..60);
                let labels: Vec<bool> = (0..n).map(|_| rng.random_bool(0.4)).collect();
                let rewards: Vec<f64> =
                    (0..n).map(|_| f64::from(rng.random_range(0..=levels)) / f64::from(levels)).collect();
                let clusters: Vec<u32> = (0..n).map(|_| rng.random_range(0..n_clusters as u32)).collect();
                check(&labels, &rewards, &clusters, n_clusters);
            }
        }
        check(&[true, true], &[0.5, 0.5], &[0, 1], 2);
        check(&[true, false], &[0.0, 0.0], &[0, 1], 2);
    }

    #[test]
    fn many_rows_are_counted_exactly() {
        // 8,000 rows: 2 · good · bad is above 2^24.
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let labels: Vec<bool> = (0..8_000).map(|_| rng.random_bool(0.5)).collect();
        let rewards: Vec<f64> = (0..8_000).map(|_| rng.random::<f64>()).collect();
        let clusters: Vec<u32> = (0..8_000).map(|row| row / 4).collect();
        check(&labels, &rewards, &clusters, 2_000);
    }
}
