//! What becomes of a local code that nobody has mapped: refused, parked, or passed with a finding.
#![allow(clippy::unwrap_used)]

use adapters::{Input, Limits, WireFormat};
use mappings::{Catalogs, Context, MappingSet};
use schemas::Files;

const MAPPING: &str = r#"[mapping]
name = "visit"
profile = "clinical"
lane = 'no'

[codes.sex]
domain = "gend"
unknown = "POLICY"

[[record]]
entity = "outpatient_registration"
each = "a"

[record.elements]
psn_name = 'name'
patn_id = 'id'
ipt_otp_no = 'no'
mdtrt_sn = 'no'
gend = 'sex | code("sex")'
begntime = 'time | datetime("yyyy-MM-dd[ HH:mm]")'
dept_code = 'dept'
dept_name = 'dept'
"#;

#[test]
fn each_policy_says_what_becomes_of_the_message() {
    check("refuse", "男", "gend=1");
    check("refuse", "3", "M203 gend");
    check("park", "3", "parked v/codes/sex.csv 3 gend");
    check("park", "男", "gend=1");
    check("pass", "3", "M210 gend, V203 gend, gend=3");
    check("pass", "9", "M210 gend, gend=9");
}

/// A column of fixed width fills its codes up; the table has them as people write them.
#[test]
fn blanks_around_a_code_are_no_part_of_it() {
    check("refuse", "男  ", "gend=1");
    check("refuse", "\u{3000}女\n", "gend=2");
    check("park", " 3 ", "parked v/codes/sex.csv 3 gend");
    check("pass", "9  ", "M210 gend, gend=9");
    check("park", "  ", "V101 gend");
    check("park", "男 女", "parked v/codes/sex.csv 男 女 gend");
}

/// Everything there is to say of the one record.
#[track_caller]
fn check(policy: &str, sex: &str, expected: &str) {
    let mut files = Files::new();
    files.insert("v/visit.toml", MAPPING.replace("POLICY", policy));
    files.insert("v/codes/sex.csv", "local,standard\n男,1\n女,2\n");
    let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap();
    let (set, _) = MappingSet::load(&files, &catalogs, &[]).unwrap();
    let text = format!(
        "<a><name>n</name><id>i</id><no>7</no><sex>{sex}</sex><time>2026-01-02</time><dept>d</dept></a>"
    );
    let input = Input::new(text.as_bytes(), WireFormat::Xml, None);
    let mut document = adapters::decode(&input, &Limits::default()).unwrap().document;
    let context = Context {
        channel: "c",
        org: "o",
        message_id: "m",
        received_at: jiff::civil::datetime(2026, 1, 2, 3, 4, 5, 0),
        operation: None,
    };
    let mapped = set.map(&mut document, &context, &Limits::default()).unwrap();
    let record = mapped.records.first().unwrap();
    let findings = mapped.findings(record, &document);
    let mut told: Vec<String> =
        findings.iter().map(|it| format!("{} {}", it.code, it.element)).collect();
    told.extend(
        record.unknown.iter().map(|it| format!("parked {} {} {}", it.map, it.code, it.element)),
    );
    let position = record.entity.position("gend").unwrap();
    if let Some(schemas::ValueRef::Text(text)) = record.elements.get(position) {
        told.push(format!("gend={text}"));
    }
    assert_eq!(told.join(", "), expected);
}
