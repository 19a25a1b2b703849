//! The broker fixture keeps its promises: it starts, remembers, crashes, and leaves nothing behind.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};
use tests::rabbitmq::RabbitMq;

#[test]
fn a_private_broker_lives_and_dies_with_its_test() {
    let mut broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    assert_eq!(publish(&broker, "one"), "ack");
    broker.await_queue_len("platform", 1);

    // What was confirmed survives a crash, and an orderly stop as well.
    broker.kill();
    broker.start_again();
    broker.await_queue_len("platform", 1);
    broker.stop();
    broker.start_again();
    broker.await_queue_len("platform", 1);
    let bodies: Vec<_> = broker.take_all("platform").into_iter().map(|taken| taken.body).collect();
    assert_eq!(bodies, [b"one"]);

    // Without a binding the exchange acknowledges and returns the message.
    broker.unbind("his.records", "platform");
    assert_eq!(publish(&broker, "two"), "returned");
    broker.bind("his.records", "platform");
    assert_eq!(publish(&broker, "three"), "ack");
    broker.await_queue_len("platform", 1);
    let queues = broker.ctl(&["list_queues", "name", "type", "--no-table-headers"]);
    assert_eq!(queues.trim(), "platform\tquorum");

    let port = broker.port().to_string();
    drop(broker);
    let deadline = Instant::now() + Duration::from_secs(60);
    while let [left, ..] = processes_that_name(&port).as_slice() {
        assert!(Instant::now() < deadline, "the broker left a process behind: {left}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn publish(broker: &RabbitMq, body: &str) -> &'static str {
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(&broker.url(), properties).await.expect("connects");
    let channel = connection.create_channel().await.expect("opens a channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let publish = channel.basic_publish(
        "his.records".into(),
        "H1.person".into(),
        options,
        body.as_bytes(),
        persistent,
    );
    match publish.await.expect("is sent").await.expect("is settled") {
        Confirmation::Ack(None) => "ack",
        Confirmation::Ack(Some(_)) => "returned",
        Confirmation::Nack(_) => "nack",
        Confirmation::NotRequested => "not requested",
    }
}

/// Command lines of living processes whose environment holds the port, epmd and shells included.
fn processes_that_name(port: &str) -> Vec<String> {
    let named = format!("RABBITMQ_NODE_PORT={port}\0");
    let processes = fs::read_dir("/proc").expect("Linux has /proc").filter_map(Result::ok);
    processes
        .filter(|process| {
            let environment = fs::read(process.path().join("environ")).unwrap_or_default();
            environment.windows(named.len()).any(|window| window == named.as_bytes())
        })
        .map(|process| fs::read_to_string(process.path().join("cmdline")).unwrap_or_default())
        .collect()
}
