//! The fault matrix: whatever is wrong between the agent and the platform, receipts are given, the
//! records stay with a reason that names it, and forwarding goes on by itself once it is mended.
//!
//! Nodes that stop, die or hang are in `broker`, certificates in `broker_tls`.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::load::{self, Load, Patience};
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::rabbitmq::RabbitMq;
use tests::wire::Wire;

#[test]
fn every_fault_of_the_platform_is_named_and_outlived() {
    let world = World::new();
    let World { broker, wire, .. } = &world;
    // It was deleted before the first record: what the platform throws away is not for us to answer for.
    world.row("queue deleted", "no_binding", || (), || broker.declare_topology(EXCHANGE, QUEUE));
    world.row(
        "binding removed",
        "no_binding",
        || broker.unbind(EXCHANGE, QUEUE),
        || {
            broker.bind(EXCHANGE, QUEUE);
        },
    );
    world.row(
        "exchange deleted",
        "exchange_missing",
        || broker.delete_exchange(EXCHANGE),
        || {
            broker.declare_topology(EXCHANGE, QUEUE);
        },
    );
    // The open channel goes on getting acknowledgements: only a fresh one tells.
    world.row("right revoked", "no_right", || world.permit(""), || world.permit(".*"));
    world.row(
        "password changed",
        "turned_away",
        || world.password("other"),
        || {
            world.password(PASSWORD);
        },
    );
    let full = r#"{"max-length":1,"overflow":"reject-publish"}"#;
    let policy = ["set_policy", "full", "^platform$", full, "--apply-to", "queues"];
    world.row(
        "queue full",
        "nacked",
        || drop(broker.ctl(&policy)),
        || {
            broker.ctl(&["clear_policy", "full"]);
        },
    );
    let memory = |limit| drop(broker.ctl(&["set_vm_memory_high_watermark", "absolute", limit]));
    world.row("memory alarm", "blocked", || memory("1"), || memory("400MB"));
    let disk = |limit| drop(broker.ctl(&["set_disk_free_limit", limit]));
    world.row("disk alarm", "blocked", || disk("5000GB"), || disk("50MB"));
    world.row(
        "half-open connection",
        "silent lost unreachable",
        || wire.silence(),
        || {
            wire.restore();
        },
    );

    // Two seconds each way and every third packet lost is no fault, only slow.
    wire.worsen(Duration::from_secs(2), 30);
    world.await_flow("over a bad wire", 20);
    wire.worsen(Duration::ZERO, 0);
    world.prove();
}

#[test]
fn a_record_that_is_too_large_is_named_and_the_others_pass() {
    let broker = RabbitMq::start();
    broker.declare_topology(EXCHANGE, QUEUE);
    let mut setup = Setup::amqp(&broker.url());
    setup.forward = "recheck_ms = 1000".to_owned();
    let agent = Agent::start(setup);
    let obligations = Obligations::default();
    let case = Case::of("platform");
    load::send(agent.his(), &case.numbered(1), &obligations);
    agent.await_drained();
    let sizes: Vec<usize> = broker.take_all(QUEUE).iter().map(|it| it.body.len()).collect();
    let largest = sizes.iter().max().expect("records arrived");

    let limit = format!("application:set_env(rabbit,max_message_size,{}).", largest - 1);
    broker.ctl(&["eval", &limit]);
    // The limit is looked up by each fresh channel.
    thread::sleep(Duration::from_secs(8));
    for number in 2..=4 {
        load::send(agent.his(), &case.numbered(number), &obligations);
    }
    agent.await_drained();
    let said = agent.readiness();
    let aside = figure(&said, "/forward/set_aside");
    println!("{aside} of {} records are too large for a limit of {}", sizes.len() * 3, largest - 1);
    assert!(aside > 0 && aside < sizes.len() as u64 * 3, "{said}");
    assert_eq!(figure(&said, "/outbox/dead_letters"), aside, "{said}");
    // What was in flight when the broker closed the channel goes twice, under one id.
    let arrived = broker.take_all(QUEUE);
    let distinct: BTreeSet<String> =
        arrived.iter().map(|it| format!("{:?}", it.properties.message_id())).collect();
    assert_eq!(distinct.len() as u64 + aside, sizes.len() as u64 * 3);
    assert!(arrived.iter().all(|it| it.body.len() < *largest));
    assert!(agent.tells("set aside as a dead letter"), "{}", agent.log());
}

/// A broker, a wire to it, an agent at the other end and callers who do not stop.
struct World {
    broker: RabbitMq,
    wire: Wire,
    agent: Agent,
    obligations: Arc<Obligations>,
    load: Option<Load>,
}

impl World {
    fn new() -> World {
        let broker = RabbitMq::start();
        broker.declare_topology(EXCHANGE, QUEUE);
        broker.delete_queue(QUEUE);
        broker.ctl(&["add_user", USER, PASSWORD]);
        broker.ctl(&["set_permissions", USER, "", ".*", ""]);
        let wire = Wire::to(broker.port());
        let mut setup = Setup::amqp(&broker.url_of(USER, PASSWORD, wire.port()));
        FORWARD.clone_into(&mut setup.forward);
        let agent = Agent::start(setup);
        let obligations = Arc::new(Obligations::default());
        let mut world = World { broker, wire, agent, obligations, load: None };
        let (his, pause) = (world.agent.his(), Duration::from_millis(50));
        let load = Load::start(his, 2, pause, Patience::UntilAnswered, &world.obligations);
        world.load = Some(load);
        world
    }

    /// One row of the matrix: the fault, the words for it, the repair.
    #[track_caller]
    fn row(&self, fault: &str, words: &str, make: impl FnOnce(), mend: impl FnOnce()) {
        let started = Instant::now();
        make();
        let said = self.agent.await_readiness(fault, |it| {
            let word = it.pointer("/forward/state").and_then(Value::as_str).unwrap_or("none");
            words.split(' ').any(|one| one == word) && figure(it, "/outbox/waiting") > 0
        });
        let named = started.elapsed();
        let reason = &said["forward"]["last_error"];
        assert!(reason["reason"].is_string() && reason["code"].is_string(), "{said}");
        let mended = Instant::now();
        mend();
        self.await_flow(fault, 20);
        println!(
            "{fault}: {} named after {named:.1?}, mended {:.1?}",
            reason["code"],
            mended.elapsed()
        );
    }

    #[track_caller]
    fn await_flow(&self, fault: &str, records: u64) {
        let before = figure(&self.agent.readiness(), "/forward/confirmed");
        let what = format!("forwarding again: {fault}");
        self.agent.await_readiness(&what, |it| {
            figure(it, "/forward/confirmed") > before + records
                && it.pointer("/forward/state") == Some(&Value::from("open"))
        });
    }

    fn permit(&self, write: &str) {
        self.broker.ctl(&["set_permissions", USER, "", write, ""]);
    }

    fn password(&self, password: &str) {
        self.broker.ctl(&["change_password", USER, password]);
        self.wire.cut();
    }

    /// Lost 0, doubled 0, order kept, and nobody waited for a receipt.
    fn prove(mut self) {
        let tally = self.load.take().expect("started by new").stop();
        assert_eq!(tally.unanswered, 0, "a receipt failed to come because of the broker");
        println!("{} messages, {} records", tally.accepted, self.obligations.count());
        self.agent.await_drained();
        let platform = Platform::of_queue(&self.broker.url(), QUEUE);
        self.obligations.assert_met_by(&platform.receive(self.obligations.count()));
    }
}

fn figure(said: &Value, path: &str) -> u64 {
    said.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

const EXCHANGE: &str = "his.records";
const QUEUE: &str = "platform";
const USER: &str = "hospital";
const PASSWORD: &str = "pw";
/// Everything sooner than in a hospital, so that a row takes seconds.
const FORWARD: &str =
    "heartbeat_ms = 3000\nconfirm_timeout_ms = 12000\nrecheck_ms = 1000\nretry_longest_ms = 1000";
