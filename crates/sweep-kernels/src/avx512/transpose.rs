//! Rows to columns, in registers.

use std::arch::x86_64::*;

use crate::PANEL;
use crate::lines::LANES;

/// As [`portable::transpose`](crate::portable::transpose).
pub fn transpose(from: &[f32], to: &mut [f32]) {
    assert!(from.len() >= (LANES - 1) * PANEL + LANES && to.len() >= (LANES - 1) * PANEL + LANES);
    // SAFETY: the CPU has AVX-512 (`Layer` asked it); the lengths were checked.
    unsafe { transpose_16(from.as_ptr(), to.as_mut_ptr()) }
}

/// # Safety
/// The CPU has AVX-512; both sides hold 16 rows of 16, a panel apart.
#[target_feature(enable = "avx512f")]
unsafe fn transpose_16(from: *const f32, to: *mut f32) {
    let mut rows = [_mm512_setzero_ps(); LANES];
    for r in 0..LANES {
        rows[r] = _mm512_loadu_ps(from.add(r * PANEL));
    }
    // Within each quarter of a vector: four rows' four columns.
    let mut quads = rows;
    for r in (0..LANES).step_by(4) {
        let (a, b) = (_mm512_unpacklo_ps(rows[r], rows[r + 1]), _mm512_unpackhi_ps(rows[r], rows[r + 1]));
        let (c, d) = (_mm512_unpacklo_ps(rows[r + 2], rows[r + 3]), _mm512_unpackhi_ps(rows[r + 2], rows[r + 3]));
        quads[r] = _mm512_shuffle_ps::<0b01_00_01_00>(a, c);
        quads[r + 1] = _mm512_shuffle_ps::<0b11_10_11_10>(a, c);
        quads[r + 2] = _mm512_shuffle_ps::<0b01_00_01_00>(b, d);
        quads[r + 3] = _mm512_shuffle_ps::<0b11_10_11_10>(b, d);
    }
    // Then the quarters: column `4 q + r` is quarter `q` of what the four groups hold at `r`.
    for r in 0..4 {
        let [a, b, c, d] = [quads[r], quads[4 + r], quads[8 + r], quads[12 + r]];
        let (even_low, odd_low) =
            (_mm512_shuffle_f32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b));
        let (even_high, odd_high) =
            (_mm512_shuffle_f32x4::<0b10_00_10_00>(c, d), _mm512_shuffle_f32x4::<0b11_01_11_01>(c, d));
        let quarters = [
            _mm512_shuffle_f32x4::<0b10_00_10_00>(even_low, even_high),
            _mm512_shuffle_f32x4::<0b10_00_10_00>(odd_low, odd_high),
            _mm512_shuffle_f32x4::<0b11_01_11_01>(even_low, even_high),
            _mm512_shuffle_f32x4::<0b11_01_11_01>(odd_low, odd_high),
        ];
        for q in 0..4 {
            _mm512_storeu_ps(to.add((4 * q + r) * PANEL), quarters[q]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        if !is_x86_feature_detected!("avx512f") {
            return;
        }
        let from: Vec<f32> = (0..LANES * PANEL).map(|at| at as f32).collect();
        let [mut to, mut expect] = [(); 2].map(|()| vec![-1.0; LANES * PANEL]);
        transpose(&from, &mut to);
        crate::portable::transpose(&from, &mut expect);
        assert_eq!(to, expect);
    }
}
