//! Reads single elements out of objects, and says of every fault where it is.
//!
//! Two manners: `strict` for our own request, where a wrong shape is the caller's mistake and
//! refuses the request; lenient for what comes from elsewhere (3101, records), where the doctor
//! must still be answered, so the value becomes unknown and the fault a data finding. What is well
//! formed but cannot be true (30 February, 12,000 kg) is a data finding in both.

use std::borrow::Cow;

use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;

use crate::facts::InputFinding;
use crate::json::Json;
use crate::mask;
use crate::number::decimal;
use crate::request::asked::{Asked, Kind};
use crate::vocabulary::Stated;

/// What was read so far, and what is to be said about it.
pub(crate) struct Reading {
    strict: bool,
    /// Faults that refuse a strict request.
    pub(crate) problems: Vec<InputFinding>,
    /// Values that are not believed.
    pub(crate) data_findings: Vec<InputFinding>,
    /// What is read, where only that is to be found out.
    asked: Option<Asked>,
}

/// An object and where it is.
pub(crate) struct Object<'a> {
    /// `orders[RX1]`; empty at the root.
    pub(crate) path: String,
    pub(crate) json: &'a Json<'a>,
}

/// What a number must be to be believed.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Zero is believed.
    pub(crate) zero: bool,
    pub(crate) max: u32,
    pub(crate) expected: &'static str,
}

impl Object<'_> {
    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

impl Reading {
    pub(crate) fn strict() -> Reading {
        Reading { strict: true, problems: Vec::new(), data_findings: Vec::new(), asked: None }
    }

    pub(crate) fn lenient() -> Reading {
        Reading { strict: false, ..Reading::strict() }
    }

    /// Finds out what is read.
    pub(crate) fn asking() -> Reading {
        Reading { asked: Some(Asked::default()), ..Reading::strict() }
    }

    /// Notes that this is read, and as what.
    pub(crate) fn note(&mut self, object: &Object<'_>, name: &str, kind: impl FnOnce() -> Kind) {
        if let Some(asked) = &mut self.asked {
            asked.note(&object.path, name, kind);
        }
    }

    /// Everything that was read.
    pub(crate) fn into_asked(self) -> Asked {
        self.asked.unwrap_or_default()
    }

    /// Notes that one of these must be sent.
    pub(crate) fn needs(&mut self, object: &Object<'_>, names: &'static [&'static str]) {
        if let Some(asked) = &mut self.asked {
            asked.needs(&object.path, names);
        }
    }

    /// A fault of form: refuses a strict request, is noted otherwise.
    pub(crate) fn fault(
        &mut self,
        code: &'static str,
        path: String,
        found: String,
        expected: &str,
    ) {
        let finding = InputFinding { code, path, found, expected: expected.to_owned() };
        if self.strict { self.problems.push(finding) } else { self.data_findings.push(finding) }
    }

    /// A value that is not believed.
    pub(crate) fn doubt(
        &mut self,
        code: &'static str,
        at: (&Object<'_>, &str),
        value: &str,
        expected: &str,
    ) {
        let (object, name) = at;
        self.data_findings.push(InputFinding {
            code,
            path: object.path_of(name),
            found: mask::shown(name, value),
            expected: expected.to_owned(),
        });
    }

    /// What several names may hold, the first that says something. A strict request is told of every one
    /// that is wrong, whichever is used.
    pub(crate) fn first_of<T>(
        &mut self,
        names: [&str; 2],
        mut read: impl FnMut(&mut Reading, &str) -> Option<T>,
    ) -> Option<T> {
        let [first, second] = names;
        let found = read(self, first);
        if found.is_some() && !self.strict {
            return found;
        }
        let other = read(self, second);
        found.or(other)
    }

    /// Trimmed text; a number is taken as its digits, blank as not sent.
    pub(crate) fn text(&mut self, object: &Object<'_>, name: &str) -> Option<String> {
        self.said(object, name).map(str::to_owned)
    }

    /// The same, where it stands in the message.
    pub(crate) fn said<'a>(&mut self, object: &Object<'a>, name: &str) -> Option<&'a str> {
        self.note(object, name, || Kind::Text);
        let text = match object.json.get(name)? {
            Json::Null => return None,
            Json::Text(text) | Json::Number(text) => text.trim(),
            Json::Bool(flag) => return Some(if *flag { "1" } else { "0" }),
            Json::List(_) | Json::Object(_) => {
                self.fault("C102", object.path_of(name), "列表或对象".to_owned(), "发送文本或数字");
                return None;
            }
        };
        (!text.is_empty()).then_some(text)
    }

    /// A decimal within its bounds.
    pub(crate) fn number(
        &mut self,
        object: &Object<'_>,
        name: &str,
        bounds: Bounds,
    ) -> Option<Decimal> {
        let (number, text) = self.any_number(object, name, bounds)?;
        if number.is_sign_negative() && !number.is_zero() || number.is_zero() && !bounds.zero {
            self.doubt("C301", (object, name), text, bounds.expected);
            return None;
        }
        self.not_above(number, bounds, (object, name), text)
    }

    /// A decimal whose size is bounded and which may be negative: what a refund takes back.
    pub(crate) fn signed_number(
        &mut self,
        object: &Object<'_>,
        name: &str,
        bounds: Bounds,
    ) -> Option<Decimal> {
        let (number, text) = self.any_number(object, name, bounds)?;
        self.not_above(number, bounds, (object, name), text)
    }

    fn any_number<'a>(
        &mut self,
        object: &Object<'a>,
        name: &str,
        bounds: Bounds,
    ) -> Option<(Decimal, &'a str)> {
        self.note(object, name, || Kind::Number);
        let text = self.said(object, name)?;
        let number = decimal(text);
        if number.is_none() && matches!(object.json.get(name), Some(Json::Number(_))) {
            // It has the form of a number, and so many digits that it can be no dose and no amount.
            self.doubt("C302", (object, name), text, bounds.expected);
        } else if number.is_none() {
            let found = mask::shown(name, text);
            self.fault("C201", object.path_of(name), found, "发送十进制数字，不带单位");
        }
        number.map(|number| (number, text))
    }

    fn not_above(
        &mut self,
        number: Decimal,
        bounds: Bounds,
        at: (&Object<'_>, &str),
        text: &str,
    ) -> Option<Decimal> {
        if number.abs() > Decimal::from(bounds.max) {
            self.doubt("C302", at, text, bounds.expected);
            return None;
        }
        Some(number)
    }

    /// A day: `YYYYMMDD`, also with separators; a time behind it is ignored.
    pub(crate) fn date(&mut self, object: &Object<'_>, name: &str) -> Option<Date> {
        self.moment(object, name).map(DateTime::date)
    }

    /// A moment: `YYYYMMDDhhmmss` or shorter, also with separators.
    pub(crate) fn moment(&mut self, object: &Object<'_>, name: &str) -> Option<DateTime> {
        self.note(object, name, || Kind::Moment);
        let text = self.said(object, name)?;
        let Some(digits) = moment_digits(text) else {
            let expected = "按YYYYMMDD或YYYYMMDDhhmmss发送";
            self.fault("C202", object.path_of(name), mask::shown(name, text), expected);
            return None;
        };
        let moment = calendar(&digits);
        if moment.is_none() {
            self.doubt("C303", (object, name), text, "发送日历上存在的日期和时间");
        }
        moment
    }

    /// Yes or no, in the ways that flags are written.
    pub(crate) fn flag(&mut self, object: &Object<'_>, name: &str) -> Option<bool> {
        self.note(object, name, || Kind::Flag);
        let text = self.said(object, name)?;
        match text {
            "1" | "y" | "Y" | "是" | "true" => Some(true),
            "0" | "n" | "N" | "否" | "false" => Some(false),
            _ => {
                self.fault(
                    "C204",
                    object.path_of(name),
                    mask::shown(name, text),
                    "发送1（是）或0（否）",
                );
                None
            }
        }
    }

    /// A code that `read` understands; blank and [`Stated::Nothing`] are "not stated".
    pub(crate) fn code<T>(
        &mut self,
        object: &Object<'_>,
        name: &str,
        read: impl Fn(&str) -> Option<Stated<T>>,
        expected: &str,
    ) -> Option<T> {
        self.note(object, name, || Kind::code(|code| read(code).is_some()));
        let text = self.said(object, name)?;
        if let Some(stated) = read(text) {
            return stated.value();
        }
        self.fault("C203", object.path_of(name), mask::shown(name, text), expected);
        None
    }
}

/// The digits of a date or time; `None` when it is not written as one.
/// A moment in any of the manners in which one is written.
pub(crate) fn moment_of(text: &str) -> Option<DateTime> {
    calendar(&moment_digits(text)?)
}

fn moment_digits(text: &str) -> Option<Cow<'_, str>> {
    if is_written_out(text.as_bytes()) {
        let parts = [0..4, 5..7, 8..10, 11..13, 14..16, 17..19];
        return Some(Cow::Owned(parts.map(|at| text.get(at).unwrap_or_default()).concat()));
    }
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, '-' | '/' | ':' | ' ' | 'T' | '.');
    if !text.chars().all(allowed) {
        return None;
    }
    let (text, _fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<&str> = text.split(['-', '/', ':', ' ', 'T']).collect();
    let digits = match parts.as_slice() {
        // A number below zero begins with what is a separator elsewhere.
        [day] | [day, _] if !day.is_empty() => parts.concat(),
        // 2026-5-1 is as clear as 2026-05-01.
        [year, rest @ ..] if year.len() == 4 => {
            rest.iter().fold((*year).to_owned(), |digits, part| format!("{digits}{part:0>2}"))
        }
        _ => return None,
    };
    matches!(digits.len(), 8 | 10 | 12 | 14 | 17).then_some(Cow::Owned(digits))
}

/// `2024-05-15 09:20:05`, the way in which nearly all are written.
fn is_written_out(text: &[u8]) -> bool {
    let is_as = |(byte, place): (&u8, &u8)| match place {
        b'0' => byte.is_ascii_digit(),
        mark => byte == mark,
    };
    text.len() == 19 && text.iter().zip(b"0000-00-00 00:00:00").all(is_as)
}

/// The moment that up to fourteen digits name, when the calendar has it.
fn calendar(digits: &str) -> Option<DateTime> {
    let part = |from: usize, to: usize| digits.get(from..to).map_or(Ok(0), str::parse::<i8>).ok();
    let year = digits.get(..4)?.parse().ok()?;
    let (month, day) = (part(4, 6)?, part(6, 8)?);
    DateTime::new(year, month, day, part(8, 10)?, part(10, 12)?, part(12, 14)?, 0)
        .ok()
        .filter(|moment| moment.year() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        check("20240515", "2024-05-15T00:00:00");
        check("2024-05-15 09:20:05", "2024-05-15T09:20:05");
        check("2024-05-15T09:20", "2024-05-15T09:20:00");
        check("20240515092005", "2024-05-15T09:20:05");
        check("20240515092005123", "2024-05-15T09:20:05");
        check("2024/5/1", "2024-05-01T00:00:00");
        check("20240230", "C303 2***0");
        check("00000101", "C303 0***1");
        check("20240515250000", "C303 2***0");
        check("昨天", "C202 ***");
        check("2024", "C202 2***4");
        check("-234099638388", "C202 -***8");
        check("-20240515", "C202 -***5");
        check("2024-05-15T09:20:05+08:00", "C202 2***0");
        check("", "nothing");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let json = Json::Object(vec![("brdy".into(), Json::Text(text.into()))]);
        let object = Object { path: String::new(), json: &json };
        let mut reading = Reading::lenient();
        let actual = match (reading.moment(&object, "brdy"), reading.data_findings.first()) {
            (Some(moment), _) => moment.to_string(),
            (None, Some(finding)) => format!("{} {}", finding.code, finding.found),
            (None, None) => "nothing".to_owned(),
        };
        assert_eq!(actual, expected, "{text}");
    }
}
