//! C22 十八反、十九畏: herbs that are not used together, under whatever processed name.
//!
//! What: a row names a herb or a set and what it does not go with. Pairs in one formula count, and
//! pairs that are taken on the same days, slices and patent medicines alike, with what was ordered
//! before and still runs (`active.rs`); processed names are led back to their root by the drug
//! table (黑顺片 is 附子).
//! Why: the pharmacopoeia says so in its notes; where a doctor means it, he signs a second time.
//! Basis: 中华人民共和国药典; GZ10000301012000.
//! Example: 黑顺片 + 法半夏 in one formula → hit; signed twice → pass. 丁香 + 郁金 → hit.

use crate::families::clinical::active::{beside_active, goes_on, is_of_this_encounter};
use crate::families::clinical::contact;
use crate::families::lines::{names_of_past, positions};
use crate::family::{Case, Family, Hit, Outcome, Rows, Usual};
use crate::knowledge::{Key, Row};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::{Line, LineKind};

/// The family `herb_pair`.
pub struct HerbPair;

const ROWS: [Column; 2] = [
    Column::required("against", "不宜同用的药材", ColumnKind::Keys),
    Column::required("relation", "关系", ColumnKind::Choice(&["反", "畏"])),
];

impl Family for HerbPair {
    fn id(&self) -> &'static str {
        "herb_pair"
    }

    fn zh_name(&self) -> &'static str {
        "中药配伍禁忌（十八反十九畏）"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "GZ10000301012000 中药饮片配伍禁忌；中华人民共和国药典",
            window: "同一处方",
            text: "{饮片}{关系}{另一饮片}，确需同用请医师再次签名",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hosplist_name",
            "orders.drug_ingd",
            "orders.rxno",
            "orders.drord_begn_date",
            "orders.medc_days",
            "orders.attst_flag",
            "history.orders",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn partners(&self) -> &'static [&'static str] {
        &["against"]
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        beside_active(case, |active| judge_beside(case, active))
    }
}

fn judge_beside<'a>(case: &Case<'a>, active: &[&'a Line<'a>]) -> Vec<Outcome> {
    let running = active.iter().copied().filter(|line| goes_on(line));
    let lines = case.lines().chain(running).filter(|line| line.is_systemic());
    let lines: Vec<&Line<'_>> = lines.collect();
    let mut outcomes = Vec::new();
    for row in contact::rows(case) {
        let keys = row.parameters.keys("against");
        for line in lines.iter().filter(|line| line.is_about(&row.key, case.session.sets)) {
            let others = lines.iter().filter(|other| about_any(case, other, keys));
            let pairs = others.filter(|other| together(line, other));
            outcomes.extend(pairs.map(|other| judge_pair(case, row, (line, other))));
        }
    }
    if outcomes.is_empty() { vec![Outcome::Pass] } else { outcomes }
}

fn about_any(case: &Case<'_>, line: &Line<'_>, keys: &[Key]) -> bool {
    keys.iter().any(|key| line.is_about(key, case.session.sets))
}

/// In one formula, or taken on the same days; a line beside itself is a finished product.
fn together(one: &Line<'_>, other: &Line<'_>) -> bool {
    let is_now = one.order.current || other.order.current;
    let is_one_formula = one.order.rxno.is_some() && one.order.rxno == other.order.rxno;
    !std::ptr::eq(one, other) && is_now && (is_one_formula || one.overlaps(other))
}

/// A formula of an earlier visit may be taken to its end or give way to the new one: nobody wrote it.
fn is_replaced(case: &Case<'_>, line: &Line<'_>) -> bool {
    let is_earlier = line.kind == LineKind::Past && !is_of_this_encounter(case, line);
    is_earlier && line.begins < case.now.date()
}

fn judge_pair(case: &Case<'_>, row: &Row, (line, other): (&Line<'_>, &Line<'_>)) -> Outcome {
    if [line, other].iter().all(|line| !line.order.current || line.order.attested == Some(true)) {
        return Outcome::Pass;
    }
    if let Some(earlier) = [line, other].into_iter().find(|it| is_replaced(case, it)) {
        return Outcome::unknown(earlier.path("drord_stop_date"));
    }
    let relation = row.parameters.text("relation");
    Outcome::Hit(Hit {
        violating: positions(&[line, other]),
        text: format!(
            "{}{relation}{}，确需同用请医师再次签名",
            named(case, line, std::slice::from_ref(&row.key)),
            named(case, other, row.parameters.keys("against"))
        ),
        evidence: [vec![relation.to_owned()], names_of_past(&[line, other])].concat(),
        source: Some(row.source.clone()),
        ..Hit::default()
    })
}

/// `【黑顺片】（附子）`: the root in brackets where the name does not tell it.
fn named(case: &Case<'_>, line: &Line<'_>, keys: &[Key]) -> String {
    let roots = line.ingredients().unwrap_or_default();
    let is_meant = |root: &&&str| {
        let key = Key::Ingredient((**root).into());
        keys.iter().any(|wanted| match wanted {
            Key::Set(name) => case.session.sets.members(name, line.begins).contains(&key),
            wanted => *wanted == key,
        })
    };
    match roots.iter().find(is_meant) {
        Some(root) if *root != line.name() => format!("【{}】（{root}）", line.name()),
        _ => format!("【{}】", line.name()),
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "herb_pair",
        parameters: "",
        rows: "match,key,item,against,relation,source,flag\n\
               ingredient,附子,附子,ingredient:半夏|ingredient:白及,反,s,A\n\
               ingredient,丁香,丁香,ingredient:郁金,畏,s,A\n",
        drugs: "name,附子,附子,,附子,?,,,其他,\nname,黑顺片,黑顺片,,附子,?,,,其他,\n\
                name,法半夏,法半夏,,半夏,?,,,其他,\nname,白及,白及,,白及,?,,,其他,\n\
                name,丁香,丁香,,丁香,?,,,其他,\nname,郁金,郁金,,郁金,?,,,其他,\n\
                name,黄芪,黄芪,,黄芪,?,,,其他,\n\
                name,附子理中丸,附子理中丸,,附子+干姜,?+?,丸,10,口服,\n\
                name,附半丸,附半丸,,附子+半夏,?+?,丸,10,口服,\n\
                name,半夏贴,半夏贴,,半夏,?,贴,1,外用,\n",
    };

    #[test]
    fn under_whatever_name() {
        check(
            &["黑顺片", "法半夏"],
            "hit 1,2: 【黑顺片】（附子）反【法半夏】（半夏），确需同用请医师再次签名",
        );
        check(&["白及", "附子"], "hit 2,1: 【附子】反【白及】，确需同用请医师再次签名");
        check(&["丁香", "郁金"], "hit 1,2: 【丁香】畏【郁金】，确需同用请医师再次签名");
        check(&["黑顺片", "黄芪"], "pass");
        check(&["法半夏", "黄芪"], "pass");
        check(&["黄芪", "黄芪"], "nothing");
    }

    #[test]
    fn with_a_patent_medicine() {
        check(
            &["法半夏", r#"附子理中丸","rxno":"B"#],
            "hit 2,1: 【附子理中丸】（附子）反【法半夏】（半夏），确需同用请医师再次签名",
        );
        check(&["黑顺片", "半夏贴"], "pass");
        // A finished product that was licensed so is no pair with itself.
        check(&["附半丸", "黄芪"], "pass");
    }

    #[test]
    fn other_days_and_a_second_signature() {
        let week = r#"黑顺片","rxno":"A","drord_begn_date":"20260501","medc_days":"7"#;
        check(&[week, r#"法半夏","rxno":"B"#], "pass");
        check(&[r#"黑顺片","attst_flag":"1"#, r#"法半夏","attst_flag":"1"#], "pass");
        let old = r#"黑顺片","curr_drord_flag":"0"#;
        check(
            &[old, "法半夏"],
            "hit 1,2: 【黑顺片】（附子）反【法半夏】（半夏），确需同用请医师再次签名",
        );
        check(&[old, r#"法半夏","curr_drord_flag":"0"#], "pass");
    }

    #[track_caller]
    fn check(names: &[&str], expected: &str) {
        let lines = names.iter().enumerate();
        let lines: Vec<_> = lines
            .map(|(at, name)| {
                let id = at + 1;
                let rxno = if name.contains("rxno") { "" } else { r#","rxno":"A""# };
                format!(r#"{{"rx_id":"{id}"{rxno},"hosplist_name":"{name}"}}"#)
            })
            .collect();
        BENCH.check(&format!(r#"{{"orders":[{}]}}"#, lines.join(",")), expected);
    }
}
