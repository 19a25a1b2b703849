//! Doses that are not one: raised or lowered step by step, or left open within bounds.
//!
//! ```text
//! "step_sdose": "5,10,20"      "step_sdose": [5, 10, 20]      "drug_used_sdose": "5-10"      5→10→20mg
//! ```
//!
//! What matters is the smallest and the largest: the usual dose is the smallest, and where only the
//! largest is over a limit, that is slight. For how many days a quantity lasts is not known then.

use rust_decimal::Decimal;

use crate::facts::Order;
use crate::groups::DOSE;
use crate::json::Json;
use crate::number::decimal;
use crate::reading::{Object, Reading};
use crate::request::asked::Kind;

/// The smallest and the largest step.
pub(crate) type Steps = (Decimal, Decimal);

/// Reads the dose of one intake: a number, or steps in its place or beside it.
pub(crate) fn read(object: &Object<'_>, order: &mut Order, reading: &mut Reading) {
    reading.note(object, "drug_used_sdose", || Kind::Dose);
    let in_its_place = match object.json.get("drug_used_sdose") {
        Some(Json::Text(text)) => of_text(text),
        _ => None,
    };
    if in_its_place.is_none() {
        order.single_dose = reading.number(object, "drug_used_sdose", DOSE);
    }
    let Some((least, most)) = in_its_place.or_else(|| beside(object, reading)) else { return };
    if most > Decimal::from(DOSE.max) {
        reading.doubt("C302", (object, "drug_used_sdose"), &most.to_string(), DOSE.expected);
        order.single_dose = None;
        return;
    }
    let single = *order.single_dose.get_or_insert(least);
    order.largest_dose = (most > single).then_some(most);
}

/// `step_sdose`, a list or a text.
fn beside(object: &Object<'_>, reading: &mut Reading) -> Option<Steps> {
    reading.note(object, "step_sdose", || Kind::Steps);
    let sent = object.json.get("step_sdose")?;
    let text = match sent {
        Json::List(items) => {
            let number = |item: &Json<'_>| match item {
                Json::Text(text) | Json::Number(text) => text.trim().to_owned(),
                _ => String::new(),
            };
            items.iter().map(number).collect::<Vec<_>>().join(",")
        }
        _ => reading.text(object, "step_sdose")?,
    };
    let steps = of_text(&text);
    if steps.is_none() && is_numbers(sent) {
        reading.doubt("C302", (object, "step_sdose"), &text, DOSE.expected);
    } else if steps.is_none() {
        let path = object.path_of("step_sdose");
        reading.fault("C201", path, text, "发送各步的单次剂量，如「5,10,20」，不带单位");
    }
    steps
}

/// Whether it has the form of steps, be they doses or not.
fn is_numbers(sent: &Json<'_>) -> bool {
    matches!(sent, Json::List(items) if items.iter().all(|it| matches!(it, Json::Number(_))))
}

/// `5-10`, `5~10`, `5→10→20`, `5,10,20`; one number is none, and neither is what looks like a date.
pub(crate) fn of_text(text: &str) -> Option<Steps> {
    let parts: Vec<&str> = match text.split_once(BOUNDS) {
        Some((least, most)) => vec![least, most],
        None => text.split(STEPS).collect(),
    };
    let number = |part: &&str| decimal(part.trim()).filter(|it| *it > Decimal::ZERO);
    let steps = parts.iter().map(number).collect::<Option<Vec<Decimal>>>()?;
    if !(2..=STEPS_MAX).contains(&steps.len()) {
        return None;
    }
    Some((*steps.iter().min()?, *steps.iter().max()?))
}

const BOUNDS: [char; 4] = ['-', '~', '～', '至'];
const STEPS: [char; 5] = ['→', ',', '，', '、', ';'];
const STEPS_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_bounds() {
        check("5-10", "5 10");
        check("0.5~1", "0.5 1");
        check("10至5", "5 10");
        check("5→10 → 20", "5 20");
        check("20, 10, 5", "5 20");
    }

    #[test]
    fn what_is_one_number_or_none() {
        for text in ["5", "-5", "5-", "5-0", "2026-01-01", "5→", "a-b", "", "5,-10"] {
            check(text, "none");
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told = of_text(text)
            .map_or_else(|| "none".to_owned(), |(least, most)| format!("{least} {most}"));
        assert_eq!(told, expected, "{text}");
    }
}
