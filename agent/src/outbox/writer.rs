//! The one thread that writes.
//!
//! It takes everything that waits, makes one batch of it, writes and syncs once, and only then
//! answers everybody. There is no timer: while one group syncs the next one gathers, so the groups
//! are as large as the load makes them and a lone message waits for nobody.
//!
//! A disk without room is waited for (`writer/shortage.rs`).
//!
//! Any other error of the disk ends the thread. Everybody waiting is told that their message is *not*
//! known to be stored, nothing more is accepted, and the agent is expected to stop: what the disk
//! holds can only be told by opening it again.

mod enqueue;
mod lanes;
mod letters;
mod parking;
mod shortage;
mod sweep;

use std::collections::HashMap;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use tracing::error;
use uuid::Uuid;

use self::enqueue::Known;
use super::accept;
use super::aside::Fate;
use super::command::{Append, Command, Done, Raw, Releasing, Waiting, Work};
use super::copies::Copies;
use super::format;
use super::parked::Index;
use super::seen::Seen;
use super::store::{Batch, Durability, Family, Store, WalkError};
use super::witness::{Testimony, Witness};
use super::{CURSOR, Shared, StoreError, TAIL, journey};
use crate::envelope::{ContentId, ParkedMessage, Receipt};
use crate::ranges::Ranges;

/// The writer's own state. All of it can be told from the store when it is opened.
pub(super) struct Writer {
    shared: Arc<Shared>,
    store: Arc<Store>,
    witness: Witness,
    commands: Receiver<Command>,
    at: Position,
    /// What waits for a code to be mapped.
    parked: Index,
    /// Some of that could not be read.
    parked_is_harmed: bool,
    /// The number that the next of them had at the start, at least.
    parked_witnessed: u64,
    /// Everything below is removed from the queue.
    swept: u64,
    /// Nothing below is there.
    lowest: u64,
    /// Files wholly below were given back.
    given_back: u64,
    /// Lanes and numbers of the records of this group.
    new: Vec<(u64, u64)>,
    /// Below this number it is saved which lanes wait.
    lanes_saved: u64,
    /// Stretches above the cursor that are removed.
    swept_early: Ranges,
    /// How much was settled above the cursor when it was looked at for stretches to remove.
    early_seen: u64,
    remember_records: u64,
}

/// How far the store has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    /// The number the next record will get.
    pub(super) next_seq: u64,
    /// Bytes of all queue values ever stored.
    pub(super) bytes: u64,
    /// The cursor on disk.
    pub(super) cursor: u64,
    /// The number the next dead letter will get.
    pub(super) next_letter: u64,
    /// Dead letters kept.
    pub(super) letters: u64,
    /// The number the next parked message will get.
    pub(super) next_parked: u64,
    /// Messages parked.
    pub(super) parked: u64,
}

impl Position {
    /// What the witness is told of it.
    pub(super) const fn testimony(&self) -> Testimony {
        Testimony {
            next_seq: self.next_seq,
            next_letter: self.next_letter,
            next_parked: self.next_parked,
        }
    }
}

/// A group in the making.
struct Group<'a> {
    batch: Batch<'a>,
    durability: Durability,
    done: Done,
    /// What this group has parked: it is not on disk yet, and the same bytes may come again.
    parked: HashMap<u64, ParkedMessage>,
    /// The same for messages that were refused.
    copies: HashMap<Vec<u8>, Copies>,
    /// Ids that this group has given a record, and of what content: whatever else was promised them learns it
    /// at the end.
    given: HashMap<Uuid, ContentId>,
    /// Stretches that get a dead letter, and are settled once that is written.
    aside: Vec<(u64, u64, Fate)>,
    /// What is settled above the cursor, if this group writes it down.
    early: Option<Ranges>,
    /// Where the sweep ends, if this group makes one.
    floor: Option<u64>,
    /// What it removes above the cursor.
    swept: Vec<(u64, u64)>,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        store: Arc<Store>,
        witness: Witness,
        commands: Receiver<Command>,
        (at, (parked, parked_is_harmed), lowest): (Position, (Index, bool), u64),
        remember_records: u64,
    ) -> Writer {
        let given_back = lowest;
        // The first sweep starts at the very bottom: the last one may not have reached the disk.
        Writer {
            shared,
            store,
            witness,
            commands,
            at,
            parked,
            parked_is_harmed,
            parked_witnessed: at.next_parked,
            swept: 0,
            lowest,
            given_back,
            new: Vec::new(),
            lanes_saved: at.next_seq,
            swept_early: Ranges::default(),
            early_seen: 0,
            remember_records,
        }
    }

    /// Writes until it is told to stop or everybody who could ask is gone.
    pub(super) fn run(mut self) -> Result<(), StoreError> {
        let mut stop = false;
        while !stop && let Ok(first) = self.commands.recv() {
            let (waiting, work);
            (waiting, work, stop) = self.gather(first);
            self.commit(waiting, work)?;
        }
        self.shared.refuse(StoreError::Stopped);
        self.finish()
    }

    /// Takes in what was accepted before the door closed, and leaves everything on disk.
    fn finish(mut self) -> Result<(), StoreError> {
        while let Ok(first) = self.commands.try_recv() {
            let (waiting, work, _) = self.gather(first);
            self.commit(waiting, work)?;
        }
        self.commit(Waiting::default(), Work { last: true, ..Work::default() })?;
        self.leave_lanes()?;
        self.store.sync()?;
        self.witness.sync().map_err(|error| StoreError::witness(&error))
    }

    /// The first command and all that wait behind it, within bounds; and whether it is time to stop.
    fn gather(&self, first: Command) -> (Waiting, Work, bool) {
        let (mut waiting, mut work) = (Waiting::default(), Work::default());
        let (mut commands, mut bytes) = (0, 0);
        let mut next = Some(first);
        while let Some(command) = next {
            match &command {
                Command::Append(append, _) => {
                    self.shared.queued_bytes.fetch_sub(append.bytes, Ordering::Relaxed);
                    bytes += append.bytes;
                }
                Command::Stop => return (waiting, work, true),
                Command::Settled => self.shared.wake_sent.store(false, Ordering::SeqCst),
                Command::Bury(..)
                | Command::Refuse(..)
                | Command::Discard(..)
                | Command::Release(..)
                | Command::SetAside(_)
                | Command::LookThroughParked
                | Command::Look(_)
                | Command::Reclaim
                | Command::Retry => {}
            }
            waiting.part(command, &mut work);
            commands += 1;
            let room = commands < GROUP_MAX && bytes < GROUP_BYTES_MAX;
            next = if room { self.commands.try_recv().ok() } else { None };
        }
        (waiting, work, false)
    }

    /// One group: one batch, one sync, then all answers.
    fn commit(&mut self, waiting: Waiting, work: Work) -> Result<(), StoreError> {
        if self.shared.room.has_run_out() && !work.retry {
            self.put_off(waiting, &work);
            return Ok(());
        }
        let aside = work.aside();
        match self.store_group(work) {
            Ok(done) => {
                waiting.answer(done);
                Ok(())
            }
            Err(error) if error.is_full() => self.run_out(&error, waiting, &aside),
            Err(error) => {
                // Close the door first: whoever is told of the failure must find it closed.
                self.shared.refuse(error.clone());
                waiting.fail(&error);
                while let Ok(command) = self.commands.try_recv() {
                    let mut late = Waiting::default();
                    late.part(command, &mut Work::default());
                    late.fail(&error);
                }
                Err(error)
            }
        }
    }

    fn store_group(&mut self, mut work: Work) -> Result<Done, StoreError> {
        if mem::take(&mut self.parked_is_harmed) || work.look_through_parked {
            self.look_through_parked()?;
        }
        let store = Arc::clone(&self.store);
        let mut group = Group {
            batch: store.batch(),
            durability: Durability::Buffered,
            done: Done::default(),
            parked: HashMap::new(),
            copies: HashMap::new(),
            given: HashMap::new(),
            aside: Vec::new(),
            early: None,
            floor: None,
            swept: Vec::new(),
        };
        let (appends, releases) = (mem::take(&mut work.appends), mem::take(&mut work.releases));
        let (retry, reclaim, last) = (work.retry, work.reclaim, work.last);
        // First: what is set aside now, and sent again now, is taken in anew.
        self.keep_letters(&mut group, work)?;
        self.take_all_in(&mut group, appends, releases)?;
        if retry {
            group.batch.put(Family::Meta, CURSOR, &format::numbers([self.at.cursor]));
            group.durability = Durability::Synced;
        }
        self.settle(&mut group, reclaim)?;
        self.note_aside(&mut group);
        self.sweep_early(&mut group, reclaim)?;
        self.note_early(&mut group, last);
        self.save_lanes(&mut group.batch);
        let Group { batch, durability, done, floor, aside, early, swept, .. } = group;
        if !batch.is_empty() {
            batch.write(durability)?;
        }
        if durability == Durability::Synced {
            self.witness.note(self.at.testimony()).map_err(|error| StoreError::witness(&error))?;
        }
        self.shared.room.stands_again();
        self.keep_up(&aside, early.as_ref());
        if let Some(floor) = floor {
            self.give_back(floor, reclaim)?;
        }
        self.give_back_early(&swept)?;
        self.publish(floor);
        Ok(done)
    }

    /// Numbers the new records of all submissions and adds them to the batch; parks those that have
    /// to wait, and carries out what was decided about those that waited.
    fn take_all_in(
        &mut self,
        group: &mut Group<'_>,
        appends: Vec<Append>,
        releases: Vec<Releasing>,
    ) -> Result<(), StoreError> {
        if appends.is_empty() && releases.is_empty() {
            return Ok(());
        }
        let of_appends = appends.iter().flat_map(|it| it.identities.iter().copied());
        let of_releases = releases.iter().flat_map(|it| it.identities.iter().copied());
        let aside = self.aside_with(group);
        let is_gone = |seq| aside.fate(seq).is_some();
        let mut seen = Seen::look_up(
            (&self.store, &self.shared.names),
            of_appends.chain(of_releases).collect(),
            is_gone,
        )?;
        let before = self.at;
        for append in appends {
            let receipt = self.take_in(group, &mut seen, append)?;
            group.done.receipts.push(receipt);
        }
        for releasing in releases {
            self.release(group, &mut seen, releasing)?;
        }
        self.note_given(group)?;
        if self.at.next_seq > before.next_seq {
            seen.store(&self.shared.names, &mut group.batch);
            let tail = format::numbers([self.at.next_seq, self.at.bytes]);
            group.batch.put(Family::Meta, TAIL, &tail);
            group.durability = Durability::Synced;
        }
        if (self.at.next_parked, self.at.parked) != (before.next_parked, before.parked) {
            self.note_parked(group);
        }
        Ok(())
    }

    fn take_in(
        &mut self,
        group: &mut Group<'_>,
        seen: &mut Seen,
        append: Append,
    ) -> Result<Receipt, StoreError> {
        if self.must_wait(seen, &append) {
            return self.park(group, seen, append);
        }
        let Append { submission, identities, raw, state, .. } = append;
        let before = self.at.next_seq;
        let promised = self.promised(&identities, &submission.drafts);
        // Behind what waits it is not known what will be the last.
        let state = state.filter(|_| !self.is_blocked(&submission.drafts));
        let back = state.map(|it| seen.changes_back(&identities, &submission.drafts, &it));
        let back = back.unwrap_or_default();
        let known = Known { identities: &identities, promised: &promised, back: &back };
        let findings = self.enqueue(group, seen, &submission, known);
        self.keep_raw(&mut group.batch, before, raw);
        Ok(accept::receipt(submission, findings))
    }

    /// Keeps the bytes of a message that had something new, since `before`.
    fn keep_raw(&self, batch: &mut Batch<'_>, before: u64, raw: Option<Raw>) {
        if let Some((key, value)) = raw.filter(|_| self.at.next_seq > before) {
            batch.put(Family::Raw, &key, &value);
        }
    }

    /// Puts the cursor into the batch if it moved, and a sweep if enough lies behind it.
    fn settle(&mut self, group: &mut Group<'_>, reclaim: bool) -> Result<(), StoreError> {
        let (cursor, next_seq) = {
            let progress = self.shared.progress();
            let aside: Vec<(u64, u64)> = group.aside.iter().map(|it| (it.0, it.1)).collect();
            (progress.cursor_with(&aside), progress.next_seq)
        };
        if cursor != self.at.cursor {
            self.note_confirmed(group, cursor);
            self.at.cursor = cursor;
            group.batch.put(Family::Meta, CURSOR, &format::numbers([cursor]));
        }
        let held_from = self.shared.first_held();
        let gone = cursor.min(held_from);
        // While room is short, taking in comes before what is only kept to be asked for again.
        let gone = if reclaim { gone } else { gone.min(self.shared.first_wanted()) };
        if gone.saturating_sub(self.lowest) < if reclaim { 1 } else { SWEEP_RECORDS } {
            return Ok(());
        }
        let floor = if gone == next_seq { gone } else { entry_at(&self.store, self.lowest, gone)? };
        if floor == self.lowest {
            return Ok(());
        }
        group.batch.delete_range(Family::Queue, self.swept, floor);
        (self.swept, self.lowest) = (floor, floor);
        group.floor = Some(floor);
        if reclaim || self.is_worth_giving_back(floor) {
            // Files vanish at once; the cursor that says why must be on disk first.
            group.durability = Durability::Synced;
        }
        Ok(())
    }

    /// Says when delivery came this far: the time of each record's confirm, at the latest.
    fn note_confirmed(&self, group: &mut Group<'_>, cursor: u64) {
        if self.shared.raw_bytes_max > 0 || self.shared.kept_from.load(Ordering::SeqCst) < u64::MAX
        {
            let (key, plain) = journey::confirmed(self.at.cursor, cursor, jiff::Timestamp::now());
            group.batch.seal(Family::Journey, &key, plain);
        }
    }

    fn give_back(&mut self, floor: u64, reclaim: bool) -> Result<(), StoreError> {
        if reclaim || self.is_worth_giving_back(floor) {
            let last = floor.saturating_sub(1);
            self.store.drop_files(Family::Queue, &[0; 8], &last.to_be_bytes())?;
            self.given_back = floor;
        }
        Ok(())
    }

    const fn is_worth_giving_back(&self, floor: u64) -> bool {
        floor.saturating_sub(self.given_back) >= GIVE_BACK_RECORDS
    }

    /// Lets readers see what is on disk now.
    fn publish(&mut self, floor: Option<u64>) {
        self.shared.lanes.note(self.new.drain(..), self.at.next_seq, self.at.cursor);
        let mut progress = self.shared.progress();
        let more = self.at.next_seq > progress.next_seq;
        progress.next_seq = self.at.next_seq;
        progress.dead_letters = self.at.letters;
        progress.next_letter = self.at.next_letter;
        progress.parked = self.at.parked;
        if let Some(floor) = floor {
            // What is kept below the cursor is no reason to look there.
            progress.floor = progress.floor.max(floor);
            progress.lowest = floor;
        }
        drop(progress);
        if more {
            self.store.forget_below(self.at.next_seq.saturating_sub(self.remember_records));
            self.shared.appended.notify_one();
            self.shared.accepted.notify_one();
        }
    }
}

/// The first key of the queue, `floor` if there is none below it.
pub(super) fn lowest(store: &Store, floor: u64) -> Result<u64, StoreError> {
    let mut lowest = floor;
    let walked = store.walk(Family::Queue, [0, 0, floor], |key, _| {
        lowest = key;
        ControlFlow::Break(())
    });
    match walked {
        // Behind damage the first sweep looks from the bottom on.
        Ok(()) | Err(WalkError::Damaged(_)) => Ok(lowest),
        Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
    }
}

/// The key of the entry that holds the record `seq`; `seq` itself if there is none.
pub(super) fn entry_at(store: &Store, floor: u64, seq: u64) -> Result<u64, StoreError> {
    let mut found = seq;
    let walked = store.walk(Family::Queue, [floor, seq, seq.saturating_add(1)], |key, _| {
        found = key;
        ControlFlow::Break(())
    });
    match walked {
        Ok(()) => Ok(found),
        // Then nothing is swept this time; reading will set the damage aside.
        Err(WalkError::Damaged(cause)) => {
            error!(cause, "the queue is damaged at the cursor");
            Ok(floor)
        }
        Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
    }
}

/// Commands in one group: more would make the first wait longer without making the sync cheaper.
const GROUP_MAX: usize = 1024;
/// Bytes in one group, so that a few huge messages do not hold up everybody.
const GROUP_BYTES_MAX: usize = 8 << 20;
/// Settled records that are removed by one mark. One mark for each settled chunk would leave
/// thousands of marks, and every read would pay for them.
const SWEEP_RECORDS: u64 = 8192;
/// Settled records after which whole files are given back to the disk.
const GIVE_BACK_RECORDS: u64 = 65_536;
