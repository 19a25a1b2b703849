//! The outbox: the one queue of the house, and it is on disk.
//!
//! What the HIS was told is stored stays stored: a [`Receipt`] exists only after the disk has
//! synced, and a record leaves only after it was [settled](Outbox::settle), which the forwarder
//! does when the platform has confirmed it.
//!
//! ```text
//! append, bury --> bounded channel --> writer thread: one batch, one sync --> receipts
//!                                          |
//!                                     RocksDB folder      seq, record id, revision are given here
//!                                          |
//! forward <-- oldest ----------------------+
//! forward --> settle --> cursor in memory --> written with the next batch
//! ```
//!
//! # The store
//!
//! Four families of keys; numbers in keys are 8 bytes, high byte first. The values' bytes are in
//! [`format`].
//!
//! | family | key | value |
//! |---|---|---|
//! | `queue` | number of the submission's first new record | all its new records, sealed |
//! | `seen` | identity (channel, entity, business key), 16 bytes of a SHA-256 | the contents taken in under it: digest, record id, number, revision, message |
//! | `dead` | number of the dead letter | the dead letter, sealed |
//! | `meta` | `format` | version of the store |
//! | | `epoch` | the store's id, 16 random bytes: numbers mean something only together with it |
//! | | `tail` | next number, bytes ever stored |
//! | | `cursor` | lowest number not settled |
//! | | `letters` | next number of a dead letter, dead letters kept |
//!
//! One queue value holds a whole submission: measured against one value a record it needs a third
//! less CPU in the writer and a sixth less log, since a message's records share most of their
//! envelope.
//!
//! # What happens when
//!
//! - **Append** (synced): one batch has the queue value, the `seen` entries and `tail`. A message is
//!   there as a whole or not at all. A resend writes nothing and gets the first receipt.
//! - **Take**: [`Outbox::oldest`] reads from the cursor on and never below it. It never searches
//!   for the head of the queue, where everything removed would have to be stepped over.
//! - **Settle** (not synced): confirms come in any order and are kept in memory until the cursor
//!   reaches them. The cursor rides along with the next batch, or goes alone.
//! - **Remove**: when 8,192 settled records lie behind the cursor, one range mark removes them, in
//!   the same batch as the cursor. After 65,536 whole files go back to the disk, and then the batch
//!   is synced first, for a file vanishes at once.
//! - **Forget**: `seen` entries that were last used more than [`Options::remember_records`]
//!   records ago go when their file is compacted. By number and not by date: disk use is bounded
//!   and a clock that jumps forgets nothing.
//!
//! # What a crash leaves
//!
//! A kill leaves everything that was written. A power cut leaves everything that was synced; what
//! it can take is the last group, which nobody was told of, and the last steps of the cursor, so
//! that at most the forwarder's window goes out once more under the same record ids.
//!
//! Damage (a flipped bit, a lost file) is never silent: numbers have no gaps, so reading notices
//! what is missing, moves what is left of it to the dead letters with code `O201` (check fails),
//! `O202` (missing) or `O203` (unreadable block) and its numbers, settles it, and goes on. What is
//! missing at the very end is known from the [`witness`].
//!
//! After an error of the disk the outbox refuses everything and the agent stops; a failed sync is
//! never tried again, because the kernel may have dropped the pages it failed on.

mod accept;
mod command;
mod format;
mod progress;
mod reading;
mod seen;
mod store;
mod witness;
mod writer;

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use tokio::sync::{Notify, oneshot, watch};
use tokio::task;
use tracing::error;
use uuid::Uuid;

use self::command::{Append, Command, Unreadable};
use self::format::Entry;
use self::progress::Progress;
use self::reading::Span;
use self::store::{Durability, Family, Store, WalkError};
use self::witness::{Testimony, Witness};
use self::writer::{Position, Writer};
use crate::envelope::{DeadLetter, Envelope, Receipt, Stage, Submission};

/// Why the outbox did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// O101: too much waits for the disk. The caller should come again; nothing was stored.
    #[error("too many messages wait for the disk")]
    Busy,
    /// O102: the outbox is closing or closed. Nothing was stored.
    #[error("the outbox is closed")]
    Stopped,
    /// O103: the disk refused. What was on its way is not known to be stored; stop, and start anew.
    #[error("cannot {operation}: {cause}")]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        cause: String,
    },
    /// O104: the store as a whole cannot be opened or read.
    #[error("the store is damaged: {cause}")]
    Damaged {
        /// What the store said.
        cause: String,
    },
    /// O105: a newer release has written this store.
    #[error(
        "the store has format {found}, this program knows formats up to {known}: use the newer program"
    )]
    TooNew {
        /// Format of the store.
        found: u64,
        /// The newest format this program knows.
        known: u64,
    },
    /// O106: another process has the store open.
    #[error("another process uses the store: {cause}")]
    Locked {
        /// What the store said.
        cause: String,
    },
}

impl StoreError {
    /// True when it was the disk, not the door.
    const fn is_failure(&self) -> bool {
        !matches!(self, StoreError::Busy | StoreError::Stopped)
    }

    /// Stable code, as listed in the manual.
    pub const fn code(&self) -> &'static str {
        match self {
            StoreError::Busy => "O101",
            StoreError::Stopped => "O102",
            StoreError::Failed { .. } => "O103",
            StoreError::Damaged { .. } => "O104",
            StoreError::TooNew { .. } => "O105",
            StoreError::Locked { .. } => "O106",
        }
    }
}

/// The bounds of an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Requests that may wait for the disk; beyond it [`StoreError::Busy`].
    pub waiting_max: usize,
    /// Bytes of submissions that may wait for the disk; beyond it [`StoreError::Busy`].
    pub waiting_bytes_max: usize,
    /// How many records back a resend is known. About 110 bytes of disk each.
    pub remember_records: u64,
    /// Memory for what is written but not in a file yet.
    pub write_buffer_bytes: usize,
    /// Memory for filters, indexes and blocks that were read.
    pub block_cache_bytes: usize,
    /// Compress the log too: about half the bytes to the disk for a fifth of the rate.
    pub compress_log: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            waiting_max: 4096,
            waiting_bytes_max: 64 << 20,
            remember_records: 100_000_000,
            write_buffer_bytes: 32 << 20,
            block_cache_bytes: 8 << 20,
            compress_log: false,
        }
    }
}

/// How the outbox stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxStatus {
    /// Records that are not settled.
    pub waiting: u64,
    /// Bytes of the queue that are not settled. `None` when the store is closed or does not answer.
    pub bytes: Option<u64>,
    /// The lowest number that is not settled.
    pub cursor: u64,
    /// The number the next record will get.
    pub next_seq: u64,
    /// Dead letters kept.
    pub dead_letters: u64,
    /// The disk has failed; see [`Outbox::refusal`].
    pub failed: bool,
}

/// A handle on the outbox; clones are handles on the same one.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
}

/// Owns the writer thread. Dropping it closes the outbox as [`WriterHandle::close`]
/// does, and blocks meanwhile.
#[derive(Debug)]
pub struct WriterHandle {
    commands: SyncSender<Command>,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
}

/// What the handles, the writer and the readers have in common.
struct Shared {
    /// Gone when the outbox is closed: then the folder can be opened anew.
    store: RwLock<Option<Arc<Store>>>,
    progress: Mutex<Progress>,
    /// Something was appended. One forwarder listens.
    appended: Notify,
    /// Why nothing is accepted any more.
    refusal: watch::Sender<Option<StoreError>>,
    /// Bytes of submissions in the channel.
    queued_bytes: AtomicUsize,
    queued_bytes_max: usize,
    /// A wake-up for settling is in the channel already.
    wake_sent: AtomicBool,
    epoch: String,
}

impl Outbox {
    /// Opens the outbox in `dir`, making it when it is not there, and starts its writer.
    ///
    /// After a crash this is the recovery; there is no other.
    pub fn open(dir: &Path, options: &Options) -> Result<(Outbox, WriterHandle), StoreError> {
        let store = Arc::new(Store::open(dir, options)?);
        let heard = Witness::hear(dir).map_err(|error| witness_failed(&error))?;
        let epoch = identify(&store, heard.as_ref().map(|(witness, _)| witness.epoch))?;
        let heard = heard.filter(|(witness, _)| witness.epoch == epoch);
        let (at, floor) = position(&store, heard.as_ref().map(|(_, testimony)| *testimony))?;
        let witness = match heard {
            Some((witness, _)) => witness,
            None => Witness::start(dir, epoch, at.testimony()).map_err(|e| witness_failed(&e))?,
        };
        store.forget_below(at.next_seq.saturating_sub(options.remember_records));
        let shared = Arc::new(Shared {
            store: RwLock::new(Some(Arc::clone(&store))),
            progress: Mutex::new(Progress::new(at.cursor, at.next_seq, floor, at.letters)),
            appended: Notify::new(),
            refusal: watch::Sender::new(None),
            queued_bytes: AtomicUsize::new(0),
            queued_bytes_max: options.waiting_bytes_max,
            wake_sent: AtomicBool::new(false),
            epoch: epoch.to_string(),
        });
        let (commands, receiver) = sync_channel(options.waiting_max);
        let remember = options.remember_records;
        let writer = Writer::new(Arc::clone(&shared), store, witness, receiver, at, remember);
        let thread = start(Arc::clone(&shared), writer)?;
        let handle = WriterHandle { commands: commands.clone(), thread: Some(thread) };
        Ok((Outbox { shared, commands }, handle))
    }

    /// Stores all records of a message, or finds that it has them. Resolves after the disk has
    /// synced.
    ///
    /// A caller that stops waiting changes nothing: the message may still be stored, and a resend
    /// will find it.
    pub async fn append(&self, submission: Submission) -> Result<Receipt, StoreError> {
        let bytes = size_of(&submission);
        let identities = seen::identities(&submission);
        let append = Box::new(Append { submission, identities, bytes });
        let queued_before = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        // However large, one may always wait, or it could never be stored.
        let room = queued_before == 0 || queued_before + bytes <= self.shared.queued_bytes_max;
        let sent = if room {
            self.ask(|answer| Command::Append(append, answer))
        } else {
            Err(StoreError::Busy)
        };
        if sent.is_err() {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        self.wait_for(sent?).await
    }

    /// Keeps a message that could not go on. Resolves after the disk has synced.
    pub async fn bury(&self, letter: DeadLetter) -> Result<(), StoreError> {
        let answer = self.ask(|answer| Command::Bury(Box::new(letter), answer))?;
        self.wait_for(answer).await
    }

    /// The unsettled records behind `after_seq` in their order: at most `records_max`, and no more
    /// once their bodies have `bytes_max` bytes, but always one.
    ///
    /// Reads the disk when a backlog is longer than memory: a few milliseconds at worst.
    pub fn oldest(
        &self,
        after_seq: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Envelope>, StoreError> {
        let store = self.shared.store()?;
        let mut from = after_seq.saturating_add(1);
        loop {
            let span = {
                let progress = self.shared.progress();
                let from = from.max(progress.cursor);
                Span { floor: progress.floor, from, end: progress.next_seq, records_max, bytes_max }
            };
            if span.from >= span.end || records_max == 0 {
                return Ok(Vec::new());
            }
            let mut found = reading::read(&store, span)?;
            for stretch in found.unreadable {
                self.set_aside(stretch);
            }
            {
                let progress = self.shared.progress();
                found.envelopes.retain(|envelope| !progress.is_settled(envelope.seq));
            }
            if !found.envelopes.is_empty() {
                return Ok(found.envelopes);
            }
            // All of it was settled early, or damaged: look behind it.
            from = found.next;
        }
    }

    /// Marks records as delivered, in any order. Never waits; what was settled is remembered by
    /// the disk a moment later, and may be sent once more after a crash.
    pub fn settle(&self, seqs: &[u64]) -> Result<(), StoreError> {
        {
            let mut progress = self.shared.progress();
            for &seq in seqs {
                progress.settle(seq, seq.saturating_add(1));
            }
        }
        self.wake_writer();
        match &*self.shared.refusal.borrow() {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(()),
        }
    }

    /// Returns when something was appended since the last time this returned. For one listener.
    pub async fn appended(&self) {
        self.shared.appended.notified().await;
    }

    /// Returns when the disk has failed: nothing is accepted any more, and the agent should stop.
    /// Closing is no failure.
    pub async fn failed(&self) {
        let mut refusal = self.shared.refusal.subscribe();
        let failed = refusal.wait_for(|reason| reason.as_ref().is_some_and(StoreError::is_failure));
        // The sender lives as long as `self`.
        drop(failed.await);
    }

    /// Why nothing is accepted any more, if that is so.
    pub fn refusal(&self) -> Option<StoreError> {
        self.shared.refusal.borrow().clone()
    }

    /// How many records are not settled.
    pub fn depth(&self) -> u64 {
        self.shared.progress().waiting()
    }

    /// The lowest number that is not settled, if any record waits.
    pub fn oldest_seq(&self) -> Option<u64> {
        let progress = self.shared.progress();
        (progress.waiting() > 0).then_some(progress.cursor)
    }

    /// The store's id. Numbers of different epochs have nothing to do with each other.
    pub fn epoch(&self) -> &str {
        &self.shared.epoch
    }

    /// How the outbox stands.
    pub fn status(&self) -> OutboxStatus {
        let (floor, mut status) = {
            let progress = self.shared.progress();
            let status = OutboxStatus {
                waiting: progress.waiting(),
                bytes: None,
                cursor: progress.cursor,
                next_seq: progress.next_seq,
                dead_letters: progress.dead_letters,
                failed: self.refusal().is_some_and(|reason| reason.is_failure()),
            };
            (progress.floor, status)
        };
        if let Ok(store) = self.shared.store() {
            status.bytes = waiting_bytes(&store, floor, &status).ok();
        }
        status
    }

    /// Dead letters behind the number `after_id`, with their numbers, at most `max`.
    pub fn dead_letters(
        &self,
        after_id: u64,
        max: usize,
    ) -> Result<Vec<(u64, DeadLetter)>, StoreError> {
        let mut letters = Vec::new();
        if max == 0 {
            return Ok(letters);
        }
        let from = after_id.saturating_add(1);
        let walked =
            self.shared.store()?.walk(Family::Dead, [from, from, u64::MAX], |id, value| {
                letters.push((id, letter(value)));
                if letters.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
        match walked {
            Ok(()) => Ok(letters),
            Err(WalkError::Damaged(cause)) => Err(StoreError::Damaged { cause }),
            Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
        }
    }

    /// One dead letter.
    pub fn dead_letter(&self, id: u64) -> Result<Option<DeadLetter>, StoreError> {
        let value = self.shared.store()?.get(Family::Dead, &id.to_be_bytes())?;
        Ok(value.map(|value| letter(&value)))
    }

    /// Removes a dead letter, for good. False when it is not there. Resolves after the disk has
    /// synced.
    pub async fn discard_dead_letter(&self, id: u64) -> Result<bool, StoreError> {
        let answer = self.ask(|answer| Command::Discard(id, answer))?;
        self.wait_for(answer).await
    }

    fn ask<T>(
        &self,
        command: impl FnOnce(command::Answer<T>) -> Command,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        if let Some(refusal) = &*self.shared.refusal.borrow() {
            return Err(refusal.clone());
        }
        let (answer, answered) = oneshot::channel();
        match self.commands.try_send(command(answer)) {
            Ok(()) => Ok(answered),
            Err(TrySendError::Full(_)) => Err(StoreError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(self.shared.reason()),
        }
    }

    async fn wait_for<T>(
        &self,
        answered: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match answered.await {
            Ok(result) => result,
            // It came into the channel while the writer was leaving.
            Err(_) => Err(self.shared.reason()),
        }
    }

    fn wake_writer(&self) {
        if self.shared.wake_sent.swap(true, Ordering::SeqCst) {
            return;
        }
        if self.commands.try_send(Command::Settled).is_err() {
            // Full: the writer is awake, and looks at the cursor with every group.
            self.shared.wake_sent.store(false, Ordering::SeqCst);
        }
    }

    /// Hands a stretch that cannot be read to the writer, once.
    fn set_aside(&self, mut stretch: Unreadable) {
        let mut progress = self.shared.progress();
        // What was settled meanwhile may have been removed under the reader's feet: no damage.
        stretch.first_seq = stretch.first_seq.max(progress.cursor);
        if stretch.first_seq >= stretch.end_seq || !progress.set_aside(stretch.first_seq) {
            return;
        }
        let first_seq = stretch.first_seq;
        if self.commands.try_send(Command::SetAside(stretch)).is_err() {
            progress.not_set_aside(first_seq);
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Outbox").field("epoch", &self.shared.epoch).finish_non_exhaustive()
    }
}

impl Shared {
    fn store(&self) -> Result<Arc<Store>, StoreError> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        store.as_ref().map(Arc::clone).ok_or_else(|| self.reason())
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // No code panics while it holds this; if one did, the numbers are still whole.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the door. The first reason stays.
    fn refuse(&self, reason: StoreError) {
        self.refusal.send_if_modified(|refusal| {
            let first = refusal.is_none();
            if first {
                *refusal = Some(reason);
            }
            first
        });
    }

    fn reason(&self) -> StoreError {
        self.refusal.borrow().clone().unwrap_or(StoreError::Stopped)
    }
}

impl WriterHandle {
    /// Takes no more, stores what was accepted, syncs and closes. Resolves when that is done.
    pub async fn close(mut self) -> Result<(), StoreError> {
        task::spawn_blocking(move || self.stop()).await.unwrap_or_else(|_| Err(panicked()))
    }

    fn stop(&mut self) -> Result<(), StoreError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        // An error means that the writer has gone already, which the thread's result tells better.
        drop(self.commands.send(Command::Stop));
        thread.join().unwrap_or_else(|_| Err(panicked()))
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            error!(%error, "the outbox did not close cleanly");
        }
    }
}

/// Starts the writer's thread. However it ends, the door is closed and the store let go.
fn start(
    shared: Arc<Shared>,
    writer: Writer,
) -> Result<JoinHandle<Result<(), StoreError>>, StoreError> {
    struct Leaving(Arc<Shared>);
    impl Drop for Leaving {
        fn drop(&mut self) {
            self.0.refuse(if thread::panicking() { panicked() } else { StoreError::Stopped });
            self.0.store.write().unwrap_or_else(PoisonError::into_inner).take();
            // Whoever waits for more should look, and find the door closed.
            self.0.appended.notify_one();
        }
    }
    let leaving = Leaving(shared);
    let run = move || {
        let _leaving = leaving;
        writer.run()
    };
    thread::Builder::new().name("outbox".to_owned()).spawn(run).map_err(|error| {
        StoreError::Failed { operation: "start the writer's thread", cause: error.to_string() }
    })
}

fn panicked() -> StoreError {
    StoreError::Failed { operation: "write", cause: "the writer has panicked".to_owned() }
}

/// Checks the store's format, or marks a new store with ours; gives its id. A store that has lost
/// its id takes the one the witness knows.
fn identify(store: &Store, witnessed: Option<Uuid>) -> Result<Uuid, StoreError> {
    let Some(value) = store.get(Family::Meta, FORMAT)? else { return mark(store, witnessed) };
    match format::read_numbers(&value) {
        Some([found]) if found > format::FORMAT => {
            return Err(StoreError::TooNew { found, known: format::FORMAT });
        }
        Some([_]) => {}
        None => return Err(damaged("the store's format is no number")),
    }
    let epoch = store.get(Family::Meta, EPOCH)?.and_then(|id| Uuid::from_slice(&id).ok());
    epoch.or(witnessed).ok_or_else(|| damaged("the store's id is lost"))
}

fn mark(store: &Store, witnessed: Option<Uuid>) -> Result<Uuid, StoreError> {
    let epoch = witnessed.unwrap_or_else(Uuid::now_v7);
    let mut batch = store.batch();
    batch.put(Family::Meta, FORMAT, &format::numbers([format::FORMAT]));
    batch.put(Family::Meta, EPOCH, epoch.as_bytes());
    batch.write(Durability::Synced)?;
    Ok(epoch)
}

/// Where a store that was just opened stands, and its floor.
///
/// Normally the tail says it all. After damage the highest number that anything tells of counts: a
/// number must never be given out twice, and what is missing below it is found by reading.
fn position(store: &Store, testimony: Option<Testimony>) -> Result<(Position, u64), StoreError> {
    let [mut next_seq, mut bytes] = row(store, TAIL)?.unwrap_or([1, 0]);
    let [cursor] = row(store, CURSOR)?.unwrap_or([1]);
    let [mut next_letter, letters] = row(store, LETTERS)?.unwrap_or([1, 0]);
    behind_tail(store, &mut next_seq, &mut bytes)?;
    next_seq = next_seq.max(cursor);
    if let Some(witnessed) = testimony {
        if witnessed.next_seq > next_seq {
            error!(next_seq, witnessed.next_seq, "the store has lost its latest records");
        }
        if witnessed.next_letter > next_letter {
            error!(
                next_letter,
                witnessed.next_letter, "the store has lost its latest dead letters"
            );
        }
        next_seq = next_seq.max(witnessed.next_seq);
        next_letter = next_letter.max(witnessed.next_letter);
    }
    let floor = if cursor < next_seq { writer::entry_at(store, 0, cursor)? } else { cursor };
    Ok((Position { next_seq, bytes, cursor, next_letter, letters }, floor))
}

/// Counts entries that the tail does not know of.
fn behind_tail(store: &Store, next_seq: &mut u64, bytes: &mut u64) -> Result<(), StoreError> {
    let bounds = [*next_seq, *next_seq, u64::MAX];
    let walked = store.walk(Family::Queue, bounds, |key, value| {
        let records = Entry::open(value).map_or(1, |entry| entry.records.len() as u64);
        *next_seq = (*next_seq).max(key.saturating_add(records));
        *bytes += value.len() as u64;
        ControlFlow::Continue(())
    });
    match walked {
        Ok(()) | Err(WalkError::Damaged(_)) => Ok(()),
        Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
    }
}

fn row<const N: usize>(store: &Store, key: &[u8]) -> Result<Option<[u64; N]>, StoreError> {
    let Some(value) = store.get(Family::Meta, key)? else { return Ok(None) };
    match format::read_numbers(&value) {
        Some(row) => Ok(Some(row)),
        None => Err(damaged("a row of numbers has the wrong length")),
    }
}

fn witness_failed(error: &std::io::Error) -> StoreError {
    StoreError::Failed { operation: "keep the witness file", cause: error.to_string() }
}

fn damaged(cause: &str) -> StoreError {
    StoreError::Damaged { cause: cause.to_owned() }
}

/// The difference between all bytes ever stored and those before the cursor's entry.
fn waiting_bytes(store: &Store, floor: u64, status: &OutboxStatus) -> Result<u64, StoreError> {
    if status.waiting == 0 {
        return Ok(0);
    }
    let [_, bytes] = row(store, TAIL)?.unwrap_or([1, 0]);
    let mut before = bytes;
    let bounds = [floor, status.cursor, status.next_seq];
    let walked = store.walk(Family::Queue, bounds, |_, value| {
        before = Entry::open(value).map_or(bytes, |entry| entry.bytes_before);
        ControlFlow::Break(())
    });
    match walked {
        Ok(()) | Err(WalkError::Damaged(_)) => Ok(bytes.saturating_sub(before)),
        Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
    }
}

/// A stored dead letter, or a dead letter about it if it is damaged itself.
fn letter(value: &[u8]) -> DeadLetter {
    format::open_letter(value).unwrap_or_else(|damage| DeadLetter {
        message_id: String::new(),
        channel: String::new(),
        received_at: String::new(),
        stage: Stage::Store,
        code: "O204".to_owned(),
        reason: format!("the stored dead letter is damaged: {damage}"),
        detail: "[]".to_owned(),
        raw: value.to_vec(),
        content_type: None,
    })
}

/// About how much memory a submission takes while it waits.
fn size_of(submission: &Submission) -> usize {
    submission.drafts.iter().map(|draft| draft.tail.len() + 256).sum()
}

const FORMAT: &[u8] = b"format";
const EPOCH: &[u8] = b"epoch";
const TAIL: &[u8] = b"tail";
const CURSOR: &[u8] = b"cursor";
const LETTERS: &[u8] = b"letters";

#[cfg(test)]
mod tests;
