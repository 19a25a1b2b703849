//! What is refused for good, what only looks so, and what becomes of the records that were set aside.

use super::*;
use crate::subscribe::place::{Place, Refused};

/// A SOAP service tells with 500 that this very record is wrong: it must not keep all others waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_blames_the_record_sets_it_aside() {
    let fault = "<s:Envelope><s:Body><s:Fault><faultcode>s:Client</faultcode></s:Fault></s:Body></s:Envelope>";
    let fake = Fake::saying(&[(500, fault); 3]);
    let house = House::new(fake.at, "").await;
    house.take("outpatient_prescription", "A", "11").await;
    house.take("outpatient_prescription", "B", "11").await;
    assert_eq!(keys(&fake.wait_for(4).await), "A A A B");
    house.settles("sent 1, set aside 1, lost 0, trouble no").await;
    assert_eq!(house.alerts(), "I183 订阅 emr：另放 1 条，his-agent subscriptions show emr");
}

/// Whoever is told so is told so for every record.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_moved_is_no_fault_of_a_record() {
    let fake = Fake::start(&[301, 308, 407, 415]);
    let house = House::new(fake.at, "").await;
    house.take("outpatient_prescription", "A", "11").await;
    assert_eq!(keys(&fake.wait_for(5).await), "A A A A A");
    house.settles("sent 1, set aside 0, lost 0, trouble no").await;
}

/// One that refuses everything is in trouble for as long as it does.
#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_over_when_a_record_is_taken_and_not_before() {
    let fake = Fake::start(&[422, 422, 422, 422]);
    let house = House::new(fake.at, "").await;
    house.take("outpatient_prescription", "A", "11").await;
    house.take("outpatient_prescription", "B", "11").await;
    fake.wait_for(4).await;
    house.settles("sent 0, set aside 1, lost 0, trouble yes").await;
    let began = || house.road.subscriptions.0[0].standing().trouble.as_ref().map(|it| it.since);
    let waited = began().unwrap().elapsed();
    assert!(waited > Duration::from_secs(1), "it began with the first refusal: {waited:?}");
    house.settles("sent 1, set aside 1, lost 0, trouble no").await;
}

/// What a person may still want to send again stays in the outbox.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_aside_is_held_until_somebody_has_decided() {
    let fake = Fake::start(&[200, 422, 422, 422]);
    let house = House::new(fake.at, "").await;
    for key in ["A", "B", "C"] {
        house.take("outpatient_prescription", key, "11").await;
    }
    house.settles("sent 2, set aside 1, lost 0, trouble no").await;
    assert_eq!(house.road.outbox.pushed_from(), 2);
    let house = house.start_again().await;
    assert_eq!(house.road.outbox.pushed_from(), 2);
    house.road.subscriptions.0[0].send_again();
    house.settles("sent 3, set aside 0, lost 0, trouble no").await;
    assert_eq!(house.road.outbox.pushed_from(), 4);
}

/// It does not stay for ever: that would fill the disk.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_decides_about_is_given_up_and_told() {
    let fake = Fake::start(&[422, 422, 422]);
    let house = House::new(fake.at, "").await;
    house.take("outpatient_prescription", "A", "11").await;
    house.settles("sent 0, set aside 1, lost 0, trouble no").await;
    let refused = crate::subscribe::place::refused(&house.road.outbox, "emr", (0, 1)).unwrap();
    let old = Refused { at: "20260101000000".to_owned(), ..refused[0].clone() };
    house.road.outbox.shelve(&[old.put("emr")]).unwrap();
    house.settles("sent 0, set aside 0, lost 1, trouble no").await;
    assert_eq!(house.road.outbox.pushed_from(), 2);
    assert_eq!(house.alerts(), "I182 订阅 emr：至多 1 条没有推送，编号见日志 I182");
    // Whoever restarts it must not silence it.
    let house = house.start_again().await;
    assert_eq!(house.alerts(), "I182 订阅 emr：至多 1 条没有推送，编号见日志 I182");
}

/// An old revision would undo what the subscriber has.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_revision_is_not_sent_over_a_new_one() {
    let fake = Fake::start(&[422, 422, 422]);
    let house = House::new(fake.at, "").await;
    house.take("outpatient_prescription", "A", "11").await;
    house.take("outpatient_prescription", "A", "22").await;
    house.settles("sent 1, set aside 1, lost 0, trouble no").await;
    house.road.subscriptions.0[0].send_again();
    house.settles("sent 1, set aside 0, lost 0, trouble no").await;
    assert_eq!(house.road.subscriptions.standing(&house.road.outbox)[0]["skipped"], 1);
    assert_eq!(fake.wait_for(4).await.len(), 4);
}

/// A key that is a person's number goes only where the number goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_not_tell_whom_the_elements_leave_out() {
    let fake = Fake::start(&[]);
    let more = "elements = [\"diag_code\"]\n";
    let house = House::of(fake.at, "admission_diagnosis", more).await;
    house.take("admission_diagnosis", "P10001", "11").await;
    let told = fake.wait_for(1).await;
    assert!(!told[0].contains("P10001"), "{}", told[0]);
}

/// Nor does a key that a mapping makes, or the number of a stay that is the lane.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_or_lane_that_is_a_persons_number_stays_behind() {
    let fake = Fake::start(&[]);
    let house = House::new(fake.at, "elements = [\"rxno\"]\n").await;
    house.take_with("outpatient_prescription", "ZY20240034", ",\"ipt_no\":\"ZY20240034\"").await;
    let told = fake.wait_for(1).await;
    assert!(!told[0].contains("\"key\"") && !told[0].contains("\"lane\""), "{}", told[0]);
}

/// The numbers of what is lost are its own, not those of where the place is by then.
#[test]
fn losses_are_told_from_the_first_to_the_last() {
    let mut lost = crate::subscribe::push::Lost::default();
    lost.add(3, 5);
    lost.add(9, 9);
    assert_eq!(format!("{lost:?}"), "Lost { first: 3, last: 9, at_most: 4 }");
}

/// The row of what went stands until the disk has room: it does not go by it once more.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_without_room_is_not_done_twice() {
    let fake = Fake::start(&[422, 422, 422]);
    let house = House::new(fake.at, "").await;
    house.take("outpatient_prescription", "A", "11").await;
    house.settles("sent 0, set aside 1, lost 0, trouble no").await;
    house.road.outbox.pretend_room(1);
    let it = &house.road.subscriptions.0[0];
    it.send_again();
    house.settles("sent 1, set aside 0, lost 0, trouble no").await;
    it.skip(crate::subscribe::decided::Skip { seq: 1, reason: "x".to_owned() });
    it.again.store(true, std::sync::atomic::Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!((it.has_skipped(), it.standing().place.skipped), (false, 0));
    house.road.outbox.pretend_room(1 << 19);
    for _ in 0..400 {
        if it.has_skipped() && !it.is_unsaved() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    house.settles("sent 1, set aside 0, lost 0, trouble no").await;
    assert_eq!((it.has_skipped(), it.standing().place.skipped), (true, 0));
    assert_eq!(keys(&fake.wait_for(4).await), "A A A A");
}

/// The outbox is held from the first that is left, whatever held it before.
#[tokio::test(flavor = "multi_thread")]
async fn the_hold_moves_to_the_first_that_is_left() {
    for (first, rows, gone, expected) in [
        (2, &[2, 9][..], 2, Some(9)),
        (2, &[2, 9], 9, Some(2)),
        (2, &[2], 2, None),
        (3, &[9], 9, None),
    ] {
        let house = House::new(Fake::start(&[]).at, "").await;
        house.stop.cancel();
        house.task.await.unwrap();
        let it = &house.road.subscriptions.0[0];
        let row = |seq: &u64| Refused { seq: *seq, ..Refused::default() };
        let puts: Vec<_> = rows.iter().map(|seq| row(seq).put("emr")).collect();
        house.road.outbox.shelve(&puts).unwrap();
        let place = Place { next: 10, set_aside: 2, refused_from: Some(first), ..Place::default() };
        crate::subscribe::aside::let_go(&house.road, it, place, &row(&gone)).unwrap();
        assert_eq!(it.standing().place.refused_from, expected, "{first} {rows:?} {gone}");
    }
}
