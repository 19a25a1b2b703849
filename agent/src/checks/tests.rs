//! The log as its users see it, over a real store.

mod names;

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use jiff::ToSpan as _;
use jiff::civil::DateTime;
use rules::RuleSet;
use tokio_util::sync::CancellationToken;
use uuid::{NoContext, Timestamp, Uuid};

use super::entry::{Door, Found};
use super::*;
use crate::clock;
use crate::forward::ForwardState;
use crate::outbox::{Options, WriterHandle};
use crate::sets::Sets;

#[test]
fn checks_are_found_by_id_and_by_time_with_the_bytes_that_came() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, writer) =
        Outbox::open(&folder.path().join("outbox"), &Options::default()).unwrap();
    let log = opened(outbox);
    let checks = ["2026-11-22T09:00:00", "2026-11-22T10:00:00", "2026-11-23T10:00:00"].map(made);
    log.append(&checks, None).unwrap();
    drop((log, writer));
    let (outbox, writer) =
        Outbox::open(&folder.path().join("outbox"), &Options::default()).unwrap();
    let log = opened(outbox);
    assert_eq!(log.get(&checks[1].check_id).unwrap().as_ref(), Some(&checks[1]));
    assert_eq!(log.get("nobody").unwrap(), None);
    let found = |from: &str, to: &str| between(&log, from, to);
    assert_eq!(found("2026-11-22T00:00:00", "2026-11-23T00:00:00"), "09 10");
    assert_eq!(found("2026-11-22T09:00:00", "2026-11-22T10:00:00"), "09");
    assert_eq!(found("2026-11-22T09:00:01", "2026-11-24T00:00:00"), "10 10");
    drop(writer);
}

/// Whole hours go, the oldest first, and with them the findings that no later check has come to.
#[test]
fn what_is_too_old_or_too_much_is_forgotten_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, writer) =
        Outbox::open(&folder.path().join("outbox"), &Options::default()).unwrap();
    let log = opened(outbox);
    let mut checks =
        ["2026-11-20T09:30:00", "2026-11-21T09:00:00", "2026-11-22T09:00:00"].map(made);
    checks[0].findings = vec![finding("gone"), finding("again")];
    checks[1].findings = vec![finding("again")];
    log.append(&checks, None).unwrap();
    let at = |text: &str| keys::ms(text.parse().unwrap());
    let now = at("2026-11-22T09:59:00");
    let left = || between(&log, "2026-11-01T00:00:00", "2026-12-01T00:00:00");
    let finding = |id: &str| log.finding(id).unwrap().is_some();

    assert!(!log.forget([at("2026-11-20T09:00:00"); 2], u64::MAX, now).unwrap(), "of that hour");
    assert!(log.forget([at("2026-11-20T10:00:00"); 2], u64::MAX, now).unwrap());
    assert!(!log.forget([at("2026-11-20T10:00:00"); 2], u64::MAX, now).unwrap());
    assert_eq!((left().as_str(), finding("gone"), finding("again")), ("09 09", false, true));
    assert_eq!(log.findings_of("MZ1").unwrap(), ["again"]);
    assert!(log.forget([0, now], 10, now).unwrap(), "more bytes than there may be");
    assert_eq!((left().as_str(), finding("again")), ("09", false));
    assert!(!log.forget([now; 2], 0, now).unwrap(), "the hour that runs is never forgotten");
    drop(writer);
}

/// What is evidence outlives term and bytes of the log; it goes when its own term is over.
#[test]
fn checks_that_found_something_stay_as_long_as_evidence_has_to() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, writer) = Outbox::open(folder.path(), &Options::default()).unwrap();
    let log = opened(outbox);
    let mut checks =
        ["2026-11-20T09:10:00", "2026-11-20T09:30:00", "2026-11-21T08:00:00"].map(made);
    checks[1].findings = vec![finding("F")];
    log.append(&checks, None).unwrap();
    let at = |text: &str| keys::ms(text.parse().unwrap());
    let (now, early) = (at("2026-11-22T09:59:00"), at("2026-01-01T00:00:00"));
    let left = || between(&log, "2026-11-01T00:00:00", "2026-12-01T00:00:00");
    assert_eq!(left(), "09 09 08");

    assert!(log.forget([at("2026-11-21T00:00:00"), early], u64::MAX, now).unwrap());
    assert!(!log.forget([at("2026-11-21T00:00:00"), early], u64::MAX, now).unwrap(), "only once");
    assert_eq!(left(), "09 08");
    assert!(log.finding("F").unwrap().is_some());
    assert!(log.forget([early, early], 1, now).unwrap(), "too many bytes");
    assert!(!log.forget([early, early], 1, now).unwrap(), "what is left is evidence");
    assert_eq!(left(), "09");
    let thinned = log.hours().unwrap();
    assert!(
        thinned.iter().all(|it| it.is_thinned) && thinned[0].bytes > 0 && thinned[1].bytes == 0
    );
    let over = at("2026-11-22T00:00:00");
    while log.forget([over, over], u64::MAX, now).unwrap() {}
    assert_eq!((left().as_str(), log.finding("F").unwrap()), ("", None));
    assert!(log.hours().unwrap().is_empty());
    drop(writer);
}

/// The doctor never waits: a disk that stands still costs checks in the log, never time.
#[test]
fn a_disk_that_stands_still_holds_no_check_up_and_what_is_lost_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (road, writer) = road(folder.path());
        let stop = CancellationToken::new();
        let keeper = tokio::spawn(keep(Arc::clone(&road), stop.clone()));
        let stands_still = road.checks.log().unwrap().outbox().stand_still();
        let (mut slowest, offered) = (Duration::ZERO, 3 * NOTES_MAX);
        for _ in 0..offered {
            let check = made("2026-11-22T09:00:00");
            let begun = Instant::now();
            road.checks.offer(check, Some("P1".to_owned()), None);
            slowest = slowest.max(begun.elapsed());
        }
        // Who waited for the disk would wait for ever: this very thread holds it.
        assert!(slowest < Duration::from_secs(10), "{slowest:?}");
        let standing = road.checks.standing();
        assert!(standing["lost"].as_u64().unwrap() >= NOTES_MAX as u64 / 2, "{standing}");
        drop(stands_still);
        road.checks.flush().await;
        stop.cancel();
        keeper.await.unwrap();
        let lost = usize::try_from(road.checks.standing()["lost"].as_u64().unwrap()).unwrap();
        let log = road.checks.log().unwrap();
        let kept = between(log, "2026-11-01T00:00:00", "2027-12-01T00:00:00");
        assert_eq!(kept.split_whitespace().count() + lost, offered);
        drop(writer);
    });
}

/// What commands ask: requests page by page, statistics by rule, why a check found what it found.
#[test]
fn what_is_kept_can_be_asked_for_over_the_socket() {
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt as _;
    let folder = tempfile::tempdir().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (road, writer) = road(folder.path());
        let order = r#"{"rx_id":"1","hilist_code":"XG04CBD247E002010101503"}"#;
        let request = format!(r#"{{"patient":{{"patn_id":"P1","gend":"2"}},"orders":[{order}]}}"#);
        let facts = rules::request::read(&request).unwrap();
        let asked = Check { request: Bytes::from(request), ..made("2026-11-22T09:00:00") };
        let now = "2026-11-22T09:00:00".parse().unwrap();
        let verdict = rules::evaluate(&road.sets.load().rules, &facts, now);
        let check = asked.judged(&facts, &verdict, &[]);
        let (id, finding) = (check.check_id.clone(), check.findings[0].id.clone());
        assert_eq!(check.findings[0].rule_id, "drug-sex");
        road.checks.log().unwrap().append(&[check], None).unwrap();
        let ask = async |address: &str| {
            let request = http::Request::get(address).body(Body::empty()).unwrap();
            let answer = crate::control::routes(&road).oneshot(request).await.unwrap();
            let bytes = to_bytes(answer.into_body(), 1 << 22).await.unwrap();
            serde_json::from_slice::<Value>(&bytes).unwrap()
        };
        let explained = ask(&format!("/admin/v1/checks/{id}/findings/{finding}/explain")).await;
        let told = explained["data"]["findings"][0]["explanation"].as_str().unwrap();
        assert!(told.contains("限男性"), "{told}");
        assert_eq!(explained["data"]["unknown"], json!([]), "of one finding");
        let whole = ask(&format!("/admin/v1/checks/{id}/explain")).await;
        assert!(!whole["data"]["unknown"].as_array().unwrap().is_empty(), "{whole}");
        let nobody = ask(&format!("/admin/v1/checks/{id}/findings/nobody/explain")).await;
        assert_eq!(nobody["detail"][0]["code"], "I113");
        assert_eq!(ask("/admin/v1/checks/nobody/explain").await["detail"][0]["code"], "I113");

        let day = "from=20261122000000&to=20261123000000";
        let page = ask(&format!("/admin/v1/checks/requests?{day}")).await;
        assert!(page["data"]["checks"][0]["request"].as_str().unwrap().contains("XG04CBD247"));
        let rest = ask(&format!("/admin/v1/checks/requests?{day}&after={id}")).await;
        assert_eq!(rest["data"]["checks"], json!([]));
        let wrong = ask("/admin/v1/checks/requests?from=1&to=2").await;
        assert_eq!(wrong["detail"][0]["code"], "I111");

        let told = ask("/admin/v1/rules/statistics?from=20261122&to=20261122&rule=drug-sex").await;
        assert_eq!(told["data"]["checks"], 1);
        assert_eq!(
            (&told["data"]["rules"][0]["hits"], &told["data"]["rules"][0]["shown"]),
            (&json!(1), &json!(1))
        );
        drop(writer);
    });
}

/// What doctors override too often is told once it is so, and no longer when it is not.
#[test]
fn rules_that_are_overridden_too_often_stand_in_what_operators_see() {
    let folder = tempfile::tempdir().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (road, writer) = road(folder.path());
        road.checks.set_overridden(vec![("drug-sex".to_owned(), 75)]);
        assert_eq!(road.checks.standing()["overridden_rules"], json!(["drug-sex 75%"]));
        road.checks.set_overridden(Vec::new());
        assert_eq!(road.checks.standing()["overridden_rules"], json!([]));
        drop(writer);
    });
}

/// What the doctor saw is answered for, though the log had not come to it yet.
#[test]
fn a_check_that_waits_for_its_turn_does_not_open_what_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (road, writer) = road(folder.path());
        let log = road.checks.log().unwrap();
        let shown = |at: &str| Check { findings: vec![finding("F")], ..made(at) };
        log.append(&[shown("2026-11-22T09:00:00")], None).unwrap();
        let stop = CancellationToken::new();
        let keeper = tokio::spawn(keep(Arc::clone(&road), stop.clone()));
        road.checks.offer(shown("2026-11-22T09:00:05"), None, None);
        let told = answer(&road, vec![continued("F", None)], Telling::ToTell).await.unwrap();
        assert!(told.iter().all(log::Answered::is_taken));
        road.checks.flush().await;
        let state = || log.finding("F").unwrap().unwrap().state;
        assert_eq!(state(), states::State::Continued);
        stop.cancel();
        keeper.await.unwrap();
        assert_eq!(state(), states::State::Continued);
        drop(writer);
    });
}

/// What a check told is in the patient's past, its order once the doctor has said that it goes on.
#[test]
fn an_order_that_goes_on_is_in_the_past_of_its_patient() {
    const ASKED: &str = r#"{"patient":{"patn_id":"P1"},"encounter":{"mdtrt_id":"MZ1"},
        "diagnoses":[{"dise_codg":"E11"}],"orders":[{"rx_id":"R1","hosplist_code":"YP1"}]}"#;
    let folder = tempfile::tempdir().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (road, writer) = road(folder.path());
        road.history.open(&road.config, &road.outbox).unwrap();
        let past = async || {
            let text = r#"{"patient":{"patn_id":"P1"},"encounter":{"mdtrt_id":"MZ2"}}"#;
            let mut facts = rules::request::read(text).unwrap();
            road.history.recall(&mut facts, Duration::from_secs(5)).await;
            let it = facts.history.present().unwrap();
            format!("{} diagnoses, {} orders", it.diagnoses.len(), it.orders.len())
        };
        assert_eq!(past().await, "0 diagnoses, 0 orders");
        let stop = CancellationToken::new();
        let keeper = tokio::spawn(keep(Arc::clone(&road), stop.clone()));
        let facts = rules::request::read(ASKED).unwrap();
        let seen = rules::past::seen(facts, clock::now());
        let found = Found { lines: vec!["R1".to_owned()], ..finding("F") };
        let request = Bytes::from_static(ASKED.as_bytes());
        let check = Check { findings: vec![found], request, ..made("2026-11-22T09:00:00") };
        road.checks.offer(check, Some("P1".to_owned()), seen);
        road.checks.flush().await;
        assert_eq!(past().await, "1 diagnoses, 0 orders");
        answer(&road, vec![continued("F", None)], Telling::ToTell).await.unwrap();
        assert_eq!(past().await, "1 diagnoses, 1 orders");
        stop.cancel();
        keeper.await.unwrap();
        drop(writer);
    });
}

/// A finding that is forgotten is forgotten in memory too: found once more, it is shown.
#[test]
fn what_is_forgotten_is_shown_again() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, writer) = Outbox::open(folder.path(), &Options::default()).unwrap();
    let log = opened(outbox);
    let check = Check { findings: vec![finding("F")], ..made("2026-11-20T09:30:00") };
    log.append(&[check], None).unwrap();
    log.answer(&[continued("F", None)], None).unwrap();
    let verdict = shows("F");
    assert!(log.acknowledged().knows_any_of(&verdict));
    assert!(
        log.forget([u64::MAX; 2], u64::MAX, keys::ms("2026-11-22T09:00:00".parse().unwrap()))
            .unwrap()
    );
    assert!(!log.acknowledged().knows_any_of(&verdict));
    drop(writer);
}

/// Who goes on with a dose goes on with that dose: another one is shown, and answered for anew.
#[test]
fn what_was_answered_for_is_shown_again_in_other_circumstances() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::default();
    let (mut outbox, mut writer) = Outbox::open(folder.path(), &options).unwrap();
    let rules = RuleSet::shipped().unwrap();
    let mut ids = std::collections::BTreeSet::new();
    // Each is asked twice: what is shown is answered for with a reason.
    for (dose, frequency, expected) in [
        ("20", "QN", "shown hidden"),
        ("40", "QN", "shown hidden"),
        ("40", "BID", "shown hidden"),
        ("", "", "hidden hidden"),
        ("40", "BID", "hidden hidden"),
        ("20", "QN", "shown hidden"),
    ] {
        let text = asked_of_two(dose, frequency);
        let facts = rules::request::read(&text).unwrap_or_else(|it| panic!("{it:?}"));
        let told = [(); 2].map(|()| {
            let log = opened(outbox.clone());
            let mut verdict = rules::evaluate(&rules, &facts, NOW.parse().unwrap());
            verdict.findings.retain(|it| it.rule_id == "interaction");
            let id = verdict.findings[0].id.clone();
            let hidden = log.acknowledged().take(&mut verdict, &facts, None);
            let check = made(NOW).judged(&facts, &verdict, &hidden);
            log.append(&[check], None).unwrap();
            if hidden.is_empty() {
                log.answer(&[continued(&id, Some("D2"))], None).unwrap();
            }
            ids.insert(id);
            if hidden.is_empty() { "shown" } else { "hidden" }
        });
        assert_eq!(told.join(" "), expected, "{dose} {frequency}");
        // What was answered for in view of what is on disk.
        drop((outbox, writer));
        (outbox, writer) = Outbox::open(folder.path(), &options).unwrap();
    }
    assert_eq!(ids.len(), 1, "the finding is the same");
    drop(writer);
}

const NOW: &str = "2026-11-22T09:00:00";

fn asked_of_two(dose: &str, frequency: &str) -> String {
    format!(
        r#"{{"encounter":{{"mdtrt_id":"MZ1","med_mdtrt_type":"1"}},"orders":[
        {{"rx_id":"A","hosplist_name":"辛伐他汀片","drug_ingd":["辛伐他汀"],"drug_used_sdose":"{dose}",
          "drug_used_dosunt":"mg","drug_used_frqu":"{frequency}"}},
        {{"rx_id":"B","hosplist_name":"克拉霉素片","drug_ingd":["克拉霉素"]}}]}}"#
    )
}

/// A rule that blocks since the last start asks for a second person, whatever was said before.
#[test]
fn who_approved_is_known_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, writer) = Outbox::open(folder.path(), &Options::default()).unwrap();
    let log = opened(outbox);
    let findings = vec![finding("one"), finding("two")];
    log.append(&[Check { findings, ..made("2026-11-20T09:30:00") }], None).unwrap();
    log.answer(&[continued("one", None), continued("two", Some("D2"))], None).unwrap();
    drop((log, writer));
    let (outbox, writer) = Outbox::open(folder.path(), &Options::default()).unwrap();
    let log = opened(outbox);
    let hidden = |id: &str, action: rules::rule::Action| {
        let mut verdict = shows(id);
        verdict.findings.iter_mut().for_each(|it| it.action = action);
        log.acknowledged().take(&mut verdict, &Facts::default(), None).len()
    };
    let (hint, block) = (rules::rule::Action::Hint, rules::rule::Action::Block);
    assert_eq!((hidden("one", hint), hidden("two", hint)), (1, 1));
    assert_eq!((hidden("one", block), hidden("two", block)), (0, 1));
    drop(writer);
}

/// A request about several patients is kept once, and read back for each of them.
#[test]
fn a_request_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, writer) = Outbox::open(folder.path(), &Options::default()).unwrap();
    let log = opened(outbox);
    let first = made("2026-11-22T09:00:00");
    let request_of = Some(first.check_id.clone());
    let second =
        Check { part: 1, request_of, request: Bytes::new(), ..made("2026-11-22T09:00:01") };
    log.append(&[first.clone(), second.clone()], None).unwrap();
    assert_eq!(log.get(&second.check_id).unwrap().unwrap().request, first.request);
    let mut requests = Vec::new();
    let (from, to) =
        ("2026-11-22T09:00:01".parse().unwrap(), "2026-11-23T00:00:00".parse().unwrap());
    log.following(None, from, to, |check| {
        requests.push(check.request);
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(requests, [first.request]);
    drop(writer);
}

fn opened(outbox: Outbox) -> Log {
    Log::open(outbox, PatientKey::of_tests()).unwrap()
}

fn continued(finding_id: &str, approver: Option<&str>) -> states::Given {
    states::Given {
        finding_id: finding_id.to_owned(),
        state: states::State::Continued,
        reason: Some("r".to_owned()),
        approver: approver.map(str::to_owned),
        at: "20261122090010".to_owned(),
        ..states::Given::default()
    }
}

/// A verdict with one finding.
fn shows(id: &str) -> Verdict {
    let found = Finding {
        id: id.to_owned(),
        rule_id: "r".to_owned(),
        official_code: None,
        rule_name: "r".to_owned(),
        severity: rules::rule::Severity::Slight,
        action: rules::rule::Action::Hint,
        behaviour: rules::rule::Behaviour::Item,
        text: String::new(),
        basis: String::new(),
        amount: None,
        lines: Vec::new(),
        origin: rules::verdict::Origin::Local,
    };
    Verdict { findings: vec![found], ..Verdict::default() }
}

fn between(log: &Log, from: &str, to: &str) -> String {
    let mut found = Vec::new();
    log.between(from.parse().unwrap(), to.parse().unwrap(), |check| {
        assert_eq!(check.request, Bytes::from_static(b"{\xff"));
        found.push(check.asked_at[8..10].to_owned());
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    found.join(" ")
}

/// A check that was asked at this moment.
fn made(at: &str) -> Check {
    let at: DateTime = at.parse().unwrap();
    let seconds = u64::try_from(clock::instant(at).as_second()).unwrap();
    let id = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0));
    Check {
        check_id: id.simple().to_string(),
        asked_at: crate::pipeline::stamp(at),
        answered_at: crate::pipeline::stamp(at.checked_add(1.second()).unwrap()),
        door: Door::Canonical,
        encounter: Some("MZ1".to_owned()),
        request: Bytes::from_static(b"{\xff"),
        ..Check::default()
    }
}

fn finding(id: &str) -> Found {
    Found { id: id.to_owned(), action: "hint".to_owned(), ..Found::default() }
}

fn road(folder: &Path) -> (Arc<Road>, WriterHandle) {
    let dir = folder.join("outbox");
    let text = format!("[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = {dir:?}\n");
    let config = Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"));
    let sets = Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"));
    let (outbox, writer) = Outbox::open(&dir, &Options::default()).unwrap();
    let road = Road::new(config, sets, outbox.clone(), Arc::new(ForwardState::default()));
    road.checks.open(outbox).unwrap();
    (Arc::new(road), writer)
}
