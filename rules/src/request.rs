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

use crate::age::Age;
use crate::facts::{
    Allergy, Diagnosis, Encounter, Facts, Group, InputFinding, LabResult, Order, Patient,
    Prescriber, Scene, VisitKind,
};
use crate::frequency::Frequency;
use crate::json::Json;
use crate::reading::{Bounds, Object, Reading};
use crate::unit::Unit;
use crate::vocabulary::{self, Stated};

pub(crate) const DOSE: Bounds = Bounds {
    zero: false,
    max: 1_000_000_000,
    expected: "发送大于0的单次剂量，单位放在drug_used_dosunt",
};
pub(crate) const COUNT: Bounds =
    Bounds { zero: false, max: 100_000, expected: "发送大于0且不超过10万的数量" };
pub(crate) const DAYS: Bounds =
    Bounds { zero: false, max: 400, expected: "发送1到400之间的天数" };
pub(crate) const MONEY: Bounds =
    Bounds { zero: true, max: 1_000_000_000, expected: "发送不小于0的金额，单位为元" };
pub(crate) const WEIGHT: Bounds =
    Bounds { zero: false, max: 500, expected: "发送以千克为单位的体重" };
pub(crate) const HEIGHT: Bounds =
    Bounds { zero: false, max: 260, expected: "发送以厘米为单位的身高" };
pub(crate) const TIMES: Bounds =
    Bounds { zero: false, max: 24, expected: "发送每日最多次数，1到24" };
const RESULT: Bounds =
    Bounds { zero: true, max: 1_000_000_000, expected: "发送不小于0的检验结果" };

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
        patient: single(root, "patient", reading, patient),
        encounter: single(root, "encounter", reading, encounter),
        diagnoses: list(root, "diagnoses", reading, diagnosis),
        orders: list(root, "orders", reading, order),
        prescriber: single(root, "prescriber", reading, prescriber),
        allergies: list(root, "allergies", reading, allergy),
        labs: list(root, "labs", reading, lab),
        data_findings: Vec::new(),
    };
    if facts.allergies.is_absent() {
        facts.allergies = allergies_of_patient(root, reading);
    }
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
    match root.json.get(name) {
        None | Some(Json::Null) => Group::Absent,
        Some(Json::Object(members)) if members.is_empty() => Group::Empty,
        Some(json @ Json::Object(_)) => {
            Group::Present(read(&Object { path: name.to_owned(), json }, reading))
        }
        Some(_) => {
            reading.fault("C102", name.to_owned(), "不是对象".to_owned(), "发送一个JSON对象");
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
    let items = match root.json.get(name) {
        None | Some(Json::Null) => return Group::Absent,
        Some(json @ (Json::List(_) | Json::Object(_))) => json.as_items(),
        Some(_) => {
            reading.fault("C102", name.to_owned(), "不是列表".to_owned(), "发送一个JSON列表");
            return Group::Absent;
        }
    };
    if items.is_empty() {
        return Group::Empty;
    }
    let mut found = Vec::with_capacity(items.len());
    for (position, json) in items.iter().enumerate() {
        let object = Object { path: format!("{name}[{position}]"), json };
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

pub(crate) fn patient(object: &Object<'_>, reading: &mut Reading) -> Patient {
    Patient {
        patn_id: reading.text(object, "patn_id"),
        sex: reading.code(object, "gend", vocabulary::sex, "发送1（男）、2（女）、0或9"),
        birth: reading.date(object, "brdy"),
        age: age(object, reading),
        weight_kg: reading.number(object, "wt", WEIGHT),
        height_cm: reading.number(object, "heit", HEIGHT),
        maternity: reading.code(
            object,
            "matn_stas",
            vocabulary::maternity,
            "发送0未知、1非妊娠期或哺乳期、2近期有生育计划、3妊娠期、4哺乳期",
        ),
    }
}

/// `age` is a text with its unit, or a number whose unit is in `age_unt` (years when left out).
fn age(object: &Object<'_>, reading: &mut Reading) -> Option<Age> {
    let mut text = reading.text(object, "age")?;
    if text.parse::<u32>().is_ok() {
        text.push_str(&reading.text(object, "age_unt").unwrap_or_else(|| "岁".to_owned()));
    }
    let age = Age::parse(&text);
    if age.is_none() {
        reading.doubt(
            "C310",
            (object, "age"),
            &text,
            "发送出生日期，或如「34岁」「3岁2月」「28天」的年龄",
        );
    }
    age
}

pub(crate) fn encounter(object: &Object<'_>, reading: &mut Reading) -> Encounter {
    let med_type = reading.text(object, "med_type").unwrap_or_default();
    let chronic = vocabulary::is_chronic(&med_type).then_some(true);
    Encounter {
        mdtrt_id: reading.text(object, "mdtrt_id"),
        visit: visit(object, &med_type, reading),
        department_code: reading.text(object, "adm_dept_codg"),
        department_name: reading.text(object, "adm_dept_name"),
        hospital_level: reading.code(
            object,
            "medins_lv",
            vocabulary::hospital_level,
            "发送医疗机构等级代码1到14",
        ),
        began: reading.moment(object, "begntime").or_else(|| reading.moment(object, "adm_date")),
        insutype: reading.text(object, "insutype"),
        long_prescription: reading.flag(object, "long_rx_flag").or(chronic),
    }
}

fn visit(object: &Object<'_>, med_type: &str, reading: &mut Reading) -> Option<VisitKind> {
    let expected = "发送1门诊、2住院、3购药、4其他";
    let visit = reading.code(object, "med_mdtrt_type", vocabulary::visit, expected);
    let emergency = reading.flag(object, "emer_flag");
    let internet = reading.flag(object, "itnt_flag");
    match visit {
        // A stay that began in the emergency room is a stay.
        Some(VisitKind::Inpatient) => visit,
        _ if emergency.unwrap_or_else(|| vocabulary::is_emergency(med_type)) => {
            Some(VisitKind::Emergency)
        }
        _ if internet == Some(true) => Some(VisitKind::Internet),
        _ => visit,
    }
}

// The readers of list items share one shape, in which an item may turn out to be unusable.
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn diagnosis(object: &Object<'_>, reading: &mut Reading) -> Option<Diagnosis> {
    Some(Diagnosis {
        code: reading.text(object, "dise_codg"),
        name: reading.text(object, "dise_name"),
        main: reading.flag(object, "maindise_flag"),
    })
}

/// A line without an id cannot be answered about, so it is a fault.
fn order(object: &Object<'_>, reading: &mut Reading) -> Option<Order> {
    let Some(rx_id) = reading.text(object, "rx_id") else {
        let expected = "每条明细发送请求内唯一的rx_id";
        reading.fault("C103", object.path_of("rx_id"), "未发送".to_owned(), expected);
        return None;
    };
    let object = Object { path: format!("orders[{rx_id}]"), json: object.json };
    let mut order = order_basics(&object, rx_id, reading);
    order_use(&object, &mut order, reading);
    if order.national_code.is_none() && order.hospital_code.is_none() && order.name.is_none() {
        let expected = "发送hilist_code、hosplist_code或hosplist_name之一";
        reading.fault("C103", object.path_of("hosplist_code"), "未发送".to_owned(), expected);
    }
    Some(order)
}

/// What the national interface carries of a line too.
pub(crate) fn order_basics(object: &Object<'_>, rx_id: String, reading: &mut Reading) -> Order {
    let name = reading.text(object, "hosplist_name");
    Order {
        rx_id,
        rxno: reading.text(object, "rxno"),
        group: reading.text(object, "grpno"),
        national_code: reading.text(object, "hilist_code"),
        hospital_code: reading.text(object, "hosplist_code"),
        name: name.or_else(|| reading.text(object, "hilist_name")),
        quantity: reading.number(object, "cnt", COUNT),
        specification: reading.text(object, "spec"),
        price: reading.number(object, "pric", MONEY),
        amount: reading.number(object, "sumamt", MONEY),
        own_pay: reading.number(object, "ownpay_amt", MONEY),
        current: reading.flag(object, "curr_drord_flag").unwrap_or(true),
        begins: reading.moment(object, "drord_begn_date"),
        stops: reading.moment(object, "drord_stop_date"),
        ..Order::default()
    }
}

/// How the drug is used: what only the HIS knows.
fn order_use(object: &Object<'_>, order: &mut Order, reading: &mut Reading) {
    order.ingredients = ingredients(object, reading);
    order.single_dose = reading.number(object, "drug_used_sdose", DOSE);
    order.dose_unit = unit(object, "drug_used_dosunt", reading);
    order.frequency = frequency(object, "drug_used_frqu", reading);
    order.times_per_day_max = reading.number(object, "day_cnt_max", TIMES);
    order.route = route(object, "drug_used_way_code", reading);
    order.days = reading.number(object, "medc_days", DAYS);
    order.quantity_unit = unit(object, "cnt_unt", reading);
    order.discharge = reading.flag(object, "dscg_tkdrug_flag").unwrap_or(false);
    order.urgent = reading.flag(object, "urgt_flag");
    order.consulted = reading.flag(object, "cnslt_flag");
    order.reason = reading.text(object, "excd_rea");
}

fn ingredients(object: &Object<'_>, reading: &mut Reading) -> Vec<String> {
    if let Some(Json::List(items)) = object.json.get("drug_ingd") {
        return items
            .iter()
            .filter_map(|item| if let Json::Text(text) = item { Some(text.clone()) } else { None })
            .collect();
    }
    let text = reading.text(object, "drug_ingd").unwrap_or_default();
    text.split(['+', '、']).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

pub(crate) fn unit(object: &Object<'_>, name: &str, reading: &mut Reading) -> Option<Unit> {
    let text = reading.text(object, name)?;
    let unit = Unit::parse(&text);
    if unit.is_none() {
        reading.doubt("C306", (object, name), &text, "发送mg、g、μg、mL、片、粒、支、盒等单位");
    }
    unit
}

pub(crate) fn frequency(
    object: &Object<'_>,
    name: &str,
    reading: &mut Reading,
) -> Option<Frequency> {
    let text = reading.text(object, name)?;
    let frequency = Frequency::parse(&text);
    if frequency.is_none() {
        reading.doubt("C307", (object, name), &text, "发送QD、BID、TID、Q8H、QOD、PRN等频次");
    }
    frequency
}

pub(crate) fn route(
    object: &Object<'_>,
    name: &str,
    reading: &mut Reading,
) -> Option<crate::facts::Route> {
    let text = reading.text(object, name)?;
    let route = vocabulary::route(&text);
    if route.is_none() {
        reading.doubt(
            "C309",
            (object, name),
            &text,
            "发送给药途径代码，如1口服、404静脉注射或静脉滴注",
        );
    }
    route.and_then(Stated::value)
}

fn prescriber(object: &Object<'_>, reading: &mut Reading) -> Prescriber {
    Prescriber { code: reading.text(object, "drord_dr_codg"), title: title(object, reading) }
}

pub(crate) fn title(object: &Object<'_>, reading: &mut Reading) -> Option<crate::facts::Title> {
    reading.code(object, "drord_dr_profttl", vocabulary::title, "发送231到235，或1到6、9的职称代码")
}

#[allow(clippy::unnecessary_wraps)]
fn allergy(object: &Object<'_>, reading: &mut Reading) -> Option<Allergy> {
    Some(Allergy { code: reading.text(object, "aise_code"), text: reading.text(object, "algs") })
}

/// Many HIS keep allergies as one text of the patient; "无" there is an answer.
pub(crate) fn allergies_of_patient(
    root: &Object<'_>,
    reading: &mut Reading,
) -> Group<Vec<Allergy>> {
    let Some(json) = root.json.get("patient") else { return Group::Absent };
    let patient = Object { path: "patient".to_owned(), json };
    allergies_from_text(reading.text(&patient, "algs"))
}

pub(crate) fn allergies_from_text(text: Option<String>) -> Group<Vec<Allergy>> {
    match text {
        None => Group::Absent,
        Some(text) if matches!(text.as_str(), "无" | "否认" | "无过敏史") => Group::Empty,
        Some(text) => Group::Present(vec![Allergy { code: None, text: Some(text) }]),
    }
}

#[allow(clippy::unnecessary_wraps)]
fn lab(object: &Object<'_>, reading: &mut Reading) -> Option<LabResult> {
    Some(LabResult {
        code: reading.text(object, "exam_item_detl_code"),
        name: reading.text(object, "exam_item_detl_name"),
        value: reading.number(object, "exam_rslt_val", RESULT),
        unit: reading.text(object, "exam_unt"),
        reported: reading.moment(object, "rpt_date"),
    })
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
    fn groups_are_present_absent_or_empty() {
        check_groups("{}", "patient absent, orders absent, allergies absent");
        check_groups(
            r#"{"patient":{},"orders":[],"allergies":null}"#,
            "patient empty, orders empty, allergies absent",
        );
        check_groups(
            r#"{"patient":{"gend":"1","algs":"青霉素"},"orders":[{"rx_id":1,"hosplist_code":"Y"}]}"#,
            "patient present, orders present, allergies present",
        );
        check_groups(
            r#"{"patient":{"algs":"无"},"orders":{"rx_id":"1","hosplist_name":"药"}}"#,
            "patient present, orders present, allergies empty",
        );
    }

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
        check("{", &["C101  第1行第1列不是JSON"]);
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

    #[track_caller]
    fn check_groups(text: &str, expected: &str) {
        fn state<T>(group: &Group<T>) -> &'static str {
            match group {
                Group::Present(_) => "present",
                Group::Absent => "absent",
                Group::Empty => "empty",
            }
        }
        let actual = match read(text) {
            Ok(facts) => format!(
                "patient {}, orders {}, allergies {}",
                state(&facts.patient),
                state(&facts.orders),
                state(&facts.allergies)
            ),
            Err(faults) => format!("{faults:?}"),
        };
        assert_eq!(actual, expected);
    }
}
