//! The page about backups, followed line by line: on one machine up to the backup, and on a new one, to which the
//! same package was brought, up to the running service with what had waited on the old one.

use std::process::Command;

use tests::clean_root::{CleanRoot, ran};

use super::walk::{STARTED, alone, blocks, typed};
use super::*;

#[test]
fn a_new_machine_goes_on_where_the_old_one_ended() {
    let old = installed();
    succeeded(&alone(&old, &format!("{INIT} || [ $? -eq 69 ]")));
    let [piece] = &blocks("backup.md", "备份", "toml")[..] else { panic!("one piece") };
    let config = old.read(CONFIG).replacen("\n[backup]\n", &format!("\n{piece}"), 1);
    assert!(config.contains("\nat = \"02:00\""), "{config}");
    old.write(CONFIG, &config);
    let made = followed(&old, "备份", 9);
    assert!(made.contains("<status>accepted</status>"), "{made}");
    assert_eq!(made.matches("备份好，读回来核对过").count(), 2, "{made}");
    assert!(made.contains("完好：全部解开"), "{made}");
    assert_eq!(old.owner_and_mode(BACKUP_KEY), "root:his-agent 640");
    assert_eq!(old.owner_and_mode(BROKER), "his-agent:his-agent 600");

    // By the key for backups, and by the store's own; neither machine knows anything of the other.
    for (backups, key) in [("/mnt/backup/his-agent", BACKUP_KEY), ("/data/usb", KEY)] {
        let new = installed();
        assert_ne!(new.read(KEY), old.read(KEY), "the package made another one");
        carry(&old, backups, &new, "/mnt/backup/his-agent");
        new.write("/media/usb/backup.key", &old.read(key));
        let told = followed(&new, "恢复", 3);
        assert!(told.contains("等待送出 6 条"), "{told}");
        assert!(told.contains("\n等待送出\t6 条"), "{told}");
        assert_eq!(new.read(KEY), old.read(KEY), "{told}");
        assert_eq!(new.read(BROKER), old.read(BROKER));
        assert_eq!(new.read(CONFIG), config);
        for (path, expected) in [
            (KEY, "root:his-agent 640"),
            (BROKER, "root:his-agent 640"),
            (BACKUP_KEY, "root:his-agent 640"),
            (CONFIG, "root:his-agent 640"),
            ("/var/lib/his-agent/outbox", "his-agent:his-agent 700"),
        ] {
            assert_eq!(new.owner_and_mode(path), expected, "{path}");
        }
        assert!(told.contains("master.key.before-restore"), "what lay there is named: {told}");
    }
}

/// A key that only root can read keeps the service from starting; root's own `validate` says so.
#[test]
fn what_the_service_cannot_read_is_told_to_root() {
    let root = installed();
    succeeded(&root.run(&["his-agent", "validate"]));
    succeeded(&root.run(&["his-agent", "keys", "make", "/root/backup.key"]));
    let text = root.read(CONFIG);
    let named = text.replacen("\n[backup]\n", "\n[backup]\nkey = \"file:/root/backup.key\"\n", 1);
    root.write(CONFIG, &named);
    let told = root.run(&["his-agent", "validate"]);
    assert!(told.code == Some(77) && told.stderr.contains("H055"), "{told:?}");
    let told = root.run(&["his-agent", "doctor"]);
    assert!(told.code == Some(77) && told.stdout.contains("fail  H055"), "{told:?}");
}

/// Another agent's key is not moved aside for a drill.
#[test]
fn a_key_that_opens_a_store_stays() {
    let root = installed();
    check_first_message(&root);
    let made = root.run(&["his-agent", "backup", "create", "--to", "/media/usb"]);
    succeeded(&made);
    let other = installed();
    check_first_message(&other);
    carry(&root, "/media/usb", &other, "/media/usb");
    other.write("/root/old.key", &root.read(KEY));
    let drill = other
        .read(CONFIG)
        .replace("# dir = \"/var/lib/his-agent/outbox\"", "dir = \"/srv/drill/outbox\"");
    assert_ne!(drill, other.read(CONFIG), "the place of the store");
    other.write("/root/drill.toml", &drill);
    let before = other.read(KEY);
    let told = other.run(&[
        "sh",
        "-c",
        "his-agent backup restore /media/usb/* --key /root/old.key --keep-config --config /root/drill.toml",
    ]);
    assert!(told.code == Some(78) && told.stderr.contains("B113"), "{told:?}");
    assert_eq!(other.read(KEY), before);
    assert_eq!(other.owner_and_mode("/srv/drill"), "absent", "nothing was touched");
}

fn installed() -> CleanRoot {
    let root = CleanRoot::new();
    let deb = root.bring(&Packages::made().deb(OLD));
    succeeded(&root.run(&["dpkg", "-i", &deb]));
    fs::create_dir_all(root.path("/media/usb")).expect("the stick that the page speaks of");
    let disk = ["install", "-d", "-o", "his-agent", "-g", "his-agent", "-m", "700", "/data/usb"];
    succeeded(&root.run(&disk));
    root
}

/// Types what a section says; what it printed, for it succeeded.
#[track_caller]
fn followed(root: &CleanRoot, section: &str, lines: usize) -> String {
    let mut script = "set -eu\ntrap 'kill %1' EXIT\n".to_owned();
    let typed = typed("backup.md", section);
    assert_eq!(typed.len(), lines, "{typed:?}");
    for line in typed {
        let line = line.strip_prefix("sudo ").unwrap_or(&line);
        let line = line.replace("20261122T020000", "$(ls /mnt/backup/his-agent)");
        let typed: &[&str] = match line.as_str() {
            "systemctl restart his-agent" => &[STARTED, SENT],
            "systemctl start his-agent" => &[STARTED, "his-agent outbox status"],
            line => &[line],
        };
        for line in typed {
            script += line;
            script += "\n";
        }
    }
    let told = alone(root, &script);
    let said = format!("{}\n{}\n{}", told.stdout, told.stderr, root.read("/daemon.log"));
    assert_eq!(told.code, Some(0), "{script}\n{said}");
    said
}

#[track_caller]
fn carry(from: &CleanRoot, backups: &str, to: &CleanRoot, place: &str) {
    fs::create_dir_all(to.path(place)).expect("a folder of ours");
    let copied =
        ran(Command::new("cp").arg("-a").arg(from.path(backups).join(".")).arg(to.path(place)));
    succeeded(&copied);
}

/// The broker is away: what is taken waits.
const INIT: &str = "his-agent init --yes --code H99999900001 --name 示例市人民医院 \
    --broker amqp://his:s3cret@127.0.0.1:1/%2f --sample /usr/share/his-agent/mappings/pinyin/cases/two-diagnoses-three-drugs.in.xml";
/// As the page about the installation sends where there is no curl.
const SENT: &str = "\
f=/usr/share/his-agent/mappings/pinyin/cases/two-diagnoses-three-drugs.in.xml
exec 3<>/dev/tcp/127.0.0.1/8700
printf 'POST /v1/channels/his/messages HTTP/1.0\\r\\nContent-Length: %s\\r\\n\\r\\n' \"$(wc -c <$f)\" >&3; cat $f >&3; cat <&3";
const BACKUP_KEY: &str = "/etc/his-agent/secrets/backup.key";
const BROKER: &str = "/etc/his-agent/secrets/amqp-url";
