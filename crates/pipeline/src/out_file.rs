//! Files that the user names: each appears under its name when it is whole.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use tempfile::{NamedTempFile, TempDir};

/// Whether a file of this name can be written, told before the work whose result it is to hold.
///
/// # Errors
/// If it is a folder or a file of a model's, has another ending, or if its folder cannot be written into.
pub fn check(path: &Path, ending: &str) -> anyhow::Result<()> {
    let shown = path.display();
    if path.is_dir() {
        bail!("cannot write `{shown}`: it is a folder; name a file");
    }
    if path.extension().is_none_or(|own| !own.eq_ignore_ascii_case(ending)) {
        bail!("cannot write `{shown}`: name a file that ends in .{ending}, for that is what it will be");
    }
    if folder_of(path).join("card.json").is_file() {
        bail!("cannot write `{shown}`: its folder is a model's, and holds that alone");
    }
    scratch(path).map(drop)
}

/// A scratch file in the folder of `path`, which is made if it is not there. Colleagues may read it, as any file that a
/// program writes.
///
/// # Errors
/// If the folder cannot be written into.
pub fn scratch(path: &Path) -> anyhow::Result<NamedTempFile> {
    let mut scratch = tempfile::Builder::new();
    #[cfg(unix)]
    scratch.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    in_folder_of(path, |folder| scratch.tempfile_in(folder))
}

/// Writes a file whole.
///
/// # Errors
/// If its folder cannot be written into, or the file cannot have its name.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = scratch(path)?;
    file.write_all(bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    persist(file, path)
}

/// Whether two names are of one file, there or not.
pub fn is_same(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| match path.canonicalize() {
        Ok(there) => Some(there),
        Err(_) => Some(folder_of(path).canonicalize().ok()?.join(path.file_name()?)),
    };
    place(a).is_some_and(|a| Some(a) == place(b))
}

/// A scratch folder in the folder of `path`, for a library that writes files by name.
///
/// # Errors
/// If the folder cannot be written into.
pub fn scratch_folder(path: &Path) -> anyhow::Result<TempDir> {
    in_folder_of(path, |folder| tempfile::tempdir_in(folder))
}

/// The folder that a file lies in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn in_folder_of<T>(path: &Path, make: impl FnOnce(&Path) -> std::io::Result<T>) -> anyhow::Result<T> {
    let folder = folder_of(path);
    let made = std::fs::create_dir_all(folder).and_then(|()| make(folder));
    made.with_context(|| format!("cannot write into `{}`", folder.display()))
}

/// Gives a file its name.
///
/// # Errors
/// If it cannot have it, for instance because a folder has it.
pub fn persist(file: NamedTempFile, path: &Path) -> anyhow::Result<()> {
    let persisted = file.persist(path).map_err(|error| error.error);
    persisted.map(|_| ()).with_context(|| format!("cannot write `{}`", path.display()))
}
