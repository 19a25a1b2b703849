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
//! Ten families of keys; numbers in keys are 8 bytes, high byte first. The values' bytes are in
//! `outbox/format.rs`.
//!
//! | family | key | value |
//! |---|---|---|
//! | `queue` | number of the submission's first new record | all its new records, sealed |
//! | `seen` | identity (channel, entity, business key), 16 bytes of a SHA-256, hidden under the store's key (`outbox/names.rs`) | the contents taken in under it: digest, record id, number, revision, message |
//! | `dead` | number of the dead letter | the dead letter, sealed |
//! | `parked` | number of the parked message | the message, sealed |
//! | `shelf` | chosen by its owner | what is kept beside the queue, sealed; `wl`: which lanes wait (`outbox/lanes.rs`) |
//! | `history` | chosen by its owner | the past of patients: a day, then what only its owner can read |
//! | `journey` | a day, then what its owner chooses | what became of messages, sealed (`outbox/journey.rs`) |
//! | `raw` | id of the message, begin of a digest | the bytes it came in, deflated and sealed |
//! | `account` | a day, then what its owner chooses | what was confirmed: record ids and digests, sums; sealed |
//! | `meta` | `format` | version of the store |
//! | | `epoch` | the store's id, a UUID: numbers mean something only together with it |
//! | | `tail` | next number, bytes ever stored |
//! | | `cursor` | lowest number not settled |
//! | | `early` | numbers settled above it, as ranges: written when they have become many, and at the end |
//! | | `lost` | numbers that damage has taken, as ranges |
//! | | `missed` | the same before they have a dead letter: found when the store was made anew |
//! | | `refused` | numbers that the platform will not take, as ranges |
//! | | `letters` | next number of a dead letter, dead letters kept |
//! | | `parked` | next number of a parked message, messages parked |
//! | | `keyring` | the data keys, wrapped (`outbox/keyring.rs`) |
//! | | `resealed` | the data key that everything is sealed with, at least |
//! | | `hidden` | how far the keys of `seen` are hidden; and while none is, `hides_after`: from when on they will be |
//!
//! One queue value holds a whole submission. Measured against one value a record (six records of
//! 700 bytes, 64 callers), the writer needs a seventh less CPU and the queue a tenth fewer bytes.
//!
//! # What happens when
//!
//! - **Append** (synced): one batch has the queue value, the `seen` entries and `tail`. A message is
//!   there as a whole or not at all. A resend writes nothing and gets the first receipt.
//! - **Park** (synced): a message with a code that nobody has mapped, or behind one in its lane,
//!   waits as a whole (`outbox/parked.rs`). A release moves it to the queue, or to the dead letters,
//!   in one batch.
//! - **Take**: [`Outbox::oldest`] reads from the cursor on and never below it. It never searches
//!   for the head of the queue, where everything removed would have to be stepped over.
//! - **Pass**: [`Outbox::may_pass`] tells whether a fresh record may go past a backlog, out of a table of
//!   lanes in memory that is saved at the end, and every quarter of a million records of a long backlog.
//! - **Settle** (not synced): confirms come in any order and are kept in memory until the cursor
//!   reaches them. The cursor rides along with the next batch, or goes alone. Behind one that waits
//!   for long they become many: then they are written too, and a restart does not send them again.
//! - **Set aside** (synced): what cannot be read, and what the platform refuses for good, leaves with
//!   its dead letter, in one batch that says so (`outbox/aside.rs`). A resend of it is taken in anew.
//! - **Remove**: when 8,192 settled records lie behind the cursor, one range mark removes them, in
//!   the same batch as the cursor. After 65,536 whole files go back to the disk, and then the batch
//!   is synced first, for a file vanishes at once. Long settled stretches above the cursor go the same
//!   way (`outbox/writer/sweep.rs`).
//! - **Hold**: whoever folds what was accepted into something else (the past of patients) names the
//!   first number it has not come to; from there on nothing is removed ([`Outbox::hold_from`]).
//! - **Keep**: delivered records stay to be asked for again, from the number on that whoever minds
//!   their age and size has named last ([`Outbox::keep_from`]). Reading never comes near them.
//! - **Push**: what a subscriber has not had stays ([`Outbox::push_from`]), unless the disk has no room left.
//! - **Forget**: `seen` entries that were last used more than [`Options::remember_records`]
//!   records ago go when their file is compacted. By number and not by date: disk use is bounded
//!   and a clock that jumps forgets nothing. A resend after that is a new record, revision 1.
//!
//! # What a crash leaves
//!
//! A kill leaves everything that was written. A power cut leaves everything that was synced; what
//! it can take is the last group, which nobody was told of, and the last steps of the cursor and of
//! what was settled above it, so that little more than the forwarder's window goes out once more,
//! under the same record ids.
//!
//! Damage (a flipped bit, a lost file) is never silent: numbers have no gaps, so reading notices
//! what is missing, moves what is left of it to the dead letters with code `O201` (check fails),
//! `O202` (missing) or `O203` (unreadable block) and its numbers, settles it, and goes on. What is
//! missing at the very end is known from the witness file (`outbox/witness.rs`). When the engine
//! refuses the store (a table, its list of files or one of the few values of `meta` is hit), or would
//! lose what can still be read, a new store is made of what is left, and the damaged one is kept
//! (`outbox/doctor.rs`). `O104` remains for a store whose keyring is lost in both places.
//!
//! # What a disk without room leaves
//!
//! Below low water nothing new is taken in, until high water is reached again (`outbox/room.rs`).
//! Reading and settling go on, and what was delivered is removed at once.
//!
//! After any other error of the disk the outbox refuses everything and the agent stops; a failed sync is
//! never tried again, because the kernel may have dropped the pages it failed on.

mod accept;
mod account;
mod again;
mod aside;
mod backup;
mod blocking;
mod carve;
mod changes;
mod command;
mod copies;
pub mod doctor;
mod error;
mod format;
mod journey;
mod keyring;
mod lanes;
mod letters;
mod names;
mod opening;
mod parked;
mod progress;

mod reading;
mod recent;
mod room;
mod rotation;
mod rows;
mod seen;
mod shelf;
mod store;
mod vault;
mod witness;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use tokio::task;
use tracing::error;

pub(crate) use self::account::FOLLOWED;
use self::again::Again;
pub(crate) use self::again::End;
pub use self::aside::Fate;
pub(crate) use self::backup::{Leap, leap};
pub(crate) use self::blocking::blocking;
pub use self::changes::Change;
use self::command::{Append, Command, Unreadable};
pub use self::copies::Copies;
pub use self::error::StoreError;
pub use self::journey::{Kept, Place};
pub(crate) use self::journey::{day_and_letter, day_of, id_bytes, ms_of};
use self::lanes::Lanes;
pub(crate) use self::lanes::learn as learn_lanes;
use self::names::Names;
pub(crate) use self::names::keep as keep_names;
pub use self::names::to_earlier_format;
use self::opening::Opened;
pub(crate) use self::parked::contents;
use self::progress::Progress;
use self::reading::{Found, Span};
use self::recent::Recent;
pub(crate) use self::room::{Free, free_on, high_water_on};
pub use self::room::{Mark, Outlook, RoomStatus};
use self::room::{Room, Watcher};
use self::rotation::Resealing;
pub(crate) use self::rotation::keep as keep_sealed;
pub use self::rotation::{DataKey, Sealing};
pub use self::rows::Accepted;
pub use self::seen::State;
use self::store::Store;
pub use self::store::{Reach, RowError};
use self::writer::Writer;
use crate::envelope::{DeadLetter, Envelope, Receipt, Submission, UnknownCode};
use crate::master_key::KeySource;
use crate::ranges::Ranges;

/// The bounds of an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Requests that may wait for the disk; beyond it [`StoreError::Busy`].
    pub waiting_max: usize,
    /// Bytes of submissions that may wait for the disk; beyond it [`StoreError::Busy`].
    pub waiting_bytes_max: usize,
    /// How much of the disk has to stay free; below it nothing new is taken in.
    pub low_water: Mark,
    /// How much has to be free before something is taken in again.
    pub high_water: Mark,
    /// Bytes held in reserve for standing up after a full disk; none: no reserve.
    pub reserve_bytes: u64,
    /// How many records back a resend is known. About 100 bytes of disk each.
    pub remember_records: u64,
    /// Memory for what is written but not in a file yet.
    pub write_buffer_bytes: usize,
    /// Memory for filters, indexes and blocks that were read.
    pub block_cache_bytes: usize,
    /// Memory for what was read of patients' pasts.
    pub history_cache_bytes: usize,
    /// Bytes of messages that are kept as they came, for as long as [`Outbox::drop_raw_below`] lets
    /// them; longer ones are not, and 0 keeps none.
    pub raw_bytes_max: usize,
    /// For whom delivered records stay until they say otherwise.
    pub holds: Holds,
    /// Compress the log too: about a quarter fewer bytes to the disk, for a fifth of the rate.
    pub compress_log: bool,
    /// Where the key is with which everything is sealed.
    pub key: KeySource,
}

/// Who has yet to say from where on delivered records are needed: until then none is removed.
#[expect(clippy::struct_excessive_bools, reason = "each is somebody of his own")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Whoever may want them sent once more: [`Outbox::keep_from`].
    pub delivered: bool,
    /// Whoever folds them into the past of patients: [`Outbox::hold_from`].
    pub folded: bool,
    /// Other systems that have not had them: [`Outbox::push_from`].
    pub pushed: bool,
    /// Whoever keeps the account with the platform: `Outbox::account_from`.
    pub accounted: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            waiting_max: 4096,
            waiting_bytes_max: 64 << 20,
            low_water: Mark::Auto,
            high_water: Mark::Auto,
            reserve_bytes: 0,
            remember_records: 100_000_000,
            write_buffer_bytes: 32 << 20,
            block_cache_bytes: 8 << 20,
            history_cache_bytes: 16 << 20,
            raw_bytes_max: 0,
            holds: Holds::default(),
            compress_log: false,
            key: KeySource::Beside,
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
    /// Messages that wait for a code to be mapped, or behind one that does.
    pub parked: u64,
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
    watcher: Option<Watcher>,
}

/// What the handles, the writer and the readers have in common.
struct Shared {
    /// Gone when the outbox is closed: then the folder can be opened anew.
    store: RwLock<Option<Arc<Store>>>,
    progress: Mutex<Progress>,
    /// Something was appended. One forwarder listens.
    appended: Notify,
    /// The same for whoever folds what was accepted into the past of patients.
    accepted: Notify,
    /// Records from this number on are not removed yet, delivered or not.
    held_from: AtomicU64,
    /// The same for whoever accounts for what was delivered.
    accounted_from: AtomicU64,
    /// The same for delivered records that may be asked for again.
    kept_from: AtomicU64,
    /// The same for those that other systems have not had.
    pushed_from: AtomicU64,
    /// What is accounted for behind `accounted_from`.
    accounted_beyond: Mutex<Ranges>,
    raw_bytes_max: usize,
    /// Room on the disk; without any, nothing is accepted for a while.
    room: Room,
    /// Delivered records that go out once more.
    again: Again,
    /// What was read lately, for those who come after.
    recent: Recent,
    /// Which lanes wait.
    lanes: Lanes,
    /// Under which names it is known what was taken in.
    names: Names,
    /// Why nothing is accepted any more.
    refusal: watch::Sender<Option<StoreError>>,
    /// Bytes of submissions in the channel.
    queued_bytes: AtomicUsize,
    queued_bytes_max: usize,
    /// A wake-up for settling is in the channel already.
    wake_sent: AtomicBool,
    /// The writer was told of a block of parked messages that cannot be read. It stays so: there is
    /// nothing more to put aside in it.
    parked_harm_told: AtomicBool,
    /// Something that was parked holds nobody up any more. One listener.
    unblocked: Notify,
    epoch: String,
    /// Where the store lies.
    dir: PathBuf,
    /// How far values are sealed with the newest data key.
    resealing: Mutex<Resealing>,
    /// There is something to seal anew.
    rotated: Notify,
}

impl Outbox {
    /// Opens the outbox in `dir`, making it when it is not there, and starts its writer.
    ///
    /// After a crash this is the recovery; there is no other.
    pub fn open(dir: &Path, options: &Options) -> Result<(Outbox, WriterHandle), StoreError> {
        let Opened { store, witness, at, parked, parked_is_harmed, floor, lowest, left, form } =
            opening::open(dir, options)?;
        store.forget_below(at.next_seq.saturating_sub(options.remember_records));
        let shared = Arc::new(Shared {
            store: RwLock::new(Some(Arc::clone(&store))),
            progress: Mutex::new(Progress::of(&at, floor, lowest, left)),
            appended: Notify::new(),
            accepted: Notify::new(),
            // Nobody has said yet from where on: nothing goes before somebody does.
            held_from: AtomicU64::new(if options.holds.folded { 0 } else { u64::MAX }),
            accounted_from: AtomicU64::new(if options.holds.accounted { 0 } else { u64::MAX }),
            kept_from: AtomicU64::new(if options.holds.delivered { 0 } else { u64::MAX }),
            pushed_from: AtomicU64::new(if options.holds.pushed { 0 } else { u64::MAX }),
            accounted_beyond: Mutex::default(),
            raw_bytes_max: options.raw_bytes_max,
            room: Room::new(dir, options),
            again: Again::default(),
            recent: Recent::default(),
            lanes: Lanes::of(at.cursor, at.next_seq),
            names: Names::new(store.vault().hider(), form),
            refusal: watch::Sender::new(None),
            queued_bytes: AtomicUsize::new(0),
            queued_bytes_max: options.waiting_bytes_max,
            wake_sent: AtomicBool::new(false),
            parked_harm_told: AtomicBool::new(false),
            unblocked: Notify::new(),
            epoch: witness.epoch.to_string(),
            dir: dir.to_owned(),
            resealing: Mutex::default(),
            rotated: Notify::new(),
        });
        let (commands, receiver) = sync_channel(options.waiting_max);
        let remember = options.remember_records;
        let at = (at, (parked, parked_is_harmed), lowest);
        let writer = Writer::new(Arc::clone(&shared), store, witness, receiver, at, remember);
        let thread = start(Arc::clone(&shared), writer)?;
        let mut handle =
            WriterHandle { commands: commands.clone(), thread: Some(thread), watcher: None };
        handle.watcher = Some(room::start(Arc::clone(&shared), commands.clone())?);
        Ok((Outbox { shared, commands }, handle))
    }

    /// Stores all records of a message, or finds that it has them. Resolves after the disk has
    /// synced.
    ///
    /// A caller that stops waiting changes nothing: the message may still be stored, and a resend
    /// will find it.
    /// When a message of one of its lanes is parked, this one waits behind it.
    pub async fn append(&self, submission: Submission) -> Result<Receipt, StoreError> {
        self.hand_in(submission, Vec::new(), None).await
    }

    /// The same for whoever reads the state of a source, in the order in which that changes: what this
    /// message says of what is its own is newer than all that was taken below [`State::since`]. A content of
    /// such a record that was taken before, and is not the last under its key, is a change back and becomes
    /// the next revision. What was taken from that number on may be this very message, before a crash: then
    /// a content of before is a resend.
    ///
    /// Where something of its lane waits, it is judged as any other message.
    pub async fn append_state(
        &self,
        submission: Submission,
        state: State,
    ) -> Result<Receipt, StoreError> {
        self.hand_in(submission, Vec::new(), Some(state)).await
    }

    async fn hand_in(
        &self,
        submission: Submission,
        unknown: Vec<UnknownCode>,
        state: Option<State>,
    ) -> Result<Receipt, StoreError> {
        self.shared.room.admit()?;
        let bytes = size_of(&submission);
        let identities = seen::identities(&submission);
        let raw = self.shared.raw_row(&submission);
        let append = Box::new(Append { submission, identities, unknown, state, raw, bytes });
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

    /// Keeps a message that could not go on, or counts it to the letter of the same bytes that were
    /// refused before for the same cause. Gives the id of the first of these messages. Resolves after
    /// the disk has synced the letter.
    pub async fn bury(&self, letter: DeadLetter) -> Result<String, StoreError> {
        self.shared.room.admit()?;
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
                let from = progress.unsettled_from(from);
                Span { floor: progress.floor, from, end: progress.next_seq, records_max, bytes_max }
            };
            if span.from >= span.end || records_max == 0 {
                return Ok(Vec::new());
            }
            let mut found = self.shared.read(&store, span)?;
            for stretch in found.unreadable {
                self.set_aside(&stretch);
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
                progress.deliver(seq);
            }
        }
        self.shared.again.settled(seqs);
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

    /// Returns when the writer has come to look: behind the group that it writes now, whatever becomes
    /// of that. A disk that stands still lets it wait.
    pub async fn answers(&self) {
        loop {
            match self.ask(Command::Look) {
                Ok(answer) => return drop(answer.await),
                // There is no room to ask in: more is written first.
                Err(StoreError::Busy) => tokio::time::sleep(LOOK_AGAIN).await,
                // It is leaving, and says so elsewhere.
                Err(_) => return,
            }
        }
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

    /// The highest number that was given out, 0 if none was.
    pub fn last_seq(&self) -> u64 {
        self.shared.progress().next_seq.saturating_sub(1)
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
                parked: progress.parked,
                failed: self.refusal().is_some_and(|reason| reason.is_failure()),
            };
            (progress.floor, status)
        };
        if let Ok(store) = self.shared.store() {
            status.bytes = reading::waiting_bytes(&store, floor, &status).ok();
        }
        status
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

    /// Whether rows may be written that nobody waits for.
    fn may_keep_house(&self) -> Result<(), StoreError> {
        match self.refusal() {
            Some(refusal) => Err(refusal),
            None => self.shared.room.admit_upkeep(),
        }
    }

    /// Hands a stretch that cannot be read to the writer, once.
    fn set_aside(&self, stretch: &Unreadable) {
        let mut progress = self.shared.progress();
        // What was settled meanwhile may have been removed under the reader's feet: no damage.
        for (first_seq, end_seq) in progress.unsettled_in(stretch.first_seq, stretch.end_seq) {
            if !progress.set_aside(first_seq) {
                continue;
            }
            let part = Unreadable { first_seq, end_seq, ..stretch.clone() };
            if self.commands.try_send(Command::SetAside(part)).is_err() {
                progress.not_set_aside(first_seq);
            }
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

    /// Reads a part of the queue, of which somebody may just have read the begin.
    fn read(&self, store: &Store, span: Span) -> Result<Found, StoreError> {
        if span.end.saturating_sub(span.from) > recent::NEAR {
            return reading::read(store, span);
        }
        let mut envelopes = self.recent.from(span.from, span.records_max, span.bytes_max);
        let Some(rest) = span.behind(&envelopes) else {
            let next = envelopes.last().map_or(span.from, |it| it.seq + 1);
            return Ok(Found { envelopes, next, ..Found::default() });
        };
        let mut found = reading::read(store, rest)?;
        self.recent.keep(&found.envelopes);
        envelopes.append(&mut found.envelopes);
        Ok(Found { envelopes, ..found })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // No code panics while it holds this; if one did, the numbers are still whole.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the door. The first reason stays, unless it is one that passes. Damage is left to the next
    /// start to mend: it must find the mark, however soon this process is gone.
    fn refuse(&self, reason: StoreError) {
        if let StoreError::Damaged { cause } = &reason {
            doctor::mark(&self.dir, cause);
        }
        self.refusal.send_if_modified(|refusal| {
            let first = refusal.as_ref().is_none_or(StoreError::is_full);
            if first {
                *refusal = Some(reason);
            }
            first
        });
    }

    /// A disk without room is waited for; after any other error nothing is accepted any more.
    fn refused(&self, error: &StoreError) {
        if error.is_full() {
            self.room.runs_out(error);
        } else {
            self.refuse(error.clone());
        }
    }

    fn reason(&self) -> StoreError {
        self.refusal.borrow().clone().unwrap_or(StoreError::Stopped)
    }
}

impl WriterHandle {
    /// Takes no more, stores what was accepted, syncs and closes. Resolves when that is done.
    pub async fn close(mut self) -> Result<(), StoreError> {
        task::spawn_blocking(move || self.stop())
            .await
            .unwrap_or_else(|_| Err(StoreError::panicked()))
    }

    fn stop(&mut self) -> Result<(), StoreError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        // An error means that the writer has gone already, which the thread's result tells better.
        drop(self.commands.send(Command::Stop));
        let ended = thread.join().unwrap_or_else(|_| Err(StoreError::panicked()));
        // It may have the store in hand: whoever opens the folder next must find it let go.
        if let Some(watcher) = self.watcher.take() {
            watcher.join();
        }
        ended
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
            self.0.refuse(if thread::panicking() {
                StoreError::panicked()
            } else {
                StoreError::Stopped
            });
            self.0.store.write().unwrap_or_else(PoisonError::into_inner).take();
            // Whoever waits for more should look, and find the door closed.
            self.0.appended.notify_one();
            self.0.accepted.notify_one();
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

/// About how much memory a submission takes while it waits.
fn size_of(submission: &Submission) -> usize {
    submission.drafts.iter().map(|draft| draft.tail.len() + 256).sum()
}

const LOOK_AGAIN: Duration = Duration::from_millis(50);
const FORMAT: &[u8] = b"format";
const EPOCH: &[u8] = b"epoch";
const TAIL: &[u8] = b"tail";
const CURSOR: &[u8] = b"cursor";
const EARLY: &[u8] = b"early";
const LOST: &[u8] = b"lost";
const MISSED: &[u8] = b"missed";
const REFUSED: &[u8] = b"refused";
const LETTERS: &[u8] = b"letters";
const PARKED: &[u8] = b"parked";
const KEYRING: &[u8] = b"keyring";
const RESEALED: &[u8] = b"resealed";
const HIDDEN: &[u8] = b"hidden";
const HIDES_AFTER: &[u8] = b"hides_after";

#[cfg(test)]
pub(crate) mod tests;
