//! The shipped mappings load without a problem, and every golden case beside them holds.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use mappings::{Catalogs, MappingSet};
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
