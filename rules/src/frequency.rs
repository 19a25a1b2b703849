//! How often a drug is taken: the words of a prescription as times per period.
//!
//! Only written forms whose meaning nobody disputes are known. Local codes (`隔日晨`, `11`) are
//! mapped per site before they come here; what is left unread is unknown, never "once a day".

use rust_decimal::Decimal;

/// How often, in the arithmetic of doses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    /// `times` in every `days` days.
    Regular {
        /// How often in one period.
        times: u32,
        /// The length of the period.
        days: u32,
    },
    /// Once, now: adds to the total of its day and is no daily rate.
    Once,
    /// As needed: without a declared maximum nobody knows the day's total.
    AsNeeded,
    /// A rate (mL/h): needs hours and weight, which no order line carries.
    Continuous,
}

impl Frequency {
    /// Reads `BID`, `b.i.d.`, `Q8H`, `每日两次`, `隔日一次`; `None` when unmapped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Frequency> {
        let text = normalise(text);
        by_code(&text).or_else(|| by_interval(&text)).or_else(|| by_chinese(&text))
    }

    /// Times on a day on which the drug is taken: QOD and QW are once on their day.
    #[must_use]
    pub fn times_on_a_dosing_day(self) -> Option<u32> {
        match self {
            Frequency::Regular { times, days } => Some(times.div_ceil(days)),
            Frequency::Once => Some(1),
            Frequency::AsNeeded | Frequency::Continuous => None,
        }
    }

    /// Mean times per day, for how long a quantity lasts. `Once` has no rate.
    #[must_use]
    pub fn times_per_day(self) -> Option<Decimal> {
        match self {
            Frequency::Regular { times, days } => {
                Decimal::from(times).checked_div(Decimal::from(days))
            }
            _ => None,
        }
    }
}

fn normalise(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '.')
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

const fn regular(times: u32, days: u32) -> Frequency {
    Frequency::Regular { times, days }
}

fn by_code(text: &str) -> Option<Frequency> {
    Some(match text {
        "QD" | "QN" | "QAM" | "QM" | "QPM" | "HS" | "QHS" => regular(1, 1),
        "BID" => regular(2, 1),
        "TID" => regular(3, 1),
        "QID" => regular(4, 1),
        "QH" => regular(24, 1),
        "QOD" => regular(1, 2),
        "QW" => regular(1, 7),
        "BIW" => regular(2, 7),
        "TIW" => regular(3, 7),
        "QOW" => regular(1, 14),
        "ST" | "STAT" => Frequency::Once,
        "PRN" | "SOS" => Frequency::AsNeeded,
        _ => return None,
    })
}

/// `Q8H`, `Q3D`, `Q2W`. A period of hours that does not divide the day is rounded up to the most
/// doses that can fall on one day, since the limit is for the worst day.
fn by_interval(text: &str) -> Option<Frequency> {
    let body = text.strip_prefix('Q')?;
    let unit = body.chars().last()?;
    let number: u32 = body.strip_suffix(unit)?.parse().ok()?;
    match unit {
        'H' if (1..=24).contains(&number) => Some(regular(24_u32.div_ceil(number), 1)),
        'H' if (25..=168).contains(&number) && number.is_multiple_of(24) => {
            Some(regular(1, number / 24))
        }
        'D' if (1..=90).contains(&number) => Some(regular(1, number)),
        'W' if (1..=12).contains(&number) => Some(regular(1, number * 7)),
        _ => None,
    }
}

fn by_chinese(text: &str) -> Option<Frequency> {
    match text {
        "每晚" | "每晚一次" | "每晚1次" | "睡前" | "每早" | "每晨" | "每早一次" =>
        {
            return Some(regular(1, 1));
        }
        "隔日一次" | "隔天一次" | "隔日1次" | "隔天1次" => {
            return Some(regular(1, 2));
        }
        "立即" | "即刻" | "立即执行" => return Some(Frequency::Once),
        "必要时" | "需要时" | "必要时使用" => return Some(Frequency::AsNeeded),
        "持续" | "持续泵入" | "维持" => return Some(Frequency::Continuous),
        _ => {}
    }
    let times = |text: &str| text.strip_suffix('次').and_then(small_number);
    if let Some(rest) = ["每日", "每天", "一日", "1日"].iter().find_map(|w| text.strip_prefix(w))
    {
        return times(rest).map(|times| regular(times, 1));
    }
    if let Some(rest) = ["每周", "一周", "每星期"].iter().find_map(|w| text.strip_prefix(w))
    {
        let times = times(rest).filter(|times| *times <= 7).or_else(|| weekdays(rest));
        return times.map(|times| regular(times, 7));
    }
    let hours = text.strip_prefix('每')?;
    let hours = hours.strip_suffix("小时一次").or_else(|| hours.strip_suffix("小时1次"))?;
    by_interval(&format!("Q{}H", small_number(hours)?))
}

/// "每周一、三、五" names three days: so many times a week, once on each.
fn weekdays(text: &str) -> Option<u32> {
    let mut named = Vec::new();
    for day in text.chars().filter(|c| !matches!(c, '、' | ',' | '，')) {
        if !"一二三四五六日天".contains(day) || named.contains(&day) {
            return None;
        }
        named.push(day);
    }
    u32::try_from(named.len()).ok().filter(|days| *days > 0)
}

fn small_number(text: &str) -> Option<u32> {
    let words = ["一", "二", "三", "四", "五", "六", "七", "八"];
    let number = match words.iter().position(|word| *word == text) {
        Some(position) => u32::try_from(position + 1).ok()?,
        None if text == "两" => 2,
        None => text.parse().ok()?,
    };
    (1..=24).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        // Times on a dosing day, then mean times per day.
        for (texts, expected) in [
            ("QD qd q.d. QN QAM 每日一次 每天1次 每晚 Q24H", "1 1"),
            ("BID bid Q12H 每日两次 每天二次 每12小时一次", "2 2"),
            ("TID Q8H 每日3次 一日三次", "3 3"),
            ("QID Q6H 每6小时一次", "4 4"),
            ("Q4H", "6 6"),
            ("Q3H", "8 8"),
            ("Q2H", "12 12"),
            ("QH Q1H", "24 24"),
            ("QOD 隔日一次 Q48H", "1 0.5"),
            ("BIW", "1 0.2857142857142857142857142857"),
            ("QW 每周一次 每周一 每星期日", "1 0.1428571428571428571428571429"),
            ("TIW 每周一三五 每周一、三、五 每周三次", "1 0.4285714285714285714285714286"),
            ("Q5H", "5 5"),
            ("ST 即刻", "1 -"),
            ("PRN SOS 必要时 持续", "- -"),
        ] {
            for text in texts.split(' ') {
                check(text, expected);
            }
        }
    }

    #[test]
    fn what_is_not_mapped_is_unknown() {
        for text in [
            "11",
            "1/1",
            "隔日晨",
            "饭前",
            "Q0H",
            "Q99H",
            "每日99次",
            "",
            "遵医嘱",
            "QDD",
            "每周一一",
            "每周",
        ] {
            check(text, "unknown");
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let actual = match Frequency::parse(text) {
            None => "unknown".to_owned(),
            Some(frequency) => format!(
                "{} {}",
                shown(frequency.times_on_a_dosing_day().map(|times| times.to_string())),
                shown(frequency.times_per_day().map(|times| times.normalize().to_string())),
            ),
        };
        assert_eq!(actual, expected, "{text}");
    }
}
