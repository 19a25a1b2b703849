//! C23 中药饮片用量、大处方: how many grams of a slice a day, and how many slices in one formula.
//!
//! What: with rows, the daily amount of a slice is compared with its maximum in the pharmacopoeia times
//! a factor; without rows, the slices of each prescription are counted.
//! Why: large formulas and large doses are what auditors look for first; a few roots are poisonous.
//! Basis: 2025 edition of the rule library, nos. 76 and 77 (thresholds are advice); 中华人民共和国药典.
//! Example: 附片 60 g a day, pharmacopoeia 3-15 g → 4 times → hit. 包 are counted by what one holds. The
//! number of doses (付) is no number of days: 7 doses in 14 days are half a dose a day. How often a
//! day the brew is drunk does not multiply it, and how it is brewed (先煎) changes no grams.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use crate::dose::{Computed, single_of, total_of};
use crate::families::lines::{by_prescription, identity, is_slice, positions};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;
use crate::unit::Dose;

/// The family `herb_quantity`.
pub struct HerbQuantity;

const PARAMETERS: [Column; 2] = [
    Column::optional("factor", "药典最大量的倍数，缺省为1", ColumnKind::Decimal),
    Column::optional("slices_max", "每张处方的味数上限", ColumnKind::Whole),
];

const ROWS: [Column; 2] = [
    Column::required("max_day", "药典每日最大量", ColumnKind::Dose),
    Column::optional("factor", "该药的倍数", ColumnKind::Decimal),
];

impl Family for HerbQuantity {
    fn id(&self) -> &'static str {
        "herb_quantity"
    }

    fn zh_name(&self) -> &'static str {
        "中药饮片用量与大处方"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "规则库2025年版 中药饮片超大处方、中药饮片超量上传；中华人民共和国药典",
            window: "同一处方",
            text: "【{饮片}】每日{日量}，为药典最大量{上限}的{倍数}倍",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hosplist_name",
            "orders.hilist_code",
            "orders.rxno",
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "orders.cnt",
            "orders.cnt_unt",
            "orders.tcmdrug_dose_cnt",
            "orders.medc_days",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Optional(&ROWS)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        if case.rule.rows.is_empty() {
            return count(case);
        }
        let slices =
            case.current().filter(|found| is_slice(found.line) && found.line.is_systemic());
        slices.map(|found| judge_dose(case, found)).collect()
    }
}

fn count(case: &Case<'_>) -> Vec<Outcome> {
    let Some(max) = case.rule.parameters.maybe_whole("slices_max") else { return Vec::new() };
    let slices = case.lines().filter(|line| line.order.current && is_slice(line));
    let formulas = by_prescription(slices);
    let judged = formulas.iter().map(|lines| {
        let names: BTreeSet<&str> = lines.iter().map(|line| identity(line)).collect();
        if names.len() <= usize::try_from(max).unwrap_or(usize::MAX) {
            return Outcome::Pass;
        }
        Outcome::Hit(Hit {
            violating: positions(lines),
            text: format!("本方{}味饮片，超过{max}味", names.len()),
            evidence: vec![names.len().to_string()],
            ..Hit::default()
        })
    });
    judged.collect()
}

fn judge_dose(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    let max = found.row.parameters.dose("max_day");
    let factor = found.row.parameters.maybe_decimal("factor");
    let factor = factor.or_else(|| case.rule.parameters.maybe_decimal("factor"));
    let limit = max.amount.saturating_mul(factor.unwrap_or(Decimal::ONE));
    let daily = match daily(found.line, found.row.key.text()) {
        Ok(daily) if daily.dimension == max.dimension => daily,
        Ok(_) => return Outcome::unknown(found.line.path("drug_used_dosunt")),
        Err(missing) => return Outcome::Unknown { missing },
    };
    if daily.amount <= limit {
        return Outcome::Pass;
    }
    let times = daily.amount.checked_div(max.amount).unwrap_or_default().round_dp(1).normalize();
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!("【{}】每日{daily}，为药典最大量{max}的{times}倍", found.line.name()),
        evidence: vec![format!("{daily}/{max}")],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })
}

/// What one dose of the formula holds, times the doses of a day: one, unless days and doses differ.
fn daily(line: &Line<'_>, herb: &str) -> Computed<Dose> {
    let of_one_dose = if line.order.single_dose.is_some() {
        single_of(line, herb)?
    } else {
        let doses = line.order.doses.ok_or_else(|| vec![line.path("tcmdrug_dose_cnt")])?;
        let total = total_of(line, herb)?;
        let amount = total.amount.checked_div(doses);
        Dose { amount: amount.ok_or_else(|| vec![line.path("cnt")])?, ..total }
    };
    let Some((doses, days)) = line.order.doses.zip(line.order.days) else { return Ok(of_one_dose) };
    let amount = of_one_dose.amount.checked_mul(doses).and_then(|sum| sum.checked_div(days));
    Ok(Dose { amount: amount.ok_or_else(|| vec![line.path("medc_days")])?, ..of_one_dose })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const DOSE: Bench = Bench {
        family: "herb_quantity",
        parameters: "factor = 2",
        rows: "match,key,item,max_day,factor,source,flag\n\
               ingredient,附子,附子,15 g,1,s,B\n\
               ingredient,黄芪,黄芪,30 g,,s,B\n",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                hospital,FP,附片,,附子,?,,,其他,,,饮片\n\
                hospital,FPB,附片小包装,,附子,10 g,包,1,其他,,,饮片\n\
                hospital,HQ,黄芪,,黄芪,?,,,其他,,,饮片\n\
                hospital,FZW,附子理中丸,,附子,?,丸,10,口服,,,中成药\n",
    };

    const COUNT: Bench = Bench { parameters: "slices_max = 2", rows: "", ..DOSE };

    #[test]
    fn grams_a_day() {
        let hit = "hit 1: 【附片】每日60g，为药典最大量15g的4倍";
        check(&DOSE, &[r#"FP","drug_used_sdose":"60","drug_used_dosunt":"g"#], hit);
        check(&DOSE, &[r#"FP","drug_used_sdose":"15","drug_used_dosunt":"g"#], "pass");
        check(&DOSE, &[r#"FP","cnt":"420","cnt_unt":"g","tcmdrug_dose_cnt":"7"#], hit);
        check(
            &DOSE,
            &[r#"FP","drug_used_sdose":"60","drug_used_dosunt":"g","drug_used_frqu":"BID"#],
            hit,
        );
        check(&DOSE, &[r#"HQ","drug_used_sdose":"60","drug_used_dosunt":"g"#], "pass");
        check(
            &DOSE,
            &[r#"HQ","drug_used_sdose":"90","drug_used_dosunt":"g"#],
            "hit 1: 【黄芪】每日90g，为药典最大量30g的3倍",
        );
    }

    #[test]
    fn packs_doses_and_days() {
        check(
            &DOSE,
            &[r#"FPB","drug_used_sdose":"2","drug_used_dosunt":"包"#],
            "hit 1: 【附片小包装】每日20g，为药典最大量15g的1.3倍",
        );
        let half = r#"FP","drug_used_sdose":"30","drug_used_dosunt":"g","tcmdrug_dose_cnt":"7","medc_days":"14"#;
        check(&DOSE, &[half], "pass");
        check(
            &DOSE,
            &[&half.replace("\"14", "\"7")],
            "hit 1: 【附片】每日30g，为药典最大量15g的2倍",
        );
        check(&DOSE, &[r#"FP","cnt":"420","cnt_unt":"g"#], "unknown orders[1].tcmdrug_dose_cnt");
        check(
            &DOSE,
            &[r#"FP","drug_used_sdose":"2","drug_used_dosunt":"包"#],
            "unknown orders[1].drug_used_dosunt",
        );
    }

    #[test]
    fn what_is_no_slice_taken_by_mouth() {
        let skin =
            r#"FP","drug_used_sdose":"60","drug_used_dosunt":"g","drug_used_way_code":"外用"#;
        check(&DOSE, &[skin], "nothing");
        check(&DOSE, &[r#"FZW","drug_used_sdose":"60","drug_used_dosunt":"g"#], "nothing");
    }

    #[test]
    fn slices_of_one_formula() {
        check(&COUNT, &["FP", "HQ"], "pass");
        check(&COUNT, &["FP", "HQ", "FP"], "pass");
        check(&COUNT, &["FP", "HQ", "FPB"], "hit 1,2,3: 本方3味饮片，超过2味");
        check(&COUNT, &["FP", "HQ", r#"FPB","rxno":"B"#], "pass");
    }

    #[track_caller]
    fn check(bench: &Bench, drugs: &[&str], expected: &str) {
        let lines = drugs.iter().enumerate();
        let lines: Vec<_> = lines
            .map(|(at, drug)| {
                let rxno = if drug.contains("rxno") { "" } else { r#","rxno":"A""# };
                format!(r#"{{"rx_id":"{}"{rxno},"hosplist_code":"{drug}"}}"#, at + 1)
            })
            .collect();
        bench.check(&format!(r#"{{"orders":[{}]}}"#, lines.join(",")), expected);
    }
}
