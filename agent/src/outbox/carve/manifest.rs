//! The engine's list of its files: which tables and logs count, and what its families are called.

use std::collections::BTreeMap;

use super::bytes::Bytes;
use super::log;

/// What the list says.
#[derive(Clone, Debug, Default)]
pub(super) struct Manifest {
    /// Names by the numbers under which logs know the families.
    pub(super) families: BTreeMap<u32, String>,
    /// Tables that count, by number: family, bytes, first and last key.
    pub(super) tables: BTreeMap<u64, Listed>,
    /// A family has all of the logs below this one in tables.
    pub(super) log_by_family: BTreeMap<u32, u64>,
    /// All of it could be read.
    pub(super) is_whole: bool,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) family: u32,
    pub(super) bytes: u64,
    pub(super) first: Vec<u8>,
    pub(super) last: Vec<u8>,
}

impl Manifest {
    pub(super) fn read(file: &[u8]) -> Manifest {
        let mut manifest = Manifest { is_whole: true, ..Manifest::default() };
        let mut edits = 0;
        let gaps = log::records(file, 0, |edit| {
            edits += 1;
            manifest.is_whole &= manifest.apply(Bytes(edit)).is_some();
        });
        manifest.is_whole &= edits > 0 && gaps == log::Gaps::default();
        manifest
    }

    fn apply(&mut self, mut edit: Bytes<'_>) -> Option<()> {
        let (mut family, mut added, mut log) = (0, None, None);
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        while !edit.0.is_empty() {
            match edit.number()? {
                2 => log = Some(edit.number()?),
                3 | 4 | 9 | 10 | 203 | 300 => drop(edit.number()?),
                5 => drop((edit.number()?, edit.sized()?)),
                6 => gone.push((edit.number()?, edit.number()?).1),
                103 => new.push(listed(&mut edit)?),
                200 => family = u32::try_from(edit.number()?).ok()?,
                201 => added = Some(str::from_utf8(edit.sized()?).ok()?.to_owned()),
                202 => {}
                1 => drop(edit.sized()?),
                tag if tag & (1 << 13) != 0 => drop(edit.sized()?),
                _ => return None,
            }
        }
        self.families.extend(added.map(|name| (family, name)));
        self.log_by_family.extend(log.map(|log| (family, log)));
        for number in gone {
            self.tables.remove(&number);
        }
        self.tables.extend(new.into_iter().map(|(number, it)| (number, Listed { family, ..it })));
        Some(())
    }
}

fn listed(edit: &mut Bytes<'_>) -> Option<(u64, Listed)> {
    let (_level, number, bytes) = (edit.number()?, edit.number()?, edit.number()?);
    let [first, last] = [edit.sized()?, edit.sized()?]
        .map(|key| key.split_last_chunk::<8>().map_or(Vec::new(), |(key, _)| key.to_vec()));
    let _seqnos = (edit.number()?, edit.number()?);
    while edit.number()? != 1 {
        edit.sized()?;
    }
    Some((number, Listed { family: 0, bytes, first, last }))
}
