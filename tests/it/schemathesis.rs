//! Every REST address of the two doors, held against the description that the door itself serves:
//! schemathesis, a tester of other people, asks with what the description allows and with what it forbids,
//! by all its checks, and finds nothing. It asks by the served description with every schema of an answer
//! closed, so that a member of an answer that is not described is found as well.
//!
//! Left out is `/v1/events`, since a stream has no end to wait for. What a JSON Schema cannot say of a
//! request stands in `tests/clients/schemathesis/hooks.py`.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::chance::is_long;
use tests::clean_root::{cache, ran};
use tests::command::past_proxies;
use tests::his;

#[test]
fn schemathesis_finds_nothing() {
    let agent = Agent::start(Setup { channels: TABLES.to_owned(), ..Setup::files() });
    let samples = agent.beside("samples");
    fs::create_dir(&samples).expect("our own folder");
    for (channel, vendor) in [("esb", "platform"), ("webapi", "webapi")] {
        fs::write(samples.join(channel), Case::of(vendor).message().bytes).expect("our own folder");
    }
    let told = agent.beside("told");
    fs::create_dir(&told).expect("our own folder");
    let ask = |door, channel, which: &[&str]| ask((&told, &samples), door, channel, which);
    ask(agent.operators(), "nobody", &[]);
    ask(agent.his(), "nobody", &["--exclude-path", "/v1/events"]);
    for channel in ["esb", "webapi"] {
        ask(agent.his(), channel, &["--include-path-regex", "channel"]);
    }
}

/// Fails with all that it found.
fn ask((folder, samples): (&Path, &Path), door: SocketAddr, channel: &str, which: &[&str]) {
    let config = format!(
        "hooks = \"{}\"\n[parameters]\n\"path.channel\" = \"{channel}\"\n",
        hooks().display()
    );
    fs::write(folder.join("schemathesis.toml"), config).expect("our own folder");
    fs::write(folder.join("closed.json"), closed(door).to_string()).expect("our own folder");
    let program = cache().join("schemathesis/bin/schemathesis");
    assert!(program.is_file(), "{}: run packaging/setup/schemathesis.sh", program.display());
    let told = ran(past_proxies(&mut Command::new(program))
        .current_dir(folder)
        .args(["run", "closed.json", "--url", &format!("http://{door}"), "--checks", "all"])
        .args(["--continue-on-failure", "--seed", SEED])
        .args(["--max-examples", if is_long() { "400" } else { "25" }])
        .args(which)
        .env("SAMPLES", samples));
    assert_eq!(told.code, Some(0), "{channel}:\n{}{}", told.stdout, told.stderr);
    let asked = told.stdout.lines().find(|it| it.contains(" generated, ")).unwrap_or_default();
    assert!(asked.contains("passed"), "nothing was asked:\n{}", told.stdout);
    println!("{door} {channel}: {}", asked.trim());
}

/// The served description, with the schemas of answers closed: a member that is not told is a finding.
fn closed(door: SocketAddr) -> Value {
    let mut document = his::get(door, "/openapi.json").expect("the door answers").json();
    let schemas = document["components"]["schemas"].as_object_mut().expect("a door has schemas");
    for (_, schema) in schemas.iter_mut().filter(|(name, _)| !OPEN.contains(&name.as_str())) {
        close(schema);
    }
    document
}

fn close(schema: &mut Value) {
    if let Value::Object(members) = schema {
        if members.contains_key("properties") {
            members.entry("additionalProperties").or_insert(Value::Bool(false));
        }
        members.values_mut().for_each(close);
    } else if let Value::Array(items) = schema {
        items.iter_mut().for_each(close);
    }
}

fn hooks() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "clients", "schemathesis", "hooks.py"].iter().collect()
}

/// What is sent has members that are nobody's business, and a description has those of its own standard.
const OPEN: [&str; 6] =
    ["CheckRequest", "Feedback", "OfFinding", "OfSuspicion", "NationalRequest", "Document"];
const SEED: &str = "20261123";

/// The token is `a-token-of-tests`.
const TABLES: &str = "
[[channel]]
name = \"esb\"
mappings = [\"platform/\"]
[channel.soap]
namespace = \"http://tempuri.org/\"
[[channel.soap.operation]]
name = \"CallInterface\"
parameters = [\"msgHeader\", \"msgBody\"]

[[query]]
name = \"visits\"
callers = [\"emr\"]
entity = \"outpatient_registration\"
elements = [\"mdtrt_sn\", \"psn_name\", \"gend\"]

[[caller]]
name = \"emr\"
token_sha256 = \"2790ea26a8a8fadabc24a2a419724b02daed32320676df533e803f8a0f55a869\"
";
