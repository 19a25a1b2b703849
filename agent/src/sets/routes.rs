//! What the control socket can ask of the sets.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use schemas::Problem;
use serde::Deserialize;
use serde_json::json;

use super::{Reloaded, Standing, reload, reload_again};
use crate::control::{done, failed};
use crate::intake::Road;

/// `GET /admin/v1/sets`: what is in force, since when, and what came of the last try.
pub(crate) async fn status(State(road): State<Arc<Road>>) -> Response {
    let told = road.reloads.told();
    let sets = road.sets.load();
    let standing = |it: &Standing| json!({ "channel": it.channel, "judged": it.judged, "of": it.of, "refused_by_it_alone": it.worse });
    let trial = road.reloads.trial().standing();
    done(&json!({
        "digest": sets.digest.short(),
        "sha256": sets.digest.as_str(),
        "since": told.since.to_string(),
        "tried_at": told.tried_at.to_string(),
        "on_trial": trial.map(|it| it.iter().map(standing).collect::<Vec<_>>()),
        "problems": lines(&told.problems),
    }))
}

/// How to reload.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct How {
    /// Even a set that was taken back.
    #[serde(default)]
    again: bool,
}

/// `POST /admin/v1/sets/reload`, with `?again=true` for a set that was taken back.
pub(crate) async fn reload_now(State(road): State<Arc<Road>>, Query(how): Query<How>) -> Response {
    let reloaded =
        tokio::task::spawn_blocking(
            move || {
                if how.again { reload_again(&road) } else { reload(&road) }
            },
        );
    match reloaded.await {
        Ok(Ok(Reloaded { digest, changed })) => {
            done(&json!({ "digest": digest.short(), "changed": changed }))
        }
        Ok(Err(problems)) => refused(&problems),
        Err(_) => failed(StatusCode::INTERNAL_SERVER_ERROR, "A015", &[BROKEN.to_owned()]),
    }
}

/// The problems of files, as they stand: `FILE:LINE:COLUMN: error[CODE]: message`.
pub(crate) fn refused(problems: &[Problem]) -> Response {
    let code = problems.first().map_or("A001", |it| it.code);
    failed(StatusCode::UNPROCESSABLE_ENTITY, code, &lines(problems))
}

fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

const BROKEN: &str = "装入时程序出错，在用的一套不受影响；请保留日志并报告";
