//! `his-agent doctor`: each thing it looks at is broken for real, and told with its cure and exit code.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::certificates::Certificates;
use tests::command::Ran;
use tests::rabbitmq::RabbitMq;

/// The same checks with and without the daemon; inside it, its own doors are open and not taken.
#[test]
fn it_is_well_with_and_without_the_daemon() {
    let mut agent = Agent::prepare(Setup::files());
    let offline = examined(&agent, 0);
    assert_eq!(states(&offline, "daemon"), "warn H011", "{offline}");
    assert_eq!(states(&offline, "ports"), "ok, ok", "{offline}");
    agent.start_again();
    let online = examined(&agent, 0);
    assert!(states(&online, "daemon").starts_with("ok"), "{online}");
    assert_eq!(states(&online, "ports"), "ok, ok", "{online}");
    assert_eq!(online["fail"], 0, "{online}");
    assert_eq!(agent.readiness()["patrol"]["fail"], 0, "what was found stands");
    let text = agent.ask(&["doctor"]).stdout;
    assert!(text.contains("\n端口\n  ok    [listen] his 127.0.0.1:"), "{text}");
}

#[test]
fn a_broken_machine_is_told_with_its_exit_code() {
    // Somebody has our port.
    let agent = Agent::prepare(Setup::files());
    let taken = TcpListener::bind(agent.his()).expect("it was free a moment ago");
    let told = examined(&agent, 69);
    assert_eq!(states(&told, "ports"), "fail H061, ok", "{told}");
    let ours = format!("（进程 {}）", std::process::id());
    assert!(told.to_string().contains(&ours), "{told}");
    drop(taken);

    // Files of another user in the store, and a key that others may read.
    let mut agent = agent;
    agent.start_again();
    agent.stop();
    let key = agent.beside("store.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("our own file");
    chown(agent.beside("outbox/CURRENT"), Some(12_345), None).expect("the tests run as root");
    let told = examined(&agent, 77);
    let expected = ["fail H052", "fail H053"];
    assert!(expected.iter().all(|it| states(&told, "permissions").contains(it)), "{told}");

    // A store in memory, where a sync is none; a code map that is wrong.
    let memory = format!("/dev/shm/doctor-{}", std::process::id());
    let text = fs::read_to_string(agent.config()).expect("the configuration");
    let home = agent.beside("").display().to_string();
    let moved = text.replace(&format!("{home}outbox"), &format!("{memory}/outbox"));
    fs::write(agent.config(), &moved).expect("our own file");
    let told = examined(&agent, 74);
    assert!(states(&told, "disk").starts_with("fail H041"), "{told}");
    let wrong = moved.replace("mappings = [\"platform/\"]", "mappings = [\"no-such/\"]");
    assert_ne!(moved, wrong);
    fs::write(agent.config(), wrong).expect("our own file");
    assert_eq!(states(&examined(&agent, 78), "sets"), "fail A011");
}

/// A disk with no room left, and one that takes no writes: both real.
#[test]
fn a_full_and_a_read_only_disk_are_told() {
    let mount = Mount::new("size=2m");
    let agent = Agent::prepare(Setup::files());
    let text = fs::read_to_string(agent.config()).expect("the configuration");
    let home = agent.beside("outbox").display().to_string();
    let moved = text.replace(&home, &mount.path().join("outbox").display().to_string());
    fs::write(agent.config(), moved + "\n").expect("our own file");
    fs::write(mount.path().join("filler"), vec![0; 2 << 20]).expect("as much as fits");
    let told = examined(&agent, 74);
    assert_eq!(states(&told, "disk"), "fail H041, fail H042, fail O107", "{told}");
    mount.remount("ro");
    let told = examined(&agent, 74);
    assert!(states(&told, "disk").contains("fail H042"), "{told}");
}

#[test]
fn the_way_to_the_platform_is_told_step_by_step() {
    let broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    broker.declare_classic("old");
    broker.ctl(&["add_user", "his", "right"]);
    broker.ctl(&["add_vhost", "other"]);
    broker.ctl(&["set_permissions", "his", ".*", ".*", ".*"]);
    let url = |password: &str| broker.url_of("his", password, broker.port());
    let with = |url: &str, forward: &str| {
        let agent = Agent::prepare(Setup { forward: forward.to_owned(), ..Setup::amqp(url) });
        let (ran, told) = asked(&agent);
        (ran.code, states(&told, "broker"))
    };
    let quorum = "expect_queue = \"platform\"";
    let well = (Some(0), "ok, ok, ok, ok, ok, ok".to_owned());
    assert_eq!(with(&url("right"), quorum), well);
    let closed = url("right").replace(&broker.port().to_string(), &tests::free_port().to_string());
    check(with(&closed, quorum), 69, "fail F101");
    check(with(&url("wrong"), quorum), 69, "ok, fail F102");
    check(with(&url("right").replace("%2f", "none"), quorum), 69, "ok, ok, fail F102");
    check(with(&url("right").replace("%2f", "other"), quorum), 69, "ok, ok, fail F102");
    let missing = "exchange = \"missing\"\nexpect_queue = \"platform\"";
    check(with(&url("right"), missing), 69, "ok, ok, ok, fail F109");
    check(with(&url("right"), "expect_queue = \"old\""), 0, "ok, ok, ok, ok, ok, warn F113");
    check(with(&url("right"), ""), 0, "ok, ok, ok, ok, ok, warn F115");
    // One address of two is enough to send.
    let second = format!("{quorum}\nurls = [\"amqp://127.0.0.1:{}/%2f\"]", tests::free_port());
    check(with(&url("right"), &second), 0, "ok, ok, ok, ok, ok, ok, warn F101");
    broker.ctl(&["set_permissions", "his", ".*", "^$", ".*"]);
    // No right to write, and so none to look at a queue as another kind is declared.
    let (code, told) = with(&url("right"), quorum);
    assert_eq!(code, Some(69), "{told}");
    assert!(told.starts_with("ok, ok, ok, ok, fail F110"), "{told}");
    assert_eq!(broker.queue_len("platform"), 0, "nothing was ever sent");
}

#[test]
fn an_expired_and_a_strange_certificate_are_told() {
    let made = Certificates::new();
    made.sign("server", "mq.test", 3_600);
    made.sign("agent", "hospital", 1);
    let path = |name| made.path(name).display().to_string();
    let config = format!(
        "listeners.ssl.1 = 127.0.0.1:{{tls}}\nssl_options.cacertfile = {}\n\
         ssl_options.certfile = {}\nssl_options.keyfile = {}\n",
        path("ca.pem"),
        path("server.pem"),
        path("server.key")
    );
    let broker = RabbitMq::start_with(&config, &[]);
    broker.declare_topology("his.records", "platform");
    let url = format!("amqps://guest:guest@127.0.0.1:{}/%2f", broker.tls_port());
    let with = |more: String| {
        let forward = format!("server_name = \"mq.test\"\nexpect_queue = \"platform\"\n{more}");
        let agent = Agent::prepare(Setup { forward, ..Setup::amqp(&url) });
        let (ran, told) = asked(&agent);
        format!("{:?} {} | {}", ran.code, states(&told, "broker"), states(&told, "certificates"))
    };
    let ca = format!("ca_file = \"{}\"", path("ca.pem"));
    // It holds for an hour: that is told as soon over, here and by the file of the CA.
    assert_eq!(with(ca.clone()), "Some(0) ok, ok, warn F114, ok, ok, ok, ok, ok | warn H113");
    assert_eq!(with(String::new()), "Some(69) ok, fail F111 | ok");
    let ours = format!(
        "{ca}\ncert_file = \"{}\"\nkey_file = \"{}\"",
        path("agent.pem"),
        path("agent.key")
    );
    std::thread::sleep(Duration::from_secs(2));
    assert!(with(ours).ends_with("| fail H111, warn H113"));
}

/// A file system in memory, of this size, gone with the value.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(options: &str) -> Mount {
        let folder = tempfile::tempdir().expect("a folder");
        mount(&["-t", "tmpfs", "-o", options, "tmpfs"], folder.path());
        Mount(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}")], self.path());
    }
}

fn mount(arguments: &[&str], at: &Path) {
    let status = std::process::Command::new("mount").args(arguments).arg(at).status();
    assert!(status.expect("mount is there").success(), "mount {arguments:?}");
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg(self.path()).status());
    }
}

#[track_caller]
fn check((code, told): (Option<i32>, String), expected_code: i32, expected: &str) {
    assert_eq!((code, told.as_str()), (Some(expected_code), expected));
}

#[track_caller]
fn examined(agent: &Agent, code: i32) -> Value {
    let (ran, told) = asked(agent);
    assert_eq!(ran.code, Some(code), "{}\n{}", ran.stdout, ran.stderr);
    told
}

/// What the doctor says, once it does not say that the disk or itself is too slow: others keep the machine busy
/// while tests run.
#[track_caller]
fn asked(agent: &Agent) -> (Ran, Value) {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let ran = agent.ask(&["doctor", "--json"]);
        let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        let is_slow = ["\"H043\"", "\"H001\"", "\"H034\""].iter().any(|it| ran.stdout.contains(it));
        if !is_slow || Instant::now() > deadline {
            return (ran, told);
        }
    }
}

/// What a group has told: its states and codes, in order.
fn states(report: &Value, key: &str) -> String {
    let groups = report["groups"].as_array().into_iter().flatten();
    let lines = groups.filter(|it| it["key"] == key).filter_map(|it| it["lines"].as_array());
    let told = lines.flatten().map(|it| {
        let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("state"), text("code")).trim().to_owned()
    });
    told.collect::<Vec<_>>().join(", ")
}
