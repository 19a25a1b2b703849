//! The deadline, at every door, with rules that are slow on purpose.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;
use crate::config::Config;
use crate::forward::ForwardState;
use crate::intake::http::his_routes;
use crate::outbox::{Options, Outbox};

const CANONICAL: &str = r#"{"patient":{"patn_id":"P1","gend":"2"},"encounter":{"mdtrt_id":"M1"},
    "orders":[{"rx_id":"1","hosplist_code":"YP000502"}]}"#;
const NATIONAL: &str = r#"{"infno":"3101","input":{"data":{"patient_dtos":{"patn_id":"P1","gend":"2",
    "curr_mdtrt_id":"M1","fsi_encounter_dtos":{"mdtrt_id":"M1","fsi_order_dtos":
    {"rx_id":"1","rxno":"R","hosplist_code":"YP000502"}}}}}}"#;
const PASS: &str = include_str!("../../../../mappings/pass/cases/review.in.txt");

#[test]
fn what_is_not_decided_in_time_is_named_in_the_callers_form() {
    let few = "deadline_ms = 25";
    check("/v1/checks", CANONICAL, few, "degraded, some rules not run");
    let told = "0 审查超时，部分规则未检查，结果不完整, some rules not run";
    check("/insurance", NATIONAL, few, told);
    // PASS knows a level for it: nobody may take it for "nothing found", which is 0.
    check("/v1/channels/pass/checks", PASS, few, "level -99 and why");
}

#[test]
fn a_channel_has_its_own_deadline() {
    let long = "deadline_ms = 60000";
    check("/v1/checks", CANONICAL, long, "partial, all rules run");
    check("/v1/channels/quick/checks", PASS, long, "level -99 and why");
}

/// What a HIS sends in its own words is as long as what others send in ours.
#[test]
fn a_list_that_is_too_long_is_refused_in_the_channels_voice() {
    let (head, rest) = PASS.split_once("\"ScreenDrugs\":[").unwrap();
    let (drugs, tail) = rest.split_once("]}").unwrap();
    let drug = drugs.split_once(",{\"RecipNo\"").unwrap().0;
    let sent = |count: usize| {
        let drugs: Vec<String> = (0..count)
            .map(|at| drug.replace("\"OrderNo\":1,", &format!("\"OrderNo\":{at},")))
            .collect();
        format!("{head}\"ScreenDrugs\":[{}]}}{tail}", drugs.join(","))
    };
    let long = "deadline_ms = 60000";
    let (status, told) = ask("/v1/channels/pass/checks", &sent(2001), long);
    assert!(told.contains("orders 2001条：一次审查最多2000条明细"), "{status} {told}");
    assert!(told.contains("HighestSlcode"), "in its own words: {told}");
    let (status, told) = ask("/v1/channels/pass/checks", &sent(2), long);
    assert!(status == 200 && !told.contains("2000条"), "{told}");
}

/// A client that JAX-WS made reads `return`, without a namespace, and nothing else; BSXml is called so.
#[test]
fn a_java_client_of_bsxml_gets_its_return() {
    let envelope = include_str!("../../../../mappings/bsxml/cases/soap-with-a-head.in.xml");
    let (status, told) = ask("/soap/java", envelope, "deadline_ms = 60000");
    let golden = "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope \
        xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
        <m:invokeResponse xmlns:m=\"http://ws.access.example/\"><return>&lt;BSXml&gt;&lt;MsgHeader&gt;";
    assert!(status == 200 && told.starts_with(golden), "{status} {told}");
    let end = "&lt;/BSXml&gt;</return></m:invokeResponse></soap:Body></soap:Envelope>";
    assert!(told.contains("&lt;ReviewLevel&gt;") && told.ends_with(end), "{told}");
    let (_, described) = get("/soap/java?wsdl");
    assert!(described.contains("elementFormDefault=\"unqualified\""), "{described}");
    assert!(described.contains("name=\"return\""), "{described}");
}

/// Whatever a request with sixty patients weighs, it weighs once in the log.
#[test]
fn a_request_about_several_patients_is_kept_at_the_first() {
    let folder = tempfile::tempdir().unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let (road, writer) = road(folder.path(), "");
        road.checks.open(road.outbox.clone()).unwrap();
        let stop = tokio_util::sync::CancellationToken::new();
        let keeper = tokio::spawn(crate::checks::keep(Arc::clone(&road), stop.clone()));
        let one = NATIONAL.split_once("\"patient_dtos\":").unwrap().1.strip_suffix("}}}").unwrap();
        let both = format!("[{one},{}]", one.replace("\"P1\"", "\"P2\""));
        let body = NATIONAL.replace(one, &both);
        let request = Request::post("/insurance").body(Body::from(body.clone())).unwrap();
        let answer = his_routes(&road).oneshot(request).await.unwrap();
        let answer = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        assert!(str::from_utf8(&answer).unwrap().contains(r#""infcode":0"#));
        road.checks.flush().await;
        let (log, now) = (road.checks.log().unwrap(), clock::now());
        let mut kept = Vec::new();
        let day = jiff::Span::new().days(1);
        log.between(now - day, now + day, |check| {
            kept.push(check);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        let bytes: Vec<usize> = kept.iter().map(|it| it.request.len()).collect();
        assert_eq!(bytes, [body.len(), 0]);
        let sets = Sets::load(&road.config).unwrap();
        for check in &kept {
            let check = log.get(&check.check_id).unwrap().unwrap();
            let limits = &road.config.listen.limits;
            let (facts, _) = crate::checks::again::facts(&check, &sets, "H1", limits).unwrap();
            let expected = if check.part == 0 { "P1" } else { "P2" };
            assert_eq!(facts.patient.present().unwrap().patn_id.as_deref(), Some(expected));
        }
        stop.cancel();
        keeper.await.unwrap();
        drop(writer);
    });
}

/// Rules take ten milliseconds each.
#[track_caller]
fn check(path: &str, body: &str, of_check: &str, expected: &str) {
    slow::every_rule_takes(Duration::from_millis(10));
    let (_, answer) = ask(path, body, of_check);
    slow::every_rule_takes(Duration::ZERO);
    assert_eq!(told(&answer), expected, "{path}");
}

/// The answer's status and body.
fn ask(path: &str, body: &str, of_check: &str) -> (u16, String) {
    send(Request::post(path).body(Body::from(body.to_owned())).unwrap(), of_check)
}

fn get(path: &str) -> (u16, String) {
    send(Request::get(path).header("host", "x").body(Body::empty()).unwrap(), "")
}

fn send(request: Request<Body>, of_check: &str) -> (u16, String) {
    let folder = tempfile::tempdir().unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let (road, writer) = road(folder.path(), of_check);
        let answer = his_routes(&road).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        drop(writer);
        (status, str::from_utf8(&body).unwrap().to_owned())
    })
}

fn told(body: &str) -> String {
    if let Some((_, level)) = body.split_once("HighestSlcode") {
        let digits = |it: char| it == '-' || it.is_ascii_digit();
        let level: String =
            level.chars().skip_while(|it| !digits(*it)).take_while(|it| digits(*it)).collect();
        let late = if body.contains("条规则未检查") { " and why" } else { "" };
        return format!("level {level}{late}");
    }
    let said: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{body}"));
    let (outcome, not_run) = match said.get("infcode") {
        Some(code) => {
            let message = said["err_msg"].as_str().unwrap();
            (format!("{code} {message}"), &said["output"]["not_run"])
        }
        None => (said["data"]["outcome"].as_str().unwrap().to_owned(), &said["data"]["not_run"]),
    };
    let none = not_run.as_array().is_none_or(Vec::is_empty);
    format!("{outcome}, {}", if none { "all rules run" } else { "some rules not run" })
}

fn road(folder: &std::path::Path, of_check: &str) -> (Arc<Road>, crate::outbox::WriterHandle) {
    let outbox = folder.join("outbox");
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = {outbox:?}\n[check]\n{of_check}\n\
         [[channel]]\nname = \"pass\"\nmappings = [\"pass/\"]\n\
         [[channel]]\nname = \"quick\"\nmappings = [\"pass/\"]\ncheck_deadline_ms = 25\n\
         [[channel]]\nname = \"java\"\nmappings = [\"bsxml/\"]\n\
         [channel.soap]\nnamespace = \"http://ws.access.example/\"\nqualified = false\n\
         [[channel.soap.operation]]\nname = \"invoke\"\n\
         parameters = [\"service\", \"urid\", \"pwd\", \"parameter\"]\n\
         results = [\"return\"]\naction = \"\"\nto = \"checks\"\n"
    );
    let config = Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"));
    let sets = Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"));
    let (outbox, writer) = Outbox::open(&outbox, &Options::default()).unwrap();
    (Arc::new(Road::new(config, sets, outbox, Arc::new(ForwardState::default()))), writer)
}
