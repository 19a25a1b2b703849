//! The findings that somebody has answered for, in memory: a check must not wait for the disk to
//! know what it need not show again. Made anew from the log at every start.

use std::collections::{HashMap, VecDeque};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rules::rule::Action;
use rules::{Facts, Finding, Verdict, circumstances};

use super::tracked::Tracked;

/// Finding ids, each with who was asked and who has answered.
#[derive(Debug, Default)]
pub(super) struct Acknowledged(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    answer_by_finding: HashMap<String, Answer>,
    /// In the order in which they came: the oldest is forgotten first.
    order: VecDeque<String>,
}

/// What has to be known of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The pseudonym of the patient.
    patient: Option<String>,
    /// A second person has agreed: only that goes on where the rule blocks.
    approved: bool,
    /// In view of what it was given. What an older release wrote does not say, and is shown once more.
    circumstances: Vec<u64>,
}

impl Answer {
    /// The answer that a finding has; none when it is to be shown again.
    pub(super) fn of(tracked: &Tracked) -> Option<Answer> {
        tracked.is_acknowledged().then(|| Answer {
            patient: tracked.patient.clone(),
            approved: tracked.is_approved(),
            circumstances: tracked.circumstances.clone(),
        })
    }

    /// The pseudonym, a mark behind it when it was approved, and one before the circumstances. What an
    /// older release wrote has no mark: whatever blocks is shown once more.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.patient.clone().unwrap_or_default().into_bytes();
        bytes.extend(self.approved.then_some(APPROVED));
        if !self.circumstances.is_empty() {
            bytes.push(IN_VIEW_OF);
            bytes.extend(self.circumstances.iter().flat_map(|it| it.to_be_bytes()));
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Answer {
        let marks = bytes.iter().position(|it| [APPROVED, IN_VIEW_OF].contains(it));
        let (patient, rest) = bytes.split_at(marks.unwrap_or(bytes.len()));
        let (approved, rest) = match rest.split_first() {
            Some((&APPROVED, rest)) => (true, rest),
            _ => (false, rest),
        };
        let (words, _) = rest.split_first().map_or(rest, |(_, words)| words).as_chunks();
        let patient = str::from_utf8(patient).ok().filter(|it| !it.is_empty());
        let circumstances = words.iter().map(|it| u64::from_be_bytes(*it)).collect();
        Answer { patient: patient.map(str::to_owned), approved, circumstances }
    }
}

impl Acknowledged {
    pub(super) fn insert(&self, finding_id: &str, answer: Answer) {
        let mut known = self.write();
        if known.answer_by_finding.insert(finding_id.to_owned(), answer).is_none() {
            known.order.push_back(finding_id.to_owned());
        }
        while known.order.len() > FINDINGS_MAX {
            let Some(oldest) = known.order.pop_front() else { break };
            known.answer_by_finding.remove(&oldest);
        }
    }

    pub(super) fn remove(&self, finding_id: &str) {
        // Its place in the order stays, and is passed over when its turn comes.
        self.write().answer_by_finding.remove(finding_id);
    }

    /// Whether a patient has to be named to know what need not be shown.
    pub(super) fn knows_any_of(&self, verdict: &Verdict) -> bool {
        let known = self.read();
        verdict.findings.iter().any(|it| known.answer_by_finding.contains_key(&it.id))
    }

    /// Takes out of a verdict what need not be shown again to this patient's doctor: who answered
    /// for it did so in view of the same facts.
    pub(super) fn take(
        &self,
        verdict: &mut Verdict,
        facts: &Facts,
        patient: Option<&str>,
    ) -> Vec<Finding> {
        let known = self.read();
        let is_known = |it: &mut Finding| {
            known.answer_by_finding.get(&it.id).is_some_and(|answer| {
                let is_enough = it.action != Action::Block || answer.approved;
                let is_changed =
                    || circumstances::differ(&circumstances::of(facts, it), &answer.circumstances);
                is_enough && answer.patient.as_deref() == patient && !is_changed()
            })
        };
        verdict.findings.extract_if(.., is_known).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Behind a pseudonym, in which neither ever is.
const APPROVED: u8 = 1;
const IN_VIEW_OF: u8 = 2;
/// Some sixty megabytes, when a finding is about two lines. What is forgotten is shown once more, no worse.
const FINDINGS_MAX: usize = 200_000;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rules::{RuleSet, evaluate, request};

    use super::*;

    #[test]
    fn only_what_was_answered_for_this_patient_is_taken_out() {
        let text = r#"{"patient":{"patn_id":"P1","gend":"2","brdy":"19680315"},
            "encounter":{"mdtrt_id":"M1","med_mdtrt_type":"1"},
            "orders":[{"rx_id":"1","hosplist_code":"YP000502","medc_days":"7"}]}"#;
        let facts = request::read(text).unwrap();
        let now = "2026-11-22T09:00:00".parse().unwrap();
        let verdict = evaluate(&RuleSet::shipped().unwrap(), &facts, now);
        let first = verdict.findings.first().unwrap();
        let (id, told) = (first.id.clone(), circumstances::of(&facts, first));
        let answer = |patient: &str, approved| {
            let circumstances = told.clone();
            Answer { circumstances, ..answer(patient, approved) }
        };
        let known = Acknowledged::default();
        let left = |patient: &str| {
            let mut verdict = verdict.clone();
            let taken = known.take(&mut verdict, &facts, Some(patient)).len();
            assert_eq!(taken + verdict.findings.len(), 1);
            verdict.findings.len()
        };
        assert_eq!((left("a"), known.knows_any_of(&verdict)), (1, false));
        known.insert(&id, answer("a", false));
        assert_eq!((left("a"), left("b"), known.knows_any_of(&verdict)), (0, 1, true));
        known.remove(&id);
        assert_eq!(left("a"), 1);
        // A warning became a block since: one person's answer is not enough any more.
        let blocking = |verdict: &Verdict| {
            let mut verdict = verdict.clone();
            verdict.findings.iter_mut().for_each(|it| it.action = Action::Block);
            known.take(&mut verdict, &facts, Some("a")).len()
        };
        known.insert(&id, answer("a", false));
        assert_eq!(blocking(&verdict), 0);
        known.insert(&id, answer("a", true));
        assert_eq!(blocking(&verdict), 1);
        // And what an older release has written down does not say in view of what.
        known.insert(&id, Answer { circumstances: Vec::new(), ..answer("a", true) });
        assert_eq!(blocking(&verdict), 0);
    }

    #[test]
    fn rows_with_and_without_a_mark() {
        for (bytes, expected) in [
            (&b"abc"[..], answer("abc", false)),
            (b"abc\x01", answer("abc", true)),
            (b"", Answer::default()),
            (b"\x01", Answer { approved: true, ..Answer::default() }),
            (
                b"abc\x01\x02\0\0\0\x01\0\0\0\x01",
                Answer { circumstances: vec![(1 << 32) | 1], ..answer("abc", true) },
            ),
            (b"\x02\0\0\0\0\0\0\0\x02", Answer { circumstances: vec![2], ..Answer::default() }),
        ] {
            assert_eq!(Answer::from_bytes(bytes), expected);
            assert_eq!(expected.to_bytes(), bytes);
        }
    }

    fn answer(patient: &str, approved: bool) -> Answer {
        Answer { patient: Some(patient.to_owned()), approved, ..Answer::default() }
    }
}
