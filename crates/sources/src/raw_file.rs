//! One raw file, by path or URL, to a frame that SQL can select from.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use polars::prelude::{
    IntoLazy, JsonFormat, JsonReader, LazyFrame, PlRefPath, PolarsResult, ScanArgsParquet, SerReader,
};
use tables::{Location, Storage};

use crate::delimited::read_delimited;
use crate::error::SourceError;

/// The most bytes that are fetched from a URL: 4 GiB, above any question or rating file, below a full disk.
pub(crate) const MAX_FETCHED_BYTES: u64 = 4 << 30;

/// What a file's name says that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Csv,
    Tsv,
    Json,
    JsonLines,
    Parquet,
}

impl Kind {
    pub(crate) fn of(file: &str) -> Option<Self> {
        Some(match file.rsplit('.').next()?.to_ascii_lowercase().as_str() {
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            "json" => Self::Json,
            "jsonl" | "ndjson" => Self::JsonLines,
            "parquet" => Self::Parquet,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Json => "JSON",
            Self::JsonLines => "JSON lines",
            Self::Parquet => "Parquet",
        }
    }
}

/// A file under its name in `sources`, ready to be selected from.
pub(crate) struct RawFile {
    pub(crate) frame: LazyFrame,
    /// What was fetched goes when this is dropped; a Parquet file is read only when the SELECT runs.
    _fetched: Option<tempfile::NamedTempFile>,
}

impl RawFile {
    /// Opens a file; all but Parquet is read whole.
    pub(crate) fn open(source_name: &str, location: &Location, max_bytes: u64) -> Result<Self, SourceError> {
        let (file, source_name) = (location.to_string(), source_name.to_owned());
        let Some(kind) = Kind::of(location.as_str()) else {
            return Err(SourceError::UnknownKind { source_name, file });
        };
        let (path, fetched) = match location.local_path() {
            Some(path) => (path, None),
            None => {
                let fetched = fetch(&source_name, location, max_bytes)?;
                (fetched.path().to_owned(), Some(fetched))
            }
        };
        let opened = open_regular(&path).map_err(|source| SourceError::Read {
            source_name: source_name.clone(),
            file: file.clone(),
            source,
        })?;
        let frame = read(kind, opened, &path).map_err(|source| SourceError::Broken {
            source_name,
            file,
            kind: kind.name(),
            source,
        })?;
        Ok(Self { frame, _fetched: fetched })
    }
}

/// A folder opens like a file, and fails only when it is read.
fn open_regular(path: &Path) -> std::io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() { Err(std::io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
}

fn read(kind: Kind, file: File, path: &Path) -> Result<LazyFrame, Box<dyn std::error::Error + Send + Sync>> {
    Ok(match kind {
        Kind::Csv => read_delimited(BufReader::new(file), true)?.lazy(),
        Kind::Tsv => read_delimited(BufReader::new(file), false)?.lazy(),
        Kind::Json => read_json(file, JsonFormat::Json)?,
        Kind::JsonLines => read_json(file, JsonFormat::JsonLines)?,
        Kind::Parquet => {
            let options = ScanArgsParquet { glob: false, ..ScanArgsParquet::default() };
            let mut frame = LazyFrame::scan_parquet(PlRefPath::try_from_path(path)?, options)?;
            // The footer is read now, so that a file cut in half is named.
            frame.collect_schema()?;
            frame
        }
    })
}

/// One array of objects, or one object a line; the schema is that of all of them.
fn read_json(file: File, format: JsonFormat) -> PolarsResult<LazyFrame> {
    Ok(JsonReader::new(file).with_json_format(format).infer_schema_len(None).finish()?.lazy())
}

fn fetch(source_name: &str, location: &Location, max_bytes: u64) -> Result<tempfile::NamedTempFile, SourceError> {
    match Storage::download(location, max_bytes) {
        Ok(Some(fetched)) => Ok(fetched),
        Ok(None) => Err(SourceError::NotFound { source_name: source_name.to_owned(), file: location.to_string() }),
        Err(source) => Err(SourceError::Fetch { source_name: source_name.to_owned(), source }),
    }
}
