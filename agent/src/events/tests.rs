//! What screens hear, over a real store, spoken to in raw bytes.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use crate::callers::Seat;
use crate::checks::entry::{Check, Found};
use crate::clock;
use crate::config::Config;
use crate::forward::ForwardState;
use crate::intake::Road;
use crate::intake::http::{self, Bounds};
use crate::outbox::{Options, Outbox, WriterHandle};
use crate::patient_key::PatientKey;
use crate::sets::Sets;

#[tokio::test(flavor = "multi_thread")]
async fn a_ward_hears_its_own_findings_as_they_come_and_goes_on_where_it_was() {
    let house = House::new("");
    house.finds(&[("0301", "before")]);
    let mut ward = house.asks("/v1/events?department=0301", &[]).await;
    let greeting = ward.read_until(": 在").await;
    assert!(greeting.starts_with("HTTP/1.1 200 OK"), "{greeting}");
    assert!(greeting.contains("content-type: text/event-stream"), "{greeting}");
    house.finds(&[("0301", "first"), ("0302", "other ward"), ("0301", "second")]);
    let heard = ward.read_until("second").await;
    assert!(heard.contains("first") && !heard.contains("other") && !heard.contains("before"));
    let place = heard.split("id: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    drop(ward);

    // By what browsers send, and by the address: what came behind the first.
    for (query, header) in
        [("", format!("Last-Event-ID: {place}")), (&*format!("?after={place}"), String::new())]
    {
        let mut again = house.asks(&format!("/v1/events{query}"), &[&header]).await;
        let heard = again.read_until("second").await;
        assert!(heard.contains("other ward") && !heard.contains("first\""), "{heard}");
    }
    let mut all = house.asks("/v1/events?after=0", &[]).await;
    assert!(all.read_until("second").await.contains("before"));
    let mut strange = house.asks("/v1/events?after=deadbeef-9", &[]).await;
    let heard = strange.read_until("second").await;
    assert!(heard.contains("event: lost") && heard.contains("before"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_kept_any_more_is_told_as_lost() {
    let house = House::new("");
    house.finds(&[("0301", "old"), ("0301", "old too")]);
    let feed = Arc::clone(house.road.checks.log().unwrap().feed());
    let first = feed.place(0);
    feed.forget_before(&house.road.outbox, "99991231235959").unwrap();
    house.finds(&[("0301", "new")]);
    let mut late = house.asks(&format!("/v1/events?after={first}"), &[]).await;
    let heard = late.read_until("\"new\"").await;
    assert!(heard.contains("event: lost\ndata: {\"events\":2,"), "{heard}");
    assert!(heard.find("event: lost") < heard.find("id: "), "the place comes first: {heard}");
    assert!(!heard.contains("old"), "{heard}");
}

#[test]
fn numbers_go_on_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Outbox::open(&folder.path().join("outbox"), &Options::default()).unwrap();
    let (outbox, writer) = open();
    let log = crate::checks::Log::open(outbox, PatientKey::of_tests()).unwrap();
    log.append(&[check(&[("0301", "F1"), ("0301", "F2")])], None).unwrap();
    let place = log.feed().place(2);
    drop((log, writer));
    let (outbox, writer) = open();
    let feed = Feed::open(&outbox).unwrap();
    assert_eq!((feed.number(&place), feed.oldest(), feed.next()), (Some(2), 1, 3));
    assert_eq!(feed.number("deadbeef-2"), None);
    drop((outbox, writer));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_takes_a_finding_off_the_screen() {
    let house = House::new("");
    let mut ward = house.asks("/v1/events?department=0301", &[]).await;
    ward.read_until(": 在").await;
    house.finds(&[("0301", "F")]);
    ward.read_until("opened").await;
    let given = crate::checks::states::Given {
        finding_id: house.last(),
        state: crate::checks::states::State::Changed,
        at: "20261122101530".to_owned(),
        source: "feedback".to_owned(),
        ..Default::default()
    };
    house.road.checks.log().unwrap().answer(&[given], None).unwrap();
    let heard = ward.read_until("20261122101530").await;
    assert!(heard.contains("\"what\":\"changed\"") && heard.contains("0301"), "{heard}");
}

/// The screen is cut off, nothing is kept in memory for it, and it goes on where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_screen_that_takes_nothing_is_cut_off_and_comes_back() {
    let house = House::new("[events]\npatience_ms = 800\nheartbeat_ms = 100\n");
    let text = "x".repeat(2000);
    let names: Vec<String> = (0..200).map(|it| format!("n{it}-{text}")).collect();
    let found: Vec<(&str, &str)> = names.iter().map(|it| ("0301", it.as_str())).collect();
    let mut slow = house.asks("/v1/events", &[]).await;
    slow.read_until(": 在").await;
    house.finds(&found);
    let heard = slow.read_until("n5-").await;
    tokio::time::sleep(Duration::from_millis(4000)).await;
    let heard = heard + &slow.rest().await;
    assert!(!heard.contains("n199-"), "it was cut off");
    assert!(heard.len() < 200_000, "{} bytes waited for it", heard.len());
    let events: Vec<&str> =
        heard.split("\n\n").filter(|it| it.contains("event: finding")).collect();
    let whole = events.iter().rev().find(|it| it.ends_with('}')).unwrap();
    let place = whole.split("id: ").nth(1).unwrap().lines().next().unwrap();
    let number: usize = place.rsplit('-').next().unwrap().parse().unwrap();
    let mut back = house.asks(&format!("/v1/events?after={place}"), &[]).await;
    let heard = back.read_until("n199-").await;
    assert!(
        heard.contains(&format!("n{number}-")) && !heard.contains(&format!("n{}-", number - 1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_hears_the_same() {
    let house = House::new("");
    let hands = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let mut socket = house.asks("/v1/events?department=0301", &hands).await;
    let greeting = socket.read_until("\"type\":\"beat\"").await;
    assert!(greeting.starts_with("HTTP/1.1 101"), "{greeting}");
    assert!(greeting.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{greeting}");
    house.finds(&[("0302", "other"), ("0301", "mine")]);
    let heard = socket.read_until("\"type\":\"finding\"").await;
    assert!(heard.contains("mine") && !heard.contains("other"), "{heard}");
    house.road.events.stop();
    assert!(socket.read_until("stopping").await.contains("\"type\":\"bye\""));

    let mut broken = house.asks("/v1/events", &["Connection: Upgrade", "Upgrade: websocket"]).await;
    assert!(broken.read_until("I164").await.starts_with("HTTP/1.1 400"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_listen() {
    let near = House::new("");
    near.check("/v1/events", &[], "200").await;
    near.check("/v1/events", &["Origin: http://localhost"], "200").await;
    near.check("/v1/events", &["Host: evil:8700"], "403 I161").await;
    near.check("/v1/events", &["Host: evil", "Origin: http://evil"], "403 I161").await;
    near.check("/v1/events", &["Origin: http://evil"], "403 I161").await;
    near.check("/v1/events?kinds=bird", &[], "400 I164").await;

    let token = "2790ea26a8a8fadabc24a2a419724b02daed32320676df533e803f8a0f55a869"; // a-token-of-tests
    let named = House::new(&format!(
        "[[caller]]\nname = \"wards\"\ntoken_sha256 = \"{token}\"\ndepartments = [\"0301\"]\n\
         [events]\ncallers = [\"wards\"]\nlisteners_max = 1\norigins = [\"http://his\"]\n"
    ));
    named.check("/v1/events", &[], "401 I221").await;
    named.check("/v1/events?token=wrong", &[], "401 I222").await;
    named
        .check(
            "/v1/events?department=0302",
            &["Authorization: Bearer a-token-of-tests"],
            "403 I161",
        )
        .await;
    named.check("/v1/events?kinds=alert&token=a-token-of-tests", &[], "403 I161").await;
    let mut listens =
        named.asks("/v1/events?token=a-token-of-tests", &["Origin: http://his"]).await;
    let head = listens.read_until(": 在").await;
    assert!(head.contains("access-control-allow-origin: http://his"), "{head}");
    named.finds(&[("0302", "other"), ("0301", "mine")]);
    assert!(!listens.read_until("mine").await.contains("other"));
    named.check("/v1/events?token=a-token-of-tests", &[], "503 I162").await;

    // Behind a proxy everybody comes from this machine.
    let shut = House::new("[access]\nwithout_token = \"nobody\"\n");
    shut.check("/v1/events", &[], "401 I221").await;
    let open = House::new("[access]\nwithout_token = \"anybody\"\n");
    open.check("/v1/events", &[], "200").await;
}

/// Its token ends; one that was taken away is known no more in the same way.
#[tokio::test(flavor = "multi_thread")]
async fn a_screen_whose_token_ends_is_told_and_hears_nothing_more() {
    let house = House::new("[events]\nheartbeat_ms = 100\n");
    let token = house.admin("/admin/v1/tokens", r#"{"name":"ward","verbs":["events"]}"#).await;
    let token = token.split("\"token\":\"").nth(1).unwrap().split('"').next().unwrap();
    let mut ward = house.asks(&format!("/v1/events?token={token}"), &[]).await;
    ward.read_until(": 在").await;
    house.finds(&[("0301", "first")]);
    ward.read_until("first").await;
    house.admin("/admin/v1/tokens/revoke", r#"{"name":"ward","reason":"r"}"#).await;
    house.finds(&[("0301", "second")]);
    let heard = ward.read_until("event: bye").await;
    assert!(!heard.contains("second"), "{heard}");
}

/// A road whose feed can be listened to.
struct House {
    road: Arc<Road>,
    stop: CancellationToken,
    last: Mutex<String>,
    _writer: WriterHandle,
    _folder: tempfile::TempDir,
}

impl House {
    fn new(more: &str) -> House {
        let folder = tempfile::tempdir().unwrap();
        let (road, writer) = road(folder.path(), more);
        let stop = CancellationToken::new();
        House { road, stop, last: Mutex::default(), _writer: writer, _folder: folder }
    }

    /// Checks find these, by department and text.
    fn finds(&self, found: &[(&str, &str)]) {
        let checks: Vec<Check> = found.iter().map(|it| check(&[*it])).collect();
        let id = checks.last().and_then(|it| it.findings.last()).map(|it| it.id.clone());
        *self.last.lock().unwrap() = id.unwrap_or_default();
        self.road.checks.log().unwrap().append(&checks, None).unwrap();
    }

    async fn admin(&self, path: &str, body: &str) -> String {
        use tower::ServiceExt as _;
        let request = ::http::Request::post(path).header("content-type", "application/json");
        let request = request.body(axum::body::Body::from(body.to_owned())).unwrap();
        let answer = crate::control::routes(&self.road).oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        text(&body)
    }

    fn last(&self) -> String {
        self.last.lock().unwrap().clone()
    }

    async fn asks(&self, path: &str, headers: &[&str]) -> Asking {
        let (theirs, mut ours) = tokio::io::duplex(1024);
        let seat = Arc::new(Seat::new(Some("127.0.0.1:9".parse().unwrap())));
        let routes = http::his_routes(&self.road);
        let patience = Duration::from_secs(5);
        let bounds =
            Bounds { head: patience, head_bytes: 64 << 10, idle: patience, answer: patience };
        tokio::spawn(http::connection((theirs, seat), routes, bounds, self.stop.clone()));
        let headers: Vec<&str> = headers.iter().filter(|it| !it.is_empty()).copied().collect();
        let headers = headers.join("\r\n") + if headers.is_empty() { "" } else { "\r\n" };
        let named = headers.contains("Host: ");
        let host = if named { "" } else { "Host: localhost\r\n" };
        let head = format!("GET {path} HTTP/1.1\r\n{host}{headers}\r\n");
        ours.write_all(head.as_bytes()).await.unwrap();
        Asking(ours)
    }

    /// The status, and the code of what is refused.
    async fn check(&self, path: &str, headers: &[&str], expected: &str) {
        let mut asking = self.asks(path, headers).await;
        let end = if expected.starts_with("200") { ": 在" } else { "request_id" };
        let heard = asking.read_until(end).await;
        let told = heard.get(9..12).unwrap();
        let code = heard.split("\"code\":\"").nth(1).map(|it| &it[..4]);
        let told = code.map_or(told.to_owned(), |code| format!("{told} {code}"));
        assert_eq!(told, expected, "{path}: {heard}");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.road.events.stop();
        self.stop.cancel();
    }
}

struct Asking(DuplexStream);

impl Asking {
    /// What came, up to this word at least.
    async fn read_until(&mut self, word: &str) -> String {
        let mut heard = Vec::new();
        let reading = async {
            let (mut part, mut from) = ([0; 512], 0);
            while !holds(&heard[from..], word) {
                from = heard.len().saturating_sub(word.len());
                let count = self.0.read(&mut part).await.unwrap();
                assert!(count > 0, "ended: {heard:?}");
                heard.extend_from_slice(&part[..count]);
            }
        };
        let read = tokio::time::timeout(Duration::from_mins(1), reading).await;
        let heard = text(&heard);
        assert!(read.is_ok(), "no {word} in {heard}");
        heard
    }

    async fn rest(&mut self) -> String {
        let mut heard = Vec::new();
        let reading = self.0.read_to_end(&mut heard);
        let read = tokio::time::timeout(Duration::from_mins(1), reading).await;
        assert!(read.is_ok(), "it is still connected");
        text(&heard)
    }
}

fn holds(heard: &[u8], word: &str) -> bool {
    heard.windows(word.len()).any(|it| it == word.as_bytes())
}

/// Without what is no text: the heads of frames, and a character that a read cut in two.
fn text(heard: &[u8]) -> String {
    heard.utf8_chunks().map(|it| it.valid()).collect()
}

/// One check of an encounter of its own, with these findings.
fn check(found: &[(&str, &str)]) -> Check {
    let check_id = clock::new_id();
    let finding = |(number, (_, text)): (usize, &(&str, &str))| Found {
        id: format!("{check_id}-{number}"),
        rule_name: "rule".to_owned(),
        action: "confirm".to_owned(),
        text: (*text).to_owned(),
        ..Found::default()
    };
    Check {
        findings: found.iter().enumerate().map(finding).collect(),
        department: found.first().map(|(department, _)| (*department).to_owned()),
        encounter: Some(format!("ZY{check_id}")),
        answered_at: "20261122101500".to_owned(),
        check_id,
        ..Check::default()
    }
}

fn road(folder: &Path, more: &str) -> (Arc<Road>, WriterHandle) {
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{0}/outbox\"\n[history]\nkey_file = \"{0}/patient.key\"\n{more}",
        folder.display()
    );
    let config = Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"));
    let sets = Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"));
    let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
    let road = Road::new(config, sets, outbox, Arc::new(ForwardState::default()));
    road.checks.open(road.outbox.clone()).unwrap();
    (Arc::new(road), writer)
}
