//! Caps by eye, by year, by operation, by day.

use crate::families::bench::Bench;

const BENCH: Bench = Bench {
    family: "total_cap",
    parameters: "",
    rows: "match,key,item,count_max,amount_max,window,per_site,first_days,per_operation,source,flag\n\
           ingredient,雷珠单抗,眼内注射,3,,累计,y,,,batch 5,A\n\
           ingredient,雷珠单抗,眼内注射,2,,累计,y,365,,batch 5,A\n\
           hospital,AID,助听器,,3000,医保年度,,,,site,B\n\
           hospital,LENS,人工晶体,1,,单日,,,y,site,B\n\
           hospital,WRAP,敷料,2,,7天,,,,site,B\n\
           hospital,KIT,置管包,1,,当次就诊,,,,site,B\n",
    drugs: "hospital,EYE,雷珠单抗注射液,,雷珠单抗,?,支,1,注射,\n",
};

#[test]
fn eyes_are_counted_one_by_one() {
    let right = ["OD 20240101", "OD 20240601", "右眼 20250901"];
    eye("右眼", &right, "hit 1: 【雷珠单抗注射液】右侧累计合计4，上限3（本院范围内）");
    eye("OS", &right, "pass");
    eye("双眼", &right, "hit 1: 【雷珠单抗注射液】右侧累计合计4，上限3（本院范围内）");
    eye("右眼", &right[..2], "pass");
}

#[test]
fn both_eyes_however_written() {
    let right = ["OD 20240101", "OD 20240601", "右眼 20250901"];
    for both in ["左右眼", "左眼、右眼", "OD/OS", "OU"] {
        eye(both, &right, "hit 1: 【雷珠单抗注射液】右侧累计合计4，上限3（本院范围内）");
    }
}

#[test]
fn the_first_year() {
    let text = "hit 1: 【雷珠单抗注射液】右侧首次使用起365天内合计3，上限2（本院范围内）";
    eye("右眼", &["OD 20250601", "OD 20250801"], text);
    eye("右眼", &["OD 20250515", "OD 20250801"], "pass");
    // Too many in the first year was told then; for life it is one more.
    let then = ["OD 20250101", "OD 20250102", "OD 20250103"];
    eye("右眼", &then, "hit 1: 【雷珠单抗注射液】右侧累计合计4，上限3（本院范围内）");
}

#[test]
fn an_unknown_eye() {
    eye("", &["OD 20250601"], "unknown orders[1].body_site");
    eye("OD", &["眼 20250601"], "unknown history.orders[H1].body_site");
}

#[test]
fn money_of_the_fund_in_its_year() {
    let line = |amount: &str, own: &str| {
        format!(
            r#"{{"orders":[{{"rx_id":"1","hosplist_code":"AID","cnt":"1","sumamt":"{amount}","ownpay_amt":"{own}"}}],
            "history":{{"since":"20240101","orders":[{{"rx_id":"H","hosplist_code":"AID","cnt":"1","sumamt":"2000","fee_ocur_time":"20260101"}},
            {{"rx_id":"G","hosplist_code":"AID","cnt":"1","sumamt":"9000","fee_ocur_time":"20251231"}}]}}}}"#
        )
    };
    BENCH.check(&line("1200", ""), "hit 1: 【AID】医保年度合计3200元，上限3000元（本院范围内）");
    BENCH.check(&line("1200", "200"), "pass");
    BENCH.check(&line("", ""), "unknown orders[1].sumamt");
    let back = line("1200", "").replace(
        r#"{"rx_id":"G""#,
        r#"{"rx_id":"R","refd_rx_id":"H","hosplist_code":"AID","cnt":"-1","sumamt":"-2000","fee_ocur_time":"20260102"},{"rx_id":"G""#,
    );
    BENCH.check(&back, "pass");
}

#[test]
fn one_for_each_operation_of_the_day() {
    let request = |operations: &str| {
        format!(
            r#"{{{operations}"fees":[{{"rx_id":"1","hosplist_code":"LENS","cnt":"2","fee_ocur_time":"20260515"}}]}}"#
        )
    };
    let one = r#""surgeries":[{"oprn_oprt_begntime":"2026051508"}],"#;
    BENCH.check(&request(one), "hit 1: 【LENS】单日合计2，上限1（本院范围内）");
    let two =
        r#""surgeries":[{"oprn_oprt_begntime":"2026051508"},{"oprn_oprt_begntime":"2026051510"}],"#;
    BENCH.check(&request(two), "pass");
    BENCH.check(&request(""), "unknown surgeries");
}

#[test]
fn every_day_has_its_window() {
    let lens = |id: &str, day: &str, count: &str| {
        format!(
            r#"{{"rx_id":"{id}","hosplist_code":"LENS","cnt":"{count}","fee_ocur_time":"{day}"}}"#
        )
    };
    let check = |fees: [String; 2], expected: &str| {
        let done = r#"[{"oprn_oprt_begntime":"2026051408"},{"oprn_oprt_begntime":"2026051508"}]"#;
        let fees = fees.join(",");
        BENCH.check(&format!(r#"{{"surgeries":{done},"fees":[{fees}]}}"#), expected);
    };
    let (one, other) = (lens("1", "20260514", "2"), lens("2", "20260515", "1"));
    check([one, other], "hit 1: 【LENS】单日合计2，上限1（本院范围内）");
    let (one, other) = (lens("1", "20260514", "1"), lens("2", "20260515", "2"));
    check([one, other], "hit 2: 【LENS】单日合计2，上限1（本院范围内）");
    let (one, other) = (lens("1", "20260514", "1"), lens("2", "", "2"));
    check([one, other], "unknown fees[2].fee_ocur_time");
}

#[test]
fn a_year_is_told_once_and_the_last_one_too() {
    let aid = |id: &str, day: &str| {
        format!(
            r#"{{"rx_id":"{id}","hosplist_code":"AID","cnt":"1","sumamt":"2000","fee_ocur_time":"{day}"}}"#
        )
    };
    let fees = [aid("1", "20251201"), aid("2", "20251202"), aid("3", "20260101")].join(",");
    let request = format!(r#"{{"fees":[{fees}],"history":{{}}}}"#);
    BENCH.check(&request, "hit 1,2: 【AID】医保年度合计4000元，上限3000元（本院范围内）");
}

#[test]
fn rolling_windows_that_overlap_are_told_once() {
    let fee = |id: &str, day: &str, count: &str| {
        format!(
            r#"{{"rx_id":"{id}","hosplist_code":"WRAP","cnt":"{count}","fee_ocur_time":"202605{day}"}}"#
        )
    };
    let check = |fees: &[String], expected: &str| {
        BENCH.check(&format!(r#"{{"fees":[{}],"history":{{}}}}"#, fees.join(",")), expected);
    };
    let late = [fee("1", "10", "2"), fee("2", "12", "1"), fee("3", "13", "1")];
    let text = "hit 1,2,3: 【WRAP】7天合计4，上限2（本院范围内）";
    check(&late, text);
    let early = fee("4", "01", "3");
    let both = format!("{text}; hit 4: 【WRAP】7天合计3，上限2（本院范围内）");
    check(&[&late[..], &[early]].concat(), &both);
}

#[test]
fn what_this_encounter_used_before() {
    let request = |encounter: &str| {
        format!(
            r#"{{"encounter":{{"mdtrt_id":"M"}},"orders":[{{"rx_id":"1","hosplist_code":"KIT","cnt":"1"}}],
            "history":{{"since":"20240101","orders":[{{"rx_id":"H","mdtrt_id":"{encounter}","hosplist_code":"KIT","cnt":"1","fee_ocur_time":"20260501"}}]}}}}"#
        )
    };
    BENCH.check(&request("M"), "hit 1: 【KIT】当次就诊合计2，上限1（本院范围内）");
    BENCH.check(&request("N"), "pass");
}

#[track_caller]
fn eye(site: &str, past: &[&str], expected: &str) {
    let past: Vec<String> = (1..)
        .zip(past)
        .map(|(id, use_of)| {
            let (site, day) = use_of.split_once(' ').unwrap_or((use_of, ""));
            format!(
                r#"{{"rx_id":"H{id}","hosplist_code":"EYE","cnt":"1","body_site":"{site}","fee_ocur_time":"{day}"}}"#
            )
        })
        .collect();
    let request = format!(
        r#"{{"orders":[{{"rx_id":"1","hosplist_code":"EYE","cnt":"1","body_site":"{site}"}}],"patient":{{"brdy":"19600101"}},"history":{{"since":"19590101","orders":[{}]}}}}"#,
        past.join(",")
    );
    BENCH.check(&request, expected);
}
