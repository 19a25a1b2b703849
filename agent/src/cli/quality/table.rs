//! The measures of an element or an entity, as a table for people, CSV or JSON.
//!
//! A rate is rounded down to a hundredth of a percent: 100.00 % is said of nothing but all.

use std::fmt::Write as _;

use serde_json::json;

use crate::quality::{ChannelDay, ElementDay, EntityDay};

/// One line: an element, or an entity as a whole.
#[derive(Debug)]
pub(super) struct Row<'d> {
    entity: &'d EntityDay,
    element: Option<&'d ElementDay>,
    zh_name: &'d str,
    /// Values there could have been: for a whole entity, of its required elements.
    wanted: u64,
    /// Of these, how many came.
    came: u64,
    carried: u64,
    nonconforming: u64,
    inconsistent: u64,
}

impl<'d> Row<'d> {
    pub(super) fn element(entity: &'d EntityDay, element: &'d ElementDay) -> Row<'d> {
        let ElementDay { carried, nonconforming, inconsistent, .. } = *element;
        Row {
            entity,
            element: Some(element),
            zh_name: &element.zh_name,
            wanted: entity.records,
            came: carried,
            carried,
            nonconforming,
            inconsistent,
        }
    }

    /// The entity as a whole: complete when the required elements are there.
    pub(super) fn whole(entity: &'d EntityDay) -> Row<'d> {
        let sum = |count: fn(&ElementDay) -> u64| entity.elements.iter().map(count).sum::<u64>();
        Row {
            entity,
            element: None,
            zh_name: &entity.zh_name,
            wanted: sum(|it| u64::from(it.required)) * entity.records,
            came: sum(|it| if it.required { it.carried } else { 0 }),
            carried: sum(|it| it.carried),
            nonconforming: sum(|it| it.nonconforming),
            inconsistent: sum(|it| it.inconsistent),
        }
    }

    pub(super) fn is_whole_entity(&self) -> bool {
        self.element.is_none()
    }

    /// Completeness, conformity, consistency, as percent.
    fn rates(&self) -> [Option<String>; 3] {
        let right = |wrong: u64| percent(self.carried.saturating_sub(wrong), self.carried);
        [percent(self.came, self.wanted), right(self.nonconforming), right(self.inconsistent)]
    }

    fn name(&self) -> &str {
        self.element.map_or("", |it| &it.name)
    }

    /// `V203×2 M203×1`
    fn findings(&self) -> String {
        let given = self.element.iter().flat_map(|it| &it.findings);
        let told = given.map(|(code, it)| format!("{code}×{}", it.refused + it.warned));
        told.collect::<Vec<_>>().join(" ")
    }

    fn required(&self) -> bool {
        self.element.is_some_and(|it| it.required)
    }

    pub(super) fn json(&self, [day, channel, entity]: [&str; 3], out: &mut String) {
        let [completeness, conformity, consistency] = self.rates();
        let delays = &self.entity.delays;
        let mut row = json!({
            "day": day, "channel": channel, "entity": entity, "element": self.name(),
            "zh_name": self.zh_name, "required": self.required(), "records": self.entity.records,
            "carried": self.carried, "nonconforming": self.nonconforming,
            "inconsistent": self.inconsistent, "completeness": completeness,
            "conformity": conformity, "consistency": consistency,
        });
        if let Some(members) = row.as_object_mut() {
            if let Some(element) = self.element {
                members.insert("findings".to_owned(), json!(element.findings));
            } else {
                let half = delays.within_s(50);
                members.insert("refused".to_owned(), json!(self.entity.refused));
                members.insert(
                    "timeliness".to_owned(),
                    json!({
                        "counted": delays.counted, "ahead": delays.ahead, "p50_s": half,
                        "p95_s": delays.within_s(95), "max_s": half.map(|_| delays.max_s),
                    }),
                );
            }
        }
        let _ = writeln!(out, "{row}");
    }

    pub(super) fn csv(&self, [day, channel, entity]: [&str; 3], out: &mut String) {
        let [completeness, conformity, consistency] = self.rates().map(Option::unwrap_or_default);
        let _ = write!(
            out,
            "{day},{channel},{entity},{},{},{},{},{},{},{},{completeness},{conformity},{consistency},{}",
            self.name(),
            quoted(self.zh_name),
            self.required(),
            self.entity.records,
            self.carried,
            self.nonconforming,
            self.inconsistent,
            self.findings(),
        );
        let delays = &self.entity.delays;
        match delays.within_s(50).zip(delays.within_s(95)) {
            Some((half, most)) if self.is_whole_entity() => {
                let _ = writeln!(out, ",{half},{most},{},{}", delays.max_s, delays.ahead);
            }
            _ => out.push_str(",,,,\n"),
        }
    }
}

/// The columns of [`Row::csv`]; the mark before them makes spreadsheets read it as UTF-8.
pub(super) const CSV_HEAD: &str = "\u{feff}day,channel,entity,element,zh_name,required,records,carried,nonconforming,inconsistent,\
completeness,conformity,consistency,findings,delay_p50_s,delay_p95_s,delay_max_s,ahead\n";

/// A channel's line, and what of its messages nobody could read.
pub(super) fn channel(day: &str, name: &str, channel: &ChannelDay, out: &mut String) {
    let it = channel.messages;
    let _ = writeln!(
        out,
        "{day} 通道 {name}：接收 {}，待对照 {}，拒收 {}，重送 {}",
        it.accepted, it.parked, it.refused, it.resent
    );
    if !channel.unreadable.is_empty() {
        let codes = channel.unreadable.iter().map(|(code, count)| format!("{code}×{count}"));
        let _ = writeln!(out, "  没有读出记录的报文：{}", codes.collect::<Vec<_>>().join(" "));
    }
}

/// An entity's lines.
pub(super) fn entity(name: &str, entity: &EntityDay, out: &mut String) {
    let rates = Row::whole(entity).rates().map(|it| it.unwrap_or_else(|| "-".to_owned()));
    let [completeness, conformity, consistency] = rates;
    let EntityDay { zh_name, records, refused, delays, .. } = entity;
    let _ = writeln!(out, "\n  {name} {zh_name}：记录 {records}，其中不合格 {refused}");
    let _ =
        writeln!(out, "  完整性（必填）{completeness}，规范性 {conformity}，一致性 {consistency}");
    match delays.within_s(50).zip(delays.within_s(95)) {
        Some((half, most)) => {
            let _ = writeln!(
                out,
                "  时效性：{} 条有发生时间，一半在 {} 内，95% 在 {} 内，最长 {}；时间超前 {} 条",
                delays.counted,
                span(half),
                span(most),
                span(delays.max_s),
                delays.ahead
            );
        }
        None => {
            let _ = writeln!(out, "  时效性：没有可比的发生时间；时间超前 {} 条", delays.ahead);
        }
    }
}

/// The elements.
pub(super) fn rows<'d>(rows: impl Iterator<Item = Row<'d>>, out: &mut String) {
    line(["数据元", "名称", "必填", "有值", "完整性", "规范性", "一致性", "问题"], out);
    for row in rows {
        let [completeness, conformity, consistency] =
            row.rates().map(|it| it.unwrap_or_else(|| "-".to_owned()));
        let name = if row.name().is_empty() { "（整条记录）" } else { row.name() };
        let required = if row.required() { "是" } else { "" };
        let carried = format!("{}/{}", row.carried, row.entity.records);
        let findings = row.findings();
        line(
            [
                name,
                row.zh_name,
                required,
                &carried,
                &completeness,
                &conformity,
                &consistency,
                &findings,
            ],
            out,
        );
    }
}

/// What is not listed is told.
pub(super) fn unseen(count: usize, out: &mut String) {
    if count > 0 {
        let _ = writeln!(out, "    另有 {count} 个非必填数据元从未出现，用 --all 列出");
    }
}

fn line(cells: [&str; 8], out: &mut String) {
    let mut text = "    ".to_owned();
    for (cell, width) in cells.into_iter().zip(WIDTHS) {
        text.push_str(cell);
        let blanks = usize::saturating_sub(width, columns(cell)).max(1);
        text.extend(std::iter::repeat_n(' ', blanks));
    }
    out.push_str(text.trim_end());
    out.push('\n');
}

/// Columns on a terminal: a Chinese character takes two.
fn columns(text: &str) -> usize {
    text.chars().map(|it| if it >= '\u{2e80}' { 2 } else { 1 }).sum()
}

const WIDTHS: [usize; 8] = [26, 26, 6, 14, 10, 10, 10, 0];

/// `99.98%`, rounded down; none of nothing.
fn percent(part: u64, whole: u64) -> Option<String> {
    let hundredths =
        u128::from(part) * 10_000 / u128::from(std::num::NonZeroU64::new(whole)?.get());
    Some(format!("{}.{:02}%", hundredths / 100, hundredths % 100))
}

/// Seconds as a person says them, rounded up to the unit.
fn span(seconds: u64) -> String {
    match seconds {
        0..=59 => format!("{seconds} 秒"),
        60..=3_599 => format!("{} 分钟", seconds.div_ceil(60)),
        3_600..=172_799 => format!("{} 小时", seconds.div_ceil(3_600)),
        _ => format!("{} 天", seconds.div_ceil(86_400)),
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_whole_only_of_all() {
        check(0, 0, "none");
        check(0, 3, "0.00%");
        check(3, 3, "100.00%");
        check(99_999, 100_000, "99.99%");
        check(u64::MAX, u64::MAX, "100.00%");
    }

    #[track_caller]
    fn check(part: u64, whole: u64, expected: &str) {
        assert_eq!(percent(part, whole).unwrap_or_else(|| "none".to_owned()), expected);
    }
}
