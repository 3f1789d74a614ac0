//! The embeddings that one kind of input is made of: one matrix, shared by all networks that read it.

use std::sync::Arc;

use crate::engine::Matrix;
use crate::images::Images;
use crate::settings::Inputs;

/// The images that have what a network reads, and what it reads of them.
#[derive(Debug)]
pub struct Embedded {
    /// One row for each of `rows`.
    pub matrix: Arc<Matrix>,
    /// Rows of [`Images`], ascending.
    pub rows: Vec<usize>,
    position_of: Vec<Option<u32>>,
}

impl Embedded {
    /// Everything that is there for these inputs; `None` if the embeddings differ in length.
    pub fn new(images: &Images, inputs: Inputs) -> Option<Self> {
        let rows: Vec<usize> = (0..images.len()).filter(|&row| images.has(row, inputs)).collect();
        let (values, dim) = images.embeddings(&rows, inputs);
        let mut position_of = vec![None; images.len()];
        for (position, &row) in rows.iter().enumerate() {
            position_of[row] = u32::try_from(position).ok();
        }
        let matrix = Arc::new(Matrix::new(values, rows.len(), dim)?);
        Some(Self { matrix, rows, position_of })
    }

    /// Where an image stands in the matrix.
    pub fn position(&self, row: usize) -> Option<u32> {
        self.position_of[row]
    }

    /// Where images stand in the matrix; those that do not are left out.
    pub fn positions(&self, rows: &[usize]) -> Vec<u32> {
        rows.iter().filter_map(|&row| self.position(row)).collect()
    }
}
