//! The first use of each item outlives the line it stood on; when the line is changed or void, so is
//! it. Here is what one change of the ledger makes of those rows: the records that are folded
//! together are not on disk yet, and one of them may take back what another has said.

use std::collections::BTreeMap;
use std::sync::Arc;

use rules::facts::Order;
use rules::past::{Note, Noted};

use super::codec;
use super::keys::{self, Pseudonym};
use super::ledger::Ledger;
use super::links::{self, store_error};
use crate::outbox::{Change, Reach, StoreError};

/// First uses that a change writes.
#[derive(Default)]
pub(super) struct Firsts {
    /// By their keys; `None`: it takes the row away.
    rows: BTreeMap<Vec<u8>, Option<(Pseudonym, Noted)>>,
    /// Who is one patient with whom on disk: nobody else changes that meanwhile.
    others: BTreeMap<Pseudonym, Vec<Pseudonym>>,
}

impl Firsts {
    /// Takes in what a record says. `changes` tell who became one patient meanwhile.
    pub(super) fn note(
        &mut self,
        ledger: &Ledger,
        patient: &Pseudonym,
        (revision, noted): (u32, &Noted),
        changes: &[Change],
    ) -> Result<(), StoreError> {
        if revision > 1 {
            self.take_back(ledger, patient, noted.identity, changes)?;
        }
        for line in noted.notes.iter().filter_map(used) {
            let Some(item) = line.hospital_code.as_ref().or(line.national_code.as_ref()) else {
                continue;
            };
            if !self.is_known(ledger, patient, item, changes)? {
                let first = Noted {
                    identity: noted.identity,
                    encounter: noted.encounter.clone(),
                    notes: vec![Note::First(Arc::new(first_use(line)))],
                };
                self.rows
                    .insert(keys::first(&ledger.0.key, patient, item), Some((*patient, first)));
            }
        }
        Ok(())
    }

    /// What is to be written, each row once.
    pub(super) fn changes(self, ledger: &Ledger) -> Result<Vec<Change>, StoreError> {
        let change = |(key, first): (Vec<u8>, Option<(Pseudonym, Noted)>)| {
            let Some((patient, noted)) = first else { return Ok(Change::Remove(key)) };
            let mut content = Vec::new();
            codec::write(&noted, &mut content);
            ledger.sealed(&patient, key, keys::NEVER, content)
        };
        self.rows.into_iter().map(change).collect()
    }

    /// The record said it before and says it anew, or not any more.
    fn take_back(
        &mut self,
        ledger: &Ledger,
        patient: &Pseudonym,
        identity: u64,
        changes: &[Change],
    ) -> Result<(), StoreError> {
        let others = self.others(ledger, patient, changes)?;
        for one in others.iter().chain([patient]) {
            for (key, known) in ledger.firsts(one, Reach::Disk).map_err(store_error)? {
                if known.identity == identity && !self.rows.contains_key(&key) {
                    self.rows.insert(key, None);
                }
            }
        }
        for first in self.rows.values_mut() {
            if first.as_ref().is_some_and(|(_, it)| it.identity == identity) {
                *first = None;
            }
        }
        Ok(())
    }

    /// Whether the patient, under whichever number, has used the item before.
    fn is_known(
        &mut self,
        ledger: &Ledger,
        patient: &Pseudonym,
        item: &str,
        changes: &[Change],
    ) -> Result<bool, StoreError> {
        if self.has(ledger, patient, item)? {
            return Ok(true);
        }
        for other in self.others(ledger, patient, changes)? {
            if self.has(ledger, &other, item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Everybody who is the same patient. The lines of one visit ask for it one after the other.
    fn others(
        &mut self,
        ledger: &Ledger,
        patient: &Pseudonym,
        changes: &[Change],
    ) -> Result<Vec<Pseudonym>, StoreError> {
        if !self.others.contains_key(patient) {
            let on_disk = links::others(ledger.outbox(), patient, Reach::Disk);
            self.others.insert(*patient, on_disk.map_err(store_error)?);
        }
        let on_disk = self.others.get(patient).into_iter().flatten().copied();
        Ok(on_disk.chain(links::joining(patient, changes)).collect())
    }

    fn has(&self, ledger: &Ledger, patient: &Pseudonym, item: &str) -> Result<bool, StoreError> {
        let key = keys::first(&ledger.0.key, patient, item);
        if let Some(first) = self.rows.get(&key) {
            return Ok(first.is_some());
        }
        Ok(ledger.outbox().row(&key, Reach::Disk).map_err(store_error)?.is_some())
    }
}

/// The line of an item that was used; what takes a use back is none.
fn used(note: &Note) -> Option<&Order> {
    let (Note::Order(line) | Note::Charge(line, _) | Note::Sale(line)) = note else { return None };
    let is_taken_back = line.quantity.is_some_and(|it| it.is_sign_negative());
    (!is_taken_back).then_some(line)
}

/// As much as tells what was used first, and when.
fn first_use(line: &Order) -> Order {
    Order {
        rx_id: line.rx_id.clone(),
        national_code: line.national_code.clone(),
        hospital_code: line.hospital_code.clone(),
        name: line.name.clone(),
        quantity: line.quantity,
        quantity_unit: line.quantity_unit.clone(),
        begins: line.begins,
        ..Order::default()
    }
}
