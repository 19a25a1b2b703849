//! The commands, as a person or a script runs them: what they print and how they end.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tests::agent::copy;
use tests::agent::{Agent, Setup};
use tests::command::{Ran, run, run_into_a_closed_pipe};

#[test]
fn validate_accepts_what_the_daemon_would_run() {
    let agent = Agent::prepare(Setup::files());
    let ran = run(&["validate", "--config", path(&agent.config())]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("6 channels with 6 mappings"), "{}", ran.stdout);
}

#[test]
fn validate_tells_every_fault_of_the_configuration_at_once() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("agent.toml");
    let text = "[hospital]\nnmae = \"x\"\ncode = \"H-1\"\n[listen]\nhis = \"everywhere\"\n\
                [forward]\nkind = \"kafka\"\n";
    fs::write(&file, text).expect("a new folder takes a file");
    check(
        &run(&["validate", "--config", path(&file)]),
        78,
        &[
            "agent.toml:1:1: error[A005]: [hospital] needs `name`",
            "agent.toml:2:1: error[A003]: there is no key `nmae` in [hospital]; did you mean `name`?",
            "agent.toml:3:8: error[A006]",
            "agent.toml:5:7: error[A004]: `his` must be an address and a port",
            "agent.toml:7:8: error[A004]: `kind` must be files or amqp, not `kafka`",
            "5 problems",
        ],
    );
}

#[test]
fn validate_tells_every_fault_of_mappings_and_code_maps_at_once() {
    let folder = TempDir::new().expect("a folder");
    let mappings = folder.path().join("mappings");
    copy(&root().join("mappings/platform"), &mappings.join("platform"));
    let toml = mappings.join("platform/outpatient-prescription.toml");
    let text = fs::read_to_string(&toml).expect("the mapping");
    let text = text.replace("\npsn_name = ", "\npsn_nmae = ").replace("| decimal", "| dezimal");
    fs::write(&toml, text).expect("our own copy");
    let codes = mappings.join("platform/codes/sex.csv");
    let text = fs::read_to_string(&codes).expect("the code map") + "双,7\n";
    fs::write(&codes, text).expect("our own copy");
    let file = folder.path().join("agent.toml");
    let config = format!(
        "[hospital]\ncode = \"H1\"\nname = \"x\"\n[sets]\nmappings = \"{}\"\n\
         [[channel]]\nname = \"platform\"\n",
        mappings.display()
    );
    fs::write(&file, config).expect("a new folder takes a file");
    check(
        &run(&["validate", "--config", path(&file)]),
        78,
        &[
            "platform/outpatient-prescription.toml:",
            "error[M040]",
            "did you mean `psn_name`?",
            "error[M003]",
            "platform/codes/sex.csv:",
            "`7`",
            " problems",
        ],
    );
}

#[test]
fn translate_gives_records_and_refuses_a_bad_file() {
    let agent = Agent::prepare(Setup::files());
    let config = agent.config();
    let good = root().join("mappings/rows/cases/declared-utf8-really-gbk.in.xml");
    let arguments = ["translate", "--config", path(&config), "--channel", "rows", path(&good)];
    let ran = run(&arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let entities: Vec<String> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record a line"))
        .map(|record: serde_json::Value| record["entity"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(entities.len(), 4, "{}", ran.stdout);
    assert_eq!(entities.first().map(String::as_str), Some("outpatient_registration"));

    let folder = TempDir::new().expect("a folder");
    let bad = folder.path().join("bad.xml");
    let text = fs::read(&good).expect("the case");
    fs::write(&bad, text.get(..text.len() / 2).expect("half of it")).expect("a file");
    let ran = run(&["translate", "--config", path(&config), "--channel", "rows", path(&bad)]);
    check(&ran, 65, &["bad.xml: decode D"]);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
}

#[test]
fn test_runs_every_shipped_case_and_fails_on_a_wrong_one() {
    let ran = run(&["test", path(&root().join("mappings")), path(&root().join("rules/packs"))]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert!(ran.stdout.contains(", 0 failed"), "{}", ran.stdout);

    let folder = TempDir::new().expect("a folder");
    copy(&root().join("mappings/cdss"), &folder.path().join("cdss"));
    let expectation = folder.path().join("cdss/cases/two-diagnoses-three-drugs.out.json");
    let text = fs::read_to_string(&expectation).expect("the case").replace("32.50", "32.51");
    fs::write(&expectation, text).expect("our own copy");
    let ran = run(&["test", path(folder.path())]);
    assert_eq!(ran.code, Some(65), "{}", ran.stdout);
    assert!(ran.stdout.contains("FAILED"), "{}", ran.stdout);
    assert!(ran.stdout.contains("two-diagnoses-three-drugs.in.json"), "{}", ran.stdout);
}

#[test]
fn translate_drafts_a_mapping_that_validate_accepts() {
    let folder = TempDir::new().expect("a folder");
    let mappings = folder.path().join("mappings/new");
    let sample = root().join("mappings/platform/cases/two-diagnoses-three-drugs.in.xml");
    let arguments = ["translate", "--infer", path(&sample), "--name", "new", "--out"];
    let arguments = [&arguments[..], &[path(&mappings)]].concat();
    let ran = run(&arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    check(&run(&arguments), 69, &["new.toml"]); // nothing is overwritten
    let file = folder.path().join("agent.toml");
    let config = format!(
        "[hospital]\ncode = \"H1\"\nname = \"x\"\n[sets]\nmappings = \"{}\"\n\
         [[channel]]\nname = \"new\"\n",
        path(&folder.path().join("mappings"))
    );
    fs::write(&file, config).expect("a new folder takes a file");
    let ran = run(&["validate", "--config", path(&file)]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    check(&run(&["translate", "--infer", path(&file)]), 65, &["agent.toml"]);
}

#[test]
fn schema_export_is_json_and_markdown() {
    let ran = run(&["schema", "export", "--as", "json-schema"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let schema: serde_json::Value = serde_json::from_str(&ran.stdout).expect("valid JSON");
    assert!(schema.to_string().contains("outpatient_prescription"));
    let ran = run(&["schema", "export", "--as", "markdown", "--profile", "clinical"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("outpatient_prescription"));
}

#[test]
fn a_wrong_command_line_ends_with_64_and_help_with_0() {
    check(&run(&["runn"]), 64, &["runn", "Usage"]);
    check(&run(&["translate"]), 64, &["--channel"]);
    check(&run(&["receive", "--out", "x"]), 64, &["--amqp"]);
    let none: [&str; 0] = [];
    check(&run(&none), 64, &["Usage"]);
    for arguments in [vec!["--help"], vec!["--version"], vec!["translate", "--help"]] {
        let ran = run(&arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stdout.contains("his-agent"), "{arguments:?}: {}", ran.stdout);
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_crash() {
    let ran = run_into_a_closed_pipe(&["schema", "export", "--as", "json-schema"]);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

#[test]
fn the_demo_walks_the_whole_road_once() {
    let ran = run(&["demo", "--once"]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("outpatient_prescription"), "{}", ran.stdout);
}

/// The usual ports are one demo's.
#[test]
fn demos_that_begin_at_once_keep_out_of_each_others_way() {
    let at_once = || run(&["demo", "--once"]);
    let ran = std::thread::scope(|scope| {
        [(); 4].map(|()| scope.spawn(at_once)).map(|it| it.join().expect("no panic"))
    });
    for ran in ran {
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    }
}

#[track_caller]
fn check(ran: &Ran, code: i32, told: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
    for part in told {
        assert!(ran.stderr.contains(part), "`{part}` is not told:\n{}", ran.stderr);
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("our folders have plain names")
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
