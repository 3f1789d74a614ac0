//! What the stages agree on: the vocabulary, one contract per table, checked Parquet in and out, storage by URL.
//!
//! A stage reads tables and writes tables through a [`StageRun`]; it never imports another stage. A table is a
//! row type declared once with [`table!`](crate::table): its columns, their checks and their descriptions live
//! there and nowhere else (`schemas/` is generated from it).

#![allow(clippy::module_name_repetitions, reason = "`TableError` reads better outside this crate than `table::Error`")]

mod catalog;
mod cell;
mod check;
mod contract;
mod data_contract;
mod digest;
mod image_files;
mod location;
mod parquet_io;
mod parts;
mod progress;
mod results;
mod scored;
mod stage;
mod staging;
mod storage;
mod tables;
mod unique_keys;
mod vocabulary;

pub use catalog::*;
pub use cell::{Cell, ColumnType, Embedding};
pub use check::{Violation, Violations, check};
pub use contract::{Check, Column, Contract, Table, decoded_column, joined_doc};
pub use data_contract::data_contract_yaml;
pub use digest::{RowDigest, digest_bytes, digest_file};
pub use image_files::{ImageError, ImageFiles};
pub use location::Location;
pub use parquet_io::{TableError, TableFile, TableReader, TableWriter, decode, encode};
pub use parts::{NewPart, Part, Parts, ReadOlder, new_name};
pub use progress::{Progress, ProgressStyle};
pub use scored::{ImageConcept, ImageScore};
pub use stage::{Counts, InputFile, Stage, StageError, StageRun};
pub use staging::{Commit, Staging, WrittenTable, recover};
pub use storage::{Storage, StorageError};
pub use tables::Tables;
pub use vocabulary::*;

// The macro needs these names from any crate.
#[doc(hidden)]
pub use arrow::{array::ArrayRef, record_batch::RecordBatch};
