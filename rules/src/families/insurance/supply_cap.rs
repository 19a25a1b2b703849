//! I07 限最大开药天数/量: what is written now, with what is left at home, stays within a cap.
//!
//! What: the days of a line (the longer of written and computed) and the days that earlier
//! dispensings still last are compared with the cap of the place: outpatient, emergency, registered
//! chronic disease, discharge. A rule with rows has caps of its own for their drugs, in days or packages.
//! Why: hoarded drugs are paid twice and taken never.
//! Basis: GZ10000101009000; 医疗保障基金使用监督管理条例 art. 15 超量开药.
//! Example: 氨氯地平 5 mg QD, four boxes of 7, cap 30, six days left → 34 > 30 → hit. One smallest package is
//! let through while nothing is left. A reason that the rule takes (lost) forgets what was left.
//! Ward orders are not dispensed to take home. Without a history of ninety days only a hit is certain.

use jiff::ToSpan;
use rust_decimal::Decimal;

use crate::dose::{days_supply, is_one_package};
use crate::facts::{Group, VisitKind};
use crate::families::lines::{identity, unless_of_the_ward};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::frequency::Frequency;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::Line;

use super::usage::{AtHome, is_excused, past_since};

/// The family `supply_cap`.
pub struct SupplyCap;

const PARAMETERS: [Column; 6] = [
    Column::optional("outpatient_days_max", "门诊天数上限", ColumnKind::Whole),
    Column::optional("emergency_days_max", "急诊天数上限", ColumnKind::Whole),
    Column::optional("chronic_days_max", "门诊慢特病和长期处方天数上限", ColumnKind::Whole),
    Column::optional("discharge_days_max", "出院带药天数上限", ColumnKind::Whole),
    Column::optional("min_pack_ok", "允许一个最小包装", ColumnKind::Flag),
    Column::optional("reasons_ok", "不计余药的理由", ColumnKind::List),
];

const ROWS: [Column; 3] = [
    Column::optional("scope", "适用场合", ColumnKind::Choice(&["门诊", "急诊", "慢特病", "出院"])),
    Column::optional("days_max", "天数上限", ColumnKind::Whole),
    Column::optional("quantity_max", "数量上限", ColumnKind::Decimal),
];

impl Family for SupplyCap {
    fn id(&self) -> &'static str {
        "supply_cap"
    }

    fn zh_name(&self) -> &'static str {
        "药品限最大开药天数或数量"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "GZ10000101009000 药品限最大支付天数或开药量；医疗保障基金使用监督管理条例第十五条（超量开药）",
            window: "本次，连同余药",
            text: "【{药品}】本次{数量}，超过{上限}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.med_mdtrt_type",
            "encounter.opsp_flag",
            "encounter.long_rx_flag",
            "orders.medc_days",
            "orders.cnt",
            "orders.cnt_unt",
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "orders.drug_used_frqu",
            "orders.dscg_tkdrug_flag",
            "orders.excd_rea",
            "history.orders",
            "history.since",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Optional(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let is_empty = row.get("days_max").is_none() && row.get("quantity_max").is_none();
        is_empty.then(|| "write `days_max` or `quantity_max`".to_owned())
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        if !case.rule.rows.is_empty() {
            return case.current().map(|found| judge_row(case, found)).collect();
        }
        let lines = case
            .lines()
            .filter(|line| line.order.current && line.may_be_drug() && !line.is_cancelled());
        let paid = lines.filter(|line| !(case.rule.exempt_self_pay && line.is_self_paid()));
        paid.map(|line| judge_line(case, line)).collect()
    }
}

fn judge_row(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    let row = &found.row.parameters;
    if found.line.is_cancelled() {
        return Outcome::NotApplicable;
    }
    let Some(scope) = row.maybe_text("scope") else { return judge_cell(case, found) };
    if scope == Scope::Discharge.zh() && may_be_taken_home(case, found.line) {
        return unless_of_the_ward(found.line, judge_cell(case, found));
    }
    if lacks_visit(case, found.line) {
        return Outcome::unknown("encounter.med_mdtrt_type");
    }
    let is_here = scope_of(case, found.line).is_some_and(|here| here.zh() == scope);
    if is_here { judge_cell(case, found) } else { Outcome::NotApplicable }
}

fn judge_cell(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    let row = &found.row.parameters;
    let source = Some(found.row.source.clone());
    if let Some(max) = row.maybe_decimal("quantity_max") {
        let Some(quantity) = found.line.net else {
            return Outcome::unknown(found.line.path("cnt"));
        };
        let before = before_in_session(case, found.line).filter_map(|line| line.net);
        let quantity = before.fold(quantity, Decimal::saturating_add);
        if quantity > max {
            let name = found.line.name();
            return Outcome::Hit(Hit {
                violating: vec![found.line.position],
                text: format!("【{name}】本次数量{}，超过{max}", quantity.normalize()),
                evidence: vec![format!("{}>{max}", quantity.normalize())],
                source,
                ..Hit::default()
            });
        }
    }
    let Some(max) = row.maybe_whole("days_max") else { return Outcome::Pass };
    let judged = judge_days(case, found.line, Decimal::from(max));
    match judged {
        Outcome::Hit(hit) => Outcome::Hit(Hit { source, ..hit }),
        other => other,
    }
}

/// Without a row every drug is meant.
fn judge_line(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    let judge = |scope: Option<Scope>| {
        let max = scope.and_then(|scope| case.rule.parameters.maybe_whole(scope.parameter()));
        let max = max.map(Decimal::from);
        max.map_or(Outcome::NotApplicable, |max| judge_days(case, line, max))
    };
    if may_be_taken_home(case, line) {
        return unless_of_the_ward(line, judge(Some(Scope::Discharge)));
    }
    if lacks_visit(case, line) {
        return Outcome::unknown("encounter.med_mdtrt_type");
    }
    judge(scope_of(case, line))
}

/// Nobody said where it is written, and by itself it does not tell.
fn lacks_visit(case: &Case<'_>, line: &Line<'_>) -> bool {
    let visit = case.facts.encounter.present().and_then(|encounter| encounter.visit);
    visit.is_none() && !line.order.discharge
}

/// A line of a stay with a code that nobody can read: it may be taken home.
fn may_be_taken_home(case: &Case<'_>, line: &Line<'_>) -> bool {
    let visit = case.facts.encounter.present().and_then(|encounter| encounter.visit);
    line.is_taken_home().is_none() && matches!(visit, None | Some(VisitKind::Inpatient))
}

#[derive(Clone, Copy)]
enum Scope {
    Outpatient,
    Emergency,
    Chronic,
    Discharge,
}

impl Scope {
    fn parameter(self) -> &'static str {
        match self {
            Scope::Outpatient => "outpatient_days_max",
            Scope::Emergency => "emergency_days_max",
            Scope::Chronic => "chronic_days_max",
            Scope::Discharge => "discharge_days_max",
        }
    }

    fn zh(self) -> &'static str {
        match self {
            Scope::Outpatient => "门诊",
            Scope::Emergency => "急诊",
            Scope::Chronic => "慢特病",
            Scope::Discharge => "出院",
        }
    }
}

fn scope_of(case: &Case<'_>, line: &Line<'_>) -> Option<Scope> {
    if line.order.discharge {
        return Some(Scope::Discharge);
    }
    let encounter = case.facts.encounter.present()?;
    let is_long = encounter.long_prescription == Some(true)
        || line.order.on_chronic_scheme.or(encounter.on_chronic_scheme) == Some(true);
    match encounter.visit? {
        VisitKind::Inpatient => None,
        VisitKind::Emergency => Some(Scope::Emergency),
        _ if is_long => Some(Scope::Chronic),
        VisitKind::Outpatient | VisitKind::Internet | VisitKind::Pharmacy => {
            Some(Scope::Outpatient)
        }
    }
}

fn judge_days(case: &Case<'_>, line: &Line<'_>, max: Decimal) -> Outcome {
    let computed = days_supply(line);
    let written_or_computed = line.order.days.max(computed.as_ref().ok().copied());
    let Some(days) = written_or_computed else {
        return unknown(computed.err().unwrap_or_default());
    };
    let is_open =
        line.order.frequency == Some(Frequency::AsNeeded) || !line.frequency_is_believable;
    let before = days_before(case, line);
    let days = days + before;
    if let Err(missing) = computed
        && is_open
        && days <= max
    {
        return unknown(missing);
    }
    let at_home = if is_excused(case, line) { AtHome::default() } else { AtHome::of(case, line) };
    let is_smallest = case.rule.parameters.flag("min_pack_ok")
        && is_one_package(line)
        && at_home.days.is_zero()
        && before.is_zero();
    if days + at_home.days > max && !is_smallest {
        return Outcome::Hit(hit(line, days, &at_home, max));
    }
    let missing = if is_excused(case, line) { Vec::new() } else { open(case, line, &at_home) };
    if missing.is_empty() { Outcome::Pass } else { unknown(&missing) }
}

/// The lines of the same product and use that stand before one on the screen: two of four weeks are one
/// of eight. Lines that differ in strength, dose or frequency are taken side by side.
fn before_in_session<'a>(
    case: &Case<'a>,
    line: &'a Line<'_>,
) -> impl Iterator<Item = &'a Line<'a>> {
    let is_before = move |other: &&Line<'_>| {
        other.position < line.position && other.order.current && !other.is_cancelled()
    };
    let is_same_use = move |other: &&Line<'_>| {
        other.differs_in_being_taken_home(line) == Some(false)
            && other.order.frequency == line.order.frequency
            && other.order.single_dose == line.order.single_dose
            && other.order.dose_unit == line.order.dose_unit
    };
    // Most lines are of other drugs.
    case.lines()
        .filter(is_before)
        .filter(|other| identity(other) == identity(line))
        .filter(is_same_use)
}

fn days_before(case: &Case<'_>, line: &Line<'_>) -> Decimal {
    let days = |other: &Line<'_>| other.order.days.max(days_supply(other).ok());
    before_in_session(case, line).filter_map(days).fold(Decimal::ZERO, Decimal::saturating_add)
}

fn unknown(missing: &[String]) -> Outcome {
    Outcome::Unknown { missing: missing.to_vec() }
}

/// What is missing to say what is left at home: the longest prescription lasts so many days.
fn open(case: &Case<'_>, line: &Line<'_>, at_home: &AtHome) -> Vec<String> {
    let first = line.begins.checked_sub(LONGEST_DAYS.days()).ok();
    let since = match case.facts.history {
        // Who was asked and says that there is none has said all.
        Group::Empty => None,
        _ => past_since(case, first).err(),
    };
    since.into_iter().chain(at_home.missing.iter().cloned()).collect()
}

const LONGEST_DAYS: i32 = 90;

fn hit(line: &Line<'_>, days: Decimal, at_home: &AtHome, max: Decimal) -> Hit {
    let (name, days, left) = (line.name(), days.normalize(), at_home.days);
    let text = if left.is_zero() {
        format!("【{name}】本次{days}天，超过{max}天")
    } else {
        format!("【{name}】本次{days}天+余药{left}天，超过{max}天")
    };
    Hit {
        violating: vec![line.position],
        text,
        evidence: vec![format!("{days}+{left}>{max}")],
        ..Hit::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const DRUGS: &str = "hospital,AML,苯磺酸氨氯地平片,,氨氯地平,5 mg,片,7,口服,\n\
        hospital,AM2,苯磺酸氨氯地平片10,,氨氯地平,10 mg,片,7,口服,\n\
        hospital,VAL,缬沙坦胶囊,,缬沙坦,80 mg,粒,28,口服,\n";

    const BENCH: Bench = Bench {
        family: "supply_cap",
        parameters: "outpatient_days_max = 30, emergency_days_max = 3, chronic_days_max = 84, discharge_days_max = 14, min_pack_ok = true, reasons_ok = [\"遗失\"]",
        rows: "",
        drugs: DRUGS,
    };

    const ROWS: Bench = Bench {
        family: "supply_cap",
        parameters: "",
        rows: "match,key,item,scope,days_max,quantity_max,source,flag\n\
               hospital,AML,氨氯地平,门诊,14,,site,A\n\
               hospital,VAL,缬沙坦,,,2,site,A\n",
        drugs: DRUGS,
    };

    const FOUR: &str = r#""hosplist_code":"AML","drug_used_sdose":"5","drug_used_dosunt":"mg","drug_used_frqu":"QD","cnt":"4","cnt_unt":"盒""#;
    const DESK: &str = r#""med_mdtrt_type":"1""#;

    #[test]
    fn what_cannot_be_computed_is_no_pass() {
        let with = |line: &str, history: &str| {
            BENCH.told(&format!(
                r#"{{"encounter":{{{DESK}}},"orders":[{{"rx_id":"1",{FOUR}}},{{"rx_id":"2",{line}}}]{history}}}"#
            ))
        };
        let known = r#","history":{"since":"20250101"}"#;
        let whole = FOUR
            .replace("AML", "VAL")
            .replace(r#""5","drug_used_dosunt":"mg""#, r#""1","drug_used_dosunt":"粒""#)
            .replace(r#""cnt":"4""#, r#""cnt":"1""#);
        assert_eq!(with(&whole, known), "pass");
        assert_eq!(with(r#""hosplist_code":"VAL","cnt":"1""#, known), "unknown orders[2].cnt_unt");
        assert_eq!(with(&whole, ""), "unknown history");
        assert_eq!(with(&whole, r#","history":{"since":"20260514"}"#), "unknown history.since");
    }

    #[test]
    fn with_what_is_left_at_home() {
        let left =
            r#"{"rx_id":"h","hosplist_code":"AML","medc_days":"28","fee_ocur_time":"20260424"}"#;
        check(DESK, FOUR, left, "hit 1: 【苯磺酸氨氯地平片】本次28天+余药6天，超过30天");
        check(DESK, FOUR, &left.replace("0424", "0419"), "pass");
        let other_strength = left.replace("AML", "AM2");
        check(DESK, FOUR, &other_strength, "hit 1: 【苯磺酸氨氯地平片】本次28天+余药6天，超过30天");
        let lost = format!(r#"{FOUR},"excd_rea":"药品遗失""#);
        check(DESK, &lost, left, "pass");
        let returned = r#"{"rx_id":"h","hosplist_code":"AML","cnt":"4","medc_days":"28","fee_ocur_time":"20260424"},
            {"rx_id":"r","hosplist_code":"AML","cnt":"-4","refd_rx_id":"h","fee_ocur_time":"20260425"}"#;
        check(DESK, FOUR, returned, "pass");
        let half = returned.replace("\"-4\"", "\"-2\"");
        check(DESK, FOUR, &half, "pass");
    }

    #[test]
    fn each_place_has_its_cap() {
        let forty = r#""hosplist_code":"AML","medc_days":"40""#;
        check(DESK, forty, "", "hit 1: 【苯磺酸氨氯地平片】本次40天，超过30天");
        check(r#""med_mdtrt_type":"1","opsp_flag":"1""#, forty, "", "pass");
        let discharge = format!(r#"{FOUR},"dscg_tkdrug_flag":"1""#);
        let bed = r#""med_mdtrt_type":"2""#;
        check(bed, &discharge, "", "hit 1: 【苯磺酸氨氯地平片】本次28天，超过14天");
        check(bed, FOUR, "", "nothing");
        let emergency = r#""med_mdtrt_type":"1","emer_flag":"1""#;
        check(emergency, FOUR, "", "hit 1: 【苯磺酸氨氯地平片】本次28天，超过3天");
    }

    #[test]
    fn two_lines_of_one_drug_are_one_supply() {
        let two = |second: &str, expected: &str| {
            let first = FOUR.replace("\"4\"", "\"3\"");
            BENCH.check(
                &format!(
                    r#"{{"encounter":{{{DESK}}},"history":{{"since":"20250101"}},"orders":[{{"rx_id":"1",{first}}},{{"rx_id":"2",{second}}}]}}"#
                ),
                expected,
            );
        };
        let again = FOUR.replace("\"4\"", "\"2\"");
        two(&again, "hit 2: 【苯磺酸氨氯地平片】本次35天，超过30天");
        two(&again.replace("\"2\"", "\"1\""), "pass");
        // A second dose in the evening, by another line, is taken side by side.
        two(&again.replace("QD", "QN").replace("AML", "AM2"), "pass");
    }

    #[test]
    fn what_was_returned_is_no_supply() {
        let request = |back: &str| {
            format!(
                r#"{{"encounter":{{{DESK}}},"history":{{"since":"20250101"}},"orders":[{{"rx_id":"1","hosplist_code":"AML","medc_days":"56","cnt":"8"}}],
                "fees":[{{"rx_id":"F","refd_rx_id":"1","hosplist_code":"AML","cnt":"{back}"}}]}}"#
            )
        };
        BENCH.check(&request("-8"), "nothing");
        BENCH.check(&request("-1"), "hit 1: 【苯磺酸氨氯地平片】本次56天，超过30天");
    }

    #[test]
    fn one_smallest_package_while_nothing_is_left() {
        let one = r#""hosplist_code":"VAL","drug_used_sdose":"80","drug_used_dosunt":"mg","drug_used_frqu":"QD","cnt":"1","cnt_unt":"盒","dscg_tkdrug_flag":"1""#;
        check(DESK, one, "", "pass");
        let left =
            r#"{"rx_id":"h","hosplist_code":"VAL","medc_days":"28","fee_ocur_time":"20260510"}"#;
        check(DESK, one, left, "hit 1: 【缬沙坦胶囊】本次28天+余药22天，超过14天");
    }

    #[test]
    fn what_is_not_known_without_a_row() {
        check(DESK, r#""hosplist_code":"AML""#, "", "unknown orders[1].cnt");
        let no_history = format!(r#"{{"encounter":{{{DESK}}},"orders":[{{"rx_id":"1",{FOUR}}}]}}"#);
        BENCH.check(&no_history, "unknown history");
        let as_needed = FOUR.replace("QD", "PRN");
        check(DESK, &as_needed, "", "unknown orders[1].day_cnt_max");
        check("", FOUR, "", "unknown encounter.med_mdtrt_type");
        let ward = r#"{"rx_id":"h","hosplist_code":"AML","medc_days":"28","mdtrt_id":"Z1","fee_ocur_time":"20260510"}],"stays":[{"mdtrt_id":"Z1","med_mdtrt_type":"2"}"#;
        check(DESK, FOUR, ward, "pass");
    }

    #[test]
    fn caps_of_single_drugs() {
        let row = |line: &str, expected: &str| {
            ROWS.check(
                &format!(
                    r#"{{"encounter":{{{DESK}}},"history":{{"since":"20250101"}},"orders":[{{"rx_id":"1",{line}}}]}}"#
                ),
                expected,
            );
        };
        row(FOUR, "hit 1: 【苯磺酸氨氯地平片】本次28天，超过14天");
        row(&format!(r#"{FOUR},"dscg_tkdrug_flag":"1""#), "nothing");
        row(r#""hosplist_code":"AML""#, "unknown orders[1].cnt");
        row(r#""hosplist_code":"VAL","cnt":"3""#, "hit 1: 【缬沙坦胶囊】本次数量3，超过2");
        row(r#""hosplist_code":"VAL","cnt":"2""#, "pass");
        row(r#""hosplist_code":"VAL""#, "unknown orders[1].cnt");
    }

    #[track_caller]
    fn check(encounter: &str, line: &str, past: &str, expected: &str) {
        let request = format!(
            r#"{{"encounter":{{{encounter}}},"history":{{"since":"20250101","orders":[{past}]}},"orders":[{{"rx_id":"1",{line}}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
