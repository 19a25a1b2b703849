//! Facts from standard records, so that a HIS message that was mapped can be checked as it is.
//!
//! Read are the entities `outpatient_registration`, `outpatient_diagnosis` and
//! `outpatient_prescription` in the words of the `clinical` profile. Nothing here refuses: a record
//! was validated before, and what still cannot be read is unknown and a data finding. Records say
//! nothing about the doctor's title; rules that need it answer unknown.

use serde_json::Value;

use crate::facts::{
    Diagnosis, Encounter, Facts, Group, Order, Patient, Prescriber, Title, VisitKind,
};
use crate::groups;
use crate::json::Json;
use crate::reading::{Object, Reading};
use crate::vocabulary;

/// Facts of (entity, elements) pairs; entities that say nothing to a check are passed over.
#[must_use]
pub fn facts_from_records(records: &[(String, Value)]) -> Facts {
    let mut reading = Reading::lenient();
    let mut facts = Facts::default();
    let (mut diagnoses, mut orders) = (Vec::new(), Vec::new());
    for (entity, elements) in records {
        let json = Json::from_value(elements);
        let object = Object { path: entity.clone(), json: &json };
        if reading.text(&object, "vali_flag").as_deref() == Some("0") {
            continue;
        }
        match entity.as_str() {
            "outpatient_registration" => registration(&object, &mut facts, &mut reading),
            "outpatient_diagnosis" => diagnoses.push(diagnosis(&object, &mut reading)),
            "outpatient_prescription" => {
                let order = order(&object, orders.len(), &mut reading);
                doctor(&object, &mut facts, &mut reading);
                orders.push(order);
            }
            _ => {}
        }
    }
    facts.diagnoses = if diagnoses.is_empty() { Group::Absent } else { Group::Present(diagnoses) };
    facts.orders = if orders.is_empty() { Group::Absent } else { Group::Present(orders) };
    facts.data_findings = reading.data_findings;
    facts
}

fn registration(object: &Object<'_>, facts: &mut Facts, reading: &mut Reading) {
    let patient = groups::patient(object, reading);
    facts.patient = Group::Present(Patient {
        patn_id: patient.patn_id.or_else(|| reading.text(object, "psn_no")),
        ..patient
    });
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

pub(crate) fn diagnosis(object: &Object<'_>, reading: &mut Reading) -> Diagnosis {
    Diagnosis {
        code: reading.text(object, "diag_code"),
        name: reading.text(object, "diag_name"),
        main: reading.flag(object, "maindiag_flag"),
        ..Diagnosis::default()
    }
}

pub(crate) fn order(object: &Object<'_>, position: usize, reading: &mut Reading) -> Order {
    let rxno = reading.text(object, "rxno");
    let rx_id = line_id(object, rxno.as_deref(), position, reading);
    let object = Object { path: format!("orders[{rx_id}]"), json: object.json };
    let way = groups::route(&object, "drug_used_way_code", reading);
    Order {
        rx_id,
        rxno,
        group: reading.text(&object, "grpno"),
        hospital_code: reading.text(&object, "rx_detl_id"),
        name: reading.text(&object, "rx_detl_name"),
        single_dose: reading.number(&object, "drug_used_sdose", groups::DOSE),
        dose_unit: groups::unit(&object, "drug_used_dosunt", reading),
        frequency: groups::frequency(&object, "drug_used_frqu", reading),
        route: way.or_else(|| vocabulary::route(&reading.text(&object, "drug_medc_way")?)?.value()),
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
