//! Whether something is known of an encounter already, found without looking at all that is known.
//!
//! What is the same is told by marks: of a line its number and its codes, of a diagnosis its code or
//! name. Under each mark stand the places where it is known: a visit, or an encounter's name.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;

use crate::facts::{Diagnosis, LabResult, Order};
use crate::work;

/// What encounters are called: all names of a visit are one encounter's.
#[derive(Default)]
pub(super) struct Encounters {
    /// The visits that have a name.
    visits: HashMap<String, BTreeSet<usize>>,
    /// A number for each name that something is known under.
    names: HashMap<String, usize>,
}

/// A visit, or a name of an encounter.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Visit(usize),
    Name(usize),
}

impl Encounters {
    /// The first visit that has one of these names.
    pub(super) fn visit_of<'a>(&self, names: impl Iterator<Item = &'a String>) -> Option<usize> {
        names.filter_map(|it| self.visits.get(it)?.first()).min().copied()
    }

    /// From now on a visit has this name, too; says whether it had not.
    pub(super) fn call(&mut self, visit: usize, name: &str) -> bool {
        match self.visits.get_mut(name) {
            Some(known) => known.insert(visit),
            None => self.visits.insert(name.to_owned(), BTreeSet::from([visit])).is_none(),
        }
    }

    /// Where things are kept that are known of an encounter.
    fn places_for(&mut self, name: &str) -> Vec<Place> {
        if !self.names.contains_key(name) {
            self.names.insert(name.to_owned(), self.names.len());
        }
        self.places(name)
    }

    /// Where something is kept that is known of an encounter.
    pub(super) fn places(&self, name: &str) -> Vec<Place> {
        let visits = self.visits.get(name).into_iter().flatten().copied().map(Place::Visit);
        visits.chain(self.names.get(name).copied().map(Place::Name)).collect()
    }
}

/// Lines, or diagnoses, by their marks; each kind of mark has its own table.
#[derive(Default)]
pub(super) struct Marks([HashMap<String, HashSet<Place>>; 3]);

impl Marks {
    pub(super) fn add_line(&mut self, encounters: &mut Encounters, of: &str, line: &Order) {
        self.add(&encounters.places_for(of), marks_of_line(line));
    }

    pub(super) fn add_diagnosis(
        &mut self,
        encounters: &mut Encounters,
        of: &str,
        found: &Diagnosis,
    ) {
        let (code, name) = (found.code.as_deref(), found.name.as_deref());
        self.add(&encounters.places_for(of), [code, name, name.filter(|_| code.is_none())]);
    }

    /// Whether there is a line under the same number, or of the same item.
    pub(super) fn have_line(&self, places: &[Place], line: &Order) -> bool {
        self.have(places, marks_of_line(line))
    }

    /// Whether there is such a diagnosis: of two that are both coded their codes tell it, else their
    /// names do.
    pub(super) fn have_diagnosis(&self, places: &[Place], it: &Diagnosis) -> bool {
        let (code, name) = (it.code.as_deref(), it.name.as_deref());
        self.have(places, [code, name.filter(|_| code.is_none()), name.filter(|_| code.is_some())])
    }

    fn add(&mut self, places: &[Place], marks: [Option<&str>; 3]) {
        for (table, mark) in self.0.iter_mut().zip(marks) {
            let Some(mark) = mark else { continue };
            match table.get_mut(mark) {
                Some(known) => known.extend(places),
                None => drop(table.insert(mark.to_owned(), places.iter().copied().collect())),
            }
        }
    }

    fn have(&self, places: &[Place], marks: [Option<&str>; 3]) -> bool {
        self.0.iter().zip(marks).any(|(table, mark)| {
            let known = mark.and_then(|it| table.get(it));
            known.is_some_and(|known| {
                places.iter().any(|it| {
                    work::step();
                    known.contains(it)
                })
            })
        })
    }
}

/// A record that calls the line otherwise still takes the place of the proposal.
fn marks_of_line(line: &Order) -> [Option<&str>; 3] {
    let id = Some(line.rx_id.as_str()).filter(|it| !it.is_empty());
    [id, line.hospital_code.as_deref(), line.national_code.as_deref()]
}

/// Laboratory results: the same test with the same outcome, on days that are near. Record and check
/// name the moment differently.
#[derive(Default)]
pub(super) struct Results([HashMap<String, HashMap<Outcome, Days>>; 3]);

type Outcome = (Option<Decimal>, Option<String>);

/// The days of results, `None` among them when one says no day.
type Days = HashSet<Option<Date>>;

impl Results {
    pub(super) fn add(&mut self, it: &LabResult) {
        let (code, name) = (it.code.as_deref(), it.name.as_deref());
        let marks = [code, name, name.filter(|_| code.is_none())];
        for (table, mark) in self.0.iter_mut().zip(marks) {
            let Some(mark) = mark else { continue };
            let of_test = table.entry(mark.to_owned()).or_default();
            of_test.entry((it.value, it.text.clone())).or_default().insert(day(it));
        }
    }

    pub(super) fn have(&self, it: &LabResult) -> bool {
        work::step();
        let (code, name) = (it.code.as_deref(), it.name.as_deref());
        let marks = [code, name.filter(|_| code.is_none()), name.filter(|_| code.is_some())];
        let outcome = (it.value, it.text.clone());
        self.0.iter().zip(marks).any(|(table, mark)| {
            let days = mark.and_then(|it| table.get(it)).and_then(|it| it.get(&outcome));
            days.is_some_and(|days| are_near(days, day(it)))
        })
    }
}

/// A result is reported, and its record sent, within a day.
fn are_near(days: &Days, day: Option<Date>) -> bool {
    let Some(day) = day else { return true };
    let near = [-1, 0, 1].into_iter().filter_map(|days: i64| day.checked_add(days.days()).ok());
    near.map(Some).chain([None]).any(|it| days.contains(&it))
}

fn day(it: &LabResult) -> Option<Date> {
    it.reported.map(DateTime::date)
}
