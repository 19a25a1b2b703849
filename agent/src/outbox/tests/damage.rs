//! Bits that flip. Whatever happens: it starts, gives every record that can be read, unchanged, and
//! names exactly the numbers of those that cannot.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileExt;

use super::*;

#[test]
fn a_damaged_entry_is_set_aside_with_its_bytes() {
    let mut house = with_messages(3);
    tamper(&mut house, |batch| batch.put(Family::Queue, &3u64.to_be_bytes(), b"\x01nonsense"));
    check(&mut house, "1 2 5 6", "O201 3-4 9 bytes");
}

#[test]
fn an_entry_of_a_later_version_is_set_aside() {
    let mut house = with_messages(2);
    tamper(&mut house, |batch| batch.put(Family::Queue, &3u64.to_be_bytes(), b"\x03later"));
    check(&mut house, "1 2", "O201 3-4 6 bytes");
}

#[test]
fn missing_entries_are_named() {
    let mut house = with_messages(4);
    tamper(&mut house, |batch| batch.delete_range(Family::Queue, 3, 6));
    check(&mut house, "1 2 7 8", "O202 3-6 0 bytes");
    let mut house = with_messages(2);
    tamper(&mut house, |batch| batch.delete_range(Family::Queue, 1, 9));
    check(&mut house, "", "O202 1-4 0 bytes");
}

#[test]
fn what_was_settled_is_not_missed() {
    let mut house = with_messages(4);
    house.outbox().settle(&[1, 2, 3, 4, 5]).unwrap();
    tamper(&mut house, |batch| batch.delete_range(Family::Queue, 1, 5));
    check(&mut house, "6 7 8", "");
}

#[test]
fn a_damaged_letter_is_shown_as_one() {
    let mut house = House::new();
    house.obey("bury x");
    tamper(&mut house, |batch| batch.put(Family::Dead, &1u64.to_be_bytes(), b"junk"));
    let (_, letter) = house.outbox().dead_letters(0, 9).unwrap().remove(0);
    assert_eq!((letter.code.as_str(), letter.raw.as_slice()), ("O204", b"junk".as_slice()));
}

#[test]
fn a_lost_memory_of_a_key_loses_no_record() {
    let mut house = with_messages(1);
    let identity = seen::identities(&submission("m", &["k0.0=1"])).remove(0);
    house.obey("back");
    tamper(&mut house, |batch| batch.put(Family::Seen, &identity, b"junk"));
    assert_eq!(house.outbox().unread_names(), 0);
    let receipt = house.append("again", &["k0.0=1"]).unwrap();
    assert_eq!((receipt.records[0].seq, house.outbox().depth()), (3, 3));
    assert_eq!(house.outbox().unread_names(), 1, "it is told that a resend was perhaps not known");
}

/// Every 389th byte of the log, one at a time.
#[test]
fn any_flipped_byte_of_the_log() {
    let house = with_messages(60);
    flip_each(&house, "log", 389);
}

/// Every 389th byte of the tables, one at a time.
#[test]
fn any_flipped_byte_of_a_table() {
    let mut house = with_messages(60);
    house.outbox().shared.store().unwrap().flush_and_compact();
    house.reopen();
    flip_each(&house, "sst", 389);
}

/// Without its last log a store has lost all, and knows how much.
#[test]
fn a_lost_log_is_named_by_the_witness() {
    let mut house = with_messages(5);
    house.close();
    for file in files_of(&house.folder, "log") {
        fs::write(file, b"").unwrap();
    }
    match Outbox::open(&house.folder, &house.options) {
        Ok(open) => {
            house.open = Some(open);
            check(&mut house, "", "O202 1-10 0 bytes");
            let receipt = house.append("new", &["z=1"]).unwrap();
            assert_eq!(receipt.records[0].seq, 11, "no number is given out twice");
        }
        Err(error) => assert_eq!(error.code(), "O104", "{error}"),
    }
}

fn with_messages(messages: u32) -> House {
    let mut house = House::new();
    for i in 0..messages {
        house.append(&format!("m{i}"), &[&format!("k{i}.0=1"), &format!("k{i}.1=1")]).unwrap();
    }
    house
}

/// Changes the closed store behind the outbox's back.
pub(super) fn tamper(house: &mut House, change: impl FnOnce(&mut store::Batch<'_>)) {
    house.close();
    let store = Store::open(&house.folder, &house.options).unwrap();
    let mut batch = store.batch();
    change(&mut batch);
    batch.write(Durability::Synced).unwrap();
    drop(store);
    house.start();
}

/// What is delivered and which letters there are; twice, and after a restart, the same.
#[track_caller]
pub(super) fn check(house: &mut House, delivered: &str, letters: &str) {
    for round in ["first", "again", "reopened"] {
        if round == "reopened" {
            house.reopen();
        }
        let found = house.outbox().oldest(0, 99, usize::MAX).unwrap();
        let seqs: Vec<String> = found.iter().map(|it| it.seq.to_string()).collect();
        assert_eq!(seqs.join(" "), delivered, "{round}");
        wait_for_letters(house);
        let texts: Vec<String> = losses(&house.outbox())
            .into_iter()
            .map(|(first, (last, letter))| {
                format!("{} {first}-{last} {} bytes", letter.code, letter.raw.len())
            })
            .collect();
        assert_eq!(texts.join(", "), letters, "{round}");
    }
}

/// The writer has dealt with everything before when it answers a later request.
fn wait_for_letters(house: &House) {
    let outbox = house.outbox();
    assert!(!house.runtime.block_on(outbox.discard_dead_letter(0)).unwrap());
}

/// First number to last number and letter, for every stretch that was set aside.
pub(super) fn losses(outbox: &Outbox) -> BTreeMap<u64, (u64, DeadLetter)> {
    let letters = outbox.dead_letters(0, 999).unwrap().into_iter();
    let stored = letters.filter(|(_, letter)| letter.stage == Stage::Store);
    stored
        .filter_map(|(_, letter)| {
            let detail: serde_json::Value = serde_json::from_str(&letter.detail).unwrap();
            let number = |name: &str| detail[0][name].as_u64();
            // Others tell of dead letters and parked messages.
            Some((number("first_seq")?, (number("last_seq")?, letter)))
        })
        .collect()
}

fn flip_each(house: &House, kind: &str, stride: usize) {
    let before = house.outbox().oldest(0, usize::MAX, usize::MAX).unwrap();
    let all: BTreeSet<u64> = before.iter().map(|it| it.seq).collect();
    let (mut opened, mut refused, mut lost_at_all) = (0, 0, 0);
    for file in files_of(&house.folder, kind) {
        let len = usize::try_from(fs::metadata(&file).unwrap().len()).unwrap();
        for offset in (0..len).step_by(stride) {
            let copy = house.dir.path().join("flipped");
            copy_folder(&house.folder, &copy);
            flip(&copy.join(file.file_name().unwrap()), offset as u64);
            match account(house, &copy, &before) {
                Some((delivered, lost)) => {
                    opened += 1;
                    lost_at_all += lost.len();
                    let told: BTreeSet<u64> = delivered.union(&lost).copied().collect();
                    assert_eq!(told, all, "{} at {offset}", file.display());
                    assert!(delivered.is_disjoint(&lost), "{} at {offset}", file.display());
                }
                None => refused += 1,
            }
            fs::remove_dir_all(&copy).unwrap();
        }
    }
    assert!(opened > 50, "{opened} opened, {refused} refused");
    assert!(lost_at_all > 0, "the flips did hit something");
    // A table's footer and index have no double; what is left is made a new store.
    assert_eq!(refused, 0, "{opened} opened");
}

/// What a store delivers and what it says it lost; `None` if it says that it cannot be opened.
pub(super) fn account(
    house: &House,
    folder: &Path,
    before: &[Envelope],
) -> Option<(BTreeSet<u64>, BTreeSet<u64>)> {
    let (outbox, handle) = match Outbox::open(folder, &house.options) {
        Ok(open) => open,
        Err(error) => {
            assert_eq!(error.code(), "O104", "{error}");
            return None;
        }
    };
    let found = outbox.oldest(0, usize::MAX, usize::MAX).unwrap();
    for it in &found {
        let original = before.iter().find(|original| original.seq == it.seq);
        assert_eq!(Some(it), original, "what is delivered is unchanged");
    }
    assert!(!house.runtime.block_on(outbox.discard_dead_letter(0)).unwrap());
    let lost = losses(&outbox).into_iter().flat_map(|(first, (last, _))| first..=last).collect();
    drop(handle);
    Some((found.iter().map(|it| it.seq).collect(), lost))
}

pub(super) fn flip(file: &Path, offset: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
}

fn files_of(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|it| it == kind)).collect()
}
