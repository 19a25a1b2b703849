//! AMQP cannot lie: whatever a real RabbitMQ does, receipts are given, nothing is lost, and after
//! the receiver nothing is doubled.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::load::{self, Load, Patience};
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::rabbitmq::RabbitMq;

#[test]
fn a_broker_that_is_down_stopped_killed_or_hangs_loses_and_doubles_nothing() {
    let mut broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    broker.stop();

    // Down from the start: receipts are given all the same, and the reason is told.
    let mut agent = Agent::start(Setup::amqp(&broker.url()));
    let obligations = Arc::new(Obligations::default());
    let pause = Duration::from_millis(50);
    let load = Load::start(agent.his(), 3, pause, Patience::UntilAnswered, &obligations);
    let said = agent.await_readiness("told that the broker is down", |it| {
        it["forward"]["last_error"]["code"] == "F101" && waiting(it) > 0
    });
    assert_eq!((&said["ready"], &said["forward"]["connected"]), (&true.into(), &false.into()));

    broker.start_again();
    await_flow(&agent);
    broker.stop();
    thread::sleep(OUTAGE);
    broker.start_again();
    await_flow(&agent);
    broker.kill();
    thread::sleep(OUTAGE);
    broker.start_again();
    await_flow(&agent);
    assert_eq!(load.tally().unanswered, 0, "a receipt failed to come because of the broker");

    // The broker hangs, and then both die: what was sent and not confirmed is only on our disk.
    agent.await_readiness("through with the backlog", |it| waiting(it) < 100);
    broker.freeze();
    agent.await_readiness("keeping what is not confirmed", |it| waiting(it) > 500);
    agent.kill();
    broker.kill();
    broker.start_again();
    agent.start_again();
    await_flow(&agent);

    let tally = load.stop();
    println!("{} messages, {} records", tally.accepted, obligations.count());
    agent.await_drained();
    let platform = Platform::of_queue(&broker.url(), "platform");
    obligations.assert_met_by(&platform.receive(obligations.count()));
}

#[test]
fn a_broker_that_says_nothing_is_doubted_and_gets_everything_again() {
    let mut broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    let mut setup = Setup::amqp(&broker.url());
    setup.forward = "confirm_timeout_ms = 1000".to_owned();
    let agent = Agent::start(setup);
    let obligations = Obligations::default();
    load::send(agent.his(), &Case::of("platform").numbered(1), &obligations);
    agent.await_drained();

    broker.freeze();
    load::send(agent.his(), &Case::of("platform").numbered(2), &obligations);
    let said =
        agent.await_readiness("in doubt", |it| it["forward"]["last_error"]["code"] == "F106");
    assert_ne!(said["outbox"]["waiting"], 0, "what is in doubt has left the outbox: {said}");
    broker.thaw();
    agent.await_drained();
    let platform = Platform::of_queue(&broker.url(), "platform");
    obligations.assert_met_by(&platform.receive(obligations.count()));
}

#[test]
fn what_no_queue_takes_is_kept_and_told_until_one_does() {
    let broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    broker.unbind("his.records", "platform");
    let agent = Agent::start(Setup::amqp(&broker.url()));
    let obligations = Obligations::default();
    for case in Case::all() {
        load::send(agent.his(), &case.message(), &obligations);
    }

    let said = agent.await_readiness("returned", |it| it["forward"]["returned"].as_u64() > Some(5));
    assert_eq!(said["forward"]["last_error"]["code"], "F201", "{said}");
    assert_eq!(said["forward"]["confirmed"], 0, "{said}");
    assert_eq!(said["outbox"]["waiting"], obligations.count(), "{said}");
    assert_eq!(broker.queue_len("platform"), 0);

    broker.bind("his.records", "platform");
    agent.await_drained();
    let platform = Platform::of_queue(&broker.url(), "platform");
    obligations.assert_met_by(&platform.receive(obligations.count()));
}

/// Waits until the broker confirms again, and a good deal more than was in flight.
#[track_caller]
fn await_flow(agent: &Agent) {
    let before = figure(&agent.readiness(), "/forward/confirmed");
    agent.await_readiness("forwarding", |it| figure(it, "/forward/confirmed") > before + 100);
}

fn waiting(said: &Value) -> u64 {
    figure(said, "/outbox/waiting")
}

fn figure(said: &Value, path: &str) -> u64 {
    said.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

const OUTAGE: Duration = Duration::from_millis(500);
