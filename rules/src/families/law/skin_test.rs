//! L12 皮试: no drug that needs a skin test without a negative one.
//!
//! What: for each drug of the kind the result on the line counts, else the latest result of that drug
//! among the laboratory results; a pause longer than the validity, or another batch where the site
//! says so, makes it worth nothing. A test that is ordered or not read yet lets the order be written
//! and leaves a task: nothing is given before it is read. Another institution's result is none.
//! Why: anaphylaxis.
//! Basis: β内酰胺类抗菌药物皮肤试验指导原则（2021年版）; 药典临床用药须知.
//! Example: 青霉素钠, test negative 40 hours ago → pass; last dose 4 days ago → repeat. No result where results
//! were sent → hit; where nobody sent any, whatever is known of the past → unknown, unless the drug runs on.

use jiff::SignedDuration;
use jiff::civil::DateTime;

use crate::drug_kind::DrugKind;
use crate::facts::{LabResult, SkinTest as TestResult};
use crate::families::lines::of_kinds;
use crate::family::{Case, Family, Hit, Outcome, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `skin_test`.
pub struct SkinTest;

const PARAMETERS: [Column; 3] = [
    Column::required("valid_hours", "皮试结果或停药后的有效小时数", ColumnKind::Whole),
    Column::required("test_words", "皮试项目名称中的字样", ColumnKind::List),
    Column::optional("same_batch", "更换批号须重做", ColumnKind::Flag),
];

/// A test is read within the half hour; whoever forgets it is reminded within the day.
const READ_WITHIN_HOURS: u32 = 24;

impl Family for SkinTest {
    fn id(&self) -> &'static str {
        "skin_test"
    }

    fn zh_name(&self) -> &'static str {
        "皮试"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Block,
            basis: "β内酰胺类抗菌药物皮肤试验指导原则（2021年版）；中华人民共和国药典临床用药须知",
            window: "规则所定的停药时间",
            text: "【{药品}】{皮试情形}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hosplist_code",
            "orders.hosplist_name",
            "orders.drug_ingd",
            "orders.skin_test_rslt",
            "orders.manu_lotnum",
            "labs.exam_item_detl_name",
            "labs.exam_rslt_dicm",
            "labs.rpt_date",
            "labs.ext_rslt_flag",
            "history.orders",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        of_kinds(case, &[DrugKind::SkinTest], |line| {
            if is_test(case, line.name()) { Outcome::NotApplicable } else { judge_line(case, line) }
        })
    }
}

fn judge_line(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    match line.order.skin_test {
        Some(TestResult::Positive) => return hit(line, "皮试阳性，禁止使用"),
        Some(TestResult::Pending) => return wait_for_the_test(line),
        Some(TestResult::Negative | TestResult::Waived) => return still_good(case, line),
        None => {}
    }
    if let Some(result) = latest_result(case, line) {
        return match reading(result) {
            Some(false) => hit(line, "皮试阳性，禁止使用"),
            Some(true) if is_fresh(case, result.reported) => still_good(case, line),
            // An old result holds as long as the drug is not paused.
            Some(true) if last_dose(case, line).is_some() => still_good(case, line),
            Some(true) => hit(line, "皮试结果已过有效期，须重做皮试"),
            None => wait_for_the_test(line),
        };
    }
    let is_its_test = |other: &Line<'_>| {
        other.order.current
            && other.position != line.position
            && is_test(case, other.name())
            && is_test_for(case, line, other.name())
    };
    if case.lines().any(is_its_test) {
        return wait_for_the_test(line);
    }
    let outside = results(case, line).any(|result| result.outside == Some(true));
    if outside {
        return hit(line, "外院皮试结果不作依据，须在本院皮试");
    }
    match last_dose(case, line).map(|_| still_good(case, line)) {
        // Who was not asked for results may have a good one: the agent's own past is always there.
        None | Some(Outcome::Hit(_)) if case.facts.labs.is_absent() => {
            Outcome::unknown(line.path("skin_test_rslt"))
        }
        Some(outcome) => outcome,
        None => hit(line, "未见皮试结果"),
    }
}

/// A good result is worth nothing after a pause, or for another batch.
fn still_good(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    let tested = latest_result(case, line).and_then(|result| result.reported);
    let Some(last) = last_dose(case, line) else { return Outcome::Pass };
    if tested.is_some_and(|tested| tested > last.moment() && is_fresh(case, Some(tested))) {
        return Outcome::Pass;
    }
    if !is_fresh(case, Some(given_last(last))) {
        let hours = case.rule.parameters.whole("valid_hours");
        return hit(line, &format!("停药超过{hours}小时，须重做皮试"));
    }
    let batches = line.order.batch.as_ref().zip(last.order.batch.as_ref());
    if case.rule.parameters.flag("same_batch") && batches.is_some_and(|(now, then)| now != then) {
        return hit(line, "药品批号已更换，须重做皮试");
    }
    Outcome::Pass
}

fn is_fresh(case: &Case<'_>, moment: Option<DateTime>) -> bool {
    let valid = SignedDuration::from_hours(i64::from(case.rule.parameters.whole("valid_hours")));
    moment.is_some_and(|moment| case.now.duration_since(moment) <= valid)
}

/// The line of the past by which the drug was given last.
fn last_dose<'a>(case: &Case<'a>, line: &Line<'_>) -> Option<&'a Line<'a>> {
    let of_drug = |past: &&Line<'_>| {
        let shared = past.ingredients().zip(line.ingredients());
        shared.is_some_and(|(past, now)| past.iter().any(|name| now.contains(name)))
            && !past.is_cancelled()
    };
    let earlier = case.session.lines.iter().filter(|other| {
        !other.order.current && other.position != line.position && other.moment() <= case.now
    });
    let past = case.session.past.iter().chain(earlier);
    past.filter(of_drug).max_by_key(|past| given_last(past))
}

/// When a line of the past was given for the last time, as far as it says.
fn given_last(past: &Line<'_>) -> DateTime {
    let stops = past.order.stops.or_else(|| Some(past.ends()?.to_datetime(past.moment().time())));
    stops.unwrap_or(past.moment())
}

/// `青霉素皮试` is a test; `青霉素钠(需皮试)` is a drug that needs one, so what stands in brackets is not
/// asked.
fn is_test(case: &Case<'_>, name: &str) -> bool {
    let words = case.rule.parameters.list("test_words");
    let mut depth = 0_i32;
    let outside: String = name
        .chars()
        .filter(|letter| {
            depth += i32::from(matches!(letter, '(' | '（' | '['));
            let is_outside = depth <= 0;
            depth -= i32::from(matches!(letter, ')' | '）' | ']'));
            is_outside
        })
        .collect();
    words.iter().any(|word| outside.contains(word.as_str()))
}

/// `青霉素皮试` and `皮试（青霉素）` are tests for what contains 青霉素; one that names no drug is one for any.
fn is_test_for(case: &Case<'_>, line: &Line<'_>, name: &str) -> bool {
    let words = case.rule.parameters.list("test_words");
    let Some((before, behind)) = words.iter().find_map(|word| name.split_once(word.as_str()))
    else {
        return false;
    };
    let drug = match before.trim().trim_end_matches(['（', '(']).trim() {
        "" => named_behind(behind),
        drug => drug,
    };
    let ingredients = line.ingredients().unwrap_or_default();
    drug.is_empty()
        || line.name().contains(drug)
        || ingredients.iter().any(|name| name.contains(drug) || drug.contains(name))
}

/// The drug of `皮试（头孢曲松）` and `皮试:头孢曲松`; of `皮试结果` none.
fn named_behind(text: &str) -> &str {
    const MARKS: [char; 8] = ['(', '（', '[', ':', '：', '-', ' ', '　'];
    match text.strip_prefix(MARKS) {
        Some(drug) => drug.trim_matches(|c| MARKS.contains(&c) || matches!(c, ')' | '）' | ']')),
        None => "",
    }
}

fn results<'a>(case: &Case<'a>, line: &Line<'a>) -> impl Iterator<Item = &'a LabResult> {
    let now = case.facts.labs.present().map_or(&[][..], Vec::as_slice);
    let past = case.facts.history.present().map_or(&[][..], |history| history.labs.as_slice());
    let all: Vec<_> = now
        .iter()
        .chain(past)
        .filter(|result| result.name.as_deref().is_some_and(|name| is_test_for(case, line, name)))
        .collect();
    all.into_iter()
}

fn latest_result<'a>(case: &Case<'a>, line: &Line<'a>) -> Option<&'a LabResult> {
    results(case, line)
        .filter(|result| result.outside != Some(true))
        .max_by_key(|result| result.reported)
}

/// Whether it was negative; `None` while it has not been read, or where it says both. A hyphen is a
/// minus only where the result begins with it: `阳性 2026-05-15` has two of another kind.
fn reading(result: &LabResult) -> Option<bool> {
    let text = result.text.as_deref()?;
    match (text.contains('阴'), text.contains('阳')) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        (true, true) => None,
        (false, false) if text.contains('+') || text.contains('＋') => Some(false),
        (false, false) => {
            let sign = text.trim_start_matches(['(', '（', ' ', '[']);
            sign.starts_with(['-', '－', '—']).then_some(true)
        }
    }
}

fn wait_for_the_test(line: &Line<'_>) -> Outcome {
    Outcome::Task {
        lines: vec![line.position],
        text: format!("【{}】皮试结果判读前不得执行", line.name()),
        due_hours: READ_WITHIN_HOURS,
    }
}

fn hit(line: &Line<'_>, text: &str) -> Outcome {
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!("【{}】{text}", line.name()),
        evidence: vec![text.to_owned()],
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "skin_test",
        parameters: "valid_hours = 72, test_words = [\"皮试\"], same_batch = true",
        rows: "",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                hospital,PEN,注射用青霉素钠,,青霉素,80万U,支,1,注射,非限制,J01CE01,抗菌|皮试\n\
                hospital,TST,青霉素皮试剂,,青霉素,2500 U,支,1,注射,,,皮试\n\
                hospital,AML,苯磺酸氨氯地平片,,氨氯地平,5 mg,片,7,口服,,,\n",
    };

    const NEGATIVE_40_HOURS_AGO: &str = r#""labs":[{"exam_item_detl_name":"青霉素皮试","exam_rslt_dicm":"阴性","rpt_date":"2026-05-13 17:20:00"}]"#;
    const TASK: &str = "task 【注射用青霉素钠】皮试结果判读前不得执行; pass";

    fn last_dose(begins: &str) -> String {
        format!(
            r#""history":{{"since":"20250101","orders":[{{"rx_id":"H","hosplist_code":"PEN","fee_ocur_time":"{begins}","manu_lotnum":"A1"}}]}}"#
        )
    }

    #[test]
    fn a_result_that_is_good() {
        check(NEGATIVE_40_HOURS_AGO, "PEN", "pass");
        check(r#""labs":[]"#, r#"PEN","skin_test_rslt":"阴性"#, "pass");
        check(r#""labs":[]"#, r#"PEN","skin_test_rslt":"免试"#, "pass");
        check("\"labs\":[]", "AML", "nothing");
    }

    #[test]
    fn none_or_positive() {
        check(r#""labs":[]"#, "PEN", "hit 1: 【注射用青霉素钠】未见皮试结果");
        check(r#""scene":"outpatient""#, "PEN", "unknown orders[1].skin_test_rslt");
        check(
            r#""labs":[]"#,
            r#"PEN","skin_test_rslt":"阳性"#,
            "hit 1: 【注射用青霉素钠】皮试阳性，禁止使用",
        );
        let positive = NEGATIVE_40_HOURS_AGO.replace("阴性", "阳性(+)");
        check(&positive, "PEN", "hit 1: 【注射用青霉素钠】皮试阳性，禁止使用");
        let other = NEGATIVE_40_HOURS_AGO.replace("青霉素皮试", "破伤风抗毒素皮试");
        check(&other, "PEN", "hit 1: 【注射用青霉素钠】未见皮试结果");
        check("\"labs\":[]", "YP404", "unknown orders[1].hosplist_code");
    }

    #[test]
    fn a_drug_whose_name_asks_for_the_test_is_no_test() {
        let named = r#"PEN","hosplist_name":"注射用青霉素钠(需皮试)"#;
        check(r#""labs":[]"#, named, "hit 1: 【注射用青霉素钠(需皮试)】未见皮试结果");
    }

    #[test]
    fn the_drug_may_stand_behind_the_word() {
        let of = |name: &str| NEGATIVE_40_HOURS_AGO.replace("青霉素皮试", name);
        for its in ["皮试（青霉素）", "皮试:青霉素", "青霉素 皮试", "皮试", "皮试结果"]
        {
            check(&of(its), "PEN", "pass");
        }
        let none = "hit 1: 【注射用青霉素钠】未见皮试结果";
        for other in ["皮试（头孢曲松）", "皮试 头孢曲松", "头孢曲松皮试"] {
            check(&of(other), "PEN", none);
        }
    }

    #[test]
    fn a_hyphen_is_a_minus_only_in_front() {
        let positive = "hit 1: 【注射用青霉素钠】皮试阳性，禁止使用";
        for (text, expected) in [
            ("阳性 2026-05-13", positive),
            ("(+)", positive),
            ("(-)", "pass"),
            ("－", "pass"),
            ("阴性或阳性", TASK),
            ("批号A-1", TASK),
        ] {
            check(&NEGATIVE_40_HOURS_AGO.replace("阴性", text), "PEN", expected);
        }
    }

    #[test]
    fn a_pause_makes_it_worth_nothing() {
        let repeat = "hit 1: 【注射用青霉素钠】停药超过72小时，须重做皮试";
        let four_days = last_dose("2026-05-11 09:00:00");
        check(&format!("{four_days},\"labs\":[]"), "PEN", repeat);
        check(&four_days, r#"PEN","skin_test_rslt":"阴性"#, repeat);
        check(&format!("{four_days},{NEGATIVE_40_HOURS_AGO}"), "PEN", "pass");
        check(&last_dose("2026-05-14 09:00:00"), "PEN", "pass");
        let old = NEGATIVE_40_HOURS_AGO.replace("2026-05-13", "2026-05-10");
        check(&old, "PEN", "hit 1: 【注射用青霉素钠】皮试结果已过有效期，须重做皮试");
        check(&format!("{old},{}", last_dose("2026-05-14 09:00:00")), "PEN", "pass");
    }

    #[test]
    fn another_batch() {
        let yesterday = last_dose("2026-05-14 09:00:00");
        check(&yesterday, r#"PEN","manu_lotnum":"A1"#, "pass");
        check(
            &format!("{yesterday},\"labs\":[]"),
            r#"PEN","manu_lotnum":"B2"#,
            "hit 1: 【注射用青霉素钠】药品批号已更换，须重做皮试",
        );
    }

    /// The agent's own past is there in every check; it answers nothing that nobody was asked.
    #[test]
    fn a_past_without_results_is_no_answer() {
        let unknown = "unknown orders[1].skin_test_rslt";
        check(r#""history":{"since":"20250101"}"#, "PEN", unknown);
        check(&last_dose("2026-05-11 09:00:00"), "PEN", unknown);
        let yesterday = last_dose("2026-05-14 09:00:00");
        check(&yesterday, "PEN", "pass");
        check(&yesterday, r#"PEN","manu_lotnum":"B2"#, unknown);
        let of_another = r#""history":{"labs":[{"exam_item_detl_name":"头孢曲松皮试","exam_rslt_dicm":"阴性"}]}"#;
        check(of_another, "PEN", unknown);
    }

    #[test]
    fn a_pending_test_allows_the_order_and_not_the_dose() {
        check(r#""labs":[]"#, r#"PEN","skin_test_rslt":"待判"#, TASK);
        check(&NEGATIVE_40_HOURS_AGO.replace("阴性", "待判"), "PEN", TASK);
        let both = r#"{"labs":[],"orders":[{"rx_id":"1","hosplist_code":"PEN"},{"rx_id":"2","hosplist_code":"TST","hosplist_name":"青霉素皮试"}]}"#;
        BENCH.check(both, TASK);
    }

    #[test]
    fn another_institutions_result() {
        let outside = NEGATIVE_40_HOURS_AGO.replace("\"rpt", "\"ext_rslt_flag\":\"1\",\"rpt");
        check(&outside, "PEN", "hit 1: 【注射用青霉素钠】外院皮试结果不作依据，须在本院皮试");
    }

    #[track_caller]
    fn check(facts: &str, drug: &str, expected: &str) {
        BENCH.check(
            &format!(r#"{{{facts},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#),
            expected,
        );
    }
}
