//! The states of a suspicion, and which step may follow which.
//!
//! ```text
//!            explained   the department says why it is right
//! open  -->  corrected   the department has mended it; the next run looks
//!            escalated   nobody said anything until the stay was settled
//!            closed      accepted by the insurance office, or gone from the data
//! ```
//!
//! The data have the last word: what was "corrected" and is found again is open again, and so is what
//! was explained on other grounds than it is found on now. Only the insurance office closes, with a
//! reason, and only the office opens again what was answered. Nobody but the settlement escalates.

use serde::{Deserialize, Serialize};

/// Where a suspicion stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// 待处理: nobody has said anything.
    #[default]
    Open,
    /// 已说明: the department gave a reason.
    Explained,
    /// 已整改: the department says that it was mended.
    Corrected,
    /// 已升级: still open when the stay was settled.
    Escalated,
    /// 已关闭.
    Closed,
}

impl State {
    /// Every state with its name for programs and for people.
    pub const NAMES: [(&'static str, &'static str, State); 5] = [
        ("open", "待处理", State::Open),
        ("explained", "已说明", State::Explained),
        ("corrected", "已整改", State::Corrected),
        ("escalated", "已升级", State::Escalated),
        ("closed", "已关闭", State::Closed),
    ];

    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        State::NAMES.iter().find(|(_, _, state)| *state == self).map_or("open", |it| it.0)
    }

    /// Its name for people.
    #[must_use]
    pub fn zh(self) -> &'static str {
        State::NAMES.iter().find(|(_, _, state)| *state == self).map_or("", |it| it.1)
    }

    /// By its name for programs.
    #[must_use]
    pub fn parse(name: &str) -> Option<State> {
        State::NAMES.into_iter().find(|it| it.0 == name).map(|it| it.2)
    }
}

/// What somebody, or the agent, said about one suspicion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Said {
    /// The state that it is to be in.
    pub state: State,
    /// Why.
    pub reason: Option<String>,
    /// Who says so.
    pub by: String,
    /// When, `YYYYMMDDhhmmss`.
    pub at: String,
}

/// What an answer does to a suspicion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is in the new state now.
    Taken,
    /// The same was said before.
    Repeated,
    /// The answer lacks something, or cannot follow; the sentence says what.
    Refused(&'static str),
}

/// What a person's answer does in this state.
#[must_use]
pub fn step(current: State, last: Option<&Said>, said: &Said) -> Step {
    if said.by.trim().is_empty() {
        return Step::Refused("写明处置人");
    }
    let has_reason = said.reason.as_deref().is_some_and(|it| !it.trim().is_empty());
    let is_same =
        |it: &Said| (it.state, &it.reason, &it.by) == (said.state, &said.reason, &said.by);
    if current == said.state && last.is_some_and(is_same) {
        return Step::Repeated;
    }
    match (current, said.state) {
        (_, State::Escalated) => Step::Refused("升级由前置机在结算时记录"),
        (State::Closed, State::Explained | State::Corrected) => {
            Step::Refused("已经关闭；医保办可以用 open 退回")
        }
        (State::Open | State::Escalated, State::Open) => Step::Refused("还没有人处理，不用退回"),
        (_, State::Explained) if !has_reason => Step::Refused("说明须写明原因"),
        (_, State::Closed) if !has_reason => Step::Refused("关闭须写明原因"),
        (_, State::Open) if !has_reason => Step::Refused("退回须写明原因"),
        _ => Step::Taken,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn every_answer_in_every_state() {
        let mut table = String::new();
        for (name, _, current) in State::NAMES {
            let told = State::NAMES.map(|(_, _, given)| match step(current, None, &said(given)) {
                Step::Taken => "taken",
                Step::Repeated => "repeated",
                Step::Refused(_) => "refused",
            });
            writeln!(table, "{name}: {}", told.join(" ")).expect("a string takes everything");
        }
        assert_eq!(
            table,
            "open: refused taken taken refused taken\n\
             explained: taken taken taken refused taken\n\
             corrected: taken taken taken refused taken\n\
             escalated: refused taken taken refused taken\n\
             closed: taken refused refused refused taken\n"
        );
    }

    #[test]
    fn what_an_answer_needs() {
        let without = |state| Said { reason: None, ..said(state) };
        check(&without(State::Explained), "说明须写明原因");
        check(&without(State::Closed), "关闭须写明原因");
        check(&without(State::Corrected), "");
        check(&Said { by: " ".to_owned(), ..said(State::Explained) }, "写明处置人");
    }

    #[test]
    fn the_same_said_twice_is_said_once() {
        let first = said(State::Explained);
        let again = Said { at: "20261122101531".to_owned(), ..first.clone() };
        assert_eq!(step(State::Explained, Some(&first), &again), Step::Repeated);
        // It was opened since: the answer is a new one.
        assert_eq!(step(State::Open, Some(&first), &again), Step::Taken);
    }

    fn said(state: State) -> Said {
        Said { state, reason: Some("r".to_owned()), by: "D1".to_owned(), at: String::new() }
    }

    #[track_caller]
    fn check(said: &Said, expected: &str) {
        let told = match step(State::Open, None, said) {
            Step::Refused(what) => what,
            Step::Taken | Step::Repeated => "",
        };
        assert_eq!(told, expected);
    }
}
