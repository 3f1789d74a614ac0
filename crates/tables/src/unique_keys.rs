//! Keys that must not repeat, checked as rows stream by.
//!
//! A table whose rows come in the order of its first key column (as `questions` does, by prompt) is checked in the memory
//! of one group of rows, however long it is. From the first row out of that order on, every key's digest is remembered.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

use crate::digest::key_digest;

/// The keys seen so far.
#[derive(Default)]
pub(crate) struct UniqueKeys {
    /// All keys; or, while the table is in order, those of the current group.
    seen: HashSet<u128>,
    order: Order,
}

/// Whether the first key column has only risen so far.
enum Order {
    /// It has; `group` is its current value, `log` holds every key, for the day it falls.
    Rising { group: Option<String>, log: KeyLog },
    /// It fell, or is no text: `seen` has every key.
    Any,
}

impl Default for Order {
    fn default() -> Self {
        Self::Rising { group: None, log: KeyLog::default() }
    }
}

impl UniqueKeys {
    /// Takes the key of one more row; false if an earlier row had it.
    ///
    /// # Errors
    /// If earlier keys went to a scratch file that cannot be read back.
    pub(crate) fn insert(&mut self, key: &[&ArrayRef], at: usize) -> io::Result<bool> {
        let digest = key_digest(key, at);
        if let Order::Rising { group, log } = &mut self.order {
            let value = first_column(key, at);
            if value.is_some() && value == group.as_deref() {
                log.push(digest);
            } else if let Some(value) = value.filter(|value| group.as_deref().is_none_or(|group| group < *value)) {
                value.clone_into(group.get_or_insert_default());
                self.seen.clear();
                log.push(digest);
            } else {
                self.seen = log.keys()?;
                self.order = Order::Any;
            }
        }
        Ok(self.seen.insert(digest))
    }
}

fn first_column<'a>(key: &[&'a ArrayRef], at: usize) -> Option<&'a str> {
    let array = key.first().filter(|array| array.data_type() == &DataType::Utf8 && array.is_valid(at))?;
    Some(array.as_string::<i32>().value(at))
}

/// Key digests in the order they came: the latest in memory, the earlier ones in a scratch file without a name.
#[derive(Default)]
struct KeyLog {
    latest: Vec<u128>,
    file: Option<File>,
    n_in_file: usize,
}

/// 1 MiB of digests.
const LATEST: usize = 65_536;

impl KeyLog {
    fn push(&mut self, digest: u128) {
        self.latest.push(digest);
        if self.latest.len().is_multiple_of(LATEST) && self.spill().is_ok() {
            self.n_in_file += self.latest.len();
            self.latest.clear();
        }
    }

    /// Where it fails (a full disk), the digests stay in memory, and the next ones overwrite what was half written.
    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let bytes: Vec<u8> = self.latest.iter().flat_map(|digest| digest.to_le_bytes()).collect();
        file.seek(SeekFrom::Start(16 * self.n_in_file as u64))?;
        file.write_all(&bytes)
    }

    fn keys(&mut self) -> io::Result<HashSet<u128>> {
        let mut keys: HashSet<u128> = std::mem::take(&mut self.latest).into_iter().collect();
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(0))?;
            let mut reader = BufReader::new(file);
            for _ in 0..self.n_in_file {
                let mut digest = [0; 16];
                reader.read_exact(&mut digest)?;
                keys.insert(u128::from_le_bytes(digest));
            }
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;
    use proptest::prelude::*;

    use super::*;

    /// What `insert` says of each row of a two-column key.
    fn inserted(rows: &[(String, String)]) -> Vec<bool> {
        let column = |pick: fn(&(String, String)) -> &str| -> ArrayRef {
            Arc::new(rows.iter().map(|row| Some(pick(row))).collect::<StringArray>())
        };
        let (first, second) = (column(|row| &row.0), column(|row| &row.1));
        let mut keys = UniqueKeys::default();
        (0..rows.len()).map(|at| keys.insert(&[&first, &second], at).unwrap()).collect()
    }

    fn expected(rows: &[(String, String)]) -> Vec<bool> {
        let mut seen = HashSet::new();
        rows.iter().map(|row| seen.insert(row)).collect()
    }

    proptest! {
        #[test]
        fn every_repeat_is_found_in_any_order(rows in prop::collection::vec(("[a-d]{0,2}", "[a-c]{0,1}"), 0..60), sort: bool) {
            let mut rows = rows;
            if sort {
                rows.sort_by(|a, b| a.0.cmp(&b.0));
            }
            prop_assert_eq!(inserted(&rows), expected(&rows));
        }
    }

    #[test]
    fn a_table_in_order_is_checked_in_the_memory_of_one_group() {
        let n = 3 * LATEST;
        let ids: ArrayRef = Arc::new((0..n).map(|i| Some(format!("p{i:08}"))).collect::<StringArray>());
        let mut keys = UniqueKeys::default();
        assert!((0..n).all(|at| keys.insert(&[&ids], at).unwrap()));
        assert_eq!(keys.seen.len(), 1);
        // Out of order at last, and two that were long ago: the scratch file knows.
        let late: ArrayRef = Arc::new(StringArray::from(vec!["a", "p00000007", "p00070000"]));
        let found: Vec<bool> = (0..3).map(|at| keys.insert(&[&late], at).unwrap()).collect();
        assert_eq!(found, [true, false, false]);
    }
}
