//! L06 医疗用毒性药品: at most two days' maximum dose in one prescription.
//!
//! What: the whole quantity of each toxic drug of a prescription is compared with so many times its
//! maximum per day, which is knowledge: a row per ingredient or slice.
//! Why: two days' supply is the most that an error or a theft may have.
//! Basis: 医疗用毒性药品管理办法 art. 9.
//! Example: an arsenic preparation of at most 5 mg a day, 15 mg prescribed → three days' maximum → hit. A
//! toxic drug whose maximum is in no row → unknown.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::dose::total_of;
use crate::drug_kind::DrugKind;
use crate::families::lines::{by_prescription, of_kinds, positions};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;
use crate::unit::Dose;

/// The family `toxic_quantity`.
pub struct ToxicQuantity;

const PARAMETERS: [Column; 1] = [Column::required("days_max", "极量的天数上限", ColumnKind::Whole)];
const ROWS: [Column; 1] = [Column::required("max_day", "每日极量", ColumnKind::Dose)];

impl Family for ToxicQuantity {
    fn id(&self) -> &'static str {
        "toxic_quantity"
    }

    fn zh_name(&self) -> &'static str {
        "毒性药品用量"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Block,
            basis: "医疗用毒性药品管理办法第九条",
            window: "同一处方",
            text: "【{药品}】共{总量}，为{天数}日极量（每日{极量}），不超过{上限}日极量",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &["orders.hosplist_code", "orders.rxno", "orders.cnt", "orders.cnt_unt", "orders.spec"]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Beside(&ROWS)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let mut toxic = Vec::new();
        let mut outcomes = of_kinds(case, &[DrugKind::Toxic], |line| {
            toxic.push(line);
            Outcome::NotApplicable
        });
        for lines in by_prescription(toxic.into_iter()) {
            outcomes.extend(judge_prescription(case, &lines));
        }
        outcomes
    }
}

/// The lines of one row are one drug.
fn judge_prescription(case: &Case<'_>, lines: &[&Line<'_>]) -> Vec<Outcome> {
    let mut of_row: BTreeMap<u32, (&Match<'_>, Vec<&Line<'_>>)> = BTreeMap::new();
    let mut outcomes = Vec::new();
    for line in lines {
        let found = case.matches.iter().find(|found| found.line.position == line.position);
        let Some(found) = found else {
            let code = line.order.hospital_code.as_deref().unwrap_or(line.name());
            outcomes.push(Outcome::unknown(format!("drugs[{code}].max_day")));
            continue;
        };
        of_row.entry(found.row.line).or_insert((found, Vec::new())).1.push(line);
    }
    outcomes.extend(of_row.values().map(|(found, lines)| judge_drug(case, found, lines)));
    outcomes
}

fn judge_drug(case: &Case<'_>, found: &Match<'_>, lines: &[&Line<'_>]) -> Outcome {
    let max = found.row.parameters.dose("max_day");
    let days = case.rule.parameters.whole("days_max");
    let mut sum = Dose { amount: Decimal::ZERO, ..max };
    for line in lines {
        match total_of(line, found.row.key.text()) {
            Err(missing) => return Outcome::Unknown { missing },
            Ok(total) if total.dimension != max.dimension => {
                return Outcome::unknown(line.path("cnt_unt"));
            }
            Ok(total) => sum.amount = sum.amount.saturating_add(total.amount),
        }
    }
    let times = sum.amount.checked_div(max.amount).unwrap_or(Decimal::MAX);
    if times <= Decimal::from(days) {
        return Outcome::Pass;
    }
    let of_days = times.round_dp(1).normalize();
    Outcome::Hit(Hit {
        violating: positions(lines),
        text: format!(
            "【{}】共{sum}，为{of_days}日极量（每日{max}），不超过{days}日极量",
            found.row.item
        ),
        evidence: vec![format!("{sum}>{days}×{max}")],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "toxic_quantity",
        parameters: "days_max = 2",
        rows: "match,key,item,max_day,source,flag\n\
               ingredient,三氧化二砷,亚砷酸制剂,5 mg,s,B\n\
               ingredient,生川乌,生川乌,3 g,s,B\n",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                hospital,ARS,亚砷酸注射液,,三氧化二砷,5 mg,支,5,注射,,L01XX27,毒性\n\
                hospital,WU,生川乌,,生川乌,?,袋,,其他,,,毒性|饮片\n\
                hospital,MER,轻粉,,轻粉,?,袋,,其他,,,毒性|饮片\n\
                hospital,AML,苯磺酸氨氯地平片,,氨氯地平,5 mg,片,7,口服,,,\n",
    };

    #[test]
    fn two_days_maximum() {
        check(&[("ARS", "2", "支")], "pass");
        check(
            &[("ARS", "3", "支")],
            "hit 1: 【亚砷酸制剂】共15mg，为3日极量（每日5mg），不超过2日极量",
        );
        check(
            &[("ARS", "15", "mg")],
            "hit 1: 【亚砷酸制剂】共15mg，为3日极量（每日5mg），不超过2日极量",
        );
        check(
            &[("ARS", "2", "支"), ("ARS", "1", "支")],
            "hit 1,2: 【亚砷酸制剂】共15mg，为3日极量（每日5mg），不超过2日极量",
        );
        check(&[("WU", "6", "g")], "pass");
        check(&[("WU", "9", "g")], "hit 1: 【生川乌】共9g，为3日极量（每日3g），不超过2日极量");
    }

    #[test]
    fn what_is_missing() {
        check(&[("MER", "6", "g")], "unknown drugs[MER].max_day");
        check(&[("ARS", "", "支")], "unknown orders[1].cnt");
        check(&[("ARS", "2", "mL")], "unknown orders[1].cnt_unt");
        check(&[("WU", "6", "袋")], "unknown orders[1].spec");
        check(&[("AML", "28", "片")], "nothing");
        check(&[("YP404", "28", "片")], "unknown orders[1].hosplist_code");
    }

    #[track_caller]
    fn check(lines: &[(&str, &str, &str)], expected: &str) {
        let lines: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(at, (drug, count, unit))| {
                format!(
                    r#"{{"rx_id":"{}","rxno":"C","hosplist_code":"{drug}","cnt":"{count}","cnt_unt":"{unit}"}}"#,
                    at + 1
                )
            })
            .collect();
        BENCH.check(&format!(r#"{{"orders":[{}]}}"#, lines.join(",")), expected);
    }
}
