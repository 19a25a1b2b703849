//! The daemon: whether it runs and takes messages, and what it wants somebody to look at.

use std::time::Duration;

use serde_json::Value;

use super::{Check, Daemon, Line, Site};

pub(super) const CHECK: Check =
    Check { key: "daemon", zh: "前置机", bound: Duration::from_secs(5), look };

fn look(site: &Site) -> Vec<Line> {
    match &site.daemon {
        Daemon::Says(says) => running(says),
        Daemon::IsDown => vec![Line::warn("H011", "没有在运行，以下按停机检查")],
        Daemon::Refuses(why) => vec![Line::warn("H012", why.clone())],
    }
}

fn running(says: &Value) -> Vec<Line> {
    let road = says.get("road").unwrap_or(&Value::Null);
    let count = |path: &str| road.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    let (waiting, parked) = (count("/outbox/waiting"), count("/outbox/parked"));
    let first = match road.pointer("/outbox/failure").and_then(Value::as_str) {
        Some(failure) => Line::fail("O103", failure),
        None => Line::ok(format!(
            "在运行，版本 {}；等待送出 {waiting} 条，待对照 {parked} 份",
            env!("CARGO_PKG_VERSION")
        )),
    };
    let alerts = says.get("alerts").and_then(Value::as_array);
    let alerts = alerts.into_iter().flatten().map(|it| {
        let [code, text] = [0, 1].map(|at| it.get(at).and_then(Value::as_str).unwrap_or_default());
        // With the doors closed nothing is taken in; everything else waits and loses nothing.
        Line::bad(code == "O107", code, text)
    });
    [first].into_iter().chain(alerts).collect()
}
