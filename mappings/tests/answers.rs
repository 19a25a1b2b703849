//! The shipped answers load without a problem, every golden case beside them holds byte for byte, and
//! the mistakes that an implementer makes in a template are refused with their place.
//!
//! With `HIS_AGENT_UPDATE` set, what comes out is written into the cases instead of compared.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use mappings::{AnswerCase, AnswerKind, Answers, Catalogs, MappingSet, answer_case};
use schemas::{Files, Problem};

#[test]
fn every_golden_answer_holds() {
    let shipped = Files::from_shipped(mappings::SHIPPED);
    let mut held = 0;
    for (file, _) in shipped.iter().filter(|(path, _)| is_answer(path)) {
        let vendor = file.split('/').next().unwrap();
        let set = set(&shipped, &[format!("{vendor}/")], file);
        let answers = set.answered().unwrap();
        let cases = cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join(vendor).join("cases"));
        assert!(!cases.is_empty(), "{file} has no case NAME.answer.KIND.out");
        for case in cases {
            holds(&case, &set, answers);
            held += 1;
        }
    }
    assert!(held >= 12, "{held}");
}

fn is_answer(path: &str) -> bool {
    path.ends_with("/answer.toml") || path.ends_with("/answers/dialect.toml")
}

#[track_caller]
fn holds(expectation: &Path, set: &MappingSet, answers: &Answers) {
    let file_name = expectation.file_name().unwrap().to_str().unwrap();
    let (stem, kind) = file_name.strip_suffix(".out").unwrap().split_once(".answer.").unwrap();
    let beside = |name: String| expectation.with_file_name(name);
    let kind = AnswerKind::of_word(kind).unwrap_or_else(|| panic!("{file_name}: no such kind"));
    let variables = fs::read_to_string(beside(format!("{stem}.answer.{}.json", kind.word()))).ok();
    let message = ["xml", "json", "txt", "mllp", "csv"]
        .iter()
        .find_map(|it| fs::read(beside(format!("{stem}.in.{it}"))).ok());
    let content_type = fs::read_to_string(beside(format!("{stem}.type"))).ok();
    let content_type = content_type.as_deref().map(str::trim);
    let case = AnswerCase {
        kind,
        message: message.as_deref().map(|it| (it, content_type)),
        variables: variables.as_deref(),
    };
    let said = answer_case(set, answers, &case).unwrap_or_else(|it| panic!("{file_name}: {it}"));
    if std::env::var_os("HIS_AGENT_UPDATE").is_some() {
        fs::write(expectation, said).unwrap();
        return;
    }
    let expected = fs::read(expectation).unwrap();
    let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
    assert!(
        said == expected,
        "{}\nexpected {}\n    said {}",
        expectation.display(),
        shown(&expected),
        shown(&said)
    );
}

const ANSWER: &str = "[answer]\naccepted = \"answers/a.xml\"\n[answer.request]\nserial = '/a/no'\n";
const TEMPLATE: &str = "<a no=\"{{ request.serial }}\">{% for it in records %}\n<b>{{ it.key }}</b>\n{% endfor %}</a>\n";

#[test]
fn mistakes_in_templates_are_refused_with_their_place() {
    check("", "", &[]);
    check("{{ it.key }}", "{{ it.kye }}", &["answers/a.xml:2:1: error[M067]"]);
    check(
        "request.serial",
        "request.serail",
        &[
            "answers/a.xml:1:11: error[M063]: [answer.request] has no `serail`; did you mean `serial`?",
        ],
    );
    check("request.serial", "message_di", &["did you mean `message_id`?"]);
    check("\"{{ request.serial }}\"", "{{ request.serial }}", &["answers/a.xml:1:7: error[M065]"]);
    check("{{ it.key }}", "{{ it.key | safe }}", &["answers/a.xml:2:16: error[M064]"]);
    check(
        "{{ it.key }}",
        "{{ it.key | dat(\"yyyy\") }}",
        &["error[M064]: there is no filter `dat`"],
    );
    check("{% endfor %}", "", &["answers/a.xml:2:16: error[M062]"]);
    check("{{ it.key }}", "{{ it.key ", &["error[M062]"]);
    check("</a>", "", &["answers/a.xml:1:1: error[M068]"]);
    check("<a no", "<?xml version=\"1.0\" encoding=\"GBK\"?><a no", &["M068", "M068"]);
    check("{% for", "{% autoescape false %}{% for", &["error[M062]"]);
    check("accepted =", "acepted =", &["answer.toml:2:1: error[M060]"]);
    check("answers/a.xml", "answers/b.xml", &["answer.toml:2:12: error[M061]"]);
    check("accepted =", "charset = \"GB\"\naccepted =", &["answer.toml:2:11: error[M066]"]);
    check("'/a/no'", "'/a/no | trm'", &["answer.toml:4:"]);
}

/// Replaces a text in the answer file or the template; each expectation is in one problem.
#[track_caller]
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(ANSWER.contains(from) || TEMPLATE.contains(from), "`{from}` is nowhere");
    let mut files = Files::new();
    files.insert("v/a.toml", MAPPING);
    files.insert("v/answer.toml", ANSWER.replacen(from, to, 1));
    files.insert("v/answers/a.xml", TEMPLATE.replacen(from, to, 1));
    let problems = MappingSet::load(&files, &catalogs(), &[]).err().unwrap_or_default();
    let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(told.is_empty(), expected.is_empty(), "{told:#?}");
    for expected in expected {
        assert!(told.iter().any(|it| it.contains(expected)), "`{expected}` is not in {told:#?}");
    }
}

const MAPPING: &str = "[mapping]\nname = \"v\"\nprofile = \"clinical\"\nlane = '/a/no'\n[[record]]\n\
    entity = \"outpatient_diagnosis\"\nkey = ['/a/no']\n[record.elements]\ndiag_srt_no = '$position'\n\
    diag_code = '/a/c'\ndiag_name = '/a/n'\nvali_flag = '\"1\"'\n";

fn set(files: &Files, only: &[String], answer: &str) -> MappingSet {
    let catalogs = catalogs();
    let loaded = MappingSet::load(files, &catalogs, only);
    let (set, _) = loaded.unwrap_or_else(|problems| panic!("{problems:#?}"));
    set.answered_by(answer, files, &catalogs).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn catalogs() -> Catalogs {
    Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap()
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let name = |it: &PathBuf| it.file_name().and_then(|it| it.to_str()).unwrap_or("").to_owned();
    let mut found: Vec<_> = entries
        .map(|it| it.path())
        .filter(|it| name(it).contains(".answer.") && name(it).strip_suffix(".out").is_some())
        .collect();
    found.sort();
    found
}
