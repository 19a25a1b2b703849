//! What a published cell says, in the notation of a row of a pack.
//!
//! Only what can be read in one way is restated; everything else is left as it stands and refused
//! where its column is proved.

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::parameter::ColumnKind;

/// A cell without what spreadsheets and typists leave in it: blanks around it, line breaks, full-width
/// letters, digits and signs.
pub(super) fn clean(cell: &str) -> String {
    let half = cell.chars().map(|letter| match letter {
        // The full-width forms lie in the order of ASCII; Chinese punctuation is none of them.
        '０'..='９'
        | 'Ａ'..='Ｚ'
        | 'ａ'..='ｚ'
        | '．'
        | '－'
        | '＋'
        | '％'
        | '＜'
        | '＞'
        | '＝'
        | '～'
        | '／' => u32::from(letter).checked_sub(0xFEE0).and_then(char::from_u32).unwrap_or(letter),
        '\r' | '\n' | '\t' | '\u{a0}' | '\u{3000}' => ' ',
        _ => letter,
    });
    let half: String = half.filter(|it| !matches!(it, '\u{feff}' | '\u{200b}')).collect();
    half.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The codes of a cell: several stand between commas, blanks, semicolons or 、.
pub(super) fn codes(cell: &str) -> Vec<&str> {
    let parts = cell.split(['、', '，', ',', ';', '；', ' ', '|', '/']);
    parts.map(|part| part.trim_end_matches('等')).filter(|part| !part.is_empty()).collect()
}

/// Why a code is none, where a spreadsheet has spoilt it.
pub(super) fn spoilt(code: &str) -> Option<&'static str> {
    let is_number = code.bytes().all(|it| it.is_ascii_digit());
    rounded(code).or((is_number && code.len() == 13)
        .then_some("代码少了开头的两个0；在原表里把该列设为文本后重新保存"))
}

/// The same of any code: what became of it in a spreadsheet is no code of anything.
pub(super) fn rounded(code: &str) -> Option<&'static str> {
    let is_scientific = code.contains("E+") && code.starts_with(|it: char| it.is_ascii_digit());
    is_scientific.then_some("代码成了科学计数法；在原表里把该列设为文本后重新保存")
}

/// A value as a column of that kind has it.
pub(super) fn value(kind: ColumnKind, cell: &str) -> String {
    match kind {
        ColumnKind::Whole | ColumnKind::Decimal => bare_number(cell).unwrap_or(cell).to_owned(),
        ColumnKind::Flag => match cell {
            "是" | "√" | "Y" | "1" => "y".to_owned(),
            "否" | "×" | "N" | "0" => "n".to_owned(),
            _ => cell.to_owned(),
        },
        ColumnKind::Choice(words) => {
            let mut found = words.iter().filter(|word| cell.contains(**word));
            match (found.next(), found.next()) {
                (Some(word), None) => (*word).to_owned(),
                _ => cell.to_owned(),
            }
        }
        ColumnKind::List | ColumnKind::Keys => {
            let parts = cell.split(['、', '，', ',', ';', '；', '|']);
            parts.map(str::trim).filter(|it| !it.is_empty()).collect::<Vec<_>>().join("|")
        }
        _ => cell.to_owned(),
    }
}

/// `≤14天`, `不超过14日`, `14.0`: the 14, when nothing else is said.
fn bare_number(cell: &str) -> Option<&str> {
    const BEFORE: [&str; 8] = ["≤", "<=", "不超过", "最多", "至多", "最大", "限", "上限"];
    const BEHIND: [&str; 9] = ["天", "日", "次", "小时", "个", "元", "个月", "支", "盒"];
    let cut = BEFORE.iter().fold(cell, |cell, word| cell.strip_prefix(word).unwrap_or(cell).trim());
    let cut = BEHIND.iter().find_map(|word| cut.strip_suffix(word)).unwrap_or(cut).trim();
    // Excel stores whole numbers as fractions at times.
    let cut = cut.strip_suffix(".0").unwrap_or(cut);
    let is_number = !cut.is_empty() && cut.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    is_number.then_some(cut)
}

/// A day: `2026-04-21`, `2026/4/21`, `2026年4月21日`, `20260421`, or the number by which Excel keeps it.
pub(super) fn day(cell: &str) -> Option<Date> {
    let digits = cell.bytes().all(|it| it.is_ascii_digit());
    if digits && cell.len() == 5 {
        let days: i32 = cell.parse().ok()?;
        return jiff::civil::date(1899, 12, 30).checked_add(days.days()).ok();
    }
    if digits && cell.len() == 8 {
        return date(cell.get(..4)?, cell.get(4..6)?, cell.get(6..)?);
    }
    let mut parts = cell.split(['-', '/', '.', '年', '月', '日']);
    let day = date(parts.next()?, parts.next()?, parts.next()?)?;
    parts.all(str::is_empty).then_some(day)
}

fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// `2-11岁`, `5至12岁以下`, `≥18岁`, `14岁以下`: from (inclusive) and below (exclusive).
pub(super) fn age_range(cell: &str) -> Option<(Option<String>, Option<String>)> {
    let cell = cell.trim_start_matches(['限', '仅']).trim_end_matches("儿童").trim();
    let (number, unit, rest) = age(cell)?;
    if let Some((upper, upper_unit, behind)) =
        rest.strip_prefix(['-', '~', '至', '—']).and_then(age)
    {
        let below = if matches!(behind, "以下" | "(不含)") { upper } else { upper + 1 };
        return matches!(behind, "" | "以下" | "(含)" | "(不含)" | "(周岁)")
            .then(|| (Some(format!("{number}{unit}")), Some(format!("{below}{upper_unit}"))));
    }
    let at = |number: u32| Some(format!("{number}{unit}"));
    let before = cell.split(|it: char| it.is_ascii_digit()).next().unwrap_or_default().trim();
    match (before, rest) {
        ("≥" | ">=" | "满" | "年满" | "大于等于", "") | ("", "以上" | "及以上" | "以上(含)") => {
            Some((at(number), None))
        }
        ("<" | "小于" | "未满" | "不满", "") | ("", "以下") => Some((None, at(number))),
        ("≤" | "<=" | "小于等于", "") | ("", "及以下" | "以下(含)") => {
            Some((None, at(number + 1)))
        }
        _ => None,
    }
}

/// The first number, its unit, and what stands behind; the lower end of a range borrows the unit.
fn age(text: &str) -> Option<(u32, &'static str, &str)> {
    let begin = text.find(|it: char| it.is_ascii_digit())?;
    let text = text.get(begin..)?;
    let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let number = number.parse().ok()?;
    for (word, unit) in
        [("周岁", "岁"), ("岁", "岁"), ("个月", "月"), ("月", "月"), ("天", "天"), ("日", "天")]
    {
        if let Some(rest) = rest.strip_prefix(word) {
            return Some((number, unit, rest.trim()));
        }
    }
    let unit = ["岁", "月", "天"].into_iter().find(|unit| rest.contains(unit))?;
    Some((number, unit, rest.trim()))
}

/// Every number of a text.
pub(super) fn numbers(text: &str) -> Vec<&str> {
    let parts = text.split(|it: char| !it.is_ascii_digit() && it != '.');
    let parts = parts.map(|part| part.trim_matches('.'));
    parts.map(|part| part.strip_suffix(".0").unwrap_or(part)).filter(|it| !it.is_empty()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_typists_leave_is_taken_off() {
        assert_eq!(clean(" ＸＧ０４\u{3000}\n限１４天，\u{a0}口服 "), "XG04 限14天， 口服");
    }

    #[test]
    fn several_codes_in_a_cell() {
        assert_eq!(codes("XA、XB， XC;XD等"), ["XA", "XB", "XC", "XD"]);
        assert!(spoilt("2101030310000").is_some() && spoilt("1.1E+14").is_some());
        assert_eq!(spoilt("002101030310000"), None);
    }

    #[test]
    fn values() {
        for cell in ["14", "≤14天", "不超过14日", "14.0", "最多 14 次"] {
            assert_eq!(value(ColumnKind::Whole, cell), "14", "{cell}");
        }
        assert_eq!(value(ColumnKind::Whole, "14或15天"), "14或15天");
        assert_eq!(value(ColumnKind::Choice(&["男", "女"]), "限男性"), "男");
        assert_eq!(value(ColumnKind::Choice(&["男", "女"]), "男女均可"), "男女均可");
        assert_eq!(value(ColumnKind::List, "住院、急诊"), "住院|急诊");
    }

    #[test]
    fn days() {
        for cell in ["2026-04-21", "2026/4/21", "2026年4月21日", "20260421", "46133"] {
            assert_eq!(day(cell), Some(jiff::civil::date(2026, 4, 21)), "{cell}");
        }
        assert_eq!(day("2026-02-30"), None);
        assert_eq!(day("即日"), None);
    }

    #[test]
    fn ages() {
        check("2-11岁", "2岁..12岁");
        check("限2~11岁儿童", "2岁..12岁");
        check("5至12岁以下", "5岁..12岁");
        check("28天-12月", "28天..13月");
        check("≥18岁", "18岁..");
        check("18周岁以上", "18岁..");
        check("14岁以下", "..14岁");
        check("≤6岁", "..7岁");
        check("未满28天", "..28天");
        check("儿童", "?");
        check("2岁或3岁", "?");
        check("大于18岁", "?");
    }

    #[track_caller]
    fn check(cell: &str, expected: &str) {
        let range = age_range(cell).map(|(from, below)| {
            format!("{}..{}", from.unwrap_or_default(), below.unwrap_or_default())
        });
        assert_eq!(range.as_deref().unwrap_or("?"), expected, "{cell}");
    }
}
