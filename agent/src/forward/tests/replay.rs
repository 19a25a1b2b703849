//! Records that go once more, between those that wait.

use super::*;

/// A record that goes once more stands before its lane's others, whatever becomes of it.
#[tokio::test(start_paused = true)]
async fn a_replay_into_a_lane_that_is_held_goes_first_and_holds_nobody_else() {
    let world = World::new("1L1.dx");
    world.run_script("", Duration::from_secs(1)).await;
    world.broker().obey("unroute rx");
    world.source.append("2L1.rx");
    sleep(Duration::from_millis(100)).await;
    world.run_script("0 again 1, 60s route rx", Duration::from_secs(120)).await;
    assert_eq!(world.source.waiting(), [0_u64; 0]);
    assert!(world.source.open_again.lock().unwrap().is_empty());
    world.stop().await;

    // The replay is refused while another of its lane awaits its answer: that one does not go twice.
    let world = World::new("1L1.dx");
    world.run_script("", Duration::from_secs(1)).await;
    world.broker().obey("unroute dx");
    world.broker().obey("slow 2");
    world.source.append("2L1.rx");
    sleep(Duration::from_millis(100)).await;
    world.run_script("0 again 1, 1s route dx, 5s fast", Duration::from_secs(60)).await;
    assert_eq!(world.tell(), "arrived 1 2 1; settled 1 2; F201");
    world.stop().await;

    // The other is refused while the replay stands ready before it: the replay goes all the same.
    let world = World::with("1L1.rx", |it| it.window_messages_max = 1);
    world.run_script("", Duration::from_secs(1)).await;
    world.broker().obey("unroute dx");
    world.broker().obey("freeze");
    world.source.append("2L1.dx");
    world.run_script("1s again 1, 2s thaw, 60s route dx", Duration::from_secs(120)).await;
    assert_eq!(world.tell(), "arrived 1 1 2; settled 1 2; F201");
    world.stop().await;

    // The replay is refused while another of its lane stands ready; others of that class go on.
    let world = World::new("1L1.dx");
    world.run_script("", Duration::from_secs(1)).await;
    world.broker().obey("unroute dx");
    world.broker().obey("freeze");
    world.source.append("2L1.rx 3L2.rx 4L3.rx");
    world.source.offer_again(1);
    world.run_script("1s thaw", Duration::from_secs(10)).await;
    assert!(world.source.waiting().iter().all(|it| *it == 2), "{:?}", world.source.waiting());
    world.run_script("0 route dx", Duration::from_secs(60)).await;
    assert_eq!(world.source.waiting(), [0_u64; 0]);
    world.stop().await;
}

/// A replay that has to wait for its own key holds its lane all the same.
#[tokio::test(start_paused = true)]
async fn nothing_jumps_over_a_replay_that_waits() {
    let world = World::new("1L.dx");
    world.run_script("", Duration::from_secs(1)).await;
    world.broker().obey("unroute dx");
    world.source.append("9M.dx");
    sleep(Duration::from_secs(100)).await;
    world.broker().obey("block");
    sleep(Duration::from_secs(1)).await;
    world.source.append("10L.rx");
    let script = "1s again 1, 2s unblock, 60s route dx";
    world.run_script(script, Duration::from_secs(200)).await;
    let arrived = world.broker().arrived.clone();
    let at = |seq| arrived.iter().rposition(|it| *it == seq);
    assert!(at(1) < at(10), "{arrived:?}");
    world.stop().await;
}

/// A replay that was refused keeps its time, whoever of its lane is confirmed meanwhile.
#[tokio::test(start_paused = true)]
async fn a_refused_replay_keeps_its_time() {
    let world = World::new("1L.dx");
    world.run_script("0 slow 2, 1s unroute dx", Duration::from_secs(1)).await;
    world.source.append("2L.rx");
    world.run_script("1s again 1, 1020ms fast", Duration::from_millis(1_060)).await;
    assert_eq!(world.broker().refused, 1, "sent again at once");
    world.stop().await;
}
