//! The inner loops of training a small dense network on one CPU core, in f32: forward, backward, and Adam right behind
//! the weights' gradient.
//!
//! A crate of its own so that the build profile can leave out overflow checks and debug assertions here alone.
//!
//! Weights lie in *panels* of 64 outputs, `[panel][input][64]`, from the first step to the last. The gradient is
//! there in blocks, a line of 16 inputs by a panel, each summed over the whole batch and used there and then. Everything
//! is done in one order whatever the machine, so equal inputs give equal bits on one kind of CPU.

// What the vector kernels alone need stands beside what all need.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]

mod adam;
#[cfg(target_arch = "x86_64")]
// Loops over registers are written by number, so that each is seen to be unrolled.
#[allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::needless_range_loop)]
mod avx512;
mod layer;
mod lines;
mod portable;
mod rows;

pub use adam::{Adam, Moments};
pub use layer::{Layer, Use};
pub use lines::Lines;
pub use rows::{Activations, RowStore, Rows, round_to_bf16};

/// Outputs of a panel: four vectors. A tile of six by four does 24 products for ten loads; one of 14 by two, 28 for 16.
const PANEL: usize = 64;

/// What a product does with its sums at the end.
#[derive(Debug, Clone, Copy)]
enum Then<'a> {
    /// Leaves them.
    Nothing,
    /// Makes those below zero zero.
    Relu,
    /// Makes those zero where these, in the same place, are not above zero: the way back through a ReLU.
    ZeroUnless(&'a Activations),
}
