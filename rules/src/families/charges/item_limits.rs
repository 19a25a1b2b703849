//! F10 项目限年龄、科室、机构级别、就医方式: a service outside its limits.
//!
//! What: a row may limit a service to an age range, to departments, to a lowest level of hospital
//! and to kinds of visit; each limit that is missed is told in one finding of the line.
//! Why: outside its limits the fund does not pay for it.
//! Basis: GZ10000102005000 to GZ10000102011000, 2025 edition no. 29 限年龄; public batches 1 and 8.
//! Example: 儿童龋齿预防保健 at 41 → hit; 职业功能训练 beyond the working age → hit. The range comes from the
//! row, departments are the site's codes or names. What a limit needs and was not sent → unknown.

use crate::age::BirthRange;
use crate::facts::{Encounter, HospitalLevel, VisitKind};
use crate::family::{Case, Family, Hit, LooksAt, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};

use super::lines::judged;

/// The family `item_limits`.
pub struct ItemLimits;

const ROWS: [Column; 6] = [
    Column::optional("age_from", "年龄下限（含）", ColumnKind::Age),
    Column::optional("age_below", "年龄上限（不含）", ColumnKind::Age),
    Column::optional("departments", "限定科室的代码或名称", ColumnKind::List),
    Column::optional(
        "level_min",
        "最低医疗机构等级",
        ColumnKind::Choice(&["一级", "二级", "三级"]),
    ),
    Column::optional("visits", "限定的就医方式", ColumnKind::List),
    Column::optional("limit", "限定内容的原文", ColumnKind::Text),
];

const VISITS: [VisitKind; 5] = [
    VisitKind::Outpatient,
    VisitKind::Emergency,
    VisitKind::Inpatient,
    VisitKind::Internet,
    VisitKind::Pharmacy,
];

impl Family for ItemLimits {
    fn id(&self) -> &'static str {
        "item_limits"
    }

    fn zh_name(&self) -> &'static str {
        "项目限定使用条件"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::SelfPay,
            basis: "GZ10000102006000 限儿童使用；GZ10000302003000 儿童专用",
            window: "本次",
            text: "【{项目}】限{范围}，{患者情形}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "patient.brdy",
            "patient.age",
            "encounter.adm_dept_codg",
            "encounter.adm_dept_name",
            "encounter.medins_lv",
            "encounter.med_mdtrt_type",
            "orders.hilist_code",
            "orders.hosplist_code",
            "fees.hilist_code",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Both
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let unknown = row
            .list("visits")
            .iter()
            .find(|name| !VISITS.iter().any(|visit| visit.zh() == name.as_str()));
        if let Some(name) = unknown {
            let known: Vec<_> = VISITS.iter().map(|visit| visit.zh()).collect();
            return Some(format!("`{name}` is no kind of visit; known are {}", known.join(", ")));
        }
        match (row.maybe_age("age_from"), row.maybe_age("age_below")) {
            (Some(from), Some(below)) if from >= below => {
                Some(format!("from {from} to below {below} is no range"))
            }
            _ => None,
        }
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        judged(case).map(|found| judge_line(case, found)).collect()
    }
}

/// What one limit came to.
enum Limit {
    Kept,
    /// Missed: what is so instead.
    Missed(String),
    Unknown(&'static str),
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    let (row, line) = (&found.row.parameters, found.line);
    let encounter = case.facts.encounter.present();
    let department = line.order.department_code.as_deref();
    let limits = [
        age(row, case.session.birth, line.begins),
        self::department(row, encounter, department),
        level(row, encounter),
        visit(row, encounter),
    ];
    let (mut missed, mut missing) = (Vec::new(), Vec::new());
    for limit in limits {
        match limit {
            Limit::Kept => {}
            Limit::Missed(instead) => missed.push(instead),
            Limit::Unknown(element) => missing.push(element.to_owned()),
        }
    }
    if missed.is_empty() {
        return if missing.is_empty() { Outcome::Pass } else { Outcome::Unknown { missing } };
    }
    let text = format!("【{}】限{}，{}", line.name(), describe(row), missed.join("，"));
    // The age in the text grows; what was acknowledged stays acknowledged.
    let evidence = vec![describe(row)];
    let source = Some(found.row.source.clone());
    Outcome::Hit(Hit { violating: vec![line.position], text, evidence, source, ..Hit::default() })
}

fn age(row: &Parameters, birth: Option<BirthRange>, on: jiff::civil::Date) -> Limit {
    let (from, below) = (row.maybe_age("age_from"), row.maybe_age("age_below"));
    if from.is_none() && below.is_none() {
        return Limit::Kept;
    }
    let Some(birth) = birth else { return Limit::Unknown("patient.brdy") };
    let old_enough = from.map_or(Some(true), |from| birth.reached(from, on));
    let young_enough =
        below.map_or(Some(true), |below| birth.reached(below, on).map(|reached| !reached));
    match (old_enough, young_enough) {
        (Some(false), _) | (_, Some(false)) => Limit::Missed(format!("患者{}", birth.describe(on))),
        (Some(true), Some(true)) => Limit::Kept,
        _ => Limit::Unknown("patient.brdy"),
    }
}

/// The department that ordered or charged the line, else that of the visit. The name of the visit's
/// department says nothing of another department.
fn department(row: &Parameters, encounter: Option<&Encounter>, of_line: Option<&str>) -> Limit {
    let allowed = row.list("departments");
    if allowed.is_empty() {
        return Limit::Kept;
    }
    let of_visit = encounter.and_then(|encounter| encounter.department_code.as_deref());
    let name = encounter.and_then(|encounter| encounter.department_name.as_deref());
    let code = of_line.or(of_visit);
    let name = name.filter(|_| of_line.is_none() || of_line == of_visit);
    let is_in = |text: &str| allowed.iter().any(|known| known == text);
    match (code, name) {
        (None, None) => Limit::Unknown("encounter.adm_dept_codg"),
        _ if code.is_some_and(is_in) || name.is_some_and(is_in) => Limit::Kept,
        _ => Limit::Missed(format!("开单科室为{}", name.or(code).unwrap_or_default())),
    }
}

fn level(row: &Parameters, encounter: Option<&Encounter>) -> Limit {
    let lowest = match row.maybe_text("level_min") {
        Some("三级") => HospitalLevel::Tertiary,
        Some("二级") => HospitalLevel::Secondary,
        Some(_) => HospitalLevel::Primary,
        None => return Limit::Kept,
    };
    match encounter.and_then(|encounter| encounter.hospital_level) {
        None => Limit::Unknown("encounter.medins_lv"),
        Some(level) if level >= lowest => Limit::Kept,
        Some(level) => Limit::Missed(format!("本机构为{}", level_zh(level))),
    }
}

fn level_zh(level: HospitalLevel) -> &'static str {
    match level {
        HospitalLevel::None => "无等级",
        HospitalLevel::Primary => "一级",
        HospitalLevel::Secondary => "二级",
        HospitalLevel::Tertiary => "三级",
    }
}

fn visit(row: &Parameters, encounter: Option<&Encounter>) -> Limit {
    let allowed = row.list("visits");
    if allowed.is_empty() {
        return Limit::Kept;
    }
    match encounter.and_then(|encounter| encounter.visit) {
        None => Limit::Unknown("encounter.med_mdtrt_type"),
        Some(visit) if allowed.iter().any(|known| known == visit.zh()) => Limit::Kept,
        Some(visit) => Limit::Missed(format!("就医方式为{}", visit.zh())),
    }
}

fn describe(row: &Parameters) -> String {
    if let Some(limit) = row.maybe_text("limit") {
        return limit.to_owned();
    }
    let mut parts = Vec::new();
    match (row.maybe_age("age_from"), row.maybe_age("age_below")) {
        (Some(from), Some(below)) => parts.push(format!("{from}至{below}以下")),
        (Some(from), None) => parts.push(format!("{from}及以上")),
        (None, Some(below)) => parts.push(format!("{below}以下")),
        (None, None) => {}
    }
    if let Some(level) = row.maybe_text("level_min") {
        parts.push(format!("{level}及以上医疗机构"));
    }
    for list in
        ["departments", "visits"].map(|name| row.list(name)).iter().filter(|l| !l.is_empty())
    {
        parts.push(list.join("、"));
    }
    parts.join("，")
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "item_limits",
        parameters: "",
        rows: "match,key,item,age_from,age_below,departments,level_min,visits,limit,source,flag\n\
               hospital,CARIES,儿童龋齿预防保健,,18岁,,,,儿童,batch 1,A\n\
               hospital,JOB,职业功能训练,16岁,60岁,,,,,batch 8,A\n\
               hospital,EYE,眼科检查,,,眼科|D07,,,,site,B\n\
               hospital,PET,PET,,,,三级,,,site,B\n\
               hospital,BED,床位,,,,,住院|急诊,,site,B\n",
        drugs: "",
    };

    #[test]
    fn ages() {
        check(r#""patient":{"brdy":"19850101"}"#, "CARIES", "hit 1: 【CARIES】限儿童，患者41岁");
        check(r#""patient":{"brdy":"20080516"}"#, "CARIES", "pass");
        check(r#""patient":{"brdy":"20080515"}"#, "CARIES", "hit 1: 【CARIES】限儿童，患者18岁");
        check(
            r#""patient":{"brdy":"19600101"}"#,
            "JOB",
            "hit 1: 【JOB】限16岁至60岁以下，患者66岁",
        );
        check(r#""patient":{"brdy":"19680101"}"#, "JOB", "pass");
        check(r#""patient":{}"#, "JOB", "unknown patient.brdy");
        check(r#""patient":{"age":"59岁"}"#, "JOB", "pass");
        check(r#""patient":{"age":"60岁"}"#, "JOB", "hit 1: 【JOB】限16岁至60岁以下，患者60岁");
    }

    #[test]
    fn departments_by_code_or_name() {
        check(r#""encounter":{"adm_dept_name":"眼科"}"#, "EYE", "pass");
        check(r#""encounter":{"adm_dept_codg":"D07"}"#, "EYE", "pass");
        check(
            r#""encounter":{"adm_dept_codg":"D01"}"#,
            "EYE",
            "hit 1: 【EYE】限眼科、D07，开单科室为D01",
        );
        check(r#""encounter":{}"#, "EYE", "unknown encounter.adm_dept_codg");
    }

    #[test]
    fn the_department_of_a_line_is_judged_alone() {
        let of_line = |visit: &str, line: &str, expected: &str| {
            let request = format!(
                r#"{{"encounter":{{{visit}}},"orders":[{{"rx_id":"1","hosplist_code":"EYE","drord_dept_codg":"{line}"}}]}}"#
            );
            BENCH.check(&request, expected);
        };
        let visit = r#""adm_dept_codg":"D01","adm_dept_name":"内科""#;
        of_line(visit, "D07", "pass");
        of_line(visit, "D03", "hit 1: 【EYE】限眼科、D07，开单科室为D03");
        of_line(visit, "D01", "hit 1: 【EYE】限眼科、D07，开单科室为内科");
        let visit = r#""adm_dept_codg":"D07","adm_dept_name":"眼科""#;
        of_line(visit, "D01", "hit 1: 【EYE】限眼科、D07，开单科室为D01");
        of_line(visit, "", "pass");
    }

    #[test]
    fn levels_and_visits() {
        check(r#""encounter":{"medins_lv":"1"}"#, "PET", "pass");
        check(
            r#""encounter":{"medins_lv":"5"}"#,
            "PET",
            "hit 1: 【PET】限三级及以上医疗机构，本机构为二级",
        );
        check(r#""encounter":{"mdtrt_id":"1"}"#, "PET", "unknown encounter.medins_lv");
        check(r#""encounter":{"med_mdtrt_type":"2"}"#, "BED", "pass");
        check(
            r#""encounter":{"med_mdtrt_type":"1"}"#,
            "BED",
            "hit 1: 【BED】限住院、急诊，就医方式为门诊",
        );
        check(r#""encounter":{"mdtrt_id":"1"}"#, "BED", "unknown encounter.med_mdtrt_type");
    }

    #[track_caller]
    fn check(who: &str, item: &str, expected: &str) {
        BENCH.check(
            &format!(r#"{{{who},"orders":[{{"rx_id":"1","hosplist_code":"{item}"}}]}}"#),
            expected,
        );
    }
}
