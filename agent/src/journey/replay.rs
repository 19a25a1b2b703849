//! Sending delivered records once more: after the platform has lost some, or to prove what it has.
//!
//! A replay is the same message: same record id, number, revision and bytes, so that whoever has the
//! record already drops it, and whoever misses it closes the gap. Within a lane the records go in their
//! order. A record that a later revision has replaced is left out unless it is asked for: should an old
//! revision arrive behind a newer one, `x-revision` tells the platform which of them counts.
//!
//! What is wanted is kept as a row with how far it has come, so that a crash only sends what was on
//! its way once more. One replay goes at a time, at a pace that leaves the road to what is new; one
//! whose records do not arrive makes way for the others, and has its turn again after them.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::{MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::list::Found;
use super::query::{Asked, Query};
use super::ranges::{self, RANGES_INSIDE, Range};
use super::{Opened, Subject, letters::Said, rows};
use crate::clock;
use crate::envelope::Envelope;
use crate::outbox::{Change, StoreError};

/// What is to go out once more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    #[serde(flatten)]
    pub(super) asked: Asked,
    /// Ids of messages or records; with some, nothing else is asked for.
    pub(super) ids: Vec<String>,
    /// Revisions, too, that a later one has replaced.
    pub(super) superseded: bool,
    /// Records a second.
    pub(super) rate: Option<u32>,
    #[serde(flatten)]
    pub(super) said: Said,
}

/// A replay: what is wanted, and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Replay {
    pub(super) number: u64,
    /// When it began, `YYYYMMDDhhmmss`.
    at: String,
    pub(super) wanted: Wanted,
    pub(super) state: Progress,
    /// The numbers of the records, in their order; where these are many, rows of their own have them.
    ranges: Vec<Range>,
    /// Whether rows of their own have them.
    apart: bool,
    /// How many ids were named, once the ids themselves are not needed any more.
    named: usize,
    /// All below have arrived.
    pub(super) next_seq: u64,
    records: u64,
    pub(super) arrived: u64,
    /// Left out since a later revision counts.
    superseded: u64,
    /// The platform will not take them; each has its dead letter.
    pub(super) refused: u64,
    /// Not there any more.
    pub(super) gone: u64,
    /// Not delivered yet: they go out by themselves.
    waiting: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Progress {
    #[default]
    Running,
    Done,
    Stopped,
}

impl Replay {
    pub(super) fn told(&self) -> Value {
        let Wanted { asked, ids, rate, said, .. } = &self.wanted;
        json!({
            "replay": self.number, "at": self.at, "state": self.state, "by": said.by,
            "reason": said.reason, "asked": asked.masked(), "ids": ids.len().max(self.named), "rate": rate.unwrap_or(RATE),
            "records": self.records, "arrived": self.arrived, "superseded": self.superseded,
            "refused": self.refused, "gone": self.gone, "waiting": self.waiting,
        })
    }

    fn add(&mut self, seq: u64) {
        self.records += 1;
        ranges::add(&mut self.ranges, seq);
    }
}

impl Opened {
    /// Finds what a replay would send; nothing is sent by this. Blocks.
    pub(super) fn plan(&self, wanted: Wanted) -> Result<Result<Replay, String>, StoreError> {
        self.catch_up()?;
        let now = clock::now();
        let asked = Asked { limit: Some(usize::MAX), ..wanted.asked.clone() };
        let query = match asked.query(now) {
            Ok(query) => Query { limit: usize::MAX, ..query },
            Err(reason) => return Ok(Err(reason)),
        };
        let seqs = self.numbers(&query, &wanted.ids)?;
        if seqs.len() > RECORDS_MAX {
            let reason = format!("超过 {RECORDS_MAX} 条记录：用 --from、--to 等条件分几次重发");
            return Ok(Err(reason));
        }
        let at = crate::pipeline::stamp(now);
        let mut replay = Replay { at, wanted, ..Replay::default() };
        self.choose(seqs, &query, &mut replay)?;
        Ok(Ok(replay))
    }

    /// The numbers of the records that are meant; a few too many where there are more than can be sent
    /// in one go.
    fn numbers(&self, query: &Query, ids: &[String]) -> Result<BTreeSet<u64>, StoreError> {
        let mut seqs = BTreeSet::new();
        let entity = query.asked.entity.as_deref();
        let mut take = |it: &Found| {
            let of_entity = it.seqs().zip(&it.row.records);
            let of_entity =
                of_entity.filter(|(_, record)| entity.is_none_or(|it| it == record.entity));
            seqs.extend(of_entity.map(|(seq, _)| seq));
            if seqs.len() > RECORDS_MAX {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        if ids.is_empty() {
            self.each_accepted(query, |it| take(&it))?;
            return Ok(seqs);
        }
        for id in ids {
            for mut it in self.by_id(id)? {
                // The id of a record means that record, and that of a message all of it.
                narrow(&mut it, id);
                if take(&it).is_break() {
                    return Ok(seqs);
                }
            }
        }
        Ok(seqs)
    }

    /// Leaves out what is gone, what waits anyway, what a business key asked for does not mean, and
    /// what a later revision has replaced.
    fn choose(
        &self,
        seqs: BTreeSet<u64>,
        query: &Query,
        replay: &mut Replay,
    ) -> Result<(), StoreError> {
        let mut latest: HashMap<[u8; 8], u64> = HashMap::new();
        let mut chosen = Vec::with_capacity(seqs.len());
        for seq in seqs {
            if !self.outbox.has_left(seq) {
                replay.waiting += 1;
                continue;
            }
            let Some(envelope) = self.outbox.record(seq)? else {
                replay.gone += 1;
                continue;
            };
            if query.asked.key.as_deref().is_some_and(|it| it != envelope.key) {
                continue;
            }
            let identity = self.identity(&envelope);
            if !envelope.key.is_empty() && !latest.contains_key(&identity) {
                latest.insert(identity, self.latest_revision(&envelope)?);
            }
            let is_latest = latest.get(&identity).is_none_or(|it| *it <= seq);
            if is_latest || replay.wanted.superseded {
                chosen.push(seq);
            } else {
                replay.superseded += 1;
            }
        }
        for seq in chosen {
            replay.add(seq);
        }
        replay.next_seq = replay.ranges.first().map_or(0, |it| it[0]);
        Ok(())
    }

    fn identity(&self, it: &Envelope) -> [u8; 8] {
        self.hash(Subject::Key, &[it.channel.as_str(), &it.entity, &it.key].join("\0"))
    }

    /// The number of the last record under a business key, as far as the rows know.
    fn latest_revision(&self, it: &Envelope) -> Result<u64, StoreError> {
        let mut latest = it.seq;
        let hash = self.hash(Subject::Key, &it.key);
        for day in rows::day_of_id(&it.message_id)..=rows::today() {
            let [from, end] = rows::leads(day, hash);
            let mut firsts = Vec::new();
            self.outbox.walk_journey([&from, &end], |key, _| {
                firsts.extend(rows::number_of(key));
                ControlFlow::Continue(())
            })?;
            for first in firsts {
                latest = latest.max(self.last_of_key(first, day, it)?);
            }
        }
        Ok(latest)
    }

    /// In the message that begins with `first`, the last record with this one's business key.
    fn last_of_key(&self, first: u64, day: u32, it: &Envelope) -> Result<u64, StoreError> {
        let row = self.outbox.noted(&rows::message(day, first))?;
        let records =
            row.and_then(|row| rows::Row::from_bytes(&row)).map_or(0, |row| row.records.len());
        let found = self.outbox.accepted_from(first, records.max(1))?.envelopes;
        let same = |one: &&Envelope| {
            (&one.key, &one.entity, &one.channel) == (&it.key, &it.entity, &it.channel)
        };
        Ok(found.iter().filter(same).map(|it| it.seq).max().unwrap_or(0))
    }

    /// Begins a replay that was planned. Blocks.
    pub(super) fn begin(&self, mut replay: Replay) -> Result<Replay, StoreError> {
        let _alone = self.replaying();
        let numbers = self.replays()?.into_iter().map(|it| it.number);
        replay.number = numbers.max().map_or(1, |it| it.saturating_add(1));
        if replay.records == 0 {
            replay.state = Progress::Done;
        }
        replay.named = replay.wanted.ids.len();
        replay.wanted.ids = Vec::new();
        replay.apart = replay.ranges.len() > RANGES_INSIDE;
        if replay.apart {
            self.keep_apart(replay.number, &std::mem::take(&mut replay.ranges))?;
        }
        self.keep_replay(&replay, true)?;
        let Replay { number, records, .. } = replay;
        tracing::warn!(number, records, by = replay.wanted.said.by, "a replay begins");
        Ok(replay)
    }

    /// Ends a replay early. False when it is not running. Blocks.
    pub(super) fn stop_replay(&self, number: u64) -> Result<bool, StoreError> {
        let _alone = self.replaying();
        let running = |it: &Replay| it.number == number && it.state == Progress::Running;
        let Some(mut replay) = self.replays()?.into_iter().find(running) else { return Ok(false) };
        replay.state = Progress::Stopped;
        self.keep_replay(&replay, true)?;
        Ok(true)
    }

    /// All replays there were, the latest hundreds of them.
    pub(super) fn replays(&self) -> Result<Vec<Replay>, StoreError> {
        let [from, end] = rows::replays();
        let mut found = Vec::new();
        self.outbox.walk_journey([&from, &end], |_, row| {
            found.extend(serde_json::from_slice::<Replay>(row).ok());
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Records from here on are still wanted.
    pub(super) fn lowest_to_replay(&self) -> Result<Option<u64>, StoreError> {
        let running = self.replays()?.into_iter().filter(|it| it.state == Progress::Running);
        Ok(running.map(|it| it.next_seq).min())
    }

    /// The replay whose turn it is after this one.
    pub(super) fn running_after(&self, number: u64) -> Result<Option<Replay>, StoreError> {
        let mut running: Vec<Replay> = self.replays()?;
        running.retain(|it| it.state == Progress::Running);
        let next = running.iter().position(|it| it.number > number).unwrap_or(0);
        Ok(running.into_iter().nth(next))
    }

    pub(super) fn is_running(&self, number: u64) -> Result<bool, StoreError> {
        Ok(self.replay(number)?.is_some_and(|it| it.state == Progress::Running))
    }

    fn replay(&self, number: u64) -> Result<Option<Replay>, StoreError> {
        let row = self.outbox.noted(&rows::replay(number))?;
        Ok(row.and_then(|it| serde_json::from_slice(&it).ok()))
    }

    /// A replay's row is read and written as one.
    fn replaying(&self) -> MutexGuard<'_, ()> {
        self.replaying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_replay(&self, replay: &Replay, synced: bool) -> Result<(), StoreError> {
        let row = serde_json::to_vec(replay).unwrap_or_default();
        let forgotten = replay.number.saturating_sub(REPLAYS_KEPT);
        let changes = [
            Change::RemoveRange(rows::replay(0), rows::replay(forgotten)),
            Change::Put(rows::replay(replay.number), row),
        ];
        self.outbox.note(&changes, synced)?;
        if replay.state == Progress::Running {
            return Ok(());
        }
        self.forget_apart([replay.number, replay.number.saturating_add(1)])
    }

    /// The next records of a replay, so many at most.
    pub(super) fn next_of(&self, replay: &Replay, at_most: usize) -> Result<Vec<u64>, StoreError> {
        if replay.apart {
            return self.apart_from(replay.number, replay.next_seq, at_most);
        }
        Ok(ranges::from(&replay.ranges, replay.next_seq, at_most))
    }

    /// Notes how far a replay is; false when somebody has stopped it.
    pub(super) fn went_on(&self, replay: &Replay) -> Result<bool, StoreError> {
        let _alone = self.replaying();
        if self.replay(replay.number)?.is_none_or(|it| it.state == Progress::Stopped) {
            return Ok(false);
        }
        self.keep_replay(replay, false)?;
        Ok(true)
    }
}

/// Leaves of a message only the record of this id, if it is a record's.
fn narrow(found: &mut Found, id: &str) {
    let wanted = crate::outbox::id_bytes(id);
    if let Some(at) = found.row.records.iter().position(|it| it.id == wanted) {
        let record = found.row.records.swap_remove(at);
        found.first_seq = found.first_seq.saturating_add(at as u64);
        found.row.records = vec![record];
    }
}

/// Records a second: a tenth of what a broker takes, so that what is new hardly notices.
pub(super) const RATE: u32 = 200;
/// One replay has so many records at most: what it means is held in memory while it is planned.
const RECORDS_MAX: usize = 1_000_000;
/// Replays that are remembered.
const REPLAYS_KEPT: u64 = 100;
