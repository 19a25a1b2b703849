//! What a doctor's answer says of the orders themselves: with a reason or at the patient's cost they go
//! on, and count in the patient's past until their records come; what was changed or withdrawn does
//! not go on as it was.

use std::sync::Arc;

use super::again;
use super::log::{Answered, Log};
use super::states::{State, Step};
use super::tracked::Tracked;
use crate::history::AboutLines;
use crate::intake::Road;
use crate::outbox::StoreError;

/// Tells the past of answers that were just taken. The answers are safe already: what goes wrong here
/// is told in the log, and a record of the order makes it good.
pub(super) fn hear(road: &Arc<Road>, log: &Log, answers: &[Answered]) {
    // Of several answers one that cannot be taken keeps all from being taken.
    if !answers.iter().all(Answered::is_taken) {
        return;
    }
    let taken = answers.iter().filter(|it| it.step == Some(Step::Taken));
    for tracked in taken.filter_map(|it| it.tracked.as_ref()) {
        let heard = about(road, log, tracked)
            .and_then(|it| it.map_or(Ok(()), |about| road.history.hear(&about)));
        if let Err(error) = heard {
            tracing::warn!(%error, "an answer was not taken into the past of its patient");
        }
    }
}

/// The log knows the patient by a pseudonym only; the request of the check names it.
fn about(road: &Arc<Road>, log: &Log, tracked: &Tracked) -> Result<Option<AboutLines>, StoreError> {
    let goes_on = match tracked.state {
        State::Continued | State::SelfPay => true,
        State::Changed | State::Voided => false,
        State::Open | State::Ignored => return Ok(None),
    };
    let (Some(encounter), Some(check)) = (&tracked.encounter, log.get(&tracked.last_check)?) else {
        return Ok(None);
    };
    let (org, limits) = (&road.config.hospital.code, &road.config.listen.limits);
    let asked = again::facts(&check, &road.sets.load(), org, limits);
    let patn_id = asked.and_then(|(facts, _)| facts.patient.present()?.patn_id.clone());
    Ok(patn_id.map(|patn_id| AboutLines {
        patn_id,
        encounter: encounter.clone(),
        lines: tracked.lines.clone(),
        goes_on,
    }))
}
