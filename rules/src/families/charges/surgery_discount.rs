//! F05 手术未按规定折价: the second operation through one cut at its full price.
//!
//! What: rows give operations a group (what one cut reaches) and their full price; of the charges of
//! one group on one date the dearest is the first operation, and every other one may cost at most
//! `ratio` of its full price. The violation is worth what was charged above that.
//! Why: opening and closing are paid once.
//! Basis: GZ10000102002000 手术项目未按规定折价收费, public batch 2; the ratio is the site's price rule.
//! Example: two stomach operations, both at their full price → hit on the second. An emergency
//! operation on another day, or one with a cut of its own → pass.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::facts::{Facts, Surgery};
use crate::family::{Case, Family, Hit, LooksAt, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};

use super::lines::{is_undated, judged, plain, time_path, unit_price};

/// The family `surgery_discount`.
pub struct SurgeryDiscount;

const PARAMETERS: [Column; 1] =
    [Column::required("ratio", "第二项及以后手术的计收比例", ColumnKind::Decimal)];

const ROWS: [Column; 2] = [
    Column::required("group", "同一切口的手术组", ColumnKind::Text),
    Column::required("full_price", "全价（元）", ColumnKind::Decimal),
];

impl Family for SurgeryDiscount {
    fn id(&self) -> &'static str {
        "surgery_discount"
    }

    fn zh_name(&self) -> &'static str {
        "手术未按规定折价"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Confirm,
            basis: "GZ10000102002000 手术项目未按规定折价收费",
            window: "同一次手术",
            text: "【{手术}】为同一切口的第二项手术，应按{比例}%计收{应收}元，实收{实收}元",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "fees.hilist_code",
            "fees.hosplist_code",
            "fees.pric",
            "fees.cnt",
            "fees.fee_ocur_time",
            "surgeries.oprn_oprt_begntime",
            "surgeries.sinc_no",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Charges
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let (undated, dated): (Vec<&Match<'_>>, Vec<&Match<'_>>) =
            judged(case).partition(|found| is_undated(found.line));
        let undated = undated.iter().map(|found| judge_undated(case, found)).collect::<Vec<_>>();
        let mut groups: Vec<Vec<&Match<'_>>> = Vec::new();
        for found in dated {
            let same = |group: &&mut Vec<&Match<'_>>| {
                group.first().is_some_and(|first| are_one_cut(first, found))
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.push(found),
                None => groups.push(vec![found]),
            }
        }
        groups.into_iter().flat_map(|group| judge_group(case, group)).chain(undated).collect()
    }
}

fn are_one_cut(one: &Match<'_>, other: &Match<'_>) -> bool {
    one.line.begins == other.line.begins && is_same_group(one, other)
}

fn is_same_group(one: &Match<'_>, other: &Match<'_>) -> bool {
    let group = |found: &Match<'_>| found.row.parameters.text("group").to_owned();
    group(one) == group(other)
}

/// A charge that says no day may have been made through the cut of any other of its group.
fn judge_undated(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    let is_other = |it: &&Match<'_>| it.line.position != found.line.position;
    if judged(case).filter(is_other).any(|other| is_same_group(found, other)) {
        return Outcome::unknown(time_path(found.line));
    }
    Outcome::Pass
}

fn judge_group(case: &Case<'_>, mut group: Vec<&Match<'_>>) -> Vec<Outcome> {
    let Some(first) = group.first() else { return Vec::new() };
    if group.len() < 2 || had_own_cuts(case.facts, first.line.begins) {
        return vec![Outcome::Pass];
    }
    // The dearest operation is the first; the order sent decides between equals.
    group.sort_by_key(|found| std::cmp::Reverse(found.row.parameters.decimal("full_price")));
    let ratio = case.rule.parameters.decimal("ratio");
    let main = group.first().map(|found| found.line.position);
    group.iter().skip(1).map(|found| judge_second(found, ratio, main)).collect()
}

/// Whether the operation record says that every operation of the day had a cut of its own.
fn had_own_cuts(facts: &Facts, day: Date) -> bool {
    let done = facts.surgeries.present().map_or(&[][..], Vec::as_slice);
    let of_day = done.iter().filter(|s: &&Surgery| s.began.is_some_and(|at| at.date() == day));
    let cuts: Option<Vec<&str>> = of_day.map(|surgery| surgery.incision.as_deref()).collect();
    let Some(mut cuts) = cuts.filter(|cuts| cuts.len() > 1) else { return false };
    let all = cuts.len();
    cuts.sort_unstable();
    cuts.dedup();
    cuts.len() == all
}

fn judge_second(found: &Match<'_>, ratio: Decimal, main: Option<usize>) -> Outcome {
    let line = found.line;
    let Some(price) = unit_price(line) else { return Outcome::unknown(line.path("pric")) };
    let due = found.row.parameters.decimal("full_price").saturating_mul(ratio);
    if price <= due {
        return Outcome::Pass;
    }
    let above = price.saturating_sub(due);
    Outcome::Hit(Hit {
        violating: vec![line.position],
        involved: main.into_iter().collect(),
        text: format!(
            "【{}】为同一切口的第二项手术，应按{}%计收{}元，实收{}元",
            line.name(),
            plain(ratio.saturating_mul(Decimal::ONE_HUNDRED)),
            plain(due),
            plain(price)
        ),
        evidence: vec![plain(price), plain(due)],
        source: Some(found.row.source.clone()),
        amount: Some(above.saturating_mul(line.net.unwrap_or(Decimal::ONE))),
        ..Hit::default()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use crate::evaluate::evaluate;
    use crate::families::bench::{Bench, NOW};
    use crate::request;

    const BENCH: Bench = Bench {
        family: "surgery_discount",
        parameters: "ratio = 0.5",
        rows: "match,key,item,group,full_price,source,flag\n\
               hospital,S1,胃大部切除术,胃,2000,site,B\n\
               hospital,S2,迷走神经切断术,胃,1200,site,B\n\
               hospital,S3,甲状腺切除术,颈,1500,site,B\n",
        drugs: "",
    };

    const HIT: &str = "hit 2: 【S2】为同一切口的第二项手术，应按50%计收600元，实收1200元";

    #[test]
    fn the_second_costs_half() {
        check(&[("S1", "2000", "14"), ("S2", "1200", "14")], "", HIT);
        check(&[("S1", "2000", "14"), ("S2", "600", "14")], "", "pass");
        check(&[("S1", "2000", "14"), ("S2", "", "14")], "", "unknown fees[2].pric");
        check(&[("S1", "2000", "14")], "", "pass");
    }

    #[test]
    fn another_day_or_another_cut() {
        check(&[("S1", "2000", "14"), ("S2", "1200", "15")], "", "pass");
        check(&[("S1", "2000", "14"), ("S3", "1500", "14")], "", "pass");
        let cuts = |second: &str| {
            format!(
                r#","surgeries":[{{"oprn_oprt_begntime":"2026051408","sinc_no":"1"}},{{"oprn_oprt_begntime":"2026051420","sinc_no":"{second}"}}]"#
            )
        };
        check(&[("S1", "2000", "14"), ("S2", "1200", "14")], &cuts("2"), "pass");
        check(&[("S1", "2000", "14"), ("S2", "1200", "14")], &cuts("1"), HIT);
    }

    #[test]
    fn a_charge_without_a_day() {
        let request = |first: &str, second: &str| {
            let fees = [("S1", "2000", "14"), ("S2", "1200", "15")];
            request_of(&fees, "").replace("20260514", first).replace("20260515", second)
        };
        BENCH.check(&request("", ""), "unknown fees[1].fee_ocur_time,fees[2].fee_ocur_time");
        BENCH.check(&request("20260514", ""), "unknown fees[2].fee_ocur_time");
        BENCH.check(&request("", "").replace("S2", "S3"), "pass");
    }

    #[test]
    fn worth_what_is_above_the_discount() {
        let facts =
            request::read(&request_of(&[("S1", "2000", "14"), ("S2", "1200", "14")], "")).unwrap();
        let verdict = evaluate(&BENCH.rules(), &facts, NOW.parse().unwrap());
        assert_eq!(verdict.findings[0].amount.unwrap().normalize().to_string(), "600");
    }

    fn request_of(fees: &[(&str, &str, &str)], more: &str) -> String {
        let fees: Vec<String> = (1..)
            .zip(fees)
            .map(|(id, (item, price, day))| {
                format!(
                    r#"{{"rx_id":"{id}","hosplist_code":"{item}","cnt":"1","pric":"{price}","fee_ocur_time":"202605{day}"}}"#
                )
            })
            .collect();
        format!(r#"{{"fees":[{}]{more}}}"#, fees.join(","))
    }

    #[track_caller]
    fn check(fees: &[(&str, &str, &str)], more: &str, expected: &str) {
        BENCH.check(&request_of(fees, more), expected);
    }
}
