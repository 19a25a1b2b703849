//! C02 日剂量: what all lines together give of one ingredient on one day.
//!
//! What: a row gives an ingredient its maximum per day, perhaps only for an age, a weight, a disease,
//! a way of giving, or in company of another drug. The peak days of all lines that contain it and act
//! on the whole body are added; more is a hit.
//! Why: each line may be harmless, the sum not; combination products are counted by strength.
//! Basis: drug labels; GZ10000301005000; 医院处方点评管理规范 2-5.
//! Example: 对乙酰氨基酚 0.5 g QID + 氨酚伪麻那敏 (325 mg) TID = 2 + 0.975 = 2.975 g, limit 2 g → hit.
//! A line without a known dose leaves a lower bound: over the limit it is still a hit ("至少"),
//! below it the rule is unknown. Over the limit only by a larger first dose, or by the largest step of a dose that
//! changes, is slight. Orders that were written before and still run are added (`active.rs`).

use crate::families::clinical::active::beside_active;
use crate::families::clinical::population::{
    self, AGE_BELOW, AGE_FROM, Fits, INDICATIONS, NOT_INDICATIONS, WAYS, WEIGHT_BELOW, WEIGHT_FROM,
    WITH,
};
use crate::families::clinical::sum::{self, Sum};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `daily_dose`.
pub struct DailyDose;

const ROWS: [Column; 9] = [
    Column::required("max_day", "每日最大剂量", ColumnKind::Dose),
    AGE_FROM,
    AGE_BELOW,
    WEIGHT_FROM,
    WEIGHT_BELOW,
    WAYS,
    INDICATIONS,
    NOT_INDICATIONS,
    WITH,
];

impl Family for DailyDose {
    fn id(&self) -> &'static str {
        "daily_dose"
    }

    fn zh_name(&self) -> &'static str {
        "日剂量超限"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "药品说明书；GZ10000301005000 超说明书用量；处方点评2-5",
            window: "同日",
            text: "【{药品}】{日剂量}，超过{上限}（{依据}）",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "orders.drug_used_frqu",
            "orders.day_cnt_max",
            "orders.hosplist_code",
            "orders.drug_ingd",
            "orders.spec",
            "orders.first_sdose",
            "orders.step_sdose",
            "orders.drug_used_way_code",
            "history.orders",
            "patient.brdy",
            "patient.geso_val",
            "patient.wt",
            "diagnoses.dise_codg",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        population::fault(row)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        beside_active(case, |active| {
            sum::by_row(case.matches).map(|of_row| judge_row(case, of_row, active)).collect()
        })
    }
}

fn judge_row<'a>(case: &Case<'a>, of_row: &[Match<'a>], active: &[&'a Line<'a>]) -> Outcome {
    let Some(row) = of_row.first().map(|found| found.row) else { return Outcome::NotApplicable };
    let mut lines = sum::given(of_row);
    let running = active.iter().filter(|line| line.is_about(&row.key, case.session.sets));
    lines.extend(sum::adding_up(running.copied()));
    // A sum of earlier orders alone is not this session's.
    let Some(first) = lines.iter().find(|line| line.order.current) else {
        return Outcome::NotApplicable;
    };
    if let Some(outcome) = is_for(case, row, &lines, first).left_out() {
        return outcome;
    }
    let max = row.parameters.dose("max_day");
    sum::worst(sum::of_each_day(row, &lines, max.dimension).iter().map(|sum| judge_day(row, sum)))
}

/// A row for the company of another drug is for all lines as soon as one of them is in it.
fn is_for(case: &Case<'_>, row: &Row, lines: &[&Line<'_>], first: &Line<'_>) -> Fits {
    let mut of_lines = lines.iter().map(|line| population::fits(case, row, line));
    of_lines.find(|fits| *fits == Fits::Yes).unwrap_or_else(|| population::fits(case, row, first))
}

fn judge_day(row: &Row, sum: &Sum) -> Outcome {
    let max = row.parameters.dose("max_day");
    if sum.dose.amount > max.amount {
        return Outcome::Hit(hit(row, sum, None));
    }
    if sum.at_most.amount > max.amount {
        return Outcome::Hit(hit(row, sum, Some(Severity::Slight)));
    }
    sum.otherwise_pass()
}

fn hit(row: &Row, sum: &Sum, severity: Option<Severity>) -> Hit {
    let max = row.parameters.dose("max_day");
    let least = if sum.missing.is_empty() { "" } else { "至少" };
    let (larger, dose) = match severity {
        None => (String::new(), sum.dose),
        Some(_) => (format!("{}当日", sum.larger), sum.at_most),
    };
    let said =
        if larger.is_empty() { "合计日剂量".to_owned() } else { larger + "合计剂量" };
    Hit {
        violating: sum.counted.clone(),
        text: format!("【{}】{said}{least}{dose}，超过{max}（{}）", row.item, sum.parts.join("，")),
        evidence: vec![max.to_string(), dose.to_string()],
        source: Some(row.source.clone()),
        severity,
        ..Hit::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "daily_dose",
        parameters: "",
        rows: "match,key,item,max_day,age_from,age_below,with,source,flag\n\
               ingredient,对乙酰氨基酚,对乙酰氨基酚,2 g,12岁,,,site,B\n\
               ingredient,辛伐他汀,辛伐他汀（与氨氯地平同用）,20 mg,,,ingredient:氨氯地平,FDA,B\n\
               ingredient,多巴胺,多巴胺,800 mg,,,,label,B\n\
               ingredient,泼尼松,泼尼松,10 mg,,,,site,B\n",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,equivalents\n\
                hospital,APAP,对乙酰氨基酚片,,对乙酰氨基酚,0.5 g,片,20,口服,,\n\
                hospital,COLD,氨酚伪麻那敏片,,对乙酰氨基酚+伪麻黄碱,325 mg+30 mg,片,20,口服,,\n\
                hospital,SUPP,对乙酰氨基酚凝胶,,对乙酰氨基酚,0.5 g,支,,外用,,\n\
                hospital,SIM,辛伐他汀片,,辛伐他汀,20 mg,片,7,口服,,\n\
                hospital,AML,氨氯地平片,,氨氯地平,5 mg,片,7,口服,,\n\
                hospital,PRED,泼尼松片,,泼尼松,5 mg,片,100,口服,,\n\
                hospital,DOP,多巴胺注射液,,多巴胺,20 mg,支,10,注射,,1 mL=10 mg\n",
    };

    #[test]
    fn the_sum_over_a_combination() {
        check(
            &[("APAP", "0.5", "g", "QID"), ("COLD", "1", "片", "TID")],
            "hit 1,2: 【对乙酰氨基酚】合计日剂量2.975g，超过2g（对乙酰氨基酚片2g，氨酚伪麻那敏片975mg）",
        );
        check(&[("APAP", "0.5", "g", "QID")], "pass");
    }

    #[test]
    fn units_convert() {
        for (dose, unit) in [("500", "mg"), ("1", "片"), ("500000", "μg"), ("0.5", "克")] {
            check(&[("APAP", dose, unit, "QID")], "pass");
            check(
                &[("APAP", dose, unit, "Q4H")],
                "hit 1: 【对乙酰氨基酚】合计日剂量3g，超过2g（对乙酰氨基酚片3g）",
            );
        }
    }

    #[test]
    fn every_other_day_counts_on_its_day() {
        check(&[("PRED", "10", "mg", "QOD")], "pass");
        check(
            &[("PRED", "3", "片", "QOD")],
            "hit 1: 【泼尼松】合计日剂量15mg，超过10mg（泼尼松片15mg）",
        );
        check(&[("PRED", "10", "mg", "QW")], "pass");
        check(
            &[("PRED", "10", "mg", "ST"), ("PRED", "1", "片", "QD")],
            "hit 1,2: 【泼尼松】合计日剂量15mg，超过10mg（泼尼松片10mg，泼尼松片5mg）",
        );
    }

    #[test]
    fn a_day_without_a_line_of_this_session_was_judged_then() {
        let old = |day: &str| {
            format!(r#"mg","curr_drord_flag":"0","drord_begn_date":"{day}","medc_days":"3"#)
        };
        check(&[("PRED", "20", &old("20260501"), "QD"), ("PRED", "5", "mg", "QD")], "pass");
        check(
            &[("PRED", "20", &old("20260514"), "QD"), ("PRED", "5", "mg", "QD")],
            "hit 1,2: 【泼尼松】合计日剂量25mg，超过10mg（泼尼松片20mg，泼尼松片5mg）",
        );
    }

    #[test]
    fn once_is_over_on_its_day() {
        let once = r#"mg","drord_begn_date":"20260513","medc_days":"7"#;
        check(&[("PRED", "10", once, "ST"), ("PRED", "10", "mg", "QD")], "pass");
    }

    #[test]
    fn as_needed_without_a_maximum_is_a_lower_bound() {
        check(
            &[("APAP", "0.5", "g", "QID"), ("COLD", "1", "片", "PRN")],
            "unknown orders[2].day_cnt_max",
        );
        check(
            &[("APAP", "0.5", "g", "Q4H"), ("COLD", "1", "片", "PRN")],
            "hit 1: 【对乙酰氨基酚】合计日剂量至少3g，超过2g（对乙酰氨基酚片3g）",
        );
        check(
            &[("APAP", "0.5", "g", "QID"), ("COLD", "1", "片", "PRN\",\"day_cnt_max\":\"2")],
            "hit 1,2: 【对乙酰氨基酚】合计日剂量2.65g，超过2g（对乙酰氨基酚片2g，氨酚伪麻那敏片650mg）",
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        check(&[("APAP", "", "g", "QID")], "unknown orders[1].drug_used_sdose");
        check(&[("APAP", "1", "", "QID")], "unknown orders[1].drug_used_dosunt");
        check(&[("APAP", "1", "g", "")], "unknown orders[1].drug_used_frqu");
        check(&[("APAP", "1", "袋", "QID")], "unknown orders[1].drug_used_dosunt");
        check(&[("APAP", "1", "mL", "QID")], "unknown orders[1].drug_used_dosunt");
        check(&[("COLD", "325", "mg", "TID")], "unknown orders[1].drug_used_dosunt");
        check(&[("APAP", "1", "g", "遵医嘱")], "unknown orders[1].drug_used_frqu; data C307");
        check(&[("YP404", "1", "g", "QD")], "unknown orders[1].drug_ingd");
    }

    #[test]
    fn a_mistaken_unit_is_no_overdose() {
        check(&[("APAP", "500", "g", "QID")], "unknown orders[1].drug_used_sdose; data C302");
        check(&[("APAP", "0.5", "mg", "QID")], "unknown orders[1].drug_used_sdose; data C302");
        check(&[("APAP", "-1", "g", "QID")], "unknown orders[1].drug_used_sdose; data C301");
        check(&[("APAP", "101", "片", "QD")], "unknown orders[1].drug_used_sdose; data C302");
    }

    #[test]
    fn what_is_put_on_the_skin_does_not_add_up() {
        check(&[("APAP", "0.5", "g", "QID"), ("SUPP", "1", "支", "TID")], "pass");
        check(&[("SUPP", "9", "支", "TID")], "nothing");
    }

    #[test]
    fn a_tapering_course_does_not_add_up() {
        let high = "QD\",\"drord_begn_date\":\"20260515\",\"medc_days\":\"5";
        let low = "QD\",\"drord_begn_date\":\"20260520\",\"medc_days\":\"5";
        check(&[("PRED", "10", "mg", high), ("PRED", "5", "mg", low)], "pass");
        let early = "QD\",\"drord_begn_date\":\"20260519";
        check(
            &[("PRED", "10", "mg", high), ("PRED", "5", "mg", early)],
            "hit 1,2: 【泼尼松】合计日剂量15mg，超过10mg（泼尼松片10mg，泼尼松片5mg）",
        );
    }

    #[test]
    fn a_row_for_adults_leaves_children_alone() {
        let order = r#""orders":[{"rx_id":"1","hosplist_code":"APAP","drug_used_sdose":"1","drug_used_dosunt":"g","drug_used_frqu":"QID"}]"#;
        BENCH.check(&format!(r#"{{"patient":{{"brdy":"20200101"}},{order}}}"#), "nothing");
        BENCH.check(&format!("{{{order}}}"), "unknown patient.brdy");
    }

    #[test]
    fn over_the_limit_only_by_a_doubled_first_dose_is_slight() {
        let doubled = "QD\",\"first_sdose\":\"20";
        check(
            &[("PRED", "10", "mg", doubled)],
            "hit 1: 【泼尼松】首剂当日合计剂量20mg，超过10mg（泼尼松片10mg）",
        );
        let request = r#"{"orders":[{"rx_id":"1","hosplist_code":"PRED","drug_used_sdose":"10","drug_used_dosunt":"mg","drug_used_frqu":"QD","first_sdose":"20"}]}"#;
        BENCH.check_weight(request, "3 reason");
        BENCH.check_weight(&request.replace("\"10\"", "\"15\""), "2 reason");
    }

    #[test]
    fn what_was_taken_back_is_not_given() {
        let order = |id: u32| {
            format!(
                r#"{{"rx_id":"{id}","hosplist_code":"PRED","drug_used_sdose":"10","drug_used_dosunt":"mg","drug_used_frqu":"QD","cnt":"2"}}"#
            )
        };
        let refund = |count: u32| {
            format!(
                r#""fees":[{{"rx_id":"F1","refd_rx_id":"1","hosplist_code":"PRED","cnt":"-{count}"}}]"#
            )
        };
        let (two, one) = (format!("{},{}", order(1), order(2)), order(1));
        let hit = "hit 1,2: 【泼尼松】合计日剂量20mg，超过10mg（泼尼松片10mg，泼尼松片10mg）";
        BENCH.check(&format!(r#"{{"orders":[{two}],{}}}"#, refund(1)), hit);
        BENCH.check(&format!(r#"{{"orders":[{two}],{}}}"#, refund(2)), "pass");
        BENCH.check(&format!(r#"{{"orders":[{one}],{}}}"#, refund(2)), "nothing");
    }

    /// A dose is changed in a ward: the order is stopped and another is written in its place.
    #[test]
    fn what_was_stopped_for_another_is_not_given_beside_it() {
        let line = |id: u32, begins: &str, more: &str| {
            format!(
                r#"{{"rx_id":"{id}","hosplist_code":"PRED","drug_used_sdose":"10","drug_used_dosunt":"mg","drug_used_frqu":"QD","drord_begn_date":"{begins}"{more}}}"#
            )
        };
        let stops = |at: &str| format!(r#","drord_stop_date":"{at}""#);
        let told = |first: &str, begins: &str, third: &str| {
            let (first, second) = (line(1, "20260514080000", first), line(2, begins, ""));
            format!(r#"{{"orders":[{first},{second}{third}]}}"#)
        };
        let nine = stops("20260515090000");
        BENCH.check(&told(&nine, "20260515090000", ""), "pass");
        BENCH.check(&told(&nine, "20260515100000", ""), "pass");
        let hit = "hit 1,2: 【泼尼松】合计日剂量20mg，超过10mg（泼尼松片10mg，泼尼松片10mg）";
        BENCH.check(&told(&nine, "20260515083000", ""), hit);
        BENCH.check(&told(&nine, "20260515", ""), hit);
        // What began earlier that day and goes on is given with each of them, and not with both.
        let weak = line(3, "20260515060000", "").replace("\"10\"", "\"4\"");
        let third = format!(",{weak}");
        let hit = "hit 2,3: 【泼尼松】合计日剂量14mg，超过10mg（泼尼松片10mg，泼尼松片4mg）";
        BENCH.check(&told(&nine, "20260515100000", &third), hit);
        let untimed =
            third.replace(r#""drord_begn_date":"20260515060000""#, r#""curr_drord_flag":"0""#);
        let hit = "hit 2,3: 【泼尼松】合计日剂量14mg，超过10mg（泼尼松片10mg，泼尼松片4mg）";
        BENCH.check(&told(&nine, "20260515100000", &untimed), hit);
        // A bare date is a day on which it is still given.
        let hit = "hit 1,2: 【泼尼松】合计日剂量20mg，超过10mg（泼尼松片10mg，泼尼松片10mg）";
        BENCH.check(&told(&stops("20260515"), "20260515100000", ""), hit);
    }

    /// As it is written for what is given once.
    #[test]
    fn what_stops_as_it_begins_counts() {
        let line = r#"{"rx_id":"1","hosplist_code":"PRED","drug_used_sdose":"20","drug_used_dosunt":"mg","drug_used_frqu":"QD","drord_begn_date":"20260515090000","drord_stop_date":"20260515090000"}"#;
        let hit = "hit 1: 【泼尼松】合计日剂量20mg，超过10mg（泼尼松片20mg）";
        BENCH.check(&format!(r#"{{"orders":[{line}]}}"#), hit);
    }

    /// An order without its beginning is over when it was stopped, and does not begin today.
    #[test]
    fn what_says_only_when_it_was_stopped_is_over() {
        let line = |id: u32, more: &str| {
            format!(
                r#"{{"rx_id":"{id}","hosplist_code":"PRED","drug_used_sdose":"10","drug_used_dosunt":"mg","drug_used_frqu":"QD"{more}}}"#
            )
        };
        let told = |stop: &str| {
            let active = format!(r#","curr_drord_flag":"0","drord_stop_date":"{stop}""#);
            format!(r#"{{"orders":[{},{}]}}"#, line(1, &active), line(2, ""))
        };
        let hit = "hit 1,2: 【泼尼松】合计日剂量20mg，超过10mg（泼尼松片10mg，泼尼松片10mg）";
        BENCH.check(&told("20260514"), "pass");
        BENCH.check(&told("20260516"), hit);
        // Nobody filled it in.
        BENCH.check(&told("19000101"), hit);
    }

    #[test]
    fn what_runs_all_day() {
        let pump = r#""orders":[{"rx_id":"1","hosplist_code":"DOP","drug_used_sdose":"10","drug_used_dosunt":"μg/kg/min","drug_used_frqu":"持续"}]"#;
        BENCH.check(&format!("{{{pump}}}"), "unknown patient.wt");
        let of = |kg: &str| format!(r#"{{"patient":{{"wt":"{kg}"}},{pump}}}"#);
        BENCH.check(&of("60"), "hit 1: 【多巴胺】合计日剂量864mg，超过800mg（多巴胺注射液864mg）");
        BENCH.check(&of("50"), "pass");
        let hours = of("60").replace("\"持续\"", "\"持续\",\"drip_min\":\"600\"");
        BENCH.check(&hours, "pass");
        let volume = of("60").replace("μg/kg/min", "mL/h");
        BENCH.check(&volume, "hit 1: 【多巴胺】合计日剂量2.4g，超过800mg（多巴胺注射液2.4g）");
    }

    #[test]
    fn a_lower_limit_in_company_of_another_drug() {
        let alone = ("SIM", "40", "mg", "QN");
        check(&[alone], "nothing");
        check(
            &[alone, ("AML", "5", "mg", "QD")],
            "hit 1: 【辛伐他汀（与氨氯地平同用）】合计日剂量40mg，超过20mg（辛伐他汀片40mg）",
        );
        check(&[("SIM", "20", "mg", "QN"), ("AML", "5", "mg", "QD")], "pass");
    }

    #[track_caller]
    fn check(lines: &[(&str, &str, &str, &str)], expected: &str) {
        let lines: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(at, (drug, dose, unit, frequency))| {
                format!(
                    r#"{{"rx_id":"{}","hosplist_code":"{drug}","drug_used_sdose":"{dose}","drug_used_dosunt":"{unit}","drug_used_frqu":"{frequency}"}}"#,
                    at + 1
                )
            })
            .collect();
        let request =
            format!(r#"{{"patient":{{"brdy":"19680315"}},"orders":[{}]}}"#, lines.join(","));
        BENCH.check(&request, expected);
    }
}
