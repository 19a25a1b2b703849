//! A store whose folder is a disk of its own, mounted there.

use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt as _, chown};

use super::*;

/// A house that has burnt down with one record in it: its new disk, its backup and its key.
async fn burnt() -> (House, Disk, Made, MasterKey) {
    let mut house = House::new();
    house.append(&["a"]).await;
    let (made, master) = (house.create(None).unwrap(), house.master());
    house.burn();
    let disk = mounted(&house);
    (house, disk, made, master)
}

/// What a restore brings into the store, in its order: the file that makes it one comes last.
fn names_of(store: &Path) -> Vec<OsString> {
    let found = fs::read_dir(store).unwrap().map(|it| it.unwrap().file_name());
    let mut names: Vec<_> = found.filter(|it| it != "lost+found" && it != "CURRENT").collect();
    names.push("CURRENT".into());
    names
}

/// As `mkfs` makes it, with its folder for what it finds.
fn mounted(house: &House) -> Disk {
    let store = house.home("old/outbox");
    fs::create_dir_all(&store).unwrap();
    let disk = Disk::of("8g", &store);
    fs::create_dir(store.join("lost+found")).unwrap();
    disk
}

#[tokio::test]
async fn a_store_on_its_own_disk_is_backed_up_and_brought_back_there() {
    let (mut house, disk, made, master) = burnt().await;
    let (home, store) = (house.home("old"), house.home("old/outbox"));
    // The folder above is the daemon's; the new disk is root's.
    chown(&home, Some(12_345), Some(12_346)).expect("the tests run as root");
    restore(&house.wish(&made, master.clone())).unwrap();
    let device = |it: &Path| fs::metadata(it).unwrap().dev();
    assert!(device(&store.join("CURRENT")) == device(&store) && device(&store) != device(&home));
    assert_eq!(fs::metadata(&store).unwrap().uid(), 12_345);
    assert_eq!(fs::metadata(store.join("CURRENT")).unwrap().uid(), 12_345);
    assert!(!store.join(".restoring").exists() && !home.join("outbox.restoring").exists());
    house.open();
    assert_eq!(house.outbox().status().waiting, 1);
    // What is copied out meanwhile lies on its disk too.
    fs::create_dir(store.join(".backup")).unwrap();
    house.create(None).unwrap();
    assert!(!store.join(".backup").exists() && !home.join("outbox.backup").exists());
    // Data is never covered.
    let told = restore(&house.wish(&made, master)).unwrap_err();
    assert_eq!(told.code(), "B105", "{told}");
    house.opened = None;
    drop(disk);
}

#[tokio::test]
async fn cut_off_at_any_file_it_is_no_store_and_is_begun_again() {
    let (mut house, disk, made, master) = burnt().await;
    let (home, store) = (house.home("old"), house.home("old/outbox"));
    restore(&house.wish(&made, master.clone())).unwrap();
    let mut names = names_of(&store);
    // So many files have come.
    for come in 0..names.len() {
        let growing = store.join(".restoring");
        fs::create_dir(&growing).unwrap();
        for name in &names[come..] {
            fs::rename(store.join(name), growing.join(name)).unwrap();
        }
        fs::write(home.join(".restoring"), mark(&house, &made)).unwrap();
        assert_eq!(refuse_unfinished(&store).unwrap_err().code(), "B112", "{come}");
        restore(&house.wish(&made, master.clone())).unwrap();
        assert!(refuse_unfinished(&store).is_ok() && !home.join(".restoring").exists());
        names = names_of(&store);
    }
    // All have come, and only the notes of it are missing.
    fs::create_dir(store.join(".restoring")).unwrap();
    fs::write(home.join(".restoring"), mark(&house, &made)).unwrap();
    assert!(refuse_unfinished(&store).is_ok() && !store.join(".restoring").exists());
    house.open();
    assert_eq!(house.outbox().status().waiting, 1);
    house.opened = None;
    drop(disk);
}
