//! Embeddings as rows of one matrix that all problems share.

use std::sync::OnceLock;

use sweep_kernels::{RowStore, round_to_bf16};

use crate::settings::Precision;

/// A matrix of f32, row by row: one row an image.
#[derive(Debug)]
pub struct Matrix {
    values: Vec<f32>,
    n_rows: usize,
    n_columns: usize,
    row_digests: OnceLock<Vec<[u8; 32]>>,
    /// For products in f32, and in bf16.
    stores: [OnceLock<RowStore>; 2],
}

impl Matrix {
    /// A matrix of `values`, `[n_rows, n_columns]`; `None` if there are not as many values as that.
    pub fn new(values: Vec<f32>, n_rows: usize, n_columns: usize) -> Option<Self> {
        let fits = n_rows.checked_mul(n_columns) == Some(values.len());
        fits.then(|| Self {
            values,
            n_rows,
            n_columns,
            row_digests: OnceLock::new(),
            stores: [OnceLock::new(), OnceLock::new()],
        })
    }

    /// Its values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: u32) -> &[f32] {
        &self.values[row as usize * self.n_columns..][..self.n_columns]
    }

    /// How many rows it has.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The size of an embedding.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Some of its rows one after another.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn gather(&self, rows: &[u32]) -> Vec<f32> {
        rows.iter().flat_map(|&row| self.row(row)).copied().collect()
    }

    /// Its rows as the kernels want them, made once for all networks that read them.
    pub(super) fn store(&self, precision: Precision) -> &RowStore {
        let (at, change): (usize, fn(f32) -> f32) = match precision {
            Precision::F32 => (0, |x| x),
            Precision::Bf16 => (1, round_to_bf16),
        };
        self.stores[at].get_or_init(|| RowStore::new(&self.values, self.n_columns, change))
    }

    /// A digest of one row's bits; all are computed once. A problem is named by those of its own rows, so that an
    /// image more in the table renames no problem.
    pub fn row_digest(&self, row: u32) -> &[u8; 32] {
        let digests = self.row_digests.get_or_init(|| {
            let of_row = |row| {
                let bytes: Vec<u8> = self.row(row).iter().flat_map(|x| x.to_le_bytes()).collect();
                *blake3::hash(&bytes).as_bytes()
            };
            (0..self.n_rows as u32).map(of_row).collect()
        });
        &digests[row as usize]
    }
}
