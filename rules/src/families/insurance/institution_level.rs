//! I10 限医疗机构级别: only institutions from a level on are paid for a drug.
//!
//! What: each row is one way in which a drug is paid: a level, and where given a department, a title,
//! a specialist, a specialty of the hospital, an earlier review. `first_only` limits the first prescription:
//! whoever uses the drug already may go on elsewhere. One way that holds is enough.
//! Why: some drugs want people who can deal with what may follow.
//! Basis: GZ10000101012000; public batch 5 and its revision.
//! Example: 丹参注射液 in a 一级 health centre → hit. 度拉糖肽, first prescription by no specialist → hit,
//! and without a history unknown. The level of the campus counts, not that of the group.

use jiff::ToSpan;

use crate::facts::{Encounter, HospitalLevel, Title};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

use super::usage::{is_same_drug, past_since};

/// The family `institution_level`.
pub struct InstitutionLevel;

/// So long a first prescription is remembered.
const LOOKBACK_DAYS: i64 = 365;

const LEVELS: [(&str, HospitalLevel); 3] = [
    ("一级", HospitalLevel::Primary),
    ("二级", HospitalLevel::Secondary),
    ("三级", HospitalLevel::Tertiary),
];

const TITLES: [(&str, Title); 4] = [
    ("医师", Title::Junior),
    ("主治医师", Title::Intermediate),
    ("副主任医师", Title::AssociateSenior),
    ("主任医师", Title::Senior),
];

const PARAMETERS: [Column; 2] = [
    Column::optional("campus_levels", "院区的级别，如「东院=一级」", ColumnKind::List),
    Column::optional("specialties", "本机构的专科，如「眼科」", ColumnKind::List),
];

const ROWS: [Column; 7] = [
    Column::required("level_min", "最低级别", ColumnKind::Choice(&["一级", "二级", "三级"])),
    Column::optional("departments", "科室名称含其一或代码", ColumnKind::List),
    Column::optional(
        "title_min",
        "最低职称",
        ColumnKind::Choice(&["医师", "主治医师", "副主任医师", "主任医师"]),
    ),
    Column::optional("specialist", "限专科医师", ColumnKind::Flag),
    Column::optional("specialty", "限某专科的医疗机构", ColumnKind::Text),
    Column::optional("reviewed", "须事前审核", ColumnKind::Flag),
    Column::optional("first_only", "只限首次处方", ColumnKind::Flag),
];

impl Family for InstitutionLevel {
    fn id(&self) -> &'static str {
        "institution_level"
    }

    fn zh_name(&self) -> &'static str {
        "药品限医疗机构级别"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::SelfPay,
            basis: "GZ10000101012000 药品限医疗机构级别",
            window: "本次",
            text: "【{药品}】{原因}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.medins_lv",
            "encounter.hosp_area_codg",
            "encounter.adm_dept_codg",
            "encounter.adm_dept_name",
            "prescriber.drord_dr_profttl",
            "prescriber.spclst_flag",
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.cnslt_flag",
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

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current_lines().into_iter().map(|line| judge_line(case, line)).collect()
    }
}

/// What one condition came to: why it fails, or what is missing.
enum Held {
    Yes,
    No(String),
    Unknown(String),
}

fn judge_line(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    let (mut why, mut missing, mut source) = (Vec::new(), Vec::new(), None);
    for way in case.current().filter(|found| found.line.position == line.position) {
        let (reasons, lacking) = way_fails(case, way);
        source = source.or_else(|| Some(way.row.source.clone()));
        if reasons.is_empty() && lacking.is_empty() {
            return Outcome::Pass;
        }
        if reasons.is_empty() {
            missing.extend(lacking);
        } else {
            why.push(reasons.join("，"));
        }
    }
    if !missing.is_empty() {
        return Outcome::Unknown { missing };
    }
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!("【{}】{}", line.name(), why.join("；或")),
        evidence: why,
        source,
        ..Hit::default()
    })
}

/// Why a way surely fails, and what is missing to say so.
fn way_fails(case: &Case<'_>, way: &Match<'_>) -> (Vec<String>, Vec<String>) {
    let (mut reasons, mut missing) = (Vec::new(), Vec::new());
    let conditions = [
        level(case, way),
        department(case, way),
        title(case, way),
        specialist(case, way),
        specialty(case, way),
        reviewed(way),
    ];
    for condition in conditions {
        match condition {
            Held::Yes => {}
            Held::No(why) => reasons.push(why),
            Held::Unknown(element) => missing.push(element),
        }
    }
    if reasons.is_empty() && missing.is_empty() || !way.row.parameters.flag("first_only") {
        return (reasons, missing);
    }
    if is_used_already(case, way.line) {
        return (Vec::new(), Vec::new());
    }
    let first = way.line.begins.checked_sub(LOOKBACK_DAYS.days()).ok();
    match past_since(case, first) {
        Ok(()) => (reasons.iter().map(|why| format!("首次处方{why}")).collect(), missing),
        Err(lacking) => (Vec::new(), vec![lacking]),
    }
}

fn is_used_already(case: &Case<'_>, line: &Line<'_>) -> bool {
    let active = case.lines().filter(|other| !other.order.current);
    let used = active.chain(&case.session.past).filter(|l| !l.is_refund() && !l.is_cancelled());
    used.into_iter().any(|other| is_same_drug(other, line))
}

fn level(case: &Case<'_>, way: &Match<'_>) -> Held {
    let wanted = way.row.parameters.text("level_min");
    let encounter = case.facts.encounter.present();
    let Some(actual) = encounter.and_then(|encounter| level_of(case, encounter)) else {
        return Held::Unknown("encounter.medins_lv".to_owned());
    };
    if LEVELS.iter().any(|(name, level)| *name == wanted && actual >= *level) {
        return Held::Yes;
    }
    let is =
        LEVELS.iter().find(|(_, level)| *level == actual).map_or("无等级", |(name, _)| name);
    let above = if wanted == "三级" { "" } else { "及以上" };
    Held::No(format!("限{wanted}{above}医疗机构，本机构为{is}"))
}

/// The campus where the patient is, when the site has said what its campuses are.
fn level_of(case: &Case<'_>, encounter: &Encounter) -> Option<HospitalLevel> {
    let of_campus = encounter.campus.as_deref().and_then(|campus| {
        let entries = case.rule.parameters.list("campus_levels").iter();
        let mut named = entries.filter_map(|entry| entry.split_once('='));
        named.find(|(name, _)| *name == campus).map(|(_, level)| level)
    });
    let named = |name: &str| LEVELS.iter().find(|(known, _)| *known == name).map(|(_, l)| *l);
    of_campus.and_then(named).or(encounter.hospital_level)
}

fn department(case: &Case<'_>, way: &Match<'_>) -> Held {
    let wanted = way.row.parameters.list("departments");
    if wanted.is_empty() {
        return Held::Yes;
    }
    let encounter = case.facts.encounter.present();
    let code = encounter.and_then(|encounter| encounter.department_code.as_deref());
    let name = encounter.and_then(|encounter| encounter.department_name.as_deref());
    if code.is_none() && name.is_none() {
        return Held::Unknown("encounter.adm_dept_codg".to_owned());
    }
    let fits = |want: &String| {
        code == Some(want.as_str()) || name.is_some_and(|name| name.contains(want.as_str()))
    };
    if wanted.iter().any(fits) {
        return Held::Yes;
    }
    Held::No(format!("限{}使用", wanted.join("、")))
}

fn title(case: &Case<'_>, way: &Match<'_>) -> Held {
    let Some(wanted) = way.row.parameters.maybe_text("title_min") else { return Held::Yes };
    let prescriber = case.facts.prescriber_of(way.line.order);
    let Some(actual) = prescriber.and_then(|prescriber| prescriber.title) else {
        return Held::Unknown("prescriber.drord_dr_profttl".to_owned());
    };
    if TITLES.iter().any(|(name, title)| *name == wanted && actual >= *title) {
        return Held::Yes;
    }
    Held::No(format!("限{wanted}及以上，医师职称为{}", actual.zh()))
}

fn specialist(case: &Case<'_>, way: &Match<'_>) -> Held {
    if !way.row.parameters.flag("specialist") {
        return Held::Yes;
    }
    match case.facts.prescriber_of(way.line.order).and_then(|prescriber| prescriber.specialist) {
        Some(true) => Held::Yes,
        Some(false) => Held::No("限专科医师开具".to_owned()),
        None => Held::Unknown("prescriber.spclst_flag".to_owned()),
    }
}

fn specialty(case: &Case<'_>, way: &Match<'_>) -> Held {
    let Some(wanted) = way.row.parameters.maybe_text("specialty") else { return Held::Yes };
    if case.rule.parameters.list("specialties").iter().any(|own| own == wanted) {
        return Held::Yes;
    }
    Held::No(format!("限{wanted}专科医疗机构"))
}

fn reviewed(way: &Match<'_>) -> Held {
    match (way.row.parameters.flag("reviewed"), way.line.order.consulted) {
        (false, _) | (true, Some(true)) => Held::Yes,
        (true, Some(false)) => Held::No("须事前审核".to_owned()),
        (true, None) => Held::Unknown(way.line.path("cnslt_flag")),
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "institution_level",
        parameters: "campus_levels = [\"EAST=一级\"], specialties = [\"眼科\"]",
        rows: "match,key,item,level_min,departments,title_min,specialist,specialty,reviewed,first_only,source,flag\n\
               hospital,DS,丹参注射液,二级,,,,,,,batch 5,A\n\
               hospital,DUL,度拉糖肽,二级,,,y,,,y,batch 5,A\n\
               hospital,EYE,雷珠单抗,三级,眼科,,,,,,batch 5,A\n\
               hospital,EYE,雷珠单抗,二级,,,,眼科,,,batch 5,A\n\
               hospital,TIT,限职称药,一级,,副主任医师,,,,,site,A\n\
               hospital,REV,限审核药,一级,,,,,y,,site,A\n\
               hospital,DEP,限科室药,一级,肿瘤|0301,,,,,,site,A\n",
        drugs: "",
    };

    #[test]
    fn the_level_of_the_institution_and_of_the_campus() {
        check(r#""medins_lv":"9""#, "DS", "hit 1: 【DS】限二级及以上医疗机构，本机构为一级");
        check(r#""medins_lv":"11""#, "DS", "hit 1: 【DS】限二级及以上医疗机构，本机构为无等级");
        check(r#""medins_lv":"05""#, "DS", "pass");
        check(r#""medins_lv":"2""#, "DS", "pass");
        check(
            r#""medins_lv":"2","hosp_area_codg":"EAST""#,
            "DS",
            "hit 1: 【DS】限二级及以上医疗机构，本机构为一级",
        );
        check(r#""medins_lv":"2","hosp_area_codg":"WEST""#, "DS", "pass");
        check(r#""mdtrt_id":"1""#, "DS", "unknown encounter.medins_lv");
    }

    #[test]
    fn the_first_prescription_by_a_specialist() {
        let by = |who: &str, history: &str, expected: &str| {
            BENCH.check(
                &format!(
                    r#"{{"encounter":{{"medins_lv":"5"}},"prescriber":{{{who}}}{history},"orders":[{{"rx_id":"1","hosplist_code":"DUL"}}]}}"#
                ),
                expected,
            );
        };
        let none = r#","history":{"since":"20250101"}"#;
        by(r#""spclst_flag":"1""#, none, "pass");
        by(r#""spclst_flag":"0""#, none, "hit 1: 【DUL】首次处方限专科医师开具");
        by(r#""spclst_flag":"0""#, "", "unknown history");
        by(r#""spclst_flag":"1""#, "", "pass");
        by(r#""drord_dr_codg":"1""#, none, "unknown prescriber.spclst_flag");
        let used =
            r#","history":{"since":"20260501","orders":[{"rx_id":"h","hosplist_code":"DUL"}]}"#;
        by(r#""spclst_flag":"0""#, used, "pass");
    }

    #[test]
    fn several_ways_departments_titles_and_reviews() {
        check(r#""medins_lv":"1","adm_dept_name":"眼科门诊""#, "EYE", "pass");
        check(r#""medins_lv":"5","adm_dept_name":"内科""#, "EYE", "pass");
        check(
            r#""medins_lv":"9","adm_dept_name":"内科""#,
            "EYE",
            "hit 1: 【EYE】限三级医疗机构，本机构为一级，限眼科使用；或限二级及以上医疗机构，本机构为一级",
        );
        check(r#""medins_lv":"5","adm_dept_codg":"0301""#, "DEP", "pass");
        check(r#""medins_lv":"5","adm_dept_codg":"0302""#, "DEP", "hit 1: 【DEP】限肿瘤、0301使用");
        check(r#""medins_lv":"5""#, "DEP", "unknown encounter.adm_dept_codg");
        check(r#""medins_lv":"5""#, "TIT", "unknown prescriber.drord_dr_profttl");
        check(r#""medins_lv":"5""#, "REV", "unknown orders[1].cnslt_flag");
        check(r#""medins_lv":"5""#, r#"REV","cnslt_flag":"1"#, "pass");
        let title = r#"{"encounter":{"medins_lv":"5"},"prescriber":{"drord_dr_profttl":"233"},"orders":[{"rx_id":"1","hosplist_code":"TIT"}]}"#;
        BENCH.check(title, "hit 1: 【TIT】限副主任医师及以上，医师职称为主治医师");
    }

    #[track_caller]
    fn check(encounter: &str, drug: &str, expected: &str) {
        let request = format!(
            r#"{{"encounter":{{{encounter}}},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
