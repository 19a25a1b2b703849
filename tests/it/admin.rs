//! The admin API by role: a user of the machine by the socket, a token at the operators' address.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::agent::{Agent, Setup};
use tests::command::binary;
use tests::his::{Answer, Caller};

/// `nobody`, and a number that no user has.
const NOBODY: &str = "65534";
const STRANGER: &str = "64123";

#[test]
fn a_user_of_the_machine_does_what_its_role_may() {
    let open = tempfile::tempdir().expect("a folder");
    fs::set_permissions(open.path(), Permissions::from_mode(0o755)).expect("our folder");
    let socket = open.path().join("control.sock");
    let channels = format!(
        "[control]\nsocket = \"{0}\"\n[admin]\nviewer = [\"{STRANGER}\"]\nauditor = [\"{NOBODY}\"]\n",
        socket.display()
    );
    let agent = Agent::start(Setup { channels, ..Setup::files() });
    // Who may not read the secrets has a configuration of its own, which names the socket.
    let config = open.path().join("client.toml");
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[control]\nsocket = \"{}\"\n",
        socket.display()
    );
    fs::write(&config, text).expect("our folder");
    // The binary of the tests may lie where only its builder goes.
    let program = open.path().join("his-agent");
    fs::copy(binary(), &program).expect("our folder");
    let ask = |uid: &str, words: &[&str]| ran_as(&program, uid, &config, words);

    let (code, told) = ask(NOBODY, &["token", "list"]);
    assert_eq!(code, Some(0), "an auditor sees the tokens: {told}");
    let (code, told) = ask(NOBODY, &["token", "create", "lis", "--verbs", "message"]);
    assert!(code == Some(64), "{code:?} {told}");
    assert!(told.contains("管理员 admin") && told.contains("auditor"), "{told}");
    let (code, told) = ask(STRANGER, &["token", "list"]);
    assert!(code == Some(64) && told.contains("审计 auditor、管理员 admin"), "{code:?} {told}");
    let (code, told) = ask(STRANGER, &["alerts", "list"]);
    assert_eq!(code, Some(0), "a viewer looks: {told}");
    // Who has no role is not listened to.
    let (code, told) = ask("64124", &["alerts", "list"]);
    assert_eq!(code, Some(69), "{told}");

    let calls = agent.ask(&["calls", "list"]).stdout;
    let line = calls.lines().find(|it| it.contains("POST/admin/v1/tokens")).unwrap_or_default();
    assert!(
        ["nobody", "auditor", "403", "I235", "admin"].iter().all(|it| line.contains(it)),
        "{calls}"
    );
}

#[test]
fn at_the_operators_address_a_token_with_a_role_decides() {
    let agent = Agent::start(Setup::files());
    let token = |words: &[&str]| {
        let ran = agent.ask(&[&["token", "create"], words].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.stdout.trim().to_owned()
    };
    let viewer = token(&["screen", "--role", "viewer"]);
    let pharmacist = token(&["li", "--role", "pharmacist"]);
    let his = token(&["lis", "--verbs", "message"]);
    check(&agent, None, "GET", "/admin/v1/status", 401, "I221");
    check(&agent, Some("his_wrong"), "GET", "/admin/v1/status", 401, "I222");
    check(&agent, Some(&his), "GET", "/admin/v1/status", 403, "I235");
    check(&agent, Some(&viewer), "GET", "/admin/v1/status", 200, "");
    check(&agent, Some(&viewer), "GET", "/admin/v1/checks", 403, "I235");
    check(&agent, Some(&viewer), "POST", "/admin/v1/rules/backtest", 403, "I235");
    check(&agent, Some(&pharmacist), "GET", "/admin/v1/rules", 200, "");
    check(&agent, Some(&pharmacist), "POST", "/admin/v1/tokens", 403, "I235");
    check(&agent, Some(&pharmacist), "POST", "/admin/v1/sets/reload", 403, "I235");
    // A change stands under the name that was proved, whatever is written.
    let said = sign(&agent, &pharmacist, "zhang");
    assert_eq!(said["data"]["author"], "li（自称 zhang）", "{said}");
    assert_eq!(sign(&agent, &pharmacist, "li")["data"]["author"], "li");
    // A role opens nothing at the doors of the HIS.
    let mut line = Caller::connect(agent.his()).expect("the door");
    let bearer = format!("Bearer {viewer}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let told = line.call("POST", "/v1/checks", &headers, b"{}").expect("an answer");
    assert_eq!(told.status, 403, "{}", told.text());
    let ran = agent.ask(&["token", "revoke", "screen", "--reason", "换"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    check(&agent, Some(&viewer), "GET", "/admin/v1/status", 403, "I223");
}

/// Makes a plan as this author.
fn sign(agent: &Agent, token: &str, author: &str) -> Value {
    let mut line = Caller::connect(agent.operators()).expect("the door");
    let bearer = format!("Bearer {token}");
    let headers = [("Content-Type", "application/json"), ("Authorization", bearer.as_str())];
    let job = json!({ "kind": "backtest", "days": 1 });
    let body = json!({ "cron": "0 2 * * *", "job": job, "author": author }).to_string();
    let told = line.call("PUT", "/admin/v1/rules/plans/night", &headers, body.as_bytes());
    told.expect("an answer").json()
}

#[track_caller]
fn check(agent: &Agent, token: Option<&str>, method: &str, path: &str, status: u16, code: &str) {
    let mut line = Caller::connect(agent.operators()).expect("the door");
    let bearer = token.map(|it| format!("Bearer {it}"));
    let mut headers = vec![("Content-Type", "application/json")];
    headers.extend(bearer.as_ref().map(|it| ("Authorization", it.as_str())));
    let body: &[u8] = if method == "GET" { b"" } else { b"{}" };
    let told: Answer = line.call(method, path, &headers, body).expect("an answer");
    let said = told.json()["detail"][0]["code"].as_str().unwrap_or_default().to_owned();
    assert_eq!((told.status, said.as_str()), (status, code), "{method} {path} {}", told.text());
}

fn ran_as(program: &Path, uid: &str, config: &Path, words: &[&str]) -> (Option<i32>, String) {
    let ids = [format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()];
    let ran = Command::new("setpriv")
        .args(ids)
        .arg(program)
        .args(words)
        .arg("--config")
        .arg(config)
        .output();
    let ran = ran.expect("setpriv is part of util-linux");
    let text = |bytes| String::from_utf8(bytes).expect("the commands speak UTF-8");
    (ran.status.code(), text(ran.stdout) + &text(ran.stderr))
}
