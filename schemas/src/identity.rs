//! The check digit of resident identity numbers, GB 11643.

/// Whether the text has the shape of an 18-digit identity number: 17 digits and a digit or X.
pub(crate) fn is_shaped(text: &str) -> bool {
    let Some((last, body)) = text.as_bytes().split_last() else { return false };
    body.len() == 17
        && body.iter().all(u8::is_ascii_digit)
        && (last.is_ascii_digit() || matches!(last, b'X' | b'x'))
}

/// Whether the last character follows from the 17 before it (ISO 7064, MOD 11-2). Only for texts of
/// the right shape.
pub(crate) fn check_digit_fits(text: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const LAST_BY_REST: &[u8; 11] = b"10X98765432";

    let Some((last, body)) = text.as_bytes().split_last() else { return false };
    let digits = body.iter().map(|byte| u32::from(byte.wrapping_sub(b'0')));
    let rest = digits.zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum::<u32>() % 11;
    LAST_BY_REST.get(rest as usize) == Some(&last.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape() {
        assert!(is_shaped("11010519491231002X"));
        assert!(is_shaped("99990119680315001x"));
        assert!(!is_shaped("110105194912310"), "15 digits are the old form, without a check digit");
        assert!(!is_shaped("H123456789012345678"));
        assert!(!is_shaped("1101051949123100XX"));
        assert!(!is_shaped(""));
    }

    #[test]
    fn check_digit() {
        assert!(check_digit_fits("11010519491231002X"), "the example of the standard");
        assert!(check_digit_fits("11010519491231002x"));
        assert!(!check_digit_fits("110105194912310021"));
        assert!(!check_digit_fits("11010519491231020X"), "two digits changed places");
    }
}
