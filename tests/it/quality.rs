//! Data quality: known messages through a running agent, and exactly their figures, from the daemon
//! while it runs and from its files when it does not.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::command::run;
use tests::day::within_a_day;
use tests::his;

#[test]
fn known_messages_give_their_exact_figures() {
    within_a_day(4);
    let mut agent = Agent::start(Setup::files());
    let case = Case::of("rows");
    let good = case.numbered(1);
    let unmapped = case.numbered(2).changed("BID", "BIX");
    let mut broken = case.numbered(3);
    broken.bytes.truncate(broken.bytes.len() / 2);
    for (message, status) in [(&good, 200), (&good, 200), (&unmapped, 422), (&broken, 400)] {
        let answer = his::send(agent.his(), message).expect("the agent answers");
        assert_eq!(answer.status, status, "{}", answer.text());
    }

    let live = figures(&agent);
    check(&live);
    let page = his::get(agent.operators(), "/metrics").expect("the operators' door");
    let metrics = page.text();
    let labels = "{channel=\"rows\",entity=\"outpatient_prescription\"}";
    for line in [
        format!("his_agent_quality_records_total{labels} 6\n"),
        format!("his_agent_quality_nonconforming_total{labels} 1\n"),
        format!("his_agent_quality_delay_seconds_count{labels} 6\n"),
    ] {
        assert!(metrics.contains(&line), "{line}is not in\n{metrics}");
    }

    assert_eq!(agent.stop().code, Some(0), "{}", agent.log());
    assert_eq!(figures(&agent), live, "what is on disk is what was told");
    agent.start_again();
    assert_eq!(figures(&agent), live, "a restart loses and doubles nothing");
}

#[test]
fn a_person_gets_a_table_and_a_spreadsheet_its_columns() {
    let agent = Agent::start(Setup::files());
    his::send(agent.his(), &Case::of("rows").numbered(1)).expect("the agent answers");
    let text = quality(&agent, &["--entity", "outpatient_prescription"]);
    for part in ["通道 rows：接收 1，待对照 0，拒收 0，重送 0", "rxno", "处方号", "3/3", "100.00%"]
    {
        assert!(text.contains(part), "`{part}` is not told:\n{text}");
    }
    let csv = quality(&agent, &["--csv", "--element", "rxno"]);
    let line = csv.lines().nth(1).unwrap_or_default();
    assert!(
        line.ends_with(
            ",rows,outpatient_prescription,rxno,处方号,true,3,3,0,0,100.00%,100.00%,100.00%,,,,,"
        ),
        "{csv}"
    );
    assert_eq!(quality(&agent, &["--channel", "nowhere", "--json"]), "");
}

/// Three good records came, three of a refused message, and a message that nobody could read; the
/// resend of the good one counts no record.
#[track_caller]
fn check(figures: &[Value]) {
    let of = |entity: &str, element: &str| {
        let is_it = |it: &&Value| it["entity"] == entity && it["element"] == element;
        figures.iter().find(is_it).unwrap_or_else(|| panic!("no {entity} {element}")).clone()
    };
    let frequency = of("outpatient_prescription", "drug_used_frqu");
    assert_eq!(frequency["records"], 6, "{frequency}");
    assert_eq!(frequency["carried"], 6, "{frequency}");
    assert_eq!(frequency["nonconforming"], 1, "{frequency}");
    assert_eq!(frequency["conformity"], "83.33%", "{frequency}");
    assert_eq!(frequency["findings"]["M203"]["refused"], 1, "{frequency}");
    let whole = of("outpatient_prescription", "");
    assert_eq!(whole["refused"], 1, "{whole}");
    assert_eq!(whole["timeliness"]["counted"], 6, "{whole}");
    assert_eq!(of("outpatient_registration", "mdtrt_sn")["carried"], 2);
}

fn figures(agent: &Agent) -> Vec<Value> {
    let told = quality(agent, &["--json"]);
    told.lines().map(|it| serde_json::from_str(it).expect("an object a line")).collect()
}

/// From long ago, since the day may change while a test runs.
#[track_caller]
fn quality(agent: &Agent, more: &[&str]) -> String {
    let config = agent.config();
    let mut arguments = vec!["quality", "--config", config.to_str().expect("a plain name")];
    arguments.extend(["--from", "2024-01-01"]);
    arguments.extend(more);
    let ran = run(&arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}
