//! A disk that fills up, is full, and has room again. Nothing accepted is lost, nothing is promised
//! while there is no room, and everything goes on by itself.

use std::time::Duration;

use super::*;
use crate::envelope::Release;
use crate::outbox::command::Unreadable;

#[test]
fn below_low_water_nothing_is_taken_in_and_all_else_goes_on() {
    let mut house = House::new();
    house.append("m1", &["a=1"]).unwrap();
    house.obey("park p1 qd b=1");
    let outbox = house.outbox();
    set(&outbox, 9, 100);
    assert_eq!(house.append("m2", &["c=1"]).unwrap_err().code(), "O107");
    let put = [Change::Put(b"x".to_vec(), b"y".to_vec())];
    assert_eq!(outbox.shelve(&put).unwrap_err().code(), "O107");
    assert_eq!(bury(&house), "O107");
    // What is there can be read, delivered, released and removed.
    assert_eq!(outbox.shelve(&[Change::Remove(b"x".to_vec())]), Ok(()));
    house.obey("release 1 accept b=1");
    assert_eq!(outbox.oldest(0, 9, 9_999).unwrap().len(), 2);
    outbox.settle(&[1, 2]).unwrap();
    assert_eq!((outbox.depth(), outbox.status().failed), (0, false));
    // Between low and high water the doors stay as they are.
    set(&outbox, 14, 100);
    assert_eq!(house.append("m2", &["c=1"]).unwrap_err().code(), "O107");
    set(&outbox, 15, 100);
    assert_eq!(house.append("m2", &["c=1"]).unwrap().records[0].seq, 3);
    set(&outbox, 10, 100);
    assert_eq!(house.append("m3", &["d=1"]).unwrap().records[0].seq, 4);
}

/// Doors that letters have closed open again when somebody discards them.
#[test]
fn what_is_discarded_gives_its_room_back() {
    let house = House::new();
    let outbox = house.outbox();
    for it in 0..64 {
        let letter = DeadLetter { raw: vec![it; 1 << 16], ..letter_with("x") };
        house.runtime.block_on(outbox.bury(letter)).unwrap();
    }
    outbox.shared.store().unwrap().flush_and_compact();
    let tables = || -> u64 {
        let files = fs::read_dir(&house.folder).unwrap().map(|it| it.unwrap());
        let tables = files.filter(|it| it.path().extension().is_some_and(|it| it == "sst"));
        tables.map(|it| it.metadata().map_or(0, |it| it.len())).sum()
    };
    assert!(tables() > 3 << 20);
    set(&outbox, 9, 100);
    for number in (1..=64).filter(|it| it % 8 > 0) {
        assert!(house.runtime.block_on(outbox.discard_dead_letter(number)).unwrap());
    }
    wait_until(|| tables() < 1 << 20);
    assert_eq!(outbox.dead_letters(0, 99).unwrap().len(), 8);
}

#[test]
fn a_full_disk_is_told_to_whoever_waits_and_taken_up_again() {
    let mut house = House::new();
    house.append("m1", &["a=1", "b=1"]).unwrap();
    let outbox = house.outbox();
    let store = outbox.shared.store().unwrap();
    store.faults.is_full.store(true, Ordering::SeqCst);
    set(&outbox, 100, 100);
    assert_eq!(house.append("m2", &["c=1"]).unwrap_err().code(), "O107");
    assert!(outbox.room().has_run_out && !outbox.room().accepting);
    assert_eq!(house.append("m3", &["d=1"]).unwrap_err().code(), "O107");
    assert_eq!(outbox.write_rows(&[]).unwrap_err().code(), "O107");
    // The forwarder works on: what it settles is remembered once the disk takes it.
    assert_eq!(outbox.oldest(0, 9, 9_999).unwrap().len(), 2);
    outbox.settle(&[1]).unwrap();
    assert_eq!((outbox.depth(), outbox.refusal()), (1, None));

    store.faults.is_full.store(false, Ordering::SeqCst);
    wait_until(|| outbox.room().accepting);
    drop(store);
    // The refused message has left no trace, no number is missing and none is given twice.
    assert_eq!(house.append("m2", &["c=1"]).unwrap().records[0].seq, 3);
    house.reopen();
    let found = house.outbox().oldest(0, 9, 9_999).unwrap();
    assert_eq!(found.iter().map(|it| it.seq).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(house.outbox().status().dead_letters, 0);
}

/// A batch that holds parked messages and decisions, too, is as if it had never been.
#[test]
fn what_a_full_disk_refused_can_be_asked_again() {
    let mut house = House::new();
    house.obey("park p1 qd a=1");
    let outbox = house.outbox();
    let store = outbox.shared.store().unwrap();
    store.faults.is_full.store(true, Ordering::SeqCst);
    set(&outbox, 100, 100);
    let release = outbox.release(vec![(1, Release::Accept(submission("p1", &["a=1"])))]);
    assert_eq!(house.runtime.block_on(release).unwrap_err().code(), "O107");
    assert_eq!((outbox.depth(), outbox.status().parked), (0, 1));
    store.faults.is_full.store(false, Ordering::SeqCst);
    wait_until(|| outbox.room().accepting);
    drop(store);
    house.obey("release 1 accept a=1");
    assert_eq!((outbox.depth(), outbox.status().parked), (1, 0));
    // Behind it in its lane nothing waits any more.
    assert_eq!(house.append("m1", &["a=2"]).unwrap().records[0].seq, 2);
}

/// Rows that nobody waits for must not close the doors for good.
#[test]
fn what_is_noted_on_a_full_disk_waits_like_everything_else() {
    let mut house = House::new();
    house.append("m1", &["a=1"]).unwrap();
    let outbox = house.outbox();
    let store = outbox.shared.store().unwrap();
    let row = [Change::Put(b"x".to_vec(), b"y".to_vec())];
    outbox.note(&row, true).unwrap();
    store.faults.is_full.store(true, Ordering::SeqCst);
    set(&outbox, 100, 100);
    assert_eq!(outbox.note(&row, true).unwrap_err().code(), "O107");
    assert!(outbox.room().has_run_out);
    assert_eq!(outbox.drop_raw_below(u64::MAX).unwrap_err().code(), "O107");
    let ring = fs::read(house.folder.join("keyring")).unwrap();
    assert_eq!(outbox.rotate_key().unwrap_err().code(), "O107");
    assert_eq!(fs::read(house.folder.join("keyring")).unwrap(), ring);
    assert_eq!(outbox.refusal(), None);
    store.faults.is_full.store(false, Ordering::SeqCst);
    wait_until(|| outbox.room().accepting);
    outbox.note(&row, true).unwrap();
    drop(store);
    assert_eq!(house.append("m2", &["b=1"]).unwrap().records[0].seq, 2);
}

/// A record that cannot be read is settled by its dead letter, and by nothing else.
#[test]
fn damage_found_while_the_disk_is_full_is_named_once_it_has_room() {
    let mut house = House::new();
    house.append("m1", &["a=1"]).unwrap();
    house.append("m2", &["b=1"]).unwrap();
    let outbox = house.outbox();
    let store = outbox.shared.store().unwrap();
    let damage = || Unreadable {
        first_seq: 1,
        end_seq: 2,
        value: Vec::new(),
        code: "O201",
        reason: "invented".to_owned(),
    };
    store.faults.is_full.store(true, Ordering::SeqCst);
    set(&outbox, 100, 100);
    outbox.set_aside(&damage());
    wait_until(|| outbox.room().has_run_out);
    assert_eq!((outbox.depth(), outbox.status().dead_letters), (2, 0));
    store.faults.is_full.store(false, Ordering::SeqCst);
    wait_until(|| outbox.room().accepting);
    drop(store);
    outbox.set_aside(&damage());
    wait_until(|| outbox.status().dead_letters == 1);
    assert_eq!(outbox.depth(), 1);
    house.reopen();
    assert_eq!((house.outbox().depth(), house.outbox().status().dead_letters), (1, 1));
}

/// The same for a parked message: nobody waits behind it, and it ends nobody.
#[test]
fn a_parked_message_that_is_damaged_is_named_once_there_is_room() {
    let mut house = House::new();
    house.append("m1", &["a=1@L1"]).unwrap();
    house.obey("park p1 qd b=1@L2");
    house.obey("park p2 qd c=1@L3");
    parked::harm(&house, 1);
    let outbox = house.outbox();
    let store = outbox.shared.store().unwrap();
    store.faults.is_full.store(true, Ordering::SeqCst);
    set(&outbox, 100, 100);
    // Whoever lists them finds out.
    assert_eq!(outbox.parked(0, 9, usize::MAX).unwrap().len(), 1);
    wait_until(|| outbox.room().has_run_out);
    thread::sleep(Duration::from_millis(700));
    assert_eq!(house.append("m2", &["d=1@L2"]).unwrap_err().code(), "O107");
    assert_eq!((outbox.refusal(), outbox.status().dead_letters), (None, 0));
    assert_eq!(outbox.oldest(0, 9, 9_999).unwrap().len(), 1);
    outbox.settle(&[1]).unwrap();
    store.faults.is_full.store(false, Ordering::SeqCst);
    wait_until(|| outbox.room().accepting);
    wait_until(|| outbox.status().dead_letters == 1);
    drop(store);
    assert_eq!(house.obey("parked").unwrap(), "2 p2 qd");
    assert_eq!(house.append("m2", &["d=1@L2"]).unwrap().records[0].seq, 2);
    assert!(house.append("m3", &["e=1@L3"]).unwrap().is_parked());
    house.reopen();
    assert_eq!((house.outbox().depth(), house.outbox().status().dead_letters), (1, 1));
}

/// A start that finds it, too.
#[test]
fn a_start_without_room_leaves_a_damaged_parked_message_for_later() {
    let mut house = House::new();
    house.obey("park p1 qd b=1@L2");
    parked::harm(&house, 1);
    let outbox = house.outbox();
    let store = outbox.shared.store().unwrap();
    let (mut at, _) = opening::position(&store, None).unwrap();
    let found = crate::outbox::parked::find(&store, &mut at, None).unwrap();
    assert!(found.is_harmed);
    let mut put_aside = |is_full| {
        store.faults.is_full.store(is_full, Ordering::SeqCst);
        let done = found.set_aside_if_there_is_room(&store, &mut at);
        (done.unwrap(), at.letters)
    };
    assert_eq!(put_aside(true), (false, 0));
    assert_eq!(put_aside(false), (true, 1));
}

/// A start on a full disk makes room; what is not folded yet must not be what goes.
#[test]
fn nothing_goes_at_a_start_before_somebody_has_said_what_was_folded() {
    let mut house = House::with(Options {
        holds: Holds { folded: true, ..Holds::default() },
        ..Options::default()
    });
    house.append("m1", &["a=1"]).unwrap();
    house.append("m2", &["b=1"]).unwrap();
    let outbox = house.outbox();
    outbox.settle(&[1, 2]).unwrap();
    set(&outbox, 5, 100);
    thread::sleep(Duration::from_millis(700));
    assert_eq!(outbox.lowest_seq(), 1);
    outbox.hold_from(Some(2));
    wait_until(|| outbox.lowest_seq() == 2);
    outbox.hold_from(None);
    wait_until(|| outbox.lowest_seq() == 3);
}

/// A sync that failed for want of room is not believed, and ends the outbox.
#[test]
fn a_sync_without_room_is_a_failure() {
    check_kind("IO error: No space left on device: While appending to file: a/000012.log", "O107");
    check_kind("IO error: No space left on device: While fdatasync: a/000012.log", "O103");
    check_kind("IO error: Input/output error: While appending to file: a/000012.log", "O103");
    check_kind("No space left on device (os error 28)", "O107");
}

#[track_caller]
fn check_kind(cause: &str, expected: &str) {
    assert_eq!(StoreError::of_disk("write", cause.to_owned()).code(), expected, "{cause}");
}

/// A few delivered records are not worth a sweep, unless there is no room.
#[test]
fn while_room_is_short_what_was_delivered_is_removed_at_once() {
    let mut house = House::new();
    for i in 0..20 {
        house.append(&format!("m{i}"), &[&format!("k{i}=1")]).unwrap();
    }
    let outbox = house.outbox();
    outbox.settle(&(1..=15).collect::<Vec<_>>()).unwrap();
    assert_eq!(outbox.lowest_seq(), 1);
    set(&outbox, 5, 100);
    wait_until(|| outbox.lowest_seq() == 16);
    assert_eq!(outbox.oldest(0, 99, 9_999).unwrap().len(), 5);
    // What is held for the past of patients stays.
    outbox.hold_from(Some(17));
    outbox.settle(&[16, 17, 18]).unwrap();
    wait_until(|| outbox.lowest_seq() == 17);
    set(&outbox, 50, 100);
    house.reopen();
    assert_eq!(house.outbox().depth(), 2);
}

#[test]
fn the_reserve_goes_when_the_disk_is_full_and_comes_back() {
    let house = House::with(Options { reserve_bytes: 1 << 20, ..Options::default() });
    let reserve = house.folder.join("reserve");
    let outbox = house.outbox();
    wait_until(|| reserve.is_file());
    let store = outbox.shared.store().unwrap();
    store.faults.is_full.store(true, Ordering::SeqCst);
    outbox.settle(&[]).unwrap();
    let refused = house.runtime.block_on(outbox.append(submission("m1", &["a=1"])));
    assert_eq!(refused.unwrap_err().code(), "O107");
    assert!(!reserve.exists());
    store.faults.is_full.store(false, Ordering::SeqCst);
    wait_until(|| reserve.is_file());
}

/// The disk looks so from the next moment on.
fn set(outbox: &Outbox, free_bytes: u64, total_bytes: u64) {
    outbox.shared.room.pretend(free_bytes << 20, total_bytes << 20);
    outbox.shared.room.look(0);
}

fn bury(house: &House) -> &'static str {
    let letter = DeadLetter {
        stage: Stage::Decode,
        message_id: "m".to_owned(),
        channel: "c".to_owned(),
        received_at: "20261122120000".to_owned(),
        code: "D101".to_owned(),
        reason: String::new(),
        detail: String::new(),
        content_type: None,
        raw: Vec::new(),
    };
    house.runtime.block_on(house.outbox().bury(letter)).unwrap_err().code()
}

#[track_caller]
fn wait_until(mut met: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if met() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("not met in a minute");
}
