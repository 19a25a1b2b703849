//! Rows of earlier releases, whose keys named items and encounters by a digest that anybody can make: each
//! gets the key of today and is sealed for it, a bounded number at a time, before anything more is folded. What
//! has its old key yet is read under it.

use std::ops::ControlFlow;
use std::sync::{MutexGuard, PoisonError};

use jiff::civil::DateTime;
use rules::past::{self, Note, Noted};

use super::cipher::Cipher;
use super::codec;
use super::keys::{self, Pseudonym};
use super::ledger::{Ledger, open};
use super::links::store_error;
use crate::outbox::{Change, Reach, RowError, StoreError};

impl Ledger {
    /// Finds out whether there are any.
    pub(super) fn look_for_earlier(&self) -> Result<(), RowError> {
        let mut found = None;
        for (letter, _) in keys::EARLIER.into_iter().rev() {
            self.0.outbox.walk_rows([&[letter], &[letter + 1]], Reach::Disk, |_, _| {
                found = Some(vec![letter]);
                ControlFlow::Break(())
            })?;
        }
        *self.earlier() = found;
        Ok(())
    }

    /// Whether some rows have old keys yet.
    pub(super) fn has_earlier(&self) -> bool {
        self.earlier().is_some()
    }

    /// Where rows of one kind are of a patient. Old keys come first: a row that gets its new one meanwhile is
    /// read twice, and not missed.
    pub(super) fn spans(&self, letter: u8, patient: &Pseudonym) -> Vec<[Vec<u8>; 2]> {
        let of_before = self.has_earlier().then(|| keys::of_before(letter, patient));
        of_before.into_iter().chain([keys::span(letter, patient)]).collect()
    }

    /// Gives today's keys to some rows. Behind the last one the old keys leave the disk. Blocks.
    pub(super) fn rekey_some(&self) -> Result<(), StoreError> {
        let links = self.turn();
        if links.closed {
            return Err(StoreError::Stopped);
        }
        let Some(from) = self.earlier().clone() else { return Ok(()) };
        let at = from.first().copied().unwrap_or_default();
        let mut kinds = keys::EARLIER.into_iter().skip_while(|(letter, _)| *letter != at);
        let Some((_, letter)) = kinds.next() else { return Ok(()) };
        let (rows, next) = self.rows_from(&from, at)?;
        let mut changes = Vec::new();
        for (key, value) in &rows {
            changes.extend(self.resealed(letter, key, value)?);
            changes.push(Change::Remove(key.clone()));
        }
        self.0.outbox.write_rows(&changes)?;
        drop(links);
        if next.is_none() {
            self.0.outbox.rewrite_rows(&[at], &[at + 1])?;
        }
        *self.earlier() = next.or_else(|| kinds.next().map(|(letter, _)| vec![letter]));
        if !self.has_earlier() {
            tracing::info!("rows of the past have the keys of today");
        }
        Ok(())
    }

    /// Some rows of a letter, and from where on there may be more.
    fn rows_from(&self, from: &[u8], letter: u8) -> Result<Found, StoreError> {
        let (mut rows, mut next) = (Vec::new(), None);
        let note = |key: &[u8], value: &[u8]| {
            rows.push((key.to_vec(), value.to_vec()));
            if rows.len() < ROWS_AT_ONCE {
                return ControlFlow::Continue(());
            }
            next = Some([key, &[0]].concat());
            ControlFlow::Break(())
        };
        let end = [letter + 1];
        self.0.outbox.walk_rows([from, &end], Reach::Disk, note).map_err(store_error)?;
        Ok((rows, next))
    }

    fn earlier(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.0.earlier.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Rows as they are on the disk, and from where on there are more.
type Found = (Vec<(Vec<u8>, Vec<u8>)>, Option<Vec<u8>>);

/// One change stays small enough not to hold up the queue's own.
const ROWS_AT_ONCE: usize = 1_000;
