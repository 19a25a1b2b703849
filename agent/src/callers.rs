//! Who may call: named in the configuration, or by a token that a command has made; known by a token,
//! by an address, by a certificate, or by several of these at once.
//!
//! ```text
//! request --guard--> shown: what it says of itself
//!                      `--> roster: who that is, and may it do this --no--> refused, in its own dialect
//!                             `--> pace: not too often --> the door --> calls: written down
//! ```
//!
//! Neither the configuration nor the store holds a token, only its SHA-256: who reads them cannot call.
//!
//! | file | what is in it |
//! |---|---|
//! | `seat` | the connection a request came by |
//! | `shown` | what a request shows of who sent it |
//! | `network` | addresses that begin alike |
//! | `roster` | everybody who is known at the moment |
//! | `failures` | addresses that show wrong tokens, and when they are not listened to |
//! | `pace` | how often each may call |
//! | `refused` | why somebody was not let in, and in which words it is told |
//! | `guard` | the doorkeeper before everything that a HIS calls |
//! | `tokens`, `routes` | tokens made, changed and taken away by commands |

mod failures;
pub(crate) mod guard;
mod network;
mod pace;
mod refused;
mod roster;
mod routes;
mod seat;
mod shown;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
mod tokens;

use std::str::FromStr;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use crate::clock;
use crate::config::Config;
use crate::control::rights::Role;
use crate::outbox::Outbox;
use failures::Failures;
pub(crate) use guard::count_refused;
pub use network::Network;
use pace::Paces;
pub(crate) use refused::Refused;
use roster::Roster;
pub(crate) use routes::routes;
pub(crate) use seat::Seat;
pub(crate) use shown::Shown;

/// `[[caller]]`, or whom a token was made for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// How logs and other tables name it.
    pub name: String,
    /// SHA-256 of its token; without one its address or certificate must do.
    pub token: Option<[u8; 32]>,
    /// Where it may call from; anywhere when empty.
    pub addresses: Vec<Network>,
    /// A name that its certificate must have.
    pub certificate: Option<String>,
    /// What it may do.
    pub verbs: Vec<Verb>,
    /// The channels it may do it at; all when empty.
    pub channels: Vec<String>,
    /// Departments whose findings it may hear of; all when empty.
    pub departments: Vec<String>,
    /// What it may do by the admin API.
    pub roles: Vec<Role>,
    /// How often it may call; none: as often as it likes.
    pub calls_per_minute: u32,
}

/// What can be done at the doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// To hand in messages, and a day's totals.
    Message,
    /// To have prescriptions checked; the national interface as a whole.
    Check,
    /// To say what the doctor did.
    Feedback,
    /// To read records.
    Query,
    /// To hear events.
    Events,
    /// To ask the admin API, which roles decide about.
    Admin,
}

/// Who may call without saying who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unnamed {
    /// Whoever calls from this machine.
    #[default]
    Near,
    /// Everybody.
    Anybody,
    /// Nobody.
    Nobody,
}

/// What the doors know of callers.
#[derive(Debug)]
pub struct Callers {
    configured: Vec<Arc<Caller>>,
    roster: ArcSwap<Roster>,
    failures: Failures,
    paces: Paces,
    /// Tokens are changed one at a time.
    changing: Mutex<()>,
}

impl Callers {
    /// Those of the configuration, and those whose tokens are in the store.
    pub(crate) fn new(config: &Config, outbox: &Outbox) -> Callers {
        let configured: Vec<_> =
            config.callers.iter().map(|it| Arc::new(with_named(it, config))).collect();
        let tokens = tokens::all(outbox).unwrap_or_else(|error| {
            tracing::error!(%error, "tokens cannot be read: nobody is let in by one of them");
            Vec::new()
        });
        let roster = ArcSwap::from_pointee(Roster::new(&configured, &tokens));
        Callers {
            configured,
            roster,
            failures: Failures::new(config.access.failures_max, config.access.lock),
            paces: Paces::default(),
            changing: Mutex::default(),
        }
    }

    /// Who sent a request, if it may do what it asks for. A right token that may not is told so.
    pub(crate) fn find(
        &self,
        seat: &Seat,
        shown: &Shown<'_>,
        may: impl Fn(&Caller) -> bool,
    ) -> Result<Arc<Caller>, Refused> {
        let roster = self.roster.load();
        let Some(hash) = shown.hash() else { return roster.by_place(seat, may) };
        let address = seat.address();
        let locked = self.failures.locked(address, &hash);
        if let Some(left) = locked.filter(|_| !roster.has_minted(&hash)) {
            return roster.by_place(seat, may).map_err(|_| Refused::Locked(left));
        }
        let found = roster.by_token(seat, (&hash, shown.name()), &now(), &may);
        match found {
            // Old clients show a user and a password by habit: who is known by its place stays known.
            Err(Refused::Wrong) => roster.by_place(seat, may).map_err(|_| {
                self.failures.count(address);
                Refused::Wrong
            }),
            Err(Refused::Expired | Refused::Revoked) => found,
            _ => {
                self.failures.let_in(address, &hash);
                found
            }
        }
    }

    /// Whether anybody has a token that opens something now.
    pub(crate) fn knows_tokens(&self) -> bool {
        self.roster.load().knows_tokens(&now())
    }

    /// Whether somebody who was let in would still be known by the same token, or by its place.
    pub(crate) fn still_knows(&self, caller: &Caller) -> bool {
        self.roster.load().still_knows(caller, &now())
    }

    /// Counts a call, unless it comes too soon.
    pub(crate) fn pace(&self, caller: &Caller) -> Result<(), Refused> {
        self.paces.take(&caller.name, caller.calls_per_minute).map_err(Refused::TooOften)
    }

    /// What somebody should look at now, by code.
    pub(crate) fn alerts(&self) -> Vec<(&'static str, String)> {
        let failed = self.failures.standing().map(|it| ("I225", it));
        failed.into_iter().chain(self.roster.load().ending(clock::now())).collect()
    }
}

fn now() -> String {
    crate::pipeline::stamp(clock::now())
}

/// Who is named where something may be read has the right to read it.
fn with_named(caller: &Caller, config: &Config) -> Caller {
    let mut caller = caller.clone();
    let is_named = |named: &[String]| named.contains(&caller.name);
    if is_named(&config.events.callers) {
        caller.verbs.push(Verb::Events);
    }
    if config.queries.iter().any(|it| it.callers.contains(&caller.name)) {
        caller.verbs.push(Verb::Query);
    }
    caller
}

impl Caller {
    /// Whether it may do this, at this channel.
    pub(crate) fn may(&self, verb: Verb, channel: Option<&str>) -> bool {
        let here = |channel: &str| self.channels.iter().any(|it| it == channel);
        self.verbs.contains(&verb) && (self.channels.is_empty() || channel.is_none_or(here))
    }

    /// Whether it may hear of this department.
    pub(crate) fn may_hear_of(&self, department: &str) -> bool {
        self.departments.is_empty() || self.departments.iter().any(|it| it == department)
    }

    /// Whether it may be who sits there, whatever it shows.
    fn sits_at(&self, seat: &Seat) -> bool {
        let is_here = |it: std::net::IpAddr| self.addresses.iter().any(|net| net.contains(it));
        let shows = |name: &String| seat.names().iter().any(|it| it.eq_ignore_ascii_case(name));
        (self.addresses.is_empty() || seat.address().is_some_and(is_here))
            && self.certificate.as_ref().is_none_or(shows)
    }

    /// Whether where it calls from, or its certificate, is enough to know it.
    fn needs_no_token(&self) -> bool {
        self.token.is_none() && (!self.addresses.is_empty() || self.certificate.is_some())
    }
}

impl Verb {
    /// All that a caller can have.
    pub const ALL: [Verb; 5] =
        [Verb::Message, Verb::Check, Verb::Feedback, Verb::Query, Verb::Events];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Verb::Message => "message",
            Verb::Check => "check",
            Verb::Feedback => "feedback",
            Verb::Query => "query",
            Verb::Events => "events",
            Verb::Admin => "admin",
        }
    }
}

impl FromStr for Verb {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Verb, &'static str> {
        let known = Verb::ALL.into_iter().find(|it| it.word() == text);
        known.ok_or("verbs are message, check, feedback, query and events")
    }
}
