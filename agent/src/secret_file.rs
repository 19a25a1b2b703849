//! Files for the daemon's user alone: whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes the file, on disk when this returns. What was there is replaced.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_as(path, bytes, true)
}

/// The same, or without waiting for the disk.
pub(crate) fn write_as(path: &Path, bytes: &[u8], synced: bool) -> io::Result<()> {
    let folder = folder_of(path);
    fs::create_dir_all(folder)?;
    let temporary = path.with_added_extension("new");
    // Left by a crash, perhaps with rights that are not ours to trust.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = (|| {
        file.write_all(bytes)?;
        if synced {
            file.sync_all()?;
        }
        fs::rename(&temporary, path)
    })();
    if let Err(error) = written {
        // A half of a secret is nobody's to find.
        drop(fs::remove_file(&temporary));
        return Err(error);
    }
    if synced { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The folder of a file; the parent of a bare name is the empty path, which stands for "here".
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_cannot_be_put_in_its_place_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("amqp-url");
        // No file takes the place of a folder that has something in it.
        fs::create_dir_all(taken.join("x")).unwrap();
        write(&taken, b"s3cret").unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
