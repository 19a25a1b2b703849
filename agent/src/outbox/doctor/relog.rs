//! Brings back what the engine drops of a log with a hole in it.
//!
//! A power cut can leave a hole in a log, and whole records behind it. The engine opens such a store, but
//! gives up whatever shares a block with the hole. So the logs are copied first, with the list that says
//! what of them is in no table yet; the engine opens the store; and then every change that can be read in
//! the copies is made once more, in its order. What was made is made again, which changes nothing; what
//! was dropped is there. Nothing else is written before that is on disk and the copies are put away, or
//! they would take back what came after them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tracing::{error, warn};

use super::super::carve::{self, Carving, Change, Kind};
use super::super::format;
use super::super::letters;
use super::super::opening;
use super::super::store::{Batch, Durability, Family, Store};
use super::super::{FOLLOWED, LETTERS, StoreError};
use super::lock;
use super::salvage::giving_up_reserve;

/// Copies the logs of a store that nobody has open, on disk when this returns. Copies that are there
/// already are of a start that was cut off: since then the engine may have done with the logs.
pub(in super::super) fn keep_logs(dir: &Path) -> Result<(), StoreError> {
    let _held = lock::take(dir)?;
    if dir.join(KEPT).exists() && is_of_now(dir) {
        return Ok(());
    }
    warn!(dir = %dir.display(), "a log is damaged before its end; what can be read of it is kept");
    let kept = giving_up_reserve(dir, || {
        copy_logs(dir).map_err(|it| StoreError::of_disk("copy the logs", it.to_string()))
    });
    kept.inspect_err(|_| drop(remove(&dir.join(GROWING))))
}

fn copy_logs(dir: &Path) -> io::Result<()> {
    let growing = dir.join(GROWING);
    remove(&growing)?;
    remove(&dir.join(KEPT))?;
    fs::create_dir(&growing)?;
    let list = carve::current(dir).map(|number| format!("MANIFEST-{number:06}"));
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_log = Path::new(&name).extension().is_some_and(|it| it == "log");
        let counts = |it: &str| it == "CURRENT" || it == WITNESS || Some(it) == list.as_deref();
        if is_log || name.to_str().is_some_and(counts) {
            // The witness is not synced as it is written, and has to be the same after a power cut.
            File::open(entry.path())?.sync_all()?;
            let copy = growing.join(&name);
            fs::copy(entry.path(), &copy)?;
            File::open(copy)?.sync_all()?;
        }
    }
    File::open(&growing)?.sync_all()?;
    fs::rename(growing, dir.join(KEPT))?;
    File::open(dir)?.sync_all()
}

/// Makes the changes of the copies once more, if there are any, in a store that was just opened.
pub(in super::super) fn replay(dir: &Path, store: &Store) -> Result<(), StoreError> {
    let kept = dir.join(KEPT);
    if kept.exists() {
        if is_of_now(dir) {
            // Damage leads to a new store, into which the copies go as well.
            make_again(&kept, store)?;
        } else {
            error!(
                "copies of logs are of a time before the store's last change: they are left out"
            );
        }
        remove(&dir.join(GROWING)).map_err(|it| put_away(&it))?;
        fs::rename(&kept, dir.join(GROWING)).map_err(|it| put_away(&it))?;
        File::open(dir).and_then(|it| it.sync_all()).map_err(|it| put_away(&it))?;
    }
    remove(&dir.join(GROWING)).map_err(|it| put_away(&it))
}

/// Copies of logs that no start has taken over yet: a start was cut off before it could.
pub(in super::super) fn kept_logs(dir: &Path) -> Option<PathBuf> {
    let kept = dir.join(KEPT);
    (kept.exists() && is_of_now(dir)).then_some(kept)
}

/// Whether nothing was taken in since the copies were made, as an earlier release would that does not
/// know of them.
fn is_of_now(dir: &Path) -> bool {
    let heard = |dir: &Path| fs::read(dir.join(WITNESS)).ok();
    heard(dir) == heard(&dir.join(KEPT))
}

fn make_again(kept: &Path, store: &Store) -> Result<(), StoreError> {
    let carving = Carving::of(kept).map_err(|error| super::left::unread(&error))?;
    let (mut batch, mut bytes, mut changes, mut done) = (store.batch(), 0, 0_u64, Ok(()));
    let read = carving.logged(|family, change| {
        if done.is_err() {
            return;
        }
        bytes += change.key.len() + change.value.len();
        changes += 1;
        add(&mut batch, family, change);
        if bytes > BATCH_BYTES_MAX {
            let full = std::mem::replace(&mut batch, store.batch());
            (done, bytes) = (full.write(Durability::Buffered), 0);
        }
    });
    read.map_err(|error| super::left::unread(&error))?;
    done?;
    // What is left of the account may be short, and has to be made anew.
    batch.delete(Family::Account, FOLLOWED);
    batch.write(Durability::Synced)?;
    name_lost_letters(store)?;
    warn!(changes, "what could be read of the damaged log was made once more");
    Ok(())
}

fn add(batch: &mut Batch<'_>, family: Family, change: Change<'_>) {
    let Change { kind, key, value, .. } = change;
    match kind {
        Kind::Put => batch.put(family, key, value),
        Kind::Delete => batch.delete(family, key),
        Kind::DeleteRange => batch.delete_keys(family, key, value),
    }
}

/// Records and parked messages are missed by their numbers; of dead letters only the count is known.
fn name_lost_letters(store: &Store) -> Result<(), StoreError> {
    let Some([next, kept]) = opening::row(store, LETTERS)? else { return Ok(()) };
    let (mut found, mut highest) = (0, 0);
    let walked = store.walk(Family::Dead, [0, 0, u64::MAX], |number, _| {
        (found, highest) = (found + 1, number);
        std::ops::ControlFlow::Continue(())
    });
    if walked.is_err() || found >= kept {
        return Ok(());
    }
    let (number, lost) = (next.max(highest + 1), kept - found);
    let mut batch = store.batch();
    let letter = format::letter(&letters::of_lost_letters(lost)).checked();
    batch.put(Family::Dead, &number.to_be_bytes(), &letter);
    batch.put(Family::Meta, LETTERS, &format::numbers([number + 1, found + 1]));
    batch.write(Durability::Synced)
}

fn remove(dir: &Path) -> io::Result<()> {
    if dir.exists() { fs::remove_dir_all(dir) } else { Ok(()) }
}

fn put_away(error: &io::Error) -> StoreError {
    StoreError::of_disk("put the copies of the logs away", error.to_string())
}

const KEPT: &str = "logs";
const GROWING: &str = "logs.new";
const WITNESS: &str = "witness";
const BATCH_BYTES_MAX: usize = 4 << 20;
