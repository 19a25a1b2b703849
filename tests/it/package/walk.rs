//! The manual, followed from its first page by somebody who knows nothing else: a clean machine without a
//! network, the package, and then what the page says, line by line, to the first accepted message.

use std::process::Command;

use tests::clean_root::{CleanRoot, ran};
use tests::command::Ran;

use super::{OLD, Packages, checkout, succeeded};

#[test]
fn the_manual_leads_from_the_package_to_the_first_accepted_message() {
    let root = CleanRoot::new();
    let deb = root.bring(&Packages::made().deb(OLD));
    succeeded(&root.run(&["dpkg", "-i", &deb]));
    std::fs::create_dir_all(root.path("/media/usb")).expect("the stick that the page speaks of");
    let told = alone(&root, &script());
    let said = format!("{}\n{}\n{}", told.stdout, told.stderr, root.read("/daemon.log"));
    assert_eq!(told.code, Some(0), "{said}");
    assert!(told.stdout.contains("收下了：6 条标准记录"), "{said}");
    assert_eq!(told.stdout.matches("<status>accepted</status>").count(), 6, "{said}");
    // It may have been written to its file by then.
    let is_listed = |it: &&str| it.contains("\taccepted\t") || it.contains("\tconfirmed\t");
    let listed = told.stdout.lines().filter(is_listed).count();
    assert_eq!(listed, 1, "his-agent messages list: {said}");
    assert_ne!(root.owner_and_mode("/media/usb/master.key"), "absent");
}

/// Follows a script on a machine that has its own loopback and nothing else, so the page's ports are free.
pub(super) fn alone(root: &CleanRoot, script: &str) -> Ran {
    root.write("/walk.sh", script);
    ran(Command::new("unshare")
        .args(["--net", "--", "/bin/sh", "-c", ALONE])
        .arg(root.path("/"))
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"))
}

/// What a section of a page has people type.
pub(super) fn typed(page: &str, section: &str) -> Vec<String> {
    let blocks = blocks(page, section, "sh");
    blocks.iter().flat_map(|it| it.lines()).map(str::to_owned).collect()
}

/// The pieces of a section in a language.
pub(super) fn blocks(page: &str, section: &str, language: &str) -> Vec<String> {
    let page = std::fs::read_to_string(checkout().join("docs").join(page)).expect("the page");
    let (_, section) = page.split_once(&format!("\n## {section}\n")).expect("its section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let fence = format!("```{language}\n");
    let pieces = section.split(&fence).skip(1);
    pieces.filter_map(|it| it.split("```").next()).map(str::to_owned).collect()
}

/// The lines of the page, each of which must succeed.
fn script() -> String {
    let lines = typed("install.md", "从装好到收下第一份");
    // The smallest Debian has no curl; the page says how to do without.
    let lines = lines.iter().filter(|it| !it.starts_with("curl "));
    let mut script = "set -eu\n".to_owned();
    let mut typed = 0;
    for line in lines {
        typed += 1;
        script += if line == "systemctl enable --now his-agent" { STARTED } else { line };
        script += or_a_busy_disk(line);
        script += "\n";
    }
    assert_eq!(typed, 6, "{script}");
    script + "kill %1\n"
}

/// Other tests may keep the disk so busy that a check of the machine says so.
fn or_a_busy_disk(line: &str) -> &'static str {
    match line {
        "his-agent doctor" => " || [ $? -eq 74 ]",
        _ if line.starts_with("his-agent init") => " || [ $? -eq 69 ]",
        _ => "",
    }
}

/// What systemd does at this line; there is none in the clean root.
pub(super) const STARTED: &str = "\
unit=/usr/lib/systemd/system/his-agent.service
CREDENTIALS_DIRECTORY=/etc/his-agent/secrets runuser -u his-agent -- $(sed -n 's/^ExecStart=//p' $unit) 2>/daemon.log &
for _ in $(seq 300); do (exec 3<>/dev/tcp/127.0.0.1/8700) 2>/dev/null && break; sleep 0.1; done";

/// Brings the loopback up and becomes the clean machine.
const ALONE: &str = "\
python3 -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack(\"16sh14x\", b\"lo\", 0x49))' && exec chroot \"$0\" /bin/bash /walk.sh";
