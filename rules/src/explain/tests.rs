//! Tests of explanations, on the packs that come with the program.

use super::*;
use crate::families::bench::{Bench, NOW, starter};
use crate::rule::{Action, OnMissing};
use crate::verdict::Audience;
use crate::{evaluate, request};

const DUTASTERIDE: &str = r#"{"patient":{"gend":"2","brdy":"19680315"},"encounter":{"mdtrt_id":"M1","med_mdtrt_type":"1"},
    "orders":[{"rx_id":"1","hosplist_code":"YP000502","hosplist_name":"度他雄胺软胶囊","medc_days":"7","sumamt":"58.8"}]}"#;

#[test]
fn a_row_with_its_place_source_and_what_was_read() {
    let told = explained(&starter(), &Files::from_shipped(crate::SHIPPED), DUTASTERIDE);
    for part in [
        "规则 drug-sex 药品区分性别使用 GZ10000301004000（packs/starter/rules.toml:",
        "（packs/starter/drug-sex.csv:",
        "来源 知识点第1批（2025-05-23），可信度 ",
        "输入 patient.gend 患者性别 = 女",
    ] {
        assert!(told.contains(part), "{part} in\n{told}");
    }
}

const BENCH: Bench = Bench {
    family: "single_dose",
    parameters: "",
    rows: "match,key,item,max,source,flag\n\
           ingredient,尼美舒利,尼美舒利,100 mg,notice,B\n\
           ingredient,尼美舒利,尼美舒利,300 mg,elsewhere,B\n",
    drugs: "hospital,NIM,尼美舒利片,,尼美舒利,100 mg,片,,口服,\n",
};

#[test]
fn the_row_without_which_there_is_no_finding_and_its_arithmetic() {
    let request = r#"{"orders":[{"rx_id":"1","hosplist_code":"NIM","drug_used_sdose":"2","drug_used_dosunt":"片"}]}"#;
    let told = explained(&BENCH.rules(), &Files::default(), request);
    assert!(told.contains("来源 notice，可信度 B"), "{told}");
    assert!(!told.contains("elsewhere"), "{told}");
    assert!(told.contains("计算 【尼美舒利片】尼美舒利：单次 2片 × 100mg/片 = 200mg"), "{told}");
    assert!(told.contains("输入 orders[1].drug_used_dosunt 剂量单位 = 片"), "{told}");
    assert!(told.contains("输入 patient.brdy 出生日期 = （未发送）"), "{told}");
}

/// Whatever a family reads, what was sent of it is told, and never said to be missing.
#[test]
fn nothing_that_was_sent_is_said_to_be_missing() {
    let request = r#"{"patient":{"patn_id":"P1","gend":"2","brdy":"19680315","wt":60,"wt_date":"20260501","heit":160,"matn_stas":"1","geso_val":"12",
      "last_mena_date":"20260201","fetts_date":"20250101"},
     "encounter":{"mdtrt_id":"M1","med_mdtrt_type":"1","emer_flag":"0","itnt_flag":"0","medins_lv":"5","begntime":"20260515","dscg_date":"20260516","insutype":"310","insuplc_admdvs":"4301",
      "hosp_area_codg":"东院","adm_dept_codg":"03","adm_dept_name":"内科","long_rx_flag":"0","opsp_flag":"1","opsp_dise_codes":["M01"],"pain_file_flag":"1",
      "guardian_flag":"1","plan_course_flag":"1","wkinj_pend_flag":"0"},
     "diagnoses":[{"dise_codg":"I10","dise_name":"高血压","maindise_flag":"1","diag_time":"20260515"}],
     "prescriber":{"drord_dr_codg":"1","drord_dr_profttl":"232","drord_dept_codg":"03","spclst_flag":"1","rights":["麻精一"]},
     "allergies":[{"aise_code":"1","algs":"磺胺","algs_sev":"2"}],
     "labs":[{"exam_item_detl_code":"C","exam_item_detl_name":"eGFR","exam_rslt_val":"60","exam_rslt_dicm":"正常","exam_unt":"mL/min","ref_val_up":"90","ref_val_low":"1","ext_rslt_flag":"0","rpt_date":"20260514"}],
     "surgeries":[{"oprn_oprt_code":"1","oprn_oprt_name":"甲","oprn_oprt_begntime":"20260515090000","oprn_oprt_endtime":"20260515100000","sinc_type":"1","sinc_no":"A","bld_loss":"10"}],
     "history":{"since":"20250101","orders":[{"rx_id":"H1","hosplist_code":"NIM","cnt":"1"}]},
     "orders":[{"rx_id":"1","rxno":"R","grpno":"G","hosplist_code":"NIM","hilist_code":"XA","hosplist_name":"尼美舒利片","drug_ingd":["尼美舒利"],"spec":"100mg*20片",
      "first_sdose":"4","step_sdose":"2,4","drug_used_dosunt":"片","drug_used_frqu":"BID","day_cnt_max":"3","drug_used_way_code":"1","drug_used_way_name":"口服","drip_spd":"1","pump_spd":"1","drip_min":"1",
      "slvt_flag":"0","tcmdrug_dose_cnt":"1","medc_days":"7","cnt":"2","cnt_unt":"盒","pric":"1","sumamt":"2","ownpay_amt":"1","dscg_tkdrug_flag":"0","urgt_flag":"0","cnslt_flag":"0",
      "excd_rea":"外出","manu_lotnum":"B","body_site":"左","consent_flag":"1","regd_use_flag":"1","attst_flag":"1","frst_line_flag":"1","opsp_flag":"1","rx_valid_date":"20260517",
      "skin_test_rslt":"阴性","drord_begn_date":"20260515","drord_stop_date":"20260516"}]}"#;
    let facts = request::read(request).unwrap_or_else(|it| panic!("{it:?}"));
    let (rules, now) = (BENCH.rules(), NOW.parse().unwrap());
    let finding = evaluate(&rules, &facts, now).findings.remove(0);
    // What a hospital's own rule reads is its condition's to say.
    for family in crate::families::all().filter(|it| it.id() != "custom") {
        let told = look_at(&rules, &facts, now, "r", |case, _, _| {
            inputs::named(case, &finding, family.reads(), |_, _| true)
        });
        for it in told.unwrap() {
            assert!(it.value.is_some(), "{}: {}", family.id(), it.path);
        }
    }
}

/// A rule of the hospital's own tells what its condition and its text read.
#[test]
fn a_rule_of_the_hospitals_own() {
    let own = Bench {
        family: "custom",
        parameters: r#"for = "order", text = "{orders.medc_days}天，{patient.age}", when = { all = [{ item = ["hospital:NIM"] },
            { element = "orders.medc_days", is = ">", value = 7 }, { not = { diagnosis = ["J18"] } }] }"#,
        rows: "",
        ..BENCH
    };
    let request = r#"{"patient":{"brdy":"19680315"},"diagnoses":[{"dise_codg":"I10"}],"allergies":[],"orders":[{"rx_id":"1","hosplist_code":"NIM","medc_days":"10"}]}"#;
    let told = explained(&own.rules(), &Files::default(), request);
    let inputs: Vec<&str> = told.lines().filter(|it| it.contains("输入")).map(str::trim).collect();
    let expected = [
        "输入 orders[1].hilist_code 医保目录代码 = （未发送）",
        "输入 orders[1].hosplist_code 药品目录中的对应药品 = NIM",
        "输入 orders[1].drug_ingd 药品成分 = 尼美舒利",
        "输入 orders[1].medc_days 用药天数 = 10",
        "输入 diagnoses.dise_codg 诊断编码 = I10",
        "输入 patient.age 以日或月计的年龄 = 58岁",
    ];
    assert_eq!(inputs, expected, "{told}");
}

#[test]
fn days_by_quantity() {
    let bench = Bench {
        family: "prescription_days",
        parameters: "outpatient_days_max = 7, emergency_days_max = 3, long_days_max = 84",
        rows: "",
        ..BENCH
    };
    let request = r#"{"encounter":{"med_mdtrt_type":"1"},"orders":[{"rx_id":"1","hosplist_code":"NIM","spec":"100mg*20片","cnt":"2","cnt_unt":"盒",
        "drug_used_sdose":"1","drug_used_dosunt":"片","drug_used_frqu":"BID"}]}"#;
    let told = explained(&bench.rules(), &Files::default(), request);
    assert!(told.contains("用药日 100mg × 每日2次 = 200mg/日"), "{told}");
    assert!(told.contains("数量 2盒 = 40个最小单位，÷ (每次1 × 日均2次) = 20日"), "{told}");
    assert!(told.contains("参数 门诊处方天数上限 = 7"), "{told}");
}

#[test]
fn persons_are_masked() {
    let told = explained(&starter(), &Files::default(), DUTASTERIDE);
    assert!(!told.contains("19680315"), "{told}");
}

#[test]
fn what_to_send() {
    let request = r#"{"orders":[{"rx_id":"1","hosplist_code":"NIM","drug_used_sdose":"2"}]}"#;
    let facts = request::read(request).unwrap();
    let verdict = evaluate(&BENCH.rules(), &facts, NOW.parse().unwrap());
    let told: String = verdict.unknown.iter().map(unknown_to_text).collect();
    let expected = "无法判断 r n\n  请发送 orders[1].drug_used_dosunt 剂量单位，如 \"mg\"\n    \
        规范请求 orders[].drug_used_dosunt；3101 data.patient_dtos[].fsi_encounter_dtos.fsi_order_dtos[].extend_order_map.o_sinDosDscr\n";
    assert_eq!(told, expected);
    let json: serde_json::Value =
        serde_json::from_str(&unknown_to_json(&verdict.unknown[0])).unwrap();
    assert_eq!(json["send"][0]["example"], "\"mg\"");
}

/// What stands in the log of a rule on trial is all that there is of it.
#[test]
fn a_silent_rule_is_silent_whatever_it_finds() {
    let mut files = Files::default();
    for (path, text) in crate::SHIPPED.iter().filter(|(path, _)| path.starts_with("packs/")) {
        files.insert(*path, *text);
    }
    files.insert(
        "overlay/starter/settings.toml",
        "[[setting]]\nrules = [\"drug-sex\"]\naction = \"silent\"\nreason = \"trial\"\n",
    );
    let rules = RuleSet::load(&files).unwrap();
    let facts = request::read(DUTASTERIDE).unwrap();
    let verdict = evaluate(&rules, &facts, NOW.parse().unwrap());
    let of_rule = |it: &&Finding| it.rule_id == "drug-sex";
    assert_eq!(verdict.findings.iter().filter(of_rule).count(), 1);
    assert_eq!(verdict.shown().filter(of_rule).count(), 0);
    assert!(explained(&rules, &files, DUTASTERIDE).contains("此处另有设置：trial"));
}

fn explained(rules: &RuleSet, files: &Files, request: &str) -> String {
    let facts = request::read(request).unwrap();
    let now = NOW.parse().unwrap();
    let verdict = evaluate(rules, &facts, now);
    let all = explain_all(rules, files, &facts, now, &verdict);
    assert!(all.iter().all(|it| to_json(it).contains(&it.finding.id)));
    all.iter().map(to_text).collect()
}

const ALLERGY: Bench = Bench {
    family: "allergy",
    parameters: "",
    rows: "match,key,item,allergens,relation,source,flag\n\
           atc,J01D,头孢菌素类,青霉素,交叉,guideline,B\n",
    drugs: "match,key,name,ingredients,strengths,piece,form,atc,kinds\n\
            hospital,CEZ,注射用头孢唑林,头孢唑林,0.5 g,支,注射,J01DB04,\n",
};

/// A hit may ask for an action of its own, and missing data for a question or a confirmation: none
/// of them shows on trial.
#[test]
fn on_trial_no_action_of_a_hit_shows_and_nothing_is_asked() {
    let crossing = r#""allergies":[{"algs":"青霉素"}],"#;
    check_trial(crossing, OnMissing::Report, [1, 0, 0]);
    check_trial("", OnMissing::Ask, [0, 1, 0]);
    check_trial("", OnMissing::Hit, [1, 0, 0]);
    check_trial("", OnMissing::Report, [0, 0, 1]);
}

/// Findings, questions and unknowns that a doctor sees: some in earnest, none on trial.
#[track_caller]
fn check_trial(allergies: &str, on_missing: OnMissing, in_earnest: [usize; 3]) {
    let request = format!(r#"{{{allergies}"orders":[{{"rx_id":"1","hosplist_code":"CEZ"}}]}}"#);
    let facts = request::read(&request).unwrap();
    let mut rules = ALLERGY.rules();
    rules.rules[0].on_missing = on_missing;
    for (action, expected) in [(Action::Reason, in_earnest), (Action::Silent, [0, 0, 0])] {
        rules.rules[0].action = action;
        let verdict = evaluate(&rules, &facts, NOW.parse().unwrap());
        let unknown = verdict.unknown.iter().filter(|it| it.told_to == Audience::Doctor).count();
        let seen = [verdict.shown().count(), verdict.questions.len(), unknown];
        assert_eq!(seen, expected, "{on_missing:?} {action:?}");
    }
}

#[test]
fn the_steps_of_a_dose_that_changes() {
    let told = |dose: &str| {
        let request = format!(
            r#"{{"orders":[{{"rx_id":"1","hosplist_code":"NIM","drug_used_sdose":"{dose}","drug_used_dosunt":"mg"}}]}}"#
        );
        explained(&BENCH.rules(), &Files::default(), &request)
    };
    let raised = told("50→200");
    let steps = "输入 orders[1].step_sdose 递增、递减或范围 = 至200";
    assert!(raised.contains(steps), "{raised}");
    assert!(raised.contains("单次 50mg = 50mg，最大一步200mg"), "{raised}");
    assert!(!told("200").contains("sdose 首剂") && !told("200").contains("step_sdose"));
}

/// Which ages counted, and where nothing was corrected since nobody told the weeks.
#[test]
fn the_weeks_at_birth_of_small_children() {
    let told = |patient: &str| {
        let request = format!(
            r#"{{"patient":{{{patient}}},"orders":[{{"rx_id":"1","hosplist_code":"NIM","drug_used_sdose":"200","drug_used_dosunt":"mg"}}]}}"#
        );
        explained(&BENCH.rules(), &Files::default(), &request)
    };
    let weeks = "输入 patient.geso_val 孕周";
    assert!(told(r#""brdy":"20251201""#).contains(&format!("{weeks} = （未发送）")));
    let sent = told(r#""brdy":"20251201","geso_val":"32""#);
    assert!(sent.contains(&format!("{weeks} = 32")), "{sent}");
    assert!(!told(r#""brdy":"20200101""#).contains(weeks));
}

/// The set by which a setting holds here is named with its version.
#[test]
fn the_set_of_a_scope() {
    let mut files = Files::from_shipped(crate::SHIPPED);
    files.insert(
        "overlay/starter/settings.toml",
        "[[setting]]\nrules = [\"drug-sex\"]\ndoctors = [\"set:urology\"]\naction = \"hint\"\n",
    );
    files.insert("packs/starter/sets/urology.csv", "match,key\ndoctor,20*\n");
    let rules = RuleSet::load(&files).unwrap();
    let by = |doctor: &str| {
        let prescriber = format!(r#"{{"prescriber":{{"drord_dr_codg":"{doctor}"}},"#);
        explained(&rules, &files, &DUTASTERIDE.replacen('{', &prescriber, 1))
    };
    assert!(by("2046").contains("urology（规则包 "), "{}", by("2046"));
    assert!(!by("1046").contains("urology"));
}
