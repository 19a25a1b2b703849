//! What to send so that a rule can decide: the element, its name, an example, and where it goes.

use crate::verdict::Unknown;
use crate::vocabulary;

/// One missing element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Its path, `orders[1].drug_used_frqu`.
    pub path: String,
    /// Its name for people.
    pub zh: String,
    /// How a value looks, as it stands in JSON.
    pub example: &'static str,
    /// Where in the canonical request.
    pub canonical: String,
    /// Where in 3101; `None` when that interface has no place for it.
    pub national: Option<String>,
}

/// Every element that a rule lacks, each once.
#[must_use]
pub fn lacking(unknown: &Unknown) -> Vec<Lacking> {
    unknown.missing.iter().map(|path| one(path)).collect()
}

fn one(path: &str) -> Lacking {
    let (group, element) = path.rsplit_once('.').unwrap_or((path, ""));
    let name = group.split_once('[').map_or(group, |(name, _)| name);
    let is_list = matches!(
        name,
        "orders" | "fees" | "diagnoses" | "labs" | "surgeries" | "allergies" | "history.orders"
    );
    let list = if is_list { "[]" } else { "" };
    let dot = if element.is_empty() { "" } else { "." };
    Lacking {
        path: path.to_owned(),
        zh: vocabulary::element_zh(path).unwrap_or(path).to_owned(),
        example: example(if element.is_empty() { name } else { element }),
        canonical: format!("{name}{list}{dot}{element}"),
        national: national(name, element),
    }
}

/// The interface has patients, encounters, diagnoses and orders, the doctor on each order, and
/// nothing else; what one region sends besides stands in the order's extension.
fn national(group: &str, element: &str) -> Option<String> {
    let patient = "data.patient_dtos[]";
    let encounter = format!("{patient}.fsi_encounter_dtos");
    let at = match (group, element) {
        ("patient", "patn_id" | "gend" | "brdy") => format!("{patient}.{element}"),
        ("encounter", "") => encounter,
        (
            "encounter",
            "mdtrt_id" | "medins_lv" | "med_mdtrt_type" | "med_type" | "adm_dept_codg"
            | "adm_dept_name" | "adm_date" | "dscg_date" | "insutype" | "insuplc_admdvs"
            | "matn_stas",
        ) => {
            format!("{encounter}.{element}")
        }
        ("diagnoses", "") => format!("{encounter}.fsi_diagnose_dtos[]"),
        ("diagnoses", _) => format!("{encounter}.fsi_diagnose_dtos[].{element}"),
        ("orders", "") => format!("{encounter}.fsi_order_dtos[]"),
        ("orders", "medc_days") => {
            format!("{encounter}.fsi_order_dtos[].extend_order_map.o_prdDays")
        }
        ("orders", "drug_used_frqu") => {
            format!("{encounter}.fsi_order_dtos[].extend_order_map.o_used_frqu_dscr")
        }
        ("orders", "drug_used_sdose" | "drug_used_dosunt") => {
            format!("{encounter}.fsi_order_dtos[].extend_order_map.o_sinDosDscr")
        }
        ("orders", "cnt_unt") => format!("{encounter}.fsi_order_dtos[].spec_unt"),
        (
            "orders",
            "hilist_code" | "hosplist_code" | "cnt" | "pric" | "sumamt" | "ownpay_amt" | "spec"
            | "rxno" | "grpno" | "drord_begn_date" | "drord_stop_date",
        )
        | ("prescriber", "drord_dr_codg" | "drord_dr_profttl") => {
            format!("{encounter}.fsi_order_dtos[].{element}")
        }
        _ => return None,
    };
    Some(at)
}

fn example(element: &str) -> &'static str {
    const EXAMPLES: &[(&str, &str)] = &[
        ("gend", "\"2\""),
        ("brdy", "\"19680315\""),
        ("age", "\"28天\""),
        ("wt", "\"62.5\""),
        ("wt_date", "\"20261120\""),
        ("heit", "\"168\""),
        ("matn_stas", "\"3\""),
        ("geso_val", "\"12\""),
        ("med_mdtrt_type", "\"1\""),
        ("medins_lv", "\"5\""),
        ("insutype", "\"310\""),
        ("adm_dept_codg", "\"0301\""),
        ("dise_codg", "\"K21.000\""),
        ("hilist_code", "\"XC09CAL213A001010104397\""),
        ("hosplist_code", "\"YP000231\""),
        ("drug_ingd", "[\"布洛芬\"]"),
        ("drug_used_sdose", "\"5\""),
        ("drug_used_dosunt", "\"mg\""),
        ("drug_used_frqu", "\"BID\""),
        ("day_cnt_max", "\"4\""),
        ("cnt", "\"1\""),
        ("cnt_unt", "\"盒\""),
        ("spec", "\"5mg*28片\""),
        ("medc_days", "\"7\""),
        ("drug_used_way_code", "\"401\""),
        ("drug_used_way_name", "\"静脉滴注\""),
        ("drord_begn_date", "\"20261122\""),
        ("rxno", "\"CF20261122001\""),
        ("grpno", "\"1\""),
        ("skin_test_rslt", "\"阴性\""),
        ("drord_dr_profttl", "\"232\""),
        ("rights", "[\"抗菌药物特殊级\"]"),
        ("pric", "\"12.50\""),
        ("diagnoses", "[{\"dise_codg\":\"I10.x00\"}]"),
        ("orders", "[{\"rx_id\":\"1\",\"hosplist_code\":\"YP000231\"}]"),
        ("allergies", "[{\"algs\":\"青霉素\"}]"),
        ("labs", "[{\"exam_item_detl_name\":\"eGFR\",\"exam_rslt_val\":\"58\"}]"),
        ("history", "{\"since\":\"20251022\",\"orders\":[]}"),
    ];
    let known = EXAMPLES.iter().find(|(name, _)| *name == element).map(|(_, example)| *example);
    let by_kind = || match element {
        it if it.ends_with("_flag") => "\"1\"",
        it if it.ends_with("date") || it.ends_with("time") => "\"20261122093000\"",
        _ => "\"…\"",
    };
    known.unwrap_or_else(by_kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_goes_in_both_requests() {
        let order = "data.patient_dtos[].fsi_encounter_dtos.fsi_order_dtos[]";
        check("patient.gend", "patient.gend", "data.patient_dtos[].gend", "\"2\"");
        check(
            "encounter.medins_lv",
            "encounter.medins_lv",
            "data.patient_dtos[].fsi_encounter_dtos.medins_lv",
            "\"5\"",
        );
        check("orders[1].cnt", "orders[].cnt", &format!("{order}.cnt"), "\"1\"");
        check(
            "orders[1].medc_days",
            "orders[].medc_days",
            &format!("{order}.extend_order_map.o_prdDays"),
            "\"7\"",
        );
        check(
            "orders[1].drug_used_frqu",
            "orders[].drug_used_frqu",
            &format!("{order}.extend_order_map.o_used_frqu_dscr"),
            "\"BID\"",
        );
        check("orders[1].cnt_unt", "orders[].cnt_unt", &format!("{order}.spec_unt"), "\"盒\"");
        check(
            "prescriber.drord_dr_profttl",
            "prescriber.drord_dr_profttl",
            &format!("{order}.drord_dr_profttl"),
            "\"232\"",
        );
        check(
            "diagnoses",
            "diagnoses[]",
            "data.patient_dtos[].fsi_encounter_dtos.fsi_diagnose_dtos[]",
            "[{\"dise_codg\":\"I10.x00\"}]",
        );
        // That interface has no place for these.
        check("patient.wt", "patient.wt", "nowhere", "\"62.5\"");
        check("orders[1].drug_used_way_code", "orders[].drug_used_way_code", "nowhere", "\"401\"");
        check(
            "labs[eGFR]",
            "labs[]",
            "nowhere",
            "[{\"exam_item_detl_name\":\"eGFR\",\"exam_rslt_val\":\"58\"}]",
        );
    }

    #[track_caller]
    fn check(path: &str, canonical: &str, national: &str, example: &str) {
        let it = one(path);
        let found =
            (it.canonical.as_str(), it.national.as_deref().unwrap_or("nowhere"), it.example);
        assert_eq!(found, (canonical, national, example), "{path}");
    }
}
