//! `GET /v1/events`: who may listen, to what, and from where on.
//!
//! Without named callers only this machine may. A web page of another site may not, unless its origin is
//! configured: a browser sends any page's WebSocket to this machine, and only the origin tells. A page can
//! also have its own name lead to this machine, and then its origin is the address it asks: so without
//! named callers, who need a token, this machine has to be asked by an address of its own.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, Query, State};
use axum::response::Response;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::event::Kind;
use super::frames;
use super::listener::{Listener, Wanted};
use crate::callers::{Caller, Refused, Seat, Shown, Unnamed, Verb};
use crate::calls;
use crate::clock;
use crate::intake::Road;
use crate::intake::answer::{Answer, Dialect, Fault};

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// The last place heard; `0` for everything that is kept. `Last-Event-ID` says it better.
    after: Option<String>,
    /// Department codes, with commas between.
    department: Option<String>,
    /// `finding`, `suspicion`, `alert`, with commas between.
    kinds: Option<String>,
    /// The caller's token, where no header can be set.
    token: Option<String>,
}

/// `GET /v1/events`
pub(crate) async fn listen(
    State(road): State<Arc<Road>>,
    Extension(seat): Extension<Arc<Seat>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(Query(asked)) = asked else { return refuse(&unreadable(QUERY)) };
    let may = || {
        let caller = who(&road, &seat, &headers, &asked)?;
        Ok((wanted(caller.as_deref(), &asked)?, caller))
    };
    let (wanted, caller) = match may() {
        Ok(may) => may,
        Err(fault) => return refuse(&fault),
    };
    let Some(feed) = road.checks.log().map(|it| Arc::clone(it.feed())) else {
        return refuse(&Fault::busy());
    };
    let name = caller.as_ref().map_or("", |it| it.name.as_str());
    let Some(room) = road.events.room.admit(name) else {
        return refuse(&too_many(road.config.events.listeners_max));
    };
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok());
    let after = last.or(asked.after.as_deref());
    let listener = || Listener::new(&road, &feed, (wanted, after), (caller.clone(), room));
    let wants_socket = headers
        .get(header::UPGRADE)
        .is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let mut response = match upgrade {
        Ok(upgrade) => {
            let listener = listener();
            let upgrade = upgrade.max_message_size(HEARD_BYTES_MAX);
            upgrade.on_upgrade(move |socket| frames::talk(socket, listener, seat))
        }
        Err(_) if wants_socket => return refuse(&unreadable(SOCKET)),
        Err(_) => frames::event_stream(listener(), &seat),
    };
    calls::mark(&mut response, |it| it.caller = caller);
    allow_origin(response, &headers, &road)
}

/// The caller, or nothing for this machine where nobody is named and `[access]` does not shut it out.
fn who(
    road: &Road,
    seat: &Seat,
    headers: &HeaderMap,
    asked: &Asked,
) -> Result<Option<Arc<Caller>>, Fault> {
    let config = &road.config.events;
    if !is_own_page(headers, &config.origins) {
        return Err(forbidden("这个网页的来源没有列入 [events] origins"));
    }
    let shown = Shown::of(headers, asked.token.as_deref());
    let may_be_unnamed = config.callers.is_empty() && road.config.access.unnamed != Unnamed::Nobody;
    if may_be_unnamed && (shown.is_nothing() || !road.callers.knows_tokens()) {
        if !is_own_name(headers, &config.origins) {
            return Err(forbidden("没有配置调用者，请求的 Host 要是 localhost 或 127.0.0.1"));
        }
        let near = seat.is_near();
        return if near {
            Ok(None)
        } else {
            Err(forbidden("没有配置调用者，只有本机可以收事件"))
        };
    }
    let found = road.callers.find(seat, &shown, |it| it.verbs.contains(&Verb::Events));
    let found = found.and_then(|it| road.callers.pace(&it).map(|()| it));
    found.map(Some).map_err(Refused::fault)
}

fn wanted(caller: Option<&Caller>, asked: &Asked) -> Result<Wanted, Fault> {
    let list = |text: &Option<String>| -> Vec<String> {
        let parts = text.iter().flat_map(|it| it.split(','));
        parts.map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
    };
    let mut kinds = Vec::new();
    for name in list(&asked.kinds) {
        let kind = Kind::ALL.into_iter().find(|it| it.name() == name);
        kinds.push(kind.ok_or_else(|| unreadable("kinds 是 finding、suspicion、alert，逗号分隔"))?);
    }
    if kinds.is_empty() {
        kinds = vec![Kind::Finding, Kind::Suspicion];
    }
    let mut departments = list(&asked.department);
    if let Some(caller) = caller.filter(|it| !it.departments.is_empty()) {
        if departments.iter().any(|it| !caller.may_hear_of(it)) || kinds.contains(&Kind::Alert) {
            return Err(forbidden("这个调用者只能收自己科室的事件"));
        }
        if departments.is_empty() {
            departments.clone_from(&caller.departments);
        }
    }
    Ok(Wanted { kinds, departments })
}

/// Whether the page that asks is of this address, or of a site that was named; programs name no page.
fn is_own_page(headers: &HeaderMap, origins: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let own = origin.split_once("://").map(|(_, host)| host);
    origins.iter().any(|it| it == origin) || (own.is_some() && own == host)
}

/// Whether the address asked for cannot be another's name for this machine; programs of old name none.
fn is_own_name(headers: &HeaderMap, origins: &[String]) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Ok(authority) = host.to_str().unwrap_or_default().parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_named =
        |it: &String| it.split_once("://").is_some_and(|(_, it)| it == authority.as_str());
    name.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|it| it.is_loopback())
        || origins.iter().any(is_named)
}

/// Browsers keep an answer from a page of another site that it does not name.
fn allow_origin(mut response: Response, headers: &HeaderMap, road: &Road) -> Response {
    let origin = headers.get(header::ORIGIN);
    let is_named = |it: &&HeaderValue| {
        let text = it.to_str().unwrap_or_default();
        road.config.events.origins.iter().any(|named| named == text)
    };
    if let Some(origin) = origin.filter(is_named) {
        let told = response.headers_mut();
        told.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        told.insert(header::VARY, HeaderValue::from_static("Origin"));
    }
    response
}

pub(crate) fn refuse(fault: &Fault) -> Response {
    Answer::fault(fault).about(&clock::new_id()).say(&Dialect::Json)
}

fn unreadable(what: &str) -> Fault {
    Fault::unacceptable(StatusCode::BAD_REQUEST, "I164", what.to_owned())
}

/// Nobody who may.
pub(crate) fn forbidden(why: &str) -> Fault {
    Fault::new(StatusCode::FORBIDDEN, 8, "I161", why.to_owned())
}

fn too_many(listeners_max: usize) -> Fault {
    let message = format!("收事件的屏幕已有 {listeners_max} 个，到了上限 listeners_max");
    Fault::new(StatusCode::SERVICE_UNAVAILABLE, 5, "I162", message)
}

const QUERY: &str = "地址里问号后面的参数读不懂";
const SOCKET: &str =
    "WebSocket 的握手不对：要 HTTP/1.1、Connection: Upgrade、Sec-WebSocket-Key 和版本 13";
/// A screen has nothing to say.
const HEARD_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A page's own name that leads to this machine is not this machine's.
    #[test]
    fn by_what_name_this_machine_is_asked() {
        for own in ["localhost", "LOCALHOST:8700", "127.0.0.1:8700", "127.8.8.8", "[::1]:8700"] {
            check(own, true);
        }
        check("his.example:81", true);
        for other in ["evil.example:8700", "his.example", "localhost.evil.example", "192.168.1.5"] {
            check(other, false);
        }
        for other in ["127.0.0.1.evil.example", "evil@localhost@evil", ""] {
            check(other, false);
        }
        assert!(is_own_name(&HeaderMap::new(), &[]));
    }

    #[track_caller]
    fn check(host: &str, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        let origins = ["http://his.example:81".to_owned()];
        assert_eq!(is_own_name(&headers, &origins), expected, "{host}");
    }
}
