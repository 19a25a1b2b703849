//! The answer of the insurer's own 3101 or 3102, put beside ours.
//!
//! Answers differ as much as requests do: `output` is an object or the text of one, `result` a list,
//! one object or nothing, or left out around its list; numbers are numbers or texts. What is there and
//! cannot be read is told as such: it is not the same as nothing. A finding keeps the id that the insurer gave
//! it, so that a 3103 about it finds its way back. Nobody says what the doctor has to do about it:
//! it is shown, and does not block.

use super::nodes;
use crate::finding_id::FindingId;
use crate::json::Json;
use crate::number::decimal;
use crate::rule::{Action, Behaviour, Severity};
use crate::verdict::{Bureau, Completeness, Finding, FindingLine, Origin, Role, Verdict, clip};

/// One finding, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    patn_id: Option<String>,
    mdtrt_id: Option<String>,
    finding: Finding,
}

/// An answer that could be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    told: Vec<Told>,
    /// Nothing of it was left out because it could not be read, or was too much.
    is_whole: bool,
}

/// Reads an answer: its findings, or why there are none to be had.
pub fn read_answer(text: &str) -> Result<Answer, Bureau> {
    let json = Json::parse(text).map_err(|_| Bureau::Garbled)?;
    let results = results(&json)?;
    let said = results.iter().filter(|it| !is_blank(it));
    let mut answer = Answer { told: Vec::new(), is_whole: true };
    for it in said {
        match told(it) {
            Some(told) if answer.told.len() < FINDINGS_MAX => answer.told.push(told),
            _ => answer.is_whole = false,
        }
    }
    if answer.told.is_empty() && !answer.is_whole { Err(Bureau::Garbled) } else { Ok(answer) }
}

/// Reads the answer to a 3103.
pub fn read_receipt(text: &str) -> Result<(), Bureau> {
    let json = Json::parse(text).map_err(|_| Bureau::Garbled)?;
    if nodes::text(&json, "infcode").is_none() {
        // A gateway's own words: nobody has looked at the answer yet.
        return Err(Bureau::Garbled);
    }
    let is_taken = is_done(&json)? && nodes::text(&json, "err_msg").is_none();
    if is_taken { Ok(()) } else { Err(Bureau::Refused) }
}

/// What came of asking.
#[must_use]
pub fn outcome(answer: &Result<Answer, Bureau>) -> Bureau {
    match answer {
        Ok(answer) if answer.is_whole => Bureau::Answered,
        Ok(_) => Bureau::Garbled,
        Err(why) => *why,
    }
}

/// Puts what the insurer said beside what we say; the worst come first.
pub fn merge(verdicts: &mut [&mut Verdict], answer: Result<Answer, Bureau>) {
    let outcome = outcome(&answer);
    for verdict in verdicts.iter_mut() {
        verdict.bureau = Some(outcome);
        if outcome != Bureau::Answered && verdict.outcome == Completeness::Complete {
            verdict.outcome = Completeness::Partial;
        }
    }
    for it in answer.unwrap_or_default().told {
        let at = whose(verdicts, &it);
        if let Some(verdict) = verdicts.get_mut(at)
            && verdict.findings.iter().all(|known| known.id != it.finding.id)
        {
            verdict.findings.push(it.finding);
        }
    }
    for verdict in verdicts {
        verdict.findings.sort_by_key(|it| (it.severity, it.action));
    }
}

/// By encounter, then by patient; what names neither is about the first.
fn whose(verdicts: &[&mut Verdict], told: &Told) -> usize {
    let encounter = |it: &&mut Verdict| it.mdtrt_id.is_some() && it.mdtrt_id == told.mdtrt_id;
    let patient = |it: &&mut Verdict| it.patn_id.is_some() && it.patn_id == told.patn_id;
    let place = verdicts.iter().position(encounter);
    place.or_else(|| verdicts.iter().position(patient)).unwrap_or(0)
}

fn results(json: &Json<'_>) -> Result<Vec<Json<'static>>, Bureau> {
    let is_done = is_done(json)?;
    let results = match json.get("output") {
        Some(output) => findings_in(output, 0)?,
        None => Vec::new(),
    };
    // One region answers success with an error in words, and means failure.
    if is_done && (!results.is_empty() || nodes::text(json, "err_msg").is_none()) {
        return Ok(results);
    }
    Err(Bureau::Refused)
}

/// The entries of an output: under `result`, or where some gateways leave them, with `data` around
/// them or with nothing. What holds something else is not an answer that found nothing.
fn findings_in(json: &Json<'_>, depth: usize) -> Result<Vec<Json<'static>>, Bureau> {
    if is_blank(json) {
        return Ok(Vec::new());
    }
    if depth > DEPTH_MAX {
        return Err(Bureau::Garbled);
    }
    match json {
        Json::Text(text) => {
            let inner = Json::parse(text).map_err(|_| Bureau::Garbled)?;
            findings_in(&inner, depth + 1)
        }
        Json::List(items) if items.iter().any(|it| it.get("result").is_some()) => {
            let found = items.iter().map(|it| findings_in(it, depth + 1));
            Ok(found.collect::<Result<Vec<_>, _>>()?.concat())
        }
        Json::List(items) => Ok(items.iter().map(Json::to_static).collect()),
        Json::Object(_) => match said_in(json, &["result", "data"]) {
            Some(inner) => findings_in(inner, depth + 1),
            None if is_finding(json) => Ok(vec![json.to_static()]),
            None if refuses(json) => Err(Bureau::Refused),
            None if holds_nodes(json) => Err(Bureau::Garbled),
            None => Ok(Vec::new()),
        },
        Json::Null | Json::Bool(_) | Json::Number(_) => Err(Bureau::Garbled),
    }
}

/// The first member that says something.
fn said_in<'a>(json: &'a Json<'a>, names: &[&str]) -> Option<&'a Json<'a>> {
    names.iter().filter_map(|name| json.get(name)).find(|it| !is_blank(it))
}

/// An engine behind a gateway says inside the gateway's success that it has not looked. Who says neither
/// has found nothing.
fn refuses(json: &Json<'_>) -> bool {
    let failed = |name: &str| {
        nodes::text(json, name)
            .is_some_and(|it| !DONE.iter().any(|done| it.eq_ignore_ascii_case(done)))
    };
    let is_false = |name: &str| json.get(name) == Some(&Json::Bool(false));
    failed("infcode")
        || failed("code")
        || nodes::text(json, "err_msg").is_some()
        || is_false("success")
}

/// Null, an empty text, list or object: for some that is how nothing was found.
fn is_blank(json: &Json<'_>) -> bool {
    match json {
        Json::Null => true,
        Json::Text(text) => text.trim().is_empty(),
        Json::List(items) => items.iter().all(is_blank),
        Json::Object(members) => members.iter().all(|(_, it)| is_blank(it)),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

fn is_finding(json: &Json<'_>) -> bool {
    FINDS.iter().any(|name| nodes::text(json, name).is_some())
}

/// A number of the task beside nothing is still nothing; a list beside nothing is not.
fn holds_nodes(json: &Json<'_>) -> bool {
    let Json::Object(members) = json else { return false };
    members.iter().any(|(_, it)| matches!(it, Json::List(_) | Json::Object(_)) && !is_blank(it))
}

/// Success or failure by the envelope; a gateway's own words are a refusal.
fn is_done(json: &Json<'_>) -> Result<bool, Bureau> {
    match nodes::text(json, "infcode") {
        Some(code) => Ok(code == "0"),
        None if json.get("code").is_some() => Err(Bureau::Refused),
        None => Err(Bureau::Garbled),
    }
}

fn told(json: &Json<'_>) -> Option<Told> {
    let text = |name: &str| nodes::text(json, name).map(str::to_owned);
    if !is_finding(json) {
        return None;
    }
    let rule_name = text("rule_name");
    let content = text("vola_cont").or_else(|| rule_name.clone());
    let content = content.unwrap_or_else(|| wordless(text("rule_id").as_deref()));
    let details = nodes::entries(json, &["judge_result_detail_dtos"]);
    let (patn_id, mdtrt_id) = (text("patn_id"), text("mdtrt_id"));
    let id = text("jr_id").unwrap_or_else(|| {
        let mut id = FindingId::new();
        id.add(mdtrt_id.as_deref().unwrap_or_default());
        id.add(&text("rule_id").unwrap_or_default());
        id.add(&content);
        id.finish()
    });
    let finding = Finding {
        id: clip(&id, ID_CHARACTERS_MAX).to_owned(),
        rule_id: clip(&text("rule_id").unwrap_or_default(), ID_CHARACTERS_MAX).to_owned(),
        official_code: None,
        rule_name: clip(&rule_name.unwrap_or_default(), 200).to_owned(),
        severity: severity(nodes::text(json, "sev_deg")),
        action: Action::Hint,
        behaviour: behaviour(nodes::text(json, "vola_bhvr_type")),
        text: clip(&content, 500).to_owned(),
        basis: clip(&text("vola_evid").unwrap_or_default(), 500).to_owned(),
        amount: nodes::text(json, "vola_amt").and_then(decimal),
        lines: details.iter().take(LINES_MAX).map(line).collect(),
        origin: Origin::Bureau,
    };
    Some(Told { patn_id, mdtrt_id, finding })
}

/// A finding that does not say what it is about must be seen all the same.
fn wordless(rule_id: Option<&str>) -> String {
    match rule_id {
        Some(rule) => format!("医保端命中规则{rule}，没有写明内容"),
        None => "医保端有一条提示，没有写明内容".to_owned(),
    }
}

fn line(json: &Json<'_>) -> FindingLine {
    FindingLine {
        rx_id: clip(nodes::text(json, "rx_id").unwrap_or_default(), ID_CHARACTERS_MAX).to_owned(),
        role: match nodes::text(json, "vola_item_type") {
            Some("2") => Role::Involved,
            _ => Role::Violating,
        },
        amount: nodes::text(json, "vola_amt").and_then(decimal),
    }
}

/// What is not said is not made worse.
fn severity(code: Option<&str>) -> Severity {
    match code {
        Some("1") => Severity::Clear,
        Some("2") => Severity::High,
        _ => Severity::Slight,
    }
}

fn behaviour(code: Option<&str>) -> Behaviour {
    if code == Some("1") { Behaviour::Encounter } else { Behaviour::Item }
}

/// How engines write that they have done it.
const DONE: [&str; 7] = ["0", "00", "0000", "200", "ok", "success", "成功"];
/// What makes an entry a finding: any one of these.
const FINDS: [&str; 4] = ["vola_cont", "rule_name", "rule_id", "jr_id"];
/// Texts of texts of texts.
const DEPTH_MAX: usize = 4;
/// More findings than any doctor reads.
const FINDINGS_MAX: usize = 500;
const LINES_MAX: usize = 2_000;
/// The length that the interface declares for ids.
const ID_CHARACTERS_MAX: usize = 50;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FINDING: &str = r#"{"jr_id":"JR1","rule_id":"R9","rule_name":"超量","vola_cont":"开药112天","patn_id":"P1",
        "mdtrt_id":"M1","judge_result_detail_dtos":[{"jrd_id":"JRD1","rx_id":"1","vola_item_type":"1","vola_amt":21.5}],
        "vola_amt":"21.50","vola_amt_stas":"1","sev_deg":2,"vola_evid":"依据","vola_bhvr_type":"1"}"#;

    #[test]
    fn every_shape_of_an_answer() {
        let one = "JR1 R9 2 1 21.50 开药112天 [1 21.5]";
        check(&answer(&format!(r#"{{"result":[{FINDING}]}}"#)), one);
        check(&answer(&format!(r#"{{"result":{FINDING}}}"#)), one);
        let text = serde_json::Value::from(format!(r#"{{"result":[{FINDING}]}}"#)).to_string();
        check(&answer(&text), one);
        check(&answer(r#"{"result":[]}"#), "");
        check(&answer(r#"{"result":null}"#), "");
        check(&answer("null"), "");
        check(r#"{"infcode":"0"}"#, "");
        let bare = r#"{"vola_cont":"x","judge_result_detail_dtos":{}}"#;
        check(&answer(&format!(r#"{{"result":{bare}}}"#)), "own id  3 2 - x [ -]");
    }

    /// Findings that do not stand where the interface has them are findings all the same.
    #[test]
    fn findings_in_other_places() {
        let one = "JR1 R9 2 1 21.50 开药112天 [1 21.5]";
        let text = |it: String| serde_json::Value::from(it).to_string();
        check(&answer(&format!("[{FINDING}]")), one);
        check(&answer(FINDING), one);
        check(&answer(&text(format!("[{FINDING}]"))), one);
        check(&answer(&format!(r#"{{"result":{}}}"#, text(format!("[{FINDING}]")))), one);
        check(&answer(&format!(r#"{{"data":{{"result":[{FINDING}]}}}}"#)), one);
        check(&answer(&format!(r#"[{{"result":[{FINDING}]}},{{"result":[]}}]"#)), one);
        for nothing in ["[]", "{}", "\"\"", r#"{"result":""}"#, r#"{"result":{}}"#, "[null]"] {
            check(&answer(nothing), "");
        }
        check(&answer(r#"{"result":[{},null]}"#), "");
        // It names a rule by number only: there is something, and nobody says what.
        let dumb = r#"{"jr_id":"JR2","rule_id":"R7","sev_deg":"1"}"#;
        let told = "JR2 R7 1 2 - 医保端命中规则R7，没有写明内容 []";
        check(&answer(&format!(r#"{{"result":[{dumb}]}}"#)), told);
        check(
            &answer(r#"{"result":[{"jr_id":"JR2"}]}"#),
            "JR2  3 2 - 医保端有一条提示，没有写明内容 []",
        );
    }

    /// The gateway has answered, and the engine behind it has not looked.
    #[test]
    fn an_engine_that_refuses_inside_a_success() {
        for no in [
            r#"{"code":"-1","msg":"引擎忙"}"#,
            r#"{"code":500,"message":"x","data":null}"#,
            r#"{"infcode":-1,"err_msg":"缺少就诊信息"}"#,
            r#"{"infcode":"0","err_msg":"缺少就诊信息","result":[]}"#,
            r#"{"success":false,"data":[]}"#,
            r#"{"data":{"code":"E01","msg":"x"}}"#,
        ] {
            check(&answer(no), "refused");
            check(&answer(&serde_json::Value::from(no).to_string()), "refused");
        }
        for nothing in [
            r#"{"code":0,"msg":"成功"}"#,
            r#"{"code":"200","message":"ok","data":[]}"#,
            r#"{"infcode":0,"err_msg":"","result":[]}"#,
            r#"{"task_id":"T1"}"#,
            r#"{"success":true}"#,
        ] {
            check(&answer(nothing), "");
        }
        // What it found all the same is shown.
        let one = "JR1 R9 2 1 21.50 开药112天 [1 21.5]";
        check(&answer(&format!(r#"{{"code":"1","data":[{FINDING}]}}"#)), one);
        check(&answer(&format!(r#"{{"result":null,"data":[{FINDING}]}}"#)), one);
        check(&answer(&format!(r#"{{"result":[],"data":{{"result":[{FINDING}]}}}}"#)), one);
    }

    /// What is there and cannot be read is not the same as nothing.
    #[test]
    fn findings_that_cannot_be_read() {
        check(&answer(r#"{"result":"见附件"}"#), "garbled");
        check(&answer(r#"{"result":["开药112天"]}"#), "garbled");
        check(&answer(r#"{"findings":[{"a":1}]}"#), "garbled");
        check(&answer(r#"{"result":7}"#), "garbled");
        check(&answer("7"), "garbled");
        check(
            &answer(&format!(r#"{{"result":[{FINDING},7]}}"#)),
            "JR1 R9 2 1 21.50 开药112天 [1 21.5] and more",
        );
    }

    #[test]
    fn what_is_no_answer() {
        check(r#"{"infcode":-1,"err_msg":"x"}"#, "refused");
        check(r#"{"infcode":0,"err_msg":"系统忙"}"#, "refused");
        check(r#"{"code":401,"message":"bad signature"}"#, "refused");
        check("<html>502</html>", "garbled");
        check(r#"{"hello":1}"#, "garbled");
        check(&answer("\"{\""), "garbled");
        assert_eq!(read_receipt(r#"{"infcode":"0"}"#), Ok(()));
        assert_eq!(read_receipt(r#"{"infcode":-1}"#), Err(Bureau::Refused));
    }

    #[test]
    fn findings_go_to_whom_they_are_about() {
        let verdict = |patient: &str, encounter: &str| Verdict {
            patn_id: Some(patient.to_owned()),
            mdtrt_id: Some(encounter.to_owned()),
            ..Verdict::default()
        };
        let (mut one, mut other) = (verdict("P0", "M0"), verdict("P1", "M1"));
        let told = read_answer(&answer(&format!(r#"{{"result":[{FINDING},{FINDING}]}}"#)));
        merge(&mut [&mut one, &mut other], told);
        assert_eq!((one.findings.len(), other.findings.len()), (0, 1), "and once");
        assert_eq!(other.findings.first().unwrap().origin, Origin::Bureau);
        assert_eq!((other.bureau, other.outcome), (Some(Bureau::Answered), Completeness::Complete));
        let mut third = verdict("P1", "M1");
        let told = read_answer(&answer(&format!(r#"{{"result":[{FINDING},7]}}"#)));
        merge(&mut [&mut third], told);
        assert_eq!((third.findings.len(), third.bureau), (1, Some(Bureau::Garbled)));
        assert_eq!(third.outcome, Completeness::Partial, "and some of it nobody has read");
        merge(&mut [&mut one], Err(Bureau::Late));
        assert_eq!((one.bureau, one.outcome), (Some(Bureau::Late), Completeness::Partial));
    }

    fn answer(output: &str) -> String {
        format!(r#"{{"infcode":0,"err_msg":"","output":{output}}}"#)
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told = match read_answer(text) {
            Ok(answer) => {
                let found: Vec<_> = answer.told.iter().map(|it| shown(&it.finding)).collect();
                found.join("; ") + if answer.is_whole { "" } else { " and more" }
            }
            Err(why) => why.name().to_owned(),
        };
        assert_eq!(told, expected, "{text}");
    }

    fn shown(it: &Finding) -> String {
        let amount =
            |it: Option<rust_decimal::Decimal>| it.map_or("-".to_owned(), |it| it.to_string());
        let lines: Vec<String> =
            it.lines.iter().map(|it| format!("{} {}", it.rx_id, amount(it.amount))).collect();
        let id = if it.id.starts_with("JR") { it.id.as_str() } else { "own id" };
        let (severity, behaviour) = (it.severity.code(), it.behaviour.code());
        let (amount, lines) = (amount(it.amount), lines.join(","));
        format!("{id} {} {severity} {behaviour} {amount} {} [{lines}]", it.rule_id, it.text)
    }
}
