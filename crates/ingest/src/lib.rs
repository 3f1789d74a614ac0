//! Stage `ingest`: any data set's raw files to `prompts`, `images`, `ratings` and `preferences`.
//!
//! One SQL SELECT a table maps the raw columns (see [`sources`]); every image is decoded once; the split is by prompt.
//! Source: App. B.6 (50/25/25 by prompt; ratings averaged with equal weights).

mod duplicates;
mod error;
mod image_check;
mod jpeg;
mod preferences;
mod raw_rows;
mod references;
mod settings;
mod split;
mod stage;

pub use duplicates::{Duplicate, duplicates_across_splits};
pub use error::{IngestError, Listed};
pub use image_check::{BadImage, ImageBounds, Pixels, check_pixels};
pub use preferences::preferences;
pub use settings::{OnBadImage, Settings, Shares};
pub use split::split_by_hash;
pub use stage::Ingest;
