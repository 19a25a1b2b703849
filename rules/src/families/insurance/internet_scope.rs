//! I12 超互联网医院药品支付范围: what is not prescribed online.
//!
//! What: in an internet visit, a drug of the named kinds (麻醉, 精神) or of the published list is a
//! hit. A child below the age limit needs a guardian and a specialist who take part.
//! Why: nobody online sees the patient; such drugs are abused, and small children cannot tell.
//! Basis: 智能监管规则（2025年版）管理类药品第47号; public batch 10; 互联网诊疗管理办法 art. 19.
//! Example: 硫酸吗啡缓释片 online → hit. Under six years and nobody said whether a guardian and a
//! specialist are there → unknown, to be asked; said that not → hit.

use crate::drug_kind::DrugKind;
use crate::facts::VisitKind;
use crate::family::{Case, Family, Hit, Outcome, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `internet_scope`.
pub struct InternetScope;

const PARAMETERS: [Column; 3] = [
    Column::required("kinds", "不得开具的药品种类", ColumnKind::List),
    Column::optional("items", "不得开具的药品", ColumnKind::Keys),
    Column::optional("guardian_below", "须监护人和专科医师在场的年龄（不含）", ColumnKind::Age),
];

impl Family for InternetScope {
    fn id(&self) -> &'static str {
        "internet_scope"
    }

    fn zh_name(&self) -> &'static str {
        "超互联网医院药品支付范围"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Block,
            basis: "智能监管规则（2025年版）管理类药品第47号；互联网诊疗管理办法（试行）第十九条；知识点第10批（2026-04-28）",
            window: "本次",
            text: "【{药品}】互联网诊疗不得开具{类别}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.itnt_flag",
            "encounter.guardian_flag",
            "patient.brdy",
            "orders.hilist_code",
            "orders.hosplist_code",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let visit = case.facts.encounter.present().and_then(|encounter| encounter.visit);
        if visit != Some(VisitKind::Internet) {
            return Vec::new();
        }
        let drugs: Vec<&Line<'_>> =
            case.lines().filter(|line| line.order.current && line.may_be_drug()).collect();
        let mut outcomes: Vec<Outcome> = drugs.iter().map(|line| judge_line(case, line)).collect();
        outcomes.push(judge_child(case, &drugs));
        outcomes
    }
}

fn judge_line(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    let parameters = &case.rule.parameters;
    let kinds = parameters.list("kinds").iter().filter_map(|word| DrugKind::parse(word));
    let kind = kinds.into_iter().find(|kind| line.is_kind(*kind) == Some(true));
    let items = parameters.keys("items");
    let is_listed = items.iter().any(|key| line.is_about(key, case.session.sets));
    if kind.is_none() && !is_listed {
        // Only the table knows what kind a drug is; a code tells no more than whether it is listed.
        let needs_table = !parameters.list("kinds").is_empty() || line.national_code().is_none();
        let is_known = line.product.is_some() || !needs_table;
        let missing = || line.shared_path("hosplist_code");
        return if is_known { Outcome::Pass } else { Outcome::Unlisted { missing: missing() } };
    }
    let what = kind.map_or_else(|| "该药品".to_owned(), |kind| format!("{}药品", kind.zh()));
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!("【{}】互联网诊疗不得开具{what}", line.name()),
        evidence: vec![what],
        ..Hit::default()
    })
}

fn judge_child(case: &Case<'_>, drugs: &[&Line<'_>]) -> Outcome {
    let limit = case.rule.parameters.maybe_age("guardian_below");
    let Some(limit) = limit.filter(|_| !drugs.is_empty()) else { return Outcome::NotApplicable };
    let today = case.now.date();
    match case.session.birth.and_then(|birth| birth.reached(limit, today)) {
        Some(true) => return Outcome::Pass,
        Some(false) => {}
        None => return Outcome::unknown("patient.brdy"),
    }
    match case.facts.encounter.present().and_then(|encounter| encounter.guardian_present) {
        Some(true) => Outcome::Pass,
        None => Outcome::unknown("encounter.guardian_flag"),
        Some(false) => Outcome::Hit(Hit {
            violating: drugs.iter().map(|line| line.position).collect(),
            text: format!("{limit}以下儿童互联网诊疗，须有监护人和相关专业医师陪伴"),
            evidence: vec![limit.to_string()],
            ..Hit::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "internet_scope",
        parameters: "kinds = [\"麻醉\", \"精一\", \"精二\"], items = \"code:XN02AAM022A010010100098\", guardian_below = \"6岁\"",
        rows: "",
        drugs: "match,key,name,ingredients,strengths,piece,form,kinds\n\
                hospital,EST,艾司唑仑片,艾司唑仑,1 mg,片,口服,精二\n\
                code,XC08CAA000A001010100000,氨氯地平片,氨氯地平,5 mg,片,口服,\n",
    };

    const ONLINE: &str = r#""med_mdtrt_type":"1","itnt_flag":"1""#;
    const MORPHINE: &str =
        r#""hilist_code":"XN02AAM022A010010100098","hosplist_name":"硫酸吗啡缓释片""#;
    const TABLET: &str = r#""hilist_code":"XC08CAA000A001010100000","hosplist_name":"氨氯地平片""#;

    #[test]
    fn not_online() {
        check("19700101", ONLINE, MORPHINE, "hit 1: 【硫酸吗啡缓释片】互联网诊疗不得开具该药品");
        let second = r#""hosplist_code":"EST""#;
        check("19700101", ONLINE, second, "hit 1: 【艾司唑仑片】互联网诊疗不得开具精二药品");
        check("19700101", ONLINE, TABLET, "pass");
        check("19700101", r#""med_mdtrt_type":"1""#, MORPHINE, "nothing");
        check("19700101", "", MORPHINE, "nothing");
        check("19700101", ONLINE, r#""hosplist_name":"药""#, "unknown orders[1].hosplist_code");
    }

    #[test]
    fn a_small_child_needs_a_guardian_and_a_specialist() {
        let with = format!(r#"{ONLINE},"guardian_flag":"1""#);
        let without = format!(r#"{ONLINE},"guardian_flag":"0""#);
        check("20200516", ONLINE, TABLET, "unknown encounter.guardian_flag");
        check("20200516", &with, TABLET, "pass");
        check(
            "20200516",
            &without,
            TABLET,
            "hit 1: 6岁以下儿童互联网诊疗，须有监护人和相关专业医师陪伴",
        );
        check("20200515", &without, TABLET, "pass");
        check("", ONLINE, TABLET, "unknown patient.brdy");
    }

    #[test]
    fn a_code_alone_does_not_tell_the_kind() {
        let fentanyl = r#""hilist_code":"XN01AHF041B002010100000","hosplist_name":"芬太尼""#;
        let request = format!(
            r#"{{"encounter":{{{ONLINE}}},"patient":{{"brdy":"19680315"}},"orders":[{{"rx_id":"1",{fentanyl}}}]}}"#
        );
        assert!(BENCH.told(&request).starts_with("unknown orders[1].hosplist_code"));
        let listed_only =
            Bench { parameters: "kinds = [], items = \"code:XN02AAM022A010010100098\"", ..BENCH };
        listed_only.check(&request, "pass");
    }

    #[track_caller]
    fn check(birth: &str, encounter: &str, line: &str, expected: &str) {
        let request = format!(
            r#"{{"patient":{{"gend":"1","brdy":"{birth}"}},"encounter":{{{encounter}}},"orders":[{{"rx_id":"1",{line}}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
