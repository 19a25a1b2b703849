//! C01 单次剂量: one intake holds no more than the most, and no less than the least.
//!
//! What: a row gives an ingredient the most and the least of one intake, perhaps only for an age,
//! a weight, a way of giving or a disease. Units convert; pieces count by the product's strength.
//! A larger first dose, or the largest step of a dose that changes, over the most is slight.
//! Why: ten times too much is one slip of a decimal point.
//! Basis: drug labels; GZ10000301005000 超说明书用量; 医院处方点评管理规范 2-5.
//! Example: 尼美舒利 200 mg at once, most 100 mg → hit; so are 0.2 g and 2 pieces of 100 mg. Without a
//! unit of dose → unknown.

use crate::dose::{largest_step, single_in};
use crate::families::clinical::population::{
    self, AGE_BELOW, AGE_FROM, INDICATIONS, NOT_INDICATIONS, WAYS, WEIGHT_BELOW, WEIGHT_FROM, WITH,
};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::unit::Dose;

/// The family `single_dose`.
pub struct SingleDose;

const ROWS: [Column; 10] = [
    Column::optional("max", "单次最大剂量", ColumnKind::Dose),
    Column::optional("min", "单次最小剂量", ColumnKind::Dose),
    AGE_FROM,
    AGE_BELOW,
    WEIGHT_FROM,
    WEIGHT_BELOW,
    WAYS,
    INDICATIONS,
    NOT_INDICATIONS,
    WITH,
];

impl Family for SingleDose {
    fn id(&self) -> &'static str {
        "single_dose"
    }

    fn zh_name(&self) -> &'static str {
        "单次剂量超限"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "药品说明书；GZ10000301005000 超说明书用量；医院处方点评管理规范（试行）2-5",
            window: "本次",
            text: "【{药品}】{单次剂量}，{范围}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "orders.first_sdose",
            "orders.step_sdose",
            "orders.drug_used_way_code",
            "orders.drug_ingd",
            "orders.spec",
            "patient.brdy",
            "patient.geso_val",
            "patient.wt",
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
        let (max, min) = (row.maybe_dose("max"), row.maybe_dose("min"));
        match (max, min) {
            (None, None) => Some("a row needs `max` or `min`".to_owned()),
            (Some(max), Some(min)) if max.dimension != min.dimension || min.amount > max.amount => {
                Some(format!("{min} to {max} is no range"))
            }
            _ => population::fault(row),
        }
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().map(|found| judge_line(case, found)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    if let Some(outcome) = population::fits(case, found.row, found.line).left_out() {
        return outcome;
    }
    let cells = &found.row.parameters;
    let (max, min) = (cells.maybe_dose("max"), cells.maybe_dose("min"));
    let Some(limit) = max.or(min) else { return Outcome::NotApplicable };
    let ingredient = population::ingredient(found.row, found.line);
    let dose = match single_in(found.line, ingredient, limit.dimension) {
        Ok(dose) => dose,
        Err(missing) => return Outcome::Unknown { missing },
    };
    match (max, min) {
        (Some(max), _) if dose.amount > max.amount => {
            Outcome::Hit(hit(found, ("单次", dose), &format!("最大{max}"), max))
        }
        (_, Some(min)) if dose.amount < min.amount => {
            Outcome::Hit(hit(found, ("单次", dose), &format!("最小{min}"), min))
        }
        _ => at_largest_step(found, dose, max),
    }
}

/// Over the limit only by a larger first dose, or by the largest step of a dose that changes.
fn at_largest_step(found: &Match<'_>, dose: Dose, max: Option<Dose>) -> Outcome {
    let over = max.and_then(|max| {
        let (most, said) = largest_step(found.line, dose)?;
        (most.amount > max.amount).then_some((max, most, said))
    });
    let Some((max, most, said)) = over else { return Outcome::Pass };
    population::slight(Outcome::Hit(hit(found, (said, most), &format!("最大{max}"), max)))
}

fn hit(found: &Match<'_>, (said, dose): (&str, Dose), limit: &str, bound: Dose) -> Hit {
    Hit {
        violating: vec![found.line.position],
        text: format!("【{}】{said}{dose}，{limit}", found.line.name()),
        evidence: vec![bound.to_string(), dose.to_string()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "single_dose",
        parameters: "",
        rows: "match,key,item,max,min,age_from,age_below,weight_below,ways,indications,source,flag\n\
               ingredient,尼美舒利,尼美舒利,100 mg,,12岁,,,,,notice,B\n\
               ingredient,尼美舒利,尼美舒利,50 mg,,12岁,,40,,,notice,B\n\
               ingredient,甲泼尼龙,甲泼尼龙,1 g,,,,,静脉滴注,G35,label,B\n\
               ingredient,头孢曲松,头孢曲松,,0.5 g,18岁,,,,,label,B\n\
               ingredient,胰岛素,胰岛素,50 IU,,,,,,,label,B\n\
               ingredient,氯化钾,氯化钾,1 g,,,,,,,label,B\n",
        drugs: "match,key,name,ingredients,strengths,piece,form,equivalents\n\
                hospital,NIM,尼美舒利片,尼美舒利,100 mg,片,口服,\n\
                hospital,MP,注射用甲泼尼龙,甲泼尼龙,500 mg,支,注射,\n\
                hospital,CRO,注射用头孢曲松,头孢曲松,1 g,支,注射,\n\
                hospital,KCL,氯化钾注射液,氯化钾,1 g,支,注射,\n\
                hospital,KCL15,15%氯化钾注射液,氯化钾,1.5 g,支,注射,15%\n\
                hospital,INS,胰岛素注射液,胰岛素,400 IU,支,注射,1 mL=40 IU\n",
    };

    #[test]
    fn the_most_of_one_intake() {
        check("NIM", "200", "mg", "", "hit 1: 【尼美舒利片】单次200mg，最大100mg");
        check("NIM", "100", "mg", "", "pass");
    }

    #[test]
    fn units_and_pieces_are_one_dose() {
        for (dose, unit) in [("0.2", "g"), ("2", "片"), ("200000", "μg")] {
            check("NIM", dose, unit, "", "hit 1: 【尼美舒利片】单次200mg，最大100mg");
        }
        check("INS", "2", "mL", "", "hit 1: 【胰岛素注射液】单次80IU，最大50IU");
        check("INS", "1", "mL", "", "pass");
    }

    #[test]
    fn per_cent_is_an_amount_in_a_millilitre() {
        let label = |spec: &str| format!(r#","spec":"{spec}""#);
        let hit = "hit 1: 【氯化钾注射液】单次1.5g，最大1g";
        check("KCL", "15", "mL", &label("10%×10ml"), hit);
        check("KCL", "15", "mL", &label("10ml:1g"), hit);
        check("KCL", "15", "mL", &label("10%"), hit);
        check("KCL", "10", "mL", &label("10%×10ml"), "pass");
        check("KCL", "15", "mL", "", "unknown orders[1].drug_used_dosunt");
        check("KCL", "15", "mL", &label("10%×10g"), "unknown orders[1].drug_used_dosunt");
        check("KCL15", "10", "mL", "", "hit 1: 【15%氯化钾注射液】单次1.5g，最大1g");
        check("KCL15", "6", "mL", &label("10%×10ml"), "pass");
    }

    #[test]
    fn over_the_most_only_at_the_largest_step_is_slight() {
        let at = |dose: &str, more: &str, expected: &str| check("NIM", dose, "mg", more, expected);
        let first = r#","first_sdose":"200""#;
        at("100", first, "hit 1: 【尼美舒利片】首剂200mg，最大100mg");
        at("100", r#","first_sdose":"50""#, "pass");
        let hit = "hit 1: 【尼美舒利片】最大一步200mg，最大100mg";
        at("50", r#","step_sdose":"50,100,200""#, hit);
        at("", r#","step_sdose":[50,"100",200]"#, hit);
        at("50-200", "", hit);
        at("50→100", "", "pass");
        let over = "hit 1: 【尼美舒利片】单次200mg，最大100mg";
        at("200", r#","step_sdose":"100,400""#, over);
        let slight = |more: &str| {
            format!(
                r#"{{"patient":{{"brdy":"19680315","wt":"70"}},"orders":[{{"rx_id":"1","hosplist_code":"NIM","drug_used_sdose":"100","drug_used_dosunt":"mg"{more}}}]}}"#
            )
        };
        BENCH.check_weight(&slight(first), "3 reason");
    }

    #[test]
    fn what_is_missing_is_named() {
        check("NIM", "200", "", "", "unknown orders[1].drug_used_dosunt");
        check("NIM", "", "mg", "", "unknown orders[1].drug_used_sdose");
        check("NIM", "2", "袋", "", "unknown orders[1].drug_used_dosunt");
        check("NIM", "200", "mL", "", "unknown orders[1].drug_used_dosunt");
        check("NIM", "-5", "mg", "", "unknown orders[1].drug_used_sdose; data C301");
        check("NIM", "200", "g", "", "unknown orders[1].drug_used_sdose; data C302");
        check("Y404", "200", "mg", "", "unknown orders[1].drug_ingd");
    }

    #[test]
    fn the_least_of_one_intake() {
        check("CRO", "0.25", "g", "", "hit 1: 【注射用头孢曲松】单次250mg，最小500mg");
        check("CRO", "0.5", "g", "", "pass");
    }

    #[test]
    fn a_row_may_be_for_a_weight_a_way_and_a_disease() {
        let light = r#","x":"1""#;
        let order = r#""orders":[{"rx_id":"1","hosplist_code":"NIM","drug_used_sdose":"1","drug_used_dosunt":"片"}]"#;
        BENCH.check(
            &format!(r#"{{"patient":{{"brdy":"20100101","wt":"35"{light}}},{order}}}"#),
            "hit 1: 【尼美舒利片】单次100mg，最大50mg",
        );
        BENCH.check(&format!(r#"{{"patient":{{"brdy":"20100101","wt":"45"}},{order}}}"#), "pass");
        BENCH.check(
            &format!(r#"{{"patient":{{"brdy":"20100101"}},{order}}}"#),
            "unknown patient.wt",
        );
        let way = r#","drug_used_way_name":"静脉滴注""#;
        check("MP", "1.5", "g", way, "unknown diagnoses");
        check("MP", "1.5", "g", r#","drug_used_way_name":"口服""#, "nothing");
        check(
            "MP",
            "1.5",
            "g",
            r#","drug_used_way_code":"404""#,
            "unknown orders[1].drug_used_way_code,diagnoses",
        );
    }

    #[track_caller]
    fn check(drug: &str, dose: &str, unit: &str, more: &str, expected: &str) {
        let request = format!(
            r#"{{"patient":{{"brdy":"19680315","wt":"70"}},"orders":[{{"rx_id":"1","hosplist_code":"{drug}","drug_used_sdose":"{dose}","drug_used_dosunt":"{unit}"{more}}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
