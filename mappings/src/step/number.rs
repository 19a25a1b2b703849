//! Steps that give numbers: exact decimals, never binary floating point.

use std::borrow::Cow;

use schemas::Number;

use super::{Outcome, Step};
use crate::datum::{Datum, Fault, Kind};
use crate::step_list::{Arguments, Compilation, Scope};

/// A step that makes a number, or restates one.
#[derive(Debug)]
pub(crate) enum NumberStep {
    Decimal,
    Round(u32),
}

impl NumberStep {
    pub(super) fn run<'a>(&self, datum: Datum<'a>) -> Outcome<'a> {
        match (self, datum) {
            (NumberStep::Decimal, Datum::Text(text)) => parsed(&text),
            (NumberStep::Round(scale), Datum::Number(number)) => {
                Ok(Datum::Number(number.round(*scale)))
            }
            (_, datum) => Ok(datum),
        }
    }
}

pub(crate) fn decimal(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Number(NumberStep::Decimal), Kind::Number)
}

pub(crate) fn round(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let scale = it.number()?;
    let scale = u32::try_from(scale.min(18)).unwrap_or(18);
    Ok((Step::Number(NumberStep::Round(scale)), Kind::Number))
}

/// A decimal as hospitals write it: `￥1,234.50`, `60.9000`, `.5`, `32.5元`. Never a float.
fn parsed<'a>(text: &str) -> Outcome<'a> {
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
