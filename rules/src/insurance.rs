//! The national messages 3101 (事前) and 3102 (事中), in one region 3660 and 3661: envelope to
//! [`Facts`], verdicts to the answer.
//!
//! Callers differ: `patient_dtos` and below are lists here and single objects there, numbers come
//! as text or as numbers, and the envelope is sometimes left off. All are taken. What is malformed
//! inside a line makes that value unknown; the doctor is still answered. The message carries no
//! dose, frequency, route or days (one region's extension aside), so the rules that need them
//! answer unknown. Codes that contradict each other by region are read through [`Region`].
//!
//! Not read on purpose: `rule_ids`, for a caller who names rules of the bureau would be told that
//! nothing was found; `dise_no`, whose codes look like those of diseases and are none; `oprn_date`
//! without a time, which would put every incision at midnight.

mod answer;
pub mod bureau;
mod line;
mod nodes;
mod region;
pub mod restate;

use std::sync::Arc;

use jiff::civil::Time;

use crate::bounds;
use crate::facts::{
    Diagnosis, Encounter, Facts, Group, History, InputFinding, Order, Patient, Prescriber, Scene,
    Stay, Surgery,
};
use crate::groups;
use crate::json::Json;
use crate::mask;
use crate::reading::{Object, Reading};
use crate::request;
use crate::vocabulary;
pub use answer::{Reply, write_answer, write_failure};
pub use region::{REGIONAL, Region};

/// What a request asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What is known of each patient.
    pub patients: Vec<Facts>,
    /// The caller's own number of the task, to be echoed.
    pub task_id: Option<String>,
}

/// Which of the two services is asked; their fields are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Service {
    /// 事前: 3101, 3660.
    #[default]
    Before,
    /// 事中: 3102, 3661.
    During,
}

impl Service {
    /// By the number of the transaction.
    #[must_use]
    pub fn of(infno: &str) -> Service {
        match infno {
            "3102" | "3661" => Service::During,
            _ => Service::Before,
        }
    }
}

/// Reads a request: one `Facts` per patient. Errors only when there is nothing to judge.
pub fn read(text: &str, service: Service, region: &Region) -> Result<Asked, Vec<InputFinding>> {
    let mut json = Json::parse(text).map_err(|sentence| vec![request::not_json(&sentence)])?;
    nodes::restate(&mut json);
    let data = nodes::data(&json);
    let patients = nodes::entries(data, &nodes::PATIENTS);
    if patients.is_empty() {
        return Err(vec![InputFinding {
            code: "C103",
            path: "input.data.patient_dtos".to_owned(),
            found: "未发送".to_owned(),
            expected: "发送参保人信息patient_dtos".to_owned(),
        }]);
    }
    let scenario = nodes::text(data, "trig_scen").or_else(|| nodes::text(data, "trigScen"));
    let message =
        Message { region, service, scenario, insured_at: nodes::text(&json, "insuplc_admdvs") };
    let mut refused = Vec::new();
    let patients = patients.iter().map(|it| message.facts_of(it, &mut refused)).collect();
    let task_id = nodes::text(data, "task_id").map(str::to_owned);
    if refused.is_empty() { Ok(Asked { patients, task_id }) } else { Err(refused) }
}

/// What holds for every patient of a message.
struct Message<'a> {
    region: &'a Region,
    service: Service,
    scenario: Option<&'a str>,
    insured_at: Option<&'a str>,
}

impl Message<'_> {
    /// Judges the current encounter; others in the message are the patient's past.
    fn facts_of(&self, patient: &Json<'_>, refused: &mut Vec<InputFinding>) -> Facts {
        let mut reading = Reading::lenient();
        let object = nodes::at("patient_dtos", patient);
        let mut facts =
            Facts { patient: Group::Present(person(&object, &mut reading)), ..Facts::default() };
        let encounters = nodes::entries(patient, &nodes::ENCOUNTERS);
        let named = nodes::text(patient, "curr_mdtrt_id");
        let current = current_encounter(encounters, named);
        doubt_current(current, named, &mut reading);
        if let Some(json) = current {
            let at = nodes::at("fsi_encounter_dtos", json);
            self.read_encounter(&at, &mut facts, &mut reading);
            let insured_at = self.insured_at.or_else(|| nodes::text(patient, "poolarea"));
            if let Group::Present(encounter) = &mut facts.encounter {
                encounter.insurance_region = insured_at.map(str::to_owned);
            }
        }
        let past = |it: &&Json<'_>| current.is_none_or(|current| !std::ptr::eq(*it, current));
        facts.history = self.history(encounters.iter().filter(past));
        refuse_too_many(&facts, &mut reading);
        facts.scene = self.scene(&facts);
        let paid = [Scene::PreSettlement, Scene::Settlement].map(Some);
        facts.orders_are_charges = paid.contains(&facts.scene);
        self.doubt_scenario(&mut reading);
        facts.data_findings = reading.data_findings;
        refused.extend(reading.problems);
        facts
    }

    fn read_encounter(&self, object: &Object<'_>, facts: &mut Facts, reading: &mut Reading) {
        let is_settled = scene_asked_for(self.scenario) == Some(Scene::Settlement);
        facts.encounter = Group::Present(self.encounter(object, is_settled, reading));
        facts.diagnoses = diagnoses(object, reading);
        facts.surgeries = items(object, &nodes::OPERATIONS, |it| surgery(it, reading));
        facts.orders = self.lines(object.json, reading);
        let visit = facts.encounter.present().and_then(|it| it.visit);
        if let Group::Present(orders) = &mut facts.orders {
            line::taken_home_from_stays_only(orders, visit);
        }
        facts.prescriber = self.prescriber(object, &facts.orders, reading);
        if let Group::Present(patient) = &mut facts.patient {
            let maternity = |sent: &str| self.region.maternity(sent);
            let expected = "发送本地区代码表中的生育状态";
            patient.maternity = reading.code(object, "matn_stas", maternity, expected);
        }
    }

    /// The day of discharge is mandatory: who is still here repeats the day of admission, with its time
    /// or without. Whoever settles leaves, be it on the same day.
    fn encounter(&self, object: &Object<'_>, is_settled: bool, reading: &mut Reading) -> Encounter {
        let level = |sent: &str| self.region.hospital_level(sent);
        let encounter = groups::encounter_by(level, object, reading);
        let Some((began, ended)) = encounter.began.zip(encounter.ended) else { return encounter };
        let is_without_time = ended.time() == Time::midnight();
        let is_repeated = ended == began || is_without_time && ended.date() == began.date();
        match (is_repeated, is_settled) {
            (false, _) => encounter,
            (true, true) => Encounter { ended: Some(ended.max(began)), ..encounter },
            (true, false) => Encounter { ended: None, ..encounter },
        }
    }

    /// The visit tells more than the scenario, except that something is being paid for. Who names
    /// none and asks the service for that is about to pay.
    fn scene(&self, facts: &Facts) -> Option<Scene> {
        match (scene_asked_for(self.scenario), self.service) {
            (Some(paying @ (Scene::Settlement | Scene::PreSettlement)), _) => Some(paying),
            (None, Service::During) if self.scenario.is_none() => Some(Scene::PreSettlement),
            (of_visit, _) => of_visit.filter(|_| facts.scene().is_none()),
        }
    }

    /// One check is of one scene: who names several, or one that we do not know, is told which it was.
    fn doubt_scenario(&self, reading: &mut Reading) {
        let Some(scenario) = self.scenario.filter(|it| scene_asked_for(Some(it)).is_none()) else {
            return;
        };
        reading.data_findings.push(InputFinding {
            code: "C203",
            path: SCENARIO.to_owned(),
            found: mask::shown("trig_scen", scenario),
            expected: "trig_scen一次只发送1至10中的一个；本次场景按就诊类型定，其余场景未审查"
                .to_owned(),
        });
    }

    fn lines(&self, encounter: &Json<'_>, reading: &mut Reading) -> Group<Vec<Order>> {
        let Some(json) = nodes::node(encounter, &nodes::ORDERS) else { return Group::Absent };
        let lines = json.as_items().iter().enumerate();
        let read =
            |(at, json)| line::order(json, &format!("fsi_order_dtos[{at}]"), self.region, reading);
        let mut orders: Vec<Order> = lines.filter_map(read).collect();
        reading.problems.extend(bounds::ORDERS.refuse(orders.len(), nodes::ORDERS[0]));
        // It is refused, in whichever encounter it stands.
        if bounds::PAST_ORDERS.is_exceeded_by(orders.len()) {
            return Group::Present(orders);
        }
        line::tell_apart(&mut orders);
        let is_before = scene_asked_for(self.scenario).is_none_or(Scene::is_before);
        line::take_back(&mut orders, is_before, reading);
        match orders.is_empty() {
            false => Group::Present(orders),
            // Lines that nobody can read are not the same as no lines.
            true if nodes::is_unreadable(json) => Group::Absent,
            true => Group::Empty,
        }
    }

    /// The doctor is written on every line; the first line of this session speaks for all as long as the
    /// others name nobody else.
    fn prescriber(
        &self,
        encounter: &Object<'_>,
        orders: &Group<Vec<Order>>,
        reading: &mut Reading,
    ) -> Group<Prescriber> {
        let lines = nodes::entries(encounter.json, &nodes::ORDERS);
        let is_current = |json: &&Json<'_>| nodes::text(json, "curr_drord_flag") != Some("0");
        let Some(line) = lines.iter().find(is_current) else { return Group::Absent };
        let line = nodes::at("prescriber", line);
        let title = |sent: &str| self.region.title(sent);
        let expected = "发送231到235，或1到6、9的职称代码";
        let code = reading.text(&line, "drord_dr_codg");
        let code = code.or_else(|| reading.text(encounter, "dr_codg"));
        let title = reading.code(&line, "drord_dr_profttl", title, expected);
        let department_code = reading.text(&line, "drord_dept_codg");
        let several = orders.present().is_some_and(|orders| line::are_of_several(orders));
        Group::Present(Prescriber {
            code,
            title,
            department_code,
            several,
            ..Prescriber::default()
        })
    }

    /// The other encounters of the message. What is wrong there is not this doctor's to correct.
    fn history<'a>(&self, encounters: impl Iterator<Item = &'a Json<'a>>) -> Group<History> {
        let mut history = History::default();
        let mut reading = Reading::lenient();
        for json in encounters.filter(|it| matches!(it, Json::Object(_))) {
            let object = nodes::at("history", json);
            let of_visit = self.encounter(&object, false, &mut reading);
            if let Group::Present(found) = diagnoses(&object, &mut reading) {
                history.diagnoses.extend(found);
            }
            if let Group::Present(mut lines) = self.lines(json, &mut reading) {
                line::taken_home_from_stays_only(&mut lines, of_visit.visit);
                let mdtrt_id = of_visit.mdtrt_id.clone();
                let past = |it| Order { mdtrt_id: mdtrt_id.clone(), current: false, ..it };
                history.orders.extend(lines.into_iter().map(past).map(Arc::new));
            }
            let main_diagnosis = reading.text(&object, "dscg_main_dise_codg");
            history.stays.push(stay(of_visit, main_diagnosis));
        }
        if history == History::default() { Group::Absent } else { Group::Present(history) }
    }
}

/// Lists that are too long, by the names of this message. Of the lines of this visit it is told where
/// they are read.
fn refuse_too_many(facts: &Facts, reading: &mut Reading) {
    let [diagnoses, surgeries, encounters] =
        [nodes::DIAGNOSES, nodes::OPERATIONS, nodes::ENCOUNTERS].map(|[name, _]| name);
    let now = [
        bounds::DIAGNOSES.refuse(bounds::count(&facts.diagnoses), diagnoses),
        bounds::SURGERIES.refuse(bounds::count(&facts.surgeries), surgeries),
    ];
    let past = facts.history.present().map(|it| {
        [
            bounds::PAST_STAYS.refuse(it.stays.len(), encounters),
            bounds::PAST_ORDERS.refuse(it.orders.len(), encounters),
            bounds::PAST_DIAGNOSES.refuse(it.diagnoses.len(), encounters),
        ]
    });
    reading.problems.extend(now.into_iter().chain(past.into_iter().flatten()).flatten());
}

fn person(object: &Object<'_>, reading: &mut Reading) -> Patient {
    Patient {
        patn_id: reading.text(object, "patn_id").or_else(|| reading.text(object, "psn_no")),
        sex: reading.code(object, "gend", vocabulary::sex, "发送1（男）、2（女）、0或9"),
        birth: reading.date(object, "brdy"),
        ..Patient::default()
    }
}

/// The encounter that is judged is not the one that was meant, as far as their names say.
fn doubt_current(current: Option<&Json<'_>>, named: Option<&str>, reading: &mut Reading) {
    let judged = current.and_then(|it| nodes::text(it, "mdtrt_id"));
    let Some((judged, named)) = judged.zip(named).filter(|(judged, named)| judged != named) else {
        return;
    };
    reading.data_findings.push(InputFinding {
        code: "C311",
        path: "patient_dtos.curr_mdtrt_id".to_owned(),
        found: mask::shown("mdtrt_id", named),
        expected: format!(
            "发送某一项就诊的mdtrt_id；没有这一项，本次审查的是{}",
            mask::shown("mdtrt_id", judged)
        ),
    });
}

fn current_encounter<'a>(
    encounters: &'a [Json<'a>],
    current: Option<&str>,
) -> Option<&'a Json<'a>> {
    let is_current =
        |json: &&Json<'_>| nodes::text(json, "mdtrt_id").is_some_and(|it| Some(it) == current);
    encounters.iter().find(is_current).or(encounters.first())
}

fn stay(encounter: Encounter, main_diagnosis: Option<String>) -> Stay {
    Stay {
        mdtrt_id: encounter.mdtrt_id,
        visit: encounter.visit,
        began: encounter.began,
        ended: encounter.ended,
        department_code: encounter.department_code,
        main_diagnosis,
        ..Stay::default()
    }
}

/// The list of diagnoses; where there is none, the main one that the encounter names.
fn diagnoses(encounter: &Object<'_>, reading: &mut Reading) -> Group<Vec<Diagnosis>> {
    let listed = items(encounter, &nodes::DIAGNOSES, |it| {
        let made = reading.date(it, "dise_date");
        groups::diagnosis(it, reading).map(|found| Diagnosis { made: found.made.or(made), ..found })
    });
    let code = reading.text(encounter, "dscg_main_dise_codg");
    if listed.present().is_some() || code.is_none() {
        return listed;
    }
    let name = reading.text(encounter, "dscg_main_dise_name");
    Group::Present(vec![Diagnosis { code, name, main: Some(true), ..Diagnosis::default() }])
}

fn surgery(object: &Object<'_>, reading: &mut Reading) -> Option<Surgery> {
    let began = reading.moment(object, "oprn_date");
    let surgery = Surgery {
        code: reading.text(object, "oprn_code"),
        name: reading.text(object, "oprn_name"),
        main: reading.flag(object, "main_oprn_flag"),
        began: began.filter(|it| it.time() != Time::midnight()),
        ..Surgery::default()
    };
    (surgery.code.is_some() || surgery.name.is_some()).then_some(surgery)
}

fn items<T>(
    object: &Object<'_>,
    names: &[&str],
    mut read: impl FnMut(&Object<'_>) -> Option<T>,
) -> Group<Vec<T>> {
    let Some(json) = nodes::node(object.json, names) else { return Group::Absent };
    let name = names.first().copied().unwrap_or_default();
    let entries = json.as_items().iter().enumerate();
    let objects = entries.filter(|(_, json)| matches!(json, Json::Object(_)));
    let items = objects.filter_map(|(at, json)| read(&nodes::at(&format!("{name}[{at}]"), json)));
    let items: Vec<T> = items.collect();
    match items.is_empty() {
        false => Group::Present(items),
        true if nodes::is_unreadable(json) => Group::Absent,
        true => Group::Empty,
    }
}

/// The scene of a `trig_scen`; none for several at once, of which the visit decides.
fn scene_asked_for(scenario: Option<&str>) -> Option<Scene> {
    match scenario?.trim_start_matches('0') {
        "6" | "8" => Some(Scene::Settlement),
        "7" | "9" => Some(Scene::PreSettlement),
        "1" | "2" | "10" => Some(Scene::Outpatient),
        "3" | "4" | "5" => Some(Scene::Inpatient),
        _ => None,
    }
}

/// How the place of a line begins that is no line.
const LINE: &str = "fsi_order_dtos[";
/// Where the scenario stands.
const SCENARIO: &str = "input.data.trig_scen";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
