//! The manual's screens, run as they stand there by Node: jsdom's WebSocket and the EventSource of npm
//! hear every finding of their own department once, over kills of the agent, and nobody else hears any.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tests::agent::{Agent, Setup};
use tests::chance::{Chance, is_long};
use tests::his;
use tests::process::wait_until;
use tests::screen::Screen;
use tests::ward::{Ward, of_the_manual};

#[test]
fn the_manuals_screens_hear_their_own_department_once_over_kills() {
    let kills = if is_long() { 30 } else { 3 };
    let mut agent = Agent::start(Setup { channels: WARDS.to_owned(), ..Setup::files() });
    let [first, second] = ["0301", "0302"].map(|it| token(&agent, it));
    let mut page = open(&agent, "html", "0301", &first, SITE);
    let script = open(&agent, "js", "0301", &first, SITE);
    let other = open(&agent, "html", "0302", &second, SITE);
    // The token of another ward, one that is none, and a page of a site that nobody named.
    let refused = [
        open(&agent, "html", "0301", &second, SITE),
        open(&agent, "js", "0301", &second, SITE),
        open(&agent, "html", "0301", "his_none", SITE),
        open(&agent, "html", "0301", &first, "http://evil.example"),
    ];
    for it in [&page, &script, &other] {
        assert!(wait_until(PATIENCE, || it.connections() == 1), "{}", agent.log());
    }
    let answered = hospital_asks(&mut agent, kills, &[&page, &script, &other]);

    for (ward, department, token) in
        [(&page, "0301", &first), (&script, "0301", &first), (&other, "0302", &second)]
    {
        let expected = kept(agent.his(), department, token);
        let is_whole = wait_until(PATIENCE, || findings(ward).len() >= expected.len());
        assert!(is_whole, "{} of {}", findings(ward).len(), expected.len());
        let heard = findings(ward);
        assert_eq!(places(&heard), places(&expected), "lost, doubled or out of order");
        assert!(heard.iter().all(|it| it["department"] == department), "{heard:?}");
        let opened: BTreeSet<&str> =
            heard.iter().filter_map(|it| it["encounter"].as_str()).collect();
        let asked = answered.iter().filter(|it| it.1 == department);
        // An answer does not wait for the disk: the last ones before a kill are gone, findings and all.
        let gone: Vec<_> = asked.filter(|it| !opened.contains(it.0.as_str())).collect();
        // An answer about every fifth brings those before it to the disk: it and the four before are not there yet.
        assert!(gone.len() <= 5 * kills, "answered, and not told: {gone:?}");
        println!(
            "{department}: {} events, {} connections, {} gone",
            heard.len(),
            ward.connections(),
            gone.len()
        );
        assert!(ward.connections() > kills, "{}", ward.connections());
    }
    for it in &refused {
        assert_eq!((it.connections(), it.heard()), (0, Vec::new()));
    }
    let rows: BTreeSet<String> = page.rows().into_iter().collect();
    assert_eq!(rows, still_open(&findings(&page)), "what stands on the page");
}

/// Two departments ask, and correct every fifth, while the agent is killed; each check that was answered,
/// with its department.
fn hospital_asks(agent: &mut Agent, kills: usize, wards: &[&Ward; 3]) -> Vec<(String, String)> {
    let (stop, his) = (AtomicBool::new(false), agent.his());
    let mut chance = Chance::seeded("wards");
    thread::scope(|scope| {
        let callers = ["0301", "0302"].map(|department| {
            let stop = &stop;
            scope.spawn(move || {
                let numbers = (0..).take_while(|_| !stop.load(Ordering::SeqCst));
                numbers.filter_map(|n| visit(his, department, n)).collect::<Vec<_>>()
            })
        });
        for round in 1..=kills {
            thread::sleep(chance.pause(Duration::from_millis(600)));
            agent.kill();
            agent.start_again();
            // By their own timers, as they do in a ward.
            let are_back = || wards.iter().all(|it| it.connections() > round);
            assert!(wait_until(PATIENCE, are_back), "not all came back:\n{}", agent.log());
        }
        stop.store(true, Ordering::SeqCst);
        callers.into_iter().flat_map(|it| it.join().expect("a caller does not fail")).collect()
    })
}

/// A drug for men, for a woman; the encounter when it was answered.
fn visit(his: SocketAddr, department: &str, n: u64) -> Option<(String, String)> {
    thread::sleep(Duration::from_millis(20));
    let encounter = format!("ZY{department}{n}");
    let answer = his::post_json(his, "/v1/checks", &[], &request(&encounter, department)).ok()?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    if n.is_multiple_of(5) {
        let told = answer.json();
        let id = told["data"]["findings"][0]["jr_id"].as_str().expect("a finding");
        let corrected = json!({ "jr_id": id, "state": "changed" }).to_string();
        drop(his::post_json(his, "/v1/feedback", &[], &corrected));
    }
    Some((encounter, department.to_owned()))
}

fn request(encounter: &str, department: &str) -> String {
    let request = json!({
        "scene": "outpatient",
        "patient": { "patn_id": encounter, "gend": "2", "brdy": "19751103" },
        "encounter": { "mdtrt_id": encounter, "med_mdtrt_type": "1", "emer_flag": "0",
            "adm_dept_codg": department, "bedno": "12" },
        "diagnoses": [{ "dise_codg": "L64.900", "dise_name": "雄激素性秃发", "maindise_flag": "1" }],
        "orders": [{
            "rx_id": "1", "rxno": "CF1", "hosplist_code": "YP000502", "drug_used_sdose": "1",
            "drug_used_dosunt": "粒", "drug_used_frqu": "QD", "medc_days": "7", "cnt": "1",
            "cnt_unt": "盒", "sumamt": "58.80",
        }],
        "prescriber": { "drord_dr_codg": "2046", "drord_dr_profttl": "232" },
        "allergies": [],
    });
    request.to_string()
}

/// A token that hears of one department.
#[track_caller]
fn token(agent: &Agent, department: &str) -> String {
    let name = format!("ward-{department}");
    let ran = agent.ask(&["token", "create", &name, "--verbs", "events"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout.trim().to_owned()
}

/// The manual's screen of this ward, with what a hospital fills in.
fn open(agent: &Agent, language: &str, department: &str, token: &str, site: &str) -> Ward {
    let address = agent.his().to_string();
    let filled_in = [("前置机:8700", address.as_str()), ("0301", department), ("令牌", token)];
    let file = agent.beside(&format!("{department}-{}.{language}", &token[..12.min(token.len())]));
    fs::write(&file, of_the_manual(language, &filled_in)).expect("our own folder");
    Ward::open(&file, site)
}

/// What one that was never away hears of the department, in one piece.
fn kept(his: SocketAddr, department: &str, token: &str) -> Vec<Value> {
    let query = format!("kinds=finding&department={department}&after=0&token={token}");
    let mut screen = Screen::new(his, &query);
    screen.connect().expect("the agent listens");
    screen.listen_until_quiet().into_iter().map(|it| it.data).collect()
}

fn findings(ward: &Ward) -> Vec<Value> {
    ward.heard().into_iter().filter(|it| it["type"] == "finding").collect()
}

fn places(heard: &[Value]) -> Vec<&str> {
    heard.iter().filter_map(|it| it["event"].as_str()).collect()
}

/// The rows of what was opened and is not closed.
fn still_open(heard: &[Value]) -> BTreeSet<String> {
    let mut rows = BTreeSet::new();
    for it in heard {
        let of = |name: &str| it[name].as_str().unwrap_or_default();
        let row = format!("{} {} {}", of("bed"), of("encounter"), of("text"));
        if it["what"] == "changed" {
            rows.remove(&row)
        } else {
            rows.insert(row)
        };
    }
    rows
}

/// The site that the screens' page is of.
const SITE: &str = "http://his.example";
const WARDS: &str = "\
[[caller]]
name = \"ward-0301\"
departments = [\"0301\"]
[[caller]]
name = \"ward-0302\"
departments = [\"0302\"]
[events]
callers = [\"ward-0301\", \"ward-0302\"]
origins = [\"http://his.example\"]
";
const PATIENCE: Duration = Duration::from_mins(3);
