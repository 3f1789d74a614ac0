//! Bicubic resampling in registers of 256 bits: the same sums as `plain.rs`, eight at once.
//!
//! AVX2 multiplies pairs of 16-bit numbers and adds the two products (`madd`) four times as fast as it multiplies 32-bit
//! numbers. So a weight w goes in as two: w = 2^11 · high + low, and Σ w·p = 2^11 · Σ high·p + Σ low·p. That is exact:
//! both halves fit into 16 bits, a product of a half and a byte into 20, and what is left is addition modulo 2^32, in
//! whatever order.
//!
//! The horizontal pass takes eight rows at once, one in each lane, after turning them on their side; it writes two rows
//! beside each other, the pairs that the vertical pass multiplies.

#![allow(unsafe_code, reason = "loads and stores of registers take pointers")]

use std::arch::x86_64::*;
use std::ops::Range;

use super::taps::{Grouped, PRECISION_BITS, Taps};
use super::{Part, Pixels};

/// Bits of a weight's lower half.
const LOW_BITS: u32 = 11;

/// Rows of a block: one in each lane.
const ROWS: usize = 8;

/// Columns that the vertical pass takes at once.
const COLUMNS: usize = 32;

/// Both passes, with 8-bit pixels between them.
#[target_feature(enable = "avx2")]
pub fn resize<const C: usize>(pixels: &Pixels<C>, part: &Part) -> Pixels<C> {
    let columns = Taps::of(pixels.width, part.width, part.across.clone());
    let rows = Taps::of(pixels.height, part.height, part.down.clone());
    let (columns_read, rows_read) = (columns.read(), rows.read());
    let row_pairs =
        horizontally(pixels, &columns.grouped(columns_read.start, Pair::of), columns_read, rows_read.clone());
    let values = vertically(&row_pairs, &rows.grouped(rows_read.start, Pair::of), part.across.len() * C);
    Pixels { width: part.across.len(), height: part.down.len(), values }
}

/// The weights of two neighbours: high halves, low halves; the left neighbour's in the lower 16 bits.
#[derive(Clone, Copy)]
struct Pair {
    high: i32,
    low: i32,
}

impl Pair {
    fn of([left, right]: [i32; 2]) -> Self {
        let pair = |left: i32, right: i32| (left & 0xffff) | (right << 16);
        let low = (1 << LOW_BITS) - 1;
        Self { high: pair(left >> LOW_BITS, right >> LOW_BITS), low: pair(left & low, right & low) }
    }
}

/// Rows in pairs: for each two neighbours `width` values, the upper row's in the low byte. `width` is a multiple of
/// [`COLUMNS`].
struct RowPairs {
    width: usize,
    values: Vec<u16>,
}

#[target_feature(enable = "avx2")]
fn horizontally<const C: usize>(
    pixels: &Pixels<C>,
    columns: &Grouped<Pair>,
    columns_read: Range<usize>,
    rows: Range<usize>,
) -> RowPairs {
    let width = (columns.taps.len() * C).next_multiple_of(COLUMNS);
    let mut values = vec![0; width * (rows.len().next_multiple_of(ROWS) / 2)];
    let mut block = vec![[_mm256_setzero_si256(); C]; columns_read.len().next_multiple_of(4) / 2];
    for (at, output) in values.chunks_exact_mut(width * ROWS / 2).enumerate() {
        turn(pixels, columns_read.start, rows.start + at * ROWS, &mut block);
        let (first, rest) = output.split_at_mut(width);
        let (second, rest) = rest.split_at_mut(width);
        let (third, fourth) = rest.split_at_mut(width);
        let mut x = 0;
        for (from, weights) in &columns.taps {
            let (mut high, mut low) = ([_mm256_setzero_si256(); C], [_mm256_setzero_si256(); C]);
            for (pairs, weights) in block[*from..].iter().zip(&columns.weights[weights.clone()]) {
                let (of_high, of_low) = (_mm256_set1_epi32(weights.high), _mm256_set1_epi32(weights.low));
                for c in 0..C {
                    high[c] = _mm256_add_epi32(high[c], _mm256_madd_epi16(pairs[c], of_high));
                    low[c] = _mm256_add_epi32(low[c], _mm256_madd_epi16(pairs[c], of_low));
                }
            }
            for c in 0..C {
                let eight_rows = clip8(high[c], low[c]);
                first[x] = eight_rows as u16;
                second[x] = (eight_rows >> 16) as u16;
                third[x] = (eight_rows >> 32) as u16;
                fourth[x] = (eight_rows >> 48) as u16;
                x += 1;
            }
        }
    }
    RowPairs { width, values }
}

/// Turns eight rows on their side: for each pair of columns and each channel a register that holds, lane by lane, the
/// pair of each row as two 16-bit numbers. Beyond the last row it is repeated; what stands beyond the last column is
/// never more than multiplied by 0.
#[target_feature(enable = "avx2")]
fn turn<const C: usize>(pixels: &Pixels<C>, left: usize, top: usize, block: &mut [[__m256i; C]]) {
    // Of four pixels: for each pair and channel the two bytes beside each other.
    let mut order = [-1i8; 16];
    for (at, order) in order.iter_mut().take(4 * C).enumerate() {
        let (pair, channel, second) = (at / 2 / C, at / 2 % C, at % 2);
        *order = ((2 * pair + second) * C + channel) as i8;
    }
    let order = load(&order.map(i8::cast_unsigned));
    let stride = pixels.width * C;
    let starts: [usize; ROWS] = std::array::from_fn(|row| (top + row).min(pixels.height - 1) * stride + left * C);
    for (at, two_pairs) in block.chunks_exact_mut(2).enumerate() {
        // A loop, for a closure that `map` calls would not be compiled into this function.
        let mut rows = [_mm_setzero_si128(); ROWS];
        for (row, start) in rows.iter_mut().zip(starts) {
            *row = _mm_shuffle_epi8(load_some(&pixels.values, start + at * 4 * C), order);
        }
        for (unit, lanes) in transposed(rows).into_iter().take(2 * C).enumerate() {
            two_pairs[unit / C][unit % C] = _mm256_cvtepu8_epi16(lanes);
        }
    }
}

/// The transpose of 8 × 8 numbers of 16 bits.
#[target_feature(enable = "avx2")]
fn transposed(rows: [__m128i; 8]) -> [__m128i; 8] {
    let [a, b, c, d, e, f, g, h] = rows;
    let pairs = |a, b| (_mm_unpacklo_epi16(a, b), _mm_unpackhi_epi16(a, b));
    let ((ab0, ab1), (cd0, cd1), (ef0, ef1), (gh0, gh1)) = (pairs(a, b), pairs(c, d), pairs(e, f), pairs(g, h));
    let fours = |a, b| (_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
    let ((ad0, ad1), (ad2, ad3)) = (fours(ab0, cd0), fours(ab1, cd1));
    let ((eh0, eh1), (eh2, eh3)) = (fours(ef0, gh0), fours(ef1, gh1));
    let eights = |a, b| [_mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b)];
    let [[r0, r1], [r2, r3], [r4, r5], [r6, r7]] =
        [eights(ad0, eh0), eights(ad1, eh1), eights(ad2, eh2), eights(ad3, eh3)];
    [r0, r1, r2, r3, r4, r5, r6, r7]
}

/// Rows of `width` bytes.
#[target_feature(enable = "avx2")]
fn vertically(row_pairs: &RowPairs, rows: &Grouped<Pair>, width: usize) -> Vec<u8> {
    let mut values = Vec::with_capacity(width * rows.taps.len());
    for (first, weights) in &rows.taps {
        let weights = &rows.weights[weights.clone()];
        for left in (0..row_pairs.width).step_by(COLUMNS) {
            let (mut high, mut low) = ([_mm256_setzero_si256(); COLUMNS / 8], [_mm256_setzero_si256(); COLUMNS / 8]);
            for (row_pair, weights) in
                row_pairs.values[first * row_pairs.width..].chunks_exact(row_pairs.width).zip(weights)
            {
                let (of_high, of_low) = (_mm256_set1_epi32(weights.high), _mm256_set1_epi32(weights.low));
                for (at, eight) in row_pair[left..left + COLUMNS].as_chunks::<8>().0.iter().enumerate() {
                    let pairs = _mm256_cvtepu8_epi16(load_pairs(eight));
                    high[at] = _mm256_add_epi32(high[at], _mm256_madd_epi16(pairs, of_high));
                    low[at] = _mm256_add_epi32(low[at], _mm256_madd_epi16(pairs, of_low));
                }
            }
            let mut bytes = [0; COLUMNS];
            for ((high, low), eight) in high.into_iter().zip(low).zip(bytes.as_chunks_mut::<8>().0) {
                *eight = clip8(high, low).to_le_bytes();
            }
            values.extend_from_slice(&bytes[..COLUMNS.min(width - left.min(width))]);
        }
    }
    values
}

/// Eight sums, rounded and cut to bytes, the first in the lowest.
#[target_feature(enable = "avx2")]
fn clip8(high: __m256i, low: __m256i) -> u64 {
    let half = _mm256_set1_epi32(1 << (PRECISION_BITS - 1));
    let sums = _mm256_add_epi32(_mm256_slli_epi32::<{ LOW_BITS as i32 }>(high), _mm256_add_epi32(low, half));
    let whole = _mm256_srai_epi32::<{ PRECISION_BITS as i32 }>(sums);
    let words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
    _mm_cvtsi128_si64(_mm_packus_epi16(words, words)).cast_unsigned()
}

#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: both are 128 bits, any of which are valid.
    unsafe { std::mem::transmute::<[u8; 16], __m128i>(*bytes) }
}

#[target_feature(enable = "avx2")]
fn load_pairs(pairs: &[u16; 8]) -> __m128i {
    // SAFETY: as above.
    unsafe { std::mem::transmute::<[u16; 8], __m128i>(*pairs) }
}

/// 16 bytes from `at` on; zeros beyond the end.
#[target_feature(enable = "avx2")]
fn load_some(values: &[u8], at: usize) -> __m128i {
    match values.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        Some(bytes) => load(bytes),
        None => {
            let mut bytes = [0; 16];
            let rest = values.get(at..).unwrap_or_default();
            bytes[..rest.len()].copy_from_slice(rest);
            load(&bytes)
        }
    }
}
