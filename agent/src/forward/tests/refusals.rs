//! What the broker does not take: who is held for it, and who goes on.

use super::*;
use crate::forward::options::Poison;

#[tokio::test(start_paused = true)]
async fn a_returned_record_stays_and_keeps_only_its_lane_waiting() {
    let open = "arrived 3 1 2; settled 1 2 3; F201";
    check("1A.dx 2A.rx 3B.rx", "0 unroute dx, 60s route dx", open).await;
    check("1A.dx 2A.rx 3B.rx", "0 unroute dx", "arrived 3; settled 3; waiting 1 2; F201").await;
}

#[tokio::test(start_paused = true)]
async fn a_nacked_record_is_tried_again() {
    check("1A.rx 2A.rx", "0 nack rx, 10s route rx", "arrived 1 2; settled 1 2; F202").await;
}

/// What is told of a record is what became of each try, and nothing where the first one went well.
#[tokio::test(start_paused = true)]
async fn each_try_that_did_not_go_well_is_told() {
    check_tries("1A.rx", "", "").await;
    check_tries("1A.rx", "0 unroute rx, 100ms route rx", "1 returned F201, 1 confirmed").await;
    check_tries("1A.rx", "0 nack rx, 100ms route rx", "1 nacked F202, 1 confirmed").await;
    let lost = "2 unknown F105, 3 unknown F105, 2 confirmed, 3 confirmed";
    check_tries("1A.rx 2B.rx 3C.rx", "0 slow 2, 100ms cut, 200ms fast", lost).await;
    let closed = "1 refused F110, 1 confirmed";
    check_tries("1A.rx", "0 close 403, 100ms open", closed).await;
    check_tries("1A.rx", "0 slow 1, 40s fast", "1 unknown F106, 1 confirmed").await;
}

async fn check_tries(records: &str, script: &str, expected: &str) {
    let world = World::new(records);
    world.run_script(script, Duration::from_secs(1_000)).await;
    let told = world.state.attempts().take();
    let mut tries: Vec<String> = Vec::new();
    for it in told {
        let what = format!("{} {}", it.told.outcome, it.told.code);
        tries.extend(it.seqs.iter().map(|seq| format!("{seq} {}", what.trim_end())));
    }
    // A refusal that goes on is told each time.
    tries.dedup();
    world.stop().await;
    assert_eq!(tries.join(", "), expected, "{script}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_exchange_is_named_and_waited_for() {
    let script = "0 close 404, 50s open";
    check("1A.rx 2B.rx", script, "arrived 1 2; settled 1 2; F109").await;
}

#[tokio::test(start_paused = true)]
async fn one_parcel_that_closes_the_channel_is_found_and_held() {
    let poison = "arrived 1 1 3; settled 1 2 3; buried 2; F203";
    check("1A.rx 2B.big 3C.rx", "0 poison big", poison).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_never_passes_lets_its_lane_go_on_or_keeps_it_as_configured() {
    let parked = "arrived 1 1 4 3; settled 1 2 3 4; buried 2; F203";
    check("1A.rx 2B.big 3B.rx 4C.rx", "0 poison big", parked).await;
    let world = World::with("1A.rx 2B.big 3B.rx 4C.rx", |it| it.poison = Poison::Block);
    world.run_script("0 poison big", Duration::from_secs(1_000)).await;
    assert_eq!(world.tell(), "arrived 1 1 4; settled 1 4; waiting 2 3; F203");
    assert_eq!(world.state.status().word(), "oversize");
    // Whoever raises the platform's limit gets it.
    world.run_script("0 route big", Duration::from_secs(1_000)).await;
    assert_eq!(world.tell(), "arrived 1 1 4 2 3; settled 1 2 3 4; F203");
    assert_eq!(world.state.status().word(), "open");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_refused_again_and_again_is_tried_by_one_record() {
    let records: Vec<String> =
        (1..=6_000).map(|seq| format!("{seq}L{seq}.{}", ["dx", "rx"][seq % 2])).collect();
    let world = World::new(&records.join(" "));
    world.run_script("0 unroute dx", Duration::from_secs(600)).await;
    assert_eq!(world.source.settled().len(), 3_000, "the others wait for it");
    let refused = world.broker().refused;
    assert!((5..600).contains(&refused), "{refused} messages refused in ten minutes");
    assert_eq!(world.state.status().word(), "no_binding");
    world.run_script("0 route dx", Duration::from_secs(40)).await;
    assert_eq!(world.source.waiting().len(), 0, "they do not follow the one that passed");
    assert_eq!(world.state.status().word(), "open");
    world.stop().await;
}

/// A breaker that is open is closed by somebody: by what comes, when nobody else is left to try.
#[tokio::test(start_paused = true)]
async fn a_key_is_tried_by_what_comes_when_nobody_else_can() {
    // The one that had opened it became a dead letter.
    let world = World::new("1A.rx");
    let script = "0 unroute rx, 200s poison rx, 400s route rx";
    world.run_script(script, Duration::from_secs(401)).await;
    world.source.append("2B.rx");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.tell(), "arrived 2; settled 1 2; buried 1; F203");
    world.stop().await;

    // The one that was to try waits for a replay of its lane.
    let world = World::new("1L.dx");
    world.run_script("", Duration::from_secs(1)).await;
    world.broker().obey("nack rx");
    world.source.append("2L.rx");
    let script = "120s unroute dx, 120s again 1, 200s route rx";
    world.run_script(script, Duration::from_secs(201)).await;
    world.source.append("3M.rx");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.tell(), "arrived 1 3; settled 1 3; waiting 2; F201");
    world.stop().await;
}
