//! What is on the disk tells nothing without the key; with the wrong one nothing is touched; and what
//! earlier releases have stored in the clear is still read.

use super::damage::{check, tamper};
use super::*;
use crate::envelope::Sum;
use crate::outbox::format::{CHECKED, Entry, SEALED};

/// In every family that may name a patient, and in the log and the tables.
#[test]
fn nothing_of_a_value_can_be_found_in_the_folder() {
    let mut house = House::with(Options { raw_bytes_max: 9999, ..Options::default() });
    house.append("m1", &["key-CANARY=value-CANARY@lane-CANARY"]).unwrap();
    house.park("m2", "code-CANARY", &["key-CANARY=parked-CANARY@lane-CANARY"]).unwrap();
    house.obey("bury reason-CANARY");
    let put = Change::Put(b"k".to_vec(), b"shelved-CANARY".to_vec());
    house.outbox().shelve(std::slice::from_ref(&put)).unwrap();
    house.outbox().note(&[put], true).unwrap();
    assert_eq!(canaries_in(&house.folder), "");
    house.outbox().shared.store().unwrap().flush_and_compact();
    assert_eq!(canaries_in(&house.folder), "");
    house.reopen();
    let found = house.outbox().oldest(0, 9, usize::MAX).unwrap();
    assert_eq!(found[0].lane, "lane-CANARY");
    assert_eq!(house.outbox().shelved(b"k").unwrap().unwrap(), b"shelved-CANARY");
}

/// The names of files in which the word stands.
fn canaries_in(folder: &Path) -> String {
    let files = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let has_it = |it: &PathBuf| fs::read(it).unwrap().windows(6).any(|bytes| bytes == b"CANARY");
    let names = files.filter(has_it).map(|it| it.display().to_string());
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_wrong_key_or_none_touches_nothing() {
    let mut house = House::new();
    house.append("m1", &["a=1"]).unwrap();
    house.close();
    let before = contents(&house.folder);
    let key = KeySource::beside(&house.folder);
    let kept = key.with_extension("kept");
    fs::rename(&key, &kept).unwrap();
    check_refusal(&house, "O122");
    assert!(!key.exists(), "no new key is made for a store that has one");
    crate::master_key::MasterKey::make(&key).unwrap();
    check_refusal(&house, "O121");
    assert_eq!(contents(&house.folder), before);
    fs::rename(&kept, &key).unwrap();
    house.start();
    assert_eq!(house.outbox().depth(), 1);
}

#[track_caller]
fn check_refusal(house: &House, code: &str) {
    let error = Outbox::open(&house.folder, &house.options).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let mut contents: Vec<_> = files.map(|it| (it.clone(), fs::read(it).unwrap())).collect();
    contents.sort();
    contents
}

/// Every byte of it, and the whole of it: the store has another.
#[test]
fn a_keyring_that_is_damaged_or_lost_is_written_anew() {
    let mut house = House::new();
    house.append("m1", &["a=1"]).unwrap();
    house.close();
    let file = house.folder.join("keyring");
    let whole = fs::read(&file).unwrap();
    for place in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        fs::write(&file, damaged).unwrap();
        check_mended(&mut house, &whole);
    }
    fs::remove_file(&file).unwrap();
    check_mended(&mut house, &whole);
}

#[track_caller]
fn check_mended(house: &mut House, whole: &[u8]) {
    house.start();
    assert_eq!(house.outbox().oldest(0, 9, 999).unwrap().len(), 1);
    house.close();
    assert_eq!(fs::read(house.folder.join("keyring")).unwrap(), whole);
}

/// Both copies gone: better no start than a second keyring beside values nobody can read.
#[test]
fn a_store_without_any_keyring_does_not_open() {
    let mut house = House::new();
    house.append("m1", &["a=1"]).unwrap();
    house.close();
    let store = Store::open(&house.folder, &house.options).unwrap();
    let mut batch = store.batch();
    batch.delete(Family::Meta, KEYRING);
    batch.write(Durability::Synced).unwrap();
    drop(store);
    fs::remove_file(house.folder.join("keyring")).unwrap();
    check_refusal(&house, "O104");
}

/// As release 0.1 without a seal left it: values in the clear, format 1, no keyring.
#[test]
fn a_store_from_before_is_read_and_goes_on_sealed() {
    let mut house = House::new();
    house.append("m1", &["a=1"]).unwrap();
    house.append("m2", &["b=1"]).unwrap();
    house.obey("bury x");
    house.obey("park m3 qd c=1");
    house.close();
    in_the_clear(&house);
    house.start();
    assert_eq!(house.obey("oldest 0").unwrap(), "1 a=1 rev 1 id B; 2 b=1 rev 1 id C");
    assert_eq!(house.obey("letters").unwrap(), "1 x");
    house.append("m4", &["d=1@other"]).unwrap();
    house.reopen();
    assert_eq!(house.outbox().status().parked, 1);
    assert_eq!(versions(&house, Family::Queue), [CHECKED, CHECKED, SEALED]);
    let store = house.outbox().shared.store().unwrap();
    let format = store.get(Family::Meta, FORMAT).unwrap().unwrap();
    assert_eq!(format, format::numbers([2]), "an older program refuses it");
}

/// Rewrites a closed store's values as they were before they were sealed.
fn in_the_clear(house: &House) {
    let store = Store::open(&house.folder, &house.options).unwrap();
    let vault = keyring::hear(&house.folder, &house.options.key).unwrap().unwrap();
    store.keep_vault(vault);
    let mut batch = store.batch();
    for family in [Family::Queue, Family::Dead, Family::Parked] {
        for (key, value) in entries(&store, family) {
            let mut scratch = Vec::new();
            let content = store.open_value((family, &key), &value, &mut scratch).unwrap();
            let plain = match family {
                Family::Queue => Entry::read(content).unwrap().plain_version_1(),
                Family::Dead => format::letter(&format::read_letter(content).unwrap()).checked(),
                _ => format::parked(&format::read_parked(content).unwrap()).checked(),
            };
            batch.put(family, &key, &plain);
        }
    }
    batch.put(Family::Meta, FORMAT, &format::numbers([1]));
    batch.delete(Family::Meta, KEYRING);
    batch.write(Durability::Synced).unwrap();
    fs::remove_file(house.folder.join("keyring")).unwrap();
}

fn entries(store: &Store, family: Family) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let walked = store.walk_keys(family, &[0], &[0xff; 9], |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        std::ops::ControlFlow::Continue(())
    });
    walked.unwrap();
    found
}

fn versions(house: &House, family: Family) -> Vec<u8> {
    let store = house.outbox().shared.store().unwrap();
    entries(&store, family).iter().map(|(_, value)| value[0]).collect()
}

#[test]
fn a_value_that_was_moved_is_damaged() {
    let mut house = House::new();
    for message in ["m1", "m2", "m3"] {
        house.append(message, &[&format!("{message}=1")]).unwrap();
    }
    let store = house.outbox().shared.store().unwrap();
    let moved = store.get(Family::Queue, &3u64.to_be_bytes()).unwrap().unwrap();
    drop(store);
    let letter = format!("O201 2-2 {} bytes", moved.len());
    tamper(&mut house, |batch| batch.put(Family::Queue, &2u64.to_be_bytes(), &moved));
    check(&mut house, "1 3", &letter);
}

/// The sum is made when the record is; whatever changes it before it is sealed shows when it is read.
#[test]
fn a_record_that_is_not_what_was_decoded_is_named_and_never_published() {
    let mut house = House::new();
    let mut message = submission("m1", &["a=1", "b=1", "c=1"]);
    message.drafts[1].tail = message.drafts[1].tail.replace(r#""value":"1""#, r#""value":"7""#);
    house.runtime.block_on(house.outbox().append(message)).unwrap();
    let letter = format!("O207 2-2 {} bytes", r#""entity":"fee","value":"7","findings":[]"#.len());
    check(&mut house, "1 3", &letter);
    let mut message = submission("m2", &["d=1"]);
    message.drafts[0].sum = Sum(1);
    house.runtime.block_on(house.outbox().append(message)).unwrap();
    let other = letter.replace("2-2", "4-4");
    check(&mut house, "1 3", &format!("{letter}, {other}"));
}

/// While messages come, what is old is sealed anew and stays what it was; so does what changes meanwhile.
#[test]
fn a_new_data_key_seals_what_is_new_at_once_and_what_is_old_in_time() {
    let mut house = House::new();
    house.append("m1", &["a=1"]).unwrap();
    house.obey("bury x");
    house.obey("bury y");
    house.obey("park m2 qd c=1@other");
    house.outbox().shelve(&[Change::Put(b"k".to_vec(), b"kept".to_vec())]).unwrap();
    assert_eq!(house.outbox().rotate_key().unwrap(), 2);
    house.append("m3", &["b=1"]).unwrap();
    house.obey("discard 2");
    assert_eq!(keys_of(&house), "1 2 1 1 1");
    assert!(!house.outbox().sealing().unwrap().is_done);

    house.kill();
    while house.outbox().reseal_some().unwrap() {}
    let sealing = house.outbox().sealing().unwrap();
    assert_eq!((sealing.is_done, sealing.sealed, sealing.damaged), (true, 5, 0)); // two records, a letter and its count, what is parked
    assert_eq!(sealing.keys.len(), 2);
    assert_eq!(keys_of(&house), "2 2 2 2 2");
    house.reopen();
    assert_eq!(house.obey("oldest 0").unwrap(), "1 a=1 rev 1 id B; 2 b=1 rev 1 id C");
    assert_eq!(house.obey("letters").unwrap(), "1 x");
    assert_eq!(house.outbox().shelved(b"k").unwrap().unwrap(), b"kept");
    assert!(!house.outbox().reseal_some().unwrap(), "it is known across a restart");
}

/// A block in the middle cannot be read: what lies behind it is sealed anew all the same.
#[test]
fn a_damaged_block_keeps_nothing_behind_it_under_the_old_key() {
    let mut house = House::new();
    let key = |i: u32| [&b"x"[..], &Sha256::digest(i.to_be_bytes())].concat();
    let rows = (0..400).map(|i| Change::Put(key(i), vec![7; 100]));
    house.outbox().shelve(&rows.collect::<Vec<_>>()).unwrap();
    house.outbox().shared.store().unwrap().flush_and_compact();
    house.reopen();
    house.close();
    let tables = fs::read_dir(&house.folder).unwrap().map(|it| it.unwrap().path());
    let tables = tables.filter(|it| it.extension().is_some_and(|it| it == "sst"));
    let table = tables.max_by_key(|it| fs::metadata(it).unwrap().len()).unwrap();
    damage::flip(&table, fs::metadata(&table).unwrap().len() / 3);
    house.start();
    let id = house.outbox().rotate_key().unwrap();
    while house.outbox().reseal_some().unwrap() {}
    let store = house.outbox().shared.store().unwrap();
    let (mut lost, mut old) = (0, 0);
    for i in 0..400 {
        match store.get(Family::Shelf, &key(i)) {
            Ok(value) => old += u32::from(!store.vault().is_newest(&value.unwrap())),
            Err(error) => {
                assert_eq!(error.code(), "O104");
                lost += 1;
            }
        }
    }
    assert!((1..100).contains(&lost), "one block: {lost}");
    assert_eq!(old, 0, "sealed with a key before {id}");
    let sealing = house.outbox().sealing().unwrap();
    assert!(sealing.is_done && sealing.damaged == 1, "{sealing:?}");
}

/// The data key of each value: queue, dead letters, parked messages, shelf.
fn keys_of(house: &House) -> String {
    let store = house.outbox().shared.store().unwrap();
    let families = [Family::Queue, Family::Dead, Family::Parked, Family::Shelf];
    let values = families.into_iter().flat_map(|it| entries(&store, it));
    let keys = values.map(|(_, value)| if value[0] == SEALED { value[4] } else { 0 });
    keys.map(|it| it.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_was_in_the_clear_is_sealed_in_time() {
    let mut house = House::new();
    house.append("m1", &["a=1"]).unwrap();
    house.obey("bury x");
    house.close();
    in_the_clear(&house);
    house.start();
    assert_eq!(keys_of(&house), "0 0");
    while house.outbox().reseal_some().unwrap() {}
    assert_eq!(keys_of(&house), "1 1");
    assert_eq!(house.obey("oldest 0").unwrap(), "1 a=1 rev 1 id A");
    assert_eq!(house.obey("letters").unwrap(), "1 x");
}

#[test]
fn after_a_change_of_the_master_key_only_the_new_one_opens() {
    let mut house = House::new();
    house.append("m1", &["a=1"]).unwrap();
    let key = KeySource::beside(&house.folder);
    let other = key.with_extension("other");
    let master = crate::master_key::MasterKey::make(&other).unwrap();
    house.outbox().change_master_key(&master).unwrap();
    house.append("m2", &["b=1"]).unwrap();
    house.close();
    check_refusal(&house, "O121");
    fs::rename(other, key).unwrap();
    house.start();
    assert_eq!(house.outbox().oldest(0, 9, usize::MAX).unwrap().len(), 2);
}
