//! The tar.gz and its `install.sh`, for systems whose package tool is of no use.

use super::*;

#[test]
fn a_tar_leaves_what_it_should_and_keeps_what_is_not_its_own() {
    let (made, root) = (Packages::made(), CleanRoot::new());
    let [old, new] = [OLD, NEW].map(|version| unpack(&root, &made.tar(version)));
    let run = |folder: &str, arguments: &[&str]| {
        root.run(&[&[format!("{folder}/install.sh").as_str()], arguments].concat())
    };

    let told = run(&old, &[]);
    succeeded(&told);
    check_installed(&root);
    assert!(told.stderr.contains("还没有启动"), "{}", told.stderr);
    assert_eq!(root.asked_of_systemd(), ["daemon-reload"], "it starts when it is told to");
    let (edited, key) = (edit_config(&root), root.read(KEY));
    root.write("/var/lib/his-agent/of-a-patient", "kept");
    // What only the old version has goes with it.
    let list = "/usr/share/his-agent/installed-files";
    root.write(list, &format!("{}usr/share/his-agent/of-before\n", root.read(list)));
    root.write("/usr/share/his-agent/of-before", "");

    succeeded(&run(&new, &[]));
    check_installed(&root);
    assert!(root.asked_of_systemd().contains(&"restart his-agent.service".to_owned()));
    assert_eq!((root.read(CONFIG), root.read(KEY)), (edited.clone(), key));
    check_kept(&root, &["/usr/share/his-agent/of-before"], &[&format!("{CONFIG}.new")]);

    succeeded(&run(&new, &["--remove"]));
    check_kept(
        &root,
        &["/usr/bin/his-agent", "/usr/share/his-agent", "/usr/share/doc/his-agent"],
        &[CONFIG, KEY],
    );
    assert_eq!(root.read(CONFIG), edited);
    assert_eq!(run(&new, &["--remove"]).code, Some(69), "there is nothing to remove");

    succeeded(&run(&old, &[]));
    succeeded(&run(&old, &["--purge"]));
    check_kept(&root, &[CONFIG, "/var/log/his-agent"], &[KEY, "/var/lib/his-agent/of-a-patient"]);
}

#[test]
fn a_damaged_or_second_installation_is_refused_untouched() {
    let (made, root) = (Packages::made(), CleanRoot::new());
    let folder = unpack(&root, &made.tar(OLD));
    let install = format!("{folder}/install.sh");
    let inside = format!("{folder}/files/usr/share/doc/his-agent/packaging/CHANGELOG.md");
    let good = root.read(&inside);
    root.write(&inside, &good.replacen('a', "b", 1));
    let told = root.run(&[&install]);
    assert_eq!(told.code, Some(65), "{}", told.stderr);
    assert!(told.stderr.contains("CHANGELOG.md") && told.stderr.contains("什么都没有改动"));
    check_kept(&root, &["/usr/bin/his-agent", "/etc/his-agent"], &[]);

    root.write(&inside, &good);
    succeeded(&root.run(&["dpkg", "--install", &root.bring(&made.deb(OLD))]));
    let told = root.run(&[&install]);
    assert_eq!(told.code, Some(69), "{}", told.stderr);
}

/// Unpacks it inside, and says where.
fn unpack(root: &CleanRoot, tar: &Path) -> String {
    let file = root.bring(tar);
    succeeded(&root.run(&["tar", "-xzf", &file, "-C", "/opt"]));
    let name = Path::new(&file).file_name().and_then(|it| it.to_str()).expect("a name");
    format!("/opt/{}", name.trim_end_matches(".tar.gz"))
}
