//! C20, 药品区分性别使用: a drug for the other sex.
//!
//! What: each row names a drug and the sex it is for; a patient of the other sex is a hit.
//! Why: a prostate drug for a woman is nearly always a wrong patient or a wrong drug. The patient
//! may also be wrongly registered, or the case a rare one, so the default is to confirm, never to
//! block.
//! Basis: GZ10000301004000, public batch 1 of the knowledge points (2025-05-23) and its revision.
//! Example: a woman, 度他雄胺软胶囊 → hit. Sex 0 or 9, or not sent → unknown.

use crate::facts::Sex as PatientSex;
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};

/// The family `sex`.
pub struct Sex;

const ROWS: [Column; 1] = [Column::required("sex", "限定性别", ColumnKind::Choice(&["男", "女"]))];

impl Family for Sex {
    fn id(&self) -> &'static str {
        "sex"
    }

    fn zh_name(&self) -> &'static str {
        "药品区分性别使用"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Confirm,
            basis: "GZ10000301004000 药品区分性别使用",
            window: "本次",
            text: "【{药品}】限{范围}性使用，患者性别为{性别}",
        })
    }

    fn never_blocks(&self) -> bool {
        true
    }

    fn reads(&self) -> &'static [&'static str] {
        &["patient.gend", "orders.hilist_code", "orders.hosplist_code"]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        if case.current().next().is_none() {
            return Vec::new();
        }
        let Some(sex) = case.facts.patient.present().and_then(|patient| patient.sex) else {
            return vec![Outcome::unknown("patient.gend")];
        };
        case.current().map(|found| judge_line(found, sex)).collect()
    }
}

fn judge_line(found: &Match<'_>, sex: PatientSex) -> Outcome {
    let limit = found.row.parameters.text("sex");
    if limit == sex.zh() {
        return Outcome::Pass;
    }
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!("【{}】限{limit}性使用，患者性别为{}", found.line.name(), sex.zh()),
        evidence: vec![limit.to_owned(), sex.zh().to_owned()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "sex",
        parameters: "",
        rows: "match,key,item,sex,source,flag\n\
               code,XG04CBD247E002010101503,度他雄胺软胶囊,男,batch 1,A\n\
               prefix,XH01BBS194,缩宫素,女,batch 1,A\n\
               ingredient,非那雄胺,非那雄胺,男,label,B\n\
               hospital,YP9,院内制剂,女,site,C\n",
        drugs: "hospital,YP000502,度他雄胺软胶囊,XG04CBD247E002010101503,度他雄胺,0.5 mg,粒,10,口服,\n\
                hospital,YP000503,非那雄胺片,XG04CBF019A001010100000,非那雄胺,5 mg,片,10,口服,\n",
    };

    #[test]
    fn a_row_about_the_very_product_comes_before_one_about_all_makers() {
        const BOTH: Bench = Bench {
            rows: "match,key,item,sex,source,flag\n\
                   prefix,XG04CBD247E002,度他雄胺,男,batch 1,A\n\
                   code,XG04CBD247E002010101503,度他雄胺软胶囊,男,batch 2,A\n",
            ..BENCH
        };
        let request = |code: &str| {
            format!(
                r#"{{"patient":{{"gend":"2"}},"orders":[{{"rx_id":"1","hilist_code":"{code}","hosplist_name":"度他雄胺"}}]}}"#
            )
        };
        let hit = "hit 1: 【度他雄胺】限男性使用，患者性别为女";
        BOTH.check(&request("XG04CBD247E002010101503"), hit);
        BOTH.check(&request("XG04CBD247E002010199999"), hit);
    }

    #[test]
    fn the_other_sex() {
        check("2", "YP000502", "hit 1: 【度他雄胺软胶囊】限男性使用，患者性别为女");
        check("1", "YP000502", "pass");
        check("2", "YP000503", "hit 1: 【非那雄胺片】限男性使用，患者性别为女");
    }

    #[test]
    fn sex_not_stated_is_unknown_and_no_accusation() {
        check("0", "YP000502", "unknown patient.gend");
        check("9", "YP000502", "unknown patient.gend");
        check("", "YP000502", "unknown patient.gend");
        BENCH.check(
            r#"{"orders":[{"rx_id":"1","hosplist_code":"YP000502"}]}"#,
            "unknown patient.gend",
        );
    }

    #[test]
    fn a_drug_nobody_mapped_is_unknown() {
        check("2", "YP404", "unknown orders[1].hilist_code,orders[1].drug_ingd");
    }

    #[test]
    fn rows_of_flag_c_are_off() {
        check("1", "YP9", "unknown orders[1].hilist_code,orders[1].drug_ingd");
    }

    #[test]
    fn national_codes_and_prefixes() {
        let request = r#"{"patient":{"gend":"1"},"orders":[{"rx_id":"1","hosplist_name":"缩宫素注射液",
            "hilist_code":"XH01BBS194B002010100112","drug_ingd":"缩宫素"}]}"#;
        BENCH.check(request, "hit 1: 【缩宫素注射液】限女性使用，患者性别为男");
    }

    #[test]
    fn an_earlier_order_was_judged_then() {
        check("2", r#"YP000502","curr_drord_flag":"0"#, "nothing");
    }

    #[test]
    fn no_orders() {
        BENCH.check(r#"{"patient":{"gend":"1"}}"#, "unknown orders");
        BENCH.check(r#"{"patient":{"gend":"1"},"orders":[]}"#, "nothing");
    }

    #[track_caller]
    fn check(sex: &str, drug: &str, expected: &str) {
        let request = format!(
            r#"{{"patient":{{"gend":"{sex}"}},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
