//! What the control socket can ask of versions.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::apply::{self, NotTaken, Taken};
use super::{By, Kind, sets, told};
use crate::control::{done, failed};
use crate::intake::Road;
use crate::sets::routes::refused;

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/config", get(status))
        .route("/admin/v1/config/versions", get(history))
        .route("/admin/v1/config/versions/{no}", get(version))
        .route("/admin/v1/config/diff", get(difference))
        .route("/admin/v1/config/apply", post(take))
        .route("/admin/v1/config/rollback", post(roll_back))
        .route("/admin/v1/config/start", post(start))
}

/// `GET /admin/v1/config`: which version is in force, and whether it is on trial.
async fn status(State(road): State<Arc<Road>>) -> Response {
    read(road, |road| Ok(Some(told::status(&road.versions.book)))).await
}

#[derive(Debug, Default, Deserialize)]
struct Wanted {
    kind: Option<Kind>,
}

/// `GET /admin/v1/config/versions`, with `?kind=config` or `sets`.
async fn history(State(road): State<Arc<Road>>, Query(wanted): Query<Wanted>) -> Response {
    read(road, move |road| Ok(Some(told::history(&road.versions.book, wanted.kind)))).await
}

/// `GET /admin/v1/config/versions/{no}`
async fn version(State(road): State<Arc<Road>>, Path(no): Path<u64>) -> Response {
    read(road, move |road| told::version(&road.versions.book, no)).await
}

#[derive(Debug, Deserialize)]
struct Between {
    from: Option<u64>,
    to: u64,
}

/// `GET /admin/v1/config/diff?from=&to=`
async fn difference(State(road): State<Arc<Road>>, Query(between): Query<Between>) -> Response {
    let Between { from, to } = between;
    read(road, move |road| told::difference(&road.versions.book, from, to)).await
}

async fn read(
    road: Arc<Road>,
    work: impl FnOnce(&Road) -> std::io::Result<Option<Value>> + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(move || work(&road)).await {
        Ok(Ok(Some(told))) => done(&told),
        Ok(Ok(None)) => {
            let reason = "没有这个版本，或两个版本不是同一类：his-agent config history 列出全部";
            failed(StatusCode::NOT_FOUND, "A031", &[reason.to_owned()])
        }
        Ok(Err(error)) => {
            let reason = format!("版本读不出：{error}");
            failed(StatusCode::INTERNAL_SERVER_ERROR, "A035", &[reason])
        }
        Err(_) => failed(StatusCode::INTERNAL_SERVER_ERROR, "A015", &["程序出错".to_owned()]),
    }
}

#[derive(Debug, Deserialize)]
struct Brought {
    #[serde(flatten)]
    by: By,
    text: String,
}

/// `POST /admin/v1/config/apply`: proves a configuration and keeps it; it is in force after `start`.
async fn take(State(road): State<Arc<Road>>, Json(brought): Json<Brought>) -> Response {
    let Brought { by, text } = brought;
    answer(road, by, move |road, by| {
        if apply::is_in_force(road, &text) && road.versions.alerts().is_none() {
            return Ok(json!({ "version": null }));
        }
        apply::accept(road, &text, by).map(|it| taken(&it))
    })
    .await
}

#[derive(Debug, Deserialize)]
struct Back {
    #[serde(flatten)]
    by: By,
    version: u64,
}

/// `POST /admin/v1/config/rollback`: brings an earlier version back. A configuration is in force after
/// `start`, sets at once.
async fn roll_back(State(road): State<Arc<Road>>, Json(back): Json<Back>) -> Response {
    let Back { by, version } = back;
    answer(road, by, move |road, by| {
        let unknown = || NotTaken::Unfit("A031", format!("没有版本 {version}"));
        let version = road.versions.book.version(version).ok_or_else(unknown)?;
        match version.kind {
            Kind::Config => apply::accept_again(road, &version, by).map(|it| taken(&it)),
            Kind::Sets if sets::is_in_force(road, &version) => Ok(json!({ "version": null })),
            Kind::Sets => sets::bring_back(road, &version, by)
                .map(|it| json!({ "digest": it.digest.short(), "changed_sets": it.changed }))
                .map_err(NotTaken::Wrong),
        }
    })
    .await
}

/// `POST /admin/v1/config/start`: the road starts anew with what was accepted.
async fn start(State(road): State<Arc<Road>>) -> Response {
    match tokio::task::spawn_blocking(move || apply::start(&road)).await {
        Ok(Ok(version)) => done(&json!({ "version": version })),
        Ok(Err(why)) => not_taken(why),
        Err(_) => failed(StatusCode::INTERNAL_SERVER_ERROR, "A015", &["程序出错".to_owned()]),
    }
}

fn taken(taken: &Taken) -> Value {
    json!(taken)
}

async fn answer(
    road: Arc<Road>,
    by: By,
    work: impl FnOnce(&Road, By) -> Result<Value, NotTaken> + Send + 'static,
) -> Response {
    if by.author.trim().is_empty() || by.reason.trim().is_empty() {
        let reason = "写明修改人 author 和理由 reason".to_owned();
        return failed(StatusCode::UNPROCESSABLE_ENTITY, "A032", &[reason]);
    }
    match tokio::task::spawn_blocking(move || work(&road, by)).await {
        Ok(Ok(told)) => done(&told),
        Ok(Err(why)) => not_taken(why),
        Err(_) => failed(StatusCode::INTERNAL_SERVER_ERROR, "A015", &["程序出错".to_owned()]),
    }
}

fn not_taken(why: NotTaken) -> Response {
    match why {
        NotTaken::Wrong(problems) => refused(&problems),
        NotTaken::Unfit(code, reason) => failed(StatusCode::UNPROCESSABLE_ENTITY, code, &[reason]),
    }
}
