//! Encounters one after the other, each as it stood at a moment: what runs, ratios and stock counts
//! have in common.
//!
//! The walk takes half the time of one core at most and stops when the agent does: whoever waits for a
//! check or a receipt must not notice it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};
use rules::Group;
use rules::facts::VisitKind;
use rules::past::{self, AsOf, Noted};

use super::{Audit, NotRun};
use crate::clock;
use crate::history::{Found, History, Kind};

/// An encounter that the walk has come to.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) found: Found,
    pub(super) told: AsOf,
}

impl Met {
    /// What kind of visit it is, as far as records say.
    pub(super) fn visit(&self) -> Option<VisitKind> {
        self.told.facts.encounter.present()?.visit
    }

    /// When it began, and when it ended.
    pub(super) fn span(&self) -> (Option<Date>, Option<Date>) {
        let encounter = self.told.facts.encounter.present();
        let day = |at: Option<DateTime>| at.map(DateTime::date);
        encounter.map_or((None, None), |it| (day(it.began), day(it.ended)))
    }
}

/// What is walked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Over {
    pub(super) kind: Kind,
    /// Encounters with records from this day on.
    pub(super) from: Date,
    /// As they stood then.
    pub(super) until: DateTime,
}

/// Shows every encounter that anything came for from a day on up to now.
pub(super) fn walk(
    (audit, history): (&Audit, &History),
    over: Over,
    mut show: impl FnMut(Met) -> Result<(), NotRun>,
) -> Result<(), NotRun> {
    let all = history.encounters(over.kind, over.from, clock::now().date())?;
    let mut person = Person::default();
    for found in all {
        let begun = Instant::now();
        person.turn_to(&found, history)?;
        if !person.met.contains(&found.encounter) {
            show(person.meet(found, over.until, over.kind))?;
        }
        audit.pause(begun.elapsed().min(PAUSE_MAX))?;
    }
    Ok(())
}

/// One encounter by its name.
pub(super) fn one(history: &History, name: &str, until: DateTime) -> Result<Option<Met>, NotRun> {
    let Some(found) = history.encounter(name)? else { return Ok(None) };
    let mut person = Person::default();
    person.turn_to(&found, history)?;
    Ok(Some(person.meet(found, until, Kind::Visit)))
}

/// The last moment of a day.
pub(super) fn end_of(day: Date) -> DateTime {
    day.at(23, 59, 59, 0)
}

/// The first and the last day of a month.
pub(super) fn month_of(day: Date) -> (Date, Date) {
    (day.first_of_month(), day.last_of_month())
}

/// A stay from whose last record more days than this have gone is not looked for any more.
pub(super) fn before_stays(day: Date) -> Date {
    day.checked_sub(STAY_DAYS_MAX.days()).unwrap_or(day)
}

/// The patient whose encounters are being shown: read once for all of them.
#[derive(Default)]
struct Person {
    patient: Option<String>,
    records: Vec<Noted>,
    /// Everything that the encounters shown are called, since one may be found by several names.
    met: HashSet<String>,
}

impl Person {
    fn turn_to(&mut self, found: &Found, history: &History) -> Result<(), NotRun> {
        let patient = Some(found.patient());
        if self.patient != patient {
            self.records = history.records_of(found)?;
            self.met.clear();
            self.patient = patient;
        }
        Ok(())
    }

    /// An encounter, by the name under which its first record came: that one does not change when
    /// others come by other names.
    fn meet(&mut self, found: Found, until: DateTime, kind: Kind) -> Met {
        let names = past::names_of(&self.records, &found.encounter);
        let first = self.records.iter().find(|it| names.contains(&it.encounter));
        let encounter = first.map_or(found.encounter.clone(), |it| it.encounter.clone());
        self.met.extend(names);
        let mut told = past::as_of(self.records.clone(), &encounter, until);
        // Records of a ward without an admission are of a stay all the same.
        if let Group::Present(it) = &mut told.facts.encounter
            && kind == Kind::Stay
        {
            it.visit = it.visit.or(Some(VisitKind::Inpatient));
        }
        let mut found = found;
        found.encounter = encounter;
        Met { found, told }
    }
}

const PAUSE_MAX: Duration = Duration::from_millis(100);
const STAY_DAYS_MAX: i32 = 120;
