//! How well the agent is, as far as a change of its configuration can spoil it: whether it takes messages,
//! whether records leave, how many messages it refuses, what else it complains of.

use std::collections::BTreeSet;

use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};

use crate::intake::{self, Road};

/// What is compared with what was before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    /// The doors take messages.
    pub(crate) accepting: bool,
    /// Records leave.
    pub(crate) forwarding: bool,
    /// Messages that were judged since the start.
    pub(crate) judged: u64,
    /// Of these refused.
    pub(crate) refused: u64,
    /// What a door or a subscriber complains of, by code.
    pub(crate) complaints: BTreeSet<String>,
}

impl Baseline {
    /// How it stands now.
    pub(crate) fn of(road: &Road) -> Baseline {
        let outbox = road.outbox.status();
        let forward = road.forward.status();
        let metrics = road.metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default();
        let (judged, refused) = counted(&metrics);
        // Not what stands by design, or by the calendar: clear text, a certificate that ends soon.
        let complaints = intake::of_sources(road);
        Baseline {
            accepting: !outbox.failed && road.outbox.room().accepting,
            forwarding: forward.connected && forward.trouble.is_none(),
            judged,
            refused,
            complaints: complaints.into_iter().map(|(code, _)| code.to_owned()).collect(),
        }
    }

    /// What has become worse, as a sentence; `None` if nothing has.
    pub(crate) fn worse_than(&self, before: &Baseline) -> Option<String> {
        if before.accepting && !self.accepting {
            return Some("原来能接收报文，现在不能".to_owned());
        }
        if before.forwarding && !self.forwarding {
            return Some("原来能转发，现在不能；原因见 /readyz 的 forward".to_owned());
        }
        if let Some(code) = self.complaints.difference(&before.complaints).next() {
            return Some(format!("出现了新的告警 {code}"));
        }
        let (now, then) = (self.percent_refused()?, before.percent_refused().unwrap_or(0));
        let (refused, judged) = (self.refused, self.judged);
        (now > then + REFUSED_PERCENT_MORE)
            .then(|| format!("{judged} 份报文拒收了 {refused} 份（{now}%），原来拒收 {then}%"))
    }

    /// `None` for too few to tell.
    fn percent_refused(&self) -> Option<u64> {
        (self.judged >= JUDGED_MIN).then(|| self.refused * 100 / self.judged)
    }
}

/// Messages that were judged and those that were refused, out of the metrics' text. Busy answers and a
/// disk without room are no judgement.
fn counted(metrics: &str) -> (u64, u64) {
    let lines = metrics.lines().filter(|it| it.starts_with("his_agent_messages_total{"));
    let mut counts = (0, 0);
    for line in lines {
        let count = line.rsplit(' ').next().and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
        let is = |outcome: &str| line.contains(&format!("outcome=\"{outcome}\""));
        if is("refused") {
            counts = (counts.0 + count, counts.1 + count);
        } else if is("accepted") || is("parked") {
            counts.0 += count;
        }
    }
    counts
}

/// Fewer messages tell nothing.
const JUDGED_MIN: u64 = 20;
/// So much more of a hundred may be refused than before.
const REFUSED_PERCENT_MORE: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_become_worse() {
        let well = || Baseline { accepting: true, forwarding: true, ..Baseline::default() };
        let with = |judged, refused| Baseline { judged, refused, ..well() };
        check(&well(), &well(), "");
        check(&Baseline { accepting: false, ..well() }, &well(), "原来能接收报文");
        check(&Baseline { forwarding: false, ..well() }, &well(), "原来能转发");
        let broken = Baseline { forwarding: false, ..well() };
        check(&broken, &broken, "");
        let complains = Baseline { complaints: ["I196".to_owned()].into(), ..well() };
        check(&complains, &well(), "新的告警 I196");
        check(&complains, &complains, "");
        check(&with(19, 19), &with(100, 0), "");
        check(&with(20, 4), &with(100, 0), "");
        check(&with(20, 5), &with(100, 0), "20 份报文拒收了 5 份（25%），原来拒收 0%");
        check(&with(20, 16), &with(100, 60), "");
        check(&with(20, 17), &with(100, 60), "原来拒收 60%");
    }

    #[track_caller]
    fn check(now: &Baseline, before: &Baseline, expected: &str) {
        let told = now.worse_than(before).unwrap_or_default();
        assert!(told.contains(expected) && told.is_empty() == expected.is_empty(), "{told}");
    }

    #[test]
    fn messages_are_counted_over_all_channels() {
        let text = "# TYPE x counter\nhis_agent_messages_total{channel=\"a\",outcome=\"accepted\"} 7\n\
                    his_agent_messages_total{channel=\"b\",outcome=\"refused\"} 2\n\
                    his_agent_messages_total{channel=\"b\",outcome=\"busy\"} 5\n\
                    his_agent_messages_total{channel=\"b\",outcome=\"parked\"} 1\n";
        assert_eq!(counted(text), (10, 2));
    }
}
