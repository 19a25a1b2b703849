//! The insurer's own review, asked beside ours: a 3101 or 3102 goes on to it while the rules here
//! judge, and what it finds is put beside what we find.
//!
//! ```text
//! 3101 --+--> history, rules ---------------------------+--> one answer, in time
//!        +--> the insurer's address, by the deadline ---+
//! 3103 -------> log: the doctor's answer, and what is owed to the insurer, in one change
//!                 `--> sent until it is taken, refused several times, or too old: then named
//! ```
//!
//! The doctor never waits longer for it than for us. Whoever does not answer in time, or not in words
//! that can be read, is told of in the answer as not having been asked; after several failures in
//! succession the insurer is spared for a moment, so that nobody waits for nothing.
//!
//! | file | what is in it |
//! |---|---|
//! | `target` | the addresses |
//! | `exchange`, `reply` | one request and its answer |
//! | `owed` | doctors' answers to the insurer's findings, on their way |

pub(crate) mod exchange;
pub(crate) mod owed;
mod reply;
mod target;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use adapters::Limits;
use bytes::Bytes;
use http::{HeaderMap, header};
use jiff::civil::DateTime;
use rules::Facts;
use rules::insurance::bureau;
use rules::insurance::restate::{Sender, Source, restate};
use rules::verdict::Bureau;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use self::exchange::{Client, Request};
pub use self::target::Target;
use crate::config::RelayConfig;
use crate::intake::Road;
use crate::sets::Sets;
use crate::{clock, pipeline};

/// What the doors and the sender share.
#[derive(Debug)]
pub struct Relay {
    client: Arc<Client>,
    config: RelayConfig,
    limits: Limits,
    /// Room for requests under way: each has a thread.
    room: Arc<Semaphore>,
    health: Arc<Mutex<Health>>,
    /// An answer is owed to the insurer.
    owed: Notify,
}

/// How the insurer has fared of late.
#[derive(Debug, Default)]
struct Health {
    failures: u32,
    spared_until: Option<Instant>,
}

/// A request under way.
pub(crate) struct Asked {
    asking: Option<JoinHandle<Result<bureau::Answer, Bureau>>>,
    health: Arc<Mutex<Health>>,
    until: Instant,
}

impl Relay {
    /// Nothing when no address is configured.
    pub(crate) fn new(config: &RelayConfig, limits: &Limits) -> Option<Relay> {
        config.url.as_ref()?;
        let client = Client::new(config.ca_file.as_deref()).unwrap_or_else(|error| {
            tracing::error!(code = "I116", %error, "[relay] ca_file cannot be used: nothing goes by https");
            Client::without_tls()
        });
        Some(Relay {
            client: Arc::new(client),
            config: config.clone(),
            limits: *limits,
            room: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
            health: Arc::default(),
            owed: Notify::new(),
        })
    }

    /// Sends a request on its way; `until` is when its answer is of no use any more.
    pub(crate) fn ask(
        &self,
        infno: &str,
        headers: &HeaderMap,
        body: &Bytes,
        until: Instant,
    ) -> Asked {
        let health = Arc::clone(&self.health);
        let room = Arc::clone(&self.room).try_acquire_owned().ok();
        let target = self.target(infno).cloned();
        let (Some(room), Some(target), false) = (room, target, self.is_spared()) else {
            return Asked { asking: None, health, until };
        };
        let request = Request {
            verb: "POST",
            path: target.path(infno),
            target,
            headers: self.headers(Some(headers)),
            body: body.clone(),
        };
        let (client, limits) = (Arc::clone(&self.client), self.limits);
        let asking = tokio::task::spawn_blocking(move || {
            let _room = room;
            let reply = client.ask(&request, until)?;
            let text = adapters::text(&reply.body, reply.content_type.as_deref(), &limits);
            read(reply.status, text.ok().as_deref(), bureau::read_answer)
        });
        Asked { asking: Some(asking), health, until }
    }

    /// The same for a check that came in other words; `None` where that is not wanted. What is
    /// demanded and missing is told in place of an answer.
    pub(crate) fn ask_restated(
        &self,
        source: Source<'_>,
        facts: &Facts,
        road: &Road,
        sets: &Sets,
        until: Instant,
    ) -> Option<Result<Asked, Vec<String>>> {
        if !self.config.restate {
            return None;
        }
        let (hospital, now) = (&road.config.hospital, clock::now());
        let sender = Sender {
            org: &hospital.code,
            org_name: &hospital.name,
            msgid: &msgid(&hospital.code, now),
            now,
            stated: &self.config.stated,
        };
        let catalog = sets.catalogs.default_catalog();
        let restated = restate(source, facts, catalog, &sender);
        if restated.is_err() {
            let outcome = Bureau::Lacking.name();
            metrics::counter!("his_agent_relay_total", "outcome" => outcome).increment(1);
        }
        Some(restated.map(|it| self.ask(it.infno, &HeaderMap::new(), &Bytes::from(it.text), until)))
    }

    /// An answer is owed to the insurer since now.
    pub(crate) fn wake(&self) {
        self.owed.notify_one();
    }

    fn target(&self, infno: &str) -> Option<&Target> {
        let own = match infno {
            "3102" | "3661" => self.config.course_url.as_ref(),
            "3103" => self.config.feedback_url.as_ref(),
            _ => None,
        };
        own.or(self.config.url.as_ref())
    }

    /// What a gateway knows its callers by: as configured, and as the caller has signed.
    fn headers(&self, came: Option<&HeaderMap>) -> Vec<(String, String)> {
        let is_passed = |name: &str| PASSED.iter().any(|it| name.starts_with(it));
        let mut headers = vec![("Accept".to_owned(), "application/json".to_owned())];
        let content_type = came.and_then(|it| it.get(header::CONTENT_TYPE)?.to_str().ok());
        let content_type = content_type.unwrap_or("application/json; charset=utf-8");
        headers.push(("Content-Type".to_owned(), content_type.to_owned()));
        headers.extend(self.config.headers.iter().cloned());
        for (name, value) in came.into_iter().flatten() {
            let is_own =
                self.config.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name.as_str()));
            if let Ok(value) = value.to_str()
                && is_passed(name.as_str())
                && !is_own
            {
                headers.push((name.to_string(), value.to_owned()));
            }
        }
        headers
    }

    fn is_spared(&self) -> bool {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        match health.spared_until {
            Some(until) if Instant::now() < until => true,
            Some(_) => {
                // One is sent to see; the others wait for what becomes of it.
                health.spared_until = Some(Instant::now() + SPARED);
                false
            }
            None => false,
        }
    }
}

impl Asked {
    /// The findings of the insurer, or why there are none to be had.
    pub(crate) async fn told(self) -> Result<bureau::Answer, Bureau> {
        let told = match self.asking {
            None => Err(Bureau::Spared),
            Some(asking) => {
                let told = match tokio::time::timeout_at(self.until.into(), asking).await {
                    Ok(Ok(told)) => told,
                    Ok(Err(_)) => Err(Bureau::Unreachable),
                    Err(_) => Err(Bureau::Late),
                };
                note(&self.health, told.as_ref().err().copied());
                told
            }
        };
        let outcome = bureau::outcome(&told).name();
        metrics::counter!("his_agent_relay_total", "outcome" => outcome).increment(1);
        told
    }
}

/// The number of a message: provider, time, and four digits that tell two of one second apart.
fn msgid(org: &str, now: DateTime) -> String {
    let number = clock::new_id();
    let number = number.get(number.len().saturating_sub(4)..).unwrap_or_default();
    format!("{org}{}{number}", pipeline::stamp(now))
}

/// A gateway that fails in words of its own has refused.
fn read<T>(
    status: u16,
    text: Option<&str>,
    read: impl Fn(&str) -> Result<T, Bureau>,
) -> Result<T, Bureau> {
    match text.map_or(Err(Bureau::Garbled), read) {
        Err(Bureau::Garbled) if status >= 400 => Err(Bureau::Refused),
        told => told,
    }
}

/// Only whoever keeps doctors waiting is spared: a refusal comes fast, and says something.
fn note(health: &Mutex<Health>, failure: Option<Bureau>) {
    let mut health = health.lock().unwrap_or_else(PoisonError::into_inner);
    if !matches!(failure, Some(Bureau::Late | Bureau::Unreachable)) {
        *health = Health::default();
        return;
    }
    health.failures = health.failures.saturating_add(1);
    if health.failures == FAILURES_MAX {
        tracing::warn!(
            code = "I117",
            "the insurer's review does not answer and is spared for a moment"
        );
    }
    if health.failures >= FAILURES_MAX {
        health.spared_until = Some(Instant::now() + SPARED);
    }
}

/// Requests under way at one time.
const UNDER_WAY_MAX: usize = 64;
/// After so many failures in succession the insurer is spared.
const FAILURES_MAX: u32 = 5;
const SPARED: Duration = Duration::from_secs(10);
/// How the headers begin by which gateways know and prove their callers; see the interface.
const PASSED: [&str; 3] = ["_api_", "x-tif-", "apikey"];
