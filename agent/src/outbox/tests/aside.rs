//! Records that left without reaching the platform come back when they are sent again; and what was
//! settled behind one that waits is neither sent again nor kept for ever.

use super::damage::tamper;
use super::*;
use crate::envelope::RecordReceipt;

#[test]
fn what_was_refused_is_taken_in_anew_under_its_id() {
    check(
        "append m1 a=1 b=1; refuse 1; append m2 a=1 b=1; append m3 a=1 b=1; oldest 0",
        "m1: 1 a rev 1 accepted id A, 2 b rev 1 accepted id B
         m2: 3 a rev 1 accepted id A, 2 b rev 1 duplicate id B
         m3: 3 a rev 1 duplicate id A, 2 b rev 1 duplicate id B
         2 b=1 rev 1 id B; 3 a=1 rev 1 id A",
    );
}

#[test]
fn it_comes_back_with_its_revision_and_the_next_is_a_higher_one() {
    check(
        "append m1 a=1; append m2 a=2; refuse 1; kill; append m3 a=1; append m4 a=3",
        "m1: 1 a rev 1 accepted id A
         m2: 2 a rev 2 accepted id B
         m3: 3 a rev 1 accepted id A
         m4: 4 a rev 3 accepted id C",
    );
}

#[test]
fn what_was_refused_and_then_arrived_is_known() {
    check(
        "append m1 a=1; refuse 1; settle 1; reopen; append m2 a=1; oldest 0",
        "m1: 1 a rev 1 accepted id A
         m1: 1 a rev 1 duplicate id A
         nothing",
    );
}

#[test]
fn a_refusal_is_told_once_whatever_ends_the_process() {
    for end in ["reopen", "kill"] {
        check(
            &format!("append m1 a=1 b=1; refuse 2; {end}; oldest 0; letters; status"),
            "m1: 1 a rev 1 accepted id A, 2 b rev 1 accepted id B
             1 a=1 rev 1 id A
             1 F203
             waiting 1, cursor 1, next 3, letters 1",
        );
    }
}

/// One that has arrived and is sent once more may be refused: it is no record that was lost.
#[test]
fn what_had_arrived_is_not_refused() {
    check(
        "append m1 a=1; settle 1; refuse 1; append m2 a=1; letters",
        "m1: 1 a rev 1 accepted id A
         m1: 1 a rev 1 duplicate id A
         1 F203",
    );
}

#[test]
fn what_damage_took_is_taken_in_anew_under_its_id() {
    let mut house = House::new();
    house.append("m1", &["a=1", "b=1"]).unwrap();
    house.append("m2", &["c=1"]).unwrap();
    let first = house.append("m1", &["a=1", "b=1"]).unwrap();
    tamper(&mut house, |batch| batch.delete_range(Family::Queue, 1, 2));
    house.obey("oldest 0");
    for end in ["nothing", "reopen", "kill"] {
        house.obey("status");
        if end != "nothing" {
            house.obey(end);
        }
        let again = house.append("again", &["a=1", "b=1", "c=1"]).unwrap();
        let told: Vec<u64> = again.records.iter().map(|it| it.seq).collect();
        assert_eq!(told, [4, 5, 3], "{end}");
        let same =
            |(one, other): (&RecordReceipt, &RecordReceipt)| one.record_id == other.record_id;
        assert!(first.records.iter().zip(&again.records).all(same), "under the ids they had");
    }
    assert_eq!(house.obey("letters").unwrap(), "1 the records are missing from the store");
}

/// The doctor says at once what is lost: nobody has to read the queue up to there first.
#[test]
fn what_a_salvage_found_lost_can_be_sent_again_at_once() {
    let mut house = House::new();
    house.append("m1", &["a=1", "b=1"]).unwrap();
    tamper(&mut house, |batch| batch.delete_range(Family::Queue, 1, 2));
    house.close();
    crate::outbox::doctor::salvage(&house.folder, &house.options).unwrap();
    house.start();
    assert_eq!(house.outbox().fate(2), Some(Fate::Lost));
    assert_eq!(house.append("again", &["b=1"]).unwrap().records[0].seq, 3);
    assert_eq!(waiting(&house), [3]);
    house.obey("discard 0");
    assert_eq!(house.obey("letters").unwrap(), "1 the records are missing from the store");
}

/// A million behind one, in small: at most so many come again after a kill.
#[test]
fn what_arrived_behind_one_that_waits_does_not_come_again() {
    let mut house = House::new();
    fill(&house, 3_000);
    settle(&house, 2..=3_000);
    house.append("sync", &["z=1"]).unwrap();
    house.kill();
    let again = waiting(&house).len();
    assert!(again < 1_100, "{again} wait after a kill");
    settle(&house, 2..=3_000);
    house.reopen();
    assert_eq!(waiting(&house), [1, 3_001]);
    assert_eq!(house.obey("status").unwrap(), "waiting 2, cursor 1, next 3002, letters 0");
}

/// It leaves the disk too, once nobody needs it; and its absence is no damage.
#[test]
fn what_arrived_behind_one_that_waits_leaves_the_disk() {
    let mut house = House::new();
    fill(&house, 9_000);
    settle(&house, 3..=9_000);
    house.append("sync", &["z=1"]).unwrap();
    for end in ["nothing", "reopen", "kill"] {
        if end != "nothing" {
            house.obey(end);
        }
        // The last of them was the end of the queue when it was looked at.
        assert_eq!(kept(&house), [1, 2, 9_000, 9_001], "{end}");
        assert_eq!(waiting(&house), [1, 2, 9_001], "{end}");
    }
    house.close();
    let examined = crate::outbox::doctor::examine(&house.folder, &house.options.key).unwrap();
    assert!(examined.is_sound(), "{:?}", examined.lost);
    assert_eq!((examined.waiting, examined.delivered), (3, 0));
    crate::outbox::doctor::salvage(&house.folder, &house.options).unwrap();
    house.start();
    house.obey("settle 1 2 9001");
    house.append("sync", &["y=1"]).unwrap();
    assert_eq!(house.obey("status").unwrap(), "waiting 1, cursor 9002, next 9003, letters 0");
}

/// Whoever has to see records first keeps them, wherever the cursor stands.
#[test]
fn what_is_not_accounted_for_stays() {
    let holds = Holds { accounted: true, ..Holds::default() };
    let mut house = House::with(Options { holds, ..Options::default() });
    fill(&house, 9_000);
    settle(&house, 2..=9_000);
    house.append("one", &["y=1"]).unwrap();
    assert_eq!(kept(&house).len(), 9_001);
    house.outbox().account_from(1, [(2, 8_900)].into_iter().collect());
    fill(&house, 9_000);
    settle(&house, 9_002..=18_001);
    house.append("two", &["x=1"]).unwrap();
    let kept = kept(&house);
    assert_eq!(kept.len(), 9_104, "{:?}", &kept[..9]);
}

/// Messages of one record each, `count` of them.
fn fill(house: &House, count: u64) {
    let outbox = house.outbox();
    let from = outbox.next_seq();
    let some: Vec<u64> = (from..from + count).collect();
    for some in some.chunks(1_000) {
        let appends = some.iter().map(|it| {
            let record = format!("k{it}=1");
            let outbox = outbox.clone();
            async move { outbox.append(submission(&format!("m{record}"), &[&record])).await }
        });
        let receipts = house.runtime.block_on(futures_util::future::join_all(appends));
        assert!(receipts.iter().all(Result::is_ok));
    }
}

fn settle(house: &House, seqs: std::ops::RangeInclusive<u64>) {
    house.outbox().settle(&seqs.collect::<Vec<_>>()).unwrap();
}

fn waiting(house: &House) -> Vec<u64> {
    let found = house.outbox().oldest(0, usize::MAX, usize::MAX).unwrap();
    found.iter().map(|it| it.seq).collect()
}

/// The numbers of what is on the disk.
fn kept(house: &House) -> Vec<u64> {
    let found = house.outbox().accepted_from(1, usize::MAX).unwrap();
    let mut seqs: Vec<u64> = found.envelopes.iter().map(|it| it.seq).collect();
    let mut next = found.next;
    while next < house.outbox().next_seq() {
        let found = house.outbox().accepted_from(next, usize::MAX).unwrap();
        seqs.extend(found.envelopes.iter().map(|it| it.seq));
        next = found.next;
    }
    seqs
}
