//! A stage as the pipeline sees it: what it reads, what it writes, what else decides its result, and how to run it.

use std::collections::BTreeMap;
use std::error::Error;

use crate::contract::Table;
use crate::image_files::ImageFiles;
use crate::location::Location;
use crate::parquet_io::{TableError, TableReader, TableWriter};
use crate::parts::Parts;
use crate::progress::{Progress, ProgressStyle};
use crate::staging::Staging;
use crate::storage::{Storage, StorageError};
use crate::tables::Tables;
use crate::vocabulary::StageName;

/// One batch job. Freshness is decided from everything but `run`.
pub trait Stage {
    /// Which of the six it is.
    fn name(&self) -> StageName;

    /// Raised when the same inputs and settings give other tables than before.
    fn version(&self) -> u32;

    /// Every setting that changes a result; [`Location`]s in it stand for their content.
    fn settings(&self) -> serde_json::Value;

    /// The tables that it reads under these settings.
    fn reads(&self) -> Vec<&'static str>;

    /// The tables that it writes.
    fn writes(&self) -> Vec<&'static str>;

    /// The other files that it would read now. `tables` are those of the stages before it.
    ///
    /// # Errors
    /// If those tables cannot be read.
    fn files(&self, tables: &Tables) -> Result<Vec<InputFile>, StageError> {
        let _ = tables;
        Ok(Vec::new())
    }

    /// What a run would ask of the world outside, for `finegrain plan`: one line each, such as estimated VLM calls.
    ///
    /// # Errors
    /// If the tables that it reads cannot be read.
    fn estimate(&self, tables: &Tables) -> Result<Vec<String>, StageError> {
        let _ = tables;
        Ok(Vec::new())
    }

    /// Why the result of the last run is not whole, judged by what it counted; `None` if it is.
    fn unfinished(&self, counts: &BTreeMap<String, u64>) -> Option<String> {
        let _ = counts;
        None
    }

    /// Does the work: reads tables, writes all tables of [`writes`](Self::writes).
    ///
    /// # Errors
    /// Anything that keeps it from writing all of them; nothing is visible then.
    fn run(&self, run: &mut StageRun) -> Result<Counts, StageError>;
}

/// A file that a stage reads besides tables. Its name, not its place, goes into the run record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// What it is to the stage: `sources.ratings`, `images/p01.png`, …
    pub name: String,
    /// Where it lies.
    pub location: Location,
}

/// What a run counted, for its record and the last line on the screen.
pub type Counts = BTreeMap<&'static str, u64>;

/// Why a stage failed.
#[derive(Debug)]
pub struct StageError {
    /// Whether the same command may well succeed later (an endpoint is down): exit code 75 instead of 1.
    pub retry_later: bool,
    /// What happened.
    pub source: Box<dyn Error + Send + Sync>,
}

impl StageError {
    /// A failure that time may mend.
    pub fn retry_later(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { retry_later: true, source: source.into() }
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for StageError {
    fn from(source: E) -> Self {
        Self { retry_later: false, source: source.into() }
    }
}

/// One run of one stage: its tables in, its tables out, what it keeps meanwhile.
pub struct StageRun {
    tables: Tables,
    staging: Staging,
    images: ImageFiles,
    progress: ProgressStyle,
    bad_images: BTreeMap<String, String>,
}

/// Bad images that a run record names.
const MOST_BAD_IMAGES: usize = 100;

impl StageRun {
    /// A run of `stage` on a data root, whose images lie under `images`.
    pub fn new(storage: Storage, stage: StageName, images: ImageFiles, progress: ProgressStyle) -> Self {
        let (tables, staging) = (Tables::new(storage.clone()), Staging::new(storage, stage));
        Self { tables, staging, images, progress, bad_images: BTreeMap::new() }
    }

    /// All rows of a table.
    ///
    /// # Errors
    /// As [`Tables::read`].
    pub fn read<T: Table>(&self) -> Result<Vec<T>, TableError> {
        self.tables.read()
    }

    /// A table to read batch by batch, with its metadata.
    ///
    /// # Errors
    /// As [`Tables::reader`].
    pub fn reader<T: Table>(&self) -> Result<TableReader<T>, TableError> {
        self.tables.reader()
    }

    /// Writes a whole table; it becomes visible with all the others when the stage is done.
    ///
    /// # Errors
    /// As [`Staging::write`].
    pub fn write<T: Table>(&mut self, rows: &[T]) -> Result<(), TableError> {
        self.staging.write(rows, &[])
    }

    /// Writes a whole table with entries of its own in the file's metadata.
    ///
    /// # Errors
    /// As [`Staging::write`].
    pub fn write_with_metadata<T: Table>(
        &mut self,
        rows: &[T],
        metadata: &[(String, String)],
    ) -> Result<(), TableError> {
        self.staging.write(rows, metadata)
    }

    /// Starts a table that is written as its rows come.
    ///
    /// # Errors
    /// As [`Staging::writer`].
    pub fn writer<T: Table>(
        &self,
        metadata: &[(String, String)],
        first: &[T],
    ) -> Result<TableWriter<T, tempfile::NamedTempFile>, TableError> {
        self.staging.writer(metadata, first)
    }

    /// Ends such a table.
    ///
    /// # Errors
    /// As [`Staging::finish`].
    pub fn finish<T: Table>(&mut self, writer: TableWriter<T, tempfile::NamedTempFile>) -> Result<(), TableError> {
        self.staging.finish(writer)
    }

    /// Writes a file that is no table under a key of the data root (`models/…`, `report/…`); visible with the tables.
    ///
    /// # Errors
    /// As [`Staging::write_file`].
    pub fn write_file(&mut self, key: &str, bytes: impl Into<bytes::Bytes>) -> Result<(), StorageError> {
        self.staging.write_file(key, bytes)
    }

    /// Rows that outlive a killed run, under `<data-root>/store/<name>/`.
    pub fn parts<T: Table>(&self, name: &str) -> Parts<T> {
        Parts::open(self.tables.storage(), name)
    }

    /// The image files.
    pub fn images(&self) -> &ImageFiles {
        &self.images
    }

    /// Says why an image has no result, for the run record. Those of the first 100 `image_id`s are kept.
    pub fn note_bad_image(&mut self, image_id: &str, cause: &str) {
        self.bad_images.insert(image_id.to_owned(), cause.to_owned());
        if self.bad_images.len() > MOST_BAD_IMAGES {
            self.bad_images.pop_last();
        }
    }

    /// What was noted of bad images: `image_id` to the cause.
    pub fn bad_images(&self) -> &BTreeMap<String, String> {
        &self.bad_images
    }

    /// The data root.
    pub fn storage(&self) -> &Storage {
        self.tables.storage()
    }

    /// A bar (on a terminal) or lines for a loop over `total` things, such as `images`.
    pub fn progress(&self, total: usize, things: &'static str) -> Progress {
        self.progress.start(total, things)
    }

    /// What was staged, to be committed by the pipeline.
    pub fn into_staging(self) -> Staging {
        self.staging
    }
}
