//! What a check came with, group by group: told first, so that whoever reads the answer need not guess
//! whether something was looked at and found to be none, or never asked.

use crate::facts::{Facts, Group};
use crate::write::Writer;

/// Whether a group came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Presence {
    /// With content.
    Present,
    /// Nobody asked.
    #[default]
    Absent,
    /// Asked for, and there is none.
    Empty,
}

impl Presence {
    /// The word in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Presence::Present => "present",
            Presence::Absent => "absent",
            Presence::Empty => "empty",
        }
    }
}

/// The groups of one check, each with whether it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Received([Presence; GROUPS.len()]);

impl Received {
    /// As they are judged: with the past that is kept of the patient, where the caller sent none.
    #[must_use]
    pub fn of(facts: &Facts) -> Received {
        Received([
            of_one(&facts.patient),
            of_one(&facts.encounter),
            of_list(&facts.diagnoses),
            of_list(&facts.orders),
            of_list(&facts.fees),
            of_list(&facts.surgeries),
            of_one(&facts.history),
            of_one(&facts.prescriber),
            of_list(&facts.allergies),
            of_list(&facts.labs),
        ])
    }

    /// Each group by its name in requests.
    pub fn groups(&self) -> impl Iterator<Item = (&'static str, Presence)> {
        GROUPS.into_iter().zip(self.0)
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.member("received", |writer| {
            self.groups().for_each(|(name, presence)| writer.text(name, presence.name()));
        });
    }
}

fn of_one<T>(group: &Group<T>) -> Presence {
    match group {
        Group::Present(_) => Presence::Present,
        Group::Absent => Presence::Absent,
        Group::Empty => Presence::Empty,
    }
}

/// A list of which nothing is left is empty, however it came to be.
fn of_list<T>(group: &Group<Vec<T>>) -> Presence {
    match group {
        Group::Present(items) if items.is_empty() => Presence::Empty,
        other => of_one(other),
    }
}

const GROUPS: [&str; 10] = [
    "patient",
    "encounter",
    "diagnoses",
    "orders",
    "fees",
    "surgeries",
    "history",
    "prescriber",
    "allergies",
    "labs",
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::request;

    #[test]
    fn none_and_nobody_asked_differ() {
        check("{}", "");
        check(
            r#"{"patient":{},"orders":[],"allergies":null,"labs":[]}"#,
            "patient empty, orders empty, labs empty",
        );
        check(
            r#"{"patient":{"gend":"1","algs":"青霉素"},"orders":[{"rx_id":1,"hosplist_code":"Y"}]}"#,
            "patient present, orders present, allergies present",
        );
        check(
            r#"{"patient":{"algs":"无"},"orders":{"rx_id":"1","hosplist_name":"药"}}"#,
            "patient present, orders present, allergies empty",
        );
        check(
            r#"{"encounter":{"mdtrt_id":"1"},"diagnoses":[{"dise_codg":"I10"}],"fees":[],"surgeries":[],
              "history":{},"prescriber":{"drord_dr_codg":"1"}}"#,
            "encounter present, diagnoses present, fees empty, surgeries empty, history empty, prescriber present",
        );
    }

    /// The groups that came.
    #[track_caller]
    fn check(request: &str, expected: &str) {
        let received = Received::of(&request::read(request).unwrap());
        let came = received.groups().filter(|(_, it)| *it != Presence::Absent);
        let told: Vec<String> = came.map(|(name, it)| format!("{name} {}", it.name())).collect();
        assert_eq!(told.join(", "), expected, "{request}");
    }
}
