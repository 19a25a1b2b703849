//! The tables against what is really sent, and the file against the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use bytes::Bytes;
use serde::Serialize;

use super::account::{ANSWERED, ASKED};
use super::messages::{HEADERS, MEMBERS, Named, On, PROPERTIES};
use super::*;
use crate::clock;
use crate::config::{Config, keys};
use crate::envelope::{Envelope, Record};
use crate::forward::broker::{Letter, described};
use crate::forward::parcel::Parcel;
use crate::pipeline::{self, Inbound, Verdict};
use crate::reconcile::leaf::Leaf;
use crate::reconcile::page::{Group, Totals};
use crate::reconcile::question::{Answer, Ask, Day, Doubled, Question, Signed};
use crate::sets::Sets;

/// With `HIS_AGENT_UPDATE` set the file is written instead.
#[test]
fn the_file_is_what_the_command_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/asyncapi.json");
    let text = format!("{:#}\n", document(&Catalog::shipped("national").unwrap()));
    if std::env::var_os("HIS_AGENT_UPDATE").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(found == text, "docs/asyncapi.json is not what the code says: HIS_AGENT_UPDATE=1");
}

#[test]
fn what_goes_with_a_record_is_described_and_nothing_else() {
    let records = [record(1), record(2)];
    let [first, second] = &records;
    for (sent, on) in [(vec![first], On::Single), (vec![first, second], On::Several)] {
        let sent = described::described(&Parcel::of(&sent).unwrap());
        assert_eq!(sent.headers, told(HEADERS, on));
        let properties: BTreeSet<&str> = told(PROPERTIES, on).into_keys().collect();
        assert_eq!(sent.properties, properties);
    }
}

#[test]
fn what_goes_with_a_question_is_described_and_nothing_else() {
    let asked = Letter { reply_to: "q".to_owned(), ..Letter::default() };
    let answered = Letter { correlation: "id".to_owned(), ..Letter::default() };
    for (letter, all) in [(asked, ASKED), (answered, ANSWERED)] {
        let told: BTreeSet<&str> = all.iter().map(|it| it.0).collect();
        assert_eq!(described::described_letter(&letter), told);
    }
}

/// A record as the road makes it, but for what the outbox puts before it.
#[test]
fn a_record_has_the_members_that_are_described() {
    let config = Config::parse("agent.toml", &keys::example()).unwrap();
    let sets = Sets::load(&config).unwrap();
    let inbound = Inbound {
        message_id: "m",
        received_at: clock::now(),
        org: "H1",
        bytes: include_bytes!("../cli/demo/prescription-soap-gbk.xml"),
        content_type: Some("text/xml; charset=GBK"),
    };
    let judged = pipeline::judge(&sets.channels["platform"], &inbound, &config.listen.limits);
    let Verdict::Accept(accepted) = judged else { panic!("it was not accepted") };
    let catalog = Catalog::shipped("national").unwrap();
    for draft in &accepted.drafts {
        let made: Value = serde_json::from_str(&format!("{{{}}}", draft.tail)).unwrap();
        let made: BTreeSet<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
        let of_the_outbox = ["record_id", "seq", "revision"];
        let told: BTreeSet<&str> =
            MEMBERS.iter().map(|it| it.0).filter(|it| !of_the_outbox.contains(it)).collect();
        assert_eq!(made, told);
        assert!(catalog.entity(&draft.entity).is_some(), "{} has no schema", draft.entity);
    }
}

#[test]
fn every_question_and_answer_has_the_members_that_are_described() {
    let group = Group { entity: "rx".to_owned(), channel: "c".to_owned() };
    let leaf = Leaf { seq: 1, id: [0; 16], digest: [0; 16] };
    let asks = [
        Ask::Account,
        Ask::Ranges { group: group.clone() },
        Ask::Leaves { group: group.clone(), ranges: vec![1] },
        Ask::Withdraw { keep: vec![leaf], unknown: vec![String::new()], doubles: Vec::new() },
        Ask::Keep { statement: Box::new(Signed::default()) },
    ];
    let document = document(&Catalog::shipped("national").unwrap());
    for ask in asks {
        check(&document, QUESTION, &Question { of: Day::default(), ask });
    }
    let doubled = Doubled { record_id: String::new(), seq: 1, dropped: 1, different: 0 };
    let pages = vec![(group, Totals::default())];
    let answers = [
        Answer::Account { pages, doubled: vec![doubled] },
        Answer::Ranges { ranges: vec![(1, String::new())] },
        Answer::Leaves { leaves: vec![leaf] },
        Answer::Withdrawn { copies: 1 },
        Answer::Kept,
        Answer::Refused { reason: String::new() },
    ];
    for answer in answers {
        check(&document, ANSWER, &answer);
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document(&Catalog::shipped("national").unwrap());
    let text = document.to_string();
    let references = text.split("\"$ref\":\"").skip(1).filter_map(|it| it.split('"').next());
    let mut count = 0;
    for it in references {
        let path = it.strip_prefix('#').unwrap_or_else(|| panic!("{it}"));
        assert!(document.pointer(path).is_some(), "{it}");
        count += 1;
    }
    assert!(count > 100, "{count}");
    for it in ["/channels/records/address", "/channels/control/address", "/operations/sendRecords"]
    {
        assert!(document.pointer(it).is_some(), "{it}");
    }
}

#[track_caller]
fn check(document: &Value, schema: &str, said: &impl Serialize) {
    let schema = &document["components"]["schemas"][schema];
    let said = serde_json::to_value(said).unwrap();
    assert!(fits(document, schema, &said), "{said} is not as described");
    let mut less = said.clone();
    less.as_object_mut().unwrap().clear();
    assert!(!fits(document, schema, &less), "nothing at all is taken for it");
}

/// As much of JSON Schema as the contract is written in. No member may be without a description.
fn fits(document: &Value, schema: &Value, value: &Value) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(document, document.pointer(&reference[1..]).unwrap(), value);
    }
    if let Some(all) = schema["allOf"].as_array() {
        // Each part describes some of the members; the parts together describe all.
        let parts: Vec<Value> = all.iter().map(|it| resolved(document, it)).collect();
        let branches = parts.iter().find_map(|it| it["oneOf"].as_array()).unwrap();
        let common = parts.iter().find(|it| it["properties"].is_object()).unwrap();
        return branches.iter().any(|it| fits(document, &joined(common, it), value));
    }
    if let Some(branches) = schema["oneOf"].as_array() {
        return branches.iter().filter(|it| fits(document, it, value)).count() == 1;
    }
    if let Some(known) = schema.get("const") {
        return known == value;
    }
    match schema["type"].as_str().unwrap() {
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "array" => value.as_array().is_some_and(|it| {
            let of = |at: usize| schema["items"].get(at).unwrap_or(&schema["items"]);
            it.iter().enumerate().all(|(at, it)| fits(document, of(at), it))
        }),
        "object" => value.as_object().is_some_and(|it| {
            let Some(properties) = schema["properties"].as_object() else { return true };
            let known = it.iter().all(|(name, it)| {
                properties.get(name).is_some_and(|schema| fits(document, schema, it))
            });
            known && properties.keys().all(|name| it.contains_key(name))
        }),
        other => panic!("{other}"),
    }
}

fn resolved(document: &Value, schema: &Value) -> Value {
    let reference = schema["$ref"].as_str();
    reference.map_or_else(|| schema.clone(), |it| document.pointer(&it[1..]).unwrap().clone())
}

fn joined(common: &Value, branch: &Value) -> Value {
    let mut joined = common.clone();
    let more = branch["properties"].as_object().unwrap().clone();
    joined["properties"].as_object_mut().unwrap().extend(more);
    joined
}

fn told(all: &[Named], on: On) -> BTreeMap<&'static str, &'static str> {
    let here = all.iter().filter(|it| it.on == On::Both || it.on == on);
    here.map(|it| (it.name, it.kind)).collect()
}

fn record(seq: u64) -> Envelope {
    let text = |it: &str| it.to_owned();
    Record {
        seq,
        record_id: text("r"),
        revision: 1,
        entity: text("outpatient_prescription"),
        org: text("H1"),
        channel: text("c"),
        lane: text("l"),
        key: text("k"),
        schema: text("2024.1"),
        digest: text("d"),
        message_id: text("m"),
        received_at: text("20261122101530"),
        body: Bytes::from_static(b"{}"),
    }
    .into()
}
