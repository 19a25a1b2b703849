//! One change of the book in the making: what happened to suspicions, what their departments are told
//! of it, and the records that the platform gets. Written whole, or not at all.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::states::Said;
use super::suspicion::Suspicion;
use super::{NotRun, book};
use crate::checks::records::{Looked, Sheaf, Writer};
use crate::clock;
use crate::events::event::{Event as Told, Kind};
use crate::intake::Road;
use crate::outbox::{Change, StoreError};
use crate::patient_key::PatientKey;
use crate::pipeline;

/// What a department is told of one suspicion.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    /// What comes after it is asked for by this.
    #[serde(rename = "event")]
    pub(super) place: String,
    /// When, `YYYYMMDDhhmmss`.
    pub(super) at: String,
    /// `opened`, `reopened`, or the state that it is in now.
    pub(super) what: String,
    pub(super) id: String,
    pub(super) department: Option<String>,
    pub(super) doctor: Option<String>,
    pub(super) encounter: String,
    pub(super) rule_name: String,
    pub(super) severity: String,
    pub(super) text: String,
    pub(super) amount: Option<String>,
    pub(super) reason: Option<String>,
}

/// A change in the making.
pub(super) struct Page<'a> {
    road: &'a Road,
    names: &'a PatientKey,
    changes: Vec<Change>,
    sheaf: Option<Sheaf<'a>>,
    /// The same, for screens.
    told: Vec<Told>,
    now: String,
}

impl<'a> Page<'a> {
    pub(super) fn new(
        road: &'a Road,
        writer: Option<&'a Writer>,
        now: DateTime,
    ) -> Result<Page<'a>, StoreError> {
        let names = road.checks.names()?;
        let sheaf = writer.map(|it| it.sheaf(&clock::new_id(), now));
        let now = pipeline::stamp(now);
        Ok(Page { road, names, changes: Vec::new(), sheaf, told: Vec::new(), now })
    }

    /// Keeps a suspicion, and tells its department what happened.
    pub(super) fn keep(&mut self, it: &Suspicion, what: Option<&str>) {
        self.changes.extend(book::put(self.names, it));
        let Some(what) = what else { return };
        let event = self.event(it, what);
        self.changes.push(book::event(&event.place, &event));
        self.told.push(event.shown_to_screens(it));
    }

    /// The platform gets what was found, once for every time that it is opened.
    pub(super) fn tell_found(&mut self, it: &Suspicion, rules_version: &str) {
        if let Some(sheaf) = &mut self.sheaf {
            sheaf.suspicion(it, rules_version);
        }
    }

    /// The platform gets what was looked at.
    pub(super) fn tell_looked(&mut self, looked: &Looked<'_>) {
        if let Some(sheaf) = &mut self.sheaf {
            sheaf.looked(looked);
        }
    }

    /// The platform gets what was said.
    pub(super) fn tell_said(&mut self, it: &Suspicion, said: &Said) {
        if let Some(sheaf) = &mut self.sheaf {
            sheaf.said(it, said);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Writes everything. Returns after the disk has synced.
    pub(super) fn write(self) -> Result<(), NotRun> {
        let log = self.road.checks.log().ok_or(NotRun::Stopped)?;
        log.shelve_and_tell(self.changes, self.sheaf, self.told)?;
        self.road.checks.tell_soon();
        Ok(())
    }

    fn event(&self, it: &Suspicion, what: &str) -> Event {
        let said = it.said.last().filter(|said| said.at == it.since);
        Event {
            place: clock::new_id(),
            at: self.now.clone(),
            what: what.to_owned(),
            id: it.id.clone(),
            department: it.department.clone(),
            doctor: it.doctor.clone(),
            encounter: it.encounter.clone(),
            rule_name: it.rule_name.clone(),
            severity: it.severity.clone(),
            text: it.text.clone(),
            amount: it.amount.clone(),
            reason: said.and_then(|it| it.reason.clone()),
        }
    }
}

impl Event {
    fn shown_to_screens(&self, it: &Suspicion) -> Told {
        Told {
            kind: Kind::Suspicion,
            what: self.what.clone(),
            at: self.at.clone(),
            id: self.id.clone(),
            department: self.department.clone(),
            severity: Some(self.severity.clone()),
            encounter: Some(self.encounter.clone()),
            doctor: self.doctor.clone(),
            scene: Some(it.scene.clone()),
            rule: Some(self.rule_name.clone()),
            text: Some(self.text.clone()),
            lines: it.lines.clone(),
            amount: self.amount.clone(),
            reason: self.reason.clone(),
            ..Told::default()
        }
    }

    pub(super) fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}
