//! Enters confirmed records into the account, in their order, each once.
//!
//! It follows what is confirmed, also behind one that waits: then it says what it has beyond. The rows
//! and the numbers up to which they go are written in one change, so a crash neither leaves a record out
//! nor counts one twice; until then the outbox keeps the records. What was set aside, damaged or refused,
//! is no part of it.
//!
//! Where it cannot be told how far it went (the store was damaged, and made anew), it begins again with
//! the records that are still kept, and says nothing of the days before.
//!
//! | key | value |
//! |---|---|
//! | `0` `n` | the next record to enter, and the first that ever was: two numbers |
//! | `0` `b` | what is entered beyond it, as ranges |
//! | `0` `f` | the day before which the account was let go |
//! | day `g` entity 0 channel | count, first and last number; sums |
//! | day `r` entity 0 channel 0 range | the range's leaves |
//! | day `x` | rows of this day were damaged: nothing can be said of it |
//! | `0` `u`, day `u` | what could not be read (`unread.rs`) |
//!
//! A day is four bytes, `YYYYMMDD` as a number: that of the records' `received_at`.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Opened;
use super::leaf::Leaf;
use super::page::{Group, Page, range_of};
use super::sums::{self, Sums};
use crate::envelope::Envelope;
use crate::outbox::{Change, FOLLOWED, StoreError};
use crate::ranges::Ranges;
use crate::{clock, pipeline};

/// How far the account goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reached {
    /// The next record to enter.
    pub(super) next: u64,
    /// The first that was ever entered.
    pub(super) begun: u64,
    /// Entered while others before them wait.
    pub(super) beyond: Ranges,
}

impl Reached {
    /// Whether a record is entered, or never will be.
    pub(super) fn has(&self, seq: u64) -> bool {
        seq < self.next || self.beyond.contains(seq)
    }

    fn pass(&mut self, pieces: &[(u64, u64)]) {
        for (from, end) in pieces {
            self.beyond.insert(*from, *end);
        }
        self.next = self.beyond.take_from(self.next).unwrap_or(self.next);
    }

    fn changes(&self) -> [Change; 2] {
        let row = [self.next.to_be_bytes(), self.begun.to_be_bytes()].concat();
        let beyond = if self.beyond.is_empty() {
            Change::Remove(BEYOND.to_vec())
        } else {
            Change::Put(BEYOND.to_vec(), self.beyond.to_bytes())
        };
        [Change::Put(REACHED.to_vec(), row), beyond]
    }
}

/// Count and sums by page.
pub(super) type Waiting = BTreeMap<Group, (u64, Sums)>;

/// A day at one moment.
pub(super) struct Snapshot {
    pub(super) pages: BTreeMap<Group, Page>,
    pub(super) waiting: Waiting,
    /// Numbers that were confirmed around it and could not be read.
    pub(super) unread: Vec<(u64, u64)>,
    /// Those of them that were given up.
    pub(super) given_up: Vec<(u64, u64)>,
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

impl Opened {
    /// How far it has come; at the very beginning, the first record there is.
    pub(super) fn reached(&self) -> Result<Reached, StoreError> {
        let row = self.whole(REACHED)?.unwrap_or_default();
        let ([next, begun], []) = row.as_chunks::<8>() else { return Ok(self.at_the_beginning()) };
        let beyond = self.whole(BEYOND)?.and_then(|it| Ranges::from_bytes(&it).ok());
        let (next, begun) = (u64::from_be_bytes(*next), u64::from_be_bytes(*begun));
        Ok(Reached { next, begun, beyond: beyond.unwrap_or_default() })
    }

    fn at_the_beginning(&self) -> Reached {
        let lowest = self.outbox.lowest_seq().max(1);
        Reached { next: lowest, begun: lowest, beyond: Ranges::default() }
    }

    /// A row that can do without: damaged, it counts as absent.
    pub(super) fn whole(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.outbox.entered(key) {
            Err(StoreError::Damaged { cause }) => {
                tracing::error!(cause, "how far the account goes is damaged");
                Ok(None)
            }
            other => other,
        }
    }

    /// Begins anew where there is an account and nobody knows how far it goes: with the records that are
    /// still kept, each once. Then holds what is not entered.
    pub(super) fn take_up(&self) -> Result<(), StoreError> {
        let is_known = self.whole(REACHED)?.is_some_and(|it| it.len() == 16);
        if !is_known && self.has_days()? {
            let from = self.first_day()?;
            tracing::error!(from, "the account begins anew: the store was damaged");
            let forgotten = from.max(self.forgotten()?).to_be_bytes().to_vec();
            let mut changes = vec![
                Change::RemoveRange(FIRST_DAY.to_vec(), vec![0xff; 5]),
                Change::Put(FORGOTTEN.to_vec(), forgotten),
            ];
            changes.extend(self.at_the_beginning().changes());
            self.outbox.enter(&changes)?;
        }
        let Reached { next, beyond, .. } = self.reached()?;
        self.outbox.account_from(next, beyond);
        Ok(())
    }

    fn has_days(&self) -> Result<bool, StoreError> {
        let mut has_days = false;
        self.outbox.walk_account([FIRST_DAY, &[0xff; 5]], |_, _| has_days = true)?;
        Ok(has_days)
    }

    /// The day of the first record that is kept; today when none is.
    fn first_day(&self) -> Result<u32, StoreError> {
        let first = self.outbox.accepted_from(self.outbox.lowest_seq().max(1), 1)?;
        let today = || day_of(&pipeline::stamp(clock::now()));
        Ok(first.envelopes.first().map_or_else(today, |it| day_of(&it.received_at)))
    }

    /// Enters everything that is confirmed.
    pub(super) fn catch_up(&self) -> Result<(), StoreError> {
        while self.follow()? > 0 {}
        Ok(())
    }

    /// Enters the next confirmed records, a bounded number; gives how many it has passed.
    pub(super) fn follow(&self) -> Result<u64, StoreError> {
        // One at a time: two would enter the same records.
        let _turn = self.turn();
        self.enter_late()?;
        let mut reached = self.reached()?;
        let Some(from) = self.next_confirmed(&reached) else { return Ok(0) };
        let accepted = self.outbox.accepted_from(from, RECORDS_AT_ONCE)?;
        let settled = self.outbox.settled_in(from, accepted.next.max(from + 1));
        let news = |(from, end): &(u64, u64)| reached.beyond.without(*from, *end);
        let pieces: Vec<(u64, u64)> = settled.iter().flat_map(news).collect();
        let is_news = |seq: u64| pieces.iter().any(|(from, end)| (*from..*end).contains(&seq));
        let confirmed = accepted.envelopes.iter();
        let confirmed =
            confirmed.filter(|it| is_news(it.seq) && self.outbox.fate(it.seq).is_none());
        let confirmed: Vec<&Envelope> = confirmed.collect();
        let days = days_of(confirmed.iter().copied());
        let mut changes = self.entered_with(confirmed.into_iter())?;
        self.note_unread(&pieces, &accepted, &mut changes)?;
        reached.pass(&pieces);
        changes.extend(reached.changes());
        // Before: at worst a day is compared once more than it had to be.
        for day in days {
            self.results.grows(day);
        }
        self.outbox.enter(&changes)?;
        self.outbox.account_from(reached.next, reached.beyond);
        Ok(pieces.iter().map(|(from, end)| end - from).sum())
    }

    /// Enters what was refused, and passed as such, and has arrived since.
    fn enter_late(&self) -> Result<(), StoreError> {
        let late = self.outbox.arrived_late();
        if late.is_empty() {
            return Ok(());
        }
        let (mut found, mut unread) = (Vec::new(), Ranges::default());
        for seq in &late {
            match self.outbox.record(*seq)? {
                Some(it) => found.push(it),
                None => unread.insert(*seq, seq.saturating_add(1)),
            }
        }
        for day in days_of(found.iter()) {
            self.results.grows(day);
        }
        let mut changes = self.entered_with(found.iter())?;
        if !unread.is_empty() {
            self.mark(&unread, &found, &mut changes)?;
        }
        self.outbox.enter(&changes)?;
        self.outbox.entered_late(&late);
        Ok(())
    }

    /// The first record that is confirmed and not entered.
    fn next_confirmed(&self, reached: &Reached) -> Option<u64> {
        let settled = self.outbox.settled_in(reached.next, self.outbox.next_seq());
        let first = |(from, end)| reached.beyond.without(from, end).first().map(|it| it.0);
        settled.into_iter().find_map(first)
    }

    /// Grows a page by records of which there is no more than their leaves.
    pub(super) fn grow_as_told(
        &self,
        day: u32,
        group: &Group,
        ranges: BTreeMap<u64, Vec<Leaf>>,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let page = page_key(day, group);
        let row = self.row_to_grow(day, &page, changes)?;
        let mut kept: Kept = serde_json::from_slice(&row).unwrap_or_default();
        for (range, told) in ranges {
            let key = range_key(day, group, range);
            let mut leaves = Leaf::all(&self.row_to_grow(day, &key, changes)?);
            for leaf in told {
                if leaves.iter().all(|it| it.seq != leaf.seq) {
                    kept.took(&leaf);
                    leaves.push(leaf);
                }
            }
            leaves.sort_unstable_by_key(|it| it.seq);
            let bytes = leaves.iter().flat_map(|it| it.to_bytes()).collect();
            changes.push(Change::Put(key, bytes));
        }
        changes.push(Change::Put(page, serde_json::to_vec(&kept).unwrap_or_default()));
        Ok(())
    }

    pub(super) fn entered_with<'a>(
        &self,
        envelopes: impl Iterator<Item = &'a Envelope>,
    ) -> Result<Vec<Change>, StoreError> {
        let mut pages: BTreeMap<(u32, Group), Vec<&Envelope>> = BTreeMap::new();
        for it in envelopes {
            pages.entry((day_of(&it.received_at), group_of(it))).or_default().push(it);
        }
        let mut changes = Vec::new();
        for ((day, group), records) in &pages {
            self.grow(*day, group, records, &mut changes)?;
        }
        Ok(changes)
    }

    fn grow(
        &self,
        day: u32,
        group: &Group,
        records: &[&Envelope],
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let key = page_key(day, group);
        let row = self.row_to_grow(day, &key, changes)?;
        let mut kept: Kept = serde_json::from_slice(&row).unwrap_or_default();
        let mut sums = kept.read_sums();
        for some in records.chunk_by(|one, other| range_of(one.seq) == range_of(other.seq)) {
            let Some(range) = some.first().map(|it| range_of(it.seq)) else { continue };
            let key = range_key(day, group, range);
            let mut leaves = Leaf::all(&self.row_to_grow(day, &key, changes)?);
            for it in some {
                // One that was entered before counts once.
                if leaves.iter().all(|leaf| leaf.seq != it.seq) {
                    let leaf = Leaf::of(it.seq, &it.record_id, &it.body);
                    kept.took(&leaf);
                    leaves.push(leaf);
                    sums::add(&mut sums, elements(&it.body));
                }
            }
            // Confirms come in any order; the digest is over the records in theirs.
            leaves.sort_unstable_by_key(|it| it.seq);
            let bytes = leaves.iter().flat_map(|it| it.to_bytes()).collect();
            changes.push(Change::Put(key, bytes));
        }
        kept.sums = sums::told(&sums);
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
        let mut counts: BTreeMap<Group, u64> = BTreeMap::new();
        let [from, end] = stretch(day, b'g');
        self.outbox.walk_account([&from, &end], |key, row| {
            let kept: Option<Kept> = row.and_then(|it| serde_json::from_slice(it).ok());
            let Some((group, kept)) = group_in(key).map(|it| it.0).zip(kept) else {
                damaged += 1;
                return;
            };
            counts.insert(group.clone(), kept.count);
            pages.entry(group).or_default().sums = kept.read_sums();
        })?;
        let [from, end] = stretch(day, b'r');
        self.outbox.walk_account([&from, &end], |key, row| match group_in(key).zip(row) {
            Some(((group, range), row)) => {
                pages.entry(group).or_default().take(range, &Leaf::all(row));
            }
            None => damaged += 1,
        })?;
        // A page and its ranges are written together: one without the other tells of a row that is gone.
        let is_short = |(group, page): &(&Group, &Page)| counts.get(*group) != Some(&page.count);
        damaged += pages.iter().filter(is_short).count() as u64;
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
        let from = FIRST_DAY.to_vec();
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

    /// Whether anything came on a day, confirmed or not. Costs no more than a look at what is new
    /// since the last time.
    pub(super) fn has_account(&self, day: u32) -> Result<bool, StoreError> {
        // What waits first: a record that is entered meanwhile is then in its page.
        if self.where_waiting(day)?.is_some() {
            return Ok(true);
        }
        let [from, _] = stretch(day, b'g');
        let [_, end] = stretch(day, b'x');
        self.outbox.has_entered([&from, &end])
    }

    /// A day as it stands at one moment: what is entered, what is not, and where the border is.
    pub(super) fn snapshot(&self, day: u32) -> Result<Snapshot, StoreError> {
        self.catch_up()?;
        // Found before the turn is taken: what comes behind is found in little time.
        self.where_waiting(day)?;
        let _turn = self.turn();
        self.results.looked_at(&day.to_string());
        let reached = self.reached()?;
        let (pages, unread) = (self.pages(day)?, self.unread_around(day)?);
        let (waiting, given_up) = (self.waiting(day, &reached)?, self.given_up(day)?);
        Ok(Snapshot { pages, waiting, unread, given_up, reached })
    }

    /// Between which numbers the records of a day lie that are accepted and not entered yet.
    fn where_waiting(&self, day: u32) -> Result<Option<[u64; 2]>, StoreError> {
        self.days().look(&self.outbox, self.reached()?.next)?;
        Ok(self.days().of(day))
    }

    /// Records of a day that are accepted and not entered yet, by page.
    fn waiting(&self, day: u32, reached: &Reached) -> Result<Waiting, StoreError> {
        let mut waiting = Waiting::new();
        let Some([first, last]) = self.where_waiting(day)? else { return Ok(waiting) };
        let (mut from, end) = (first.max(reached.next), last.saturating_add(1));
        while from < end {
            // Behind one that waits a million may be entered.
            if let Some(behind) = reached.beyond.end_of(from) {
                from = behind;
                continue;
            }
            let accepted = self.outbox.accepted_from(from, RECORDS_AT_ONCE)?;
            let of_day = |it: &&Envelope| day_of(&it.received_at) == day && !reached.has(it.seq);
            for it in accepted.envelopes.iter().filter(of_day) {
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
    fn took(&mut self, leaf: &Leaf) {
        self.first_seq = if self.count == 0 { leaf.seq } else { self.first_seq.min(leaf.seq) };
        self.last_seq = self.last_seq.max(leaf.seq);
        self.count += 1;
    }

    fn read_sums(&self) -> Sums {
        let read = |(name, sum): (&String, &String)| {
            Some((name.clone(), Decimal::from_str_exact(sum).ok()?))
        };
        self.sums.iter().filter_map(read).collect()
    }
}

/// The days of records, each once.
fn days_of<'a>(envelopes: impl Iterator<Item = &'a Envelope>) -> BTreeSet<&'a str> {
    envelopes.filter_map(|it| it.received_at.get(..8)).collect()
}

/// The day of a record as a number; 1 for one without.
pub(crate) fn day_of(received_at: &str) -> u32 {
    let day = received_at.get(..8).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
    day.and_then(|it| it.parse().ok()).unwrap_or(1)
}

pub(super) fn group_of(it: &Envelope) -> Group {
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

/// The rows below are no day's.
const FIRST_DAY: &[u8] = &1_u32.to_be_bytes();
const REACHED: &[u8] = FOLLOWED;
const BEYOND: &[u8] = &[0, 0, 0, 0, b'b'];
const FORGOTTEN: &[u8] = &[0, 0, 0, 0, b'f'];
/// One change stays small enough not to hold up the outbox's own.
pub(super) const RECORDS_AT_ONCE: usize = 1_000;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
impl Opened {
    /// Loses rows, as a block that is gone would.
    pub(super) fn lose(&self, what: &str) {
        let mut changes = Vec::new();
        for (word, letter) in [("page", b'g'), ("range", b'r')] {
            let [from, end] = stretch(20_261_122, letter);
            let mut first = None;
            let take = |key: &[u8], _: Option<&[u8]>| first = first.take().or(Some(key.to_vec()));
            self.outbox.walk_account([&from, &end], take).unwrap();
            changes.extend(first.filter(|_| what.ends_with(word)).map(Change::Remove));
        }
        if what.starts_with("place") {
            changes.push(Change::Remove(REACHED.to_vec()));
        }
        self.outbox.enter(&changes).unwrap();
    }
}
