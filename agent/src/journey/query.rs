//! Which messages are wanted.

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::outbox::{Fate, day_of};
use crate::pipeline;

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// On disk, in the queue.
    Accepted,
    /// In the forwarder's hands; some of it is not confirmed.
    Forwarded,
    /// Some of it was refused by the platform for good, and is a dead letter.
    Refused,
    /// Some of it was lost by damage to the disk.
    Lost,
    /// The platform's broker has confirmed all of it.
    Confirmed,
    /// Waits for a code to be mapped, or behind one that does.
    Parked,
    /// A dead letter.
    Dead,
    /// Was a dead letter; somebody has discarded it, or sent it on.
    Discarded,
}

impl State {
    /// Where a record is that has left the queue.
    pub(super) const fn left(fate: Option<Fate>) -> State {
        match fate {
            None => State::Confirmed,
            Some(Fate::Refused) => State::Refused,
            Some(Fate::Lost) => State::Lost,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            State::Accepted => "accepted",
            State::Forwarded => "forwarded",
            State::Refused => "refused",
            State::Lost => "lost",
            State::Confirmed => "confirmed",
            State::Parked => "parked",
            State::Dead => "dead",
            State::Discarded => "discarded",
        }
    }
}

/// What is asked for. Everything that is said must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// `YYYYMMDD` or `YYYYMMDDhhmmss`; today when left out.
    pub(super) from: Option<String>,
    /// The same, not included; a bare day is.
    pub(super) to: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) entity: Option<String>,
    /// A business key.
    pub(super) key: Option<String>,
    pub(super) encounter: Option<String>,
    /// Any id of the patient.
    pub(super) patient: Option<String>,
    pub(super) state: Option<State>,
    /// The cause of a dead letter.
    pub(super) code: Option<String>,
    /// At most so many, the latest of them.
    pub(super) limit: Option<usize>,
}

impl Asked {
    /// Without what identifies a person, for whoever looks at it later.
    pub(super) fn masked(&self) -> Asked {
        let mask = |it: &Option<String>| it.as_ref().map(|_| "***".to_owned());
        let [key, encounter, patient] = [&self.key, &self.encounter, &self.patient].map(mask);
        Asked { key, encounter, patient, ..self.clone() }
    }
}

/// The same, proved: times as stamps, which sort as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) asked: Asked,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) days: [u32; 2],
    pub(super) limit: usize,
}

impl Asked {
    /// Understands the times; the sentence for who asked when they are none.
    pub(super) fn query(self, now: DateTime) -> Result<Query, String> {
        let wrong = |name: &str| format!("{name} 写成 YYYYMMDD 或 YYYYMMDDhhmmss");
        let today = now.date().to_datetime(Time::midnight());
        let from = self.from.as_deref().map_or(Some(today), |it| moment(it, false));
        let from = from.ok_or_else(|| wrong("from"))?;
        let to = self.to.as_deref().map_or(Some(DateTime::MAX), |it| moment(it, true));
        let to = to.ok_or_else(|| wrong("to"))?;
        let limit = self.limit.unwrap_or(LISTED).clamp(1, LISTED_MAX);
        let (last, stamp) = (to.min(now), pipeline::stamp);
        Ok(Query {
            from: stamp(from),
            to: stamp(to),
            days: [day(from), day(last)],
            limit,
            asked: self,
        })
    }
}

impl Query {
    /// Whether a message of this time and channel is wanted, as far as these tell.
    pub(super) fn fits(&self, received_at: &str, channel: &str) -> bool {
        let is_of = |wanted: &Option<String>| wanted.as_deref().is_none_or(|it| it == channel);
        self.from.as_str() <= received_at
            && received_at < self.to.as_str()
            && is_of(&self.asked.channel)
    }

    /// Whether messages in this state are wanted.
    pub(super) fn wants(&self, state: State) -> bool {
        self.asked.state.is_none_or(|it| it == state)
    }

    /// Whether messages that gave records are wanted.
    pub(super) fn wants_records(&self) -> bool {
        use State::{Accepted, Confirmed, Forwarded, Lost, Refused};
        [Accepted, Forwarded, Refused, Lost, Confirmed].into_iter().any(|it| self.wants(it))
    }

    /// Whether it asks by something that only records tell.
    pub(super) fn asks_of_records(&self) -> bool {
        let Asked { entity, key, encounter, patient, .. } = &self.asked;
        [entity, key, encounter, patient].into_iter().any(Option::is_some)
    }
}

fn moment(text: &str, is_end: bool) -> Option<DateTime> {
    if let Some(moment) = pipeline::moment(text) {
        return Some(moment);
    }
    let day = Date::strptime("%Y%m%d", text).ok()?;
    let day = if is_end { day.tomorrow().ok()? } else { day };
    Some(day.to_datetime(Time::midnight()))
}

fn day(moment: DateTime) -> u32 {
    day_of(u64::try_from(clock::instant(moment).as_millisecond()).unwrap_or(0))
}

const LISTED: usize = 50;
const LISTED_MAX: usize = 10_000;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        check("", "", "20261122000000 99991231235959");
        check("20261101", "20261105", "20261101000000 20261106000000");
        check("20261101083000", "20261101090000", "20261101083000 20261101090000");
        check("2026-11-01", "", "from 写成 YYYYMMDD 或 YYYYMMDDhhmmss");
        check("", "x", "to 写成 YYYYMMDD 或 YYYYMMDDhhmmss");
    }

    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let asked = Asked { from: given(from), to: given(to), ..Asked::default() };
        let now = "2026-11-22T10:15:30".parse().unwrap();
        let told = match asked.query(now) {
            Ok(query) => format!("{} {}", query.from, query.to),
            Err(reason) => reason,
        };
        assert_eq!(told, expected);
    }
}
