//! L09 围手术期预防用抗菌药物: when it starts, which one, and when it stops.
//!
//! What: an injected antimicrobial that begins in the day before the cut is prophylaxis; it should begin
//! half an hour to an hour before it and stop within a day of the end. A row on a drug gives it a longer
//! lead (vancomycin), a row on an operation two days of course or the drugs that fit it.
//! Why: too early is gone at the cut, too long breeds resistance.
//! Basis: 抗菌药物临床应用指导原则（2015年版）; GZ10000202002000.
//! Example: cut at 09:00, 头孢唑林 at 07:20 → hit; still running 60 hours after a clean operation → hit. A second
//! dose during a long or bloody operation is right. Times come from the anaesthesia record: a day
//! without the clock's time is unknown. With an infection it is treatment, no prophylaxis.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use rust_decimal::Decimal;

use crate::drug::Form;
use crate::drug_kind::DrugKind;
use crate::facts::{CutClass, Surgery};
use crate::family::{Case, Family, Hit, Outcome, Rows, Usual};
use crate::icd::Diagnosed;
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `perioperative`.
pub struct Perioperative;

const PARAMETERS: [Column; 6] = [
    Column::required("minutes_min", "切皮前最短分钟数", ColumnKind::Whole),
    Column::required("minutes_max", "切皮前最长分钟数", ColumnKind::Whole),
    Column::required("stop_hours", "术后停药小时数", ColumnKind::Whole),
    Column::required("long_minutes", "可追加一剂的手术分钟数", ColumnKind::Whole),
    Column::required("blood_loss_ml", "可追加一剂的失血毫升数", ColumnKind::Decimal),
    Column::optional("infections", "按治疗用药论的诊断编码", ColumnKind::List),
];

const ROWS: [Column; 3] = [
    Column::optional("minutes_max", "该药切皮前最长分钟数", ColumnKind::Whole),
    Column::optional("stop_hours", "该手术停药小时数", ColumnKind::Whole),
    Column::optional("drugs", "该手术可选的药品", ColumnKind::Keys),
];

/// What began longer before the cut was not meant for it.
const PROPHYLAXIS: SignedDuration = SignedDuration::from_hours(24);

impl Family for Perioperative {
    fn id(&self) -> &'static str {
        "perioperative"
    }

    fn zh_name(&self) -> &'static str {
        "围手术期抗菌药物预防性应用"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Silent,
            basis: "抗菌药物临床应用指导原则（2015年版）",
            window: "手术前后",
            text: "【{药品}】{情形}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "surgeries.oprn_oprt_begntime",
            "surgeries.oprn_oprt_endtime",
            "surgeries.sinc_type",
            "surgeries.bld_loss",
            "diagnoses.dise_codg",
            "orders.hosplist_code",
            "orders.drord_begn_date",
            "orders.drord_stop_date",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Beside(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let surgeries = case.facts.surgeries.present().map_or(&[][..], Vec::as_slice);
        let lines: Vec<_> = case.lines().filter(|line| is_prophylactic(line)).collect();
        if surgeries.is_empty() {
            return vec![Outcome::NotApplicable];
        }
        let mut outcomes: Vec<Outcome> = case.lines().filter_map(unlisted).collect();
        if lines.is_empty() {
            outcomes.push(Outcome::NotApplicable);
            return outcomes;
        }
        match case.facts.diagnosed(case.rule.parameters.list("infections")) {
            Diagnosed::As(_) => return vec![Outcome::NotApplicable],
            Diagnosed::Unknown(missing) => return vec![Outcome::Unknown { missing }],
            Diagnosed::No => {}
        }
        let surgeries = surgeries.iter().enumerate();
        outcomes
            .extend(surgeries.flat_map(|(at, surgery)| judge_surgery(case, at, surgery, &lines)));
        outcomes
    }
}

/// A drug in no table that may be given before the cut: its code does not tell that it is none of these.
fn unlisted(line: &Line<'_>) -> Option<Outcome> {
    let may_be = line.national_code().is_none_or(|code| code.starts_with("XJ01"));
    let is_open = line.product.is_none() && line.may_be_drug() && may_be;
    let is_injected = line.form().is_none_or(|form| form == Form::Injection);
    let is_taken_back = line.is_cancelled() || line.is_refund();
    (is_open && is_injected && !is_taken_back)
        .then(|| Outcome::Unlisted { missing: line.shared_path("hosplist_code") })
}

fn is_prophylactic(line: &Line<'_>) -> bool {
    if line.is_cancelled() || line.is_refund() {
        return false;
    }
    let is_antimicrobial = line.is_kind(DrugKind::Antimicrobial) == Some(true)
        || line.product.is_some_and(|product| product.tier.is_some());
    is_antimicrobial && line.form() == Some(Form::Injection)
}

fn judge_surgery(
    case: &Case<'_>,
    at: usize,
    surgery: &Surgery,
    lines: &[&Line<'_>],
) -> Vec<Outcome> {
    if surgery.cut.is_some_and(|cut| cut > CutClass::CleanContaminated) {
        return vec![Outcome::NotApplicable];
    }
    let Some(cut) = surgery.began.filter(|cut| cut.hour() != 0 || cut.minute() != 0) else {
        return vec![Outcome::unknown(format!("surgeries[{at}].oprn_oprt_begntime"))];
    };
    let judged = lines.iter().map(|line| (*line, judge_line(case, at, surgery, cut, line)));
    judged.map(|(line, outcome)| if_clean(at, surgery, line, outcome)).collect()
}

/// What is not known to be clean may have been treated: nobody is accused of it.
fn if_clean(at: usize, surgery: &Surgery, line: &Line<'_>, outcome: Outcome) -> Outcome {
    let is_accused = matches!(&outcome, Outcome::Hit(hit) if hit.violating == [line.position]);
    if is_accused && surgery.cut.is_none() {
        return Outcome::unknown(format!("surgeries[{at}].sinc_type"));
    }
    outcome
}

fn judge_line(
    case: &Case<'_>,
    at: usize,
    surgery: &Surgery,
    cut: DateTime,
    line: &Line<'_>,
) -> Outcome {
    let before = cut.duration_since(line.moment());
    if before > PROPHYLAXIS || surgery.ended.is_some_and(|end| line.moment() > end) {
        return Outcome::NotApplicable;
    }
    let row = row_of_surgery(case, surgery);
    // Nobody knows how long an operation took whose end was not sent, and the cut is not its end.
    let lasted_since_the_cut = too_long(case, row, line, cut);
    match surgery.ended {
        None if before.is_negative() || lasted_since_the_cut.is_some() => {
            return Outcome::unknown(format!("surgeries[{at}].oprn_oprt_endtime"));
        }
        None => {}
        Some(end) => {
            if let Some(hours) = too_long(case, row, line, end) {
                let limit = stop_hours(case, row);
                return hit(line, format!("术后{hours}小时仍在使用，应在{limit}小时内停药"));
            }
        }
    }
    if let Some(text) = wrong_drug(case, row, line) {
        return hit(line, text);
    }
    if !line.has_time() {
        return Outcome::unknown(line.path("drord_begn_date"));
    }
    if before.is_negative() {
        return during(case, surgery, cut, line);
    }
    let minutes = before.as_mins();
    let (min, max) = (case.rule.parameters.whole("minutes_min"), minutes_max(case, line));
    if minutes < i64::from(min) || minutes > i64::from(max) {
        return hit(line, format!("切皮前{minutes}分钟给药，应在切皮前{min}至{max}分钟"));
    }
    Outcome::Pass
}

/// A dose during the operation: right when it is the second one of a long or bloody one.
fn during(case: &Case<'_>, surgery: &Surgery, cut: DateTime, line: &Line<'_>) -> Outcome {
    let parameters = &case.rule.parameters;
    let lasted = surgery.ended.map(|end| end.duration_since(cut).as_mins());
    let is_long = lasted.is_some_and(|it| it > i64::from(parameters.whole("long_minutes")));
    let blood_loss = surgery.blood_loss_ml.unwrap_or(Decimal::ZERO);
    if is_long || blood_loss > parameters.decimal("blood_loss_ml") {
        return Outcome::Pass;
    }
    hit(line, "切皮后给药，手术时长与失血量未达追加用药标准".to_owned())
}

fn row_of_surgery<'a>(case: &Case<'a>, surgery: &Surgery) -> Option<&'a Row> {
    let mut of_surgery = case.surgery_matches.iter();
    of_surgery.find(|(_, found)| std::ptr::eq(*found, surgery)).map(|(row, _)| *row)
}

fn stop_hours(case: &Case<'_>, row: Option<&Row>) -> u32 {
    let of_row = row.and_then(|row| row.parameters.maybe_whole("stop_hours"));
    of_row.unwrap_or_else(|| case.rule.parameters.whole("stop_hours"))
}

/// The hours it ran after the end, when those are too many. Without a stop it ran for the days written,
/// and without those it still runs.
fn too_long(case: &Case<'_>, row: Option<&Row>, line: &Line<'_>, end: DateTime) -> Option<i64> {
    let by_days = || Some(line.ends()?.to_datetime(line.moment().time()));
    let stopped = line.order.stops.or_else(by_days).unwrap_or(case.now).min(case.now);
    let is_single = line.order.frequency == Some(crate::frequency::Frequency::Once);
    let hours = stopped.duration_since(end).as_hours();
    (!is_single && hours > i64::from(stop_hours(case, row))).then_some(hours)
}

fn wrong_drug(case: &Case<'_>, row: Option<&Row>, line: &Line<'_>) -> Option<String> {
    let row = row?;
    let keys = row.parameters.keys("drugs");
    let fits = keys.iter().any(|key| line.is_about(key, case.session.sets));
    (!keys.is_empty() && !fits).then(|| format!("不是{}预防用药的可选品种", row.item))
}

fn minutes_max(case: &Case<'_>, line: &Line<'_>) -> u32 {
    let of_line = case.matches.iter().filter(|found| found.line.position == line.position);
    let of_rows = of_line.filter_map(|found| found.row.parameters.maybe_whole("minutes_max")).max();
    of_rows.unwrap_or_else(|| case.rule.parameters.whole("minutes_max"))
}

fn hit(line: &Line<'_>, text: String) -> Outcome {
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!("【{}】{text}", line.name()),
        evidence: vec![text],
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "perioperative",
        parameters: "minutes_min = 30, minutes_max = 60, stop_hours = 24, long_minutes = 180, blood_loss_ml = 1500, infections = [\"K35\"]",
        rows: "match,key,item,minutes_max,stop_hours,drugs,source,flag\n\
               ingredient,万古霉素,万古霉素,120,,,s,B\n\
               surgery,36,心脏血管手术,,48,,s,B\n\
               surgery,06,甲状腺手术,,,ingredient:头孢唑林,s,B\n",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                hospital,CEZ,注射用头孢唑林钠,,头孢唑林,0.5 g,支,1,注射,非限制,J01DB04,抗菌\n\
                hospital,VAN,注射用万古霉素,,万古霉素,0.5 g,支,1,注射,特殊,J01XA01,抗菌\n\
                hospital,AML,苯磺酸氨氯地平片,,氨氯地平,5 mg,片,7,口服,,,\n",
    };

    /// The bench stands at 2026-05-15 09:20.
    #[test]
    fn half_an_hour_to_an_hour_before_the_cut() {
        check(
            "CEZ",
            "2026-05-15 07:20:00",
            "",
            HERNIA,
            "hit 1: 【注射用头孢唑林钠】切皮前100分钟给药，应在切皮前30至60分钟",
        );
        check("CEZ", "2026-05-15 08:15:00", "", HERNIA, "pass");
        check(
            "CEZ",
            "2026-05-15 08:50:00",
            "",
            HERNIA,
            "hit 1: 【注射用头孢唑林钠】切皮前10分钟给药，应在切皮前30至60分钟",
        );
        check("VAN", "2026-05-15 07:20:00", "", HERNIA, "pass");
        check("AML", "2026-05-15 07:20:00", "", HERNIA, "nothing");
        check("CEZ", "2026-05-13 07:20:00", "2026-05-14 07:00:00", HERNIA, "nothing");
    }

    const HERNIA: &str =
        r#""oprn_oprt_code":"53.0","sinc_type":"1","oprn_oprt_begntime":"2026-05-15 09:00:00""#;
    const PAST: &str = r#""sinc_type":"1","oprn_oprt_begntime":"2026-05-12 09:00:00","oprn_oprt_endtime":"2026-05-12 11:00:00","oprn_oprt_code":""#;

    #[test]
    fn it_stops_within_a_day() {
        let hernia = format!("{PAST}53.0\"");
        check(
            "CEZ",
            "2026-05-12 08:15:00",
            "2026-05-14 23:00:00",
            &hernia,
            "hit 1: 【注射用头孢唑林钠】术后60小时仍在使用，应在24小时内停药",
        );
        check(
            "CEZ",
            "2026-05-12 08:15:00",
            "",
            &hernia,
            "hit 1: 【注射用头孢唑林钠】术后70小时仍在使用，应在24小时内停药",
        );
        check("CEZ", "2026-05-12 08:15:00", "2026-05-13 10:00:00", &hernia, "pass");
        let heart = format!("{PAST}36.1\"");
        check("CEZ", "2026-05-12 08:15:00", "2026-05-14 10:00:00", &heart, "pass");
        check("CEZ", "2026-05-12 08:15:00\",\"drug_used_frqu\":\"ST", "", &hernia, "pass");
    }

    #[test]
    fn what_was_not_sent_accuses_nobody() {
        let hernia = format!("{PAST}53.0\"");
        let one_day = "2026-05-12 08:15:00\",\"medc_days\":\"1\",\"drug_used_frqu\":\"QD";
        check("CEZ", one_day, "", &hernia, "pass");
        let no_end = hernia.replace(r#","oprn_oprt_endtime":"2026-05-12 11:00:00""#, "");
        let unknown = "unknown surgeries[0].oprn_oprt_endtime";
        check("CEZ", "2026-05-12 08:15:00", "2026-05-13 12:00:00", &no_end, unknown);
        check("CEZ", "2026-05-12 08:15:00", "2026-05-13 09:00:00", &no_end, "pass");
        check("CEZ", "2026-05-12 10:00:00", "2026-05-12 10:00:00", &no_end, unknown);
        let no_class = hernia.replace(r#""sinc_type":"1","#, "");
        let unknown = "unknown surgeries[0].sinc_type";
        check("CEZ", "2026-05-12 08:15:00", "2026-05-14 23:00:00", &no_class, unknown);
        check("CEZ", "2026-05-12 08:15:00", "2026-05-13 10:00:00", &no_class, "pass");
    }

    #[test]
    fn what_was_returned_was_not_given() {
        let given = r#"{"rx_id":"1","hosplist_code":"CEZ","drord_begn_date":"2026-05-12 08:15:00","drord_stop_date":"2026-05-14 23:00:00","cnt":"2"}"#;
        let back = r#"{"rx_id":"F","refd_rx_id":"1","hosplist_code":"CEZ","cnt":"-2"}"#;
        let request = |fees: &str| {
            format!(
                r#"{{"diagnoses":[],"surgeries":[{{{PAST}53.0"}}],"orders":[{given}],"fees":[{fees}]}}"#
            )
        };
        BENCH
            .check(&request(""), "hit 1: 【注射用头孢唑林钠】术后60小时仍在使用，应在24小时内停药");
        BENCH.check(&request(back), "nothing");
    }

    #[test]
    fn a_second_dose_of_a_long_operation() {
        let with = |more: &str| {
            format!(
                r#""sinc_type":"1","oprn_oprt_begntime":"2026-05-15 05:00:00","oprn_oprt_endtime":"{more}"#
            )
        };
        check("CEZ", "2026-05-15 08:00:00", "", &with("2026-05-15 09:00:00\""), "pass");
        let short = "2026-05-15 07:00:00";
        check(
            "CEZ",
            "2026-05-15 06:00:00",
            "",
            &with(&format!("{short}\"")),
            "hit 1: 【注射用头孢唑林钠】切皮后给药，手术时长与失血量未达追加用药标准",
        );
        let bloody = with(&format!(r#"{short}","bld_loss":"1800""#));
        check("CEZ", "2026-05-15 06:00:00", "", &bloody, "pass");
    }

    #[test]
    fn the_choice() {
        let thyroid = HERNIA.replace("53.0", "06.2");
        check(
            "VAN",
            "2026-05-15 08:15:00",
            "",
            &thyroid,
            "hit 1: 【注射用万古霉素】不是甲状腺手术预防用药的可选品种",
        );
        check("CEZ", "2026-05-15 08:15:00", "", &thyroid, "pass");
    }

    #[test]
    fn times_and_treatment() {
        check("CEZ", "2026-05-15", "", HERNIA, "unknown orders[1].drord_begn_date");
        let day = HERNIA.replace("2026-05-15 09:00:00", "2026-05-15");
        check("CEZ", "2026-05-15 08:15:00", "", &day, "unknown surgeries[0].oprn_oprt_begntime");
        let dirty = HERNIA.replace(r#""sinc_type":"1""#, r#""sinc_type":"3""#);
        check("CEZ", "2026-05-15 07:20:00", "", &dirty, "nothing");
        let infected = format!(
            r#"{{"diagnoses":[{{"dise_codg":"K35.8"}}],"surgeries":[{{{HERNIA}}}],"orders":[{{"rx_id":"1","hosplist_code":"CEZ","drord_begn_date":"2026-05-15 05:00:00"}}]}}"#
        );
        BENCH.check(&infected, "nothing");
    }

    #[track_caller]
    fn check(drug: &str, begins: &str, stops: &str, surgery: &str, expected: &str) {
        BENCH.check(
            &format!(
                r#"{{"diagnoses":[],"surgeries":[{{{surgery}}}],"orders":[{{"rx_id":"1","hosplist_code":"{drug}","drord_begn_date":"{begins}","drord_stop_date":"{stops}"}}]}}"#
            ),
            expected,
        );
    }
}
