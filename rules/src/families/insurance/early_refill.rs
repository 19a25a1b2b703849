//! I13 重复开药（医保）, the other half: the same drug again while the last one lasts.
//!
//! What: all earlier dispensings of the drug, any strength, in the same form, are laid end to end;
//! what they still last on the day of the new line is compared with a tolerance.
//! Why: who fetches a month's drugs every ten days sells or wastes them.
//! Basis: GZ10000301006000 重复开药; 医疗保障基金使用监督管理条例 art. 15.
//! Example: 阿托伐他汀 for 30 days on 10-01, again on 10-12 → 18 days left → hit. What was returned
//! counts no more; ward drugs are used up in the ward; a reason that the rule takes (lost) passes; an
//! injection followed by tablets is no refill. Without a history nobody can be asked.

use rust_decimal::Decimal;

use crate::facts::VisitKind;
use crate::families::lines::unless_of_the_ward;
use crate::family::{Case, Family, Hit, Outcome, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

use super::usage::{AtHome, is_excused};

/// The family `early_refill`.
pub struct EarlyRefill;

const PARAMETERS: [Column; 3] = [
    Column::required("overlap_days_ok", "允许提前的天数", ColumnKind::Whole),
    Column::optional("reasons_ok", "可以提前的理由", ColumnKind::List),
    Column::optional("exempt", "不判断的药品", ColumnKind::Keys),
];

impl Family for EarlyRefill {
    fn id(&self) -> &'static str {
        "early_refill"
    }

    fn zh_name(&self) -> &'static str {
        "重复开药（余药未用完）"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "GZ10000301006000 重复开药；医疗保障基金使用监督管理条例第十五条（重复开药）",
            window: "上次用药用完以前",
            text: "【{药品}】上次{日期}开{天数}天，尚余{剩余}天（本院范围内）",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.med_mdtrt_type",
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.drug_ingd",
            "orders.excd_rea",
            "history.orders",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let visit = case.facts.encounter.present().and_then(|encounter| encounter.visit);
        let exempt = case.rule.parameters.keys("exempt");
        let is_exempt = |line: &Line<'_>| {
            exempt.iter().any(|key| line.is_about(key, case.session.sets))
                || (case.rule.exempt_self_pay && line.is_self_paid())
        };
        let is_in_ward = visit == Some(VisitKind::Inpatient);
        let lines = case.lines().filter(|line| {
            let goes_home = !is_in_ward || line.is_taken_home() != Some(false);
            line.order.current && goes_home && line.may_be_drug() && !is_exempt(line)
        });
        let judge = |line| match judge_line(case, line) {
            judged if is_in_ward && line.is_taken_home().is_none() => {
                unless_of_the_ward(line, judged)
            }
            judged => judged,
        };
        lines.map(judge).collect()
    }
}

fn judge_line(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    let at_home = AtHome::of(case, line);
    let tolerance = Decimal::from(case.rule.parameters.whole("overlap_days_ok"));
    let Some((day, days)) = at_home.last else {
        return if at_home.missing.is_empty() {
            Outcome::NotApplicable
        } else {
            Outcome::Unknown { missing: at_home.missing }
        };
    };
    if at_home.days <= tolerance || is_excused(case, line) {
        return Outcome::Pass;
    }
    let left = at_home.days;
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!(
            "【{}】上次{day}开{}天，尚余{left}天（本院范围内）",
            line.name(),
            days.normalize()
        ),
        evidence: vec![format!("{day}/{}", days.normalize())],
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "early_refill",
        parameters: "overlap_days_ok = 7, reasons_ok = [\"遗失\"], exempt = \"ingredient:胰岛素\"",
        rows: "",
        drugs: "hospital,ATO,阿托伐他汀钙片,,阿托伐他汀,20 mg,片,7,口服,\n\
                hospital,AT1,阿托伐他汀钙片10,,阿托伐他汀,10 mg,片,7,口服,\n\
                hospital,INS,胰岛素,,胰岛素,300 IU,支,1,注射,\n\
                hospital,DEI,双氯芬酸注射液,,双氯芬酸,75 mg,支,1,注射,\n\
                hospital,DEO,双氯芬酸片,,双氯芬酸,75 mg,片,10,口服,\n",
    };

    const DESK: &str = r#""med_mdtrt_type":"1""#;
    const NEW: &str = r#""hosplist_code":"ATO""#;

    #[test]
    fn eighteen_days_left() {
        // The bench's clock stands on 2026-05-15: eleven days after the fourth.
        let hit = "hit 1: 【阿托伐他汀钙片】上次2026-05-04开30天，尚余18天（本院范围内）";
        check(DESK, NEW, &past("ATO", "0504", "30"), hit);
        check(DESK, NEW, &past("AT1", "0504", "30"), hit);
        check(DESK, NEW, &past("ATO", "0423", "30"), "pass");
        check(DESK, NEW, &past("ATO", "0422", "31"), "pass");
        check(DESK, NEW, &past("ATO", "0301", "30"), "pass");
    }

    /// A drug that is in no table, and whose earlier charge had no national code.
    #[test]
    fn the_same_entry_of_the_hospitals_list() {
        let hit = "hit 1: 【Y9】上次2026-05-04开30天，尚余18天（本院范围内）";
        let coded = r#""hosplist_code":"Y9","hilist_code":"XA02BCA001A001010100001""#;
        check(DESK, coded, &past("Y9", "0504", "30"), hit);
        check(DESK, r#""hosplist_code":"Y9""#, &past("Y9", "0504", "30"), hit);
        check(DESK, coded, &past("Y8", "0504", "30"), "nothing");
    }

    #[test]
    fn dispensings_are_laid_end_to_end() {
        let two = format!(
            "{},{}",
            past("ATO", "0420", "20"),
            past("ATO", "0501", "20").replace("\"h\"", "\"h2\"")
        );
        check(
            DESK,
            NEW,
            &two,
            "hit 1: 【阿托伐他汀钙片】上次2026-05-01开20天，尚余14天（本院范围内）",
        );
    }

    #[test]
    fn what_does_not_count() {
        let lost = format!(r#"{NEW},"excd_rea":"药品遗失""#);
        check(DESK, &lost, &past("ATO", "0504", "30"), "pass");
        check(DESK, r#""hosplist_code":"INS""#, &past("INS", "0504", "30"), "nothing");
        check(DESK, r#""hosplist_code":"DEO""#, &past("DEI", "0504", "30"), "nothing");
        check(r#""med_mdtrt_type":"2""#, NEW, &past("ATO", "0504", "30"), "nothing");
        let refund = r#"{"rx_id":"h","hosplist_code":"ATO","cnt":"5","medc_days":"30","fee_ocur_time":"20260504"},
            {"rx_id":"r","hosplist_code":"ATO","cnt":"-5","refd_rx_id":"h","fee_ocur_time":"20260505"}"#;
        check(DESK, NEW, refund, "nothing");
        check(DESK, NEW, "", "nothing");
        check(DESK, NEW, &past("ATO", "0504", ""), "unknown history.orders[h].medc_days");
    }

    #[test]
    fn a_form_that_is_not_known_may_be_the_same() {
        let line = r#""hilist_code":"XC09AAK099A001010199999","drug_used_way_code":"1""#;
        let past = r#"{"rx_id":"h","hilist_code":"XC09AAK099A001010199999","fee_ocur_time":"20260504","medc_days":"30"}"#;
        let name = r#""hosplist_name":"某片","#;
        let hit = "hit 1: 【某片】上次2026-05-04开30天，尚余18天（本院范围内）";
        check(DESK, &format!("{name}{line}"), past, hit);
        // Of another maker.
        check(DESK, &format!("{name}{line}"), &past.replace("99999\"", "90001\""), hit);
    }

    #[test]
    fn a_drug_of_the_table_is_known_by_its_code_too() {
        let coded = r#""hosplist_code":"ATO","hilist_code":"XC10AAA180A001010199999""#;
        let past = past("Y9", "0504", "30")
            .replace("\"Y9\"", "\"Y9\",\"hilist_code\":\"XC10AAA180A001010190001\"");
        let hit = "hit 1: 【阿托伐他汀钙片】上次2026-05-04开30天，尚余18天（本院范围内）";
        check(DESK, coded, &past, hit);
    }

    #[test]
    fn what_this_stay_used_up_is_not_at_home() {
        let stay = r#""med_mdtrt_type":"2","mdtrt_id":"Z1""#;
        let home = format!(r#"{NEW},"dscg_tkdrug_flag":"1""#);
        let past = past("ATO", "0504", "30");
        check(stay, &home, &past.replace("\"h\"", "\"h\",\"mdtrt_id\":\"Z1\""), "nothing");
        let other = past.replace("\"h\"", "\"h\",\"mdtrt_id\":\"M9\"");
        let hit = "hit 1: 【阿托伐他汀钙片】上次2026-05-04开30天，尚余18天（本院范围内）";
        check(stay, &home, &other, hit);
    }

    #[test]
    fn days_are_computed_when_nobody_wrote_them() {
        let past = r#"{"rx_id":"h","hosplist_code":"ATO","fee_ocur_time":"20260504","cnt":"4","cnt_unt":"盒",
            "drug_used_sdose":"20","drug_used_dosunt":"mg","drug_used_frqu":"QD"}"#;
        check(
            DESK,
            NEW,
            past,
            "hit 1: 【阿托伐他汀钙片】上次2026-05-04开28天，尚余16天（本院范围内）",
        );
    }

    fn past(drug: &str, day: &str, days: &str) -> String {
        format!(
            r#"{{"rx_id":"h","hosplist_code":"{drug}","fee_ocur_time":"2026{day}","medc_days":"{days}"}}"#
        )
    }

    #[track_caller]
    fn check(encounter: &str, line: &str, past: &str, expected: &str) {
        let request = format!(
            r#"{{"encounter":{{{encounter}}},"history":{{"orders":[{past}]}},"orders":[{{"rx_id":"1",{line}}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
