//! What other systems read: only who may, only what is configured, masked, page by page; and every call
//! is in the book, also over a kill.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::collections::BTreeSet;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::day::within_a_day;
use tests::his::{Answer, Caller};
use tests::load;
use tests::obligations::Obligations;

#[test]
fn who_may_reads_page_by_page_and_every_call_is_in_the_book_over_a_kill() {
    let mut agent = Agent::start(Setup { channels: TABLES.to_owned(), ..Setup::files() });
    let (obligations, case) = (Obligations::default(), Case::of("cdss"));
    let mut promised = BTreeSet::new();
    for n in 1..=7 {
        let receipt = load::send(agent.his(), &case.numbered(n), &obligations);
        let wanted = receipt.records.into_iter().filter(|it| it.entity == WANTED);
        promised.extend(wanted.map(|it| it.record_id));
    }
    let refused =
        [(None, 401, "I221"), (Some("wrong"), 401, "I222"), (Some("other-secret"), 403, "I224")];
    for (token, status, told) in refused {
        let answer = read(&agent, token, "entity=outpatient_registration&from=20200101");
        assert_eq!((answer.status, code(&answer)), (status, told.into()), "{}", answer.text());
    }
    let answer = read(&agent, Some("a-token-of-tests"), "entity=settlement&from=20200101");
    assert_eq!((answer.status, code(&answer)), (404, "I171".into()), "{}", answer.text());

    let first = pages(&agent);
    assert_eq!(first, promised, "lost or doubled over the pages");
    // Before the answer leaves, the call is on the disk.
    let calls = book(&agent, &[]);
    agent.kill();
    agent.start_again();
    assert_eq!(book(&agent, &[]), calls);
    assert_eq!(pages(&agent), promised);
    let after = book(&agent, &["--caller", "emr", "--query", "visits"]);
    assert_eq!(after.len(), calls.len() * 2, "{after:?}");
    let rows: u64 = after.iter().filter_map(|it| it["rows"].as_u64()).sum();
    assert_eq!(rows, promised.len() as u64 * 2, "{after:?}");
    assert!(book(&agent, &["--caller", "nobody"]).is_empty());
    let text = agent.ask(&["queries", "list", "--limit", "1"]).stdout;
    assert_eq!((text.lines().count(), text.contains("emr\tvisits")), (1, true), "{text}");
}

/// Three days by the clock, then a day on which somebody set it back; all of it delivered meanwhile.
#[test]
fn records_are_read_by_the_time_they_came() {
    within_a_day(4);
    let setup = Setup { channels: TABLES.to_owned(), faults: true, ..Setup::files() };
    let mut agent = Agent::start(setup);
    let (obligations, case) = (Obligations::default(), Case::of("cdss"));
    let mut all: Vec<Vec<Row>> = Vec::new();
    for (day, ahead) in [0, 1, 2, 0].into_iter().enumerate() {
        agent.disk().set_clock(ahead * 86_400);
        for n in 0..2 {
            let number = u64::try_from(day).expect("small") * 10 + n;
            load::send(agent.his(), &case.numbered(number), &obligations);
        }
        agent.await_drained();
        let before: BTreeSet<String> = all.iter().flatten().map(|it| it.0.clone()).collect();
        let here = rows(&agent, "from=20200101");
        all.push(here.into_iter().filter(|it| !before.contains(&it.0)).collect());
        assert_eq!(all.last().map(Vec::len), Some(2), "{all:?}");
    }
    agent.disk().set_clock(0);
    let [first, second, third, fourth] = &all[..] else { panic!("four times") };
    let day_of = |rows: &[Row]| rows[0].1[..8].to_owned();
    let (one, two, three) = (day_of(first), day_of(second), day_of(third));
    check_rows(&agent, &format!("from={one}&to={one}"), &[first, fourth]);
    check_rows(&agent, &format!("from={two}&to={two}"), &[second]);
    check_rows(&agent, &format!("from={two}"), &[second, third]);
    check_rows(&agent, &format!("from={one}&to={two}"), &[first, second, fourth]);
    // To the second: `from` is in it, `to` is behind the last.
    let (begin, end) = (&second[0].1, &third[0].1);
    check_rows(&agent, &format!("from={begin}&to={end}"), &[second]);
    check_rows(&agent, &format!("from={end}"), &[third]);
    check_rows(&agent, &format!("from={three}&limit=1"), &[third]);
    check_rows(&agent, "from=20200101&to=20200131", &[]);
    // By time and by patient together, and over a kill.
    agent.kill();
    agent.start_again();
    check_rows(&agent, &format!("from={three}&patient=P00012345"), &[third]);
    check_rows(&agent, &format!("from={three}&patient=nobody"), &[]);
}

#[track_caller]
fn check_rows(agent: &Agent, asked: &str, expected: &[&Vec<Row>]) {
    let expected: BTreeSet<&Row> = expected.iter().copied().flatten().collect();
    let came = rows(agent, asked);
    assert_eq!(came.iter().collect::<BTreeSet<_>>(), expected, "{asked}");
    assert_eq!(came.len(), expected.len(), "{asked}: one came twice");
}

/// Id and time of every row, over all pages.
#[track_caller]
fn rows(agent: &Agent, asked: &str) -> Vec<Row> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let asked = format!("query=visits&{asked}{after}");
        let answer = read(agent, Some("a-token-of-tests"), &asked);
        assert_eq!(answer.status, 200, "{asked}: {}", answer.text());
        let data = &answer.json()["data"];
        let text = |it: &Value, name: &str| it[name].as_str().expect("a text").to_owned();
        let rows = data["records"].as_array().expect("rows").iter();
        all.extend(rows.map(|it| (text(it, "record_id"), text(it, "received_at"))));
        let Some(next) = data["next"].as_str() else { return all };
        after = format!("&after={next}");
    }
}

type Row = (String, String);

#[test]
fn what_the_dictionary_does_not_have_is_told_before_anything_runs() {
    let tables = TABLES.replace("\"gend\"", "\"gendd\"")
        + "[[subscription]]\nname = \"emr\"\nurl = \"http://10.0.0.9/in\"\n\
           entities = [\"outpatient_prescription\", \"outpatient_prescripton\"]\n\
           when = [\"rx_typee=1\"]\nelements = [\"cnt\", \"cntt\"]\n";
    let agent = Agent::prepare(Setup { channels: tables, ..Setup::files() });
    let ran = agent.ask(&["validate"]);
    assert_eq!(ran.code, Some(78), "{}", ran.stderr);
    for told in [
        "A021]: [[query]] `visits`: outpatient_registration has no `gendd`",
        "A022]: [[subscription]] `emr`: there is no entity `outpatient_prescripton`",
        "A022]: [[subscription]] `emr`: no entity of it has `rx_typee`",
        "A022]: [[subscription]] `emr`: no entity of it has `cntt`; did you mean `cnt`?",
    ] {
        assert!(ran.stderr.contains(told), "`{told}` is not told:\n{}", ran.stderr);
    }
}

/// All pages of two, and what one row looks like.
#[track_caller]
fn pages(agent: &Agent) -> BTreeSet<String> {
    let (mut seen, mut after) = (BTreeSet::new(), String::new());
    loop {
        let asked = format!("query=visits&from=20200101&limit=2{after}");
        let answer = read(agent, Some("a-token-of-tests"), &asked);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let data = &answer.json()["data"];
        for row in data["records"].as_array().expect("rows") {
            let id = row["record_id"].as_str().expect("an id").to_owned();
            assert!(seen.insert(id), "twice: {row}");
            let elements = row["elements"].as_object().expect("elements");
            assert!(
                elements.keys().all(|it| ["mdtrt_sn", "psn_name", "gend"].contains(&it.as_str()))
            );
            let name = row["elements"]["psn_name"].as_str().expect("a name");
            assert!(name.contains("***"), "not masked: {name}");
        }
        let Some(next) = data["next"].as_str() else { return seen };
        after = format!("&after={next}");
    }
}

fn read(agent: &Agent, token: Option<&str>, asked: &str) -> Answer {
    let bearer = token.map(|it| format!("Bearer {it}"));
    let headers: Vec<(&str, &str)> =
        bearer.iter().map(|it| ("Authorization", it.as_str())).collect();
    let mut caller = Caller::connect(agent.his()).expect("the agent listens");
    let path = format!("/v1/records?{asked}");
    caller.call("GET", &path, &headers, b"").expect("the agent answers")
}

fn code(answer: &Answer) -> String {
    answer.json()["detail"][0]["code"].as_str().unwrap_or_default().to_owned()
}

fn book(agent: &Agent, filter: &[&str]) -> Vec<Value> {
    let ran = agent.ask(&[&["queries", "list", "--json"], filter].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout.lines().map(|it| serde_json::from_str(it).expect("a line of JSON")).collect()
}

const WANTED: &str = "outpatient_registration";
/// The tokens are `a-token-of-tests` and `other-secret`.
const TABLES: &str = "\
[[caller]]
name = \"emr\"
token_sha256 = \"2790ea26a8a8fadabc24a2a419724b02daed32320676df533e803f8a0f55a869\"
[[caller]]
name = \"other\"
token_sha256 = \"9c0ee26e4a1fbb028187486a7ea91f81f8ab81fcf467cba75107dbd3a64244d7\"
[[query]]
name = \"visits\"
callers = [\"emr\"]
entity = \"outpatient_registration\"
elements = [\"mdtrt_sn\", \"psn_name\", \"gend\"]
";
