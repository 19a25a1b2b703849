//! Finds, while a backlog drains, the fresh records that may go past it.
//!
//! After an outage a million records may wait, and the prescription written now must not wait for
//! them. What is stored while records leave is fresh. The scout looks at it ahead of the window, and lets
//! past the backlog what has nothing of its lane there, which the outbox can tell without a look.
//!
//! While nothing is appended there is nobody to let past, and the scout rests.

use tokio::time::Instant;

use super::Source;
use super::window::Window;
use crate::outbox::StoreError;
use crate::ranges::Ranges;

/// Looks ahead of the window.
#[derive(Debug, Default)]
pub(super) struct Scout {
    // How far it has looked, from the end of the backlog on; not yet since records have begun to leave.
    position: Option<u64>,
    // The outbox had nothing more when last asked.
    at_end: bool,
    // Of the next record it was not known whether it may pass.
    is_asking: bool,
    // What went past the backlog: it is in the window's hand, or settled.
    passed: Ranges,
}

impl Scout {
    /// The backlog is in hand as a whole: nobody needs to go past it.
    pub(super) fn rest(&mut self) {
        *self = Scout::default();
    }

    /// Records have not been leaving: what was appended meanwhile is backlog too.
    pub(super) fn begin_anew(&mut self) {
        (self.position, self.at_end, self.is_asking) = (None, false, false);
    }

    /// It is time to look, because something was appended or because nobody knows.
    pub(super) fn look_again(&mut self) {
        self.at_end = false;
    }

    /// Whether it waits for something to be appended, or to be known.
    pub(super) fn waits(&self) -> bool {
        self.at_end || self.is_asking
    }

    /// Whether there may be something to read and is a place for it.
    pub(super) fn may_look(&self, window: &Window) -> bool {
        !self.at_end && window.room_to_overtake() > 0
    }

    /// Whether it can go on at once.
    pub(super) fn is_busy(&self, window: &Window) -> bool {
        self.may_look(window) && !self.is_asking
    }

    /// Looks at a few records more.
    pub(super) fn step<S: Source>(
        &mut self,
        source: &S,
        window: &mut Window,
    ) -> Result<(), StoreError> {
        let position = self.position.get_or_insert_with(|| source.last_seq());
        let read_to = window.read_to();
        let room = window.room_to_overtake();
        let records_max = if self.is_asking { 1 } else { room.min(STEP) };
        let found = source.oldest(read_to.max(*position), records_max, STEP_BYTES)?;
        self.at_end = found.is_empty();
        for envelope in found {
            let is_in_hand = |it: u64| it <= read_to || self.passed.contains(it);
            let may_pass = source.may_pass(&envelope, &is_in_hand);
            self.is_asking = may_pass.is_none();
            let Some(may_pass) = may_pass else { break };
            *position = envelope.seq;
            if may_pass && window.may_overtake(&envelope.entity) {
                self.passed.insert(envelope.seq, envelope.seq + 1);
                window.overtake(envelope, Instant::now());
            }
        }
        Ok(())
    }
}

/// Records read in one go: a fraction of a millisecond.
const STEP: usize = 128;
const STEP_BYTES: usize = 1 << 20;
