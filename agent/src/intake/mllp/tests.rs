//! Who may send, asked of connections that come from wherever a case says.

use serde_json::json;

use super::*;
use crate::config::Config;
use crate::forward::ForwardState;
use crate::outbox::{Options, Outbox, WriterHandle};
use crate::sets::Sets;

const NEAR: &str = "127.0.0.1:9";
const FAR: &str = "10.1.0.7:9";

#[tokio::test]
async fn who_is_let_in() {
    let plain = House::new("", "");
    plain.check(NEAR, None, "let in");
    plain.check(FAR, None, "I221");
    plain.check(FAR, Some(&["his.example"]), "let in");
    // A certificate was proved, though it has no name that is read here.
    plain.check(FAR, Some(&[]), "let in");

    // Who is known and may do something else does not come in by another way.
    let caller = |verbs: &str| {
        format!("[[caller]]\nname = \"his\"\naddresses = [\"10.1.0.0/16\"]\nverbs = [{verbs}]\n")
    };
    let bound = "addresses = [\"10.1.0.0/16\"]\n";
    House::new(bound, "").check(FAR, None, "let in");
    House::new(bound, "").check("10.2.0.7:9", None, "I227");
    let other = House::new(bound, &caller("\"check\""));
    other.check(FAR, None, "I224");
    other.check(FAR, Some(&["his.example"]), "I224");
    House::new("", &caller("\"message\"")).check(FAR, None, "his");
    House::new("", "[access]\nwithout_token = \"nobody\"\n").check(NEAR, None, "I221");
}

#[tokio::test]
async fn who_comes_too_often_waits() {
    let often = "[[caller]]\nname = \"his\"\naddresses = [\"10.1.0.0/16\"]\n\
                 verbs = [\"message\"]\ncalls_per_minute = 240\n";
    let house = House::new("", often);
    let mut connection = house.connection(FAR, None);
    connection.admit().unwrap();
    let began = Instant::now();
    for _ in 0..60 {
        connection.wait_for_its_turn().await;
    }
    assert!(began.elapsed() < Duration::from_secs(1), "a quarter of a minute's at once");
    let began = Instant::now();
    for _ in 0..4 {
        connection.wait_for_its_turn().await;
    }
    assert!(began.elapsed() > Duration::from_millis(500), "{:?}", began.elapsed());
    // Nobody waits for one that is in hand when the agent stops.
    connection.stop.cancel();
    let began = Instant::now();
    for _ in 0..20 {
        connection.wait_for_its_turn().await;
    }
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_connection_that_is_sent_away_is_written_down_once() {
    let house = House::new("", "");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (ours, _) = listener.accept().await.unwrap();
    house.connection(FAR, None).serve(ours).await;
    drop(theirs);
    let calls = house.calls().await;
    let told: Vec<_> =
        calls.iter().map(|it| json!([it["address"], it["channel"], it["code"]])).collect();
    assert_eq!(told, [json!(["10.1.0.7", "rx", "I221"])]);
}

struct House {
    road: Arc<Road>,
    _writer: WriterHandle,
    _folder: tempfile::TempDir,
}

impl House {
    /// `here` is of the channel, `more` of everything.
    fn new(here: &str, more: &str) -> House {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{}/outbox\"\n\
             [[channel]]\nname = \"rx\"\nmappings = [\"platform/\"]\n{here}\
             [channel.mllp]\nlisten = \"127.0.0.1:0\"\n{more}",
            folder.path().display()
        );
        let config = Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"));
        let sets = Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"));
        let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
        let road = Arc::new(Road::new(config, sets, outbox, Arc::new(ForwardState::default())));
        House { road, _writer: writer, _folder: folder }
    }

    fn connection(&self, peer: &str, certificate: Option<&[&str]>) -> Connection {
        let seat = Seat::new(Some(peer.parse().unwrap()));
        seat.show(certificate.map(|it| it.iter().map(|it| (*it).to_owned()).collect()));
        Connection {
            road: Arc::clone(&self.road),
            channel: Arc::from("rx"),
            config: self.road.config.channels[0].mllp.clone().unwrap(),
            held: self.road.bodies.enter(seat.address(), 0),
            line: Line::new(seat.address()),
            seat,
            caller: None,
            frames: MllpFrames::new(1 << 20),
            is_crowded: false,
            stray: 0,
            stop: CancellationToken::new(),
        }
    }

    /// The code of who is sent away, or the name of who is known.
    #[track_caller]
    fn check(&self, peer: &str, certificate: Option<&[&str]>, expected: &str) {
        let mut connection = self.connection(peer, certificate);
        let told = match connection.admit() {
            Ok(()) => connection.caller.as_ref().map_or("let in", |it| &it.name),
            Err(end) => end.code(),
        };
        assert_eq!(told, expected, "{peer} {certificate:?}");
    }

    async fn calls(&self) -> Vec<serde_json::Value> {
        use tower::ServiceExt as _;
        let request = http::Request::get("/admin/v1/calls").body(axum::body::Body::empty());
        let routes = crate::calls::routes().with_state(Arc::clone(&self.road));
        let answer = routes.oneshot(request.unwrap()).await.unwrap();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
        told["data"]["calls"].as_array().unwrap().clone()
    }
}
