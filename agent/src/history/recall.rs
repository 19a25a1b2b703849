//! The past of a check's patient, put beside what the caller sent.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use rules::past::{self, Named};
use rules::{Facts, Group, facts};

use super::keys::Pseudonym;
use super::ledger::Ledger;
use super::remembered::{Asked, Known, Past};
use super::then::KnownThen;
use super::{History, State};
use crate::clock;
use crate::outbox::{Reach, RowError};

impl History {
    /// Fills the history of a check. Memory is asked here, the disk elsewhere and for no longer than
    /// `patience`; when that is not enough the history stays what the caller sent.
    pub(crate) async fn recall(&self, facts: &mut Facts, patience: Duration) {
        let ledger = match self.now() {
            State::Open(ledger) => ledger,
            State::Off => return,
            State::Closed | State::OtherKey => return count("unreadable"),
        };
        let Some(named) = named(facts) else { return count("nobody") };
        let encounter = encounter(facts);
        let outcome = match past_of(&ledger, &named, encounter.as_deref(), Reach::Memory) {
            Err(RowError::NotInMemory) => {
                self.ask_the_disk(&ledger, named, encounter, patience).await
            }
            asked => asked.map_err(|_| "unreadable"),
        };
        match outcome {
            Ok(found) => {
                count(if found.is_some() { "found" } else { "new" });
                past::merge(&found.unwrap_or_default(), ledger.since(), facts);
                debug_assert!(matches!(facts.history, Group::Present(_)), "it is filled");
            }
            Err(outcome) => count(outcome),
        }
    }

    /// Fills the history of a check that was made at a moment, as far as it was known then. Blocks, and
    /// takes the time that it takes: nobody waits for it.
    pub(crate) fn recall_as_of(&self, facts: &mut Facts, at: DateTime) {
        if let Some(then) = self.known_then(facts, at) {
            then.fill(facts);
        }
    }

    /// What was known at a moment of whom a check is about; `None` when nobody can say. Blocks.
    pub(crate) fn known_then(&self, facts: &Facts, at: DateTime) -> Option<KnownThen> {
        let ledger = self.ledger()?;
        let found = ledger.read(&named(facts)?, Reach::Disk, clock::now().date()).ok()?;
        let noted = past::known_at(found.unwrap_or_default(), at);
        Some(KnownThen { noted, since: ledger.since() })
    }

    async fn ask_the_disk(
        &self,
        ledger: &Ledger,
        named: Named,
        encounter: Option<String>,
        patience: Duration,
    ) -> Result<Option<Arc<facts::History>>, &'static str> {
        let Ok(room) = Arc::clone(&self.disk).try_acquire_owned() else { return Err("busy") };
        let ledger = ledger.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let _room = room;
            past_of(&ledger, &named, encounter.as_deref(), Reach::Disk)
        });
        match tokio::time::timeout(patience, reading).await {
            Ok(Ok(read)) => read.map_err(|_| "unreadable"),
            Ok(Err(_)) => Err("unreadable"),
            Err(_) => Err("late"),
        }
    }
}

impl Ledger {
    /// The past of a check's patient as it is seen from an encounter; `None` when nobody is known so.
    /// What was read a moment ago is not read again.
    pub(super) fn past(
        &self,
        named: &Named,
        encounter: Option<&str>,
        reach: Reach,
        today: Date,
    ) -> Result<Option<Arc<facts::History>>, RowError> {
        let asked = Asked {
            patn_id: named.patn_id.clone().unwrap_or_default(),
            encounter: encounter.map(str::to_owned),
        };
        let past = match self.0.remembered.find(&asked, today) {
            Some(Known::Whole(past)) => return Ok(past.history),
            Some(Known::Records(past)) => self.told_again(past, reach)?,
            None => None,
        };
        let past = match past {
            Some(past) => past,
            None => self.read_past(named, encounter, reach, today)?,
        };
        let history = past.history.clone();
        self.0.remembered.keep(asked, past);
        Ok(history)
    }

    /// A past of which only what checks told was changed, when that is still the same as far as it
    /// counts.
    fn told_again(&self, past: Past, reach: Reach) -> Result<Option<Past>, RowError> {
        let told_at = self.0.remembered.moment();
        let told = self.told_of(&past.told_under, (reach, self.horizon(past.today)))?;
        let is_same = past::what_counts(told) == *past.told;
        Ok(is_same.then_some(Past { told_at, ..past }))
    }

    fn read_past(
        &self,
        named: &Named,
        encounter: Option<&str>,
        reach: Reach,
        today: Date,
    ) -> Result<Past, RowError> {
        let at = self.0.remembered.moment();
        let mut looked_at: Vec<Pseudonym> = self.ids(named).all().collect();
        let patients = self.patients_by(named, reach, &mut looked_at)?;
        let told_under = self.places(named, &patients);
        let told = past::what_counts(self.told_of(&told_under, (reach, self.horizon(today)))?);
        let mut found = told.clone();
        found.extend(self.read_of(&patients, reach, today)?);
        let is_known = !patients.is_empty() || !told.is_empty();
        Ok(Past {
            today,
            history: is_known.then(|| Arc::new(past::gather(found, encounter))),
            told: Arc::new(told),
            looked_at: looked_at.into(),
            told_under: told_under.into(),
            records_at: at,
            told_at: at,
        })
    }
}

fn past_of(
    ledger: &Ledger,
    named: &Named,
    encounter: Option<&str>,
    reach: Reach,
) -> Result<Option<Arc<facts::History>>, RowError> {
    ledger.past(named, encounter, reach, clock::now().date())
}

/// A caller names the patient by one id, and does not say whose. What a HIS writes where it knows no
/// number names nobody: nobody's past is not known to be empty.
fn named(facts: &Facts) -> Option<Named> {
    let id = facts.patient.present()?.patn_id.clone()?;
    let named = past::named_by(&id);
    named.patn_id.is_some().then_some(named)
}

pub(super) fn encounter(facts: &Facts) -> Option<String> {
    facts.encounter.present().and_then(|it| it.mdtrt_id.clone())
}

fn count(outcome: &'static str) {
    metrics::counter!("his_agent_history_recalls_total", "outcome" => outcome).increment(1);
}
