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
fn a_broker_that_is_down_stopped_or_killed_loses_and_doubles_nothing() {
    let mut broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    broker.stop();

    // Down from the start: receipts are given all the same, and the reason is told.
    let agent = Agent::start(Setup::amqp(&broker.url()));
    let obligations = Arc::new(Obligations::default());
    let pause = Duration::from_millis(20);
    let load = Load::start(agent.his(), 3, pause, Patience::UntilAnswered, &obligations);
    let said = agent.await_readiness("refused by the broker", |it| {
        it["forward"]["last_error"]["code"] == "F101" && it["outbox"]["waiting"] != 0
    });
    assert_eq!((&said["ready"], &said["forward"]["connected"]), (&true.into(), &false.into()));

    broker.start_again();
    let flowing = |agent: &Agent, above: u64| {
        let said = agent.await_readiness("forwarding", |it| confirmed(it) > above);
        confirmed(&said)
    };
    let before = flowing(&agent, 0);
    broker.stop();
    thread::sleep(Duration::from_millis(500));
    broker.start_again();
    let before = flowing(&agent, before + 50);
    broker.kill();
    thread::sleep(Duration::from_millis(500));
    broker.start_again();
    flowing(&agent, before + 50);

    let tally = load.stop();
    println!("{} messages, {} records", tally.accepted, obligations.count());
    assert_eq!(tally.unanswered, 0, "a receipt failed to come because of the broker");
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

fn confirmed(said: &Value) -> u64 {
    said.pointer("/forward/confirmed").and_then(Value::as_u64).unwrap_or_default()
}
