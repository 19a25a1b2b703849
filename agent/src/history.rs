//! The past of each patient, as far as this institution's records tell it: 13 months of orders,
//! charges, visits, diagnoses, allergies and results, and the first use of every item.
//!
//! ```text
//! records on disk (outbox) --fold--> rows of a patient, encrypted, and the number of the next record
//!                                       |
//! check: who is it --recall------------>+--> rules::past::gather --> merge --> facts.history
//! ```
//!
//! The fold follows the outbox by numbers, behind the receipts and never in their way: one change
//! holds the rows and the number up to which they were made, so that a crash at any moment loses
//! nothing and doubles nothing. Until then the outbox keeps the records, delivered or not.
//!
//! What a check says of its own patient (diagnoses, allergies, results, a weight, the lines it asks
//! about) is kept behind its answer, apart from what records say, and gives way to it.
//!
//! A check asks memory first and the disk only for a bounded time. Whoever cannot be asked, or is not
//! known because the key is another one, leaves the history *unknown*, never empty.
//!
//! | file | what is in it |
//! |---|---|
//! | `keys` | the rows' keys, and the days in front of values |
//! | `links` | the ids of one patient |
//! | `alias` | what the rest of the agent calls a patient |
//! | `ledger` | the rows: fold, read, forget |
//! | `firsts` | the first use of each item, which outlives its line |
//! | `seen` | what checks told of their own patients |
//! | `encounters` | who was there on which day, for audits |
//! | `codec`, `fields` | what is kept, as bytes |
//! | `cipher` | how it is sealed |
//! | `rekeyed` | rows of earlier releases |
//! | `recall` | the past of a check's patient |
//! | `then` | what was known of a patient at a moment |
//! | `remembered` | pasts in memory, until a row of theirs changes |
//! | `fold` | the task that follows the outbox |
//! | `routes` | what operators may ask: show, forget, begin anew |

mod alias;
mod cipher;
mod codec;
mod encounters;
mod fields;
mod firsts;
mod fold;
mod keys;
mod ledger;
mod links;
mod recall;
mod rekeyed;
mod remembered;
pub(crate) mod routes;
mod seen;
mod then;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::{Value, json};
use tokio::sync::Semaphore;

pub(crate) use self::encounters::{Found, Unread};
pub(crate) use self::fold::follow;
pub(crate) use self::keys::Kind;
use self::ledger::{Ledger, NotOpen};
pub(crate) use self::seen::AboutLines;
pub(crate) use self::then::KnownThen;
use crate::clock;
use crate::config::Config;
use crate::outbox::{Outbox, StoreError};
use crate::patient_key::PatientKey;

/// What the doors and the fold share.
#[derive(Debug)]
pub struct History {
    state: RwLock<State>,
    /// Held by whoever begins anew.
    anew: Mutex<()>,
    /// Room for checks that wait for the disk.
    disk: Arc<Semaphore>,
}

#[derive(Clone, Debug)]
enum State {
    /// Switched off.
    Off,
    /// Not open yet.
    Closed,
    /// In use.
    Open(Ledger),
    /// Written with another key: it cannot be read, and is not written.
    OtherKey,
}

impl History {
    pub(crate) fn new(config: &Config) -> History {
        let state = if config.history.keep_days == 0 { State::Off } else { State::Closed };
        History {
            state: RwLock::new(state),
            anew: Mutex::default(),
            disk: Arc::new(Semaphore::new(DISK_READS_MAX)),
        }
    }

    /// Opens the past, or says why it stays unknown: that is no reason not to start. Blocks.
    pub(crate) fn open(&self, config: &Config, outbox: &Outbox) -> Result<(), StoreError> {
        if matches!(self.now(), State::Off) {
            return Ok(());
        }
        let file = &config.history.key_file;
        let key = match PatientKey::open(file) {
            Ok(key) => key,
            Err(error) => {
                outbox.hold_from(None);
                tracing::error!(code = "O302", file = %file.display(), %error, "the key of patients cannot be read: their past is unknown");
                self.set(State::OtherKey);
                return Ok(());
            }
        };
        let org = Arc::from(config.hospital.code.as_str());
        let keep_days = config.history.keep_days;
        let state = match Ledger::open(outbox.clone(), key, org, keep_days, clock::now().date()) {
            Ok(ledger) => State::Open(ledger),
            Err(NotOpen::OtherKey) => {
                outbox.hold_from(None);
                tracing::error!(code = "O301", file = %file.display(), "the past of patients was written with another key and is unknown");
                State::OtherKey
            }
            Err(NotOpen::Store(error)) => return Err(error),
        };
        self.set(state);
        Ok(())
    }

    /// Removes everything and begins anew with the key there is; never what is switched off. Blocks.
    pub(crate) fn begin_anew(&self, config: &Config, outbox: &Outbox) -> Result<(), StoreError> {
        if matches!(self.now(), State::Off) {
            return Err(StoreError::Failed {
                operation: "begin the past of patients anew",
                cause: "it is switched off: set history.keep_days above 0".to_owned(),
            });
        }
        let _alone = self.anew.lock().unwrap_or_else(PoisonError::into_inner);
        let file = &config.history.key_file;
        let key = PatientKey::open(file).map_err(|error| StoreError::Failed {
            operation: "read the key of patients",
            cause: error.to_string(),
        })?;
        // Who still holds the ledger that was must not write among the rows of the new one: a fold
        // would set its own place behind the records that are to be folded again.
        let before = self.ledger();
        let _turn = before.as_ref().map(Ledger::close);
        self.set(State::Closed);
        Ledger::begin_anew(outbox, &key, clock::now().date())?;
        self.open(config, outbox)
    }

    fn ledger(&self) -> Option<Ledger> {
        match self.now() {
            State::Open(ledger) => Some(ledger),
            State::Off | State::Closed | State::OtherKey => None,
        }
    }

    /// How it stands, for operators.
    pub(crate) fn standing(&self) -> Value {
        match self.now() {
            State::Off => json!({ "state": "off" }),
            State::Closed => json!({ "state": "closed" }),
            State::OtherKey => json!({ "state": "unreadable" }),
            State::Open(ledger) => json!({
                "state": "open",
                "since": ledger.since().map(|it| it.strftime("%Y%m%d").to_string()),
                "behind": ledger.lag(),
            }),
        }
    }

    fn now(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Checks that may wait for the disk at one time; others are answered without the past.
const DISK_READS_MAX: usize = 16;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
