//! All problems of a sweep: what is kept is not trained again, what is trained is kept at once.

use tch::Device;

use crate::engine::{Problem, autograd, batched, cpu};
use crate::error::TrainError;
use crate::kept::KeptNetworks;
use crate::settings::{Mlp, Precision};
use crate::sweep::{n_at_once, sweep};
use crate::validate::validate_mlp;

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
        /// Epochs that it made; fewer than all if it was stopped early.
        epochs_run: usize,
    },
}

impl Event {
    /// How many of a problem's `epochs` need not be waited for any more.
    pub(crate) fn epochs_done(self, epochs: usize) -> usize {
        match self {
            Self::Kept { .. } => epochs,
            Self::Epoch { .. } => 1,
            Self::Trained { epochs_run, .. } => epochs - epochs_run,
        }
    }
}

/// Trains every problem that is not kept yet, the longest first, one on each core or all of a shape at once on a GPU, and
/// keeps each as soon as it is trained. Gives the key of each, in the order of the problems, for [`KeptNetworks::get`].
///
/// The same problem, settings and device give the same weights whatever else is in the list: bit by bit on a CPU, to
/// 1e-5 on a GPU.
///
/// A problem without any label keeps its initial weights and runs no epoch.
///
/// # Errors
/// [`TrainError::Setting`], and [`TrainError::Problem`] for a problem that fails its [`check`](Problem::check), before
/// anything is trained; [`TrainError`] if LibTorch or the disk fails.
pub fn train_all(
    problems: &[Problem],
    mlp: &Mlp,
    device: Device,
    kept: &KeptNetworks,
    progress: &(dyn Fn(Event) + Sync),
) -> Result<Vec<String>, TrainError> {
    validate_mlp(mlp)?;
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
    let groups = if on_cpu {
        missing.into_iter().map(|at| vec![at]).collect()
    } else {
        batched::groups(&missing, problems, mlp)
    };
    let n_alone = groups.iter().filter(|group| group.len() == 1).count();
    if !on_cpu && n_alone > 1 {
        tracing::warn!(n_alone, "these networks have no others of their shape and are trained one by one on the GPU");
    }
    let train = |group: &Vec<usize>| {
        let epoch = |epoch| group.iter().for_each(|&problem| progress(Event::Epoch { problem, epoch }));
        let of_group: Vec<&Problem> = group.iter().map(|&at| &problems[at]).collect();
        let trained = match of_group[..] {
            [problem] if on_cpu => Ok(vec![cpu::train(problem, mlp, &epoch)]),
            [problem] => autograd::train(problem, mlp, device, &epoch).map(|trained| vec![trained]),
            _ => batched::train(&of_group, mlp, device, &epoch),
        };
        let trained =
            trained.map_err(|source| TrainError::Torch { run_id: format!("{group:?} of the sweep"), source })?;
        for (&at, trained) in group.iter().zip(&trained) {
            // Here, not where results are put in order: a run that is killed next must not train it again.
            kept.put(&keys[at], trained)?;
            progress(Event::Trained { problem: at, epochs_run: trained.epochs_run });
        }
        Ok(())
    };
    sweep(&groups, n_at_once(device), train, |_, ()| Ok(()))?;
    Ok(keys)
}
