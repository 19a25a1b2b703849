//! What the record of a laboratory result says in one text and a check says in several elements: the
//! reference range, and a number that was sent as a word.
//!
//! What cannot be read is not known: `阴性` is no range, and of `男 9-50 女 7-40` nobody can say which half
//! is meant.

use rust_decimal::Decimal;

use crate::facts::LabResult;
use crate::number::decimal;

/// The result with what its record says in other words; `range` is 参考值.
pub(super) fn measured(found: LabResult, range: Option<&str>) -> LabResult {
    let (lower, upper) = limits(range, found.unit.as_deref());
    LabResult {
        value: found.value.or_else(|| number(found.text.as_deref()?)),
        lower: found.lower.or(lower),
        upper: found.upper.or(upper),
        ..found
    }
}

/// The lower and the upper limit.
fn limits(range: Option<&str>, unit: Option<&str>) -> (Option<Decimal>, Option<Decimal>) {
    let Some(range) = range.map(str::trim) else { return (None, None) };
    let range = unit.and_then(|it| range.strip_suffix(it.trim())).unwrap_or(range).trim();
    if let Some(upper) = range.strip_prefix(BELOW) {
        return (None, number(upper.trim_start_matches('=')));
    }
    if let Some(lower) = range.strip_prefix(ABOVE) {
        return (number(lower.trim_start_matches('=')), None);
    }
    let ends = range.split_once("--").or_else(|| range.split_once(BETWEEN));
    match ends.map(|(lower, upper)| (number(lower), number(upper))) {
        Some((Some(lower), Some(upper))) if lower <= upper => (Some(lower), Some(upper)),
        _ => (None, None),
    }
}

/// A measure is not below zero.
fn number(text: &str) -> Option<Decimal> {
    decimal(text).filter(|it| !it.is_sign_negative())
}

const BELOW: [char; 3] = ['<', '≤', '＜'];
const ABOVE: [char; 3] = ['>', '≥', '＞'];
const BETWEEN: [char; 5] = ['-', '~', '～', '—', '–'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_in_one_text() {
        check("57-97", "57..97");
        check("3.1～8.0", "3.1..8.0");
        check(" 9 -- 50 ", "9..50");
        check("0—40 umol/L", "0..40");
        check("<5.2", "?..5.2");
        check("≤5.2umol/L", "?..5.2");
        check("<=5.2", "?..5.2");
        check("≥60", "60..?");
        for unreadable in ["阴性", "男9-50 女7-40", "1:10-1:80", "50-9", "-3-4", "9-", "", "40"]
        {
            check(unreadable, "?..?");
        }
    }

    #[test]
    fn a_number_that_was_sent_as_a_word() {
        let value = |text: &str| {
            let found = LabResult { text: Some(text.to_owned()), ..LabResult::default() };
            measured(found, None).value.map(|it| it.to_string())
        };
        assert_eq!(value("5.60"), Some("5.60".to_owned()));
        for word in ["阴性", "<0.5", "5.6 H", "-1", "1:80", "++"] {
            assert_eq!(value(word), None, "{word}");
        }
    }

    #[track_caller]
    fn check(range: &str, expected: &str) {
        let found = LabResult { unit: Some("umol/L".to_owned()), ..LabResult::default() };
        let found = measured(found, Some(range));
        let shown = |it: Option<Decimal>| it.map_or("?".to_owned(), |it| it.to_string());
        assert_eq!(format!("{}..{}", shown(found.lower), shown(found.upper)), expected, "{range}");
    }
}
