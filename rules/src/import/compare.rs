//! What is new in a table, beside the rows in force.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::header::{Plan, Role};
use super::restate::Restated;
use super::{Entry, Fault, Preview, Wanted};
use crate::knowledge::{self, Key, Row};

pub(super) fn compare(restated: Restated, plan: &Plan, wanted: &Wanted<'_>) -> Preview {
    let Restated { header, lines, refused, warnings } = restated;
    let mut preview = Preview { columns: columns(plan), refused, warnings, ..Preview::default() };
    let rows = prove(&header, &lines, wanted, &mut preview.refused);
    let now = Now::of(wanted);
    preview.rows = format!("{header}\n");
    for row in &rows {
        let Some((number, line)) = line_of(&lines, row) else { continue };
        let entry = entry(row, number);
        let old = now.same_as(row);
        if let Some(old) = old.filter(|old| old.item != row.item) {
            let reason = format!("同一代码在用的名称是 {}，表里是 {}", old.item, row.item);
            preview.warnings.push(Fault { row: number, reason });
        }
        match old {
            None => preview.added.push(entry),
            Some(old) if old.parameters != row.parameters => {
                preview.changed.push((entry, said(old)));
            }
            Some(old) => {
                preview.unchanged += 1;
                if !now.is_superseded(old) {
                    continue;
                }
            }
        }
        preview.rows.push_str(line);
        preview.rows.push('\n');
    }
    preview.ended = now.ended_by(&rows);
    preview.refused.sort_by_key(|it| it.row);
    preview.warnings.sort_by_key(|it| it.row);
    preview
}

/// Reads the lines as a file of rows is read; a row of the table with a fault is refused as a whole.
fn prove(
    header: &str,
    lines: &[(u32, String)],
    wanted: &Wanted<'_>,
    refused: &mut Vec<Fault>,
) -> Vec<Row> {
    let mut text = format!("{header}\n");
    for (_, line) in lines {
        text.push_str(line);
        text.push('\n');
    }
    let family = wanted.rule.family;
    let columns = family.rows().columns().unwrap_or_default();
    let mut problems = Vec::new();
    let rows = knowledge::read("", &text, family, columns, &mut problems);
    let told = problems.into_iter().map(|it| (it.line, it.message));
    let checked =
        rows.iter().filter_map(|row| Some((row.line, family.check_row(&row.parameters)?)));
    let mut reasons: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for (line, reason) in told.chain(checked) {
        let number = number_of(lines, line).unwrap_or(0);
        reasons.entry(number).or_default().insert(reason);
    }
    let is_good =
        |row: &Row| number_of(lines, row.line).is_some_and(|it| !reasons.contains_key(&it));
    let good = rows.into_iter().filter(is_good).collect();
    refused.extend(reasons.into_iter().map(|(row, reasons)| Fault {
        row,
        reason: reasons.into_iter().collect::<Vec<_>>().join("; "),
    }));
    good
}

/// The first line of the file is its header.
fn number_of(lines: &[(u32, String)], line: u32) -> Option<u32> {
    let at = usize::try_from(line).ok()?.checked_sub(2)?;
    lines.get(at).map(|(number, _)| *number)
}

fn line_of<'a>(lines: &'a [(u32, String)], row: &Row) -> Option<(u32, &'a str)> {
    let at = usize::try_from(row.line).ok()?.checked_sub(2)?;
    lines.get(at).map(|(number, line)| (*number, line.as_str()))
}

/// The rows in force.
struct Now<'a> {
    by_key: HashMap<&'a Key, Vec<&'a Row>>,
    wanted: &'a Wanted<'a>,
}

impl<'a> Now<'a> {
    fn of(wanted: &'a Wanted<'a>) -> Now<'a> {
        let mut by_key: HashMap<&Key, Vec<&Row>> = HashMap::new();
        for row in wanted.rule.rows.iter().filter(|row| row.to.is_none()) {
            by_key.entry(&row.key).or_default().push(row);
        }
        Now { by_key, wanted }
    }

    fn same_as(&self, row: &Row) -> Option<&'a Row> {
        let several = self.wanted.rule.family.has_several_rows_per_key();
        let mut same = self.by_key.get(&row.key)?.iter();
        same.find(|it| !several || it.is_for_the_same(row)).copied()
    }

    fn is_superseded(&self, row: &Row) -> bool {
        self.wanted.supersedes.is_some_and(|source| row.source.starts_with(source))
    }

    /// Rows of the superseded document that nothing takes the place of.
    fn ended_by(&self, rows: &[Row]) -> Vec<Entry> {
        let replaced = rows.iter().filter_map(|row| self.same_as(row)).map(std::ptr::from_ref);
        let replaced: BTreeSet<*const Row> = replaced.collect();
        let all = self.by_key.values().flatten();
        let ends =
            |row: &&&Row| self.is_superseded(row) && !replaced.contains(&std::ptr::from_ref(**row));
        let mut ended: Vec<_> = all.filter(ends).map(|row| entry(row, 0)).collect();
        ended.sort_by(|one, other| one.key.cmp(&other.key));
        ended
    }
}

fn entry(row: &Row, number: u32) -> Entry {
    Entry { row: number, key: row.key.to_string(), item: row.item.to_string(), says: said(row) }
}

fn said(row: &Row) -> String {
    let all = row.parameters.iter().map(|(name, value)| format!("{name}={value}"));
    all.collect::<Vec<_>>().join("; ")
}

fn columns(plan: &Plan) -> Vec<(String, String)> {
    let all = plan.headers.iter().zip(&plan.roles);
    all.map(|(header, role)| (header.clone(), word(role))).collect()
}

fn word(role: &Role) -> String {
    match role {
        Role::Key => "key".to_owned(),
        Role::Diagnosis => "diagnosis".to_owned(),
        Role::Item => "item".to_owned(),
        Role::Parameter(column) => column.name.to_owned(),
        Role::AgeRange(from, below) => format!("{}, {}", from.name, below.name),
        Role::Text => "text".to_owned(),
        Role::Source => "source".to_owned(),
        Role::From => "from".to_owned(),
        Role::To => "to".to_owned(),
        Role::Unread => String::new(),
    }
}
