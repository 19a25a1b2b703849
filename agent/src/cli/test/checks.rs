//! The cases of checks: a request in the HIS's own words and the answer in them, byte for byte.
//!
//! `cases/NAME.check.out` holds what `NAME.in.EXT` is answered by the shipped rules. `NAME.check.rules`
//! may name the rules that are told of, one a line: then the case holds whatever the others come to say.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapters::{Limits, Prepare, WireFormat};
use jiff::civil::DateTime;
use mappings::{MappingSet, Told, check_variable};
use rules::verdict::Audience;
use rules::{Completeness, RuleSet, Verdict};
use schemas::{Files, Problem};

use super::Tally;
use super::answers::{Tree, difference, is_out, message};
use crate::intake::told;
use crate::pipeline::{self, Inbound, Parked};
use crate::sets::{Channel, Services};

/// Runs every case of a check below the tree's root; `update` writes what came out instead.
pub(super) fn run(tree: &Tree<'_>, update: bool, tally: &mut Tally) -> Result<(), Vec<Problem>> {
    let is_check = |name: &str| name.ends_with(".check.out") && is_out(name);
    let cases = super::cases(tree.root, is_check);
    if cases.is_empty() {
        return Ok(());
    }
    let rules = RuleSet::load(&Files::from_shipped(rules::SHIPPED))?;
    for expectation in cases {
        let case = Case { expectation: &expectation, channel: channel(tree.set(&expectation)?) };
        match case.holds(&rules, update) {
            Ok(()) => tally.passed += 1,
            Err(difference) => {
                tally.failed += 1;
                say!("FAILED {}\n  {difference}", expectation.display());
            }
        }
    }
    Ok(())
}

fn channel(mappings: MappingSet) -> Channel {
    Channel {
        name: Arc::from("case"),
        format: WireFormat::Auto,
        prepare: Prepare::default(),
        stream: None,
        services: Services::default(),
        mappings,
        set: Arc::from("case"),
    }
}

struct Case<'a> {
    expectation: &'a Path,
    channel: Channel,
}

impl Case<'_> {
    fn holds(&self, rules: &RuleSet, update: bool) -> Result<(), String> {
        let said = self.said(rules)?;
        if update {
            return fs::write(self.expectation, said).map_err(|it| it.to_string());
        }
        let expected = fs::read(self.expectation).map_err(|it| it.to_string())?;
        if expected == said { Ok(()) } else { Err(difference(&expected, &said)) }
    }

    fn stem(&self) -> &str {
        let name = self.expectation.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        name.strip_suffix(".check.out").unwrap_or(name)
    }

    fn beside(&self, ending: &str) -> PathBuf {
        self.expectation.with_file_name(format!("{}.{ending}", self.stem()))
    }

    fn said(&self, rules: &RuleSet) -> Result<Vec<u8>, String> {
        let path = message(self.expectation, self.stem()).ok_or("there is no message beside it")?;
        let bytes = fs::read(path).map_err(|it| it.to_string())?;
        let content_type = fs::read_to_string(self.beside("type")).ok();
        let inbound = Inbound {
            message_id: "case",
            received_at: ASKED_AT,
            org: "H99999900001",
            bytes: &bytes,
            content_type: content_type.as_deref().map(str::trim),
        };
        match pipeline::judge(&self.channel, &inbound, &Limits::default()) {
            pipeline::Verdict::Accept(accepted)
            | pipeline::Verdict::Park(Parked { accepted, .. }) => self.answer(&accepted, rules),
            pipeline::Verdict::Refuse(refusal) => Err(format!("refused: {}", refusal.log)),
        }
    }

    fn answer(&self, accepted: &pipeline::Accepted, rules: &RuleSet) -> Result<Vec<u8>, String> {
        let facts = pipeline::facts(accepted);
        let mut verdict = rules::evaluate(rules, &facts, ASKED_AT);
        if let Ok(named) = fs::read_to_string(self.beside("check.rules")) {
            keep_only(&mut verdict, &named.lines().map(str::trim).collect::<Vec<_>>());
        }
        let check = check_variable(&verdict.to_json("case", 0), &told::orders(&facts));
        let check = check.ok_or("the verdict cannot be told")?;
        let answers = accepted.reading.answers.as_ref().ok_or("no answers lie beside it")?;
        let request = match accepted.reading.request.as_str() {
            "" => answers.no_request(),
            request => request.to_owned(),
        };
        let variables = format!("{USUAL},\"request\":{request},\"check\":{check}}}");
        let told = Told {
            kind: told::kind_of(&verdict),
            variables: &variables,
            call: accepted.reading.call.as_ref(),
            caller: accepted.reading.caller,
        };
        let said = answers.say(&told).ok_or("the dialect has no words for a check")?;
        said.map(|it| it.body).map_err(|it| it.to_string())
    }
}

fn keep_only(verdict: &mut Verdict, named: &[&str]) {
    verdict.findings.retain(|it| named.contains(&it.rule_id.as_str()));
    verdict.unknown.retain(|it| named.contains(&it.rule_id.as_str()));
    let is_open = verdict.unknown.iter().any(|it| it.told_to != Audience::Log);
    verdict.outcome = if is_open { Completeness::Partial } else { Completeness::Complete };
}

/// When every case is asked.
const ASKED_AT: DateTime = jiff::civil::datetime(2026, 1, 2, 3, 4, 5, 0);
/// What every answer may say; the closing brace follows what is the case's own.
const USUAL: &str = r#"{"message_id":"case","request_id":"case","received_at":"20260102030405","channel":"case","org":"H99999900001","code":0,"message":"成功","door":"check","records":[],"findings":[]"#;
