//! The journey of each message: what came in, what became of it, where it is now.
//!
//! ```text
//! records on disk (outbox) --follow--> rows by day: messages, and what leads to them
//! bytes as they came ------------------------------+   (stored with the records, one sync)
//! parked messages, dead letters -------------------+--> list, show
//! confirms, noted with the cursor -----------------+
//! dead letter --edit, send on, discard--> the decision is kept with all versions
//! delivered records --replay--> forwarder, under the same record ids and numbers
//! ```
//!
//! Business keys, encounters and patients are found by keyed hashes: whoever has the store and not the
//! key reads no name in it, nor proves one that was guessed.
//!
//! | file | what is in it |
//! |---|---|
//! | `rows` | the rows' keys and bytes |
//! | `fold` | follows the outbox |
//! | `keeper` | the task: follow, let go of what is too old or too much |
//! | `query`, `list` | which messages are wanted, and finding them |
//! | `attempts` | what became of each try to publish a record |
//! | `show` | all that is known of one |
//! | `mask` | a message with its values hidden |
//! | `letters`, `causes` | dead letters: send on, edited or not; discard; how many of what cause |
//! | `replay`, `ranges` | delivered records once more; which of them |
//! | `carry` | the task that carries replays out |
//! | `repair` | the same for what the platform was found to lack |
//! | `routes` | what operators may ask |

mod attempts;
mod carry;
mod causes;
mod fold;
mod forecast;
mod keeper;
mod letters;
mod list;
mod mask;
mod query;
mod ranges;
mod repair;
mod replay;
pub(crate) mod routes;
mod rows;
mod show;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

pub(crate) use self::carry::carry_out;
use self::causes::Causes;
pub(crate) use self::keeper::keep;
pub(crate) use self::mask::text as masked_text;
pub(crate) use self::repair::send_again;
use crate::config::Config;
use crate::outbox::Outbox;
use crate::patient_key::PatientKey;

/// What the doors, the keeper and the commands share.
#[derive(Debug, Default)]
pub struct Journeys {
    opened: OnceLock<Opened>,
}

#[derive(Debug)]
struct Opened {
    outbox: Outbox,
    key: PatientKey,
    /// Held by whoever follows.
    turn: Mutex<()>,
    /// Held by whoever writes the row of a replay.
    replaying: Mutex<()>,
    /// Held by whoever decides about dead letters.
    decision: tokio::sync::Mutex<()>,
    causes: Causes,
}

/// What a hash is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// A message's or a record's id.
    Id,
    /// A business key.
    Key,
    /// An encounter.
    Encounter,
    /// Any id of a patient.
    Patient,
}

impl Journeys {
    /// Reads the installation's key. Blocks.
    pub(crate) fn open(&self, config: &Config, outbox: Outbox) -> io::Result<()> {
        let key = PatientKey::open(&config.history.key_file)?;
        let (turn, replaying) = (Mutex::default(), Mutex::default());
        let decision = tokio::sync::Mutex::default();
        let causes = Causes::default();
        causes.look(&outbox).map_err(io::Error::other)?;
        drop(self.opened.set(Opened { outbox, key, turn, replaying, decision, causes }));
        Ok(())
    }

    /// How many dead letters there are, by cause.
    pub(crate) fn dead_by_cause(&self) -> BTreeMap<String, u64> {
        self.opened().map(|it| it.causes.told()).unwrap_or_default()
    }

    fn opened(&self) -> Option<&Opened> {
        self.opened.get()
    }
}

impl Opened {
    /// What stands for an id, a key or a name in the rows' keys.
    fn hash(&self, subject: Subject, text: &str) -> [u8; 8] {
        let purpose = match subject {
            Subject::Id => "journey id",
            Subject::Key => "journey key",
            Subject::Encounter => "journey encounter",
            Subject::Patient => "journey patient",
        };
        let tag = self.key.derive(purpose, &[text.trim().as_bytes()]);
        tag.first_chunk().copied().unwrap_or_default()
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        // What panicked meanwhile wrote nothing.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ids are written with and without hyphens.
fn same_id(id: &str) -> String {
    uuid::Uuid::try_parse(id.trim()).map_or_else(|_| id.trim().to_owned(), |it| it.to_string())
}
