//! What the manual sends over the network is sent: with curl, and by a shell's own socket.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::command::past_proxies;

use super::{Page, pages, root};

#[test]
fn every_call_in_the_manual_is_answered() {
    let hl7 = SocketAddr::from(([127, 0, 0, 1], tests::free_port()));
    let channels = CHANNELS.replace("HL7_DOOR", &hl7.to_string());
    let agent = Agent::start(Setup { channels, ..Setup::files() });
    let desk = desk();
    let made = agent.ask(&["token", "create", "lis", "--verbs", "message", "--role", "viewer"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    // For the shell of a page, which says $TOKEN.
    fs::write(desk.path().join("token"), made.stdout.trim()).expect("a new folder takes a file");
    let (mut called, mut wrong) = (0, Vec::new());
    // The components' lines belong together, and `components` types them in their order.
    for page in pages().into_iter().filter(|it| it.name != "components.md") {
        for line in calls(&page) {
            called += 1;
            let [his, operators, hl7] =
                [agent.his(), agent.operators(), hl7].map(|it| it.to_string());
            let local = line
                .replace("前置机:8700", &his)
                .replace("127.0.0.1:8700", &his)
                .replace("127.0.0.1:8701", &operators)
                .replace("127.0.0.1:2575", &hl7)
                .replace("127.0.0.1/8700", &his.replace(':', "/"))
                .replace("127.0.0.1/2575", &hl7.replace(':', "/"))
                .replace("$TOKEN", "$(cat token)")
                .replace("/usr/share/his-agent", &root().display().to_string());
            let answer = typed(&desk, &local);
            if !is_answer(&answer) {
                wrong.push(format!("{}: {line}\n    {answer}", page.name));
            }
        }
    }
    assert!(wrong.is_empty(), "of {called} calls:\n{}", wrong.join("\n"));
    assert!(called >= 12, "{called} calls found: the pages are written otherwise now");
}

/// Whole lines that call an agent on this machine, or on one that is called so.
fn calls(page: &Page) -> Vec<String> {
    let joined = page.pieces("sh").map(|it| it.replace("\\\n", " ")).collect::<String>();
    let is_call = |it: &&str| {
        ["127.0.0.1:87", "/dev/tcp/", "http://前置机:"].iter().any(|at| it.contains(at))
    };
    let lines = joined.lines().filter(|it| !it.starts_with("his-agent "));
    lines.filter(is_call).map(str::to_owned).collect()
}

/// A folder with the messages that the pages name, as a HIS leaves them.
fn desk() -> TempDir {
    let desk = TempDir::new().expect("a folder");
    for (name, vendor) in [("message.xml", "platform"), ("报文.hl7", "hl7")] {
        let body = Case::of(vendor).message().bytes;
        let frame = [0x0B, 0x1C, b'\r', b'\n'];
        let end = body.iter().rposition(|it| !frame.contains(it)).expect("a message") + 1;
        let start = body.iter().position(|it| !frame.contains(it)).expect("a message");
        let plain = body.get(start..end).expect("found above");
        fs::write(desk.path().join(name), plain).expect("a new folder takes a file");
    }
    let page = pages().into_iter().find(|it| it.name == "check.md").expect("the page of checks");
    let check = page.pieces("json").next().expect("it begins with a request");
    fs::write(desk.path().join("check.json"), check).expect("a new folder takes a file");
    // Curl tells the status, and an answer that never ends is left after a while.
    let curl = "write-out = \"%{stderr}status %{http_code}\\n\"\nmax-time = 3\n";
    fs::write(desk.path().join(".curlrc"), curl).expect("a new folder takes a file");
    desk
}

/// What a shell shows for a line.
fn typed(desk: &TempDir, line: &str) -> String {
    let mut shell = Command::new("timeout");
    shell.args(["20", "bash", "-c", line]).current_dir(desk).env("HOME", desk.path());
    // Curl looks there for its settings first.
    shell.env_remove("CURL_HOME").env_remove("XDG_CONFIG_HOME");
    let output = past_proxies(&mut shell)
        .stdin(Stdio::null())
        .output()
        .expect("timeout is part of coreutils");
    let [said, told] =
        [output.stdout, output.stderr].map(|it| String::from_utf8(it).expect("answers are UTF-8"));
    format!("{said}{told}")
}

/// Taken; or refused for the very reason that the line is to show.
fn is_answer(answer: &str) -> bool {
    ["status 200", "status 202", "HTTP/1.0 200 OK", "MSA|CA|", "I143"]
        .iter()
        .any(|it| answer.contains(it))
}

/// The channels that pages name, besides one for every vendor. The day whose totals a page sends is not too
/// old for the account, as far as an agent can be told.
const CHANNELS: &str = "
    [messages]
    keep_days = 3650

    [[caller]]
    name = \"emr\"
    addresses = [\"127.0.0.1\"]
    verbs = [\"message\", \"check\", \"feedback\"]

    [[query]]
    name = \"fees\"
    callers = [\"emr\"]
    entity = \"fee_detail_outpatient\"
    elements = [\"rxno\", \"cnt\"]

    [[channel]]
    name = \"esb\"
    mappings = [\"platform/\"]
    [channel.soap]
    namespace = \"http://tempuri.org/\"
    paths = [\"/x/Service.asmx\"]
    [[channel.soap.operation]]
    name = \"CallInterface\"
    parameters = [\"msgHeader\", \"msgBody\"]
    [[channel.soap.operation]]
    name = \"CheckInterface\"
    parameters = [\"msgHeader\", \"msgBody\"]
    to = \"checks\"

    [[channel]]
    name = \"msgrows\"
    mappings = [\"msgrows/\"]

    [[channel]]
    name = \"his\"
    mappings = [\"pinyin/\"]

    [[channel]]
    name = \"his-outpatient\"

    [[channel]]
    name = \"mllp\"
    format = \"hl7\"
    mappings = [\"hl7/\"]
    [channel.mllp]
    listen = \"HL7_DOOR\"
";
