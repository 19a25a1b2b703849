//! `his-agent init`: from nothing to a configuration that takes the hospital's own message, and no trace of
//! a try that came to nothing.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tests::cases::mappings;
use tests::command::{Ran, binary, in_a_terminal, run};
use tests::free_port;

/// All is well but for a disk that other tests keep busy, which the checks of the machine tell.
fn is_well(code: Option<i32>, told: &str) -> bool {
    let mut failed = told.lines().map(str::trim_start).filter(|it| it.starts_with("fail  "));
    match code {
        Some(0) => true,
        Some(69) => failed.next().is_some_and(is_of_the_disk) && failed.all(is_of_the_disk),
        _ => false,
    }
}

fn is_of_the_disk(failed: &str) -> bool {
    failed.starts_with("fail  H043")
}

#[test]
fn flags_and_a_message_make_a_configuration_that_takes_it() {
    let home = TempDir::new().expect("a folder");
    let sample = mappings().join("cdss/cases/two-diagnoses-three-drugs.in.json");
    let at = format!("127.0.0.1:{}", free_port());
    let flags = ["--sample", text(&sample), "--channel", "rx", "--listen", &at];
    let ran = init(home.path(), &flags);
    let told = format!("{}\n{}", ran.stdout, ran.stderr);
    assert!(is_well(ran.code, &ran.stdout), "{told}");
    for expected in [
        "样例报文是 cdss 的样子",
        "收下了：",
        "outpatient_prescription",
        &format!("http://{at}/v1/channels/rx/messages"),
        "his-agent token create",
        "Delphi",
    ] {
        assert!(ran.stdout.contains(expected), "{expected}: {told}");
    }
    let config = fs::read_to_string(home.path().join("etc/agent.toml")).expect("it was written");
    assert!(
        config.contains("\nname = \"示例医院\"") && config.contains("\nmappings = [\"cdss/\"]")
    );
    assert!(config.contains("# waiting_max = "), "every key is explained: {config}");
    let key = home.path().join("etc/secrets/master.key");
    let mode = fs::metadata(&key).expect("it was made").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(!home.path().join("data").exists(), "the trial left nothing");
    let ran = run(&["validate", "--config", text(&home.path().join("etc/agent.toml"))]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    // A second time nothing is touched.
    let ran = init(home.path(), &[]);
    assert_eq!(ran.code, Some(78), "{}", ran.stdout);
    let again = fs::read_to_string(home.path().join("etc/agent.toml")).expect("it is there");
    assert_eq!(again, config);
}

/// As somebody does it who sits at a terminal, with a console of GBK, and hits the enter key at first.
#[test]
fn somebody_at_a_terminal_is_asked_until_a_message_is_taken() {
    let home = TempDir::new().expect("a folder");
    let (config, data) = (home.path().join("etc/agent.toml"), home.path().join("data"));
    let sample = mappings().join("cdss/cases/two-diagnoses-three-drugs.in.json");
    let [his, operators] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
    let line = format!(
        "{} init --config {} --data {} --operators {operators}",
        binary().display(),
        config.display(),
        data.display()
    );
    let name = b"\xca\xbe\xc0\xfd\xd2\xbd\xd4\xba";
    let answers: [&[u8]; 10] = [
        b"",
        b"H99999900001",
        name,
        b"",
        b"",
        b"/no/such/file",
        text(&sample).as_bytes(),
        b"",
        b"nowhere",
        his.as_bytes(),
    ];
    let mut terminal = in_a_terminal(&line);
    let mut keys = terminal.stdin.take().expect("piped");
    for answer in answers {
        keys.write_all(&[answer, b"\n"].concat()).expect("the terminal takes it");
    }
    let ran = terminal.wait_with_output().expect("it ends");
    // The terminal shows what was typed, in its own charset.
    let lines = ran.stdout.split(|it| *it == b'\n').filter_map(|it| str::from_utf8(it).ok());
    let told = lines.collect::<Vec<_>>().join("\n");
    assert!(is_well(ran.status.code(), &told), "{told}");
    for expected in ["这一项必须写", "/no/such/file：", "要写成 地址:端口", "收下了：", "Delphi"]
    {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let config = fs::read_to_string(config).expect("it was written");
    assert!(
        config.contains("\nname = \"示例医院\"") && config.contains(&format!("his = \"{his}\""))
    );
}

/// A package brings a configuration: it gives way as long as nobody has changed it.
#[test]
fn the_shipped_file_is_moved_aside_and_a_changed_one_stays() {
    let repository = mappings().parent().expect("the repository").to_owned();
    let shipped = fs::read_to_string(repository.join("config/agent.toml")).expect("it is shipped");
    let key = "key = \"credential:master.key\"\n";
    let packaged = shipped.replace(&format!("\n# {key}"), &format!("\n{key}"));
    assert_ne!(packaged, shipped);
    for (before, exit) in [(&shipped, 0), (&packaged, 0), (&format!("{shipped}\n# mine\n"), 78)] {
        let home = TempDir::new().expect("a folder");
        let file = home.path().join("etc/agent.toml");
        fs::create_dir(home.path().join("etc")).expect("a folder");
        fs::write(&file, before).expect("it can be written");
        let ran = init(home.path(), &[]);
        let is_as_wanted =
            if exit == 0 { is_well(ran.code, &ran.stdout) } else { ran.code == Some(exit) };
        assert!(is_as_wanted, "{}\n{}", ran.stdout, ran.stderr);
        let aside = fs::read_to_string(home.path().join("etc/agent.toml.shipped")).ok();
        assert_eq!(aside.as_ref(), (exit == 0).then_some(before));
        let now = fs::read_to_string(&file).expect("it is there");
        assert_eq!(now == *before, exit != 0);
    }
}

#[test]
fn a_try_that_comes_to_nothing_leaves_nothing() {
    let home = TempDir::new().expect("a folder");
    let ran = init(home.path(), &["--broker", "amqps://his:s3cret:x@/%2f", "--profile", "no-such"]);
    assert_eq!(ran.code, Some(78), "{}\n{}", ran.stdout, ran.stderr);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("s3cret"), "{}", ran.stderr);
    assert_eq!(files(home.path()), Vec::<PathBuf>::new());
    let ran = init(home.path(), &["--listen", "0.0.0.0:18799"]);
    assert!(ran.code == Some(78) && ran.stderr.contains("A007"), "{}", ran.stderr);
    assert_eq!(files(home.path()), Vec::<PathBuf>::new());
    let bare =
        ["init", "--yes", "--config", text(&home.path().join("agent.toml"))].map(String::from);
    let ran = run(&bare);
    assert!(ran.code == Some(64) && ran.stderr.contains("--code"), "{}", ran.stderr);
}

/// What is tried is a message of the hospital's: the folder it was tried in goes, however soon the try ends.
#[test]
fn the_folder_of_the_trial_is_gone_each_time() {
    let temporary = TempDir::new().expect("a folder");
    for _ in 0..8 {
        let home = TempDir::new().expect("a folder");
        let arguments = arguments(home.path(), &[]);
        let ran = Command::new(binary()).args(&arguments).env("TMPDIR", temporary.path()).output();
        let ran = ran.expect("it was built");
        let told = str::from_utf8(&ran.stdout).expect("the commands speak UTF-8");
        assert!(is_well(ran.status.code(), told), "{told}{}", ran.stderr.escape_ascii());
        let left: Vec<_> = fs::read_dir(temporary.path()).expect("a folder").collect();
        assert!(left.is_empty(), "{left:?}: {}", ran.stderr.escape_ascii());
    }
}

#[test]
fn the_password_stands_in_a_file_of_its_own_and_a_broker_that_is_away_is_told() {
    let home = TempDir::new().expect("a folder");
    let url = "amqp://his:s3cret@127.0.0.1:1/%2f";
    let ran = init(home.path(), &["--broker", url, "--queue", "platform"]);
    assert_eq!(ran.code, Some(69), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("fail  F101 TCP 127.0.0.1:1"), "{}", ran.stdout);
    assert!(ran.stdout.contains("收下了："), "a message is taken all the same: {}", ran.stdout);
    let config = fs::read_to_string(home.path().join("etc/agent.toml")).expect("it was written");
    assert!(!config.contains("s3cret") && config.contains("\nexpect_queue = \"platform\""));
    let secret = home.path().join("etc/secrets/amqp-url");
    assert_eq!(fs::read_to_string(&secret).expect("it was written"), format!("{url}\n"));
    let mode = fs::metadata(&secret).expect("it was written").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

fn init(home: &Path, more: &[&str]) -> Ran {
    run(&arguments(home, more))
}

fn arguments(home: &Path, more: &[&str]) -> Vec<String> {
    let (config, data) = (home.join("etc/agent.toml"), home.join("data"));
    let mut all = vec!["init", "--yes", "--code", "H99999900001", "--name", "示例医院"];
    all.extend(["--config", text(&config), "--data", text(&data)]);
    let [operators, his] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
    all.extend(["--operators", &operators]);
    if !more.contains(&"--listen") {
        all.extend(["--listen", &his]);
    }
    all.extend(more);
    all.into_iter().map(str::to_owned).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
