//! LibTorch's CUDA part: opened once, before LibTorch is first asked about CUDA.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::libtorch;

const CUDA_PART: &str = "libtorch_cuda.so";

/// Why LibTorch cannot compute on CUDA.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCuda {
    /// LibTorch was installed without CUDA.
    #[error(
        "`{}` holds LibTorch's CPU part alone (no libtorch_cuda.so); on a machine with an NVIDIA GPU run `make setup` \
         again, or set LIBTORCH to an installed PyTorch 2.11",
        folder.display()
    )]
    CpuOnly {
        /// The folder that LibTorch was loaded from.
        folder: PathBuf,
    },
    /// LibTorch's folder is not known, so its CUDA part cannot be looked for.
    #[error("cannot tell from /proc/self/maps where LibTorch was loaded from")]
    UnknownFolder,
    /// The CUDA part is there, but one of the libraries that it needs is missing or does not fit.
    #[error("cannot open `{}`: {reason}", file.display())]
    CannotOpen {
        /// The library.
        file: PathBuf,
        /// What the dynamic linker says.
        reason: String,
    },
    /// The CUDA part runs but finds nothing to run on.
    #[error("`{}` is open but counts no device: {}", file.display(), if *has_driver {
        "an NVIDIA driver is there; is it recent enough, and is CUDA_VISIBLE_DEVICES right"
    } else {
        "there is no NVIDIA driver (/dev/nvidiactl)"
    })]
    NoDevice {
        /// The library.
        file: PathBuf,
        /// Whether an NVIDIA driver shows itself.
        has_driver: bool,
    },
}

/// How many CUDA devices there are: at least one, or the reason.
pub fn n_devices() -> Result<usize, NoCuda> {
    // LibTorch looks for its CUDA part once and remembers the answer, so the first look must come after the opening.
    static CUDA_PART_OPENED: OnceLock<Result<PathBuf, NoCuda>> = OnceLock::new();
    let opened = CUDA_PART_OPENED.get_or_init(|| open_cuda_part(&libtorch::folder().ok_or(NoCuda::UnknownFolder)?));
    count(opened.as_ref().map_err(Clone::clone)?)
}

fn open_cuda_part(folder: &Path) -> Result<PathBuf, NoCuda> {
    let file = folder.join(CUDA_PART);
    if !file.exists() {
        return Err(NoCuda::CpuOnly { folder: folder.to_owned() });
    }
    match libtorch::open(&file) {
        Ok(library) => {
            // It stays open for good: LibTorch keeps pointers into it.
            let _handle = library.into_raw();
            Ok(file)
        }
        Err(error) => {
            let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            Err(NoCuda::CannotOpen { file, reason })
        }
    }
}

fn count(file: &Path) -> Result<usize, NoCuda> {
    let n_devices = if tch::Cuda::is_available() { tch::Cuda::device_count() } else { 0 };
    match usize::try_from(n_devices) {
        Ok(n_devices) if n_devices > 0 => Ok(n_devices),
        _ => Err(NoCuda::NoDevice { file: file.to_owned(), has_driver: Path::new("/dev/nvidiactl").exists() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_cuda_part_is_a_cpu_only_set_up() {
        let folder = tempfile::tempdir().unwrap();
        let error = open_cuda_part(folder.path()).unwrap_err();
        assert_eq!(error, NoCuda::CpuOnly { folder: folder.path().into() });
        assert!(error.to_string().contains("make setup"));
    }

    #[test]
    fn a_cuda_part_that_is_no_library_says_what_the_linker_says() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(CUDA_PART), b"not a library, long enough to hold a header of one").unwrap();
        let error = open_cuda_part(folder.path()).unwrap_err();
        assert!(matches!(&error, NoCuda::CannotOpen { reason, .. } if !reason.is_empty()), "{error}");
        assert!(error.to_string().contains("libtorch_cuda.so"), "{error}");
    }

    #[test]
    fn a_cuda_part_without_a_device_is_told_from_one_that_is_missing() {
        // Any library that opens will do: it registers no CUDA with LibTorch.
        let folder = tempfile::tempdir().unwrap();
        let stand_in = libtorch::folder().unwrap().join("libc10.so");
        std::os::unix::fs::symlink(stand_in, folder.path().join(CUDA_PART)).unwrap();
        let file = open_cuda_part(folder.path()).unwrap();
        if let Err(error) = count(&file) {
            assert!(matches!(error, NoCuda::NoDevice { .. }), "{error}");
            assert!(error.to_string().contains("counts no device"), "{error}");
        }
    }
}
