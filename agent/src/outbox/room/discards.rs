//! Dead letters that were discarded: their room comes back when the files that hold them are written anew. That is
//! done a stretch of numbers at a look, so that never much of what is kept is on the disk twice.

use std::mem;

/// How far that has come.
#[derive(Debug, Default)]
pub(super) struct Discards {
    /// Letters ever discarded, at the last look.
    seen: u64,
    /// The same when the last pass began.
    passed: u64,
    /// Where the pass goes on that is under way.
    next: Option<u64>,
}

impl Discards {
    /// The stretch to be written anew now. A pass begins when letters were discarded since the last one, and
    /// nobody is at it any more.
    pub(super) fn stretch(&mut self, discarded: u64, end: u64) -> Option<(u64, u64)> {
        let has_stopped = mem::replace(&mut self.seen, discarded) == discarded;
        if self.next.is_none() && has_stopped && discarded > self.passed {
            (self.next, self.passed) = (Some(0), discarded);
        }
        let from = self.next?;
        let to = from.saturating_add(STRETCH.max(end / LOOKS_MAX));
        self.next = Some(to).filter(|it| *it < end);
        Some((from, to))
    }
}

/// Letters written anew at one look.
const STRETCH: u64 = 1_024;
/// Looks after which a pass is through, however many letters there ever were. A file is written anew as a whole for
/// each stretch it has a part in: what is kept goes to the disk once, and about two files more a look.
const LOOKS_MAX: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_begins_when_discarding_has_stopped_and_comes_to_its_end() {
        let mut discards = Discards::default();
        assert_eq!(discards.stretch(0, 3_000), None, "nothing was discarded");
        assert_eq!(discards.stretch(10, 3_000), None);
        assert_eq!(discards.stretch(20, 3_000), None, "somebody is at it");
        let pass = [(0, 1_024), (1_024, 2_048), (2_048, 3_072)].map(Some);
        assert_eq!([(); 3].map(|()| discards.stretch(20, 3_000)), pass);
        assert_eq!(discards.stretch(20, 3_000), None, "that was all");
        let mut discards = Discards { seen: 1, ..discards };
        assert_eq!(discards.stretch(1, 1 << 40), None, "fewer than were passed");
    }
}
