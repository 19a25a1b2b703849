//! The book, on a disk.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::read::Wanted;
use super::*;

#[test]
fn calls_are_written_packed_found_and_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let calls = book(folder.path(), 1 << 20);
    calls.note(&call(Some("lis"), "rx", 200, None));
    calls.note(&call(None, "rx\t\n<", 401, Some("I221")));
    calls.write();
    let today = calls.days().pop().unwrap().1;
    assert_eq!(fs::metadata(&today).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&today).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("\tlis\t10.1.0.7\tmessage\trx\t200\t-\t42\t7\t0199\n"), "{text}");
    assert!(text.contains("\t-\t10.1.0.7\tmessage\trx??<\t401\tI221\t"), "{text}");

    // Older days are packed and stay readable; the oldest go.
    let old = |day: &str| text.lines().next().unwrap().replacen(&text[..8], day, 1) + "\n";
    fs::write(calls.folder.join("20200101.tsv"), old("20200101")).unwrap();
    let before = clock::now().date().yesterday().unwrap().to_string().replace('-', "");
    fs::write(calls.folder.join(format!("{before}.tsv")), old(&before)).unwrap();
    calls.tidy();
    let names: Vec<String> =
        calls.days().iter().map(|it| it.1.file_name().unwrap().to_str().unwrap().into()).collect();
    assert_eq!(names, [format!("{before}.tsv.gz"), format!("{}.tsv", &text[..8])]);
    check(&calls, &json!({}), 3);
    check(&calls, &json!({ "limit": 2 }), 2);
    check(&calls, &json!({ "caller": "lis" }), 2);
    check(&calls, &json!({ "caller": "lis", "to": before }), 1);
    check(&calls, &json!({ "caller": "lis", "from": &text[..8] }), 1);
    check(&calls, &json!({ "code": "I221", "verb": "message" }), 1);
    check(&calls, &json!({ "channel": "other" }), 0);
    let last = calls.list(&Wanted::default()).unwrap().pop().unwrap();
    assert_eq!((last["status"].as_u64(), last["caller"].as_str()), (Some(401), None), "{last}");
}

#[test]
fn a_book_that_cannot_be_written_is_told_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let calls = book(folder.path(), 200);
    for _ in 0..200_000 {
        calls.note(&call(Some("lis"), "rx", 200, None));
    }
    calls.write();
    let (code, text) = calls.alert().unwrap();
    assert!(code == "I233" && !text.contains("缺 0 次"), "{text}");
    assert!(calls.waiting().lines.len() <= WAITING_BYTES_MAX + 200);
    // What a full day cannot take is counted and does not stand in the next day's way.
    assert_eq!(calls.waiting().lines, "");
    let calls = Calls { bytes_max: 1 << 30, ..calls };
    calls.write();
    assert!(calls.alert().is_some(), "nothing was written: nothing is known to be well");
    calls.note(&call(Some("lis"), "rx", 200, None));
    calls.write();
    assert_eq!(calls.alert(), None);
}

/// They can call as fast as the wire allows, and the others' calls must stay.
#[test]
fn strangers_fill_no_book() {
    let folder = tempfile::tempdir().unwrap();
    let calls = book(folder.path(), 1 << 20);
    for code in ["I221", "I222", "I227", "I161", "I164", "I172"] {
        for _ in 0..5_000 {
            calls.note(&call(None, "rx", 401, Some(code)));
        }
    }
    for _ in 0..300 {
        calls.note(&call(Some("lis"), "rx", 403, Some("I161")));
        calls.note(&call(None, "rx", 200, None));
    }
    calls.write();
    check(&calls, &json!({ "caller": "lis", "limit": 9_999 }), 300);
    let strangers = calls.list(&asked(&json!({ "code": "I221", "limit": 9_999 }))).unwrap().len();
    let all = calls.list(&asked(&json!({ "limit": 9_999 }))).unwrap().len();
    // The minute may turn meanwhile.
    assert!((60..=120).contains(&strangers), "{strangers}");
    assert!((660..=720).contains(&all), "{all}");
    let mut waiting = Waiting::default();
    let mut written = |at| (0..100).filter(|_| waiting.has_room_for_strangers(at)).count();
    assert_eq!([written("20261122101500"), written("20261122101559")], [60, 0]);
    assert_eq!(written("20261122101600"), 60);
}

#[test]
fn however_much_comes_today_the_days_before_stay() {
    let folder = tempfile::tempdir().unwrap();
    let calls = book(folder.path(), 4_000);
    let [day, before] = [clock::now().date(), clock::now().date().yesterday().unwrap()]
        .map(|it| it.to_string().replace('-', ""));
    let at = |day: &str| calls.folder.join(format!("{day}.tsv"));
    fs::create_dir_all(&calls.folder).unwrap();
    fs::write(at(&before), format!("{before}101500\tlis\n")).unwrap();
    fs::write(at(&day), "x".repeat(3_990)).unwrap();
    calls.tidy();
    assert_eq!(calls.days().len(), 2, "{:?}", calls.days());
    // And today has its half.
    fs::remove_file(at(&day)).unwrap();
    for _ in 0..20 {
        (0..10).for_each(|_| calls.note(&call(Some("lis"), "rx", 200, None)));
        calls.write();
    }
    let length = fs::metadata(at(&day)).unwrap().len();
    assert!((1_000..=2_000).contains(&length), "{length}");
    assert!(calls.alert().unwrap().1.contains("half of bytes_max"));
}

#[test]
fn a_day_that_is_packed_twice_keeps_its_first_lines() {
    let folder = tempfile::tempdir().unwrap();
    let calls = book(folder.path(), 1 << 20);
    let day = clock::now().date().yesterday().unwrap().to_string().replace('-', "");
    fs::create_dir_all(&calls.folder).unwrap();
    for (number, caller) in ["first", "second", "third"].into_iter().enumerate() {
        let path = calls.folder.join(format!("{day}.tsv"));
        fs::write(path, format!("{day}101500\t{caller}\n")).unwrap();
        let told = || {
            let all = calls.list(&Wanted::default()).unwrap();
            all.iter().map(|it| it["caller"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let expected = &["first", "second", "third"][..=number];
        assert_eq!(told(), expected, "before it is packed");
        calls.tidy();
        assert_eq!(
            (told(), calls.days().len()),
            (expected.iter().map(|it| (*it).to_owned()).collect(), 1)
        );
    }
}

fn book(folder: &std::path::Path, bytes_max: u64) -> Calls {
    Calls::new(&CallsConfig { dir: folder.join("calls"), keep_days: 30, bytes_max })
}

fn call<'a>(
    caller: Option<&'a str>,
    channel: &'a str,
    status: u16,
    code: Option<&'a str>,
) -> Call<'a> {
    Call {
        caller,
        address: Some("10.1.0.7".parse().unwrap()),
        verb: Verb::Message,
        channel: Some(channel),
        status,
        code,
        bytes: 42,
        took: Duration::from_millis(7),
        id: Some("0199"),
    }
}

#[track_caller]
fn check(calls: &Calls, wanted: &serde_json::Value, expected: usize) {
    assert_eq!(calls.list(&asked(wanted)).unwrap().len(), expected, "{wanted}");
}

fn asked(wanted: &serde_json::Value) -> Wanted {
    serde_json::from_value(wanted.clone()).unwrap()
}

use serde_json::json;
