//! Units of dose: mass in mg, volume in mL, activity in IU, and the pieces one swallows.
//!
//! g and mg convert by themselves. Pieces (片, 粒, 支) convert only by the strength of a product,
//! IU and mmol only by tables we do not have: such a question stays unknown.

use std::fmt;

use rust_decimal::Decimal;

use crate::number::decimal;

/// What a measured dose measures; its amount is kept in the unit named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Milligrams.
    Mass,
    /// Millilitres.
    Volume,
    /// International units.
    Activity,
    /// Millimoles.
    Substance,
}

/// A unit as an order line writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// A physical unit and its factor to the base unit of the dimension.
    Measured {
        /// What it measures.
        dimension: Dimension,
        /// How many base units one of it is.
        factor: Decimal,
    },
    /// 片, 粒, 支, 袋 ...: one piece of the product.
    Piece(&'static str),
    /// A measured unit in a time, perhaps for each kilogram of body: `μg/kg/min`, `mL/h`.
    Rate {
        /// What it measures.
        dimension: Dimension,
        /// How many base units one of it is.
        factor: Decimal,
        /// For each kilogram of body.
        per_kg: bool,
        /// In how many minutes.
        minutes: u32,
    },
}

impl Unit {
    /// `None` when the unit is not known; `MU` is left out on purpose, it is read two ways.
    #[must_use]
    pub fn parse(text: &str) -> Option<Unit> {
        let text = text.trim();
        piece(text).or_else(|| {
            let text = text.to_lowercase();
            measured(&text).or_else(|| rate(&text))
        })
    }

    /// Whether the piece is a package (盒) and not something that is taken (片).
    #[must_use]
    pub fn is_package(&self) -> bool {
        matches!(self, Unit::Piece("盒" | "瓶" | "板" | "桶"))
    }
}

fn measured(text: &str) -> Option<Unit> {
    let (dimension, factor) = match text {
        "kg" | "千克" | "公斤" => (Dimension::Mass, Decimal::from(1_000_000)),
        "g" | "克" => (Dimension::Mass, Decimal::ONE_THOUSAND),
        "mg" | "毫克" => (Dimension::Mass, Decimal::ONE),
        // Two code points look the same: the micro sign and the Greek letter.
        "\u{b5}g" | "\u{3bc}g" | "ug" | "mcg" | "微克" => (Dimension::Mass, Decimal::new(1, 3)),
        "ng" | "纳克" => (Dimension::Mass, Decimal::new(1, 6)),
        "l" | "升" => (Dimension::Volume, Decimal::ONE_THOUSAND),
        "ml" | "毫升" => (Dimension::Volume, Decimal::ONE),
        "iu" | "u" | "单位" | "国际单位" => (Dimension::Activity, Decimal::ONE),
        "万iu" | "万u" | "万单位" => (Dimension::Activity, Decimal::from(10_000)),
        "mmol" | "毫摩尔" => (Dimension::Substance, Decimal::ONE),
        _ => return None,
    };
    Some(Unit::Measured { dimension, factor })
}

/// `μg/kg/min`, `mg/h`, `mL/小时`.
fn rate(text: &str) -> Option<Unit> {
    let (rest, time) = text.rsplit_once('/')?;
    let minutes = match time.trim() {
        "min" | "分" | "分钟" => 1,
        "h" | "hr" | "小时" => 60,
        _ => return None,
    };
    let (amount, per_kg) = match rest.rsplit_once('/') {
        None => (rest, false),
        Some((amount, "kg" | "公斤" | "千克")) => (amount, true),
        Some(_) => return None,
    };
    match measured(amount.trim())? {
        Unit::Measured { dimension, factor } => {
            Some(Unit::Rate { dimension, factor, per_kg, minutes })
        }
        Unit::Piece(_) | Unit::Rate { .. } => None,
    }
}

fn piece(text: &str) -> Option<Unit> {
    const PIECES: [&str; 25] = [
        "片", "粒", "支", "袋", "包", "丸", "枚", "贴", "喷", "揿", "吸", "滴", "块", "条", "颗",
        "罐", "管", "剂", "付", "个", "套", "盒", "瓶", "板", "桶",
    ];
    PIECES.into_iter().find(|piece| *piece == text).map(Unit::Piece)
}

/// An amount of one dimension, in its base unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dose {
    /// In mg, mL, IU or mmol.
    pub amount: Decimal,
    /// Which of them.
    pub dimension: Dimension,
}

impl Dose {
    /// Reads `5mg`, `0.5 g`, `40万U`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Dose> {
        let (amount, unit) = leading(text)?;
        match unit {
            Unit::Measured { dimension, factor } => {
                Some(Dose { amount: amount.checked_mul(factor)?, dimension })
            }
            Unit::Piece(_) | Unit::Rate { .. } => None,
        }
    }

    /// `amount` of a unit; `None` for pieces.
    #[must_use]
    pub fn of(amount: Decimal, unit: &Unit) -> Option<Dose> {
        match unit {
            Unit::Measured { dimension, factor } => {
                Some(Dose { amount: amount.checked_mul(*factor)?, dimension: *dimension })
            }
            Unit::Piece(_) | Unit::Rate { .. } => None,
        }
    }
}

/// From a gram on in g, below in mg; digits are never rounded.
impl fmt::Display for Dose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (amount, unit) = match self.dimension {
            Dimension::Mass if self.amount >= Decimal::ONE_THOUSAND => {
                (self.amount / Decimal::ONE_THOUSAND, "g")
            }
            Dimension::Mass => (self.amount, "mg"),
            Dimension::Volume => (self.amount, "mL"),
            Dimension::Activity => (self.amount, "IU"),
            Dimension::Substance => (self.amount, "mmol"),
        };
        write!(formatter, "{}{unit}", amount.normalize())
    }
}

/// What a specification such as `5mg*7片` or `5mg×28片/盒` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Specification {
    /// What one piece holds.
    pub strength: Dose,
    /// How many pieces one package holds, and what they are.
    pub pieces: Option<(Decimal, &'static str)>,
}

impl Specification {
    /// `None` for every form with room for doubt (`10ml:5mg`, `325mg/30mg`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Specification> {
        let (head, tail) = match text.split_once(['*', '×', 'x', 'X']) {
            Some((head, tail)) => (head, Some(tail)),
            None => (text, None),
        };
        let strength = Dose::parse(head)?;
        let Some(tail) = tail else { return Some(Specification { strength, pieces: None }) };
        let counted = tail.split_once('/').map_or(tail, |(counted, _)| counted);
        match leading(counted)? {
            (count, Unit::Piece(piece)) if count > Decimal::ZERO => {
                Some(Specification { strength, pieces: Some((count, piece)) })
            }
            _ => None,
        }
    }
}

/// A number and the unit that follows it; the unit takes the rest of the text.
fn leading(text: &str) -> Option<(Decimal, Unit)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at_checked(end)?;
    Some((decimal(number)?, Unit::parse(unit)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doses() {
        check("0.2 g", "200mg");
        check("200mg", "200mg");
        check("2000毫克", "2g");
        check("50μg", "0.05mg");
        check("50µg", "0.05mg");
        check("40万U", "400000IU");
        check("2.975g", "2.975g");
        check("2片", "unknown");
        check("1MU", "unknown");
        check("g", "unknown");
        check("5μg/kg/min", "unknown");
        check("1e3g", "unknown");
    }

    #[test]
    fn specifications() {
        check_specification("5mg*7片", "5mg 7片");
        check_specification("0.5g×20片", "500mg 20片");
        check_specification("5mg×28片/盒", "5mg 28片");
        check_specification("100mg", "100mg -");
        check_specification("10ml:5mg", "unknown");
        check_specification("325mg/30mg*20片", "unknown");
        check_specification("5mg*0片", "unknown");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let actual = Dose::parse(text).map_or("unknown".to_owned(), |dose| dose.to_string());
        assert_eq!(actual, expected, "{text}");
    }

    #[track_caller]
    fn check_specification(text: &str, expected: &str) {
        let actual = Specification::parse(text).map_or("unknown".to_owned(), |found| {
            let pieces =
                found.pieces.map_or("-".to_owned(), |(count, piece)| format!("{count}{piece}"));
            format!("{} {pieces}", found.strength)
        });
        assert_eq!(actual, expected, "{text}");
    }
}
