//! The insurer's own review beside ours: findings of both in one answer, in time whatever the insurer
//! does, and what the doctor says of a finding goes to whom it came from.

#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::agent::{Agent, Setup};
use tests::bureau::{Bureau, Manner};
use tests::his;
use tests::process::wait_until;

#[test]
fn findings_of_both_stand_in_one_answer() {
    let bureau = Bureau::start(Manner::Says(findings("JR1"), Duration::ZERO));
    let agent = agent(&bureau, "");
    let said = ask(&agent, "3101");
    assert_eq!(found(&said), "drug-sex JR1/R900001");
    let results = said["output"]["result"].as_array().expect("a list");
    let of_bureau = results.iter().find(|it| it["jr_id"] == "JR1").expect("found above");
    assert_eq!(of_bureau["judge_result_detail_dtos"][0]["rx_id"], "RX1-1");
    assert_eq!(said["output"]["bureau"], Value::Null, "it has answered: {said}");
    let asked = bureau.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "/insurance/3101");
    assert_eq!(asked[0].body, request("3101"), "word for word");
    for part in ["apikey: A1", "_api_signature: S"] {
        assert!(asked[0].head.contains(part), "{part}: {}", asked[0].head);
    }
    assert!(!asked[0].head.contains("X-Other"), "only what gateways know callers by goes on");
    // 3102 may live elsewhere.
    ask(&agent, "3102");
    assert_eq!(bureau.asked()[1].path, "/course");
    // The log tells them apart, and nothing is made up about what is not ours.
    let check_id = shown_check(&agent);
    let told = agent.ask(&["checks", "show", &check_id]);
    assert!(told.stdout.contains("R900001"), "{}", told.stdout);
    // The address alone may say which of the two it is.
    let mut unnumbered = request("3102");
    unnumbered.as_object_mut().expect("an envelope").remove("infno");
    post(&agent, "/fsi/api/riskConService/courseAnalyze", &unnumbered);
    assert_eq!(bureau.asked()[2].path, "/course");
    post(&agent, "/fsi/api/riskConService/beforeAnalyze", &unnumbered);
    assert_eq!(bureau.asked()[3].path, "/insurance/3101");
}

/// Slow, silent, down, or out of its mind: the doctor is answered by us, in time, and told so.
#[test]
fn whatever_the_insurer_does_our_own_answer_leaves_in_time() {
    let slow = Manner::Says(findings("JR1"), Duration::from_secs(20));
    let refusal = Manner::Says(r#"{"infcode":-1,"err_msg":"x"}"#.to_owned(), Duration::ZERO);
    let other = r#"{"infcode":0,"output":{"violations":[{"a":1}]}}"#.to_owned();
    let other = Manner::Says(other, Duration::ZERO);
    let page = Manner::Says("<html>".to_owned(), Duration::ZERO);
    for (manner, expected) in [
        (slow, "late"),
        (Manner::HangsUp, "unreachable"),
        (Manner::Babbles, "garbled"),
        (page, "garbled"),
        (other, "garbled"),
        (refusal, "refused"),
    ] {
        let bureau = Bureau::start(manner.clone());
        // The slow one would take twenty seconds.
        let check = if expected == "late" { "[check]\ndeadline_ms = 1000\n" } else { "" };
        let agent = agent(&bureau, check);
        let begun = Instant::now();
        let said = ask(&agent, "3101");
        assert!(begun.elapsed() < Duration::from_secs(10), "{manner:?}: {:?}", begun.elapsed());
        assert_eq!((&said["infcode"], &said["err_msg"]), (&json!(0), &json!("")), "{said}");
        assert_eq!(found(&said), "drug-sex", "{manner:?}");
        assert_eq!(said["output"]["bureau"], expected, "{said}");
        assert!(
            said["warn_msg"].as_str().unwrap_or_default().contains("医保端审查未完成"),
            "{said}"
        );
    }
}

/// Two hundred checks of as many encounters, eight at a time, and an insurer that is quick, slow, gone, wild,
/// endless or beside itself by turns: every answer leaves in time, none without our own finding, and what
/// the insurer finds stands with the encounter that it was asked about, and no other.
#[test]
fn under_load_no_answer_is_late_and_none_is_mixed_up() {
    let said = findings("JR-{mdtrt_id}").replace("\"MZ1\"", "\"{mdtrt_id}\"");
    let bureau = Bureau::start(Manner::ByTurns(vec![
        Manner::Says(said.clone(), Duration::ZERO),
        Manner::SaysTwice(said.clone()),
        Manner::Says(said.clone(), Duration::from_millis(100)),
        Manner::Says(said.clone(), Duration::ZERO),
        Manner::SaysTwice(said.clone()),
        Manner::Drips(said, Duration::from_millis(20)),
        Manner::Says(r#"{"infcode":0,"output":{"result":[]}}"#.to_owned(), Duration::ZERO),
        Manner::Floods,
        Manner::HangsUp,
        Manner::Babbles,
    ]));
    let agent = agent(&bureau, "[check]\ndeadline_ms = 2000\n");
    let outcomes = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                let agent = &agent;
                scope.spawn(move || {
                    (0..25).map(|at| asked_in_time(agent, &format!("MZ{caller}-{at}"))).collect()
                })
            })
            .collect();
        let told = callers.into_iter().map(|it| it.join().expect("no caller panics"));
        told.collect::<Vec<Vec<String>>>().concat()
    });
    let count = |name: &str| outcomes.iter().filter(|it| *it == name).count();
    assert!(count("answered") >= 20, "{outcomes:?}");
    assert!(count("late") > 0 && count("garbled") > 0, "{outcomes:?}");
}

/// Asks about an encounter; what became of the insurer's part of the answer.
fn asked_in_time(agent: &Agent, encounter: &str) -> String {
    let mut request = request("3101");
    let patient = &mut request["input"]["data"]["patient_dtos"][0];
    patient["curr_mdtrt_id"] = json!(encounter);
    patient["fsi_encounter_dtos"][0]["mdtrt_id"] = json!(encounter);
    let begun = Instant::now();
    let said = post(agent, "/insurance", &request);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}: {said}", begun.elapsed());
    let outcome = outcome(&said);
    let own = format!("drug-sex JR-{encounter}/R900001");
    let is_own = found(&said) == own || found(&said) == "drug-sex";
    assert!(is_own && (outcome == "answered" || found(&said) == "drug-sex"), "{encounter}: {said}");
    outcome
}

/// What nobody has asked for is no answer to the next question.
#[test]
fn an_answer_that_comes_twice_is_read_once() {
    let bureau = Bureau::start(Manner::SaysTwice(findings("JR1")));
    let agent = agent(&bureau, "");
    assert_eq!(found(&ask(&agent, "3101")), "drug-sex JR1/R900001");
    bureau.becomes(Manner::Says(findings("JR2"), Duration::ZERO));
    assert_eq!(found(&ask(&agent, "3101")), "drug-sex JR2/R900001");
}

#[test]
fn an_insurer_that_never_answers_is_spared() {
    let slow = Manner::Says(findings("JR1"), Duration::from_secs(20));
    let bureau = Bureau::start(slow);
    let agent = agent(&bureau, "[check]\ndeadline_ms = 300\n");
    let outcomes: Vec<String> = (0..8).map(|_| outcome(&ask(&agent, "3101"))).collect();
    assert_eq!(outcomes[..5], ["late"; 5]);
    assert_eq!(outcomes[5..], ["spared"; 3]);
    assert_eq!(bureau.asked().len(), 5, "nobody waits for nothing");
}

/// The answer of the doctor is on disk with what is owed, so a kill and a closed door lose nothing.
#[test]
fn what_the_doctor_says_of_its_finding_reaches_the_insurer() {
    let bureau = Bureau::start(Manner::Says(findings("JR1"), Duration::ZERO));
    let mut agent = agent(&bureau, "");
    let said = ask(&agent, "3101");
    let own = said["output"]["result"][0]["jr_id"].as_str().expect("ours").to_owned();
    bureau.becomes(Manner::HangsUp);
    let warn =
        |id: &str| json!({ "warn_rslt_id": id, "dspo_way": "1", "dspo_way_rea": "患者知情" });
    let mut feedback = request("3103");
    feedback["input"] = json!({ "data": { "warn_type": "1", "warns": [warn("JR1"), warn(&own)] } });
    let said = post(&agent, "/insurance", &feedback);
    assert_eq!(said["infcode"], 0, "the doctor does not wait for the insurer: {said}");
    agent.kill();
    bureau.becomes(Manner::Says(r#"{"infcode":0}"#.to_owned(), Duration::ZERO));
    agent.start_again();
    let of_feedback = || bureau.asked().into_iter().filter(|it| it.body["infno"] == "3103");
    let last = || of_feedback().next_back();
    let taken = wait_until(Duration::from_secs(20), || agent_owes_nothing(&agent));
    assert!(taken, "it was not sent: {}", agent.log());
    let last = last().expect("a 3103");
    assert_eq!(last.path, "/insurance/3103");
    let warns = &last.body["input"]["data"]["warns"];
    assert_eq!(warns, &json!([warn("JR1")]), "only what is of the insurer");
    assert_eq!(last.body["fixmedins_code"], "H99999900001", "in the envelope of the request");
    assert!(last.head.contains("apikey: A1"), "{}", last.head);
}

/// What it refuses is asked again: who refuses everything for an hour has looked at none of it.
#[test]
fn what_the_insurer_refuses_is_not_lost_in_silence() {
    let bureau = Bureau::start(Manner::Says(findings("JR1"), Duration::ZERO));
    let agent = agent(&bureau, "");
    ask(&agent, "3101");
    let refusal = r#"{"infcode":"-1","err_msg":"没有这条"}"#.to_owned();
    bureau.becomes(Manner::Says(refusal, Duration::ZERO));
    let body = json!({ "jr_id": "JR1", "state": "changed" });
    let said = post(&agent, "/v1/feedback", &body);
    assert_eq!(said["data"]["feedback"][0]["status"], "recorded", "{said}");
    let refused = || bureau.asked().iter().filter(|it| it.body["infno"] == "3103").count() > 2;
    assert!(wait_until(Duration::from_secs(60), refused), "{}", agent.log());
    assert!(!agent.log().contains("I118") && !agent_owes_nothing(&agent), "{}", agent.log());
    bureau.becomes(Manner::Says(r#"{"infcode":0}"#.to_owned(), Duration::ZERO));
    let taken = wait_until(Duration::from_secs(60), || agent_owes_nothing(&agent));
    assert!(taken, "it was not sent: {}", agent.log());
}

/// A check in other words is asked there as 3101; where something is missing that it demands, nobody
/// is asked, and the doctor reads what.
#[test]
fn a_check_in_other_words_is_asked_there_too() {
    let bureau = Bureau::start(Manner::Says(findings("JR1"), Duration::ZERO));
    let agent =
        agent(&bureau, &format!("[check]\ndeadline_ms = 10000\n[relay]\nrestate = true\n{STATED}"));
    let said = post(&agent, "/v1/checks", &canonical());
    let found = said["data"]["findings"].as_array().expect("a list").iter();
    let found: Vec<&str> = found.filter_map(|it| it["jr_id"].as_str()).collect();
    assert!(found.contains(&"JR1"), "{said}");
    assert_eq!(said["data"]["bureau"], "answered", "{said}");
    let asked = bureau.asked().pop().expect("it was asked");
    assert_eq!((asked.path.as_str(), &asked.body["infno"]), ("/insurance/3101", &json!("3101")));
    let patient = &asked.body["input"]["data"]["patient_dtos"][0];
    assert_eq!(patient["patn_name"], "测试甲");
    assert_eq!(patient["fsi_encounter_dtos"][0]["fsi_order_dtos"][0]["rx_id"], "RX1-1");
    // What the doctor says of it goes there in an envelope of our own.
    let body = json!({ "jr_id": "JR1", "state": "changed" });
    let answered = post(&agent, "/v1/feedback", &body);
    assert_eq!(answered["data"]["feedback"][0]["status"], "recorded", "{answered}");
    assert!(wait_until(Duration::from_secs(20), || agent_owes_nothing(&agent)), "{}", agent.log());
    let last = bureau.asked().pop().expect("a 3103");
    assert_eq!(
        (&last.body["infno"], &last.body["recer_sys_code"]),
        (&json!("3103"), &json!("YBXT"))
    );
    // Without the kind of catalogue nobody is asked.
    let before = bureau.asked().len();
    let mut lacking = canonical();
    lacking["orders"][0].as_object_mut().expect("a line").remove("hilist_type");
    let said = post(&agent, "/v1/checks", &lacking);
    assert_eq!(said["data"]["bureau_text"], "医保端未审查：缺少目录类别", "{said}");
    assert_eq!((&said["data"]["outcome"], bureau.asked().len()), (&json!("partial"), before));
}

/// A channel's dialect says it too.
#[test]
fn a_dialect_tells_what_the_insurer_lacked() {
    let bureau = Bureau::start(Manner::Says(findings("JR1"), Duration::ZERO));
    let more = format!("[check]\ndeadline_ms = 10000\n[relay]\nrestate = true\n{STATED}");
    let agent = agent(&bureau, &more);
    let review = fs::read(tests::cases::mappings().join("pass/cases/review.in.txt"));
    let mut caller = his::Caller::connect(agent.his()).expect("the agent listens");
    let headers = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")];
    let review = review.expect("the case is shipped");
    let answer = caller.call("POST", "/v1/channels/pass/checks", &headers, &review);
    let text = answer.expect("an answer").text().to_string();
    assert!(text.contains("\"HighestSlcode\":-1"), "{text}");
    assert!(text.contains("医保端未审查：缺少"), "{text}");
    assert_eq!(bureau.asked().len(), 0);
}

const STATED: &str = "stated = { mdtrtarea_admvs = \"430100\", recer_sys_code = \"YBXT\", infver = \"1.0.0\", \
    opter_type = \"1\", poolarea = \"430100\", medins_admdvs = \"430100\", medins_type = \"A1\", \
    medins_lv = \"5\", med_type = \"11\", matn_stas = \"0\", setl_totlnum = \"1\", insutype = \"310\", \
    reim_flag = \"2\", out_setl_flag = \"0\", long_drord_flag = \"0\", chrg_type = \"09\", \
    drord_bhvr = \"0\", hilist_lv = \"02\", hilist_pric = \"58.80\", ownpay_amt = \"0\", selfpay_amt = \"0\" }\n";

/// Everything that the insurer demands, in canonical words, but what the hospital states of itself.
fn canonical() -> Value {
    let order = json!({ "rx_id": "RX1-1", "rxno": "RX1", "hilist_code": "XG04CBD247E002010101503",
        "hilist_type": "101", "hosplist_code": "YP000502", "hosplist_name": "度他雄胺软胶囊", "cnt": "1",
        "pric": "58.80", "sumamt": "58.80", "spec": "0.5mg×7粒/盒", "spec_unt": "盒",
        "drord_begn_date": "20250610092500" });
    json!({ "patient": { "patn_id": "P0001", "patn_name": "测试甲", "gend": "2", "brdy": "19600101" },
        "encounter": { "mdtrt_id": "MZ1", "med_mdtrt_type": "1", "adm_date": "20250610091000",
            "adm_dept_codg": "A03", "adm_dept_name": "内科" },
        "diagnoses": [{ "dise_codg": "I10.x00", "dise_name": "高血压", "maindise_flag": "1",
            "diag_time": "20250610092000" }],
        "prescriber": { "drord_dr_codg": "D1", "drord_dr_name": "测试医师", "drord_dr_profttl": "232" },
        "orders": [order] })
}

/// One that waits long for the insurer unless it is told otherwise.
fn agent(bureau: &Bureau, more: &str) -> Agent {
    let check = if more.is_empty() { "[check]\ndeadline_ms = 10000\n" } else { more };
    let (check, relay) = check.split_once("[relay]\n").unwrap_or((check, ""));
    let relay = format!(
        "{check}[[channel]]\nname = \"pass\"\nmappings = [\"pass/\"]\n[relay]\n{relay}url = \"{0}/insurance/{{infno}}\"\ncourse_url = \"{0}/course\"\n\
         headers = {{ apikey = \"file:{1}\" }}\n",
        bureau.url(),
        KEY.display()
    );
    Agent::start(Setup { channels: relay, ..Setup::files() })
}

/// Written once, and whole for whoever runs the tests beside these.
static KEY: LazyLock<PathBuf> = LazyLock::new(|| {
    let [key, new] = ["bureau-apikey".to_owned(), format!("bureau-apikey-{}", std::process::id())]
        .map(|it| Path::new(env!("CARGO_TARGET_TMPDIR")).join(it));
    fs::write(&new, "A1\n").expect("the folder takes a file");
    fs::rename(new, &key).expect("our own file");
    key
});

fn ask(agent: &Agent, infno: &str) -> Value {
    post(agent, "/insurance", &request(infno))
}

fn post(agent: &Agent, path: &str, body: &Value) -> Value {
    let headers = [("_api_signature", "S"), ("X-Other", "O")];
    let answer = his::post_json(agent.his(), path, &headers, &body.to_string());
    answer.expect("the agent answers").json()
}

/// A drug for men, given to a woman.
fn request(infno: &str) -> Value {
    let order = json!({ "rx_id": "RX1-1", "rxno": "RX1", "hilist_code": "XG04CBD247E002010101503",
        "hosplist_code": "YP000502", "hosplist_name": "度他雄胺软胶囊", "cnt": "1", "pric": "58.80",
        "sumamt": "58.80", "drord_begn_date": "2025-06-10 09:25:00", "curr_drord_flag": "1",
        "extend_order_map": { "o_prdDays": "7", "o_sinDosDscr": "0.5mg", "o_used_frqu_dscr": "每日一次" } });
    let encounter = json!({ "mdtrt_id": "MZ1", "medins_lv": "5", "med_mdtrt_type": "1", "med_type": "11",
        "adm_date": "2025-06-10 09:10:00", "fsi_diagnose_dtos": [], "fsi_order_dtos": [order] });
    let patient = json!({ "patn_id": "P0001", "gend": "2", "brdy": "1960-01-01", "curr_mdtrt_id": "MZ1",
        "fsi_encounter_dtos": [encounter] });
    json!({ "infno": infno, "fixmedins_code": "H99999900001", "opter": "D0001",
        "input": { "data": { "trig_scen": "2", "patient_dtos": [patient] } } })
}

/// What the insurer finds, in its envelope.
fn findings(jr_id: &str) -> String {
    let detail = json!({ "jrd_id": "JRD1", "patn_id": "P0001", "mdtrt_id": "MZ1", "rx_id": "RX1-1",
        "vola_item_type": "1", "vola_amt": 21.5 });
    let finding = json!({ "jr_id": jr_id, "rule_id": "R900001", "rule_name": "门诊超量开药",
        "vola_cont": "本次开药112天", "patn_id": "P0001", "mdtrt_id": "MZ1",
        "judge_result_detail_dtos": [detail], "vola_amt": 21.5, "vola_amt_stas": "1", "sev_deg": "2",
        "vola_evid": "示例依据", "vola_bhvr_type": "2", "task_id": "T1" });
    json!({ "infcode": "0", "err_msg": "", "output": { "result": [finding] } }).to_string()
}

/// The rules of ours, and those of the insurer with the ids it gave.
fn found(said: &Value) -> String {
    let found = said["output"]["result"].as_array().expect("a list").iter();
    // The request says no more than it must, and is told so.
    let found = found.filter(|it| it["rule_id"] != "completeness").map(|it| {
        let (id, rule) =
            (it["jr_id"].as_str().unwrap_or_default(), it["rule_id"].as_str().unwrap_or_default());
        if id.starts_with("JR") { format!("{id}/{rule}") } else { rule.to_owned() }
    });
    found.collect::<Vec<_>>().join(" ")
}

fn outcome(said: &Value) -> String {
    said["output"]["bureau"].as_str().unwrap_or("answered").to_owned()
}

fn shown_check(agent: &Agent) -> String {
    let told = agent.ask(&["checks", "list", "--json"]);
    let told = if told.stdout.trim().is_empty() {
        agent.ask(&["checks", "list"]).stdout
    } else {
        told.stdout
    };
    let is_id = |it: &&str| it.len() == 32 && it.chars().all(|it| it.is_ascii_hexdigit());
    let words = told.split(|it: char| !it.is_ascii_alphanumeric());
    words.into_iter().find(is_id).unwrap_or_else(|| panic!("no check: {told}")).to_owned()
}

fn agent_owes_nothing(agent: &Agent) -> bool {
    let metrics = his::get(agent.operators(), "/metrics").map(|it| it.text().to_string());
    metrics.is_ok_and(|it| it.contains(r#"his_agent_relay_feedback_total{outcome="sent"} 1"#))
}
