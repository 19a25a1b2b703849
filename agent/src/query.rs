//! What other systems may read of the records that are kept: by business key, by patient, by time, as
//! `[[query]]` says and without a line of code.
//!
//! ```text
//! GET /v1/records --caller, query--> find: by key, or page by page through what is kept
//!                                      `--> book: who has asked what, how many --sync--> answer
//! ```
//!
//! What waits for the platform is there, and what was delivered as long as `[messages]` keeps it. No
//! answer leaves before the asking is in the book, and no value that was asked for ever gets there.
//!
//! | file | what is in it |
//! |---|---|
//! | `door` | `GET /v1/records`: who asks, and what for |
//! | `find` | the records, in bounded steps |
//! | `told` | what of a record is told: chosen elements, persons masked |
//! | `book` | who has asked |

mod book;
pub(crate) mod door;
mod find;
mod told;

use std::sync::Arc;

use mappings::Catalogs;
use schemas::Problem;
use tokio::sync::Semaphore;

pub(crate) use self::book::routes;
use crate::config::QueryConfig;
use crate::sets::dictionary;

/// What askers share.
#[derive(Debug)]
pub struct Queries {
    /// Reading takes the disk's time: few at once, so that messages and checks do not notice.
    room: Arc<Semaphore>,
}

impl Default for Queries {
    fn default() -> Queries {
        Queries { room: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

const AT_ONCE: usize = 2;

/// A query that names what the dictionary does not have would never find anything.
pub(crate) fn prove(queries: &[QueryConfig], catalogs: &Catalogs) -> Vec<Problem> {
    let mut problems = Vec::new();
    for it in queries {
        let wrong = |why: String| {
            let message = format!("[[query]] `{}`: {why}", it.name);
            Problem::error("A021", "agent.toml", (1, 1), message)
        };
        if let Some(why) = dictionary::not_an_entity(catalogs, &it.entity) {
            problems.push(wrong(why));
            continue;
        }
        let of = std::slice::from_ref(&it.entity);
        let unknown = dictionary::not_elements(catalogs, of, &it.elements);
        let told = unknown.iter().map(|name| wrong(format!("{} has no {name}", it.entity)));
        problems.extend(told);
    }
    problems
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
