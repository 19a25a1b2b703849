//! C10 重复用药 and I13 重复开药: the same ingredient, or the same kind of drug, twice.
//!
//! What: without rows, two lines with a common ingredient are a hit. With rows (ingredient →
//! class), two lines of one class with different ingredients are. Only lines that act on the whole
//! body and are taken on some common day count, and at least one must belong to this session.
//! Why: combination products hide their ingredients, so 对乙酰氨基酚 is given twice unseen.
//! Basis: 医院处方点评管理规范 2-7, 3-4; GZ10000301006000.
//! Example: 布洛芬 + 双氯芬酸 by mouth → hit; 双氯芬酸 gel → pass. Let through: named pairs (dual
//! antiplatelet therapy), a switch from injection to mouth, ward drugs continued as discharge drugs,
//! a few days of overlap while one dose replaces another. Orders that were written before and still
//! run count too (`active.rs`); the next supply of the same product is I13's.

use std::collections::BTreeSet;

use jiff::civil::DateTime;

use crate::drug::Form;
use crate::families::clinical::active::{beside_active, goes_on, is_audit};
use crate::families::lines::{names_of_past, positions};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::knowledge::{Key, Row};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::scope::Fit;
use crate::session::{Line, LineKind};

/// The family `duplicate_ingredient`.
pub struct DuplicateIngredient;

const PARAMETERS: [Column; 3] = [
    Column::optional("exempt_pairs", "豁免的组合，如「阿司匹林+氯吡格雷」", ColumnKind::List),
    Column::optional("switch_ok", "允许注射剂与口服剂序贯", ColumnKind::Flag),
    Column::optional("overlap_days_ok", "减量换药时允许重叠的天数", ColumnKind::Whole),
];

const ROWS: [Column; 1] = [Column::required("class", "药理类别", ColumnKind::Text)];

impl Family for DuplicateIngredient {
    fn id(&self) -> &'static str {
        "duplicate_ingredient"
    }

    fn zh_name(&self) -> &'static str {
        "重复用药"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Confirm,
            basis: "医院处方点评管理规范（试行）2-7；GZ10000301006000 重复开药",
            window: "同时在用",
            text: "【{药品}】与【{另一药品}】{相同之处}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hosplist_code",
            "orders.hilist_code",
            "orders.drug_ingd",
            "orders.drug_used_way_code",
            "orders.drord_begn_date",
            "orders.drord_stop_date",
            "orders.medc_days",
            "orders.dscg_tkdrug_flag",
            "history.orders",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Optional(&ROWS)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        beside_active(case, |active| judge_beside(case, active))
    }
}

fn judge_beside<'a>(case: &Case<'a>, active: &[&'a Line<'a>]) -> Vec<Outcome> {
    let running: Vec<&Line<'_>> = active.iter().copied().filter(|line| goes_on(line)).collect();
    let by_ingredient = case.rule.rows.is_empty();
    let kinds = if by_ingredient { ingredients(case, &running) } else { classes(case, &running) };
    let mut outcomes = Vec::new();
    for (at, first) in kinds.iter().enumerate() {
        for second in kinds.iter().skip(at + 1) {
            outcomes.extend(pair(case, first, second));
        }
    }
    if by_ingredient && may_contain(case).chain(running.iter().copied()).nth(1).is_some() {
        outcomes.extend(unknown_lines(case));
        outcomes.extend(running.iter().filter_map(|line| unlisted(line)));
    }
    if outcomes.is_empty() {
        outcomes.push(Outcome::Pass);
    }
    outcomes
}

/// What runs already and contains nobody knows what; what has neither dose nor way is care, not a drug.
fn unlisted(line: &Line<'_>) -> Option<Outcome> {
    let is_given = line.order.single_dose.is_some() || line.order.route.is_some();
    let is_unknown = line.may_be_drug() && is_given && !line.has_known_ingredients();
    is_unknown.then(|| Outcome::Unlisted { missing: line.shared_path("drug_ingd") })
}

/// A line, one of its ingredients, and what that is counted as.
struct Kind<'a> {
    line: &'a Line<'a>,
    ingredient: &'a str,
    /// The ingredient itself, or its class.
    counted_as: &'a str,
}

/// The orders that were not taken back; what was charged was ordered before.
fn taken<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Line<'a>> {
    case.lines().filter(|line| !line.is_cancelled())
}

fn ingredients<'a>(case: &Case<'a>, running: &[&'a Line<'a>]) -> Vec<Kind<'a>> {
    let lines = taken(case).chain(running.iter().copied()).filter(|line| line.is_systemic());
    let kinds = lines.flat_map(|line| {
        line.ingredient_names().map(move |ingredient| Kind {
            line,
            ingredient,
            counted_as: ingredient,
        })
    });
    kinds.collect()
}

fn classes<'a>(case: &Case<'a>, running: &[&'a Line<'a>]) -> Vec<Kind<'a>> {
    let systemic = |found: &Match<'_>| found.line.is_systemic() && !found.line.is_cancelled();
    let matches = case.matches.iter().copied().chain(matches_of(case, running));
    let kinds = matches.filter(systemic).flat_map(|found| {
        let counted_as = found.row.parameters.text("class");
        let ingredients = match &found.row.key {
            Key::Ingredient(name) => vec![name.as_str()],
            // Of a whole branch the drugs differ by what they contain.
            _ => found.line.ingredients().unwrap_or_default(),
        };
        ingredients.into_iter().map(|ingredient| Kind { line: found.line, ingredient, counted_as })
    });
    kinds.collect()
}

/// What runs already, by the rows of the classes that this session is about.
fn matches_of<'a>(case: &Case<'a>, running: &[&'a Line<'a>]) -> Vec<Match<'a>> {
    if running.is_empty() {
        return Vec::new();
    }
    let class = |row: &'a Row| row.parameters.text("class");
    let asked: BTreeSet<&str> = case.matches.iter().map(|found| class(found.row)).collect();
    let rows = case.rule.rows.iter().filter(|row| asked.contains(class(row)));
    let in_force =
        |row: &&Row| row.applies(case.now.date()) && row.fits(case.here()) == Fit::Inside;
    let of_row = |row: &'a Row| {
        let about = |line: &&Line<'_>| line.is_about(&row.key, case.session.sets);
        running.iter().copied().filter(about).map(move |line| Match { row, line })
    };
    rows.filter(in_force).flat_map(of_row).collect()
}

/// Those that may contain anything: a service or a device contains nothing that could be given twice.
fn may_contain<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Line<'a>> {
    taken(case).filter(|line| line.may_be_drug() || line.has_known_ingredients())
}

/// Lines of which nobody knows what they contain could duplicate any other.
fn unknown_lines(case: &Case<'_>) -> Option<Outcome> {
    let lines = may_contain(case).filter(|line| !line.has_known_ingredients());
    let missing: Vec<_> = lines.map(|line| line.path("drug_ingd")).collect();
    (!missing.is_empty()).then_some(Outcome::Unknown { missing })
}

fn pair(case: &Case<'_>, one: &Kind<'_>, other: &Kind<'_>) -> Option<Outcome> {
    // What was added later is what can be taken back.
    let place = |kind: &Kind<'_>| {
        let line = kind.line;
        (line.order.current, line.kind != LineKind::Past, line.position)
    };
    let (first, second) = if place(one) <= place(other) { (one, other) } else { (other, one) };
    let by_class = !case.rule.rows.is_empty();
    let is_duplicate = first.counted_as == second.counted_as
        && !std::ptr::eq(first.line, second.line)
        // The same ingredient twice is told by the rule without classes.
        && (!by_class || first.ingredient != second.ingredient);
    if !is_duplicate || is_let_through(case, first, second) {
        return None;
    }
    if continues_the_ward(first.line, second.line).is_none() {
        let open = [second.line, first.line].into_iter().find(|it| it.is_taken_home().is_none());
        return open.map(|line| Outcome::unknown(line.path("drord_bhvr")));
    }
    let (one, other) = (first.line.name(), second.line.name());
    let text = if by_class {
        format!("【{one}】与【{other}】同属{}", first.counted_as)
    } else {
        format!("【{one}】与【{other}】均含{}", first.counted_as)
    };
    Some(Outcome::Hit(Hit {
        violating: vec![second.line.position],
        involved: positions(&[first.line]),
        text,
        evidence: [vec![first.counted_as.to_owned()], names_of_past(&[first.line])].concat(),
        ..Hit::default()
    }))
}

fn is_let_through(case: &Case<'_>, first: &Kind<'_>, second: &Kind<'_>) -> bool {
    let (one, other) = (first.line, second.line);
    let is_old = !one.order.current && !other.order.current;
    let continues_the_ward = continues_the_ward(one, other) == Some(true);
    let is_named = case.rule.parameters.list("exempt_pairs").iter().any(|pair| {
        pair.split_once('+').is_some_and(|(a, b)| {
            let (a, b) = (a.trim(), b.trim());
            (a, b) == (first.ingredient, second.ingredient)
                || (a, b) == (second.ingredient, first.ingredient)
        })
    });
    let is_switch = case.rule.parameters.flag("switch_ok")
        && matches!(
            (one.form(), other.form()),
            (Some(Form::Injection), Some(Form::Oral)) | (Some(Form::Oral), Some(Form::Injection))
        );
    let is_tapering =
        case.rule.parameters.maybe_whole("overlap_days_ok").is_some_and(|most| {
            overlap_days(one, other).is_some_and(|days| days <= i64::from(most))
        });
    let is_apart = is_test_of(one, other) || is_renewal(case, one, other) || !one.overlaps(other);
    is_old || continues_the_ward || is_named || is_switch || is_tapering || is_apart
}

/// Ward drugs that the patient takes home at the end of the stay; what was taken home from an earlier
/// one is no ward drug of this.
fn continues_the_ward(one: &Line<'_>, other: &Line<'_>) -> Option<bool> {
    let is_earlier = |line: &Line<'_>| line.kind == LineKind::Past && line.order.discharge;
    if is_earlier(one) || is_earlier(other) {
        return Some(false);
    }
    one.differs_in_being_taken_home(other)
}

/// A skin test is no dose of the drug that it is for.
fn is_test_of(one: &Line<'_>, other: &Line<'_>) -> bool {
    one.name().contains(SKIN_TEST) != other.name().contains(SKIN_TEST)
}

/// What every hospital has in the name of such an order.
const SKIN_TEST: &str = "皮试";

/// Stopped, and ordered again on the same day: one course and not two. An audit sees all as ordered.
fn is_renewal(case: &Case<'_>, one: &Line<'_>, other: &Line<'_>) -> bool {
    let (earlier, later) = if one.begins <= other.begins { (one, other) } else { (other, one) };
    let stopped = earlier.order.stops.map(DateTime::date);
    let is_before = !earlier.order.current || is_audit(case);
    is_before && earlier.begins < later.begins && stopped == Some(later.begins)
}

/// On how many days the earlier line runs on beside the later; `None` when its end is not known.
fn overlap_days(one: &Line<'_>, other: &Line<'_>) -> Option<i64> {
    let (earlier, later) = if one.begins <= other.begins { (one, other) } else { (other, one) };
    // Two that begin on one day are no step from one to the next.
    if earlier.begins == later.begins {
        return None;
    }
    let days = later.begins.until(earlier.ends()?).ok()?.get_days();
    Some(i64::from(days) + 1)
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const DRUGS: &str = "hospital,APAP,对乙酰氨基酚片,,对乙酰氨基酚,0.5 g,片,20,口服,\n\
        hospital,COLD,氨酚伪麻那敏片,,对乙酰氨基酚+伪麻黄碱,325 mg+30 mg,片,20,口服,\n\
        hospital,IBU,布洛芬缓释胶囊,,布洛芬,0.3 g,粒,20,口服,\n\
        hospital,DIC,双氯芬酸钠缓释片,,双氯芬酸,75 mg,片,20,口服,\n\
        hospital,GEL,双氯芬酸凝胶,,双氯芬酸,?,支,,外用,\n\
        hospital,DICI,双氯芬酸注射液,,双氯芬酸,50 mg,支,5,注射,\n\
        hospital,ASA,阿司匹林肠溶片,,阿司匹林,100 mg,片,30,口服,\n\
        hospital,CLO,氯吡格雷片,,氯吡格雷,75 mg,片,7,口服,\n";

    const SAME: Bench = Bench {
        family: "duplicate_ingredient",
        parameters: "switch_ok = true",
        rows: "",
        drugs: DRUGS,
    };

    const CLASS: Bench = Bench {
        family: "duplicate_ingredient",
        parameters: "exempt_pairs = [\"氯吡格雷 + 阿司匹林\"]",
        rows: "match,key,item,class,source,flag\n\
               ingredient,布洛芬,布洛芬,非甾体抗炎药,ATC M01A,B\n\
               ingredient,双氯芬酸,双氯芬酸,非甾体抗炎药,ATC M01A,B\n\
               ingredient,阿司匹林,阿司匹林,抗血小板药,ATC B01AC,B\n\
               ingredient,氯吡格雷,氯吡格雷,抗血小板药,ATC B01AC,B\n",
        drugs: DRUGS,
    };

    #[test]
    fn a_skin_test_and_a_renewal_are_no_second_dose() {
        let pair = |one: &str, other: &str| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"APAP",{one}}},{{"rx_id":"2","hosplist_code":"APAP",{other}}}]}}"#
            )
        };
        let hit = "hit 2: 【对乙酰氨基酚片】与【对乙酰氨基酚片】均含对乙酰氨基酚";
        let stopped =
            r#""curr_drord_flag":"0","drord_begn_date":"20260503","drord_stop_date":"20260515""#;
        SAME.check(&pair(stopped, r#""medc_days":"2""#), "pass");
        SAME.check(&pair(&stopped.replace("0515", "0516"), r#""medc_days":"2""#), hit);
        // To an audit all orders of the stay are orders of now.
        let audited = |scene: &str| {
            let ordered = stopped.replace(r#""curr_drord_flag":"0","#, "");
            let both = pair(&ordered, r#""drord_begn_date":"20260515""#);
            both.replacen('{', &format!(r#"{{"scene":"{scene}","#), 1)
        };
        SAME.check(&audited("monthly_batch"), "pass");
        SAME.check(&audited("inpatient"), hit);
        let once = r#""drord_begn_date":"20260515","drord_stop_date":"20260515""#;
        SAME.check(&pair(once, r#""medc_days":"2""#), hit);
        SAME.check(&pair(r#""hosplist_name":"某药皮试""#, r#""medc_days":"2""#), "pass");
    }

    #[test]
    fn a_combination_hides_its_ingredient() {
        check(
            &SAME,
            &["APAP", "COLD"],
            "hit 2: 【对乙酰氨基酚片】与【氨酚伪麻那敏片】均含对乙酰氨基酚",
        );
        check(&SAME, &["IBU", "COLD"], "pass");
        check(&SAME, &["IBU"], "pass");
    }

    #[test]
    fn one_class_by_mouth() {
        check(
            &CLASS,
            &["IBU", "DIC"],
            "hit 2: 【布洛芬缓释胶囊】与【双氯芬酸钠缓释片】同属非甾体抗炎药",
        );
        check(&CLASS, &["IBU", "GEL"], "pass");
        check(&CLASS, &["IBU", "IBU"], "pass");
        let gel_by_route = r#"DIC","drug_used_way_code":"612"#;
        check(&CLASS, &["IBU", gel_by_route], "pass");
    }

    #[test]
    fn named_pairs_are_let_through() {
        check(&CLASS, &["ASA", "CLO"], "pass");
    }

    #[test]
    fn a_switch_from_injection_to_mouth() {
        check(&SAME, &["DICI", "DIC"], "pass");
    }

    #[test]
    fn discharge_drugs_continue_ward_drugs() {
        check(&SAME, &["IBU", r#"IBU","dscg_tkdrug_flag":"1"#], "pass");
        check(&SAME, &["IBU", "IBU"], "hit 2: 【布洛芬缓释胶囊】与【布洛芬缓释胶囊】均含布洛芬");
    }

    #[test]
    fn only_days_in_common_count() {
        let first = r#"IBU","drord_begn_date":"20260510","medc_days":"3"#;
        check(&SAME, &[first, r#"IBU","drord_begn_date":"20260513"#], "pass");
        check(
            &SAME,
            &[first, r#"IBU","drord_begn_date":"20260512"#],
            "hit 2: 【布洛芬缓释胶囊】与【布洛芬缓释胶囊】均含布洛芬",
        );
        let stopped = r#"IBU","curr_drord_flag":"0","drord_begn_date":"20260501","drord_stop_date":"20260514"#;
        check(&SAME, &[stopped, "IBU"], "pass");
    }

    const TAPER: Bench = Bench {
        family: "duplicate_ingredient",
        parameters: "overlap_days_ok = 3",
        rows: "match,key,item,class,source,flag\n\
               atc,M01A,非甾体抗炎药,非甾体抗炎药,ATC,B\n",
        drugs: "match,key,name,ingredients,strengths,piece,form,atc\n\
                hospital,IBU,布洛芬缓释胶囊,布洛芬,0.3 g,粒,口服,M01AE01\n\
                hospital,DIC,双氯芬酸钠缓释片,双氯芬酸,75 mg,片,口服,M01AB05\n",
    };

    #[test]
    fn a_branch_is_a_class_and_a_step_may_overlap() {
        let hit = "hit 2: 【布洛芬缓释胶囊】与【双氯芬酸钠缓释片】同属非甾体抗炎药";
        check(&TAPER, &["IBU", "DIC"], hit);
        check(&TAPER, &["IBU", "IBU"], "pass");
        let first = r#"IBU","drord_begn_date":"20260510","medc_days":"7"#;
        check(&TAPER, &[first, r#"DIC","drord_begn_date":"20260514"#], "pass");
        check(&TAPER, &[first, r#"DIC","drord_begn_date":"20260513"#], hit);
    }

    #[test]
    fn two_old_orders_are_not_this_sessions() {
        let old = r#"IBU","curr_drord_flag":"0"#;
        check(&SAME, &[old, old], "pass");
        check(&SAME, &[old, "IBU"], "hit 2: 【布洛芬缓释胶囊】与【布洛芬缓释胶囊】均含布洛芬");
    }

    #[test]
    fn what_nobody_knows_is_unknown() {
        check(&SAME, &["IBU", "YP404"], "unknown orders[2].drug_ingd");
        check(&SAME, &["YP404", r#"YP405","drug_ingd":"布洛芬"#], "unknown orders[1].drug_ingd");
        check(
            &SAME,
            &["IBU", r#"YP405","drug_ingd":"布洛芬"#],
            "hit 2: 【布洛芬缓释胶囊】与【YP405】均含布洛芬",
        );
        check(&CLASS, &["IBU", "YP404"], "unknown orders[2].drug_ingd");
    }

    #[test]
    fn a_service_contains_nothing() {
        let service = r#"JC1","hilist_code":"003301000020000"#;
        let device = r#"HC1","hilist_code":"C0301051930300003720000001"#;
        check(&SAME, &["IBU", service, device], "pass");
        check(&SAME, &[service, device], "pass");
        check(&SAME, &["YP404", service], "pass");
        check(&SAME, &["IBU", service, "YP404"], "unknown orders[3].drug_ingd");
        check(&CLASS, &["IBU", service], "pass");
    }

    #[test]
    fn a_charge_is_no_second_order() {
        let with = |fees: &str| {
            format!(r#"{{"orders":[{{"rx_id":"1","hosplist_code":"IBU"}}],"fees":[{fees}]}}"#)
        };
        let charged = r#"{"rx_id":"F1","hosplist_code":"IBU","cnt":"1"}"#;
        SAME.check(&with(charged), "pass");
        SAME.check(&with(r#"{"rx_id":"F1","hosplist_code":"YP404"}"#), "pass");
    }

    #[test]
    fn once_is_over_on_its_day() {
        let once = r#"DICI","drord_begn_date":"20260513","drug_used_frqu":"ST","drord_stop_date":"20260520","medc_days":"7"#;
        let twice = r#"DICI","drug_used_frqu":"QD"#;
        check(&SAME, &[once, twice], "pass");
        check(
            &SAME,
            &[&once.replace("20260513", "20260515"), twice],
            "hit 2: 【双氯芬酸注射液】与【双氯芬酸注射液】均含双氯芬酸",
        );
    }

    #[track_caller]
    fn check(bench: &Bench, drugs: &[&str], expected: &str) {
        let lines = drugs.iter().enumerate();
        let lines: Vec<_> = lines
            .map(|(at, drug)| format!(r#"{{"rx_id":"{}","hosplist_code":"{drug}"}}"#, at + 1))
            .collect();
        bench.check(&format!(r#"{{"orders":[{}]}}"#, lines.join(",")), expected);
    }
}
