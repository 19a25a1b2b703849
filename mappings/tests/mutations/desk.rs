//! The desk: the shipped files, their dictionaries and cases, and the judgement of a mistake.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use mappings::{Catalogs, MappingSet};
use schemas::Files;

use crate::workshop::Mutant;

/// What becomes of a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The mapping does not load.
    Refused,
    /// It loads, and a case beside it does not hold any more.
    Caught,
    /// Nobody notices.
    Survived,
}

pub(crate) struct Desk {
    pub(crate) catalogs: Catalogs,
    /// By vendor; without answers, which are another language.
    pub(crate) files: BTreeMap<String, BTreeMap<String, String>>,
    cases: BTreeMap<String, Vec<Case>>,
}

struct Case {
    input: Vec<u8>,
    content_type: Option<String>,
    expected: String,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        let standard = Files::from_shipped(schemas::SHIPPED);
        let catalogs = Catalogs::load(&standard, "national").unwrap();
        let mut files: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (path, text) in mappings::SHIPPED.iter().filter(|(path, _)| is_of_a_mapping(path)) {
            let vendor = path.split('/').next().unwrap();
            files
                .entry(vendor.to_owned())
                .or_default()
                .insert((*path).to_owned(), (*text).to_owned());
        }
        files.retain(|_, files| files.keys().any(|it| ends(it, "toml")));
        let cases = files.keys().map(|it| (it.clone(), cases(it))).collect();
        let desk = Desk { catalogs, files, cases };
        for vendor in desk.files.keys() {
            let fate = desk.fate(vendor, &desk.files[vendor]);
            assert_eq!(fate, Fate::Survived, "{vendor} is wrong without a mistake");
        }
        desk
    }

    /// What becomes of each, in their order.
    pub(crate) fn judge(&self, mutants: &[Mutant]) -> Vec<Fate> {
        let workers = thread::available_parallelism().map_or(2, usize::from);
        let share = mutants.len().div_ceil(workers).max(1);
        let judge = |part: &[Mutant]| part.iter().map(|it| self.one(it)).collect::<Vec<_>>();
        thread::scope(|scope| {
            let parts: Vec<_> =
                mutants.chunks(share).map(|part| scope.spawn(move || judge(part))).collect();
            parts.into_iter().flat_map(|it| it.join().unwrap()).collect()
        })
    }

    fn one(&self, mutant: &Mutant) -> Fate {
        let mut files = self.files[mutant.vendor()].clone();
        files.insert(mutant.file.clone(), mutant.text.clone());
        self.fate(mutant.vendor(), &files)
    }

    fn fate(&self, vendor: &str, files: &BTreeMap<String, String>) -> Fate {
        let files: Files = files.iter().map(|(path, text)| (path.clone(), text.clone())).collect();
        let Ok((set, _)) = MappingSet::load(&files, &self.catalogs, &[format!("{vendor}/")]) else {
            return Fate::Refused;
        };
        let differs = |case: &Case| {
            let actual = mappings::case_outcome(&set, &case.input, case.content_type.as_deref());
            actual != case.expected
        };
        if self.cases[vendor].iter().any(differs) { Fate::Caught } else { Fate::Survived }
    }
}

pub(crate) fn ends(path: &str, ending: &str) -> bool {
    Path::new(path).extension().is_some_and(|it| it == ending)
}

fn is_of_a_mapping(path: &str) -> bool {
    let is_mapping = ends(path, "toml") && !path.ends_with("answer.toml");
    (is_mapping || ends(path, "csv")) && !path.contains("/answers/")
}

fn cases(vendor: &str) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(vendor).join("cases");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut inputs: Vec<_> =
        entries.map(|it| it.path()).filter(|it| it.to_str().unwrap().contains(".in.")).collect();
    inputs.sort();
    inputs.iter().map(|it| case(it)).collect()
}

fn case(input: &Path) -> Case {
    let name = input.file_name().unwrap().to_str().unwrap();
    let stem = name.split(".in.").next().unwrap();
    let beside = |ending: &str| fs::read_to_string(input.with_file_name(format!("{stem}{ending}")));
    Case {
        input: fs::read(input).unwrap(),
        content_type: beside(".type").ok().map(|it| it.trim().to_owned()),
        expected: beside(".out.json").unwrap(),
    }
}
