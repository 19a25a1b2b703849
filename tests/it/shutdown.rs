//! A stop in order: what was taken is answered, what was answered is delivered after the next
//! start, and the stop ends in time whatever a caller or an impatient operator does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::his::{Caller, head};
use tests::load::{Load, Patience};
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::rabbitmq::RabbitMq;

#[test]
fn a_stop_under_load_answers_what_it_took_and_delivers_what_it_answered() {
    let broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    let mut agent = Agent::start(Setup::amqp(&broker.url()));
    let obligations = Arc::new(Obligations::default());
    let mut answered = BTreeSet::new();

    for round in 1..=3 {
        let his = agent.his();
        // Numbers begin anew each round: rounds after the first send what was sent before, too.
        let load = Load::start(his, 8, Duration::ZERO, Patience::Once, &obligations);
        while load.tally().accepted < 100 * round {
            thread::sleep(Duration::from_millis(5));
        }
        agent.terminate();
        thread::sleep(Duration::from_millis(20));
        agent.terminate(); // the operator is impatient; the agent may be gone by now, and that is fine
        let ended = agent.await_end();
        assert_eq!(ended.code, Some(0), "{}", agent.log());
        assert!(ended.took < Duration::from_secs(30), "the stop took {:?}", ended.took);
        answered.extend(load.stop().request_ids);
        agent.start_again();
    }

    // A message that was stored and not answered would be taken for lost by its caller.
    assert_eq!(accepted_by_log(&agent.log()), answered);
    agent.await_drained();
    let platform = Platform::of_queue(&broker.url(), "platform");
    obligations.assert_met_by(&platform.receive(obligations.count()));
}

#[test]
fn a_caller_that_stalls_does_not_hold_up_a_stop() {
    let setup = Setup { top: "stop_deadline_ms = 2000".to_owned(), ..Setup::files() };
    let mut agent = Agent::start(setup);
    let message = Case::of("platform").message();
    let half = head("POST", &message.path(), &[("Content-Length", "100000")]);
    let mut stalled = Caller::connect(agent.his()).expect("the agent answers");
    stalled.write(&half).expect("the agent reads");
    // Its head was read when a request behind it is answered.
    tests::his::send(agent.his(), &message).expect("the agent answers");

    let ended = agent.stop();
    assert_eq!(ended.code, Some(0), "{}", agent.log());
    assert!(ended.took < Duration::from_secs(15), "the stop took {:?}", ended.took);
    assert!(agent.tells("stopped at the deadline"), "{}", agent.log());
}

/// Ids of the messages that the log calls accepted.
fn accepted_by_log(log: &str) -> BTreeSet<String> {
    let accepted = log.lines().filter(|line| line.contains("message accepted"));
    accepted
        .filter_map(|line| line.split_once("message_id=\"")?.1.split('"').next())
        .map(str::to_owned)
        .collect()
}
