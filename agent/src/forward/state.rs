//! What health, metrics and the console may know about forwarding.
//!
//! Written by the forwarder, read by anybody; a reader gets a [`ForwardStatus`], a copy in which
//! all figures belong together. Nothing in here comes out of a record.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tokio::time::Instant;

use super::attempts::Attempts;
use super::certificate::{TOLD_BEFORE_DAYS, days_left};
use super::error::{BrokerError, Confirm};

/// The forwarder's own account of itself, shared with whoever asks.
#[derive(Debug, Default)]
pub struct ForwardState {
    account: Mutex<ForwardStatus>,
    attempts: Attempts,
}

/// A copy of the account at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ForwardStatus {
    /// True while records can leave: the broker answers, or the folder of the files sink does.
    pub connected: bool,
    /// Which broker or folder, without credentials.
    pub peer: String,
    /// Why the broker has asked us to hold back, while it does: low on memory or on disk.
    pub blocked: Option<String>,
    /// What keeps every record from leaving, while it does.
    pub trouble: Option<Trouble>,
    /// What a connection that comes about does not disprove: it stays until an answer does, or quiet.
    #[serde(skip)]
    unproved: Option<Trouble>,
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
    /// Records over which the broker closed the channel since start.
    pub rejected: u64,
    /// Records that became dead letters because the platform can never take them, since start.
    pub set_aside: u64,
    /// Connections made since start, less the first.
    pub reconnects: u64,
    /// Records sent and not yet answered.
    pub in_flight: u64,
    /// Records refused and waiting for their next try; they are safe in the outbox.
    pub held: u64,
    /// Why records are held, by routing key; at most [`REASONS_MAX`] keys.
    pub held_reasons: BTreeMap<String, Trouble>,
    /// What is not wrong yet and will be, by code: a certificate that expires soon.
    pub notices: BTreeMap<&'static str, String>,
    /// Until when the first certificate of the connection holds, the broker's or ours.
    #[serde(serialize_with = "at_text_if_any")]
    pub certificate_until: Option<Timestamp>,
    #[serde(skip)]
    connections: u64,
    /// The last record that was taken out of the outbox to be sent.
    #[serde(skip)]
    read_to: u64,
    /// When the forwarder will have turned again, if it still moves.
    #[serde(skip)]
    due: Option<Instant>,
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
    // How long it lasts is measured by a clock that nobody sets.
    #[serde(skip)]
    since: Instant,
}

impl Trouble {
    fn new(code: &'static str, reason: String) -> Trouble {
        Trouble { code, reason, at: Timestamp::now(), since: Instant::now() }
    }

    /// The same trouble told anew has lasted since it was first told.
    fn following(self, before: Option<&Trouble>) -> Trouble {
        match before {
            Some(before) => Trouble { at: before.at, since: before.since, ..self },
            None => self,
        }
    }
}

impl ForwardStatus {
    /// The state in one word, for people and metrics.
    pub fn word(&self) -> &'static str {
        match (&self.trouble, self.held_reasons.values().next()) {
            (Some(trouble), _) => word(trouble.code),
            (None, _) if !self.connected => "starting",
            (None, Some(held)) => word(held.code),
            (None, None) => "open",
        }
    }

    /// What has lasted at least so long: the trouble of all, then those of single routing keys. That a key
    /// is not answered says no more than that nothing is, where that is so.
    pub fn lasting(&self, at_least: Duration) -> Vec<&Trouble> {
        let lasts = |it: &&Trouble| it.since.elapsed() >= at_least;
        let all = self.trouble.iter().filter(lasts);
        let is_said = all.clone().next().is_some();
        let keys = self.held_reasons.values().filter(lasts);
        all.chain(keys.filter(|it| !is_said || it.code != SILENT)).collect()
    }
}

impl ForwardStatus {
    fn is_open(&mut self) {
        (self.trouble, self.unproved) = (None, None);
    }

    /// Names why records of a key wait. True when the key had no such reason until now.
    fn hold(&mut self, routing_key: &str, trouble: Trouble) -> bool {
        let known = self.held_reasons.get(routing_key);
        let news = known.map(|it| it.code) != Some(trouble.code);
        let trouble = trouble.following(known);
        if known.is_some() || self.held_reasons.len() < REASONS_MAX {
            self.held_reasons.insert(routing_key.to_owned(), trouble);
        }
        news
    }
}

impl ForwardState {
    /// What became of publishing where it did not go well at once.
    pub(crate) fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// A copy of everything at this moment.
    pub fn status(&self) -> ForwardStatus {
        self.account().clone()
    }

    pub(crate) fn connected(&self, peer: &str) {
        let account = &mut *self.account();
        peer.clone_into(&mut account.peer);
        account.connected = true;
        account.blocked = None;
        account.connections += 1;
        account.reconnects = account.connections - 1;
        // A missing right shows only when something is sent, and a broker that takes and never confirms
        // can be connected to all night: a connection does not disprove what came before it.
        account.trouble.clone_from(&account.unproved);
    }

    pub(crate) fn disconnected(&self) {
        let mut account = self.account();
        account.connected = false;
        account.blocked = None;
        account.in_flight = 0;
    }

    pub(crate) fn blocked(&self, reason: Option<String>) {
        let mut account = self.account();
        let trouble = reason
            .as_ref()
            .map(|it| Trouble::new(BLOCKED, format!("the broker has asked us to wait: {it}")))
            .map(|it| it.following(account.trouble.as_ref()));
        account.blocked = reason;
        account.last_error = trouble.clone().or(account.last_error.take());
        account.trouble = trouble.or(account.unproved.clone());
    }

    pub(crate) fn failed(&self, error: &BrokerError) {
        self.trouble(error.code(), error.to_string());
    }

    pub(crate) fn trouble(&self, code: &'static str, reason: String) {
        let trouble = Trouble::new(code, reason);
        let mut account = self.account();
        account.last_error = Some(trouble.clone());
        let trouble = trouble.following(account.trouble.as_ref());
        if BrokerError::outlives_connecting(code) {
            account.unproved = Some(trouble.clone());
        }
        account.trouble = Some(trouble);
    }

    /// Nothing waits for an answer, and the connection has held for a while: there is nothing that could
    /// be stuck.
    pub(crate) fn quiet(&self) {
        let mut account = self.account();
        account.is_open();
        account.held_reasons.retain(|_, it| it.code != SILENT);
    }

    /// Nothing of this routing key was answered while everything else had its time.
    pub(crate) fn unanswered(&self, routing_key: &str, error: &BrokerError) {
        let reason = format!("{error} (routing key {routing_key})");
        self.account().hold(routing_key, Trouble::new(SILENT, reason));
    }

    /// One of this routing key was answered.
    pub(crate) fn answered(&self, routing_key: &str) {
        let mut account = self.account();
        if account.held_reasons.get(routing_key).is_some_and(|it| it.code == SILENT) {
            account.held_reasons.remove(routing_key);
        }
    }

    pub(crate) fn confirmed(&self, records: usize) {
        let mut account = self.account();
        account.confirmed += records as u64;
        account.last_confirm = Some(Timestamp::now());
        account.is_open();
    }

    /// A record that had been refused was accepted. True when the key had a reason until now.
    pub(crate) fn accepted_again(&self, routing_key: &str) -> bool {
        self.account().held_reasons.remove(routing_key).is_some()
    }

    /// Counts a refusal. True when the routing key had no such reason until now.
    pub(crate) fn refused(&self, routing_key: &str, records: usize, confirm: &Confirm) -> bool {
        let Some(code) = confirm.code() else { return false };
        let reason = format!("{confirm} (routing key {routing_key})");
        let mut account = self.account();
        match confirm {
            Confirm::Returned { .. } => account.returned += records as u64,
            Confirm::Rejected { .. } => account.rejected += records as u64,
            Confirm::Confirmed | Confirm::Nacked | Confirm::NotRequested => {
                account.nacked += records as u64;
            }
        }
        let trouble = Trouble::new(code, reason);
        account.last_error = Some(trouble.clone());
        // It answers, so the road as a whole is open.
        account.is_open();
        account.hold(routing_key, trouble)
    }

    pub(crate) fn set_aside(&self) {
        self.account().set_aside += 1;
    }

    /// What is to be told though nothing is wrong yet; without a text, no more.
    pub(crate) fn notice(&self, code: &'static str, text: Option<String>) {
        let mut account = self.account();
        match text {
            Some(text) => account.notices.insert(code, text),
            None => account.notices.remove(code),
        };
    }

    /// Until when the connection's certificates hold; told early enough to have new ones made.
    pub(crate) fn certificate_until(&self, until: Timestamp) {
        self.account().certificate_until = Some(until);
        let soon = days_left(until) < TOLD_BEFORE_DAYS;
        let text = format!("a certificate expires at {until}");
        if soon {
            tracing::warn!(code = EXPIRING, %until, "a certificate expires soon");
        }
        self.notice(EXPIRING, soon.then_some(text));
    }

    /// The forwarder moves, and will be heard of again within this time.
    pub(crate) fn turns(&self, within: Duration) {
        self.account().due = Some(Instant::now() + within);
    }

    /// Whether it should have been heard of for quite a while.
    pub(crate) fn is_overdue(&self) -> bool {
        self.account().due.is_some_and(|it| it.elapsed() > OVERDUE)
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
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every word that [`ForwardStatus::word`] can say.
pub const WORDS: [&str; 18] = [
    "open",
    "starting",
    "unreachable",
    "turned_away",
    "channel_closed",
    "closed",
    "lost",
    "silent",
    "doubtful",
    "unusable",
    "exchange_missing",
    "no_right",
    "certificate",
    "blocked",
    "no_binding",
    "nacked",
    "oversize",
    "folder",
];

fn word(code: &str) -> &'static str {
    match code {
        "F101" => "unreachable",
        "F102" => "turned_away",
        "F103" => "channel_closed",
        "F104" => "closed",
        "F105" => "lost",
        "F106" => "silent",
        "F108" => "unusable",
        "F109" => "exchange_missing",
        "F110" => "no_right",
        "F111" => "certificate",
        "F112" => "blocked",
        "F201" => "no_binding",
        "F202" => "nacked",
        "F203" => "oversize",
        "F301" => "folder",
        _ => "doubtful",
    }
}

fn at_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

#[allow(clippy::ref_option)] // serde hands the field over like this
fn at_text_if_any<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(|it| it.to_string()).serialize(serializer)
}

/// A machine that is busy may be late by so much.
const OVERDUE: Duration = Duration::from_secs(10);
/// How many routing keys are named in [`ForwardStatus::held_reasons`].
pub const REASONS_MAX: usize = 64;
/// A certificate expires soon.
const EXPIRING: &str = "F114";
/// Nothing was heard within the time allowed.
const SILENT: &str = "F106";
/// The broker has asked us to wait.
const BLOCKED: &str = "F112";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_state_is_one_word_with_a_reason() {
        check(&["connect"], "open");
        check(&["fail 404"], "exchange_missing");
        check(&["fail 403", "connect"], "no_right");
        check(&["fail 403", "connect", "confirm"], "open");
        check(&["fail down", "connect"], "open");
        check(&["fail silent", "connect"], "silent");
        check(&["fail silent", "connect", "fail down", "connect"], "silent");
        check(&["fail silent", "connect", "confirm"], "open");
        check(&["fail lost", "connect", "quiet"], "open");
        check(&["fail lost", "connect", "block", "unblock"], "lost");
        check(&["connect", "mute"], "silent");
        check(&["connect", "mute", "confirm"], "silent");
        check(&["connect", "mute", "answer"], "open");
        check(&["connect", "mute", "quiet"], "open");
        check(&["connect", "return", "answer"], "no_binding");
        check(&["connect", "return"], "no_binding");
        check(&["connect", "return", "accept"], "open");
        check(&["connect", "block"], "blocked");
        check(&["connect", "block", "unblock"], "open");
        assert!(WORDS.contains(&word("F107")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_forwarder_that_does_not_turn_is_overdue() {
        let state = ForwardState::default();
        assert!(!state.is_overdue(), "it has not begun");
        state.turns(Duration::from_secs(30));
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert!(!state.is_overdue());
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(state.is_overdue());
        state.turns(Duration::from_secs(1));
        assert!(!state.is_overdue());
    }

    #[tokio::test(start_paused = true)]
    async fn what_lasts_is_told_once_it_has_lasted() {
        let lasting = |state: &ForwardState| {
            let status = state.status();
            let codes = status.lasting(Duration::from_secs(60));
            codes.iter().map(|it| it.code).collect::<Vec<_>>().join(" ")
        };
        let state = state(&["fail down"]);
        assert_eq!(lasting(&state), "");
        // Another try that fails otherwise is still the same outage.
        tokio::time::sleep(Duration::from_secs(59)).await;
        act(&state, "fail 404");
        assert_eq!(lasting(&state), "");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(lasting(&state), "F109");
        act(&state, "connect");
        assert_eq!(lasting(&state), "");
    }

    /// It connects at each try and takes, and nothing is ever confirmed; now and then one of its addresses
    /// is not even reached.
    #[tokio::test(start_paused = true)]
    async fn what_only_an_answer_disproves_lasts_over_connections() {
        let state = state(&["connect", "mute"]);
        let told = |state: &ForwardState| {
            let status = state.status();
            let lasting = status.lasting(Duration::from_secs(300));
            lasting.iter().map(|it| it.code).collect::<Vec<_>>().join(" ")
        };
        for _ in 0..10 {
            assert_eq!(told(&state), "");
            for it in ["fail silent", "fail down", "connect"] {
                act(&state, it);
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        }
        // The key that was first not answered is no other thing.
        assert_eq!(told(&state), "F106");
        act(&state, "confirm");
        assert_eq!(told(&state), "F106", "the key is still muted, whatever the others are");
        act(&state, "answer");
        assert_eq!(told(&state), "");
    }

    #[track_caller]
    fn check(acts: &[&str], word: &str) {
        let state = state(acts);
        assert_eq!(state.status().word(), word, "{acts:?}");
    }

    fn state(acts: &[&str]) -> ForwardState {
        let state = ForwardState::default();
        for it in acts {
            act(&state, it);
        }
        state
    }

    fn act(state: &ForwardState, act: &str) {
        let closed =
            |reply_code| BrokerError::ChannelClosed { reply_code, reply_text: "no".to_owned() };
        match act {
            "connect" => state.connected("broker"),
            "confirm" => state.confirmed(1),
            "answer" => state.answered("H1.rx"),
            "quiet" => state.quiet(),
            "mute" => state.unanswered("H1.rx", &silent()),
            "accept" => assert!(state.accepted_again("H1.rx")),
            "block" => state.blocked(Some("low on memory".to_owned())),
            "unblock" => state.blocked(None),
            "return" => {
                let returned =
                    Confirm::Returned { reply_code: 312, reply_text: "NO_ROUTE".to_owned() };
                assert!(state.refused("H1.rx", 1, &returned));
            }
            "fail down" => state.failed(&BrokerError::Unreachable { reason: "refused".to_owned() }),
            "fail silent" => state.failed(&silent()),
            "fail lost" => state.failed(&BrokerError::Lost { reason: "reset".to_owned() }),
            "fail 404" => state.failed(&closed(404)),
            "fail 403" => state.failed(&closed(403)),
            other => panic!("no such act: {other}"),
        }
    }

    fn silent() -> BrokerError {
        BrokerError::silent("a publisher confirm", Duration::from_secs(30))
    }
}
