//! Pasts that a check asked for a moment ago, ready for the next one about the same encounter.
//!
//! A doctor asks again with every line that is changed, and reading a long past takes ten times as long
//! as judging by it. What is remembered here is what rows said: whoever changes rows says so as
//! soon as they are changed ([`Remembered::changed`]), and nobody is shown what was read before that.
//! What checks themselves told changes with every check and hardly ever counts, so it is kept apart: a
//! change of it alone has only that read once more.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;
use rules::facts::History;
use rules::past::{Note, Noted};

use super::keys::{self, Pseudonym};
use crate::outbox::Change;

/// Pasts in memory, a bounded number of a bounded size.
#[derive(Debug)]
pub(super) struct Remembered {
    /// Goes on with every change of rows.
    now: AtomicU64,
    /// When rows of a patient, or an id's link, were last changed. Several share a place: a chance
    /// meeting only costs a reading.
    records: Box<[AtomicU64]>,
    /// The same of what checks told.
    told: Box<[AtomicU64]>,
    pasts: Mutex<Pasts>,
}

#[derive(Debug, Default)]
struct Pasts {
    by_asked: HashMap<Asked, Past>,
    /// Of all of them.
    lines: usize,
}

/// Who is asked about, from where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    /// The patient, as the check named it.
    pub(super) patn_id: String,
    pub(super) encounter: Option<String>,
}

/// A past as it was read, and what it was made of.
#[derive(Clone, Debug)]
pub(super) struct Past {
    pub(super) today: Date,
    /// Of nobody there is none.
    pub(super) history: Option<Arc<History>>,
    /// What of it checks told, as far as it counts.
    pub(super) told: Arc<Vec<Noted>>,
    /// All ids and patients that were looked at.
    pub(super) looked_at: Arc<[Pseudonym]>,
    /// Under whom checks told.
    pub(super) told_under: Arc<[Pseudonym]>,
    /// From before the reading began.
    pub(super) records_at: Moment,
    pub(super) told_at: Moment,
}

/// A moment between two changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

/// How much of a past still holds.
#[derive(Debug)]
pub(super) enum Known {
    /// All.
    Whole(Past),
    /// What records say; what checks told may be more now.
    Records(Past),
}

impl Default for Remembered {
    fn default() -> Remembered {
        let never = || (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Remembered {
            now: AtomicU64::new(1),
            records: never(),
            told: never(),
            pasts: Mutex::default(),
        }
    }
}

impl Remembered {
    /// To be asked before rows are read.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.now.load(Ordering::SeqCst))
    }

    /// To be told once rows are changed, before anybody else is told of it. A change that failed may
    /// have been made all the same.
    pub(super) fn changed(&self, changes: &[Change]) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        for change in changes {
            let (Change::Put(key, _) | Change::Remove(key) | Change::RemoveRange(key, _)) = change;
            let Some((letter, patient)) = keys::owner(key) else { continue };
            let places = if letter == keys::ASKED { &self.told } else { &self.records };
            if let Some(place) = places.get(place(&patient)) {
                place.fetch_max(now, Ordering::SeqCst);
            }
        }
    }

    /// Nobody's past stays in memory.
    pub(super) fn forget(&self) {
        let all = std::mem::take(&mut *self.pasts());
        drop(all);
    }

    pub(super) fn find(&self, asked: &Asked, today: Date) -> Option<Known> {
        let past = self.pasts().by_asked.get(asked).filter(|it| it.today == today)?.clone();
        if !self.has_its_records(&past) {
            return None;
        }
        let is_whole = self.has_what_was_told(&past);
        Some(if is_whole { Known::Whole(past) } else { Known::Records(past) })
    }

    pub(super) fn keep(&self, asked: Asked, past: Past) {
        if past.lines() > LINES_MAX / 4 || asked.bytes() > ASKED_BYTES_MAX {
            return;
        }
        let mut pasts = self.pasts();
        // Who was forgotten while this was read is not to come back: who forgets changes rows first,
        // and empties the memory then.
        if !self.has_its_records(&past) || !self.has_what_was_told(&past) {
            return;
        }
        let mut gone = pasts.insert(asked, past);
        if pasts.lines > LINES_MAX || pasts.by_asked.len() > PASTS_MAX {
            gone.extend(pasts.take_oldest());
        }
        drop(pasts);
        // Not while others wait.
        drop(gone);
    }

    fn has_its_records(&self, past: &Past) -> bool {
        is_as_it_was(&self.records, &past.looked_at, past.records_at)
    }

    fn has_what_was_told(&self, past: &Past) -> bool {
        is_as_it_was(&self.told, &past.told_under, past.told_at)
    }

    fn pasts(&self) -> MutexGuard<'_, Pasts> {
        self.pasts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pasts {
    fn insert(&mut self, asked: Asked, past: Past) -> Vec<Past> {
        self.lines += past.lines();
        let before = self.by_asked.insert(asked, past);
        self.lines -= before.as_ref().map_or(0, Past::lines);
        before.into_iter().collect()
    }

    /// Half of them, so that this is not to be done again for the next one.
    fn take_oldest(&mut self) -> Vec<Past> {
        let mut moments: Vec<_> = self.by_asked.values().map(|it| it.told_at).collect();
        let middle = moments.len() / 2;
        let middle = *moments.select_nth_unstable(middle).1;
        let oldest = self.by_asked.extract_if(|_, it| it.told_at <= middle);
        let oldest: Vec<Past> = oldest.map(|(_, it)| it).collect();
        self.lines -= oldest.iter().map(Past::lines).sum::<usize>();
        oldest
    }
}

impl Past {
    /// About how much memory it takes, in lines of a kilobyte.
    fn lines(&self) -> usize {
        let told = self.told.iter().flat_map(|it| &it.notes).map(lines_of).sum::<usize>();
        1 + self.told.len() + told + self.history.as_deref().map_or(0, lines_of_history)
    }
}

impl Asked {
    fn bytes(&self) -> usize {
        self.patn_id.len() + self.encounter.as_ref().map_or(0, String::len)
    }
}

fn lines_of(note: &Note) -> usize {
    if let Note::Allergies(all) = note { all.len() } else { 1 }
}

fn lines_of_history(it: &History) -> usize {
    let of_visits = it.orders.len() + it.diagnoses.len() + it.stays.len() + it.surgeries.len();
    of_visits + it.labs.len() + it.allergies.len()
}

fn is_as_it_was(places: &[AtomicU64], of: &[Pseudonym], at: Moment) -> bool {
    let changed = of.iter().filter_map(|it| places.get(place(it)));
    changed.map(|it| it.load(Ordering::SeqCst)).all(|it| it <= at.0)
}

/// Pseudonyms are hashes already.
fn place(patient: &Pseudonym) -> usize {
    let [first, second, ..] = *patient;
    usize::from(u16::from_be_bytes([first, second])) % PLACES
}

const PLACES: usize = 4096;
/// Patients that doctors are busy with at one time.
const PASTS_MAX: usize = 1024;
/// About 20 MB.
const LINES_MAX: usize = 16_384;
/// Ids longer than any number of a patient and an encounter together.
const ASKED_BYTES_MAX: usize = 1024;
