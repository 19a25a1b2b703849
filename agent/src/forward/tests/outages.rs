//! A broker that is away, silent, or takes nothing; and stopping meanwhile.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_down_is_waited_for() {
    check("1A.rx 2B.rx", "0 down, 100s up", "arrived 1 2; settled 1 2; F101").await;
    check("1A.rx", "0 down", "waiting 1; F101").await;
}

#[tokio::test(start_paused = true)]
async fn a_frozen_broker_is_given_up_and_everything_goes_again() {
    let again = "arrived 1 2; settled 1 2; F106";
    check("1A.rx 2B.rx", "0 freeze, 20s thaw", "arrived 1 2; settled 1 2; no trouble").await;
    check("1A.rx 2B.rx", "0 freeze, 100s thaw", again).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_confirmed_before_a_connection_broke_is_not_sent_again() {
    let script = "0 slow 3, 100ms cut, 200ms fast";
    check("1A.rx 2B.rx 3C.rx", script, "arrived 1 2 3 3; settled 1 2 3; F105").await;
}

#[tokio::test(start_paused = true)]
async fn the_next_address_is_tried_when_one_is_of_no_use_and_a_good_one_is_kept() {
    let world = World::new("1A.rx");
    world.run_script("0 down", Duration::from_secs(20)).await;
    let moves = world.broker().moves;
    assert!(moves > 5, "{moves} moves");
    world.run_script("0 up, 40s cut", Duration::from_secs(60)).await;
    assert_eq!(world.source.waiting().len(), 0);
    let after = world.broker().moves;
    assert!(after <= moves + 2, "{after} moves after {moves}: a good address was left");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_blocks_is_waited_for_without_sending_twice() {
    let blocked = "arrived 1; settled 1; F112";
    check("1A.rx", "0 block, 600s unblock", blocked).await;
    check("1A.rx", "0 block", "waiting 1; blocked low on memory; F112").await;
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_an_unreachable_broker() {
    let world = World::new("1A.rx");
    world.run_script("0 down", Duration::from_mins(1)).await;
    let stopped_at = Instant::now();
    world.stop().await;
    assert_eq!(stopped_at.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_answers_but_not_for_ever() {
    let world = World::new("1A.rx");
    world.run_script("0 freeze", Duration::from_secs(1)).await;
    let stopped_at = Instant::now();
    world.stop().await;
    assert_eq!(stopped_at.elapsed(), options().drain_max);
}

/// A queue that has lost its majority confirms nothing, and nothing else waits for it.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_never_answered_does_not_take_the_places_of_the_others() {
    let records: Vec<String> =
        (1..=4_000).map(|seq| format!("{seq}L{seq}.{}", ["dx", "rx"][seq % 2])).collect();
    let world = World::with(&records.join(" "), |it| it.window_messages_max = 16);
    world.run_script("0 mute dx", Duration::from_secs(200)).await;
    let settled = world.source.settled();
    assert_eq!(settled.iter().filter(|it| *it % 2 == 1).count(), 2_000, "the others wait");
    assert_eq!(settled.len(), 2_000);
    world.run_script("0 route dx", Duration::from_secs(200)).await;
    assert_eq!(world.source.waiting(), [0_u64; 0]);
    world.stop().await;
}

/// The connection comes about at each try, and for days nothing is confirmed: that is one outage.
#[tokio::test(start_paused = true)]
async fn a_broker_that_takes_and_never_confirms_is_told_as_one_outage() {
    let world = World::new("1A.rx 2B.dx");
    world.run_script("0 mute rx, 0 mute dx", Duration::from_secs(600)).await;
    assert_eq!(world.lasting(), "F106");
    world.run_script("0 route rx, 0 route dx", Duration::from_secs(120)).await;
    assert_eq!((world.lasting().as_str(), world.state.status().word()), ("", "open"));
    world.stop().await;
}

/// What cuts each connection once something is sent is one outage as well.
#[tokio::test(start_paused = true)]
async fn connections_that_are_cut_again_and_again_are_one_outage() {
    let world = World::new("1A.rx");
    let cuts: Vec<String> = (1..600).map(|it| format!("{it}s cut")).collect();
    world.run_script(&format!("0 mute rx, {}", cuts.join(", ")), Duration::from_secs(600)).await;
    assert_eq!(world.lasting(), "F105");
    world.stop().await;
}

/// A single queue that confirms nothing, beside others that do.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_never_answered_is_told() {
    let records: Vec<String> = (2..=1_200).map(|seq| format!("{seq}L{seq}.rx")).collect();
    let world = World::new("1A.dx");
    records.clone_into(&mut world.source.later.lock().unwrap());
    let more: Vec<String> = (1..600).map(|it| format!("{it}s more 1")).collect();
    world.run_script(&format!("0 mute dx, {}", more.join(", ")), Duration::from_secs(620)).await;
    assert_eq!(world.lasting(), "F106");
    let told = world.state.status().held_reasons;
    assert_eq!(told.keys().collect::<Vec<_>>(), ["H1.dx"], "{told:?}");
    world.run_script("0 route dx", Duration::from_secs(120)).await;
    assert_eq!(world.lasting(), "");
    world.stop().await;
}

/// After a broker's restart on a quiet night nothing is left to be told.
#[tokio::test(start_paused = true)]
async fn a_connection_that_holds_with_nothing_to_carry_is_open() {
    let world = World::new("1A.rx");
    world.run_script("5s cut", Duration::from_secs(30)).await;
    assert_eq!(world.state.status().word(), "open");
    world.stop().await;
}
