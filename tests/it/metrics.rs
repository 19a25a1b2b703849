//! The metrics as those meet them who watch the agent: a real Prometheus scrapes it, its own tools check
//! names, rules and their cases, and every expression of rules and dashboard finds what it asks for.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use agent::telemetry::catalog::{Kind, METRICS};
use serde_json::{Value, json};
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::his;
use tests::process::wait_until;
use tests::prometheus::{Prometheus, packaging, rules};

#[test]
fn what_is_exposed_satisfies_the_lints_of_prometheus_and_the_table() {
    let agent = busy();
    let page = his::get(agent.operators(), "/metrics").expect("the operators' door");
    promtool(&["check", "metrics"], page.text().as_bytes());
    let mut seen = BTreeSet::new();
    for line in page.text().lines().filter(|it| !it.starts_with('#') && !it.is_empty()) {
        let (name, labels) = sample(line);
        let metric = METRICS.iter().find(|it| it.name == name);
        let metric = metric.unwrap_or_else(|| panic!("{name} is not in the table of metrics"));
        let told: BTreeSet<&str> = metric.labels.split_whitespace().collect();
        let labels: BTreeSet<&str> = labels.into_iter().filter(|it| *it != "le").collect();
        assert_eq!(labels, told, "{line}");
        seen.insert(name.to_owned());
    }
    for it in METRICS.iter().filter(|it| seen.contains(it.name)) {
        let line = format!("# TYPE {} {}\n", it.name, it.kind.word());
        assert!(page.text().contains(&line), "{line}");
        assert!(page.text().contains(&format!("# HELP {} {}\n", it.name, it.en)), "{}", it.name);
    }
    // Each stage that this agent has was timed as often as a message passed it.
    for (stage, times) in [("decode", 5), ("map", 4), ("store", 4), ("answer", 5), ("evaluate", 1)]
    {
        let line = format!("his_agent_stage_seconds_count{{stage=\"{stage}\"}} {times}\n");
        assert!(page.text().contains(&line), "{line}\n{}", page.text());
    }
    let confirmed = wait_until(Duration::from_secs(20), || {
        let page = his::get(agent.operators(), "/metrics").expect("the operators' door");
        !page.text().contains("his_agent_stage_seconds_count{stage=\"confirm\"} 0\n")
            && page.text().contains("his_agent_outbox_oldest_seconds 0\n")
    });
    assert!(confirmed, "{}", agent.log());
}

/// One scrape that comes late makes all of a target unknown until the next.
fn soon(is_met: &dyn Fn() -> bool) -> bool {
    wait_until(Duration::from_secs(30), is_met)
}

#[test]
fn a_real_prometheus_scrapes_it_and_every_expression_finds_its_metric() {
    let agent = busy();
    let prometheus = Prometheus::over(agent.operators());
    let is_up = wait_until(Duration::from_secs(60), || value(&prometheus, "up") == "1");
    assert!(is_up, "{}", prometheus.log());
    let records = "his_agent_records_total{status=\"accepted\"}";
    let said = his::get(agent.operators(), "/metrics").expect("the operators' door");
    let line = said.text().lines().find_map(|it| it.strip_prefix(records)).unwrap_or_default();
    assert!(soon(&|| value(&prometheus, records) == line.trim()), "{}", prometheus.log());
    assert!(soon(&|| value(&prometheus, "his_agent_build_info") == "1"), "{}", prometheus.log());

    let known: BTreeSet<&str> = METRICS.iter().map(|it| it.name).collect();
    let mut asked = 0;
    for expression in expressions() {
        prometheus.query(&expression);
        for name in names(&expression) {
            assert!(known.contains(base(&name)), "`{name}` is no metric: {expression}");
            if !CONDITIONAL.contains(&base(&name)) {
                let is_exposed = soon(&|| !prometheus.query(&name).is_empty());
                assert!(is_exposed, "{name} is not exposed: {expression}");
            }
            asked += 1;
        }
    }
    assert!(asked > 60, "{asked} names of metrics");
    println!("{asked} names in the expressions of rules and dashboard");
}

#[test]
fn the_rules_are_right_and_their_cases_pass() {
    let rules = rules();
    let path = rules.to_str().expect("UTF-8");
    promtool(&["check", "rules", path], b"");
    let cases = packaging("prometheus/alerts.test.yml");
    promtool(&["test", "rules", cases.to_str().expect("UTF-8")], b"");
}

/// Metrics of doors and peers that the agent of this test has not.
const CONDITIONAL: [&str; 5] = [
    "his_agent_folder_open",
    "his_agent_view_open",
    "his_agent_certificate_expiry_timestamp_seconds",
    "his_agent_subscription_behind",
    "his_agent_rule_hits_total",
];

/// An agent that has taken, refused and checked something.
fn busy() -> Agent {
    let agent = Agent::start(Setup::files());
    let case = Case::of("rows");
    let mut broken = case.numbered(3);
    broken.bytes.truncate(broken.bytes.len() / 2);
    let good = [case.numbered(1), case.numbered(1), case.numbered(2), case.numbered(4)];
    for (message, status) in good.iter().map(|it| (it, 200)).chain([(&broken, 400)]) {
        let answer = his::send(agent.his(), message).expect("the agent answers");
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let request = json!({ "patient": { "gend": "2" }, "orders": [] }).to_string();
    his::post_json(agent.his(), "/v1/checks", &[], &request).expect("the agent answers");
    agent.await_readiness("counted", |it| it["outbox"]["dead_letters_by_cause"] != json!({}));
    agent
}

/// The name and the labels of a sample.
fn sample(line: &str) -> (&str, Vec<&str>) {
    let end = line.find(['{', ' ']).unwrap_or(line.len());
    let labels = line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
    let labels = labels.map_or("", |(labels, _)| labels).split("\",");
    let labels = labels.filter_map(|it| Some(it.split_once("=\"")?.0)).collect();
    (base(&line[..end]), labels)
}

/// The metric whose bucket, sum or count this is.
fn base(name: &str) -> &str {
    let parts = ["_bucket", "_sum", "_count"];
    let stripped = parts.iter().find_map(|it| name.strip_suffix(it));
    let is_part = |it: &&str| METRICS.iter().any(|m| m.name == *it && m.kind == Kind::Histogram);
    stripped.filter(is_part).unwrap_or(name)
}

/// Every expression of rules and dashboard, for all instances.
fn expressions() -> Vec<String> {
    let rules = fs::read_to_string(rules()).expect("it is shipped");
    let mut all = Vec::new();
    let mut lines = rules.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(begin) = line.trim().strip_prefix("expr: ") else { continue };
        let mut expression = begin.trim_start_matches('|').to_owned();
        while let Some(more) = lines.next_if(|it| it.starts_with("          ")) {
            expression.push_str(more);
        }
        all.push(expression);
    }
    let path = packaging("grafana/his-agent.json");
    let dashboard = fs::read_to_string(Path::new(&path)).expect("it is shipped");
    collect(&serde_json::from_str(&dashboard).expect("JSON"), &mut all);
    let plain = |it: String| {
        it.replace("$__rate_interval", "1m").replace("$instance", ".+").replace("$__range", "1h")
    };
    all.into_iter().map(plain).collect()
}

fn collect(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            all.extend(members.get("expr").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|it| collect(it, all));
        }
        Value::Array(items) => items.iter().for_each(|it| collect(it, all)),
        _ => {}
    }
}

/// The metrics that an expression names.
fn names(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|it: char| !(it.is_ascii_alphanumeric() || it == '_'));
    let ours = words.filter(|it| it.starts_with("his_agent_") || it.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

fn value(prometheus: &Prometheus, expression: &str) -> String {
    let found = prometheus.query(expression);
    found.first().and_then(|it| it["value"][1].as_str()).unwrap_or_default().to_owned()
}

#[track_caller]
fn promtool(arguments: &[&str], input: &[u8]) {
    let mut tool = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("make setup installs Prometheus");
    tool.stdin.take().expect("piped").write_all(input).expect("it reads");
    let ran = tool.wait_with_output().expect("our own child");
    let [out, err] =
        [ran.stdout, ran.stderr].map(|it| String::from_utf8(it).expect("promtool speaks UTF-8"));
    let is_clean = ran.status.success() && err.is_empty();
    assert!(is_clean, "promtool {arguments:?}: {:?}\n{out}{err}", ran.status.code());
}
