//! The forms in which a doctor's answer comes: the agent's own request, 3103 of the national
//! interface, and records that a channel's mapping made of the HIS's own words. All speak of one
//! finding by `jr_id` and are read by the same rules.

use serde_json::{Map, Value};

use super::states::{Given, State};
use crate::pipeline;

/// Why an answer cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where: `feedback[2].state`.
    pub path: String,
    /// What was found there; no patient's value.
    pub found: String,
    /// What to send instead, in Chinese.
    pub expected: String,
}

/// Reads `{"feedback":[{...}]}`, or one answer by itself.
pub fn read(text: &str) -> Result<Vec<Given>, Vec<Unreadable>> {
    let json = parse(text)?;
    match json.get("feedback") {
        Some(list) => read_all("feedback", list),
        None => read_all("feedback", &json),
    }
}

/// Reads the input of 3103, with or without its envelope; lists and single objects.
pub fn read_3103(text: &str) -> Result<Vec<Given>, Vec<Unreadable>> {
    let json = parse(text)?;
    let input = match json.get("input") {
        Some(Value::String(text)) => parse(text)?,
        Some(Value::Null) | None => Value::Null,
        Some(input) => input.clone(),
    };
    let outer = if input.is_null() { &json } else { &input };
    let data = outer.get("data").unwrap_or(outer);
    let Some(warns) = data.get("warns").filter(|it| !it.is_null()) else {
        return Err(vec![unreadable("input.data.warns", "", "发送处理数据集合 warns")]);
    };
    let mut answers = read_all("input.data.warns", warns)?;
    // Who operates the HIS stands in the envelope.
    let operator = json.get("opter").and_then(text_of);
    for answer in &mut answers {
        answer.by = answer.by.take().or_else(|| operator.clone());
    }
    Ok(answers)
}

/// Reads the elements of a record of `check_feedback`.
pub fn read_record(elements: &Value) -> Result<Vec<Given>, Vec<Unreadable>> {
    read_all("check_feedback", elements)
}

pub(crate) fn parse(text: &str) -> Result<Value, Vec<Unreadable>> {
    serde_json::from_str(text).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        vec![unreadable(&place, "", "发送一个 JSON 对象")]
    })
}

fn read_all(path: &str, json: &Value) -> Result<Vec<Given>, Vec<Unreadable>> {
    let single = std::slice::from_ref(json);
    let items = json.as_array().map_or(single, Vec::as_slice);
    if items.is_empty() || items.len() > ANSWERS_MAX {
        let expected = format!("发送 1 至 {ANSWERS_MAX} 条处置");
        return Err(vec![unreadable(path, &items.len().to_string(), &expected)]);
    }
    let (mut answers, mut problems) = (Vec::new(), Vec::new());
    for (at, item) in items.iter().enumerate() {
        let path = format!("{path}[{at}]");
        match item.as_object().map(|it| read_one(&path, it)) {
            Some(Ok(answer)) => answers.push(answer),
            Some(Err(problem)) => problems.push(problem),
            None => problems.push(unreadable(&path, "", "每条处置是一个 JSON 对象")),
        }
    }
    if problems.is_empty() { Ok(answers) } else { Err(problems) }
}

fn read_one(path: &str, item: &Map<String, Value>) -> Result<Given, Unreadable> {
    let text = |name: &str| item.get(name).and_then(text_of);
    let Some(finding_id) = text("jr_id").or_else(|| text("warn_rslt_id")) else {
        return Err(unreadable(&format!("{path}.jr_id"), "", "发送审查答复里的 jr_id"));
    };
    let at = text("dspo_time").filter(|it| pipeline::moment(it).is_some());
    Ok(Given {
        finding_id,
        state: state(path, text("state"), text("dspo_way").as_deref())?,
        reason: text("dspo_way_rea").or_else(|| text("reason")),
        consent: text("cons_flag").or_else(|| text("consent")).is_some_and(|it| is_yes(&it)),
        by: text("opter"),
        approver: text("aprv_opter"),
        at: at.unwrap_or_default(),
        source: String::new(),
    })
}

/// By its own name, or by the national interface's number for two of them.
fn state(path: &str, name: Option<String>, way: Option<&str>) -> Result<State, Unreadable> {
    let by_way = match way {
        None => None,
        Some("1") => Some(State::Continued),
        Some("2") => Some(State::Changed),
        Some(other) => {
            let expected = "发送1（继续执行医嘱）或2（返回修改医嘱）";
            return Err(unreadable(&format!("{path}.dspo_way"), other, expected));
        }
    };
    let Some(name) = name else {
        return by_way.ok_or_else(|| unreadable(&format!("{path}.state"), "", STATES));
    };
    // The name says more than the number: an order that goes on at the patient's cost goes on.
    State::parse(&name).ok_or_else(|| unreadable(&format!("{path}.state"), &name, STATES))
}

fn is_yes(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "y" | "yes" | "1" | "true" | "是")
}

/// Numbers and switches are taken for the texts that others send.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|it| !it.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

pub(crate) fn unreadable(path: &str, found: &str, expected: &str) -> Unreadable {
    let found = found.chars().take(40).collect();
    Unreadable { path: path.to_owned(), found, expected: expected.to_owned() }
}

const STATES: &str = "发送 changed（已修改）、continued（继续，写明原因）、self_pay（转自费，已知情同意）或 voided（作废）";
/// Nobody's session has so many findings.
const ANSWERS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_form() {
        let list = r#"{"feedback":[{"jr_id":"F1","state":"self_pay","cons_flag":true,"opter":"D1"},
            {"jr_id":"F2","state":"continued","dspo_way_rea":"长期外出","aprv_opter":"D2"}]}"#;
        check(read(list), "F1 self_pay consent D1; F2 continued 长期外出 approved by D2");
        check(read(r#"{"jr_id":"F1","state":"voided"}"#), "F1 voided");
        check(read(r#"{"jr_id":"F1","state":"self_pay","consent":true}"#), "F1 self_pay consent");
        check(read(r#"{"jr_id":"F1","state":"self_pay","consent":false}"#), "F1 self_pay");
        check(read(r#"{"jr_id":"F1","dspo_way":1,"reason":"r"}"#), "F1 continued r");
    }

    #[test]
    fn the_national_form_in_all_its_shapes() {
        let warn = r#"{"warn_rslt_id":"F1","dspo_way":"1","dspo_way_rea":"r"}"#;
        for warns in [warn.to_owned(), format!("[{warn}]"), warn.replace("\"1\"", "1")] {
            let data = format!(r#"{{"warn_type":"1","warns":{warns}}}"#);
            check(
                read_3103(&format!(r#"{{"infno":"3103","opter":"D1","input":{{"data":{data}}}}}"#)),
                "F1 continued r D1",
            );
            check(read_3103(&format!(r#"{{"data":{data}}}"#)), "F1 continued r");
            check(read_3103(&data), "F1 continued r");
            check(read_3103(&format!(r#"{{"infno":3103,"input":{data}}}"#)), "F1 continued r");
            let text = Value::from(format!(r#"{{"data":{data}}}"#));
            check(read_3103(&format!(r#"{{"infno":"3103","input":{text}}}"#)), "F1 continued r");
        }
        check(read_3103("{}"), "input.data.warns ``: 发送处理数据集合 warns");
    }

    #[test]
    fn what_cannot_be_read_is_told_by_place() {
        check(read("["), "line 1 column 1 ``: 发送一个 JSON 对象");
        check(read(r#"{"feedback":[]}"#), "feedback `0`: 发送 1 至 500 条处置");
        check(
            read(r#"{"feedback":[{"state":"changed"},7]}"#),
            "feedback[0].jr_id ``: 发送审查答复里的 jr_id; feedback[1] ``: 每条处置是一个 JSON 对象",
        );
        check(
            read(r#"{"jr_id":"F1","dspo_way":"3"}"#),
            "feedback[0].dspo_way `3`: 发送1（继续执行医嘱）或2（返回修改医嘱）",
        );
        check(
            read(r#"{"jr_id":"F1","state":"gone"}"#),
            &format!("feedback[0].state `gone`: {STATES}"),
        );
        check(read(r#"{"jr_id":"F1"}"#), &format!("feedback[0].state ``: {STATES}"));
    }

    #[track_caller]
    fn check(actual: Result<Vec<Given>, Vec<Unreadable>>, expected: &str) {
        let told: Vec<String> = match actual {
            Ok(answers) => answers.iter().map(told).collect(),
            Err(problems) => problems
                .iter()
                .map(|it| format!("{} `{}`: {}", it.path, it.found, it.expected))
                .collect(),
        };
        assert_eq!(told.join("; "), expected);
    }

    fn told(it: &Given) -> String {
        let mut told = format!("{} {}", it.finding_id, it.state.name());
        let words = [it.reason.clone(), it.consent.then(|| "consent".to_owned()), it.by.clone()];
        for word in words
            .into_iter()
            .flatten()
            .chain(it.approver.iter().map(|it| format!("approved by {it}")))
        {
            told.push(' ');
            told.push_str(&word);
        }
        told
    }
}
