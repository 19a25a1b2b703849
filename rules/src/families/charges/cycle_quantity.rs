//! F07 周期超频次: an item again before its cycle is over.
//!
//! What: a row gives an item a number of times per rolling days; what was done in the cycle, in
//! this session and in the past of this institution, plus this line, may not exceed it.
//! Why: HbA1c says nothing new within two weeks.
//! Basis: 2025 edition no. 31 周期超频次, public batch 8, 人社部发〔2016〕23号.
//! Example: HbA1c on 11-10 and 11-19, once per 15 days → hit. A cancelled test was not done; a test of
//! another hospital is not seen, so the text says 本院范围内; `exempt_diagnoses` of the site, such as
//! diabetes of pregnancy → pass. The past not known so far back → unknown.

use crate::family::{Case, Family, Hit, LooksAt, Match, Outcome, Rows, Usual};
use crate::icd::Diagnosed;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::window::Window;

use super::lines::{by_row, days_between, is_past_known, is_undated, plain, time_path};
use super::uses::{Uses, in_turn};

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

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "智能监管规则2025版第31项 周期超频次",
            window: "规则所定的周期",
            text: "【{项目}】{时间}已做，{周期}限{次数}次，本次后为{合计}次（本院范围内）",
        })
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
        let judge = |found: &Match<'_>, uses: &Uses| judge_line(case, found, uses);
        by_row(case).into_iter().flat_map(|of_row| in_turn(case, of_row, judge)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>, uses: &Uses) -> Outcome {
    let (row, line) = (found.row, found.line);
    if is_undated(line) {
        return Outcome::unknown(time_path(line));
    }
    let cycle = row.parameters.window("cycle");
    let limit = row.parameters.decimal("times_max");
    let sum = uses.most_in(cycle, line);
    if sum <= limit {
        let is_known = is_past_known(case.facts, cycle.first_day(line.begins));
        return if is_known { uses.pass() } else { Outcome::unknown("history") };
    }
    let first = cycle.first_day(line.begins);
    let before = uses.last_before(line.begins);
    let before = before.filter(|day| first.is_none_or(|first| first <= *day));
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
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"A1C"}}],"history":{{"since":"20240101","orders":[
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
            "history":{"since":"20240101","orders":[{"rx_id":"H","hosplist_code":"A1C","fee_ocur_time":"20260506"}]}}"#;
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
    fn ordered_one_day_and_charged_the_next_is_one_test() {
        let request = |order: &str, more: &str, fee: &str| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"A1C","cnt":"1","drord_begn_date":"{order}"{more}}}],
                "fees":[{{"rx_id":"2","hosplist_code":"A1C","cnt":"1","fee_ocur_time":"{fee}"}}],"history":{{}}}}"#
            )
        };
        let twice = "hit 2: 【A1C】2天前已做，15天限1次，本次后为2次（本院范围内）";
        BENCH.check(&request("20260513", "", "20260514"), "pass");
        BENCH.check(&request("20260512", "", "20260514"), twice);
        BENCH.check(&request("20260512", r#","medc_days":"3""#, "20260514"), "pass");
        let own = r#"},{"rx_id":"3","hosplist_code":"A1C","cnt":"1","drord_begn_date":"20260514""#;
        let text = "hit 2: 【A1C】1天前已做，15天限1次，本次后为2次（本院范围内）";
        BENCH.check(&request("20260513", own, "20260514"), text);
    }

    #[test]
    fn an_order_written_earlier_is_its_charge_of_the_past() {
        let request = |charged: &str, now: &str| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"PT","cnt":"1"}},
                {{"rx_id":"2","hosplist_code":"PT","cnt":"1","drord_begn_date":"20260510","curr_drord_flag":"{now}"}}],
                "history":{{"since":"20240101","orders":[{{"rx_id":"H","hosplist_code":"PT","cnt":"1","fee_ocur_time":"{charged}"}}]}}}}"#
            )
        };
        BENCH.check(&request("20260510", "0"), "pass");
        BENCH.check(&request("20260511", "0"), "pass");
        let text = "hit 1: 【PT】3天前已做，自然月限2次，本次后为3次（本院范围内）";
        BENCH.check(&request("20260512", "0"), text);
        let text = "hit 1: 【PT】5天前已做，自然月限2次，本次后为3次（本院范围内）";
        BENCH.check(&request("20260510", "1"), text);
    }

    #[test]
    fn the_first_of_a_day_is_right() {
        let fee = |id: &str, time: &str| {
            format!(
                r#"{{"rx_id":"{id}","hosplist_code":"A1C","cnt":"1","fee_ocur_time":"{time}"}}"#
            )
        };
        let check = |fees: [String; 2], expected: &str| {
            BENCH.check(&format!(r#"{{"fees":[{}],"history":{{}}}}"#, fees.join(",")), expected);
        };
        let hit =
            |id: &str| format!("hit {id}: 【A1C】当日已做，15天限1次，本次后为2次（本院范围内）");
        check([fee("1", "20260514"), fee("2", "20260514")], &hit("2"));
        check([fee("1", "2026051409"), fee("2", "2026051408")], &hit("1"));
    }

    #[test]
    fn an_order_of_many_days() {
        let order = |days: &str, count: &str| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"A1C","cnt":"{count}","medc_days":"{days}"}}],"history":{{}}}}"#
            )
        };
        let text = "hit 1: 【A1C】当日已做，15天限1次，本次后为15次（本院范围内）";
        BENCH.check(&order("30", "30"), text);
        BENCH.check(&order("30", "1"), "pass");
    }

    #[test]
    fn without_a_day_nothing_is_known() {
        let fee = r#"{"fees":[{"rx_id":"1","hosplist_code":"A1C","cnt":"1"}],"history":{}}"#;
        BENCH.check(fee, "unknown fees[1].fee_ocur_time");
        let past = r#"{"orders":[{"rx_id":"1","hosplist_code":"A1C"}],"history":{"since":"20240101","orders":[{"rx_id":"H","hosplist_code":"A1C","cnt":"1"}]}}"#;
        BENCH.check(past, "unknown history.orders[H].fee_ocur_time");
    }

    #[test]
    fn what_was_sent_again_is_not_counted_twice() {
        let request = r#"{"encounter":{"mdtrt_id":"M"},"fees":[{"rx_id":"2","hosplist_code":"A1C","cnt":"1","fee_ocur_time":"20260514"}],
            "history":{"since":"20240101","orders":[{"rx_id":"2","mdtrt_id":"M","hosplist_code":"A1C","cnt":"1","fee_ocur_time":"20260514"}]}}"#;
        BENCH.check(request, "pass");
    }

    #[test]
    fn months_of_the_calendar() {
        let request = r#"{"orders":[{"rx_id":"1","hosplist_code":"PT"}],"history":{"since":"20240101","orders":[
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
