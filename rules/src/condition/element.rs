//! What a condition can compare: the elements of a check, their names, kinds and readers.
//!
//! One list for conditions, for the texts of answers and for the form in which rules are shown.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::age::BirthRange;
use crate::facts::{
    Diagnosis, Encounter, Group, HospitalLevel, Maternity, Patient, Prescriber, Sex, Title,
    VisitKind,
};
use crate::party::PartyKind;
use crate::session::Line;
use crate::unit::Dose;

use super::judge::Subject;

/// One element.
pub struct Element {
    /// Its path: `orders.cnt`.
    pub name: &'static str,
    /// Its name for people.
    pub zh: &'static str,
    /// What its values are.
    pub kind: Kind,
    read: fn(&Subject<'_>) -> Found,
}

impl std::fmt::Debug for Element {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Element) -> bool {
        self.name == other.name
    }
}

impl Eq for Element {}

/// What the values of an element are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A person or a place, by code or name.
    Party(PartyKind),
    /// One of these words.
    Word(&'static [&'static str]),
    /// An exact number.
    Number,
    /// An amount with its unit.
    Dose,
    /// An age, by birth date or as sent.
    Age,
    /// Yes or no.
    Flag,
}

/// A value that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text or word.
    Text(String),
    /// A number.
    Number(Decimal),
    /// An amount.
    Dose(Dose),
    /// The days on which the patient may have been born, and today.
    Age(BirthRange, Date),
    /// Yes or no.
    Flag(bool),
}

/// What was sent of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Its values; none when asked for and none.
    Values(Vec<Value>),
    /// The values that were sent, and the path of one that was not.
    Partly(Vec<Value>, String),
    /// The path of what is missing.
    Missing(String),
}

impl Element {
    /// The element of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<&'static Element> {
        ELEMENTS.iter().find(|element| element.name == name)
    }

    /// Whether it belongs to one line.
    #[must_use]
    pub fn is_of_a_line(&self) -> bool {
        self.name.starts_with("orders.")
    }

    pub(crate) fn found(&self, subject: &Subject<'_>) -> Found {
        (self.read)(subject)
    }
}

const SEXES: [&str; 2] = ["男", "女"];
const VISITS: [&str; 5] = ["门诊", "急诊", "住院", "互联网诊疗", "购药"];
const LEVELS: [&str; 4] = ["无等级", "一级", "二级", "三级"];
const MATERNITY: [&str; 4] = ["非妊娠期或哺乳期", "近期有生育计划", "妊娠期", "哺乳期"];
const TITLES: [&str; 6] = ["无职称", "医士", "医师", "主治医师", "副主任医师", "主任医师"];

const REGION: Kind = Kind::Party(PartyKind::Region);
const CAMPUS: Kind = Kind::Party(PartyKind::Campus);
const DEPARTMENT: Kind = Kind::Party(PartyKind::Department);
const DOCTOR: Kind = Kind::Party(PartyKind::Doctor);

const fn element(
    name: &'static str,
    zh: &'static str,
    kind: Kind,
    read: fn(&Subject<'_>) -> Found,
) -> Element {
    Element { name, zh, kind, read }
}

/// Every element. The elements of a line are named `orders.`, also when a charge is judged.
pub static ELEMENTS: &[Element] = &[
    element("patient.gend", "患者性别", Kind::Word(&SEXES), |s| {
        patient(s, "gend", |p| p.sex.map(Sex::zh).map(text))
    }),
    element("patient.age", "患者年龄", Kind::Age, |s| {
        let age = s.case.session.birth.map(|birth| Value::Age(birth, s.case.now.date()));
        one(age, || "patient.brdy".to_owned())
    }),
    element("patient.wt", "体重（千克）", Kind::Number, |s| {
        patient(s, "wt", |p| p.weight_kg.map(Value::Number))
    }),
    element("patient.heit", "身高（厘米）", Kind::Number, |s| {
        patient(s, "heit", |p| p.height_cm.map(Value::Number))
    }),
    element("patient.geso_val", "孕周，婴幼儿为出生孕周", Kind::Number, |s| {
        patient(s, "geso_val", |p| p.gestation_weeks.map(Value::Number))
    }),
    element("patient.matn_stas", "妊娠哺乳状态", Kind::Word(&MATERNITY), |s| {
        patient(s, "matn_stas", |p| p.maternity.map(maternity).map(text))
    }),
    element("encounter.med_mdtrt_type", "就诊类型", Kind::Word(&VISITS), |s| {
        encounter(s, "med_mdtrt_type", |e| e.visit.map(VisitKind::zh).map(text))
    }),
    element("encounter.medins_lv", "医疗机构等级", Kind::Word(&LEVELS), |s| {
        encounter(s, "medins_lv", |e| e.hospital_level.map(level).map(text))
    }),
    element("encounter.insutype", "险种代码", Kind::Text, |s| {
        encounter(s, "insutype", |e| e.insutype.as_deref().map(text))
    }),
    element("encounter.insuplc_admdvs", "参保地医保区划", REGION, |s| {
        encounter(s, "insuplc_admdvs", |e| e.insurance_region.as_deref().map(text))
    }),
    element("encounter.hosp_area_codg", "院区", CAMPUS, |s| {
        encounter(s, "hosp_area_codg", |e| e.campus.as_deref().map(text))
    }),
    element("encounter.adm_dept_codg", "科室编码", DEPARTMENT, |s| {
        encounter(s, "adm_dept_codg", |e| e.department_code.as_deref().map(text))
    }),
    element("encounter.adm_dept_name", "科室名称", DEPARTMENT, |s| {
        encounter(s, "adm_dept_name", |e| e.department_name.as_deref().map(text))
    }),
    element("encounter.long_rx_flag", "长期处方", Kind::Flag, |s| {
        encounter(s, "long_rx_flag", |e| e.long_prescription.map(Value::Flag))
    }),
    element("prescriber.drord_dr_codg", "医生编码", DOCTOR, |s| {
        prescriber(s, "drord_dr_codg", |p| p.code.as_deref().map(text))
    }),
    element("prescriber.drord_dr_profttl", "医生职称", Kind::Word(&TITLES), |s| {
        prescriber(s, "drord_dr_profttl", |p| p.title.map(Title::zh).map(text))
    }),
    element("prescriber.drord_dept_codg", "医生科室编码", DEPARTMENT, |s| {
        prescriber(s, "drord_dept_codg", |p| p.department_code.as_deref().map(text))
    }),
    element("diagnoses.dise_name", "诊断名称", Kind::Text, |s| {
        // What is only suspected or was ruled out is no diagnosis, as for the codes.
        let made = |d: &Diagnosis| !d.suspected && !d.excluded;
        listed(&s.case.facts.diagnoses, "diagnoses", "dise_name", made, |d| d.name.as_deref())
    }),
    element("allergies.algs", "过敏原", Kind::Text, |s| {
        listed(&s.case.facts.allergies, "allergies", "algs", |_| true, |a| a.text.as_deref())
    }),
    element("orders.hosplist_name", "名称", Kind::Text, |s| {
        line(s, "hosplist_name", |l| Some(text(l.name())))
    }),
    element("orders.hosplist_code", "院内编码", Kind::Text, |s| {
        line(s, "hosplist_code", |l| l.order.hospital_code.as_deref().map(text))
    }),
    element("orders.hilist_code", "医保目录编码", Kind::Text, |s| {
        line(s, "hilist_code", |l| l.national_code().map(text))
    }),
    element("orders.drug_ingd", "药品成分", Kind::Text, |s| {
        let of_line =
            |l: &Line<'_>| Some(l.ingredients()?.into_iter().map(text).collect::<Vec<_>>());
        several(s, "drug_ingd", of_line)
    }),
    element("orders.drug_used_sdose", "单次剂量", Kind::Dose, |s| {
        line(s, "drug_used_sdose", |l| {
            let (amount, unit) = l.order.single_dose.zip(l.order.dose_unit.as_ref())?;
            Dose::of(amount, unit).filter(|_| l.dose_is_believable).map(Value::Dose)
        })
    }),
    element("orders.drug_used_frqu", "每日次数", Kind::Number, |s| {
        line(s, "drug_used_frqu", |l| l.order.frequency?.times_per_day().map(Value::Number))
    }),
    element("orders.drug_used_way_name", "给药途径", Kind::Text, |s| {
        line(s, "drug_used_way_name", |l| l.order.route_text.as_deref().map(text))
    }),
    element("orders.medc_days", "用药天数", Kind::Number, |s| {
        line(s, "medc_days", |l| l.order.days.map(Value::Number))
    }),
    element("orders.cnt", "数量", Kind::Number, |s| line(s, "cnt", |l| l.net.map(Value::Number))),
    element("orders.pric", "单价（元）", Kind::Number, |s| {
        line(s, "pric", |l| l.order.price.map(Value::Number))
    }),
    element("orders.sumamt", "金额（元）", Kind::Number, |s| {
        line(s, "sumamt", |l| l.order.amount.map(Value::Number))
    }),
    element("orders.dscg_tkdrug_flag", "出院带药", Kind::Flag, |s| {
        line(s, "dscg_tkdrug_flag", |l| l.is_taken_home().map(Value::Flag))
    }),
    element("orders.urgt_flag", "紧急", Kind::Flag, |s| {
        line(s, "urgt_flag", |l| l.order.urgent.map(Value::Flag))
    }),
    element("orders.ownpay_flag", "全部自费", Kind::Flag, |s| {
        line(s, "ownpay_amt", |l| {
            l.order.own_pay.zip(l.order.amount).map(|_| Value::Flag(l.is_self_paid()))
        })
    }),
    element("orders.excd_rea", "超常规理由", Kind::Text, |s| {
        line(s, "excd_rea", |l| l.order.reason.as_deref().map(text))
    }),
];

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn one(value: Option<Value>, path: impl FnOnce() -> String) -> Found {
    value.map_or_else(|| Found::Missing(path()), |value| Found::Values(vec![value]))
}

fn patient(subject: &Subject<'_>, name: &str, read: fn(&Patient) -> Option<Value>) -> Found {
    let value = subject.case.facts.patient.present().and_then(read);
    one(value, || format!("patient.{name}"))
}

fn encounter(subject: &Subject<'_>, name: &str, read: fn(&Encounter) -> Option<Value>) -> Found {
    let value = subject.case.facts.encounter.present().and_then(read);
    one(value, || format!("encounter.{name}"))
}

fn prescriber(subject: &Subject<'_>, name: &str, read: fn(&Prescriber) -> Option<Value>) -> Found {
    let facts = subject.case.facts;
    let value = match subject.line {
        Some(line) => facts.prescriber_of(line.order).and_then(|it| read(&it)),
        None => facts.sole_prescriber().and_then(read),
    };
    one(value, || format!("prescriber.{name}"))
}

fn line(subject: &Subject<'_>, name: &str, read: fn(&Line<'_>) -> Option<Value>) -> Found {
    let Some(line) = subject.line else { return Found::Missing("orders".to_owned()) };
    one(read(line), || line.path(name))
}

fn several(subject: &Subject<'_>, name: &str, read: fn(&Line<'_>) -> Option<Vec<Value>>) -> Found {
    let Some(line) = subject.line else { return Found::Missing("orders".to_owned()) };
    read(line).map_or_else(|| Found::Missing(line.path(name)), Found::Values)
}

fn listed<T>(
    group: &Group<Vec<T>>,
    name: &str,
    element: &str,
    counts: fn(&T) -> bool,
    read: fn(&T) -> Option<&str>,
) -> Found {
    match group {
        Group::Absent => Found::Missing(name.to_owned()),
        Group::Empty => Found::Values(Vec::new()),
        Group::Present(items) => {
            let items = || items.iter().enumerate().filter(|(_, item)| counts(item));
            let values = items().filter_map(|(_, item)| read(item)).map(text).collect();
            match items().find(|(_, item)| read(item).is_none()) {
                // One without the element may be the one that is asked for.
                Some((at, _)) => Found::Partly(values, format!("{name}[{at}].{element}")),
                None => Found::Values(values),
            }
        }
    }
}

fn level(level: HospitalLevel) -> &'static str {
    match level {
        HospitalLevel::None => "无等级",
        HospitalLevel::Primary => "一级",
        HospitalLevel::Secondary => "二级",
        HospitalLevel::Tertiary => "三级",
    }
}

fn maternity(state: Maternity) -> &'static str {
    match state {
        Maternity::Neither => "非妊娠期或哺乳期",
        Maternity::Planning => "近期有生育计划",
        Maternity::Pregnant => "妊娠期",
        Maternity::Breastfeeding => "哺乳期",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_that_facts_say() {
        assert!([Sex::Male, Sex::Female].iter().all(|sex| SEXES.contains(&sex.zh())));
        let visits = [
            VisitKind::Outpatient,
            VisitKind::Emergency,
            VisitKind::Inpatient,
            VisitKind::Internet,
            VisitKind::Pharmacy,
        ];
        assert!(visits.iter().all(|visit| VISITS.contains(&visit.zh())));
        let titles = [
            Title::Untitled,
            Title::Assistant,
            Title::Junior,
            Title::Intermediate,
            Title::AssociateSenior,
            Title::Senior,
        ];
        assert!(titles.iter().all(|title| TITLES.contains(&title.zh())));
    }

    #[test]
    fn names_are_unique_and_have_a_group() {
        for (at, element) in ELEMENTS.iter().enumerate() {
            let is_known = ELEMENTS.iter().skip(at + 1).any(|other| other.name == element.name);
            assert!(!is_known && element.name.contains('.'), "{}", element.name);
        }
    }
}
