//! What departments say about suspicions by the doors of the HIS: in the same words as a doctor's answer
//! to a finding, with a state that only suspicions have.
//!
//! Closing and sending back is for the insurance office, by the doors of operators. Of several answers
//! in one request all are taken or none, so a request is about suspicions or about findings.

use serde_json::Value;

use super::states::{Said, State};
use crate::checks::feedback::{Unreadable, text_of, unreadable};

/// An answer, and the suspicion that it is about.
pub(crate) type Answer = (String, Said);

/// The answers in a list or a single object; `None` when none of them is about a suspicion.
pub(crate) fn read(path: &str, json: &Value) -> Option<Result<Vec<Answer>, Vec<Unreadable>>> {
    let items = json.as_array().map_or(std::slice::from_ref(json), Vec::as_slice);
    if items.iter().all(|it| state(it).is_none()) {
        return None;
    }
    if items.len() > ANSWERS_MAX {
        let expected = format!("发送 1 至 {ANSWERS_MAX} 条处置");
        return Some(Err(vec![unreadable(path, &items.len().to_string(), &expected)]));
    }
    let (mut answers, mut problems) = (Vec::new(), Vec::new());
    for (at, item) in items.iter().enumerate() {
        match one(&format!("{path}[{at}]"), item) {
            Ok(answer) => answers.push(answer),
            Err(problem) => problems.push(problem),
        }
    }
    Some(if problems.is_empty() { Ok(answers) } else { Err(problems) })
}

fn one(path: &str, item: &Value) -> Result<Answer, Unreadable> {
    let text = |names: &[&str]| names.iter().find_map(|name| item.get(name).and_then(text_of));
    let Some(state) = state(item) else {
        return Err(unreadable(&format!("{path}.state"), "", "疑点的答复和问题的处置分两次发送"));
    };
    let Some(id) = text(&["jr_id", "warn_rslt_id"]) else {
        return Err(unreadable(&format!("{path}.jr_id"), "", "发送疑点的编号"));
    };
    let Some(by) = text(&["opter"]) else {
        return Err(unreadable(&format!("{path}.opter"), "", "写明处置人"));
    };
    let reason = text(&["dspo_way_rea", "reason"]);
    Ok((id, Said { state, reason, by, at: String::new() }))
}

/// What a department can say; the names are those of suspicions alone.
fn state(item: &Value) -> Option<State> {
    let state = item.get("state").and_then(Value::as_str).and_then(State::parse);
    state.filter(|it| matches!(it, State::Explained | State::Corrected))
}

/// Nobody's ward has so many.
const ANSWERS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_departments_say() {
        let explained =
            r#"{"jr_id":"S1","state":"explained","dspo_way_rea":"转科","opter":"2046"}"#;
        check(explained, "S1 explained 转科 2046");
        check(&format!("[{explained}]"), "S1 explained 转科 2046");
        check(r#"{"jr_id":"S2","state":"corrected","opter":2046}"#, "S2 corrected - 2046");
        check(r#"{"jr_id":"S2","state":"corrected"}"#, "feedback[0].opter: 写明处置人");
        check(r#"{"state":"corrected","opter":"1"}"#, "feedback[0].jr_id: 发送疑点的编号");
    }

    #[test]
    fn what_is_not_for_departments() {
        // A doctor's answer, and what only the insurance office says: findings know neither.
        check(r#"{"jr_id":"F1","state":"continued","dspo_way_rea":"r"}"#, "about no suspicion");
        check(r#"{"jr_id":"S1","state":"closed","opter":"1"}"#, "about no suspicion");
        check(r#"{"jr_id":"S1","state":"open","opter":"1"}"#, "about no suspicion");
        check(
            r#"[{"jr_id":"S1","state":"corrected","opter":"1"},{"jr_id":"F1","state":"changed"}]"#,
            "feedback[1].state: 疑点的答复和问题的处置分两次发送",
        );
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let json = serde_json::from_str(text).unwrap_or_default();
        let told: Vec<String> = match read("feedback", &json) {
            None => vec!["about no suspicion".to_owned()],
            Some(Ok(answers)) => answers.iter().map(told).collect(),
            Some(Err(problems)) => {
                problems.iter().map(|it| format!("{}: {}", it.path, it.expected)).collect()
            }
        };
        assert_eq!(told.join("; "), expected);
    }

    fn told((id, said): &Answer) -> String {
        format!("{id} {} {} {}", said.state.name(), said.reason.as_deref().unwrap_or("-"), said.by)
    }
}
