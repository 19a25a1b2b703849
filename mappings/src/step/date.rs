//! Steps that give dates and times.

use jiff::civil::DateTime;

use super::{Outcome, Step};
use crate::date_pattern::DatePattern;
use crate::datum::{Datum, Fault, Kind};
use crate::step_list::{Arguments, Compilation, Scope};

/// A step that reads a moment.
#[derive(Debug)]
pub(crate) enum DateStep {
    Date(Patterns),
    Time(Patterns),
    DateTime(Patterns),
}

/// Date patterns, tried in order, and how they were written.
#[derive(Debug)]
pub(crate) struct Patterns {
    pub(crate) patterns: Vec<DatePattern>,
    pub(crate) written: String,
}

impl DateStep {
    pub(super) fn run<'a>(&self, text: &str) -> Outcome<'a> {
        match self {
            DateStep::Date(patterns) => patterns.moment(text).map(|it| Datum::Date(it.date())),
            DateStep::DateTime(patterns) => patterns.moment(text).map(Datum::DateTime),
            DateStep::Time(patterns) => patterns.time(text),
        }
    }
}

pub(crate) fn date(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    Ok((Step::Date(DateStep::Date(Patterns::read(it, true)?)), Kind::Date))
}

pub(crate) fn time(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    Ok((Step::Date(DateStep::Time(Patterns::read(it, false)?)), Kind::Time))
}

pub(crate) fn datetime(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    Ok((Step::Date(DateStep::DateTime(Patterns::read(it, true)?)), Kind::DateTime))
}

impl Patterns {
    fn read(arguments: &Arguments<'_>, needs_date: bool) -> Result<Patterns, String> {
        let texts = arguments.some_texts()?;
        let patterns =
            texts.iter().map(|it| DatePattern::parse(it)).collect::<Result<Vec<_>, _>>()?;
        if needs_date && !patterns.iter().all(DatePattern::has_date) {
            return Err("every pattern must name year, month and day".to_owned());
        }
        Ok(Patterns { patterns, written: texts.join(" 或 ") })
    }

    fn moment(&self, text: &str) -> Result<DateTime, Fault> {
        self.patterns.iter().find_map(|it| it.moment(text)).ok_or_else(|| self.fault(text))
    }

    fn time<'a>(&self, text: &str) -> Outcome<'a> {
        let time = self.patterns.iter().find_map(|it| it.time(text));
        time.map(Datum::Time).ok_or_else(|| self.fault(text))
    }

    fn fault(&self, text: &str) -> Fault {
        let expected = format!("应为真实存在的日期时间，格式为 {}", self.written);
        Fault::new("M202", text, expected)
    }
}
