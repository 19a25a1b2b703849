//! The standard's notation for what an element may hold: `C6`, `N16`, `C..10`, `N..17,2`, `C..ul`,
//! `YYYYMMDD`, `hhmmss`, `YYYYMMDDhhmmss`, `B`, `BY-JPEG`, `node`.

use std::fmt;
use std::str::FromStr;

/// What an element may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// `C6` exactly six characters, `C..10` up to ten, `C3..10` three to ten, `C..ul` any number.
    /// Characters are counted, not bytes.
    Text {
        /// Fewest characters; 0 when only the most is given.
        min: u32,
        /// Most characters; `None` for `ul`.
        max: Option<u32>,
    },
    /// `N16` exactly sixteen digits, `N..3` up to three, `N..17,2` seventeen places, of which one is
    /// the point and two are decimals.
    Number {
        /// Fewest places, counted as in `max_len`; 0 when only the most is given.
        min_digits: u32,
        /// Most places: digits before the point, the point, and `scale` digits after it.
        max_len: u32,
        /// Digits after the point.
        scale: u32,
    },
    /// `YYYYMMDD`.
    Date,
    /// `hhmmss`.
    Time,
    /// `YYYYMMDDhhmmss`.
    DateTime,
    /// `B`: `y` or `n`.
    Boolean,
    /// `BY-JPEG`: content of that kind, in Base64.
    Binary {
        /// The kind of content, in capitals.
        media: String,
    },
    /// `node`: records of another entity that lie inside this one.
    Node,
}

/// A text that is not in the notation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError;

impl Format {
    /// Most digits before the point of a number; `None` when the format is not a number.
    #[must_use]
    pub fn integer_digits_max(&self) -> Option<u32> {
        match *self {
            Format::Number { max_len, scale, .. } => Some(before_point(max_len, scale)),
            _ => None,
        }
    }

    /// What to send, in Chinese: the end of a sentence that begins with 请发送.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Format::Text { min, max } => describe_text(*min, *max),
            Format::Number { min_digits, max_len, scale } => {
                describe_number(*min_digits, *max_len, *scale)
            }
            Format::Date => "8位日期YYYYMMDD，如20240515".to_owned(),
            Format::Time => "6位时间hhmmss，如093015".to_owned(),
            Format::DateTime => "14位日期时间YYYYMMDDhhmmss，如20240515093015".to_owned(),
            Format::Boolean => "y（是）或n（否）".to_owned(),
            Format::Binary { media } => format!("{media}内容的Base64文本"),
            Format::Node => "子记录".to_owned(),
        }
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Format, FormatError> {
        match text {
            "YYYYMMDD" => Ok(Format::Date),
            "hhmmss" => Ok(Format::Time),
            "YYYYMMDDhhmmss" => Ok(Format::DateTime),
            "B" => Ok(Format::Boolean),
            "node" => Ok(Format::Node),
            _ => parse_counted(text).ok_or(FormatError),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Format::Text { min, max: None } if *min == 0 => f.write_str("C..ul"),
            Format::Text { min, max: None } => write!(f, "C{min}..ul"),
            Format::Text { min, max: Some(max) } => write!(f, "C{}", Range(*min, *max)),
            Format::Number { min_digits, max_len, scale: 0 } => {
                write!(f, "N{}", Range(*min_digits, *max_len))
            }
            Format::Number { min_digits, max_len, scale } => {
                write!(f, "N{},{scale}", Range(*min_digits, *max_len))
            }
            Format::Date => f.write_str("YYYYMMDD"),
            Format::Time => f.write_str("hhmmss"),
            Format::DateTime => f.write_str("YYYYMMDDhhmmss"),
            Format::Boolean => f.write_str("B"),
            Format::Binary { media } => write!(f, "BY-{media}"),
            Format::Node => f.write_str("node"),
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not in the notation of the standard")
    }
}

impl std::error::Error for FormatError {}

/// `6`, `..10` or `3..10`.
struct Range(u32, u32);

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Range(0, max) => write!(f, "..{max}"),
            Range(min, max) if min == max => write!(f, "{min}"),
            Range(min, max) => write!(f, "{min}..{max}"),
        }
    }
}

fn parse_counted(text: &str) -> Option<Format> {
    if let Some(media) = text.strip_prefix("BY-") {
        let capitals = media.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        return (capitals && !media.is_empty()).then(|| Format::Binary { media: media.to_owned() });
    }
    if let Some(range) = text.strip_prefix('C') {
        let (min, max) = parse_range(range)?;
        return Some(Format::Text { min, max });
    }
    let range = text.strip_prefix('N')?;
    let (range, scale) = match range.split_once(',') {
        Some((range, scale)) => (range, count(scale)?),
        None => (range, 0),
    };
    let (min_digits, max) = parse_range(range)?;
    let max_len = max?;
    // A point needs a digit on either side of it, or `N..2,1` would allow no number at all.
    let sound = if text.contains(',') { max_len > scale + 1 } else { true };
    sound.then_some(Format::Number { min_digits, max_len, scale })
}

fn parse_range(text: &str) -> Option<(u32, Option<u32>)> {
    let Some((min, max)) = text.split_once("..") else {
        let exact = count(text)?;
        return Some((exact, Some(exact)));
    };
    let min = if min.is_empty() { 0 } else { count(min)? };
    if max == "ul" {
        return Some((min, None));
    }
    let max = count(max)?;
    (min < max).then_some((min, Some(max)))
}

/// A number from 1, without leading zeros, so that each format is written in one way only.
fn count(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    // The bound keeps sums of a few counts inside 32 bits.
    text.parse().ok().filter(|count| plain && *count < 1_000_000_000)
}

/// Places left for digits once point and decimals are taken.
pub(crate) fn before_point(places: u32, scale: u32) -> u32 {
    if scale == 0 { places } else { places.saturating_sub(scale + 1) }
}

fn describe_text(min: u32, max: Option<u32>) -> String {
    match (min, max) {
        (0, None) => "文本".to_owned(),
        (min, None) => format!("至少{min}个字符的文本"),
        (0, Some(max)) => format!("不超过{max}个字符的文本"),
        (min, Some(max)) if min == max => format!("恰好{max}个字符的文本"),
        (min, Some(max)) => format!("{min}至{max}个字符的文本"),
    }
}

fn describe_number(min: u32, max: u32, scale: u32) -> String {
    let digits = before_point(max, scale);
    let whole = if scale == 0 { "整数" } else { "数字" };
    let size = match before_point(min, scale) {
        0 => format!("不超过{digits}位"),
        least if least == digits => format!("恰好{digits}位"),
        least => format!("{least}至{digits}位"),
    };
    if scale == 0 {
        format!("{size}的{whole}")
    } else {
        format!("{whole}，整数部分{size}，小数不超过{scale}位")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_notation_is_read_and_written_back() {
        let formats = [
            "C6",
            "C..10",
            "C3..10",
            "C..ul",
            "C2..ul",
            "N16",
            "N..3",
            "N4..8",
            "N..17,2",
            "N17,2",
            "YYYYMMDD",
            "hhmmss",
            "YYYYMMDDhhmmss",
            "B",
            "BY-JPEG",
            "node",
        ];
        for text in formats {
            let format: Format = text.parse().unwrap();
            assert_eq!(format.to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let texts = [
            "",
            "C",
            "N",
            "C..",
            "C0",
            "C..0",
            "C06",
            "C10..3",
            "C5..5",
            "N..ul",
            "N..2,1",
            "N..17,",
            "N..17,0",
            "c6",
            "C 6",
            "YYYYMM",
            "BY-",
            "BY-jpeg",
            "Node",
            "C..4294967296",
            "C-1",
            "C+1",
        ];
        for text in texts {
            assert_eq!(text.parse::<Format>(), Err(FormatError), "{text}");
        }
    }

    #[test]
    fn the_point_takes_one_place() {
        check("N..17,2", 14, "数字，整数部分不超过14位，小数不超过2位");
        check("N..17", 17, "不超过17位的整数");
        check("N13", 13, "恰好13位的整数");
    }

    #[track_caller]
    fn check(text: &str, digits: u32, description: &str) {
        let format: Format = text.parse().unwrap();
        assert_eq!(format.integer_digits_max(), Some(digits));
        assert_eq!(format.describe(), description);
    }
}
