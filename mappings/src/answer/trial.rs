//! Every kind of answer is said once before it is needed: with the worst values a HIS can send, and
//! with as few as it can send. What comes out must be well-formed in its format.
//!
//! A branch that no trial takes is proved by the cases beside the mapping.

use adapters::{AnswerCharset, Input, Limits, SoapCall, SoapVersion, WireFormat};
use schemas::{Files, Problem};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::escape::Escape;
use super::load::{begin_of_line, source};
use super::{AnswerKind, Answers, SoapUse, Told, check_variable};
use crate::place::Sheet;

/// Ends every place that a value can stand in, if it is let.
const NASTY: &str = "甲<b>&\"']]>\\|^~\n\t--?>𠮷";

/// The members of `check`.
pub(super) const CHECK_MEMBERS: &[&str] = &[
    "action",
    "bureau",
    "bureau_text",
    "check_id",
    "data_findings",
    "elapsed_us",
    "findings",
    "not_checked",
    "not_run",
    "orders",
    "outcome",
    "questions",
    "received",
    "rules_version",
    "sev_deg",
    "tasks",
    "unknown",
];

/// What goes wrong when every kind is said.
pub(super) fn run(answers: &Answers, files: &Files) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    for kind in AnswerKind::ALL.into_iter().filter(|it| answers.can_say(*it)) {
        for text in [Some(NASTY), None] {
            for called in [false, true] {
                let found = said(answers, kind, text, called, files);
                // Two kinds that share a template share its faults.
                problems.extend(
                    found.into_iter().filter(|it| !problems.contains(it)).collect::<Vec<_>>(),
                );
            }
        }
    }
    problems
}

fn said(
    answers: &Answers,
    kind: AnswerKind,
    text: Option<&str>,
    called: bool,
    files: &Files,
) -> Option<Problem> {
    let call = SoapCall::new(SoapVersion::V11, "http://tempuri.org/", "CallInterface");
    // A dialect that writes the whole SOAP body has nobody else to answer.
    if !called && answers.soap == SoapUse::Whole {
        return None;
    }
    let variables = sample(answers, kind, text);
    let told = Told {
        kind,
        variables: &variables,
        call: called.then_some(&call),
        caller: AnswerCharset::Gbk,
    };
    let template = answers.template(kind)?;
    let charset = answers.charset.unwrap_or(told.caller);
    match answers.text(template, &told, charset) {
        Err(_) => Some(at_fault(answers, template, &told, charset, files)),
        Ok(said) => {
            let raw = called && answers.soap == SoapUse::Raw;
            let own = answers.escapes.get(template).copied().unwrap_or(answers.outer);
            let complaint = ill_formed(own, &said.inner, charset, raw)
                .or_else(|| ill_formed(answers.outer, &said.last, charset, raw))?;
            let message = format!("the answer `{}` is not well-formed: {complaint}", kind.word());
            Some(Problem::error("M068", template, (1, 1), message))
        }
    }
}

/// Says it again for the sentence that the log must not have: here all values are made up.
fn at_fault(
    answers: &Answers,
    template: &str,
    told: &Told<'_>,
    charset: AnswerCharset,
    files: &Files,
) -> Problem {
    let fault = super::variables(told, charset).map(|mut variables| {
        variables.set("inner", NASTY);
        let own = answers.engine.render(template, &variables).err().map(|it| (template, it));
        let wrap = answers.wrap.as_deref();
        let outer = || wrap.and_then(|it| Some((it, answers.engine.render(it, &variables).err()?)));
        own.or_else(outer)
    });
    let Ok(Some((name, fault))) = fault else {
        return Problem::error("M067", template, (1, 1), "cannot be said".to_owned());
    };
    let text = source(files.get(name).unwrap_or_default());
    let mut sheet = Sheet::new(name, &text);
    let message = format!(
        "cannot say `{}`: {}; a value that may be missing wants `| default(\"\")` or an `if`",
        told.kind.word(),
        fault.message
    );
    sheet.error("M067", begin_of_line(&text, fault.line), message);
    sheet.problems.pop().expect("one was just put in")
}

/// What a reader of the format says about the answer.
fn ill_formed(escape: Escape, text: &str, charset: AnswerCharset, raw: bool) -> Option<String> {
    match escape {
        Escape::Json => serde_json::from_str::<&RawValue>(text).err().map(|it| it.to_string()),
        Escape::Xml => {
            if let Some(declared) =
                declared(text).filter(|it| !charset.label().eq_ignore_ascii_case(it))
            {
                return Some(format!(
                    "it declares {declared} and is sent in {0}; declare {0}, or {{{{ charset }}}}",
                    charset.label()
                ));
            }
            // Elements for a SOAP result need no single root of their own.
            let text = if raw { format!("<r>{text}</r>") } else { text.to_owned() };
            let bytes = adapters::encode_referring(&text, charset, escape.reference());
            let input = Input::new(&bytes, WireFormat::Auto, Some("text/xml"));
            adapters::decode(&input, &Limits::default()).err().map(|it| it.to_string())
        }
        Escape::Hl7 | Escape::None => None,
    }
}

/// The encoding that the text says it is in.
fn declared(text: &str) -> Option<&str> {
    let declaration = text.strip_prefix("<?xml")?.split("?>").next()?;
    let value = declaration.split("encoding=").nth(1)?;
    let quote = value.chars().next()?;
    value.get(1..)?.split(quote).next()
}

/// The variables of an answer, all free texts being `text`; without one, as little as can be.
fn sample(answers: &Answers, kind: AnswerKind, text: Option<&str>) -> String {
    let free = text.unwrap_or("");
    let finding = json!({
        "code": "V203", "element": "gend", "path": free, "found": free, "expected": free,
    });
    let findings = if text.is_some() { vec![finding] } else { Vec::new() };
    let record = json!({
        "record_id": "01JD", "entity": "outpatient_prescription", "key": free, "seq": 1042,
        "revision": 1, "status": "accepted", "findings": findings,
    });
    let stored = matches!(kind, AnswerKind::Accepted | AnswerKind::Warned | AnswerKind::Parked);
    let records = if stored { vec![record] } else { Vec::new() };
    let ours = matches!(kind, AnswerKind::Refused | AnswerKind::Failed);
    let request = answers.request.sample(text);
    let mut variables = json!({
        "message_id": "01JD", "received_at": "20240515092005", "code": if ours { 12 } else { 0 },
        "message": free, "request_id": "01JD", "channel": "channel", "org": "H99999900001",
        "door": if kind.is_check() { "check" } else { "message" },
        "records": records, "findings": findings, "request": request,
    })
    .to_string();
    if kind.is_check() {
        let (verdict, orders) = verdict(kind, text);
        let check = check_variable(&verdict.to_string(), &orders).expect("the sample is a verdict");
        variables.pop();
        variables.push_str(",\"check\":");
        variables.push_str(&check);
        variables.push('}');
    }
    variables
}

fn verdict(kind: AnswerKind, text: Option<&str>) -> (Value, Vec<String>) {
    let free = text.unwrap_or("");
    let line = |role: &str| {
        json!({
            "jrd_id": "J1-1", "patn_id": free, "mdtrt_id": free, "rx_id": free,
            "vola_item_type": role, "vola_amt": 58,
        })
    };
    let finding = json!({
        "jr_id": "J1", "rule_id": "drug-sex", "rule_name": free, "vola_cont": free, "patn_id": free,
        "mdtrt_id": free, "judge_result_detail_dtos": [line("1")], "vola_amt": 58,
        "vola_amt_stas": "1", "sev_deg": "1", "vola_evid": free, "vola_bhvr_type": "2",
        "official_code": "GZ1", "action": "confirm",
    });
    let unknown = json!({
        "rule_id": "drug-sex", "rule_name": free, "text": free, "missing": ["patient.gend"],
    });
    let outcome = match kind {
        AnswerKind::Unknown => "partial",
        AnswerKind::Degraded => "degraded",
        _ => "complete",
    };
    let hits = if kind == AnswerKind::Hit { vec![finding] } else { Vec::new() };
    let unknown = if text.is_some() { vec![unknown] } else { Vec::new() };
    let verdict = json!({
        "check_id": "01JD", "outcome": outcome, "received": { "orders": "present", "allergies": "absent" }, "findings": hits, "unknown": unknown, "not_checked": [], "questions": [], "tasks": [],
        "data_findings": [], "not_run": [], "bureau": "late", "bureau_text": free, "rules_version": "starter", "elapsed_us": 17,
    });
    let order = json!({
        "rx_id": free, "rxno": text, "group": text, "code": text, "name": text,
        "specification": text, "amount": text.map(|_| "58.80"),
    });
    (verdict, vec![order.to_string()])
}
