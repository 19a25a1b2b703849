//! Replaces a file in one step: whoever reads it meets the old text or the new one, never a half.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::Path;

/// On disk when this returns: as [`replace`] where there is a file, otherwise as a new one.
pub(crate) fn put(path: &Path, text: &str) -> io::Result<()> {
    if fs::exists(path)? {
        return replace(path, text);
    }
    let Some(folder) = path.parent() else { return Err(io::ErrorKind::InvalidFilename.into()) };
    fs::create_dir_all(folder)?;
    let new = path.with_added_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

/// On disk when this returns, with the mode and the owner that the file had.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link would be replaced by a file: write where it leads.
    let path = fs::canonicalize(path)?;
    let before = fs::metadata(&path)?;
    // Not `.csv`: who reads the folder meanwhile must not take it for a code map.
    let new = path.with_added_extension("new");
    let mode = before.permissions().mode() & 0o777;
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&new)?;
    let written = (|| {
        file.write_all(text.as_bytes())?;
        file.set_permissions(before.permissions())?;
        let created = file.metadata()?;
        if (created.uid(), created.gid()) != (before.uid(), before.gid()) {
            chown(&new, Some(before.uid()), Some(before.gid()))?;
        }
        file.sync_all()?;
        fs::rename(&new, &path)
    })();
    if let Err(error) = written {
        drop(fs::remove_file(&new));
        return Err(error);
    }
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_new_and_all_else_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sex.csv");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.csv");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for (to, text) in [(&path, "new"), (&link, "newer")] {
            replace(to, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        }
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(replace(&folder.path().join("none.csv"), "x").is_err());
        let none = folder.path().join("new/none.csv");
        for text in ["first", "second"] {
            put(&none, text).unwrap();
            assert_eq!(fs::read_to_string(&none).unwrap(), text);
        }
    }
}
