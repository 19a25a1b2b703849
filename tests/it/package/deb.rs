//! The deb: installed, upgraded, taken back, removed and purged, as `dpkg` does it.

use super::*;

#[test]
fn a_deb_leaves_what_it_should_and_keeps_what_is_not_its_own() {
    let (made, root) = (Packages::made(), CleanRoot::new());
    let [old, new] = [OLD, NEW].map(|version| root.bring(&made.deb(version)));
    let install = |file: &str| {
        let told = root.run(&["dpkg", "--force-confold", "--install", file]);
        succeeded(&told);
        told.stderr
    };

    let told = install(&old);
    check_installed(&root);
    assert!(told.contains("指纹 fingerprint") && told.contains("还没有启动"), "{told}");
    assert_eq!(root.asked_of_systemd(), ["daemon-reload"], "it starts when it is told to");
    let (edited, key) = (edit_config(&root), root.read(KEY));
    root.write("/var/lib/his-agent/of-a-patient", "kept");

    install(&new);
    check_installed(&root);
    assert_eq!(root.asked_of_systemd(), RESTARTED, "stopped no longer than a start takes");
    assert_eq!((root.read(CONFIG), root.read(KEY)), (edited.clone(), key.clone()));

    // A configuration that the other version does not know: the daemon of before goes on.
    root.write(CONFIG, &format!("no_such_key = 1\n{edited}"));
    let told = install(&old);
    assert!(told.contains("no_such_key") && told.contains("旧版本继续运行"), "{told}");
    assert!(!root.asked_of_systemd().iter().any(|it| it.starts_with("restart")));
    root.write(CONFIG, &edited);
    install(&old);
    assert_eq!(root.asked_of_systemd(), RESTARTED);

    succeeded(&root.run(&["dpkg", "--remove", "his-agent"]));
    assert_eq!(
        root.asked_of_systemd(),
        ["--no-reload disable --now his-agent.service", "daemon-reload"]
    );
    assert_eq!(root.owner_and_mode("/usr/bin/his-agent"), "absent");
    assert_eq!((root.read(CONFIG), root.read(KEY)), (edited, key.clone()));

    let told = root.run(&["dpkg", "--purge", "his-agent"]);
    succeeded(&told);
    assert!(told.stderr.contains("/var/lib/his-agent（患者数据）"), "{}", told.stderr);
    check_kept(&root, &[CONFIG, "/var/log/his-agent"], &[KEY, "/var/lib/his-agent/of-a-patient"]);
    assert_eq!(root.read(KEY), key);

    install(&new);
    assert_eq!(root.read(KEY), key, "a key that is there is never made anew");
    root.write("/var/lib/his-agent/delete-on-purge", "");
    succeeded(&root.run(&["dpkg", "--purge", "his-agent"]));
    check_kept(&root, &["/etc/his-agent", "/var/lib/his-agent", "/var/log/his-agent"], &[]);
    assert!(!root.read("/etc/passwd").contains("his-agent"));
}

#[test]
fn a_store_without_its_key_gets_no_other_one() {
    let (made, root) = (Packages::made(), CleanRoot::new());
    fs::create_dir_all(root.path("/var/lib/his-agent/outbox")).expect("a folder of ours");
    let told = root.run(&["dpkg", "--install", &root.bring(&made.deb(OLD))]);
    succeeded(&told);
    assert!(told.stderr.contains("不生成新的主密钥"), "{}", told.stderr);
    assert_eq!(root.owner_and_mode(KEY), "absent");
}

#[test]
fn from_the_package_to_the_first_accepted_message() {
    let (made, root) = (Packages::made(), CleanRoot::new());
    succeeded(&root.run(&["dpkg", "--install", &root.bring(&made.deb(OLD))]));
    check_first_message(&root);
}

const RESTARTED: [&str; 3] =
    ["daemon-reload", "--quiet is-active his-agent.service", "restart his-agent.service"];
