//! Rows of earlier releases, whose keys named items and encounters by a digest that anybody can make: each
//! gets the key of today when the past is opened, and is sealed for it.

use std::ops::ControlFlow;

use jiff::civil::DateTime;
use rules::past::{self, Note, Noted};

use super::cipher::Cipher;
use super::codec;
use super::keys;
use super::ledger::{Ledger, open};
use super::links::store_error;
use crate::outbox::{Change, Reach, StoreError};

impl Ledger {
    /// Gives today's keys to all rows. What cannot be written now is for the next start, and unknown until then.
    pub(super) fn rekey(&self) {
        for (earlier, letter) in keys::EARLIER {
            match self.rekey_letter(earlier, letter) {
                Ok(0) => {}
                Ok(rows) => tracing::info!(rows, "rows of the past have new keys"),
                Err(error) => tracing::warn!(%error, "rows of the past keep their old keys"),
            }
        }
    }

    fn rekey_letter(&self, earlier: u8, letter: u8) -> Result<u64, StoreError> {
        let (mut from, end) = (vec![earlier], [earlier + 1]);
        let mut count = 0;
        loop {
            let (mut rows, mut last) = (Vec::new(), None);
            let note = |key: &[u8], value: &[u8]| {
                rows.push((key.to_vec(), value.to_vec()));
                last = Some([key, &[0]].concat());
                let is_enough = rows.len() >= ROWS_AT_ONCE;
                if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            self.0.outbox.walk_rows([&from, &end], Reach::Disk, note).map_err(store_error)?;
            let Some(next) = last else { break };
            let mut changes = Vec::new();
            for (key, value) in &rows {
                changes.extend(self.resealed(letter, key, value)?);
                changes.push(Change::Remove(key.clone()));
            }
            self.0.outbox.write_rows(&changes)?;
            (from, count) = (next, count + rows.len() as u64);
        }
        if count > 0 {
            // The old keys are gone from the disk, too.
            self.0.outbox.rewrite_rows(&[earlier], &end)?;
        }
        Ok(count)
    }

    /// The row as it stands today; nothing of one that is damaged and could not be read before either.
    fn resealed(&self, letter: u8, key: &[u8], value: &[u8]) -> Result<Option<Change>, StoreError> {
        let Some((patient, anew)) = keys::rekeyed(&self.0.key, letter, key) else {
            return Ok(None);
        };
        let Some((day, sealed)) = keys::undated(value) else { return Ok(None) };
        let mut sealed = sealed.to_vec();
        let cipher = Cipher::of(&self.0.key, &patient);
        let Some(content) = cipher.open(key, &mut sealed) else { return Ok(None) };
        // After a start that could not write the row, checks and records went on under the key of today.
        let there = self.0.outbox.row(&anew, Reach::Disk).map_err(store_error)?;
        let (day, content) = match there.and_then(|it| open(&cipher, &anew, &it)) {
            None => (day, content.to_vec()),
            Some((later, there)) => (day.max(later), both(letter, content, there)),
        };
        self.sealed(&patient, anew, day, content).map(Some)
    }
}

/// What one row says and another said before it, in one.
fn both(letter: u8, before: &[u8], there: Vec<Noted>) -> Vec<u8> {
    let mut noted = Vec::new();
    codec::read(before, &mut noted);
    let noted = if letter == keys::FIRST {
        first_of(noted, there)
    } else {
        past::told_in_all([noted, there].concat())
    };
    let mut content = Vec::new();
    for it in &noted {
        codec::write(it, &mut content);
    }
    content
}

/// The first use of the two; of one record, as it was last revised.
fn first_of(before: Vec<Noted>, there: Vec<Noted>) -> Vec<Noted> {
    let record = |it: &[Noted]| it.first().map(|it| it.identity);
    let is_revised = record(&before) == record(&there);
    let is_earlier = begins(&there).zip(begins(&before)).is_some_and(|(it, was)| it < was);
    if before.is_empty() || is_revised || is_earlier { there } else { before }
}

fn begins(noted: &[Noted]) -> Option<DateTime> {
    noted.iter().flat_map(|it| &it.notes).find_map(|note| match note {
        Note::First(line) => line.begins,
        _ => None,
    })
}

/// One change stays small enough not to hold up the queue's own.
const ROWS_AT_ONCE: usize = 1_000;
