//! The packages: what is in them, what they leave on a clean machine, and that a damaged one is refused.
//!
//! They are made of the binary that was built with the tests. The long form looks at the shipped ones,
//! which `make package` has left in the target folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tests::cases::Case;
use tests::chance::is_long;
use tests::clean_root::{CleanRoot, ran};
use tests::command::{Ran, binary};
use tests::process::wait_until;
use tests::{free_port, his};

mod deb;
mod elf;
mod restore;
mod rpm;
mod seal;
mod tarball;
mod walk;

/// Two versions of the packages, made once for all tests.
struct Packages {
    folder: TempDir,
}

const OLD: &str = "0.9.0";
const NEW: &str = "0.9.1";

impl Packages {
    fn made() -> &'static Packages {
        static MADE: OnceLock<Packages> = OnceLock::new();
        MADE.get_or_init(|| {
            let made = Packages { folder: tempfile::tempdir().expect("room for packages") };
            for version in [OLD, NEW] {
                made.make(version, &made.folder.path().join(version));
            }
            made
        })
    }

    fn make(&self, version: &str, out: &Path) {
        let key = self.signing_key();
        let told = ran(Command::new(checkout().join("packaging/package.sh"))
            .args(["--version", version, "--binary"])
            .arg(binary())
            .arg("--out")
            .arg(out)
            .env("HIS_AGENT_SIGNING_KEY", key));
        assert_eq!(told.code, Some(0), "{}{}", told.stdout, told.stderr);
    }

    /// A throw-away key; its public half lies beside it.
    fn signing_key(&self) -> PathBuf {
        let key = self.folder.path().join("signing.key");
        if !key.exists() {
            new_key(&key);
        }
        key
    }

    fn deb(&self, version: &str) -> PathBuf {
        self.one(version, &format!("his-agent_{version}_amd64.deb"))
    }

    fn rpm(&self, version: &str) -> PathBuf {
        self.one(version, &format!("his-agent-{version}-1.x86_64.rpm"))
    }

    fn tar(&self, version: &str) -> PathBuf {
        self.one(version, &format!("his-agent-{version}-linux-x86_64.tar.gz"))
    }

    fn one(&self, version: &str, name: &str) -> PathBuf {
        self.folder.path().join(version).join(name)
    }
}

#[test]
fn all_three_hold_the_same_files() {
    let made = Packages::made();
    let deb = files_of_tar(
        &output(Command::new("dpkg-deb").arg("--fsys-tarfile").arg(made.deb(OLD))),
        ".",
    );
    let unpacked = output(Command::new("gzip").arg("-dc").arg(made.tar(OLD)));
    let tar = files_of_tar(&unpacked, &format!("his-agent-{OLD}-linux-x86_64/files"));
    let rpm = ran(Command::new("rpm").args(["-qlp", "--nosignature"]).arg(made.rpm(OLD)));
    let rpm: BTreeSet<String> = rpm.stdout.lines().map(str::to_owned).collect();

    let of_zsh = |it: &&String| !it.contains("/zsh/");
    assert_eq!(
        deb.iter().filter(of_zsh).collect::<Vec<_>>(),
        tar.iter().filter(of_zsh).collect::<Vec<_>>()
    );
    let missing: Vec<_> = deb.iter().filter(of_zsh).filter(|it| !rpm.contains(*it)).collect();
    assert!(missing.is_empty(), "not in the rpm: {missing:?}");
    for wanted in WANTED {
        assert!(deb.contains(*wanted), "{wanted} is not in the packages");
    }
}

#[test]
fn two_runs_make_the_same_files() {
    let made = Packages::made();
    let again = tempfile::tempdir().expect("room for packages");
    made.make(OLD, again.path());
    for file in [made.deb(OLD), made.rpm(OLD), made.tar(OLD)] {
        let other = again.path().join(file.file_name().expect("a file"));
        assert!(fs::read(&file).ok() == fs::read(&other).ok(), "{} differs", file.display());
    }
}

/// Without a network, a link that leads out of the package leads nowhere.
#[test]
fn the_manual_leads_to_nothing_that_is_not_there() {
    let folder = tempfile::tempdir().expect("room for a package");
    let mut unpack = Command::new("dpkg-deb");
    succeeded(&ran(unpack.arg("-x").arg(Packages::made().deb(OLD)).arg(folder.path())));
    let manual = folder.path().join("usr/share/doc/his-agent/docs");
    let (mut followed, mut broken) = (0, Vec::new());
    let folders =
        [manual.clone(), manual.join("cookbook")].map(|it| fs::read_dir(it).expect("pages"));
    let pages = folders.into_iter().flatten().map(|it| it.expect("a readable folder").path());
    for page in pages.filter(|it| it.is_file()) {
        let text = fs::read_to_string(&page).expect("a page is text");
        for link in text.split("](").skip(1).filter_map(|it| it.split([')', '#']).next()) {
            if link.is_empty() || link.starts_with("http") {
                continue;
            }
            let to = match link.strip_prefix('/') {
                Some(absolute) => folder.path().join(absolute),
                None => page.with_file_name(link),
            };
            followed += 1;
            if !to.exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty() && followed > 30, "{broken:#?}, {followed} followed");
}

/// What a hospital looks for after the installation.
const WANTED: &[&str] = &[
    "/usr/bin/his-agent",
    "/usr/lib/systemd/system/his-agent.service",
    "/usr/lib/sysusers.d/his-agent.conf",
    "/usr/lib/tmpfiles.d/his-agent.conf",
    "/etc/his-agent/agent.toml",
    "/usr/share/man/man8/his-agent.8.gz",
    "/usr/share/man/man8/his-agent-keys-make.8.gz",
    "/usr/share/man/man5/his-agent.toml.5.gz",
    "/usr/share/bash-completion/completions/his-agent",
    "/usr/share/fish/vendor_completions.d/his-agent.fish",
    "/usr/share/doc/his-agent/docs/install.md",
    "/usr/share/doc/his-agent/docs/cookbook/json.md",
    "/usr/share/doc/his-agent/packaging/prometheus/alerts.yml",
    "/usr/share/doc/his-agent/packaging/grafana/his-agent.json",
    "/usr/share/doc/his-agent/copyright",
    "/usr/share/doc/his-agent/THIRD-PARTY.txt",
    "/usr/share/doc/his-agent/sbom.cdx.json",
    "/usr/share/his-agent/schemas/entities.csv",
    "/usr/share/his-agent/mappings/pinyin/outpatient-prescription.toml",
    "/usr/share/his-agent/rules/packs/starter/pack.toml",
];

/// What is to lie on a machine, as `USER:GROUP MODE PATH`.
const OWNERS: &[(&str, &str)] = &[
    ("/usr/bin/his-agent", "root:root 755"),
    ("/usr/lib/systemd/system/his-agent.service", "root:root 644"),
    ("/etc/his-agent", "root:his-agent 750"),
    ("/etc/his-agent/agent.toml", "root:his-agent 640"),
    ("/etc/his-agent/secrets", "root:his-agent 750"),
    ("/etc/his-agent/secrets/master.key", "root:his-agent 640"),
    ("/var/lib/his-agent", "his-agent:his-agent 700"),
    ("/var/log/his-agent", "his-agent:his-agent 750"),
];

/// Owners and modes after an installation, and a configuration that the installed program takes.
#[track_caller]
fn check_installed(root: &CleanRoot) {
    for (path, expected) in OWNERS {
        assert_eq!(root.owner_and_mode(path), *expected, "{path}");
    }
    let told = root.run(&["runuser", "-u", "his-agent", "--", "his-agent", "validate"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let account = root.read("/etc/passwd");
    let account = account.lines().find(|it| it.starts_with("his-agent:")).expect("a user");
    assert!(account.ends_with(":/var/lib/his-agent:/usr/sbin/nologin"), "{account}");
}

/// Starts what is installed, by its own configuration but for the ports, and sends it a message.
#[track_caller]
fn check_first_message(root: &CleanRoot) {
    let [his, operators] = [free_port(), free_port()];
    let shipped = root.read(CONFIG);
    let text = shipped.replace("# his = \"127.0.0.1:8700\"", &format!("his = \"127.0.0.1:{his}\""));
    let operators = format!("operators = \"127.0.0.1:{operators}\"");
    let text = text.replace("# operators = \"127.0.0.1:8701\"", &operators);
    assert_ne!(text, shipped, "the ports of a test");
    root.write(CONFIG, &text);

    let mut daemon = root.start("his-agent:his-agent", &["/usr/bin/his-agent", "run"]);
    let door = (std::net::Ipv4Addr::LOCALHOST, his).into();
    let message = Case::of("pinyin").message();
    let mut answer = None;
    let answered = wait_until(Duration::from_secs(30), || {
        answer = his::send(door, &message).ok();
        answer.is_some() || daemon.has_ended()
    });
    let log = root.read("/daemon.log");
    assert!(answered && !daemon.has_ended(), "{log}");
    assert_eq!(answer.expect("asserted above").status, 200, "{log}");
    assert!(!log.contains("O123"), "the key lies where nobody else may read it: {log}");
    drop(daemon);
    thread::sleep(Duration::from_millis(50));
    let store = root.owner_and_mode("/var/lib/his-agent/outbox");
    assert!(store.starts_with("his-agent:his-agent "), "{store}");
}

/// Puts another name into the configuration, as a hospital would, and gives the whole text.
fn edit_config(root: &CleanRoot) -> String {
    let edited = root.read(CONFIG).replace("示例市人民医院", "第二人民医院");
    root.write(CONFIG, &edited);
    edited
}

#[track_caller]
fn succeeded(told: &Ran) {
    assert_eq!(told.code, Some(0), "{}{}", told.stdout, told.stderr);
}

const CONFIG: &str = "/etc/his-agent/agent.toml";
const KEY: &str = "/etc/his-agent/secrets/master.key";

fn new_key(key: &Path) {
    let mut made = Command::new("openssl");
    made.args(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out"]).arg(key);
    succeeded(&ran(&mut made));
    let mut public = Command::new("openssl");
    public.args(["ec", "-pubout", "-in"]).arg(key).arg("-out").arg(key.with_extension("pem"));
    succeeded(&ran(&mut public));
}

/// Paths of files and of empty folders' parents, without what stands before the root.
fn files_of_tar(tar: &[u8], before: &str) -> BTreeSet<String> {
    let file = tempfile::NamedTempFile::new().expect("room for a file");
    fs::write(file.path(), tar).expect("room for a file");
    let told = ran(Command::new("tar").arg("-tf").arg(file.path()));
    let paths = told.stdout.lines().filter(|it| !it.ends_with('/'));
    paths.filter_map(|it| it.strip_prefix(before)).map(str::to_owned).collect()
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("the program is there");
    assert!(output.status.success(), "{command:?} failed");
    output.stdout
}

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests folder lies in the root")
}

#[track_caller]
fn check_kept(root: &CleanRoot, gone: &[&str], kept: &[&str]) {
    for path in gone {
        assert_eq!(root.owner_and_mode(path), "absent", "{path}");
    }
    for path in kept {
        assert_ne!(root.owner_and_mode(path), "absent", "{path}");
    }
}
