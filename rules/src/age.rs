//! Ages by the calendar, and what is still known when only an age text was sent.
//!
//! A limit of 14 years ends on the fourteenth birthday, so an age is never a number of days
//! divided by 365. What the HIS sends may be a birth date or "34岁": the latter leaves a whole
//! year of possible birth dates. A [`BirthRange`] keeps that doubt, and a question at the edge of
//! it is answered with `None`: unknown.

use std::fmt;

use jiff::civil::Date;
use jiff::{Span, ToSpan, Unit};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

/// Nobody this old is in a hospital; the birth date was mistyped.
pub const AGE_YEARS_MAX: i64 = 130;

/// Born in this week, a child is at term; below this one it is premature; nobody lives below that one.
const TERM_WEEKS: u32 = 40;
const EARLY_BELOW_WEEKS: u32 = 37;
pub(crate) const WEEKS_MIN: u32 = 20;

/// Until this age what was missing of a pregnancy makes a difference.
const CORRECTED_BELOW: Age = Age { years: 0, months: 24, days: 0, smallest: Smallest::Month };

/// An age as rules and hospitals write it: `2岁`, `6月`, `28天`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Age {
    years: i64,
    months: i64,
    days: i64,
    smallest: Smallest,
}

/// The smallest unit that was written: "0岁" may be eleven months, "0天" is today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Smallest {
    Year,
    Month,
    Day,
}

impl Age {
    /// Reads `2岁`, `3岁2月`, `6个月`, `28天`, `56岁`; a bare number needs the unit written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Age> {
        let mut age = Age { years: 0, months: 0, days: 0, smallest: Smallest::Year };
        let mut rest = text.trim();
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let (number, tail) = rest.split_at_checked(digits)?;
            // Far beyond any age, and within what the calendar can subtract.
            let number: i64 = number.parse().ok().filter(|number| *number <= 50_000)?;
            rest = age.take_unit(number, tail)?.trim_start();
        }
        (age.years <= 300 && age.months <= 3_600).then_some(age)
    }

    fn take_unit<'a>(&mut self, number: i64, tail: &'a str) -> Option<&'a str> {
        let units: [(&[&str], &mut i64, Smallest); 3] = [
            (&["周岁", "岁", "Y", "y"], &mut self.years, Smallest::Year),
            (&["个月", "月龄", "月", "M", "m"], &mut self.months, Smallest::Month),
            (&["天", "日龄", "日", "D", "d"], &mut self.days, Smallest::Day),
        ];
        for (words, field, unit) in units {
            if let Some(rest) = words.iter().find_map(|word| tail.strip_prefix(word)) {
                *field = number;
                self.smallest = self.smallest.max(unit);
                return Some(rest);
            }
        }
        None
    }

    /// Whether a birth date cannot be that of somebody of this age: beyond what counting from one at
    /// birth, or an age written some time ago, makes of it. A birth date that cannot be is no matter.
    pub(crate) fn contradicts(self, birth: Date, on: Date) -> bool {
        let slack = match self.smallest {
            Smallest::Year => 2.years(),
            Smallest::Month => 2.months(),
            Smallest::Day => 30.days(),
        };
        let (Some(_), Some(range)) = (BirthRange::exact(birth, on), BirthRange::from_age(self, on))
        else {
            return false;
        };
        let first = range.earliest.checked_sub(slack).unwrap_or(range.earliest);
        let last = range.latest.checked_add(slack).unwrap_or(range.latest);
        birth < first || birth > last
    }

    fn span(self) -> Span {
        self.years.years().months(self.months).days(self.days)
    }

    /// The step of the smallest unit that was written: "34岁" is good to a year.
    fn precision(self) -> Span {
        match self.smallest {
            Smallest::Year => 1.year(),
            Smallest::Month => 1.month(),
            Smallest::Day => 1.day(),
        }
    }
}

/// Written as in a rule: `2岁`, `3岁2月`, `28天`.
impl fmt::Display for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.years, "岁"), (self.months, "月"), (self.days, "天")];
        if parts.iter().all(|(number, _)| *number == 0) {
            return formatter.write_str("0天");
        }
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(formatter, "{number}{unit}")?;
        }
        Ok(())
    }
}

/// All birth dates that fit what was sent, first to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BirthRange {
    earliest: Date,
    latest: Date,
}

impl BirthRange {
    /// The birth date is known; `None` when it lies after `on` or makes a person over 130.
    #[must_use]
    pub fn exact(birth: Date, on: Date) -> Option<BirthRange> {
        let oldest = on.checked_sub(AGE_YEARS_MAX.years()).ok()?;
        (birth <= on && birth >= oldest).then_some(BirthRange { earliest: birth, latest: birth })
    }

    /// Only an age is known: "34岁" on a day leaves the birth dates of one year.
    #[must_use]
    pub fn from_age(age: Age, on: Date) -> Option<BirthRange> {
        let latest = on.checked_sub(age.span()).ok()?;
        // The age lasts until one step more is reached, so its first possible birth date is the
        // day after the one that would already have reached the next step.
        let next = age.span().checked_add((age.precision(), on)).ok()?;
        let earliest = on.checked_sub(next).ok()?.tomorrow().ok()?;
        let oldest = on.checked_sub(AGE_YEARS_MAX.years()).ok()?;
        (earliest >= oldest).then_some(BirthRange { earliest, latest })
    }

    /// The same for a child born too early as if it had been born at term: what a body can bear goes by
    /// that until the second birthday. `None` when nothing is to be corrected.
    #[must_use]
    pub fn corrected(self, weeks_at_birth: Decimal, on: Date) -> Option<BirthRange> {
        let early = Decimal::from(TERM_WEEKS).checked_sub(weeks_at_birth)?;
        let is_early = weeks_at_birth < Decimal::from(EARLY_BELOW_WEEKS);
        if !is_early || weeks_at_birth < Decimal::from(WEEKS_MIN) || !self.is_small_child(on) {
            return None;
        }
        let days = early.checked_mul(Decimal::from(7))?.to_i64()?.days();
        // Before the day on which it was due, a child is as if newly born.
        let moved = |birth: Date| birth.checked_add(days).map_or(on, |term| term.min(on));
        Some(BirthRange { earliest: moved(self.earliest), latest: moved(self.latest) })
    }

    /// Whether the second birthday is surely ahead.
    pub(crate) fn is_small_child(self, on: Date) -> bool {
        self.reached(CORRECTED_BELOW, on) == Some(false)
    }

    /// How many days lie between the first and the last of them.
    #[must_use]
    pub fn days(self) -> i32 {
        self.latest.since(self.earliest).map_or(i32::MAX, |span| span.get_days())
    }

    /// Whether `age` has been reached on the day `on`; `None` when the range leaves it open.
    #[must_use]
    pub fn reached(self, age: Age, on: Date) -> Option<bool> {
        let by_oldest = self.earliest.checked_add(age.span()).ok()? <= on;
        let by_youngest = self.latest.checked_add(age.span()).ok()? <= on;
        (by_oldest == by_youngest).then_some(by_oldest)
    }

    /// The first day on which the patient may have been born.
    #[must_use]
    pub fn earliest(self) -> Date {
        self.earliest
    }

    /// The age in whole years on a day; `None` when the range leaves it open.
    #[must_use]
    pub fn years(self, on: Date) -> Option<i64> {
        let years =
            |birth: Date| birth.until((Unit::Year, on)).ok().map(|s| i64::from(s.get_years()));
        let (oldest, youngest) = (years(self.earliest)?, years(self.latest)?);
        (oldest == youngest).then_some(oldest)
    }

    /// The age in words for an answer; under three years also the months, under a month the days.
    #[must_use]
    pub fn describe(self, on: Date) -> String {
        let Ok(span) = self.latest.until((Unit::Year, on)) else { return "未知".to_owned() };
        let (years, months, days) =
            (i64::from(span.get_years()), i64::from(span.get_months()), i64::from(span.get_days()));
        let shown = if years >= 3 || self.earliest != self.latest && years > 0 {
            Age { years, months: 0, days: 0, smallest: Smallest::Day }
        } else if years > 0 || months > 0 {
            Age { years, months, days: 0, smallest: Smallest::Day }
        } else {
            Age { years: 0, months: 0, days, smallest: Smallest::Day }
        };
        shown.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_ends_on_the_birthday() {
        check("2012-05-15", "14岁", "2026-05-14", "no");
        check("2012-05-15", "14岁", "2026-05-15", "yes");
        check("2020-02-29", "6岁", "2026-02-27", "no");
        check("2020-02-29", "6岁", "2026-02-28", "yes");
        check("2026-04-30", "28天", "2026-05-28", "yes");
        check("2026-04-30", "28天", "2026-05-27", "no");
    }

    #[test]
    fn an_age_in_years_leaves_the_boundary_open() {
        check("11岁", "12岁", "2026-05-15", "no");
        check("12岁", "12岁", "2026-05-15", "yes");
        check("0岁6月", "6月", "2026-05-15", "yes");
        check("1岁", "18月", "2026-05-15", "unknown");
        check("3岁2月", "3岁", "2024-05-15", "yes");
        check("3岁2月", "40月", "2024-05-15", "no");
    }

    #[test]
    fn born_too_early() {
        // Born 2026-01-01 in week 32: due eight weeks later, 2026-02-26.
        corrected("2026-01-01", "32", "2026-05-25", "2月 of 4月");
        corrected("2026-01-01", "32", "2026-05-26", "3月 of 4月");
        corrected("2026-01-01", "32", "2026-02-01", "0天 of 1月");
        corrected("2026-01-01", "36.5", "2026-02-01", "7天 of 1月");
        corrected("2024-05-16", "28", "2026-05-15", "1岁9月 of 1岁11月");
        corrected("2024-05-15", "28", "2026-05-15", "as it is");
        for weeks in ["37", "40", "45", "0", "19.9"] {
            corrected("2026-01-01", weeks, "2026-05-15", "as it is");
        }
        corrected("1岁", "30", "2026-05-15", "9月 of 1岁");
        corrected("2岁", "30", "2026-05-15", "as it is");
    }

    #[track_caller]
    fn corrected(known: &str, weeks: &str, on: &str, expected: &str) {
        let on: Date = on.parse().unwrap();
        let range = match known.parse::<Date>() {
            Ok(birth) => BirthRange::exact(birth, on),
            Err(_) => Age::parse(known).and_then(|age| BirthRange::from_age(age, on)),
        };
        let (range, weeks) = (range.unwrap(), weeks.parse().unwrap());
        let told = range.corrected(weeks, on).map_or_else(
            || "as it is".to_owned(),
            |it| format!("{} of {}", it.describe(on), range.describe(on)),
        );
        assert_eq!(told, expected, "{known} {weeks} {on}");
    }

    #[test]
    fn impossible_births_are_unknown() {
        check("2027-01-01", "1岁", "2026-05-15", "impossible");
        check("1890-01-01", "1岁", "2026-05-15", "impossible");
        check("200岁", "1岁", "2026-05-15", "impossible");
        check("50000岁", "1岁", "2026-05-15", "impossible");
        check("50000月50000天", "1岁", "2026-05-15", "impossible");
        check("七岁", "1岁", "2026-05-15", "impossible");
        check("7", "1岁", "2026-05-15", "impossible");
    }

    #[test]
    fn words() {
        let on: Date = "2024-05-15".parse().unwrap();
        for (birth, expected) in [
            ("1990-01-01", "34岁"),
            ("2021-03-02", "3岁"),
            ("2022-03-02", "2岁2月"),
            ("2024-03-02", "2月"),
            ("2024-05-03", "12天"),
            ("2024-05-15", "0天"),
        ] {
            let range = BirthRange::exact(birth.parse().unwrap(), on).unwrap();
            assert_eq!(range.describe(on), expected);
        }
    }

    #[track_caller]
    fn check(known: &str, limit: &str, on: &str, expected: &str) {
        let on: Date = on.parse().unwrap();
        let range = match known.parse::<Date>() {
            Ok(birth) => BirthRange::exact(birth, on),
            Err(_) => Age::parse(known).and_then(|age| BirthRange::from_age(age, on)),
        };
        let actual = match range.map(|range| range.reached(Age::parse(limit).unwrap(), on)) {
            None => "impossible",
            Some(None) => "unknown",
            Some(Some(true)) => "yes",
            Some(Some(false)) => "no",
        };
        assert_eq!(actual, expected, "{known} against {limit} on {on}");
    }
}
