//! Writes JSON by hand, so that an amount is written as the digits it has.
//!
//! Everything goes straight to its place in one text: an answer of forty rules that could not decide
//! has a thousand paths, and each of them was three allocations once.

use std::fmt::{Display, Write as _};

use rust_decimal::{Decimal, RoundingStrategy};

/// A JSON object being written.
pub(crate) struct Writer {
    text: String,
}

impl Writer {
    /// An object, filled by `fill`.
    pub(crate) fn object(fill: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer { text: String::from("{") };
        fill(&mut writer);
        writer.text.push('}');
        writer.text
    }

    /// A text member.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        quote(&mut self.text, value);
    }

    /// A text member that is left out when there is none.
    pub(crate) fn maybe_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A member whose JSON is ready: a number, an object.
    pub(crate) fn raw(&mut self, name: &str, json: impl Display) {
        self.name(name);
        write!(self.text, "{json}").expect("writing to a String cannot fail");
    }

    /// An amount of money: two decimals, N..16,2.
    pub(crate) fn amount(&mut self, name: &str, amount: Decimal) {
        let rounded = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        self.raw(name, format_args!("{rounded:.2}"));
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &str, values: &[impl AsRef<str>]) {
        self.list(name, values, |writer, value| quote(&mut writer.text, value.as_ref()));
    }

    /// A list of objects.
    pub(crate) fn objects<T>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
        fill: impl Fn(&mut Writer, T),
    ) {
        self.list(name, values, |writer, value| {
            writer.text.push('{');
            fill(writer, value);
            writer.text.push('}');
        });
    }

    /// A member that is an object.
    pub(crate) fn member(&mut self, name: &str, fill: impl FnOnce(&mut Writer)) {
        self.name(name);
        self.text.push('{');
        fill(self);
        self.text.push('}');
    }

    fn list<T>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
        write: impl Fn(&mut Writer, T),
    ) {
        self.name(name);
        self.text.push('[');
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            write(self, value);
        }
        self.text.push(']');
    }

    /// Members never begin with a bracket, so one in front means that this is the first.
    fn name(&mut self, name: &str) {
        if !self.text.ends_with(['{', '[']) {
            self.text.push(',');
        }
        quote(&mut self.text, name);
        self.text.push(':');
    }
}

/// Nearly every text stands as it is between its quotes.
fn quote(out: &mut String, text: &str) {
    if text.bytes().any(|it| it < 0x20 || it == b'"' || it == b'\\') {
        out.push_str(&serde_json::Value::from(text).to_string());
        return;
    }
    out.push('"');
    out.push_str(text);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_as_what_they_were() {
        for text in
            ["", "plain", "药品", "a\"b", "\\", "line\nline", "\t\u{1}\u{1f}", "\u{7f}\u{2028}"]
        {
            let mut out = String::new();
            quote(&mut out, text);
            assert_eq!(out, serde_json::Value::from(text).to_string());
        }
    }

    #[test]
    fn lists_and_objects_of_nothing_and_of_some() {
        let written = Writer::object(|it| {
            it.texts("none", &[""; 0]);
            it.texts("some", &["[", "{"]);
            it.objects("objects", [0, 1, 2], |it, count| (0..count).for_each(|at| it.raw("n", at)));
            it.member("empty", |_| {});
            it.member("one", |it| it.amount("a", Decimal::new(12_345, 3)));
            it.maybe_text("absent", None);
            it.text("last", "}");
        });
        let expected = concat!(
            r#"{"none":[],"some":["[","{"],"objects":[{},{"n":0},{"n":0,"n":1}],"empty":{},"#,
            r#""one":{"a":12.35},"last":"}"}"#
        );
        assert_eq!(written, expected);
    }
}
