//! C16 肾功能: a weak kidney keeps a drug in the body.
//!
//! What: a row gives a drug a band of eGFR or of creatinine clearance in which it is forbidden, must not
//! be begun, or is limited to a dose a day. The two measures are never taken for each other: eGFR is
//! what the laboratory reports, the clearance is reported or computed after Cockcroft and Gault from
//! creatinine (µmol/L or mg/dL), age, weight and sex.
//! Why: metformin, dabigatran, zoledronic acid in a failing kidney.
//! Basis: drug labels; GZ10000301008000 禁忌症; 医院处方点评管理规范 2-2.
//! Example: eGFR 28, 二甲双胍 → hit; eGFR of 200 days ago → unknown. On dialysis the lowest band counts.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::facts::Sex;
use crate::families::clinical::labs::{self, DAYS_MAX, STAY_DAYS_MAX};
use crate::families::clinical::population::{
    self, AGE_BELOW, AGE_FROM, Fits, LEVEL, WAYS, WITH, diagnosed, forbidden_or_limited, softened,
};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::{Line, LineKind};

/// The family `renal`.
pub struct Renal;

const PARAMETERS: [Column; 2] = [DAYS_MAX, STAY_DAYS_MAX];

const ROWS: [Column; 11] = [
    Column::required("metric", "指标", ColumnKind::Choice(&["eGFR", "CrCl"])),
    Column::optional("clearance_from", "下限（含），mL/min", ColumnKind::Decimal),
    Column::optional("clearance_below", "上限（不含），mL/min", ColumnKind::Decimal),
    Column::optional("max_day", "此范围的每日最大剂量，空为不得使用", ColumnKind::Dose),
    Column::optional("new_only", "只限制新开始使用", ColumnKind::Flag),
    Column::optional("note", "提示语", ColumnKind::Text),
    LEVEL,
    AGE_FROM,
    AGE_BELOW,
    WAYS,
    WITH,
];

const EGFR: [&str; 6] =
    ["eGFR", "估算肾小球滤过率", "肾小球滤过率", "GFR", "eGFR(CKD-EPI)", "估算的肾小球滤过率"];
const CRCL: [&str; 5] = ["CrCl", "肌酐清除率", "内生肌酐清除率", "Ccr", "血肌酐清除率"];
const CREATININE: [&str; 7] = ["肌酐", "血肌酐", "血清肌酐", "Cr", "CREA", "Scr", "CRE"];

/// Nobody's kidney filters so much.
const CLEARANCE_MAX: u32 = 300;

const DIALYSIS: [&str; 3] = ["Z49", "Z99.2", "Y84.1"];

impl Family for Renal {
    fn id(&self) -> &'static str {
        "renal"
    }

    fn zh_name(&self) -> &'static str {
        "肾功能不全用药"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Reason,
            basis: "药品说明书；GZ10000301008000 禁忌症；医院处方点评管理规范（试行）2-2",
            window: "近90天的肌酐",
            text: "【{药品}】{原因}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "labs.exam_rslt_val",
            "labs.exam_unt",
            "labs.rpt_date",
            "history.labs",
            "patient.brdy",
            "patient.geso_val",
            "patient.wt",
            "patient.gend",
            "diagnoses.dise_codg",
            "orders.drug_ingd",
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "orders.drug_used_frqu",
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
        let (from, below) =
            (row.maybe_decimal("clearance_from"), row.maybe_decimal("clearance_below"));
        match (from, below) {
            (None, None) => Some("a row needs `clearance_from` or `clearance_below`".to_owned()),
            (Some(from), Some(below)) if from >= below => {
                Some("the band of clearance is empty".to_owned())
            }
            _ => population::fault(row),
        }
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().map(|found| judge_line(case, found)).collect()
    }
}

/// A clearance, and how it is told.
struct Clearance {
    value: Decimal,
    said: String,
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    if !found.line.is_systemic() {
        return Outcome::NotApplicable;
    }
    if let Some(outcome) = population::fits(case, found.row, found.line).left_out() {
        return outcome;
    }
    let cells = &found.row.parameters;
    if cells.flag("new_only") && was_taken(case, found) {
        return Outcome::Pass;
    }
    let clearance = match clearance(case, found) {
        Ok(clearance) => clearance,
        Err(missing) => return Outcome::Unknown { missing },
    };
    let is_in = cells.maybe_decimal("clearance_from").is_none_or(|from| from <= clearance.value)
        && cells.maybe_decimal("clearance_below").is_none_or(|below| clearance.value < below);
    if !is_in {
        return Outcome::Pass;
    }
    forbidden_or_limited(found, forbidden(cells), |what| hit(found, &clearance, what))
}

fn forbidden(cells: &Parameters) -> &str {
    match cells.maybe_text("level") {
        Some(level) => level,
        None if cells.flag("new_only") => "不得起始使用",
        None => "禁用",
    }
}

fn was_taken(case: &Case<'_>, found: &Match<'_>) -> bool {
    let past = case.past(&found.row.key).any(|line| !line.is_cancelled());
    let is_active = |line: &Line<'_>| line.kind == LineKind::Order && !line.order.current;
    past || case.about(&found.row.key).any(is_active)
}

fn clearance(case: &Case<'_>, found: &Match<'_>) -> Result<Clearance, Vec<String>> {
    let dialysis = DIALYSIS.map(str::to_owned);
    if diagnosed(case, &dialysis) == Fits::Yes {
        return Ok(Clearance { value: Decimal::ZERO, said: "患者透析".to_owned() });
    }
    let metric = found.row.parameters.text("metric");
    let (names, missing): (&[&str], _) =
        if metric == "CrCl" { (&CRCL, "labs.crcl") } else { (&EGFR, "labs.egfr") };
    let on = found.line.begins.max(case.now.date());
    let reported = labs::latest(case, names, on).and_then(|result| result.value);
    let reported = reported.filter(|value| *value <= Decimal::from(CLEARANCE_MAX));
    if let Some(value) = reported {
        let said = format!("{metric} {}mL/min", value.normalize());
        return Ok(Clearance { value, said });
    }
    if metric == "CrCl" {
        return cockcroft_gault(case, found.line, on);
    }
    Err(vec![missing.to_owned()])
}

/// (140 - years) × kg × 1.23 (men) or 1.04 (women) / creatinine in µmol/L.
fn cockcroft_gault(case: &Case<'_>, line: &Line<'_>, on: Date) -> Result<Clearance, Vec<String>> {
    let lacking = |path: &str| vec![path.to_owned()];
    let result = labs::latest(case, &CREATININE, on).ok_or_else(|| lacking("labs.crcl"))?;
    let creatinine = labs::creatinine(result).ok_or_else(|| lacking("labs.exam_unt"))?;
    let years = case.session.birth.and_then(|birth| birth.years(line.begins));
    let years = years.ok_or_else(|| lacking("patient.brdy"))?;
    let sex = case.facts.patient.present().and_then(|patient| patient.sex);
    let factor = match sex.ok_or_else(|| lacking("patient.gend"))? {
        Sex::Male => Decimal::new(123, 2),
        Sex::Female => Decimal::new(104, 2),
    };
    let weight = population::weight(case, line)?;
    // The formula is for adults.
    let left = Decimal::from(140 - years);
    let value = left
        .checked_mul(weight)
        .and_then(|value| value.checked_mul(factor))
        .and_then(|value| value.checked_div(creatinine))
        .filter(|_| years >= 18 && left > Decimal::ZERO)
        .ok_or_else(|| lacking("labs.crcl"))?;
    let value = value.round_dp(1);
    let said =
        format!("CrCl {}mL/min（按肌酐{}μmol/L计算）", value.normalize(), creatinine.normalize());
    Ok(Clearance { value, said })
}

fn hit(found: &Match<'_>, clearance: &Clearance, what: String) -> Outcome {
    let note =
        found.row.parameters.maybe_text("note").map(|n| format!("，{n}")).unwrap_or_default();
    let (severity, action) = softened(found.row);
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!("【{}】{what}：{}{note}", found.line.name(), clearance.said),
        evidence: vec![what, clearance.value.to_string()],
        source: Some(found.row.source.clone()),
        severity,
        action,
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "renal",
        parameters: "days_max = 90, stay_days_max = 7",
        rows: "match,key,item,metric,clearance_from,clearance_below,max_day,new_only,note,source,flag\n\
               ingredient,二甲双胍,二甲双胍,eGFR,,30,,,,FDA,B\n\
               ingredient,二甲双胍,二甲双胍,eGFR,30,45,,y,,FDA,B\n\
               ingredient,达比加群,达比加群,CrCl,,30,,,,label,B\n\
               ingredient,左氧氟沙星,左氧氟沙星,CrCl,20,50,250 mg,,,label,B\n",
        drugs: "hospital,MET,二甲双胍片,,二甲双胍,0.5 g,片,20,口服,\n\
                hospital,DAB,达比加群胶囊,,达比加群,110 mg,粒,30,口服,\n\
                hospital,LEV,左氧氟沙星片,,左氧氟沙星,250 mg,片,10,口服,\n",
    };

    #[test]
    fn bands_of_egfr() {
        check("MET", &egfr("28", "20260501"), "", "hit 1: 【二甲双胍片】禁用：eGFR 28mL/min");
        check(
            "MET",
            &egfr("30", "20260501"),
            "",
            "hit 1: 【二甲双胍片】不得起始使用：eGFR 30mL/min",
        );
        check("MET", &egfr("45", "20260501"), "", "pass");
        let taken = r#","history":{"orders":[{"rx_id":"H","hosplist_code":"MET","drord_begn_date":"20260301"}]}"#;
        check("MET", &egfr("40", "20260501"), taken, "pass");
        let charged = r#","fees":[{"rx_id":"F","hosplist_code":"MET","fee_ocur_time":"20260515"}]"#;
        check(
            "MET",
            &egfr("40", "20260501"),
            charged,
            "hit 1: 【二甲双胍片】不得起始使用：eGFR 40mL/min",
        );
    }

    #[test]
    fn a_result_grows_old() {
        check("MET", &egfr("28", "20251027"), "", "unknown labs.egfr");
        check("MET", &egfr("28", "20260214"), "", "hit 1: 【二甲双胍片】禁用：eGFR 28mL/min");
        check("MET", &egfr("28", "20260213"), "", "unknown labs.egfr");
        let stay = r#","encounter":{"med_mdtrt_type":"2"}"#;
        check("MET", &egfr("28", "20260507"), stay, "unknown labs.egfr");
        check("MET", &egfr("28", "20260508"), stay, "hit 1: 【二甲双胍片】禁用：eGFR 28mL/min");
        check("MET", "[]", "", "unknown labs.egfr");
        let newer = r#"[{"exam_item_detl_name":"eGFR","exam_rslt_val":"28","rpt_date":"20260401"},{"exam_item_detl_name":"eGFR","exam_rslt_val":"80","rpt_date":"20260501"}]"#;
        check("MET", newer, "", "pass");
    }

    #[test]
    fn the_two_measures_are_not_the_same() {
        check("DAB", &egfr("20", "20260501"), "", "unknown labs.crcl");
        check("MET", &creatinine("300", "μmol/L"), "", "unknown labs.egfr");
    }

    #[test]
    fn clearance_from_creatinine() {
        let hit = "hit 1: 【达比加群胶囊】禁用：CrCl 20.8mL/min（按肌酐200μmol/L计算）";
        check("DAB", &creatinine("200", "μmol/L"), "", hit);
        check("DAB", &creatinine("200", "umol/L"), "", hit);
        check("DAB", &creatinine("100", "µmol/L"), "", "pass");
        check(
            "DAB",
            &creatinine("2.5", "mg/dL"),
            "",
            "hit 1: 【达比加群胶囊】禁用：CrCl 18.8mL/min（按肌酐221μmol/L计算）",
        );
        check("DAB", &creatinine("2.5", ""), "", "unknown labs.exam_unt");
        check("DAB", &creatinine("2.5", "μmol/L"), "", "unknown labs.exam_unt");
    }

    #[test]
    fn what_is_not_of_the_blood() {
        let named = |name: &str, value: &str, unit: &str| {
            format!(
                r#"[{{"exam_item_detl_name":"{name}","exam_rslt_val":"{value}","exam_unt":"{unit}","rpt_date":"20260501"}}]"#
            )
        };
        for name in [
            "肌酐(尿)",
            "肌酐（24小时尿）",
            "肌酐(腹水)",
            "肌酐(胸水)",
            "肌酐(引流液)",
            "肌酐(透析液)",
        ] {
            check("DAB", &named(name, "200", "μmol/L"), "", "unknown labs.crcl");
        }
        let hit = "hit 1: 【达比加群胶囊】禁用：CrCl 20.8mL/min（按肌酐200μmol/L计算）";
        check("DAB", &named("肌酐(酶法)", "200", "μmol/L"), "", hit);
        // A clearance is measured in urine.
        let hit = "hit 1: 【达比加群胶囊】禁用：CrCl 20mL/min";
        check("DAB", &named("内生肌酐清除率(24小时尿)", "20", "mL/min"), "", hit);
    }

    #[test]
    fn a_dose_for_a_weak_kidney() {
        let dose = |times: &str| {
            format!(
                r#"{{"patient":{PATIENT},"labs":{},"orders":[{{"rx_id":"1","hosplist_code":"LEV","drug_used_sdose":"250","drug_used_dosunt":"mg","drug_used_frqu":"{times}"}}]}}"#,
                creatinine("120", "μmol/L")
            )
        };
        BENCH.check(
            &dose("BID"),
            "hit 1: 【左氧氟沙星片】每日500mg，不超过250mg：CrCl 34.7mL/min（按肌酐120μmol/L计算）",
        );
        BENCH.check(&dose("QD"), "pass");
    }

    #[test]
    fn on_dialysis() {
        let on = r#","diagnoses":[{"dise_codg":"Z99.2"}]"#;
        check("MET", "[]", on, "hit 1: 【二甲双胍片】禁用：患者透析");
        check("DAB", "[]", on, "hit 1: 【达比加群胶囊】禁用：患者透析");
    }

    const PATIENT: &str = r#"{"gend":"2","brdy":"19460101","wt":"66.75"}"#;

    fn egfr(value: &str, day: &str) -> String {
        format!(
            r#"[{{"exam_item_detl_name":"eGFR(CKD-EPI)","exam_rslt_val":"{value}","rpt_date":"{day}"}}]"#
        )
    }

    fn creatinine(value: &str, unit: &str) -> String {
        format!(
            r#"[{{"exam_item_detl_name":"血肌酐","exam_rslt_val":"{value}","exam_unt":"{unit}","rpt_date":"20260501"}}]"#
        )
    }

    #[track_caller]
    fn check(drug: &str, labs: &str, more: &str, expected: &str) {
        BENCH.check(
            &format!(
                r#"{{"patient":{PATIENT},"labs":{labs}{more},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#
            ),
            expected,
        );
    }
}
