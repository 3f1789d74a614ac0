//! Digests of content: what two equal tables share, wherever and whenever they were written.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;

use crate::contract::Contract;

/// BLAKE3 of some bytes, in hexadecimal.
pub fn digest_bytes(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// BLAKE3 of a local file's bytes, in hexadecimal.
///
/// # Errors
/// If the file cannot be read.
pub fn digest_file(path: &Path) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// The digest of a table's rows in order, without its measured columns; independent of batches and encoding.
pub struct RowDigest {
    contract: Arc<Contract>,
    hasher: blake3::Hasher,
    row: Vec<u8>,
}

impl RowDigest {
    /// Starts with the contract's name and version.
    pub fn new(contract: Arc<Contract>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{} {}\n", contract.name, contract.version).as_bytes());
        Self { contract, hasher, row: Vec::new() }
    }

    /// Adds the rows of a checked batch.
    pub fn add(&mut self, batch: &RecordBatch) {
        let kept: Vec<&ArrayRef> = self
            .contract
            .columns
            .iter()
            .filter(|column| !column.measured)
            .filter_map(|column| batch.column_by_name(column.name))
            .collect();
        for at in 0..batch.num_rows() {
            self.row.clear();
            kept.iter().for_each(|array| push_cell(&mut self.row, array, at));
            self.hasher.update(&self.row);
        }
    }

    /// Adds a fact that belongs to the content but is no row: an entry of the file's metadata.
    pub fn add_metadata(&mut self, key: &str, value: &str) {
        self.hasher.update(format!("{key}={value}\n").as_bytes());
    }

    /// The digest in hexadecimal.
    pub fn finish(self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }
}

/// 128 bits of the digest of one row's key.
pub(crate) fn key_digest(key: &[&ArrayRef], at: usize) -> u128 {
    let mut row = Vec::new();
    key.iter().for_each(|array| push_cell(&mut row, array, at));
    let digest = blake3::hash(&row);
    u128::from_le_bytes(digest.as_bytes()[..16].try_into().unwrap_or_default())
}

/// Appends one cell so that no two different rows give the same bytes: a tag, then a length or a fixed width.
fn push_cell(row: &mut Vec<u8>, array: &ArrayRef, at: usize) {
    if array.is_null(at) {
        return row.push(0);
    }
    row.push(1);
    match array.data_type() {
        DataType::Utf8 => push_text(row, array.as_string::<i32>().value(at)),
        DataType::Int64 => row.extend(array.as_primitive::<Int64Type>().value(at).to_le_bytes()),
        DataType::Float64 => row.extend(array.as_primitive::<Float64Type>().value(at).to_le_bytes()),
        DataType::Boolean => row.push(u8::from(array.as_boolean().value(at))),
        DataType::FixedSizeList(..) => {
            let vector = array.as_fixed_size_list().value(at);
            let items = vector.as_primitive::<Float32Type>().values();
            row.extend((items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| row.extend(item.to_le_bytes()));
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(at);
            row.extend((list.len() as u64).to_le_bytes());
            list.as_string::<i32>().iter().flatten().for_each(|text| push_text(row, text));
        }
        other => unreachable!("no column type of a contract is {other}"),
    }
}

fn push_text(row: &mut Vec<u8>, text: &str) {
    row.extend((text.len() as u64).to_le_bytes());
    row.extend(text.as_bytes());
}
