//! What the binary asks of the system it starts on.

use super::*;

/// Libraries by name, and the newest version of glibc and of the C++ library that a symbol needs.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    libraries: BTreeSet<String>,
    glibc: (u32, u32),
    has_cxx: bool,
}

impl Asked {
    fn by(binary: &Path) -> Asked {
        let dynamic = readelf(&["-dW"], binary);
        let needed = dynamic.lines().filter(|it| it.contains("(NEEDED)"));
        let libraries = needed.filter_map(|it| Some(it.split_once('[')?.1.split_once(']')?.0));
        let versions = readelf(&["-VW"], binary);
        let glibc = versions.split("GLIBC_").skip(1).filter_map(version).max();
        Asked {
            libraries: libraries.map(str::to_owned).collect(),
            glibc: glibc.expect("it is linked to a glibc"),
            has_cxx: versions.contains("GLIBCXX_") || versions.contains("CXXABI_"),
        }
    }

    /// What keeps it from starting on CentOS 7; nothing if all is well.
    fn too_much(&self) -> Vec<String> {
        let foreign = self.libraries.iter().filter(|it| !OF_GLIBC.contains(&it.as_str()));
        let mut found: Vec<String> = foreign.cloned().collect();
        let (major, minor) = self.glibc;
        found.extend((self.glibc > (2, 17)).then(|| format!("GLIBC_{major}.{minor}")));
        found.extend(self.has_cxx.then(|| "GLIBCXX".to_owned()));
        found
    }
}

/// A binary of this machine asks for more than CentOS 7 has: the test below can fail.
#[test]
fn an_ordinary_binary_is_known_for_one() {
    let found = Asked::by(&binary()).too_much();
    assert!(found.contains(&"libstdc++.so.6".to_owned()), "{found:?}");
    assert!(found.iter().any(|it| it.starts_with("GLIBC_2.")), "{found:?}");
    assert!(found.contains(&"GLIBCXX".to_owned()), "{found:?}");
}

#[test]
fn the_shipped_binary_asks_for_glibc_2_17_and_nothing_else() {
    if !is_long() {
        return; // the shipped one is made by `make package`, which `make prove` does first
    }
    let target = binary();
    let target = target.parent().and_then(Path::parent).expect("target/PROFILE/his-agent");
    let shipped = target.join("portable/his-agent");
    assert_eq!(Asked::by(&shipped).too_much(), Vec::<String>::new());

    let deb = fs::read_dir(target.join("package")).expect("`make package` was run");
    let deb = deb
        .filter_map(|it| Some(it.ok()?.path()))
        .find(|it| it.extension().is_some_and(|it| it == "deb"));
    let deb = deb.expect("a deb");
    let root = CleanRoot::new();
    succeeded(&root.run(&["dpkg", "--install", &root.bring(&deb)]));
    check_installed(&root);
    check_first_message(&root);
    let megabytes = |file: &Path| fs::metadata(file).expect("a file").len() / 1_000_000;
    let binary = megabytes(&root.path("/usr/bin/his-agent"));
    println!("the shipped binary has {binary} MB, its deb {} MB", megabytes(&deb));
    assert!(binary < 30 && megabytes(&deb) < 40, "{binary} MB");
}

/// `2.17` at the start of a text.
fn version(text: &str) -> Option<(u32, u32)> {
    let digits = text.split(|it: char| !it.is_ascii_digit() && it != '.').next()?;
    let mut numbers = digits.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn readelf(arguments: &[&str], binary: &Path) -> String {
    let told = ran(Command::new("readelf").args(arguments).arg(binary));
    succeeded(&told);
    told.stdout
}

/// The parts of glibc itself, one library since 2.34.
const OF_GLIBC: [&str; 6] = [
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
];
