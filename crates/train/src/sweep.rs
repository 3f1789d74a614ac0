//! All runs of a plan, one on each core, given out in the order of the plan.
//!
//! Each run has one thread, LibTorch's products among it, so its result does not depend on how many cores there are.

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
}
