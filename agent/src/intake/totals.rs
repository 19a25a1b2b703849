//! `POST /v1/channels/{channel}/totals`: the HIS's own totals of a day, to be compared with ours.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::Road;
use super::answer::{Answer, Dialect, Fault};
use super::checks::{json as say, read_text};
use crate::clock;
use crate::reconcile::{self, Sent};

/// Takes the totals; when the day is over, the answer says whether they are ours.
pub(super) async fn receive(
    State(road): State<Arc<Road>>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let id = clock::new_id();
    if !road.sets.load().channels.contains_key(channel.as_str()) {
        return super::messages::unknown_channel(&road.sets.load(), &channel, &id);
    }
    let text = match read_text(&road, &headers, body).await {
        Ok((_, text)) => text,
        Err(answer) => return answer.about(&id).say(&Dialect::Json),
    };
    let fault = match reconcile::take_totals(&road, &channel, &text).await {
        Ok(Sent::Kept(told)) => {
            let body = json!({ "code": 0, "message": "成功", "data": told, "request_id": id });
            return say(StatusCode::OK, body.to_string());
        }
        Ok(Sent::Unreadable(problems)) => {
            let message = format!("日合计读不懂：{}", problems.join("；"));
            Fault::unacceptable(StatusCode::BAD_REQUEST, "O505", message)
        }
        Err(error) => {
            tracing::error!(%error, channel, "the totals of a HIS were not taken");
            Fault::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                2,
                "I108",
                "没有存下，请稍后重送".to_owned(),
            )
        }
    };
    Answer::fault(&fault).about(&id).say(&Dialect::Json)
}
