//! Seals anew, with the newest data key, what was sealed with another or not at all.

use std::ops::ControlFlow;
use std::sync::PoisonError;

use super::{Batch, Family, Store, StoreError, WalkError, refused};
use crate::outbox::format;

/// What one step came to.
#[derive(Debug, Default)]
pub(in super::super) struct Chunk {
    /// Values looked at.
    pub(in super::super) looked_at: u64,
    /// Of these sealed, or named, anew.
    pub(in super::super) sealed: u64,
    /// Of these damaged; they stay as they are.
    pub(in super::super) damaged: u64,
    /// The key to go on from; `None` at the end of the family.
    pub(in super::super) next: Option<Vec<u8>>,
}

impl Store {
    /// Takes a bounded number of values from a key on. Meanwhile nobody else writes, or a value that
    /// was removed after it was read would come back.
    pub(in super::super) fn reseal(
        &self,
        family: Family,
        from: &[u8],
    ) -> Result<Chunk, StoreError> {
        let turn = self.turn.write().unwrap_or_else(PoisonError::into_inner);
        let (mut chunk, mut batch) = (Chunk::default(), self.batch());
        let (mut scratch, mut bytes, mut unseen) = (Vec::new(), 0, from.to_vec());
        let walked = self.walk_keys(family, from, &END, |key, value| {
            chunk.looked_at += 1;
            unseen = [key, &[0]].concat();
            if !self.vault().is_newest(value) {
                let content = self.vault().open(family, key, value, &mut scratch);
                match content.and_then(|it| format::anew(it, family == Family::Queue)) {
                    Ok(plain) => {
                        bytes += batch.seal(family, key, plain);
                        chunk.sealed += 1;
                    }
                    // Whoever reads it says so, and sets it aside.
                    Err(_) => chunk.damaged += 1,
                }
            }
            if chunk.looked_at < VALUES_A_STEP && bytes < BYTES_A_STEP {
                return ControlFlow::Continue(());
            }
            chunk.next = Some(unseen.clone());
            ControlFlow::Break(())
        });
        let is_damaged = match walked {
            Ok(()) => false,
            Err(WalkError::Damaged(_)) => true,
            Err(WalkError::Failed(cause)) => {
                return Err(StoreError::Failed { operation: "read", cause });
            }
        };
        let written = self.db.write_opt(batch.inner, &self.buffered);
        drop(turn);
        written.map_err(|error| refused("write", &error))?;
        if is_damaged {
            // What lies in the damaged block nobody can read; what lies behind it is to be sealed, too.
            chunk.damaged += 1;
            chunk.next = self.behind_damage(family, &unseen)?;
        }
        Ok(chunk)
    }

    /// The first place behind `from`, where there is damage, from which on the disk answers; `None` if there
    /// is none. Steps that grow lead over the damage, then halves back to its edge.
    fn behind_damage(&self, family: Family, from: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut from = place_of(from);
        let mut bad = from;
        let mut good = END;
        for digit in (0..KEY_BYTES_MAX).rev() {
            if !step(&mut from, digit) {
                break;
            }
            if self.answers(family, &from)? {
                good = from;
                break;
            }
            bad = from;
        }
        while let Some(middle) = between(&bad, &good) {
            if self.answers(family, &middle)? { good = middle } else { bad = middle }
        }
        Ok((good < END).then(|| good.to_vec()))
    }

    fn answers(&self, family: Family, from: &[u8]) -> Result<bool, StoreError> {
        match self.walk_keys(family, from, &END, |_, _| ControlFlow::Break(())) {
            Ok(()) => Ok(true),
            Err(WalkError::Damaged(_)) => Ok(false),
            Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
        }
    }
}

/// A key as a number of so many digits of 256.
type Place = [u8; KEY_BYTES_MAX];

fn place_of(key: &[u8]) -> Place {
    let mut place = [0; KEY_BYTES_MAX];
    for (digit, byte) in place.iter_mut().zip(key) {
        *digit = *byte;
    }
    place
}

/// Adds one at a digit; those behind it count no more. False if there is no such number.
fn step(place: &mut Place, digit: usize) -> bool {
    let (front, behind) = place.split_at_mut(digit.saturating_add(1).min(KEY_BYTES_MAX));
    behind.fill(0);
    for digit in front.iter_mut().rev() {
        *digit = digit.wrapping_add(1);
        if *digit > 0 {
            return true;
        }
    }
    false
}

/// The number half way between two, if there is any between them.
fn between(low: &Place, high: &Place) -> Option<Place> {
    let mut sum = [0_u16; KEY_BYTES_MAX];
    let mut carry = 0;
    for ((sum, low), high) in sum.iter_mut().zip(low).zip(high).rev() {
        let all = u16::from(*low) + u16::from(*high) + carry;
        (*sum, carry) = (all & 0xff, all >> 8);
    }
    let mut middle = [0; KEY_BYTES_MAX];
    for (middle, sum) in middle.iter_mut().zip(sum) {
        let all = carry << 8 | sum;
        (*middle, carry) = (u8::try_from(all >> 1).unwrap_or(u8::MAX), all & 1);
    }
    (middle != *low).then_some(middle)
}

impl Store {
    /// Gives other keys and values to a bounded number of entries from a key on, and whatever `mark` adds, in
    /// one change. Meanwhile nobody else writes. Damage ends it: what lies behind is not looked at.
    pub(in super::super) fn rename(
        &self,
        (family, from): (Family, &[u8]),
        anew: impl Fn(&[u8], &[u8]) -> Option<(Vec<u8>, Vec<u8>)>,
        mark: impl FnOnce(&mut Batch<'_>, &Chunk),
    ) -> Result<Chunk, StoreError> {
        let turn = self.turn.write().unwrap_or_else(PoisonError::into_inner);
        let (mut chunk, mut batch) = (Chunk::default(), self.batch());
        let walked = self.walk_keys(family, from, &END, |key, value| {
            chunk.looked_at += 1;
            if let Some((name, value)) = anew(key, value) {
                batch.delete(family, key);
                batch.put(family, &name, &value);
                chunk.sealed += 1;
            }
            if chunk.looked_at < VALUES_A_STEP {
                return ControlFlow::Continue(());
            }
            chunk.next = Some([key, &[0]].concat());
            ControlFlow::Break(())
        });
        match walked {
            Ok(()) => mark(&mut batch, &chunk),
            Err(WalkError::Damaged(_)) => chunk.damaged += 1,
            Err(WalkError::Failed(cause)) => {
                return Err(StoreError::Failed { operation: "read", cause });
            }
        }
        let written = self.db.write_opt(batch.inner, &self.buffered);
        drop(turn);
        written.map_err(|error| refused("write", &error))?;
        Ok(chunk)
    }
}

/// More than any key has.
const KEY_BYTES_MAX: usize = 64;
/// Behind every key there is.
const END: Place = [0xff; KEY_BYTES_MAX];
/// A step is over in a few milliseconds: messages wait for it.
const VALUES_A_STEP: u64 = 2_048;
const BYTES_A_STEP: usize = 256 << 10;

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbers() {
        check("12", "14", Some("13"));
        check("12", "13", Some("1280"));
        check("00ff", "0101", Some("0100"));
        check("80", "ff", Some("bf80"));
        assert_eq!(between(&place_of(&[7]), &place_of(&[7])), None);
        let mut last = place_of(&[7]);
        last[KEY_BYTES_MAX - 1] = 1;
        assert_eq!(between(&place_of(&[7]), &last), None);
        let mut place = place_of(&[1, 0xff, 3]);
        assert!(step(&mut place, 2) && place == place_of(&[1, 0xff, 4]));
        assert!(step(&mut place, 1) && place == place_of(&[2, 0]));
        let mut last = END;
        assert!(!step(&mut last, KEY_BYTES_MAX - 1));
    }

    #[track_caller]
    fn check(low: &str, high: &str, expected: Option<&str>) {
        let place = |hex: &str| {
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .filter_map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
                .collect();
            place_of(&bytes)
        };
        assert_eq!(between(&place(low), &place(high)), expected.map(place), "{low} {high}");
    }
}
