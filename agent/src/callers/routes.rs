//! Tokens, for operators: made, listed, taken away, exchanged. Over the control socket only. A token is
//! told once, to whoever has it made, and is in no log.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::tokens::{self, Token, TokenError};
use super::{Network, Verb};
use crate::control::rights::Role;
use crate::control::{done, failed};
use crate::intake::Road;
use crate::outbox::blocking;
use crate::{clock, pipeline};

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/tokens", get(list).post(create))
        .route("/admin/v1/tokens/revoke", post(revoke))
        .route("/admin/v1/tokens/rotate", post(rotate))
}

/// What is asked for a new token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    #[serde(default)]
    verbs: Vec<String>,
    /// What it may do by the admin API.
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    departments: Vec<String>,
    #[serde(default)]
    calls_per_minute: u32,
    #[serde(default = "usual_days")]
    days: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Away {
    name: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Another {
    name: String,
    #[serde(default = "usual_days")]
    days: u32,
    #[serde(default)]
    overlap_hours: u32,
}

/// `GET /admin/v1/tokens`
async fn list(State(road): State<Arc<Road>>) -> Response {
    let now = pipeline::stamp(clock::now());
    let outbox = road.outbox.clone();
    let tokens = blocking(move || tokens::all(&outbox)).await;
    let told = |tokens: Vec<Token>| json!({ "tokens": tokens.iter().map(|it| it.told(&now)).collect::<Vec<_>>() });
    answer(tokens.map(told).map_err(TokenError::from))
}

/// `POST /admin/v1/tokens`
async fn create(State(road): State<Arc<Road>>, Json(wanted): Json<Wanted>) -> Response {
    let problems = wanted.problems(&road);
    if !problems.is_empty() {
        return failed(StatusCode::BAD_REQUEST, CODE, &problems);
    }
    let days = wanted.days;
    let warning = wanted.warning(&road);
    let made = working(&road, move |road| road.callers.create(&road.outbox, wanted.token(), days));
    let told = |(text, token): (String, Token)| {
        tracing::warn!(name = token.name, until = token.until, "a token was made");
        json!({ "name": token.name, "token": text, "until": token.until, "warning": warning })
    };
    answer(made.await.map(told))
}

/// `POST /admin/v1/tokens/revoke`
async fn revoke(State(road): State<Arc<Road>>, Json(away): Json<Away>) -> Response {
    if away.reason.trim().is_empty() {
        return failed(StatusCode::BAD_REQUEST, CODE, &["停用要写原因（--reason）".to_owned()]);
    }
    let revoked = working(&road, move |road| {
        let revoked = road.callers.revoke(&road.outbox, &away.name, &away.reason)?;
        tracing::warn!(name = away.name, reason = away.reason, "tokens were taken away");
        Ok(json!({ "name": away.name, "revoked": revoked }))
    });
    answer(revoked.await)
}

/// `POST /admin/v1/tokens/rotate`
async fn rotate(State(road): State<Arc<Road>>, Json(another): Json<Another>) -> Response {
    let Another { name, days, overlap_hours } = another;
    if !DAYS.contains(&days) {
        return failed(StatusCode::BAD_REQUEST, CODE, &[wrong_days()]);
    }
    let made = working(&road, move |road| {
        road.callers.rotate(&road.outbox, &name, (days, overlap_hours.min(OVERLAP_HOURS_MAX)))
    });
    let told = |(text, token): (String, Token)| {
        tracing::warn!(name = token.name, until = token.until, "a token was exchanged");
        json!({ "name": token.name, "token": text, "until": token.until })
    };
    answer(made.await.map(told))
}

async fn working<T: Send + 'static>(
    road: &Arc<Road>,
    work: impl FnOnce(&Road) -> Result<T, TokenError> + Send + 'static,
) -> Result<T, TokenError> {
    let road = Arc::clone(road);
    let worked = tokio::task::spawn_blocking(move || work(&road)).await;
    worked.unwrap_or_else(|_| Err(crate::outbox::StoreError::panicked().into()))
}

fn answer(told: Result<Value, TokenError>) -> Response {
    match told {
        Ok(told) => done(&told),
        Err(TokenError::Refused(why)) => failed(StatusCode::CONFLICT, CODE, &[why]),
        Err(TokenError::Store(error)) => {
            failed(StatusCode::INTERNAL_SERVER_ERROR, error.code(), &[error.to_string()])
        }
    }
}

impl Wanted {
    /// All that is wrong with it.
    fn problems(&self, road: &Road) -> Vec<String> {
        let mut problems = Vec::new();
        let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
        if self.name.is_empty() || self.name.len() > NAME_MAX || !self.name.chars().all(is_plain) {
            problems.push(format!("名字用字母、数字、-、_ 和 .，最多 {NAME_MAX} 个"));
        }
        let is_for_nothing = self.verbs.is_empty() && self.roles.is_empty();
        if is_for_nothing || self.verbs.iter().any(|it| it.parse::<Verb>().is_err()) {
            problems.push(
                "权限（--verbs）写 message、check、feedback、query、events 中的一个或几个"
                    .to_owned(),
            );
        }
        if self.roles.iter().any(|it| it.parse::<Role>().is_err()) {
            let words = Role::ALL.map(Role::word).join("、");
            problems.push(format!("角色（--role）写 {words} 中的一个或几个"));
        }
        let sets = road.sets.load();
        for channel in self.channels.iter().filter(|it| !sets.channels.contains_key(it.as_str())) {
            let hint = mappings::suggestion(channel, sets.channels.keys().map(String::as_str));
            problems.push(format!("没有通道 {channel}{hint}"));
        }
        for text in &self.addresses {
            if let Err(why) = text.parse::<Network>() {
                problems.push(format!("地址 {text}: {why}；写 10.1.2.3 或 10.1.0.0/16"));
            }
        }
        problems.extend((!DAYS.contains(&self.days)).then(wrong_days));
        problems
    }

    /// What it lets its caller read has to be configured, too.
    fn warning(&self, road: &Road) -> Option<String> {
        let reads = self.verbs.iter().any(|it| it == Verb::Query.word());
        let is_named = road.config.queries.iter().any(|it| it.callers.contains(&self.name));
        (reads && !is_named).then(|| {
            format!("还读不到记录：配置里写 [[caller]] name = \"{0}\"，再在 [[query]] 的 callers 里写 \"{0}\"", self.name)
        })
    }

    fn token(self) -> Token {
        let unique = |it: Vec<String>| BTreeSet::from_iter(it).into_iter().collect();
        Token {
            name: self.name,
            verbs: unique(self.verbs),
            roles: unique(self.roles),
            channels: unique(self.channels),
            addresses: unique(self.addresses),
            departments: unique(self.departments),
            calls_per_minute: self.calls_per_minute,
            ..Token::default()
        }
    }
}

impl Token {
    fn told(&self, now: &str) -> Value {
        let state = match &self.revoked_at {
            Some(_) => "revoked",
            None if self.is_in_force(now) => "in_force",
            None => "expired",
        };
        json!({
            "id": self.id, "name": self.name, "state": state, "verbs": self.verbs, "roles": self.roles,
            "channels": self.channels, "addresses": self.addresses,
            "departments": self.departments, "calls_per_minute": self.calls_per_minute,
            "made_at": self.made_at, "until": self.until, "revoked_at": self.revoked_at,
            "reason": self.reason,
        })
    }
}

const fn usual_days() -> u32 {
    365
}

fn wrong_days() -> String {
    format!("有效期（--days）是 {} 到 {} 天", DAYS.start(), DAYS.end())
}

const CODE: &str = "I231";
const NAME_MAX: usize = 64;
/// At most three years: what is never exchanged is known to too many.
const DAYS: std::ops::RangeInclusive<u32> = 1..=1_095;
const OVERLAP_HOURS_MAX: u32 = 24 * 30;
