//! Date patterns: `yyyy-MM-dd HH:mm:ss` and the other ways in which hospitals write a moment.
//!
//! | written | reads |
//! |---|---|
//! | `yyyy` | four digits of a year |
//! | `MM` `dd` `HH` `mm` `ss` | exactly two digits of month, day, hour (0-23), minute, second |
//! | `M` `d` `H` `m` `s` | one or two digits of the same |
//! | `MMM` `EEE` | the month in three English letters; a day of the week, which is not judged |
//! | `S` | one to nine digits of a fraction of a second, cut off |
//! | `X` | a zone: `Z`, `+08:00`, `+0800`, `+08` |
//! | `epoch_ms` `epoch_s` | the whole text: milliseconds or seconds since 1970, also negative |
//! | `'T'` | the text between the quotes; two quotes stand for one |
//! | `[HH[mm]]` | what stands between may be missing |
//! | `T`, and anything that is no letter a-z, A-Z | itself: `-`, `/`, a blank, `年` |
//!
//! A moment with a zone is restated in China Standard Time (+08:00); one without is taken to be in
//! it. What the text does not say is zero: `yyyy-MM-dd HH:mm` gives second 00.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

mod parse;

/// A pattern that has been understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatePattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Digits { field: Field, min: usize, max: usize },
    MonthName,
    Weekday,
    Zone,
    EpochMilliseconds,
    EpochSeconds,
    Maybe(Vec<Part>),
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
#[derive(Clone, Default)]
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
    /// Understands a pattern, or says what in it cannot be meant.
    pub(crate) fn parse(pattern: &str) -> Result<DatePattern, String> {
        parse::pattern(pattern).map(|parts| DatePattern { parts })
    }

    /// Whether the pattern always names a day; one of hours only can give a time and nothing else.
    pub(crate) fn has_date(&self) -> bool {
        self.is_epoch()
            || [Field::Year, Field::Month, Field::Day]
                .iter()
                .all(|field| self.parts.iter().any(|it| it.is(*field)))
    }

    /// Whether any part of a date stands in the pattern.
    pub(crate) fn has_part_of_date(&self) -> bool {
        let fields = [Field::Year, Field::Month, Field::Day];
        self.is_epoch() || fields.iter().any(|field| anywhere(&self.parts, *field))
    }

    /// Whether a text of this pattern can say the hour.
    pub(crate) fn may_have_hour(&self) -> bool {
        self.is_epoch() || anywhere(&self.parts, Field::Hour)
    }

    fn is_epoch(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::EpochMilliseconds | Part::EpochSeconds])
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
        let rest = read_all(&self.parts, text, &mut reading)?;
        rest.is_empty().then_some(reading)
    }

    /// Whether a moment can be written in this pattern: it says one thing only.
    pub(crate) fn can_write(&self) -> bool {
        self.parts
            .iter()
            .all(|it| matches!(it, Part::Text(_) | Part::Digits { .. }) && !it.is(Field::Fraction))
    }

    /// The moment in this pattern.
    pub(crate) fn write(&self, moment: DateTime) -> String {
        self.parts.iter().map(|it| it.written(moment)).collect()
    }
}

fn read_all<'a>(parts: &[Part], text: &'a str, reading: &mut Reading) -> Option<&'a str> {
    parts.iter().try_fold(text, |rest, part| part.read(rest, reading))
}

fn anywhere(parts: &[Part], field: Field) -> bool {
    parts.iter().any(|it| match it {
        Part::Maybe(inner) => anywhere(inner, field),
        it => it.is(field),
    })
}

impl Part {
    fn is(&self, wanted: Field) -> bool {
        match self {
            Part::Digits { field, .. } => *field == wanted,
            Part::MonthName => wanted == Field::Month,
            _ => false,
        }
    }

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
            Part::MonthName => {
                let place = MONTHS.iter().position(|it| text.starts_with(it))?;
                reading.month = Some(i8::try_from(place + 1).ok()?);
                text.get(3..)
            }
            Part::Weekday => {
                let letters = text.bytes().take(3).all(|it| it.is_ascii_alphabetic());
                text.get(3..).filter(|_| letters)
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
            Part::Maybe(parts) => {
                let mut tried = reading.clone();
                let rest = read_all(parts, text, &mut tried);
                if rest.is_some() {
                    *reading = tried;
                }
                rest.or(Some(text))
            }
        }
    }

    fn written(&self, moment: DateTime) -> String {
        let Part::Digits { field, min, .. } = self else {
            return if let Part::Text(text) = self { text.clone() } else { String::new() };
        };
        let number = match field {
            Field::Year => moment.year(),
            Field::Month => moment.month().into(),
            Field::Day => moment.day().into(),
            Field::Hour => moment.hour().into(),
            Field::Minute => moment.minute().into(),
            Field::Second => moment.second().into(),
            Field::Fraction => 0,
        };
        format!("{number:0min$}")
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
            Some(zone) => in_china(moment, zone),
        }
    }
}

/// What the clocks of another zone show, in China time; `None` where the calendar ends.
pub(crate) fn in_china(moment: DateTime, zone: Offset) -> Option<DateTime> {
    let shift = i64::from(CHINA.seconds()) - i64::from(zone.seconds());
    moment.checked_add(SignedDuration::from_secs(shift)).ok()
}

/// A text that is a zone and nothing else.
pub(crate) fn whole_zone(text: &str) -> Option<Offset> {
    zone(text).filter(|(_, rest)| rest.is_empty()).map(|(zone, _)| zone)
}

/// China Standard Time; the country has had one zone and no summer time since 1992.
const CHINA: Offset = Offset::constant(8);

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

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
        check("yyyy年M月d日", "2024年5月15日", "2024-05-15T00:00:00");
        check("yyyy年M月d日 H时m分", "2024年5月15日 9时5分", "2024-05-15T09:05:00");
        check("yyyy-MM-dd-HH.mm.ss", "2024-05-15-09.12.33", "2024-05-15T09:12:33");
        check("yyyy-MM-ddTHH:mm:ss", "2024-05-15T09:12:33", "2024-05-15T09:12:33");
        check("yyyyMMdd HHmmss", "20240515 091233", "2024-05-15T09:12:33");
        check(
            "EEE MMM dd HH:mm:ss 'CST' yyyy",
            "Wed May 15 09:20:05 CST 2024",
            "2024-05-15T09:20:05",
        );
    }

    #[test]
    fn what_stands_in_brackets_may_be_missing() {
        let hl7 = "yyyyMMdd[HH[mm[ss[.S]]]][X]";
        check(hl7, "20240515", "2024-05-15T00:00:00");
        check(hl7, "202405150912", "2024-05-15T09:12:00");
        check(hl7, "20240515091233.1234+0800", "2024-05-15T09:12:33");
        check(hl7, "20240515091233Z", "2024-05-15T17:12:33");
        check(hl7, "202405150", "nothing");
        check("yyyy-MM-dd[ HH:mm]", "2024-05-15 09", "nothing");
    }

    #[test]
    fn moments_are_written_as_they_are_read() {
        let moment = jiff::civil::datetime(2024, 5, 5, 9, 2, 3, 0);
        let written = |pattern| DatePattern::parse(pattern).map(|it| it.write(moment));
        assert_eq!(written("yyyy年M月d日 HH:mm").as_deref(), Ok("2024年5月5日 09:02"));
    }

    #[test]
    fn zones_and_epochs_end_in_china_time() {
        check("yyyy-MM-dd'T'HH:mm:ss.SX", "2024-05-15T09:12:33.000+0800", "2024-05-15T09:12:33");
        check("yyyy-MM-ddTHH:mm:ss.SX", "2024-05-15T09:20:05.1234567+08:00", "2024-05-15T09:20:05");
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
        check("yy-MM-dd", "", "`yy` is no part of a date pattern; the year is `yyyy`");
        check("YYYY-MM-DD", "", "`YYYY` is no part of a date pattern; the year is `yyyy`");
        check("yyyyMMDD", "", "`DD` is no part of a date pattern; the day is `dd`");
        check("yyyyMMddHHMMss", "", "the month stands twice; minutes are `mm`");
        check("yyyy-mm-dd HH:mm:ss", "", "the minute stands twice; the month is `MM`");
        check("yyyy-mm-dd", "", "minutes stand before the hour; the month is `MM`");
        check("yyyyMMdd.HHss", "", "seconds stand without minutes, which are `mm`");
        check("yyyy-MMMM-dd", "", "`MMMM` is too long");
        check("yyyy[MM", "", "`[` in a date pattern has no `]`");
        check("yyyy]", "", "`]` in a date pattern closes nothing");
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
