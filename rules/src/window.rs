//! Windows of time by their names: 单日, 6小时, 15天, 自然月, 医保年度. Never "recent".
//!
//! Dates are those of the hospital's wall clock, Asia/Shanghai, which knows no summer time; a rolling
//! window of N reaches back from its event, that end excluded: `(t-N, t]`.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ToSpan};

/// A named stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// 单张处方: lines with one prescription number.
    Prescription,
    /// 当次开方: what is on the doctor's screen.
    Session,
    /// 当次就诊: one encounter.
    Encounter,
    /// 单次住院: from admission to discharge.
    Stay,
    /// 单日: one calendar date.
    Day,
    /// 同一小时: one hour of the clock.
    SameHour,
    /// N小时, rolling.
    Hours(u32),
    /// N天, rolling.
    Days(u32),
    /// 自然月.
    Month,
    /// 自然季度.
    Quarter,
    /// 自然年.
    Year,
    /// 医保年度, which begins on the first of this month.
    InsuranceYear(i8),
    /// 累计: since the first use.
    Lifetime,
}

const NAMES: [(&str, Window); 10] = [
    ("单张处方", Window::Prescription),
    ("当次开方", Window::Session),
    ("当次就诊", Window::Encounter),
    ("单次住院", Window::Stay),
    ("单日", Window::Day),
    ("同一小时", Window::SameHour),
    ("自然月", Window::Month),
    ("自然季度", Window::Quarter),
    ("自然年", Window::Year),
    ("累计", Window::Lifetime),
];

/// Longer rolling windows are mistakes: the history holds thirteen months.
const ROLLING_DAYS_MAX: u32 = 400;

impl Window {
    /// Reads a name, `6小时`, `15天` or `医保年度`, which may name its first month: `医保年度7月`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Window> {
        let text = text.trim();
        if let Some((_, window)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Some(*window);
        }
        let number = |digits: &str| digits.parse::<u32>().ok().filter(|number| *number > 0);
        if let Some(digits) = text.strip_suffix("小时") {
            return number(digits).filter(|n| *n <= 24 * ROLLING_DAYS_MAX).map(Window::Hours);
        }
        if let Some(digits) = text.strip_suffix('天').or_else(|| text.strip_suffix('日')) {
            return number(digits).filter(|n| *n <= ROLLING_DAYS_MAX).map(Window::Days);
        }
        let month = text.strip_prefix("医保年度")?;
        if month.is_empty() {
            return Some(Window::InsuranceYear(1));
        }
        let month: i8 = month.strip_suffix('月')?.parse().ok()?;
        (1..=12).contains(&month).then_some(Window::InsuranceYear(month))
    }

    /// Whether it is a stretch of the calendar or the clock, told by times alone.
    #[must_use]
    pub fn is_by_time(self) -> bool {
        !matches!(self, Window::Prescription | Window::Session | Window::Encounter | Window::Stay)
    }

    /// Whether dates do not do: the clock's time must be known.
    #[must_use]
    pub fn needs_time(self) -> bool {
        matches!(self, Window::SameHour | Window::Hours(_))
    }

    /// Whether an earlier moment lies in the window that a later one is judged by; for windows
    /// that are not by time the caller compares numbers of prescriptions or encounters.
    #[must_use]
    pub fn holds(self, earlier: DateTime, event: DateTime) -> bool {
        match self {
            Window::SameHour => earlier.date() == event.date() && earlier.hour() == event.hour(),
            Window::Hours(hours) => {
                let apart = event.duration_since(earlier);
                !apart.is_negative() && apart < SignedDuration::from_hours(i64::from(hours))
            }
            _ => self
                .first_day(event.date())
                .is_none_or(|first| (first..=event.date()).contains(&earlier.date())),
        }
    }

    /// The first day of the window that ends with a day; `None` when it reaches back without end
    /// or is not by time.
    #[must_use]
    pub fn first_day(self, day: Date) -> Option<Date> {
        match self {
            Window::Day | Window::SameHour => Some(day),
            Window::Hours(hours) => day
                .to_datetime(Time::midnight())
                .checked_sub(i64::from(hours).hours())
                .ok()
                .map(DateTime::date),
            Window::Days(days) => day.checked_sub((i64::from(days) - 1).days()).ok(),
            Window::Month => Some(day.first_of_month()),
            Window::Quarter => {
                let month = (day.month() - 1) / 3 * 3 + 1;
                Date::new(day.year(), month, 1).ok()
            }
            Window::Year => Some(day.first_of_year()),
            Window::InsuranceYear(month) => {
                let year = if day.month() < month { day.year() - 1 } else { day.year() };
                Date::new(year, month, 1).ok()
            }
            Window::Prescription
            | Window::Session
            | Window::Encounter
            | Window::Stay
            | Window::Lifetime => None,
        }
    }
}

/// As it is written in rules and answers.
impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::Hours(hours) => write!(formatter, "{hours}小时"),
            Window::Days(days) => write!(formatter, "{days}天"),
            Window::InsuranceYear(_) => formatter.write_str("医保年度"),
            other => {
                let name = NAMES.iter().find(|(_, window)| window == other);
                formatter.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for text in ["单日", "同一小时", "6小时", "15天", "自然月", "自然季度", "累计", "单张处方"]
        {
            assert_eq!(Window::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Window::parse("15日"), Some(Window::Days(15)));
        assert_eq!(Window::parse("医保年度7月"), Some(Window::InsuranceYear(7)));
        for text in ["近期", "0天", "医保年度13月", "9999天", "小时", ""] {
            assert_eq!(Window::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_window_holds() {
        let event = "2026-05-15T09:20:00";
        check("单日", "2026-05-15T00:00:00", event, true);
        check("单日", "2026-05-14T23:59:59", event, false);
        check("6小时", "2026-05-15T03:20:01", event, true);
        check("6小时", "2026-05-15T03:20:00", event, false);
        check("6小时", "2026-05-15T09:20:01", event, false);
        check("同一小时", "2026-05-15T09:59:59", event, true);
        check("同一小时", "2026-05-15T08:59:59", event, false);
        check("15天", "2026-05-01T00:00:00", event, true);
        check("15天", "2026-04-30T23:59:59", event, false);
        check("自然月", "2026-05-01T00:00:00", event, true);
        check("自然季度", "2026-04-01T00:00:00", event, true);
        check("自然季度", "2026-03-31T00:00:00", event, false);
        check("自然年", "2026-01-01T00:00:00", event, true);
        check("医保年度7月", "2025-07-01T00:00:00", event, true);
        check("医保年度7月", "2025-06-30T00:00:00", event, false);
        check("累计", "1999-01-01T00:00:00", event, true);
    }

    #[track_caller]
    fn check(window: &str, earlier: &str, event: &str, expected: bool) {
        let held =
            Window::parse(window).unwrap().holds(earlier.parse().unwrap(), event.parse().unwrap());
        assert_eq!(held, expected, "{window} {earlier}");
    }
}
