//! What can never be valid is refused at load, and what may not be is told, element by element.
#![allow(clippy::unwrap_used)]

use mappings::{Catalogs, MappingSet};
use schemas::Files;

const BASE: &str = r#"[mapping]
name = "visit"
profile = "clinical"
WHEN
lane = 'LANE'

[codes.sex]
domain = "gend"

[codes.sex-open]
file = "codes/sex.csv"
domain = "gend"
unknown = "pass"

[codes.long]

[tables.drugs]
[units.dose]

[[record]]
entity = "outpatient_registration"
each = "EACH"
WHERE
KEY

[record.elements]
psn_name = '../name'
patn_id = '../id'
ipt_otp_no = '../no'
mdtrt_sn = '../no'
begntime = '../time | datetime("yyyy-MM-dd HH:mm:ss")'
dept_code = '../dept'
dept_name = '../dept'
"#;

#[test]
fn constants_go_through_every_step_behind_them() {
    check("gend = 'a | code(\"sex\") | default(\"9\")'", "");
    check("gend = 'a | code(\"sex\") | default(\"7\")'", "M044 `7` is not a code of gend");
    check("gend = 'a | code(\"sex\") | or(\"男\")'", "M044 `男` is not a code of gend");
    check("gend = 'a | default(\"X\") | code(\"sex\")'", "M044 `X` is unknown there");
    check("gend = 'a | only(\"M\") | code(\"sex\")'", "M044 `M` is unknown there");
    check("gend = 'a | only(\"男\", \"女\") | code(\"sex\")'", "");
    check("gend = 'a | only(\"1\", \"3\")'", "M044 `3` is not a code of gend");
    check("gend = 'a | only(\"1\", \"2\")'", "");
    check("gend = '\"1\"'", "");
    check(
        "brdy = 'a | default(\"none\") | date(\"yyyy-MM-dd\")'",
        "M044 `none` is no date or time of these patterns",
    );
    check("brdy = 'a | default(\"1900-01-01\") | date(\"yyyy-MM-dd\") | sentinel'", "");
    check(
        "tel = '\"123456789012345678901234567890123456789012345678901234567890\"'",
        "M044 longer",
    );
}

#[test]
fn code_maps_stay_in_the_domain_whatever_follows() {
    check("gend = 'a | code(\"sex\") | upper'", "");
    check(
        "gend = 'a | code(\"sex\") | prefix(\"0\")'",
        "M045 `02` of v/codes/sex.csv is not a code of gend, and so 1 more",
    );
    check("gend = 'a | code(\"long\")'", "M045 `ABCDEFGHIJ");
    check("tel = 'a | code(\"long\")'", "M045 longer");
    check(
        "gend = 'a | code(\"sex\") | code(\"long\")'",
        "M045 `2` of v/codes/sex.csv is unknown there, and so 1 more",
    );
}

#[test]
fn kinds() {
    check("gend = 'a | boolean(\"是\", \"否\")'", "M043 translate the words with `| code");
    check("gend = 'a | split(\"^\")'", "M043 take one with");
    check("brdy = 'a | datetime(\"yyyy-MM-dd HH:mm\")'", "M043 add `| date_of`");
    check("begntime_ = 'a'", "M040");
    check("brdy = 'a | datetime(\"yyyy-MM-dd\")'", "M003 every time would be midnight");
    check("brdy = 'a | datetime(\"yyyy-MM-dd hh:mm:ss\")'", "M003 12-hour clock");
    check("brdy = 'a | datetime(\"yyyyMMddHHMMss\")'", "M003 minutes are `mm`");
    check("brdy = 'a | datetime(\"yyyy-MM-dd HH:mm:SS\")'", "M003 seconds, which are `ss`");
    check("age = 'a | age(\"years\")'", "");
}

#[test]
fn what_may_not_be_valid_is_a_warning() {
    check("gend = 'a'", "warning M047 add `| code(");
    check("gend = 'a | trim | upper'", "warning M047");
    check("gend = 'a | code(\"sex-open\")'", "warning M047");
    check(
        "gend = 'a | lookup(\"drugs\", \"pack\")'",
        "warning M048 `24` of v/tables/drugs.csv is not a code of gend",
    );
}

#[test]
fn steps_and_tables() {
    check(
        "tel = 'a | lookup(\"drug\", \"pack\")'",
        "M003 there is no table `drug`; add [tables.drug]; did you mean `drugs`?",
    );
    check(
        "tel = 'a | lookup(\"drugs\", \"pac\")'",
        "M003 v/tables/drugs.csv has no column `pac`; did you mean `pack`?",
    );
    check(
        "tel = 'a | decimal | unit(\"dose\", \"kg\", \"mg\")'",
        "M003 v/units/dose.csv has no unit `kg`",
    );
    check(
        "tel = 'a | decimal | plus(b)'",
        "M003 its argument is text, not a number; add `| decimal` inside",
    );
    check("tel = 'a | replace_pattern(\"(a)\", \"$2\")'", "M003 the pattern has 1 groups, not 2");
    check("tel = 'a | decimal | default(\"x\")'", "M003 `x` cannot stand for a number");
    check(
        "tel = 'a | name_of(\"gendr\")'",
        "M003 there is no value domain `gendr`; did you mean `gend`?",
    );
    check("tel = 'a | sentinel'", "M003 `sentinel` cannot be given text");
}

#[test]
fn what_can_never_hold() {
    with(
        "WHERE",
        "where = '../sex | code(\"sex\") = \"男\"'",
        "M049 this never holds: its left side is never `男`",
    );
    with("WHERE", "where = '../sex | code(\"sex\") = \"1\"'", "");
    with(
        "WHERE",
        "where = '../sex | code(\"sex\") in (\"3\", \"4\")'",
        "M049 never one of `3` or `4`",
    );
    with(
        "WHERE",
        "where = '@k = \"1\" and @k = \"2\"'",
        "M049 a field is never `1` and `2` at once",
    );
    with("WHEN", "when = 'a/k = \"1\" and a/k = \"2\"'", "M049 a field is never");
    with("WHEN", "when = 'a/k = \"1\" or a/k = \"2\"'", "");
    with("EACH", "..", "M049 climbs above");
    with("LANE", "../../../no", "M049 climbs above");
    check("tel = '../../../x'", "M049 climbs above");
    check("tel = '../../x'", "");
    check("tel = 'x | or(../../../x)'", "M049 climbs above");
}

#[test]
fn keys_and_lanes_tell_records_apart() {
    with("LANE", "\"1\"", "M031 all records would belong to one encounter");
    with("LANE", "/a/no | split(\"-\")", "M031 not a list");
    with("KEY", "key = ['\"1\"', '$org']", "M042 every record would replace the one before it");
    with("KEY", "key = []", "M042 `key` is empty");
    with("KEY", "key = ['@a | split(\"-\")']", "M042 not a list");
    with("KEY", "key = ['/a/no']", "warning M048 nothing in `key` differs");
    with("KEY", "key = ['/a/no', '@n']", "");
    with(
        "KEY",
        "key = ['@n', '$received_at | write(\"yyyyMMdd\")']",
        "warning M048 never known as one",
    );
    with("LANE", "$message_id", "warning M048 `lane` is another one in every sending");
    with("KEY", "distinct = '$channel'", "M049 only the first would be kept");
}

#[test]
fn what_is_left_out_is_told_to_whoever_asks() {
    let (set, _) = load(&mapping("", "tel = 'a'")).unwrap();
    let told: Vec<String> = set.advice().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1);
    let line = told.first().unwrap();
    assert!(line.contains("warning[M046]: `outpatient_registration` may also have "), "{line}");
    assert!(line.contains("brdy") && !line.contains("tel,"), "{line}");
}

#[test]
fn a_mapping_that_takes_everything_comes_last() {
    let mut files = files(&mapping("", "tel = 'a'"));
    files.insert("v/z.toml", mapping("WHEN", "when = 'a'"));
    let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap();
    let (_, warnings) = MappingSet::load(&files, &catalogs, &[]).unwrap();
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let wanted = "v/visit.toml:1:1: warning[M048]: without `when` it takes every message, and v/z.toml is never asked";
    assert!(told.iter().any(|it| it == wanted), "{told:#?}");
}

/// One more element, and what is said of it: a code, or `warning` and a code, and part of a message.
#[track_caller]
fn check(element: &str, expected: &str) {
    compare(&mapping("", element), expected);
}

/// Something else in a place of the mapping.
#[track_caller]
fn with(place: &str, text: &str, expected: &str) {
    compare(&mapping(place, text), expected);
}

#[track_caller]
fn compare(text: &str, expected: &str) {
    let problems = match load(text) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    };
    // Maps and tables that the one element does not use are told as well.
    let told: Vec<String> =
        problems.iter().filter(|it| it.code != "M024").map(ToString::to_string).collect();
    let (warns, rest) = match expected.strip_prefix("warning ") {
        Some(rest) => (true, rest),
        None => (false, expected),
    };
    let (code, part) = rest.split_once(' ').unwrap_or((rest, ""));
    if expected.is_empty() {
        assert!(told.is_empty(), "{told:#?}");
        return;
    }
    let severity = if warns { "warning" } else { "error" };
    let wanted = |it: &String| it.contains(&format!("{severity}[{code}]")) && it.contains(part);
    assert!(told.len() == 1 && told.iter().all(wanted), "{expected} is not {told:#?}");
}

fn mapping(place: &str, text: &str) -> String {
    let head = [("WHEN", ""), ("LANE", "../no"), ("EACH", "a/v"), ("WHERE", ""), ("KEY", "")];
    let mut mapping = BASE.to_owned();
    for (mark, usual) in head {
        mapping = mapping.replacen(mark, if mark == place { text } else { usual }, 1);
    }
    if place.is_empty() {
        mapping.push_str(text);
    }
    if !mapping.contains("\ngend = ") {
        mapping.push_str("\ngend = 'sex | code(\"sex\")'");
    }
    mapping
}

#[allow(clippy::type_complexity)]
fn load(mapping: &str) -> Result<(MappingSet, Vec<schemas::Problem>), Vec<schemas::Problem>> {
    let files = files(mapping);
    let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap();
    MappingSet::load(&files, &catalogs, &[])
}

fn files(mapping: &str) -> Files {
    let mut files = Files::new();
    files.insert("v/visit.toml", mapping);
    files.insert("v/codes/sex.csv", "local,standard\n男,1\n女,2\n");
    let long = "ABCDEFGHIJ".repeat(30);
    files.insert("v/codes/long.csv", format!("local,standard\nx,{long}\n"));
    files.insert("v/tables/drugs.csv", "code,pack\nYP01,24\n");
    files.insert("v/units/dose.csv", "from,to,factor\ng,mg,1000\n");
    files
}
