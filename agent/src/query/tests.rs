//! Reading over the door, from a real store, in raw HTTP.

use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Extension;
use axum::response::Response;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::callers::Seat;
use crate::config::Config;
use crate::envelope::{Draft, Original, Submission};
use crate::forward::ForwardState;
use crate::intake::{Road, http};
use crate::outbox::{Options, Outbox, WriterHandle};
use crate::sets::Sets;

const TOKENS: &str = "\
[[caller]]
name = \"emr\"
token_sha256 = \"2790ea26a8a8fadabc24a2a419724b02daed32320676df533e803f8a0f55a869\"
[[caller]]
name = \"ward\"
token_sha256 = \"1bddec4ba41f7f855d9fc64c5f9e21167da3360a4b1498726fecd5897f486604\"
channels = [\"rx\"]
[[query]]
name = \"prescriptions\"
callers = [\"emr\"]
entity = \"fee_detail_outpatient\"
elements = [\"rxno\", \"psn_no\", \"cnt\"]
rows_max = 2
[[query]]
name = \"fees\"
callers = [\"emr\", \"ward\"]
entity = \"fee_detail_outpatient\"
elements = [\"psn_no\"]
unmasked = [\"psn_no\"]
[[query]]
name = \"diagnoses\"
callers = [\"emr\"]
entity = \"admission_diagnosis\"
elements = [\"psn_no\"]
[[query]]
name = \"whose\"
callers = [\"emr\"]
entity = \"admission_diagnosis\"
elements = [\"psn_no\"]
unmasked = [\"psn_no\"]
[[channel]]
name = \"rx\"
mappings = [\"platform/\"]
";

#[tokio::test]
async fn records_are_read_by_key_patient_and_time_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let (road, _writer) = house(folder.path());
    for (at, entity, key, person) in [
        ("20261120080000", "fee_detail_outpatient", "A", "P10001"),
        ("20261121080000", "fee_detail_outpatient", "B", "P20002"),
        ("20261122080000", "outpatient_prescription", "A", "P10001"),
        ("20261122080000", "fee_detail_outpatient", "C", "P10001"),
        ("20261122090000", "fee_detail_outpatient", "A", "P10001x"),
    ] {
        take(&road, at, (entity, key, person)).await;
    }
    let rx = "entity=fee_detail_outpatient&token=a-token-of-tests";
    check(&road, &format!("{rx}&key=A"), "A1 A2").await;
    check(&road, &format!("{rx}&key=nobody"), "").await;
    check(&road, &format!("{rx}&patient=P10001"), "A1 C1 next").await;
    check(&road, &format!("{rx}&patient=P10001&from=20261122"), "C1").await;
    check(&road, &format!("{rx}&from=20261120&to=20261121"), "A1 B1 next").await;
    check(&road, &format!("{rx}&from=20261121080001"), "C1 A2 next").await;
    check(&road, &format!("{rx}&from=20261120&limit=1"), "A1 next").await;
    check(&road, "query=fees&token=a-token-of-tests&key=A", "A1 A2").await;

    // The pages together are everything, once.
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let (_, told) = ask(&road, &format!("{rx}&from=20261120{after}")).await;
        let rows = told["data"]["records"].as_array().unwrap();
        seen.extend(rows.iter().map(|it| it["key"].as_str().unwrap().to_owned()));
        let Some(next) = told["data"]["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen.concat(), "ABCA");

    // Chosen elements only, as exact as they are kept, persons masked unless said.
    let (_, told) = ask(&road, &format!("{rx}&key=B")).await;
    let row = &told["data"]["records"][0];
    assert_eq!(row["elements"]["psn_no"], "P***2", "{row}");
    assert_eq!(row["elements"].as_object().unwrap().len(), 3, "{row}");
    assert_eq!(row["state"], "waiting");
    let (text, _) = ask(&road, &format!("{rx}&key=B")).await;
    assert!(text.contains("\"cnt\":1.00"), "{text}");
    let (_, told) = ask(&road, "query=fees&token=a-token-of-tests&key=A").await;
    assert_eq!(told["data"]["records"][0]["elements"]["psn_no"], "P10001");
}

#[tokio::test]
async fn who_may_not_reads_nothing_and_who_reads_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let (road, _writer) = house(folder.path());
    take(&road, "20261120080000", ("fee_detail_outpatient", "A", "P10001")).await;
    for (asked, code) in [
        ("entity=fee_detail_outpatient&key=A", "I221"),
        // What there is to be read is told to those who may read.
        ("entity=encounter&key=A", "I221"),
        ("", "I221"),
        ("entity=fee_detail_outpatient&key=A&token=wrong", "I222"),
        ("entity=encounter&key=A&token=a-token-of-tests", "I171"),
        ("entity=fee_detail_outpatient&token=a-token-of-tests", "I172"),
        ("entity=fee_detail_outpatient&token=a-token-of-tests&from=yesterday", "I172"),
        ("entity=fee_detail_outpatient&token=a-token-of-tests&from=20261120&after=9", "I172"),
        ("token=a-token-of-tests", "I172"),
        ("entity=fee_detail_outpatient&limit=x", "I172"),
        ("entity=fee_detail_outpatient&token=a-token-of-tests&key=A&limit=0", "I172"),
    ] {
        let (text, told) = ask(&road, asked).await;
        assert_eq!(told["detail"][0]["code"], code, "{asked}: {text}");
    }
    let rx = "entity=fee_detail_outpatient&token=a-token-of-tests&patient=P10001";
    check(&road, rx, "A1").await;
    let mut calls = String::new();
    road.outbox
        .walk_shelf(b"wq", b"wr", |_, bytes| {
            calls.push_str(str::from_utf8(bytes).unwrap());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert!(calls.contains("\"caller\":\"emr\"") && calls.contains("\"rows\":1"), "{calls}");
    assert!(calls.matches("\"id\"").count() == 1 && !calls.contains("P10001"), "{calls}");
}

/// The agent's own records come by no channel of the configuration, nor do those of one that was removed.
#[tokio::test]
async fn a_key_is_found_whatever_channel_it_came_by() {
    let folder = tempfile::tempdir().unwrap();
    let (road, _writer) = house(folder.path());
    for (channel, key) in [("checks", "A"), ("removed", "B"), ("rx", "C")] {
        let row = ("fee_detail_outpatient", key, "P10001");
        take_by(&road, channel, "20261120080000", row).await;
    }
    for key in ["A", "B", "C"] {
        let asked = format!("query=fees&token=a-token-of-tests&key={key}");
        check(&road, &asked, &format!("{key}1")).await;
    }
    check(&road, "query=fees&token=a-token-of-tests&key=D", "").await;
    // Who was given one channel reads what came by that.
    for (key, expected) in [("A", ""), ("B", ""), ("C", "C1")] {
        check(&road, &format!("query=fees&token=a-token-of-rx&key={key}"), expected).await;
    }
    check(&road, "query=fees&token=a-token-of-rx&from=20261120", "C1").await;
}

/// Who is not told a person's number does not read it from the key either.
#[tokio::test]
async fn a_key_that_tells_a_person_is_masked_like_the_person() {
    let folder = tempfile::tempdir().unwrap();
    let (road, _writer) = house(folder.path());
    take(&road, "20261120080000", ("admission_diagnosis", "P10001", "P10001")).await;
    let (text, _) = ask(&road, "query=diagnoses&token=a-token-of-tests&key=P10001").await;
    assert!(text.contains("\"key\":\"P***1\"") && !text.contains("P10001"), "{text}");
    check(&road, "query=whose&token=a-token-of-tests&key=P10001", "P100011").await;
}

/// A mapping's own key may be made of anything: of a number that the record has, or of one that it has not.
#[tokio::test]
async fn a_key_of_a_mapping_tells_no_person_either() {
    let folder = tempfile::tempdir().unwrap();
    let (road, _writer) = house(folder.path());
    let identity = "11010519491231002X";
    for (key, person) in
        [("P10001|7", "P10001"), (&format!("{identity}|8"), "P10002"), ("F|9", "P3")]
    {
        take(&road, "20261120080000", ("fee_detail_outpatient", key, person)).await;
    }
    let (text, _) = ask(&road, "query=prescriptions&token=a-token-of-tests&from=20261120").await;
    assert!(text.contains("\"key\":\"P***7\"") && text.contains("\"key\":\"1***8\""), "{text}");
    let asked = "query=fees&token=a-token-of-tests&from=20261120";
    check(&road, asked, "P10001|71 1***81 F|91").await;
}

#[tokio::test]
async fn a_page_is_bounded_by_bytes_and_kept_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (road, _writer) = house(folder.path());
    let long = "P".repeat(3 << 20);
    for key in ["A", "B", "C"] {
        take(&road, "20261120080000", ("fee_detail_outpatient", key, &long)).await;
    }
    let response = answer(&road, "query=fees&token=a-token-of-tests&from=20261120").await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let bytes = to_bytes(response.into_body(), 16 << 20).await.unwrap();
    let told: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(told["data"]["records"].as_array().unwrap().len(), 2);
    assert!(told["data"]["next"].is_string());
}

#[test]
fn a_query_names_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let text = text(folder.path()).replace("\"rxno\", ", "\"rxnoo\", ");
    let config = Config::parse("agent.toml", &text).unwrap();
    let told: Vec<String> =
        Sets::load(&config).unwrap_err().iter().map(ToString::to_string).collect();
    assert!(
        told[0].contains("error[A021]") && told[0].contains("did you mean `rxno`?"),
        "{told:?}"
    );
}

async fn take(road: &Arc<Road>, at: &str, row: (&str, &str, &str)) {
    take_by(road, "rx", at, row).await;
}

async fn take_by(
    road: &Arc<Road>,
    channel: &str,
    at: &str,
    (entity, key, person): (&str, &str, &str),
) {
    let elements =
        format!("{{\"rxno\":\"{key}\",\"psn_no\":\"{person}\",\"cnt\":1.00,\"psn_name\":\"某\"}}");
    let tail = format!("\"entity\":\"{entity}\",\"elements\":{elements}");
    let digest = [u8::try_from(person.len() % 256).unwrap(); 32];
    let draft = Draft::new(entity.to_owned(), key.to_owned(), key.to_owned(), digest, tail);
    let submission = Submission {
        channel: channel.into(),
        message_id: crate::clock::new_id(),
        received_at: at.to_owned(),
        org: "H1".into(),
        schema: "s".into(),
        drafts: vec![draft],
        original: Original::default(),
    };
    road.outbox.append(submission).await.unwrap();
}

async fn answer(road: &Arc<Road>, asked: &str) -> Response {
    let seat = Arc::new(Seat::new(Some("10.0.0.9:9".parse().unwrap())));
    let router = http::his_routes(road).layer(Extension(seat));
    let uri = format!("/v1/records?{asked}");
    let request = ::http::Request::builder().uri(uri).body(Body::empty()).unwrap();
    router.oneshot(request).await.unwrap()
}

async fn ask(road: &Arc<Road>, asked: &str) -> (String, Value) {
    let response = answer(road, asked).await;
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let told = serde_json::from_str(&text).unwrap();
    (text, told)
}

/// Key and revision of what is told, and whether there is more.
async fn check<'a>(road: &'a Arc<Road>, asked: &'a str, expected: &'a str) {
    let (text, told) = ask(road, asked).await;
    let rows = told["data"]["records"].as_array().unwrap_or_else(|| panic!("{text}"));
    let mut seen: Vec<String> = rows
        .iter()
        .map(|it| format!("{}{}", it["key"].as_str().unwrap(), it["revision"]))
        .collect();
    seen.extend(told["data"]["next"].as_str().map(|_| "next".to_owned()));
    assert_eq!(seen.join(" "), expected, "{asked}: {text}");
}

fn text(folder: &Path) -> String {
    format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{}/outbox\"\n{TOKENS}",
        folder.display()
    )
}

fn house(folder: &Path) -> (Arc<Road>, WriterHandle) {
    let config = Config::parse("agent.toml", &text(folder)).unwrap_or_else(|it| panic!("{it:?}"));
    let sets = Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"));
    let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
    let road = Road::new(config, sets, outbox, Arc::new(ForwardState::default()));
    (Arc::new(road), writer)
}
