//! What is wrong with the values of one record.
//!
//! Validation does not stop at the first fault and never changes a value. Each finding is one
//! sentence that tells the HIS developer what to send instead.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::civil::Date;

use crate::bytes::ByteSet;
use crate::domain::ValueDomain;
use crate::elements::Elements;
use crate::entity::{DataElement, Entity, Required};
use crate::finding::{Finding, FindingSeverity};
use crate::format::{Format, before_point};
use crate::identity;
use crate::mask;
use crate::number::Number;
use crate::value::{Value, ValueError, ValueRef};

/// Dates before this year are never meant: 0000 and 0001 are what programs write for "none".
const YEAR_MIN: i16 = 1800;

/// How many codes of a domain a finding lists.
const CODES_SHOWN_MAX: usize = 8;

/// What is wrong with a record of this entity, in the entity's order.
pub(crate) fn validate(entity: &Entity, elements: &Elements) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut check = |position: usize, value: Option<ValueRef<'_>>| {
        let Some(element) = entity.elements().get(position) else { return };
        let mut check = Check { element, findings: &mut findings };
        match value {
            Some(value) => check.value(value),
            None => check.absent(),
        }
    };
    let mut missing = elements.missing(entity.required()).into_iter().peekable();
    for (position, value) in elements.iter() {
        while let Some(missing) = missing.next_if(|it| *it < position) {
            check(missing, None);
        }
        check(position, Some(value));
    }
    missing.for_each(|missing| check(missing, None));
    findings
}

/// One element under examination.
struct Check<'a> {
    element: &'a DataElement,
    findings: &'a mut Vec<Finding>,
}

impl Check<'_> {
    fn absent(&mut self) {
        if self.element.required() == Required::Yes {
            let expected = format!("缺少必填项{}，请发送{}", self.title(), self.wanted());
            self.reject("V101", "", expected);
        }
    }

    fn value(&mut self, value: ValueRef<'_>) {
        match (self.element.format(), value) {
            (_, ValueRef::Text(text)) if text.chars().all(char::is_whitespace) => self.absent(),
            (_, ValueRef::Node([])) => self.absent(),
            (&Format::Text { min, max }, ValueRef::Text(text)) => self.text(text, min, max),
            (&Format::Number { min_digits, max_len, scale }, ValueRef::Number(number)) => {
                self.number(number, (min_digits, max_len, scale));
            }
            (Format::Date, ValueRef::Date(date)) => self.date(date, value),
            (Format::DateTime, ValueRef::DateTime(both)) => self.date(both.date(), value),
            (Format::Node, ValueRef::Node(records)) => self.node(records),
            (Format::Time, ValueRef::Time(_))
            | (Format::Boolean, ValueRef::Boolean(_))
            | (Format::Binary { .. }, ValueRef::Text(_)) => {}
            (format, ValueRef::Text(text)) => self.unread(Value::read(format, text).err(), text),
            _ => self.unread(None, &plain(value)),
        }
    }

    fn text(&mut self, text: &str, min: u32, max: Option<u32>) {
        if MAY_BE_CONTROL.meets(text)
            && let Some((place, char)) = (1..).zip(text.chars()).find(|(_, it)| is_control(*it))
        {
            self.control_character(text, place, char);
        }
        // A code of the domain is right however long the format says it may be: some declared
        // lengths are shorter than codes in use.
        match self.element.value_domain().filter(|domain| domain.closed()) {
            Some(domain) => self.code(text, domain),
            None => self.length(text, min, max),
        }
        if self.element.name() == "certno" {
            self.identity_number(text);
        }
    }

    fn control_character(&mut self, text: &str, place: u32, char: char) {
        let visible: String =
            text.chars().map(|char| if char.is_control() { '·' } else { char }).collect();
        let expected = format!(
            "{}的第{place}个字符是控制字符U+{:04X}，请去掉后重新发送",
            self.title(),
            u32::from(char)
        );
        self.reject("V210", &visible, expected);
    }

    fn length(&mut self, text: &str, min: u32, max: Option<u32>) {
        // No text has more characters than bytes, so most need no counting.
        let fits = |max: u32| text.len() <= max as usize;
        if min == 0 && max.is_none_or(fits) {
            return;
        }
        let count = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let code = match max {
            Some(max) if count > max => "V201",
            _ if count < min => "V202",
            _ => return,
        };
        let expected = format!("{}请发送{}，现有{count}个", self.title(), self.wanted());
        self.reject(code, text, expected);
    }

    fn code(&mut self, text: &str, domain: &ValueDomain) {
        if !domain.contains(text) {
            let expected = format!("{}请发送{}", self.title(), codes(domain));
            self.reject("V203", text, expected);
        }
    }

    fn identity_number(&mut self, text: &str) {
        if identity::is_shaped(text) && !identity::check_digit_fits(text) {
            let expected =
                format!("{}的第18位校验码不符，请核对后发送正确的身份证号码", self.title());
            self.find("V209", FindingSeverity::Warn, text, expected);
        }
    }

    fn number(&mut self, number: &Number, (min, max, scale): (u32, u32, u32)) {
        let digits = number.integer_digits();
        if digits > before_point(max, scale) {
            let expected =
                format!("{}请发送{}，现整数部分有{digits}位", self.title(), self.wanted());
            self.reject("V204", number.as_str(), expected);
        } else if digits < before_point(min, scale) {
            let expected = format!("{}请发送{}，现有{digits}位", self.title(), self.wanted());
            self.reject("V202", number.as_str(), expected);
        }
        // Zeros behind the point may be more than the standard has places for.
        let decimals = if number.scale() > scale { number.significant_decimals() } else { 0 };
        if decimals > scale as usize {
            let expected = format!("{}请发送{}，现小数有{decimals}位", self.title(), self.wanted());
            self.reject("V205", number.as_str(), expected);
        }
        if let Some(domain) = self.element.value_domain().filter(|domain| domain.closed()) {
            self.code(number.as_str(), domain);
        }
    }

    fn date(&mut self, date: Date, value: ValueRef<'_>) {
        if date.year() < YEAR_MIN {
            let expected = format!("{}请发送{YEAR_MIN}年以后的{}", self.title(), self.wanted());
            self.reject("V208", &plain(value), expected);
        }
    }

    fn node(&mut self, records: &[Elements]) {
        let Some(child) = self.element.child() else { return };
        for (place, record) in records.iter().enumerate() {
            for mut finding in validate(child, record) {
                finding.element = format!("{}[{place}].{}", self.element.name(), finding.element);
                self.findings.push(finding);
            }
        }
    }

    /// A value of the wrong type: a text that cannot be read, or one that nobody has read.
    fn unread(&mut self, error: Option<ValueError>, found: &str) {
        let (title, wanted) = (self.title(), self.wanted());
        let (code, expected) = match error {
            Some(ValueError::NotOnCalendar) => ("V207", format!("{title}请发送实际存在的{wanted}")),
            Some(ValueError::OutOfRange) => {
                ("V208", format!("{title}请发送{wanted}，现值超过64位"))
            }
            Some(ValueError::WrongType) | None => ("V206", format!("{title}请发送{wanted}")),
        };
        self.reject(code, found, expected);
    }

    /// `“处方号”（rxno）`.
    fn title(&self) -> String {
        format!("“{}”（{}）", self.element.zh_name(), self.element.name())
    }

    /// What to send: a code when only codes are right, otherwise what the format says.
    fn wanted(&self) -> String {
        match self.element.value_domain() {
            Some(domain) if domain.closed() => codes(domain),
            _ => self.element.format().describe(),
        }
    }

    fn reject(&mut self, code: &'static str, found: &str, expected: String) {
        self.find(code, FindingSeverity::Reject, found, expected);
    }

    fn find(
        &mut self,
        code: &'static str,
        severity: FindingSeverity,
        found: &str,
        expected: String,
    ) {
        let element = self.element.name().to_owned();
        let found = mask::shown(&element, found);
        let path = String::new();
        self.findings.push(Finding { code, severity, element, path, found, expected });
    }
}

/// `值域gend中的代码：0 未知、1 男`, or its beginning when the domain is long.
fn codes(domain: &ValueDomain) -> String {
    let mut text = format!("值域{}中的代码：", domain.name());
    for (place, (code, zh_name)) in domain.codes().take(CODES_SHOWN_MAX).enumerate() {
        let comma = if place == 0 { "" } else { "、" };
        let blank = if zh_name.is_empty() { "" } else { " " };
        write!(text, "{comma}{code}{blank}{zh_name}").expect("a String takes any text");
    }
    let count = domain.codes().count();
    if count > CODES_SHOWN_MAX {
        write!(text, "等{count}个").expect("a String takes any text");
    }
    text
}

fn is_control(char: char) -> bool {
    char.is_control() && !matches!(char, '\t' | '\n' | '\r')
}

/// What a control character may begin with: those of ASCII, or the first byte of U+0080 to U+00BF.
static MAY_BE_CONTROL: ByteSet = ByteSet::controls_and(&[0x7F, 0xC2]);

/// A value as a finding shows it.
fn plain(value: ValueRef<'_>) -> Cow<'_, str> {
    match value {
        ValueRef::Text(text) => Cow::Borrowed(text),
        ValueRef::Number(number) => Cow::Borrowed(number.as_str()),
        ValueRef::Date(date) => Cow::Owned(date.to_string()),
        ValueRef::Time(time) => Cow::Owned(time.to_string()),
        ValueRef::DateTime(both) => Cow::Owned(both.to_string()),
        ValueRef::Boolean(yes) => Cow::Borrowed(if yes { "y" } else { "n" }),
        ValueRef::Node(_) => Cow::Borrowed("子记录"),
    }
}

#[cfg(test)]
mod tests;
