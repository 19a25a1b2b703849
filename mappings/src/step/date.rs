//! Steps that give dates and times, and the spans between them.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use schemas::Number;

use super::{Outcome, Step};
use crate::compiled::{Compiled, Scene};
use crate::date_pattern::{self, DatePattern};
use crate::datum::{Datum, Fault, Kind};
use crate::expression::Argument;
use crate::step_list::{Arguments, Compilation, Scope};

/// A step that reads a moment, or restates one.
#[derive(Debug)]
pub(crate) enum DateStep {
    Date(Patterns),
    Time(Patterns),
    DateTime(Patterns),
    Sentinel(Vec<Date>),
    DateOf,
    TimeOf,
    At(Compiled),
    InZone(Offset),
    Years(Compiled),
    Days(Compiled),
    Written(DatePattern),
}

/// Date patterns, tried in order, and how they were written.
#[derive(Debug)]
pub(crate) struct Patterns {
    pub(crate) patterns: Vec<DatePattern>,
    pub(crate) written: String,
}

impl DateStep {
    pub(super) fn run<'a>(&'a self, datum: Datum<'a>, scene: &Scene<'a>) -> Outcome<'a> {
        match (self, moment_of(&datum)) {
            (DateStep::At(time), Some(moment)) => Ok(match time.evaluate(scene)? {
                Datum::Time(time) => Datum::DateTime(moment.date().to_datetime(time)),
                _ => Datum::Absent,
            }),
            (DateStep::Years(until), Some(moment)) => span(moment, until, scene, years),
            (DateStep::Days(until), Some(moment)) => span(moment, until, scene, days),
            (step, _) => step.alone(datum),
        }
    }

    /// Whether the result depends on other values.
    pub(crate) fn looks_around(&self) -> bool {
        matches!(self, DateStep::At(_) | DateStep::Years(_) | DateStep::Days(_))
    }

    /// What the step makes of a value without looking at anything else.
    pub(crate) fn alone<'a>(&self, datum: Datum<'a>) -> Outcome<'a> {
        match (self, &datum, moment_of(&datum)) {
            (DateStep::Date(it), Datum::Text(text), _) => {
                it.moment(text).map(|it| Datum::Date(it.date()))
            }
            (DateStep::DateTime(it), Datum::Text(text), _) => it.moment(text).map(Datum::DateTime),
            (DateStep::Time(it), Datum::Text(text), _) => it.time(text),
            (DateStep::Written(pattern), Datum::Time(time), _) => {
                Ok(written(pattern, Date::ZERO.to_datetime(*time)))
            }
            (step, _, Some(moment)) => step.restated(datum, moment),
            _ => Ok(datum),
        }
    }

    fn restated<'a>(&self, datum: Datum<'a>, moment: DateTime) -> Outcome<'a> {
        Ok(match self {
            DateStep::Sentinel(days) if days.contains(&moment.date()) => Datum::Absent,
            DateStep::DateOf => Datum::Date(moment.date()),
            DateStep::TimeOf => Datum::Time(moment.time()),
            DateStep::InZone(zone) => date_pattern::in_china(moment, *zone)
                .map(Datum::DateTime)
                .ok_or_else(|| out_of_calendar(&datum))?,
            DateStep::Written(pattern) => written(pattern, moment),
            _ => datum,
        })
    }
}

pub(crate) fn date(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    Ok((Step::Date(DateStep::Date(Patterns::read(it, true)?)), Kind::Date))
}

pub(crate) fn time(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let patterns = Patterns::read(it, false)?;
    if !patterns.patterns.iter().all(DatePattern::may_have_hour) {
        return Err("every pattern must name the hour (`HH`)".to_owned());
    }
    Ok((Step::Date(DateStep::Time(patterns)), Kind::Time))
}

pub(crate) fn datetime(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let patterns = Patterns::read(it, true)?;
    if !patterns.patterns.iter().any(DatePattern::may_have_hour) {
        return Err("no pattern names the hour, so every time would be midnight; read a `date`, \
                    and say which time of day is meant: `| at(\"00:00\" | time(\"HH:mm\"))`"
            .to_owned());
    }
    Ok((Step::Date(DateStep::DateTime(patterns)), Kind::DateTime))
}

pub(crate) fn sentinel(it: &Arguments<'_>, input: Kind, _: &mut dyn Scope) -> Compilation {
    let mut days = Vec::new();
    for text in it.all_texts()? {
        let day = text.parse::<Date>().ok().filter(|_| text.len() == 10);
        days.push(day.ok_or_else(|| format!("`{text}` is not a day such as 1900-01-01"))?);
    }
    if days.is_empty() {
        days.extend(SENTINELS);
    }
    Ok((Step::Date(DateStep::Sentinel(days)), input))
}

pub(crate) fn date_of(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Date(DateStep::DateOf), Kind::Date)
}

pub(crate) fn time_of(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Date(DateStep::TimeOf), Kind::Time)
}

pub(crate) fn at(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    let time = expression(it, scope)?;
    if time.kind != Kind::Time {
        let word = time.kind.word();
        return Err(format!("`at` needs a time, not {word}; add `| time(\"HH:mm:ss\")` inside"));
    }
    Ok((Step::Date(DateStep::At(time)), Kind::DateTime))
}

pub(crate) fn in_zone(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [text] = it.texts()?;
    let zone = date_pattern::whole_zone(&text)
        .ok_or_else(|| format!("`{text}` is not a zone such as +00:00"))?;
    Ok((Step::Date(DateStep::InZone(zone)), Kind::DateTime))
}

pub(crate) fn years_until(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    Ok((Step::Date(DateStep::Years(moment(it, scope)?)), Kind::Number))
}

pub(crate) fn days_until(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    Ok((Step::Date(DateStep::Days(moment(it, scope)?)), Kind::Number))
}

pub(crate) fn write(it: &Arguments<'_>, input: Kind, _: &mut dyn Scope) -> Compilation {
    let [text] = it.texts()?;
    let pattern = DatePattern::parse(&text)?;
    let needs_date = pattern.has_part_of_date();
    if !pattern.can_write() || (input == Kind::Time && needs_date) {
        return Err(format!("`{text}` cannot be written from {}", input.word()));
    }
    Ok((Step::Date(DateStep::Written(pattern)), Kind::Text))
}

fn expression(it: &Arguments<'_>, scope: &mut dyn Scope) -> Result<Compiled, String> {
    let [Argument::Expression(expression)] = it.call.arguments.as_slice() else {
        return Err(it.usage());
    };
    Ok(scope.expression(expression).ok_or("its argument is not right")?)
}

fn moment(it: &Arguments<'_>, scope: &mut dyn Scope) -> Result<Compiled, String> {
    let moment = expression(it, scope)?;
    if matches!(moment.kind, Kind::Date | Kind::DateTime) {
        return Ok(moment);
    }
    Err(format!("`{}` needs a date, not {}", it.call.name, moment.kind.word()))
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

fn moment_of(datum: &Datum<'_>) -> Option<DateTime> {
    match datum {
        Datum::Date(date) => Some(date.to_datetime(jiff::civil::Time::midnight())),
        Datum::DateTime(moment) => Some(*moment),
        _ => None,
    }
}

fn written<'a>(pattern: &DatePattern, moment: DateTime) -> Datum<'a> {
    Datum::Text(pattern.write(moment).into())
}

/// From the earlier to the later; backwards there is no span, but a finding.
fn span<'a>(
    from: DateTime,
    until: &'a Compiled,
    scene: &Scene<'a>,
    count: fn(Date, Date) -> i32,
) -> Outcome<'a> {
    let Some(until) = moment_of(&until.evaluate(scene)?) else { return Ok(Datum::Absent) };
    if until.date() < from.date() {
        let found = format!("{} → {}", from.date(), until.date());
        let expected = "后一个日期早于前一个，请核对".to_owned();
        return Err(Fault::new("M215", &found, expected));
    }
    let count = count(from.date(), until.date());
    Ok(Number::parse(&count.to_string()).map_or(Datum::Absent, Datum::Number))
}

/// Completed years: who is born on 29 February is a year older on 1 March of other years.
fn years(from: Date, until: Date) -> i32 {
    let had = (until.month(), until.day()) >= (from.month(), from.day());
    i32::from(until.year()) - i32::from(from.year()) - i32::from(!had)
}

fn days(from: Date, until: Date) -> i32 {
    (until - from).get_days()
}

fn out_of_calendar(datum: &Datum<'_>) -> Fault {
    let found = datum.to_text().unwrap_or_default().into_owned();
    Fault::new("M202", &found, "应为真实存在的日期时间".to_owned())
}

/// What programs write where there is no date.
const SENTINELS: [Date; 7] = [
    jiff::civil::date(1, 1, 1),
    jiff::civil::date(1753, 1, 1),
    jiff::civil::date(1899, 12, 30),
    jiff::civil::date(1900, 1, 1),
    jiff::civil::date(2999, 12, 31),
    jiff::civil::date(3000, 1, 1),
    jiff::civil::date(9999, 12, 31),
];
