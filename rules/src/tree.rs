//! TOML with places: every value read here can say its line and column.

use std::ops::Range;

use schemas::Problem;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A file being read, to turn offsets into places.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// Line and column, from 1, columns in characters.
    pub(crate) fn place(&self, offset: usize) -> (u32, u32) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    pub(crate) fn error(&self, code: &'static str, at: &Range<usize>, message: String) -> Problem {
        Problem::error(code, self.file, self.place(at.start), message)
    }

    /// Parses the file; a fault of syntax becomes a problem and what is readable is kept.
    pub(crate) fn parse(&self, problems: &mut Vec<Problem>) -> Spanned<DeTable<'_>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let at = error.span().unwrap_or(0..0);
            problems.push(self.error("R101", &at, error.message().to_owned()));
        }
        table
    }
}

/// A table, and what is wrong with it.
pub(crate) struct Table<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) members: &'a DeTable<'a>,
    pub(crate) at: Range<usize>,
}

impl<'a> Table<'a> {
    /// Tells of every key that is not known, so that a typing error never silently means "default".
    pub(crate) fn only(&self, known: &[&str], problems: &mut Vec<Problem>) {
        for key in self.members.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                let message =
                    format!("unknown key `{}`; known are {}", key.get_ref(), known.join(", "));
                problems.push(self.source.error("R102", &key.span(), message));
            }
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<(&'a DeValue<'a>, Range<usize>)> {
        let (_, value) = self.members.iter().find(|(name, _)| name.get_ref() == key)?;
        Some((value.get_ref(), value.span()))
    }

    /// Where the key's value is, or where the table begins.
    pub(crate) fn place_of(&self, key: &str) -> Range<usize> {
        self.get(key).map_or_else(|| self.at.clone(), |(_, at)| at)
    }

    pub(crate) fn fault(&self, key: &str, message: String) -> Problem {
        self.source.error("R104", &self.place_of(key), message)
    }

    /// A required text.
    pub(crate) fn text(&self, key: &str, problems: &mut Vec<Problem>) -> Option<&'a str> {
        if self.get(key).is_none() {
            problems.push(self.source.error("R103", &self.at, format!("`{key}` is missing")));
        }
        self.maybe_text(key, problems).filter(|text| !text.is_empty())
    }

    /// A text that may be left out.
    pub(crate) fn maybe_text(&self, key: &str, problems: &mut Vec<Problem>) -> Option<&'a str> {
        let (value, _) = self.get(key)?;
        let text = value.as_str();
        if text.is_none() {
            problems.push(self.fault(key, format!("`{key}` must be a text in quotes")));
        }
        text
    }

    /// yes/no with a default.
    pub(crate) fn flag(&self, key: &str, default: bool, problems: &mut Vec<Problem>) -> bool {
        let Some((value, _)) = self.get(key) else { return default };
        value.as_bool().unwrap_or_else(|| {
            problems.push(self.fault(key, format!("`{key}` must be true or false")));
            default
        })
    }

    /// A list of texts, each with its place; left out is empty.
    pub(crate) fn texts(
        &self,
        key: &str,
        problems: &mut Vec<Problem>,
    ) -> Vec<(&'a str, Range<usize>)> {
        let Some((value, _)) = self.get(key) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            problems.push(self.fault(key, format!("`{key}` must be a list of texts")));
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref().as_str() {
                Some(text) => texts.push((text, item.span())),
                None => problems.push(self.fault(key, format!("`{key}` must hold texts only"))),
            }
        }
        texts
    }

    /// The tables of `[[key]]`.
    pub(crate) fn tables(&self, key: &str, problems: &mut Vec<Problem>) -> Vec<Table<'a>> {
        let Some((value, _)) = self.get(key) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            problems.push(self.fault(key, format!("write [[{key}]], one for each")));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref().as_table() {
                Some(table) => {
                    tables.push(Table { source: self.source, members: table, at: item.span() });
                }
                None => problems.push(self.fault(key, format!("write [[{key}]], one for each"))),
            }
        }
        tables
    }

    /// The table under a key; `None` when left out.
    pub(crate) fn table(&self, key: &str, problems: &mut Vec<Problem>) -> Option<Table<'a>> {
        let (value, at) = self.get(key)?;
        let Some(table) = value.as_table() else {
            problems.push(self.fault(key, format!("`{key}` must be a table")));
            return None;
        };
        Some(Table { source: self.source, members: table, at })
    }
}
