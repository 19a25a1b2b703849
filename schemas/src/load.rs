//! Reads a dictionary and proves it: first every file for itself, then the profile over them, then
//! what refers to what. All faults are reported at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::domain::ValueDomain;
use crate::files::Files;
use crate::problem::{Problem, ProblemSeverity};

mod domains;
mod draft;
mod manifest;
mod profile;
mod resolve;
mod stray;

pub(crate) use manifest::Manifest;
pub(crate) use profile::names as profiles;

/// Published value domains by name.
type Domains = BTreeMap<String, Arc<ValueDomain>>;

/// The dictionary under one profile, or every fault in it.
pub(crate) fn load(files: &Files, profile: &str) -> Result<Catalog, Vec<Problem>> {
    let mut problems = Vec::new();
    let manifest = manifest::read(files, &mut problems);
    let mut domains = domains::read(files, "domains/", &mut problems);
    let mut drafts = draft::read(files, &mut problems);

    for layer in profile::chain(files, profile, &mut problems) {
        let folder = format!("profiles/{layer}/");
        profile::apply(files, &folder, &mut drafts, &mut problems);
        let regional = domains::read(files, &format!("{folder}domains/"), &mut problems);
        profile::warn_of_unused(&folder, &regional, &domains, &drafts, &mut problems);
        domains.extend(regional);
    }
    stray::report(files, &mut problems);
    let (entities, unpublished) = resolve::resolve(drafts, &domains, &mut problems);

    problems.sort_by(|a, b| {
        (&a.file, a.line, a.column, a.code).cmp(&(&b.file, b.line, b.column, b.code))
    });
    if problems.iter().any(|problem| problem.severity == ProblemSeverity::Error) {
        return Err(problems);
    }
    Ok(Catalog::new(manifest, profile, entities, domains, unpublished, problems))
}

/// Line and column of a byte of a file, both from 1, columns in characters.
fn place_of(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// The file's name without folder and `.csv`: the name of the entity or domain it describes.
fn stem<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let name = path.strip_prefix(folder)?.strip_suffix(".csv")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// A TOML file into its type; a fault is reported where the reader found it.
fn read_toml<T: serde::de::DeserializeOwned>(
    file: &str,
    text: &str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    match toml::from_str(text) {
        Ok(value) => Some(value),
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            let message = error.message().replace('\n', " ");
            problems.push(Problem::error("S115", file, place_of(text, offset), message));
            None
        }
    }
}

#[cfg(test)]
mod tests;
