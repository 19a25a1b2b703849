//! From `answer.toml` to answers that are proved: every problem of the file and of its templates at
//! once, each with line and column.

use std::collections::BTreeMap;

use adapters::AnswerCharset;
use schemas::{Files, Problem};
use toml::Spanned;

use super::engine::{self, Engine};
use super::escape::Escape;
use super::raw::{RawAnswer, RawFile};
use super::{AnswerKind, Answers, LineEnd, SoapUse, VARIABLES, places, trial};
use crate::catalogs::Catalogs;
use crate::compile;
use crate::place::Sheet;
use crate::suggestion;

/// Compiles one answer file and tries every kind of answer it can give.
pub(crate) fn load(
    file: &str,
    text: &str,
    files: &Files,
    catalogs: &Catalogs,
) -> (Option<Answers>, Vec<Problem>) {
    let mut sheet = Sheet::new(file, text);
    let raw: RawFile = match toml::from_str(text) {
        Ok(raw) => raw,
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            sheet.error("M060", offset, error.message().to_owned());
            return (None, sheet.problems);
        }
    };
    let raw = raw.answer;
    let (request, sheet) = compile::request(sheet, files, catalogs, &raw.request, &raw.lists);
    let names = request.names().map(str::to_owned).collect();
    let mut loader = Loader {
        file,
        files,
        sheet,
        engine: Engine::new(),
        request_names: names,
        found: Vec::new(),
        escapes: BTreeMap::new(),
    };
    let (templates, wrap) = loader.templates(&raw);
    let outer = wrap.as_deref().or(templates.values().next().map(String::as_str));
    let outer = outer.map_or(Escape::None, |it| loader.escape(&raw, it, wrap.is_some()));
    let content_type = loader.content_type(&raw, outer);
    let answers = Answers {
        file: file.to_owned(),
        charset: loader.charset(&raw),
        content_type,
        soap: loader.soap(&raw),
        line_end: loader.line_end(&raw),
        last_line_end: raw.last_line_end,
        status: loader.status(&raw),
        engine: std::mem::replace(&mut loader.engine, Engine::new()),
        templates,
        wrap,
        escapes: std::mem::take(&mut loader.escapes),
        outer,
        request,
    };
    let mut problems = loader.sheet.problems;
    problems.extend(loader.found);
    if problems.is_empty() {
        problems = trial::run(&answers, files);
    }
    if problems.iter().any(compile::is_error) {
        (None, problems)
    } else {
        (Some(answers), problems)
    }
}

struct Loader<'a> {
    file: &'a str,
    files: &'a Files,
    sheet: Sheet<'a>,
    engine: Engine,
    request_names: Vec<String>,
    /// Problems of the templates themselves.
    found: Vec<Problem>,
    /// Templates that were taken in, by path: two kinds may share one.
    escapes: BTreeMap<String, Escape>,
}

impl Loader<'_> {
    fn templates(&mut self, raw: &RawAnswer) -> (BTreeMap<AnswerKind, String>, Option<String>) {
        let named = [
            (AnswerKind::Accepted, &raw.accepted),
            (AnswerKind::Warned, &raw.warned),
            (AnswerKind::Parked, &raw.parked),
            (AnswerKind::Refused, &raw.refused),
            (AnswerKind::Failed, &raw.failed),
            (AnswerKind::Passed, &raw.passed),
            (AnswerKind::Hit, &raw.hit),
            (AnswerKind::Unknown, &raw.unknown),
            (AnswerKind::Degraded, &raw.degraded),
        ];
        let mut templates = BTreeMap::new();
        for (kind, name) in &named {
            let path = name.as_ref().and_then(|it| self.template(raw, it, false));
            templates.extend(path.map(|it| (*kind, it)));
        }
        if named.iter().all(|(_, name)| name.is_none()) {
            let message = "[answer] names no template: write accepted = \"answers/accepted.xml\"";
            self.sheet.error("M060", 0, message.to_owned());
        }
        let wrap = raw.wrap.as_ref().and_then(|it| self.template(raw, it, true));
        (templates, wrap)
    }

    fn template(&mut self, raw: &RawAnswer, name: &Spanned<String>, wraps: bool) -> Option<String> {
        let folder = self.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let relative = name.get_ref();
        let path =
            if folder.is_empty() { relative.clone() } else { format!("{folder}/{relative}") };
        let escape = self.escape(raw, &path, wraps);
        if self.escapes.contains_key(&path) {
            return Some(path);
        }
        let Some(text) = self.files.get(&path) else {
            let message = format!(
                "there is no template `{path}`; templates lie in a folder `answers` beside the file"
            );
            self.sheet.error("M061", name.span().start, message);
            return None;
        };
        let source = source(text);
        self.escapes.insert(path.clone(), escape);
        let mut sheet = Sheet::new(&path, &source);
        prove(&mut sheet, &source, escape, wraps, &self.request_names, &mut self.engine);
        let problems = sheet.problems;
        let failed = !problems.is_empty();
        self.found.extend(problems);
        (!failed).then_some(path)
    }

    /// `[answer] escape` is about the templates; a wrapper has a format of its own.
    fn escape(&mut self, raw: &RawAnswer, path: &str, wraps: bool) -> Escape {
        let by_file = Escape::of_file(path);
        let Some(word) = raw.escape.as_ref().filter(|_| !wraps) else { return by_file };
        let words = Escape::ALL.map(|(word, _)| word);
        self.one_of(word, &words, Escape::of_word).unwrap_or(by_file)
    }

    fn charset(&mut self, raw: &RawAnswer) -> Option<AnswerCharset> {
        let Some(word) = &raw.charset else { return Some(AnswerCharset::Utf8) };
        if word.get_ref() == "caller" {
            return None;
        }
        let mut words: Vec<&str> = AnswerCharset::ALL.iter().map(|it| it.label()).collect();
        words.push("caller");
        self.one_of(word, &words, AnswerCharset::of_label)
    }

    fn soap(&mut self, raw: &RawAnswer) -> SoapUse {
        let known = [("result", SoapUse::Result), ("raw", SoapUse::Raw), ("whole", SoapUse::Whole)];
        self.word(raw.soap.as_ref(), &known).unwrap_or(SoapUse::Result)
    }

    fn line_end(&mut self, raw: &RawAnswer) -> LineEnd {
        let known = [("lf", LineEnd::Lf), ("crlf", LineEnd::CrLf), ("cr", LineEnd::Cr)];
        self.word(raw.line_end.as_ref(), &known).unwrap_or(LineEnd::Lf)
    }

    fn content_type(&mut self, raw: &RawAnswer, outer: Escape) -> String {
        let Some(given) = &raw.content_type else { return outer.content_type().to_owned() };
        let text = given.get_ref();
        let is_type = text.contains('/')
            && text.bytes().all(|it| it.is_ascii_graphic() && !matches!(it, b';' | b','));
        if !is_type {
            let message =
                "content_type is a type such as text/xml; the charset is added".to_owned();
            self.sheet.error("M066", given.span().start, message);
        }
        text.clone()
    }

    fn status(&mut self, raw: &RawAnswer) -> BTreeMap<AnswerKind, u16> {
        let mut status = BTreeMap::new();
        for (word, number) in &raw.status {
            if !(200..=599).contains(number.get_ref()) {
                let message = "a status is a number from 200 to 599".to_owned();
                self.sheet.error("M066", number.span().start, message);
            }
            let words = AnswerKind::ALL.map(AnswerKind::word);
            let kind = self.one_of(word, &words, AnswerKind::of_word);
            status.extend(kind.map(|it| (it, *number.get_ref())));
        }
        status
    }

    fn word<T: Copy>(&mut self, word: Option<&Spanned<String>>, known: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = known.iter().map(|(it, _)| *it).collect();
        let find = |text: &str| known.iter().find(|(it, _)| *it == text).map(|(_, value)| *value);
        self.one_of(word?, &words, find)
    }

    fn one_of<T>(
        &mut self,
        word: &Spanned<String>,
        words: &[&str],
        find: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let found = find(word.get_ref());
        if found.is_none() {
            let hint = suggestion(word.get_ref(), words.iter().copied());
            let message = format!("`{}` is none of {}{hint}", word.get_ref(), words.join(", "));
            self.sheet.error("M066", word.span().start, message);
        }
        found
    }
}

/// A template as its author sees it: editors end the last line, and some end lines with CR LF.
pub(super) fn source(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)
}

/// Reads a template, looks its names up, and writes the escapes into it.
fn prove(
    sheet: &mut Sheet<'_>,
    source: &str,
    escape: Escape,
    wraps: bool,
    request_names: &[String],
    engine: &mut Engine,
) {
    let asked = match engine::variables_of(source) {
        Ok(asked) => asked,
        Err(fault) => {
            let offset = fault.offset.unwrap_or_else(|| begin_of_line(source, fault.line));
            sheet.error("M062", offset, fault.message);
            return;
        }
    };
    for name in asked {
        if let Some(message) = unknown(&name, wraps, request_names) {
            sheet.error("M063", source.find(&name).unwrap_or(0), message);
        }
    }
    match places::prepare(source, escape) {
        Ok(prepared) => {
            let name = sheet.file().to_owned();
            if let Err(fault) = engine.add(&name, prepared) {
                sheet.error("M062", begin_of_line(source, fault.line), fault.message);
            }
        }
        Err(complaints) => {
            for it in complaints {
                sheet.error(it.code, it.offset, it.message);
            }
        }
    }
}

/// What is wrong with a variable's name; `name` may have members (`request.serial`).
fn unknown(name: &str, wraps: bool, request_names: &[String]) -> Option<String> {
    let mut parts = name.split('.');
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    let globals = ["range", "dict", "namespace"];
    if globals.contains(&first) {
        return None;
    }
    if !VARIABLES.contains(&first) {
        let hint = suggestion(first, VARIABLES.iter().copied());
        return Some(format!("there is no variable `{first}`{hint}"));
    }
    if first == "inner" && !wraps {
        return Some("`inner` is what `wrap` wraps; only the wrapper knows it".to_owned());
    }
    let (group, names): (&str, Vec<&str>) = match first {
        "request" => ("[answer.request]", request_names.iter().map(String::as_str).collect()),
        "call" => ("the call", vec!["operation", "namespace", "version", "envelope"]),
        "check" => ("the check", trial::CHECK_MEMBERS.to_vec()),
        _ => return None,
    };
    let second = second?;
    if names.contains(&second) {
        return None;
    }
    let hint = suggestion(second, names.into_iter());
    Some(format!("{group} has no `{second}`{hint}"))
}

pub(super) fn begin_of_line(source: &str, line: u32) -> usize {
    let before = usize::try_from(line.saturating_sub(1)).unwrap_or(0);
    source.split_inclusive('\n').take(before).map(str::len).sum()
}
