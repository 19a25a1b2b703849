//! Records in their order, and the past that is left of them.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::Value;

use super::*;
use crate::facts::{Diagnosis, Encounter, Facts, Group, History, LabResult, Order};
use crate::work::steps_of;

const DRUG: &str = r#"outpatient_prescription R1 {"rxno":"CF1","rx_srt_no":1,"rx_detl_id":"YP1","rx_detl_name":"氨氯地平",
    "medc_days":7,"cnt":2,"drug_used_sdose":5,"rx_prsc_time":"20260501090000","mdtrt_sn":"MZ1"}"#;

#[test]
fn a_line_that_came_again_stands_once_and_a_void_takes_it_back() {
    check(&[DRUG], None, "CF1-1 YP1 x2 7d 2026-05-01");
    check(&[DRUG, &DRUG.replace("\"cnt\":2", "\"cnt\":1")], None, "CF1-1 YP1 x1 7d 2026-05-01");
    let void = DRUG.replace("\"mdtrt_sn\"", "\"vali_flag\":\"0\",\"mdtrt_sn\"");
    check(&[DRUG, &void], None, "");
    check(&[DRUG, &void, DRUG], None, "CF1-1 YP1 x2 7d 2026-05-01");
    // Under another key, but the same order of the same encounter.
    check(&[DRUG, &DRUG.replace(" R1 ", " R2 ")], None, "CF1-1 YP1 x2 7d 2026-05-01");
}

#[test]
fn an_order_that_was_stopped_keeps_the_days_it_ran() {
    let order = r#"inpatient_order O1 {"drord_no":"D1","drord_detl_code":"YP2","medc_days":10,
        "drord_begntime":"20260501080000","drord_endtime":"20260504090000","vali_flag":"1"}"#;
    check(&[order], None, "D1 YP2 x? 3d 2026-05-01");
    check(&[&order.replace("0504", "0501")], None, "D1 YP2 x? 1d 2026-05-01");
    check(&[&order.replace("0504", "0530")], None, "D1 YP2 x? 10d 2026-05-01");
    // Stopped before its planned end.
    let planned =
        order.replace("\"vali_flag\"", "\"medc_endtime\":\"20260509090000\",\"vali_flag\"");
    check(&[&planned], None, "D1 YP2 x? 3d 2026-05-01");
    check(&[&planned.replace("0509", "0503")], None, "D1 YP2 x? 2d 2026-05-01");
    // What ended before it began was never filled in.
    check(&[&planned.replace("20260504", "19000101")], None, "D1 YP2 x? 8d 2026-05-01");
    // One that does not say when it began had begun when it was stopped.
    let undated = order.replace(r#""drord_begntime":"20260501080000","#, "");
    check(&[&undated.replace("0504", "0430")], None, "D1 YP2 x? 1d 2026-04-30");
    check(&[&undated.replace("20260504", "19000101")], None, "D1 YP2 x? 10d 2026-05-02");
}

#[test]
fn what_was_ordered_and_charged_counts_once() {
    let fee = r#"fee_detail_outpatient F1 {"feedetl_sn":"F1","rxno":"CF1","medins_list_codg":"YP1",
        "med_list_codg":"XC08CAA","cnt":2,"fee_ocur_time":"20260501100000"}"#;
    check(&[DRUG, fee], None, "CF1-1 YP1 x2 7d 2026-05-01");
    check(&[fee], None, "F1 YP1 x2 ?d 2026-05-01");
    let back = r#"fee_detail_outpatient F2 {"feedetl_sn":"F2","init_feedetl_sn":"F1","cnt":-1,
        "fee_ocur_time":"20260502100000"}"#;
    check(&[DRUG, fee, back], None, "CF1-1 YP1 x1 7d 2026-05-01");
    check(&[DRUG, fee, &back.replace("-1", "-2")], None, "");
    // Of a service the charges know the days.
    let service = r#"inpatient_order O2 {"drord_no":"D2","drord_detl_code":"HL1","drord_begntime":"20260501080000"}"#;
    let day = |id: &str, day: &str| {
        format!(
            r#"fee_detail_inpatient {id} {{"feedetl_sn":"{id}","drord_no":"D2","medins_list_codg":"HL1",
            "med_list_codg":"110200","cnt":1,"fee_ocur_time":"{day}"}}"#
        )
    };
    check(
        &[service, &day("F3", "20260501"), &day("F4", "20260502")],
        None,
        "F3 HL1 x1 ?d 2026-05-01; F4 HL1 x1 ?d 2026-05-02",
    );
}

/// The drug and what carries it are two lines under one number.
#[test]
fn the_lines_of_one_infusion_share_a_number() {
    let line = |detail: &str, code: &str| {
        format!(
            r#"inpatient_order {detail} {{"drord_no":"D1","medcas_drord_detl_id":"{detail}","drord_detl_code":"{code}",
            "drug_used_sdose":1,"dismed_cnt":3,"drord_begntime":"20260501080000"}}"#
        )
    };
    let (drug, carrier) = (line("L1", "YP1"), line("L2", "YP2"));
    let both = "D1 YP1 x3 ?d 2026-05-01; D1 YP2 x3 ?d 2026-05-01";
    check(&[&drug, &carrier], None, both);
    check(
        &[&drug, &carrier, &drug.replace(" L1 ", " L9 ")],
        None,
        "D1 YP2 x3 ?d 2026-05-01; D1 YP1 x3 ?d 2026-05-01",
    );
    let fee = |id: &str, count: &str| {
        format!(
            r#"fee_detail_inpatient {id} {{"feedetl_sn":"{id}","drord_no":"D1","medins_list_codg":"YP1",
            "cnt":{count},"fee_ocur_time":"20260501100000"}}"#
        )
    };
    let back = [drug.as_str(), &carrier, &fee("F1", "3"), &fee("F2", "-2")];
    check(&back, None, "D1 YP1 x1 ?d 2026-05-01; D1 YP2 x3 ?d 2026-05-01");
}

#[test]
fn an_admission_and_its_discharge_are_one_stay_and_none_of_its_own() {
    let admission = r#"inpatient_admission A1 {"ipt_no":"ZY1","mdtrt_id":"YB1","begntime":"20260401090000",
        "adm_diag_code":"I10","adm_dept_codg":"03"}"#;
    let discharge =
        r#"inpatient_discharge A2 {"mdtrt_id":"YB1","endtime":"20260409","dscg_way":"2"}"#;
    check(&[admission], None, "stay YB1 2026-04-01..");
    check(&[admission, discharge], None, "stay YB1 2026-04-01..2026-04-09 transferred");
    check(&[admission, discharge], Some("ZY1"), "");
    let of_stay = DRUG.replace("MZ1", "ZY1");
    let lines = [admission, of_stay.as_str()];
    let of_stay = |it| check_in(&lines, "ZY1", it, "CF1-1 YP1 x2 7d 2026-05-01");
    of_stay(Some("YB1"));
}

#[test]
fn a_placeholder_does_not_make_one_stay_of_two() {
    let stay = |id: &str, number: &str, day: &str| {
        let record = format!(
            r#"inpatient_admission {id} {{"ipt_no":"{number}","mdtrt_id":"{id}","begntime":"{day}","adm_diag_code":"I10"}}"#
        );
        noted(&[&record], id)
    };
    let shown_of = |number: &str| {
        let both = [stay("YB1", number, "20260301"), stay("YB2", number, "20260401")].concat();
        shown(&gather(both, None))
    };
    for number in ["0", "未知", "000000"] {
        assert_eq!(shown_of(number), "stay YB1 2026-03-01..; stay YB2 2026-04-01..", "{number}");
    }
    assert_eq!(shown_of("ZY7"), "stay YB2 2026-04-01..");
}

#[test]
fn results_have_the_day_of_their_report() {
    let result =
        r#"lab_report_item L1 {"rpotc_no":"RP1","exam_item_detl_code":"CR","exam_rslt_val":90}"#;
    let report = r#"lab_report L0 {"rpotc_no":"RP1","rpt_date":"20260430","vali_flag":"1"}"#;
    check(&[result], None, "lab CR 90 2026-05-02");
    check(&[result, report], None, "lab CR 90 2026-04-30");
    check(&[result, report, &report.replace("\"1\"", "\"0\"")], None, "");
}

#[test]
fn a_first_use_is_told_when_its_line_is_gone() {
    let first =
        r#"first X {"rx_detl_id":"YP1","rx_detl_name":"氨氯地平","rx_prsc_time":"20200101"}"#;
    check(&[first], None, "1 YP1 x? ?d 2020-01-01");
    check(&[first, DRUG], None, "1 YP1 x? ?d 2020-01-01; CF1-1 YP1 x2 7d 2026-05-01");
    check(
        &[&first.replace("20200101", "20260501100000"), DRUG],
        None,
        "CF1-1 YP1 x2 7d 2026-05-01",
    );
}

#[test]
fn allergies_and_diagnoses() {
    let visit =
        r#"outpatient_registration V1 {"mdtrt_sn":"MZ1","algs":"青霉素","begntime":"20260501"}"#;
    let diagnosis =
        r#"outpatient_diagnosis G1 {"diag_code":"I10","diag_name":"高血压待查","mdtrt_sn":"MZ1"}"#;
    check(
        &[visit, visit, diagnosis],
        None,
        "stay MZ1 2026-05-01..; diagnosis I10 suspected 2026-05-02; allergy 青霉素",
    );
    check(&[visit, diagnosis], Some("MZ1"), "allergy 青霉素");
}

#[test]
fn what_the_caller_sent_is_not_counted_twice() {
    let kept = "CF1-1 YP1 x2 7d 2026-05-01";
    merged(r#"{"rx_id":"9","hosplist_code":"YP9"}"#, kept);
    merged(r#"{"rx_id":"CF1-1","hosplist_code":"YP9"}"#, "");
    merged(r#"{"rx_id":"1","rxno":"CF1","hosplist_code":"YP1"}"#, "");
    merged(r#"{"rx_id":"1","rxno":"CF2","hosplist_code":"YP1"}"#, kept);
    merged(
        r#"{"rx_id":"7","hosplist_code":"YP1","cnt":2,"drord_begn_date":"20260501090000","curr_drord_flag":"0"}"#,
        "",
    );
    merged(
        r#"{"rx_id":"7","hosplist_code":"YP1","cnt":3,"drord_begn_date":"20260501090000"}"#,
        kept,
    );
}

#[test]
fn what_the_caller_sent_as_past_is_not_counted_twice() {
    let left = |sent: &str| {
        let text = format!(r#"{{"history":{{"orders":[{{"mdtrt_id":"MZ1",{sent}}}]}}}}"#);
        let mut facts = crate::request::read(&text).unwrap();
        merge(&gather(noted(&[DRUG], "MZ1"), Some("MZ1")), None, &mut facts);
        facts.history.present().unwrap().orders.len()
    };
    assert_eq!(left(r#""rx_id":"CF1-1","hosplist_code":"YP9""#), 1);
    assert_eq!(left(r#""rx_id":"1","rxno":"CF1","hosplist_code":"YP1""#), 1);
    assert_eq!(left(r#""rx_id":"1","rxno":"CF2","hosplist_code":"YP1""#), 2);
}

/// A ward order is asked about again and again, by the number of the order or by that of its line.
#[test]
fn a_ward_order_that_is_asked_about_again_stands_once() {
    let order = r#"inpatient_order L1 {"drord_no":"D1","medcas_drord_detl_id":"L1","drord_detl_code":"YP1",
        "drug_used_sdose":1,"dismed_cnt":3,"drord_begntime":"20260501080000"}"#;
    let fee = |id: &str, count: &str, day: &str| {
        format!(
            r#"fee_detail_inpatient {id} {{"feedetl_sn":"{id}","drord_no":"D1","medins_list_codg":"YP1",
            "cnt":{count},"fee_ocur_time":"202605{day}100000"}}"#
        )
    };
    let (given, back) = (fee("F1", "3", "01"), fee("F2", "-2", "02"));
    let refunded = [order, &given, &back];
    let line = r#"{"rx_id":"L1","hosplist_code":"YP1","cnt":3,"drord_begn_date":"20260501080000"}"#;
    assert_eq!(beside(&refunded, line), "");
    assert_eq!(beside(&refunded, &line.replace("L1", "7")), "", "of what was ordered");
    assert_eq!(beside(&[order], &line.replace(":3,", ":5,")), "", "changed since");
    assert_eq!(beside(&[order], &line.replace("0501080000", "0501093000")), "");
    let other = line.replace("YP1", "YP2");
    assert_eq!(beside(&refunded, &other), "D1 YP1 x1 ?d 2026-05-01");
    assert_eq!(
        beside(&[order], &line.replace("L1", "7").replace(":3,", ":5,")),
        "D1 YP1 x3 ?d 2026-05-01"
    );
    let elsewhere = line.replace('{', r#"{"mdtrt_id":"ZY0","#).replace("080000", "090000");
    assert_eq!(beside(&[order], &elsewhere), "D1 YP1 x3 ?d 2026-05-01");
}

/// Of a service the charges are kept: the one of the order's own day is what is asked about.
#[test]
fn a_service_that_was_charged_is_not_there_beside_its_order() {
    let order = r#"inpatient_order L2 {"drord_no":"D2","medcas_drord_detl_id":"L2","drord_detl_code":"HL1",
        "drord_begntime":"20260501080000"}"#;
    let fee = |id: &str, day: &str| {
        format!(
            r#"fee_detail_inpatient {id} {{"feedetl_sn":"{id}","drord_no":"D2","medins_list_codg":"HL1",
            "med_list_codg":"110200","cnt":1,"fee_ocur_time":"202605{day}100000"}}"#
        )
    };
    let (first, second) = (fee("F3", "01"), fee("F4", "02"));
    let asked = r#"{"rx_id":"L2","hosplist_code":"HL1","drord_begn_date":"20260501080000"}"#;
    for rx_id in ["L2", "D2"] {
        let asked = asked.replace("L2", rx_id);
        assert_eq!(beside(&[order, &first, &second], &asked), "F4 HL1 x1 ?d 2026-05-02", "{rx_id}");
    }
    // Before the record of the order is there, its charge names the order.
    assert_eq!(beside(&[&first, &second], &asked.replace("L2", "D2")), "F4 HL1 x1 ?d 2026-05-02");
    let both = "F3 HL1 x1 ?d 2026-05-01; F4 HL1 x1 ?d 2026-05-02";
    assert_eq!(beside(&[order, &first, &second], &asked.replace("L2", "9")), both);
    assert_eq!(beside(&[order, &first, &second], &asked.replace("HL1", "HL2")), both);
}

/// What is left of the records of a stay beside a line that is asked about in it.
fn beside(records: &[&str], line: &str) -> String {
    let text = format!(r#"{{"encounter":{{"mdtrt_id":"ZY1"}},"orders":[{line}]}}"#);
    let mut facts = crate::request::read(&text).unwrap();
    merge(&gather(noted(records, "ZY1"), Some("ZY1")), None, &mut facts);
    shown(facts.history.present().unwrap())
}

/// What was told before lists were bounded is still read: pair by pair this would take minutes.
#[test]
fn very_much_that_was_told_is_gathered_and_merged_once() {
    let text = |it: usize| Some(format!("n{it}"));
    let allergies = (0..20_000).map(|it| Allergy { text: text(it), ..Allergy::default() });
    let diagnoses =
        (0..20_000).map(|it| Diagnosis { code: text(it), name: text(1), ..Diagnosis::default() });
    let labs = (0..20_000).map(|it| LabResult { code: text(it), ..LabResult::default() });
    let told = |of_check: bool| {
        let asked = of_check.then(|| Note::Asked("2026-05-01".parse().unwrap()));
        let notes = asked
            .into_iter()
            .chain([Note::Allergies(allergies.clone().collect())])
            .chain(diagnoses.clone().map(Note::Diagnosis))
            .chain(labs.clone().map(|it| Note::Lab(it, None)));
        Noted { identity: of_check.into(), encounter: "MZ1".to_owned(), notes: notes.collect() }
    };
    let history = gather(vec![told(false), told(true)], None);
    let counts = |it: &History| (it.allergies.len(), it.diagnoses.len(), it.labs.len());
    assert_eq!(counts(&history), (20_000, 20_000, 20_000));
    let lines = (0..5_000).map(|it| Order { rx_id: it.to_string(), ..order_of("YP1", it) });
    let kept = History { orders: lines.map(Arc::new).collect(), ..history };
    let sent = (5_000..10_000).map(|it| order_of("YP1", it)).collect();
    let mut facts = Facts { orders: Group::Present(sent), ..Facts::default() };
    facts.history = Group::Present(History { orders: vec![], ..kept.clone() });
    merge(&kept, None, &mut facts);
    let merged = facts.history.present().unwrap();
    assert_eq!((counts(merged), merged.orders.len()), ((20_000, 20_000, 20_000), 5_000));
}

fn order_of(item: &str, number: i32) -> Order {
    let quantity = Some(Decimal::from(number));
    Order { hospital_code: Some(item.to_owned()), quantity, ..Order::default() }
}

#[test]
fn diagnoses_of_a_check_are_the_same_by_code_and_without_one_by_name() {
    let told = |code: &str, name: &str| {
        let text = |it: &str| (!it.is_empty()).then(|| it.to_owned());
        Note::Diagnosis(Diagnosis { code: text(code), name: text(name), ..Diagnosis::default() })
    };
    let check = |record: Note, asked: Note, expected: usize| {
        let asked = vec![Note::Asked("2026-05-01".parse().unwrap()), asked];
        let of = |identity, notes| Noted { identity, encounter: "MZ1".to_owned(), notes };
        let history = gather(vec![of(1, vec![record.clone()]), of(2, asked)], None);
        assert_eq!(history.diagnoses.len(), expected, "{record:?}");
    };
    check(told("I10", "高血压"), told("I10", "血压高"), 1);
    check(told("I10", "高血压"), told("I11", "高血压"), 2);
    check(told("I10", "高血压"), told("", "高血压"), 1);
    check(told("", "高血压"), told("I10", "高血压"), 1);
    check(told("", "高血压"), told("", "高血压"), 1);
    check(told("I10", ""), told("", ""), 2);
}

#[test]
fn placeholders_name_nobody() {
    for (text, expected) in [("P1", true), ("0", false), ("000000", false), ("null", false)] {
        let elements = serde_json::json!({ "patn_id": text });
        assert_eq!(who_is_it_about(&elements).patn_id.is_some(), expected, "{text}");
    }
}

#[track_caller]
fn merged(order: &str, expected: &str) {
    let text = format!(r#"{{"encounter":{{"mdtrt_id":"MZ1"}},"orders":[{order}]}}"#);
    let mut facts = crate::request::read(&text).unwrap();
    merge(&gather(noted(&[DRUG], "MZ1"), Some("MZ1")), None, &mut facts);
    assert_eq!(shown(facts.history.present().unwrap()), expected, "{order}");
    let sent = r#"{"rx_id":"S1","hosplist_code":"YP5"}"#;
    let text = format!(r#"{{"history":{{"since":"20260101","orders":[{sent}]}}}}"#);
    let mut facts = crate::request::read(&text).unwrap();
    let since = Some("2025-06-01".parse().unwrap());
    merge(&History::default(), since, &mut facts);
    let history = facts.history.present().unwrap();
    assert_eq!((history.orders.len(), history.since), (1, since));
    let undated = text.replace(r#""since":"20260101","#, "");
    let mut other = crate::request::read(&undated).unwrap();
    merge(&History::default(), since, &mut other);
    assert_eq!(other.history.present().unwrap().since, since, "the agent knows since when");
    let _: Facts = Facts { encounter: Group::Present(Encounter::default()), ..facts };
}

#[track_caller]
fn check(records: &[&str], encounter: Option<&str>, expected: &str) {
    check_in(records, "MZ1", encounter, expected);
}

#[track_caller]
fn check_in(records: &[&str], lane: &str, encounter: Option<&str>, expected: &str) {
    assert_eq!(shown(&gather(noted(records, lane), encounter)), expected);
}

/// `entity key elements`; the key stands for the record's identity.
pub(super) fn noted(records: &[&str], lane: &str) -> Vec<Noted> {
    let received = "2026-05-02T08:00:00".parse().unwrap();
    let noted = records.iter().map(|record| {
        let (entity, rest) = record.split_once(' ').unwrap();
        let (key, elements) = rest.split_once(' ').unwrap();
        let elements: Value = serde_json::from_str(elements).unwrap();
        let identity = key.bytes().fold(0, |sum, byte| sum * 256 + u64::from(byte));
        let notes = match entity {
            "first" => match notes_of("outpatient_prescription", &elements, received).remove(0) {
                Note::Order(first) => vec![Note::First(first)],
                other => panic!("{other:?}"),
            },
            entity => notes_of(entity, &elements, received),
        };
        Noted { identity, encounter: lane.to_owned(), notes }
    });
    noted.collect()
}

fn shown(history: &History) -> String {
    let day = |it: Option<DateTime>| it.map(|it| it.date().to_string()).unwrap_or_default();
    let mut parts = Vec::new();
    for it in &history.orders {
        let code = it.hospital_code.as_deref().unwrap_or("?");
        let number =
            |it: Option<Decimal>| it.map_or("?".to_owned(), |it| it.normalize().to_string());
        let (quantity, days) = (number(it.quantity), number(it.days));
        parts.push(format!("{} {code} x{quantity} {days}d {}", it.rx_id, day(it.begins)));
    }
    for it in &history.stays {
        let transferred = if it.transferred == Some(true) { " transferred" } else { "" };
        let id = it.mdtrt_id.as_deref().unwrap_or("?");
        parts.push(format!("stay {id} {}..{}{transferred}", day(it.began), day(it.ended)));
    }
    for it in &history.diagnoses {
        let doubt = if it.suspected { " suspected" } else { "" };
        let made = it.made.map(|it| it.to_string()).unwrap_or_default();
        parts.push(format!("diagnosis {}{doubt} {made}", it.code.as_deref().unwrap_or("?")));
    }
    for it in &history.allergies {
        parts.push(format!("allergy {}", it.text.as_deref().unwrap_or("?")));
    }
    for it in &history.labs {
        let value = it.value.map_or(String::new(), |it| it.normalize().to_string());
        let code = it.code.as_deref().unwrap_or("?");
        parts.push(format!("lab {code} {value} {}", day(it.reported)));
    }
    parts.join("; ")
}

const ASKED: &str = r#"{"patient":{"patn_id":"P1","wt":"62"},"encounter":{"mdtrt_id":"MZ1"},
    "diagnoses":[{"dise_codg":"E11","dise_name":"糖尿病"}],"allergies":[{"algs":"磺胺"}],
    "labs":[{"exam_item_detl_code":"CR","exam_rslt_val":"90","rpt_date":"20260501080000"}],
    "orders":[{"rx_id":"R1","hosplist_code":"YP1","cnt":2}]}"#;

#[test]
fn a_check_tells_of_the_person_and_orders_nothing() {
    let told = "diagnosis E11 2026-05-01; allergy 磺胺; lab CR 90 2026-05-01";
    told_by_checks(&[ASKED], &[], "MZ2", told);
    told_by_checks(&[ASKED, ASKED], &[], "MZ2", told);
    // Of its own encounter the caller says the diagnoses itself.
    told_by_checks(
        &[ASKED],
        &[],
        "MZ1",
        "allergy 磺胺; lab CR 90 2026-05-01; weight 62 2026-05-01",
    );
    let other = ASKED.replace("E11", "I10").replace(r#"[{"algs":"磺胺"}]"#, r#"{"algs":"无"}"#);
    let other = other.replace("\"90\"", "\"95\"").replace("0501080000", "0502080000");
    let both = "diagnosis I10 2026-05-01; allergy 磺胺; lab CR 90 2026-05-01; lab CR 95 2026-05-02";
    told_by_checks(&[ASKED, &other.replace(r#""allergies":{"algs":"无"},"#, "")], &[], "MZ2", both);
    // Without an encounter only what is the person's own.
    let nowhere = ASKED.replace(r#""encounter":{"mdtrt_id":"MZ1"},"#, "");
    told_by_checks(&[&nowhere], &[], "MZ2", "allergy 磺胺; lab CR 90 2026-05-01");
}

#[test]
fn a_record_takes_the_place_of_what_a_check_told() {
    let diagnosis = r#"outpatient_diagnosis G1 {"diag_code":"E11","mdtrt_sn":"MZ1"}"#;
    let rest = "allergy 磺胺; lab CR 90 2026-05-01";
    let of_record = format!("diagnosis E11 2026-05-02; {rest}");
    told_by_checks(&[ASKED], &[diagnosis], "MZ2", &of_record);
    let void = diagnosis.replace("\"mdtrt_sn\"", "\"vali_flag\":\"0\",\"mdtrt_sn\"");
    told_by_checks(&[ASKED], &[diagnosis, &void], "MZ2", rest);
    let changed = diagnosis.replace("E11", "E10");
    let changed_to = format!("diagnosis E10 2026-05-02; {rest}");
    told_by_checks(&[ASKED], &[diagnosis, &changed], "MZ2", &changed_to);
    let result =
        r#"lab_report_item L1 {"rpotc_no":"RP1","exam_item_detl_code":"CR","exam_rslt_val":90}"#;
    let once = "diagnosis E11 2026-05-01; allergy 磺胺; lab CR 90 2026-05-02";
    told_by_checks(&[ASKED], &[result], "MZ2", once);
    let report = r#"lab_report L0 {"rpotc_no":"RP1","rpt_date":"20260501","vali_flag":"0"}"#;
    told_by_checks(&[ASKED], &[result, report], "MZ2", "diagnosis E11 2026-05-01; allergy 磺胺");
}

#[test]
fn an_order_counts_when_it_goes_on_until_a_record_tells_of_it() {
    let rest = "diagnosis E11 2026-05-01; allergy 磺胺; lab CR 90 2026-05-01";
    let counted = format!("R1 YP1 x2 ?d 2026-05-01; {rest}");
    let mut known = kept(&[ASKED]);
    assert!(!answered(&mut known, &["R9".to_owned()], true));
    assert!(answered(&mut known, &["R1".to_owned()], true));
    told(&known, &[], "MZ2", &counted);
    // It is asked about once more, as it is or as another drug.
    let ask = |text: &str| seen_in(text).onto(&known);
    told(&ask(ASKED), &[], "MZ2", &counted);
    told(&ask(&ASKED.replace("YP1", "YP2")), &[], "MZ2", rest);
    told(&ask(&ASKED.replace("\"cnt\":2", "\"void_flag\":\"1\",\"cnt\":2")), &[], "MZ2", rest);
    // Its record is under another number, came before or comes later, and may be void.
    let of_record = format!("CF1-1 YP1 x2 7d 2026-05-01; {rest}");
    told(&known, &[DRUG], "MZ2", &of_record);
    let void = DRUG.replace("\"mdtrt_sn\"", "\"vali_flag\":\"0\",\"mdtrt_sn\"");
    told(&known, &[DRUG, &void], "MZ2", rest);
    assert!(answered(&mut known, &["R1".to_owned()], false));
    told(&known, &[], "MZ2", rest);
}

/// Asked under an id that nobody knew yet, answered, and asked once more under its patient.
#[test]
fn what_stands_in_two_places_is_one_and_an_answer_holds() {
    let rest = "diagnosis E11 2026-05-01; allergy 磺胺; lab CR 90 2026-05-01";
    let (mut early, late) = (kept(&[ASKED]), kept(&[ASKED]));
    answered(&mut early, &["R1".to_owned()], true);
    let counted = format!("R1 YP1 x2 ?d 2026-05-01; {rest}");
    told(&told_in_all([early.clone(), late].concat()), &[], "MZ2", &counted);
    let other = kept(&[&ASKED.replace("YP1", "YP2")]);
    told(&told_in_all([early, other].concat()), &[], "MZ2", rest);
}

#[test]
fn what_was_asked_later_was_not_known_then() {
    let known = |at: &str| {
        let then = known_at(kept(&[ASKED]), at.parse().unwrap());
        shown(&gather(then, Some("MZ2")))
    };
    assert_eq!(known("2026-04-30T23:59:59"), "");
    assert!(known("2026-05-01T23:59:59").contains("allergy 磺胺"));
}

#[test]
fn a_sale_counts_when_nothing_else_tells_of_it() {
    let sale = r#"drug_sale S1 {"rtal_docno":"D1","fixmedins_bchno":"B1","fixmedins_hilist_id":"YP1",
        "med_list_codg":"NMLC999","rxno":"CF1","sel_retn_cnt":2,"sel_retn_time":"20260501110000","mdtrt_sn":"MZ1"}"#;
    check(&[sale], None, "D1-B1 YP1 x2 ?d 2026-05-01");
    check(&[sale, DRUG], None, "CF1-1 YP1 x2 7d 2026-05-01");
    let fee = r#"fee_detail_outpatient F1 {"feedetl_sn":"F1","medins_list_codg":"YP1","cnt":2,
        "fee_ocur_time":"20260501100000"}"#;
    check(&[fee, sale], None, "F1 YP1 x2 ?d 2026-05-01");
    let back = sale.replace("S1", "S2").replace("D1", "D2").replace(":2,", ":-2,");
    check(&[sale, &back], None, "D1-B1 YP1 x2 ?d 2026-05-01; D2-B1 YP1 x-2 ?d 2026-05-01");
}

#[test]
fn operations_of_the_encounter_are_filled_in() {
    let operation =
        r#"operation O1 {"oprn_oprt_code":"51.23","oprn_oprt_name":"胆囊切除","mdtrt_sn":"MZ1"}"#;
    let filled = |encounter: &str, sent: &str| {
        let text = format!(r#"{{"encounter":{{"mdtrt_id":"{encounter}"}}{sent}}}"#);
        let mut facts = crate::request::read(&text).unwrap();
        merge(&gather(noted(&[operation], "MZ1"), Some(encounter)), None, &mut facts);
        let codes = facts.surgeries.present().into_iter().flatten();
        codes.filter_map(|it| it.code.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(filled("MZ1", ""), "51.23");
    assert_eq!(filled("MZ2", ""), "");
    assert_eq!(filled("MZ1", r#","surgeries":[{"oprn_oprt_code":"47.01"}]"#), "47.01");
}

fn seen_in(check: &str) -> Seen {
    let asked = "2026-05-01T09:00:00".parse().unwrap();
    seen(crate::request::read(check).unwrap(), asked).unwrap()
}

fn kept(checks: &[&str]) -> Vec<Noted> {
    checks.iter().fold(Vec::new(), |known, it| seen_in(it).onto(&known))
}

#[track_caller]
fn told_by_checks(checks: &[&str], records: &[&str], from: &str, expected: &str) {
    told(&kept(checks), records, from, expected);
}

/// Checks stand before records, whenever they were asked.
#[track_caller]
fn told(kept: &[Noted], records: &[&str], from: &str, expected: &str) {
    let all = kept.iter().cloned().chain(noted(records, "MZ1")).collect();
    let history = gather(all, Some(from));
    let weight = history.weight.map(|(kg, day)| format!("; weight {kg} {}", day.unwrap()));
    assert_eq!(shown(&history) + &weight.unwrap_or_default(), expected);
}

/// A HIS that sends a line again and again, and a clinic that asks about hundreds: the work is in proportion
/// to what is kept, not to its square.
#[test]
fn ten_thousand_lines_are_no_hundred_million_comparisons() {
    let order = |at: usize, code: &str| {
        let order = Order {
            rx_id: format!("R{at}"),
            hospital_code: Some(format!("{code}{at}")),
            mdtrt_id: Some("MZ1".to_owned()),
            ..Order::default()
        };
        Arc::new(order)
    };
    let record = |identity: usize, notes: Vec<Note>| Noted {
        identity: identity as u64,
        encounter: "MZ1".to_owned(),
        notes,
    };
    let mut records = Vec::new();
    for at in 0..LINES {
        // Told, then told otherwise: the first is taken back.
        records.push(record(at, vec![Note::Order(order(at, "A"))]));
        records.push(record(at, vec![Note::Order(order(at, "B"))]));
        let lab = LabResult { code: Some("CR".to_owned()), ..LabResult::default() };
        let lab = LabResult { value: Some(Decimal::from(at)), ..lab };
        records.push(record(LINES + at, vec![Note::Lab(lab.clone(), None)]));
        let day = "2026-05-01".parse().unwrap();
        let found = Diagnosis { code: Some(format!("I{at}")), ..Diagnosis::default() };
        let notes = vec![
            Note::Asked(day),
            Note::Proposed(order(LINES + at, "C"), true),
            Note::Diagnosis(found),
            Note::Lab(LabResult { value: None, ..lab }, None),
        ];
        records.push(record(2 * LINES + at, notes));
        records.push(record(3 * LINES + at, vec![Note::Sale(order(2 * LINES + at, "D"))]));
    }
    let (past, steps) = steps_of(|| gather(records, Some("MZ1")));
    assert_eq!((past.orders.len(), past.labs.len()), (3 * LINES, LINES + 1));
    assert!(steps <= 12 * LINES as u64, "{steps} steps");
}

const LINES: usize = 10_000;
