//! The canonical check request (`POST /v1/checks`): JSON to [`Facts`].
//!
//! ```json
//! {"scene": "outpatient",
//!  "patient": {"patn_id": "P1", "gend": "1", "brdy": "19680315", "wt": "72.5", "matn_stas": "0"},
//!  "encounter": {"mdtrt_id": "MZ1", "med_mdtrt_type": "1", "emer_flag": "0"},
//!  "diagnoses": [{"dise_codg": "I10.x00", "dise_name": "原发性高血压", "maindise_flag": "1"}],
//!  "orders": [{"rx_id": "1", "rxno": "CF1", "hosplist_code": "YP000231", "cnt": "1", "cnt_unt": "盒",
//!    "drug_used_sdose": "5", "drug_used_dosunt": "mg", "drug_used_frqu": "QD", "medc_days": "7"}],
//!  "prescriber": {"drord_dr_codg": "1023", "drord_dr_profttl": "232"},
//!  "allergies": [{"algs": "青霉素"}],
//!  "labs": []}
//! ```
//!
//! Element names are the standard's where it has one; the others are ours: `day_cnt_max` (most
//! times a day, for drugs as needed), `drug_ingd` (ingredients, text or list), `excd_rea` (why a
//! limit is exceeded), `cnslt_flag` (a consultation agreed), `urgt_flag` (declared emergency),
//! `long_rx_flag` (long prescription or registered chronic disease), `itnt_flag` (internet visit).
//! A group left out was not asked; an empty list or object means asked, and none. Numbers may be
//! strings or JSON numbers and are exact either way. Names that are not ours are ignored.

pub(crate) mod asked;
mod schema;

use std::sync::Arc;

use crate::bounds;
use crate::facts::{Allergy, Facts, Group, History, InputFinding, Order, Scene};
use crate::groups;
use crate::json::Json;
use crate::reading::{Object, Reading};
use crate::vocabulary::Stated;
use asked::Kind;
pub use schema::schema;

/// Reads a request; all faults of form at once, or facts with the doubts that remain.
pub fn read(text: &str) -> Result<Facts, Vec<InputFinding>> {
    let json = Json::parse(text).map_err(|sentence| vec![not_json(&sentence)])?;
    let mut reading = Reading::strict();
    let root = Object { path: String::new(), json: &json };
    if !matches!(json, Json::Object(_)) {
        reading.fault("C102", String::new(), "不是对象".to_owned(), "最外层发送一个JSON对象");
        return Err(reading.problems);
    }
    let mut facts = read_groups(&root, &mut reading);
    if !reading.problems.is_empty() {
        return Err(reading.problems);
    }
    facts.data_findings = reading.data_findings;
    Ok(facts)
}

pub(crate) fn not_json(sentence: &str) -> InputFinding {
    InputFinding {
        code: "C101",
        path: String::new(),
        found: sentence.to_owned(),
        expected: "发送UTF-8编码的JSON".to_owned(),
    }
}

fn read_groups(root: &Object<'_>, reading: &mut Reading) -> Facts {
    let scene = |name: &str| Scene::parse(name).map(Stated::As);
    let mut facts = Facts {
        scene: reading.code(root, "scene", scene, "发送outpatient、inpatient等场景名，或不发送"),
        patient: single(root, "patient", reading, groups::patient),
        encounter: single(root, "encounter", reading, groups::encounter),
        diagnoses: list(root, "diagnoses", reading, groups::diagnosis),
        orders: list(root, "orders", reading, order),
        prescriber: single(root, "prescriber", reading, groups::prescriber),
        allergies: list(root, "allergies", reading, groups::allergy),
        labs: list(root, "labs", reading, groups::lab),
        orders_are_charges: false,
        fees: list(root, "fees", reading, fee),
        surgeries: list(root, "surgeries", reading, groups::surgery),
        history: single(root, "history", reading, history),
        data_findings: Vec::new(),
    };
    let of_patient = allergies_of_patient(root, reading);
    if facts.allergies.is_absent() {
        facts.allergies = of_patient;
    }
    reading.problems.extend(bounds::too_many(&facts));
    if let Group::Present(orders) = &facts.orders {
        refuse_repeated_ids(orders, reading);
    }
    facts
}

/// A group that is one object.
fn single<T>(
    root: &Object<'_>,
    name: &str,
    reading: &mut Reading,
    read: fn(&Object<'_>, &mut Reading) -> T,
) -> Group<T> {
    reading.note(root, name, || Kind::Object);
    match root.json.get(name) {
        None | Some(Json::Null) => Group::Absent,
        Some(Json::Object(members)) if members.is_empty() => Group::Empty,
        Some(json @ Json::Object(_)) => {
            Group::Present(read(&Object { path: root.path_of(name), json }, reading))
        }
        Some(_) => {
            reading.fault("C102", root.path_of(name), "不是对象".to_owned(), "发送一个JSON对象");
            Group::Absent
        }
    }
}

/// A group that is a list of objects; a single object is a list of one.
fn list<T>(
    root: &Object<'_>,
    name: &str,
    reading: &mut Reading,
    read: fn(&Object<'_>, &mut Reading) -> Option<T>,
) -> Group<Vec<T>> {
    reading.note(root, name, || Kind::Objects);
    let items = match root.json.get(name) {
        None | Some(Json::Null) => return Group::Absent,
        Some(json @ (Json::List(_) | Json::Object(_))) => json.as_items(),
        Some(_) => {
            reading.fault("C102", root.path_of(name), "不是列表".to_owned(), "发送一个JSON列表");
            return Group::Absent;
        }
    };
    if items.is_empty() {
        return Group::Empty;
    }
    let mut found = Vec::with_capacity(items.len());
    for (position, json) in items.iter().enumerate() {
        let object = Object { path: format!("{}[{position}]", root.path_of(name)), json };
        if matches!(json, Json::Object(_)) {
            found.extend(read(&object, reading));
        } else {
            reading.fault(
                "C102",
                object.path,
                "不是对象".to_owned(),
                "列表的每一项发送一个JSON对象",
            );
        }
    }
    Group::Present(found)
}

/// A line without an id cannot be answered about, so it is a fault.
fn order(object: &Object<'_>, reading: &mut Reading) -> Option<Order> {
    reading.needs(object, &["rx_id"]);
    reading.needs(object, &["hilist_code", "hosplist_code", "hosplist_name", "hilist_name"]);
    let Some(rx_id) = reading.text(object, "rx_id") else {
        let expected = "每条明细发送请求内唯一的rx_id";
        reading.fault("C103", object.path_of("rx_id"), "未发送".to_owned(), expected);
        return None;
    };
    let object = Object { path: format!("orders[{rx_id}]"), json: object.json };
    let mut order = groups::order_basics(&object, rx_id, reading);
    groups::order_use(&object, &mut order, reading);
    if order.national_code.is_none() && order.hospital_code.is_none() && order.name.is_none() {
        let expected = "发送hilist_code、hosplist_code或hosplist_name之一";
        reading.fault("C103", object.path_of("hosplist_code"), "未发送".to_owned(), expected);
    }
    Some(order)
}

/// A charge: as an order line, and what was charged may be taken back.
fn fee(object: &Object<'_>, reading: &mut Reading) -> Option<Order> {
    charged(object, "fees", reading)
}

fn past(object: &Object<'_>, reading: &mut Reading) -> Option<Order> {
    charged(object, "history.orders", reading)
}

fn charged(object: &Object<'_>, list: &str, reading: &mut Reading) -> Option<Order> {
    reading.needs(object, &["rx_id", "feedetl_sn"]);
    let ids = ["rx_id", "feedetl_sn"];
    let Some(rx_id) = reading.first_of(ids, |it, name| it.text(object, name)) else {
        let expected = "每条明细发送请求内唯一的rx_id或feedetl_sn";
        reading.fault("C103", object.path_of("rx_id"), "未发送".to_owned(), expected);
        return None;
    };
    let object = Object { path: format!("{list}[{rx_id}]"), json: object.json };
    let mut order = groups::charge_basics(&object, rx_id, reading);
    groups::order_use(&object, &mut order, reading);
    Some(order)
}

fn history(root: &Object<'_>, reading: &mut Reading) -> History {
    History {
        since: reading.date(root, "since"),
        orders: plain(list(root, "orders", reading, past)).into_iter().map(Arc::new).collect(),
        stays: plain(list(root, "stays", reading, groups::stay)),
        diagnoses: plain(list(root, "diagnoses", reading, groups::diagnosis)),
        allergies: plain(list(root, "allergies", reading, groups::allergy)),
        labs: plain(list(root, "labs", reading, groups::lab)),
        ..History::default()
    }
}

fn plain<T>(group: Group<Vec<T>>) -> Vec<T> {
    match group {
        Group::Present(items) => items,
        Group::Absent | Group::Empty => Vec::new(),
    }
}

/// Many HIS keep allergies as one text of the patient; "无" there is an answer.
fn allergies_of_patient(root: &Object<'_>, reading: &mut Reading) -> Group<Vec<Allergy>> {
    let Some(json) = root.json.get("patient") else { return Group::Absent };
    let patient = Object { path: "patient".to_owned(), json };
    groups::allergies_from_text(reading.text(&patient, "algs"))
}

fn refuse_repeated_ids(orders: &[Order], reading: &mut Reading) {
    let mut seen = std::collections::BTreeSet::new();
    for order in orders {
        if !seen.insert(order.rx_id.as_str()) {
            let path = format!("orders[{}].rx_id", order.rx_id);
            reading.fault("C104", path, order.rx_id.clone(), "每条明细使用不同的rx_id");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_form_are_all_told() {
        check(
            r#"{"scene":"shop","patient":{"gend":"男性","patn_id":{"a":1}},"orders":[
              {"rx_id":"1","cnt":"三","curr_drord_flag":"maybe","hosplist_code":"Y"},
              {"hosplist_code":"Y"},{"rx_id":"1"},7]}"#,
            &[
                "C203 scene shop",
                "C102 patient.patn_id 列表或对象",
                "C203 patient.gend 男性",
                "C201 orders[1].cnt 三",
                "C204 orders[1].curr_drord_flag maybe",
                "C103 orders[1].rx_id 未发送",
                "C103 orders[1].hosplist_code 未发送",
                "C102 orders[3] 不是对象",
                "C104 orders[1].rx_id 1",
            ],
        );
        check("[]", &["C102  不是对象"]);
        check(r#"{"orders":"x","patient":[]}"#, &["C102 patient 不是对象", "C102 orders 不是列表"]);
        check("{", &["C101  第1行第2列不是JSON"]);
        check(r#"{"patient":{"brdy":"去年"}}"#, &["C202 patient.brdy ***"]);
    }

    #[test]
    fn what_cannot_be_true_is_a_doubt_and_unknown() {
        check(
            r#"{"patient":{"brdy":"19680230","wt":12000,"age":"七岁","matn_stas":"0"},"orders":[
              {"rx_id":"1","hosplist_code":"Y","drug_used_sdose":-5,"drug_used_dosunt":"勺",
               "drug_used_frqu":"遵医嘱","drug_used_way_code":"X","medc_days":0,"cnt":"1e300"}]}"#,
            &["C201 orders[1].cnt 1e300"],
        );
        check(
            r#"{"patient":{"brdy":"19680230","wt":12000,"age":"七岁","matn_stas":"0"},"orders":[
              {"rx_id":"1","hosplist_code":"Y","drug_used_sdose":-5,"drug_used_dosunt":"勺",
               "drug_used_frqu":"遵医嘱","drug_used_way_code":"X","medc_days":0}]}"#,
            &[
                "C303 patient.brdy 1***0",
                "C310 patient.age 七岁",
                "C302 patient.wt 12000",
                "C301 orders[1].drug_used_sdose -5",
                "C306 orders[1].drug_used_dosunt 勺",
                "C307 orders[1].drug_used_frqu 遵医嘱",
                "C309 orders[1].drug_used_way_code X",
                "C301 orders[1].medc_days 0",
            ],
        );
    }

    #[test]
    fn services_are_counted_in_units_of_their_own() {
        let line = |list: &str, code: &str, unit: &str| {
            format!(
                r#"{{"{list}":[{{"rx_id":"1","hosplist_code":"Y","hilist_code":"{code}","cnt":"1","cnt_unt":"{unit}"}}]}}"#
            )
        };
        for unit in ["次", "日", "天", "项", "小时", "床日", "人次"] {
            check(&line("fees", "", unit), &[]);
            check(&line("orders", "001109000010000", unit), &[]);
        }
        // A drug is not.
        let drug = "XJ01CAA000E001010100000";
        check(&line("orders", drug, "次"), &["C306 orders[1].cnt_unt 次"]);
        check(&line("fees", drug, "次"), &["C306 fees[1].cnt_unt 次"]);
        check(&line("fees", "", "勺"), &["C306 fees[1].cnt_unt 勺"]);
    }

    #[test]
    fn numbers_are_exact() {
        let text =
            r#"{"orders":[{"rx_id":"1","hosplist_code":"Y","drug_used_sdose":0.1,"cnt":"2.50"}]}"#;
        let facts = read(text).map_err(|faults| format!("{faults:?}"));
        let shown = facts.map(|facts| {
            let orders = facts.orders.present().cloned().unwrap_or_default();
            orders
                .into_iter()
                .map(|order| format!("{:?} {:?}", order.single_dose, order.quantity))
                .collect::<Vec<_>>()
                .join(";")
        });
        assert_eq!(shown, Ok("Some(0.1) Some(2.50)".to_owned()));
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let findings = match read(text) {
            Ok(facts) => facts.data_findings,
            Err(faults) => faults,
        };
        let actual: Vec<String> =
            findings.iter().map(|f| format!("{} {} {}", f.code, f.path, f.found)).collect();
        assert_eq!(actual, expected);
    }
}
