//! What is kept of messages beside their records: the bytes they came in, when delivery came how
//! far, and the rows of whoever follows them; and how long delivered records stay.
//!
//! Rows of the family `journey` begin with a day, 4 bytes counted from 1970 in China, and a letter:
//! a day can be looked at, and given back to the disk, as one stretch of keys. One letter is ours:
//!
//! | key | value |
//! |---|---|
//! | day `c` number, 8 bytes | delivery came to this number: from which one, and when (ms) |
//!
//! The other letters belong to whoever writes them, as on the shelf. The bytes of a message lie under
//! its id, which begins with a time, so that here too what is old lies together.

use std::ops::{ControlFlow, RangeInclusive};
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tracing::error;
use uuid::Uuid;

use super::command::Raw;
use super::format::{self, Entry, Plain};
use super::store::{Durability, Family, Store, Stretch, WalkError};
use super::{Change, Outbox, Shared, StoreError};
use crate::envelope::{Envelope, Original, Submission};

/// What of a store lies on the disk, by family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// `queue`, `journey`, `raw`, ...
    pub name: &'static str,
    /// Bytes of its files.
    pub bytes: u64,
}

/// Delivered records that are still there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The first of them.
    pub first_seq: u64,
    /// The first that is none: it waits.
    pub end_seq: u64,
    /// Bytes of their values.
    pub bytes: u64,
}

impl Outbox {
    /// Lets delivered records below this number go. Takes effect with the writer's next sweep.
    pub fn keep_from(&self, seq: u64) {
        self.shared.kept_from.store(seq, Ordering::SeqCst);
        self.wake_writer();
    }

    /// Keeps delivered records from a number on: somebody they are pushed to has not had them. While
    /// the disk has no room, what the HIS sends comes first.
    pub fn push_from(&self, seq: u64) {
        self.shared.pushed_from.store(seq, Ordering::SeqCst);
        self.wake_writer();
    }

    #[cfg(test)]
    pub(crate) fn pushed_from(&self) -> u64 {
        self.shared.pushed_from.load(Ordering::SeqCst)
    }

    /// The first record that was delivered on this day or later; what waits, if none was. A clock that
    /// was set may have given earlier records a later day: the lowest of all days counts.
    pub fn first_delivered_on(&self, day: u32, today: u32) -> Result<u64, StoreError> {
        let mut first = self.shared.progress().cursor;
        for day in day..=today.saturating_add(DAYS_AHEAD) {
            first = self.confirmed_in(day, 0)?.map_or(first, |(from, _)| from.min(first));
        }
        Ok(first)
    }

    /// When delivery came past a record, in milliseconds of the Unix epoch. Looks at these days.
    pub fn confirmed_ms(
        &self,
        seq: u64,
        days: RangeInclusive<u32>,
    ) -> Result<Option<u64>, StoreError> {
        for day in days {
            match self.confirmed_in(day, seq.saturating_add(1))? {
                Some((from, ms)) if from <= seq => return Ok(Some(ms)),
                // Before a clock was set back, later records had an earlier day.
                _ => {}
            }
        }
        Ok(None)
    }

    /// The first step of delivery on a day that went to `to` or beyond.
    fn confirmed_in(&self, day: u32, to: u64) -> Result<Option<(u64, u64)>, StoreError> {
        let (begin, end) = (confirmed_key(day, to), day_and_letter(day, b'c' + 1));
        let mut found = None;
        self.walk_journey([&begin, &end], |_, row| {
            found = format::read_numbers(row).map(|[from, ms]: [u64; 2]| (from, ms));
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Delivered records that are still there.
    pub fn kept(&self) -> Result<Kept, StoreError> {
        let (first_seq, end_seq) = {
            let progress = self.shared.progress();
            (progress.lowest, progress.cursor)
        };
        let bytes = self.bytes_before(end_seq)?.saturating_sub(self.bytes_before(first_seq)?);
        Ok(Kept { first_seq, end_seq, bytes })
    }

    /// The first of the delivered records that together have no more than so many bytes.
    pub fn first_within(&self, bytes_max: u64) -> Result<u64, StoreError> {
        let Kept { first_seq: mut low, end_seq: mut high, bytes } = self.kept()?;
        if bytes <= bytes_max {
            return Ok(low);
        }
        let all = self.bytes_before(high)?;
        // Bytes only rise with the numbers, so halving finds the place.
        while high - low > KEPT_STEP {
            let middle = low + (high - low) / 2;
            let fits = all.saturating_sub(self.bytes_before(middle)?) <= bytes_max;
            if fits { high = middle } else { low = middle }
        }
        Ok(high)
    }

    /// Bytes of all values that were stored before that of this record.
    fn bytes_before(&self, seq: u64) -> Result<u64, StoreError> {
        let (lowest, next_seq) = {
            let progress = self.shared.progress();
            (progress.lowest, progress.next_seq)
        };
        let store = self.shared.store()?;
        let [_, mut bytes] = super::opening::row(&store, super::TAIL)?.unwrap_or([1, 0]);
        let mut scratch = Vec::new();
        let mut show = |key: u64, value: &[u8]| {
            let place = (Family::Queue, &key.to_be_bytes()[..]);
            match store.open_value(place, value, &mut scratch).and_then(Entry::read) {
                Ok(entry) => {
                    bytes = entry.bytes_before;
                    ControlFlow::Break(())
                }
                // The next that can be read is near enough.
                Err(_) => ControlFlow::Continue(()),
            }
        };
        ended(store.walk(Family::Queue, [lowest, seq, next_seq], &mut show))?;
        Ok(bytes)
    }

    /// A record, delivered or not; `None` when it is not there any more.
    pub fn record(&self, seq: u64) -> Result<Option<Envelope>, StoreError> {
        let found = self.accepted_from(seq, 1)?.envelopes.into_iter().next();
        Ok(found.filter(|it| it.seq == seq))
    }

    /// Whether a record waits no more: it is delivered, or was set aside.
    pub fn has_left(&self, seq: u64) -> bool {
        self.shared.progress().is_settled(seq)
    }

    /// Whether the platform has confirmed a record.
    pub fn is_delivered(&self, seq: u64) -> bool {
        let progress = self.shared.progress();
        progress.is_settled(seq) && progress.aside.fate(seq).is_none()
    }

    /// The bytes a message came in, if they are kept: as a whole, or in pieces when it was long.
    pub fn raw(&self, message_id: &str) -> Result<Vec<Original>, StoreError> {
        let begin = raw_prefix(message_id);
        let end = [&begin[..], &[0xff; 9]].concat();
        let mut found = Vec::new();
        let (store, mut scratch) = (self.shared.store()?, Vec::new());
        let walked = store.walk_keys(Family::Raw, &begin, &end, |key, value| {
            let content = store.open_value((Family::Raw, key), value, &mut scratch);
            match content.and_then(format::read_raw) {
                Ok(original) => found.push(original),
                Err(damage) => error!(message_id, %damage, "the bytes of a message are damaged"),
            }
            ControlFlow::Continue(())
        });
        ended(walked)?;
        Ok(found)
    }

    /// Removes the bytes of messages whose ids were made before a moment.
    pub fn drop_raw_below(&self, ms: u64) -> Result<(), StoreError> {
        self.drop_below(Family::Raw, &[0], &id_from(ms))
    }

    /// The moment from which on the bytes of messages fit into so many on the disk; `None` when all
    /// do. As exact as the files are small.
    pub fn raw_fits_from(&self, bytes_max: u64) -> Result<Option<u64>, StoreError> {
        let mut files = self.shared.store()?.files(Family::Raw)?;
        files.sort_by(|one, other| other.last.cmp(&one.last));
        let mut bytes = 0u64;
        let over = files.iter().find(|it| {
            bytes = bytes.saturating_add(it.bytes);
            bytes > bytes_max
        });
        Ok(over.map(|it| ms_of(&it.last).saturating_add(1)))
    }

    /// The bytes of messages on the disk, and when the first and the last of them came (ms).
    pub fn raw_extent(&self) -> Result<Option<(u64, u64, u64)>, StoreError> {
        let files = self.shared.store()?.files(Family::Raw)?;
        let first = files.iter().map(|it| ms_of(&it.first)).min();
        let last = files.iter().map(|it| ms_of(&it.last)).max();
        let bytes = bytes_of(&files);
        Ok(first.zip(last).map(|(first, last)| (bytes, first, last)))
    }

    /// Makes changes of rows, all or nothing. Synced when somebody is told of it; what can be made
    /// anew need not be.
    pub fn note(&self, changes: &[Change], synced: bool) -> Result<(), StoreError> {
        self.may_keep_house()?;
        let how = if synced { Durability::Synced } else { Durability::Buffered };
        self.change(Family::Journey, changes, how)
    }

    /// A row. Damaged bytes count as absent, and are named in the log.
    pub fn noted(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let (store, mut scratch) = (self.shared.store()?, Vec::new());
        let value = match store.get(Family::Journey, key) {
            Err(StoreError::Damaged { cause }) => {
                error!(cause, "a block of journeys is damaged");
                None
            }
            other => other?,
        };
        Ok(value.and_then(|it| open(&store, key, &it, &mut scratch).map(<[u8]>::to_vec)))
    }

    /// Shows rows from one key on and below another, until `show` has enough. Damaged ones are
    /// passed over; behind a damaged block nothing more is shown.
    pub fn walk_journey(
        &self,
        [from, end]: [&[u8]; 2],
        mut show: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (store, mut scratch) = (self.shared.store()?, Vec::new());
        ended(store.walk_keys(Family::Journey, from, end, |key, value| {
            let row = open(&store, key, value, &mut scratch);
            row.map_or(ControlFlow::Continue(()), |row| show(key, row))
        }))
    }

    /// Removes the rows of days before this one.
    pub fn drop_journey_below(&self, day: u32) -> Result<(), StoreError> {
        self.drop_below(Family::Journey, &FIRST_DAY.to_be_bytes(), &day.to_be_bytes())
    }

    /// What lies on the disk, by family.
    pub fn places(&self) -> Result<Vec<Place>, StoreError> {
        let store = self.shared.store()?;
        let place = |family: Family| {
            Ok(Place { name: family.name(), bytes: bytes_of(&store.files(family)?) })
        };
        super::store::FAMILIES.into_iter().map(place).collect()
    }

    /// One mark, synced, and then the files that are wholly below it. `end` is no key.
    fn drop_below(&self, family: Family, from: &[u8], end: &[u8]) -> Result<(), StoreError> {
        self.may_keep_house()?;
        let store = self.shared.store()?;
        if !store.has_any(family, from, end)? {
            return Ok(());
        }
        let mut batch = store.batch();
        batch.delete_keys(family, from, end);
        batch.write(Durability::Synced).inspect_err(|error| self.shared.refused(error))?;
        store.drop_files(family, from, end)
    }
}

impl Shared {
    /// The bytes of a message as they are stored. Deflated and sealed here, in the caller's time, and
    /// not in the one thread that everybody waits for.
    pub(super) fn raw_row(&self, submission: &Submission) -> Option<Raw> {
        let (id, raw) = (&submission.message_id, &submission.original.raw);
        if raw.is_empty() || raw.len() > self.raw_bytes_max {
            return None;
        }
        // A long message comes in several submissions; the first record tells them apart.
        let digest = submission.drafts.first().map_or([0; 32], |it| it.digest);
        let key = [&raw_prefix(id)[..], digest.get(..8).unwrap_or_default()].concat();
        let plain = format::raw(&submission.original);
        // Without a store nothing of the message is kept.
        let value = self.store().ok()?.vault().seal(Family::Raw, &key, plain);
        Some((key, value))
    }
}

/// The row that says that delivery came from one number to another.
pub(super) fn confirmed(from: u64, to: u64, now: Timestamp) -> (Vec<u8>, Plain) {
    let ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
    (confirmed_key(day_of(ms), to), format::kept(&format::numbers([from, ms])))
}

fn confirmed_key(day: u32, to: u64) -> Vec<u8> {
    [&day_and_letter(day, b'c')[..], &to.to_be_bytes()].concat()
}

/// Where the rows of a letter begin.
pub(crate) fn day_and_letter(day: u32, letter: u8) -> Vec<u8> {
    [&day.to_be_bytes()[..], &[letter]].concat()
}

/// The day in China of a moment, counted from 1970.
pub(crate) fn day_of(ms: u64) -> u32 {
    u32::try_from(ms.saturating_add(CHINA_MS) / DAY_MS).unwrap_or(u32::MAX)
}

/// An id's 16 bytes; of an id that is none of ours, what stands for it.
pub(crate) fn id_bytes(id: &str) -> [u8; 16] {
    let cut = || {
        let digest: [u8; 32] = Sha256::digest(id).into();
        *digest.first_chunk().expect("a SHA-256 has 32 bytes")
    };
    Uuid::try_parse(id).map_or_else(|_| cut(), Uuid::into_bytes)
}

/// The time in an id, in milliseconds of the Unix epoch.
pub(crate) fn ms_of(id: &[u8]) -> u64 {
    id.iter().take(6).fold(0, |ms, byte| ms << 8 | u64::from(*byte))
}

fn raw_prefix(message_id: &str) -> [u8; 16] {
    id_bytes(message_id)
}

/// Where the ids begin that were made from this moment on.
fn id_from(ms: u64) -> Vec<u8> {
    let [_, _, time @ ..] = ms.to_be_bytes();
    time.to_vec()
}

fn bytes_of(files: &[Stretch]) -> u64 {
    files.iter().map(|it| it.bytes).sum()
}

fn open<'a>(
    store: &Store,
    key: &[u8],
    value: &'a [u8],
    scratch: &'a mut Vec<u8>,
) -> Option<&'a [u8]> {
    let content = store.open_value((Family::Journey, key), value, scratch);
    content
        .map(|it| format::read_kept(&it))
        .inspect_err(|damage| error!(%damage, "a journey is damaged"))
        .ok()
}

fn ended(walked: Result<(), WalkError>) -> Result<(), StoreError> {
    match walked {
        Ok(()) => Ok(()),
        Err(WalkError::Damaged(cause)) => {
            error!(cause, "a block of what is kept of messages is damaged");
            Ok(())
        }
        Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
    }
}

/// Rows below belong to no day.
const FIRST_DAY: u32 = 1;
/// How far ahead a clock may have been when a record was delivered, and the record still grows old by its
/// day. What was delivered later yet by its clock grows old with its neighbours.
const DAYS_AHEAD: u32 = 31;
/// Fewer records than this are not told apart when room is made.
const KEPT_STEP: u64 = 256;
const DAY_MS: u64 = 86_400_000;
const CHINA_MS: u64 = 8 * 3_600_000;
