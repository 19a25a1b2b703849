//! How much of a drug a liquid holds, as labels write it: `10%`, `10%×10ml`, `10ml:1g`, `100mg/ml×5支`.
//!
//! Per cent of a liquid is grams in 100 mL; of an ointment it is grams in 100 g, which says nothing of
//! millilitres. Which of them it is, the volume or the mass beside it says, or else the form. A label
//! with anything in it that is not understood says nothing.

use rust_decimal::Decimal;

use crate::drug::Form;
use crate::number::decimal;
use crate::unit::{Dimension, Dose, Unit};

/// So much of the liquid holds so much of the drug.
pub(crate) type Concentration = (Dose, Dose);

/// What a specification says, of a product that is taken in a form.
pub(crate) fn of_specification(text: &str, form: Option<Form>) -> Option<Concentration> {
    let mut label = Label::default();
    for part in text.split(BETWEEN).map(str::trim).filter(|part| !part.is_empty()) {
        label.add(part)?;
    }
    label.concentration(form)
}

/// `10%` of a liquid: 1 mL holds 100 mg. `None` of what may be an ointment.
pub(crate) fn of_percent(text: &str, form: Form) -> Option<Concentration> {
    let per_cent = percent(text.trim())?;
    is_liquid(form).then(|| in_one_ml(per_cent)).flatten()
}

#[derive(Default)]
struct Label {
    per_cent: Option<Decimal>,
    volume: Option<Dose>,
    drug: Option<Dose>,
}

impl Label {
    /// `None` for what is not understood, or said twice.
    fn add(&mut self, part: &str) -> Option<()> {
        if let Some(per_cent) = percent(part) {
            return self.per_cent.replace(per_cent).is_none().then_some(());
        }
        if let Some(dose) = Dose::parse(part).or_else(|| one(part)) {
            let is_volume = dose.dimension == Dimension::Volume;
            let place = if is_volume { &mut self.volume } else { &mut self.drug };
            let is_first = dose.amount > Decimal::ZERO && place.replace(dose).is_none();
            return is_first.then_some(());
        }
        // How many there are in a package.
        let unit = part.trim_start_matches(|it: char| it.is_ascii_digit());
        matches!(Unit::parse(unit), Some(Unit::Piece(_))).then_some(())
    }

    fn concentration(&self, form: Option<Form>) -> Option<Concentration> {
        match (self.per_cent, self.volume, self.drug) {
            (None, Some(volume), Some(drug)) => Some((volume, drug)),
            (Some(per_cent), Some(_), None) => in_one_ml(per_cent),
            (Some(per_cent), None, None) => {
                form.filter(|form| is_liquid(*form)).and_then(|_| in_one_ml(per_cent))
            }
            (Some(per_cent), Some(volume), Some(drug)) => {
                let (_, in_one) = in_one_ml(per_cent)?;
                let agrees = in_one.amount.checked_mul(volume.amount)? == drug.amount
                    && in_one.dimension == drug.dimension;
                agrees.then_some((volume, drug))
            }
            (_, None, _) | (None, Some(_), None) => None,
        }
    }
}

/// `ml` behind a stroke is one of it.
fn one(part: &str) -> Option<Dose> {
    Dose::of(Decimal::ONE, &Unit::parse(part)?).filter(|it| it.dimension == Dimension::Volume)
}

fn percent(text: &str) -> Option<Decimal> {
    let number = text.strip_suffix(['%', '％'])?;
    decimal(number).filter(|it| *it > Decimal::ZERO && *it <= Decimal::ONE_HUNDRED)
}

fn in_one_ml(per_cent: Decimal) -> Option<Concentration> {
    let dose = |amount, dimension| Dose { amount, dimension };
    let mg = per_cent.checked_mul(Decimal::TEN)?;
    Some((dose(Decimal::ONE, Dimension::Volume), dose(mg, Dimension::Mass)))
}

/// What is put on the skin may be a lotion or an ointment.
fn is_liquid(form: Form) -> bool {
    matches!(form, Form::Oral | Form::Injection | Form::Inhaled)
}

const BETWEEN: [char; 12] = ['*', '×', 'x', 'X', ':', '：', '/', ' ', '(', ')', '（', '）'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        check("10%", "1mL 100mg");
        check("0.9%:250ml", "1mL 9mg");
        check("10%×10ml×5支", "1mL 100mg");
        check("10ml:1g", "10mL 1g");
        check("1g:10ml*5支/盒", "10mL 1g");
        check("100mg/ml", "1mL 100mg");
        check("10ml:1g（10%）", "10mL 1g");
        check("2ml:8万单位", "2mL 80000IU");
        check("10ml:13.4mmol", "10mL 13.4mmol");
    }

    #[test]
    fn what_says_nothing_of_a_millilitre() {
        for text in [
            "1%×10g",
            "10%:5%",
            "325mg/30mg",
            "5mg*7片",
            "250ml",
            "10ml:葡萄糖1g",
            "0%",
            "101%",
            "10ml:2g（10%）",
            "10ml:1g:5g",
            "",
        ] {
            check(text, "nothing");
        }
    }

    #[test]
    fn the_form_of_per_cent_alone() {
        let of = |form| of_specification("5%", form).is_some();
        assert!(of(Some(Form::Oral)) && of(Some(Form::Inhaled)));
        assert!(!of(Some(Form::Topical)) && !of(Some(Form::Other)) && !of(None));
        assert!(of_percent("5%", Form::Topical).is_none());
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = of_specification(text, Some(Form::Injection));
        let told =
            found.map_or_else(|| "nothing".to_owned(), |(one, other)| format!("{one} {other}"));
        assert_eq!(told, expected, "{text}");
    }
}
