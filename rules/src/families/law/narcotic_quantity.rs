//! L04 麻醉药品、第一类精神药品用量: how much one prescription may hold, by form and by patient.
//!
//! What: an injection is one usual dose, sustained release seven days, other forms three; with a pain
//! file it is three, fifteen and seven days, in a ward one. A row gives a drug its usual dose, or
//! what is said of it alone: 哌醋甲酯 fifteen days for ADHD, 哌替啶 one dose inside the institution, 二氢埃托啡
//! one dose in hospitals of 二级 and above. One ampoule is the least that can be dispensed.
//! Why: what is not taken is diverted.
//! Basis: 处方管理办法 art. 23 to 26.
//! Example: 硫酸吗啡缓释片 Q12H, 20 tablets = 10 days, no cancer → hit; with C34 and a pain file → 15 days → pass.
//! Cancer without word of a file leaves 10 days open. Returned ampoules are not counted. The usual
//! dose is a table of its own: without it, more than one ampoule is unknown.

use rust_decimal::Decimal;

use crate::dose::{Computed, total_of};
use crate::drug::Form;
use crate::drug_kind::DrugKind;
use crate::facts::{HospitalLevel, VisitKind};
use crate::families::lines::{
    by_prescription, days_covered, identity, may_last_longer, of_kinds, positions,
};
use crate::family::{Case, Family, Hit, Outcome, Rows, Usual};
use crate::icd::Diagnosed;
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;
use crate::unit::Dose;

/// The family `narcotic_quantity`.
pub struct NarcoticQuantity;

const PARAMETERS: [Column; 7] = [
    Column::required("sustained_days", "缓控释制剂天数上限", ColumnKind::Whole),
    Column::required("other_days", "其他剂型天数上限", ColumnKind::Whole),
    Column::required("pain_injection_days", "疼痛患者注射剂天数上限", ColumnKind::Whole),
    Column::required("pain_sustained_days", "疼痛患者缓控释制剂天数上限", ColumnKind::Whole),
    Column::required("pain_other_days", "疼痛患者其他剂型天数上限", ColumnKind::Whole),
    Column::required("ward_days", "住院患者天数上限", ColumnKind::Whole),
    Column::required("pain_diagnoses", "应有疼痛专用病历的诊断编码", ColumnKind::List),
];

const ROWS: [Column; 6] = [
    Column::optional("usual_dose", "一次常用量", ColumnKind::Dose),
    Column::optional("always_one_dose", "一律为一次常用量", ColumnKind::Flag),
    Column::optional("inside_only", "仅限院内使用", ColumnKind::Flag),
    Column::optional(
        "level_min",
        "医疗机构最低级别",
        ColumnKind::Choice(&["一级", "二级", "三级"]),
    ),
    Column::optional("days_max", "特定诊断的天数上限", ColumnKind::Whole),
    Column::optional("diagnoses", "特定诊断的编码", ColumnKind::List),
];

const KINDS: [DrugKind; 2] = [DrugKind::Narcotic, DrugKind::PsychotropicFirst];

impl Family for NarcoticQuantity {
    fn id(&self) -> &'static str {
        "narcotic_quantity"
    }

    fn zh_name(&self) -> &'static str {
        "麻醉药品、第一类精神药品用量"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Block,
            basis: "处方管理办法（卫生部令第53号）第二十三条至第二十六条",
            window: "同日",
            text: "【{药品}】{原因}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.med_mdtrt_type",
            "encounter.pain_file_flag",
            "encounter.medins_lv",
            "diagnoses.dise_codg",
            "orders.hosplist_code",
            "orders.medc_days",
            "orders.cnt",
            "orders.cnt_unt",
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "orders.drug_used_frqu",
            "orders.dscg_tkdrug_flag",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Beside(&ROWS)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let mut controlled = Vec::new();
        let mut outcomes = of_kinds(case, &KINDS, |line| {
            controlled.push(line);
            Outcome::NotApplicable
        });
        for lines in by_prescription(controlled.into_iter()) {
            outcomes.extend(by_drug(&lines).iter().map(|lines| judge_drug(case, lines)));
        }
        outcomes
    }
}

/// The lines of one prescription by what the law counts together: ingredient and form. Two lines of
/// one ampoule each are two ampoules.
fn by_drug<'a, 'f>(lines: &[&'a Line<'f>]) -> Vec<Vec<&'a Line<'f>>> {
    let mut drugs: Vec<Vec<&Line<'_>>> = Vec::new();
    let kind = |line: &Line<'_>| (ingredient(line).to_owned(), is_injection(line), is_slow(line));
    for line in lines {
        let same = drugs.iter_mut().find(|of| of.first().is_some_and(|it| kind(it) == kind(line)));
        match same {
            Some(of) => of.push(line),
            None => drugs.push(vec![line]),
        }
    }
    drugs
}

fn ingredient<'a>(line: &'a Line<'_>) -> &'a str {
    line.ingredients().and_then(|all| all.first().copied()).unwrap_or_else(|| line.name())
}

/// By the product, not by the way it is said to be given: an ampoule given 椎管内 is an injection.
fn is_injection(line: &Line<'_>) -> bool {
    line.product.is_some_and(|product| product.form == Form::Injection)
}

fn is_slow(line: &Line<'_>) -> bool {
    line.is_kind(DrugKind::SustainedRelease) == Some(true)
}

fn judge_drug(case: &Case<'_>, lines: &[&Line<'_>]) -> Outcome {
    let Some(visit) = case.facts.encounter.present().and_then(|encounter| encounter.visit) else {
        return Outcome::unknown("encounter.med_mdtrt_type");
    };
    let row_of = |line: &Line<'_>| {
        let found = case.matches.iter().find(|found| found.line.position == line.position);
        found.map(|found| found.row)
    };
    let misplaced = lines.iter().find_map(|line| place(case, line, row_of(line)?, visit));
    if let Some(outcome) = misplaced {
        return outcome;
    }
    let kept: Vec<_> = lines.iter().copied().filter(|line| !line.is_cancelled()).collect();
    let Some(first) = kept.first().copied() else { return Outcome::Pass };
    if is_injection(first) && is_one_piece(&kept) {
        return Outcome::Pass;
    }
    let row = row_of(first);
    let judged = |in_ward| match limit(case, first, row, in_ward) {
        Limit::OneDose => judge_dose(&kept, row),
        Limit::Days { days, who, or } => judge_days(&kept, days, who, or),
    };
    match first.is_taken_home() {
        _ if visit != VisitKind::Inpatient => judged(false),
        Some(taken_home) => judged(!taken_home),
        None => either_way(first, &judged(true), judged(false)),
    }
}

/// Nobody can say whether it is taken home: certain is what both limits say.
fn either_way(line: &Line<'_>, of_ward: &Outcome, taken_home: Outcome) -> Outcome {
    match (of_ward, taken_home) {
        (Outcome::Pass, Outcome::Pass) => Outcome::Pass,
        (Outcome::Hit(_), Outcome::Hit(hit)) => Outcome::Hit(hit),
        _ => Outcome::unknown(line.path("drord_bhvr")),
    }
}

/// What is said of where a drug may be used; `None` when the place is right.
fn place(case: &Case<'_>, line: &Line<'_>, row: &Row, visit: VisitKind) -> Option<Outcome> {
    if row.parameters.flag("inside_only") {
        match line.is_taken_home() {
            Some(false) if is_inside(visit) => {}
            None if is_inside(visit) => return Some(Outcome::unknown(line.path("drord_bhvr"))),
            _ => return Some(hit(&[line], "仅限医疗机构内使用", "inside_only")),
        }
    }
    let level_min = match row.parameters.maybe_text("level_min")? {
        "三级" => HospitalLevel::Tertiary,
        "二级" => HospitalLevel::Secondary,
        _ => HospitalLevel::Primary,
    };
    match case.facts.encounter.present().and_then(|encounter| encounter.hospital_level) {
        None => Some(Outcome::unknown("encounter.medins_lv")),
        Some(level) if level < level_min => {
            let level = row.parameters.text("level_min");
            Some(hit(&[line], &format!("仅限{level}及以上医疗机构使用"), level))
        }
        Some(_) => None,
    }
}

fn is_inside(visit: VisitKind) -> bool {
    matches!(visit, VisitKind::Outpatient | VisitKind::Emergency | VisitKind::Inpatient)
}

enum Limit {
    OneDose,
    Days {
        days: u32,
        who: &'static str,
        /// The longer limit that would hold, were it known that its condition is met.
        or: Option<(u32, Vec<String>)>,
    },
}

fn limit(case: &Case<'_>, line: &Line<'_>, row: Option<&Row>, in_ward: bool) -> Limit {
    if row.is_some_and(|row| row.parameters.flag("always_one_dose")) {
        return Limit::OneDose;
    }
    let days = |name| case.rule.parameters.whole(name);
    if in_ward {
        return Limit::Days { days: days("ward_days"), who: "住院患者", or: None };
    }
    let (usual, with_file) = if is_injection(line) {
        (None, days("pain_injection_days"))
    } else if is_slow(line) {
        (Some(days("sustained_days")), days("pain_sustained_days"))
    } else {
        (Some(days("other_days")), days("pain_other_days"))
    };
    if let Some(limit) = row.and_then(|row| for_diagnosis(case, row, usual)) {
        return limit;
    }
    match (pain(case), usual) {
        (Pain::Yes, _) => Limit::Days { days: with_file, who: "疼痛患者", or: None },
        (Pain::Open(missing), Some(usual)) => {
            Limit::Days { days: usual, who: "非癌痛患者", or: Some((with_file, missing)) }
        }
        // One dose already is within both limits, more is open.
        (Pain::Open(missing), None) => {
            Limit::Days { days: 0, who: "非癌痛患者", or: Some((with_file, missing)) }
        }
        (Pain::No, Some(days)) => Limit::Days { days, who: "非癌痛患者", or: None },
        (Pain::No, None) => Limit::OneDose,
    }
}

/// 哌醋甲酯 for ADHD: a limit that hangs on the diagnosis.
fn for_diagnosis(case: &Case<'_>, row: &Row, usual: Option<u32>) -> Option<Limit> {
    let longer = row.parameters.maybe_whole("days_max")?;
    match case.facts.diagnosed(row.parameters.list("diagnoses")) {
        Diagnosed::As(_) => Some(Limit::Days { days: longer, who: "该诊断", or: None }),
        Diagnosed::No => None,
        Diagnosed::Unknown(missing) => {
            Some(Limit::Days { days: usual?, who: "无相应诊断", or: Some((longer, missing)) })
        }
    }
}

enum Pain {
    Yes,
    No,
    Open(Vec<String>),
}

/// The file decides; where nobody speaks of it, a disease that should have one leaves it open.
fn pain(case: &Case<'_>) -> Pain {
    let file = case.facts.encounter.present().and_then(|encounter| encounter.pain_file);
    match file {
        Some(true) => return Pain::Yes,
        Some(false) => return Pain::No,
        None => {}
    }
    let file = "encounter.pain_file_flag".to_owned();
    match case.facts.diagnosed(case.rule.parameters.list("pain_diagnoses")) {
        Diagnosed::As(_) => Pain::Open(vec![file]),
        Diagnosed::No => Pain::No,
        Diagnosed::Unknown(mut missing) => {
            missing.insert(0, file);
            Pain::Open(missing)
        }
    }
}

fn judge_days(
    lines: &[&Line<'_>],
    limit: u32,
    who: &str,
    or: Option<(u32, Vec<String>)>,
) -> Outcome {
    let days = match days_of(lines) {
        Ok(days) => days,
        Err(missing) => return Outcome::Unknown { missing },
    };
    if days <= Decimal::from(limit) {
        let open = lines.iter().find_map(|line| may_last_longer(line));
        return open.map_or(Outcome::Pass, |missing| Outcome::Unknown { missing });
    }
    let longest = or.as_ref().map_or(limit, |(longer, _)| *longer);
    if let Some((longer, missing)) = or
        && days <= Decimal::from(longer)
    {
        return Outcome::Unknown { missing };
    }
    // What was open does not matter: it is too long either way.
    let who = if longest == limit { who } else { "疼痛患者" };
    hit(
        lines,
        &format!("{}日，{who}不超过{longest}日", days.normalize()),
        &format!("{days}>{longest}"),
    )
}

/// The days of lines that are the same in drug and use follow each other; others are taken together,
/// as a morning and an evening dose are.
fn days_of(lines: &[&Line<'_>]) -> Computed<Decimal> {
    let mut uses: Vec<(&Line<'_>, Decimal)> = Vec::new();
    for line in lines {
        let days = days_covered(line)?;
        match uses.iter_mut().find(|(other, _)| is_same_use(other, line)) {
            Some((_, sum)) => *sum = sum.saturating_add(days),
            None => uses.push((line, days)),
        }
    }
    Ok(uses.into_iter().map(|(_, days)| days).max().unwrap_or_default())
}

fn is_same_use(one: &Line<'_>, other: &Line<'_>) -> bool {
    identity(one) == identity(other)
        && one.order.single_dose == other.order.single_dose
        && one.order.dose_unit == other.order.dose_unit
        && one.order.frequency == other.order.frequency
}

/// One ampoule, one tablet: the least that can be dispensed.
fn is_one_piece(lines: &[&Line<'_>]) -> bool {
    let [line] = lines else { return false };
    line.net == Some(Decimal::ONE)
        && line.order.quantity_unit.as_ref().is_some_and(|unit| line.is_its_piece(unit))
}

fn judge_dose(lines: &[&Line<'_>], row: Option<&Row>) -> Outcome {
    let Some(first) = lines.first() else { return Outcome::Pass };
    if is_one_piece(lines) {
        return Outcome::Pass;
    }
    let Some(usual) = row.and_then(|row| row.parameters.maybe_dose("usual_dose")) else {
        let code = first.order.hospital_code.as_deref().unwrap_or(first.name());
        return Outcome::unknown(format!("drugs[{code}].usual_dose"));
    };
    let mut total = Dose { amount: Decimal::ZERO, ..usual };
    for line in lines {
        match total_of(line, ingredient(line)) {
            Err(missing) => return Outcome::Unknown { missing },
            Ok(of_line) if of_line.dimension != usual.dimension => {
                return Outcome::unknown(line.path("cnt_unt"));
            }
            Ok(of_line) => total.amount = total.amount.saturating_add(of_line.amount),
        }
    }
    if total.amount <= usual.amount {
        return Outcome::Pass;
    }
    hit(lines, &format!("总量{total}，超过一次常用量{usual}"), &format!("{total}>{usual}"))
}

fn hit(lines: &[&Line<'_>], text: &str, evidence: &str) -> Outcome {
    let name = lines.first().map_or("", |line| line.name());
    Outcome::Hit(Hit {
        violating: positions(lines),
        text: format!("【{name}】{text}"),
        evidence: vec![evidence.to_owned()],
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "narcotic_quantity",
        parameters: "sustained_days = 7, other_days = 3, pain_injection_days = 3, pain_sustained_days = 15, pain_other_days = 7, ward_days = 1, pain_diagnoses = [\"C\"]",
        rows: "match,key,item,usual_dose,always_one_dose,inside_only,level_min,days_max,diagnoses,source,flag\n\
               ingredient,吗啡,吗啡,10 mg,,,,,,s,B\n\
               ingredient,哌替啶,哌替啶,100 mg,y,y,,,,s,B\n\
               ingredient,二氢埃托啡,二氢埃托啡,40 μg,y,,二级,,,s,B\n\
               ingredient,哌醋甲酯,哌醋甲酯,,,,,15,F90,s,A\n",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                hospital,MSR,硫酸吗啡缓释片,,吗啡,30 mg,片,10,口服,,N02AA01,麻醉|缓控释\n\
                hospital,MOR,盐酸吗啡片,,吗啡,10 mg,片,10,口服,,N02AA01,麻醉\n\
                hospital,MIN,盐酸吗啡注射液,,吗啡,10 mg,支,5,注射,,N02AA01,麻醉\n\
                hospital,FEN,枸橼酸芬太尼注射液,,芬太尼,0.1 mg,支,5,注射,,N01AH01,麻醉\n\
                hospital,PET,盐酸哌替啶注射液,,哌替啶,50 mg,支,5,注射,,N02AB02,麻醉\n\
                hospital,DHE,盐酸二氢埃托啡片,,二氢埃托啡,20 μg,片,10,口服,,N02AE,麻醉\n\
                hospital,MPH,盐酸哌醋甲酯片,,哌醋甲酯,10 mg,片,20,口服,,N06BA04,精一\n\
                hospital,AML,苯磺酸氨氯地平片,,氨氯地平,5 mg,片,7,口服,,C08CA01,\n",
    };

    const DESK: &str = r#""encounter":{"med_mdtrt_type":"1"}"#;
    const NO_CANCER: &str =
        r#""encounter":{"med_mdtrt_type":"1"},"diagnoses":[{"dise_codg":"M54.5"}]"#;
    const PAIN: &str = r#""encounter":{"med_mdtrt_type":"1","pain_file_flag":"1"},"diagnoses":[{"dise_codg":"C34.9"}]"#;
    const MSR: &str = r#""hosplist_code":"MSR","drug_used_sdose":"30","drug_used_dosunt":"mg","drug_used_frqu":"Q12H","cnt_unt":"片","cnt":""#;
    const MIN: &str = r#""hosplist_code":"MIN","cnt_unt":"支","cnt":""#;

    #[test]
    fn sustained_release() {
        check(NO_CANCER, MSR, "20", "hit 1: 【硫酸吗啡缓释片】10日，非癌痛患者不超过7日");
        check(NO_CANCER, MSR, "14", "pass");
        check(PAIN, MSR, "20", "pass");
        check(PAIN, MSR, "30", "pass");
        check(PAIN, MSR, "32", "hit 1: 【硫酸吗啡缓释片】16日，疼痛患者不超过15日");
    }

    #[test]
    fn twenty_tablets_are_not_taken_at_once() {
        let once = MSR.replace("Q12H", "立即");
        let unknown = "unknown orders[1].drug_used_frqu; data C311";
        check(NO_CANCER, &once, "20", unknown);
        check(NO_CANCER, &format!(r#""medc_days":"1",{once}"#), "20", unknown);
        check(NO_CANCER, &once, "1", "pass");
        let written = format!(r#""medc_days":"10",{once}"#);
        let hit = "hit 1: 【硫酸吗啡缓释片】10日，非癌痛患者不超过7日; data C311";
        check(NO_CANCER, &written, "20", hit);
    }

    #[test]
    fn a_file_that_nobody_speaks_of() {
        let cancer = r#""encounter":{"med_mdtrt_type":"1"},"diagnoses":[{"dise_codg":"C34.9"}]"#;
        check(cancer, MSR, "20", "unknown encounter.pain_file_flag");
        check(cancer, MSR, "14", "pass");
        check(cancer, MSR, "32", "hit 1: 【硫酸吗啡缓释片】16日，疼痛患者不超过15日");
        check(DESK, MSR, "20", "unknown encounter.pain_file_flag,diagnoses");
        let refused = r#""encounter":{"med_mdtrt_type":"1","pain_file_flag":"0"},"diagnoses":[{"dise_codg":"C34.9"}]"#;
        check(refused, MSR, "20", "hit 1: 【硫酸吗啡缓释片】10日，非癌痛患者不超过7日");
    }

    #[test]
    fn other_forms_and_the_ward() {
        let tablet = MSR.replace("MSR", "MOR").replace("30", "10");
        check(NO_CANCER, &tablet, "6", "pass");
        check(NO_CANCER, &tablet, "7", "hit 1: 【盐酸吗啡片】3.5日，非癌痛患者不超过3日");
        check(PAIN, &tablet, "14", "pass");
        let ward = r#""encounter":{"med_mdtrt_type":"2"},"diagnoses":[]"#;
        check(ward, &tablet, "2", "pass");
        check(ward, &tablet, "4", "hit 1: 【盐酸吗啡片】2日，住院患者不超过1日");
        let home = format!(r#""dscg_tkdrug_flag":"1",{tablet}"#);
        check(ward, &home, "6", "pass");
        check("\"diagnoses\":[]", &tablet, "6", "unknown encounter.med_mdtrt_type");
    }

    #[test]
    fn an_injection_is_one_usual_dose() {
        check(NO_CANCER, MIN, "1", "pass");
        check(NO_CANCER, MIN, "3", "hit 1: 【盐酸吗啡注射液】总量30mg，超过一次常用量10mg");
        let three_days = r#""drug_used_sdose":"10","drug_used_dosunt":"mg","drug_used_frqu":"QD","#;
        check(PAIN, &format!("{three_days}{MIN}"), "3", "pass");
        check(
            PAIN,
            &format!("{three_days}{MIN}"),
            "4",
            "hit 1: 【盐酸吗啡注射液】4日，疼痛患者不超过3日",
        );
        let fentanyl = MIN.replace("MIN", "FEN");
        check(NO_CANCER, &fentanyl, "1", "pass");
        check(NO_CANCER, &fentanyl, "2", "unknown drugs[FEN].usual_dose");
    }

    #[test]
    fn the_way_of_use_makes_no_other_form_of_an_ampoule() {
        let by = |way: &str| {
            format!(
                r#""drug_used_way_code":"{way}","medc_days":"3","drug_used_sdose":"10","drug_used_dosunt":"mg","drug_used_frqu":"BID",{MIN}"#
            )
        };
        for way in ["404", "9", "鞘内注射"] {
            check(
                NO_CANCER,
                &by(way),
                "6",
                "hit 1: 【盐酸吗啡注射液】总量60mg，超过一次常用量10mg",
            );
        }
    }

    #[test]
    fn lines_of_one_prescription_are_counted_together() {
        let twice = |facts: &str, rxnos: [&str; 2], line: &str, expected: &str| {
            let line =
                |at: usize| format!(r#"{{"rx_id":"{at}","rxno":"{}",{line}"}}"#, rxnos[at - 1]);
            BENCH.check(&format!(r#"{{{facts},"orders":[{},{}]}}"#, line(1), line(2)), expected);
        };
        let ampoule = format!("{MIN}1");
        let two = "hit 1,2: 【盐酸吗啡注射液】总量20mg，超过一次常用量10mg";
        twice(NO_CANCER, ["C", "C"], &ampoule, two);
        twice(NO_CANCER, ["C", "D"], &ampoule, "pass");
        let tablets = format!("{MSR}14");
        let days = "hit 1,2: 【硫酸吗啡缓释片】14日，非癌痛患者不超过7日";
        twice(NO_CANCER, ["C", "C"], &tablets, days);
        let evening = tablets.replace("Q12H", "QN").replace("\"30\"", "\"60\"");
        let both = format!(
            r#"{{{NO_CANCER},"orders":[{{"rx_id":"1",{tablets}"}},{{"rx_id":"2",{evening}"}}]}}"#
        );
        BENCH.check(&both, "pass");
    }

    #[test]
    fn returned_ampoules_are_not_counted() {
        let returned = |count: &str| {
            format!(
                r#"{{{NO_CANCER},"orders":[{{"rx_id":"1",{MIN}3"}}],
                "fees":[{{"rx_id":"F","refd_rx_id":"1","hosplist_code":"MIN","cnt":"{count}"}}]}}"#
            )
        };
        BENCH.check(&returned("-2"), "pass");
        BENCH.check(&returned("-1"), "hit 1: 【盐酸吗啡注射液】总量20mg，超过一次常用量10mg");
    }

    #[test]
    fn what_is_said_of_one_drug_alone() {
        let pethidine = MIN.replace("MIN", "PET");
        check(PAIN, &pethidine, "2", "pass");
        check(PAIN, &pethidine, "3", "hit 1: 【盐酸哌替啶注射液】总量150mg，超过一次常用量100mg");
        let home = format!(r#""dscg_tkdrug_flag":"1",{pethidine}"#);
        check(PAIN, &home, "1", "hit 1: 【盐酸哌替啶注射液】仅限医疗机构内使用");
        let dhe = MIN.replace("MIN", "DHE").replace("支", "片");
        let at = |level: &str| {
            format!(r#""encounter":{{"med_mdtrt_type":"1","medins_lv":"{level}"}},"diagnoses":[]"#)
        };
        check(&at("5"), &dhe, "2", "pass");
        check(&at("5"), &dhe, "3", "hit 1: 【盐酸二氢埃托啡片】总量0.06mg，超过一次常用量0.04mg");
        check(&at("9"), &dhe, "1", "hit 1: 【盐酸二氢埃托啡片】仅限二级及以上医疗机构使用");
        check(&at(""), &dhe, "1", "unknown encounter.medins_lv");
        let mph = r#""hosplist_code":"MPH","medc_days":""#;
        let adhd = DESK.to_owned() + r#","diagnoses":[{"dise_codg":"F90.0"}]"#;
        check(&adhd, mph, "15", "pass");
        check(&adhd, mph, "16", "hit 1: 【盐酸哌醋甲酯片】16日，该诊断不超过15日");
        check(NO_CANCER, mph, "15", "hit 1: 【盐酸哌醋甲酯片】15日，非癌痛患者不超过3日");
        check(DESK, mph, "15", "unknown diagnoses");
    }

    #[test]
    fn other_drugs_are_left_alone() {
        check(DESK, r#""hosplist_code":"AML","medc_days":""#, "90", "nothing");
        check(
            NO_CANCER,
            r#""hosplist_code":"MSR","drug_used_frqu":""#,
            "",
            "unknown orders[1].cnt",
        );
        check(
            DESK,
            r#""hosplist_code":"YP404","medc_days":""#,
            "90",
            "unknown orders[1].hosplist_code",
        );
    }

    #[track_caller]
    fn check(facts: &str, line: &str, count: &str, expected: &str) {
        let request = format!(r#"{{{facts},"orders":[{{"rx_id":"1",{line}{count}"}}]}}"#);
        BENCH.check(&request, expected);
    }
}
