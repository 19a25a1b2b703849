//! What a check tells of its own patient, for the checks that follow it.
//!
//! A HIS asks before anybody has accepted a record of what it asks about, and what it says of the
//! person holds whatever becomes of the orders: diagnoses, allergies, results, the weight. The orders
//! themselves are only *proposed*. They may never be given, so they are shown to operators and count
//! for nothing until a record tells of them, or the doctor has answered a finding with "it goes on".
//!
//! All of one encounter stands together. A group that is sent again stands in place of what was said
//! of it before, results are added, and a line keeps its id.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::{Date, DateTime};

use super::gather::latest;
use super::{Note, Noted};
use crate::facts::{Allergy, Diagnosis, Facts, Group, LabResult, Order, Patient};
use crate::finding_id::FindingId;

/// What one check told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whom it named.
    pub patn_id: String,
    /// The encounter, as the caller calls it; empty when it named none.
    pub encounter: String,
    said: Vec<Noted>,
}

/// What is worth keeping of a check that was asked at a moment; `None` when it names nobody or says
/// nothing. Without an encounter nobody can say what takes the place of what: then only what is the
/// person's own is kept.
#[must_use]
pub fn seen(facts: Facts, asked: DateTime) -> Option<Seen> {
    let person = facts.patient.present().cloned()?;
    let patn_id = person.patn_id.clone()?;
    let encounter = facts.encounter.present().and_then(|it| it.mdtrt_id.clone());
    let has_encounter = encounter.is_some();
    let mut pen = Pen { encounter: encounter.unwrap_or_default(), day: asked.date(), said: vec![] };
    pen.labs(facts.labs);
    pen.allergies(facts.allergies);
    if has_encounter {
        pen.weight(&person);
        pen.diagnoses(facts.diagnoses);
        pen.orders(facts.orders);
    }
    let Pen { encounter, said, .. } = pen;
    (!said.is_empty()).then_some(Seen { patn_id, encounter, said })
}

impl Seen {
    /// Everything that checks told of the encounter, once this is added to what is known.
    #[must_use]
    pub fn onto(self, known: &[Noted]) -> Vec<Noted> {
        let mut said = self.said;
        for it in &mut said {
            let before = known.iter().find(|known| known.identity == it.identity);
            it.goes_on_as(before);
        }
        let mut all = latest(known.iter().cloned().chain(said).collect());
        let too_many = all.len().saturating_sub(KEPT_MAX);
        all.drain(..too_many);
        all
    }

    /// About how many bytes it takes while it waits.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.said.iter().map(|it| 128 + it.notes.len() * 512).sum()
    }
}

impl Noted {
    /// Whether a check told it, and no record.
    #[must_use]
    pub fn is_of_a_check(&self) -> bool {
        self.asked().is_some()
    }

    /// The day of the check that told it, if one did.
    pub(super) fn asked(&self) -> Option<Date> {
        match self.notes.first() {
            Some(Note::Asked(day)) => Some(*day),
            _ => None,
        }
    }

    /// The same line of the same item still goes on when it is asked about once more.
    fn goes_on_as(&mut self, before: Option<&Noted>) {
        let before = before.and_then(Noted::proposed);
        let Some((was, true)) = before else { return };
        let is_same = |it: &Order| {
            (&it.hospital_code, &it.national_code) == (&was.hospital_code, &was.national_code)
        };
        for note in &mut self.notes {
            if let Note::Proposed(line, goes_on) = note {
                *goes_on |= is_same(line);
            }
        }
    }

    fn proposed(&self) -> Option<(&Order, bool)> {
        self.notes.iter().find_map(|it| match it {
            Note::Proposed(line, goes_on) => Some((&**line, *goes_on)),
            _ => None,
        })
    }
}

/// What checks told of one patient in several places, as one: of the same the later stands, and of one
/// day the one in the later place. A line that goes on in an earlier one goes on.
#[must_use]
pub fn told_in_all(mut places: Vec<Noted>) -> Vec<Noted> {
    places.sort_by_key(Noted::asked);
    let mut known: HashMap<u64, Noted> = HashMap::new();
    for it in &mut places {
        it.goes_on_as(known.get(&it.identity));
        known.insert(it.identity, it.clone());
    }
    latest(places)
}

/// Takes in what the doctor answered about lines of an encounter: they go on, or they do not and are
/// proposed no more. Says whether that changed anything.
pub fn answered(known: &mut Vec<Noted>, lines: &[String], goes_on: bool) -> bool {
    let is_meant = |it: &Noted| it.proposed().is_some_and(|(line, _)| lines.contains(&line.rx_id));
    let before = known.clone();
    if goes_on {
        for note in known.iter_mut().filter(|it| is_meant(it)).flat_map(|it| &mut it.notes) {
            if let Note::Proposed(_, answered) = note {
                *answered = true;
            }
        }
    } else {
        known.retain(|it| !is_meant(it));
    }
    before != *known
}

/// Lines that checks asked about and nobody has answered for, as far as these say.
pub fn proposed(noted: &[Noted]) -> impl Iterator<Item = &Order> {
    noted.iter().filter_map(Noted::proposed).filter(|(_, goes_on)| !goes_on).map(|(line, _)| line)
}

/// What of it makes a difference to a history: what a check proposed and nobody has answered for is
/// shown to operators, and counts for nothing. Once it is [told in all](told_in_all).
#[must_use]
pub fn what_counts(mut told: Vec<Noted>) -> Vec<Noted> {
    let counts = |it: &Note| !matches!(it, Note::Asked(_) | Note::Proposed(_, false));
    told.retain(|it| it.notes.iter().any(counts));
    told
}

struct Pen {
    encounter: String,
    day: Date,
    said: Vec<Noted>,
}

impl Pen {
    fn say(&mut self, about: &[&str], notes: impl IntoIterator<Item = Note>) {
        let mut identity = FindingId::new();
        ["a check", &self.encounter].iter().chain(about).for_each(|it| identity.add(it));
        let notes = [Note::Asked(self.day)].into_iter().chain(notes).collect();
        let encounter = self.encounter.clone();
        self.said.push(Noted { identity: identity.number(), encounter, notes });
    }

    fn diagnoses(&mut self, sent: Group<Vec<Diagnosis>>) {
        let Some(sent) = said(sent) else { return };
        let day = Some(self.day);
        let dated = |it: Diagnosis| Diagnosis { made: it.made.or(day), ..it };
        self.say(&["diagnoses"], sent.into_iter().map(dated).map(Note::Diagnosis));
    }

    fn allergies(&mut self, sent: Group<Vec<Allergy>>) {
        let Some(sent) = said(sent) else { return };
        self.say(&["allergies"], [Note::Allergies(sent)]);
    }

    /// A result without a day is not known to be of any.
    fn labs(&mut self, sent: Group<Vec<LabResult>>) {
        for it in said(sent).into_iter().flatten() {
            let Some(reported) = it.reported else { continue };
            let test = it.code.clone().or_else(|| it.name.clone()).unwrap_or_default();
            self.say(&["lab", &test, &reported.to_string()], [Note::Lab(it, None)]);
        }
    }

    fn weight(&mut self, person: &Patient) {
        let Some(weight_kg) = person.weight_kg else { return };
        let weighed = person.weighed.or(Some(self.day));
        let person = Patient { weight_kg: Some(weight_kg), weighed, ..Patient::default() };
        self.say(&["weight"], [Note::Person(Box::new(person))]);
    }

    fn orders(&mut self, sent: Group<Vec<Order>>) {
        let lines = said(sent).into_iter().flatten();
        for mut line in lines.filter(|it| it.current && !it.rx_id.is_empty()) {
            let id = line.rx_id.clone();
            line.begins = line.begins.or_else(|| Some(self.day.to_datetime(MIDNIGHT)));
            line.current = false;
            let proposed = (!line.voided).then(|| Note::Proposed(Arc::new(line), false));
            self.say(&["order", &id], proposed);
        }
    }
}

/// What was asked, though it be nothing; `None` when nobody asked.
fn said<T>(group: Group<Vec<T>>) -> Option<Vec<T>> {
    match group {
        Group::Present(sent) => Some(sent),
        Group::Empty => Some(Vec::new()),
        Group::Absent => None,
    }
}

const MIDNIGHT: jiff::civil::Time = jiff::civil::Time::midnight();
/// Things told of one encounter; of more the oldest go.
const KEPT_MAX: usize = 400;
