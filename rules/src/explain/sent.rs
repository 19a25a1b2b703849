//! What was sent of the elements that rules read and no condition compares. For explanations: what was sent
//! must not be said to be missing.

use std::fmt::Display;

use rust_decimal::Decimal;

use crate::facts::{
    Allergy, AllergySeverity, CutClass, Diagnosis, Encounter, Facts, Group, History, LabResult,
    Order, Patient, Prescriber, Right, SkinTest, Surgery, VisitKind,
};

/// Of the check as a whole, by the name under which a family reads it.
pub(super) fn of_check(facts: &Facts, name: &str) -> Option<String> {
    let (group, element) = name.split_once('.').unwrap_or((name, ""));
    match group {
        "patient" => of_patient(facts.patient.present()?, element),
        "encounter" => of_encounter(facts.encounter.present()?, element),
        "prescriber" => of_prescriber(facts.prescriber.present()?, element),
        "diagnoses" => listed(&facts.diagnoses, |it| of_diagnosis(it, element)),
        "allergies" => listed(&facts.allergies, |it| of_allergy(it, element)),
        "labs" => listed(&facts.labs, |it| of_lab(it, element)),
        "surgeries" => listed(&facts.surgeries, |it| of_surgery(it, element)),
        "history" => of_history(facts.history.present()?, element),
        _ => None,
    }
}

/// Of one line.
pub(super) fn of_line(it: &Order, element: &str) -> Option<String> {
    match element {
        "ownpay_amt" => number(it.own_pay),
        "body_site" => it.body_site.clone(),
        "drug_used_way_code" => it.route_text.clone(),
        "manu_lotnum" => it.batch.clone(),
        "day_cnt_max" => number(it.times_per_day_max),
        "drip_min" => number(it.minutes),
        "drip_spd" => number(it.drops_per_minute),
        "pump_spd" => number(it.ml_per_hour),
        "tcmdrug_dose_cnt" => number(it.doses),
        "rx_valid_date" => shown(it.valid_to),
        "attst_flag" => flag(it.attested),
        "cnslt_flag" => flag(it.consulted),
        "consent_flag" => flag(it.consent),
        "frst_line_flag" => flag(it.first_line_used),
        "opsp_flag" => flag(it.on_chronic_scheme),
        "regd_use_flag" => flag(it.registered_use),
        "slvt_flag" => flag(it.solvent),
        "skin_test_rslt" => it.skin_test.map(|it| skin_test(it).to_owned()),
        _ => None,
    }
}

fn of_patient(it: &Patient, element: &str) -> Option<String> {
    match element {
        "patn_id" => it.patn_id.clone(),
        "fetts_date" => shown(it.delivered),
        "last_mena_date" => shown(it.last_menses),
        "wt_date" => shown(it.weighed),
        _ => None,
    }
}

fn of_encounter(it: &Encounter, element: &str) -> Option<String> {
    let is = |kind: VisitKind| flag(it.visit.map(|visit| visit == kind));
    match element {
        "mdtrt_id" => it.mdtrt_id.clone(),
        "emer_flag" => is(VisitKind::Emergency),
        "itnt_flag" => is(VisitKind::Internet),
        "guardian_flag" => flag(it.guardian_present),
        "opsp_flag" => flag(it.on_chronic_scheme),
        "opsp_dise_codes" => listed(&it.approved_diseases, |it| Some(it.clone())),
        "pain_file_flag" => flag(it.pain_file),
        "plan_course_flag" => flag(it.planned_course),
        "wkinj_pend_flag" => flag(it.work_injury_pending),
        _ => None,
    }
}

fn of_prescriber(it: &Prescriber, element: &str) -> Option<String> {
    let right = |it: &Right| match it.to {
        Some(to) => Some(format!("{}至{to}", it.kind.zh())),
        None => Some(it.kind.zh().to_owned()),
    };
    match element {
        "rights" => listed(&it.rights, right),
        "spclst_flag" => flag(it.specialist),
        _ => None,
    }
}

fn of_diagnosis(it: &Diagnosis, element: &str) -> Option<String> {
    match element {
        "diag_time" => shown(it.made),
        "maindise_flag" => flag(it.main),
        _ => it.code.clone().or_else(|| it.name.clone()),
    }
}

fn of_allergy(it: &Allergy, element: &str) -> Option<String> {
    let severity = |it| match it {
        AllergySeverity::Mild => "轻度",
        AllergySeverity::Moderate => "中度",
        AllergySeverity::Severe => "重度",
    };
    match element {
        "aise_code" => it.code.clone(),
        "algs_sev" => it.severity.map(severity).map(str::to_owned),
        _ => it.text.clone(),
    }
}

fn of_lab(it: &LabResult, element: &str) -> Option<String> {
    match element {
        "exam_item_detl_code" => it.code.clone(),
        "exam_rslt_val" => number(it.value),
        "exam_rslt_dicm" => it.text.clone(),
        "exam_unt" => it.unit.clone(),
        "ext_rslt_flag" => flag(it.outside),
        "ref_val_up" => number(it.upper),
        "rpt_date" => shown(it.reported),
        _ => it.name.clone().or_else(|| it.code.clone()),
    }
}

fn of_surgery(it: &Surgery, element: &str) -> Option<String> {
    let class = |it| match it {
        CutClass::None => "0",
        CutClass::Clean => "I",
        CutClass::CleanContaminated => "II",
        CutClass::Contaminated => "III",
    };
    match element {
        "oprn_oprt_begntime" => shown(it.began),
        "oprn_oprt_endtime" => shown(it.ended),
        "sinc_no" => it.incision.clone(),
        "sinc_type" => it.cut.map(class).map(str::to_owned),
        "bld_loss" => number(it.blood_loss_ml),
        _ => it.name.clone().or_else(|| it.code.clone()),
    }
}

/// How much there is: the lines that count stand by themselves in an explanation.
fn of_history(it: &History, element: &str) -> Option<String> {
    let count = |zh: &str, count: usize| format!("{zh}{count}条");
    match element {
        "since" => shown(it.since),
        "orders" => Some(count("", it.orders.len())),
        "stays" => Some(count("", it.stays.len())),
        "diagnoses" => Some(count("", it.diagnoses.len())),
        "allergies" => Some(count("", it.allergies.len())),
        "labs" => Some(count("", it.labs.len())),
        _ => {
            let parts = [count("明细", it.orders.len()), count("就诊", it.stays.len())];
            Some(parts.join("，"))
        }
    }
}

/// What each item says, where some do; of none 无.
pub(super) fn listed<T>(
    group: &Group<Vec<T>>,
    read: impl Fn(&T) -> Option<String>,
) -> Option<String> {
    match group {
        Group::Absent => None,
        Group::Empty => Some("无".to_owned()),
        Group::Present(items) => {
            let found: Vec<_> = items.iter().filter_map(read).collect();
            (!found.is_empty()).then(|| found.join("、"))
        }
    }
}

fn skin_test(it: SkinTest) -> &'static str {
    match it {
        SkinTest::Negative => "阴性",
        SkinTest::Positive => "阳性",
        SkinTest::Pending => "待判",
        SkinTest::Waived => "免试",
    }
}

fn number(it: Option<Decimal>) -> Option<String> {
    it.map(|it| it.normalize().to_string())
}

fn flag(it: Option<bool>) -> Option<String> {
    it.map(|it| if it { "是" } else { "否" }.to_owned())
}

fn shown(it: Option<impl Display>) -> Option<String> {
    it.map(|it| it.to_string())
}
