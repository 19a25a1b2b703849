//! Where in a mapping file something stands: from byte offsets to line and column.

use std::ops::Range;

use schemas::Problem;
use toml::Spanned;

/// One file while it is being compiled: its name, its text, and the problems found so far.
#[derive(Debug)]
pub(crate) struct Sheet<'a> {
    file: &'a str,
    text: &'a str,
    pub(crate) problems: Vec<Problem>,
    /// What nobody needs to hear who did not ask.
    pub(crate) advice: Vec<Problem>,
}

impl<'a> Sheet<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Sheet<'a> {
        Sheet { file, text, problems: Vec::new(), advice: Vec::new() }
    }

    /// The file's name.
    pub(crate) fn file(&self) -> &'a str {
        self.file
    }

    /// What stands in a part of the file.
    pub(crate) fn slice(&self, part: Range<usize>) -> &str {
        self.text.get(part).unwrap_or_default()
    }

    /// Records an error at a byte offset of the file.
    pub(crate) fn error(&mut self, code: &'static str, offset: usize, message: String) {
        let place = self.line_and_column(offset);
        self.problems.push(Problem::error(code, self.file, place, message));
    }

    /// Records a warning: the mapping loads, but the implementer should look.
    pub(crate) fn warning(&mut self, code: &'static str, offset: usize, message: String) {
        let place = self.line_and_column(offset);
        self.problems.push(Problem::warning(code, self.file, place, message));
    }

    /// Records what is not wrong, for whoever asks what else there is.
    pub(crate) fn advice(&mut self, code: &'static str, offset: usize, message: String) {
        let place = self.line_and_column(offset);
        self.advice.push(Problem::warning(code, self.file, place, message));
    }

    /// Records a TOML error where the parser found it.
    pub(crate) fn syntax(&mut self, error: &toml::de::Error) {
        let offset = error.span().map_or(0, |span| span.start);
        self.error("M001", offset, error.message().to_owned());
    }

    /// Line and column, both from 1, columns in characters.
    pub(crate) fn line_and_column(&self, offset: usize) -> (u32, u32) {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = self.text.get(..end).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// Where the text inside the quotes of a TOML string begins, so that an offset in an expression
    /// becomes an offset in the file. Exact for one-line strings without escapes, which is how
    /// expressions are written.
    pub(crate) fn inside(&self, spanned: &Spanned<String>) -> usize {
        let Range { start, end } = spanned.span();
        let quoted = self.text.get(start..end).unwrap_or_default();
        let marks = if quoted.starts_with("'''") || quoted.starts_with("\"\"\"") { 3 } else { 1 };
        start + marks
    }
}
