//! One value of one element, in the type that its format asks for.

use jiff::civil::{Date, DateTime, Time};

use crate::elements::Elements;
use crate::format::Format;
use crate::number::{Number, NumberError};

/// A value as the standard knows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, and Base64 text of binary content.
    Text(String),
    /// An exact decimal.
    Number(Number),
    /// `YYYYMMDD`.
    Date(Date),
    /// `hhmmss`.
    Time(Time),
    /// `YYYYMMDDhhmmss`, hospital time.
    DateTime(DateTime),
    /// `y` or `n`.
    Boolean(bool),
    /// Records of another entity that lie inside this one.
    Node(Vec<Elements>),
}

/// A value where it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// Text, and Base64 text of binary content.
    Text(&'a str),
    /// An exact decimal.
    Number(&'a Number),
    /// `YYYYMMDD`.
    Date(Date),
    /// `hhmmss`.
    Time(Time),
    /// `YYYYMMDDhhmmss`, hospital time.
    DateTime(DateTime),
    /// `y` or `n`.
    Boolean(bool),
    /// Records of another entity that lie inside this one.
    Node(&'a [Elements]),
}

/// Why a text is no value of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// It has another shape: letters for a number, six digits for a date.
    WrongType,
    /// It has the shape of a date or time that no calendar or clock knows: 30 February.
    NotOnCalendar,
    /// It is a number that nobody can mean: `1e400`.
    OutOfRange,
}

impl Value {
    /// Reads a text written as the standard writes this format; a HIS's own ways of writing dates
    /// are the mapping's business. Lengths and codes are left to validation.
    pub fn read(format: &Format, text: &str) -> Result<Value, ValueError> {
        match format {
            Format::Text { .. } | Format::Binary { .. } => Ok(Value::Text(text.to_owned())),
            Format::Number { .. } => read_number(text),
            Format::Date => Ok(Value::Date(date(digits(text, 8)?)?)),
            Format::Time => Ok(Value::Time(time(digits(text, 6)?)?)),
            Format::DateTime => {
                let (day, clock) = digits(text, 14)?.split_at(8);
                Ok(Value::DateTime(date(day)?.to_datetime(time(clock)?)))
            }
            Format::Boolean => match text {
                "y" => Ok(Value::Boolean(true)),
                "n" => Ok(Value::Boolean(false)),
                _ => Err(ValueError::WrongType),
            },
            Format::Node => Err(ValueError::WrongType),
        }
    }
}

fn read_number(text: &str) -> Result<Value, ValueError> {
    match text.parse() {
        Ok(number) => Ok(Value::Number(number)),
        Err(NumberError::NotANumber) => Err(ValueError::WrongType),
        Err(NumberError::TooManyDigits) => Err(ValueError::OutOfRange),
    }
}

/// The text, when it is exactly `count` ASCII digits.
fn digits(text: &str, count: usize) -> Result<&str, ValueError> {
    let fits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { Ok(text) } else { Err(ValueError::WrongType) }
}

fn date(digits: &str) -> Result<Date, ValueError> {
    let (year, rest) = digits.split_at(4);
    let (month, day) = rest.split_at(2);
    match (year.parse(), month.parse(), day.parse()) {
        (Ok(year), Ok(month), Ok(day)) => Date::new(year, month, day).ok(),
        _ => None,
    }
    .ok_or(ValueError::NotOnCalendar)
}

fn time(digits: &str) -> Result<Time, ValueError> {
    let (hour, rest) = digits.split_at(2);
    let (minute, second) = rest.split_at(2);
    match (hour.parse(), minute.parse(), second.parse()) {
        (Ok(hour), Ok(minute), Ok(second)) => Time::new(hour, minute, second, 0).ok(),
        _ => None,
    }
    .ok_or(ValueError::NotOnCalendar)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        check("YYYYMMDD", "20240229", "Ok(Date(2024-02-29))");
        check("YYYYMMDD", "20240230", "Err(NotOnCalendar)");
        check("YYYYMMDD", "20230229", "Err(NotOnCalendar)");
        check("YYYYMMDD", "20241301", "Err(NotOnCalendar)");
        check("YYYYMMDD", "2024-02-29", "Err(WrongType)");
        check("YYYYMMDD", "2024022", "Err(WrongType)");
        check("YYYYMMDD", "２０２４０２２９", "Err(WrongType)");
        check("YYYYMMDD", "", "Err(WrongType)");
    }

    #[test]
    fn times() {
        check("hhmmss", "235959", "Ok(Time(23:59:59))");
        check("hhmmss", "240000", "Err(NotOnCalendar)");
        check("YYYYMMDDhhmmss", "20240515093015", "Ok(DateTime(2024-05-15T09:30:15))");
        check("YYYYMMDDhhmmss", "20240515096015", "Err(NotOnCalendar)");
        check("YYYYMMDDhhmmss", "20240515", "Err(WrongType)");
    }

    #[test]
    fn the_rest() {
        check("N..5", "七", "Err(WrongType)");
        check("N..5", "1e400", "Err(OutOfRange)");
        check("N..5,1", ".5", "Ok(Number(0.5))");
        check("B", "y", "Ok(Boolean(true))");
        check("B", "1", "Err(WrongType)");
        check("C..2", "长文本", "Ok(Text(\"长文本\"))");
        check("node", "[]", "Err(WrongType)");
    }

    #[track_caller]
    fn check(format: &str, text: &str, expected: &str) {
        let actual = Value::read(&format.parse().unwrap(), text);
        assert_eq!(format!("{actual:?}"), expected);
    }
}
