//! SOAP clients as hospitals have them, each against every style it can speak: the answer comes back to
//! the letter, and the records are right. None of them shares code with the agent, or with another.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tests::agent::{Agent, Setup};
use tests::cases::{Case, Message};
use tests::chance::is_long;
use tests::command::past_proxies;
use tests::platform::Platform;
use tests::ward::node_modules;

/// A client: what it is called, how it is started, and which services it cannot read.
struct Client {
    name: &'static str,
    program: &'static [&'static str],
    /// Whether it is told an address and a namespace in place of a description.
    is_told: bool,
    /// What comes behind the two files.
    more: &'static [&'static str],
    skips: &'static [&'static str],
}

const CLIENTS: [Client; 8] = [
    Client::new("zeep", &["/usr/bin/python3", "zeep_client.py"], &[], &[]),
    // The two that refuse a description without a target namespace do so by themselves.
    Client::new("suds", &["/usr/bin/python3", "suds_client.py"], &[], &["none"]),
    Client::new("php-soap 1.1", &["php", "php_client.php"], &[], &["none"]),
    Client::new("php-soap 1.2", &["php", "php_client.php"], &["1.2"], &["none"]),
    // It writes one element into the body and all parameters into it, under the name of the first.
    Client::new("node soap", &["node", "node_soap.js"], &[], &["bare"]),
    Client::new("strong-soap", &["node", "strong_soap.js"], &[], &["none"]),
    Client::told("SOAP::Lite 1.1", &["perl", "soap_lite.pl"], &["1.1"]),
    Client::told("SOAP::Lite 1.2", &["perl", "soap_lite.pl"], &["1.2"]),
];

/// Those that are compiled first, or come with a platform of their own: in the long form.
const HEAVY: [Client; 5] = [
    Client::new("Mono 1.1", &["bash", "heavy/mono_client.sh"], &["Soap"], &[]),
    Client::new("Mono 1.2", &["bash", "heavy/mono_client.sh"], &["Soap12"], &["asmx11"]),
    Client::new("gSOAP", &["bash", "heavy/gsoap_client.sh"], &[], &[]),
    Client::told("Axis 1.4", &["bash", "heavy/java_client.sh", "AxisClient"], &[]),
    Client::told("Java, GBK", &["bash", "heavy/java_client.sh", "GbkClient"], &[]),
];

/// A service: its channel, namespace, style, and whether its elements are qualified.
const SERVICES: [(&str, &str, &str, bool, &str); 8] = [
    ("asmx", "http://tempuri.org/", "document", true, ""),
    ("asmx11", "http://tempuri.org/", "document", true, "describe = [\"1.1\"]\n"),
    ("named", "WebService", "document", true, ""),
    ("none", "", "document", true, ""),
    ("jaxws", "http://service.his.example/", "document", false, ""),
    ("rpc", "http://tempuri.org/", "rpc", true, ""),
    ("encoded", "http://tempuri.org/", "encoded", true, ""),
    ("bare", "http://tempuri.org/", "bare", true, ""),
];

impl Client {
    const fn new(
        name: &'static str,
        program: &'static [&'static str],
        more: &'static [&'static str],
        skips: &'static [&'static str],
    ) -> Client {
        Client { name, program, is_told: false, more, skips }
    }

    /// One that knows no description writes the operation's element, and `bare` has none: such bodies are
    /// sent by curl.
    const fn told(
        name: &'static str,
        program: &'static [&'static str],
        more: &'static [&'static str],
    ) -> Client {
        Client { name, program, is_told: true, more, skips: &["bare"] }
    }

    /// What it printed: the text that its programmer gets.
    fn call(&self, address: &str, namespace: &str, files: [&Path; 2]) -> String {
        let [program, script, first @ ..] = self.program else { panic!("a program, its script") };
        let mut command = Command::new("timeout");
        // The heavy ones compile first, all of them at one time.
        let patience = if is_long() { "300" } else { "60" };
        command.args([patience, program]).arg(scripts().join(script)).args(first);
        if self.is_told {
            command.args([address, namespace]);
        } else {
            command.arg(format!("{address}?wsdl"));
        }
        command.args(files).args(self.more).env("NODE_PATH", node_modules());
        let output = past_proxies(&mut command).output().expect("timeout is part of coreutils");
        let told = output.stderr.escape_ascii();
        assert!(
            output.status.success(),
            "{} at {address}: {told}\n(is it there? `make setup-tests`, or `make setup-prove` for the long form, \
             installs the clients)",
            self.name
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

#[test]
fn every_client_reads_the_answer_to_the_letter_and_its_records_are_right() {
    check(&CLIENTS);
}

#[test]
fn the_heavy_clients_read_it_as_well() {
    if is_long() {
        check(&HEAVY);
    }
}

fn check(clients: &[Client]) {
    let agent = start();
    let number = AtomicU64::new(0);
    let sent: Vec<Message> = thread::scope(|scope| {
        let callers: Vec<_> = clients
            .iter()
            .map(|client| {
                let (agent, number) = (&agent, &number);
                scope.spawn(move || {
                    let services = SERVICES.iter().filter(|it| !client.skips.contains(&it.0));
                    let call = |(channel, namespace, ..): &(&str, &str, &str, bool, &str)| {
                        let n = number.fetch_add(1, Ordering::Relaxed) + 1;
                        call(agent, client, (channel, namespace), n)
                    };
                    services.map(call).collect::<Vec<Message>>()
                })
            })
            .collect();
        callers.into_iter().flat_map(|it| it.join().expect("told above")).collect()
    });
    check_records(&agent, &sent);
}

/// Each message became its records, on the channel that it was sent to, and nothing else came.
#[track_caller]
pub(crate) fn check_records(agent: &Agent, sent: &[Message]) {
    agent.await_drained();
    let wanted = sent.iter().map(|it| it.records.len()).sum();
    let delivered = Platform::of_folder(&agent.records()).receive(wanted);
    assert_eq!(delivered.records.len(), wanted);
    let mut came: BTreeMap<(String, String), String> = BTreeMap::new();
    for record in delivered.records {
        let told = came.entry((record.channel, record.lane)).or_default();
        let _ = writeln!(told, "{} {}", record.entity, record.elements);
    }
    for message in sent {
        let lane = message.records.first().expect("six").lane.clone();
        let mut expected = String::new();
        for it in &message.records {
            let _ = writeln!(expected, "{} {}", it.entity, it.elements);
        }
        assert_eq!(came.get(&(message.channel.clone(), lane)), Some(&expected));
    }
}

/// `int Method(...)` and its like: the client reads the type that its description says, whatever became of the
/// message. Of a bare result zeep takes the length, which no number has.
#[test]
fn results_that_are_no_strings_keep_their_types() {
    let styles = ["document", "rpc", "encoded"];
    let mut channels = String::new();
    for style in styles {
        let _ = write!(
            channels,
            "[[channel]]\nname = \"{style}\"\nmappings = [\"platform/\"]\n[channel.soap]\n\
             namespace = \"http://tempuri.org/\"\nstyle = \"{style}\"\ndescribe = [\"1.1\", \"1.2\", \"form\"]\n"
        );
        for (name, result) in [
            ("Number", "int(0,-1):NumberResult"),
            ("Long", "long(9000000000,7):LongResult"),
            ("Truth", "boolean:TruthResult"),
        ] {
            let _ = write!(
                channels,
                "[[channel.soap.operation]]\nname = \"{name}\"\nparameters = [\"msgHeader\", \"msgBody\"]\n\
                 results = [\"{result}\"]\n"
            );
        }
    }
    let agent = Agent::start(Setup { channels, ..Setup::files() });
    let client = Client::new("zeep", &["/usr/bin/python3", "typed_client.py"], &[], &[]);
    for (style, n) in styles.into_iter().zip(1..) {
        let [header, body] = Case::of("platform").numbered(n).strings();
        let files = files(&agent, n, [&header, &body]);
        let address = format!("http://{}/soap/{style}", agent.his());
        let told = client.call(&address, "http://tempuri.org/", [&files[0], &files[1]]);
        let told: Vec<&str> = told.lines().collect();
        assert_eq!(told, ["0", "-1", "9000000000", "7", "True", "False"], "{style}");
    }
}

/// One method carries XML and HL7 v2, as integration platforms have it; each is answered in its own words.
#[test]
fn a_parameter_that_is_an_hl7_message_is_acknowledged_as_one() {
    let channels = "[[channel]]\nname = \"esb\"\nmappings = [\"platform/\", \"hl7/\"]\n[channel.soap]\n\
         namespace = \"http://tempuri.org/\"\n[[channel.soap.operation]]\nname = \"CallInterface\"\n\
         parameters = [\"msgHeader\", \"msgBody\"]\n";
    let agent = Agent::start(Setup { channels: channels.to_owned(), ..Setup::files() });
    let mut sent = Vec::new();
    for (client, n) in CLIENTS.iter().zip(1..) {
        let message = Message { channel: "esb".to_owned(), ..Case::of("hl7").numbered(n) };
        let answer =
            ask(&agent, client, n, ["<root><format>HL7v2</format></root>", &hl7(&message)]);
        let (head, rest) = answer.split_once('\r').expect("two lines");
        assert!(head.starts_with("MSH|^~\\&|AGENT|JZ0001|HIS|JZ0001|"), "{}: {head}", client.name);
        // Some clients leave the last line end out.
        assert_eq!(rest.trim_end_matches('\r'), "MSA|AA|MSG00000016|成功", "{}", client.name);
        sent.push(message);
    }
    let wrong = Case::of("hl7").numbered(90).spoilt("|20240515092005|", "|at nine|");
    let answer = ask(&agent, &CLIENTS[0], 90, ["", &hl7(&wrong)]);
    assert!(answer.contains("\rMSA|AE|MSG00000016|") && answer.contains("|M202|"), "{answer}");
    let message = Message { channel: "esb".to_owned(), ..Case::of("platform").numbered(91) };
    let [header, body] = message.strings();
    assert!(ask(&agent, &CLIENTS[0], 91, [&header, &body]).starts_with('<'), "XML as before");
    sent.push(message);
    check_records(&agent, &sent);
}

/// The text of a message without its frame.
fn hl7(message: &Message) -> String {
    let text = str::from_utf8(&message.bytes).expect("UTF-8");
    text.trim_matches(['\u{B}', '\u{1C}', '\r']).to_owned()
}

/// What one client gets for two strings from the channel `esb`.
fn ask(agent: &Agent, client: &Client, n: u64, strings: [&str; 2]) -> String {
    let address = format!("http://{}/soap/esb", agent.his());
    let files = files(agent, n, strings);
    client.call(&address, "http://tempuri.org/", [&files[0], &files[1]])
}

/// Two strings as a client reads them.
fn files(agent: &Agent, n: u64, strings: [&str; 2]) -> [PathBuf; 2] {
    let file = |name: &str, text: &str| {
        let path = agent.beside(&format!("{n}-{name}.xml"));
        fs::write(&path, text).expect("our own folder");
        path
    };
    [file("header", strings[0]), file("body", strings[1])]
}

/// One client calls one service with the two strings of a message of its own.
fn call(agent: &Agent, client: &Client, service: (&str, &str), n: u64) -> Message {
    let (channel, namespace) = service;
    let message = Message { channel: channel.to_owned(), ..Case::of("platform").numbered(n) };
    let [header, body] = message.strings();
    let files = files(agent, n, [&header, &body]);
    let address = format!("http://{}/soap/{channel}", agent.his());
    let answer = client.call(&address, namespace, [&files[0], &files[1]]);
    assert_eq!(answer, ANSWER, "{} at {channel}", client.name);
    message
}

/// What XML, JSON and three encodings can each do harm to.
const ANSWER: &str =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><r a='1'>成功 &amp; \"好\" &lt;甲&gt; 𠮷 ]]&gt;</r>";

fn start() -> Agent {
    let mut channels = String::new();
    for (name, namespace, style, is_qualified, more) in SERVICES {
        let _ = write!(
            channels,
            "[[channel]]\nname = \"{name}\"\nmappings = [\"platform/\"]\nanswer = \"platform/answers/fixed.toml\"\n\
             [channel.soap]\nnamespace = \"{namespace}\"\nstyle = \"{style}\"\nqualified = {is_qualified}\n{more}\
             [[channel.soap.operation]]\nname = \"CallInterface\"\nparameters = [\"msgHeader\", \"msgBody\"]\n"
        );
    }
    let setup = Setup { sets: Some(String::new()), channels, ..Setup::files() };
    let mut agent = Agent::prepare(setup);
    let answers = agent.mappings().join("platform/answers");
    let write =
        |name: &str, text: &str| fs::write(answers.join(name), text).expect("our own folder");
    write("fixed.toml", "[answer]\naccepted = \"fixed.xml\"\nrefused = \"fixed-not.xml\"\n");
    write("fixed.xml", ANSWER);
    write("fixed-not.xml", "<r>{{ message }}</r>");
    agent.start_again();
    agent
}

fn scripts() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "clients", "soap"].iter().collect()
}
