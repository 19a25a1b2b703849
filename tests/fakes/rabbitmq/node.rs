//! One RabbitMQ node as a child process: its folder, its ports, its start and its end.
//!
//! The node shares nothing with a broker that may run on the machine: it has an epmd, a cookie, a
//! home and a data folder of its own, and listens on loopback only. It cannot outlive the test
//! either: the shell that guards it waits on a pipe that only this process holds open, and kills
//! the whole process group when the pipe closes, also when the test itself was killed.

use std::fs::{self, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::ports;
use crate::process::{signal, wait_until};

/// Debian's scripts that run as any user; those in sbin insist on the user `rabbitmq`.
const SCRIPTS: &str = "/usr/lib/rabbitmq/bin";

/// Six seconds on an idle machine, fourteen on a busy one, and a CI machine may be worse.
const START_TIMEOUT: Duration = Duration::from_mins(5);
const STOP_TIMEOUT: Duration = Duration::from_mins(3);

/// Starts epmd and the server, notes the server's end, and on the end of stdin kills its group.
/// A server that finds no epmd starts one as a daemon, which no kill of the group would reach: so it
/// waits until epmd answers. It is tried again and again, for a killed one may still hold the port.
const GUARD: &str = r#"
tries=0
until epmd -port "$ERL_EPMD_PORT" -names >names.log 2>&1 || [ "$tries" -ge 300 ]; do
  epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" >>epmd.log 2>&1 &
  tries=$((tries + 1))
  sleep 0.1
done
{ "$SERVER" >console.log 2>&1; echo "$?" >exited; } &
read -r _
kill -s KILL 0
"#;

const CONFIG: &str = "\
log.console = false
log.file.level = warning
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 400MB
raft.wal_max_size_bytes = 16777216
";

/// A private node; it is dead once this is dropped.
#[derive(Debug)]
pub(super) struct Node {
    folder: TempDir,
    ports: Ports,
    guard: Option<Child>,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    amqp: u16,
    distribution: u16,
    epmd: u16,
    tls: u16,
}

impl Node {
    /// A node that answers. Ports are tried anew when somebody else was quicker to take one.
    pub(super) fn start() -> Node {
        Node::start_with("", &[])
    }

    pub(super) fn start_with(config: &str, plugins: &[&str]) -> Node {
        install();
        for _ in 0..3 {
            let ports = Ports::free();
            let config = config.replace("{tls}", &ports.tls.to_string());
            let folder = new_folder(&config, plugins);
            let mut node = Node { folder, ports, guard: None };
            match node.start_again() {
                Ok(()) => return node,
                Err(problem) if problem.contains("eaddrinuse") => {}
                Err(problem) => panic!("{problem}"),
            }
        }
        panic!("three times another process took a port that had just been free");
    }

    pub(super) fn amqp_port(&self) -> u16 {
        self.ports.amqp
    }

    pub(super) fn tls_port(&self) -> u16 {
        self.ports.tls
    }

    /// Starts the stopped or killed node on its old data; the error holds what the node printed.
    pub(super) fn start_again(&mut self) -> Result<(), String> {
        assert!(self.guard.is_none(), "the broker runs already");
        let _ = fs::remove_file(self.path("exited"));
        let _ = fs::remove_file(self.path("pid"));
        let mut guard = self.command("/bin/sh");
        guard.args(["-c", GUARD]).env("SERVER", script("rabbitmq-server"));
        guard.current_dir(self.folder.path()).process_group(0).stdin(Stdio::piped());
        self.guard = Some(guard.spawn().expect("/bin/sh is there"));

        let exited = self.path("exited");
        let ended = wait_until(START_TIMEOUT, || self.answers() || exited.exists());
        if ended && !exited.exists() {
            return Ok(());
        }
        self.kill();
        Err(format!("RabbitMQ did not start:\n{}", self.console()))
    }

    /// An orderly stop: queues are flushed, clients are told.
    pub(super) fn stop(&mut self) {
        signal("TERM", &self.pid());

        let exited = self.path("exited");
        let stopped = wait_until(STOP_TIMEOUT, || exited.exists());
        assert!(stopped, "RabbitMQ did not stop:\n{}", self.console());
        self.kill();
    }

    /// A crash: SIGKILL to every process of the node. On a node that is down it does nothing.
    /// Erlang's port programs have a session of their own; they end by themselves a moment later.
    pub(super) fn kill(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            guard.wait().expect("the guard is our child");
        }
    }

    /// Halts the server alone: the guard must be able to end it.
    pub(super) fn freeze(&mut self) {
        signal("STOP", &self.pid());
    }

    pub(super) fn thaw(&mut self) {
        signal("CONT", &self.pid());
    }

    fn pid(&self) -> String {
        let pid = fs::read_to_string(self.path("pid")).expect("a node that answered wrote its pid");
        pid.trim().to_owned()
    }

    /// The output of `rabbitmqctl`, which must succeed.
    pub(super) fn ctl(&self, args: &[&str]) -> String {
        let output = self
            .command("timeout")
            .args(["60", &script("rabbitmqctl"), "--quiet"])
            .args(args)
            .output()
            .expect("timeout is part of coreutils");
        let text = String::from_utf8(output.stdout).expect("rabbitmqctl writes UTF-8");
        assert!(output.status.success(), "rabbitmqctl {args:?} failed: {text}{:?}", output.stderr);
        text
    }

    /// Waits until a crash can no longer make the node forget a queue that was just declared.
    ///
    /// The register of quorum queues is written a second behind: RabbitMQ 3.10 that is killed
    /// earlier starts without the queue's log, and what was confirmed meanwhile is gone. A platform
    /// declares its queues long before; a test does not.
    pub(super) fn await_registration(&self, queue: &str) {
        let register = self.path("data/fake@localhost/quorum/fake@localhost/names.dets");
        let registered = wait_until(STOP_TIMEOUT, || {
            let bytes = fs::read(&register).unwrap_or_default();
            bytes.windows(queue.len()).any(|window| window == queue.as_bytes())
        });
        assert!(registered, "RabbitMQ did not register {queue}:\n{}", self.console());
    }

    /// Whether the broker answers the AMQP greeting with a method frame; an open port is not enough.
    fn answers(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.amqp));
        let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
            return false;
        };
        let mut frame_type = [0];
        stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
            && stream.write_all(b"AMQP\0\0\x09\x01").is_ok()
            && stream.read_exact(&mut frame_type).is_ok()
            && frame_type == [1]
    }

    /// A command that sees this node and nothing else of RabbitMQ's world.
    fn command(&self, program: &str) -> Command {
        let Ports { amqp, distribution, epmd, .. } = self.ports;
        let mut command = Command::new(program);
        command.env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        command.env("LANG", "C.UTF-8");
        command.env("HOME", self.folder.path());
        command.env("ERL_EPMD_ADDRESS", "127.0.0.1").env("ERL_EPMD_PORT", epmd.to_string());
        command.env("RABBITMQ_NODENAME", "fake@localhost");
        command.env("RABBITMQ_NODE_PORT", amqp.to_string());
        command.env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1");
        command.env("RABBITMQ_DIST_PORT", distribution.to_string());
        command.env("RABBITMQ_MNESIA_BASE", self.path("data"));
        command.env("RABBITMQ_LOG_BASE", self.path("log"));
        command.env("RABBITMQ_PID_FILE", self.path("pid"));
        command.env("RABBITMQ_CONFIG_FILE", self.path("rabbitmq"));
        command.env("RABBITMQ_ADVANCED_CONFIG_FILE", self.path("advanced.config"));
        command.env("RABBITMQ_ENABLED_PLUGINS_FILE", self.path("enabled_plugins"));
        command.env("RABBITMQ_CONF_ENV_FILE", "/dev/null");
        // Schedulers that spin while idle would take the cores from the code under test.
        let erlang =
            "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none";
        command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang);
        command
    }

    fn console(&self) -> String {
        let read = |name| fs::read_to_string(self.path(name)).unwrap_or_default();
        read("console.log") + &read("log/fake@localhost.log")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Ports {
    fn free() -> Ports {
        let [amqp, distribution, epmd, tls] = [(); 4].map(|()| ports::free());
        Ports { amqp, distribution, epmd, tls }
    }
}

/// Installs Debian's package when it is missing. A proof that is skipped proves nothing.
fn install() {
    if Path::new(&script("rabbitmq-server")).exists() {
        return;
    }
    let set_up = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/setup/debian.sh");
    let status = Command::new(set_up).arg("tests").status().expect("the set-up script is there");
    assert!(status.success(), "no RabbitMQ, and {set_up} could not install it; see above");
}

fn new_folder(config: &str, plugins: &[&str]) -> TempDir {
    let folder = TempDir::with_prefix("rabbitmq-").expect("the temp folder takes a folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("a new folder takes a file");
    };
    write("rabbitmq.conf", &format!("{CONFIG}{config}"));
    write("enabled_plugins", &format!("[{}].", plugins.join(",")));
    write(".erlang.cookie", &format!("{:016x}", RandomState::new().hash_one(0)));
    let cookie = folder.path().join(".erlang.cookie");
    fs::set_permissions(cookie, Permissions::from_mode(0o400)).expect("our own file");
    folder
}

fn script(name: &str) -> String {
    format!("{SCRIPTS}/{name}")
}
