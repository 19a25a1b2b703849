//! Any faults in any order. The seed is told when it fails; `SEEDS=from-to` runs others.

use std::fmt::Write as _;

use super::*;

/// Whatever happens to the broker, in whatever order: every record arrives, is settled only after
/// it arrived, and the first copies of a lane arrive in order.
#[tokio::test(start_paused = true)]
async fn no_sequence_of_faults_loses_or_reorders_a_record() {
    for seed in given_seeds().unwrap_or(1..=200) {
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
        world.run_script(&script, Duration::from_secs(61)).await;
        world.drain(Duration::from_secs(439)).await;
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
