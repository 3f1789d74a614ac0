//! Files that the user names: each appears under its name when it is whole.

use std::path::Path;

use anyhow::Context;
use tempfile::NamedTempFile;

/// A scratch file in the folder of `path`, which is made if it is not there. Colleagues may read it, as any file that a
/// program writes. Its name ends as `path`'s does, and LibTorch writes no file whose name starts with a dot.
///
/// # Errors
/// If the folder cannot be written into.
pub fn scratch(path: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let ending = path.extension().map(|ending| format!(".{}", ending.display())).unwrap_or_default();
    let mut scratch = tempfile::Builder::new();
    scratch.prefix("unfinished-").suffix(&ending);
    #[cfg(unix)]
    scratch.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let scratch = std::fs::create_dir_all(folder).and_then(|()| scratch.tempfile_in(folder));
    scratch.with_context(|| format!("cannot write into `{}`", folder.display()))
}

/// Gives it its name.
///
/// # Errors
/// If a folder is in its place.
pub fn persist(scratch: NamedTempFile, path: &Path) -> anyhow::Result<()> {
    scratch.persist(path).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(())
}
