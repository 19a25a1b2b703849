//! `GET /v1/records`: who asks, and what for.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::ToSpan as _;
use serde::Deserialize;

use super::book::{self, Call};
use super::find::{self, Found, Wanted};
use crate::callers::{Caller, Refused, Seat, Shown, Verb};
use crate::calls;
use crate::clock;
use crate::config::QueryConfig;
use crate::events::door::refuse;
use crate::intake::Road;
use crate::intake::answer::Fault;
use crate::intake::json;
use crate::outbox::StoreError;
use crate::pipeline;
use crate::sets::dictionary;

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// The entity; or the query by its name.
    entity: Option<String>,
    query: Option<String>,
    key: Option<String>,
    patient: Option<String>,
    from: Option<String>,
    to: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
    token: Option<String>,
}

/// `GET /v1/records`
pub(crate) async fn records(
    State(road): State<Arc<Road>>,
    Extension(seat): Extension<Arc<Seat>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let Ok(Query(asked)) = asked else {
        return refuse(&wrong("地址里问号后面的参数读不懂"));
    };
    let shown = Shown::of(&headers, asked.token.as_deref());
    let (query, caller) = match choose(&road, &asked, &seat, &shown) {
        Ok((query, caller)) => (query.clone(), caller),
        Err(fault) => return refuse(&fault),
    };
    let wanted = match asked.wanted(&query, road.outbox.epoch()) {
        Ok(wanted) => Wanted { channels: caller.channels.clone(), ..wanted },
        Err(fault) => return refuse(&fault),
    };
    if asked.patient.is_some() && !is_of_patients(&road, &query) {
        return refuse(&wrong("这种记录里没有 patient_by 的数据元，不能按患者查"));
    }
    // A caller that goes away leaves the disk at work: the room is free when that has ended.
    let Ok(room) = Arc::clone(&road.queries.room).try_acquire_owned() else {
        return refuse(&Fault::busy());
    };
    let call = asked.call(caller.name.clone(), &query);
    let (working, id) = (Arc::clone(&road), call.id.clone());
    let work = move || {
        let _room = room;
        let found = find::find(&working, &query, &wanted)?;
        // Nobody reads what is not written down.
        book::write(&working.outbox, &Call { rows: found.rows.len(), ..call })?;
        Ok::<Found, StoreError>(found)
    };
    let found = tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::panicked());
    match found.flatten() {
        Ok(found) => {
            let mut response = unkept(json(StatusCode::OK, answer(&road, &found, &id)));
            calls::mark(&mut response, |it| (it.caller, it.id) = (Some(caller), Some(id)));
            response
        }
        Err(error) => refuse(&Fault::not_stored(&error).0),
    }
}

/// Nobody on the way keeps patients' records.
fn unkept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether its records say whose they are.
fn is_of_patients(road: &Road, query: &QueryConfig) -> bool {
    let sets = road.sets.load();
    let of = std::slice::from_ref(&query.entity);
    let unknown = dictionary::not_elements(&sets.catalogs, of, &query.patient_by);
    unknown.len() < query.patient_by.len()
}

/// The first query of that entity, or name, that this caller may ask.
fn choose<'a>(
    road: &'a Road,
    asked: &Asked,
    seat: &Seat,
    shown: &Shown<'_>,
) -> Result<(&'a QueryConfig, Arc<Caller>), Fault> {
    let is =
        |wanted: &Option<String>, it: &str| wanted.as_deref().is_none_or(|wanted| wanted == it);
    let fits = |it: &&QueryConfig| is(&asked.entity, &it.entity) && is(&asked.query, &it.name);
    let fitting: Vec<&QueryConfig> = road.config.queries.iter().filter(fits).collect();
    let is_of = |query: &QueryConfig, caller: &Caller| query.callers.contains(&caller.name);
    // Who may read nothing does not learn what there is to be read.
    let may = |it: &Caller| {
        it.verbs.contains(&Verb::Query)
            && (fitting.is_empty() || fitting.iter().any(|query| is_of(query, it)))
    };
    let found = road.callers.find(seat, shown, may);
    let found = found.and_then(|it| road.callers.pace(&it).map(|()| it));
    let caller = found.map_err(Refused::fault)?;
    if asked.entity.is_none() && asked.query.is_none() {
        return Err(wrong("写 entity=实体，或 query=[[query]] 的 name"));
    }
    match fitting.into_iter().find(|query| is_of(query, &caller)) {
        Some(query) => Ok((query, caller)),
        None => Err(Fault::new(StatusCode::NOT_FOUND, 13, "I171", UNKNOWN.to_owned())),
    }
}

impl Asked {
    fn wanted(&self, query: &QueryConfig, epoch: &str) -> Result<Wanted, Fault> {
        if self.key.is_none() && self.patient.is_none() && self.from.is_none() {
            return Err(wrong("写 key=业务主键、patient=患者标识、from=时间 中的一个"));
        }
        if self.limit == Some(0) {
            return Err(wrong("limit 从 1 起"));
        }
        let moment = |text: &Option<String>, days| {
            text.as_deref().map(|it| moment(it, days).map_err(wrong)).transpose()
        };
        let after = self.after.as_deref().map(|it| number_in(it, epoch)).transpose()?;
        Ok(Wanted {
            key: self.key.clone(),
            patient: self.patient.clone(),
            from: moment(&self.from, 0)?,
            to: moment(&self.to, 1)?,
            after,
            rows_max: self.limit.unwrap_or(query.rows_max).clamp(1, query.rows_max),
            channels: Vec::new(),
        })
    }

    fn call(&self, caller: String, query: &QueryConfig) -> Call {
        let by = [("key", self.key.is_some()), ("patient", self.patient.is_some())];
        let mut by: Vec<String> =
            by.iter().filter(|(_, is)| *is).map(|(name, _)| (*name).to_owned()).collect();
        by.extend(self.from.is_some().then(|| "time".to_owned()));
        Call {
            id: clock::new_id(),
            at: pipeline::stamp(clock::now()),
            caller,
            query: query.name.clone(),
            entity: query.entity.clone(),
            by,
            from: self.from.clone(),
            to: self.to.clone(),
            rows: 0,
        }
    }
}

/// `YYYYMMDDhhmmss`, or a day: its begin, or with 1 the begin of the next.
fn moment(text: &str, days: i32) -> Result<String, &'static str> {
    if pipeline::moment(text).is_some() {
        return Ok(text.to_owned());
    }
    let day = pipeline::moment(&format!("{text}000000")).ok_or(TIME)?;
    day.checked_add(days.days()).map(pipeline::stamp).map_err(|_| TIME)
}

fn answer(road: &Road, found: &Found, id: &str) -> String {
    let next = found.next.map(|it| place(it, road.outbox.epoch()));
    format!(
        "{{\"code\":0,\"message\":\"成功\",\"data\":{{\"records\":[{}],\"next\":{}}},\"request_id\":\"{id}\"}}",
        found.rows.join(","),
        serde_json::Value::from(next),
    )
}

/// A number means something only together with the store's id.
fn place(number: u64, epoch: &str) -> String {
    format!("{}-{number}", epoch.get(..8).unwrap_or(epoch))
}

fn number_in(text: &str, epoch: &str) -> Result<u64, Fault> {
    let digits = text.rsplit_once('-').map(|it| it.1).unwrap_or_default();
    let number = digits.parse().ok().filter(|it| *it < u64::MAX);
    let number: u64 = number.ok_or_else(|| wrong("after 原样取自上一页的 next"))?;
    if place(number, epoch) == text {
        return Ok(number);
    }
    // A store that was made anew begins to count anew.
    let told =
        "after 不是这台前置机现在的存储的：原样取自上一页的 next，存储换过的从头读".to_owned();
    Err(Fault::new(StatusCode::CONFLICT, 15, "I172", told))
}

fn wrong(what: &str) -> Fault {
    Fault::unacceptable(StatusCode::BAD_REQUEST, "I172", what.to_owned())
}

const UNKNOWN: &str = "没有配置读这种记录的 [[query]]";
const TIME: &str = "from 和 to 写成 YYYYMMDD 或 YYYYMMDDhhmmss";
