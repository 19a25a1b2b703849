//! Tells whether a backlog holds an earlier record of a lane, without reading the backlog.
//!
//! After an outage a million records may wait, and the prescription written now may go past them only
//! if none is of its lane. The writer knows each lane as it stores a record, and notes the last number
//! of each in a table of fixed size (`lanes/table.rs`). Of the newest records it notes their *elders*
//! as well: the numbers that stood there when they came. Whoever has the elders of a record in hand has
//! theirs, too, for that is how they came into his hand; so it may go past all others.
//!
//! All of it is memory. What was stored before the agent started is learned in the background, from the
//! row that was saved last (`lanes/row.rs`) and from the records behind it. Until then nobody knows the
//! elders of any record, and none goes past another.

mod row;
mod table;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::row::Row;
use self::table::Table;
pub(super) use self::table::hash;
use super::reading::{self, Span};
use super::{Outbox, StoreError, blocking};
use crate::envelope::Envelope;

/// What is known of the lanes of what waits.
#[derive(Debug)]
pub(super) struct Lanes(Mutex<Known>);

#[derive(Debug)]
struct Known {
    /// Of the records from `since` on and below `end`.
    table: Table,
    since: u64,
    end: u64,
    /// Of those below `since`.
    before: Before,
    /// Elders of the newest records, each at its number modulo the length.
    elders: Vec<[u64; 2]>,
}

#[derive(Debug)]
enum Before {
    /// None of them waits.
    Gone,
    Unknown,
    Known(Table),
}

impl Lanes {
    /// Of a store that was just opened.
    pub(super) fn of(cursor: u64, next_seq: u64) -> Lanes {
        Lanes(Mutex::new(Known {
            table: Table::new(SETS),
            since: next_seq,
            end: next_seq,
            before: if cursor < next_seq { Before::Unknown } else { Before::Gone },
            elders: vec![[0; 2]; usize::try_from(ELDERS_OF).unwrap_or_default()],
        }))
    }

    /// Notes new records, lane and number of each, before anybody can read them. What lies below the
    /// cursor makes room.
    pub(super) fn note(&self, new: impl Iterator<Item = (u64, u64)>, end: u64, cursor: u64) {
        let mut known = self.known();
        for (lane, seq) in new {
            let elders = known.table.note(lane, seq, cursor);
            if let Some(noted) = known.elders.get_mut(place_of(seq)) {
                *noted = elders;
            }
        }
        known.end = end;
        if cursor >= known.since {
            known.before = Before::Gone;
        }
    }

    /// The elders of a record, 0 for none; `None` as long as nobody knows.
    fn elders(&self, lane: &str, seq: u64) -> Option<[u64; 3]> {
        let known = self.known();
        let before = match &known.before {
            Before::Gone => 0,
            Before::Unknown => return None,
            Before::Known(table) => table.last_of(hash(lane)),
        };
        let is_new = (known.since..known.end).contains(&seq) && known.end - seq <= ELDERS_OF;
        let noted = known.elders.get(place_of(seq)).filter(|_| is_new);
        // Of one that came too long ago nobody has the elders in hand.
        let [own, shared] = noted.copied().unwrap_or([u64::MAX; 2]);
        Some([own, shared, before])
    }

    /// The number below which the lanes are still to be learned, if they are.
    fn unknown_below(&self) -> Option<u64> {
        let known = self.known();
        matches!(known.before, Before::Unknown).then_some(known.since)
    }

    fn learned(&self, table: Table) {
        let mut known = self.known();
        if matches!(known.before, Before::Unknown) {
            known.before = Before::Known(table);
        }
    }

    /// The first number that is not noted.
    pub(super) fn end(&self) -> u64 {
        self.known().end
    }

    /// All that is known of what waits from the cursor on, to be saved; `None` while that is not all.
    pub(super) fn row(&self, cursor: u64) -> Option<Vec<u8>> {
        let known = self.known();
        match &known.before {
            Before::Gone => Some(row::bytes([cursor, known.end], &[&known.table])),
            Before::Known(before) => Some(row::bytes([cursor, known.end], &[before, &known.table])),
            Before::Unknown => None,
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // What panicked meanwhile can only have left out a number: take no chances with it.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.is_poisoned() {
            known.before = Before::Unknown;
        }
        known
    }
}

impl Outbox {
    /// Whether a record may go past all that wait before it, for one who has those in hand that he says;
    /// `None` as long as that is not known.
    pub fn may_pass(&self, record: &Envelope, is_in_hand: &dyn Fn(u64) -> bool) -> Option<bool> {
        if record.lane.is_empty() {
            return Some(true);
        }
        let elders = self.shared.lanes.elders(&record.lane, record.seq)?;
        Some(elders.into_iter().all(|it| it == 0 || is_in_hand(it)))
    }

    /// Learns the lanes of what waited when the outbox was opened. Blocks.
    pub(super) fn learn_lanes(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let Some(end) = self.shared.lanes.unknown_below() else { return Ok(()) };
        let saved = self.saved_lanes(end)?;
        let (mut next, mut table) = saved.unwrap_or_else(|| (0, Table::new(SETS)));
        let to_read = end.saturating_sub(next.max(self.shared.progress().cursor));
        while next < end {
            if stop.is_cancelled() {
                return Ok(());
            }
            next = self.read_lanes(next, end, &mut table)?;
        }
        self.shared.lanes.learned(table);
        info!(records_read = to_read, "it is known which lanes wait");
        Ok(())
    }

    /// What was saved last, and the first number it does not know; `None` if that is of no use.
    fn saved_lanes(&self, end: u64) -> Result<Option<(u64, Table)>, StoreError> {
        let cursor = self.shared.progress().cursor;
        let row = self.shelved(ROW)?.as_deref().and_then(row::read);
        // A row that says more than the store is of a store that has lost something.
        let fits = |it: &Row| it.cursor <= cursor && it.end <= end;
        Ok(row.filter(fits).map(|it| (it.end, it.table)))
    }

    /// Below which number that is, if it is of use.
    #[cfg(test)]
    pub(super) fn lanes_saved_below(&self) -> Option<u64> {
        self.saved_lanes(self.last_seq() + 1).expect("the store is whole").map(|(end, _)| end)
    }

    /// Notes the lanes of some records; gives the number to go on from.
    fn read_lanes(&self, from: u64, end: u64, table: &mut Table) -> Result<u64, StoreError> {
        let store = self.shared.store()?;
        let (cursor, floor) = {
            let progress = self.shared.progress();
            (progress.cursor, progress.floor)
        };
        let from = from.max(cursor);
        if from >= end {
            return Ok(end);
        }
        let mut note = |seq, lane: &str| {
            if !lane.is_empty() && seq < end {
                table.note(hash(lane), seq, cursor);
            }
        };
        let span = Span { floor, from, end, records_max: A_STEP, bytes_max: usize::MAX };
        if let Some(next) = reading::lanes(&store, span, &mut note)? {
            return Ok(next);
        }
        // Something is damaged: taking them says what, and puts it aside.
        let found = self.oldest(from - 1, A_STEP, A_STEP_BYTES)?;
        for it in &found {
            note(it.seq, &it.lane);
        }
        Ok(found.last().map_or(end, |it| it.seq + 1))
    }
}

/// Learns the lanes of a backlog that an earlier run has left, beside everything else.
pub(crate) async fn learn(outbox: Outbox, stop: CancellationToken) {
    match blocking(move || outbox.learn_lanes(&stop)).await {
        Ok(()) | Err(StoreError::Stopped) => {}
        Err(error) => {
            warn!(%error, "it is not known which lanes wait; records keep to their order");
        }
    }
}

fn place_of(seq: u64) -> usize {
    usize::try_from(seq % ELDERS_OF).unwrap_or_default()
}

/// Where the row is on the shelf.
pub(super) const ROW: &[u8] = b"wl";
/// Sets of places in a table, 64 bytes each: 8 MiB, taken as far as they are used. Half a million
/// lanes find a place of their own. In the tests nearly all lanes share.
const SETS: usize = if cfg!(test) { 1 } else { 1 << 17 };
/// Records of which elders are known: more than come while a few are looked at.
const ELDERS_OF: u64 = 1 << 14;
/// Records read in one go, and their bytes where they have to be taken.
const A_STEP: usize = 4_096;
const A_STEP_BYTES: usize = 1 << 20;
