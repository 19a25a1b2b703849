//! Reads one group of a check at a time: patient, encounter, order line, and the rest.
//!
//! The canonical request, the national message and the standard records share element names, so
//! they share these readers; what differs (ids, units, flags) stays with each of them.

use crate::age::Age;
use crate::facts::{
    Allergy, Diagnosis, Encounter, Group, HospitalLevel, LabResult, Order, Patient, Prescriber,
    Right, RightKind, Route, Stay, Surgery, Title, VisitKind,
};
use crate::frequency::Frequency;
use crate::json::Json;
use crate::reading::{Bounds, Object, Reading};
use crate::request::asked::Kind;
use crate::session::ItemKind;
use crate::steps;
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
const WEEKS: Bounds = Bounds { zero: true, max: 45, expected: "发送0到45之间的孕周数" };
const MINUTES: Bounds =
    Bounds { zero: false, max: 10_080, expected: "发送大于0的分钟数，不超过7日" };
const RATE: Bounds =
    Bounds { zero: false, max: 10_000, expected: "发送大于0的滴速或泵速" };
const VOLUME: Bounds =
    Bounds { zero: true, max: 50_000, expected: "发送以毫升为单位的出血量" };
const RESULT: Bounds =
    Bounds { zero: true, max: 1_000_000_000, expected: "发送不小于0的检验结果" };

pub(crate) fn patient(object: &Object<'_>, reading: &mut Reading) -> Patient {
    Patient {
        patn_id: reading.text(object, "patn_id"),
        sex: reading.code(object, "gend", vocabulary::sex, "发送1（男）、2（女）、0或9"),
        birth: reading.date(object, "brdy"),
        age: age(object, reading),
        weight_kg: reading.number(object, "wt", WEIGHT),
        weighed: reading.date(object, "wt_date"),
        height_cm: reading.number(object, "heit", HEIGHT),
        maternity: reading.code(
            object,
            "matn_stas",
            vocabulary::maternity,
            "发送0未知、1非妊娠期或哺乳期、2近期有生育计划、3妊娠期、4哺乳期",
        ),
        gestation_weeks: reading.number(object, "geso_val", WEEKS),
        last_menses: reading.date(object, "last_mena_date"),
        delivered: reading.date(object, "fetts_date"),
    }
}

/// `age` is a text with its unit, or a number whose unit is in `age_unt` (years when left out).
fn age(object: &Object<'_>, reading: &mut Reading) -> Option<Age> {
    let unit = reading.text(object, "age_unt");
    let mut text = reading.text(object, "age")?;
    // A record writes numbers with their declared places: 56.0 is 56.
    if let Some((years, "0")) = text.split_once('.') {
        text = years.to_owned();
    }
    if text.parse::<u32>().is_ok() {
        text.push_str(unit.as_deref().unwrap_or("岁"));
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
    encounter_by(vocabulary::hospital_level, object, reading)
}

/// The same, where a table of the region says what a `medins_lv` is.
pub(crate) fn encounter_by(
    level: impl Fn(&str) -> Option<Stated<HospitalLevel>>,
    object: &Object<'_>,
    reading: &mut Reading,
) -> Encounter {
    let med_type = reading.text(object, "med_type").unwrap_or_default();
    let registered = reading.flag(object, "opsp_flag");
    let chronic = (vocabulary::is_chronic(&med_type) || registered == Some(true)).then_some(true);
    Encounter {
        mdtrt_id: reading.text(object, "mdtrt_id"),
        visit: visit(object, &med_type, reading),
        department_code: reading.text(object, "adm_dept_codg"),
        department_name: reading.text(object, "adm_dept_name"),
        hospital_level: reading.code(object, "medins_lv", level, "发送医疗机构等级代码1到14"),
        began: reading.first_of(["begntime", "adm_date"], |it, name| it.moment(object, name)),
        bed: reading.text(object, "bedno"),
        insutype: reading.text(object, "insutype"),
        insurance_region: reading.text(object, "insuplc_admdvs"),
        long_prescription: reading.flag(object, "long_rx_flag").or(chronic),
        campus: reading.text(object, "hosp_area_codg"),
        ended: reading.first_of(["endtime", "dscg_date"], |it, name| it.moment(object, name)),
        on_chronic_scheme: registered.or(chronic),
        work_injury_pending: reading.flag(object, "wkinj_pend_flag"),
        approved_diseases: texts(object, "opsp_dise_codes", reading),
        pain_file: reading.flag(object, "pain_file_flag"),
        guardian_present: reading.flag(object, "guardian_flag"),
        planned_course: reading.flag(object, "plan_course_flag"),
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
    let name = reading.text(object, "dise_name");
    Some(Diagnosis {
        code: reading.text(object, "dise_codg"),
        main: reading.flag(object, "maindise_flag"),
        suspected: reading
            .flag(object, "suspd_flag")
            .unwrap_or_else(|| says(name.as_deref(), &SUSPECTED)),
        excluded: reading
            .flag(object, "excl_flag")
            .unwrap_or_else(|| says(name.as_deref(), &EXCLUDED)),
        chronic: reading.flag(object, "chronic_flag").unwrap_or(false),
        made: reading.date(object, "diag_time"),
        name,
    })
}

/// How doctors write that they only suspect a disease, or that they have ruled it out.
const SUSPECTED: [&str; 6] = ["?", "？", "疑似", "待查", "待排", "可疑"];
const EXCLUDED: [&str; 3] = ["除外", "排除", "未见"];

/// Whether a name says that the disease is only suspected, and whether that it is ruled out.
pub(crate) fn is_doubted(name: Option<&str>) -> (bool, bool) {
    (says(name, &SUSPECTED), says(name, &EXCLUDED))
}

fn says(name: Option<&str>, words: &[&str]) -> bool {
    name.is_some_and(|name| words.iter().any(|word| name.contains(word)))
}

/// A list of texts, or one text with `|` or `、` between them; sent empty is an answer.
fn texts(object: &Object<'_>, name: &str, reading: &mut Reading) -> Group<Vec<String>> {
    reading.note(object, name, || Kind::Texts);
    let found: Vec<String> = match object.json.get(name) {
        None | Some(Json::Null) => return Group::Absent,
        Some(Json::List(items)) => items
            .iter()
            .filter_map(|item| match item {
                Json::Text(text) | Json::Number(text) => Some(text.trim().to_owned()),
                _ => None,
            })
            .collect(),
        Some(_) => {
            let text = reading.text(object, name).unwrap_or_default();
            text.split(['|', '、', ',']).map(|part| part.trim().to_owned()).collect()
        }
    };
    let found: Vec<String> = found.into_iter().filter(|text| !text.is_empty()).collect();
    if found.is_empty() { Group::Empty } else { Group::Present(found) }
}

/// What the national interface carries of a line too.
pub(crate) fn order_basics(object: &Object<'_>, rx_id: String, reading: &mut Reading) -> Order {
    let mut first_of = |names| reading.first_of(names, |it, name| it.text(object, name));
    let name = first_of(["hosplist_name", "hilist_name"]);
    let department_code = first_of(["bilg_dept_codg", "drord_dept_codg"]);
    Order {
        rx_id,
        rxno: reading.text(object, "rxno"),
        group: reading.text(object, "grpno"),
        national_code: reading.text(object, "hilist_code"),
        hospital_code: reading.text(object, "hosplist_code"),
        name,
        quantity: reading.number(object, "cnt", COUNT),
        specification: reading.text(object, "spec"),
        price: reading.number(object, "pric", MONEY),
        amount: reading.number(object, "sumamt", MONEY),
        own_pay: reading.number(object, "ownpay_amt", MONEY),
        current: reading.flag(object, "curr_drord_flag").unwrap_or(true),
        begins: reading.moment(object, "drord_begn_date"),
        stops: reading.moment(object, "drord_stop_date"),
        standing: reading.flag(object, "long_drord_flag"),
        department_code,
        ..Order::default()
    }
}

/// A charge or a line of the past: the same, but a negative quantity takes back what was charged.
pub(crate) fn charge_basics(object: &Object<'_>, rx_id: String, reading: &mut Reading) -> Order {
    let quantity = reading.signed_number(object, "cnt", COUNT);
    let amounts = ["sumamt", "det_item_fee_sumamt"];
    let amount = reading.first_of(amounts, |it, name| it.signed_number(object, name, MONEY));
    let own_pay = reading.signed_number(object, "ownpay_amt", MONEY);
    let moments = ["fee_ocur_time", "drord_begn_date"];
    let begins = reading.first_of(moments, |it, name| it.moment(object, name));
    let names = ["hosplist_name", "hilist_name"];
    let name = reading.first_of(names, |it, name| it.text(object, name));
    Order {
        rx_id,
        rxno: reading.text(object, "rxno"),
        group: reading.text(object, "grpno"),
        national_code: reading.text(object, "hilist_code"),
        hospital_code: reading.text(object, "hosplist_code"),
        name,
        specification: reading.text(object, "spec"),
        price: reading.number(object, "pric", MONEY),
        stops: reading.moment(object, "drord_stop_date"),
        standing: reading.flag(object, "long_drord_flag"),
        department_code: reading.text(object, "bilg_dept_codg"),
        quantity,
        amount,
        own_pay,
        begins,
        ..Order::default()
    }
}

/// How the drug is used: what only the HIS knows.
pub(crate) fn order_use(object: &Object<'_>, order: &mut Order, reading: &mut Reading) {
    order.ingredients = ingredients(object, reading);
    steps::read(object, order, reading);
    order.first_dose = reading.number(object, "first_sdose", DOSE);
    order.dose_unit = unit(object, "drug_used_dosunt", reading);
    order.frequency = frequency(object, "drug_used_frqu", reading);
    order.times_per_day_max = reading.number(object, "day_cnt_max", TIMES);
    let coded = route(object, "drug_used_way_code", reading);
    order.route = coded.or(route(object, "drug_used_way_name", reading));
    order.route_text = reading
        .text(object, "drug_used_way_name")
        .or_else(|| reading.text(object, "drug_used_way_code"));
    order.drops_per_minute = reading.number(object, "drip_spd", RATE);
    order.ml_per_hour = reading.number(object, "pump_spd", RATE);
    order.minutes = reading.number(object, "drip_min", MINUTES);
    order.solvent = reading.flag(object, "slvt_flag");
    order.doses = reading.number(object, "tcmdrug_dose_cnt", COUNT);
    order.days = reading.number(object, "medc_days", DAYS);
    order.quantity_unit = quantity_unit(object, "cnt_unt", reading);
    order.discharge = reading.flag(object, "dscg_tkdrug_flag").unwrap_or(false);
    order.urgent = reading.flag(object, "urgt_flag");
    order.consulted = reading.flag(object, "cnslt_flag");
    order.reason = reading.text(object, "excd_rea");
    order.batch = reading.text(object, "manu_lotnum");
    order.body_site = reading.text(object, "body_site");
    order.consent = reading.flag(object, "consent_flag");
    order.registered_use = reading.flag(object, "regd_use_flag");
    order.attested = reading.flag(object, "attst_flag");
    order.first_line_used = reading.flag(object, "frst_line_flag");
    order.on_chronic_scheme = reading.flag(object, "opsp_flag");
    order.valid_to = reading.date(object, "rx_valid_date");
    let expected = "发送阴性、阳性、待判或免试";
    order.skin_test = reading.code(object, "skin_test_rslt", vocabulary::skin_test, expected);
    past_marks(object, order, reading);
}

/// What ties a line to another line or encounter.
fn past_marks(object: &Object<'_>, order: &mut Order, reading: &mut Reading) {
    order.refunds = reading.text(object, "refd_rx_id");
    order.mdtrt_id = reading.text(object, "mdtrt_id");
    order.voided = reading.flag(object, "void_flag").unwrap_or(false);
}

fn ingredients(object: &Object<'_>, reading: &mut Reading) -> Vec<String> {
    reading.note(object, "drug_ingd", || Kind::Texts);
    if let Some(Json::List(items)) = object.json.get("drug_ingd") {
        return items
            .iter()
            .filter_map(|item| {
                if let Json::Text(text) = item { Some(text.clone().into_owned()) } else { None }
            })
            .collect();
    }
    let text = reading.text(object, "drug_ingd").unwrap_or_default();
    text.split(['+', '、']).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

/// What a quantity is counted in. 次 and 床日 count services: nobody works out days or doses of those,
/// and a service that is counted so is nothing to correct. A drug that is counted so is.
pub(crate) fn quantity_unit(
    object: &Object<'_>,
    name: &str,
    reading: &mut Reading,
) -> Option<Unit> {
    let text = reading.said(object, name)?;
    let code = match object.json.get("hilist_code") {
        Some(Json::Text(code)) => code.trim(),
        _ => "",
    };
    let is_drug = ItemKind::of(code).is_some_and(ItemKind::is_drug);
    let is_charge = !object.path.starts_with("orders[");
    let is_service = is_charge || code.is_empty() || ItemKind::of(code) == Some(ItemKind::Service);
    if COUNTS_OF_SERVICES.contains(&text) && is_service && !is_drug {
        return None;
    }
    unit(object, name, reading)
}

const COUNTS_OF_SERVICES: [&str; 16] = [
    "次", "日", "天", "项", "小时", "时", "床日", "人次", "例", "部位", "单侧", "双侧", "每日",
    "疗程", "台次", "人",
];

pub(crate) fn unit(object: &Object<'_>, name: &str, reading: &mut Reading) -> Option<Unit> {
    let text = reading.said(object, name)?;
    let unit = Unit::parse(text);
    if unit.is_none() {
        reading.doubt("C306", (object, name), text, "发送mg、g、μg、mL、片、粒、支、盒等单位");
    }
    unit
}

pub(crate) fn frequency(
    object: &Object<'_>,
    name: &str,
    reading: &mut Reading,
) -> Option<Frequency> {
    let text = reading.said(object, name)?;
    let frequency = Frequency::parse(text);
    if frequency.is_none() {
        reading.doubt("C307", (object, name), text, "发送QD、BID、TID、Q8H、QOD、PRN等频次");
    }
    frequency
}

pub(crate) fn route(object: &Object<'_>, name: &str, reading: &mut Reading) -> Option<Route> {
    let text = reading.said(object, name)?;
    let route = vocabulary::route(text);
    if route.is_none() {
        reading.doubt(
            "C309",
            (object, name),
            text,
            "发送给药途径代码，如1口服、404静脉注射或静脉滴注",
        );
    }
    route.and_then(Stated::value)
}

pub(crate) fn prescriber(object: &Object<'_>, reading: &mut Reading) -> Prescriber {
    Prescriber {
        code: reading.text(object, "drord_dr_codg"),
        title: title(object, reading),
        department_code: reading.text(object, "drord_dept_codg"),
        specialist: reading.flag(object, "spclst_flag"),
        rights: rights(object, reading),
        several: false,
    }
}

/// A list of rights, each a word or `{"right": "麻精一", "to": "20261231"}`.
fn rights(object: &Object<'_>, reading: &mut Reading) -> Group<Vec<Right>> {
    reading.note(object, "rights", || Kind::Rights);
    let items = match object.json.get("rights") {
        None | Some(Json::Null) => return Group::Absent,
        Some(Json::List(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let read = |(position, json): (usize, &Json<'_>)| {
        let at = Object { path: object.path_of(&format!("rights[{position}]")), json };
        let (word, to) = match json {
            Json::Text(word) => (Some(word.trim().to_owned()), None),
            Json::List(_) => {
                reading.fault("C102", at.path, "列表".to_owned(), "发送处方权的名称或对象");
                return None;
            }
            _ => (reading.text(&at, "right"), reading.date(&at, "to")),
        };
        // 无 is an answer: the doctor is in the table and has no special right.
        let word = word.filter(|word| !word.is_empty() && word != "无")?;
        let Some(kind) = RightKind::parse(&word) else {
            let known: Vec<_> = RightKind::NAMES.iter().map(|(word, _)| *word).collect();
            reading.fault("C203", at.path, word, &format!("发送{}之一", known.join("、")));
            return None;
        };
        Some(Right { kind, to })
    };
    let rights: Vec<Right> = items.iter().enumerate().filter_map(read).collect();
    if items.is_empty() { Group::Empty } else { Group::Present(rights) }
}

pub(crate) fn title(object: &Object<'_>, reading: &mut Reading) -> Option<Title> {
    reading.code(object, "drord_dr_profttl", vocabulary::title, "发送231到235，或1到6、9的职称代码")
}

#[allow(clippy::unnecessary_wraps)]
pub(crate) fn allergy(object: &Object<'_>, reading: &mut Reading) -> Option<Allergy> {
    Some(Allergy {
        code: reading.text(object, "aise_code"),
        text: reading.text(object, "algs"),
        severity: reading.code(
            object,
            "algs_sev",
            vocabulary::allergy_severity,
            "发送1轻度、2中度、3重度",
        ),
    })
}

pub(crate) fn allergies_from_text(text: Option<String>) -> Group<Vec<Allergy>> {
    match text {
        None => Group::Absent,
        Some(text) if matches!(text.as_str(), "无" | "否认" | "无过敏史") => Group::Empty,
        Some(text) => Group::Present(vec![Allergy { text: Some(text), ..Allergy::default() }]),
    }
}

#[allow(clippy::unnecessary_wraps)]
pub(crate) fn lab(object: &Object<'_>, reading: &mut Reading) -> Option<LabResult> {
    Some(LabResult {
        code: reading.text(object, "exam_item_detl_code"),
        name: reading.text(object, "exam_item_detl_name"),
        value: reading.number(object, "exam_rslt_val", RESULT),
        text: reading.text(object, "exam_rslt_dicm"),
        upper: reading.number(object, "ref_val_up", RESULT),
        lower: reading.number(object, "ref_val_low", RESULT),
        unit: reading.text(object, "exam_unt"),
        outside: reading.flag(object, "ext_rslt_flag"),
        reported: reading.moment(object, "rpt_date"),
    })
}

/// A visit or stay of the past.
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn stay(object: &Object<'_>, reading: &mut Reading) -> Option<Stay> {
    let of_visit = encounter(object, reading);
    Some(Stay {
        mdtrt_id: of_visit.mdtrt_id,
        visit: of_visit.visit,
        began: of_visit.began,
        ended: of_visit.ended,
        department_code: of_visit.department_code,
        main_diagnosis: reading.text(object, "dise_codg"),
        planned_course: of_visit.planned_course,
        transferred: reading.text(object, "dscg_way").map(|way| vocabulary::is_transfer(&way)),
    })
}

#[allow(clippy::unnecessary_wraps)]
pub(crate) fn surgery(object: &Object<'_>, reading: &mut Reading) -> Option<Surgery> {
    Some(Surgery {
        code: reading.text(object, "oprn_oprt_code"),
        name: reading.text(object, "oprn_oprt_name"),
        main: reading.flag(object, "main_oprn_flag"),
        // Where the record of the anaesthesia knows when the skin was cut, that is the beginning.
        began: reading
            .first_of(["sinc_time", "oprn_oprt_begntime"], |it, name| it.moment(object, name)),
        ended: reading.moment(object, "oprn_oprt_endtime"),
        cut: reading.code(object, "sinc_type", vocabulary::cut_class, "发送0、1、2、3或I、II、III"),
        incision: reading.text(object, "sinc_no"),
        blood_loss_ml: reading.number(object, "bld_loss", VOLUME),
    })
}
