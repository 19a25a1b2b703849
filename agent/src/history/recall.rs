//! The past of a check's patient, put beside what the caller sent.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::DateTime;
use rules::past::{self, Named, Noted};
use rules::{Facts, Group, facts};

use super::ledger::Ledger;
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
        let outcome = match read(&ledger, &named, Reach::Memory) {
            Err(RowError::NotInMemory) => self.ask_the_disk(&ledger, &named, patience).await,
            asked => asked.map_err(|_| "unreadable"),
        };
        match outcome {
            Ok(found) => {
                count(if found.is_some() { "found" } else { "new" });
                fill(facts, found.unwrap_or_default(), &ledger);
            }
            Err(outcome) => count(outcome),
        }
    }

    /// Fills the history of a check that was made at a moment, as far as it was known then. Blocks, and
    /// takes the time that it takes: nobody waits for it.
    pub(crate) fn recall_as_of(&self, facts: &mut Facts, at: DateTime) {
        let Some(ledger) = self.ledger() else { return };
        let Some(named) = named(facts) else { return };
        if let Ok(found) = read(&ledger, &named, Reach::Disk) {
            fill(facts, past::known_at(found.unwrap_or_default(), at), &ledger);
        }
    }

    async fn ask_the_disk(
        &self,
        ledger: &Ledger,
        named: &Named,
        patience: Duration,
    ) -> Result<Option<Vec<Noted>>, &'static str> {
        let Ok(room) = Arc::clone(&self.disk).try_acquire_owned() else { return Err("busy") };
        let (ledger, named) = (ledger.clone(), named.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let _room = room;
            read(&ledger, &named, Reach::Disk)
        });
        match tokio::time::timeout(patience, reading).await {
            Ok(Ok(read)) => read.map_err(|_| "unreadable"),
            Ok(Err(_)) => Err("unreadable"),
            Err(_) => Err("late"),
        }
    }
}

fn read(ledger: &Ledger, named: &Named, reach: Reach) -> Result<Option<Vec<Noted>>, RowError> {
    ledger.read(named, reach, clock::now().date())
}

/// A caller names the patient by one id, and does not say whose. What a HIS writes where it knows no
/// number names nobody: nobody's past is not known to be empty.
fn named(facts: &Facts) -> Option<Named> {
    let id = facts.patient.present()?.patn_id.clone()?;
    let named = past::named_by(&id);
    named.patn_id.is_some().then_some(named)
}

fn fill(facts: &mut Facts, found: Vec<Noted>, ledger: &Ledger) {
    let encounter = facts.encounter.present().and_then(|it| it.mdtrt_id.clone());
    let mut kept: facts::History = past::gather(found, encounter.as_deref());
    kept.since = ledger.since();
    past::merge(kept, facts);
    debug_assert!(matches!(facts.history, Group::Present(_)), "it is filled");
}

fn count(outcome: &'static str) {
    metrics::counter!("his_agent_history_recalls_total", "outcome" => outcome).increment(1);
}
