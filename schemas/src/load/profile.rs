//! `profiles/<profile>/`: what a region or a moment of care changes.

use serde::Deserialize;

use super::draft::{self, ElementDraft, EntityDraft};
use super::{Domains, place_of, read_toml, stem};
use crate::files::Files;
use crate::problem::Problem;
use crate::table::{self, Columns, Row};

const FOLDER: &str = "profiles/";
const COLUMNS: Columns = Columns {
    required: &["entity", "name"],
    optional: &["zh_name", "format", "required", "value_domain", "key", "confirmed", "notes"],
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // `zh_name` and `what` are for the people who choose a profile
struct Raw {
    name: toml::Spanned<String>,
    zh_name: String,
    what: String,
    based_on: Option<toml::Spanned<String>>,
}

/// The profiles there are, by name.
pub(crate) fn names(files: &Files) -> Vec<String> {
    let names = files.under(FOLDER).filter_map(|(path, _)| {
        let name = path.strip_prefix(FOLDER)?.strip_suffix("/profile.toml")?;
        (!name.contains('/')).then(|| name.to_owned())
    });
    names.collect()
}

/// The profile and those it is based on, the first to be applied first.
pub(crate) fn chain(files: &Files, profile: &str, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut chain: Vec<String> = Vec::new();
    let mut next = Some((profile.to_owned(), format!("{FOLDER}{profile}/profile.toml"), (1, 1)));
    while let Some((name, asked_by, place)) = next.take() {
        if chain.contains(&name) {
            let message = format!("the profile `{name}` is based on itself");
            problems.push(Problem::error("S116", asked_by, place, message));
            break;
        }
        let file = format!("{FOLDER}{name}/profile.toml");
        let Some(text) = files.get(&file) else {
            let known = names(files).join(", ");
            let message = format!("there is no profile `{name}`; there are {known}");
            problems.push(Problem::error("S101", asked_by, place, message));
            break;
        };
        if let Some(raw) = read_toml::<Raw>(&file, text, problems) {
            check_folder(&name, &raw, &file, text, problems);
            next = raw.based_on.map(|base| {
                let place = place_of(text, base.span().start);
                (base.into_inner(), file, place)
            });
        }
        chain.push(name);
    }
    chain.reverse();
    chain
}

fn check_folder(name: &str, raw: &Raw, file: &str, text: &str, problems: &mut Vec<Problem>) {
    if raw.name.get_ref() != name {
        let message =
            format!("the folder is called `{name}`, the profile `{}`", raw.name.get_ref());
        let place = place_of(text, raw.name.span().start);
        problems.push(Problem::error("S122", file, place, message));
    }
}

/// Carries out `elements.csv` of a profile's folder, if there is one.
pub(crate) fn apply<'a>(
    files: &'a Files,
    folder: &str,
    drafts: &mut [EntityDraft<'a>],
    problems: &mut Vec<Problem>,
) {
    let Some((path, text)) = files.entry(&format!("{folder}elements.csv")) else { return };
    let mut seen = Vec::new();
    for row in table::read(path, text, &COLUMNS, problems) {
        let entity = row.cell("entity");
        let pair = (entity.to_owned(), row.cell("name").to_owned());
        if seen.contains(&pair) {
            let message = format!("`{}` of `{entity}` already stands above", pair.1);
            problems.push(row.error("S108", "name", message));
            continue;
        }
        seen.push(pair);
        let Some(draft) = drafts.iter_mut().find(|draft| draft.name == entity) else {
            let message = format!("there is no entity `{entity}`");
            problems.push(row.error("S113", "entity", message));
            continue;
        };
        change_or_add(&row, &mut draft.elements, problems);
    }
}

fn change_or_add<'a>(
    row: &Row<'a>,
    elements: &mut Vec<ElementDraft<'a>>,
    problems: &mut Vec<Problem>,
) {
    match elements.iter_mut().find(|element| element.name == row.cell("name")) {
        Some(element) => change(row, element, problems),
        None => elements.extend(add(row, problems)),
    }
}

/// A filled cell replaces, a note is added, an empty cell keeps what was there.
fn change<'a>(row: &Row<'a>, element: &mut ElementDraft<'a>, problems: &mut Vec<Problem>) {
    let filled = |column: &str| !row.cell(column).is_empty();
    if !COLUMNS.optional.iter().any(|column| filled(column)) {
        let message = "the row changes nothing".to_owned();
        let place = row.place("name");
        problems.push(Problem::warning("S114", place.file, place.at, message));
    }
    if filled("zh_name") {
        row.cell("zh_name").clone_into(&mut element.zh_name);
    }
    if filled("format") {
        element.format = draft::format(row, problems);
    }
    if filled("required") {
        element.required = draft::required(row, problems);
    }
    if filled("value_domain") {
        element.domain = domain_cell(row);
        element.domain_place = row.place("value_domain");
    }
    if filled("key") {
        element.key = draft::flag(row, "key", problems);
    }
    if filled("confirmed") {
        element.confirmed = draft::flag(row, "confirmed", problems);
    }
    if filled("notes") {
        if !element.notes.is_empty() {
            element.notes.push_str("; ");
        }
        element.notes.push_str(row.cell("notes"));
    }
}

fn add<'a>(row: &Row<'a>, problems: &mut Vec<Problem>) -> Option<ElementDraft<'a>> {
    draft::check_name(row, "name", problems);
    let missing: Vec<_> = ["zh_name", "format", "required"]
        .into_iter()
        .filter(|column| row.cell(column).is_empty())
        .collect();
    if !missing.is_empty() {
        let (name, entity) = (row.cell("name"), row.cell("entity"));
        let missing = missing.join(", ");
        let message = format!("`{name}` is new in `{entity}`, so it needs {missing}");
        problems.push(row.error("S114", "name", message));
        return None;
    }
    let flag = |column: &str, absent: bool, problems: &mut Vec<Problem>| {
        if row.cell(column).is_empty() { absent } else { draft::flag(row, column, problems) }
    };
    Some(ElementDraft {
        name: row.cell("name").to_owned(),
        zh_name: row.cell("zh_name").to_owned(),
        format: draft::format(row, problems),
        required: draft::required(row, problems),
        domain: domain_cell(row),
        domain_place: row.place("value_domain"),
        key: flag("key", false, problems),
        confirmed: flag("confirmed", true, problems),
        notes: row.cell("notes").to_owned(),
    })
}

/// `-` takes a domain away, which an empty cell cannot say.
fn domain_cell(row: &Row<'_>) -> String {
    let cell = row.cell("value_domain");
    if cell == "-" { String::new() } else { cell.to_owned() }
}

/// A regional domain that replaces none and that no element names is most likely misspelt.
pub(crate) fn warn_of_unused(
    folder: &str,
    regional: &Domains,
    domains: &Domains,
    drafts: &[EntityDraft<'_>],
    problems: &mut Vec<Problem>,
) {
    for name in regional.keys().filter(|name| !domains.contains_key(*name)) {
        let mut elements = drafts.iter().flat_map(|draft| &draft.elements);
        if !elements.any(|element| element.domain.trim_start_matches('?') == name) {
            let file = format!("{folder}domains/{name}.csv");
            let message = format!("no element has the domain `{name}`, and it replaces none");
            problems.push(Problem::warning("S120", file, (1, 1), message));
        }
    }
}

/// Whether a path below `profiles/` is one that a profile may have.
pub(crate) fn is_expected(path: &str) -> bool {
    let Some((_, inside)) = path.strip_prefix(FOLDER).and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    matches!(inside, "profile.toml" | "elements.csv") || stem(inside, "domains/").is_some()
}
