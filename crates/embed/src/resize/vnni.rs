//! Bicubic resampling in registers of 512 bits: the same sums as `plain.rs`, sixteen at once.
//!
//! AVX-512 VNNI multiplies four bytes with four signed ones and adds the products to a 32-bit sum (`dpbusd`). So a weight
//! w goes in as three digits: w = 2^16 · high + 2^8 · middle + low, and so do the sums. That is exact: each digit fits into
//! a signed byte ([`Quad::of`]), and what is left is addition modulo 2^32, in whatever order.
//!
//! The horizontal pass takes sixteen rows at once, one in each lane, after turning them on their side; it writes four rows
//! beside each other, the quads that the vertical pass multiplies.

#![allow(unsafe_code, reason = "registers are loaded by transmuting arrays")]

use std::arch::x86_64::*;
use std::ops::Range;

use super::taps::{Grouped, PRECISION_BITS, Taps};
use super::{Part, Pixels};

/// Rows of a block: one in each lane.
const ROWS: usize = 16;

/// Columns that the vertical pass takes at once.
const COLUMNS: usize = 32;

/// Whether this CPU can.
pub fn is_here() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
}

/// Both passes, with 8-bit pixels between them.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub fn resize<const C: usize>(pixels: &Pixels<C>, part: &Part) -> Pixels<C> {
    let columns = Taps::of(pixels.width, part.width, part.across.clone());
    let rows = Taps::of(pixels.height, part.height, part.down.clone());
    let (columns_read, rows_read) = (columns.read(), rows.read());
    let row_quads =
        horizontally(pixels, &columns.grouped(columns_read.start, Quad::of), columns_read, rows_read.clone());
    let values = vertically(&row_quads, &rows.grouped(rows_read.start, Quad::of), part.across.len() * C);
    Pixels { width: part.across.len(), height: part.down.len(), values }
}

/// The weights of four neighbours: their low, middle and high digits, the first neighbour's in the lowest byte.
#[derive(Clone, Copy)]
struct Quad {
    digits: [i32; 3],
}

impl Quad {
    /// A weight's magnitude is at most little more than 2^22, so that its high digit is at most little more than 2^6.
    fn of(weights: [i32; 4]) -> Self {
        let low = weights.map(|weight| weight as i8);
        let rest: [i32; 4] = std::array::from_fn(|at| (weights[at] - i32::from(low[at])) >> 8);
        let middle = rest.map(|weight| weight as i8);
        let high: [i8; 4] = std::array::from_fn(|at| ((rest[at] - i32::from(middle[at])) >> 8) as i8);
        Self { digits: [low, middle, high].map(|digit| i32::from_le_bytes(digit.map(i8::cast_unsigned))) }
    }
}

/// Rows in quads: for each four neighbours `width` values, the upper row's in the lowest byte. `width` is a multiple of
/// [`COLUMNS`].
struct RowQuads {
    width: usize,
    values: Vec<u32>,
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn horizontally<const C: usize>(
    pixels: &Pixels<C>,
    columns: &Grouped<Quad>,
    columns_read: Range<usize>,
    rows: Range<usize>,
) -> RowQuads {
    let width = (columns.taps.len() * C).next_multiple_of(COLUMNS);
    let mut values = vec![0; width * (rows.len().next_multiple_of(ROWS) / 4)];
    let mut block = vec![[_mm512_setzero_si512(); C]; columns_read.len().div_ceil(4)];
    for (at, output) in values.chunks_exact_mut(width * ROWS / 4).enumerate() {
        turn(pixels, columns_read.start, rows.start + at * ROWS, &mut block);
        let (first, rest) = output.split_at_mut(width);
        let (second, rest) = rest.split_at_mut(width);
        let (third, fourth) = rest.split_at_mut(width);
        let upper = first.as_chunks_mut::<C>().0.iter_mut().zip(second.as_chunks_mut::<C>().0);
        let lower = third.as_chunks_mut::<C>().0.iter_mut().zip(fourth.as_chunks_mut::<C>().0);
        for ((from, weights), ((first, second), (third, fourth))) in columns.taps.iter().zip(upper.zip(lower)) {
            let mut sums = [[_mm512_setzero_si512(); 3]; C];
            for (quads, weights) in block[*from..].iter().zip(&columns.weights[weights.clone()]) {
                for (digit, weights) in weights.digits.into_iter().enumerate() {
                    let weights = _mm512_set1_epi32(weights);
                    for c in 0..C {
                        sums[c][digit] = _mm512_dpbusd_epi32(sums[c][digit], quads[c], weights);
                    }
                }
            }
            for (c, sums) in sums.into_iter().enumerate() {
                [first[c], second[c], third[c], fourth[c]] = words(clip8(sums));
            }
        }
    }
    RowQuads { width, values }
}

/// Turns sixteen rows on their side: for each four columns and each channel a register that holds, lane by lane, the
/// four bytes of each row. Beyond the last row it is repeated; what stands beyond the last column is never more than
/// multiplied by 0.
#[target_feature(enable = "avx512f,avx512bw")]
fn turn<const C: usize>(pixels: &Pixels<C>, left: usize, top: usize, block: &mut [[__m512i; C]]) {
    // Of four pixels: for each channel the four bytes beside each other.
    let mut order = [0x80; 16];
    for (at, order) in order.iter_mut().take(4 * C).enumerate() {
        *order = (at % 4 * C + at / 4) as u8;
    }
    let order = _mm512_broadcast_i32x4(load(&order));
    let stride = pixels.width * C;
    let rows: [&[u8]; ROWS] =
        std::array::from_fn(|row| &pixels.values[(top + row).min(pixels.height - 1) * stride + left * C..]);
    let shortest = rows.iter().map(|row| row.len()).min().unwrap_or(0);
    for (quad, from) in block.iter_mut().zip((0..).step_by(4 * C)) {
        let (ends, end_rows): ([[u8; 16]; ROWS], [&[u8]; ROWS]);
        let (rows, from) = if from + 16 <= shortest {
            (&rows, from)
        } else {
            ends = rows.map(|row| {
                let rest = row.get(from..).unwrap_or_default();
                std::array::from_fn(|at| rest.get(at).copied().unwrap_or(0))
            });
            end_rows = ends.each_ref().map(<[u8; 16]>::as_slice);
            (&end_rows, 0)
        };
        let channels = turned(rows, from, order);
        quad.copy_from_slice(&channels[..C]);
    }
}

/// Four columns of sixteen rows, whose 16 bytes at `from` are ordered by channels first: up to four channels.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn turned(rows: &[&[u8]; ROWS], from: usize, order: __m512i) -> [__m512i; 4] {
    // Loops, for a closure that `map` calls would not be compiled into this function.
    let mut fours = [_mm512_setzero_si512(); 4];
    for (at, four) in fours.iter_mut().enumerate() {
        let lanes = _mm512_castsi128_si512(load_sixteen(rows[at], from));
        let lanes = _mm512_inserti32x4::<1>(lanes, load_sixteen(rows[at + 4], from));
        let lanes = _mm512_inserti32x4::<2>(lanes, load_sixteen(rows[at + 8], from));
        let lanes = _mm512_inserti32x4::<3>(lanes, load_sixteen(rows[at + 12], from));
        *four = _mm512_shuffle_epi8(lanes, order);
    }
    // In each quarter of the registers the transpose of 4 × 4 numbers of 32 bits.
    let [a, b, c, d] = fours;
    let (ab0, ab1) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (cd0, cd1) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    let [first, second] = [_mm512_unpacklo_epi64(ab0, cd0), _mm512_unpackhi_epi64(ab0, cd0)];
    let [third, fourth] = [_mm512_unpacklo_epi64(ab1, cd1), _mm512_unpackhi_epi64(ab1, cd1)];
    [first, second, third, fourth]
}

/// Rows of `width` bytes.
#[target_feature(enable = "avx512f,avx512vnni")]
fn vertically(row_quads: &RowQuads, rows: &Grouped<Quad>, width: usize) -> Vec<u8> {
    let mut values = Vec::with_capacity(width * rows.taps.len());
    for (first, weights) in &rows.taps {
        let weights = &rows.weights[weights.clone()];
        for left in (0..row_quads.width).step_by(COLUMNS) {
            let mut sums = [[_mm512_setzero_si512(); 3]; COLUMNS / 16];
            for (row_quad, weights) in
                row_quads.values[first * row_quads.width..].chunks_exact(row_quads.width).zip(weights)
            {
                let columns = row_quad[left..left + COLUMNS].as_chunks::<16>().0;
                for (digit, weights) in weights.digits.into_iter().enumerate() {
                    let weights = _mm512_set1_epi32(weights);
                    for (sums, sixteen) in sums.iter_mut().zip(columns) {
                        sums[digit] = _mm512_dpbusd_epi32(sums[digit], load_quads(sixteen), weights);
                    }
                }
            }
            let mut bytes = [0; COLUMNS];
            for (sums, sixteen) in sums.into_iter().zip(bytes.as_chunks_mut::<16>().0) {
                *sixteen = store(clip8(sums));
            }
            match bytes.get(..width - left) {
                Some(rest) => values.extend_from_slice(rest),
                // Of a length that the compiler knows.
                None => values.extend_from_slice(&bytes),
            }
        }
    }
    values
}

/// Sixteen sums of low, middle and high digits, rounded and cut to bytes, the first in the lowest.
#[target_feature(enable = "avx512f")]
fn clip8([low, middle, high]: [__m512i; 3]) -> __m128i {
    let half = _mm512_set1_epi32(1 << (PRECISION_BITS - 1));
    let upper = _mm512_add_epi32(_mm512_slli_epi32::<16>(high), _mm512_slli_epi32::<8>(middle));
    let whole = _mm512_srai_epi32::<PRECISION_BITS>(_mm512_add_epi32(upper, _mm512_add_epi32(low, half)));
    _mm512_cvtusepi32_epi8(_mm512_max_epi32(whole, _mm512_setzero_si512()))
}

fn words(register: __m128i) -> [u32; 4] {
    // SAFETY: both are 128 bits, any of which are valid.
    unsafe { std::mem::transmute::<__m128i, [u32; 4]>(register) }
}

fn store(register: __m128i) -> [u8; 16] {
    // SAFETY: as above.
    unsafe { std::mem::transmute::<__m128i, [u8; 16]>(register) }
}

fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: as above.
    unsafe { std::mem::transmute::<[u8; 16], __m128i>(*bytes) }
}

#[target_feature(enable = "avx512f")]
fn load_quads(quads: &[u32; 16]) -> __m512i {
    // SAFETY: both are 512 bits, any of which are valid.
    unsafe { std::mem::transmute::<[u32; 16], __m512i>(*quads) }
}

/// 16 bytes from `from` on, which are there.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_sixteen(row: &[u8], from: usize) -> __m128i {
    match row.get(from..).and_then(|rest| rest.first_chunk()) {
        Some(bytes) => load(bytes),
        None => _mm_setzero_si128(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_is_the_sum_of_its_digits() {
        let sizes = || (1..40).chain([97, 224, 1000]);
        for (n_in, n_out) in sizes().flat_map(|n_in| sizes().map(move |n_out| (n_in, n_out))) {
            for weight in Taps::of(n_in, n_out, 0..n_out).weights {
                let [low, middle, high] =
                    Quad::of([0, weight, 0, 0]).digits.map(|digit| digit.to_le_bytes()[1].cast_signed());
                let sum = (i32::from(high) << 16) + (i32::from(middle) << 8) + i32::from(low);
                assert_eq!(sum, weight, "{n_in} to {n_out}");
            }
        }
    }
}
