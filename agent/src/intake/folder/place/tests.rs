//! Moves, told by what lies where afterwards; and what a crash between two of them leaves.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use tempfile::TempDir;

use super::*;
use crate::config::Config;

#[test]
fn a_file_goes_its_way() {
    let (home, place, config) = open("");
    drop_in(&home, "a.xml", "1");
    let claim = in_hand(&place, "a.xml", &config);
    check(&home, "working/ID/a.xml");
    place.answer(&claim, true, b"yes").unwrap();
    place.archive(&claim, &config).unwrap();
    check(&home, "answers/a.xml.ok archive/DAY/a.xml");

    // The same name once more, refused this time: nothing of the first is written over but its answer.
    drop_in(&home, "a.xml", "2");
    let claim = in_hand(&place, "a.xml", &config);
    place.answer(&claim, false, b"no").unwrap();
    place.fail(&claim, "why", &config).unwrap();
    check(&home, "answers/a.xml.err archive/DAY/a.xml failed/a.xml failed/a.xml.err");
    drop_in(&home, "a.xml", "3");
    let claim = in_hand(&place, "a.xml", &config);
    place.archive(&claim, &config).unwrap();
    check(
        &home,
        "answers/a.xml.err archive/DAY/a.xml archive/DAY/a.xml.ID failed/a.xml failed/a.xml.err",
    );
    let again = place.claim(OsStr::new("a.xml"), &config).unwrap();
    assert!(matches!(again, Claimed::Vanished), "{again:?}");
    assert!(place.claims(&config).unwrap().is_empty());
}

#[test]
fn what_a_crash_leaves_is_found() {
    let (home, place, config) = open("ready = \"mark\"");
    // Between mark and file.
    let working = home.path().join("working").join("0".repeat(32));
    fs::create_dir(&working).unwrap();
    fs::write(working.join("a.xml.ok"), "").unwrap();
    drop_in(&home, "a.xml", "1");
    // Before anything was moved, and after everything was.
    fs::create_dir(home.path().join("working").join("1".repeat(32))).unwrap();
    let claims = place.claims(&config).unwrap();
    assert_eq!(claims.len(), 1);
    check(&home, "working/ID/a.xml working/ID/a.xml.ok");
    place.archive(&claims[0], &config).unwrap();
    check(&home, "archive/DAY/a.xml");

    drop_in(&home, "b.xml", "1");
    drop_in(&home, "b.xml.ok", "");
    in_hand(&place, "b.xml", &config);
    assert_eq!(place.claims(&config).unwrap()[0].name, "b.xml");
}

#[test]
fn a_folder_has_one_agent_and_is_what_it_seems() {
    let (home, place, _) = open("");
    let second = Place::open(home.path()).unwrap_err();
    assert_eq!(second.code, "I192");
    drop(place);
    // A child that another test is just starting has the lock too, until it is another program.
    let begun = std::time::Instant::now();
    while Place::open(home.path()).is_err() {
        assert!(begun.elapsed().as_secs() < 10, "it is free again");
        std::thread::sleep(Duration::from_millis(20));
    }
    let nowhere = Place::open(&home.path().join("nowhere")).unwrap_err();
    assert_eq!(nowhere.code, "I191");
    fs::remove_dir(home.path().join("archive")).unwrap();
    std::os::unix::fs::symlink(home.path().join("failed"), home.path().join("archive")).unwrap();
    assert_eq!(Place::open(home.path()).unwrap_err().reason, "`archive` in it is no folder");
}

#[test]
fn a_link_in_hand_is_not_followed() {
    let (home, place, config) = open("");
    drop_in(&home, "secret", "x");
    std::os::unix::fs::symlink(home.path().join("secret"), home.path().join("a.xml")).unwrap();
    let claim = in_hand(&place, "a.xml", &config);
    assert_eq!(claim.open().unwrap_err(), "I193");
}

#[test]
fn old_days_go_and_the_refused_stay() {
    let (home, place, _) = open("");
    for day in ["2001-01-01", "9999-01-01", "notes"] {
        fs::create_dir(home.path().join("archive").join(day)).unwrap();
        drop_in(&home, &format!("archive/{day}/a"), "1");
    }
    drop_in(&home, "failed/old", "1");
    drop_in(&home, "answers/old.ok", "1");
    let old = File::open(home.path().join("answers/old.ok")).unwrap();
    old.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    place.let_go(30).unwrap();
    check(&home, "archive/9999-01-01/a archive/notes/a failed/old");
}

#[test]
fn a_long_name_is_answered_by_its_id() {
    let (home, place, config) = open("");
    let name = "n".repeat(250);
    drop_in(&home, &name, "1");
    let claim = in_hand(&place, &name, &config);
    place.answer(&claim, false, b"").unwrap();
    place.fail(&claim, "", &config).unwrap();
    assert_eq!(fs::read_dir(home.path().join("failed")).unwrap().count(), 2);
}

/// Another program has it open, or it is another's in a folder where only owners move: the folder is well.
#[test]
fn one_file_that_cannot_be_moved_is_no_error_of_the_folder() {
    let (home, _, _) = open("");
    let told = |error: i32| held_or(Err(io::Error::from_raw_os_error(error)), home.path());
    for error in [libc::EBUSY, libc::ETXTBSY, libc::EACCES, libc::EPERM] {
        assert_eq!(told(error).unwrap(), None, "{error}");
    }
    for error in [libc::EROFS, libc::ESTALE, libc::EIO, libc::ENOSPC] {
        told(error).unwrap_err();
    }
    let denied = Err(io::Error::from_raw_os_error(libc::EACCES));
    held_or(denied, &home.path().join("nowhere")).unwrap_err();
}

fn open(lines: &str) -> (TempDir, Place, FolderConfig) {
    let home = tempfile::tempdir().unwrap();
    let place = Place::open(home.path()).unwrap();
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"x\"\n[[channel]]\nname = \"a\"\n[channel.folder]\ndir = \"/in\"\n{lines}\n"
    );
    let config = Config::parse("agent.toml", &text).unwrap();
    let config = config.channels[0].folder.clone().unwrap();
    (home, place, config)
}

#[track_caller]
fn in_hand(place: &Place, name: &str, config: &FolderConfig) -> Claim {
    match place.claim(OsStr::new(name), config).unwrap() {
        Claimed::InHand(claim) => claim,
        other => panic!("{other:?}"),
    }
}

fn drop_in(home: &TempDir, name: &str, text: &str) {
    fs::write(home.path().join(name), text).unwrap();
}

/// Every file below, with ids and today written as words.
#[track_caller]
fn check(home: &TempDir, expected: &str) {
    let mut found = Vec::new();
    walk(home.path(), home.path(), &mut found);
    found.sort();
    assert_eq!(found.join(" "), expected);
}

fn walk(home: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(home, &path, found);
            continue;
        }
        let name = path.strip_prefix(home).unwrap().to_str().unwrap();
        let today = clock::now().date().to_string();
        let is_id = |it: &&str| it.len() == ID_LEN && it.bytes().all(|it| it.is_ascii_hexdigit());
        let id = name.split(['/', '.']).find(is_id).unwrap_or("-no-").to_owned();
        if !name.ends_with(LOCK) {
            found.push(name.replace(&id, "ID").replace(&today, "DAY"));
        }
    }
}
