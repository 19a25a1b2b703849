//! The national message 3101 as a HIS sends it: twenty lines of this visit, with rows of the quarter of
//! a million about each. The two hundred lines of the past are in the message, or were sent to the
//! agent before as a fee list, and it remembers them.

use std::ops::Range;

use agent::clock;

use crate::client::Request;
use crate::many::{LINES, PAST};
use crate::samples;

/// Whose stay the fee list is of.
const PATIENT: &str = "P00067890";

/// What every answer holds that is a verdict.
pub(crate) const JUDGED: &[u8] = b"\"infcode\":0";

/// A check that brings its past along: 77 KB.
pub(crate) fn check_with_its_past() -> Request {
    let before = encounter("M0", "2026-04-15", LINES..LINES + PAST);
    check_of("42", &format!(",{before}"))
}

/// A check of the patient whose past the agent knows: 7 KB.
pub(crate) fn check() -> Request {
    check_of(PATIENT, "")
}

/// The fee list of [`PATIENT`], 200 lines, of last month.
pub(crate) fn past() -> Request {
    let month = clock::now().date().first_of_month().yesterday().expect("the calendar goes on");
    let list = samples::FEE_LIST.replace("2024-05-", &month.strftime("%Y-%m-").to_string());
    assert!(list.contains(PATIENT), "the list is that of another patient");
    Request::post("/v1/channels/feelist/messages", "text/xml; charset=utf-8", &list, &[])
}

fn check_of(patient: &str, before: &str) -> Request {
    let now = encounter("M1", "2026-05-15", 0..LINES);
    let message = format!(
        r#"{{"infno":"3101","msgid":"H42010000001202605150900000001","mdtrtarea_admvs":"420100","input":{{"data":{{
        "syscode":"HIS","trig_scen":"1","rule_ids":[],"task_id":"1","patient_dtos":[{{"patn_id":"{patient}",
        "patn_name":"张三","gend":"1","brdy":"1968-03-15","poolarea":"420100","curr_mdtrt_id":"M1",
        "fsi_encounter_dtos":[{now}{before}]}}]}}}}}}"#
    );
    Request::post("/insurance/3101", "application/json", &message, &[])
}

fn encounter(id: &str, day: &str, lines: Range<usize>) -> String {
    let lines = lines.map(line).collect::<Vec<_>>().join(",");
    format!(
        r#"{{"mdtrt_id":"{id}","medins_id":"H42010000001","medins_name":"示例市人民医院","medins_lv":"3",
        "adm_date":"{day} 08:30:00","adm_dept_codg":"0301","adm_dept_name":"心血管内科","med_mdtrt_type":"1",
        "med_type":"11","dr_codg":"D420100001","fsi_diagnose_dtos":[{{"dise_id":"1","maindise_flag":"1",
        "dise_codg":"I10.x00","dise_name":"原发性高血压","dise_date":"{day} 08:40:00"}}],"fsi_order_dtos":[{lines}]}}"#
    )
}

fn line(at: usize) -> String {
    let day = at % 14 + 1;
    format!(
        r#"{{"rx_id":"{at}","rxno":"R{}","long_drord_flag":"0","hilist_type":"101","hosplist_code":"YP{at}","hosplist_name":"药品{at}","cnt":"2","pric":"3.5",
        "sumamt":"7.0","ownpay_amt":"0","selfpay_amt":"0","spec":"10mg*20片","spec_unt":"盒",
        "drord_begn_date":"2026-05-{day:02} 09:00:00","drord_dr_codg":"D420100001","drord_dr_profttl":"232"}}"#,
        at / 5
    )
}
