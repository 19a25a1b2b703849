//! The log's keys on the shelf of the outbox: a letter for what it is, then what tells it apart.
//!
//! | key | what is kept |
//! |---|---|
//! | `c` check id, 16 bytes | the check |
//! | `f` finding id | where the finding stands, and how it came there |
//! | `o` id of the check that showed it, finding id | nothing: the finding waits for an answer |
//! | `a` finding id | the patient's pseudonym, marked when approved: the finding was answered for and is not shown again |
//! | `g` encounter, finding id | nothing: findings by encounter |
//! | `n` encounter and line, record id | the record in which the line was uploaded |
//! | `r` finding id | what the insurer is owed: the doctor's answer to a finding of its own |
//! | `h` hour, 4 bytes | how many checks of that hour are kept, and their bytes |
//! | `t` number, 8 bytes | records that the queue has not taken yet |
//!
//! Keys are not sealed, as what stands under them is: encounters and lines have a name there that nobody
//! can make for a guessed number ([`PatientKey::name_in_keys`]). Earlier releases wrote the numbers themselves,
//! under `e` and `l`; [`rekeyed`] says what becomes of those.
//!
//! A check's id is a UUID of version 7 and begins with its time, so checks lie in their order and a
//! range of time is a range of keys.

use jiff::civil::DateTime;
use uuid::Uuid;

use crate::clock;
use crate::patient_key::PatientKey;

const MS_AN_HOUR: u64 = 3_600_000;

/// The bytes of a check's id; `None` for what is no id of ours.
pub(super) fn id(check_id: &str) -> Option<[u8; 16]> {
    Uuid::try_parse(check_id).ok().map(Uuid::into_bytes)
}

pub(super) fn check(id: [u8; 16]) -> Vec<u8> {
    [b"c", &id[..]].concat()
}

/// Where the checks from this moment on begin.
pub(super) fn checks_from(ms: u64) -> Vec<u8> {
    let [_, _, time @ ..] = ms.to_be_bytes();
    [b"c", &time[..]].concat()
}

pub(super) fn finding(finding_id: &str) -> Vec<u8> {
    [b"f", finding_id.as_bytes()].concat()
}

pub(super) fn open(shown_by: [u8; 16], finding_id: &str) -> Vec<u8> {
    [b"o", &shown_by[..], finding_id.as_bytes()].concat()
}

/// Where the findings begin that were shown from this moment on.
pub(super) fn open_from(ms: u64) -> Vec<u8> {
    let [_, _, time @ ..] = ms.to_be_bytes();
    [b"o", &time[..]].concat()
}

/// The finding of a key that [`open`] made.
pub(super) fn finding_of_open(key: &[u8]) -> Option<&str> {
    str::from_utf8(key.get(17..)?).ok()
}

pub(super) fn acknowledged(finding_id: &str) -> Vec<u8> {
    [b"a", finding_id.as_bytes()].concat()
}

pub(super) fn owed(finding_id: &str) -> Vec<u8> {
    [b"r", finding_id.as_bytes()].concat()
}

/// What an encounter is called in a key, and a line of it.
pub(super) type Name = [u8; 16];

pub(super) fn of_encounter(encounter: &Name, finding_id: &str) -> Vec<u8> {
    [b"g", &encounter[..], finding_id.as_bytes()].concat()
}

/// The encounter of a key that [`of_encounter`] made.
pub(super) fn encounter_of(key: &[u8]) -> Option<Name> {
    key.strip_prefix(b"g")?.first_chunk().copied()
}

pub(super) fn line(line: &Name, record_id: &str) -> Vec<u8> {
    [b"n", &line[..], record_id.as_bytes()].concat()
}

/// The key of today for one of an earlier release: `e` encounter, 0, finding id; `l` encounter, 0, line, 0,
/// record id.
pub(super) fn rekeyed(key: &PatientKey, old: &[u8]) -> Option<Vec<u8>> {
    let (letter, rest) = old.split_first()?;
    let parts: Option<Vec<&str>> =
        rest.split(|it| *it == 0).map(|it| str::from_utf8(it).ok()).collect();
    match (letter, parts?.as_slice()) {
        (b'e', [encounter, finding_id]) => {
            Some(of_encounter(&key.name_in_keys(&[encounter]), finding_id))
        }
        (b'l', [encounter, of, record_id]) => {
            Some(line(&key.name_in_keys(&[encounter, of]), record_id))
        }
        _ => None,
    }
}

pub(super) fn hour(hour: u32) -> Vec<u8> {
    [b"h", &hour.to_be_bytes()[..]].concat()
}

/// The hour of a key that [`hour`] made.
pub(super) fn hour_of(key: &[u8]) -> Option<u32> {
    key.strip_prefix(b"h")?.try_into().ok().map(u32::from_be_bytes)
}

pub(super) fn to_tell(number: u64) -> Vec<u8> {
    [b"t", &number.to_be_bytes()[..]].concat()
}

/// The number of a key that [`to_tell`] made.
pub(super) fn number_of(key: &[u8]) -> Option<u64> {
    key.strip_prefix(b"t")?.try_into().ok().map(u64::from_be_bytes)
}

/// The first key behind all that begin with this.
pub(super) fn behind(prefix: &[u8]) -> Vec<u8> {
    [prefix, &[0xff; 40]].concat()
}

/// The time in a check's id, in milliseconds of the Unix epoch.
pub(super) fn ms_of(id: [u8; 16]) -> u64 {
    id.iter().take(6).fold(0, |ms, byte| ms << 8 | u64::from(*byte))
}

/// The hour of a moment; its checks are counted, and forgotten, together.
pub(super) fn hour_at(ms: u64) -> u32 {
    u32::try_from(ms / MS_AN_HOUR).unwrap_or(u32::MAX)
}

/// When an hour begins.
pub(super) fn begin_of(hour: u32) -> u64 {
    u64::from(hour) * MS_AN_HOUR
}

/// A moment in China time, in milliseconds of the Unix epoch.
pub(super) fn ms(moment: DateTime) -> u64 {
    u64::try_from(clock::instant(moment).as_millisecond()).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_in_the_order_of_time_and_can_be_read_back() {
        let id = id("019abcde-0000-7000-8000-000000000001").unwrap();
        let at = ms_of(id);
        assert!(checks_from(at) <= check(id) && check(id) < checks_from(at + 1));
        assert!(open_from(at) <= open(id, "f1") && open(id, "f1") < open_from(at + 1));
        assert!(begin_of(hour_at(at)) <= at && at < begin_of(hour_at(at) + 1));
        assert_eq!(finding_of_open(&open(id, "f1")), Some("f1"));
        assert_eq!(encounter_of(&of_encounter(&[7; 16], "f1")), Some([7; 16]));
        assert_eq!(hour_of(&hour(7)), Some(7));
        assert_eq!(number_of(&to_tell(7)), Some(7));
        assert!(line(&[7; 16], "R") < behind(&line(&[7; 16], "")));
        let moment = "2026-11-22T08:00:00".parse().unwrap();
        assert_eq!(ms(moment), 1_795_305_600_000, "China is eight hours ahead");
    }
}
