//! One table of the configuration while it is being read: typed getters that collect problems.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use schemas::Problem;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Problems of one file, with the means to turn an offset into a line.
pub(super) struct Complaints<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    pub(super) problems: Vec<Problem>,
}

impl Complaints<'_> {
    pub(super) fn error(&mut self, code: &'static str, offset: usize, message: String) {
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let place = (u32::try_from(line).unwrap_or(0), u32::try_from(column).unwrap_or(0));
        self.problems.push(Problem::error(code, self.file, place, message));
    }
}

/// A table and the keys that were asked of it; what was never asked is a key nobody knows.
pub(super) struct Section<'t, 'i> {
    name: String,
    offset: usize,
    table: Option<&'t DeTable<'i>>,
    known: Vec<&'static str>,
}

impl<'t, 'i> Section<'t, 'i> {
    pub(super) fn new(name: &str, offset: usize, table: Option<&'t DeTable<'i>>) -> Self {
        Section { name: name.to_owned(), offset, table, known: Vec::new() }
    }

    /// A table inside this one; one that is missing reads as empty.
    pub(super) fn section(
        &mut self,
        key: &'static str,
        to: &mut Complaints<'_>,
    ) -> Section<'t, 'i> {
        let value = self.value(key);
        let offset = value.map_or(self.offset, |it| it.span().start);
        let table = value.and_then(|it| it.get_ref().as_table());
        if value.is_some() && table.is_none() {
            to.error("A004", offset, format!("`{key}` is a table: write [{key}]"));
        }
        Section::new(key, offset, table)
    }

    /// The tables of `[[key]]`.
    pub(super) fn sections(
        &mut self,
        key: &'static str,
        to: &mut Complaints<'_>,
    ) -> Vec<Section<'t, 'i>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            to.error(
                "A004",
                value.span().start,
                format!("`{key}` is a list of tables: write [[{key}]]"),
            );
            return Vec::new();
        };
        let section = |it: &'t Spanned<DeValue<'i>>| {
            Section::new(key, it.span().start, it.get_ref().as_table())
        };
        array.iter().map(section).collect()
    }

    pub(super) fn text(&mut self, key: &'static str, to: &mut Complaints<'_>) -> Option<String> {
        let value = self.value(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(text.to_owned()),
            None => wrong(key, value, "a text in quotes", to),
        }
    }

    /// A table of texts under names of the reader's own, each with its place.
    pub(super) fn secrets(
        &mut self,
        key: &'static str,
        to: &mut Complaints<'_>,
    ) -> Vec<(String, String, usize)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let table = value.get_ref().as_table().filter(|it| !it.is_empty());
        let texts = table.into_iter().flatten().map(|(name, text)| {
            let place = text.span().start;
            Some((name.get_ref().to_string(), text.get_ref().as_str()?.to_owned(), place))
        });
        let texts: Option<Vec<_>> = texts.collect();
        texts.filter(|it| !it.is_empty()).unwrap_or_else(|| {
            let what = match key {
                "stated" => "a table of names, each with a text in quotes",
                _ => "a table of names, each with file:PATH, env:NAME or credential:NAME",
            };
            wrong(key, value, what, to).unwrap_or_default()
        })
    }

    /// A text that must be there and not empty; the reader goes on with an empty one.
    pub(super) fn required(&mut self, key: &'static str, to: &mut Complaints<'_>) -> String {
        let before = to.problems.len();
        let text = self.text(key, to).unwrap_or_default();
        if text.trim().is_empty() && to.problems.len() == before {
            to.error("A005", self.offset, format!("[{}] needs `{key}`", self.name));
        }
        text
    }

    /// A text that is read as something else: an address, a format.
    pub(super) fn parsed<T: FromStr>(
        &mut self,
        key: &'static str,
        default: T,
        what: &str,
        to: &mut Complaints<'_>,
    ) -> T
    where
        T::Err: Display,
    {
        let Some(value) = self.value(key) else { return default };
        match value.get_ref().as_str().map(str::parse) {
            Some(Ok(parsed)) => parsed,
            _ => wrong(key, value, what, to).unwrap_or(default),
        }
    }

    pub(super) fn texts(&mut self, key: &'static str, to: &mut Complaints<'_>) -> Vec<String> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let texts = value.get_ref().as_array().map(|array| {
            array
                .iter()
                .map(|it| it.get_ref().as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        });
        match texts {
            Some(Some(texts)) => texts,
            _ => wrong(key, value, "a list of texts", to).unwrap_or_default(),
        }
    }

    pub(super) fn switch(
        &mut self,
        key: &'static str,
        default: bool,
        to: &mut Complaints<'_>,
    ) -> bool {
        let Some(value) = self.value(key) else { return default };
        match value.get_ref().as_bool() {
            Some(on) => on,
            None => wrong(key, value, "true or false", to).unwrap_or(default),
        }
    }

    /// A whole number within bounds.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        default: u64,
        bounds: RangeInclusive<u64>,
        to: &mut Complaints<'_>,
    ) -> u64 {
        let Some(value) = self.value(key) else { return default };
        let digits = value.get_ref().as_integer().map(|it| it.as_str().replace('_', ""));
        match digits.and_then(|it| it.parse::<u64>().ok()) {
            Some(number) if bounds.contains(&number) => number,
            _ => {
                let what = format!("a whole number from {} to {}", bounds.start(), bounds.end());
                wrong(key, value, &what, to).unwrap_or(default)
            }
        }
    }

    pub(super) fn size(
        &mut self,
        key: &'static str,
        default: usize,
        bounds: RangeInclusive<u64>,
        to: &mut Complaints<'_>,
    ) -> usize {
        usize::try_from(self.number(key, default as u64, bounds, to)).unwrap_or(default)
    }

    /// Milliseconds; the key's name ends in `_ms`.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        default_ms: u64,
        bounds: RangeInclusive<u64>,
        to: &mut Complaints<'_>,
    ) -> Duration {
        Duration::from_millis(self.number(key, default_ms, bounds, to))
    }

    /// Whether the key is there.
    pub(super) fn gives(&self, key: &str) -> bool {
        self.table.is_some_and(|it| it.get(key).is_some())
    }

    /// Where a key stands, for complaints about what its value means.
    pub(super) fn offset_of(&self, key: &str) -> usize {
        self.table.and_then(|it| it.get(key)).map_or(self.offset, |it| it.span().start)
    }

    /// Complains of every key that nobody asked for.
    pub(super) fn finish(self, to: &mut Complaints<'_>) {
        let Some(table) = self.table else { return };
        for key in table.keys().filter(|it| !self.known.contains(&it.get_ref().as_ref())) {
            let name = key.get_ref();
            let hint = mappings::suggestion(name, self.known.iter().copied());
            let place =
                if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
            to.error("A003", key.span().start, format!("there is no key `{name}`{place}{hint}"));
        }
    }

    fn value(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.known.push(key);
        self.table?.get(key)
    }
}

/// A value that is not what the key needs; the reader goes on with what it has.
fn wrong<T>(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    what: &str,
    to: &mut Complaints<'_>,
) -> Option<T> {
    to.error("A004", value.span().start, format!("`{key}` must be {what}"));
    None
}
