//! A client of the national interface that has never heard of us: it fills in every mandatory field,
//! sends it the way HIS programs do, and reads the answer field by field as the interface declares it.

#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use serde_json::{Value, json};
use tests::agent::{Agent, Setup};
use tests::his;

#[test]
fn a_client_of_the_interface_needs_only_a_new_address() {
    let agent = Agent::start(Setup::files());
    for shape in [Shape::Lists, Shape::Objects] {
        for (infno, address) in ADDRESSES {
            let ask = |sex, dose| Request { infno, shape, sex, dose };
            // A drug for men, given to a woman; given to a man; to somebody whose sex nobody states.
            check(
                &agent,
                address,
                &ask("2", true),
                "hit drug-sex 违规项 RX1-1 58.80 of 58.80; not judged allergy",
            );
            check(&agent, address, &ask("1", true), "not judged allergy");
            check(&agent, address, &ask("9", true), "not judged allergy; not judged drug-sex");
        }
    }
}

#[test]
fn a_client_is_told_why_in_its_own_envelope() {
    let agent = Agent::start(Setup::files());
    let mut without_patient =
        Request { infno: "3101", shape: Shape::Lists, sex: "1", dose: true }.body();
    without_patient["input"]["data"]["patient_dtos"] = Value::Null;
    check_refused(&agent, &without_patient.to_string(), "patient_dtos");
    check_refused(&agent, "{", "JSON");
    let mut unknown = without_patient.clone();
    unknown["infno"] = json!("2204");
    check_refused(&agent, &unknown.to_string(), "2204");
}

/// Gateways and their clients differ in everything that is not the message.
#[test]
fn a_client_may_have_manners_of_its_own() {
    let agent = Agent::start(Setup::files());
    let request = Request { infno: "3101", shape: Shape::Lists, sex: "2", dose: true };
    let mut body = request.body();
    let hit = "hit drug-sex 违规项 RX1-1 58.80 of 58.80; not judged allergy";
    for address in [
        "/insurance/",
        "/insurance/3101/",
        "/insurance?infno=3101",
        "/fsi/api/riskConService/beforeAnalyze/",
        "/fsi/api/riskConService/courseAnalyze/",
    ] {
        check(&agent, address, &request, hit);
    }
    // The number may be a number, or blank, or stand in the gateway's header alone.
    for infno in [json!(3101), json!(""), Value::Null] {
        body["infno"] = infno;
        assert_eq!(post(&agent, "/insurance", &body.to_string())["infcode"], 0);
    }
    let data = r#"{"data":{"warn_type":"1","warns":[{"warn_rslt_id":"X","dspo_way":"2"}]}}"#;
    let headers = [("_api_name", "3103")];
    let said = his::post_json(agent.his(), "/insurance", &headers, data).expect("an answer").json();
    assert!(said["err_msg"].as_str().unwrap_or_default().contains("没有问题 X"), "{said}");
    // Nodes as texts, and names in capitals.
    let mut odd = request.body();
    odd["input"]["data"] = json!(odd["input"]["data"].to_string());
    let odd = odd.to_string();
    for text in
        [odd.clone(), odd.replace("\"infno\":", "\"INFNO\":").replace("\"input\":", "\"INPUT\":")]
    {
        let said = post(&agent, "/insurance", &text);
        assert_eq!(said["output"]["result"][0]["rule_id"], "drug-sex", "{said}");
    }
    // Lines that nobody can read are no prescription in which nothing was found.
    let mut unread = request.body();
    let patient = &mut unread["input"]["data"]["patient_dtos"][0];
    patient["fsi_encounter_dtos"][0]["fsi_order_dtos"] = json!("见附件");
    let said = post(&agent, "/insurance", &unread.to_string());
    assert!(said["warn_msg"].as_str().unwrap_or_default().contains("未审查"), "{said}");
}

/// Bytes that are in no encoding are refused in the envelope that the client reads.
#[test]
fn a_client_reads_nothing_but_its_envelope() {
    let agent = Agent::start(Setup::files());
    let mut caller = his::Caller::connect(agent.his()).expect("the agent listens");
    let headers = [("Content-Type", "application/json")];
    let answer = caller.call("POST", "/insurance", &headers, b"{\"a\":\"\xff\xff\"}");
    let answer = answer.expect("an answer");
    let said = answer.json();
    assert_eq!((answer.status, &said["infcode"]), (200, &json!(-1)), "{said}");
    assert!(said["err_msg"].as_str().unwrap_or_default().contains("编码"), "{said}");
}

/// A birth date to come, a quantity below nothing, a drug that takes an attestation: three sentences on
/// the doctor's screen, and three lists for the program.
#[test]
fn a_client_is_told_what_is_asked_and_what_is_doubted() {
    let agent = Agent::start(Setup::files());
    let request = Request { infno: "3101", shape: Shape::Lists, sex: "1", dose: false };
    let mut body = request.body();
    let patient = &mut body["input"]["data"]["patient_dtos"][0];
    patient["brdy"] = json!("2130-01-01");
    let mut lines = vec![request.order(), request.order()];
    for (line, (id, code, name, count)) in lines.iter_mut().zip([
        ("A", "XJ01MAM122B002010101600", "盐酸莫西沙星注射液", "-3"),
        ("B", "XS01EEQ092G010010101322", "曲伏前列素滴眼液", "1"),
    ]) {
        (line["rx_id"], line["hilist_code"]) = (json!(id), json!(code));
        (line["hilist_name"], line["hosplist_name"]) = (json!(name), json!(name));
        (line["hosplist_code"], line["cnt"]) = (json!(""), json!(count));
    }
    patient["fsi_encounter_dtos"][0]["fsi_order_dtos"] = json!(lines);
    let said = post(&agent, "/insurance", &body.to_string());
    let warning = said["warn_msg"].as_str().expect("a text");
    for told in ["请核对出生日期", "请核对明细A的数量：-3", "药品限二线使用"]
    {
        assert!(warning.contains(told), "{told}: {said}");
    }
    let doubted = said["output"]["data_findings"].as_array().expect("a list");
    let doubted: Vec<&str> = doubted.iter().filter_map(|it| it["path"].as_str()).collect();
    assert_eq!(doubted.get(..2), Some(&["orders[A].cnt", "patient.brdy"][..]), "{said}");
    assert_eq!(said["output"]["questions"][0]["missing"][0], "orders[B].attst_flag", "{said}");
}

#[test]
fn a_client_may_answer_for_what_it_was_told() {
    let agent = Agent::start(Setup::files());
    let request = Request { infno: "3101", shape: Shape::Lists, sex: "2", dose: true };
    let answer = post(&agent, "/insurance", &request.body().to_string());
    let finding = answer["output"]["result"][0]["jr_id"].as_str().expect("a finding").to_owned();
    let warns = json!([{ "warn_rslt_id": finding, "dspo_way": "1", "dspo_way_rea": "患者知情" }]);
    let mut feedback = envelope("3103");
    feedback["input"] = json!({ "data": { "warn_type": "1", "warns": warns } });
    assert_eq!(post(&agent, "/insurance", &feedback.to_string())["infcode"], 0);
    // Who has answered is not asked again.
    check(&agent, "/insurance", &request, "not judged allergy");
}

/// The number in the envelope, and the addresses under which gateways offer it.
const ADDRESSES: [(&str, &str); 10] = [
    ("3101", "/insurance"),
    ("3102", "/insurance"),
    ("3101", "/insurance/3101"),
    ("3102", "/insurance/3102"),
    ("3660", "/insurance"),
    ("3661", "/insurance"),
    ("3660", "/insurance/3660"),
    ("3661", "/insurance/3661"),
    ("3101", "/fsi/api/riskConService/beforeAnalyze"),
    ("3102", "/fsi/api/riskConService/courseAnalyze"),
];

/// Some clients send lists, others the one entry.
#[derive(Clone, Copy)]
enum Shape {
    Lists,
    Objects,
}

struct Request {
    infno: &'static str,
    shape: Shape,
    sex: &'static str,
    /// Whether the region's extension with dose and days comes along.
    dose: bool,
}

impl Request {
    fn body(&self) -> Value {
        let mut body = envelope(self.infno);
        let patient = self.patient();
        let data = json!({ "trig_scen": "2", "patient_dtos": self.of(patient) });
        body["input"] = json!({ "data": data });
        if ["3660", "3661"].contains(&self.infno) { islander(&body) } else { body }
    }

    fn of(&self, entry: Value) -> Value {
        match self.shape {
            Shape::Lists => json!([entry]),
            Shape::Objects => entry,
        }
    }

    fn patient(&self) -> Value {
        json!({
            "patn_id": "99999900000000000001", "patn_name": "测试甲", "gend": self.sex,
            "brdy": "1960-01-01", "poolarea": "999999", "curr_mdtrt_id": "MZ1",
            "fsi_encounter_dtos": self.of(self.encounter()),
        })
    }

    fn encounter(&self) -> Value {
        json!({
            "mdtrt_id": "MZ1", "medins_id": "H99999900001", "medins_name": "示例市人民医院",
            "medins_admdvs": "999999", "medins_type": "A1", "medins_lv": "5",
            "wardarea_codg": "", "wardno": "", "bedno": "", "adm_date": "2025-06-10 09:10:00",
            "dscg_date": "2025-06-10 09:10:00", "dscg_main_dise_codg": "I10.x00",
            "dscg_main_dise_name": "高血压", "dr_codg": "D999999000001",
            "adm_dept_codg": "A03", "adm_dept_name": "内科", "dscg_dept_codg": "A03",
            "dscg_dept_name": "内科", "med_mdtrt_type": "1", "med_type": "11", "matn_stas": "0",
            "medfee_sumamt": "58.80", "ownpay_amt": "0", "selfpay_amt": "0", "acct_payamt": "0",
            "ma_amt": "0", "hifp_payamt": "0", "setl_totlnum": "1", "insutype": "310",
            "reim_flag": "2", "out_setl_flag": "0", "fsi_operation_dtos": [],
            "fsi_diagnose_dtos": self.of(json!({
                "dise_id": "DX1", "inout_dise_type": "1", "maindise_flag": "1", "dias_srt_no": "1",
                "dise_codg": "I10.x00", "dise_name": "高血压", "dise_date": "2025-06-10 09:20:00",
            })),
            "fsi_order_dtos": self.of(self.order()),
        })
    }

    fn order(&self) -> Value {
        let mut order = json!({
            "rx_id": "RX1-1", "rxno": "RX1", "grpno": "1", "long_drord_flag": "0",
            "hilist_type": "101", "chrg_type": "09", "drord_bhvr": "0",
            "hilist_code": "XG04CBD247E002010101503", "hilist_name": "度他雄胺软胶囊",
            "hilist_dosform": "软胶囊", "hilist_lv": "02", "hilist_pric": "58.80",
            "hosplist_code": "YP000502", "hosplist_name": "度他雄胺软胶囊", "cnt": "1",
            "pric": "58.80", "sumamt": 58.80, "ownpay_amt": "0", "selfpay_amt": "0",
            "spec": "0.5mg×7粒/盒", "spec_unt": "盒", "drord_begn_date": "2025-06-10 09:25:00",
            "drord_stop_date": "", "drord_dept_codg": "A03", "drord_dept_name": "内科",
            "drord_dr_codg": "D999999000001", "drord_dr_name": "测试医师",
            "drord_dr_profttl": "232", "curr_drord_flag": "1",
        });
        if self.dose {
            order["extend_order_map"] = json!({ "o_prdDays": "7", "o_sinDosDscr": "0.5mg",
                "o_used_frqu_dscr": "每日一次", "o_minPacCnt": "7", "o_minPrepunt": "粒",
                "o_minPacUnt": "盒", "o_firstItemFlag": "0" });
        }
        order
    }
}

/// One region numbers the two differently and has names of its own for the nodes and the person.
fn islander(body: &Value) -> Value {
    let mut text = body.to_string();
    for (national, own) in [
        ("trig_scen", "trigScen"),
        ("patient_dtos", "patientDtos"),
        ("fsi_encounter_dtos", "encounterDtos"),
        ("fsi_order_dtos", "orderDtos"),
        ("fsi_diagnose_dtos", "diagnoseDtos"),
        ("fsi_operation_dtos", "operationDtos"),
        ("patn_id", "psn_no"),
        ("patn_name", "psn_name"),
        ("extend_order_map", "extendOrderMap"),
    ] {
        text = text.replace(&format!("\"{national}\":"), &format!("\"{own}\":"));
    }
    text = text.replace(r#""med_mdtrt_type":"#, r#""cvlserv_flag":"0","med_mdtrt_type":"#);
    serde_json::from_str(&text).expect("names alone were changed")
}

fn envelope(infno: &str) -> Value {
    json!({
        "infno": infno, "msgid": "H99999900001202506100930150001", "mdtrtarea_admvs": "999999",
        "insuplc_admdvs": "999999", "recer_sys_code": "MBS_LOCAL", "dev_no": "",
        "dev_safe_info": "", "cainfo": "", "signtype": "SM3", "infver": "1.0.0",
        "opter_type": "1", "opter": "D0001", "opter_name": "测试医师",
        "inf_time": "2025-06-10 09:30:15", "fixmedins_code": "H99999900001",
        "fixmedins_name": "示例市人民医院", "sign_no": "",
    })
}

fn post(agent: &Agent, address: &str, body: &str) -> Value {
    let answer = his::post_json(agent.his(), address, &[], body).expect("the agent answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let said = answer.json();
    let at_most = |name: &str, length: usize| {
        let text = said[name].as_str().unwrap_or_else(|| panic!("{name} is no text: {said}"));
        assert!(text.chars().count() <= length, "{name} is too long: {said}");
    };
    at_most("inf_refmsgid", 30);
    at_most("refmsg_time", 17);
    at_most("respond_time", 17);
    at_most("err_msg", 200);
    said
}

/// What the client would show its doctor.
#[track_caller]
fn check(agent: &Agent, address: &str, request: &Request, expected: &str) {
    let said = post(agent, address, &request.body().to_string());
    assert_eq!((&said["infcode"], &said["err_msg"]), (&json!(0), &json!("")), "{said}");
    let found = said["output"]["result"].as_array().expect("a list").iter().map(shown);
    let unknown = said["output"]["unknown"].as_array().into_iter().flatten();
    let unknown = unknown.filter_map(|it| Some(format!("not judged {}", it["rule_id"].as_str()?)));
    let mut told: Vec<String> = found.chain(unknown).collect();
    if told.is_empty() {
        told.push("nothing found".to_owned());
    }
    assert_eq!(told.join("; "), expected, "{address} {said}");
}

/// Every mandatory field of a finding and of its lines, with the lengths and values declared.
fn shown(result: &Value) -> String {
    let text = |it: &Value, name: &str, length: usize| {
        let text = it[name].as_str().unwrap_or_else(|| panic!("{name} is no text: {result}"));
        assert!(!text.is_empty() && text.chars().count() <= length, "{name}: {it}");
        text.to_owned()
    };
    let rule = text(result, "rule_id", 50);
    for (name, length) in [("jr_id", 40), ("rule_name", 200), ("vola_cont", 500), ("patn_id", 50)] {
        text(result, name, length);
    }
    assert_eq!(result["mdtrt_id"], "MZ1");
    assert!(["1", "2", "3"].contains(&text(result, "sev_deg", 3).as_str()));
    assert!(["1", "2"].contains(&text(result, "vola_bhvr_type", 3).as_str()));
    assert_eq!(text(result, "vola_amt_stas", 3), "1");
    let line = &result["judge_result_detail_dtos"][0];
    text(line, "jrd_id", 50);
    text(line, "patn_id", 50);
    let kind = if text(line, "vola_item_type", 3) == "1" { "违规项" } else { "涉及项" };
    // The digits as they stand on the wire: a double would have made 58.8 of them.
    let (of_line, of_all) = (&line["vola_amt"], &result["vola_amt"]);
    let money = |it: &Value| format!("{:.2}", it.as_f64().expect("a number"));
    format!("hit {rule} {kind} {} {} of {}", text(line, "rx_id", 50), money(of_line), money(of_all))
}

#[track_caller]
fn check_refused(agent: &Agent, body: &str, why: &str) {
    let said = post(agent, "/insurance", body);
    assert_eq!((&said["infcode"], &said["output"]), (&json!(-1), &Value::Null), "{said}");
    assert!(said["err_msg"].as_str().unwrap_or_default().contains(why), "{said}");
}
