//! Finds records: by key at once, otherwise page by page through what is kept. Each call looks at a
//! bounded stretch and says where the next one begins.

use std::sync::Arc;

use crate::checks::records::CHANNEL;
use crate::clock;
use crate::config::QueryConfig;
use crate::envelope::Envelope;
use crate::intake::Road;
use crate::outbox::{StoreError, day_of};
use crate::pipeline;

use super::told;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) key: Option<String>,
    pub(super) patient: Option<String>,
    /// `YYYYMMDDhhmmss`, the first and behind the last.
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    /// Behind this number.
    pub(super) after: Option<u64>,
    pub(super) rows_max: usize,
    /// Whose records the caller may read; all when empty.
    pub(super) channels: Vec<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Each as JSON text.
    pub(super) rows: Vec<String>,
    /// Where to go on; nothing when all is told.
    pub(super) next: Option<u64>,
    bytes: usize,
}

impl Found {
    /// Adds a row; false when no further one fits into one answer.
    fn add(&mut self, row: String, rows_max: usize) -> bool {
        self.bytes += row.len();
        self.rows.push(row);
        self.rows.len() < rows_max && self.bytes < ANSWER_BYTES
    }
}

/// Blocks.
pub(super) fn find(
    road: &Arc<Road>,
    query: &QueryConfig,
    wanted: &Wanted,
) -> Result<Found, StoreError> {
    let by_key = match &wanted.key {
        Some(key) => by_key(road, query, (key, wanted))?,
        None => None,
    };
    // Records of channels that are configured no more are found by looking at all.
    by_key.map_or_else(|| walk(road, query, wanted), Ok)
}

/// All revisions of a business key, whatever channel they came by, the agent's own too; nothing when
/// none of them knows it.
fn by_key(
    road: &Arc<Road>,
    query: &QueryConfig,
    (key, wanted): (&str, &Wanted),
) -> Result<Option<Found>, StoreError> {
    let mut numbers = Vec::new();
    let channels = road.config.channels.iter().map(|it| it.name.as_str());
    for channel in channels.chain([CHANNEL]) {
        numbers.extend(road.outbox.numbers_of(channel, &query.entity, key)?);
    }
    if numbers.is_empty() {
        return Ok(None);
    }
    numbers.sort_unstable();
    let lowest = road.outbox.lowest_seq().max(wanted.after.map_or(0, |it| it + 1));
    let mut found = Found::default();
    let mut numbers = numbers.into_iter().filter(|it| *it >= lowest).peekable();
    while let Some(number) = numbers.next() {
        let page = road.outbox.accepted_from(number, 1)?;
        let record = page.envelopes.first().filter(|it| it.seq == number);
        let Some(record) = record.filter(|it| fits(it, query, wanted)) else { continue };
        if !found.add(told::told(road, query, record), wanted.rows_max) {
            found.next = numbers.peek().map(|_| number);
            break;
        }
    }
    Ok(Some(found))
}

fn walk(road: &Arc<Road>, query: &QueryConfig, wanted: &Wanted) -> Result<Found, StoreError> {
    let end = road.outbox.next_seq();
    let mut next = match wanted.after {
        Some(after) => after + 1,
        None => begin(road, wanted.from.as_deref())?,
    };
    next = next.max(road.outbox.lowest_seq());
    let stop = next.saturating_add(LOOKED_AT_MAX);
    let mut found = Found::default();
    while next < end && next < stop {
        let page = road.outbox.accepted_from(next, STEP)?;
        for record in page.envelopes.iter().filter(|it| fits(it, query, wanted)) {
            if !found.add(told::told(road, query, record), wanted.rows_max) {
                found.next = Some(record.seq);
                return Ok(found);
            }
        }
        if page.next <= next {
            break;
        }
        next = page.next;
    }
    found.next = (next < end).then_some(next - 1);
    Ok(found)
}

/// What came on a day was delivered on that day or later: all before it need not be looked at.
fn begin(road: &Road, from: Option<&str>) -> Result<u64, StoreError> {
    let Some(from) = from.and_then(pipeline::moment) else { return Ok(0) };
    let day = |moment| {
        let ms = u64::try_from(clock::instant(moment).as_millisecond()).unwrap_or(0);
        day_of(ms)
    };
    let today = day(clock::now());
    // Days in the rows are days somewhere: one more to be sure.
    road.outbox
        .first_delivered_on(day(from).saturating_sub(1).max(today.saturating_sub(DAYS_MAX)), today)
}

fn fits(record: &Envelope, query: &QueryConfig, wanted: &Wanted) -> bool {
    let at = record.received_at.as_str();
    let is_here = |it: &String| *it == record.channel;
    record.entity == query.entity
        && (wanted.channels.is_empty() || wanted.channels.iter().any(is_here))
        && wanted.key.as_deref().is_none_or(|key| key == record.key)
        && wanted.from.as_deref().is_none_or(|from| from <= at)
        && wanted.to.as_deref().is_none_or(|to| at < to)
        && wanted.patient.as_deref().is_none_or(|it| told::is_about(record, &query.patient_by, it))
}

/// Numbers that one call looks at: some hundred milliseconds.
const LOOKED_AT_MAX: u64 = 20_000;
const STEP: usize = 512;
/// Of rows; the last one may go beyond.
const ANSWER_BYTES: usize = 4 << 20;
const DAYS_MAX: u32 = 3_650;
