//! Drafts against the truth: of the samples of the shipped mappings, how many lines of the shipped
//! mapping a draft has right, read off what the two read from the same message.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use adapters::{Input, Limits, WireFormat};
use jiff::civil::datetime;
use mappings::infer::{Draft, Wanted, infer};
use mappings::{Catalogs, Context, MappingSet};
use schemas::Files;

const VENDORS: [&str; 6] = ["platform", "techservice", "pinyin", "rows", "webapi", "cdss"];

/// Entity and element, with the place of the source, or the value where there is none.
type Lines = BTreeMap<(String, String), String>;

#[test]
fn drafts_have_most_lines_of_the_shipped_mappings_right() {
    let (mut right, mut all) = (0, 0);
    for vendor in VENDORS {
        let bytes = sample(vendor);
        let draft = draft(&bytes, None);
        let expected = lines(&load(&shipped(vendor)), &bytes);
        let actual = lines(&load(&files(&draft)), &bytes);
        let missed: Vec<_> =
            expected.iter().filter(|(line, at)| actual.get(*line) != Some(at)).collect();
        let found = expected.len() - missed.len();
        println!("{vendor}: {found} of {} lines", expected.len());
        for (line, at) in missed {
            println!("  {}.{} from {at}, not {:?}", line.0, line.1, actual.get(line));
        }
        assert!(
            found * 100 >= expected.len() * 50,
            "{vendor}: {found} of {}\n{}",
            expected.len(),
            draft.mapping
        );
        right += found;
        all += expected.len();
    }
    println!("{right} of {all} lines are right");
    assert!(right * 100 >= all * 60, "{right} of {all} lines are right, wanted 60 %");
}

fn draft(bytes: &[u8], entity: Option<&str>) -> Draft {
    let input = Input::new(bytes, WireFormat::Auto, None);
    let wanted = Wanted { name: "draft", profile: "clinical", entity };
    infer(&input, &wanted, &catalogs(), &Limits::default()).expect("the samples can be drafted")
}

fn files(draft: &Draft) -> Files {
    let mut files = Files::new();
    files.insert("draft/draft.toml".to_owned(), draft.mapping.clone());
    for (path, text) in &draft.code_maps {
        files.insert(format!("draft/{path}"), text.clone());
    }
    files
}

fn shipped(vendor: &str) -> Files {
    let of_vendor = |it: &&(&str, &str)| it.0.starts_with(&format!("{vendor}/"));
    let mut files = Files::new();
    for (path, text) in mappings::SHIPPED.iter().filter(of_vendor) {
        files.insert((*path).to_owned(), (*text).to_owned());
    }
    files
}

#[track_caller]
fn load(files: &Files) -> MappingSet {
    match MappingSet::load(files, &catalogs(), &[]) {
        Ok((set, _)) => set,
        Err(problems) => {
            let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
            let text = files.get("draft/draft.toml").unwrap_or_default();
            panic!("{}\n{text}", told.join("\n"));
        }
    }
}

fn catalogs() -> Catalogs {
    Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "clinical")
        .expect("the shipped dictionary")
}

/// What the first record of each entity reads, and from where.
fn lines(set: &MappingSet, bytes: &[u8]) -> Lines {
    let limits = Limits::default();
    let input = Input::new(bytes, WireFormat::Auto, None);
    let mut decoded = adapters::decode(&input, &limits).expect("the samples can be read");
    let context = Context {
        channel: "c",
        org: "o",
        message_id: "m",
        received_at: datetime(2026, 1, 2, 3, 4, 5, 0),
        operation: decoded.call.as_ref().map(|it| it.operation.as_str()),
    };
    let document = &mut decoded.document;
    let mapped = set.map(document, &context, &limits).expect("the mapping applies");
    let mut lines = Lines::new();
    for record in &mapped.records {
        let name =
            |position: usize| record.entity.elements().get(position).map(|it| it.name().to_owned());
        let entity = record.entity.name().to_owned();
        if lines.keys().any(|(it, _)| *it == entity) {
            continue;
        }
        let valued = record.elements.iter().map(|(at, value)| (at, format!("{value:?}")));
        let read = record.sources.iter().map(|(at, node)| (*at, document.path(*node)));
        let all: BTreeMap<usize, String> = valued.chain(read).collect();
        lines.extend(
            all.into_iter().filter_map(|(at, text)| Some(((entity.clone(), name(at)?), text))),
        );
    }
    lines
}

fn sample(vendor: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(vendor).join("cases");
    let mut cases: Vec<_> =
        fs::read_dir(folder).expect("cases").flatten().map(|it| it.path()).collect();
    cases.sort();
    let is_it = |it: &&std::path::PathBuf| {
        let name = it.display().to_string();
        name.contains(".in.") && (name.contains("three-drugs") || name.contains("really-gbk"))
    };
    fs::read(cases.iter().find(is_it).expect("a sample")).expect("a file")
}
