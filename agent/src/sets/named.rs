//! Named sets over the control socket: listed, shown with all their versions, made, given a next version,
//! removed. A version is taken back like any change, `POST /admin/v1/rules/rollback` with pack `own`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use rules::import::list::{Head, to_set};
use rules::overlay::{own, set};
use rules::sets::SetVersion;
use serde::Deserialize;
use serde_json::{Value, json};

use super::books::NotChanged;
use super::rulebook::{Signed, answer, at_rest, changes, log, read};
use super::{Sets, import};
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

/// A version: its file, or the list that it is made of, and who writes it why.
#[derive(Deserialize)]
struct Written {
    #[serde(flatten)]
    signed: Signed,
    toml: Option<String>,
    #[serde(flatten)]
    list: List,
}

/// A list as people keep it in a spreadsheet, and what it does not say itself.
#[derive(Default, Deserialize)]
struct List {
    /// As it is, CSV or Excel, in base64.
    file: Option<String>,
    sheet: Option<String>,
    name: Option<String>,
    kind: Option<String>,
    source: Option<String>,
    from: Option<String>,
    until: Option<String>,
}

impl List {
    /// The file of the set, or every row that cannot be a member.
    fn to_set(&self, id: &str, file: &str) -> Result<String, NotChanged> {
        let (_, table) = import::table_of(file, self.sheet.as_deref())?;
        let Some(source) = self.source.as_deref() else {
            let reason = "用 source 写明清单的来源文件".to_owned();
            return Err(NotChanged::Unfit(reason));
        };
        let head = Head {
            id,
            name: self.name.as_deref(),
            source,
            from: self.from.as_deref(),
            until: self.until.as_deref(),
            kind: self.kind.as_deref(),
        };
        to_set("file", &table, &head).map_err(NotChanged::Refused)
    }
}

impl Written {
    /// The file of the set of this id.
    fn text(&self, id: &str) -> Result<String, NotChanged> {
        match (&self.toml, &self.list.file) {
            (Some(toml), None) => {
                if set::id_of("set.toml", toml).map_err(NotChanged::Refused)? != id {
                    let reason = format!("地址里的标识是 {id}，集合里的不是");
                    return Err(NotChanged::Unfit(reason));
                }
                Ok(toml.clone())
            }
            (None, Some(file)) => self.list.to_set(id, file),
            _ => {
                let reason = "写 toml（集合文件）或 file（清单：CSV、Excel，base64），只写一个";
                Err(NotChanged::Unfit(reason.to_owned()))
            }
        }
    }
}

/// `PUT /admin/v1/rules/sets/{id}`: a set, or its next version.
async fn put(
    State(road): State<Arc<Road>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    answer(road, move |books| {
        let written: Written = read(body)?;
        let text = written.text(&id)?;
        let is_new = !set::versions(&books.log(own::PACK)?).any(|(known, _)| known == id);
        books.define_set(&text, &written.signed.by()?, is_new)
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
