//! The percentile bootstrap, clustered by prompt: images of one prompt are not independent, so prompts are redrawn
//! with all their images.
//!
//! All models of one experiment and split share the same draws, so that a difference between two of them is paired.
//! A mean over seeds is redrawn on both levels: prompts, and then as many seeds as there are.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::roc::Presorted;
use crate::undefined::Undefined;

/// Both ends of a 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its 2.5 % quantile.
    pub low: f64,
    /// Its 97.5 % quantile.
    pub high: f64,
}

/// How often each of `n_clusters` prompts is drawn, in each of the replicates.
pub struct Draws {
    n_clusters: usize,
    replicates: usize,
    seed: u64,
    // One row of `n_clusters` a replicate.
    multiplicities: Vec<u32>,
}

impl Draws {
    /// Draws `n_clusters` prompts with replacement, `replicates` times.
    ///
    /// Every replicate has a random stream of its own, so the draws do not depend on the number of threads.
    pub fn new(n_clusters: usize, replicates: usize, seed: u64) -> Self {
        let mut multiplicities = vec![0; n_clusters * replicates];
        if n_clusters > 0 {
            multiplicities.par_chunks_mut(n_clusters).enumerate().for_each(|(replicate, row)| {
                let mut rng = stream(seed, 2 * replicate as u64);
                for _ in 0..n_clusters {
                    row[rng.random_range(0..n_clusters)] += 1;
                }
            });
        }
        Self { n_clusters, replicates, seed, multiplicities }
    }

    /// How many prompts there are.
    pub fn n_clusters(&self) -> usize {
        self.n_clusters
    }

    /// The AUC of every replicate; `None` where a resample has one class only.
    pub fn aucs(&self, rows: &Presorted) -> Vec<Option<f64>> {
        if self.n_clusters == 0 {
            return vec![None; self.replicates];
        }
        self.multiplicities.chunks(self.n_clusters).map(|weights| rows.weighted_auc(weights)).collect()
    }

    /// The mean over seeds of every replicate, the seeds redrawn too; `None` where one of them has no value.
    ///
    /// Two arms with equally many seeds get the same draw of seeds.
    pub fn seed_means(&self, seeds: &[&[Option<f64>]]) -> Vec<Option<f64>> {
        let mean = |replicate: usize| {
            let mut rng = stream(self.seed, 2 * replicate as u64 + 1);
            let sum = (0..seeds.len()).try_fold(0.0, |sum, _| {
                let drawn = seeds[rng.random_range(0..seeds.len())];
                drawn[replicate].map(|value| sum + value)
            });
            sum.map(|sum| sum / seeds.len() as f64)
        };
        (0..self.replicates).map(|replicate| if seeds.is_empty() { None } else { mean(replicate) }).collect()
    }

    /// The 95 % interval of a statistic whose replicates these are.
    ///
    /// # Errors
    /// [`Undefined::OneCluster`], or [`Undefined::TooFewResamples`] if more than half have no value.
    pub fn interval(&self, replicates: &[Option<f64>]) -> Result<Interval, Undefined> {
        if self.n_clusters < 2 {
            return Err(Undefined::OneCluster);
        }
        let mut values: Vec<f64> = replicates.iter().copied().flatten().collect();
        let dropped = replicates.len() - values.len();
        if values.is_empty() || 2 * dropped > replicates.len() {
            return Err(Undefined::TooFewResamples { dropped, replicates: replicates.len() });
        }
        values.sort_by(f64::total_cmp);
        Ok(Interval { low: quantile(&values, 0.025), high: quantile(&values, 0.975) })
    }
}

fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}

/// The quantile of sorted values, linear between two of them (numpy's default). There must be one value at least.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let below = sorted[at.floor() as usize];
    let above = sorted[at.ceil() as usize];
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_replicate_draws_as_many_prompts_as_there_are() {
        let draws = Draws::new(7, 50, 3);
        assert!(draws.multiplicities.chunks(7).all(|row| row.iter().sum::<u32>() == 7));
        assert_eq!(draws.multiplicities, Draws::new(7, 50, 3).multiplicities);
        assert_ne!(draws.multiplicities, Draws::new(7, 50, 4).multiplicities);
        assert_eq!(
            draws.multiplicities[..70],
            Draws::new(7, 10, 3).multiplicities,
            "replicates have streams of their own"
        );
    }

    #[test]
    fn replicates_equal_resamples_that_are_written_out() {
        let labels = [true, false, true, false, true, false, false, true];
        let scores = [0.9, 0.2, 0.4, 0.4, 0.7, 0.6, 0.1, 0.3];
        let clusters = [0, 0, 1, 1, 2, 2, 3, 3];
        let draws = Draws::new(4, 200, 11);
        let fast = draws.aucs(&Presorted::new(&labels, &scores, &clusters).unwrap());
        for (weights, fast) in draws.multiplicities.chunks(4).zip(fast) {
            let rows = || (0..8).flat_map(|row| vec![row; weights[clusters[row] as usize] as usize]);
            let labels: Vec<bool> = rows().map(|row| labels[row]).collect();
            let scores: Vec<f64> = rows().map(|row| scores[row]).collect();
            assert_eq!(fast, crate::roc::roc_auc(&labels, &scores).ok());
        }
    }

    #[test]
    fn the_interval_is_the_percentiles_as_numpy_has_them() {
        // numpy 2.4.6: np.percentile([.3, .1, .9, .4, .8, .7, .2], [2.5, 97.5])
        let replicates = [0.3, 0.1, 0.9, 0.4, 0.8, 0.7, 0.2].map(Some);
        let interval = Draws::new(5, 7, 0).interval(&replicates).unwrap();
        assert!((interval.low - 0.115).abs() < 1e-15 && (interval.high - 0.885).abs() < 1e-15, "{interval:?}");
    }

    #[test]
    fn no_interval_from_one_prompt_or_when_most_resamples_have_one_class() {
        let some = |n: usize| (0..10).map(|at| (at < n).then_some(0.5)).collect::<Vec<_>>();
        assert_eq!(Draws::new(1, 10, 0).interval(&some(10)), Err(Undefined::OneCluster));
        assert_eq!(Draws::new(0, 10, 0).interval(&some(0)), Err(Undefined::OneCluster));
        let draws = Draws::new(3, 10, 0);
        assert_eq!(draws.interval(&some(5)), Ok(Interval { low: 0.5, high: 0.5 }));
        assert_eq!(draws.interval(&some(4)), Err(Undefined::TooFewResamples { dropped: 6, replicates: 10 }));
    }

    #[test]
    fn a_mean_over_one_seed_is_that_seed_and_over_equal_seeds_is_their_value() {
        let draws = Draws::new(4, 3, 0);
        let seed = [Some(0.25), None, Some(0.75)];
        assert_eq!(draws.seed_means(&[&seed]), seed);
        assert_eq!(draws.seed_means(&[&seed, &seed]), seed);
        assert_eq!(draws.seed_means(&[]), [None; 3]);
    }

    #[test]
    fn arms_with_equally_many_seeds_draw_the_same_seeds() {
        let draws = Draws::new(4, 100, 0);
        let (low, high) = (vec![Some(0.0); 100], vec![Some(1.0); 100]);
        assert_eq!(draws.seed_means(&[&low, &high]), draws.seed_means(&[&low, &high]));
        let shares: f64 = draws.seed_means(&[&low, &high]).iter().flatten().sum();
        assert!((30.0..70.0).contains(&shares), "{shares}");
    }
}
