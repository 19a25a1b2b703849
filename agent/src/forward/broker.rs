//! RabbitMQ, for sending and for receiving. The only room in the house that names lapin.
//!
//! Three traps of the library are dealt with here, so that nobody else has to know them:
//!
//! - **A returned message can come with the wrong confirm.** lapin keeps returned messages in one
//!   queue and hands the first of them to whichever confirm resolves next. With several parcels in
//!   flight, parcel 5 may be reported as "acknowledged" while its return rides on the confirm of
//!   parcel 3. `unanswered` puts them right.
//! - **It waits without an end** when the broker is blocked or frozen, and sometimes in `close`.
//!   Sending is therefore never awaited here, every request has a time-out, and a connection is
//!   ended by shutting its socket rather than by asking.
//! - **It logs the whole body of a returned message**, as a warning. [`LOG_FILTER`] silences that
//!   line; whoever sets up logging must apply it, since bodies hold patients' data.
//!
//! Its own recovery is left switched off: it gives up after some tries and cannot say what it
//! lost. Reconnecting is the business of [`super`].

mod answer;
#[cfg(test)]
pub(crate) mod described;

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{Stream, StreamExt, future};
use jiff::Timestamp;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::tcp::{AsyncTcpStream, OwnedIdentity, OwnedTLSConfig};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, ErrorKind, Event, ExchangeKind,
};
use tokio::select;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use self::answer::{reply, reply_to_one};
use super::arrival::Arrival;
pub(crate) use super::arrival::Letter;
use super::certificate::{holds_until, pem_holds_until};
use super::error::{BrokerError, Confirm};
use super::options::{APP_ID, Access, AmqpOptions};
use super::parcel::{JSON, Parcel};
use super::queue_kind::QueueKind;
use super::renewal::Renewal;
use super::socket::SocketEnd;
use super::unanswered::Unanswered;
use super::{Broker, Heard, Session};

/// A directive that every log set-up must carry: lapin would log the bodies of returned messages.
pub const LOG_FILTER: &str = "lapin::returned_messages=off";

impl Access {
    /// Says what is wrong with the addresses, before anything connects.
    pub fn check(&self) -> Result<(), BrokerError> {
        if self.urls.is_empty() {
            return Err(BrokerError::Unusable { reason: "no address is given".to_owned() });
        }
        (0..self.urls.len()).try_for_each(|turn| self.uri(turn).map(|_| ()))
    }

    /// Host and port of the address whose turn it is, without credentials.
    pub fn peer(&self, turn: usize) -> String {
        match self.uri(turn) {
            Ok(uri) => format!("{}:{}", uri.authority.host, uri.authority.port),
            Err(_) => "unusable address".to_owned(),
        }
    }

    /// What the address whose turn it is says, but for the password.
    pub(crate) fn place(&self, turn: usize) -> Option<Place> {
        let uri = self.uri(turn).ok()?;
        Some(Place {
            host: uri.authority.host,
            port: uri.authority.port,
            user: uri.authority.userinfo.username,
            vhost: uri.vhost,
            tls: uri.scheme == AMQPScheme::AMQPS,
        })
    }

    fn uri(&self, turn: usize) -> Result<AMQPUri, BrokerError> {
        let place = turn.checked_rem(self.urls.len()).unwrap_or_default();
        let url = self.urls.get(place).map_or("", String::as_str);
        // Neither the address nor what the parser says of it: both may hold a password.
        let mut uri: AMQPUri = url.parse().map_err(|_: String| BrokerError::Unusable {
            reason: format!(
                "address {} of {} does not read amqps://USER:PASSWORD@HOST:PORT/VHOST; what is special \
                 in a URL is written as %XX",
                place + 1,
                self.urls.len()
            ),
        })?;
        let heartbeat = u16::try_from(self.heartbeat.as_secs()).unwrap_or(u16::MAX);
        uri.query.heartbeat.get_or_insert(heartbeat);
        uri.query.frame_max.get_or_insert(FRAME_BYTES_MAX);
        if self.external {
            uri.query.auth_mechanism = Some(SASLMechanism::External);
        }
        Ok(uri)
    }

    fn tls(&self) -> OwnedTLSConfig {
        let identity = self.identity_pem.as_ref().map(|(pem, key)| OwnedIdentity::PKCS8 {
            pem: pem.clone().into_bytes(),
            key: key.clone().into_bytes(),
        });
        OwnedTLSConfig { identity, cert_chain: self.ca_pem.clone() }
    }
}

/// Where a broker is, and who we are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) vhost: String,
    pub(crate) tls: bool,
}

/// Connects to the brokers of a cluster in turn and sends as one agent.
#[derive(Debug)]
pub(crate) struct Rabbit {
    options: AmqpOptions,
    agent: String,
    epoch: String,
    turn: usize,
}

impl Rabbit {
    pub(crate) fn new(options: AmqpOptions, agent: String, epoch: String) -> Rabbit {
        Rabbit { options, agent, epoch, turn: 0 }
    }
}

impl Broker for Rabbit {
    type Session = Publisher;

    fn peer(&self) -> String {
        self.options.access.peer(self.turn)
    }

    fn move_on(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }

    async fn connect(&mut self) -> Result<Publisher, BrokerError> {
        let link = Link::open(&self.options.access, self.turn).await?;
        let kind = match (&self.options.expect_queue, self.options.declare) {
            (_, true) => declare(&link, &self.options).await?,
            (Some(queue), false) => look_at_queue(&link, queue).await?,
            (None, false) => QueueKind::unnamed(),
        };
        let exchange: ShortString = self.options.exchange.as_str().into();
        let channel = fresh_channel(&link.connection, exchange.clone()).await?;
        let events = Box::pin(link.connection.events_listener());
        let mut sayings = VecDeque::from(kind.heard());
        sayings.extend(link.holds_until.map(Heard::CertificateUntil));
        Ok(Publisher {
            link,
            channel,
            events,
            sayings,
            pulse: pulse(),
            renewal: Renewal::new(self.options.recheck),
            exchange,
            agent: self.agent.clone(),
            epoch: self.epoch.clone(),
            unanswered: Unanswered::default(),
        })
    }
}

/// A channel in confirm mode. That the exchange is there is asked each time; the right to write to
/// it is looked up by the broker once a channel, with the first message.
async fn fresh_channel(
    connection: &Connection,
    exchange: ShortString,
) -> Result<Channel, BrokerError> {
    let channel = connection.create_channel().await?;
    let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
    channel.exchange_declare(exchange, ExchangeKind::Topic, passive, FieldTable::default()).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

/// Declares what is wanted. Gives what the queue turned out to be.
async fn declare(link: &Link, options: &AmqpOptions) -> Result<QueueKind, BrokerError> {
    let channel = link.channel().await?;
    let exchange = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let (name, queue): (ShortString, ShortString) =
        (options.exchange.as_str().into(), options.queue.as_str().into());
    let none = FieldTable::default;
    channel.exchange_declare(name.clone(), ExchangeKind::Topic, exchange, none()).await?;
    let declared = declare_quorum(&channel, queue.clone()).await;
    // The queue is there and is another kind: the broker closes the channel and says so.
    let refused = declared.clone();
    let (channel, kind) = match QueueKind::of(&options.queue, declared)? {
        QueueKind::Unchecked(_) => return Err(refused.err().unwrap_or_else(|| ended("no queue"))),
        QueueKind::Quorum => (channel, QueueKind::Quorum),
        other @ QueueKind::Other(_) => (link.channel().await?, other),
    };
    channel.queue_bind(queue, name, "#".into(), QueueBindOptions::default(), none()).await?;
    Ok(kind)
}

/// What a queue of the platform is. Looked for first, since declaring it would make a missing one. One
/// that does not answer is no reason not to send.
pub(super) async fn look_at_queue(link: &Link, queue: &str) -> Result<QueueKind, BrokerError> {
    let looking = async {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let channel = link.channel().await?;
        channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
        declare_quorum(&channel, queue.into()).await
    };
    match timeout(LOOK_MAX, looking).await {
        Ok(looked) => QueueKind::of(queue, looked),
        Err(_) => Ok(QueueKind::Unchecked(format!("queue {queue} did not answer"))),
    }
}

async fn declare_quorum(channel: &Channel, queue: ShortString) -> Result<(), BrokerError> {
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    timeout(QUEUE_MAX, channel.queue_declare(queue, durable, quorum()))
        .await
        .map_err(|_| BrokerError::silent("the queue has no leader, it seems", QUEUE_MAX))??;
    Ok(())
}

/// Quorum queues sync before they confirm; a classic queue may confirm what a power cut takes.
fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments
}

/// A connection with a channel in confirm mode.
pub(crate) struct Publisher {
    link: Link,
    channel: Channel,
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    // What is to be said before anything is heard.
    sayings: VecDeque<Heard>,
    pulse: Interval,
    renewal: Renewal<Channel>,
    exchange: ShortString,
    agent: String,
    epoch: String,
    unanswered: Unanswered,
}

impl Session for Publisher {
    fn publish(&mut self, parcel: &Parcel) {
        let channel = self.channel.clone();
        let exchange = self.exchange.clone();
        let routing_key: ShortString = parcel.routing_key.as_str().into();
        let properties = properties(parcel, &self.agent, &self.epoch);
        let body = parcel.body.clone();
        let reply = async move {
            let mandatory = BasicPublishOptions { mandatory: true, immediate: false };
            let sent = channel.basic_publish(exchange, routing_key, mandatory, &body, properties);
            let confirm = sent.await?;
            reply(confirm.await)
        };
        self.renewal.sent();
        self.unanswered.push(parcel.ticket(), parcel.message_id.clone(), Box::pin(reply));
    }

    async fn hear(&mut self) -> Result<Heard, BrokerError> {
        future::poll_fn(|cx| self.poll_heard(cx)).await
    }

    async fn close(self) {
        let _ = timeout(GOODBYE_MAX, self.channel.close(REPLY_SUCCESS, "bye".into())).await;
        self.link.close().await;
    }
}

impl Publisher {
    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Result<Heard, BrokerError>> {
        if let Some(saying) = self.sayings.pop_front() {
            return Poll::Ready(Ok(saying));
        }
        // Answers first: what was confirmed before a connection broke is confirmed.
        if let Poll::Ready(answers) = self.unanswered.poll(cx) {
            if let Ok(answers) = &answers {
                self.renewal.answered(answers.len());
            }
            return Poll::Ready(answers.map(Heard::Answers));
        }
        while let Poll::Ready(Some(event)) = self.events.as_mut().poll_next(cx) {
            match event {
                Event::ConnectionBlocked(reason) => {
                    self.renewal.hold(true);
                    return Poll::Ready(Ok(Heard::Blocked(reason)));
                }
                Event::ConnectionUnblocked => {
                    self.renewal.hold(false);
                    return Poll::Ready(Ok(Heard::Unblocked));
                }
                Event::Error(error) => return Poll::Ready(Err(error.into())),
                _ => (),
            }
        }
        let open = || {
            let (connection, exchange) = (self.link.connection.clone(), self.exchange.clone());
            async move { fresh_channel(&connection, exchange).await }
        };
        if let Poll::Ready(renewed) = self.renewal.poll(cx, open) {
            match renewed {
                Ok(fresh) => self.renewal.retire(std::mem::replace(&mut self.channel, fresh)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        // Some ends of a connection make no event, so its state is looked at now and then.
        while self.pulse.poll_tick(cx).is_ready() {
            if let Some(error) = self.link.expired(Timestamp::now()) {
                return Poll::Ready(Err(error));
            }
            if self.unanswered.is_empty() && !self.channel.status().connected() {
                let reason = "the channel is closed".to_owned();
                return Poll::Ready(Err(BrokerError::Lost { reason }));
            }
        }
        Poll::Pending
    }
}

fn properties(parcel: &Parcel, agent: &str, epoch: &str) -> BasicProperties {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(parcel.message_id.as_str().into())
        .with_content_type(parcel.content_type.into())
        .with_type(parcel.entity.as_str().into())
        .with_app_id(APP_ID.into())
        .with_timestamp(now)
        .with_headers(headers(parcel, agent, epoch))
}

fn of_letter(letter: &Letter) -> BasicProperties {
    let mut properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(letter.id.as_str().into())
        .with_content_type(JSON.into())
        .with_type(letter.kind.into())
        .with_app_id(APP_ID.into());
    if !letter.reply_to.is_empty() {
        properties = properties.with_reply_to(letter.reply_to.as_str().into());
    }
    if !letter.correlation.is_empty() {
        properties = properties.with_correlation_id(letter.correlation.as_str().into());
    }
    properties
}

fn headers(parcel: &Parcel, agent: &str, epoch: &str) -> FieldTable {
    let mut headers = FieldTable::default();
    let mut text = |name: &str, value: &str| {
        headers.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
    };
    text("x-org", &parcel.org);
    text("x-agent", agent);
    text("x-epoch", epoch);
    text("x-schema", &parcel.schema);
    if let Some(single) = &parcel.single {
        text("x-lane", &single.lane);
        text("x-key", &single.key);
        text("x-digest", &single.digest);
    }
    let mut number = |name: &str, value: u64| {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        headers.insert(name.into(), AMQPValue::LongLongInt(value));
    };
    number("x-seq", parcel.ticket());
    if let Some(single) = &parcel.single {
        number("x-revision", single.revision.into());
    } else {
        number("x-first-seq", parcel.ticket());
        number("x-count", parcel.seqs.len() as u64);
    }
    headers
}

/// A connection. Dropping it ends it at once, without asking the broker.
pub(super) struct Link {
    connection: Arc<Connection>,
    /// Until when both certificates hold, with TLS.
    holds_until: Option<Timestamp>,
    _socket: SocketEnd,
}

impl Link {
    pub(super) async fn open(access: &Access, turn: usize) -> Result<Link, BrokerError> {
        let uri = access.uri(turn)?;
        let tls = access.tls();
        let socket = SocketEnd::default();
        let slot = socket.slot();
        let seen = Arc::new(OnceLock::new());
        let of_the_broker = Arc::clone(&seen);
        let server_name = access.server_name.clone();
        let name = access.connection_name.as_str().into();
        let properties = ConnectionProperties::default().with_connection_name(name);
        let runtime = lapin::runtime::default_runtime()?;
        let connection = Connection::connector(
            uri,
            runtime,
            // Runs on a thread of lapin's own, and goes on when nobody waits for it any more.
            async move |uri, runtime| {
                let (host, port) = (uri.authority.host.clone(), uri.authority.port);
                let connecting = async {
                    let addresses = runtime.to_socket_addrs((host.clone(), port));
                    let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                    if let AsyncTcpStream::Plain(plain) = &stream {
                        slot.hold(plain.get_ref())?;
                    }
                    match uri.scheme {
                        AMQPScheme::AMQP => Ok::<_, io::Error>(stream),
                        AMQPScheme::AMQPS => {
                            let name = server_name.as_deref().unwrap_or(&host);
                            let stream = stream.into_tls(name, tls.as_ref()).await?;
                            if let AsyncTcpStream::Rustls(tls) = &stream {
                                let shown = tls.get_ref().1.peer_certificates();
                                let until = shown.and_then(|it| holds_until(it.first()?));
                                let _ = of_the_broker.set(until);
                            }
                            Ok(stream)
                        }
                    }
                };
                let late = || io::Error::from(io::ErrorKind::TimedOut);
                Ok(timeout(OPEN_SOCKET_MAX, connecting).await.map_err(|_| late())??)
            },
            properties,
        );
        let connection = Arc::new(connection.await.map_err(|error| refusal(&error))?);
        let theirs = seen.get().copied().flatten();
        let ours = access.identity_pem.as_ref().filter(|_| theirs.is_some());
        let ours = ours.and_then(|(pem, _)| pem_holds_until(pem));
        // Whoever lets us in with a certificate that is over does not mind: no reason to leave. Theirs
        // was judged to the second.
        let ours = ours.filter(|until| *until > Timestamp::now());
        let holds_until = theirs.into_iter().chain(ours).min();
        Ok(Link { connection, holds_until, _socket: socket })
    }

    async fn channel(&self) -> Result<Channel, BrokerError> {
        self.connection.create_channel().await.map_err(BrokerError::from)
    }

    pub(super) fn holds_until(&self) -> Option<Timestamp> {
        self.holds_until
    }

    pub(super) async fn has_exchange(&self, exchange: &str) -> Result<(), BrokerError> {
        fresh_channel(&self.connection, exchange.into()).await.map(drop)
    }

    /// Asks by a message that is refused whatever the rights are, since its expiration is no number and
    /// its user another: the right is looked at first, and nothing is ever delivered.
    pub(super) async fn may_publish(&self, exchange: &str, key: &str) -> Result<(), BrokerError> {
        let channel = fresh_channel(&self.connection, exchange.into()).await?;
        let unfit = BasicProperties::default()
            .with_expiration("never".into())
            .with_user_id("nobody of this name".into());
        let options = BasicPublishOptions::default();
        let sent = channel.basic_publish(exchange.into(), key.into(), options, &[], unfit).await?;
        match sent.await.map_err(BrokerError::from) {
            Err(BrokerError::ChannelClosed { reply_code: UNFIT, .. }) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// An open connection outlives its certificate, the next one does not: better told today.
    fn expired(&self, now: Timestamp) -> Option<BrokerError> {
        let until = self.holds_until.filter(|until| *until < now)?;
        Some(BrokerError::Certificate { reason: format!("it has expired at {until}") })
    }

    pub(super) async fn close(self) {
        // It may never answer; the socket is shut afterwards in any case.
        let _ = timeout(GOODBYE_MAX, self.connection.close(REPLY_SUCCESS, "bye".into())).await;
    }
}

/// Receives from one queue, for the platform's side.
pub(crate) struct Consumer {
    link: Link,
    channel: Channel,
    deliveries: lapin::Consumer,
    pulse: Interval,
}

impl Consumer {
    /// Starts to receive; at most `prefetch` messages come before the first is acknowledged.
    pub(crate) async fn open(
        access: &Access,
        turn: usize,
        queue: &str,
        prefetch: u16,
    ) -> Result<Consumer, BrokerError> {
        let link = Link::open(access, turn).await?;
        let channel = link.channel().await?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let (tag, none) = (APP_ID.into(), FieldTable::default());
        let options = BasicConsumeOptions::default();
        let consuming = channel.basic_consume(queue.into(), tag, options, none);
        // A quorum queue whose leader is gone keeps who asks for it waiting without a word.
        let deliveries = timeout(QUEUE_MAX, consuming)
            .await
            .map_err(|_| BrokerError::silent("the queue has no leader, it seems", QUEUE_MAX))??;
        Ok(Consumer { link, channel, deliveries, pulse: pulse() })
    }

    /// The next message. Nothing is lost when the future is dropped half-way.
    pub(crate) async fn next(&mut self) -> Result<Arrival, BrokerError> {
        loop {
            select! {
                biased;
                delivery = self.deliveries.next() => match delivery {
                    Some(Ok(delivery)) => return Ok(arrival(delivery)),
                    Some(Err(error)) => return Err(error.into()),
                    None => return Err(ended("the broker cancelled the consumer")),
                },
                _ = self.pulse.tick() => if !self.channel.status().connected() {
                    return Err(ended("the channel is closed"));
                },
            }
        }
    }

    /// Acknowledges this delivery and all before it.
    pub(crate) async fn acknowledge_through(&self, tag: u64) -> Result<(), BrokerError> {
        let acknowledge = self.channel.basic_ack(tag, BasicAckOptions { multiple: true });
        match timeout(GOODBYE_MAX, acknowledge).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(BrokerError::silent("acknowledging", GOODBYE_MAX)),
        }
    }

    /// Acknowledges this delivery alone.
    pub(crate) async fn acknowledge(&self, tag: u64) -> Result<(), BrokerError> {
        let acknowledge = self.channel.basic_ack(tag, BasicAckOptions::default());
        match timeout(GOODBYE_MAX, acknowledge).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(BrokerError::silent("acknowledging", GOODBYE_MAX)),
        }
    }

    /// Declares a queue like those the platform has.
    pub(crate) async fn declare(
        access: &Access,
        turn: usize,
        queue: &str,
    ) -> Result<(), BrokerError> {
        let link = Link::open(access, turn).await?;
        let channel = link.channel().await?;
        declare_quorum(&channel, queue.into()).await?;
        link.close().await;
        Ok(())
    }

    /// Sends a letter; it lies in a queue when this returns. One at a time, so that a return can only
    /// be its own.
    pub(crate) async fn send(&self, letter: &Letter) -> Result<(), BrokerError> {
        match timeout(LETTER_MAX, self.hand_over(letter)).await {
            Ok(Ok(Confirm::Confirmed)) => Ok(()),
            Ok(Ok(refused)) => {
                let reason = format!("`{}`: {refused}", letter.routing_key);
                Err(BrokerError::Lost { reason })
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(BrokerError::silent("a publisher confirm", LETTER_MAX)),
        }
    }

    async fn hand_over(&self, letter: &Letter) -> Result<Confirm, BrokerError> {
        self.channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let properties = of_letter(letter);
        let mandatory = BasicPublishOptions { mandatory: true, immediate: false };
        let (exchange, routing_key) =
            (letter.exchange.as_str().into(), letter.routing_key.as_str().into());
        let sent =
            self.channel.basic_publish(exchange, routing_key, mandatory, &letter.body, properties);
        let confirm = sent.await?;
        reply_to_one(confirm.await)
    }

    /// Says goodbye, within a bound.
    pub(crate) async fn close(self) {
        let _ = timeout(GOODBYE_MAX, self.channel.close(REPLY_SUCCESS, "bye".into())).await;
        self.link.close().await;
    }
}

fn arrival(delivery: Delivery) -> Arrival {
    let headers = delivery.properties.headers().as_ref();
    let header = |name: &str| headers.and_then(|it| it.inner().get(name));
    let text = |name: &str| match header(name) {
        Some(AMQPValue::LongString(text)) => String::from_utf8(text.as_bytes().to_vec()).ok(),
        Some(AMQPValue::ShortString(text)) => Some(text.to_string()),
        _ => None,
    };
    let number = |name: &str| match header(name)? {
        AMQPValue::LongLongInt(number) => u64::try_from(*number).ok(),
        AMQPValue::LongInt(number) => u64::try_from(*number).ok(),
        AMQPValue::LongUInt(number) => Some(u64::from(*number)),
        _ => None,
    };
    let property =
        |it: &Option<ShortString>| it.as_ref().map_or_else(String::new, ToString::to_string);
    Arrival {
        tag: delivery.delivery_tag,
        message_id: property(delivery.properties.message_id()),
        content_type: property(delivery.properties.content_type()),
        org: text("x-org").unwrap_or_default(),
        agent: text("x-agent").unwrap_or_default(),
        epoch: text("x-epoch").unwrap_or_default(),
        seq: number("x-seq"),
        count: number("x-count"),
        redelivered: delivery.redelivered,
        kind: property(delivery.properties.kind()),
        reply_to: property(delivery.properties.reply_to()),
        correlation: property(delivery.properties.correlation_id()),
        body: delivery.data,
    }
}

/// Why a connection did not come about.
fn refusal(error: &lapin::Error) -> BrokerError {
    match error.kind() {
        ErrorKind::ProtocolError(said) => BrokerError::Refused {
            reply_code: said.get_id(),
            reply_text: said.get_message().to_string(),
        },
        _ => unreachable(error.to_string()),
    }
}

/// TLS says what is wrong in words only, and what is wrong with a certificate in many.
fn unreachable(reason: String) -> BrokerError {
    if reason.to_lowercase().contains("certificate") {
        BrokerError::Certificate { reason }
    } else {
        BrokerError::Unreachable { reason }
    }
}

fn ended(reason: &str) -> BrokerError {
    BrokerError::Lost { reason: reason.to_owned() }
}

fn pulse() -> Interval {
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pulse
}

const PERSISTENT: u8 = 2;
const REPLY_SUCCESS: u16 = 200;
/// PRECONDITION_FAILED: the properties of a message contradict what the broker knows.
const UNFIT: u16 = 406;
/// lapin keeps 64 frames' worth of buffers for each connection; its default would be 8 MiB.
const FRAME_BYTES_MAX: u32 = 32 << 10;
/// Name resolution, TCP and TLS together.
const OPEN_SOCKET_MAX: Duration = Duration::from_secs(10);
/// How long a letter may take to the queue.
const LETTER_MAX: Duration = Duration::from_secs(30);
/// A queue that answers at all answers at once; a bound below that of connecting, so that it is told
/// which of the two it was.
const QUEUE_MAX: Duration = Duration::from_secs(10);
/// How long a look at the platform's queue may take.
const LOOK_MAX: Duration = Duration::from_secs(4);
/// How long a closing word may take.
const GOODBYE_MAX: Duration = Duration::from_secs(2);
/// How often the state of an idle connection is looked at.
const PULSE: Duration = Duration::from_secs(1);
