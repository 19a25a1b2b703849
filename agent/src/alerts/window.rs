//! When a target wants to be told: by weekday and hour, in China time, and how bad it must be then.
//!
//! ```text
//! mon-fri 08:00-18:00            the severity of the target
//! mon-fri 18:00-08:00 critical   over midnight: belongs to the day in which it begins
//! sat,sun 00:00-24:00 critical
//! *       22:00-06:00 critical
//! ```

use jiff::civil::DateTime;

use super::Severity;

/// One stretch of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// By number of the weekday, Monday is 0.
    days: [bool; 7],
    /// Minutes of the day.
    begin: u16,
    end: u16,
    /// The least that is told in it; the target's when nothing is said.
    severity: Option<Severity>,
}

impl Window {
    /// Reads one, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Window, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, hours, severity) = match words.as_slice() {
            [days, hours] => (days, hours, None),
            [days, hours, severity] => (days, hours, Some(severity.parse()?)),
            _ => return Err(format!("`{text}`: write days and hours, as in `{EXAMPLE}`")),
        };
        let hours = hours.split_once('-').and_then(|(a, b)| Some((minutes(a)?, minutes(b)?)));
        let (begin, end) = hours
            .filter(|(begin, end)| begin != end)
            .ok_or_else(|| format!("`{text}`: hours are written as in `{EXAMPLE}`"))?;
        let days = days_of(days).ok_or_else(|| {
            format!("`{text}`: days are mon to sun, a list or a range of them, or *")
        })?;
        Ok(Window { days, begin, end, severity })
    }

    fn holds(&self, now: DateTime) -> bool {
        let minute =
            u16::from(now.hour().unsigned_abs()) * 60 + u16::from(now.minute().unsigned_abs());
        let today = usize::from(now.weekday().to_monday_zero_offset().unsigned_abs());
        let is_on = |day: usize| self.days.get(day % 7).copied().unwrap_or_default();
        if self.begin < self.end {
            return is_on(today) && (self.begin..self.end).contains(&minute);
        }
        (is_on(today) && minute >= self.begin) || (is_on(today + 6) && minute < self.end)
    }
}

/// The least severity that is told now; `None` while nothing is. Without windows it is always `usual`.
pub(crate) fn least(windows: &[Window], usual: Severity, now: DateTime) -> Option<Severity> {
    if windows.is_empty() {
        return Some(usual);
    }
    let open = windows.iter().filter(|it| it.holds(now));
    open.map(|it| it.severity.unwrap_or(usual)).min()
}

fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let both_have_two_digits = hour.len() == 2 && minute.len() == 2;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let minutes = hour * 60 + minute;
    (both_have_two_digits && minute < 60 && minutes <= 24 * 60).then_some(minutes)
}

fn days_of(text: &str) -> Option<[bool; 7]> {
    if text == "*" {
        return Some([true; 7]);
    }
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let long = (last + 7 - first) % 7;
        for step in 0..=long {
            *days.get_mut((first + step) % 7)? = true;
        }
    }
    Some(days)
}

fn day(text: &str) -> Option<usize> {
    DAYS.iter().position(|it| *it == text)
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const EXAMPLE: &str = "mon-fri 08:00-18:00";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn by_weekday_and_hour() {
        // A Friday.
        let open = "mon-fri 08:00-18:00";
        check(&[open], "2026-11-20T07:59:59", "silent");
        check(&[open], "2026-11-20T08:00:00", "warning");
        check(&[open], "2026-11-20T18:00:00", "silent");
        check(&[open], "2026-11-21T12:00:00", "silent");
        check(&[], "2026-11-21T03:00:00", "warning");
        check(&["sat,sun 00:00-24:00 critical"], "2026-11-22T23:59:59", "critical");
        check(&["fri-mon 00:00-24:00"], "2026-11-23T10:00:00", "warning");
        check(&["fri-mon 00:00-24:00"], "2026-11-24T10:00:00", "silent");
    }

    #[test]
    fn over_midnight_it_belongs_to_the_day_in_which_it_begins() {
        let night = "fri 18:00-08:00 critical";
        check(&[night], "2026-11-20T07:00:00", "silent");
        check(&[night], "2026-11-20T18:00:00", "critical");
        check(&[night], "2026-11-21T07:59:00", "critical");
        check(&[night], "2026-11-21T18:00:00", "silent");
        check(&["sun 22:00-06:00"], "2026-11-23T05:00:00", "warning");
    }

    #[test]
    fn of_two_that_are_open_the_one_that_tells_more_holds() {
        check(&["* 00:00-24:00 critical", "mon-fri 08:00-18:00"], "2026-11-20T09:00:00", "warning");
        check(
            &["* 00:00-24:00 critical", "mon-fri 08:00-18:00"],
            "2026-11-20T19:00:00",
            "critical",
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (wrong, why) in [
            ("", "write days and hours"),
            ("mon 8:00-18:00", "hours are written"),
            ("mon 08:00-24:01", "hours are written"),
            ("mon 08:00-08:00", "hours are written"),
            ("monday 08:00-18:00", "days are mon to sun"),
            ("mon 08:00-18:00 loud", "severity is"),
        ] {
            let told = Window::parse(wrong).unwrap_err();
            assert!(told.contains(why), "{wrong}: {told}");
        }
    }

    #[track_caller]
    fn check(windows: &[&str], now: &str, expected: &str) {
        let windows: Vec<Window> = windows.iter().map(|it| Window::parse(it).unwrap()).collect();
        let told = least(&windows, Severity::Warning, now.parse().unwrap());
        assert_eq!(told.map_or("silent", Severity::as_str), expected, "{windows:?} {now}");
    }
}
