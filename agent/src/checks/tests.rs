//! The log as its users see it, over a real store.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use jiff::ToSpan as _;
use jiff::civil::DateTime;
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
    let (outbox, writer) = Outbox::open(folder.path(), &Options::default()).unwrap();
    let log = Log::open(outbox).unwrap();
    let checks = ["2026-11-22T09:00:00", "2026-11-22T10:00:00", "2026-11-23T10:00:00"].map(made);
    log.append(&checks, None).unwrap();
    drop((log, writer));
    let (outbox, writer) = Outbox::open(folder.path(), &Options::default()).unwrap();
    let log = Log::open(outbox).unwrap();
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
    let (outbox, writer) = Outbox::open(folder.path(), &Options::default()).unwrap();
    let log = Log::open(outbox).unwrap();
    let mut checks =
        ["2026-11-20T09:30:00", "2026-11-21T09:00:00", "2026-11-22T09:00:00"].map(made);
    checks[0].findings = vec![finding("gone"), finding("again")];
    checks[1].findings = vec![finding("again")];
    log.append(&checks, None).unwrap();
    let at = |text: &str| keys::ms(text.parse().unwrap());
    let now = at("2026-11-22T09:59:00");
    let left = || between(&log, "2026-11-01T00:00:00", "2026-12-01T00:00:00");
    let finding = |id: &str| log.finding(id).unwrap().is_some();

    assert!(!log.forget(at("2026-11-20T09:00:00"), u64::MAX, now).unwrap(), "of that hour");
    assert!(log.forget(at("2026-11-20T10:00:00"), u64::MAX, now).unwrap());
    assert!(!log.forget(at("2026-11-20T10:00:00"), u64::MAX, now).unwrap());
    assert_eq!((left().as_str(), finding("gone"), finding("again")), ("09 09", false, true));
    assert_eq!(log.findings_of("MZ1").unwrap(), ["again"]);
    assert!(log.forget(0, 10, now).unwrap(), "more bytes than there may be");
    assert_eq!((left().as_str(), finding("again")), ("09", false));
    assert!(!log.forget(now, 0, now).unwrap(), "the hour that runs is never forgotten");
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
            road.checks.offer(check, Some("P1".to_owned()));
            slowest = slowest.max(begun.elapsed());
        }
        assert!(slowest < Duration::from_millis(50), "{slowest:?}");
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
