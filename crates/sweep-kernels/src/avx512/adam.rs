//! Adam's step with AVX-512.

use std::arch::x86_64::*;

use crate::PANEL;
use crate::adam::{Adam, FLOOR};
use crate::lines::LANES;

/// One step's numbers, so that a step is `w −= m · y` with `y = 1 / d` and `d = (√v + ε) / rate`.
///
/// Root and quotient start from the CPU's 14-bit estimates and take a Newton step each, which leaves them right to about
/// the last bit in a third of the exact instructions' time. With `i ≈ 1/√v` and `s = v · i`, the root's Newton step is
/// `√v = s · (1.5 − .5 · s · i)`, in which `rate` and ε cost nothing; the quotient's is `y · (2 − d · y)`.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    beta1: f32,
    beta2: f32,
    three_halves: f32,
    half: f32,
    epsilon: f32,
    decay: f32,
}

impl Step {
    pub fn of(adam: &Adam) -> Self {
        Self {
            beta1: adam.beta1,
            beta2: adam.beta2,
            three_halves: 1.5 / adam.rate,
            half: 0.5 / adam.rate,
            epsilon: adam.epsilon / adam.rate,
            decay: adam.decay,
        }
    }

    /// The step on the first `NV` vectors of each row of a block.
    ///
    /// # Safety
    /// `gradient` and each of weights and both moments point to `[LANES, PANEL]` numbers on cache lines.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn take<const NV: usize>(&self, gradient: *const f32, state: [*mut f32; 3]) {
        for row in 0..LANES {
            let [w, m, v] = state.map(|state| state.add(row * PANEL));
            self.take_row::<NV>(gradient.add(row * PANEL), w, m, v);
        }
    }

    /// Each line for all vectors before the next line: their chains of instructions are long, and a core that is shared
    /// looks ahead no further than two of them.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn take_row<const NV: usize>(&self, gradient: *const f32, w: *mut f32, m: *mut f32, v: *mut f32) {
        let of = |x: f32| _mm512_set1_ps(x);
        let zero = _mm512_setzero_ps();
        let (mut first, mut second) = ([zero; NV], [zero; NV]);
        for c in 0..NV {
            let g = _mm512_load_ps(gradient.add(c * 16));
            let decayed = _mm512_fmadd_ps(of(self.beta2), _mm512_load_ps(v.add(c * 16)), of(FLOOR));
            second[c] = _mm512_min_ps(_mm512_fmadd_ps(g, g, decayed), of(f32::MAX));
            first[c] = _mm512_fmadd_ps(of(self.beta1), _mm512_load_ps(m.add(c * 16)), g);
            _mm512_store_ps(v.add(c * 16), second[c]);
            _mm512_store_ps(m.add(c * 16), first[c]);
        }
        let mut inverse = [zero; NV];
        for c in 0..NV {
            inverse[c] = _mm512_rsqrt14_ps(second[c]);
        }
        for c in 0..NV {
            second[c] = _mm512_mul_ps(second[c], inverse[c]);
        }
        for c in 0..NV {
            inverse[c] = _mm512_mul_ps(second[c], inverse[c]);
        }
        for c in 0..NV {
            inverse[c] = _mm512_fnmadd_ps(of(self.half), inverse[c], of(self.three_halves));
        }
        for c in 0..NV {
            second[c] = _mm512_fmadd_ps(second[c], inverse[c], of(self.epsilon));
        }
        for c in 0..NV {
            inverse[c] = _mm512_rcp14_ps(second[c]);
        }
        for c in 0..NV {
            first[c] = _mm512_mul_ps(first[c], inverse[c]);
            second[c] = _mm512_fnmadd_ps(second[c], inverse[c], of(2.0));
        }
        for c in 0..NV {
            let weight = _mm512_load_ps(w.add(c * 16));
            // The decay joins the step before the weight sees it: alone it may be too small for a weight to tell.
            let change = _mm512_fmadd_ps(first[c], second[c], _mm512_mul_ps(of(self.decay), weight));
            _mm512_store_ps(w.add(c * 16), _mm512_sub_ps(weight, change));
        }
    }
}
