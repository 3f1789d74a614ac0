//! Raw files in: CSV, TSV, JSON lines or Parquet, by path or URL, through one SQL SELECT, to typed columns.
//!
//! The only crate that knows Polars. The SQL maps any data set's columns to the names that a stage wants, so that a new
//! data set needs no code; types are then checked here, so that a wrong value is named by column and row.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("raw.csv");
//! std::fs::write(&path, "who,stars\nann,3\nbob,\n")?;
//! let sources = sources::Sources([("raw".to_owned(), path.as_path().into())].into());
//! let wanted = [sources::WantedColumn::text("rater_id"), sources::WantedColumn::number("rating").optional()];
//! let ratings = sources.select("SELECT who AS rater_id, stars AS rating FROM raw", "ingest.ratings", &wanted)?;
//! assert_eq!(ratings.required_text("rater_id"), ["ann", "bob"]);
//! assert_eq!(ratings.number("rating"), [Some(3.0), None]);
//! # Ok(())
//! # }
//! ```

mod delimited;
mod error;
mod raw_file;
mod select;
mod selected;

pub use error::SourceError;
pub use select::Sources;
pub use selected::{Selected, WantedColumn};
