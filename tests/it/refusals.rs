//! Bad input is refused in bounded time, told to its sender, kept for the hospital, and shown to
//! nobody else: what is planted in it appears in no log, no metric and no answer.

use std::time::{Duration, Instant};

use tests::agent::{Agent, Setup};
use tests::cases::{Case, Message};
use tests::his::{self, Answer, Caller, head};
use tests::load;
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::process::wait_until;

#[test]
fn every_kind_of_bad_input_is_refused_by_its_name_and_shown_to_nobody() {
    // Not even a hospital that is looking for an error may find patients in the log.
    let top = "[log]\nlevel = \"debug\"".to_owned();
    let agent = Agent::start(Setup { top, listen: LISTEN.to_owned(), ..Setup::files() });
    let obligations = Obligations::default();
    for case in Case::all() {
        load::send(agent.his(), &case.numbered(1), &obligations);
    }

    let refusals = refusals();
    let mut answers = Vec::new();
    for Refusal { what, message, expected, is_told, .. } in &refusals {
        let started = Instant::now();
        let answer = his::send(agent.his(), message).expect("bad input is answered");
        assert!(started.elapsed() < Duration::from_secs(10), "{what}: {:?}", started.elapsed());
        assert_eq!(summary(&answer), *expected, "{what}: {}", answer.text());
        if !is_told {
            answers.push((*what, answer.text().to_owned()));
        }
    }

    // The daemon works as before, and what was promised before and after is delivered.
    for case in Case::all() {
        load::send(agent.his(), &case.numbered(2), &obligations);
    }
    agent.await_drained();
    let platform = Platform::of_folder(&agent.records());
    obligations.assert_met_by(&platform.receive(obligations.count()));

    let kept = refusals.iter().filter(|it| it.is_kept).count();
    let readiness = agent.readiness();
    assert_eq!(readiness["outbox"]["dead_letters"], kept, "{readiness}");
    answers.push(("/readyz", readiness.to_string()));
    let metrics = his::get(agent.operators(), "/metrics").expect("the agent answers");
    assert!(metrics.text().contains("outcome=\"refused\""), "{}", metrics.text());
    answers.push(("/metrics", metrics.text().to_owned()));
    let told = || agent.log().matches("message refused").count();
    wait_until(Duration::from_secs(60), || told() >= kept);
    assert_eq!(told(), kept, "{}", agent.log());
    answers.push(("the log", agent.log()));
    for (place, text) in answers {
        for canary in [NAME, ID_NUMBER, TELEPHONE] {
            assert!(!text.contains(canary), "{place} tells {canary}: {text}");
        }
    }
}

#[test]
fn callers_that_break_http_are_answered_or_cut_off_in_time() {
    let setup = Setup { listen: LISTEN.to_owned(), ..Setup::files() };
    let agent = Agent::start(setup);
    let message = Case::of("pinyin").message();
    let path = message.path();

    // More is announced than comes.
    let mut request = head("POST", &path, &[("Content-Length", "100000")]);
    request.extend_from_slice(&message.bytes);
    check_broken(&agent, &request, "408 15 I102");
    // Nothing more comes: the head never ends.
    check_broken(
        &agent,
        b"POST /v1/channels/pinyin/messages HTTP/1.1\r\nHost: a\r\n",
        "408 15 I141",
    );
    // Chunks that are none.
    let chunked = head("POST", &path, &[("Transfer-Encoding", "chunked")]);
    check_broken(&agent, &[&chunked, &b"XYZ\r\n"[..]].concat(), "400 15 I103");
    let lengths = [("Content-Length", "5"), ("Content-Length", "6")];
    check_broken(&agent, &[&head("POST", &path, &lengths), &b"<a/>  "[..]].concat(), "400 15 I143");
    check_broken(&agent, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400 15 I143");
    check_broken(&agent, &head("GET", &path, &[]), "405 15 I106");
    check_broken(&agent, &head("POST", "/v2/messages", &[("Content-Length", "0")]), "404 13 I105");
    let long = "a".repeat(1_000_000);
    check_broken(&agent, &head("POST", &path, &[("X-Long", &long)]), "431 15 I142");

    assert_eq!(his::send(agent.his(), &message).expect("the agent answers").status, 200);
}

#[test]
fn two_lengths_smuggle_no_second_request() {
    let agent = Agent::start(Setup::files());
    let smuggled = Case::of("cdss").message();
    let mut inner =
        head("POST", &smuggled.path(), &[("Content-Length", &smuggled.bytes.len().to_string())]);
    inner.extend_from_slice(&smuggled.bytes);
    let length = (inner.len() + 5).to_string();
    for headers in [
        [("Content-Length", length.as_str()), ("Transfer-Encoding", "chunked")],
        [("Transfer-Encoding", "chunked"), ("Content-Length", length.as_str())],
    ] {
        let mut request = head("POST", "/v1/channels/cdss/messages", &headers);
        request.extend_from_slice(b"0\r\n\r\n");
        request.extend_from_slice(&inner);
        let mut caller = Caller::connect(agent.his()).expect("the agent answers");
        caller.write(&request).expect("the agent reads");
        let answer = caller.answer().expect("an answer");
        assert_eq!(answer.status, 400, "{}", answer.text());
        // The connection ends here, whatever stands behind.
        let rest = caller.rest().unwrap_or_default();
        assert!(rest.is_empty(), "a second answer: {rest:?}");
    }
    assert_eq!(agent.readiness()["outbox"]["next_seq"], 1, "something was smuggled in");
}

/// One bad message and what must come of it: status, annex A's number, codes.
struct Refusal {
    what: &'static str,
    message: Message,
    expected: &'static str,
    /// Whether its bytes go to the dead letters.
    is_kept: bool,
    /// Whether its sender, and nobody else, is told what was found.
    is_told: bool,
}

fn refusals() -> Vec<Refusal> {
    let kept = |what, message, expected| Refusal {
        what,
        message,
        expected,
        is_kept: true,
        is_told: false,
    };
    let not_kept =
        |what, message, expected| Refusal { is_kept: false, ..kept(what, message, expected) };
    let told = |what, message, expected| Refusal { is_told: true, ..kept(what, message, expected) };
    let [platform, techservice, pinyin, cdss] =
        ["platform", "techservice", "pinyin", "cdss"].map(marked);
    let unknown = Message { channel: "nowhere".to_owned(), ..cdss.clone() };
    let picture = Message { content_type: Some("image/png".to_owned()), ..cdss.clone() };
    let with = |bytes: Vec<u8>| Message { bytes, ..pinyin.clone() };
    let cut = pinyin.bytes.windows(6).position(|it| it == NAME_GBK).expect("the name is there");
    let nested = format!("<a>{NAME}").repeat(5_000).into_bytes();
    let doctype =
        format!("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;{NAME}</a>");
    vec![
        not_kept("unknown channel", unknown, "404 13 I104"),
        not_kept("empty body", with(b" \r\n".to_vec()), "400 12 D101"),
        not_kept("body too large", with(vec![b'<'; 200_000]), "413 12 I101"),
        kept("wrong content type", picture, "415 12 D103"),
        kept("neither XML nor JSON", with(NAME.as_bytes().to_vec()), "400 12 D105"),
        kept("malformed XML", pinyin.spoilt("</XINGMING>", "</XINGMINGG>"), "400 12 D306"),
        kept("malformed JSON", cdss.spoilt("\"sex\":", "\"sex\""), "400 12 D401"),
        kept("DOCTYPE", with(doctype.into_bytes()), "400 12 D301"),
        kept("deep nesting", with(nested), "400 12 D107"),
        kept(
            "cut inside a character",
            with(pinyin.bytes.iter().take(cut + 1).copied().collect()),
            "400 12 D202",
        ),
        kept("no mapping", cdss.spoilt("HIS90041", "HIS90099"), "422 12 M101"),
        kept("unknown local code", cdss.spoilt("\"BID\"", "\"ZZZ\""), "422 12 M203"),
        told("a name where a code belongs", pinyin.spoilt([0xC4, 0xD0], NAME_GBK), "422 12 M203"),
        told(
            "an id number where a code belongs",
            cdss.spoilt("\"BID\"", quoted(ID_NUMBER)),
            "422 12 M203",
        ),
        kept("missing element", cdss.spoilt("\"recipeno\"", "\"number\""), "422 12 V101"),
        kept(
            "id number too long",
            cdss.spoilt(ID_NUMBER, format!("{ID_NUMBER}{}", "9".repeat(40))),
            "422 12 V201",
        ),
        kept("SOAP 1.1, malformed", platform.spoilt("</msgHeader>", "</msgHead>"), "500 fault 1.1"),
        kept(
            "SOAP 1.2, malformed",
            techservice.spoilt("</actionCode>", "</action>"),
            "500 fault 1.2",
        ),
        kept("SOAP 1.1, no mapping", platform.spoilt("SendOutp", "Send"), "200 12 M101"),
        kept("SOAP 1.2, malformed inside", techservice.spoilt("&lt;/hzxm&gt;", ""), "200 12 M102"),
    ]
}

/// A vendor's message about a patient who must appear nowhere.
fn marked(vendor: &str) -> Message {
    let message = Case::of(vendor).message();
    let is_utf_8 = std::str::from_utf8(&message.bytes).is_ok();
    let (from, to) = if is_utf_8 {
        ("李建国".as_bytes(), NAME.as_bytes())
    } else {
        (&[0xC0, 0xEE, 0xBD, 0xA8, 0xB9, 0xFA][..], &NAME_GBK[..])
    };
    message
        .spoilt(from, to)
        .spoilt("999901196803150011", ID_NUMBER)
        .spoilt("13800000000", TELEPHONE)
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// Status, annex A's number and codes; or the version of a SOAP fault.
pub(crate) fn summary(answer: &Answer) -> String {
    let text = answer.text();
    let soap_11 = "xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"";
    if text.contains(":Fault>") {
        let version = if text.contains(soap_11) { "1.1" } else { "1.2" };
        return format!("{} fault {version}", answer.status);
    }
    let said = answer.said();
    // One code is enough to see that the right thing was told; others may follow.
    let first = said.detail.first().map_or("", String::as_str);
    format!("{} {} {first}", answer.status, said.code)
}

/// Sends bytes and waits for an answer or the end of the connection, in bounded time.
#[track_caller]
fn check_broken(agent: &Agent, request: &[u8], expected: &str) {
    let started = Instant::now();
    let mut caller = Caller::connect(agent.his()).expect("the agent answers");
    // The agent may close while we still write; what it has said before that counts.
    let _ = caller.write(request);
    let actual = caller.answer().map_or_else(|_| "cut off".to_owned(), |it| summary(&it));
    assert_eq!(actual, expected);
    assert!(started.elapsed() < Duration::from_secs(8), "it took {:?}", started.elapsed());
}

/// Short bounds, so that a test can wait for them.
const LISTEN: &str = "body_bytes_max = 100000\nhead_timeout_ms = 1000\nbody_timeout_ms = 1000\n";
const NAME: &str = "赵铁柱";
const NAME_GBK: [u8; 6] = [0xD5, 0xD4, 0xCC, 0xFA, 0xD6, 0xF9];
const ID_NUMBER: &str = "999901198512120038";
const TELEPHONE: &str = "13911112222";
