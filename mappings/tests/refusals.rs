//! Mistakes that an implementer makes, each refused at load with the place and what to do.
#![allow(clippy::unwrap_used)]

use mappings::{Catalogs, MappingSet};
use schemas::{Files, Problem};

const RIGHT: &str = r#"[mapping]
name = "visit"
profile = "clinical"
when = 'a/kind = "visit"'
lane = 'a/no'

[codes.sex]
domain = "gend"

[[record]]
entity = "outpatient_diagnosis"
each = "a/d"
key = ['../no', '@code']

[record.elements]
diag_srt_no = '$position'
diag_code = '@code'
diag_name = '@name | trim'
vali_flag = '"1"'

[[record]]
entity = "outpatient_registration"
each = "a"

[record.elements]
psn_name = 'name'
patn_id = 'id'
ipt_otp_no = 'no'
mdtrt_sn = 'no'
gend = 'sex | code("sex")'
begntime = 'time | datetime("yyyy-MM-dd HH:mm:ss")'
dept_code = 'dept'
dept_name = 'dept'
"#;

const SEX: &str = "local,standard\n男,1\n女,2\n";

#[test]
fn the_mapping_without_a_mistake_loads() {
    check("", "", &[]);
}

#[test]
fn names() {
    check(
        "diag_code =",
        "diag_cod =",
        &[
            "17:1: error[M040]: `outpatient_diagnosis` has no element `diag_cod`; did you mean `diag_code`?",
            "11:10: error[M041]: `outpatient_diagnosis` requires diag_code",
        ],
    );
    check(
        "entity = \"outpatient_diagnosis\"",
        "entity = \"outpatient_diagnose\"",
        &[
            "11:10: error[M030]: there is no entity `outpatient_diagnose`; did you mean `outpatient_diagnosis`?",
        ],
    );
    check(
        "domain = \"gend\"",
        "domain = \"gender\"",
        &[
            "8:10: error[M022]: there is no value domain `gender`; did you mean `gend`?",
            "30:15: error[M003]: there is no code map `sex`; add [codes.sex]",
        ],
    );
    check(
        "profile = \"clinical\"",
        "profile = \"clinic\"",
        &["3:11: error[M013]: there is no profile `clinic`; did you mean `clinical`?"],
    );
    check(
        "$position",
        "$positon",
        &["16:16: error[M004]: there is no variable `$positon`; did you mean `$position`?"],
    );
    check("[mapping]", "[maping]", &["M001"]);
}

#[test]
fn kinds_and_constants() {
    check(
        "'time | datetime(\"yyyy-MM-dd HH:mm:ss\")'",
        "'time'",
        &[
            "31:12: error[M043]: `begntime` is YYYYMMDDhhmmss, the expression gives text; add `| datetime(\"yyyy-MM-dd HH:mm:ss\")` with the patterns this source writes",
        ],
    );
    check(
        "'$position'",
        "'@no'",
        &["16:15: error[M043]: `diag_srt_no` is N..2, the expression gives text; add `| decimal`"],
    );
    check(
        "vali_flag = '\"1\"'",
        "vali_flag = '\"7\"'",
        &["19:13: error[M044]: `7` is not a code of vali_flag"],
    );
    check("yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd hh:mm:ss", &["M003"]);
}

#[test]
fn what_is_missing() {
    check(
        "dept_name = 'dept'\n",
        "",
        &["22:10: error[M041]: `outpatient_registration` requires dept_name"],
    );
    check("lane = 'a/no'\n", "", &["M031", "M031"]);
    check("key = ['../no', '@code']\n", "", &["M042"]);
    check("each = \"a/d\"", "each = 'a/d | trim'", &["M032"]);
}

#[test]
fn code_maps() {
    with_codes("local,standard\n男,1\n女,3\n", &["codes/sex.csv:3:1: error[M021]"]);
    with_codes("男,1\n女,2\n", &["codes/sex.csv:1:1: error[M021]"]);
}

/// Replaces one text in the right mapping and compares the problems; an expectation may be a code.
#[track_caller]
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(RIGHT.contains(from), "`{from}` is not in the mapping");
    compare(&load(&RIGHT.replacen(from, to, 1), SEX), expected);
}

#[track_caller]
fn with_codes(codes: &str, expected: &[&str]) {
    let mut problems = load(RIGHT, codes);
    // The element that uses the map cannot be compiled either; that is told once more.
    problems.retain(|it| it.code != "M003");
    compare(&problems, expected);
}

#[track_caller]
fn compare(problems: &[Problem], expected: &[&str]) {
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for expected in expected {
        assert!(told.iter().any(|it| it.contains(expected)), "`{expected}` is not among {told:#?}");
    }
}

fn load(mapping: &str, codes: &str) -> Vec<Problem> {
    let mut files = Files::new();
    files.insert("v/visit.toml", mapping);
    files.insert("v/codes/sex.csv", codes);
    let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap();
    match MappingSet::load(&files, &catalogs, &[]) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    }
}
