//! Alerts reach those who are to be told: each way against a sink of its own, at the hours they want,
//! grouped, once, and taken back; a sink that is away is told later what stands then.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

mod conditions;

use std::fs;
use std::io::{BufReader, Read, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::certificates::Certificates;
use tests::command::{binary, in_a_terminal, run};
use tests::process::{signal, wait_until};
use tests::sinks::{Sealed, Sink};
use tests::visit;

#[test]
fn every_way_is_told_when_it_begins_and_when_it_is_over() {
    let certificates = Certificates::new();
    certificates.sign("mail", "localhost", 3_600);
    let (mail, robot) = (Sink::mail(Some(Sealed::by(&certificates, "mail"))), Sink::robot());
    let (tcp, udp) = (Sink::syslog_tcp(), Sink::syslog_udp());
    let secrets = tempfile::tempdir().expect("a folder");
    let secret = |name: &str, text: &str| {
        let path = secrets.path().join(name);
        fs::write(&path, text).expect("a folder of ours");
        format!("\"file:{}\"", path.display())
    };
    let password = secret("mail", "geheim");
    let hook = secret("hook", &format!("http://{}/robot/send?access_token=t0ken", robot.at));
    let sign = secret("sign", "SECabc");
    let ca = certificates.path("ca.pem");
    let targets = format!(
        "[alerts]\nhold_ms = 300\nclear_ms = 300\ncapacity_hours = 0\n\
         [[alert]]\nname = \"mail\"\nkind = \"mail\"\ngroup_ms = 200\nserver = \"localhost:{}\"\nca_file = \"{}\"\n\
         user = \"his-agent\"\npassword = {password}\nfrom = \"agent@hospital.test\"\n\
         to = [\"duty@hospital.test\", \"moved@hospital.test\", \"nobody@hospital.test\"]\n\
         [[alert]]\nname = \"ding\"\nkind = \"webhook\"\ngroup_ms = 200\nurl = {hook}\ntemplate = \"dingtalk\"\nsign_key = {sign}\n\
         [[alert]]\nname = \"tcp\"\nkind = \"syslog\"\ngroup_ms = 200\naddress = \"tcp://{}\"\n\
         [[alert]]\nname = \"udp\"\nkind = \"syslog\"\ngroup_ms = 200\naddress = \"udp://{}\"\n\
         [[alert]]\nname = \"night\"\nkind = \"syslog\"\naddress = \"udp://{}\"\nseverity = \"critical\"\n",
        mail.at.port(),
        ca.display(),
        tcp.at,
        udp.at,
        udp.at
    );
    let agent = visit::agent(Setup { forward: targets, ..Setup::files() });
    check_tests(&agent, &["mail", "ding", "tcp", "udp"]);
    assert!(wait_until(PATIENCE, || udp.told().len() == 1), "{:?}", udp.told());

    // A local code that nobody has mapped, and a patient whose name nobody may read anywhere.
    let body = visit::visit("王小明", "P1", "E1", "不明");
    let answer = tests::his::send(agent.his(), &visit::message(body)).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    for (name, sink) in [("mail", &mail), ("ding", &robot), ("tcp", &tcp), ("udp", &udp)] {
        assert!(
            wait_until(PATIENCE, || sink.told().len() == 2),
            "{name}: {:?}\n{}",
            sink.told(),
            agent.log()
        );
    }
    let [mailed, posted, lined] = [&mail, &robot, &tcp].map(|it| it.told()[1].clone());
    assert!(mailed.contains("AUTH PLAIN AGhpcy1hZ2VudABnZWhlaW0="), "{mailed}");
    let text = mail_text(&mailed);
    assert!(text.contains("[注意] Q102 1 份报文在等院内代码对照"), "{text}");
    assert!(posted.starts_with("/robot/send?access_token=t0ken&timestamp="), "{posted}");
    assert!(
        posted.contains("&sign=") && posted.contains("[前置机 示例市人民医院] 注意 Q102"),
        "{posted}"
    );
    assert!(lined.starts_with("<132>1 20"), "{lined}");
    assert!(lined.contains("code=\"Q102\" state=\"began\" severity=\"warning\"]"), "{lined}");

    // Mapped, and over.
    fs::write(agent.mappings().join(visit::MAP), "local,standard\n男,1\n女,2\n不明,0\n")
        .expect("ours");
    assert_eq!(agent.ask(&["sets", "reload"]).code, Some(0));
    for (name, sink) in [("mail", &mail), ("ding", &robot), ("tcp", &tcp), ("udp", &udp)] {
        assert!(
            wait_until(PATIENCE, || sink.told().len() == 3),
            "{name}: {:?}\n{}",
            sink.told(),
            agent.log()
        );
        assert!(
            !sink.told().concat().contains("王小明")
                && !mail_text(&sink.told().concat()).contains("王小明")
        );
    }
    assert!(robot.told()[2].contains("已恢复 Q102"), "{}", robot.told()[2]);
    assert!(tcp.told()[2].starts_with("<133>1 ") && tcp.told()[2].contains("state=\"over\""));
    assert!(
        !agent.log().contains("geheim") && !agent.log().contains("t0ken"),
        "a secret is in the log"
    );
    // A name that no server can look up is not said.
    let greeting = mailed.lines().find_map(|it| it.split_once("EHLO ")).map_or("", |it| it.1);
    assert!(greeting.starts_with("[127.0.0.1]") || greeting.contains('.'), "{mailed}");
    assert!(!agent.log().contains("moved@"), "who has moved was told: {}", agent.log());
    let partly = agent.tells("550 no such user");
    assert!(partly, "who was not told is named: {}", agent.log());
}

#[test]
fn a_sink_that_is_away_is_told_later_and_a_restart_tells_nothing_twice() {
    let robot = Sink::robot();
    robot.refuse(true);
    let targets = format!(
        "[patrol]\nkeep_days = 0\n[alerts]\nhold_ms = 300\nclear_ms = 300\ncapacity_hours = 0\n\
         [[alert]]\nname = \"ding\"\nkind = \"webhook\"\ngroup_ms = 0\nurl = \"http://{}/x\"\ntemplate = \"dingtalk\"\n",
        robot.at
    );
    let broker = format!("amqp://127.0.0.1:{}", tests::free_port());
    let setup = Setup {
        forward: "alert_after_ms = 1000".to_owned(),
        channels: targets,
        ..Setup::amqp(&broker)
    };
    let mut agent = Agent::start(setup);
    let told = |agent: &Agent| agent.ask(&["alerts", "list"]).stdout;
    let has = |agent: &Agent, part: &str| wait_until(PATIENCE, || told(agent).contains(part));
    assert!(has(&agent, "严重\tF101\t"), "{}", told(&agent));
    assert!(has(&agent, "送不到（自 "), "{}", told(&agent));
    assert!(
        told(&agent).contains("答复 200：{\"errcode\": 310000, \"errmsg\": \"sign not match\"}"),
        "{}",
        told(&agent)
    );
    let tested = agent.ask(&["alerts", "test", "ding"]);
    assert_eq!(tested.code, Some(69), "{}", tested.stderr);
    robot.refuse(false);
    assert!(wait_until(PATIENCE, || robot.told().len() == 1), "{}", agent.log());
    assert!(robot.told()[0].contains("严重 F101"), "{:?}", robot.told());
    let metrics = || {
        let told = tests::his::get(agent.operators(), "/metrics").expect("the operators' door");
        told.text().to_owned()
    };
    for line in [
        "his_agent_alert_raised{code=\"F101\",severity=\"critical\"} 1\n",
        "his_agent_alert_notices_total{target=\"ding\",outcome=\"sent\"} 1\n",
    ] {
        // Counted as sent once the robot's answer is read, which it gives after it has kept the notice.
        assert!(wait_until(PATIENCE, || metrics().contains(line)), "{line}{}", metrics());
    }

    // Known on disk: after a kill it is not told again, and is still listed.
    let is_kept = || {
        fs::read_to_string(agent.beside("alerts.json")).is_ok_and(|it| it.contains("\"ding\":[{"))
    };
    assert!(wait_until(PATIENCE, is_kept), "{}", agent.log());
    agent.kill();
    agent.start_again();
    assert!(has(&agent, "严重\tF101\t"), "{}", told(&agent));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(robot.told().len(), 1, "{:?}", robot.told());

    // Silence is for a while, wants a reason, and is seen.
    assert_eq!(agent.ask(&["alerts", "silence", "F101"]).code, Some(64));
    let silenced = agent.ask(&["alerts", "silence", "F101", "--for", "2h", "--reason", "平台升级"]);
    assert_eq!(silenced.code, Some(0), "{}", silenced.stderr);
    let listed: Value =
        serde_json::from_str(&agent.ask(&["alerts", "list", "--json"]).stdout).expect("JSON");
    assert_eq!(listed["alerts"][0]["silenced"], true, "{listed}");
    assert_eq!(agent.ask(&["alerts", "silence", "F101", "--end"]).code, Some(0));
    assert!(!told(&agent).contains("静默"), "{}", told(&agent));
    assert_eq!(agent.ask(&["alerts", "test", "nobody"]).code, Some(64));
}

#[test]
fn top_shows_the_road() {
    let agent = Agent::start(Setup::files());
    let case = tests::cases::Case::of("rows");
    tests::his::send(agent.his(), &case.numbered(1)).expect("the agent answers");
    agent.await_drained();
    let seen = agent.ask(&["top", "--once"]);
    assert_eq!(seen.code, Some(0), "{}", seen.stderr);
    for part in [
        "前置机 示例市人民医院 H99999900001",
        "接收中  CPU ",
        "平台 open ",
        "rows",
        "发件箱  等待 ",
        "平台中断还能撑",
        "审查    0.0/秒",
        "p99     解码 ",
        "没有告警",
    ] {
        assert!(seen.stdout.contains(part), "`{part}`:\n{}", seen.stdout);
    }
    assert!(!seen.stdout.contains('\u{1b}'), "no terminal, no control: {}", seen.stdout);
}

/// Somebody tries a target out that takes the call and never answers, and the service is restarted meanwhile.
#[test]
fn a_test_that_nobody_answers_does_not_hold_the_stop() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = silent.local_addr().expect("an address");
    let channels = format!(
        "[[alert]]\nname = \"deaf\"\nkind = \"webhook\"\nurl = \"http://{at}/x\"\ntimeout_ms = 60000\n"
    );
    let mut agent = Agent::start(Setup { channels, ..Setup::files() });
    let config = agent.config();
    let trying = std::thread::spawn(move || {
        let config = config.to_str().expect("a plain name");
        run(&["alerts", "test", "deaf", "--config", config])
    });
    let (_line, _) = silent.accept().expect("it is called");
    let ended = agent.stop();
    assert!(ended.code == Some(0) && ended.took < Duration::from_secs(10), "{ended:?}");
    let told = trying.join().expect("no panic");
    assert!(told.code == Some(69) && told.stderr.contains("正在停"), "{told:?}");
}

/// A daemon that is stuck is told as that, and Ctrl-C is heard all the same.
#[test]
fn top_can_be_left_though_the_daemon_is_stuck() {
    let agent = Agent::start(Setup::files());
    let line = format!("{} top --config {}", binary().display(), agent.config().display());
    let mut terminal = in_a_terminal(&line);
    let mut keys = terminal.stdin.take().expect("piped");
    let mut screen = BufReader::new(terminal.stdout.take().expect("piped"));
    read_until(&mut screen, "没有告警");
    signal("STOP", &agent.pid().to_string());
    read_until(&mut screen, "前置机在运行，没有答复");
    let asked = Instant::now();
    keys.write_all(b"\x03").expect("the terminal takes it");
    let ended = terminal.wait().expect("our own child");
    signal("CONT", &agent.pid().to_string());
    assert_eq!(ended.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

/// Reads until a text has come. A terminal that has ended does not go on.
fn read_until(screen: &mut impl Read, text: &str) {
    let mut seen = Vec::new();
    while !seen.ends_with(text.as_bytes()) {
        let mut byte = [0];
        screen.read_exact(&mut byte).expect("it goes on");
        seen.extend(byte);
    }
}

/// A test notice reaches each, and says which did not take it.
fn check_tests(agent: &Agent, names: &[&str]) {
    for name in names {
        let tested = agent.ask(&["alerts", "test", name]);
        assert_eq!(tested.code, Some(0), "{name}: {}\n{}", tested.stderr, agent.log());
        let part =
            if *name == "mail" { "没有收下的：nobody@hospital.test" } else { "已送出" };
        assert!(tested.stdout.contains(part), "{name}: {}", tested.stdout);
    }
}

/// The text of a mail out of its base64.
fn mail_text(mail: &str) -> String {
    let body = mail.rsplit("base64\r\n\r\n").next().unwrap_or_default();
    let body: String =
        body.split("\r\n.\r\n").next().unwrap_or_default().split_whitespace().collect();
    let output = Command::new("/bin/sh")
        .args(["-c", "printf %s \"$1\" | base64 -d 2>/dev/null", "sh", &body])
        .output()
        .expect("base64 is part of coreutils");
    String::from_utf8(output.stdout).unwrap_or_default()
}

const PATIENCE: Duration = Duration::from_mins(2);
