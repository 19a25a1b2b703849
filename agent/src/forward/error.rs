//! What can stand between the outbox and the broker. All of it is tried again; none of it loses a
//! record, because a record leaves the outbox only after its confirm.
//!
//! Two kinds are kept apart. A [`BrokerError`] says that the connection is of no more use and
//! everything in flight is undecided. A [`Confirm`] is the broker's answer to one parcel, and the
//! connection goes on.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

/// The connection, or the way to it, is of no more use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BrokerError {
    /// Nothing answered, or TLS could not be agreed.
    #[error("the broker cannot be reached: {reason}")]
    Unreachable {
        /// What the network or TLS said.
        reason: String,
    },
    /// The broker answered, and turned us away: credentials, virtual host, connection limit.
    #[error("the broker refused the connection: {reply_code} {reply_text}")]
    Refused {
        /// AMQP reply code.
        reply_code: u16,
        /// AMQP reply text.
        reply_text: String,
    },
    /// The broker closed the channel: exchange missing (404), no right (403), too large (406).
    #[error("the broker closed the channel: {reply_code} {reply_text}")]
    ChannelClosed {
        /// AMQP reply code.
        reply_code: u16,
        /// AMQP reply text.
        reply_text: String,
    },
    /// The broker closed the connection: an operator did, or it is shutting down.
    #[error("the broker closed the connection: {reply_code} {reply_text}")]
    ConnectionClosed {
        /// AMQP reply code.
        reply_code: u16,
        /// AMQP reply text.
        reply_text: String,
    },
    /// The connection broke.
    #[error("the connection to the broker is lost: {reason}")]
    Lost {
        /// What the network said.
        reason: String,
    },
    /// Nothing was heard within the time allowed. What was sent may or may not have arrived.
    #[error("the broker was silent for {waited_ms} ms: {doing}")]
    Silent {
        /// What was waited for.
        doing: &'static str,
        /// How long.
        waited_ms: u64,
    },
    /// An answer that fits nothing we sent; from here on no answer on this connection is trusted.
    #[error("the broker's answers cannot be matched: {reason}")]
    Doubt {
        /// What did not fit.
        reason: String,
    },
    /// A certificate is not accepted or has expired: the broker's or ours.
    #[error("a TLS certificate is not accepted: {reason}")]
    Certificate {
        /// What TLS said.
        reason: String,
    },
    /// The address or the TLS material cannot be used as configured.
    #[error("the broker's address or TLS material is not usable: {reason}")]
    Unusable {
        /// What is wrong with it.
        reason: String,
    },
}

impl BrokerError {
    /// The stable code that manual, console and metrics use.
    pub fn code(&self) -> &'static str {
        match self {
            BrokerError::Unreachable { .. } => "F101",
            BrokerError::Refused { .. } => "F102",
            BrokerError::ChannelClosed { reply_code: NOT_FOUND, .. } => "F109",
            BrokerError::ChannelClosed { reply_code: ACCESS_REFUSED, .. } => "F110",
            BrokerError::ChannelClosed { .. } => "F103",
            BrokerError::ConnectionClosed { .. } => "F104",
            BrokerError::Lost { .. } => "F105",
            BrokerError::Silent { .. } => "F106",
            BrokerError::Doubt { .. } => "F107",
            BrokerError::Unusable { .. } => "F108",
            BrokerError::Certificate { .. } => "F111",
        }
    }

    /// True when a connection that comes about does not yet disprove it: it shows only on sending, or
    /// after a while. Whether there is the exchange is asked with each connection.
    pub(crate) fn outlives_connecting(code: &str) -> bool {
        matches!(code, "F103" | "F104" | "F105" | "F106" | "F107" | "F110")
    }

    pub(crate) fn silent(doing: &'static str, waited: Duration) -> BrokerError {
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        BrokerError::Silent { doing, waited_ms }
    }

    /// True when one parcel may be what the broker objects to, rather than the road as a whole.
    pub(crate) fn may_be_one_parcel(&self) -> bool {
        matches!(
            self,
            BrokerError::ChannelClosed { reply_code: CONTENT_TOO_LARGE | PRECONDITION_FAILED, .. }
        )
    }
}

/// The broker's answer to one parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirm {
    /// Stored by every queue it was routed to. The only answer that settles a record.
    Confirmed,
    /// No queue wanted it: acknowledged by the broker, and yet delivered nowhere.
    Returned {
        /// AMQP reply code, 312 for "no route".
        reply_code: u16,
        /// AMQP reply text.
        reply_text: String,
    },
    /// The broker could not or would not store it: a full queue that rejects, an internal error.
    Nacked,
    /// The broker closed the channel over it, and it was the only one in flight.
    Rejected {
        /// AMQP reply code, 406 or 311.
        reply_code: u16,
        /// AMQP reply text.
        reply_text: String,
    },
    /// Sent on a channel without confirms, so nothing is known. A fault of ours if it ever shows.
    NotRequested,
}

impl Confirm {
    /// The stable code; a confirmed parcel has none.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Confirm::Confirmed => None,
            Confirm::Returned { .. } => Some("F201"),
            Confirm::Nacked => Some("F202"),
            Confirm::Rejected { .. } => Some("F203"),
            Confirm::NotRequested => Some("F204"),
        }
    }
}

impl fmt::Display for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Confirm::Confirmed => f.write_str("confirmed"),
            Confirm::Returned { reply_code, reply_text } => {
                write!(f, "returned by the broker: {reply_code} {reply_text}")
            }
            Confirm::Nacked => f.write_str("the broker did not accept it (basic.nack)"),
            Confirm::Rejected { reply_code, reply_text } => {
                write!(f, "the broker closed the channel over it: {reply_code} {reply_text}")
            }
            Confirm::NotRequested => f.write_str("sent without publisher confirms"),
        }
    }
}

const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const CONTENT_TOO_LARGE: u16 = 311;
const PRECONDITION_FAILED: u16 = 406;
