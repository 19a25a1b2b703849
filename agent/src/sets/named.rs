//! Named sets over the control socket: listed, shown with all their versions, made, given a next version,
//! removed. A version is taken back like any change, `POST /admin/v1/rules/rollback` with pack `own`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use rules::overlay::{own, set};
use rules::sets::SetVersion;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Sets;
use super::books::NotChanged;
use super::rulebook::{Signed, answer, at_rest, changes, log, read};
use crate::clock;
use crate::control::{done, failed};
use crate::intake::Road;

pub(super) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/rules/sets", get(list))
        .route("/admin/v1/rules/sets/{id}", get(show).put(put).delete(remove))
}

/// `GET /admin/v1/rules/sets`
async fn list(State(road): State<Arc<Road>>) -> Response {
    done(&json!({ "sets": all(&road.sets.load()) }))
}

/// Every set in a line: what is in force today, and what rests.
pub(crate) fn all(sets: &Sets) -> Vec<Value> {
    let today = clock::now().date();
    let known = sets.rules.sets();
    let mut told: Vec<Value> = Vec::new();
    for id in known.names() {
        let in_force = known.version(id, today);
        told.push(json!({
            "id": id, "name": in_force.and_then(|it| it.title.as_deref()),
            "in_force": in_force.map(|it| it.number), "versions": known.versions(id).len(),
            "members": in_force.map_or(0, |it| it.members.len() + it.parties.len()), "pack": pack_of(known.versions(id)),
        }));
    }
    let resting = sets.rules.resting().iter().filter(|it| it.rule.starts_with(set::PREFIX));
    told.extend(resting.map(at_rest));
    told
}

/// `own`, or the name of the pack.
fn pack_of(versions: &[SetVersion]) -> &str {
    let first = versions.first().filter(|it| it.number == 0);
    first.map_or(own::PACK, |it| it.source.as_str())
}

/// `GET /admin/v1/rules/sets/{id}`
async fn show(State(road): State<Arc<Road>>, Path(id): Path<String>) -> Response {
    match whole(&road.sets.load(), &id) {
        Some(told) => done(&told),
        None => failed(StatusCode::NOT_FOUND, "I133", &["没有这个集合".to_owned()]),
    }
}

/// Everything there is to say of a set: its versions, the file of the latest, its changes.
pub(crate) fn whole(sets: &Sets, id: &str) -> Option<Value> {
    let (log, rule) = (log(sets, own::PACK), format!("{}{id}", set::PREFIX));
    let versions: Vec<Value> = sets.rules.sets().versions(id).iter().map(version).collect();
    let latest = set::versions(&log).filter(|(known, _)| *known == id).last();
    let file = latest.and_then(|(_, it)| it.cells.get("file"));
    let toml = file.and_then(|it| sets.texts.rules.get(&own::file_of(it)));
    let resting = sets.rules.resting().iter().find(|it| it.rule == rule).map(at_rest);
    if versions.is_empty() && toml.is_none() {
        return None;
    }
    Some(json!({
        "id": id, "pack": pack_of(sets.rules.sets().versions(id)), "versions": versions,
        "toml": toml, "resting": resting, "changes": changes(&log, &rule),
    }))
}

fn version(it: &SetVersion) -> Value {
    let parties = it.parties.iter().map(ToString::to_string);
    let members: BTreeSet<String> =
        it.members.iter().map(ToString::to_string).chain(parties).collect();
    json!({
        "version": it.number, "name": it.title, "source": it.source, "author": it.author,
        "from": it.from.map(|it| it.to_string()), "until": it.until.map(|it| it.to_string()),
        "members": members,
    })
}

/// The text of a version's file, and who writes it why.
#[derive(Deserialize)]
struct Written {
    #[serde(flatten)]
    signed: Signed,
    toml: String,
}

/// `PUT /admin/v1/rules/sets/{id}`: a set, or its next version.
async fn put(
    State(road): State<Arc<Road>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    answer(road, move |books| {
        let written: Written = read(body)?;
        if set::id_of("set.toml", &written.toml).map_err(NotChanged::Refused)? != id {
            return Err(NotChanged::Unfit(format!("地址里的标识是 {id}，集合里的不是")));
        }
        let is_new = !set::versions(&books.log(own::PACK)?).any(|(known, _)| known == id);
        books.define_set(&written.toml, &written.signed.by()?, is_new)
    })
    .await
}

/// `DELETE /admin/v1/rules/sets/{id}`: of the hospital's own only, with all versions.
async fn remove(
    State(road): State<Arc<Road>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    answer(road, move |books| books.remove_set(&id, &read::<Signed>(body)?.by()?)).await
}
