//! C03 体重/体表面积剂量: what a body of this size may be given.
//!
//! What: a row gives an ingredient the most of one intake or of one day per kilogram, or per square
//! metre of body surface; an absolute cap wins where the body is heavy. The day is the sum over all
//! lines of the ingredient.
//! Why: a child is given by weight, and a weight of another month or in grams is a wrong dose.
//! Basis: drug labels; GZ10000301005000; 医院处方点评管理规范 2-5.
//! Example: child of 12 kg, 头孢曲松 1.5 g QD = 125 mg/kg, most 100 → hit. A weight older than 30 days
//! (7 in infants), or 12000 for 12 kg → unknown, and the doctor is asked. The surface of adults is
//! 0.0061 × cm + 0.0128 × kg - 0.1529 (许文生), of children up to 30 kg 0.035 × kg + 0.1.

use rust_decimal::Decimal;

use crate::dose::{largest_step, single_in};
use crate::families::clinical::population::{
    self, AGE_BELOW, AGE_FROM, Fits, INDICATIONS, NOT_INDICATIONS, WAYS, WEIGHT_BELOW, WEIGHT_FROM,
};
use crate::families::clinical::sum;
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::Line;
use crate::unit::Dose;

/// The family `weight_dose`.
pub struct WeightDose;

const ROWS: [Column; 13] = [
    Column::optional("single_per_kg", "每千克单次最大剂量", ColumnKind::Dose),
    Column::optional("day_per_kg", "每千克每日最大剂量", ColumnKind::Dose),
    Column::optional("single_per_m2", "每平方米单次最大剂量", ColumnKind::Dose),
    Column::optional("day_per_m2", "每平方米每日最大剂量", ColumnKind::Dose),
    Column::optional("single_cap", "单次剂量的绝对上限", ColumnKind::Dose),
    Column::optional("day_cap", "每日剂量的绝对上限", ColumnKind::Dose),
    AGE_FROM,
    AGE_BELOW,
    WEIGHT_FROM,
    WEIGHT_BELOW,
    WAYS,
    INDICATIONS,
    NOT_INDICATIONS,
];

/// What is measured: one intake or one day, and by which cells.
const MEASURES: [(&str, &str, &str, &str); 2] = [
    ("单次", "single_per_kg", "single_per_m2", "single_cap"),
    ("每日", "day_per_kg", "day_per_m2", "day_cap"),
];

impl Family for WeightDose {
    fn id(&self) -> &'static str {
        "weight_dose"
    }

    fn zh_name(&self) -> &'static str {
        "按体重或体表面积的剂量超限"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "药品说明书；GZ10000301005000 超说明书用量；医院处方点评管理规范（试行）2-5",
            window: "同日",
            text: "【{药品}】{按体重的剂量}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "orders.first_sdose",
            "orders.step_sdose",
            "orders.drug_used_frqu",
            "orders.day_cnt_max",
            "orders.drug_used_way_code",
            "orders.drug_ingd",
            "orders.spec",
            "patient.wt",
            "patient.wt_date",
            "patient.heit",
            "patient.brdy",
            "patient.geso_val",
            "diagnoses.dise_codg",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let has_limit = MEASURES.iter().any(|(_, kg, m2, _)| row.get(kg).or(row.get(m2)).is_some());
        if !has_limit {
            return Some("a row needs a dose per kilogram or per square metre".to_owned());
        }
        let has_both = MEASURES.iter().any(|(_, kg, m2, _)| row.get(kg).and(row.get(m2)).is_some());
        if has_both {
            return Some("per kilogram or per square metre, not both in one row".to_owned());
        }
        let dimensions = MEASURES.iter().map(|(_, kg, m2, cap)| {
            let limit = row.maybe_dose(kg).or(row.maybe_dose(m2));
            limit.zip(row.maybe_dose(cap)).is_some_and(|(one, cap)| one.dimension != cap.dimension)
        });
        if dimensions.into_iter().any(|differs| differs) {
            return Some("the cap measures something else than the limit".to_owned());
        }
        population::fault(row)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let single = case.current().filter_map(|found| judge_single(case, found));
        let day = sum::by_row(case.matches).filter_map(|of_row| judge_day(case, of_row));
        single.chain(day).collect()
    }
}

/// The size of a body, and how the dose is divided by it.
struct Size {
    amount: Decimal,
    unit: &'static str,
    per: Dose,
    cap: Option<Dose>,
}

impl Size {
    /// The most that a body of this size may be given; the absolute cap wins.
    fn most(&self) -> Decimal {
        let by_size = self.per.amount.saturating_mul(self.amount);
        self.cap.map_or(by_size, |cap| cap.amount.min(by_size))
    }
}

/// `None` where the row says nothing about this measure.
fn size(
    case: &Case<'_>,
    row: &Row,
    line: &Line<'_>,
    measure: (&str, &str, &str, &str),
) -> Option<Result<Size, Vec<String>>> {
    let (_, per_kg, per_m2, cap) = measure;
    let cap = row.parameters.maybe_dose(cap);
    if let Some(per) = row.parameters.maybe_dose(per_kg) {
        let weight = population::weight(case, line);
        return Some(weight.map(|amount| Size { amount, unit: "kg", per, cap }));
    }
    let per = row.parameters.maybe_dose(per_m2)?;
    Some(surface(case, line).map(|amount| Size { amount, unit: "m²", per, cap }))
}

/// Body surface in square metres, by the two linear formulas in use, so that it stays exact.
fn surface(case: &Case<'_>, line: &Line<'_>) -> Result<Decimal, Vec<String>> {
    let weight = population::weight(case, line)?;
    if weight <= Decimal::from(30) {
        return Ok(Decimal::new(35, 3) * weight + Decimal::new(1, 1));
    }
    let height = case.facts.patient.present().and_then(|patient| patient.height_cm);
    let height = height.ok_or_else(|| vec!["patient.heit".to_owned()])?;
    let surface =
        Decimal::new(61, 4) * height + Decimal::new(128, 4) * weight - Decimal::new(1529, 4);
    // A height in metres, most likely: nobody of this weight is so small.
    if surface < Decimal::new(5, 1) { Err(vec!["patient.heit".to_owned()]) } else { Ok(surface) }
}

fn judge_single(case: &Case<'_>, found: &Match<'_>) -> Option<Outcome> {
    let [measure, _] = MEASURES;
    match population::fits(case, found.row, found.line) {
        Fits::No => return None,
        Fits::Unknown(missing) => return Some(Outcome::Unknown { missing }),
        Fits::Yes => {}
    }
    let size = match size(case, found.row, found.line, measure)? {
        Ok(size) => size,
        Err(missing) => return Some(Outcome::Unknown { missing }),
    };
    let ingredient = population::ingredient(found.row, found.line);
    Some(match single_in(found.line, ingredient, size.per.dimension) {
        Err(missing) => Outcome::Unknown { missing },
        Ok(dose) if dose.amount > size.most() => {
            Outcome::Hit(hit(found.row, measure.0, dose, &size, vec![found.line.position]))
        }
        Ok(dose) => match largest_step(found.line, dose) {
            Some((most, said)) if most.amount > size.most() => {
                let line = vec![found.line.position];
                population::slight(Outcome::Hit(hit(found.row, said, most, &size, line)))
            }
            _ => Outcome::Pass,
        },
    })
}

fn judge_day(case: &Case<'_>, of_row: &[Match<'_>]) -> Option<Outcome> {
    let [_, measure] = MEASURES;
    let row = of_row.first()?.row;
    let mut lines = sum::given(of_row);
    lines.retain(|line| population::fits(case, row, line) == Fits::Yes);
    let first = lines.iter().find(|line| line.order.current)?;
    let size = match size(case, row, first, measure)? {
        Ok(size) => size,
        Err(missing) => return Some(Outcome::Unknown { missing }),
    };
    let days = sum::of_each_day(row, &lines, size.per.dimension);
    Some(sum::worst(days.iter().map(|sum| {
        if sum.dose.amount > size.most() {
            return Outcome::Hit(hit(row, measure.0, sum.dose, &size, sum.counted.clone()));
        }
        if sum.at_most.amount > size.most() {
            let said = format!("{}当日", sum.larger);
            let hit = hit(row, &said, sum.at_most, &size, sum.counted.clone());
            return population::slight(Outcome::Hit(hit));
        }
        sum.otherwise_pass()
    })))
}

fn hit(row: &Row, said: &str, dose: Dose, size: &Size, violating: Vec<usize>) -> Hit {
    // Grams are shown from a thousand milligrams on, and nobody reads their thousandths.
    let places = |amount: Decimal| if amount < Decimal::ONE_THOUSAND { 2 } else { 0 };
    let shown = |amount: Decimal| Dose { amount: amount.round_dp(places(amount)), ..dose };
    let per = shown(dose.amount.checked_div(size.amount).unwrap_or_default());
    let (amount, unit) = (size.amount.round_dp(2).normalize(), size.unit);
    let is_capped = size.cap.is_some_and(|cap| cap.amount <= size.most());
    let limit = match size.cap.filter(|_| is_capped) {
        Some(cap) => format!("上限{cap}"),
        None => format!("上限{}/{unit}", size.per),
    };
    Hit {
        violating,
        text: format!("【{}】{said}{dose}（{amount}{unit}，{per}/{unit}），{limit}", row.item),
        evidence: vec![dose.to_string(), limit, amount.to_string()],
        source: Some(row.source.clone()),
        ..Hit::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "weight_dose",
        parameters: "",
        rows: "match,key,item,single_per_kg,day_per_kg,day_per_m2,single_cap,day_cap,age_below,source,flag\n\
               ingredient,头孢曲松,头孢曲松,,100 mg,,,4 g,12岁,label,B\n\
               ingredient,布洛芬,布洛芬,10 mg,,,400 mg,,12岁,label,B\n\
               ingredient,环磷酰胺,环磷酰胺,,,1 g,,,,label,B\n",
        drugs: "hospital,CRO,注射用头孢曲松,,头孢曲松,1 g,支,1,注射,\n\
                hospital,IBU,布洛芬混悬液,,布洛芬,100 mg,袋,1,口服,\n\
                hospital,CTX,注射用环磷酰胺,,环磷酰胺,200 mg,支,1,注射,\n",
    };

    const CHILD: &str = r#""brdy":"20230315","wt":"12""#;

    #[test]
    fn milligrams_per_kilogram_and_day() {
        check(
            CHILD,
            &[("CRO", "1.5", "g", "QD")],
            "hit 1: 【头孢曲松】每日1.5g（12kg，125mg/kg），上限100mg/kg",
        );
        check(CHILD, &[("CRO", "1.2", "g", "QD")], "pass");
        check(
            CHILD,
            &[("CRO", "0.8", "g", "QD"), ("CRO", "0.5", "g", "QD")],
            "hit 1,2: 【头孢曲松】每日1.3g（12kg，108.33mg/kg），上限100mg/kg",
        );
    }

    #[test]
    fn a_day_without_a_line_of_this_session_was_judged_then() {
        let old = r#"g","curr_drord_flag":"0","drord_begn_date":"20260501","medc_days":"3"#;
        check(CHILD, &[("CRO", "1.5", old, "QD"), ("CRO", "1", "g", "QD")], "pass");
    }

    #[test]
    fn one_intake_by_weight() {
        check(
            CHILD,
            &[("IBU", "2", "袋", "TID")],
            "hit 1: 【布洛芬】单次200mg（12kg，16.67mg/kg），上限10mg/kg",
        );
        check(CHILD, &[("IBU", "100", "mg", "TID")], "pass");
    }

    #[test]
    fn a_heavy_child_has_an_absolute_cap() {
        let heavy = r#""brdy":"20150315","wt":"60""#;
        check(
            heavy,
            &[("IBU", "500", "mg", "TID")],
            "hit 1: 【布洛芬】单次500mg（60kg，8.33mg/kg），上限400mg",
        );
        check(heavy, &[("IBU", "400", "mg", "TID")], "pass");
    }

    #[test]
    fn a_weight_that_cannot_be_used_is_asked_for() {
        let lines = &[("CRO", "1.5", "g", "QD")];
        check(r#""brdy":"20230315""#, lines, "unknown patient.wt");
        check(r#""brdy":"20230315","wt":"12000""#, lines, "unknown patient.wt; data C302");
        check(r#""brdy":"20230315","wt":"120""#, lines, "unknown patient.wt");
        let hit = "hit 1: 【头孢曲松】每日1.5g（12kg，125mg/kg），上限100mg/kg";
        let old = r#""brdy":"20230315","wt":"12","wt_date":"20260414""#;
        check(old, lines, "unknown patient.wt_date");
        check(&old.replace("0414", "0415"), lines, hit);
        let infant = r#""brdy":"20250815","wt":"8","wt_date":"20260507""#;
        check(infant, lines, "unknown patient.wt_date");
        check(
            &infant.replace("0507", "0508"),
            lines,
            "hit 1: 【头孢曲松】每日1.5g（8kg，187.5mg/kg），上限100mg/kg",
        );
    }

    #[test]
    fn body_surface() {
        let adult = r#""brdy":"19800101","wt":"60","heit":"165""#;
        check(adult, &[("CTX", "1.6", "g", "QW")], "pass");
        check(
            adult,
            &[("CTX", "1.8", "g", "QW")],
            "hit 1: 【环磷酰胺】每日1.8g（1.62m²，1.11g/m²），上限1g/m²",
        );
        check(r#""brdy":"19800101","wt":"60""#, &[("CTX", "1", "g", "QW")], "unknown patient.heit");
        let metres = r#""brdy":"19800101","wt":"40","heit":"1.65""#;
        check(metres, &[("CTX", "1", "g", "QW")], "unknown patient.heit");
        let child = r#""brdy":"20190101","wt":"20""#;
        check(
            child,
            &[("CTX", "1", "g", "QW")],
            "hit 1: 【环磷酰胺】每日1g（0.8m²，1.25g/m²），上限1g/m²",
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        check(CHILD, &[("CRO", "1.5", "g", "")], "unknown orders[1].drug_used_frqu");
        check(CHILD, &[("CRO", "1.5", "", "QD")], "unknown orders[1].drug_used_dosunt");
        check(r#""wt":"12""#, &[("IBU", "1", "袋", "TID")], "unknown patient.brdy");
        check(r#""brdy":"19800101""#, &[("CRO", "9", "g", "QD")], "nothing");
    }

    #[track_caller]
    fn check(patient: &str, lines: &[(&str, &str, &str, &str)], expected: &str) {
        let lines: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(at, (drug, dose, unit, frequency))| {
                format!(
                    r#"{{"rx_id":"{}","hosplist_code":"{drug}","drug_used_sdose":"{dose}","drug_used_dosunt":"{unit}","drug_used_frqu":"{frequency}"}}"#,
                    at + 1
                )
            })
            .collect();
        BENCH.check(
            &format!(r#"{{"patient":{{{patient}}},"orders":[{}]}}"#, lines.join(",")),
            expected,
        );
    }
}
