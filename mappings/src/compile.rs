//! From a mapping file to a mapping that is proved against the standard: every problem of the file
//! at once, each with line and column. One room of `compile/` for each part of a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::{Catalog, Files, Problem, ProblemSeverity};

use crate::catalogs::Catalogs;
use crate::code_map::CodeMap;
use crate::datum::Kind;
use crate::expression::Path;
use crate::mapping::{Mapping, Open};
use crate::nearby::Fields;
use crate::place::Sheet;
use crate::raw::RawFile;
use crate::suggestion;

mod code_maps;
mod conditions;
mod expressions;
mod opens;
mod records;
mod requests;
mod seals;
mod sense;
mod slots;
mod tables;

pub(crate) use requests::request;
use tables::Tables;

/// Compiles one file. Warnings come back beside the mapping; any error means no mapping.
pub(crate) fn compile(
    file: &str,
    text: &str,
    files: &Files,
    catalogs: &Catalogs,
) -> (Option<Mapping>, Vec<Problem>) {
    let mut sheet = Sheet::new(file, text);
    let raw: RawFile = match toml::from_str(text) {
        Ok(raw) => raw,
        Err(error) => {
            sheet.syntax(&error);
            return (None, sheet.problems);
        }
    };
    let Some(catalog) = catalog(&mut sheet, &raw, catalogs) else {
        return (None, sheet.problems);
    };
    let mut compiler = Compiler::new(sheet, files, &catalog);
    let mapping = compiler.mapping(file, &raw);
    let problems = compiler.sheet.problems;
    let failed = problems.iter().any(is_error);
    ((!failed).then_some(mapping).flatten(), problems)
}

/// Whether a problem forbids the use of the mapping.
pub(crate) fn is_error(problem: &Problem) -> bool {
    problem.severity == ProblemSeverity::Error
}

/// The dictionary the file asks for, or the hospital's own.
fn catalog(sheet: &mut Sheet<'_>, raw: &RawFile, catalogs: &Catalogs) -> Option<Arc<Catalog>> {
    let Some(profile) = &raw.mapping.profile else {
        return Some(Arc::clone(catalogs.default_catalog()));
    };
    let catalog = catalogs.get(profile.get_ref());
    if catalog.is_none() {
        let hint = suggestion(profile.get_ref(), catalogs.profiles());
        let message = format!("there is no profile `{}`{hint}", profile.get_ref());
        sheet.error("M013", profile.span().start, message);
    }
    catalog.cloned()
}

struct Compiler<'a> {
    sheet: Sheet<'a>,
    files: &'a Files,
    catalog: &'a Arc<Catalog>,
    maps: BTreeMap<String, Arc<CodeMap>>,
    used_maps: Vec<String>,
    tables: Tables,
    /// Absolute paths met so far; a path's place here is its number in the per-message cache.
    absolute: Vec<Path>,
    /// How many paths join two tables.
    indexes: usize,
    /// What the record at hand looks for around its items; none outside a record.
    fields: Option<Fields>,
    /// What `$1`, `$2`, ... of the record at hand are.
    slot_kinds: Vec<Kind>,
    /// Whether the record at hand iterates.
    has_each: bool,
}

impl<'a> Compiler<'a> {
    fn new(sheet: Sheet<'a>, files: &'a Files, catalog: &'a Arc<Catalog>) -> Compiler<'a> {
        Compiler {
            sheet,
            files,
            catalog,
            maps: BTreeMap::new(),
            used_maps: Vec::new(),
            tables: Tables::default(),
            absolute: Vec::new(),
            indexes: 0,
            fields: None,
            slot_kinds: Vec::new(),
            has_each: false,
        }
    }

    fn mapping(&mut self, file: &str, raw: &RawFile) -> Option<Mapping> {
        for (name, codes) in &raw.codes {
            self.code_map(file, name, codes);
        }
        self.tables(file, raw);
        let opens: Vec<Open> = raw.open.iter().filter_map(|it| self.open(it)).collect();
        let verifies = self.verifies(raw);
        let groups = raw.group.iter().filter_map(|it| self.group(it)).collect();
        let when = raw.mapping.when.as_ref().map(|it| self.condition(it));
        if let (Some(text), Some(Some((condition, _)))) = (&raw.mapping.when, &when) {
            self.never(text, condition);
        }
        let lane = raw.mapping.lane.as_ref().and_then(|it| self.expression(it));
        if let (Some(text), Some(lane)) = (&raw.mapping.lane, &lane) {
            self.lane_sense(text, lane, self.has_encounters(&raw.record));
        }
        let checks = raw.mapping.checks.iter().filter_map(|it| self.check(it)).collect();
        let mut records = Vec::new();
        for record in &raw.record {
            records.extend(self.record(record, raw.mapping.lane.is_some()));
        }
        if let (Some(text), Some(lane)) = (&raw.mapping.lane, &lane)
            && !self.sheet.problems.iter().any(is_error)
        {
            self.lane_climbs(text, lane, &records);
        }
        if raw.record.is_empty() {
            let offset = raw.mapping.name.span().start;
            self.sheet.error("M010", offset, "a mapping needs at least one [[record]]".to_owned());
        }
        self.unused_maps(raw);
        self.unused_tables(raw);
        let (when, gates) = match when {
            None => (None, 0),
            Some(None) => return None,
            Some(Some((compiled, condition))) => {
                (Some(compiled), gates(&opens, &condition.paths()))
            }
        };
        Some(Mapping {
            name: raw.mapping.name.get_ref().clone(),
            catalog: Arc::clone(self.catalog),
            version: raw.mapping.version.clone().unwrap_or_else(|| "1".to_owned()),
            when,
            gates,
            opens,
            verifies,
            groups,
            null_words: raw.mapping.null_words.clone(),
            lane,
            checks,
            records,
            absolute_paths: self.absolute.len(),
            advice: std::mem::take(&mut self.sheet.advice),
        })
    }
}

/// How many of the opens, from the first, must be done before `when` can be judged.
fn gates(opens: &[Open], paths: &[&Path]) -> usize {
    let needed = |open: &Open| paths.iter().any(|path| path.may_pass(&open.path));
    opens.iter().rposition(needed).map_or(0, |last| last + 1)
}
