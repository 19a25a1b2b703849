//! Acknowledged is on disk: the agent is killed at random moments, while it starts and while it
//! works, and everything a caller holds a receipt for arrives once and unchanged.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tests::agent::{Agent, Setup};
use tests::chance::Chance;
use tests::load::{Load, Patience};
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::rabbitmq::RabbitMq;

#[test]
fn every_receipt_outlives_kills_at_random_moments() {
    let kills =
        if std::env::var("HIS_AGENT_PROVE").is_ok_and(|it| it == "long") { 200 } else { 15 };
    let mut chance = Chance::seeded("kill");
    let broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    let mut agent = Agent::start(Setup::amqp(&broker.url()));
    let obligations = Arc::new(Obligations::default());
    let pause = Duration::from_millis(5);
    let load = Load::start(agent.his(), 4, pause, Patience::UntilAnswered, &obligations);

    let started = Instant::now();
    for kill in 0..kills {
        thread::sleep(chance.pause(Duration::from_millis(700)));
        agent.kill();
        // Every third start is killed while it may still be reading what the last one left.
        if kill % 3 == 0 {
            agent.launch();
            thread::sleep(chance.pause(Duration::from_millis(250)));
            agent.kill();
        }
        agent.start_again();
    }
    let tally = load.stop();
    println!(
        "{kills} kills in {:?}: {} messages, {} records promised, {} calls without an answer, {} \
         answered as stored before",
        started.elapsed(),
        tally.accepted,
        obligations.count(),
        tally.unanswered,
        tally.duplicates
    );
    assert!(tally.accepted > 20 * kills, "too little happened between the kills");
    assert!(tally.unanswered > kills, "the kills hit nobody");

    agent.await_drained();
    let platform = Platform::of_queue(&broker.url(), "platform");
    obligations.assert_met_by(&platform.receive(obligations.count()));
}
