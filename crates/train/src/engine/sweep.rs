//! All problems of a sweep: what is kept is not trained again, what is trained is kept at once.

use tch::Device;

use crate::engine::cpu::Prepared;
use crate::engine::{Problem, autograd, cpu};
use crate::error::TrainError;
use crate::kept::KeptNetworks;
use crate::settings::{Mlp, Precision};
use crate::sweep::{n_at_once, sweep};

/// What happens to the problems, told as it happens, from several threads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// This one was trained by an earlier run.
    Kept {
        /// Which.
        problem: usize,
    },
    /// One more epoch of this one is done.
    Epoch {
        /// Which.
        problem: usize,
        /// From 1.
        epoch: usize,
    },
    /// This one is trained and kept.
    Trained {
        /// Which.
        problem: usize,
    },
}

/// Trains every problem that is not kept yet, in an order and in groups of the engine's own, and keeps each as soon as
/// it is trained. Gives the key of each, in the order of the problems, for [`KeptNetworks::get`].
///
/// The same problem, settings and device give the same weights whatever else is in the list: to 1e-5, and bit by bit if
/// the list is the same.
///
/// A problem without any label keeps its initial weights and runs no epoch.
///
/// # Errors
/// [`TrainError::Problem`] for a problem that fails its [`check`](Problem::check); nothing is trained then.
/// [`TrainError`] if LibTorch or the disk fails.
pub fn train_all(
    problems: &[Problem],
    mlp: &Mlp,
    device: Device,
    kept: &KeptNetworks,
    progress: &(dyn Fn(Event) + Sync),
) -> Result<Vec<String>, TrainError> {
    check(mlp)?;
    problems.iter().enumerate().try_for_each(|(at, problem)| problem.check(at))?;
    let keys: Vec<String> = problems.iter().map(|problem| KeptNetworks::key(problem, mlp, device)).collect();
    let mut missing = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        if kept.get(key)?.is_some() {
            progress(Event::Kept { problem: at });
        } else {
            missing.push(at);
        }
    }
    // The longest first, so that no core is left with a long one at the end.
    missing.sort_by_key(|&at| std::cmp::Reverse(problems[at].n_multiplications()));
    let on_cpu = device == Device::Cpu;
    if !on_cpu && mlp.precision == Precision::Bf16 {
        let problem = "bf16 is there on the CPU alone; write f32, or `train.device: cpu`";
        return Err(TrainError::setting("mlp.precision", problem));
    }
    let prepared = Prepared::new(missing.iter().filter(|_| on_cpu).map(|&at| &problems[at]), mlp.precision);
    let train = |&at: &usize| {
        let epoch = |epoch| progress(Event::Epoch { problem: at, epoch });
        let trained = if on_cpu {
            cpu::train(&problems[at], &prepared, mlp, &epoch)
        } else {
            let torch = |source| TrainError::Torch { run_id: at.to_string(), source };
            autograd::train(&problems[at], mlp, device, &epoch).map_err(torch)?
        };
        // Here, not where results are put in order: a run that is killed next must not train it again.
        kept.put(&keys[at], &trained)?;
        progress(Event::Trained { problem: at });
        Ok(())
    };
    sweep(&missing, n_at_once(device), train, |_, ()| Ok(()))?;
    Ok(keys)
}

fn check(mlp: &Mlp) -> Result<(), TrainError> {
    if let Some(decay) = mlp.weight_decay.filter(|decay| !(decay.is_finite() && *decay >= 0.0)) {
        return Err(TrainError::setting("mlp.weight_decay", format!("is {decay}; leave it out, or write at least 0")));
    }
    if mlp.early_stopping.is_some_and(|stopping| stopping.patience == 0) {
        return Err(TrainError::setting("mlp.early_stopping.patience", "is 0; it would stop before it starts"));
    }
    if mlp.batch_size == 0 {
        return Err(TrainError::setting("mlp.batch_size", "is 0"));
    }
    Ok(())
}
