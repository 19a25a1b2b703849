//! What health, metrics and the console may know about forwarding.
//!
//! Written by the forwarder, read by anybody; a reader gets a [`ForwardStatus`], a copy in which
//! all figures belong together. Nothing in here comes out of a record.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::error::{BrokerError, Confirm};

/// The forwarder's own account of itself, shared with whoever asks.
#[derive(Debug, Default)]
pub struct ForwardState(Mutex<ForwardStatus>);

/// A copy of the account at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ForwardStatus {
    /// True while records can leave: the broker answers, or the folder of the files sink does.
    pub connected: bool,
    /// Which broker or folder, without credentials.
    pub peer: String,
    /// Why the broker has asked us to hold back, while it does: low on memory or on disk.
    pub blocked: Option<String>,
    /// The last thing that went wrong. It stays after recovery, so that a night's trouble shows.
    pub last_error: Option<Trouble>,
    /// When a record was last confirmed.
    #[serde(serialize_with = "at_text_if_any")]
    pub last_confirm: Option<Timestamp>,
    /// Records confirmed since start.
    pub confirmed: u64,
    /// Answers "not accepted" since start, counted by records.
    pub nacked: u64,
    /// Records returned as unroutable since start; a record may be returned many times.
    pub returned: u64,
    /// Connections made since start, less the first.
    pub reconnects: u64,
    /// Records sent and not yet answered.
    pub in_flight: u64,
    /// Records refused and waiting for their next try; they are safe in the outbox.
    pub held: u64,
    /// Why records are held, by routing key; at most [`REASONS_MAX`] keys.
    pub held_reasons: BTreeMap<String, Trouble>,
    #[serde(skip)]
    connections: u64,
    /// The last record that was taken out of the outbox to be sent.
    #[serde(skip)]
    read_to: u64,
}

/// Something that went wrong: a stable code, a sentence, a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// Stable code, see the manual.
    pub code: &'static str,
    /// What happened, in words, without anything from a record.
    pub reason: String,
    /// When.
    #[serde(serialize_with = "at_text")]
    pub at: Timestamp,
}

impl ForwardState {
    /// A copy of everything at this moment.
    pub fn status(&self) -> ForwardStatus {
        self.account().clone()
    }

    pub(crate) fn connected(&self, peer: &str) {
        let mut account = self.account();
        peer.clone_into(&mut account.peer);
        account.connected = true;
        account.blocked = None;
        account.connections += 1;
        account.reconnects = account.connections - 1;
    }

    pub(crate) fn disconnected(&self) {
        let mut account = self.account();
        account.connected = false;
        account.blocked = None;
        account.in_flight = 0;
    }

    pub(crate) fn blocked(&self, reason: Option<String>) {
        self.account().blocked = reason;
    }

    pub(crate) fn failed(&self, error: &BrokerError) {
        self.trouble(error.code(), error.to_string());
    }

    pub(crate) fn trouble(&self, code: &'static str, reason: String) {
        self.account().last_error = Some(Trouble { code, reason, at: Timestamp::now() });
    }

    pub(crate) fn confirmed(&self, records: usize) {
        let mut account = self.account();
        account.confirmed += records as u64;
        account.last_confirm = Some(Timestamp::now());
    }

    /// A record that had been refused was accepted. True when the key had a reason until now.
    pub(crate) fn accepted_again(&self, routing_key: &str) -> bool {
        self.account().held_reasons.remove(routing_key).is_some()
    }

    /// Counts a refusal. True when the routing key had no such reason until now.
    pub(crate) fn refused(&self, routing_key: &str, records: usize, confirm: &Confirm) -> bool {
        let Some(code) = confirm.code() else { return false };
        let reason = format!("{confirm} (routing key {routing_key})");
        let trouble = Trouble { code, reason, at: Timestamp::now() };
        let mut account = self.account();
        match confirm {
            Confirm::Returned { .. } => account.returned += records as u64,
            Confirm::Confirmed
            | Confirm::Nacked
            | Confirm::Rejected { .. }
            | Confirm::NotRequested => {
                account.nacked += records as u64;
            }
        }
        account.last_error = Some(trouble.clone());
        let known = account.held_reasons.get(routing_key).map(|it| it.code);
        if known.is_some() || account.held_reasons.len() < REASONS_MAX {
            account.held_reasons.insert(routing_key.to_owned(), trouble);
        }
        known != Some(code)
    }

    /// Records up to this number are in the forwarder's hands, or were.
    pub(crate) fn taken(&self, read_to: u64) {
        self.account().read_to = read_to;
    }

    /// The last record that was taken out of the outbox to be sent.
    pub fn read_to(&self) -> u64 {
        self.account().read_to
    }

    pub(crate) fn load(&self, in_flight: usize, held: usize) {
        let mut account = self.account();
        account.in_flight = in_flight as u64;
        account.held = held as u64;
    }

    fn account(&self) -> MutexGuard<'_, ForwardStatus> {
        // A panic elsewhere must not blind the health page: the account is plain figures.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

#[allow(clippy::ref_option)] // serde hands the field over like this
fn at_text_if_any<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(|it| it.to_string()).serialize(serializer)
}

/// How many routing keys are named in [`ForwardStatus::held_reasons`].
pub const REASONS_MAX: usize = 64;
