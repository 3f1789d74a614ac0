//! What products read and write row by row.

use std::marker::PhantomData;

use crate::PANEL;
use crate::lines::{LANES, Lines};

/// Rows of a matrix, each on a cache line, an odd number of lines apart so that a column's lines fall into different
/// sets of the cache.
#[derive(Debug, Clone)]
pub struct RowStore {
    values: Lines,
    width: usize,
    stride: usize,
}

fn stride_of(width: usize) -> usize {
    LANES * (width.div_ceil(LANES) | 1)
}

impl RowStore {
    /// Copies a matrix, `[n, width]`, each value as `change` gives it.
    pub fn new(values: &[f32], width: usize, change: impl Fn(f32) -> f32) -> Self {
        let stride = stride_of(width);
        let n = values.len().checked_div(width).unwrap_or(0);
        let mut lines = Lines::zeros(n * stride);
        for (to, from) in lines.chunks_exact_mut(stride).zip(values.chunks_exact(width.max(1))) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = change(*from));
        }
        Self { values: lines, width, stride }
    }

    /// Some of its rows.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn rows(&self, rows: impl Iterator<Item = u32>) -> Rows<'_> {
        let start = |row: u32| self.values[row as usize * self.stride..][..self.stride].as_ptr();
        Rows { starts: rows.map(start).collect(), width: self.width, of: PhantomData }
    }
}

/// Rows somewhere, of one width, the last of each one's cache lines filled up with zeros; what a product reads.
#[derive(Debug)]
pub struct Rows<'a> {
    starts: Vec<*const f32>,
    width: usize,
    of: PhantomData<&'a [f32]>,
}

impl Rows<'_> {
    pub(crate) fn starts(&self) -> &[*const f32] {
        &self.starts
    }

    /// How long each is.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many there are.
    pub fn n(&self) -> usize {
        self.starts.len()
    }

    /// Copies one cache line of each.
    pub(crate) fn copy_line(&self, line: usize, to: &mut [f32]) {
        assert!(line < self.width.div_ceil(LANES));
        for (to, start) in to.as_chunks_mut::<LANES>().0.iter_mut().zip(&self.starts) {
            // SAFETY: every start was taken from rows of whole lines that are borrowed for as long as `self`.
            #[allow(unsafe_code)]
            unsafe {
                *to = *start.add(line * LANES).cast();
            }
        }
    }

    pub(crate) fn row(&self, at: usize) -> &[f32] {
        // SAFETY: every start was taken from a slice of `width` numbers that is borrowed for as long as `self`.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts(self.starts[at], self.width)
        }
    }
}

/// What a layer gives for each row of a batch: `[n, width]`, padded with columns that stay zero.
#[derive(Debug, Clone)]
pub struct Activations {
    values: Lines,
    width: usize,
    stride: usize,
    n: usize,
}

impl Activations {
    /// Zeros.
    pub fn zeros(n: usize, width: usize) -> Self {
        let stride = stride_of(width.next_multiple_of(PANEL));
        Self { values: Lines::zeros(n * stride), width, stride, n }
    }

    /// The first `n` of its rows.
    ///
    /// # Panics
    /// If it has fewer.
    pub fn rows(&self, n: usize) -> Rows<'_> {
        assert!(n <= self.n, "{n} of {} rows", self.n);
        let starts = (0..n).map(|at| self.values[at * self.stride..][..self.stride].as_ptr()).collect();
        Rows { starts, width: self.width, of: PhantomData }
    }

    /// How long a row is.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many rows it has.
    pub fn n(&self) -> usize {
        self.n
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.stride..][..self.width]
    }

    /// One row, to be changed.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_mut(&mut self, at: usize) -> &mut [f32] {
        &mut self.values[at * self.stride..][..self.width]
    }

    /// Adds up its first `n` rows, into `sums`, `[width]`.
    pub(crate) fn sum_rows(&self, n: usize, sums: &mut [f32]) {
        for (from, sums) in (0..self.width).step_by(LANES).zip(sums.chunks_mut(LANES)) {
            let mut of_line = [0.0; LANES];
            for row in self.values.chunks_exact(self.stride).take(n) {
                of_line.iter_mut().zip(&row[from..][..LANES]).for_each(|(sum, x)| *sum += x);
            }
            sums.copy_from_slice(&of_line[..sums.len()]);
        }
    }

    /// Copies its first `n` rows panel by panel, `[panel][n][64]`.
    pub(crate) fn copy_panels(&self, n: usize, to: &mut Lines) {
        assert!(n <= self.n, "{n} of {} rows", self.n);
        let n_panels = self.width.div_ceil(PANEL);
        to.grow(n_panels * n * PANEL);
        for (at, row) in self.values.chunks_exact(self.stride).take(n).enumerate() {
            for (panel, from) in row.as_chunks::<PANEL>().0.iter().enumerate() {
                to[(panel * n + at) * PANEL..][..PANEL].copy_from_slice(from);
            }
        }
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

/// A number rounded to bfloat16, to the nearest and ties to even.
pub fn round_to_bf16(x: f32) -> f32 {
    let bits = x.to_bits();
    let half = 0x7fff + ((bits >> 16) & 1);
    f32::from_bits(bits.wrapping_add(half) & 0xffff_0000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_rounds_to_the_nearest_and_ties_to_even() {
        // torch.tensor(x).bfloat16().float() of PyTorch 2.11.
        for (x, expect) in [
            (1.0, 1.0),
            (1.003_906_2, 1.0),
            (1.003_907, 1.007_812_5),
            (1.011_718_8, 1.015_625),
            (-0.1, -0.100_097_656),
            (0.0, 0.0),
        ] {
            assert_eq!(round_to_bf16(x), expect, "{x}");
        }
    }

    #[test]
    fn rows_start_on_cache_lines_an_odd_number_of_them_apart() {
        for width in [1, 15, 16, 17, 1792] {
            let values: Vec<f32> = (0..3 * width).map(|at| at as f32).collect();
            let store = RowStore::new(&values, width, |x| x);
            let rows = store.rows([2, 0].into_iter());
            assert_eq!((rows.n(), rows.row(0), rows.row(1)), (2, &values[2 * width..], &values[..width]));
            let lines = (rows.starts()[0] as usize - rows.starts()[1] as usize) / 64 / 2;
            assert!(lines % 2 == 1 && (rows.starts()[1] as usize).is_multiple_of(64));
        }
    }
}
