//! Whatever a check does, everybody is told of, and in the order of the table.

use super::*;
use crate::config::Config;

#[test]
fn a_check_that_hangs_or_breaks_hides_none_of_the_others() {
    fn well(_: &Site) -> Vec<Line> {
        vec![Line::ok("well"), Line::warn("H044", "soon")]
    }
    fn hangs(_: &Site) -> Vec<Line> {
        thread::sleep(Duration::from_secs(60));
        Vec::new()
    }
    fn breaks(_: &Site) -> Vec<Line> {
        panic!("on purpose")
    }
    let check = |key, seconds, look| {
        let bound = Duration::from_secs(seconds);
        Check { key, zh: key, bound, look }
    };
    let checks = [
        check("hangs", 1, hangs as fn(&Site) -> _),
        check("breaks", 20, breaks),
        check("well", 20, well),
    ];
    let begun = Instant::now();
    let report = examine_by(&checks, &site());
    assert!(begun.elapsed() < Duration::from_secs(30), "side by side, and bounded");
    let told: Vec<String> = report
        .groups
        .iter()
        .flat_map(|it| it.lines.iter().map(|line| (it.key.clone(), line)))
        .map(|(key, line)| format!("{key} {} {:?}", line.state.as_str(), line.code))
        .collect();
    let expected = [
        "hangs fail Some(\"H001\")",
        "breaks fail Some(\"H002\")",
        "well ok None",
        "well warn Some(\"H044\")",
    ];
    assert_eq!(told, expected);
    assert_eq!((report.ok, report.warn, report.fail), (1, 1, 2));
    assert_eq!(report.failing().map(|it| it.key.as_str()).collect::<Vec<_>>(), ["hangs", "breaks"]);
}

/// As on a share whose server is gone: every patrol of many days finds it so, and leaves nothing more behind.
#[test]
fn what_hangs_is_left_behind_once_and_looked_at_anew_when_it_is_back() {
    static SERVER: Mutex<()> = Mutex::new(());
    fn hangs(_: &Site) -> Vec<Line> {
        let _answer = SERVER.lock().unwrap();
        vec![Line::ok("well")]
    }
    let check = Check { key: "share", zh: "", bound: Duration::from_secs(2), look: hangs };
    let look = || {
        let report = examine_by(&[check], &site());
        format!("{:?}", report.groups[0].lines[0].code)
    };
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names =
            tasks.filter_map(|it| std::fs::read_to_string(it.ok()?.path().join("comm")).ok());
        names.filter(|it| it.trim_end() == "doctor-share").count()
    };
    let away = SERVER.lock().unwrap();
    for _ in 0..3 {
        assert_eq!((look().as_str(), threads()), ("Some(\"H001\")", 1));
    }
    drop(away);
    let back = Instant::now();
    while threads() > 0 {
        assert!(back.elapsed() < Duration::from_secs(30), "it is back");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(look(), "None");
}

#[test]
fn several_things_are_looked_at_side_by_side() {
    let things = ["quick", "hangs"].map(str::to_owned);
    let look = |it: &String| {
        thread::sleep(Duration::from_secs(if it == "hangs" { 60 } else { 0 }));
        Line::ok(it.clone())
    };
    let late = |it: &String| Line::fail("H081", it.clone());
    let told = side_by_side(&things, Duration::from_secs(5), look, late);
    assert_eq!(told, [Line::ok("quick"), Line::fail("H081", "hangs")]);
}

/// People see what is not well with its cure; programs get it all.
#[test]
fn a_report_is_text_and_json() {
    let lines = vec![Line::ok("well"), Line::fail("H001", "late").cure("try again")];
    let group = Group { key: "a".to_owned(), zh: "甲".to_owned(), lines };
    let report = Report::of(vec![group], Duration::ZERO);
    let all = "甲\n  ok    well\n  fail  H001 late\n        处理：try again\n1 项正常，0 项提醒，1 项故障";
    assert_eq!(report.text(true), all);
    assert_eq!(report.text(false), all.replace("  ok    well\n", ""));
    let json = serde_json::to_string(&report).unwrap();
    let read: Report = serde_json::from_str(&json).unwrap();
    assert_eq!(read.text(true), all);
    assert!(json.contains("\"state\":\"fail\",\"code\":\"H001\""), "{json}");
}

/// Every check, on a machine that is most likely well.
#[test]
fn every_check_tells_something_with_a_cure_for_what_is_not_well() {
    let report = examine(&site());
    assert_eq!(report.groups.len(), CHECKS.len());
    for group in &report.groups {
        assert!(!group.lines.is_empty(), "{}", group.key);
        for line in &group.lines {
            assert_eq!(line.cure.is_some(), line.state != State::Ok, "{line:?}");
        }
    }
}

fn site() -> Arc<Site> {
    let folder = std::env::temp_dir().join("his-agent-doctor");
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[listen]\nhis = \"127.0.0.1:0\"\noperators = \"127.0.0.1:0\"\n\
         [outbox]\ndir = \"{0}/outbox\"\n[forward]\ndir = \"{0}/records\"\n",
        folder.display()
    );
    let config = Config::parse("agent.toml", &text).unwrap();
    Arc::new(Site { config, daemon: Daemon::IsDown, locale: Some("zh_CN.UTF-8".to_owned()) })
}
