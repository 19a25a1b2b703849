//! C25 联合用药过多: more drugs of one class at the same time than anybody needs.
//!
//! What: a row names a class and from how many different drugs on it is too many; what is taken on one
//! day counts, and what is put on the skin does not. Diagnoses that need many are let through.
//! Why: three antibiotics are rarely better than one.
//! Basis: 医院处方点评管理规范（试行）2-6.
//! Example: 头孢曲松 + 莫西沙星 + 甲硝唑 active → 3 ≥ 3 → hit. Tuberculosis and the quadruple therapy of H. pylori
//! are exempt; where diagnoses were not sent, nobody knows. Orders that were written before and still
//! run count too (`active.rs`).

use std::collections::BTreeSet;

use crate::families::clinical::active::{beside_active, goes_on};
use crate::families::clinical::sum::taken_beside;
use crate::families::lines::{identity, names_of_past, positions};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::icd::Diagnosed;
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::scope::Fit;
use crate::session::Line;

/// The family `too_many`.
pub struct TooMany;

const ROWS: [Column; 2] = [
    Column::required("count_min", "几种起为过多", ColumnKind::Whole),
    Column::optional("exempt", "豁免的诊断编码", ColumnKind::List),
];

impl Family for TooMany {
    fn id(&self) -> &'static str {
        "too_many"
    }

    fn zh_name(&self) -> &'static str {
        "联合用药过多"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Slight,
            action: Action::Hint,
            basis: "医院处方点评管理规范（试行）2-6",
            window: "同日",
            text: "同时使用{种数}种{类别}：{药品}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hosplist_code",
            "orders.drug_ingd",
            "orders.drug_used_way_code",
            "orders.drord_begn_date",
            "orders.medc_days",
            "history.orders",
            "diagnoses.dise_codg",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        // The members of a set are one class, and so are rows that share their name.
        let mut classes: Vec<(&str, Vec<&Match<'_>>)> = Vec::new();
        for found in case.matches.iter().filter(|found| found.line.is_systemic()) {
            match classes.iter_mut().find(|(name, _)| *name == found.row.item) {
                Some((_, matches)) => matches.push(found),
                None => classes.push((&found.row.item, vec![found])),
            }
        }
        beside_active(case, |active| {
            let class = |(name, matches): &(&str, Vec<&Match<'_>>)| {
                judge_class(case, name, matches, &of_class(case, name, active))
            };
            classes.iter().map(class).collect()
        })
    }
}

/// Of what runs already, what some row of the class is about.
fn of_class<'a>(case: &Case<'a>, name: &str, active: &[&'a Line<'a>]) -> Vec<&'a Line<'a>> {
    let on = case.now.date();
    let rows = case.rule.rows.iter().filter(|row| row.item == name && row.applies(on));
    let rows: Vec<_> = rows.filter(|row| row.fits(case.here()) == Fit::Inside).collect();
    let is_in =
        |line: &&Line<'_>| rows.iter().any(|row| line.is_about(&row.key, case.session.sets));
    let running = active.iter().copied().filter(|line| goes_on(line) && line.is_systemic());
    running.filter(is_in).collect()
}

fn judge_class(
    case: &Case<'_>,
    name: &str,
    matches: &[&Match<'_>],
    active: &[&Line<'_>],
) -> Outcome {
    let Some(row) = matches.first().map(|found| found.row) else { return Outcome::NotApplicable };
    let lines = matches.iter().map(|found| found.line).filter(|line| !line.is_cancelled());
    let lines: Vec<&Line<'_>> = lines.chain(active.iter().copied()).collect();
    // The fullest of the days on which something of this session is taken.
    let days = lines.iter().map(|anchor| taken_beside(anchor, &lines));
    let of_session = days.filter(|of_day| of_day.iter().any(|line| line.order.current));
    let most = of_session.max_by_key(|of_day| drugs(of_day).len()).unwrap_or_default();
    let count = drugs(&most).len();
    let min = row.parameters.whole("count_min");
    if most.is_empty() || count < usize::try_from(min).unwrap_or(usize::MAX) {
        return Outcome::Pass;
    }
    let exempt = row.parameters.list("exempt");
    if !exempt.is_empty() {
        match case.facts.diagnosed(exempt) {
            Diagnosed::As(_) => return Outcome::Pass,
            Diagnosed::Unknown(missing) => return Outcome::Unknown { missing },
            Diagnosed::No => {}
        }
    }
    let names: Vec<_> = most.iter().map(|line| format!("【{}】", line.name())).collect();
    Outcome::Hit(Hit {
        violating: positions(&most),
        text: format!("同时使用{count}种{name}：{}", names.join("")),
        evidence: [vec![format!("{count}≥{min}")], names_of_past(&most)].concat(),
        source: Some(row.source.clone()),
        ..Hit::default()
    })
}

/// Two lines of one substance are one drug.
fn drugs(lines: &[&Line<'_>]) -> BTreeSet<String> {
    let name = |line: &&Line<'_>| match line.ingredients() {
        Some(ingredients) if !ingredients.is_empty() => ingredients.join("+"),
        _ => identity(line).to_owned(),
    };
    lines.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "too_many",
        parameters: "",
        rows: "match,key,item,count_min,exempt,source,flag\n\
               atc,J01,抗菌药物,3,A15|B98.0,s,B\natc,P01,抗菌药物,3,A15|B98.0,s,B\n\
               atc,M01A,非甾体抗炎药,2,,s,B\n",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                hospital,CRO,注射用头孢曲松钠,,头孢曲松,1 g,支,1,注射,,J01DD04,\n\
                hospital,MXF,莫西沙星片,,莫西沙星,0.4 g,片,3,口服,,J01MA14,\n\
                hospital,MNZ,甲硝唑片,,甲硝唑,0.2 g,片,21,口服,,P01AB01,\n\
                hospital,AZI,阿奇霉素片,,阿奇霉素,0.25 g,片,6,口服,,J01FA10,\n\
                hospital,IBU,布洛芬缓释胶囊,,布洛芬,0.3 g,粒,20,口服,,M01AE01,\n\
                hospital,DIC,双氯芬酸钠缓释片,,双氯芬酸,75 mg,片,20,口服,,M01AB05,\n\
                hospital,GEL,双氯芬酸凝胶,,双氯芬酸,?,支,1,外用,,M01AB05,\n",
    };

    const COLD: &str = r#""diagnoses":[{"dise_codg":"J18.9"}]"#;
    const HIT: &str =
        "hit 1,2,3: 同时使用3种抗菌药物：【注射用头孢曲松钠】【莫西沙星片】【甲硝唑片】";

    #[test]
    fn three_antibiotics() {
        check(COLD, &["CRO", "MXF", "MNZ"], HIT);
        check(COLD, &["CRO", "MXF", "CRO"], "pass");
        check(COLD, &["CRO", r#"MXF","curr_drord_flag":"0"#, r#"MNZ","curr_drord_flag":"0"#], HIT);
        let old = r#"CRO","drord_begn_date":"20260501","medc_days":"5"#;
        check(COLD, &[old, "MXF", "MNZ"], "pass");
    }

    /// A fuller day of old orders hides no day of this session.
    #[test]
    fn the_fullest_day_of_this_session_counts() {
        let old = |drug: &str| {
            format!(r#"{drug}","curr_drord_flag":"0","drord_begn_date":"20260501","medc_days":"3"#)
        };
        let (one, two, three, four) = (old("CRO"), old("MXF"), old("MNZ"), old("AZI"));
        let now = ["CRO", "MXF", "MNZ"];
        let drugs = [&one, &two, &three, &four].map(String::as_str);
        check(COLD, &[drugs.as_slice(), &now].concat(), &HIT.replace("1,2,3", "5,6,7"));
    }

    #[test]
    fn who_needs_many() {
        check(r#""diagnoses":[{"dise_codg":"A15.0"}]"#, &["CRO", "MXF", "MNZ"], "pass");
        check(r#""diagnoses":[{"dise_codg":"B98.0"}]"#, &["CRO", "MXF", "MNZ"], "pass");
        check(r#""scene":"inpatient""#, &["CRO", "MXF", "MNZ"], "unknown diagnoses");
        check(r#""scene":"inpatient""#, &["CRO", "MXF"], "pass");
    }

    #[test]
    fn two_painkillers() {
        check(
            COLD,
            &["IBU", "DIC"],
            "hit 1,2: 同时使用2种非甾体抗炎药：【布洛芬缓释胶囊】【双氯芬酸钠缓释片】",
        );
        check(COLD, &["IBU", "GEL"], "pass");
        let old = r#"","curr_drord_flag":"0"#;
        check(COLD, &[&format!("IBU{old}"), &format!("DIC{old}")], "pass");
    }

    #[track_caller]
    fn check(facts: &str, drugs: &[&str], expected: &str) {
        let lines = drugs.iter().enumerate();
        let lines: Vec<_> = lines
            .map(|(at, drug)| format!(r#"{{"rx_id":"{}","hosplist_code":"{drug}"}}"#, at + 1))
            .collect();
        BENCH.check(&format!(r#"{{{facts},"orders":[{}]}}"#, lines.join(",")), expected);
    }
}
