//! More is held than memory is for: the others go past, and nothing jumps over its lane.

use super::*;

/// However many records wait for a queue that is missing, the others go past them, but none of their lanes.
#[tokio::test(start_paused = true)]
async fn more_records_without_a_queue_than_memory_holds_keep_only_their_lanes_waiting() {
    let entity = |seq: u64| if seq.is_multiple_of(4) { "rx" } else { "dx" };
    let lane = |seq: u64| if seq.is_multiple_of(8) { seq - 1 } else { seq };
    let records: Vec<String> =
        (1..=8_000).map(|seq| format!("{seq}L{}.{}", lane(seq), entity(seq))).collect();
    let world = World::with(&records.join(" "), |it| it.held_max = 100);
    world.run_script("0 unroute dx", Duration::from_secs(60)).await;
    let settled = world.source.settled();
    assert!(settled.iter().all(|it| it % 8 == 4), "one of a lane that waits: {settled:?}");
    assert_eq!(settled.len(), 1_000, "an independent lane waits");
    assert_eq!(world.state.status().held, 7_000);
    world.source.append("8001L8001.rx 8002L1.rx");
    sleep(Duration::from_secs(1)).await;
    assert!(world.source.settled().contains(&8_001), "what comes now waits");
    world.run_script("0 route dx", Duration::from_secs(60)).await;
    assert_eq!(world.source.waiting().len(), 0, "they do not follow the one that passed");
    assert_eq!(world.state.status().held, 0);
    world.prove_lanes();
    world.stop().await;
}

/// While what was left unread is read again, nothing overtakes it on the word of another that did before.
#[tokio::test(start_paused = true)]
async fn nothing_overtakes_what_is_read_again_in_its_lane() {
    let mut records: Vec<String> = (1..=500).map(|seq| format!("{seq}D{seq}.dx")).collect();
    records.push("501L.dx".to_owned());
    records.extend((502..=4_000).map(|seq| format!("{seq}R{seq}.rx")));
    let world = World::with(&records.join(" "), |it| {
        (it.held_max, it.window_messages_max) = (4, 1);
    });
    world.broker().answers_at_once = Some(1);
    world.run_script("0 unroute dx, 6s route dx", Duration::from_secs(6)).await;
    for seq in 4_001..4_020 {
        world.source.append(&format!("{seq}L.rx"));
        sleep(Duration::from_secs(1)).await;
    }
    assert!(world.source.waiting().len() > 500, "the backlog is gone, which proves nothing");
    sleep(Duration::from_secs(100)).await;
    assert_eq!(world.source.waiting().len(), 0);
    world.prove_lanes();
    world.stop().await;
}

/// What went past a backlog and had to be left is no reason to jump over the backlog.
#[tokio::test(start_paused = true)]
async fn what_overtook_and_is_read_again_takes_nothing_out_of_its_turn() {
    let mut records: Vec<String> = (1..=4).map(|seq| format!("{seq}R{seq}.rx")).collect();
    records.extend((5..=2_000).map(|seq| format!("{seq}D{seq}.dx")));
    let world = World::with(&records.join(" "), |it| {
        (it.held_max, it.window_messages_max, it.breaker_after) = (4, 1, 1);
    });
    world.broker().answers_at_once = Some(1);
    world.run_script("0 unroute rx", Duration::from_secs(3)).await;
    world.source.append("2001R2001.rx 2002D2000.dx");
    world.run_script("2s route rx", Duration::from_secs(400)).await;
    assert_eq!(world.source.waiting(), [0_u64; 0], "passed over");
    world.prove_lanes();
    world.stop().await;
}

/// A lane waits for a record that is too large while all places are taken by another entity's records.
#[tokio::test(start_paused = true)]
async fn a_lane_that_is_free_again_goes_on_though_others_still_fill_memory() {
    let records: Vec<String> = (1..=200).map(|seq| format!("{seq}L{seq}.dx")).collect();
    let world = World::with(&records.join(" "), |it| it.held_max = 20);
    world.run_script("0 unroute dx, 0 nack fee", Duration::from_secs(60)).await;
    world.source.append("201M.fee");
    sleep(Duration::from_secs(1)).await;
    world.source.append("202M.rx 203M.rx");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.source.settled().len(), 0);
    world.run_script("0 route fee", Duration::from_secs(600)).await;
    assert_eq!(world.source.settled().into_iter().collect::<Vec<_>>(), [201, 202, 203]);
    world.stop().await;
}

/// What is ready behind one that is held would fill memory, and the held one could not be read again.
#[tokio::test(start_paused = true)]
async fn a_lane_that_waits_takes_no_memory_from_what_it_waits_for() {
    let world = World::with("1L.rx 2L.rx", |it| it.window_messages_max = 1);
    let script = "0 unroute rx, 50ms route rx, 50ms freeze";
    world.run_script(script, Duration::from_secs(1)).await;
    world.source.append("3L.rx 4L.rx 5L.rx 6L.rx 7L.rx 8L.rx 9L.rx");
    sleep(Duration::from_secs(1)).await;
    world.source.append("10L.rx");
    world.run_script("1s thaw", Duration::from_secs(60)).await;
    assert_eq!(world.source.waiting(), [0_u64; 0]);
    world.prove_lanes();
    world.stop().await;
}
