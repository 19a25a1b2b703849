//! One encounter as a whole, as it stood at a moment: for the daily run over inpatients, and for the
//! audit after discharge. A check has a caller who sends the encounter; here the records tell it.
//!
//! What came later than the moment is not there. What was changed or voided since is, however: an
//! audit judges what is true, not what was thought. So are its diagnoses: one that says no day has the
//! day on which it was received, and nobody is to be accused of not having written it in time.

use std::collections::HashSet;

use jiff::civil::DateTime;

use super::gather::{gather, latest};
use super::{Care, Note, Noted, merge};
use crate::facts::{Diagnosis, Encounter, Facts, Group, Order, Patient, Prescriber, Stay, Surgery};

/// An encounter, and what an audit wants to know beside the facts.
#[derive(Debug, Clone, Default)]
pub struct AsOf {
    /// What is judged; the scene is for the caller to say.
    pub facts: Facts,
    /// Who is responsible and who pays.
    pub care: Care,
    /// When it was settled with the fund.
    pub settled: Option<DateTime>,
}

/// An encounter out of all records of its patient, in their order, as it stood at `until`. What it is
/// called by others is it, too.
#[must_use]
pub fn as_of(records: Vec<Noted>, encounter: &str, until: DateTime) -> AsOf {
    let names = names_of(&records, encounter);
    let mut records = latest(records);
    // An audit judges what was recorded, not what was asked about.
    records.retain(|it| !it.is_of_a_check());
    for record in &mut records {
        let is_of_this = names.contains(&record.encounter);
        record.notes.retain_mut(|note| {
            is_of_this && matches!(note, Note::Diagnosis(_)) || is_there(note, until)
        });
    }
    let mut seen = Seen::default();
    for record in &records {
        let is_of_this = names.contains(&record.encounter);
        record.notes.iter().for_each(|note| seen.take(note, is_of_this));
    }
    let kept = gather(records, Some(encounter));
    let mut told = seen.told(encounter);
    merge(&kept, None, &mut told.facts);
    told
}

/// Records as they stood at a moment: what came about later was not there.
#[must_use]
pub fn known_at(records: Vec<Noted>, until: DateTime) -> Vec<Noted> {
    let mut records = latest(records);
    // Of a check the day stays: without it what the check told would pass for what a record tells.
    records.retain(|it| it.asked().is_none_or(|day| day <= until.date()));
    for record in &mut records {
        record.notes.retain_mut(|note| is_there(note, until));
    }
    records
}

/// Everything that an encounter is called by these records.
#[must_use]
pub fn names_of(records: &[Noted], encounter: &str) -> HashSet<String> {
    let mut names = HashSet::from([encounter.to_owned()]);
    let stays = records.iter().flat_map(|record| {
        let stays = record.notes.iter().filter_map(|note| match note {
            Note::Stay(_, also) => Some(also),
            _ => None,
        });
        stays.map(|also| (&record.encounter, also))
    });
    // Nobody's encounter has more than a handful of names; a second pass finds those of the others.
    let stays: Vec<_> = stays.collect();
    for _ in 0..2 {
        for (lane, also) in &stays {
            if names.contains(*lane) || also.iter().any(|it| names.contains(it)) {
                names.extend(also.iter().cloned().chain([(*lane).clone()]));
            }
        }
    }
    names
}

/// Whether something was there at the moment; what began before and ended later goes on.
fn is_there(note: &mut Note, until: DateTime) -> bool {
    let by_then = |at: Option<DateTime>| at.is_none_or(|at| at <= until);
    match note {
        Note::Order(line)
        | Note::Charge(line, _)
        | Note::First(line)
        | Note::Sale(line)
        | Note::Proposed(line, _) => by_then(line.begins),
        Note::Stay(stay, _) => {
            stay.ended = stay.ended.filter(|ended| *ended <= until);
            by_then(stay.began)
        }
        Note::Diagnosis(it) => it.made.is_none_or(|made| made <= until.date()),
        Note::Lab(it, _) => by_then(it.reported),
        Note::Report(_, made) => *made <= until,
        Note::Surgery(it) => by_then(it.began),
        Note::Settled(at) => *at <= until,
        Note::Allergies(_)
        | Note::Void
        | Note::VoidReport(_)
        | Note::Person(_)
        | Note::Care(_)
        | Note::Asked(_) => true,
    }
}

/// What the records of the encounter say, and what those of the patient say of the person.
#[derive(Default)]
struct Seen {
    patient: Patient,
    stay: Stay,
    care: Care,
    orders: Vec<Order>,
    fees: Vec<Order>,
    diagnoses: Vec<Diagnosis>,
    surgeries: Vec<Surgery>,
    settled: Option<DateTime>,
}

impl Seen {
    fn take(&mut self, note: &Note, is_of_this: bool) {
        match note {
            Note::Person(it) => {
                self.patient.sex = it.sex.or(self.patient.sex);
                self.patient.birth = it.birth.or(self.patient.birth);
            }
            _ if !is_of_this => {}
            Note::Order(line) => self.orders.push(Order { current: true, ..(**line).clone() }),
            Note::Charge(line, _) => self.fees.push((**line).clone()),
            Note::Stay(stay, _) => self.take_stay(stay),
            Note::Care(it) => self.take_care(it),
            Note::Diagnosis(it) => self.diagnoses.push(it.clone()),
            Note::Surgery(it) => self.surgeries.push((**it).clone()),
            Note::Settled(at) => self.settled = Some(*at),
            _ => {}
        }
    }

    fn take_stay(&mut self, it: &Stay) {
        let known = &mut self.stay;
        known.visit = it.visit.or(known.visit);
        known.began = it.began.or(known.began);
        known.ended = it.ended.or(known.ended);
        known.planned_course = it.planned_course.or(known.planned_course);
        if it.department_code.is_some() {
            known.department_code.clone_from(&it.department_code);
        }
        if it.main_diagnosis.is_some() {
            known.main_diagnosis.clone_from(&it.main_diagnosis);
        }
    }

    fn take_care(&mut self, it: &Care) {
        let known = std::mem::take(&mut self.care);
        let it = it.clone();
        self.care = Care {
            doctor_code: it.doctor_code.or(known.doctor_code),
            insutype: it.insutype.or(known.insutype),
            department_name: it.department_name.or(known.department_name),
        };
    }

    fn told(mut self, encounter: &str) -> AsOf {
        self.diagnose();
        self.undate_diagnoses();
        let of_doctor = |code: &String| Prescriber {
            code: Some(code.clone()),
            department_code: self.stay.department_code.clone(),
            ..Prescriber::default()
        };
        let facts = Facts {
            prescriber: self
                .care
                .doctor_code
                .as_ref()
                .map_or(Group::Absent, |it| Group::Present(of_doctor(it))),
            encounter: Group::Present(Encounter {
                mdtrt_id: Some(encounter.to_owned()),
                visit: self.stay.visit,
                department_code: self.stay.department_code.clone(),
                department_name: self.care.department_name.clone(),
                began: self.stay.began,
                ended: self.stay.ended,
                insutype: self.care.insutype.clone(),
                planned_course: self.stay.planned_course,
                ..Encounter::default()
            }),
            patient: Group::Present(self.patient),
            orders: present(self.orders),
            fees: present(self.fees),
            diagnoses: present(self.diagnoses),
            surgeries: present(self.surgeries),
            ..Facts::default()
        };
        AsOf { facts, care: self.care, settled: self.settled }
    }

    /// A stay whose diagnoses were not sent one by one has the one that its own record names.
    fn diagnose(&mut self) {
        let Some(code) = self.stay.main_diagnosis.clone() else { return };
        if self.diagnoses.iter().any(|it| it.main == Some(true)) {
            return;
        }
        let is_known = |it: &&mut Diagnosis| it.code.as_ref() == Some(&code);
        match self.diagnoses.iter_mut().find(is_known) {
            Some(known) => known.main = Some(true),
            None => self.diagnoses.push(Diagnosis {
                code: Some(code),
                main: Some(true),
                ..Diagnosis::default()
            }),
        }
    }

    /// What says a day after the end says when it was received, and not that something new was found.
    fn undate_diagnoses(&mut self) {
        let Some(ended) = self.stay.ended.map(DateTime::date) else { return };
        for it in &mut self.diagnoses {
            it.made = it.made.filter(|made| *made <= ended);
        }
    }
}

/// What no record told of was not asked.
fn present<T>(found: Vec<T>) -> Group<Vec<T>> {
    if found.is_empty() { Group::Absent } else { Group::Present(found) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::past::{notes_of, who_is_it_about};

    const ADMISSION: &str = r#"inpatient_admission A {"ipt_no":"ZY1","gend":"2","brdy":"19680315","begntime":"20260501080000",
        "adm_dept_codg":"03","adm_dept_name":"心内科","atddr_no":"2046","adm_diag_code":"I10"}"#;
    const ORDER: &str = r#"inpatient_order O {"mdtrt_sn":"ZY1","medcas_drord_detl_id":"1","drord_detl_code":"YP1",
        "medc_begntime":"20260502090000","medc_endtime":"20260504090000","isu_drord_dr_code":"2047","vali_flag":"1"}"#;
    const FEE: &str = r#"fee_detail_inpatient F {"ipt_no":"ZY1","feedetl_sn":"11","medins_list_codg":"YP1","cnt":2,
        "det_item_fee_sumamt":10.50,"fee_ocur_time":"20260503090000","drord_no":"1","bilg_dr_codg":"2048"}"#;
    const BEFORE: &str = r#"fee_detail_outpatient G {"mdtrt_id":"MZ1","feedetl_sn":"7","medins_list_codg":"YP9","cnt":1,
        "fee_ocur_time":"20260401090000"}"#;
    const DISCHARGE: &str =
        r#"inpatient_discharge D {"mdtrt_id":"H1","ipt_no":"ZY1","endtime":"20260505100000"}"#;
    const SETTLED: &str =
        r#"settlement S {"mdtrt_id":"H1","setl_time":"20260505110000","insutype":"310"}"#;

    #[test]
    fn a_stay_grows_day_by_day() {
        let all = [ADMISSION, ORDER, FEE, BEFORE, DISCHARGE, SETTLED];
        let stay = "stay from 1 dept 03 by 2046 I10 女";
        let (order, fee) = ("order YP1 by 2047", "fee YP1 by 2048");
        check(&all[..4], "20260501", &format!("{stay}; past YP9"));
        check(&all[..4], "20260502", &format!("{stay} {order}; past YP9"));
        check(&all[..4], "20260503", &format!("{stay} {order} {fee}; past YP9"));
        let end = "ended 5 paid by 310 settled 5";
        check(&all, "20260504", &format!("{stay} {order} {fee} paid by 310; past YP9"));
        check(&all, "20260505", &format!("{stay} {order} {fee} {end}; past YP9"));
    }

    #[test]
    fn what_was_voided_since_was_never_there() {
        let void = ORDER.replace(r#""vali_flag":"1""#, r#""vali_flag":"0""#);
        check(&[ADMISSION, ORDER, &void], "20260503", "stay from 1 dept 03 by 2046 I10 女; past");
    }

    /// As the door would fold them, each under the encounter that it names.
    #[track_caller]
    fn check(records: &[&str], day: &str, expected: &str) {
        let noted = records.iter().map(|it| {
            let mut words = it.splitn(3, ' ');
            let (entity, key) = (words.next().unwrap(), words.next().unwrap());
            let elements = serde_json::from_str(words.next().unwrap()).unwrap();
            let received = "2026-05-09T00:00:00".parse().unwrap();
            let encounter = who_is_it_about(&elements).encounters.remove(0);
            let identity = u64::from(key.as_bytes().first().copied().unwrap());
            Noted { identity, encounter, notes: notes_of(entity, &elements, received) }
        });
        let until = DateTime::strptime("%Y%m%d%H%M%S", format!("{day}235959")).unwrap();
        assert_eq!(told(&as_of(noted.collect(), "ZY1", until)), expected);
    }

    fn told(it: &AsOf) -> String {
        let facts = &it.facts;
        let encounter = facts.encounter.present().unwrap();
        let mut out = format!("stay from {}", encounter.began.unwrap().day());
        let mut say = |word: &str, text: Option<String>| {
            if let Some(text) = text {
                out = format!("{out} {word}{text}");
            }
        };
        say("dept ", encounter.department_code.clone());
        say("by ", it.care.doctor_code.clone());
        let diagnoses = facts.diagnoses.present().into_iter().flatten();
        diagnoses.for_each(|it| say("", it.code.clone()));
        say("", facts.patient.present().unwrap().sex.map(|it| it.zh().to_owned()));
        for (word, list) in [("order", &facts.orders), ("fee", &facts.fees)] {
            for line in list.present().into_iter().flatten() {
                say(&format!("{word} "), line.hospital_code.clone());
                say("by ", line.doctor_code.clone());
            }
        }
        say("ended ", encounter.ended.map(|it| it.day().to_string()));
        say("paid by ", it.care.insutype.clone());
        say("settled ", it.settled.map(|it| it.day().to_string()));
        let past = facts.history.present().unwrap().orders.iter();
        let past: Vec<String> = past.filter_map(|it| it.hospital_code.clone()).collect();
        format!("{out}; past {}", past.join(" ")).trim_end().to_owned()
    }
}
