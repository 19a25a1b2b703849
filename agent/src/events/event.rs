//! One event: what happened to which finding, and as much of it as a ward needs.
//!
//! No patient's name or number is ever in one. What is shown besides the finding itself is the
//! hospital's choice, made when the event is told and not when it is written.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::checks::entry::{Check, Found};
use crate::checks::states::Given;
use crate::checks::tracked::Tracked;

/// What an event is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A finding of a check.
    #[default]
    Finding,
    /// A suspicion of an audit.
    Suspicion,
    /// What operators should know.
    Alert,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Finding, Kind::Suspicion, Kind::Alert];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Finding => "finding",
            Kind::Suspicion => "suspicion",
            Kind::Alert => "alert",
        }
    }
}

/// As it is kept. Members may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Event {
    pub(crate) kind: Kind,
    /// `opened`, `reopened`, or the state that it is in now; of alerts `began`, `over`.
    pub(crate) what: String,
    /// When, `YYYYMMDDhhmmss`.
    pub(crate) at: String,
    /// Of the finding or suspicion; of an alert its code.
    pub(crate) id: String,
    pub(crate) department: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) encounter: Option<String>,
    pub(crate) bed: Option<String>,
    pub(crate) doctor: Option<String>,
    pub(crate) scene: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) lines: Vec<String>,
    pub(crate) amount: Option<String>,
    pub(crate) reason: Option<String>,
}

impl Event {
    /// A check shows a finding that was not open.
    pub(crate) fn opened(check: &Check, found: &Found, tracked: &Tracked) -> Event {
        let what = if tracked.shown > 1 { "reopened" } else { "opened" };
        Event {
            what: what.to_owned(),
            at: check.answered_at.clone(),
            scene: check.scene.clone(),
            amount: found.amount.clone(),
            ..Event::about(tracked)
        }
    }

    /// Somebody, or time, has answered for a finding.
    pub(crate) fn answered(tracked: &Tracked, given: &Given) -> Event {
        Event {
            what: given.state.name().to_owned(),
            at: given.at.clone(),
            reason: given.reason.clone(),
            ..Event::about(tracked)
        }
    }

    fn about(tracked: &Tracked) -> Event {
        Event {
            kind: Kind::Finding,
            id: tracked.id.clone(),
            department: tracked.department.clone(),
            severity: Some(tracked.severity.clone()),
            action: Some(tracked.action.clone()),
            encounter: tracked.encounter.clone(),
            bed: tracked.bed.clone(),
            doctor: tracked.doctor.clone(),
            rule: Some(tracked.rule_name.clone()),
            text: Some(tracked.text.clone()),
            lines: tracked.lines.clone(),
            ..Event::default()
        }
    }

    /// What a listener is told of it.
    pub(crate) fn shown(&self, place: &str, show: &[String]) -> Value {
        let mut told = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                told.insert(name.to_owned(), value);
            }
        };
        put("event", json!(place));
        put("kind", json!(self.kind.name()));
        put("what", json!(self.what));
        put("at", json!(self.at));
        put("id", json!(self.id));
        put("department", json!(self.department));
        put("severity", json!(self.severity));
        put("action", json!(self.action));
        let lines = (!self.lines.is_empty()).then_some(&self.lines);
        let chosen = [
            ("encounter", json!(self.encounter)),
            ("bed", json!(self.bed)),
            ("doctor", json!(self.doctor)),
            ("scene", json!(self.scene)),
            ("rule", json!(self.rule)),
            ("text", json!(self.text)),
            ("lines", json!(lines)),
            ("amount", json!(self.amount)),
            ("reason", json!(self.reason)),
        ];
        // An alert says nothing without its text, and nothing of any patient with it.
        let is_shown = |name: &str| self.kind == Kind::Alert || show.iter().any(|it| it == name);
        for (name, value) in chosen.into_iter().filter(|(name, _)| is_shown(name)) {
            put(name, value);
        }
        Value::Object(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_hospital_chose_is_shown() {
        let event = Event {
            what: "opened".to_owned(),
            at: "20261122101530".to_owned(),
            id: "F1".to_owned(),
            department: Some("0301".to_owned()),
            encounter: Some("ZY1".to_owned()),
            bed: Some("12".to_owned()),
            text: Some("超量".to_owned()),
            lines: vec!["1".to_owned()],
            ..Event::default()
        };
        let always = r#""event":"f-1","kind":"finding","what":"opened","at":"20261122101530","id":"F1","department":"0301""#;
        check(&event, &[], &format!("{{{always}}}"));
        check(&event, &["text", "bed"], &format!(r#"{{{always},"bed":"12","text":"超量"}}"#));
        check(&event, &["lines", "doctor"], &format!(r#"{{{always},"lines":["1"]}}"#));
    }

    #[test]
    fn an_alert_is_told_whole() {
        let text = Some("连不上".to_owned());
        let alert = Event { kind: Kind::Alert, id: "F101".to_owned(), text, ..Event::default() };
        let told =
            r#"{"event":"f-1","kind":"alert","what":"","at":"","id":"F101","text":"连不上"}"#;
        check(&alert, &[], told);
    }

    #[track_caller]
    fn check(event: &Event, show: &[&str], expected: &str) {
        let show: Vec<String> = show.iter().map(|it| (*it).to_owned()).collect();
        let told: Value = serde_json::from_str(expected).unwrap_or_default();
        assert_eq!(event.shown("f-1", &show), told);
    }
}
