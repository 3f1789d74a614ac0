//! All runs of a plan, one on each core, given out in the order of the plan.
//!
//! Each run has one LibTorch thread, so its result does not depend on how many cores there are. It is also the faster
//! way: on 2 idle cores a model of the demo's size (400 pairs, 1,664 inputs) took 1.0-1.3 s, and 1.4-2.0 s with
//! LibTorch's own threads (four rounds of each, by turns). These wait for each other within every small product, which
//! is worse where others use the cores too: 1.7-2.0 s against 27-28 s at a load average of 2 to 3 (two rounds).

use std::collections::BTreeMap;
use std::sync::mpsc;

use rayon::iter::{ParallelBridge, ParallelIterator};
use tch::Device;

use crate::error::TrainError;

/// How many runs are trained at once: one on each core, one on a GPU.
pub fn n_at_once(device: Device) -> usize {
    if device.is_cuda() { 1 } else { rayon::current_num_threads() }
}

/// Calls `fit` on every run, several at once, and `take` with each result in the order of the runs. The first error
/// of either ends it.
///
/// # Errors
/// The first error, or [`TrainError::Threads`].
pub fn sweep<R: Sync, F: Send>(
    runs: &[R],
    n_threads: usize,
    fit: impl Fn(&R) -> Result<F, TrainError> + Sync,
    mut take: impl FnMut(&R, F) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let threads_before = tch::get_num_threads();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .thread_name(|at| format!("train-{at}"))
        // LibTorch remembers this for each thread, and for all that it has not met yet.
        .start_handler(|_| tch::set_num_threads(1))
        .build()
        .map_err(|source| TrainError::Threads { n_threads, source })?;
    let (sender, results) = mpsc::channel();
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            pool.install(|| {
                // A bridge hands runs out one by one, so that early ones are done early and few results wait.
                let runs = runs.iter().enumerate().par_bridge();
                // Nobody listens once an error has ended the sweep; then the rest need not be fitted.
                runs.try_for_each_with(sender, |sender, (at, run)| sender.send((at, fit(run))).ok()).is_some()
            })
        });
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for (at, fitted) in results {
            waiting.insert(at, fitted?);
            while let Some(fitted) = waiting.remove(&next) {
                take(&runs[next], fitted)?;
                next += 1;
            }
        }
        Ok(())
    });
    tch::set_num_threads(threads_before);
    outcome
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_runs_whichever_is_done_first() {
        let runs: Vec<u64> = (0..20).collect();
        let slow_first = |run: &u64| {
            std::thread::sleep(Duration::from_millis(if run.is_multiple_of(5) { 20 } else { 1 }));
            Ok(run * 10)
        };
        let mut taken = Vec::new();
        sweep(&runs, 4, slow_first, |run, fitted| {
            assert_eq!(fitted, run * 10);
            taken.push(*run);
            Ok(())
        })
        .unwrap();
        assert_eq!(taken, runs);
        sweep(&[], 4, slow_first, |_, _| unreachable!("no run")).unwrap();
    }

    #[test]
    fn the_first_error_ends_the_sweep_and_the_rest_is_not_fitted() {
        let failure = || TrainError::setting("here", "broken");
        let runs: Vec<usize> = (0..1000).collect();
        let n_fitted = AtomicUsize::new(0);
        let fit = |run: &usize| {
            n_fitted.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(1));
            if *run == 3 { Err(failure()) } else { Ok(()) }
        };
        let error = sweep(&runs, 2, fit, |_, ()| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "`train.here`: broken");
        assert!(n_fitted.load(Ordering::Relaxed) < 500);
        let full_disk = sweep(&runs, 2, |_| Ok(()), |run, ()| if *run < 5 { Ok(()) } else { Err(failure()) });
        assert!(full_disk.is_err());
    }

    #[test]
    fn libtorch_gets_its_threads_back() {
        let before = tch::get_num_threads();
        sweep(
            &[()],
            1,
            |()| Ok(tch::get_num_threads()),
            |(), inside| {
                assert_eq!(inside, 1);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(tch::get_num_threads(), before);
    }

    /// `cargo nextest run -E 'package(train)' --run-ignored only --no-capture`; the figures are in the module's text.
    #[test]
    #[ignore = "a measurement of some 30 s"]
    fn measure_one_run_on_each_core_against_libtorch_s_own_threads() {
        use crate::concept_predictor::{Problem, train};
        use crate::settings::{Init, Mlp};

        let (n, dim, n_heads) = (400, 1664, 8);
        let mlp = Mlp {
            hidden: vec![256, 256],
            epochs: 100,
            batch_size: 128,
            learning_rate: 1e-4,
            init: Init::KaimingUniform,
        };
        let problem = Problem {
            inputs: (0..n * dim).map(|at| (at * 7919 % 1009) as f32 / 1009.0 - 0.5).collect(),
            dim,
            labels: (0..n * n_heads).map(|at| Some(at * 31 % 7 > 3)).collect(),
            n_heads,
        };
        let fit = |seed: u32| train(&problem, &mlp, seed, Device::Cpu).unwrap();
        let seeds = [0, 1];
        let per_model = |work: &dyn Fn()| {
            let start = std::time::Instant::now();
            work();
            start.elapsed().as_secs_f64() / seeds.len() as f64
        };
        // By turns, so that whatever else the machine does meets both alike.
        for round in 0..4 {
            let own = per_model(&|| seeds.iter().for_each(|seed| drop(fit(*seed))));
            let on_cores = per_model(&|| {
                sweep(&seeds, n_at_once(Device::Cpu), |seed| Ok(fit(*seed)), |_, _| Ok(())).unwrap();
            });
            let threads = (tch::get_num_threads(), n_at_once(Device::Cpu));
            println!(
                "round {round}: LibTorch's threads {own:.2} s, one on each core {on_cores:.2} s; threads {threads:?}"
            );
        }
    }
}
