//! HL7 over MLLP: every way in which TCP cuts a stream, `AA` only after the disk, the order of answers
//! on one connection, who waits and who is closed, and a stop with a message in hand.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

mod senders;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tests::agent::{Agent, Setup};
use tests::cases::{Case, Message};
use tests::certificates::Certificates;
use tests::chance::Chance;
use tests::far;
use tests::his;
use tests::mllp::{Line, framed};
use tests::platform::Platform;

#[test]
fn frames_are_found_however_tcp_cuts_them() {
    let (agent, door) = start(Setup::files(), "");
    let mut line = Line::connect(door).expect("the door is open");
    for byte in framed(&order(1).bytes) {
        line.write(&[byte]).expect("the agent reads");
    }
    assert_eq!(line.answer().expect("an answer").said(), good(&control(1)));

    // Several at once, with what lines leave between them, and one that was broken off and begun anew.
    let half = framed(&order(3).bytes);
    let half = half.get(..200).expect("it is longer");
    let all = [
        b"\r\n\r\nPING\r\n".to_vec(),
        framed(&order(2).bytes),
        b"\n".to_vec(),
        half.to_vec(),
        framed(&order(3).bytes),
        framed(&lines_end_in(&order(4), "\n")),
        framed(&lines_end_in(&order(5), "\r\n")),
    ];
    line.write(&all.concat()).expect("the agent reads");
    for n in 2..=5 {
        assert_eq!(line.answer().expect("an answer").said(), good(&control(n)));
    }
    agent.await_drained();
    let expected: BTreeSet<String> = (1..=5).map(visit).collect();
    assert_eq!(lanes(&agent, 30).into_keys().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn answers_tell_who_must_act_in_the_senders_own_encoding() {
    let (_agent, door) = start(Setup::files(), "");
    let mut line = Line::connect(door).expect("the door is open");
    // The shipped case is GBK and says GB2312.
    let gbk = std::fs::read(tests::cases::mappings().join("hl7/cases/visit-a04-gbk.in.mllp"));
    let answer = line.send(&gbk.expect("a case")).expect("an answer");
    assert_eq!(answer.said(), good("MSG00000015"));
    assert!(answer.text().contains("||||||GB2312\r"), "{}", answer.text());
    assert!(answer.0.windows(4).any(|it| it == b"\xB3\xC9\xB9\xA6"), "成功 in GBK");

    // What is refused says why, and the line goes on.
    let bad = order(7).spoilt("20240515092005|1023", "someday|1023");
    let answer = line.send(&bad.bytes).expect("an answer");
    assert_eq!(answer.said(), ("AE".to_owned(), control(7)));
    assert!(
        answer.text().contains("\rERR|||102^") && answer.text().contains("ORC"),
        "{}",
        answer.text()
    );
    let unknown = order(8).spoilt("OMP^O09", "SIU^S12");
    let answer = line.send(&unknown.bytes).expect("an answer");
    assert_eq!(answer.said(), ("AE".to_owned(), control(8)));
    assert!(
        answer.text().contains("ERR|||200^Unsupported message type^HL70357|E|M101|"),
        "{}",
        answer.text()
    );
    let broken = order(9).spoilt("\rPV1|", "\rp v|");
    assert_eq!(line.send(&broken.bytes).expect("an answer").said(), ("AE".to_owned(), control(9)));
    assert_eq!(line.send(&order(10).bytes).expect("an answer").said(), good(&control(10)));
}

#[test]
fn the_enhanced_mode_says_what_msh_15_and_16_ask_for() {
    let (_agent, door) = start(Setup::files(), "");
    let mut line = Line::connect(door).expect("the door is open");
    let asking = |n: u64, accept: &str, application: &str| {
        let fields = format!("|||{accept}|{application}|CHN|");
        order(n).spoilt("|||||CHN|", fields).bytes
    };
    for (n, accept, application, expected) in [
        (1, "AL", "NE", vec!["CA"]),
        (2, "NE", "AL", vec!["AA"]),
        (3, "AL", "AL", vec!["CA", "AA"]),
        (4, "ER", "ER", vec![]),
        (5, "NE", "NE", vec![]),
    ] {
        line.write(&framed(&asking(n, accept, application))).expect("the agent reads");
        for code in expected {
            let answer = line.answer().expect("an answer");
            assert_eq!(answer.said(), (code.to_owned(), control(n)), "{accept} {application}");
        }
    }
}

/// A kill leaves to the kernel what was written; a power cut does not.
#[test]
fn what_was_acknowledged_outlives_kills_and_power_cuts() {
    let setup = Setup { mains: true, ..Setup::files() };
    let (mut agent, door) = start(setup, "");
    let platform = Platform::of_folder(&agent.records());
    let mut chance = Chance::seeded("mllp");
    let (mut n, mut ends, mut lost) = (0, 0, 0);
    let mut acknowledged = BTreeSet::new();
    while ends < 6 || (acknowledged.len() <= 20 && ends < 60) {
        let until = Instant::now() + chance.pause(Duration::from_millis(900));
        let sender = thread::spawn(move || send_until_cut(door, n));
        while Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        if ends % 2 == 0 {
            agent.kill();
        } else {
            lost += agent.cut_power();
        }
        let reached = sender.join().expect("a sender does not fail");
        acknowledged.extend(n + 1..=reached);
        // The one without an answer is sent again, as a HIS does.
        n = reached;
        ends += 1;
        agent.start_again();
    }
    assert!(acknowledged.len() > 20, "too little happened: {}", acknowledged.len());
    assert!(lost > 0, "the cuts took nothing away");
    agent.await_drained();
    let delivered = platform.receive(acknowledged.len() * RECORDS);
    let mut came: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for record in &delivered.records {
        *came.entry(&record.lane).or_default().entry(&record.elements).or_default() += 1;
    }
    for n in acknowledged {
        let lane = visit(n);
        let records = came.get(lane.as_str()).unwrap_or_else(|| panic!("{lane} is lost"));
        for expected in order(n).records {
            assert_eq!(records.get(expected.elements.as_str()), Some(&1), "{lane} {expected:?}");
        }
    }
}

/// Sends one after another; the number of the last one that was acknowledged.
fn send_until_cut(door: SocketAddr, after: u64) -> u64 {
    let mut last = after;
    let Ok(mut line) = Line::connect(door) else { return last };
    while let Ok(answer) = line.send(&order(last + 1).bytes) {
        assert_eq!(answer.said(), good(&control(last + 1)));
        last += 1;
    }
    last
}

#[test]
fn ten_thousand_messages_on_one_connection_do_not_stall() {
    let (agent, door) = start(Setup::files(), "");
    let mut line = Line::connect(door).expect("the door is open");
    let mut answers = line.second().expect("a handle");
    let started = Instant::now();
    // The sender does not wait for answers; they are read beside it, in order.
    let reader = thread::spawn(move || {
        let mut longest = Duration::ZERO;
        let mut last = Instant::now();
        for n in 1..=MANY {
            assert_eq!(answers.answer().expect("an answer").said(), good(&control(n)));
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        longest
    });
    let report = Report::read();
    for n in 1..=MANY {
        line.write(&framed(&report.numbered(n))).expect("the agent reads");
    }
    let longest = reader.join().expect("every answer comes, in order");
    println!(
        "{MANY} messages in {:?}, the longest wait for the next answer {longest:?}",
        started.elapsed()
    );
    assert!(longest < Duration::from_secs(30), "stalled for {longest:?}");
    agent.await_drained();
    let records =
        Platform::of_folder(&agent.records()).receive(usize::try_from(MANY).expect("small") * 4);
    assert_eq!(records.records.len() as u64, MANY * 4);
}

#[test]
fn lines_are_bounded_in_number_size_and_time() {
    let (agent, door) = start(
        Setup { listen: "body_bytes_max = 20000".to_owned(), ..Setup::files() },
        "connections_max = 2\nidle_timeout_ms = 1500\nframe_timeout_ms = 800",
    );
    let connect = || Line::connect(door).expect("the kernel's queue has room");
    // Too long: told by its number, and the line goes on.
    let mut line = connect();
    let long = order(1).spoilt("\rPV1|", format!("\rNTE|1|L|{}\rPV1|", "x".repeat(30_000)));
    let answer = line.send(&long.bytes).expect("an answer");
    assert_eq!(answer.said(), ("AE".to_owned(), control(1)));
    assert!(answer.text().contains("|I101|"), "{}", answer.text());
    assert_eq!(line.send(&order(2).bytes).expect("an answer").said(), good(&control(2)));
    // What there is of it is kept, and not taken for the whole.
    assert_eq!(agent.readiness()["outbox"]["dead_letters"], 1);
    let tried = agent.ask(&["messages", "retry", "D1", "--reason", "试试"]);
    assert!(tried.stdout.contains("开头") || tried.stderr.contains("开头"), "{tried:?}");
    // Half a frame, then silence: closed when its time is up.
    let mut half = connect();
    half.write(framed(&order(3).bytes).get(..100).expect("longer")).expect("the agent reads");
    let mut third = connect();
    assert_eq!(third.send(&order(4).bytes).expect("an answer").said(), good(&control(4)));
    // The door was full, and the line that said nothing has made room.
    assert!(line.is_closed());
    assert!(half.is_closed());
    // Nothing at all: closed when that has lasted too long.
    assert!(third.is_closed());
    // What speaks something else is closed.
    let mut foreign = connect();
    for _ in 0..20 {
        drop(foreign.write("GET / HTTP/1.1\r\n".repeat(400).as_bytes()));
    }
    assert!(foreign.is_closed());
    for code in ["I151", "I152"] {
        assert!(agent.tells(code), "{code}: {}", agent.log());
    }
}

/// A LIS that opens a line for each message and closes none.
#[test]
fn a_door_full_of_silent_lines_hears_the_next_one() {
    let (agent, door) = start(Setup::files(), "");
    let mut known = Line::connect(door).expect("the door is open");
    let mut lines = Vec::new();
    for n in 1..=64 {
        let stream = far::connect([127, 0, 0, 2], door).expect("the door is open");
        let mut line = Line::over(stream).expect("a socket");
        assert_eq!(line.send(&order(n).bytes).expect("an answer").said(), good(&control(n)));
        lines.push(line);
    }
    let began = Instant::now();
    let mut next = Line::connect(door).expect("the door is open");
    assert_eq!(next.send(&order(65).bytes).expect("an answer").said(), good(&control(65)));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    // Those of the address that holds most have gone, the longest silent ones first.
    assert!(lines[0].is_closed() && lines[1].is_closed());
    let last = lines.last_mut().expect("a line");
    assert_eq!(last.send(&order(66).bytes).expect("an answer").said(), good(&control(66)));
    assert_eq!(known.send(&order(67).bytes).expect("an answer").said(), good(&control(67)));
    let metrics = his::get(agent.operators(), "/metrics").expect("an answer");
    let sent_away = "his_agent_mllp_full_total{channel=\"hl7\",outcome=\"sent_away\"} 2";
    assert!(metrics.text().contains(sent_away), "{}", metrics.text());
    assert!(agent.tells("I154"), "{}", agent.log());
}

/// Frames that are coming count among the bodies that are coming.
#[test]
fn frames_have_their_place_in_the_bound_of_memory() {
    let listen = "body_bytes_max = 1048576\nbodies_bytes_max = 1048576\n".to_owned();
    let (_agent, door) = start(Setup { listen, ..Setup::files() }, "");
    let long = |n: u64| {
        let text = format!("\rNTE|1|L|{}\rPV1|", "x".repeat(900_000));
        framed(&order(n).spoilt("\rPV1|", text).bytes)
    };
    let mut lines = [1, 2].map(|n| (n, Line::connect(door).expect("the door is open")));
    for (n, line) in &mut lines {
        let frame = long(*n);
        line.write(&frame[..frame.len() - 9]).expect("the agent reads");
    }
    let mut told = Vec::new();
    for (n, line) in &mut lines {
        let frame = long(*n);
        line.write(&frame[frame.len() - 9..]).expect("the agent reads");
        let answer = line.answer().expect("an answer");
        let (code, about) = answer.said();
        assert_eq!(about, control(*n));
        assert_eq!(code == "AR", answer.text().contains("|I107|"), "{}", answer.text());
        told.push(code);
    }
    told.sort();
    assert_eq!(told, ["AA", "AR"]);
    // The line goes on, and what was not taken is sent again.
    for (n, line) in &mut lines {
        assert_eq!(line.send(&long(*n)).expect("an answer").said(), good(&control(*n)));
    }
}

#[test]
fn a_stop_finishes_the_frame_in_hand_and_closes() {
    let (mut agent, door) = start(Setup::files(), "");
    let mut idle = Line::connect(door).expect("the door is open");
    assert_eq!(idle.send(&order(1).bytes).expect("an answer").said(), good(&control(1)));
    let mut line = Line::connect(door).expect("the door is open");
    let frame = framed(&order(2).bytes);
    let (first, second) = frame.split_at(300);
    line.write(first).expect("the agent reads");
    thread::sleep(Duration::from_secs(2)); // so that it is read by then
    agent.terminate();
    assert!(idle.is_closed());
    line.write(second).expect("the agent still reads");
    assert_eq!(line.answer().expect("an answer").said(), good(&control(2)));
    assert!(line.is_closed());
    let ended = agent.await_end();
    assert_eq!(ended.code, Some(0), "{}", agent.log());
    assert!(ended.took < Duration::from_secs(10), "the stop took {:?}", ended.took);
}

/// The sender is openssl: another TLS than the agent's.
#[test]
fn under_tls_only_known_senders_are_let_in() {
    let made = Certificates::new();
    made.sign("server", "mq.test", 3_600);
    made.sign("sender", "laboratory", 3_600);
    let file = |name: &str| made.path(name).display().to_string();
    let more = format!(
        "cert_file = \"{}\"\nkey_file = \"{}\"\nclient_ca_file = \"{}\"",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    );
    let (agent, door) = start(Setup::files(), &more);
    let known = format!("-cert {} -key {}", file("sender.pem"), file("sender.key"));
    for version in ["-tls1_2", "-tls1_3"] {
        let told = by_openssl(&made, door, &format!("{version} {known}"));
        assert_eq!(told.matches("MSA|AA|").count(), 20, "{version}: {told}");
        assert!(told.contains(&control(20)), "{told}");
        let told = by_openssl(&made, door, version);
        assert!(!told.contains("MSA|"), "{version} without a certificate: {told}");
    }
    let mut clear = Line::connect(door).expect("the door is open");
    assert!(clear.write(&framed(&order(30).bytes)).is_err() || clear.is_closed());
    assert!(agent.tells("I151"), "{}", agent.log());
    agent.await_drained();
    assert_eq!(lanes(&agent, 20 * RECORDS).len(), 20);
}

/// What comes back when openssl sends twenty messages, until the door closes or says no more.
fn by_openssl(made: &Certificates, door: SocketAddr, more: &str) -> String {
    let ca = made.path("ca.pem").display().to_string();
    let command = format!(
        "s_client -quiet -verify_return_error -verify_hostname mq.test -CAfile {ca} -connect {door} {more}"
    );
    let mut client = Command::new("timeout")
        .args(["20", "openssl"])
        .args(command.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let all: Vec<u8> = (1..=20).flat_map(|n| framed(&order(n).bytes)).collect();
    let mut pipe = client.stdin.take().expect("piped");
    let sender = thread::spawn(move || {
        drop(pipe.write_all(&all));
        pipe
    });
    let output = client.wait_with_output().expect("our own child");
    drop(sender.join());
    output.stdout.escape_ascii().to_string()
}

/// An agent with an MLLP door, and where that is.
fn start(setup: Setup, more: &str) -> (Agent, SocketAddr) {
    let door = SocketAddr::from(([127, 0, 0, 1], tests::free_port()));
    let channels = format!(
        "[[channel]]\nname = \"hl7\"\nformat = \"hl7\"\nmappings = [\"hl7/\"]\n[channel.mllp]\nlisten = \"{door}\"\n{more}\n"
    );
    (Agent::start(Setup { channels, ..setup }), door)
}

/// The n-th prescription, in the original mode.
pub(crate) fn order(n: u64) -> Message {
    let message = Case::of("hl7").numbered(n);
    let records = message.records.clone();
    let plain = message.spoilt("|||AL|NE|CHN|", "|||||CHN|").spoilt("MSG00000016", control(n));
    Message { records, ..plain }
}

/// Laboratory reports: one message, four records.
struct Report(String);

impl Report {
    fn read() -> Report {
        let path = tests::cases::mappings().join("hl7/cases/three-results.in.mllp");
        let text = std::fs::read_to_string(path).expect("a case in UTF-8");
        let text = text.trim_matches(['\u{B}', '\u{1C}', '\r', '\n']).to_owned();
        let header = text.split('\r').next().unwrap_or_default().to_owned();
        let number = header.split('|').nth(9).expect("MSH-10").to_owned();
        Report(text.replace(&number, "CONTROL"))
    }

    fn numbered(&self, n: u64) -> Vec<u8> {
        let text = self.0.replace("CONTROL", &control(n)).replace("MZ20260105088", &visit(n));
        text.replace("BG2026010600077", &format!("BG{n:013}")).into_bytes()
    }
}

pub(crate) fn control(n: u64) -> String {
    format!("NO{n:09}")
}

fn visit(n: u64) -> String {
    format!("MZ{n:011}")
}

pub(crate) fn good(control: &str) -> (String, String) {
    ("AA".to_owned(), control.to_owned())
}

fn lines_end_in(message: &Message, end: &str) -> Vec<u8> {
    let text = String::from_utf8(message.bytes.clone()).expect("the case is UTF-8");
    text.trim_matches(['\u{B}', '\u{1C}', '\r']).replace('\r', end).into_bytes()
}

/// How many records came of each visit.
fn lanes(agent: &Agent, expected: usize) -> BTreeMap<String, usize> {
    let delivered = Platform::of_folder(&agent.records()).receive(expected);
    let mut lanes = BTreeMap::new();
    for record in delivered.records {
        *lanes.entry(record.lane).or_default() += 1;
    }
    lanes
}

/// Of one prescription.
const RECORDS: usize = 6;
const MANY: u64 = 10_000;
