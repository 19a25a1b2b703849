//! A clock that somebody sets a day ahead and a day back while records flow: nothing is lost, doubled or
//! out of order, nothing is let go or given up before its time, and it is told.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::load::{self, Load, Patience};
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::process::wait_until;
use tests::rabbitmq::RabbitMq;
use tests::screen::Screen;
use tests::subscriber::Subscriber;

#[test]
fn a_clock_set_a_day_ahead_and_back_harms_no_record() {
    let broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    let channels =
        "[messages]\nraw_keep_days = 1\nrecords_keep_days = 1\n[patrol]\nkeep_days = 0\n"
            .to_owned();
    let setup = Setup { faults: true, channels, ..Setup::amqp(&broker.url()) };
    let mut agent = Agent::start(setup);
    let obligations = Arc::new(Obligations::default());
    let first = load::send(agent.his(), &Case::of("platform").numbered(900_000), &obligations);
    agent.await_drained();
    let pause = Duration::from_millis(20);
    let load = Load::start(agent.his(), 3, pause, Patience::UntilAnswered, &obligations);
    for ahead in [0, DAY, 0, -DAY, 0] {
        agent.disk().set_clock(ahead);
        await_flow(&agent);
        if ahead == DAY {
            thread::sleep(KEEPERS_LOOK);
        }
        check_kept(&agent, &first.message_id);
        check_told(&agent, ahead.max(0));
    }
    await_alerts(&agent, &["began O108", "over O108"]);
    // What the clock was before a start nobody knows.
    agent.disk().set_clock(-DAY);
    await_flow(&agent);
    agent.kill();
    agent.start_again();
    await_flow(&agent);
    check_told(&agent, 0);
    agent.disk().set_clock(0);
    await_flow(&agent);
    check_told(&agent, DAY);
    check_kept(&agent, &first.message_id);

    let tally = load.stop();
    println!("{} messages, {} records", tally.accepted, obligations.count());
    agent.await_drained();
    let platform = Platform::of_queue(&broker.url(), "platform");
    obligations.assert_met_by(&platform.receive(obligations.count()));
    await_alerts(&agent, &["began O108", "over O108", "began O108"]);
}

/// Waits until these, and no others, are what a screen hears of alerts.
#[track_caller]
fn await_alerts(agent: &Agent, wanted: &[&str]) {
    let told = || {
        let mut screen = Screen::new(agent.his(), "kinds=alert&after=0");
        screen.connect().expect("the agent listens");
        let heard = screen.listen(Duration::from_secs(1));
        heard.iter().map(|it| text(&it.data, &["what", "id"])).collect::<Vec<_>>()
    };
    assert!(wait_until(Duration::from_secs(60), || told() == wanted), "{:?}", told());
}

#[test]
fn nobody_is_given_up_because_a_clock_was_set() {
    let mut subscriber = Subscriber::new();
    let more = "entities = [\"outpatient_prescription\"]\nkeep_days = 1";
    let channels = subscriber.table("emr", more);
    let agent = Agent::start(Setup { faults: true, channels, ..Setup::files() });
    let obligations = Obligations::default();
    let receipt = load::send(agent.his(), &Case::of("platform").numbered(1), &obligations);
    let wanted = receipt.records.iter().filter(|it| it.entity == "outpatient_prescription");
    let wanted: Vec<&str> = wanted.map(|it| it.record_id.as_str()).collect();
    assert!(!wanted.is_empty(), "nothing of it is wanted");
    agent.disk().set_clock(DAY);
    agent.await_readiness("told that the clock was set", |it| {
        !it["clock"]["ahead_seconds"].is_null()
    });
    // It is tried every few seconds.
    thread::sleep(Duration::from_secs(5));
    subscriber.come();
    agent.await_readiness("pushed", |it| it["subscriptions"][0]["behind"] == 0);
    let said = agent.readiness();
    assert_eq!(said["subscriptions"][0]["lost"], 0, "{said}");
    let taken: Vec<String> = subscriber.taken().into_iter().map(|it| it.id).collect();
    assert_eq!(taken, wanted);
}

/// The bytes and the records of a message are there.
#[track_caller]
fn check_kept(agent: &Agent, message_id: &str) {
    let ran = agent.ask(&["messages", "show", message_id, "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert!(told["raw"][0]["text"].is_string(), "its bytes are gone: {told}");
    for record in told["records"].as_array().into_iter().flatten() {
        assert!(record["record"]["elements"].is_object(), "a record is gone: {told}");
    }
}

/// What is told of the clock, and that nothing else is amiss.
#[track_caller]
fn check_told(agent: &Agent, ahead: i64) {
    let near = |said: &Value| match said["clock"]["ahead_seconds"].as_i64() {
        None => ahead == 0,
        Some(told) => (told - ahead).abs() < 60,
    };
    let said = agent.await_readiness(&format!("{ahead} s ahead"), near);
    assert_eq!(said["forward"]["alerts"], Value::Array(Vec::new()), "{said}");
    assert_eq!((&said["ready"], &said["outbox"]["dead_letters"]), (&true.into(), &0.into()));
}

#[track_caller]
fn await_flow(agent: &Agent) {
    let confirmed = |said: &Value| said["forward"]["confirmed"].as_u64().unwrap_or(0);
    let before = confirmed(&agent.readiness());
    agent.await_readiness("forwarding", |it| confirmed(it) > before + 100);
}

fn text(data: &Value, members: &[&str]) -> String {
    let words = members.iter().map(|it| data[*it].as_str().unwrap_or("-"));
    words.collect::<Vec<_>>().join(" ")
}

const DAY: i64 = 86_400;
/// Whoever lets go of what is old looks every ten seconds.
const KEEPERS_LOOK: Duration = Duration::from_secs(12);
