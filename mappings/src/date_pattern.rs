//! Date patterns: `yyyy-MM-dd HH:mm:ss` and the other ways in which hospitals write a moment.
//!
//! | written | reads |
//! |---|---|
//! | `yyyy` | four digits of a year |
//! | `MM` `dd` `HH` `mm` `ss` | exactly two digits of month, day, hour (0-23), minute, second |
//! | `M` `d` `H` `m` `s` | one or two digits of the same |
//! | `S` | one to nine digits of a fraction of a second, cut off |
//! | `X` | a zone: `Z`, `+08:00`, `+0800`, `+08` |
//! | `epoch_ms` `epoch_s` | the whole text: milliseconds or seconds since 1970, also negative |
//! | `'T'` | the text between the quotes; two quotes stand for one |
//! | `T`, and anything that is no letter a-z, A-Z | itself: `-`, `/`, a blank, `年` |
//!
//! A moment with a zone is restated in China Standard Time (+08:00); one without is taken to be in
//! it. What the pattern does not name is zero: `yyyy-MM-dd HH:mm` gives second 00.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// A pattern that has been understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatePattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Digits { field: Field, min: usize, max: usize },
    Zone,
    EpochMilliseconds,
    EpochSeconds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Fraction,
}

/// What has been read of a moment so far; a date is missing until year, month and day were read.
#[derive(Default)]
struct Reading {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    hour: i8,
    minute: i8,
    second: i8,
    zone: Option<Offset>,
    instant: Option<Timestamp>,
}

impl DatePattern {
    /// Understands a pattern, or says which letter is not part of the language.
    pub(crate) fn parse(pattern: &str) -> Result<DatePattern, String> {
        match pattern {
            "" => return Err("a date pattern must not be empty".to_owned()),
            "epoch_ms" => return Ok(DatePattern { parts: vec![Part::EpochMilliseconds] }),
            "epoch_s" => return Ok(DatePattern { parts: vec![Part::EpochSeconds] }),
            _ => {}
        }
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            let (part, used) = if first == '\'' { quoted(rest)? } else { plain(rest, first)? };
            parts.push(part);
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(DatePattern { parts })
    }

    /// Whether the pattern names a day; a pattern of hours only can give a time and nothing else.
    pub(crate) fn has_date(&self) -> bool {
        self.parts.iter().any(|part| {
            matches!(
                part,
                Part::EpochMilliseconds
                    | Part::EpochSeconds
                    | Part::Digits { field: Field::Day, .. }
            )
        })
    }

    /// The moment, if the whole text has this pattern and names a day of the calendar.
    pub(crate) fn moment(&self, text: &str) -> Option<DateTime> {
        self.read(text)?.moment()
    }

    /// The time of day, for patterns that may lack a date.
    pub(crate) fn time(&self, text: &str) -> Option<Time> {
        let reading = self.read(text)?;
        if self.has_date() {
            return reading.moment().map(DateTime::time);
        }
        Time::new(reading.hour, reading.minute, reading.second, 0).ok()
    }

    fn read(&self, text: &str) -> Option<Reading> {
        let mut reading = Reading::default();
        let mut rest = text;
        for part in &self.parts {
            rest = part.read(rest, &mut reading)?;
        }
        rest.is_empty().then_some(reading)
    }
}

impl Part {
    fn read<'a>(&self, text: &'a str, reading: &mut Reading) -> Option<&'a str> {
        match self {
            Part::Text(expected) => text.strip_prefix(expected.as_str()),
            Part::Digits { field, min, max } => {
                let digits = text.bytes().take(*max).take_while(u8::is_ascii_digit).count();
                if digits < *min {
                    return None;
                }
                reading.set(*field, text.get(..digits)?)?;
                text.get(digits..)
            }
            Part::Zone => {
                let (zone, rest) = zone(text)?;
                reading.zone = Some(zone);
                Some(rest)
            }
            Part::EpochMilliseconds => {
                reading.instant = Timestamp::from_millisecond(text.parse().ok()?).ok();
                reading.instant.map(|_| "")
            }
            Part::EpochSeconds => {
                reading.instant = Timestamp::from_second(text.parse().ok()?).ok();
                reading.instant.map(|_| "")
            }
        }
    }
}

impl Reading {
    fn set(&mut self, field: Field, digits: &str) -> Option<()> {
        match field {
            Field::Year => self.year = Some(digits.parse().ok()?),
            Field::Month => self.month = Some(digits.parse().ok()?),
            Field::Day => self.day = Some(digits.parse().ok()?),
            Field::Hour => self.hour = digits.parse().ok()?,
            Field::Minute => self.minute = digits.parse().ok()?,
            Field::Second => self.second = digits.parse().ok()?,
            Field::Fraction => {}
        }
        Some(())
    }

    fn moment(&self) -> Option<DateTime> {
        if let Some(instant) = self.instant {
            return Some(CHINA.to_datetime(instant));
        }
        let date = Date::new(self.year?, self.month?, self.day?).ok()?;
        let time = Time::new(self.hour, self.minute, self.second, 0).ok()?;
        let moment = DateTime::from_parts(date, time);
        match self.zone {
            None => Some(moment),
            Some(zone) => {
                let shift = i64::from(CHINA.seconds()) - i64::from(zone.seconds());
                moment.checked_add(SignedDuration::from_secs(shift)).ok()
            }
        }
    }
}

/// China Standard Time; the country has had one zone and no summer time since 1992.
const CHINA: Offset = Offset::constant(8);

fn quoted(rest: &str) -> Result<(Part, usize), String> {
    if rest.starts_with("''") {
        return Ok((Part::Text("'".to_owned()), 2));
    }
    let inside = rest.get(1..).unwrap_or_default();
    let end = inside.find('\'').ok_or("a quote in a date pattern has no end")?;
    Ok((Part::Text(inside.get(..end).unwrap_or_default().to_owned()), end + 2))
}

fn plain(rest: &str, first: char) -> Result<(Part, usize), String> {
    if !first.is_ascii_alphabetic() {
        return Ok((Part::Text(first.to_string()), first.len_utf8()));
    }
    let run = rest.chars().take_while(|it| *it == first).count();
    let field = match first {
        'y' if run == 4 => Field::Year,
        'M' => Field::Month,
        'd' => Field::Day,
        'H' => Field::Hour,
        'm' => Field::Minute,
        's' => Field::Second,
        'S' => return Ok((Part::Digits { field: Field::Fraction, min: 1, max: 9 }, run)),
        // The `T` of ISO 8601 is no letter of this language and may stand for itself.
        'T' if run == 1 => return Ok((Part::Text("T".to_owned()), 1)),
        'X' => return Ok((Part::Zone, run)),
        'h' => {
            return Err(
                "`h` is the hour of a 12-hour clock, which needs am or pm; write `H`".to_owned()
            );
        }
        _ => {
            return Err(format!(
                "`{}` is no part of a date pattern",
                first.to_string().repeat(run)
            ));
        }
    };
    match (field, run) {
        (Field::Year, _) => Ok((Part::Digits { field, min: 4, max: 4 }, run)),
        (_, 1) => Ok((Part::Digits { field, min: 1, max: 2 }, run)),
        (_, 2) => Ok((Part::Digits { field, min: 2, max: 2 }, run)),
        _ => {
            Err(format!("`{}` is too long; at most two of a letter", first.to_string().repeat(run)))
        }
    }
}

fn zone(text: &str) -> Option<(Offset, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((Offset::UTC, rest));
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let hours: i32 = two_digits(text.get(1..)?)?;
    let behind = text.get(3..)?;
    let minutes_at = behind.strip_prefix(':').unwrap_or(behind);
    let (minutes, rest) = match two_digits(minutes_at) {
        Some(minutes) => (minutes, minutes_at.get(2..)?),
        None => (0, behind),
    };
    let offset = Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?;
    Some((offset, rest))
}

fn two_digits(text: &str) -> Option<i32> {
    let digits = text.get(..2)?;
    if digits.bytes().all(|it| it.is_ascii_digit()) { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_that_hospitals_write() {
        check("yyyy-MM-dd HH:mm:ss", "2024-05-15 09:20:05", "2024-05-15T09:20:05");
        check("yyyyMMddHH:mm:ss", "2024051509:12:33", "2024-05-15T09:12:33");
        check("yyyy/M/d H:m:s", "2024/5/15 9:20:05", "2024-05-15T09:20:05");
        check("yyyy年MM月dd日", "2024年05月15日", "2024-05-15T00:00:00");
        check("yyyyMMddTHHmmss", "20230406T091802", "2023-04-06T09:18:02");
        check("yyyyMMdd'T'HHmmss", "20230406T091802", "2023-04-06T09:18:02");
        check("yyyy-MM-dd HH:mm:ss.S", "2024-05-15 09:20:05.000", "2024-05-15T09:20:05");
        check("yyyy-MM-dd HH:mm", "2024-05-15 09:12", "2024-05-15T09:12:00");
    }

    #[test]
    fn zones_and_epochs_end_in_china_time() {
        check("yyyy-MM-dd'T'HH:mm:ss.SX", "2024-05-15T09:12:33.000+0800", "2024-05-15T09:12:33");
        check("yyyy-MM-dd'T'HH:mm:ssX", "2024-05-15T01:12:33Z", "2024-05-15T09:12:33");
        check("yyyy-MM-dd'T'HH:mm:ssX", "1968-03-15T00:00:00+08:00", "1968-03-15T00:00:00");
        check("epoch_ms", "-56793600000", "1968-03-15T00:00:00");
        check("epoch_ms", "1715736005000", "2024-05-15T09:20:05");
        check("epoch_s", "1715736005", "2024-05-15T09:20:05");
    }

    #[test]
    fn what_is_no_day_or_not_of_the_pattern_is_nothing() {
        check("yyyy-MM-dd", "2024-02-30", "nothing");
        check("yyyy-MM-dd", "2024-5-15", "nothing");
        check("yyyy-MM-dd", "2024-05-15 09:20", "nothing");
        check("yyyy-MM-dd HH:mm:ss", "2024-05-15 24:00:00", "nothing");
        check("epoch_ms", "1e400", "nothing");
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        check(
            "yyyy-MM-dd hh:mm:ss",
            "",
            "`h` is the hour of a 12-hour clock, which needs am or pm; write `H`",
        );
        check("yy-MM-dd", "", "`yy` is no part of a date pattern");
        check("yyyy-MMM-dd", "", "`MMM` is too long; at most two of a letter");
        check("yyyy'T", "", "a quote in a date pattern has no end");
    }

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: &str) {
        let actual = match DatePattern::parse(pattern) {
            Ok(pattern) => pattern.moment(text).map_or("nothing".to_owned(), |it| it.to_string()),
            Err(message) => message,
        };
        assert_eq!(actual, expected);
    }
}
