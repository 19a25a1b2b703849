//! What the proofs share: stand-ins for the world outside the agent.
//!
//! | fake | stands for |
//! |---|---|
//! | [`agent`] | the service manager: starts, stops and kills the real `his-agent` |
//! | [`command`] | a person or a script that runs its commands |
//! | [`his`] | a HIS: an HTTP client that shares no code with the agent |
//! | [`bureau`] | the insurer's own review of a 3101 |
//! | [`cases`] | what a HIS sends, and what must come of it |
//! | [`clean_root`] | a hospital's machine before anything is installed on it |
//! | [`faults`] | a disk that refuses the N-th call; a clock that somebody sets |
//! | [`far`] | another machine |
//! | [`mllp`] | a sender of HL7: frames over a bare socket |
//! | [`load`] | a hospital's morning: many callers at once |
//! | [`obligations`] | what the agent promised by its receipts |
//! | [`mariadb`] | a hospital's database: MariaDB, a real one |
//! | [`platform`] | the central platform: `his-agent receive` and what it counted |
//! | [`postgres`] | a hospital's or the platform's database: PostgreSQL, a real one |
//! | [`rabbitmq`] | the platform's broker, a real one |
//! | [`screen`] | a ward's screen that listens to events |
//! | [`ward`] | the same, as the manual writes it: a web page, run by Node |
//! | [`service`] | another system's service that was not written by us: PHP, Node |
//! | [`subscriber`] | another system that has records pushed to it |
//! | [`sinks`] | where alerts go: mail, a chat robot, syslog |
//! | [`process`] | signals, and waits with an end |
//! | [`visit`] | the smallest HIS: one message, one record, one local code |
//! | [`prometheus`] | a real Prometheus that watches the agent |
//! | [`wire`] | the network between agent and broker, good or bad |
//! | [`certificates`] | the platform's certificate authority |
//! | [`chance`] | random moments that can be had again |

pub mod agent;
pub mod bureau;
pub mod cases;
pub mod certificates;
pub mod chance;
pub mod clean_root;
pub mod command;
pub mod day;
pub mod far;
pub mod faults;
pub mod his;
pub mod load;
pub mod manager;
pub mod mariadb;
pub mod mllp;
pub mod obligations;
pub mod platform;
mod ports;
pub mod postgres;
mod power;
pub mod process;
pub mod prometheus;
pub mod rabbitmq;
pub mod screen;
pub mod service;
pub mod sinks;
pub mod subscriber;
pub mod visit;
pub mod ward;
pub mod wire;

pub use ports::free as free_port;
