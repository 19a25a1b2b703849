//! A rule: a family with its parameters, what it is based on, and what follows from a hit.
//!
//! Severity and action are two things: severity speaks to the auditor, action to the doctor.

use std::sync::Arc;

use schemas::Problem;
use toml::de::DeValue;

use crate::condition::{Condition, Fault};
use crate::facts::Scene;
use crate::families;
use crate::family::Family;
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind, Parameter, Parameters};
use crate::scope::Scope;
use crate::setting::Setting;
use crate::tree::Table;

/// One rule of a pack.
#[derive(Debug)]
pub struct Rule {
    /// Stable id, unique over all packs.
    pub id: String,
    /// The template it fills.
    pub family: &'static dyn Family,
    /// The authority's code (`GZ...`), when it has one.
    pub official_code: Option<String>,
    /// Its name for people.
    pub name: String,
    /// Document and article.
    pub basis: String,
    /// For the auditor.
    pub severity: Severity,
    /// For the doctor.
    pub action: Action,
    /// `vola_bhvr_type`: 1 就诊类, 2 项目类.
    pub behaviour: Behaviour,
    /// On trial: it judges and is counted, and no setting makes it speak.
    pub on_trial: bool,
    /// A rule that is off is loaded and proved, and never judged.
    pub enabled: bool,
    /// Where it runs; empty is everywhere.
    pub scenes: Vec<Scene>,
    /// Lines paid by the patient alone are left out: outside the fund there is nothing to limit.
    pub exempt_self_pay: bool,
    /// What to do about missing data.
    pub on_missing: OnMissing,
    /// The parameters of the rule.
    pub parameters: Parameters,
    /// To what a hospital has restricted it.
    pub scope: Option<Scope>,
    /// How it is set in one place or time; broad before narrow.
    pub settings: Vec<Setting>,
    /// Its knowledge rows; shared with the rule as it is set in one place.
    pub rows: Arc<Vec<Row>>,
    /// The pack it came from.
    pub pack: String,
}

/// National `sev_deg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// 1 明确违规.
    Clear,
    /// 2 高度可疑.
    High,
    /// 3 轻度可疑.
    Slight,
}

impl Severity {
    /// The national code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Severity::Clear => "1",
            Severity::High => "2",
            Severity::Slight => "3",
        }
    }
}

/// What the doctor has to do; worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// 拦截: cannot go on without a second approval.
    Block,
    /// 填理由: goes on with a coded reason.
    Reason,
    /// 转自费: goes on as self-pay, with consent.
    SelfPay,
    /// 确认: one click.
    Confirm,
    /// 提示: shown, nothing asked.
    Hint,
    /// 静默: logged, not shown.
    Silent,
}

impl Action {
    /// Every action with its name in files and answers.
    pub const NAMES: [(&'static str, Action); 6] = [
        ("block", Action::Block),
        ("reason", Action::Reason),
        ("self_pay", Action::SelfPay),
        ("confirm", Action::Confirm),
        ("hint", Action::Hint),
        ("silent", Action::Silent),
    ];

    /// Its name in files and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        Action::NAMES.iter().find(|(_, action)| *action == self).map_or("silent", |(name, _)| name)
    }
}

/// National `vola_bhvr_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// 1 就诊类.
    Encounter,
    /// 2 项目类.
    Item,
}

impl Behaviour {
    /// The national code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Behaviour::Encounter => "1",
            Behaviour::Item => "2",
        }
    }
}

/// What a rule does when it cannot decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissing {
    /// Name the rule and the missing elements in the answer.
    Report,
    /// Say nothing to the doctor; the verdict still is not a pass.
    Silent,
    /// Ask the doctor, once per encounter.
    Ask,
    /// Show a finding that asks to confirm: only for absolute dangers.
    Hit,
}

const KEYS: [&str; 13] = [
    "id",
    "family",
    "official_code",
    "name",
    "basis",
    "severity",
    "action",
    "behaviour",
    "enabled",
    "scenes",
    "exempt_self_pay",
    "on_missing",
    "parameters",
];

impl Rule {
    /// Reads one `[[rule]]`; `None` when a fault leaves no rule, and every fault is told.
    pub(crate) fn parse(
        table: &Table<'_>,
        pack: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Rule> {
        table.only(&KEYS, problems);
        let family = family(table, problems);
        let parameters = family.map(|family| parameters(table, family.parameters(), problems));
        let usual = family.and_then(Family::usual);
        let severity = match (table.get("severity"), usual) {
            (None, Some(usual)) => Some(usual.severity),
            _ => choice(table, "severity", &SEVERITIES, problems),
        };
        let action = match (table.get("action"), usual) {
            (None, Some(usual)) => Some(usual.action),
            _ => choice(table, "action", &Action::NAMES, problems),
        };
        let behaviour = match table.get("behaviour") {
            None => Some(Behaviour::Item),
            Some(_) => choice(table, "behaviour", &BEHAVIOURS, problems),
        };
        let on_missing = match table.get("on_missing") {
            None => Some(OnMissing::Report),
            Some(_) => choice(table, "on_missing", &ON_MISSING, problems),
        };
        let wrong = family
            .zip(parameters.as_ref())
            .and_then(|(family, parameters)| family.check_rule(parameters));
        if let Some(message) = wrong {
            problems.push(table.fault("parameters", message));
        }
        let id = table.text("id", problems);
        let name = table.text("name", problems);
        let basis = match (table.get("basis"), usual) {
            (None, Some(usual)) => Some(usual.basis),
            _ => table.text("basis", problems),
        };
        Some(Rule {
            official_code: table.maybe_text("official_code", problems).map(str::to_owned),
            enabled: table.flag("enabled", true, problems),
            scenes: scenes(table, problems),
            exempt_self_pay: table.flag("exempt_self_pay", false, problems),
            id: id?.to_owned(),
            family: family?,
            name: name?.to_owned(),
            basis: basis?.to_owned(),
            severity: severity?,
            action: action?,
            behaviour: behaviour?,
            on_missing: on_missing?,
            parameters: parameters?,
            on_trial: false,
            scope: None,
            settings: Vec::new(),
            rows: Arc::default(),
            pack: pack.to_owned(),
        })
    }

    /// A copy without its knowledge rows and settings.
    pub(crate) fn without_rows(&self) -> Rule {
        Rule {
            id: self.id.clone(),
            official_code: self.official_code.clone(),
            name: self.name.clone(),
            basis: self.basis.clone(),
            scenes: self.scenes.clone(),
            parameters: self.parameters.clone(),
            scope: self.scope.clone(),
            settings: Vec::new(),
            rows: Arc::default(),
            pack: self.pack.clone(),
            ..*self
        }
    }

    /// Changes one setting, or says what was expected.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "severity" => self.severity = word(name, value, &SEVERITIES)?,
            "action" => self.action = word(name, value, &Action::NAMES)?,
            "on_missing" => self.on_missing = word(name, value, &ON_MISSING)?,
            "exempt_self_pay" => self.exempt_self_pay = word(name, value, &YES_NO)?,
            _ => {
                let columns = self.family.parameters();
                let Some(column) = columns.iter().find(|column| column.name == name) else {
                    let known: Vec<_> = columns.iter().map(|column| column.name).collect();
                    let known = known.join(", ");
                    return Err(format!(
                        "unknown setting `{name}`; known are severity, action, on_missing, exempt_self_pay, {known}"
                    ));
                };
                self.parameters.set(column.name, column.kind.parse(value)?);
            }
        }
        Ok(())
    }
}

pub(crate) const SEVERITIES: [(&str, Severity); 3] =
    [("1", Severity::Clear), ("2", Severity::High), ("3", Severity::Slight)];
pub(crate) const BEHAVIOURS: [(&str, Behaviour); 2] =
    [("1", Behaviour::Encounter), ("2", Behaviour::Item)];
pub(crate) const ON_MISSING: [(&str, OnMissing); 4] = [
    ("report", OnMissing::Report),
    ("silent", OnMissing::Silent),
    ("ask", OnMissing::Ask),
    ("hit", OnMissing::Hit),
];

const YES_NO: [(&str, bool); 4] = [("y", true), ("n", false), ("true", true), ("false", false)];

fn word<T: Copy>(name: &str, value: &str, known: &[(&str, T)]) -> Result<T, String> {
    let found = known.iter().find(|(word, _)| *word == value).map(|(_, found)| *found);
    found.ok_or_else(|| {
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        format!("`{name}` must be one of {}", words.join(", "))
    })
}

fn family(table: &Table<'_>, problems: &mut Vec<Problem>) -> Option<&'static dyn Family> {
    let name = table.text("family", problems)?;
    let family = families::by_id(name);
    if family.is_none() {
        let known: Vec<_> = families::all().map(Family::id).collect();
        let message = format!("no family `{name}`; known are {}", known.join(", "));
        problems.push(table.source.error("R105", &table.place_of("family"), message));
    }
    family
}

/// One of several words; a bare number is taken as its digits.
fn choice<T: Copy>(
    table: &Table<'_>,
    key: &str,
    known: &[(&str, T)],
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let Some((value, _)) = table.get(key) else {
        problems.push(table.source.error("R103", &table.at, format!("`{key}` is missing")));
        return None;
    };
    let text = scalar(value).unwrap_or_default();
    let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    if found.is_none() {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        problems.push(table.fault(key, format!("`{key}` must be one of {}", names.join(", "))));
    }
    found
}

fn scenes(table: &Table<'_>, problems: &mut Vec<Problem>) -> Vec<Scene> {
    let mut scenes = Vec::new();
    for (name, at) in table.texts("scenes", problems) {
        if let Some(scene) = Scene::parse(name) {
            scenes.push(scene);
            continue;
        }
        let known: Vec<_> = Scene::NAMES.iter().map(|(name, _)| *name).collect();
        let message = format!("no scene `{name}`; known are {}", known.join(", "));
        problems.push(table.source.error("R104", &at, message));
    }
    scenes
}

fn parameters(table: &Table<'_>, columns: &[Column], problems: &mut Vec<Problem>) -> Parameters {
    let mut parameters = Parameters::default();
    let given = table.table("parameters", problems);
    if let Some(given) = &given {
        let known: Vec<_> = columns.iter().map(|column| column.name).collect();
        given.only(&known, problems);
    }
    for column in columns {
        match given.as_ref().and_then(|given| given.get(column.name)) {
            Some((value, at)) => {
                match parameter(column.kind, value, table.source.text.get(at.clone())) {
                    Ok(parameter) => parameters.set(column.name, parameter),
                    Err(fault) => {
                        let at = fault.at.clone().unwrap_or(at);
                        problems.push(table.source.error("R104", &at, fault.to_string()));
                    }
                }
            }
            None if column.required => {
                let message = format!("parameter `{}` is missing", column.name);
                problems.push(table.source.error("R103", &table.at, message));
            }
            None => {}
        }
    }
    parameters
}

fn parameter(
    kind: ColumnKind,
    value: &DeValue<'_>,
    written: Option<&str>,
) -> Result<Parameter, Fault> {
    if kind == ColumnKind::Condition && value.as_table().is_some() {
        let condition = Condition::read(value)?;
        return Ok(Parameter::Condition(
            Box::new(condition),
            written.unwrap_or_default().to_owned(),
        ));
    }
    if let (ColumnKind::List, Some(items)) = (kind, value.as_array()) {
        let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
        let texts: Option<Vec<String>> = texts.collect();
        return Ok(texts
            .map(Parameter::List)
            .ok_or_else(|| "must be a list of texts".to_owned())?);
    }
    let text = scalar(value).ok_or_else(|| "must be a single value".to_owned())?;
    Ok(kind.parse(&text)?)
}

/// The text of a single value; numbers as their digits.
pub(crate) fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}
