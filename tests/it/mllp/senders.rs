//! Senders that others wrote, and senders whose MSH-18 says something else than their bytes are.

use std::fs;
use std::path::Path;

use super::{
    Agent, Command, Line, Message, Platform, RECORDS, Setup, Stdio, control, framed, good, lanes,
    lines_end_in, order, start, visit,
};

/// `mllp_send` of python-hl7: it splits its file itself, and waits for each answer.
#[test]
fn mllp_send_of_python_gets_an_answer_to_each() {
    let (agent, door) = start(Setup::files(), "");
    let all: Vec<u8> = (1..=50).flat_map(|n| framed(&order(n).bytes)).collect();
    let send = |name: &str, bytes: &[u8], more: &[&str]| {
        let file = agent.beside(name);
        fs::write(&file, bytes).expect("our own folder");
        by_python(door.port(), &file, more)
    };
    assert_eq!(send("all.hl7", &all, &[]), (1..=50).map(control).collect::<Vec<_>>());
    // As somebody has it who wrote it in an editor: lines, no frames.
    let lines: Vec<u8> = (51..=55)
        .flat_map(|n| [lines_end_in(&order(n), "\r\n"), b"\r\n".to_vec()].concat())
        .collect();
    assert_eq!(send("lines.hl7", &lines, &["--loose"]), (51..=55).map(control).collect::<Vec<_>>());
    agent.await_drained();
    let came = lanes(&agent, 55 * RECORDS);
    assert_eq!(came.into_keys().collect::<Vec<_>>(), (1..=55).map(visit).collect::<Vec<_>>());
}

/// The numbers of the messages that were taken, as the sender prints them.
#[track_caller]
fn by_python(port: u16, file: &Path, more: &[&str]) -> Vec<String> {
    let output = Command::new("timeout")
        .args(["60", "mllp_send", "-p", &port.to_string(), "-f"])
        .arg(file)
        .args(more)
        .arg("127.0.0.1")
        .stdin(Stdio::null())
        .output()
        .expect("timeout is part of coreutils");
    let told = output.stderr.escape_ascii();
    assert!(output.status.success(), "{told}\n(`make setup-tests` installs mllp_send)");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let answers = text.split("MSA|AA|").skip(1);
    answers.filter_map(|it| it.split(['|', '\r', '\n']).next().map(str::to_owned)).collect()
}

/// GBK over bytes of UTF-8, and the reverse: the bytes hold, and so does the answer to each sender.
#[test]
fn the_bytes_hold_whatever_msh_18_says() {
    let (agent, door) = start(Setup::files(), "");
    let mut line = Line::connect(door).expect("the door is open");
    let said = [
        ("GBK", UTF8, "UNICODE UTF-8"),
        ("GB2312", UTF8, "UNICODE UTF-8"),
        ("GB 18030-2000", UTF8, "UNICODE UTF-8"),
        ("ASCII", UTF8, "UNICODE UTF-8"),
        ("", UTF8, "UNICODE UTF-8"),
        ("UNICODE UTF-8", GBK, "GB 18030-2000"),
        ("UNICODE", GBK, "GB 18030-2000"),
        ("8859/1", GBK, "GB 18030-2000"),
        ("GBK", GBK, "GBK"),
        ("", GBK, "GB 18030-2000"),
    ];
    for (n, (name, encoding, told)) in (1..).zip(said) {
        let message = match name {
            "UNICODE UTF-8" => order(n),
            _ => order(n).spoilt("|UNICODE UTF-8|", format!("|{name}|")),
        };
        let answer = line.send(&in_encoding(encoding, &message)).expect("an answer");
        assert_eq!(answer.said(), good(&control(n)), "{name} over {encoding}");
        // Whoever wrote these bytes reads these bytes, and is told what they are.
        let success: &[u8] =
            if encoding == GBK { b"\xB3\xC9\xB9\xA6" } else { "成功".as_bytes() };
        assert!(answer.0.windows(success.len()).any(|it| it == success), "{name} over {encoding}");
        let header = answer.text().split('\r').next().unwrap_or_default().to_owned();
        assert_eq!(header.split('|').nth(17).unwrap_or_default(), told, "{name} over {encoding}");
    }
    agent.await_drained();
    check_records(&agent, said.len());
}

/// To the letter, whatever they came in.
#[track_caller]
fn check_records(agent: &Agent, messages: usize) {
    let delivered = Platform::of_folder(&agent.records()).receive(messages * RECORDS);
    for n in 1..=messages as u64 {
        let of_visit = delivered.records.iter().filter(|it| it.lane == visit(n));
        let mut came: Vec<&str> = of_visit.map(|it| it.elements.as_str()).collect();
        let expected = order(n).records;
        let mut expected: Vec<&str> = expected.iter().map(|it| it.elements.as_str()).collect();
        came.sort_unstable();
        expected.sort_unstable();
        assert_eq!(came, expected, "{}", visit(n));
    }
}

fn in_encoding(encoding: &str, message: &Message) -> Vec<u8> {
    if encoding == UTF8 {
        return message.bytes.clone();
    }
    let file = tempfile::NamedTempFile::new().expect("the temp folder takes a file");
    fs::write(file.path(), &message.bytes).expect("a new file");
    let output = Command::new("iconv").args(["-f", UTF8, "-t", encoding]).arg(file.path()).output();
    let output = output.expect("iconv is part of the C library");
    assert!(output.status.success(), "{}", output.stderr.escape_ascii());
    output.stdout
}

const UTF8: &str = "UTF-8";
const GBK: &str = "GBK";
