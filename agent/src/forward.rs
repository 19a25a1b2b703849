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

mod alert;
mod arrival;
pub(crate) mod attempts;
pub mod backoff;
mod breaker;
pub mod broker;
pub(crate) mod certificate;
mod class;
pub mod error;
pub mod files;
pub mod options;
pub mod parcel;
mod poison;
mod queue_kind;
mod renewal;
mod scout;
mod shift;
mod socket;
pub mod state;
mod unanswered;
mod walk;
mod window;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use self::arrival::Arrival;
pub use self::error::{BrokerError, Confirm};
pub use self::files::FilesOptions;
pub use self::options::AmqpOptions;
pub use self::state::{ForwardState, ForwardStatus, Trouble, WORDS};
pub(crate) use self::walk::{Queue, Walk};

use self::backoff::Backoff;
use self::broker::Rabbit;
use self::class::Classes;
use self::parcel::Parcel;
use self::scout::Scout;
use self::shift::{Ended, Shift, Work};
use self::window::{Limits, Window};
use crate::envelope::{DeadLetter, Envelope};
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
    pub fn new(amqp: &AmqpOptions, agent: &str) -> Result<Options, BrokerError> {
        amqp.access.check()?;
        Ok(Options { agent: agent.to_owned(), amqp: amqp.clone() })
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
    let backoff = Backoff::new(amqp.retry_first, amqp.retry_longest);
    select! {
        ended = deliver(&outbox, rabbit, backoff, &amqp, &stop, &state) => ended,
        never = alert::watch(&state, amqp.alert_after) => match never {},
    }
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

    /// The highest number there is.
    fn last_seq(&self) -> u64;

    /// Whether a record may go past all that wait before it, when those are in hand that are said to be;
    /// `None` as long as that is not known.
    fn may_pass(&self, record: &Envelope, is_in_hand: &dyn Fn(u64) -> bool) -> Option<bool>;

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

    /// Keeps a record that will never be taken, for good, as a dead letter, and lets it leave.
    fn refuse(
        &self,
        seq: u64,
        letter: DeadLetter,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns when something may have been appended.
    fn appended(&self) -> impl Future<Output = ()> + Send;
}

/// Two lives: RabbitMQ in the hospital, and a script in the tests.
pub(crate) trait Broker {
    /// What a connection is.
    type Session: Session;

    /// Which broker, without credentials.
    fn peer(&self) -> String;

    /// The address in use is no good: the next try takes the next one, if there are several.
    fn move_on(&mut self);

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
    /// Nothing is wrong yet, and will be: a code and a sentence, or that it is over.
    Notice(&'static str, Option<String>),
    /// Until when the first certificate of this connection holds.
    CertificateUntil(jiff::Timestamp),
}

/// Connects, serves, and connects again.
async fn deliver<S: Source, B: Broker>(
    source: &S,
    mut broker: B,
    backoff: Backoff,
    options: &AmqpOptions,
    stop: &CancellationToken,
    state: &ForwardState,
) -> Result<(), StoreError> {
    let window = Window::new(limits(options));
    let mut work = Work { window, scout: Scout::default(), backoff };
    while !stop.is_cancelled() {
        state.turns(options.connect_timeout);
        let connected = select! {
            biased;
            () = stop.cancelled() => break,
            connected = connect(&mut broker, options.connect_timeout) => connected,
        };
        let error = match connected {
            Ok(session) => {
                tracing::info!(peer = broker.peer(), "connected to the broker");
                state.connected(&broker.peer());
                let confirmed_before = state.status().confirmed;
                let shift = Shift::new(source, &mut work, state, options, stop);
                let ended = shift.serve(session).await?;
                let of_use = state.status().confirmed > confirmed_before;
                match ended {
                    Ended::Stopped => break,
                    Ended::Found(error) => {
                        tracing::warn!(%error, "the broker objects to one record; going on without it");
                        work.window.reset(Instant::now());
                        state.disconnected();
                        continue;
                    }
                    Ended::Broken(error) => {
                        if !of_use {
                            broker.move_on();
                        }
                        error
                    }
                }
            }
            Err(error) => {
                broker.move_on();
                error
            }
        };
        for flight in work.window.flights() {
            state.attempts().unanswered(&flight.seqs, flight.sent, &error);
        }
        work.window.reset(Instant::now());
        state.disconnected();
        state.failed(&error);
        let delay = work.backoff.next_delay();
        state.turns(delay);
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

fn limits(options: &AmqpOptions) -> Limits {
    Limits {
        parcels_in_flight_max: options.window_messages_max.max(1),
        records_max: options.window_messages_max.max(1).saturating_mul(RECORDS_A_PARCEL),
        bytes_max: BYTES_IN_HAND_MAX,
        held_max: options.held_max,
        batch: options.batch,
        confirm_timeout: options.confirm_timeout,
        retry: (options.retry_first, options.retry_longest),
        breaker_after: options.breaker_after,
        classes: Classes::new(&options.first, &options.last),
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

    fn last_seq(&self) -> u64 {
        Outbox::last_seq(self)
    }

    fn may_pass(&self, record: &Envelope, is_in_hand: &dyn Fn(u64) -> bool) -> Option<bool> {
        Outbox::may_pass(self, record, is_in_hand)
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

    async fn refuse(&self, seq: u64, letter: DeadLetter) -> Result<(), StoreError> {
        Outbox::refuse(self, seq, letter).await
    }

    async fn appended(&self) {
        Outbox::appended(self).await;
    }
}

/// How long at most a record waits when the call about it was missed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often it turns at least, whatever it waits for.
const TURN: Duration = Duration::from_secs(15);
/// Records in hand for each parcel in flight: enough to fill parcels of several records, and to
/// find other lanes when some are waiting.
const RECORDS_A_PARCEL: usize = 8;
/// Bytes in hand; a large record passes even when it is larger.
const BYTES_IN_HAND_MAX: usize = 8 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]
mod tests;
