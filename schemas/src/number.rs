//! Exact decimal text: money, quantities and doses as they were sent, digit for digit.
//!
//! A number keeps its plain decimal form, so that `1.50` stays `1.50` and nothing ever passes
//! through binary floating point. Two numbers are equal when their values are: `60.9` is `60.90`.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use rust_decimal::Decimal;

/// The most digits a number may have in plain form, before and after the point together.
const DIGITS_MAX: usize = 64;

/// An exact decimal, read from at most 64 digits.
#[derive(Clone)]
pub struct Number {
    // Invariant: an optional `-`, digits without a leading zero (or the single `0`), and perhaps
    // a point and digits. Zero has no `-`.
    text: Box<str>,
}

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// It is not written as a decimal number.
    NotANumber,
    /// It is one, and needs more than 64 digits: `1e400`.
    TooManyDigits,
}

/// A text taken apart, before its exponent is applied.
struct Parts<'a> {
    negative: bool,
    integer: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl Number {
    /// Reads `1`, `-0.5`, `.5`, `1.50`, `+2` or `1e3`; nothing with blanks, commas or words.
    #[must_use]
    pub fn parse(text: &str) -> Option<Number> {
        text.parse().ok()
    }

    /// Digits before the point; 1 for numbers below one, for their zero.
    #[must_use]
    pub fn integer_digits(&self) -> u32 {
        u32::try_from(self.integer().len()).unwrap_or(u32::MAX)
    }

    /// Digits after the point, zeros included.
    #[must_use]
    pub fn scale(&self) -> u32 {
        u32::try_from(self.fraction().len()).unwrap_or(u32::MAX)
    }

    /// Whether the number is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.text.starts_with('-')
    }

    /// The same value with `scale` digits after the point: zeros are added, and only zeros are
    /// taken away. `None` when a digit would be lost.
    #[must_use]
    pub fn with_scale(&self, scale: u32) -> Option<Number> {
        if scale == self.scale() {
            return Some(self.clone());
        }
        let fraction = self.fraction();
        let kept = fraction.get(..scale as usize).unwrap_or(fraction);
        let lost = fraction.get(kept.len()..).unwrap_or_default();
        if lost.bytes().any(|digit| digit != b'0') {
            return None;
        }
        Some(Number::assemble(self.is_negative(), self.integer(), kept, scale))
    }

    /// The value rounded to `scale` digits after the point, halves away from zero, as money is
    /// rounded in China (四舍五入).
    #[must_use]
    pub fn round(&self, scale: u32) -> Number {
        if let Some(exact) = self.with_scale(scale) {
            return exact;
        }
        let fraction = self.fraction();
        let (kept, lost) = fraction.split_at_checked(scale as usize).unwrap_or((fraction, ""));
        let mut digits = format!("{}{kept}", self.integer()).into_bytes();
        if lost.as_bytes().first().is_some_and(|digit| *digit >= b'5') {
            add_one(&mut digits);
        }
        let digits = String::from_utf8(digits).expect("only ASCII digits");
        let (integer, fraction) = digits.split_at(digits.len() - kept.len());
        Number::assemble(self.is_negative(), integer, fraction, scale)
    }

    /// For arithmetic; `None` when the number has more digits than a [`Decimal`] can hold.
    #[must_use]
    pub fn to_decimal(&self) -> Option<Decimal> {
        Decimal::from_str_exact(&self.text).ok()
    }

    /// The exact value of a [`Decimal`], with its scale.
    #[must_use]
    pub fn from_decimal(decimal: Decimal) -> Number {
        decimal.to_string().parse().expect("a Decimal has at most 29 digits and no exponent")
    }

    /// The plain form, which is also how JSON writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Most numbers are written in the plain form already: digits, perhaps a point and digits.
    fn canonical(text: &str) -> Option<Number> {
        let bytes = text.as_bytes();
        let integer = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let fraction = match bytes.get(integer..)? {
            [] => 0,
            [b'.', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => digits.len(),
            _ => return None,
        };
        let has_point = integer + fraction < bytes.len();
        let is_plain = integer == 1 || (integer > 1 && bytes.first() != Some(&b'0'));
        let is_short = integer + fraction <= DIGITS_MAX;
        let fits = is_plain && is_short && (fraction > 0 || !has_point);
        fits.then(|| Number { text: text.into() })
    }

    fn integer(&self) -> &str {
        let unsigned = self.text.strip_prefix('-').unwrap_or(&self.text);
        unsigned.split_once('.').map_or(unsigned, |(integer, _)| integer)
    }

    /// Digits behind the point, without the zeros at their end.
    pub(crate) fn significant_decimals(&self) -> usize {
        significant(self.fraction()).len()
    }

    fn fraction(&self) -> &str {
        match self.text.bytes().position(|byte| byte == b'.') {
            Some(point) => self.text.get(point + 1..).unwrap_or_default(),
            None => "",
        }
    }

    /// Builds the plain form; `fraction` is filled with zeros up to `scale`.
    fn assemble(negative: bool, integer: &str, fraction: &str, scale: u32) -> Number {
        let integer = integer.trim_start_matches('0');
        let zero = integer.is_empty() && fraction.bytes().all(|digit| digit == b'0');
        let mut text = String::with_capacity(integer.len() + scale as usize + 3);
        if negative && !zero {
            text.push('-');
        }
        text.push_str(if integer.is_empty() { "0" } else { integer });
        if scale > 0 {
            text.push('.');
            text.push_str(fraction);
            text.extend(std::iter::repeat_n('0', scale as usize - fraction.len()));
        }
        Number { text: text.into_boxed_str() }
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Number, NumberError> {
        if let Some(number) = Number::canonical(text) {
            return Ok(number);
        }
        let parts = Parts::of(text).ok_or(NumberError::NotANumber)?;
        if parts.exponent != 0 {
            return parts.shifted();
        }
        let Parts { negative, integer, fraction, .. } = parts;
        if integer.trim_start_matches('0').len() + fraction.len() > DIGITS_MAX {
            return Err(NumberError::TooManyDigits);
        }
        let scale = u32::try_from(fraction.len()).map_err(|_| NumberError::TooManyDigits)?;
        Ok(Number::assemble(negative, integer, fraction, scale))
    }
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Parts<'a>> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (unsigned, 0),
        };
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let some = !integer.is_empty() || !fraction.is_empty();
        (some && digits(integer) && digits(fraction)).then_some(Parts {
            negative,
            integer,
            fraction,
            exponent,
        })
    }

    /// The number with its point moved by the exponent. The bound comes first: `1e999999999` must
    /// not become a gigabyte of zeros.
    fn shifted(&self) -> Result<Number, NumberError> {
        let digits = format!("{}{}", self.integer, self.fraction);
        let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
        let point = length(self.integer).saturating_add(self.exponent);
        let scale = length(&digits).saturating_sub(point).max(0);
        let leading = length(&digits) - length(digits.trim_start_matches('0'));
        let whole = point.saturating_sub(leading).max(0);
        let bound = i64::try_from(DIGITS_MAX).unwrap_or(i64::MAX);
        if scale.saturating_add(whole) > bound {
            return Err(NumberError::TooManyDigits);
        }
        let point = usize::try_from(point).unwrap_or(0);
        let scale = u32::try_from(scale).map_err(|_| NumberError::TooManyDigits)?;
        let padded = if digits.len() < scale as usize {
            // 12e-5: zeros before the digits, so that there are `scale` of them.
            format!("{digits:0>width$}", width = scale as usize)
        } else {
            // 1.2e3: zeros behind the digits, up to the point.
            format!("{digits:0<point$}")
        };
        let (integer, fraction) = padded.split_at(padded.len() - scale as usize);
        Ok(Number::assemble(self.negative, integer, fraction, scale))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        let size = |number: &Number| number.integer().len();
        let by_size = || {
            size(self)
                .cmp(&size(other))
                .then_with(|| self.integer().cmp(other.integer()))
                .then_with(|| significant(self.fraction()).cmp(significant(other.fraction())))
        };
        match (self.is_negative(), other.is_negative()) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => by_size(),
            (true, true) => by_size().reverse(),
        }
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.is_negative().hash(state);
        self.integer().hash(state);
        significant(self.fraction()).hash(state);
    }
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NumberError::NotANumber => "not a decimal number",
            NumberError::TooManyDigits => "more than 64 digits",
        })
    }
}

impl std::error::Error for NumberError {}

/// Equal values have equal significant digits behind the point.
fn significant(fraction: &str) -> &str {
    fraction.trim_end_matches('0')
}

/// A small integer with an optional sign. One too long for `i64` is cut off at its bound, where
/// any digits in front of it are too many anyway.
fn exponent_of(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    Some(if text.starts_with('-') { -size } else { size })
}

/// 199 becomes 200, 999 becomes 1000.
fn add_one(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn written_plainly() {
        check("1", "1 digits 1 scale 0");
        check("-0.5", "-0.5 digits 1 scale 1");
        check(".5", "0.5 digits 1 scale 1");
        check("5.", "5 digits 1 scale 0");
        check("1.50", "1.50 digits 1 scale 2");
        check("+2", "2 digits 1 scale 0");
        check("007.10", "7.10 digits 1 scale 2");
        check("-0", "0 digits 1 scale 0");
        check("-0.00", "0.00 digits 1 scale 2");
        check(
            "12345678901234567890123456789.5",
            "12345678901234567890123456789.5 digits 29 scale 1",
        );
    }

    #[test]
    fn exponents_are_carried_out() {
        check("1e3", "1000 digits 4 scale 0");
        check("1.25E1", "12.5 digits 2 scale 1");
        check("1.20e+2", "120 digits 3 scale 0");
        check("12e-5", "0.00012 digits 1 scale 5");
        check("-12.5e-1", "-1.25 digits 1 scale 2");
        check("0.001e2", "0.1 digits 1 scale 1");
        check("0e5", "0 digits 1 scale 0");
    }

    #[test]
    fn what_is_no_number() {
        for text in ["", " ", "1 ", "NaN", "inf", "七", "１２", "1,280.50", "12,80.5.0", "2-3片"]
        {
            check(text, "not a decimal number");
        }
        for text in [".", "-", "+", "e5", "1e", "1e+", "--1", "1.2.3", "0x10", "-.", "1e5.5"] {
            check(text, "not a decimal number");
        }
    }

    #[test]
    fn what_is_too_long() {
        for text in
            ["1e400", "1E-400", "-1e64", "1e999999999999999999999999", "1e-99999999999999999"]
        {
            check(text, "more than 64 digits");
        }
        check(&"9".repeat(400), "more than 64 digits");
        check(&format!("0.{}", "0".repeat(5000)), "more than 64 digits");
        check(&"9".repeat(64), &format!("{} digits 64 scale 0", "9".repeat(64)));
        check(&"9".repeat(65), "more than 64 digits");
        check("1e63", &format!("1{} digits 64 scale 0", "0".repeat(63)));
    }

    #[test]
    fn scale_changes_only_by_zeros() {
        check_scale("1.5", 2, "1.50");
        check_scale("1.500", 1, "1.5");
        check_scale("1.500", 0, "lost");
        check_scale("-3.00", 0, "-3");
        check_scale("0.001", 2, "lost");
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        check_round("2.345", 2, "2.35");
        check_round("-2.345", 2, "-2.35");
        check_round("2.344", 2, "2.34");
        check_round("9.995", 2, "10.00");
        check_round("99.5", 0, "100");
        check_round("-0.004", 2, "0.00");
        check_round("0.5", 3, "0.500");
    }

    #[test]
    fn equal_by_value_and_ordered() {
        let number = |text| Number::parse(text).unwrap();
        assert_eq!(number("60.9"), number("60.9000"));
        assert_eq!(number("-0"), number("0.00"));
        let mut numbers = ["10", "-2", "9.5", "-10", "9.45", "0", "9.450"].map(number);
        numbers.sort();
        assert_eq!(format!("{numbers:?}"), "[-10, -2, 0, 9.45, 9.450, 9.5, 10]");
    }

    #[test]
    fn decimals_there_and_back() {
        let number = Number::parse("-12.50").unwrap();
        assert_eq!(Number::from_decimal(number.to_decimal().unwrap()).to_string(), "-12.50");
        assert!(Number::parse(&"9".repeat(40)).unwrap().to_decimal().is_none());
        assert!(
            Number::parse("0.12345678901234567890123456789012").unwrap().to_decimal().is_none()
        );
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let actual = match text.parse::<Number>() {
            Ok(number) => {
                format!("{number} digits {} scale {}", number.integer_digits(), number.scale())
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(actual, expected, "{text}");
    }

    #[track_caller]
    fn check_scale(text: &str, scale: u32, expected: &str) {
        let number = Number::parse(text).unwrap().with_scale(scale);
        assert_eq!(number.map_or("lost".to_owned(), |number| number.to_string()), expected);
    }

    #[track_caller]
    fn check_round(text: &str, scale: u32, expected: &str) {
        assert_eq!(Number::parse(text).unwrap().round(scale).to_string(), expected);
    }
}
