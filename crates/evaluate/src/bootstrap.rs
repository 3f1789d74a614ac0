//! The percentile bootstrap, clustered by prompt: images of one prompt are not independent, so prompts are redrawn
//! with all their images.
//!
//! All models of one experiment and split share the same draws, so that a difference between two of them is paired. Seeds
//! are not redrawn: they are few ([`over_seeds`](crate::over_seeds)).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::undefined::Undefined;

/// Both ends of a 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its 2.5 % quantile.
    pub low: f64,
    /// Its 97.5 % quantile.
    pub high: f64,
}

impl Interval {
    /// Both ends moved to where values can be.
    pub fn within(self, range: Self) -> Self {
        Self { low: self.low.clamp(range.low, range.high), high: self.high.clamp(range.low, range.high) }
    }
}

/// Fewer prompts than this are too few for the percentile bootstrap to be trusted: its intervals are too narrow.
pub const FEW_PROMPTS: usize = 20;

/// Replicates that are worked on at once: their weights are neighbours in memory, and one instruction takes several.
pub const LANES: usize = 16;

/// How often each of `n_clusters` prompts is drawn, in each of the replicates.
pub struct Draws {
    n_clusters: usize,
    replicates: usize,
    // Blocks of LANES replicates; in a block one row a prompt. A byte is enough: more than 255 draws of one prompt among
    // 256 prompts or more have a chance below 1e-500.
    blocks: Vec<u8>,
}

impl Draws {
    /// Draws `n_clusters` prompts with replacement, `replicates` times.
    ///
    /// Every replicate has a random stream of its own, so the draws do not depend on the number of threads.
    pub fn new(n_clusters: usize, replicates: usize, seed: u64) -> Self {
        let mut blocks = vec![0; n_clusters * replicates.div_ceil(LANES) * LANES];
        if n_clusters > 0 {
            blocks.par_chunks_mut(n_clusters * LANES).enumerate().for_each(|(block, weights)| {
                for lane in 0..LANES.min(replicates - block * LANES) {
                    let mut rng = stream(seed, (block * LANES + lane) as u64);
                    for _ in 0..n_clusters {
                        let weight: &mut u8 = &mut weights[rng.random_range(0..n_clusters) * LANES + lane];
                        *weight = weight.saturating_add(1);
                    }
                }
            });
        }
        Self { n_clusters, replicates, blocks }
    }

    /// How many prompts there are.
    pub fn n_clusters(&self) -> usize {
        self.n_clusters
    }

    /// One value a replicate, computed [`LANES`] at a time from the weights of those replicates, one row a prompt.
    pub fn each(&self, of_block: impl FnMut(&[[u8; LANES]]) -> [f64; LANES]) -> Vec<f64> {
        if self.n_clusters == 0 {
            return vec![f64::NAN; self.replicates];
        }
        let (rows, _) = self.blocks.as_chunks::<LANES>();
        let mut values: Vec<f64> = rows.chunks_exact(self.n_clusters).map(of_block).collect::<Vec<_>>().concat();
        values.truncate(self.replicates);
        values
    }

    /// The 95 % interval of a statistic whose replicates these are; NaN where a resample has no value.
    ///
    /// # Errors
    /// [`Undefined::OneCluster`], or [`Undefined::TooFewResamples`] if more than half have no value.
    pub fn interval(&self, replicates: &[f64]) -> Result<Interval, Undefined> {
        if self.n_clusters < 2 {
            return Err(Undefined::OneCluster);
        }
        percentiles(replicates)
    }
}

/// The 2.5 % and 97.5 % quantiles of the replicates that have a value.
///
/// # Errors
/// [`Undefined::TooFewResamples`] if more than half have none.
pub fn percentiles(replicates: &[f64]) -> Result<Interval, Undefined> {
    let mut values: Vec<f64> = replicates.iter().copied().filter(|value| !value.is_nan()).collect();
    let dropped = replicates.len() - values.len();
    if values.is_empty() || 2 * dropped > replicates.len() {
        return Err(Undefined::TooFewResamples { dropped, replicates: replicates.len() });
    }
    Ok(Interval { low: select_quantile(&mut values, 0.025), high: select_quantile(&mut values, 0.975) })
}

fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}

/// The quantile of some values, linear between two of them (numpy's default). There must be one value at least.
fn select_quantile(values: &mut [f64], share: f64) -> f64 {
    let at = share * (values.len() - 1) as f64;
    let (_, &mut below, rest) = values.select_nth_unstable_by(at.floor() as usize, f64::total_cmp);
    let above = rest.iter().copied().min_by(f64::total_cmp).unwrap_or(below);
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The weights of each replicate, one a prompt.
    pub fn weights(draws: &Draws) -> Vec<Vec<u32>> {
        let of_prompt = |prompt: usize| draws.each(|block| block[prompt].map(f64::from));
        let columns: Vec<Vec<f64>> = (0..draws.n_clusters).map(of_prompt).collect();
        (0..draws.replicates).map(|at| columns.iter().map(|column| column[at] as u32).collect()).collect()
    }

    #[test]
    fn every_replicate_draws_as_many_prompts_as_there_are() {
        let drawn = weights(&Draws::new(7, 50, 3));
        assert!(drawn.len() == 50 && drawn.iter().all(|row| row.iter().sum::<u32>() == 7));
        assert_eq!(drawn, weights(&Draws::new(7, 50, 3)));
        assert_ne!(drawn, weights(&Draws::new(7, 50, 4)));
        assert_eq!(drawn[..10], weights(&Draws::new(7, 10, 3)), "replicates have streams of their own");
    }

    #[test]
    fn the_interval_is_the_percentiles_as_numpy_has_them() {
        // numpy 2.4.6: np.percentile([.3, .1, .9, .4, .8, .7, .2], [2.5, 97.5])
        let replicates = [0.3, 0.1, 0.9, 0.4, 0.8, 0.7, 0.2];
        let interval = Draws::new(5, 7, 0).interval(&replicates).unwrap();
        assert!((interval.low - 0.115).abs() < 1e-15 && (interval.high - 0.885).abs() < 1e-15, "{interval:?}");
        assert_eq!(percentiles(&[0.4]), Ok(Interval { low: 0.4, high: 0.4 }));
    }

    #[test]
    fn no_interval_from_one_prompt_or_when_most_resamples_have_one_class() {
        let some = |n: usize| (0..10).map(|at| if at < n { 0.5 } else { f64::NAN }).collect::<Vec<_>>();
        assert_eq!(Draws::new(1, 10, 0).interval(&some(10)), Err(Undefined::OneCluster));
        assert_eq!(Draws::new(0, 10, 0).interval(&some(0)), Err(Undefined::OneCluster));
        let draws = Draws::new(3, 10, 0);
        assert_eq!(draws.interval(&some(5)), Ok(Interval { low: 0.5, high: 0.5 }));
        assert_eq!(draws.interval(&some(4)), Err(Undefined::TooFewResamples { dropped: 6, replicates: 10 }));
    }
}
