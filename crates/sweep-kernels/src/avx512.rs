//! The two products with AVX-512, each on a tile of the result that stays in registers.

use std::arch::x86_64::*;

use crate::PANEL;
use crate::adam::Adam;
use crate::lines::{LANES, Lines};
use crate::rows::Rows;

const _: () = assert!(PANEL == 64);

/// Inputs between two lines of the next panel that the forward product asks for.
const PREFETCH_EVERY: usize = 4;

/// As [`portable::forward`](crate::portable::forward), for `n_columns` of the panel.
pub fn forward(rows: &Rows, panel: &[f32], bias: &[f32], relu: bool, out: &mut [f32], stride: usize, n_columns: usize) {
    let (n, k) = (rows.n(), rows.width());
    if n == 0 {
        return;
    }
    let n_vectors = vectors_of(n_columns);
    assert!(panel.len() >= k * PANEL && bias.len() >= PANEL && n_vectors <= 4);
    assert!(out.len() >= (n - 1) * stride + n_vectors * 16 && stride.is_multiple_of(16));
    let mut at = 0;
    while at < n {
        let height = [6, 4, 2, 1].into_iter().find(|height| at + height <= n).unwrap_or(1);
        // The tiles of one panel ask for the next panel's lines between them.
        let next = panel.as_ptr().wrapping_add(k * PANEL + at / 6 * (k / PREFETCH_EVERY) * 16);
        let (starts, to) = (rows.starts()[at..].as_ptr(), out[at * stride..].as_mut_ptr());
        let (panel, bias) = (panel.as_ptr(), bias.as_ptr());
        // SAFETY: the CPU has AVX-512 (`Layer` asked it); the lengths were checked above, each row has `k` numbers, and
        // panels, biases and rows of activations start on cache lines because `Lines` does and strides are whole lines.
        unsafe {
            match (height, n_vectors) {
                (6, 4) => forward_tile::<6, 4>(k, starts, panel, next, bias, to, stride, relu),
                (4, 4) => forward_tile::<4, 4>(k, starts, panel, next, bias, to, stride, relu),
                (2, 4) => forward_tile::<2, 4>(k, starts, panel, next, bias, to, stride, relu),
                (_, 4) => forward_tile::<1, 4>(k, starts, panel, next, bias, to, stride, relu),
                (6, 2) => forward_tile::<6, 2>(k, starts, panel, next, bias, to, stride, relu),
                (4, 2) => forward_tile::<4, 2>(k, starts, panel, next, bias, to, stride, relu),
                (2, 2) => forward_tile::<2, 2>(k, starts, panel, next, bias, to, stride, relu),
                (_, 2) => forward_tile::<1, 2>(k, starts, panel, next, bias, to, stride, relu),
                (6, _) => forward_tile::<6, 1>(k, starts, panel, next, bias, to, stride, relu),
                (4, _) => forward_tile::<4, 1>(k, starts, panel, next, bias, to, stride, relu),
                (2, _) => forward_tile::<2, 1>(k, starts, panel, next, bias, to, stride, relu),
                (_, _) => forward_tile::<1, 1>(k, starts, panel, next, bias, to, stride, relu),
            }
        }
        at += height;
    }
}

/// As [`portable::gradient_step`](crate::portable::gradient_step), for all panels of a layer of `n_out`.
///
/// All panels of one line of inputs, then the next line. The batch's rows lie anywhere, a page each, so that line of
/// theirs is first copied to one place, which the tiles of all panels read.
pub fn gradient_step(rows: &Rows, delta: &[f32], stride: usize, n_out: usize, [w, m, v]: [&mut [f32]; 3], adam: &Adam) {
    let n = rows.n();
    let (n_panels, n_lines) = (n_out.div_ceil(PANEL), rows.width().div_ceil(LANES));
    let block = LANES * PANEL;
    assert!([w.len(), m.len(), v.len()].iter().all(|len| *len >= n_panels * n_lines * block));
    assert!(n == 0 || delta.len() >= (n - 1) * stride + n_panels * PANEL && stride.is_multiple_of(LANES));
    let mut inputs = Lines::zeros(n.max(1) * LANES);
    for line in 0..n_lines {
        rows.copy_line(line, &mut inputs);
        for panel in 0..n_panels {
            let at = (panel * n_lines + line) * block;
            let after = if panel + 1 < n_panels { at + n_lines * block } else { (line + 1) * block };
            let n_vectors = vectors_of((n_out - panel * PANEL).min(PANEL));
            let delta = delta.as_ptr().wrapping_add(panel * PANEL);
            for (first, height) in [(0, 6), (6, 5), (11, 5)] {
                let from = at + first * PANEL;
                let next = if first + height < LANES { from + height * PANEL } else { after };
                let ahead = next as isize - from as isize;
                let inputs = inputs[first..].as_ptr();
                let state = [&mut *w, &mut *m, &mut *v].map(|state| state[from..].as_mut_ptr());
                // SAFETY: as in `forward`.
                unsafe {
                    match (height, n_vectors) {
                        (6, 4) => gradient_tile::<6, 4>(n, inputs, delta, stride, state, ahead, adam),
                        (_, 4) => gradient_tile::<5, 4>(n, inputs, delta, stride, state, ahead, adam),
                        (6, 2) => gradient_tile::<6, 2>(n, inputs, delta, stride, state, ahead, adam),
                        (_, 2) => gradient_tile::<5, 2>(n, inputs, delta, stride, state, ahead, adam),
                        (6, _) => gradient_tile::<6, 1>(n, inputs, delta, stride, state, ahead, adam),
                        (_, _) => gradient_tile::<5, 1>(n, inputs, delta, stride, state, ahead, adam),
                    }
                }
            }
        }
    }
}

/// Vectors that a tile is wide for so many columns of a panel: 1, 2 or 4.
fn vectors_of(n_columns: usize) -> usize {
    n_columns.div_ceil(LANES).next_power_of_two()
}

/// `out[i][j] = bias[j] + Σ_k a[i][k] · panel[k][j]`, for `MR` rows and `NV` vectors of columns.
///
/// # Safety
/// `a` points to `MR` rows of `k` numbers; `panel` to `[k, PANEL]`; `bias` to `NV` vectors; `out` to `MR` rows `ld`
/// apart. All but `a` on cache lines. `next` is only asked for, never read.
#[target_feature(enable = "avx512f")]
#[allow(clippy::too_many_arguments)]
unsafe fn forward_tile<const MR: usize, const NV: usize>(
    k: usize,
    a: *const *const f32,
    panel: *const f32,
    next: *const f32,
    bias: *const f32,
    out: *mut f32,
    ld: usize,
    relu: bool,
) {
    let mut rows = [std::ptr::null::<f32>(); MR];
    for (i, row) in rows.iter_mut().enumerate() {
        *row = *a.add(i);
    }
    let mut sums = [[_mm512_setzero_ps(); NV]; MR];
    let mut at = 0;
    let mut b = panel;
    let mut next = next;
    while at + PREFETCH_EVERY <= k {
        _mm_prefetch::<_MM_HINT_T1>(next.cast());
        next = next.wrapping_add(16);
        for step in 0..PREFETCH_EVERY {
            let mut w = [_mm512_setzero_ps(); NV];
            for (v, w) in w.iter_mut().enumerate() {
                *w = _mm512_load_ps(b.add(step * PANEL + v * 16));
            }
            for i in 0..MR {
                let x = _mm512_set1_ps(*rows[i].add(at + step));
                for v in 0..NV {
                    sums[i][v] = _mm512_fmadd_ps(x, w[v], sums[i][v]);
                }
            }
        }
        at += PREFETCH_EVERY;
        b = b.add(PREFETCH_EVERY * PANEL);
    }
    while at < k {
        for v in 0..NV {
            let w = _mm512_load_ps(b.add(v * 16));
            for i in 0..MR {
                sums[i][v] = _mm512_fmadd_ps(_mm512_set1_ps(*rows[i].add(at)), w, sums[i][v]);
            }
        }
        at += 1;
        b = b.add(PANEL);
    }
    for v in 0..NV {
        let bias = _mm512_load_ps(bias.add(v * 16));
        for i in 0..MR {
            let mut y = _mm512_add_ps(sums[i][v], bias);
            if relu {
                y = _mm512_max_ps(y, _mm512_setzero_ps());
            }
            _mm512_store_ps(out.add(i * ld + v * 16), y);
        }
    }
}

/// The gradient `g[r][j] = Σ_i inputs[i][r] · delta[i][j]` of `MR` inputs and `NV` vectors of columns of a panel, and
/// Adam's step on them: the gradient is never written.
///
/// # Safety
/// `inputs` points to `n` times `MR` numbers, a line apart; `delta` to `n` rows `ld` apart; `state`, which is weights
/// and both moments, to `[MR, PANEL]`. All but `inputs` on cache lines. What lies `ahead` is asked for, never read.
#[target_feature(enable = "avx512f")]
unsafe fn gradient_tile<const MR: usize, const NV: usize>(
    n: usize,
    inputs: *const f32,
    delta: *const f32,
    ld: usize,
    state: [*mut f32; 3],
    ahead: isize,
    adam: &Adam,
) {
    let mut sums = [[_mm512_setzero_ps(); NV]; MR];
    let mut at = 0;
    // One line an example, of each array in turn: more at once would wait for each other.
    while at + 3 <= n {
        for (i, state) in state.into_iter().enumerate() {
            _mm_prefetch::<_MM_HINT_T1>(state.wrapping_offset(ahead).wrapping_add(at / 3 * 16).cast());
            add_example(&mut sums, inputs.add((at + i) * LANES), delta.add((at + i) * ld));
        }
        at += 3;
    }
    for at in at..n {
        add_example(&mut sums, inputs.add(at * LANES), delta.add(at * ld));
    }
    for r in 0..MR {
        for c in 0..NV {
            let [w, m, v] = state.map(|state| state.add(r * PANEL + c * 16));
            step(sums[r][c], w, m, v, adam);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn add_example<const MR: usize, const NV: usize>(
    sums: &mut [[__m512; NV]; MR],
    row: *const f32,
    delta: *const f32,
) {
    let mut d = [_mm512_setzero_ps(); NV];
    for (c, d) in d.iter_mut().enumerate() {
        *d = _mm512_load_ps(delta.add(c * 16));
    }
    for r in 0..MR {
        let x = _mm512_set1_ps(*row.add(r));
        for c in 0..NV {
            sums[r][c] = _mm512_fmadd_ps(x, d[c], sums[r][c]);
        }
    }
}

/// Adam's step on one vector. Square root and quotient start from the CPU's 14-bit estimates and take a Newton step
/// each, which leaves them right to about the last bit at a third of the time of the exact instructions.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn step(g: __m512, w: *mut f32, m: *mut f32, v: *mut f32, adam: &Adam) {
    let first = _mm512_fmadd_ps(_mm512_set1_ps(adam.beta1), _mm512_load_ps(m), g);
    let decayed = _mm512_mul_ps(_mm512_set1_ps(adam.beta2), _mm512_load_ps(v));
    let second = _mm512_min_ps(_mm512_fmadd_ps(g, g, decayed), _mm512_set1_ps(f32::MAX));
    // Of nothing there is no inverse root; this much is nothing beside epsilon.
    let square = _mm512_max_ps(second, _mm512_set1_ps(f32::MIN_POSITIVE));
    let inverse = _mm512_rsqrt14_ps(square);
    let root = _mm512_mul_ps(square, inverse);
    let error = _mm512_fnmadd_ps(root, root, square);
    let root = _mm512_fmadd_ps(_mm512_mul_ps(inverse, _mm512_set1_ps(0.5)), error, root);
    let divisor = _mm512_add_ps(root, _mm512_set1_ps(adam.epsilon));
    let inverse = _mm512_rcp14_ps(divisor);
    let quotient = _mm512_mul_ps(first, inverse);
    let error = _mm512_fnmadd_ps(divisor, quotient, first);
    let quotient = _mm512_fmadd_ps(error, inverse, quotient);
    let weight = _mm512_load_ps(w);
    let decay = _mm512_mul_ps(_mm512_set1_ps(adam.decay), weight);
    _mm512_store_ps(m, first);
    _mm512_store_ps(v, second);
    _mm512_store_ps(w, _mm512_sub_ps(weight, _mm512_fmadd_ps(_mm512_set1_ps(adam.rate), quotient, decay)));
}
