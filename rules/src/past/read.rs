//! Reads the records that say something about a patient's past.

use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;
use serde_json::Value;

use super::measured::measured;
use super::{Care, Named, Note};
use crate::facts::{
    Allergy, Diagnosis, Encounter, Group, LabResult, Order, Patient, Stay, VisitKind,
};
use crate::from_records;
use crate::groups;
use crate::json::Json;
use crate::reading::{Object, Reading};
use crate::vocabulary;

/// Whom a record is about, as far as it says so itself.
#[must_use]
pub fn who_is_it_about(elements: &Value) -> Named {
    let text = |name: &str| {
        let text = elements.get(name)?.as_str()?.trim();
        is_an_id(text).then(|| text.to_owned())
    };
    let mut encounters: Vec<String> = ENCOUNTER.iter().filter_map(|name| text(name)).collect();
    encounters.dedup();
    Named {
        patn_id: text("patn_id"),
        psn_no: text("psn_no"),
        medrcdno: text("medrcdno"),
        encounters,
    }
}

/// Whom a caller means who names a patient by one id, and does not say who gave it.
#[must_use]
pub fn named_by(id: &str) -> Named {
    let id = Some(id.trim()).filter(|it| is_an_id(it)).map(str::to_owned);
    Named { patn_id: id.clone(), psn_no: id.clone(), medrcdno: id, encounters: Vec::new() }
}

/// What a record says of the past; nothing for entities that say nothing of it. `received` dates
/// what has no day of its own.
#[must_use]
pub fn notes_of(entity: &str, elements: &Value, received: DateTime) -> Vec<Note> {
    if !ENTITIES.contains(&entity) {
        return Vec::new();
    }
    let json = Json::from_value(elements);
    let object = Object { path: String::new(), json: &json };
    let mut reading = Reading::lenient();
    if !is_void(&object, &mut reading) {
        return said(entity, &object, received, &mut reading);
    }
    let report = reading.text(&object, "rpotc_no").filter(|_| entity == "lab_report");
    vec![report.map_or(Note::Void, Note::VoidReport)]
}

/// Whether records of an entity say anything of the past.
#[must_use]
pub fn is_told_by(entity: &str) -> bool {
    ENTITIES.contains(&entity)
}

fn said(entity: &str, object: &Object<'_>, received: DateTime, reading: &mut Reading) -> Vec<Note> {
    match entity {
        "outpatient_prescription" => {
            let doctor_code = reading.text(object, "prsc_dr_code");
            let department_code = reading.text(object, "prsc_dept_code");
            let line = from_records::order(object, 0, reading);
            vec![order(Order { department_code, doctor_code, ..line }, received)]
        }
        "inpatient_order" => vec![order(inpatient_order(object, reading), received)],
        "fee_detail_outpatient" | "fee_detail_inpatient" => {
            vec![charge(object, received, reading)]
        }
        "outpatient_registration" | "outpatient_visit" => {
            let allergies = allergies(object, reading);
            let allergies = (!allergies.is_empty()).then_some(Note::Allergies(allergies));
            let visit = [visit(object, reading)].into_iter().chain(allergies);
            visit.chain(person(object, reading)).chain(care(object, reading)).collect()
        }
        "inpatient_admission" | "inpatient_discharge" => {
            let stay = [stay(object, reading)].into_iter();
            stay.chain(person(object, reading)).chain(care(object, reading)).collect()
        }
        "person" => person(object, reading).into_iter().collect(),
        "settlement" => {
            let settled = reading.moment(object, "setl_time").unwrap_or(received);
            let settled = [Note::Settled(settled), also_called(object, reading)].into_iter();
            settled.chain(person(object, reading)).chain(care(object, reading)).collect()
        }
        "drug_sale" => vec![sale(object, received, reading)],
        "operation" if reading.flag(object, "canc_oprn_flag") != Some(true) => {
            groups::surgery(object, reading)
                .map(|it| Note::Surgery(Box::new(it)))
                .into_iter()
                .collect()
        }
        "operation" => vec![Note::Void],
        "lab_report" => report(object, reading).into_iter().collect(),
        "lab_report_item" => vec![lab(object, received, reading)],
        _ => vec![diagnosis(object, received, reading)],
    }
}

/// What says something of the past.
const ENTITIES: [&str; 17] = [
    "outpatient_prescription",
    "inpatient_order",
    "fee_detail_outpatient",
    "fee_detail_inpatient",
    "outpatient_registration",
    "outpatient_visit",
    "inpatient_admission",
    "inpatient_discharge",
    "outpatient_diagnosis",
    "admission_diagnosis",
    "discharge_diagnosis",
    "lab_report",
    "lab_report_item",
    "person",
    "settlement",
    "operation",
    "drug_sale",
];

/// Sex and birth; nothing when neither is known.
fn person(object: &Object<'_>, reading: &mut Reading) -> Option<Note> {
    let Patient { sex, birth, .. } = groups::patient(object, reading);
    let is_known = sex.is_some() || birth.is_some();
    is_known.then(|| Note::Person(Box::new(Patient { sex, birth, ..Patient::default() })))
}

fn care(object: &Object<'_>, reading: &mut Reading) -> Option<Note> {
    let mut first = |names: &[&str]| names.iter().find_map(|name| reading.text(object, name));
    let care = Care {
        doctor_code: first(&["atddr_no", "dr_codg", "chfpdr_code"]),
        insutype: first(&["insutype"]),
        department_name: first(&["adm_dept_name", "dscg_dept_name", "dept_name"]),
    };
    (care != Care::default()).then_some(Note::Care(care))
}

/// What a settlement calls its encounter, so that it is found to be the one of the ward.
fn also_called(object: &Object<'_>, reading: &mut Reading) -> Note {
    let also = ENCOUNTER.iter().filter_map(|name| reading.text(object, name)).collect();
    Note::Stay(Box::default(), also)
}

fn allergies(object: &Object<'_>, reading: &mut Reading) -> Vec<Allergy> {
    let code = reading.text(object, "aise_code");
    let mut found = match groups::allergies_from_text(reading.text(object, "algs")) {
        Group::Present(found) => found,
        Group::Absent | Group::Empty => Vec::new(),
    };
    match (found.first_mut(), code) {
        (Some(first), Some(code)) => first.code = Some(code),
        (None, Some(code)) => found.push(Allergy { code: Some(code), ..Allergy::default() }),
        (_, None) => {}
    }
    found
}

fn report(object: &Object<'_>, reading: &mut Reading) -> Option<Note> {
    let made = reading.moment(object, "rpt_date");
    Some(Note::Report(reading.text(object, "rpotc_no")?, made?))
}

/// A void record, a registration that was handed back.
fn is_void(object: &Object<'_>, reading: &mut Reading) -> bool {
    reading.text(object, "vali_flag").as_deref() == Some("0")
        || reading.flag(object, "retnr_flag") == Some(true)
}

/// A line that says no day was written when it came, or was stopped before; one that was stopped ran until
/// then.
fn order(mut order: Order, received: DateTime) -> Note {
    let written =
        order.stops.filter(|stops| *stops > NEVER).map_or(received, |it| it.min(received));
    let begins = *order.begins.get_or_insert(written);
    if let (Some(days), Some(stops)) = (order.days, order.stops)
        && stops.date() >= begins.date()
    {
        let run = begins.date().until(stops.date()).map_or(0, |span| span.get_days()).max(1);
        order.days = Some(days.min(Decimal::from(run)));
    }
    order.current = false;
    Note::Order(Arc::new(order))
}

/// The charges of an order name its number, not that of its line; a check may name either.
fn inpatient_order(object: &Object<'_>, reading: &mut Reading) -> Order {
    let numbers = ["drord_no", "medcas_drord_detl_id"].map(|name| reading.text(object, name));
    let [of_order, of_line] = numbers;
    let line_no = of_line.clone().filter(|it| of_order.as_ref().is_some_and(|order| order != it));
    let id = of_order.or(of_line).unwrap_or_default();
    Order { line_no, ..from_records::inpatient_order(object, id, reading) }
}

/// A fee detail says of its item what an order says of it in other words.
fn charge(object: &Object<'_>, received: DateTime, reading: &mut Reading) -> Note {
    let id = reading.text(object, "feedetl_sn").unwrap_or_default();
    let mut line = groups::charge_basics(object, id, reading);
    line.national_code = reading.text(object, "med_list_codg");
    line.hospital_code = reading.text(object, "medins_list_codg");
    line.name = reading.text(object, "medins_list_name");
    line.quantity_unit = groups::unit(object, "cnt_unt", reading);
    line.discharge = reading.flag(object, "dscg_tkdrug_flag").unwrap_or(false);
    line.refunds = reading.text(object, "init_feedetl_sn");
    line.doctor_code = reading.text(object, "bilg_dr_codg");
    line.begins = line.begins.or_else(|| reading.moment(object, "fee_date")).or(Some(received));
    let charges_for = reading.text(object, "drord_no");
    Note::Charge(Arc::new(line), charges_for)
}

/// What a pharmacy gave back is negative, as in a charge.
fn sale(object: &Object<'_>, received: DateTime, reading: &mut Reading) -> Note {
    let mut text = |name: &str| reading.text(object, name);
    let (document, batch) = (text("rtal_docno"), text("fixmedins_bchno"));
    let line = Order {
        rx_id: [document, batch].into_iter().flatten().collect::<Vec<_>>().join("-"),
        rxno: text("rxno"),
        national_code: text("med_list_codg").filter(|it| it != UNKNOWN_DRUG),
        hospital_code: text("fixmedins_hilist_id"),
        name: text("fixmedins_hilist_name"),
        batch: text("manu_lotnum"),
        doctor_code: text("prsc_dr_no"),
        price: reading.number(object, "finl_trns_pric", groups::MONEY),
        quantity: reading.signed_number(object, "sel_retn_cnt", groups::COUNT),
        begins: reading.moment(object, "sel_retn_time").or(Some(received)),
        ..Order::default()
    };
    Note::Sale(Arc::new(line))
}

fn visit(object: &Object<'_>, reading: &mut Reading) -> Note {
    let encounter = from_records::encounter(object, reading);
    stay_of(encounter, object, reading)
}

fn stay(object: &Object<'_>, reading: &mut Reading) -> Note {
    let encounter = groups::encounter(object, reading);
    let discharged = reading.text(object, "dscg_dept_codg");
    let ended = encounter.ended.or_else(|| reading.moment(object, "dscg_time"));
    let encounter = Encounter {
        visit: Some(VisitKind::Inpatient),
        department_code: encounter.department_code.or(discharged),
        ended,
        ..encounter
    };
    stay_of(encounter, object, reading)
}

fn stay_of(encounter: Encounter, object: &Object<'_>, reading: &mut Reading) -> Note {
    let also = ENCOUNTER.iter().filter_map(|name| reading.text(object, name));
    let also = also.filter(|name| is_an_id(name)).collect();
    let main = ["dscg_maindiag_code", "adm_diag_code", "dise_codg"];
    let stay = Stay {
        mdtrt_id: encounter.mdtrt_id.filter(|id| is_an_id(id)),
        visit: encounter.visit,
        began: encounter.began,
        ended: encounter.ended,
        department_code: encounter.department_code,
        main_diagnosis: main.iter().find_map(|name| reading.text(object, name)),
        planned_course: encounter.planned_course,
        transferred: reading.text(object, "dscg_way").map(|way| vocabulary::is_transfer(&way)),
    };
    Note::Stay(Box::new(stay), also)
}

fn diagnosis(object: &Object<'_>, received: DateTime, reading: &mut Reading) -> Note {
    let made: Option<Date> = reading.date(object, "diag_time");
    let found = from_records::diagnosis(object, reading);
    let made = made.or(Some(received.date()));
    Note::Diagnosis(Diagnosis { made, ..found })
}

fn lab(object: &Object<'_>, received: DateTime, reading: &mut Reading) -> Note {
    let report = reading.text(object, "rpotc_no");
    let range = reading.text(object, "ref_val");
    let found = measured(groups::lab(object, reading).unwrap_or_default(), range.as_deref());
    let reported = found.reported.or(Some(received));
    Note::Lab(LabResult { reported, ..found }, report)
}

/// What the HIS writes where it knows no number must not make one person, or one stay, of many.
fn is_an_id(text: &str) -> bool {
    let first = text.chars().next();
    text.chars().count() > 1 && text.chars().any(|it| Some(it) != first) && !is_a_blank(text)
}

fn is_a_blank(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "null" | "none" | "nan" | "n/a" | "未知" | "无号")
}

/// What stands where nobody has filled in a time: `19000101`, `00010101`.
const NEVER: DateTime = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
/// What stands in place of a national code that is not known.
const UNKNOWN_DRUG: &str = "NMLC999";

/// The elements that name the encounter, the hospital's own before the insurer's.
const ENCOUNTER: [&str; 4] = ["mdtrt_sn", "ipt_otp_no", "ipt_no", "mdtrt_id"];
