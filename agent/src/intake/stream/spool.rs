//! The files that long bodies wait in while they are judged.
//!
//! They lie in a folder beside the outbox, so that they are on the disk that was chosen for patients'
//! data. Nothing is promised of them: a body that was spooled and not stored is sent again. So they
//! are not synced, and what a crash left is removed at the next start. Refused ones are kept.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::Road;
use super::super::answer::{Answer, Fault};
use super::super::body::broken;
use super::places::FilePlace;

/// A body in a file, which goes with this unless it is kept.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    pub(super) bytes: u64,
    is_kept: bool,
    place: FilePlace,
}

impl Spool {
    /// Takes a body in, within its bounds of size and time.
    pub(super) async fn take(
        road: &Road,
        id: &str,
        body: Body,
        place: FilePlace,
    ) -> Result<Spool, Answer> {
        let folder = folder(&road.config.outbox.dir);
        let mut spool = Spool { path: folder.join(id), bytes: 0, is_kept: false, place };
        let failed = |error: io::Error| {
            tracing::error!(message_id = id, %error, "body not spooled");
            Answer::fault(&match error.kind() {
                io::ErrorKind::StorageFull => Fault::no_room(),
                _ => Fault::store_failed(),
            })
        };
        let file = make(&spool.path).map_err(failed)?;
        let (pieces, coming) = mpsc::channel(WAITING_PIECES_MAX);
        let writing = tokio::task::spawn_blocking(move || write(file, coming));
        let received = spool.receive(road, body, pieces).await;
        let written = writing.await.expect("writing neither panics nor is cancelled");
        // When the disk fails the pieces are no longer taken: that is the reason then.
        written.map_err(failed)?;
        received.map(|()| spool)
    }

    /// As much time for as many bytes as an ordinary body has, and never so much without a byte.
    async fn receive(
        &mut self,
        road: &Road,
        mut body: Body,
        pieces: mpsc::Sender<Bytes>,
    ) -> Result<(), Answer> {
        let listen = &road.config.listen;
        let ordinary = u64::try_from(listen.limits.body_bytes_max.max(1)).unwrap_or(u64::MAX);
        let max = u64::try_from(listen.stream_bytes_max).unwrap_or(u64::MAX);
        let begun = Instant::now();
        loop {
            let bodies = u32::try_from(self.bytes / ordinary).unwrap_or(u32::MAX).saturating_add(1);
            let time: Duration = listen.body_timeout.saturating_mul(bodies);
            let until = (begun + time).min(Instant::now() + listen.body_timeout);
            let frame = match tokio::time::timeout_at(until, body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => return Ok(()),
                Ok(Some(Err(error))) => return Err(Answer::fault(&broken(&error))),
                Err(_) => return Err(Answer::fault(&Fault::slow_body(time))),
            };
            let Ok(piece) = frame.into_data() else { continue };
            self.bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            if self.bytes > max {
                return Err(Answer::fault(&Fault::stream_too_large(listen.stream_bytes_max)));
            }
            if !self.place.grow(self.bytes) {
                return Err(Answer::fault(&Fault::busy()));
            }
            if pieces.send(piece).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Opens the body to be read from its start.
    pub(super) fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// The first bytes of the body.
    pub(super) fn beginning(&self, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open()?.take(bytes_max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Where the body goes when it is kept.
    pub(super) fn kept_path(&self) -> PathBuf {
        let (folder, name) = (self.path.parent(), self.path.file_name());
        folder.unwrap_or(Path::new("")).join(REFUSED).join(name.unwrap_or_default())
    }

    /// Lets the body stay, among the refused.
    pub(super) fn keep(&mut self) {
        match fs::rename(&self.path, self.kept_path()) {
            Ok(()) => self.is_kept = true,
            Err(error) => tracing::error!(%error, "a refused body could not be kept whole"),
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, "a spooled body was not removed");
        }
    }
}

/// Removes what a crash left. Refused bodies stay.
pub(in crate::intake) fn clear(outbox: &Path) {
    let Ok(entries) = fs::read_dir(folder(outbox)) else { return };
    for path in entries.flatten().map(|it| it.path()).filter(|it| it.is_file()) {
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(%error, "an old spooled body was not removed");
        }
    }
}

fn folder(outbox: &Path) -> PathBuf {
    outbox.with_file_name("spool")
}

fn make(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder.join(REFUSED))?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write(mut file: File, mut coming: mpsc::Receiver<Bytes>) -> io::Result<()> {
    while let Some(piece) = coming.blocking_recv() {
        file.write_all(&piece)?;
    }
    Ok(())
}

const REFUSED: &str = "refused";

/// A piece is what the connection read at once, some ten kilobytes.
const WAITING_PIECES_MAX: usize = 16;
