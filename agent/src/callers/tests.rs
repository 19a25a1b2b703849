//! Who is let in, asked of the doors themselves: a store, its tokens and raw requests.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Extension;
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::Seat;
use crate::config::Config;
use crate::control;
use crate::forward::ForwardState;
use crate::intake::{Road, http as doors};
use crate::outbox::{Options, Outbox, WriterHandle};
use crate::sets::Sets;

const NEAR: &str = "127.0.0.1:9";
const FAR: &str = "10.1.0.7:9";
const RX: &str = "/v1/channels/rx/messages";

/// A hospital that configured nothing works as it did, at its own machine.
#[tokio::test]
async fn without_a_word_this_machine_needs_no_token_and_another_does() {
    let house = House::new("");
    house.check(NEAR, &[], RX, "let in").await;
    // What old clients send by habit says nothing where no token can be right.
    house.check(NEAR, &["authorization: Basic bGlzOmxpcw=="], RX, "let in").await;
    house.check("[::1]:9", &[], RX, "let in").await;
    house.check("[::ffff:127.0.0.1]:9", &[], RX, "let in").await;
    for path in
        [RX, "/v1/checks", "/v1/feedback", "/v1/channels/rx/checks", "/v1/channels/rx/totals"]
    {
        house.check(FAR, &[], path, "401 11 I221").await;
    }
    // A name that only looks like the machine's.
    house.check(FAR, &["x-forwarded-for: 127.0.0.1"], RX, "401 11 I221").await;
    house.check(FAR, &[], "/openapi.json", "let in").await;
    house.check(FAR, &[], "/nowhere", "let in").await;

    let open = House::new("[access]\nwithout_token = \"anybody\"\n");
    open.check(FAR, &[], RX, "let in").await;
    let shut = House::new("[access]\nwithout_token = \"nobody\"\n");
    shut.check(NEAR, &[], RX, "401 11 I221").await;
}

#[tokio::test]
async fn a_token_opens_what_it_was_made_for_at_once_and_until_it_is_taken_away() {
    let house = House::new("");
    let token =
        house.make(&json!({ "name": "lis", "verbs": ["message"], "channels": ["rx"] })).await;
    assert!(token.starts_with("his_") && token.len() == 47, "{token}");
    let bearer = format!("authorization: Bearer {token}");
    let basic = |name: &str| {
        use base64::Engine as _;
        let text = format!("{name}:{token}");
        format!("authorization: Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
    };
    house.check(FAR, &[&bearer], RX, "let in").await;
    house.check(FAR, &[&format!("x-api-token: {token}")], RX, "let in").await;
    house.check(FAR, &[&basic("lis")], RX, "let in").await;
    house.check(FAR, &[&basic("emr")], RX, "401 10 I222").await;
    house.check(FAR, &[&bearer], "/v1/channels/%72x/messages", "let in").await;
    house.check(FAR, &[&bearer], "/v1/channels/other/messages", "403 8 I224").await;
    house.check(FAR, &[&bearer], "/v1/channels/rx/checks", "403 8 I224").await;
    house.check(FAR, &[&bearer], "/v1/checks", "403 8 I224").await;
    house.check(FAR, &[&bearer], "/soap/rx", "let in").await;
    house.check(FAR, &[&bearer], "/soap/other", "500 - I224").await;
    for wrong in ["x", "", &token[..46], &format!("{token}x")] {
        house.check(FAR, &[&format!("authorization: Bearer {wrong}")], RX, "401 10 I222").await;
    }
    // Now that tokens can be right, a wrong one is wrong also at this machine.
    house.check(NEAR, &["authorization: Bearer x"], RX, "401 10 I222").await;
    house.check(NEAR, &[], RX, "let in").await;

    let refused =
        house.admin("/admin/v1/tokens", &json!({ "name": "lis", "verbs": ["check"] })).await;
    assert!(refused.0 == 409 && refused.1.to_string().contains("rotate lis"), "{refused:?}");
    let (_, told) =
        house.admin("/admin/v1/tokens/rotate", &json!({ "name": "lis", "overlap_hours": 1 })).await;
    let another = told["data"]["token"].as_str().unwrap().to_owned();
    house.check(FAR, &[&bearer], RX, "let in").await;
    house.check(FAR, &[&format!("authorization: Bearer {another}")], RX, "let in").await;
    house
        .check(FAR, &[&format!("authorization: Bearer {another}")], "/v1/checks", "403 8 I224")
        .await;
    house.admin("/admin/v1/tokens/rotate", &json!({ "name": "lis" })).await;
    house.check(FAR, &[&bearer], RX, "403 6 I223").await;
    let (_, told) =
        house.admin("/admin/v1/tokens/revoke", &json!({ "name": "lis", "reason": "换厂商" })).await;
    assert_eq!(told["data"]["revoked"], 1, "the others have ended: {told}");
    let listed = house.list().await;
    assert_eq!(
        listed.matches("\"revoked\"").count() + listed.matches("\"expired\"").count(),
        3,
        "{listed}"
    );
    assert!(!listed.contains("his_") && !listed.contains("hash"), "{listed}");
}

/// The road is put together anew on the same store, as after a restart.
#[tokio::test]
async fn tokens_outlive_a_restart_and_do_not_lie_on_the_disk() {
    let house = House::new("");
    let token = house.make(&json!({ "name": "lis", "verbs": ["message"] })).await;
    let bearer = format!("authorization: Bearer {token}");
    house.admin("/admin/v1/tokens", &json!({ "name": "old", "verbs": ["check"] })).await;
    house.admin("/admin/v1/tokens/revoke", &json!({ "name": "old", "reason": "r" })).await;
    let house = house.again();
    house.check(FAR, &[&bearer], RX, "let in").await;
    assert!(house.list().await.contains("revoked"));
    for file in std::fs::read_dir(house.folder.path().join("outbox")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(token.len()).any(|it| it == token.as_bytes()));
    }
}

#[tokio::test]
async fn what_cannot_be_a_token_is_told_all_at_once() {
    let house = House::new("");
    let wanted = json!({ "name": "a b", "verbs": ["all"], "channels": ["rxx"],
        "addresses": ["10.0.0.0/99"], "days": 4000 });
    let (status, told) = house.admin("/admin/v1/tokens", &wanted).await;
    let detail = told["detail"].as_array().unwrap();
    assert_eq!((status, detail.len()), (400, 5), "{told}");
    assert!(told.to_string().contains("没有通道 rxx; did you mean `rx`?"), "{told}");
    let (status, _) =
        house.admin("/admin/v1/tokens/revoke", &json!({ "name": "x", "reason": "r" })).await;
    assert_eq!(status, 409);
    let (status, _) =
        house.admin("/admin/v1/tokens/revoke", &json!({ "name": "x", "reason": " " })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn callers_are_known_by_address_and_channels_are_bound_to_theirs() {
    let house = House::new(
        "[[caller]]\nname = \"his\"\naddresses = [\"10.1.0.0/16\"]\nverbs = [\"message\"]\n\
         [[caller]]\nname = \"lis\"\n\
         [[channel]]\nname = \"bound\"\nmappings = [\"platform/\"]\naddresses = [\"10.1.0.7\"]\n",
    );
    house.check(FAR, &[], RX, "let in").await;
    house.check("10.2.0.7:9", &[], RX, "401 11 I221").await;
    house.check(FAR, &[], "/v1/checks", "403 8 I224").await;
    house.check(FAR, &[], "/v1/channels/bound/messages", "let in").await;
    house.check("10.1.0.8:9", &[], "/v1/channels/bound/messages", "403 8 I227").await;
    house.check("10.1.0.8:9", &[], "/v1/channels/%62ound/messages", "403 8 I227").await;
    house.check("10.1.0.8:9", &[], "/soap/bound", "500 - I227").await;
    house.check(NEAR, &[], "/v1/channels/bound/messages", "403 8 I227").await;
    // A token that was made for one place.
    let wanted = json!({ "name": "lis", "verbs": ["check"], "addresses": ["10.9.0.0/16"] });
    let bearer = format!("authorization: Bearer {}", house.make(&wanted).await);
    house.check("10.9.0.1:9", &[&bearer], "/v1/checks", "let in").await;
    house.check(FAR, &[&bearer], "/v1/checks", "401 10 I222").await;
}

/// In the words that each kind of client can read.
#[tokio::test]
async fn a_refusal_is_told_in_the_callers_dialect() {
    let house = House::new("");
    let said = |headers: &'static [&'static str], path: &'static str| house.ask(FAR, headers, path);
    let (status, text, _) = said(&["content-type: text/xml"], RX).await;
    assert!(status == 401 && text.contains("<code>11</code>") && text.contains("I221"), "{text}");
    let (status, text, _) =
        said(&["content-type: text/xml", "soapaction: \"u\""], "/soap/rx").await;
    assert!(status == 401 && text.contains(":Fault>") && text.contains("I221"), "{text}");
    let (status, text, _) = said(&["content-type: application/soap+xml"], "/soap/rx").await;
    assert!(
        status == 401 && text.contains("2003/05/soap-envelope") && text.contains("I221"),
        "{text}"
    );
    for path in ["/insurance", "/insurance/3101", "/fsi/api/riskConService/beforeAnalyze"] {
        let (status, text, _) = said(&["content-type: application/json"], path).await;
        assert!(status == 401 && text.contains("\"infcode\"") && text.contains("I221"), "{text}");
    }
}

/// Clients of .NET and Java send the password that they know only when they are asked for it.
#[tokio::test]
async fn who_shows_nothing_is_asked_for_a_password() {
    let house = House::new("");
    house.make(&json!({ "name": "lis", "verbs": ["message"] })).await;
    let basic = &["authorization: Basic bGlzOmxpcw=="];
    for path in [RX, "/v1/checks", "/insurance", "/soap/rx"] {
        house.check_challenge(&[], path, 401, true).await;
    }
    house.check_challenge(basic, RX, 401, true).await;
    house.check_challenge(basic, "/soap/rx", 500, false).await;
    house.check_challenge(&["authorization: Bearer x"], "/v1/records", 405, false).await;
}

/// What old clients send by habit takes nothing away from who is known by its address.
#[tokio::test]
async fn a_habitual_password_does_not_shut_out_who_is_known_by_its_address() {
    let house = House::new(
        "[access]\nfailures_max = 3\n\
         [[caller]]\nname = \"his\"\naddresses = [\"10.1.0.0/16\"]\nverbs = [\"message\"]\n",
    );
    let habit = "authorization: Basic bGlzOmxpcw==";
    house.check(NEAR, &[habit], RX, "let in").await;
    let wanted = json!({ "name": "lis", "verbs": ["check"] });
    let bearer = format!("authorization: Bearer {}", house.make(&wanted).await);
    house.check(NEAR, &[habit], RX, "401 10 I222").await;
    for _ in 0..5 {
        house.check(FAR, &[habit], RX, "let in").await;
    }
    // What it may not do it may not do so either, and guesses are counted.
    for _ in 0..3 {
        house.check(FAR, &[habit], "/v1/checks", "401 10 I222").await;
    }
    house.check(FAR, &[habit], "/v1/checks", "429 15 I225").await;
    house.check(FAR, &[habit], RX, "let in").await;
    house.check(FAR, &[&bearer], "/v1/checks", "let in").await;

    // When the last token is gone, none can be right any more.
    house.admin("/admin/v1/tokens/revoke", &json!({ "name": "lis", "reason": "r" })).await;
    house.check(NEAR, &["authorization: Basic bGlzOm90aGVy"], RX, "let in").await;
    house.check(FAR, &[&bearer], "/v1/checks", "403 3 I223").await;
}

/// A screen that was opened with a token goes dark when that is taken away.
#[tokio::test]
async fn who_was_let_in_is_known_until_its_token_is_taken_away() {
    let house = House::new("");
    let token = house.make(&json!({ "name": "ward", "verbs": ["events"] })).await;
    let headers = [("x-api-token".parse().unwrap(), token.parse().unwrap())];
    let headers = http::HeaderMap::from_iter(headers);
    let (seat, shown) = (Seat::new(Some(FAR.parse().unwrap())), super::Shown::of(&headers, None));
    let caller = house.road.callers.find(&seat, &shown, |_| true).unwrap();
    assert!(house.road.callers.still_knows(&caller));
    house.admin("/admin/v1/tokens/rotate", &json!({ "name": "ward", "overlap_hours": 1 })).await;
    assert!(house.road.callers.still_knows(&caller), "for an hour");
    house.admin("/admin/v1/tokens/revoke", &json!({ "name": "ward", "reason": "r" })).await;
    assert!(!house.road.callers.still_knows(&caller));
}

#[tokio::test]
async fn a_flood_of_wrong_tokens_is_not_listened_to_and_the_right_one_still_is() {
    let token = "2790ea26a8a8fadabc24a2a419724b02daed32320676df533e803f8a0f55a869"; // a-token-of-tests
    let house = House::new(&format!(
        "[access]\nfailures_max = 5\n\
         [[caller]]\nname = \"word\"\ntoken_sha256 = \"{token}\"\nverbs = [\"message\"]\n"
    ));
    let wanted = json!({ "name": "lis", "verbs": ["message"] });
    let good = format!("authorization: Bearer {}", house.make(&wanted).await);
    house.check(FAR, &[&good], RX, "let in").await;
    for _ in 0..5 {
        house.check(FAR, &["authorization: Bearer guess"], RX, "401 10 I222").await;
    }
    house.check(FAR, &["authorization: Bearer guess"], RX, "429 15 I225").await;
    let (_, _, wait) = house.ask(FAR, &["authorization: Bearer guess"], RX).await;
    assert!((290..=301).contains(&wait), "{wait}");
    house.check(FAR, &[&good], RX, "let in").await;
    // Guessed right, and not looked at; a token of 256 random bits was not guessed.
    house.check(FAR, &["authorization: Bearer a-token-of-tests"], RX, "429 15 I225").await;
    house.check("10.1.0.8:9", &["authorization: Bearer a-token-of-tests"], RX, "let in").await;
    let other = house.make(&json!({ "name": "emr", "verbs": ["message"] })).await;
    house.check(FAR, &[&format!("authorization: Bearer {other}")], RX, "let in").await;
    let alerts = crate::intake::alerts(&house.road);
    assert!(
        alerts.iter().any(|(code, text)| code == "I225" && text.contains("10.1.0.7")),
        "{alerts:?}"
    );
}

#[tokio::test]
async fn who_calls_too_often_waits_and_others_do_not() {
    let house = House::new("");
    let wanted = json!({ "name": "lis", "verbs": ["message"], "calls_per_minute": 8 });
    let often = format!("authorization: Bearer {}", house.make(&wanted).await);
    let other = format!(
        "authorization: Bearer {}",
        house.make(&json!({ "name": "emr", "verbs": ["message"] })).await
    );
    for _ in 0..2 {
        house.check(FAR, &[&often], RX, "let in").await;
    }
    house.check(FAR, &[&often], RX, "429 15 I226").await;
    let (_, _, wait) = house.ask(FAR, &[&often], RX).await;
    assert!((1..=9).contains(&wait), "{wait}");
    house.check(FAR, &[&other], RX, "let in").await;
}

struct House {
    folder: tempfile::TempDir,
    more: String,
    road: Arc<Road>,
    writer: WriterHandle,
}

impl House {
    fn new(more: &str) -> House {
        let folder = tempfile::tempdir().unwrap();
        let (road, writer) = build(folder.path(), more);
        House { folder, more: more.to_owned(), road, writer }
    }

    fn again(self) -> House {
        let House { folder, more, road, writer } = self;
        drop((road, writer));
        let (road, writer) = build(folder.path(), &more);
        House { folder, more, road, writer }
    }

    async fn ask(&self, peer: &str, headers: &[&str], path: &str) -> (u16, String, u64) {
        let answer = self.answer(peer, headers, path).await;
        let wait =
            answer.headers().get("retry-after").and_then(|it| it.to_str().unwrap().parse().ok());
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.into()).unwrap(), wait.unwrap_or(0))
    }

    /// Whether a stranger is asked for a password.
    async fn check_challenge(&self, headers: &[&str], path: &str, status: u16, expected: bool) {
        let answer = self.answer(FAR, headers, path).await;
        let asked = answer.headers().get("www-authenticate").map(|it| it.to_str().unwrap());
        let expected = expected.then_some("Basic realm=\"his-agent\", charset=\"UTF-8\"");
        assert_eq!((answer.status().as_u16(), asked), (status, expected), "{headers:?} {path}");
    }

    async fn answer(&self, peer: &str, headers: &[&str], path: &str) -> http::Response<Body> {
        let peer: SocketAddr = peer.parse().unwrap();
        let router =
            doors::his_routes(&self.road).layer(Extension(Arc::new(Seat::new(Some(peer)))));
        let mut request = Request::post(path);
        for header in headers {
            let (name, value) = header.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    /// `STATUS ANNEX CODE` of a refusal; whatever the door itself says is "let in".
    #[track_caller]
    fn check<'a>(
        &'a self,
        peer: &'a str,
        headers: &'a [&'a str],
        path: &'a str,
        expected: &'a str,
    ) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        async move {
            let (status, text, _) = self.ask(peer, headers, path).await;
            let code = text.find("I22").map(|it| &text[it..it + 4]);
            let annex =
                serde_json::from_str::<Value>(&text).ok().and_then(|it| it["code"].as_u64());
            let told = match (code, annex) {
                (None, _) => "let in".to_owned(),
                (Some(code), Some(annex)) => format!("{status} {annex} {code}"),
                (Some(code), None) => format!("{status} - {code}"),
            };
            assert_eq!(told, expected, "{at}: {peer} {headers:?} {path}: {text}");
        }
    }

    async fn admin(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::post(path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let answer = control::routes(&self.road).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn make(&self, wanted: &Value) -> String {
        let (status, told) = self.admin("/admin/v1/tokens", wanted).await;
        assert_eq!(status, 200, "{told}");
        told["data"]["token"].as_str().unwrap().to_owned()
    }

    async fn list(&self) -> String {
        let request = Request::get("/admin/v1/tokens").body(Body::empty()).unwrap();
        let answer = control::routes(&self.road).oneshot(request).await.unwrap();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(body.into()).unwrap()
    }
}

fn build(folder: &Path, more: &str) -> (Arc<Road>, WriterHandle) {
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{}/outbox\"\n\
         [[channel]]\nname = \"rx\"\nmappings = [\"platform/\"]\n\
         [[channel]]\nname = \"other\"\nmappings = [\"platform/\"]\n{more}",
        folder.display()
    );
    let config = Config::parse("agent.toml", &text).unwrap();
    let sets = Sets::load(&config).unwrap();
    let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
    (Arc::new(Road::new(config, sets, outbox, Arc::new(ForwardState::default()))), writer)
}
