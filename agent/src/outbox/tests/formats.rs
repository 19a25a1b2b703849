//! Stores as releases have left them, made by those releases: format 1 in the clear, format 2 sealed, format 3
//! with business keys hidden. Each is read by the doctor, opened, gone on with, and read again: nothing that was in it
//! may have changed. Those *at work* were killed with records that wait, dead letters and what is parked,
//! some of it in tables and some in the log.
//!
//! `told.txt` beside a store holds what it must come to; `HIS_AGENT_UPDATE=1` writes it anew.

use super::*;
use crate::outbox::doctor;

#[test]
fn format_1() {
    check("format-1");
}

#[test]
fn format_2() {
    check("format-2");
}

#[test]
fn format_1_at_work() {
    check("format-1-at-work");
}

#[test]
fn format_2_at_work() {
    check("format-2-at-work");
}

#[test]
fn format_3_at_work() {
    check("format-3-at-work");
}

/// One release on and back again: what the newer one has added is kept and harms nothing.
#[test]
fn what_a_newer_release_has_added_is_kept() {
    let kept = kept("format-2-at-work");
    let dir = tempfile::tempdir().unwrap();
    let folder = laid_out(&kept, dir.path());
    let before = told(&folder);
    // So that the log is in tables: another program may log otherwise.
    drop(Outbox::open(&folder, &Options::default()).unwrap());
    store::add_later_family(&folder);
    assert_eq!(told(&folder), before, "read by the doctor");
    let (outbox, handle) = Outbox::open(&folder, &Options::default()).unwrap();
    assert_eq!(outbox.oldest(0, usize::MAX, usize::MAX).unwrap().len() as u64, outbox.depth());
    drop((outbox, handle));
    assert_eq!(told(&folder), before, "opened and closed by the older one");
    assert!(store::has_later_family(&folder), "the newer one's is gone");
}

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/outbox/tests/fixtures").join(name)
}

/// A store and its key as they lie in a house.
fn laid_out(kept: &Path, dir: &Path) -> PathBuf {
    let folder = dir.join("outbox");
    copy_folder(&kept.join("outbox"), &folder);
    if let Ok(key) = fs::read(kept.join("store.key")) {
        fs::write(dir.join("store.key"), key).unwrap();
    }
    folder
}

#[track_caller]
fn check(name: &str) {
    let kept = kept(name);
    let dir = tempfile::tempdir().unwrap();
    let folder = laid_out(&kept, dir.path());
    let before = told(&folder);
    if std::env::var_os("HIS_AGENT_UPDATE").is_some() {
        fs::write(kept.join("told.txt"), &before).unwrap();
    }
    assert_eq!(before, fs::read_to_string(kept.join("told.txt")).unwrap(), "{name}");

    let waiting = doctor::examine(&folder, &KeySource::Beside).unwrap().waiting;
    let (outbox, handle) = Outbox::open(&folder, &Options::default()).unwrap();
    assert_eq!(outbox.depth(), waiting, "{name}");
    let found = outbox.oldest(0, usize::MAX, usize::MAX).unwrap();
    assert_eq!(found.len() as u64, waiting, "{name}");
    let store = outbox.shared.store().unwrap();
    let format = store.get(Family::Meta, FORMAT).unwrap().unwrap();
    let expected = if name.starts_with("format-3") { 3 } else { 2 };
    assert_eq!(format, format::numbers([expected]), "{name}: an older program refuses it");
    drop(store);
    while outbox.reseal_some().unwrap() {}
    drop((outbox, handle));
    assert_eq!(told(&folder), before, "{name}: opened, sealed anew and closed");
    names::check_both_ways(&folder, || told(&folder) == before);

    doctor::salvage(&folder, &Options::default()).unwrap();
    assert_eq!(told(&folder), before, "{name}: salvaged");
}

/// Counts, and a hash of everything that can be read.
fn told(folder: &Path) -> String {
    let mut out = Vec::new();
    let found = doctor::export(folder, &KeySource::Beside, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let hash = Sha256::digest(lines.join("\n"));
    let hash = hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!(
        "sound {}, next {}, cursor {}, waiting {}, delivered {}, letters {}, parked {}, keys {}\n{hash}\n",
        found.is_sound(),
        found.next_seq,
        found.cursor,
        found.waiting,
        found.delivered,
        found.dead_letters.readable,
        found.parked.readable,
        found.remembered.readable,
    )
}
