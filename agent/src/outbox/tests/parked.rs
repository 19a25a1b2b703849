//! Messages that wait: who must, in which order they go on, and what a kill leaves of them.

use super::*;
use crate::envelope::{ParkedMessage, Release};

#[test]
fn a_message_with_an_unknown_code_waits_and_keeps_its_ids() {
    check(
        "park m1 qd a=1 b=1; parked; status; release 1 accept a=9 b=1; parked; oldest 0; status",
        "m1: 0 a rev 0 parked id A, 0 b rev 0 parked id B
         1 m1 qd
         waiting 0, cursor 1, next 1, letters 0
         nothing
         1 a=9 rev 1 id A; 2 b=1 rev 1 id B
         waiting 2, cursor 1, next 3, letters 0",
    );
}

#[test]
fn a_resend_of_a_parked_message_gets_the_same_receipt() {
    let m1 = "m1: 0 a rev 0 parked id A";
    for between in ["", "reopen; ", "kill; "] {
        check(
            &format!("park m1 qd a=1; {between}park m2 qd a=1; append m3 a=1; parked"),
            &format!("{m1}\n{m1}\n{m1}\n1 m1 qd"),
        );
    }
    // Two in one group: the first is not on disk yet when the second comes.
    let house = House::new();
    let outbox = house.outbox();
    let parks = ["m1", "m2"].map(|it| outbox.park(submission(it, &["a=1"]), vec![unknown("qd")]));
    let receipts = house.runtime.block_on(futures_util::future::join_all(parks));
    assert_eq!(receipts[0], receipts[1]);
    assert_eq!(outbox.status().parked, 1);
}

#[test]
fn what_comes_later_in_the_lane_waits_behind_it_and_nothing_else_does() {
    check(
        "park m1 qd a=1@L1; append m2 b=1@L1; append m3 c=1@L2; append m4 d=1@L2 e=1@L1; parked; oldest 0",
        "m1: 0 a rev 0 parked id A
         m2: 0 b rev 0 parked id B
         m3: 1 c rev 1 accepted id C
         m4: 0 d rev 0 parked id D, 0 e rev 0 parked id E
         1 m1 qd; 2 m2 -; 3 m4 -
         1 c=1 rev 1 id C",
    );
    // Lane 2 is blocked by the message that has records of both.
    check(
        "park m1 qd a=1@L1; append m2 b=1@L1 c=1@L2; append m3 d=1@L2; parked",
        "m1: 0 a rev 0 parked id A
         m2: 0 b rev 0 parked id B, 0 c rev 0 parked id C
         m3: 0 d rev 0 parked id D
         1 m1 qd; 2 m2 -; 3 m3 -",
    );
}

/// What belongs to no encounter has no lane, and waits behind nothing.
#[test]
fn without_a_lane_nothing_waits() {
    check(
        "park m1 qd a=1@; append m2 b=1@; park m3 qd c=1@L1; append m4 d=1@L1; parked",
        "m1: 0 a rev 0 parked id A
         m2: 1 b rev 1 accepted id B
         m3: 0 c rev 0 parked id C
         m4: 0 d rev 0 parked id D
         1 m1 qd; 2 m3 qd; 3 m4 -",
    );
}

#[test]
fn a_lane_is_free_when_the_last_of_it_has_gone() {
    for between in ["", "reopen; ", "kill; "] {
        check(
            &format!(
                "park m1 qd a=1; append m2 b=1; {between}release 1 accept a=2; append m3 c=1; {between}\
                 release 2 accept b=1; release 3 accept c=1; append m4 d=1; oldest 0"
            ),
            "m1: 0 a rev 0 parked id A
             m2: 0 b rev 0 parked id B
             m3: 0 c rev 0 parked id C
             m4: 4 d rev 1 accepted id D
             1 a=2 rev 1 id A; 2 b=1 rev 1 id B; 3 c=1 rev 1 id C; 4 d=1 rev 1 id D",
        );
    }
}

#[test]
fn a_message_with_nothing_new_passes() {
    check(
        "append m1 a=1; park m2 qd b=1; append m3 a=1; append m4 a=1 c=1",
        "m1: 1 a rev 1 accepted id A
         m2: 0 b rev 0 parked id B
         m1: 1 a rev 1 duplicate id A
         m4: 0 a rev 0 parked id C, 0 c rev 0 parked id D",
    );
}

#[test]
fn the_same_record_twice_in_the_line_is_stored_once() {
    check(
        "park m1 qd a=1; park m2 qd a=1 b=1; release 1 accept a=5; release 2 accept a=5 b=5; append m3 a=5; oldest 0; status",
        "m1: 0 a rev 0 parked id A
         m2: 0 a rev 0 parked id B, 0 b rev 0 parked id C
         m1: 1 a rev 1 duplicate id A
         1 a=5 rev 1 id A; 2 b=5 rev 1 id C
         waiting 2, cursor 1, next 3, letters 0",
    );
    check(
        "park m1 qd a=1; park m2 bid a=2; release 1 accept a=1; release 2 accept a=2; oldest 0",
        "m1: 0 a rev 0 parked id A
         m2: 0 a rev 0 parked id B
         1 a=1 rev 1 id A; 2 a=2 rev 2 id B",
    );
}

#[test]
fn what_is_refused_after_all_is_a_dead_letter() {
    check(
        "park m1 qd a=1; append m2 b=1; release 1 refuse; parked; letters; release 2 accept b=1; oldest 0; status; reopen; letters; bury x; letters",
        "m1: 0 a rev 0 parked id A
         m2: 0 b rev 0 parked id B
         2 m2 -
         1 refused
         1 b=1 rev 1 id B
         waiting 1, cursor 1, next 2, letters 1
         1 refused
         1 refused; 2 x",
    );
}

#[test]
fn what_waits_on_may_wait_for_another_code() {
    check(
        "park m1 qd a=1; release 1 wait bid; parked; kill; parked; release 9 refuse; release 1 accept a=1; release 1 accept a=1; oldest 0; letters",
        "m1: 0 a rev 0 parked id A
         1 m1 bid
         1 m1 bid
         1 a=1 rev 1 id A
         ",
    );
}

#[test]
fn numbers_of_parked_messages_are_not_given_twice() {
    check(
        "park m1 qd a=1@L1; release 1 accept a=1@L1; reopen; park m2 qd b=1@L1; kill; park m3 bid c=1@L1; parked",
        "m1: 0 a rev 0 parked id A
         m2: 0 b rev 0 parked id B
         m3: 0 c rev 0 parked id C
         2 m2 qd; 3 m3 bid",
    );
}

#[test]
fn a_chunk_is_bounded_by_messages_and_by_bytes() {
    let mut house = House::new();
    for key in ["a", "b", "c", "d"] {
        house.park(key, "qd", &[&format!("{key}=1")]).unwrap();
    }
    let numbers = |after, messages, bytes| -> Vec<u64> {
        let found = house.outbox().parked(after, messages, bytes).unwrap();
        found.into_iter().map(|(number, _)| number).collect()
    };
    assert_eq!(numbers(0, 9, 99), [1, 2, 3, 4]);
    assert_eq!(numbers(1, 2, 99), [2, 3]);
    assert_eq!(numbers(0, 9, 4), [1, 2]);
    assert_eq!(numbers(2, 9, 1), [3]);
    assert!(numbers(4, 9, 99).is_empty());
}

#[test]
fn a_damaged_or_lost_parked_message_blocks_nobody_and_is_named() {
    check_damage(|batch| batch.put(Family::Parked, &1u64.to_be_bytes(), b"junk"), "O205 4 bytes");
    check_damage(|batch| batch.delete(Family::Parked, &1u64.to_be_bytes()), "O206 0 bytes");
    // The whole end of the log is gone, figures and all: only the witness remembers.
    check_damage(
        |batch| {
            batch.delete(Family::Parked, &1u64.to_be_bytes());
            batch.delete(Family::Meta, PARKED);
        },
        "O206 0 bytes",
    );
}

#[track_caller]
fn check_damage(harm: impl FnOnce(&mut store::Batch<'_>), expected: &str) {
    let mut house = House::new();
    house.park("m1", "qd", &["a=1"]).unwrap();
    house.close();
    let store = Store::open(&house.folder, &house.options).unwrap();
    let mut batch = store.batch();
    harm(&mut batch);
    batch.write(Durability::Synced).unwrap();
    drop(store);
    for _ in 0..2 {
        house.start();
        let letters = house.outbox().dead_letters(0, 9).unwrap();
        let [(_, letter)] = letters.as_slice() else { panic!("{letters:?}") };
        assert_eq!(format!("{} {} bytes", letter.code, letter.raw.len()), expected);
        assert_eq!(house.outbox().status().parked, 0);
        house.close();
    }
    house.start();
    assert_eq!(house.obey("append m2 b=1").unwrap(), "m2: 1 b rev 1 accepted id A");
    assert_eq!(house.obey("park m3 qd c=1").unwrap(), "m3: 0 c rev 0 parked id B");
    assert_eq!(house.obey("parked").unwrap(), "2 m3 qd");
}

impl House {
    pub(super) fn release(&mut self, number: u64, outcome: &[&str]) {
        let outbox = self.outbox();
        let message = |number| -> Option<ParkedMessage> {
            let (found, message) = outbox.parked(number - 1, 1, 1).unwrap().pop()?;
            (found == number).then_some(message)
        };
        let release = match outcome {
            ["accept", records @ ..] => {
                let mut accepted = submission("lost", records);
                if let Some(message) = message(number) {
                    accepted.message_id = message.message_id;
                    accepted.received_at = message.received_at;
                }
                Release::Accept(accepted)
            }
            ["refuse"] => Release::Refuse(letter_with("refused")),
            ["wait", code] => Release::Wait(vec![unknown(code)]),
            other => panic!("no such outcome: {other:?}"),
        };
        self.runtime.block_on(outbox.release(vec![(number, release)])).unwrap();
    }

    pub(super) fn parked_text(&self) -> String {
        let found = self.outbox().parked(0, 99, usize::MAX).unwrap();
        assert_eq!(self.outbox().status().parked, found.len() as u64);
        let texts: Vec<String> = found
            .iter()
            .map(|(number, it)| {
                let code = it.unknown.first().map_or("-", |it| it.code.as_str());
                format!("{number} {} {code}", it.message_id)
            })
            .collect();
        if texts.is_empty() { "nothing".to_owned() } else { texts.join("; ") }
    }
}
