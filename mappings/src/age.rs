//! Ages as hospitals write them: `56`, `56岁`, `3岁2月`, `25天`, `6小时`, `56Y`.
//!
//! An age is not a birth date and is never turned into one. Asked in another unit than it was
//! written in, it is told only when every birth date that fits gives the same answer: `25天` is 0
//! years, `56岁` is no number of months.

/// What an age is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgeUnit {
    Years,
    Months,
    Days,
}

impl AgeUnit {
    pub(crate) const ALL: &[(&str, AgeUnit)] =
        &[("years", AgeUnit::Years), ("months", AgeUnit::Months), ("days", AgeUnit::Days)];
}

/// An age taken apart; a part that was not said is not known.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    years: Option<u32>,
    months: Option<u32>,
    hours: Option<u32>,
}

/// The completed years, months or days; `None` when the text is no age or does not tell.
pub(crate) fn age(text: &str, unit: AgeUnit) -> Option<u32> {
    let said = Said::read(text)?;
    match unit {
        AgeUnit::Years => said.completed_years(),
        AgeUnit::Months => said.completed_months(),
        AgeUnit::Days => said.completed_days(),
    }
}

impl Said {
    fn read(text: &str) -> Option<Said> {
        let bare: String = text.chars().filter(|it| !it.is_whitespace()).collect();
        let mut said = Said::default();
        let mut rest = bare.as_str();
        while !rest.is_empty() {
            let (whole, fraction, behind) = number(rest)?;
            let end = behind.find(|it: char| it.is_ascii_digit()).unwrap_or(behind.len());
            let (word, behind) = behind.split_at_checked(end)?;
            said.add(whole, fraction, word)?;
            rest = behind;
        }
        (said != Said::default()).then_some(said)
    }

    /// Each part once, from coarse to fine: `2月3岁` is a slip, not an age.
    fn add(&mut self, whole: u32, fraction: &str, word: &str) -> Option<()> {
        let is_whole = fraction.bytes().all(|it| it == b'0');
        let first = *self == Said::default();
        match word {
            "" | "岁" | "周岁" | "年" | "Y" | "y" if first => {
                self.years = Some(whole);
                if !is_whole {
                    self.months = Some(months_of(fraction)?);
                }
            }
            "个月" | "月" | "M" | "m" if self.months.is_none() && self.hours.is_none() => {
                self.months = is_whole.then_some(whole);
                self.months?;
            }
            "周" | "W" | "w" if is_whole => self.add_hours(whole, 168)?,
            "天" | "日" | "D" | "d" => self.add_hours(whole, 24)?,
            "小时" | "时" | "H" | "h" => self.add_hours(whole, 1)?,
            "分钟" | "分" => self.add_hours(0, 1)?,
            _ => return None,
        }
        Some(())
    }

    fn add_hours(&mut self, count: u32, each: u32) -> Option<()> {
        let hours = count.checked_mul(each)?;
        self.hours = Some(self.hours.unwrap_or(0).checked_add(hours)?);
        Some(())
    }

    fn completed_years(&self) -> Option<u32> {
        match (self.years, self.months) {
            (None, None) => same(self.days()?, 366, 365),
            (years, months) => years.unwrap_or(0).checked_add(months.unwrap_or(0) / 12),
        }
    }

    fn completed_months(&self) -> Option<u32> {
        match (self.years, self.months) {
            (None, None) => same(self.days()?, 31, 28),
            (Some(_), None) => None,
            (years, Some(months)) => years.unwrap_or(0).checked_mul(12)?.checked_add(months),
        }
    }

    fn completed_days(&self) -> Option<u32> {
        if self.years.is_some() || self.months.is_some() { None } else { self.days() }
    }

    fn days(&self) -> Option<u32> {
        self.hours.map(|it| it / 24)
    }
}

/// The count, if the longest and the shortest of its months or years give the same.
fn same(days: u32, longest: u32, shortest: u32) -> Option<u32> {
    (days / longest == days / shortest).then_some(days / shortest)
}

/// Half a year is six months; a third of one cannot be written.
fn months_of(fraction: &str) -> Option<u32> {
    match fraction.trim_end_matches('0') {
        "25" => Some(3),
        "5" => Some(6),
        "75" => Some(9),
        _ => None,
    }
}

/// Digits before and behind the point, and what follows. Nobody is older than four digits of days
/// times ten.
fn number(text: &str) -> Option<(u32, &str, &str)> {
    let digits = |it: &str| it.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at_checked(digits(text))?;
    let whole: u32 = whole.parse().ok().filter(|it| *it < 100_000)?;
    match rest.strip_prefix('.') {
        Some(behind) => {
            let (fraction, rest) = behind.split_at_checked(digits(behind))?;
            Some((whole, fraction, rest))
        }
        None => Some((whole, "", rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_it_was_written() {
        check("56", AgeUnit::Years, "56");
        check("56.0", AgeUnit::Years, "56");
        check("56岁", AgeUnit::Years, "56");
        check("3岁2月", AgeUnit::Years, "3");
        check("3岁2个月", AgeUnit::Months, "38");
        check("1岁2月15天", AgeUnit::Months, "14");
        check("25天", AgeUnit::Days, "25");
        check("2周3天", AgeUnit::Days, "17");
        check("6小时", AgeUnit::Days, "0");
        check("9.25天", AgeUnit::Days, "9");
        check("0.5岁", AgeUnit::Months, "6");
        check(" 18 M ", AgeUnit::Years, "1");
    }

    #[test]
    fn in_another_unit_only_when_it_is_certain() {
        check("25天", AgeUnit::Years, "0");
        check("25天", AgeUnit::Months, "0");
        check("400天", AgeUnit::Years, "1");
        check("365天", AgeUnit::Years, "unknown");
        check("30天", AgeUnit::Months, "unknown");
        check("56岁", AgeUnit::Months, "unknown");
        check("3岁2月", AgeUnit::Days, "unknown");
    }

    #[test]
    fn what_is_no_age() {
        for text in ["", "成人", "五十六", "56岁7岁", "2月3岁", "-1", "1.2.3", "3.5月", "999999天"]
        {
            check(text, AgeUnit::Years, "unknown");
        }
    }

    #[track_caller]
    fn check(text: &str, unit: AgeUnit, expected: &str) {
        let actual = age(text, unit).map_or("unknown".to_owned(), |it| it.to_string());
        assert_eq!(actual, expected, "{text}");
    }
}
