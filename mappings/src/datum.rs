//! What flows through the steps of an expression.

use std::borrow::Cow;

use jiff::civil::{Date, DateTime, Time};
use schemas::Number;

/// The kind of thing an expression yields, known when the mapping is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Date,
    Time,
    DateTime,
    Boolean,
    List,
}

impl Kind {
    /// The word used in complaints.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Number => "a number",
            Kind::Date => "a date",
            Kind::Time => "a time",
            Kind::DateTime => "a date and time",
            Kind::Boolean => "yes or no",
            Kind::List => "a list",
        }
    }
}

/// One value on its way. `Absent` passes through every step that does not give it a default.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum<'a> {
    Absent,
    Text(Cow<'a, str>),
    Number(Number),
    Date(Date),
    Time(Time),
    DateTime(DateTime),
    Boolean(bool),
    List(Box<[Cow<'a, str>]>),
}

impl Datum<'_> {
    /// The same value, its text borrowed: how a constant of the mapping joins the flow.
    pub(crate) fn lent(&self) -> Datum<'_> {
        match self {
            Datum::Text(text) => Datum::Text(Cow::Borrowed(text)),
            Datum::List(items) => {
                Datum::List(items.iter().map(|it| Cow::Borrowed(it.as_ref())).collect())
            }
            other => other.clone(),
        }
    }

    /// The value written out, for keys and comparisons.
    pub(crate) fn to_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Datum::Absent | Datum::List(_) => None,
            Datum::Text(text) => Some(Cow::Borrowed(text)),
            Datum::Number(number) => Some(Cow::Owned(number.to_string())),
            Datum::Date(date) => Some(Cow::Owned(date.strftime("%Y%m%d").to_string())),
            Datum::Time(time) => Some(Cow::Owned(time.strftime("%H%M%S").to_string())),
            Datum::DateTime(moment) => {
                Some(Cow::Owned(moment.strftime("%Y%m%d%H%M%S").to_string()))
            }
            Datum::Boolean(yes) => Some(Cow::Borrowed(if *yes { "y" } else { "n" })),
        }
    }
}

/// Why a value could not be restated: something the HIS said, told back to it. Nearly every value
/// can be, so a fault is kept small beside the values that pass through the same hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(Box<Told>);

/// What a fault tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) code: &'static str,
    /// As it was sent; masked later if the element identifies a person.
    pub(crate) found: String,
    /// What to send instead, in Chinese.
    pub(crate) expected: String,
    /// The code map that waits for the code in `found` to be mapped; then nothing is refused.
    pub(crate) waits_for: Option<String>,
}

impl Fault {
    pub(crate) fn new(code: &'static str, found: &str, expected: String) -> Fault {
        Fault(Box::new(Told { code, found: found.to_owned(), expected, waits_for: None }))
    }

    /// The same fault, told by another code.
    pub(crate) fn with_code(mut self, code: &'static str) -> Fault {
        self.0.code = code;
        self
    }

    /// The same fault, but nothing is refused: a code map waits for the code that was found.
    pub(crate) fn waiting_for(mut self, file: &str) -> Fault {
        self.0.waits_for = Some(file.to_owned());
        self
    }

    pub(crate) fn told(self) -> Told {
        *self.0
    }
}
