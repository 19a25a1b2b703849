//! The national answer: the envelope, one result for each finding, and what could not be judged.

use std::borrow::{Borrow, Cow};

use crate::facts::InputFinding;
use crate::verdict::{Bureau, Finding, FindingLine, Role, Unknown, Verdict, clip};
use crate::vocabulary;
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
pub fn write_answer<V: Borrow<Verdict>>(verdicts: &[V], reply: &Reply<'_>) -> String {
    let verdicts: Vec<&Verdict> = verdicts.iter().map(Borrow::borrow).collect();
    envelope("0", unfinished(&verdicts), &warning(&verdicts), reply, |writer| {
        writer.member("output", |writer| write_output(writer, &verdicts, reply));
    })
}

fn write_output(writer: &mut Writer, verdicts: &[&Verdict], reply: &Reply<'_>) {
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
    // What the interface does not know either is written only where there is some.
    if !verdict.questions.is_empty() {
        verdict.write_questions(writer);
    }
    if !verdict.tasks.is_empty() {
        verdict.write_tasks(writer);
    }
    if !verdict.data_findings.is_empty() {
        verdict.write_data_findings(writer);
    }
    if !verdict.not_run.is_empty() {
        writer.texts("not_run", &verdict.not_run);
    }
    let unanswered = verdict.bureau.filter(|it| it.text().is_some());
    writer.maybe_text("bureau", unanswered.map(Bureau::name));
}

fn is_unjudged(verdict: &Verdict) -> bool {
    let is_asked_in_vain = verdict.bureau.is_some_and(|it| it.text().is_some());
    let is_open = verdict.shown_unknown().next().is_some() || !verdict.questions.is_empty();
    let is_doubted = !verdict.data_findings.is_empty() || !verdict.tasks.is_empty();
    !verdict.not_run.is_empty() || is_asked_in_vain || is_open || is_doubted
}

/// A check that the deadline cut off, or of which a rule failed, must not look like a pass. The doctor may go on (`infcode` 0);
/// the message, which clients show, says that not everything was looked at.
fn unfinished(verdicts: &[&Verdict]) -> &'static str {
    let cut_off = |verdict: &Verdict| verdict.not_run.len() > verdict.broken.len();
    if verdicts.iter().any(|it| cut_off(it)) {
        "审查超时，部分规则未检查，结果不完整"
    } else if verdicts.iter().any(|verdict| !verdict.broken.is_empty()) {
        "部分规则出错未检查，结果不完整"
    } else {
        ""
    }
}

/// What the doctor should know beside the findings, in the member that the interface has for remarks:
/// what was not believed, what is asked and owed, what could not be judged. It is not `err_msg`: some
/// clients take a success with an error message for a failure.
fn warning(verdicts: &[&Verdict]) -> String {
    let bureau = verdicts.iter().find_map(|it| it.bureau_text());
    let data = verdicts.iter().flat_map(|it| &it.data_findings).map(doubt);
    let asked = verdicts.iter().flat_map(|it| &it.questions).map(|it| it.text.clone());
    let owed = verdicts.iter().flat_map(|it| &it.tasks).map(|it| it.text.clone());
    let open = verdicts.iter().flat_map(|it| it.shown_unknown()).map(Unknown::text);
    let mut said: Vec<String> = Vec::new();
    let mut characters = 0;
    for sentence in bureau.into_iter().chain(data).chain(asked).chain(owed).chain(open) {
        // Nobody is told more than that, and often there is much more.
        if characters > WARNING_CHARACTERS_MAX {
            break;
        }
        if !said.contains(&sentence) {
            characters += sentence.chars().count() + 1;
            said.push(sentence);
        }
    }
    said.join("；")
}

/// 「请核对明细RX1的数量：-3」.
fn doubt(data: &InputFinding) -> String {
    if data.path == super::SCENARIO {
        return data.expected.clone();
    }
    if data.path.starts_with(super::LINE) && data.code == "C102" {
        return format!("{}未审查：{}，{}", data.path, data.found, data.expected);
    }
    let element = vocabulary::element_zh(&data.path).unwrap_or(&data.path);
    let line = ["orders[", "fees["].iter().find_map(|list| data.path.strip_prefix(list));
    match line.and_then(|rest| rest.split_once("].")) {
        Some((rx_id, _)) => format!("请核对明细{rx_id}的{element}：{}", data.found),
        None => format!("请核对{element}：{}", data.found),
    }
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
        writer.text("warn_msg", clip(warning, WARNING_CHARACTERS_MAX));
        write_output(writer);
    })
}

/// The length that the interface declares for `err_msg`.
const MESSAGE_CHARACTERS_MAX: usize = 200;

/// The interface declares none for `warn_msg`; more than this nobody reads on a screen. The lists of
/// the output hold all of it.
const WARNING_CHARACTERS_MAX: usize = 500;
