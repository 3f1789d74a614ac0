//! ROC-AUCs of many runs on the same images, with clustered intervals: what `evaluate` does for each split, for benchmarks and
//! for whoever has scores without a pipeline.

use rayon::prelude::*;

use crate::bootstrap::Draws;
use crate::metrics::auc_with_replicates;
use crate::undefined::Undefined;

/// An AUC and both ends of its 95 % percentile interval; NaN for each end where there is no interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AucInterval {
    /// The AUC.
    pub auc: f64,
    /// Lower end.
    pub ci_low: f64,
    /// Upper end.
    pub ci_high: f64,
}

/// The AUC of each run, whole clusters redrawn `replicates` times, the same draws for all runs.
///
/// `clusters` numbers the prompt of each image from 0; each run has one score an image. The result does not depend on the number of
/// threads.
///
/// # Errors
/// For each run, [`Undefined`] if it has no AUC.
///
/// # Panics
/// If the columns differ in length.
pub fn auc_intervals(
    labels: &[bool],
    clusters: &[u32],
    runs: &[Vec<f64>],
    replicates: usize,
    seed: u64,
) -> Vec<Result<AucInterval, Undefined>> {
    let n_clusters = clusters.iter().max().map_or(0, |last| *last as usize + 1);
    let draws = Draws::new(n_clusters, replicates, seed);
    let of_run = |scores: &Vec<f64>| {
        let (auc, values) = auc_with_replicates(labels, scores, clusters, &draws);
        let auc = auc?;
        let (ci_low, ci_high) = draws.interval(&values).map_or((f64::NAN, f64::NAN), |ends| (ends.low, ends.high));
        Ok(AucInterval { auc, ci_low, ci_high })
    };
    runs.par_iter().map(of_run).collect()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::roc::roc_auc;

    fn normal(rng: &mut ChaCha8Rng) -> f64 {
        (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
    }

    /// Images in prompts of four: an easy prompt has more good images, and its images score higher whatever they are.
    fn sample(n_prompts: usize, effect: f64, rng: &mut ChaCha8Rng) -> (Vec<bool>, Vec<u32>, Vec<f64>) {
        let (mut labels, mut clusters, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        for prompt in 0..n_prompts {
            let ease = normal(rng);
            for _ in 0..4 {
                let label = normal(rng) + effect * ease > 0.0;
                labels.push(label);
                clusters.push(prompt as u32);
                scores.push(if label { 1.0 } else { 0.0 } + effect * ease + normal(rng));
            }
        }
        (labels, clusters, scores)
    }

    #[test]
    fn one_thread_gives_what_many_give() {
        let (labels, clusters, scores) = sample(40, 0.5, &mut ChaCha8Rng::seed_from_u64(1));
        let runs = vec![scores.clone(), scores.iter().map(|score| -score).collect(), scores];
        let many = auc_intervals(&labels, &clusters, &runs, 100, 7);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| auc_intervals(&labels, &clusters, &runs, 100, 7)), many);
        let interval = many[0].clone().unwrap();
        assert!(interval.ci_low < interval.auc && interval.auc < interval.ci_high, "{interval:?}");
        let one_image = auc_intervals(&[true], &[0], &[vec![0.5]], 10, 0).remove(0);
        assert_eq!(one_image, Err(Undefined::OneClass { positive: true, n: 1 }));
    }

    /// How often the 95 % interval holds the true AUC: `--run-ignored only --no-capture`.
    #[test]
    #[ignore = "a simulation of some seconds, to be looked at"]
    fn coverage_of_the_interval() {
        const DATA_SETS: u64 = 2_000;
        for effect in [0.0, 0.7] {
            let (labels, _, scores) = sample(250_000, effect, &mut ChaCha8Rng::seed_from_u64(99));
            let truth = roc_auc(&labels, &scores).unwrap();
            for n_prompts in [20, 50, 100, 335] {
                let holds = |row_clusters: bool| {
                    let held = (0..DATA_SETS).into_par_iter().filter(|&set| {
                        let mut rng = ChaCha8Rng::seed_from_u64(1_000 + set);
                        let (labels, mut clusters, scores) = sample(n_prompts, effect, &mut rng);
                        if row_clusters {
                            clusters = (0..labels.len() as u32).collect();
                        }
                        let found = auc_intervals(&labels, &clusters, &[scores], 1_000, set).remove(0);
                        found.is_ok_and(|found| found.ci_low <= truth && truth <= found.ci_high)
                    });
                    100.0 * held.count() as f64 / DATA_SETS as f64
                };
                let (clustered, images) = (holds(false), holds(true));
                eprintln!(
                    "prompt effect {effect}, {n_prompts} prompts of 4, AUC {truth:.4}: {clustered:.1} % by prompt, {images:.1} % by image"
                );
                assert!(n_prompts < 100 || (93.0..97.0).contains(&clustered), "{clustered} %");
            }
        }
    }
}
