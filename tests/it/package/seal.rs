//! Checksums, signature and bill of materials; and that a package with one other byte is refused.

use super::*;

#[test]
fn what_is_not_as_it_was_signed_is_refused() {
    let made = Packages::made();
    let folder = tempfile::tempdir().expect("room for packages");
    let copy = |name: &Path| {
        let to = folder.path().join(name.file_name().expect("a file"));
        fs::copy(name, &to).expect("room for a package");
        to
    };
    let sums = copy(&made.one(OLD, "SHA256SUMS"));
    let signature = copy(&made.one(OLD, "SHA256SUMS.sig"));
    let verify = copy(&made.one(OLD, "verify.sh"));
    let deb = copy(&made.deb(OLD));
    let verified = |key: &Path| ran(Command::new(&verify).arg(key));
    let key = made.signing_key().with_extension("pem");

    let told = verified(&key);
    succeeded(&told);
    assert!(told.stdout.contains("_amd64.deb 完好"), "one package is enough: {}", told.stdout);

    let stranger = folder.path().join("stranger.key");
    new_key(&stranger);
    let refused = |told: Ran, why: &str| {
        assert_eq!(told.code, Some(65), "{}{}", told.stdout, told.stderr);
        assert!(told.stderr.contains(why), "{}", told.stderr);
    };
    refused(verified(&stranger.with_extension("pem")), "签名不符");
    for offset in [8, 200, 5_000, 2_000_000] {
        flip(&deb, offset);
        refused(verified(&key), "已损坏或被改过");
        flip(&deb, offset);
    }
    flip(&sums, 10);
    refused(verified(&key), "签名不符");
    flip(&sums, 10);
    fs::remove_file(signature).expect("a file of ours");
    refused(verified(&key), "没有签名");
    assert_eq!(verified(&folder.path().join("none.pem")).code, Some(64));
}

/// Without anybody verifying anything: the tools themselves refuse a payload with a bad sector.
///
/// One other bit would not do: a deflated file says the same thing in more than one way (within zeros
/// it does not matter from how far back they are copied), so about one bit in four thousand changes
/// nothing of what is unpacked, and nothing is there to refuse.
#[test]
fn the_tools_refuse_a_damaged_package() {
    let (made, root) = (Packages::made(), CleanRoot::new());
    let folder = tempfile::tempdir().expect("room for packages");
    let damaged = |file: PathBuf| {
        let to = folder.path().join(file.file_name().expect("a file"));
        fs::copy(&file, &to).expect("room for a package");
        spoil_a_sector(&to);
        to
    };
    let told = root.run(&["dpkg", "--install", &root.bring(&damaged(made.deb(OLD)))]);
    assert_ne!(told.code, Some(0), "dpkg took a damaged package");
    assert_eq!(root.owner_and_mode(KEY), "absent");

    let told = ran(Command::new("rpm").arg("-K").arg(damaged(made.rpm(OLD))));
    assert_ne!(told.code, Some(0), "rpm took a damaged package: {}", told.stdout);
    let told = ran(Command::new("gzip").arg("-t").arg(damaged(made.tar(OLD))));
    assert_ne!(told.code, Some(0), "gzip took a damaged package");
}

#[test]
fn the_bill_of_materials_names_what_is_linked_and_no_machine() {
    let text = fs::read_to_string(Packages::made().one(OLD, "his-agent-0.9.0.sbom.cdx.json"));
    let text = text.expect("it lies beside the packages");
    let sbom: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&sbom["bomFormat"], &sbom["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    for wanted in ["rustls", "lapin", "rocksdb", "zstd", "lz4", "aws-lc", "jemalloc"] {
        assert!(text.contains(&format!("\"name\": \"{wanted}\"")), "{wanted} is not in it");
    }
    let components = sbom["components"].as_array().expect("a list");
    for it in components.iter().filter(|it| !it["purl"].is_null()) {
        assert!(it["hashes"][0]["content"].as_str().is_some_and(|it| it.len() == 64), "{it}");
    }
    assert!(components.iter().all(|it| it["licenses"][0]["expression"] != "NOASSERTION"));
    assert!(!text.contains("tempfile"), "what only the tests need is not shipped");
    let here = checkout().to_str().expect("a path that is text");
    assert!(!text.contains(here), "it names the machine it was made on");
}

/// Turns one bit of a file.
fn flip(file: &Path, offset: u64) {
    let mut bytes = fs::read(file).expect("a file of ours");
    let place = usize::try_from(offset).expect("within memory");
    *bytes.get_mut(place).expect("an offset within the file") ^= 0x10;
    fs::write(file, bytes).expect("room for a file");
}

/// Inverts the 512 bytes in the middle of a file.
fn spoil_a_sector(file: &Path) {
    let mut bytes = fs::read(file).expect("a file of ours");
    let middle = bytes.len() / 2;
    let sector = bytes.get_mut(middle..middle + 512).expect("a package is larger than a sector");
    for byte in sector {
        *byte = !*byte;
    }
    fs::write(file, bytes).expect("room for a file");
}
