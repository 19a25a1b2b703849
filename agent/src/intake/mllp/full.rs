//! Doors that were full: what the log, the metrics and whoever is to be alerted are told of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// All MLLP doors that were full since the start.
#[derive(Debug, Default)]
pub struct FullDoors(Mutex<BTreeMap<String, Full>>);

#[derive(Debug)]
struct Full {
    connections_max: usize,
    last: Instant,
    /// When the log was told.
    told: Option<Instant>,
    /// Since it was told.
    sent_away: u64,
    refused: u64,
}

/// What came of it for a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was closed for another one.
    SentAway,
    /// It found no place.
    Refused,
}

impl Outcome {
    /// So many more of them.
    pub(super) fn count(self, channel: &str, more: u64) {
        let outcome = match self {
            Outcome::SentAway => "sent_away",
            Outcome::Refused => "refused",
        };
        metrics::counter!("his_agent_mllp_full_total", "channel" => channel.to_owned(), "outcome" => outcome)
            .increment(more);
    }
}

impl FullDoors {
    /// The door was full once more. The log is told once a minute: who closes no line has one go with each
    /// message.
    pub(super) fn note(&self, channel: &str, connections_max: usize, outcome: Outcome) {
        outcome.count(channel, 1);
        let mut doors = self.locked();
        let now = Instant::now();
        let new = Full { connections_max, last: now, told: None, sent_away: 0, refused: 0 };
        let door = doors.entry(channel.to_owned()).or_insert(new);
        (door.last, door.connections_max) = (now, connections_max);
        match outcome {
            Outcome::SentAway => door.sent_away += 1,
            Outcome::Refused => door.refused += 1,
        }
        if door.told.is_none_or(|it| it.elapsed() > TOLD_EVERY) {
            tracing::warn!(
                channel,
                connections_max,
                sent_away = door.sent_away,
                refused = door.refused,
                code = "I154",
                "MLLP door full"
            );
            (door.told, door.sent_away, door.refused) = (Some(now), 0, 0);
        }
    }

    /// Doors that were full of late.
    pub(in super::super) fn alerts(&self) -> Vec<(&'static str, String)> {
        let doors = self.locked();
        let late = doors.iter().filter(|(_, it)| it.last.elapsed() < STANDS_FOR);
        let text = |name: &String, most: usize| {
            format!(
                "通道 {name} 的 MLLP 连接到了上限（{most}），在关空得最久的：对方多半每份报文新开一条而不关"
            )
        };
        late.map(|(name, it)| ("I154", text(name, it.connections_max))).collect()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Full>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const TOLD_EVERY: Duration = Duration::from_mins(1);
/// A sender that is leaky sends now and then.
const STANDS_FOR: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_door_is_one_alert_for_a_while() {
        let doors = FullDoors::default();
        assert_eq!(doors.alerts(), []);
        for _ in 0..3 {
            doors.note("laboratory", 64, Outcome::SentAway);
        }
        let alerts = doors.alerts();
        let [(code, text)] = alerts.as_slice() else { panic!("{alerts:?}") };
        assert_eq!(*code, "I154");
        assert!(text.contains("laboratory") && text.contains("64"), "{text}");
    }
}
