//! The standard's notation of a moment, written the way a dialect wants it.

/// `YYYYMMDD` or `YYYYMMDDhhmmss` by a pattern of `yyyy MM dd HH mm ss`; what is no letter, and `T`,
/// stands for itself. `None` when either is something else.
pub(crate) fn write(stamp: &str, pattern: &str) -> Option<String> {
    let is_stamp = matches!(stamp.len(), 8 | 14) && stamp.bytes().all(|it| it.is_ascii_digit());
    if !is_stamp {
        return None;
    }
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        match PARTS.iter().find(|(word, _)| rest.starts_with(word)) {
            Some((word, place)) => {
                // A day has no time of its own: it began at midnight.
                out.push_str(stamp.get(place.clone()).unwrap_or("00"));
                rest = rest.get(word.len()..)?;
            }
            None if first.is_ascii_alphabetic() && first != 'T' => return None,
            None => {
                out.push(first);
                rest = rest.get(first.len_utf8()..)?;
            }
        }
    }
    Some(out)
}

const PARTS: [(&str, std::ops::Range<usize>); 6] =
    [("yyyy", 0..4), ("MM", 4..6), ("dd", 6..8), ("HH", 8..10), ("mm", 10..12), ("ss", 12..14)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations() {
        check("20240515092005", "yyyy-MM-dd HH:mm:ss", Some("2024-05-15 09:20:05"));
        check("20240515092005", "yyyyMMddTHHmmss", Some("20240515T092005"));
        check("20240515092005", "yyyy年MM月dd日", Some("2024年05月15日"));
        check("20240515", "yyyy/MM/dd HH:mm", Some("2024/05/15 00:00"));
        check("20240515", "yy/M/d", None);
        check("2024-05-15", "yyyyMMdd", None);
    }

    #[track_caller]
    fn check(stamp: &str, pattern: &str, expected: Option<&str>) {
        assert_eq!(write(stamp, pattern).as_deref(), expected);
    }
}
