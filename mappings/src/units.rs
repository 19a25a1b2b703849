//! Units of one source and the exact factors between them.
//!
//! A CSV file with the header `from,to,factor`: one `from` is `factor` times one `to`. A line works
//! both ways; nothing else is concluded, so that g to mg and mg to μg do not silently give g to μg.

use std::collections::HashMap;

use schemas::Number;

use crate::exact;
use crate::rows::{Complaints, Row, Rows};

/// Factors between pairs of units.
#[derive(Debug)]
pub(crate) struct Units {
    file: String,
    // Invariant: both ways of every line, and no factor is zero.
    factors: HashMap<String, HashMap<String, Factor>>,
}

#[derive(Debug)]
enum Factor {
    Times(Number),
    Over(Number),
}

impl Units {
    /// Reads a table of units and reports every bad line, with its number.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Units, Complaints> {
        let rows = Rows::read(text, &["from", "to", "factor"])?;
        let mut units = Units { file: file.to_owned(), factors: HashMap::new() };
        let mut problems = Complaints::new();
        for row in &rows.rows {
            problems.extend(units.add(row).err().map(|it| (row.line, it)));
        }
        if problems.is_empty() { Ok(units) } else { Err(problems) }
    }

    fn add(&mut self, row: &Row) -> Result<(), String> {
        let (Some(from), Some(to), Some(factor)) = (row.cell(0), row.cell(1), row.cell(2)) else {
            return Err("a line needs two units and a factor".to_owned());
        };
        let number = Number::parse(factor).filter(is_positive);
        let number = number.ok_or_else(|| format!("`{factor}` is not a decimal above zero"))?;
        if from == to || self.between(from, to).is_some() {
            return Err(format!("`{from}` to `{to}` is already known"));
        }
        let mut put = |a: &str, b: &str, it| {
            self.factors.entry(a.to_owned()).or_default().insert(b.to_owned(), it)
        };
        put(from, to, Factor::Times(number.clone()));
        put(to, from, Factor::Over(number));
        Ok(())
    }

    fn between(&self, from: &str, to: &str) -> Option<&Factor> {
        self.factors.get(from)?.get(to)
    }

    /// The amount in the other unit; `None` when the table does not know the way or the result has
    /// too many digits. A result without an end is rounded to twelve places.
    pub(crate) fn convert(&self, amount: &Number, from: &str, to: &str) -> Option<Number> {
        if from == to {
            return Some(amount.clone());
        }
        match self.between(from, to)? {
            Factor::Times(factor) => exact::product(amount, factor).map(|it| exact::plain(&it)),
            Factor::Over(factor) => {
                exact::quotient(amount, factor, exact::PLACES_MAX).map(|it| exact::plain(&it))
            }
        }
    }

    /// Whether any line leads to the unit.
    pub(crate) fn knows(&self, unit: &str) -> bool {
        self.factors.contains_key(unit)
    }

    /// Every unit of the table.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.factors.keys().map(String::as_str)
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }
}

fn is_positive(it: &Number) -> bool {
    !it.is_negative() && it.as_str().bytes().any(|it| (b'1'..=b'9').contains(&it))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TABLE: &str = "from,to,factor\ng,mg,1000\nmg,μg,1000\n盒,片,24\n";

    #[test]
    fn both_ways_and_no_further() {
        check(TABLE, "0.5 g mg", "500");
        check(TABLE, "250 mg g", "0.25");
        check(TABLE, "2 盒 片", "48");
        check(TABLE, "5 片 盒", "0.208333333333");
        check(TABLE, "1 mg mg", "1");
        check(TABLE, "1 g μg", "unknown");
        check(TABLE, "1 IU mg", "unknown");
    }

    #[test]
    fn what_is_no_factor_is_told() {
        check("from,to\ng,mg", "1 g mg", "1: the first line must be `from,to,factor`");
        check(
            "from,to,factor\ng,mg,0\ng,mg,1000\nmg,g,0.001\ng,,1",
            "1 g mg",
            "2: `0` is not a decimal above zero; 4: `mg` to `g` is already known; \
             5: a line needs two units and a factor",
        );
    }

    #[track_caller]
    fn check(table: &str, asked: &str, expected: &str) {
        let mut words = asked.split(' ');
        let mut word = || words.next().unwrap();
        let (amount, from, to) = (Number::parse(word()).unwrap(), word(), word());
        let actual = match Units::parse("units/dose.csv", table) {
            Ok(units) => {
                units.convert(&amount, from, to).map_or("unknown".to_owned(), |it| it.to_string())
            }
            Err(problems) => {
                let told: Vec<_> =
                    problems.iter().map(|(line, it)| format!("{line}: {it}")).collect();
                told.join("; ")
            }
        };
        assert_eq!(actual, expected);
    }
}
