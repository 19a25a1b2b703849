//! L08 抗菌药物分级管理: who may order which antimicrobial, and where.
//!
//! What: the drug table gives an antimicrobial its tier. The special tier is not used in outpatient
//! care; restricted needs at least 主治医师, special at least 副主任医师.
//! Why: resistance. The lists differ by province, so tiers are data of the site.
//! Basis: 抗菌药物临床应用管理办法 (令84号) art. 24, 27, 28; GZ10000202003000.
//! Example: 主治医师 orders 美罗培南 (special) for an inpatient → hit; declared as an emergency → pass,
//! and the papers are due within 24 hours. A consultation opens it too. No title → unknown. A clinic
//! without a grade needs the county's approval to infuse any of them.

use crate::drug::{Form, Tier};
use crate::drug_kind::DrugKind;
use crate::facts::{HospitalLevel, Title, VisitKind};
use crate::families::lines::identity;
use crate::family::{Case, Family, Hit, Outcome, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `antimicrobial_tier`.
pub struct AntimicrobialTier;

/// Papers for an emergency overstep are due within a day.
const PAPERS_DUE_HOURS: u32 = 24;

const PARAMETERS: [Column; 2] = [
    Column::required("antimicrobial_classes", "抗菌药物的目录分类前缀", ColumnKind::List),
    Column::optional("ungraded_iv_ok", "无等级机构已获核准静脉输注抗菌药物", ColumnKind::Flag),
];

impl Family for AntimicrobialTier {
    fn id(&self) -> &'static str {
        "antimicrobial_tier"
    }

    fn zh_name(&self) -> &'static str {
        "抗菌药物分级管理"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Block,
            basis: "抗菌药物临床应用管理办法（卫生部令第84号）第二十四条、第二十七条、第二十八条",
            window: "本次",
            text: "【{药品}】为{级别}抗菌药物，{原因}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "prescriber.drord_dr_profttl",
            "encounter.med_mdtrt_type",
            "encounter.medins_lv",
            "orders.hosplist_code",
            "orders.hilist_code",
            "orders.urgt_flag",
            "orders.cnslt_flag",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let current = case.lines().filter(|line| line.order.current);
        current.map(|line| judge_line(case, line)).collect()
    }
}

fn judge_line(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    let tier = match tier(case, line) {
        Ok(Some(tier)) => tier,
        Ok(None) => return Outcome::NotApplicable,
        Err(missing) => return Outcome::unknown(missing),
    };
    let place = place_fits(case, line, tier);
    let title = title_fits(case, line, tier);
    match (&place, &title) {
        (Fit::Yes, Fit::Yes) => return Outcome::Pass,
        (Fit::No(_), _) | (_, Fit::No(_)) => {}
        (Fit::Unknown(missing), _) | (_, Fit::Unknown(missing)) => {
            return Outcome::unknown(*missing);
        }
    }
    // A consultation stands for the title, not for the place.
    if line.order.consulted == Some(true) {
        match place {
            Fit::Yes => return Outcome::Pass,
            Fit::Unknown(missing) => return Outcome::unknown(missing),
            Fit::No(_) => {}
        }
    }
    if line.order.urgent == Some(true) {
        return Outcome::Task {
            lines: vec![line.position],
            text: format!("【{}】紧急越级使用，请在{PAPERS_DUE_HOURS}小时内补办手续", line.name()),
            due_hours: PAPERS_DUE_HOURS,
        };
    }
    let reasons: Vec<String> = [place, title]
        .into_iter()
        .filter_map(|fit| if let Fit::No(why) = fit { Some(why) } else { None })
        .collect();
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!("【{}】为{}抗菌药物，{}", line.name(), tier.zh(), reasons.join("，")),
        evidence: reasons,
        ..Hit::default()
    })
}

/// The tier of a line; `Ok(None)` for what is no antimicrobial. A drug in no table may still tell
/// by its national class that it is none.
fn tier(case: &Case<'_>, line: &Line<'_>) -> Result<Option<Tier>, String> {
    let classes = case.rule.parameters.list("antimicrobial_classes");
    let is_of_class = |code: &str| classes.iter().any(|class| code.starts_with(class.as_str()));
    match (line.product, line.national_code()) {
        (Some(product), _) if product.tier.is_some() => Ok(product.tier),
        // An antimicrobial whose tier was left out of the table must not slip through.
        (Some(_), code) if code.is_some_and(is_of_class) || is_antimicrobial(classes, line) => {
            Err(format!("drugs[{}].tier", identity(line)))
        }
        (Some(_), _) => Ok(None),
        (None, Some(code)) if !is_of_class(code) => Ok(None),
        _ => Err(line.path("hosplist_code")),
    }
}

/// By what the drug table calls it, or by where it stands in the anatomical classification, which is
/// that of the catalogue behind its first character. What is put on the skin has no tier.
fn is_antimicrobial(classes: &[String], line: &Line<'_>) -> bool {
    let branches = || classes.iter().filter_map(|class| class.strip_prefix('X'));
    let is_of_branch = |code: &str| branches().any(|branch| code.starts_with(branch));
    let is_kind = line.is_kind(DrugKind::Antimicrobial) == Some(true);
    line.is_systemic() && (is_kind || line.atc_codes().any(is_of_branch))
}

enum Fit {
    Yes,
    No(String),
    Unknown(&'static str),
}

fn place_fits(case: &Case<'_>, line: &Line<'_>, tier: Tier) -> Fit {
    if line.form() == Some(Form::Injection) && is_ungraded(case) {
        return Fit::No("无等级医疗机构静脉输注抗菌药物须经县级卫生健康部门核准".to_owned());
    }
    if tier != Tier::Special {
        return Fit::Yes;
    }
    match case.facts.encounter.present().and_then(|encounter| encounter.visit) {
        None => Fit::Unknown("encounter.med_mdtrt_type"),
        Some(VisitKind::Emergency | VisitKind::Inpatient) => Fit::Yes,
        Some(visit) => Fit::No(format!("不得在{}使用", visit.zh())),
    }
}

/// A village clinic that has not been approved; an institution of unknown level is taken as graded.
fn is_ungraded(case: &Case<'_>) -> bool {
    let level = case.facts.encounter.present().and_then(|encounter| encounter.hospital_level);
    level == Some(HospitalLevel::None) && !case.rule.parameters.flag("ungraded_iv_ok")
}

fn title_fits(case: &Case<'_>, line: &Line<'_>, tier: Tier) -> Fit {
    if tier.title_min() == Title::Untitled {
        return Fit::Yes;
    }
    match case.facts.prescriber_of(line.order).and_then(|prescriber| prescriber.title) {
        None => Fit::Unknown("prescriber.drord_dr_profttl"),
        Some(title) if title >= tier.title_min() => Fit::Yes,
        Some(title) => Fit::No(format!("{}无{}权限", title.zh(), tier.zh())),
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "antimicrobial_tier",
        parameters: "antimicrobial_classes = [\"XJ01\", \"XJ02\"]",
        rows: "",
        drugs: "hospital,MEM,注射用美罗培南,,美罗培南,0.5 g,支,1,注射,特殊\n\
                hospital,CFX,头孢克肟片,,头孢克肟,50 mg,片,6,口服,限制\n\
                hospital,CRO,注射用头孢曲松钠,,头孢曲松,1 g,支,1,注射,非限制\n\
                hospital,AMX,阿莫西林胶囊,,阿莫西林,0.25 g,粒,24,口服,非限制\n\
                hospital,AML,苯磺酸氨氯地平片,,氨氯地平,5 mg,片,7,口服,\n",
    };

    const BED: &str = r#""med_mdtrt_type":"2""#;
    const DESK: &str = r#""med_mdtrt_type":"1""#;

    #[test]
    fn titles_in_the_ward() {
        check(
            BED,
            "233",
            "MEM",
            "hit 1: 【注射用美罗培南】为特殊使用级抗菌药物，主治医师无特殊使用级权限",
        );
        check(
            BED,
            "3",
            "MEM",
            "hit 1: 【注射用美罗培南】为特殊使用级抗菌药物，主治医师无特殊使用级权限",
        );
        check(BED, "232", "MEM", "pass");
        check(BED, "231", "MEM", "pass");
        check(BED, "234", "CFX", "hit 1: 【头孢克肟片】为限制使用级抗菌药物，医师无限制使用级权限");
        check(BED, "233", "CFX", "pass");
        check(BED, "6", "AMX", "pass");
        check(BED, "6", "CFX", "hit 1: 【头孢克肟片】为限制使用级抗菌药物，无职称无限制使用级权限");
    }

    #[test]
    fn the_special_tier_is_not_for_outpatients() {
        check(DESK, "231", "MEM", "hit 1: 【注射用美罗培南】为特殊使用级抗菌药物，不得在门诊使用");
        check(
            DESK,
            "234",
            "MEM",
            "hit 1: 【注射用美罗培南】为特殊使用级抗菌药物，不得在门诊使用，医师无特殊使用级权限",
        );
        check(r#""med_mdtrt_type":"1","emer_flag":"1""#, "231", "MEM", "pass");
        check(DESK, "231", "CFX", "pass");
        check(DESK, "", "MEM", "hit 1: 【注射用美罗培南】为特殊使用级抗菌药物，不得在门诊使用");
    }

    #[test]
    fn an_antimicrobial_without_its_tier() {
        let without = |atc: &str, kinds: &str| {
            let drugs = format!(
                "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                 hospital,NEW,某药,,某成分,0.5 g,支,1,注射,,{atc},{kinds}\nhospital,SKIN,某膏,,某成分,?,支,1,外用,,{atc},{kinds}\n"
            );
            let bench = Bench { drugs: drugs.leak(), ..BENCH };
            let of = |drug: &str| {
                bench.told(&format!(r#"{{"encounter":{{{BED}}},"prescriber":{{"drord_dr_profttl":"234"}},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#))
            };
            (of("NEW"), of("SKIN"))
        };
        let (nothing, unknown) = ("nothing".to_owned(), "unknown drugs[NEW].tier".to_owned());
        assert_eq!(without("J01DH02", ""), (unknown.clone(), nothing.clone()));
        assert_eq!(without("", "抗菌"), (unknown, nothing.clone()));
        assert_eq!(without("C08CA01", ""), (nothing.clone(), nothing));
    }

    #[test]
    fn a_clinic_without_a_grade() {
        let clinic = r#""med_mdtrt_type":"1","medins_lv":"11""#;
        let hit = "hit 1: 【注射用头孢曲松钠】为非限制使用级抗菌药物，无等级医疗机构静脉输注抗菌药物须经县级卫生健康部门核准";
        check(clinic, "234", "CRO", hit);
        check(clinic, "234", "AMX", "pass");
        check(r#""med_mdtrt_type":"1","medins_lv":"9""#, "234", "CRO", "pass");
        let approved = Bench {
            parameters: "antimicrobial_classes = [\"XJ01\"], ungraded_iv_ok = true",
            ..BENCH
        };
        approved.check(
            &format!(
                r#"{{"encounter":{{{clinic}}},"orders":[{{"rx_id":"1","hosplist_code":"CRO"}}]}}"#
            ),
            "pass",
        );
    }

    /// Provinces grade one drug differently: the tier is a cell of the site's drug table.
    #[test]
    fn another_provinces_list() {
        let elsewhere = Bench {
            drugs: "hospital,CFX,头孢克肟片,,头孢克肟,50 mg,片,6,口服,非限制\n",
            ..BENCH
        };
        let request = r#"{"encounter":{"med_mdtrt_type":"1"},"prescriber":{"drord_dr_profttl":"234"},
            "orders":[{"rx_id":"1","hosplist_code":"CFX"}]}"#;
        elsewhere.check(request, "pass");
        BENCH.check(request, "hit 1: 【头孢克肟片】为限制使用级抗菌药物，医师无限制使用级权限");
    }

    #[test]
    fn an_emergency_opens_it_and_leaves_a_task() {
        let urgent = r#"MEM","urgt_flag":"1"#;
        check(
            BED,
            "233",
            urgent,
            "task 【注射用美罗培南】紧急越级使用，请在24小时内补办手续; pass",
        );
        check(BED, "232", urgent, "pass");
        check(BED, "233", r#"MEM","cnslt_flag":"1"#, "pass");
    }

    #[test]
    fn a_missing_title_is_unknown() {
        check(BED, "", "MEM", "unknown prescriber.drord_dr_profttl");
        check(BED, "9", "CFX", "unknown prescriber.drord_dr_profttl");
        check("", "231", "MEM", "unknown encounter.med_mdtrt_type");
        check(BED, "", "AMX", "pass");
    }

    #[test]
    fn what_is_no_antimicrobial() {
        check(BED, "", "AML", "nothing");
        check(BED, "", r#"YP404","hilist_code":"XC08CAA000A001010100000"#, "nothing");
        check(
            BED,
            "",
            r#"YP404","hilist_code":"XJ01DHE007B001010102297"#,
            "unknown orders[1].hosplist_code",
        );
        check(BED, "", r#"AML","hilist_code":"XJ01DHE007B001010102297"#, "unknown drugs[AML].tier");
        check(BED, "", "YP404", "unknown orders[1].hosplist_code");
    }

    #[track_caller]
    fn check(encounter: &str, title: &str, drug: &str, expected: &str) {
        let request = format!(
            r#"{{"encounter":{{{encounter}}},"prescriber":{{"drord_dr_profttl":"{title}"}},
                "orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
