//! One suspicion over time: what was found where, who has to answer for it, what was said.
//!
//! A run finds the same thing every day with other numbers in its text ("13 days", "14 days"). It is one
//! suspicion as long as rule, encounter and violating lines are the same, or, where no line violates
//! anything, the text without its numbers; the id of the latest finding tells whether its grounds have
//! changed.

use jiff::civil::Date;
use rules::facts::{Facts, Order};
use rules::{Finding, circumstances};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::states::{Said, State, Step, step};
use super::walk::Met;

/// A suspicion and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Suspicion {
    /// Stable over encounter, rule and violating lines, or wording.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Since when, `YYYYMMDDhhmmss`.
    pub since: String,
    /// The scene of the run that found it first.
    pub scene: String,
    /// The first day for which it was found, `YYYYMMDD`.
    pub first_day: String,
    /// The last day for which it was looked for.
    pub last_day: String,
    /// The run that found it first.
    pub first_run: String,
    /// When that was, `YYYYMMDDhhmmss`.
    pub first_found_at: String,
    /// The run that found it last.
    pub last_run: String,
    /// The record by which the platform was told of it last.
    pub last_check: String,
    /// The latest finding, `jr_id`.
    pub finding_id: String,
    /// The patient's pseudonym, the same as in the log of checks.
    pub patient: String,
    /// The encounter.
    pub encounter: String,
    /// The department that ordered or charged, else that of the stay.
    pub department: Option<String>,
    /// Its name, where it is that of the stay.
    pub department_name: Option<String>,
    /// The doctor who ordered or charged, else who is responsible for the stay.
    pub doctor: Option<String>,
    /// The rule.
    pub rule_id: String,
    /// The authority's code of it.
    pub official_code: Option<String>,
    /// Its name.
    pub rule_name: String,
    /// National `sev_deg`.
    pub severity: String,
    /// What the rule asks for.
    pub action: String,
    /// National `vola_bhvr_type`: 1 behaviour, 2 item.
    pub behaviour: String,
    /// 违规内容.
    pub text: String,
    /// 违规依据.
    pub basis: String,
    /// 违规金额, exact; `None` when a line came without its amount.
    pub amount: Option<String>,
    /// The lines it is about, those that violate first.
    pub lines: Vec<String>,
    /// In view of what it was answered for, else found last; not said of what an older release kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub circumstances: Vec<u64>,
    /// When the encounter was settled while nobody had answered.
    pub escalated_at: Option<String>,
    /// What was said, oldest first.
    pub said: Vec<Said>,
}

/// What a run did to a suspicion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Opened,
    /// Open again: it was not mended, or its grounds have changed.
    Reopened,
    /// Found as before.
    Found,
}

impl Suspicion {
    /// Takes in another finding that is this suspicion, too.
    pub(super) fn join(&mut self, other: Suspicion) {
        self.text = format!("{}；{}", self.text, other.text);
        // Whether the grounds have changed is told by all of them, in whatever order they come.
        let mut ids: Vec<&str> = self.finding_id.split('+').chain([&*other.finding_id]).collect();
        ids.sort_unstable();
        ids.dedup();
        self.finding_id = ids.join("+");
        let new = other.lines.into_iter().filter(|it| !self.lines.contains(it)).collect::<Vec<_>>();
        self.lines.extend(new);
        self.circumstances.extend(other.circumstances);
        self.circumstances.sort_unstable();
        self.circumstances.dedup();
    }

    /// What a finding of an encounter is, at first sight.
    pub(super) fn of(met: &Met, finding: &Finding) -> Suspicion {
        let lines: Vec<String> = finding.lines.iter().map(|it| it.rx_id.clone()).collect();
        let line = finding.violating().find_map(|it| line(&met.told.facts, &it.rx_id));
        let encounter = met.told.facts.encounter.present();
        let of_stay = encounter.and_then(|it| it.department_code.clone());
        let department = line.and_then(|it| it.department_code.clone()).or_else(|| of_stay.clone());
        let name = encounter.and_then(|it| it.department_name.clone());
        Suspicion {
            id: id(&met.found.encounter, finding),
            finding_id: finding.id.clone(),
            patient: met.found.person.clone(),
            encounter: met.found.encounter.clone(),
            department_name: name.filter(|_| department == of_stay),
            department,
            doctor: line
                .and_then(|it| it.doctor_code.clone())
                .or_else(|| met.told.care.doctor_code.clone()),
            rule_id: finding.rule_id.clone(),
            official_code: finding.official_code.clone(),
            rule_name: finding.rule_name.clone(),
            severity: finding.severity.code().to_owned(),
            action: finding.action.name().to_owned(),
            behaviour: finding.behaviour.code().to_owned(),
            text: finding.text.clone(),
            basis: finding.basis.clone(),
            amount: finding.amount.map(money),
            lines,
            circumstances: circumstances::of(&met.told.facts, finding),
            ..Suspicion::default()
        }
    }

    /// A run for a day has come to it; `known` is what was there before.
    pub(super) fn seen(
        mut self,
        known: Option<Suspicion>,
        (run, scene): (&str, &str),
        (day, now): (Date, &str),
    ) -> (Suspicion, Turn) {
        run.clone_into(&mut self.last_run);
        self.last_day = day.strftime("%Y%m%d").to_string();
        let Some(known) = known else {
            run.clone_into(&mut self.first_run);
            now.clone_into(&mut self.first_found_at);
            self.first_day.clone_from(&self.last_day);
            scene.clone_into(&mut self.scene);
            now.clone_into(&mut self.since);
            return (self, Turn::Opened);
        };
        if self.last_day < known.last_day {
            // A run for an earlier day, made later: what is known of a later day stands.
            return (known, Turn::Found);
        }
        let is_told_otherwise = !known.circumstances.is_empty()
            && circumstances::differ(&self.circumstances, &known.circumstances);
        let is_changed = known.finding_id != self.finding_id || is_told_otherwise;
        let was_mended = known.state == State::Corrected || known.is_closed_by_agent();
        let answered = !matches!(known.state, State::Open | State::Escalated);
        let turn = if was_mended || answered && is_changed { Turn::Reopened } else { Turn::Found };
        self.first_day = known.first_day;
        self.first_run = known.first_run;
        self.first_found_at = known.first_found_at;
        self.scene = known.scene;
        self.escalated_at = known.escalated_at;
        self.said = known.said;
        self.last_check = known.last_check;
        if turn == Turn::Found && answered && !known.circumstances.is_empty() {
            self.circumstances = known.circumstances;
        }
        (self.state, self.since) = match turn {
            Turn::Reopened => (State::Open, now.to_owned()),
            Turn::Opened | Turn::Found => (known.state, known.since),
        };
        if turn == Turn::Reopened {
            let reason = if is_changed {
                "依据有变化，重新打开"
            } else {
                "再次运行仍然存在"
            };
            self.say(Said::by_agent(State::Open, reason, now));
        }
        (self, turn)
    }

    /// Takes a person's answer, or says why not.
    pub(super) fn answer(&mut self, said: &Said) -> Step {
        let step = step(self.state, self.said.last(), said);
        if step == Step::Taken {
            self.turn_to(said.clone());
        }
        step
    }

    /// The agent itself says so.
    pub(super) fn turn_to(&mut self, said: Said) {
        self.state = said.state;
        self.since.clone_from(&said.at);
        if said.state == State::Escalated {
            self.escalated_at = Some(said.at.clone());
        }
        self.say(said);
    }

    /// What both ends tell is more than the middle.
    fn say(&mut self, said: Said) {
        if self.said.len() >= SAID_MAX {
            self.said.remove(1);
        }
        self.said.push(said);
    }

    fn is_closed_by_agent(&self) -> bool {
        self.state == State::Closed && self.said.last().is_some_and(|it| it.by == AGENT)
    }
}

impl Said {
    /// What the agent says.
    pub(super) fn by_agent(state: State, reason: &str, at: &str) -> Said {
        Said { state, reason: Some(reason.to_owned()), by: AGENT.to_owned(), at: at.to_owned() }
    }
}

/// Exact, with cents at least.
fn money(amount: Decimal) -> String {
    let mut amount = amount.normalize();
    if amount.scale() < 2 {
        amount.rescale(2);
    }
    amount.to_string()
}

/// The charge or order of this id; a charge says more of who is to answer.
fn line<'a>(facts: &'a Facts, id: &str) -> Option<&'a Order> {
    let lines = facts.fees.present().into_iter().chain(facts.orders.present()).flatten();
    lines.into_iter().find(|it| it.rx_id == id)
}

fn id(encounter: &str, finding: &Finding) -> String {
    let mut lines: Vec<&str> = finding.violating().map(|it| it.rx_id.as_str()).collect();
    lines.sort_unstable();
    lines.dedup();
    let mut hash = Sha256::new();
    let words = wording(&finding.text);
    let of_stay = lines.is_empty().then_some(words.as_str());
    for part in [encounter, &finding.rule_id].into_iter().chain(lines).chain(of_stay) {
        hash.update(part.as_bytes());
        hash.update([0xff]);
    }
    let first = hash.finalize().first_chunk().map_or(0, |it| u64::from_be_bytes(*it));
    format!("{first:016x}")
}

/// What is said of a stay, without the numbers that change from day to day: a rule may say two things.
fn wording(text: &str) -> String {
    text.chars().filter(|it| !it.is_ascii_digit()).collect()
}

/// Who speaks when nobody does.
pub(super) const AGENT: &str = "agent";
/// Answers that are kept of one suspicion.
const SAID_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life() {
        let one = found("F1", None, "t1");
        assert_eq!(told(&one), "Opened open since t1");
        let explained = answered(&one.0, State::Explained);
        assert_eq!(told(&found("F1", Some(&explained), "t2")), "Found explained since t1.5");
        assert_eq!(told(&found("F2", Some(&explained), "t2")), "Reopened open since t2");
        let corrected = answered(&one.0, State::Corrected);
        assert_eq!(told(&found("F1", Some(&corrected), "t2")), "Reopened open since t2");
        let closed = answered(&one.0, State::Closed);
        assert_eq!(told(&found("F1", Some(&closed), "t2")), "Found closed since t1.5");
        let mut gone = one.0.clone();
        gone.turn_to(Said::by_agent(State::Closed, "gone", "t1.7"));
        assert_eq!(told(&found("F1", Some(&gone), "t2")), "Reopened open since t2");
        let mut escalated = one.0;
        escalated.turn_to(Said::by_agent(State::Escalated, "settled", "t1.7"));
        assert_eq!(told(&found("F2", Some(&escalated), "t2")), "Found escalated since t1.7");
    }

    /// Who explained it did so in view of what was told then: told otherwise, it is asked about again.
    #[test]
    fn what_was_explained_is_open_again_when_the_facts_are_told_otherwise() {
        let found = |circumstances: &[u64], known: Option<&Suspicion>| {
            let circumstances = circumstances.to_vec();
            let it =
                Suspicion { finding_id: "F1".to_owned(), circumstances, ..Suspicion::default() };
            it.seen(known.cloned(), ("R", "daily_batch"), (jiff::civil::date(2026, 5, 1), "t2"))
        };
        let explained = answered(&found(&[1, 2], None).0, State::Explained);
        let same = found(&[2, 1], Some(&explained));
        assert_eq!(told(&same), "Found explained since t1.5");
        assert_eq!(told(&found(&[1], Some(&same.0))), "Found explained since t1.5", "less is told");
        assert_eq!(told(&found(&[1, 3], Some(&same.0))), "Reopened open since t2");
        // What an older release kept does not say in view of what, and is not asked about again.
        let old = Suspicion { circumstances: Vec::new(), ..explained };
        assert_eq!(told(&found(&[1, 3], Some(&old))), "Found explained since t1.5");
    }

    #[test]
    fn a_run_for_an_earlier_day_leaves_what_is_known_of_a_later_one() {
        let (one, _) = found("F1", None, "t1");
        let corrected = answered(&one, State::Corrected);
        let earlier = Suspicion { finding_id: "F0".to_owned(), ..Suspicion::default() };
        let day = jiff::civil::date(2026, 4, 30);
        let seen = earlier.seen(Some(corrected), ("R2", "daily_batch"), (day, "t2"));
        assert_eq!(told(&seen), "Found corrected since t1.5");
        assert_eq!(seen.0.finding_id, "F1");
    }

    #[test]
    fn findings_about_the_same_lines_are_one_in_whatever_order() {
        let finding = |id: &str, partner: &str| Suspicion {
            finding_id: id.to_owned(),
            text: format!("3与{partner}"),
            lines: vec!["3".to_owned(), partner.to_owned()],
            ..Suspicion::default()
        };
        let joined = |all: [Suspicion; 2]| {
            let [mut one, other] = all;
            one.join(other);
            one
        };
        let one = joined([finding("B", "1"), finding("A", "2")]);
        assert_eq!((&*one.text, &*one.finding_id), ("3与1；3与2", "A+B"));
        assert_eq!(one.lines, ["3", "1", "2"]);
        assert_eq!(joined([finding("A", "2"), finding("B", "1")]).finding_id, "A+B");
    }

    fn found(id: &str, known: Option<&Suspicion>, now: &str) -> (Suspicion, Turn) {
        let day = jiff::civil::date(2026, 5, 1);
        let it = Suspicion { finding_id: id.to_owned(), ..Suspicion::default() };
        it.seen(known.cloned(), ("R", "daily_batch"), (day, now))
    }

    fn answered(it: &Suspicion, state: State) -> Suspicion {
        let mut it = it.clone();
        let (by, at, reason) = ("D1".to_owned(), "t1.5".to_owned(), Some("r".to_owned()));
        assert_eq!(it.answer(&Said { state, reason, by, at }), Step::Taken);
        it
    }

    fn told((it, turn): &(Suspicion, Turn)) -> String {
        format!("{turn:?} {} since {}", it.state.name(), it.since)
    }
}
