//! A check in other words, and what is asked of the insurer for it.

use super::*;
use crate::insurance::{Region, Service, read};

const STATED: &str = "mdtrtarea_admvs=430100 recer_sys_code=YBXT infver=1.0.0 opter_type=1 poolarea=430100 medins_admdvs=430100 medins_type=A1 medins_lv=5 med_type=11 matn_stas=0 setl_totlnum=1 insutype=310 reim_flag=2 out_setl_flag=0 long_drord_flag=0 hilist_type=101 chrg_type=09 drord_bhvr=0 hilist_lv=02 hilist_pric=58.80 ownpay_amt=0 selfpay_amt=0";
const REQUEST: &str = r#"{"patient":{"patn_id":"P1","patn_name":"测试甲","gend":"2","brdy":"19600101"},
    "encounter":{"mdtrt_id":"MZ1","med_mdtrt_type":"1","adm_date":"20250610091000","adm_dept_codg":"A03","adm_dept_name":"内科"},
    "diagnoses":[{"dise_codg":"I10.x00","dise_name":"高血压","maindise_flag":"1","diag_time":"20250610092000"}],
    "orders":[{"rx_id":"RX1-1","rxno":"RX1","hilist_code":"XG04CBD247E002010101503","hosplist_code":"YP000502",
    "hosplist_name":"度他雄胺软胶囊","cnt":1,"pric":58.80,"sumamt":"58.80","spec":"0.5mg×7粒/盒","spec_unt":"盒",
    "drord_begn_date":"20250610092500"}],
    "prescriber":{"drord_dr_codg":"D1","drord_dr_name":"测试医师","drord_dr_profttl":"232"}}"#;

#[test]
fn what_is_restated_says_the_same() {
    let restated = of_request(REQUEST, STATED).unwrap();
    assert_eq!(restated.infno, "3101");
    let asked = read(&restated.text, Service::Before, &Region::default()).unwrap();
    let [facts] = asked.patients.as_slice() else { panic!("{asked:?}") };
    let own = crate::request::read(REQUEST).unwrap();
    assert_eq!(facts.data_findings, []);
    let line = |it: &Facts| it.orders.present().unwrap().first().unwrap().clone();
    let (theirs, ours) = (line(facts), line(&own));
    assert_eq!((theirs.rx_id, theirs.national_code), (ours.rx_id, ours.national_code));
    assert_eq!(
        (theirs.quantity, theirs.price, theirs.begins),
        (ours.quantity, ours.price, ours.begins)
    );
    assert_eq!(facts.patient.present().unwrap().birth, own.patient.present().unwrap().birth);
    assert_eq!(facts.diagnoses.present().unwrap().len(), 1);
    for part in [
        r#""brdy":"1960-01-01""#,
        r#""pric":"58.80""#,
        r#""medfee_sumamt":"58.80""#,
        r#""drord_begn_date":"2025-06-10 09:25:00""#,
        r#""dscg_main_dise_codg":"I10.x00""#,
        r#""curr_mdtrt_id":"MZ1""#,
        r#""trig_scen":"2""#,
        r#""opter_name":"测试医师""#,
        r#""fixmedins_code":"H1""#,
    ] {
        assert!(restated.text.contains(part), "{part}: {}", restated.text);
    }
}

#[test]
fn what_is_missing_is_told_by_name() {
    check(REQUEST, STATED, "");
    check(REQUEST, &STATED.replace("hilist_type=101 ", ""), "目录类别");
    check(REQUEST, &STATED.replace("recer_sys_code=YBXT ", ""), "接收方系统代码");
    check(&REQUEST.replace(r#","diag_time":"20250610092000""#, ""), STATED, "诊断日期");
    check(&REQUEST.replace("19600101", " "), STATED, "出生日期");
    check(&REQUEST.replace(r#""patn_name":"测试甲","#, ""), STATED, "姓名");
    // Each once, however many lines lack it.
    let twice = REQUEST
        .replace(r#""orders":["#, r#""orders":[{"rx_id":"2","hosplist_code":"Y","sumamt":1},"#);
    check(
        &twice,
        STATED,
        "处方号 医保目录代码 医保目录名称 医院目录名称 数量 单价 规格 数量单位 医嘱开始日期",
    );
}

#[test]
fn settlements_are_3102() {
    let paying = REQUEST.replacen('{', r#"{"scene":"settlement","#, 1);
    let restated = of_request(&paying, STATED).unwrap();
    assert_eq!(restated.infno, "3102");
    assert!(restated.text.contains(r#""trig_scen":"6""#), "{}", restated.text);
}

#[test]
fn records_of_a_channel() {
    let record =
        |entity: &str, text: &str| (entity.to_owned(), serde_json::from_str(text).unwrap());
    let records = [
        record(
            "outpatient_registration",
            r#"{"patn_id":"P1","psn_name":"测试甲","gend":"1","brdy":"19600101","mdtrt_sn":"MZ1","begntime":"20250610091000","dept_code":"A03","dept_name":"内科","atddr_no":"D1","dr_name":"测试医师"}"#,
        ),
        record(
            "outpatient_diagnosis",
            r#"{"diag_code":"I10","diag_name":"高血压","maindiag_flag":"1","diag_time":"20250610092000"}"#,
        ),
        record("outpatient_prescription", r#"{"rxno":"RX1","rx_srt_no":1,"vali_flag":"0"}"#),
        record(
            "outpatient_prescription",
            r#"{"rxno":"RX1","rx_srt_no":2,"rx_detl_id":"Y1","rx_detl_name":"药","drug_spec":"1mg","cnt":1,"cnt_unt":"盒","pric":1.5,"det_item_fee_sumamt":1.5,"rx_prsc_time":"20250610092500","prsc_dr_code":"D1","prsc_dept_code":"A03","prsc_dept_name":"内科"}"#,
        ),
    ];
    let facts = crate::facts_from_records(&records);
    let stated = format!("{STATED} drord_dr_profttl=232");
    let told = said(Source::Records(&records), &facts, &stated).unwrap_err();
    assert_eq!(told, ["医保目录代码"], "a channel that does not know the insurer's code");
    let stated = format!("{stated} hilist_code=X");
    let restated = said(Source::Records(&records), &facts, &stated).unwrap();
    assert!(restated.text.contains(r#""rx_id":"RX1-2""#), "{}", restated.text);
}

/// No doctor is called by another's name, and a line's own doctor comes before the encounter's.
#[test]
fn a_doctor_goes_by_his_own_name() {
    let by = |line: &str, prescriber: &str, encounter: &str| {
        let names = ["drord_dr_codg", "drord_dr_name", "drord_dr_profttl"];
        ordered_by([line, prescriber, encounter], "drord_dr_profttl=231", &names)
    };
    let all = r#""drord_dr_codg":"D1","drord_dr_name":"甲","drord_dr_profttl":"232""#;
    let own = r#","prsc_dr_code":"D2","prsc_dr_name":"乙""#;
    let seen = r#""atddr_no":"D3","dr_name":"丙","#;
    assert_eq!(by("", all, ""), "D1 甲 232");
    assert_eq!(by(own, all, seen), "D2 乙 231", "his title is what the hospital states");
    assert_eq!(by("", "", seen), "D3 丙 231");
    assert_eq!(by(r#","prsc_dr_code":"D1""#, all, seen), "D1 甲 232");
    assert_eq!(by(r#","prsc_dr_code":"D2""#, all, seen), "开处方(医嘱)医生姓名");
    assert_eq!(by("", r#""drord_dr_codg":"D1""#, seen), "开处方(医嘱)医生姓名");
}

/// No department stands under another's name, whichever half a line says itself. The encounter is of 内科.
#[test]
fn a_department_goes_by_its_own_name() {
    let by = |line: &str, prescriber: &str| {
        let doctor = r#""drord_dr_codg":"D1","drord_dr_name":"甲","drord_dr_profttl":"232""#;
        let prescriber = format!("{doctor}{prescriber}");
        ordered_by([line, &prescriber, ""], "", &["drord_dept_codg", "drord_dept_name"])
    };
    let of_doctor = r#","drord_dept_codg":"B01","drord_dept_name":"骨科""#;
    assert_eq!(by("", ""), "A03 内科");
    assert_eq!(by("", of_doctor), "B01 骨科");
    assert_eq!(by(r#","prsc_dept_code":"C09","prsc_dept_name":"眼科""#, of_doctor), "C09 眼科");
    assert_eq!(by(r#","prsc_dept_code":"A03""#, of_doctor), "A03 内科", "as the encounter says");
    assert_eq!(by(r#","prsc_dept_name":"骨科""#, of_doctor), "B01 骨科");
    assert_eq!(by(r#","prsc_dept_code":"C09""#, of_doctor), "下达医嘱科室名称");
    assert_eq!(by("", r#","drord_dept_name":"骨科""#), "下达医嘱的科室标识");
    // Two departments that share a name are still two.
    assert_eq!(by(r#","bilg_dept_codg":"A04","bilg_dept_name":"内科""#, ""), "A04 内科");
}

/// Two departments that one part names are two.
#[test]
fn a_part_that_names_two_departments_mixes_none() {
    let by = |line: &str| ordered_by([line, DOCTOR, ""], "", &DEPARTMENT);
    let charged = r#","bilg_dept_codg":"C09","bilg_dept_name":"眼科""#;
    assert_eq!(by(&format!(r#","prsc_dept_code":"A03"{charged}"#)), "A03 内科");
    assert_eq!(by(&format!(r#","prsc_dept_code":"B01"{charged}"#)), "下达医嘱科室名称");
    assert_eq!(by(&format!(r#","prsc_dept_name":"眼科"{charged}"#)), "C09 眼科");
}

/// Who is discharged by another department than the one that admitted is not discharged under its name.
#[test]
fn a_discharge_goes_by_its_own_department() {
    let by = |encounter: &str| {
        let text = REQUEST.replace(r#""adm_dept_codg""#, &format!(r#"{encounter}"adm_dept_codg""#));
        let restated = match of_request(&text, STATED) {
            Ok(restated) => restated.text,
            Err(lacking) => return lacking.join(" "),
        };
        let json: Value = serde_json::from_str(&restated).unwrap();
        let stay = json.pointer("/input/data/patient_dtos/0/fsi_encounter_dtos/0").unwrap();
        let text = |name: &str| stay[name].as_str().unwrap_or("-").to_owned();
        format!("{} {}", text("dscg_dept_codg"), text("dscg_dept_name"))
    };
    assert_eq!(by(""), "A03 内科");
    assert_eq!(by(r#""dscg_dept_codg":"A03","#), "A03 内科");
    assert_eq!(by(r#""dscg_dept_name":"内科","#), "A03 内科");
    assert_eq!(by(r#""dscg_dept_codg":"B01","dscg_dept_name":"骨科","#), "B01 骨科");
    assert_eq!(by(r#""dscg_dept_codg":"B01","#), "出院科室名称");
    assert_eq!(by(r#""dscg_dept_name":"骨科","#), "出院科室标识");
}

/// A ward order has two ends, the planned one and the one at which it was stopped.
#[test]
fn an_order_ends_where_it_was_stopped() {
    let ends = |line: &str| {
        let records = [
            (
                "inpatient_admission",
                r#"{"patn_id":"P1","psn_name":"甲","gend":"1","brdy":"19600101","ipt_no":"ZY1","begntime":"20250601091000","adm_dept_codg":"A03","adm_dept_name":"内科","atddr_no":"D1","dr_name":"乙"}"#,
            ),
            (
                "admission_diagnosis",
                r#"{"diag_code":"I10","diag_name":"高血压","maindiag_flag":"1","diag_time":"20250601092000"}"#,
            ),
            (
                "inpatient_order",
                &format!(
                    r#"{{"drord_no":"Z1","drord_detl_code":"Y1","drord_detl_name":"药","drug_spec":"1mg","dismed_cnt":1,"dismed_cnt_unt":"盒","isu_drord_dr_code":"D1",{line}}}"#
                ),
            ),
        ];
        let records =
            records.map(|(entity, text)| (entity.to_owned(), serde_json::from_str(text).unwrap()));
        let facts = crate::facts_from_records(&records);
        let stated = format!(
            "{STATED} drord_dr_profttl=232 hilist_code=X rxno=- pric=1 sumamt=1 medfee_sumamt=1 dscg_date=20250610"
        );
        let restated = match said(Source::Records(&records), &facts, &stated) {
            Ok(restated) => restated.text,
            Err(lacking) => return lacking.join(" "),
        };
        let json: Value = serde_json::from_str(&restated).unwrap();
        let order =
            json.pointer("/input/data/patient_dtos/0/fsi_encounter_dtos/0/fsi_order_dtos/0");
        order.unwrap()["drord_stop_date"].as_str().unwrap_or("-").to_owned()
    };
    let order = r#""drord_begntime":"20250602080000","medc_endtime":"20250609080000","drord_endtime":"20250605100000""#;
    assert_eq!(ends(order), "2025-06-05 10:00:00");
    assert_eq!(ends(&order.replace("20250605100000", "")), "2025-06-09 08:00:00");
    assert_eq!(ends(&order.replace("20250605100000", "19000101")), "2025-06-09 08:00:00");
    let same_day = order.replace("20250605100000", "20250602");
    assert_eq!(ends(&same_day), "-", "nobody said that it ended before it began");
    let never = order.replace("20250605100000", "19000101").replace("20250609080000", "");
    assert_eq!(ends(&never), "-", "an end before the beginning is none");
    assert_eq!(
        ends(&order.replace("20250602080000", "")),
        "医嘱开始日期",
        "what is missing is the beginning"
    );
}

const DOCTOR: &str = r#""drord_dr_codg":"D1","drord_dr_name":"甲","drord_dr_profttl":"232""#;
const DEPARTMENT: [&str; 2] = ["drord_dept_codg", "drord_dept_name"];

/// What a line, the prescriber and the encounter say; these elements of the line that is asked about.
#[track_caller]
fn ordered_by([line, prescriber, encounter]: [&str; 3], stated: &str, names: &[&str]) -> String {
    let prescriber = format!(r#""prescriber":{{{prescriber}}}"#);
    let text = REQUEST
        .replace(
            r#""prescriber":{"drord_dr_codg":"D1","drord_dr_name":"测试医师","drord_dr_profttl":"232"}"#,
            &prescriber,
        )
        .replace(r#""rxno":"RX1""#, &format!(r#""rxno":"RX1"{line}"#))
        .replace(r#""adm_dept_codg""#, &format!(r#"{encounter}"adm_dept_codg""#));
    let stated = format!("{STATED} opter=O opter_name=P {stated}");
    let restated = match of_request(&text, &stated) {
        Ok(restated) => restated.text,
        Err(lacking) => return lacking.join(" "),
    };
    let json: Value = serde_json::from_str(&restated).unwrap();
    let order = json.pointer("/input/data/patient_dtos/0/fsi_encounter_dtos/0/fsi_order_dtos/0");
    let text = |name: &&str| order.unwrap()[*name].as_str().unwrap_or("-").to_owned();
    names.iter().map(text).collect::<Vec<_>>().join(" ")
}

fn of_request(text: &str, stated: &str) -> Result<Restated, Vec<String>> {
    let facts = crate::request::read(text).unwrap_or_default();
    said(Source::Canonical(text), &facts, stated)
}

fn said(source: Source<'_>, facts: &Facts, stated: &str) -> Result<Restated, Vec<String>> {
    let stated = stated.split(' ').filter_map(|it| it.split_once('='));
    let stated = stated.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let sender = Sender {
        org: "H1",
        org_name: "示例医院",
        msgid: "H120250610093015000001",
        now: jiff::civil::datetime(2025, 6, 10, 9, 30, 15, 0),
        stated: &stated,
    };
    let catalog = Catalog::shipped("national").unwrap();
    restate(source, facts, &catalog, &sender)
}

#[track_caller]
fn check(request: &str, stated: &str, expected: &str) {
    let told = of_request(request, stated).map_or_else(|it| it.join(" "), |_| String::new());
    assert_eq!(told, expected);
}
