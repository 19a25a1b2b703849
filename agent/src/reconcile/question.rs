//! What agent and platform say to each other about a day.
//!
//! The agent asks, the platform answers from what it has on its own disk; the comparison is the
//! agent's. Each step narrows: totals of all pages, digests of the ranges of pages that differ, the
//! records of ranges that differ. All of it is JSON, and answers are of bounded size.

use serde::{Deserialize, Serialize};

use super::leaf::Leaf;
use super::page::{Group, Totals};

/// Whose records, of which day.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(clippy::struct_field_names)] // as a question says it
pub(crate) struct Day {
    /// `x-agent`
    pub(crate) agent: String,
    /// `x-epoch`
    pub(crate) epoch: String,
    /// `YYYYMMDD`, of the records' `received_at`.
    pub(crate) day: String,
}

/// A question, or an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    #[serde(flatten)]
    pub(crate) of: Day,
    #[serde(flatten)]
    pub(crate) ask: Ask,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub(crate) enum Ask {
    /// The totals of all pages, and which records came more than once.
    Account,
    /// The digests of a page's ranges.
    Ranges { group: Group },
    /// The records of some ranges of a page.
    Leaves { group: Group, ranges: Vec<u64> },
    /// Set aside every copy of these records but the one with this digest; the right ones follow. Take
    /// note that these doubles are known.
    Withdraw { keep: Vec<Leaf>, unknown: Vec<String>, doubles: Vec<String> },
    /// Keep this signed statement.
    Keep { statement: Box<Signed> },
}

impl Ask {
    /// Something is to be done; nothing is asked.
    pub(crate) const fn is_order(&self) -> bool {
        matches!(self, Ask::Withdraw { .. } | Ask::Keep { .. })
    }
}

/// A statement that a day is balanced, signed by the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signed {
    /// JSON text, exactly as it was signed.
    pub(crate) statement: String,
    /// Ed25519, hexadecimal.
    pub(crate) signature: String,
    /// The same.
    pub(crate) public_key: String,
}

/// What the platform says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "lowercase")]
pub(crate) enum Answer {
    Account {
        pages: Vec<(Group, Totals)>,
        doubled: Vec<Doubled>,
    },
    Ranges {
        /// Number of the range, and its digest.
        ranges: Vec<(u64, String)>,
    },
    Leaves {
        leaves: Vec<Leaf>,
    },
    /// How many copies were set aside.
    Withdrawn {
        copies: u64,
    },
    Kept,
    /// It cannot say, and why.
    Refused {
        reason: String,
    },
}

/// A record of which more than one copy came. The platform has dropped all but the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Doubled {
    pub(crate) record_id: String,
    pub(crate) seq: u64,
    /// Copies that were dropped.
    pub(crate) dropped: u64,
    /// Of these with other content.
    pub(crate) different: u64,
}

/// AMQP `type` of a question, and the second half of its routing key.
pub(crate) const QUESTION: &str = "reconcile";
/// AMQP `type` of an answer.
pub(crate) const ANSWER: &str = "reconcile-answer";

/// How the file of an order ends that goes the way of the records, across a gate.
pub(crate) const ORDER_END: &str = ".reconcile.json";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn questions_read_as_they_are_documented() {
        let group = || Group { entity: "rx".into(), channel: "c".into() };
        check(Ask::Account, r#"{"agent":"a","epoch":"e","day":"20261122","ask":"account"}"#);
        check(
            Ask::Leaves { group: group(), ranges: vec![4, 5] },
            r#"{"agent":"a","epoch":"e","day":"20261122","ask":"leaves","group":{"entity":"rx","channel":"c"},"ranges":[4,5]}"#,
        );
        check(
            Ask::Withdraw { keep: vec![], unknown: vec!["x".into()], doubles: vec![] },
            r#"{"agent":"a","epoch":"e","day":"20261122","ask":"withdraw","keep":[],"unknown":["x"],"doubles":[]}"#,
        );
    }

    #[track_caller]
    fn check(ask: Ask, expected: &str) {
        let of = Day { agent: "a".into(), epoch: "e".into(), day: "20261122".into() };
        let question = Question { of, ask };
        assert_eq!(serde_json::to_string(&question).unwrap(), expected);
        assert_eq!(serde_json::from_str::<Question>(expected).unwrap(), question);
    }
}
