//! Ciphers among what fields are opened by, and `[[verify]]`: what needs a key of the channel.
//!
//! The keys themselves are not known here, only their names; `MappingSet::keyed` brings them together.

use adapters::{AnswerCharset, Cipher, Inner, SignMethod, Transfer};
use toml::Spanned;

use super::Compiler;
use crate::datum::Kind;
use crate::raw::{RawFile, RawOpen, RawVerify};
use crate::seal::{IvSource, KeyName, Part, Seal, Sorted, Verify};
use crate::suggestion;

impl Compiler<'_> {
    /// The one cipher among the words before the kind of document. The outer `None` is a mistake.
    #[allow(clippy::option_option)]
    pub(super) fn seal(
        &mut self,
        before: &[String],
        last: &str,
        raw: &RawOpen,
    ) -> Option<Option<Seal>> {
        let ciphers = before.iter().map(|it| it.parse::<Cipher>()).enumerate();
        let mut ciphers = ciphers.filter_map(|(at, it)| Some((at, it.ok()?)));
        let Some((at, cipher)) = ciphers.next() else {
            // A misspelt or misplaced word may well have meant the cipher that `key` belongs to.
            let is_wrong = before.iter().any(|it| it.parse::<Transfer>().is_err());
            let is_wrong = is_wrong || last.parse::<Inner>().is_err();
            return (is_wrong || self.no_cipher(raw)).then_some(None);
        };
        if ciphers.next().is_some() {
            let message = "one field has one cipher, since it has one `key`".to_owned();
            self.sheet.error("M017", raw.inner.span().start, message);
            return None;
        }
        let Some(key) = &raw.key else {
            let message = format!("{cipher} needs `key`: the name of one of the channel's keys");
            self.sheet.error("M017", raw.inner.span().start, message);
            return None;
        };
        let key = self.key_name(key);
        let iv = self.iv(cipher, raw)?;
        let padding = match &raw.padding {
            None => adapters::Padding::default(),
            Some(word) => self.word("M017", "padding", word, &adapters::Padding::WORDS)?,
        };
        Some(Some(Seal { at, cipher, padding, key: key?, iv }))
    }

    /// What goes with a cipher says nothing without one.
    fn no_cipher(&mut self, raw: &RawOpen) -> bool {
        let keys = [("key", &raw.key), ("iv", &raw.iv), ("padding", &raw.padding)];
        let stray = keys.into_iter().find_map(|(key, it)| Some((key, it.as_ref()?)));
        if let Some((key, it)) = stray {
            let message = format!(
                "`{key}` goes with a cipher in `as`, such as [\"base64\", \"aes-128-cbc\", \"xml\"]"
            );
            self.sheet.error("M017", it.span().start, message);
        }
        stray.is_none()
    }

    #[allow(clippy::option_option)]
    fn iv(&mut self, cipher: Cipher, raw: &RawOpen) -> Option<Option<IvSource>> {
        match &raw.iv {
            None if !cipher.needs_iv() => Some(None),
            Some(iv) if !cipher.needs_iv() => {
                let message = format!("{cipher} has no vector: take `iv` out, or write a cbc");
                self.sheet.error("M017", iv.span().start, message);
                None
            }
            None => {
                let message = format!(
                    "{cipher} needs `iv`: front (the first block of the text), key (the beginning of \
                     the key), zero, or the name of one of the channel's keys"
                );
                self.sheet.error("M017", raw.inner.span().start, message);
                None
            }
            Some(iv) => Some(Some(match iv.get_ref().as_str() {
                "front" => IvSource::Front,
                "zero" => IvSource::Zero,
                "key" => IvSource::Key,
                _ => IvSource::Named(self.key_name(iv)?),
            })),
        }
    }

    fn key_name(&mut self, raw: &Spanned<String>) -> Option<KeyName> {
        let name = raw.get_ref().clone();
        if name.trim().is_empty() {
            let message = "a key has a name, by which the channel knows it".to_owned();
            self.sheet.error("M017", raw.span().start, message);
            return None;
        }
        Some(KeyName { name, place: self.sheet.line_and_column(raw.span().start) })
    }

    /// Every `[[verify]]`, each with its place among the opens.
    pub(super) fn verifies(&mut self, raw: &RawFile) -> Vec<Verify> {
        let starts: Vec<usize> = raw.open.iter().map(|it| it.at.span().start).collect();
        let verifies = raw.verify.iter().filter_map(|verify| {
            let own = verify.sign.span().start;
            let opens_above = starts.iter().filter(|it| **it < own).count();
            self.verify(verify, opens_above)
        });
        verifies.collect()
    }

    fn verify(&mut self, raw: &RawVerify, opens_above: usize) -> Option<Verify> {
        let method: Option<SignMethod> =
            self.word("M018", "method", &raw.method, &SignMethod::WORDS);
        let sign = self.text(&raw.sign);
        let sorted = self.sorted(raw);
        let over: Vec<Option<Part>> = raw.over.get_ref().iter().map(|it| self.part(it)).collect();
        let charset = self.charset(raw.charset.as_ref());
        let key = match &raw.key {
            None => Some(None),
            Some(key) => self.key_name(key).map(Some),
        };
        let over: Vec<Part> = over.into_iter().collect::<Option<_>>()?;
        let (method, sorted, key) = (method?, sorted?, key?);
        self.verify_sense(raw, method, &over)?;
        Some(Verify {
            opens_above,
            method,
            sign: sign?,
            over,
            sorted,
            charset: charset?.charset(),
            key,
            secret: None,
            written: written(raw),
        })
    }

    /// A key that is not used, or a part without what it stands for.
    fn verify_sense(&mut self, raw: &RawVerify, method: SignMethod, over: &[Part]) -> Option<()> {
        let has_key = over.iter().any(|it| matches!(it, Part::Key));
        let has_sorted = over.iter().any(|it| matches!(it, Part::Sorted));
        let place = raw.over.span().start;
        let complaint = if over.is_empty() {
            Some((place, "`over` says what is signed: it is not empty".to_owned()))
        } else if method.is_keyed() && has_key {
            Some((place, format!("{method} takes the key itself: $key is no part of `over`")))
        } else if method.is_keyed() && raw.key.is_none() {
            Some((
                raw.method.span().start,
                format!("{method} needs `key`: the name of one of the channel's keys"),
            ))
        } else if has_key && raw.key.is_none() {
            Some((place, "$key needs `key`: the name of one of the channel's keys".to_owned()))
        } else if let Some(key) = raw.key.as_ref().filter(|_| !method.is_keyed() && !has_key) {
            Some((
                key.span().start,
                format!("{method} uses no key unless $key is a part of `over`"),
            ))
        } else if has_sorted && raw.sorted.is_none() {
            Some((place, "$sorted needs `sorted`: the path of the fields".to_owned()))
        } else {
            let stray = [&raw.sorted, &raw.equals, &raw.between].into_iter().flatten().next();
            let stray = stray.filter(|_| !has_sorted);
            stray.map(|it| {
                (it.span().start, "nothing is sorted: $sorted is no part of `over`".to_owned())
            })
        };
        match complaint {
            None => Some(()),
            Some((place, message)) => {
                self.sheet.error("M018", place, message);
                None
            }
        }
    }

    fn part(&mut self, raw: &Spanned<String>) -> Option<Part> {
        match raw.get_ref().trim() {
            "$key" => Some(Part::Key),
            "$sorted" => Some(Part::Sorted),
            _ => self.text(raw).map(Part::Value),
        }
    }

    /// What is signed, and the signature, are single texts.
    fn text(&mut self, raw: &Spanned<String>) -> Option<crate::compiled::Compiled> {
        let compiled = self.expression(raw)?;
        if compiled.kind == Kind::List {
            let message = "a list is no text: join it, or take one item".to_owned();
            self.sheet.error("M018", raw.span().start, message);
            return None;
        }
        Some(compiled)
    }

    #[allow(clippy::option_option)]
    fn sorted(&mut self, raw: &RawVerify) -> Option<Option<Sorted>> {
        let Some(path) = &raw.sorted else { return Some(None) };
        let text = |it: &Option<Spanned<String>>, or: &str| {
            it.as_ref().map_or_else(|| or.to_owned(), |it| it.get_ref().clone())
        };
        let (equals, between) = (text(&raw.equals, "="), text(&raw.between, "&"));
        Some(Some(Sorted { path: self.place(path, "sorted")?, equals, between }))
    }

    fn charset(&mut self, raw: Option<&Spanned<String>>) -> Option<AnswerCharset> {
        let Some(raw) = raw else { return Some(AnswerCharset::Utf8) };
        let charset = AnswerCharset::of_label(raw.get_ref());
        if charset.is_none() {
            let message = format!("`charset` is utf-8, gbk or gb18030, not `{}`", raw.get_ref());
            self.sheet.error("M018", raw.span().start, message);
        }
        charset
    }

    /// A word of a list, or the nearest one told.
    fn word<T: std::str::FromStr>(
        &mut self,
        code: &'static str,
        key: &str,
        raw: &Spanned<String>,
        words: &[&str],
    ) -> Option<T> {
        let word = raw.get_ref();
        let parsed = word.parse().ok();
        if parsed.is_none() {
            let hint = suggestion(word, words.iter().copied());
            let message = format!("`{key}` is one of {}, not `{word}`{hint}", words.join(", "));
            self.sheet.error(code, raw.span().start, message);
        }
        parsed
    }
}

/// The whole of it, with what cannot stand in a TOML text between the parts.
fn written(raw: &RawVerify) -> String {
    let single = [&raw.key, &raw.sorted, &raw.equals, &raw.between, &raw.charset];
    let single = single.into_iter().map(|it| it.as_ref().map_or("", |it| it.get_ref().as_str()));
    let over = raw.over.get_ref().iter().map(|it| it.get_ref().as_str());
    let texts = [raw.sign.get_ref().as_str(), raw.method.get_ref().as_str()];
    texts.into_iter().chain(single).chain(over).collect::<Vec<_>>().join("\0")
}
