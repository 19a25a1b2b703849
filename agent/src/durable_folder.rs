//! Makes a folder so that a power cut cannot take it away again.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes the folder and those above it that are missing, and syncs each one's entry in its parent.
pub(crate) fn make_durable_folder(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    sync_parent(dir)?;
    // Whoever made those above, an installation or we, may have been cut off before it could sync.
    for above in dir.ancestors().skip(1) {
        match sync_parent(above) {
            // What is not ours to open, or lies where no folder can be synced, is older than we are.
            Err(error) if is_none_of_ours(error.kind()) => (),
            synced => synced?,
        }
    }
    Ok(())
}

fn is_none_of_ours(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput)
        || kind == io::ErrorKind::ReadOnlyFilesystem
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    // The parent of a bare name is the empty path, which stands for "here".
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    File::open(parent)?.sync_all()
}
