//! Plans as their makers see them, over a real store: what is run, once, and what is told of it.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::civil::DateTime;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::execution::{Execution, State};
use super::plan::{Job, Plan};
use super::*;
use crate::checks::entry::Check;
use crate::clock;
use crate::config::Config;
use crate::forward::ForwardState;
use crate::intake::Road;
use crate::outbox::{Options, Outbox, WriterHandle};
use crate::pipeline;
use crate::sets::Sets;

#[test]
fn a_plan_that_was_missed_is_run_once_and_says_so() {
    // Every minute for three hours: 180 times due, and one run.
    let runs = run_all(&[plan("p", "* * * * *", hours_ago(3))], 1);
    assert_eq!(told(&runs[0]), "p done 1 checks");
    assert!((178..=181).contains(&runs[0].missed), "{}", runs[0].missed);
    let log: Vec<&str> = runs[0].log.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(log[0], "开始：回放最近 1 天，规则 drug-sex");
    assert!(log[1].contains("次到期，只补运行这一次"), "{log:?}");
    assert!(
        log.last().unwrap().starts_with("完成：审查 1 次，读不出 0 次，留下命中 1 条"),
        "{log:?}"
    );
    // Once a day, due two hours ago: late, and nothing else missed.
    let two = clock::now().checked_sub(jiff::ToSpan::hours(2)).unwrap();
    let daily = format!("{} {} * * *", two.minute(), two.hour());
    let runs = run_all(&[plan("p", &daily, hours_ago(3))], 1);
    assert_eq!((runs.len(), runs[0].missed), (1, 0));
    assert!(runs[0].log[1].text.contains("晚了 1"), "{:?}", runs[0].log);
}

#[test]
fn what_is_off_or_not_due_is_not_run() {
    let off = Plan { enabled: false, ..plan("off", "* * * * *", hours_ago(3)) };
    let later = plan("later", "0 0 1 1 *", hours_ago(1));
    let due = plan("due", "* * * * *", hours_ago(1));
    let runs = run_all(&[off, later, due], 1);
    assert_eq!(runs.iter().map(|it| it.plan.as_str()).collect::<Vec<_>>(), ["due"]);
}

/// The agent went down in the middle: once more, and never a third time.
#[test]
fn what_was_broken_off_is_run_once_more() {
    let never = plan("p", "0 0 29 2 *", clock::now());
    for (attempt, state, expected) in [
        (1, State::Running, "p broken_off 0 checks, p done 1 checks"),
        (1, State::Stopped, "p stopped 0 checks, p done 1 checks"),
        (2, State::Running, "p broken_off 0 checks"),
        (1, State::Failed, "p failed 0 checks"),
    ] {
        let begun = Execution { state, ..Execution::begin(&never, None, attempt) };
        let runs = with_road(|road, runs| {
            road.outbox.shelve(&[book::put_plan(&never), book::put_execution(&begun)]).unwrap();
            runs.wait_for(expected.matches(',').count() + 1)
        });
        assert_eq!(runs.iter().map(told).collect::<Vec<_>>().join(", "), expected);
    }
}

#[test]
fn by_hand_and_a_rule_that_is_gone() {
    let runs = with_road(|road, runs| {
        let gone = Plan {
            job: Job::Backtest { rules: vec!["nobody".to_owned()], days: 1 },
            ..plan("gone", "0 0 29 2 *", clock::now())
        };
        road.outbox.shelve(&[book::put_plan(&gone)]).unwrap();
        road.plans.run_by_hand("gone");
        road.plans.run_by_hand("never was");
        runs.wait_for(1)
    });
    assert_eq!(told(&runs[0]), "gone failed 0 checks");
    assert_eq!(runs[0].log.last().unwrap().text, "失败：没有规则 nobody");
}

#[test]
fn audits_are_run_by_plan_and_what_is_no_plan_is_told() {
    let job = |scene: &str| Job::Audit { scene: scene.to_owned(), days_ago: 1 };
    let daily = Plan { job: job("daily_batch"), ..plan("审核", "* * * * *", hours_ago(1)) };
    let runs = run_all(&[daily], 1);
    assert_eq!(told(&runs[0]), "审核 done 0 checks");
    let last = &runs[0].log.last().unwrap().text;
    assert!(last.contains("就诊 0 次，疑点 0 个"), "{last}");
    let wanted = |name: &str, cron: &str, job: serde_json::Value| {
        let wanted = serde_json::json!({ "cron": cron, "job": job, "author": "a" });
        let wanted = serde_json::from_value(wanted).map_err(|it: serde_json::Error| it.to_string());
        wanted.and_then(|it| Plan::prove(name, it, clock::now())).err().unwrap_or_default()
    };
    let week = serde_json::json!({ "kind": "backtest", "days": 7 });
    assert_eq!(wanted("p", "0 2 * * *", week.clone()), "");
    assert!(wanted("a b", "0 2 * * *", week.clone()).contains("计划名"));
    assert!(wanted("p", "0 2 * *", week).contains("有 4 段"));
    let job = |it: &str| serde_json::from_str(it).unwrap();
    assert!(wanted("p", "0 2 * * *", job(r#"{"kind":"backtest","days":0}"#)).contains("回放 0 天"));
    assert!(
        wanted("p", "0 2 * * *", job(r#"{"kind":"audit","scene":"outpatient"}"#))
            .contains("没有审核场景")
    );
    assert!(wanted("p", "0 2 * * *", job(r#"{"kind":"sweep"}"#)).contains("unknown variant"));
}

#[test]
fn what_a_run_found_can_be_asked_for() {
    let found = with_road(|road, runs| {
        let plan = plan("p", "* * * * *", hours_ago(1));
        road.outbox.shelve(&[book::put_plan(&plan)]).unwrap();
        let run = runs.wait_for(1).remove(0);
        let mut rows = Vec::new();
        book::rows(&road.outbox, &run.id, 0, |number, row| {
            rows.push(format!("{number} {} {}", row["rule_id"], row["check_id"]));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        rows
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("0 \"drug-sex\" "), "{found:?}");
}

/// What the command does in its own process, a console asks of the daemon.
#[test]
fn a_back_test_that_somebody_waits_for() {
    let told = with_road(|road, _| {
        let ask = |body: serde_json::Value| {
            let request = http::Request::post("/admin/v1/rules/backtest")
                .header("content-type", "application/json");
            let request = request.body(axum::body::Body::from(body.to_string())).unwrap();
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let told = runtime.block_on(async {
                let answer = crate::control::routes(road).oneshot(request).await.unwrap();
                axum::body::to_bytes(answer.into_body(), 1 << 22).await.unwrap()
            });
            serde_json::from_slice::<serde_json::Value>(&told).unwrap()
        };
        let day = clock::now().date().yesterday().unwrap().strftime("%Y%m%d").to_string();
        let span = |more: serde_json::Value| {
            let mut body = serde_json::json!({ "from": day, "to": day });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let pack = serde_json::json!({ "name": "starter", "files": {
            "pack.toml": "name = \"t\"\nversion = \"1\"\nsource = \"s\"\neffective = \"2026-01-01\"\n" } });
        [
            ask(span(serde_json::json!({ "rules": ["drug-sex"] }))),
            ask(span(serde_json::json!({ "pack": pack, "hits": 0 }))),
            ask(span(serde_json::json!({ "rules": ["nobody"] }))),
            ask(serde_json::json!({ "rules": ["drug-sex"] })),
        ]
    });
    let [on, without, nobody, no_span] = &told;
    assert_eq!(on["data"]["report"]["checks"], 1, "{on}");
    assert_eq!(on["data"]["hits"][0]["rule_id"], "drug-sex", "{on}");
    assert_eq!(on["data"]["is_whole"], true, "{on}");
    let rules = without["data"]["report"]["rules"].as_array().unwrap();
    let sex = rules.iter().find(|it| it["rule_id"] == "drug-sex").unwrap();
    assert_eq!((&sex["before"], &sex["after"]), (&1.into(), &0.into()), "{without}");
    assert!(without["data"]["hits_not_told"].as_u64().unwrap() > 0, "{without}");
    assert_eq!(nobody["message"], "没有规则 nobody");
    assert!(no_span["message"].as_str().unwrap().contains("写明 from 和 to"), "{no_span}");
}

/// What is asked of the book while a runner runs.
struct Runs {
    road: Arc<Road>,
    /// Lets the runner begin.
    begin: Cell<Option<oneshot::Sender<()>>>,
}

impl Runs {
    /// Every run, once there are so many and none goes on; a moment longer, lest there be more.
    fn wait_for(&self, count: usize) -> Vec<Execution> {
        drop(self.begin.take()); // what it is to find has been written by now
        let begun = Instant::now();
        loop {
            let all = book::executions(&self.road.outbox, None).unwrap();
            let is_still = all.iter().all(|it| it.state != State::Running);
            if all.len() >= count && is_still {
                self.road.plans.news.notify_one();
                std::thread::sleep(Duration::from_millis(300));
                return book::executions(&self.road.outbox, None).unwrap();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{all:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn run_all(plans: &[Plan], count: usize) -> Vec<Execution> {
    with_road(|road, runs| {
        let changes: Vec<_> = plans.iter().map(book::put_plan).collect();
        road.outbox.shelve(&changes).unwrap();
        runs.wait_for(count)
    })
}

/// A road with one check of yesterday; `prepare` writes before the runner looks, and waits for it.
fn with_road<T>(ask: impl FnOnce(&Arc<Road>, &Runs) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (road, writer) = road(folder.path());
    road.checks.log().unwrap().append(&[yesterday()], None).unwrap();
    let stop = CancellationToken::new();
    let (begin, may_begin) = oneshot::channel::<()>();
    let runs = Runs { road: Arc::clone(&road), begin: Cell::new(Some(begin)) };
    let starting = (Arc::clone(&road), stop.clone());
    let keeper = runtime.spawn(async move {
        let _ = may_begin.await;
        keep(starting.0, starting.1).await;
    });
    let told = ask(&road, &runs);
    drop(runs.begin.take());
    stop.cancel();
    runtime.block_on(keeper).unwrap();
    drop((road, runs, writer));
    told
}

fn road(folder: &Path) -> (Arc<Road>, WriterHandle) {
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{0}/outbox\"\n[history]\nkey_file = \"{0}/patient.key\"\n",
        folder.display()
    );
    let config = Config::parse("agent.toml", &text).unwrap();
    let sets = Sets::load(&config).unwrap();
    let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
    let road = Road::new(config, sets, outbox, Arc::new(ForwardState::default()));
    road.checks.open(road.outbox.clone()).unwrap();
    road.history.open(&road.config, &road.outbox).unwrap();
    (Arc::new(road), writer)
}

/// A man's drug for a woman.
fn yesterday() -> Check {
    let at = clock::now().date().yesterday().unwrap().at(10, 0, 0, 0);
    let request: &str = r#"{"patient":{"patn_id":"P1","gend":"2","brdy":"19751103"},
        "encounter":{"mdtrt_id":"M1","med_mdtrt_type":"1"},
        "orders":[{"rx_id":"1","hilist_code":"XG04CBD247E002010101503","hosplist_code":"YP000502"}]}"#;
    Check {
        check_id: format!("{:012x}70008000000000000001", clock::instant(at).as_millisecond()),
        asked_at: pipeline::stamp(at),
        answered_at: pipeline::stamp(at),
        request: Bytes::from_static(request.as_bytes()),
        ..Check::default()
    }
}

fn plan(name: &str, cron: &str, seen: DateTime) -> Plan {
    Plan {
        name: name.to_owned(),
        cron: cron.to_owned(),
        job: Job::Backtest { rules: vec!["drug-sex".to_owned()], days: 1 },
        enabled: true,
        author: "药师".to_owned(),
        changed_at: seen,
        seen,
    }
}

fn hours_ago(hours: i32) -> DateTime {
    clock::now().checked_sub(jiff::ToSpan::hours(hours)).unwrap()
}

fn told(run: &Execution) -> String {
    let state = serde_json::to_value(run.state).unwrap();
    format!("{} {} {} checks", run.plan, state.as_str().unwrap(), run.counts.checks)
}
