//! Makes a folder so that a power cut cannot take it away again.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes the folder and those above it that are missing, and syncs each one's entry in its parent.
pub(crate) fn make_durable_folder(dir: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|path| !path.exists()).collect();
    for path in missing.into_iter().rev().filter(|path| !path.as_os_str().is_empty()) {
        fs::create_dir(path)?;
        sync_parent(path)?;
    }
    // Also when it was there: whoever made it may have been cut off before it could sync.
    sync_parent(dir)?;
    // An installation that has just made those above syncs nothing. What is not ours to open is older.
    dir.ancestors().skip(1).for_each(|above| drop(sync_parent(above)));
    Ok(())
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    // The parent of a bare name is the empty path, which stands for "here".
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    File::open(parent)?.sync_all()
}
