//! What a connection is at, and since when: its wire keeps the bounds of time by it, and the crowd at
//! the door finds who can be sent away.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing came yet.
    New,
    /// The head of the first request has begun.
    First,
    /// Between two requests.
    Idle,
    /// The head of a further request has begun.
    Head,
    /// A body is coming.
    Body,
    /// The whole request is here.
    Answering,
    /// It speaks another protocol by now.
    Beyond,
    /// The whole answer is made, and not all of it is sent.
    Leaving,
}

impl Phase {
    const ALL: [Phase; 8] = [
        Phase::New,
        Phase::First,
        Phase::Idle,
        Phase::Head,
        Phase::Body,
        Phase::Answering,
        Phase::Beyond,
        Phase::Leaving,
    ];

    /// Nothing it ever asked was answered: nobody misses it.
    pub(super) const fn is_stranger(self) -> bool {
        matches!(self, Phase::New | Phase::First)
    }
}

/// The phase of one connection, written by its task and read by the door.
#[derive(Debug)]
pub(crate) struct Pulse {
    began: Instant,
    /// Milliseconds since `began`, and the phase in the lowest three bits.
    now: AtomicU64,
    /// Whether something was answered before all of it was read.
    unread: AtomicBool,
    /// Milliseconds since `began`, and one more, since when the caller is behind with its answer; 0 when it
    /// is not.
    behind: AtomicU64,
}

impl Pulse {
    pub(crate) fn new() -> Pulse {
        let (now, unread, behind) = Default::default();
        Pulse { began: Instant::now(), now, unread, behind }
    }

    /// The phase, and since when it is so.
    pub(super) fn look(&self) -> (Phase, Instant) {
        let now = self.now.load(Ordering::Relaxed);
        let phase = usize::try_from(now & PHASE_BITS).ok().and_then(|it| Phase::ALL.get(it));
        let since = self.began + Duration::from_millis(now >> PHASE_WIDTH);
        (phase.copied().unwrap_or(Phase::Beyond), since)
    }

    pub(super) fn phase(&self) -> Phase {
        self.look().0
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.now.store(self.elapsed() << PHASE_WIDTH | phase as u64, Ordering::Relaxed);
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Not all of the answer that there is could be handed to the kernel.
    pub(super) fn falls_behind(&self) {
        let now = self.elapsed().saturating_add(1);
        // It stays as it is where it is behind already.
        let _ = self.behind.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// All of it could.
    pub(super) fn catches_up(&self) {
        self.behind.store(0, Ordering::Relaxed);
    }

    /// Since when the caller is behind with its answer, however much of it it takes by and by.
    pub(super) fn behind_since(&self) -> Option<Instant> {
        let since = self.behind.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.began + Duration::from_millis(since))
    }

    /// Bytes have come. The first head's time runs from the connection's first moment.
    pub(super) fn heard(&self) {
        match self.phase() {
            Phase::New => self.now.store(Phase::First as u64, Ordering::Relaxed),
            Phase::Idle => self.enter(Phase::Head),
            _ => {}
        }
    }

    /// All that was made is sent: the connection is free for the next request.
    pub(super) fn flushed(&self) {
        if self.phase() == Phase::Leaving {
            self.enter(Phase::Idle);
        }
    }

    /// More of the request may be under way than was read.
    pub(super) fn leave_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }
}

const PHASE_WIDTH: u32 = 3;
const PHASE_BITS: u64 = (1 << PHASE_WIDTH) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_over_when_it_is_sent() {
        check(Phase::Leaving, Phase::Idle);
        for phase in Phase::ALL.into_iter().filter(|it| *it != Phase::Leaving) {
            check(phase, phase);
        }
    }

    #[track_caller]
    fn check(phase: Phase, flushed: Phase) {
        let pulse = Pulse::new();
        pulse.enter(phase);
        assert_eq!(pulse.phase(), phase);
        pulse.flushed();
        assert_eq!(pulse.phase(), flushed);
    }
}
