//! What the rest of the agent calls a patient.
//!
//! The log of checks knows nobody's past: its pseudonym is made of the number that a check names. The
//! past knows a patient by the first id that came, whatever kind that was. So that the platform can put
//! together what both tell it, the pseudonym of the log is kept with the patient, by the strongest id.

use rules::past::Named;

use super::keys::{self, Pseudonym};
use super::ledger::Ledger;
use super::links::{Links, store_error};
use crate::outbox::{Change, Reach, RowError, StoreError};

impl Ledger {
    /// Keeps what a patient is called by these ids, unless a stronger one has told it before.
    pub(super) fn call(
        &self,
        patient: &Pseudonym,
        named: &Named,
        links: &mut Links,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let Some((strength, id)) = strongest(named) else { return Ok(()) };
        let before = match links.called.get(patient) {
            Some(before) => Some(*before),
            None => self.alias(patient, Reach::Disk).map_err(store_error)?.map(|(it, _)| it),
        };
        let strongest = before.unwrap_or(u8::MAX).min(strength);
        links.called.insert(*patient, strongest);
        if before.is_none_or(|before| strength < before) {
            let name = self.0.key.pseudonym(&self.0.org, id);
            let value = [&[strength], name.as_bytes()].concat();
            changes.push(Change::Put(keys::alias(patient), keys::dated(keys::NEVER, &value)));
        }
        Ok(())
    }

    /// What patients that are one are called, the one first. Of whom only an encounter is known, and of
    /// whom nothing came since the name is kept, is called as the past does.
    pub(super) fn called(&self, patients: &[Pseudonym], reach: Reach) -> Result<String, RowError> {
        let mut names = Vec::new();
        for patient in patients {
            names.extend(self.alias(patient, reach)?);
        }
        // Of two that are as strong: the one of the patient whom the other was found to be.
        let strongest = names.into_iter().min_by_key(|(strength, _)| *strength);
        let of_past = || patients.first().map(hex).unwrap_or_default();
        Ok(strongest.map_or_else(of_past, |(_, name)| name))
    }

    fn alias(&self, patient: &Pseudonym, reach: Reach) -> Result<Option<(u8, String)>, RowError> {
        let value = self.0.outbox.row(&keys::alias(patient), reach)?;
        Ok(value.and_then(|it| {
            let (strength, name) = keys::undated(&it)?.1.split_first()?;
            Some((*strength, str::from_utf8(name).ok()?.to_owned()))
        }))
    }
}

/// How the past writes its own pseudonym of a patient.
pub(super) fn hex(patient: &Pseudonym) -> String {
    format!("{:032x}", u128::from_be_bytes(*patient))
}

/// The hospital's id before the insurer's before the number of the medical record.
fn strongest(named: &Named) -> Option<(u8, &str)> {
    let ids = [&named.patn_id, &named.psn_no, &named.medrcdno];
    (0..).zip(ids).find_map(|(strength, id)| Some((strength, id.as_deref()?)))
}
