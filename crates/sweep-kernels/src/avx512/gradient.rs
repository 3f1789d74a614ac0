//! The weights' gradient, block by block, and Adam's step on each while it is in the first cache.

use std::arch::x86_64::*;

use super::adam::Step;
use super::vectors_of;
use crate::PANEL;
use crate::adam::Adam;
use crate::lines::{LANES, Lines};
use crate::rows::{Activations, Rows};

/// Weights of a block: a line of inputs by a panel.
const BLOCK: usize = LANES * PANEL;

/// Where a layer's step puts what it needs for a moment; kept from one step to the next.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    /// `[panel][row][64]`: how the loss changes with the outputs.
    delta: Lines,
    /// `[row][16]`: one line of the inputs.
    inputs: Lines,
    /// `[16, 64]`: one block of the gradient.
    gradient: Lines,
}

/// As [`portable::gradient_step`](crate::portable::gradient_step): all panels of one line of inputs, then the next line.
///
/// The batch's rows lie anywhere, a page each, so that line of theirs is first copied to one place, which the tiles of
/// all panels read; and so are the panels of `delta`, whose rows would be read a line here and a line there.
pub fn gradient_step(rows: &Rows, delta: &Activations, [w, m, v]: [&mut [f32]; 3], adam: &Adam, scratch: &mut Scratch) {
    let n = rows.n();
    let (n_panels, n_lines) = (delta.width().div_ceil(PANEL), rows.width().div_ceil(LANES));
    assert!([w.len(), m.len(), v.len()].iter().all(|len| *len >= n_panels * n_lines * BLOCK));
    scratch.inputs.grow(n.max(1) * LANES);
    scratch.gradient.grow(BLOCK);
    delta.copy_panels(n, &mut scratch.delta);
    let step = Step::of(adam);
    for line in 0..n_lines {
        rows.copy_line(line, &mut scratch.inputs);
        for panel in 0..n_panels {
            let at = (panel * n_lines + line) * BLOCK;
            let next = if panel + 1 < n_panels { at + n_lines * BLOCK } else { (line + 1) * BLOCK };
            let n_vectors = vectors_of((delta.width() - panel * PANEL).min(PANEL));
            for (first, height) in [(0, 6), (6, 5), (11, 5)] {
                let tile = Tile {
                    n,
                    inputs: scratch.inputs[first..].as_ptr(),
                    delta: scratch.delta[panel * n * PANEL..][..n * PANEL].as_ptr(),
                    next: [&*w, &*m, &*v].map(|state| state.as_ptr().wrapping_add(next + first * PANEL)),
                    to: scratch.gradient[first * PANEL..].as_mut_ptr(),
                };
                // SAFETY: the CPU has AVX-512 (`Layer` asked it); inputs and delta hold `n` rows; all start on cache
                // lines, for `Layer` and `Scratch` keep them in `Lines`.
                unsafe {
                    match (height, n_vectors) {
                        (6, 4) => tile.sum::<6, 4>(),
                        (_, 4) => tile.sum::<5, 4>(),
                        (6, 2) => tile.sum::<6, 2>(),
                        (_, 2) => tile.sum::<5, 2>(),
                        (6, _) => tile.sum::<6, 1>(),
                        (_, _) => tile.sum::<5, 1>(),
                    }
                }
            }
            let state = [&mut *w, &mut *m, &mut *v].map(|state| state[at..][..BLOCK].as_mut_ptr());
            // SAFETY: as above; gradient and state are whole blocks.
            unsafe {
                match n_vectors {
                    4 => step.take::<4>(scratch.gradient.as_ptr(), state),
                    2 => step.take::<2>(scratch.gradient.as_ptr(), state),
                    _ => step.take::<1>(scratch.gradient.as_ptr(), state),
                }
            }
        }
    }
}

/// The gradient of `MR` inputs and `NV` vectors of a panel's columns, `g[r][j] = Σ_i inputs[i][r] · delta[i][j]`.
struct Tile {
    n: usize,
    /// `n` times `MR` numbers, a line apart.
    inputs: *const f32,
    /// `[n, PANEL]`.
    delta: *const f32,
    /// Weights and moments that are needed soon: only asked for, never read.
    next: [*const f32; 3],
    /// `[MR][PANEL]`.
    to: *mut f32,
}

impl Tile {
    /// # Safety
    /// The CPU has AVX-512; the pointers point to what is told above, all but `inputs` on cache lines.
    #[target_feature(enable = "avx512f")]
    unsafe fn sum<const MR: usize, const NV: usize>(self) {
        let mut sums = [[_mm512_setzero_ps(); NV]; MR];
        let mut at = 0;
        // One line a row, of each array in turn: more at once would wait for each other.
        while at + 3 <= self.n {
            for (i, next) in self.next.into_iter().enumerate() {
                _mm_prefetch::<_MM_HINT_T1>(next.wrapping_add(at / 3 * LANES).cast());
                self.add_row(&mut sums, at + i);
            }
            at += 3;
        }
        for at in at..self.n {
            self.add_row(&mut sums, at);
        }
        for r in 0..MR {
            for c in 0..NV {
                _mm512_store_ps(self.to.add(r * PANEL + c * LANES), sums[r][c]);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn add_row<const MR: usize, const NV: usize>(&self, sums: &mut [[__m512; NV]; MR], at: usize) {
        let mut delta = [_mm512_setzero_ps(); NV];
        for c in 0..NV {
            delta[c] = _mm512_load_ps(self.delta.add(at * PANEL + c * LANES));
        }
        for r in 0..MR {
            let x = _mm512_set1_ps(*self.inputs.add(at * LANES + r));
            for c in 0..NV {
                sums[r][c] = _mm512_fmadd_ps(x, delta[c], sums[r][c]);
            }
        }
    }
}
