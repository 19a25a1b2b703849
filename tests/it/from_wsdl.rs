//! Descriptions of services that others wrote, in the manner of .NET, JAX-WS, Axis and WCF, become channels;
//! a client that was made for such a service calls the channel, and reads the answer to the letter.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::command::{Ran, past_proxies, run};

/// Each a folder of `tests/wsdl`: `service.wsdl` with the parts it refers to, and the channel it becomes.
const SERVICES: [&str; 5] = ["asmx", "jaxws", "axis1", "axis2", "wcf"];

#[test]
fn what_others_described_becomes_a_channel() {
    for service in SERVICES {
        let ran = import(&folder(service).join("service.wsdl"), service);
        assert_eq!(ran.code, Some(0), "{service}: {}", ran.stderr);
        check(service, "channel.toml", &ran.stdout);
        check(service, "doubts.txt", &ran.stderr);
    }
}

/// As somebody does who has only the first file: each run says what to fetch, and what is fetched is found.
#[test]
fn what_a_description_refers_to_is_asked_for_until_it_is_here() {
    let desk = TempDir::new().expect("a folder");
    let file = desk.path().join("service.wsdl");
    fs::copy(folder("wcf").join("service.wsdl"), &file).expect("our own folder");
    let mut fetched = Vec::new();
    let last = loop {
        let ran = import(&file, "wcf");
        let wanted: Vec<&str> = ran.stderr.lines().filter(|it| it.contains("curl -o")).collect();
        if wanted.is_empty() {
            break ran;
        }
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(65), ""), "{}", ran.stderr);
        for line in wanted {
            let mut quoted = line.split('\'').skip(1).step_by(2);
            let (at, url) = (quoted.next().expect("a file"), quoted.next().expect("an address"));
            let name = Path::new(at).file_name().expect("a name");
            fs::copy(folder("wcf").join(name), at).unwrap_or_else(|it| panic!("{line}: {it}"));
            fetched.push(url.to_owned());
        }
        assert!(fetched.len() < 10, "it asks for the same again: {fetched:?}");
    };
    let parts = ["wsdl=wsdl0", "wsdl=wsdl1", "xsd=xsd1", "xsd=xsd0"];
    assert_eq!(fetched, parts.map(|it| format!("http://his.example/HisService.svc?{it}")));
    check("wcf", "channel.toml", &last.stdout);
}

#[test]
fn a_client_of_the_old_service_calls_the_channel() {
    let mut channels = String::new();
    for service in SERVICES {
        let channel = read(&folder(service).join("channel.toml"));
        let answer = "\nanswer = \"platform/answers/fixed.toml\"\n[channel.soap]";
        let _ = writeln!(channels, "{}", channel.replacen("\n[channel.soap]", answer, 1));
    }
    let setup = Setup { sets: Some(String::new()), channels, ..Setup::files() };
    let mut agent = Agent::prepare(setup);
    let answers = agent.mappings().join("platform/answers");
    let write = |name: &str, text: &str| fs::write(answers.join(name), text).expect("a folder");
    write("fixed.toml", "[answer]\naccepted = \"fixed.xml\"\nrefused = \"fixed-not.xml\"\n");
    write("fixed.xml", ANSWER);
    write("fixed-not.xml", "<r>{{ message }}</r>");
    agent.start_again();
    for (n, service) in (1..).zip(SERVICES) {
        let message = Case::of("platform").numbered(n);
        let text = str::from_utf8(&message.bytes).expect("UTF-8");
        let mut strings = text.split("<![CDATA[").skip(1).filter_map(|it| it.split("]]>").next());
        let mut file = |name: &str| {
            let path = agent.beside(&format!("{service}-{name}.xml"));
            fs::write(&path, strings.next().expect("two strings")).expect("our own folder");
            path
        };
        let files = [file("header"), file("body")];
        assert_eq!(call(&agent, service, &files), ANSWER, "{service}");
    }
}

/// What the client's programmer gets, over every port that it was made for.
fn call(agent: &Agent, service: &str, files: &[PathBuf; 2]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/soap/foreign_client.py");
    let mut client = Command::new("timeout");
    let output = past_proxies(&mut client)
        .args(["60", "/usr/bin/python3"])
        .arg(script)
        .arg(folder(service).join("service.wsdl"))
        .arg(format!("http://{}", agent.his()))
        .args(files)
        .output()
        .expect("timeout is part of coreutils");
    let told = output.stderr.escape_ascii();
    assert!(output.status.success(), "{service}: {told}\n{}", agent.log());
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn import(file: &Path, name: &str) -> Ran {
    let file = file.to_str().expect("a plain name");
    run(&["channel", "from-wsdl", file, "--name", name])
}

/// What came is what lies in the file; `HIS_AGENT_UPDATE=1` writes it there.
#[track_caller]
fn check(service: &str, name: &str, came: &str) {
    let file = folder(service).join(name);
    if std::env::var("HIS_AGENT_UPDATE").is_ok_and(|it| it == "1") {
        fs::write(&file, came).expect("the checkout takes a file");
    }
    assert_eq!(came, read(&file), "{}", file.display());
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|it| panic!("{}: {it}", file.display()))
}

fn folder(service: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "wsdl", service].iter().collect()
}

const ANSWER: &str =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><r a='1'>成功 &amp; \"好\" 𠮷 ]]&gt;</r>";
