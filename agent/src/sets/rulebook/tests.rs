//! Rules as a console sees them: over the routes, with real files below.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use adapters::SheetCell;
use axum::body::{Body, to_bytes};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::config::Config;
use crate::control;
use crate::forward::ForwardState;
use crate::intake::Road;
use crate::outbox::{Options, Outbox, WriterHandle};
use crate::sets::{Sets, reload};

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
    house.refuses("POST", "/admin/v1/rules/rollback", &back, "I133", "第 3 项已经撤销");
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

/// An update brings a rule of the same name, or refuses what an older program took.
#[test]
fn what_does_not_fit_a_new_program_rests_and_is_taken_back() {
    let house = House::new();
    house.put("own/rule-1.toml", &toml("drug-sex", "atc:J01"));
    house.put("own/changes.csv", &log("define,drug-sex,,,,file=rule-1.toml"));
    reload(&house.road).unwrap();
    let listed = house.ask("GET", "/admin/v1/rules", &Value::Null);
    assert_eq!(listed["data"]["resting"][0]["id"], "drug-sex", "{listed}");
    let why = listed["data"]["resting"][0]["why"][0].as_str().unwrap();
    assert!(why.ends_with("error[R106]: rule `drug-sex` is already in pack `starter`"), "{why}");
    let told = house.ask("DELETE", "/admin/v1/rules/drug-sex", &signed(json!({})));
    assert_eq!(told["data"]["change"], 2, "{told}");
    house.refuses("DELETE", "/admin/v1/rules/drug-sex", &signed(json!({})), "I133", "不能删");

    // A rule whose element is gone is given its next version.
    house.put("own/rule-3.toml", &toml("long-antimicrobial", "colour:red"));
    let lines = "define,drug-sex,,,,file=rule-1.toml\nremove,drug-sex,,,,\ndefine,long-antimicrobial,,,,file=rule-3.toml";
    house.put("own/changes.csv", &log(lines));
    reload(&house.road).unwrap();
    assert!(house.shown("toml").as_str().unwrap().contains("colour:red"));
    assert!(house.shown("resting/0").as_str().unwrap().contains("R104"));
    let told = house.ask("PUT", ADDRESS, &signed(json!({ "rule": rule(7) })));
    assert_eq!(told["data"]["change"], 4, "{told}");
    assert_eq!(house.shown("rule/parameters/when/all/1/value"), 7);

    // What the hospital set in a shipped rule cannot be loaded any more: only the change helps.
    house.put("starter/changes.csv", &log("edit,drug-sex,,,,severity=9"));
    assert!(reload(&house.road).is_err());
    house.refuses("PUT", ADDRESS, &signed(json!({ "rule": rule(9) })), "R204", "severity");
    let back = signed(json!({ "pack": "starter", "no": 1 }));
    let told = house.ask("POST", "/admin/v1/rules/rollback", &back);
    assert_eq!(told["data"]["change"], 2, "{told}");
    assert!(reload(&house.road).is_ok());
}

#[test]
fn a_set_is_made_given_a_next_version_and_kept_while_a_rule_names_it() {
    let house = House::new();
    let address = "/admin/v1/rules/sets/watched";
    let set = |from: &str, item: &str| {
        let text = format!(
            "[[set]]\nid = \"watched\"\nname = \"重点监控\"\nsource = \"药事会\"\nfrom = \"{from}\"\nmembers = [\"{item}\"]\n"
        );
        signed(json!({ "toml": text }))
    };
    assert_eq!(house.ask("PUT", address, &set("2026-01-01", "atc:J01"))["data"]["change"], 1);
    assert_eq!(house.ask("PUT", address, &set("2099-01-01", "atc:J02"))["data"]["change"], 2);
    let told = house.ask("GET", address, &Value::Null);
    assert_eq!(told["data"]["versions"][0]["members"][0], "atc:J01", "{told}");
    assert_eq!(told["data"]["versions"][1]["from"], "2099-01-01", "{told}");
    assert_eq!(told["data"]["changes"][1]["author"], "赵药师", "{told}");
    let listed = house.ask("GET", "/admin/v1/rules/sets", &Value::Null);
    let all = listed["data"]["sets"].as_array().unwrap();
    let ours = all.iter().find(|it| it["id"] == "watched").unwrap();
    assert_eq!((&ours["in_force"], &ours["versions"]), (&json!(1), &json!(2)), "{ours}");

    let naming = |set: &str| signed(json!({ "toml": toml("long-antimicrobial", set) }));
    house.refuses("PUT", ADDRESS, &naming("set:watched@7"), "R110", "no version `7`; it has 1, 2");
    house.refuses("PUT", ADDRESS, &naming("set:other"), "R110", "rule-3.toml:");
    assert_eq!(house.ask("PUT", ADDRESS, &naming("set:watched@2"))["data"]["change"], 3);
    house.refuses("DELETE", address, &signed(json!({})), "R110", "watched");
    let back = signed(json!({ "pack": "own", "no": 2 }));
    house.refuses("POST", "/admin/v1/rules/rollback", &back, "R110", "no version `2`; it has 1");
    assert_eq!(house.ask("PUT", ADDRESS, &naming("set:watched"))["data"]["change"], 4);
    assert_eq!(house.ask("POST", "/admin/v1/rules/rollback", &back)["data"]["change"], 5);
    house.ask("DELETE", ADDRESS, &signed(json!({})));
    assert_eq!(house.ask("DELETE", address, &signed(json!({})))["data"]["change"], 7);
    assert_eq!(house.ask("GET", address, &Value::Null)["detail"][0]["code"], "I133");
    let of_pack =
        set("2026-01-01", "atc:J01")["toml"].as_str().unwrap().replace("watched", "aconite");
    let of_pack = signed(json!({ "toml": of_pack }));
    house.refuses("PUT", "/admin/v1/rules/sets/aconite", &of_pack, "R106", "aconite");
    house.refuses("DELETE", "/admin/v1/rules/sets/aconite", &signed(json!({})), "I133", "不能删");
}

#[test]
fn a_set_is_made_of_a_list() {
    let house = House::new();
    let address = "/admin/v1/rules/sets/surgeons";
    let list = |bytes: &[u8], more: Value| {
        let mut order = json!({ "file": BASE64_STANDARD.encode(bytes), "source": "医务科" });
        for (name, value) in more.as_object().unwrap() {
            order[name] = value.clone();
        }
        signed(order)
    };
    let csv = "工号,姓名\n1023,张三\n2046,李四\n".as_bytes();
    let of_doctors = json!({ "kind": "doctor", "from": "2026-01-01", "until": "2026-06-30" });
    assert_eq!(house.ask("PUT", address, &list(csv, of_doctors))["data"]["change"], 1);
    let rows = ["工号", "2046"].map(|it| vec![SheetCell::Text(it)]);
    let workbook = adapters::write_sheet("名单", &rows);
    let next = json!({ "kind": "doctor", "from": "2026-07-01", "sheet": "名单" });
    assert_eq!(house.ask("PUT", address, &list(&workbook, next))["data"]["change"], 2);
    let told = house.ask("GET", address, &Value::Null);
    let versions = &told["data"]["versions"];
    assert_eq!(versions[0]["members"], json!(["doctor:1023", "doctor:2046"]), "{told}");
    assert_eq!(versions[0]["until"], "2026-06-30", "{told}");
    assert_eq!(versions[1]["members"], json!(["doctor:2046"]), "{told}");
    assert_eq!(versions[1]["source"], "医务科", "{told}");

    let refuses = |body: &Value, code: &str, part: &str| {
        house.refuses("PUT", address, body, code, part);
    };
    refuses(&list(csv, json!({})), "R202", "no column says what the rows are");
    refuses(&list("工号\n1.02E+3\n".as_bytes(), json!({ "kind": "doctor" })), "R205", "file:2:1");
    refuses(&list(b"PK\x03\x04", json!({ "kind": "doctor" })), "I135", "");
    refuses(&list(csv, json!({ "toml": "" })), "I133", "只写一个");
    refuses(&signed(json!({})), "I133", "只写一个");
    refuses(&signed(json!({ "file": "5bel5Y+3Cg==" })), "I133", "source");
    refuses(&signed(json!({ "file": "%", "source": "s" })), "I135", "base64");
}

#[test]
fn a_rule_is_on_trial_promoted_and_stopped() {
    let house = House::new();
    let address = "/admin/v1/rules/duplicate-class/shadow";
    let order = |what: &str| signed(json!({ "what": what }));
    let in_short = || {
        let told = house.ask("GET", "/admin/v1/rules/duplicate-class", &Value::Null);
        (told["data"]["on_trial"].clone(), told["data"]["in_force"]["action"].clone())
    };
    let action = in_short().1;
    let told = house.ask("POST", address, &order("start"));
    assert_eq!(told["data"]["changes"][0]["rule"], "duplicate-class", "{told}");
    assert_eq!(in_short(), (json!(true), json!("silent")));
    house.refuses("POST", address, &order("start"), "I133", "已在试运行");
    assert_eq!(house.ask("POST", address, &order("promote"))["data"]["pack"], "starter");
    assert_eq!(in_short(), (json!(false), action));
    house.refuses("POST", address, &order("stop"), "I133", "没有在试运行");
    house.refuses("POST", address, &json!({ "what": "start" }), "I133", "author");
    house.refuses("POST", address, &order("begin"), "I133", "begin");
    let all = "/admin/v1/rules/packs/law/shadow";
    let told = house.ask("POST", all, &order("start"));
    assert!(told["data"]["changes"].as_array().unwrap().len() > 3, "{told}");
    house.refuses("POST", "/admin/v1/rules/packs/none/shadow", &order("start"), "I133", "没有规则");

    let listed = house.ask("GET", "/admin/v1/rules/changes?rule=duplicate-class", &Value::Null);
    assert_eq!(listed["data"]["changes"][0]["standing"], "rolled_back", "{listed}");
    assert_eq!(listed["data"]["changes"][0]["author"], "赵药师", "{listed}");
    let listed = house.ask("GET", "/admin/v1/rules/changes", &Value::Null);
    let packs: Vec<_> =
        listed["data"]["changes"].as_array().unwrap().iter().map(|it| &it["pack"]).collect();
    assert!(packs.contains(&&json!("law")) && packs.contains(&&json!("starter")), "{listed}");
}

#[test]
fn a_rule_is_suppressed_in_departments_until_a_day() {
    let house = House::new();
    let address = "/admin/v1/rules/drug-sex/suppress";
    let wanted = |to: &str| signed(json!({ "departments": ["0301"], "to": to }));
    let settings = || {
        let listed = house.ask("GET", "/admin/v1/rules", &Value::Null);
        let all = listed["data"]["rules"].as_array().unwrap();
        all.iter().find(|it| it["id"] == "drug-sex").unwrap()["settings"].clone()
    };
    assert_eq!(settings(), 0);
    let told = house.ask("POST", address, &wanted("2999-12-31"));
    assert_eq!(told["data"]["pack"], "starter", "{told}");
    assert!(told["data"]["digest"].is_string(), "it is in force: {told}");
    assert_eq!(settings(), 1);
    house.refuses("POST", address, &wanted("2020-01-01"), "I133", "已经过了");
    house.refuses("POST", address, &wanted("morgen"), "I133", "不是日期");
    let nowhere = signed(json!({ "departments": [], "to": "2999-12-31" }));
    house.refuses("POST", address, &nowhere, "I133", "departments");
    let unsigned = json!({ "departments": ["0301"], "to": "2999-12-31" });
    house.refuses("POST", address, &unsigned, "I133", "author");
    let nobody = "/admin/v1/rules/nobody/suppress";
    house.refuses("POST", nobody, &wanted("2999-12-31"), "I133", "没有规则");
    assert_eq!(settings(), 1);
}

#[test]
fn a_published_table_is_previewed_and_taken() {
    let house = House::new();
    let address = "/admin/v1/rules/drug-sex/import";
    let table =
        "药品编码,药品名称,限定性别\nXG04CBD247E002010101503,度他雄胺软胶囊,女\nXG04,甲,男\n";
    let order = |more: Value| {
        let mut order = signed(json!({ "file": BASE64_STANDARD.encode(table), "source": "第2批" }));
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order
    };
    let mut preview = order(json!({}));
    preview.as_object_mut().unwrap().remove("author");
    let told = house.ask("POST", address, &preview);
    let counts = &told["data"]["counts"];
    assert_eq!((&counts["added"], &counts["refused"]), (&json!(1), &json!(1)), "{told}");
    assert_eq!(told["data"]["refused"][0]["row"], 3, "{told}");
    assert!(!house.folder.path().join("overlay/starter").exists(), "nothing was written");

    preview["apply"] = json!(true);
    house.refuses("POST", address, &preview, "I133", "author");
    let told = house.ask("POST", address, &order(json!({ "apply": true })));
    assert_eq!((&told["data"]["change"], &told["data"]["pack"]), (&json!(1), &json!("starter")));
    assert!(house.folder.path().join("overlay/starter/import-1.csv").exists());
    let again = house.ask("POST", address, &order(json!({ "apply": true })));
    assert!(again["data"]["change"].is_null(), "nothing is new: {again}");
    let wrong = order(json!({ "family": "age" }));
    house.refuses("POST", address, &wrong, "I133", "属于规则族 sex，不是 age");
    house.refuses("POST", address, &order(json!({ "file": "?" })), "I135", "base64");
    house.refuses("POST", "/admin/v1/rules/none/import", &order(json!({})), "I133", "没有规则");

    // More than any other route takes.
    let long = format!("{table}{}", ",,\n".repeat(1 << 20));
    let long = order(json!({ "file": BASE64_STANDARD.encode(long) }));
    assert_eq!(house.ask("POST", address, &long)["data"]["counts"]["unchanged"], 1);
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

    fn put(&self, name: &str, text: &str) {
        let path = self.folder.path().join("overlay").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
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

/// A rule about one key, as its file says it.
fn toml(id: &str, key: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\nfamily = \"custom\"\nname = \"N\"\nbasis = \"b\"\nseverity = 3\naction = \"reason\"\n\
        [rule.parameters]\nfor = \"order\"\ntext = \"t\"\nwhen = {{ item = [\"{key}\"] }}\n"
    )
}

/// A log of these changes.
fn log(changes: &str) -> String {
    let lines = (1..).zip(changes.lines());
    let lines = lines.map(|(no, it)| format!("{no},2026-11-22T09:00:00,赵药师,b,{it}\n"));
    format!("{}{}", rules::overlay::Log::header(), lines.collect::<String>())
}

fn signed(mut body: Value) -> Value {
    body["author"] = json!("赵药师");
    body["reason"] = json!("药事会2026-3");
    body
}
