//! A hospital changes its rules while doctors work: each change is in force when the command says
//! so, is taken back as quickly, and what is wrong never gets near the rules in force.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tests::agent::{Agent, Setup};
use tests::command::Ran;
use tests::his;
use tests::process::wait_until;

#[test]
fn a_change_is_in_force_at_once_and_is_taken_back_at_once() {
    let (agent, folder) = agent();
    check(&agent, HIT);
    let row = format!("prefix={PREFIX}");
    let because = ["--author", "赵药师", "--reason", "本院无此药"];
    let disable = [&["disable", "drug-sex", "--row", &row][..], &because].concat();
    change(&agent, &disable, 0, "已写入，已生效");
    check(&agent, "");
    change(&agent, &[&["rollback", "1"][..], &because].concat(), 0, "已写入，已生效");
    check(&agent, HIT);

    // What cannot be is not written, and the daemon never hears of it.
    let log = folder.path().join("starter/changes.csv");
    let before = fs::read_to_string(&log).expect("the log is there");
    let wrong = ["edit", "drug-sex", "--row", &row, "sex=雄"];
    change(&agent, &[&wrong[..], &because].concat(), 65, "`雄` is not one of 男, 女");
    let idle = ["disable", "drug-sex", "--row", "hospital=NONE"];
    change(&agent, &[&idle[..], &because].concat(), 65, "has no such row");
    assert_eq!(fs::read_to_string(&log).expect("the log is there"), before);

    let listed = change(&agent, &["list"], 0, "").stdout;
    assert!(listed.contains("starter 1 已撤销"), "{listed}");
    assert!(
        listed.contains("赵药师 disable drug-sex") && listed.contains("本院无此药"),
        "{listed}"
    );
}

#[test]
fn a_published_table_is_previewed_then_taken_and_taken_back_as_a_whole() {
    let (agent, folder) = agent();
    let table = folder.path().join("batch.txt");
    let text = format!("药品编码,药品名称,限定性别\n{CODE},度他雄胺软胶囊,女\nXG04,甲,男\n");
    fs::write(&table, text).expect("our own folder");
    let preview = ["--rule", "drug-sex", "--source", "第2批"];
    let told = import(&agent, &table, &preview, 0);
    assert!(told.contains("新增 1，") && told.contains("拒收 第3行 `XG04`"), "{told}");
    check(&agent, HIT);

    let apply = ["--apply", "--author", "赵药师", "--reason", "新批次"];
    import(&agent, &table, &[&preview[..], &apply].concat(), 0);
    check(&agent, ""); // the drug is for women now, and so is the patient
    change(&agent, &["rollback", "1", "--author", "赵药师", "--reason", "弄错"], 0, "已生效");
    check(&agent, HIT);

    // A row that somebody breaks by hand: the set is refused whole, the one in force stays.
    let (file, log) = ("starter/import-3.csv", "starter/changes.csv");
    let good = fs::read_to_string(folder.path().join("starter/import-1.csv")).expect("its file");
    fs::write(folder.path().join(file), good.replace(",女,", ",雄,")).expect("our own folder");
    let line = "3,2026-11-22T09:30:00,赵药师,手改,import,drug-sex,,,,file=import-3.csv\n";
    let changes = fs::read_to_string(folder.path().join(log)).expect("the log is there");
    fs::write(folder.path().join(log), changes + line).expect("our own folder");
    let told = || agent.ask(&["sets", "status"]).stdout;
    let place = "overlay/starter/import-3.csv:2:";
    assert!(wait_until(Duration::from_secs(30), || told().contains(place)), "{}", told());
    thread::sleep(Duration::from_secs(1));
    check(&agent, HIT);
}

fn agent() -> (Agent, TempDir) {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let sets = format!("overlay = \"{}\"", folder.path().display());
    (Agent::start(Setup { sets: Some(sets), ..Setup::files() }), folder)
}

/// The rule about a drug for men, asked for a woman: what it says, or nothing.
#[track_caller]
fn check(agent: &Agent, expected: &str) {
    let request = json!({
        "patient": { "gend": "2", "brdy": "19751103" },
        "orders": [{ "rx_id": "1", "hilist_code": CODE, "hosplist_name": "度他雄胺软胶囊" }],
    });
    let answer = his::post_json(agent.his(), "/v1/checks", &[], &request.to_string());
    let said = answer.expect("an answer").json();
    let findings = said.pointer("/data/findings").and_then(|it| it.as_array()).expect("a list");
    let ours = findings.iter().find(|it| it.pointer("/rule_id") == Some(&json!("drug-sex")));
    let text = ours.and_then(|it| it.pointer("/vola_cont")?.as_str()).unwrap_or_default();
    assert_eq!(text, expected);
}

#[track_caller]
fn change(agent: &Agent, arguments: &[&str], code: i32, told: &str) -> Ran {
    let ran = agent.ask(&[&["rules", "overlay"][..], arguments].concat());
    let both = format!("{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, Some(code), "{both}");
    assert!(both.contains(told), "{both}");
    ran
}

#[track_caller]
fn import(agent: &Agent, table: &Path, arguments: &[&str], code: i32) -> String {
    let file = table.display().to_string();
    let ran = agent.ask(&[&["rules", "import", &file][..], arguments].concat());
    let both = format!("{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, Some(code), "{both}");
    both
}

const CODE: &str = "XG04CBD247E002010101503";
/// The shipped row is about every maker's.
const PREFIX: &str = "XG04CBD247E002";
const HIT: &str = "【度他雄胺软胶囊】限男性使用，患者性别为女";
