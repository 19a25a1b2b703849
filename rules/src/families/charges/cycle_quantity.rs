//! F07 周期超频次: an item again before its cycle is over.
//!
//! What: a row gives an item a number of times per rolling days; what was done in the cycle, in
//! this session and in the past of this institution, plus this line, may not exceed it.
//! Why: HbA1c says nothing new within two weeks.
//! Basis: 2025 edition no. 31 周期超频次, public batch 8, 人社部发〔2016〕23号.
//! Example: HbA1c on 11-10 and 11-19, once per 15 days → hit. A cancelled test was not done; a test of
//! another hospital is not seen, so the text says 本院范围内; `exempt_diagnoses` of the site, such as
//! diabetes of pregnancy → pass. The past not known so far back → unknown.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::family::{Case, Family, Hit, LooksAt, Match, Outcome, Rows};
use crate::icd::Diagnosed;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::window::Window;

use super::lines::{days_between, is_past_known, judged, plain, used_by_day};

/// The family `cycle_quantity`.
pub struct CycleQuantity;

const PARAMETERS: [Column; 1] =
    [Column::optional("exempt_diagnoses", "不受周期限制的诊断", ColumnKind::List)];

const ROWS: [Column; 2] = [
    Column::required("times_max", "周期内限定次数", ColumnKind::Decimal),
    Column::required("cycle", "周期", ColumnKind::Window),
];

impl Family for CycleQuantity {
    fn id(&self) -> &'static str {
        "cycle_quantity"
    }

    fn zh_name(&self) -> &'static str {
        "周期超频次"
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.cnt",
            "orders.drord_begn_date",
            "fees.hilist_code",
            "fees.fee_ocur_time",
            "diagnoses.dise_codg",
            "history.orders",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Both
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let cycle = row.maybe_window("cycle")?;
        let is_cycle = cycle.is_by_time() && !cycle.needs_time() && cycle != Window::Lifetime;
        (!is_cycle).then(|| format!("{cycle} is no cycle of days"))
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let exempt = case.rule.parameters.list("exempt_diagnoses");
        if !exempt.is_empty() && matches!(case.facts.diagnosed(exempt), Diagnosed::As(_)) {
            return vec![Outcome::Pass];
        }
        judged(case).map(|found| judge_line(case, found)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    let (row, line) = (found.row, found.line);
    let cycle = row.parameters.window("cycle");
    let first = cycle.first_day(line.begins);
    let used = used_by_day(case, &row.key);
    let in_cycle = |day: &Date| first.is_none_or(|first| first <= *day) && *day <= line.begins;
    let days: Vec<(Date, Decimal)> = used.into_iter().filter(|(day, _)| in_cycle(day)).collect();
    let sum = days.iter().fold(Decimal::ZERO, |sum, (_, used)| sum.saturating_add(*used));
    let limit = row.parameters.decimal("times_max");
    if sum <= limit {
        let is_known = is_past_known(case.facts, first);
        return if is_known { Outcome::Pass } else { Outcome::unknown("history") };
    }
    let before = days.iter().map(|(day, _)| *day).rfind(|day| *day < line.begins);
    let when =
        before.map_or("当日".to_owned(), |day| format!("{}天前", days_between(day, line.begins)));
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!(
            "【{}】{when}已做，{cycle}限{}次，本次后为{}次（本院范围内）",
            line.name(),
            plain(limit),
            plain(sum)
        ),
        evidence: vec![line.begins.to_string(), plain(sum)],
        source: Some(row.source.clone()),
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "cycle_quantity",
        parameters: "exempt_diagnoses = [\"O24\"]",
        rows: "match,key,item,times_max,cycle,source,flag\n\
               hospital,A1C,糖化血红蛋白,1,15天,batch 8,A\n\
               hospital,PT,康复评定,2,自然月,batch 8,A\n",
        drugs: "",
    };

    #[test]
    fn once_in_fifteen_days() {
        check(r#"["20260506"]"#, "hit 1: 【A1C】9天前已做，15天限1次，本次后为2次（本院范围内）");
        check(r#"["20260501"]"#, "hit 1: 【A1C】14天前已做，15天限1次，本次后为2次（本院范围内）");
        check(r#"["20260430"]"#, "pass");
        check(r#"["20260515"]"#, "hit 1: 【A1C】当日已做，15天限1次，本次后为2次（本院范围内）");
        check("[]", "pass");
    }

    #[test]
    fn a_cancelled_test_was_not_done() {
        let past = |mark: &str| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"A1C"}}],"history":{{"orders":[
                {{"rx_id":"H","hosplist_code":"A1C","cnt":"1","fee_ocur_time":"20260506"{mark}}}]}}}}"#
            )
        };
        BENCH.check(&past(r#","void_flag":"1""#), "pass");
        let refund =
            r#"},{"rx_id":"R","hosplist_code":"A1C","cnt":"-1","fee_ocur_time":"20260507""#;
        BENCH.check(&past(refund), "pass");
        BENCH.check(&past(""), "hit 1: 【A1C】9天前已做，15天限1次，本次后为2次（本院范围内）");
    }

    #[test]
    fn the_past_must_be_known_so_far_back() {
        let line = r#"{"orders":[{"rx_id":"1","hosplist_code":"A1C"}]"#;
        BENCH.check(&format!("{line}}}"), "unknown history");
        BENCH.check(&format!(r#"{line},"history":{{}}}}"#), "pass");
        BENCH.check(&format!(r#"{line},"history":{{"since":"20260502"}}}}"#), "unknown history");
        BENCH.check(&format!(r#"{line},"history":{{"since":"20260501"}}}}"#), "pass");
    }

    #[test]
    fn the_site_exempts_diabetes_of_pregnancy() {
        let request = r#"{"diagnoses":[{"dise_codg":"O24.4"}],"orders":[{"rx_id":"1","hosplist_code":"A1C"}],
            "history":{"orders":[{"rx_id":"H","hosplist_code":"A1C","fee_ocur_time":"20260506"}]}}"#;
        BENCH.check(request, "pass");
    }

    #[test]
    fn ordered_and_charged_on_one_day_is_one_test() {
        let request = r#"{"orders":[{"rx_id":"1","hosplist_code":"A1C"}],
            "fees":[{"rx_id":"2","hosplist_code":"A1C","cnt":"1","fee_ocur_time":"20260515"}],"history":{}}"#;
        BENCH.check(request, "pass");
        let earlier = request.replace("20260515", "20260514");
        BENCH.check(&earlier, "hit 1: 【A1C】1天前已做，15天限1次，本次后为2次（本院范围内）");
    }

    #[test]
    fn what_was_sent_again_is_not_counted_twice() {
        let request = r#"{"encounter":{"mdtrt_id":"M"},"fees":[{"rx_id":"2","hosplist_code":"A1C","cnt":"1","fee_ocur_time":"20260514"}],
            "history":{"orders":[{"rx_id":"2","mdtrt_id":"M","hosplist_code":"A1C","cnt":"1","fee_ocur_time":"20260514"}]}}"#;
        BENCH.check(request, "pass");
    }

    #[test]
    fn months_of_the_calendar() {
        let request = r#"{"orders":[{"rx_id":"1","hosplist_code":"PT"}],"history":{"orders":[
            {"rx_id":"A","hosplist_code":"PT","cnt":"2","fee_ocur_time":"20260430"},
            {"rx_id":"B","hosplist_code":"PT","cnt":"1","fee_ocur_time":"20260501"}]}}"#;
        BENCH.check(request, "pass");
        let more = request.replace("20260430", "20260502");
        BENCH.check(&more, "hit 1: 【PT】13天前已做，自然月限2次，本次后为4次（本院范围内）");
    }

    #[track_caller]
    fn check(days: &str, expected: &str) {
        let days: Vec<&str> =
            days.trim_matches(['[', ']']).split(',').filter(|d| !d.is_empty()).collect();
        let past: Vec<String> = (1..)
            .zip(days)
            .map(|(id, day)| {
                format!(
                    r#"{{"rx_id":"H{id}","hosplist_code":"A1C","cnt":"1","fee_ocur_time":{day}}}"#
                )
            })
            .collect();
        let request = format!(
            r#"{{"orders":[{{"rx_id":"1","hosplist_code":"A1C"}}],"history":{{"since":"20250101","orders":[{}]}}}}"#,
            past.join(",")
        );
        BENCH.check(&request, expected);
    }
}
