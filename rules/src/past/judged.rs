//! The rules of stays and billing behaviour, judged by what records tell of an encounter: an audit has
//! no caller who sends what they need.

use jiff::civil::DateTime;
use schemas::Files;
use serde_json::Value;

use super::{Noted, as_of, merge, notes_of, who_is_it_about};
use crate::facts::{Group, History, Scene};
use crate::pack::RuleSet;
use crate::verdict::Verdict;

const ADMISSION: &str = r#"inpatient_admission A {"patn_id":"P1","ipt_no":"ZY1","mdtrt_id":"H1","gend":"2","brdy":"19680315",
    "begntime":"20260510080000","adm_dept_codg":"03","adm_dept_name":"心内科","atddr_no":"2046","adm_diag_code":"I63.9"}"#;
const DISCHARGE: &str =
    r#"inpatient_discharge D {"mdtrt_id":"H1","endtime":"20260516100000","dscg_way":"1"}"#;

#[test]
fn f16_six_days_of_tests_and_tablets() {
    let care: Vec<String> = (10..16).map(|day| fee(CARE, day)).collect();
    let mut stay: Vec<&str> = vec![ADMISSION, DISCHARGE];
    stay.extend(care.iter().map(String::as_str));
    let (bed, test) = (fee(BED, 10), fee(GLUCOSE, 11));
    stay.extend([bed.as_str(), &test]);
    let hit = "hit 住院6天仅有检验检查、常规项目与口服药，未见其他治疗";
    check(&stay, "ZY1", "low-stay", hit);
    let treatment = fee("003402000220000", 12);
    check(&[&stay[..], &[&treatment]].concat(), "ZY1", "low-stay", "pass");
    check(
        &[ADMISSION, DISCHARGE, &bed, &test, &treatment],
        "ZY1",
        "low-stay",
        "hit 住院6天中6天无护理或诊疗记录，疑似挂床",
    );
    check(&stay[..1], "ZY1", "low-stay", "unknown fees");
}

#[test]
fn f14_back_within_days_for_the_same_disease() {
    let (again, diagnosis) = (stay("2", 20), main_diagnosis("2", "I63.5", 21));
    let stays = [ADMISSION, DISCHARGE, &again, &diagnosis];
    let hit = "hit 出院4天再次入院，主诊断相同（I63.5），间隔少于15天";
    check(&stays, "ZY2", "split-stay-audit", hit);
    check(&stays, "ZY1", "split-stay-audit", "pass");
    let other = main_diagnosis("2", "I21.0", 21);
    check(&[ADMISSION, DISCHARGE, &again, &other], "ZY2", "split-stay-audit", "pass");
    // An admission that names no disease has the one that was found at its end.
    let unnamed = ADMISSION.replace("adm_diag_code", "adm_diag_dscr");
    let missing = "unknown history.stays[0].dise_codg";
    check(&[&unnamed, DISCHARGE, &again, &diagnosis], "ZY2", "split-stay-audit", missing);
    let found = main_diagnosis("1", "I63.9", 16);
    check(&[&unnamed, DISCHARGE, &found, &again, &diagnosis], "ZY2", "split-stay-audit", hit);
    let found = main_diagnosis("1", "I21.0", 16);
    check(&[&unnamed, &found, DISCHARGE, &again, &diagnosis], "ZY2", "split-stay-audit", "pass");
}

#[test]
fn f15_one_visit_too_many() {
    let visit = |day: i32| {
        format!(
            r#"outpatient_registration V{day} {{"patn_id":"P1","mdtrt_sn":"MZ{day}","mdtrt_id":"HM{day}","begntime":"202605{day}090000"}}"#
        )
    };
    let visits: Vec<String> = (10..27).map(visit).collect();
    let visits: Vec<&str> = visits.iter().map(String::as_str).collect();
    check(&visits, "MZ24", "frequent-outpatient", "pass");
    let hit = "hit 自然月内门诊第16次，超过15次（本院范围内）";
    check(&visits, "MZ25", "frequent-outpatient", hit);
    check(&visits, "HM25", "frequent-outpatient", hit);
    // A visit for an injection is of a course, whatever the visit is called.
    let injection = r#"fee_detail_outpatient F1 {"mdtrt_sn":"MZ12","feedetl_sn":"1","med_list_codg":"001204000010000",
        "cnt":1,"fee_ocur_time":"20260512100000"}"#;
    check(&[&visits[..], &[injection]].concat(), "MZ25", "frequent-outpatient", "pass");
    let stays: Vec<String> = (0..5).map(|it| stay(&it.to_string(), 10 + 4 * it)).collect();
    let stays: Vec<&str> = stays.iter().map(String::as_str).collect();
    check(&stays, "ZY3", "frequent-inpatient", "pass");
    let hit = "hit 自然季度内住院第5次，超过4次（本院范围内）";
    check(&stays, "ZY4", "frequent-inpatient", hit);
}

#[test]
fn f20_a_test_once_more_and_nothing_new() {
    let order = r#"inpatient_order O {"ipt_no":"ZY1","drord_no":"O1","drord_detl_code":"YPC2001","drord_begntime":"20260510090000"}"#;
    let fees: Vec<String> = [10, 12, 14].map(|day| fee("YPC2001", day)).into();
    let before = main_diagnosis("1", "I63.9", 10);
    let stay = [ADMISSION, order, &fees[0], &fees[1], &fees[2], &before];
    let rule = "test-without-indication";
    check(&stay, "ZY1", rule, "hit 【YPC2001】10天内第3次，未见新的诊断");
    check(&stay[..4], "ZY1", rule, "pass");
    let new = main_diagnosis("1", "I50", 13);
    check(&[&stay[..], &[&new]].concat(), "ZY1", rule, "pass");
    // A diagnosis without its day is of the day on which it was received, and that is no new one.
    let undated = before.replace("diag_time", "memo");
    check(
        &[&stay[..5], &[&undated, DISCHARGE]].concat(),
        "ZY1",
        rule,
        "hit 【YPC2001】10天内第3次，未见新的诊断",
    );
    let fee = fee("YPC2002", 10);
    let text = "hit 【YPC2002】未见相关诊断，请补充诊断或说明";
    check(&[ADMISSION, &fee], "ZY1", rule, text);
    check(&[ADMISSION, &fee, &main_diagnosis("1", "E05.9", 20)], "ZY1", rule, "pass");
}

fn stay(number: &str, day: i32) -> String {
    format!(
        r#"inpatient_admission A{number} {{"patn_id":"P1","ipt_no":"ZY{number}","mdtrt_id":"H{number}","begntime":"202605{day}080000"}}"#
    )
}

fn main_diagnosis(number: &str, code: &str, day: i32) -> String {
    format!(
        r#"discharge_diagnosis G{number}{code} {{"mdtrt_id":"H{number}","diag_code":"{code}","diag_name":"某病",
        "maindiag_flag":"1","diag_time":"202605{day}100000"}}"#
    )
}

fn fee(code: &str, day: i32) -> String {
    format!(
        r#"fee_detail_inpatient F{code}{day} {{"ipt_no":"ZY1","feedetl_sn":"{code}{day}","med_list_codg":"{code}",
        "medins_list_codg":"{code}","medins_list_name":"{code}","cnt":1,"pric":40,"det_item_fee_sumamt":40,
        "fee_ocur_time":"202605{day}100000"}}"#
    )
}

const BED: &str = "001109000010000";
const CARE: &str = "001201000030000";
const GLUCOSE: &str = "002503020030000";

/// `hit TEXT`, `unknown PATHS` or `pass` of one rule, at the end of May, in the audit after discharge.
#[track_caller]
fn check(records: &[&str], encounter: &str, rule: &str, expected: &str) {
    let noted = records.iter().map(|it| {
        let mut words = it.splitn(3, ' ');
        let (entity, key) = (words.next().unwrap(), words.next().unwrap());
        let elements: Value = serde_json::from_str(words.next().unwrap()).unwrap();
        let received = "2026-05-31T23:00:00".parse().unwrap();
        let encounter = who_is_it_about(&elements).encounters.remove(0);
        let identity = key.bytes().fold(0_u64, |sum, it| sum.wrapping_mul(257) + u64::from(it));
        Noted { identity, encounter, notes: notes_of(entity, &elements, received) }
    });
    let until: DateTime = "2026-05-31T23:59:59".parse().unwrap();
    let mut facts = as_of(noted.collect(), encounter, until).facts;
    facts.scene = Some(Scene::MonthlyBatch);
    if let Group::Present(history) = &mut facts.history {
        history.since = Some("2025-05-01".parse().unwrap());
    }
    let rules = RuleSet::load(&Files::from_shipped(crate::SHIPPED)).unwrap();
    let verdict = crate::evaluate(&rules, &facts, until);
    assert_eq!(told(&verdict, rule), expected);
}

/// The agent fills in its past of somebody whom it has never seen.
#[test]
fn a_past_of_the_agents_own_blocks_nobody_for_want_of_results() {
    let penicillin = r#"{"orders":[{"rx_id":"1","hosplist_code":"YPL032"}]}"#;
    let unknown = "unknown orders[1].skin_test_rslt";
    check_in_a_check(penicillin, "2025-05-01", "skin-test", unknown);
    let none = penicillin.replacen('{', r#"{"labs":[],"#, 1);
    let hit = "hit 【注射用青霉素钠】未见皮试结果";
    check_in_a_check(&none, "2025-05-01", "skin-test", hit);
}

/// A caller's lines without a day since when they are all the lines: the agent knows the day.
#[test]
fn the_agent_knows_since_when() {
    let sent = format!(
        r#"{{"orders":[{{"rx_id":"1","hilist_code":"{GLUCOSE}","cnt":"1","drord_begn_date":"20260531"}}],
        "diagnoses":[{{"dise_codg":"I10"}}],"history":{{"orders":[{{"rx_id":"H","hosplist_code":"YP9"}}]}}}}"#
    );
    check_in_a_check(&sent, "2025-05-01", "cycle-quantity", "pass");
    check_in_a_check(&sent, "2026-05-30", "cycle-quantity", "unknown history");
}

/// The sheet of a ward is checked again after its test was charged: that is no second test.
#[test]
fn a_ward_order_is_no_duplicate_of_its_own_charge() {
    let order = r#"inpatient_order O {"mdtrt_sn":"ZY1","drord_no":"D1","medcas_drord_detl_id":"L1","drord_detl_code":"YPC1",
        "drord_begntime":"20260531090000"}"#;
    let fee = format!(
        r#"fee_detail_inpatient F {{"mdtrt_sn":"ZY1","feedetl_sn":"1","drord_no":"D1","medins_list_codg":"YPC1",
        "med_list_codg":"{GLUCOSE}","cnt":1,"fee_ocur_time":"20260531100000"}}"#
    );
    let once = kept(&[order, &fee], "ZY1");
    let asked = |rx_id: &str| {
        format!(
            r#"{{"scene":"inpatient","encounter":{{"mdtrt_id":"ZY1","med_mdtrt_type":"2"}},"diagnoses":[{{"dise_codg":"I10"}}],
            "orders":[{{"rx_id":"{rx_id}","hilist_code":"{GLUCOSE}","hosplist_code":"YPC1","cnt":"1","drord_begn_date":"20260531090000"}}]}}"#
        )
    };
    for rx_id in ["L1", "D1"] {
        beside(&once, &asked(rx_id), "2025-05-01", "cycle-quantity", "pass");
    }
    let hit = "hit 【YPC1】当日已做，15天限1次，本次后为2次（本院范围内）";
    beside(&once, &asked("L2"), "2025-05-01", "cycle-quantity", hit);
    // It was done twice.
    let again = fee.replace("\"1\"", "\"2\"").replace("31100000", "31160000").replace(" F ", " G ");
    beside(&kept(&[order, &fee, &again], "ZY1"), &asked("D1"), "2025-05-01", "cycle-quantity", hit);
    // Charged, given back and charged again it was done once; another item of the order has charges of its own.
    let named =
        fee.replace("\"1\"", "\"3\"").replace("\"cnt\":1", "\"init_feedetl_sn\":\"1\",\"cnt\":-1");
    let named = named.replace(" F ", " K ").replace("31100000", "31120000");
    let tube = fee
        .replace("\"1\"", "\"4\"")
        .replace("YPC1", "TUBE")
        .replace(GLUCOSE, "002201000000000")
        .replace(" F ", " M ");
    let tube = tube.replace("31100000", "31093000");
    for charged in [vec![order, &fee, &named, &again], vec![order, &tube, &fee], vec![&tube, &fee]]
    {
        beside(&kept(&charged, "ZY1"), &asked("D1"), "2025-05-01", "cycle-quantity", "pass");
    }
    // What was given back of it is not taken from what was done for another order.
    let other = fee.replace("\"1\"", "\"0\"").replace("D1", "D0").replace("0531", "0520");
    let other = other.replace(" F ", " H ");
    let back =
        fee.replace("\"1\"", "\"3\"").replace("\"cnt\":1", "\"cnt\":-1").replace(" F ", " K ");
    let back = back.replace("31100000", "31170000");
    let hit = hit.replace("当日", "11天前");
    for given_back in [vec![order, &fee, &other, &back], vec![&fee, &other, &back]] {
        beside(&kept(&given_back, "ZY1"), &asked("D1"), "2025-05-01", "cycle-quantity", &hit);
    }
}

/// What a laboratory's message was mapped to says its reference range in one text.
#[test]
fn a_mapped_report_tells_of_the_liver() {
    let report =
        r#"lab_report R {"mdtrt_sn":"MZ1","rpotc_no":"RP1","rpt_date":"20260520","vali_flag":"1"}"#;
    let result = r#"lab_report_item I {"mdtrt_sn":"MZ1","rpotc_no":"RP1","exam_item_detl_code":"ALT",
        "exam_item_detl_name":"丙氨酸氨基转移酶","exam_rslt_val":180.0000,"exam_unt":"U/L","ref_val":"9-50"}"#;
    let asked = r#"{"encounter":{"mdtrt_id":"MZ2","med_mdtrt_type":"1"},
        "orders":[{"rx_id":"1","hosplist_name":"瑞舒伐他汀钙片","drug_ingd":"瑞舒伐他汀"}]}"#;
    let told = |result: &str, expected: &str| {
        beside(&kept(&[result, report], "MZ1"), asked, "2025-05-01", "hepatic", expected);
    };
    let hit = "hit 【瑞舒伐他汀钙片】禁用：ALT 180，为上限50的3.6倍，活动性肝病禁用";
    told(result, hit);
    told(&result.replace("\"exam_rslt_val\":180.0000", "\"exam_rslt_dicm\":\"180\""), hit);
    told(&result.replace("180.0000", "30.0000"), "pass");
    told(&result.replace("9-50", "见说明"), "unknown labs.ref_val_up");
    told(
        &result.replace("\"exam_rslt_val\":180.0000", "\"exam_rslt_dicm\":\"溶血\""),
        "unknown labs.alt",
    );
}

fn kept(records: &[&str], encounter: &str) -> History {
    super::gather(super::tests::noted(records, encounter), Some(encounter))
}

/// What a rule says of a check, at the end of May, by an agent that knows nothing since a day.
#[track_caller]
fn check_in_a_check(request: &str, since: &str, rule: &str, expected: &str) {
    beside(&History::default(), request, since, rule, expected);
}

/// The same, by an agent that knows of this.
#[track_caller]
fn beside(kept: &History, request: &str, since: &str, rule: &str, expected: &str) {
    let mut facts = crate::request::read(request).unwrap();
    merge(kept, Some(since.parse().unwrap()), &mut facts);
    let rules = RuleSet::load(&Files::from_shipped(crate::SHIPPED)).unwrap();
    let verdict = crate::evaluate(&rules, &facts, "2026-05-31T23:59:59".parse().unwrap());
    assert_eq!(told(&verdict, rule), expected, "{request}");
}

fn told(verdict: &Verdict, rule: &str) -> String {
    let found = verdict.findings.iter().filter(|it| it.rule_id == rule);
    let mut told: Vec<String> = found.map(|it| format!("hit {}", it.text)).collect();
    let unknown = verdict.unknown.iter().filter(|it| it.rule_id == rule);
    told.extend(unknown.map(|it| format!("unknown {}", it.missing.join(","))));
    if told.is_empty() && verdict.passed.iter().any(|it| it == rule) {
        told.push("pass".to_owned());
    }
    told.join("; ")
}
