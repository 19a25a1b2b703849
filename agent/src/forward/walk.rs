//! The way to the broker, walked a step at a time: for whoever wants to know how far it goes, and why no
//! further. Nothing is declared, and no message lies in any queue afterwards.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::broker::{Link, look_at_queue};
use super::error::BrokerError;
use super::options::Access;
use super::queue_kind::QueueKind;

/// A connection that was let in: network, TLS, user and virtual host are as they should be.
pub(crate) struct Walk(Link);

/// What a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// It syncs before it confirms.
    Quorum,
    /// It may confirm what a power cut takes; what the broker said of it.
    Other(String),
    /// Nobody knows, and why.
    Unchecked(String),
}

impl Walk {
    /// Connects and logs in.
    pub(crate) async fn begin(access: &Access, turn: usize) -> Result<Walk, BrokerError> {
        in_time("connecting", Link::open(access, turn)).await.map(Walk)
    }

    /// Until when both certificates hold, with TLS.
    pub(crate) fn holds_until(&self) -> Option<Timestamp> {
        self.0.holds_until()
    }

    /// Whether the exchange is there.
    pub(crate) async fn exchange(&self, exchange: &str) -> Result<(), BrokerError> {
        in_time("looking for the exchange", self.0.has_exchange(exchange)).await
    }

    /// Whether records may be published to it under this key.
    pub(crate) async fn right(&self, exchange: &str, key: &str) -> Result<(), BrokerError> {
        in_time("asking for the right to write", self.0.may_publish(exchange, key)).await
    }

    /// What a queue is; one that is not there is not made.
    pub(crate) async fn queue(&self, queue: &str) -> Result<Queue, BrokerError> {
        Ok(match look_at_queue(&self.0, queue).await? {
            QueueKind::Quorum => Queue::Quorum,
            QueueKind::Other(why) => Queue::Other(why),
            QueueKind::Unchecked(why) => Queue::Unchecked(why),
        })
    }

    /// Says goodbye.
    pub(crate) async fn end(self) {
        self.0.close().await;
    }
}

async fn in_time<T>(
    doing: &'static str,
    step: impl Future<Output = Result<T, BrokerError>>,
) -> Result<T, BrokerError> {
    timeout(STEP_MAX, step).await.unwrap_or_else(|_| Err(BrokerError::silent(doing, STEP_MAX)))
}

/// A broker that is well answers each step at once.
const STEP_MAX: Duration = Duration::from_secs(5);
