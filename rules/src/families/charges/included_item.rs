//! F01 重复收费 (项目互斥) and F02 项目与耗材重复收费: what an item includes is charged beside it.
//!
//! What: a row names an item and what it includes, other items (F01) or consumables (F02); both
//! within the window is a hit on what is included, and the item itself takes part. With `unless`,
//! another item that may need the consumable lets it through.
//! Why: the price of the first already pays for the second.
//! Basis: F01: GZ10000102012000, 条例 art. 15 and 38, public batch 7; F02: 2025 edition no. 30. One
//! template, so one file; the windows and the kind of what is included differ.
//! Example: 急诊监护费 and 普通病房床位费 on one date → hit on the bed, transfer day or not. Taken back
//! → pass. A window of hours with only dates sent → unknown.

use crate::family::{Case, Family, Hit, LooksAt, Outcome, Rows};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::session::Line;
use crate::window::Window;

use super::lines::{
    all_by_row, days_between, is_judged, positions, time_path, used_before, used_now,
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

/// What one row finds: what is included, the items that include it, and what is missing.
#[derive(Default)]
struct Found<'a> {
    items: Vec<&'a Line<'a>>,
    included: Vec<&'a Line<'a>>,
    before: Vec<&'a Line<'a>>,
    missing: Vec<String>,
}

fn judge_row<'a>(case: &Case<'a>, row: &Row, items: &[&'a Line<'a>]) -> Outcome {
    let unless = row.parameters.keys("unless");
    if unless.iter().any(|key| used_now(case, key).next().is_some()) {
        return Outcome::Pass;
    }
    let found = find(case, row, items);
    let (item, included) = (found.items.first(), found.included.first());
    match (item, included.or(found.before.first())) {
        (Some(item), Some(included)) => Outcome::Hit(hit(row, &found, item, included)),
        _ if !found.missing.is_empty() => Outcome::Unknown { missing: found.missing },
        _ => Outcome::Pass,
    }
}

fn find<'a>(case: &Case<'a>, row: &Row, items: &[&'a Line<'a>]) -> Found<'a> {
    let window = row.parameters.window("window");
    let mut found = Found::default();
    for key in row.parameters.keys("includes") {
        for item in items {
            let is_new = is_judged(case.session, item);
            for other in used_now(case, key).filter(|other| other.position != item.position) {
                if !is_new && !is_judged(case.session, other) {
                    continue;
                }
                match are_together(window, item, other) {
                    Some(true) => found.add(item, other),
                    Some(false) => {}
                    None => found.missing.extend([*item, other].map(time_path)),
                }
            }
            let was = |past: &&Line<'_>| {
                is_new && window.is_by_time() && are_together(window, item, past) == Some(true)
            };
            if let Some(past) = used_before(case, key).find(was) {
                found.before.push(past);
                found.items.push(item);
            }
        }
    }
    found.included.sort_by_key(|line| line.position);
    found
}

impl<'a> Found<'a> {
    fn add(&mut self, item: &'a Line<'a>, included: &'a Line<'a>) {
        for (lines, line) in [(&mut self.items, item), (&mut self.included, included)] {
            if lines.iter().all(|known| known.position != line.position) {
                lines.push(line);
            }
        }
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
        text: format!("【{}】已含【{}】，{within}不得另收", item.name(), included.name()),
        evidence: vec![item.begins.to_string()],
        source: Some(row.source.clone()),
        ..Hit::default()
    }
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

    fn fee(id: &str, item: &str, time: &str) -> String {
        format!(r#"{{"rx_id":"{id}","hosplist_code":"{item}","cnt":"1","fee_ocur_time":"{time}"}}"#)
    }

    #[track_caller]
    fn check(fees: &[&str], expected: &str) {
        BENCH.check(&format!(r#"{{"fees":[{}]}}"#, fees.join(",")), expected);
    }
}
