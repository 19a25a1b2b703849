//! What a field's values are like, without keeping them.

use std::collections::BTreeSet;

use schemas::{DataElement, Format};

use crate::date_pattern::DatePattern;

/// What is true of every value that was seen.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a question of its own
pub(super) struct Shape {
    /// How many fields had a value.
    pub(super) seen: usize,
    /// Patterns that read every value as a date or time.
    pub(super) patterns: Vec<&'static str>,
    /// Every value is a decimal.
    pub(super) decimal: bool,
    /// Every value is a decimal, or one with a unit behind it: `5mg`.
    pub(super) measured: bool,
    /// At least one value has a unit behind it.
    pub(super) unit: bool,
    /// Every value is an identity number with a right check digit.
    pub(super) identity: bool,
    /// Every value is a mobile number.
    pub(super) phone: bool,
    /// Characters of the longest value.
    pub(super) longest: usize,
    /// At least one value has a Chinese character.
    pub(super) chinese: bool,
    /// The different values, while they are few and short: codes, perhaps.
    pub(super) words: BTreeSet<String>,
    many: bool,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape {
            seen: 0,
            patterns: PATTERNS.to_vec(),
            decimal: true,
            measured: true,
            unit: false,
            identity: true,
            phone: true,
            longest: 0,
            chinese: false,
            words: BTreeSet::new(),
            many: false,
        }
    }
}

impl Shape {
    pub(super) fn see(&mut self, value: Option<&str>) {
        let Some(value) = value.map(str::trim).filter(|it| !it.is_empty()) else { return };
        self.seen += 1;
        self.patterns.retain(|it| reads(it, value));
        let rest = value.trim_start_matches(['￥', '¥', '-']);
        let number = rest.find(|it: char| !it.is_ascii_digit() && it != '.' && it != ',');
        let (number, unit) = rest.split_at(number.unwrap_or(rest.len()));
        let is_number =
            number.bytes().any(|it| it.is_ascii_digit()) && number.matches('.').count() < 2;
        self.decimal &= is_number && (unit.is_empty() || unit == "元");
        self.measured &=
            is_number && unit.chars().count() <= UNIT_MAX && unit.chars().all(char::is_alphabetic);
        self.unit |= is_number && !unit.is_empty();
        self.identity &= is_identity(value);
        self.phone &= value.len() == 11
            && value.starts_with('1')
            && value.bytes().all(|it| it.is_ascii_digit());
        self.longest = self.longest.max(value.chars().count());
        self.chinese |= value.chars().any(|it| it >= '\u{2e80}');
        self.many |= value.chars().count() > WORD_MAX || self.words.len() >= WORDS_MAX;
        if self.many {
            self.words.clear();
        } else {
            self.words.insert(value.to_owned());
        }
    }

    /// What the values say, in a word, for the comment of a line.
    pub(super) fn word(&self) -> &'static str {
        match self {
            _ if self.seen == 0 => "none",
            _ if self.identity => "identity number",
            _ if self.phone => "mobile number",
            _ if !self.patterns.is_empty() => "date or time",
            _ if self.decimal => "number",
            _ if self.measured => "number with unit",
            _ if self.chinese => "Chinese text",
            _ => "text",
        }
    }

    /// How well the values fit an element, in hundredths; none when they cannot be its values.
    pub(super) fn fit(&self, element: &DataElement) -> Option<i32> {
        if self.seen == 0 {
            return Some(-10);
        }
        match element.format() {
            Format::DateTime | Format::Date => (!self.dates().is_empty()).then_some(6),
            Format::Time => (!self.times().is_empty()).then_some(6),
            Format::Number { .. } => self.number_fit(),
            Format::Text { max, .. } => self.text_fit(element, *max),
            Format::Boolean => (self.words.len() <= 2 && !self.many).then_some(0),
            Format::Binary { .. } | Format::Node => None,
        }
    }

    fn number_fit(&self) -> Option<i32> {
        match (self.decimal, self.measured && self.unit) {
            (true, _) => Some(4),
            (false, true) => Some(2),
            (false, false) => None,
        }
    }

    fn text_fit(&self, element: &DataElement, max: Option<u32>) -> Option<i32> {
        let name = element.name();
        match name {
            "certno" => return Some(if self.identity { 30 } else { -10 }),
            "tel" if self.phone => return Some(20),
            _ => {}
        }
        if let Some(domain) = element.value_domain().filter(|it| it.closed()) {
            if self.many {
                return None; // long texts or many of them are no codes
            }
            let known = self.words.iter().all(|it| domain.contains(it));
            let named = self.words.iter().all(|it| domain.codes().any(|(_, name)| name == it));
            return Some(if known || named { 8 } else { 0 });
        }
        let too_long = max.is_some_and(|it| self.longest > it as usize);
        let person = name.ends_with("_name") && !self.chinese && self.decimal;
        let code = (name.ends_with("_code") || name.ends_with("no")) && self.chinese;
        let written = |it: &&str| !it.starts_with("epoch");
        let moment = self.patterns.iter().any(written) && self.longest > 8;
        let unit = name.ends_with("unt") && self.decimal;
        let faults = [(too_long, 30), (person, 20), (code, 15), (moment, 30), (unit, 30)];
        Some(-faults.iter().filter(|(is, _)| *is).map(|(_, by)| by).sum::<i32>())
    }

    /// Patterns that give a day.
    pub(super) fn dates(&self) -> Vec<&'static str> {
        self.patterns.iter().copied().filter(|it| *it != TIME && *it != SHORT_TIME).collect()
    }

    /// Patterns that give a time of day and no day.
    pub(super) fn times(&self) -> Vec<&'static str> {
        self.patterns.iter().copied().filter(|it| *it == TIME || *it == SHORT_TIME).collect()
    }
}

/// Whether a pattern reads the value. Any number is seconds since 1970; only those of our days are
/// taken for that.
fn reads(pattern: &str, value: &str) -> bool {
    let written = value.trim_start_matches('-');
    let digits = if written.starts_with('0') { 0 } else { written.len() };
    let our_days = match pattern {
        "epoch_ms" => (11..=13).contains(&digits),
        "epoch_s" => (9..=10).contains(&digits),
        _ => true,
    };
    let reads = |it: DatePattern| {
        if it.has_date() { it.moment(value).is_some() } else { it.time(value).is_some() }
    };
    our_days && DatePattern::parse(pattern).is_ok_and(reads)
}

/// Eighteen characters whose last is the check digit of GB 11643.
fn is_identity(value: &str) -> bool {
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let digits: Option<Vec<u32>> = value.chars().take(17).map(|it| it.to_digit(10)).collect();
    let Some(digits) = digits.filter(|it| it.len() == 17 && value.len() == 18) else {
        return false;
    };
    let sum: u32 = digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum();
    let last = "10X98765432".chars().nth(sum as usize % 11);
    last == value.chars().last().map(|it| it.to_ascii_uppercase())
}

const TIME: &str = "HH:mm:ss";
const SHORT_TIME: &str = "HH:mm";

/// The ways in which hospitals write a moment; the first that reads every value is written down,
/// and so the stricter one stands before the looser.
const PATTERNS: [&str; 19] = [
    "yyyy-MM-dd HH:mm:ss",
    "yyyy-MM-dd HH:mm:ss.S",
    "yyyy-MM-ddTHH:mm:ss",
    "yyyy-MM-ddTHH:mm:ssX",
    "yyyy-MM-ddTHH:mm:ss.SX",
    "yyyy-MM-dd HH:mm",
    "yyyy-MM-dd",
    "yyyyMMddHHmmss",
    "yyyyMMddHH:mm:ss",
    "yyyyMMddHHmm",
    "yyyyMMdd",
    "yyyy/M/d H:m:s",
    "yyyy/M/d H:m",
    "yyyy/M/d",
    "yyyy年M月d日",
    "epoch_ms",
    "epoch_s",
    TIME,
    SHORT_TIME,
];

const UNIT_MAX: usize = 4;
const WORD_MAX: usize = 20;
const WORDS_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_values_are_like() {
        check(&["999901196803150011"], "identity number");
        check(&["999901196803150012"], "number");
        check(&["13800000000", "13900000000"], "mobile number");
        check(&["2024-05-15 09:20:05"], "date or time: yyyy-MM-dd HH:mm:ss");
        check(&["2024051509:20:05"], "date or time: yyyyMMddHH:mm:ss");
        check(&["20240515", "20240230"], "number");
        check(&["1715736005000"], "date or time: epoch_ms");
        check(&["0000123456"], "number");
        check(&["￥1,234.50", "60.9"], "number");
        check(&["5mg", "1盒"], "number with unit");
        check(&["5mg", "口服"], "Chinese text");
        check(&["", " "], "none");
        check(&["QD"], "text");
    }

    #[track_caller]
    fn check(values: &[&str], expected: &str) {
        let mut shape = Shape::default();
        for value in values {
            shape.see(Some(value));
        }
        let pattern = shape.patterns.first().filter(|_| shape.seen > 0 && !shape.phone);
        let pattern = pattern.map(|it| format!(": {it}")).unwrap_or_default();
        assert_eq!(format!("{}{pattern}", shape.word()), expected);
    }
}
