//! The forwarder against a broker that follows a script, in paused time.
//!
//! Records are written `1A.rx`: number, lane, entity; a lane of `-` is none. A script is a list of
//! `time command` pairs; what comes out is the order in which records arrived at the broker and
//! were settled, and the last trouble.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::options::Poison;
use super::*;
use crate::envelope::Record;

#[tokio::test(start_paused = true)]
async fn a_quiet_road_delivers_one_by_one() {
    check("1A.rx 2A.dx 3B.rx", "", "arrived 1 3 2; settled 1 2 3; no trouble").await;
    check("1-.rx 2-.dx 3-.rx", "", "arrived 1 2 3; settled 1 2 3; no trouble").await;
}

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
async fn a_returned_record_stays_and_keeps_only_its_lane_waiting() {
    let open = "arrived 3 1 2; settled 1 2 3; F201";
    check("1A.dx 2A.rx 3B.rx", "0 unroute dx, 60s route dx", open).await;
    check("1A.dx 2A.rx 3B.rx", "0 unroute dx", "arrived 3; settled 3; waiting 1 2; F201").await;
}

#[tokio::test(start_paused = true)]
async fn a_nacked_record_is_tried_again() {
    check("1A.rx 2A.rx", "0 nack rx, 10s route rx", "arrived 1 2; settled 1 2; F202").await;
}

#[tokio::test(start_paused = true)]
async fn what_was_confirmed_before_a_connection_broke_is_not_sent_again() {
    let script = "0 slow 3, 100ms cut, 200ms fast";
    check("1A.rx 2B.rx 3C.rx", script, "arrived 1 2 3 3; settled 1 2 3; F105").await;
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

/// Whatever happens to the broker, in whatever order: every record arrives, is settled only after
/// it arrived, and the first copies of a lane arrive in order.
#[tokio::test(start_paused = true)]
async fn no_sequence_of_faults_loses_or_reorders_a_record() {
    for seed in seeds() {
        let mut chance = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut roll = |below: u64| {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            chance % below
        };
        let records: Vec<String> = (1..=120)
            .map(|seq| format!("{seq}L{}.{}", roll(15), ["rx", "dx", "fee"][roll(3) as usize]))
            .collect();
        let faults = [
            "down",
            "up",
            "freeze",
            "thaw",
            "unroute dx",
            "route dx",
            "nack rx",
            "route rx",
            "cut",
            "close 404",
            "open",
            "poison fee",
            "block",
            "unblock",
            "slow 1",
            "fast",
            "mute dx",
            "mute fee",
        ];
        let mut script = String::new();
        for step in 0..30 {
            let fault = faults[roll(faults.len() as u64) as usize];
            let at = step * 2_000 + roll(2_000);
            write!(script, "{at}ms {fault}, {at}ms again {}, ", roll(120) + 1).unwrap();
            write!(script, "{at}ms more 4, ").unwrap();
        }
        script += "61s up, 61s thaw, 61s route dx, 61s route rx, 61s route fee, 61s open, 61s unblock, 61s fast";
        // Some have memory for few records, some for few that wait.
        let (first, later) = records.split_at(20);
        let world = World::by_chance(&first.join(" "), seed, |it| {
            it.held_max = [4, 20, 1_000][roll(3) as usize];
            it.window_messages_max = [1, 2, 256][roll(3) as usize];
        });
        later.clone_into(&mut world.source.later.lock().unwrap());
        world.run_script(&script, Duration::from_secs(500)).await;
        let left = world.source.waiting();
        assert!(
            left.is_empty(),
            "seed {seed}: {left:?} left of {script}\n{:?}",
            world.state.status()
        );
        let open = world.source.open_again.lock().unwrap().clone();
        assert!(open.is_empty(), "seed {seed}: {open:?} did not go once more in {script}");
        world.prove_lanes();
        world.stop().await;
    }
}

/// Those that are given (`SEEDS=from-to`), or the first ones.
fn seeds() -> std::ops::RangeInclusive<u64> {
    let Ok(given) = std::env::var("SEEDS") else { return 1..=200 };
    let (from, to) = given.split_once('-').unwrap();
    from.parse().unwrap()..=to.parse().unwrap()
}

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

#[track_caller]
fn check(records: &str, script: &str, expected: &str) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    let world = World::new(records);
    let (script, expected) = (script.to_owned(), expected.to_owned());
    async move {
        world.run_script(&script, Duration::from_secs(1_000)).await;
        let actual = world.tell();
        world.stop().await;
        assert_eq!(actual, expected, "at {caller}");
    }
}

fn options() -> AmqpOptions {
    AmqpOptions::new(Vec::new())
}

/// A forwarder at work between a list of records and a scripted broker.
struct World {
    source: Arc<List>,
    broker: Arc<Mutex<Script>>,
    state: Arc<ForwardState>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), StoreError>>,
}

impl World {
    fn new(records: &str) -> World {
        World::with(records, |_| ())
    }

    fn with(records: &str, change: impl FnOnce(&mut AmqpOptions)) -> World {
        World::by_chance(records, 1, change)
    }

    fn by_chance(records: &str, seed: u64, change: impl FnOnce(&mut AmqpOptions)) -> World {
        let mut options = options();
        change(&mut options);
        let records: Vec<Envelope> = records.split(' ').map(envelope).collect();
        let source = Arc::new(List::new(records));
        let broker = Arc::new(Mutex::new(Script::default()));
        let (state, stop) = (Arc::new(ForwardState::default()), CancellationToken::new());
        let backoff = Backoff::by_chance(options.retry_first, options.retry_longest, seed);
        let scripted = Scripted(Arc::clone(&broker), Arc::clone(&source));
        let task = {
            let (source, state, stop) = (Arc::clone(&source), Arc::clone(&state), stop.clone());
            tokio::spawn(async move {
                deliver(&*source, scripted, backoff, &options, &stop, &state).await
            })
        };
        World { source, broker, state, stop, task }
    }

    fn broker(&self) -> MutexGuard<'_, Script> {
        self.broker.lock().unwrap()
    }

    async fn run_script(&self, script: &str, until: Duration) {
        let begin = Instant::now();
        for line in script.split(", ").filter(|it| !it.is_empty()) {
            let (time, command) = line.split_once(' ').unwrap();
            let time = match time.strip_suffix("ms") {
                Some(ms) => Duration::from_millis(ms.parse().unwrap()),
                None => Duration::from_secs(time.trim_end_matches('s').parse().unwrap()),
            };
            if !time.is_zero() {
                sleep_until(begin + time).await;
            }
            match command.split_once(' ') {
                Some(("again", seq)) => self.source.offer_again(seq.parse().unwrap()),
                Some(("more", count)) => self.source.append_later(count.parse().unwrap()),
                _ => self.broker().obey(command),
            }
        }
        sleep_until(begin + until).await;
    }

    /// What has been wrong for five minutes.
    fn lasting(&self) -> String {
        let status = self.state.status();
        let codes: BTreeSet<&str> =
            status.lasting(Duration::from_secs(300)).iter().map(|it| it.code).collect();
        codes.into_iter().collect::<Vec<_>>().join(" ")
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    fn tell(&self) -> String {
        let numbers = |seqs: &mut dyn Iterator<Item = u64>| {
            seqs.map(|it| it.to_string()).collect::<Vec<_>>().join(" ")
        };
        let status = self.state.status();
        let parts = [
            ("arrived ", numbers(&mut self.broker().arrived.iter().copied())),
            ("settled ", numbers(&mut self.source.settled().into_iter())),
            ("buried ", numbers(&mut self.source.buried.lock().unwrap().iter().copied())),
            ("waiting ", numbers(&mut self.source.waiting().into_iter())),
            ("blocked ", status.blocked.unwrap_or_default()),
            ("", status.last_error.map_or("no trouble".to_owned(), |it| it.code.to_owned())),
        ];
        let told = parts.iter().filter(|(_, text)| !text.is_empty());
        told.map(|(name, text)| format!("{name}{text}")).collect::<Vec<_>>().join("; ")
    }

    /// First copies of each lane arrived in order, and nothing was settled that did not arrive.
    fn prove_lanes(&self) {
        let broker = self.broker();
        let mut seen = BTreeSet::new();
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for seq in broker.arrived.iter().filter(|seq| seen.insert(**seq)) {
            let lane = self.source.lane(*seq);
            let before = last.insert(lane.clone(), *seq);
            assert!(before < Some(*seq), "lane {lane}: {before:?} arrived before {seq}");
        }
        let settled = self.source.settled();
        let buried = self.source.buried.lock().unwrap();
        let safe = |it| seen.contains(it) || buried.contains(it);
        assert!(settled.iter().all(safe), "settled without arriving");
    }
}

fn envelope(text: &str) -> Envelope {
    let (name, entity) = text.split_once('.').unwrap();
    let digits = name.find(|it: char| !it.is_ascii_digit()).unwrap();
    let (seq, lane) = name.split_at(digits);
    let lane = lane.trim_start_matches('-').to_owned();
    let body = format!("{{\"record_id\":\"r{seq}\",\"seq\":{seq}}}");
    let record = Record {
        seq: seq.parse().unwrap(),
        record_id: format!("r{seq}"),
        revision: 1,
        entity: entity.to_owned(),
        org: "H1".to_owned(),
        channel: "test".to_owned(),
        lane,
        key: String::new(),
        schema: "2024.1".to_owned(),
        digest: String::new(),
        message_id: "m".to_owned(),
        received_at: "20261122101530".to_owned(),
        body: Bytes::from(body),
    };
    record.into()
}

/// An outbox in memory.
struct List {
    records: Mutex<BTreeMap<u64, Envelope>>,
    settled: Mutex<BTreeSet<u64>>,
    buried: Mutex<BTreeSet<u64>>,
    // Settled records that are to go once more: those nobody has taken, and all that did not arrive.
    again: Mutex<Vec<Envelope>>,
    open_again: Mutex<BTreeSet<u64>>,
    // It is not known yet which lanes wait.
    is_learning: Mutex<bool>,
    // What is appended in the course of a script.
    later: Mutex<Vec<String>>,
    appended: Notify,
}

impl List {
    fn new(records: Vec<Envelope>) -> List {
        let records = records.into_iter().map(|it| (it.seq, it)).collect();
        List {
            records: Mutex::new(records),
            settled: Mutex::default(),
            buried: Mutex::default(),
            again: Mutex::default(),
            open_again: Mutex::default(),
            is_learning: Mutex::default(),
            later: Mutex::default(),
            appended: Notify::new(),
        }
    }

    fn append(&self, records: &str) {
        let more = records.split(' ').map(envelope).map(|it| (it.seq, it));
        self.records.lock().unwrap().extend(more);
        self.appended.notify_one();
    }

    fn append_later(&self, count: usize) {
        let mut later = self.later.lock().unwrap();
        let now: Vec<String> = {
            let count = count.min(later.len());
            later.drain(..count).collect()
        };
        if !now.is_empty() {
            self.append(&now.join(" "));
        }
    }

    /// Offers a record once more, if it was settled before and is no dead letter.
    fn offer_again(&self, seq: u64) {
        let Some(record) = self.records.lock().unwrap().get(&seq).cloned() else { return };
        let delivered =
            self.settled().contains(&seq) && !self.buried.lock().unwrap().contains(&seq);
        if delivered && self.open_again.lock().unwrap().insert(seq) {
            self.again.lock().unwrap().push(record);
            self.appended.notify_one();
        }
    }

    fn settled(&self) -> BTreeSet<u64> {
        self.settled.lock().unwrap().clone()
    }

    fn waiting(&self) -> Vec<u64> {
        let settled = self.settled();
        let records = self.records.lock().unwrap();
        records.keys().copied().filter(|it| !settled.contains(it)).collect()
    }

    fn lane(&self, seq: u64) -> String {
        self.records.lock().unwrap()[&seq].lane.clone()
    }
}

impl Source for List {
    fn oldest(
        &self,
        after: u64,
        records: usize,
        bytes: usize,
    ) -> Result<Vec<Envelope>, StoreError> {
        let mut room = bytes;
        let mut found = Vec::new();
        let settled = self.settled();
        let all = self.records.lock().unwrap();
        let waiting = all.range(after + 1..).filter(|(seq, _)| !settled.contains(seq));
        for envelope in waiting.map(|(_, it)| it).take(records) {
            room = room.saturating_sub(envelope.body.len());
            found.push(envelope.clone());
            if room == 0 {
                break;
            }
        }
        Ok(found)
    }

    fn last_seq(&self) -> u64 {
        self.records.lock().unwrap().last_key_value().map_or(0, |(seq, _)| *seq)
    }

    fn may_pass(&self, record: &Envelope, is_in_hand: &dyn Fn(u64) -> bool) -> Option<bool> {
        let records = self.records.lock().unwrap();
        let elder = records.range(..record.seq).rfind(|(_, it)| it.lane == record.lane);
        let may = elder.is_none_or(|(seq, _)| is_in_hand(*seq));
        (!*self.is_learning.lock().unwrap()).then_some(may)
    }

    fn take_again(&self, records_max: usize) -> Vec<Envelope> {
        let mut again = self.again.lock().unwrap();
        let count = records_max.min(again.len());
        again.drain(..count).collect()
    }

    fn once_more(&self, seq: u64) -> Result<Option<Envelope>, StoreError> {
        let open = self.open_again.lock().unwrap().contains(&seq);
        Ok(open.then(|| self.records.lock().unwrap()[&seq].clone()))
    }

    fn settle(&self, seqs: &[u64]) -> Result<(), StoreError> {
        let mut settled = self.settled.lock().unwrap();
        for seq in seqs {
            let again = self.open_again.lock().unwrap().remove(seq);
            assert!(settled.insert(*seq) || again, "{seq} settled twice");
        }
        Ok(())
    }

    async fn refuse(&self, seq: u64, letter: DeadLetter) -> Result<(), StoreError> {
        let detail: serde_json::Value = serde_json::from_str(&letter.detail).unwrap();
        assert_eq!((letter.stage, letter.code.as_str()), (crate::envelope::Stage::Forward, "F203"));
        assert_eq!(detail[0]["seq"], seq);
        self.buried.lock().unwrap().insert(seq);
        self.settle(&[seq])
    }

    async fn appended(&self) {
        self.appended.notified().await;
    }
}

/// What the broker does, and what it has seen.
#[derive(Default)]
struct Script {
    down: bool,
    frozen: bool,
    blocked: bool,
    closes_with: Option<u16>,
    poison: Option<String>,
    unrouted: BTreeSet<String>,
    nacked: BTreeSet<String>,
    // Entities whose queue cannot say that it has them.
    muted: BTreeSet<String>,
    // Records from this number on are stored, but their answers do not come.
    unanswered_from: Option<u64>,
    // Connections up to this one are broken.
    cut: usize,
    connections: usize,
    // Messages answered at one look at the socket.
    answers_at_once: Option<usize>,
    moves: usize,
    refused: usize,
    arrived: Vec<u64>,
    messages: usize,
}

impl Script {
    fn obey(&mut self, command: &str) {
        let (verb, object) = command.split_once(' ').unwrap_or((command, ""));
        match verb {
            "down" => (self.down, self.cut) = (true, self.connections),
            "up" => self.down = false,
            "freeze" => self.frozen = true,
            "thaw" => self.frozen = false,
            "block" => self.blocked = true,
            "unblock" => self.blocked = false,
            "cut" => self.cut = self.connections,
            "close" => self.closes_with = Some(object.parse().unwrap()),
            "open" => self.closes_with = None,
            "poison" => self.poison = Some(object.to_owned()),
            "unroute" => drop(self.unrouted.insert(object.to_owned())),
            "nack" => drop(self.nacked.insert(object.to_owned())),
            "mute" => drop(self.muted.insert(object.to_owned())),
            "slow" => self.unanswered_from = Some(object.parse().unwrap()),
            "fast" => self.unanswered_from = None,
            "route" => {
                self.unrouted.remove(object);
                self.nacked.remove(object);
                self.muted.remove(object);
                self.poison.take_if(|it| it == object);
            }
            other => panic!("no such command: {other}"),
        }
    }

    fn take(&mut self, parcel: &Parcel) -> Result<Option<Confirm>, BrokerError> {
        let poisonous = self.poison.as_ref() == Some(&parcel.entity);
        if let Some(reply_code) = self.closes_with.or(poisonous.then_some(406)) {
            return Err(BrokerError::ChannelClosed { reply_code, reply_text: "no".to_owned() });
        }
        if self.unrouted.contains(&parcel.entity) {
            self.refused += 1;
            let reply_text = "NO_ROUTE".to_owned();
            return Ok(Some(Confirm::Returned { reply_code: 312, reply_text }));
        }
        if self.nacked.contains(&parcel.entity) {
            return Ok(Some(Confirm::Nacked));
        }
        self.messages += 1;
        self.arrived.extend(&parcel.seqs);
        let answered = self.unanswered_from.is_none_or(|from| parcel.ticket() < from);
        Ok(answered.then_some(Confirm::Confirmed))
    }
}

struct Scripted(Arc<Mutex<Script>>, Arc<List>);

impl Broker for Scripted {
    type Session = ScriptedSession;

    fn peer(&self) -> String {
        "script".to_owned()
    }

    fn move_on(&mut self) {
        self.0.lock().unwrap().moves += 1;
    }

    async fn connect(&mut self) -> Result<ScriptedSession, BrokerError> {
        let mut script = self.0.lock().unwrap();
        if script.down {
            return Err(BrokerError::Unreachable { reason: "connection refused".to_owned() });
        }
        script.connections += 1;
        Ok(ScriptedSession {
            number: script.connections,
            script: Arc::clone(&self.0),
            source: Arc::clone(&self.1),
            sent: Vec::new(),
            told_blocked: false,
        })
    }
}

/// Looks at the script every few milliseconds, as a broker looks at its socket.
struct ScriptedSession {
    number: usize,
    script: Arc<Mutex<Script>>,
    source: Arc<List>,
    // Parcels on their way, and whether the broker has them and only the answer is missing.
    sent: Vec<(Parcel, bool)>,
    told_blocked: bool,
}

impl Session for ScriptedSession {
    fn publish(&mut self, parcel: &Parcel) {
        let (settled, again) = (self.source.settled(), self.source.open_again.lock().unwrap());
        let may_go = |it: &u64| !settled.contains(it) || again.contains(it);
        assert!(parcel.seqs.iter().all(may_go), "sent after it was settled");
        self.sent.push((parcel.clone(), false));
    }

    async fn hear(&mut self) -> Result<Heard, BrokerError> {
        loop {
            sleep(Duration::from_millis(10)).await;
            if let Some(heard) = self.look()? {
                return Ok(heard);
            }
        }
    }

    async fn close(self) {}
}

impl ScriptedSession {
    fn look(&mut self) -> Result<Option<Heard>, BrokerError> {
        let mut script = self.script.lock().unwrap();
        if script.cut >= self.number {
            return Err(BrokerError::Lost { reason: "connection reset by peer".to_owned() });
        }
        if script.frozen {
            return Ok(None);
        }
        if self.told_blocked != script.blocked {
            self.told_blocked = script.blocked;
            let reason = "low on memory".to_owned();
            return Ok(Some(if script.blocked {
                Heard::Blocked(reason)
            } else {
                Heard::Unblocked
            }));
        }
        if script.blocked {
            return Ok(None);
        }
        let mut answers = Vec::new();
        let mut unanswered = Vec::new();
        let at_once = script.answers_at_once.unwrap_or(usize::MAX);
        for (parcel, taken) in std::mem::take(&mut self.sent) {
            if answers.len() >= at_once || script.muted.contains(&parcel.entity) {
                unanswered.push((parcel, taken));
                continue;
            }
            let slow = script.unanswered_from.is_some_and(|from| parcel.ticket() >= from);
            match if taken {
                (!slow).then_some(Confirm::Confirmed)
            } else {
                script.take(&parcel)?
            } {
                Some(answer) => answers.push((parcel.ticket(), answer)),
                None => unanswered.push((parcel, true)),
            }
        }
        self.sent = unanswered;
        Ok((!answers.is_empty()).then_some(Heard::Answers(answers)))
    }
}
