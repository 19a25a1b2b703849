//! Every call at the doors, written down: when, who, from where, what for, at which channel, what came of
//! it, how many bytes, how long it took. T/CIIA 046-2024 8.3.4.1 asks for it.
//!
//! ```text
//! guard, MLLP door --note--> memory, at most a second --keep--> a file a day --> packed the day after
//! ```
//!
//! Of strangers that are turned away some lines a minute are enough: a flood of them must not push out the
//! calls of others.
//!
//! A line costs no call any time: it is written beside the road, and a crash loses those of the last second
//! (what became of each message is in its journey, on disk before its receipt). No value of a patient, no
//! token and no address that was asked for gets here.
//!
//! | file | what is in it |
//! |---|---|
//! | `book` | the files: written, packed, let go |
//! | `read` | the latest of them that fit |
//! | `routes` | asked by commands |

mod book;
mod read;
mod routes;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::response::Response;

use crate::callers::{Caller, Verb};
use crate::config::CallsConfig;
use crate::{clock, pipeline};
pub(crate) use book::keep;
pub(crate) use routes::routes;

/// What is to be written, and where.
#[derive(Debug)]
pub struct Calls {
    folder: PathBuf,
    keep_days: u32,
    bytes_max: u64,
    waiting: Mutex<Waiting>,
    /// Whoever reads or writes the files.
    disk: Mutex<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: String,
    /// The minute, `YYYYMMDDhhmm`, in which strangers were turned away, and how often so far.
    minute: String,
    strangers: u32,
    /// Calls that are not in the book, since it could not be written.
    lost: u64,
    /// Why it cannot be written now.
    trouble: Option<String>,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// Nobody, where none needs to be known.
    pub(crate) caller: Option<&'a str>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) verb: Verb,
    pub(crate) channel: Option<&'a str>,
    pub(crate) status: u16,
    /// Our own code, if something is wrong.
    pub(crate) code: Option<&'a str>,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
    /// The id of the message or of the check.
    pub(crate) id: Option<&'a str>,
}

/// What a door tells the book of an answer, on the answer itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mark {
    /// Who was answered, where the door has asked by itself.
    pub(crate) caller: Option<Arc<Caller>>,
    /// What a SOAP call came to.
    pub(crate) led: Option<(Verb, String)>,
    pub(crate) id: Option<String>,
}

/// Marks an answer.
pub(crate) fn mark(response: &mut Response, say: impl FnOnce(&mut Mark)) {
    say(response.extensions_mut().get_or_insert_default());
}

impl Calls {
    pub(crate) fn new(config: &CallsConfig) -> Calls {
        Calls {
            folder: config.dir.clone(),
            keep_days: config.keep_days,
            bytes_max: config.bytes_max,
            waiting: Mutex::default(),
            disk: Mutex::default(),
        }
    }

    /// Writes a call down, within a second.
    pub(crate) fn note(&self, call: &Call<'_>) {
        let at = pipeline::stamp(clock::now());
        let mut waiting = self.waiting();
        if call.is_strangers() && !waiting.has_room_for_strangers(&at) {
            return;
        }
        if waiting.lines.len() > WAITING_BYTES_MAX {
            waiting.lost += 1;
            return;
        }
        call.write(&at, &mut waiting.lines);
    }

    /// What somebody should look at now.
    pub(crate) fn alert(&self) -> Option<(&'static str, String)> {
        let waiting = self.waiting();
        let why = waiting.trouble.as_ref()?;
        let (folder, lost) = (self.folder.display(), waiting.lost);
        Some(("I233", format!("调用记录写不进 {folder}（{why}），缺 {lost} 次；收发不受影响")))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Who shows no right token can call as fast as the wire allows: were each of these calls written
    /// down, the calls of others would have no room left. The metric counts them all.
    fn has_room_for_strangers(&mut self, at: &str) -> bool {
        let minute = at.get(..MINUTE).unwrap_or(at);
        if self.minute != minute {
            (self.minute, self.strangers) = (minute.to_owned(), 0);
        }
        self.strangers = self.strangers.saturating_add(1);
        self.strangers <= STRANGERS_A_MINUTE
    }
}

impl Call<'_> {
    /// Whether somebody was turned away of whom nothing is known.
    fn is_strangers(&self) -> bool {
        self.caller.is_none() && self.code.is_some_and(|it| OF_STRANGERS.contains(&it))
    }

    /// A line: columns with tabs between, `-` for nothing.
    fn write(&self, at: &str, out: &mut String) {
        let address = self.address.map(|it| it.to_string());
        let _ = writeln!(
            out,
            "{at}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            plain(self.caller),
            plain(address.as_deref()),
            self.verb.word(),
            plain(self.channel),
            self.status,
            plain(self.code),
            self.bytes,
            self.took.as_millis(),
            plain(self.id),
        );
    }
}

/// A channel's name may be anything that somebody has asked for.
fn plain(text: Option<&str>) -> Cow<'_, str> {
    let Some(text) = text.filter(|it| !it.is_empty()) else { return "-".into() };
    let is_plain = |it: char| !it.is_control() && !it.is_whitespace();
    if text.len() <= COLUMN_MAX && text.chars().all(is_plain) {
        return text.into();
    }
    text.chars().map(|it| if is_plain(it) { it } else { '?' }).take(COLUMN_MAX).collect()
}

/// `YYYYMMDDhhmm`
const MINUTE: usize = 12;
const STRANGERS_A_MINUTE: u32 = 60;
/// What needs no right token to be told.
const OF_STRANGERS: [&str; 6] = ["I221", "I222", "I227", "I161", "I164", "I172"];
const COLUMN_MAX: usize = 64;
/// A minute of a flood, or what a disk may make wait.
const WAITING_BYTES_MAX: usize = 8 << 20;
