//! A store made new of what is left of a damaged one.
//!
//! The new store has the same id, numbers, keys and memory, so that nothing is given out twice and
//! nothing goes out under another name. It grows beside the old one, in a folder of its own; when it
//! is on disk as a whole, the old folder is renamed and the new one takes its name. Whatever cuts in
//! between the two renames, the next start finishes. Where the folder is a disk of its own, files are renamed
//! instead, within it (`doctor/within.rs`).

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use serde_json::json;
use tracing::{error, warn};
use uuid::Uuid;

use super::super::carve;
use super::super::format;
use super::super::letters;
use super::super::room::Reserve;
use super::super::store::{Batch, Durability, FAMILIES, Family, Store};
use super::super::witness::{Testimony, Witness};
use super::super::{
    CURSOR, EPOCH, FOLLOWED, FORMAT, HIDDEN, HIDES_AFTER, LETTERS, Options, PARKED, RESEALED,
    StoreError, TAIL, keyring,
};
use super::left::{Left, unread};
use super::renaming::rename;
use super::{Examined, Loss, examined, lock, within};
use crate::clock;
use crate::mount_point::is_disk_of_its_own;
use crate::pipeline;

/// What became of a damaged store.
#[derive(Debug)]
pub struct Salvaged {
    /// Where the damaged store lies now, untouched.
    pub aside: PathBuf,
    /// The file that lists what is lost.
    pub losses: PathBuf,
    /// What was found, and what was not.
    pub examined: Examined,
}

/// Makes a new store of what is left of one that nobody has open, and puts it in its place.
pub fn salvage(dir: &Path, options: &Options) -> Result<Salvaged, StoreError> {
    finish(dir)?;
    // Held to the end: whoever opened it meanwhile would write what the copy does not have.
    let _held = lock::take(dir)?;
    let mut left = Left::of(dir, &options.key)?;
    let examined = examined(&mut left)?;
    let growing = place(dir, "salvaging");
    grow(&mut left, dir, &growing, (options, &examined))?;
    let (aside, losses) = set_aside_as(dir);
    let placed = list(&losses, &examined)
        .and_then(|()| own_like(dir, &losses))
        .and_then(|()| put_in_place(dir, &growing, &aside));
    // As large as the store; where files have moved it stays for the next start.
    placed.inspect_err(|_| drop(remove(&growing).and_then(|()| remove_ready(dir))))?;
    Ok(Salvaged { aside, losses, examined })
}

/// The new store takes the place of the damaged one.
fn put_in_place(dir: &Path, growing: &Path, aside: &Path) -> Result<(), StoreError> {
    if growing.parent() == Some(dir) {
        within::exchange(dir, growing, aside).map_err(|error| moving(&error))?;
        return own_like(dir, aside);
    }
    let ready = beside(dir, "salvaged");
    for (from, to) in [(growing, ready.as_path()), (dir, aside), (&ready, dir)] {
        rename(from, to).map_err(|error| moving(&error))?;
    }
    sync_parent(dir)
}

/// The same for a start that has found the store damaged; says what is lost.
pub(in super::super) fn mend(dir: &Path, options: &Options, why: &str) -> Result<(), StoreError> {
    error!(why, dir = %dir.display(), "the store is damaged; making a new one of what is left");
    let Salvaged { aside, losses, examined } = salvage(dir, options)?;
    for lost in &examined.lost {
        error!(first_seq = lost.first_seq, last_seq = lost.last_seq, code = lost.code, "lost");
    }
    warn!(
        waiting = examined.waiting,
        lost = examined.lost_records(),
        aside = %aside.display(),
        losses = %losses.display(),
        "the store was made anew; the damaged one is kept"
    );
    Ok(())
}

/// Finishes what a crash has cut off between the two renames, or among those of files.
pub(in super::super) fn finish(dir: &Path) -> Result<(), StoreError> {
    if within::is_begun(dir) {
        let _held = lock::take(dir)?;
        warn!(dir = %dir.display(), "the store that was made anew takes its place, file by file");
        let aside = set_aside_before(dir);
        return giving_up_reserve(dir, || {
            within::go_on(dir, &aside).map_err(|error| moving(&error))
        });
    }
    let ready = beside(dir, "salvaged");
    if !is_half(dir) {
        if !ready.exists() {
            return Ok(());
        }
        let _held = lock::take(dir)?;
        return remove_ready(dir);
    }
    warn!(dir = %dir.display(), "the store that was made anew takes its place");
    rename(&ready, dir).map_err(|error| moving(&error))?;
    sync_parent(dir)
}

/// Removes a new store that was cut off before the old one had gone: that one went on, and the new one, of what was
/// then, would take its place on the day on which somebody moves it away.
fn remove_ready(dir: &Path) -> Result<(), StoreError> {
    if is_half(dir) { Ok(()) } else { remove(&beside(dir, "salvaged")) }
}

/// Whether a new store has begun to take its place, and has not come to the end: what is there meanwhile is no
/// store until [`finish`] is through.
pub(in super::super) fn is_half(dir: &Path) -> bool {
    within::is_begun(dir) || (!dir.exists() && beside(dir, "salvaged").exists())
}

/// What the engine would lose of a store that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Danger {
    /// It would make an empty one in its place, or remove files that its list does not tell of.
    List,
    /// It would drop what lies behind a damaged place of a log.
    Log,
}

/// What the engine, given this store, would do. `None` if all is well, or somebody has it open.
pub(in super::super) fn danger(dir: &Path) -> Result<Option<Danger>, StoreError> {
    if lock::refuse_held(dir).is_err() || !dir.exists() {
        return Ok(None);
    }
    let found = carve::Carving::of(dir).map_err(|error| unread(&error))?;
    if found.has_files() && found.is_listed_wrongly() {
        return Ok(Some(Danger::List));
    }
    let is_wounded = found.has_wounded_log().map_err(|error| unread(&error))?;
    Ok(is_wounded.then_some(Danger::Log))
}

/// Makes the new store. A disk that is full gives up what is held in reserve on it first.
fn grow(
    left: &mut Left,
    dir: &Path,
    growing: &Path,
    (options, examined): (&Options, &Examined),
) -> Result<(), StoreError> {
    let grown = giving_up_reserve(dir, || {
        remove(growing)?;
        begin(dir, growing)?;
        fill(left, growing, (options, examined))
    });
    let grown = grown.and_then(|()| own_like(dir, growing));
    if grown.is_err() {
        drop(remove(growing));
    }
    grown.map_err(|error| match error {
        StoreError::Full { cause } => StoreError::Full { cause: wanting(dir, &cause) },
        other => other,
    })
}

/// Whoever the store belongs to must be able to remove what root began and was killed over.
fn begin(dir: &Path, growing: &Path) -> Result<(), StoreError> {
    fs::create_dir(growing).map_err(|error| moving(&error))?;
    own_like(dir, growing)
}

/// Tries once more if the disk is full and held a reserve.
pub(super) fn giving_up_reserve(
    dir: &Path,
    mut attempt: impl FnMut() -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    match attempt() {
        Err(error) if error.is_full() && Reserve::new(dir, 0).release() => attempt(),
        done => done,
    }
}

/// What it takes: a new store beside the damaged one is about as large.
fn wanting(dir: &Path, cause: &str) -> String {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes: u64 = files.filter_map(|it| it.metadata().ok()).map(|it| it.len()).sum();
    format!("a new store beside this one takes up to {} MiB ({cause})", bytes.div_ceil(1 << 20))
}

/// Gives what root has made to whom the store belongs: else the daemon could not open it.
fn own_like(dir: &Path, made: &Path) -> Result<(), StoreError> {
    let given = fs::metadata(dir).and_then(|owner| give(made, owner.uid(), owner.gid()));
    given.map_err(|error| moving(&error))
}

fn give(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    let is = fs::symlink_metadata(path)?;
    if (is.uid(), is.gid()) != (uid, gid) {
        chown(path, Some(uid), Some(gid))?;
    }
    if is.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
    }
    Ok(())
}

fn fill(
    left: &mut Left,
    dir: &Path,
    (options, examined): (&Options, &Examined),
) -> Result<(), StoreError> {
    let store = Store::open(dir, options)?;
    let released = released(left)?;
    let (mut batch, mut failed, mut bytes) = (store.batch(), Ok(()), 0);
    let (mut letters, mut parked) = (0, 0);
    let families: Vec<Family> = FAMILIES.into_iter().filter(|it| *it != Family::Meta).collect();
    left.each(&families, |_, family, key, value| {
        let is_gone = match family {
            Family::Parked => released.contains(key),
            // What is left of the account may be short, and has to be made anew.
            Family::Account => key == FOLLOWED && !examined.is_sound(),
            _ => false,
        };
        if failed.is_err() || is_gone {
            return;
        }
        letters += u64::from(family == Family::Dead);
        parked += u64::from(family == Family::Parked);
        batch.put(family, key, value);
        bytes += key.len() + value.len();
        if bytes > BATCH_BYTES_MAX {
            let full = std::mem::replace(&mut batch, store.batch());
            (failed, bytes) = (full.write(Durability::Buffered), 0);
        }
    })?;
    failed?;
    let witnessed = meta(left, &mut batch, letters, parked);
    miss(left, &mut batch, &examined.lost);
    batch.write(Durability::Synced)?;
    store.flush()?;
    drop(store);
    Witness::start(dir, witnessed.0, witnessed.1).map_err(|error| StoreError::witness(&error))?;
    if let Some(ring) = left.keyring() {
        keyring::keep_file(&ring, dir)?;
    }
    Ok(())
}

/// The few values there is one of.
fn meta(left: &Left, batch: &mut Batch<'_>, letters: u64, parked: u64) -> (Uuid, Testimony) {
    for (key, value) in left.meta.iter().filter(|(key, value)| can_be_taken_over(key, value)) {
        batch.put(Family::Meta, key, value);
    }
    let at = left.position();
    let epoch = left.epoch().unwrap_or_else(Uuid::now_v7);
    let (mut next_letter, mut letters, lost) =
        (at.next_letter, letters, at.letters.unwrap_or(0).saturating_sub(letters));
    if lost > 0 {
        let letter = format::letter(&letters::of_lost_letters(lost)).checked();
        batch.put(Family::Dead, &next_letter.to_be_bytes(), &letter);
        next_letter += 1;
        letters += 1;
    }
    // How many are parked stays what it was: the next start misses those that are gone.
    let parked = at.parked.unwrap_or(parked);
    batch.put(Family::Meta, EPOCH, epoch.as_bytes());
    batch.put(Family::Meta, TAIL, &format::numbers([at.next_seq, at.bytes]));
    batch.put(Family::Meta, CURSOR, &format::numbers([at.cursor]));
    batch.put(Family::Meta, LETTERS, &format::numbers([next_letter, letters]));
    batch.put(Family::Meta, PARKED, &format::numbers([at.next_parked, parked]));
    let (next_seq, next_parked) = (at.next_seq, at.next_parked);
    (epoch, Testimony { next_seq, next_letter, next_parked })
}

/// A row of another length would be damage at every start; without it, what it tells of is done anew.
fn can_be_taken_over(key: &[u8], value: &[u8]) -> bool {
    ![FORMAT, HIDDEN, HIDES_AFTER, RESEALED].contains(&key)
        || format::read_numbers::<1>(value).is_some()
}

/// What is lost can be sent again from now on, though reading has yet to come to it.
fn miss(left: &Left, batch: &mut Batch<'_>, lost: &[Loss]) {
    let mut aside = left.aside();
    for it in lost {
        aside.miss(it.first_seq, it.last_seq + 1);
    }
    aside.store(batch);
}

/// Parked messages that are found again though they were released: without a list of files, those
/// whose records all have a number already.
fn released(left: &mut Left) -> Result<HashSet<Vec<u8>>, StoreError> {
    let mut promised = Vec::new();
    if !left.may_show_what_is_gone() {
        return Ok(HashSet::new());
    }
    left.each(&[Family::Parked], |left, family, key, value| {
        let mut scratch = Vec::new();
        let content = left.open(family, key, value, &mut scratch);
        if let Ok(message) = content.and_then(format::read_parked) {
            let ids: Vec<Uuid> = message.records.iter().map(|it| it.record_id).collect();
            promised.push((key.to_vec(), ids));
        }
    })?;
    let mut numbered = HashSet::new();
    let wanted: HashSet<Uuid> = promised.iter().flat_map(|it| it.1.clone()).collect();
    left.each(&[Family::Seen], |_, _, _, value| {
        let takes = format::open_takes(value).unwrap_or_default().into_iter();
        numbered.extend(takes.map(|it| it.record_id).filter(|it| wanted.contains(it)));
    })?;
    let is_released = |ids: &[Uuid]| !ids.is_empty() && ids.iter().all(|it| numbered.contains(it));
    Ok(promised.into_iter().filter(|it| is_released(&it.1)).map(|it| it.0).collect())
}

/// The file that lists what is lost: it stays when the logs are gone.
fn list(path: &Path, examined: &Examined) -> Result<(), StoreError> {
    let written = File::create(path).and_then(|mut file| {
        for harm in &examined.files {
            writeln!(file, "{}", json!({ "file": harm }))?;
        }
        for lost in &examined.lost {
            writeln!(file, "{}", json!({ "lost": lost }))?;
        }
        let Examined { cursor, next_seq, waiting, dead_letters, parked, .. } = examined;
        let summary = json!({
            "cursor": cursor, "next_seq": next_seq, "waiting": waiting,
            "dead_letters": dead_letters, "parked": parked,
        });
        writeln!(file, "{summary}")?;
        file.sync_all()
    });
    written.map_err(|error| StoreError::of_disk("write what is lost", error.to_string()))
}

/// Where a damaged store goes, and the list of what it has lost.
fn set_aside_as(dir: &Path) -> (PathBuf, PathBuf) {
    let stamp = pipeline::stamp(clock::now());
    let name = |count: u32| match count {
        0 => format!("damaged-{stamp}"),
        _ => format!("damaged-{stamp}-{count}"),
    };
    let free = (0..TRIES).map(name).find(|name| !place(dir, name).exists()).unwrap_or_default();
    (place(dir, &free), place(dir, &format!("{free}{LIST}")))
}

/// Where the old files of an exchange that was cut off go: beside the list that was written for it, which is the
/// newest one without a folder.
fn set_aside_before(dir: &Path) -> PathBuf {
    let there = fs::read_dir(dir).into_iter().flatten().flatten();
    let there = there.filter_map(|it| it.file_name().into_string().ok());
    let listed = there.filter_map(|it| it.strip_suffix(LIST).map(|it| dir.join(it)));
    let last = listed.filter(|it| !it.exists()).max();
    last.unwrap_or_else(|| set_aside_as(dir).0)
}

/// Where something of the store's size lies: beside it, or on the store's own disk.
fn place(dir: &Path, name: &str) -> PathBuf {
    if is_disk_of_its_own(dir) { dir.join(name) } else { beside(dir, name) }
}

fn beside(dir: &Path, word: &str) -> PathBuf {
    dir.with_added_extension(word)
}

/// Removes what an earlier try has left: never more than a copy.
fn remove(dir: &Path) -> Result<(), StoreError> {
    if !dir.exists() {
        return Ok(());
    }
    fs::remove_dir_all(dir).map_err(|error| moving(&error))
}

fn moving(error: &io::Error) -> StoreError {
    StoreError::of_disk("put the new store in its place", error.to_string())
}

fn sync_parent(dir: &Path) -> Result<(), StoreError> {
    let parent = crate::secret_file::folder_of(dir);
    File::open(parent).and_then(|it| it.sync_all()).map_err(|error| moving(&error))
}

/// Stores set aside within one second.
const TRIES: u32 = 1_000;
/// How the list ends of what a store that was set aside had lost.
const LIST: &str = ".losses.ndjson";
const BATCH_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Killed over the copy, root leaves what the daemon removes at its next start.
    #[test]
    fn what_root_begins_is_the_daemons() {
        const DAEMON: u32 = 54_321;
        let folder = tempfile::tempdir().unwrap();
        let growing = folder.path().join("salvaging");
        chown(folder.path(), Some(DAEMON), Some(DAEMON)).expect("the tests run as root");
        begin(folder.path(), &growing).unwrap();
        assert_eq!(fs::metadata(growing).unwrap().uid(), DAEMON);
    }

    #[test]
    fn a_full_disk_gives_up_its_reserve_once() {
        check(true, 1, "grown after 2");
        check(true, 2, "O107 after 2");
        check(false, 1, "O107 after 1");
        check(true, 0, "grown after 1");
    }

    #[track_caller]
    fn check(has_reserve: bool, full_times: u32, expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        let reserve = dir.path().join("reserve");
        if has_reserve {
            fs::write(&reserve, "space").unwrap();
        }
        let mut tries = 0;
        let grown = giving_up_reserve(dir.path(), || {
            tries += 1;
            let cause = || "No space left on device".to_owned();
            if tries <= full_times { Err(StoreError::Full { cause: cause() }) } else { Ok(()) }
        });
        let told = grown.map_or_else(|error| error.code(), |()| "grown");
        assert_eq!(format!("{told} after {tries}"), expected);
        assert_eq!(reserve.exists(), has_reserve && tries == 1);
    }
}
