//! L02 处方药品数: how many drugs one prescription may list, and that herbal slices stand alone.
//!
//! What: the different drugs of each prescription are counted, without herbal slices, and without
//! solvents unless the site counts them. Slices beside other drugs are told.
//! Why: more than five drugs are hard to review, and a split prescription hides them.
//! Basis: 处方管理办法 art. 6; 医院处方点评管理规范 1-5, 1-11.
//! Example: six drugs → hit; five and 250 mL saline → pass. Two prescriptions of the same minute
//! that together exceed the limit → slight suspicion of splitting. Without the clock's time nothing
//! is said of splitting; an item that may be no drug leaves the count open.

use std::collections::BTreeSet;

use crate::facts::VisitKind;
use crate::families::lines::{by_prescription, identity, is_slice, is_solvent, positions};
use crate::family::{Case, Family, Hit, Outcome, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `prescription_count`.
pub struct PrescriptionCount;

const PARAMETERS: [Column; 4] = [
    Column::required("drugs_max", "每张处方药品种数上限", ColumnKind::Whole),
    Column::optional("solvents_count", "溶媒计入药品种数", ColumnKind::Flag),
    Column::optional("groups_once", "同组输液计为一种", ColumnKind::Flag),
    Column::optional("slices_apart", "中药饮片应单独开具", ColumnKind::Flag),
];

impl Family for PrescriptionCount {
    fn id(&self) -> &'static str {
        "prescription_count"
    }

    fn zh_name(&self) -> &'static str {
        "处方药品数"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "处方管理办法（卫生部令第53号）第六条；医院处方点评管理规范（试行）1-5、1-11",
            window: "本次处方",
            text: "本处方{种数}种药品，每张处方不超过{上限}种",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.med_mdtrt_type",
            "orders.rxno",
            "orders.grpno",
            "orders.hosplist_code",
            "orders.hilist_code",
            "orders.slvt_flag",
            "orders.drord_begn_date",
            "orders.dscg_tkdrug_flag",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let visit = case.facts.encounter.present().and_then(|encounter| encounter.visit);
        if visit == Some(VisitKind::Inpatient) {
            return vec![Outcome::NotApplicable];
        }
        let prescribed = case.lines().filter(|line| line.order.current && !line.order.discharge);
        let prescriptions = by_prescription(prescribed.filter(|line| line.may_be_drug()));
        let mut outcomes: Vec<Outcome> =
            prescriptions.iter().map(|lines| judge_prescription(case, lines)).collect();
        if outcomes.iter().all(|outcome| *outcome == Outcome::Pass) {
            outcomes.extend(split(case, &prescriptions));
        }
        let is_hit = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Hit(_)));
        if is_hit && visit.is_none() {
            return vec![Outcome::unknown("encounter.med_mdtrt_type")];
        }
        outcomes
    }
}

fn judge_prescription(case: &Case<'_>, lines: &[&Line<'_>]) -> Outcome {
    let (slices, drugs): (Vec<&Line<'_>>, Vec<&Line<'_>>) =
        lines.iter().copied().partition(|line| is_slice(line));
    if case.rule.parameters.flag("slices_apart") && !slices.is_empty() && !drugs.is_empty() {
        return Outcome::Hit(Hit {
            violating: positions(&slices),
            involved: positions(&drugs),
            text: "中药饮片应当单独开具处方，本处方与西药、中成药同方".to_owned(),
            ..Hit::default()
        });
    }
    let max = drugs_max(case);
    if drugs.len() <= max {
        return Outcome::Pass;
    }
    let all = counted(case, &drugs);
    if all.len() <= max {
        return Outcome::Pass;
    }
    if lines.iter().any(|line| line.order.rxno.is_none()) {
        return Outcome::Unknown { missing: lines.iter().map(|l| l.path("rxno")).collect() };
    }
    let known = |line: &&&Line<'_>| line.product.is_some() || line.item_kind().is_some();
    let certain: Vec<_> = drugs.iter().filter(known).copied().collect();
    if counted(case, &certain).len() <= max {
        let open = drugs.iter().filter(|line| !known(line));
        return Outcome::Unknown { missing: open.map(|l| l.path("hosplist_code")).collect() };
    }
    Outcome::Hit(Hit {
        violating: positions(&drugs),
        text: format!("本处方{}种药品，每张处方不超过{max}种", all.len()),
        evidence: all.iter().map(|&drug| drug.to_owned()).collect(),
        ..Hit::default()
    })
}

fn drugs_max(case: &Case<'_>) -> usize {
    usize::try_from(case.rule.parameters.whole("drugs_max")).unwrap_or(usize::MAX)
}

/// The different drugs; a group of one infusion is one where the site says so.
fn counted<'a>(case: &Case<'_>, lines: &[&'a Line<'_>]) -> BTreeSet<&'a str> {
    let parameters = &case.rule.parameters;
    let groups_once = parameters.flag("groups_once");
    lines
        .iter()
        .filter(|line| parameters.flag("solvents_count") || !is_solvent(line))
        .map(|line| match &line.order.group {
            Some(group) if groups_once => group.as_str(),
            _ => identity(line),
        })
        .collect()
}

/// Prescriptions of one minute, each within the limit, together beyond it.
fn split(case: &Case<'_>, prescriptions: &[Vec<&Line<'_>>]) -> Option<Outcome> {
    let max = drugs_max(case);
    let minute = |lines: &[&Line<'_>]| {
        let moment = lines.first().filter(|line| line.has_time())?.moment();
        Some((moment.date(), moment.hour(), moment.minute()))
    };
    for lines in prescriptions {
        let Some(when) = minute(lines) else { continue };
        let same: Vec<_> = prescriptions.iter().filter(|p| minute(p) == Some(when)).collect();
        let together: Vec<&Line<'_>> =
            same.iter().flat_map(|p| p.iter().copied()).filter(|line| !is_slice(line)).collect();
        let count = counted(case, &together).len();
        if count > max && same.len() > 1 {
            return Some(Outcome::Hit(Hit {
                violating: positions(&together),
                text: format!("同一分钟开具{}张处方共{count}种药品，疑似分解处方", same.len()),
                evidence: vec![count.to_string()],
                severity: Some(Severity::Slight),
                ..Hit::default()
            }));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "prescription_count",
        parameters: "drugs_max = 5, slices_apart = true",
        rows: "",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                hospital,A,甲片,,甲,1 mg,片,,口服,,,\nhospital,B,乙片,,乙,1 mg,片,,口服,,,\n\
                hospital,C,丙片,,丙,1 mg,片,,口服,,,\nhospital,D,丁片,,丁,1 mg,片,,口服,,,\n\
                hospital,E,戊片,,戊,1 mg,片,,口服,,,\nhospital,F,己片,,己,1 mg,片,,口服,,,\n\
                hospital,NS,氯化钠注射液,,氯化钠,?,瓶,,注射,,,溶媒\n\
                hospital,HH,黄芪,,黄芪,?,袋,,其他,,,饮片\n",
    };

    const DESK: &str = r#""encounter":{"med_mdtrt_type":"1"},"#;
    const SIX: &str = "hit 1,2,3,4,5,6: 本处方6种药品，每张处方不超过5种";

    #[test]
    fn five_and_six() {
        check(DESK, &["A", "B", "C", "D", "E"], "pass");
        check(DESK, &["A", "B", "C", "D", "E", "F"], SIX);
        check(DESK, &["A", "B", "C", "D", "E", "A"], "pass");
        check(r#""encounter":{"med_mdtrt_type":"2"},"#, &["A", "B", "C", "D", "E", "F"], "nothing");
        check("", &["A", "B", "C", "D", "E", "F"], "unknown encounter.med_mdtrt_type");
    }

    #[test]
    fn a_solvent_is_counted_where_the_site_says_so() {
        let five = ["A", "B", "C", "D", "E", "NS"];
        check(DESK, &five, "pass");
        check(DESK, &["A", "B", "C", "D", "E", r#"F","slvt_flag":"1"#], "pass");
        let strict = Bench { parameters: "drugs_max = 5, solvents_count = true", ..BENCH };
        check_on(&strict, DESK, &five, SIX);
    }

    #[test]
    fn a_group_of_one_infusion() {
        let grouped = ["A", "B", "C", "D", r#"E","grpno":"g"#, r#"F","grpno":"g"#];
        check(DESK, &grouped, SIX);
        let once = Bench { parameters: "drugs_max = 5, groups_once = true", ..BENCH };
        check_on(&once, DESK, &grouped, "pass");
    }

    #[test]
    fn slices_stand_alone() {
        check(DESK, &["A", "HH"], "hit 2: 中药饮片应当单独开具处方，本处方与西药、中成药同方");
        let slices = ["T000600266", "T001700294", "T000700278", "T001700647", "T001100003"];
        let slices: Vec<String> =
            slices.iter().map(|code| format!(r#"{code}","hilist_code":"{code}"#)).collect();
        let mut slices: Vec<&str> = slices.iter().map(String::as_str).collect();
        slices.push("HH");
        check(DESK, &slices, "pass");
    }

    #[test]
    fn a_second_prescription_of_the_same_minute() {
        let at = |drug: &str, rxno: &str, time: &str| {
            format!(
                r#"{{"rx_id":"{drug}{rxno}","rxno":"{rxno}","hosplist_code":"{drug}","drord_begn_date":"2026-05-15 {time}"}}"#
            )
        };
        let first: Vec<_> = ["A", "B", "C", "D", "E"].map(|d| at(d, "1", "09:20:05")).to_vec();
        let with = |line: String| format!(r#"{{{DESK}"orders":[{},{line}]}}"#, first.join(","));
        BENCH.check(
            &with(at("F", "2", "09:20:50")),
            "hit A1,B1,C1,D1,E1,F2: 同一分钟开具2张处方共6种药品，疑似分解处方",
        );
        BENCH.check(&with(at("F", "2", "09:31:00")), "pass");
        BENCH.check(&with(at("A", "2", "09:20:50")), "pass");
    }

    #[test]
    fn what_may_be_no_drug_leaves_it_open() {
        check(DESK, &["A", "B", "C", "D", "E", "YP404"], "unknown orders[6].hosplist_code");
        check(DESK, &["A", "B", "C", "D", r#"L","hilist_code":"002503020030000"#, "E"], "pass");
        BENCH.check(
            &format!(r#"{{{DESK}"orders":[{}]}}"#, ["A", "B", "C", "D", "E", "F"].map(|d| format!(r#"{{"rx_id":"{d}","hosplist_code":"{d}"}}"#)).join(",")),
            "unknown orders[A].rxno,orders[B].rxno,orders[C].rxno,orders[D].rxno,orders[E].rxno,orders[F].rxno",
        );
    }

    #[track_caller]
    fn check(encounter: &str, drugs: &[&str], expected: &str) {
        check_on(&BENCH, encounter, drugs, expected);
    }

    #[track_caller]
    fn check_on(bench: &Bench, encounter: &str, drugs: &[&str], expected: &str) {
        let lines = drugs.iter().enumerate();
        let lines: Vec<_> = lines
            .map(|(at, drug)| {
                format!(r#"{{"rx_id":"{}","rxno":"CF","hosplist_code":"{drug}"}}"#, at + 1)
            })
            .collect();
        bench.check(&format!(r#"{{{encounter}"orders":[{}]}}"#, lines.join(",")), expected);
    }
}
