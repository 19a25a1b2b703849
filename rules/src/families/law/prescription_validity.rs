//! L03 处方有效期: a prescription is good on the day it is written, and no longer unless it says so.
//!
//! What: on dispensing, the day is compared with the day written, or with the last day that the doctor
//! stated, which is at most the third.
//! Why: what was right three days ago may be wrong today.
//! Basis: 处方管理办法 art. 18.
//! Example: written 11-20, dispensed 11-22, no validity stated → hit. Over midnight the date of the
//! visit counts: before the night shift ends, yesterday's prescription is today's. A visit that
//! began later than the date on the prescription counts instead of it.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};

use crate::facts::VisitKind;
use crate::families::lines::{by_prescription, day_zh, positions, unless_of_the_ward};
use crate::family::{Case, Family, Hit, Outcome, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `prescription_validity`.
pub struct PrescriptionValidity;

const PARAMETERS: [Column; 2] = [
    Column::required("stated_days_max", "注明有效期时的最长天数（含开具当日）", ColumnKind::Whole),
    Column::optional("night_ends_hour", "夜班结束的钟点，之前发药算前一日", ColumnKind::Whole),
];

impl Family for PrescriptionValidity {
    fn id(&self) -> &'static str {
        "prescription_validity"
    }

    fn zh_name(&self) -> &'static str {
        "处方有效期"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Block,
            basis: "处方管理办法（卫生部令第53号）第十八条",
            window: "处方有效期",
            text: "处方有效期至{日期}，{时间}发药时已过有效期",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.rxno",
            "orders.drord_begn_date",
            "orders.rx_valid_date",
            "encounter.begntime",
            "encounter.med_mdtrt_type",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        // What runs in a ward is not dispensed on a prescription; what is taken home is.
        let visit = case.facts.encounter.present().and_then(|encounter| encounter.visit);
        let is_in_ward = visit == Some(VisitKind::Inpatient);
        let current = case.lines().filter(|line| {
            line.order.current && line.may_be_drug() && (!is_in_ward || goes_home(line))
        });
        let judge = |lines: &Vec<&Line<'_>>| {
            let judged = judge_prescription(case, lines);
            let open = lines.iter().find(|it| is_in_ward && it.is_taken_home().is_none());
            open.map_or(judged.clone(), |line| unless_of_the_ward(line, judged))
        };
        by_prescription(current).iter().map(judge).collect()
    }
}

/// Perhaps, where a code was sent that nobody can read.
fn goes_home(line: &Line<'_>) -> bool {
    line.is_taken_home() != Some(false)
}

fn judge_prescription(case: &Case<'_>, lines: &[&Line<'_>]) -> Outcome {
    let undated = lines.iter().filter(|line| line.order.begins.is_none());
    let missing: Vec<_> = undated.map(|line| line.path("drord_begn_date")).collect();
    if !missing.is_empty() {
        return Outcome::Unknown { missing };
    }
    let today = day_of_dispensing(case);
    let last = lines.iter().filter_map(|line| last_day(case, line)).min();
    let Some(last) = last.filter(|last| *last < today) else { return Outcome::Pass };
    Outcome::Hit(Hit {
        violating: positions(lines),
        text: format!("处方有效期至{}，{}发药时已过有效期", day_zh(last), day_zh(today)),
        evidence: vec![last.to_string(), today.to_string()],
        ..Hit::default()
    })
}

/// Before the night shift ends it is still the day on which it began.
fn day_of_dispensing(case: &Case<'_>) -> Date {
    let today = case.now.date();
    let night_ends = case.rule.parameters.maybe_whole("night_ends_hour").unwrap_or(0);
    let is_night = u32::try_from(case.now.hour()).is_ok_and(|hour| hour < night_ends);
    if is_night { today.yesterday().unwrap_or(today) } else { today }
}

/// The last day on which a line may be dispensed: what the doctor stated, within the law.
fn last_day(case: &Case<'_>, line: &Line<'_>) -> Option<Date> {
    let written = line.order.begins?.date().max(visit_day(case).unwrap_or(Date::MIN));
    let Some(stated) = line.order.valid_to else { return Some(written) };
    let days = i64::from(case.rule.parameters.whole("stated_days_max")).saturating_sub(1).max(0);
    let longest = written.checked_add(days.days()).ok()?;
    Some(stated.clamp(written, longest))
}

fn visit_day(case: &Case<'_>) -> Option<Date> {
    let encounter = case.facts.encounter.present()?;
    let is_visit = matches!(encounter.visit, Some(VisitKind::Outpatient | VisitKind::Emergency));
    encounter.began.filter(|_| is_visit).map(DateTime::date)
}

#[cfg(test)]
mod tests {
    use crate::evaluate;
    use crate::families::bench::Bench;
    use crate::request;

    const BENCH: Bench = Bench {
        family: "prescription_validity",
        parameters: "stated_days_max = 3, night_ends_hour = 8",
        rows: "",
        drugs: "hospital,A,甲片,,甲,1 mg,片,,口服,\n",
    };

    const HIT: &str = "处方有效期至11月20日，11月22日发药时已过有效期";

    #[test]
    fn the_day_it_was_written() {
        check("2026-11-20 10:00:00", "", "", "2026-11-20T17:00:00", "pass");
        check("2026-11-20 10:00:00", "", "", "2026-11-22T10:00:00", HIT);
        check("2026-11-20", "", "", "2026-11-22T10:00:00", HIT);
        check("", "", "", "2026-11-22T10:00:00", "unknown");
    }

    #[test]
    fn a_stated_validity_of_at_most_three_days() {
        check("2026-11-20", "20261122", "", "2026-11-22T10:00:00", "pass");
        check("2026-11-20", "20261130", "", "2026-11-22T10:00:00", "pass");
        check(
            "2026-11-20",
            "20261130",
            "",
            "2026-11-23T10:00:00",
            "处方有效期至11月22日，11月23日发药时已过有效期",
        );
        check("2026-11-20", "20261101", "", "2026-11-20T10:00:00", "pass");
    }

    #[test]
    fn over_midnight_the_date_of_the_visit_counts() {
        check("2026-11-20 23:58:00", "", "", "2026-11-21T00:20:00", "pass");
        check("2026-11-20 23:58:00", "", "2026-11-21 00:05:00", "2026-11-21T09:00:00", "pass");
        check(
            "2026-11-20 23:58:00",
            "",
            "",
            "2026-11-21T08:00:00",
            "处方有效期至11月20日，11月21日发药时已过有效期",
        );
    }

    #[test]
    fn orders_of_a_ward_do_not_expire() {
        let ward = |more: &str| {
            format!(
                r#"{{"encounter":{{"med_mdtrt_type":"2","begntime":"20260501"}},
                "orders":[{{"rx_id":"1","hosplist_code":"A","drord_begn_date":"2026-05-10 10:00:00"{more}}}]}}"#
            )
        };
        BENCH.check(&ward(""), "nothing");
        let home = r#","dscg_tkdrug_flag":"1""#;
        BENCH.check(&ward(home), "hit 1: 处方有效期至5月10日，5月15日发药时已过有效期");
    }

    #[track_caller]
    fn check(written: &str, valid_to: &str, visit: &str, now: &str, expected: &str) {
        let request = format!(
            r#"{{"scene":"pharmacist","encounter":{{"med_mdtrt_type":"1","begntime":"{visit}"}},"orders":[
                {{"rx_id":"1","rxno":"C","hosplist_code":"A","drord_begn_date":"{written}","rx_valid_date":"{valid_to}"}}]}}"#
        );
        let facts = request::read(&request).map_err(|faults| format!("{faults:?}"));
        let actual = facts.map(|facts| {
            let now = now.parse().unwrap_or_default();
            let verdict = evaluate(&BENCH.rules(), &facts, now);
            let found = verdict.findings.first().map(|finding| finding.text.clone());
            let unknown = (!verdict.unknown.is_empty()).then(|| "unknown".to_owned());
            found.or(unknown).unwrap_or_else(|| "pass".to_owned())
        });
        assert_eq!(actual, Ok(expected.to_owned()));
    }
}
