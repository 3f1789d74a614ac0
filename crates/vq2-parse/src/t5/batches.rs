//! Batches through a network, one a core.
//!
//! On a CPU each core runs a batch alone, with one thread inside an operation: results do not depend on the number of
//! cores, and nobody waits inside an operation for a core that another program has. On CUDA one batch follows another.

use rayon::prelude::*;
use tch::Device;

use super::error::T5Error;

/// What `work` makes of each batch, in the order of the batches.
///
/// # Errors
/// One of those that `work` fails with.
pub fn of_each_batch<I: Sync, O: Send>(
    device: Device,
    batches: &[I],
    work: impl Fn(&I) -> Result<O, T5Error> + Sync,
) -> Result<Vec<O>, T5Error> {
    if device != Device::Cpu {
        return batches.iter().map(work).collect();
    }
    let n_threads = tch::get_num_threads();
    let made = batches
        .par_iter()
        .map(|batch| {
            tch::set_num_threads(1);
            work(batch)
        })
        .collect();
    // The workers' one thread has become LibTorch's default for new threads.
    tch::set_num_threads(n_threads);
    made
}
