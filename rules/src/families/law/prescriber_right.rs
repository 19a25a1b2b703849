//! L10 处方资格: whether the doctor holds the right to prescribe a kind of drug.
//!
//! What: for each kind that the site checks, the rights of whoever orders are asked, and whether they
//! still hold on the day. A line that somebody else wrote was judged when it was written.
//! Why: some drugs need training and an examination.
//! Basis: 处方管理办法 art. 11; 药品管理法.
//! Example: a doctor without 麻精 right orders 芬太尼 → hit. An expired right is none; a substitute answers with
//! his own rights, for they come with the one who orders. No table of rights → unknown for all; a
//! doctor in the table without any right is sent as 无.

use jiff::civil::Date;

use crate::drug_kind::DrugKind;
use crate::facts::{Group, Right, RightKind};
use crate::families::lines::is_slice;
use crate::family::{Case, Family, Hit, Outcome, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `prescriber_right`.
pub struct PrescriberRight;

const PARAMETERS: [Column; 7] = [
    Column::optional("narcotic", "核对麻醉、第一类精神药品处方权", ColumnKind::Flag),
    Column::optional("psychotropic_second", "核对第二类精神药品处方权", ColumnKind::Flag),
    Column::optional("toxic", "核对毒性药品处方权", ColumnKind::Flag),
    Column::optional("radioactive", "核对放射性药品处方权", ColumnKind::Flag),
    Column::optional("oncology_restricted", "核对限制使用级抗肿瘤药物处方权", ColumnKind::Flag),
    Column::optional("oncology_ordinary", "核对普通使用级抗肿瘤药物处方权", ColumnKind::Flag),
    Column::optional("herbal_slices", "核对中药饮片处方权", ColumnKind::Flag),
];

/// Each parameter with the kinds it is about and the rights that open them.
const NEEDS: [(&str, &[DrugKind], &[RightKind]); 7] = [
    ("narcotic", &[DrugKind::Narcotic, DrugKind::PsychotropicFirst], &[RightKind::Narcotic]),
    (
        "psychotropic_second",
        &[DrugKind::PsychotropicSecond],
        &[RightKind::PsychotropicSecond, RightKind::Narcotic],
    ),
    ("toxic", &[DrugKind::Toxic], &[RightKind::Toxic]),
    ("radioactive", &[DrugKind::Radioactive], &[RightKind::Radioactive]),
    ("oncology_restricted", &[DrugKind::OncologyRestricted], &[RightKind::OncologyRestricted]),
    (
        "oncology_ordinary",
        &[DrugKind::OncologyOrdinary],
        &[RightKind::OncologyOrdinary, RightKind::OncologyRestricted],
    ),
    ("herbal_slices", &[DrugKind::HerbalSlice], &[RightKind::HerbalSlices]),
];

impl Family for PrescriberRight {
    fn id(&self) -> &'static str {
        "prescriber_right"
    }

    fn zh_name(&self) -> &'static str {
        "处方资格"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Block,
            basis: "药品管理法；处方管理办法（卫生部令第53号）第十一条",
            window: "本次",
            text: "医师无{类别}处方权",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &["prescriber.rights", "orders.hosplist_code", "orders.drord_begn_date"]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let current = case.lines().filter(|line| line.order.current && line.may_be_drug());
        current.flat_map(|line| judge_line(case, line)).collect()
    }
}

fn judge_line(case: &Case<'_>, line: &Line<'_>) -> Vec<Outcome> {
    let checked = NEEDS.iter().filter(|(name, ..)| case.rule.parameters.flag(name));
    if line.product.is_none() && !is_slice(line) {
        return vec![Outcome::Unlisted { missing: line.shared_path("hosplist_code") }];
    }
    let mut outcomes = Vec::new();
    for (_, kinds, rights) in checked {
        if let Some(kind) = kinds.iter().find(|kind| is_of_kind(line, **kind)) {
            outcomes.push(judge_kind(case, line, *kind, rights));
        }
    }
    outcomes
}

fn is_of_kind(line: &Line<'_>, kind: DrugKind) -> bool {
    line.is_kind(kind) == Some(true) || (kind == DrugKind::HerbalSlice && is_slice(line))
}

fn judge_kind(case: &Case<'_>, line: &Line<'_>, kind: DrugKind, needed: &[RightKind]) -> Outcome {
    let prescriber = case.facts.prescriber_of(line.order);
    let rights = prescriber.as_deref().map(|prescriber| &prescriber.rights);
    let Some(Group::Present(held)) = rights else { return Outcome::unknown("prescriber.rights") };
    let held: Vec<_> = held.iter().filter(|right| needed.contains(&right.kind)).collect();
    if held.iter().any(|right| holds(right, line.begins)) {
        return Outcome::Pass;
    }
    let expired = held.iter().filter_map(|right| right.to).max();
    let text = match expired {
        Some(to) => format!("医师{}处方权已于{to}到期", kind.zh()),
        None => format!("医师无{}处方权", kind.zh()),
    };
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!("【{}】{text}", line.name()),
        evidence: vec![text],
        ..Hit::default()
    })
}

fn holds(right: &Right, on: Date) -> bool {
    right.to.is_none_or(|to| on <= to)
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "prescriber_right",
        parameters: "narcotic = true, toxic = true, oncology_restricted = true, oncology_ordinary = true, herbal_slices = true",
        rows: "",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                hospital,FEN,枸橼酸芬太尼注射液,,芬太尼,0.1 mg,支,5,注射,,N01AH01,麻醉\n\
                hospital,CIS,顺铂注射液,,顺铂,10 mg,支,1,注射,,L01XA01,肿瘤普通级\n\
                hospital,PEM,帕博利珠单抗注射液,,帕博利珠单抗,100 mg,支,1,注射,,L01FF02,肿瘤限制级\n\
                hospital,DIA,地西泮片,,地西泮,2.5 mg,片,100,口服,,N05BA01,精二\n",
    };

    #[test]
    fn who_may() {
        check(r#"["中药饮片"]"#, "FEN", "hit 1: 【枸橼酸芬太尼注射液】医师无麻醉处方权");
        check(r#"["麻精一"]"#, "FEN", "pass");
        check(r#"["无"]"#, "FEN", "hit 1: 【枸橼酸芬太尼注射液】医师无麻醉处方权");
        check(r#"["肿瘤限制级"]"#, "CIS", "pass");
        check(r#"["肿瘤普通级"]"#, "PEM", "hit 1: 【帕博利珠单抗注射液】医师无肿瘤限制级处方权");
        check(r#"["中药饮片"]"#, r#"HH","hilist_code":"T000600266"#, "pass");
        check(r#"["麻精一"]"#, r#"HH","hilist_code":"T000600266"#, "hit 1: 【HH】医师无饮片处方权");
        // The site does not check this right.
        check(r#"["无"]"#, "DIA", "nothing");
    }

    #[test]
    fn rights_expire() {
        let until = |day: &str| format!(r#"[{{"right":"麻精一","to":"{day}"}}]"#);
        check(&until("20260515"), "FEN", "pass");
        check(
            &until("20260514"),
            "FEN",
            "hit 1: 【枸橼酸芬太尼注射液】医师麻醉处方权已于2026-05-14到期",
        );
    }

    #[test]
    fn no_table_of_rights() {
        check("null", "FEN", "unknown prescriber.rights");
        check("[]", "FEN", "unknown prescriber.rights");
        check("null", "DIA", "nothing");
        check(r#"["麻精一"]"#, "YP404", "unknown orders[1].hosplist_code");
    }

    #[test]
    fn what_another_doctor_wrote() {
        check(r#"["无"]"#, r#"FEN","curr_drord_flag":"0"#, "nothing");
    }

    #[track_caller]
    fn check(rights: &str, drug: &str, expected: &str) {
        BENCH.check(
            &format!(
                r#"{{"prescriber":{{"rights":{rights}}},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#
            ),
            expected,
        );
    }
}
