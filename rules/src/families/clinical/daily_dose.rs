//! C02 日剂量: what all lines together give of one ingredient on one day.
//!
//! What: a row gives an ingredient its maximum per day, perhaps for an age range only. The peak
//! days of all lines that contain it and act on the whole body are added; more is a hit.
//! Why: each line may be harmless, the sum not; combination products are counted by strength.
//! Basis: drug labels; GZ10000301005000; 医院处方点评管理规范 2-5.
//! Example: 对乙酰氨基酚 0.5 g QID + 氨酚伪麻那敏 (325 mg) TID = 2 + 0.975 = 2.975 g, limit 2 g → hit.
//! A line without a known dose leaves a lower bound: over the limit it is still a hit ("至少"),
//! below it the rule is unknown.

use rust_decimal::Decimal;

use crate::dose::peak_day_in;
use crate::families::clinical::age::Range;
use crate::family::{Case, Family, Hit, Match, Outcome, Rows};
use crate::knowledge::{Key, Row};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::session::Line;
use crate::unit::Dose;

/// The family `daily_dose`.
pub struct DailyDose;

const ROWS: [Column; 3] = [
    Column::required("max_day", "每日最大剂量", ColumnKind::Dose),
    Column::optional("age_from", "适用年龄下限（含）", ColumnKind::Age),
    Column::optional("age_below", "适用年龄上限（不含）", ColumnKind::Age),
];

impl Family for DailyDose {
    fn id(&self) -> &'static str {
        "daily_dose"
    }

    fn zh_name(&self) -> &'static str {
        "日剂量超限"
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
            "patient.brdy",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let (from, below) = (row.maybe_age("age_from")?, row.maybe_age("age_below")?);
        (from >= below).then(|| format!("from {from} to below {below} is no range"))
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.matches
            .chunk_by(|one, other| one.row.key == other.row.key && one.row.line == other.row.line)
            .map(|of_row| judge_row(case, of_row))
            .collect()
    }
}

fn judge_row(case: &Case<'_>, of_row: &[Match<'_>]) -> Outcome {
    let Some(row) = of_row.first().map(|found| found.row) else { return Outcome::NotApplicable };
    let lines: Vec<_> =
        of_row.iter().map(|found| found.line).filter(|line| line.is_systemic()).collect();
    // A sum of earlier orders alone is not this session's.
    let Some(first) = lines.iter().find(|line| line.order.current) else {
        return Outcome::NotApplicable;
    };
    match applies(case, row, first) {
        Some(true) => {}
        Some(false) => return Outcome::NotApplicable,
        None => return Outcome::unknown("patient.brdy"),
    }
    // Lines that follow each other do not add up, so every day on which one starts is looked at.
    let days = lines.iter().map(|anchor| {
        let with: Vec<_> = lines
            .iter()
            .copied()
            .filter(|l| {
                l.begins <= anchor.begins && l.ends().is_none_or(|end| anchor.begins <= end)
            })
            .collect();
        judge_day(row, &with)
    });
    worst(days.collect())
}

/// Whether the row is for this patient's age; `None` when the age decides and is not known.
fn applies(case: &Case<'_>, row: &Row, line: &Line<'_>) -> Option<bool> {
    let has_range = ["age_from", "age_below"].iter().any(|name| row.parameters.get(name).is_some());
    if !has_range {
        return Some(true);
    }
    Range::of(&row.parameters).contains(case.session.birth?, line.begins)
}

/// The sum over the lines of one day.
fn judge_day(row: &Row, lines: &[&Line<'_>]) -> Outcome {
    let max = row.parameters.dose("max_day");
    let mut sum = Dose { amount: Decimal::ZERO, ..max };
    let (mut parts, mut counted, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        match peak_day_in(line, ingredient(row, line), max.dimension) {
            Ok(dose) => {
                sum.amount = sum.amount.saturating_add(dose.amount);
                parts.push(format!("{}{dose}", line.name()));
                counted.push(line.position);
            }
            Err(lacking) => missing.extend(lacking),
        }
    }
    if sum.amount > max.amount {
        return Outcome::Hit(hit(row, sum, &parts, counted, !missing.is_empty()));
    }
    if missing.is_empty() { Outcome::Pass } else { Outcome::Unknown { missing } }
}

fn ingredient<'a>(row: &'a Row, line: &Line<'a>) -> &'a str {
    match &row.key {
        Key::Ingredient(name) => name,
        _ => line.ingredients().and_then(|all| all.first().copied()).unwrap_or_default(),
    }
}

fn hit(row: &Row, sum: Dose, parts: &[String], counted: Vec<usize>, is_least: bool) -> Hit {
    let max = row.parameters.dose("max_day");
    let least = if is_least { "至少" } else { "" };
    Hit {
        violating: counted,
        text: format!("【{}】合计日剂量{least}{sum}，超过{max}（{}）", row.item, parts.join("，")),
        evidence: vec![max.to_string(), sum.to_string()],
        source: Some(row.source.clone()),
        ..Hit::default()
    }
}

/// Hit over unknown over pass; of several hits the one that counts most lines.
fn worst(outcomes: Vec<Outcome>) -> Outcome {
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Hit(hit) => 2 + hit.violating.len(),
        Outcome::Unknown { .. } => 1,
        _ => 0,
    };
    let mut worst = Outcome::Pass;
    for outcome in outcomes {
        if rank(&outcome) > rank(&worst) {
            worst = outcome;
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "daily_dose",
        parameters: "",
        rows: "match,key,item,max_day,age_from,age_below,source,flag\n\
               ingredient,对乙酰氨基酚,对乙酰氨基酚,2 g,12岁,,site,B\n\
               ingredient,泼尼松,泼尼松,10 mg,,,site,B\n",
        drugs: "hospital,APAP,对乙酰氨基酚片,,对乙酰氨基酚,0.5 g,片,20,口服,\n\
                hospital,COLD,氨酚伪麻那敏片,,对乙酰氨基酚+伪麻黄碱,325 mg+30 mg,片,20,口服,\n\
                hospital,SUPP,对乙酰氨基酚凝胶,,对乙酰氨基酚,0.5 g,支,,外用,\n\
                hospital,PRED,泼尼松片,,泼尼松,5 mg,片,100,口服,\n",
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
