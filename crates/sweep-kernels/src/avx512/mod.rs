//! The kernels with AVX-512. [`Layer`](crate::Layer) has asked the CPU for it.

mod adam;
mod gradient;
mod product;
mod transpose;

pub use gradient::{Scratch, gradient_step};
pub use product::product;
pub use transpose::transpose;

use crate::lines::LANES;

/// Vectors that a tile is wide for so many columns of a panel: 1, 2 or 4.
fn vectors_of(n_columns: usize) -> usize {
    n_columns.div_ceil(LANES).next_power_of_two()
}
