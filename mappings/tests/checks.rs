//! What a mapping checks of the whole message: totals against lines, one place against another.
#![allow(clippy::unwrap_used)]

use adapters::{Input, Limits, WireFormat};
use mappings::{Catalogs, Context, MappingSet};
use schemas::{Files, FindingSeverity};

const FEE_LIST: &str = include_str!("../feelist/cases/six-days-two-hundred-lines.in.xml");

/// The lines come to 7475.7658, which the total states rounded once.
#[test]
fn a_total_is_held_against_its_lines() {
    let files = Files::from_shipped(mappings::SHIPPED);
    let total = |total: &str| FEE_LIST.replace("7,475.77", total);
    check(&files, "feelist/", FEE_LIST, "");
    check(&files, "feelist/", &total("7475.77"), "");
    check(
        &files,
        "feelist/",
        &total("7475.78"),
        "(M213 住院费用清单/费用/@合计 7475.78 ≠ 7475.77)",
    );
    check(&files, "feelist/", &total(""), "");
    check(&files, "feelist/", &total("无"), "M201 住院费用清单/费用/@合计 无");
    check(
        &files,
        "feelist/",
        &FEE_LIST.replace("行数=\"200\"", "行数=\"201\""),
        "(M213 住院费用清单/费用/@行数 201 ≠ 200)",
    );
}

/// A finding without an element cannot know whether it holds a name, so it does not show one.
#[test]
fn texts_are_not_shown() {
    let files = one("'a/name | agrees(a/other)', 'a/no | required'");
    check(&files, "", "<a><name>李建国</name><other>李建国</other><no>1</no></a>", "");
    check(
        &files,
        "",
        "<a><name>李建国</name><other>王小雨</other></a>",
        "M213 a/name 李***雨; M209",
    );
}

#[test]
fn a_check_that_cannot_complain_is_refused_at_load() {
    let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "clinical").unwrap();
    let problems = MappingSet::load(&one("'a/name'"), &catalogs, &[]).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "v/m.toml:4:11: error[M049]: a check without steps never complains: end it with agrees(...) or required"
        ]
    );
}

fn one(checks: &str) -> Files {
    let mapping = format!(
        r#"[mapping]
name = "m"
lane = 'a/name'
checks = [{checks}]

[[record]]
entity = "outpatient_diagnosis"
key = ['a/name']

[record.elements]
diag_srt_no = '$number'
diag_code = 'a/name'
diag_name = 'a/name'
vali_flag = '"1"'
"#
    );
    let mut files = Files::new();
    files.insert("v/m.toml", mapping);
    files
}

#[track_caller]
fn check(files: &Files, only: &str, message: &str, expected: &str) {
    let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "clinical").unwrap();
    let (set, _) = MappingSet::load(files, &catalogs, &[only.to_owned()]).unwrap();
    let limits = Limits::default();
    let input = Input::new(message.as_bytes(), WireFormat::Auto, None);
    let mut document = adapters::decode(&input, &limits).unwrap().document;
    let context = Context {
        channel: "c",
        org: "o",
        message_id: "m",
        received_at: jiff::civil::datetime(2026, 1, 2, 3, 4, 5, 0),
        operation: None,
    };
    let mapped = set.map(&mut document, &context, &limits).unwrap();
    let told = mapped.records.iter().flat_map(|it| &it.findings).map(|it| {
        let told = format!("{} {} {} {}", it.code, it.element, it.path, it.found);
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        if it.severity == FindingSeverity::Warn { format!("({told})") } else { told }
    });
    assert_eq!(told.collect::<Vec<_>>().join("; "), expected);
}
