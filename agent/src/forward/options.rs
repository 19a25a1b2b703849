//! How to reach a broker, how to prove who we are, and how to send.

use std::fmt;
use std::time::Duration;

/// How to reach a broker and how to send to it.
#[derive(Debug, Clone)]
pub struct AmqpOptions {
    /// Where the broker is.
    pub access: Access,
    /// The topic exchange that records are published to.
    pub exchange: String,
    /// Declare exchange, quorum queue and binding, instead of expecting them to be there.
    pub declare: bool,
    /// The queue to declare; used with `declare` only.
    pub queue: String,
    /// The platform's queue, to be looked at whether it syncs before it confirms.
    pub expect_queue: Option<String>,
    /// Messages that may be unanswered at once.
    pub window_messages_max: usize,
    /// Whether records may share a message under backlog.
    pub batch: bool,
    /// How long a message may stay unanswered before the connection is given up.
    pub confirm_timeout: Duration,
    /// How long connecting may take, TLS and declarations included.
    pub connect_timeout: Duration,
    /// The first pause after a failure.
    pub retry_first: Duration,
    /// No pause is longer.
    pub retry_longest: Duration,
    /// After so many refusals in a row of one routing key, only one of its records is tried at a time.
    pub breaker_after: u32,
    /// How many records that wait for others, or for a queue, are known one by one; further ones stay unread.
    pub held_max: usize,
    /// What becomes of a record that the broker refuses by closing the channel over it.
    pub poison: Poison,
    /// How often the rights are proved anew, on a fresh channel.
    pub recheck: Duration,
    /// How long a trouble may last before it is an alert.
    pub alert_after: Duration,
    /// Entities that go before all others.
    pub first: Vec<String>,
    /// Entities that wait while anything else can go.
    pub last: Vec<String>,
    /// How long answers are awaited when the daemon stops.
    pub drain_max: Duration,
}

/// What becomes of a record that can never be delivered as it is: too large for the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poison {
    /// It becomes a dead letter, and its lane goes on.
    Park,
    /// It stays, is tried again, and its lane waits behind it.
    Block,
}

/// Where a broker is and how to prove who we are.
#[derive(Clone)]
pub struct Access {
    /// `amqp://` or `amqps://` addresses of one cluster, tried in turn. They may hold a password.
    pub urls: Vec<String>,
    /// Certificates to trust beside the system's, PEM.
    pub ca_pem: Option<String>,
    /// Our certificate and its key, PEM.
    pub identity_pem: Option<(String, String)>,
    /// The name that the broker's certificate must carry, when it is not the address's host; it is
    /// also what SNI asks for.
    pub server_name: Option<String>,
    /// Our certificate says who we are (SASL EXTERNAL), not a password.
    pub external: bool,
    /// Heartbeat interval agreed with the broker.
    pub heartbeat: Duration,
    /// Shown in the broker's list of connections.
    pub connection_name: String,
}

impl AmqpOptions {
    /// The defaults, for one or more addresses.
    pub fn new(urls: Vec<String>) -> AmqpOptions {
        AmqpOptions {
            access: Access::new(urls),
            exchange: "his.records".to_owned(),
            declare: false,
            queue: "his.records".to_owned(),
            expect_queue: None,
            window_messages_max: 256,
            batch: true,
            confirm_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(15),
            retry_first: Duration::from_millis(200),
            retry_longest: Duration::from_secs(30),
            breaker_after: 5,
            held_max: 32_768,
            poison: Poison::Park,
            recheck: Duration::from_secs(60),
            alert_after: Duration::from_mins(5),
            first: FIRST.map(str::to_owned).to_vec(),
            last: LAST.map(str::to_owned).to_vec(),
            drain_max: Duration::from_secs(5),
        }
    }
}

impl Access {
    /// The defaults, for one or more addresses.
    pub fn new(urls: Vec<String>) -> Access {
        Access {
            urls,
            ca_pem: None,
            identity_pem: None,
            server_name: None,
            external: false,
            heartbeat: Duration::from_secs(10),
            connection_name: APP_ID.to_owned(),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peers: Vec<String> = (0..self.urls.len()).map(|turn| self.peer(turn)).collect();
        f.debug_struct("Access").field("peers", &peers).finish_non_exhaustive()
    }
}

/// Shown to the platform with every message and in the broker's list of connections.
pub(crate) const APP_ID: &str = concat!("his-agent/", env!("CARGO_PKG_VERSION"));
/// What money and medicine hang on.
const FIRST: [&str; 7] = [
    "outpatient_prescription",
    "inpatient_order",
    "settlement",
    "settlement_fund",
    "settlement_list",
    "settlement_list_diagnosis",
    "settlement_request",
];
/// What only tells how the agent itself does.
const LAST: [&str; 3] = ["check_result", "check_finding", "check_feedback"];
