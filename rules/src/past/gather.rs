//! Makes the history of a patient out of what was noted, in the order in which it was noted.
//!
//! - A record that came again, with the same identity, stands in place of the earlier one; a void
//!   takes it back. So does an order with the id of an earlier one in its encounter.
//! - What is known of one visit or stay from several records is one [`Stay`]; the diagnosis that its
//!   own records mark is its main one, and its lines name it as it names itself.
//! - A charge and the order that it charges for are one use: see [`charged`](super::charged).
//! - A laboratory result has the day of its report; when that is void, it is gone.

use std::collections::{HashMap, HashSet};

use jiff::civil::DateTime;

use super::charged::{self, Charge};
use super::{Note, Noted};
use crate::facts::{Allergy, Diagnosis, History, LabResult, Order, Stay};

/// The history that these records tell, as it is seen from an encounter: what belongs to it is
/// named as the caller names it, and is no visit or diagnosis of the past.
#[must_use]
pub fn gather(records: Vec<Noted>, encounter: Option<&str>) -> History {
    let mut past = Past::default();
    let reports = Reports::of(&records);
    for record in latest(records) {
        for note in record.notes {
            past.take(note, &record.encounter, &reports);
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
    orders: Vec<Order>,
    charges: Vec<Charge>,
    firsts: Vec<Order>,
    visits: Vec<Visit>,
    diagnoses: Vec<(String, Diagnosis)>,
    allergies: Vec<Allergy>,
    labs: Vec<LabResult>,
}

/// A visit or stay, and everything that it is called.
struct Visit {
    stay: Stay,
    names: Vec<String>,
}

impl Past {
    fn take(&mut self, note: Note, encounter: &str, reports: &Reports) {
        match note {
            Note::Order(mut order) => {
                order.mdtrt_id.get_or_insert_with(|| encounter.to_owned());
                self.orders.push(*order);
            }
            Note::Charge(mut line, charges_for) => {
                line.mdtrt_id.get_or_insert_with(|| encounter.to_owned());
                self.charges.push(Charge { line: *line, charges_for });
            }
            Note::First(line) => self.firsts.push(*line),
            Note::Stay(stay, mut names) => {
                names.push(encounter.to_owned());
                self.take_stay(*stay, names);
            }
            Note::Diagnosis(found) => self.diagnoses.push((encounter.to_owned(), found)),
            Note::Allergies(found) => {
                for allergy in found {
                    if !self.allergies.contains(&allergy) {
                        self.allergies.push(allergy);
                    }
                }
            }
            Note::Lab(mut result, report) => {
                if report.as_ref().is_some_and(|it| reports.void.contains(it)) {
                    return;
                }
                let made = report.and_then(|it| reports.made.get(&it).copied());
                result.reported = made.or(result.reported);
                self.labs.push(result);
            }
            // The first four are for whoever judges an encounter as a whole; see `as_of`.
            Note::Person(_)
            | Note::Care(_)
            | Note::Surgery(_)
            | Note::Settled(_)
            | Note::Report(..)
            | Note::VoidReport(_)
            | Note::Void => {}
        }
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

    fn seen_from(self, encounter: Option<&str>) -> History {
        let names = encounter.map(|it| self.names_of(it)).unwrap_or_default();
        let orders = latest_orders(self.orders);
        let mut orders = charged::once(orders, self.charges);
        for first in self.firsts {
            if !is_known(&first, &orders) {
                orders.push(first);
            }
        }
        for order in &mut orders {
            let Some(of) = &order.mdtrt_id else { continue };
            if names.contains(of) {
                order.mdtrt_id = encounter.map(str::to_owned);
            } else if let Some(id) = name_of(&self.visits, of) {
                order.mdtrt_id = Some(id.to_owned());
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
        }
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

/// Whether the line of a first use, or one before it, is still there.
fn is_known(first: &Order, orders: &[Order]) -> bool {
    let item = |it: &Order| (it.hospital_code.clone(), it.national_code.clone(), it.name.clone());
    orders.iter().any(|it| it.begins <= first.begins && item(it) == item(first))
}

/// The last order of each id in its encounter.
fn latest_orders(orders: Vec<Order>) -> Vec<Order> {
    let id = |order: &Order| (order.mdtrt_id.clone(), order.rx_id.clone());
    let mut seen = HashSet::with_capacity(orders.len());
    let mut latest: Vec<Order> =
        orders.into_iter().rev().filter(|it| it.rx_id.is_empty() || seen.insert(id(it))).collect();
    latest.reverse();
    latest
}
