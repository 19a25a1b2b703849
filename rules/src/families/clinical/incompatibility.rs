//! C09 配伍禁忌: two drugs in one bag.
//!
//! What: a row names a drug and those that must not be mixed with it. Lines of one infusion group are
//! one bag; two bags through one line in the same hour meet in the tube and get a hint.
//! Why: ceftriaxone with calcium makes crystals; they have killed newborns.
//! Basis: drug labels; 药品管理法 art. 73; 医院处方点评管理规范 2-8.
//! Example: 头孢曲松 and 葡萄糖酸钙 in one group → hit; in two bags begun in the same hour → hint. Lines
//! given into a vein without a group → unknown. Orders of the stay that were written before and still
//! run count too (`active.rs`).

use crate::families::clinical::active::beside_active;
use crate::families::clinical::contact::{is_infused, pairs};
use crate::families::clinical::population::{self, AGE_BELOW, AGE_FROM, Fits};
use crate::families::lines::{names_of_past, positions};
use crate::family::{Case, Family, Hit, Outcome, Rows, Usual};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::{Line, LineKind};

/// The family `incompatibility`.
pub struct Incompatibility;

const ROWS: [Column; 5] = [
    Column::required("partner", "不得同瓶的药品或溶媒", ColumnKind::Keys),
    Column::optional("effect", "后果与处理", ColumnKind::Text),
    Column::optional("only_same_bag", "分瓶先后输注不提示", ColumnKind::Flag),
    AGE_FROM,
    AGE_BELOW,
];

impl Family for Incompatibility {
    fn id(&self) -> &'static str {
        "incompatibility"
    }

    fn zh_name(&self) -> &'static str {
        "配伍禁忌"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Reason,
            basis: "药品说明书；药品管理法第七十三条；医院处方点评管理规范（试行）2-8",
            window: "同一次输注",
            text: "【{药品}】与【{另一药品}】{关系}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.grpno",
            "orders.hosplist_code",
            "orders.drug_ingd",
            "orders.drug_used_way_code",
            "orders.drord_begn_date",
            "history.orders",
            "patient.brdy",
            "patient.geso_val",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn partners(&self) -> &'static [&'static str] {
        &["partner"]
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        population::fault(row)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        beside_active(case, |active| judge_beside(case, active))
    }
}

fn judge_beside<'a>(case: &Case<'a>, active: &[&'a Line<'a>]) -> Vec<Outcome> {
    let mut told: Vec<(Place, Place)> = Vec::new();
    let mut outcomes = Vec::new();
    for (row, one, other) in pairs(case, active) {
        let (place, its) = (place(one), place(other));
        let pair = (place.min(its), place.max(its));
        let infused = [one, other].map(is_infused);
        if told.contains(&pair) || infused.contains(&Some(false)) {
            continue;
        }
        told.push(pair);
        outcomes.push(match population::fits(case, row, one) {
            Fits::Yes => unless_open([one, other], judge_pair(row, one, other)),
            Fits::No => Outcome::NotApplicable,
            Fits::Unknown(missing) => Outcome::Unknown { missing },
        });
    }
    if outcomes.is_empty() {
        outcomes.push(Outcome::Pass);
    }
    outcomes
}

/// Positions of the past are another list's; what runs already comes before what is ordered now.
type Place = (bool, usize);

fn place(line: &Line<'_>) -> Place {
    (line.kind != LineKind::Past, line.position)
}

/// Where nobody can say whether both run into a vein, nobody can say that they meet.
fn unless_open(lines: [&Line<'_>; 2], judged: Outcome) -> Outcome {
    let open = lines.into_iter().filter(|line| is_infused(line).is_none());
    let mut missing: Vec<String> = open.map(|line| line.path("drug_used_way_code")).collect();
    match judged {
        Outcome::Unknown { missing: others } if !missing.is_empty() => {
            missing.extend(others);
            Outcome::Unknown { missing }
        }
        Outcome::Hit(_) if !missing.is_empty() => Outcome::Unknown { missing },
        judged => judged,
    }
}

fn judge_pair(row: &Row, one: &Line<'_>, other: &Line<'_>) -> Outcome {
    let (first, second) = (one.order.group.as_ref(), other.order.group.as_ref());
    let Some((first, second)) = first.zip(second) else {
        let without = [one, other].into_iter().filter(|line| line.order.group.is_none());
        return Outcome::Unknown { missing: without.map(|line| line.path("grpno")).collect() };
    };
    if first == second {
        return hit(row, one, other, "不得同瓶", (None, None));
    }
    let is_same_hour = one.has_time()
        && other.has_time()
        && one.moment().date() == other.moment().date()
        && one.moment().hour() == other.moment().hour();
    if is_same_hour && !row.parameters.flag("only_same_bag") {
        let weight = (Some(Severity::Slight), Some(Action::Hint));
        return hit(row, one, other, "同一时段输注，须冲管或分开", weight);
    }
    Outcome::Pass
}

fn hit(
    row: &Row,
    one: &Line<'_>,
    other: &Line<'_>,
    said: &str,
    (severity, action): (Option<Severity>, Option<Action>),
) -> Outcome {
    let effect = row.parameters.maybe_text("effect").map(|e| format!("：{e}")).unwrap_or_default();
    let (later, earlier) = if place(one) > place(other) { (one, other) } else { (other, one) };
    Outcome::Hit(Hit {
        violating: vec![later.position],
        involved: positions(&[earlier]),
        text: format!("【{}】与【{}】{said}{effect}", one.name(), other.name()),
        evidence: [vec![said.to_owned()], names_of_past(&[earlier])].concat(),
        source: Some(row.source.clone()),
        severity,
        action,
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "incompatibility",
        parameters: "",
        rows: "match,key,item,partner,effect,source,flag\n\
               ingredient,头孢曲松,头孢曲松,ingredient:葡萄糖酸钙,生成沉淀,label,B\n",
        drugs: "hospital,CRO,注射用头孢曲松,,头孢曲松,1 g,支,1,注射,\n\
                hospital,CAL,葡萄糖酸钙注射液,,葡萄糖酸钙,1 g,支,5,注射,\n\
                hospital,CAT,葡萄糖酸钙片,,葡萄糖酸钙,0.5 g,片,100,口服,\n",
    };

    #[test]
    fn one_bag() {
        let hit = "hit 2: 【注射用头孢曲松】与【葡萄糖酸钙注射液】不得同瓶：生成沉淀";
        check(&[("CRO", "1", ""), ("CAL", "1", "")], hit);
        check(&[("CAL", "1", ""), ("CRO", "1", "")], hit);
        check(&[("CRO", "1", ""), ("CAL", "2", "")], "pass");
    }

    #[test]
    fn two_bags_in_one_hour_are_a_hint() {
        let at = |time: &str| format!(r#","drord_begn_date":"20260515{time}""#);
        let (nine, half, ten) = (at("090000"), at("093000"), at("100000"));
        check(
            &[("CRO", "1", &nine), ("CAL", "2", &half)],
            "hit 2: 【注射用头孢曲松】与【葡萄糖酸钙注射液】同一时段输注，须冲管或分开：生成沉淀",
        );
        check(&[("CRO", "1", &nine), ("CAL", "2", &ten)], "pass");
    }

    /// The sheet of a whole stay: the number of a group comes again.
    #[test]
    fn bags_of_other_days_are_not_one() {
        let days = |from: &str, to: &str| {
            format!(r#","drord_begn_date":"{from}","drord_stop_date":"{to}""#)
        };
        let first = days("20260506080000", "20260508090000");
        check(
            &[("CRO", "1", &first), ("CAL", "1", &days("20260511080000", "20260513080000"))],
            "pass",
        );
        let hit = "hit 2: 【注射用头孢曲松】与【葡萄糖酸钙注射液】不得同瓶：生成沉淀";
        check(
            &[("CRO", "1", &first), ("CAL", "1", &days("20260507080000", "20260513080000"))],
            hit,
        );
    }

    #[test]
    fn by_mouth_it_meets_nothing() {
        check(&[("CRO", "1", ""), ("CAT", "1", "")], "pass");
        check(&[("CRO", "1", "")], "pass");
    }

    #[test]
    fn words_that_nobody_knows_are_no_pass() {
        let way = |said: &str| format!(r#","drug_used_way_name":"{said}""#);
        let hit = "hit 2: 【注射用头孢曲松】与【葡萄糖酸钙注射液】不得同瓶：生成沉淀";
        for said in ["静脉输液", "静点", "续滴", "ivd", "iv gtt"] {
            check(&[("CRO", "1", &way(said)), ("CAL", "1", &way(said))], hit);
        }
        let odd = way("科室用");
        let unknown = "unknown orders[1].drug_used_way_code; data C309";
        check(&[("CRO", "1", &odd), ("CAL", "1", "")], unknown);
        check(&[("CRO", "1", &odd), ("CAL", "2", "")], "data C309; pass");
        check(&[("CRO", "1", &odd), ("CAT", "1", "")], "data C309; pass");
        let coded = odd + r#","drug_used_way_code":"404""#;
        check(&[("CRO", "1", &coded), ("CAL", "1", "")], &format!("{hit}; data C309"));
        // Of a drug in no table nobody knows, either.
        BENCH.check(
            r#"{"orders":[{"rx_id":"1","hosplist_code":"CRO","grpno":"1"},
                {"rx_id":"2","hosplist_code":"X","drug_ingd":"葡萄糖酸钙","grpno":"1"}]}"#,
            "unknown orders[2].drug_used_way_code",
        );
    }

    #[test]
    fn without_a_group_nobody_knows() {
        check(&[("CRO", "", ""), ("CAL", "1", "")], "unknown orders[1].grpno");
        check(&[("CRO", "", ""), ("CAL", "", "")], "unknown orders[1].grpno,orders[2].grpno");
    }

    #[track_caller]
    fn check(lines: &[(&str, &str, &str)], expected: &str) {
        let lines = lines.iter().enumerate();
        let lines: Vec<_> = lines
            .map(|(at, (drug, group, more))| {
                format!(
                    r#"{{"rx_id":"{}","hosplist_code":"{drug}","grpno":"{group}"{more}}}"#,
                    at + 1
                )
            })
            .collect();
        BENCH.check(&format!(r#"{{"orders":[{}]}}"#, lines.join(",")), expected);
    }
}
