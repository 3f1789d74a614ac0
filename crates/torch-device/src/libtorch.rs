//! The LibTorch that this process runs on: where it was loaded from, and which version it is.

use std::path::{Path, PathBuf};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

/// The library that every program of ours is linked to.
const CPU_PART: &str = "libtorch_cpu.so";

/// The folder that the CPU part was loaded from. `None` if the system does not list what is mapped (it is Linux's
/// `/proc/self/maps` that is read), or if LibTorch is linked in statically.
pub fn folder() -> Option<PathBuf> {
    folder_in(&std::fs::read_to_string("/proc/self/maps").ok()?)
}

fn folder_in(maps: &str) -> Option<PathBuf> {
    // address perms offset device inode path; the path is the rest of the line and may hold spaces.
    maps.lines()
        .filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])))
        .find(|path| path.file_name().is_some_and(|name| name == CPU_PART))
        .and_then(|path| path.parent().map(Path::to_owned))
}

/// LibTorch's version as `major.minor.patch`, from the library itself (it says so from 2.9 on).
pub fn version() -> Option<String> {
    let library = open(&folder()?.join(CPU_PART)).ok()?;
    #[allow(unsafe_code, reason = "a C function of LibTorch that tch does not wrap")]
    // SAFETY: LibTorch declares `uint64_t aoti_torch_abi_version()` in its stable C interface (aoti_torch/c/shim.h).
    let abi_version = unsafe { library.get::<unsafe extern "C" fn() -> u64>(b"aoti_torch_abi_version\0").ok()?() };
    let [major, minor, patch, ..] = abi_version.to_be_bytes();
    Some(format!("{major}.{minor}.{patch}"))
}

/// Opens a library of LibTorch's folder so that LibTorch itself sees its symbols.
pub fn open(file: &Path) -> Result<Library, libloading::Error> {
    #[allow(unsafe_code, reason = "opening a C library runs its initialisers")]
    // SAFETY: the file lies beside the LibTorch that is already running in this process and is part of it; its
    // initialisers only register kernels and hooks with LibTorch.
    unsafe {
        Library::open(Some(file), RTLD_NOW | RTLD_GLOBAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_read_from_the_memory_map_spaces_and_all() {
        let maps = "7f00-7f01 r--p 00000000 fe:00 11 /usr/lib/libc.so.6\n\
                    7f01-7f02 rw-p 00000000 00:00 0 \n\
                    7f02-7f03 r--p 00000000 fe:00 12                         /home/a b/lib/libtorch_cpu.so\n";
        assert_eq!(folder_in(maps), Some("/home/a b/lib".into()));
        assert_eq!(folder_in("7f00-7f01 r--p 00000000 fe:00 11 /usr/lib/libtorch_cpu.so.d/other.so\n"), None);
        assert_eq!(folder_in(""), None);
    }
}
