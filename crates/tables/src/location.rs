//! Where something lies: a path or a URL, as written in the pipeline file.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

/// A path or URL of the pipeline file. A relative path is relative to the working directory.
///
/// It serialises to a constant: what lies there is digested by its content, so that moving a checkout or a data set
/// makes nothing stale.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct Location(String);

impl Location {
    /// The location that a string names.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The local path, unless this is a URL of another scheme than `file`.
    pub fn local_path(&self) -> Option<PathBuf> {
        match self.0.split_once("://") {
            None => Some(PathBuf::from(&self.0)),
            Some(("file", path)) => Some(PathBuf::from(path)),
            Some(_) => None,
        }
    }

    /// This location with a relative path appended.
    pub fn join(&self, relative: &str) -> Self {
        Self(format!("{}/{relative}", self.0.trim_end_matches('/')))
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self(path.to_string_lossy().into_owned())
    }
}

impl fmt::Display for Location {
    /// Without user, password and query, should the URL carry them (a presigned URL's query is a key): this ends in
    /// messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match url::Url::parse(&self.0) {
            Ok(mut url) if url.has_host() => {
                let hides = url.password().is_some() || !url.username().is_empty() || url.query().is_some();
                let _ = url.set_password(None);
                let _ = url.set_username("");
                url.set_query(None);
                if hides { write!(f, "{url}") } else { f.write_str(&self.0) }
            }
            _ => f.write_str(&self.0),
        }
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("by content")
    }
}
