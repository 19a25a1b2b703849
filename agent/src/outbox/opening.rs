//! Finds out what a store that was just opened holds: whose it is, and how far it has come.
//!
//! A crash needs nothing else. Damage may have taken any of the few values there is one of, so
//! each is compared with what else tells of it.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use tracing::error;
use uuid::Uuid;

use super::aside::{self, Aside};
use super::doctor::{self, Danger};
use super::format::{self, Entry};
use super::keyring;
use super::names::Form;
use super::parked::{self, Index};
use super::progress::Left;
use super::room::Reserve;
use super::store::{Durability, Family, Store, WalkError};
use super::witness::{Testimony, Witness};
use super::writer::{self, Position};
use super::{CURSOR, EARLY, EPOCH, FORMAT, LETTERS, Options, StoreError, TAIL};

/// A store that is ready for its writer.
pub(super) struct Opened {
    pub(super) store: Arc<Store>,
    pub(super) witness: Witness,
    pub(super) at: Position,
    /// What waits for a code to be mapped.
    pub(super) parked: Index,
    /// Some of that cannot be read, and there was no room to put it aside.
    pub(super) parked_is_harmed: bool,
    /// The key of the first entry that may hold something unsettled.
    pub(super) floor: u64,
    /// The first record that may still be there, delivered or not.
    pub(super) lowest: u64,
    /// What is settled above the cursor.
    pub(super) left: Left,
    /// How `seen` names what it holds.
    pub(super) form: Form,
}

/// Opens the store and its witness, making both when they are not there.
///
/// What the engine would not open, or would lose part of, is made anew of what is left. A hole in a log
/// costs no copy of the whole store: power cuts leave such holes.
pub(super) fn open(dir: &Path, options: &Options) -> Result<Opened, StoreError> {
    doctor::finish(dir)?;
    let danger = doctor::danger(dir)?;
    let is_made_anew = match (danger, doctor::marked(dir)) {
        (Some(Danger::List), _) => {
            doctor::mend(dir, options, "the list of its files is damaged").map(|()| true)?
        }
        (_, Some(why)) => unless_full(dir, doctor::mend(dir, options, &why))?,
        (_, None) => false,
    };
    if danger == Some(Danger::Log) && !is_made_anew {
        doctor::keep_logs(dir)?;
    }
    match open_as_it_is(dir, options) {
        Err(StoreError::Damaged { cause }) => {
            doctor::mend(dir, options, &cause)?;
            open_as_it_is(dir, options)
        }
        opened => opened,
    }
}

/// Whether a store was made anew. Without room for it, one that the engine would open goes on as it is: it
/// delivers until its files are merged again. Once files have moved there is none that could go on: an empty one
/// would be made.
fn unless_full(dir: &Path, mended: Result<(), StoreError>) -> Result<bool, StoreError> {
    match mended {
        Err(error) if error.is_full() && !doctor::is_half(dir) => {
            error!(%error, "the damaged store goes on as it is; make room and start the agent anew");
            Ok(false)
        }
        done => done.map(|()| true),
    }
}

fn open_as_it_is(dir: &Path, options: &Options) -> Result<Opened, StoreError> {
    // Before anything of the store is touched: a wrong key must change nothing.
    let vault = keyring::hear(dir, &options.key)?;
    let store = Arc::new(open_store(dir, options)?);
    doctor::replay(dir, &store)?;
    store.probe()?;
    let heard = Witness::hear(dir).map_err(|error| StoreError::witness(&error))?;
    let epoch = identify(&store, heard.as_ref().map(|(witness, _)| witness.epoch))?;
    let vault = match vault {
        Some(vault) => vault,
        None => keyring::recover(&store, dir, &options.key)?,
    };
    keyring::keep_in(&store, &store.keep_vault(vault).ring())?;
    // A witness of another store has nothing to say about this one.
    let heard = heard.filter(|(witness, _)| witness.epoch == epoch);
    let testimony = heard.as_ref().map(|(_, testimony)| *testimony);
    let (mut at, floor) = position(&store, testimony)?;
    let found = parked::find(&store, &mut at, testimony.map(|it| it.next_parked))?;
    let parked_is_harmed = !found.set_aside_if_there_is_room(&store, &mut at)?;
    let parked = found.index;
    let witness = match heard {
        Some((witness, _)) => Ok(witness),
        None => Witness::start(dir, epoch, at.testimony()),
    };
    let witness = witness.map_err(|error| StoreError::witness(&error))?;
    let lowest = writer::lowest(&store, floor)?;
    let left = left(&store)?;
    let form = Form::of(&store)?;
    Ok(Opened { store, witness, at, parked, parked_is_harmed, floor, lowest, left, form })
}

/// A disk that is full to the last byte must not keep the agent from delivering what it has: then
/// the space that was held in reserve goes first.
fn open_store(dir: &Path, options: &Options) -> Result<Store, StoreError> {
    match Store::open(dir, options) {
        Err(error) if error.is_full() && Reserve::new(dir, 0).release() => {
            Store::open(dir, options)
        }
        opened => opened,
    }
}

/// Checks the store's format; gives its id, a new one to a new store. A store that has lost its id
/// takes the one the witness knows.
fn identify(store: &Store, witnessed: Option<Uuid>) -> Result<Uuid, StoreError> {
    let Some(value) = store.get(Family::Meta, FORMAT)? else { return mark(store, witnessed) };
    match format::read_numbers(&value) {
        Some([found]) if found > format::FORMAT => {
            return Err(StoreError::TooNew { found, known: format::FORMAT });
        }
        Some([_]) => {}
        None => return Err(StoreError::damaged("the store's format is no number")),
    }
    let epoch = store.get(Family::Meta, EPOCH)?.and_then(|id| Uuid::from_slice(&id).ok());
    epoch.or(witnessed).ok_or_else(|| StoreError::damaged("the store's id is lost"))
}

fn mark(store: &Store, witnessed: Option<Uuid>) -> Result<Uuid, StoreError> {
    let epoch = witnessed.unwrap_or_else(Uuid::now_v7);
    let mut batch = store.batch();
    batch.put(Family::Meta, EPOCH, epoch.as_bytes());
    batch.write(Durability::Synced)?;
    Ok(epoch)
}

/// Where a store that was just opened stands, and its floor.
///
/// Normally the tail says it all. After damage the highest number that anything tells of counts: a
/// number must never be given out twice, and what is missing below it is found by reading.
pub(super) fn position(
    store: &Store,
    testimony: Option<Testimony>,
) -> Result<(Position, u64), StoreError> {
    let [mut next_seq, mut bytes] = row(store, TAIL)?.unwrap_or([1, 0]);
    let [cursor] = row(store, CURSOR)?.unwrap_or([1]);
    let [mut next_letter, letters] = row(store, LETTERS)?.unwrap_or([1, 0]);
    behind_tail(store, &mut next_seq, &mut bytes)?;
    next_seq = next_seq.max(cursor);
    if let Some(witnessed) = testimony {
        if witnessed.next_seq > next_seq {
            error!(next_seq, witnessed.next_seq, "the store has lost its latest records");
        }
        if witnessed.next_letter > next_letter {
            error!(
                next_letter,
                witnessed.next_letter, "the store has lost its latest dead letters"
            );
        }
        next_seq = next_seq.max(witnessed.next_seq);
        next_letter = next_letter.max(witnessed.next_letter);
    }
    let floor = if cursor < next_seq { writer::entry_at(store, 0, cursor)? } else { cursor };
    // What is parked is found next.
    let (next_parked, parked) = (1, 0);
    let at = Position { next_seq, bytes, cursor, next_letter, letters, next_parked, parked };
    Ok((at, floor))
}

fn left(store: &Store) -> Result<Left, StoreError> {
    let early = aside::read(store.get(Family::Meta, EARLY)?.as_deref());
    Ok(Left { early, aside: Aside::of(store)? })
}

/// Counts entries that the tail does not know of.
fn behind_tail(store: &Store, next_seq: &mut u64, bytes: &mut u64) -> Result<(), StoreError> {
    let bounds = [*next_seq, *next_seq, u64::MAX];
    let mut scratch = Vec::new();
    let walked = store.walk(Family::Queue, bounds, |key, value| {
        let place = (Family::Queue, &key.to_be_bytes()[..]);
        let entry = store.open_value(place, value, &mut scratch).and_then(Entry::read);
        let records = entry.map_or(1, |entry| entry.records.len() as u64);
        *next_seq = (*next_seq).max(key.saturating_add(records));
        *bytes += value.len() as u64;
        ControlFlow::Continue(())
    });
    match walked {
        Ok(()) | Err(WalkError::Damaged(_)) => Ok(()),
        Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
    }
}

/// A row of numbers among the few values there is one of.
pub(super) fn row<const N: usize>(
    store: &Store,
    key: &[u8],
) -> Result<Option<[u64; N]>, StoreError> {
    let Some(value) = store.get(Family::Meta, key)? else { return Ok(None) };
    match format::read_numbers(&value) {
        Some(row) => Ok(Some(row)),
        None => Err(StoreError::damaged("a row of numbers has the wrong length")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_store_goes_on_as_it_is_only_for_want_of_room() {
        let dir = tempfile::tempdir().unwrap();
        let told = |mended| unless_full(dir.path(), mended);
        let full = || StoreError::Full { cause: "No space left on device".to_owned() };
        assert_eq!((told(Err(full())), told(Ok(()))), (Ok(false), Ok(true)));
        assert_eq!(told(Err(StoreError::Busy)), Err(StoreError::Busy));
        std::fs::create_dir(dir.path().join("salvaged")).unwrap();
        assert_eq!(told(Err(full())), Err(full()), "files have moved");
    }
}
