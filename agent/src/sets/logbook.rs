//! Every change that the hospital has made, of all packs: who, when, why, and whether it still holds.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use rules::overlay::{Change, log_of, logs};
use schemas::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Sets;
use super::routes::refused;
use super::rulebook::told;
use crate::control::done;
use crate::intake::Road;

/// Whether a change holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    InForce,
    RolledBack,
    /// What it is about is not there any more.
    Idle,
}

impl Standing {
    /// For programs.
    fn name(self) -> &'static str {
        match self {
            Standing::InForce => "in_force",
            Standing::RolledBack => "rolled_back",
            Standing::Idle => "idle",
        }
    }

    /// For people.
    pub(crate) fn zh(self) -> &'static str {
        match self {
            Standing::InForce => "在用",
            Standing::RolledBack => "已撤销",
            Standing::Idle => "无对象",
        }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    /// Only of this rule.
    rule: Option<String>,
}

/// `GET /admin/v1/rules/changes`, with `?rule=`
pub(super) async fn list(State(road): State<Arc<Road>>, Query(wanted): Query<Wanted>) -> Response {
    let sets = road.sets.load();
    let mut all: Vec<Value> = Vec::new();
    let shown = each(&sets, wanted.rule.as_deref(), |pack, change, standing| {
        let mut it = told(change, standing == Standing::RolledBack);
        if let Some(members) = it.as_object_mut() {
            members.insert("pack".to_owned(), Value::from(pack));
            members.insert("rule".to_owned(), Value::from(change.rule.as_str()));
            members.insert("which".to_owned(), Value::from(change.which.text()));
            members.insert("standing".to_owned(), Value::from(standing.name()));
        }
        all.push(it);
    });
    match shown {
        Ok(()) => done(&json!({ "changes": all })),
        Err(problems) => refused(&problems),
    }
}

/// Shows every change, pack by pack and the oldest first.
pub(crate) fn each(
    sets: &Sets,
    rule: Option<&str>,
    mut show: impl FnMut(&str, &Change, Standing),
) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    let warnings = sets.rules.warnings().iter();
    let idle: BTreeSet<(&str, u32)> = warnings.map(|it| (it.file.as_str(), it.line)).collect();
    for (pack, log) in logs(&sets.texts.rules, &mut problems) {
        let (file, rolled_back) = (log_of(&pack), log.rolled_back());
        for change in log.changes().iter().filter(|it| rule.is_none_or(|rule| it.rule == rule)) {
            let standing = if rolled_back.contains(&change.no) {
                Standing::RolledBack
            } else if idle.contains(&(file.as_str(), change.line)) {
                Standing::Idle
            } else {
                Standing::InForce
            };
            show(&pack, change, standing);
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}
