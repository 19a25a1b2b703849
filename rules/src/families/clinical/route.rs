//! C06 给药途径/剂型: the way of giving is one that the product allows.
//!
//! What: a row names the ways that a drug is made for, the ways that it must never be given, or
//! that it must not be crushed for a feeding tube.
//! Why: vincristine into the spine, potassium pushed into a vein: both kill at once.
//! Basis: drug labels; WHO alert on vincristine; GZ10000301005000; 医院处方点评管理规范 2-3.
//! Example: 氯化钾注射液 as 静脉注射 (push) → hit. A code that says "静脉注射或静脉滴注" without a speed, a
//! code that is not mapped, no way at all → unknown.

use crate::families::clinical::population::{
    self, AGE_BELOW, AGE_FROM, INDICATIONS, NOT_INDICATIONS,
};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::way::Way;

/// The family `route`.
pub struct Route;

const ROWS: [Column; 7] = [
    Column::optional("allowed", "允许的给药途径", ColumnKind::List),
    Column::optional("forbidden", "禁止的给药途径", ColumnKind::List),
    Column::optional("no_crush", "不得研碎鼻饲", ColumnKind::Flag),
    AGE_FROM,
    AGE_BELOW,
    INDICATIONS,
    NOT_INDICATIONS,
];

impl Family for Route {
    fn id(&self) -> &'static str {
        "route"
    }

    fn zh_name(&self) -> &'static str {
        "给药途径不当"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Block,
            basis: "药品说明书；GZ10000301005000 超说明书用量；医院处方点评管理规范（试行）2-3",
            window: "本次",
            text: "【{药品}】{途径}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.drug_used_way_code",
            "orders.drug_used_way_name",
            "orders.drip_spd",
            "orders.drug_ingd",
            "patient.brdy",
            "patient.geso_val",
            "diagnoses.dise_codg",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let says_nothing = row.list("allowed").is_empty()
            && row.list("forbidden").is_empty()
            && !row.flag("no_crush");
        if says_nothing {
            return Some("a row needs `allowed`, `forbidden` or `no_crush`".to_owned());
        }
        let bad = population::unknown_way(row, "allowed");
        bad.or_else(|| population::unknown_way(row, "forbidden")).or_else(|| population::fault(row))
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().map(|found| judge_line(case, found)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    if let Some(outcome) = population::fits(case, found.row, found.line).left_out() {
        return outcome;
    }
    let lacking = || Outcome::unknown(found.line.path("drug_used_way_code"));
    // What the product is made for says nothing about what the doctor means to do with it.
    if found.line.order.route_text.is_none() {
        return lacking();
    }
    let Some(way) = found.line.way() else { return lacking() };
    let cells = &found.row.parameters;
    let (allowed, forbidden) =
        (population::ways(cells, "allowed"), population::ways(cells, "forbidden"));
    let is_forbidden = way.is_one_of(&forbidden);
    let is_allowed = if allowed.is_empty() { Some(true) } else { way.is_one_of(&allowed) };
    if cells.flag("no_crush") && way == Way::Tube {
        return hit(found, way, "不得研碎后鼻饲");
    }
    match (is_forbidden, is_allowed) {
        (Some(true), _) => hit(found, way, &format!("禁止{}", way.zh())),
        (_, Some(false)) => {
            let names: Vec<_> = allowed.iter().map(|way| way.zh()).collect();
            hit(found, way, &format!("只可{}，不可{}", names.join("、"), way.zh()))
        }
        (Some(false), Some(true)) => Outcome::Pass,
        _ => lacking(),
    }
}

fn hit(found: &Match<'_>, way: Way, said: &str) -> Outcome {
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!("【{}】{said}", found.line.name()),
        evidence: vec![way.zh().to_owned()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "route",
        parameters: "",
        rows: "match,key,item,allowed,forbidden,no_crush,source,flag\n\
               ingredient,长春新碱,长春新碱,静脉推注|静脉滴注,鞘内注射,,label,B\n\
               hospital,KCL,氯化钾注射液,,静脉推注|肌内注射,,label,B\n\
               hospital,NIF,硝苯地平控释片,口服,,y,label,B\n",
        drugs: "hospital,VCR,注射用长春新碱,,长春新碱,1 mg,支,1,注射,\n\
                hospital,KCL,氯化钾注射液,,氯化钾,1 g,支,5,注射,\n\
                hospital,NIF,硝苯地平控释片,,硝苯地平,30 mg,片,7,口服,\n",
    };

    #[test]
    fn a_way_that_kills() {
        check("VCR", "鞘内注射", "hit 1: 【注射用长春新碱】禁止鞘内注射");
        check("VCR", "601", "hit 1: 【注射用长春新碱】禁止鞘内注射");
        check("VCR", "静脉注射", "pass");
        check("VCR", "404", "pass");
        check("VCR", "肌注", "hit 1: 【注射用长春新碱】只可静脉推注、静脉滴注，不可肌内注射");
    }

    #[test]
    fn a_push_is_not_a_drip() {
        check("KCL", "静脉注射", "hit 1: 【氯化钾注射液】禁止静脉推注");
        check("KCL", "静脉滴注", "pass");
        check("KCL", "404", "unknown orders[1].drug_used_way_code");
        check("KCL", r#"404","drip_spd":"40"#, "pass");
    }

    #[test]
    fn not_crushed_for_a_tube() {
        check("NIF", "鼻饲", "hit 1: 【硝苯地平控释片】不得研碎后鼻饲");
        check("NIF", "口服", "pass");
    }

    #[test]
    fn a_way_nobody_mapped() {
        check("KCL", "X9", "unknown orders[1].drug_used_way_code; data C309");
        check("KCL", "", "unknown orders[1].drug_used_way_code");
    }

    #[track_caller]
    fn check(drug: &str, way: &str, expected: &str) {
        let request = format!(
            r#"{{"orders":[{{"rx_id":"1","hosplist_code":"{drug}","drug_used_way_code":"{way}"}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
