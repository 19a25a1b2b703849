//! The states of a finding, and which answer may follow which.
//!
//! ```text
//!           changed    the order was changed
//!           continued  the order goes on, with a reason
//! open -->  self_pay   the order goes on at the patient's cost, with consent
//!           ignored    nobody answered in time
//!           voided     the order was withdrawn; nothing follows it
//! ```
//!
//! A finding is in exactly one state. Of two answers the later one holds and both are kept, since a
//! doctor may think again; only what was voided stays so. Nobody but time says `ignored`, and an
//! answer that comes late is still taken. A finding that is shown once more is open once more,
//! whatever was said of it: the order that it speaks of is there.

use serde::{Deserialize, Serialize};

/// Where a finding stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has answered yet.
    #[default]
    Open,
    /// 返回修改: the order was changed.
    Changed,
    /// 继续执行: the order goes on, with a reason.
    Continued,
    /// 转自费: the order goes on at the patient's cost, with consent.
    SelfPay,
    /// Nobody answered in time.
    Ignored,
    /// 作废: the order was withdrawn.
    Voided,
}

impl State {
    /// Every state with its name in requests, answers and records.
    pub const NAMES: [(&'static str, State); 6] = [
        ("open", State::Open),
        ("changed", State::Changed),
        ("continued", State::Continued),
        ("self_pay", State::SelfPay),
        ("ignored", State::Ignored),
        ("voided", State::Voided),
    ];

    /// Its name in requests, answers and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        State::NAMES.iter().find(|(_, state)| *state == self).map_or("open", |(name, _)| name)
    }

    /// By its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<State> {
        State::NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, state)| state)
    }
}

/// What somebody said about one finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Given {
    /// The finding.
    #[serde(skip)]
    pub finding_id: String,
    /// The state it is to be in.
    pub state: State,
    /// Why the order goes on.
    pub reason: Option<String>,
    /// The patient has agreed to pay.
    pub consent: bool,
    /// Who said it.
    pub by: Option<String>,
    /// Who approved that an order goes on which was blocked.
    pub approver: Option<String>,
    /// When it came, `YYYYMMDDhhmmss`.
    pub at: String,
    /// The door or channel it came by; `agent` for time.
    pub source: String,
}

/// What an answer does to a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The finding is in the new state now.
    Taken,
    /// The same was said before.
    Repeated,
    /// The answer lacks what its state asks for; the sentence says what.
    Incomplete(&'static str),
    /// The finding was voided; nothing follows that.
    Closed,
}

/// What an answer does to a finding in this state, about which `last` was said last.
#[must_use]
pub fn step(current: State, last: Option<&Given>, given: &Given) -> Step {
    if let Some(what) = lacks(given) {
        return Step::Incomplete(what);
    }
    if current == State::Voided && given.state != State::Voided {
        return Step::Closed;
    }
    let said =
        |it: &Given| (it.state, it.reason.clone(), it.consent, it.by.clone(), it.approver.clone());
    if current == given.state && last.is_some_and(|it| said(it) == said(given)) {
        return Step::Repeated;
    }
    Step::Taken
}

fn lacks(given: &Given) -> Option<&'static str> {
    let has_reason = given.reason.as_deref().is_some_and(|it| !it.trim().is_empty());
    match given.state {
        State::Open => Some("发送处置方式：changed、continued、self_pay 或 voided"),
        State::Ignored if given.source != AGENT => {
            Some("ignored 由前置机在超时后记录，请发送 changed、continued、self_pay 或 voided")
        }
        State::Continued if !has_reason => Some("继续执行须写明原因"),
        State::SelfPay if !given.consent => {
            Some("转自费须有患者知情同意：cons_flag 为 y，或 consent 为 true")
        }
        _ => None,
    }
}

/// The source of what time says.
pub const AGENT: &str = "agent";

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn every_answer_in_every_state() {
        let mut table = String::new();
        for (name, current) in State::NAMES {
            let step = |given: State| match step(current, None, &said(given)) {
                Step::Taken => "taken",
                Step::Repeated => "repeated",
                Step::Incomplete(_) => "incomplete",
                Step::Closed => "closed",
            };
            let told: Vec<&str> = State::NAMES.iter().map(|(_, given)| step(*given)).collect();
            writeln!(table, "{name}: {}", told.join(" ")).expect("a string takes everything");
        }
        assert_eq!(
            table,
            "open: incomplete taken taken taken incomplete taken\n\
             changed: incomplete taken taken taken incomplete taken\n\
             continued: incomplete taken taken taken incomplete taken\n\
             self_pay: incomplete taken taken taken incomplete taken\n\
             ignored: incomplete taken taken taken incomplete taken\n\
             voided: incomplete closed closed closed incomplete taken\n"
        );
    }

    #[test]
    fn what_an_answer_needs() {
        check(&Given { reason: None, ..said(State::Continued) }, "继续执行须写明原因");
        check(
            &Given { reason: Some(" ".to_owned()), ..said(State::Continued) },
            "继续执行须写明原因",
        );
        check(
            &Given { consent: false, ..said(State::SelfPay) },
            "转自费须有患者知情同意：cons_flag 为 y，或 consent 为 true",
        );
        check(&Given { reason: None, consent: false, ..said(State::Changed) }, "");
        check(&Given { source: AGENT.to_owned(), ..said(State::Ignored) }, "");
    }

    #[test]
    fn the_same_said_twice_is_said_once() {
        let first = said(State::Continued);
        let again = Given { at: "20261122101531".to_owned(), ..first.clone() };
        assert_eq!(step(State::Continued, Some(&first), &again), Step::Repeated);
        let other = Given { reason: Some("另一个原因".to_owned()), ..first.clone() };
        assert_eq!(step(State::Continued, Some(&first), &other), Step::Taken);
        // It was shown again since: the answer is a new one.
        assert_eq!(step(State::Open, Some(&first), &again), Step::Taken);
    }

    fn said(state: State) -> Given {
        Given { state, reason: Some("r".to_owned()), consent: true, ..Given::default() }
    }

    #[track_caller]
    fn check(given: &Given, expected: &str) {
        let told = match step(State::Open, None, given) {
            Step::Incomplete(what) => what,
            _ => "",
        };
        assert_eq!(told, expected);
    }
}
