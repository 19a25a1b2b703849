//! The configuration: typed, complete, proved.
//!
//! `agent.toml` is read in one pass that tells every fault at once, each with its line and its key,
//! and repairs none in silence. Whoever holds a [`Config`] never asks again whether it is right.
//! What each key means, and its default, stands in one table ([`keys`]) from which the shipped
//! `config/agent.toml` is written; a test keeps the two equal.

mod access;
mod admin;
mod alert;
mod backup;
mod callers;
mod calls;
mod channels;
mod folder;
mod forward;
pub mod keys;
mod log;
mod mllp;
pub(crate) mod named;
mod patrol;
#[cfg(test)]
mod proving;
mod query;
mod read;
mod reconcile;
mod relay;
mod secrets;
mod section;
mod soap;
mod subscription;
mod tls;
mod totals;
mod unwrap;
mod versions;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adapters::{Keys, Limits, Prepare, StreamPath, WireFormat};
use schemas::Problem;

use crate::callers::{Caller, Network};
use crate::forward::AmqpOptions;
use crate::master_key::KeySource;
use crate::outbox::Mark;
use crate::relay::Target;
use crate::telemetry::FileBounds;

pub use access::AccessConfig;
pub use admin::AdminConfig;
pub use alert::{
    AlertTarget, AlertWay, AlertsConfig, MailConfig, MailSecurity, SyslogConfig, WebhookConfig,
};
pub use backup::BackupConfig;
pub use callers::EventsConfig;
pub use calls::CallsConfig;
pub use folder::{Answers, FolderConfig, Order, Ready};
pub use mllp::MllpConfig;
pub use patrol::PatrolConfig;
pub use query::QueryConfig;
pub use soap::{Lead, LeadsTo, SoapConfig};
pub use subscription::{Condition, SubscriptionConfig};
pub use tls::TlsConfig;
pub use totals::TotalsConfig;
pub use versions::VersionsConfig;
pub use view::{Connection, Paging, Schedule, Source, ViewCharset, ViewConfig};

/// Everything the daemon was told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose records these are.
    pub hospital: Hospital,
    /// Where callers reach the agent.
    pub listen: Listen,
    /// What the HTTP doors show to callers.
    pub tls: TlsConfig,
    /// Where schemas, mappings and rules come from.
    pub sets: Sets,
    /// The ways in.
    pub channels: Vec<ChannelConfig>,
    /// The queue on disk.
    pub outbox: OutboxConfig,
    /// What is kept of messages and their records.
    pub messages: MessagesConfig,
    /// Where commands reach the running daemon.
    pub control: ControlConfig,
    /// What is counted of the sources' data.
    pub quality: QualityConfig,
    /// Where records go.
    pub forward: ForwardConfig,
    /// The pre-prescription check.
    pub check: CheckConfig,
    /// The past of patients.
    pub history: HistoryConfig,
    /// The insurer's own review.
    pub relay: RelayConfig,
    /// Who may call without saying who it is.
    pub access: AccessConfig,
    /// The book of all calls.
    pub calls: CallsConfig,
    /// Who may listen and read.
    pub callers: Vec<Caller>,
    /// What is pushed to other systems.
    pub subscriptions: Vec<SubscriptionConfig>,
    /// What other systems may read.
    pub queries: Vec<QueryConfig>,
    /// What somebody should look at, and who is told.
    pub alerts: AlertsConfig,
    /// What is told to ward screens.
    pub events: EventsConfig,
    /// When days are compared with the platform by themselves.
    pub reconcile: ReconcileConfig,
    /// Who has which role at the control socket.
    pub admin: AdminConfig,
    /// When and where to backups are made.
    pub backup: BackupConfig,
    /// Where what was in force is kept, and how a new configuration is watched.
    pub versions: VersionsConfig,
    /// When the agent looks at itself.
    pub patrol: PatrolConfig,
    /// What is logged.
    pub log: LogConfig,
    /// How long a stop may take before what is left stays for the next start.
    pub stop_deadline: Duration,
    /// The files that it names: secrets, certificates, templates.
    pub named: BTreeSet<String>,
}

/// `[hospital]`
#[derive(Clone, Debug)]
pub struct Hospital {
    /// The institution's code at the insurer; `org` in every record.
    pub code: String,
    /// Its name, for people.
    pub name: String,
    /// The regional version of the standard.
    pub profile: String,
    /// How long the evidence of findings is kept, by the institution's grade.
    pub evidence_keep: Duration,
}

/// `[listen]`
#[derive(Clone, Debug)]
pub struct Listen {
    /// For HIS callers.
    pub his: SocketAddr,
    /// For operators: health, metrics.
    pub operators: SocketAddr,
    /// Folder of the manual's pages, for the operators' door.
    pub manual: PathBuf,
    /// Connections at one time; for further ones those that wait for nothing make room.
    pub connections_max: usize,
    /// Messages at one time; further ones are told "busy".
    pub messages_max: usize,
    /// From the first byte of a connection to the end of the request's head.
    pub head_timeout: Duration,
    /// Request line and headers together.
    pub head_bytes_max: usize,
    /// Between two requests of one connection.
    pub idle_timeout: Duration,
    /// How long a caller may take nothing of its answer.
    pub answer_timeout: Duration,
    /// Bytes of all bodies that are coming; for further ones the doors are busy.
    pub bodies_bytes_max: usize,
    /// From the end of the head to the end of the body.
    pub body_timeout: Duration,
    /// Bytes of one message of a channel that streams.
    pub stream_bytes_max: usize,
    /// Bounds on every document, the body's size among them.
    pub limits: Limits,
}

/// `[sets]`: a folder in place of what is built in.
#[derive(Clone, Debug)]
pub struct Sets {
    /// Folder of entities, domains and profiles.
    pub schemas: Option<PathBuf>,
    /// Folder of mappings.
    pub mappings: Option<PathBuf>,
    /// Folder of rule packs.
    pub rules: Option<PathBuf>,
    /// Folder of the hospital's changes to the rule packs.
    pub overlay: Option<PathBuf>,
    /// Folder of mappings that are tried beside those in force.
    pub candidate: Option<PathBuf>,
    /// Folder of the sets that were in force.
    pub archive: PathBuf,
    /// How often the folders are looked at, besides the kernel's notices.
    pub poll: Duration,
    /// Percent of a channel's first messages that a new set alone may refuse.
    pub fallback_refused_percent: u32,
    /// How many messages of a channel a new set is on trial for; none: it is not.
    pub fallback_messages: u32,
}

/// `[[channel]]`
#[derive(Clone, Debug)]
pub struct ChannelConfig {
    /// Its name in addresses, records and logs.
    pub name: String,
    /// The wire format, or `auto`.
    pub format: WireFormat,
    /// What to repair in a body before it is read.
    pub prepare: Prepare,
    /// What its mappings decrypt and verify with, by the names they know.
    pub keys: Keys,
    /// The element that repeats in bodies too long to be held.
    pub stream: Option<StreamPath>,
    /// Beginnings of the mapping files it may use; none means all.
    pub mappings: Vec<String>,
    /// The answer file of all its messages; without one, that of each mapping's folder.
    pub answer: Option<String>,
    /// Where it may be used from; anywhere when empty.
    pub addresses: Vec<Network>,
    /// How long a check of this channel may take; `[check]` says it for the others.
    pub check_deadline: Option<Duration>,
    /// Its door for HL7 over MLLP, if it has one.
    pub mllp: Option<MllpConfig>,
    /// Its drop folder, if it has one.
    pub folder: Option<FolderConfig>,
    /// Where its HIS tells its totals of a day, if they are fetched.
    pub totals: Option<TotalsConfig>,
    /// The view of a database that it reads, if it does.
    pub view: Option<ViewConfig>,
    /// The service that its HIS calls, if it is described.
    pub soap: Option<SoapConfig>,
}

/// `[outbox]`
#[derive(Clone, Debug)]
pub struct OutboxConfig {
    /// The store's folder.
    pub dir: PathBuf,
    /// Submissions that may wait for the writer before callers are told "busy".
    pub waiting_max: usize,
    /// Memory for what is written but not in a table yet.
    pub write_buffer_bytes: usize,
    /// Below so much free space nothing new is taken in.
    pub low_water: Mark,
    /// From so much on it is again.
    pub high_water: Mark,
    /// The key with which everything in it is sealed.
    pub key: KeySource,
    /// Where that key lies, if it is a file.
    pub key_file: Option<PathBuf>,
}

/// `[messages]`
#[derive(Clone, Debug)]
pub struct MessagesConfig {
    /// How many days one can see what became of a message.
    pub keep_days: u32,
    /// How many days the bytes of messages stay; none: they are not kept.
    pub raw_keep_days: u32,
    /// Bytes of them on the disk; beyond it the oldest go.
    pub raw_bytes_max: u64,
    /// How many days delivered records stay to be replayed; none: they go.
    pub records_keep_days: u32,
    /// Bytes of them; beyond it the oldest go.
    pub records_bytes_max: u64,
}

/// `[control]`
#[derive(Clone, Debug)]
pub struct ControlConfig {
    /// The unix socket.
    pub socket: PathBuf,
}

/// `[quality]`
#[derive(Clone, Debug)]
pub struct QualityConfig {
    /// The folder of the counts, a file a day.
    pub dir: PathBuf,
    /// How many days are kept.
    pub keep_days: u32,
}

/// `[forward]`
#[derive(Clone, Debug)]
pub enum ForwardConfig {
    /// NDJSON segments in a folder.
    Files {
        /// The folder.
        dir: PathBuf,
    },
    /// A RabbitMQ or another AMQP 0-9-1 broker.
    Amqp(Box<AmqpOptions>),
}

/// `[check]`
#[derive(Clone, Debug)]
pub struct CheckConfig {
    /// How long a check may take unless the caller says less.
    pub deadline: Duration,
    /// How long a check is kept in the log.
    pub log_keep: Duration,
    /// Bytes of the log; beyond it the oldest hours go.
    pub log_bytes_max: u64,
    /// How long a finding waits for an answer before it counts as ignored.
    pub ignored_after: Duration,
    /// A rule whose findings doctors override more often, in a hundred, is told to operators.
    pub override_percent_max: u64,
    /// Whether the platform gets checks, findings and answers as records.
    pub report: bool,
}

/// `[history]`
#[derive(Clone, Debug)]
pub struct HistoryConfig {
    /// How many days are kept; none: there is no history.
    pub keep_days: u32,
    /// The key under which patients are known, and with which their past is sealed.
    pub key_file: PathBuf,
}

/// `[relay]`; without an address nobody is asked.
#[derive(Clone, Default)]
pub struct RelayConfig {
    /// Where 3101 goes, and the others unless they have addresses of their own.
    pub url: Option<Target>,
    /// Where 3102 goes.
    pub course_url: Option<Target>,
    /// Where 3103 goes.
    pub feedback_url: Option<Target>,
    /// The certificates that are trusted.
    pub ca_file: Option<PathBuf>,
    /// Whether checks that came in other words are restated as 3101 and asked too.
    pub restate: bool,
    /// What the hospital states of itself there, by the names of the interface.
    pub stated: BTreeMap<String, String>,
    /// What the gateway knows the hospital by: headers and their secret values.
    pub headers: Vec<(String, String)>,
}

impl std::fmt::Debug for RelayConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("RelayConfig")
            .field("url", &self.url)
            .field("course_url", &self.course_url)
            .field("feedback_url", &self.feedback_url)
            .field("ca_file", &self.ca_file)
            .field("restate", &self.restate)
            .field("stated", &self.stated)
            .field("headers", &headers)
            .finish()
    }
}

/// `[reconcile]`
#[derive(Clone, Debug, Default)]
pub struct ReconcileConfig {
    /// At what time the day before is compared; never without.
    pub daily_at: Option<jiff::civil::Time>,
}

/// `[log]`
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// A filter such as `info` or `his_agent=debug,info`.
    pub level: String,
    /// JSON lines in place of text.
    pub json: bool,
    /// Where to; without one, standard error.
    pub file: Option<PathBuf>,
    /// How long a file grows, and how long older ones stay.
    pub bounds: FileBounds,
}

impl Config {
    /// How long a check may take, unless the caller says less.
    pub(crate) fn check_deadline(&self, channel: Option<&str>) -> Duration {
        let named = |name| self.channels.iter().find(|it| it.name == name);
        let own = channel.and_then(named).and_then(|it| it.check_deadline);
        own.unwrap_or(self.check.deadline)
    }

    /// Every address that is listened at: where it is written, and whether TLS is spoken there.
    pub(crate) fn doors(&self) -> impl Iterator<Item = (String, SocketAddr, bool)> {
        let http = [
            ("his", self.listen.his, self.tls.his),
            ("operators", self.listen.operators, self.tls.operators),
        ];
        let http = http
            .into_iter()
            .map(|(name, at, is_sealed)| (format!("[listen] {name}"), at, is_sealed));
        http.chain(self.channels.iter().filter_map(|it| {
            let door = it.mllp.as_ref()?;
            Some((format!("[channel.mllp] {}", it.name), door.listen, door.certificate.is_some()))
        }))
    }

    /// The doors off this machine over which patient data goes in clear text.
    pub(crate) fn doors_in_clear(&self) -> Vec<String> {
        let in_clear =
            self.doors().filter(|(_, at, is_sealed)| !is_sealed && !at.ip().is_loopback());
        in_clear
            .map(|(door, at, _)| {
                format!("{door}（{at}）明文传输患者数据：写 cert_file、key_file 改用 TLS")
            })
            .collect()
    }

    /// Reads a configuration and proves it; `file` is only named in problems.
    pub fn parse(file: &str, text: &str) -> Result<Config, Vec<Problem>> {
        read::config(file, text)
    }

    /// Reads the file.
    pub fn load(path: &Path) -> Result<Config, Vec<Problem>> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Config::parse(&file, &text),
            Err(error) => {
                let message = format!("cannot be read: {error}");
                Err(vec![Problem::error("A001", &file, (1, 1), message)])
            }
        }
    }
}
