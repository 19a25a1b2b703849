//! When a plan is due: the five fields of cron, in China time.
//!
//! ```text
//! 分 时 日 月 星期      30 2 * * *      每天 02:30
//! *  a  a-b  */n  a-b/n  a,b      0 6 1 * *       每月一日 06:00
//!                                 */15 8-18 * * 1-5   工作日 8 点到 18 点，每 15 分钟
//! ```
//!
//! As in cron, a day is meant when either of the two day fields names it, once both narrow; Sunday is
//! 0 and 7. China has one offset and no summer time, so that no minute comes twice and none is missing.

use std::fmt;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};

/// An expression, proved: there is a day on which it is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether a field narrows the days; one that names all days does not.
    by_day: bool,
    by_weekday: bool,
}

struct Field {
    zh: &'static str,
    first: u32,
    last: u32,
}

const MINUTE: Field = Field { zh: "分", first: 0, last: 59 };
const HOUR: Field = Field { zh: "时", first: 0, last: 23 };
const DAY: Field = Field { zh: "日", first: 1, last: 31 };
const MONTH: Field = Field { zh: "月", first: 1, last: 12 };
const WEEKDAY: Field = Field { zh: "星期", first: 0, last: 7 };

impl Cron {
    /// Reads an expression, or says which field is wrong and what it may be.
    pub(crate) fn parse(text: &str) -> Result<Cron, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(format!(
                "`{text}` 有 {} 段，要 5 段：分 时 日 月 星期，如 30 2 * * * 是每天 02:30",
                fields.len()
            ));
        };
        let weekdays = WEEKDAY.parse(weekday)?;
        let cron = Cron {
            text: fields.join(" "),
            minutes: MINUTE.parse(minute)?,
            hours: HOUR.parse(hour)?,
            days: DAY.parse(day)?,
            months: MONTH.parse(month)?,
            weekdays: (weekdays | weekdays >> 7) & 0b111_1111,
            by_day: !day.starts_with('*'),
            by_weekday: !weekday.starts_with('*'),
        };
        let some_day = Date::constant(2026, 1, 1).to_datetime(jiff::civil::Time::midnight());
        match cron.next(some_day) {
            Some(_) => Ok(cron),
            None => Err(format!("`{text}` 永远不会到：没有这样的日期")),
        }
    }

    /// The first due minute after a moment.
    #[must_use]
    pub(crate) fn next(&self, after: DateTime) -> Option<DateTime> {
        let from = after.checked_add(1.minute()).ok()?;
        let from = from.with().second(0).subsec_nanosecond(0).build().ok()?;
        let mut day = from.date();
        for _ in 0..DAYS_AHEAD_MAX {
            if self.is_on(day) {
                let earliest = if day == from.date() { minute_of(from) } else { 0 };
                if let Some(minute) = self.minute_from(earliest) {
                    let (hour, minute) = (minute / 60, minute % 60);
                    return Some(day.at(
                        i8::try_from(hour).ok()?,
                        i8::try_from(minute).ok()?,
                        0,
                        0,
                    ));
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn is_on(&self, day: Date) -> bool {
        let weekday = day.weekday().to_sunday_zero_offset();
        let by_day = has(self.days, day.day());
        let by_weekday = has(self.weekdays, weekday);
        let is_named = match (self.by_day, self.by_weekday) {
            (true, true) => by_day || by_weekday,
            _ => by_day && by_weekday,
        };
        has(self.months, day.month()) && is_named
    }

    /// The first due minute of a day, not before this one.
    fn minute_from(&self, earliest: u32) -> Option<u32> {
        let is_due =
            |it: &u32| self.hours >> (it / 60) & 1 == 1 && self.minutes >> (it % 60) & 1 == 1;
        (earliest..MINUTES_A_DAY).find(is_due)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Field {
    /// The numbers that a field names, a bit each.
    fn parse(&self, text: &str) -> Result<u64, String> {
        let mut bits = 0;
        for part in text.split(',') {
            bits |= self.part(part).ok_or_else(|| {
                let Field { zh, first, last } = self;
                format!("`{part}` 不能写在“{zh}”里：写 * 或 {first} 到 {last}，如 {first}、{first}-{last}、*/2")
            })?;
        }
        Ok(bits)
    }

    fn part(&self, text: &str) -> Option<u64> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step).filter(|it| *it > 0)?)),
            None => (text, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.first, self.last),
            Some((first, last)) => (number(first)?, number(last)?),
            None => {
                let first = number(range)?;
                (first, if step.is_some() { self.last } else { first })
            }
        };
        let is_good = self.first <= first && first <= last && last <= self.last;
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        is_good.then(|| (first..=last).step_by(step).fold(0, |bits, it| bits | 1 << it))
    }
}

fn number(text: &str) -> Option<u32> {
    // `+5` is a number for Rust and nothing for cron.
    text.parse().ok().filter(|_| text.bytes().all(|it| it.is_ascii_digit()))
}

fn has(bits: u64, number: i8) -> bool {
    u32::try_from(number).is_ok_and(|it| bits >> it & 1 == 1)
}

fn minute_of(moment: DateTime) -> u32 {
    u32::try_from(moment.hour()).unwrap_or(0) * 60 + u32::try_from(moment.minute()).unwrap_or(0)
}

const MINUTES_A_DAY: u32 = 24 * 60;
/// Between two 29ths of February lie eight years at most.
const DAYS_AHEAD_MAX: u32 = 366 * 9;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_next_three_times() {
        // A Sunday.
        let after = "2026-11-22T14:07:30";
        check("* * * * *", after, "11-22 14:08, 11-22 14:09, 11-22 14:10");
        check("30 2 * * *", after, "11-23 02:30, 11-24 02:30, 11-25 02:30");
        check("0 6 1 * *", after, "12-01 06:00, 01-01 06:00, 02-01 06:00");
        check("*/20 8-9 * * 1-5", after, "11-23 08:00, 11-23 08:20, 11-23 08:40");
        check("5/25 14 * * *", after, "11-22 14:30, 11-22 14:55, 11-23 14:05");
        check("0 0 * * 7", after, "11-29 00:00, 12-06 00:00, 12-13 00:00");
        check("0 0 * * 0,3", after, "11-25 00:00, 11-29 00:00, 12-02 00:00");
        check("15,45 23 31 * *", after, "12-31 23:15, 12-31 23:45, 01-31 23:15");
        check("0 0 29 2 *", after, "02-29 00:00, 02-29 00:00, 02-29 00:00");
        // Either of the two day fields.
        check("0 0 1 * 1", after, "11-23 00:00, 11-30 00:00, 12-01 00:00");
        check("0 0 */10 * 1", after, "12-21 00:00, 01-11 00:00, 02-01 00:00");
    }

    /// The minute that runs is over: whoever asks at its beginning is told the next.
    #[test]
    fn a_due_minute_is_due_once() {
        check("0 14 * * *", "2026-11-22T14:00:00", "11-23 14:00, 11-24 14:00, 11-25 14:00");
        check("0 14 * * *", "2026-11-22T13:59:59", "11-22 14:00, 11-23 14:00, 11-24 14:00");
        check("59 23 31 12 *", "2026-12-31T23:59:00", "12-31 23:59, 12-31 23:59, 12-31 23:59");
    }

    #[test]
    fn what_is_no_expression_is_told() {
        refuse("30 2 * *", "有 4 段");
        refuse("", "有 0 段");
        refuse("60 * * * *", "`60` 不能写在“分”里：写 * 或 0 到 59");
        refuse("* 24 * * *", "“时”");
        refuse("* * 0 * *", "“日”");
        refuse("* * * 13 *", "“月”");
        refuse("* * * * 8", "“星期”");
        refuse("9-8 * * * *", "`9-8`");
        refuse("*/0 * * * *", "`*/0`");
        refuse("1,,2 * * * *", "`` 不能");
        refuse("+5 * * * *", "`+5`");
        refuse("MON * * * *", "`MON`");
        refuse("0 0 31 2 *", "永远不会到");
        refuse("99999999999 * * * *", "“分”");
    }

    #[track_caller]
    fn check(text: &str, after: &str, expected: &str) {
        let cron = Cron::parse(text).unwrap();
        let mut at: DateTime = after.parse().unwrap();
        let mut found = Vec::new();
        for _ in 0..3 {
            at = cron.next(at).unwrap();
            found.push(at.strftime("%m-%d %H:%M").to_string());
        }
        assert_eq!(found.join(", "), expected, "{text}");
    }

    #[track_caller]
    fn refuse(text: &str, expected: &str) {
        let told = Cron::parse(text).unwrap_err();
        assert!(told.contains(expected), "{told}");
    }
}
