//! Enters confirmed records into the account, in their order, each once.
//!
//! It follows the cursor: all below it was confirmed. The rows and the number up to which they go are
//! written in one change, so a crash neither leaves a record out nor counts one twice; until then the
//! outbox keeps the records.
//!
//! | key | value |
//! |---|---|
//! | `0` `n` | the next record to enter, and the first that ever was: two numbers |
//! | `0` `f` | the day before which the account was let go |
//! | day `g` entity 0 channel | count, first and last number; sums |
//! | day `r` entity 0 channel 0 range | the range's leaves |
//! | day `x` | rows of this day were damaged: nothing can be said of it |
//!
//! A day is four bytes, `YYYYMMDD` as a number: that of the records' `received_at`.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Opened;
use super::leaf::Leaf;
use super::page::{Group, Page, range_of};
use super::sums::{self, Sums};
use crate::envelope::Envelope;
use crate::outbox::{Change, StoreError};

/// How far the account goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// The next record to enter.
    pub(super) next: u64,
    /// The first that was ever entered.
    pub(super) begun: u64,
}

/// Count and sums by page.
pub(super) type Waiting = BTreeMap<Group, (u64, Sums)>;

/// A day at one moment.
pub(super) struct Snapshot {
    pub(super) pages: BTreeMap<Group, Page>,
    pub(super) waiting: Waiting,
    pub(super) reached: Reached,
}

/// What is kept of a page beside its ranges.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    count: u64,
    first_seq: u64,
    last_seq: u64,
    sums: BTreeMap<String, String>,
}

/// A page's part in a change.
#[derive(Default)]
struct Growth {
    leaves: BTreeMap<u64, Vec<Leaf>>,
    sums: Sums,
}

impl Opened {
    /// How far it has come; at the very beginning, the first record there is.
    pub(super) fn reached(&self) -> Result<Reached, StoreError> {
        let row = self.outbox.entered(REACHED)?.unwrap_or_default();
        let lowest = self.outbox.lowest_seq().max(1);
        Ok(match row.as_chunks::<8>() {
            ([next, begun], []) => {
                Reached { next: u64::from_be_bytes(*next), begun: u64::from_be_bytes(*begun) }
            }
            _ => Reached { next: lowest, begun: lowest },
        })
    }

    /// Enters everything that is confirmed.
    pub(super) fn catch_up(&self) -> Result<(), StoreError> {
        while self.follow()? > 0 {}
        Ok(())
    }

    /// Enters the next confirmed records, a bounded number; gives how many.
    pub(super) fn follow(&self) -> Result<u64, StoreError> {
        // One at a time: two would enter the same records.
        let _turn = self.turn();
        let Reached { next: from, begun } = self.reached()?;
        let end = self.outbox.confirmed_to();
        if from >= end {
            return Ok(0);
        }
        let accepted = self.outbox.accepted_from(from, RECORDS_AT_ONCE)?;
        let next = accepted.next.min(end);
        let confirmed = accepted.envelopes.iter().filter(|it| it.seq < end);
        let mut changes = self.entered_with(confirmed)?;
        let reached = [next.to_be_bytes(), begun.to_be_bytes()].concat();
        changes.push(Change::Put(REACHED.to_vec(), reached));
        self.outbox.enter(&changes)?;
        self.outbox.account_from(next);
        Ok(next - from)
    }

    fn entered_with<'a>(
        &self,
        envelopes: impl Iterator<Item = &'a Envelope>,
    ) -> Result<Vec<Change>, StoreError> {
        let mut pages: BTreeMap<(u32, Group), Growth> = BTreeMap::new();
        for it in envelopes {
            let growth = pages.entry((day_of(&it.received_at), group_of(it))).or_default();
            let leaf = Leaf::of(it.seq, &it.record_id, &it.body);
            growth.leaves.entry(range_of(it.seq)).or_default().push(leaf);
            sums::add(&mut growth.sums, elements(&it.body));
        }
        let mut changes = Vec::new();
        for ((day, group), growth) in &pages {
            self.grow(*day, group, growth, &mut changes)?;
        }
        Ok(changes)
    }

    fn grow(
        &self,
        day: u32,
        group: &Group,
        growth: &Growth,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let key = page_key(day, group);
        let row = self.row_to_grow(day, &key, changes)?;
        let mut kept: Kept = serde_json::from_slice(&row).unwrap_or_default();
        for (range, leaves) in &growth.leaves {
            let key = range_key(day, group, *range);
            let mut bytes = self.row_to_grow(day, &key, changes)?;
            bytes.extend(leaves.iter().flat_map(|it| it.to_bytes()));
            changes.push(Change::Put(key, bytes));
            kept.took(leaves);
        }
        let mut all = kept.read_sums();
        sums::join(&mut all, &growth.sums);
        kept.sums = sums::told(&all);
        changes.push(Change::Put(key, serde_json::to_vec(&kept).unwrap_or_default()));
        Ok(())
    }

    /// A row that is to grow. When it is damaged the account goes on without it, and the day is marked:
    /// a short account must not look like one of records that were never sent.
    fn row_to_grow(
        &self,
        day: u32,
        key: &[u8],
        changes: &mut Vec<Change>,
    ) -> Result<Vec<u8>, StoreError> {
        match self.outbox.entered(key) {
            Err(StoreError::Damaged { cause }) => {
                tracing::error!(day, cause, "the account of a day is damaged");
                changes.push(Change::Put(damaged_key(day), Vec::new()));
                Ok(Vec::new())
            }
            other => Ok(other?.unwrap_or_default()),
        }
    }

    /// All pages of a day.
    pub(super) fn pages(&self, day: u32) -> Result<BTreeMap<Group, Page>, StoreError> {
        let mut pages: BTreeMap<Group, Page> = BTreeMap::new();
        let mut damaged = u64::from(self.outbox.entered(&damaged_key(day))?.is_some());
        let [from, end] = stretch(day, b'g');
        self.outbox.walk_account([&from, &end], |key, row| {
            let kept: Option<Kept> = row.and_then(|it| serde_json::from_slice(it).ok());
            let Some((group, kept)) = group_in(key).map(|it| it.0).zip(kept) else {
                damaged += 1;
                return;
            };
            pages.entry(group).or_default().sums = kept.read_sums();
        })?;
        let [from, end] = stretch(day, b'r');
        self.outbox.walk_account([&from, &end], |key, row| match group_in(key).zip(row) {
            Some(((group, range), row)) => {
                pages.entry(group).or_default().take(range, &Leaf::all(row));
            }
            None => damaged += 1,
        })?;
        if damaged > 0 {
            let cause = format!("{damaged} rows of the account of {day} cannot be read");
            return Err(StoreError::Damaged { cause });
        }
        Ok(pages)
    }

    /// The records of a range.
    pub(super) fn leaves(
        &self,
        day: u32,
        group: &Group,
        range: u64,
    ) -> Result<Vec<Leaf>, StoreError> {
        let row = self.outbox.entered(&range_key(day, group, range))?;
        Ok(row.map(|it| Leaf::all(&it)).unwrap_or_default())
    }

    /// Lets the account of days before this one go.
    pub(super) fn forget_before(&self, day: u32) -> Result<(), StoreError> {
        // The first rows are no day's.
        let from = 1_u32.to_be_bytes().to_vec();
        let forgotten = day.max(self.forgotten()?).to_be_bytes().to_vec();
        self.outbox.enter(&[
            Change::RemoveRange(from, day.to_be_bytes().to_vec()),
            Change::Put(FORGOTTEN.to_vec(), forgotten),
        ])
    }

    /// Of days before this one the account is gone: nothing may be concluded from its silence.
    pub(super) fn forgotten(&self) -> Result<u32, StoreError> {
        let row = self.outbox.entered(FORGOTTEN)?.unwrap_or_default();
        Ok(row.try_into().map_or(0, u32::from_be_bytes))
    }

    /// A day as it stands at one moment: what is entered, what is not, and where the border is.
    pub(super) fn snapshot(&self, day: u32) -> Result<Snapshot, StoreError> {
        self.catch_up()?;
        let _turn = self.turn();
        let reached = self.reached()?;
        Ok(Snapshot { pages: self.pages(day)?, waiting: self.waiting(day, reached.next)?, reached })
    }

    /// Whether anything came on a day.
    pub(super) fn has_account(&self, day: u32) -> Result<bool, StoreError> {
        let snapshot = self.snapshot(day)?;
        Ok(!(snapshot.pages.is_empty() && snapshot.waiting.is_empty()))
    }

    /// Records of a day that are accepted and not entered yet, by page.
    fn waiting(&self, day: u32, next: u64) -> Result<Waiting, StoreError> {
        let mut waiting = Waiting::new();
        let (mut from, end) = (next, self.outbox.next_seq());
        while from < end {
            let accepted = self.outbox.accepted_from(from, RECORDS_AT_ONCE)?;
            for it in accepted.envelopes.iter().filter(|it| day_of(&it.received_at) == day) {
                let (count, sums) = waiting.entry(group_of(it)).or_default();
                *count += 1;
                sums::add(sums, elements(&it.body));
            }
            from = accepted.next.max(from + 1);
        }
        Ok(waiting)
    }
}

impl Kept {
    fn took(&mut self, leaves: &[Leaf]) {
        for it in leaves {
            self.first_seq = if self.count == 0 { it.seq } else { self.first_seq.min(it.seq) };
            self.last_seq = self.last_seq.max(it.seq);
            self.count += 1;
        }
    }

    fn read_sums(&self) -> Sums {
        let read = |(name, sum): (&String, &String)| {
            Some((name.clone(), Decimal::from_str_exact(sum).ok()?))
        };
        self.sums.iter().filter_map(read).collect()
    }
}

/// The day of a record as a number; 1 for one without.
pub(crate) fn day_of(received_at: &str) -> u32 {
    let day = received_at.get(..8).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
    day.and_then(|it| it.parse().ok()).unwrap_or(1)
}

fn group_of(it: &Envelope) -> Group {
    Group { entity: it.entity.clone(), channel: it.channel.clone() }
}

/// The JSON of a record's data elements.
fn elements(body: &[u8]) -> &str {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        elements: &'a RawValue,
    }
    serde_json::from_slice::<Body<'_>>(body).map_or("", |it| it.elements.get())
}

fn page_key(day: u32, group: &Group) -> Vec<u8> {
    let Group { entity, channel } = group;
    [&day.to_be_bytes()[..], b"g", entity.as_bytes(), &[0], channel.as_bytes()].concat()
}

fn range_key(day: u32, group: &Group, range: u64) -> Vec<u8> {
    let Group { entity, channel } = group;
    let begin = [&day.to_be_bytes()[..], b"r", entity.as_bytes(), &[0], channel.as_bytes(), &[0]];
    [&begin.concat()[..], &range.to_be_bytes()].concat()
}

fn damaged_key(day: u32) -> Vec<u8> {
    [&day.to_be_bytes()[..], b"x"].concat()
}

fn stretch(day: u32, letter: u8) -> [Vec<u8>; 2] {
    let [from, end] = [letter, letter + 1];
    [from, end].map(|it| [&day.to_be_bytes()[..], &[it]].concat())
}

/// The page in a key, and the range if it has one.
fn group_in(key: &[u8]) -> Option<(Group, u64)> {
    let (letter, rest) = key.get(4..)?.split_first()?;
    let (names, range) = match letter {
        b'r' => {
            let (names, range) = rest.split_last_chunk::<8>()?;
            (names.strip_suffix(&[0])?, u64::from_be_bytes(*range))
        }
        _ => (rest, 0),
    };
    let (entity, channel) = str::from_utf8(names).ok()?.split_once('\0')?;
    Some((Group { entity: entity.to_owned(), channel: channel.to_owned() }, range))
}

const REACHED: &[u8] = &[0, 0, 0, 0, b'n'];
const FORGOTTEN: &[u8] = &[0, 0, 0, 0, b'f'];
/// One change stays small enough not to hold up the outbox's own.
const RECORDS_AT_ONCE: usize = 1_000;
