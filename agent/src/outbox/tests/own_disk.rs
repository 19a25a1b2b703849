//! A store whose folder is a disk of its own is made anew on it.

use std::os::unix::fs::{MetadataExt as _, chown};

use super::doctor::{lived_in, names};
use super::*;
use crate::mount_point::tests::Disk;
use crate::outbox::doctor::{self, faults};

#[test]
fn a_damaged_store_on_its_own_disk_is_made_anew_there() {
    let mut house = lived_in();
    let depth = house.outbox().depth();
    house.close();
    let kept = house.dir.path().join("kept");
    copy_folder(&house.folder, &kept);
    let disk = Disk::of("1g", &house.folder);
    fs::create_dir(house.folder.join("lost+found")).unwrap();
    move_in(&kept, &house.folder);
    let held = |folder: &Path| fs::metadata(folder.join("LOCK")).unwrap().ino();
    let lock = held(&house.folder);
    for round in 1..=2 {
        fs::remove_file(house.folder.join("CURRENT")).unwrap();
        house.start();
        assert_eq!(house.outbox().depth(), depth);
        assert_eq!(held(&house.folder), lock, "the file that was locked meanwhile");
        house.close();
        let found = names(&house.folder);
        let damaged = found.iter().filter(|it| it.starts_with("damaged-")).count();
        assert_eq!(damaged, 2 * round, "each with its list of what is lost: {found:?}");
        assert!(!found.iter().any(|it| it.starts_with("salvag")), "{found:?}");
    }
    let beside = names(house.dir.path());
    assert!(!beside.iter().any(|it| it.starts_with("0.")), "{beside:?}");
    drop(disk);
}

/// A crash may come before any of the old files has gone, and before any of the new ones has come.
#[test]
fn an_exchange_is_finished_wherever_it_was_cut_off() {
    let mut house = lived_in();
    let depth = house.outbox().depth();
    house.close();
    let (old, new) = (house.dir.path().join("old"), house.dir.path().join("new"));
    copy_folder(&house.folder, &old);
    doctor::salvage(&house.folder, &house.options).unwrap();
    copy_folder(&house.folder, &new);
    let count = |folder: &Path| names(folder).len();
    for gone in 0..=count(&old) {
        let folder = house.new_folder();
        fs::create_dir(folder.join("salvaged.old")).unwrap();
        copy_some(&old, |place| if place < gone { "salvaged.old" } else { "" }, &folder);
        fs::create_dir(folder.join("salvaged")).unwrap();
        copy_some(&new, |_| "salvaged", &folder);
        for listed in ["damaged-1", "damaged-2"] {
            fs::write(folder.join(format!("{listed}.losses.ndjson")), "{}\n").unwrap();
        }
        house.start();
        assert_eq!(house.outbox().depth(), depth, "{gone} of the old ones had gone");
        house.close();
        assert!(!folder.join("salvaged").exists() && !folder.join("salvaged.old").exists());
        assert!(folder.join("damaged-2/CURRENT").exists(), "beside the list of what it had lost");
    }
    for come in 0..count(&new) {
        let folder = house.new_folder();
        fs::create_dir(folder.join("salvaged")).unwrap();
        copy_some(&new, |place| if place < come { "" } else { "salvaged" }, &folder);
        house.start();
        assert_eq!(house.outbox().depth(), depth, "{come} of the new ones had come");
        house.close();
    }
}

/// What is there in the middle of it is no store: an empty one in its place would give out numbers twice.
#[test]
fn a_disk_that_fills_up_during_the_exchange_loses_nothing() {
    let mut house = lived_in();
    let depth = house.outbox().depth();
    house.close();
    let kept = house.folder.clone();
    for (is_own_disk, halves_min) in [(true, 10), (false, 1)] {
        let mut halves = 0;
        for left in 0.. {
            marked_copy(&kept, &house.new_folder(), is_own_disk);
            let opened = faults::with_renames(left, || Outbox::open(&house.folder, &house.options));
            for place in [house.folder.join("salvaging"), house.folder.with_extension("salvaging")]
            {
                assert!(!place.exists(), "a copy that takes room for nothing");
            }
            let ready = house.folder.with_extension("salvaged");
            assert!(opened.is_err() || !ready.exists(), "it would take the store's place one day");
            let is_done = left > 0 && opened.is_ok();
            if let Err(error) = opened.map(|it| house.open = Some(it)) {
                assert!(error.is_full(), "{error}");
                let is_half = doctor::is_half(&house.folder);
                let is_kept = !is_own_disk || house.folder.join("reserve").exists();
                assert!(is_kept || !is_half, "the disk that is full now is helped from it");
                halves += u32::from(is_half);
                house.start();
            }
            assert_eq!(house.outbox().depth(), depth, "{left} renames were made");
            house.close();
            if is_done && halves >= halves_min {
                break;
            }
            assert!(left < 100, "{halves} times it was cut off in the middle");
        }
    }
}

#[test]
fn half_a_store_is_not_told_as_lost() {
    let mut house = lived_in();
    house.close();
    let kept = house.folder.clone();
    marked_copy(&kept, &house.new_folder(), true);
    let (folder, options) = (&house.folder, &house.options);
    faults::with_renames(5, || doctor::salvage(folder, options)).unwrap_err();
    let read = doctor::examine(folder, &options.key).map(drop);
    let written = doctor::export(folder, &options.key, &mut Vec::new()).map(drop);
    for told in [read, written] {
        let told = told.unwrap_err().to_string();
        assert!(told.contains("a salvage was cut off: start the agent"), "{told}");
    }
    doctor::salvage(folder, options).unwrap();
    assert!(doctor::examine(folder, &options.key).unwrap().is_sound());
}

/// A salvage by root that is cut off is finished by the daemon.
#[test]
fn what_root_makes_in_the_store_is_the_daemons() {
    const DAEMON: u32 = 54_321;
    let mut house = lived_in();
    house.close();
    let kept = house.folder.clone();
    marked_copy(&kept, &house.new_folder(), true);
    let folder = &house.folder;
    fs::remove_file(folder.join("LOCK")).unwrap();
    for path in below(folder) {
        chown(path, Some(DAEMON), Some(DAEMON)).expect("the tests run as root");
    }
    faults::with_renames(5, || doctor::salvage(folder, &house.options)).unwrap_err();
    assert!(folder.join("salvaged.old").exists() && folder.join("LOCK").exists());
    let of_others: Vec<PathBuf> =
        below(folder).into_iter().filter(|it| fs::metadata(it).unwrap().uid() != DAEMON).collect();
    assert!(of_others.is_empty(), "{of_others:?}");
}

/// A store that has ended a run for damage.
fn marked_copy(from: &Path, to: &Path, is_own_disk: bool) {
    move_in(from, to);
    if is_own_disk {
        fs::create_dir(to.join("lost+found")).unwrap();
        fs::write(to.join("reserve"), "room").unwrap();
    }
    doctor::mark(to, "a block is damaged");
}

/// The folder and all that is in it.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(below(&path)) } else { found.push(path) }
    }
    found
}

impl House {
    fn new_folder(&mut self) -> PathBuf {
        self.generation += 1;
        self.folder = self.dir.path().join(self.generation.to_string());
        fs::create_dir(&self.folder).unwrap();
        self.folder.clone()
    }
}

/// `CURRENT` first among the old ones, as they go, and last among the new ones.
fn copy_some(from: &Path, place: impl Fn(usize) -> &'static str, to: &Path) {
    let mut files = names(from);
    let is_new = place(usize::MAX) == "salvaged";
    files.sort_by_key(|it| (it == "CURRENT") == is_new);
    for (at, name) in files.iter().enumerate() {
        fs::copy(from.join(name), to.join(place(at)).join(name)).unwrap();
    }
}

fn move_in(from: &Path, to: &Path) {
    for name in names(from) {
        fs::copy(from.join(&name), to.join(name)).unwrap();
    }
}
