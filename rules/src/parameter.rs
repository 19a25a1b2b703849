//! The parameters of rules and knowledge rows: typed columns that a family declares.
//!
//! A cell is proved when its file is loaded, so a family that reads a required parameter need not
//! ask again whether it is there.

use std::fmt;
use std::sync::Arc;

use rust_decimal::Decimal;

use crate::age::Age;
use crate::condition::{Condition, Sentence};
use crate::knowledge::Key;
use crate::number::decimal;
use crate::party::PartyKind;
use crate::text::Text;
use crate::unit::Dose;
use crate::window::Window;

/// The largest whole number that a rule may count days, hours or uses with: two centuries of days,
/// and far within what the calendar can add to a date.
const WHOLE_MAX: u32 = 100_000;

/// One parameter of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The key in `rules.toml` or the column of the csv file.
    pub name: &'static str,
    /// What it is, in Chinese, for forms and the manual.
    pub zh: &'static str,
    /// What its text must look like.
    pub kind: ColumnKind,
    /// Whether it must be given.
    pub required: bool,
}

impl Column {
    /// A parameter that must be given.
    #[must_use]
    pub const fn required(name: &'static str, zh: &'static str, kind: ColumnKind) -> Column {
        Column { name, zh, kind, required: true }
    }

    /// A parameter that may be left out.
    #[must_use]
    pub const fn optional(name: &'static str, zh: &'static str, kind: ColumnKind) -> Column {
        Column { name, zh, kind, required: false }
    }
}

/// What the text of a parameter must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// A whole number, not negative.
    Whole,
    /// An exact decimal, not negative.
    Decimal,
    /// `true` or `false`, `y` or `n`.
    Flag,
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `2岁`, `6月`, `28天`.
    Age,
    /// `2 g`, `100 mg`.
    Dose,
    /// Several texts; in a cell separated by `|`.
    List,
    /// `单日`, `6小时`, `15天`: see [`Window`].
    Window,
    /// Several keys of items, separated by `|`: `ingredient:布洛芬|atc:M01A|set:first-line`.
    Keys,
    /// A tree of comparisons: see [`Condition`].
    Condition,
    /// A text with elements in braces: see [`Sentence`].
    Sentence,
}

/// One value, proved to be of its column's kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// See [`ColumnKind::Whole`].
    Whole(u32),
    /// See [`ColumnKind::Decimal`].
    Decimal(Decimal),
    /// See [`ColumnKind::Flag`].
    Flag(bool),
    /// See [`ColumnKind::Text`] and [`ColumnKind::Choice`].
    Text(Text),
    /// See [`ColumnKind::Age`].
    Age(Age),
    /// See [`ColumnKind::Dose`].
    Dose(Dose),
    /// See [`ColumnKind::List`].
    List(Vec<String>),
    /// See [`ColumnKind::Window`].
    Window(Window),
    /// See [`ColumnKind::Keys`].
    Keys(Vec<Key>),
    /// See [`ColumnKind::Condition`]; with the text it was written as.
    Condition(Box<Condition>, String),
    /// See [`ColumnKind::Sentence`]; with the text it was written as.
    Sentence(Sentence, String),
}

impl fmt::Display for Parameter {
    /// As it is read again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parameter::Whole(number) => number.fmt(f),
            Parameter::Decimal(number) => number.fmt(f),
            Parameter::Flag(flag) => f.write_str(if *flag { "y" } else { "n" }),
            Parameter::Text(text) => f.write_str(text),
            Parameter::Age(age) => age.fmt(f),
            Parameter::Dose(dose) => dose.fmt(f),
            Parameter::List(items) => f.write_str(&items.join("|")),
            Parameter::Window(window) => window.fmt(f),
            Parameter::Keys(keys) => {
                let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
                f.write_str(&keys.join("|"))
            }
            Parameter::Condition(_, text) | Parameter::Sentence(_, text) => f.write_str(text),
        }
    }
}

impl ColumnKind {
    /// The value a text stands for, or a sentence that says what was expected.
    pub fn parse(self, text: &str) -> Result<Parameter, String> {
        let text = text.trim();
        match self {
            ColumnKind::Whole => {
                text.parse().ok().filter(|number| *number <= WHOLE_MAX).map(Parameter::Whole)
            }
            ColumnKind::Decimal => {
                decimal(text).filter(|number| !number.is_sign_negative()).map(Parameter::Decimal)
            }
            ColumnKind::Flag => match text {
                "true" | "y" => Some(Parameter::Flag(true)),
                "false" | "n" => Some(Parameter::Flag(false)),
                _ => None,
            },
            ColumnKind::Text => Some(Parameter::Text(text.into())),
            ColumnKind::Choice(words) => {
                words.contains(&text).then(|| Parameter::Text(text.into()))
            }
            ColumnKind::Age => Age::parse(text).map(Parameter::Age),
            ColumnKind::Dose => {
                Dose::parse(text).filter(|dose| dose.amount > Decimal::ZERO).map(Parameter::Dose)
            }
            ColumnKind::List => Some(Parameter::List(
                text.split('|')
                    .map(str::trim)
                    .filter(|t| !t.is_empty())
                    .map(str::to_owned)
                    .collect(),
            )),
            ColumnKind::Window => Window::parse(text).map(Parameter::Window),
            ColumnKind::Keys => {
                let keys: Option<Vec<Key>> = text.split('|').map(Key::parse).collect();
                keys.map(Parameter::Keys)
            }
            ColumnKind::Condition => {
                let condition = Condition::parse(text)?;
                Some(Parameter::Condition(Box::new(condition), text.to_owned()))
            }
            ColumnKind::Sentence => {
                Some(Parameter::Sentence(Sentence::parse(text)?, text.to_owned()))
            }
        }
        .ok_or_else(|| format!("`{text}` is not {}", self.describe()))
    }

    fn describe(self) -> String {
        match self {
            ColumnKind::Whole => format!("a whole number up to {WHOLE_MAX}"),
            ColumnKind::Decimal => "a decimal number".to_owned(),
            ColumnKind::Flag => "y or n (true or false)".to_owned(),
            ColumnKind::Text => "a text".to_owned(),
            ColumnKind::Choice(words) => format!("one of {}", words.join(", ")),
            ColumnKind::Age => "an age such as 2岁, 6月 or 28天".to_owned(),
            ColumnKind::Dose => "a dose with its unit, such as 2 g or 100 mg".to_owned(),
            ColumnKind::List => "a list".to_owned(),
            ColumnKind::Window => "a window such as 单日, 6小时, 15天, 自然月".to_owned(),
            ColumnKind::Keys => {
                "a list of keys such as ingredient:布洛芬|atc:M01A|class:A02BC|set:NAME".to_owned()
            }
            ColumnKind::Condition => "a condition".to_owned(),
            ColumnKind::Sentence => "a text with elements in braces".to_owned(),
        }
    }
}

/// The parameters of one rule or row; rows that say the same share theirs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters(Arc<[(&'static str, Parameter)]>);

impl FromIterator<(&'static str, Parameter)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (&'static str, Parameter)>>(values: I) -> Parameters {
        Parameters(values.into_iter().collect())
    }
}

impl Parameters {
    pub(crate) fn set(&mut self, name: &'static str, value: Parameter) {
        let others = self.0.iter().filter(|(known, _)| *known != name).cloned();
        self.0 = others.chain([(name, value)]).collect();
    }

    /// What is given, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Parameter)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// The value of a parameter that may have been left out.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// A whole number, when given.
    #[must_use]
    pub fn maybe_whole(&self, name: &str) -> Option<u32> {
        if let Some(Parameter::Whole(number)) = self.get(name) { Some(*number) } else { None }
    }

    /// A required whole number.
    #[must_use]
    pub fn whole(&self, name: &str) -> u32 {
        self.maybe_whole(name).expect("the loader proved that this required number is given")
    }

    /// A flag; `false` when left out.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Parameter::Flag(true)))
    }

    /// A text or choice, when given.
    #[must_use]
    pub fn maybe_text(&self, name: &str) -> Option<&str> {
        if let Some(Parameter::Text(text)) = self.get(name) { Some(text) } else { None }
    }

    /// A decimal, when given.
    #[must_use]
    pub fn maybe_decimal(&self, name: &str) -> Option<Decimal> {
        if let Some(Parameter::Decimal(number)) = self.get(name) { Some(*number) } else { None }
    }

    /// A required decimal.
    #[must_use]
    pub fn decimal(&self, name: &str) -> Decimal {
        self.maybe_decimal(name).expect("the loader proved that this required number is given")
    }

    /// A dose, when given.
    #[must_use]
    pub fn maybe_dose(&self, name: &str) -> Option<Dose> {
        if let Some(Parameter::Dose(dose)) = self.get(name) { Some(*dose) } else { None }
    }

    /// A window, when given.
    #[must_use]
    pub fn maybe_window(&self, name: &str) -> Option<Window> {
        if let Some(Parameter::Window(window)) = self.get(name) { Some(*window) } else { None }
    }

    /// A required window.
    #[must_use]
    pub fn window(&self, name: &str) -> Window {
        self.maybe_window(name).expect("the loader proved that this required window is given")
    }

    /// A condition, when given.
    #[must_use]
    pub fn maybe_condition(&self, name: &str) -> Option<&Condition> {
        if let Some(Parameter::Condition(condition, _)) = self.get(name) {
            Some(condition)
        } else {
            None
        }
    }

    /// A sentence, when given.
    #[must_use]
    pub fn maybe_sentence(&self, name: &str) -> Option<&Sentence> {
        if let Some(Parameter::Sentence(sentence, _)) = self.get(name) {
            Some(sentence)
        } else {
            None
        }
    }

    /// Every key of every parameter.
    pub(crate) fn all_keys(&self) -> impl Iterator<Item = &Key> {
        let keys = self.0.iter().map(|(_, value)| match value {
            Parameter::Keys(keys) => keys.iter().collect(),
            Parameter::Condition(condition, _) => condition.keys(),
            _ => Vec::new(),
        });
        keys.flatten()
    }

    /// The named sets of people and places that conditions ask, each with what it is to hold.
    pub(crate) fn party_sets(&self) -> impl Iterator<Item = (PartyKind, &str)> {
        let sets = self.0.iter().map(|(_, value)| match value {
            Parameter::Condition(condition, _) => condition.party_sets(),
            _ => Vec::new(),
        });
        sets.flatten()
    }

    /// Keys; none when left out.
    #[must_use]
    pub fn keys(&self, name: &str) -> &[Key] {
        if let Some(Parameter::Keys(keys)) = self.get(name) { keys } else { &[] }
    }

    /// A required text or choice.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.maybe_text(name).expect("the loader proved that this required text is given")
    }

    /// An age, when given.
    #[must_use]
    pub fn maybe_age(&self, name: &str) -> Option<Age> {
        if let Some(Parameter::Age(age)) = self.get(name) { Some(*age) } else { None }
    }

    /// A required dose.
    #[must_use]
    pub fn dose(&self, name: &str) -> Dose {
        match self.get(name) {
            Some(Parameter::Dose(dose)) => *dose,
            _ => unreachable!("the loader proved that the required dose `{name}` is given"),
        }
    }

    /// A list; empty when left out.
    #[must_use]
    pub fn list(&self, name: &str) -> &[String] {
        if let Some(Parameter::List(items)) = self.get(name) { items } else { &[] }
    }
}
