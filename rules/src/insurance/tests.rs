//! What callers send, in every shape, and what is known of it then.

use super::*;
use crate::evaluate;
use crate::facts::Title;
use crate::families::bench::{NOW, starter};
use crate::frequency::Frequency;
use crate::unit::Unit;
use crate::verdict::{Audience, Verdict};

const LINE: &str = r#"{"rx_id":"RX0001-1","rxno":"RX0001","hilist_code":"XG04CBD247E002010101503",
    "hilist_name":"度他雄胺软胶囊","hosplist_code":"YP000502","hosplist_name":"度他雄胺软胶囊","cnt":"4",
    "pric":21.50,"sumamt":"86.00","ownpay_amt":"0","spec":"0.5mg×10粒/盒","spec_unt":"盒","drord_begn_date":"2026-05-15 09:25:00",
    "drord_stop_date":"","drord_dr_codg":"D1","drord_dr_profttl":"232","curr_drord_flag":"1"}"#;

fn message(patients: &str) -> String {
    format!(
        r#"{{"infno":"3101","input":{{"data":{{"patient_dtos":{patients},"trig_scen":"2"}}}}}}"#
    )
}

fn patient(encounters: &str) -> String {
    format!(
        r#"{{"patn_id":"99","patn_name":"测试甲","gend":2,"brdy":"1960-01-01","curr_mdtrt_id":"MZ1","fsi_encounter_dtos":{encounters}}}"#
    )
}

fn encounter_json(orders: &str) -> String {
    format!(
        r#"{{"mdtrt_id":"MZ1","medins_lv":"5","med_mdtrt_type":"1","med_type":"11","fsi_diagnose_dtos":[],"fsi_order_dtos":{orders}}}"#
    )
}

#[test]
fn lists_and_single_objects_are_the_same() {
    let lists =
        message(&format!("[{}]", patient(&format!("[{}]", encounter_json(&format!("[{LINE}]"))))));
    let objects = message(&patient(&encounter_json(LINE)));
    assert_eq!(facts_of(&lists), facts_of(&objects));
    let facts = facts_of(&lists);
    assert_eq!(facts.len(), 1);
    assert_eq!(facts.first().unwrap().data_findings, []);
}

#[test]
fn what_the_message_does_not_carry_is_unknown() {
    let verdict = judged(&message(&patient(&encounter_json(LINE))));
    let unknown: Vec<_> = verdict
        .unknown
        .iter()
        .filter(|unknown| unknown.told_to == Audience::Doctor)
        .map(|u| format!("{} {}", u.rule_id, u.missing.join(",")))
        .collect();
    assert_eq!(unknown, ["prescription-days orders[RX0001-1].drug_used_sdose"]);
    let hits: Vec<_> = verdict.findings.iter().map(|f| f.rule_id.as_str()).collect();
    assert_eq!(hits, ["drug-sex"]);
}

#[test]
fn one_region_sends_days_and_dose() {
    let line = LINE.replace(
        "\"cnt\":\"4\"",
        r#""cnt":"4","extend_order_map":{"o_prdDays":"40","o_sinDosDscr":"0.5mg","o_used_frqu_dscr":"每日一次"}"#,
    );
    let verdict = judged(&message(&patient(&encounter_json(&line))));
    let hits: Vec<_> = verdict.findings.iter().map(|f| f.text.as_str()).collect();
    assert_eq!(
        hits,
        [
            "【度他雄胺软胶囊】限男性使用，患者性别为女",
            "门诊处方【度他雄胺软胶囊】40日用量，一般不超过7日，请注明理由"
        ]
    );
}

#[test]
fn malformed_values_do_not_stop_the_answer() {
    let line = LINE.replace("\"4\"", "\"四\"").replace("21.50", "{}");
    let facts = facts_of(&message(&patient(&encounter_json(&line))));
    let codes: Vec<_> = facts
        .first()
        .unwrap()
        .data_findings
        .iter()
        .map(|f| format!("{} {}", f.code, f.path))
        .collect();
    assert_eq!(codes, ["C201 orders[RX0001-1].cnt", "C102 orders[RX0001-1].pric"]);
}

#[test]
fn nothing_to_judge() {
    check_error("{", "C101");
    check_error("{}", "C103");
    check_error(&message("[]"), "C103");
    check_error(&message("null"), "C103");
    let many = vec![LINE; 2_001].join(",");
    check_error(&message(&patient(&encounter_json(&format!("[{many}]")))), "C105");
    let many = vec![r#"{"dise_codg":"I10"}"#; 501].join(",");
    let diagnosed = encounter_json(&format!("[{LINE}]"));
    let diagnosed = diagnosed.replace("dtos\":[]", &format!("dtos\":[{many}]"));
    check_error(&message(&patient(&diagnosed)), "C105");
    let past = vec![r#"{"mdtrt_id":"M0"}"#; 2_002].join(",");
    check_error(&message(&patient(&format!("[{past}]"))), "C105");
    let bare = facts_of(&message(&patient("null")));
    assert!(bare.first().unwrap().orders.is_absent());
}

#[test]
fn repeated_line_ids_are_told_apart() {
    let other = LINE.replace("\"rxno\":\"RX0001\"", "\"rxno\":\"RX0002\"");
    let facts = facts_of(&message(&patient(&encounter_json(&format!("[{LINE},{other}]")))));
    let orders = facts.first().unwrap().orders.present().unwrap();
    let ids: Vec<_> = orders.iter().map(|order| order.rx_id.as_str()).collect();
    assert_eq!(ids, ["RX0001-1", "RX0002-RX0001-1"]);
}

#[test]
fn a_check_that_was_cut_off_does_not_look_like_a_pass() {
    let rules = starter();
    let now = NOW.parse().unwrap();
    let verdict = crate::evaluate_while(&rules, &Facts::default(), now, || false);
    let answer = write_answer(&[verdict], &Reply::default());
    assert!(answer.contains("\"not_run\":[\""), "{answer}");
    assert!(answer.contains("部分规则未检查"), "{answer}");
}

#[test]
fn the_answer() {
    let verdict = judged(&message(&patient(&encounter_json(LINE))));
    let id = verdict.findings.first().unwrap().id.clone();
    let reply = Reply { inf_refmsgid: "R1", refmsg_time: "T1", respond_time: "T2", task_id: "K" };
    let answer = write_answer(&[verdict], &reply).replace(&id, "ID");
    assert_eq!(
        answer,
        r#"{"infcode":0,"inf_refmsgid":"R1","refmsg_time":"T1","respond_time":"T2","err_msg":"","warn_msg":"门急诊处方用量未审查：缺少单次剂量","output":{"result":[{"jr_id":"ID","rule_id":"drug-sex","rule_name":"药品区分性别使用","vola_cont":"【度他雄胺软胶囊】限男性使用，患者性别为女","patn_id":"99","mdtrt_id":"MZ1","judge_result_detail_dtos":[{"jrd_id":"ID-1","patn_id":"99","mdtrt_id":"MZ1","rx_id":"RX0001-1","vola_item_type":"1","vola_amt":86.00}],"vola_amt":86.00,"vola_amt_stas":"1","sev_deg":"1","vola_evid":"GZ10000301004000 药品区分性别使用；知识点第1批（2025-05-23）","vola_bhvr_type":"2","task_id":"K"}],"unknown":[{"rule_id":"prescription-days","rule_name":"门急诊处方用量","text":"门急诊处方用量未审查：缺少单次剂量","missing":["orders[RX0001-1].drug_used_sdose"]}]}}"#
    );
    assert_eq!(
        write_failure("请求不可读", &reply),
        r#"{"infcode":-1,"inf_refmsgid":"R1","refmsg_time":"T1","respond_time":"T2","err_msg":"请求不可读","warn_msg":"","output":null}"#
    );
}

/// Every field of the interface, as its document shows them; what is not asked about is not read.
const FULL: &str = include_str!("tests/full.json");

#[test]
fn every_field_is_read() {
    let asked = read(FULL, Service::Before, &Region::default()).unwrap();
    assert_eq!(asked.task_id.as_deref(), Some("T1"));
    let facts = asked.patients.first().unwrap();
    assert_eq!(facts.data_findings, []);
    let encounter = facts.encounter.present().unwrap();
    assert_eq!(
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            encounter.visit,
            encounter.hospital_level,
            encounter.department_code,
            encounter.insutype,
            encounter.insurance_region,
            encounter.on_chronic_scheme,
            encounter.began.map(|it| it.to_string()),
        ),
        r#"Some(Outpatient) Some(Secondary) Some("A03") Some("310") Some("999998") Some(true) Some("2025-06-10T09:10:00")"#
    );
    assert_eq!(encounter.ended, None, "the day of admission, repeated, is no discharge");
    let diagnosis = facts.diagnoses.present().unwrap().first().unwrap();
    assert_eq!(diagnosis.made, Some("2025-06-10".parse().unwrap()));
    assert_eq!((diagnosis.main, diagnosis.code.as_deref()), (Some(true), Some("I10.x00")));
    let surgery = facts.surgeries.present().unwrap().first().unwrap();
    assert_eq!((surgery.code.as_deref(), surgery.began), (Some("51.2300x001"), None));
    let prescriber = facts.prescriber.present().unwrap();
    let of_doctor = (prescriber.code.as_deref(), prescriber.title.map(Title::zh));
    assert_eq!(of_doctor, (Some("D999999000001"), Some("副主任医师")));
    assert_eq!(prescriber.department_code.as_deref(), Some("A03"));
}

#[test]
fn every_field_of_a_line_is_read() {
    let facts = facts_of(FULL);
    let order = facts.first().unwrap().orders.present().unwrap().first().unwrap().clone();
    // Longer than the C..20 that the interface declares: a code cut short is another drug.
    assert_eq!(order.national_code.as_deref(), Some("XC08CAA000A001010100000"));
    let numbers = [order.quantity, order.price, order.amount, order.own_pay, order.single_dose];
    let numbers: Vec<_> = numbers.iter().map(|it| it.map(|it| it.to_string())).collect();
    let numbers: Vec<_> = numbers.iter().map(|it| it.as_deref().unwrap_or("none")).collect();
    assert_eq!(numbers, ["4", "21.50", "86.00", "0", "2"]);
    assert_eq!(order.dose_unit, Unit::parse("片"));
    assert_eq!(order.frequency, Frequency::parse("QD"));
    assert_eq!(order.days, Some(112.into()));
    assert_eq!(order.first_line_used, Some(true));
    assert_eq!(order.specification.as_deref(), Some("5mg×28片/盒"));
    assert_eq!(order.department_code.as_deref(), Some("A03"));
    assert_eq!(order.begins.map(|it| it.to_string()).as_deref(), Some("2025-06-10T09:25:00"));
    assert!(order.current && !order.discharge);
}

#[test]
fn one_region_has_other_names_and_numbers() {
    let message = r#"{"infno":"3660","input":{"data":{"trigScen":"2","patientDtos":[{"psn_no":"99","psn_name":"测试甲",
        "gend":"2","brdy":"1960-01-01","curr_mdtrt_id":"MZ1","encounterDtos":[{"mdtrt_id":"MZ1","cvlserv_flag":"0",
        "med_mdtrt_type":"1","med_type":"11","medins_lv":"5","diagnoseDtos":[],"orderDtos":[LINE]}]}]}}}"#;
    let national = message_of_one_line();
    assert_eq!(facts_of(&message.replace("LINE", LINE)), facts_of(&national));
}

#[test]
fn shapes_of_the_wild() {
    let national = message_of_one_line();
    let expected = facts_of(&national);
    // The input as a text.
    let json: serde_json::Value = serde_json::from_str(&national).unwrap();
    let wrapped = serde_json::json!({"infno": "3101", "input": json["input"].to_string()});
    assert_eq!(facts_of(&wrapped.to_string()), expected);
    // Without the envelope, without `data`, with blanks and words for codes.
    assert_eq!(facts_of(&json["input"].to_string()), expected);
    assert_eq!(facts_of(&json["input"]["data"].to_string()), expected);
    assert_eq!(facts_of(&national.replace(r#""gend":2"#, r#""gend":" 女 ""#)), expected);
    assert_eq!(
        facts_of(&national.replace(r#""medins_lv":"5""#, r#""medins_lv":"二级甲等""#)),
        expected
    );
    assert_eq!(facts_of(&national.replace(r#""medins_lv":"5""#, r#""medins_lv":"05""#)), expected);
    // Texts further in, lists of one, names in capitals.
    let data = json["input"]["data"].clone();
    let patients = data["patient_dtos"].to_string();
    for odd in [
        serde_json::json!({"input": {"data": data.to_string()}}),
        serde_json::json!({"input": {"data": {"patient_dtos": patients, "trig_scen": "2"}}}),
        serde_json::json!({"input": [{"data": [data]}]}),
    ] {
        assert_eq!(facts_of(&odd.to_string()), expected, "{odd}");
    }
    assert_eq!(facts_of(&capital_names(&json).to_string()), expected);
    let text = serde_json::json!({"INPUT": capital_names(&json["input"]).to_string()});
    assert_eq!(facts_of(&text.to_string()), expected);
    // What is not there is null for some.
    let nulls = national.replace(r#""trig_scen":"2""#, r#""trig_scen":null,"syscode":null"#);
    assert_eq!(facts_of(&nulls), expected);
    check_error(r#"{"input":"{"}"#, "C103");
}

fn capital_names(json: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match json {
        Value::Object(members) => {
            members.iter().map(|(name, it)| (name.to_uppercase(), capital_names(it))).collect()
        }
        Value::Array(items) => items.iter().map(capital_names).collect(),
        other => other.clone(),
    }
}

/// Who asks the service for what is about to be paid, and names no scene.
#[test]
fn the_service_says_what_the_scene_leaves_open() {
    let text = message_of_one_line();
    let silent = text.replace(r#","trig_scen":"2""#, r#","rule_ids":["R1"]"#);
    for (service, text, scene) in [
        (Service::Before, &text, Scene::Outpatient),
        (Service::During, &text, Scene::Outpatient),
        (Service::Before, &silent, Scene::Outpatient),
        (Service::During, &silent, Scene::PreSettlement),
    ] {
        let asked = read(text, service, &Region::default()).unwrap();
        assert_eq!(asked.patients.first().unwrap().scene(), Some(scene), "{service:?}");
    }
    assert_eq!(
        ["3101", "3660", "3102", "3661"].map(Service::of),
        [Service::Before, Service::Before, Service::During, Service::During]
    );
}

/// Nodes as texts are read; what cannot be read is unknown and told, and an empty text is nothing.
#[test]
fn nodes_that_are_texts() {
    let text = |json: &str| serde_json::Value::from(json).to_string();
    let line = LINE.replace(
        "\"cnt\":\"4\"",
        r#""cnt":"4","extend_order_map":{"o_prdDays":"40","o_sinDosDscr":"0.5mg"}"#,
    );
    let expected = facts_of(&message(&patient(&encounter_json(&format!("[{line}]")))));
    let extension = r#"{"o_prdDays":"40","o_sinDosDscr":"0.5mg"}"#;
    for extension in [text(extension), format!("[{extension}]")] {
        let line = line.replace(r#"{"o_prdDays":"40","o_sinDosDscr":"0.5mg"}"#, &extension);
        assert_eq!(facts_of(&message(&patient(&encounter_json(&line)))), expected, "{extension}");
    }
    let lines = text(&format!("[{line}]"));
    assert_eq!(facts_of(&message(&patient(&encounter_json(&lines)))), expected);
    let encounter = text(&encounter_json(&line));
    assert_eq!(facts_of(&message(&patient(&encounter))), expected);
    check_lines(&format!("[null,{LINE}]"), "1 line", "");
    check_lines("\"\"", "none", "");
    check_lines("[]", "none", "");
    check_lines("\"见附件\"", "not asked", "fsi_order_dtos[0]未审查：不是对象");
    check_lines("[\"x\",7]", "not asked", "fsi_order_dtos[1]未审查：不是对象");
    check_lines(&format!("[{LINE},7]"), "1 line", "fsi_order_dtos[1]未审查：不是对象");
    let blank =
        encounter_json("[]").replace("\"fsi_diagnose_dtos\":[]", "\"fsi_diagnose_dtos\":\"\"");
    assert_eq!(facts_of(&message(&patient(&blank))).first().unwrap().diagnoses, Group::Empty);
    check_error(&message("\"\""), "C103");
}

#[track_caller]
fn check_lines(orders: &str, expected: &str, warning: &str) {
    let text = message(&patient(&encounter_json(orders)));
    let told = match &facts_of(&text).first().unwrap().orders {
        Group::Present(lines) => format!("{} line", lines.len()),
        Group::Empty => "none".to_owned(),
        Group::Absent => "not asked".to_owned(),
    };
    assert_eq!(told, expected, "{orders}");
    let answer = write_answer(&[judged(&text)], &Reply::default());
    assert!(answer.contains(warning), "{answer}");
}

#[test]
fn both_tables_of_titles_are_read() {
    for (code, title) in
        [("232", "副主任医师"), ("4", "副主任医师"), ("1", "医士"), ("主任医师", "主任医师")]
    {
        let line = LINE.replace("\"232\"", &format!("\"{code}\""));
        let facts = facts_of(&message(&patient(&encounter_json(&line))));
        let prescriber = facts.first().unwrap().prescriber.present().unwrap();
        assert_eq!(prescriber.title.map(Title::zh), Some(title), "{code}");
    }
}

/// 主任 wrote the first line, 住院医师 the second: each is asked for his own.
#[test]
fn each_line_has_its_own_doctor() {
    let line = |id: &str, drug: &str, code: &str, title: &str| {
        format!(
            r#"{{"rx_id":"{id}","hosplist_code":"{drug}","drord_dr_codg":"{code}","drord_dr_profttl":"{title}","curr_drord_flag":"1"}}"#
        )
    };
    let told = |lines: &[String]| {
        let stay = encounter_json(&format!("[{}]", lines.join(",")))
            .replace(r#""med_mdtrt_type":"1","med_type":"11""#, r#""med_mdtrt_type":"2""#);
        let verdict = judged(&message(&patient(&stay)));
        let of_rule = verdict.findings.iter().filter(|it| it.rule_id == "antimicrobial-tier");
        let hits = of_rule.map(|it| it.violating().map(|it| it.rx_id.clone()).collect());
        let open = verdict.unknown.iter().filter(|it| it.rule_id == "antimicrobial-tier");
        let open = open.map(|it| format!("unknown {}", it.missing.join(",")));
        hits.chain(open).collect::<Vec<String>>().join("; ")
    };
    let (tablet, strong) = ("YP000231", "YP000601");
    let senior = |id: &str, drug: &str| line(id, drug, "D1", "231");
    let junior = |id: &str, drug: &str| line(id, drug, "D2", "234");
    assert_eq!(told(&[senior("1", tablet), junior("2", strong)]), "2");
    assert_eq!(told(&[junior("1", tablet), senior("2", strong)]), "");
    assert_eq!(told(&[senior("1", tablet), senior("2", strong)]), "");
    let nameless = line("2", strong, "D2", "");
    assert_eq!(told(&[senior("1", tablet), nameless]), "unknown prescriber.drord_dr_profttl");
    let of_first = line("2", strong, "D1", "");
    assert_eq!(told(&[senior("1", tablet), of_first, junior("3", tablet)]), "");
}

/// 1 is drugs to take home here and a temporary order there: without a table nobody knows.
#[test]
fn a_code_of_a_stay_without_its_table_may_be_taken_home() {
    let rules = crate::pack::RuleSet::load(&schemas::Files::from_shipped(crate::SHIPPED)).unwrap();
    let told = |days: u32, code: &str, table: bool| {
        let line = format!(
            r#"{{"rx_id":"1","hosplist_code":"YPL001","hosplist_name":"硫酸吗啡缓释片","drord_bhvr":"{code}","curr_drord_flag":"1",
            "extend_order_map":{{"o_prdDays":"{days}"}}}}"#
        );
        let stay = encounter_json(&line)
            .replace(r#""med_mdtrt_type":"1","med_type":"11""#, r#""med_mdtrt_type":"2""#);
        let words = [("drord_bhvr", "0", "其他"), ("drord_bhvr", "1", "出院带药")];
        let region = Region::new(words.into_iter().filter(|_| table));
        let asked = read(&message(&patient(&stay)), Service::Before, &region).unwrap();
        let verdict = evaluate(&rules, asked.patients.first().unwrap(), NOW.parse().unwrap());
        let of = "narcotic-quantity";
        let hits = verdict.findings.iter().filter(|it| it.rule_id == of).map(|_| "hit".to_owned());
        let open = verdict.unknown.iter().filter(|it| it.rule_id == of);
        let open = open.map(|it| it.missing.join(","));
        hits.chain(open).collect::<Vec<String>>().join("; ")
    };
    assert_eq!(told(7, "1", true), "");
    assert_eq!(told(7, "0", true), "hit");
    assert_eq!(told(7, "1", false), "orders[1].drord_bhvr");
    assert_eq!(told(7, "出院带药", false), "");
    // It is right, or wrong, either way.
    assert_eq!(told(1, "1", false), "");
    assert_eq!(told(30, "1", false), "hit");
}

#[test]
fn the_lines_of_a_settlement_are_charges() {
    let rules = crate::pack::RuleSet::load(&schemas::Files::from_shipped(crate::SHIPPED)).unwrap();
    let told = |scenario: &str, begins: &str| {
        let line = LINE.replace("2026-05-15 09:25:00", begins);
        let stay = encounter_json(&line).replace(
            r#""med_mdtrt_type":"1","med_type":"11""#,
            r#""med_mdtrt_type":"2","adm_date":"2026-05-10 08:00:00","dscg_date":"2026-05-14 10:00:00""#,
        );
        let text = message(&patient(&stay))
            .replace(r#""trig_scen":"2""#, &format!(r#""trig_scen":"{scenario}""#));
        let asked = read(&text, Service::During, &Region::default()).unwrap();
        let verdict = evaluate(&rules, asked.patients.first().unwrap(), NOW.parse().unwrap());
        let of_both = |id: &str| ["fee-date", "settlement-lines"].contains(&id);
        let hits = verdict.findings.iter().filter(|it| of_both(&it.rule_id));
        let hits = hits.map(|it| format!("hit {}", it.rule_id));
        let open = verdict.unknown.iter().filter(|it| of_both(&it.rule_id));
        let open = open.map(|it| format!("{} {}", it.rule_id, it.missing.join(",")));
        let passed = verdict.passed.iter().filter(|it| of_both(it)).cloned();
        hits.chain(open).chain(passed).collect::<Vec<String>>().join("; ")
    };
    assert_eq!(told("6", "2026-05-13 09:25:00"), "fee-date; settlement-lines");
    assert_eq!(told("6", "2026-05-15 09:25:00"), "hit fee-date; settlement-lines");
    assert_eq!(told("6", ""), "hit settlement-lines; fee-date orders[RX0001-1].drord_begn_date");
    assert_eq!(told("4", "2026-05-15 09:25:00"), "");
}

#[test]
fn an_encounter_that_is_not_there_is_told() {
    let of = |named: &str| {
        let text = message_of_one_line()
            .replace(r#""curr_mdtrt_id":"MZ1""#, &format!(r#""curr_mdtrt_id":"{named}""#));
        let facts = facts_of(&text);
        let found = facts.first().unwrap().data_findings.iter();
        found.map(|it| format!("{} {} {}", it.code, it.path, it.found)).collect::<Vec<_>>()
    };
    assert_eq!(of("MZ1"), [""; 0]);
    assert_eq!(of(""), [""; 0]);
    assert_eq!(of("MZ9"), ["C311 patient_dtos.curr_mdtrt_id M***9"]);
}

#[test]
fn other_encounters_are_the_past() {
    let past = r#"{"mdtrt_id":"MZ0","med_mdtrt_type":"2","adm_date":"2026-04-01","dscg_date":"2026-04-09",
        "dscg_main_dise_codg":"I10.x00","fsi_order_dtos":{"rx_id":"P1","hosplist_code":"Y","cnt":"四"}}"#;
    let current = encounter_json(LINE);
    let facts = facts_of(&message(&patient(&format!("[{past},{current}]"))));
    let facts = facts.first().unwrap();
    let history = facts.history.present().unwrap();
    let order = history.orders.first().unwrap();
    assert_eq!((order.mdtrt_id.as_deref(), order.current), (Some("MZ0"), false));
    let stay = history.stays.first().unwrap();
    assert_eq!(stay.main_diagnosis.as_deref(), Some("I10.x00"));
    assert!(stay.ended.is_some() && history.since.is_none());
    assert_eq!(history.diagnoses.len(), 1);
    assert_eq!(facts.orders.present().unwrap().len(), 1);
    assert_eq!(facts.data_findings, [], "nobody corrects the past at the doctor's desk");
}

#[test]
fn what_was_taken_back_counts_no_more() {
    let of = |id: &str, quantity: &str| {
        LINE.replace("RX0001-1", id).replace("\"cnt\":\"4\"", &format!("\"cnt\":\"{quantity}\""))
    };
    check_taken_back(&[of("a", "4"), of("b", "-4")], "", "");
    check_taken_back(&[of("a", "4"), of("b", "-1")], "a 3 64.50", "");
    check_taken_back(&[of("a", "4"), of("b", "4"), of("c", "-5")], "a 3 64.50", "");
    check_taken_back(&[of("b", "-4"), of("a", "4")], "a 4 86.00", "C301 -4");
    check_taken_back(&[of("a", "4"), of("b", "-5")], "", "C301 -5");
}

#[track_caller]
fn check_taken_back(lines: &[String], expected: &str, doubted: &str) {
    let facts = facts_of(&message(&patient(&encounter_json(&format!("[{}]", lines.join(","))))));
    let orders = facts.first().unwrap().orders.present().unwrap();
    let left = orders.iter().filter(|it| !it.voided);
    let left =
        left.map(|it| format!("{} {} {}", it.rx_id, it.quantity.unwrap(), it.amount.unwrap()));
    assert_eq!(left.collect::<Vec<_>>().join(", "), expected);
    let doubts = facts.first().unwrap().data_findings.iter();
    let doubts: Vec<_> = doubts.map(|it| format!("{} {}", it.code, it.found)).collect();
    assert_eq!(doubts.join(", "), doubted);
}

#[test]
fn a_refund_without_prices_takes_back_no_more_than_it_is_for() {
    let of = |id: &str, quantity: &str| {
        let line = LINE.replace("RX0001-1", id).replace(r#""pric":21.50,"#, "");
        line.replace("\"cnt\":\"4\"", &format!("\"cnt\":\"{quantity}\""))
    };
    check_taken_back(&[of("a", "4"), of("b", "4"), of("c", "-4")], "a 4 86.00", "");
}

/// Whoever is still here repeats the day of admission; whoever settles has left.
#[test]
fn the_day_of_discharge_is_believed_where_somebody_leaves() {
    check_ended("4", "2026-05-10", "2026-05-10", "still here");
    check_ended("4", "2026-05-10 09:10:00", "2026-05-10", "still here");
    check_ended("9", "2026-05-10 09:10:00", "2026-05-10 09:10:00", "still here");
    check_ended("4", "2026-05-10", "2026-05-10 15:00:00", "2026-05-10T15:00:00");
    check_ended("4", "2026-05-10 09:10:00", "2026-05-11", "2026-05-11T00:00:00");
    check_ended("8", "2026-05-10", "2026-05-10", "2026-05-10T00:00:00");
    check_ended("08", "2026-05-10 09:10:00", "2026-05-10", "2026-05-10T09:10:00");
    check_ended("8", "2026-05-10", "", "still here");
}

#[track_caller]
fn check_ended(scenario: &str, adm_date: &str, dscg_date: &str, expected: &str) {
    let dates = format!(r#""adm_date":"{adm_date}","dscg_date":"{dscg_date}","medins_lv""#);
    let text = message_of_one_line().replace(r#""medins_lv""#, &dates);
    let text = text.replace(r#""trig_scen":"2""#, &format!(r#""trig_scen":"{scenario}""#));
    let facts = facts_of(&text);
    let ended = facts.first().unwrap().encounter.present().unwrap().ended;
    assert_eq!(ended.map_or("still here".to_owned(), |it| it.to_string()), expected);
}

/// Several scenes at once are one check, of the scene that the visit says, and the caller reads so.
#[test]
fn several_scenes_at_once_are_told_of() {
    for (scenario, told) in [("2", false), ("2,7", true), ("23", true), ("10", false)] {
        let text = message_of_one_line();
        let text = text.replace(r#""trig_scen":"2""#, &format!(r#""trig_scen":"{scenario}""#));
        let verdict = judged(&text);
        let answer = write_answer(&[verdict], &Reply::default());
        assert_eq!(answer.contains("其余场景未审查"), told, "{scenario}: {answer}");
    }
}

#[test]
fn settlement_is_a_scene_of_its_own() {
    for (scenario, scene) in [
        ("2", Scene::Outpatient),
        ("4", Scene::Outpatient),
        ("6", Scene::Settlement),
        ("07", Scene::PreSettlement),
        ("8", Scene::Settlement),
        ("2,7", Scene::Outpatient),
        ("23", Scene::Outpatient),
    ] {
        let text = message_of_one_line();
        let text = text.replace("\"trig_scen\":\"2\"", &format!("\"trig_scen\":\"{scenario}\""));
        assert_eq!(facts_of(&text).first().unwrap().scene(), Some(scene), "{scenario}");
    }
}

#[test]
fn several_patients_are_told_apart_in_what_was_not_judged() {
    let one = judged(&message_of_one_line());
    let other = judged(&message_of_one_line().replace("\"99\"", "\"98\""));
    let answer = write_answer(&[one, other], &Reply::default());
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let of = |at: usize| answer["output"]["unjudged"][at]["patn_id"].clone();
    assert_eq!([of(0), of(1)], ["99", "98"]);
    assert_eq!(answer["warn_msg"], "门急诊处方用量未审查：缺少单次剂量");
}

#[test]
fn a_finding_about_the_visit_has_a_detail_too() {
    let mut verdict = judged(&message_of_one_line());
    verdict.findings.iter_mut().for_each(|it| it.lines.clear());
    let answer = write_answer(&[verdict], &Reply::default());
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let detail = &answer["output"]["result"][0]["judge_result_detail_dtos"][0];
    assert_eq!((&detail["rx_id"], &detail["vola_item_type"]), (&"".into(), &"1".into()));
}

fn message_of_one_line() -> String {
    message(&patient(&encounter_json(LINE)))
}

fn facts_of(text: &str) -> Vec<Facts> {
    read(text, Service::Before, &Region::default()).unwrap().patients
}

fn judged(text: &str) -> Verdict {
    let facts = facts_of(text);
    evaluate(&starter(), facts.first().unwrap(), NOW.parse().unwrap())
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let codes: Vec<_> = read(text, Service::Before, &Region::default())
        .unwrap_err()
        .iter()
        .map(|f| f.code)
        .collect();
    assert_eq!(codes, [expected]);
}

/// One message with three faults: not one of them is passed over.
#[test]
fn what_is_asked_and_what_is_doubted_is_told() {
    let line = |id: &str, code: &str, name: &str, count: &str| {
        format!(
            r#"{{"rx_id":"{id}","rxno":"R","hilist_code":"{code}","hilist_name":"{name}","cnt":"{count}","pric":"10","sumamt":"10",
            "drord_begn_date":"2026-05-15 09:25:00","curr_drord_flag":"1"}}"#
        )
    };
    let lines = format!(
        "[{},{}]",
        line("A", "XJ01MAM122B002010101600", "盐酸莫西沙星注射液", "-3"),
        line("B", "XS01EEQ092G010010101322", "曲伏前列素滴眼液", "1"),
    );
    let message = message(&patient(&encounter_json(&lines)).replace("1960-01-01", "2030-01-01"));
    let facts = facts_of(&message).remove(0);
    let verdict = evaluate(&crate::RuleSet::shipped().unwrap(), &facts, NOW.parse().unwrap());
    let hits: Vec<_> = verdict.findings.iter().map(|it| it.rule_id.clone()).collect();
    let answer: serde_json::Value =
        serde_json::from_str(&write_answer(&[verdict], &Reply::default())).unwrap();
    let said = answer["warn_msg"].as_str().unwrap();
    for told in [
        "请核对出生日期：2***1",
        "请核对明细A的数量：-3",
        "请补充医师对限定条件的确认，用于审查药品限二线使用",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let lists = ["data_findings", "questions", "unknown"].map(|list| {
        let entries = answer["output"][list].as_array().unwrap().iter();
        let shown = entries.map(|it| {
            let name = if list == "data_findings" { &it["path"] } else { &it["rule_id"] };
            name.as_str().unwrap().to_owned()
        });
        shown.collect::<Vec<_>>().join(" ")
    });
    assert_eq!(lists[0], "orders[A].cnt patient.brdy");
    assert!(lists[1].contains("fund-second-line"), "{answer}");
    // The drug is judged all the same, with what is known of it.
    assert!(lists[2].contains("prescription-days"), "{answer}");
    assert_eq!(hits, ["completeness"]);
}
