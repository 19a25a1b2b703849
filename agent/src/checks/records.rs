//! Checks, findings and feedback as standard records: they go to the platform by the same queue and
//! under the same promises as everything else.
//!
//! All that is said about one encounter's checks travels in a lane of its own, so that a finding
//! comes before what was said about it, and no parked prescription holds either up.

use std::sync::Arc;

use jiff::civil::DateTime;
use rules::{Facts, Verdict};
use schemas::{Catalog, Elements, Entity, Value};

use super::entry::{Check, Found};
use super::states::{Given, State};
use super::tracked::Tracked;
use crate::audit::states::Said;
use crate::audit::suspicion::Suspicion;
use crate::envelope::{Draft, Original, Submission};
use crate::pipeline::{self, OwnRecord};

/// The channel that these records name.
pub(crate) const CHANNEL: &str = "checks";

/// Writes records by the sets in force.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(super) catalog: Arc<Catalog>,
    pub(super) set: Arc<str>,
    pub(super) org: Arc<str>,
}

/// An encounter that an audit has looked at.
#[derive(Debug)]
pub(crate) struct Looked<'a> {
    pub(crate) check_id: &'a str,
    /// The encounter, and the patient's pseudonym.
    pub(crate) met: (&'a str, &'a str),
    pub(crate) facts: &'a Facts,
    pub(crate) verdict: &'a Verdict,
    pub(crate) at: DateTime,
    pub(crate) elapsed_us: u64,
}

/// What a submission is made of.
#[derive(Debug)]
pub(crate) struct Sheaf<'a> {
    writer: &'a Writer,
    message_id: String,
    received_at: DateTime,
    drafts: Vec<Draft>,
}

impl Writer {
    /// Records that are submitted together.
    pub(crate) fn sheaf(&self, message_id: &str, received_at: DateTime) -> Sheaf<'_> {
        let message_id = message_id.to_owned();
        Sheaf { writer: self, message_id, received_at, drafts: Vec::new() }
    }
}

impl Sheaf<'_> {
    /// The record of a check.
    pub(super) fn check(&mut self, check: &Check) {
        let ids = |shown: bool| {
            let of = |it: &&Found| if shown { it.is_shown() } else { it.acknowledged };
            joined(check.findings.iter().filter(of).map(|it| it.id.as_str()))
        };
        let shown = check.findings.iter().filter(|it| it.is_shown()).count();
        let door = serde_json::to_value(check.door).ok();
        self.add(
            "check_result",
            &lane(check.encounter.as_deref(), &check.check_id),
            &check.check_id,
            &[
                ("check_id", text(&check.check_id)),
                ("mdtrt_id", check.encounter.clone()),
                ("patn_psdn", check.patient.clone()),
                ("reqt_time", text(&check.asked_at)),
                ("rsp_time", text(&check.answered_at)),
                ("ana_dura", Some(check.elapsed_us.to_string())),
                ("door", door.and_then(|it| it.as_str().map(str::to_owned))),
                ("chnl", check.channel.clone()),
                ("scene", check.scene.clone()),
                ("dept_code", check.department.clone()),
                ("dr_codg", check.doctor.clone()),
                ("outcome", text(&check.outcome)),
                ("vola_cnt", Some(shown.to_string())),
                ("jr_ids", ids(true)),
                ("ackd_ids", ids(false)),
                ("unknown_rules", joined(check.unknown.iter().map(|it| it.rule_id.as_str()))),
                ("not_run_rules", joined(check.not_run.iter().map(String::as_str))),
                ("rule_ver", text(&check.rules_version)),
            ],
        );
    }

    /// The record of a finding that was shown.
    pub(super) fn finding(&mut self, check: &Check, found: &Found, tracked: &Tracked) {
        self.add(
            "check_finding",
            &lane(check.encounter.as_deref(), &tracked.first_check),
            &found.id,
            &[
                ("jr_id", text(&found.id)),
                ("check_id", text(&tracked.first_check)),
                ("mdtrt_id", check.encounter.clone()),
                ("patn_psdn", check.patient.clone()),
                ("reqt_time", text(&tracked.first_asked_at)),
                ("rule_id", text(&found.rule_id)),
                ("rule_code", found.official_code.clone()),
                ("rule_name", text(&found.rule_name)),
                ("sev_deg", text(&found.severity)),
                ("action", text(&found.action)),
                ("vola_bhvr_type", text(&found.behaviour)),
                ("vola_cont", text(&found.text)),
                ("vola_evid", text(&found.basis)),
                ("vola_amt", found.amount.clone()),
                ("rx_ids", joined(found.lines.iter().map(String::as_str))),
                ("rule_ver", text(&check.rules_version)),
            ],
        );
    }

    /// The record of an answer.
    pub(super) fn feedback(&mut self, tracked: &Tracked, given: &Given) {
        let way = match given.state {
            State::Continued | State::SelfPay => text("1"),
            State::Changed | State::Voided => text("2"),
            State::Open | State::Ignored => None,
        };
        let consent = given.state == State::SelfPay;
        self.add(
            "check_feedback",
            &lane(tracked.encounter.as_deref(), &tracked.first_check),
            &tracked.id,
            &[
                ("jr_id", text(&tracked.id)),
                ("check_id", text(&tracked.last_check)),
                ("mdtrt_id", tracked.encounter.clone()),
                ("state", text(given.state.name())),
                ("dspo_way", way),
                ("dspo_way_rea", given.reason.as_deref().map(|it| it.chars().take(500).collect())),
                ("cons_flag", consent.then(|| if given.consent { "y" } else { "n" }.to_owned())),
                ("opter", given.by.clone()),
                ("aprv_opter", given.approver.clone()),
                ("dspo_time", text(&given.at)),
                ("dspo_souc", text(&given.source)),
            ],
        );
    }

    /// The record of an encounter that an audit has looked at.
    pub(crate) fn looked(&mut self, it: &Looked<'_>) {
        let (encounter, patient) = it.met;
        let scene = it.facts.scene();
        let scene = rules::facts::Scene::NAMES.iter().find(|(_, known)| Some(*known) == scene);
        let of = it.facts.encounter.present();
        let at = text(&pipeline::stamp(it.at));
        self.add(
            "check_result",
            &lane(Some(encounter), it.check_id),
            it.check_id,
            &[
                ("check_id", text(it.check_id)),
                ("mdtrt_id", text(encounter)),
                ("patn_psdn", text(patient)),
                ("reqt_time", at.clone()),
                ("rsp_time", at),
                ("ana_dura", Some(it.elapsed_us.to_string())),
                ("door", text("audit")),
                ("scene", scene.and_then(|(name, _)| text(name))),
                ("dept_code", of.and_then(|it| it.department_code.clone())),
                ("dr_codg", it.facts.prescriber.present().and_then(|it| it.code.clone())),
                ("outcome", text(it.verdict.outcome.name())),
                ("vola_cnt", Some(it.verdict.findings.len().to_string())),
                ("unknown_rules", joined(it.verdict.unknown.iter().map(|it| it.rule_id.as_str()))),
                ("rule_ver", text(&it.verdict.rules_version)),
            ],
        );
    }

    /// The record of a suspicion, under its own id: what was found once more is a revision of it.
    pub(crate) fn suspicion(&mut self, it: &Suspicion, rules_version: &str) {
        self.add(
            "check_finding",
            &lane(Some(&it.encounter), &it.last_check),
            &it.id,
            &[
                ("jr_id", text(&it.id)),
                ("check_id", text(&it.last_check)),
                ("mdtrt_id", text(&it.encounter)),
                ("patn_psdn", text(&it.patient)),
                ("reqt_time", text(&it.first_found_at)),
                ("rule_id", text(&it.rule_id)),
                ("rule_code", it.official_code.clone()),
                ("rule_name", text(&it.rule_name)),
                ("sev_deg", text(&it.severity)),
                ("action", text(&it.action)),
                ("vola_bhvr_type", text(&it.behaviour)),
                ("vola_cont", text(&it.text)),
                ("vola_evid", text(&it.basis)),
                ("vola_amt", it.amount.clone()),
                ("rx_ids", joined(it.lines.iter().map(String::as_str))),
                ("rule_ver", text(rules_version)),
            ],
        );
    }

    /// The record of what was said about a suspicion.
    pub(crate) fn said(&mut self, it: &Suspicion, said: &Said) {
        self.add(
            "check_feedback",
            &lane(Some(&it.encounter), &it.last_check),
            &it.id,
            &[
                ("jr_id", text(&it.id)),
                ("check_id", text(&it.last_check)),
                ("mdtrt_id", text(&it.encounter)),
                ("state", text(said.state.name())),
                ("dspo_way_rea", said.reason.as_deref().map(|it| it.chars().take(500).collect())),
                ("opter", text(&said.by)),
                ("dspo_time", text(&said.at)),
                ("dspo_souc", text("audit")),
            ],
        );
    }

    /// The records as the outbox takes them.
    pub(super) fn submission(self) -> Submission {
        Submission {
            channel: Arc::from(CHANNEL),
            message_id: self.message_id,
            received_at: pipeline::stamp(self.received_at),
            org: Arc::clone(&self.writer.org),
            schema: Arc::from(self.writer.catalog.version()),
            drafts: self.drafts,
            original: Original::default(),
        }
    }

    /// A dictionary of the hospital's own may lack these entities: then nothing is told of them.
    fn add(&mut self, entity: &str, lane: &str, key: &str, values: &[(&str, Option<String>)]) {
        let Some(entity) = self.writer.catalog.entity(entity) else { return };
        let elements = elements(entity, values);
        let own = OwnRecord {
            catalog: &self.writer.catalog,
            set: &self.writer.set,
            org: &self.writer.org,
            channel: CHANNEL,
            message_id: &self.message_id,
            received_at: self.received_at,
        };
        self.drafts.push(own.draft(entity, lane, key, &elements));
    }
}

fn elements(entity: &Entity, values: &[(&str, Option<String>)]) -> Elements {
    let mut elements = Elements::with_capacity(values.len());
    for (name, value) in values {
        let Some(value) = value.as_deref().filter(|it| !it.is_empty()) else { continue };
        let Some(position) = entity.position(name) else { continue };
        let Some(element) = entity.elements().get(position) else { continue };
        let read = Value::read(element.format(), value);
        elements.set(position, read.unwrap_or_else(|_| Value::Text(value.to_owned())));
    }
    elements
}

fn lane(encounter: Option<&str>, first_check: &str) -> String {
    format!("{CHANNEL}/{}", encounter.unwrap_or(first_check))
}

#[allow(clippy::unnecessary_wraps)] // a value in a row of optional ones
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> Option<String> {
    let words: Vec<&str> = words.collect();
    (!words.is_empty()).then(|| words.join(","))
}
