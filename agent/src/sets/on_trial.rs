//! A rule on trial: it runs, finds, is counted, and shows nothing.
//!
//! To put a rule on trial is a change of the hospital's like any other: `action=silent`, and the rule
//! switched on. To promote it is to take exactly these changes back, or to leave it switched on with
//! the action it was made with; to stop it is to take all of them back.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use rules::overlay::{CellList, Change, Log, What};
use rules::rule::{Action, Rule};
use serde::Deserialize;
use serde_json::{Value, json};

use super::books::{Books, By, NotChanged};
use super::rulebook::{Signed, make, read};
use crate::intake::Road;

/// What is done about a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    Start,
    Promote,
    Stop,
}

impl Step {
    /// Its name in requests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::Start => "start",
            Step::Promote => "promote",
            Step::Stop => "stop",
        }
    }
}

/// One rule, or all of a pack.
#[derive(Clone, Debug)]
pub(crate) enum Whom {
    Rule(String),
    Pack(String),
}

impl Whom {
    fn is(&self, rule: &Rule) -> bool {
        match self {
            Whom::Rule(id) => rule.id == *id,
            Whom::Pack(pack) => rule.pack == *pack,
        }
    }

    fn pack(&self, books: &Books) -> Result<String, NotChanged> {
        match self {
            Whom::Rule(id) => books.pack_of(id),
            Whom::Pack(pack) => Ok(pack.clone()),
        }
    }

    /// Takes the step, and tells the changes that it took.
    pub(crate) fn take(&self, step: Step, mut books: Books, by: &By) -> Result<Value, NotChanged> {
        let pack = self.pack(&books)?;
        let log = books.log(&pack)?;
        let changes = self.changes(step, (&books, &log), by);
        if changes.is_empty() {
            let nothing = match step {
                Step::Start => "已在试运行，或没有规则",
                Step::Promote | Step::Stop => "没有在试运行的规则",
            };
            return Err(NotChanged::Unfit(nothing.to_owned()));
        }
        let numbered = (log.next()..).zip(changes).map(|(no, change)| Change { no, ..change });
        let changes: Vec<Change> = numbered.collect();
        books.append(&pack, &changes, &[])?;
        let told = |it: &Change| json!({ "change": it.no, "rule": it.rule });
        Ok(json!({ "pack": pack, "changes": changes.iter().map(told).collect::<Vec<_>>() }))
    }

    fn changes(&self, step: Step, (books, log): (&Books, &Log), by: &By) -> Vec<Change> {
        let rules = books.sets.rules.rules().iter().filter(|it| self.is(it));
        if step == Step::Start {
            return rules.flat_map(|it| begin(it, by)).collect();
        }
        let begun = rules.flat_map(|rule| trial_of(log, &rule.id));
        let meant = begun.filter(|it| step == Step::Stop || it.what == What::Edit);
        meant.map(|it| taken_back(it, by)).collect()
    }
}

/// What puts a rule on trial, as far as it is not.
fn begin(rule: &Rule, by: &By) -> Vec<Change> {
    let about = |what| Change { rule: rule.id.clone(), ..by.begin(what) };
    let mut changes = Vec::new();
    if rule.action != Action::Silent {
        let mut cells = CellList::default();
        cells.push("action", Action::Silent.name());
        changes.push(Change { cells, ..about(What::Edit) });
    }
    if !rule.enabled {
        changes.push(about(What::Enable));
    }
    changes
}

fn taken_back(begun: &Change, by: &By) -> Change {
    let mut cells = CellList::default();
    cells.push("no", &begun.no.to_string());
    Change { cells, ..by.begin(What::Rollback) }
}

/// The change that silenced a rule, and the one that switched it on with it.
fn trial_of<'a>(log: &'a Log, rule: &str) -> Vec<&'a Change> {
    let gone = log.rolled_back();
    let standing =
        || log.changes().iter().rev().filter(|it| it.rule == rule && !gone.contains(&it.no));
    let is_trial = |it: &&Change| {
        let is_silent =
            |(name, value): (&str, &str)| (name, value) == ("action", Action::Silent.name());
        it.what == What::Edit && it.key.is_none() && it.cells.iter().any(is_silent)
    };
    let Some(silenced) = standing().find(is_trial) else { return Vec::new() };
    let next = silenced.no.saturating_add(1);
    let switched_on = standing().find(|it| it.what == What::Enable && it.no == next);
    std::iter::once(silenced).chain(switched_on).collect()
}

#[derive(Deserialize)]
struct Asked {
    what: Step,
    #[serde(flatten)]
    signed: Signed,
}

/// `POST /admin/v1/rules/{id}/shadow`: `what` is `start`, `promote` or `stop`.
pub(super) async fn of_rule(
    State(road): State<Arc<Road>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    step(road, Whom::Rule(id), body).await
}

/// `POST /admin/v1/rules/packs/{pack}/shadow`: the same for all rules of a pack.
pub(super) async fn of_pack(
    State(road): State<Arc<Road>>,
    Path(pack): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    step(road, Whom::Pack(pack), body).await
}

async fn step(road: Arc<Road>, whom: Whom, body: Value) -> Response {
    make(road, move |books| {
        let Asked { what, signed } = read(body)?;
        whom.take(what, books, &signed.by()?)
    })
    .await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_put_a_rule_on_trial() {
        check("edit,r,action=silent\nenable,r,", "1 2");
        check("edit,r,action=silent", "1");
        check("edit,r,action=hint", "");
        check("edit,s,action=silent\nenable,r,", "");
        check("edit,r,action=silent\nrollback,,no=1", "");
        // Switched on long before it was silenced.
        check("enable,r,\nedit,r,action=silent", "2");
        // Promoted: only its being on is left, and nobody takes that back.
        check("edit,r,action=silent\nenable,r,\nrollback,,no=1", "");
    }

    #[track_caller]
    fn check(changes: &str, expected: &str) {
        let mut text = Log::header();
        for (no, line) in (1..).zip(changes.lines()) {
            let mut parts = line.split(',');
            let mut part = || parts.next().unwrap();
            let (what, rule, cells) = (part(), part(), part());
            let line = format!("{no},2026-11-22T09:00:00,a,b,{what},{rule},,,,{cells}\n");
            text.push_str(&line);
        }
        let mut problems = Vec::new();
        let log = Log::read("changes.csv", &text, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let found: Vec<_> = trial_of(&log, "r").iter().map(|it| it.no.to_string()).collect();
        assert_eq!(found.join(" "), expected, "{changes}");
    }
}
