//! Mistakes that an implementer makes, each refused at load with the place and what to do.
#![allow(clippy::unwrap_used)]

use mappings::{Catalogs, MappingSet};
use schemas::{Files, Problem};

const RIGHT: &str = r#"[mapping]
name = "visit"
profile = "clinical"
when = 'a/kind = "visit"'
lane = 'a/no'

[codes.sex]
domain = "gend"

[[record]]
entity = "outpatient_diagnosis"
each = "a/d"
key = ['../no', '@code']

[record.elements]
diag_srt_no = '$position'
diag_code = '@code'
diag_name = '@name | trim'
vali_flag = '"1"'

[[record]]
entity = "outpatient_registration"
each = "a"

[record.elements]
psn_name = 'name'
patn_id = 'id'
ipt_otp_no = 'no'
mdtrt_sn = 'no'
gend = 'sex | code("sex")'
begntime = 'time | datetime("yyyy-MM-dd HH:mm:ss")'
dept_code = 'dept'
dept_name = 'dept'
"#;

const SEX: &str = "local,standard\n男,1\n女,2\n";

#[test]
fn the_mapping_without_a_mistake_loads() {
    check("", "", &[]);
}

#[test]
fn names() {
    check(
        "diag_code =",
        "diag_cod =",
        &[
            "17:1: error[M040]: `outpatient_diagnosis` has no element `diag_cod`; did you mean `diag_code`?",
            "11:10: error[M041]: `outpatient_diagnosis` requires diag_code",
        ],
    );
    check(
        "entity = \"outpatient_diagnosis\"",
        "entity = \"outpatient_diagnose\"",
        &[
            "11:10: error[M030]: there is no entity `outpatient_diagnose`; did you mean `outpatient_diagnosis`?",
        ],
    );
    check(
        "domain = \"gend\"",
        "domain = \"gender\"",
        &[
            "8:10: error[M022]: there is no value domain `gender`; did you mean `gend`?",
            "30:15: error[M003]: there is no code map `sex`; add [codes.sex]",
        ],
    );
    check(
        "profile = \"clinical\"",
        "profile = \"clinic\"",
        &["3:11: error[M013]: there is no profile `clinic`; did you mean `clinical`?"],
    );
    check(
        "$position",
        "$positon",
        &["16:16: error[M004]: there is no variable `$positon`; did you mean `$position`?"],
    );
    check("[mapping]", "[maping]", &["M001"]);
}

#[test]
fn kinds_and_constants() {
    check(
        "'time | datetime(\"yyyy-MM-dd HH:mm:ss\")'",
        "'time'",
        &[
            "31:12: error[M043]: `begntime` is YYYYMMDDhhmmss, the expression gives text; add `| datetime(\"yyyy-MM-dd HH:mm:ss\")` with the patterns this source writes",
        ],
    );
    check(
        "'$position'",
        "'@no'",
        &["16:15: error[M043]: `diag_srt_no` is N..2, the expression gives text; add `| decimal`"],
    );
    check(
        "vali_flag = '\"1\"'",
        "vali_flag = '\"7\"'",
        &["19:13: error[M044]: `7` is not a code of vali_flag"],
    );
    check("yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd hh:mm:ss", &["M003"]);
}

#[test]
fn what_is_missing() {
    check(
        "dept_name = 'dept'\n",
        "",
        &["22:10: error[M041]: `outpatient_registration` requires dept_name"],
    );
    check("lane = 'a/no'\n", "", &["M031", "M031"]);
    check("key = ['../no', '@code']\n", "", &["M042"]);
    check("each = \"a/d\"", "each = 'a/d | trim'", &["M032"]);
}

#[test]
fn paths() {
    check(
        "each = \"a/d\"",
        "each = 'a/d/folowing-sibling::d'",
        &[
            "12:13: error[M002]: there is no axis `folowing-sibling`; did you mean `following-sibling`?",
        ],
    );
    check(
        "diag_code = '@code'",
        "diag_code = '../d[@code = $itm/x]/@code'",
        &["17:27: error[M002]: a text in double quotes or $item/... was expected here"],
    );
    check(
        "'@code'\ndiag_name",
        "'@code[. is nul]'\ndiag_name",
        &[
            "17:25: error[M002]: `is` asks for absent, empty, null or present, not `nul`; did you mean `null`?",
        ],
    );
    check(
        "'$position'",
        "'cuont(../d)'",
        &["16:16: error[M002]: there is no function `cuont`; did you mean `count`?"],
    );
    check(
        "'$position'",
        "'sum(../d, @n)'",
        &["16:26: error[M003]: `sum` adds numbers, not text; add `| decimal`"],
    );
}

#[test]
fn comparisons() {
    let when = "when = 'a/kind = \"visit\"'";
    check(
        when,
        "when = 'a/n > 5'",
        &["4:9: error[M005]: text has no order; restate it, for example `| decimal`"],
    );
    check(
        when,
        "when = 'a and a/n | decimal >= a/m'",
        &["4:15: error[M005]: a number cannot be compared with text; restate one of them"],
    );
    check(when, "when = 'count(a) = \"many\"'", &["4:9: error[M005]: a number is never `many`"]);
    check(
        when,
        "when = 'a/n = 5'",
        &["4:9: error[M005]: text cannot be compared with a number; restate one of them"],
    );
    check(
        when,
        "when = 'a/n | trim is empty'",
        &["4:9: error[M005]: `is` asks for the field itself: a path without steps"],
    );
    check(
        when,
        "when = 'a/n | split(\"^\") in (\"x\")'",
        &["4:9: error[M005]: `in` asks for one value, not a list"],
    );
    check(when, "when = '(a and b'", &["4:17: error[M002]: `)` was expected here"]);
}

#[test]
fn documents_and_groups() {
    let open = |options: &str| format!("\n[[open]]\nat = \"a/b\"\n{options}\n[codes.sex]");
    for (options, told) in [
        (
            "as = \"xlm\"",
            "9:6: error[M011]: a field can be opened as xml, json, hl7, form, csv, delimited, not `xlm`; did you mean `xml`?",
        ),
        (
            "as = [\"xml\", \"json\"]",
            "9:6: error[M011]: `xml` is a kind of document, which comes last; open what is inside it with an [[open]] of its own",
        ),
        (
            "as = [\"bas64\", \"json\"]",
            "9:6: error[M011]: before the kind of document only url, hex, base64, gzip and a cipher such as aes-128-cbc can stand, not `bas64`; did you mean `base64`?",
        ),
        (
            "as = [\"gzip\", \"xml\"]",
            "9:6: error[M011]: a field holds text, and gzip takes bytes: `base64` or `hex` comes before `gzip`",
        ),
        (
            "as = [\"base64\"]",
            "9:6: error[M011]: behind `base64` comes the kind of document, such as [\"base64\", \"xml\"]",
        ),
        ("as = []", "9:6: error[M011]: `as` is a word or a list of words"),
        (
            "as = \"delimited\"",
            "9:6: error[M016]: delimited text needs `columns`: what stands between two cells",
        ),
        (
            "as = \"json\"\ncolumns = \"^\"",
            "10:11: error[M016]: `columns` is for csv and delimited, not for json",
        ),
        (
            "as = \"csv\"\nquote = \"''\"",
            "10:9: error[M016]: `quote` is one character, or empty for none",
        ),
        (
            "as = \"csv\"\nnames = \"first\"",
            "10:9: error[M016]: `names` is a list of names from the left, or \"first-row\"",
        ),
        ("as = \"csv\"\ncolumns = \"\"", "10:11: error[M016]: a separator is not empty"),
        ("as = \"csv\"\ncolums = \";\"", "M001"),
    ] {
        check("\n[codes.sex]", &open(options), &[told]);
    }
    check(
        "\n[codes.sex]",
        "\n[[open]]\nat = 'a[b = $item/c]'\nas = \"xml\"\n[codes.sex]",
        &["8:6: error[M012]: `at` is asked once a message; there is no $item yet"],
    );
    check(
        "\n[codes.sex]",
        "\n[[group]]\nin = 'a | trim'\nstarts = \"d\"\nas = \"g\"\n[codes.sex]",
        &["8:6: error[M012]: `in` is a path to a field, without steps"],
    );
    check(
        "\n[codes.sex]",
        "\n[[group]]\nstarts = \"d\"\nas = \"g\"\nends = [\"d\"]\n[codes.sex]",
        &["10:9: error[M014]: `d` begins a group, it cannot close it too"],
    );
}

#[test]
fn slots_and_contradictions() {
    let each = "each = \"a/d\"\n";
    let slots = |slots: &str| format!("{each}slots = {slots}\n");
    let rows =
        "`slots` has rows of the same one to 9 expressions: [['ICD1', 'ZD1'], ['ICD2', 'ZD2']]";
    check(each, &slots("[['a', 'b'], ['c']]"), &[&format!("13:9: error[M033]: {rows}")]);
    check(each, &slots("[]"), &[&format!("13:9: error[M033]: {rows}")]);
    check(
        each,
        &slots("[['a', 'b'], ['c', 'd | decimal']]"),
        &["13:28: error[M033]: `$2` must be of one kind in every row"],
    );
    check(
        "'@code'\ndiag_name",
        "'$1'\ndiag_name",
        &["17:14: error[M004]: `$1` stands for an expression of `slots`, and there are none here"],
    );
    check(
        &format!("{each}key = ['../no', '@code']\n"),
        &slots("[['a', 'b']]\nkey = ['$3']"),
        &["14:9: error[M004]: a row of `slots` has 2 expressions; there is no `$3`"],
    );
    check(
        each,
        &slots("[['a'], ['b | trimm']]"),
        &["13:23: error[M003]: there is no step `trimm`; did you mean `trim`?"],
    );
    check(
        each,
        &format!("{each}distinct = '@code'\ndiffer = \"warning\"\n"),
        &["14:10: error[M034]: `differ` is refuse, warn or ignore, not `warning`"],
    );
    check(
        each,
        &format!("{each}differ = \"warn\"\n"),
        &[
            "13:10: error[M034]: `differ` says what becomes of rows that `distinct` takes for one and that do not agree; there is no `distinct` here",
        ],
    );
    check(
        &format!("{each}key = ['../no', '@code']\n\n[record.elements]\ndiag_srt_no = '$position'"),
        "slots = [['a']]\nkey = ['$1']\n\n[record.elements]\ndiag_srt_no = '$position'",
        &[
            "16:16: error[M035]: without `each`, `$position` is always 1; the number of the row of slots is `$slot`",
        ],
    );
}

#[test]
fn code_maps() {
    with_codes("local,standard\n男,1\n女,3\n", &["codes/sex.csv:3:1: error[M021]"]);
    with_codes("男,1\n女,2\n", &["codes/sex.csv:1:1: error[M021]"]);
}

/// Replaces one text in the right mapping and compares the problems; an expectation may be a code.
#[test]
fn keys_and_signatures_are_judged_at_load() {
    let open = |rest: &str| format!("\n[[open]]\nat = 'a/x'\n{rest}\n[codes.sex]");
    let sealed = "as = [\"base64\", \"aes-128-cbc\", \"xml\"]";
    for (options, told) in [
        (
            "as = [\"base64\", \"aes-128-ecb\", \"xml\"]",
            "9:6: error[M017]: aes-128-ecb needs `key`",
        ),
        (
            "as = [\"aes-128-ecb\", \"xml\"]\nkey = \"k\"",
            "9:6: error[M011]: a field holds text, and aes-128-ecb takes bytes",
        ),
        (
            "as = [\"hex\", \"aes128-ecb\", \"xml\"]\nkey = \"k\"",
            "not `aes128-ecb`; did you mean `aes-128-ecb`?",
        ),
        (
            "as = [\"base64\", \"aes-128-ecb\"]\nkey = \"k\"",
            "9:6: error[M011]: behind `aes-128-ecb` comes the kind of document",
        ),
        (
            "as = [\"hex\", \"des-ecb\", \"sm4-ecb\", \"xml\"]\nkey = \"k\"",
            "9:6: error[M017]: one field has one cipher",
        ),
        ("as = \"xml\"\nkey = \"k\"", "10:7: error[M017]: `key` goes with a cipher in `as`"),
        ("as = \"xml\"\npadding = \"zero\"", "10:11: error[M017]: `padding` goes with a cipher"),
        (&format!("{sealed}\nkey = \"k\""), "9:6: error[M017]: aes-128-cbc needs `iv`: front"),
        (&format!("{sealed}\nkey = \" \"\niv = \"zero\""), "10:7: error[M017]: a key has a name"),
        (
            &format!("{sealed}\nkey = \"k\"\niv = \"v\"\npadding = \"pkcs5\""),
            "12:11: error[M017]: `padding` is one of pkcs7, zero, not `pkcs5`; did you mean `pkcs7`?",
        ),
        (
            "as = [\"hex\", \"sm4-ecb\", \"xml\"]\nkey = \"k\"\niv = \"zero\"",
            "11:6: error[M017]: sm4-ecb has no vector",
        ),
    ] {
        check("\n[codes.sex]", &open(options), &[told]);
    }
    let verify = |rest: &str| format!("\n[[verify]]\nsign = 'a/s'\n{rest}\n[codes.sex]");
    for (options, told) in [
        (
            "method = \"sha-1\"\nover = ['a/x']",
            "9:10: error[M018]: `method` is one of md5, sha1, sha256",
        ),
        ("method = \"md5\"\nover = []", "10:8: error[M018]: `over` says what is signed"),
        ("method = \"md5\"\nover = ['$key']", "10:8: error[M018]: $key needs `key`"),
        (
            "method = \"md5\"\nover = ['a/x']\nkey = \"k\"",
            "11:7: error[M018]: md5 uses no key unless $key is a part of `over`",
        ),
        (
            "method = \"hmac-sm3\"\nover = ['a/x']",
            "9:10: error[M018]: hmac-sm3 needs `key`: the name of one of the channel's keys",
        ),
        (
            "method = \"hmac-sm3\"\nover = ['$key']\nkey = \"k\"",
            "10:8: error[M018]: hmac-sm3 takes the key itself",
        ),
        ("method = \"md5\"\nover = ['$sorted']", "10:8: error[M018]: $sorted needs `sorted`"),
        (
            "method = \"md5\"\nover = ['a/x']\nsorted = 'a/*'",
            "11:10: error[M018]: nothing is sorted: $sorted is no part of `over`",
        ),
        (
            "method = \"md5\"\nover = ['a/x | split(\",\")']",
            "10:9: error[M018]: a list is no text: join it, or take one item",
        ),
        (
            "method = \"md5\"\nover = ['a/x']\ncharset = \"big5\"",
            "11:11: error[M018]: `charset` is utf-8, gbk or gb18030, not `big5`",
        ),
        ("method = \"md5\"\nover = ['$keys']", "M004"),
        ("method = \"md5\"\nover = ['$sorted']\nsorted = 'a | trim'", "M012"),
        ("method = \"md5\"", "M001"),
    ] {
        check("\n[codes.sex]", &verify(options), &[told]);
    }
    // A key is no value: nothing can write it into a record.
    check("diag_name = '@name | trim'", "diag_name = '$key'", &["M004"]);
}

#[track_caller]
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(RIGHT.contains(from), "`{from}` is not in the mapping");
    compare(&load(&RIGHT.replacen(from, to, 1), SEX), expected);
}

#[track_caller]
fn with_codes(codes: &str, expected: &[&str]) {
    let mut problems = load(RIGHT, codes);
    // The element that uses the map cannot be compiled either; that is told once more.
    problems.retain(|it| it.code != "M003");
    compare(&problems, expected);
}

#[track_caller]
fn compare(problems: &[Problem], expected: &[&str]) {
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for expected in expected {
        assert!(told.iter().any(|it| it.contains(expected)), "`{expected}` is not among {told:#?}");
    }
}

fn load(mapping: &str, codes: &str) -> Vec<Problem> {
    let mut files = Files::new();
    files.insert("v/visit.toml", mapping);
    files.insert("v/codes/sex.csv", codes);
    let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap();
    match MappingSet::load(&files, &catalogs, &[]) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    }
}
