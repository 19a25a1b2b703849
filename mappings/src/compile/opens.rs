//! `[[open]]` and `[[group]]`: the fields that hold documents of their own, and the flat siblings
//! that belong together.

use adapters::{Cipher, Delimited, Inner, Names, Opening, Transfer};
use toml::{Spanned, Value};

use super::Compiler;
use crate::expression::{Expression, Path, Source, Start};
use crate::mapping::{Group, Open};
use crate::raw::{RawGroup, RawOpen};
use crate::seal::Seal;
use crate::suggestion;

impl Compiler<'_> {
    pub(super) fn open(&mut self, raw: &RawOpen) -> Option<Open> {
        let path = self.place(&raw.at, "at");
        let opening = self.opening(raw);
        let (opening, seal) = opening?;
        Some(Open { path: path?, opening, seal })
    }

    pub(super) fn group(&mut self, raw: &RawGroup) -> Option<Group> {
        let root = Path::new(Start::Root, Vec::new());
        let parent = match &raw.parent {
            Some(parent) => self.place(parent, "in")?,
            None => root,
        };
        let starts = raw.starts.get_ref();
        if let Some(end) = raw.ends.iter().find(|it| it.get_ref() == starts) {
            let message = format!("`{starts}` begins a group, it cannot close it too");
            self.sheet.error("M014", end.span().start, message);
            return None;
        }
        if starts.is_empty() || raw.name.get_ref().is_empty() {
            let message = "`starts` and `as` are names of elements".to_owned();
            self.sheet.error("M014", raw.starts.span().start, message);
            return None;
        }
        Some(Group {
            parent,
            starts: starts.clone(),
            ends: raw.ends.iter().map(|it| it.get_ref().clone()).collect(),
            name: raw.name.get_ref().clone(),
        })
    }

    /// A path that leads to the same nodes from wherever it is asked.
    pub(super) fn place(&mut self, raw: &Spanned<String>, key: &str) -> Option<Path> {
        let expression = self.syntax(raw, Expression::parse(raw.get_ref()))?;
        match expression.source {
            Source::Path(path) if expression.steps.is_empty() => {
                let path = Path { start: from_root(path.start), ..path };
                if path.is_fixed() {
                    return Some(path);
                }
                let message = format!("`{key}` is asked once a message; there is no $item yet");
                self.sheet.error("M012", raw.span().start, message);
            }
            _ => {
                let message = format!("`{key}` is a path to a field, without steps");
                self.sheet.error("M012", raw.span().start, message);
            }
        }
        None
    }

    fn opening(&mut self, raw: &RawOpen) -> Option<(Opening, Option<Seal>)> {
        let words = self.words(&raw.inner)?;
        let (last, before) = words.split_last()?;
        let seal = self.seal(before, last, raw);
        let plain = before.iter().filter(|it| it.parse::<Cipher>().is_err());
        let transfers: Vec<Option<Transfer>> =
            plain.map(|it| self.transfer(it, &raw.inner)).collect();
        let inner = self.inner(last, raw);
        let transfers: Vec<Transfer> = transfers.into_iter().collect::<Option<_>>()?;
        let seal = seal?;
        let first_is_cipher = seal.as_ref().is_some_and(|it| it.at == 0);
        if first_is_cipher || transfers.first() == Some(&Transfer::Gzip) {
            let word = words.first().map_or("", String::as_str);
            let message = format!(
                "a field holds text, and {word} takes bytes: `base64` or `hex` comes before `{word}`"
            );
            self.sheet.error("M011", raw.inner.span().start, message);
            return None;
        }
        let skip_to = raw.skip_to.as_ref().map(|it| it.get_ref().clone());
        Some((Opening { skip_to, transfers, inner: inner? }, seal))
    }

    /// One word or a list of them; never none.
    fn words(&mut self, raw: &Spanned<Value>) -> Option<Vec<String>> {
        let words = match raw.get_ref() {
            Value::String(word) => Some(vec![word.clone()]),
            Value::Array(words) if !words.is_empty() => {
                words.iter().map(|it| it.as_str().map(str::to_owned)).collect()
            }
            _ => None,
        };
        if words.is_none() {
            let message = "`as` is a word or a list of words, such as [\"base64\", \"xml\"]";
            self.sheet.error("M011", raw.span().start, message.to_owned());
        }
        words
    }

    fn transfer(&mut self, word: &str, raw: &Spanned<Value>) -> Option<Transfer> {
        let transfer = word.parse().ok();
        if transfer.is_none() {
            let message = if Inner::WORDS.contains(&word) {
                format!(
                    "`{word}` is a kind of document, which comes last; open what is inside it with an [[open]] of its own"
                )
            } else {
                let hint = suggestion(word, Transfer::WORDS.into_iter().chain(Cipher::WORDS));
                format!(
                    "before the kind of document only url, hex, base64, gzip and a cipher such as \
                     aes-128-cbc can stand, not `{word}`{hint}"
                )
            };
            self.sheet.error("M011", raw.span().start, message);
        }
        transfer
    }

    fn inner(&mut self, word: &str, raw: &RawOpen) -> Option<Inner> {
        match word.parse().ok() {
            Some(Inner::Csv(delimited)) => self.delimited(delimited, raw).map(Inner::Csv),
            Some(Inner::Delimited(delimited)) => {
                if raw.columns.is_none() {
                    let message = "delimited text needs `columns`: what stands between two cells";
                    self.sheet.error("M016", raw.inner.span().start, message.to_owned());
                    return None;
                }
                self.delimited(delimited, raw).map(Inner::Delimited)
            }
            Some(inner) => self.no_cells(raw, word).then_some(inner),
            None => {
                let is_wrapping =
                    word.parse::<Transfer>().is_ok() || word.parse::<Cipher>().is_ok();
                let message = if is_wrapping {
                    format!(
                        "behind `{word}` comes the kind of document, such as [\"{word}\", \"xml\"]"
                    )
                } else {
                    let words = Inner::WORDS.join(", ");
                    let hint = suggestion(word, Inner::WORDS.into_iter());
                    format!("a field can be opened as {words}, not `{word}`{hint}")
                };
                self.sheet.error("M011", raw.inner.span().start, message);
                None
            }
        }
    }

    /// Only text that is cut into cells has rows and columns.
    fn no_cells(&mut self, raw: &RawOpen, word: &str) -> bool {
        let texts = [("rows", &raw.rows), ("columns", &raw.columns), ("quote", &raw.quote)];
        let texts =
            texts.into_iter().filter_map(|(key, it)| Some((key, it.as_ref()?.span().start)));
        let names = raw.names.as_ref().map(|it| ("names", it.span().start));
        let stray: Vec<_> = texts.chain(names).collect();
        for (key, at) in &stray {
            let message = format!("`{key}` is for csv and delimited, not for {word}");
            self.sheet.error("M016", *at, message);
        }
        stray.is_empty()
    }

    fn delimited(&mut self, default: Delimited, raw: &RawOpen) -> Option<Delimited> {
        for separator in [&raw.rows, &raw.columns].into_iter().flatten() {
            if separator.get_ref().is_empty() {
                let message = "a separator is not empty".to_owned();
                self.sheet.error("M016", separator.span().start, message);
                return None;
            }
        }
        let quote = self.quote(default.quote, raw.quote.as_ref())?;
        let names = match &raw.names {
            Some(names) => self.names(names)?,
            None => default.names,
        };
        let text = |it: &Spanned<String>| it.get_ref().clone();
        Some(Delimited {
            rows: raw.rows.as_ref().map(text).or(default.rows),
            columns: raw.columns.as_ref().map_or(default.columns, text),
            quote,
            names,
        })
    }

    /// The outer `None` is a mistake, the inner one is no quote.
    #[allow(clippy::option_option)]
    fn quote(
        &mut self,
        default: Option<char>,
        raw: Option<&Spanned<String>>,
    ) -> Option<Option<char>> {
        let Some(raw) = raw else { return Some(default) };
        let mut letters = raw.get_ref().chars();
        if let (quote, None) = (letters.next(), letters.next()) {
            return Some(quote);
        }
        let message = "`quote` is one character, or empty for none".to_owned();
        self.sheet.error("M016", raw.span().start, message);
        None
    }

    fn names(&mut self, raw: &Spanned<Value>) -> Option<Names> {
        let names = match raw.get_ref() {
            Value::String(word) if word == "first-row" => Some(Names::FirstRow),
            Value::Array(names) => {
                let names = names.iter().map(|it| it.as_str().map(str::to_owned));
                names.collect::<Option<Vec<_>>>().map(Names::Given)
            }
            _ => None,
        };
        if names.is_none() {
            let message = "`names` is a list of names from the left, or \"first-row\"".to_owned();
            self.sheet.error("M016", raw.span().start, message);
        }
        names
    }
}

/// There is only the root to begin at.
fn from_root(start: Start) -> Start {
    if start == Start::Here { Start::Root } else { start }
}
