//! The rows of a published table as lines of a file of rows, one for each code.

use std::collections::BTreeSet;

use super::cells::{age_range, clean, codes, day, numbers, spoilt, value};
use super::header::{Plan, Role};
use super::{Fault, Wanted};
use crate::finding_id::FindingId;
use crate::knowledge::Key;
use crate::parameter::{Column, ColumnKind};
use crate::table;

/// The lines, and what could not become one.
#[derive(Default)]
pub(super) struct Restated {
    pub(super) header: String,
    /// Each line with the number of the row it comes from.
    pub(super) lines: Vec<(u32, String)>,
    pub(super) refused: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
}

pub(super) fn restate(table: &[Vec<String>], plan: &Plan, wanted: &Wanted<'_>) -> Restated {
    let names = columns_of(plan);
    let mut header = vec!["match".to_owned(), "key".to_owned(), "item".to_owned()];
    header.extend(names.iter().map(|column| column.name.to_owned()));
    header.extend(BEHIND.map(str::to_owned));
    let mut restated = Restated { header: table::line(&header), ..Restated::default() };
    for (at, cells) in table.iter().enumerate().skip(plan.at + 1) {
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let cells: Vec<String> = cells.iter().map(|cell| clean(cell)).collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            Source { plan, wanted, columns: &names, number, cells: &cells }.add_to(&mut restated);
        }
    }
    restated
}

const BEHIND: [&str; 6] = ["source", "flag", "from", "to", "document_row", "hash"];

/// The family's columns that the table fills, in the family's order.
fn columns_of(plan: &Plan) -> Vec<&'static Column> {
    let mut seen = BTreeSet::new();
    let filled = plan.roles.iter().flat_map(|role| match role {
        Role::Parameter(column) => vec![*column],
        Role::AgeRange(from, below) => vec![*from, *below],
        _ => Vec::new(),
    });
    filled.filter(|column| seen.insert(column.name)).collect()
}

/// One row of the table.
struct Source<'a> {
    plan: &'a Plan,
    wanted: &'a Wanted<'a>,
    columns: &'a [&'static Column],
    number: u32,
    cells: &'a [String],
}

impl Source<'_> {
    fn add_to(&self, restated: &mut Restated) {
        match self.lines() {
            Ok(lines) => restated.lines.extend(lines.into_iter().map(|it| (self.number, it))),
            Err(reason) => restated.refused.push(Fault { row: self.number, reason }),
        }
        let told = self.contradictions();
        restated.warnings.extend(told.into_iter().map(|reason| Fault { row: self.number, reason }));
    }

    fn lines(&self) -> Result<Vec<String>, String> {
        let keys = self.keys()?;
        let mut behind: Vec<String> = Vec::new();
        for column in self.columns {
            behind.push(self.parameter(column)?);
        }
        let said = self.cell(Role::Source).filter(|it| !it.is_empty());
        let source = match said {
            Some(said) if said != self.wanted.source => format!("{}；{said}", self.wanted.source),
            _ => self.wanted.source.to_owned(),
        };
        let default = self.wanted.from.map(|from| from.to_string()).unwrap_or_default();
        behind.extend([source, "A".to_owned(), self.day(Role::From)?.unwrap_or(default)]);
        behind.extend([
            self.day(Role::To)?.unwrap_or_default(),
            self.number.to_string(),
            self.hash(),
        ]);
        let item = self.cell(Role::Item).filter(|it| !it.is_empty());
        let line = |(kind, key): (&str, String)| {
            let item = item.unwrap_or(&key).to_owned();
            let mut cells = vec![kind.to_owned(), key, item];
            cells.extend_from_slice(&behind);
            table::line(&cells)
        };
        Ok(keys.into_iter().map(line).collect())
    }

    /// What the row hangs on: `match` and `key` of each code.
    fn keys(&self) -> Result<Vec<(&'static str, String)>, String> {
        let mut keys = Vec::new();
        for code in self.cell(Role::Key).map(codes).unwrap_or_default() {
            if let Some(reason) = spoilt(code) {
                return Err(format!("`{code}`：{reason}"));
            }
            let kind = ["code", "prefix"].into_iter().find(|kind| Key::of(kind, code).is_ok());
            let kind = kind.ok_or_else(|| {
                format!("`{code}` 有 {} 位；编码为23位（X）、20位（Z）、10位（T）或15位数字，前缀为10、14或11位", code.chars().count())
            })?;
            keys.push((kind, code.to_owned()));
        }
        if keys.is_empty() {
            let diagnoses = self.cell(Role::Diagnosis).map(codes).unwrap_or_default();
            keys.extend(diagnoses.into_iter().map(|code| ("diagnosis", code.to_owned())));
        }
        if keys.is_empty() { Err("没有代码".to_owned()) } else { Ok(keys) }
    }

    fn parameter(&self, column: &'static Column) -> Result<String, String> {
        if let Some(cell) = self.cell(Role::Parameter(column)) {
            return Ok(value(column.kind, cell));
        }
        for (at, role) in self.plan.roles.iter().enumerate() {
            let Role::AgeRange(from, _) = role else { continue };
            let cell = self.cells.get(at).map(String::as_str).unwrap_or_default();
            if cell.is_empty() || !cell.contains(|it: char| it.is_ascii_digit()) {
                return Ok(String::new()); // 儿童: whoever is one is for the rule to say
            }
            let (begin, below) = age_range(cell).ok_or_else(|| {
                format!("`{cell}` 读不出年龄范围；写成 2-11岁、≥18岁 或 14岁以下")
            })?;
            let end = if column.name == from.name { begin } else { below };
            return Ok(end.unwrap_or_default());
        }
        Ok(String::new())
    }

    fn day(&self, role: Role) -> Result<Option<String>, String> {
        match self.cell(role) {
            None | Some("") => Ok(None),
            Some(cell) => match day(cell) {
                Some(day) => Ok(Some(day.to_string())),
                None => Err(format!("`{cell}` 不是日期")),
            },
        }
    }

    fn cell(&self, role: Role) -> Option<&str> {
        let at = self.plan.columns_of(role).next()?;
        Some(self.cells.get(at).map(String::as_str).unwrap_or_default())
    }

    /// A number that stands in a column should stand in the text beside it, if that has any.
    fn contradictions(&self) -> Vec<String> {
        let is_prose = |role: &Role| match role {
            Role::Text => true,
            Role::Parameter(column) => column.kind == ColumnKind::Text,
            _ => false,
        };
        let mut told = Vec::new();
        let columns = self.plan.roles.iter().zip(self.cells).zip(&self.plan.headers);
        for ((_, prose), name) in columns.clone().filter(|((role, _), _)| is_prose(role)) {
            let stated = numbers(prose);
            for ((_, cell), header) in columns.clone().filter(|((role, _), _)| has_number(role)) {
                let is_said = numbers(cell).iter().all(|number| stated.contains(number));
                if !stated.is_empty() && !is_said {
                    told.push(format!("{header}写{cell}，{name}里是{}", stated.join("、")));
                }
            }
        }
        told
    }

    /// Over the row as it was published, so that it is recognised when it is published again.
    fn hash(&self) -> String {
        let mut id = FindingId::new();
        self.cells.iter().for_each(|cell| id.add(cell));
        id.finish()
    }
}

fn has_number(role: &Role) -> bool {
    use ColumnKind::{Age, Decimal, Dose, Whole, Window};
    match role {
        Role::Parameter(column) => matches!(column.kind, Whole | Decimal | Dose | Window | Age),
        Role::AgeRange(_, _) => true,
        _ => false,
    }
}
