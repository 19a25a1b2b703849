//! What the settlement of a stay does: whatever its departments left open goes up to the insurance
//! office. And what time does: what is long closed is forgotten.
//!
//! A settlement is seen in three ways: its record comes in, the HIS asks 3102 for the settlement, or a
//! run finds that it came while nobody looked.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::ToSpan as _;
use rules::past;
use uuid::{NoContext, Timestamp, Uuid};

use super::page::{Event, Page};
use super::states::{Said, State};
use super::suspicion::Suspicion;
use super::walk::{self, end_of};
use super::{NotRun, book};
use crate::checks::writer;
use crate::clock;
use crate::intake::Road;
use crate::outbox::Change;
use crate::pipeline;

/// An encounter was settled, by whatever name: what is open of it is escalated. Gives how many.
pub(crate) fn settled(road: &Arc<Road>, name: &str) -> Result<u64, NotRun> {
    let open = open_in_stay(road)?;
    if open.is_empty() {
        return Ok(0);
    }
    let names = match road.history.encounter(name)? {
        Some(found) => past::names_of(&road.history.records_of(&found)?, name),
        None => [name.to_owned()].into(),
    };
    let of_it = open.into_iter().filter(|it| names.contains(&it.encounter)).collect();
    escalate(road, of_it)
}

/// The same for all whose settlement nobody has told of.
pub(super) fn escalate_settled(road: &Arc<Road>) -> Result<u64, NotRun> {
    let mut by_encounter: BTreeMap<String, Vec<Suspicion>> = BTreeMap::new();
    for it in open_in_stay(road)? {
        by_encounter.entry(it.encounter.clone()).or_default().push(it);
    }
    let mut escalated = 0;
    for (encounter, open) in by_encounter {
        let met = walk::one(&road.history, &encounter, end_of(clock::now().date()))?;
        if met.is_some_and(|it| it.told.settled.is_some()) {
            escalated += escalate(road, open)?;
        }
    }
    Ok(escalated)
}

/// What was found while the patient was there, and nobody has answered.
fn open_in_stay(road: &Road) -> Result<Vec<Suspicion>, NotRun> {
    let mut open = book::open(&road.outbox)?;
    open.retain(|it| it.state == State::Open && it.scene != "monthly_batch");
    Ok(open)
}

fn escalate(road: &Arc<Road>, open: Vec<Suspicion>) -> Result<u64, NotRun> {
    if open.is_empty() {
        return Ok(0);
    }
    let _pen = road.audit.pen();
    let (now, writer, mut escalated) = (clock::now(), writer(road), 0);
    let mut page = Page::new(road, writer.as_ref(), now)?;
    for it in open {
        // Somebody may have answered since it was read.
        let it = book::suspicion(&road.outbox, &it.id)?.filter(|it| it.state == State::Open);
        let Some(mut it) = it else { continue };
        let said = Said::by_agent(State::Escalated, "结算时仍未处理", &pipeline::stamp(now));
        it.turn_to(said.clone());
        page.tell_said(&it, &said);
        page.keep(&it, Some("escalated"));
        escalated += 1;
    }
    page.write()?;
    Ok(escalated)
}

/// A patient is forgotten, by all pseudonyms there ever were, and with the patient all suspicions. Gives
/// how many.
pub(crate) fn forget(road: &Road, patients: &HashSet<String>) -> Result<u64, NotRun> {
    let mut ids = HashSet::new();
    let removed = remove(road, |it| {
        let is_meant = patients.contains(&it.patient);
        if is_meant {
            ids.insert(it.id.clone());
        }
        is_meant
    })?;
    // What departments were told of them goes, too.
    let mut changes = Vec::new();
    book::events(&road.outbox, "", |place, event: Event| {
        if ids.contains(&event.id) {
            changes.push(book::forget_event(place));
        }
        ControlFlow::Continue(())
    })?;
    road.outbox.shelve(&changes)?;
    if let Some(log) = road.checks.log() {
        log.feed().forget(&road.outbox, |id| ids.contains(id))?;
    }
    Ok(removed)
}

/// Forgets what is closed for longer than the past is kept, and what departments were told long ago.
pub(super) fn forget_old(road: &Road) -> Result<(), NotRun> {
    let now = clock::now_for_ageing();
    let days = i64::from(road.config.history.keep_days);
    let horizon = pipeline::stamp(now.checked_sub(days.days()).unwrap_or(now));
    remove(road, |it| it.state == State::Closed && it.since < horizon)?;
    let seconds = clock::instant(now.checked_sub(TOLD_DAYS.days()).unwrap_or(now)).as_second();
    let at = Timestamp::from_unix(NoContext, u64::try_from(seconds).unwrap_or(0), 0);
    let oldest = Uuid::new_v7(at).simple().to_string();
    Ok(road.outbox.shelve(&[book::forget_events_before(&oldest)])?)
}

fn remove(road: &Road, mut is_meant: impl FnMut(&Suspicion) -> bool) -> Result<u64, NotRun> {
    let _pen = road.audit.pen();
    let (mut changes, mut removed): (Vec<Change>, _) = (Vec::new(), 0);
    let names = road.checks.names()?;
    book::suspicions(&road.outbox, |it| {
        if is_meant(&it) {
            changes.extend(book::remove(names, &it));
            removed += 1;
        }
        ControlFlow::Continue(())
    })?;
    road.outbox.shelve(&changes)?;
    Ok(removed)
}

const TOLD_DAYS: i32 = 180;
