//! Who may go past a backlog: whoever has nothing of his lane there, which is known without reading it,
//! also after a restart, a kill and damage.

use tokio_util::sync::CancellationToken;

use super::damage::tamper;
use super::*;

#[test]
fn a_record_goes_past_what_waits_but_not_past_its_lane() {
    check("append m1 a=1@A b=1@B c=1@A", 0, "yes yes no");
    check("append m1 a=1@A b=1@B c=1@A", 1, "- yes yes");
    check("append m1 a=1@A; append m2 b=1@A; append m3 c=1@A", 1, "- yes no");
    check("append m1 a=1@ b=1@", 0, "yes yes");
}

/// The tests' table has seven places of lanes and one that the others share.
#[test]
fn lanes_that_share_a_place_wait_for_each_other() {
    let eight = "append m1 a=1@A b=1@B c=1@C d=1@D e=1@E f=1@F g=1@G h=1@H";
    check(&format!("{eight} i=1@H"), 0, "yes yes yes yes yes yes yes yes no");
    check(&format!("{eight} i=1@A j=1@I"), 1, "- yes yes yes yes yes yes yes no no");
    check(&format!("{eight} i=1@A j=1@I"), 8, "- - - - - - - - yes yes");
}

#[test]
fn a_parked_message_takes_its_place_when_it_is_released() {
    let script = "park m1 qd a=1@A; append m2 b=1@B; release 1 accept a=1@A; append m3 c=1@A";
    check(script, 0, "yes yes no");
}

#[test]
fn nobody_goes_past_what_is_still_to_be_learned() {
    let script = "append m1 a=1@A; kill; append m2 b=1@B c=1@A";
    check(script, 0, "? ? ?");
    check(&format!("{script}; learn"), 0, "no yes no");
    check(&format!("{script}; learn"), 1, "- yes yes");
    check("append m1 a=1@A; settle 1; reopen; append m2 b=1@B c=1@A", 0, "- yes yes");
}

#[test]
fn once_the_old_ones_are_gone_all_is_known() {
    let script = "append m1 a=1@A; kill; append m2 b=1@B c=1@A; settle 1; append m3 d=1@A";
    check(script, 2, "- yes yes no");
}

/// Ten wait: a row is left at the end, and what comes behind it is read.
#[test]
fn what_was_saved_and_what_came_after_it_are_both_known() {
    let ten = "append m1 a=1@A b=1@B c=1@A d=1@A e=1@A f=1@A g=1@A h=1@A i=1@A j=1@A";
    let mut house = House::new();
    obey(&mut house, &format!("{ten}; reopen"));
    assert_eq!(saved(&house), Some(11));
    obey(&mut house, "append m2 k=1@C; kill");
    assert_eq!(saved(&house), Some(11), "it is good for as long as what it tells of waits");
    obey(&mut house, "learn; append m3 l=1@A m=1@B n=1@C o=1@D");
    assert_eq!(passes(&house, 0), "no no no no no no no no no no no no no no yes");
    obey(&mut house, &(1..=14).map(|it| format!("settle {it}")).collect::<Vec<_>>().join("; "));
    house.reopen();
    assert_eq!(saved(&house), None, "a short backlog is read as fast");
}

#[test]
fn a_row_that_does_not_fit_the_store_is_not_believed() {
    let ten = "append m1 a=1@A b=1@B c=1@A d=1@A e=1@A f=1@A g=1@A h=1@A i=1@A j=1@A";
    let mut house = House::new();
    obey(&mut house, &format!("{ten}; reopen"));
    let row = house.outbox().shelved(b"wl").unwrap().unwrap();
    let put = |house: &House, place: usize, byte: u8| {
        let mut other = row.clone();
        other[place] = byte;
        house.outbox().shelve(&[Change::Put(b"wl".to_vec(), other)]).unwrap();
    };
    // Of another version, of another size, of a later cursor, of more records than there are.
    for place in [7, 15, 23, 31] {
        put(&house, place, 99);
        assert_eq!(saved(&house), None, "byte {place}");
    }
    house.outbox().shelve(&[Change::Put(b"wl".to_vec(), b"junk".to_vec())]).unwrap();
    assert_eq!(saved(&house), None);
    obey(&mut house, "learn; append m2 k=1@B l=1@C");
    assert!(passes(&house, 0).ends_with("no yes"), "it is read instead");
}

#[test]
fn damage_is_passed_over_and_named() {
    let mut house = House::new();
    obey(&mut house, "append m1 a=1@A; append m2 b=1@B; append m3 c=1@C; kill");
    tamper(&mut house, |batch| batch.put(Family::Queue, &2u64.to_be_bytes(), b"\x01nonsense"));
    obey(&mut house, "append m4 d=1@C e=1@A f=1@B; learn");
    assert_eq!(passes(&house, 0), "no no no no yes");
    assert_eq!(house.obey("discard 9").unwrap(), "not there", "the writer has come so far");
    assert_eq!(house.outbox().status().dead_letters, 1);
}

/// Which of those that wait may go past the others, for one who has the first so many in hand.
#[track_caller]
fn check(script: &str, read_to: u64, expected: &str) {
    let mut house = House::new();
    obey(&mut house, script);
    let first = house.outbox().oldest_seq().unwrap() - 1;
    let expected: Vec<&str> = expected.split(' ').skip(usize::try_from(first).unwrap()).collect();
    let actual = passes(&house, read_to);
    let actual: Vec<&str> = actual.split(' ').collect();
    let known = expected.iter().zip(&actual).all(|(told, it)| *told == "-" || told == it);
    assert!(known && expected.len() == actual.len(), "{script}: {actual:?}, not {expected:?}");
}

fn passes(house: &House, read_to: u64) -> String {
    let outbox = house.outbox();
    let waiting = outbox.oldest(0, usize::MAX, usize::MAX).unwrap();
    let may = waiting.iter().map(|it| outbox.may_pass(it, &|seq| seq <= read_to));
    let words = may.map(|it| it.map_or("?", |it| if it { "yes" } else { "no" }));
    words.collect::<Vec<_>>().join(" ")
}

/// Where reading would begin behind what was saved.
fn saved(house: &House) -> Option<u64> {
    house.outbox().lanes_saved_below()
}

fn obey(house: &mut House, script: &str) {
    for command in script.split("; ") {
        if command == "learn" {
            house.outbox().learn_lanes(&CancellationToken::new()).unwrap();
        } else {
            house.obey(command);
        }
    }
}
