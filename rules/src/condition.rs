//! Conditions of the hospital's own rules: a tree of and, or, not over comparisons.
//!
//! ```toml
//! when = { all = [
//!   { item = ["atc:J01"] },
//!   { element = "patient.age", is = "<", value = "14岁" },
//!   { element = "encounter.adm_dept_codg", is = "in", value = "set:surgical" },
//!   { not = { diagnosis = ["J18", "N39.0"] } },
//! ] }
//! ```
//!
//! Judged with three truths (Kleene): what is missing is unknown, a false part decides an `all` and
//! a true part an `any` whatever else is missing. There are no loops, no patterns and no functions;
//! depth and size are bounded, so the cost of a condition is, too. [`element`] lists what can be
//! compared, `read` proves a condition when its pack is loaded.

pub mod element;
mod judge;
mod read;
mod text;

use rust_decimal::Decimal;

pub(crate) use judge::{Subject, Truth};
pub(crate) use read::{Fault, operators_of};
pub use text::Sentence;

use crate::age::Age;
use crate::knowledge::Key;
use crate::party::PartyKind;
use crate::text::Text;
use crate::unit::Dose;
use crate::window::Window;
use element::Element;

/// A condition, proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Every part holds.
    All(Vec<Condition>),
    /// Some part holds.
    Any(Vec<Condition>),
    /// The part does not hold.
    Not(Box<Condition>),
    /// An element compared with what was written.
    Compare {
        /// What is compared.
        element: &'static Element,
        /// How.
        operator: Operator,
        /// With what.
        operand: Operand,
    },
    /// The line is about one of these items.
    Item(Vec<Key>),
    /// A diagnosis lies in one of these branches; `ever` looks into the past, too.
    Diagnosis {
        /// The branches.
        branches: Vec<String>,
        /// Sets that hold further branches.
        sets: Vec<Key>,
        /// Whether a disease of the past counts.
        ever: bool,
    },
    /// Something about these items was ordered or charged before, within a window.
    Past {
        /// The items.
        items: Vec<Key>,
        /// The window that ends now.
        within: Window,
    },
    /// How many lines of the session are about these items.
    Count {
        /// The items.
        items: Vec<Key>,
        /// How the number is compared.
        operator: Operator,
        /// With what.
        number: Decimal,
    },
    /// The last result of a test, not older than a window.
    Lab {
        /// Code or name of the test.
        test: String,
        /// The window that ends now.
        within: Window,
        /// How the number is compared.
        operator: Operator,
        /// With what.
        number: Decimal,
    },
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal; of several values, one of them.
    Is,
    /// Not equal; of several values, none of them.
    IsNot,
    /// Smaller.
    Less,
    /// Smaller or equal.
    LessOrEqual,
    /// Greater.
    Greater,
    /// Greater or equal.
    GreaterOrEqual,
    /// Begins so.
    Starts,
    /// Contains it.
    Contains,
    /// A person or place that a named set holds on the day.
    In,
}

impl Operator {
    /// Every operator with its sign in files.
    pub const SIGNS: [(&'static str, Operator); 9] = [
        ("=", Operator::Is),
        ("!=", Operator::IsNot),
        ("<", Operator::Less),
        ("<=", Operator::LessOrEqual),
        (">", Operator::Greater),
        (">=", Operator::GreaterOrEqual),
        ("starts", Operator::Starts),
        ("contains", Operator::Contains),
        ("in", Operator::In),
    ];

    /// By its sign.
    #[must_use]
    pub fn parse(sign: &str) -> Option<Operator> {
        Operator::SIGNS.into_iter().find(|(known, _)| *known == sign).map(|(_, found)| found)
    }

    /// Its sign.
    #[must_use]
    pub fn sign(self) -> &'static str {
        Operator::SIGNS.iter().find(|(_, found)| *found == self).map_or("", |(sign, _)| sign)
    }

    /// Whether it asks for an order and not for sameness.
    #[must_use]
    pub fn is_order(self) -> bool {
        use Operator::{Greater, GreaterOrEqual, Less, LessOrEqual};
        matches!(self, Less | LessOrEqual | Greater | GreaterOrEqual)
    }

    /// What it says of two values in this order.
    #[must_use]
    pub fn holds<T: PartialOrd + ?Sized>(self, one: &T, other: &T) -> bool {
        match self {
            Operator::Less => one < other,
            Operator::LessOrEqual => one <= other,
            Operator::Greater => one > other,
            Operator::GreaterOrEqual => one >= other,
            Operator::IsNot => one != other,
            Operator::Is | Operator::Starts | Operator::Contains | Operator::In => one == other,
        }
    }
}

/// What an element is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// One of these texts.
    Texts(Vec<String>),
    /// A number.
    Number(Decimal),
    /// An amount with its unit.
    Dose(Dose),
    /// An age.
    Age(Age),
    /// Yes or no.
    Flag(bool),
    /// One of these named sets of people or places of a kind.
    Sets(PartyKind, Vec<Text>),
}

impl Condition {
    /// The named sets of people and places that it asks, each with what it is to hold.
    pub(crate) fn party_sets(&self) -> Vec<(PartyKind, &str)> {
        match self {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().flat_map(Condition::party_sets).collect()
            }
            Condition::Not(part) => part.party_sets(),
            Condition::Compare { operand: Operand::Sets(kind, names), .. } => {
                names.iter().map(|name| (*kind, name.as_str())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Every key that it names of items, so that the sets among them can be proved.
    pub(crate) fn keys(&self) -> Vec<&Key> {
        match self {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().flat_map(Condition::keys).collect()
            }
            Condition::Not(part) => part.keys(),
            Condition::Item(items)
            | Condition::Past { items, .. }
            | Condition::Count { items, .. } => items.iter().collect(),
            Condition::Diagnosis { sets, .. } => sets.iter().collect(),
            Condition::Compare { .. } | Condition::Lab { .. } => Vec::new(),
        }
    }

    /// The names of what it reads, in its order.
    pub(crate) fn reads(&self) -> Vec<&'static str> {
        match self {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().flat_map(Condition::reads).collect()
            }
            Condition::Not(part) => part.reads(),
            Condition::Compare { element, .. } => vec![element.name],
            Condition::Item(_) | Condition::Count { .. } => {
                vec!["orders.hilist_code", "orders.hosplist_code", "orders.drug_ingd"]
            }
            Condition::Diagnosis { ever: false, .. } => vec!["diagnoses.dise_codg"],
            Condition::Diagnosis { ever: true, .. } => {
                vec!["diagnoses.dise_codg", "history.diagnoses"]
            }
            Condition::Past { .. } => vec!["history.orders"],
            Condition::Lab { .. } => {
                vec!["labs.exam_item_detl_name", "labs.exam_rslt_val", "labs.rpt_date"]
            }
        }
    }

    /// Whether some part is about one line.
    #[must_use]
    pub fn is_about_a_line(&self) -> bool {
        match self {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().any(Condition::is_about_a_line)
            }
            Condition::Not(part) => part.is_about_a_line(),
            Condition::Item(_) => true,
            Condition::Compare { element, .. } => element.is_of_a_line(),
            _ => false,
        }
    }
}
