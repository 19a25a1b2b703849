//! The limit of forwarding: the agent's own client library with nothing around it.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueuePurgeOptions,
};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tests::rabbitmq::RabbitMq;

use crate::daemon::WINDOW;
use crate::forward::Turn;
use crate::process::process_cpu;
use crate::site::{EXCHANGE, QUEUE};

/// Routing key and body of some of the agent's messages.
pub(crate) type Bodies = Vec<(String, Vec<u8>)>;

/// Publishes so many messages with these bodies over and over, and leaves an empty queue.
pub(crate) fn publish(broker: &RabbitMq, bodies: &Bodies, messages: u64) -> Turn {
    purge(broker);
    on_channel(broker, async |channel| {
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut unconfirmed = FuturesUnordered::new();
        let mut first = None;
        let messages = usize::try_from(messages).expect("a turn is short");
        for (routing_key, body) in bodies.iter().cycle().take(messages) {
            if unconfirmed.len() == WINDOW {
                settle(unconfirmed.next().await);
                first.get_or_insert_with(|| (Instant::now(), own_cpu()));
            }
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let persistent = BasicProperties::default().with_delivery_mode(2);
            let key = routing_key.as_str().into();
            let sent = channel.basic_publish(EXCHANGE.into(), key, options, body, persistent);
            unconfirmed.push(sent.await?);
        }
        while let Some(confirm) = unconfirmed.next().await {
            settle(Some(confirm));
        }
        let (started, cpu_before) = first.expect("there are more messages than fit the window");
        let cpu = own_cpu().saturating_sub(cpu_before);
        Ok(Turn { records: messages as u64 - 1, elapsed: started.elapsed(), cpu })
    })
}

/// Takes the next messages out of the queue, waiting for them.
pub(crate) fn take_bodies(broker: &RabbitMq, count: usize) -> Bodies {
    on_channel(broker, async |channel| {
        let mut bodies = Vec::new();
        while bodies.len() < count {
            let options = BasicGetOptions { no_ack: true };
            match channel.basic_get(QUEUE.into(), options).await? {
                Some(message) => {
                    let delivery = message.delivery;
                    bodies.push((delivery.routing_key.to_string(), delivery.data));
                }
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        Ok(bodies)
    })
}

/// Empties the queue: a broker with a full memory would hold everybody back.
pub(crate) fn purge(broker: &RabbitMq) {
    on_channel(broker, async |channel| {
        channel.queue_purge(QUEUE.into(), QueuePurgeOptions::default()).await
    });
}

/// The broker must have taken it in; anything else would be a rate of failures.
fn settle(confirm: Option<lapin::Result<Confirmation>>) {
    match confirm {
        Some(Ok(Confirmation::Ack(None))) => {}
        other => panic!("not delivered: {other:?}"),
    }
}

#[tokio::main]
async fn on_channel<T>(
    broker: &RabbitMq,
    work: impl AsyncFnOnce(&Channel) -> lapin::Result<T>,
) -> T {
    let call = async || {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(&broker.url(), properties).await?;
        let channel = connection.create_channel().await?;
        let result = work(&channel).await?;
        connection.close(200, "done".into()).await?;
        lapin::Result::Ok(result)
    };
    let done = tokio::time::timeout(Duration::from_secs(60), call()).await;
    done.expect("a broker that is up answers").expect("the broker does what it is asked")
}

fn own_cpu() -> Duration {
    process_cpu(std::process::id())
}
