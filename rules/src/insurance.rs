//! The national messages 3101 (事前) and 3102 (事中): envelope to [`Facts`], verdicts to the answer.
//!
//! Callers differ: `patient_dtos` and below are lists here and single objects there, numbers come
//! as text or as numbers, and the envelope is sometimes left off. All are taken. What is malformed
//! inside a line makes that value unknown; the doctor is still answered. The message carries no
//! dose, frequency, route or days (one region's extension aside), so the rules that need them
//! answer unknown. `matn_stas` and `drord_bhvr` have contradicting tables by region and are not read.

mod answer;

use crate::facts::{Facts, Group, InputFinding, Order, Patient, Prescriber};
use crate::groups;
use crate::json::Json;
use crate::reading::{Object, Reading};
use crate::request;
use crate::unit::{Dimension, Dose, Unit};
use crate::vocabulary;
pub use answer::{Reply, write_answer, write_failure};

/// Reads a request: one `Facts` per patient. Errors only when there is nothing to judge.
pub fn read(text: &str) -> Result<Vec<Facts>, Vec<InputFinding>> {
    let json = Json::parse(text).map_err(|sentence| vec![request::not_json(&sentence)])?;
    let patients = member_path(&json, &["input", "data", "patient_dtos"])
        .or_else(|| member_path(&json, &["data", "patient_dtos"]))
        .or_else(|| json.get("patient_dtos"))
        .map(Json::as_items)
        .unwrap_or_default();
    if patients.is_empty() {
        return Err(vec![InputFinding {
            code: "C103",
            path: "input.data.patient_dtos".to_owned(),
            found: "未发送".to_owned(),
            expected: "发送参保人信息patient_dtos".to_owned(),
        }]);
    }
    let mut refused = Vec::new();
    let facts = patients.iter().map(|patient| facts_of(patient, &mut refused)).collect();
    if refused.is_empty() { Ok(facts) } else { Err(refused) }
}

fn member_path<'a>(json: &'a Json, names: &[&str]) -> Option<&'a Json> {
    names.iter().try_fold(json, |json, name| json.get(name))
}

/// Judges the current encounter; others in the message are history and not judged.
fn facts_of(patient: &Json, refused: &mut Vec<InputFinding>) -> Facts {
    let mut reading = Reading::lenient();
    let object = Object { path: "patient_dtos".to_owned(), json: patient };
    let current = reading.text(&object, "curr_mdtrt_id");
    let mut facts =
        Facts { patient: Group::Present(person(&object, &mut reading)), ..Facts::default() };
    if let Some(json) = current_encounter(patient, current.as_deref()) {
        let object = Object { path: "fsi_encounter_dtos".to_owned(), json };
        read_encounter(&object, &mut facts, &mut reading);
    }
    facts.data_findings = reading.data_findings;
    refused.extend(reading.problems);
    facts
}

fn person(object: &Object<'_>, reading: &mut Reading) -> Patient {
    Patient {
        patn_id: reading.text(object, "patn_id"),
        sex: reading.code(object, "gend", vocabulary::sex, "发送1（男）、2（女）、0或9"),
        birth: reading.date(object, "brdy"),
        ..Patient::default()
    }
}

fn current_encounter<'a>(patient: &'a Json, current: Option<&str>) -> Option<&'a Json> {
    let encounters = patient.get("fsi_encounter_dtos").map(Json::as_items).unwrap_or_default();
    let is_current = |json: &&Json| match json.get("mdtrt_id") {
        Some(Json::Text(id) | Json::Number(id)) => Some(id.trim()) == current,
        _ => false,
    };
    encounters.iter().find(is_current).or(encounters.first())
}

fn read_encounter(object: &Object<'_>, facts: &mut Facts, reading: &mut Reading) {
    facts.encounter = Group::Present(groups::encounter(object, reading));
    facts.diagnoses = items(object, "fsi_diagnose_dtos", reading, groups::diagnosis);
    facts.orders = items(object, "fsi_order_dtos", reading, order);
    facts.prescriber = prescriber(object, reading);
    if let Group::Present(orders) = &mut facts.orders {
        request::refuse_too_many(orders, "fsi_order_dtos", reading);
        tell_apart(orders);
    }
}

fn items<T>(
    object: &Object<'_>,
    name: &str,
    reading: &mut Reading,
    read: fn(&Object<'_>, &mut Reading) -> Option<T>,
) -> Group<Vec<T>> {
    let Some(json) = object.json.get(name).filter(|json| **json != Json::Null) else {
        return Group::Absent;
    };
    let items =
        json.as_items().iter().enumerate().filter_map(|(at, json)| {
            read(&Object { path: format!("{name}[{at}]"), json }, reading)
        });
    let items: Vec<T> = items.collect();
    if items.is_empty() { Group::Empty } else { Group::Present(items) }
}

fn order(object: &Object<'_>, reading: &mut Reading) -> Option<Order> {
    if !matches!(object.json, Json::Object(_)) {
        reading.fault("C102", object.path.clone(), "不是对象".to_owned(), "发送一个JSON对象");
        return None;
    }
    let rx_id = reading.text(object, "rx_id").unwrap_or_else(|| object.path.clone());
    let object = Object { path: format!("orders[{rx_id}]"), json: object.json };
    let mut order = groups::order_basics(&object, rx_id, reading);
    order.quantity_unit = groups::unit(&object, "spec_unt", reading);
    if let Some(json) = object.json.get("extend_order_map") {
        read_extension(
            &Object { path: object.path_of("extend_order_map"), json },
            &mut order,
            reading,
        );
    }
    Some(order)
}

/// What one region sends besides: days, and dose and frequency in words.
fn read_extension(object: &Object<'_>, order: &mut Order, reading: &mut Reading) {
    order.days = reading.number(object, "o_prdDays", groups::DAYS);
    order.frequency = groups::frequency(object, "o_used_frqu_dscr", reading);
    order.first_line_used = reading.flag(object, "o_firstItemFlag");
    let dose = reading.text(object, "o_sinDosDscr");
    let Some(dose) = dose.as_deref().and_then(Dose::parse) else { return };
    if dose.dimension == Dimension::Mass {
        order.single_dose = Some(dose.amount);
        order.dose_unit = Unit::parse("mg");
    }
}

/// The doctor is written on every line; the first line of this session speaks for all.
fn prescriber(object: &Object<'_>, reading: &mut Reading) -> Group<Prescriber> {
    let lines = object.json.get("fsi_order_dtos").map(Json::as_items).unwrap_or_default();
    let is_current = |json: &&Json| !matches!(json.get("curr_drord_flag"), Some(Json::Text(flag) | Json::Number(flag)) if flag.trim() == "0");
    let Some(json) = lines.iter().find(is_current) else { return Group::Absent };
    let line = Object { path: "prescriber".to_owned(), json };
    Group::Present(Prescriber {
        code: reading.text(&line, "drord_dr_codg"),
        title: groups::title(&line, reading),
        ..Prescriber::default()
    })
}

/// Some callers number lines per prescription only; a repeated id gets the prescription's number.
fn tell_apart(orders: &mut [Order]) {
    let mut seen = std::collections::BTreeSet::new();
    for (at, order) in orders.iter_mut().enumerate() {
        if !seen.insert(order.rx_id.clone()) {
            let prescription = order.rxno.clone().unwrap_or_else(|| (at + 1).to_string());
            order.rx_id = format!("{prescription}-{}", order.rx_id);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::evaluate;
    use crate::verdict::Verdict;
    use crate::families::bench::{NOW, starter};

    const LINE: &str = r#"{"rx_id":"RX0001-1","rxno":"RX0001","hilist_code":"XG04CBD247E002010101503",
        "hilist_name":"度他雄胺软胶囊","hosplist_code":"YP000502","hosplist_name":"度他雄胺软胶囊","cnt":"4",
        "pric":21.50,"sumamt":"86.00","ownpay_amt":"0","spec":"0.5mg×10粒/盒","spec_unt":"盒","drord_begn_date":"2026-05-15 09:25:00",
        "drord_stop_date":"","drord_dr_codg":"D1","drord_dr_profttl":"232","curr_drord_flag":"1"}"#;

    fn message(patients: &str) -> String {
        format!(
            r#"{{"infno":"3101","input":{{"data":{{"patient_dtos":{patients},"trig_scen":"2"}}}}}}"#
        )
    }

    fn patient(encounters: &str) -> String {
        format!(
            r#"{{"patn_id":"99","patn_name":"测试甲","gend":2,"brdy":"1960-01-01","curr_mdtrt_id":"MZ1","fsi_encounter_dtos":{encounters}}}"#
        )
    }

    fn encounter_json(orders: &str) -> String {
        format!(
            r#"{{"mdtrt_id":"MZ1","medins_lv":"5","med_mdtrt_type":"1","med_type":"11","fsi_diagnose_dtos":[],"fsi_order_dtos":{orders}}}"#
        )
    }

    #[test]
    fn lists_and_single_objects_are_the_same() {
        let lists = message(&format!(
            "[{}]",
            patient(&format!("[{}]", encounter_json(&format!("[{LINE}]"))))
        ));
        let objects = message(&patient(&encounter_json(LINE)));
        assert_eq!(read(&lists), read(&objects));
        let facts = read(&lists).unwrap();
        assert_eq!(facts.len(), 1);
        assert_eq!(facts.first().unwrap().data_findings, []);
    }

    #[test]
    fn what_the_message_does_not_carry_is_unknown() {
        let verdict = judged(&message(&patient(&encounter_json(LINE))));
        let unknown: Vec<_> = verdict
            .unknown
            .iter()
            .filter(|unknown| !unknown.is_silent)
            .map(|u| format!("{} {}", u.rule_id, u.missing.join(",")))
            .collect();
        assert_eq!(unknown, ["prescription-days orders[RX0001-1].drug_used_sdose"]);
        let hits: Vec<_> = verdict.findings.iter().map(|f| f.rule_id.as_str()).collect();
        assert_eq!(hits, ["drug-sex"]);
    }

    #[test]
    fn one_region_sends_days_and_dose() {
        let line = LINE.replace(
            "\"cnt\":\"4\"",
            r#""cnt":"4","extend_order_map":{"o_prdDays":"40","o_sinDosDscr":"0.5mg","o_used_frqu_dscr":"每日一次"}"#,
        );
        let verdict = judged(&message(&patient(&encounter_json(&line))));
        let hits: Vec<_> = verdict.findings.iter().map(|f| f.text.as_str()).collect();
        assert_eq!(
            hits,
            [
                "【度他雄胺软胶囊】限男性使用，患者性别为女",
                "门诊处方【度他雄胺软胶囊】40日用量，一般不超过7日，请注明理由"
            ]
        );
    }

    #[test]
    fn malformed_values_do_not_stop_the_answer() {
        let line = LINE.replace("\"4\"", "\"四\"").replace("21.50", "{}");
        let facts = read(&message(&patient(&encounter_json(&line)))).unwrap();
        let codes: Vec<_> = facts
            .first()
            .unwrap()
            .data_findings
            .iter()
            .map(|f| format!("{} {}", f.code, f.path))
            .collect();
        assert_eq!(codes, ["C201 orders[RX0001-1].cnt", "C102 orders[RX0001-1].pric"]);
    }

    #[test]
    fn nothing_to_judge() {
        check_error("{", "C101");
        check_error("{}", "C103");
        check_error(&message("[]"), "C103");
        check_error(&message("null"), "C103");
        let many = vec![LINE; 2_001].join(",");
        check_error(&message(&patient(&encounter_json(&format!("[{many}]")))), "C105");
        let bare = read(&message(&patient("null"))).unwrap();
        assert!(bare.first().unwrap().orders.is_absent());
    }

    #[test]
    fn repeated_line_ids_are_told_apart() {
        let other = LINE.replace("\"rxno\":\"RX0001\"", "\"rxno\":\"RX0002\"");
        let facts =
            read(&message(&patient(&encounter_json(&format!("[{LINE},{other}]"))))).unwrap();
        let orders = facts.first().unwrap().orders.present().unwrap();
        let ids: Vec<_> = orders.iter().map(|order| order.rx_id.as_str()).collect();
        assert_eq!(ids, ["RX0001-1", "RX0002-RX0001-1"]);
    }

    #[test]
    fn a_check_that_was_cut_off_does_not_look_like_a_pass() {
        let rules = starter();
        let now = NOW.parse().unwrap();
        let verdict = crate::evaluate_while(&rules, &Facts::default(), now, || false);
        let answer = write_answer(&[verdict], &Reply::default());
        assert!(answer.contains("\"not_run\":[\""), "{answer}");
        assert!(answer.contains("部分规则未检查"), "{answer}");
    }

    #[test]
    fn the_answer() {
        let verdict = judged(&message(&patient(&encounter_json(LINE))));
        let id = verdict.findings.first().unwrap().id.clone();
        let reply =
            Reply { inf_refmsgid: "R1", refmsg_time: "T1", respond_time: "T2", task_id: "K" };
        let answer = write_answer(&[verdict], &reply).replace(&id, "ID");
        assert_eq!(
            answer,
            r#"{"infcode":0,"inf_refmsgid":"R1","refmsg_time":"T1","respond_time":"T2","err_msg":"","output":{"result":[{"jr_id":"ID","rule_id":"drug-sex","rule_name":"药品区分性别使用","vola_cont":"【度他雄胺软胶囊】限男性使用，患者性别为女","patn_id":"99","mdtrt_id":"MZ1","judge_result_detail_dtos":[{"jrd_id":"ID-1","patn_id":"99","mdtrt_id":"MZ1","rx_id":"RX0001-1","vola_item_type":"1","vola_amt":86.00}],"vola_amt":86.00,"vola_amt_stas":"1","sev_deg":"1","vola_evid":"GZ10000301004000 药品区分性别使用；知识点第1批（2025-05-23）","vola_bhvr_type":"2","task_id":"K"}],"unknown":[{"rule_id":"prescription-days","rule_name":"门急诊处方用量","text":"门急诊处方用量未审查：缺少单次剂量","missing":["orders[RX0001-1].drug_used_sdose"]}]}}"#
        );
        assert_eq!(
            write_failure("请求不可读", &reply),
            r#"{"infcode":-1,"inf_refmsgid":"R1","refmsg_time":"T1","respond_time":"T2","err_msg":"请求不可读","output":null}"#
        );
    }

    fn judged(text: &str) -> Verdict {
        let facts = read(text).unwrap();
        evaluate(&starter(), facts.first().unwrap(), NOW.parse().unwrap())
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        let codes: Vec<_> = read(text).unwrap_err().iter().map(|f| f.code).collect();
        assert_eq!(codes, [expected]);
    }
}
