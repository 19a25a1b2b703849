//! The reference receiver: the platform's end of the road, and the judge of our own tests.
//!
//! It takes messages off a queue, or segments out of a folder that came across a network gate, and
//!
//! - believes nothing: every record is read, checked for what a standard record must have, and
//!   handed to the caller's own check;
//! - drops doubles by `record_id`, which a resend keeps;
//! - follows the sequence numbers of every agent and store (`x-agent`, `x-epoch`), and names the
//!   numbers that are missing; a late arrival closes its gap;
//! - acknowledges only what is synced to its own disk.
//!
//! What it leaves in its folder:
//!
//! | file | holds |
//! |---|---|
//! | `AGENT.EPOCH.DAY.ndjson` | records as they came, one a line; DAY is that of `received_at` |
//! | `rejected.ndjson` | what was refused, with the reason |
//! | `summary.json` | the account: distinct records, doubles, gaps, counts by entity |
//! | `doubles.jsonl` | second copies that were dropped, by id; what of it the agent knows |
//! | `withdrawn.jsonl` | copies that were set aside since the agent has others |
//! | `statement.AGENT.EPOCH.DAY.json` | the agent's signed statement that the day is balanced |
//!
//! It also answers the agent's questions about a day's account (`reconcile`): from what is in these
//! files, after all that came before the question was written.
//!
//! The same records may go into a table of PostgreSQL besides (`postgres`): committed before a message is
//! acknowledged.
//!
//! The files are also its memory: a start reads them and goes on where the last run ended. A last
//! line that was cut short by a crash is removed; it had not been acknowledged.

mod account;
mod disowned;
mod postgres;
mod record;
mod shelf;
mod summary;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

pub use self::account::Gap;
pub use self::postgres::Address;
pub use self::record::Record;
pub use self::summary::{Stream, Summary};

use self::disowned::Disowned;
use self::postgres::Table;
use self::record::Incoming;
use self::shelf::Shelf;
use crate::forward::Arrival;
use crate::forward::backoff::Backoff;
use crate::forward::broker::{Consumer, Letter};
use crate::forward::error::BrokerError;
use crate::forward::files::{MANIFEST_END, Manifest, sha256};
use crate::forward::options::Access;
use crate::forward::parcel::NDJSON;
use crate::reconcile::question::{ANSWER, Answer, ORDER_END, QUESTION};

/// From which queue to receive, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The broker.
    pub access: Access,
    /// The queue.
    pub queue: String,
    /// The folder to keep everything in.
    pub out: PathBuf,
    /// Messages the broker may send ahead of our acknowledgement.
    pub prefetch: u16,
    /// Messages that are synced and acknowledged together, at most.
    pub group_messages_max: usize,
    /// How long the first message of a group may wait for others.
    pub group_wait_max: Duration,
    /// End when nothing has come for this long; without it, only when told to stop.
    pub idle_max: Option<Duration>,
    /// The database that gets the records as rows, too.
    pub table: Option<Address>,
}

impl Options {
    /// The defaults, for a broker, a queue and a folder.
    pub fn new(access: Access, queue: &str, out: PathBuf) -> Options {
        Options {
            access,
            queue: queue.to_owned(),
            out,
            prefetch: 500,
            group_messages_max: 500,
            group_wait_max: Duration::from_millis(20),
            idle_max: None,
            table: None,
        }
    }
}

/// From which folder to receive.
#[derive(Debug, Clone)]
pub struct FilesOptions {
    /// The folder with segments and manifests.
    pub from: PathBuf,
    /// The folder to keep everything in.
    pub out: PathBuf,
    /// The database that gets the records as rows, too.
    pub table: Option<Address>,
}

/// The caller's own check of a record; the text says what is wrong with it.
pub type Check<'c> = &'c (dyn Fn(&Record<'_>) -> Result<(), String> + Sync);

/// The check that refuses nothing.
pub fn accept_all(_record: &Record<'_>) -> Result<(), String> {
    Ok(())
}

/// Receives until told to stop, or until nothing has come for as long as the options say. Ends with
/// an error only when its own disk fails; a broker that fails is tried again.
pub async fn run(
    options: &Options,
    check: Check<'_>,
    stop: &CancellationToken,
) -> io::Result<Summary> {
    let mut desk = Desk::open(&options.out, options.table.as_ref(), check)?;
    let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
    let mut idle_from = Instant::now();
    for turn in 0.. {
        let opening = Consumer::open(&options.access, turn, &options.queue, options.prefetch);
        let opened = select! {
            () = stop.cancelled() => break,
            opened = timeout(OPEN_MAX, opening) => opened,
        };
        let late = |_| Err(BrokerError::silent("connecting", OPEN_MAX));
        let error = match opened.unwrap_or_else(late) {
            Ok(consumer) => {
                tracing::info!(
                    peer = options.access.peer(turn),
                    queue = options.queue,
                    "receiving"
                );
                match desk.serve(consumer, options, stop, &mut idle_from, &mut backoff).await? {
                    None => break,
                    Some(error) => error,
                }
            }
            Err(error) => error,
        };
        let delay = backoff.next_delay();
        tracing::warn!(code = error.code(), %error, retry_in_ms = delay.as_millis(), "not receiving");
        select! {
            () = stop.cancelled() => break,
            () = sleep_until(idle_end(options, idle_from)) => break,
            () = sleep(delay) => (),
        }
    }
    desk.close()
}

/// Takes in every complete segment of a folder, and leaves the folder as it is: segments that were
/// taken in before are doubles.
pub fn run_files(
    options: &FilesOptions,
    check: Check<'_>,
    stop: &CancellationToken,
) -> io::Result<Summary> {
    let mut desk = Desk::open(&options.out, options.table.as_ref(), check)?;
    for path in named(&options.from, ORDER_END)? {
        let order = std::fs::read(&path)?;
        desk.carry_out(&path, &order)?;
        desk.disowned.note(&path, &order);
    }
    for path in named(&options.from, MANIFEST_END)? {
        if stop.is_cancelled() {
            break;
        }
        desk.take_segment(&path)?;
        desk.flush()?;
    }
    desk.close()
}

/// Writes the account of a day as a file an agent and store, to be carried to the hospital where it
/// cannot be asked for; gives their names.
pub fn write_account(out: &Path, day: &str) -> io::Result<Vec<String>> {
    Shelf::open(out)?.write_accounts(day)
}

/// Where messages are looked at, counted and put on the shelf.
struct Desk<'c> {
    shelf: Shelf,
    table: Option<Table>,
    summary: Summary,
    check: Check<'c>,
    /// Segments stay where they are: what was withdrawn must not come back from its own.
    disowned: Disowned,
    told_at: Instant,
}

impl<'c> Desk<'c> {
    fn open(out: &Path, table: Option<&Address>, check: Check<'c>) -> io::Result<Desk<'c>> {
        let shelf = Shelf::open(out)?;
        let table = table.cloned().map(Table::open).transpose()?;
        let (summary, disowned) = (Summary::default(), Disowned::default());
        Ok(Desk { shelf, table, summary, check, disowned, told_at: Instant::now() })
    }

    /// Brings everything taken to where it stays: only then may it be acknowledged.
    fn flush(&mut self) -> io::Result<()> {
        self.shelf.flush()?;
        self.table.as_mut().map_or(Ok(()), Table::commit)
    }

    /// Answers a question from what is on disk. What an order sets aside goes from the table, too.
    fn told(&mut self, question: &[u8]) -> io::Result<Answer> {
        self.flush()?;
        let answer = self.shelf.answer(question)?;
        if let (Some(table), Answer::Withdrawn { .. }) = (&mut self.table, &answer) {
            table.remove(&self.shelf.gone_of(question))?;
        }
        Ok(answer)
    }

    /// One connection's worth. `None` when it is time to end, else why the connection failed.
    async fn serve(
        &mut self,
        mut consumer: Consumer,
        options: &Options,
        stop: &CancellationToken,
        idle_from: &mut Instant,
        backoff: &mut Backoff,
    ) -> io::Result<Option<BrokerError>> {
        loop {
            let first = select! {
                biased;
                () = stop.cancelled() => None,
                arrival = consumer.next() => Some(arrival),
                () = sleep_until(idle_end(options, *idle_from)) => None,
            };
            let Some(first) = first else {
                consumer.close().await;
                return Ok(None);
            };
            let (group, failed) = gather(&mut consumer, first, options).await;
            if let Some(last) = group.last().map(|it| it.tag) {
                for arrival in &group {
                    if arrival.kind == QUESTION {
                        self.answer(&consumer, arrival).await?;
                    } else {
                        self.take(&incoming(arrival));
                    }
                }
                self.flush()?;
                if let Err(error) = consumer.acknowledge_through(last).await {
                    return Ok(Some(error));
                }
                *idle_from = Instant::now();
                backoff.reset();
                self.tell()?;
            }
            if failed.is_some() {
                return Ok(failed);
            }
        }
    }

    /// Answers a question of the account: from what is on disk, so all before it goes there first.
    async fn answer(&mut self, consumer: &Consumer, arrival: &Arrival) -> io::Result<()> {
        let answer = self.told(&arrival.body)?;
        let letter = Letter {
            exchange: String::new(),
            routing_key: arrival.reply_to.clone(),
            kind: ANSWER,
            id: crate::clock::new_id(),
            reply_to: String::new(),
            correlation: arrival.message_id.clone(),
            body: serde_json::to_vec(&answer)?,
        };
        // Whoever asked asks again; and a connection that is gone shows when it is acknowledged.
        if let Err(error) = consumer.send(&letter).await {
            tracing::warn!(queue = arrival.reply_to, %error, "an answer could not be sent");
        }
        Ok(())
    }

    /// Carries out what the agent has ordered by a file beside its records.
    fn carry_out(&mut self, path: &Path, order: &[u8]) -> io::Result<()> {
        let answer = self.told(order)?;
        tracing::info!(file = %path.display(), ?answer, "an order of the account");
        Ok(())
    }

    /// Looks at one message. Nothing is on disk before the shelf is flushed.
    fn take(&mut self, incoming: &Incoming<'_>) {
        self.summary.messages += 1;
        for taken in record::split(incoming) {
            self.summary.received += 1;
            let checked = taken.and_then(|record| match (self.check)(&record) {
                Ok(()) => Ok(record),
                Err(reason) => Err(record::Refusal::of(&record, reason)),
            });
            let (new, rejected) = match checked {
                Ok(record) if self.disowned.has(incoming, &record) => (false, false),
                Ok(record) => {
                    // A second copy, too: after a crash the first may not have been committed.
                    if let Some(table) = &mut self.table {
                        table.put(incoming, &record);
                    }
                    (self.shelf.put_record(incoming, &record), false)
                }
                Err(refusal) => (self.shelf.put_refusal(incoming, &refusal), true),
            };
            self.summary.doubles += u64::from(!new);
            self.summary.rejected += u64::from(new && rejected);
        }
    }

    fn take_segment(&mut self, path: &Path) -> io::Result<()> {
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&std::fs::read(path)?) else {
            // The gate may have cut it short. It holds up no other.
            tracing::warn!(manifest = %path.display(), "not complete, or no manifest");
            let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            self.summary.damaged_segments.push(name.to_owned());
            return Ok(());
        };
        let body = match std::fs::read(path.with_file_name(&manifest.segment)) {
            Ok(body) => body,
            // The gate may bring the manifest before its segment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if sha256(&body) != manifest.sha256 {
            tracing::warn!(segment = manifest.segment, "not complete, or not as it was written");
            self.summary.damaged_segments.push(manifest.segment);
            return Ok(());
        }
        self.take(&Incoming {
            agent: &manifest.agent,
            epoch: &manifest.epoch,
            message_id: &manifest.segment,
            seq: Some(manifest.first_seq),
            lines: true,
            count: Some(manifest.count),
            anew: true,
            body: &body,
        });
        Ok(())
    }

    /// Writes the account now and then, for whoever watches a long run.
    fn tell(&mut self) -> io::Result<()> {
        if self.told_at.elapsed() >= TELL_EVERY {
            self.told_at = Instant::now();
            self.shelf.tell(&mut self.summary)?;
        }
        Ok(())
    }

    fn close(mut self) -> io::Result<Summary> {
        self.flush()?;
        self.shelf.tell(&mut self.summary)?;
        Ok(self.summary)
    }
}

/// What comes together, and the error that ended it, if one did.
async fn gather(
    consumer: &mut Consumer,
    first: Result<Arrival, BrokerError>,
    options: &Options,
) -> (Vec<Arrival>, Option<BrokerError>) {
    let until = Instant::now() + options.group_wait_max;
    let mut group = Vec::new();
    let mut next = Ok(first);
    loop {
        match next {
            Ok(Ok(arrival)) => group.push(arrival),
            Ok(Err(error)) => return (group, Some(error)),
            Err(_) => return (group, None),
        }
        if group.len() >= options.group_messages_max.clamp(1, options.prefetch.max(1).into()) {
            return (group, None);
        }
        next = timeout_at(until, consumer.next()).await;
    }
}

fn incoming(arrival: &Arrival) -> Incoming<'_> {
    Incoming {
        agent: &arrival.agent,
        epoch: &arrival.epoch,
        message_id: &arrival.message_id,
        seq: arrival.seq,
        lines: arrival.content_type == NDJSON || arrival.count.is_some(),
        count: arrival.count,
        anew: arrival.redelivered,
        body: &arrival.body,
    }
}

fn idle_end(options: &Options, idle_from: Instant) -> Instant {
    // A day from now is as good as never: the question is asked again long before.
    options.idle_max.map_or_else(|| Instant::now() + A_DAY, |idle| idle_from + idle)
}

fn named(folder: &Path, end: &str) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        if name.ends_with(end) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

const OPEN_MAX: Duration = Duration::from_secs(15);
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LONGEST: Duration = Duration::from_secs(10);
const TELL_EVERY: Duration = Duration::from_secs(5);
const A_DAY: Duration = Duration::from_hours(24);

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
