//! A check that came in other words, restated as a 3101 or 3102 for the insurer's own review.
//!
//! What the interface demands is data: the elements of its entities in the profile in force. A value
//! is taken from the check under its own name, or under the name that the same fact has in records;
//! what the hospital states of itself stands in for the rest. Nothing is made up: where something
//! that is demanded is missing, there is no request, and the missing elements are told by name.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use rust_decimal::Decimal;
use schemas::{Catalog, DataElement, Entity, Format, Required};
use serde_json::Value;

use super::nodes;
use crate::facts::{Encounter, Facts, Order, Scene, VisitKind};
use crate::from_records::Said;
use crate::json::Json;
use crate::number::decimal;
use crate::reading::moment_of;
use crate::write::Writer;

/// The check, as it came.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// The canonical request.
    Canonical(&'a str),
    /// What a channel's mapping made of the HIS's own words: entity and elements.
    Records(&'a [(String, Value)]),
}

/// Who sends it, and when.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The institution's code at the insurer.
    pub org: &'a str,
    /// Its name.
    pub org_name: &'a str,
    /// The number of the message.
    pub msgid: &'a str,
    /// The time of the message.
    pub now: DateTime,
    /// What the hospital states of itself, by the names of the interface.
    pub stated: &'a BTreeMap<String, String>,
}

/// A request that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restated {
    /// 3101 or 3102.
    pub infno: &'static str,
    /// The message.
    pub text: String,
}

/// The request, or the Chinese names of what it lacks.
pub fn restate(
    source: Source<'_>,
    facts: &Facts,
    catalog: &Catalog,
    sender: &Sender<'_>,
) -> Result<Restated, Vec<String>> {
    let parsed = match source {
        Source::Canonical(text) => Json::parse(text).unwrap_or(Json::Null),
        Source::Records(_) => Json::Null,
    };
    let parts = match source {
        Source::Canonical(_) => Parts::of_request(&parsed),
        Source::Records(records) => Parts::of_records(records),
    };
    let mut work = Work { facts, catalog, sender, parts, lacking: Vec::new() };
    let text = work.message();
    if work.lacking.is_empty() {
        Ok(Restated { infno: work.infno(), text })
    } else {
        Err(work.lacking)
    }
}

/// The objects in which values are looked for.
#[derive(Default)]
struct Parts<'a> {
    patient: Option<Json<'a>>,
    encounter: Option<Json<'a>>,
    prescriber: Option<Json<'a>>,
    diagnoses: Vec<Json<'a>>,
    orders: Vec<Json<'a>>,
}

impl<'a> Parts<'a> {
    fn of_request(json: &'a Json<'a>) -> Parts<'a> {
        let one = |name: &str| json.get(name).cloned();
        let many = |name: &str| json.get(name).map(|it| it.as_items().to_vec()).unwrap_or_default();
        Parts {
            patient: one("patient"),
            encounter: one("encounter"),
            prescriber: one("prescriber"),
            diagnoses: many("diagnoses"),
            orders: many("orders"),
        }
    }

    /// The same records that the facts were read from, in the same order.
    fn of_records(records: &'a [(String, Value)]) -> Parts<'a> {
        let mut parts = Parts::default();
        for (entity, elements) in records {
            let json = Json::from_value(elements);
            if nodes::text(&json, "vali_flag") == Some("0") {
                continue;
            }
            match Said::by(entity) {
                Some(Said::Visit | Said::Stay) => {
                    parts.patient = Some(json.clone());
                    parts.encounter = Some(json);
                }
                Some(Said::Diagnosis) => parts.diagnoses.push(json),
                Some(Said::Prescription | Said::WardOrder) => parts.orders.push(json),
                None => {}
            }
        }
        parts
    }
}

struct Work<'a> {
    facts: &'a Facts,
    catalog: &'a Catalog,
    sender: &'a Sender<'a>,
    parts: Parts<'a>,
    /// What is demanded and missing, each once.
    lacking: Vec<String>,
}

/// Name and value, in the order of the interface.
type Members = Vec<(String, String)>;

impl Work<'_> {
    fn message(&mut self) -> String {
        let envelope = self.envelope();
        let patient = self.members("fsi_patient", Work::of_patient);
        let encounter = self.members("fsi_encounter", Work::of_encounter);
        let diagnoses: Vec<Members> = (0..self.parts.diagnoses.len())
            .map(|at| self.members("fsi_diagnose", |work, name| work.of_diagnosis(at, name)))
            .collect();
        let orders: Vec<Members> = (0..self.parts.orders.len())
            .map(|at| self.members("fsi_order", |work, name| work.of_order(at, name)))
            .collect();
        let encounter = Writer::object(|writer| {
            write(writer, &encounter);
            writer.objects("fsi_diagnose_dtos", &diagnoses, write);
            writer.objects("fsi_order_dtos", &orders, write);
            writer.raw("fsi_operation_dtos", "[]");
        });
        let patient = Writer::object(|writer| {
            write(writer, &patient);
            writer.raw("fsi_encounter_dtos", format!("[{encounter}]"));
        });
        let data = Writer::object(|writer| {
            writer.raw("patient_dtos", format!("[{patient}]"));
            writer.text("trig_scen", &self.scenario());
        });
        Writer::object(|writer| {
            write(writer, &envelope);
            writer.raw("input", format!("{{\"data\":{data}}}"));
        })
    }

    fn envelope(&mut self) -> Members {
        let mut envelope = Members::new();
        for (name, zh_name) in ENVELOPE {
            match self.of_envelope(name).or_else(|| self.stated(name)) {
                Some(value) => envelope.push((name.to_owned(), value)),
                None if zh_name.is_empty() => envelope.push((name.to_owned(), String::new())),
                None => self.lacks(zh_name),
            }
        }
        envelope
    }

    fn of_envelope(&self, name: &str) -> Option<String> {
        let facts = self.facts;
        match name {
            "infno" => Some(self.infno().to_owned()),
            "msgid" => Some(self.sender.msgid.to_owned()),
            "inf_time" => Some(written(self.sender.now)),
            "fixmedins_code" => Some(self.sender.org.to_owned()),
            "fixmedins_name" => Some(self.sender.org_name.to_owned()),
            "insuplc_admdvs" => facts.encounter.present()?.insurance_region.clone(),
            "opter" => facts.prescriber.present()?.code.clone(),
            "opter_name" => self.of_doctor(self.of_envelope("opter")?.as_str(), "drord_dr_name"),
            _ => None,
        }
    }

    /// The elements of an entity; what is demanded and missing is noted.
    fn members(&mut self, entity: &str, find: impl Fn(&Self, &str) -> Option<String>) -> Members {
        let catalog = self.catalog;
        let elements = catalog.entity(entity).map(Entity::elements).unwrap_or_default();
        let mut members = Members::new();
        for element in elements.iter().filter(|it| *it.format() != Format::Node) {
            let found = find(self, element.name()).or_else(|| self.stated(element.name()));
            match found.and_then(|it| on_the_wire(element, it)) {
                Some(value) => members.push((element.name().to_owned(), value)),
                None if element.required() == Required::Yes => self.lacks(element.zh_name()),
                None => {}
            }
        }
        members
    }

    fn of_patient(&self, name: &str) -> Option<String> {
        let told = || told(&[self.parts.patient.as_ref()], name);
        match name {
            "curr_mdtrt_id" => self.encounter()?.mdtrt_id.clone(),
            "patn_id" => self.facts.patient.present()?.patn_id.clone(),
            "poolarea" => told().or_else(|| self.encounter()?.insurance_region.clone()),
            _ => told(),
        }
    }

    fn of_encounter(&self, name: &str) -> Option<String> {
        let told = || told(&[self.parts.encounter.as_ref()], name);
        let encounter = self.encounter()?;
        let is_stay = encounter.visit == Some(VisitKind::Inpatient);
        match name {
            "mdtrt_id" => encounter.mdtrt_id.clone(),
            "medins_id" => Some(self.sender.org.to_owned()),
            "medins_name" => Some(self.sender.org_name.to_owned()),
            "adm_date" => encounter.began.map(written).or_else(told),
            // Callers of outpatients repeat the day on which the visit began.
            "dscg_date" => match encounter.ended {
                Some(ended) => Some(written(ended)),
                None if is_stay => told(),
                None => self.of_encounter("adm_date"),
            },
            "dscg_dept_codg" => told().or_else(|| self.still_in("adm_dept_codg")),
            "dscg_dept_name" => told().or_else(|| self.still_in("adm_dept_name")),
            "dscg_main_dise_codg" => told().or_else(|| self.of_main("dise_codg")),
            "dscg_main_dise_name" => told().or_else(|| self.of_main("dise_name")),
            "dr_codg" => told().or_else(|| self.facts.prescriber.present()?.code.clone()),
            "med_mdtrt_type" => told().or_else(|| Some(visit(encounter.visit?).to_owned())),
            "medfee_sumamt" => told().or_else(|| self.sum("sumamt")),
            "ownpay_amt" | "selfpay_amt" => told().or_else(|| self.sum(name)),
            _ => told(),
        }
    }

    /// Code or name of the department that admitted, where nothing is said of another that discharges.
    fn still_in(&self, name: &str) -> Option<String> {
        let said =
            |names: [&str; 2]| names.map(|name| told(&[self.parts.encounter.as_ref()], name));
        let left = said(["dscg_dept_codg", "dscg_dept_name"]);
        let is_another = left.iter().any(Option::is_some)
            && !agree(left.iter().zip(&said(["adm_dept_codg", "adm_dept_name"])));
        if is_another { None } else { self.of_encounter(name) }
    }

    fn of_diagnosis(&self, at: usize, name: &str) -> Option<String> {
        let told = || told(&[self.parts.diagnoses.get(at)], name);
        let is_there = || self.encounter().is_some_and(|it| it.ended.is_none());
        match name {
            "dise_id" => told().or_else(|| self.of_diagnosis(at, "dise_codg")),
            "dias_srt_no" => told().or_else(|| Some((at + 1).to_string())),
            "maindise_flag" => told().or_else(|| Some("0".to_owned()).filter(|_| at > 0)),
            // Before anybody is discharged there is no diagnosis of a discharge.
            "inout_dise_type" => told().or_else(|| is_there().then(|| "1".to_owned())),
            _ => told(),
        }
    }

    /// The line's own id is the one that findings come back with.
    fn of_order(&self, at: usize, name: &str) -> Option<String> {
        let order = self.facts.orders.present()?.get(at)?;
        let told = || told(&[self.parts.orders.get(at)], name);
        match name {
            "rx_id" => Some(order.rx_id.clone()),
            "curr_drord_flag" => Some(if order.current { "1" } else { "0" }.to_owned()),
            "drord_begn_date" => order.begins.map(written).or_else(told),
            "drord_stop_date" => stop_of(order).map(written),
            "drord_dr_codg" => self.doctor_of(at),
            _ if DEPARTMENT.contains(&name) => self.department_of(at, name),
            _ if name.starts_with("drord_dr_") => self.of_doctor(&self.doctor_of(at)?, name),
            _ => told(),
        }
    }

    /// Where a line was ordered: what it names itself, else what is named once for all lines. Half of the
    /// name is made whole only by whoever speaks of the same department: no code stands beside the name of
    /// another, nor beside the name of whoever was charged or admitted in the same part.
    fn department_of(&self, at: usize, name: &str) -> Option<String> {
        let mut departments = self.spoken_of(at).flat_map(departments_in);
        let half = |of: Department| of.into_iter().zip(DEPARTMENT).find(|it| it.1 == name)?.0;
        let first = departments.next()?;
        let same = |other: Department| agree(first.iter().zip(&other)).then_some(other);
        half(first.clone()).or_else(|| departments.filter_map(same).find_map(half))
    }

    /// The parts that speak of a line, its own first.
    fn spoken_of(&self, at: usize) -> impl Iterator<Item = &Json<'_>> {
        let of_all = self.parts.prescriber.iter().chain(&self.parts.encounter);
        self.parts.orders.get(at).into_iter().chain(of_all)
    }

    /// Who ordered a line: whom it names itself, else whom the check names for all lines.
    fn doctor_of(&self, at: usize) -> Option<String> {
        let named = self.spoken_of(at).find_map(doctor_in);
        named.map(str::to_owned).or_else(|| self.facts.prescriber.present()?.code.clone())
    }

    /// Name and title stand beside the code in one part of the check: no doctor is called by what is said
    /// of another.
    fn of_doctor(&self, code: &str, name: &str) -> Option<String> {
        let of_all = self.parts.prescriber.iter().chain(&self.parts.encounter);
        let mut parts =
            self.parts.orders.iter().chain(of_all).filter(|it| doctor_in(it) == Some(code));
        parts.find_map(|it| told(&[Some(it)], name))
    }

    fn of_main(&self, name: &str) -> Option<String> {
        let all = self.facts.diagnoses.present()?;
        let main = all.iter().position(|it| it.main == Some(true));
        self.of_diagnosis(main.or_else(|| (all.len() == 1).then_some(0))?, name)
    }

    /// The sum over the lines, where every line says its part.
    fn sum(&self, name: &str) -> Option<String> {
        let lines = 0..self.parts.orders.len();
        let parts = lines.map(|at| self.of_order(at, name).as_deref().and_then(decimal));
        let parts: Option<Vec<Decimal>> = parts.collect();
        Some(parts?.into_iter().fold(Decimal::ZERO, Decimal::saturating_add).to_string())
    }

    fn encounter(&self) -> Option<&Encounter> {
        self.facts.encounter.present()
    }

    fn stated(&self, name: &str) -> Option<String> {
        self.sender.stated.get(name).cloned()
    }

    fn lacks(&mut self, zh_name: &str) {
        if self.lacking.iter().all(|it| it != zh_name) {
            self.lacking.push(zh_name.to_owned());
        }
    }

    fn infno(&self) -> &'static str {
        match self.facts.scene() {
            Some(Scene::PreSettlement | Scene::Settlement) => "3102",
            _ => "3101",
        }
    }

    fn scenario(&self) -> String {
        let is_stay = self.encounter().is_some_and(|it| it.visit == Some(VisitKind::Inpatient));
        let usual = match (self.facts.scene(), is_stay) {
            (Some(Scene::Settlement), false) => "6",
            (Some(Scene::PreSettlement), false) => "7",
            (Some(Scene::Settlement), true) => "8",
            (Some(Scene::PreSettlement), true) => "9",
            (_, false) => "2",
            (_, true) => "5",
        };
        self.stated("trig_scen").unwrap_or_else(|| usual.to_owned())
    }
}

/// Under its own name, else under one that the same fact has elsewhere.
fn told(parts: &[Option<&Json<'_>>], name: &str) -> Option<String> {
    let also = ALSO.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, also)| also);
    let names = std::iter::once(name).chain(also.iter().copied());
    let mut found = names
        .flat_map(|name| parts.iter().flatten().filter_map(move |part| nodes::text(part, name)));
    found.next().map(str::to_owned)
}

/// The code of the doctor whom a part names.
fn doctor_in<'a>(part: &'a Json<'_>) -> Option<&'a str> {
    DOCTOR.iter().find_map(|name| nodes::text(part, name))
}

/// Code and name of a department, as far as they are said.
type Department = [Option<String>; 2];

/// The departments that a part names, whoever ordered first.
fn departments_in(part: &Json<'_>) -> impl Iterator<Item = Department> {
    let said = DEPARTMENTS.map(|names| names.map(|it| nodes::text(part, it).map(str::to_owned)));
    said.into_iter().filter(|it| it.iter().any(Option::is_some))
}

/// Whether two say the same wherever both say something, and there is something.
fn agree<'a>(halves: impl Iterator<Item = (&'a Option<String>, &'a Option<String>)>) -> bool {
    let mut both = halves.filter_map(|(one, other)| one.as_ref().zip(other.as_ref()));
    both.next().is_some_and(|(one, other)| one == other) && both.all(|(one, other)| one == other)
}

/// When it ends; what ends before it begins ends at no time that anybody knows.
fn stop_of(order: &Order) -> Option<DateTime> {
    let is_end = |stop: &DateTime| order.begins.is_none_or(|it| it <= *stop);
    order.stops.filter(is_end)
}

/// Days and moments with their dashes; a moment that cannot be read is not sent on.
fn on_the_wire(element: &DataElement, value: String) -> Option<String> {
    match element.format() {
        Format::Date => moment_of(&value).map(|it| it.date().to_string()),
        Format::DateTime => moment_of(&value).map(written),
        _ => Some(value),
    }
}

fn written(moment: DateTime) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn visit(kind: VisitKind) -> &'static str {
    match kind {
        VisitKind::Outpatient | VisitKind::Emergency | VisitKind::Internet => "1",
        VisitKind::Inpatient => "2",
        VisitKind::Pharmacy => "3",
    }
}

fn write(writer: &mut Writer, members: &Members) {
    for (name, value) in members {
        writer.text(name, value);
    }
}

/// The envelope; those with a Chinese name are demanded.
const ENVELOPE: [(&str, &str); 17] = [
    ("infno", "交易编号"),
    ("msgid", "发送方报文ID"),
    ("mdtrtarea_admvs", "就医地医保区划"),
    ("insuplc_admdvs", ""),
    ("recer_sys_code", "接收方系统代码"),
    ("dev_no", ""),
    ("dev_safe_info", ""),
    ("cainfo", ""),
    ("signtype", ""),
    ("infver", "接口版本号"),
    ("opter_type", "经办人类别"),
    ("opter", "经办人"),
    ("opter_name", "经办人姓名"),
    ("inf_time", "交易时间"),
    ("fixmedins_code", "定点医药机构编号"),
    ("fixmedins_name", "定点医药机构名称"),
    ("sign_no", ""),
];

/// The names that one fact has in canonical requests and in records, beside the interface's own.
const ALSO: [(&str, &[&str]); 21] = [
    ("patn_name", &["psn_name"]),
    ("poolarea", &["insuplc_admdvs"]),
    ("adm_date", &["begntime"]),
    ("adm_dept_codg", &["dept_code"]),
    ("adm_dept_name", &["dept_name"]),
    ("dr_codg", &["atddr_no"]),
    ("dise_codg", &["diag_code"]),
    ("dise_name", &["diag_name"]),
    ("maindise_flag", &["maindiag_flag"]),
    ("dias_srt_no", &["diag_srt_no"]),
    ("dise_date", &["diag_time"]),
    ("hilist_name", &["hosplist_name", "rx_detl_name", "drord_detl_name"]),
    ("hosplist_code", &["rx_detl_id", "drord_detl_code"]),
    ("hosplist_name", &["rx_detl_name", "drord_detl_name", "hilist_name"]),
    ("sumamt", &["det_item_fee_sumamt"]),
    ("spec", &["drug_spec"]),
    ("cnt", &["dismed_cnt"]),
    ("spec_unt", &["cnt_unt", "dismed_cnt_unt"]),
    ("drord_begn_date", &["medc_begntime", "rx_prsc_time"]),
    ("drord_dr_name", &["prsc_dr_name", "isu_drord_dr_name", "dr_name"]),
    ("hilist_dosform", &["drug_dosform_name"]),
];

/// The elements that name a doctor, by code.
const DOCTOR: [&str; 4] = ["drord_dr_codg", "prsc_dr_code", "isu_drord_dr_code", "atddr_no"];

/// Where something was ordered.
const DEPARTMENT: [&str; 2] = ["drord_dept_codg", "drord_dept_name"];

/// The elements that name a department, code and name of one beside each other.
const DEPARTMENTS: [[&str; 2]; 6] = [
    DEPARTMENT,
    ["prsc_dept_code", "prsc_dept_name"],
    ["isu_dept_code", "isu_dept_name"],
    ["bilg_dept_codg", "bilg_dept_name"],
    ["adm_dept_codg", "adm_dept_name"],
    ["dept_code", "dept_name"],
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
