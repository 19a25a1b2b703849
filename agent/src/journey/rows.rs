//! The rows of journeys: a row for each message that gave records, and what leads to it.
//!
//! | key behind the day | row |
//! |---|---|
//! | `m` number of its first record | the message: id, time, channel, records |
//! | `x` 8 bytes of a keyed hash, number | nothing: the message has this id, record, business key, encounter or patient |
//! | `p` number of a record | tries to publish it that did not go well at once, as JSON |
//! | `d` number of a dead letter | a dead letter that was discarded or sent on, as JSON |
//!
//! The day is that of the message's id, of a record's id for what leads there from a record, and of
//! the decision for `d`, of the try for `p`. A key holds nothing of a patient that could be read, or guessed and proved,
//! without the installation's key. Day 0, which never goes by itself, has:
//!
//! | key | row |
//! |---|---|
//! | `F` | the number of the next record to follow |
//! | `R` number | a replay, as JSON |
//! | `Q` number of a replay, last record | ranges of records of it, where they are many |

use uuid::Uuid;

use crate::outbox::{day_and_letter, day_of, id_bytes, ms_of};

/// A message that gave records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// The id the agent gave it.
    pub(super) id: [u8; 16],
    /// When it came, `YYYYMMDDhhmmss`.
    pub(super) received_at: String,
    /// The channel it came by.
    pub(super) channel: String,
    /// Its records; the first has the number in the row's key, the others follow.
    pub(super) records: Vec<Record>,
}

/// A record of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) entity: String,
    pub(super) id: [u8; 16],
    pub(super) revision: u32,
}

impl Row {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.records.len() * 40);
        out.extend_from_slice(&self.id);
        text(&mut out, &self.received_at);
        text(&mut out, &self.channel);
        for run in self.records.chunk_by(|one, next| one.entity == next.entity) {
            text(&mut out, run.first().map_or("", |it| &it.entity));
            out.extend_from_slice(&u32::try_from(run.len()).unwrap_or(u32::MAX).to_be_bytes());
            for record in run {
                out.extend_from_slice(&record.id);
                out.extend_from_slice(&record.revision.to_be_bytes());
            }
        }
        out
    }

    /// Reads what [`Row::to_bytes`] wrote; what is cut short is no row.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Row> {
        let mut rest = bytes;
        let mut row = Row {
            id: cut(&mut rest)?,
            received_at: cut_text(&mut rest)?,
            channel: cut_text(&mut rest)?,
            records: Vec::new(),
        };
        while !rest.is_empty() {
            let entity = cut_text(&mut rest)?;
            for _ in 0..u32::from_be_bytes(cut(&mut rest)?) {
                let (id, revision) = (cut(&mut rest)?, u32::from_be_bytes(cut(&mut rest)?));
                row.records.push(Record { entity: entity.clone(), id, revision });
            }
        }
        Some(row)
    }

    /// The id as it is written everywhere.
    pub(super) fn message_id(&self) -> String {
        Uuid::from_bytes(self.id).simple().to_string()
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    let cut = text.get(..text.floor_char_boundary(255)).unwrap_or_default();
    out.push(u8::try_from(cut.len()).unwrap_or(0));
    out.extend_from_slice(cut.as_bytes());
}

fn cut<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

fn cut_text(rest: &mut &[u8]) -> Option<String> {
    let [length] = cut(rest)?;
    let (taken, left) = rest.split_at_checked(usize::from(length))?;
    *rest = left;
    str::from_utf8(taken).ok().map(str::to_owned)
}

/// The day of an id that begins with a time.
pub(super) fn day_of_id(id: &str) -> u32 {
    day_of(ms_of(&id_bytes(id)))
}

/// The day that is called `YYYYMMDD`.
pub(super) fn day_called(day: &str) -> Option<u32> {
    let date = jiff::civil::Date::strptime("%Y%m%d", day).ok()?;
    let noon = crate::clock::instant(date.at(12, 0, 0, 0));
    Some(day_of(u64::try_from(noon.as_millisecond()).ok()?))
}

pub(super) fn message(day: u32, first_seq: u64) -> Vec<u8> {
    [&day_and_letter(day, b'm')[..], &first_seq.to_be_bytes()].concat()
}

/// All messages of a day.
pub(super) fn messages(day: u32) -> [Vec<u8>; 2] {
    [day_and_letter(day, b'm'), day_and_letter(day, b'n')]
}

pub(super) fn lead(day: u32, hash: [u8; 8], first_seq: u64) -> Vec<u8> {
    [&day_and_letter(day, b'x')[..], &hash, &first_seq.to_be_bytes()].concat()
}

/// What a hash leads to on a day.
pub(super) fn leads(day: u32, hash: [u8; 8]) -> [Vec<u8>; 2] {
    let from = [&day_and_letter(day, b'x')[..], &hash].concat();
    let end = [&from[..], &[0xff; 9]].concat();
    [from, end]
}

pub(super) fn closed(day: u32, number: u64) -> Vec<u8> {
    [&day_and_letter(day, b'd')[..], &number.to_be_bytes()].concat()
}

/// All decisions of a day.
pub(super) fn closed_on(day: u32) -> [Vec<u8>; 2] {
    [day_and_letter(day, b'd'), day_and_letter(day, b'e')]
}

/// The tries of a day to publish a record.
pub(super) fn attempts(day: u32, seq: u64) -> Vec<u8> {
    [&day_and_letter(day, b'p')[..], &seq.to_be_bytes()].concat()
}

pub(super) fn followed() -> Vec<u8> {
    day_and_letter(0, b'F')
}

pub(super) fn replay(number: u64) -> Vec<u8> {
    [&day_and_letter(0, b'R')[..], &number.to_be_bytes()].concat()
}

pub(super) fn stretch(replay: u64, last_seq: u64) -> Vec<u8> {
    [&day_and_letter(0, b'Q')[..], &replay.to_be_bytes(), &last_seq.to_be_bytes()].concat()
}

pub(super) fn replays() -> [Vec<u8>; 2] {
    [day_and_letter(0, b'R'), day_and_letter(0, b'S')]
}

/// The day it is.
pub(super) fn today() -> u32 {
    day_of(super::keeper::now_ms())
}

/// The number at the end of a key.
pub(super) fn number_of(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|it| u64::from_be_bytes(*it))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_and_a_cut_one_does_not() {
        let record = |entity: &str, n: u8| Record {
            entity: entity.to_owned(),
            id: [n; 16],
            revision: u32::from(n),
        };
        let row = Row {
            id: [9; 16],
            received_at: "20261122101530".to_owned(),
            channel: "门诊".to_owned(),
            records: vec![record("fee", 1), record("fee", 2), record("visit", 3), record("fee", 4)],
        };
        let bytes = row.to_bytes();
        assert_eq!(Row::from_bytes(&bytes), Some(row));
        let whole = |end: usize| Row::from_bytes(bytes.get(..end).unwrap()).is_some();
        assert_eq!((0..bytes.len()).filter(|end| whole(*end)).count(), 3, "between entities only");
    }

    #[test]
    fn a_day_is_one_stretch_of_keys() {
        let [from, end] = messages(7);
        assert!(from <= message(7, 0) && message(7, u64::MAX) < end && end < message(8, 0));
        let [from, end] = leads(7, [1; 8]);
        assert!(from <= lead(7, [1; 8], 0) && lead(7, [1; 8], u64::MAX) < end);
        assert!(lead(7, [2; 8], 0) > end && closed(7, 3) < message(7, 0));
        assert_eq!(number_of(&lead(7, [1; 8], 42)), Some(42));
        assert_eq!(day_of_id("019abcde000070008000000000000001"), 20_418);
        assert_eq!((day_called("20251126"), day_called("1970")), (Some(20_418), None));
    }
}
