//! `entities.csv` and `entities/<entity>.csv`, read each for itself. What they refer to is proved
//! later, when the profile has had its say.

use std::collections::BTreeSet;

use super::stem;
use crate::entity::Required;
use crate::files::Files;
use crate::format::Format;
use crate::problem::Problem;
use crate::table::{self, Columns, Place, Row};

pub(crate) const INDEX: &str = "entities.csv";
const FOLDER: &str = "entities/";
const INDEX_COLUMNS: Columns =
    Columns { required: &["entity", "zh_name", "what"], optional: &["moment"] };
const COLUMNS: Columns = Columns {
    required: &[
        "name",
        "zh_name",
        "format",
        "required",
        "value_domain",
        "key",
        "confirmed",
        "notes",
    ],
    optional: &[],
};

/// A record type whose references are not proved yet.
#[derive(Debug)]
pub(crate) struct EntityDraft<'a> {
    pub(crate) name: String,
    pub(crate) zh_name: String,
    pub(crate) what: String,
    pub(crate) file: String,
    /// Name of the element that says when the fact happened; empty when none does.
    pub(crate) moment: String,
    pub(crate) moment_place: (u32, u32),
    pub(crate) elements: Vec<ElementDraft<'a>>,
}

/// An element whose references are not proved yet.
#[derive(Debug)]
pub(crate) struct ElementDraft<'a> {
    pub(crate) name: String,
    pub(crate) zh_name: String,
    pub(crate) format: Format,
    pub(crate) required: Required,
    pub(crate) domain: String,
    pub(crate) domain_place: Place<'a>,
    pub(crate) key: bool,
    pub(crate) confirmed: bool,
    pub(crate) notes: String,
}

/// Every entity of the index, in its order.
pub(crate) fn read<'a>(files: &'a Files, problems: &mut Vec<Problem>) -> Vec<EntityDraft<'a>> {
    let Some(text) = files.get(INDEX) else {
        let message = "the file is missing; it lists the entities in order";
        problems.push(Problem::error("S101", INDEX, (1, 1), message));
        return Vec::new();
    };
    let mut listed = BTreeSet::new();
    let mut drafts = Vec::new();
    for row in table::read(INDEX, text, &INDEX_COLUMNS, problems) {
        let name = row.cell("entity").to_owned();
        check_name(&row, "entity", problems);
        check_filled(&row, &["zh_name", "what"], problems);
        if !listed.insert(name.clone()) {
            let message = format!("`{name}` is already listed above");
            problems.push(row.error("S117", "entity", message));
        } else if let Some(draft) = entity(&row, name, files, problems) {
            drafts.push(draft);
        }
    }
    for (path, _) in files.under(FOLDER) {
        if stem(path, FOLDER).is_some_and(|name| !listed.contains(name)) {
            let message = format!("the entity is not listed in {INDEX}");
            problems.push(Problem::error("S117", path, (1, 1), message));
        }
    }
    drafts
}

fn entity<'a>(
    index: &Row<'_>,
    name: String,
    files: &'a Files,
    problems: &mut Vec<Problem>,
) -> Option<EntityDraft<'a>> {
    let path = format!("{FOLDER}{name}.csv");
    // The path is taken from the files, so that places can borrow it.
    let Some((path, text)) = files.entry(&path) else {
        problems.push(index.error("S117", "entity", format!("{path} is missing")));
        return None;
    };
    let mut elements = Vec::<ElementDraft<'a>>::new();
    for row in table::read(path, text, &COLUMNS, problems) {
        let element = element(&row, problems);
        if elements.iter().any(|other| other.name == element.name) {
            let message = format!("the element `{}` already stands above", element.name);
            problems.push(row.error("S108", "name", message));
        } else {
            elements.push(element);
        }
    }
    Some(EntityDraft {
        name,
        zh_name: index.cell("zh_name").to_owned(),
        what: index.cell("what").to_owned(),
        file: path.to_owned(),
        moment: index.cell("moment").to_owned(),
        moment_place: index.place("moment").at,
        elements,
    })
}

fn element<'a>(row: &Row<'a>, problems: &mut Vec<Problem>) -> ElementDraft<'a> {
    check_name(row, "name", problems);
    check_filled(row, &["zh_name"], problems);
    ElementDraft {
        name: row.cell("name").to_owned(),
        zh_name: row.cell("zh_name").to_owned(),
        format: format(row, problems),
        required: required(row, problems),
        domain: row.cell("value_domain").to_owned(),
        domain_place: row.place("value_domain"),
        key: flag(row, "key", problems),
        confirmed: flag(row, "confirmed", problems),
        notes: row.cell("notes").to_owned(),
    }
}

/// The format of a row. A wrong one is reported and read as any text, so that nothing else seems
/// wrong because of it.
pub(crate) fn format(row: &Row<'_>, problems: &mut Vec<Problem>) -> Format {
    row.cell("format").parse().unwrap_or_else(|_| {
        let found = row.cell("format");
        let message = format!(
            "`{found}` is no format; write like C6, C..10, C..ul, N16, N..17,2, YYYYMMDD, hhmmss, \
             YYYYMMDDhhmmss, B, BY-JPEG or node"
        );
        problems.push(row.error("S105", "format", message));
        Format::Text { min: 0, max: None }
    })
}

pub(crate) fn required(row: &Row<'_>, problems: &mut Vec<Problem>) -> Required {
    Required::parse(row.cell("required")).unwrap_or_else(|| {
        let message = format!("`{}` is not Y, N or C", row.cell("required"));
        problems.push(row.error("S106", "required", message));
        Required::No
    })
}

pub(crate) fn flag(row: &Row<'_>, column: &str, problems: &mut Vec<Problem>) -> bool {
    let cell = row.cell(column);
    if cell != "y" && cell != "n" {
        let message = format!("`{cell}` is not y or n");
        problems.push(row.error("S107", column, message));
    }
    cell == "y"
}

/// Names become JSON keys, AMQP routing keys and file names.
pub(crate) fn check_name(row: &Row<'_>, column: &str, problems: &mut Vec<Problem>) {
    let name = row.cell(column);
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !first || !name.bytes().all(rest) {
        let message = format!("`{name}` is no name: a letter or _, then letters, digits, _ and -");
        problems.push(row.error("S121", column, message));
    }
}

pub(crate) fn check_filled(row: &Row<'_>, columns: &[&str], problems: &mut Vec<Problem>) {
    for column in columns {
        if row.cell(column).is_empty() {
            problems.push(row.error("S112", column, format!("`{column}` is empty")));
        }
    }
}
