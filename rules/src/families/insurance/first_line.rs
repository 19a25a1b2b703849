//! I04 限二线使用: paid only after a first-line drug failed or was not tolerated.
//!
//! What: a row names a drug, the first-line drugs, and how far back to look. Evidence is: a
//! first-line drug used in that time (active, or of the past), an allergy to one, a diagnosis that names
//! one together with 不耐受, 无效 or the like, or what the doctor attests.
//! Why: the fund pays the dearer drug where the cheaper one does not do.
//! Basis: GZ10000101005000; public batch 9.
//! Example: 曲伏前列素滴眼液, no other glaucoma drug in 180 days → hit; 噻吗洛尔 60 days ago → pass.
//! Other hospitals' history is not local: where ours does not reach back, unknown, and the doctor is
//! asked to attest.

use jiff::ToSpan;

use crate::facts::{Allergy, Diagnosis};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::knowledge::Key;
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};

use super::usage::past_since;

/// The family `first_line`.
pub struct FirstLine;

/// How doctors write that a drug did not do.
const FAILURE: [&str; 7] = ["不耐受", "无效", "失败", "控制不佳", "禁忌", "过敏", "不良反应"];

const PARAMETERS: [Column; 1] = [Column::required("lookback_days", "回溯天数", ColumnKind::Whole)];

const ROWS: [Column; 3] = [
    Column::required("first_line", "一线药物", ColumnKind::Keys),
    Column::required("first_line_name", "一线药物的名称", ColumnKind::Text),
    Column::optional("lookback_days", "回溯天数", ColumnKind::Whole),
];

impl Family for FirstLine {
    fn id(&self) -> &'static str {
        "first_line"
    }

    fn zh_name(&self) -> &'static str {
        "药品限二线使用"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "GZ10000101005000 药品限二线使用",
            window: "近180天",
            text: "【{药品}】限二线使用，本院近{天数}天未见一线药物（{一线药物}）使用或不耐受记录",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.drug_ingd",
            "orders.attst_flag",
            "orders.frst_line_flag",
            "history.orders",
            "history.since",
            "diagnoses.dise_name",
            "allergies.algs",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().flat_map(|found| judge_line(case, found)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Vec<Outcome> {
    let row = &found.row.parameters;
    let rule_days = case.rule.parameters.whole("lookback_days");
    let days = row.maybe_whole("lookback_days").unwrap_or(rule_days);
    let order = found.line.order;
    if order.attested == Some(true)
        || order.first_line_used == Some(true)
        || was_used(case, found, days)
        || is_written(case, row.keys("first_line"))
    {
        return vec![Outcome::Pass];
    }
    let first = found.line.begins.checked_sub(i64::from(days).days()).ok();
    let is_denied = order.attested == Some(false) || order.first_line_used == Some(false);
    if let (Err(missing), false) = (past_since(case, first), is_denied) {
        // The doctor can attest; a history is not the doctor's to bring.
        let asked = Outcome::unknown(found.line.path("attst_flag"));
        return vec![asked, Outcome::Unidentified { missing: vec![missing.into()] }];
    }
    let (name, first_line) = (found.line.name(), row.text("first_line_name"));
    vec![Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!(
            "【{name}】限二线使用，本院近{days}天未见一线药物（{first_line}）使用或不耐受记录"
        ),
        evidence: vec![first_line.to_owned()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })]
}

/// A first-line drug that is active, or was used within the days before. One that is written in
/// this session has not failed yet.
fn was_used(case: &Case<'_>, found: &Match<'_>, days: u32) -> bool {
    let first = found.line.begins.checked_sub(i64::from(days).days()).ok();
    let keys = found.row.parameters.keys("first_line");
    keys.iter().any(|key| {
        let active = case.about(key).filter(|line| !line.order.current);
        let used = active.chain(case.past(key)).filter(|l| !l.is_refund() && !l.is_cancelled());
        let mut recent = used.filter(|line| {
            let last = line.ends().unwrap_or(line.begins).max(line.begins);
            first.is_none_or(|first| last >= first) && line.begins <= found.line.begins
        });
        recent.next().is_some()
    })
}

/// Whether an allergy or a diagnosis says that a first-line drug does not do.
fn is_written(case: &Case<'_>, keys: &[Key]) -> bool {
    let sets = case.session.sets;
    let members = keys.iter().flat_map(|key| match key {
        Key::Set(name) => sets.members(name, case.now.date()),
        key => std::slice::from_ref(key),
    });
    let names: Vec<&str> = members
        .filter_map(|key| if let Key::Ingredient(name) = key { Some(name.as_str()) } else { None })
        .collect();
    let names_one = |text: &str| names.iter().any(|name| text.contains(name));
    let history = case.facts.history.present();
    let allergies = case.facts.allergies.present().map_or(&[][..], Vec::as_slice).iter();
    let past = history.map_or(&[][..], |history| &history.allergies).iter();
    let is_allergic = |allergy: &Allergy| allergy.text.as_deref().is_some_and(names_one);
    let made = case.facts.diagnoses.present().map_or(&[][..], Vec::as_slice).iter();
    let has_failed = |diagnosis: &Diagnosis| {
        let name = diagnosis.name.as_deref().unwrap_or_default();
        names_one(name) && FAILURE.iter().any(|word| name.contains(word))
    };
    allergies.chain(past).any(is_allergic) || made.into_iter().any(has_failed)
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "first_line",
        parameters: "lookback_days = 180",
        rows: "match,key,item,first_line,first_line_name,source,flag\n\
               code,XS01EEQ092G010010101322,曲伏前列素滴眼液,ingredient:噻吗洛尔|ingredient:布林佐胺,噻吗洛尔等,batch 9,A\n",
        drugs: "hospital,TIM,马来酸噻吗洛尔滴眼液,XS01EDT000G010010100000,噻吗洛尔,?,支,1,外用,\n\
                hospital,BRI,布林佐胺滴眼液,,布林佐胺,?,支,1,外用,\n",
    };

    const DRUG: &str =
        r#""hilist_code":"XS01EEQ092G010010101322","hosplist_name":"曲伏前列素滴眼液""#;
    const HIT: &str = "hit 1: 【曲伏前列素滴眼液】限二线使用，本院近180天未见一线药物（噻吗洛尔等）使用或不耐受记录";

    #[test]
    fn a_first_line_drug_within_180_days() {
        check("", r#""history":{"since":"20250401","orders":[]}"#, HIT);
        check("", &used("TIM", "20260316"), "pass");
        check("", &used("BRI", "20251116"), "pass");
        check("", &used("TIM", "20251115"), HIT);
        check("", &used("AML", "20260316"), HIT);
        let returned = r#""history":{"since":"20250401","orders":[
            {"rx_id":"h1","hosplist_code":"TIM","cnt":"1","fee_ocur_time":"20260316"},
            {"rx_id":"h2","hosplist_code":"TIM","cnt":"-1","refd_rx_id":"h1","fee_ocur_time":"20260317"}]}"#;
        check("", returned, HIT);
    }

    #[test]
    fn where_our_history_does_not_reach() {
        check("", r#""labs":[]"#, "unknown orders[1].attst_flag,history");
        check(
            "",
            r#""history":{"since":"20260401","orders":[]}"#,
            "unknown orders[1].attst_flag,history.since",
        );
        check(r#","attst_flag":"1""#, r#""labs":[]"#, "pass");
        check(r#","attst_flag":"0""#, r#""labs":[]"#, HIT);
        check(r#","frst_line_flag":"1""#, r#""labs":[]"#, "pass");
        check(r#","frst_line_flag":"0""#, r#""labs":[]"#, HIT);
    }

    #[test]
    fn allergies_and_diagnoses_are_evidence() {
        let history = r#""history":{"since":"20250401"}"#;
        check("", &format!(r#"{history},"allergies":[{{"algs":"噻吗洛尔 哮喘发作"}}]"#), "pass");
        check("", &format!(r#"{history},"allergies":[{{"algs":"青霉素"}}]"#), HIT);
        check("", &format!(r#"{history},"diagnoses":[{{"dise_name":"布林佐胺不耐受"}}]"#), "pass");
        check("", &format!(r#"{history},"diagnoses":[{{"dise_name":"青光眼"}}]"#), HIT);
    }

    #[test]
    fn an_active_first_line_drug_counts_and_a_new_one_does_not() {
        let history = r#""history":{"since":"20250401"}"#;
        let active = r#"},{"rx_id":"2","hosplist_code":"TIM","curr_drord_flag":"0""#;
        check(active, history, "pass");
        let new = r#"},{"rx_id":"2","hosplist_code":"TIM""#;
        check(new, history, HIT);
    }

    fn used(drug: &str, day: &str) -> String {
        format!(
            r#""history":{{"since":"20250401","orders":[{{"rx_id":"h1","hosplist_code":"{drug}","fee_ocur_time":"{day}"}}]}}"#
        )
    }

    #[track_caller]
    fn check(more: &str, rest: &str, expected: &str) {
        let request = format!(r#"{{{rest},"orders":[{{"rx_id":"1",{DRUG}{more}}}]}}"#);
        BENCH.check(&request, expected);
    }
}
