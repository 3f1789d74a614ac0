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
    use crate::over_seeds::OverSeeds;
    use crate::roc::roc_auc;

    fn normal(rng: &mut ChaCha8Rng) -> f64 {
        (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
    }

    /// Images in prompts of four: an easy prompt has more good images, and its images score higher whatever they are. Each seed
    /// is a model of its own, and no two are equally good.
    struct Sample {
        labels: Vec<bool>,
        clusters: Vec<u32>,
        of_seeds: Vec<Vec<f64>>,
    }

    fn sample(n_prompts: usize, effect: f64, n_seeds: usize, rng: &mut ChaCha8Rng) -> Sample {
        let strengths: Vec<f64> =
            (0..n_seeds).map(|_| 1.0 + if n_seeds > 1 { 0.15 * normal(rng) } else { 0.0 }).collect();
        let mut sample = Sample { labels: vec![], clusters: vec![], of_seeds: vec![vec![]; n_seeds] };
        for prompt in 0..n_prompts {
            let ease = normal(rng);
            for _ in 0..4 {
                let label = normal(rng) + effect * ease > 0.0;
                sample.labels.push(label);
                sample.clusters.push(prompt as u32);
                for (scores, strength) in sample.of_seeds.iter_mut().zip(&strengths) {
                    scores.push(if label { *strength } else { 0.0 } + effect * ease + normal(rng));
                }
            }
        }
        sample
    }

    #[test]
    fn one_thread_gives_what_many_give() {
        let Sample { labels, clusters, mut of_seeds } = sample(40, 0.5, 1, &mut ChaCha8Rng::seed_from_u64(1));
        let scores = of_seeds.remove(0);
        let runs = vec![scores.clone(), scores.iter().map(|score| -score).collect(), scores];
        let many = auc_intervals(&labels, &clusters, &runs, 100, 7);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| auc_intervals(&labels, &clusters, &runs, 100, 7)), many);
        let interval = many[0].clone().unwrap();
        assert!(interval.ci_low < interval.auc && interval.auc < interval.ci_high, "{interval:?}");
        let one_image = auc_intervals(&[true], &[0], &[vec![0.5]], 10, 0).remove(0);
        assert_eq!(one_image, Err(Undefined::OneClass { positive: true, n: 1 }));
    }

    /// The mean over seeds with its interval, as `arms` has it; clusters may be prompts or single images.
    fn mean_over_seeds(sample: &Sample, clusters: &[u32], seed: u64) -> Option<AucInterval> {
        let n_clusters = clusters.iter().max().map_or(0, |last| *last as usize + 1);
        let draws = Draws::new(n_clusters, 1_000, seed);
        let (mut aucs, mut replicates) = (Vec::new(), Vec::new());
        for scores in &sample.of_seeds {
            let (auc, of_draws) = auc_with_replicates(&sample.labels, scores, clusters, &draws);
            aucs.push(auc.ok()?);
            replicates.push(of_draws);
        }
        let mean = OverSeeds::mean(&aucs, &replicates.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let interval = mean.interval().ok()?;
        Some(AucInterval { auc: mean.value, ci_low: interval.low, ci_high: interval.high })
    }

    /// How often the 95 % interval holds the true AUC: `--run-ignored only --no-capture`; `COVERAGE=effect,prompts,seeds` is
    /// one row alone.
    #[test]
    #[ignore = "a simulation of minutes, to be looked at"]
    fn coverage_of_the_interval() {
        const DATA_SETS: u64 = 2_000;
        let one = std::env::var("COVERAGE").ok();
        let rows = [1, 3, 10].into_iter().flat_map(|n_seeds| {
            [0.0, 0.7]
                .into_iter()
                .flat_map(move |effect| [20, 50, 100, 335].map(|n_prompts| (effect, n_prompts, n_seeds)))
        });
        for (effect, n_prompts, n_seeds) in rows {
            if one.as_ref().is_some_and(|one| *one != format!("{effect},{n_prompts},{n_seeds}")) {
                continue;
            }
            let large = sample(100_000, effect, if n_seeds > 1 { 200 } else { 1 }, &mut ChaCha8Rng::seed_from_u64(99));
            let aucs = large.of_seeds.par_iter().map(|scores| roc_auc(&large.labels, scores).unwrap());
            let truth = aucs.sum::<f64>() / large.of_seeds.len() as f64;
            let holds = |by_image: bool| {
                let held = (0..DATA_SETS).into_par_iter().filter(|&set| {
                    let sample = sample(n_prompts, effect, n_seeds, &mut ChaCha8Rng::seed_from_u64(1_000 + set));
                    let images: Vec<u32> = (0..sample.labels.len() as u32).collect();
                    let clusters = if by_image { &images } else { &sample.clusters };
                    mean_over_seeds(&sample, clusters, set)
                        .is_some_and(|found| found.ci_low <= truth && truth <= found.ci_high)
                });
                100.0 * held.count() as f64 / DATA_SETS as f64
            };
            let (by_prompt, by_image) = (holds(false), holds(true));
            eprintln!("| {effect} | {n_prompts} | {n_seeds} | {truth:.4} | {by_prompt:.1} % | {by_image:.1} % |");
            assert!(n_prompts < 100 || n_seeds > 1 || (93.0..97.0).contains(&by_prompt), "{by_prompt} %");
        }
    }
}
