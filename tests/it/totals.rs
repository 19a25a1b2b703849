//! The HIS's own totals of a day, fetched from the HIS: in our words or in its own, by a mapping.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::load;
use tests::obligations::Obligations;
use tests::process::wait_until;

#[test]
fn totals_are_fetched_until_they_are_here_and_compared() {
    let his = His::start();
    let secret = tempfile::NamedTempFile::new().expect("a file");
    fs::write(secret.path(), "Bearer of-the-his").expect("our own file");
    let table = format!(
        "[channel.totals]\nurl = \"http://{}/totals?day={{day}}&of=webapi\"\ndaily_at = \"00:00\"\n\
         headers = {{ Authorization = \"file:{}\" }}\n",
        his.at,
        secret.path().display()
    );
    // It stands in the last of the channels.
    let mut agent = Agent::prepare(Setup { faults: true, channels: table, ..Setup::files() });
    let (day, count) = a_day_before(&mut agent, &Case::of("webapi"));

    his.answer(503, "");
    agent.start_again();
    await_log(&agent, "O507", 1);
    assert!(agent.tells("答复 503"), "{}", agent.log());
    check_compared(&agent, &day, (Some(64), "没有送来"));
    let heard = his.heard();
    let path = format!("GET /totals?day={day}&of=webapi HTTP/1.1");
    assert!(heard.contains(&path) && heard.contains("Authorization: Bearer of-the-his"), "{heard}");

    let rounds = [(count + 1, (Some(65), "不")), (count, (Some(0), "平"))];
    for (round, (told, expected)) in (1..).zip(rounds) {
        agent.stop();
        forget(&agent);
        let totals = format!(r#"[{{"entity":"outpatient_prescription","count":{told}}}]"#);
        his.answer(200, &format!(r#"{{"day":"{day}","totals":{totals}}}"#));
        agent.start_again();
        await_log(&agent, "the totals of the HIS were fetched", round);
        check_compared(&agent, &day, expected);
    }
    // What is here is not asked for again.
    agent.stop();
    let before = his.heard().matches("GET").count();
    agent.start_again();
    thread::sleep(Duration::from_secs(2));
    assert_eq!(his.heard().matches("GET").count(), before);
}

#[test]
fn totals_in_the_words_of_the_his_go_by_a_mapping() {
    let his = His::start();
    let table = format!(
        "[[channel]]\nname = \"desk\"\nmappings = [\"desk/\"]\n\
         [channel.totals]\nurl = \"http://{}/x/{{day}}.xml\"\ndaily_at = \"00:00\"\n",
        his.at
    );
    let sets = Some(String::new());
    let mut agent = Agent::prepare(Setup { faults: true, sets, channels: table, ..Setup::files() });
    fs::create_dir(agent.mappings().join("desk")).expect("our own folder");
    fs::write(agent.mappings().join("desk/totals.toml"), DESK).expect("our own folder");
    let (day, _) = a_day_before(&mut agent, &Case::of("webapi"));
    let dashed = format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]);
    let words = format!(
        "<合计 日期=\"{dashed}\"><行 表=\"fee_detail_outpatient\" 条数=\"3\" 金额=\"98231.50\"/>\
         <行 表=\"outpatient_prescription\" 条数=\"7\"/></合计>"
    );
    his.answer(200, &words);
    agent.start_again();
    let file = agent.beside("statements").join(format!("his.{day}.desk.json"));
    assert!(wait_until(PATIENCE, || file.exists()), "{}", agent.log());
    let kept: Value = serde_json::from_slice(&fs::read(file).expect("it is there")).expect("JSON");
    let told = kept["totals"].as_array().expect("lines").iter();
    let told: Vec<String> =
        told.map(|it| format!("{} {} {}", it["entity"], it["count"], it["sums"])).collect();
    assert_eq!(
        told,
        [
            r#""fee_detail_outpatient" 3 {"medfee_sumamt":"98231.5"}"#,
            r#""outpatient_prescription" 7 {}"#,
        ]
    );
    check_compared(&agent, &day, (Some(65), "outpatient_prescription"));
}

/// Records of yesterday; gives the day, and how many of them are prescriptions.
fn a_day_before(agent: &mut Agent, case: &Case) -> (String, usize) {
    agent.disk().set_clock(-86_400);
    agent.start_again();
    let obligations = Obligations::default();
    let receipt = load::send(agent.his(), &case.numbered(1), &obligations);
    agent.await_drained();
    let ran = agent.ask(&["messages", "show", &receipt.message_id, "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    agent.stop();
    agent.disk().set_clock(0);
    let day = told["received_at"].as_str().expect("a time")[..8].to_owned();
    (day, receipt.records.iter().filter(|it| it.entity == "outpatient_prescription").count())
}

#[track_caller]
fn check_compared(agent: &Agent, day: &str, (code, text): (Option<i32>, &str)) {
    let ran = agent.ask(&["reconcile", "--day", day, "--his-sent"]);
    let told = ran.stdout + &ran.stderr;
    assert!(ran.code == code && told.contains(text), "{:?}: {told}\n{}", ran.code, agent.log());
}

#[track_caller]
fn await_log(agent: &Agent, text: &str, times: usize) {
    let is_there = || agent.log().matches(text).count() >= times;
    assert!(wait_until(PATIENCE, is_there), "{}", agent.log());
}

/// As if nothing had been fetched.
fn forget(agent: &Agent) {
    for entry in fs::read_dir(agent.beside("statements")).into_iter().flatten().flatten() {
        fs::remove_file(entry.path()).expect("our own file");
    }
}

/// A HIS that tells its totals.
struct His {
    at: SocketAddr,
    answer: Arc<Mutex<String>>,
    heard: Arc<Mutex<String>>,
}

impl His {
    fn start() -> His {
        let door = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let at = door.local_addr().expect("it is bound");
        let (answer, heard) = (Arc::new(Mutex::default()), Arc::new(Mutex::default()));
        let (answering, hearing) = (Arc::clone(&answer), Arc::clone(&heard));
        thread::spawn(move || {
            for mut stream in door.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(&stream);
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|it| it > 2) {}
                let answer: String = Clone::clone(&*answering.lock().expect("nobody panics"));
                let hearing: &Mutex<String> = &hearing;
                hearing.lock().expect("nobody panics").push_str(&line);
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        His { at, answer, heard }
    }

    fn answer(&self, status: u16, body: &str) {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close");
        *self.answer.lock().expect("nobody panics") = format!("{head}\r\n\r\n{body}");
    }

    fn heard(&self) -> String {
        self.heard.lock().expect("nobody panics").clone()
    }
}

/// A HIS's own words for its totals.
const DESK: &str = r#"
[mapping]
name = "desk-totals"
version = "1"
about = "日合计"
when = '合计'
lane = '../@日期'

[[record]]
entity = "his_totals"
each = "合计/行"

[record.elements]
stmt_date = '../@日期 | date("yyyy-MM-dd")'
stmt_entity = '@表'
stmt_cnt = '@条数 | decimal'
medfee_sumamt = '@金额 | decimal'
"#;

const PATIENCE: Duration = Duration::from_secs(60);
