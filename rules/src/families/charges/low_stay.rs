//! F16 低标准住院与挂床住院: a stay that needed no bed, or a bed that nobody lay in.
//!
//! What: a finished stay whose charges are only tests, routine items and drugs by mouth; or more
//! days than `idle_days_max` without an item of care. One treatment, injection or operation is
//! enough to pass.
//! Why: tests and tablets are outpatient work. Many such stays are right all the same, so this is a
//! clue for the audit, and never shown to a doctor who orders.
//! Basis: GZ10000204005000 无指征住院（低标准入院）, 条例 art. 15 (挂床).
//! Example: six days with tests and tablets only → clue. A drug whose form nobody knows, and nothing
//! else that treats → unknown.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::drug::Form;
use crate::facts::{Group, VisitKind};
use crate::family::{Case, Family, Hit, LooksAt, Outcome, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::{ItemKind, Line, LineKind};

use super::lines::{counts, days_between, is_undated, time_path};

/// The family `low_stay`.
pub struct LowStay;

const PARAMETERS: [Column; 4] = [
    Column::required("tests", "检验检查项目", ColumnKind::Keys),
    Column::required("routine", "床位、诊查、护理等常规项目", ColumnKind::Keys),
    Column::optional("care", "证明在院的项目", ColumnKind::Keys),
    Column::optional("idle_days_max", "无在院项目的天数上限", ColumnKind::Whole),
];

impl Family for LowStay {
    fn id(&self) -> &'static str {
        "low_stay"
    }

    fn zh_name(&self) -> &'static str {
        "低标准住院与挂床住院"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Slight,
            action: Action::Hint,
            basis: "GZ10000204005000 无指征住院（低标准入院）；医疗保障基金使用监督管理条例第十五条",
            window: "本次住院",
            text: "住院{天数}天{情形}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.med_mdtrt_type",
            "encounter.adm_date",
            "encounter.dscg_date",
            "fees.hilist_code",
            "fees.hosplist_code",
            "fees.drug_used_way_code",
            "fees.fee_ocur_time",
            "surgeries.oprn_oprt_code",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Nothing
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let Some(encounter) = case.facts.encounter.present() else { return Vec::new() };
        if encounter.visit != Some(VisitKind::Inpatient) {
            return Vec::new();
        }
        let is_charge = |line: &&Line<'_>| line.kind == LineKind::Charge && counts(line);
        let charges: Vec<&Line<'_>> = case.session.lines.iter().filter(is_charge).collect();
        if charges.is_empty() {
            return vec![Outcome::unknown("fees")];
        }
        let (began, ended) = (encounter.began, encounter.ended);
        let Some((began, ended)) = began.zip(ended) else {
            return vec![Outcome::unknown(if began.is_none() {
                "encounter.adm_date"
            } else {
                "encounter.dscg_date"
            })];
        };
        let (began, ended) = (began.date(), ended.date());
        vec![without_treatment(case, &charges, began, ended), idle(case, &charges, began, ended)]
    }
}

/// What a charge says about the need for a bed.
#[derive(PartialEq, Eq)]
enum Use {
    Treatment,
    /// Tests, routine items, drugs by mouth or on the skin, consumables.
    Slight,
    Unknown,
}

fn use_of(case: &Case<'_>, line: &Line<'_>) -> Use {
    let is_in = |name: &str| {
        case.rule.parameters.keys(name).iter().any(|key| line.is_about(key, case.session.sets))
    };
    if is_in("tests") || is_in("routine") {
        return Use::Slight;
    }
    let is_drug = line.item_kind().map_or(line.product.is_some(), ItemKind::is_drug);
    match (is_drug, line.item_kind(), line.form()) {
        (true, _, Some(Form::Injection | Form::Other)) | (false, Some(ItemKind::Service), _) => {
            Use::Treatment
        }
        (true, _, Some(_)) | (false, Some(ItemKind::Consumable), _) => Use::Slight,
        _ => Use::Unknown,
    }
}

fn without_treatment(case: &Case<'_>, charges: &[&Line<'_>], began: Date, ended: Date) -> Outcome {
    let is_operated = matches!(&case.facts.surgeries, Group::Present(done) if !done.is_empty());
    let uses: Vec<(Use, &Line<'_>)> =
        charges.iter().map(|line| (use_of(case, line), *line)).collect();
    if is_operated || uses.iter().any(|(kind, _)| *kind == Use::Treatment) {
        return Outcome::Pass;
    }
    let unclear = uses.iter().filter(|(kind, _)| *kind == Use::Unknown);
    let missing: Vec<String> = unclear.map(|(_, line)| missing_of(line)).collect();
    if !missing.is_empty() {
        return Outcome::Unknown { missing };
    }
    let days = days_between(began, ended).max(1);
    Outcome::Hit(Hit {
        text: format!("住院{days}天仅有检验检查、常规项目与口服药，未见其他治疗"),
        evidence: vec![began.to_string(), ended.to_string()],
        ..Hit::default()
    })
}

fn missing_of(line: &Line<'_>) -> String {
    let is_drug = line.item_kind().is_some_and(ItemKind::is_drug) || line.product.is_some();
    line.path(if is_drug { "drug_used_way_code" } else { "hilist_code" })
}

/// Days of the stay, the day of discharge aside, without an item that proves presence.
fn idle(case: &Case<'_>, charges: &[&Line<'_>], began: Date, ended: Date) -> Outcome {
    let proofs = case.rule.parameters.keys("care");
    let Some(limit) = case.rule.parameters.maybe_whole("idle_days_max") else {
        return Outcome::NotApplicable;
    };
    let proves = |line: &&&Line<'_>| proofs.iter().any(|key| line.is_about(key, case.session.sets));
    let (undated, dated): (Vec<&Line<'_>>, Vec<&Line<'_>>) =
        charges.iter().filter(proves).partition(|line| is_undated(line));
    let present: BTreeSet<Date> = dated.iter().map(|line| line.begins).collect();
    let all = days_between(began, ended).clamp(1, DAYS_MAX);
    let days = began.series(jiff::Span::new().days(1)).take(all.unsigned_abs() as usize);
    let idle = days.filter(|day| !present.contains(day)).count();
    if idle <= limit as usize {
        return Outcome::Pass;
    }
    if !undated.is_empty() {
        // One line may stand for the care of all days, and says of none which.
        return Outcome::Unknown { missing: undated.into_iter().map(time_path).collect() };
    }
    Outcome::Hit(Hit {
        text: format!("住院{all}天中{idle}天无护理或诊疗记录，疑似挂床"),
        evidence: vec![began.to_string(), ended.to_string(), idle.to_string()],
        ..Hit::default()
    })
}

/// Longer stays are mistyped, and days need not be counted without end.
const DAYS_MAX: i32 = 4_000;

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "low_stay",
        parameters: "tests = \"hospital:LAB|hospital:CT\", routine = \"hospital:BED|hospital:CARE\", care = \"hospital:CARE\", idle_days_max = 2",
        rows: "",
        drugs: "hospital,TAB,片剂,XA02BCA000A001010100000,甲,?,片,1,口服,\n\
                hospital,INJ,注射剂,XA02BCA000B001010100000,甲,?,支,1,注射,\n",
    };

    const HIT: &str = "hit : 住院6天仅有检验检查、常规项目与口服药，未见其他治疗";
    const CARE: &str = "CARE 10,CARE 11,CARE 12,CARE 13,CARE 14,CARE 15";

    #[test]
    fn tests_and_tablets_only() {
        check(&format!("{CARE},LAB 10,TAB 10,BED 10"), "", HIT);
        check(&format!("{CARE},LAB 10,TAB 10,INJ 11"), "", "pass");
        check(&format!("{CARE},TAB 10"), r#","surgeries":[{"oprn_oprt_code":"47.01"}]"#, "pass");
    }

    #[test]
    fn a_service_that_is_no_test_treats() {
        let fee = r#","fees":[{"rx_id":"1","hosplist_code":"CARE","cnt":"1","fee_ocur_time":"20260510"},
            {"rx_id":"2","hilist_code":"003402000220000","cnt":"1","fee_ocur_time":"20260510"}]"#;
        request(fee, "hit : 住院6天中5天无护理或诊疗记录，疑似挂床");
        request(
            &fee.replace("003402000220000", "C0101010100000"),
            &format!("{HIT}; hit : 住院6天中5天无护理或诊疗记录，疑似挂床"),
        );
    }

    #[test]
    fn days_without_care() {
        check("CARE 10,CARE 11,CARE 12,INJ 10,CARE 15", "", "pass");
        check("CARE 10,CARE 11,CARE 12,INJ 10", "", "hit : 住院6天中3天无护理或诊疗记录，疑似挂床");
    }

    #[test]
    fn care_without_a_day_proves_no_day_and_accuses_nobody() {
        let fees = r#","fees":[{"rx_id":"1","hosplist_code":"CARE","cnt":"6"},
            {"rx_id":"2","hosplist_code":"INJ","cnt":"1"}]"#;
        request(fees, "unknown fees[1].fee_ocur_time");
        request(&fees.replace("CARE", "LAB"), "hit : 住院6天中6天无护理或诊疗记录，疑似挂床");
    }

    #[test]
    fn what_nobody_knows() {
        check(&format!("{CARE},ELSE 10"), "", "unknown fees[7].hilist_code");
        request(
            r#","fees":[{"rx_id":"1","hilist_code":"XA02BCA000Z001010100000","cnt":"1","fee_ocur_time":"20260510"}]"#,
            "hit : 住院6天中6天无护理或诊疗记录，疑似挂床; unknown fees[1].drug_used_way_code",
        );
        request("", "unknown fees");
        BENCH.check(r#"{"encounter":{"med_mdtrt_type":"1"}}"#, "nothing");
        BENCH.check(
            r#"{"encounter":{"med_mdtrt_type":"2","adm_date":"20260510"},"fees":[{"rx_id":"1","hosplist_code":"CARE","cnt":"1"}]}"#,
            "unknown encounter.dscg_date",
        );
    }

    #[track_caller]
    fn check(fees: &str, more: &str, expected: &str) {
        let fees: Vec<String> = (1..)
            .zip(fees.split(','))
            .map(|(id, fee)| {
                let (item, day) = fee.split_once(' ').unwrap_or((fee, ""));
                format!(r#"{{"rx_id":"{id}","hosplist_code":"{item}","cnt":"1","fee_ocur_time":"202605{day}"}}"#)
            })
            .collect();
        request(&format!(r#","fees":[{}]{more}"#, fees.join(",")), expected);
    }

    #[track_caller]
    fn request(more: &str, expected: &str) {
        let stay =
            r#""encounter":{"med_mdtrt_type":"2","adm_date":"20260510","dscg_date":"20260516"}"#;
        BENCH.check(&format!("{{{stay}{more}}}"), expected);
    }
}
