//! The real `his-agent` as a process: its folder, its ports, its start and its end.
//!
//! ```no_run
//! use tests::agent::{Agent, Setup};
//! let mut agent = Agent::start(Setup::files());
//! // ... send to agent.his() ...
//! agent.kill();
//! agent.start_again();
//! assert_eq!(agent.stop().code, Some(0));
//! ```
//!
//! It is dead and its folder is gone once the value is dropped, and dead even when the test process
//! itself was killed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::cases::{self, VENDORS};
use crate::command::{self, Ran, binary};
use crate::faults::Faults;
use crate::his;
use crate::ports;
use crate::power::Power;
use crate::process::{Guard, signal, wait_until};

/// What an agent is told, besides its addresses and a channel for every vendor.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Lines before the first table.
    pub top: String,
    /// Lines of `[listen]`.
    pub listen: String,
    /// Lines of `[outbox]`.
    pub outbox: String,
    /// Lines of `[forward]`.
    pub forward: String,
    /// The broker's address; without one, records go into a folder.
    pub broker: Option<String>,
    /// Lines of `[sets]`. With any, the mappings lie in a folder of the agent's own, to be edited.
    pub sets: Option<String>,
    /// Channels besides those of the vendors.
    pub channels: String,
    /// Whether `cut_power` will be wanted.
    pub mains: bool,
    /// Whether the disk is to fail.
    pub faults: bool,
    /// Where libraries are looked for first.
    pub libraries: Option<PathBuf>,
}

/// An agent that may be running.
#[derive(Debug)]
pub struct Agent {
    home: TempDir,
    his: SocketAddr,
    operators: SocketAddr,
    power: Option<Power>,
    faults: Option<Faults>,
    libraries: Option<PathBuf>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Child,
    _guard: Guard,
}

/// How an agent ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Its exit code; none after a signal.
    pub code: Option<i32>,
    /// How long it took.
    pub took: Duration,
}

impl Setup {
    /// Forwards into a folder.
    pub fn files() -> Setup {
        Setup::default()
    }

    /// Forwards to a broker, by the exchange `his.records`.
    pub fn amqp(url: &str) -> Setup {
        Setup { broker: Some(url.to_owned()), ..Setup::default() }
    }

    fn write(&self, home: &Path, his: SocketAddr, operators: SocketAddr) {
        let forward = match &self.broker {
            None => format!("kind = \"files\"\ndir = \"{}\"", home.join("records").display()),
            Some(url) => {
                let path = home.join("amqp-url");
                fs::write(&path, url).expect("a new folder takes a file");
                format!("kind = \"amqp\"\nurl = \"file:{}\"", path.display())
            }
        };
        let channel = |it: &&str| format!("[[channel]]\nname = \"{it}\"\nmappings = [\"{it}/\"]");
        let channels = VENDORS.iter().map(channel).collect::<Vec<_>>().join("\n");
        let sets = self.sets.as_ref().map(|more| {
            let mappings = home.join("mappings");
            copy(&cases::mappings(), &mappings);
            format!("[sets]\nmappings = \"{}\"\n{more}\n", mappings.display())
        });
        let sets = sets.unwrap_or_default();
        let Setup { top, listen, outbox, forward: more, channels: more_channels, .. } = self;
        let dir = home.join("outbox");
        let text = format!(
            "{top}\n[hospital]\ncode = \"H99999900001\"\nname = \"示例市人民医院\"\n\
             [listen]\nhis = \"{his}\"\noperators = \"{operators}\"\n{listen}\n{sets}\
             [outbox]\ndir = \"{}\"\n{outbox}\n[forward]\n{forward}\n{more}\n{channels}\n{more_channels}",
            dir.display()
        );
        let text = unhurried(text);
        fs::write(home.join("agent.toml"), text).expect("a new folder takes a file");
    }
}

/// No verdict depends on how busy the machine is, unless the test says how long a check may take.
fn unhurried(text: String) -> String {
    const PATIENT: &str = "[check]\ndeadline_ms = 20000\n";
    if text.lines().any(|it| it.starts_with("deadline_ms")) {
        text
    } else if text.contains("[check]\n") {
        text.replacen("[check]\n", PATIENT, 1)
    } else {
        text.replacen("[outbox]\n", &format!("{PATIENT}[outbox]\n"), 1)
    }
}

impl Agent {
    /// A running agent that answers.
    pub fn start(setup: Setup) -> Agent {
        let mut agent = Agent::prepare(setup);
        agent.start_again();
        agent
    }

    /// An agent with its folder and configuration, not started.
    #[allow(clippy::needless_pass_by_value)] // a setup is written down where it is used
    pub fn prepare(setup: Setup) -> Agent {
        // The kernel tells paths without symbolic links, and by them a disk that fails knows its files.
        let temp = std::env::temp_dir().canonicalize().expect("there is a temp folder");
        let home = TempDir::with_prefix_in("his-agent-", temp).expect("it takes a folder");
        let [his, operators] =
            [ports::free(), ports::free()].map(|it| SocketAddr::from((Ipv4Addr::LOCALHOST, it)));
        setup.write(home.path(), his, operators);
        let power = setup.mains.then(|| Power::new(home.path()));
        let faults = setup.faults.then(|| Faults::new(home.path()));
        Agent { home, his, operators, power, faults, libraries: setup.libraries, running: None }
    }

    /// Starts the stopped or killed agent on the folder it left, and waits until it answers.
    pub fn start_again(&mut self) {
        self.launch();
        let answers = || his::get(self.operators, "/healthz").is_ok_and(|it| it.status == 200);
        let up = wait_until(START_MAX, || answers() || self.has_ended());
        assert!(up && !self.has_ended(), "the agent did not start:\n{}", self.log());
    }

    /// Starts it and waits for nothing.
    pub fn launch(&mut self) {
        self.launch_under(&[]);
    }

    /// The same, by somebody who says more in the environment.
    pub fn launch_under(&mut self, variables: &[(&str, String)]) {
        assert!(self.running.is_none(), "the agent runs already");
        let log = OpenOptions::new().create(true).append(true).open(self.log_file());
        let process = Command::new(binary())
            .args(["run".as_ref(), "--config".as_ref(), self.config().as_os_str()])
            .env("RUST_BACKTRACE", "0")
            .envs(self.power.iter().flat_map(Power::environment))
            .envs(self.faults.iter().flat_map(Faults::environment))
            .env("LD_PRELOAD", self.preloaded())
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .envs(self.libraries.iter().map(|it| ("LD_LIBRARY_PATH", it)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("the agent's folder takes a file"))
            .spawn()
            .expect("the binary can be run");
        let guard = Guard::over(process.id());
        self.running = Some(Running { process, _guard: guard });
    }

    /// What notes a sync stands before what lets it fail: a failed one is then not noted.
    fn preloaded(&self) -> OsString {
        let libraries =
            [self.power.as_ref().map(Power::library), self.faults.as_ref().map(Faults::library)];
        let libraries: Vec<&OsStr> = libraries.into_iter().flatten().map(Path::as_os_str).collect();
        libraries.join(OsStr::new(":"))
    }

    /// SIGKILL, as a crash or the out-of-memory killer does.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.process.kill().expect("our own child");
            running.process.wait().expect("our own child");
        }
    }

    /// SIGKILL, and the loss of everything that was not synced; gives how many bytes were lost.
    pub fn cut_power(&mut self) -> u64 {
        self.cut_power_with(&[])
    }

    /// Bytes of logs that its cuts have put back, where they had been written over and not synced.
    pub fn put_back(&self) -> u64 {
        self.power.as_ref().map_or(0, Power::put_back)
    }

    /// The same, over folders besides its own.
    pub fn cut_power_with(&mut self, folders: &[PathBuf]) -> u64 {
        self.kill();
        let own = [self.home.path().join("outbox"), self.records()];
        let power = self.power.as_mut().expect("the setup says `mains`");
        power.cut(&[&own, folders].concat())
    }

    /// SIGTERM, as the service manager does, and the wait for the end.
    pub fn stop(&mut self) -> Ended {
        self.terminate();
        self.await_end()
    }

    /// SIGTERM alone.
    pub fn terminate(&self) {
        signal("TERM", &self.pid().to_string());
    }

    /// Waits until it has ended, and fails after a minute.
    #[track_caller]
    pub fn await_end(&mut self) -> Ended {
        let started = Instant::now();
        let ended = wait_until(STOP_MAX, || self.has_ended());
        let took = started.elapsed();
        assert!(ended, "the agent did not stop within {STOP_MAX:?}:\n{}", self.log());
        let mut running = self.running.take().expect("it was running a moment ago");
        let status = running.process.wait().expect("our own child");
        Ended { code: status.code(), took }
    }

    /// Its disk, which can be made to fail.
    #[track_caller]
    pub fn disk(&self) -> &Faults {
        self.faults.as_ref().expect("the setup says `faults`")
    }

    /// Its disk fails, or kills, in another place than the store: `versions`. From the next start on.
    #[track_caller]
    pub fn disk_is(&mut self, name: &str) {
        let root = self.beside(name);
        self.faults.as_mut().expect("the setup says `faults`").move_to(root);
    }

    /// Waits until it answers. False when it has ended instead.
    #[track_caller]
    pub fn await_answers(&mut self) -> bool {
        let answers = || his::get(self.operators, "/healthz").is_ok_and(|it| it.status == 200);
        assert!(
            wait_until(START_MAX, || answers() || self.has_ended()),
            "it neither starts nor ends"
        );
        !self.has_ended()
    }

    /// Whether it has ended by itself.
    pub fn has_fallen(&self) -> bool {
        self.has_ended()
    }

    /// Where HIS callers find it.
    pub fn his(&self) -> SocketAddr {
        self.his
    }

    /// Where operators find it.
    pub fn operators(&self) -> SocketAddr {
        self.operators
    }

    /// The process id.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("the agent runs").process.id()
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.home.path().join("agent.toml")
    }

    /// Its folder of mappings, if its setup has `sets`.
    pub fn mappings(&self) -> PathBuf {
        self.home.path().join("mappings")
    }

    /// A path beside its configuration.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs a command that takes its configuration: `sets status`, `codes list`.
    pub fn ask(&self, command: &[&str]) -> Ran {
        let mut all: Vec<OsString> = command.iter().map(OsString::from).collect();
        all.extend(["--config".into(), self.config().into()]);
        command::run(&all)
    }

    /// The folder that it forwards into when there is no broker.
    pub fn records(&self) -> PathBuf {
        self.home.path().join("records")
    }

    /// Everything it has logged, over all its starts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Whether its log says so: a line is written a moment after what it is about.
    pub fn tells(&self, text: &str) -> bool {
        wait_until(TELL_MAX, || self.log().contains(text))
    }

    /// What `/readyz` says.
    #[track_caller]
    pub fn readiness(&self) -> Value {
        his::get(self.operators, "/readyz").expect("the operators' door answers").json()
    }

    /// Waits until `/readyz` says what it should, and fails with what it said after a minute.
    #[track_caller]
    pub fn await_readiness(&self, what: &str, met: impl Fn(&Value) -> bool) -> Value {
        let mut said = Value::Null;
        let ok = wait_until(DRAIN_MAX, || {
            said = self.readiness();
            met(&said)
        });
        assert!(ok, "after {DRAIN_MAX:?} still not {what}: {said}\n{}", self.log());
        said
    }

    /// Waits until nothing is left in the outbox.
    #[track_caller]
    pub fn await_drained(&self) {
        self.await_readiness("drained", |it| {
            it.pointer("/outbox/waiting") == Some(&Value::from(0))
        });
    }

    fn has_ended(&self) -> bool {
        let stat = format!("/proc/{}/stat", self.pid());
        // A child that has ended and was not waited for is a zombie: state Z behind the name.
        let stat = fs::read_to_string(stat).unwrap_or_default();
        stat.rsplit(')').next().is_none_or(|it| it.trim_start().starts_with(['Z', 'X']))
    }

    fn log_file(&self) -> PathBuf {
        self.home.path().join("agent.log")
    }
}

/// Copies a folder tree. Read and written, since a copy would keep a read-only file read-only.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("a folder of the checkout") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::write(target, fs::read(&path).expect("a file")).expect("a file");
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A start takes a tenth of a second; a machine that compiles may need much more.
const START_MAX: Duration = Duration::from_mins(1);
const STOP_MAX: Duration = Duration::from_mins(1);
const TELL_MAX: Duration = Duration::from_secs(20);
const DRAIN_MAX: Duration = Duration::from_secs(90);
