//! The lines of one check, prepared once for all rules: product, ingredients, dates, doubts.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::age::BirthRange;
use crate::drug::{DrugTable, Form, Product};
use crate::facts::{Facts, InputFinding, Order, Route};
use crate::mask;
use crate::unit::{Dose, Specification, Unit};

/// A single dose of more pieces than this, or less than the inverse, is a mistake of unit: mg and
/// µg lie a factor of 1,000 apart, while real courses reach fifty tablets at once.
const PIECES_PER_DOSE_MAX: u32 = 100;

/// A prescription is not written for so many days ahead, nor checked so many days later.
const BEGIN_DAYS_OFF_MAX: i32 = 400;

/// All lines, and what is known about the patient's birth.
#[derive(Debug)]
pub struct Session<'a> {
    /// Every order line, in the order sent.
    pub lines: Vec<Line<'a>>,
    /// `None` when nothing believable is known.
    pub birth: Option<BirthRange>,
    /// What turned out not to be believable.
    pub data_findings: Vec<InputFinding>,
}

/// One order line and the product behind it.
#[derive(Debug)]
pub struct Line<'a> {
    /// Its position in the request.
    pub position: usize,
    /// As sent.
    pub order: &'a Order,
    /// From the drug table.
    pub product: Option<&'a Product>,
    /// The day it starts.
    pub begins: Date,
    /// False when the single dose was most likely written in another unit.
    pub dose_is_believable: bool,
}

impl<'a> Session<'a> {
    /// Prepares the lines of a check made at `now`.
    #[must_use]
    pub fn new(facts: &'a Facts, drugs: &'a DrugTable, now: DateTime) -> Session<'a> {
        let mut data_findings = Vec::new();
        let birth = birth(facts, now.date(), &mut data_findings);
        let orders = facts.orders.present().map_or(&[][..], Vec::as_slice);
        let lines = orders.iter().enumerate().map(|(position, order)| {
            let mut line = Line {
                position,
                order,
                product: drugs.find(order),
                begins: begins(order, now.date(), &mut data_findings),
                dose_is_believable: true,
            };
            line.doubt_the_dose(&mut data_findings);
            line
        });
        let lines = lines.collect();
        Session { lines, birth, data_findings }
    }
}

impl<'a> Line<'a> {
    /// The name for an answer.
    #[must_use]
    pub fn name(&self) -> &'a str {
        let named = self.order.name.as_deref().or(self.product.map(|p| p.name.as_str()));
        named.or(self.order.hospital_code.as_deref()).unwrap_or("药品")
    }

    /// The path of one of its elements.
    #[must_use]
    pub fn path(&self, element: &str) -> String {
        format!("orders[{}].{element}", self.order.rx_id)
    }

    /// The national code, as sent or as mapped by the drug table.
    #[must_use]
    pub fn national_code(&self) -> Option<&'a str> {
        let mapped = || self.product.and_then(|product| product.national_code.as_deref());
        self.order.national_code.as_deref().or_else(mapped)
    }

    /// Its ingredients by the drug table, else as sent; `None` when nobody knows.
    #[must_use]
    pub fn ingredients(&self) -> Option<Vec<&'a str>> {
        if let Some(product) = self.product {
            return Some(product.ingredients.iter().map(|i| i.name.as_str()).collect());
        }
        let sent = &self.order.ingredients;
        (!sent.is_empty()).then(|| sent.iter().map(String::as_str).collect())
    }

    /// How it is taken: what the doctor wrote, else what the product is made for.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        let written = self.order.route.map(|route| match route {
            Route::Oral => Form::Oral,
            Route::Injection => Form::Injection,
            Route::Topical => Form::Topical,
            Route::Inhaled => Form::Inhaled,
            Route::Other => Form::Other,
        });
        written.or(self.product.map(|product| product.form))
    }

    /// Whether it acts on the whole body; what is put on the skin or in the eye does not add up.
    #[must_use]
    pub fn is_systemic(&self) -> bool {
        self.form() != Some(Form::Topical)
            && self.product.is_none_or(|product| product.form != Form::Topical)
    }

    /// What one piece holds of its only ingredient.
    #[must_use]
    pub fn strength(&self) -> Option<Dose> {
        match self.product.map(|product| product.ingredients.as_slice()) {
            Some([only]) => only.strength,
            Some(_) => None,
            None => self.specification().map(|found| found.strength),
        }
    }

    /// What the specification says.
    #[must_use]
    pub fn specification(&self) -> Option<Specification> {
        Specification::parse(self.order.specification.as_deref()?)
    }

    /// The last day on which it is taken, when that is known.
    #[must_use]
    pub fn ends(&self) -> Option<Date> {
        let by_days = || {
            let days = self.order.days?.ceil().to_i32()?;
            self.begins.checked_add((days - 1).days()).ok()
        };
        // A stop before the start is no stop.
        let stops = self.order.stops.map(DateTime::date).filter(|stop| *stop >= self.begins);
        stops.or_else(by_days)
    }

    /// Whether both are taken on some day; an unknown end counts as going on.
    #[must_use]
    pub fn overlaps(&self, other: &Line<'_>) -> bool {
        self.ends().is_none_or(|end| other.begins <= end)
            && other.ends().is_none_or(|end| self.begins <= end)
    }

    /// Paid by the patient alone.
    #[must_use]
    pub fn is_self_paid(&self) -> bool {
        self.order.amount.is_some_and(|sum| sum > Decimal::ZERO && self.order.own_pay == Some(sum))
    }

    fn doubt_the_dose(&mut self, findings: &mut Vec<InputFinding>) {
        let Some(pieces) = self.pieces_per_dose() else { return };
        let max = Decimal::from(PIECES_PER_DOSE_MAX);
        let is_tiny = pieces.checked_mul(max).is_some_and(|product| product < Decimal::ONE);
        if pieces <= max && !is_tiny {
            return;
        }
        self.dose_is_believable = false;
        findings.push(InputFinding {
            code: "C302",
            path: self.path("drug_used_sdose"),
            found: self.order.single_dose.map(|dose| dose.to_string()).unwrap_or_default(),
            expected: "核对单次剂量与单位，与药品规格相差过大".to_owned(),
        });
    }

    /// How many pieces one intake is, when the units allow to say.
    #[must_use]
    pub fn pieces_per_dose(&self) -> Option<Decimal> {
        let (amount, unit) = self.order.single_dose.zip(self.order.dose_unit.as_ref())?;
        match unit {
            Unit::Piece(_) if self.is_its_piece(unit) => Some(amount),
            Unit::Piece(_) => None,
            Unit::Measured { .. } => {
                let dose = Dose::of(amount, unit)?;
                let strength = self.strength().filter(|s| s.dimension == dose.dimension)?;
                dose.amount.checked_div(strength.amount)
            }
        }
    }

    /// Whether a unit counts pieces of this product.
    #[must_use]
    pub fn is_its_piece(&self, unit: &Unit) -> bool {
        match self.product {
            Some(product) => product.piece.as_ref() == Some(unit),
            None => self
                .specification()
                .and_then(|found| found.pieces)
                .is_some_and(|(_, piece)| *unit == Unit::Piece(piece)),
        }
    }

    /// Pieces in one package, by the drug table, else by the specification.
    #[must_use]
    pub fn pieces_per_package(&self) -> Option<Decimal> {
        let table = self.product.and_then(|product| product.pieces_per_package);
        table.or_else(|| self.specification()?.pieces.map(|(count, _)| count))
    }
}

/// The birth date when it was sent, else what an age leaves possible; what cannot be is told.
fn birth(facts: &Facts, on: Date, findings: &mut Vec<InputFinding>) -> Option<BirthRange> {
    let patient = facts.patient.present()?;
    let mut doubt = |code, element: &str, found: &str, expected: &str| {
        findings.push(InputFinding {
            code,
            path: format!("patient.{element}"),
            found: mask::shown(element, found),
            expected: expected.to_owned(),
        });
    };
    if let Some(birth) = patient.birth {
        let range = BirthRange::exact(birth, on);
        if range.is_none() && birth > on {
            doubt("C304", "brdy", &birth.to_string(), "核对出生日期，不能晚于今天");
        } else if range.is_none() {
            doubt("C305", "brdy", &birth.to_string(), "核对出生日期，年龄不能超过130岁");
        }
        return range;
    }
    let age = patient.age?;
    let range = BirthRange::from_age(age, on);
    if range.is_none() {
        doubt("C305", "age", &age.to_string(), "核对年龄，不能超过130岁");
    }
    range
}

/// The day an order starts; a date far off is not believed and today is taken.
fn begins(order: &Order, today: Date, findings: &mut Vec<InputFinding>) -> Date {
    let Some(begins) = order.begins.map(DateTime::date) else { return today };
    let days = begins.since(today).map_or(i32::MAX, |span| span.get_days());
    if days.abs() <= BEGIN_DAYS_OFF_MAX {
        return begins;
    }
    findings.push(InputFinding {
        code: "C302",
        path: format!("orders[{}].drord_begn_date", order.rx_id),
        found: begins.to_string(),
        expected: "核对医嘱开始日期".to_owned(),
    });
    today
}
