//! All runs of a plan, one on each core, given out in the order of the plan.
//!
//! One LibTorch thread to a run: measured on 2 cores against LibTorch's own threads, see the README of the benches,
//! this is faster, and a run's result does not depend on how many cores there are.

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
