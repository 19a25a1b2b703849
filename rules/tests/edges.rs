//! Every family has its worked example and each of its edges as a case: `edges.csv` lists them, and says where
//! each is. A case that is renamed or taken away is missed here.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

#[test]
fn each_edge_has_its_case() {
    let mut texts = BTreeMap::new();
    let missing: Vec<String> = edges()
        .iter()
        .filter(|[family, _, place, case]| {
            let text = texts.entry(place.clone()).or_insert_with(|| text_of(place));
            let has_it = if place.contains('/') {
                text.contains(&format!("fn {case}()"))
            } else {
                case.starts_with(&format!("{family}: "))
                    && text.contains(&format!("name = \"{case}\""))
            };
            !has_it
        })
        .map(|[family, edge, place, case]| format!("{family}, {edge}: {case} is not in {place}"))
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn no_family_is_left_out() {
    let listed: BTreeSet<String> = edges().into_iter().map(|[family, ..]| family).collect();
    let all = [('I', 13), ('F', 22), ('L', 13), ('C', 26)];
    let all = all
        .into_iter()
        .flat_map(|(letter, last)| (1..=last).map(move |at| format!("{letter}{at:02}")));
    assert_eq!(listed, all.collect());
}

/// Family, what must hold, where, and the case.
fn edges() -> Vec<[String; 4]> {
    let rows = include_str!("edges.csv").lines().skip(1);
    rows.map(|row| cells(row).try_into().unwrap_or_else(|_| panic!("{row}: four cells"))).collect()
}

/// The cells of a line; one with commas stands in quotes.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    for it in line.chars() {
        match it {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            _ => cells.last_mut().unwrap().push(it),
        }
    }
    cells
}

/// The cases of a pack, or a file of the workspace.
fn text_of(place: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = if place.contains('/') {
        root.join("..").join(place)
    } else {
        root.join("packs").join(place).join("cases.toml")
    };
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
