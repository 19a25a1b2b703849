//! A store whose folder is a disk of its own is made anew on it.

use super::doctor::{lived_in, names};
use super::*;
use crate::mount_point::tests::Disk;
use crate::outbox::doctor;

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
    for round in 1..=2 {
        fs::remove_file(house.folder.join("CURRENT")).unwrap();
        house.start();
        assert_eq!(house.outbox().depth(), depth);
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
        house.start();
        assert_eq!(house.outbox().depth(), depth, "{gone} of the old ones had gone");
        house.close();
        assert!(!folder.join("salvaged").exists() && !folder.join("salvaged.old").exists());
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
