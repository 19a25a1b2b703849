//! Drafts against the truth: of the samples of the shipped mappings, how many lines of the shipped
//! mapping a draft has right, read off what the two read from the same message.
#![allow(clippy::print_stdout)] // what was missed is the worklist of whoever makes it better

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

/// Shapes that no word of the lists was chosen for.
#[test]
fn a_shape_that_nobody_had_in_mind_is_drafted_too() {
    let bytes = sample("datapacket");
    let draft = draft(&bytes, None);
    let expected = lines(&load(&shipped("datapacket")), &bytes);
    let actual = lines(&load(&files(&draft)), &bytes);
    let found = expected.iter().filter(|(line, at)| actual.get(*line) == Some(at)).count();
    assert!(found * 100 >= expected.len() * 60, "{found} of {}\n{}", expected.len(), draft.mapping);
}

#[test]
fn a_draft_says_which_required_elements_it_lacks_and_lacks_nothing_else() {
    let draft = draft(&sample("feelist"), None);
    let Err(problems) = MappingSet::load(&files(&draft), &catalogs(), &[]) else {
        panic!("it lacks nothing:\n{}", draft.mapping)
    };
    for problem in problems.iter().filter(|it| it.severity == schemas::ProblemSeverity::Error) {
        assert_eq!(problem.code, "M041", "{problem}\n{}", draft.mapping);
        let lacking = problem.message.split("requires ").nth(1).expect("what is lacking");
        for name in lacking.split(", ") {
            assert!(
                draft.mapping.contains(&format!("# missing: {name} ")),
                "{name}: {}",
                draft.mapping
            );
        }
    }
    assert!(draft.mapping.contains("entity = \"fee_detail_inpatient\""), "{}", draft.mapping);
    assert_eq!(draft.mapping.matches("[[record]]").count(), 2, "{}", draft.mapping);
}

#[test]
fn no_patient_gets_into_a_draft() {
    for vendor in VENDORS {
        let draft = draft(&sample(vendor), None);
        let all = format!("{draft:?}");
        for value in ["李建国", "999901196803150011", "13800000000", "MZ20240515003", "高血压"]
        {
            assert!(!all.contains(value), "{vendor}: {value} is in the draft:\n{all}");
        }
    }
}

#[test]
fn the_entity_can_be_said_and_nonsense_is_told() {
    let bytes = sample("platform");
    let text = draft(&bytes, Some("outpatient_diagnosis")).mapping;
    assert_eq!(text.matches("[[record]]").count(), 1, "{text}");
    assert!(text.contains("each = 'msgBody/root/diagnoses/diagnosis'"), "{text}");
    check(&bytes, "no_such", "NoEntity(\"no_such\")");
    check(b"<a><b>1</b></a>", "", "NothingFits");
    check(b"<a><b>1</a>", "", "Unreadable");
}

#[track_caller]
fn check(bytes: &[u8], entity: &str, expected: &str) {
    let entity = Some(entity).filter(|it| !it.is_empty());
    let input = Input::new(bytes, WireFormat::Auto, None);
    let wanted = Wanted { name: "draft", profile: "clinical", entity };
    let error = infer(&input, &wanted, &catalogs(), &Limits::default()).expect_err("no draft");
    assert!(format!("{error:?}").starts_with(expected), "{error:?}");
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

/// The first case that says a whole story.
fn sample(vendor: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(vendor).join("cases");
    let entries = fs::read_dir(folder).expect("cases").flatten();
    let mut cases: Vec<_> = entries.map(|it| it.path()).collect();
    cases.sort();
    let told = ["three-drugs", "really-gbk", "two-hundred-lines"];
    let is_it = |it: &&std::path::PathBuf| {
        let name = it.display().to_string();
        name.contains(".in.") && told.iter().any(|it| name.contains(it))
    };
    fs::read(cases.iter().find(is_it).expect("a sample")).expect("a file")
}
