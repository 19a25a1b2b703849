//! Sums, differences, products and quotients of exact decimals.
//!
//! What cannot be computed exactly is no number rather than nearly one; only a quotient is rounded,
//! to as many places as the mapping says.

use rust_decimal::Decimal;
use schemas::Number;

/// Digits that an intermediate result may have; every one of them is exact.
const DIGITS_MAX: u32 = 28;

/// Most places a quotient may be asked for.
pub(crate) const PLACES_MAX: u32 = 12;

pub(crate) fn sum(a: &Number, b: &Number) -> Option<Number> {
    let digits = a.integer_digits().max(b.integer_digits()) + a.scale().max(b.scale()) + 1;
    exactly(digits, a.to_decimal()?.checked_add(b.to_decimal()?))
}

pub(crate) fn difference(a: &Number, b: &Number) -> Option<Number> {
    sum(a, &negative(b))
}

pub(crate) fn product(a: &Number, b: &Number) -> Option<Number> {
    let digits = |it: &Number| it.integer_digits() + it.scale();
    exactly(digits(a) + digits(b), a.to_decimal()?.checked_mul(b.to_decimal()?))
}

/// `None` also for a division by zero.
pub(crate) fn quotient(a: &Number, b: &Number, places: u32) -> Option<Number> {
    let quotient = Number::from_decimal(a.to_decimal()?.checked_div(b.to_decimal()?)?);
    // Two digits more than asked for must be left, or the rounding would see rounded digits.
    let enough = quotient.integer_digits() + places + 2 <= DIGITS_MAX;
    enough.then(|| quotient.round(places))
}

pub(crate) fn negative(it: &Number) -> Number {
    let text = it.as_str();
    let turned = text.strip_prefix('-').map_or_else(|| format!("-{text}"), str::to_owned);
    Number::parse(&turned).unwrap_or_else(|| it.clone())
}

/// Without the zeros at the end of the fraction.
pub(crate) fn plain(it: &Number) -> Number {
    let fraction = it.as_str().split_once('.').map_or("", |(_, fraction)| fraction);
    let kept = u32::try_from(fraction.trim_end_matches('0').len()).ok();
    kept.and_then(|kept| it.with_scale(kept)).unwrap_or_else(|| it.clone())
}

fn exactly(digits: u32, it: Option<Decimal>) -> Option<Number> {
    it.filter(|_| digits <= DIGITS_MAX).map(Number::from_decimal)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_right_or_there_is_none() {
        check(sum, "0.1", "0.2", "0.3");
        check(difference, "1.50", "2", "-0.50");
        check(product, "1.10", "3", "3.30");
        check(product, "99999999999999.99", "99999999999.9999", "none");
        check(sum, "99999999999999999999999999999", "1", "none");
        check(|a, b| quotient(a, b, 4), "10", "3", "3.3333");
        check(|a, b| quotient(a, b, 2), "1", "8", "0.13");
        check(|a, b| quotient(a, b, 2), "1", "0", "none");
    }

    #[test]
    fn zeros_and_signs() {
        assert_eq!(plain(&Number::parse("2.500").unwrap()).as_str(), "2.5");
        assert_eq!(plain(&Number::parse("200").unwrap()).as_str(), "200");
        assert_eq!(negative(&Number::parse("0.00").unwrap()).as_str(), "0.00");
        assert_eq!(negative(&Number::parse("-3").unwrap()).as_str(), "3");
    }

    #[track_caller]
    fn check(by: fn(&Number, &Number) -> Option<Number>, a: &str, b: &str, expected: &str) {
        let result = by(&Number::parse(a).unwrap(), &Number::parse(b).unwrap());
        assert_eq!(result.map_or("none".to_owned(), |it| it.to_string()), expected);
    }
}
