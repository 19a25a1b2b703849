//! C12 妊娠: drugs that harm the unborn.
//!
//! What: a row names a drug, the weeks of pregnancy in which it must not or should not be given, and
//! why. Pregnancy is read from the state, the weeks, or diagnoses (Z33, O...); weeks are counted from the
//! last menstruation where they were not written.
//! Why: a few of them deform, and the first weeks are those that nobody knows of.
//! Basis: drug labels; GZ10000301010000 妊娠期及哺乳期用药安全; 医院处方点评管理规范 2-2.
//! Example: state 妊娠期 with 缬沙坦 → hit; a woman of 29 whose state is unknown, 异维A酸 → asked or
//! asked to confirm, as the rule says (`on_missing`); a man, and after an abortion → pass.

use crate::age::Age;
use crate::families::clinical::maternity::{Pregnancy as State, pregnancy};
use crate::families::clinical::population::{self, Fits, LEVEL, WAYS, softened};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};

/// The family `pregnancy`.
pub struct Pregnancy;

const PARAMETERS: [Column; 2] = [
    Column::required("fertile_from", "育龄下限（含）", ColumnKind::Age),
    Column::required("fertile_below", "育龄上限（不含）", ColumnKind::Age),
];

const ROWS: [Column; 6] = [
    Column::optional("weeks_from", "孕周下限（含）", ColumnKind::Decimal),
    Column::optional("weeks_below", "孕周上限（不含）", ColumnKind::Decimal),
    LEVEL,
    Column::optional("effect", "危害", ColumnKind::Text),
    Column::optional("anywhere", "局部用药也计入", ColumnKind::Flag),
    WAYS,
];

impl Family for Pregnancy {
    fn id(&self) -> &'static str {
        "pregnancy"
    }

    fn zh_name(&self) -> &'static str {
        "妊娠期用药"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Reason,
            basis: "药品说明书；GZ10000301010000 妊娠期及哺乳期用药安全；医院处方点评管理规范（试行）2-2",
            window: "本次",
            text: "【{药品}】妊娠期{程度}，患者为妊娠期{孕周}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "patient.matn_stas",
            "patient.gend",
            "patient.brdy",
            "patient.geso_val",
            "patient.last_mena_date",
            "diagnoses.dise_codg",
            "orders.drug_ingd",
            "orders.drug_used_way_code",
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

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let (from, below) = (row.maybe_decimal("weeks_from"), row.maybe_decimal("weeks_below"));
        if from.zip(below).is_some_and(|(from, below)| from >= below) {
            return Some("`weeks_from` is not below `weeks_below`".to_owned());
        }
        population::fault(row)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().map(|found| judge_line(case, found)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    if !found.line.is_systemic() && !found.row.parameters.flag("anywhere") {
        return Outcome::NotApplicable;
    }
    let age = |name| case.rule.parameters.maybe_age(name);
    let (Some(from), Some(below)) = (age("fertile_from"), age("fertile_below")) else {
        return Outcome::NotApplicable;
    };
    let state = state(case, found, from, below);
    // Who is not pregnant needs no way of giving, and who may be is asked about that first.
    match (state, population::fits(case, found.row, found.line)) {
        (State::No, _) => Outcome::Pass,
        (_, Fits::No) => Outcome::NotApplicable,
        (State::Unknown(missing), _) | (_, Fits::Unknown(missing)) => Outcome::Unknown { missing },
        (State::Planned, Fits::Yes) => planned(found),
        (State::Yes(weeks), Fits::Yes) => pregnant(found, weeks),
    }
}

fn state(case: &Case<'_>, found: &Match<'_>, from: Age, below: Age) -> State {
    pregnancy(case, found.line.begins, from, below)
}

fn planned(found: &Match<'_>) -> Outcome {
    let weight = (Some(Severity::Slight), Some(Action::Hint));
    let text = format!("近期有生育计划，【{}】妊娠期{}", found.line.name(), level(found));
    hit(found, text, weight)
}

fn pregnant(found: &Match<'_>, weeks: Option<rust_decimal::Decimal>) -> Outcome {
    let cells = &found.row.parameters;
    let (from, below) = (cells.maybe_decimal("weeks_from"), cells.maybe_decimal("weeks_below"));
    let is_in = match weeks {
        _ if from.or(below).is_none() => true,
        None => return Outcome::unknown("patient.geso_val"),
        Some(weeks) => {
            from.is_none_or(|from| from <= weeks) && below.is_none_or(|below| weeks < below)
        }
    };
    if !is_in {
        return Outcome::Pass;
    }
    let at = weeks.map(|weeks| format!("（孕{}周）", weeks.normalize())).unwrap_or_default();
    let text = format!("【{}】妊娠期{}，患者为妊娠期{at}", found.line.name(), level(found));
    hit(found, text, softened(found.row))
}

fn level<'a>(found: &Match<'a>) -> &'a str {
    found.row.parameters.maybe_text("level").unwrap_or("禁用")
}

fn hit(
    found: &Match<'_>,
    mut text: String,
    (severity, action): (Option<Severity>, Option<Action>),
) -> Outcome {
    if let Some(effect) = found.row.parameters.maybe_text("effect") {
        text = format!("{text}：{effect}");
    }
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text,
        // The weeks in the text grow; what was acknowledged stays acknowledged.
        evidence: vec![level(found).to_owned(), found.row.item.to_string()],
        source: Some(found.row.source.clone()),
        severity,
        action,
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "pregnancy",
        parameters: "fertile_from = \"12岁\", fertile_below = \"56岁\"",
        rows: "match,key,item,weeks_from,weeks_below,level,effect,anywhere,source,flag\n\
               ingredient,异维A酸,异维A酸,,,,致畸,y,label,B\n\
               ingredient,缬沙坦,缬沙坦,,,,,,label,B\n\
               ingredient,布洛芬,布洛芬,20,30,慎用,,,FDA,B\n\
               ingredient,布洛芬,布洛芬,30,,,动脉导管早闭,,FDA,B\n",
        drugs: "hospital,ISO,异维A酸胶囊,,异维A酸,10 mg,粒,10,口服,\n\
                hospital,ISG,异维A酸凝胶,,异维A酸,?,支,1,外用,\n\
                hospital,VAL,缬沙坦胶囊,,缬沙坦,80 mg,粒,7,口服,\n\
                hospital,IBU,布洛芬片,,布洛芬,0.2 g,片,20,口服,\n\
                hospital,IBG,布洛芬乳膏,,布洛芬,?,支,1,外用,\n",
    };

    const WOMAN: &str = r#""gend":"2","brdy":"19970101""#;

    #[test]
    fn pregnant_as_stated_or_as_diagnosed() {
        let hit = "hit 1: 【缬沙坦胶囊】妊娠期禁用，患者为妊娠期";
        check("VAL", &with("3"), "", hit);
        check("VAL", &with("1"), "", "pass");
        check("VAL", &with("4"), "", "pass");
        check("VAL", WOMAN, r#","diagnoses":[{"dise_codg":"Z33.x00"}]"#, hit);
        check("VAL", &with("1"), r#","diagnoses":[{"dise_codg":"O24.9"}]"#, hit);
        check("VAL", &with("2"), "", "hit 1: 近期有生育计划，【缬沙坦胶囊】妊娠期禁用");
    }

    #[test]
    fn a_state_that_nobody_knows() {
        check("ISO", WOMAN, "", "unknown patient.matn_stas");
        check("ISO", &with("0"), "", "unknown patient.matn_stas");
        check("ISO", r#""brdy":"19970101""#, "", "unknown patient.matn_stas,patient.gend");
        check("ISO", r#""gend":"2""#, "", "unknown patient.matn_stas");
    }

    #[test]
    fn who_cannot_be_pregnant() {
        check("ISO", r#""gend":"1","brdy":"19970101""#, "", "pass");
        check("ISO", r#""gend":"2","brdy":"20150101""#, "", "pass");
        check("ISO", r#""gend":"2","brdy":"19700101""#, "", "pass");
        check("ISO", &with("3"), r#","diagnoses":[{"dise_codg":"O03.9"}]"#, "pass");
        check("ISO", WOMAN, r#","diagnoses":[{"dise_codg":"O80.0"}]"#, "pass");
        check(
            "ISO",
            WOMAN,
            r#","diagnoses":[{"dise_codg":"O42.9"},{"dise_codg":"O80.0"}]"#,
            "pass",
        );
    }

    /// The delivery is the diagnosis of the admission, and the child is not there yet.
    #[test]
    fn who_is_to_give_birth_is_not_known_to_have_given_birth() {
        for code in ["O80.0", "O82.1", "Z37.0"] {
            let made = format!(r#","diagnoses":[{{"dise_codg":"{code}"}}]"#);
            check("ISO", &with("3"), &made, "unknown patient.matn_stas");
            let weeks = WOMAN.to_owned() + r#","geso_val":"39""#;
            check("ISO", &weeks, &made, "unknown patient.matn_stas");
            check("ISO", &with("1"), &made, "pass");
        }
    }

    /// Of a child they are those of its own birth.
    #[test]
    fn weeks_of_a_child_are_no_pregnancy() {
        for born in ["20260420", "20250801", "20200101"] {
            let girl = format!(r#""gend":"2","brdy":"{born}","geso_val":"30""#);
            check("ISO", &girl, "", "pass");
        }
        let woman = WOMAN.to_owned() + r#","geso_val":"30""#;
        check("ISO", &woman, "", "hit 1: 【异维A酸胶囊】妊娠期禁用，患者为妊娠期（孕30周）：致畸");
    }

    #[test]
    fn every_branch_that_implies_a_pregnancy() {
        let hit = "hit 1: 【缬沙坦胶囊】妊娠期禁用，患者为妊娠期";
        let made = |code: &str| format!(r#","diagnoses":[{{"dise_codg":"{code}"}}]"#);
        for code in
            ["O35.0", "O40", "O41.000", "O42.9", "O43.1", "O45", "O46", "O47", "O48", "O60.0"]
        {
            check("VAL", &with("1"), &made(code), hit);
        }
        // Preterm labour with delivery, and the puerperium.
        check("VAL", &with("1"), &made("O60.1"), "pass");
        check("VAL", &with("1"), &made("O86.4"), "pass");
    }

    /// O98 and O99 are of pregnancy, childbirth and the weeks after it.
    #[test]
    fn a_branch_that_leaves_it_open() {
        let made = |code: &str| format!(r#","diagnoses":[{{"dise_codg":"{code}"}}]"#);
        check("VAL", &with("1"), &made("O99.0"), "unknown patient.matn_stas");
        check("VAL", WOMAN, &made("O98.4"), "unknown patient.matn_stas");
        check("VAL", &with("4"), &made("O99.0"), "pass");
        check("VAL", &with("3"), &made("O99.0"), "hit 1: 【缬沙坦胶囊】妊娠期禁用，患者为妊娠期");
        let delivered = r#","diagnoses":[{"dise_codg":"O99.0"},{"dise_codg":"O80.0"}]"#;
        check("VAL", &with("1"), delivered, "pass");
    }

    #[test]
    fn no_weeks_are_no_pregnancy() {
        let none = r#","geso_val":"0""#;
        check("VAL", &(with("1") + none), "", "pass");
        check("VAL", &(WOMAN.to_owned() + none), "", "unknown patient.matn_stas");
        check("VAL", &(with("3") + none), "", "hit 1: 【缬沙坦胶囊】妊娠期禁用，患者为妊娠期");
        check("IBU", &(with("3") + none), "", "unknown patient.geso_val");
        let menses = with("3") + none + r#","last_mena_date":"20251015""#;
        check(
            "IBU",
            &menses,
            "",
            "hit 1: 【布洛芬片】妊娠期禁用，患者为妊娠期（孕30周）：动脉导管早闭",
        );
    }

    #[test]
    fn weeks_of_pregnancy() {
        let at = |weeks: &str| format!(r#"{WOMAN},"matn_stas":"3","geso_val":"{weeks}""#);
        check("IBU", &at("19"), "", "pass");
        check("IBU", &at("20"), "", "hit 1: 【布洛芬片】妊娠期慎用，患者为妊娠期（孕20周）");
        check(
            "IBU",
            &at("30"),
            "",
            "hit 1: 【布洛芬片】妊娠期禁用，患者为妊娠期（孕30周）：动脉导管早闭",
        );
        check("IBU", &with("3"), "", "unknown patient.geso_val");
        let menses = format!(r#"{WOMAN},"matn_stas":"3","last_mena_date":"20251015""#);
        check(
            "IBU",
            &menses,
            "",
            "hit 1: 【布洛芬片】妊娠期禁用，患者为妊娠期（孕30周）：动脉导管早闭",
        );
    }

    #[test]
    fn on_the_skin() {
        check("IBG", &with("3"), "", "nothing");
        check("ISG", &with("3"), "", "hit 1: 【异维A酸凝胶】妊娠期禁用，患者为妊娠期：致畸");
    }

    fn with(state: &str) -> String {
        format!(r#"{WOMAN},"matn_stas":"{state}""#)
    }

    #[track_caller]
    fn check(drug: &str, patient: &str, more: &str, expected: &str) {
        BENCH.check(
            &format!(
                r#"{{"patient":{{{patient}}}{more},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#
            ),
            expected,
        );
    }
}
