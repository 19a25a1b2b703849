//! In which order records go: quiet or behind a backlog, within a lane and past it.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_quiet_road_delivers_one_by_one() {
    check("1A.rx 2A.dx 3B.rx", "", "arrived 1 3 2; settled 1 2 3; no trouble").await;
    check("1-.rx 2-.dx 3-.rx", "", "arrived 1 2 3; settled 1 2 3; no trouble").await;
}

#[tokio::test(start_paused = true)]
async fn money_and_medicine_go_first_and_telemetry_last() {
    let world = World::with(
        "1A.check_result 2B.fee 3C.outpatient_prescription 4D.fee 5E.settlement 6C.fee",
        |it| it.window_messages_max = 1,
    );
    world.run_script("", Duration::from_secs(10)).await;
    assert_eq!(world.tell(), "arrived 3 5 2 4 6 1; settled 1 2 3 4 5 6; no trouble");
    world.stop().await;
}

/// A backlog of 40,000 at 16 records every 10 ms: 25 seconds of it.
#[tokio::test(start_paused = true)]
async fn a_fresh_record_goes_past_a_backlog_but_never_past_its_own_lane() {
    let records: Vec<String> =
        (1..=39_999).map(|seq| format!("{seq}L{}.rx", seq % 9_000)).collect();
    let world = World::new(&records.join(" "));
    world.broker().answers_at_once = Some(1);
    sleep(Duration::from_secs(1)).await;
    // The first one finds the road full; from then on the backlog leaves room.
    world.source.append("40000F0.rx");
    sleep(Duration::from_secs(3)).await;
    world.source.append("40001F1.rx 40002L8999.rx 40003F1.rx 40004F2.check_result");
    sleep(Duration::from_millis(500)).await;
    let arrived = |seq| world.broker().arrived.contains(&seq);
    let fresh = [40_001, 40_002, 40_003, 40_004].map(arrived);
    assert_eq!(fresh, [true, false, true, false], "fresh, of a lane that waits, fresh, telemetry");
    world.source.append("40005F1.rx 40006L8999.rx");
    // An answer takes 10 ms, and no more than two are due before it.
    sleep(Duration::from_millis(60)).await;
    assert_eq!(
        [40_005, 40_006].map(arrived),
        [true, false],
        "behind what has gone past, or has not"
    );
    assert!(world.source.waiting().len() > 20_000, "the backlog is gone, which proves nothing");

    // An outage makes a backlog of what was fresh.
    world.run_script("0 cut, 0 down", Duration::from_secs(1)).await;
    world.source.append("40007L8999.rx 40008F3.rx 40009F3.rx");
    world.run_script("0 up", Duration::from_secs(5)).await;
    world.source.append("40010F3.rx 40011F4.rx");
    sleep(Duration::from_millis(500)).await;
    let fresh = [40_008, 40_010, 40_011].map(|seq| world.broker().arrived.contains(&seq));
    assert_eq!(fresh, [false, false, true]);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(world.source.waiting().len(), 0);
    world.prove_lanes();
    world.stop().await;
}

/// After a crash it takes a moment until it is known which lanes wait, and the hospital goes on meanwhile.
#[tokio::test(start_paused = true)]
async fn what_comes_before_the_lanes_are_known_goes_past_once_they_are() {
    let records: Vec<String> = (1..=39_999).map(|seq| format!("{seq}L{seq}.rx")).collect();
    let world = World::new(&records.join(" "));
    world.broker().answers_at_once = Some(1);
    *world.source.is_learning.lock().unwrap() = true;
    sleep(Duration::from_secs(1)).await;
    world.source.append("40000F0.rx 40001L39999.rx");
    sleep(Duration::from_secs(3)).await;
    let arrived = |seq| world.broker().arrived.contains(&seq);
    assert_eq!([40_000, 40_001].map(arrived), [false, false]);
    *world.source.is_learning.lock().unwrap() = false;
    sleep(Duration::from_secs(4)).await;
    assert_eq!([40_000, 40_001].map(arrived), [true, false]);
    assert!(world.source.waiting().len() > 10_000, "the backlog is gone, which proves nothing");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_backlog_travels_in_parcels_and_lanes_keep_their_order() {
    let records: Vec<String> = (1..=400).map(|seq| format!("{seq}L{}.rx", seq % 50)).collect();
    let world = World::new(&records.join(" "));
    world.run_script("", Duration::from_secs(10)).await;
    let messages = world.broker().messages;
    assert!((25..100).contains(&messages), "{messages} messages for 400 records");
    world.prove_lanes();
    assert_eq!(world.source.waiting().len(), 0);
    world.stop().await;
}
