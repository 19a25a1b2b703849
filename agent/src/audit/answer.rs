//! What departments and the insurance office say about suspicions: kept, told to the platform, and
//! acknowledged only when it is on disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::page::Page;
use super::states::{Said, Step};
use super::suspicion::Suspicion;
use super::{NotRun, book};
use crate::checks::{Telling, writer};
use crate::clock;
use crate::intake::Road;
use crate::pipeline;

/// What became of one answer: nothing when nobody knows the suspicion.
pub(crate) type Answered = Option<(Suspicion, Step)>;

/// Takes an answer, or says why not. Blocks.
pub(super) fn answer(road: &Arc<Road>, id: &str, said: Said) -> Result<Answered, NotRun> {
    let answered = answer_all(road, vec![(id.to_owned(), said)], Telling::ToTell)?;
    Ok(answered.into_iter().next().flatten())
}

/// Takes answers, all or none, each with what became of it. Blocks.
pub(crate) fn answer_all(
    road: &Arc<Road>,
    answers: Vec<(String, Said)>,
    telling: Telling,
) -> Result<Vec<Answered>, NotRun> {
    let _pen = road.audit.pen();
    let now = clock::now();
    let writer = writer(road).filter(|_| telling == Telling::ToTell);
    let mut page = Page::new(road, writer.as_ref(), now)?;
    let (mut answered, mut states) = (Vec::new(), Vec::new());
    // Two answers about one suspicion follow one another.
    let mut turned: BTreeMap<String, Suspicion> = BTreeMap::new();
    for (id, said) in answers {
        let known = match turned.remove(&id) {
            None => book::suspicion(&road.outbox, &id)?,
            known => known,
        };
        let Some(mut it) = known else {
            answered.push(None);
            continue;
        };
        let said = Said { at: pipeline::stamp(now), ..said };
        let step = it.answer(&said);
        if step == Step::Taken {
            page.tell_said(&it, &said);
            page.keep(&it, Some(said.state.name()));
            states.push(said.state.name());
        }
        turned.insert(id, it.clone());
        answered.push(Some((it, step)));
    }
    if !answered.iter().all(is_taken) || page.is_empty() {
        return Ok(answered);
    }
    page.write()?;
    for state in states {
        metrics::counter!("his_agent_audit_answers_total", "state" => state).increment(1);
    }
    Ok(answered)
}

/// Whether an answer was taken, now or before.
pub(crate) fn is_taken(answered: &Answered) -> bool {
    matches!(answered, Some((_, Step::Taken | Step::Repeated)))
}
