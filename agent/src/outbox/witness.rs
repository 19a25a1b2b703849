//! A second opinion on how far the store has come: one small file beside it.
//!
//! Damage at the end of the log leaves nothing behind it that would show a gap, and the numbers
//! would be given out again. So after each synced group the next free numbers are written here too,
//! in place and without a sync. The file can be behind the store (a power cut), but never ahead of
//! what was synced; if it *is* ahead of what the store says, the store has lost something. It also
//! knows the store's epoch, so that a store that has lost its own goes on under the same one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use tracing::warn;
use uuid::Uuid;

/// The open file.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
    /// The store it speaks of.
    pub(super) epoch: Uuid,
}

/// What it says: the next number of a record, of a dead letter, and of a parked message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_field_names)] // each is the next of its kind
pub(super) struct Testimony {
    pub(super) next_seq: u64,
    pub(super) next_letter: u64,
    pub(super) next_parked: u64,
}

impl Witness {
    /// Hears the file in the store's folder. `None` if it is not there or is damaged itself.
    pub(super) fn hear(dir: &Path) -> io::Result<Option<(Witness, Testimony)>> {
        let file = match OpenOptions::new().read(true).write(true).open(dir.join(NAME)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        (&file).take(BYTES_MAX).read_to_end(&mut found)?;
        let heard = read(&found);
        if heard.is_none() {
            warn!("the witness file is damaged; it will be written anew");
        }
        Ok(heard.map(|(epoch, testimony)| (Witness { file, epoch }, testimony)))
    }

    /// Starts a new file, on disk when this returns.
    pub(super) fn start(dir: &Path, epoch: Uuid, first: Testimony) -> io::Result<Witness> {
        let file = File::create(dir.join(NAME))?;
        let witness = Witness { file, epoch };
        witness.note(first)?;
        witness.sync()?;
        File::open(dir)?.sync_all()?;
        Ok(witness)
    }

    /// Notes what has just been synced.
    pub(super) fn note(&self, testimony: Testimony) -> io::Result<()> {
        self.file.write_all_at(&bytes(testimony, self.epoch), 0)
    }

    /// For a clean end.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

// epoch 16 bytes | next_seq 8 | next_letter 8 | next_parked 8, high byte first | begin of their
// SHA-256, 8
fn bytes(testimony: Testimony, epoch: Uuid) -> Vec<u8> {
    let mut bytes = epoch.as_bytes().to_vec();
    bytes.extend(testimony.next_seq.to_be_bytes());
    bytes.extend(testimony.next_letter.to_be_bytes());
    bytes.extend(testimony.next_parked.to_be_bytes());
    bytes.extend(Sha256::digest(&bytes).iter().take(8));
    bytes
}

fn read(found: &[u8]) -> Option<(Uuid, Testimony)> {
    let (epoch, rest) = found.split_first_chunk::<16>()?;
    let (next_seq, rest) = rest.split_first_chunk()?;
    let (next_letter, rest) = rest.split_first_chunk()?;
    let (next_parked, _) = rest.split_first_chunk()?;
    let epoch = Uuid::from_bytes(*epoch);
    let testimony = Testimony {
        next_seq: u64::from_be_bytes(*next_seq),
        next_letter: u64::from_be_bytes(*next_letter),
        next_parked: u64::from_be_bytes(*next_parked),
    };
    (bytes(testimony, epoch) == found).then_some((epoch, testimony))
}

const NAME: &str = "witness";
/// More than the file has.
const BYTES_MAX: u64 = 64;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FIRST: Testimony = Testimony { next_seq: 1, next_letter: 1, next_parked: 1 };
    const LAST: Testimony = Testimony { next_seq: 300, next_letter: 2, next_parked: 3 };

    #[test]
    fn it_says_what_it_was_told_and_knows_its_own_damage() {
        check(|_| (), Some(LAST));
        check(|file| file.write_all_at(&[0xff], 20).unwrap(), None);
        check(|file| file.set_len(47).unwrap(), None);
        check(|file| file.set_len(49).unwrap(), None);
        check(|file| file.set_len(0).unwrap(), None);
    }

    #[track_caller]
    fn check(harm: impl Fn(&File), expected: Option<Testimony>) {
        let (dir, epoch) = (tempfile::tempdir().unwrap(), Uuid::from_bytes([7; 16]));
        assert!(Witness::hear(dir.path()).unwrap().is_none());
        let witness = Witness::start(dir.path(), epoch, FIRST).unwrap();
        witness.note(Testimony { next_seq: u64::MAX, next_letter: 9, next_parked: 0 }).unwrap();
        witness.note(LAST).unwrap();
        harm(&witness.file);
        let heard = Witness::hear(dir.path()).unwrap();
        assert_eq!(heard.map(|(witness, it)| (witness.epoch, it)), expected.map(|it| (epoch, it)));
    }
}
