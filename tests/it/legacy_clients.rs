//! The examples for old programs, `packaging/clients`, as whoever copies them has them: compiled, run
//! against the real check door, and against servers that break off, dawdle or say nothing. A check that
//! was not one must never look like one, and the doctor never waits longer than was promised.
//!
//! C in the short form; Free Pascal and Java come with the long one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::chance::is_long;

#[test]
fn the_examples_take_only_a_whole_answer_for_a_check_and_let_the_doctor_go_on_in_time() {
    let agent = Agent::start(Setup::files());
    let message = agent.beside("message.xml");
    fs::write(&message, Case::of("platform").message().bytes).expect("our own folder");
    let work = TempDir::new().expect("the temp folder takes a folder");
    for client in clients(work.path()) {
        let ask = |his: SocketAddr| client.ask(his, "/v1/channels/platform/checks", &message);
        let (code, told) = ask(agent.his());
        assert_eq!(code, Some(0), "{}: {told}", client.name);
        assert!(told.contains("outcome"), "{}: {told}", client.name);
        let (code, told) = client.ask(agent.his(), "/v1/channels/nowhere/checks", &message);
        assert_eq!((code, told.as_str()), (Some(2), ""), "{}: no such channel", client.name);
        for (what, head, pace) in LIES {
            let began = Instant::now();
            let (code, told) = ask(liar(head, *pace));
            assert_eq!((code, told.as_str()), (Some(2), ""), "{}: {what}", client.name);
            let took = began.elapsed();
            assert!(took < client.longest, "{}: {what} took {took:?}", client.name);
        }
        let closed = SocketAddr::from(([127, 0, 0, 1], tests::free_port()));
        assert_eq!(ask(closed).0, Some(2), "{}: nobody listens", client.name);
    }
}

/// What is said in place of a whole answer, and with what pause between its bytes.
const LIES: &[(&str, &str, Option<Duration>)] = &[
    (
        "broken off",
        "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"code\":0,\"data\":{\"outcome\":",
        None,
    ),
    ("cut to nothing", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", None),
    ("a head cut off", "HTTP/1.1 200 OK\r\nContent-Le", None),
    ("no length", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"code\":0}", None),
    ("busy", "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}", None),
    (
        "a fault that speaks of 200",
        "HTTP/1.1 500 No\r\nX: 200 OK\r\nContent-Length: 5\r\n\r\n 200 ",
        None,
    ),
    ("something else", "SSH-2.0-OpenSSH_9.2\r\n", None),
    (
        "a byte now and then",
        "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"code\":0,\"data\":{\"outcome\":1}",
        Some(Duration::from_millis(400)),
    ),
    ("nothing", "", Some(Duration::from_secs(60))),
];

struct Client {
    name: &'static str,
    /// The program, and what stands before the address.
    command: Vec<PathBuf>,
    /// Whether it is told host, port and path in place of one address.
    in_parts: bool,
    /// The time that the example promises, and that the program takes to start.
    longest: Duration,
}

impl Client {
    /// Its exit code, and what it printed for the program that asked.
    fn ask(&self, his: SocketAddr, path: &str, message: &Path) -> (Option<i32>, String) {
        let mut command = Command::new("timeout");
        command.arg("30").args(&self.command);
        if self.in_parts {
            command.args([&his.ip().to_string(), &his.port().to_string(), path]);
        } else {
            command.arg(format!("http://{his}{path}"));
        }
        let output = command.arg(message).output().expect("timeout is part of coreutils");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    }
}

fn clients(work: &Path) -> Vec<Client> {
    let example = |name: &str| -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "..", "packaging", "clients", name].iter().collect()
    };
    let made = |name: &str| work.join(name);
    run(Command::new("gcc")
        .args(["-Wall", "-Werror", "-o"])
        .arg(made("c"))
        .arg(example("check.c")));
    // Each gives up after three seconds by itself; without that it would be half a minute.
    let promised = Duration::from_secs(9);
    let c = Client { name: "C", command: vec![made("c")], in_parts: true, longest: promised };
    if !is_long() {
        return vec![c];
    }
    let [units, program] =
        [format!("-FU{}", work.display()), format!("-o{}", made("pascal").display())];
    run(Command::new("fpc").args([units, program]).arg(example("check.pas")));
    run(Command::new("javac").arg("-d").arg(work).arg(example("Check.java")));
    let java = ["java", "-cp"].map(PathBuf::from).into_iter();
    let java = java.chain([work.to_owned(), PathBuf::from("Check")]).collect();
    vec![
        c,
        Client {
            name: "Pascal",
            command: vec![made("pascal")],
            in_parts: false,
            longest: promised,
        },
        Client { name: "Java", command: java, in_parts: false, longest: promised * 2 },
    ]
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{error}: {command:?} (`make setup-prove` installs the compilers)")
    });
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", told.escape_ascii());
}

/// A server that reads a request and says this, then closes; with a pause before each byte, if one is
/// given.
fn liar(said: &'static str, pause: Option<Duration>) -> SocketAddr {
    let door = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = door.local_addr().expect("it is bound");
    thread::spawn(move || {
        let (mut stream, _) = door.accept().expect("one that asks");
        stream.set_read_timeout(Some(Duration::from_millis(300))).expect("it is open");
        let mut request = [0; 8 << 10];
        while stream.read(&mut request).is_ok_and(|it| it > 0) {}
        say(&mut stream, said, pause);
    });
    address
}

/// Who has gone hears no more.
fn say(stream: &mut TcpStream, said: &str, pause: Option<Duration>) {
    let Some(pause) = pause else {
        let _ = stream.write_all(said.as_bytes());
        return;
    };
    if said.is_empty() {
        thread::sleep(pause);
    }
    for byte in said.bytes() {
        if stream.write_all(&[byte]).is_err() {
            return;
        }
        thread::sleep(pause);
    }
}
