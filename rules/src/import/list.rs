//! A list as people keep it in a spreadsheet, restated as the file of a named set.
//!
//! ```text
//! 工号,姓名            [[set]]
//! 1023,张三      ->    id = "surgeons"
//! 2046,李四            members = ["doctor:1023", "doctor:2046"]
//! ```
//!
//! What the rows are stands in a column of their own, or is said of all of them. One row that cannot
//! be a member refuses the list: nobody would miss the doctor who was left out.

use std::fmt::Write as _;

use schemas::Problem;

use super::cells::{clean, codes, rounded, spoilt};
use crate::form::quoted;
use crate::sets::Members;

/// What the file of a set says besides its members.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head<'a> {
    /// The set.
    pub id: &'a str,
    /// Its name for people.
    pub name: Option<&'a str>,
    /// The document that the list was made of.
    pub source: &'a str,
    /// The first day.
    pub from: Option<&'a str>,
    /// The last day.
    pub until: Option<&'a str>,
    /// What every row is, where the list has no column for it: `doctor`, `diagnosis`.
    pub kind: Option<&'a str>,
}

/// The file of a set with the rows of a table as members, or every row that cannot be one.
pub fn to_set(file: &str, table: &[Vec<String>], head: &Head<'_>) -> Result<String, Vec<Problem>> {
    let plan =
        Plan::of(table, head).map_err(|it| vec![Problem::error("R202", file, (1, 1), it)])?;
    let (mut proved, mut lines, mut problems) = (Members::default(), Vec::new(), Vec::new());
    for (number, row) in (1..).zip(table).skip(plan.header + 1) {
        for (kind, key) in plan.members(row) {
            let added = match key.as_str() {
                "" => Err(("R203", "the code is empty".to_owned())),
                key => match rounded(key) {
                    Some(why) => Err(("R205", why.to_owned())),
                    None => proved.add(&kind, key),
                },
            };
            match added {
                Ok(()) => lines.push(line(&kind, &key, &cell(plan.item, row))),
                Err((code, message)) => {
                    let message = spoilt(&key).map_or(message, str::to_owned);
                    problems.push(Problem::error(code, file, (number, 1), message));
                }
            }
        }
    }
    if lines.is_empty() && problems.is_empty() {
        problems.push(Problem::error("R103", file, (1, 1), "the list has no rows".to_owned()));
    }
    if problems.is_empty() { Ok(written(head, &lines)) } else { Err(problems) }
}

/// Which column says what.
struct Plan<'a> {
    header: usize,
    kind: Option<usize>,
    key: usize,
    item: Option<usize>,
    every_kind: &'a str,
}

impl<'a> Plan<'a> {
    fn of(table: &[Vec<String>], head: &Head<'a>) -> Result<Plan<'a>, String> {
        let column = |row: &[String], words: &[&str]| {
            row.iter().position(|cell| words.contains(&clean(cell).as_str()))
        };
        let found = table.iter().take(HEADER_MAX).enumerate().find_map(|(header, row)| {
            let key = column(row, KEY)?;
            let (kind, item) = (column(row, MATCH), column(row, ITEM));
            Some(Plan { header, kind, key, item, every_kind: head.kind.unwrap_or_default() })
        });
        let plan = found.ok_or_else(|| {
            format!("no column for the codes; a header is one of {}", KEY.join(", "))
        })?;
        if plan.kind.is_none() && head.kind.is_none() {
            return Err(format!(
                "no column says what the rows are; a header is one of {}, or say it of all rows (--kind doctor)",
                MATCH.join(", ")
            ));
        }
        Ok(plan)
    }

    /// What a row names; several codes may stand in one cell, names may hold any sign.
    fn members(&self, row: &[String]) -> Vec<(String, String)> {
        let (said, key) = (cell(self.kind, row), cell(Some(self.key), row));
        if row.iter().all(|cell| clean(cell).is_empty()) {
            return Vec::new();
        }
        let kind = if said.is_empty() { self.every_kind.to_owned() } else { said };
        let ours = KINDS.iter().find(|(zh, _)| *zh == kind).map_or(kind.as_str(), |(_, it)| *it);
        let keys =
            if NAMES.contains(&ours) || key.is_empty() { vec![key.as_str()] } else { codes(&key) };
        keys.into_iter().map(|key| (ours.to_owned(), key.to_owned())).collect()
    }
}

fn cell(column: Option<usize>, row: &[String]) -> String {
    column.and_then(|at| row.get(at)).map(|cell| clean(cell)).unwrap_or_default()
}

fn line(kind: &str, key: &str, item: &str) -> String {
    let item: String = item.chars().filter(|it| !it.is_control()).collect();
    let comment = if item.is_empty() { String::new() } else { format!("  # {item}") };
    format!("    {},{comment}\n", quoted(&format!("{kind}:{key}")))
}

fn written(head: &Head<'_>, lines: &[String]) -> String {
    let mut text = format!("[[set]]\nid = {}\n", quoted(head.id));
    let more = [
        ("name", head.name),
        ("source", Some(head.source)),
        ("from", head.from),
        ("until", head.until),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            let _ = writeln!(text, "{name} = {}", quoted(value));
        }
    }
    format!("{text}members = [\n{}]\n", lines.concat())
}

const MATCH: &[&str] = &["match", "类型", "种类"];
const KEY: &[&str] = &[
    "key",
    "编码",
    "代码",
    "标识",
    "工号",
    "医生编码",
    "科室编码",
    "院区编码",
    "诊断编码",
    "药品编码",
];
const ITEM: &[&str] = &["item", "名称", "姓名", "医生姓名", "科室名称", "诊断名称", "药品名称"];

/// What lists say in the column `match`.
const KINDS: [(&str, &str); 12] = [
    ("医生", "doctor"),
    ("科室", "department"),
    ("院区", "campus"),
    ("参保地", "region"),
    ("院内编码", "hospital"),
    ("医保编码", "code"),
    ("医保编码前缀", "prefix"),
    ("成分", "ingredient"),
    ("目录分类", "class"),
    ("ATC", "atc"),
    ("诊断", "diagnosis"),
    ("手术", "surgery"),
];

/// The kinds whose keys are words.
const NAMES: [&str; 3] = ["ingredient", "department", "campus"];

/// Titles and notes above a header are not longer than this.
const HEADER_MAX: usize = 20;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::read_csv;
    use super::*;

    #[test]
    fn a_list_of_doctors() {
        check(
            "外科医生名单（2026）\n\n工号,姓名\n１０２３,张三\n\"2046、2047\",李四\n",
            Some("doctor"),
            "    \"doctor:1023\",  # 张三\n    \"doctor:2046\",  # 李四\n    \"doctor:2047\",  # 李四\n",
        );
        check("工号\t姓名\n10*\t\n", Some("医生"), "    \"doctor:10*\",\n");
    }

    #[test]
    fn rows_say_what_they_are() {
        check(
            "类型,编码,名称\n科室,心内科/CCU,\n诊断,C34,肺癌\nATC,J01,\n参保地,4201,\n",
            None,
            "    \"department:心内科/CCU\",\n    \"diagnosis:C34\",  # 肺癌\n    \"atc:J01\",\n    \"region:4201\",\n",
        );
    }

    #[test]
    fn every_row_that_cannot_be_a_member_is_told() {
        let told = "x.csv:2:1: error[R205]: `*` is no doctor: write a code, or how codes begin with `*` behind it, such as 03*
x.csv:3:1: error[R205]: 代码少了开头的两个0；在原表里把该列设为文本后重新保存
x.csv:4:1: error[R204]: `护士` is not one of hospital, code, prefix, ingredient, class, atc, set, diagnosis, surgery, region, campus, department, doctor
x.csv:5:1: error[R204]: a set does not hold other sets";
        check("match,key\ndoctor,*\ncode,2101030310000\n护士,7\nset,a\n医生,1\n", None, told);
        check(
            "a,b\n1,2\n",
            Some("doctor"),
            "x.csv:1:1: error[R202]: no column for the codes; a header is one of key, 编码, 代码, 标识, 工号, 医生编码, 科室编码, 院区编码, 诊断编码, 药品编码",
        );
        check(
            "编码\n1\n",
            None,
            "x.csv:1:1: error[R202]: no column says what the rows are; a header is one of match, 类型, 种类, or say it of all rows (--kind doctor)",
        );
        check("编码,名称\n,甲\n", Some("doctor"), "x.csv:2:1: error[R203]: the code is empty");
        let told = "x.csv:3:1: error[R205]: 代码成了科学计数法；在原表里把该列设为文本后重新保存";
        check("工号\n1023\n1.02E+11\n", Some("doctor"), told);
        check("编码\n\n", Some("doctor"), "x.csv:1:1: error[R103]: the list has no rows");
    }

    /// The members as they are written, or what is wrong.
    #[track_caller]
    fn check(csv: &str, kind: Option<&str>, expected: &str) {
        let head =
            Head { id: "s", source: "a \"b\"", from: Some("2026-12-01"), kind, ..Head::default() };
        let told = match to_set("x.csv", &read_csv(csv), &head) {
            Ok(text) => {
                let begin = "[[set]]\nid = \"s\"\nsource = \"a \\\"b\\\"\"\nfrom = \"2026-12-01\"\nmembers = [\n";
                text.strip_prefix(begin).unwrap().strip_suffix("]\n").unwrap().to_owned()
            }
            Err(problems) => {
                problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
            }
        };
        assert_eq!(told, expected);
    }
}
