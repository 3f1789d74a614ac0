//! The image files under the image root: read whole, bounded in size, and never outside the root.

use std::path::{Component, Path};

use bytes::Bytes;

use crate::location::Location;
use crate::storage::{Storage, StorageError};

/// Why an image file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The path would leave the image root.
    #[error("`{path}` leaves the image root: paths are relative to that folder, without `..`")]
    Escapes {
        /// The path as the table has it.
        path: String,
    },
    /// There is no such file.
    #[error("`{path}` is not there")]
    NotFound {
        /// The path as the table has it.
        path: String,
    },
    /// The file is larger than the bound.
    #[error("`{path}` has {bytes} bytes, more than the {max_bytes} that are allowed")]
    TooLarge {
        /// The path as the table has it.
        path: String,
        /// Its size.
        bytes: u64,
        /// The bound.
        max_bytes: u64,
    },
    /// It could not be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The path as the table has it.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The bucket failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The files under the image root of the pipeline file: a folder, or a bucket's prefix.
#[derive(Clone)]
pub enum ImageFiles {
    /// A folder on this machine.
    Folder(std::path::PathBuf),
    /// A bucket.
    Bucket(Storage),
}

impl ImageFiles {
    /// The files under a root. A folder need not exist: data sets without pixels have none.
    ///
    /// # Errors
    /// [`StorageError::Open`] for an unknown kind of URL.
    pub fn open(root: &Location) -> Result<Self, StorageError> {
        Ok(match root.local_path() {
            Some(folder) => Self::Folder(folder),
            None => Self::Bucket(Storage::open(root)?),
        })
    }

    /// A file's content.
    ///
    /// # Errors
    /// [`ImageError`]: a path that is absolute or climbs with `..` or through a link, a missing file, one of more than
    /// `max_bytes`.
    pub fn read(&self, path: &str, max_bytes: u64) -> Result<Bytes, ImageError> {
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside || path.contains('\0') {
            return Err(ImageError::Escapes { path: path.to_owned() });
        }
        let bytes = match self {
            Self::Folder(root) => read_below(root, path, max_bytes)?,
            Self::Bucket(storage) => {
                storage.get_bytes(path)?.ok_or_else(|| ImageError::NotFound { path: path.to_owned() })?
            }
        };
        within(path, bytes.len() as u64, max_bytes)?;
        Ok(bytes)
    }

    /// Where a file lies, for digests and messages.
    pub fn location(&self, path: &str) -> Location {
        match self {
            Self::Folder(root) => Location::from(root.join(path).as_path()),
            Self::Bucket(storage) => storage.root().join(path),
        }
    }
}

fn read_below(root: &Path, path: &str, max_bytes: u64) -> Result<Bytes, ImageError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => ImageError::NotFound { path: path.to_owned() },
        _ => ImageError::Read { path: path.to_owned(), source },
    };
    let root = root.canonicalize().map_err(failed)?;
    let file = root.join(path).canonicalize().map_err(failed)?;
    if !file.starts_with(&root) {
        return Err(ImageError::Escapes { path: path.to_owned() });
    }
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(ImageError::NotFound { path: path.to_owned() });
    }
    within(path, metadata.len(), max_bytes)?;
    std::fs::read(&file).map(Bytes::from).map_err(failed)
}

fn within(path: &str, bytes: u64, max_bytes: u64) -> Result<(), ImageError> {
    if bytes > max_bytes { Err(ImageError::TooLarge { path: path.to_owned(), bytes, max_bytes }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leaves_the_root_not_even_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("images");
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("a.png"), b"png").unwrap();
        std::fs::write(folder.path().join("secret"), b"secret").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link.png")).unwrap();
        let files = ImageFiles::open(&root.as_path().into()).unwrap();
        assert_eq!(files.read("./a.png", 10).unwrap(), "png");
        for escaping in ["../secret", "../../etc/passwd", "/etc/passwd", "link.png", "a/../../secret"] {
            assert!(matches!(files.read(escaping, 10), Err(ImageError::Escapes { .. })), "{escaping}");
        }
        assert!(matches!(files.read("b.png", 10), Err(ImageError::NotFound { .. })));
        assert!(matches!(files.read("a.png", 2), Err(ImageError::TooLarge { bytes: 3, max_bytes: 2, .. })));
    }
}
