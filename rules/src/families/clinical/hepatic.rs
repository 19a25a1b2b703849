//! C17 肝功能: a sick liver, or a drug that makes it sicker.
//!
//! What: a row gives a drug the multiple of the upper limit of ALT or AST, or of bilirubin, or the
//! Child-Pugh classes, from which it is forbidden or limited to a dose a day. The limit is the
//! laboratory's own. Classes are asked for only where a cirrhosis was diagnosed.
//! Why: statins, paracetamol and many others with an active liver disease.
//! Basis: drug labels; GZ10000301008000 禁忌症; 医院处方点评管理规范 2-2.
//! Example: ALT 210 with a limit of 40 = 5.2 times, 瑞舒伐他汀 → hit. No limit with the result → unknown.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::families::clinical::labs::{self, DAYS_MAX, STAY_DAYS_MAX};
use crate::families::clinical::population::{
    self, AGE_BELOW, AGE_FROM, Fits, LEVEL, WAYS, WITH, diagnosed, forbidden_or_limited, softened,
};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};

/// The family `hepatic`.
pub struct Hepatic;

const PARAMETERS: [Column; 2] = [DAYS_MAX, STAY_DAYS_MAX];

const ROWS: [Column; 10] = [
    Column::optional("enzyme_times", "ALT或AST达到上限的倍数", ColumnKind::Decimal),
    Column::optional("bilirubin_times", "总胆红素达到上限的倍数", ColumnKind::Decimal),
    Column::optional("child_pugh", "Child-Pugh分级，如「B|C」", ColumnKind::List),
    Column::optional("max_day", "每日最大剂量，空为不得使用", ColumnKind::Dose),
    Column::optional("note", "提示语", ColumnKind::Text),
    LEVEL,
    AGE_FROM,
    AGE_BELOW,
    WAYS,
    WITH,
];

const ENZYMES: [(&str, &[&str]); 2] = [
    ("ALT", &["ALT", "丙氨酸氨基转移酶", "谷丙转氨酶", "丙氨酸转氨酶"]),
    ("AST", &["AST", "天门冬氨酸氨基转移酶", "谷草转氨酶", "天冬氨酸氨基转移酶"]),
];
const BILIRUBIN: [(&str, &[&str]); 1] = [("总胆红素", &["总胆红素", "TBIL", "T-BIL"])];
const CHILD_PUGH: [&str; 4] = ["Child-Pugh", "Child-Pugh分级", "Child-Pugh评分", "CHILDPUGH"];
const CIRRHOSIS: [&str; 3] = ["K70.3", "K74", "K76.6"];

impl Family for Hepatic {
    fn id(&self) -> &'static str {
        "hepatic"
    }

    fn zh_name(&self) -> &'static str {
        "肝功能不全用药"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "药品说明书；GZ10000301008000 禁忌症；医院处方点评管理规范（试行）2-2",
            window: "近90天的检验",
            text: "【{药品}】{原因}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "labs.exam_rslt_val",
            "labs.exam_rslt_dicm",
            "labs.ref_val_up",
            "labs.rpt_date",
            "history.labs",
            "diagnoses.dise_codg",
            "orders.drug_ingd",
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "orders.drug_used_frqu",
            "patient.brdy",
            "patient.geso_val",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let measures = ["enzyme_times", "bilirubin_times", "child_pugh"];
        if measures.iter().all(|name| row.get(name).is_none()) {
            return Some(format!("a row needs one of {}", measures.join(", ")));
        }
        let bad =
            row.list("child_pugh").iter().find(|class| !["A", "B", "C"].contains(&class.as_str()));
        if let Some(class) = bad {
            return Some(format!("`{class}` is not a class A, B or C"));
        }
        population::fault(row)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().map(|found| judge_line(case, found)).collect()
    }
}

/// What one measure says of the liver.
enum Liver {
    Ill(String),
    Well,
    Unknown(&'static str),
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    if !found.line.is_systemic() {
        return Outcome::NotApplicable;
    }
    if let Some(outcome) = population::fits(case, found.row, found.line).left_out() {
        return outcome;
    }
    let cells = &found.row.parameters;
    let on = found.line.begins.max(case.now.date());
    let enzymes = cells.maybe_decimal("enzyme_times");
    let bilirubin = cells.maybe_decimal("bilirubin_times");
    let measures = [
        enzymes.map(|times| times_upper(case, &ENZYMES, times, on, "labs.alt")),
        bilirubin.map(|times| times_upper(case, &BILIRUBIN, times, on, "labs.bilirubin")),
        Some(cells.list("child_pugh"))
            .filter(|classes| !classes.is_empty())
            .map(|classes| child_pugh(case, classes, on)),
    ];
    let mut missing = Vec::new();
    for measure in measures.into_iter().flatten() {
        match measure {
            Liver::Ill(said) => return ill(found, &said),
            Liver::Well => {}
            Liver::Unknown(path) => missing.push(path.to_owned()),
        }
    }
    if missing.is_empty() { Outcome::Pass } else { Outcome::Unknown { missing } }
}

/// The worst of several tests, as a multiple of the laboratory's own upper limit.
fn times_upper(
    case: &Case<'_>,
    tests: &[(&str, &[&str])],
    times: Decimal,
    on: Date,
    missing: &'static str,
) -> Liver {
    let results: Vec<_> = tests
        .iter()
        .filter_map(|(name, names)| Some((name, labs::latest(case, names, on)?)))
        .collect();
    let mut is_open = results.is_empty();
    let mut lacks_limit = false;
    for (name, result) in results {
        let limit = result.upper.filter(|upper| *upper > Decimal::ZERO);
        let (Some(value), Some(upper)) = (result.value, limit) else {
            lacks_limit |= result.upper.is_none();
            is_open = true;
            continue;
        };
        if value >= times.saturating_mul(upper) {
            let ratio = value.checked_div(upper).unwrap_or_default();
            let said = format!(
                "{name} {}，为上限{}的{}倍",
                value.normalize(),
                upper.normalize(),
                short(ratio)
            );
            return Liver::Ill(said);
        }
    }
    match (is_open, lacks_limit) {
        (true, true) => Liver::Unknown("labs.ref_val_up"),
        (true, false) => Liver::Unknown(missing),
        _ => Liver::Well,
    }
}

/// One place, cut and not rounded up: 5.25 is not yet 5.3.
fn short(ratio: Decimal) -> Decimal {
    ratio.round_dp_with_strategy(1, rust_decimal::RoundingStrategy::ToZero).normalize()
}

/// A class as written, else by its points; only cirrhosis has one.
fn child_pugh(case: &Case<'_>, classes: &[String], on: Date) -> Liver {
    let Some(result) = labs::latest(case, &CHILD_PUGH, on) else {
        let cirrhosis = CIRRHOSIS.map(str::to_owned);
        return match diagnosed(case, &cirrhosis) {
            Fits::Yes => Liver::Unknown("labs.child_pugh"),
            _ => Liver::Well,
        };
    };
    let written = result.text.as_deref().and_then(class_in);
    let by_points = || {
        let points = result.value?;
        let class = match points {
            points if points >= Decimal::from(10) => "C",
            points if points >= Decimal::from(7) => "B",
            _ => "A",
        };
        (Decimal::from(5)..=Decimal::from(15)).contains(&points).then_some(class)
    };
    match written.or_else(by_points) {
        None => Liver::Unknown("labs.child_pugh"),
        Some(class) if classes.iter().any(|known| known == class) => {
            Liver::Ill(format!("Child-Pugh {class}级"))
        }
        Some(_) => Liver::Well,
    }
}

/// The letter that stands by itself: `Child-Pugh A级` is A, though a C begins it.
fn class_in(text: &str) -> Option<&'static str> {
    let mut words = text.split(|c: char| !c.is_ascii_alphabetic());
    words
        .find_map(|word| ["A", "B", "C"].into_iter().find(|class| word.eq_ignore_ascii_case(class)))
}

fn ill(found: &Match<'_>, said: &str) -> Outcome {
    let cells = &found.row.parameters;
    let note = cells.maybe_text("note").map(|note| format!("，{note}")).unwrap_or_default();
    let (severity, action) = softened(found.row);
    forbidden_or_limited(found, cells.maybe_text("level").unwrap_or("禁用"), |what| {
        Outcome::Hit(Hit {
            violating: vec![found.line.position],
            text: format!("【{}】{what}：{said}{note}", found.line.name()),
            evidence: vec![what, said.to_owned()],
            source: Some(found.row.source.clone()),
            severity,
            action,
            ..Hit::default()
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "hepatic",
        parameters: "days_max = 90",
        rows: "match,key,item,enzyme_times,bilirubin_times,child_pugh,max_day,source,flag\n\
               ingredient,瑞舒伐他汀,瑞舒伐他汀,3,,,,label,B\n\
               ingredient,对乙酰氨基酚,对乙酰氨基酚,,,B|C,2 g,label,B\n\
               ingredient,利福平,利福平,,2,,,label,B\n",
        drugs: "hospital,ROS,瑞舒伐他汀片,,瑞舒伐他汀,10 mg,片,7,口服,\n\
                hospital,APAP,对乙酰氨基酚片,,对乙酰氨基酚,0.5 g,片,20,口服,\n\
                hospital,RIF,利福平胶囊,,利福平,0.15 g,粒,100,口服,\n",
    };

    #[test]
    fn times_the_laboratorys_own_limit() {
        let alt = |value: &str, upper: &str| {
            lab("ALT", &format!(r#""exam_rslt_val":"{value}","ref_val_up":"{upper}""#))
        };
        check(
            "ROS",
            &alt("210", "40"),
            "",
            "hit 1: 【瑞舒伐他汀片】禁用：ALT 210，为上限40的5.2倍",
        );
        check("ROS", &alt("120", "40"), "", "hit 1: 【瑞舒伐他汀片】禁用：ALT 120，为上限40的3倍");
        check("ROS", &alt("119", "40"), "", "pass");
        check("ROS", &alt("120", "50"), "", "pass");
        check("ROS", &alt("210", ""), "", "unknown labs.ref_val_up");
        check(
            "ROS",
            &lab("谷草转氨酶", r#""exam_rslt_val":"160","ref_val_up":"40""#),
            "",
            "hit 1: 【瑞舒伐他汀片】禁用：AST 160，为上限40的4倍",
        );
        check("ROS", "", "", "unknown labs.alt");
    }

    #[test]
    fn bilirubin() {
        check(
            "RIF",
            &lab("总胆红素", r#""exam_rslt_val":"46","ref_val_up":"23""#),
            "",
            "hit 1: 【利福平胶囊】禁用：总胆红素 46，为上限23的2倍",
        );
    }

    #[test]
    fn child_pugh_is_for_cirrhosis() {
        let dose = r#","drug_used_sdose":"1","drug_used_dosunt":"g","drug_used_frqu":"TID""#;
        let class = |text: &str| lab("Child-Pugh分级", &format!(r#""exam_rslt_dicm":"{text}""#));
        let hit = "hit 1: 【对乙酰氨基酚片】每日3g，不超过2g：Child-Pugh B级";
        check("APAP", &class("B级"), dose, hit);
        check("APAP", &class("A"), dose, "pass");
        // The C of Child is no class.
        check("APAP", &class("Child-Pugh A级"), dose, "pass");
        check("APAP", &class("child-pugh b"), dose, hit);
        check("APAP", &class("CHILD"), dose, "unknown labs.child_pugh");
        check("APAP", &lab("Child-Pugh评分", r#""exam_rslt_val":"8""#), dose, hit);
        check("APAP", "", dose, "pass");
        BENCH.check(
            r#"{"diagnoses":[{"dise_codg":"K74.6"}],"orders":[{"rx_id":"1","hosplist_code":"APAP"}]}"#,
            "unknown labs.child_pugh",
        );
    }

    fn lab(name: &str, value: &str) -> String {
        format!(r#"{{"exam_item_detl_name":"{name}",{value},"rpt_date":"20260501"}}"#)
    }

    #[track_caller]
    fn check(drug: &str, lab: &str, more: &str, expected: &str) {
        BENCH.check(
            &format!(
                r#"{{"labs":[{lab}],"orders":[{{"rx_id":"1","hosplist_code":"{drug}"{more}}}]}}"#
            ),
            expected,
        );
    }
}
