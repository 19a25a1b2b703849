//! The account with the platform (对账): day by day, entity by entity and channel by channel, what was
//! confirmed, compared with what the platform has on its disk, down to the record.
//!
//! ```text
//! outbox --confirmed--> follow --> pages of a day: counts, sums, leaves by range of numbers
//!                                     |
//! his-agent reconcile --> run: totals? ranges? leaves? --question, behind the records--> platform
//!                                     |  <-----------answer, his.control.{org}----------
//!                                     +--> missing, different, unknown, doubled, by record id
//! --repair: withdraw what is wrong there, replay what is right, and look again
//! balanced: a statement, signed and kept on both sides
//! ```
//!
//! | file | what is in it |
//! |---|---|
//! | `leaf`, `page`, `sums` | a record, a page, its sums: the same on both sides |
//! | `question` | what both sides say to each other |
//! | `follow`, `keeper` | our account, kept up as records are confirmed |
//! | `unread` | what was confirmed and could not be read |
//! | `elsewhere` | that it is given up only where no other day names it |
//! | `whose` | whose a record is that only the platform has |
//! | `days` | where the records of a day lie that are not confirmed yet |
//! | `book` | the platform's account, made of what lies on its disk |
//! | `compare` | names what is not the same |
//! | `ask` | brings questions to the platform: over the broker, or by a file that was carried |
//! | `run`, `repair` | a day compared, and put right |
//! | `report`, `statement` | what is told of it, and what is signed |
//! | `his`, `sent`, `fetch` | the HIS's own totals against ours; those that it sends, and those that are fetched |
//! | `results` | what the last comparison of each day came to |
//! | `daily` | compares each day that is over, by itself |
//! | `routes` | what operators may ask |

mod ask;
pub(crate) mod book;
mod compare;
mod daily;
mod days;
mod elsewhere;
mod fetch;
mod follow;
mod his;
mod keeper;
pub(crate) mod leaf;
pub(crate) mod page;
pub(crate) mod question;
mod repair;
mod report;
mod results;
pub(crate) mod routes;
mod run;
mod sent;
mod statement;
pub(crate) mod sums;
mod unread;
mod whose;

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

pub(crate) use self::ask::control_queue;
pub(crate) use self::daily::keep_daily;
use self::days::Days;
pub(crate) use self::fetch::fetch_totals;
pub(crate) use self::keeper::keep;
use self::results::Results;
pub(crate) use self::sent::{Sent, take as take_totals};
pub(crate) use self::statement::is_signed;
use crate::config::Config;
use crate::outbox::{Outbox, StoreError};
use crate::signing::SigningKey;

/// The account of this agent.
#[derive(Debug, Default)]
pub struct Accounts {
    opened: OnceLock<Opened>,
}

#[derive(Debug)]
struct Opened {
    outbox: Outbox,
    /// Where signed statements are kept.
    folder: PathBuf,
    key: SigningKey,
    results: Results,
    days: Mutex<Days>,
    /// Held by whoever follows.
    turn: Mutex<()>,
    /// Held by whoever reconciles: two at a time would repair each other's repairs.
    running: tokio::sync::Mutex<()>,
}

impl Accounts {
    /// Finds out how far the account goes, and holds everything behind it. Blocks.
    pub(crate) fn open(&self, config: &Config, outbox: Outbox) -> io::Result<()> {
        let folder = config.outbox.dir.with_file_name("statements");
        let key = SigningKey::open(&config.outbox.dir.with_file_name("signing.key"))?;
        let (turn, running) = (Mutex::default(), tokio::sync::Mutex::default());
        let (results, days) = (Results::open(&folder)?, Mutex::default());
        let opened = Opened { outbox, folder, key, results, days, turn, running };
        opened.take_up().map_err(io::Error::other)?;
        drop(self.opened.set(opened));
        Ok(())
    }

    /// How the account stands, as far as it was compared.
    pub(crate) fn standing(&self) -> serde_json::Value {
        self.opened().map(|it| it.results.standing()).unwrap_or_default()
    }

    /// How many of the latest days do not balance, or could not be compared.
    pub(crate) fn unwell(&self) -> u64 {
        self.opened().map(|it| it.results.unwell()).unwrap_or_default()
    }

    /// What the platform was last found to have of a record. Blocks.
    pub(crate) fn of_record(
        &self,
        received_at: &str,
        record_id: &str,
        confirmed_at: &str,
    ) -> Option<serde_json::Value> {
        let day = received_at.get(..8)?;
        self.opened().ok()?.results.of_record(day, record_id, confirmed_at)
    }

    fn opened(&self) -> Result<&Opened, StoreError> {
        self.opened.get().ok_or(StoreError::Stopped)
    }
}

impl Opened {
    fn turn(&self) -> MutexGuard<'_, ()> {
        // What panicked meanwhile wrote nothing.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn days(&self) -> MutexGuard<'_, Days> {
        // What panicked meanwhile looked at a stretch without noting it, and it is looked at again.
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
