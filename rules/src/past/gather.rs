//! Makes the history of a patient out of what was noted, in the order in which it was noted.
//!
//! - A record that came again, with the same identity, stands in place of the earlier one; a void
//!   takes it back. So does an order with the id of an earlier one in its encounter.
//! - What is known of one visit or stay from several records is one [`Stay`]; the diagnosis that its
//!   own records mark is its main one, and its lines name it as it names itself.
//! - A charge and the order that it charges for are one use: see [`charged`](super::charged).
//! - A sale stands for a use of which neither an order nor a charge tells.
//! - What a check told is taken last: see [`seen`](super::seen()).
//! - A laboratory result has the day of its report; when that is void, it is gone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::civil::DateTime;

use super::by_name::ByName;
use super::charged::{self, Charge};
use super::told::{TakenBack, is_same_line, is_same_result};
use super::{Note, Noted};
use crate::facts::{Allergy, Diagnosis, History, LabResult, Order, Patient, Stay, Surgery};

/// The history that these records tell, as it is seen from an encounter: what belongs to it is
/// named as the caller names it, and is no visit or diagnosis of the past.
#[must_use]
pub fn gather(records: Vec<Noted>, encounter: Option<&str>) -> History {
    let mut past = Past::default();
    let reports = Reports::of(&records);
    if records.iter().any(Noted::is_of_a_check) {
        past.taken_back = TakenBack::of(&records, |report| reports.void.contains(report));
    }
    let (of_checks, told): (Vec<_>, Vec<_>) =
        latest(records).into_iter().partition(Noted::is_of_a_check);
    for record in told {
        for note in record.notes {
            past.take(note, &record.encounter, &reports);
        }
    }
    past.index();
    for record in of_checks {
        for note in record.notes {
            past.take_of_check(note, &record.encounter);
        }
    }
    past.seen_from(encounter)
}

/// The last record of each identity, each in the place of the last.
pub(super) fn latest(records: Vec<Noted>) -> Vec<Noted> {
    let mut seen = HashSet::with_capacity(records.len());
    let mut latest: Vec<Noted> =
        records.into_iter().rev().filter(|it| seen.insert(it.identity)).collect();
    latest.reverse();
    latest
}

/// What reports say of all their results: when they were made, and that they are void.
#[derive(Default)]
struct Reports {
    made: HashMap<String, DateTime>,
    void: HashSet<String>,
}

impl Reports {
    fn of(records: &[Noted]) -> Reports {
        let mut reports = Reports::default();
        for note in records.iter().flat_map(|it| &it.notes) {
            match note {
                Note::Report(number, made) => {
                    reports.made.insert(number.clone(), *made);
                    reports.void.remove(number);
                }
                Note::VoidReport(number) => {
                    reports.void.insert(number.clone());
                }
                _ => {}
            }
        }
        reports
    }
}

/// A history in the making; everything still knows its encounter.
#[derive(Default)]
struct Past {
    orders: Vec<Arc<Order>>,
    charges: Vec<Charge>,
    firsts: Vec<Arc<Order>>,
    sales: Vec<Arc<Order>>,
    /// Lines that only a check told of, and that go on.
    proposed: Vec<Arc<Order>>,
    surgeries: Vec<(String, Surgery)>,
    weights: Vec<(String, Patient)>,
    taken_back: TakenBack,
    visits: Vec<Visit>,
    diagnoses: Vec<(String, Diagnosis)>,
    allergies: Vec<Allergy>,
    /// The same, to be found.
    known_allergies: HashSet<Allergy>,
    labs: Vec<LabResult>,
    /// Where diagnoses and results stand, once all records are taken.
    diagnosed: ByName,
    tested: ByName,
}

/// A visit or stay, and everything that it is called.
struct Visit {
    stay: Stay,
    names: Vec<String>,
}

impl Past {
    fn take(&mut self, note: Note, encounter: &str, reports: &Reports) {
        match note {
            Note::Order(order) => self.orders.push(of_encounter(order, encounter)),
            Note::Charge(line, charges_for) => {
                self.charges.push(Charge { line: of_encounter(line, encounter), charges_for });
            }
            Note::First(line) => self.firsts.push(line),
            Note::Sale(line) => self.sales.push(of_encounter(line, encounter)),
            Note::Surgery(it) => self.surgeries.push((encounter.to_owned(), *it)),
            Note::Stay(stay, mut names) => {
                names.push(encounter.to_owned());
                self.take_stay(*stay, names);
            }
            Note::Diagnosis(found) => self.diagnoses.push((encounter.to_owned(), found)),
            Note::Allergies(found) => self.take_allergies(found),
            Note::Lab(mut result, report) => {
                if report.as_ref().is_some_and(|it| reports.void.contains(it)) {
                    return;
                }
                let made = report.and_then(|it| reports.made.get(&it).copied());
                result.reported = made.or(result.reported);
                self.labs.push(result);
            }
            // The first three are for whoever judges an encounter as a whole; see `as_of`.
            Note::Person(_)
            | Note::Care(_)
            | Note::Settled(_)
            | Note::Asked(_)
            | Note::Proposed(..)
            | Note::Report(..)
            | Note::VoidReport(_)
            | Note::Void => {}
        }
    }

    /// After all records.
    fn take_of_check(&mut self, note: Note, encounter: &str) {
        match note {
            Note::Diagnosis(it) => {
                let is_same = |of: &str| self.is_same_encounter(of, encounter);
                let is_known = self
                    .diagnosed
                    .find(it.code.as_deref(), it.name.as_deref())
                    .filter_map(|at| self.diagnoses.get(at))
                    .any(|(of, _)| is_same(of));
                if !is_known && !self.taken_back.has_diagnosis(&it, is_same) {
                    self.diagnosed.add(it.code.as_deref(), it.name.as_deref());
                    self.diagnoses.push((encounter.to_owned(), it));
                }
            }
            Note::Allergies(found) => self.take_allergies(found),
            Note::Lab(it, _) => {
                let is_known = self
                    .tested
                    .find(it.code.as_deref(), it.name.as_deref())
                    .filter_map(|at| self.labs.get(at))
                    .any(|told| is_same_result(told, &it));
                if !is_known && !self.taken_back.has_lab(&it) {
                    self.tested.add(it.code.as_deref(), it.name.as_deref());
                    self.labs.push(it);
                }
            }
            Note::Person(it) => self.weights.push((encounter.to_owned(), *it)),
            Note::Proposed(mut line, true) => {
                let is_same = |of: &str| self.is_same_encounter(of, encounter);
                if !self.tells_of(&line, is_same) && !self.taken_back.has_line(&line, is_same) {
                    Arc::make_mut(&mut line).mdtrt_id = Some(encounter.to_owned());
                    self.proposed.push(line);
                }
            }
            _ => {}
        }
    }

    fn take_allergies(&mut self, found: Vec<Allergy>) {
        for allergy in found {
            if self.known_allergies.insert(allergy.clone()) {
                self.allergies.push(allergy);
            }
        }
    }

    fn index(&mut self) {
        for (_, it) in &self.diagnoses {
            self.diagnosed.add(it.code.as_deref(), it.name.as_deref());
        }
        for it in &self.labs {
            self.tested.add(it.code.as_deref(), it.name.as_deref());
        }
    }

    /// Whether an order or a charge of the encounter is about the line.
    fn tells_of(&self, line: &Order, is_same: impl Fn(&str) -> bool) -> bool {
        let charges = self.charges.iter().map(|it| &it.line);
        self.orders
            .iter()
            .chain(charges)
            .any(|it| it.mdtrt_id.as_deref().is_some_and(&is_same) && is_same_line(it, line))
    }

    fn is_same_encounter(&self, one: &str, other: &str) -> bool {
        let has = |it: &Visit, name: &str| it.names.iter().any(|known| known == name);
        one == other || self.visits.iter().any(|it| has(it, one) && has(it, other))
    }

    fn take_stay(&mut self, stay: Stay, names: Vec<String>) {
        let is_same = |it: &&mut Visit| it.names.iter().any(|name| names.contains(name));
        let Some(known) = self.visits.iter_mut().find(is_same) else {
            self.visits.push(Visit { stay, names });
            return;
        };
        let before = std::mem::take(&mut known.stay);
        known.stay = Stay {
            mdtrt_id: stay.mdtrt_id.or(before.mdtrt_id),
            visit: stay.visit.or(before.visit),
            began: stay.began.or(before.began),
            ended: stay.ended.or(before.ended),
            department_code: stay.department_code.or(before.department_code),
            main_diagnosis: stay.main_diagnosis.or(before.main_diagnosis),
            planned_course: stay.planned_course.or(before.planned_course),
            transferred: stay.transferred.or(before.transferred),
        };
        known.names.extend(names);
    }

    fn seen_from(mut self, encounter: Option<&str>) -> History {
        let names = encounter.map(|it| self.names_of(it)).unwrap_or_default();
        let sales = self.sold_only();
        let orders = latest_orders(self.orders);
        let mut orders = charged::once(orders, self.charges);
        orders.extend(sales.into_iter().chain(self.proposed));
        for first in self.firsts {
            if !is_known(&first, &orders) {
                orders.push(first);
            }
        }
        for order in &mut orders {
            let Some(of) = &order.mdtrt_id else { continue };
            let called = if names.contains(of) { encounter } else { name_of(&self.visits, of) };
            if let Some(called) = called.filter(|it| it != of) {
                Arc::make_mut(order).mdtrt_id = Some(called.to_owned());
            }
        }
        orders.sort_by_key(|it| it.begins);
        let visits = self.visits.into_iter();
        let others = visits.filter(|it| !it.names.iter().any(|name| names.contains(name)));
        let stays = others.map(|it| it.diagnosed(&self.diagnoses)).collect();
        let diagnoses = self.diagnoses.into_iter().filter(|(of, _)| !names.contains(of));
        History {
            since: None,
            orders,
            stays,
            diagnoses: diagnoses.map(|(_, it)| it).collect(),
            allergies: self.allergies,
            labs: self.labs,
            surgeries: of_these(self.surgeries, &names).collect(),
            weight: of_these(self.weights, &names)
                .filter_map(|it| Some((it.weight_kg?, it.weighed)))
                .last(),
        }
    }

    /// Sales of which nothing else tells: a hospital's pharmacy charges for what it hands out, and
    /// tells of that too.
    fn sold_only(&mut self) -> Vec<Arc<Order>> {
        let sales = std::mem::take(&mut self.sales);
        let is_told = |it: &Order| {
            let encounter = it.mdtrt_id.as_deref().unwrap_or_default();
            self.tells_of(it, |of| self.is_same_encounter(of, encounter))
        };
        sales.into_iter().filter(|it| !is_told(it)).collect()
    }

    /// Everything that an encounter is called.
    fn names_of(&self, encounter: &str) -> HashSet<String> {
        let of_visit = self.visits.iter().find(|it| it.names.iter().any(|name| name == encounter));
        let names = of_visit.into_iter().flat_map(|it| it.names.iter().cloned());
        names.chain([encounter.to_owned()]).collect()
    }
}

impl Visit {
    /// What the records of the visit found is more than what the one that began it expected.
    fn diagnosed(self, diagnoses: &[(String, Diagnosis)]) -> Stay {
        let is_main = |(of, it): &&(String, Diagnosis)| {
            let is_made = !it.suspected && !it.excluded && it.code.is_some();
            it.main == Some(true) && is_made && self.names.contains(of)
        };
        let found = diagnoses.iter().find(is_main).and_then(|(_, it)| it.code.clone());
        Stay { main_diagnosis: found.or(self.stay.main_diagnosis), ..self.stay }
    }
}

/// What the visit that is called so calls itself.
fn name_of<'a>(visits: &'a [Visit], name: &str) -> Option<&'a str> {
    let visit = visits.iter().find(|it| it.names.iter().any(|it| it == name))?;
    visit.stay.mdtrt_id.as_deref()
}

fn of_these<T>(all: Vec<(String, T)>, names: &HashSet<String>) -> impl Iterator<Item = T> {
    all.into_iter().filter(|(of, _)| names.contains(of)).map(|(_, it)| it)
}

/// Whether the line of a first use, or one before it, is still there.
fn is_known(first: &Order, orders: &[Arc<Order>]) -> bool {
    let is_same = |it: &Order| {
        (&it.hospital_code, &it.national_code, &it.name)
            == (&first.hospital_code, &first.national_code, &first.name)
    };
    orders.iter().any(|it| it.begins <= first.begins && is_same(it))
}

/// The last order of each id in its encounter.
fn latest_orders(orders: Vec<Arc<Order>>) -> Vec<Arc<Order>> {
    let mut seen = HashSet::with_capacity(orders.len());
    let mut is_latest = |it: &Arc<Order>| {
        it.rx_id.is_empty() || seen.insert((it.mdtrt_id.clone(), it.rx_id.clone()))
    };
    let mut latest: Vec<_> = orders.into_iter().rev().filter(&mut is_latest).collect();
    latest.reverse();
    latest
}

/// A line that does not say of which encounter it is, is of the one it was accepted under.
fn of_encounter(mut line: Arc<Order>, encounter: &str) -> Arc<Order> {
    if line.mdtrt_id.is_none() {
        Arc::make_mut(&mut line).mdtrt_id = Some(encounter.to_owned());
    }
    line
}
