//! What can be wrong with a raw file, its SELECT, or a value that the SELECT gives.

use std::error::Error;

use tables::{ColumnType, StorageError};

/// Why a SELECT gave no rows that can be used. Rows and lines count from 1.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file's name does not say what kind it is.
    #[error("source `{source_name}`: `{file}` ends in none of .csv, .tsv, .jsonl, .ndjson, .parquet")]
    UnknownKind {
        /// Its name in `sources`.
        source_name: String,
        /// The file.
        file: String,
    },
    /// The file could not be read.
    #[error("source `{source_name}`: cannot read `{file}`")]
    Read {
        /// Its name in `sources`.
        source_name: String,
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing at the URL.
    #[error("source `{source_name}`: `{file}` is not there")]
    NotFound {
        /// Its name in `sources`.
        source_name: String,
        /// The URL.
        file: String,
    },
    /// The URL could not be fetched, or what lies there is larger than a raw file may be.
    #[error("source `{source_name}`")]
    Fetch {
        /// Its name in `sources`.
        source_name: String,
        /// Why.
        #[source]
        source: StorageError,
    },
    /// The file is not what its name says.
    #[error("source `{source_name}`: `{file}` is not readable as {kind}")]
    Broken {
        /// Its name in `sources`.
        source_name: String,
        /// The file.
        file: String,
        /// What its name says.
        kind: &'static str,
        /// What the reader says, with the line if it knows it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The SQL reads files behind the back of `sources`, so that a change in them would make nothing stale.
    #[error("{what}: `{function}` is not available, name the file under `sources` and select from that name")]
    TableFunction {
        /// Which SELECT.
        what: &'static str,
        /// `read_csv`, …
        function: &'static str,
    },
    /// The SQL does not parse, or names what is not there, or fails on a value.
    #[error("{what}: the SQL fails; the sources are {known}; the SQL is: {sql}")]
    Sql {
        /// Which SELECT.
        what: &'static str,
        /// The SQL.
        sql: String,
        /// The sources with their columns.
        known: String,
        /// What Polars says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The SELECT does not give a column that is needed.
    #[error("{what}: the SELECT gives no column `{column}`; it gives {columns}")]
    MissingColumn {
        /// Which SELECT.
        what: &'static str,
        /// The column that is needed.
        column: &'static str,
        /// The columns that it gives.
        columns: String,
    },
    /// The SELECT gives columns that nothing reads: a typo, or a forgotten alias.
    #[error("{what}: the SELECT gives {extra}, which is not known here; it may give {wanted}")]
    ExtraColumns {
        /// Which SELECT.
        what: &'static str,
        /// What it gives too much.
        extra: String,
        /// What it may give.
        wanted: String,
    },
    /// A value is missing where there must be one. An empty cell of a CSV or TSV file is a missing value.
    #[error("{what}: `{column}` is missing in row {row} of the SELECT from {files} ({n_rows} such rows)")]
    Missing {
        /// Which SELECT.
        what: &'static str,
        /// The column.
        column: &'static str,
        /// The first such row of the result.
        row: usize,
        /// How many there are.
        n_rows: usize,
        /// The files it selects from.
        files: String,
    },
    /// A value is not a number where there must be one.
    #[error("{what}: `{column}` is `{value}` in row {row} of the SELECT from {files}, which is not {expected}")]
    NotANumber {
        /// Which SELECT.
        what: &'static str,
        /// The column.
        column: &'static str,
        /// The row of the result.
        row: usize,
        /// The value.
        value: String,
        /// `a number`, or `a whole number`.
        expected: &'static str,
        /// The files it selects from.
        files: String,
    },
    /// A column has a type that cannot become the wanted one: a list, a struct, a date where a number is wanted.
    #[error("{what}: `{column}` is of the type {found}, which cannot be read as {expected}; convert it in the SQL")]
    Type {
        /// Which SELECT.
        what: &'static str,
        /// The column.
        column: &'static str,
        /// Its type.
        found: String,
        /// The wanted type.
        expected: &'static str,
    },
    /// A caller wants a type that no raw file gives.
    #[error("{what}: a column `{column}` of the type {column_type:?} cannot be selected")]
    Unsupported {
        /// Which SELECT.
        what: &'static str,
        /// The column.
        column: &'static str,
        /// The type.
        column_type: ColumnType,
    },
}
