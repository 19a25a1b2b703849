//! I03 中药饮片单方不予支付: a prescription of listed slices only is not paid.
//!
//! What: of one prescription, the slices that the fund would pay for; when every one of them has a
//! row, the prescription is a hit. One slice off the list makes it a formula, and it passes.
//! Why: 茯苓 or 枸杞子 alone is food; in a formula it is medicine.
//! Basis: GZ10000101004000; public batch 11.
//! Example: 茯苓 + 枸杞子 → hit; with 党参 → pass. Self-paid lines are taken away first. A prescription
//! written in two calls is judged with the lines of the first; lines without a number are one.

use crate::drug_kind::DrugKind;
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::rule::{Action, Severity};
use crate::session::{ItemKind, Line};

/// The family `slice_alone`.
pub struct SliceAlone;

impl Family for SliceAlone {
    fn id(&self) -> &'static str {
        "slice_alone"
    }

    fn zh_name(&self) -> &'static str {
        "中药饮片单方不予支付"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::SelfPay,
            basis: "GZ10000101004000 中药饮片单方使用不予支付；国家基本医疗保险药品目录",
            window: "同一处方",
            text: "处方全部由单独使用不予支付的饮片组成：{饮片}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.rxno",
            "orders.sumamt",
            "orders.ownpay_amt",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&[])
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        prescriptions(case).iter().map(|slices| judge_prescription(case, slices)).collect()
    }
}

/// The slices by prescription, those that the patient pays alone and those that were given back taken
/// away.
fn prescriptions<'a>(case: &Case<'a>) -> Vec<Vec<&'a Line<'a>>> {
    let mut prescriptions: Vec<Vec<&Line<'_>>> = Vec::new();
    let is_left = |line: &&Line<'_>| !line.is_refund() && !line.is_cancelled();
    let is_meant = |line: &&Line<'_>| may_be_slice(line) && !line.is_self_paid();
    for line in case.lines().filter(is_left).filter(is_meant) {
        let same = |lines: &&mut Vec<&Line<'_>>| {
            lines.first().is_some_and(|first| first.order.rxno == line.order.rxno)
        };
        match prescriptions.iter_mut().find(same) {
            Some(lines) => lines.push(line),
            None => prescriptions.push(vec![line]),
        }
    }
    prescriptions
}

/// A line that nobody can identify may be the slice that makes it a formula.
fn may_be_slice(line: &Line<'_>) -> bool {
    match line.item_kind() {
        Some(kind) => kind == ItemKind::Slice,
        None => line.is_kind(DrugKind::HerbalSlice) != Some(false),
    }
}

fn judge_prescription(case: &Case<'_>, slices: &[&Line<'_>]) -> Outcome {
    let row_of = |line: &Line<'_>| {
        case.matches.iter().find(|found: &&Match<'_>| found.line.position == line.position)
    };
    let current = slices.iter().filter(|line| line.order.current);
    let Some(row) = current.clone().find_map(|line| row_of(line)) else {
        return Outcome::NotApplicable;
    };
    let is_known = |line: &&&Line<'_>| line.national_code().is_some() || line.product.is_some();
    if slices.iter().filter(is_known).any(|line| row_of(line).is_none()) {
        return Outcome::Pass;
    }
    let unknown: Vec<_> = slices.iter().filter(|line| !is_known(line)).collect();
    if !unknown.is_empty() {
        let missing = unknown.iter().map(|line| line.path("hilist_code")).collect();
        return Outcome::Unknown { missing };
    }
    let names: Vec<_> = slices.iter().map(|line| line.name()).collect();
    let is_old = |line: &&&Line<'_>| !line.order.current;
    Outcome::Hit(Hit {
        violating: current.map(|line| line.position).collect(),
        involved: slices.iter().filter(is_old).map(|line| line.position).collect(),
        text: format!("处方全部由单独使用不予支付的饮片组成：{}", names.join("、")),
        source: Some(row.row.source.clone()),
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "slice_alone",
        parameters: "",
        rows: "match,key,item,source,flag\n\
               code,T000600266,茯苓,batch 11,A\n\
               code,T001700294,枸杞子,batch 11,A\n",
        drugs: "",
    };

    const FULING: &str =
        r#"{"rx_id":"1","rxno":"A","hilist_code":"T000600266","hosplist_name":"茯苓"}"#;
    const GOUQI: &str =
        r#"{"rx_id":"2","rxno":"A","hilist_code":"T001700294","hosplist_name":"枸杞子"}"#;
    const DANGSHEN: &str =
        r#"{"rx_id":"3","rxno":"A","hilist_code":"T001700001","hosplist_name":"党参"}"#;

    #[test]
    fn listed_slices_only() {
        check(
            &format!("{FULING},{GOUQI}"),
            "hit 1,2: 处方全部由单独使用不予支付的饮片组成：茯苓、枸杞子",
        );
        check(&format!("{FULING},{GOUQI},{DANGSHEN}"), "pass");
        check(DANGSHEN, "nothing");
        let tablet = r#"{"rx_id":"4","rxno":"B","hilist_code":"XG04CBD247E002010101503"}"#;
        check(&format!("{FULING},{tablet}"), "hit 1: 处方全部由单独使用不予支付的饮片组成：茯苓");
    }

    #[test]
    fn what_was_given_back_makes_no_formula() {
        let bought = DANGSHEN.replace("\"rxno\"", "\"cnt\":\"1\",\"rxno\"");
        let back = r#"{"rx_id":"R","hilist_code":"T001700001","cnt":"-1","refd_rx_id":"3"}"#;
        let with = |fees: &str| format!(r#"{{"orders":[{FULING},{bought}],"fees":[{fees}]}}"#);
        BENCH.check(&with(""), "pass");
        BENCH.check(&with(back), "hit 1: 处方全部由单独使用不予支付的饮片组成：茯苓");
    }

    #[test]
    fn what_the_patient_pays_is_taken_away_first() {
        let own = DANGSHEN.replace('}', r#","sumamt":"5","ownpay_amt":"5"}"#);
        check(&format!("{FULING},{own}"), "hit 1: 处方全部由单独使用不予支付的饮片组成：茯苓");
        let own = FULING.replace('}', r#","sumamt":"5","ownpay_amt":"5"}"#);
        check(&own, "nothing");
    }

    #[test]
    fn a_prescription_in_two_calls() {
        let earlier = DANGSHEN.replace('}', r#","curr_drord_flag":"0"}"#);
        check(&format!("{earlier},{FULING}"), "pass");
        let earlier = GOUQI.replace('}', r#","curr_drord_flag":"0"}"#);
        check(
            &format!("{earlier},{FULING}"),
            "hit 1: 处方全部由单独使用不予支付的饮片组成：枸杞子、茯苓",
        );
        let other = DANGSHEN.replace("\"A\"", "\"B\"");
        check(&format!("{FULING},{other}"), "hit 1: 处方全部由单独使用不予支付的饮片组成：茯苓");
    }

    #[test]
    fn a_slice_that_nobody_knows() {
        let unknown = r#"{"rx_id":"9","rxno":"A","hosplist_name":"草药"}"#;
        check(&format!("{FULING},{unknown}"), "unknown orders[9].hilist_code");
        check(&format!("{FULING},{DANGSHEN},{unknown}"), "unknown orders[9].hilist_code");
    }

    #[track_caller]
    fn check(orders: &str, expected: &str) {
        BENCH.check(&format!(r#"{{"orders":[{orders}]}}"#), expected);
    }
}
