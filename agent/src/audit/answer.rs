//! What departments and the insurance office say about a suspicion: kept, told to the platform, and
//! acknowledged only when it is on disk.

use std::sync::Arc;

use super::page::Page;
use super::states::{Said, Step};
use super::suspicion::Suspicion;
use super::{NotRun, book};
use crate::checks::writer;
use crate::clock;
use crate::intake::Road;
use crate::pipeline;

/// Takes an answer, or says why not; `None` when nobody knows the suspicion. Blocks.
pub(super) fn answer(
    road: &Arc<Road>,
    id: &str,
    said: Said,
) -> Result<Option<(Suspicion, Step)>, NotRun> {
    let _pen = road.audit.pen();
    let Some(mut it) = book::suspicion(&road.outbox, id)? else { return Ok(None) };
    let now = clock::now();
    let said = Said { at: pipeline::stamp(now), ..said };
    let step = it.answer(&said);
    if step == Step::Taken {
        let writer = writer(road);
        let mut page = Page::new(road, writer.as_ref(), now);
        page.tell_said(&it, &said);
        page.keep(&it, Some(said.state.name()));
        page.write()?;
        metrics::counter!("his_agent_audit_answers_total", "state" => said.state.name())
            .increment(1);
    }
    Ok(Some((it, step)))
}
