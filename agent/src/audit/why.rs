//! Why a suspicion is one: its encounter as the last run saw it, judged once more by the rules in force.
//!
//! Records and rules may have changed since: what is no longer found is told as such, and never made up.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use jiff::civil::Date;
use rules::explain;
use rules::facts::Scene;
use serde_json::{Value, json};

use super::routes::{not_done, unknown};
use super::run::{Ran, made_ready, moment};
use super::suspicion::Suspicion;
use super::walk::{self, end_of};
use super::{NotRun, book};
use crate::checks::explained;
use crate::clock;
use crate::control::done;
use crate::intake::Road;

/// `GET /admin/v1/audit/suspicions/{id}/explain`
pub(super) async fn explain(State(road): State<Arc<Road>>, Path(id): Path<String>) -> Response {
    match tokio::task::spawn_blocking(move || why(&road, &id)).await {
        Ok(Ok(Some(told))) => done(&told),
        Ok(Ok(None)) => unknown(),
        Ok(Err(error)) => not_done(&error),
        Err(_) => not_done(&NotRun::Stopped),
    }
}

/// Which rows, inputs and arithmetic each of its findings comes from; `None` when nobody knows it.
fn why(road: &Arc<Road>, id: &str) -> Result<Option<Value>, NotRun> {
    let Some(it) = book::suspicion(&road.outbox, id)? else { return Ok(None) };
    let (scene, day) = last_seen(road, &it)?;
    let met = walk::one(&road.history, &it.encounter, end_of(day))?;
    let mut met = met.ok_or(NotRun::NoEncounter)?;
    made_ready(road, &mut met, scene);
    let (sets, at) = (road.sets.load_full(), moment(day, clock::now()));
    let facts = &met.told.facts;
    let verdict = rules::evaluate(&sets.rules, facts, at);
    let findings = verdict.findings.iter().filter(|found| Suspicion::of(&met, found).id == it.id);
    let told: Vec<Value> = findings
        .filter_map(|found| explain::explain(&sets.rules, &sets.texts.rules, facts, at, found))
        .map(|it| explained(&explain::to_json(&it), &explain::to_text(&it)))
        .collect();
    Ok(Some(json!({
        "id": it.id,
        "encounter": it.encounter,
        "day": day.strftime("%Y%m%d").to_string(),
        "rules_now": sets.rules.version(),
        "no_longer_found": told.is_empty().then_some(&it.text),
        "findings": told,
    })))
}

/// The scene and the day of the run that found it last.
fn last_seen(road: &Road, it: &Suspicion) -> Result<(Scene, Date), NotRun> {
    let runs: Vec<Ran> = book::runs(&road.outbox)?;
    let last = runs.into_iter().find(|run| run.run_id == it.last_run);
    let scene = last.map_or_else(|| it.scene.clone(), |run| run.scene);
    let day = Date::strptime("%Y%m%d", &it.last_day).unwrap_or_else(|_| clock::now().date());
    Ok((Scene::parse(&scene).unwrap_or(Scene::DailyBatch), day))
}
