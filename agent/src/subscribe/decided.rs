//! What a person has decided about single records: what was set aside goes once more, or never; one that
//! keeps all others waiting is set aside.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use tokio_util::sync::CancellationToken;

use super::Subscriber;
use super::place::Refused;
use super::push::{AT_ONCE, Lost, Sent, Step, sent, tell_lost, trouble};
use super::{aside, place};
use crate::intake::Road;
use crate::outbox::{Outbox, StoreError};

/// A record that a person gives up, and why.
#[derive(Clone, Debug)]
pub(super) struct Skip {
    pub(super) seq: u64,
    pub(super) reason: String,
}

impl Subscriber {
    /// Whether there is such a record to be skipped: one that was set aside, or the one it stands at.
    pub(super) fn can_skip(&self, outbox: &Outbox, seq: u64) -> Result<bool, StoreError> {
        let stands_at = {
            let standing = self.standing();
            standing.trouble.is_some() && standing.place.next == seq
        };
        Ok(stands_at || place::refused_one(outbox, &self.config.name, seq)?.is_some())
    }

    /// Has what was set aside sent once more, as soon as all else has gone; what stands is tried at once.
    pub(super) fn send_again(&self) {
        // What is set aside from now on was not meant.
        if self.standing().place.set_aside > 0 {
            self.again.store(true, Ordering::SeqCst);
        }
        self.decided.notify_one();
    }

    /// Has a record skipped, as soon as the one in hand is through.
    pub(super) fn skip(&self, skip: Skip) {
        *self.skip.lock().unwrap_or_else(PoisonError::into_inner) = Some(skip);
        self.decided.notify_one();
    }

    /// Whether what was to be skipped is.
    pub(super) fn has_skipped(&self) -> bool {
        self.skip.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// What was decided about a record, once.
    pub(super) fn take_skip(&self, seq: u64) -> Option<Skip> {
        self.skip.lock().unwrap_or_else(PoisonError::into_inner).take_if(|it| it.seq == seq)
    }

    fn to_skip(&self) -> Option<Skip> {
        self.skip.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Lets a record go for good that was set aside.
pub(super) fn skip_refused(road: &Road, it: &Subscriber) -> Result<(), StoreError> {
    let Some(skip) = it.to_skip() else { return Ok(()) };
    // The row of a decision that is not on disk yet still stands: it would be decided twice.
    if it.is_unsaved() {
        return Ok(());
    }
    let mut place = it.standing().place.clone();
    if let Some(refused) = place::refused_one(&road.outbox, &it.config.name, skip.seq)? {
        place.skipped += 1;
        aside::let_go(road, it, place, &refused)?;
        it.take_skip(skip.seq);
        let (subscription, record_id, reason) = (&it.config.name, &refused.record_id, &skip.reason);
        tracing::warn!(code = "I185", subscription, record_id, reason, "a record is never pushed");
    } else if skip.seq < place.next {
        // It went meanwhile.
        it.take_skip(skip.seq);
    }
    Ok(())
}

/// Sends what was refused once more. What is gone meanwhile is lost; a subscriber that takes nothing now is
/// asked again from the first on.
pub(super) fn send_again(
    road: &Road,
    it: &Subscriber,
    stop: &CancellationToken,
) -> Result<Step, StoreError> {
    let mut from = 0;
    loop {
        let refused = place::refused(&road.outbox, &it.config.name, (from, AT_ONCE))?;
        let Some(last) = refused.last().map(|it| it.seq) else { return Ok(Step::Done) };
        for refused in refused {
            if stop.is_cancelled() {
                return Ok(Step::Done);
            }
            // What went and is not on disk yet still has its row: it would go twice.
            if it.is_unsaved() || !send_one_again(road, it, &refused)? {
                it.again.store(true, Ordering::SeqCst);
                return Ok(Step::Later(false));
            }
        }
        from = last + 1;
    }
}

/// False when the subscriber takes nothing now.
fn send_one_again(road: &Road, it: &Subscriber, refused: &Refused) -> Result<bool, StoreError> {
    let page = road.outbox.accepted_from(refused.seq, 1)?;
    let record = page.envelopes.first().filter(|it| it.record_id == refused.record_id);
    let mut place = it.standing().place.clone();
    if let Some(record) = record
        && aside::is_superseded(road, it, record)?
    {
        return aside::pass_by(road, it, refused).map(|()| true);
    }
    match record.map(|record| sent(road, it, record)) {
        Some(Sent::Later(reason)) => {
            trouble(it, Some(reason));
            return Ok(false);
        }
        Some(Sent::Refused(_) | Sent::NoReceipt(_)) => return Ok(true),
        Some(Sent::Taken) => {
            trouble(it, None);
            place.sent += 1;
        }
        None => {
            let lost = Lost::one(refused.seq);
            tell_lost(it, &mut place, lost, "refused, and not kept any more");
        }
    }
    aside::let_go(road, it, place, refused)?;
    Ok(true)
}
