//! Text to decimal, the one way numbers come into a check.

use rust_decimal::Decimal;
use schemas::Number;

/// Exact, or `None`: `NaN`, `1e400`, `七` and what a decimal cannot hold are not numbers here.
pub(crate) fn decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    plain(text).or_else(|| Number::parse(text)?.to_decimal())
}

/// The way nearly all numbers are written: digits, perhaps a point and digits, few enough for a word.
fn plain(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let has_point = digits.len() > whole.len();
    if whole.is_empty() || has_point == fraction.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let mut amount: i64 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        amount = amount * 10 + i64::from(byte.checked_sub(b'0').filter(|it| *it < 10)?);
    }
    let signed = if digits.len() < text.len() { -amount } else { amount };
    Some(Decimal::new(signed, u32::try_from(fraction.len()).ok()?))
}

/// With so many digits, a point among them, no word overflows.
const DIGITS_MAX: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_reads_as_the_long_one() {
        for text in [
            "0",
            "-0",
            "7",
            "007",
            "7.0",
            "-7.50",
            "0.00",
            "-0.00",
            "3.5",
            "00.10",
            "99999999999999999",
            "-9999999999999999.9",
            "999999999999999999",
        ] {
            let long = Number::parse(text).and_then(|it| it.to_decimal());
            let shown = |it: Option<Decimal>| it.map(|it| (it.to_string(), it.scale()));
            assert_eq!(shown(plain(text)), shown(long), "{text}");
        }
    }

    #[test]
    fn whatever_else_goes_the_long_way() {
        for text in
            ["", "-", ".5", "5.", "+2", "1e3", "1.2.3", "--1", "１", "1 2", "1234567890123456789"]
        {
            assert_eq!(plain(text), None, "{text}");
            assert_eq!(decimal(text), Number::parse(text).and_then(|it| it.to_decimal()), "{text}");
        }
    }
}
