//! The shipped packs and a quarter of a million knowledge rows more, those of a year's book: codes of
//! 23 characters, several for each item, of a few documents, spread over three rules.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use schemas::Files;

/// The rules of the pack: id, family, parameters, the rows' own columns and what they say.
const RULES: [[&str; 5]; 3] = [
    ["many-sex", "sex", "", "sex", "男"],
    ["many-age", "age", "wording = \"limit\"", "age_from,limit", "18岁,限成人"],
    ["many-dose", "daily_dose", "", "max_day", "4 g"],
];

/// As many rows as a year's book has.
pub(crate) const MANY: usize = 250_000;
/// The lines of a check, and those of its past: drugs `YP0` to `YP219` of the hospital's list.
pub(crate) const LINES: usize = 20;
pub(crate) const PAST: usize = 200;

/// The shipped packs, and so many rows more.
pub(crate) fn files(count: usize) -> Files {
    let mut files = Files::from_shipped(rules::SHIPPED);
    let mut text = String::new();
    for (number, [id, family, parameters, columns, said]) in RULES.into_iter().enumerate() {
        let rule = format!(
            "[[rule]]\nid = \"{id}\"\nfamily = \"{family}\"\nname = \"n\"\nbasis = \"b\"\n\
             severity = 2\naction = \"hint\"\nparameters = {{ {parameters} }}\n"
        );
        text.push_str(&rule);
        let mut rows = format!("match,key,item,{columns},source,flag\n");
        for row in 0..count / RULES.len() {
            let item = row / CODES_AN_ITEM;
            writeln!(rows, "code,{},药品{item},{said},知识点第{}批,A", code(number, row), row % 17)
                .expect("writing to a String cannot fail");
        }
        files.insert(format!("packs/many/{id}.csv"), rows);
    }
    files.insert("packs/many/drugs.csv", drugs());
    files.insert("packs/many/pack.toml", PACK);
    files.insert("packs/many/rules.toml", text);
    files
}

/// The hospital's own list: without it most rules could only say that they know nothing.
fn drugs() -> String {
    let mut drugs =
        "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,atc\n"
            .to_owned();
    for at in 0..LINES + PAST {
        let code = code(at % RULES.len(), at);
        writeln!(
            drugs,
            "hospital,YP{at},药品{at},{code},成分{at},0.25 g,片,24,口服,V03AB{:02}",
            at % 99
        )
        .expect("writing to a String cannot fail");
    }
    drugs
}

/// Writes them where an agent takes its rules from.
pub(crate) fn write(files: &Files, folder: &Path) {
    for (path, text) in files.iter() {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("a fresh folder");
        fs::write(path, text).expect("a fresh file");
    }
}

/// The code that a row of a rule hangs on.
fn code(rule: usize, row: usize) -> String {
    format!("XV0{rule}AAA001A{row:012}")
}

const PACK: &str =
    "name = \"many\"\nversion = \"1\"\nsource = \"invented\"\neffective = \"2026-01-01\"\n";
const CODES_AN_ITEM: usize = 8;
