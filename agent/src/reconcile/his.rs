//! The HIS's own totals of a day against ours: what it sent, and what we took in.
//!
//! A line of CSV a channel and entity: `channel,entity,count`, and behind these as many columns as
//! wanted whose names are elements, with the sums. The first line names the columns. What the totals
//! do not name is not compared.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use schemas::Number;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Opened;
use super::follow::Snapshot;
use super::page::Group;
use super::sums::{self, Sums};
use crate::outbox::StoreError;

/// A line of the HIS's totals.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) group: Group,
    pub(super) count: u64,
    pub(super) sums: Sums,
}

/// Reads totals, and tells every line that is none.
pub(super) fn read(text: &str) -> Result<Vec<Line>, Vec<String>> {
    table(text, "channel")
}

/// Reads the totals that a channel's own HIS sends: JSON, or CSV whose first column is the day.
pub(super) fn read_sent(text: &str, channel: &str) -> Result<(String, Vec<Line>), Vec<String>> {
    let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    let (day, mut lines) = if is_json { of_json(text)? } else { of_days(table(text, "day")?)? };
    if day.len() != 8 || super::follow::day_of(&day) == 1 {
        return Err(vec!["day 要写成 20261122 的样子".to_owned()]);
    }
    if lines.is_empty() {
        return Err(vec!["没有一条合计：这一天没有业务的，写条数 0".to_owned()]);
    }
    for line in &mut lines {
        channel.clone_into(&mut line.group.channel);
    }
    Ok((day, lines))
}

/// Whether a text means to be totals as we read them, right or wrong.
pub(super) fn is_ours(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let has_totals = || {
        let members = serde_json::from_str::<BTreeMap<String, &RawValue>>(text);
        members.is_ok_and(|it| it.contains_key("totals"))
    };
    text.starts_with("day,entity,count") || has_totals()
}

/// Lines whose first column is a day, the same in all.
fn of_days(lines: Vec<Line>) -> Result<(String, Vec<Line>), Vec<String>> {
    let day = lines.first().map(|it| it.group.channel.clone()).unwrap_or_default();
    if lines.iter().all(|it| it.group.channel == day) {
        Ok((day, lines))
    } else {
        Err(vec!["一次只送一天的合计".to_owned()])
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SentJson<'a> {
    day: String,
    #[serde(borrow)]
    totals: Vec<SentLine<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SentLine<'a> {
    entity: String,
    #[serde(borrow)]
    count: &'a RawValue,
    #[serde(borrow, default)]
    sums: BTreeMap<String, &'a RawValue>,
}

fn of_json(text: &str) -> Result<(String, Vec<Line>), Vec<String>> {
    let sent: SentJson<'_> = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| vec![format!("不是要求的 JSON：{error}")])?;
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    for it in sent.totals {
        let group = Group { entity: it.entity, channel: String::new() };
        let count = count(it.count.get()).unwrap_or_else(|| {
            problems.push(format!("{} 的 count 不是条数", group.entity));
            0
        });
        let mut line = Line { group, count, sums: Sums::new() };
        for (name, value) in it.sums {
            match amount(value.get().trim_matches('"')) {
                Some(sum) if sums::is_amount(&name) => drop(line.sums.insert(name, sum)),
                Some(_) => problems.push(not_summed(&name)),
                None => problems.push(format!("{} 的 {name} 不是金额", line.group.entity)),
            }
        }
        lines.push(line);
    }
    if problems.is_empty() { Ok((sent.day, lines)) } else { Err(problems) }
}

/// Some programs write a whole number with a point, as JSON may.
fn count(text: &str) -> Option<u64> {
    let whole = Number::parse(text)?.with_scale(0)?;
    whole.as_str().parse().ok().filter(|it| *it <= AMOUNT_MAX)
}

/// As text or as a number: what is written counts, to the last digit that an amount can have.
fn amount(text: &str) -> Option<Decimal> {
    let Some(number) = Number::parse(text) else {
        return is_next_to_nothing(text).then_some(Decimal::ZERO);
    };
    let exact = number.to_decimal().or_else(|| number.round(DIGITS_MAX).to_decimal())?;
    (exact.abs() <= Decimal::from(AMOUNT_MAX)).then_some(exact)
}

/// `2.2e-175`: what is left when binary numbers that should be equal are subtracted.
fn is_next_to_nothing(text: &str) -> bool {
    let Some((digits, power)) = text.split_once(['e', 'E']) else { return false };
    Number::parse(digits).is_some() && power.parse().is_ok_and(|power: i32| power < -30)
}

/// Behind the point; what a program writes of a sum that it had as a binary number goes on for ever.
const DIGITS_MAX: u32 = 6;
/// No hospital has so many, or so much, in a day.
const AMOUNT_MAX: u64 = 1_000_000_000_000_000;

fn not_summed(name: &str) -> String {
    format!("表头的 {name} 不是金额：只求以 amt、_pay、_fee 结尾的数据元的和")
}

fn table(text: &str, first: &str) -> Result<Vec<Line>, Vec<String>> {
    let mut lines =
        text.trim_start_matches('\u{feff}').lines().zip(1..).filter(|it| !it.0.trim().is_empty());
    let Some((head, _)) = lines.next() else { return Err(vec!["没有表头".to_owned()]) };
    let head: Vec<&str> = head.split(',').map(str::trim).collect();
    let elements = match head.as_slice() {
        [it, "entity", "count", elements @ ..] if *it == first => elements,
        _ => return Err(vec![format!("表头要以 {first},entity,count 开头，后面是求和的数据元")]),
    };
    if let Some(it) = elements.iter().find(|it| !sums::is_amount(it)) {
        return Err(vec![not_summed(it)]);
    }
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for (line, number) in lines {
        match of_line(line, elements) {
            Some(line) => found.push(line),
            None => problems.push(format!("第 {number} 行：列数要与表头相同，条数和金额要是数字")),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

fn of_line(line: &str, elements: &[&str]) -> Option<Line> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    let [channel, entity, count, values @ ..] = cells.as_slice() else { return None };
    if values.len() != elements.len() {
        return None;
    }
    let sum = |(name, value): (&&str, &&str)| {
        Some(((*name).to_owned(), Decimal::from_str_exact(value).ok()?))
    };
    // An empty cell says nothing about that element.
    let sums = elements.iter().zip(values).filter(|(_, value)| !value.is_empty()).map(sum);
    Some(Line {
        group: Group { entity: (*entity).to_owned(), channel: (*channel).to_owned() },
        count: count.parse().ok()?,
        sums: sums.collect::<Option<Sums>>()?,
    })
}

impl Opened {
    /// Compares a day with the HIS's totals: all that was accepted, confirmed by the platform or not.
    pub(super) fn against_his(&self, day: u32, lines: &[Line]) -> Result<Value, StoreError> {
        let Snapshot { pages, waiting: mut ours, .. } = self.snapshot(day)?;
        for (group, page) in pages {
            let (count, sums) = ours.entry(group).or_default();
            *count += page.count;
            sums::join(sums, &page.sums);
        }
        Ok(told(lines, &ours))
    }
}

fn told(lines: &[Line], ours: &BTreeMap<Group, (u64, Sums)>) -> Value {
    let none = (0, Sums::new());
    let one = |line: &Line| {
        let (count, sums) = ours.get(&line.group).unwrap_or(&none);
        let ours_of = |name: &String| sums.get(name).copied().unwrap_or_default();
        let equal = *count == line.count && line.sums.iter().all(|(it, sum)| ours_of(it) == *sum);
        let ours: Sums = line.sums.keys().map(|it| (it.clone(), ours_of(it))).collect();
        json!({
            "entity": line.group.entity, "channel": line.group.channel, "equal": equal,
            "his": { "count": line.count, "sums": sums::told(&line.sums) },
            "ours": { "count": count, "sums": sums::told(&ours) },
        })
    };
    let lines: Vec<Value> = lines.iter().map(one).collect();
    let equal = lines.iter().all(|it| it.get("equal") == Some(&Value::Bool(true)));
    json!({ "outcome": if equal { "balanced" } else { "different" }, "lines": lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_compared_by_channel_and_entity() {
        check("his,fee,2,10.50", "balanced");
        check("his,fee,2,10.5", "balanced");
        check("his,fee,2,", "balanced");
        check("his,fee,3,10.50", "different");
        check("his,fee,2,10.51", "different");
        check("lis,fee,0,0", "balanced");
        check("lis,fee,1,0", "different");
    }

    #[test]
    fn every_line_that_is_none_is_told() {
        check("his,fee,two,1\nhis,fee\nhis,fee,2,1", "第 2 行 第 3 行");
        assert!(read("").is_err() && read("entity,count\n").is_err());
        // What is not summed up here would always be nothing.
        assert!(read("channel,entity,count,cnt\nhis,fee,2,6").is_err());
    }

    #[test]
    fn what_a_his_sends_is_read_either_way() {
        let line = "fee his 2 det_item_fee_sumamt=10.50";
        check_sent("day,entity,count,det_item_fee_sumamt\n20261122,fee,2,10.50\n", line);
        let json = |sum: &str| {
            format!(
                r#"{{"day":"20261122","totals":[{{"entity":"fee","count":2,"sums":{{{sum}}}}}]}}"#
            )
        };
        check_sent(&json(r#""det_item_fee_sumamt":10.50"#), line);
        check_sent(&json(r#""det_item_fee_sumamt":"10.50""#), line);
        check_sent(&json(r#""det_item_fee_sumamt":10.50"#).replace(":2,", ":2.0,"), line);
        check_sent(&json(r#""det_item_fee_sumamt":10.50"#).replace(":2,", ":2.5,"), "none");
        check_sent(&json(r#""det_item_fee_sumamt":1e300"#), "none");
        check_sent(&json(r#""cnt":3"#), "none");
        check_sent(&json(r#""det_item_fee_sumamt":"ten""#), "none");
        check_sent("day,entity,count\n20261122,fee,2\n20261121,fee,2\n", "none");
        check_sent("day,entity,count\nyesterday,fee,2\n", "none");
        check_sent("{}", "none");
        // Totals of nothing are not the same as nothing to tell.
        check_sent(r#"{"day":"20261122","totals":[]}"#, "none");
        check_sent("day,entity,count\n", "none");
    }

    #[test]
    fn amounts_are_what_programs_write() {
        let check = |text: &str, expected: Option<&str>| {
            let told = amount(text).map(|it| it.to_string());
            assert_eq!(told.as_deref(), expected, "{text}");
        };
        check("10.50", Some("10.50"));
        check("-1e2", Some("-100"));
        check("0.30000000000000004", Some("0.30000000000000004"));
        check("2.2e-175", Some("0"));
        check("1000000000000001", None);
        check("1e300", None);
        check("ten", None);
    }

    #[track_caller]
    fn check_sent(text: &str, expected: &str) {
        let told = read_sent(text, "his").map(|(day, lines)| {
            assert_eq!(day, "20261122");
            let told = lines.iter().map(|it| {
                let sums = sums::told(&it.sums);
                let exact = it.sums.values().all(|sum| sum.scale() == 2);
                assert!(exact && !sums.is_empty(), "{sums:?}");
                let sums: Vec<String> =
                    it.sums.iter().map(|(name, sum)| format!("{name}={sum}")).collect();
                format!("{} {} {} {}", it.group.entity, it.group.channel, it.count, sums.join(" "))
            });
            told.collect::<Vec<_>>().join(", ")
        });
        assert_eq!(told.unwrap_or_else(|_| "none".to_owned()), expected);
    }

    #[track_caller]
    fn check(lines: &str, expected: &str) {
        let text = format!("\u{feff}channel,entity,count,det_item_fee_sumamt\r\n{lines}\n");
        let mut sums = Sums::new();
        sums::add(&mut sums, r#"{"det_item_fee_sumamt":10.50}"#);
        let group = Group { entity: "fee".to_owned(), channel: "his".to_owned() };
        let ours = BTreeMap::from([(group, (2, sums))]);
        let actual = match read(&text) {
            Ok(lines) => told(&lines, &ours)["outcome"].as_str().unwrap_or_default().to_owned(),
            Err(problems) => {
                let places = problems.iter().filter_map(|it| it.split('：').next());
                places.collect::<Vec<_>>().join(" ")
            }
        };
        assert_eq!(actual, expected);
    }
}
