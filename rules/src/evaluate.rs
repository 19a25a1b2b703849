//! Rules and facts in, verdict out: the same input always gives the same answer.
//!
//! There is no clock here: the time comes in, and so does the question whether there is still time
//! left ([`evaluate_while`]). What a deadline cuts off, and a rule that a fault of the program ended,
//! is answered `degraded`, never as a pass.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::civil::{Date, DateTime};

use crate::contradiction;
use crate::facts::{Diagnosis, Facts, Group, InputFinding, Surgery};
use crate::families::law::prescription_days::{DAYS_DIFFER, days_that_differ};
use crate::family::{Case, LooksAt, Match, Outcome, Rows};
use crate::icd;
use crate::index::{Identity, RowRef};
use crate::knowledge::{Key, Row};
use crate::pack::RuleSet;
use crate::received::Received;
use crate::record::record;
use crate::rule::Rule;
use crate::scope::{Fit, Here, Scope};
use crate::session::{Line, LineKind, Session};
use crate::sets::CodeSets;
use crate::text::Text;
use crate::verdict::{Audience, Completeness, Verdict};

/// Judges every rule that is on and fits the scene.
#[must_use]
pub fn evaluate(rules: &RuleSet, facts: &Facts, now: DateTime) -> Verdict {
    evaluate_while(rules, facts, now, || true)
}

/// Judges rules as long as `go_on` says so; it is asked before each rule.
#[must_use]
pub fn evaluate_while(
    rules: &RuleSet,
    facts: &Facts,
    now: DateTime,
    mut go_on: impl FnMut() -> bool,
) -> Verdict {
    let believed = contradiction::left_out(facts, now.date());
    let facts = &*believed;
    let here = Here { facts, sets: &rules.sets, on: now.date() };
    let session = Session::new(facts, &rules.drugs, &rules.sets, now);
    let found = rows_about(rules, &session);
    let diagnoses = rows_about_diagnoses(rules, facts, here.on);
    let surgeries = rows_about_surgeries(rules, facts, here.on);
    let mut verdict = begin(rules, facts, &session);
    let room = Room { rules, found, diagnoses, surgeries, session: &session, facts, now };
    for (at, general) in rules.rules.iter().enumerate() {
        let set_here = general.as_set_for(here);
        let rule = set_here.as_ref().unwrap_or(general);
        let is_running = runs(rule, here);
        let mut perhaps =
            general.may_be_set_for(here).filter(|(set, _)| runs(set, here)).peekable();
        if !is_running && perhaps.peek().is_none() {
            continue;
        }
        if !go_on() {
            verdict.not_run.push(rule.id.clone());
            continue;
        }
        if is_running {
            room.in_case(at, rule, |case, open| {
                let Some(mut outcomes) = room.outcomes(at, case, open) else {
                    verdict.not_run.push(rule.id.clone());
                    verdict.broken.push(rule.id.clone());
                    return;
                };
                let finds = |set: &Rule| room.finds_more(at, Some((rule, &outcomes)), set);
                let more = perhaps.find(|(set, _)| finds(set));
                outcomes.extend(more.map(|(_, element)| Outcome::unknown(element)));
                record(&mut verdict, case, outcomes);
            });
        } else if let Some((set, element)) = perhaps.find(|(set, _)| room.finds_more(at, None, set))
        {
            let outcomes = vec![Outcome::unknown(element)];
            room.in_case(at, &set, |case, _| record(&mut verdict, case, outcomes));
        }
    }
    finish(verdict)
}

/// What all rules of a check are judged by.
struct Room<'a> {
    rules: &'a RuleSet,
    found: Vec<(RowRef, usize)>,
    diagnoses: Vec<(RowRef, &'a Diagnosis)>,
    surgeries: Vec<(RowRef, &'a Surgery)>,
    session: &'a Session<'a>,
    facts: &'a Facts,
    now: DateTime,
}

impl Room<'_> {
    fn here(&self) -> Here<'_> {
        Here { facts: self.facts, sets: &self.rules.sets, on: self.now.date() }
    }

    /// Looks at one rule in its case, with the elements by which it could be told whether further rows
    /// hold here.
    fn in_case<T>(
        &self,
        at: usize,
        rule: &Rule,
        look: impl FnOnce(&Case<'_>, BTreeSet<&'static str>) -> T,
    ) -> T {
        let here = self.here();
        let (matches, mut open) = matches_of(at, rule, &self.found, self.session, here);
        let (diagnosis_matches, of_diagnoses) = pairs_of(at, rule, &self.diagnoses, here);
        let (surgery_matches, of_surgeries) = pairs_of(at, rule, &self.surgeries, here);
        open.extend(of_diagnoses.into_iter().chain(of_surgeries));
        let case = Case {
            rule,
            matches: &matches,
            diagnosis_matches: &diagnosis_matches,
            surgery_matches: &surgery_matches,
            session: self.session,
            facts: self.facts,
            now: self.now,
        };
        look(&case, open)
    }

    /// `None` when the rule broke.
    fn outcomes(
        &self,
        at: usize,
        case: &Case<'_>,
        open: BTreeSet<&'static str>,
    ) -> Option<Vec<Outcome>> {
        let mut outcomes = judge_or_break(case, self.rules.index.needs(at))?;
        outcomes.extend(open.into_iter().map(Outcome::unknown));
        unless_outside(case.rule, &mut outcomes, self.here());
        Some(outcomes)
    }

    /// Whether a rule that is set otherwise says more than what was judged, if anything was.
    fn finds_more(&self, at: usize, judged: Option<(&Rule, &Vec<Outcome>)>, set: &Rule) -> bool {
        let otherwise = self.in_case(at, set, |case, open| self.outcomes(at, case, open));
        let Some(otherwise) = otherwise else { return false };
        let Some((rule, outcomes)) = judged else { return !said(&otherwise).is_empty() };
        let is_heavier = set.severity < rule.severity || set.action < rule.action;
        let known = said(outcomes);
        said(&otherwise).iter().any(|it| {
            let weighs_more = is_heavier && matches!(it, Outcome::Hit(_));
            weighs_more || !known.contains(it)
        })
    }
}

/// What is told of outcomes: a pass is silent.
fn said(outcomes: &[Outcome]) -> Vec<&Outcome> {
    let is_silent = |it: &&Outcome| matches!(it, Outcome::Pass | Outcome::NotApplicable);
    outcomes.iter().filter(|it| !is_silent(it)).collect()
}

/// Whether a rule is judged in a check: it is on here, as it is set here, and meant for the scene.
#[must_use]
pub fn is_judged(rules: &RuleSet, facts: &Facts, now: DateTime, id: &str) -> bool {
    let believed = contradiction::left_out(facts, now.date());
    let here = Here { facts: &believed, sets: &rules.sets, on: now.date() };
    let rule = rules.rules.iter().find(|rule| rule.id == id);
    rule.is_some_and(|rule| runs(rule.as_set_for(here).as_ref().unwrap_or(rule), here))
}

/// Judges one rule once more, to be looked at from inside: as it is set here, and as it is for
/// everybody. `None` when it does not run here.
pub(crate) fn look_at<T>(
    rules: &RuleSet,
    facts: &Facts,
    now: DateTime,
    id: &str,
    look: impl FnOnce(&Case<'_>, &Rule, &[Outcome]) -> T,
) -> Option<T> {
    let believed = contradiction::left_out(facts, now.date());
    let facts = &*believed;
    let here = Here { facts, sets: &rules.sets, on: now.date() };
    let at = rules.rules.iter().position(|rule| rule.id == id)?;
    let general = rules.rules.get(at)?;
    let set_here = general.as_set_for(here);
    let rule = set_here.as_ref().unwrap_or(general);
    if !runs(rule, here) {
        return None;
    }
    let session = Session::new(facts, &rules.drugs, &rules.sets, now);
    let found = rows_about(rules, &session);
    let (matches, _) = matches_of(at, rule, &found, &session, here);
    let diagnoses = rows_about_diagnoses(rules, facts, here.on);
    let surgeries = rows_about_surgeries(rules, facts, here.on);
    let case = Case {
        rule,
        matches: &matches,
        diagnosis_matches: &pairs_of(at, rule, &diagnoses, here).0,
        surgery_matches: &pairs_of(at, rule, &surgeries, here).0,
        session: &session,
        facts,
        now,
    };
    let mut outcomes = judge_or_break(&case, rules.index.needs(at))?;
    unless_outside(rule, &mut outcomes, here);
    Some(look(&case, general, &outcomes))
}

fn begin(rules: &RuleSet, facts: &Facts, session: &Session<'_>) -> Verdict {
    let mut data_findings = facts.data_findings.clone();
    data_findings.extend(session.data_findings.iter().cloned());
    data_findings.extend(session.lines.iter().filter_map(differing_days));
    Verdict {
        patn_id: facts.patient.present().and_then(|patient| patient.patn_id.clone()),
        mdtrt_id: facts.encounter.present().and_then(|encounter| encounter.mdtrt_id.clone()),
        received: Received::of(facts),
        rules_version: rules.version(),
        data_findings,
        ..Verdict::default()
    }
}

fn differing_days(line: &Line<'_>) -> Option<InputFinding> {
    let (written, computed) = days_that_differ(line)?;
    Some(InputFinding {
        code: DAYS_DIFFER,
        path: line.path("medc_days"),
        found: format!("填写{}日，按数量计算{}日", written.normalize(), computed),
        expected: "核对用药天数、数量与用法".to_owned(),
    })
}

/// Whether a rule is on and meant for the scene. An unknown scene leaves no rule out but those of
/// the settlement and what follows it: who does not say so does not settle.
fn runs(rule: &Rule, here: Here<'_>) -> bool {
    let is_meant = match here.facts.scene() {
        _ if rule.scenes.is_empty() => true,
        Some(scene) => rule.scenes.contains(&scene),
        None => rule.scenes.iter().any(|scene| scene.is_before()),
    };
    let is_outside = |scope: &Scope| scope.fits(here) == Fit::Outside;
    rule.enabled && is_meant && !rule.scope.as_ref().is_some_and(is_outside)
}

/// Every (row, line) pair of the session, by rule, row and line.
fn rows_about(rules: &RuleSet, session: &Session<'_>) -> Vec<(RowRef, usize)> {
    let mut found = Vec::new();
    for line in &session.lines {
        rules.index.rows_about(line, |row| found.push((row, line.position)));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Every (row, diagnosis) pair, by rule. Suspected and excluded diagnoses are no diagnoses.
fn rows_about_diagnoses<'a>(
    rules: &RuleSet,
    facts: &'a Facts,
    on: Date,
) -> Vec<(RowRef, &'a Diagnosis)> {
    let made = facts.diagnoses.present().map_or(&[][..], Vec::as_slice);
    let mut found = Vec::new();
    for diagnosis in made.iter().filter(|d| !d.suspected && !d.excluded) {
        let Some(code) = &diagnosis.code else { continue };
        rules.index.rows_about_diagnosis(code, |row| {
            if is_of_the_day(rules, row, code, on) {
                found.push((row, diagnosis));
            }
        });
    }
    found.sort_by_key(|(row, _)| *row);
    found
}

fn rows_about_surgeries<'a>(
    rules: &RuleSet,
    facts: &'a Facts,
    on: Date,
) -> Vec<(RowRef, &'a Surgery)> {
    let mut found = Vec::new();
    for surgery in facts.surgeries.present().map_or(&[][..], Vec::as_slice) {
        let Some(code) = &surgery.code else { continue };
        rules.index.rows_about_surgery(code, |row| {
            if is_of_the_day(rules, row, code, on) {
                found.push((row, surgery));
            }
        });
    }
    found.sort_by_key(|(row, _)| *row);
    found
}

/// What rows of one rule meet, and the elements by which it could be told whether further rows hold
/// here.
fn pairs_of<'a, T>(
    at: usize,
    rule: &'a Rule,
    found: &[(RowRef, &'a T)],
    here: Here<'_>,
) -> (Vec<(&'a Row, &'a T)>, BTreeSet<&'static str>) {
    let first = found.partition_point(|(row, _)| row.rule() < at);
    let of_rule = found.iter().skip(first).take_while(|(row, _)| row.rule() == at);
    let (mut pairs, mut open) = (Vec::new(), BTreeSet::new());
    for (row, about) in of_rule {
        let row = rule.rows.get(row.row()).filter(|row| row.applies(here.on));
        let Some(row) = row else { continue };
        match row.fits(here) {
            Fit::Inside => pairs.push((row, *about)),
            Fit::Outside => {}
            Fit::Unknown(element) => _ = open.insert(element),
        }
    }
    (pairs, open)
}

/// The matches of one rule, and the elements by which it could be told whether further rows hold here.
fn matches_of<'a>(
    at: usize,
    rule: &'a Rule,
    found: &[(RowRef, usize)],
    session: &'a Session<'a>,
    here: Here<'_>,
) -> (Vec<Match<'a>>, BTreeSet<&'static str>) {
    let first = found.partition_point(|(row, _)| row.rule() < at);
    let of_rule = found.iter().skip(first).take_while(|(row, _)| row.rule() == at);
    let (mut matches, mut open) = (Vec::new(), BTreeSet::new());
    for (row, line) in of_rule {
        let (Some(row), Some(line)) = (rule.rows.get(row.row()), session.lines.get(*line)) else {
            continue;
        };
        let is_out = (rule.exempt_self_pay && line.is_self_paid())
            || !session.is_looked_at(line, rule.family.looks_at());
        // A charge is judged by what was in force on its day, whenever it is audited.
        let on = if line.kind == LineKind::Charge { line.begins } else { here.on };
        if is_out || !row.applies(on) || !is_of_its_day(rule, row, line, session.sets) {
            continue;
        }
        match row.fits(here) {
            Fit::Inside => matches.push(Match { row, line }),
            Fit::Outside => {}
            Fit::Unknown(element) => _ = open.insert(element),
        }
    }
    if matches.len() > 1 && rule.family.partners().is_empty() {
        step_back(&mut matches);
    }
    (matches, open)
}

/// A row about all makers' products steps back where one is about this very product: a hospital that
/// imports the whole table beside a shipped row of its beginning is told once, and by the table.
fn step_back(matches: &mut Vec<Match<'_>>) {
    let by_code = matches.iter().filter(|found| matches!(found.row.key, Key::Code(_)));
    let coded: Vec<usize> = by_code.map(|found| found.line.position).collect();
    let is_wider = |found: &Match<'_>| matches!(found.row.key, Key::Prefix(_));
    matches.retain(|found| !is_wider(found) || !coded.contains(&found.line.position));
}

/// Rows are found by every version of the sets they name; whether a line is in the one of its day is
/// asked here.
fn is_of_its_day(rule: &Rule, row: &Row, line: &Line<'_>, sets: &CodeSets) -> bool {
    let partners = rule.family.partners().iter().flat_map(|it| row.parameters.keys(it));
    let mut keys = std::iter::once(&row.key).chain(partners);
    let is_dated = |key: &Key| matches!(key, Key::Set(name) if sets.is_dated(name));
    !keys.clone().any(is_dated) || keys.any(|key| line.is_about(key, sets))
}

/// The same of a diagnosis or an operation, which are of the day of the check.
fn is_of_the_day(rules: &RuleSet, row: RowRef, code: &str, on: Date) -> bool {
    let row = rules.rules.get(row.rule()).and_then(|rule| rule.rows.get(row.row()));
    let Some(Row { key: Key::Set(name), .. }) = row else { return true };
    rules.sets.members(name, on).iter().any(|member| {
        let is_coded = matches!(member, Key::Diagnosis(_) | Key::Surgery(_));
        is_coded && icd::plain(code).starts_with(member.text())
    })
}

/// Where nobody knows whether the rule holds here, a hit is no hit, and a pass is a pass all the same.
fn unless_outside(rule: &Rule, outcomes: &mut [Outcome], here: Here<'_>) {
    let fit = rule.scope.as_ref().map_or(Fit::Inside, |scope| scope.fits(here));
    let Fit::Unknown(element) = fit else { return };
    for outcome in outcomes {
        if matches!(outcome, Outcome::Hit(_) | Outcome::Task { .. }) {
            *outcome = Outcome::unknown(element);
        }
    }
}

/// `None` when the family panicked: the fault of one rule must not take the answer of all others
/// with it. What a family leaves half done is the session's cache of texts, and each is whole.
fn judge_or_break(case: &Case<'_>, needs: Identity) -> Option<Vec<Outcome>> {
    catch_unwind(AssertUnwindSafe(|| judge(case, needs))).ok()
}

fn judge(case: &Case<'_>, needs: Identity) -> Vec<Outcome> {
    match nothing_to_look_at(case) {
        Some(Group::Absent) => {
            return vec![Outcome::Unidentified { missing: vec!["orders".into()] }];
        }
        Some(_) => return Vec::new(),
        None => {}
    }
    let hangs_on_rows = match case.rule.family.rows() {
        Rows::None | Rows::Beside(_) => false,
        Rows::Optional(_) => !case.rule.rows.is_empty(),
        Rows::Required(_) => true,
    };
    if !hangs_on_rows {
        return case.rule.family.judge(case);
    }
    let mut outcomes = Vec::new();
    let has_matches = !case.matches.is_empty()
        || !case.diagnosis_matches.is_empty()
        || !case.surgery_matches.is_empty();
    if has_matches {
        outcomes = case.rule.family.judge(case);
    }
    let mut missing = unidentified(case, needs);
    missing.extend(uncoded(case, needs));
    if !missing.is_empty() {
        outcomes.push(Outcome::Unidentified { missing });
    }
    outcomes
}

/// Whether the lines that a family judges were not sent, or sent empty.
fn nothing_to_look_at(case: &Case<'_>) -> Option<Group<()>> {
    let reads_orders =
        || case.rule.family.reads().iter().any(|element| element.starts_with("orders."));
    let orders = &case.facts.orders;
    let fees = &case.facts.fees;
    let is_sent = match case.rule.family.looks_at() {
        LooksAt::Nothing => true,
        LooksAt::Orders => !reads_orders() || orders.present().is_some(),
        LooksAt::Charges | LooksAt::Both => orders.present().is_some() || fees.present().is_some(),
    };
    if is_sent {
        return None;
    }
    let is_empty = matches!(orders, Group::Empty) || matches!(fees, Group::Empty);
    Some(if is_empty { Group::Empty } else { Group::Absent })
}

/// Lines that no row was found for, and that lack an identity by which one could have been.
fn unidentified(case: &Case<'_>, needs: Identity) -> Vec<Text> {
    let mut missing = Vec::new();
    for line in case.lines().filter(|line| lacks_identity(line, needs)) {
        let is_found = case.matches.iter().any(|found| found.line.position == line.position);
        let is_out = case.rule.exempt_self_pay && line.is_self_paid();
        if is_found || is_out {
            continue;
        }
        if needs.national && line.national_code().is_none() {
            missing.push(line.shared_path("hilist_code"));
        }
        if needs.ingredient && line.may_be_drug() && !line.has_known_ingredients() {
            missing.push(line.shared_path("drug_ingd"));
        }
        if needs.hospital && line.order.hospital_code.is_none() {
            missing.push(line.shared_path("hosplist_code"));
        }
        if needs.atc && line.may_be_drug() && !line.is_herbal() && line.lacks_atc() {
            let of_product = if line.product.is_some() { "atc" } else { "hosplist_code" };
            missing.push(line.shared_path(of_product));
        }
    }
    missing
}

/// Whether it lacks any of the identities by which rows are found. Most lines lack none, and that is the
/// quickest to ask.
fn lacks_identity(line: &Line<'_>, needs: Identity) -> bool {
    (needs.national && line.national_code().is_none())
        || (needs.ingredient && !line.has_known_ingredients())
        || (needs.hospital && line.order.hospital_code.is_none())
        || (needs.atc && line.lacks_atc())
}

/// Diagnoses and operations that rows hang on and that were not sent, or sent without a code.
fn uncoded(case: &Case<'_>, needs: Identity) -> Vec<Text> {
    let mut missing = Vec::new();
    if needs.diagnosis {
        match &case.facts.diagnoses {
            Group::Absent => missing.push("diagnoses".into()),
            Group::Empty => {}
            Group::Present(made) => missing.extend(
                made.iter()
                    .enumerate()
                    .filter(|(_, diagnosis)| diagnosis.code.is_none())
                    .map(|(position, _)| format!("diagnoses[{position}].dise_codg").into()),
            ),
        }
    }
    if needs.surgery {
        match &case.facts.surgeries {
            Group::Absent => missing.push("surgeries".into()),
            Group::Empty => {}
            Group::Present(done) => missing.extend(
                done.iter()
                    .enumerate()
                    .filter(|(_, surgery)| surgery.code.is_none())
                    .map(|(position, _)| format!("surgeries[{position}].oprn_oprt_code").into()),
            ),
        }
    }
    missing
}

/// Worst first: severity, then action; equal ones stay in the order of the rules. Complete is only
/// what lacked nothing, whether or not the doctor is told of it.
fn finish(mut verdict: Verdict) -> Verdict {
    verdict.findings.sort_by_key(|finding| (finding.severity, finding.action));
    verdict.outcome = if !verdict.not_run.is_empty() {
        Completeness::Degraded
    } else if verdict.unknown.iter().all(|unknown| unknown.told_to == Audience::Log) {
        Completeness::Complete
    } else {
        Completeness::Partial
    };
    verdict
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::fmt::Write as _;

    use schemas::Files;

    use super::*;
    use crate::families::bench::{NOW, starter};
    use crate::family::Family;
    use crate::request;

    const TWO: &str = r#"{"patient":{"gend":"2","brdy":"19680315"},"encounter":{"mdtrt_id":"M1","med_mdtrt_type":"1"},
        "prescriber":{"drord_dr_profttl":"234"},"orders":[
        {"rx_id":"1","hosplist_code":"YP000502","medc_days":"10","sumamt":"30.10"},
        {"rx_id":"2","hosplist_code":"YP000601","medc_days":"3"}]}"#;

    #[test]
    fn worst_first_and_always_the_same() {
        let verdict = judged(TWO);
        let shown: Vec<_> = verdict
            .findings
            .iter()
            .map(|f| format!("{} {} {}", f.severity.code(), f.action.name(), f.rule_id))
            .collect();
        assert_eq!(
            shown,
            ["1 block antimicrobial-tier", "1 confirm drug-sex", "2 reason prescription-days",]
        );
        assert_eq!(verdict, judged(TWO));
    }

    #[test]
    fn an_id_changes_with_what_it_depends_on_and_with_nothing_else() {
        let first = sex_finding(TWO);
        assert_eq!(first, sex_finding(&TWO.replace("30.10", "31")));
        assert_eq!(first, sex_finding(&TWO.replace("19680315", "19700101")));
        assert_ne!(first, sex_finding(&TWO.replace("\"M1\"", "\"M2\"")));
        let of =
            |patient: &str| TWO.replace("\"gend\"", &format!("\"patn_id\":\"{patient}\",\"gend\""));
        assert_eq!(first, sex_finding(&of("P1")), "the encounter says who it is");
        let nowhere = |patient: &str| of(patient).replace("\"mdtrt_id\":\"M1\",", "");
        assert_ne!(sex_finding(&nowhere("P1")), sex_finding(&nowhere("P2")));
        assert_ne!(first, sex_finding(&TWO.replace("\"rx_id\":\"1\"", "\"rx_id\":\"7\"")));
        assert_eq!(first.len(), 16);
    }

    #[test]
    fn amounts_are_exact_or_unknown() {
        let verdict = judged(TWO);
        let amounts: Vec<_> = verdict
            .findings
            .iter()
            .map(|f| (f.rule_id.as_str(), f.amount.map(|a| a.to_string())))
            .collect();
        assert!(amounts.contains(&("drug-sex", Some("30.10".to_owned()))), "{amounts:?}");
        assert!(amounts.contains(&("antimicrobial-tier", None)), "{amounts:?}");
    }

    #[test]
    fn a_deadline_leaves_rules_named_and_not_passed() {
        let rules = starter();
        let facts = request::read(TWO).unwrap();
        let mut left = 2;
        let verdict = evaluate_while(&rules, &facts, NOW.parse().unwrap(), || {
            left -= 1;
            left >= 0
        });
        assert_eq!(verdict.outcome, Completeness::Degraded);
        let on = rules.rules().iter().filter(|rule| rule.enabled).count();
        assert_eq!(verdict.not_run.len(), on - 2);
        assert!(verdict.passed.iter().all(|rule| !verdict.not_run.contains(rule)));
    }

    /// A family with a fault that no test had found.
    struct Faulty;

    impl Family for Faulty {
        fn id(&self) -> &'static str {
            "faulty"
        }

        fn zh_name(&self) -> &'static str {
            "出错"
        }

        fn usual(&self) -> Option<crate::family::Usual> {
            None
        }

        fn reads(&self) -> &'static [&'static str] {
            &[]
        }

        fn judge(&self, _: &Case<'_>) -> Vec<Outcome> {
            panic!("a fault of the program")
        }
    }

    #[test]
    fn a_rule_that_panics_is_named_and_takes_no_other_with_it() {
        let mut rules = starter();
        let facts = request::read(TWO).unwrap();
        let now = NOW.parse().unwrap();
        let whole = evaluate(&rules, &facts, now);
        let ill = rules.rules.iter_mut().find(|rule| rule.id == "drug-sex").unwrap();
        ill.family = &Faulty;
        let verdict = evaluate(&rules, &facts, now);
        assert_eq!(verdict.outcome, Completeness::Degraded);
        assert_eq!(
            (&verdict.not_run, &verdict.broken),
            (&vec!["drug-sex".to_owned()], &vec!["drug-sex".to_owned()])
        );
        let others = |of: &Verdict| {
            of.findings.iter().filter(|f| f.rule_id != "drug-sex").cloned().collect::<Vec<_>>()
        };
        assert_eq!(others(&verdict), others(&whole));
        assert!(!verdict.passed.contains(&"drug-sex".to_owned()));
        assert!(look_at(&rules, &facts, now, "drug-sex", |_, _, _| ()).is_none());
    }

    #[test]
    fn nothing_known_is_partial_and_no_pass() {
        let verdict = judged("{}");
        assert_eq!(verdict.outcome, Completeness::Partial);
        assert_eq!((verdict.findings.len(), verdict.passed.len()), (0, 0));
        assert!(verdict.unknown.iter().all(|unknown| unknown.missing == ["orders"]));
    }

    #[test]
    fn a_self_paid_line_is_outside_insurance_limits() {
        let order = |own: &str| {
            format!(
                r#"{{"patient":{{"brdy":"19680315"}},"orders":[{{"rx_id":"1","hosplist_code":"YP000503","sumamt":"20.00","ownpay_amt":"{own}"}}]}}"#
            )
        };
        let hits =
            |text: &str| judged(text).findings.iter().filter(|f| f.rule_id == "child-only").count();
        assert_eq!((hits(&order("0")), hits(&order("20"))), (1, 0));
    }

    #[test]
    fn what_is_missing_may_be_asked_or_must_be_confirmed() {
        const NOBODY: &str = r#"{"patient":{"patn_id":"P"},"encounter":{"mdtrt_id":"M1"},
            "orders":[{"rx_id":"1","hosplist_code":"YP000502","sumamt":"9"}]}"#;
        let shown = |on_missing: &str| {
            let mut files = Files::from_shipped(crate::SHIPPED);
            let rules = files.get("packs/starter/rules.toml").unwrap();
            let id = "id = \"drug-sex\"\n";
            let rules = rules.replace(id, &format!("{id}on_missing = \"{on_missing}\"\n"));
            files.insert("packs/starter/rules.toml", rules);
            let facts = request::read(NOBODY).unwrap();
            let mut verdict =
                evaluate(&RuleSet::load(&files).unwrap(), &facts, NOW.parse().unwrap());
            verdict.findings.retain(|finding| finding.rule_id == "drug-sex");
            verdict.questions.retain(|question| question.rule_id == "drug-sex");
            assert!(verdict.unknown.iter().any(|unknown| unknown.rule_id == "drug-sex"));
            assert_eq!(verdict.outcome, Completeness::Partial);
            let findings = verdict.findings.iter().map(|f| {
                format!("{} {} {} {:?}", f.severity.code(), f.action.name(), f.text, f.amount)
            });
            let questions = verdict.questions.iter().map(|q| format!("{} {}", q.id, q.text));
            findings.chain(questions).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(shown("report"), "");
        assert_eq!(shown("silent"), "");
        assert_eq!(shown("ask"), "8a0b80cc781418df 请补充患者性别，用于审查药品区分性别使用");
        assert_eq!(
            shown("hit"),
            "3 confirm 【度他雄胺软胶囊】请先确认患者性别：药品区分性别使用 Some(0)"
        );
    }

    #[test]
    fn a_row_about_a_diagnosis_that_may_hold_here_is_open() {
        let mut files = Files::default();
        files.insert(
            "packs/t/pack.toml",
            "name=\"t\"\nversion=\"1\"\nsource=\"s\"\neffective=\"2026-01-01\"\n",
        );
        files.insert("packs/t/rules.toml", "[[rule]]\nid=\"r\"\nfamily=\"diagnosis_patient\"\nname=\"n\"\nbasis=\"b\"\nseverity=1\naction=\"hint\"\n");
        files.insert(
            "packs/t/r.csv",
            "match,key,item,sex,source,flag\ndiagnosis,N40,前列腺增生,男,s,A\n",
        );
        let change =
            "1,2026-01-05T09:30:00,赵药师,药事会,restrict,r,diagnosis,N40,,departments=外科\n";
        files.insert("overlay/t/changes.csv", crate::overlay::Log::header() + change);
        let rules = RuleSet::load(&files).unwrap();
        let request = |department: &str| {
            let request = format!(
                r#"{{"patient":{{"gend":"2"}},"encounter":{{"adm_dept_name":"{department}"}},"diagnoses":[{{"dise_codg":"N40"}}]}}"#
            );
            let facts = request::read(&request).unwrap();
            let verdict = evaluate(&rules, &facts, NOW.parse().unwrap());
            let missing: Vec<_> = verdict.unknown.iter().flat_map(|it| &it.missing).collect();
            format!("{} {missing:?}", verdict.findings.len())
        };
        assert_eq!(request("外科"), "1 []");
        assert_eq!(request("内科"), "0 []");
        assert_eq!(request(""), r#"0 ["encounter.adm_dept_codg"]"#);
    }

    /// The index decides the cost: thousands of rows about other drugs are never touched.
    #[test]
    fn rows_about_other_drugs_are_not_looked_at() {
        let mut rows = String::from("match,key,item,sex,source,flag\n");
        for number in 0..25_000 {
            writeln!(rows, "code,XA01AAA001A{number:012},药,男,s,A").unwrap();
        }
        let mut files = Files::from_shipped(crate::SHIPPED);
        files.insert(
            "packs/many/pack.toml",
            "name=\"m\"\nversion=\"1\"\nsource=\"s\"\neffective=\"2026-01-01\"\n",
        );
        files.insert("packs/many/rules.toml", "[[rule]]\nid=\"many\"\nfamily=\"sex\"\nname=\"n\"\nbasis=\"b\"\nseverity=1\naction=\"hint\"\n");
        files.insert("packs/many/many.csv", rows);
        let rules = RuleSet::load(&files).unwrap();
        let facts = request::read(TWO).unwrap();
        let session = Session::new(&facts, &rules.drugs, &rules.sets, NOW.parse().unwrap());
        assert!(rows_about(&rules, &session).len() < 10);
    }

    fn judged(request: &str) -> Verdict {
        let facts = request::read(request).unwrap();
        evaluate(&starter(), &facts, NOW.parse().unwrap())
    }

    fn sex_finding(request: &str) -> String {
        judged(request).findings.iter().find(|f| f.rule_id == "drug-sex").unwrap().id.clone()
    }
}
