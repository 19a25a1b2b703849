//! What became of each try to publish a record that did not go well at once.
//!
//! Nearly all records are confirmed on their first try, and of these the cursor tells when. The others
//! have a history: refused, returned, lost with a connection, confirmed at last. It is collected here
//! and written down by whoever keeps the journeys, so that the road does not wait for it. After a
//! crash the last second of it is missing; the records themselves are not.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::error::{BrokerError, Confirm};

/// Tries that are not written down yet.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Vec<Attempt>>);

/// One try to publish a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The records in it.
    pub(crate) seqs: Vec<u64>,
    /// What became of it.
    pub(crate) told: Told,
}

/// What is told of a try.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Told {
    /// When it was sent, in milliseconds of the Unix epoch.
    pub(crate) sent_ms: u64,
    /// When that was known.
    pub(crate) at_ms: u64,
    /// `confirmed`, `returned`, `nacked`, `refused` (the broker closed the channel) or `unknown`.
    pub(crate) outcome: String,
    /// The stable code of the reason.
    pub(crate) code: String,
    /// What the broker or the network said.
    pub(crate) reason: String,
}

impl Attempts {
    /// The broker has answered.
    pub(crate) fn answered(&self, seqs: &[u64], sent: Instant, answer: &Confirm) {
        let outcome = match answer {
            Confirm::Confirmed => "confirmed",
            Confirm::Returned { .. } => "returned",
            Confirm::Nacked => "nacked",
            Confirm::Rejected { .. } => "refused",
            Confirm::NotRequested => "unknown",
        };
        let reason = match answer {
            Confirm::Confirmed => String::new(),
            other => other.to_string(),
        };
        self.note(seqs, sent, outcome, answer.code().unwrap_or_default(), reason);
    }

    /// The connection ended before the broker answered: it may have the records or not.
    pub(crate) fn unanswered(&self, seqs: &[u64], sent: Instant, error: &BrokerError) {
        let outcome = match error {
            BrokerError::ChannelClosed { .. } => "refused",
            _ => "unknown",
        };
        self.note(seqs, sent, outcome, error.code(), error.to_string());
    }

    fn note(&self, seqs: &[u64], sent: Instant, outcome: &str, code: &str, mut reason: String) {
        let at_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        let took = u64::try_from(sent.elapsed().as_millis()).unwrap_or(0);
        reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
        let (outcome, code) = (outcome.to_owned(), code.to_owned());
        let told = Told { sent_ms: at_ms.saturating_sub(took), at_ms, outcome, code, reason };
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            waiting.push(Attempt { seqs: seqs.to_vec(), told });
        }
    }

    /// Takes what is to be written down.
    pub(crate) fn take(&self) -> Vec<Attempt> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const REASON_BYTES_MAX: usize = 200;
/// Parcels; they are taken every second, and a second has hardly a tenth of that.
const WAITING_MAX: usize = 20_000;
