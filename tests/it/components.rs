//! The four components of the manual, by its configuration alone, typed as the page tells: what others
//! report is stored, pushed on, read, and answered in their own words.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::command::{binary, past_proxies};
use tests::process::wait_until;
use tests::subscriber::Subscriber;

#[test]
fn the_four_components_work_as_the_manual_configures_and_types_them() {
    let mut emr = Subscriber::new();
    emr.come();
    let configuration = pieces("toml").concat().replace("10.0.0.9:8080", &emr.at().to_string());
    // The setup has a channel for every vendor; this one is the page's.
    let channels = configuration.replace("\"cdss\"\n", "\"cdss-of-the-page\"\n");
    let agent = Agent::start(Setup { channels, ..Setup::files() });
    let mut commands = pieces("sh").into_iter();
    let mut next = || typed(&agent, &commands.next().expect("the page has a piece for each"));

    let reported = next();
    let receipt: Value = serde_json::from_str(line(&reported, 0)).expect("a receipt");
    assert_eq!(receipt["code"], 0, "{receipt}");
    assert!(reported.lines().count() > 1, "it is listed: {reported}");

    assert!(wait_until(PATIENCE, || !emr.taken().is_empty()), "{}", agent.log());
    let elements = emr.taken()[0].record["elements"].clone();
    let mut names: Vec<String> = elements.as_object().expect("elements").keys().cloned().collect();
    names.sort_unstable();
    assert_eq!(names, ["cnt", "rx_detl_name", "rxno"], "{elements}");
    assert!(next().contains("emr\t"), "it is listed");

    let read = next();
    let rows: Value = serde_json::from_str(line(&read, 0)).expect("rows");
    assert_eq!(rows["data"]["records"][0]["elements"]["psn_name"], "李***国", "{read}");
    assert!(line(&read, 1).contains("emr-reader\tvisits"), "the call is in the book: {read}");

    let asked: Value = serde_json::from_str(line(&next(), 0)).expect("an answer");
    let answer = asked["output_out"].as_str().expect("JSON in a string");
    assert!(answer.contains("长期处方一般不超过28日"), "{answer}");
    let told = next();
    let recorded: Value = serde_json::from_str(line(&told, 0)).expect("an answer");
    assert_eq!(recorded["data"]["feedback"][0]["status"], "recorded", "{told}");
    assert!(told.lines().count() > 1, "the check is listed: {told}");
    assert!(commands.next().is_none(), "the page types something that is not looked at here");
}

/// What a piece of the page prints, typed where the agent runs.
#[track_caller]
fn typed(agent: &Agent, piece: &str) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the checkout");
    let local = piece
        .replace("/usr/share/his-agent", &here.display().to_string())
        .replace("channels/cdss/", "channels/cdss-of-the-page/")
        .replace("127.0.0.1:8700", &agent.his().to_string());
    let programs = binary().parent().expect("a file has a folder").display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
    // What answers without a line's end has one before the next command.
    let script = local.replace("\nhis-agent", "\necho; his-agent");
    let mut shell = Command::new("timeout");
    let output = past_proxies(&mut shell)
        .args(["60", "bash", "-euo", "pipefail", "-c", &script])
        .env("PATH", path)
        .env("HIS_AGENT_CONFIG", agent.config())
        .stdin(Stdio::null())
        .output()
        .expect("timeout is part of coreutils");
    let said = output.stderr.escape_ascii();
    assert!(output.status.success(), "{piece}\n{said}\n{}", output.stdout.escape_ascii());
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn line(text: &str, n: usize) -> &str {
    text.lines().filter(|it| !it.is_empty()).nth(n).unwrap_or_default()
}

/// The pieces of the page that are written in this language.
fn pieces(language: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/components.md");
    let page = fs::read_to_string(page).expect("a page of the manual");
    let begin = format!("```{language}\n");
    let inside = page.split(begin.as_str()).skip(1);
    inside.filter_map(|it| it.split_once("```").map(|(piece, _)| piece.to_owned())).collect()
}

const PATIENCE: Duration = Duration::from_secs(60);
