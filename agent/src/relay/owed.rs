//! Doctors' answers to findings of the insurer, on their way to it as 3103.
//!
//! What is owed is written together with the doctor's answer, so neither is without the other. It is
//! sent in the envelope of the request that brought the finding, until the insurer takes it. What it
//! has refused several times and still refuses a day later, or what is a week old, is given up and
//! named.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::ToSpan as _;
use rules::insurance::{Service, bureau};
use rules::verdict::Bureau;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::Relay;
use super::exchange::Request;
use crate::checks::Log;
use crate::checks::entry::Check;
use crate::checks::states::{Given, State};
use crate::checks::tracked::Tracked;
use crate::clock;
use crate::intake::Road;
use crate::outbox::{StoreError, blocking};
use crate::pipeline;

/// One answer that the insurer has to get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owed {
    /// The insurer's own id of the finding.
    pub(crate) finding_id: String,
    /// The check in whose envelope it is sent.
    check_id: String,
    dspo_way: String,
    reason: Option<String>,
    by: Option<String>,
    /// `YYYYMMDDhhmmss`.
    since: String,
    /// How often it was refused.
    pub(crate) refused: u32,
}

impl Owed {
    /// What an answer owes; nothing for findings of our own, and for what nobody has said.
    pub(crate) fn of(tracked: &Tracked, given: &Given) -> Option<Owed> {
        let dspo_way = match given.state {
            State::Continued | State::SelfPay => "1",
            State::Changed | State::Voided => "2",
            State::Open | State::Ignored => return None,
        };
        let at_own_cost = || (given.state == State::SelfPay).then(|| SELF_PAY.to_owned());
        tracked.is_of_bureau().then(|| Owed {
            finding_id: tracked.id.clone(),
            check_id: tracked.last_check.clone(),
            dspo_way: dspo_way.to_owned(),
            reason: given.reason.clone().or_else(at_own_cost),
            by: given.by.clone(),
            since: given.at.clone(),
            refused: 0,
        })
    }

    /// The 3103, in the envelope of the request that brought the finding.
    fn message(
        &self,
        check: Option<&Check>,
        limits: &adapters::Limits,
        org: &str,
        stated: &BTreeMap<String, String>,
    ) -> Value {
        let text = check
            .and_then(|it| adapters::text(&it.request, it.content_type.as_deref(), limits).ok());
        let request: Option<Map<String, Value>> =
            text.and_then(|it| serde_json::from_str(&it).ok());
        let mut envelope = request
            .filter(|it| it.contains_key("input"))
            .unwrap_or_else(|| own_envelope(org, stated));
        let during = is_during(check, &envelope);
        let now = clock::now();
        let fixmedins = envelope.get("fixmedins_code").and_then(Value::as_str).unwrap_or(org);
        let msgid = super::msgid(fixmedins, now);
        envelope.insert("infno".to_owned(), json!("3103"));
        envelope.insert("msgid".to_owned(), json!(msgid));
        envelope
            .insert("inf_time".to_owned(), json!(now.strftime("%Y-%m-%d %H:%M:%S").to_string()));
        if let Some(by) = &self.by {
            envelope.insert("opter".to_owned(), json!(by));
        }
        let warn = json!({
            "warn_rslt_id": self.finding_id,
            "dspo_way": self.dspo_way,
            "dspo_way_rea": self.reason.as_deref().unwrap_or_default(),
        });
        let warn_type = if during { "2" } else { "1" };
        let data = json!({ "warn_type": warn_type, "warns": [warn] });
        envelope.insert("input".to_owned(), json!({ "data": data }));
        Value::Object(envelope)
    }

    /// A platform that refuses everything for half an hour has not looked at any of it.
    fn is_refused_for_good(&self) -> bool {
        self.refused.saturating_add(1) >= REFUSED_MAX && self.is_older_than(REFUSED_DAYS)
    }

    fn is_older_than(&self, days: i32) -> bool {
        let oldest = clock::now_for_ageing().checked_sub(days.days());
        let since = pipeline::moment(&self.since);
        since.zip(oldest.ok()).is_some_and(|(since, oldest)| since < oldest)
    }
}

/// For a check that came in other words: the envelope that it was asked in.
fn own_envelope(org: &str, stated: &BTreeMap<String, String>) -> Map<String, Value> {
    let of_hospital = ENVELOPE.iter().filter_map(|name| stated.get_key_value(*name));
    let of_hospital = of_hospital.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    of_hospital.chain([("fixmedins_code".to_owned(), Value::from(org))]).collect()
}

/// Whether the finding came of a check of what was about to be paid for: by the number of the
/// transaction, wherever it stood, else by the scene of the request, else by that of the check.
fn is_during(check: Option<&Check>, envelope: &Map<String, Value>) -> bool {
    let number = envelope.get("infno").and_then(text_of);
    let number = check.and_then(|it| it.infno.clone()).or(number);
    if let Some(number) = number.as_deref().filter(|it| TRANSACTIONS.contains(it)) {
        return Service::of(number) == Service::During;
    }
    let data = envelope.get("input").map(|it| it.get("data").unwrap_or(it));
    let scene = data.and_then(|it| it.get("trig_scen").or_else(|| it.get("trigScen")));
    match scene.and_then(text_of).and_then(|it| it.parse().ok()) {
        Some(1..=5) => false,
        Some(6..=10u8) => true,
        _ => check.and_then(|it| it.scene.as_deref()).is_some_and(|it| PAYING.contains(&it)),
    }
}

/// Numbers are numbers or texts.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|it| !it.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Sends what is owed until told to stop. What it does not come to is found again at the next start.
pub(crate) async fn follow(road: Arc<Road>, stop: CancellationToken) {
    let Some(relay) = &road.relay else { return };
    let mut wait = PAUSE;
    while !stop.is_cancelled() {
        let (sending, ending) = (Arc::clone(&road), stop.clone());
        wait = match blocking(move || send_all(&sending, &ending)).await {
            Ok(true) => PAUSE,
            Ok(false) => (wait * 2).min(PAUSE_MAX),
            Err(error) => {
                tracing::warn!(%error, "answers that the insurer is owed were not read");
                PAUSE_MAX
            }
        };
        let is_idle = wait == PAUSE;
        tokio::select! {
            () = stop.cancelled() => return,
            () = relay.owed.notified(), if is_idle => {}
            () = tokio::time::sleep(if is_idle { PAUSE_MAX } else { wait }) => {}
        }
    }
}

/// True when nothing is left that waits for the insurer.
fn send_all(road: &Road, stop: &CancellationToken) -> Result<bool, StoreError> {
    let (Some(relay), Some(log)) = (&road.relay, road.checks.log()) else { return Ok(true) };
    let mut is_done = true;
    for (key, bytes) in log.owed(SENT_AT_ONCE)? {
        if stop.is_cancelled() {
            return Ok(false);
        }
        let Ok(owed) = serde_json::from_slice::<Owed>(&bytes) else {
            give_up(log, (&key, &bytes), "", "unreadable")?;
            continue;
        };
        match send(relay, log, &owed, &road.config.hospital.code)? {
            Ok(()) => {
                log.settle_owed(&key, &bytes, None)?;
                count("sent");
            }
            Err(Bureau::Refused) if owed.is_refused_for_good() => {
                give_up(log, (&key, &bytes), &owed.finding_id, "refused")?;
            }
            Err(_) if owed.is_older_than(KEPT_DAYS) => {
                give_up(log, (&key, &bytes), &owed.finding_id, "too old")?;
            }
            Err(Bureau::Refused) => {
                is_done = false;
                let again = Owed { refused: owed.refused.saturating_add(1), ..owed };
                let again = serde_json::to_vec(&again).unwrap_or_default();
                log.settle_owed(&key, &bytes, Some(again))?;
            }
            // This one was not understood; the next may be.
            Err(Bureau::Garbled) => is_done = false,
            // The next would fare no better.
            Err(_) => return Ok(false),
        }
    }
    Ok(is_done)
}

fn send(
    relay: &Relay,
    log: &Log,
    owed: &Owed,
    org: &str,
) -> Result<Result<(), Bureau>, StoreError> {
    let Some(target) = relay.target("3103").cloned() else { return Ok(Ok(())) };
    let check = log.get(&owed.check_id)?;
    let stated = &relay.config.stated;
    let body = owed.message(check.as_ref(), &relay.limits, org, stated).to_string();
    let request = Request {
        verb: "POST",
        path: target.path("3103"),
        target,
        headers: relay.headers(None),
        body: Bytes::from(body),
    };
    Ok(relay.client.ask(&request, Instant::now() + PATIENCE).and_then(|reply| {
        let text = adapters::text(&reply.body, reply.content_type.as_deref(), &relay.limits);
        // Whatever the status: only the envelope of the insurer refuses.
        text.map_err(|_| Bureau::Garbled).and_then(|it| bureau::read_receipt(&it))
    }))
}

fn give_up(
    log: &Log,
    (key, bytes): (&[u8], &[u8]),
    finding_id: &str,
    why: &str,
) -> Result<(), StoreError> {
    tracing::error!(
        code = "I118",
        finding_id,
        why,
        "an answer that the insurer is owed was given up"
    );
    count("given_up");
    log.settle_owed(key, bytes, None)
}

fn count(outcome: &'static str) {
    metrics::counter!("his_agent_relay_feedback_total", "outcome" => outcome).increment(1);
}

/// What the insurer reads where nobody gave a reason of his own.
const SELF_PAY: &str = "转自费，患者已知情同意";
/// What of the envelope the hospital states of itself.
const ENVELOPE: [&str; 8] = [
    "mdtrtarea_admvs",
    "insuplc_admdvs",
    "recer_sys_code",
    "signtype",
    "infver",
    "opter_type",
    "opter",
    "opter_name",
];
const TRANSACTIONS: [&str; 4] = ["3101", "3102", "3660", "3661"];
/// The scenes in which somebody pays.
const PAYING: [&str; 2] = ["settlement", "pre_settlement"];
const SENT_AT_ONCE: usize = 256;
const REFUSED_MAX: u32 = 5;
const REFUSED_DAYS: i32 = 1;
const KEPT_DAYS: i32 = 7;
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(1);

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// Numbers are numbers or texts, and stand in the message, in the address, or nowhere.
    #[test]
    fn before_and_during() {
        check(None, r#"{"infno":"3101","input":{}}"#, "", "1");
        check(None, r#"{"infno":"3102","input":{}}"#, "", "2");
        check(None, r#"{"infno":3102,"input":{}}"#, "", "2");
        check(None, r#"{"infno":3661,"input":{}}"#, "", "2");
        check(Some("3102"), r#"{"input":{"data":{}}}"#, "", "2");
        check(Some("3102"), r#"{"input":{"data":{"trig_scen":"2"}}}"#, "", "2");
        check(None, r#"{"input":{"data":{"trig_scen":"5"}}}"#, "", "1");
        check(None, r#"{"input":{"data":{"trig_scen":"6"}}}"#, "", "2");
        check(None, r#"{"input":{"data":{"trig_scen":10}}}"#, "", "2");
        check(None, r#"{"input":{"trigScen":"07"}}"#, "", "2");
        check(None, r#"{"input":{"data":{}}}"#, "settlement", "2");
        check(None, r#"{"input":{"data":{}}}"#, "outpatient", "1");
    }

    #[test]
    fn five_refusals_are_final_after_a_day() {
        let said = |refused: u32, hours: i64| {
            let since = clock::now().checked_sub(hours.hours()).unwrap();
            let owed = Owed { since: pipeline::stamp(since), refused, ..owed() };
            owed.is_refused_for_good()
        };
        assert!(!said(4, 0) && !said(400, 23), "the platform may be out of order for an afternoon");
        assert!(!said(3, 25) && said(4, 25));
    }

    fn owed() -> Owed {
        Owed {
            finding_id: "JR1".to_owned(),
            check_id: String::new(),
            dspo_way: "1".to_owned(),
            reason: None,
            by: None,
            since: String::new(),
            refused: 0,
        }
    }

    #[track_caller]
    fn check(infno: Option<&str>, request: &str, scene: &str, expected: &str) {
        let kept = Check {
            infno: infno.map(str::to_owned),
            request: Bytes::copy_from_slice(request.as_bytes()),
            scene: Some(scene.to_owned()),
            ..Check::default()
        };
        let said =
            owed().message(Some(&kept), &adapters::Limits::default(), "H1", &BTreeMap::new());
        assert_eq!(said["input"]["data"]["warn_type"], expected, "{request}");
        assert_eq!(said["infno"], "3103");
    }
}
