//! Whether the platform's queue syncs before it confirms is told, or that nobody knows.

#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::rabbitmq::RabbitMq;

#[test]
fn the_type_of_the_platforms_queue_is_told_and_none_is_made() {
    let broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    broker.declare_classic("old");
    broker.ctl(&["add_user", "writer", "secret"]);
    broker.ctl(&["set_permissions", "writer", "^$", ".*", "^$"]);
    let expect = |queue: &str| format!("expect_queue = \"{queue}\"");
    let own = broker.url();
    check(&own, &expect("platform"), &[]);
    check(&own, &expect("old"), &[("F113", "queue old is no quorum queue")]);
    check(&own, &expect("missing"), &[("F115", "there is no queue missing")]);
    check(&own, "", &[("F115", "forward.expect_queue is not set")]);
    let writer = own.replacen("guest:guest@", "writer:secret@", 1);
    assert_ne!(writer, own);
    check(&writer, &expect("platform"), &[("F115", "a configure right")]);
    let queues = broker.ctl(&["list_queues", "name", "--no-table-headers"]);
    let mut queues: Vec<&str> = queues.split_whitespace().collect();
    queues.sort_unstable();
    assert_eq!(queues, ["old", "platform"], "a look makes no queue");
}

#[track_caller]
fn check(url: &str, forward: &str, expected: &[(&str, &str)]) {
    let agent = Agent::start(Setup { forward: forward.to_owned(), ..Setup::amqp(url) });
    let notice = |said: &Value, code: &str| {
        let text = said.pointer(&format!("/forward/notices/{code}")).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let said = agent.await_readiness(&format!("told {expected:?}"), |it| {
        it["forward"]["connected"] == true
            && expected.iter().all(|(code, text)| notice(it, code).contains(text))
    });
    let notices = said["forward"]["notices"].as_object().map_or(0, serde_json::Map::len);
    assert_eq!(notices, expected.len(), "{forward}: {said}");
    assert_eq!(said["forward"]["trouble"], Value::Null, "{forward}: it is no trouble");
}
