//! What stays after it was delivered, for how long, and what that costs whoever takes the oldest.

use super::limits::{append_many, check_cost, deliver};
use super::*;
use crate::outbox::journey::day_of;

#[test]
fn delivered_records_stay_until_they_are_let_go_and_across_restarts() {
    let mut house = House::with(keeping());
    deliver(&house, 20_000);
    let kept = house.outbox().kept().unwrap();
    assert_eq!((kept.first_seq, kept.end_seq), (1, 20_002));
    assert!(kept.bytes > 0);
    house.reopen();
    assert_eq!(house.outbox().kept().unwrap(), kept);
    assert_eq!(house.outbox().record(7).unwrap().unwrap().seq, 7);

    house.outbox().keep_from(12_345);
    house.append("m", &["x=1"]).unwrap();
    assert_eq!(house.outbox().lowest_seq(), 12_341, "the message with the record, whole");
    assert_eq!(house.outbox().record(12_340).unwrap(), None);
    assert_eq!(house.outbox().record(12_345).unwrap().unwrap().seq, 12_345);
    // What waits does not go, whatever is said.
    house.outbox().keep_from(u64::MAX);
    house.append("m", &["y=1"]).unwrap();
    assert_eq!(house.outbox().lowest_seq(), 12_341, "less than a sweep lies below");
    assert_eq!(house.outbox().depth(), 2);
}

#[test]
fn nothing_goes_before_somebody_has_said_from_where_on() {
    let mut house = House::with(keeping());
    deliver(&house, 20_000);
    house.kill();
    // What was settled last is offered once more: the cursor had not reached the disk.
    let again = house.outbox().oldest(0, 99, usize::MAX).unwrap();
    house.outbox().settle(&again.iter().map(|it| it.seq).collect::<Vec<_>>()).unwrap();
    deliver(&house, 10_000);
    assert_eq!(house.outbox().record(1).unwrap().unwrap().seq, 1);
}

#[test]
fn what_a_subscriber_has_not_had_stays() {
    let holds = Holds { pushed: true, ..Holds::default() };
    let mut house = House::with(Options { holds, ..Options::default() });
    deliver(&house, 20_000);
    assert_eq!(house.outbox().lowest_seq(), 1, "nobody has said from where on");
    house.outbox().push_from(12_345);
    house.append("m", &["x=1"]).unwrap();
    assert_eq!(house.outbox().lowest_seq(), 12_341, "the message with the record, whole");
}

#[test]
fn the_oldest_costs_the_same_with_delivered_ones_kept() {
    let house = House::with(keeping());
    let delivered = deliver(&house, 50_000);
    check_cost(&house, delivered);
    house.outbox().keep_from(30_000);
    let delivered = deliver(&house, 5_000);
    check_cost(&house, delivered);
    house.outbox().shared.store().unwrap().flush_and_compact();
    check_cost(&house, delivered);
    assert!(house.outbox().record(29_000).unwrap().is_none());
    assert!(house.outbox().record(30_001).unwrap().is_some());
}

#[test]
fn room_is_made_by_bytes() {
    let house = House::with(keeping());
    deliver(&house, 20_000);
    let outbox = house.outbox();
    let all = outbox.kept().unwrap();
    assert_eq!(outbox.first_within(all.bytes).unwrap(), 1);
    assert_eq!(outbox.first_within(0).unwrap(), all.end_seq);
    let half = outbox.first_within(all.bytes / 2).unwrap();
    assert!((9_000..12_000).contains(&half), "{half}");
}

#[test]
fn the_time_of_a_confirm_is_known_to_the_record() {
    let mut house = House::with(keeping());
    let outbox = house.outbox();
    let before = now_ms();
    let seqs = append_many(&house, "a", 0, 10);
    outbox.settle(&seqs[..6]).unwrap();
    house.append("m", &["x=1"]).unwrap();
    let between = now_ms();
    thread::sleep(Duration::from_millis(3));
    outbox.settle(&seqs[6..8]).unwrap();
    house.append("m", &["y=1"]).unwrap();
    let today = day_of(before)..=day_of(now_ms());
    let at = |seq| outbox.confirmed_ms(seq, today.clone()).unwrap();
    assert!(at(1).unwrap() >= before && at(6).unwrap() <= between);
    assert!(at(7).unwrap() > between && at(7) == at(8));
    assert_eq!((at(9), at(99)), (None, None));
    assert_eq!(outbox.first_delivered_on(day_of(before), day_of(now_ms())).unwrap(), 1);
    assert_eq!(outbox.first_delivered_on(day_of(before) + 2, day_of(now_ms())).unwrap(), 9);
}

#[test]
fn the_bytes_of_a_message_are_kept_with_its_first_records() {
    let mut house = House::with(Options { raw_bytes_max: 8, ..keeping() });
    let first = uuid::Uuid::now_v7().simple().to_string();
    house.append(&first, &["a=1", "b=1"]).unwrap();
    let raw = |house: &House, id: &str| {
        let found = house.outbox().raw(id).unwrap();
        found.iter().map(|it| str::from_utf8(&it.raw).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(raw(&house, &first), ["a=1 b=1"]);
    house.append("resent", &["a=1"]).unwrap();
    house.append("long", &["c=1", "d=1", "e=1"]).unwrap();
    assert!(raw(&house, "resent").is_empty() && raw(&house, "long").is_empty());
    house.park("parked", "qd", &["f=1"]).unwrap();
    assert!(raw(&house, "parked").is_empty(), "they are kept where it waits");
    house.obey("release 1 accept f=1");
    house.kill();
    assert_eq!(raw(&house, &first), ["a=1 b=1"]);
    house.outbox().drop_raw_below(now_ms() + 1).unwrap();
    assert!(raw(&house, &first).is_empty());
}

#[test]
fn rows_of_days_go_as_a_whole() {
    let house = House::new();
    let outbox = house.outbox();
    let row = |day: u32| Change::Put([&day.to_be_bytes()[..], b"m"].concat(), b"row".to_vec());
    outbox.note(&[row(10), row(11), row(12)], true).unwrap();
    outbox.drop_journey_below(12).unwrap();
    let mut days = Vec::new();
    outbox
        .walk_journey([&[0], &[0xff]], |key, row| {
            assert_eq!(row, b"row");
            days.push(key[3]);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(days, [12]);
}

fn keeping() -> Options {
    Options { holds: Holds { delivered: true, ..Holds::default() }, ..Options::default() }
}

fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap()
}
