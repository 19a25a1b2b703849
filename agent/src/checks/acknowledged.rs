//! The findings that somebody has answered for, in memory: a check must not wait for the disk to
//! know what it need not show again. Made anew from the log at every start.

use std::collections::{HashMap, VecDeque};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rules::{Finding, Verdict};

/// Finding ids, each with the pseudonym of its patient.
#[derive(Debug, Default)]
pub(super) struct Acknowledged(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    patient_by_finding: HashMap<String, Option<String>>,
    /// In the order in which they came: the oldest is forgotten first.
    order: VecDeque<String>,
}

impl Acknowledged {
    pub(super) fn insert(&self, finding_id: &str, patient: Option<String>) {
        let mut known = self.write();
        if known.patient_by_finding.insert(finding_id.to_owned(), patient).is_none() {
            known.order.push_back(finding_id.to_owned());
        }
        while known.order.len() > FINDINGS_MAX {
            let Some(oldest) = known.order.pop_front() else { break };
            known.patient_by_finding.remove(&oldest);
        }
    }

    pub(super) fn remove(&self, finding_id: &str) {
        // Its place in the order stays, and is passed over when its turn comes.
        self.write().patient_by_finding.remove(finding_id);
    }

    /// Whether a patient has to be named to know what need not be shown.
    pub(super) fn knows_any_of(&self, verdict: &Verdict) -> bool {
        let known = self.read();
        verdict.findings.iter().any(|it| known.patient_by_finding.contains_key(&it.id))
    }

    /// Takes out of a verdict what need not be shown again to this patient's doctor.
    pub(super) fn take(&self, verdict: &mut Verdict, patient: Option<&str>) -> Vec<Finding> {
        let known = self.read();
        let is_known = |it: &mut Finding| {
            known.patient_by_finding.get(&it.id).is_some_and(|of| of.as_deref() == patient)
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

/// Some thirty megabytes at most. What is forgotten is shown once more, no worse.
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
        let id = verdict.findings.first().unwrap().id.clone();
        let known = Acknowledged::default();
        let left = |patient: &str| {
            let mut verdict = verdict.clone();
            let taken = known.take(&mut verdict, Some(patient)).len();
            assert_eq!(taken + verdict.findings.len(), 1);
            verdict.findings.len()
        };
        assert_eq!((left("a"), known.knows_any_of(&verdict)), (1, false));
        known.insert(&id, Some("a".to_owned()));
        assert_eq!((left("a"), left("b"), known.knows_any_of(&verdict)), (0, 1, true));
        known.remove(&id);
        assert_eq!(left("a"), 1);
    }
}
