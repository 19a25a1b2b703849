//! The daemon. The road of a message, and so the order in which to read:
//!
//! | room | what happens there |
//! |---|---|
//! | [`intake`] | a door takes bytes, bounded in size, time and number |
//! | [`pipeline`] | `judge`: decode, map, validate; pure, one screen |
//! | [`envelope`] | what a message is between the rooms: draft, receipt, envelope, dead letter |
//! | [`outbox`] | the only queue: on disk and synced before anybody is told "received" |
//! | [`forward`] | out to the platform; a record leaves the outbox after its publisher confirm |
//! | [`receive`] | the other end: the platform's reference receiver |
//!
//! Beside the road:
//!
//! | room | what happens there |
//! |---|---|
//! | [`control`] | the unix socket by which commands reach the running daemon |
//! | [`config`] | `agent.toml`, proved; every fault told at once |
//! | [`alerts`] | who is told by mail, webhook or syslog of what somebody should look at |
//! | [`asyncapi`] | what goes between agent and platform, for programs |
//! | [`backup`] | the agent as it is at one moment, sealed; and an agent made of it again |
//! | `backtest` | what other rules would have said in the checks that were made |
//! | [`callers`] | who may call: tokens, addresses, certificates |
//! | [`calls`] | every call, written down |
//! | [`checks`] | what became of every check: log, findings' states, the way to the platform |
//! | [`events`] | findings and alerts, told to ward screens as they happen |
//! | [`journey`] | what became of each message: listed, shown, sent on, replayed |
//! | [`audit`] | whole encounters judged day by day and after discharge, and what became of it |
//! | [`history`] | the past of each patient, folded from accepted records, for checks |
//! | [`keys`] | the keys of the store, for operators |
//! | [`master_key`] | the key, kept outside the store, without which nothing in it can be read |
//! | `doctor` | looks at machine, disk, broker and the agent itself, and says what to do |
//! | `dead_peer` | a peer that has gone without a word is found out by the kernel |
//! | [`relay`] | the insurer's own review, asked beside ours, and doctors' answers on their way to it |
//! | `odbc` | hospital databases, read in a process of its own |
//! | `pace` | how those who follow the outbox take turns with the road |
//! | [`patient_key`] | the key under which a patient is known in stores that outlive a visit |
//! | [`openapi`] | what can be asked at the doors, for programs and for people |
//! | [`parked`] | messages that wait for a local code to be mapped: listed, judged again, released |
//! | [`plans`] | what is run by itself, when, and what came of it |
//! | [`sets`] | schemas, mappings, code maps and rules, loaded as one |
//! | [`shadow`] | a candidate set beside them, for comparison only |
//! | `service` | what the daemon and the service manager tell each other; the watchdog |
//! | [`supervise`] | starts the road, stops it in road order |
//! | [`reconcile`] | the account with the platform: what it has, record by record, and what is missing |
//! | [`quality`] | what the sources' data is like, counted by channel, entity, element and day |
//! | [`query`] | what other systems may read of the records that are kept |
//! | [`subscribe`] | records pushed to other systems |
//! | [`versions`] | every configuration and set that was in force: who, when, why; applied, watched, brought back |
//! | [`tls`] | certificates of the doors, exchanged without a restart |
//! | [`telemetry`] | logs and metrics, never a patient's value |
//! | [`clock`] | the one clock |
//! | [`codes`] | the codes of the daemon and what to do about each |
//! | [`cli`] | the commands |
//!
//! A check takes another road through the same doors: intake, `rules::request` (or decode and map),
//! `rules::evaluate`, answer.
//!
//! What holds here, written as what is never done: no answer before the disk has synced; no record
//! leaves the outbox before its confirm; no queue in memory without a bound; no value of a patient
//! in a log, a metric or an error; no clock, disk or network in any other crate.

mod aead;
pub mod alerts;
pub mod asyncapi;
pub mod audit;
mod backtest;
pub mod backup;
pub mod callers;
pub mod calls;
pub mod checks;
pub mod cli;
pub mod clock;
pub mod codes;
pub mod config;
pub mod control;
mod daemon_user;
mod dead_peer;
mod deflated;
mod doctor;
mod durable_folder;
pub mod envelope;
pub mod events;
pub mod forward;
pub mod history;
pub mod intake;
pub mod journey;
pub mod keys;
pub mod master_key;
mod mount_point;
mod odbc;
pub mod openapi;
pub mod outbox;
mod pace;
pub mod parked;
pub mod patient_key;
pub mod pipeline;
pub mod plans;
pub mod quality;
pub mod query;
mod ranges;
pub mod receive;
pub mod reconcile;
pub mod relay;
mod secret_file;
mod service;
pub mod sets;
pub mod shadow;
mod signing;
pub mod subscribe;
pub mod supervise;
pub mod telemetry;
pub mod tls;
pub mod versions;
mod write;

/// Of every binary that links the daemon, the benchmarks' too: what is measured is what runs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
