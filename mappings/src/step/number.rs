//! Steps that give numbers: exact decimals, never binary floating point.

use std::borrow::Cow;
use std::sync::Arc;

use schemas::Number;

use super::{Outcome, Step};
use crate::age::{self, AgeUnit};
use crate::compiled::{Compiled, Scene};
use crate::datum::{Datum, Fault, Kind};
use crate::exact;
use crate::expression::Argument;
use crate::step_list::{Arguments, Compilation, Scope, literal, number_of, text_of};
use crate::suggestion;
use crate::units::Units;

/// A step that makes a number, or restates one.
#[derive(Debug)]
pub(crate) enum NumberStep {
    Decimal,
    Percent,
    Age(AgeUnit),
    Round(u32),
    Absolute,
    Negate,
    Plus(Compiled),
    Minus(Compiled),
    Times(Compiled),
    Over { by: Compiled, places: u32 },
    Unit { units: Arc<Units>, from: Compiled, to: Compiled },
}

impl NumberStep {
    pub(super) fn run<'a>(&'a self, datum: Datum<'a>, scene: &Scene<'a>) -> Outcome<'a> {
        match datum {
            Datum::Number(number) => self.restate(number, scene),
            datum => self.alone(datum),
        }
    }

    /// What the step makes of a value without looking at anything else.
    pub(crate) fn alone<'a>(&self, datum: Datum<'a>) -> Outcome<'a> {
        match (self, datum) {
            (NumberStep::Decimal, Datum::Text(text)) => parsed(&text),
            (NumberStep::Percent, Datum::Text(text)) => percent(&text),
            (NumberStep::Age(unit), Datum::Text(text)) => aged(&text, *unit),
            (NumberStep::Round(scale), Datum::Number(it)) => Ok(Datum::Number(it.round(*scale))),
            (NumberStep::Negate, Datum::Number(it)) => Ok(Datum::Number(exact::negative(&it))),
            (NumberStep::Absolute, Datum::Number(it)) if it.is_negative() => {
                Ok(Datum::Number(exact::negative(&it)))
            }
            (_, datum) => Ok(datum),
        }
    }

    /// Whether the result depends on other values.
    pub(crate) fn looks_around(&self) -> bool {
        use NumberStep::{Minus, Over, Plus, Times, Unit};
        matches!(self, Plus(_) | Minus(_) | Times(_) | Over { .. } | Unit { .. })
    }

    fn restate<'a>(&'a self, number: Number, scene: &Scene<'a>) -> Outcome<'a> {
        match self {
            NumberStep::Plus(other) => computed(&number, other, scene, exact::sum),
            NumberStep::Minus(other) => computed(&number, other, scene, exact::difference),
            NumberStep::Times(other) => computed(&number, other, scene, exact::product),
            NumberStep::Over { by, places } => {
                computed(&number, by, scene, |a, b| exact::quotient(a, b, *places))
            }
            NumberStep::Unit { units, from, to } => converted(&number, units, (from, to), scene),
            step => step.alone(Datum::Number(number)),
        }
    }
}

pub(crate) fn decimal(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Number(NumberStep::Decimal), Kind::Number)
}

pub(crate) fn percentage(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Number(NumberStep::Percent), Kind::Number)
}

pub(crate) fn age(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [unit] = it.texts()?;
    let found = AgeUnit::ALL.iter().find(|(name, _)| *name == unit);
    let (_, unit) = found.ok_or_else(|| it.usage())?;
    Ok((Step::Number(NumberStep::Age(*unit)), Kind::Number))
}

pub(crate) fn round(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let scale = it.number()?;
    let scale = u32::try_from(scale.min(18)).unwrap_or(18);
    Ok((Step::Number(NumberStep::Round(scale)), Kind::Number))
}

pub(crate) fn abs(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Number(NumberStep::Absolute), Kind::Number)
}

pub(crate) fn negate(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Number(NumberStep::Negate), Kind::Number)
}

pub(crate) fn plus(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    Ok((Step::Number(NumberStep::Plus(only_number(it, scope)?)), Kind::Number))
}

pub(crate) fn minus(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    Ok((Step::Number(NumberStep::Minus(only_number(it, scope)?)), Kind::Number))
}

pub(crate) fn times(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    Ok((Step::Number(NumberStep::Times(only_number(it, scope)?)), Kind::Number))
}

pub(crate) fn over(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    let [by, Argument::Number(places)] = it.call.arguments.as_slice() else {
        return Err(it.usage());
    };
    let by = number_of(by, scope)?;
    let places = u32::try_from(*places).ok().filter(|it| *it <= exact::PLACES_MAX);
    let places = places.ok_or_else(|| format!("at most {} places", exact::PLACES_MAX))?;
    Ok((Step::Number(NumberStep::Over { by, places }), Kind::Number))
}

pub(crate) fn unit(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    let [name, from, to] = it.call.arguments.as_slice() else { return Err(it.usage()) };
    let units = scope.units(&literal(name).ok_or_else(|| it.usage())?)?;
    if let Some(stray) = [from, to].into_iter().filter_map(literal).find(|it| !units.knows(it)) {
        let hint = suggestion(&stray, units.names());
        return Err(format!("{} has no unit `{stray}`{hint}", units.file()));
    }
    let (from, to) = (text_of(from, scope)?, text_of(to, scope)?);
    Ok((Step::Number(NumberStep::Unit { units, from, to }), Kind::Number))
}

fn only_number(it: &Arguments<'_>, scope: &mut dyn Scope) -> Result<Compiled, String> {
    let [argument] = it.call.arguments.as_slice() else { return Err(it.usage()) };
    number_of(argument, scope)
}

/// Where the other number is missing there is no result; `default(0)` makes it a zero.
fn computed<'a>(
    number: &Number,
    other: &'a Compiled,
    scene: &Scene<'a>,
    by: impl Fn(&Number, &Number) -> Option<Number>,
) -> Outcome<'a> {
    let Datum::Number(other) = other.evaluate(scene)? else { return Ok(Datum::Absent) };
    by(number, &other).map(Datum::Number).ok_or_else(|| {
        let found = format!("{number}, {other}");
        Fault::new("M214", &found, "两个数算不出结果：位数过多，或除数为零".to_owned())
    })
}

fn converted<'a>(
    number: &Number,
    units: &Units,
    (from, to): (&'a Compiled, &'a Compiled),
    scene: &Scene<'a>,
) -> Outcome<'a> {
    let (from, to) = (from.evaluate(scene)?, to.evaluate(scene)?);
    let pair = from.to_text().zip(to.to_text());
    let result = pair.as_ref().and_then(|(from, to)| units.convert(number, from, to));
    result.map(Datum::Number).ok_or_else(|| {
        let shown = |it: Option<Cow<'_, str>>| it.map_or("?".to_owned(), Cow::into_owned);
        let found = format!("{} → {}", shown(from.to_text()), shown(to.to_text()));
        let expected = format!("单位不能换算：请送单位，或在 {} 中补上这一对单位", units.file());
        Fault::new("M212", &found, expected)
    })
}

fn aged<'a>(text: &str, unit: AgeUnit) -> Outcome<'a> {
    let number = age::age(text, unit).and_then(|it| Number::parse(&it.to_string()));
    number.map(Datum::Number).ok_or_else(|| {
        let expected = "应为年龄，例如 56、3岁2月、25天，且能得出所要的单位".to_owned();
        Fault::new("M208", text, expected)
    })
}

fn percent<'a>(text: &str) -> Outcome<'a> {
    let bare = text.trim();
    let bare = bare.strip_suffix(['%', '％']).unwrap_or(bare).trim();
    let number = Number::parse(bare)
        .and_then(|it| exact::product(&it, &Number::parse("0.01")?))
        .ok_or_else(|| Fault::new("M201", text, "应为百分数，例如 30%".to_owned()))?;
    Ok(Datum::Number(exact::plain(&number)))
}

/// A decimal as hospitals write it: `￥1,234.50`, `60.9000`, `.5`, `32.5元`. Never a float.
fn parsed<'a>(text: &str) -> Outcome<'a> {
    // Most numbers are written plainly.
    if let Some(number) = Number::parse(text) {
        return Ok(Datum::Number(number));
    }
    let bare = text.trim();
    let bare = bare.strip_prefix(['￥', '¥', '＄', '$']).unwrap_or(bare);
    let bare = bare.strip_suffix('元').unwrap_or(bare).trim();
    let number = match ungrouped(bare) {
        Some(plain) => Number::parse(&plain),
        None => None,
    };
    let expected = || "应为十进制数字，例如 60.90，不带单位和文字".to_owned();
    number.map(Datum::Number).ok_or_else(|| Fault::new("M201", text, expected()))
}

/// Without thousands commas, if they stand where thousands commas stand.
fn ungrouped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(',') {
        return Some(Cow::Borrowed(text));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = whole.trim_start_matches(['-', '+']).split(',');
    let first = groups.next()?;
    let well_formed =
        (1..=3).contains(&first.len()) && groups.all(|it| it.len() == 3) && !fraction.contains(',');
    well_formed.then(|| Cow::Owned(text.replace(',', "")))
}
