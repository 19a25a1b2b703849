//! C15 老年: drugs that the old take badly.
//!
//! What: a row names a drug, from which age it is unwise, and perhaps with which disease or above which
//! single dose.
//! Why: falls, confusion, bleeding. It is advice: a hint, once for a drug and a stay, not at every refill.
//! Basis: drug labels; GZ10000301009000 老年人用药安全; 医院处方点评管理规范 2-2.
//! Example: age 78, 地西泮 10 mg QN → hint. The same drug earlier in the encounter → nothing new.

use crate::dose::{largest_step, single_in};
use crate::families::clinical::population::{self, Fits, INDICATIONS, NOT_INDICATIONS, WAYS, WITH};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};

/// The family `elderly`.
pub struct Elderly;

const PARAMETERS: [Column; 1] =
    [Column::required("elderly_from", "老年的起始年龄（含）", ColumnKind::Age)];

const ROWS: [Column; 7] = [
    Column::optional("age_from", "本药的起始年龄（含），空为规则的年龄", ColumnKind::Age),
    Column::optional("above", "单次剂量超过此值才提示", ColumnKind::Dose),
    Column::optional("advice", "建议", ColumnKind::Text),
    INDICATIONS,
    NOT_INDICATIONS,
    WAYS,
    WITH,
];

impl Family for Elderly {
    fn id(&self) -> &'static str {
        "elderly"
    }

    fn zh_name(&self) -> &'static str {
        "老年人用药"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Slight,
            action: Action::Hint,
            basis: "药品说明书；GZ10000301009000 老年人用药安全",
            window: "本次",
            text: "【{药品}】患者{年龄}：{建议}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "patient.brdy",
            "patient.age",
            "diagnoses.dise_codg",
            "orders.drug_ingd",
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "history.orders",
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
        population::fault(row)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let mut told: Vec<&str> = Vec::new();
        let mut outcomes = Vec::new();
        for found in case.current() {
            let ingredient = population::ingredient(found.row, found.line);
            if told.contains(&ingredient) || is_continued(case, found, ingredient) {
                continue;
            }
            let outcome = judge_line(case, found, ingredient);
            if matches!(outcome, Outcome::Hit(_)) {
                told.push(ingredient);
            }
            outcomes.push(outcome);
        }
        outcomes
    }
}

/// Whether the drug was ordered earlier in this encounter, and the hint was shown then.
fn is_continued(case: &Case<'_>, found: &Match<'_>, ingredient: &str) -> bool {
    let encounter = case.facts.encounter.present();
    let id = encounter.and_then(|encounter| encounter.mdtrt_id.as_ref());
    let of_stay =
        case.session.past.iter().filter(|line| id.is_some() && line.order.mdtrt_id.as_ref() == id);
    let active =
        case.lines().filter(|line| !line.order.current && line.position != found.line.position);
    of_stay.chain(active).any(|line| line.contains(ingredient) && !line.is_cancelled())
}

fn judge_line(case: &Case<'_>, found: &Match<'_>, ingredient: &str) -> Outcome {
    let (line, cells) = (found.line, &found.row.parameters);
    let from = cells.maybe_age("age_from").or(case.rule.parameters.maybe_age("elderly_from"));
    let birth = case.session.birth;
    let is_old = from.zip(birth).and_then(|(from, birth)| birth.reached(from, line.begins));
    let old = Fits::of(is_old, || vec!["patient.brdy".to_owned()]);
    match Fits::all([old, population::fits(case, found.row, line)]) {
        Fits::No => return Outcome::Pass,
        Fits::Unknown(missing) => return Outcome::Unknown { missing },
        Fits::Yes => {}
    }
    if let Some(above) = cells.maybe_dose("above") {
        let dose = match single_in(line, ingredient, above.dimension) {
            Ok(dose) => largest_step(line, dose).map_or(dose, |(most, _)| most),
            Err(missing) => return Outcome::Unknown { missing },
        };
        if dose.amount <= above.amount {
            return Outcome::Pass;
        }
    }
    let age = birth.map(|birth| birth.describe(line.begins)).unwrap_or_default();
    let advice = cells.maybe_text("advice").unwrap_or("老年人慎用");
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!("【{}】患者{age}：{advice}", line.name()),
        // Who has a birthday is not told again.
        evidence: vec![ingredient.to_owned(), advice.to_owned()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "elderly",
        parameters: "elderly_from = \"65岁\"",
        rows: "match,key,item,age_from,above,advice,indications,source,flag\n\
               ingredient,地西泮,地西泮,,,易致跌倒和谵妄,,Beers,B\n\
               ingredient,地高辛,地高辛,75岁,0.125 mg,,,Beers,B\n\
               ingredient,苯海索,苯海索,,,,N40,Beers,B\n",
        drugs: "hospital,DZP,地西泮片,,地西泮,2.5 mg,片,20,口服,\n\
                hospital,DIG,地高辛片,,地高辛,0.25 mg,片,30,口服,\n\
                hospital,THP,苯海索片,,苯海索,2 mg,片,100,口服,\n",
    };

    #[test]
    fn from_sixty_five_on() {
        check("DZP", "19480101", "", "hit 1: 【地西泮片】患者78岁：易致跌倒和谵妄");
        check("DZP", "19610515", "", "hit 1: 【地西泮片】患者65岁：易致跌倒和谵妄");
        check("DZP", "19610516", "", "pass");
        check("DZP", "", "", "unknown patient.brdy");
    }

    #[test]
    fn a_dose_an_age_and_a_disease_of_the_row() {
        let dose = |dose: &str| format!(r#","drug_used_sdose":"{dose}","drug_used_dosunt":"mg""#);
        check("DIG", "19480101", &dose("0.25"), "hit 1: 【地高辛片】患者78岁：老年人慎用");
        check("DIG", "19480101", &dose("0.125"), "pass");
        check("DIG", "19530101", &dose("0.25"), "pass");
        check("DIG", "19480101", "", "unknown orders[1].drug_used_sdose");
        check("THP", "19480101", "", "unknown diagnoses");
    }

    #[test]
    fn once_for_a_drug_and_a_stay() {
        let old = |line: &str| {
            format!(
                r#"{{"patient":{{"brdy":"19480101"}},"encounter":{{"mdtrt_id":"M1"}},"orders":[{{"rx_id":"1","hosplist_code":"DZP"}}{line}]"#
            )
        };
        let past = |encounter: &str| {
            format!(
                r#"{},"history":{{"orders":[{{"rx_id":"H","hosplist_code":"DZP","mdtrt_id":"{encounter}"}}]}}}}"#,
                old("")
            )
        };
        BENCH.check(&past("M1"), "nothing");
        BENCH.check(&past("M0"), "hit 1: 【地西泮片】患者78岁：易致跌倒和谵妄");
        let twice = old(r#",{"rx_id":"2","hosplist_code":"DZP"}"#) + "}";
        BENCH.check(&twice, "hit 1: 【地西泮片】患者78岁：易致跌倒和谵妄");
        let active = old(r#",{"rx_id":"2","hosplist_code":"DZP","curr_drord_flag":"0"}"#) + "}";
        BENCH.check(&active, "nothing");
        let charged = old("") + r#","fees":[{"rx_id":"F","hosplist_code":"DZP"}]}"#;
        BENCH.check(&charged, "hit 1: 【地西泮片】患者78岁：易致跌倒和谵妄");
    }

    #[track_caller]
    fn check(drug: &str, birth: &str, more: &str, expected: &str) {
        BENCH.check(
            &format!(
                r#"{{"patient":{{"brdy":"{birth}"}},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"{more}}}]}}"#
            ),
            expected,
        );
    }
}
