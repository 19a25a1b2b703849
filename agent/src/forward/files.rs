//! The way out without a broker: the same records as files in a folder, for `demo`, for a platform
//! that fetches files, and for the ferry across a one-way network gate.
//!
//! A **segment** is `AGENT-EPOCH-FIRST.ndjson`, one standard record a line, in the outbox's order;
//! FIRST is the sequence number of its first record in 20 digits, so that names sort. Beside it
//! stands its **manifest**, `AGENT-EPOCH-FIRST.manifest.json`:
//!
//! ```json
//! {"segment":"gate-1-3f2a...-00000000000000001042.ndjson","agent":"gate-1","epoch":"3f2a...",
//!  "first_seq":1042,"last_seq":2041,"count":1000,"bytes":713204,"sha256":"9b1c..."}
//! ```
//!
//! A segment counts once its manifest is there and the digest fits; whatever carries files across
//! the gate may deliver the two in any order. Both are written as `*.tmp`, synced and renamed, and
//! the folder is synced, before the records are settled in the outbox. Sequence numbers rise by
//! one within a segment and from one segment to the next.
//!
//! **A record is written once**, with one exception that tells itself. The file `.position.json`
//! says up to which record segments are complete. It is written after the manifest and before the
//! outbox settles, and a start skips what it covers. When the machine dies in the moment between
//! manifest and position, the same records are written again: under the same name, which replaces
//! the first copy, or, if that has been carried off already, as a second segment whose manifest
//! overlaps the first one's numbers. Records in both have the same `record_id`.
//!
//! A segment is gathered in memory, since the outbox keeps its records until it is written.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::select;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::parcel::push_line;
use super::state::ForwardState;
use super::{LOOK_AGAIN, Source, TURN};
use crate::durable_folder::make_durable_folder;
use crate::envelope::Envelope;
use crate::outbox::StoreError;
use crate::telemetry::{Step, spent};

/// Where segments go and when one is closed: at the first bound that is reached.
#[derive(Debug, Clone)]
pub struct FilesOptions {
    /// The folder; it is made if need be.
    pub dir: PathBuf,
    /// Names this agent in manifests and file names.
    pub agent: String,
    /// Records in a segment, at most.
    pub segment_records_max: usize,
    /// Bytes in a segment, at most; one larger record makes a segment of its own.
    pub segment_bytes_max: usize,
    /// How long a record may wait for others.
    pub segment_age_max: Duration,
    /// The first pause after the folder could not be written.
    pub retry_first: Duration,
    /// No pause is longer.
    pub retry_longest: Duration,
}

impl FilesOptions {
    /// The defaults, for a folder.
    pub fn new(dir: PathBuf) -> FilesOptions {
        FilesOptions {
            dir,
            agent: "agent".to_owned(),
            segment_records_max: 10_000,
            segment_bytes_max: 8 << 20,
            segment_age_max: Duration::from_secs(1),
            retry_first: Duration::from_millis(200),
            retry_longest: Duration::from_secs(30),
        }
    }
}

/// What a manifest says of its segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// File name of the segment, in the same folder.
    pub segment: String,
    /// Which agent wrote it.
    pub agent: String,
    /// Which store the sequence numbers belong to.
    pub epoch: String,
    /// Number of the first record.
    pub first_seq: u64,
    /// Number of the last record.
    pub last_seq: u64,
    /// How many records.
    pub count: u64,
    /// Size of the segment.
    pub bytes: u64,
    /// SHA-256 of the segment, hexadecimal.
    pub sha256: String,
}

/// Up to where segments are complete.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Position {
    epoch: String,
    last_seq: u64,
}

/// Writes until told to stop, or until the outbox fails. A folder that fails is tried again.
pub(crate) async fn run<S: Source>(
    source: &S,
    epoch: &str,
    options: &FilesOptions,
    stop: &CancellationToken,
    state: &ForwardState,
) -> Result<(), StoreError> {
    let mut backoff = Backoff::new(options.retry_first, options.retry_longest);
    let (dir, agent) = (options.dir.clone(), options.agent.clone());
    let epoch = epoch.to_owned();
    let folder = Arc::new(Folder { dir, agent, epoch });
    if let Some(written_to) = open(&folder, &mut backoff, stop, state).await {
        settle_through(source, written_to)?;
        write_on(source, &folder, written_to, options, &mut backoff, stop, state).await?;
    }
    state.disconnected();
    Ok(())
}

/// What the outbox still offers though a segment has it: the last run ended before it settled.
fn settle_through<S: Source>(source: &S, written_to: u64) -> Result<(), StoreError> {
    if written_to == 0 {
        return Ok(());
    }
    loop {
        let offered = source.oldest(0, SETTLE_AT_ONCE, SETTLE_BYTES_AT_ONCE)?;
        let written: Vec<u64> =
            offered.iter().map(|it| it.seq).filter(|seq| *seq <= written_to).collect();
        if written.is_empty() {
            return Ok(());
        }
        source.settle(&written)?;
    }
}

async fn write_on<S: Source>(
    source: &S,
    folder: &Arc<Folder>,
    mut written_to: u64,
    options: &FilesOptions,
    backoff: &mut Backoff,
    stop: &CancellationToken,
    state: &ForwardState,
) -> Result<(), StoreError> {
    while !stop.is_cancelled() {
        let segment = gather(source, written_to, options, stop, state).await?;
        if segment.seqs.is_empty() {
            break;
        }
        let begun = Instant::now();
        let Some(last) = write(folder, &segment, backoff, stop, state).await else { break };
        spent(Step::Confirm, begun.into_std());
        source.settle(&segment.seqs)?;
        state.confirmed(segment.seqs.len());
        backoff.reset();
        written_to = last;
    }
    Ok(())
}

/// Makes the folder and finds out what is written already. `None` when told to stop.
async fn open(
    folder: &Arc<Folder>,
    backoff: &mut Backoff,
    stop: &CancellationToken,
    state: &ForwardState,
) -> Option<u64> {
    loop {
        state.turns(WRITE_MAX);
        match blocking(folder, Folder::open).await {
            Ok(written_to) => {
                state.connected(&folder.dir.display().to_string());
                return Some(written_to);
            }
            Err(error) => pause(&error, backoff, stop, state).await?,
        }
    }
}

/// Writes a segment, however often it takes. `None` when told to stop before it is written.
async fn write(
    folder: &Arc<Folder>,
    segment: &Segment,
    backoff: &mut Backoff,
    stop: &CancellationToken,
    state: &ForwardState,
) -> Option<u64> {
    let segment = Arc::new(segment.clone());
    loop {
        let copy = Arc::clone(&segment);
        state.turns(WRITE_MAX);
        match blocking(folder, move |folder| folder.write(&copy)).await {
            Ok(last) => {
                if !state.status().connected {
                    state.connected(&folder.dir.display().to_string());
                }
                return Some(last);
            }
            Err(error) => pause(&error, backoff, stop, state).await?,
        }
    }
}

/// Tells what is wrong and waits. `None` when told to stop.
async fn pause(
    error: &io::Error,
    backoff: &mut Backoff,
    stop: &CancellationToken,
    state: &ForwardState,
) -> Option<()> {
    let delay = backoff.next_delay();
    state.turns(delay);
    tracing::warn!(code = FOLDER_FAILED, %error, retry_in_ms = delay.as_millis(), "cannot write segments");
    state.disconnected();
    state.trouble(FOLDER_FAILED, format!("the folder cannot be written: {error}"));
    select! {
        () = sleep(delay) => Some(()),
        () = stop.cancelled() => None,
    }
}

/// Records of one segment, gathered until a bound is reached. When told to stop, what is there.
async fn gather<S: Source>(
    source: &S,
    after_seq: u64,
    options: &FilesOptions,
    stop: &CancellationToken,
    state: &ForwardState,
) -> Result<Segment, StoreError> {
    let mut segment = Segment::default();
    let mut read_to = after_seq;
    let mut close_at: Option<Instant> = None;
    loop {
        state.turns(TURN);
        let records = options.segment_records_max.max(1).saturating_sub(segment.seqs.len());
        let bytes = bytes_left(options, &segment);
        if records == 0 || bytes == 0 {
            return Ok(segment);
        }
        let found = source.oldest(read_to, records, bytes)?;
        for envelope in &found {
            if envelope.body.len() >= bytes_left(options, &segment) && !segment.seqs.is_empty() {
                return Ok(segment);
            }
            read_to = envelope.seq;
            segment.push(envelope);
        }
        if !found.is_empty() {
            close_at.get_or_insert_with(|| Instant::now() + options.segment_age_max);
            continue;
        }
        let more = timeout(LOOK_AGAIN, source.appended());
        select! {
            biased;
            () = stop.cancelled() => return Ok(segment),
            () = sleep_until(close_at.unwrap_or_else(Instant::now)), if close_at.is_some() => {
                return Ok(segment);
            }
            _ = more => (),
        }
    }
}

fn bytes_left(options: &FilesOptions, segment: &Segment) -> usize {
    options.segment_bytes_max.max(1).saturating_sub(segment.lines.len())
}

async fn blocking<T: Send + 'static>(
    folder: &Arc<Folder>,
    work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let folder = Arc::clone(folder);
    tokio::task::spawn_blocking(move || work(&folder)).await.map_err(io::Error::other)?
}

#[derive(Debug, Clone, Default)]
struct Segment {
    seqs: Vec<u64>,
    lines: Vec<u8>,
}

impl Segment {
    fn push(&mut self, envelope: &Envelope) {
        self.seqs.push(envelope.seq);
        push_line(&mut self.lines, &envelope.body);
    }
}

/// The folder, and whose segments are written into it.
#[derive(Debug)]
struct Folder {
    dir: PathBuf,
    agent: String,
    epoch: String,
}

impl Folder {
    /// Makes the folder, removes half-written files, and says up to where it is complete.
    fn open(&self) -> io::Result<u64> {
        make_durable_folder(&self.dir)?;
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == TMP) {
                fs::remove_file(path)?;
            }
        }
        match fs::read(self.dir.join(POSITION)) {
            Ok(text) => {
                // What cannot be read costs doubles, which carry their ids; it loses nothing.
                let position: Position = serde_json::from_slice(&text).unwrap_or_default();
                Ok(if position.epoch == self.epoch { position.last_seq } else { 0 })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Writes segment, manifest and position, in this order, each synced before the next.
    fn write(&self, segment: &Segment) -> io::Result<u64> {
        let (Some(first), Some(last)) = (segment.seqs.first(), segment.seqs.last()) else {
            return Ok(0);
        };
        let stem = format!("{}-{}-{first:020}", file_name(&self.agent), self.epoch);
        let manifest = Manifest {
            segment: format!("{stem}.ndjson"),
            agent: self.agent.clone(),
            epoch: self.epoch.clone(),
            first_seq: *first,
            last_seq: *last,
            count: segment.seqs.len() as u64,
            bytes: segment.lines.len() as u64,
            sha256: sha256(&segment.lines),
        };
        let position = Position { epoch: self.epoch.clone(), last_seq: *last };
        if !self.dir.exists() {
            // Whoever carries the files away may have taken the folder, too.
            make_durable_folder(&self.dir)?;
        }
        put(&self.dir, &manifest.segment, &segment.lines)?;
        put(&self.dir, &format!("{stem}{MANIFEST_END}"), &serde_json::to_vec(&manifest)?)?;
        put(&self.dir, POSITION, &serde_json::to_vec(&position)?)?;
        Ok(*last)
    }
}

/// Writes records that are in segments already once more, as a segment of their own: beside the others
/// and under a name of its own, with numbers that rise but need not follow each other. Nothing when
/// there are none.
pub(crate) fn write_again(
    dir: &Path,
    agent: &str,
    epoch: &str,
    now_ms: u64,
    envelopes: &[Envelope],
) -> io::Result<()> {
    let mut segment = Segment::default();
    for envelope in envelopes {
        segment.push(envelope);
    }
    let (Some(first), Some(last)) = (segment.seqs.first(), segment.seqs.last()) else {
        return Ok(());
    };
    let stem = format!("{}-{epoch}-{first:020}-again-{now_ms}", file_name(agent));
    let manifest = Manifest {
        segment: format!("{stem}.ndjson"),
        agent: agent.to_owned(),
        epoch: epoch.to_owned(),
        first_seq: *first,
        last_seq: *last,
        count: segment.seqs.len() as u64,
        bytes: segment.lines.len() as u64,
        sha256: sha256(&segment.lines),
    };
    put(dir, &manifest.segment, &segment.lines)?;
    put(dir, &format!("{stem}{MANIFEST_END}"), &serde_json::to_vec(&manifest)?)
}

/// Writes a file so that it is there whole or not at all, also after a power cut.
pub(crate) fn put(dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let unfinished = dir.join(format!("{name}.{TMP}"));
    let mut file = File::create(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&unfinished, dir.join(name))?;
    File::open(dir)?.sync_all()
}

/// The agent's name with everything that file systems or gates may mind replaced.
fn file_name(agent: &str) -> String {
    let tame = |it: char| if it.is_ascii_alphanumeric() || it == '_' { it } else { '_' };
    agent.chars().map(tame).collect()
}

/// SHA-256 as hexadecimal text.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    })
}

/// Records that are settled in one go when a run begins.
const SETTLE_AT_ONCE: usize = 10_000;
/// Their bytes, which are read only for their numbers.
const SETTLE_BYTES_AT_ONCE: usize = 8 << 20;
/// A segment is written, synced and named within this time, or the folder stands still.
const WRITE_MAX: Duration = Duration::from_secs(60);
/// How a manifest's file name ends.
pub const MANIFEST_END: &str = ".manifest.json";
pub(crate) const POSITION: &str = ".position.json";
const TMP: &str = "tmp";
const FOLDER_FAILED: &str = "F301";

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
