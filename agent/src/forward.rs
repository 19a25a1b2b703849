//! Carries records from the outbox to the platform, and settles each one when, and only when,
//! the other side has confirmed it.
//!
//! ```text
//!  outbox --oldest--> window --parcels--> broker        parcel::Parcel, one AMQP message
//!     ^                  |                  |
//!     +---- settle ------+<---- confirms ---+           Confirmed and not returned
//! ```
//!
//! What holds, whatever the network and the broker do:
//!
//! - a record is settled after its confirm, never before; returned, nacked and undecided records
//!   stay in the outbox, each refusal with a named reason in [`ForwardState`];
//! - after any doubt (a closed channel, a lost connection, an answer that fits nothing, silence
//!   past the time-out) the connection is dropped, and everything undecided goes again, oldest
//!   first. The same record keeps its `message_id`, so a receiver can drop the second copy;
//! - within a lane the first copies arrive in order (`window`);
//! - nothing here waits without an end: connecting, confirms, closing and the pauses between
//!   tries are bounded, and each wait ends at once when the daemon stops;
//! - no broker is needed to start: records wait on disk until there is one.
//!
//! [`broker`] is the only file in the house that names the AMQP library. Where there is no broker,
//! [`files`] writes the same records into a folder.

mod arrival;
pub mod backoff;
pub mod broker;
pub mod error;
pub mod files;
pub mod options;
pub mod parcel;
mod socket;
pub mod state;
mod unanswered;
mod window;

use std::future::{Future, pending};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use self::arrival::Arrival;
pub use self::error::{BrokerError, Confirm};
pub use self::files::FilesOptions;
pub use self::options::AmqpOptions;
pub use self::state::{ForwardState, ForwardStatus, Trouble};

use self::backoff::Backoff;
use self::broker::Rabbit;
use self::parcel::Parcel;
use self::window::{Flight, Limits, Window};
use crate::config::AmqpConfig;
use crate::envelope::Envelope;
use crate::outbox::{Outbox, StoreError};

/// To which broker records go, and as whose.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names this agent to the platform: `x-agent`.
    pub agent: String,
    /// The broker.
    pub amqp: AmqpOptions,
}

impl Options {
    /// What the configuration says, once its address is proved to be one.
    pub fn new(config: &AmqpConfig, agent: &str) -> Result<Options, BrokerError> {
        let mut amqp = AmqpOptions::new(vec![config.url.clone()]);
        amqp.access.check()?;
        amqp.exchange.clone_from(&config.exchange);
        amqp.declare = config.declare;
        amqp.queue.clone_from(&config.queue);
        amqp.window_messages_max = config.window;
        amqp.confirm_timeout = config.confirm_timeout;
        amqp.batch = config.batch;
        Ok(Options { agent: agent.to_owned(), amqp })
    }
}

/// Forwards until told to stop, or until the disk fails. An unreachable platform ends nothing.
pub async fn run(
    outbox: Outbox,
    options: Options,
    stop: CancellationToken,
    state: Arc<ForwardState>,
) -> Result<(), StoreError> {
    let Options { agent, amqp } = options;
    let rabbit = Rabbit::new(amqp.clone(), agent, outbox.epoch().to_owned());
    deliver(&outbox, rabbit, &amqp, &stop, &state).await
}

/// The same without a broker: into a folder.
pub async fn run_files(
    outbox: Outbox,
    options: FilesOptions,
    stop: CancellationToken,
    state: Arc<ForwardState>,
) -> Result<(), StoreError> {
    files::run(&outbox, outbox.epoch(), &options, &stop, &state).await
}

/// The outbox as seen from here. Two lives: the store on disk, and a list in the tests.
pub(crate) trait Source: Sync {
    /// Unsettled records after `after_seq`, in order; at least one if there is any.
    fn oldest(
        &self,
        after_seq: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Envelope>, StoreError>;

    /// Records that were settled before and are to go once more, at most so many. Whoever takes them
    /// has them from then on.
    fn take_again(&self, _records_max: usize) -> Vec<Envelope> {
        Vec::new()
    }

    /// One of these, read anew.
    fn once_more(&self, _seq: u64) -> Result<Option<Envelope>, StoreError> {
        Ok(None)
    }

    /// These records are safe elsewhere.
    fn settle(&self, seqs: &[u64]) -> Result<(), StoreError>;

    /// Returns when something may have been appended.
    fn appended(&self) -> impl Future<Output = ()> + Send;
}

/// Two lives: RabbitMQ in the hospital, and a script in the tests.
pub(crate) trait Broker {
    /// What a connection is.
    type Session: Session;

    /// Which broker, without credentials.
    fn peer(&self) -> String;

    /// One try; the caller bounds it.
    fn connect(&mut self) -> impl Future<Output = Result<Self::Session, BrokerError>> + Send;
}

/// A connection on which parcels can be sent. Dropping it ends it at once.
pub(crate) trait Session: Send {
    /// Hands a parcel over. It does not wait: what becomes of the parcel is heard later.
    fn publish(&mut self, parcel: &Parcel);

    /// What the broker says next. Nothing is lost when the future is dropped half-way.
    fn hear(&mut self) -> impl Future<Output = Result<Heard, BrokerError>> + Send;

    /// Says goodbye, within a bound.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What the broker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Its answers to parcels, named by their tickets.
    Answers(Vec<(u64, Confirm)>),
    /// It cannot take more for now, and says why.
    Blocked(String),
    /// It can again.
    Unblocked,
}

/// Connects, serves, and connects again.
async fn deliver<S: Source, B: Broker>(
    source: &S,
    mut broker: B,
    options: &AmqpOptions,
    stop: &CancellationToken,
    state: &ForwardState,
) -> Result<(), StoreError> {
    let mut window = Window::new(limits(options));
    let mut backoff = Backoff::new(options.retry_first, options.retry_longest);
    while !stop.is_cancelled() {
        let connected = select! {
            biased;
            () = stop.cancelled() => break,
            connected = connect(&mut broker, options.connect_timeout) => connected,
        };
        let error = match connected {
            Ok(session) => {
                tracing::info!(peer = broker.peer(), "connected to the broker");
                state.connected(&broker.peer());
                let shift = Shift::new(source, &mut window, &mut backoff, state, options, stop);
                match shift.serve(session).await? {
                    Ended::Stopped => break,
                    Ended::Broken(error) => error,
                }
            }
            Err(error) => error,
        };
        window.reset();
        state.disconnected();
        state.failed(&error);
        let delay = backoff.next_delay();
        tracing::warn!(code = error.code(), %error, retry_in_ms = delay.as_millis(), "not forwarding");
        select! {
            () = sleep(delay) => (),
            () = stop.cancelled() => break,
        }
    }
    state.disconnected();
    Ok(())
}

async fn connect<B: Broker>(broker: &mut B, limit: Duration) -> Result<B::Session, BrokerError> {
    match timeout(limit, broker.connect()).await {
        Ok(connected) => connected,
        Err(_) => Err(BrokerError::silent("connecting", limit)),
    }
}

/// One connection's worth of work.
struct Shift<'a, S> {
    source: &'a S,
    window: &'a mut Window,
    backoff: &'a mut Backoff,
    state: &'a ForwardState,
    options: &'a AmqpOptions,
    stop: &'a CancellationToken,
    // The outbox had nothing more when last asked.
    at_end: bool,
    blocked: bool,
    // When the daemon stops: until when answers are still awaited.
    leave_at: Option<Instant>,
}

enum Ended {
    Stopped,
    Broken(BrokerError),
}

enum Event {
    Heard(Result<Heard, BrokerError>),
    Silence,
    Appended,
    Due,
    Stop,
    Leave,
}

impl<'a, S: Source> Shift<'a, S> {
    fn new(
        source: &'a S,
        window: &'a mut Window,
        backoff: &'a mut Backoff,
        state: &'a ForwardState,
        options: &'a AmqpOptions,
        stop: &'a CancellationToken,
    ) -> Shift<'a, S> {
        let (at_end, blocked, leave_at) = (false, false, None);
        Shift { source, window, backoff, state, options, stop, at_end, blocked, leave_at }
    }

    async fn serve(mut self, mut session: impl Session) -> Result<Ended, StoreError> {
        loop {
            self.take_in()?;
            self.send_out(&mut session);
            self.state.load(self.window.in_flight(), self.window.held());
            self.state.taken(self.window.read_to());
            if self.leave_at.is_some() && self.window.in_flight() == 0 {
                session.close().await;
                return Ok(Ended::Stopped);
            }
            let event = self.wait(&mut session).await;
            if let ControlFlow::Break(ended) = self.react(event)? {
                return Ok(ended);
            }
        }
    }

    /// Reads on in the outbox while there is room, and re-reads refused records that are due.
    fn take_in(&mut self) -> Result<(), StoreError> {
        let now = Instant::now();
        for seq in self.window.due(now) {
            let found = self.source.oldest(seq.saturating_sub(1), 1, usize::MAX)?;
            match found.into_iter().next().filter(|it| it.seq == seq) {
                Some(envelope) => self.window.readmit(envelope),
                None => match self.source.once_more(seq)? {
                    Some(envelope) => self.window.readmit(envelope),
                    None => self.window.forget(seq, now),
                },
            }
        }
        if self.leave_at.is_none()
            && let Some((records, _)) = self.window.room()
        {
            // Before what is new, or a backlog would keep them waiting until its end.
            self.window.admit_again(self.source.take_again(records));
        }
        while !self.at_end && self.leave_at.is_none() {
            let Some((records, bytes)) = self.window.room() else { break };
            let found = self.source.oldest(self.window.read_to(), records, bytes)?;
            self.at_end = found.is_empty();
            self.window.admit(found);
        }
        Ok(())
    }

    fn send_out(&mut self, session: &mut impl Session) {
        if self.blocked || self.leave_at.is_some() {
            return;
        }
        let now = Instant::now();
        while let Some(parcel) = self.window.next_parcel(now) {
            session.publish(&parcel);
        }
    }

    async fn wait(&self, session: &mut impl Session) -> Event {
        // While the broker has asked us to wait, silence is what was agreed; a broker that dies
        // meanwhile shows by its missing heartbeats.
        let deadline = self.window.deadline().filter(|_| !self.blocked);
        let leaving = self.leave_at.is_some();
        select! {
            biased;
            heard = session.hear() => Event::Heard(heard),
            () = until(self.leave_at) => Event::Leave,
            () = self.stop.cancelled(), if !leaving => Event::Stop,
            () = until(deadline) => Event::Silence,
            () = until(self.window.next_due()), if !leaving => Event::Due,
            () = self.more(), if !leaving && self.at_end => Event::Appended,
        }
    }

    /// Returns when the outbox is worth another look.
    async fn more(&self) {
        // The time is a belt to the braces: a missed call costs a second, not the night.
        let _ = timeout(LOOK_AGAIN, self.source.appended()).await;
    }

    fn react(&mut self, event: Event) -> Result<ControlFlow<Ended>, StoreError> {
        match event {
            Event::Heard(Ok(heard)) => self.heed(heard)?,
            Event::Heard(Err(error)) => return Ok(ControlFlow::Break(self.broken(error))),
            Event::Silence => {
                let error =
                    BrokerError::silent("a publisher confirm", self.options.confirm_timeout);
                return Ok(ControlFlow::Break(self.broken(error)));
            }
            Event::Appended => self.at_end = false,
            Event::Due => (),
            Event::Stop => self.leave_at = Some(Instant::now() + self.options.drain_max),
            Event::Leave => return Ok(ControlFlow::Break(Ended::Stopped)),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn heed(&mut self, heard: Heard) -> Result<(), StoreError> {
        match heard {
            Heard::Answers(answers) => self.settle(answers),
            Heard::Blocked(reason) => {
                tracing::warn!(reason, "the broker takes nothing for now");
                self.blocked = true;
                self.state.blocked(Some(reason));
                Ok(())
            }
            Heard::Unblocked => {
                tracing::info!("the broker takes messages again");
                self.blocked = false;
                self.state.blocked(None);
                self.window.postpone_deadlines(Instant::now());
                Ok(())
            }
        }
    }

    fn settle(&mut self, answers: Vec<(u64, Confirm)>) -> Result<(), StoreError> {
        let now = Instant::now();
        let mut settled = Vec::new();
        for (ticket, answer) in answers {
            match answer {
                Confirm::Confirmed => {
                    if let Some(flight) = self.window.confirmed(ticket, now) {
                        self.confirmed(&flight);
                        settled.extend(flight.seqs);
                    }
                }
                Confirm::Returned { .. }
                | Confirm::Nacked
                | Confirm::Rejected { .. }
                | Confirm::NotRequested => {
                    self.refused(ticket, now, &answer);
                }
            }
        }
        // An answer of either kind shows that the road is open.
        self.backoff.reset();
        if settled.is_empty() { Ok(()) } else { self.source.settle(&settled) }
    }

    fn confirmed(&self, flight: &Flight) {
        self.state.confirmed(flight.seqs.len());
        let routing_key = &flight.routing_key;
        if flight.was_refused && self.state.accepted_again(routing_key) {
            tracing::info!(routing_key, "accepted again");
        }
    }

    fn refused(&mut self, ticket: u64, now: Instant, answer: &Confirm) {
        let refused = self.window.refused(ticket, now, |wait| self.backoff.disturbed(wait));
        if let Some(flight) = refused {
            let (routing_key, records) = (&flight.routing_key, flight.seqs.len());
            // Told once a key; the tries that follow would fill the log of a night.
            if self.state.refused(routing_key, records, answer) {
                let seq = flight.seqs.first();
                let code = answer.code();
                tracing::warn!(code, seq, routing_key, %answer, "not accepted; kept and tried again");
            }
        }
    }

    /// The connection is of no more use. When the broker objects to a single parcel, find it.
    fn broken(&mut self, error: BrokerError) -> Ended {
        if let BrokerError::ChannelClosed { reply_code, reply_text } = &error
            && error.may_be_one_parcel()
        {
            let (reply_code, reply_text) = (*reply_code, reply_text.clone());
            match self.window.lone_ticket() {
                Some(ticket) => {
                    let answer = Confirm::Rejected { reply_code, reply_text };
                    self.refused(ticket, Instant::now(), &answer);
                    // Found: the others need not wait for a longer and longer pause.
                    self.backoff.reset();
                }
                None => self.window.go_singly(),
            }
        }
        Ended::Broken(error)
    }
}

/// Sleeps until then; without a time, for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

fn limits(options: &AmqpOptions) -> Limits {
    Limits {
        parcels_in_flight_max: options.window_messages_max.max(1),
        records_max: options.window_messages_max.max(1).saturating_mul(RECORDS_A_PARCEL),
        bytes_max: BYTES_IN_HAND_MAX,
        held_max: HELD_MAX,
        batch: options.batch,
        confirm_timeout: options.confirm_timeout,
        retry: (options.retry_first, options.retry_longest),
    }
}

impl Source for Outbox {
    fn oldest(
        &self,
        after_seq: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Envelope>, StoreError> {
        Outbox::oldest(self, after_seq, records_max, bytes_max)
    }

    fn take_again(&self, records_max: usize) -> Vec<Envelope> {
        Outbox::take_again(self, records_max)
    }

    fn once_more(&self, seq: u64) -> Result<Option<Envelope>, StoreError> {
        Outbox::once_more(self, seq)
    }

    fn settle(&self, seqs: &[u64]) -> Result<(), StoreError> {
        Outbox::settle(self, seqs)
    }

    async fn appended(&self) {
        Outbox::appended(self).await;
    }
}

/// How long at most a record waits when the call about it was missed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Records in hand for each parcel in flight: enough to fill parcels of several records, and to
/// find other lanes when some are waiting.
const RECORDS_A_PARCEL: usize = 8;
/// Bytes in hand; a large record passes even when it is larger.
const BYTES_IN_HAND_MAX: usize = 8 << 20;
/// Records that may be held as refused before the forwarder stops taking more.
const HELD_MAX: usize = 4_096;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]
mod tests;
