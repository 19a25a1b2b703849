//! What is left of a store: of each key the change that counts, and the few values there is one of.

use std::collections::BTreeMap;
use std::path::Path;

use uuid::Uuid;

use super::super::aside::{self, Aside};
use super::super::carve::{Carving, Change, Kind};
use super::super::format::{self, Content, Damage, SEALED, Take};
use super::super::store::{FAMILIES, Family};
use super::super::vault::Vault;
use super::super::witness::{Testimony, Witness};
use super::super::{CURSOR, EARLY, EPOCH, LETTERS, PARKED, StoreError, TAIL, keyring};
use super::Harm;
use super::counting::{self, Counting, Part};
use super::marks::Marks;
use crate::master_key::KeySource;
use crate::ranges::Ranges;

pub(super) struct Left {
    carving: Carving,
    /// How many changes the files tell of, by the family's number.
    changes: BTreeMap<u8, u64>,
    /// All keys there are, if they are few enough to be held.
    counting: Option<Counting>,
    marks: Marks,
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

/// Values out of blocks whose sum does not fit, by their places.
#[derive(Default)]
struct Unsure {
    values: BTreeMap<(u8, Vec<u8>), Vec<Vec<u8>>>,
    bytes: usize,
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
            changes: BTreeMap::new(),
            counting: None,
            marks: Marks::default(),
            proved: BTreeMap::new(),
            meta: BTreeMap::new(),
            vault: None,
            witnessed: heard.map(|(witness, testimony)| (witness.epoch, testimony)),
            behind: 0,
            delivered: 0,
            last_letter: 0,
            last_parked: 0,
        };
        let unsure = left.look_through()?;
        left.vault = keyring::of_what_is_left(&left.meta, dir, key)?;
        left.prove(unsure)?;
        left.count_records()?;
        Ok(left)
    }

    /// Reads everything once: how many changes there are, the marks, the few values there is one of,
    /// and every number that anything tells of, since none may be given out twice. What was removed
    /// tells of its number all the same.
    fn look_through(&mut self) -> Result<Unsure, StoreError> {
        let (mut unsure, mut meta) =
            (Unsure::default(), BTreeMap::<Vec<u8>, (u64, Vec<u8>)>::new());
        let mut carving = self.carving.clone();
        let carved = carving.changes(|family, change| {
            let Change { seqno, kind, key, value, is_sure, .. } = change;
            match kind {
                Kind::Put if !is_sure => unsure.keep(family, key, value),
                _ if !is_sure => {}
                Kind::DeleteRange => self.marks.note(family.number(), key, value, seqno),
                Kind::Put | Kind::Delete => {
                    *self.changes.entry(family.number()).or_default() += 1;
                    self.hear(family, key, value);
                    if family == Family::Meta && meta.get(key).is_none_or(|it| it.0 <= seqno) {
                        let value = if kind == Kind::Put { value.to_vec() } else { Vec::new() };
                        meta.insert(key.to_vec(), (seqno, value));
                    }
                }
            }
        });
        carved.map_err(|error| unread(&error))?;
        self.carving = carving;
        self.marks.settle();
        let meta = meta.into_iter().map(|(key, (_, value))| (key, value));
        self.meta = meta.filter(|(_, value)| !value.is_empty()).collect();
        Ok(unsure)
    }

    /// What a change tells of numbers, without opening what is sealed.
    fn hear(&mut self, family: Family, key: &[u8], value: &[u8]) {
        match family {
            Family::Dead => self.last_letter = self.last_letter.max(number(key).unwrap_or(0)),
            Family::Parked => self.last_parked = self.last_parked.max(number(key).unwrap_or(0)),
            Family::Seen => {
                let last = |takes: Vec<Take>| takes.iter().map(|it| it.seq).max().unwrap_or(0);
                let behind = format::open_takes(value).map_or(0, last).saturating_add(1);
                self.behind = self.behind.max(behind);
            }
            Family::Journey => {
                // A day, `c`, and the number up to which all was delivered then.
                if let [_, _, _, _, b'c', rest @ ..] = key {
                    self.delivered = self.delivered.max(number(rest).unwrap_or(0));
                }
            }
            _ => {}
        }
    }

    /// Takes values out of damaged blocks if they are what was stored at this very place, and no
    /// change of it is known for sure.
    fn prove(&mut self, mut unsure: Unsure) -> Result<(), StoreError> {
        if unsure.values.is_empty() {
            return Ok(());
        }
        let carved = self.carving.clone().changes(|family, change| {
            if change.is_sure && change.kind != Kind::DeleteRange {
                unsure.values.remove(&(family.number(), change.key.to_vec()));
            }
        });
        carved.map_err(|error| unread(&error))?;
        for (place, values) in unsure.values {
            let family = FAMILIES.into_iter().find(|it| it.number() == place.0);
            let Some(family) = family.filter(|_| !self.marks.removed(place.0, &place.1, 0)) else {
                continue;
            };
            let opens = |it: &Vec<u8>| {
                it.first() == Some(&SEALED)
                    && self.open(family, &place.1, it, &mut Vec::new()).is_ok()
            };
            if let Some(value) = values.into_iter().rev().find(opens) {
                self.proved.insert(place, value);
            }
        }
        Ok(())
    }

    /// Shows every key of some families with the value that counts, in no order.
    pub(super) fn each(
        &mut self,
        families: &[Family],
        mut show: impl FnMut(&Left, Family, &[u8], &[u8]),
    ) -> Result<(), StoreError> {
        if let Some(mut all) = self.all_counted()? {
            self.show(families, &mut all, &mut show)?;
            self.counting = Some(all);
        } else {
            let changes = families.iter().filter_map(|it| self.changes.get(&it.number())).sum();
            for part in Part::all(changes, counting::keys_at_once(changes)) {
                let mut counted = self.counted(families, part)?;
                self.show(families, &mut counted, &mut show)?;
            }
        }
        for ((number, key), value) in &self.proved {
            let family = families.iter().find(|it| it.number() == *number);
            if let Some(family) = family {
                show(self, *family, key, value);
            }
        }
        Ok(())
    }

    /// Which change of each key counts, of all families; `None` when these are too many to be held.
    fn all_counted(&mut self) -> Result<Option<Counting>, StoreError> {
        let changes = self.changes.values().sum();
        if changes > counting::keys_at_once(changes) {
            return Ok(None);
        }
        match self.counting.take() {
            Some(counting) => Ok(Some(counting)),
            None => self.counted(&FAMILIES, Part::WHOLE).map(Some),
        }
    }

    fn counted(&self, families: &[Family], part: Part) -> Result<Counting, StoreError> {
        let mut counting = Counting::of(part);
        let carved = self.carving.clone().changes(|family, change| {
            if families.contains(&family) && change.is_sure && change.kind != Kind::DeleteRange {
                counting.note(family, change.key, change.seqno, change.kind);
            }
        });
        carved.map_err(|error| unread(&error))?;
        Ok(counting)
    }

    fn show(
        &self,
        families: &[Family],
        counting: &mut Counting,
        show: &mut impl FnMut(&Left, Family, &[u8], &[u8]),
    ) -> Result<(), StoreError> {
        counting.begin();
        let carved = self.carving.clone().changes(|family, change| {
            let Change { seqno, kind, key, value, is_sure, .. } = change;
            if families.contains(&family)
                && kind == Kind::Put
                && is_sure
                && counting.counts(family, key, seqno)
                && !self.marks.removed(family.number(), key, seqno)
            {
                show(self, family, key, value);
            }
        });
        carved.map_err(|error| unread(&error))
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

    /// An entry's key tells of its first record only.
    fn count_records(&mut self) -> Result<(), StoreError> {
        let mut behind = self.behind;
        self.each(&[Family::Queue], |left, family, key, value| {
            let Some(first) = number(key) else { return };
            let mut scratch = Vec::new();
            let entry = left.open(family, key, value, &mut scratch);
            let entry = entry.and_then(format::Entry::read);
            let records = entry.map_or(1, |it| it.records.len() as u64);
            behind = behind.max(first.saturating_add(records));
        })?;
        self.behind = behind;
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

    /// What is settled above the cursor.
    pub(super) fn settled(&self) -> Ranges {
        let early = aside::read(self.meta.get(EARLY).map(Vec::as_slice));
        early.iter().chain(self.aside().stretches()).collect()
    }

    /// What had left without reaching the platform.
    pub(super) fn aside(&self) -> Aside {
        Aside::of_rows(&self.meta)
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

impl Unsure {
    /// A damaged place tells of so much at most; what is more is missed by its numbers.
    fn keep(&mut self, family: Family, key: &[u8], value: &[u8]) {
        self.bytes = self.bytes.saturating_add(key.len() + value.len());
        if self.bytes <= UNSURE_BYTES_MAX {
            let place = (family.number(), key.to_vec());
            self.values.entry(place).or_default().push(value.to_vec());
        }
    }
}

/// A key that is a number.
pub(super) fn number(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

pub(super) fn unread(error: &std::io::Error) -> StoreError {
    StoreError::of_disk("read the store", error.to_string())
}

const _: () = assert!(FAMILIES.len() == 10, "a new family may hold numbers too: see `hear`");
/// Of values in damaged blocks that are held until it is known whether they count.
const UNSURE_BYTES_MAX: usize = 256 << 20;
