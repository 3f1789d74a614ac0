//! Bytes by URL: a folder on this machine (`path`, `file://`) or a bucket (`s3://`), through `object_store`.

use std::fs::File;
use std::path::{Path as FsPath, PathBuf};
use std::sync::{Arc, OnceLock, mpsc};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetResultPayload, ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart, parse_url_opts};
use tokio::runtime::Runtime;

use crate::location::Location;

/// What was wrong with a read or write under a storage root.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The root is no folder and no known kind of URL.
    #[error("cannot open `{location}` as a folder or bucket")]
    Open {
        /// The root as written.
        location: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// One object could not be read or written.
    #[error("cannot {action} `{object}`")]
    Object {
        /// `read`, `write`, `list`, `rename` or `delete`.
        action: &'static str,
        /// The object's URL or path.
        object: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// What was staged is gone before it was moved into place.
    #[error("`{object}` is gone before it could be moved into place; is another run working on this data root?")]
    Vanished {
        /// The object's URL or path.
        object: String,
    },
    /// A local file could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// `read`, `write`, `create` or `rename`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What lies at a URL is larger than it may be.
    #[error("`{object}` has {bytes} bytes, more than the {max_bytes} that are allowed")]
    TooLarge {
        /// The URL.
        object: String,
        /// Its size.
        bytes: u64,
        /// The bound.
        max_bytes: u64,
    },
}

/// The objects under one root, addressed by `/`-separated relative keys.
///
/// Calls block; the requests run on threads of their own, so a call is safe from anywhere.
#[derive(Clone)]
pub struct Storage {
    root: Location,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    local: Option<PathBuf>,
    runtime: &'static Runtime,
}

/// One object's content: a local file to seek in, or bytes that were fetched.
pub enum Content {
    /// An open local file.
    File(File),
    /// The whole object.
    Bytes(Bytes),
}

impl Storage {
    /// Opens a root. A local folder is created; a bucket's credentials come from the environment (`AWS_…`).
    ///
    /// # Errors
    /// [`StorageError::Open`] for an unknown scheme or a folder that cannot be made.
    pub fn open(root: &Location) -> Result<Self, StorageError> {
        let cannot_open = |source: Box<dyn std::error::Error + Send + Sync>| StorageError::Open {
            location: root.to_string(),
            source,
        };
        let runtime = request_threads().map_err(|error| cannot_open(error.into()))?;
        let (store, prefix, local): (Arc<dyn ObjectStore>, Path, Option<PathBuf>) = match root.local_path() {
            Some(folder) => {
                std::fs::create_dir_all(&folder).map_err(|error| cannot_open(error.into()))?;
                let folder = folder.canonicalize().map_err(|error| cannot_open(error.into()))?;
                let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| cannot_open(error.into()))?;
                (Arc::new(store), Path::default(), Some(folder))
            }
            None => {
                let url = url::Url::parse(root.as_str()).map_err(|error| cannot_open(error.into()))?;
                let environment = std::env::vars()
                    .filter(|(name, _)| name.starts_with("AWS_"))
                    .map(|(name, value)| (name.to_lowercase(), value));
                // Whoever writes `http://` means it.
                let plain_http = (url.scheme() == "http").then(|| ("allow_http".to_owned(), "true".to_owned()));
                let (store, prefix) =
                    parse_url_opts(&url, environment.chain(plain_http)).map_err(|error| cannot_open(error.into()))?;
                (Arc::from(store), prefix, None)
            }
        };
        Ok(Self { root: root.clone(), store, prefix, local, runtime })
    }

    /// Where it lies.
    pub fn root(&self) -> &Location {
        &self.root
    }

    /// The root folder, if it is on this machine.
    pub fn local_root(&self) -> Option<&FsPath> {
        self.local.as_deref()
    }

    /// An object's full name, for messages.
    pub fn name(&self, key: &str) -> String {
        self.root.join(key).to_string()
    }

    /// An object's content, or `None` if there is no such object.
    ///
    /// # Errors
    /// [`StorageError::Object`] if it is there but cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<Content>, StorageError> {
        let (store, path) = (self.store.clone(), self.path(key));
        let got = self.wait(async move {
            let result = match store.get(&path).await {
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                other => other?,
            };
            match result.payload {
                GetResultPayload::File(file, _) => Ok(Some(Content::File(file))),
                GetResultPayload::Stream(stream) => {
                    let chunks: Vec<Bytes> = stream.try_collect().await?;
                    Ok(Some(Content::Bytes(chunks.concat().into())))
                }
            }
        });
        got.map_err(|source| self.failed("read", key, source))
    }

    /// An object's bytes, or `None` if there is no such object.
    ///
    /// # Errors
    /// [`StorageError::Object`] if it is there but cannot be read.
    pub fn get_bytes(&self, key: &str) -> Result<Option<Bytes>, StorageError> {
        match self.get(key)? {
            None => Ok(None),
            Some(Content::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Content::File(mut file)) => {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut file, &mut bytes)
                    .map_err(|error| self.failed("read", key, generic(error)))?;
                Ok(Some(bytes.into()))
            }
        }
    }

    /// Fetches the one object at a URL (`s3://`, `https://`) to a temporary file, or `None` if nothing is there.
    ///
    /// # Errors
    /// [`StorageError::TooLarge`] for more than `max_bytes`, before they are fetched; whatever else keeps it from
    /// being fetched whole.
    pub fn download(url: &Location, max_bytes: u64) -> Result<Option<tempfile::NamedTempFile>, StorageError> {
        let storage = Self::open(url)?;
        let (store, path) = (storage.store.clone(), storage.prefix.clone());
        let failed = |source| StorageError::Object { action: "read", object: url.to_string(), source };
        let fetched = storage.wait(async move {
            let result = match store.get(&path).await {
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                other => other?,
            };
            if result.meta.size > max_bytes {
                return Ok(Some(Err(result.meta.size)));
            }
            let mut file = tempfile::NamedTempFile::new().map_err(generic)?;
            let mut chunks = result.into_stream();
            while let Some(chunk) = chunks.try_next().await? {
                std::io::Write::write_all(&mut file, &chunk).map_err(generic)?;
            }
            Ok(Some(Ok(file)))
        });
        match fetched.map_err(failed)? {
            None => Ok(None),
            Some(Ok(file)) => Ok(Some(file)),
            Some(Err(bytes)) => Err(StorageError::TooLarge { object: url.to_string(), bytes, max_bytes }),
        }
    }

    /// Writes an object all at once: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// [`StorageError::Object`] or [`StorageError::File`], a full disk among them; the old object stays.
    pub fn put(&self, key: &str, bytes: impl Into<Bytes>) -> Result<(), StorageError> {
        if self.local.is_some() {
            let mut staged = self.scratch_file()?;
            std::io::Write::write_all(&mut staged, &bytes.into()).map_err(|source| StorageError::File {
                action: "write",
                path: self.local_path(key),
                source,
            })?;
            return self.put_file(key, staged);
        }
        let (store, path, payload) = (self.store.clone(), self.path(key), PutPayload::from(bytes.into()));
        self.wait(async move { store.put(&path, payload).await.map(|_| ()) })
            .map_err(|source| self.failed("write", key, source))
    }

    /// Moves a scratch file's content to an object, all at once.
    ///
    /// # Errors
    /// [`StorageError::File`] or [`StorageError::Object`]; the old object stays.
    pub fn put_file(&self, key: &str, scratch: tempfile::NamedTempFile) -> Result<(), StorageError> {
        if self.local.is_some() {
            let target = self.local_path(key);
            let failed = |action, source| StorageError::File { action, path: target.clone(), source };
            scratch.as_file().sync_all().map_err(|source| failed("write", source))?;
            let Some(folder) = target.parent() else {
                return Err(failed("write", std::io::ErrorKind::InvalidInput.into()));
            };
            std::fs::create_dir_all(folder).map_err(|source| failed("create", source))?;
            scratch.persist(&target).map_err(|error| failed("rename", error.error))?;
            // A power cut forgets a rename that its folder has not been told to keep.
            return File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| failed("write", source));
        }
        let (store, path) = (self.store.clone(), self.path(key));
        let uploaded = self.wait(async move {
            let mut upload = WriteMultipart::new(store.put_multipart(&path).await?);
            let mut file = tokio::fs::File::open(scratch.path()).await.map_err(generic)?;
            let mut chunk = vec![0; 8 << 20];
            loop {
                let n_read = tokio::io::AsyncReadExt::read(&mut file, &mut chunk).await.map_err(generic)?;
                if n_read == 0 {
                    break upload.finish().await.map(|_| ());
                }
                upload.write(&chunk[..n_read]);
            }
        });
        uploaded.map_err(|source| self.failed("write", key, source))
    }

    /// A file to write before [`put_file`](Self::put_file): on the root's own disk, or in the system's temporary
    /// folder for a bucket. It goes when it is dropped.
    ///
    /// # Errors
    /// [`StorageError::File`] if it cannot be made.
    pub fn scratch_file(&self) -> Result<tempfile::NamedTempFile, StorageError> {
        let Some(root) = &self.local else {
            return tempfile::NamedTempFile::new().map_err(|source| StorageError::File {
                action: "create",
                path: std::env::temp_dir(),
                source,
            });
        };
        let folder = root.join(SCRATCH);
        // What it becomes is for everyone whom the umask lets in.
        let mut scratch = tempfile::Builder::new();
        scratch.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        std::fs::create_dir_all(&folder)
            .and_then(|()| scratch.tempfile_in(&folder))
            .map_err(|source| StorageError::File { action: "create", path: folder, source })
    }

    /// Removes what killed runs left in the scratch folder. Call it only while holding the root's lock.
    pub fn sweep_scratch(&self) {
        if let Some(root) = &self.local {
            let _ = std::fs::remove_dir_all(root.join(SCRATCH));
        }
    }

    /// Removes scratch files that nobody can be writing any more, a day old: for a root without a lock.
    pub fn sweep_old_scratch(&self) {
        let Some(root) = &self.local else { return };
        let is_old = |file: &std::fs::DirEntry| {
            let age = file.metadata().and_then(|file| file.modified()).map(|written| written.elapsed());
            age.is_ok_and(|age| age.is_ok_and(|age| age > std::time::Duration::from_secs(86_400)))
        };
        let files = std::fs::read_dir(root.join(SCRATCH)).into_iter().flatten().flatten();
        files.filter(is_old).for_each(|file| drop(std::fs::remove_file(file.path())));
    }

    /// Moves an object over another; false if there is nothing to move.
    ///
    /// # Errors
    /// [`StorageError::Object`] if it cannot be moved.
    pub fn rename(&self, from: &str, to: &str) -> Result<bool, StorageError> {
        let (store, source, target) = (self.store.clone(), self.path(from), self.path(to));
        match self.wait(async move { store.rename(&source, &target).await }) {
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            other => other.map(|()| true).map_err(|source| self.failed("rename", from, source)),
        }
    }

    /// Deletes an object if it is there.
    ///
    /// # Errors
    /// [`StorageError::Object`] if it cannot be deleted.
    pub fn delete(&self, key: &str) -> Result<(), StorageError> {
        let (store, path) = (self.store.clone(), self.path(key));
        match self.wait(async move { store.delete(&path).await }) {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            other => other.map_err(|source| self.failed("delete", key, source)),
        }
    }

    /// The keys under a folder, sorted.
    ///
    /// # Errors
    /// [`StorageError::Object`] if the folder cannot be listed.
    pub fn list(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        Ok(self.list_with_sizes(folder)?.into_iter().map(|(key, _)| key).collect())
    }

    /// The keys under a folder with the objects' sizes in bytes, sorted.
    ///
    /// # Errors
    /// [`StorageError::Object`] if the folder cannot be listed.
    pub fn list_with_sizes(&self, folder: &str) -> Result<Vec<(String, u64)>, StorageError> {
        let (store, path) = (self.store.clone(), self.path(folder));
        let listed = self.wait(async move {
            let found: Vec<_> = store.list(Some(&path)).try_collect().await?;
            Ok(found.into_iter().map(|object| (object.location, object.size)).collect::<Vec<(Path, u64)>>())
        });
        let below_prefix = |location: &Path| match location.prefix_match(&self.prefix) {
            Some(parts) => parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"),
            None => location.to_string(),
        };
        let listed = listed.map_err(|source| self.failed("list", folder, source))?;
        let mut keys: Vec<(String, u64)> =
            listed.iter().map(|(location, bytes)| (below_prefix(location), *bytes)).collect();
        keys.sort();
        Ok(keys)
    }

    fn path(&self, key: &str) -> Path {
        key.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), |path, part| path.join(part))
    }

    fn local_path(&self, key: &str) -> PathBuf {
        self.local.as_deref().unwrap_or(FsPath::new("")).join(key)
    }

    fn failed(&self, action: &'static str, key: &str, source: object_store::Error) -> StorageError {
        StorageError::Object { action, object: self.name(key), source }
    }

    /// Runs a request on the storage threads and blocks this one until it is done.
    fn wait<T: Send + 'static>(
        &self,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> object_store::Result<T> {
        let (done, result) = mpsc::sync_channel(1);
        self.runtime.spawn(async move { done.send(request.await) });
        result.recv().unwrap_or_else(|error| Err(generic(error)))
    }
}

/// Where files stand before they are renamed into place; never inside a table's folder.
const SCRATCH: &str = "scratch";

/// The threads that all requests run on; they live as long as the program, so that none is stopped where it may not block.
fn request_threads() -> std::io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let built =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("storage").enable_all().build()?;
    Ok(RUNTIME.get_or_init(|| built))
}

fn generic(error: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
    object_store::Error::Generic { store: "file", source: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_the_old_one_or_the_new_one_and_its_folder_holds_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&folder.path().into()).unwrap();
        assert!(storage.get_bytes("tables/a/part.parquet").unwrap().is_none());
        storage.put("tables/a/part.parquet", "one").unwrap();
        storage.put("tables/a/part.parquet", "two").unwrap();
        assert_eq!(storage.get_bytes("tables/a/part.parquet").unwrap().unwrap(), "two");
        assert_eq!(storage.list("tables/a").unwrap(), ["tables/a/part.parquet"]);
        assert!(storage.rename("tables/a/part.parquet", "tables/b/part.parquet").unwrap());
        assert!(!storage.rename("tables/a/part.parquet", "tables/b/part.parquet").unwrap());
        assert_eq!(storage.list("tables").unwrap(), ["tables/b/part.parquet"]);
        storage.delete("tables/b/part.parquet").unwrap();
        storage.delete("tables/b/part.parquet").unwrap();
    }

    #[test]
    fn a_call_from_inside_an_async_runtime_does_not_panic() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let storage = Storage::open(&folder.path().into()).unwrap();
            storage.put("a", "x").unwrap();
            assert_eq!(storage.list("").unwrap(), ["a"]);
        });
    }
}
