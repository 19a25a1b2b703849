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
use crate::facts::{Encounter, Facts, Scene, VisitKind};
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
            match entity.as_str() {
                "outpatient_registration" => {
                    parts.patient = Some(json.clone());
                    parts.encounter = Some(json);
                }
                "outpatient_diagnosis" => parts.diagnoses.push(json),
                "outpatient_prescription" => parts.orders.push(json),
                _ => {}
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
            "dscg_dept_codg" => told().or_else(|| self.of_encounter("adm_dept_codg")),
            "dscg_dept_name" => told().or_else(|| self.of_encounter("adm_dept_name")),
            "dscg_main_dise_codg" => told().or_else(|| self.of_main("dise_codg")),
            "dscg_main_dise_name" => told().or_else(|| self.of_main("dise_name")),
            "dr_codg" => told().or_else(|| self.facts.prescriber.present()?.code.clone()),
            "med_mdtrt_type" => told().or_else(|| Some(visit(encounter.visit?).to_owned())),
            "medfee_sumamt" => told().or_else(|| self.sum("sumamt")),
            "ownpay_amt" | "selfpay_amt" => told().or_else(|| self.sum(name)),
            _ => told(),
        }
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
        let own = self.parts.orders.get(at);
        let told = || {
            // Where it was ordered may be said once for all lines.
            let by = [own, self.parts.prescriber.as_ref(), self.parts.encounter.as_ref()];
            told(if name.starts_with("drord_dept_") { &by } else { &by[..1] }, name)
        };
        match name {
            "rx_id" => Some(order.rx_id.clone()),
            "curr_drord_flag" => Some(if order.current { "1" } else { "0" }.to_owned()),
            "drord_begn_date" => order.begins.map(written).or_else(told),
            "drord_dr_codg" => self.doctor_of(at),
            _ if name.starts_with("drord_dr_") => self.of_doctor(&self.doctor_of(at)?, name),
            _ => told(),
        }
    }

    /// Who ordered a line: whom it names itself, else whom the check names for all lines.
    fn doctor_of(&self, at: usize) -> Option<String> {
        let own = self.parts.orders.get(at);
        let by = [own, self.parts.prescriber.as_ref(), self.parts.encounter.as_ref()];
        let named = by.into_iter().flatten().find_map(doctor_in);
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
    ["drord_dr_codg", "prsc_dr_code", "atddr_no"].iter().find_map(|name| nodes::text(part, name))
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
const ALSO: [(&str, &[&str]); 23] = [
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
    ("hilist_name", &["hosplist_name", "rx_detl_name"]),
    ("hosplist_code", &["rx_detl_id"]),
    ("hosplist_name", &["rx_detl_name", "hilist_name"]),
    ("sumamt", &["det_item_fee_sumamt"]),
    ("spec", &["drug_spec"]),
    ("spec_unt", &["cnt_unt"]),
    ("drord_begn_date", &["medc_begntime", "rx_prsc_time"]),
    ("drord_stop_date", &["medc_endtime"]),
    ("drord_dept_codg", &["prsc_dept_code", "bilg_dept_codg", "adm_dept_codg", "dept_code"]),
    ("drord_dept_name", &["prsc_dept_name", "adm_dept_name", "dept_name"]),
    ("drord_dr_name", &["prsc_dr_name", "dr_name"]),
    ("hilist_dosform", &["drug_dosform_name"]),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::insurance::{Region, Service, read};

    const STATED: &str = "mdtrtarea_admvs=430100 recer_sys_code=YBXT infver=1.0.0 opter_type=1 poolarea=430100 medins_admdvs=430100 medins_type=A1 medins_lv=5 med_type=11 matn_stas=0 setl_totlnum=1 insutype=310 reim_flag=2 out_setl_flag=0 long_drord_flag=0 hilist_type=101 chrg_type=09 drord_bhvr=0 hilist_lv=02 hilist_pric=58.80 ownpay_amt=0 selfpay_amt=0";
    const REQUEST: &str = r#"{"patient":{"patn_id":"P1","patn_name":"测试甲","gend":"2","brdy":"19600101"},
        "encounter":{"mdtrt_id":"MZ1","med_mdtrt_type":"1","adm_date":"20250610091000","adm_dept_codg":"A03","adm_dept_name":"内科"},
        "diagnoses":[{"dise_codg":"I10.x00","dise_name":"高血压","maindise_flag":"1","diag_time":"20250610092000"}],
        "orders":[{"rx_id":"RX1-1","rxno":"RX1","hilist_code":"XG04CBD247E002010101503","hosplist_code":"YP000502",
        "hosplist_name":"度他雄胺软胶囊","cnt":1,"pric":58.80,"sumamt":"58.80","spec":"0.5mg×7粒/盒","spec_unt":"盒",
        "drord_begn_date":"20250610092500"}],
        "prescriber":{"drord_dr_codg":"D1","drord_dr_name":"测试医师","drord_dr_profttl":"232"}}"#;

    #[test]
    fn what_is_restated_says_the_same() {
        let restated = of_request(REQUEST, STATED).unwrap();
        assert_eq!(restated.infno, "3101");
        let asked = read(&restated.text, Service::Before, &Region::default()).unwrap();
        let [facts] = asked.patients.as_slice() else { panic!("{asked:?}") };
        let own = crate::request::read(REQUEST).unwrap();
        assert_eq!(facts.data_findings, []);
        let line = |it: &Facts| it.orders.present().unwrap().first().unwrap().clone();
        let (theirs, ours) = (line(facts), line(&own));
        assert_eq!((theirs.rx_id, theirs.national_code), (ours.rx_id, ours.national_code));
        assert_eq!(
            (theirs.quantity, theirs.price, theirs.begins),
            (ours.quantity, ours.price, ours.begins)
        );
        assert_eq!(facts.patient.present().unwrap().birth, own.patient.present().unwrap().birth);
        assert_eq!(facts.diagnoses.present().unwrap().len(), 1);
        for part in [
            r#""brdy":"1960-01-01""#,
            r#""pric":"58.80""#,
            r#""medfee_sumamt":"58.80""#,
            r#""drord_begn_date":"2025-06-10 09:25:00""#,
            r#""dscg_main_dise_codg":"I10.x00""#,
            r#""curr_mdtrt_id":"MZ1""#,
            r#""trig_scen":"2""#,
            r#""opter_name":"测试医师""#,
            r#""fixmedins_code":"H1""#,
        ] {
            assert!(restated.text.contains(part), "{part}: {}", restated.text);
        }
    }

    #[test]
    fn what_is_missing_is_told_by_name() {
        check(REQUEST, STATED, "");
        check(REQUEST, &STATED.replace("hilist_type=101 ", ""), "目录类别");
        check(REQUEST, &STATED.replace("recer_sys_code=YBXT ", ""), "接收方系统代码");
        check(&REQUEST.replace(r#","diag_time":"20250610092000""#, ""), STATED, "诊断日期");
        check(&REQUEST.replace("19600101", " "), STATED, "出生日期");
        check(&REQUEST.replace(r#""patn_name":"测试甲","#, ""), STATED, "姓名");
        // Each once, however many lines lack it.
        let twice = REQUEST
            .replace(r#""orders":["#, r#""orders":[{"rx_id":"2","hosplist_code":"Y","sumamt":1},"#);
        check(
            &twice,
            STATED,
            "处方号 医保目录代码 医保目录名称 医院目录名称 数量 单价 规格 数量单位 医嘱开始日期",
        );
    }

    #[test]
    fn settlements_are_3102() {
        let paying = REQUEST.replacen('{', r#"{"scene":"settlement","#, 1);
        let restated = of_request(&paying, STATED).unwrap();
        assert_eq!(restated.infno, "3102");
        assert!(restated.text.contains(r#""trig_scen":"6""#), "{}", restated.text);
    }

    #[test]
    fn records_of_a_channel() {
        let record =
            |entity: &str, text: &str| (entity.to_owned(), serde_json::from_str(text).unwrap());
        let records = [
            record(
                "outpatient_registration",
                r#"{"patn_id":"P1","psn_name":"测试甲","gend":"1","brdy":"19600101","mdtrt_sn":"MZ1","begntime":"20250610091000","dept_code":"A03","dept_name":"内科","atddr_no":"D1","dr_name":"测试医师"}"#,
            ),
            record(
                "outpatient_diagnosis",
                r#"{"diag_code":"I10","diag_name":"高血压","maindiag_flag":"1","diag_time":"20250610092000"}"#,
            ),
            record("outpatient_prescription", r#"{"rxno":"RX1","rx_srt_no":1,"vali_flag":"0"}"#),
            record(
                "outpatient_prescription",
                r#"{"rxno":"RX1","rx_srt_no":2,"rx_detl_id":"Y1","rx_detl_name":"药","drug_spec":"1mg","cnt":1,"cnt_unt":"盒","pric":1.5,"det_item_fee_sumamt":1.5,"rx_prsc_time":"20250610092500","prsc_dr_code":"D1","prsc_dept_code":"A03","prsc_dept_name":"内科"}"#,
            ),
        ];
        let facts = crate::facts_from_records(&records);
        let stated = format!("{STATED} drord_dr_profttl=232");
        let told = said(Source::Records(&records), &facts, &stated).unwrap_err();
        assert_eq!(told, ["医保目录代码"], "a channel that does not know the insurer's code");
        let stated = format!("{stated} hilist_code=X");
        let restated = said(Source::Records(&records), &facts, &stated).unwrap();
        assert!(restated.text.contains(r#""rx_id":"RX1-2""#), "{}", restated.text);
    }

    /// No doctor is called by another's name, and a line's own doctor comes before the encounter's.
    #[test]
    fn a_doctor_goes_by_his_own_name() {
        let by = |line: &str, prescriber: &str, encounter: &str| {
            let prescriber = format!(r#""prescriber":{{{prescriber}}}"#);
            let text = REQUEST
                .replace(
                    r#""prescriber":{"drord_dr_codg":"D1","drord_dr_name":"测试医师","drord_dr_profttl":"232"}"#,
                    &prescriber,
                )
                .replace(r#""rxno":"RX1""#, &format!(r#""rxno":"RX1"{line}"#))
                .replace(r#""adm_dept_codg""#, &format!(r#"{encounter}"adm_dept_codg""#));
            let stated = format!("{STATED} opter=O opter_name=P drord_dr_profttl=231");
            of_request(&text, &stated).map_or_else(
                |lacking| lacking.join(" "),
                |it| {
                    let json: Value = serde_json::from_str(&it.text).unwrap();
                    let order = &json["input"]["data"]["patient_dtos"][0]["fsi_encounter_dtos"][0]
                        ["fsi_order_dtos"][0];
                    let text = |it: &Value| it.as_str().unwrap_or("-").to_owned();
                    format!(
                        "{} {} {}",
                        text(&order["drord_dr_codg"]),
                        text(&order["drord_dr_name"]),
                        text(&order["drord_dr_profttl"])
                    )
                },
            )
        };
        let all = r#""drord_dr_codg":"D1","drord_dr_name":"甲","drord_dr_profttl":"232""#;
        let own = r#","prsc_dr_code":"D2","prsc_dr_name":"乙""#;
        let seen = r#""atddr_no":"D3","dr_name":"丙","#;
        assert_eq!(by("", all, ""), "D1 甲 232");
        assert_eq!(by(own, all, seen), "D2 乙 231", "his title is what the hospital states");
        assert_eq!(by("", "", seen), "D3 丙 231");
        assert_eq!(by(r#","prsc_dr_code":"D1""#, all, seen), "D1 甲 232");
        assert_eq!(by(r#","prsc_dr_code":"D2""#, all, seen), "开处方(医嘱)医生姓名");
        assert_eq!(by("", r#""drord_dr_codg":"D1""#, seen), "开处方(医嘱)医生姓名");
    }

    fn of_request(text: &str, stated: &str) -> Result<Restated, Vec<String>> {
        let facts = crate::request::read(text).unwrap_or_default();
        said(Source::Canonical(text), &facts, stated)
    }

    fn said(source: Source<'_>, facts: &Facts, stated: &str) -> Result<Restated, Vec<String>> {
        let stated = stated.split(' ').filter_map(|it| it.split_once('='));
        let stated = stated.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let sender = Sender {
            org: "H1",
            org_name: "示例医院",
            msgid: "H120250610093015000001",
            now: jiff::civil::datetime(2025, 6, 10, 9, 30, 15, 0),
            stated: &stated,
        };
        let catalog = Catalog::shipped("national").unwrap();
        restate(source, facts, &catalog, &sender)
    }

    #[track_caller]
    fn check(request: &str, stated: &str, expected: &str) {
        let told = of_request(request, stated).map_or_else(|it| it.join(" "), |_| String::new());
        assert_eq!(told, expected);
    }
}
