//! The shipped mappings load without a problem, and every golden case beside them holds.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use adapters::{Input, Limits, NodeId, WireFormat};
use mappings::{Catalogs, Context, MappingSet};
use schemas::Files;

#[test]
fn shipped_mappings_load_without_a_problem() {
    let (set, warnings) = shipped("");
    assert!(warnings.is_empty(), "{warnings:#?}");
    assert!(set.names().count() >= 6);
}

#[test]
fn every_mapping_has_a_case_and_every_case_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (set, _) = shipped("");
    for (file, _) in set.names() {
        let vendor = Path::new(file).parent().unwrap();
        let cases = inputs(&root.join(vendor).join("cases"));
        assert!(
            !cases.is_empty(),
            "{file} has no case: add {}/cases/NAME.in.xml and NAME.out.json",
            vendor.display()
        );
        for input in cases {
            holds(&input, &format!("{}/", vendor.display()));
        }
    }
}

/// Whoever is told of every value that is read gets the same records: then no expression takes the
/// short way. So do messages that are padded, or have letters in their numbers.
#[test]
fn the_short_way_leads_to_the_same_records() {
    let (set, _) = shipped("");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vendors = fs::read_dir(root).unwrap().flatten().map(|it| it.path().join("cases"));
    let (mut records, mut findings) = (0, 0);
    for text in vendors.flat_map(|it| inputs(&it)).filter_map(|it| fs::read_to_string(it).ok()) {
        for text in [
            text.replace("</", " </"),
            text.replace("</", "\u{3000}</"),
            text.replace('>', "> "),
            text.replace('.', "x"),
            text,
        ] {
            let short = records_of(&set, &text, None);
            assert_eq!(short, records_of(&set, &text, Some(&|_| {})), "{text}");
            records += short.lines().count();
            findings += short.matches("Finding {").count();
        }
    }
    assert!(records > 500 && findings > 50, "{records} records, {findings} findings");
}

/// A line for each record; none when the message is no longer one.
fn records_of(set: &MappingSet, text: &str, reader: Option<&dyn Fn(NodeId)>) -> String {
    let limits = Limits::default();
    let context = Context {
        channel: "golden",
        org: "H00000000001",
        message_id: "m",
        received_at: jiff::civil::date(2024, 5, 15).at(9, 0, 0, 0),
        operation: None,
    };
    let input = Input::new(text.as_bytes(), WireFormat::Auto, None);
    let Ok(mut decoded) = adapters::decode(&input, &limits) else { return String::new() };
    let Ok(mapped) = set.map_told(&mut decoded.document, &context, &limits, reader) else {
        return String::new();
    };
    let told = mapped.records.iter().map(|it| {
        let values: Vec<_> = it.elements.iter().collect();
        format!("{} {} {values:?} {:?} {:?}\n", it.lane, it.key, it.findings, it.sources)
    });
    told.collect()
}

fn holds(input: &Path, vendor: &str) {
    let (set, _) = shipped(vendor);
    let name = input.file_name().unwrap().to_str().unwrap();
    let stem = name.split(".in.").next().unwrap();
    let content_type = fs::read_to_string(input.with_file_name(format!("{stem}.type"))).ok();
    let actual = mappings::case_outcome(
        &set,
        &fs::read(input).unwrap(),
        content_type.as_deref().map(str::trim),
    );
    let expected = fs::read_to_string(input.with_file_name(format!("{stem}.out.json"))).unwrap();
    assert_eq!(actual, expected, "{}: `his-agent test` shows the difference", input.display());
}

fn shipped(vendor: &str) -> (MappingSet, Vec<schemas::Problem>) {
    let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap();
    let files = Files::from_shipped(mappings::SHIPPED);
    match MappingSet::load(&files, &catalogs, &[vendor.to_owned()]) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{problems:#?}"),
    }
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .map(|it| it.path())
        .filter(|it| it.to_str().is_some_and(|it| it.contains(".in.")))
        .collect();
    found.sort();
    found
}
