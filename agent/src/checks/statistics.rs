//! How each rule fares: hits, what was shown, who went on in spite of it and why.
//!
//! Hits are counted check by check. A finding that is shown in several checks is one question to one
//! doctor: overrides are counted once, with the check that showed it first, and the rate is theirs of
//! the findings shown. Every table has its bound; what is beyond it is counted under one name.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::civil::DateTime;
use rules::rule::Rule;
use serde_json::{Value, json};

use super::entry::{Check, Found};
use super::log::Log;
use super::states::State;
use super::tracked::Tracked;
use crate::outbox::StoreError;

/// What is known of the rules over a span of time.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    checks: u64,
    rules: BTreeMap<String, OfRule>,
}

/// One rule.
#[derive(Debug, Default)]
struct OfRule {
    name: String,
    /// Findings of checks, silent and acknowledged ones among them.
    hits: u64,
    /// Of these, what the doctor saw.
    shown: u64,
    silent: u64,
    /// Checks in which it could not decide.
    unknown: u64,
    /// Findings that were shown, each once, by what became of them.
    states: BTreeMap<&'static str, u64>,
    reasons: Table,
    doctors: Table,
    departments: Table,
    days: Table,
}

/// Hits and overrides by a name.
#[derive(Debug, Default)]
struct Table(BTreeMap<String, [u64; 2]>);

impl Table {
    fn count(&mut self, name: Option<&str>, at: usize) {
        let name = name.unwrap_or("-");
        let has_room = self.0.len() < NAMES_MAX || self.0.contains_key(name);
        let counts = self.0.entry(if has_room { name } else { OTHERS }.to_owned()).or_default();
        if let Some(count) = counts.get_mut(at) {
            *count += 1;
        }
    }

    fn to_json(&self) -> Value {
        let rows = self.0.iter().map(|(name, [hits, overrides])| {
            json!({ "name": name, "hits": hits, "overrides": overrides })
        });
        Value::from(rows.collect::<Vec<_>>())
    }
}

impl Statistics {
    /// Reads the log from one moment to another. Blocks.
    pub(crate) fn read(log: &Log, from: DateTime, to: DateTime) -> Result<Statistics, StoreError> {
        let mut statistics = Statistics::default();
        let mut failed = None;
        log.between(from, to, |check| {
            statistics.checks += 1;
            for it in &check.unknown {
                statistics.rules.entry(it.rule_id.clone()).or_default().unknown += 1;
            }
            for found in &check.findings {
                match log.finding(&found.id) {
                    Ok(tracked) => statistics.count(&check, found, tracked.as_ref()),
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        failed.map_or(Ok(statistics), Err)
    }

    fn count(&mut self, check: &Check, found: &Found, tracked: Option<&Tracked>) {
        let rule = self.rules.entry(found.rule_id.clone()).or_default();
        rule.name.clone_from(&found.rule_name);
        rule.hits += 1;
        rule.shown += u64::from(found.is_shown());
        rule.silent += u64::from(!found.is_shown() && !found.acknowledged);
        rule.place(check, HITS);
        let Some(tracked) = tracked.filter(|it| it.first_check == check.check_id) else { return };
        *rule.states.entry(tracked.state.name()).or_default() += 1;
        if matches!(tracked.state, State::Continued | State::SelfPay) {
            rule.place(check, OVERRIDES);
            let reason = tracked.said.last().and_then(|it| it.reason.as_deref());
            rule.reasons.count(reason, OVERRIDES);
        }
    }

    /// With the names of rules that found nothing: a check that could not decide says only which.
    pub(crate) fn named(mut self, rules: &[Rule]) -> Statistics {
        for rule in rules {
            if let Some(of_rule) = self.rules.get_mut(&rule.id).filter(|it| it.name.is_empty()) {
                of_rule.name.clone_from(&rule.name);
            }
        }
        self
    }

    /// Rules that doctors override more often than this, where enough was shown to say so.
    pub(crate) fn overridden(&self, percent_max: u64) -> Vec<(String, u64)> {
        let rates = self.rules.iter().filter_map(|(id, it)| Some((id.clone(), it.percent()?)));
        rates.filter(|(_, percent)| *percent > percent_max).collect()
    }

    pub(crate) fn to_json(&self, only: Option<&str>) -> Value {
        let rules = self.rules.iter().filter(|(id, _)| only.is_none_or(|it| it == id.as_str()));
        let rules: Vec<Value> = rules.map(|(id, it)| it.to_json(id)).collect();
        json!({ "checks": self.checks, "rules": rules })
    }
}

impl OfRule {
    fn place(&mut self, check: &Check, at: usize) {
        self.doctors.count(check.doctor.as_deref(), at);
        self.departments.count(check.department.as_deref(), at);
        self.days.count(check.asked_at.get(..8), at);
    }

    fn overrides(&self) -> u64 {
        let of = |state: State| self.states.get(state.name()).copied().unwrap_or_default();
        of(State::Continued) + of(State::SelfPay)
    }

    /// Overrides in a hundred findings; `None` while there are too few to speak of.
    fn percent(&self) -> Option<u64> {
        let all: u64 = self.states.values().sum();
        if all < FINDINGS_MIN { None } else { (self.overrides() * 100).checked_div(all) }
    }

    fn to_json(&self, id: &str) -> Value {
        json!({
            "rule_id": id,
            "rule_name": self.name,
            "hits": self.hits,
            "shown": self.shown,
            "silent": self.silent,
            "unknown": self.unknown,
            "findings": self.states.values().sum::<u64>(),
            "overrides": self.overrides(),
            "override_percent": self.percent(),
            "states": self.states,
            "reasons": self.reasons.to_json(),
            "doctors": self.doctors.to_json(),
            "departments": self.departments.to_json(),
            "days": self.days.to_json(),
        })
    }
}

const HITS: usize = 0;
const OVERRIDES: usize = 1;
/// Names in one table.
const NAMES_MAX: usize = 500;
const OTHERS: &str = "其他";
/// Of fewer findings no rate is told.
const FINDINGS_MIN: u64 = 20;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::checks::states::Given;

    #[test]
    fn an_override_counts_once_and_with_the_check_that_asked_first() {
        let mut it = Statistics::default();
        it.count(&check("C1"), &found("hint"), Some(&tracked(State::Continued)));
        it.count(&check("C2"), &found("hint"), Some(&tracked(State::Continued)));
        it.count(&check("C3"), &found("silent"), None);
        let told = it.to_json(None);
        let rule = &told["rules"][0];
        let numbers =
            ["hits", "shown", "silent", "findings", "overrides"].map(|n| rule[n].as_u64());
        assert_eq!(numbers, [3, 2, 1, 1, 1].map(Some));
        assert_eq!(rule["doctors"].to_string(), r#"[{"name":"D1","hits":3,"overrides":1}]"#);
        assert_eq!(rule["reasons"].to_string(), r#"[{"name":"已核对","hits":0,"overrides":1}]"#);
        assert_eq!(it.to_json(Some("other"))["rules"], json!([]));
    }

    #[test]
    fn a_rate_needs_enough_findings() {
        check_rate(19, 19, &[]);
        check_rate(20, 13, &[("r".to_owned(), 65)]);
        check_rate(20, 12, &[]);
    }

    #[test]
    fn a_rule_that_only_could_not_decide_has_its_name() {
        let mut it = Statistics::default();
        it.rules.entry("drug-sex".to_owned()).or_default().unknown += 1;
        it.rules.entry("gone".to_owned()).or_default().unknown += 1;
        it.count(&check("C1"), &Found { rule_name: "当时".to_owned(), ..found("hint") }, None);
        let told = it.named(rules::RuleSet::shipped().unwrap().rules()).to_json(None);
        let names = [0, 1, 2].map(|at| told["rules"][at]["rule_name"].as_str().unwrap());
        assert_eq!(names, ["药品区分性别使用", "", "当时"]);
    }

    #[test]
    fn names_are_bounded() {
        let mut table = Table::default();
        for name in 0..NAMES_MAX + 3 {
            table.count(Some(&name.to_string()), HITS);
        }
        assert_eq!(table.0.len(), NAMES_MAX + 1);
        assert_eq!(table.0[OTHERS], [3, 0]);
    }

    #[track_caller]
    fn check_rate(findings: u64, overrides: u64, expected: &[(String, u64)]) {
        let mut it = Statistics::default();
        for at in 0..findings {
            let state = if at < overrides { State::SelfPay } else { State::Changed };
            it.count(&check("C1"), &found("hint"), Some(&tracked(state)));
        }
        assert_eq!(it.overridden(60), expected);
    }

    fn check(id: &str) -> Check {
        Check {
            check_id: id.to_owned(),
            doctor: Some("D1".to_owned()),
            asked_at: "20261122090000".to_owned(),
            ..Check::default()
        }
    }

    fn found(action: &str) -> Found {
        Found { rule_id: "r".to_owned(), action: action.to_owned(), ..Found::default() }
    }

    fn tracked(state: State) -> Tracked {
        let said = vec![Given { reason: Some("已核对".to_owned()), ..Given::default() }];
        Tracked { first_check: "C1".to_owned(), state, said, ..Tracked::default() }
    }
}
