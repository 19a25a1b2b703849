//! Records pushed to other systems, as `[[subscription]]` says: which entities, under which conditions, in
//! whose words, where to.
//!
//! ```text
//! outbox --place of one subscriber--> fits? --> in its words --POST--> taken: the place moves
//!   ^                                                 `--> not now: waits, longer each time, for ever
//!   `-- nothing that a subscriber has not had is removed  `--> never: set aside by number, the next one
//! ```
//!
//! Each subscriber has a place of its own in the one outbox, and its own pace: none waits for another, and
//! the platform waits for none. A place is kept on disk behind what was sent, so after a crash some
//! records come twice, under the same id (`Idempotency-Key`). A record is given up only when it is older than
//! `keep_days`, or when the disk has no room left for what the HIS sends; how many were is told.
//!
//! | file | what is in it |
//! |---|---|
//! | `alerts` | what somebody should look at |
//! | `aside` | what was refused: kept, given up, passed by |
//! | `decided` | what a person has decided: once more, or never |
//! | `fault` | whose fault a SOAP fault is |
//! | `parcel` | whether a record fits, and what is sent of it |
//! | `place` | where a subscriber is, and what it refused |
//! | `push` | the task of one subscriber |
//! | `receipt` | whether an answer is one |
//! | `routes` | how they stand, for commands |

mod alerts;
mod aside;
mod decided;
mod fault;
mod parcel;
mod place;
mod push;
mod receipt;
mod routes;

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mappings::Catalogs;
use schemas::Problem;
use serde_json::{Value, json};
use tokio::sync::Notify;

pub(crate) use self::alerts::ALERT_AFTER;
use self::decided::Skip;
use self::place::Place;
pub(crate) use self::push::follow;
pub(crate) use self::routes::routes;
use crate::config::{Config, SubscriptionConfig};
use crate::outbox::{Change, Outbox};
use crate::relay::exchange::Client;
use crate::sets::dictionary;

/// All subscribers.
#[derive(Debug)]
pub struct Subscriptions(Vec<Subscriber>);

/// One, and how it stands.
#[derive(Debug)]
struct Subscriber {
    config: SubscriptionConfig,
    client: Client,
    standing: Mutex<Standing>,
    /// What it refused is sent once more.
    again: AtomicBool,
    /// A record that is given up.
    skip: Mutex<Option<Skip>>,
    /// A person has decided something.
    decided: Notify,
}

#[derive(Debug, Default)]
struct Standing {
    place: Place,
    trouble: Option<Trouble>,
    /// How often in succession it refused the record at its place.
    refused: u32,
    /// How many records in succession were set aside because nobody said that they were taken.
    without_receipt: u32,
    /// The place is not on disk, for want of room, and neither is this.
    unsaved: Option<Vec<Change>>,
}

/// Why nothing goes on.
#[derive(Clone, Debug)]
struct Trouble {
    since: Instant,
    at: String,
    reason: String,
}

impl Subscriptions {
    /// Nothing is sent yet.
    pub(crate) fn new(config: &Config) -> Subscriptions {
        let subscriber = |it: &SubscriptionConfig| {
            Subscriber {
            config: it.clone(),
            client: Client::new(it.ca_file.as_deref()).unwrap_or_else(|error| {
                tracing::error!(code = "I116", %error, subscription = it.name, "ca_file cannot be used");
                Client::without_tls()
            }),
            standing: Mutex::default(),
            again: AtomicBool::new(false),
            skip: Mutex::default(),
            decided: Notify::new(),
        }
        };
        Subscriptions(config.subscriptions.iter().map(subscriber).collect())
    }

    /// How all stand, for operators.
    pub(crate) fn standing(&self, outbox: &Outbox) -> Vec<Value> {
        self.0.iter().map(|it| it.told(outbox)).collect()
    }
}

impl Subscriber {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        // Whoever panicked left numbers that are still right.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the disk has no room for what was done last.
    fn is_unsaved(&self) -> bool {
        self.standing().unsaved.is_some()
    }

    fn told(&self, outbox: &Outbox) -> Value {
        let standing = self.standing();
        let place = &standing.place;
        let trouble = standing.trouble.as_ref();
        json!({
            "name": self.config.name,
            "next": place.next,
            "behind": outbox.next_seq().saturating_sub(place.next),
            "sent": place.sent,
            "set_aside": place.set_aside,
            "skipped": place.skipped,
            "lost": place.lost,
            "trouble": trouble.map(|it| json!({ "since": it.at, "reason": it.reason })),
        })
    }
}

/// A subscription that names what the dictionary does not have would never send anything.
pub(crate) fn prove(subscriptions: &[SubscriptionConfig], catalogs: &Catalogs) -> Vec<Problem> {
    let mut problems = Vec::new();
    for it in subscriptions {
        let wrong = |why: String| {
            let message = format!("[[subscription]] `{}`: {why}", it.name);
            Problem::error("A022", "agent.toml", (1, 1), message)
        };
        let entities = it.entities.iter();
        let missing = entities.filter_map(|entity| dictionary::not_an_entity(catalogs, entity));
        problems.extend(missing.map(wrong));
        let named = it.when.iter().map(|it| &it.element).chain(&it.elements);
        let unknown = dictionary::not_elements(catalogs, &it.entities, named);
        problems.extend(unknown.iter().map(|name| wrong(format!("no entity of it has {name}"))));
    }
    problems
}

/// A SOAP service may say with 200 what it did not take: only the text of its answer tells.
pub(crate) fn advise(subscriptions: &[SubscriptionConfig]) -> impl Iterator<Item = Problem> {
    let is_blind = |it: &&SubscriptionConfig| it.soap_action.is_some() && it.answer_has.is_none();
    subscriptions.iter().filter(is_blind).map(|it| {
        let message = format!(
            "[[subscription]] `{}` has `soap_action` and no `answer_has`: any 200 that is no SOAP fault \
             counts as taken",
            it.name
        );
        Problem::warning("A023", "agent.toml", (1, 1), message)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
