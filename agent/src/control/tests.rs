//! The socket as commands see it: who answers, what is said, what is left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use axum::routing::post;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::client::{self, ControlError};
use super::*;
use crate::config::AdminConfig;

#[test]
fn what_is_done_comes_back_as_a_value_and_what_is_not_as_its_reasons() {
    check("/good", "", "{\"left\":2}");
    check("/echo", "{\"a\":\"码\"}", "\"{\\\"a\\\":\\\"码\\\"}\"");
    check("/bad", "", "422 M401: one\ntwo");
    check(
        "/nowhere",
        "",
        "404 I105: 运行中的前置机不认识这个命令：请核对它与命令行程序是否同一版本",
    );
}

/// A route that does not look at what was sent answers all the same.
#[test]
fn a_body_that_nobody_asked_for_cuts_no_answer_off() {
    let long = Value::from("a".repeat(1 << 20)).to_string();
    check("/done", &long, "1");
}

#[test]
fn the_file_is_its_owners_alone_and_gone_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    with_door(&path, || {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    });
    assert!(!path.exists());
    let nobody = client::get(&path, "/good").unwrap_err();
    assert!(matches!(nobody, ControlError::Unreachable { .. }), "{nobody}");
}

#[test]
fn a_left_over_socket_is_replaced_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    // A listener that is dropped leaves its file, as a killed daemon does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    with_door(&path, || {
        let second = Runtime::new()
            .unwrap()
            .block_on(async { ControlDoor::bind(&path, &AdminConfig::default()) });
        assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    });
    fs::write(&path, "a file of somebody's").unwrap();
    let file = Runtime::new()
        .unwrap()
        .block_on(async { ControlDoor::bind(&path, &AdminConfig::default()) });
    assert_eq!(file.unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert!(path.is_file());
}

#[track_caller]
fn check(address: &str, body: &str, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let mut actual = String::new();
    with_door(&path, || {
        let answer = match body {
            "" => client::get(&path, address),
            body => client::post(&path, address, &serde_json::from_str(body).unwrap()),
        };
        actual = match answer {
            Ok(data) => data.to_string(),
            Err(ControlError::Refused { status, code, reasons }) => {
                format!("{status} {code}: {}", reasons.join("\n"))
            }
            Err(error) => error.to_string(),
        };
    });
    assert_eq!(actual, expected);
}

fn with_door(path: &Path, work: impl FnOnce()) {
    let runtime = Runtime::new().unwrap();
    let stop = CancellationToken::new();
    let reasons = || ["one".to_owned(), "two".to_owned()];
    let router = Router::new()
        .route("/good", get(|| async { done(&json!({ "left": 2 })) }))
        .route("/done", post(|| async { done(&Value::from(1)) }))
        .route("/echo", post(|body: String| async { done(&Value::from(body)) }))
        .route(
            "/bad",
            get(
                move || async move { failed(StatusCode::UNPROCESSABLE_ENTITY, "M401", &reasons()) },
            ),
        )
        .fallback(unknown_address);
    let door =
        runtime.block_on(async { ControlDoor::bind(path, &AdminConfig::default()) }).unwrap();
    let serving = runtime.spawn(door.serve(router, stop.clone()));
    work();
    stop.cancel();
    runtime.block_on(serving).unwrap();
}
