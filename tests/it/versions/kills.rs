//! The agent is killed at each step of a change of configuration, and of going back: it starts with a whole
//! one, and who made the change is known.

use tests::chance::is_long;

use super::*;

/// Every call that writes, syncs, makes or names something in the book of versions, then beside the file.
#[test]
fn killed_at_any_step_of_a_change_it_starts_with_a_whole_configuration() {
    for place in ["versions", "agent.toml"] {
        let mut agent = prepared(place, on_trial_for(2));
        let base = fs::read_to_string(agent.config()).expect("the configuration");
        for round in 0.. {
            let call = 1 + round * stride();
            let before = fs::read_to_string(agent.config()).expect("the configuration");
            let level = if round % 2 == 0 { "debug" } else { "info" };
            let new = format!("{base}[log]\nlevel = \"{level}\"\n");
            let was_killed = change_and_die(&mut agent, &new, call);
            let file = fs::read_to_string(agent.config()).expect("the configuration");
            assert!(file == before || file == new, "{place} {call}: half a file:\n{file}");
            agent.start_again();
            let stands = wait_until(PATIENCE, || stands(&agent));
            let told = history(&agent, "config");
            assert!(stands, "{place} {call}: {told:?}\n{}", agent.log());
            assert_eq!(edits(&told), 1, "{place} {call}: a change is taken for an edit: {told:?}");
            if !was_killed {
                assert!(
                    round > 0,
                    "{place}: nothing was killed: is it counted in the right place?"
                );
                println!("{place}: fewer than {call} steps");
                break;
            }
        }
    }
}

/// The change makes the agent worse, so that it is taken back, by itself or by the next start. The steps are those of
/// the change, of its start and of going back.
#[test]
fn killed_at_any_step_of_going_back_it_has_gone_back_in_the_end() {
    let mut agent = prepared("versions", setup());
    let file = fs::read_to_string(agent.config()).expect("the configuration");
    let records = format!("dir = \"{}\"", agent.records().display());
    let worse = file.replace(&records, "dir = \"/dev/null/records\"");
    assert_ne!(worse, file, "the records lie elsewhere now");
    for round in 0.. {
        let call = 1 + round * stride();
        let was_killed = change_and_die(&mut agent, &worse, call);
        agent.start_again();
        let is_back = || fs::read_to_string(agent.config()).is_ok_and(|it| it == file);
        let forwards = || {
            his::get(agent.operators(), "/readyz")
                .is_ok_and(|it| it.json()["forward"]["connected"] == true)
        };
        let is_well = wait_until(PATIENCE, || is_back() && forwards() && stands(&agent));
        assert!(is_well, "{call}: {:?}\n{}", history(&agent, "config"), agent.log());
        let told = history(&agent, "config");
        assert_eq!(edits(&told), 1, "{call}: {told:?}");
        if !was_killed {
            assert!(round > 0, "nothing was killed: is it counted in the right place?");
            println!("fewer than {call} steps");
            break;
        }
    }
}

fn prepared(place: &str, setup: Setup) -> Agent {
    let mut agent = Agent::prepare(Setup { faults: true, ..setup });
    agent.disk_is(place);
    agent.start_again();
    agent.await_readiness("noting its set", |_| history(&agent, "sets").len() == 1);
    agent
}

/// Applies a text; the agent is killed at such a call, if it comes to so many. Gives whether it was.
fn change_and_die(agent: &mut Agent, text: &str, call: u64) -> bool {
    let new = agent.beside("new.toml");
    fs::write(&new, text).expect("our folder");
    agent.disk().die_at(call);
    let new = new.to_str().expect("a plain name");
    agent.ask(&["config", "apply", new, "--author", "王", "--reason", "换上", "--no-wait"]);
    let is_over = wait_until(PATIENCE, || agent.has_fallen() || stands(agent));
    assert!(is_over, "{}", agent.log());
    let was_killed = agent.has_fallen();
    agent.disk().heal();
    agent.kill();
    was_killed
}

/// Whether one is in force, and none waits for its start or the end of its trial.
fn stands(agent: &Agent) -> bool {
    let ran = agent.ask(&["config", "history", "--kind", "config", "--json"]);
    // It may be starting just now.
    let Ok(told) = serde_json::from_str::<Value>(&ran.stdout) else { return false };
    let all = told["versions"].as_array().expect("a list");
    let is = |word: &str| all.iter().any(|it| it["standing"] == word);
    is("in_force") && !is("on_trial") && !is("accepted")
}

fn edits(told: &[String]) -> usize {
    told.iter().filter(|it| it.contains(" file ")).count()
}

/// All of them take minutes.
fn stride() -> u64 {
    if is_long() { 1 } else { 9 }
}

const PATIENCE: Duration = Duration::from_secs(60);
