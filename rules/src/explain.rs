//! Why a finding is a finding, and what to send where a rule could not decide.
//!
//! Nothing is kept for it while checks are answered: the same facts are judged once more, and the
//! rows behind a finding are those without which it is gone. So every family is explained alike,
//! and an explanation cannot say anything else than the judgement did.

mod arithmetic;
mod behind;
mod inputs;
mod lacking;
mod named;
mod sent;
mod tell;

use jiff::civil::DateTime;
use schemas::Files;

use crate::evaluate::look_at;
use crate::facts::Facts;
use crate::family::{Case, Hit, Outcome};
use crate::pack::RuleSet;
use crate::record;
use crate::rule::Rule;
use crate::scope::{Fit, Scope};
use crate::verdict::{Finding, Verdict};

pub use behind::RowBehind;
pub use inputs::Input;
pub use lacking::{Lacking, lacking};
pub use tell::{to_json, to_text, unknown_to_json, unknown_to_text};

/// A finding, and everything it follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The finding.
    pub finding: Finding,
    /// The rule's template.
    pub family: &'static str,
    /// Its name for people.
    pub family_zh: &'static str,
    /// Where the rule is written, `packs/starter/rules.toml:12`.
    pub rule_at: String,
    /// The parameters of the rule as they are set here: name for people and value.
    pub parameters: Vec<(&'static str, String)>,
    /// Why the hospital set it so, where it did.
    pub set_here: Vec<String>,
    /// The named sets that the rule or these rows refer to, each with the version that was in force.
    pub sets: Vec<String>,
    /// The rows without which there would be no finding.
    pub rows: Vec<RowBehind>,
    /// What was read of the request, masked where it identifies a person.
    pub inputs: Vec<Input>,
    /// Each step of the arithmetic, with its units.
    pub steps: Vec<String>,
    /// Earlier lines about the same item.
    pub past: Vec<String>,
}

/// Explains one finding of a verdict. `None` when these rules do not find it in these facts.
#[must_use]
pub fn explain(
    rules: &RuleSet,
    files: &Files,
    facts: &Facts,
    now: DateTime,
    finding: &Finding,
) -> Option<Explanation> {
    look_at(rules, facts, now, &finding.rule_id, |case, general, outcomes| {
        let hit = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Hit(hit) if record::finding(case, hit.clone()).id == finding.id => Some(hit),
            _ => None,
        });
        of_case(files, (case, general), hit, finding)
    })
}

/// Explains every finding of a verdict, in its order.
#[must_use]
pub fn explain_all(
    rules: &RuleSet,
    files: &Files,
    facts: &Facts,
    now: DateTime,
    verdict: &Verdict,
) -> Vec<Explanation> {
    let each = verdict.findings.iter().filter_map(|it| explain(rules, files, facts, now, it));
    each.collect()
}

/// A finding that asks to confirm what is missing has no hit behind it.
fn of_case(
    files: &Files,
    (case, general): (&Case<'_>, &Rule),
    hit: Option<&Hit>,
    finding: &Finding,
) -> Explanation {
    let rule = case.rule;
    let columns = rule.family.parameters();
    let zh =
        |name: &'static str| columns.iter().find(|it| it.name == name).map_or(name, |it| it.zh);
    let holds = |scope: &Scope| scope.fits(case.here()) == Fit::Inside;
    Explanation {
        finding: finding.clone(),
        family: rule.family.id(),
        family_zh: rule.family.zh_name(),
        rule_at: behind::rule_at(files, rule),
        parameters: rule.parameters.iter().map(|(name, it)| (zh(name), it.to_string())).collect(),
        set_here: general
            .settings
            .iter()
            .filter(|it| holds(&it.scope))
            .filter_map(|it| it.reason.clone())
            .collect(),
        sets: named::of((case, general), finding),
        rows: hit.map_or_else(Vec::new, |hit| behind::rows(files, case, hit)),
        inputs: inputs::of(case, finding),
        steps: arithmetic::steps(case, finding),
        past: inputs::past(case, finding),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
