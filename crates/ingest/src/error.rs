//! What can be wrong with raw data. Rows count from 1, in the order of the SELECT's result.

use std::fmt;

use sources::SourceError;
use tables::{ImageError, TableError};

/// Why `ingest` failed.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The shares of the split make no whole.
    #[error("ingest.split: {train} + {validation} + {test}: three shares in [0, 1] that sum to 1 are wanted")]
    Shares {
        /// Share of the training part.
        train: f64,
        /// Share of the validation part.
        validation: f64,
        /// Share of the test part.
        test: f64,
    },
    /// A bound that lets no image through.
    #[error("ingest.{name} is 0, which lets no image through")]
    ZeroBound {
        /// The setting.
        name: &'static str,
    },
    /// Neither shares nor a column say which part a prompt is in.
    #[error("ingest.split is not set, and the SELECT of ingest.prompts gives no column `split`")]
    NoSplit,
    /// A file or a SELECT is wrong, or a value has the wrong type.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There are no prompts.
    #[error("ingest.prompts: the SELECT gives no rows")]
    NoPrompts,
    /// A column `split` holds something else than a part.
    #[error("ingest.prompts: `split` is {value} in row {row}; train, validation or test is wanted in every row")]
    UnknownSplit {
        /// The row.
        row: usize,
        /// What it holds.
        value: String,
    },
    /// Rows with the same key.
    #[error("{what}: the key ({key}) comes more than once: {rows}")]
    Twice {
        /// Which SELECT.
        what: &'static str,
        /// The key's columns.
        key: &'static str,
        /// The rows.
        rows: Listed,
    },
    /// Rows that name what is not there.
    #[error("{what}: no {wanted} has this `{column}`: {rows}")]
    Unknown {
        /// Which SELECT.
        what: &'static str,
        /// `prompt` or `image`.
        wanted: &'static str,
        /// The column.
        column: &'static str,
        /// The rows.
        rows: Listed,
    },
    /// Numbers out of range.
    #[error("ingest.ratings: {column} must be {range}: {rows}")]
    OutOfRange {
        /// The column.
        column: &'static str,
        /// Its range.
        range: &'static str,
        /// The rows.
        rows: Listed,
    },
    /// Images that cannot be used.
    #[error("{rows}\nmend them, or set ingest.on_bad_image to skip")]
    BadImages {
        /// The images and why.
        rows: Listed,
    },
    /// The bucket that the images lie in failed.
    #[error("cannot read the images")]
    Images(#[source] ImageError),
    /// A table could not be written.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// How many rows are written out in a message.
const SHOWN: usize = 20;

/// What is wrong with some rows: all are counted, the first 20 are written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// How many, and of what: `3 bad images`.
    pub headline: String,
    /// The first of them, one text each.
    pub first: Vec<String>,
    /// How many there are.
    pub total: usize,
}

impl Listed {
    /// `things` is the plural: `bad images`.
    pub fn new(things: &str, all: &[String]) -> Self {
        let first = all.iter().take(SHOWN).cloned().collect();
        Self { headline: format!("{} {things}", all.len()), first, total: all.len() }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)?;
        self.first.iter().try_for_each(|line| write!(f, "\n  {line}"))?;
        match self.total - self.first.len() {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}
