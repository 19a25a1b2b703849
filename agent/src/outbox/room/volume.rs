//! What a disk says of its room, and space taken on it in advance.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The room on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Volume {
    /// Bytes that an ordinary user may still take.
    pub(super) free_bytes: u64,
    pub(super) total_bytes: u64,
    /// How many files may still be made; `None` when the disk does not count them.
    pub(super) names_free: Option<u64>,
}

impl Volume {
    /// The disk that a folder is on.
    #[allow(unsafe_code)]
    pub(super) fn of(dir: &Path) -> io::Result<Volume> {
        let path = CString::new(dir.as_os_str().as_bytes())?;
        let mut told = MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: `path` ends in NUL and outlives the call, which fills all of `told` when it gives 0.
        let told = unsafe {
            if libc::statvfs(path.as_ptr(), told.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            told.assume_init()
        };
        Ok(Volume {
            free_bytes: told.f_bavail.saturating_mul(told.f_frsize),
            total_bytes: told.f_blocks.saturating_mul(told.f_frsize),
            names_free: (told.f_files > 0).then_some(told.f_favail),
        })
    }
}

/// Takes space for a file without writing it. An error leaves the file as it was, or shorter.
#[allow(unsafe_code)]
pub(super) fn take_space(file: &File, bytes: u64) -> io::Result<()> {
    let length = libc::off_t::try_from(bytes).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open while `file` is borrowed; no memory is handed over.
    match unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
