//! Rows times a layer's panels, a tile of the result at a time in registers.

use std::arch::x86_64::*;

use super::vectors_of;
use crate::lines::LANES;
use crate::rows::{Activations, Rows};
use crate::{PANEL, Then};

/// Inputs between two lines of the next panel that a tile asks for.
const ASK_EVERY: usize = 4;

/// As [`portable::product`](crate::portable::product).
pub fn product(rows: &Rows, panels: &[f32], bias: &[f32], then: Then, out: &mut Activations) {
    let (n, n_inputs) = (rows.n(), rows.width());
    let n_panels = out.width().div_ceil(PANEL);
    let size = n_inputs.next_multiple_of(LANES) * PANEL;
    assert!(n <= out.n() && panels.len() >= n_panels * size && bias.len() >= n_panels * PANEL);
    let (starts, stride) = (rows.starts(), out.stride());
    let gate = match then {
        Then::ZeroUnless(gate) => {
            assert!(n <= gate.n() && gate.stride() == stride);
            Some(gate)
        }
        Then::Nothing | Then::Relu => None,
    };
    for (panel, from) in (0..out.width()).step_by(PANEL).enumerate() {
        let weights = &panels[panel * size..][..size];
        let n_vectors = vectors_of((out.width() - from).min(PANEL));
        let mut at = 0;
        while at < n {
            let height = [6, 4, 2, 1].into_iter().find(|height| at + height <= n).unwrap_or(1);
            let place = at * stride + from;
            let tile = Tile {
                n_inputs,
                rows: starts[at..][..height].as_ptr(),
                weights: weights.as_ptr(),
                // The tiles of one panel ask for the next panel's lines between them.
                next: weights.as_ptr_range().end.wrapping_add(at / 6 * (n_inputs / ASK_EVERY) * LANES),
                bias: bias[from..][..PANEL].as_ptr(),
                out: out.values_mut()[place..].as_mut_ptr(),
                stride,
                relu: matches!(then, Then::Relu),
                gate: gate.map(|gate| gate.values()[place..].as_ptr()),
            };
            // SAFETY: the CPU has AVX-512 (`Layer` asked it); weights and biases were sliced to their lengths; there are
            // `height` rows from `at` on; activations have whole panels of columns; all start on cache lines,
            // for `Layer` and `Activations` keep them in `Lines`.
            unsafe {
                match (height, n_vectors) {
                    (6, 4) => tile.multiply::<6, 4>(),
                    (4, 4) => tile.multiply::<4, 4>(),
                    (2, 4) => tile.multiply::<2, 4>(),
                    (_, 4) => tile.multiply::<1, 4>(),
                    (6, 2) => tile.multiply::<6, 2>(),
                    (4, 2) => tile.multiply::<4, 2>(),
                    (2, 2) => tile.multiply::<2, 2>(),
                    (_, 2) => tile.multiply::<1, 2>(),
                    (6, _) => tile.multiply::<6, 1>(),
                    (4, _) => tile.multiply::<4, 1>(),
                    (2, _) => tile.multiply::<2, 1>(),
                    (_, _) => tile.multiply::<1, 1>(),
                }
            }
            at += height;
        }
    }
}

/// `MR` rows of the result by `NV` vectors of a panel's columns.
struct Tile {
    n_inputs: usize,
    /// Where each of the rows starts.
    rows: *const *const f32,
    /// `[n_inputs, PANEL]`.
    weights: *const f32,
    /// Weights that are needed soon: only asked for, never read.
    next: *const f32,
    /// `[PANEL]`.
    bias: *const f32,
    /// Rows of `PANEL` numbers, a `stride` apart.
    out: *mut f32,
    stride: usize,
    relu: bool,
    /// As `out`.
    gate: Option<*const f32>,
}

impl Tile {
    /// # Safety
    /// The CPU has AVX-512; the pointers point to what is told above, and all but `rows` to cache lines.
    #[target_feature(enable = "avx512f")]
    unsafe fn multiply<const MR: usize, const NV: usize>(self) {
        let zero = _mm512_setzero_ps();
        let mut sums = [[zero; NV]; MR];
        let rows: [*const f32; MR] = std::array::from_fn(|i| *self.rows.add(i));
        let (mut weights, mut next) = (self.weights, self.next);
        let mut from = 0;
        while from + ASK_EVERY <= self.n_inputs {
            _mm_prefetch::<_MM_HINT_T1>(next.cast());
            next = next.wrapping_add(LANES);
            for k in 0..ASK_EVERY {
                add_input(&mut sums, &rows, from + k, weights.add(k * PANEL));
            }
            from += ASK_EVERY;
            weights = weights.add(ASK_EVERY * PANEL);
        }
        for k in from..self.n_inputs {
            add_input(&mut sums, &rows, k, weights);
            weights = weights.add(PANEL);
        }
        for c in 0..NV {
            let bias = _mm512_load_ps(self.bias.add(c * LANES));
            for i in 0..MR {
                let place = i * self.stride + c * LANES;
                let mut y = _mm512_add_ps(sums[i][c], bias);
                if self.relu {
                    y = _mm512_max_ps(y, zero);
                }
                if let Some(gate) = self.gate {
                    let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(_mm512_load_ps(gate.add(place)), zero);
                    y = _mm512_maskz_mov_ps(above, y);
                }
                _mm512_store_ps(self.out.add(place), y);
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn add_input<const MR: usize, const NV: usize>(
    sums: &mut [[__m512; NV]; MR],
    rows: &[*const f32; MR],
    k: usize,
    weights: *const f32,
) {
    let mut w = [_mm512_setzero_ps(); NV];
    for c in 0..NV {
        w[c] = _mm512_load_ps(weights.add(c * LANES));
    }
    for i in 0..MR {
        let x = _mm512_set1_ps(*rows[i].add(k));
        for c in 0..NV {
            sums[i][c] = _mm512_fmadd_ps(x, w[c], sums[i][c]);
        }
    }
}
