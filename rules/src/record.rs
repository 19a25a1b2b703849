//! What a rule's judgement becomes in the verdict: findings with their stable ids, what is unknown
//! and what follows from not knowing, what is owed.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use rust_decimal::Decimal;

use crate::family::{Case, Hit, LooksAt, Outcome};
use crate::finding_id::FindingId;
use crate::hash::Fast;
use crate::rule::{Action, OnMissing, Rule, Severity};
use crate::text::Text;
use crate::verdict::{
    Audience, Finding, FindingLine, Origin, Question, Role, Task, Unknown, Verdict,
};

/// Files the outcomes of one rule. A rule passed only if nothing hit and nothing stayed open.
pub(crate) fn record(verdict: &mut Verdict, case: &Case<'_>, outcomes: Vec<Outcome>) {
    let rule = case.rule;
    let (mut missing, mut unlisted): (Vec<Text>, Vec<Text>) = Default::default();
    let (mut is_hit, mut is_judged) = (false, false);
    for outcome in outcomes {
        match outcome {
            Outcome::Hit(hit) => {
                is_hit = true;
                verdict.findings.push(finding(case, hit));
            }
            Outcome::Task { lines, text, due_hours } => {
                is_judged = true;
                let lines = rx_ids(case, &lines);
                verdict.tasks.push(Task { rule_id: rule.id.clone(), lines, text, due_hours });
            }
            Outcome::Pass => is_judged = true,
            Outcome::Unknown { missing: paths } => {
                missing.extend(paths.into_iter().map(Text::from));
            }
            Outcome::Unlisted { missing: path } => unlisted.push(path),
            // A doctor reads of it, but is not asked and has no danger to confirm.
            Outcome::Unidentified { missing: paths } if tells_of_unidentified(rule) => {
                missing.extend(paths);
            }
            Outcome::Unidentified { missing: paths } => unlisted.extend(paths),
            Outcome::NotApplicable => {}
        }
    }
    if !missing.is_empty() || !unlisted.is_empty() {
        file_unknown(verdict, case, missing, unlisted);
    } else if is_judged && !is_hit {
        verdict.passed.push(rule.id.clone());
    }
}

/// Rules of services and charges look at every drug too, and would tell of each that nobody mapped.
fn tells_of_unidentified(rule: &Rule) -> bool {
    rule.on_missing == OnMissing::Report && rule.family.looks_at() == LooksAt::Orders
}

/// What the rule says about missing data holds for what it lacks, not for drugs in no table.
fn file_unknown(verdict: &mut Verdict, case: &Case<'_>, missing: Vec<Text>, unlisted: Vec<Text>) {
    let rule = case.rule;
    let mut unknown = Unknown {
        rule_id: rule.id.clone(),
        rule_name: rule.name.clone(),
        told_to: told_to(rule, &missing),
        missing: each_once(missing),
    };
    if !unknown.missing.is_empty() {
        match rule.on_missing {
            // A rule on trial neither asks nor tells.
            _ if rule.action == Action::Silent => {}
            OnMissing::Ask => verdict.questions.push(question(case, &unknown)),
            OnMissing::Hit => verdict.findings.push(to_confirm(case, &unknown)),
            OnMissing::Report | OnMissing::Silent => {}
        }
    }
    if !unlisted.is_empty() {
        unknown.missing.extend(unlisted);
        unknown.missing = each_once(unknown.missing);
    }
    verdict.unknown.push(unknown);
}

/// A doctor is told what a reporting rule lacks, and is not told what another will ask.
fn told_to(rule: &Rule, missing: &[Text]) -> Audience {
    match rule.on_missing {
        _ if rule.action == Action::Silent => Audience::Log,
        OnMissing::Report if !missing.is_empty() => Audience::Doctor,
        _ => Audience::Program,
    }
}

/// Lists of a few dozen, of which hardly any has a path twice.
fn each_once(mut paths: Vec<Text>) -> Vec<Text> {
    let mut seen = HashSet::<&str, BuildHasherDefault<Fast>>::with_capacity_and_hasher(
        paths.len(),
        BuildHasherDefault::default(),
    );
    let is_first: Vec<bool> = paths.iter().map(|path| seen.insert(path)).collect();
    if is_first.contains(&false) {
        let mut is_first = is_first.into_iter();
        paths.retain(|_| is_first.next() == Some(true));
    }
    paths
}

/// The same question keeps its id through an encounter, so that it is put once.
fn question(case: &Case<'_>, unknown: &Unknown) -> Question {
    let mut id = FindingId::new();
    id.add(encounter_id(case));
    id.add(&case.rule.id);
    for element in unknown.elements() {
        id.add(element);
    }
    Question {
        id: id.finish(),
        rule_id: unknown.rule_id.clone(),
        rule_name: unknown.rule_name.clone(),
        text: format!("请补充{}，用于审查{}", unknown.elements_zh(), unknown.rule_name),
        missing: unknown.missing.clone(),
    }
}

/// Too dangerous to pass over in silence, and still no accusation: nobody violated anything.
fn to_confirm(case: &Case<'_>, unknown: &Unknown) -> Finding {
    let mut lines: Vec<usize> = case.current().map(|found| found.line.position).collect();
    lines.dedup();
    let names: Vec<_> = lines
        .iter()
        .filter_map(|position| case.session.lines.get(*position))
        .map(|line| format!("【{}】", line.name()))
        .collect();
    let hit = Hit {
        text: format!("{}请先确认{}：{}", names.join(""), unknown.elements_zh(), unknown.rule_name),
        evidence: unknown.elements().into_iter().map(str::to_owned).collect(),
        involved: lines,
        severity: Some(Severity::Slight),
        ..Hit::default()
    };
    let hit = Hit { action: Some(Action::Confirm), ..hit };
    finding(case, hit)
}

fn rx_ids(case: &Case<'_>, positions: &[usize]) -> Vec<String> {
    let lines = positions.iter().filter_map(|position| case.session.lines.get(*position));
    lines.map(|line| line.order.rx_id.clone()).collect()
}

/// A hit as the finding that it is told as.
pub(crate) fn finding(case: &Case<'_>, hit: Hit) -> Finding {
    let rule = case.rule;
    let violating = hit.violating.iter().map(|position| (*position, Role::Violating));
    let involved = hit.involved.iter().map(|position| (*position, Role::Involved));
    let mut lines: Vec<FindingLine> =
        violating.chain(involved).filter_map(|(at, role)| finding_line(case, at, role)).collect();
    if let (Some(_), [_], Some(line)) = (hit.amount, hit.violating.as_slice(), lines.first_mut()) {
        line.amount = hit.amount;
    }
    let amounts: Option<Vec<Decimal>> =
        lines.iter().filter(|line| line.role == Role::Violating).map(|line| line.amount).collect();
    let basis = match &hit.source {
        Some(source) => format!("{}；{source}", rule.basis),
        None => rule.basis.clone(),
    };
    Finding {
        id: id(case, &hit),
        rule_id: rule.id.clone(),
        official_code: rule.official_code.clone(),
        rule_name: rule.name.clone(),
        severity: hit.severity.unwrap_or(rule.severity),
        action: action(case, &hit),
        behaviour: rule.behaviour,
        text: hit.text,
        basis,
        amount: hit.amount.or_else(|| {
            amounts.map(|amounts| amounts.into_iter().fold(Decimal::ZERO, Decimal::saturating_add))
        }),
        lines,
        origin: Origin::Local,
    }
}

/// Going on as self-pay takes the patient's consent, but in an emergency nobody waits for it
/// (医疗保障基金使用监督管理条例 art. 15).
fn action(case: &Case<'_>, hit: &Hit) -> Action {
    // A rule on trial is silent whatever it finds.
    if case.rule.action == Action::Silent {
        return Action::Silent;
    }
    let action = match hit.action.unwrap_or(case.rule.action) {
        Action::Block if case.rule.family.never_blocks() => Action::Confirm,
        action => action,
    };
    let lines = &case.session.lines;
    let is_urgent = |at: &usize| lines.get(*at).is_some_and(|l| l.order.urgent == Some(true));
    let is_rescue = !hit.violating.is_empty() && hit.violating.iter().all(is_urgent);
    if action == Action::SelfPay && is_rescue { Action::Hint } else { action }
}

fn finding_line(case: &Case<'_>, position: usize, role: Role) -> Option<FindingLine> {
    let line = case.session.lines.get(position)?;
    let amount = match role {
        Role::Violating => line.order.amount.and_then(|amount| line.share_left(amount)),
        Role::Involved => Some(Decimal::ZERO),
    };
    Some(FindingLine { rx_id: line.order.rx_id.clone(), role, amount })
}

/// Over the encounter, the rule, the lines with their drugs, and what the judgement depends on.
fn id(case: &Case<'_>, hit: &Hit) -> String {
    let mut id = FindingId::new();
    id.add(encounter_id(case));
    id.add(&case.rule.id);
    for position in hit.violating.iter().chain(&hit.involved) {
        let Some(line) = case.session.lines.get(*position) else { continue };
        id.add(&line.order.rx_id);
        let drug = line.order.hospital_code.as_deref().or(line.order.national_code.as_deref());
        id.add(drug.unwrap_or(line.name()));
    }
    for value in &hit.evidence {
        id.add(value);
    }
    id.finish()
}

/// Without an encounter the patient keeps persons apart, or an answer for one would be one for all.
fn encounter_id<'a>(case: &Case<'a>) -> &'a str {
    let encounter = case.facts.encounter.present().and_then(|it| it.mdtrt_id.as_deref());
    let patient = || case.facts.patient.present().and_then(|it| it.patn_id.as_deref());
    encounter.or_else(patient).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use crate::evaluate::evaluate;
    use crate::families::bench::{Bench, NOW};
    use crate::request;

    const BENCH: Bench = Bench {
        family: "included_item",
        parameters: "",
        rows: "match,key,item,includes,window,source,flag\nhospital,ICU,监护,hospital:BED,单日,s,A\n",
        drugs: "",
    };

    #[test]
    fn a_violation_is_worth_what_refunds_left() {
        check("", "90");
        check(r#"{"rx_id":"3","refd_rx_id":"2","hosplist_code":"BED","cnt":"-2"},"#, "30");
    }

    /// A sex that was changed, or registered wrongly, must not stand between a patient and a drug.
    #[test]
    fn a_sex_that_does_not_fit_is_confirmed_and_never_blocked() {
        let action = |rule: &str, setting: &str| {
            let mut files = schemas::Files::from_shipped(crate::SHIPPED);
            let rules = files.get("packs/starter/rules.toml").unwrap();
            let rules = rules.replacen("action = \"confirm\"", &format!("action = \"{rule}\""), 1);
            files.insert("packs/starter/rules.toml", rules);
            if !setting.is_empty() {
                let setting = format!(
                    "[[setting]]\nrules = [\"drug-sex\"]\nscenes = [\"outpatient\"]\nreason = \"r\"\naction = \"{setting}\"\n"
                );
                files.insert("packs/starter/settings.toml", setting);
            }
            let rules = crate::RuleSet::load(&files).unwrap();
            let warned = rules.warnings().iter().any(|it| it.code == "R304");
            let request = r#"{"scene":"outpatient","patient":{"gend":"2"},"orders":[{"rx_id":"1","hosplist_code":"YP000502"}]}"#;
            let verdict = evaluate(&rules, &request::read(request).unwrap(), NOW.parse().unwrap());
            let found = verdict.findings.iter().find(|it| it.rule_id == "drug-sex").unwrap();
            format!("{} {warned}", found.action.name())
        };
        assert_eq!(action("confirm", ""), "confirm false");
        assert_eq!(action("block", ""), "confirm true");
        assert_eq!(action("confirm", "block"), "confirm false");
        assert_eq!(action("reason", ""), "reason false");
    }

    #[track_caller]
    fn check(refund: &str, expected: &str) {
        let facts = request::read(&format!(
            r#"{{"fees":[{refund}{{"rx_id":"1","hosplist_code":"ICU","cnt":"1","sumamt":"60","fee_ocur_time":"20260514"}},
            {{"rx_id":"2","hosplist_code":"BED","cnt":"3","sumamt":"90","fee_ocur_time":"20260514"}}]}}"#
        ));
        let verdict = evaluate(&BENCH.rules(), &facts.unwrap(), NOW.parse().unwrap());
        let finding = &verdict.findings[0];
        let of_line = finding.violating().next().unwrap().amount;
        assert_eq!(of_line, finding.amount);
        assert_eq!(of_line.unwrap().normalize().to_string(), expected);
    }
}
