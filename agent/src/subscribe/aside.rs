//! What a subscriber refused stays in the outbox until somebody has decided about it, and no longer than
//! `keep_days`; it is never sent over what came behind it.

use super::Subscriber;
use super::parcel;
use super::place::{self, Place, Refused};
use super::push::{Lost, keep, tell_lost};
use crate::envelope::Envelope;
use crate::intake::Road;
use crate::outbox::StoreError;

/// Takes a record off what was set aside. Not while something is unsaved: then the rows do not say yet what
/// is left.
pub(super) fn let_go(
    road: &Road,
    it: &Subscriber,
    mut place: Place,
    refused: &Refused,
) -> Result<(), StoreError> {
    place.set_aside = place.set_aside.saturating_sub(1);
    if let Some(first) = place.refused_from {
        let rows = place::refused(&road.outbox, &it.config.name, (first, 2))?;
        place.refused_from = rows.iter().map(|it| it.seq).find(|it| *it != refused.seq);
    }
    keep(road, it, place, vec![refused.remove(&it.config.name)])
}

/// Gives up what nobody has decided about since `oldest`, and tells it.
pub(super) fn give_up(road: &Road, it: &Subscriber, oldest: &str) -> Result<(), StoreError> {
    // Without room on the disk it would be found, and counted, once more.
    while !it.is_unsaved() {
        let first = place::refused(&road.outbox, &it.config.name, (0, 1))?;
        let Some(first) = first.first().filter(|it| it.at.as_str() < oldest) else { break };
        let mut place = it.standing().place.clone();
        tell_lost(it, &mut place, Lost::one(first.seq), "refused, and older than keep_days");
        let_go(road, it, place, first)?;
    }
    Ok(())
}

/// Lets a record go that a later one has taken the place of.
pub(super) fn pass_by(road: &Road, it: &Subscriber, refused: &Refused) -> Result<(), StoreError> {
    let (subscription, record_id) = (&it.config.name, &refused.record_id);
    tracing::warn!(code = "I187", subscription, record_id, "a later revision has had its turn");
    let mut place = it.standing().place.clone();
    place.skipped += 1;
    let_go(road, it, place, refused)
}

/// Whether the subscriber was sent a later revision of a record, or refused that one, too: the old one
/// would undo the new.
pub(super) fn is_superseded(
    road: &Road,
    it: &Subscriber,
    record: &Envelope,
) -> Result<bool, StoreError> {
    if record.key.is_empty() {
        return Ok(false);
    }
    let numbers = road.outbox.numbers_of(&record.channel, &record.entity, &record.key)?;
    let next = it.standing().place.next;
    for number in numbers.into_iter().filter(|it| *it > record.seq && *it < next) {
        let page = road.outbox.accepted_from(number, 1)?;
        let later = page.envelopes.first().filter(|it| it.seq == number);
        if later.is_some_and(|later| parcel::fits(&it.config, later)) {
            return Ok(true);
        }
    }
    Ok(false)
}
