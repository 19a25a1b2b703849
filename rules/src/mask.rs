//! Hides what identifies a person before a value is shown back to anybody.

/// Elements whose values identify a person, or would help to.
const PERSONAL: [&str; 14] = [
    "patn_id",
    "patn_name",
    "psn_no",
    "psn_name",
    "certno",
    "tel",
    "brdy",
    "algs",
    "card_no",
    "mdtrt_id",
    "mdtrt_sn",
    "curr_mdtrt_id",
    "addr",
    "ipt_otp_no",
];

/// No message needs more of a value than this to be recognised.
const SHOWN_MAX: usize = 40;

/// The value as it may be shown: first and last character only when it is personal.
pub(crate) fn shown(element: &str, value: &str) -> String {
    let letters: Vec<char> = value.chars().collect();
    if !PERSONAL.contains(&element) {
        return letters.into_iter().take(SHOWN_MAX).collect();
    }
    match letters.as_slice() {
        [first, .., last] if letters.len() > 2 => format!("{first}***{last}"),
        [] => String::new(),
        _ => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_are_masked_and_numbers_shown() {
        assert_eq!(shown("brdy", "19680230"), "1***0");
        assert_eq!(shown("patn_name", "王"), "***");
        assert_eq!(shown("cnt", "-3"), "-3");
        assert_eq!(shown("spec", &"长".repeat(90)).chars().count(), SHOWN_MAX);
    }
}
