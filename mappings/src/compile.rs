//! From a mapping file to a mapping that is proved against the standard: every problem of the file
//! at once, each with line and column.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapters::Inner;
use schemas::{Catalog, Entity, Files, Problem, ProblemSeverity};
use toml::Spanned;

use crate::catalogs::Catalogs;
use crate::code_map::{CodeMap, Unknown};
use crate::compiled::{Compiled, CompiledCondition, CompiledTerm, From, Variable};
use crate::datum::Kind;
use crate::expression::{Condition, Expression, Path, Source, SyntaxError};
use crate::fit;
use crate::mapping::{ElementPlan, Mapping, Open, RecordPlan};
use crate::nearest::suggestion;
use crate::place::Sheet;
use crate::raw::{RawCodes, RawFile, RawOpen, RawRecord};
use crate::step_list::{self, Scope};

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
    let mut compiler = Compiler {
        sheet,
        files,
        catalog: &catalog,
        maps: BTreeMap::new(),
        used_maps: Vec::new(),
        absolute: Vec::new(),
    };
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
    /// Absolute paths met so far; a path's place here is its number in the per-message cache.
    absolute: Vec<Path>,
}

impl Compiler<'_> {
    fn mapping(&mut self, file: &str, raw: &RawFile) -> Option<Mapping> {
        for (name, codes) in &raw.codes {
            self.code_map(file, name, codes);
        }
        let opens: Vec<Open> = raw.open.iter().filter_map(|it| self.open(it)).collect();
        let when = raw.mapping.when.as_ref().map(|it| self.condition(it));
        let lane = raw.mapping.lane.as_ref().and_then(|it| self.expression(it));
        let mut records = Vec::new();
        for record in &raw.record {
            records.extend(self.record(record, raw.mapping.lane.is_some()));
        }
        if raw.record.is_empty() {
            let offset = raw.mapping.name.span().start;
            self.sheet.error("M010", offset, "a mapping needs at least one [[record]]".to_owned());
        }
        self.unused_maps(raw);
        let (when, gates) = match when {
            None => (None, 0),
            Some(None) => return None,
            Some(Some((condition, paths))) => (Some(condition), gates(&opens, &paths)),
        };
        Some(Mapping {
            name: raw.mapping.name.get_ref().clone(),
            catalog: Arc::clone(self.catalog),
            version: raw.mapping.version.clone().unwrap_or_else(|| "1".to_owned()),
            when,
            gates,
            opens,
            lane,
            records,
            absolute_paths: self.absolute.len(),
        })
    }

    fn open(&mut self, raw: &RawOpen) -> Option<Open> {
        let inner = match raw.inner.get_ref().as_str() {
            "xml" => Inner::Xml,
            "json" => Inner::Json,
            other => {
                let hint = suggestion(other, ["xml", "json"].into_iter());
                let message = format!("a field can be opened as xml or json, not `{other}`{hint}");
                self.sheet.error("M011", raw.inner.span().start, message);
                return None;
            }
        };
        let expression = self.syntax(&raw.at, Expression::parse(raw.at.get_ref()))?;
        match expression.source {
            Source::Path(path) if expression.steps.is_empty() => Some(Open { path, inner }),
            _ => {
                let message = "`at` is a path to a field, without steps".to_owned();
                self.sheet.error("M012", raw.at.span().start, message);
                None
            }
        }
    }

    fn code_map(&mut self, file: &str, name: &Spanned<String>, raw: &RawCodes) {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let default = format!("codes/{}.csv", name.get_ref());
        let relative = raw.file.as_ref().map_or(default.as_str(), |it| it.get_ref());
        let path =
            if folder.is_empty() { relative.to_owned() } else { format!("{folder}/{relative}") };
        let Some(text) = self.files.get(&path) else {
            let at = raw.file.as_ref().map_or(name.span().start, |it| it.span().start);
            self.sheet.error("M020", at, format!("there is no file `{path}` for this code map"));
            return;
        };
        let unknown = self.unknown_policy(raw);
        let Some(domain) = self.code_map_domain(raw) else { return };
        match CodeMap::parse(&path, text, domain, unknown) {
            Ok(map) => {
                self.maps.insert(name.get_ref().clone(), Arc::new(map));
            }
            Err(problems) => self.sheet.problems.extend(
                problems.into_iter().map(|(line, it)| Problem::error("M021", &path, (line, 1), it)),
            ),
        }
    }

    /// `None` when the domain does not exist (told), `Some(None)` when none is asked for.
    #[allow(clippy::option_option)] // three answers, two of them good
    fn code_map_domain(&mut self, raw: &RawCodes) -> Option<Option<&schemas::ValueDomain>> {
        let Some(name) = &raw.domain else { return Some(None) };
        let catalog = self.catalog;
        let domain = catalog.domain(name.get_ref());
        if domain.is_none() {
            let hint =
                suggestion(name.get_ref(), catalog.domains().map(schemas::ValueDomain::name));
            let message = format!("there is no value domain `{}`{hint}", name.get_ref());
            self.sheet.error("M022", name.span().start, message);
        }
        domain.map(Some)
    }

    fn unknown_policy(&mut self, raw: &RawCodes) -> Unknown {
        let Some(policy) = &raw.unknown else { return Unknown::default() };
        match policy.get_ref().as_str() {
            "refuse" => Unknown::Refuse,
            "pass" => Unknown::Pass,
            other => {
                let message = format!("`unknown` is refuse or pass, not `{other}`");
                self.sheet.error("M023", policy.span().start, message);
                Unknown::default()
            }
        }
    }

    fn unused_maps(&mut self, raw: &RawFile) {
        for name in raw.codes.keys() {
            if self.maps.contains_key(name.get_ref()) && !self.used_maps.contains(name.get_ref()) {
                let message = format!("no element uses the code map `{}`", name.get_ref());
                self.sheet.warning("M024", name.span().start, message);
            }
        }
    }

    fn record(&mut self, raw: &Spanned<RawRecord>, has_lane: bool) -> Option<RecordPlan> {
        let start = raw.span().start;
        let raw = raw.get_ref();
        let catalog = self.catalog;
        let Some(entity) = catalog.entity(raw.entity.get_ref()) else {
            let hint = suggestion(raw.entity.get_ref(), catalog.entities().map(Entity::name));
            let message = format!("there is no entity `{}`{hint}", raw.entity.get_ref());
            self.sheet.error("M030", raw.entity.span().start, message);
            return None;
        };
        if raw.lane.is_none() && !has_lane {
            let message =
                "say which encounter the record belongs to: `lane = '...'` here or in [mapping]";
            self.sheet.error("M031", start, message.to_owned());
        }
        let elements = self.elements(entity, raw);
        self.required(entity, raw);
        let key = self.key(entity, raw);
        Some(RecordPlan {
            entity: entity.name().to_owned(),
            each: raw.each.as_ref().and_then(|it| self.each(it)),
            filter: raw.filter.as_ref().and_then(|it| self.condition(it)).map(|(it, _)| it),
            distinct: raw.distinct.as_ref().and_then(|it| self.expression(it)),
            lane: raw.lane.as_ref().and_then(|it| self.expression(it)),
            key,
            elements,
        })
    }

    fn each(&mut self, raw: &Spanned<String>) -> Option<Compiled> {
        let expression = self.expression(raw)?;
        let from_path = matches!(expression.source, From::Relative(_) | From::Absolute(..));
        if from_path && (expression.steps.is_empty() || expression.kind == Kind::List) {
            return Some(expression);
        }
        let message =
            "`each` is a path, or a path whose steps end in a list (`| split(\"#\")`)".to_owned();
        self.sheet.error("M032", raw.span().start, message);
        None
    }

    fn elements(&mut self, entity: &Entity, raw: &RawRecord) -> Vec<ElementPlan> {
        let mut plans = Vec::new();
        for (name, text) in &raw.elements {
            let Some(position) = entity.position(name.get_ref()) else {
                let names = entity.elements().iter().map(schemas::DataElement::name);
                let hint = suggestion(name.get_ref(), names);
                let message =
                    format!("`{}` has no element `{}`{hint}", entity.name(), name.get_ref());
                self.sheet.error("M040", name.span().start, message);
                continue;
            };
            let Some(expression) = self.expression(text) else { continue };
            let Some(element) = entity.elements().get(position) else { continue };
            for complaint in fit::complaints(element, &expression) {
                self.sheet.error(complaint.code, text.span().start, complaint.message);
            }
            plans.push(ElementPlan { position, expression });
        }
        plans
    }

    fn required(&mut self, entity: &Entity, raw: &RawRecord) {
        let mapped: Vec<&str> = raw.elements.keys().map(|it| it.get_ref().as_str()).collect();
        let missing: Vec<&str> = entity
            .elements()
            .iter()
            .filter(|it| it.required() == schemas::Required::Yes && !mapped.contains(&it.name()))
            .map(schemas::DataElement::name)
            .collect();
        if !missing.is_empty() {
            let message = format!("`{}` requires {}", entity.name(), missing.join(", "));
            self.sheet.error("M041", raw.entity.span().start, message);
        }
    }

    /// The expressions of the business key: the mapping's own, or empty for the entity's.
    fn key(&mut self, entity: &Entity, raw: &RawRecord) -> Vec<Compiled> {
        if let Some(key) = &raw.key {
            return key.iter().filter_map(|it| self.expression(it)).collect();
        }
        let mapped = |name: &String| raw.elements.keys().any(|it| it.get_ref() == name);
        let missing: Vec<_> = entity.key().iter().filter(|it| !mapped(it)).cloned().collect();
        if !missing.is_empty() {
            let message = format!(
                "the key of `{}` needs {}; map it, or give `key = ['...']` of your own",
                entity.name(),
                missing.join(", ")
            );
            self.sheet.error("M042", raw.entity.span().start, message);
        }
        Vec::new()
    }

    #[allow(clippy::type_complexity)] // the condition, and the paths it reads
    fn condition(&mut self, raw: &Spanned<String>) -> Option<(CompiledCondition, Vec<Path>)> {
        let condition = self.syntax(raw, Condition::parse(raw.get_ref()))?;
        let paths = condition.paths().cloned().collect();
        let base = self.sheet.inside(raw);
        let mut any = Vec::new();
        for all in condition.any {
            let mut terms = Vec::new();
            for term in all {
                let expression = self.compile_expression(&term.expression, base)?;
                terms.push(CompiledTerm { negated: term.negated, expression, test: term.test });
            }
            any.push(terms);
        }
        Some((CompiledCondition { any }, paths))
    }

    fn expression(&mut self, raw: &Spanned<String>) -> Option<Compiled> {
        let expression = self.syntax(raw, Expression::parse(raw.get_ref()))?;
        let base = self.sheet.inside(raw);
        self.compile_expression(&expression, base)
    }

    fn syntax<T>(&mut self, raw: &Spanned<String>, parsed: Result<T, SyntaxError>) -> Option<T> {
        match parsed {
            Ok(it) => Some(it),
            Err(error) => {
                let offset = self.sheet.inside(raw) + error.offset;
                self.sheet.error("M002", offset, error.message);
                None
            }
        }
    }

    /// `base` is where the expression's text begins in the file.
    fn compile_expression(&mut self, expression: &Expression, base: usize) -> Option<Compiled> {
        let (source, mut kind) = self.source(&expression.source, base + expression.offset)?;
        let mut steps = Vec::new();
        for call in &expression.steps {
            let mut scope = Inside { compiler: self, base };
            match step_list::compile(call, kind, &mut scope) {
                Ok((step, yields)) => {
                    steps.push(step);
                    kind = yields;
                }
                Err(message) => {
                    self.sheet.error("M003", base + call.offset, message);
                    return None;
                }
            }
        }
        Some(Compiled { source, steps, kind })
    }

    fn source(&mut self, source: &Source, offset: usize) -> Option<(From, Kind)> {
        match source {
            Source::Literal(text) => Some((From::Literal(text.clone()), Kind::Text)),
            Source::Path(path) if path.absolute => {
                Some((From::Absolute(self.number(path), path.clone()), Kind::Text))
            }
            Source::Path(path) => Some((From::Relative(path.clone()), Kind::Text)),
            Source::Variable(name) => {
                let found = Variable::ALL.iter().find(|(it, _)| it == name);
                if found.is_none() {
                    let hint = suggestion(name, Variable::ALL.iter().map(|(it, _)| *it));
                    let hint = hint.replace("mean `", "mean `$");
                    self.sheet.error(
                        "M004",
                        offset,
                        format!("there is no variable `${name}`{hint}"),
                    );
                }
                found.map(|(_, variable)| (From::Variable(*variable), variable.kind()))
            }
        }
    }

    fn number(&mut self, path: &Path) -> usize {
        let known = self.absolute.iter().position(|it| it == path);
        known.unwrap_or_else(|| {
            self.absolute.push(path.clone());
            self.absolute.len() - 1
        })
    }
}

/// A compiler with the place of the expression it is in.
struct Inside<'c, 'a> {
    compiler: &'c mut Compiler<'a>,
    base: usize,
}

impl Scope for Inside<'_, '_> {
    fn code_map(&self, name: &str) -> Option<Arc<CodeMap>> {
        self.compiler.maps.get(name).cloned()
    }

    fn note_use(&mut self, name: &str) {
        self.compiler.used_maps.push(name.to_owned());
    }

    fn code_map_names(&self) -> Vec<String> {
        self.compiler.maps.keys().cloned().collect()
    }

    fn expression(&mut self, expression: &Expression) -> Option<Compiled> {
        self.compiler.compile_expression(expression, self.base)
    }
}

/// How many of the opens, from the first, must be done before `when` can be judged.
fn gates(opens: &[Open], paths: &[Path]) -> usize {
    let needed = |open: &Open| paths.iter().any(|path| path.may_pass(&open.path));
    opens.iter().rposition(needed).map_or(0, |last| last + 1)
}
