//! Facts from standard records, so that a HIS message that was mapped can be checked as it is.
//!
//! Read are the visit or the stay, its diagnoses, and prescriptions or orders of a ward, in the words of
//! the `clinical` profile (`Said`). Nothing here refuses: a record was validated before, and what
//! still cannot be read is unknown and a data finding. Records say nothing about the doctor's title;
//! rules that need it answer unknown.

mod ward;

use serde_json::Value;

pub(crate) use self::ward::inpatient_order;
use crate::facts::{
    Diagnosis, Encounter, Facts, Group, Order, Patient, Prescriber, Route, Title, VisitKind,
};
use crate::groups;
use crate::json::Json;
use crate::reading::{Object, Reading};
use crate::way::Way;

/// What a record tells a check of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Visit,
    Stay,
    Diagnosis,
    Prescription,
    WardOrder,
}

impl Said {
    /// By its entity; `None` for those that say nothing to a check.
    pub(crate) fn by(entity: &str) -> Option<Said> {
        Some(match entity {
            "outpatient_registration" => Said::Visit,
            "inpatient_admission" => Said::Stay,
            "outpatient_diagnosis" | "admission_diagnosis" | "discharge_diagnosis" => {
                Said::Diagnosis
            }
            "outpatient_prescription" => Said::Prescription,
            "inpatient_order" => Said::WardOrder,
            _ => return None,
        })
    }
}

/// Facts of (entity, elements) pairs; entities that say nothing to a check are passed over.
#[must_use]
pub fn facts_from_records(records: &[(String, Value)]) -> Facts {
    let mut reading = Reading::lenient();
    let mut facts = Facts::default();
    let (mut diagnoses, mut orders, mut of_orders) = (Vec::new(), Vec::new(), None);
    for (entity, elements) in records {
        let json = Json::from_value(elements);
        let object = Object { path: entity.clone(), json: &json };
        if reading.text(&object, "vali_flag").as_deref() == Some("0") {
            continue;
        }
        match Said::by(entity) {
            Some(Said::Visit) => registration(&object, &mut facts, &mut reading),
            Some(Said::Stay) => ward::admission(&object, &mut facts, &mut reading),
            Some(Said::Diagnosis) => diagnoses.push(diagnosis(&object, &mut reading)),
            Some(Said::Prescription) => {
                let order = order(&object, orders.len(), &mut reading);
                doctor(&object, &mut facts, &mut reading);
                orders.push(order);
            }
            Some(Said::WardOrder) => {
                of_orders.get_or_insert_with(|| ward::stay_of(&object, &mut reading));
                orders.push(ward::order(&object, orders.len(), &mut reading));
            }
            None => {}
        }
    }
    if let (Group::Absent, Some(stay)) = (&facts.encounter, of_orders) {
        facts.encounter = Group::Present(stay);
    }
    if facts.prescriber.is_absent() {
        facts.prescriber = ordered_by(&orders);
    }
    facts.diagnoses = if diagnoses.is_empty() { Group::Absent } else { Group::Present(diagnoses) };
    facts.orders = if orders.is_empty() { Group::Absent } else { Group::Present(orders) };
    facts.data_findings = reading.data_findings;
    facts
}

fn patient(object: &Object<'_>, reading: &mut Reading) -> Patient {
    let patient = groups::patient(object, reading);
    let patn_id = patient.patn_id.or_else(|| reading.text(object, "psn_no"));
    Patient { patn_id, ..patient }
}

fn registration(object: &Object<'_>, facts: &mut Facts, reading: &mut Reading) {
    facts.patient = Group::Present(patient(object, reading));
    facts.allergies = groups::allergies_from_text(reading.text(object, "algs"));
    facts.encounter = Group::Present(encounter(object, reading));
}

/// An outpatient registration is an outpatient visit unless it says otherwise.
pub(crate) fn encounter(object: &Object<'_>, reading: &mut Reading) -> Encounter {
    let encounter = groups::encounter(object, reading);
    let is_sent = reading.text(object, "med_mdtrt_type").is_some();
    let usual = (!is_sent).then_some(VisitKind::Outpatient);
    let id = encounter.mdtrt_id.or_else(|| reading.text(object, "mdtrt_sn"));
    Encounter {
        mdtrt_id: id.or_else(|| reading.text(object, "ipt_otp_no")),
        visit: encounter.visit.or(usual),
        department_code: reading.text(object, "dept_code"),
        department_name: reading.text(object, "dept_name"),
        ..encounter
    }
}

/// Records have no flag for a suspected disease, so the name is asked.
pub(crate) fn diagnosis(object: &Object<'_>, reading: &mut Reading) -> Diagnosis {
    let name = reading.text(object, "diag_name");
    let (suspected, excluded) = groups::is_doubted(name.as_deref());
    Diagnosis {
        code: reading.text(object, "diag_code"),
        name,
        main: reading.flag(object, "maindiag_flag"),
        suspected,
        excluded,
        ..Diagnosis::default()
    }
}

/// How it is given, and in which words. The code was mapped, but one code is both push and drip: the
/// HIS's own words say which, unless they are a number that means something in the HIS alone.
fn way(object: &Object<'_>, words: &str, reading: &mut Reading) -> (Option<Route>, Option<String>) {
    let coded = groups::route(object, "drug_used_way_code", reading);
    let code = reading.text(object, "drug_used_way_code");
    let is_a_number = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    let said = reading.text(object, words).filter(|it| !is_a_number(it));
    let exact = said.clone().filter(|it| Way::parse(it).is_some());
    let named = if code.is_none() { groups::route(object, words, reading) } else { None };
    (coded.or(named), exact.or(code).or(said))
}

pub(crate) fn order(object: &Object<'_>, position: usize, reading: &mut Reading) -> Order {
    let rxno = reading.text(object, "rxno");
    let rx_id = line_id(object, rxno.as_deref(), position, reading);
    let object = Object { path: format!("orders[{rx_id}]"), json: object.json };
    let (route, route_text) = way(&object, "drug_medc_way", reading);
    Order {
        rx_id,
        rxno,
        group: reading.text(&object, "grpno"),
        hospital_code: reading.text(&object, "rx_detl_id"),
        name: reading.text(&object, "rx_detl_name"),
        single_dose: reading.number(&object, "drug_used_sdose", groups::DOSE),
        dose_unit: groups::unit(&object, "drug_used_dosunt", reading),
        frequency: groups::frequency(&object, "drug_used_frqu", reading),
        route,
        route_text,
        days: reading.number(&object, "medc_days", groups::DAYS),
        quantity: reading.number(&object, "cnt", groups::COUNT),
        quantity_unit: groups::unit(&object, "cnt_unt", reading),
        specification: reading.text(&object, "drug_spec"),
        price: reading.number(&object, "pric", groups::MONEY),
        amount: reading.number(&object, "det_item_fee_sumamt", groups::MONEY),
        current: true,
        begins: begins(&object, reading),
        stops: reading.moment(&object, "medc_endtime"),
        urgent: reading.flag(&object, "urgt_flag"),
        ..Order::default()
    }
}

/// The order number of the HIS, else prescription and line, else the position.
fn line_id(
    object: &Object<'_>,
    rxno: Option<&str>,
    position: usize,
    reading: &mut Reading,
) -> String {
    if let Some(id) = reading.text(object, "drord_no") {
        return id;
    }
    let line = reading.text(object, "rx_srt_no").unwrap_or_else(|| (position + 1).to_string());
    rxno.map_or_else(|| line.clone(), |rxno| format!("{rxno}-{line}"))
}

fn begins(object: &Object<'_>, reading: &mut Reading) -> Option<jiff::civil::DateTime> {
    let begins = reading.moment(object, "medc_begntime");
    begins.or_else(|| reading.moment(object, "rx_prsc_time"))
}

/// The doctor of all lines; where several ordered, nobody speaks for the others.
fn ordered_by(orders: &[Order]) -> Group<Prescriber> {
    let mut codes = orders.iter().map(|it| it.doctor_code.as_ref());
    match codes.next().flatten() {
        Some(first) if codes.all(|it| it == Some(first)) => {
            Group::Present(Prescriber { code: Some(first.clone()), ..Prescriber::default() })
        }
        _ => Group::Absent,
    }
}

fn doctor(object: &Object<'_>, facts: &mut Facts, reading: &mut Reading) {
    let Some(code) = reading.text(object, "prsc_dr_code") else { return };
    if facts.prescriber.is_absent() {
        let title: Option<Title> = groups::title(object, reading);
        facts.prescriber =
            Group::Present(Prescriber { code: Some(code), title, ..Prescriber::default() });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::evaluate;
    use crate::families::bench::{NOW, starter};

    const REGISTRATION: &str = r#"{"patn_id":"P00012345","psn_name":"李建国","gend":"1","brdy":"19680315",
        "mdtrt_sn":"MZ20240515003","ipt_otp_no":"MZ20240515003","begntime":"20240515091233","dept_code":"0301",
        "dept_name":"心血管内科门诊","wt":72.5,"heit":170.0,"algs":"青霉素","vali_flag":"1"}"#;
    const LINE: &str = r#"{"rxno":"CF202405150007","rx_srt_no":1,"rx_detl_id":"YP000231","rx_detl_name":"苯磺酸氨氯地平片",
        "drug_spec":"5mg*7片","drug_used_sdose":5.0000,"drug_used_dosunt":"mg","drug_used_way_code":"1",
        "drug_used_frqu":"QD","medc_days":7,"cnt":1.0000,"cnt_unt":"盒","pric":32.500000,"det_item_fee_sumamt":32.50,
        "prsc_dr_code":"1023","rx_prsc_time":"20240515092005","vali_flag":"1"}"#;

    #[test]
    fn a_prescription_that_is_in_order() {
        check(
            &[("outpatient_registration", REGISTRATION), ("outpatient_prescription", LINE)],
            "complete ",
        );
    }

    #[test]
    fn the_same_limits_hold() {
        let line = LINE.replace("\"medc_days\":7", "\"medc_days\":30");
        check(
            &[("outpatient_registration", REGISTRATION), ("outpatient_prescription", &line)],
            "complete hit CF202405150007-1 prescription-days",
        );
        let emergency = REGISTRATION.replace("\"wt\"", "\"emer_flag\":\"1\",\"wt\"");
        check(
            &[("outpatient_registration", &emergency), ("outpatient_prescription", LINE)],
            "complete hit CF202405150007-1 prescription-days",
        );
    }

    #[test]
    fn records_that_are_missing_or_void() {
        check(&[("outpatient_prescription", LINE)], "partial unknown prescription-days");
        let void = LINE.replace("\"vali_flag\":\"1\"", "\"vali_flag\":\"0\"");
        let facts =
            facts(&[("outpatient_registration", REGISTRATION), ("outpatient_prescription", &void)]);
        assert!(facts.orders.is_absent());
    }

    #[test]
    fn how_it_is_given_is_read_from_the_words() {
        let given = |code: &str, words: &str| {
            let line = LINE.replace(
                r#""drug_used_way_code":"1""#,
                &format!(r#""drug_used_way_code":{code},"drug_medc_way":{words}"#),
            );
            let facts = facts(&[("outpatient_prescription", &line)]);
            let order = facts.orders.present().unwrap().first().unwrap().clone();
            let way = order.route_text.as_deref().and_then(Way::parse).map_or("?", Way::zh);
            let codes: Vec<_> = facts.data_findings.iter().map(|it| it.code).collect();
            format!("{:?} {way} {}", order.route, codes.join(" "))
        };
        assert_eq!(given("\"404\"", "\"静脉推注\""), "Some(Injection) 静脉推注 ");
        assert_eq!(given("null", "\"鞘内注射\""), "Some(Other) 鞘内注射 ");
        assert_eq!(given("\"404\"", "\"科室用\""), "Some(Injection) 静脉 ");
        assert_eq!(given("\"1\"", "\"404\""), "Some(Oral) 口服 ", "a number of the HIS");
        assert_eq!(given("\"404\"", "null"), "Some(Injection) 静脉 ");
        assert_eq!(given("null", "\"科室用\""), "None ? C309");
    }

    #[test]
    fn a_suspected_disease_proves_nothing() {
        let made = |name: &str| {
            let record = format!(r#"{{"diag_code":"H40.9","diag_name":"{name}"}}"#);
            let facts = facts(&[("outpatient_diagnosis", &record)]);
            let made = facts.diagnoses.present().unwrap().first().unwrap().clone();
            (made.suspected, made.excluded)
        };
        assert_eq!(made("青光眼"), (false, false));
        assert_eq!(made("青光眼？"), (true, false));
        assert_eq!(made("除外青光眼"), (false, true));
    }

    const ADMISSION: &str = r#"{"patn_id":"P00012345","psn_name":"李建国","gend":"1","brdy":"19680315","ipt_no":"ZY1",
        "begntime":"20240510091233","adm_dept_codg":"0301","adm_dept_name":"心血管内科","adm_bed":"12"}"#;

    fn ward_order(detail: &str, code: &str, doctor: &str) -> String {
        format!(
            r#"{{"mdtrt_sn":"ZY1","medcas_drord_detl_id":"{detail}","drord_no":"YZ1","drord_grp_no":"1",
            "drord_detl_code":"{code}","drug_used_sdose":5,"medn_used_dosunt":"mg","medn_use_frqu":"QD",
            "drug_used_way_code":"404","drug_used_way":"静滴","drord_begntime":"20240511090000",
            "isu_drord_dr_code":"{doctor}","vali_flag":"1"}}"#
        )
    }

    #[test]
    fn orders_of_a_ward() {
        let both = [ward_order("D1", "YP1", "1088"), ward_order("D2", "YP2", "1088")];
        let orders = both.each_ref().map(|it| ("inpatient_order", it.as_str()));
        let found = r#"{"diag_code":"I10","diag_name":"高血压","maindiag_flag":"1"}"#;
        let stay = [("inpatient_admission", ADMISSION), ("admission_diagnosis", found)];
        let facts = facts(&[&stay[..], &orders[..]].concat());
        let lines = facts.orders.present().unwrap();
        let shown: Vec<_> = lines.iter().map(|it| (it.rx_id.as_str(), it.current)).collect();
        assert_eq!(shown, [("D1", true), ("D2", true)], "they share the number of the order");
        assert!(lines.iter().all(|it| it.route_text.as_deref() == Some("静滴")));
        let encounter = facts.encounter.present().unwrap();
        assert_eq!(encounter.visit, Some(VisitKind::Inpatient));
        assert_eq!(encounter.mdtrt_id.as_deref(), Some("ZY1"));
        assert_eq!(encounter.bed.as_deref(), Some("12"));
        assert_eq!(facts.patient.present().unwrap().patn_id.as_deref(), Some("P00012345"));
        assert_eq!(facts.prescriber.present().unwrap().code.as_deref(), Some("1088"));
        assert_eq!(facts.diagnoses.present().map(Vec::len), Some(1));
    }

    #[test]
    fn orders_of_a_ward_alone_know_their_stay() {
        let both = [ward_order("D1", "YP1", "1088"), ward_order("D2", "YP2", "1099")];
        let facts = facts(&both.each_ref().map(|it| ("inpatient_order", it.as_str())));
        let encounter = facts.encounter.present().unwrap();
        assert_eq!(encounter.visit, Some(VisitKind::Inpatient));
        assert_eq!(encounter.mdtrt_id.as_deref(), Some("ZY1"));
        assert!(facts.prescriber.is_absent(), "nobody speaks for the other");
    }

    #[test]
    fn what_is_read() {
        let facts = facts(&[
            ("outpatient_registration", REGISTRATION),
            (
                "outpatient_diagnosis",
                r#"{"diag_code":"I10.x00","diag_name":"原发性高血压","maindiag_flag":"1","vali_flag":"1"}"#,
            ),
            ("outpatient_prescription", LINE),
            ("person", "{}"),
        ]);
        let patient = facts.patient.present().unwrap();
        assert_eq!(patient.weight_kg.map(|kg| kg.to_string()), Some("72.5".to_owned()));
        assert_eq!(facts.allergies.present().map(Vec::len), Some(1));
        assert_eq!(facts.diagnoses.present().unwrap().first().unwrap().main, Some(true));
        assert_eq!(facts.encounter.present().unwrap().visit, Some(VisitKind::Outpatient));
        assert_eq!(facts.data_findings, []);
    }

    fn facts(records: &[(&str, &str)]) -> Facts {
        let records: Vec<_> = records
            .iter()
            .map(|(entity, json)| ((*entity).to_owned(), serde_json::from_str(json).unwrap()))
            .collect();
        facts_from_records(&records)
    }

    #[track_caller]
    fn check(records: &[(&str, &str)], expected: &str) {
        let now = NOW.replace("2026", "2024").parse().unwrap();
        let verdict = evaluate(&starter(), &facts(records), now);
        let mut said: Vec<String> = Vec::new();
        for finding in &verdict.findings {
            let lines: Vec<_> = finding.lines.iter().map(|line| line.rx_id.as_str()).collect();
            said.push(format!("hit {} {}", lines.join(","), finding.rule_id));
        }
        said.extend(verdict.unknown.iter().map(|unknown| format!("unknown {}", unknown.rule_id)));
        assert_eq!(format!("{} {}", verdict.outcome.name(), said.join("; ")), expected);
    }
}
