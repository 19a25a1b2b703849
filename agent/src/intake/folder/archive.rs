//! How much of the archive stays: beyond its bound of bytes the oldest files go.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use super::place::{ARCHIVE, Place, gone};

impl Place {
    /// Lets the oldest archived files go until the others have no more than so many bytes; with no bound
    /// all stay. The newest stays whatever its length.
    pub(super) fn keep_within(&self, bytes_max: u64) -> io::Result<()> {
        if bytes_max == 0 {
            return Ok(());
        }
        let mut files = self.archived()?;
        files.sort();
        let mut bytes: u64 = files.iter().map(|it| it.1).sum();
        files.pop();
        for ((_, path), length) in files {
            if bytes <= bytes_max {
                break;
            }
            gone(&path)?;
            bytes -= length;
        }
        Ok(())
    }

    /// The archived files by their times, with their bytes.
    fn archived(&self) -> io::Result<Vec<((SystemTime, PathBuf), u64)>> {
        let mut files = Vec::new();
        for day in fs::read_dir(self.dir().join(ARCHIVE))? {
            let day = day?;
            if !day.file_type()?.is_dir() {
                continue;
            }
            for entry in fs::read_dir(day.path())? {
                let entry = entry?;
                let Ok(about) = fs::symlink_metadata(entry.path()) else { continue };
                if about.is_file() {
                    files.push(((about.modified()?, entry.path()), about.len()));
                }
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_go_first_and_the_newest_stays() {
        check(0, "a b c d");
        check(40, "a b c d");
        check(39, "b c d");
        check(25, "c d");
        check(1, "d");
    }

    #[track_caller]
    fn check(bytes_max: u64, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::open(folder.path()).unwrap();
        // Not by name, and over more than a day.
        for (name, day, age) in [
            ("b", "2026-11-20", 30),
            ("a", "2026-11-21", 40),
            ("d", "2026-11-21", 1),
            ("c", "2026-11-20", 20),
        ] {
            let day = folder.path().join(ARCHIVE).join(day);
            fs::create_dir_all(&day).unwrap();
            fs::write(day.join(name), "0123456789").unwrap();
            let time = SystemTime::now() - Duration::from_secs(age);
            File::options().write(true).open(day.join(name)).unwrap().set_modified(time).unwrap();
        }
        place.keep_within(bytes_max).unwrap();
        let left = place.archived().unwrap();
        let mut left: Vec<_> =
            left.iter().map(|it| it.0.1.file_name().unwrap().to_str().unwrap()).collect();
        left.sort_unstable();
        assert_eq!(left.join(" "), expected);
    }
}
