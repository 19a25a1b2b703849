//! Acknowledged is on disk: the agent is killed, and its power is cut, at random moments, while it
//! starts and while it works; everything a caller holds a receipt for arrives once and unchanged.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tests::agent::{Agent, Setup};
use tests::chance::{Chance, is_long};
use tests::load::{Load, Patience};
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::rabbitmq::RabbitMq;

#[test]
fn every_receipt_outlives_kills_at_random_moments() {
    let broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    let agent = Agent::start(Setup::amqp(&broker.url()));
    let platform = Platform::of_queue(&broker.url(), "platform");
    prove("kill", agent, &platform, Agent::kill);
}

/// A kill leaves to the kernel what was written; a power cut does not. Only this proof sees an
/// answer that leaves before the disk has synced.
#[test]
fn every_receipt_outlives_power_cuts_at_random_moments() {
    let agent = Agent::start(Setup { mains: true, ..Setup::files() });
    let platform = Platform::of_folder(&agent.records());
    let mut lost = 0;
    prove("power", agent, &platform, |agent| lost += agent.cut_power());
    println!("{lost} bytes that were not synced were thrown away");
    assert!(lost > 0, "the cuts took nothing away");
}

fn prove(what: &str, mut agent: Agent, platform: &Platform, mut end: impl FnMut(&mut Agent)) {
    let long = is_long();
    let ends = if long { 200 } else { 15 };
    let mut chance = Chance::seeded(what);
    let obligations = Arc::new(Obligations::default());
    let pause = Duration::from_millis(5);
    let load = Load::start(agent.his(), 4, pause, Patience::UntilAnswered, &obligations);

    let started = Instant::now();
    for round in 0..ends {
        thread::sleep(chance.pause(Duration::from_millis(700)));
        end(&mut agent);
        // Every third start ends while it may still be reading what the last one left.
        if round % 3 == 0 {
            agent.launch();
            thread::sleep(chance.pause(Duration::from_millis(250)));
            end(&mut agent);
        }
        agent.start_again();
    }
    let tally = load.stop();
    println!(
        "{what}: {ends} ends in {:?}: {} messages, {} records promised, {} calls without an answer, \
         {} answered as stored before",
        started.elapsed(),
        tally.accepted,
        obligations.count(),
        tally.unanswered,
        tally.duplicates
    );
    assert!(tally.accepted > 5 * ends, "too little happened between the ends");
    assert!(tally.unanswered > ends, "the ends hit nobody");

    agent.await_drained();
    obligations.assert_met_by(&platform.receive(obligations.count()));
}
