//! C08 相互作用: two drugs that harm together.
//!
//! What: a row names a drug and those it must not meet, how bad it is, and for how long after one was
//! stopped the other has to wait. It does not matter which of the two is ordered now. Disease and age
//! may narrow a row; where several rows are about a pair, the worst speaks.
//! Why: an interaction is seen by nobody who looks at one prescription only.
//! Basis: drug labels; GZ10000301011000 药品相互作用; 医院处方点评管理规范 2-8.
//! Example: 克拉霉素 active, 辛伐他汀 new → hit; omeprazole with clopidogrel → severity 2. A monoamine
//! oxidase inhibitor stopped ten days ago and an SSRI now → hit, fourteen days are needed; a past that
//! is not known for so long → unknown. What is put on the skin or in the eye does not count, unless the row says so (β-blockers).

use jiff::ToSpan;

use crate::families::clinical::contact::{self, Contact, contact, is_now};
use crate::families::clinical::population::{
    self, AGE_BELOW, AGE_FROM, Fits, INDICATIONS, NOT_INDICATIONS, acting,
};
use crate::families::lines::past_since;
use crate::family::{Case, Family, Hit, Outcome, Rows, Usual};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::{Line, LineKind};

/// The family `interaction`.
pub struct Interaction;

const ROWS: [Column; 10] = [
    Column::required("partner", "另一方药品", ColumnKind::Keys),
    Column::optional("level", "程度，空为禁忌", ColumnKind::Choice(&["禁忌", "避免", "慎用"])),
    Column::optional("effect", "后果与处理", ColumnKind::Text),
    Column::optional("wait_days", "本药停用后另一方须间隔的天数", ColumnKind::Whole),
    Column::optional("wait_back_days", "另一方停用后本药须间隔的天数", ColumnKind::Whole),
    Column::optional("anywhere", "局部用药也计入", ColumnKind::Flag),
    AGE_FROM,
    AGE_BELOW,
    INDICATIONS,
    NOT_INDICATIONS,
];

impl Family for Interaction {
    fn id(&self) -> &'static str {
        "interaction"
    }

    fn zh_name(&self) -> &'static str {
        "药品相互作用"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Reason,
            basis: "药品说明书；GZ10000301011000 药品相互作用；医院处方点评管理规范（试行）2-8",
            window: "同时在用，和停药后的间隔",
            text: "【{药品}】与【{另一药品}】{后果}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hosplist_code",
            "orders.hilist_code",
            "orders.drug_ingd",
            "orders.drug_used_way_code",
            "orders.drord_begn_date",
            "orders.drord_stop_date",
            "orders.medc_days",
            "history.orders",
            "diagnoses.dise_codg",
            "patient.brdy",
            "patient.geso_val",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn partners(&self) -> &'static [&'static str] {
        &["partner"]
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        population::fault(row)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let rows = contact::rows(case);
        let mut found = Vec::new();
        let mut outcomes: Vec<Outcome> =
            rows.iter().flat_map(|row| judge_row(case, row, &mut found)).collect();
        outcomes.extend(worst_of_each_pair(found).into_iter().map(Outcome::Hit));
        outcomes
    }
}

/// A pair that met, and what is to be said of it.
struct Met {
    pair: (usize, usize),
    /// 禁忌 first.
    rank: u8,
    hit: Hit,
}

fn judge_row(case: &Case<'_>, row: &Row, met: &mut Vec<Met>) -> Vec<Outcome> {
    let anywhere = row.parameters.flag("anywhere");
    let ones = acting(case, std::slice::from_ref(&row.key), anywhere);
    let others = acting(case, row.parameters.keys("partner"), anywhere);
    let mut outcomes = Vec::new();
    let mut is_found = false;
    for one in &ones {
        for other in others.iter().filter(|other| is_a_pair(one, other)) {
            let Some(said) = said(row, one, other) else { continue };
            is_found = true;
            match population::fits(case, row, one) {
                Fits::Yes => met.push(meeting(row, one, other, said)),
                Fits::No => {}
                Fits::Unknown(missing) => outcomes.push(Outcome::Unknown { missing }),
            }
        }
    }
    if !is_found {
        let hidden = unknown_past(case, row, &ones, &others);
        outcomes.push(hidden.map_or(Outcome::Pass, Outcome::unknown));
    }
    outcomes
}

/// What is missing to say that the other of a pair was not stopped too short a time ago.
fn unknown_past(
    case: &Case<'_>,
    row: &Row,
    ones: &[&Line<'_>],
    others: &[&Line<'_>],
) -> Option<String> {
    [(ones, "wait_back_days"), (others, "wait_days")].into_iter().find_map(|(lines, column)| {
        let wait = row.parameters.maybe_whole(column)?;
        let begins = lines.iter().filter(|line| is_now(line)).map(|line| line.begins).min()?;
        past_since(case, begins.checked_sub(i64::from(wait).days()).ok()).err()
    })
}

/// Two lines of which at least one is ordered now.
fn is_a_pair(one: &Line<'_>, other: &Line<'_>) -> bool {
    !std::ptr::eq(one, other) && (is_now(one) || is_now(other))
}

/// What happened between the two, when that is too close.
fn said(row: &Row, one: &Line<'_>, other: &Line<'_>) -> Option<String> {
    let (name, partner) = (one.name(), other.name());
    let too_soon = |column, days, first: &str, second: &str| {
        let wait = row.parameters.maybe_whole(column)?;
        let is_soon = u32::try_from(days).is_ok_and(|days| days < wait);
        is_soon.then(|| format!("【{first}】停用{days}天，须间隔{wait}天方可使用【{second}】"))
    };
    match contact(one, other) {
        Contact::Together => Some(format!("【{name}】与【{partner}】{}", level(row))),
        Contact::After(days) => too_soon("wait_days", days, name, partner),
        Contact::Before(days) => too_soon("wait_back_days", days, partner, name),
    }
}

fn level(row: &Row) -> &'static str {
    match row.parameters.maybe_text("level") {
        Some("避免") => "应避免同用",
        Some("慎用") => "同用须谨慎",
        _ => "禁止同用",
    }
}

fn meeting(row: &Row, one: &Line<'_>, other: &Line<'_>, said: String) -> Met {
    let (rank, severity, action) = match row.parameters.maybe_text("level") {
        Some("避免") => (1, Some(Severity::High), Some(Action::Reason)),
        Some("慎用") => (2, Some(Severity::Slight), Some(Action::Hint)),
        _ => (0, None, None),
    };
    let text = match row.parameters.maybe_text("effect") {
        Some(effect) => format!("{said}：{effect}"),
        None => said,
    };
    let is_past = |line: &&Line<'_>| line.kind == LineKind::Past;
    let (later, earlier) = if is_newer(one, other) { (one, other) } else { (other, one) };
    let hit = Hit {
        violating: vec![later.position],
        involved: Some(earlier)
            .filter(|line| !is_past(line))
            .map(|l| l.position)
            .into_iter()
            .collect(),
        evidence: vec![level(row).to_owned(), earlier.name().to_owned()],
        text,
        source: Some(row.source.clone()),
        severity,
        action,
        ..Hit::default()
    };
    // Positions of the past are another list's.
    let place = |line: &Line<'_>| line.position + if is_past(&line) { PAST } else { 0 };
    let (a, b) = (place(one), place(other));
    Met { pair: (a.min(b), a.max(b)), rank, hit }
}

/// Beyond every position of a session.
const PAST: usize = 1_000_000;

/// Whether `one` is what was added: ordered now, and of two such the one written later.
fn is_newer(one: &Line<'_>, other: &Line<'_>) -> bool {
    match (is_now(one), is_now(other)) {
        (true, false) => true,
        (false, true) => false,
        _ => one.position > other.position,
    }
}

fn worst_of_each_pair(mut met: Vec<Met>) -> Vec<Hit> {
    met.sort_by_key(|met| (met.pair, met.rank));
    met.dedup_by_key(|met| met.pair);
    met.into_iter().map(|met| met.hit).collect()
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "interaction",
        parameters: "",
        rows: "match,key,item,partner,level,effect,wait_days,wait_back_days,anywhere,indications,source,flag\n\
               ingredient,辛伐他汀,辛伐他汀,ingredient:克拉霉素|ingredient:伊曲康唑,,横纹肌溶解,,,,,FDA,B\n\
               ingredient,氯吡格雷,氯吡格雷,ingredient:奥美拉唑,避免,,,,,,FDA,B\n\
               ingredient,司来吉兰,单胺氧化酶抑制剂,ingredient:氟西汀,,5-羟色胺综合征,14,35,,,label,B\n\
               ingredient,维拉帕米,维拉帕米,ingredient:噻吗洛尔,慎用,,,,y,,label,B\n\
               ingredient,秋水仙碱,秋水仙碱,ingredient:克拉霉素,,肝肾损害者禁用,,,,N18|K74,label,B\n\
               ingredient,秋水仙碱,秋水仙碱,ingredient:克拉霉素,慎用,减量,,,,,label,B\n",
        drugs: "hospital,SIM,辛伐他汀片,,辛伐他汀,20 mg,片,7,口服,\n\
                hospital,CLA,克拉霉素片,,克拉霉素,250 mg,片,6,口服,\n\
                hospital,CLAT,克拉霉素凝胶,,克拉霉素,?,支,1,外用,\n\
                hospital,OME,奥美拉唑胶囊,,奥美拉唑,20 mg,粒,14,口服,\n\
                hospital,CLO,氯吡格雷片,,氯吡格雷,75 mg,片,7,口服,\n\
                hospital,SEL,司来吉兰片,,司来吉兰,5 mg,片,50,口服,\n\
                hospital,FLU,氟西汀胶囊,,氟西汀,20 mg,粒,28,口服,\n\
                hospital,VER,维拉帕米片,,维拉帕米,40 mg,片,30,口服,\n\
                hospital,TIM,噻吗洛尔滴眼液,,噻吗洛尔,?,支,1,外用,\n\
                hospital,COL,秋水仙碱片,,秋水仙碱,0.5 mg,片,20,口服,\n",
    };

    #[test]
    fn two_of_one_session_or_one_that_is_active() {
        let said = "【辛伐他汀片】与【克拉霉素片】禁止同用：横纹肌溶解";
        check(&["SIM", "CLA"], "", &format!("hit 2: {said}"));
        check(&["CLA", "SIM"], "", &format!("hit 2: {said}"));
        check(&[r#"CLA","curr_drord_flag":"0"#, "SIM"], "", &format!("hit 2: {said}"));
        check(&["CLA", r#"SIM","curr_drord_flag":"0"#], "", &format!("hit 1: {said}"));
        check(&["SIM", "OME"], "", "pass");
        let old = r#"CLA","curr_drord_flag":"0"#;
        check(&[old, r#"SIM","curr_drord_flag":"0"#], "", "nothing");
    }

    #[test]
    fn days_that_do_not_meet() {
        let week = r#"CLA","drord_begn_date":"20260515","medc_days":"7"#;
        check(&[week, r#"SIM","drord_begn_date":"20260522"#], "", "pass");
        check(
            &[week, r#"SIM","drord_begn_date":"20260521"#],
            "",
            "hit 2: 【辛伐他汀片】与【克拉霉素片】禁止同用：横纹肌溶解",
        );
    }

    #[test]
    fn on_the_skin_it_does_not_count_and_in_the_eye_it_may() {
        check(&["SIM", "CLAT"], "", "pass");
        check(&["VER", "TIM"], "", "hit 2: 【维拉帕米片】与【噻吗洛尔滴眼液】同用须谨慎");
    }

    #[test]
    fn weights() {
        let of = |one: &str, other: &str| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"{one}"}},{{"rx_id":"2","hosplist_code":"{other}"}}]}}"#
            )
        };
        BENCH.check_weight(&of("SIM", "CLA"), "2 reason");
        BENCH.check_weight(&of("CLO", "OME"), "2 reason");
        BENCH.check_weight(&of("VER", "TIM"), "3 hint");
    }

    #[test]
    fn stopped_and_still_acting() {
        let stopped = |drug: &str, from: &str, to: &str| {
            format!(
                r#","history":{{"since":"20260101","orders":[{{"rx_id":"H1","hosplist_code":"{drug}","drord_begn_date":"{from}","drord_stop_date":"{to}"}}]}}"#
            )
        };
        check(
            &["FLU"],
            &stopped("SEL", "20260401", "20260505"),
            "hit 1: 【司来吉兰片】停用10天，须间隔14天方可使用【氟西汀胶囊】：5-羟色胺综合征",
        );
        check(&["FLU"], &stopped("SEL", "20260401", "20260430"), "pass");
        check(
            &["SEL"],
            &stopped("FLU", "20260401", "20260415"),
            "hit 1: 【氟西汀胶囊】停用30天，须间隔35天方可使用【司来吉兰片】：5-羟色胺综合征",
        );
        check(
            &["FLU"],
            &stopped("SEL", "20260401", "20260520"),
            "hit 1: 【司来吉兰片】与【氟西汀胶囊】禁止同用：5-羟色胺综合征",
        );
        check(&["FLU"], "", "unknown history");
        check(&["FLU"], r#","history":{"since":"20260101"}"#, "pass");
        check(&["FLU"], r#","history":{}"#, "unknown history.since");
        check(&["FLU"], r#","history":{"since":"20260502"}"#, "unknown history.since");
        check(&["FLU"], r#","history":{"since":"20260501"}"#, "pass");
        check(&["SEL"], r#","history":{"since":"20260501"}"#, "unknown history.since");
        check(&["SEL"], r#","history":{"since":"20260410"}"#, "pass");
        // On the fourteenth day it has waited fourteen days.
        check(&["FLU"], &stopped("SEL", "20260401", "20260501"), "pass");
        check(
            &["FLU"],
            &stopped("SEL", "20260401", "20260502"),
            "hit 1: 【司来吉兰片】停用13天，须间隔14天方可使用【氟西汀胶囊】：5-羟色胺综合征",
        );
    }

    #[test]
    fn of_several_rows_about_a_pair_the_worst_speaks() {
        let ill = r#","diagnoses":[{"dise_codg":"N18.4"}]"#;
        let well = r#","diagnoses":[{"dise_codg":"M10.9"}]"#;
        check(
            &["COL", "CLA"],
            ill,
            "hit 2: 【秋水仙碱片】与【克拉霉素片】禁止同用：肝肾损害者禁用",
        );
        check(&["COL", "CLA"], well, "hit 2: 【秋水仙碱片】与【克拉霉素片】同用须谨慎：减量");
        check(
            &["COL", "CLA"],
            "",
            "hit 2: 【秋水仙碱片】与【克拉霉素片】同用须谨慎：减量; unknown diagnoses",
        );
    }

    #[test]
    fn a_charge_ends_on_the_day_on_which_it_begins() {
        let charged = |day: &str| {
            format!(
                r#","fees":[{{"rx_id":"F1","hosplist_code":"SEL","fee_ocur_time":"{day}"}}],"history":{{"since":"20250101"}}"#
            )
        };
        check(&["FLU"], &charged("20260420"), "pass");
        check(
            &["FLU"],
            &charged("20260510"),
            "hit 1: 【司来吉兰片】停用5天，须间隔14天方可使用【氟西汀胶囊】：5-羟色胺综合征",
        );
        check(
            &["FLU"],
            &charged("20260515"),
            "hit 1: 【司来吉兰片】与【氟西汀胶囊】禁止同用：5-羟色胺综合征",
        );
    }

    #[track_caller]
    fn check(drugs: &[&str], more: &str, expected: &str) {
        let lines = drugs.iter().enumerate();
        let lines: Vec<_> = lines
            .map(|(at, drug)| format!(r#"{{"rx_id":"{}","hosplist_code":"{drug}"}}"#, at + 1))
            .collect();
        BENCH.check(&format!(r#"{{"orders":[{}]{more}}}"#, lines.join(",")), expected);
    }
}
