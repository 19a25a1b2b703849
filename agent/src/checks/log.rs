//! The log itself: what is written together, and how it is read.
//!
//! Everything about a batch of checks (the checks, where their findings stand now, the records that
//! the platform is to get) is one change of the shelf, synced. So a kill leaves all of it or nothing,
//! and what the queue has not taken yet is found again at the next start. Everything here may block.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::civil::DateTime;

use super::acknowledged::{Acknowledged, Answer};
use super::entry::Check;
use super::keys;
use super::pen::Pen;
use super::records::{Sheaf, Writer};
use super::states::{Given, Step};
use super::tracked::Tracked;
use crate::events::event::Event;
use crate::events::feed::Feed;
use crate::outbox::{Change, Outbox, StoreError};
use crate::pace::{PIECE, give_way};
use crate::patient_key::PatientKey;

/// The log of checks; clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    outbox: Outbox,
    /// One change at a time, since each begins with what the one before has left; and the number
    /// that the next records to tell will get.
    turn: Mutex<u64>,
    /// What screens are told, written in the same change as what it tells of.
    feed: Arc<Feed>,
    acknowledged: Acknowledged,
    /// Makes the names that encounters and lines have in keys.
    key: PatientKey,
    /// Encounters that have findings, by a part of their names: whose orders are worth a link. A chance meeting
    /// only costs a look at the disk.
    encounters: RwLock<HashSet<u64>>,
}

/// What became of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The finding.
    pub finding_id: String,
    /// Where it stands now; nothing when nobody knows it.
    pub tracked: Option<Tracked>,
    /// What the answer did.
    pub step: Option<Step>,
}

impl Answered {
    /// Whether the answer was taken, now or before.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        matches!(self.step, Some(Step::Taken | Step::Repeated))
    }
}

impl Log {
    /// Reads what has to be known without asking the disk.
    pub fn open(outbox: Outbox, key: PatientKey) -> Result<Log, StoreError> {
        let acknowledged = Acknowledged::default();
        walk(&outbox, b"a", |key, bytes| {
            let id = key.get(1..).and_then(|it| str::from_utf8(it).ok());
            if let Some(id) = id {
                acknowledged.insert(id, Answer::from_bytes(bytes));
            }
        })?;
        let mut encounters = HashSet::new();
        walk(&outbox, b"g", |key, _| {
            encounters.extend(keys::encounter_of(key).as_ref().map(short));
        })?;
        let mut next = 1;
        walk(&outbox, b"t", |key, _| {
            next = keys::number_of(key).map_or(next, |it| it.saturating_add(1));
        })?;
        let (turn, encounters) = (Mutex::new(next), RwLock::new(encounters));
        let feed = Arc::new(Feed::open(&outbox)?);
        Ok(Log(Arc::new(Inner { outbox, turn, feed, acknowledged, key, encounters })))
    }

    /// The key of today for one of an earlier release.
    pub(super) fn rekeyed(&self, old: &[u8]) -> Option<Vec<u8>> {
        let anew = keys::rekeyed(&self.0.key, old)?;
        if let Some(encounter) = keys::encounter_of(&anew) {
            let mut encounters = self.0.encounters.write().unwrap_or_else(PoisonError::into_inner);
            encounters.insert(short(&encounter));
        }
        Some(anew)
    }

    /// Keeps checks. With a writer, the platform is told of them.
    pub(crate) fn append(
        &self,
        checks: &[Check],
        writer: Option<&Writer>,
    ) -> Result<(), StoreError> {
        let mut turn = self.turn();
        let mut pen = self.pen(*turn);
        for piece in checks.chunks(PIECE) {
            give_way();
            piece.iter().try_for_each(|check| pen.check(check, writer))?;
        }
        *turn = pen.write(&self.0.acknowledged)?;
        drop(turn);
        let with_findings =
            checks.iter().filter(|it| it.findings.iter().any(super::entry::Found::is_shown));
        let mut encounters = self.0.encounters.write().unwrap_or_else(PoisonError::into_inner);
        let named = with_findings.filter_map(|it| it.encounter.as_deref());
        encounters.extend(named.map(|it| short(&self.0.key.name_in_keys(&[it]))));
        Ok(())
    }

    /// The check of this id, with its request.
    pub fn get(&self, check_id: &str) -> Result<Option<Check>, StoreError> {
        let Some(mut check) = self.alone(check_id)? else { return Ok(None) };
        if let Some(first) = &check.request_of {
            check.request = self.alone(first)?.unwrap_or_default().request;
        }
        Ok(Some(check))
    }

    fn alone(&self, check_id: &str) -> Result<Option<Check>, StoreError> {
        let Some(id) = keys::id(check_id) else { return Ok(None) };
        let bytes = self.0.outbox.shelved(&keys::check(id))?;
        Ok(bytes.and_then(|it| Check::from_bytes(&it)))
    }

    /// Shows the checks that came from one moment on and before another, in their order, until
    /// `show` has enough. The times are in China. A request stands at the first of its checks only.
    pub fn between(
        &self,
        from: DateTime,
        to: DateTime,
        mut show: impl FnMut(Check) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (from, to) = (keys::checks_from(keys::ms(from)), keys::checks_from(keys::ms(to)));
        self.0.outbox.walk_shelf(&from, &to, |_, bytes| {
            Check::from_bytes(bytes).map_or(ControlFlow::Continue(()), &mut show)
        })
    }

    /// The same, behind a check that was shown before; every check with its request.
    pub(crate) fn following(
        &self,
        after: Option<&str>,
        from: DateTime,
        to: DateTime,
        mut show: impl FnMut(Check) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let begin = after.and_then(keys::id).map(|id| [&keys::check(id)[..], b"\0"].concat());
        let begin = begin.unwrap_or_else(|| keys::checks_from(keys::ms(from)));
        let mut last = Check::default();
        let mut failed = None;
        self.0.outbox.walk_shelf(&begin, &keys::checks_from(keys::ms(to)), |_, bytes| {
            let Some(mut check) = Check::from_bytes(bytes) else {
                return ControlFlow::Continue(());
            };
            if let Some(first) = &check.request_of {
                if last.check_id != *first {
                    match self.alone(first) {
                        Ok(found) => last = found.unwrap_or_default(),
                        Err(error) => {
                            failed = Some(error);
                            return ControlFlow::Break(());
                        }
                    }
                }
                check.request = last.request.clone();
            }
            show(check)
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Where a finding stands, and how it came there.
    pub fn finding(&self, finding_id: &str) -> Result<Option<Tracked>, StoreError> {
        let bytes = self.0.outbox.shelved(&keys::finding(finding_id))?;
        Ok(bytes.and_then(|it| serde_json::from_slice(&it).ok()))
    }

    /// Takes answers, all of them or, when one cannot be taken, none.
    pub(crate) fn answer(
        &self,
        answers: &[Given],
        writer: Option<&Writer>,
    ) -> Result<Vec<Answered>, StoreError> {
        let mut turn = self.turn();
        let mut pen = self.pen(*turn);
        let mut told = Vec::with_capacity(answers.len());
        for given in answers {
            told.push(pen.answer(given, writer)?);
        }
        if told.iter().all(Answered::is_taken) {
            *turn = pen.write(&self.0.acknowledged)?;
        }
        Ok(told)
    }

    /// Makes changes of the shelf that are not the log's, together with the records that the platform is
    /// to get of them. The keys are the caller's own.
    pub(crate) fn shelve_and_tell(
        &self,
        changes: Vec<Change>,
        sheaf: Option<Sheaf<'_>>,
        events: Vec<Event>,
    ) -> Result<(), StoreError> {
        let mut turn = self.turn();
        let mut pen = self.pen(*turn);
        pen.add(changes);
        pen.tell(sheaf);
        pen.announce(events);
        *turn = pen.write(&self.0.acknowledged)?;
        Ok(())
    }

    /// Says `ignored` of findings that were shown before a moment and that nobody has answered; at
    /// most some hundreds at a time. Gives how many.
    pub(super) fn ignore_before(
        &self,
        ms: u64,
        now: &str,
        writer: Option<&Writer>,
    ) -> Result<usize, StoreError> {
        let mut late = Vec::new();
        self.0.outbox.walk_shelf(b"o", &keys::open_from(ms), |key, _| {
            late.push(key.to_vec());
            if late.len() < IGNORED_AT_ONCE {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        if late.is_empty() {
            return Ok(0);
        }
        let mut turn = self.turn();
        let mut pen = self.pen(*turn);
        for key in &late {
            pen.ignore(key, now, writer)?;
        }
        *turn = pen.write(&self.0.acknowledged)?;
        Ok(late.len())
    }

    /// Forgets of an hour what has had its time, if there is one: checks that found nothing when they
    /// came before `oldest_ms` or when all hours together have more than `bytes_max`; all the others
    /// not before `evidence_ms`, however many bytes they have. True when there was one.
    pub(super) fn forget(
        &self,
        [oldest_ms, evidence_ms]: [u64; 2],
        bytes_max: u64,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let hours = self.hours()?;
        let is_too_much = hours.iter().map(|it| it.bytes).sum::<u64>() > bytes_max;
        let now = keys::hour_at(now_ms);
        let is_evidence = |it: &Hour| keys::begin_of(it.begun) >= evidence_ms;
        let is_old = |it: &Hour| keys::begin_of(it.begun) < oldest_ms;
        let has_to_go = |it: &&Hour| {
            let is_due = is_old(it) || is_too_much;
            it.begun < now && is_due && !(it.is_thinned && is_evidence(it))
        };
        let Some(due) = hours.iter().find(has_to_go) else { return Ok(false) };
        let turn = self.turn();
        let mut pen = self.pen(*turn);
        if is_evidence(due) {
            pen.thin_hour(due.begun)?;
        } else {
            pen.forget_hour(due.begun)?;
        }
        pen.write(&self.0.acknowledged)?;
        Ok(true)
    }

    /// The hours of which there are checks, in their order.
    pub(crate) fn hours(&self) -> Result<Vec<Hour>, StoreError> {
        let mut hours = Vec::new();
        walk(&self.0.outbox, b"h", |key, row| {
            let (numbers, _) = row.as_chunks::<8>();
            let number = |at: usize| numbers.get(at).map_or(0, |it| u64::from_be_bytes(*it));
            hours.extend(keys::hour_of(key).map(|hour| Hour {
                begun: hour,
                bytes: number(1),
                is_thinned: number(2) > 0,
            }));
        })?;
        Ok(hours)
    }

    /// Records that the queue has not taken yet, in their order.
    pub(super) fn untold(&self, at_most: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let mut found = Vec::new();
        self.0.outbox.walk_shelf(b"t", &keys::behind(b"t"), |key, bytes| {
            found.extend(keys::number_of(key).map(|it| (it, bytes.to_vec())));
            if found.len() < at_most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(found)
    }

    /// The queue has taken all records up to this number.
    pub(super) fn told(&self, last: u64) -> Result<(), StoreError> {
        let range = (keys::to_tell(0), keys::to_tell(last.saturating_add(1)));
        self.0.outbox.shelve(&[Change::RemoveRange(range.0, range.1)])
    }

    /// What the insurer is owed, by its keys.
    pub(crate) fn owed(&self, at_most: usize) -> Result<Vec<Row>, StoreError> {
        let mut found = Vec::new();
        self.0.outbox.walk_shelf(b"r", &keys::behind(b"r"), |key, bytes| {
            found.push((key.to_vec(), bytes.to_vec()));
            if found.len() < at_most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(found)
    }

    /// Strikes out what the insurer was owed, or puts something else in its place; not when the
    /// doctor has said something else meanwhile.
    pub(crate) fn settle_owed(
        &self,
        key: &[u8],
        was: &[u8],
        now: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let _turn = self.turn();
        if self.0.outbox.shelved(key)?.as_deref() != Some(was) {
            return Ok(());
        }
        let remove = || Change::Remove(key.to_vec());
        self.0.outbox.shelve(&[now.map_or_else(remove, |it| Change::Put(key.to_vec(), it))])
    }

    /// Whether an encounter may have findings.
    pub(super) fn may_have_findings(&self, encounter: &str) -> bool {
        let encounters = self.0.encounters.read().unwrap_or_else(PoisonError::into_inner);
        !encounters.is_empty()
            && encounters.contains(&short(&self.0.key.name_in_keys(&[encounter])))
    }

    /// The ids of the findings of an encounter.
    pub fn findings_of(&self, encounter: &str) -> Result<Vec<String>, StoreError> {
        let prefix = keys::of_encounter(&self.0.key.name_in_keys(&[encounter]), "");
        let mut found = Vec::new();
        walk(&self.0.outbox, &prefix, |key, _| {
            let id = key.get(prefix.len()..).and_then(|it| str::from_utf8(it).ok());
            found.extend(id.map(str::to_owned));
        })?;
        Ok(found)
    }

    /// What screens are told.
    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.0.feed
    }

    /// Makes the names of patients and, in keys, of encounters.
    pub(super) fn key(&self) -> &PatientKey {
        &self.0.key
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    pub(super) fn acknowledged(&self) -> &Acknowledged {
        &self.0.acknowledged
    }

    fn pen(&self, next: u64) -> Pen<'_> {
        Pen::new(&self.0.outbox, (&self.0.feed, &self.0.key), next)
    }

    pub(super) fn turn(&self) -> MutexGuard<'_, u64> {
        // What panicked meanwhile wrote nothing: the number is still right.
        self.0.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The checks of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hour {
    /// The hour, counted from 1970.
    pub(crate) begun: u32,
    /// Bytes of its checks.
    pub(crate) bytes: u64,
    /// Those without a finding are gone.
    pub(crate) is_thinned: bool,
}

/// Shows everything whose key begins so.
pub(super) fn walk(
    outbox: &Outbox,
    prefix: &[u8],
    mut show: impl FnMut(&[u8], &[u8]),
) -> Result<(), StoreError> {
    outbox.walk_shelf(prefix, &keys::behind(prefix), |key, bytes| {
        show(key, bytes);
        ControlFlow::Continue(())
    })
}

fn short(encounter: &keys::Name) -> u64 {
    encounter.first_chunk().map_or(0, |it| u64::from_be_bytes(*it))
}

/// A key and what stands under it.
type Row = (Vec<u8>, Vec<u8>);

/// Rows of hours hold two numbers; see the pen.
pub(super) type Hours = HashMap<u32, [u64; 2]>;

/// One change stays small enough not to hold up the outbox's own.
const IGNORED_AT_ONCE: usize = 500;
