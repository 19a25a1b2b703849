//! The HIS's own totals of a day, to be compared with ours: `POST /v1/channels/{channel}/totals`, and among
//! the records of a channel's messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::{Answer, Dialect, Fault};
use super::checks::{json as say, read_text};
use super::{Road, Upload};
use crate::clock;
use crate::envelope::Draft;
use crate::reconcile::{self, Sent};

/// Takes the totals; when the day is over, the answer says whether they are ours.
pub(super) async fn receive(
    State(road): State<Arc<Road>>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Upload,
) -> Response {
    let id = clock::new_id();
    if !road.sets.load().channels.contains_key(channel.as_str()) {
        return super::messages::unknown_channel(&road.sets.load(), &channel, &id);
    }
    let text = match read_text(&road, &headers, body).await {
        Ok((_, text)) => text,
        Err(answer) => return answer.about(&id).say(&Dialect::Json),
    };
    match take(&road, &channel, &text).await {
        Ok(told) => {
            let body = json!({ "code": 0, "message": "成功", "data": told, "request_id": id });
            say(StatusCode::OK, body.to_string())
        }
        Err(fault) => Answer::fault(&fault).about(&id).say(&Dialect::Json),
    }
}

async fn take(road: &Arc<Road>, channel: &str, text: &str) -> Result<Value, Fault> {
    match reconcile::take_totals(road, channel, text).await {
        Ok(Sent::Kept(told)) => Ok(told),
        Ok(Sent::Unreadable(problems)) => {
            let message = format!("日合计读不懂：{}", problems.join("；"));
            Err(Fault::unacceptable(StatusCode::BAD_REQUEST, "O505", message))
        }
        Ok(Sent::OtherDay(problem)) => {
            let message = format!("日合计没有收下：{problem}");
            Err(Fault::new(StatusCode::CONFLICT, 12, "O505", message))
        }
        Err(error) => {
            tracing::error!(%error, channel, "the totals of a HIS were not taken");
            let message = "没有存下，请稍后重送".to_owned();
            Err(Fault::new(StatusCode::INTERNAL_SERVER_ERROR, 2, "I108", message))
        }
    }
}

/// Takes the totals among a message's records; the records themselves go the way of all records.
pub(super) async fn take_records(
    road: &Arc<Road>,
    drafts: &[Draft],
    channel: &str,
) -> Result<(), Fault> {
    let mut by_day: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for draft in drafts.iter().filter(|it| it.entity == ENTITY) {
        let record = format!("{{{}}}", draft.tail);
        let told = serde_json::from_str::<Record<'_>>(&record).ok().and_then(Record::told);
        if let Some((day, line)) = told {
            by_day.entry(day).or_default().push(line);
        }
    }
    for (day, lines) in by_day {
        let text = format!("{{\"day\":{day},\"totals\":[{}]}}", lines.join(","));
        take(road, channel, &text).await?;
    }
    Ok(())
}

/// Whether the totals among these records are taken, or there are none.
pub(crate) async fn taken(road: &Arc<Road>, drafts: &[Draft], channel: &str) -> bool {
    take_records(road, drafts, channel).await.is_ok()
}

/// Of a record of totals; numbers stay the text that they are.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    elements: BTreeMap<&'a str, &'a RawValue>,
}

impl Record<'_> {
    /// The day, and the line as totals have it: what is neither day, entity nor count is a sum.
    fn told(mut self) -> Option<(String, String)> {
        let names = ["stmt_date", "stmt_entity", "stmt_cnt"];
        let [day, entity, count] = names.map(|name| self.elements.remove(name));
        let sums = self.elements.iter().map(|(name, sum)| format!("\"{name}\":{sum}"));
        let sums = sums.collect::<Vec<_>>().join(",");
        let (entity, count) = (entity?, count?);
        let line = format!("{{\"entity\":{entity},\"count\":{count},\"sums\":{{{sums}}}}}");
        Some((day?.to_string(), line))
    }
}

/// The entity of such records.
const ENTITY: &str = "his_totals";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_totals_is_a_line_of_them_to_the_last_digit() {
        let tail = r#"{"elements":{"stmt_date":"20261122","stmt_entity":"fee","stmt_cnt":1250,"medfee_sumamt":12345678901234.50}}"#;
        let record: Record<'_> = serde_json::from_str(tail).unwrap();
        let line = r#"{"entity":"fee","count":1250,"sums":{"medfee_sumamt":12345678901234.50}}"#;
        assert_eq!(record.told(), Some(("\"20261122\"".to_owned(), line.to_owned())));
    }
}
