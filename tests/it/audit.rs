//! In-stay monitoring and the audit after discharge: a stay of five days, judged day by day as its records
//! come in; what is found is explained, mended, or escalated when the stay is settled; the counts add up.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tests::agent::{Agent, Setup};
use tests::his;
use tests::process::wait_until;

#[test]
fn a_stay_of_five_days_with_a_kill_in_the_middle() {
    let mut agent = start();
    send(&agent, &admission("ZY1", 4));
    send(&agent, &order("ZY1", 4));
    send(&agent, &fee("ZY1", "1", 4, VISIT, "1", "03"));
    check(&agent, 4, "1 encounters, 0 found, 0 opened, 0 reopened, 0 closed");
    // Two beds on one day, and the same care twice.
    send(&agent, &fee("ZY1", "2", 3, BED, "2", "03"));
    send(&agent, &fee("ZY1", "3", 3, CARE, "2", "03"));
    check(&agent, 3, "1 encounters, 2 found, 2 opened, 0 reopened, 0 closed");
    check(&agent, 4, "1 encounters, 0 found, 0 opened, 0 reopened, 0 closed");
    assert_eq!(found(&agent, &["--department", "04"]), "");
    assert_eq!(found(&agent, &["--department", "03"]), "2 open 2046 40.00; 3 open 2046 40.00");
    say(&agent, "2", &["--state", "explained", "--reason", "转科当日两个病区", "--by", "2046"]);
    say(&agent, "3", &["--state", "corrected", "--by", "2046"]);
    agent.kill();
    agent.start_again();
    // It was not mended after all; then it is.
    check(&agent, 3, "1 encounters, 2 found, 0 opened, 1 reopened, 0 closed");
    assert_eq!(found(&agent, &[]), "2 explained 2046 40.00; 3 open 2046 40.00");
    send(&agent, &fee("ZY1", "4", 2, CARE, "-1", "03"));
    send(&agent, &fee("ZY1", "5", 2, GLUCOSE, "1", "03"));
    check(&agent, 2, "1 encounters, 1 found, 0 opened, 0 reopened, 1 closed");
    send(&agent, &fee("ZY1", "6", 1, GLUCOSE, "1", "04"));
    check(&agent, 1, "1 encounters, 2 found, 1 opened, 0 reopened, 0 closed");
    let all = "2 explained 2046 40.00; 3 closed 2046 40.00; 6 open 2077 40.00";
    assert_eq!(found(&agent, &[]), all);
    // Nobody answers for the last until the stay is settled.
    send(&agent, &discharge("ZY1", 0));
    send(&agent, &settlement("ZY1"));
    let all = all.replace("open", "escalated");
    let is_escalated = || found(&agent, &[]) == all;
    assert!(wait_until(Duration::from_secs(60), is_escalated), "{}", found(&agent, &[]));
    assert_eq!(fed(&agent, "04"), "opened escalated");
    assert_eq!(fed(&agent, "03"), "opened opened explained corrected reopened closed");
    adds_up(&agent);
    agent.await_drained();
    told_to_the_platform(&agent);
    // The settlement calls the stay by another name: it is not another stay.
    ask(&agent, &["run", "--scene", "monthly_batch", "--day", &day(0)]);
    let rows = rows(&agent, &[]);
    assert!(rows.iter().all(|row| row[4] == "ZY1"), "{rows:?}");
    // Beds and tests for four days, and care on one of them: a clue for the office.
    let clues: Vec<_> =
        rows.iter().filter(|row| row[9] == "low-stay").map(|row| &row[14]).collect();
    assert_eq!(clues.len(), 2, "{rows:?}");
    let log = agent.log();
    assert!(!log.contains("CANARY") && !log.contains("转科当日"), "{log}");
}

#[test]
fn the_settlement_that_3102_asks_for_escalates_too_and_what_is_forgotten_is_gone() {
    let agent = start();
    send(&agent, &admission("ZY1", 1));
    send(&agent, &fee("ZY1", "2", 1, BED, "2", "03"));
    check(&agent, 1, "1 encounters, 1 found, 1 opened, 0 reopened, 0 closed");
    let body = json!({ "scene": "settlement", "encounter": { "mdtrt_id": "H-ZY1", "med_mdtrt_type": "2" },
        "orders": [{ "rx_id": "1", "hosplist_code": "X", "hosplist_name": "某药" }] });
    let answer = his::post_json(agent.his(), "/v1/checks", &[], &body.to_string());
    assert_eq!(answer.expect("the agent answers").status, 200);
    let is_escalated = || found(&agent, &[]) == "2 escalated 2046 40.00";
    assert!(wait_until(Duration::from_secs(60), is_escalated), "{}", found(&agent, &[]));
    let ran = agent.ask(&["history", "forget", "--patient", "CANARY9P"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(found(&agent, &[]), "");
}

#[test]
fn the_audit_after_discharge_looks_at_who_left_in_the_month() {
    let agent = start();
    // The day it left and the day after are of one month.
    let left = if day(1).ends_with("01") { 3 } else { 2 };
    for stay in ["ZY1", "ZY2"] {
        send(&agent, &admission(stay, left + 1));
        send(&agent, &fee(stay, &format!("{stay}-1"), left - 1, VISIT, "1", "03"));
    }
    // One left, and was charged a day later.
    send(&agent, &discharge("ZY1", left));
    let told = ask(&agent, &["run", "--scene", "monthly_batch", "--day", &day(left)]);
    assert!(told.contains("就诊 1，"), "{told}");
    let rules = ask(&agent, &["summary", "--by", "rule", "--json"]);
    let rules: Value = serde_json::from_str(&rules).expect("a table");
    let named = |id: &str| rules["rows"].as_array().into_iter().flatten().any(|it| it[0] == id);
    assert!(named("fee-date") && named("low-stay"), "{rules}{}", ask(&agent, &["runs", "--json"]));
    let ratios = ask(&agent, &["report", "ratios", "--month", &day(left)[..6]]);
    assert!(ratios.contains("医院") && ratios.contains("不足30例"), "{ratios}");
    let stock = agent.beside("stock.csv");
    fs::write(&stock, format!("代码,名称,期初,购入\n{VISIT},诊查,0,1\n")).expect("a file");
    let stock = stock.display().to_string();
    let told = ask(&agent, &["report", "stock", "--month", &day(left - 1)[..6], &stock]);
    assert!(told.contains("售出多于可售1"), "{told}");
}

fn start() -> Agent {
    let mut agent = Agent::prepare(Setup {
        sets: Some(String::new()),
        channels: "[[channel]]\nname = \"ward\"\nmappings = [\"ward/\"]\n".to_owned(),
        ..Setup::files()
    });
    fs::create_dir(agent.mappings().join("ward")).expect("our own folder");
    for (name, when, elements) in MAPPINGS {
        let zero = elements.contains("setl_id").then_some(AMOUNTS).into_iter().flatten();
        let zeros: Vec<_> = zero.map(|it| format!("{it} = '\"0\" | decimal'\n")).collect();
        let zeros = zeros.concat();
        let text = format!(
            "[mapping]\nname = \"ward-{name}\"\nversion = \"1\"\nabout = \"病区\"\nprofile = \"clinical\"\n\
             when = '{when}'\nlane = 'visit'\n\n[[record]]\nentity = \"{name}\"\neach = '{when}'\n\n\
             [record.elements]\n{elements}{zeros}"
        );
        fs::write(agent.mappings().join(format!("ward/{name}.toml")), text)
            .expect("our own folder");
    }
    agent.start_again();
    agent
}

const VISIT: &str = "001102000050000";
const BED: &str = "001109000010000";
const CARE: &str = "001201000030000";
const GLUCOSE: &str = "002503020030000";

/// What the ward's HIS sends, a record a message.
const MAPPINGS: [(&str, &str, &str); 5] = [
    (
        "inpatient_admission",
        "admission",
        "patn_id = 'patient'\npsn_name = 'name'\ngend = '\"2\"'\nbrdy = '\"19680315\" | date(\"yyyyMMdd\")'\nipt_no = 'visit'\nmdtrt_id = 'insurer'\n\
         begntime = 'time | datetime(\"yyyyMMddHHmmss\")'\nadm_dept_codg = '\"03\"'\nadm_dept_name = '\"心内科\"'\natddr_no = '\"2046\"'\n\
         chfpdr_name = '\"王\"'\nadm_diag_code = '\"I10\"'\nadm_diag_dscr = '\"高血压\"'\n",
    ),
    (
        "inpatient_order",
        "order",
        "mdtrt_sn = 'visit'\nmedcas_drord_detl_id = 'id'\ndrord_detl_code = 'code'\nmedc_begntime = 'time | datetime(\"yyyyMMddHHmmss\")'\n\
         isu_drord_dr_code = 'doctor'\nvali_flag = '\"1\"'\n",
    ),
    (
        "fee_detail_inpatient",
        "fee",
        "ipt_no = 'visit'\nfeedetl_sn = 'id'\nfee_ocur_time = 'time | datetime(\"yyyyMMddHHmmss\")'\nmed_list_codg = 'code'\nmedins_list_codg = 'code'\n\
         medins_list_name = 'code'\ncnt = 'cnt | decimal'\npric = '\"40\" | decimal'\ndet_item_fee_sumamt = 'amount | decimal'\n\
         bilg_dept_codg = 'dept'\nbilg_dr_codg = 'doctor'\n",
    ),
    (
        "inpatient_discharge",
        "discharge",
        "mdtrt_id = 'insurer'\npsn_no = 'insured'\ninsutype = '\"310\"'\nendtime = 'time | datetime(\"yyyyMMddHHmmss\")'\ndscg_dept_codg = '\"03\"'\n\
         dscg_dept_name = '\"心内科\"'\ndscg_way = '\"1\"'\n",
    ),
    (
        "settlement",
        "settlement",
        "mdtrt_id = 'insurer'\nsetl_id = 'insurer'\npsn_no = 'insured'\npsn_name = 'name'\npsn_cert_type = '\"01\"'\n\
         certno = '\"110101196803150016\"'\npsn_type = '\"11\"'\ncvlserv_flag = '\"0\"'\nsetl_time = 'time | datetime(\"yyyyMMddHHmmss\")'\nmed_type = '\"2101\"'\n\
         medins_setl_id = 'insurer'\nclr_type = '\"21\"'\n",
    ),
];

/// Nobody looks at the money of a settlement here.
const AMOUNTS: [&str; 21] = [
    "medfee_sumamt",
    "fulamt_ownpay_amt",
    "overlmt_selfpay",
    "preselfpay_amt",
    "inscp_scp_amt",
    "hifp_pay",
    "pool_prop_selfpay",
    "cvlserv_pay",
    "hifes_pay",
    "hifmi_pay",
    "hifob_pay",
    "maf_pay",
    "oth_pay",
    "fund_pay_sumamt",
    "psn_part_amt",
    "acct_pay",
    "psn_cash_pay",
    "hosp_part_amt",
    "balc",
    "acct_mulaid_pay",
    "hifdm_pay",
];

fn admission(visit: &str, ago: i32) -> Value {
    json!({ "admission": { "patient": "CANARY9P", "name": "李建国", "visit": visit,
        "insurer": format!("H-{visit}"), "time": at(ago, "080000") } })
}

fn order(visit: &str, ago: i32) -> Value {
    json!({ "order": { "visit": visit, "id": "O1", "code": "YP000231", "doctor": "2046", "time": at(ago, "090000") } })
}

/// 40.00 each.
fn fee(visit: &str, id: &str, ago: i32, code: &str, count: &str, dept: &str) -> Value {
    let doctor = if dept == "03" { "2046" } else { "2077" };
    let amount = count.parse::<i32>().expect("a number") * 40;
    json!({ "fee": { "visit": visit, "id": id, "code": code, "cnt": count, "amount": amount.to_string(),
        "dept": dept, "doctor": doctor, "time": at(ago, "100000") } })
}

fn discharge(visit: &str, ago: i32) -> Value {
    json!({ "discharge": { "visit": visit, "insurer": format!("H-{visit}"), "insured": "CANARY9N",
        "time": at(ago, "000001") } })
}

fn settlement(visit: &str) -> Value {
    json!({ "settlement": { "visit": format!("H-{visit}"), "insurer": format!("H-{visit}"), "insured": "CANARY9N",
        "name": "李建国", "time": at(0, "000002") } })
}

#[track_caller]
fn send(agent: &Agent, body: &Value) {
    let answer = his::post_json(agent.his(), "/v1/channels/ward/messages", &[], &body.to_string());
    let answer = answer.expect("the agent answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Runs the day so many days ago.
#[track_caller]
fn check(agent: &Agent, ago: i32, expected: &str) {
    ask(agent, &["run", "--day", &day(ago)]);
    let runs: Value = serde_json::from_str(&ask(agent, &["runs", "--json"])).expect("accounts");
    let last = runs["runs"].as_array().and_then(|it| it.last()).cloned().unwrap_or_default();
    let number = |name: &str| last[name].as_u64().unwrap_or(99);
    let told = ["encounters", "found", "opened", "reopened", "closed"]
        .map(|name| format!("{} {name}", number(name)));
    assert_eq!(told.join(", "), expected, "{last:#}\n{}", ask(agent, &["findings"]));
}

/// First line, state, doctor and amount of each suspicion, by line.
#[track_caller]
fn found(agent: &Agent, wanted: &[&str]) -> String {
    let rows = rows(agent, wanted);
    let text = |row: &Value, at: usize| {
        row[at]["n"].as_str().or(row[at].as_str()).unwrap_or("-").to_owned()
    };
    let mut all: Vec<String> = rows
        .iter()
        .map(|row| {
            let line = text(row, 17).split(',').next().unwrap_or_default().to_owned();
            let state = match text(row, 1).as_str() {
                "待处理" => "open",
                "已说明" => "explained",
                "已整改" => "corrected",
                "已升级" => "escalated",
                _ => "closed",
            };
            let amount = text(row, 16);
            format!("{line} {state} {} {amount}", text(row, 3))
        })
        .collect();
    all.sort();
    all.join("; ")
}

#[track_caller]
fn rows(agent: &Agent, wanted: &[&str]) -> Vec<Value> {
    let told = ask(agent, &[&["findings", "--json"], wanted].concat());
    let table: Value = serde_json::from_str(&told).expect("a table");
    table["rows"].as_array().cloned().unwrap_or_default()
}

/// Answers for the suspicion about a line.
#[track_caller]
fn say(agent: &Agent, line: &str, answer: &[&str]) {
    let rows = rows(agent, &[]);
    let row = rows.iter().find(|row| row[17].as_str().is_some_and(|it| it.starts_with(line)));
    let id = row.and_then(|row| row[0].as_str()).expect("a suspicion about this line");
    ask(agent, &[&["answer", id], answer].concat());
}

/// What a department was told, in its order.
#[track_caller]
fn fed(agent: &Agent, department: &str) -> String {
    let told = ask(agent, &["feed", "--department", department]);
    let events = told.lines().map(|it| serde_json::from_str::<Value>(it).expect("an event"));
    events.map(|it| it["what"].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn adds_up(agent: &Agent) {
    for by in ["person", "doctor", "department", "hospital", "rule", "behaviour"] {
        let told = ask(agent, &["summary", "--by", by]);
        let total = told.lines().last().unwrap_or_default();
        assert_eq!(total.split_whitespace().take(2).collect::<Vec<_>>(), ["合计", "3"], "{told}");
        assert!(total.contains("120"), "{told}");
    }
    let csv = agent.beside("found.csv");
    ask(agent, &["findings", "--out", &csv.display().to_string()]);
    let text = fs::read_to_string(&csv).expect("a table");
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.contains("转科当日两个病区"), "{text}");
    let sheet = agent.beside("found.xlsx");
    ask(agent, &["findings", "--out", &sheet.display().to_string()]);
    assert!(fs::read(&sheet).expect("a sheet").starts_with(b"PK"));
}

#[track_caller]
fn told_to_the_platform(agent: &Agent) {
    let mut told = Vec::new();
    for file in fs::read_dir(agent.records()).expect("the records").filter_map(Result::ok) {
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        told.extend(text.lines().filter_map(|it| serde_json::from_str::<Value>(it).ok()));
    }
    let of = |entity: &str, name: &str| {
        let of_entity = told.iter().filter(|it| it["entity"] == entity);
        let values = of_entity.map(|it| it["elements"][name].as_str().unwrap_or("-").to_owned());
        // Files of records are listed in no order.
        let mut values: Vec<_> = values.collect();
        values.sort();
        values.join(" ")
    };
    assert_eq!(
        of("check_finding", "rule_id"),
        "cycle-quantity daily-quantity daily-quantity daily-quantity"
    );
    assert_eq!(of("check_feedback", "state"), "closed corrected escalated explained");
    assert_eq!(of("check_result", "door"), "audit audit audit");
    let whole = told.iter().map(Value::to_string).collect::<String>();
    assert!(!whole.contains(r#""findings":[{"#), "our own records are in order: {whole}");
}

#[track_caller]
fn ask(agent: &Agent, arguments: &[&str]) -> String {
    let ran = agent.ask(&[&["audit"], arguments].concat());
    assert_eq!(ran.code, Some(0), "{arguments:?}: {}{}", ran.stderr, agent.log());
    ran.stdout
}

fn at(ago: i32, time: &str) -> String {
    format!("{}{time}", day(ago))
}

/// `YYYYMMDD`, so many days ago by the agent's clock.
fn day(ago: i32) -> String {
    let mut day = agent::clock::now().date();
    for _ in 0..ago {
        day = day.yesterday().expect("a day before");
    }
    day.strftime("%Y%m%d").to_string()
}
