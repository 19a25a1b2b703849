//! A real RabbitMQ for the tests: private, on loopback, gone when the value is dropped.
//!
//! ```no_run
//! let mut broker = tests::rabbitmq::RabbitMq::start();
//! broker.declare_topology("his.records", "platform");
//! // ... the code under test publishes to broker.url() ...
//! assert_eq!(broker.queue_len("platform"), 6);
//! broker.kill();
//! broker.start_again();
//! ```
//!
//! Starting takes 5 to 15 seconds: share one broker between the steps of a test. Every method
//! blocks and may be called from async code too; use a multi-threaded runtime there, or the code
//! under test stands still meanwhile.

mod node;

use std::thread;
use std::time::Duration;

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};

use node::Node;

use crate::process::wait_until;

/// No call to a broker that is up takes longer, not even on a machine that compiles.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const QUEUE_TIMEOUT: Duration = Duration::from_mins(1);

/// A broker with the user `guest`, the virtual host `/` and nothing declared.
#[derive(Debug)]
pub struct RabbitMq {
    node: Node,
}

/// A message as it lay in a queue.
#[derive(Debug)]
pub struct Taken {
    /// The key that the publisher routed it by.
    pub routing_key: String,
    /// Whether a consumer had it before.
    pub redelivered: bool,
    /// The AMQP properties, headers among them.
    pub properties: lapin::BasicProperties,
    /// The bytes of the message.
    pub body: Vec<u8>,
}

impl RabbitMq {
    /// Starts a broker, and installs Debian's package first when it is missing.
    pub fn start() -> RabbitMq {
        RabbitMq { node: Node::start() }
    }

    /// The same with further lines of `rabbitmq.conf` and with plugins. `{tls}` in a line is a port
    /// that is free, see `tls_port`.
    pub fn start_with(config: &str, plugins: &[&str]) -> RabbitMq {
        RabbitMq { node: Node::start_with(config, plugins) }
    }

    /// The port for TLS, if a line of the configuration asked for it.
    pub fn tls_port(&self) -> u16 {
        self.node.tls_port()
    }

    /// The address for a user other than `guest`, on another port if need be.
    pub fn url_of(&self, user: &str, password: &str, port: u16) -> String {
        format!("amqp://{user}:{password}@127.0.0.1:{port}/%2f")
    }

    /// Removes an exchange.
    pub fn delete_exchange(&self, exchange: &str) {
        self.on_channel(async |channel| {
            channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await
        });
    }

    /// Removes a queue with all that is in it.
    pub fn delete_queue(&self, queue: &str) {
        self.on_channel(async |channel| {
            channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
            Ok(())
        });
    }

    /// The address for AMQP clients; it stays the same over `stop`, `kill` and `start_again`.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.node.amqp_port())
    }

    /// The port in the address, for tests that put something between.
    pub fn port(&self) -> u16 {
        self.node.amqp_port()
    }

    /// Stops the broker in order, as an administrator does.
    pub fn stop(&mut self) {
        self.node.stop();
    }

    /// Ends every process of the broker with SIGKILL, as a crash does.
    pub fn kill(&mut self) {
        self.node.kill();
    }

    /// Halts the broker without closing anything, as a machine does whose disk hangs: it reads
    /// nothing more and answers nothing more.
    pub fn freeze(&mut self) {
        self.node.freeze();
    }

    /// Lets the frozen broker go on.
    pub fn thaw(&mut self) {
        self.node.thaw();
    }

    /// Starts the stopped or killed broker on the data it left.
    pub fn start_again(&mut self) {
        if let Err(problem) = self.node.start_again() {
            panic!("{problem}");
        }
    }

    /// Runs `rabbitmqctl` and gives what it printed; takes about two seconds. Its message counts lie
    /// some seconds behind: ask `queue_len` for them.
    pub fn ctl(&self, args: &[&str]) -> String {
        self.node.ctl(args)
    }

    /// Declares what the platform has: a durable topic exchange and a quorum queue that gets all.
    pub fn declare_topology(&self, exchange: &str, queue: &str) {
        self.on_channel(async |channel| {
            let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
            let kind = ExchangeKind::Topic;
            channel.exchange_declare(exchange.into(), kind, durable, FieldTable::default()).await?;
            // A classic queue of version 2 confirms almost without syncing; a quorum queue syncs.
            let mut arguments = FieldTable::default();
            arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
            channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments).await?;
            Ok(())
        });
        self.bind(exchange, queue);
        self.node.await_registration(queue);
    }

    /// Declares a quorum queue that the exchange knows nothing of.
    pub fn declare_queue(&self, queue: &str) {
        self.on_channel(async |channel| {
            let mut arguments = FieldTable::default();
            arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
            channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments).await
        });
        self.node.await_registration(queue);
    }

    /// Declares a classic queue.
    pub fn declare_classic(&self, queue: &str) {
        self.on_channel(async |channel| {
            let options = QueueDeclareOptions::durable();
            channel.queue_declare(queue.into(), options, FieldTable::default()).await
        });
    }

    /// Puts a message into a queue, as it was taken or altered since.
    pub fn put(&self, queue: &str, message: &Taken) {
        self.on_channel(async |channel| {
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            let (options, properties) =
                (BasicPublishOptions::default(), message.properties.clone());
            let sent =
                channel.basic_publish("".into(), queue.into(), options, &message.body, properties);
            sent.await?.await
        });
    }

    /// Binds the queue again after `unbind`.
    pub fn bind(&self, exchange: &str, queue: &str) {
        self.on_channel(async |channel| {
            let options = QueueBindOptions::default();
            channel
                .queue_bind(
                    queue.into(),
                    exchange.into(),
                    "#".into(),
                    options,
                    FieldTable::default(),
                )
                .await
        });
    }

    /// Removes the binding: from now on the exchange can route nothing to the queue.
    pub fn unbind(&self, exchange: &str, queue: &str) {
        self.on_channel(async |channel| {
            channel
                .queue_unbind(queue.into(), exchange.into(), "#".into(), FieldTable::default())
                .await
        });
    }

    /// How many messages wait in the queue. A quorum queue says 0 for a moment after a start, until
    /// it has elected its leader; `await_queue_len` is what a test wants then.
    pub fn queue_len(&self, queue: &str) -> u32 {
        self.on_channel(async |channel| {
            let passive = QueueDeclareOptions { passive: true, ..Default::default() };
            let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
            Ok(queue.message_count())
        })
    }

    /// Waits until that many messages wait in the queue, and fails after a minute.
    #[track_caller]
    pub fn await_queue_len(&self, queue: &str, expected: u32) {
        let mut seen = 0;
        let met = wait_until(QUEUE_TIMEOUT, || {
            seen = self.queue_len(queue);
            seen == expected
        });
        assert!(met, "{queue} holds {seen} messages, not {expected}");
    }

    /// Takes and acknowledges every message that waits in the queue, the oldest first.
    pub fn take_all(&self, queue: &str) -> Vec<Taken> {
        self.on_channel(async |channel| {
            let mut taken = Vec::new();
            let options = BasicGetOptions { no_ack: true };
            while let Some(message) = channel.basic_get(queue.into(), options).await? {
                taken.push(Taken {
                    routing_key: message.delivery.routing_key.to_string(),
                    redelivered: message.delivery.redelivered,
                    properties: message.delivery.properties,
                    body: message.delivery.data,
                });
            }
            Ok(taken)
        })
    }

    /// Runs `work` on a channel of its own, on a thread of its own, so that it may block in an
    /// async test as well.
    fn on_channel<T: Send>(
        &self,
        work: impl AsyncFnOnce(&Channel) -> lapin::Result<T> + Send,
    ) -> T {
        let call = async || {
            let properties = ConnectionProperties::default();
            let connection = Connection::connect(&self.url(), properties).await?;
            let channel = connection.create_channel().await?;
            let result = work(&channel).await;
            connection.close(200, "done".into()).await?;
            result
        };
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime needs only a few descriptors");
            runtime.block_on(async { tokio::time::timeout(CALL_TIMEOUT, call()).await })
        };
        let result =
            thread::scope(|scope| scope.spawn(run).join().expect("the call does not panic"));
        result.expect("a broker that is up answers").expect("the broker does what the test asks")
    }
}
