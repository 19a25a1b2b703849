//! L05 第二类精神药品用量: seven days, longer with a reason.
//!
//! What: each drug of the kind is judged by itself, by the longer of the days written and the days the
//! quantity lasts; a reason on the line opens it, to the site's limit where it has one.
//! Why: sedatives are easily hoarded.
//! Basis: 处方管理办法 art. 23.
//! Example: 地西泮 2.5 mg QN × 14 tablets = 14 days, no reason → hit; reason 慢性失眠 → pass. Two such drugs are
//! judged one by one. The law says nothing of the ward.

use rust_decimal::Decimal;

use crate::drug_kind::DrugKind;
use crate::facts::VisitKind;
use crate::families::lines::{days_covered, may_last_longer, of_kinds, unless_of_the_ward};
use crate::family::{Case, Family, Hit, Outcome, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `psychotropic_days`.
pub struct PsychotropicDays;

const PARAMETERS: [Column; 2] = [
    Column::required("days_max", "处方天数上限", ColumnKind::Whole),
    Column::optional("reasoned_days_max", "注明理由时的天数上限", ColumnKind::Whole),
];

impl Family for PsychotropicDays {
    fn id(&self) -> &'static str {
        "psychotropic_days"
    }

    fn zh_name(&self) -> &'static str {
        "第二类精神药品用量"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "处方管理办法（卫生部令第53号）第二十三条",
            window: "本次处方",
            text: "【{药品}】{天数}日用量，第二类精神药品一般不超过{上限}日，请注明理由",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.med_mdtrt_type",
            "orders.hosplist_code",
            "orders.medc_days",
            "orders.cnt",
            "orders.cnt_unt",
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "orders.drug_used_frqu",
            "orders.excd_rea",
            "orders.dscg_tkdrug_flag",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        of_kinds(case, &[DrugKind::PsychotropicSecond], |line| judge_line(case, line))
    }
}

fn judge_line(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    let visit = case.facts.encounter.present().and_then(|encounter| encounter.visit);
    match (visit, line.is_taken_home()) {
        (None, _) => return Outcome::unknown("encounter.med_mdtrt_type"),
        (Some(VisitKind::Inpatient), Some(false)) => return Outcome::NotApplicable,
        (Some(VisitKind::Inpatient), None) => {
            return unless_of_the_ward(line, judge_days(case, line));
        }
        (Some(_), _) => {}
    }
    judge_days(case, line)
}

fn judge_days(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    let usual = case.rule.parameters.whole("days_max");
    let limit = match &line.order.reason {
        None => Some(usual),
        Some(_) => case.rule.parameters.maybe_whole("reasoned_days_max"),
    };
    let Some(limit) = limit else { return Outcome::Pass };
    match days_covered(line) {
        Err(missing) => Outcome::Unknown { missing },
        Ok(days) if days <= Decimal::from(limit) => match may_last_longer(line) {
            Some(missing) => Outcome::Unknown { missing },
            None => Outcome::Pass,
        },
        Ok(days) => Outcome::Hit(Hit {
            violating: vec![line.position],
            text: format!(
                "【{}】{}日用量，第二类精神药品一般不超过{limit}日，请注明理由",
                line.name(),
                days.normalize()
            ),
            evidence: vec![format!("{days}>{limit}")],
            ..Hit::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "psychotropic_days",
        parameters: "days_max = 7, reasoned_days_max = 28",
        rows: "",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                hospital,DIA,地西泮片,,地西泮,2.5 mg,片,100,口服,,N05BA01,精二\n\
                hospital,ALP,阿普唑仑片,,阿普唑仑,0.4 mg,片,20,口服,,N05BA12,精二\n\
                hospital,AML,苯磺酸氨氯地平片,,氨氯地平,5 mg,片,7,口服,,C08CA01,\n",
    };

    const TWO_WEEKS: &str = r#""hosplist_code":"DIA","drug_used_sdose":"2.5","drug_used_dosunt":"mg","drug_used_frqu":"QN","cnt":"14","cnt_unt":"片""#;
    const HIT: &str = "hit 1: 【地西泮片】14日用量，第二类精神药品一般不超过7日，请注明理由";

    #[test]
    fn fourteen_tablets_are_not_taken_at_once() {
        let once = TWO_WEEKS.replace("QN", "ST");
        let unknown = "unknown orders[1].drug_used_frqu; data C311";
        check("1", &[&once], unknown);
        check("1", &[&format!(r#"{once},"medc_days":"1""#)], unknown);
        check("1", &[&once.replace("\"14\"", "\"1\"")], "pass");
    }

    #[test]
    fn seven_days_and_a_reason() {
        check("1", &[TWO_WEEKS], HIT);
        check("1", &[&TWO_WEEKS.replace("\"14\"", "\"7\"")], "pass");
        let reasoned = format!(r#"{TWO_WEEKS},"excd_rea":"慢性失眠""#);
        check("1", &[&reasoned], "pass");
        check(
            "1",
            &[&reasoned.replace("\"14\"", "\"30\"")],
            "hit 1: 【地西泮片】30日用量，第二类精神药品一般不超过28日，请注明理由",
        );
    }

    #[test]
    fn two_are_judged_one_by_one() {
        let five = r#""hosplist_code":"ALP","medc_days":"5""#;
        check("1", &[&TWO_WEEKS.replace("\"14\"", "\"5\""), five], "pass");
        check("1", &[TWO_WEEKS, five], HIT);
    }

    #[test]
    fn where_it_holds() {
        check("2", &[TWO_WEEKS], "nothing");
        check("2", &[&format!(r#"{TWO_WEEKS},"dscg_tkdrug_flag":"1""#)], HIT);
        check("", &[TWO_WEEKS], "unknown encounter.med_mdtrt_type");
        check("1", &[r#""hosplist_code":"AML","medc_days":"30""#], "nothing");
        check("1", &[r#""hosplist_code":"DIA""#], "unknown orders[1].cnt");
    }

    #[track_caller]
    fn check(visit: &str, lines: &[&str], expected: &str) {
        let lines = lines.iter().enumerate();
        let lines: Vec<_> =
            lines.map(|(at, line)| format!(r#"{{"rx_id":"{}",{line}}}"#, at + 1)).collect();
        BENCH.check(
            &format!(
                r#"{{"encounter":{{"med_mdtrt_type":"{visit}"}},"orders":[{}]}}"#,
                lines.join(",")
            ),
            expected,
        );
    }
}
