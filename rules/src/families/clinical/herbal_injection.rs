//! C24 中药注射剂: alone in its bag, and the line is flushed before the next drug.
//!
//! What: a herbal injection in one group with any other drug than its solvent is a hit; another drug that
//! goes into a vein on the same day is a reminder to flush between them. So is one that was ordered before
//! in this stay and still runs (`active.rs`).
//! Why: mixtures of herbal injections precipitate and cause shock.
//! Basis: 中药注射剂临床使用基本原则.
//! Example: 丹参注射液 and 维生素C in one group → hit; in the same vein later → reminder. Without group numbers
//! nobody knows what shares a bag → unknown.

use crate::drug::Form;
use crate::drug_kind::DrugKind;
use crate::families::clinical::active::{beside_active, is_of_this_encounter};
use crate::families::lines::{is_solvent, names_of_past, of_kinds, positions};
use crate::family::{Case, Family, Hit, Outcome, Usual};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `herbal_injection`.
pub struct HerbalInjection;

impl Family for HerbalInjection {
    fn id(&self) -> &'static str {
        "herbal_injection"
    }

    fn zh_name(&self) -> &'static str {
        "中药注射剂单独使用"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Reason,
            basis: "中药注射剂临床使用基本原则（2008年）",
            window: "同时在用",
            text: "【{药品}】{不得同用的情形}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hosplist_code",
            "orders.grpno",
            "orders.slvt_flag",
            "orders.drug_used_way_code",
            "orders.drord_begn_date",
            "history.orders",
        ]
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        beside_active(case, |active| judge_beside(case, active))
    }
}

fn judge_beside<'a>(case: &Case<'a>, active: &[&'a Line<'a>]) -> Vec<Outcome> {
    // In the vein of this stay; what another visit gave is over.
    let running = active.iter().copied().filter(|line| is_of_this_encounter(case, line));
    let running: Vec<&Line<'_>> = running.collect();
    let beside: Vec<&Line<'_>> = case.lines().chain(running.iter().copied()).collect();
    let mut outcomes =
        of_kinds(case, &[DrugKind::HerbalInjection], |line| judge_line(line, &beside));
    let now: Vec<&Line<'_>> = case.lines().filter(|line| line.order.current).collect();
    let herbal =
        running.iter().filter(|line| line.is_kind(DrugKind::HerbalInjection) == Some(true));
    outcomes.extend(herbal.map(|line| judge_line(line, &now)));
    outcomes
}

fn judge_line(line: &Line<'_>, beside: &[&Line<'_>]) -> Outcome {
    if !is_intravenous(line) {
        return Outcome::NotApplicable;
    }
    let others = beside.iter().copied().filter(|other| {
        !std::ptr::eq(*other, line)
            && other.overlaps(line)
            && is_intravenous(other)
            && !is_solvent(other)
    });
    let others: Vec<&Line<'_>> = others.collect();
    let group = line.order.group.as_deref();
    let (same, other): (Vec<&Line<'_>>, Vec<&Line<'_>>) = others
        .into_iter()
        .partition(|other| group.is_some() && other.order.group.as_deref() == group);
    // What is in no table may be the solvent itself.
    if let Some(open) = same.iter().find(|it| it.product.is_none() && it.order.solvent.is_none()) {
        return Outcome::unknown(open.path("hosplist_code"));
    }
    if !same.is_empty() {
        return hit(line, &same, "应单独使用，不得与其他药品同瓶", None);
    }
    if let Some(open) = [line].iter().chain(&other).find(|it| it.order.group.is_none())
        && !other.is_empty()
    {
        return Outcome::unknown(open.path("grpno"));
    }
    if other.is_empty() {
        return Outcome::Pass;
    }
    hit(line, &other, "同日另有静脉用药，更换前应以溶媒冲管", Some(Action::Hint))
}

fn is_intravenous(line: &Line<'_>) -> bool {
    let is_elsewhere = |text: &str| ["肌", "皮下", "皮内", "穴位"].iter().any(|w| text.contains(w));
    line.form() == Some(Form::Injection)
        && !line.order.route_text.as_deref().is_some_and(is_elsewhere)
}

fn hit(line: &Line<'_>, others: &[&Line<'_>], text: &str, action: Option<Action>) -> Outcome {
    let names: Vec<_> = others.iter().map(|other| format!("【{}】", other.name())).collect();
    let (own, others_now) = (positions(&[line]), positions(others));
    // Beside what runs already the new lines are those that can be taken back.
    let (violating, involved) = if own.is_empty() { (others_now, own) } else { (own, others_now) };
    Outcome::Hit(Hit {
        violating,
        involved,
        text: format!("【{}】{text}：{}", line.name(), names.join("")),
        evidence: [vec![text.to_owned()], names_of_past(&[&[line], others].concat())].concat(),
        severity: action.map(|_| Severity::Slight),
        action,
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "herbal_injection",
        parameters: "",
        rows: "",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                hospital,DS,丹参注射液,,丹参,?,支,5,注射,,,中药注射剂|中成药\n\
                hospital,VC,维生素C注射液,,维生素C,0.5 g,支,5,注射,,,\n\
                hospital,GS,葡萄糖注射液,,葡萄糖,?,瓶,1,注射,,,溶媒\n\
                hospital,AML,苯磺酸氨氯地平片,,氨氯地平,5 mg,片,7,口服,,,\n",
    };

    #[test]
    fn alone_in_the_bag() {
        check(
            &[("DS", "g1"), ("VC", "g1"), ("GS", "g1")],
            "hit 1: 【丹参注射液】应单独使用，不得与其他药品同瓶：【维生素C注射液】",
        );
        check(&[("DS", "g1"), ("GS", "g1")], "pass");
        check(&[("DS", "g1"), ("AML", "")], "pass");
        check(&[("VC", "g1"), ("GS", "g1")], "nothing");
    }

    #[test]
    fn flush_between() {
        check(
            &[("DS", "g1"), ("VC", "g2")],
            "hit 1: 【丹参注射液】同日另有静脉用药，更换前应以溶媒冲管：【维生素C注射液】",
        );
        let muscle = r#"g2","drug_used_way_code":"肌肉注射"#;
        check(&[("DS", "g1"), ("VC", muscle)], "pass");
        let tomorrow = r#"g2","drord_begn_date":"20260520"#;
        let today = r#"g1","medc_days":"1"#;
        check(&[("DS", today), ("VC", tomorrow)], "pass");
    }

    #[test]
    fn without_groups_nobody_knows() {
        check(&[("DS", ""), ("VC", "")], "unknown orders[1].grpno");
        check(&[("DS", "g1"), ("VC", "")], "unknown orders[2].grpno");
        check(&[("DS", ""), ("GS", "")], "pass");
        let unmapped = r#"g1","drug_used_way_code":"静滴"#;
        check(&[("DS", "g1"), ("YP404", unmapped)], "unknown orders[2].hosplist_code");
        let solvent = r#"g1","slvt_flag":"1","drug_used_way_code":"静滴"#;
        check(&[("DS", "g1"), ("YP404", solvent)], "unknown orders[2].hosplist_code");
    }

    #[track_caller]
    fn check(lines: &[(&str, &str)], expected: &str) {
        let lines: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(at, (drug, group))| {
                format!(r#"{{"rx_id":"{}","hosplist_code":"{drug}","grpno":"{group}"}}"#, at + 1)
            })
            .collect();
        BENCH.check(&format!(r#"{{"orders":[{}]}}"#, lines.join(",")), expected);
    }
}
