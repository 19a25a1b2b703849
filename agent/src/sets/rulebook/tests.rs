//! Rules as a console sees them: over the routes, with real files below.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::config::Config;
use crate::control;
use crate::forward::ForwardState;
use crate::intake::Road;
use crate::outbox::{Options, Outbox, WriterHandle};
use crate::sets::Sets;

const ADDRESS: &str = "/admin/v1/rules/long-antimicrobial";

#[test]
fn a_rule_is_made_changed_tried_taken_back_and_removed() {
    let house = House::new();
    let told = house.ask("PUT", ADDRESS, &signed(json!({ "rule": rule(7) })));
    assert_eq!(told["data"]["change"], 1, "{told}");
    assert_eq!(house.shown("rule/parameters/when/all/1/value"), 7);
    assert_eq!(house.shown("version"), 1);
    assert_eq!(house.shown("form/parameters/1/type"), "condition");

    // A trial is a change beside it and goes on over the next version.
    let trial = json!({ "what": "edit", "cells": { "action": "silent" } });
    house.ask("POST", &format!("{ADDRESS}/changes"), &signed(trial));
    assert_eq!(house.shown("on_trial"), true);
    let told = house.ask("PUT", ADDRESS, &signed(json!({ "rule": rule(10) })));
    assert_eq!(told["data"]["change"], 3, "{told}");
    assert_eq!(house.shown("in_force/action"), "silent");
    assert_eq!(house.shown("rule/action"), "reason", "as written");
    assert_eq!(house.shown("rule/parameters/when/all/1/value"), 10);

    let back = signed(json!({ "pack": "own", "no": 3 }));
    house.ask("POST", "/admin/v1/rules/rollback", &back);
    assert_eq!(house.shown("rule/parameters/when/all/1/value"), 7);
    assert_eq!(house.shown("changes/2/rolled_back"), true);
    assert_eq!(house.shown("changes/0/author"), "赵药师");
    house.ask("DELETE", ADDRESS, &signed(json!({})));
    assert_eq!(house.ask("GET", ADDRESS, &Value::Null)["detail"][0]["code"], "I133");
    let listed = house.ask("GET", "/admin/v1/rules", &Value::Null);
    let all = listed["data"]["rules"].as_array().unwrap();
    assert!(all.len() > 50 && all.iter().all(|it| it["pack"] != "own"));
    // Nothing is ever lost: the files of both versions and every line are still there.
    let log = fs::read_to_string(house.folder.path().join("overlay/own/changes.csv")).unwrap();
    assert_eq!(log.lines().count(), 6, "{log}");
    assert!(house.folder.path().join("overlay/own/rule-3.toml").exists());
}

#[test]
fn what_is_wrong_is_refused_whole_with_its_place() {
    let house = House::new();
    let mut wrong = rule(7);
    wrong["parameters"]["when"]["all"][1]["element"] = json!("orders.medc_day");
    house.refuses(
        "PUT",
        ADDRESS,
        &signed(json!({ "rule": wrong })),
        "R104",
        "`when.all[1]`: no element `orders.medc_day`",
    );
    let mut wrong = rule(7);
    wrong["colour"] = json!(1);
    house.refuses(
        "PUT",
        ADDRESS,
        &signed(json!({ "rule": wrong })),
        "R102",
        "unknown key `colour`",
    );
    house.refuses(
        "PUT",
        "/admin/v1/rules/other",
        &signed(json!({ "rule": rule(7) })),
        "I133",
        "标识",
    );
    house.refuses("PUT", ADDRESS, &json!({ "rule": rule(7) }), "I133", "author");
    house.refuses(
        "PUT",
        ADDRESS,
        &json!({ "rule": rule(7), "author": "a", "reason": " " }),
        "I133",
        "写明修改人",
    );
    house.refuses("PUT", ADDRESS, &signed(json!({ "toml": "[[rule" })), "R101", "rule.toml:1");
    let mut shipped = rule(7);
    shipped["id"] = json!("drug-sex");
    let address = "/admin/v1/rules/drug-sex";
    house.refuses(
        "PUT",
        address,
        &signed(json!({ "rule": shipped })),
        "I133",
        "是规则包 starter 的规则",
    );
    house.refuses("DELETE", address, &signed(json!({})), "I133", "不能删");
    let define = json!({ "what": "define", "cells": {} });
    house.refuses("POST", &format!("{address}/changes"), &signed(define), "I133", "what 是");
    assert!(!house.folder.path().join("overlay/own").exists(), "nothing was written");
}

/// A house whose rules somebody looks after.
struct House {
    folder: tempfile::TempDir,
    road: Arc<Road>,
    _writer: WriterHandle,
}

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let (road, writer) = road(folder.path());
        House { folder, road, _writer: writer }
    }

    fn ask(&self, method: &str, address: &str, body: &Value) -> Value {
        let request = Request::builder().method(method).uri(address);
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let told = runtime.block_on(async {
            let answer = control::routes(&self.road).oneshot(request).await.unwrap();
            to_bytes(answer.into_body(), 1 << 22).await.unwrap()
        });
        serde_json::from_slice(&told).unwrap_or_else(|_| panic!("{told:?}"))
    }

    #[track_caller]
    fn shown(&self, path: &str) -> Value {
        let told = self.ask("GET", ADDRESS, &Value::Null);
        let found = told.pointer(&format!("/data/{path}"));
        found.unwrap_or_else(|| panic!("{path} in {told}")).clone()
    }

    #[track_caller]
    fn refuses(&self, method: &str, address: &str, body: &Value, code: &str, part: &str) {
        let told = self.ask(method, address, body);
        assert_eq!(told["detail"][0]["code"], code, "{told}");
        assert!(told["message"].as_str().unwrap().contains(part), "{part} in {told}");
    }
}

fn road(folder: &Path) -> (Arc<Road>, WriterHandle) {
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{0}/outbox\"\n[sets]\noverlay = \"{0}/overlay\"\n",
        folder.display()
    );
    fs::create_dir(folder.join("overlay")).unwrap();
    let config = Config::parse("agent.toml", &text).unwrap();
    let sets = Sets::load(&config).unwrap();
    let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
    (Arc::new(Road::new(config, sets, outbox, Arc::new(ForwardState::default()))), writer)
}

fn rule(days: u32) -> Value {
    json!({
        "id": "long-antimicrobial", "family": "custom", "name": "抗菌药物超过7天", "basis": "本院办法第12条",
        "severity": 3, "action": "reason",
        "parameters": {
            "for": "order", "text": "【{orders.hosplist_name}】已开{orders.medc_days}天",
            "when": { "all": [
                { "item": ["atc:J01"] },
                { "element": "orders.medc_days", "is": ">", "value": days },
                { "not": { "diagnosis": ["A15"] } },
            ] },
        },
    })
}

fn signed(mut body: Value) -> Value {
    body["author"] = json!("赵药师");
    body["reason"] = json!("药事会2026-3");
    body
}
