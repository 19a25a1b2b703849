//! Rules as forms: what a console draws, what an editor completes, what a program sends.
//!
//! ```text
//! Rule -> JSON -> TOML      to_json, to_toml      one rule, to be read and changed
//! TOML -> JSON              definition            the file of a rule, as it was written
//! families, elements        schema, fields        what can be written, generated from their columns
//! ```
//!
//! Nothing here decides whether a rule is good: it is loaded with all others, and told where it is not.

mod fields;
mod schema;
mod write;

use schemas::Problem;
use serde_json::{Map, Value, json};
use toml::de::{DeTable, DeValue};

pub use self::fields::{fields, fields_of, usual};
pub use self::schema::schema;
pub(crate) use self::write::quoted;
pub use self::write::to_toml;

use crate::facts::Scene;
use crate::parameter::Parameter;
use crate::rule::{BEHAVIOURS, ON_MISSING, Rule, SEVERITIES};
use crate::tree::Source;

/// A rule as it is in force, with every change of the hospital's.
#[must_use]
pub fn to_json(rule: &Rule) -> Value {
    let scene =
        |it: &Scene| Scene::NAMES.iter().find(|(_, known)| known == it).map(|(name, _)| *name);
    let parameters: Map<String, Value> =
        rule.parameters.iter().map(|(name, value)| (name.to_owned(), parameter(value))).collect();
    json!({
        "id": rule.id,
        "family": rule.family.id(),
        "official_code": rule.official_code,
        "name": rule.name,
        "basis": rule.basis,
        "severity": number_of(&SEVERITIES, rule.severity),
        "action": rule.action.name(),
        "behaviour": number_of(&BEHAVIOURS, rule.behaviour),
        "enabled": rule.enabled,
        "scenes": rule.scenes.iter().filter_map(scene).collect::<Vec<_>>(),
        "exempt_self_pay": rule.exempt_self_pay,
        "on_missing": ON_MISSING.iter().find(|(_, it)| *it == rule.on_missing).map(|(name, _)| *name),
        "parameters": parameters,
    })
}

/// The rule of a file that holds one, as it was written.
pub fn definition(file: &str, text: &str) -> Result<Value, Vec<Problem>> {
    let (source, mut problems) = (Source { file, text }, Vec::new());
    let tree = source.parse(&mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let rules = tree.get_ref().iter().find(|(name, _)| name.get_ref() == "rule");
    match rules.and_then(|(_, it)| it.get_ref().as_array()?.iter().next()) {
        Some(rule) => Ok(value(rule.get_ref())),
        None => Err(vec![source.error("R506", &(0..0), "there is no `[[rule]]`".to_owned())]),
    }
}

fn number_of<T: PartialEq + Copy>(known: &[(&str, T)], wanted: T) -> Option<u64> {
    known.iter().find(|(_, it)| *it == wanted).and_then(|(code, _)| code.parse().ok())
}

fn parameter(parameter: &Parameter) -> Value {
    match parameter {
        Parameter::Whole(number) => Value::from(*number),
        Parameter::Flag(flag) => Value::from(*flag),
        Parameter::List(items) => Value::from(items.as_slice()),
        Parameter::Condition(_, text) => {
            let document = format!("when = {text}");
            let tree = DeTable::parse(&document).ok();
            let when = tree.as_ref().and_then(|it| it.get_ref().iter().next());
            when.map_or_else(|| Value::from(text.as_str()), |(_, it)| value(it.get_ref()))
        }
        other => Value::from(other.to_string()),
    }
}

/// Numbers that are not whole stay texts, digit by digit: nothing here is rounded.
fn value(of: &DeValue<'_>) -> Value {
    match of {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => {
            let digits = number.as_str();
            digits.parse::<i64>().map_or_else(|_| Value::from(digits), Value::from)
        }
        DeValue::Float(number) => Value::from(number.as_str()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(moment) => Value::from(moment.to_string()),
        DeValue::Array(items) => items.iter().map(|it| value(it.get_ref())).collect(),
        DeValue::Table(members) => {
            let members = members.iter();
            members.map(|(name, it)| (name.get_ref().to_string(), value(it.get_ref()))).collect()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::fmt::Write as _;

    use schemas::Files;

    use super::*;
    use crate::overlay::{Log, log_of, own};
    use crate::pack::RuleSet;

    /// Every shipped rule, written as a form writes it, is the same rule when it is read again.
    #[test]
    fn what_is_written_is_the_same_rule() {
        let shipped = RuleSet::shipped().unwrap();
        for rule in shipped.rules() {
            let mut told = to_json(rule);
            told["id"] = Value::from("copy");
            let text = to_toml(&told).unwrap();
            assert_eq!(again(&text), told, "{}\n{text}", rule.id);
        }
    }

    #[test]
    fn a_condition_is_a_tree_in_every_form() {
        let text = "[[rule]]\nid = \"copy\"\nfamily = \"custom\"\nname = \"引\\\"号\"\nbasis = \"b\"\nseverity = 3\n\
            action = \"hint\"\n[rule.parameters]\nfor = \"order\"\ntext = \"【{orders.hosplist_name}】\"\n\
            when = { all = [ { item = [\"atc:J01\"] }, { element = \"orders.pric\", is = \">\", value = 7.50 } ] }\n";
        let told = definition("f", text).unwrap();
        assert_eq!(told["parameters"]["when"]["all"][1]["value"], "7.50");
        let written = to_toml(&told).unwrap();
        assert_eq!(definition("f", &written).unwrap(), told, "{written}");
        assert_eq!(again(&written)["parameters"], told["parameters"]);
        assert_eq!(again(text)["name"], "引\"号");
    }

    #[test]
    fn what_is_no_rule_is_told() {
        let told = |text: &str| definition("f", text).unwrap_err()[0].to_string();
        assert_eq!(told("x = 1"), "f:1:1: error[R506]: there is no `[[rule]]`");
        assert!(told("[[rule").starts_with("f:1:7: error[R101]"), "{}", told("[[rule"));
        assert!(to_toml(&json!([])).is_err());
        assert!(to_toml(&json!({ "id": "a", "parameters": 1 })).is_err());
    }

    #[test]
    fn the_schema_and_the_form_name_every_family_and_element() {
        let (schema, fields) = (schema(), fields());
        let families = crate::families::all().count();
        assert_eq!(schema["properties"]["family"]["enum"].as_array().unwrap().len(), families);
        assert_eq!(fields["families"].as_array().unwrap().len(), families);
        let shapes = schema["$defs"]["condition"]["oneOf"].as_array().unwrap();
        let age = shapes.iter().find(|it| it["properties"]["element"]["const"] == "patient.age");
        assert_eq!(age.unwrap()["properties"]["is"]["enum"], json!(["<", ">="]));
        let custom = fields["families"].as_array().unwrap().iter().find(|it| it["id"] == "custom");
        let when = &custom.unwrap()["parameters"][1];
        assert_eq!((&when["name"], &when["type"]), (&json!("when"), &json!("condition")));
        let sex =
            fields["elements"].as_array().unwrap().iter().find(|it| it["name"] == "patient.gend");
        assert_eq!(sex.unwrap()["choices"], json!(["男", "女"]));
    }

    /// Whatever a shipped rule says as its family does may be left out of it.
    #[test]
    fn a_rule_leaves_out_what_is_usual_of_its_family() {
        let (shipped, mut left_out) = (RuleSet::shipped().unwrap(), 0);
        let mut files = Files::from_shipped(crate::SHIPPED);
        let (mut log, mut told) = (Log::header(), Vec::new());
        for (no, rule) in (1..).zip(shipped.rules()) {
            let mut whole = to_json(rule);
            whole["id"] = Value::from(format!("copy-{no}"));
            let mut short = whole.clone();
            let members = usual(rule.family.usual().unwrap());
            for name in ["severity", "action", "basis"] {
                if short[name] == members[name] {
                    short[name] = Value::Null;
                    left_out += 1;
                }
            }
            files.insert(own::file_of(&format!("{no}.toml")), to_toml(&short).unwrap());
            writeln!(log, "{no},2026-11-22T09:00:00,a,r,define,copy-{no},,,,file={no}.toml")
                .unwrap();
            told.push(whole);
        }
        files.insert(log_of(own::PACK), log);
        let set = RuleSet::load(&files).unwrap_or_else(|told| panic!("{told:?}"));
        assert!(set.resting().is_empty() && left_out > 150, "{left_out} {:?}", set.resting());
        for whole in told {
            let copy = set.rules().iter().find(|it| whole["id"] == *it.id).unwrap();
            assert_eq!(to_json(copy), whole);
        }
    }

    #[test]
    fn what_a_family_has_no_usual_of_must_be_said() {
        let text = "[[rule]]\nid = \"r\"\nfamily = \"custom\"\nname = \"n\"\n";
        let faults = definition_faults(text);
        for member in ["severity", "action", "basis"] {
            assert!(faults.contains(&format!("R103 `{member}` is missing")), "{faults:?}");
        }
        let (schema, fields) = (schema(), fields());
        let families = fields["families"].as_array().unwrap();
        for (family, shape) in families.iter().zip(schema["allOf"].as_array().unwrap()) {
            let told = &shape["then"]["properties"]["severity"]["default"];
            assert_eq!(*told, family["usual"]["severity"], "{}", family["id"]);
            assert_eq!(family["id"] == "custom", family["usual"].is_null());
        }
    }

    fn definition_faults(text: &str) -> Vec<String> {
        let mut files = Files::from_shipped(crate::SHIPPED);
        files.insert(
            log_of(own::PACK),
            Log::header() + "1,2026-11-22T09:00:00,a,r,define,r,,,,file=1.toml\n",
        );
        files.insert(own::file_of("1.toml"), text);
        let set = RuleSet::load(&files).unwrap();
        let faults = set.resting().iter().flat_map(|it| &it.faults);
        faults.map(|it| format!("{} {}", it.code, it.message)).collect()
    }

    /// The rule of a file, as the loader reads it and shows it again.
    fn again(text: &str) -> Value {
        let mut files = Files::from_shipped(crate::SHIPPED);
        let line = "1,2026-11-22T09:00:00,a,r,define,copy,,,,file=1.toml\n";
        files.insert(log_of(own::PACK), Log::header() + line);
        files.insert(own::file_of("1.toml"), text);
        let set = RuleSet::load(&files).unwrap_or_else(|told| panic!("{told:?}\n{text}"));
        to_json(set.rules().iter().find(|it| it.id == "copy").unwrap())
    }
}
