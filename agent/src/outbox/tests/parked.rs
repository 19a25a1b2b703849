//! Messages that wait: who must, in which order they go on, and what a kill leaves of them.

use super::damage::{flip, tamper};
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

/// The time of sending, a new GUID in the header: nearly every SOAP client sends the same message in
/// other bytes.
#[test]
fn a_resend_in_another_envelope_gets_the_same_receipt_and_is_not_kept() {
    for between in ["", "reopen; ", "kill; "] {
        // Waiting for a code, behind another in its lane, and with a part that was taken in before.
        check(
            &format!(
                "append m0 z=1; park m1 qd a=1; append m2 z=1 b=1 c=1; {between}envelope other; \
                 park m3 qd a=1; append m4 z=1 b=1 c=1; parked; \
                 release 1 accept a=1; release 2 accept z=1 b=1 c=1; append m5 b=1 c=1; oldest 0"
            ),
            "m0: 1 z rev 1 accepted id A
             m1: 0 a rev 0 parked id B
             m2: 1 z rev 1 duplicate id A, 0 b rev 0 parked id C, 0 c rev 0 parked id D
             m1: 0 a rev 0 parked id B
             m2: 1 z rev 1 duplicate id A, 0 b rev 0 parked id C, 0 c rev 0 parked id D
             1 m1 qd; 2 m2 -
             m2: 3 b rev 1 duplicate id C, 4 c rev 1 duplicate id D
             1 z=1 rev 1 id A; 2 a=1 rev 1 id B; 3 b=1 rev 1 id C; 4 c=1 rev 1 id D",
        );
    }
}

/// What has another content is no resend: another value, or another code that nobody has mapped.
#[test]
fn a_correction_of_what_waits_waits_behind_it() {
    check(
        "park m1 qd a=1; envelope other; park m2 bid a=1; park m3 qd a=2; parked; \
         release 1 accept a=QD; release 2 accept a=BID; release 3 accept a=QD2; oldest 0",
        "m1: 0 a rev 0 parked id A
         m2: 0 a rev 0 parked id B
         m3: 0 a rev 0 parked id C
         1 m1 qd; 2 m2 bid; 3 m3 qd
         1 a=QD rev 1 id A; 2 a=BID rev 2 id B; 3 a=QD2 rev 3 id C",
    );
}

/// If a message is refused in the end, what it shared with others still goes, under the id that all
/// of them were promised.
#[test]
fn a_part_of_what_waits_is_kept_for_itself() {
    check(
        "park m1 qd a=1 x=1; park m2 qd a=1; envelope other; park m3 qd a=1; parked; \
         release 1 refuse; release 2 accept a=1; oldest 0",
        "m1: 0 a rev 0 parked id A, 0 x rev 0 parked id B
         m2: 0 a rev 0 parked id A
         m2: 0 a rev 0 parked id A
         1 m1 qd; 2 m2 qd
         1 a=1 rev 1 id A",
    );
    // What several messages hold need not be kept once more in one.
    check(
        "park m1 qd a=1; park m2 qd b=1; park m3 qd a=1 b=1; parked",
        "m1: 0 a rev 0 parked id A
         m2: 0 b rev 0 parked id B
         m1: 0 a rev 0 parked id A, 0 b rev 0 parked id B
         1 m1 qd; 2 m2 qd",
    );
    check("park m1 qd a=1 a=1", "m1: 0 a rev 0 parked id A, 0 a rev 0 parked id A");
}

/// A record without a lane waits for nobody, and yet it may have been promised.
#[test]
fn what_goes_past_its_own_promise_has_its_id() {
    check(
        "park m1 qd a=1@L1; append m2 b=1@L1 x=1@; append m3 x=1@; release 1 accept a=1@L1; \
         release 2 accept b=1@L1 x=1@; oldest 0",
        "m1: 0 a rev 0 parked id A
         m2: 0 b rev 0 parked id B, 0 x rev 0 parked id C
         m3: 1 x rev 1 accepted id C
         1 x=1 rev 1 id C; 2 a=1 rev 1 id A; 3 b=1 rev 1 id B",
    );
}

/// A receipt has told the id of a record that is there. Whatever the message turns out to hold in its
/// place, corrected, under another key or without one, is another record.
#[test]
fn the_id_of_a_record_stays_its_own() {
    for (was, is) in [("a=1", "a=2"), ("a=1", "c=1"), ("=1", "=2")] {
        let key = was.trim_end_matches("=1");
        for between in ["", "reopen; "] {
            check(
                &format!(
                    "append m1 {was}; park m2 qd z=1; append m3 {was} b=1; {between}release 1 accept z=1; \
                     release 2 accept {is} b=1; oldest 0"
                ),
                &format!(
                    "m1: 1 {key} rev 1 accepted id A
                     m2: 0 z rev 0 parked id B
                     m3: 1 {key} rev 1 duplicate id A, 0 b rev 0 parked id C
                     1 {was} rev 1 id A; 2 z=1 rev 1 id B; 3 {is} rev {} id D; 4 b=1 rev 1 id C",
                    if is == "a=2" { 2 } else { 1 }
                ),
            );
        }
    }
}

/// Two messages were promised the same id, or the record went past its own promise: who comes first
/// has it, and nothing else ever does.
#[test]
fn an_id_that_was_promised_twice_goes_to_one_content() {
    for between in ["", "reopen; ", "kill; "] {
        check(
            &format!(
                "park m1 qd a=1; park m2 qd a=1 x=1; {between}release 1 accept aQD=1; {between}\
                 release 2 accept aBID=1 x=1; oldest 0"
            ),
            "m1: 0 a rev 0 parked id A
             m2: 0 a rev 0 parked id A, 0 x rev 0 parked id B
             1 aQD=1 rev 1 id A; 2 aBID=1 rev 1 id C; 3 x=1 rev 1 id B",
        );
        check(
            &format!(
                "park m1 qd a=1@L1; append m2 b=1@L1 x=1@; append m3 x=1@; {between}\
                 release 1 accept a=1@L1; release 2 accept b=1@L1 y=1@; oldest 0"
            ),
            "m1: 0 a rev 0 parked id A
             m2: 0 b rev 0 parked id B, 0 x rev 0 parked id C
             m3: 1 x rev 1 accepted id C
             1 x=1 rev 1 id C; 2 a=1 rev 1 id A; 3 b=1 rev 1 id B; 4 y=1 rev 1 id D",
        );
    }
    check(
        "park m1 qd a=1 a=1; release 1 accept b=1 c=1; oldest 0",
        "m1: 0 a rev 0 parked id A, 0 a rev 0 parked id A
         1 b=1 rev 1 id A; 2 c=1 rev 1 id B",
    );
    // What is lost to a platform that refused it may come back, under the id it had.
    check(
        "park m1 qd z=1; append m2 b=1 x=1@; append m3 x=1@; refuse 1; release 1 accept z=1; \
         release 2 accept b=1 y=1@; append m4 x=1@; oldest 0",
        "m1: 0 z rev 0 parked id A
         m2: 0 b rev 0 parked id B, 0 x rev 0 parked id C
         m3: 1 x rev 1 accepted id C
         m4: 5 x rev 1 accepted id C
         2 z=1 rev 1 id A; 3 b=1 rev 1 id B; 4 y=1 rev 1 id D; 5 x=1 rev 1 id C",
    );
}

/// A list of charges that grows and is sent whole each time: what waits behind the first is written once
/// for all ids that it shares with it, not once for each.
#[test]
fn what_shares_many_ids_with_another_is_written_once() {
    let mut house = House::new();
    house.envelope = unpackable(20_000);
    let records: Vec<String> = (0..200).map(|it| format!("k{it}=1")).collect();
    let mut texts: Vec<&str> = records.iter().map(String::as_str).collect();
    house.park("m1", "qd", &texts).unwrap();
    texts.push("more=1");
    house.park("m2", "qd", &texts).unwrap();
    let before = written(&house);
    let _ = house.obey(&format!("release 1 accept {}", records.join(" ")));
    let grown = written(&house) - before;
    let message = house.envelope.len() as u64;
    assert!((message..4 * message).contains(&grown), "{grown} bytes for a message of {message}");
}

/// The same for many that are released at once, each with a charge of its own that all later ones share.
#[test]
fn what_waits_behind_many_that_go_at_once_is_written_once() {
    let mut house = House::new();
    house.envelope = unpackable(1_000);
    let records: Vec<String> = (1..=100).map(|it| format!("k{it}=1")).collect();
    let texts: Vec<&str> = records.iter().map(String::as_str).collect();
    for count in 1..=100 {
        house.park(&format!("m{count}"), "qd", &texts[..count]).unwrap();
    }
    let before = written(&house);
    let decided = |count: usize| {
        let outcome = [&["accept"][..], &texts[..count]].concat();
        (count as u64, house.decided(count as u64, &outcome))
    };
    let (first, rest) = ((1..=50).map(decided).collect(), (51..=100).map(decided).collect());
    house.release_at_once(first);
    let grown = written(&house).saturating_sub(before);
    let waiting = 50 * house.envelope.len() as u64;
    assert!((waiting..4 * waiting).contains(&grown), "{grown} bytes for {waiting} that wait");
    house.release_at_once(rest);
    assert_eq!((house.outbox().depth(), house.outbox().status().parked), (100, 0));
}

/// Two that were promised one id go at once, or one waits on and learns of it: it is the first one's.
#[test]
fn an_id_that_was_promised_twice_goes_to_one_content_at_once() {
    let mut house = House::new();
    let mut told = vec![house.obey("park m1 qd a=1").unwrap()];
    told.push(house.obey("park m2 qd a=1 x=1").unwrap());
    told.push(house.obey("park m3 qd a=1 y=1").unwrap());
    let outcomes = [
        (1, vec!["accept", "aQD=1"]),
        (2, vec!["accept", "aBID=1", "x=1"]),
        (3, vec!["wait", "bid", "a=1", "y=1"]),
    ];
    let releases = outcomes.map(|(number, outcome)| (number, house.decided(number, &outcome)));
    house.release_at_once(releases.into());
    house.reopen();
    told.extend(house.obey("release 3 accept aTID=1 y=1"));
    told.extend(house.obey("oldest 0"));
    let expected = [
        "m1: 0 a rev 0 parked id A",
        "m2: 0 a rev 0 parked id A, 0 x rev 0 parked id B",
        "m3: 0 a rev 0 parked id A, 0 y rev 0 parked id C",
        "1 aQD=1 rev 1 id A; 2 aBID=1 rev 1 id D; 3 x=1 rev 1 id B; 4 aTID=1 rev 1 id E; \
         5 y=1 rev 1 id C",
    ];
    assert_eq!(told, expected);
}

/// Nothing that could be packed.
fn unpackable(words: u64) -> String {
    (0..words).fold(String::new(), |mut text, it| {
        let _ = write!(text, "{:x}", it.wrapping_mul(0x9e37_79b9));
        text
    })
}

/// What the store's logs have grown to.
fn written(house: &House) -> u64 {
    let files = fs::read_dir(&house.folder).unwrap().map(Result::unwrap);
    let logs = files.filter(|it| it.path().extension().is_some_and(|it| it == "log"));
    logs.map(|it| it.metadata().unwrap().len()).sum()
}

/// Half of its codes are mapped, or all and it waits behind another: a resend is judged so, too.
#[test]
fn what_is_judged_otherwise_by_now_is_known_as_that() {
    check(
        "park m1 qd a=1; release 1 wait bid a=1; envelope other; park m2 bid a=1; parked; \
         release 1 wait - a=1; append m3 a=1; parked; release 1 accept a=1; append m4 a=1",
        "m1: 0 a rev 0 parked id A
         m1: 0 a rev 0 parked id A
         1 m1 bid
         m1: 0 a rev 0 parked id A
         1 m1 -
         m1: 1 a rev 1 duplicate id A",
    );
}

/// Its contents were not written down: until it is judged again only its bytes tell.
#[test]
fn what_an_earlier_release_has_parked_is_known_by_its_bytes() {
    let mut house = House::new();
    assert_eq!(house.obey("park m1 qd a=1").unwrap(), "m1: 0 a rev 0 parked id A");
    let (_, mut message) = house.outbox().parked(0, 1, 1).unwrap().remove(0);
    message.records[0].content = None;
    tamper(&mut house, |batch| {
        batch.put(Family::Parked, &1u64.to_be_bytes(), &format::parked(&message).checked());
    });
    assert_eq!(house.obey("park m2 qd a=1").unwrap(), "m1: 0 a rev 0 parked id A");
    house.obey("release 1 wait qd a=1");
    house.reopen();
    house.obey("envelope other");
    assert_eq!(house.obey("park m3 qd a=1").unwrap(), "m1: 0 a rev 0 parked id A");
    assert_eq!(house.obey("parked").unwrap(), "1 m1 qd");
}

/// It would never be released: whoever sends it again is kept, under the ids of before.
#[test]
fn what_is_promised_and_damaged_is_kept_again() {
    let mut house = House::new();
    house.obey("park m1 qd a=1");
    harm(&house, 1);
    assert_eq!(house.obey("park m2 qd a=1").unwrap(), "m2: 0 a rev 0 parked id A");
    house.obey("append m3 z=1@other");
    assert_eq!(codes(&house), "O205");
    assert_eq!(house.obey("parked").unwrap(), "2 m2 qd");
}

/// While the agent runs: whoever lists them finds out.
#[test]
fn what_is_damaged_meanwhile_blocks_nobody_either() {
    let mut house = House::new();
    house.obey("park m1 qd a=1");
    harm(&house, 1);
    assert!(house.outbox().parked(0, 9, usize::MAX).unwrap().is_empty());
    assert_eq!(house.obey("append m2 b=1").unwrap(), "m2: 1 b rev 1 accepted id B");
    assert_eq!((codes(&house).as_str(), house.outbox().status().parked), ("O205", 0));
    let outbox = house.outbox();
    let waking = async { tokio::time::timeout(Duration::from_mins(1), outbox.unblocked()).await };
    house.runtime.block_on(waking).unwrap();
}

/// The same for a block that cannot be read, with all that is in it.
#[test]
fn a_block_that_rots_meanwhile_blocks_nobody_either() {
    let mut house = House::new();
    for i in 0..100 {
        house.park(&format!("m{i}"), "qd", &[&format!("k{i}=1@L{i}")]).unwrap();
    }
    house.outbox().shared.store().unwrap().flush_and_compact();
    house.reopen();
    let tables = fs::read_dir(&house.folder).unwrap().map(|it| it.unwrap().path());
    let tables = tables.filter(|it| it.extension().is_some_and(|it| it == "sst"));
    let table = tables.max_by_key(|it| fs::metadata(it).unwrap().len()).unwrap();
    flip(&table, fs::metadata(&table).unwrap().len() / 3);
    let left = house.outbox().parked(0, 999, usize::MAX).unwrap();
    assert!((1..100).contains(&left.len()), "{}", left.len());
    for i in 0..100 {
        let readable = left.iter().any(|(_, it)| it.message_id == format!("m{i}"));
        let receipt = house.append("later", &[&format!("j{i}=1@L{i}")]).unwrap();
        assert_eq!(receipt.is_parked(), readable, "lane {i}");
    }
    assert_eq!(codes(&house), "O206");
}

/// Changes what is stored of a parked message, behind the back of the open outbox.
pub(super) fn harm(house: &House, number: u64) {
    let store = house.outbox().shared.store().unwrap();
    let mut batch = store.batch();
    batch.put(Family::Parked, &number.to_be_bytes(), b"junk");
    batch.write(Durability::Synced).unwrap();
}

fn codes(house: &House) -> String {
    let letters = house.outbox().dead_letters(0, 99).unwrap();
    letters.iter().map(|(_, it)| it.code.as_str()).collect::<Vec<_>>().join(" ")
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
         m4: 1 a rev 1 duplicate id A, 0 c rev 0 parked id C",
    );
}

#[test]
fn the_same_record_twice_in_the_line_is_stored_once() {
    check(
        "park m1 qd a=1; park m2 qd a=1 b=1; release 1 accept a=5; release 2 accept a=5 b=5; append m3 a=5; oldest 0; status",
        "m1: 0 a rev 0 parked id A
         m2: 0 a rev 0 parked id A, 0 b rev 0 parked id B
         m1: 1 a rev 1 duplicate id A
         1 a=5 rev 1 id A; 2 b=5 rev 1 id B
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
        self.release_at_once(vec![(number, self.decided(number, outcome))]);
    }

    pub(super) fn release_at_once(&mut self, releases: Vec<(u64, Release)>) {
        self.runtime.block_on(self.outbox().release(releases)).unwrap();
    }

    pub(super) fn decided(&self, number: u64, outcome: &[&str]) -> Release {
        let outbox = self.outbox();
        let message = |number| -> Option<ParkedMessage> {
            let (found, message) = outbox.parked(number - 1, 1, 1).unwrap().pop()?;
            (found == number).then_some(message)
        };
        match outcome {
            ["accept", records @ ..] => {
                let mut accepted = submission("lost", records);
                if let Some(message) = message(number) {
                    accepted.message_id = message.message_id;
                    accepted.received_at = message.received_at;
                }
                Release::Accept(accepted)
            }
            ["refuse"] => Release::Refuse(letter_with("refused")),
            // Only behind another message.
            ["wait", "-", records @ ..] => {
                let drafts = submission("m", records).drafts;
                let contents = message(number).map(|it| contents(&it, &drafts));
                Release::Wait(Vec::new(), contents.unwrap_or_default())
            }
            ["wait", code, records @ ..] => {
                let drafts = submission_with("m", records, code).drafts;
                let contents = message(number).map(|it| contents(&it, &drafts));
                Release::Wait(vec![unknown(code)], contents.unwrap_or_default())
            }
            other => panic!("no such outcome: {other:?}"),
        }
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
