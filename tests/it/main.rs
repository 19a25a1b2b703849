//! The proofs that need more than one crate, a process, a broker or the checkout itself.
//!
//! One binary, so that everything links once. `house` is quick; the others start the real
//! `his-agent`, and some a RabbitMQ of their own. What each proves stands in its test's name.
//! `HIS_AGENT_PROVE=long` makes the random ones long; each prints its seed. `HIS_AGENT_ENDS` says how often
//! those of `kill` end the agent.
#![allow(clippy::print_stdout)] // a proof says what it did, so that a log can be believed

mod account;
mod admin;
mod alerts;
mod answers;
mod audit;
mod backup;
mod broker;
mod broker_faults;
mod broker_tls;
mod busy;
mod callers;
mod check;
mod checklog;
mod clock;
mod commands;
mod components;
mod disk;
mod doctor;
mod events;
mod folders;
mod from_wsdl;
mod history;
mod house;
mod init;
mod insurance_client;
mod kill;
mod leavings;
mod legacy_clients;
mod manners;
mod manual;
mod messages;
mod metrics;
mod mllp;
mod overlay;
mod package;
mod parked;
mod postgres;
mod quality;
mod query;
mod queue_kind;
mod rabbitmq;
mod reconcile;
mod refusals;
mod relay;
mod road;
mod schemathesis;
mod service;
mod sets;
mod shadow;
mod shutdown;
mod soap;
mod soap_clients;
mod soap_curl;
mod starts;
mod stream;
mod subscribe;
mod subscribers;
mod totals;
mod versions;
mod views;
mod wards;
