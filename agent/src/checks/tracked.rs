//! One finding over time: which checks showed it, what was said about it, where it stands.

use rules::rule::Action;
use rules::verdict::Origin;
use serde::{Deserialize, Serialize};

use super::entry::{Check, Found};
use super::states::{Given, State, Step, step};

/// A finding and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tracked {
    /// `jr_id`.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Since when, `YYYYMMDDhhmmss`.
    pub since: String,
    /// The check that showed it first.
    pub first_check: String,
    /// When that was asked, `YYYYMMDDhhmmss`.
    pub first_asked_at: String,
    /// The check that showed it last, or would have if it were not acknowledged.
    pub last_check: String,
    /// The check that opened it last.
    pub opened_by: String,
    /// How often it was shown.
    pub shown: u32,
    /// The patient's pseudonym.
    pub patient: Option<String>,
    /// The encounter.
    pub encounter: Option<String>,
    /// The department that asked, its bed and its doctor, as last told.
    pub department: Option<String>,
    /// The bed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bed: Option<String>,
    /// Who orders.
    pub doctor: Option<String>,
    /// The rule.
    pub rule_id: String,
    /// Its name.
    pub rule_name: String,
    /// National `sev_deg`.
    pub severity: String,
    /// What the doctor has to do.
    pub action: String,
    /// 违规内容.
    pub text: String,
    /// The lines it is about.
    pub lines: Vec<String>,
    /// Of these the ones that do not violate themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub involved: Vec<String>,
    /// `bureau` when the insurer's own review found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// In view of what it was shown last: an answer is for that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub circumstances: Vec<u64>,
    /// What was said, oldest first.
    pub said: Vec<Given>,
}

impl Tracked {
    /// A finding that this check shows for the first time.
    pub(super) fn new(check: &Check, found: &Found) -> Tracked {
        Tracked {
            id: found.id.clone(),
            first_check: check.check_id.clone(),
            first_asked_at: check.asked_at.clone(),
            patient: check.patient.clone(),
            encounter: check.encounter.clone(),
            rule_id: found.rule_id.clone(),
            origin: found.origin.clone(),
            ..Tracked::default()
        }
    }

    /// Whether the check is about the same encounter, or without one about the same patient: one id
    /// may come from two persons then. Callers name one person in several ways, and some in none.
    pub(super) fn is_about(&self, check: &Check) -> bool {
        let is_same_person = || self.encounter.is_none() && self.patient == check.patient;
        self.encounter == check.encounter && (self.encounter.is_some() || is_same_person())
    }

    /// A check has come to it once more.
    pub(super) fn seen(&mut self, check: &Check, found: &Found) {
        self.last_check.clone_from(&check.check_id);
        self.department.clone_from(&check.department);
        self.bed.clone_from(&check.bed);
        self.doctor.clone_from(&check.doctor);
        self.rule_name.clone_from(&found.rule_name);
        self.severity.clone_from(&found.severity);
        self.action.clone_from(&found.action);
        self.text.clone_from(&found.text);
        self.lines.clone_from(&found.lines);
        self.involved.clone_from(&found.involved);
        if found.acknowledged {
            return;
        }
        self.shown = self.shown.saturating_add(1);
        self.circumstances.clone_from(&found.circumstances);
        if self.state != State::Open || self.opened_by.is_empty() {
            self.state = State::Open;
            self.since.clone_from(&check.answered_at);
            self.opened_by.clone_from(&check.check_id);
        }
    }

    /// Takes an answer, or says why not.
    pub(super) fn answer(&mut self, given: &Given) -> Step {
        let step = step(self.state, self.said.last(), given);
        if step == Step::Taken {
            self.state = given.state;
            self.since.clone_from(&given.at);
            // Both ends tell more than the middle.
            if self.said.len() >= SAID_MAX {
                self.said.remove(1);
            }
            self.said.push(given.clone());
        }
        step
    }

    /// Whether it need not be shown again: somebody answered for it. What blocks an order is only
    /// answered for by a second person.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        let goes_on = matches!(self.state, State::Continued | State::SelfPay);
        let blocks = self.action == Action::Block.name();
        // Without an encounter nobody can say that it is the same finding.
        goes_on && self.encounter.is_some() && (!blocks || self.is_approved())
    }

    /// Whether the insurer's own review found it.
    #[must_use]
    pub fn is_of_bureau(&self) -> bool {
        self.origin.as_deref() == Some(Origin::Bureau.name())
    }

    /// Whether a second person has agreed to what was said last.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.said.last().is_some_and(|it| it.approver.is_some())
    }
}

/// Answers that are kept of one finding.
const SAID_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life() {
        let mut it = finding("reason");
        assert_eq!(told(&it), "open since t1 by C1, shown 1");
        assert_eq!(it.answer(&say(State::Continued, "t2")), Step::Taken);
        assert_eq!(told(&it), "continued since t2 by C1, shown 1, acknowledged");
        it.seen(&check("C2", "t3"), &Found { acknowledged: true, ..Found::default() });
        assert_eq!(told(&it), "continued since t2 by C1, shown 1, acknowledged");
        it.seen(&check("C3", "t4"), &Found::default());
        assert_eq!(told(&it), "open since t4 by C3, shown 2");
        it.seen(&check("C4", "t5"), &Found::default());
        assert_eq!(told(&it), "open since t4 by C3, shown 3");
        assert_eq!((it.first_check.as_str(), it.last_check.as_str()), ("C1", "C4"));
    }

    #[test]
    fn whose_finding_it_is() {
        let it = finding("reason");
        let other = |encounter: Option<&str>, patient: Option<&str>| Check {
            encounter: encounter.map(str::to_owned),
            patient: patient.map(str::to_owned),
            ..Check::default()
        };
        assert!(it.is_about(&other(Some("MZ1"), Some("P"))));
        assert!(!it.is_about(&other(Some("MZ2"), None)) && !it.is_about(&other(None, None)));
        let nowhere = Tracked { encounter: None, patient: Some("P".to_owned()), ..it };
        assert!(nowhere.is_about(&other(None, Some("P"))));
        assert!(
            !nowhere.is_about(&other(None, None)) && !nowhere.is_about(&other(None, Some("Q")))
        );
    }

    #[test]
    fn a_block_is_answered_for_by_two() {
        let mut it = finding("block");
        it.answer(&say(State::Continued, "t2"));
        assert!(!it.is_acknowledged());
        it.answer(&Given { approver: Some("D2".to_owned()), ..say(State::Continued, "t3") });
        assert!(it.is_acknowledged());
    }

    #[test]
    fn what_was_changed_or_has_no_encounter_is_shown_again() {
        let mut it = finding("reason");
        it.answer(&say(State::Changed, "t2"));
        assert!(!it.is_acknowledged());
        it.answer(&say(State::Continued, "t3"));
        it.encounter = None;
        assert!(!it.is_acknowledged());
    }

    fn finding(action: &str) -> Tracked {
        let found = Found { id: "F".to_owned(), action: action.to_owned(), ..Found::default() };
        let check = check("C1", "t1");
        let mut it = Tracked::new(&check, &found);
        it.seen(&check, &found);
        it
    }

    fn check(id: &str, at: &str) -> Check {
        Check {
            check_id: id.to_owned(),
            answered_at: at.to_owned(),
            encounter: Some("MZ1".to_owned()),
            ..Check::default()
        }
    }

    fn say(state: State, at: &str) -> Given {
        Given { state, reason: Some("r".to_owned()), at: at.to_owned(), ..Given::default() }
    }

    fn told(it: &Tracked) -> String {
        let Tracked { since, opened_by, shown, .. } = it;
        let acknowledged = if it.is_acknowledged() { ", acknowledged" } else { "" };
        format!("{} since {since} by {opened_by}, shown {shown}{acknowledged}", it.state.name())
    }
}
