//! Numbers that were confirmed, and whose records could not be read when the account came to them: the disk
//! had lost them, or they were removed before an account that begins anew came to them.
//!
//! Nobody here knows their ids, nor for sure their day; so the days around are told of them, and do not balance
//! until the platform has named them. What neither side has is given up when somebody orders a repair of the
//! day, and the platform names it under none of the other days that are told of it: it is told once more, and
//! then only in the statement.
//!
//! | key | value |
//! |---|---|
//! | `0` `u` | those that nobody has named yet, as ranges |
//! | day `u` | those that may be of this day, as ranges |
//! | day `v` | those of them that were given up |

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::Opened;
use super::follow::day_of;
use crate::envelope::Envelope;
use crate::outbox::{Accepted, Change, StoreError};
use crate::ranges::Ranges;
use crate::{clock, pipeline};

impl Opened {
    /// Notes what of these pieces was passed unread.
    pub(super) fn note_unread(
        &self,
        pieces: &[(u64, u64)],
        accepted: &Accepted,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        if accepted.missing == 0 {
            return Ok(());
        }
        let unread = self.unread_of(pieces, accepted);
        if unread.is_empty() {
            return Ok(());
        }
        self.mark(&unread, &accepted.envelopes, changes)
    }

    /// Tells the days around of stretches that nobody has named.
    pub(super) fn mark(
        &self,
        unread: &Ranges,
        read: &[Envelope],
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let mut open = self.open_unread()?.unwrap_or_default();
        for (from, end) in unread.iter() {
            let days = self.days_around((from, end), read)?;
            tracing::error!(
                from,
                end,
                ?days,
                "confirmed records are unreadable, and not in the account"
            );
            open.insert(from, end);
            for day in days {
                self.results.grows(&day.to_string());
                let told = self.told_on(day, (from, end), changes)?;
                changes.push(told);
            }
        }
        changes.push(Change::Put(OPEN.to_vec(), open.to_bytes()));
        Ok(())
    }

    /// What was settled, not set aside, and is not among what was read.
    fn unread_of(&self, pieces: &[(u64, u64)], accepted: &Accepted) -> Ranges {
        let read_to = |it: &(u64, u64)| (it.0, it.1.min(accepted.next));
        let mut unread: Ranges = pieces.iter().map(read_to).collect();
        for it in &accepted.envelopes {
            unread.remove(it.seq, it.seq.saturating_add(1));
        }
        let stretches: Vec<(u64, u64)> = unread.iter().collect();
        for seq in stretches.into_iter().flat_map(|(from, end)| from..end) {
            if self.outbox.fate(seq).is_some() {
                unread.remove(seq, seq.saturating_add(1));
            }
        }
        unread
    }

    /// The days of the records before and behind a stretch; of a long one, also those between.
    fn days_around(
        &self,
        (from, end): (u64, u64),
        read: &[Envelope],
    ) -> Result<Vec<u32>, StoreError> {
        let day = |it: &Envelope| day_of(&it.received_at);
        let before = match read.iter().rev().find(|it| it.seq < from) {
            Some(it) => Some(day(it)),
            None => self.outbox.record(from.saturating_sub(1))?.map(|it| day(&it)),
        };
        let behind = match read.iter().find(|it| it.seq >= end) {
            Some(it) => Some(day(it)),
            None => self.outbox.accepted_from(end, 1)?.envelopes.first().map(day),
        };
        let behind = behind.unwrap_or_else(|| day_of(&pipeline::stamp(clock::now())));
        let before = before.unwrap_or(behind);
        if end - from < LONG {
            return Ok(if before == behind { vec![behind] } else { vec![before, behind] });
        }
        Ok(all_days(before.min(behind), before.max(behind)))
    }

    /// The row of a day with one more stretch.
    fn told_on(
        &self,
        day: u32,
        (from, end): (u64, u64),
        changes: &[Change],
    ) -> Result<Change, StoreError> {
        let key = day_key(day);
        let row = changes.iter().rev().find_map(|it| match it {
            Change::Put(place, row) if *place == key => Some(row.clone()),
            _ => None,
        });
        let row = match row.map_or_else(|| self.outbox.entered(&key), |it| Ok(Some(it))) {
            // It is written anew: what it told before is still among those that are open.
            Err(StoreError::Damaged { .. }) => None,
            other => other?,
        };
        let mut told = row.and_then(|it| Ranges::from_bytes(&it).ok()).unwrap_or_default();
        told.insert(from, end);
        Ok(Change::Put(key, told.to_bytes()))
    }

    /// Of a day: numbers that were confirmed around it, and that nobody has named.
    pub(super) fn unread_around(&self, day: u32) -> Result<Vec<(u64, u64)>, StoreError> {
        self.unnamed_of(day, &day_key(day))
    }

    /// Those of a day that were given up. What the platform names all the same is no more among them.
    pub(super) fn given_up(&self, day: u32) -> Result<Vec<(u64, u64)>, StoreError> {
        self.unnamed_of(day, &given_up_key(day))
    }

    fn unnamed_of(&self, day: u32, key: &[u8]) -> Result<Vec<(u64, u64)>, StoreError> {
        let Some(row) = self.outbox.entered(key)? else { return Ok(Vec::new()) };
        let told = Ranges::from_bytes(&row).map_err(|_| StoreError::Damaged {
            cause: format!("what could not be read around {day} is damaged"),
        })?;
        let Some(open) = self.open_unread()? else { return Ok(told.iter().collect()) };
        Ok(told.iter().flat_map(|(from, end)| open.within(from, end)).collect())
    }

    /// The other days that are told of these, or were until they gave them up, and those between: the platform may
    /// name them there. A short stretch is told of on the day before and the one behind, and may be all that came
    /// on one between.
    pub(super) fn other_days_told(
        &self,
        day: u32,
        unread: &[(u64, u64)],
    ) -> Result<Vec<u32>, StoreError> {
        let mut days = Vec::new();
        for other in days_near(day).filter(|it| *it != day) {
            if self.may_be_told(&day_key(other), other, unread)?
                || self.may_be_told(&given_up_key(other), other, unread)?
            {
                days.push(other);
            }
        }
        let first = days.iter().copied().fold(day, u32::min);
        let last = days.iter().copied().fold(day, u32::max);
        let mut all = all_days(first, last);
        all.extend(days);
        all.sort_unstable();
        all.dedup();
        all.retain(|it| *it != day);
        Ok(all)
    }

    /// Whether a row of a day tells of one of these. One that cannot be read may.
    fn may_be_told(&self, key: &[u8], day: u32, unread: &[(u64, u64)]) -> Result<bool, StoreError> {
        let told = match self.unnamed_of(day, key) {
            Err(StoreError::Damaged { .. }) => return Ok(true),
            other => other?,
        };
        let is_told = |it: &(u64, u64)| told.iter().any(|own| own.0 < it.1 && it.0 < own.1);
        Ok(unread.iter().any(is_told))
    }

    /// The platform has not named these either, under no day, and somebody has ordered to put the day right.
    /// Gives all that were given up of it.
    pub(super) fn give_up(
        &self,
        day: u32,
        unnamed: &[(u64, u64)],
    ) -> Result<Vec<(u64, u64)>, StoreError> {
        let _turn = self.turn();
        let mut left: Ranges = self.unread_around(day)?.into_iter().collect();
        let mut gone: Ranges = self.given_up(day)?.into_iter().collect();
        for (from, end) in unnamed {
            left.remove(*from, *end);
            gone.insert(*from, *end);
            let last = end.saturating_sub(1);
            tracing::error!(day, from, last, "neither side can name these: given up");
        }
        self.outbox.enter(&[
            Change::Put(day_key(day), left.to_bytes()),
            Change::Put(given_up_key(day), gone.to_bytes()),
        ])?;
        Ok(gone.iter().collect())
    }

    /// These are named now: they are in the account.
    pub(super) fn named_now(
        &self,
        seqs: impl Iterator<Item = u64>,
    ) -> Result<Option<Change>, StoreError> {
        let Some(mut open) = self.open_unread()?.filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        let before = open.len();
        for seq in seqs {
            open.remove(seq, seq.saturating_add(1));
        }
        let is_changed = open.len() != before;
        Ok(is_changed.then(|| Change::Put(OPEN.to_vec(), open.to_bytes())))
    }

    /// Those that nobody has named; `None` where that is not known.
    fn open_unread(&self) -> Result<Option<Ranges>, StoreError> {
        Ok(self.whole(OPEN)?.and_then(|it| Ranges::from_bytes(&it).ok()))
    }
}

/// The days from one to another, both with them; only these two where that is no calendar.
fn all_days(first: u32, last: u32) -> Vec<u32> {
    let (Some(from), Some(to)) = (date(first), date(last)) else { return vec![first, last] };
    let days = from.series(1.day()).take_while(|it| *it <= to).take(DAYS_MAX);
    days.map(number).collect()
}

/// The days that may be told of a stretch that a day is told of.
fn days_near(day: u32) -> impl Iterator<Item = u32> {
    let steps = [(-1).day(), 1.day()];
    let near =
        move |from: Date| steps.map(|it| from.series(it).take(DAYS_MAX)).into_iter().flatten();
    date(day).into_iter().flat_map(near).map(number)
}

fn date(day: u32) -> Option<Date> {
    Date::strptime("%Y%m%d", day.to_string()).ok()
}

fn number(date: Date) -> u32 {
    day_of(&date.strftime("%Y%m%d").to_string())
}

fn day_key(day: u32) -> Vec<u8> {
    [&day.to_be_bytes()[..], b"u"].concat()
}

fn given_up_key(day: u32) -> Vec<u8> {
    [&day.to_be_bytes()[..], b"v"].concat()
}

const OPEN: &[u8] = &[0, 0, 0, 0, b'u'];
/// A shorter stretch is of the day before it or of the day behind it.
const LONG: u64 = 256;
/// So far to both sides it is looked; a stretch of more days is not told on all of them.
const DAYS_MAX: usize = 400;
