//! Which elements identify a person, and how such a value is shown.
//!
//! A finding tells the HIS developer what was sent. Where that is a name, a number of a document or
//! card, a telephone or an address, only its first and last character are told.

use std::ops::Range;

use crate::identity;

/// Elements whose values identify a person, in the order of their bytes, since they are searched.
///
/// An element belongs here when its value alone, or next to the hospital's name, finds one person.
/// Staff are persons too. A test holds the list against the names of the dictionary.
#[rustfmt::skip] // one name a line would be two screens
pub static MASKED: &[&str] = &[
    "anst_dr_name", "appler", "applerName", "appyClglPsn", "appyClglPsnName", "appy_doc_name",
    "asit_1_name", "asit_name2", "atddr_name", "bilg_dr_name", "birplc", "card_no", "card_sn", "certno",
    "chfdr_name", "chfpdr_name", "chker", "chkerName", "codr_name", "coner_addr", "coner_name",
    "coner_tel", "crterName", "crter_name", "curr_addr", "curr_addr_poscode", "dept_resper_name",
    "dept_resper_tel", "deptdrt_name", "dise_dor_name", "drName", "dr_name", "drordDrName",
    "drord_chker_name", "drord_dr_name", "drord_ptr_name", "emp_addr", "emp_name", "emp_tel",
    "empr_addr", "empr_poscode", "empr_tel", "end_drord_dr_name", "finlChker", "fpsc_no",
    "intn_dr_name", "ipt_dr_name", "ipt_no", "ipt_otp_no", "isu_drord_dr_name", "mdtrt_cert_no",
    "medcasno", "medins_fill_psn", "medrcdno", "napl", "oper_dr_name", "oper_name", "opterName",
    "opter_name", "orders_dr_name", "patient_id", "patient_name", "patnId", "patnIdcard", "patnName",
    "patnSscno", "patn_id", "patn_name", "phar_certno", "phar_name", "phar_prac_cert_no", "poscode",
    "pote_intn_dr_name", "prac_psn_name", "prsc_dr_certno", "prsc_dr_name", "psn_name", "psn_no",
    "psn_tel", "qltctrl_dr_name", "qltctrl_nurs_name", "rchker", "rchkerName", "resd_addr",
    "resd_addr_city", "resd_addr_coty", "resd_addr_housnum", "resd_addr_poscode", "resd_addr_prov",
    "resd_addr_subd", "resd_addr_vil", "resp_nurs_name", "rpot_doc", "sel_retn_opter_name", "tel",
    "train_dr_name",
];

/// The longest part of a value that a finding repeats.
const SHOWN_CHARS_MAX: usize = 60;
/// What is as long is in no text by chance.
const LONG_CHARS_MIN: usize = 6;

/// The value as a finding may tell it: masked when the element identifies a person, cut when long.
#[must_use]
pub fn shown(element: &str, text: &str) -> String {
    if is_masked(element) { masked(text) } else { cut(text) }
}

/// Whether values of this element identify a person.
#[must_use]
pub fn is_masked(element: &str) -> bool {
    MASKED.binary_search(&element).is_ok()
}

/// First and last character. The number of stars does not tell the length, and of two characters
/// only the first is told, since first and last would be the whole name.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.next(), chars.next_back()) {
        (None, ..) => String::new(),
        (Some(_), None, _) => "*".to_owned(),
        (Some(first), Some(_), None) => format!("{first}*"),
        (Some(first), Some(_), Some(last)) => format!("{first}***{last}"),
    }
}

/// Whether a text that is made of several values, such as a business key, has this one in it. A short one
/// is looked for as a whole part only: it is in many by chance.
#[must_use]
pub fn holds(text: &str, value: &str) -> bool {
    let is_long = value.chars().count() >= LONG_CHARS_MIN;
    text.split('|').any(|it| !value.is_empty() && it == value) || is_long && text.contains(value)
}

/// Whether a text has a resident identity number in it: 18 characters that are no part of a longer number, with
/// a date of birth and the right check digit.
#[must_use]
pub fn holds_identity(text: &str) -> bool {
    let mut runs = text.split(|it: char| !it.is_ascii_digit() && !matches!(it, 'X' | 'x'));
    let is_birth = |it: &str| {
        let part = |range: Range<usize>| it.get(range).and_then(|it| it.parse().ok()).unwrap_or(0);
        let (year, month, day) = (part(6..10), part(10..12), part(12..14));
        (1900..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
    };
    let is_one =
        |it: &str| identity::is_shaped(it) && identity::check_digit_fits(it) && is_birth(it);
    runs.any(is_one)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Catalog;

    #[test]
    fn first_and_last_character() {
        check("psn_name", "李建国", "李***国");
        check("psn_name", "李明", "李*");
        check("psn_name", "李", "*");
        check("psn_name", "", "");
        check("certno", "999901196803150011", "9***1");
        check("gend", "3", "3");
        check("memo", &"长".repeat(61), &format!("{}…", "长".repeat(60)));
    }

    #[test]
    fn the_list_can_be_searched() {
        assert!(MASKED.is_sorted(), "keep MASKED in byte order");
    }

    #[test]
    fn every_name_number_and_address_of_a_person_is_on_the_list() {
        for profile in ["national", "clinical"] {
            for entity in Catalog::shipped(profile).unwrap().entities() {
                for element in entity.elements() {
                    let personal = PERSONAL.iter().any(|word| element.zh_name().contains(word));
                    let name = element.name();
                    assert!(!personal || is_masked(name), "{}.{name}", entity.name());
                }
            }
        }
    }

    #[test]
    fn a_text_that_is_made_of_several_is_told_part_by_part() {
        assert!(holds("ZY20240034|FY01", "ZY20240034") && holds("H1-ZY20240034-2", "ZY20240034"));
        assert!(holds("12|3", "3") && !holds("12|34", "3") && !holds("12|34", ""));
        assert!(holds_identity("11010519491231002X|7") && holds_identity("甲a11010519491231002x"));
        assert!(!holds_identity("110105194912310021|7"), "a check digit that does not fit");
        assert!(!holds_identity("111010519491231002X"), "part of a longer number");
    }

    /// What the names of such elements have in them: of persons, and of numbers that find one.
    const PERSONAL: [&str; 11] = [
        "姓名",
        "证件号",
        "身份证",
        "电话",
        "地址",
        "住址",
        "卡号",
        "病案号",
        "住院号",
        "病历号",
        "门诊号",
    ];

    #[track_caller]
    fn check(element: &str, text: &str, expected: &str) {
        assert_eq!(shown(element, text), expected);
    }
}
