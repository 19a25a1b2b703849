//! A restore is killed at each of its steps: no agent begins with what is half there, and a second one ends well.

use std::process::Command;

use tempfile::TempDir;
use tests::chance::is_long;
use tests::faults::Faults;

use super::*;

#[test]
fn killed_at_any_step_a_restore_is_begun_again_and_nothing_is_lost() {
    let mut agent = Agent::start(Setup::files());
    let obligations = Obligations::default();
    for n in 0..5 {
        load::send(agent.his(), &Case::of("platform").numbered(n), &obligations);
    }
    agent.await_drained();
    let made = agent.ask(&["backup", "create", "--to", text(&agent.beside("backups"))]);
    assert_eq!(made.code, Some(0), "{made:?}\n{}", agent.log());
    let (backup, key) = (only(&agent.beside("backups")), kept_key(&agent));
    agent.kill();
    // The same disk is meant by another path: what is loaded lies elsewhere, since all here goes.
    let desk = TempDir::new().expect("the temp folder takes a folder");
    let mut faults = Faults::new(desk.path());
    faults.move_to(agent.config().with_file_name(""));

    burn(&agent);
    let calls = die_at(&agent, &faults, 0, (&backup, &key));
    println!("a restore is {calls} calls");
    let step = if is_long() { 1 } else { calls / 5 };
    let sampled = (1..=calls).step_by(usize::try_from(step).expect("a small number"));
    let mut refused = 0;
    // The last ones are those around the rename: the configuration lies there, and the store does not.
    for call in sampled.chain(calls.saturating_sub(6)..=calls) {
        burn(&agent);
        die_at(&agent, &faults, call, (&backup, &key));
        let is_whole = agent.beside("outbox/CURRENT").exists();
        if agent.config().exists() && !is_whole {
            agent.launch();
            let ended = agent.await_end();
            let log = agent.log();
            let told = log.lines().rfind(|it| it.contains("B112")).is_some();
            assert!(told && ended.code != Some(0), "{call}: {ended:?}\n{log}");
            fs::remove_file(agent.beside("agent.log")).expect("its log");
            refused += 1;
        }
        let again = restore(&agent, &backup, &key, &[]);
        let expected = if is_whole { 78 } else { 0 };
        assert_eq!(again.code, Some(expected), "{call}: {again:?}");
        agent.start_again();
        agent.await_drained();
        let received = Platform::of_folder(&agent.records()).receive(obligations.count());
        obligations.assert_met_by(&received);
        agent.kill();
    }
    assert!(refused > 0, "none of these steps leaves a restore that is half there");
}

/// Gives how many calls there were.
fn die_at(agent: &Agent, faults: &Faults, call: u64, (backup, key): (&Path, &Path)) -> u64 {
    faults.die_at(call);
    let ended = Command::new(command::binary())
        .args(["backup", "restore", text(backup), "--key", text(key), "--config"])
        .arg(agent.config())
        .env("LD_PRELOAD", faults.library())
        .envs(faults.environment())
        .output()
        .expect("the binary can be run");
    faults.heal();
    let is_dead = ended.status.code().is_none();
    assert!(call == 0 || is_dead || faults.calls() < call, "{call}: {ended:?}");
    faults.calls()
}
