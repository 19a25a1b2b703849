//! The answer of the insurer's own 3101 or 3102, put beside ours.
//!
//! Answers differ as much as requests do: `output` is an object or the text of one, `result` a list,
//! one object or nothing, numbers are numbers or texts. A finding keeps the id that the insurer gave
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

/// Reads an answer: its findings, or why there are none to be had.
pub fn read_answer(text: &str) -> Result<Vec<Told>, Bureau> {
    let json = Json::parse(text).map_err(|_| Bureau::Garbled)?;
    let results = results(&json)?;
    Ok(results.iter().filter_map(told).take(FINDINGS_MAX).collect())
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

/// Puts what the insurer said beside what we say; the worst come first.
pub fn merge(verdicts: &mut [&mut Verdict], answer: Result<Vec<Told>, Bureau>) {
    let outcome = *answer.as_ref().err().unwrap_or(&Bureau::Answered);
    for verdict in verdicts.iter_mut() {
        verdict.bureau = Some(outcome);
        if outcome != Bureau::Answered && verdict.outcome == Completeness::Complete {
            verdict.outcome = Completeness::Partial;
        }
    }
    for it in answer.into_iter().flatten() {
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

fn results<'a>(json: &'a Json<'a>) -> Result<Vec<Json<'a>>, Bureau> {
    let is_done = is_done(json)?;
    let parsed = match json.get("output") {
        Some(Json::Text(text)) if !text.trim().is_empty() => {
            Some(Json::parse(text).map_err(|_| Bureau::Garbled)?)
        }
        Some(output @ (Json::Object(_) | Json::List(_))) => Some(output.clone()),
        _ => None,
    };
    let result = parsed.as_ref().and_then(|it| it.get("result"));
    let results: Vec<Json<'a>> = result.map(|it| it.as_items().to_vec()).unwrap_or_default();
    // One region answers success with an error in words, and means failure.
    if is_done && (!results.is_empty() || nodes::text(json, "err_msg").is_none()) {
        return Ok(results);
    }
    Err(Bureau::Refused)
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
    let (rule_name, cont) = (text("rule_name"), text("vola_cont"));
    // What neither names a rule nor says anything is no finding.
    let content = cont.or_else(|| rule_name.clone())?;
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
        id: clip(&id, ID_CHARACTERS_MAX),
        rule_id: clip(&text("rule_id").unwrap_or_default(), ID_CHARACTERS_MAX),
        official_code: None,
        rule_name: clip(&rule_name.unwrap_or_default(), 200),
        severity: severity(nodes::text(json, "sev_deg")),
        action: Action::Hint,
        behaviour: behaviour(nodes::text(json, "vola_bhvr_type")),
        text: clip(&content, 500),
        basis: clip(&text("vola_evid").unwrap_or_default(), 500),
        amount: nodes::text(json, "vola_amt").and_then(decimal),
        lines: details.iter().take(LINES_MAX).map(line).collect(),
        origin: Origin::Bureau,
    };
    Some(Told { patn_id, mdtrt_id, finding })
}

fn line(json: &Json<'_>) -> FindingLine {
    FindingLine {
        rx_id: clip(nodes::text(json, "rx_id").unwrap_or_default(), ID_CHARACTERS_MAX),
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
        merge(&mut [&mut one], Err(Bureau::Late));
        assert_eq!((one.bureau, one.outcome), (Some(Bureau::Late), Completeness::Partial));
    }

    fn answer(output: &str) -> String {
        format!(r#"{{"infcode":0,"err_msg":"","output":{output}}}"#)
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told = match read_answer(text) {
            Ok(told) => told.iter().map(|it| shown(&it.finding)).collect::<Vec<_>>().join("; "),
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
