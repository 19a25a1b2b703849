//! `[tables.NAME]` and `[units.NAME]`: what the source leaves out of its messages, and the factors
//! between its units.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::{Problem, ValueDomain};
use toml::Spanned;

use super::Compiler;
use crate::lookup::Lookup;
use crate::raw::{RawFile, RawTable};
use crate::rows::Complaints;
use crate::suggestion;
use crate::units::Units;

/// The CSV files of one mapping besides its code maps.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) lookups: BTreeMap<String, Arc<Lookup>>,
    pub(super) units: BTreeMap<String, Arc<Units>>,
    /// Names of both kinds that a step asked for.
    pub(super) used: Vec<String>,
}

impl Compiler<'_> {
    pub(super) fn tables(&mut self, file: &str, raw: &RawFile) {
        for (name, table) in &raw.tables {
            let read = self.csv(file, ("tables", name), table.file.as_ref(), Lookup::parse);
            let Some(mut lookup) = read else { continue };
            lookup.absent_if_unknown = self.unknown_key(table);
            self.tables.lookups.insert(name.get_ref().clone(), Arc::new(lookup));
        }
        for (name, units) in &raw.units {
            let read = self.csv(file, ("units", name), units.file.as_ref(), Units::parse);
            self.tables.units.extend(read.map(|it| (name.get_ref().clone(), Arc::new(it))));
        }
    }

    /// The file that a table names, beside the mapping; `FOLDER/NAME.csv` when it names none.
    fn csv<T>(
        &mut self,
        mapping: &str,
        (folder, name): (&str, &Spanned<String>),
        file: Option<&Spanned<String>>,
        parse: fn(&str, &str) -> Result<T, Complaints>,
    ) -> Option<T> {
        let default = format!("{folder}/{}.csv", name.get_ref());
        let relative = file.map_or(default.as_str(), |it| it.get_ref());
        let path = match mapping.rsplit_once('/') {
            Some((beside, _)) => format!("{beside}/{relative}"),
            None => relative.to_owned(),
        };
        let Some(text) = self.files.get(&path) else {
            let at = file.map_or(name.span().start, |it| it.span().start);
            self.sheet.error("M025", at, format!("there is no file `{path}` for this table"));
            return None;
        };
        let told = |(line, it)| Problem::error("M026", &path, (line, 1), it);
        parse(&path, text).map_err(|it| self.sheet.problems.extend(it.into_iter().map(told))).ok()
    }

    pub(super) fn table(&mut self, name: &str) -> Result<Arc<Lookup>, String> {
        self.tables.used.push(name.to_owned());
        let names = self.tables.lookups.keys().map(String::as_str);
        let missing = || {
            format!("there is no table `{name}`; add [tables.{name}]{}", suggestion(name, names))
        };
        self.tables.lookups.get(name).cloned().ok_or_else(missing)
    }

    pub(super) fn units(&mut self, name: &str) -> Result<Arc<Units>, String> {
        self.tables.used.push(name.to_owned());
        let names = self.tables.units.keys().map(String::as_str);
        let missing = || {
            format!("there are no units `{name}`; add [units.{name}]{}", suggestion(name, names))
        };
        self.tables.units.get(name).cloned().ok_or_else(missing)
    }

    pub(super) fn domain(&self, name: &str) -> Result<&ValueDomain, String> {
        let names = || self.catalog.domains().map(ValueDomain::name);
        let missing = || format!("there is no value domain `{name}`{}", suggestion(name, names()));
        self.catalog.domain(name).ok_or_else(missing)
    }

    fn unknown_key(&mut self, raw: &RawTable) -> bool {
        let Some(policy) = &raw.unknown else { return false };
        match policy.get_ref().as_str() {
            "refuse" => false,
            "absent" => true,
            other => {
                let message = format!("`unknown` of a table is refuse or absent, not `{other}`");
                self.sheet.error("M023", policy.span().start, message);
                false
            }
        }
    }

    pub(super) fn unused_tables(&mut self, raw: &RawFile) {
        let read =
            |it: &str| self.tables.lookups.contains_key(it) || self.tables.units.contains_key(it);
        let unused: Vec<_> = (raw.tables.keys().chain(raw.units.keys()))
            .filter(|it| read(it.get_ref()) && !self.tables.used.contains(it.get_ref()))
            .collect();
        for name in unused {
            let message = format!("no element uses the table `{}`", name.get_ref());
            self.sheet.warning("M024", name.span().start, message);
        }
    }
}
