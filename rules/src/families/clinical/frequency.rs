//! C05 频次: how often a drug is given, by what it is given for.
//!
//! What: a row gives an ingredient the most and the least times in a period of days, perhaps for
//! some diseases only or for all but some.
//! Why: methotrexate every day instead of every week has killed, again and again.
//! Basis: drug labels; ISMP; GZ10000301005000; 医院处方点评管理规范 2-5.
//! Example: 甲氨蝶呤 10 mg QD with M06.9 → hit; with C81 another row counts; "每周一" is once a week.
//! Once only (ST) is no rate and passes; as needed without a maximum → unknown.

use rust_decimal::Decimal;

use crate::families::clinical::population::{
    self, AGE_BELOW, AGE_FROM, INDICATIONS, NOT_INDICATIONS, WAYS,
};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::frequency::Frequency as Often;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};

/// The family `frequency`.
pub struct Frequency;

const ROWS: [Column; 9] = [
    Column::optional("times_max", "每周期最多次数", ColumnKind::Decimal),
    Column::optional("times_min", "每周期最少次数", ColumnKind::Decimal),
    Column::optional("period_days", "周期的天数，空为1日", ColumnKind::Whole),
    Column::optional("note", "提示语，如「非肿瘤用途应每周1次」", ColumnKind::Text),
    AGE_FROM,
    AGE_BELOW,
    WAYS,
    INDICATIONS,
    NOT_INDICATIONS,
];

impl Family for Frequency {
    fn id(&self) -> &'static str {
        "frequency"
    }

    fn zh_name(&self) -> &'static str {
        "给药频次不当"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Block,
            basis: "药品说明书；ISMP用药安全警示；GZ10000301005000 超说明书用量；医院处方点评管理规范（试行）2-5",
            window: "本次",
            text: "【{药品}】{频次}：{说明}应{范围}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.drug_used_frqu",
            "orders.day_cnt_max",
            "orders.drug_used_way_code",
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
        let (max, min) = (row.maybe_decimal("times_max"), row.maybe_decimal("times_min"));
        if max.or(min).is_none() {
            return Some("a row needs `times_max` or `times_min`".to_owned());
        }
        if row.maybe_whole("period_days") == Some(0) {
            return Some("a period has at least one day".to_owned());
        }
        if max.zip(min).is_some_and(|(max, min)| min > max) {
            return Some("`times_min` is above `times_max`".to_owned());
        }
        population::fault(row)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().map(|found| judge_line(case, found)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    if let Some(outcome) = population::fits(case, found.row, found.line).left_out() {
        return outcome;
    }
    let (times, days) = match rate(found) {
        Ok(Some(rate)) => rate,
        Ok(None) => return Outcome::Pass,
        Err(element) => return Outcome::unknown(found.line.path(element)),
    };
    let cells = &found.row.parameters;
    let period = cells.maybe_whole("period_days").unwrap_or(1);
    // times / days against limit / period, without dividing.
    let given = times.saturating_mul(Decimal::from(period));
    let allowed = |limit: Decimal| limit.saturating_mul(days);
    let (max, min) = (cells.maybe_decimal("times_max"), cells.maybe_decimal("times_min"));
    match (max, min) {
        (Some(max), _) if given > allowed(max) => hit(found, times, days, max, "至多"),
        (_, Some(min)) if given < allowed(min) => hit(found, times, days, min, "至少"),
        _ => Outcome::Pass,
    }
}

/// Times in so many days; `None` for a single dose; an error names what is missing.
fn rate(found: &Match<'_>) -> Result<Option<(Decimal, Decimal)>, &'static str> {
    match found.line.frequency() {
        Some(Often::Regular { times, days }) => {
            Ok(Some((Decimal::from(times), Decimal::from(days))))
        }
        Some(Often::Once) => Ok(None),
        Some(Often::AsNeeded) => match found.line.order.times_per_day_max {
            Some(times) => Ok(Some((times, Decimal::ONE))),
            None => Err("day_cnt_max"),
        },
        Some(Often::Continuous) | None => Err("drug_used_frqu"),
    }
}

fn hit(found: &Match<'_>, times: Decimal, days: Decimal, limit: Decimal, bound: &str) -> Outcome {
    let period = found.row.parameters.maybe_whole("period_days").unwrap_or(1);
    let said = match found.row.parameters.maybe_text("note") {
        Some(note) => note.to_owned(),
        None => format!("应{bound}{}", words(limit, Decimal::from(period))),
    };
    let given = words(times, days);
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!("【{}】{given}：{said}", found.line.name()),
        evidence: vec![given, limit.to_string(), period.to_string()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })
}

/// 每日2次, 每周1次, 每14日1次.
fn words(times: Decimal, days: Decimal) -> String {
    let times = times.normalize();
    match days.to_string().as_str() {
        "1" => format!("每日{times}次"),
        "7" => format!("每周{times}次"),
        days => format!("每{days}日{times}次"),
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "frequency",
        parameters: "",
        rows: "match,key,item,times_max,times_min,period_days,note,not_indications,indications,source,flag\n\
               ingredient,甲氨蝶呤,甲氨蝶呤,1,,7,非肿瘤用途应每周1次,C|D45,,ISMP,B\n\
               ingredient,甲氨蝶呤,甲氨蝶呤,1,,1,,,C,label,B\n\
               ingredient,左甲状腺素,左甲状腺素,1,1,,,,,label,B\n",
        drugs: "hospital,MTX,甲氨蝶呤片,,甲氨蝶呤,2.5 mg,片,100,口服,\n\
                hospital,LT4,左甲状腺素钠片,,左甲状腺素,50 μg,片,100,口服,\n",
    };

    const DAILY: &str = "hit 1: 【甲氨蝶呤片】每日1次：非肿瘤用途应每周1次";

    #[test]
    fn every_week_and_never_every_day() {
        check("MTX", "QD", "M06.9", DAILY);
        check("MTX", "QW", "M06.9", "pass");
        check("MTX", "每周一", "M06.9", "pass");
        check("MTX", "Q2W", "M06.9", "pass");
        check("MTX", "BIW", "M06.9", "hit 1: 【甲氨蝶呤片】每周2次：非肿瘤用途应每周1次");
        check("MTX", "QOD", "M06.9", "hit 1: 【甲氨蝶呤片】每2日1次：非肿瘤用途应每周1次");
    }

    #[test]
    fn a_tumour_has_a_row_of_its_own() {
        check("MTX", "QD", "C81", "pass");
        check("MTX", "BID", "C81", "hit 1: 【甲氨蝶呤片】每日2次：应至多每日1次");
        let two = r#"C81.9"},{"dise_codg":"M06.9"#;
        check("MTX", "QD", two, "pass");
    }

    #[test]
    fn what_is_missing_is_named() {
        check("MTX", "", "M06.9", "unknown orders[1].drug_used_frqu");
        check("MTX", "遵医嘱", "M06.9", "unknown orders[1].drug_used_frqu; data C307");
        check("MTX", "PRN", "M06.9", "unknown orders[1].day_cnt_max");
        let order = r#"{"orders":[{"rx_id":"1","hosplist_code":"MTX","drug_used_frqu":"QD"}]}"#;
        BENCH.check(order, "unknown diagnoses");
    }

    #[test]
    fn once_is_no_rate() {
        check("MTX", "ST", "M06.9", "pass");
    }

    #[test]
    fn too_seldom() {
        check("LT4", "QOD", "E03.9", "hit 1: 【左甲状腺素钠片】每2日1次：应至少每日1次");
        check("LT4", "QD", "E03.9", "pass");
    }

    #[track_caller]
    fn check(drug: &str, frequency: &str, disease: &str, expected: &str) {
        let request = format!(
            r#"{{"diagnoses":[{{"dise_codg":"{disease}"}}],"orders":[{{"rx_id":"1","hosplist_code":"{drug}","drug_used_frqu":"{frequency}"}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
