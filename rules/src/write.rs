//! Writes JSON by hand, so that an amount is written as the digits it has.

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

    fn name(&mut self, name: &str) {
        if !self.text.ends_with(['{', '[']) {
            self.text.push(',');
        }
        self.text.push_str(&quoted(name));
        self.text.push(':');
    }

    /// A text member.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.text.push_str(&quoted(value));
    }

    /// A text member that is left out when there is none.
    pub(crate) fn maybe_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A member whose JSON is ready: a number, an object.
    pub(crate) fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.text.push_str(json);
    }

    /// An amount of money: two decimals, N..16,2.
    pub(crate) fn amount(&mut self, name: &str, amount: Decimal) {
        let rounded = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        self.raw(name, &format!("{rounded:.2}"));
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &str, values: &[impl AsRef<str>]) {
        let items: Vec<_> = values.iter().map(|value| quoted(value.as_ref())).collect();
        self.raw(name, &format!("[{}]", items.join(",")));
    }

    /// A list of objects.
    pub(crate) fn objects<T>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
        fill: impl Fn(&mut Writer, T),
    ) {
        let items: Vec<_> =
            values.into_iter().map(|value| Writer::object(|writer| fill(writer, value))).collect();
        self.raw(name, &format!("[{}]", items.join(",")));
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}
