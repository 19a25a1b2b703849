//! `catalog.toml`: which dictionary this is, and what the marks in its notes stand for.

use serde::Deserialize;

use super::{place_of, read_toml};
use crate::catalog::Source;
use crate::files::Files;
use crate::problem::Problem;

const FILE: &str = "catalog.toml";

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) sources: Vec<Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    version: toml::Spanned<String>,
    #[serde(default)]
    source: Vec<RawSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    mark: String,
    what: String,
}

pub(crate) fn read(files: &Files, problems: &mut Vec<Problem>) -> Manifest {
    let Some(text) = files.get(FILE) else {
        let message = "the file is missing; it names the dictionary and its version";
        problems.push(Problem::error("S101", FILE, (1, 1), message));
        return Manifest::default();
    };
    let Some(raw) = read_toml::<Raw>(FILE, text, problems) else { return Manifest::default() };
    if raw.version.get_ref().trim().is_empty() {
        let place = place_of(text, raw.version.span().start);
        problems.push(Problem::error("S112", FILE, place, "`version` is empty"));
    }
    let sources = raw.source.into_iter().map(|source| Source::new(source.mark, source.what));
    Manifest { name: raw.name, version: raw.version.into_inner(), sources: sources.collect() }
}
