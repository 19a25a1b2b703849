//! The receiver without a broker: messages go straight to its desk, and a restart is a new desk
//! on the same folder.

use std::fs;

use tempfile::TempDir;

use super::*;

#[test]
fn doubles_are_dropped_and_gaps_are_named() {
    let folder = tempfile::tempdir().unwrap();
    check(
        &folder,
        &["1", "2", "2", "5"],
        "4 received, 3 distinct, 1 doubles, 0 rejected, gaps 3-4",
    );
    // The same folder, a later run: memory comes from the files, and late records close the gap.
    check(&folder, &["5", "4", "3"], "3 received, 5 distinct, 1 doubles, 0 rejected, gaps");
    assert_eq!(lines(&folder, "gate-1.e1.20261122.ndjson"), 5);
}

#[test]
fn several_records_may_share_a_message() {
    let folder = tempfile::tempdir().unwrap();
    check(&folder, &["1 2 3", "3 4"], "5 received, 4 distinct, 1 doubles, 0 rejected, gaps");
    // Once alone, once in company: the receiver goes by the record's id, not the message's.
    check(&folder, &["4", "4 5"], "3 received, 5 distinct, 2 doubles, 0 rejected, gaps");
}

#[test]
fn what_is_no_record_is_refused_with_the_reason() {
    refused(br#"{"record_id":"r1","seq":1,"entity":"rx"}"#, "missing field `elements`");
    refused(
        br#"{"record_id":"r1","seq":1,"entity":"rx","elements":[]}"#,
        "`elements` is not an object",
    );
    refused(br#"{"record_id":"","seq":1,"entity":"rx","elements":{}}"#, "`record_id` is empty");
    refused(br#"{"record_id":"r1","seq":0,"entity":"rx","elements":{}}"#, "`seq` is 0");
    refused(br#"{"record_id":"r1","seq":2,"entity":"rx","elements":{}}"#, "x-seq does not fit");
    refused(
        br#"{"record_id":"r2","seq":1,"entity":"rx","elements":{}}"#,
        "message_id does not fit",
    );
    refused(
        b"{\"record_id\":\"r1\",\"seq\":1,\"entity\":\"\xB0\xA1\",\"elements\":{}}",
        "not UTF-8",
    );
    refused(b"", "not a record");
}

/// One record that a database takes in no form would hold up all that come behind it.
#[test]
fn what_no_database_takes_is_refused_and_what_came_with_it_is_not() {
    let odd = |more: &str, elements: &str| {
        format!(r#"{{"record_id":"r1","seq":1,"entity":"rx"{more},"elements":{elements}}}"#)
    };
    refused(odd(r#","channel":"a\u0000b""#, "{}").as_bytes(), "holds U+0000");
    refused(odd(r#","received_at":"2026\u0000""#, "{}").as_bytes(), "holds U+0000");
    refused(odd("", r#"{"a":["x\u0000"]}"#).as_bytes(), "a text holds U+0000");
    refused(odd("", r#"{"a\u0000":1}"#).as_bytes(), "a text holds U+0000");
    refused(odd("", r#"{"a":"\ud800"}"#).as_bytes(), "hex escape");
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    refused(odd("", &deep).as_bytes(), "recursion limit");
    let long = format!(r#","channel":"{}""#, "x".repeat(3_000));
    refused(odd(&long, "{}").as_bytes(), "longer than 255 bytes");

    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), None, &accept_all).unwrap();
    // An escaped backslash before `u0000` is six characters, and no NUL.
    let sound = odd(r#","channel":"his""#, r#"{"a":"\\u0000","b":1.50,"c":"\ud83d\ude00"}"#);
    desk.take(&message(1, &sound));
    let large = sound.replace("\"seq\":1", "\"seq\":9223372036854775808").replace("r1", "r2");
    desk.take(&Incoming { seq: None, ..message(1, &large) });
    let other = record(2, "rx");
    desk.take(&Incoming { agent: "a\0b", ..message(2, &other) });
    let told = tell(&desk.close().unwrap());
    assert_eq!(told, "3 received, 1 distinct, 0 doubles, 2 rejected, gaps");
}

#[test]
fn a_refused_record_is_no_gap_and_is_refused_once() {
    let folder = tempfile::tempdir().unwrap();
    let only_rx = |record: &Record<'_>| match &*record.entity {
        "rx" => Ok(()),
        other => Err(format!("{other} is not expected here")),
    };
    let mut desk = Desk::open(folder.path(), None, &only_rx).unwrap();
    for (seq, entity) in [(1, "rx"), (2, "fee"), (2, "fee"), (3, "rx")] {
        desk.take(&message(seq, &record(seq, entity)));
    }
    let told = tell(&desk.close().unwrap());
    assert_eq!(told, "4 received, 2 distinct, 1 doubles, 1 rejected, gaps");
    check(&folder, &["4"], "1 received, 3 distinct, 0 doubles, 0 rejected, gaps");
    let rejected = fs::read_to_string(folder.path().join("rejected.ndjson")).unwrap();
    assert!(rejected.contains("fee is not expected here"), "{rejected}");
}

#[test]
fn a_line_cut_short_by_a_crash_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    check(&folder, &["1", "2"], "2 received, 2 distinct, 0 doubles, 0 rejected, gaps");
    let path = folder.path().join("gate-1.e1.20261122.ndjson");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 7]).unwrap();
    check(&folder, &["2"], "1 received, 2 distinct, 0 doubles, 0 rejected, gaps");
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn names_from_messages_cannot_leave_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), None, &accept_all).unwrap();
    let body = record(1, "rx");
    desk.take(&Incoming { agent: "../../etc", epoch: "a/b.c", ..message(1, &body) });
    desk.close().unwrap();
    assert_eq!(lines(&folder, "______etc.a_b_c.20261122.ndjson"), 1);
}

#[test]
fn pretty_printed_records_are_kept_on_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), None, &accept_all).unwrap();
    let body = record(1, "rx").replace(",\"", ",\r\n  \"");
    desk.take(&message(1, &body));
    desk.close().unwrap();
    assert_eq!(lines(&folder, "gate-1.e1.20261122.ndjson"), 1);
}

/// Messages are lists of sequence numbers; expects the account of this run on this folder.
#[track_caller]
fn check(folder: &TempDir, messages: &[&str], expected: &str) {
    let mut desk = Desk::open(folder.path(), None, &accept_all).unwrap();
    for text in messages {
        let seqs: Vec<u64> = text.split(' ').map(|it| it.parse().unwrap()).collect();
        let records: Vec<String> = seqs.iter().map(|seq| record(*seq, "rx")).collect();
        let body = records.join("\n");
        let (lines, count) = (seqs.len() > 1, Some(seqs.len() as u64));
        let id = if lines { "r1.3".to_owned() } else { format!("r{text}") };
        desk.take(&Incoming { lines, count, message_id: &id, ..message(seqs[0], &body) });
    }
    assert_eq!(tell(&desk.close().unwrap()), expected);
}

#[track_caller]
fn refused(body: &[u8], reason: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), None, &accept_all).unwrap();
    desk.take(&Incoming { body, message_id: "r1", ..message(1, "") });
    assert_eq!(desk.close().unwrap().rejected, 1);
    let rejected = fs::read_to_string(folder.path().join("rejected.ndjson")).unwrap();
    assert!(rejected.contains(reason), "{rejected}");
}

fn message(seq: u64, body: &str) -> Incoming<'_> {
    let (agent, epoch, seq, body) = ("gate-1", "e1", Some(seq), body.as_bytes());
    let (lines, count, anew) = (false, None, false);
    Incoming { agent, epoch, message_id: "", seq, lines, count, anew, body }
}

fn record(seq: u64, entity: &str) -> String {
    format!(
        "{{\"record_id\":\"r{seq}\",\"seq\":{seq},\"revision\":1,\"entity\":\"{entity}\",\
         \"received_at\":\"20261122101530\",\"elements\":{{\"rxno\":\"CF1\",\"cnt\":1.00}}}}"
    )
}

fn lines(folder: &TempDir, name: &str) -> usize {
    fs::read_to_string(folder.path().join(name)).unwrap().lines().count()
}

fn tell(summary: &Summary) -> String {
    let Summary { received, distinct, doubles, rejected, gaps, .. } = summary;
    let gaps: Vec<_> = gaps.iter().map(|it| format!("{}-{}", it.from, it.to)).collect();
    let rest = format!("{rejected} rejected, gaps {}", gaps.join(" "));
    format!("{received} received, {distinct} distinct, {doubles} doubles, {}", rest.trim_end())
}

#[test]
fn a_day_is_answered_from_the_files_and_wrong_copies_are_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    check(&folder, &["1", "2", "2", "3"], "4 received, 3 distinct, 1 doubles, 0 rejected, gaps");
    let ask = |ask: &str| {
        let mut desk = Desk::open(folder.path(), None, &accept_all).unwrap();
        let question = format!(r#"{{"agent":"gate-1","epoch":"e1","day":"20261122","ask":{ask}}}"#);
        serde_json::to_string(&desk.shelf.answer(question.as_bytes()).unwrap()).unwrap()
    };
    let account = ask(r#""account""#);
    assert!(account.contains(r#""count":3,"first_seq":1,"last_seq":3"#), "{account}");
    assert!(account.contains(r#""record_id":"r2","seq":2,"dropped":1,"different":0"#), "{account}");
    let group = r#""group":{"entity":"rx","channel":""}"#;
    let leaves = ask(&format!(r#""leaves",{group},"ranges":[0]"#));
    let leaves: serde_json::Value = serde_json::from_str(&leaves).unwrap();
    assert_eq!(leaves["leaves"].as_array().unwrap().len(), 3);
    assert!(ask(&format!(r#""ranges",{group}"#)).contains(r#""ranges":[[0,""#));

    // The agent has another record 1, and no record 3; it knows of the double.
    let other =
        format!(r#"[1,"{}","{}"]"#, leaves["leaves"][0][1].as_str().unwrap(), "0".repeat(32));
    let order = format!(r#""withdraw","keep":[{other}],"unknown":["r3"],"doubles":["r2"]"#);
    assert_eq!(ask(&order), r#"{"tell":"withdrawn","copies":2}"#);
    assert_eq!(ask(&order), r#"{"tell":"withdrawn","copies":0}"#);
    let account = ask(r#""account""#);
    assert!(account.contains(r#""count":1,"first_seq":2"#) && account.contains(r#""doubled":[]"#));
    assert_eq!(lines(&folder, "withdrawn.jsonl"), 2);
    assert_eq!(lines(&folder, "gate-1.e1.20261122.ndjson"), 1);
    // What was set aside is new when it comes.
    check(&folder, &["1"], "1 received, 2 distinct, 0 doubles, 0 rejected, gaps");
    assert!(
        ask(r#""keep","statement":{"statement":"{}","signature":"00","public_key":"00"}"#)
            .contains("refused")
    );
    assert!(ask(r#""dance""#).contains("refused"));
}

/// A manifest that the gate cut short holds up no segment behind it.
#[test]
fn a_torn_manifest_is_named_and_holds_nothing_up() {
    let gate = tempfile::tempdir().unwrap();
    segment(&gate, "a-1", &[1]);
    segment(&gate, "a-2", &[2]);
    let torn = gate.path().join("a-1.manifest.json");
    let whole = fs::read(&torn).unwrap();
    fs::write(&torn, &whole[..whole.len() / 2]).unwrap();
    let out = tempfile::tempdir().unwrap();
    let summary = ferried(&gate, &out);
    assert_eq!((summary.distinct, summary.damaged_segments), (1, vec!["a-1.manifest.json".into()]));
    fs::write(&torn, whole).unwrap();
    let summary = ferried(&gate, &out);
    assert_eq!((summary.distinct, summary.damaged_segments.len()), (2, 0));
}

/// A record that is withdrawn as not the agent's does not come back from the segment that lies there still.
#[test]
fn what_was_withdrawn_does_not_come_back_from_its_own_segment() {
    let gate = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    segment(&gate, "a-1", &[1, 2]);
    assert_eq!(ferried(&gate, &out).distinct, 2);
    let id = crate::clock::new_id();
    let order = r#"{"agent":"gate-1","epoch":"e1","day":"20261122",
        "ask":"withdraw","keep":[],"unknown":["r2"],"doubles":[]}"#;
    fs::write(gate.path().join(format!("20261122-{id}.reconcile.json")), order).unwrap();
    for _ in 0..2 {
        assert_eq!(ferried(&gate, &out).distinct, 1);
        assert_eq!(lines(&out, "withdrawn.jsonl"), 1);
    }
    // What the agent sends once more is wanted.
    let ms = crate::outbox::ms_of(&crate::outbox::id_bytes(&id));
    segment(&gate, &format!("a-2-again-{}", ms - 1), &[2]);
    assert_eq!(ferried(&gate, &out).distinct, 1, "that was before the order");
    segment(&gate, &format!("a-2-again-{}", ms + 1), &[2]);
    assert_eq!(ferried(&gate, &out).distinct, 2);
}

fn segment(gate: &TempDir, name: &str, seqs: &[u64]) {
    let body: String = seqs.iter().map(|it| record(*it, "rx") + "\n").collect();
    let manifest = serde_json::to_vec(&Manifest {
        segment: format!("{name}.ndjson"),
        agent: "gate-1".to_owned(),
        epoch: "e1".to_owned(),
        first_seq: seqs[0],
        last_seq: seqs[seqs.len() - 1],
        count: seqs.len() as u64,
        bytes: body.len() as u64,
        sha256: sha256(body.as_bytes()),
    });
    fs::write(gate.path().join(format!("{name}.ndjson")), body).unwrap();
    fs::write(gate.path().join(format!("{name}.manifest.json")), manifest.unwrap()).unwrap();
}

fn ferried(gate: &TempDir, out: &TempDir) -> Summary {
    let (from, out) = (gate.path().to_owned(), out.path().to_owned());
    let options = FilesOptions { from, out, table: None };
    run_files(&options, &accept_all, &CancellationToken::new()).unwrap()
}
