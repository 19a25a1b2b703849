//! The workshop: mapping files taken apart into lines that know what they are, and put together again
//! with one of them changed.

use schemas::{Catalog, DataElement, Entity, Format, Required};

use crate::desk::{Desk, ends};

/// One mistake in one file.
pub(crate) struct Mutant {
    /// The room that it was made in.
    pub(crate) family: &'static str,
    pub(crate) kind: String,
    pub(crate) file: String,
    pub(crate) text: String,
    /// File and line, and what stands there now.
    pub(crate) place: String,
    pub(crate) written: String,
}

impl Mutant {
    pub(crate) fn vendor(&self) -> &str {
        self.file.split('/').next().unwrap()
    }
}

pub(crate) struct Workshop<'d> {
    pub(crate) desk: &'d Desk,
    pub(crate) mutants: Vec<Mutant>,
    pub(crate) family: &'static str,
}

/// One line of a mapping file, and where it stands.
#[derive(Clone)]
pub(crate) struct Line<'d> {
    pub(crate) file: &'d str,
    whole: &'d str,
    /// From 0.
    pub(crate) at: usize,
    pub(crate) text: &'d str,
    /// `[mapping]`, `[[record]]`, `[record.elements]`, ...
    pub(crate) section: &'d str,
    pub(crate) entity: Option<&'d Entity>,
    pub(crate) has_each: bool,
    pub(crate) catalog: &'d Catalog,
}

impl<'d> Line<'d> {
    pub(crate) fn key(&self) -> Option<&'d str> {
        let (key, _) = self.text.split_once(" = ")?;
        (!key.starts_with('#')).then_some(key)
    }

    pub(crate) fn value(&self) -> Option<&'d str> {
        self.key().and_then(|_| self.text.split_once(" = ")).map(|(_, value)| value)
    }

    /// What stands in the quotes, where nothing in it is escaped.
    pub(crate) fn expression(&self) -> Option<&'d str> {
        let value = self.value().filter(|it| !it.contains('\\'))?;
        let expressions = ["when", "lane", "each", "where", "distinct"];
        if self.element().is_none() && !expressions.contains(&self.key()?) {
            return None;
        }
        let inside = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
        inside('\'').or_else(|| inside('"'))
    }

    pub(crate) fn element(&self) -> Option<&'d DataElement> {
        if self.section != "[record.elements]" {
            return None;
        }
        self.entity?.element(self.key()?)
    }

    /// The format of the element, in a word.
    pub(crate) fn format(&self) -> Option<&'static str> {
        self.element().map(format_word)
    }

    /// What the line is for: an element that is required or not, or the key of the file.
    pub(crate) fn role(&self) -> Option<&'d str> {
        match self.element() {
            Some(it) if it.required() == Required::Yes => Some("required element"),
            Some(_) => Some("element"),
            None => self.key(),
        }
    }

    /// The file with other text in the place of the line.
    fn with(&self, text: Option<&str>) -> String {
        let lines = self.whole.lines().enumerate();
        let lines = lines.filter_map(|(at, line)| if at == self.at { text } else { Some(line) });
        written(lines)
    }
}

pub(crate) fn format_word(element: &DataElement) -> &'static str {
    match element.format() {
        Format::Text { .. } if element.value_domain().is_some_and(schemas::ValueDomain::closed) => {
            "code"
        }
        Format::Text { .. } => "text",
        Format::Number { .. } => "number",
        Format::Date => "date",
        Format::DateTime => "date and time",
        _ => "other",
    }
}

impl<'d> Workshop<'d> {
    pub(crate) fn new(desk: &'d Desk) -> Workshop<'d> {
        Workshop { desk, mutants: Vec::new(), family: "" }
    }

    /// Every line of every mapping.
    pub(crate) fn lines(&self) -> Vec<Line<'d>> {
        let files = self.desk.files.values().flatten().filter(|(path, _)| ends(path, "toml"));
        files.flat_map(|(path, text)| lines(self.desk, path, text)).collect()
    }

    /// Every code map: its path and text.
    pub(crate) fn code_maps(&self) -> Vec<(&'d str, &'d str)> {
        let files = self.desk.files.values().flatten().filter(|(path, _)| path.contains("/codes/"));
        files.map(|(path, text)| (path.as_str(), text.as_str())).collect()
    }

    /// The line is written in another way.
    pub(crate) fn write(&mut self, operator: &str, target: &str, line: &Line<'_>, text: &str) {
        let whole = line.with(Some(text));
        self.file(operator, target, line.file, line.at, text, whole);
    }

    /// The expression of the line is written in another way; its quotes stay.
    pub(crate) fn express(&mut self, operator: &str, target: &str, line: &Line<'_>, to: &str) {
        let quote = if to.contains('\'') { '"' } else { '\'' };
        self.write(
            operator,
            target,
            line,
            &format!("{} = {quote}{to}{quote}", line.key().unwrap()),
        );
    }

    pub(crate) fn drop(&mut self, operator: &str, target: &str, line: &Line<'_>) {
        let text = line.with(None);
        self.file(operator, target, line.file, line.at, &format!("no {}", line.text), text);
    }

    /// The file is written in another way; `at` is the line that says it best.
    pub(crate) fn file(
        &mut self,
        operator: &str,
        target: &str,
        file: &str,
        at: usize,
        written: &str,
        text: String,
    ) {
        let vendor = file.split('/').next().unwrap();
        if self.desk.files[vendor][file].trim_end() == text.trim_end() {
            return; // nothing was there to get wrong
        }
        self.mutants.push(Mutant {
            family: self.family,
            kind: if target.is_empty() {
                operator.to_owned()
            } else {
                format!("{operator}: {target}")
            },
            file: file.to_owned(),
            text,
            place: format!("{file}:{}", at + 1),
            written: written.to_owned(),
        });
    }
}

fn lines<'d>(desk: &'d Desk, file: &'d str, whole: &'d str) -> Vec<Line<'d>> {
    let profile =
        whole.lines().find_map(|it| it.strip_prefix("profile = ")).unwrap().trim_matches('"');
    let catalog = desk.catalogs.get(profile).unwrap();
    let mut section = "";
    let mut lines: Vec<Line<'d>> = Vec::new();
    for (at, text) in whole.lines().enumerate() {
        if text.starts_with('[') {
            section = text;
        }
        let before = lines.last();
        let stays = section == "[record.elements]" || (section == "[[record]]" && text != section);
        let entity = match text.strip_prefix("entity = ") {
            Some(name) => catalog.entity(name.trim_matches('"')),
            None => before.filter(|_| stays).and_then(|it| it.entity),
        };
        let has_each =
            text.starts_with("each = ") || (stays && before.is_some_and(|it| it.has_each));
        lines.push(Line { file, whole, at, text, section, entity, has_each, catalog });
    }
    lines
}

/// Lines, each ended.
pub(crate) fn written(lines: impl Iterator<Item: AsRef<str>>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line.as_ref());
        text.push('\n');
    }
    text
}

/// A name with a slip in it.
pub(crate) fn misspelt(name: &str) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    if letters.len() < 4 {
        letters.push('x');
    } else {
        letters.remove(letters.len() / 2);
    }
    letters.into_iter().collect()
}

/// Source and steps.
pub(crate) fn parts(expression: &str) -> Vec<&str> {
    expression.split(" | ").collect()
}

pub(crate) fn joined(parts: &[&str]) -> String {
    parts.join(" | ")
}

/// The name of a step, without its arguments.
pub(crate) fn step_name(step: &str) -> &str {
    step.split('(').next().unwrap()
}
