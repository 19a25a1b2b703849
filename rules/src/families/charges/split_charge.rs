//! F03 分解收费: a set that has one price is billed as its parts.
//!
//! What: a row names the parts of a set, by a named list of items; so many different ones on one
//! date are a hit. A part with a reason written was added later and does not count.
//! Why: the set has a price of its own, and the parts add up to more.
//! Basis: GZ10000102013000 分解收费, 条例 art. 15.
//! Example: a chemistry panel of twelve billed as twelve singles at 08:05 → hit. Two of them in the
//! afternoon, with the reason beside them → not counted.

use jiff::civil::Date;

use crate::family::{Case, Family, Hit, LooksAt, Outcome, Rows, Usual};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

use super::lines::{by_row, is_same_item, is_undated, positions, time_path};

/// The family `split_charge`.
pub struct SplitCharge;

const ROWS: [Column; 2] = [
    Column::required("set_name", "应收的组合项目", ColumnKind::Text),
    Column::required("parts_min", "同日单项达到几项即为分解", ColumnKind::Whole),
];

impl Family for SplitCharge {
    fn id(&self) -> &'static str {
        "split_charge"
    }

    fn zh_name(&self) -> &'static str {
        "分解收费"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Confirm,
            basis: "GZ10000102013000 分解收费；医疗保障基金使用监督管理条例第十五条",
            window: "同日",
            text: "【{组合项目}】当日拆分为{个数}个单项分别收费，应按组合项目计收",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "fees.hilist_code",
            "fees.hosplist_code",
            "fees.cnt",
            "fees.fee_ocur_time",
            "fees.excd_rea",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Charges
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let rows = by_row(case).into_iter();
        rows.flat_map(|(row, lines)| {
            let (undated, dated): (Vec<_>, Vec<_>) = lines.iter().partition(|it| is_undated(it));
            let days = by_day(&dated).into_iter();
            let mut outcomes: Vec<Outcome> =
                days.map(|(day, parts)| judge_day(row, day, &parts)).collect();
            outcomes.extend(judge_undated(row, &lines, &undated));
            outcomes
        })
        .collect()
    }
}

/// What says no day could be a part on any; that matters when there are parts enough.
fn judge_undated(row: &Row, lines: &[&Line<'_>], undated: &[&Line<'_>]) -> Option<Outcome> {
    let is_enough = different(lines).len() >= row.parameters.whole("parts_min") as usize;
    let missing = || undated.iter().map(|line| time_path(line)).collect();
    (!undated.is_empty())
        .then(|| if is_enough { Outcome::Unknown { missing: missing() } } else { Outcome::Pass })
}

fn by_day<'a>(lines: &[&'a Line<'a>]) -> Vec<(Date, Vec<&'a Line<'a>>)> {
    let mut days: Vec<(Date, Vec<&Line<'_>>)> = Vec::new();
    for line in lines {
        match days.iter_mut().find(|(day, _)| *day == line.begins) {
            Some((_, parts)) => parts.push(line),
            None => days.push((line.begins, vec![line])),
        }
    }
    days
}

/// The different items among lines, without those that a reason explains.
fn different<'a>(lines: &[&'a Line<'a>]) -> Vec<&'a Line<'a>> {
    let mut parts: Vec<&Line<'_>> = Vec::new();
    for line in lines.iter().filter(|line| line.order.reason.is_none()) {
        if !parts.iter().any(|known| is_same_item(known, line)) {
            parts.push(line);
        }
    }
    parts
}

fn judge_day(row: &Row, day: Date, lines: &[&Line<'_>]) -> Outcome {
    let parts = different(lines);
    if parts.len() < row.parameters.whole("parts_min") as usize {
        return Outcome::Pass;
    }
    let set = row.parameters.text("set_name");
    Outcome::Hit(Hit {
        violating: positions(&parts),
        text: format!("【{set}】当日拆分为{}个单项分别收费，应按组合项目计收", parts.len()),
        evidence: vec![day.to_string()],
        source: Some(row.source.clone()),
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "split_charge",
        parameters: "",
        rows: "match,key,item,set_name,parts_min,source,flag\n\
               hospital,A,甲,生化全套,3,site,B\n\
               hospital,B,乙,生化全套,3,site,B\n",
        drugs: "",
    };

    // Rows of one set share a named list in a pack; on the bench one row stands for one item.
    const ALL: Bench = Bench {
        family: "split_charge",
        parameters: "",
        rows: "match,key,item,set_name,parts_min,source,flag\n\
               prefix,0025030100,生化单项,生化全套,3,site,B\n",
        drugs: "",
    };

    #[test]
    fn parts_of_one_day() {
        check(
            &["1 08:05", "2 08:05", "3 08:05"],
            "hit 1,2,3: 【生化全套】当日拆分为3个单项分别收费，应按组合项目计收",
        );
        check(&["1 08:05", "2 08:05"], "pass");
        check(&["1 08:05", "1 08:06", "1 08:07"], "pass");
    }

    #[test]
    fn another_day_is_another_question() {
        let request = format!(
            r#"{{"fees":[{},{},{}]}}"#,
            fee("1", "1", "20260514", ""),
            fee("2", "2", "20260514", ""),
            fee("3", "3", "20260515", "")
        );
        ALL.check(&request, "pass");
    }

    #[test]
    fn a_part_without_a_day_is_of_no_day() {
        let request = |third: &str| {
            let dated = [fee("1", "1", "20260514", ""), fee("2", "2", "20260514", "")].join(",");
            format!(r#"{{"fees":[{dated},{}]}}"#, fee("3", third, "", ""))
        };
        ALL.check(&request("3"), "unknown fees[3].fee_ocur_time");
        ALL.check(&request("2"), "pass");
    }

    #[test]
    fn what_was_added_with_a_reason_does_not_count() {
        let request = format!(
            r#"{{"fees":[{},{},{}]}}"#,
            fee("1", "1", "20260514", ""),
            fee("2", "2", "20260514", ""),
            fee("3", "3", "20260514", r#","excd_rea":"病情变化复查""#)
        );
        ALL.check(&request, "pass");
    }

    #[test]
    fn rows_are_judged_one_by_one() {
        BENCH.check(
            r#"{"fees":[{"rx_id":"1","hosplist_code":"A","fee_ocur_time":"20260514"},{"rx_id":"2","hosplist_code":"B","fee_ocur_time":"20260514"}]}"#,
            "pass",
        );
    }

    fn fee(id: &str, item: &str, time: &str, more: &str) -> String {
        format!(
            r#"{{"rx_id":"{id}","hilist_code":"00250301000000{item}","cnt":"1","fee_ocur_time":"{time}"{more}}}"#
        )
    }

    #[track_caller]
    fn check(parts: &[&str], expected: &str) {
        let fees: Vec<String> = (1..)
            .zip(parts)
            .map(|(id, part)| {
                let (item, time) = part.split_once(' ').unwrap_or((part, "08:00"));
                fee(&format!("{id}"), item, &format!("2026-05-14 {time}"), "")
            })
            .collect();
        ALL.check(&format!(r#"{{"fees":[{}]}}"#, fees.join(",")), expected);
    }
}
