//! What was read of the queue's newest stretch. Four follow the outbox (forwarder, past of patients, journeys, account)
//! and each looks at every record; opening it, proving it and taking it apart once is enough.
//!
//! Only what lies near the end is kept: a backlog is read once, and would push out what the others are about to want.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::envelope::Envelope;

/// Records that were read lately.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Stretch>);

#[derive(Debug, Default)]
struct Stretch {
    // Invariant: their numbers follow one another.
    envelopes: VecDeque<Envelope>,
    bytes: usize,
}

impl Recent {
    /// The records from a number on, as many of those that are wanted as are here; none without the first.
    pub(super) fn from(&self, seq: u64, records_max: usize, bytes_max: usize) -> Vec<Envelope> {
        let stretch = self.stretch();
        let begin = stretch.envelopes.front().map_or(u64::MAX, |it| it.seq);
        let Some(at) = seq.checked_sub(begin).and_then(|it| usize::try_from(it).ok()) else {
            return Vec::new();
        };
        let mut bytes = 0;
        let fits = |it: &&Envelope| {
            let fits = bytes < bytes_max;
            bytes += it.body.len();
            fits
        };
        let from = stretch.envelopes.iter().skip(at).take(records_max);
        from.take_while(fits).cloned().collect()
    }

    /// Takes in what was read, if it is whole. What does not join on begins a new stretch.
    pub(super) fn keep(&self, read: &[Envelope]) {
        let Some((first, last)) = read.first().zip(read.last()) else { return };
        if last.seq - first.seq + 1 != read.len() as u64 {
            return;
        }
        let mut stretch = self.stretch();
        let end = stretch.envelopes.back().map_or(0, |it| it.seq + 1);
        if first.seq > end {
            *stretch = Stretch::default();
        }
        for it in read.iter().filter(|it| it.seq >= end) {
            stretch.bytes += it.body.len();
            stretch.envelopes.push_back(it.clone());
        }
        while stretch.bytes > BYTES_MAX || stretch.envelopes.len() > RECORDS_MAX {
            let Some(oldest) = stretch.envelopes.pop_front() else { break };
            stretch.bytes -= oldest.body.len();
        }
    }

    #[cfg(test)]
    pub(super) fn forget(&self) {
        *self.stretch() = Stretch::default();
    }

    fn stretch(&self) -> MutexGuard<'_, Stretch> {
        // Nothing panics between a record and its bytes; if it did, only a count would be off.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How near the end what is read must begin to be kept.
pub(super) const NEAR: u64 = 8_192;
const RECORDS_MAX: usize = 8_192;
const BYTES_MAX: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::envelope::Record;

    #[test]
    fn what_was_read_is_there_in_its_order() {
        check(&[1..=3, 4..=6], 2, "2 3 4 5 6");
        check(&[1..=3, 2..=5], 1, "1 2 3 4 5");
        check(&[4..=6], 3, "");
        check(&[4..=6], 7, "");
    }

    /// A gap between two would look as if nothing were missing.
    #[test]
    fn what_does_not_join_on_begins_anew() {
        check(&[1..=3, 5..=6], 1, "");
        check(&[1..=3, 5..=6], 5, "5 6");
        check(&[5..=6, 1..=2], 5, "5 6");
        check(&[5..=6, 1..=2], 1, "");
    }

    #[test]
    fn it_gives_no_more_than_is_wanted() {
        let recent = Recent::default();
        recent.keep(&(1..=9).map(envelope).collect::<Vec<_>>());
        assert_eq!(recent.from(2, 3, usize::MAX).len(), 3);
        assert_eq!(recent.from(2, 99, 10).len(), 1, "always one, however large");
        assert_eq!(recent.from(2, 99, 11).len(), 2);
        assert_eq!(recent.from(2, 0, 99).len(), 0);
    }

    #[test]
    fn a_stretch_with_a_hole_is_not_kept() {
        let recent = Recent::default();
        recent.keep(&[1, 2, 4].map(envelope));
        assert_eq!(recent.from(1, 9, usize::MAX), []);
    }

    #[test]
    fn it_stays_within_its_bounds() {
        let recent = Recent::default();
        for first in (0..40_000).step_by(1_000) {
            recent.keep(&(first + 1..=first + 1_000).map(envelope).collect::<Vec<_>>());
        }
        let stretch = recent.stretch();
        assert_eq!(stretch.envelopes.len(), RECORDS_MAX);
        assert_eq!(stretch.bytes, RECORDS_MAX * 10);
    }

    #[track_caller]
    fn check(read: &[std::ops::RangeInclusive<u64>], seq: u64, expected: &str) {
        let recent = Recent::default();
        for stretch in read {
            recent.keep(&stretch.clone().map(envelope).collect::<Vec<_>>());
        }
        let found = recent.from(seq, usize::MAX, usize::MAX);
        let found: Vec<_> = found.iter().map(|it| it.seq.to_string()).collect();
        assert_eq!(found.join(" "), expected);
    }

    fn envelope(seq: u64) -> Envelope {
        let record = Record {
            seq,
            record_id: String::new(),
            revision: 1,
            entity: String::new(),
            org: String::new(),
            channel: String::new(),
            lane: String::new(),
            key: String::new(),
            schema: String::new(),
            digest: String::new(),
            message_id: String::new(),
            received_at: String::new(),
            body: Bytes::from_static(b"0123456789"),
        };
        record.into()
    }
}
