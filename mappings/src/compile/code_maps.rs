//! `[codes.NAME]`: the code maps of the source, read and proved against their value domains.

use std::sync::Arc;

use schemas::Problem;
use toml::Spanned;

use super::Compiler;
use crate::code_map::{CodeMap, Unknown};
use crate::raw::{RawCodes, RawFile};
use crate::suggestion;

impl Compiler<'_> {
    pub(super) fn code_map(&mut self, file: &str, name: &Spanned<String>, raw: &RawCodes) {
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
    pub(super) fn code_map_domain(
        &mut self,
        raw: &RawCodes,
    ) -> Option<Option<&schemas::ValueDomain>> {
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

    pub(super) fn unknown_policy(&mut self, raw: &RawCodes) -> Unknown {
        let Some(policy) = &raw.unknown else { return Unknown::default() };
        match policy.get_ref().as_str() {
            "refuse" => Unknown::Refuse,
            "park" => Unknown::Park,
            "pass" => Unknown::Pass,
            other => {
                let message = format!("`unknown` is refuse, park or pass, not `{other}`");
                self.sheet.error("M023", policy.span().start, message);
                Unknown::default()
            }
        }
    }

    pub(super) fn unused_maps(&mut self, raw: &RawFile) {
        for name in raw.codes.keys() {
            if self.maps.contains_key(name.get_ref()) && !self.used_maps.contains(name.get_ref()) {
                let message = format!("no element uses the code map `{}`", name.get_ref());
                self.sheet.warning("M024", name.span().start, message);
            }
        }
    }
}
