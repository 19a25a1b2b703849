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

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::civil::DateTime;

use super::charged::{self, Charge};
use super::known::{Encounters, Marks, Results};
use super::told::{Gone, TakenBack};
use super::{Note, Noted};
use crate::facts::{Allergy, Diagnosis, History, LabResult, Order, Patient, Stay, Surgery};

/// The history that these records tell, as it is seen from an encounter: what belongs to it is
/// named as the caller names it, and is no visit or diagnosis of the past.
#[must_use]
pub fn gather(records: Vec<Noted>, encounter: Option<&str>) -> History {
    let mut past = Past::default();
    let reports = Reports::of(&records);
    let taken_back = if records.iter().any(Noted::is_of_a_check) {
        TakenBack::of(&records, |report| reports.void.contains(report))
    } else {
        TakenBack::default()
    };
    let (of_checks, told): (Vec<_>, Vec<_>) =
        latest(records).into_iter().partition(Noted::is_of_a_check);
    for record in told {
        for note in record.notes {
            past.take(note, &record.encounter, &reports);
        }
    }
    past.index(&taken_back, !of_checks.is_empty());
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
    visits: Vec<Visit>,
    encounters: Encounters,
    diagnoses: Vec<(String, Diagnosis)>,
    allergies: Vec<Allergy>,
    /// The same, to be found.
    known_allergies: HashSet<Allergy>,
    labs: Vec<LabResult>,
    /// What records tell of lines, diagnoses and results, once all are taken, and took back.
    lines: Marks,
    diagnosed: Marks,
    tested: Results,
    gone: Gone,
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
            Note::Diagnosis(it) => self.take_diagnosis_of_check(it, encounter),
            Note::Allergies(found) => self.take_allergies(found),
            Note::Lab(it, _) if !self.tested.have(&it) && !self.gone.has_lab(&it) => {
                self.tested.add(&it);
                self.labs.push(it);
            }
            Note::Person(it) => self.weights.push((encounter.to_owned(), *it)),
            Note::Proposed(mut line, true) => {
                let places = self.encounters.places(encounter);
                if !self.lines.have_line(&places, &line) && !self.gone.has_line(&line, &places) {
                    Arc::make_mut(&mut line).mdtrt_id = Some(encounter.to_owned());
                    self.proposed.push(line);
                }
            }
            _ => {}
        }
    }

    fn take_diagnosis_of_check(&mut self, it: Diagnosis, encounter: &str) {
        let places = self.encounters.places(encounter);
        let is_known = self.diagnosed.have_diagnosis(&places, &it);
        if !is_known && !self.gone.has_diagnosis(&it, &places) {
            self.diagnosed.add_diagnosis(&mut self.encounters, encounter, &it);
            self.diagnoses.push((encounter.to_owned(), it));
        }
    }

    fn take_allergies(&mut self, found: Vec<Allergy>) {
        for allergy in found {
            if self.known_allergies.insert(allergy.clone()) {
                self.allergies.push(allergy);
            }
        }
    }

    /// Makes what records tell to be found, where somebody is going to ask for it.
    fn index(&mut self, taken_back: &TakenBack, checks_told: bool) {
        if !checks_told && self.sales.is_empty() {
            return;
        }
        let charges = self.charges.iter().map(|it| &it.line);
        for line in self.orders.iter().chain(charges) {
            if let Some(of) = &line.mdtrt_id {
                self.lines.add_line(&mut self.encounters, of, line);
            }
        }
        for (of, it) in &self.diagnoses {
            self.diagnosed.add_diagnosis(&mut self.encounters, of, it);
        }
        self.labs.iter().for_each(|it| self.tested.add(it));
        self.gone = taken_back.index(&mut self.encounters);
    }

    fn take_stay(&mut self, stay: Stay, names: Vec<String>) {
        let at = self.encounters.visit_of(names.iter()).unwrap_or(self.visits.len());
        let new = names.into_iter().filter(|it| self.encounters.call(at, it)).collect();
        let Some(known) = self.visits.get_mut(at) else {
            self.visits.push(Visit { stay, names: new });
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
        known.names.extend::<Vec<String>>(new);
    }

    fn seen_from(mut self, encounter: Option<&str>) -> History {
        let names = encounter.map(|it| self.names_of(it)).unwrap_or_default();
        let sales = self.sold_only();
        let orders = latest_orders(self.orders);
        let mut orders = charged::once(orders, self.charges);
        orders.extend(sales.into_iter().chain(self.proposed));
        orders.extend(not_known(self.firsts, &orders));
        for order in &mut orders {
            let Some(of) = &order.mdtrt_id else { continue };
            let called = if names.contains(of) {
                encounter
            } else {
                let visit = self.encounters.visit_of([of].into_iter());
                visit.and_then(|it| self.visits.get(it)?.stay.mdtrt_id.as_deref())
            };
            if let Some(called) = called.filter(|it| it != of) {
                Arc::make_mut(order).mdtrt_id = Some(called.to_owned());
            }
        }
        orders.sort_by_key(|it| it.begins);
        let visits = self.visits.into_iter();
        let others = visits.filter(|it| !it.names.iter().any(|name| names.contains(name)));
        let main = main_diagnoses(&self.diagnoses);
        let stays = others.map(|it| it.diagnosed(&main)).collect();
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
            self.lines.have_line(&self.encounters.places(encounter), it)
        };
        sales.into_iter().filter(|it| !is_told(it)).collect()
    }

    /// Everything that an encounter is called.
    fn names_of(&self, encounter: &str) -> HashSet<String> {
        let encounter = &encounter.to_owned();
        let of_visit = self.encounters.visit_of([encounter].into_iter());
        let of_visit = of_visit.and_then(|it| self.visits.get(it));
        let names = of_visit.into_iter().flat_map(|it| it.names.iter().cloned());
        names.chain([encounter.clone()]).collect()
    }
}

impl Visit {
    /// What the records of the visit found is more than what the one that began it expected.
    fn diagnosed(self, main: &HashMap<&str, (usize, &str)>) -> Stay {
        let found = self.names.iter().filter_map(|it| main.get(it.as_str())).min();
        let found = found.map(|(_, code)| (*code).to_owned());
        Stay { main_diagnosis: found.or(self.stay.main_diagnosis), ..self.stay }
    }
}

/// The first main diagnosis of each encounter, and where it stands.
fn main_diagnoses(diagnoses: &[(String, Diagnosis)]) -> HashMap<&str, (usize, &str)> {
    let mut main = HashMap::new();
    for (at, (of, it)) in diagnoses.iter().enumerate() {
        let is_made = !it.suspected && !it.excluded && it.main == Some(true);
        if let Some(code) = it.code.as_deref().filter(|_| is_made) {
            main.entry(of.as_str()).or_insert((at, code));
        }
    }
    main
}

fn of_these<T>(all: Vec<(String, T)>, names: &HashSet<String>) -> impl Iterator<Item = T> {
    all.into_iter().filter(|(of, _)| names.contains(of)).map(|(_, it)| it)
}

/// First uses of which neither the line nor one before it is still there.
fn not_known(firsts: Vec<Arc<Order>>, orders: &[Arc<Order>]) -> Vec<Arc<Order>> {
    if firsts.is_empty() {
        return firsts;
    }
    let item = |it: &Order| (it.hospital_code.clone(), it.national_code.clone(), it.name.clone());
    let mut earliest = HashMap::new();
    for order in orders {
        let begins = earliest.entry(item(order)).or_insert(order.begins);
        *begins = order.begins.min(*begins);
    }
    let mut new = firsts;
    new.retain(|first| {
        let known = earliest.entry(item(first));
        let is_new = match &known {
            Entry::Occupied(known) => *known.get() > first.begins,
            Entry::Vacant(_) => true,
        };
        known.and_modify(|it| *it = first.begins.min(*it)).or_insert(first.begins);
        is_new
    });
    new
}

/// The last order of each id and item in its encounter: the lines of one infusion share a number.
fn latest_orders(orders: Vec<Arc<Order>>) -> Vec<Arc<Order>> {
    let mut seen = HashSet::with_capacity(orders.len());
    let mut is_latest = |it: &Arc<Order>| {
        let of = (it.mdtrt_id.clone(), it.rx_id.clone(), it.hospital_code.clone());
        it.rx_id.is_empty() || seen.insert(of)
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
