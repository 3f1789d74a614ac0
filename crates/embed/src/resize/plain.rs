//! Bicubic resampling as it is defined, one value after another: for every CPU, and what the wide one is tested against.

use std::ops::Range;

use super::taps::{PRECISION_BITS, Taps};
use super::{Part, Pixels};

/// Both passes, with 8-bit pixels between them.
pub fn resize<const C: usize>(pixels: &Pixels<C>, part: &Part) -> Pixels<C> {
    let columns = Taps::of(pixels.width, part.width, part.across.clone());
    let rows = Taps::of(pixels.height, part.height, part.down.clone());
    // Only the input rows that the vertical pass will read go through the horizontal one.
    let read = rows.read();
    let squeezed = horizontally(pixels, &columns, read.clone());
    vertically(&squeezed, &rows, read.start)
}

fn horizontally<const C: usize>(pixels: &Pixels<C>, columns: &Taps, rows: Range<usize>) -> Pixels<C> {
    let (width, height) = (columns.taps.len(), rows.len());
    let mut values = Vec::with_capacity(width * C * height);
    for row in pixels.values.chunks_exact(pixels.width * C).skip(rows.start).take(height) {
        for (first, weights) in columns.each() {
            let mut sums = [HALF; C];
            for (pixel, weight) in row.as_chunks::<C>().0[first..].iter().zip(weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum = add(*sum, *value, *weight);
                }
            }
            values.extend(sums.map(clip8));
        }
    }
    Pixels { width, height, values }
}

/// `top` is the row of the whole image that is the first of `pixels`.
fn vertically<const C: usize>(pixels: &Pixels<C>, rows: &Taps, top: usize) -> Pixels<C> {
    let stride = pixels.width * C;
    let mut values = Vec::with_capacity(stride * rows.taps.len());
    let mut sums = vec![HALF; stride];
    for (first, weights) in rows.each() {
        sums.fill(HALF);
        for (row, weight) in pixels.values[(first - top) * stride..].chunks_exact(stride).zip(weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum = add(*sum, *value, *weight);
            }
        }
        values.extend(sums.iter().copied().map(clip8));
    }
    Pixels { width: pixels.width, height: rows.taps.len(), values }
}

const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// Nothing overflows ([`Taps::weights`]); a check would keep the loops out of wide registers.
fn add(sum: i32, value: u8, weight: i32) -> i32 {
    sum.wrapping_add(i32::from(value).wrapping_mul(weight))
}

fn clip8(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
