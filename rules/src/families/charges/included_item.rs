//! F01 重复收费 (项目互斥) and F02 项目与耗材重复收费: what an item includes is charged beside it.
//!
//! What: a row names an item and what it includes, other items (F01) or consumables (F02); both
//! within the window is a hit on what is included, and the item itself takes part. With `unless`,
//! another item that may need the consumable lets it through.
//! Why: the price of the first already pays for the second.
//! Basis: F01: GZ10000102012000, 条例 art. 15 and 38, public batch 7; F02: 2025 edition no. 30. One
//! template, so one file; the windows and the kind of what is included differ.
//! Example: 急诊监护费 and 普通病房床位费 on one date → hit on the bed, transfer day or not. Taken back
//! → pass. A window of hours with only dates sent → unknown. Either may be of the past, of the same
//! window or the same stay; what is of now is told.

use crate::family::{Case, Family, Hit, LooksAt, Outcome, Rows, Usual};
use crate::knowledge::{Key, Row};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::Line;
use crate::window::Window;

use super::lines::{
    all_by_row, days_between, is_judged, is_undated, positions, time_path, used_before_in, used_now,
};

/// The family `included_item`.
pub struct IncludedItem;

const ROWS: [Column; 3] = [
    Column::required("includes", "已包含的项目或耗材", ColumnKind::Keys),
    Column::required("window", "时间窗口", ColumnKind::Window),
    Column::optional("unless", "另有这些项目时不适用", ColumnKind::Keys),
];

impl Family for IncludedItem {
    fn id(&self) -> &'static str {
        "included_item"
    }

    fn zh_name(&self) -> &'static str {
        "重复收费"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Reason,
            basis: "GZ10000102012000 重复收费；医疗保障基金使用监督管理条例第十五条、第三十八条",
            window: "规则所定的期间",
            text: "【{项目}】已含【{另一项目}】，{期间}不得另收",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "fees.hilist_code",
            "fees.hosplist_code",
            "fees.cnt",
            "fees.fee_ocur_time",
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.drord_begn_date",
            "history.orders",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Both
    }

    // What is included may be charged now, while the item that includes it is of the past.
    fn partners(&self) -> &'static [&'static str] {
        &["includes"]
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let window = row.maybe_window("window")?;
        (window == Window::Lifetime).then(|| format!("{window} is no window for two charges"))
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let rows = all_by_row(case);
        rows.into_iter().map(|(row, lines)| judge_row(case, row, &lines)).collect()
    }
}

/// What one row finds: the items, what they include, each now and before, and what is missing.
#[derive(Default)]
struct Found<'a> {
    items: Vec<&'a Line<'a>>,
    items_before: Vec<&'a Line<'a>>,
    included: Vec<&'a Line<'a>>,
    included_before: Vec<&'a Line<'a>>,
    missing: Vec<String>,
}

fn judge_row<'a>(case: &Case<'a>, row: &Row, lines: &[&'a Line<'a>]) -> Outcome {
    let is_about = |line: &&&Line<'_>, key: &Key| line.is_about(key, case.session.sets);
    let keys = row.parameters.keys("includes");
    let items: Vec<&Line<'_>> = lines.iter().filter(|it| is_about(it, &row.key)).copied().collect();
    let is_included = |line: &&&Line<'_>| keys.iter().any(|key| is_about(line, key));
    let included: Vec<&Line<'_>> = lines.iter().filter(is_included).copied().collect();
    if is_for_another(case, row) {
        return Outcome::Pass;
    }
    let mut found = Found::default();
    find_now(case, row, &items, &mut found);
    find_before(case, row, (&items, &included), &mut found);
    let item = found.items.first().or(found.items_before.first());
    let other = found.included.first().or(found.included_before.first());
    match item.zip(other) {
        Some((item, included)) => Outcome::Hit(hit(row, &found, item, included)),
        None if !found.missing.is_empty() => Outcome::Unknown { missing: found.missing },
        None if items.is_empty() => Outcome::NotApplicable,
        None => Outcome::Pass,
    }
}

/// Whether another item of the window may need what is included.
fn is_for_another(case: &Case<'_>, row: &Row) -> bool {
    let window = row.parameters.window("window");
    row.parameters.keys("unless").iter().any(|key| {
        let mut before = used_before_in(case, key, window).filter(|_| !window.is_by_time());
        used_now(case, key).next().is_some() || before.next().is_some()
    })
}

/// Both of now, and one of them new.
fn find_now<'a>(case: &Case<'a>, row: &Row, items: &[&'a Line<'a>], found: &mut Found<'a>) {
    let window = row.parameters.window("window");
    let is_new = |line: &Line<'_>| is_judged(case.session, line);
    for key in row.parameters.keys("includes") {
        for other in used_now(case, key) {
            let beside = items.iter().filter(|item| item.position != other.position);
            for item in beside.filter(|item| is_new(item) || is_new(other)) {
                if found.is_pair(window, item, other) {
                    add(&mut found.items, item);
                    add(&mut found.included, other);
                }
            }
        }
    }
    found.included.sort_by_key(|line| line.position);
}

/// One new and the other of the past, whichever is which.
fn find_before<'a>(
    case: &Case<'a>,
    row: &Row,
    (items, included): (&[&'a Line<'a>], &[&'a Line<'a>]),
    found: &mut Found<'a>,
) {
    let window = row.parameters.window("window");
    let is_new = |line: &&&Line<'_>| is_judged(case.session, line);
    for key in row.parameters.keys("includes") {
        for past in used_before_in(case, key, window) {
            for item in items.iter().filter(is_new) {
                if found.is_pair(window, item, past) {
                    add(&mut found.items, item);
                    found.included_before.push(past);
                }
            }
        }
    }
    for past in used_before_in(case, &row.key, window) {
        for other in included.iter().filter(is_new) {
            if found.is_pair(window, past, other) {
                add(&mut found.included, other);
                found.items_before.push(past);
            }
        }
    }
}

fn add<'a>(lines: &mut Vec<&'a Line<'a>>, line: &'a Line<'a>) {
    if lines.iter().all(|known| known.position != line.position) {
        lines.push(line);
    }
}

impl Found<'_> {
    /// Whether two lines lie in one window; what would have to be known for that is noted.
    fn is_pair(&mut self, window: Window, one: &Line<'_>, other: &Line<'_>) -> bool {
        let undated: Vec<&Line<'_>> =
            [one, other].into_iter().filter(|line| is_undated(line)).collect();
        if window.is_by_time() && !undated.is_empty() {
            self.missing.extend(undated.into_iter().map(time_path));
            return false;
        }
        let together = are_together(window, one, other);
        if together.is_none() {
            self.missing.extend([one, other].map(time_path));
        }
        together == Some(true)
    }
}

/// Whether two lines lie in one window; `None` when their times would have to be known.
fn are_together(window: Window, one: &Line<'_>, other: &Line<'_>) -> Option<bool> {
    if !window.is_by_time() {
        return Some(window != Window::Prescription || one.order.rxno == other.order.rxno);
    }
    if window.needs_time() && !(one.has_time() && other.has_time()) {
        let hours = if let Window::Hours(hours) = window { hours } else { 1 };
        let days = days_between(one.begins.min(other.begins), one.begins.max(other.begins));
        let apart_at_least = (days - 1).max(0).saturating_mul(24).unsigned_abs();
        let is_apart = days > 0 && (window == Window::SameHour || apart_at_least >= hours);
        return is_apart.then_some(false);
    }
    let (one, other) = (one.moment(), other.moment());
    Some(window.holds(one, other) || window.holds(other, one))
}

fn hit(row: &Row, found: &Found<'_>, item: &Line<'_>, included: &Line<'_>) -> Hit {
    let window = row.parameters.window("window");
    let within = match window {
        Window::Day => "同日".to_owned(),
        Window::Encounter | Window::Stay | Window::Session => "本次就诊".to_owned(),
        Window::Prescription => "同一处方".to_owned(),
        other => format!("{other}内"),
    };
    // What was charged before cannot be named in this answer: the item of now stands for it.
    let (violating, involved) = if found.included.is_empty() {
        (positions(&found.items), Vec::new())
    } else {
        (positions(&found.included), positions(&found.items))
    };
    Hit {
        violating,
        involved,
        text: format!("【{}】已含【{}】，{within}不得另收", name(item, row), included.name()),
        evidence: vec![item.begins.to_string()],
        source: Some(row.source.clone()),
        ..Hit::default()
    }
}

/// A line of the past may come with nothing but a national code; the row knows what that is.
fn name<'a>(item: &Line<'a>, row: &'a Row) -> &'a str {
    let order = item.order;
    let is_named = order.name.is_some() || order.hospital_code.is_some() || item.product.is_some();
    if is_named { item.name() } else { row.item.as_str() }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "included_item",
        parameters: "",
        rows: "match,key,item,includes,window,unless,source,flag\n\
               hospital,ICU,急诊监护费,hospital:BED|hospital:VISIT,单日,,batch 7,A\n\
               hospital,BIRTH,难产接生,hospital:FETAL,6小时,,batch 7,A\n\
               hospital,HOUR,甲,hospital:FETAL,同一小时,,batch 7,A\n\
               hospital,PUNCTURE,深静脉穿刺,hospital:KIT,当次就诊,hospital:DIALYSIS,site,B\n",
        drugs: "",
    };

    #[test]
    fn one_date() {
        let icu = fee("1", "ICU", "2026-05-14 08:00");
        let bed = fee("2", "BED", "2026-05-14 22:00");
        check(&[&icu, &bed], "hit 2: 【ICU】已含【BED】，同日不得另收");
        check(&[&icu, &fee("2", "BED", "2026-05-15")], "pass");
        check(&[&icu], "pass");
        check(&[&bed], "nothing");
    }

    #[test]
    fn one_finding_for_all_lines_of_a_row() {
        check(
            &[
                &fee("1", "ICU", "2026-05-14"),
                &fee("2", "BED", "2026-05-14"),
                &fee("3", "VISIT", "2026-05-14"),
                &fee("4", "ICU", "2026-05-14"),
            ],
            "hit 2,3: 【ICU】已含【BED】，同日不得另收",
        );
    }

    #[test]
    fn a_transfer_day_has_one_bed() {
        let bed = r#"{"rx_id":"2","hosplist_code":"BED","cnt":"1","fee_ocur_time":"20260514","bilg_dept_codg":"B"}"#;
        check(&[&fee("1", "ICU", "2026-05-14"), bed], "hit 2: 【ICU】已含【BED】，同日不得另收");
    }

    #[test]
    fn what_was_taken_back_is_not_there() {
        let back = r#"{"rx_id":"3","hosplist_code":"BED","cnt":"-1","fee_ocur_time":"20260514"}"#;
        check(&[&fee("1", "ICU", "2026-05-14"), &fee("2", "BED", "2026-05-14"), back], "pass");
    }

    #[test]
    fn hours_need_times() {
        let birth = fee("1", "BIRTH", "2026-05-14 10:00");
        check(
            &[&birth, &fee("2", "FETAL", "2026-05-14 04:30")],
            "hit 2: 【BIRTH】已含【FETAL】，6小时内不得另收",
        );
        check(&[&birth, &fee("2", "FETAL", "2026-05-14 04:00")], "pass");
        check(
            &[&birth, &fee("2", "FETAL", "2026-05-14 15:59")],
            "hit 2: 【BIRTH】已含【FETAL】，6小时内不得另收",
        );
        check(
            &[&birth, &fee("2", "FETAL", "2026-05-14")],
            "unknown fees[1].fee_ocur_time,fees[2].fee_ocur_time",
        );
        check(&[&birth, &fee("2", "FETAL", "2026-05-12")], "pass");
        let hour = fee("1", "HOUR", "2026-05-14 10:00");
        check(
            &[&hour, &fee("2", "FETAL", "2026-05-14 10:59")],
            "hit 2: 【HOUR】已含【FETAL】，同一小时内不得另收",
        );
        check(&[&hour, &fee("2", "FETAL", "2026-05-14 09:59")], "pass");
        check(&[&hour, &fee("2", "FETAL", "2026-05-13")], "pass");
    }

    #[test]
    fn a_kit_may_belong_to_another_item() {
        let puncture = fee("1", "PUNCTURE", "2026-05-01");
        let kit = fee("2", "KIT", "2026-05-14");
        check(&[&puncture, &kit], "hit 2: 【PUNCTURE】已含【KIT】，本次就诊不得另收");
        check(&[&puncture, &kit, &fee("3", "DIALYSIS", "2026-05-14")], "pass");
    }

    #[test]
    fn ordered_and_charged_is_one() {
        let request = |orders: &str| {
            format!(
                r#"{{"orders":[{orders}],"fees":[{},{}]}}"#,
                fee("1", "ICU", "2026-05-15"),
                fee("2", "BED", "2026-05-15")
            )
        };
        let order = r#"{"rx_id":"9","hosplist_code":"BED","cnt":"1","drord_begn_date":"20260515"}"#;
        BENCH.check(&request(order), "hit 2: 【ICU】已含【BED】，同日不得另收");
        let visit = order.replace("BED", "VISIT");
        BENCH.check(&request(&visit), "hit 9,2: 【ICU】已含【VISIT】，同日不得另收");
    }

    #[test]
    fn charged_before_on_the_same_day() {
        let past = fee("7", "BED", "2026-05-15");
        let request = format!(
            r#"{{"orders":[{{"rx_id":"1","hosplist_code":"ICU"}}],"history":{{"orders":[{past}]}}}}"#
        );
        BENCH.check(&request, "hit 1: 【ICU】已含【BED】，同日不得另收");
    }

    #[test]
    fn the_item_may_be_of_the_past() {
        let request = |day: &str| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"BED"}}],"history":{{"orders":[{}]}}}}"#,
                fee("7", "ICU", day)
            )
        };
        BENCH.check(&request("2026-05-15"), "hit 1: 【ICU】已含【BED】，同日不得另收");
        BENCH.check(&request("2026-05-14"), "nothing");
        BENCH.check(&request(""), "unknown history.orders[7].fee_ocur_time");
        let bare =
            request("2026-05-15").replace(r#""hosplist_code":"ICU""#, r#""hilist_code":"0011""#);
        BENCH.check(&bare, "nothing");
    }

    #[test]
    fn one_encounter_reaches_back() {
        let request = |now: &str, past: &str, encounter: &str| {
            format!(
                r#"{{"encounter":{{"mdtrt_id":"M","adm_date":"20260510"}},"orders":[{{"rx_id":"1","hosplist_code":"{now}"}}],
                "history":{{"orders":[{{"rx_id":"7","mdtrt_id":"{encounter}","hosplist_code":"{past}","cnt":"1","fee_ocur_time":"20260511"}}]}}}}"#
            )
        };
        let text = "hit 1: 【PUNCTURE】已含【KIT】，本次就诊不得另收";
        BENCH.check(&request("PUNCTURE", "KIT", "M"), text);
        BENCH.check(&request("KIT", "PUNCTURE", "M"), text);
        BENCH.check(&request("PUNCTURE", "KIT", "N"), "pass");
        BENCH.check(&request("KIT", "PUNCTURE", "N"), "nothing");
        // One that names no encounter is of this one when it was since its beginning.
        BENCH.check(&request("KIT", "PUNCTURE", ""), text);
        BENCH.check(&request("KIT", "PUNCTURE", "").replace("20260511", "20260509"), "nothing");
    }

    #[test]
    fn a_charge_without_a_day_is_not_of_today() {
        let icu = fee("1", "ICU", "2026-05-15");
        check(&[&icu, &fee("2", "BED", "")], "unknown fees[2].fee_ocur_time");
        check(
            &[&fee("1", "PUNCTURE", ""), &fee("2", "KIT", "")],
            "hit 2: 【PUNCTURE】已含【KIT】，本次就诊不得另收",
        );
    }

    fn fee(id: &str, item: &str, time: &str) -> String {
        format!(r#"{{"rx_id":"{id}","hosplist_code":"{item}","cnt":"1","fee_ocur_time":"{time}"}}"#)
    }

    #[track_caller]
    fn check(fees: &[&str], expected: &str) {
        BENCH.check(&format!(r#"{{"fees":[{}]}}"#, fees.join(",")), expected);
    }
}
