//! A watermark: how far a view has been read, by a number or a time that the database gave.
//!
//! It is taken from rows alone, never from a clock of ours, so that a clock that is set loses nothing: by the
//! clock, a row may only be too new to be the mark, and what lies behind the mark is read again.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;

use crate::odbc::Kind;

/// A value of the watermark's column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// An id. Forty digits do for `NUMBER(38)`.
    Number(u128),
    /// A time, and how the column writes it.
    Time(DateTime, Form),
    /// Something else that the database can order.
    Text(String),
}

/// How a column writes times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// It is a column of times.
    Moment,
    /// Text: `20261122101530`.
    Digits,
    /// Text: `2026-11-22 10:15:30`.
    Dashed,
    /// Text or a column of dates: `2026-11-22`.
    Date,
}

impl Mark {
    /// Reads a value; nothing when such a column cannot hold it.
    pub(super) fn parse(text: &str, kind: Kind) -> Option<Mark> {
        match kind {
            Kind::Number => {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                let is_whole = fraction.bytes().all(|it| it == b'0');
                whole.parse().ok().filter(|_| is_whole).map(Mark::Number)
            }
            Kind::Moment => moment(text).map(|it| Mark::Time(it, Form::Moment)),
            Kind::Text | Kind::Filled => written(text),
            Kind::Bytes => None,
        }
    }

    /// So many seconds or numbers before; of a text, by the number that it ends in. What has none cannot
    /// be counted.
    pub(super) fn before(&self, distance: u64) -> Mark {
        match self {
            Mark::Number(it) => Mark::Number(it.saturating_sub(distance.into())),
            Mark::Time(at, form) => {
                let seconds = SignedDuration::from_secs(i64::try_from(distance).unwrap_or(0));
                Mark::Time(at.saturating_sub(seconds), *form)
            }
            Mark::Text(it) => {
                Mark::Text(counted(it).map_or_else(|| it.clone(), |it| it.before(distance)))
            }
        }
    }

    /// Whether another comes behind this one. Of texts that differ in more than their number only the
    /// database knows, and it gave that one behind this.
    pub(super) fn is_passed_by(&self, other: &Mark) -> bool {
        match (self, other) {
            (Mark::Number(this), Mark::Number(other)) => this < other,
            (Mark::Time(this, _), Mark::Time(other, _)) => this < other,
            (Mark::Text(this), Mark::Text(other)) => match (counted(this), counted(other)) {
                (Some(this), Some(other)) if this.is_of(&other) => this.number < other.number,
                _ => true,
            },
            _ => true,
        }
    }

    /// Whether another is newer, for certain: of two kinds, and of texts, nobody can say.
    pub(super) fn is_older_than(&self, other: &Mark) -> bool {
        match (self, other) {
            (Mark::Number(this), Mark::Number(other)) => this < other,
            (Mark::Time(this, one), Mark::Time(other, another)) => one == another && this < other,
            _ => false,
        }
    }

    /// Whether a sweep that begins at `first` does not meet this one any more.
    pub(super) fn is_outdated(&self, first: &Mark) -> bool {
        match (self, first) {
            (Mark::Text(this), Mark::Text(first)) if counted(first).is_some() => this < first,
            (this, Mark::Text(first)) => this.to_string() != *first,
            _ => self.is_passed_by(first),
        }
    }

    /// Whether it is a time that has not come yet: what is planned, a year that was mistyped, a clock that
    /// is ahead. All that comes until then must not be taken for old.
    pub(super) fn is_beyond(&self, now: DateTime) -> bool {
        matches!(self, Mark::Time(at, _) if *at > now)
    }
}

/// A text that ends in a number: `CF0007`.
#[derive(Clone, Copy, Debug)]
struct Counted<'t> {
    before: &'t str,
    number: u128,
    digits: usize,
}

fn counted(text: &str) -> Option<Counted<'_>> {
    let before = text.trim_end_matches(|it: char| it.is_ascii_digit());
    let digits = text.get(before.len()..).filter(|it| !it.is_empty())?;
    Some(Counted { before, number: digits.parse().ok()?, digits: digits.len() })
}

impl Counted<'_> {
    /// As wide as it was: texts are compared from their beginning.
    fn before(&self, distance: u64) -> String {
        let number = self.number.saturating_sub(distance.into());
        format!("{}{number:0width$}", self.before, width = self.digits)
    }

    fn is_of(&self, other: &Counted<'_>) -> bool {
        self.before == other.before && self.digits == other.digits
    }
}

/// As the column writes it.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mark::Number(it) => write!(f, "{it}"),
            Mark::Text(it) => f.write_str(it),
            Mark::Time(at, form) => {
                let pattern = match form {
                    Form::Moment => "%Y-%m-%d %H:%M:%S%.f",
                    Form::Digits => "%Y%m%d%H%M%S",
                    Form::Dashed => "%Y-%m-%d %H:%M:%S",
                    Form::Date => "%Y-%m-%d",
                };
                write!(f, "{}", at.strftime(pattern))
            }
        }
    }
}

fn moment(text: &str) -> Option<DateTime> {
    let text = if text.len() == DATE_LEN { format!("{text} 00:00:00") } else { text.to_owned() };
    text.parse().ok()
}

/// A text is a time when writing that time gives the text again.
fn written(text: &str) -> Option<Mark> {
    let forms = [(Form::Digits, "%Y%m%d%H%M%S"), (Form::Dashed, "%Y-%m-%d %H:%M:%S")];
    let times = forms.into_iter().filter_map(|(form, pattern)| {
        DateTime::strptime(pattern, text).ok().map(|it| Mark::Time(it, form))
    });
    let date = (text.len() == DATE_LEN).then(|| moment(text)).flatten();
    let date = date.map(|it| Mark::Time(it, Form::Date));
    let mark = times.chain(date).find(|it| it.to_string() == text);
    let is_plain = !text.is_empty() && text.bytes().all(|it| matches!(it, b' '..=b'~'));
    mark.or_else(|| is_plain.then(|| Mark::Text(text.to_owned())))
}

const DATE_LEN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_written_as_they_were() {
        check("1042", Kind::Number, "1042", "1032");
        check("99999999999999999999999999999999999999", Kind::Number, "…999", "…989");
        check("7.000", Kind::Number, "7", "0");
        check("7.5", Kind::Number, "none", "");
        check("-1", Kind::Number, "none", "");
        check("2026-11-22 00:00:05", Kind::Moment, "2026-11-22 00:00:05", "2026-11-21 23:59:55");
        check(
            "2026-11-22 10:15:30.123456",
            Kind::Moment,
            "2026-11-22 10:15:30.123456",
            "2026-11-22 10:15:20.123456",
        );
        check("20261122000005", Kind::Filled, "20261122000005", "20261121235955");
        check("2026-11-22 00:00:05", Kind::Text, "2026-11-22 00:00:05", "2026-11-21 23:59:55");
        check("2026-11-22", Kind::Text, "2026-11-22", "2026-11-21");
        check("A0007", Kind::Text, "A0007", "A0000");
        check("CF-20261122-00118", Kind::Text, "CF-20261122-00118", "CF-20261122-00108");
        check("A7B", Kind::Text, "A7B", "A7B");
        check("甲1", Kind::Text, "none", "");
        check("", Kind::Text, "none", "");
        check("AQ==", Kind::Bytes, "none", "");
    }

    #[track_caller]
    fn check(text: &str, kind: Kind, expected: &str, ten_before: &str) {
        let mark = Mark::parse(text, kind);
        let shown = |it: &Mark| it.to_string();
        let is = |actual: String, expected: &str| match expected.strip_prefix('…') {
            Some(end) => assert!(actual.ends_with(end), "{actual}"),
            None => assert_eq!(actual, expected),
        };
        is(mark.as_ref().map_or("none".to_owned(), shown), expected);
        is(mark.map_or(String::new(), |it| it.before(10).to_string()), ten_before);
    }

    #[test]
    fn a_text_that_ends_in_a_number_is_counted_by_it() {
        let mark = |text: &str| Mark::Text(text.to_owned());
        let passes = |this, other| mark(this).is_passed_by(&mark(other));
        assert!(passes("A0007", "A0010") && !passes("A0010", "A0007"));
        assert!(passes("A0010", "B0007") && passes("B", "A"));
        let is_old = |this, first| mark(this).is_outdated(&mark(first));
        assert!(is_old("A0007", "A0010") && !is_old("A0010", "A0010") && !is_old("A0011", "A0010"));
        assert!(is_old("A", "B") && is_old("C", "B") && !is_old("B", "B"));
    }

    /// A column whose type was changed orders in another way: nothing in it is newer for certain.
    #[test]
    fn only_what_is_of_one_kind_is_newer_for_certain() {
        let older = |(this, of), (other, as_well)| {
            let [this, other] =
                [(this, of), (other, as_well)].map(|(it, kind)| Mark::parse(it, kind));
            this.zip(other).is_some_and(|(this, other)| this.is_older_than(&other))
        };
        let (number, text, time) = (Kind::Number, Kind::Text, Kind::Moment);
        assert!(older(("9", number), ("10", number)) && !older(("10", number), ("10", number)));
        assert!(older(("20261122000005", text), ("20261122000006", text)));
        assert!(!older(("20261122000005", text), ("2026-11-23 00:00:00", text)));
        assert!(!older(("2026-11-22", text), ("2026-11-23 00:00:00", time)));
        assert!(!older(("2026-11-22", time), ("10", number)));
        assert!(!older(("A1", text), ("10", number)) && !older(("A1", text), ("A2", text)));
    }

    #[test]
    fn a_time_to_come_does_not_carry_the_mark_away() {
        let now = DateTime::constant(2026, 11, 22, 10, 0, 0, 0);
        let beyond =
            |text: &str| Mark::parse(text, Kind::Moment).is_some_and(|it| it.is_beyond(now));
        assert!(!beyond("2026-11-22 10:00:00") && beyond("2062-11-22 10:00:00"));
        assert!(beyond("2026-11-23 08:00:00"), "planned for tomorrow");
    }
}
