//! Published tables of knowledge points, restated as rows of a rule.
//!
//! ```text
//! table (rows of texts) + rule -> Preview: added, changed, ended, refused, and the rows as a file
//! ```
//!
//! Authorities publish spreadsheets: a title, a header in words of their own, several codes in one
//! cell, full-width digits, ages and days as prose, and now and then a number that the text beside it
//! contradicts. Nothing is taken on trust: headers are recognised or named by hand, each row is proved
//! as a row of a pack is, and what is not right is refused with its row number, while the rest can be
//! taken. Nothing changes before a person has seen the preview.

mod cells;
mod compare;
mod header;
pub mod list;
mod restate;

use jiff::civil::Date;

use crate::rule::Rule;

/// What is known about a table besides what stands in it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The rule that its rows belong to, as it is in force.
    pub rule: &'a Rule,
    /// Our name of a column and the table's header of it, where that is not recognised.
    pub columns: &'a [(String, String)],
    /// The document, as rows name it: `知识点第9批（2026-04-21）`.
    pub source: &'a str,
    /// From which day its rows are in force, where they do not say.
    pub from: Option<Date>,
    /// The earlier document that it takes the place of: what is not in the table any more, ends.
    pub supersedes: Option<&'a str>,
}

/// What a table would change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// Which header was taken for what; empty for one that is not read.
    pub columns: Vec<(String, String)>,
    /// Rows about something that had none.
    pub added: Vec<Entry>,
    /// Rows that take the place of others, with what they said.
    pub changed: Vec<(Entry, String)>,
    /// Rows that say what is in force already.
    pub unchanged: usize,
    /// Rows in force that end, since the document they come from is superseded.
    pub ended: Vec<Entry>,
    /// Rows of the table that cannot be taken, and why.
    pub refused: Vec<Fault>,
    /// Rows that are taken and that somebody should look at.
    pub warnings: Vec<Fault>,
    /// The rows that are new or changed, as a file beside the log of changes.
    pub rows: String,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the table, from 1 as a spreadsheet counts; 0 when it is not in the table.
    pub row: u32,
    /// What it hangs on: `code:XG04...`.
    pub key: String,
    /// The item in words.
    pub item: String,
    /// Its parameters in words.
    pub says: String,
}

/// What is wrong with a row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its number in the table.
    pub row: u32,
    /// In one sentence.
    pub reason: String,
}

/// What a table would change, or why it cannot be read at all.
pub fn preview(table: &[Vec<String>], wanted: &Wanted<'_>) -> Result<Preview, String> {
    let plan = header::plan(table, wanted)?;
    let restated = restate::restate(table, &plan, wanted);
    Ok(compare::compare(restated, &plan, wanted))
}

/// The rows of a text in CSV, parted by commas, tabs or semicolons, whichever its first lines show.
#[must_use]
pub fn read_csv(text: &str) -> Vec<Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let head: Vec<_> = text.lines().take(10).collect();
    let count = |delimiter: u8| {
        head.iter().map(|line| line.bytes().filter(|it| *it == delimiter).count()).max()
    };
    let mut delimiter = b',';
    for other in [b'\t', b';'] {
        if count(other) > count(delimiter) {
            delimiter = other;
        }
    }
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut rows: Vec<Vec<String>> = Vec::new();
    for record in reader.records().flatten() {
        // Empty lines are no records, and yet they count for whoever looks a row up.
        let line = record.position().map_or(0, |it| line_of(text, it));
        let line = line.min(rows.len() + EMPTY_LINES_MAX);
        while rows.len() + 1 < line {
            rows.push(Vec::new());
        }
        rows.push(record.iter().map(str::to_owned).collect());
    }
    rows
}

/// The line of a record; the reader counts the empty lines before it as its own.
fn line_of(text: &str, position: &csv::Position) -> usize {
    let begin = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let empty = text.get(begin..).unwrap_or_default().bytes();
    let empty =
        empty.take_while(|it| matches!(it, b'\n' | b'\r')).filter(|it| *it == b'\n').count();
    usize::try_from(position.line()).unwrap_or(usize::MAX).saturating_add(empty)
}

/// More empty lines than this between two records are one mistake, not many rows.
const EMPTY_LINES_MAX: usize = 10_000;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use schemas::Files;

    use super::*;
    use crate::pack::RuleSet;

    const PACK: &str =
        "name = \"t\"\nversion = \"1\"\nsource = \"s\"\neffective = \"2026-01-01\"\n";
    const RULES: &str = "[[rule]]\nid = \"sex\"\nfamily = \"sex\"\nname = \"n\"\nbasis = \"b\"\nseverity = 1\naction = \"confirm\"\n[[rule]]\nid = \"age\"\nfamily = \"age\"\nname = \"n\"\nbasis = \"b\"\nseverity = 1\naction = \"confirm\"\nparameters = { wording = \"limit\", child_below = \"18岁\" }\n";
    const SEX: &str = "match,key,item,sex,source,flag\ncode,XG04CBD247E002010101503,度他雄胺软胶囊,男,第1批,A\ncode,XH01BBS194B002010100112,缩宫素注射液,女,第1批,A\ncode,ZD01BAY0323010102065,益母草注射液,女,第1批,A\n";
    const AGE: &str = "match,key,item,age_from,age_below,limit,source,flag\n";

    #[test]
    fn a_table_as_it_is_published() {
        let table = "药品区分性别使用（第2批）,,,\n序号,药品编码,药品名称,限定性别\n1,ＸＧ０４CBD247E002010101503,度他雄胺软胶囊,限男性\n2,XH01BBS194B002010100112,缩宫素注射液,男\n3,\"XG03DBD084A001010102180、XG03DBD084A001010102181\",地屈孕酮片,女性\n";
        check(
            "sex",
            table,
            &[],
            "药品编码>key 药品名称>item 限定性别>sex
+5 code:XG03DBD084A001010102180 地屈孕酮片 sex=女
+5 code:XG03DBD084A001010102181 地屈孕酮片 sex=女
~4 code:XH01BBS194B002010100112 缩宫素注射液 sex=男 was sex=女
-0 code:ZD01BAY0323010102065 益母草注射液 sex=女
=1",
        );
    }

    #[test]
    fn ages_in_prose_fill_two_columns() {
        let table = "药品编码,药品名称,限定年龄\nXA06ADF336P001010100233,散,2-11岁\nXN02BEX085N001010100269,颗粒,儿童\nXC02KXB144A006010103973,片,大人\n";
        check(
            "age",
            &table
                .replace(",限定年龄", ",限定年龄,限定内容")
                .replace("岁\n", "岁,限2-11岁儿童\n")
                .replace("儿童\n", "儿童,儿童\n")
                .replace("大人\n", "9或10岁,\n"),
            &[],
            "药品编码>key 药品名称>item 限定年龄>age_from, age_below 限定内容>limit
+2 code:XA06ADF336P001010100233 散 age_from=2岁; age_below=12岁; limit=限2-11岁儿童
+3 code:XN02BEX085N001010100269 颗粒 limit=儿童
!4 `9或10岁` 读不出年龄范围；写成 2-11岁、≥18岁 或 14岁以下
=0",
        );
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_row_and_the_rest_is_taken() {
        let table = "药品编码;药品名称;限定性别\nXG04;甲;男\n\n2101030310000;乙;女\nXG03DBD084A001010102180;丙;雄\n;丁;男\nXG03DBD084A001010102181;戊;男\nXG03DBD084A001010102181;戊;女\nXG04CBD247E002010101503;度他雄胺;男\n";
        check(
            "sex",
            table,
            &[],
            "药品编码>key 药品名称>item 限定性别>sex
+7 code:XG03DBD084A001010102181 戊 sex=男
-0 code:XH01BBS194B002010100112 缩宫素注射液 sex=女
-0 code:ZD01BAY0323010102065 益母草注射液 sex=女
!2 `XG04` 有 4 位；编码为23位（X）、20位（Z）、10位（T）或15位数字，前缀为10、14或11位
!4 `2101030310000`：代码少了开头的两个0；在原表里把该列设为文本后重新保存
!5 `雄` is not one of 男, 女
!6 没有代码
!8 this key already has a row above
?9 同一代码在用的名称是 度他雄胺软胶囊，表里是 度他雄胺
=1",
        );
    }

    #[test]
    fn headers_that_nobody_has_used_yet_are_named_by_hand() {
        let table = "国药码\t品名\t仅供\nXG03DBD084A001010102180\t地屈孕酮片\t女\n";
        let header = "前10行里没有认得出的表头：要有代码列（如 药品编码、项目编码）和另一列；用 --column key=表头 写明";
        check("sex", table, &[], header);
        let by_hand = [("key", "国药码"), ("sex", "仅供")];
        check(
            "sex",
            table,
            &by_hand,
            "国药码>key 仅供>sex
+2 code:XG03DBD084A001010102180 XG03DBD084A001010102180 sex=女
-0 code:XG04CBD247E002010101503 度他雄胺软胶囊 sex=男
-0 code:XH01BBS194B002010100112 缩宫素注射液 sex=女
-0 code:ZD01BAY0323010102065 益母草注射液 sex=女
=0",
        );
        check(
            "sex",
            table,
            &[("key", "国药码"), ("colour", "仅供")],
            "没有叫 `colour` 的列；有 key, diagnosis, item, text, source, from, to, age, sex",
        );
        check(
            "sex",
            table,
            &[("key", "国药码"), ("sex", "性別"), ("item", "品名")],
            "表头里没有 `性別`；有 国药码、品名、仅供",
        );
    }

    /// A bureau's own table had 15 in the column where its text said 14.
    #[test]
    fn a_number_that_the_text_beside_it_contradicts_is_told() {
        let table = "药品编码,药品名称,年龄下限（含）,限定内容,备注\nXN02BEX085N001010100269,颗粒,15岁,限14岁以上,见说明书\nXC02KXB144A006010103973,片,3岁,3-12岁儿童,\n";
        check(
            "age",
            table,
            &[("age_from", "年龄下限（含）")],
            "药品编码>key 药品名称>item 年龄下限（含）>age_from 限定内容>limit 备注>text
+2 code:XN02BEX085N001010100269 颗粒 age_from=15岁; limit=限14岁以上
+3 code:XC02KXB144A006010103973 片 age_from=3岁; limit=3-12岁儿童
?2 年龄下限（含）写15岁，限定内容里是14
=0",
        );
    }

    /// What comes of a table, a line for each thing told.
    #[track_caller]
    fn check(rule: &str, table: &str, columns: &[(&str, &str)], expected: &str) {
        let texts =
            [("pack.toml", PACK), ("rules.toml", RULES), ("sex.csv", SEX), ("age.csv", AGE)];
        let files: Files =
            texts.iter().map(|(name, text)| (format!("packs/t/{name}"), *text)).collect();
        let set = RuleSet::load(&files).unwrap();
        let rule = set.rules().iter().find(|it| it.id == rule).unwrap();
        let columns: Vec<_> = columns
            .iter()
            .map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned()))
            .collect();
        let wanted = Wanted {
            rule,
            columns: &columns,
            source: "第2批",
            from: Some(jiff::civil::date(2026, 4, 21)),
            supersedes: Some("第1批"),
        };
        let shown = match preview(&read_csv(table), &wanted) {
            Ok(preview) => shown(&preview),
            Err(reason) => reason,
        };
        assert_eq!(shown, expected);
    }

    fn shown(preview: &Preview) -> String {
        let Preview { columns, added, changed, unchanged, ended, refused, warnings, .. } = preview;
        let entry =
            |sign: &str, it: &Entry| format!("{sign}{} {} {} {}", it.row, it.key, it.item, it.says);
        let read: Vec<_> = columns
            .iter()
            .filter(|(_, ours)| !ours.is_empty())
            .map(|(theirs, ours)| format!("{theirs}>{ours}"))
            .collect();
        let mut told = vec![read.join(" ")];
        told.extend(added.iter().map(|it| entry("+", it)));
        told.extend(changed.iter().map(|(it, old)| format!("{} was {old}", entry("~", it))));
        told.extend(ended.iter().map(|it| entry("-", it)));
        told.extend(refused.iter().map(|it| format!("!{} {}", it.row, it.reason)));
        told.extend(warnings.iter().map(|it| format!("?{} {}", it.row, it.reason)));
        told.push(format!("={unchanged}"));
        told.join("\n")
    }
}
