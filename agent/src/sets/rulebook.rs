//! Rules over the control socket: listed, shown in every form, made, changed, removed, taken back.
//!
//! A change comes with its author and reason, is proved with everything else, and is in force when the
//! answer comes; a bad one is refused whole, with the place of the part that is wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use rules::form;
use rules::overlay::own::Resting;
use rules::overlay::{CellList, Change, Log, What, log_of, own};
use rules::rule::Rule;
use schemas::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::books::{Books, By, NotChanged};
use super::routes::refused;
use super::{Sets, reload};
use super::{import, logbook, named, on_trial, suppress};
use crate::control::{self, done, failed};
use crate::intake::Road;

pub(crate) fn routes() -> Router<Arc<Road>> {
    // A year's book of knowledge points is more than any other command has to say.
    let tables = Router::new().route("/admin/v1/rules/{id}/import", post(import::import));
    let tables = tables.layer(DefaultBodyLimit::max(control::BODY_BYTES_MAX));
    Router::new()
        .route("/admin/v1/rules", get(list))
        .route("/admin/v1/rules/schema", get(async || done(&form::schema())))
        .route("/admin/v1/rules/form", get(async || done(&form::fields())))
        .route("/admin/v1/rules/rollback", post(roll_back))
        .route("/admin/v1/rules/changes", get(logbook::list))
        .route("/admin/v1/rules/packs/{pack}/shadow", post(on_trial::of_pack))
        .merge(named::routes())
        .route("/admin/v1/rules/{id}", get(show).put(put).delete(remove))
        .route("/admin/v1/rules/{id}/changes", post(change))
        .route("/admin/v1/rules/{id}/shadow", post(on_trial::of_rule))
        .route("/admin/v1/rules/{id}/suppress", post(suppress::suppress))
        .merge(tables)
}

/// `GET /admin/v1/rules`
async fn list(State(road): State<Arc<Road>>) -> Response {
    let sets = road.sets.load();
    let rules: Vec<Value> = sets.rules.rules().iter().map(in_short).collect();
    let resting: Vec<Value> = sets.rules.resting().iter().map(at_rest).collect();
    done(&json!({ "version": sets.rules.version(), "rules": rules, "resting": resting }))
}

/// A rule or set of the hospital's own that cannot be used as it is written, and why.
pub(crate) fn at_rest(it: &Resting) -> Value {
    let why: Vec<String> = it.faults.iter().map(ToString::to_string).collect();
    json!({ "id": it.rule, "why": why })
}

/// A rule in a line of a list.
pub(crate) fn in_short(rule: &Rule) -> Value {
    let severity = rule.severity.code();
    json!({
        "id": rule.id, "name": rule.name, "family": rule.family.id(), "pack": rule.pack,
        "official_code": rule.official_code, "severity": severity, "action": rule.action.name(),
        "enabled": rule.enabled, "on_trial": rule.on_trial, "rows": rule.rows.len(),
        "settings": rule.settings.len(), "usual": rule.family.usual().map(form::usual),
    })
}

/// `GET /admin/v1/rules/{id}`: as written, as in force, as a form, with its changes.
async fn show(State(road): State<Arc<Road>>, Path(id): Path<String>) -> Response {
    match whole(&road.sets.load(), &id) {
        Some(told) => done(&told),
        None => no_rule(&id),
    }
}

/// Everything there is to say of a rule.
pub(crate) fn whole(sets: &Sets, id: &str) -> Option<Value> {
    let Some(rule) = sets.rules.rules().iter().find(|it| it.id == id) else {
        return whole_at_rest(sets, id);
    };
    let log = log(sets, &rule.pack);
    let changes = changes(&log, id);
    let version = own::versions(&log).get(id).filter(|_| rule.pack == own::PACK).copied();
    let toml = version.and_then(|it| sets.texts.rules.get(&own::file_of(it.cells.get("file")?)));
    let in_force = form::to_json(rule);
    let written = toml.and_then(|it| form::definition("", it).ok());
    let written = written.unwrap_or_else(|| in_force.clone());
    let toml = toml.map_or_else(|| form::to_toml(&written).unwrap_or_default(), str::to_owned);
    Some(json!({
        "id": id, "pack": rule.pack, "version": version.map(|it| it.no), "on_trial": rule.on_trial,
        "rule": written, "in_force": in_force, "toml": toml, "rows": rule.rows.len(),
        "form": form::fields_of(rule.family), "changes": changes,
    }))
}

/// What there is to say of a rule that rests: enough to write its next version.
fn whole_at_rest(sets: &Sets, id: &str) -> Option<Value> {
    let resting = sets.rules.resting().iter().find(|it| it.rule == id)?;
    let log = log(sets, own::PACK);
    let version = own::versions(&log).get(id).copied()?;
    let toml = version.cells.get("file").and_then(|it| sets.texts.rules.get(&own::file_of(it)));
    Some(json!({
        "id": id, "pack": own::PACK, "version": version.no, "toml": toml.unwrap_or_default(),
        "resting": at_rest(resting).get("why"), "changes": changes(&log, id),
    }))
}

/// The log of a pack in force; one that cannot be read refuses the set, so this one can.
pub(crate) fn log(sets: &Sets, pack: &str) -> Log {
    let file = log_of(pack);
    let text = sets.texts.rules.get(&file);
    text.map(|text| Log::read(&file, text, &mut Vec::new())).unwrap_or_default()
}

/// Every change of a rule or set, the oldest first.
pub(crate) fn changes(log: &Log, id: &str) -> Vec<Value> {
    let rolled_back = log.rolled_back();
    let ours = log.changes().iter().filter(|it| it.rule == id);
    ours.map(|it| told(it, rolled_back.contains(&it.no))).collect()
}

pub(super) fn told(change: &Change, is_rolled_back: bool) -> Value {
    let cells: BTreeMap<&str, &str> = change.cells.iter().collect();
    json!({
        "no": change.no, "at": change.at.to_string(), "author": change.author,
        "reason": change.reason, "what": change.what.word(), "cells": cells,
        "row": change.key.as_ref().map(|(kind, key)| format!("{kind}={key}")),
        "rolled_back": is_rolled_back,
    })
}

/// Who and why, in every request that changes something.
#[derive(Deserialize)]
pub(super) struct Signed {
    author: String,
    reason: String,
}

impl Signed {
    pub(super) fn by(self) -> Result<By, NotChanged> {
        if self.author.trim().is_empty() || self.reason.trim().is_empty() {
            return Err(NotChanged::Unfit("写明修改人 author 和理由 reason".to_owned()));
        }
        Ok(By { author: self.author, reason: self.reason })
    }
}

/// A rule to be made or changed: as an object, or as the text of its file.
#[derive(Deserialize)]
struct Written {
    #[serde(flatten)]
    signed: Signed,
    rule: Option<Value>,
    toml: Option<String>,
}

/// `PUT /admin/v1/rules/{id}`: a rule of the hospital's own, or its next version.
async fn put(
    State(road): State<Arc<Road>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    answer(road, move |books| {
        let written: Written = read(body)?;
        let text = match (written.rule, written.toml) {
            (Some(rule), None) => form::to_toml(&rule).map_err(NotChanged::Unfit)?,
            (None, Some(text)) => text,
            _ => {
                return Err(NotChanged::Unfit(
                    "写 rule（对象）或 toml（文本），其中之一".to_owned(),
                ));
            }
        };
        let named = form::definition("rule.toml", &text).map_err(NotChanged::Refused)?;
        if named.get("id").and_then(Value::as_str) != Some(&id) {
            return Err(NotChanged::Unfit(format!("地址里的标识是 {id}，规则里的不是")));
        }
        let is_new = !books.knows(&id)?;
        books.define(&text, &written.signed.by()?, is_new)
    })
    .await
}

/// `DELETE /admin/v1/rules/{id}`: of the hospital's own only.
async fn remove(
    State(road): State<Arc<Road>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    answer(road, move |books| books.remove(&id, &read::<Signed>(body)?.by()?)).await
}

/// A change of a rule or of its rows, of any pack.
#[derive(Deserialize)]
struct Changed {
    #[serde(flatten)]
    signed: Signed,
    /// `add`, `edit`, `disable`, `enable`, `restrict`.
    what: String,
    /// `match=key`; the rule itself without.
    row: Option<String>,
    #[serde(default)]
    which: BTreeMap<String, String>,
    #[serde(default)]
    cells: BTreeMap<String, String>,
}

/// `POST /admin/v1/rules/{id}/changes`
async fn change(
    State(road): State<Arc<Road>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    answer(road, move |books| {
        let changed: Changed = read(body)?;
        let known =
            What::NAMES.iter().find(|(word, what)| *word == changed.what && is_plain(*what));
        let Some((_, what)) = known else {
            let reason = "what 是 add、edit、disable、enable、restrict 之一".to_owned();
            return Err(NotChanged::Unfit(reason));
        };
        let key = match &changed.row {
            None => None,
            Some(row) => {
                let parts =
                    row.split_once('=').map(|(kind, key)| (kind.to_owned(), key.to_owned()));
                Some(parts.ok_or_else(|| NotChanged::Unfit("row 写成 match=key".to_owned()))?)
            }
        };
        let (which, cells) = (cells(&changed.which), cells(&changed.cells));
        let pack = books.pack_of(&id)?;
        let change = Change { rule: id, key, which, cells, ..changed.signed.by()?.begin(*what) };
        books.record(&pack, change)
    })
    .await
}

fn is_plain(what: What) -> bool {
    matches!(what, What::Add | What::Edit | What::Disable | What::Enable | What::Restrict)
}

#[derive(Deserialize)]
struct RolledBack {
    #[serde(flatten)]
    signed: Signed,
    pack: String,
    no: u32,
}

/// `POST /admin/v1/rules/rollback`
async fn roll_back(State(road): State<Arc<Road>>, Json(body): Json<Value>) -> Response {
    answer(road, move |books| {
        let RolledBack { signed, pack, no } = read(body)?;
        let cells = cells(&BTreeMap::from([("no".to_owned(), no.to_string())]));
        books.record(&pack, Change { cells, ..signed.by()?.begin(What::Rollback) })
    })
    .await
}

pub(super) fn read<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, NotChanged> {
    serde_json::from_value(body).map_err(|error| NotChanged::Unfit(error.to_string()))
}

fn cells(given: &BTreeMap<String, String>) -> CellList {
    let mut cells = CellList::default();
    for (name, value) in given {
        cells.push(name, value);
    }
    cells
}

/// Makes a change, whose number it tells, and takes it in.
pub(super) async fn answer(
    road: Arc<Road>,
    change: impl FnOnce(Books) -> Result<u32, NotChanged> + Send + 'static,
) -> Response {
    make(road, |books| change(books).map(|no| json!({ "change": no }))).await
}

/// Makes changes, tells what came of them, and takes them in.
pub(super) async fn make(
    road: Arc<Road>,
    change: impl FnOnce(Books) -> Result<Value, NotChanged> + Send + 'static,
) -> Response {
    let work = move || {
        let made = Books::open(&road.config).and_then(change)?;
        Ok((made, reload(&road)))
    };
    let working: Result<Result<_, NotChanged>, _> = tokio::task::spawn_blocking(work).await;
    match working {
        Ok(Ok((mut made, Ok(reloaded)))) => {
            if let Some(members) = made.as_object_mut() {
                members.insert("digest".to_owned(), Value::from(reloaded.digest.short()));
            }
            done(&made)
        }
        Ok(Ok((made, Err(problems)))) => not_taken_in(&made, &problems),
        Ok(Err(why)) => not_changed(why),
        Err(_) => broken(),
    }
}

fn not_taken_in(made: &Value, problems: &[Problem]) -> Response {
    let code = problems.first().map_or("A015", |it| it.code);
    let no = made.get("change").map_or_else(String::new, |no| format!(" {no} "));
    let mut told = vec![format!(
        "修改{no}已写入，尚未生效，不要重做；改正下列问题后运行 his-agent sets reload"
    )];
    told.extend(problems.iter().map(ToString::to_string));
    failed(StatusCode::SERVICE_UNAVAILABLE, code, &told)
}

/// Why nothing was changed.
pub(super) fn not_changed(why: NotChanged) -> Response {
    let unreadable = StatusCode::UNPROCESSABLE_ENTITY;
    match why {
        NotChanged::Broken(problems) | NotChanged::Refused(problems) => refused(&problems),
        NotChanged::NoPlace(reason) | NotChanged::Unwritable(reason) => {
            failed(StatusCode::SERVICE_UNAVAILABLE, "I134", &[reason])
        }
        NotChanged::Unfit(reason) => failed(unreadable, "I133", &[reason]),
        NotChanged::Unread(reason) => failed(unreadable, "I135", &[reason]),
    }
}

pub(super) fn broken() -> Response {
    failed(StatusCode::INTERNAL_SERVER_ERROR, "A015", &["装入时程序出错".to_owned()])
}

fn no_rule(id: &str) -> Response {
    let id: String = id.chars().take(60).collect();
    failed(StatusCode::NOT_FOUND, "I133", &[format!("没有规则 {id}")])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
