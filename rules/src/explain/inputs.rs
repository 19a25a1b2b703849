//! What a rule read of the request: paths, names for people, and values.

use std::collections::BTreeSet;

use super::arithmetic::{frequency_zh, unit_zh};
use super::sent;
use crate::age::BirthRange;
use crate::condition::element::{Element, Found, Value};
use crate::condition::{Sentence, Subject};
use crate::family::Case;
use crate::mask;
use crate::session::Line;
use crate::verdict::Finding;
use crate::vocabulary;

/// One element that the rule reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its path, `orders[1].drug_used_sdose`.
    pub path: String,
    /// Its name for people.
    pub zh: String,
    /// What was sent, masked where it identifies a person; `None` when it was not.
    pub value: Option<String>,
}

/// Everything that the rule reads, of the lines that the finding is about.
pub(super) fn of(case: &Case<'_>, finding: &Finding) -> Vec<Input> {
    match of_own_rule(case) {
        // It calls the elements of a charge as those of an order.
        Some(names) => named(case, finding, &names, |_, _| true),
        None => named(case, finding, case.rule.family.reads(), |line, group| {
            line.path("").starts_with(group)
        }),
    }
}

/// The elements of these names; of a line those whose group it is of.
pub(super) fn named(
    case: &Case<'_>,
    finding: &Finding,
    names: &[&str],
    is_of: impl Fn(&Line<'_>, &str) -> bool,
) -> Vec<Input> {
    let mut inputs = Vec::new();
    for name in names {
        let (group, element) = name.split_once('.').unwrap_or((name, ""));
        if element == "geso_val" && !asks_weeks(case) {
            continue;
        }
        if matches!(group, "orders" | "fees") {
            let of_group = lines(case, finding).filter(|it| is_of(it, group));
            let told = of_group.map(|it| of_line(case, it, element));
            // Most doses are one dose: that they have no steps is nothing to send.
            let is_usual = !matches!(element, "first_sdose" | "step_sdose");
            inputs.extend(told.filter(|it| is_usual || it.value.is_some()));
        } else {
            inputs.push(of_check(case, name, group, element));
        }
    }
    inputs
}

/// What a hospital's own rule reads: what its condition and its text name, and nothing besides.
fn of_own_rule(case: &Case<'_>) -> Option<Vec<&'static str>> {
    let parameters = &case.rule.parameters;
    let mut names = parameters.maybe_condition("when")?.reads();
    names.extend(parameters.maybe_sentence("text").into_iter().flat_map(Sentence::reads));
    let mut seen = BTreeSet::new();
    names.retain(|it| seen.insert(*it));
    Some(names)
}

/// The weeks of a pregnancy are one family's; the others ask small children for those at their birth.
fn asks_weeks(case: &Case<'_>) -> bool {
    let is_small = |birth: BirthRange| birth.is_small_child(case.now.date());
    case.rule.family.id() == "pregnancy" || case.session.birth.is_some_and(is_small)
}

/// The lines that a finding is about.
pub(super) fn lines<'a>(
    case: &Case<'a>,
    finding: &'a Finding,
) -> impl Iterator<Item = &'a Line<'a>> {
    let is_about = |line: &&Line<'_>| finding.lines.iter().any(|it| it.rx_id == line.order.rx_id);
    case.session.lines.iter().filter(is_about)
}

fn of_line(case: &Case<'_>, line: &Line<'_>, element: &str) -> Input {
    let order = line.order;
    let value = match element {
        "" => Some(line.name().to_owned()),
        "drug_used_sdose" => order.single_dose.map(|it| it.normalize().to_string()),
        "first_sdose" => order.first_dose.map(|it| it.normalize().to_string()),
        "step_sdose" => order.largest_dose.map(|it| format!("至{}", it.normalize())),
        "drug_used_dosunt" => order.dose_unit.as_ref().map(unit_zh),
        "cnt_unt" => order.quantity_unit.as_ref().map(unit_zh),
        "drug_used_frqu" => order.frequency.map(frequency_zh),
        "spec" => order.specification.clone(),
        "rxno" => order.rxno.clone(),
        "grpno" => order.group.clone(),
        "drord_begn_date" | "fee_ocur_time" => order.begins.map(|it| it.to_string()),
        "drord_stop_date" => order.stops.map(|it| it.to_string()),
        _ => by_element(case, &format!("orders.{element}"), Some(line))
            .or_else(|| sent::of_line(order, element)),
    };
    input(line.path(element).trim_end_matches('.').to_owned(), element, value)
}

fn of_check(case: &Case<'_>, name: &str, group: &str, element: &str) -> Input {
    let facts = case.facts;
    let patient = facts.patient.present();
    let value = match name {
        "patient.brdy" => {
            patient.and_then(|it| it.birth).map(|it| it.strftime("%Y%m%d").to_string())
        }
        "diagnoses.dise_codg" => sent::listed(&facts.diagnoses, |it| it.code.clone()),
        "surgeries.oprn_oprt_code" => sent::listed(&facts.surgeries, |it| it.code.clone()),
        "encounter.adm_date" | "encounter.begntime" => {
            facts.encounter.present().and_then(|it| it.began).map(|it| it.to_string())
        }
        "encounter.dscg_date" => {
            facts.encounter.present().and_then(|it| it.ended).map(|it| it.to_string())
        }
        _ => by_element(case, name, None).or_else(|| sent::of_check(facts, name)),
    };
    let name = if element.is_empty() { group } else { element };
    input(
        if element.is_empty() { group.to_owned() } else { format!("{group}.{element}") },
        name,
        value,
    )
}

fn input(path: String, element: &str, value: Option<String>) -> Input {
    let named = || Element::of(&format!("orders.{element}")).map_or(element, |it| it.zh);
    let zh = vocabulary::element_zh(&path).unwrap_or_else(named).to_owned();
    let zh = if zh.is_empty() { "名称".to_owned() } else { zh };
    Input { path, zh, value: value.map(|it| mask::shown(element, &it)) }
}

/// What conditions can read is read the same way here.
fn by_element(case: &Case<'_>, name: &str, line: Option<&Line<'_>>) -> Option<String> {
    let subject = Subject { case, line };
    let (Found::Values(values) | Found::Partly(values, _)) = Element::of(name)?.found(&subject)
    else {
        return None;
    };
    let told: Vec<String> = values.iter().map(told).collect();
    Some(if told.is_empty() { "无".to_owned() } else { told.join("、") })
}

fn told(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.normalize().to_string(),
        Value::Dose(dose) => dose.to_string(),
        Value::Age(range, today) => range.describe(*today),
        Value::Flag(flag) => if *flag { "是" } else { "否" }.to_owned(),
    }
}

/// Earlier lines about the items of the finding, or of the rows that matched them.
pub(super) fn past(case: &Case<'_>, finding: &Finding) -> Vec<String> {
    let reads_past = case.rule.family.reads().iter().any(|it| it.starts_with("history"));
    if !reads_past {
        return Vec::new();
    }
    let of_rows = |line: &Line<'_>| {
        case.matches.iter().any(|it| line.is_about(&it.row.key, case.session.sets))
    };
    let is_same = |line: &Line<'_>| {
        lines(case, finding).any(|it| {
            let code = it.order.hospital_code.as_deref();
            (code.is_some() && code == line.order.hospital_code.as_deref())
                || (it.national_code().is_some() && it.national_code() == line.national_code())
        })
    };
    let about = case.session.past.iter().filter(|line| of_rows(line) || is_same(line));
    about.take(PAST_MAX).map(past_line).collect()
}

fn past_line(line: &Line<'_>) -> String {
    let quantity = line.net.map_or("数量未知".to_owned(), |it| it.normalize().to_string());
    let unit = line.order.quantity_unit.as_ref().map(unit_zh).unwrap_or_default();
    let days = line.order.days.map(|it| format!("，{}日", it.normalize())).unwrap_or_default();
    format!(
        "{} {}：【{}】{quantity}{unit}{days}",
        line.path("").trim_end_matches('.'),
        line.begins,
        line.name()
    )
}

const PAST_MAX: usize = 50;
