//! What is left of a store: of each key the change that counts, and the few values there is one of.

use std::collections::BTreeMap;
use std::path::Path;

use uuid::Uuid;

use super::super::carve::{Carving, Change, Kind};
use super::super::format::{self, Content, Damage, SEALED, Take};
use super::super::store::{FAMILIES, Family};
use super::super::vault::Vault;
use super::super::witness::{Testimony, Witness};
use super::super::{CURSOR, EPOCH, LETTERS, PARKED, StoreError, TAIL, keyring};
use super::Harm;
use crate::master_key::KeySource;

pub(super) struct Left {
    carving: Carving,
    /// By the family's number and the key.
    counting: BTreeMap<(u8, Vec<u8>), Counting>,
    /// Marks that removed ranges: family, first key, key behind the last, the change's number.
    marks: Vec<(u8, Vec<u8>, Vec<u8>, u64)>,
    /// Values out of blocks whose sum does not fit, which have proved themselves.
    proved: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
    pub(super) meta: BTreeMap<Vec<u8>, Vec<u8>>,
    vault: Option<Vault>,
    witnessed: Option<(Uuid, Testimony)>,
    /// The highest number behind any record that something tells of.
    behind: u64,
    /// The highest number that something tells all below is delivered.
    delivered: u64,
    last_letter: u64,
    last_parked: u64,
}

#[derive(Clone, Copy)]
struct Counting {
    seqno: u64,
    is_there: bool,
}

/// How far the store had come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) cursor: u64,
    pub(super) next_seq: u64,
    pub(super) bytes: u64,
    pub(super) next_letter: u64,
    /// Dead letters there should be.
    pub(super) letters: Option<u64>,
    pub(super) next_parked: u64,
    /// Parked messages there should be.
    pub(super) parked: Option<u64>,
}

impl Left {
    pub(super) fn of(dir: &Path, key: &KeySource) -> Result<Left, StoreError> {
        let carving = Carving::of(dir).map_err(|error| unread(&error))?;
        let heard = Witness::hear(dir).map_err(|error| unread(&error))?;
        let mut left = Left {
            carving,
            counting: BTreeMap::new(),
            marks: Vec::new(),
            proved: BTreeMap::new(),
            meta: BTreeMap::new(),
            vault: None,
            witnessed: heard.map(|(witness, testimony)| (witness.epoch, testimony)),
            behind: 0,
            delivered: 0,
            last_letter: 0,
            last_parked: 0,
        };
        left.count(dir, key)?;
        left.look_for_numbers()?;
        Ok(left)
    }

    /// Finds the change that counts of each key.
    fn count(&mut self, dir: &Path, key: &KeySource) -> Result<(), StoreError> {
        let (mut counting, mut marks) = (BTreeMap::new(), Vec::new());
        let (mut unsure, mut meta) = (Vec::new(), BTreeMap::<Vec<u8>, (u64, Vec<u8>)>::new());
        let carved = self.carving.changes(|family, change| {
            let Change { seqno, kind, key, value, is_sure, .. } = change;
            let place = (family.number(), key.to_vec());
            if !is_sure {
                if kind == Kind::Put {
                    unsure.push((family, key.to_vec(), value.to_vec()));
                }
                return;
            }
            if kind == Kind::DeleteRange {
                marks.push((family.number(), key.to_vec(), value.to_vec(), seqno));
                return;
            }
            if family == Family::Meta && meta.get(key).is_none_or(|it| it.0 <= seqno) {
                let value = if kind == Kind::Put { value.to_vec() } else { Vec::new() };
                meta.insert(key.to_vec(), (seqno, value));
            }
            let found = Counting { seqno, is_there: kind == Kind::Put };
            let known = counting.entry(place).or_insert(found);
            if known.seqno < seqno {
                *known = found;
            }
        });
        carved.map_err(|error| unread(&error))?;
        for ((family, key), it) in &mut counting {
            let covers = |(of, first, end, seqno): &(u8, Vec<u8>, Vec<u8>, u64)| {
                of == family && *seqno > it.seqno && first <= key && key < end
            };
            it.is_there &= !marks.iter().any(covers);
        }
        let meta = meta.into_iter().map(|(key, (_, value))| (key, value));
        self.meta = meta.filter(|(_, value)| !value.is_empty()).collect();
        (self.counting, self.marks) = (counting, marks);
        self.vault = keyring::of_what_is_left(&self.meta, dir, key)?;
        for (family, key, value) in unsure {
            self.prove(family, key, value);
        }
        Ok(())
    }

    /// Takes a value out of a damaged block if it is what was stored at this very place.
    fn prove(&mut self, family: Family, key: Vec<u8>, value: Vec<u8>) {
        let place = (family.number(), key);
        let is_sealed = value.first() == Some(&SEALED);
        let is_removed = self
            .marks
            .iter()
            .any(|(of, first, end, _)| *of == place.0 && *first <= place.1 && place.1 < *end);
        if !is_sealed || is_removed || self.counting.contains_key(&place) {
            return;
        }
        if self.open(family, &place.1, &value, &mut Vec::new()).is_ok() {
            self.proved.insert(place, value);
        }
    }

    /// Shows every key of some families with the value that counts, in no order.
    pub(super) fn each(
        &mut self,
        families: &[Family],
        mut show: impl FnMut(&Left, Family, &[u8], &[u8]),
    ) -> Result<(), StoreError> {
        let mut shown = std::collections::HashSet::new();
        let mut carving = self.carving.clone();
        let carved = carving.changes(|family, change| {
            if !families.contains(&family) || change.kind != Kind::Put || !change.is_sure {
                return;
            }
            let place = (family.number(), change.key.to_vec());
            let counts = self.counting.get(&place);
            let counts = counts.is_some_and(|it| it.is_there && it.seqno == change.seqno);
            if counts && shown.insert(place) {
                show(self, family, change.key, change.value);
            }
        });
        carved.map_err(|error| unread(&error))?;
        for ((number, key), value) in &self.proved {
            let family = families.iter().find(|it| it.number() == *number);
            if let Some(family) = family {
                show(self, *family, key, value);
            }
        }
        Ok(())
    }

    /// The content of a value.
    pub(super) fn open<'a>(
        &self,
        family: Family,
        key: &[u8],
        value: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> Result<Content<'a>, Damage> {
        match &self.vault {
            Some(vault) => vault.open(family, key, value, scratch),
            None => Content::checked(value),
        }
    }

    /// Every number that anything tells of counts: none may be given out twice.
    fn look_for_numbers(&mut self) -> Result<(), StoreError> {
        let (mut behind, mut delivered, mut letter, mut parked) = (0, 0, 0, 0);
        let families = [Family::Queue, Family::Seen, Family::Journey];
        self.each(&families, |left, family, key, value| match family {
            Family::Queue => {
                let Some(first) = number(key) else { return };
                let mut scratch = Vec::new();
                let entry = left.open(family, key, value, &mut scratch);
                let entry = entry.and_then(format::Entry::read);
                let records = entry.map_or(1, |it| it.records.len() as u64);
                behind = behind.max(first.saturating_add(records));
            }
            Family::Seen => {
                let last = |takes: Vec<Take>| takes.iter().map(|it| it.seq).max().unwrap_or(0);
                behind = behind.max(format::open_takes(value).map_or(0, last).saturating_add(1));
            }
            // A day, `c`, and the number up to which all was delivered then.
            _ => {
                if let [_, _, _, _, b'c', rest @ ..] = key {
                    delivered = delivered.max(number(rest).unwrap_or(0));
                }
            }
        })?;
        for (family, key) in self.counting.keys() {
            if *family == Family::Dead.number() {
                letter = letter.max(number(key).unwrap_or(0));
            } else if *family == Family::Parked.number() {
                parked = parked.max(number(key).unwrap_or(0));
            }
        }
        (self.behind, self.delivered) = (behind, delivered);
        (self.last_letter, self.last_parked) = (letter, parked);
        Ok(())
    }

    pub(super) fn position(&self) -> Position {
        let witnessed =
            self.witnessed.filter(|(epoch, _)| self.told_epoch().is_none_or(|it| it == *epoch));
        let witnessed = witnessed.map(|it| it.1);
        let [next, bytes] = self.row(TAIL).unwrap_or([1, 0]);
        let [cursor] = self.row(CURSOR).unwrap_or([1]);
        let letters: Option<[u64; 2]> = self.row(LETTERS);
        let parked: Option<[u64; 2]> = self.row(PARKED);
        let cursor = cursor.max(self.delivered);
        let next_seq = next.max(cursor).max(self.behind).max(witnessed.map_or(1, |it| it.next_seq));
        let next_letter = letters.map_or(1, |it| it[0]).max(self.last_letter.saturating_add(1));
        let next_parked = parked.map_or(1, |it| it[0]).max(self.last_parked.saturating_add(1));
        Position {
            cursor,
            next_seq,
            bytes,
            next_letter: next_letter.max(witnessed.map_or(1, |it| it.next_letter)),
            letters: letters.map(|it| it[1]),
            next_parked: next_parked.max(witnessed.map_or(1, |it| it.next_parked)),
            parked: parked.map(|it| it[1]),
        }
    }

    fn row<const N: usize>(&self, key: &[u8]) -> Option<[u64; N]> {
        self.meta.get(key).and_then(|it| format::read_numbers(it))
    }

    fn told_epoch(&self) -> Option<Uuid> {
        self.meta.get(EPOCH).and_then(|it| Uuid::from_slice(it).ok())
    }

    /// The store's id.
    pub(super) fn epoch(&self) -> Option<Uuid> {
        self.told_epoch().or(self.witnessed.map(|it| it.0))
    }

    /// The keyring as a file keeps it; none in a store that was never sealed.
    pub(super) fn keyring(&self) -> Option<format::Keyring> {
        self.vault.as_ref().map(Vault::ring)
    }

    /// What was removed may be found again: the list of files does not tell which of them count.
    pub(super) fn may_show_what_is_gone(&self) -> bool {
        self.carving.is_listed_wrongly()
    }

    pub(super) fn harms(&self) -> Vec<Harm> {
        let wounds = self.carving.wounds.iter().cloned();
        wounds.map(|it| Harm { file: it.file, at: it.at, what: it.what }).collect()
    }
}

/// A key that is a number.
pub(super) fn number(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

pub(super) fn unread(error: &std::io::Error) -> StoreError {
    StoreError::of_disk("read the store", error.to_string())
}

const _: () =
    assert!(FAMILIES.len() == 10, "a new family may hold numbers too: see `look_for_numbers`");
