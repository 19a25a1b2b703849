//! The doorkeeper of the admin API, whichever way in: who asks, whether that is enough for the operation,
//! and a line for what was asked.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};

use super::rights::{Person, Right};
use super::{failed, signature};
use crate::callers::{Refused, Seat, Shown, Verb, count_refused};
use crate::calls::Call;
use crate::intake::Road;
use crate::openapi;

/// Lets a request through to the operation it asks for, or says which role it takes.
pub(super) async fn stand(State(road): State<Arc<Road>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|it| it.as_str().to_owned());
    let path = path.unwrap_or_default();
    // Whatever nobody has said a right for is done by nobody.
    let Some(right) = openapi::needs(request.method(), &path) else { return no_such(&request) };
    let began = Instant::now();
    let asked = Asked { right, method: request.method().clone(), path };
    let seat = request.extensions().get::<Arc<Seat>>().cloned();
    let (person, response) = match who(&road, seat.as_deref(), &request) {
        Ok(person) if person.may(right) => {
            let response = match signature::sign(request, &person).await {
                Ok(request) => next.run(request).await,
                Err(response) => response,
            };
            (Some(person), response)
        }
        Ok(person) => {
            let response = not_for(&person, right);
            (Some(person), response)
        }
        Err(refused) => (None, turned_away(refused)),
    };
    asked.note(&road, (seat.as_deref(), person.as_ref()), &response, began);
    response
}

/// Whoever made the connection, where the system says that; else whoever has the token, at this machine.
fn who(road: &Road, seat: Option<&Seat>, request: &Request) -> Result<Person, Refused> {
    let Some(seat) = seat else { return Err(Refused::Unknown) };
    if let Some(person) = seat.person() {
        return Ok(person.clone());
    }
    if !seat.is_near() {
        return Err(Refused::Elsewhere);
    }
    let shown = Shown::of(request.headers(), None);
    if shown.is_nothing() {
        return Err(Refused::Unknown);
    }
    let caller = road.callers.find(seat, &shown, |it| !it.roles.is_empty())?;
    road.callers.pace(&caller)?;
    let roles = caller.roles.iter().copied().collect();
    Ok(Person { name: caller.name.clone(), roles, is_account: false })
}

/// What was asked for.
struct Asked {
    right: Right,
    method: Method,
    path: String,
}

impl Asked {
    /// Looking is not written down, unless it was refused: who shows the agent on a screen looks every second.
    fn note(
        &self,
        road: &Road,
        (seat, person): (Option<&Seat>, Option<&Person>),
        response: &Response,
        began: Instant,
    ) {
        let status = response.status();
        if self.right == Right::See && status.is_success() {
            return;
        }
        let code = response.extensions().get::<Code>().map(|it| it.0);
        if let Some(code) = code {
            count_refused(code);
        }
        let (name, roles) = person.map(|it| (it.name.as_str(), it.words())).unwrap_or_default();
        let (method, path) = (self.method.as_str(), self.path.as_str());
        tracing::info!(user = name, roles, method, path, status = status.as_u16(), "admin");
        road.calls.note(&Call {
            caller: Some(name).filter(|it| !it.is_empty()),
            address: seat.and_then(Seat::address),
            verb: Verb::Admin,
            channel: Some(&format!("{method}{path}")),
            status: status.as_u16(),
            code,
            bytes: seat.map_or(0, Seat::came),
            took: began.elapsed(),
            id: Some(&roles),
        });
    }
}

/// Why it was refused, on the answer.
#[derive(Clone, Copy)]
struct Code(&'static str);

fn not_for(person: &Person, right: Right) -> Response {
    let (needed, Person { name, .. }) = (right.zh(), person);
    let has = Some(person.words()).filter(|it| !it.is_empty()).unwrap_or("没有".to_owned());
    let reason = format!("这件事要有下面一种角色：{needed}；{name} 的角色：{has}");
    refuse(StatusCode::FORBIDDEN, ROLE, reason)
}

fn turned_away(refused: Refused) -> Response {
    let (status, reason) = match refused {
        Refused::Unknown => (StatusCode::UNAUTHORIZED, UNKNOWN),
        Refused::Elsewhere => (StatusCode::FORBIDDEN, ELSEWHERE),
        Refused::MayNot => (StatusCode::FORBIDDEN, NO_ROLE),
        Refused::Wrong => (StatusCode::UNAUTHORIZED, "令牌不对，或不能从这个地址用"),
        Refused::Expired | Refused::Revoked => (StatusCode::FORBIDDEN, "令牌已过期或已停用"),
        Refused::Locked(_) => (StatusCode::TOO_MANY_REQUESTS, "反复出示错误的令牌，暂时不理"),
        Refused::TooOften(_) => (StatusCode::TOO_MANY_REQUESTS, "调用太频繁，请稍后再试"),
    };
    let code = if refused == Refused::MayNot { ROLE } else { refused.code() };
    let mut response = refuse(status, code, reason.to_owned());
    if let Refused::Locked(left) | Refused::TooOften(left) = refused {
        response.headers_mut().insert(header::RETRY_AFTER, (left.as_secs() + 1).into());
    }
    response
}

fn refuse(status: StatusCode, code: &'static str, reason: String) -> Response {
    let mut response = failed(status, code, &[reason]);
    response.extensions_mut().insert(Code(code));
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"his-agent admin\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn no_such(request: &Request) -> Response {
    let reason = format!("这个地址没有 {} 方法", request.method());
    failed(StatusCode::METHOD_NOT_ALLOWED, "I106", &[reason])
}

const ROLE: &str = "I235";
const UNKNOWN: &str = "请出示有角色的令牌：请求头 Authorization: Bearer 令牌；由管理员用 his-agent token create --role 做";
const ELSEWHERE: &str = "管理接口只在本机用";
const NO_ROLE: &str = "这个令牌没有角色：管理接口要用 his-agent token create --role 做的令牌";
