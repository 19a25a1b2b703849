//! Acknowledged is on disk: the agent is killed, and its power is cut, at random moments, while it
//! starts and while it works; everything a caller holds a receipt for arrives once and unchanged.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tests::agent::{Agent, Setup};
use tests::chance::{Chance, is_long, told};
use tests::load::{Load, Patience};
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::rabbitmq::RabbitMq;

#[test]
fn every_receipt_outlives_kills_at_random_moments() {
    let broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    for ends in legs(ends(15, 10_000)) {
        let agent = Agent::start(Setup::amqp(&broker.url()));
        let platform = Platform::of_queue(&broker.url(), "platform");
        let form = Form { what: "kill", ends, callers: 4, longer: Duration::ZERO };
        prove(&form, agent, &platform, Agent::kill);
    }
}

/// A kill leaves to the kernel what was written; a power cut does not. Only this proof sees an
/// answer that leaves before the disk has synced. Tables are written early, so that logs are used again:
/// a record may then lie where an older one was, and a cut may bring that one back.
#[test]
fn every_receipt_outlives_power_cuts_at_random_moments() {
    let (mut lost, mut put_back) = (0, 0);
    let (all, longer) = (ends(15, 1_000), Duration::from_secs(2));
    for ends in legs(all) {
        let outbox = "write_buffer_bytes = 65536".to_owned();
        let agent = Agent::start(Setup { mains: true, outbox, ..Setup::files() });
        let platform = Platform::of_folder(&agent.records());
        let form = Form { what: "power", ends, callers: 12, longer };
        let mut of_this = 0;
        prove(&form, agent, &platform, |agent| {
            lost += agent.cut_power();
            of_this = agent.put_back();
        });
        put_back += of_this;
    }
    println!(
        "{lost} bytes that were not synced were thrown away, {put_back} old ones put back into logs"
    );
    assert!(lost > 0, "the cuts took nothing away");
    assert!(put_back > 0 || all < 100, "nothing was written over: no log was used again");
}

/// How often the agent ends: in the short form, in the long one, or as the environment says.
fn ends(short: u64, long: u64) -> u64 {
    told("HIS_AGENT_ENDS").unwrap_or(if is_long() { long } else { short })
}

/// Each has an agent and a platform of its own: a platform is asked for all that it has.
fn legs(ends: u64) -> impl Iterator<Item = u64> {
    (0..ends).step_by(LEG).map(move |done| (ends - done).min(LEG as u64))
}

/// Ends that one agent goes through.
const LEG: usize = 100;

struct Form {
    what: &'static str,
    ends: u64,
    callers: usize,
    /// How much longer every second life is: the store does more in it than begin.
    longer: Duration,
}

fn prove(form: &Form, mut agent: Agent, platform: &Platform, mut end: impl FnMut(&mut Agent)) {
    let Form { what, ends, callers, longer } = *form;
    let mut chance = Chance::seeded(what);
    let obligations = Arc::new(Obligations::default());
    let pause = Duration::from_millis(5);
    let load = Load::start(agent.his(), callers, pause, Patience::UntilAnswered, &obligations);

    let started = Instant::now();
    for round in 0..ends {
        thread::sleep(chance.pause(Duration::from_millis(700)));
        if round % 2 == 1 {
            thread::sleep(longer);
        }
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
    assert!(tally.accepted > ends, "too little happened between the ends");
    assert!(tally.unanswered > ends, "the ends hit nobody");

    agent.await_drained();
    obligations.assert_met_by(&platform.receive(obligations.count()));
}
