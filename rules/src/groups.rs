//! Reads one group of a check at a time: patient, encounter, order line, and the rest.
//!
//! The canonical request, the national message and the standard records share element names, so
//! they share these readers; what differs (ids, units, flags) stays with each of them.

use crate::age::Age;
use crate::facts::{
    Allergy, Diagnosis, Encounter, Group, LabResult, Order, Patient, Prescriber, Route, Title,
    VisitKind,
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
    // A record writes numbers with their declared places: 56.0 is 56.
    if let Some((years, "0")) = text.split_once('.') {
        text = years.to_owned();
    }
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
pub(crate) fn order_use(object: &Object<'_>, order: &mut Order, reading: &mut Reading) {
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

pub(crate) fn route(object: &Object<'_>, name: &str, reading: &mut Reading) -> Option<Route> {
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

pub(crate) fn prescriber(object: &Object<'_>, reading: &mut Reading) -> Prescriber {
    Prescriber { code: reading.text(object, "drord_dr_codg"), title: title(object, reading) }
}

pub(crate) fn title(object: &Object<'_>, reading: &mut Reading) -> Option<Title> {
    reading.code(object, "drord_dr_profttl", vocabulary::title, "发送231到235，或1到6、9的职称代码")
}

#[allow(clippy::unnecessary_wraps)]
pub(crate) fn allergy(object: &Object<'_>, reading: &mut Reading) -> Option<Allergy> {
    Some(Allergy { code: reading.text(object, "aise_code"), text: reading.text(object, "algs") })
}

pub(crate) fn allergies_from_text(text: Option<String>) -> Group<Vec<Allergy>> {
    match text {
        None => Group::Absent,
        Some(text) if matches!(text.as_str(), "无" | "否认" | "无过敏史") => Group::Empty,
        Some(text) => Group::Present(vec![Allergy { code: None, text: Some(text) }]),
    }
}

#[allow(clippy::unnecessary_wraps)]
pub(crate) fn lab(object: &Object<'_>, reading: &mut Reading) -> Option<LabResult> {
    Some(LabResult {
        code: reading.text(object, "exam_item_detl_code"),
        name: reading.text(object, "exam_item_detl_name"),
        value: reading.number(object, "exam_rslt_val", RESULT),
        unit: reading.text(object, "exam_unt"),
        reported: reading.moment(object, "rpt_date"),
    })
}
