//! A back-test that somebody waits for: rules, or a pack that is not there yet, over the checks of a span.
//!
//! Nothing of it is kept. As for a plan, it takes half of one core at most, and one runs at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, TryLockError};
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use jiff::civil::DateTime;
use rules::Facts;
use schemas::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::job::{PAUSE_MAX, pages};
use super::routes::{NotDone, answer, moment};
use crate::backtest::{self, Pack, Report};
use crate::intake::Road;
use crate::sets::Sets;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Only these rules, judged as if they were on.
    #[serde(default)]
    rules: Vec<String>,
    /// The candidate pack; takes the place of its namesake.
    pack: Option<Candidate>,
    /// `YYYYMMDD` or `YYYYMMDDhhmmss`.
    from: Option<String>,
    /// The same; a day is meant as a whole.
    to: Option<String>,
    /// Hits that are told; all are counted.
    #[serde(default = "hits_told")]
    hits: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Candidate {
    name: String,
    /// Their texts, by their paths in the pack.
    files: BTreeMap<String, String>,
}

/// `POST /admin/v1/rules/backtest`: answered when it is done.
pub(super) async fn backtest(State(road): State<Arc<Road>>, Json(asked): Json<Value>) -> Response {
    answer(road, move |road| {
        let asked: Asked =
            serde_json::from_value(asked).map_err(|error| NotDone::Wrong(error.to_string()))?;
        let _alone = match road.plans.once.try_lock() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(alone)) => alone.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(NotDone::Busy),
        };
        asked.run(road)
    })
    .await
}

impl Asked {
    fn run(&self, road: &Road) -> Result<Value, NotDone> {
        let span = self.span()?;
        let old = road.sets.load_full();
        let new = self.candidate(road, &old).map_err(NotDone::Rules)?;
        if let Some(rule) = self.rules.iter().find(|it| !knows(&new, it)) {
            return Err(NotDone::Wrong(format!("没有规则 {rule}")));
        }
        let (mut report, mut hits, mut untold) = (Report::new(self.rules.clone()), Vec::new(), 0);
        let is_whole = pages(road, span, |page| {
            for check in page {
                let begun = Instant::now();
                let past = |facts: &Facts, at| road.history.known_then(facts, at);
                for hit in backtest::judge(&road.config, (&old, &new), (check, past), &mut report) {
                    if hits.len() < self.hits.min(HITS_MAX) {
                        hits.push(hit.to_json());
                    } else {
                        untold += 1;
                    }
                }
                if !road.plans.pause(begun.elapsed().min(PAUSE_MAX)) {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        Ok(json!({ "report": report.to_value(), "hits": hits, "hits_not_told": untold,
            "is_whole": is_whole, "rules_version": new.rules.version() }))
    }

    fn span(&self) -> Result<(DateTime, DateTime), NotDone> {
        let span = moment(self.from.as_deref(), 0)?.zip(moment(self.to.as_deref(), 1)?);
        span.ok_or_else(|| NotDone::Wrong("写明 from 和 to：YYYYMMDD 或 YYYYMMDDhhmmss".to_owned()))
    }

    fn candidate(&self, road: &Road, old: &Sets) -> Result<Sets, Vec<Problem>> {
        let pack: Option<Pack> = self.pack.as_ref().map(|it| {
            let files = it.files.iter().map(|(path, text)| (path.clone(), text.as_str()));
            (it.name.clone(), files.collect())
        });
        let texts = backtest::candidate(&old.texts, pack.as_ref(), &self.rules)?;
        Sets::prove(&road.config, texts)
    }
}

fn knows(sets: &Sets, rule: &str) -> bool {
    sets.rules.rules().iter().any(|it| it.id == rule)
}

fn hits_told() -> usize {
    100
}

const HITS_MAX: usize = 5000;
