//! Blocks that have rotted deep in a table: nothing notices them until the engine merges files.

use std::collections::BTreeSet;

use super::damage::{flip, losses, tamper};
use super::*;
use crate::outbox::doctor;
use crate::outbox::store::FAMILIES;

/// Whichever file it is: the run that comes upon it ends, the next start mends the store, and what is
/// lost is named.
#[test]
fn a_store_that_ended_a_run_for_damage_is_mended_by_the_next_start() {
    let mut house = House::new();
    for i in 0..400 {
        house.append(&format!("m{i}"), &[&format!("k{i}=1"), &format!("l{i}=1")]).unwrap();
    }
    house.outbox().shared.store().unwrap().flush_and_compact();
    house.reopen();
    house.close();
    let mut ended = 0;
    for table in tables(&house.folder) {
        let copy = house.dir.path().join("rotten");
        copy_folder(&house.folder, &copy);
        let length = fs::metadata(copy.join(&table)).unwrap().len();
        flip(&copy.join(&table), length / 3);
        ended += u32::from(check_rot(&house, &copy, &table));
        for entry in fs::read_dir(house.dir.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with("rotten") {
                if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
                    .unwrap();
            }
        }
    }
    assert!(ended >= 2, "of queue and memory at least: {ended}");
}

/// Whether the rot has ended a run.
#[track_caller]
fn check_rot(house: &House, folder: &Path, table: &str) -> bool {
    let (outbox, handle) = Outbox::open(folder, &house.options).unwrap();
    append(house, &outbox, "first").unwrap();
    merge(&outbox);
    let ends = append(house, &outbox, "second");
    drop(handle);
    if ends.is_ok() {
        return false;
    }
    assert_eq!(ends.unwrap_err().code(), "O104", "{table}");
    let (outbox, handle) = Outbox::open(folder, &house.options).unwrap();
    for again in ["third", "fourth"] {
        merge(&outbox);
        append(house, &outbox, again).unwrap_or_else(|error| panic!("{table}: {again}: {error}"));
    }
    let found = outbox.oldest(0, usize::MAX, usize::MAX).unwrap();
    assert!(!house.runtime.block_on(outbox.discard_dead_letter(0)).unwrap());
    let lost = losses(&outbox).into_iter().flat_map(|(first, (last, _))| first..=last);
    let told: BTreeSet<u64> = found.iter().map(|it| it.seq).chain(lost).collect();
    assert_eq!(told, (1..=outbox.last_seq()).collect(), "{table}");
    drop(handle);
    assert!(!folder.join("damaged").exists(), "{table}: the mark went aside with the folder");
    true
}

fn append(house: &House, outbox: &Outbox, key: &str) -> Result<Receipt, StoreError> {
    house.runtime.block_on(outbox.append(submission(key, &[&format!("{key}=1")])))
}

fn merge(outbox: &Outbox) {
    let store = outbox.shared.store().unwrap();
    for family in FAMILIES {
        store.compact(family, &[0], &[0xff; 40]);
    }
}

fn tables(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name());
    let names = names.map(|it| it.into_string().unwrap());
    names.filter(|it| Path::new(it).extension().is_some_and(|it| it == "sst")).collect()
}

/// Whatever cuts the mending short: the mark is gone when the new store is there.
#[test]
fn a_mark_stays_until_the_store_is_mended() {
    let mut house = House::new();
    house.append("m1", &["a=1"]).unwrap();
    house.outbox().shared.refuse(StoreError::damaged("a block"));
    assert_eq!(house.append("m2", &["b=1"]).unwrap_err().code(), "O104");
    house.open = None;
    let growing = house.folder.with_added_extension("salvaging");
    fs::write(&growing, "no folder, and in the way").unwrap();
    assert_eq!(Outbox::open(&house.folder, &house.options).unwrap_err().code(), "O103");
    assert!(house.folder.join("damaged").exists());
    fs::remove_file(growing).unwrap();
    house.start();
    assert_eq!(house.append("m2", &["b=1"]).unwrap().records[0].seq, 2);
    assert!(!house.folder.join("damaged").exists());
}

/// Such a row cannot be carried over: the store would be found damaged at every start.
#[test]
fn a_row_of_the_wrong_length_is_mended() {
    for key in [FORMAT, HIDDEN, HIDES_AFTER, RESEALED] {
        let mut house = House::new();
        house.append("m1", &["a=1"]).unwrap();
        tamper(&mut house, |batch| batch.put(Family::Meta, key, b"abc"));
        // As those who do it in the background end.
        let hidden = house.outbox().hide_some(crate::clock::now_for_ageing()).map(drop);
        for error in
            [hidden, house.outbox().reseal_some().map(drop)].into_iter().filter_map(Result::err)
        {
            house.outbox().shared.refuse(error);
        }
        house.open = None;
        house.start();
        assert_eq!(house.append("m2", &["a=1"]).unwrap().records[0].seq, 1);
        house.reopen();
        assert!(house.outbox().sealing().is_ok());
    }
}

/// A power cut leaves such holes: whole records lie behind it, in the same block of the log.
#[test]
fn a_hole_in_a_log_costs_what_was_in_it_and_no_copy_of_the_store() {
    let mut house = with_a_hole();
    house.start();
    check_hole(&mut house);
    assert_eq!(beside(&house), 1, "only the store itself");
}

/// The engine has taken the log in, without what lies behind the hole, and then the start is cut off.
#[test]
fn a_start_that_was_cut_off_brings_back_what_lies_behind_the_hole() {
    let mut house = with_a_hole();
    doctor::keep_logs(&house.folder).unwrap();
    drop(Store::open(&house.folder, &house.options).unwrap());
    house.start();
    check_hole(&mut house);
}

/// And then somebody has the store made anew, or the next start does.
#[test]
fn a_new_store_has_what_lies_in_the_copies_of_logs_only() {
    for is_salvaged in [true, false] {
        let mut house = with_a_hole();
        doctor::keep_logs(&house.folder).unwrap();
        drop(Store::open(&house.folder, &house.options).unwrap());
        if is_salvaged {
            doctor::mend(&house.folder, &house.options, "somebody has asked for it").unwrap();
        } else {
            doctor::mark(&house.folder, "an earlier run ended for damage");
        }
        house.start();
        check_hole(&mut house);
    }
}

/// An earlier release knows nothing of the copies: what it has taken in must not be taken back.
#[test]
fn copies_of_logs_are_left_out_once_something_came_after_them() {
    let mut house = with_a_hole();
    doctor::keep_logs(&house.folder).unwrap();
    let away = house.folder.with_file_name("away");
    fs::rename(house.folder.join("logs"), &away).unwrap();
    house.start();
    house.append("later", &["later=1"]).unwrap();
    house.outbox().settle(&(1..=20).collect::<Vec<_>>()).unwrap();
    house.close();
    fs::rename(&away, house.folder.join("logs")).unwrap();
    house.start();
    assert_eq!(house.obey("oldest 0").unwrap(), "21 later=1 rev 1 id A");
    assert!(!house.folder.join("logs").exists());
}

/// Twenty records in one block of a log, and the tenth of them cannot be read.
fn with_a_hole() -> House {
    let mut house = House::new();
    for i in 0..20 {
        house.append(&format!("m{i}"), &[&format!("k{i}=1")]).unwrap();
    }
    house.close();
    let logs = fs::read_dir(&house.folder).unwrap().map(|it| it.unwrap().path());
    let logs = logs.filter(|it| it.extension().is_some_and(|it| it == "log"));
    let log = logs.max_by_key(|it| fs::metadata(it).unwrap().len()).unwrap();
    let length = fs::metadata(&log).unwrap().len();
    assert!(length < 32 << 10, "one block: {length}");
    flip(&log, length / 2);
    house
}

/// One record is lost and named, all others are there, and the next number is what it was to be.
#[track_caller]
fn check_hole(house: &mut House) {
    for _ in 0..2 {
        let found = house.outbox().oldest(0, 99, usize::MAX).unwrap();
        assert_eq!(found.len(), 19);
        assert!(!house.runtime.block_on(house.outbox().discard_dead_letter(0)).unwrap());
        let lost: Vec<(u64, u64)> =
            losses(&house.outbox()).into_iter().map(|(first, (last, _))| (first, last)).collect();
        let [(one, other)] = lost.as_slice() else { panic!("{lost:?}") };
        assert!(one == other && found.iter().all(|it| it.seq != *one), "{lost:?}");
        assert!(!house.folder.join("logs").exists());
        house.reopen();
    }
    assert_eq!(house.append("new", &["new=1"]).unwrap().records[0].seq, 21);
}

/// Folders of stores.
fn beside(house: &House) -> usize {
    let all = fs::read_dir(house.dir.path()).unwrap();
    all.filter(|it| it.as_ref().unwrap().path().is_dir()).count()
}
