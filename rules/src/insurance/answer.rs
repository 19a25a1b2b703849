//! The national answer: the envelope, one result for each finding, and what could not be judged.

use std::borrow::Cow;

use crate::verdict::{Bureau, Finding, FindingLine, Role, Unknown, Verdict, clip};
use crate::write::Writer;

/// What the answer's envelope says besides the findings.
#[derive(Debug, Clone, Default)]
pub struct Reply<'a> {
    /// The answer's own id.
    pub inf_refmsgid: &'a str,
    /// When the request came in, `yyyyMMddHHmmssSSS`.
    pub refmsg_time: &'a str,
    /// When the answer leaves, `yyyyMMddHHmmssSSS`.
    pub respond_time: &'a str,
    /// The caller's task, echoed; without one, the check.
    pub task_id: &'a str,
}

/// The national answer: `infcode` 0 and one result for each finding that the doctor sees.
#[must_use]
pub fn write_answer(verdicts: &[Verdict], reply: &Reply<'_>) -> String {
    envelope("0", unfinished(verdicts), &warning(verdicts), reply, |writer| {
        writer.member("output", |writer| write_output(writer, verdicts, reply));
    })
}

fn write_output(writer: &mut Writer, verdicts: &[Verdict], reply: &Reply<'_>) {
    let results = verdicts.iter().flat_map(|v| v.shown().map(move |finding| (v, finding)));
    writer.objects("result", results, |writer, (verdict, finding)| {
        verdict.write_finding(writer, &with_a_detail(finding));
        writer.text("task_id", reply.task_id);
    });
    // More than the standard asks: without it, "not checked" would look like "nothing found".
    match verdicts {
        [verdict] => write_unjudged(writer, verdict),
        _ => {
            writer.objects("unjudged", verdicts.iter().filter(|it| is_unjudged(it)), |w, it| {
                w.text("patn_id", it.patn_id.as_deref().unwrap_or_default());
                w.text("mdtrt_id", it.mdtrt_id.as_deref().unwrap_or_default());
                write_unjudged(w, it);
            });
        }
    }
}

/// The details are mandatory: a finding about the visit has one that names no line.
fn with_a_detail(finding: &Finding) -> Cow<'_, Finding> {
    if !finding.lines.is_empty() {
        return Cow::Borrowed(finding);
    }
    let line = FindingLine { rx_id: String::new(), role: Role::Violating, amount: finding.amount };
    Cow::Owned(Finding { lines: vec![line], ..finding.clone() })
}

fn write_unjudged(writer: &mut Writer, verdict: &Verdict) {
    verdict.write_unknown(writer);
    if !verdict.not_run.is_empty() {
        writer.texts("not_run", &verdict.not_run);
    }
    let unanswered = verdict.bureau.filter(|it| it.text().is_some());
    writer.maybe_text("bureau", unanswered.map(Bureau::name));
}

fn is_unjudged(verdict: &Verdict) -> bool {
    let is_asked_in_vain = verdict.bureau.is_some_and(|it| it.text().is_some());
    !verdict.not_run.is_empty() || is_asked_in_vain || verdict.shown_unknown().next().is_some()
}

/// A check that the deadline cut off, or of which a rule failed, must not look like a pass. The doctor may go on (`infcode` 0);
/// the message, which clients show, says that not everything was looked at.
fn unfinished(verdicts: &[Verdict]) -> &'static str {
    let cut_off = |verdict: &Verdict| verdict.not_run.len() > verdict.broken.len();
    if verdicts.iter().any(cut_off) {
        "审查超时，部分规则未检查，结果不完整"
    } else if verdicts.iter().any(|verdict| !verdict.broken.is_empty()) {
        "部分规则出错未检查，结果不完整"
    } else {
        ""
    }
}

/// What could not be judged, in the member that the interface has for remarks. It is not `err_msg`:
/// some clients take a success with an error message for a failure.
fn warning(verdicts: &[Verdict]) -> String {
    let data = verdicts.iter().flat_map(|it| &it.data_findings);
    let scenario =
        data.clone().filter(|it| it.path == super::SCENARIO).map(|it| it.expected.clone());
    let lines = data.filter(|it| it.path.starts_with(super::LINE) && it.code == "C102");
    let lines = lines.map(|it| format!("{}未审查：{}，{}", it.path, it.found, it.expected));
    let bureau = verdicts.iter().find_map(Verdict::bureau_text);
    let unknown = verdicts.iter().flat_map(Verdict::shown_unknown).map(Unknown::text);
    let mut said: Vec<String> = Vec::new();
    let mut characters = 0;
    for sentence in bureau.into_iter().chain(scenario.take(1)).chain(lines).chain(unknown) {
        // Nobody is told more than that, and often there is much more.
        if characters > MESSAGE_CHARACTERS_MAX {
            break;
        }
        if !said.contains(&sentence) {
            characters += sentence.chars().count() + 1;
            said.push(sentence);
        }
    }
    said.join("；")
}

/// The national answer to a request that could not be judged.
#[must_use]
pub fn write_failure(message: &str, reply: &Reply<'_>) -> String {
    envelope("-1", message, "", reply, |writer| writer.raw("output", "null"))
}

fn envelope(
    infcode: &str,
    error: &str,
    warning: &str,
    reply: &Reply<'_>,
    write_output: impl FnOnce(&mut Writer),
) -> String {
    Writer::object(|writer| {
        writer.raw("infcode", infcode);
        writer.text("inf_refmsgid", reply.inf_refmsgid);
        writer.text("refmsg_time", reply.refmsg_time);
        writer.text("respond_time", reply.respond_time);
        writer.text("err_msg", clip(error, MESSAGE_CHARACTERS_MAX));
        writer.text("warn_msg", clip(warning, MESSAGE_CHARACTERS_MAX));
        write_output(writer);
    })
}

/// The length that the interface declares for `err_msg`; `warn_msg` has none of its own.
const MESSAGE_CHARACTERS_MAX: usize = 200;
