//! The rpm: read by `rpm` for what it holds, and installed, upgraded and erased below a clean root.

use super::*;

#[test]
fn an_rpm_leaves_what_it_should_and_keeps_what_is_not_its_own() {
    let (made, root) = (Packages::made(), CleanRoot::new());
    let rpm = |arguments: &[&str], file: Option<&Path>| {
        let mut command = Command::new("rpm");
        command.arg("--root").arg(root.path("/")).args(["--dbpath", "/var/lib/rpm"]);
        // Of a Debian, rpm knows no package: what it would ask for is looked at below.
        let told = ran(command.args(arguments).args(file));
        succeeded(&told);
        told.stderr
    };

    let told = rpm(&["--install", "--nodeps", "--nosignature"], Some(&made.rpm(OLD)));
    check_installed(&root);
    assert!(told.contains("还没有启动"), "{told}");
    assert_eq!(root.asked_of_systemd(), ["daemon-reload"], "it starts when it is told to");
    let (edited, key) = (edit_config(&root), root.read(KEY));
    root.write("/var/lib/his-agent/of-a-patient", "kept");

    rpm(&["--upgrade", "--nodeps", "--nosignature"], Some(&made.rpm(NEW)));
    check_installed(&root);
    let asked = root.asked_of_systemd();
    assert!(asked.contains(&"restart his-agent.service".to_owned()), "{asked:?}");
    assert!(!asked.iter().any(|it| it.contains("stop") || it.contains("disable")), "{asked:?}");
    assert_eq!((root.read(CONFIG), root.read(KEY)), (edited.clone(), key.clone()));

    rpm(&["--upgrade", "--oldpackage", "--nodeps", "--nosignature"], Some(&made.rpm(OLD)));
    check_installed(&root);
    assert_eq!((root.read(CONFIG), root.read(KEY)), (edited.clone(), key.clone()));
    root.asked_of_systemd();

    rpm(&["--erase", "his-agent"], None);
    assert_eq!(
        root.asked_of_systemd(),
        ["--no-reload disable --now his-agent.service", "daemon-reload"]
    );
    assert_eq!(root.owner_and_mode("/usr/bin/his-agent"), "absent");
    check_kept(&root, &[CONFIG], &[KEY, "/var/lib/his-agent/of-a-patient"]);
    assert_eq!(root.read(&format!("{CONFIG}.rpmsave")), edited);
}

#[test]
fn an_rpm_says_what_the_rpm_of_centos_7_reads() {
    let made = Packages::made();
    let asked = |query: &[&str]| {
        let told =
            ran(Command::new("rpm").args(["-qp", "--nosignature"]).args(query).arg(made.rpm(OLD)));
        succeeded(&told);
        told.stdout
    };
    assert_eq!(
        asked(&["--queryformat", "%{PAYLOADCOMPRESSOR} %{FILEDIGESTALGO} %{LICENSE}"]),
        "gzip 8 Apache-2.0"
    );
    let needs = asked(&["--requires"]);
    for unknown in [
        "rpmlib(PayloadIsZstd)",
        "rpmlib(RichDependencies)",
        "rpmlib(LargeFiles)",
        "perl",
        "python",
    ] {
        assert!(!needs.contains(unknown), "{unknown} in {needs}");
    }
    assert!(needs.contains("/usr/sbin/useradd") && needs.contains("libc.so.6("), "{needs}");
    let scripts = asked(&["--scripts"]);
    for script in ["preinstall", "postinstall", "preuninstall", "postuninstall"] {
        assert!(scripts.contains(&format!("{script} scriptlet (using /bin/sh)")), "{scripts}");
    }
}
