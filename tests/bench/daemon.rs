//! The agent as hospitals run it: the release binary, the shipped sets, seven channels, its log at
//! the usual level into a file.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{self, Request};
use crate::process::{self, Process};
use crate::site::{EXCHANGE, Site};

/// A running agent.
#[derive(Debug)]
pub(crate) struct Daemon {
    process: Process,
    pub(crate) his: SocketAddr,
    operators: SocketAddr,
    /// From the start of the process to the first answer.
    pub(crate) start_time: Duration,
}

/// Where it sends the records.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sink<'a> {
    Files,
    Broker {
        url: &'a str,
        /// `auto` or `off`.
        batch: &'a str,
    },
}

/// Its own account of the records that wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) next_seq: u64,
    pub(crate) waiting: u64,
}

impl Daemon {
    /// Starts an agent whose outbox is in `folder`, and waits until it answers. A folder `rules` in it
    /// takes the place of the shipped packs.
    pub(crate) fn start(folder: &Path, sink: Sink<'_>) -> Daemon {
        let [his, operators] = free_ports().map(|it| SocketAddr::from((Ipv4Addr::LOCALHOST, it)));
        let config = folder.join("agent.toml");
        fs::write(&config, configuration(folder, [his, operators], sink)).expect("a fresh file");
        let log = File::create(folder.join("log")).expect("a fresh file");

        let mut command = Command::new(Site::agent());
        command.args(["run", "--config"]).arg(&config).stderr(log);
        if let Sink::Broker { url, .. } = sink {
            command.env(URL_VARIABLE, url);
        }
        let started = Instant::now();
        let mut process = Process::spawn(&mut command);
        await_answer(&mut process, operators, folder);
        Daemon { process, his, operators, start_time: started.elapsed() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn resident_megabytes(&self) -> f64 {
        process::resident_megabytes(self.id())
    }

    /// Connections, for the most part.
    pub(crate) fn open_sockets(&self) -> usize {
        process::open_sockets(self.id())
    }

    pub(crate) fn account(&self) -> Account {
        let page = client::get(self.operators, "/readyz").expect("a healthy agent is ready");
        let page: Value = serde_json::from_str(&page).expect("the page is JSON");
        let figure = |name| page.pointer(name).and_then(Value::as_u64).expect("a figure");
        Account { next_seq: figure("/outbox/next_seq"), waiting: figure("/outbox/waiting") }
    }

    /// Waits until every record has left. Those of one turn must not take the cores from the next.
    pub(crate) fn await_forwarded(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.account().waiting > 0 {
            assert!(Instant::now() < deadline, "after 30 seconds {:?}", self.account());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends what happened to a patient, and waits until a check finds it in the agent's memory.
    pub(crate) fn remember(&self, past: &Request, check: &Request) {
        let found = || {
            let page =
                client::get(self.operators, "/metrics").expect("a healthy agent is measured");
            let line = page.lines().find(|it| it.contains("recalls_total{outcome=\"found\"}"));
            line.is_some_and(|it| !it.ends_with(" 0"))
        };
        client::call(self.his, past).expect("the fee list is accepted");
        let deadline = Instant::now() + Duration::from_secs(30);
        while !found() {
            assert!(Instant::now() < deadline, "a check does not find the past within 30 seconds");
            thread::sleep(Duration::from_millis(50));
            client::call(self.his, check).expect("the check is answered");
        }
    }

    /// Stops it in order, so that its outbox can be copied.
    pub(crate) fn stop(self) {
        self.process.terminate();
    }
}

/// A channel that is described as a SOAP service.
const SERVICE: &str = "[[channel]]\nname = \"esb\"\nmappings = [\"platform/\"]\n[channel.soap]\n\
    namespace = \"http://tempuri.org/\"\n[[channel.soap.operation]]\nname = \"CallInterface\"\n\
    parameters = [\"msgHeader\", \"msgBody\"]\n";

/// A configuration with seven of the shipped channels, and one that is a service.
pub(crate) fn configuration(
    folder: &Path,
    [his, operators]: [SocketAddr; 2],
    sink: Sink<'_>,
) -> String {
    let forward = match sink {
        Sink::Files => format!("kind = \"files\"\ndir = \"{}\"", folder.join("records").display()),
        Sink::Broker { batch, .. } => format!(
            "kind = \"amqp\"\nurl = \"env:{URL_VARIABLE}\"\nexchange = \"{EXCHANGE}\"\n\
             window = {WINDOW}\nbatch = \"{batch}\""
        ),
    };
    let outbox = folder.join(OUTBOX);
    let rules = folder.join("rules");
    let sets = if rules.is_dir() {
        format!("[sets]\nrules = \"{}\"\n", rules.display())
    } else {
        String::new()
    };
    let channels = ["platform", "techservice", "pinyin", "rows", "webapi", "cdss", "feelist"];
    let channels = channels
        .map(|it| format!("[[channel]]\nname = \"{it}\"\nmappings = [\"{it}/\"]\n"))
        .concat();
    format!(
        "[hospital]\ncode = \"H99999900001\"\nname = \"示例市人民医院\"\n\
         [listen]\nhis = \"{his}\"\noperators = \"{operators}\"\n\
         {sets}[outbox]\ndir = \"{}\"\n[forward]\n{forward}\n{channels}{SERVICE}",
        outbox.display()
    )
}

/// Ports that nobody listens on at the moment.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    // All are held until all are found, or the same one would be found again.
    let found: [_; N] = std::array::from_fn(|_| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("most ports are free")
    });
    found.map(|it| it.local_addr().expect("it is bound").port())
}

fn await_answer(process: &mut Process, operators: SocketAddr, folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while client::get(operators, "/healthz").is_err() {
        if process.has_ended() || Instant::now() > deadline {
            let log: PathBuf = folder.join("log");
            panic!("the agent does not start:\n{}", fs::read_to_string(log).unwrap_or_default());
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The folder of the outbox in an agent's folder.
pub(crate) const OUTBOX: &str = "outbox";
/// Messages without a confirm, for the agent and for the bare publisher.
pub(crate) const WINDOW: usize = 256;
const URL_VARIABLE: &str = "HIS_AGENT_BENCH_URL";
