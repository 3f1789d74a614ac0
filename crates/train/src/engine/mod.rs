//! The sweep engine: many small networks, one on each core or all of a shape at once on a GPU.
//!
//! In come [`Problem`]s, each the rows, labels, loss and seed of one network; out go [`Trained`] networks, into
//! [`KeptNetworks`] as soon as each is done. A problem's result depends on the problem, the settings and the device,
//! not on which others were trained beside it.

pub(crate) mod autograd;
mod batched;
pub(crate) mod cpu;
mod loss;
mod matrix;
mod problem;
mod start;
mod sweep;
#[cfg(test)]
mod tests;
mod trained;

pub use crate::kept::KeptNetworks;
pub use autograd::logits;
pub use matrix::Matrix;
pub use problem::{Examples, Objective, Problem, Targets};
pub use start::Start;
pub use sweep::{Event, train_all};
pub use trained::Trained;
